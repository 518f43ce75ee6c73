"""The Agent's jobs as BizTalk's set-up leaves them, as an administrator has configured them, and the jobs of an administrator's own.

Sources: names, purposes and schedules: domain-facts section 8 (core/database-structure-and-jobs.md and the scripted jobs of 2020);
the four steps of the backup job: backup-procedures section 5 [P20]; the purge call: field records fork-dta-1 and doc-dta-purge; the
guard of an availability group: domain-facts section 11. Assumed: step names and calls of the jobs that no record shows.
"""
from __future__ import annotations

from datetime import datetime

from lab.sqlmodel.rows import guid

MINUTE, MINUTES_5, QUARTER, HOUR, HALF_DAY = (4, 1), (4, 5), (4, 15), (8, 1), (8, 12)
PLACEHOLDER = "<destination path>"
MADE = datetime(2024, 2, 6, 9, 30)


def backup_steps(settings):
    """The steps of the backup job. *settings*: path, mark, hour, and so on; None leaves the placeholders of the product."""
    if settings is None:
        full = f"exec [dbo].[sp_BackupAllFull_Schedule] 'd' /* Frequency */, 'BTS' /* Name */, '{PLACEHOLDER}' /* location of backup files */"
        log = f"exec [dbo].[sp_MarkAll] 'BTS' /*  Log mark name */, '{PLACEHOLDER}' /* location of backup files */"
        return "exec [dbo].[sp_SetBackupCompression] @bCompression = 0 /*0 - Do not use Compression, 1 - Use Compression */", full, log, (
            "exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep=14")
    about = {"frequency": "d", "mark": "BTS", "force": 1, "hour": "NULL", "local_time": 1, "compression": 1, "days": 14, **settings}
    return (
        f"exec [dbo].[sp_SetBackupCompression] @bCompression = {about['compression']} /*0 - Do not use Compression, 1 - Use Compression */",
        f"exec [dbo].[sp_BackupAllFull_Schedule] '{about['frequency']}' /* Frequency */, '{about['mark']}' /* Name */, "
        f"'{about['path']}' /* location of backup files */, {about['force']} /* ForceFullBackupAfterPartialSetFailure */, "
        f"{about['hour']} /* local time hour */, {about['local_time']} /* UseLocalTime */",
        f"exec [dbo].[sp_MarkAll] '{about['mark']}' /*  Log mark name */, '{about['path']}' /* location of backup files */, {about['local_time']}",
        f"exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep={about['days']}, @UseLocalTime={about['local_time']}")


def management_jobs(database, settings):
    """The jobs of a management database. *settings*: see ``backup_steps``."""
    compression, full, log, clear = backup_steps(settings)
    yield {"name": f"Backup BizTalk Server ({database})", "enabled": int(settings is not None), "database": database, "every": QUARTER,
           "schedule": "MarkAndBackupLogSched", "description": "Backup of the databases of BizTalk Server. Configure steps 2 and 3.",
           "steps": [("Set Compression Option", compression, 3, 3), ("BackupFull", full, 3, 2), ("MarkAndBackupLog", log, 3, 2),
                     ("Clear Backup History", clear, 1, 2)]}
    yield {"name": f"CleanupBTFExpiredEntriesJob_{database}", "database": database, "every": HALF_DAY,
           "steps": [("Cleanup", "exec dbo.btf_CleanupExpiredEntries", 1, 2)]}
    yield {"name": f"Monitor BizTalk Server ({database})", "database": database, "weekly": 1, "schedule": "WeeklySchedule",
           "steps": [("Check issues in all MessageBoxes and DTA", "exec [dbo].[btsmon_Inconsistent]", 3, 2),
                     ("Generate error string in case of any issue", "exec [dbo].[btsmon_GenerateErrorString]", 1, 2)]}


def messagebox_jobs(place, tracking):
    """The jobs of one MessageBox. *place* and *tracking*: (server, database)."""
    server, box = place

    def purge(name, command, every, enabled=1, step="Purge"):
        return {"name": f"{name}_{box}", "enabled": enabled, "database": box, "every": every, "steps": [(step, command, 1, 2)]}
    yield purge("MessageBox_DeadProcesses_Cleanup", "exec bts_CleanupDeadProcesses", MINUTE)
    yield purge("MessageBox_Message_Cleanup", "exec bts_PurgeMessages", None, enabled=0)
    yield purge("MessageBox_Message_ManageRefCountLog", "exec bts_ManageMessageRefCountLog", MINUTE)
    yield purge("MessageBox_Parts_Cleanup", "exec int_PurgeParts", MINUTE)
    yield purge("MessageBox_UpdateStats", "set deadlock_priority low  exec sp_updatestats", MINUTES_5)
    yield purge("Operations_OperateOnInstances_OnMaster", f"exec ops_OperateOnInstancesOnMasterMsgBox '{server}', '{box}'", MINUTE,
                step="OperateOnInstsOnMaster")
    yield purge("PurgeSubscriptionsJob", "exec bts_PurgeSubscriptions", MINUTE, step="step1")
    yield purge("TrackedMessages_Copy", f"exec bts_CopyTrackedMessagesToDTA '{tracking[0]}', '{tracking[1]}'", MINUTE)


def tracking_job(database):
    """The purge of the tracking database, as configured: without archives."""
    command = "declare @dtLastBackup datetime set @dtLastBackup = GetUTCDate() exec dtasp_PurgeTrackingDatabase 1, 0, 1, @dtLastBackup"
    return {"name": f"DTA Purge and Archive ({database})", "database": database, "every": MINUTE, "schedule": "Archive and Purge Schedule",
            "steps": [("Archive and Purge", command, 1, 2)]}


def rules_job(database):
    return {"name": f"Rules_Database_Cleanup_{database}", "database": database, "every": HOUR,
            "steps": [("Cleanup", "exec dbo.ruleengine_cleanup", 1, 2)]}


def guarded(job, database):
    """The job with each step run on the primary replica of a database only."""
    return {**job, "steps": [(name, f"IF (sys.fn_hadr_is_primary_replica('{database}') = 1)\nBEGIN\n{command}\nEND", *rest)
                             for name, command, *rest in job["steps"]]}


def own_backup_job(databases, folder, at):
    """An administrator's job: fulls of what BizTalk's job leaves out, once a day. *at*: hhmmss."""
    command = "\n".join(f"BACKUP DATABASE [{name}] TO DISK = N'{folder}\\{name}.bak' WITH INIT, CHECKSUM;" for name in databases)
    return {"name": "DBA - full backups outside the BizTalk set", "database": "master", "daily": at, "steps": [("Back up", command, 1, 2)],
            "description": "system databases and the BAM databases that the BizTalk job does not take"}


def own_check_job(databases):
    """An administrator's job: every database is checked for corruption, Sundays."""
    return {"name": "DBA - integrity checks", "database": "master", "weekly": 1,
            "steps": [("Check", "\n".join(f"DBCC CHECKDB (N'{name}') WITH NO_INFOMSGS;" for name in databases), 1, 2)]}


def shipping_jobs(source):
    """The three jobs of a log shipping destination."""
    for purpose, command, every in (("Get Backup History", "exec bts_LogShippingGetBackupHistory", MINUTE),
                                    ("Restore Databases", "exec bts_LogShippingRestoreDatabases", MINUTE),
                                    ("Restore To Mark", "exec bts_LogShippingRestoreLogs", None)):
        yield {"name": f"BTS Log Shipping - {purpose}", "enabled": int(every is not None), "database": "master", "every": every,
               "description": f"log shipping from {source}", "steps": [(purpose, command, 1, 2)]}


def insert(instance, jobs):
    """Puts jobs into msdb. A schedule that is not named has the job's name; a failure is mailed to the first operator."""
    server, owner = instance.property("ServerName"), b"\1"
    for number, job in enumerate(jobs, 1):
        key = guid("job", server, job["name"])
        instance.insert("msdb", "dbo.sysjobs", [{
            "job_id": key, "originating_server_id": 0, "name": job["name"], "enabled": job.get("enabled", 1), "start_step_id": 1, "category_id": 0,
            "description": job.get("description", "No description available."), "owner_sid": owner, "notify_level_eventlog": 2,
            "notify_level_email": 2, "notify_level_netsend": 0, "notify_level_page": 0,
            "notify_email_operator_id": 1, "notify_netsend_operator_id": 0, "notify_page_operator_id": 0, "delete_level": 0,
            "date_created": MADE, "date_modified": MADE, "version_number": 4}])
        instance.insert("msdb", "dbo.sysjobsteps", [{
            "job_id": key, "step_id": place, "step_name": name, "subsystem": "TSQL", "command": command, "flags": 0, "cmdexec_success_code": 0,
            "on_success_action": success, "on_success_step_id": 0, "on_fail_action": fail, "on_fail_step_id": 0, "database_name": job["database"],
            "retry_attempts": 0, "retry_interval": 1, "os_run_priority": 0, "last_run_outcome": 5, "last_run_duration": 0, "last_run_retries": 0,
            "last_run_date": 0, "last_run_time": 0, "step_uid": guid("step", server, job["name"], place)}
            for place, (name, command, success, fail) in enumerate(job["steps"], 1)])
        instance.insert("msdb", "dbo.sysjobservers", [{"job_id": key, "server_id": 0, "last_run_outcome": 5, "last_run_date": 0, "last_run_time": 0,
                                                       "last_run_duration": 0}])
        instance.insert("msdb", "dbo.sysjobactivity", [{"session_id": 1, "job_id": key}])
        if schedule := _schedule(job):
            instance.insert("msdb", "dbo.sysschedules", [{
                "schedule_id": number, "schedule_uid": guid("schedule", server, job["name"]), "originating_server_id": 0,
                "name": job.get("schedule", job["name"][:110] + " schedule"), "owner_sid": owner, "enabled": 1, "freq_relative_interval": 0,
                "active_start_date": 20031110, "active_end_date": 99991231, "active_end_time": 235959, "date_created": MADE,
                "date_modified": MADE, "version_number": 1, **schedule}])
            instance.insert("msdb", "dbo.sysjobschedules", [{"schedule_id": number, "job_id": key, "next_run_date": 0, "next_run_time": 0}])


def _schedule(job):
    if job.get("every"):
        unit, interval = job["every"]
        return {"freq_type": 4, "freq_interval": 1, "freq_subday_type": unit, "freq_subday_interval": interval, "freq_recurrence_factor": 0,
                "active_start_time": 0}
    if job.get("daily"):
        return {"freq_type": 4, "freq_interval": 1, "freq_subday_type": 1, "freq_subday_interval": 0, "freq_recurrence_factor": 0,
                "active_start_time": job["daily"]}
    if job.get("weekly"):
        return {"freq_type": 8, "freq_interval": job["weekly"], "freq_subday_type": 1, "freq_subday_interval": 0, "freq_recurrence_factor": 1,
                "active_start_time": 0}
    return None
