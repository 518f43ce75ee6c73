"""Cmdlets of one simulated host, for one user: ``invoke`` binds and runs one, ``assign`` sets a property of a live object."""
from __future__ import annotations

from dataclasses import dataclass, field

from lab import bind
from lab.values import CmdletError, Err, Obj, Outcome, link, not_modelled

COMMANDS = {}                       # "Module\\Verb-Noun" -> Command
ASSIGNABLE = {}                     # (type name, property in lower case) -> (property, function(run, obj, value))


@dataclass(frozen=True)
class Command:
    """How the lab answers a cmdlet: what it does, whether it changes anything, where that is known from, what is assumed."""

    name: str
    function: object
    takes: frozenset                # the parameters that it heeds; a call with any other is refused
    changes: bool
    source: str
    assumed: str


@dataclass
class Run:
    """One invocation: who and where, what was bound, and the errors and warnings that do not end it."""

    backend: Backend
    command: str
    parameters: dict
    piped: object
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)

    @property
    def state(self):
        return self.backend.state

    @property
    def host(self):
        return self.backend.state.hosts[self.backend.host]

    def get(self, name, default=None):
        return self.parameters.get(name, default)

    def error(self, first, category, *chain, terminating=False):
        """A CmdletError of this cmdlet, to be raised or (its ``err``) added to ``errors``."""
        source = f",{bind.error_class(self.command)}" if "\\" in self.command else ""
        return CmdletError(Err(f"{first}{source}", category, list(chain), terminating))


def cmdlet(name, takes, source, changes=False, assumed=""):
    """Registers a function ``(run) -> list of objects`` as the lab's answer to a cmdlet; *takes*: the parameters that it heeds."""
    def register(function):
        COMMANDS[name] = Command(name, function, frozenset(takes.split()), changes, source, assumed)
        return function
    return register


def assignable(type_name, properties, source, assumed=""):
    """Registers a function ``(run, obj, property, value)`` that sets any of *properties* on objects of a type."""
    def register(function):
        known = Command(f"assigning properties of {type_name}", function, frozenset(properties), True, source, assumed)
        for name in properties:
            ASSIGNABLE[type_name, name.casefold()] = (name, known)
        return function
    return register


class Backend:
    """A host as *user* sees it. Without a user: the estate's first administrator. *network*: the account that other servers see, or None
    where the session has no credentials to hand on (NTLM)."""

    def __init__(self, state, host, user=None, network=None):
        self.state = state
        self.host = state.host_name(host)
        self.user = user or next(iter(state.users))
        self.network = network

    def has_module(self, module):
        return module.casefold() in {name.casefold() for name in self.state.hosts[self.host]["modules"]}

    def run(self, name):
        """An invocation of something that has no parameters to bind (a native program)."""
        return Run(self, name, {}, None)

    def invoke(self, command, parameters, piped=None):
        """Runs a cmdlet by its module-qualified name with named *parameters*; *piped* is one object or None."""
        self.state.advance()
        name = self._resolve(command)
        known = COMMANDS.get(name)
        self.state.record(self.host, self.user, name or command, parameters, known is not None and known.changes)
        if known is None:
            return _ended(not_modelled(command) if self._exists(command) else _no_command(command))
        run = Run(self, name, {}, piped)
        try:
            run.parameters = bind.bind(name, parameters, piped is not None)
            beyond = set(run.parameters) - known.takes - {"Force", "Cluster"} - ({"Confirm"} if run.get("Confirm") is False else set())
            if beyond:
                raise not_modelled(f"{name} -{' -'.join(sorted(beyond))}")
            objects = list(known.function(run))
        except CmdletError as error:
            return Outcome([], run.errors + [error.err], run.warnings)
        if known.changes:
            self.state.save()
        return Outcome(objects, run.errors, run.warnings)

    def assign(self, obj, name, value):
        """Sets a property of a live object, as ``$object.name = value`` does."""
        wanted = {known.casefold(): known for known in obj.properties}.get(name.casefold()) if isinstance(obj, Obj) else None
        self.state.record(self.host, self.user, f"set {name}", {"object": obj, "value": value}, True)
        if wanted is None:
            return _ended(CmdletError(Err("PropertyAssignmentException", "InvalidOperation", [link(
                "System.Management.Automation.RuntimeException",
                f"The property '{name}' cannot be found on this object. Verify that the property exists and can be set.", 2148734209)], True)))
        known = ASSIGNABLE.get((obj.type, wanted.casefold()))
        if known is None:
            return _ended(not_modelled(f"assigning {wanted} of {obj.type}"))
        run = Run(self, known[1].name, {}, None)
        try:
            known[1].function(run, obj, known[0], value)
        except CmdletError as error:        # a setter that throws: PowerShell keeps the cause and gives it an id of its own
            return _ended(CmdletError(Err("ExceptionWhenSetting", "NotSpecified", error.err.chain, True)))
        self.state.save()
        return Outcome([], run.errors, run.warnings)

    def _resolve(self, command):
        return next((name for name in COMMANDS if name.casefold() == command.casefold() and self._exists(name)), None)

    def _exists(self, command):
        return self.has_module(command.split("\\")[0])


def _no_command(command):
    return CmdletError(Err("CommandNotFoundException", "ObjectNotFound", [link(
        "System.Management.Automation.CommandNotFoundException",
        f"The term '{command}' is not recognized as the name of a cmdlet, function, script file, or operable program.", 2148734209)], True))


def _ended(error):
    return Outcome([], [error.err], [])


# the cmdlets register themselves
import lab.cmdlets  # noqa: E402,F401  # pylint: disable=unused-import
