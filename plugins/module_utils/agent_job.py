# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Changes to jobs of SQL Server Agent, from the snapshot of the area ``agent``: on, off, owner, and how often a job is started."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, schedules
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Statement

WHOLE_DAY = 235959
END_OF_TIME = 99991231
NAME_OF_SCHEDULE = "MarkAndBackupLogSched"


class Refused(Exception):
    """The plan cannot be made; the text says why and what would help."""


def call(procedure, database="master", **values):
    """``EXEC procedure @name = ?, …;``. *procedure* and the names are ours, never text of others."""
    named = ", ".join(f"@{name} = ?" for name in values)
    return Statement(f"EXEC {procedure} {named};" if named else f"EXEC {procedure};", tuple(values.values()), database)


def seen(value, what):
    """The value; raises Refused where it was not seen."""
    if observed.is_hole(value):
        raise Refused(f"{what} could not be read: {observed.detail(value)}")
    return value


def jobs_of(agent):
    """Every job of the instance. Raises Refused where one may be missing."""
    jobs = seen(seen(agent, "SQL Server Agent")["jobs"], "The jobs of SQL Server Agent")
    for job in jobs:
        seen(job, "The jobs of SQL Server Agent")
    return jobs


def update(job, **values):
    """The statement that changes properties of a job."""
    return call("msdb.dbo.sp_update_job", job_id=job["id"], **values)


def enabled_change(job, wanted):
    """The change that enables or disables a job, or None."""
    if wanted is None or job["enabled"] == wanted:
        return None
    return Change(("enabled",), job["enabled"], wanted, [update(job, enabled=int(wanted))], undo={"enabled": job["enabled"]})


def is_started(agent, job):
    """Whether a schedule starts the job from now on. Raises Refused where that was not seen."""
    return seen(schedules.start_anything(job["schedules"], agent["local_clock"]), "The schedules of the job")


def check_interval(minutes):
    """Raises Refused where a job cannot be started that often."""
    if minutes is not None and not 1 <= minutes <= 60:
        raise Refused("interval_minutes must be between 1 and 60.")


def schedule_change(agent, job, jobs, minutes, name):
    """The change that starts a job every *minutes* round the clock, or None. *name*: of a schedule that must be made. Raises Refused."""
    if minutes is None:
        return None
    attached = [seen(schedule, "The schedules of the job") for schedule in seen(job["schedules"], "The schedules of the job")]
    clock = seen(agent["local_clock"], "The server's clock")
    if any(schedules.starts_from_now(schedule, clock) and schedules.even_minutes(schedule) == minutes for schedule in attached):
        return None
    if not attached:
        wanted = _wanted(minutes, _date(clock), END_OF_TIME)
        return Change(("schedules", name), None, {"every_minutes": minutes},
                      [call("msdb.dbo.sp_add_jobschedule", job_id=job["id"], name=name, **wanted)])
    if len(attached) > 1:
        raise Refused(f"The job has {len(attached)} schedules ({', '.join(schedule['name'] for schedule in attached)}), none of which starts it "
                      f"every {minutes} minutes. Leave it one, and run the task again.")
    return _updated(attached[0], job, jobs, minutes, clock)


def _updated(schedule, job, jobs, minutes, clock):
    today = _date(clock)
    for other in jobs:
        if other["id"] != job["id"] and any(schedule["id"] == one["id"] for one in seen(other["schedules"], f"The schedules of {other['name']}")
                                            if not observed.is_hole(one)):
            raise Refused(f"The schedule {schedule['name']} starts the job {other['name']}, too. Give {job['name']} one of its own.")
    wanted = _wanted(minutes, min(schedule["active_start_date"], today), max(schedule["active_end_date"], today))
    if schedule["active_end_date"] < today:
        wanted["active_end_date"] = END_OF_TIME
    now = {name: int(schedule[name]) for name in wanted}
    changed = [name for name in wanted if wanted[name] != now[name]]
    before = schedules.even_minutes(schedule) if schedules.starts_from_now(schedule, clock) else None
    return Change(("schedules", schedule["name"]), {name: now[name] for name in changed}, {name: wanted[name] for name in changed},
                  [call("msdb.dbo.sp_update_schedule", schedule_id=schedule["id"], **wanted)],
                  undo={"interval_minutes": before} if before and before <= 60 else {})


def _date(clock):
    """ISO 8601 -> yyyymmdd."""
    return int(clock[:10].replace("-", ""))


def _wanted(minutes, start, end):
    return {"enabled": 1, "freq_type": schedules.DAILY, "freq_interval": 1, "freq_subday_type": schedules.MINUTES, "freq_subday_interval": minutes,
            "freq_recurrence_factor": 0, "active_start_date": start, "active_end_date": end, "active_start_time": 0,
            "active_end_time": WHOLE_DAY}
