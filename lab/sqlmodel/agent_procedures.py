"""The procedures of msdb that change jobs, steps and schedules, or start and stop a job; and sp_configure.

Source: sql-docs pages of each procedure and the error texts of includes 14000-14999 (catalogue tsql.json). Only a sysadmin, or who
has EXECUTE granted, gets here. Assumed: a started job has ended when the procedure returns; which check comes first.
"""
from __future__ import annotations

import uuid

from lab.sqlmodel import rows
from lab.tsql.lexer import unquoted
from lab.tsql.problem import SqlProblem, not_modelled

TEXTS = {
    14261: "The specified {} ('{}') already exists.", 14262: "The specified {} ('{}') does not exist.",
    14266: "The specified '{}' is invalid (valid values are: {}).", 14287: "The '{}' supplied has an invalid {}.",
    14288: "{} cannot be before {}.", 14294: "Supply either {} or {} to identify the job.",
    14371: 'There are two or more schedules named "{}". Specify {} instead of {} to uniquely identify the schedule.',
    14373: "Supply either {} or {} to identify the schedule.", 22022: "SQLServerAgent Error: {}.",
    15123: "The configuration option '{}' does not exist, or it may be an advanced option.",
    15129: "'{}' is not a valid value for configuration option '{}'.",
}
STEP_DEFAULTS = {"subsystem": "TSQL", "command": None, "flags": 0, "additional_parameters": None, "cmdexec_success_code": 0, "on_success_action": 1,
                 "on_success_step_id": 0, "on_fail_action": 2, "on_fail_step_id": 0, "server": None, "database_name": "master",
                 "database_user_name": None, "retry_attempts": 0, "retry_interval": 0, "os_run_priority": 0, "output_file_name": None}
SCHEDULE_DEFAULTS = {"enabled": 1, "freq_type": 0, "freq_interval": 0, "freq_subday_type": 0, "freq_subday_interval": 0, "freq_relative_interval": 0,
                     "freq_recurrence_factor": 0, "active_start_date": 20260101, "active_end_date": 99991231, "active_start_time": 0,
                     "active_end_time": 235959}
JOB_COLUMNS = {"new_name": "name", "enabled": "enabled", "description": "description", "start_step_id": "start_step_id",
               "notify_level_eventlog": "notify_level_eventlog", "notify_level_email": "notify_level_email", "delete_level": "delete_level"}
ADD_JOBSCHEDULE = [["job_id", "uniqueidentifier", False, False], ["job_name", "sysname", False, False], ["name", "sysname", True, False],
                   *[[name, "tinyint" if name == "enabled" else "int", False, False] for name in SCHEDULE_DEFAULTS],
                   ["schedule_id", "int", False, True]]


def problem(number, *values):
    return SqlProblem(number, 16, 1, TEXTS[number].format(*values))


def change(instance, table, changes, **where):
    """UPDATE of a few columns; the values are already as they are kept."""
    if changes:
        sets, tests = (sep.join(f'"{column}" = ?' for column in columns) for sep, columns in ((", ", changes), (" AND ", where)))
        instance.query(f'UPDATE "msdb.dbo.{table}" SET {sets} WHERE {tests}', (*changes.values(), *where.values()))


def find_job(instance, given):
    """The job that ``job_id`` or ``job_name`` names. Raises 14262, 14294."""
    if ("job_id" in given) == ("job_name" in given):
        raise problem(14294, "@job_name", "@job_id")
    column, key = ("job_id", "job_id") if "job_id" in given else ("name", "job_name")
    found = instance.query(f'SELECT * FROM "msdb.dbo.sysjobs" WHERE {column} = ?', (given[key],))
    if not found:
        raise problem(14262, f"@{key}", given[key])
    return found[0]


def touch(instance, job):
    """A job that is changed gets a new version and date."""
    change(instance, "sysjobs", {"version_number": job["version_number"] + 1, "date_modified": rows.kept(instance.local)}, job_id=job["job_id"])


def one_of(given, name, *allowed):
    if name in given and given[name] not in allowed:
        raise problem(14266, f"@{name}", ", ".join(map(str, allowed)))


def install(world, name):
    """Registers the procedures on one instance of a World."""
    instance = world.instances[name]

    @instance.procedure("msdb.dbo.sp_update_job")
    def update_job(instance, _session, given):
        job = find_job(instance, given)
        strange = given.keys() - JOB_COLUMNS.keys() - {"job_id", "job_name", "owner_login_name", "automatic_post"}
        if strange:
            raise not_modelled(f"sp_update_job @{min(strange)}")
        one_of(given, "enabled", 0, 1)
        changes = {JOB_COLUMNS[key]: value for key, value in given.items() if key in JOB_COLUMNS}
        if given.get("new_name", job["name"]) != job["name"] and instance.query('SELECT 1 FROM "msdb.dbo.sysjobs" WHERE name = ?', (given["new_name"],)):
            raise problem(14261, "@new_name", given["new_name"])
        if "owner_login_name" in given:
            changes["owner_sid"] = _sid(instance, given["owner_login_name"])
        change(instance, "sysjobs", changes, job_id=job["job_id"])
        touch(instance, job)

    @instance.procedure("msdb.dbo.sp_update_jobstep")
    def update_jobstep(instance, _session, given):
        job, step = find_job(instance, given), None
        steps = _steps(instance, job)
        step = next((step for step in steps if step["step_id"] == given["step_id"]), None)
        if step is None:
            raise problem(14262, "@step_id", given["step_id"])
        _verify_step(instance, given, [other for other in steps if other is not step])
        change(instance, "sysjobsteps", {key: value for key, value in given.items() if key in STEP_DEFAULTS or key == "step_name"},
               job_id=job["job_id"], step_id=step["step_id"])
        touch(instance, job)

    @instance.procedure("msdb.dbo.sp_add_jobstep")
    def add_jobstep(instance, _session, given):
        job = find_job(instance, given)
        steps = _steps(instance, job)
        place = given.get("step_id") or len(steps) + 1
        if not 1 <= place <= len(steps) + 1:
            raise problem(14266, "@step_id", f"1..{len(steps) + 1}")
        _verify_step(instance, given, steps)
        instance.query('UPDATE "msdb.dbo.sysjobsteps" SET step_id = step_id + 1 WHERE job_id = ? AND step_id >= ?', (job["job_id"], place))
        step = {key: given.get(key, value) for key, value in STEP_DEFAULTS.items()}
        given["step_uid"] = str(uuid.uuid5(rows.ROOT, f"{job['job_id']}/{given['step_name']}/{job['version_number']}")).upper()
        instance.insert("msdb", "dbo.sysjobsteps", [{
            **step, "job_id": job["job_id"], "step_id": place, "step_name": given["step_name"], "step_uid": given["step_uid"], "last_run_outcome": 0,
            "last_run_duration": 0, "last_run_retries": 0, "last_run_date": 0, "last_run_time": 0}])
        touch(instance, job)

    @instance.procedure("msdb.dbo.sp_delete_jobstep")
    def delete_jobstep(instance, _session, given):
        job = find_job(instance, given)
        if given["step_id"] != 0 and given["step_id"] not in {step["step_id"] for step in _steps(instance, job)}:
            raise problem(14262, "@step_id", given["step_id"])
        instance.query('DELETE FROM "msdb.dbo.sysjobsteps" WHERE job_id = ? AND ? IN (0, step_id)', (job["job_id"], given["step_id"]))
        instance.query('UPDATE "msdb.dbo.sysjobsteps" SET step_id = step_id - 1 WHERE job_id = ? AND step_id > ? AND ? > 0',
                       (job["job_id"], given["step_id"], given["step_id"]))
        touch(instance, job)

    @instance.procedure("msdb.dbo.sp_add_schedule")
    def add_schedule(instance, _session, given):
        given["schedule_id"] = _add_schedule(instance, given["schedule_name"], given)

    @instance.procedure("msdb.dbo.sp_update_schedule")
    def update_schedule(instance, _session, given):
        schedule = _schedule(instance, given, "name")
        changes = {key: value for key, value in given.items() if key in SCHEDULE_DEFAULTS}
        _verify_schedule({**{key: schedule[key] for key in SCHEDULE_DEFAULTS}, **changes})
        if "new_name" in given:
            changes["name"] = given["new_name"]
        if "owner_login_name" in given:
            changes["owner_sid"] = _sid(instance, given["owner_login_name"])
        changes |= {"version_number": schedule["version_number"] + 1, "date_modified": rows.kept(instance.local)}
        change(instance, "sysschedules", changes, schedule_id=schedule["schedule_id"])

    @instance.procedure("msdb.dbo.sp_attach_schedule")
    def attach_schedule(instance, _session, given):
        job, schedule = find_job(instance, given), _schedule(instance, given, "schedule_name")
        _attach(instance, job, schedule["schedule_id"])

    @instance.procedure("msdb.dbo.sp_detach_schedule")
    def detach_schedule(instance, _session, given):
        job, schedule = find_job(instance, given), _schedule(instance, given, "schedule_name")
        key = schedule["schedule_id"]
        instance.query('DELETE FROM "msdb.dbo.sysjobschedules" WHERE job_id = ? AND schedule_id = ?', (job["job_id"], key))
        if given.get("delete_unused_schedule") and not instance.query('SELECT 1 FROM "msdb.dbo.sysjobschedules" WHERE schedule_id = ?', (key,)):
            instance.query('DELETE FROM "msdb.dbo.sysschedules" WHERE schedule_id = ?', (key,))
        touch(instance, job)

    @instance.procedure("msdb.dbo.sp_add_jobschedule", ADD_JOBSCHEDULE)
    def add_jobschedule(instance, _session, given):
        job = find_job(instance, given)
        given["schedule_id"] = _add_schedule(instance, given["name"], {key: value for key, value in given.items() if key in SCHEDULE_DEFAULTS})
        _attach(instance, job, given["schedule_id"])

    @instance.procedure("msdb.dbo.sp_start_job")
    def start_job(instance, session, given):
        row = find_job(instance, given)
        if not rows.agent_runs(instance):
            raise problem(22022, "SQLServerAgent is not currently running so it cannot be notified of this action")
        job = next(job for job in world.jobs_of(name) if job.id == row["job_id"])
        if job.running:
            world.flush()
            raise problem(22022, f"Request to run job {job.name} (from User {session.login}) refused because the job is already running")
        if "step_name" in given and given["step_name"].casefold() not in {step.name.casefold() for step in job.steps}:
            raise problem(14262, "@step_name", given["step_name"])
        if job.runs_on:
            job.begin(instance.local)
        elif job.steps:
            world.start_job(name, job, instance.local, f"User {session.login}", given.get("step_name"))
        world.flush()
        session.message(f"Job '{row['name']}' started successfully.", 14243)

    @instance.procedure("msdb.dbo.sp_stop_job")
    def stop_job(instance, session, given):
        row = find_job(instance, given)
        job = next(job for job in world.jobs_of(name) if job.id == row["job_id"])
        if not job.running:
            world.flush()
            raise problem(22022, f"Request to stop job {job.name} (from User {session.login}) refused because the job is not currently running")
        job.end(instance.local)
        world.flush()
        session.message(f"Job '{row['name']}' stopped successfully.", 14254)

    @instance.procedure("master.dbo.sp_configure")
    def configure(instance, session, given):
        if given.keys() != {"configname", "configvalue"}:
            raise not_modelled("sp_configure without a value")
        found = instance.query('SELECT * FROM "master.sys.configurations" WHERE name = ?', (given["configname"],))
        if not found:
            raise problem(15123, given["configname"])
        if not found[0]["minimum"] <= given["configvalue"] <= found[0]["maximum"]:
            raise problem(15129, given["configvalue"], given["configname"])
        instance.query('UPDATE "master.sys.configurations" SET value = ? WHERE name = ?', (given["configvalue"], given["configname"]))
        session.message(f"Configuration option '{found[0]['name']}' changed from {found[0]['value']} to {given['configvalue']}. "
                        "Run the RECONFIGURE statement to install.", 15457)

    @instance.statement("RECONFIGURE")
    def reconfigure(instance, session, _statement, _parameters):
        if not instance.rights.is_sysadmin(session.login):
            raise SqlProblem(5812, 14, 1, "You do not have permission to run the RECONFIGURE statement.")
        instance.query('UPDATE "master.sys.configurations" SET value_in_use = value')


def _steps(instance, job):
    return instance.query('SELECT * FROM "msdb.dbo.sysjobsteps" WHERE job_id = ? ORDER BY step_id', (job["job_id"],))


def _sid(instance, login):
    found = instance.query('SELECT sid FROM "master.sys.server_principals" WHERE name = ?', (unquoted(login),))
    if not found:
        raise problem(14262, "@owner_login_name", login)
    return found[0]["sid"]


def _verify_step(instance, given, others):
    if given.get("step_name", "").casefold() in {other["step_name"].casefold() for other in others}:
        raise problem(14261, "@step_name", given["step_name"])
    one_of(given, "on_success_action", 1, 2, 3, 4)
    one_of(given, "on_fail_action", 1, 2, 3, 4)
    if given.get("subsystem", "TSQL").upper() not in ("TSQL", "CMDEXEC", "POWERSHELL", "SSIS", "ACTIVESCRIPTING"):
        raise problem(14262, "@subsystem", given["subsystem"])
    if given.get("database_name") and given["database_name"].casefold() not in {known.casefold() for known in instance.databases}:
        raise problem(14262, "@database_name", given["database_name"])


def _add_schedule(instance, name, given):
    schedule = {**SCHEDULE_DEFAULTS, **{key: value for key, value in given.items() if key in SCHEDULE_DEFAULTS}}
    _verify_schedule(schedule)
    number = rows.highest(instance, "msdb.dbo.sysschedules", "schedule_id") + 1
    instance.insert("msdb", "dbo.sysschedules", [{
        **schedule, "schedule_id": number, "schedule_uid": rows.guid("schedule", instance.name, name, number), "originating_server_id": 0, "name": name,
        "owner_sid": b"\1", "date_created": instance.local, "date_modified": instance.local, "version_number": 1}])
    return number


def _verify_schedule(schedule):
    one_of(schedule, "enabled", 0, 1)
    one_of(schedule, "freq_type", 0, 1, 4, 8, 16, 32, 64, 128)
    one_of(schedule, "freq_subday_type", 0, 1, 2, 4, 8)
    if schedule["freq_subday_type"] in (2, 4, 8) and schedule["freq_subday_interval"] < 1:
        raise problem(14266, "@freq_subday_interval", "1..")
    for name in ("active_start_time", "active_end_time"):
        value = schedule[name]
        if value // 10000 > 23 or value // 100 % 100 > 59 or value % 100 > 59 or value < 0:
            raise problem(14287, f"@{name}", "hour" if value // 10000 > 23 else "minute" if value // 100 % 100 > 59 else "second")
    if schedule["active_end_date"] < schedule["active_start_date"]:
        raise problem(14288, "@active_end_date", "@active_start_date")


def _schedule(instance, given, by_name):
    if ("schedule_id" in given) == (by_name in given):
        raise problem(14373, "@schedule_id", f"@{by_name}")
    column, key = ("schedule_id", "schedule_id") if "schedule_id" in given else ("name", by_name)
    found = instance.query(f'SELECT * FROM "msdb.dbo.sysschedules" WHERE {column} = ?', (given[key],))
    if not found:
        raise problem(14262, f"@{key}", given[key])
    if len(found) > 1:
        raise problem(14371, given[key], "@schedule_id", f"@{by_name}")
    return found[0]


def _attach(instance, job, number):
    if not instance.query('SELECT 1 FROM "msdb.dbo.sysjobschedules" WHERE job_id = ? AND schedule_id = ?', (job["job_id"], number)):
        instance.insert("msdb", "dbo.sysjobschedules", [{"schedule_id": number, "job_id": job["job_id"], "next_run_date": 0, "next_run_time": 0}])
    touch(instance, job)
