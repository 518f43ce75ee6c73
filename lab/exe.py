"""The step ``exe`` of a batch as the lab reads it: native programs of a host, in place of starting one.

A program is on a host where its file is (lab/files.py), or on every one where it is registered with its path (*at*).
"""
from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from lab import files
from lab.values import CmdletError, Err, link, not_modelled, win32

PROGRAMS = {}                       # file name in lower case -> Program
KEPT = 2**20                        # bytes of each output
OEM = {"de": 850, "en": 437, "es": 850, "fr": 850, "ja": 932, "ko": 949, "pl": 852, "ru": 866, "tr": 857, "zh": 936}   # by language


@dataclass(frozen=True)
class Program:
    """How the lab answers a program; *changes*, *source* and *assumed* as of a backend.Command."""

    name: str
    function: object
    changes: object
    source: str
    assumed: str
    at: str


def program(name, source, changes=False, assumed="", at=""):
    """Registers a function ``(run, arguments) -> (exit code, standard output, standard error)`` as the lab's answer to a program.

    *run* is a backend.Run; outputs are text, written in the host's OEM code page, or bytes. What it does not model it raises as ``refused``.
    *changes*: whether it changes anything, or a function of the arguments that says so. *at*: the path at which every host has it.
    """
    def register(function):
        PROGRAMS[name.casefold()] = Program(name, function, changes, source, assumed, at)
        return function
    return register


def refused(name, arguments):
    """The error for arguments that a program of the lab does not model."""
    return not_modelled(f"{name} {' '.join(arguments)}".strip())


def oem(host):
    """The code page in which a host's programs write, by its language."""
    return OEM[host["os"]["culture"].split("-")[0]]


def carry_out(backend, step, given):
    """``(status, rest of the answer)``. *given*: an argument of the step and the element of ``each`` -> its value."""
    runs = []
    for item in step.get("each", [None]):
        try:
            arguments = [given(argument, item) for argument in step["arguments"]]
            runs.append({"items": [started(backend, given(step["exe"], item), arguments)], "errors": [], "warnings": []})
        except CmdletError as error:
            runs.append({"items": [], "errors": [error.err.wire()], "warnings": []})
    failures = sum(bool(run["errors"]) for run in runs)
    return "ok" if not failures else "failed" if failures == len(runs) else "partial", {"runs": runs}


def started(backend, path, arguments):
    """The item of one run. Raises CmdletError where it does not come to its end."""
    if not all(isinstance(text, str) and "\0" not in text for text in [path, *arguments]):
        raise _error("ExeRefused", "InvalidArgument", link("System.ArgumentException", "A program and its arguments are one text each.", 0x80070057))
    host = backend.state.hosts[backend.host]
    path = files.expanded(host, path)
    if not re.fullmatch(r'([a-z]:[\\/]|[\\/])[^"]*\.exe', path, re.IGNORECASE):
        raise _error("ExeRefused", "InvalidArgument", link("System.ArgumentException", "It is not the full path of an .exe.", 0x80070057))
    name = re.split(r"[\\/]", path)[-1]
    known = PROGRAMS.get(name.casefold())
    changes = known.changes(arguments) if known and callable(known.changes) else bool(known and known.changes)
    backend.state.record(backend.host, backend.user, known.name if known else name, {"arguments": arguments}, changes)
    run = backend.run(name)
    if not (known and path.casefold() == known.at.casefold()) and not files.of(run).exists(path):
        raise _error("ExeNotFound", "ObjectNotFound", win32(2, "The system cannot find the file specified"))
    if known is None:
        raise not_modelled(path)
    code, *outputs = known.function(run, arguments)
    if changes:
        backend.state.save()
    outputs = [text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode(f"cp{oem(host)}", "replace") for text in outputs]
    return [code % 2**32, *({"$bytes": base64.b64encode(text[:KEPT]).decode()} for text in outputs), any(len(text) > KEPT for text in outputs)]


def _error(fqid, category, cause):
    return CmdletError(Err(fqid, category, [cause], terminating=True))
