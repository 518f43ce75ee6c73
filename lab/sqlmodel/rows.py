"""Between the tables of an instance and what runs over them: jobs, log chains, backup sets, marks.

History is written in bulk, as SQLite keeps it (see lab.tsql.types). Assumed: sizes after compression; what identifies
databases and media is made from their names.
"""
from __future__ import annotations

import uuid
from datetime import datetime
from functools import lru_cache

from lab.sqlmodel import agent, sets
from lab.sqlmodel.backups import LSN_START, Database, Server
from lab.tsql import types

GROWTH = {"BizTalkMsgBoxDb": 2600, "BizTalkDTADb": 1900, "BAMPrimaryImport": 400}    # log blocks of 512 bytes in a quarter of an hour
GUIDS = ("database_guid", "family_guid", "recovery_fork_guid", "first_recovery_fork_guid", "fork_point_lsn")
ROOT = uuid.UUID("5f3f8f0e-6a63-4f0b-8f7e-0d3a9a1c7b22")


@lru_cache(100_000)
def guid(*parts):
    return str(uuid.uuid5(ROOT, "/".join(map(str, parts)))).upper()


def kept(moment):
    """A local time as a datetime column keeps it."""
    return moment and types.keep_time(moment, 0, None, "datetime")


def bulk(instance, database, table, rows):
    """Inserts many rows of the same columns, already as they are kept."""
    if rows:
        name, known = instance.table(database, table)
        assert not (strange := rows[0].keys() - known.keys()), f"{name} has no column {', '.join(strange)}"
        columns = ", ".join(f'"{column}"' for column in rows[0])
        instance.sqlite.execute("SAVEPOINT bulk")
        instance.sqlite.executemany(f'INSERT INTO "{name}" ({columns}) VALUES ({", ".join("?" * len(rows[0]))})', (list(row.values()) for row in rows))
        instance.sqlite.execute("RELEASE bulk")


def highest(instance, table, column):
    return instance.query(f'SELECT COALESCE(MAX("{column}"), 0) AS n FROM "{table}"')[0]["n"]


# --- the Agent

def agent_runs(instance):
    return bool(instance.query("SELECT 1 FROM \"master.sys.dm_server_services\" WHERE servicename LIKE 'SQL Server Agent%' AND status = 4"))


def read_jobs(instance, description):
    """The jobs of msdb, in the order of their making."""
    jobs, keep = [], description.history_rows
    for row in instance.query('SELECT job_id, name, enabled, start_step_id FROM "msdb.dbo.sysjobs" ORDER BY rowid'):
        steps = [agent.Step(s["step_id"], s["step_name"], s["command"] or "", s["database_name"] or "master", s["on_success_action"],
                            s["on_fail_action"], s["on_success_step_id"], s["on_fail_step_id"])
                 for s in instance.query('SELECT * FROM "msdb.dbo.sysjobsteps" WHERE job_id = ? ORDER BY step_id', (row["job_id"],))]
        schedules = [agent.Schedule(s["schedule_id"], s["name"], s["enabled"], s["freq_type"], s["freq_interval"], s["freq_subday_type"],
                                    s["freq_subday_interval"], s["freq_recurrence_factor"], s["active_start_date"], s["active_start_time"],
                                    s["active_end_time"])
                     for s in instance.query('SELECT s.* FROM "msdb.dbo.sysschedules" s JOIN "msdb.dbo.sysjobschedules" j '
                                             "ON j.schedule_id = s.schedule_id WHERE j.job_id = ? ORDER BY s.schedule_id", (row["job_id"],))]
        activity = instance.query('SELECT start_execution_date AS begun, stop_execution_date AS ended FROM "msdb.dbo.sysjobactivity" WHERE job_id = ?',
                                  (row["job_id"],))[0]
        begun, ended = (value and datetime.fromisoformat(value) for value in activity.values())
        jobs.append(agent.Job(row["job_id"], row["name"], bool(row["enabled"]), steps, schedules, row["start_step_id"], keep.get(row["name"], keep["*"]),
                              started=begun, busy=ended or (None if begun else datetime.min)))
    return jobs


def write_jobs(instance, jobs):
    """New history, trimmed to what each job keeps, and what the Agent remembers of the newest runs."""
    number, made = highest(instance, "msdb.dbo.sysjobhistory", "instance_id"), []
    lines = sorted(((row["run_date"], row["run_time"], place, job, row) for job in jobs for place, row in enumerate(job.history)),
                   key=lambda line: (line[0], line[1]))
    server = instance.property("ServerName")
    for _date, _time, _place, job, row in lines:
        number += 1
        made.append({"instance_id": number, "job_id": job.id, **row, "operator_id_emailed": 0, "operator_id_netsent": 0, "operator_id_paged": 0,
                     "retries_attempted": 0, "server": server})
    bulk(instance, "msdb", "dbo.sysjobhistory", made)
    for job in jobs:
        if job.history:
            instance.query('DELETE FROM "msdb.dbo.sysjobhistory" WHERE job_id = ? AND instance_id NOT IN (SELECT instance_id FROM '
                           '"msdb.dbo.sysjobhistory" WHERE job_id = ? ORDER BY instance_id DESC LIMIT ?)', (job.id, job.id, job.keep))
        for step in job.steps:
            if step.last:
                outcome, seconds, begin = step.last
                instance.query('UPDATE "msdb.dbo.sysjobsteps" SET last_run_outcome = ?, last_run_duration = ?, last_run_date = ?, last_run_time = ? '
                               "WHERE job_id = ? AND step_id = ?",
                               (outcome, seconds, agent.as_date(begin), agent.as_time(begin), job.id, step.id))
        if job.last:
            outcome, message, begin, seconds = job.last
            instance.query('UPDATE "msdb.dbo.sysjobservers" SET last_run_outcome = ?, last_outcome_message = ?, last_run_date = ?, last_run_time = ?, '
                           "last_run_duration = ? WHERE job_id = ?", (outcome, message, agent.as_date(begin), agent.as_time(begin), seconds, job.id))
        if job.started:
            instance.query('UPDATE "msdb.dbo.sysjobactivity" SET run_requested_date = ?, start_execution_date = ?, last_executed_step_id = ?, '
                           "stop_execution_date = ? WHERE job_id = ?",
                           (kept(job.started), kept(job.started), None if job.running else job.steps[-1].id, kept(job.busy), job.id))


# --- log chains

def read_server(instance, description):
    """The databases with their log chains, as msdb and sys.database_recovery_status tell them."""
    known = {(row["database_name"].casefold(), row["fork"]): row for row in instance.query(
        "SELECT database_name, last_recovery_fork_guid AS fork, MAX(last_lsn) AS lsn, MAX(backup_start_date) AS t, MAX(CASE WHEN type = 'D' AND "
        "is_copy_only = 0 THEN checkpoint_lsn END) AS base, MAX(CASE WHEN type = 'L' AND is_copy_only = 0 THEN last_lsn END) AS log "
        'FROM "msdb.dbo.backupset" GROUP BY database_name, last_recovery_fork_guid')}
    restored = {row["name"].casefold(): row["t"] for row in instance.query(
        'SELECT destination_database_name AS name, MAX(restore_date) AS t FROM "msdb.dbo.restorehistory" GROUP BY destination_database_name')}
    files = {}
    for row in instance.query('SELECT database_id, name, physical_name, type, size, max_size, file_id, file_guid FROM "master.sys.master_files"'):
        files.setdefault(row.pop("database_id"), []).append(row)
    databases = {}
    for row in instance.query(
            'SELECT d.name, d.database_id, d.recovery_model_desc, d.create_date, d.state, d.is_in_standby, r.*, '
            '(SELECT MAX(differential_base_lsn) FROM "master.sys.master_files" f WHERE f.database_id = d.database_id) AS base, '
            '(SELECT SUM(size) FROM "master.sys.master_files" f WHERE f.database_id = d.database_id AND f.type = 0) AS pages '
            'FROM "master.sys.databases" d JOIN "master.sys.database_recovery_status" r ON r.database_id = d.database_id'):
        seen = known.get((row["name"].casefold(), row["recovery_fork_guid"]), {})
        base, changed = seen.get("base") or row["base"], seen.get("t") or restored.get(row["name"].casefold())
        chain = row["last_log_backup_lsn"] and int(row["last_log_backup_lsn"])
        databases[row["name"].casefold()] = Database(
            row["name"], row["database_id"], row["recovery_model_desc"], row["pages"] // 128, GROWTH.get(description.databases.get(row["name"]), 20),
            datetime.fromisoformat(row["create_date"]), max(int(seen.get("lsn") or LSN_START), chain or 0), chain,
            base and int(base), not seen.get("log") or row["last_log_backup_lsn"] not in (seen["log"], row["fork_point_lsn"]),
            changed and datetime.fromisoformat(changed), _closed(row), {name: row[name] for name in GUIDS}, files.get(row["database_id"], []))
    for row in instance.query('SELECT database_name, mark_name, lsn, mark_time FROM "msdb.dbo.logmarkhistory"'):
        database = databases.get(row["database_name"].casefold())
        if database and database.chain and int(row["lsn"]) >= database.chain and row["mark_time"] >= restored.get(database.name.casefold(), ""):
            database.marks.append([row["mark_name"], int(row["lsn"])])
    default = instance.query("SELECT value_in_use AS v FROM \"master.sys.configurations\" WHERE name = 'backup compression default'")
    return Server(instance.property("ServerName"), databases, description.devices, compression_default=bool(default and int(default[0]["v"])))


def _closed(row):
    if row["state"] == 1:
        return 927, f"Database '{row['name']}' cannot be opened. It is in the middle of a restore."
    if row["state"] == 6:
        return 942, f"Database '{row['name']}' cannot be opened because it is offline."
    if row["is_in_standby"]:
        return 3036, (f'The database "{row["name"]}" is in warm-standby state (set by executing RESTORE WITH STANDBY) and cannot be backed up until the '
                      "entire restore sequence is completed.")
    return None


def write_server(instance, server, files):
    """The new backups as rows of msdb and as *files* (media.Files), and where each log chain has got to."""
    highest_set = highest(instance, "msdb.dbo.backupset", "backup_set_id")
    newest = highest(instance, "msdb.dbo.backupmediaset", "media_set_id")
    facts = {name: instance.property(name) for name in ("MachineName", "Collation", "ProductVersion")}
    kinds = {database.casefold(): instance.kind(database) for database in instance.databases}
    made_rows, media_sets, own = [], [], {}
    for number, made in enumerate(server.made, highest_set + 1):
        path, begun = made.wanted.path, guid("media", server.name, newest + 1)
        position, uuid = files.append(path, made.wanted.overwrite, begun)
        if uuid == begun:
            newest += 1
            own[uuid] = newest
            media_sets.append((newest, uuid, made.compressed, path))
        row = _backupset(number, own.get(uuid) or media_set(instance, uuid), made, server.name, facts)
        row["position"] = position
        made_rows.append(row)
        files.put(path, row, {"media": uuid, "compressed": int(made.compressed), "marks": made.marks},
                  {"files": made.database.files, "kind": kinds[made.database.name.casefold()]})
    bulk(instance, "msdb", "dbo.backupset", made_rows)
    write_media(instance, media_sets)
    files.write()
    for database in server.databases.values():
        instance.query('UPDATE "master.sys.database_recovery_status" SET last_log_backup_lsn = ? WHERE database_id = ?',
                       (database.chain and lsn(database.chain), database.number))


def media_set(instance, uuid):
    """The number of a media set in an instance's msdb, None where it knows none."""
    found = instance.query('SELECT media_set_id AS n FROM "msdb.dbo.backupmediaset" WHERE media_uuid = ?', (uuid,))
    return found[0]["n"] if found else None


def write_media(instance, media_sets):
    """Media sets of one file each: (number, uuid, whether compressed, path)."""
    bulk(instance, "msdb", "dbo.backupmediaset", [
        {"media_set_id": number, "media_uuid": uuid, "media_family_count": 1, "software_name": "Microsoft SQL Server",
         "software_vendor_id": 4608, "MTF_major_version": 1, "mirror_count": 1, "is_password_protected": 0, "is_compressed": int(compressed),
         "is_encrypted": 0} for number, uuid, compressed, _path in media_sets])
    bulk(instance, "msdb", "dbo.backupmediafamily", [
        {"media_set_id": number, "family_sequence_number": 1, "media_family_id": guid("family", uuid), "media_count": 1,
         "logical_device_name": None, "physical_device_name": path, "device_type": 9 if path.casefold().startswith("http") else 2,
         "physical_block_size": 512, "mirror": 0} for number, uuid, _compressed, path in media_sets])


def lsn(number):
    """An LSN as numeric(25,0) is kept."""
    return None if number is None else str(number).zfill(25)


def _backupset(number, media, made, server, facts):
    database, version = made.database, facts["ProductVersion"].split(".")
    guids = database.guids
    crosses = made.wanted.kind == "L" and guids["fork_point_lsn"] is not None and made.first <= int(guids["fork_point_lsn"])
    return {
        "backup_set_id": number, "backup_set_uuid": guid("set", server, number), "media_set_id": media, "first_family_number": 1,
        "first_media_number": 1, "last_family_number": 1, "last_media_number": 1, "position": 1, "software_vendor_id": 4608, "name": made.wanted.name,
        "user_name": made.user, "software_major_version": int(version[0]), "software_minor_version": int(version[1]),
        "software_build_version": int(version[2]), "time_zone": 4, "first_lsn": lsn(made.first), "last_lsn": lsn(made.last),
        "checkpoint_lsn": lsn(made.checkpoint), "database_backup_lsn": lsn(made.base or 0), "database_creation_date": kept(database.created),
        "backup_start_date": kept(made.start.replace(microsecond=0)), "backup_finish_date": kept(made.finish.replace(microsecond=0)),
        "type": made.wanted.kind, "compatibility_level": 150, "database_version": 904, "backup_size": made.size,
        "compressed_backup_size": made.size // 4 if made.compressed else made.size, "database_name": database.name, "server_name": server,
        "machine_name": facts["MachineName"], "collation_name": facts["Collation"], "recovery_model": database.recovery, "is_snapshot": 0,
        "is_readonly": 0, "is_single_user": 0, "has_backup_checksums": int(made.wanted.checksum), "is_damaged": 0, "begins_log_chain": int(made.begins),
        "is_copy_only": int(made.wanted.copy_only), "is_password_protected": 0, "has_bulk_logged_data": 0, "has_incomplete_metadata": 0,
        "is_force_offline": 0, "database_guid": guids["database_guid"], "family_guid": guids["family_guid"],
        "first_recovery_fork_guid": guids["first_recovery_fork_guid" if crosses else "recovery_fork_guid"],
        "last_recovery_fork_guid": guids["recovery_fork_guid"], "fork_point_lsn": guids["fork_point_lsn"] if crosses else None}


# --- heartbeats

def beat(instance, now):
    """The newest heartbeats of all running instances move to *now* (UTC); each table keeps the distances of its rows."""
    for database in instance.databases:
        for table, columns in (("TDDS_Heartbeats", ("TimeLastChanged",)), ("ProcessHeartbeats", ("dtLastHeartbeatTime", "dtNextHeartbeatTime"))):
            if (database.casefold(), f"dbo.{table.casefold()}") not in instance.columns:
                continue
            newest = instance.query(f'SELECT MAX("{columns[0]}") AS t FROM "{database}.dbo.{table}"')[0]["t"]
            if newest:
                ahead = (now - datetime.fromisoformat(newest)).total_seconds() - 17
                for column in columns:
                    instance.query(f'UPDATE "{database}.dbo.{table}" SET "{column}" = STRFTIME(\'%Y-%m-%d %H:%M:%f\', "{column}", ?)', (f"{ahead} seconds",))


# --- backup sets and marks

def read_group(instance, database):
    """The Group of a management database, without its callbacks."""
    table = f'"{database}.dbo.adm_BackupHistory"'
    made = {}
    for row in instance.query(f"SELECT * FROM {table} ORDER BY BackupSetId, BackupId"):
        one = made.setdefault(row["BackupSetId"], sets.Set(
            row["BackupSetId"], row["BackupType"].strip(), datetime.fromisoformat(row["BackupDateTime"]), row["MarkName"],
            complete=bool(row["SetComplete"])))
        one.rows.append(sets.Row(row["ServerName"], row["DatabaseName"], row["BackupFileName"], row["BackupFileLocation"], row["BackupId"]))
    settings = instance.query(f'SELECT * FROM "{database}.dbo.adm_BackupSettings"')[0]
    return sets.Group(
        view=[(row["ServerName"], row["DatabaseName"]) for row in instance.query(f'SELECT * FROM "{database}.dbo.admv_BackupDatabases"')],
        backup=None, mark=None, unmark=None, sets=list(made.values()),
        next_set=instance.query(f'SELECT NextBackupSetId AS n FROM "{database}.dbo.adm_BackupSetId"')[0]["n"],
        compression=bool(settings["UseCompression"]), force_full=bool(settings["ForceFull"]),
        sso={(row["ServerName"].casefold(), row["DatabaseName"].casefold()) for row in instance.query(
            f"SELECT ServerName, DatabaseName FROM \"{database}.dbo.adm_OtherBackupDatabases\" WHERE DefaultDatabaseName = 'SSO'")})


def write_group(instance, database, group):
    table = f"{database}.dbo.adm_BackupHistory"
    instance.sqlite.executemany(f'DELETE FROM "{table}" WHERE BackupSetId = ?', [(gone,) for gone in group.deleted])
    number, made = highest(instance, table, "BackupId"), []
    for one in group.sets:
        for row in one.rows:
            if not row.id:
                number += 1
                row.id = number
                made.append({"BackupId": row.id, "BackupSetId": one.id, "MarkName": one.mark, "DatabaseName": row.database, "BackupFileName": row.file,
                             "BackupFileLocation": row.location, "BackupType": one.kind, "BackupDateTime": kept(one.time),
                             "SetComplete": int(one.complete), "ServerName": row.server})
    bulk(instance, database, "dbo.adm_BackupHistory", made)
    instance.query(f'UPDATE "{database}.dbo.adm_BackupSetId" SET NextBackupSetId = ?', (group.next_set,))
    instance.query(f'UPDATE "{database}.dbo.adm_BackupSettings" SET UseCompression = ?, ForceFull = ?', (int(group.compression), int(group.force_full)))


def write_marks(instance, database, marks, gone, user):
    """New marks into the database's MarkLog and msdb's logmarkhistory; those up to *gone* leave MarkLog, in the order of strings."""
    instance.query(f'DELETE FROM "{database}.dbo.MarkLog" WHERE MarkName <= ?', (gone,))
    bulk(instance, database, "dbo.MarkLog", [{"MarkName": mark} for mark, _lsn, _time in marks if mark > gone])
    bulk(instance, "msdb", "dbo.logmarkhistory", [
        {"database_name": database, "mark_name": mark, "description": None, "user_name": user, "lsn": lsn(place), "mark_time": kept(time)}
        for mark, place, time in marks])
