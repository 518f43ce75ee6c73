# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a Windows host answered: the lines of standard output as steps, runs and rows.

The shapes are those of docs/architecture.md ("The batch"). Lines that are not ours are noise. What came whole counts;
what did not come is named, never guessed.
"""

import hashlib
import json
from dataclasses import dataclass, field

STATUSES = ("ok", "partial", "failed", "absent", "skipped")


@dataclass(frozen=True)
class Run:
    """One execution of a step. A row maps each path of ``select`` to the value as the executor wrote it; of a step ``sql``, whose
    first run is the connection and then one run each query, it is the list of the columns' values; of a step ``exe``, the one row of a
    program that came to its end is ``[exit code, {"$bytes"} of its output, the same of its errors, cut]``."""

    rows: list
    errors: list
    warnings: list


@dataclass(frozen=True)
class StepAnswer:
    """One step; *status* as in the contract, *reason* only where it is ``absent`` or ``skipped``."""

    id: str
    status: str
    reason: str
    runs: list

    def rows(self):
        """The rows of all runs, in order."""
        return [row for run in self.runs for row in run.rows]

    def errors(self):
        """The errors of all runs, in order."""
        return [error for run in self.runs for error in run.errors]


@dataclass(frozen=True)
class AreaAnswer:
    """One area that came whole; *steps* by id, *seconds* as measured on the host, *oem*: the code page in which the host's native programs
    write (None where the host did not say it)."""

    name: str
    seconds: float
    steps: dict
    oem: int | None = None


@dataclass(frozen=True)
class Answer:
    """All that one run of a batch said.

    *host*: the line that describes the host ({} where it did not come). *areas*: those that came whole, by name.
    *cut*: asked areas that did not. *refused*: why the bootstrap did not start the executor (``language_mode``, ``cut``), else "".
    *complete*: every line arrived and the count and hash of the last one agree. *problems*: sentences about what was not in order.
    """

    host: dict = field(default_factory=dict)
    areas: dict = field(default_factory=dict)
    cut: list = field(default_factory=list)
    refused: str = ""
    complete: bool = False
    problems: list = field(default_factory=list)


def parse(stdout, batch):
    """Reads the standard output (text) of the run of *batch* (as ``batch.batch`` built it)."""
    asked = {area["area"]: area["steps"] for area in batch["areas"]}
    host, areas, problems, lines, refused, end = {}, {}, [], [], "", None
    for text, line in _lines(stdout, batch["bft"]):
        kind = line.get("kind")
        if kind == "end":
            end = line
            break
        if kind == "refused":
            refused = str(line.get("reason", ""))
            continue
        lines.append(text)
        if kind == "host":
            host = line
        elif kind == "area" and line.get("area") in asked:
            area = _area(line, asked[line["area"]], host.get("oem"))
            if area:
                areas[area.name] = area
            else:
                problems.append(f"The answer of the area {line['area']} is not in the agreed form.")
        else:
            problems.append("A line of the answer was not asked for.")
    complete = False
    if refused:
        pass
    elif end is None:
        problems.append("The answer ends before its last line.")
    elif end.get("lines") != len(lines):
        problems.append(f"The answer has {len(lines)} of {end.get('lines')} lines.")
    elif end.get("sha256") != hashlib.sha256("\n".join(lines).encode("ascii", "replace")).hexdigest():
        problems.append("The answer was altered on its way.")
        host, areas = {}, {}
    else:
        complete = not problems
    return Answer(host, areas, [name for name in asked if name not in areas], refused, complete, problems)


def _lines(stdout, token):
    """``(text, object)`` of each line of ours; noise without a line break may stand before it."""
    decoder = json.JSONDecoder()
    for line in stdout.split("\n"):
        starts = [at for at in (line.find(f'{{"bft":"{token}"'), line.find('{"bft":"","kind":"refused"')) if at >= 0]
        if not starts:
            continue
        try:
            value, end = decoder.raw_decode(line, min(starts))
        except ValueError:
            continue
        yield line[min(starts):end], value


def _area(line, steps, oem):
    """The area of a line, or None where it is not what was asked for."""
    try:
        answers = {step["id"]: step for step in line["steps"]}
        read = {step["id"]: _step(answers[step["id"]], step.get("select", []), "sql" in step or "exe" in step) for step in steps}
        return AreaAnswer(line["area"], float(line["seconds"]), read, oem)
    except (KeyError, TypeError, ValueError):
        return None


def _step(step, select, as_lists):
    if step["status"] not in STATUSES:
        raise ValueError(step["status"])
    runs = [Run([item if as_lists else dict(zip(select, item, strict=True)) for item in run["items"]], run["errors"], run["warnings"])
            for run in step.get("runs", [])]
    return StepAnswer(step["id"], step["status"], step.get("reason", ""), runs)


def first_fault(area):
    """Why the steps of an area did not all do their work, in one sentence; "" where they did."""
    for step in area.steps.values():
        for error in step.errors():
            return reason(error)[1]
        if step.status != "ok":
            return f"the step {step.id} was {step.status} ({step.reason})."
    return ""


# What an error means

DENIED = ("denied", "The account has no right to read this.")
NO_CLUSTER = ("absent", "No cluster service answers here: the host is no node of a cluster, or the service is stopped.")
RPC = ("unreachable", "Another computer that had to be asked did not answer (RPC).")
HOP = ("denied", "This had to go on to another computer, and the session has no credentials for that (second hop).")
TIMEOUT = ("failed", "Windows gave up waiting for it (timeout).")
NOT_THERE = ("missing", "It is not there.")
PROGRAMS = {
    "ExeNotFound": ("absent", "The program is not on this host."),
    "ExeTimeout": ("failed", "The program did not come to an end in its time and was ended."),
}
BUG = ("failed", "The call itself is wrong for this version of the cmdlet; please report it.")
NO_COMMAND = ("absent", "The cmdlet or its module is not on this host.")

NATIVE = {
    2: NOT_THERE,
    3: NOT_THERE,
    5: DENIED,
    70: ("failed", "The cluster service is paused or only starting."),
    1060: ("missing", "The service is not installed."),
    1168: NOT_THERE,
    1326: ("denied", "The name or password of an account was refused."),
    1460: TIMEOUT,
    1722: RPC,
    1726: RPC,
    1727: RPC,
    1753: NO_CLUSTER,
    1825: ("failed", "The cluster service is not ready yet."),
    5007: NOT_THERE,
    5013: NOT_THERE,
    5016: ("failed", "The node is not a possible owner."),
    5042: NOT_THERE,
    5065: ("failed", "The node is already a member of a cluster."),
    10054: ("failed", "The other side closed the connection."),
    10060: TIMEOUT,
}
HRESULTS = {
    0x8009030E: HOP,
    0x8007052E: NATIVE[1326],
    0x8013150A: DENIED,
    0x80041003: DENIED,
    0x80041002: NOT_THERE,
    0x80041010: ("absent", "Windows does not know this class of objects."),
    0x8004100E: ("absent", "Windows does not know this namespace of objects."),
}
MI_RESULTS = {2: DENIED, 3: HRESULTS[0x8004100E], 5: HRESULTS[0x80041010], 6: NOT_THERE}
FQIDS = {
    "ClusterEndpointNotRegistered": NO_CLUSTER,
    "ClusterRpcConnection": RPC,
    "ClusterNodeNotReachable": RPC,
    "ClusterAccessDenied": DENIED,
    "ClusterSharingPaused": NATIVE[70],
    "ClusterStatusNotReady": NATIVE[1825],
    "NetworkPathNotFound": RPC,
    "CommandNotFoundException": NO_COMMAND,
    "CouldNotAutoLoadModule": NO_COMMAND,
    "CouldNotAutoloadMatchingModule": NO_COMMAND,
    "Modules_ModuleNotFound": NO_COMMAND,
    "NamedParameterNotFound": BUG,
    "AmbiguousParameterSet": BUG,
    "AmbiguousParameter": BUG,
    "MissingMandatoryParameter": BUG,
    "ParameterAlreadyBound": BUG,
    "PositionalParameterNotFound": BUG,
    "ParameterArgumentTransformationError": BUG,
    "ParameterArgumentValidationError": BUG,
    "ParameterArgumentValidationErrorNullNotAllowed": BUG,
    "ParameterArgumentValidationErrorEmptyArrayNotAllowed": BUG,
    "ParameterArgumentValidationErrorEmptyStringNotAllowed": BUG,
    "CannotConvertArgumentNoMessage": BUG,
    "InputObjectNotBound": BUG,
    "PSArgument": BUG,
    "PathNotFound": NOT_THERE,
    "NoServiceFoundForGivenName": NOT_THERE,
    "PropertyAssignmentException": ("failed", "The object has no such property that could be set."),
    "System.UnauthorizedAccessException": DENIED,
    "System.Security.SecurityException": DENIED,
}
TYPES = {
    "System.Security.SecurityException": DENIED,
    "System.UnauthorizedAccessException": DENIED,
    "System.Management.Automation.ItemNotFoundException": NOT_THERE,
    "System.Management.Automation.DriveNotFoundException": NOT_THERE,
}


def reason(error):
    """What an ERROR of the contract means: ``(reason of a hole, sentence)``.

    The innermost known code decides, then the type of an exception, then the first part of the fqid; message text never does.
    """
    if error["fqid"] in PROGRAMS:
        return PROGRAMS[error["fqid"]]
    for exception in reversed(error["chain"]):
        known = _by_code(exception)
        if known:
            return known
    for exception in reversed(error["chain"]):
        if exception["type"] in TYPES:
            return TYPES[exception["type"]]
    name = error["fqid"].split(",")[0]
    if name.startswith("CmdletizationQuery_NotFound"):      # what cmdlets over CIM say of a query without a result
        return NOT_THERE
    return _by_number_in(name) or FQIDS.get(name) or ("failed", _sentence(error))


def _by_code(exception):
    if exception["native"] in NATIVE:
        return NATIVE[exception["native"]]
    return _by_hresult(exception["hresult"])


def _by_hresult(code):
    if code in HRESULTS:
        return HRESULTS[code]
    return NATIVE.get(code & 0xFFFF) if isinstance(code, int) and code >> 16 == 0x8007 else None


def _by_number_in(name):
    """CIM cmdlets name the code in the fqid: ``HRESULT 0x80070005`` and ``MI RESULT 2``."""
    words = name.split(" ")
    try:
        if words[0] == "HRESULT" and len(words) == 2:
            return _by_hresult(int(words[1], 16))
        if words[:2] == ["MI", "RESULT"] and len(words) == 3:
            return MI_RESULTS.get(int(words[2]))
    except ValueError:
        pass
    return None


def _sentence(error):
    """The innermost message in one line, as Windows worded it."""
    messages = [" ".join(exception["message"].split()) for exception in error["chain"] if exception["message"].strip()]
    return f"Windows says: {messages[-1]}" if messages else "The call failed without a message."
