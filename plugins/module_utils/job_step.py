# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The commands of the steps of the job "Backup BizTalk Server": read, edited argument by argument, written anew.

``read`` says what the text of one step runs, ``read_job`` what the job as a whole would do, ``edit`` changes arguments and
leaves every other character alone, ``build`` writes a command. Reading is tolerant about form (comments, line ends,
quoted or bare numbers, named or positional arguments, schema, brackets, N''), and strict about meaning: whatever it
cannot vouch for is ``unknown_text``, never ``configured``.
"""

import re
from dataclasses import asdict, dataclass, field

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import tsql

CONFIGURED, PLACEHOLDER, COMMENTED_OUT, UNKNOWN_TEXT, NOT_THIS_JOB = (
    "configured", "placeholder", "commented_out", "unknown_text", "not_this_job")
NONE, INLINE, FIRST_STEP = "none", "inline", "first_step"

# procedure -> its parameters in order: (T-SQL name, our name, type, required)
_LOCAL = ("@UseLocalTime", "use_local_time", "bit", False)
_DAYS = ("@DaysToKeep", "days_to_keep", "int", False)
_MARK, _PATH = ("@MarkName", "mark_name", "text", True), ("@BackupPath", "path", "text", True)
PROCEDURES = {
    "sp_SetBackupCompression": (("@bCompression", "compress", "bit", True),),
    "sp_BackupAllFull_Schedule": (("@Frequency", "frequency", "text", True), _MARK, _PATH,
                                  ("@ForceFullBackupAfterPartialSetFailure", "force_full", "bit", False),
                                  ("@BackupHour", "backup_hour", "int", False), _LOCAL),
    "sp_MarkAll": (_MARK, _PATH, _LOCAL),
    "sp_DeleteBackupHistory": (_DAYS, _LOCAL),
    "sp_DeleteBackupHistoryAndFiles": (_DAYS,),
    "sp_DeleteBackupHistoryAndFiles2013": (_DAYS,),
}
ROLES = {"sp_SetBackupCompression": "compression", "sp_BackupAllFull_Schedule": "full", "sp_MarkAll": "log",
         "sp_DeleteBackupHistory": "clean", "sp_DeleteBackupHistoryAndFiles": "clean",
         "sp_DeleteBackupHistoryAndFiles2013": "clean"}
_ROLE_OF_NAME = {"setcompressionoption": "compression", "backupfull": "full", "markandbackuplog": "log",
                 "clearbackuphistory": "clean"}
_OTHERS = {
    "sp_start_job": (("@job_name", "job_name", "text", True),),
    "dtasp_BackupAndPurgeTrackingDatabase": (
        ("@nLiveHours", "live_hours", "int", True), ("@nLiveDays", "live_days", "int", False),
        ("@nHardDeleteDays", "hard_delete_days", "int", False), ("@nvcFolder", "folder", "text", False),
        ("@nvcValidatingServer", "validating_server", "text", False), ("@fForceBackup", "force_backup", "bit", False),
        ("@fHardDeleteRunningInstances", "hard_delete_running_instances", "bit", False)),
    "dtasp_PurgeTrackingDatabase": (
        ("@nHours", "hours", "int", True), ("@nDays", "days", "int", True), ("@nHardDays", "hard_days", "int", True),
        ("@dtLastBackup", "last_backup", "text", True), ("@fHardDeleteRunningInstances", "hard_delete_running_instances", "bit", False)),
}
_KNOWN = {name.casefold(): (name, parameters) for name, parameters in {**PROCEDURES, **_OTHERS}.items()}
_BY_NAME = {p[0].casefold(): p for parameters in PROCEDURES.values() for p in parameters}

_JOB_NAME = re.compile(r"backup biztalk server(\s*\(.+\))?", re.IGNORECASE)


@dataclass
class Reading:
    """What the command of one step runs.

    ``procedure``: the one that runs, without schema, None where there is none or more than one. ``arguments``: what the text
    gives, by our names, bits as booleans, hours and days as integers, NULL as None, left out where the text leaves them
    out. ``extra``: values beyond the last known position. ``guard``: ``none``, ``inline``, ``first_step``, with the database
    it asks for. ``active``: a statement is left once the comments are gone. ``problem``: why it is ``unknown_text``. ``database``: the one
    that the name of the procedure gives, None where it gives none.
    """

    procedure: str | None = None
    arguments: dict = field(default_factory=dict)
    guard: str = NONE
    active: bool = False
    verdict: str = UNKNOWN_TEXT
    extra: list = field(default_factory=list)
    guard_database: str | None = None
    problem: str = ""
    database: str | None = None

    def plain(self):
        return asdict(self)


def is_backup_job(name):
    """Whether *name* is that of the job: no other job whose name contains it."""
    return bool(_JOB_NAME.fullmatch(name or ""))


def read(command, job_name, subsystem="TSQL", on_fail_action=None, first_step=None):
    """The Reading of a step's *command*. *first_step*: the first step of its job, a map with ``command`` and ``on_fail_action``."""
    command = command or ""
    if (subsystem or "").upper() != "TSQL":
        reading = Reading(active=bool(command.strip()), problem=f"A step of the subsystem {subsystem} is not read.")
    else:
        reading = _read_text(command, on_fail_action)
    if reading.guard == NONE and first_step is not None and reading.active:
        before = _read_text(first_step.get("command") or "", first_step.get("on_fail_action"))
        if before.guard == FIRST_STEP:
            reading.guard, reading.guard_database = FIRST_STEP, before.guard_database
    if not is_backup_job(job_name):
        reading.verdict = NOT_THIS_JOB
    return reading


def read_job(job):
    """The steps of a job and what they do.

    *job*: ``{name, start_step_id, steps: [{step_id, step_name, subsystem, command, on_success_action, on_success_step_id,
    on_fail_action, on_fail_step_id, …}]}``. The result, plain JSON::

        {"this_job": bool, "steps": [{"step_id", "step_name", "role": "compression" | "full" | "log" | "clean" | null,
                                      "reached": bool, **Reading}],
         "full": bool, "log": bool}     a configured step of that role runs when every step before it succeeds
    """
    steps = sorted(job["steps"], key=lambda step: step["step_id"])
    reached = _reached(steps, job.get("start_step_id"))
    result = []
    for step in steps:
        reading = read(step["command"], job["name"], step.get("subsystem"), step.get("on_fail_action"),
                       steps[0] if step is not steps[0] else None)
        role = ROLES.get(reading.procedure) or _ROLE_OF_NAME.get(re.sub(r"\s+", "", step["step_name"]).casefold())
        result.append({"step_id": step["step_id"], "step_name": step["step_name"], "role": role,
                       "reached": step["step_id"] in reached, **reading.plain()})

    def runs(role):
        return any(s["reached"] and s["verdict"] == CONFIGURED and ROLES.get(s["procedure"]) == role for s in result)
    return {"this_job": is_backup_job(job["name"]), "steps": result, "full": runs("full"), "log": runs("log")}


def _reached(steps, start):
    """The ids of the steps that run when each succeeds. An action 4 goes to a step, 3 to the next, any other ends the job."""
    ids = [step["step_id"] for step in steps]
    at, reached = start if start in ids else (ids or [None])[0], set()
    while at in ids and at not in reached:
        reached.add(at)
        step = steps[ids.index(at)]
        at = {3: (ids[ids.index(at) + 1:] + [None])[0], 4: step.get("on_success_step_id")}.get(step.get("on_success_action"))
    return reached


def edit(command, changes):
    """The *command* with *changes* (our names -> values) made in its arguments and nothing else touched.

    Comments, guards and unknown text stay. A value that is there already keeps its spelling; a parameter that the text leaves out is
    added by name after the last argument. Raises ValueError where the text has no single readable call of a known procedure,
    or a value may not be written.
    """
    _tokens, call = _single_call(command)
    name, parameters = _KNOWN[call.name.casefold()]
    unknown = set(changes) - {p[1] for p in parameters}
    if unknown:
        raise ValueError(f"{name} has no parameter for {', '.join(sorted(unknown))}.")
    given = _given(call, parameters)[0]
    replaced, added = [], []
    for parameter in parameters:
        if parameter[1] not in changes:
            continue
        value = changes[parameter[1]]
        if parameter[1] not in given:
            added.append(f"{parameter[0]} = {_literal(value, parameter)}")
            continue
        kind, old, start, end = given[parameter[1]]
        typed, readable = _typed(kind, old, parameter[2])
        if not (readable and typed == value and type(typed) is type(value)):
            replaced.append((start, end, _literal(value, parameter, command[start:end])))
    if added:
        replaced.append((call.end, call.end, (", " if call.values else " ") + ", ".join(added)))
    for start, end, text in sorted(replaced, reverse=True):
        command = command[:start] + text + command[end:]
    return command


def switch(command, procedure):
    """The *command* with another *procedure* of the same role called and nothing else touched; last values that it does not take go.

    Raises ValueError where the text has no single readable call of a known procedure, or such values stand before others.
    """
    tokens, call = _single_call(command)
    if call.name.casefold() == procedure.casefold():
        return command
    taken = {p[1] for p in PROCEDURES[procedure]}
    given = sorted(_given(call, _KNOWN[call.name.casefold()][1])[0].items(), key=lambda item: item[1][2])
    kept = [place for ours, place in given if ours in taken]
    name = [token for token in tokens if token.end <= call.end and token.kind in ("word", "bracket")
            and token.text.strip("[]").casefold() == call.name.casefold()][-1]
    if [ours for ours, _place in given[:len(kept)] if ours not in taken]:
        raise ValueError(f"Values that {procedure} does not take stand before others.")
    if len(kept) < len(given):
        command = command[:kept[-1][3] if kept else name.end] + command[call.end:]
    return command[:name.start] + (f"[{procedure}]" if name.kind == "bracket" else procedure) + command[name.end:]


def _single_call(command):
    tokens, refused = tsql.tokens_of(command)
    calls, _rest = ([], "") if refused else tsql.calls_of(tokens)
    if len(calls) != 1 or calls[0].name.casefold() not in _KNOWN:
        raise ValueError("The step has no single call of a known procedure: " + (refused or "its text is left as it is."))
    return tokens, calls[0]


def build(procedure, arguments, guard_database=None):
    """The command that runs *procedure* with *arguments* (our names). Required ones by position, the others by name.

    *guard_database*: the command is put under a guard that asks for the primary replica of this database.
    """
    parameters = PROCEDURES[procedure]
    unknown = set(arguments) - {p[1] for p in parameters}
    missing = [p[1] for p in parameters if p[3] and p[1] not in arguments]
    if unknown or missing:
        raise ValueError(f"{procedure}: no parameter for {sorted(unknown)}, no value for {missing}.")
    texts = [("" if p[3] else f"{p[0]} = ") + _literal(arguments[p[1]], p) for p in parameters if p[1] in arguments]
    command = f"exec [dbo].[{procedure}] " + ", ".join(texts) if texts else f"exec [dbo].[{procedure}]"
    if guard_database is None:
        return command
    asked = _literal(guard_database, _PATH)
    return f"IF (sys.fn_hadr_is_primary_replica({asked}) = 1)\nBEGIN\n{command}\nEND"


def _read_text(command, on_fail_action):
    tokens, refused = tsql.tokens_of(command)
    reading = Reading(active=bool(tokens))
    if not tokens and not refused:
        reading.verdict = COMMENTED_OUT
        return reading
    if refused:
        reading.active, reading.problem = True, refused
        return reading
    wanted, reading.guard_database, inside = tsql.primary_test(tokens)
    if wanted == 0 and on_fail_action in (1, 2) and tsql.raises(inside):
        reading.guard, reading.verdict = FIRST_STEP, CONFIGURED
        return reading
    if wanted == 1 and tsql.one_block(inside):
        reading.guard, tokens = INLINE, inside
    else:
        reading.guard_database = None
    calls, reading.problem = tsql.calls_of(tokens)
    if len(calls) != 1:
        reading.problem = reading.problem or ("Nothing is called." if not calls else f"{len(calls)} procedures are called.")
        return reading
    _judge_call(calls[0], reading)
    return reading


def _judge_call(call, reading):
    reading.procedure, parameters = _KNOWN.get(call.name.casefold(), (call.name, None))
    reading.database = call.database
    if parameters is None:
        for name, kind, value, *_span in call.values:
            if name and name.casefold() in _BY_NAME:
                parameter = _BY_NAME[name.casefold()]
                reading.arguments[parameter[1]] = _typed(kind, value, parameter[2])[0]
        reading.problem = reading.problem or f"{call.name} is not a procedure that the product or its documents know."
        return
    given, reading.extra, problem = _given(call, parameters)
    problems = [reading.problem, problem]
    for _at, ours, kind, required in parameters:
        if ours in given:
            reading.arguments[ours], readable = _typed(given[ours][0], given[ours][1], kind)
            if not readable:
                problems.append(f"The value of {ours} cannot be read: {reading.arguments[ours]}.")
        if required and reading.arguments.get(ours) is None:
            problems.append(f"There is no value for {ours}.")
    if reading.extra:
        problems.append(f"There are more values than {reading.procedure} has parameters.")
    reading.problem = next((p for p in problems if p), "")
    if reading.problem:
        return
    if reading.procedure not in PROCEDURES:
        reading.problem = f"{reading.procedure} does not belong into this job."
        return
    path = reading.arguments.get("path", "").strip()
    reading.verdict = PLACEHOLDER if path.startswith("<") and path.endswith(">") else CONFIGURED


def _given(call, parameters):
    """``{our name: (kind, value, start, end)}``, values beyond the last position, and what is wrong with the list."""
    given, extra, problem, named = {}, [], "", False
    by_name = {p[0].casefold(): p[1] for p in parameters}
    for position, (name, kind, value, start, end) in enumerate(call.values):
        if name:
            named, ours = True, by_name.get(name.casefold())
            problem = problem or ("" if ours else f"There is no parameter {name}.")
        else:
            problem = problem or ("A value by position follows one by name." if named else "")
            ours = parameters[position][1] if position < len(parameters) else None
            if ours is None:
                extra.append(None if kind == "null" else value)
        if ours is None or kind == "default":
            continue
        problem = problem or (f"{ours} is given twice." if ours in given else "")
        given[ours] = (kind, value, start, end)
    return given, extra, problem


def _typed(kind, value, wanted):
    """(typed value, whether it could be read)."""
    if kind == "null":
        return None, True
    if kind == "variable" or "$(" in value:                  # the Agent puts something in for $(…)
        return value, False
    if wanted == "text":
        return value, True
    if re.fullmatch(r"\s*[+-]?\d+\s*", value):
        return (int(value) != 0 if wanted == "bit" else int(value)), True
    if wanted == "bit" and kind == "string" and value.strip().casefold() in ("true", "false"):
        return value.strip().casefold() == "true", True
    return value, False


def _literal(value, parameter, like=""):
    name, ours, kind, required = parameter
    if value is None and not required:
        return "NULL"
    if kind == "bit" and isinstance(value, bool) or kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        text = str(int(value))
        return f"'{text}'" if "'" in like else text
    if kind != "text" or not isinstance(value, str):
        raise ValueError(f"{ours} takes no {value!r}.")
    if "$(" in value or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value):
        raise ValueError(f"{ours}: a control character or '$(', which SQL Server Agent replaces, cannot be part of a job step.")
    wide = not value.isascii() or like[:1] in ("N", "n")
    quoted = value.replace("'", "''")
    return f"{'N' if wide else ''}'{quoted}'"
