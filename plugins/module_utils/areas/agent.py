# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``agent``: the jobs of SQL Server Agent with their steps, schedules and history, and its operators.

Times of the Agent are the server's own clock. The text of a step may hold anything, passwords too, so it is read only of the jobs that
the product delivers; of any other it is read whether a procedure is called that destroys data, and of all whether they ask for the
primary replica. History is that of the last 14 days: every row of the backup job, of other jobs what did not succeed.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import guid, known, select

NAME = "agent"
WINDOW_DAYS = 14
STATUSES = {0: "failed", 1: "succeeded", 2: "retry", 3: "canceled", 4: "in_progress"}
NEVER_RAN = 5
JOBS_LIMIT, PARTS_LIMIT, HISTORY_LIMIT, FAILURES_LIMIT = 2000, 10000, 10000, 2000

_BACKUP = "j.name LIKE N'Backup BizTalk Server%'"
_DELIVERED = f"{_BACKUP} OR j.name LIKE N'DTA Purge and Archive%'"
_HISTORY = ("FROM msdb.dbo.sysjobhistory AS h INNER JOIN msdb.dbo.sysjobs AS j ON j.job_id = h.job_id "
            f"WHERE h.run_date >= CONVERT(int, CONVERT(char(8), DATEADD(day, -{WINDOW_DAYS}, GETDATE()), 112)) AND ")
_NEWEST_FIRST = " ORDER BY h.instance_id DESC"


def _reads(*tables):
    return tuple(("SELECT", f"msdb.dbo.{table}") for table in tables)


CLOCK = select("agent.clock", {"clock": ("instant", "SYSDATETIMEOFFSET()"), "local_clock": ("local", "GETDATE()")}, "")
JOBS = select("agent.jobs", {
    "id": guid("j.job_id"), "name": ("text", "j.name"), "is_enabled": ("boolean", "CASE WHEN j.enabled <> 0 THEN 1 ELSE 0 END"),
    "owner": ("text", "SUSER_SNAME(j.owner_sid)"), "category": ("text", "c.name"), "start_step_id": ("number", "j.start_step_id"),
    "last_status": ("number", "v.last_run_outcome"), "last_date": ("number", "v.last_run_date"), "last_time": ("number", "v.last_run_time"),
    "last_duration": ("number", "v.last_run_duration")},
    "FROM msdb.dbo.sysjobs AS j LEFT JOIN msdb.dbo.syscategories AS c ON c.category_id = j.category_id "
    "LEFT JOIN msdb.dbo.sysjobservers AS v ON v.job_id = j.job_id AND v.server_id = 0 ORDER BY j.name",
    *_reads("sysjobs", "syscategories", "sysjobservers"), limit=JOBS_LIMIT)
STEPS = select("agent.steps", {
    "job": guid("s.job_id"), "id": ("number", "s.step_id"), "name": ("text", "s.step_name"), "subsystem": ("text", "s.subsystem"),
    "command": ("text", f"CASE WHEN {_DELIVERED} THEN s.command END"), "database_name": ("text", "s.database_name"),
    "destroys": ("text", "CASE WHEN s.command LIKE N'%adm[_]CleanupMgmtDB%' THEN N'adm_CleanupMgmtDB' "
                         "WHEN s.command LIKE N'%bts[_]CleanupMsgbox%' THEN N'bts_CleanupMsgbox' END"),
    "asks_for_primary": ("boolean", "CASE WHEN s.command LIKE N'%fn[_]hadr[_]is[_]primary[_]replica%' THEN 1 ELSE 0 END"),
    "on_success_action": ("number", "s.on_success_action"), "on_success_step": ("number", "s.on_success_step_id"),
    "on_fail_action": ("number", "s.on_fail_action"), "on_fail_step": ("number", "s.on_fail_step_id")},
    "FROM msdb.dbo.sysjobsteps AS s INNER JOIN msdb.dbo.sysjobs AS j ON j.job_id = s.job_id ORDER BY j.name, s.step_id",
    *_reads("sysjobsteps", "sysjobs"), limit=PARTS_LIMIT)
SCHEDULES = select("agent.schedules", {
    "job": guid("b.job_id"), "id": ("number", "s.schedule_id"), "name": ("text", "s.name"),
    "is_enabled": ("boolean", "CASE WHEN s.enabled <> 0 THEN 1 ELSE 0 END"),
    **{column: ("number", f"s.{column}") for column in (
        "freq_type", "freq_interval", "freq_subday_type", "freq_subday_interval", "freq_recurrence_factor", "active_start_date",
        "active_end_date", "active_start_time", "active_end_time")}},
    "FROM msdb.dbo.sysjobschedules AS b INNER JOIN msdb.dbo.sysschedules AS s ON s.schedule_id = b.schedule_id ORDER BY s.schedule_id",
    *_reads("sysjobschedules", "sysschedules"), limit=PARTS_LIMIT)
_ROW = {
    "job": guid("h.job_id"), "id": ("number", "h.instance_id"), "step_id": ("number", "h.step_id"), "step_name": ("text", "h.step_name"),
    "status": ("number", "h.run_status"), "run_date": ("number", "h.run_date"), "run_time": ("number", "h.run_time"),
    "duration": ("number", "h.run_duration"), "message": ("text", "CASE WHEN h.run_status <> 1 THEN h.message END"),
    "number": ("number", "h.sql_message_id")}
HISTORY = select("agent.history", _ROW, f"{_HISTORY}{_BACKUP}{_NEWEST_FIRST}", *_reads("sysjobhistory", "sysjobs"), limit=HISTORY_LIMIT)
FAILURES = select("agent.failures", _ROW, f"{_HISTORY}NOT ({_BACKUP}) AND h.run_status IN (0, 2, 3){_NEWEST_FIRST}",
                  *_reads("sysjobhistory", "sysjobs"), limit=FAILURES_LIMIT)
RUNNING = select("agent.running", {"job": guid("a.job_id"), "started": ("local", "a.start_execution_date")},
                 "FROM msdb.dbo.sysjobactivity AS a WHERE a.session_id = (SELECT MAX(s.session_id) FROM msdb.dbo.syssessions AS s) "
                 "AND a.start_execution_date IS NOT NULL AND a.stop_execution_date IS NULL", *_reads("sysjobactivity", "syssessions"))
OPERATORS = select("agent.operators", {
    "name": ("text", "o.name"), "is_enabled": ("boolean", "CASE WHEN o.enabled <> 0 THEN 1 ELSE 0 END"),
    "has_address": ("boolean", "CASE WHEN o.email_address <> N'' THEN 1 ELSE 0 END")},
    "FROM msdb.dbo.sysoperators AS o ORDER BY o.name", *_reads("sysoperators"))


def queries():
    """The queries that read the area, in order."""
    return [CLOCK, JOBS, STEPS, SCHEDULES, HISTORY, FAILURES, RUNNING, OPERATORS]


def shape(answers):
    """The Agent as plain data; what was not seen is a hole (see ``observed``). Newest history first, a hole closes what was cut."""
    clock = query.one(CLOCK, answers)
    parts = {asked.name: query.every(asked, answers, lambda row: row) for asked in (STEPS, SCHEDULES, HISTORY, FAILURES, RUNNING)}
    return {
        "clock": query.value(clock, "clock"),
        "local_clock": query.value(clock, "local_clock"),
        "window_days": WINDOW_DAYS,
        "jobs": query.every(JOBS, answers, lambda row: _job(row, parts)),
        "operators": query.every(OPERATORS, answers, lambda row: {
            "name": row["name"], "enabled": row["is_enabled"], "has_address": row["has_address"]}),
    }


def of_backup(name):
    """Whether a job's whole history is read; of any other only what did not succeed."""
    return name.casefold().startswith("backup biztalk server")


def _job(row, parts):
    running = _of(row["id"], parts[RUNNING.name], lambda one: one["started"])
    return {
        "name": row["name"], "id": row["id"], "enabled": row["is_enabled"], "owner": row["owner"], "category": row["category"],
        "start_step_id": row["start_step_id"],
        "steps": _of(row["id"], parts[STEPS.name], _step),
        "schedules": _of(row["id"], parts[SCHEDULES.name], _schedule),
        "history": _of(row["id"], parts[(HISTORY if of_backup(row["name"]) else FAILURES).name], _run),
        "running": running if observed.is_hole(running) else bool(running),
        "running_since": None if observed.is_hole(running) else next(iter(running), None),
        "last_run": _last_run(row),
    }


def _of(job, rows, shape):
    """The rows of a job; the hole that closes a list that was cut stands for rows of every job."""
    if observed.is_hole(rows):
        return rows
    return [row if observed.is_hole(row) else shape(row) for row in rows if observed.is_hole(row) or row["job"] == job]


def _step(row):
    """*command*: null where it was not read. *database*: where it runs."""
    return {"id": row["id"], "name": row["name"], "subsystem": row["subsystem"], "command": row["command"], "database": row["database_name"],
            "destroys": row["destroys"], "asks_for_primary": row["asks_for_primary"],
            **{name: row[name] for name in ("on_success_action", "on_success_step", "on_fail_action", "on_fail_step")}}


def _schedule(row):
    return {"enabled": row["is_enabled"], **{name: value for name, value in row.items() if name not in ("job", "is_enabled")}}


def _run(row):
    """One step that ran, or with *step_id* 0 the outcome of a whole run. *message*: null where it succeeded."""
    return {"id": row["id"], "step_id": row["step_id"], "step_name": row["step_name"],
            "status": known(STATUSES, "run_status", row["status"]), "started": time_of(row["run_date"], row["run_time"]),
            "duration_seconds": seconds_of(row["duration"]), "message": row["message"], "number": row["number"]}


def _last_run(row):
    """The newest run that is over; null where there was none."""
    if row["last_status"] in (None, NEVER_RAN) or not row["last_date"]:
        return None
    return {"status": known(STATUSES, "last_run_outcome", row["last_status"]), "started": time_of(row["last_date"], row["last_time"]),
            "duration_seconds": seconds_of(row["last_duration"])}


def time_of(date, time):
    """The Agent's yyyymmdd and hhmmss as local time: 20261124, 90002 -> 2026-11-24T09:00:02."""
    return f"{date // 10000:04}-{date // 100 % 100:02}-{date % 100:02}T{time // 10000:02}:{time // 100 % 100:02}:{time % 100:02}"


def seconds_of(duration):
    """The Agent's duration, hhmmss with any number of hours, as seconds."""
    return duration // 10000 * 3600 + duration // 100 % 100 * 60 + duration % 100
