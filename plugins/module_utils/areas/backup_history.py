# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``backup_history``: the backups that an instance made by msdb, and the sets that BizTalk's own tables tell of.

What counts is the last 14 days, and of BizTalk's tables also the newest complete full set however old. Times of msdb are the server's
own clock; ``offset_minutes`` is what it was ahead of UTC at that time. ``at`` of a row of BizTalk is UTC or the server's own clock, as
the step that wrote it had ``@UseLocalTime``.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import select
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT

NAME = "backup_history"
WINDOW_DAYS = 14
LIMIT = 20000                   # a set of ten databases every quarter of an hour makes 13440 rows in the window
NO_TIME_ZONE = 127
TYPES = {"D": "full", "I": "differential", "L": "log", "F": "file", "G": "differential_file", "P": "partial", "Q": "differential_partial"}
KINDS = {"db": "full", "lg": "log"}
DEVICES = {2: "disk", 5: "tape", 7: "virtual", 9: "url", 102: "disk", 105: "tape"}

_SINCE = f"DATEADD(day, -{WINDOW_DAYS}, GETDATE())"


def _reads(schema, *tables):
    return tuple(("SELECT", f"{schema}.{table}") for table in tables)


CLOCK = select("backup_history.clock", {"clock": ("instant", "SYSDATETIMEOFFSET()"), "local_clock": ("local", "GETDATE()")}, "")
MSDB = select("backup_history.msdb", {
    "id": ("number", "b.backup_set_id"), "database_name": ("text", "b.database_name"), "kind": ("text", "b.type"),
    "started": ("local", "b.backup_start_date"), "finished": ("local", "b.backup_finish_date"), "time_zone": ("number", "b.time_zone"),
    "first_lsn": ("decimal", "b.first_lsn"), "last_lsn": ("decimal", "b.last_lsn"), "checkpoint_lsn": ("decimal", "b.checkpoint_lsn"),
    "database_backup_lsn": ("decimal", "b.database_backup_lsn"), "begins_log_chain": ("boolean", "b.begins_log_chain"),
    "is_copy_only": ("boolean", "b.is_copy_only"), "is_snapshot": ("boolean", "b.is_snapshot"), "is_damaged": ("boolean", "b.is_damaged"),
    "recovery_model": ("text", "b.recovery_model"), "created": ("local", "b.database_creation_date"), "user_name": ("text", "b.user_name"),
    "software": ("text", "m.software_name"), "path": ("text", "f.physical_device_name"), "device": ("number", "f.device_type"),
    "size": ("decimal", "b.backup_size"), "compressed_size": ("decimal", "b.compressed_backup_size"), "server": ("text", "b.server_name"),
    "machine": ("text", "b.machine_name"), "position": ("number", "b.position"), "media_set": ("number", "b.media_set_id"),
    "family_count": ("number", "m.media_family_count")},
    "FROM msdb.dbo.backupset AS b INNER JOIN msdb.dbo.backupmediaset AS m ON m.media_set_id = b.media_set_id "
    "LEFT JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = b.media_set_id AND f.family_sequence_number = 1 AND f.media_count = 1 "
    f"AND f.mirror = 0 WHERE b.backup_finish_date >= {_SINCE} ORDER BY b.backup_set_id DESC",
    *_reads("msdb.dbo", "backupset", "backupmediaset", "backupmediafamily"), limit=LIMIT)
MARKS = select("backup_history.marks", {
    "database_name": ("text", "l.database_name"), "mark": ("text", "l.mark_name"), "lsn": ("decimal", "l.lsn"), "at": ("local", "l.mark_time"),
    "user_name": ("text", "l.user_name")},
    f"FROM msdb.dbo.logmarkhistory AS l WHERE l.mark_time >= {_SINCE} ORDER BY l.mark_time DESC",
    *_reads("msdb.dbo", "logmarkhistory"), limit=LIMIT)
SETS = select("backup_history.sets", {
    "id": ("number", "h.BackupId"), "set_id": ("number", "h.BackupSetId"), "mark": ("text", "h.MarkName"),
    "database_name": ("text", "h.DatabaseName"), "server": ("text", "h.ServerName"), "file_name": ("text", "h.BackupFileName"),
    "location": ("text", "h.BackupFileLocation"), "kind": ("text", "RTRIM(h.BackupType)"), "at": ("local", "h.BackupDateTime"),
    "is_complete": ("boolean", "h.SetComplete")},
    f"FROM dbo.adm_BackupHistory AS h WHERE h.BackupDateTime >= {_SINCE} OR h.BackupSetId = (SELECT MAX(n.BackupSetId) "
    "FROM dbo.adm_BackupHistory AS n WHERE n.BackupType = 'db' AND n.SetComplete <> 0) ORDER BY h.BackupSetId DESC, h.BackupId DESC",
    *_reads("dbo", "adm_BackupHistory"), limit=LIMIT, database=MANAGEMENT)
SETTINGS = select("backup_history.settings", {"use_compression": ("boolean", "s.UseCompression"), "force_full": ("boolean", "s.ForceFull")},
                  "FROM dbo.adm_BackupSettings AS s", *_reads("dbo", "adm_BackupSettings"), database=MANAGEMENT)
NEXT_SET = select("backup_history.next_set", {"id": ("number", "s.NextBackupSetId")},
                  "FROM dbo.adm_BackupSetId AS s", *_reads("dbo", "adm_BackupSetId"), database=MANAGEMENT)
DATABASES = select("backup_history.databases", {"server": ("text", "v.ServerName"), "database_name": ("text", "v.DatabaseName")},
                   "FROM dbo.admv_BackupDatabases AS v ORDER BY v.ServerName, v.DatabaseName",
                   *_reads("dbo", "admv_BackupDatabases"), database=MANAGEMENT)
OTHERS = select("backup_history.others", {
    "default_name": ("text", "o.DefaultDatabaseName"), "database_name": ("text", "o.DatabaseName"), "server": ("text", "o.ServerName"),
    "biztalk_server": ("text", "o.BTSServerName")}, "FROM dbo.adm_OtherBackupDatabases AS o ORDER BY o.DefaultDatabaseName, o.BTSServerName",
    *_reads("dbo", "adm_OtherBackupDatabases"), database=MANAGEMENT)
PROCEDURES = select("backup_history.procedures", {
    "procedure_name": ("text", "r.ROUTINE_NAME"), "parameter": ("text", "p.PARAMETER_NAME"), "kind": ("text", "p.DATA_TYPE"),
    "length": ("number", "p.CHARACTER_MAXIMUM_LENGTH"),
    "sees_all": ("boolean", "HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION')")},
    "FROM INFORMATION_SCHEMA.ROUTINES AS r LEFT JOIN INFORMATION_SCHEMA.PARAMETERS AS p ON p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA "
    "AND p.SPECIFIC_NAME = r.ROUTINE_NAME WHERE r.ROUTINE_SCHEMA = N'dbo' AND (r.ROUTINE_NAME LIKE N'sp[_]DeleteBackupHistory%' "
    "OR r.ROUTINE_NAME IN (N'sp_BackupAllFull_Schedule', N'sp_MarkAll', N'sp_SetBackupCompression', N'sp_ForceFullBackup')) "
    "ORDER BY r.ROUTINE_NAME, p.ORDINAL_POSITION", ("VIEW DEFINITION", MANAGEMENT), database=MANAGEMENT)


# A login sees an object only where it has a right on it: "not there" is said where it may see every definition of the database.
def _has(*names):
    return ("boolean", "CASE WHEN d.state <> 0 OR HAS_DBACCESS(d.name) <> 1 THEN NULL WHEN " + " AND ".join(
        f"OBJECT_ID(QUOTENAME(d.name) + N'.dbo.{name}') IS NOT NULL" for name in names)
        + " THEN 1 WHEN HAS_PERMS_BY_NAME(QUOTENAME(d.name), N'DATABASE', N'VIEW DEFINITION') = 1 THEN 0 END")


SCRIPTS = select("backup_history.scripts", {
    "database_name": ("text", "d.name"),
    "has_scripts": _has("MarkLog", "sp_SetMark", "sp_BackupBizTalkFull", "sp_BackupBizTalkLog"),
    "takes_compression": _has("sp_BackupBizTalk"),      # the older copies, which SSODB has, come without it and have no such argument
    "sees_databases": ("boolean", "HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE')")},
    "FROM sys.databases AS d WHERE d.database_id > 4 OR d.name = N'master' ORDER BY d.database_id",
    ("VIEW ANY DATABASE", ""), ("VIEW ANY DEFINITION", ""), limit=1000)


def queries():
    """The queries that read the area, in order."""
    return [CLOCK, MSDB, MARKS, SETS, SETTINGS, NEXT_SET, DATABASES, OTHERS, PROCEDURES, SCRIPTS]


def shape(answers):
    """The history as plain data, newest first; a hole closes a list that was cut, and stands for what was not seen."""
    clock = query.one(CLOCK, answers)
    return {
        "clock": query.value(clock, "clock"),
        "local_clock": query.value(clock, "local_clock"),
        "window_days": WINDOW_DAYS,
        "msdb": query.every(MSDB, answers, _backup),
        "marks": query.every(MARKS, answers, lambda row: {
            "database": row["database_name"], "mark": row["mark"], "lsn": row["lsn"], "at": row["at"], "user_name": row["user_name"]}),
        "scripts": _scripts(query.every(SCRIPTS, answers, lambda row: row)),
        "biztalk": _biztalk(answers),
    }


def _scripts(rows):
    """Whether each database holds what BizTalk's backup calls in it. Every login sees master, whose row tells whether it sees all others."""
    if observed.is_hole(rows):
        return rows
    shaped = [_script(row) for row in rows if observed.is_hole(row) or row["database_name"] != "master"]
    if any(not observed.is_hole(row) and row["sees_databases"] is True for row in rows):
        return shaped
    return [*shaped, observed.hole("denied", "The login may not see all databases of the instance: it needs VIEW ANY DATABASE.")]


def _script(row):
    if observed.is_hole(row):
        return row
    hidden = observed.hole("denied", f"Whether {row['database_name']} holds what the backup calls in it is not known: it is not online, or the login "
                                     "needs a user in it and VIEW ANY DEFINITION.")
    return {"database": row["database_name"], **{name: hidden if row[column] is None else row[column] for name, column in (
        ("installed", "has_scripts"), ("takes_compression", "takes_compression"))}}


def _backup(row):
    zone = row["time_zone"]
    return {
        **{name: row[name] for name in (
            "id", "started", "finished", "first_lsn", "last_lsn", "checkpoint_lsn", "database_backup_lsn", "begins_log_chain", "is_copy_only",
            "is_snapshot", "is_damaged", "recovery_model", "created", "user_name", "software", "path", "server", "machine", "position",
            "media_set", "family_count")},
        "database": row["database_name"],
        "type": TYPES.get((row["kind"] or "").strip(), "other"),
        "offset_minutes": None if zone in (None, NO_TIME_ZONE) else zone * 15,
        "device_type": DEVICES.get(row["device"], "other"),
        "size": _bytes(row["size"]),
        "compressed_size": _bytes(row["compressed_size"]),
    }


def _bytes(digits):
    return None if digits is None else int(digits)


def _biztalk(answers):
    """BizTalk's own tables; null where the instance holds no management database, a hole where that cannot be told."""
    held = query.management(answers)
    if held is None or observed.is_hole(held):
        return held
    settings = query.one(SETTINGS, answers)
    return {
        "management_database": held,
        "history": query.every(SETS, answers, lambda row: {
            "id": row["id"], "set_id": row["set_id"], "mark": row["mark"], "database": row["database_name"], "server": row["server"],
            "file": row["file_name"], "location": row["location"], "type": KINDS.get(row["kind"], "other"), "at": row["at"],
            "complete": row["is_complete"]}),
        "settings": settings if observed.is_hole(settings) else dict(settings),
        "next_set_id": query.value(query.one(NEXT_SET, answers), "id"),
        "databases": query.every(DATABASES, answers, lambda row: {"server": row["server"], "database": row["database_name"]}),
        "others": query.every(OTHERS, answers, lambda row: {
            "default_database": row["default_name"], "database": row["database_name"], "server": row["server"],
            "biztalk_server": row["biztalk_server"]}),
        "procedures": _procedures(query.every(PROCEDURES, answers, lambda row: row)),
    }


def _procedures(rows):
    """The procedures of the backup that are installed. A login is shown only what it has a right on, and told nothing of the rest."""
    if observed.is_hole(rows):
        return rows
    hidden = observed.hole("denied", "The login may not see all procedures of the management database: it needs VIEW DEFINITION there.")
    if not rows:
        return hidden
    found = {}
    for row in rows:
        parameters = found.setdefault(row["procedure_name"], [])
        if row["parameter"]:
            parameters.append({"name": row["parameter"], "type": row["kind"], "length": row["length"]})
    shaped = [{"name": name, "parameters": parameters} for name, parameters in found.items()]
    return shaped if rows[0]["sees_all"] is True else [*shaped, hidden]
