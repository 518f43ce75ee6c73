"""An error as SQL Server reports it, and the results of statements, for the protocol to put into tokens."""
from __future__ import annotations

from dataclasses import dataclass, field


class SqlProblem(Exception):
    """An error: native number, severity (class), state, text; *also* are further errors that follow it (300 is followed by 297)."""

    def __init__(self, number, severity, state, message, also=()):
        super().__init__(message)
        self.number, self.severity, self.state, self.message, self.also = number, severity, state, message, also


def not_modelled(what):
    """The error for whatever the lab refuses; *what* completes "the lab does not model …"."""
    return SqlProblem(50000, 16, 1, f"the lab does not model {what}")


@dataclass
class Rows:
    """A result set: *columns* is name -> T-SQL type (or a list of such pairs), rows are lists of values as SQLite keeps them."""

    columns: dict | list
    rows: list = field(default_factory=list)

    def __post_init__(self):
        if isinstance(self.columns, dict):
            self.columns = list(self.columns.items())


@dataclass
class Count:
    """A statement is done; *rows* it changed, None when it counts none."""

    rows: int | None = None


@dataclass
class Message:
    """PRINT, or an error after which the batch goes on."""

    number: int
    severity: int
    state: int
    text: str


@dataclass
class Database:
    """The session is in another database now."""

    name: str
    before: str


@dataclass
class Returned:
    """A procedure has ended with this return code and these values of its OUTPUT parameters: name -> (type, value)."""

    code: int
    output: dict = field(default_factory=dict)
