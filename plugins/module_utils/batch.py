# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a Windows host is asked to do, as data: steps, the batch made of them, and its form on standard input.

The shapes are those of docs/architecture.md ("The batch"). Everything here is pure: the executor's text and the
token of a run are arguments.
"""

import json
import math
import re
from datetime import datetime

KINDS = ("call", "set", "sql", "exe")
KEYS = {*KINDS, "id", "with", "input", "each", "select", "only", "needs", "on_error", "queries", "arguments", "timeout"}
CMDLET = re.compile(r"[A-Za-z][A-Za-z0-9.]*\\[A-Za-z]+-[A-Za-z0-9]+")
TOKEN = re.compile(r"[0-9a-f]{16}")
PROGRAM = re.compile(r"(?:%[A-Za-z0-9_()]+%|[A-Za-z]:)(?:\\[^\\/:*?\"<>|%\x00-\x1f]+)+\.exe", re.IGNORECASE)   # a full path; no parts of it in quotes
LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")
LONGEST = 922337203685      # seconds of a TimeSpan
CAPTURED = {"erroraction", "errorvariable", "warningaction", "warningvariable", "ea", "ev", "wa", "wv"}


class BatchError(ValueError):
    """A batch that must not be sent; the text is one sentence that names the step and the fault."""


def call(id, command, parameters=None, select=None, input=None, each=None, needs=None, on_error=None, only=None):
    """A step that runs a cmdlet. *command* is module-qualified; *parameters* may hold ``ref()``, ``item()`` and typed values.

    *only*: property path -> texts; objects whose property is none of these are gone for *select* and for later steps.
    """
    step = {"id": id, "call": command, "with": parameters, "select": select, "input": input, "each": each,
            "needs": needs, "on_error": on_error, "only": only}
    return {key: value for key, value in step.items() if value is not None}


def assign(id, input, name, value, on_error=None):
    """A step that sets the property *name* of every object of the step *input* to *value*."""
    step = {"id": id, "set": name, "input": input, "with": {"value": value}}
    return step if on_error is None else {**step, "on_error": on_error}


def exe(id, program, arguments, timeout, each=None, on_error=None):
    """A step that runs a native program. *program*: a full path, which may begin with ``%Variable%``, or a ``ref()`` to one; *arguments*: texts,
    ``ref()``s to texts, ``item()``; *timeout*: seconds until it is killed. ``exe_output`` reads what it said."""
    step = {"id": id, "exe": program, "arguments": arguments, "timeout": timeout, "each": each, "on_error": on_error}
    return {key: value for key, value in step.items() if value is not None}


def sql(id, connection, queries):
    """A step that opens one connection to SQL Server and carries out *queries* on it, each with an execute of its own.

    *connection*: keywords of a SqlClient connection string. A query: ``name``, ``text`` with ``@p0``, ``@p1``, …; ``values`` of these,
    ``{"value": x}`` or ``{}`` for NULL; ``timeout`` in seconds; ``database``, a name or ``{"$from": name}`` - the first column of the
    first row of that earlier query (which says ``names_database``) whose second column is true.
    """
    return {"id": id, "sql": connection, "queries": queries}


def ref(id, path=None):
    """The live object of an earlier step (the array of them where there are several), or its property *path*, as a parameter."""
    return {"$ref": id} if path is None else {"$ref": id, "path": path}


def item():
    """The current value of the step's ``each``, as a parameter."""
    return {"$item": True}


def batch(areas, token, deadline=300):
    """The checked document of one run. *areas*: name -> list of steps; *token*: 16 hex digits; *deadline*: seconds."""
    document = {"bft": token, "deadline": deadline, "areas": [{"area": name, "steps": list(steps)} for name, steps in areas.items()]}
    check(document)
    return document


def encode(executor, document):
    """Standard input of a run: a line with both lengths, the executor, and the batch as one line of ASCII."""
    executor = executor.replace("\r\n", "\n").rstrip("\n")
    line = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    if not executor.isascii():
        raise BatchError("The executor holds a character that is not ASCII.")
    return f"BFT1 {len(executor)} {len(line)}\n{executor}\n{line}\n"


def check(document):
    """Raises BatchError where the batch breaks the contract."""
    if not TOKEN.fullmatch(document["bft"]):
        raise BatchError(f"The token of a batch is 16 hex digits, not {document['bft']!r}.")
    if isinstance(document["deadline"], bool) or not isinstance(document["deadline"], int) or document["deadline"] < 1:
        raise BatchError(f"The deadline of a batch is a whole number of seconds, not {document['deadline']!r}.")
    for area in document["areas"]:
        seen = {}
        for step in area["steps"]:
            _check_step(step, seen)
            seen[step["id"]] = "call" in step or "set" in step


def _check_step(step, earlier):
    """*earlier*: id -> whether it has live objects, of the steps of the area before; PowerShell compares ids without case, so they must differ without."""
    id = step.get("id")
    if not isinstance(id, str) or not id:
        raise BatchError("A step has no id.")

    def refuse(sentence):
        raise BatchError(f"Step {id}: {sentence}")

    if id.casefold() in {other.casefold() for other in earlier}:
        refuse("another step of the area has the same id.")
    for key in step.keys() - KEYS:
        refuse(f"there is no key {key!r}; a step has {', '.join(sorted(KEYS))}.")
    if sum(kind in step for kind in KINDS) != 1:
        refuse("a step has one of 'call', 'set', 'sql' and 'exe'.")
    if ("sql" in step) != ("queries" in step):
        refuse("'sql' and 'queries' belong together.")
    if "sql" in step:
        _check_sql(step, refuse)
        return
    if "exe" in step:
        _check_exe(step, earlier, refuse)
        return
    if step.keys() & {"arguments", "timeout"}:
        refuse("'arguments' and 'timeout' belong to 'exe'.")
    if "call" in step and not (isinstance(step["call"], str) and CMDLET.fullmatch(step["call"])):
        refuse(f"'call' is a module-qualified cmdlet (Module\\Verb-Noun), not {step['call']!r}.")
    if "input" in step and "each" in step:
        refuse("'input' and 'each' exclude one another.")
    if "input" in step and not earlier.get(step["input"]):
        refuse(f"'input' names {step['input']!r}, which is no earlier step with objects.")
    if "needs" in step and not (isinstance(step["needs"], str) and step["needs"]):
        refuse("'needs' is the name of a module.")
    _check_each(step, refuse)
    if "select" in step:
        _check_paths(step["select"], "'select'", refuse)
    if "only" in step:
        _check_only(step, refuse)
    _check_parameters(step, earlier, refuse)


def _check_each(step, refuse):
    if step.get("on_error", "continue") not in ("continue", "stop"):
        refuse(f"'on_error' is continue or stop, not {step['on_error']!r}.")
    if "each" in step:
        if not isinstance(step["each"], list):
            refuse("'each' is a list.")
        _check_value(step["each"], "'each'", refuse)


def _check_exe(step, earlier, refuse):
    if not {"id", "exe", "arguments", "timeout"} <= set(step) <= {"id", "exe", "arguments", "timeout", "each", "on_error"}:
        refuse("'exe' takes 'arguments', 'timeout', 'each' and 'on_error'; it needs the first two.")
    _check_each(step, refuse)
    if not all(isinstance(value, str) and "\0" not in value for value in step.get("each", [])):
        refuse("'each' of a program is a list of texts.")
    if isinstance(step["exe"], dict):
        _check_reference("'exe'", step["exe"], earlier, refuse)
    elif not (isinstance(step["exe"], str) and PROGRAM.fullmatch(step["exe"])) or ".." in step["exe"].split("\\"):
        refuse(f"'exe' is the full path of an .exe, not {step['exe']!r}.")
    if isinstance(step["timeout"], bool) or not isinstance(step["timeout"], int) or not 1 <= step["timeout"] <= 86400:
        refuse(f"'timeout' is a whole number of seconds, not {step['timeout']!r}.")
    if not isinstance(step["arguments"], list):
        refuse("'arguments' is a list.")
    for argument in step["arguments"]:
        if isinstance(argument, dict) and "$item" in argument:
            _check_item("an argument", argument, step, refuse)
        elif isinstance(argument, dict):
            _check_reference("an argument", argument, earlier, refuse)
        elif not isinstance(argument, str) or "\0" in argument:
            refuse(f"an argument is a text, not {argument!r}.")


def _check_sql(step, refuse):
    if set(step) != {"id", "sql", "queries"}:
        refuse("'sql' takes 'queries' and nothing else.")
    _check_value(step["sql"], "'sql'", refuse)
    naming = set()
    for query in step["queries"]:
        unknown = set(query) - {"name", "text", "values", "timeout", "database", "names_database"}
        if unknown or not isinstance(query.get("text"), str) or not isinstance(query.get("timeout"), int):
            refuse(f"the query {query.get('name')!r} is not of the agreed form.")
        for value in query.get("values", []):
            _check_value(value, f"a value of {query['name']}", refuse)
        database = query["database"]
        if isinstance(database, dict) and database.get("$from") not in naming:
            refuse(f"the query {query['name']} takes its database from {database.get('$from')!r}, which names none before it.")
        if query.get("names_database"):
            naming.add(query["name"])


def _check_paths(paths, name, refuse):
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        refuse(f"{name} is a list of property paths.")
    if not paths:
        refuse(f"{name} is empty; leave it out.")
    for path in paths:
        if path != "." and "" in path.split("."):
            refuse(f"the path {path!r} has an empty part.")


def _check_only(step, refuse):
    if "call" not in step or not isinstance(step["only"], dict):
        refuse("'only' is a map of property paths, on a 'call'.")
    _check_paths(list(step["only"]), "'only'", refuse)
    for path, wanted in step["only"].items():
        if not (isinstance(wanted, list) and wanted and all(isinstance(value, str) for value in wanted)):
            refuse(f"'only' has a list of texts for {path}.")


def _check_reference(name, value, earlier, refuse):
    if not set(value) <= {"$ref", "path"} or not earlier.get(value.get("$ref")):
        refuse(f"{name} refers to {value.get('$ref')!r}, which is no earlier step with objects.")
    if "path" in value:
        _check_paths([value["path"]], f"the path of {name}", refuse)


def _check_item(name, value, step, refuse):
    if value != {"$item": True} or "each" not in step:
        refuse(f"{name} is $item, but the step has no 'each'.")


def _check_parameters(step, earlier, refuse):
    parameters = step.get("with", {})
    if not isinstance(parameters, dict):
        refuse("'with' is a map of parameters.")
    if "set" in step:
        if not (isinstance(step["set"], str) and step["set"]):
            refuse("'set' is the name of a property.")
        if "input" not in step:
            refuse("'set' needs 'input', the objects whose property is set.")
        if set(parameters) != {"value"}:
            refuse("'set' takes its value from with.value and nothing else.")
        if "select" in step:
            refuse("'set' gives no items; read them in a step of their own.")
    if len({name.casefold() for name in parameters}) < len(parameters):
        refuse("two parameters differ in case only.")
    for name, value in parameters.items():
        if name.casefold() in CAPTURED:
            refuse(f"the parameter {name} belongs to the executor.")
        if isinstance(value, dict) and "$ref" in value:
            _check_reference(name, value, earlier, refuse)
        elif isinstance(value, dict) and "$item" in value:
            _check_item(name, value, step, refuse)
        else:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict) and part.keys() & TYPED.keys():
                    _check_typed(name, part, refuse)
                else:
                    _check_value(part, name, refuse)


def _check_typed(name, value, refuse):
    kind, given = next(iter(value.items()))
    if len(value) != 1 or not TYPED[kind](given):
        refuse(f"{name} is no {kind} of the agreed form.")      # never its content: it may be a password


def _seconds(given):
    return isinstance(given, (int, float)) and not isinstance(given, bool) and abs(given) <= LONGEST


def _moment(given, end):
    if not (isinstance(given, str) and given.endswith(end) and LOCAL.fullmatch(given[:len(given) - len(end)])):
        return False
    try:
        return bool(datetime.fromisoformat(given[:19]))
    except ValueError:
        return False


def _credential(given):
    return (isinstance(given, dict) and set(given) == {"user", "password"} and all(isinstance(part, str) for part in given.values())
            and bool(given["user"]))


# typed value -> whether it may be written so
TYPED = {"$timespan": _seconds, "$local": lambda given: _moment(given, ""), "$instant": lambda given: _moment(given, "Z"),
         "$secret": lambda given: isinstance(given, str), "$credential": _credential}


def _check_value(value, name, refuse):
    """A constant of the batch: JSON without null, since a null parameter silently binds as 0, false or ''."""
    if value is None:
        refuse(f"{name} is null; leave the parameter out.")
    elif isinstance(value, list):
        for part in value:
            _check_value(part, name, refuse)
    elif isinstance(value, dict):
        if len({str(key).casefold() for key in value}) < len(value):
            refuse(f"{name} has keys that differ in case only.")
        for key, part in value.items():
            if not isinstance(key, str):
                refuse(f"{name} has a key that is no text.")
            if key.startswith("$"):
                refuse(f"{name} holds {key} below its top level.")
            _check_value(part, name, refuse)
    elif isinstance(value, float):
        if not math.isfinite(value):
            refuse(f"{name} is not a finite number.")
    elif not isinstance(value, (str, bool, int)):
        refuse(f"{name} is no JSON value.")
