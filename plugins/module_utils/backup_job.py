# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The job "Backup BizTalk Server" as it is read, for the audit and for what configures it: which job it is, its steps by what they do and with
what, when it starts, and whether it would back up anything.

The text of steps is read by ``job_step``; a step whose text cannot be vouched for is a hole and not a verdict.
"""

from datetime import datetime, time, timedelta

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import job_step, observed, schedules

ROLES = ("compression", "full", "log", "clean")
ARGUMENTS = ("frequency", "mark_name", "path", "force_full", "backup_hour", "use_local_time", "days_to_keep", "compress")
DEFAULTS = {"force_full": False, "backup_hour": None, "use_local_time": False, "days_to_keep": None}
LONGEST = {"mark_name": 8, "path": 128}           # characters that the procedures take; what is longer they cut without a word
DELETES_FILES = ("sp_DeleteBackupHistoryAndFiles", "sp_DeleteBackupHistoryAndFiles2013")       # by the server's local clock, always
SYSTEM_DATABASES = ("master", "model", "msdb", "tempdb")


def find(jobs, management_database):
    """The job of a management database; None where there is none, a hole where that cannot be told."""
    if observed.is_hole(jobs):
        return jobs
    for name in (f"backup biztalk server ({management_database})".casefold(), "backup biztalk server"):
        found = [job for job in jobs if not observed.is_hole(job) and job["name"].casefold() == name]
        if found:
            return found[-1]
    return next((job for job in jobs if observed.is_hole(job)), None)


def read(job, commands=None):
    """``job_step.read_job`` of a job of the area ``agent``, with the database ``runs_in`` of each step. *commands*: id of a step -> the
    command that it shall have."""
    steps = [{"step_id": step["id"], "step_name": step["name"], "subsystem": step["subsystem"],
              "command": (commands or {}).get(step["id"], step["command"]), "on_success_action": step["on_success_action"],
              "on_success_step_id": step["on_success_step"], "on_fail_action": step["on_fail_action"]} for step in job["steps"]]
    reading = job_step.read_job({"name": job["name"], "start_step_id": job["start_step_id"], "steps": steps})
    databases = {step["id"]: step["database"] for step in job["steps"]}
    for step in reading["steps"]:
        step["runs_in"] = step["database"] or databases[step["step_id"]]
    return reading


def is_misplaced(step, management_database):
    """Whether a step of a role calls its procedure in another database than that of the group."""
    return step["role"] in ROLES and (step["runs_in"] or "master").casefold() != management_database.casefold()


def value(step, argument):
    """What a step of ``read`` runs with, the default of the procedure where its text is silent; None too where the text gives nothing."""
    return step["arguments"].get(argument, DEFAULTS.get(argument))


def characters(text):
    """How many characters of a parameter a text takes: UTF-16 units."""
    return len((text or "").encode("utf-16-le")) // 2


def archive_folder(jobs):
    """Where the job "DTA Purge and Archive" writes, None where it does not archive or that was not seen."""
    for job in [] if observed.is_hole(jobs) else jobs:
        if observed.is_hole(job) or observed.is_hole(job["steps"]) or not job["name"].casefold().startswith("dta purge and archive"):
            continue
        for step in job["steps"]:
            if not observed.is_hole(step) and step["command"]:
                folder = job_step.read(step["command"], job["name"], step["subsystem"]).arguments.get("folder")
                if folder:
                    return folder
    return None


def interval_minutes(job, local_clock):
    """The longest time between two starts of the job from now on, None where nothing starts it again and again; may be a hole."""
    return schedules.smallest(job["schedules"], local_clock, schedules.interval_minutes)


def facts(job, management_database, local_clock):
    """The job as plain data: see ``subjects.yml``, ``backup.job``. *local_clock*: of the server, as it says."""
    steps = _steps(job)
    interval = interval_minutes(job, local_clock)
    full, log, clean, compression = (_role(steps, role) for role in ("full", "log", "clean", "compression"))
    hour = full if observed.is_hole(full) or full is None else full["backup_hour"]
    return {
        "name": job["name"], "enabled": job["enabled"], "owner": job["owner"], "running": job["running"],
        "steps": steps,
        "in_order": steps if observed.is_hole(steps) else _in_order([step["role"] for step in steps if step["role"] in ROLES]),
        "full": full, "log": log, "clean": clean, "compression": compression,
        "interval_minutes": interval,
        "starts_in_backup_hour": hour if observed.is_hole(hour) else True if hour is None else schedules.smallest(
            job["schedules"], local_clock, lambda schedule: schedules.starts_in_hour(schedule, hour) or None) is not None,
        "local_time_agrees": _agree([full, log, clean], "use_local_time"),
        "mark_names_agree": _agree([full, log], "mark_name"),
        "backs_up_nothing_because": _nothing(job, steps, interval, management_database),
    }


def _steps(job):
    """The steps with what each does: ``role`` by its procedure, else by its name; ``verdict`` of ``job_step``."""
    if observed.is_hole(job["steps"]) or any(observed.is_hole(step) for step in job["steps"]):
        return job["steps"] if observed.is_hole(job["steps"]) else next(step for step in job["steps"] if observed.is_hole(step))
    return [_step(step) for step in read(job)["steps"]]


def _step(step):
    unread = observed.hole("failed", f"The text of the step {step['step_name']} is not understood: {step['problem']}")
    vouched = step["verdict"] in (job_step.CONFIGURED, job_step.PLACEHOLDER)
    given = {name: value(step, name) for name in ARGUMENTS}
    if step["procedure"] in DELETES_FILES:
        given["use_local_time"] = True
    cut = any(characters(given[name]) > longest for name, longest in LONGEST.items())
    return {
        "name": step["step_name"], "id": step["step_id"], "role": step["role"] or "other", "procedure": step["procedure"], "reached": step["reached"],
        "runs_in": step["runs_in"], "guard": step["guard"], "cut_silently": cut if vouched else unread,
        "verdict": unread if step["verdict"] == job_step.UNKNOWN_TEXT else step["verdict"],
        **{name: given[name] if vouched else None if step["verdict"] == job_step.COMMENTED_OUT else unread for name in ARGUMENTS}}


def _in_order(roles):
    """Whether the steps stand in the order of ``ROLES``: a log set needs its full, and cleaning comes last."""
    return roles == sorted(roles, key=ROLES.index)


def _role(steps, role):
    """The step of a role; None where the job has none, the first one that runs where it has several."""
    if observed.is_hole(steps):
        return steps
    found = [step for step in steps if step["role"] == role]
    return next((step for step in found if step["reached"]), found[0] if found else None)


def _agree(steps, argument):
    """Whether all steps that are there have the same value."""
    values = [step if observed.is_hole(step) else step[argument] for step in steps if step is not None]
    known = {value for value in values if not observed.is_hole(value)}
    return False if len(known) > 1 else next((value for value in values if observed.is_hole(value)), True)


def _nothing(job, steps, interval, management_database):
    """Why the job backs up nothing as it is, one sentence; None where it does."""
    if job["enabled"] is False:
        return "The job is disabled."
    if interval is None:
        return "No enabled schedule starts the job."
    if observed.is_hole(steps):
        return steps
    for role in ("full", "log"):
        named = [step for step in steps if step["role"] == role]
        if not named:
            return f"The job has no step that makes {role} backups."
        step = _role(steps, role)
        if observed.is_hole(step["verdict"]):
            return step["verdict"]
        if step["verdict"] != job_step.CONFIGURED:
            return f"The step {step['name']} is {step['verdict'].replace('_', ' ')}."
        if is_misplaced(step, management_database):
            return f"The step {step['name']} runs in the database {step['runs_in'] or 'master'}, and its procedure is in {management_database}."
        if not step["reached"]:
            return f"The step {step['name']} is never reached."
    return interval if observed.is_hole(interval) else None


def full_periods(full, fulls, runs, clock, since, running):
    """The days since *since* whose full backup was due: ``{name, outcome}`` by the day, newest first.

    *full*: the full step of ``facts``. *fulls*: UTC times of all full sets, complete or not. *runs*: local times at which the job started,
    or a hole; a hole among them stands for older ones. *since*: UTC, from when sets and their absence are known. *running*: while the
    job runs, what it has not made yet it may still make. The period of a full is a day of the clock that the step uses, its hour always
    local; a full that is not due by the day is judged by its age alone.
    """
    if full is None or observed.is_hole(full):
        return full or []
    unseen = next((full[name] for name in ("frequency", "use_local_time", "backup_hour") if observed.is_hole(full[name])), None)
    if unseen or full["frequency"] != "d":
        return unseen or []
    local, hour = full["use_local_time"], full["backup_hour"]
    hour = 0 if hour is not None and not 0 <= hour <= 23 else hour
    made = {(clock.local(moment) if local else moment).date() for moment in fulls}
    day, periods = (clock.local_now if local else clock.now).date(), []
    while True:
        midnight = datetime.combine(day, time())
        begin = midnight if local else clock.local(midnight)
        end = begin + timedelta(days=1)
        if hour is not None:
            begin = begin.replace(hour=hour, minute=0, second=0) + timedelta(days=1 if begin.hour > hour else 0)
            end = begin + timedelta(hours=1)
        if clock.utc(begin) < since:
            return periods
        if day in made or end <= clock.local_now and (periods or running is False):
            started = any(begin <= run < end for run in _seen(runs))
            periods.append({"name": day.isoformat(), "outcome": "made" if day in made else _missed(started, runs, begin, hour)})
        day -= timedelta(days=1)


def _seen(runs):
    return [] if observed.is_hole(runs) else [run for run in runs if not observed.is_hole(run)]


def _missed(started, runs, begin, hour):
    """Why a full was not made, as far as the history of the job tells."""
    if started:
        return "not made, though the job started"
    if not any(run < begin for run in _seen(runs)):
        return "not made; the history of the job does not reach back to it"
    return "not made: no run started in it" if hour is None else f"not made: no run started between {hour:02}:00 and {hour:02}:59"
