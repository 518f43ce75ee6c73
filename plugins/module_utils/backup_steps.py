# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What must change in the steps of the job "Backup BizTalk Server" so that they run with wanted arguments, in every form that they have."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import agent_job, job_step
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.agent_job import Refused
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.backup_job import (
    DEFAULTS,
    DELETES_FILES,
    SYSTEM_DATABASES,
    is_misplaced,
    value,
)
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change

ARGUMENTS = {                                   # role -> argument -> option
    "compression": {"compress": "compression"},
    "full": {"frequency": "frequency", "mark_name": "mark_name", "path": "path", "force_full": "full_after_partial_set",
             "backup_hour": "backup_hour", "use_local_time": "use_local_time"},
    "log": {"mark_name": "mark_name", "path": "path", "use_local_time": "use_local_time"},
    "clean": {"use_local_time": "use_local_time"},
}
PROCEDURES = {"compression": "sp_SetBackupCompression", "full": "sp_BackupAllFull_Schedule", "log": "sp_MarkAll", "clean": "sp_DeleteBackupHistory"}
ANY_HOUR = "any"


def of_role(reading, role):
    """The steps of a role, in order."""
    return [step for step in reading["steps"] if step["role"] == role]


def plan(job, reading, options, installed, management):
    """``(changes, commands)``: the changes of the steps, and the new commands by the id of the step.

    *installed*: the procedure that deletes files, where one is wanted. *management*: the database in which a step that is touched has to
    run, and every step of a job that shall be enabled; None where it is not known. Raises Refused.
    """
    texts = {step["id"]: step["command"] or "" for step in job["steps"]}
    touched, commands = [], {}
    for step in reading["steps"]:
        procedure, wanted = _wanted(step, options, installed)
        misplaced = management is not None and is_misplaced(step, management)
        before, after, command = {}, {}, texts[step["step_id"]]
        if wanted or procedure is not None:
            before, after, command = _edited(step, command, procedure, wanted, options, reading)
        elif not (options.get("enabled") and misplaced) or step["verdict"] == job_step.UNKNOWN_TEXT:
            continue
        if misplaced:
            _check_database(step, management)
            before = {**before, "database": step["runs_in"]} if isinstance(before, dict) else before
            after = {**after, "database": management}
        touched.append((step, before, after))
        commands[step["step_id"]] = command
    undo = _undo(touched)
    changes = [Change(("steps", step["step_name"]), before, after,
                      [agent_job.call("msdb.dbo.sp_update_jobstep", job_id=job["id"], step_id=step["step_id"], command=commands[step["step_id"]],
                                      **({"database_name": after["database"]} if "database" in after else {}))],
                      undo=_undo_of(step, after, undo, reading))
               for step, before, after in touched if before != after]
    return changes, commands


def _wanted(step, options, installed):
    """``(procedure or None where it stays, {argument: value})`` that the options want of a step."""
    wanted = {argument: _plain(option, options[option]) for argument, option in ARGUMENTS.get(step["role"], {}).items()
              if options.get(option) is not None}
    procedure = None
    if step["role"] == "clean":
        procedure = PROCEDURES["clean"] if options.get("history_days") is not None else installed
        days = options.get("history_days") if options.get("keep_files_days") is None else options["keep_files_days"]
        if days is not None:
            wanted["days_to_keep"] = days
        if (procedure or step["procedure"]) in DELETES_FILES:
            wanted.pop("use_local_time", None)
    return procedure, wanted


def _check_database(step, management):
    """Raises Refused where a step runs in another database on purpose, as it seems: that of another group, or the one its text names."""
    if step["database"] or (step["runs_in"] or "master").casefold() not in SYSTEM_DATABASES:
        raise Refused(f"The step {step['step_name']} runs in the database {step['runs_in']} and not in {management}, so the job may be that of "
                      f"another group. Let the step run in {management} by hand if it is not, or set management_database.")


def _plain(option, given):
    if option == "backup_hour":
        return None if given == ANY_HOUR else int(given)
    return given


def _edited(step, text, procedure, wanted, options, reading):
    """``(what differs before, after, the command)``. Raises Refused where the text is not understood."""
    name = step["step_name"]
    if step["verdict"] == job_step.COMMENTED_OUT:
        wanted = _whole(step, procedure, wanted, reading)
        before, after = "commented out", dict(wanted)
    elif step["verdict"] in (job_step.CONFIGURED, job_step.PLACEHOLDER):
        differ = [argument for argument in wanted if value(step, argument) != wanted[argument]]
        before, after = {a: value(step, a) for a in differ}, {a: wanted[a] for a in differ}
        if procedure not in (None, step["procedure"]):
            before, after = {"procedure": step["procedure"], **before}, {"procedure": procedure, **after}
    else:
        raise Refused(f"The text of the step {name} is not understood, so it is left as it is: {step['problem']} It reads: {_shown(text)} "
                      "Put a call of the product's procedure there by hand.")
    try:
        if step["verdict"] == job_step.COMMENTED_OUT:
            guard = next((other["guard_database"] for other in reading["steps"] if other["guard"] == job_step.INLINE), None)
            command = (text.rstrip() + "\n" if text.strip() else "") + job_step.build(procedure or PROCEDURES[step["role"]], wanted, guard)
        else:
            command = job_step.edit(job_step.switch(text, procedure) if procedure else text,
                                    {argument: wanted[argument] for argument in after if argument != "procedure"})
    except ValueError as error:
        raise Refused(f"The step {name} cannot be given what is declared: {error}") from error
    return before, after, command


def _whole(step, procedure, wanted, reading):
    """Arguments for a step that has none: those wanted, else those of the other step that makes backups."""
    others = [other for role in ("full", "log") for other in of_role(reading, role) if other["verdict"] == job_step.CONFIGURED]
    known = {argument: value(other, argument) for other in others for argument in ("mark_name", "path", "use_local_time")}
    needed = {"full": ("frequency", "mark_name", "path"), "log": ("mark_name", "path"), "clean": ("days_to_keep",)}.get(step["role"], ())
    found = {argument: known[argument] for argument in ARGUMENTS[step["role"]] if argument in known and step["role"] != "clean"} | wanted
    missing = [ARGUMENTS[step["role"]].get(argument, "history_days") for argument in needed if found.get(argument) is None]
    if missing:
        raise Refused(f"The step {step['step_name']} is commented out. To write it anew, give {' and '.join(missing)}.")
    return found


def _undo_of(step, after, undo, reading):
    """The options that bring back what one step had; empty where only a part of it could come back."""
    if "database" in after:                            # no option brings back where it ran
        return {}
    names = {**ARGUMENTS[step["role"]], "days_to_keep": "history_days"}
    options = {names[argument] for argument in after if argument in names}
    if step["role"] == "clean" and {"procedure", "days_to_keep"} & set(after):
        options = options - {"history_days"} | {"history_days", "keep_files_days"} & set(undo)
    if "procedure" in after and step["arguments"].get("use_local_time"):          # the other procedure does not take it
        if not all(value(other, "use_local_time") for role in ("full", "log") for other in of_role(reading, role)):
            return {}
        return {**{option: undo[option] for option in options}, "use_local_time": True}
    return {option: undo[option] for option in options if option in undo}


def _undo(touched):
    """Options that bring back what the steps had, as far as one value of an option says it for all of them."""
    values = {}
    for step, before, _after in touched:
        for argument, option in ARGUMENTS[step["role"]].items():
            if step["procedure"] in DELETES_FILES:
                continue
            if isinstance(before, str):
                values.setdefault(option, []).append(None)
            elif argument in step["arguments"] or argument in DEFAULTS:
                old = value(step, argument)
                values.setdefault(option, []).append((ANY_HOUR if old is None else str(old)) if option == "backup_hour" else old)
        if step["role"] == "clean" and not isinstance(before, str) and value(step, "days_to_keep"):
            option = "keep_files_days" if step["procedure"] in DELETES_FILES else "history_days"
            values.setdefault(option, []).append(value(step, "days_to_keep"))
    return {option: olds[0] for option, olds in values.items()
            if olds[0] is not None and all(old == olds[0] for old in olds) and not (option == "path" and olds[0].startswith("<"))}


def _shown(text):
    """The text of a step in one line, at most 300 characters."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 300 else line[:299] + "…")
