"""Parameter binding by the cmdlet catalogue, and the typed objects that its object pages describe (lab/catalogue.json)."""
from __future__ import annotations

import functools
import json
from pathlib import Path

from lab.values import CmdletError, Enum, Err, Instant, Obj, link

CLASS_NAMES = {  # the class in an error id is not made from the noun: real/cluster errors, field-truths 114
    "Get-ClusterNode": "GetNodeCommand", "Get-ClusterResource": "GetResourceCommand", "Get-ClusterParameter": "GetParameterCommand",
}
NAMESPACES = {
    "FailoverClusters": "Microsoft.FailoverClusters.PowerShell.", "Microsoft.PowerShell.Management": "Microsoft.PowerShell.Commands.",
    "Microsoft.PowerShell.Security": "Microsoft.PowerShell.Commands.", "CimCmdlets": "Microsoft.Management.Infrastructure.CimCmdlets.",
}
INTEGERS = {"uint32": (0, 2**32 - 1), "int32": (-2**31, 2**31 - 1), "uint64": (0, 2**64 - 1), "int64": (-2**63, 2**63 - 1)}
COMMON = {"erroraction", "warningaction", "errorvariable", "warningvariable", "verbose", "debug", "outvariable", "outbuffer",
          "informationaction", "informationvariable", "pipelinevariable"}
OF_FILE_SYSTEM = {"Attributes", "Directory", "File", "Hidden", "ReadOnly", "System"}    # dynamic parameters: they are in every set
DEFAULTS = {"string": "", "boolean": False, "bool": False, "datetime": Instant("0001-01-01T00:00:00.0000000Z"), "object": None, "byte[]": b""}


@functools.cache
def catalogue():
    return json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))


def error_class(command):
    """The second half of an error id: the class of a compiled cmdlet, the name of a CDXML one."""
    module, name = command.split("\\")
    if module not in NAMESPACES:
        return name
    verb, noun = name.split("-")
    return NAMESPACES[module] + CLASS_NAMES.get(name, f"{verb}{noun}Command")


def bind(command, given, piped=False):
    """*given* with the parameters' own names and types. Raises CmdletError as PowerShell's binder would. *piped*: an object comes through the
    pipeline: the InputObject of a cmdlet that has one, or by its PSPath the LiteralPath."""
    page = catalogue()["cmdlets"][command]
    known = {name.casefold(): name for name in page["parameters"]}
    known.update({alias.casefold(): name for name, parameter in page["parameters"].items() for alias in parameter.get("aliases", ())})
    bound = {}
    for key, value in given.items():
        if key.casefold() in COMMON:
            continue
        name = known.get(key.casefold())
        if name is None:
            raise _refused(command, "NamedParameterNotFound", f"A parameter cannot be found that matches parameter name '{key}'.")
        if name in bound:
            raise _refused(command, "ParameterAlreadyBound", f"The parameter '{name}' is specified more than once.")
        bound[name] = _typed(command, name, page["parameters"][name], value)
    taken = next((name for name in ("InputObject", "LiteralPath") if name in page["parameters"]), None)
    _choose_set(command, page, {**bound, taken: None} if piped and taken and "Path" not in bound else bound)
    return bound


def _choose_set(command, page, bound):
    in_a_set = {name for members in page["sets"].values() for part in members.values() for name in part} - OF_FILE_SYSTEM
    fitting = [members for members in page["sets"].values()
               if all(name in members["mandatory"] + members["optional"] for name in bound if name in in_a_set)]
    if not fitting:
        raise _refused(command, "AmbiguousParameterSet", "Parameter set cannot be resolved using the specified named parameters.")
    missing = [[name for name in members["mandatory"] if name not in bound] for members in fitting]
    if all(missing):
        names = " ".join(min(missing, key=len))
        raise _refused(command, "MissingMandatoryParameter",
                       f"Cannot process command because of one or more missing mandatory parameters: {names}.")


def _typed(command, name, parameter, value):
    kind = parameter["type"].casefold()
    if parameter.get("switch"):
        if not isinstance(value, bool):
            raise _bad_type(command, name, value, "System.Management.Automation.SwitchParameter")
        return value
    if kind == "boolean" and not isinstance(value, (bool, int)):
        raise _bad_type(command, name, value, "System.Boolean")
    if kind in INTEGERS:
        value = _integer(command, name, parameter["type"], value)
    if kind == "string" and isinstance(value, list):
        raise _bad_type(command, name, value, "System.String")
    if kind == "string" and isinstance(value, (int, float, bool)):
        value = str(value)
    if kind in ("stringcollection", "string[]"):
        value = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    allowed = parameter.get("values")
    if allowed and isinstance(value, str):
        exact = {choice.casefold(): choice for choice in allowed}
        if value.casefold() not in exact:
            raise CmdletError(Err(f"ParameterArgumentValidationError,{error_class(command)}", "InvalidData", [link(
                "System.Management.Automation.ParameterBindingValidationException",
                f"Cannot validate argument on parameter '{name}'. The argument \"{value}\" does not belong to the set "
                f"\"{','.join(allowed)}\".", 2148734209)], terminating=True))
        value = exact[value.casefold()]
    return value


def _integer(command, name, kind, value):
    low, high = INTEGERS[kind.casefold()]
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise _bad_type(command, name, value, "System." + kind) from error
    if not low <= number <= high:
        raise _bad_type(command, name, value, "System." + kind)
    return number


def _refused(command, first, message):
    return CmdletError(Err(f"{first},{error_class(command)}", "InvalidArgument",
                           [link("System.Management.Automation.ParameterBindingException", message, 2148734209)], terminating=True))


def _bad_type(command, name, value, wanted):
    message = f"Cannot bind parameter '{name}'. Cannot convert value \"{value}\" to type \"{wanted}\"."
    return CmdletError(Err(f"CannotConvertArgumentNoMessage,{error_class(command)}", "InvalidArgument",
                           [link("System.Management.Automation.ParameterBindingException", message, 2148734209)], terminating=True))


def typed(type_name, object_id, values):
    """An object with every property that the catalogue gives its type; what *values* lacks gets the type's empty value."""
    properties = dict(_empty(type_name))
    for name, value in values.items():
        if name not in properties:
            raise ValueError(f"{type_name} has no {name} in the catalogue")
        kind, table = _enums(type_name).get(name, (None, None))
        properties[name] = value if table is None or value is None else Enum(kind, value, table.get(str(value), str(value)))
    return Obj(type_name, object_id, properties)


@functools.cache
def _enums(type_name):
    """``property -> (enum type, table of numbers and names)`` of a type."""
    tables = catalogue()["enums"]
    kinds = {name: kind.removeprefix("System.Nullable<").rstrip(">") for name, kind in catalogue()["objects"][type_name].items()}
    return {name: (kind, tables[kind]) for name, kind in kinds.items() if kind in tables}


@functools.cache
def _empty(type_name):
    """The empty values of all properties of a type: 0, an empty text, null for lists and objects, an enum's zero."""
    made = {}
    for name, kind in catalogue()["objects"][type_name].items():
        folded = kind.casefold()
        if name in _enums(type_name):
            enum, table = _enums(type_name)[name]
            made[name] = Enum(enum, 0, table.get("0", "0"))
        elif folded.endswith("[]") and folded != "byte[]":
            made[name] = None
        else:
            made[name] = 0 if folded.startswith(("uint", "sint", "int")) else DEFAULTS.get(folded)
    return made
