"""What cmdlets answer: objects with typed values, and errors as chains of exceptions."""
from __future__ import annotations

from dataclasses import dataclass, field

E_FAIL = 2147500037                 # Win32Exception.HResult whatever its native code
COR_E_EXCEPTION = 2148734208        # 0x80131500


@dataclass(frozen=True)
class Enum:
    type: str
    number: int
    name: str


@dataclass(frozen=True)
class Instant:
    iso: str                        # UTC, seven digits, Z


@dataclass(frozen=True)
class Duration:
    seconds: float


@dataclass(frozen=True)
class Local:
    """A DateTime of no zone, as a parameter."""

    iso: str                        # no zone


@dataclass(frozen=True)
class Secret:
    """A SecureString, as a parameter; it does not print itself."""

    text: str

    def __repr__(self):
        return "***"


@dataclass(frozen=True)
class Credential:
    user: str
    password: Secret


@dataclass
class Err:
    """An error record. *chain* runs from the outermost exception to the innermost: type, hresult, native, message."""

    fqid: str
    category: str
    chain: list
    terminating: bool = False

    def wire(self):
        return {"fqid": self.fqid, "category": self.category, "terminating": self.terminating, "chain": self.chain}


@dataclass(frozen=True)
class Unreadable:
    """A property whose getter throws."""

    err: Err


@dataclass
class Obj:
    """A live object. *id* names it in later calls; *properties* holds values, lists, other objects."""

    type: str
    id: str
    properties: dict


@dataclass
class Outcome:
    objects: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


class CmdletError(Exception):
    """Ends a cmdlet with an error record."""

    def __init__(self, err):
        super().__init__(err.fqid)
        self.err = err


def link(type_name, message, hresult=COR_E_EXCEPTION, native=None):
    """One exception of a chain."""
    return {"type": type_name, "hresult": hresult, "native": native, "message": message}


def win32(number, message):
    return link("System.ComponentModel.Win32Exception", message, E_FAIL, number)


def not_modelled(what):
    """The lab's loudest answer: nothing of Windows is claimed."""
    return CmdletError(Err(f"LabDoesNotModel,{what}", "NotImplemented",
                           [link("LabDoesNotModelException", f"The lab does not model {what}.")], terminating=True))
