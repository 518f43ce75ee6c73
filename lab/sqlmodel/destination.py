"""What the jobs of a log shipping destination do: the history of the source's sets is imported, and sets are restored from it.

Sources: core/log-shipping.md and its neighbours (domain-facts section 6.4): a set is restored when a later complete log set is known, a
full one only at first and after a set that was not complete; restoring to a mark ends the standby.
Assumed: names and types of the columns beside Restored, RestoredDateTime and SetComplete are those of adm_BackupHistory; a job that finds
several sets restores them at once; files are always readable; the databases' content is not followed.
"""
from __future__ import annotations

from lab.sqlmodel.backups import Failed
from lab.sqlmodel.rows import bulk, kept
from lab.tsql.problem import not_modelled

HISTORY, LAST, DATABASES = "dbo.bts_LogShippingHistory", "dbo.bts_LogShippingLastRestoreSet", "dbo.bts_LogShippingDatabases"
TABLES = {
    HISTORY: {"BackupId": "bigint", "BackupSetId": "bigint", "MarkName": "nvarchar(32)", "DatabaseName": "nvarchar(128)", "BackupFileName": "nvarchar(500)",
              "BackupFileLocation": "nvarchar(3000)", "BackupType": "char(2)", "BackupDateTime": "datetime", "SetComplete": "bit",
              "ServerName": "nvarchar(128)", "Restored": "bit", "RestoredDateTime": "datetime"},
    LAST: {"BackupSetId": "bigint"},
    DATABASES: {"ServerName": "nvarchar(128)", "DatabaseName": "nvarchar(128)", "LogFileLocation": "nvarchar(3000)", "DBFileLocation": "nvarchar(3000)"}}
CONFIGURE = [["nvcDescription", "nvarchar(128)", False, False], ["nvcMgmtDatabaseName", "sysname", True, False],
             ["nvcMgmtServerName", "sysname", True, False], ["SourceServerName", "sysname", False, False], ["fLinkServers", "bit", False, False]]
RESTORING = 1


def create(instance):
    """The tables of the schema script."""
    for table, columns in TABLES.items():
        instance.create_table("master", table, columns)


def install(instance):
    """The procedures of the logic script that somebody may call."""
    if ("master", HISTORY.casefold()) in instance.columns:
        @instance.procedure("master.dbo.bts_ConfigureBizTalkLogShipping", CONFIGURE)
        def configure(_instance, _session, _given):
            raise not_modelled("configuring a destination of log shipping that is configured already")


def import_history(world, name, now):
    """The sets that the source's management database knows and this destination does not. Returns *now*."""
    instance, source = world.instances[name], world.descriptions[name].restoring
    group = next((world.group(other, database) for other, one in world.instances.items() for database in one.databases
                  if one.kind(database) == "BizTalkMgmtDb"), None)
    newest = instance.query(f'SELECT COALESCE(MAX(BackupSetId), 0) AS n FROM "master.{HISTORY}"')[0]["n"]
    bulk(instance, "master", HISTORY, [
        {"BackupId": row.id or 0, "BackupSetId": one.id, "MarkName": one.mark, "DatabaseName": row.database, "BackupFileName": row.file,
         "BackupFileLocation": row.location, "BackupType": one.kind, "BackupDateTime": kept(one.time), "SetComplete": int(one.complete),
         "ServerName": row.server, "Restored": 0, "RestoredDateTime": None}
        for one in (group.sets if group else []) if one.id > newest for row in one.rows if world.resolve(row.server) == source])
    return now


def restore(world, name, now):
    """Restores every set that may be restored. Returns *now*. Raises Failed where a database waits for none."""
    instance = world.instances[name]
    sets = instance.query(f'SELECT BackupSetId AS id, TRIM(BackupType) AS kind, MIN(SetComplete) AS complete, MIN(Restored) AS restored '
                          f'FROM "master.{HISTORY}" GROUP BY BackupSetId, BackupType ORDER BY BackupSetId')
    newest_log = max((one["id"] for one in sets if one["kind"] == "lg" and one["complete"]), default=0)
    seeded, wanted = False, []
    for one in sets:
        if not one["complete"]:
            seeded = False
        elif one["restored"]:
            seeded = True
        elif one["id"] < newest_log and (one["kind"] == "db") != seeded:
            wanted.append(one["id"])
            seeded = True
    if not wanted:
        return now
    open_ones = instance.query(f'SELECT name FROM "master.sys.databases" WHERE database_id > 4 AND state <> {RESTORING} AND name IN '
                               f'(SELECT DatabaseName FROM "master.{HISTORY}")')
    if open_ones:
        raise Failed((3117, 16, "The log or differential backup cannot be restored because no files are ready to rollforward."), (
            3013, 16, "RESTORE LOG is terminating abnormally."))
    instance.sqlite.executemany(f'UPDATE "master.{HISTORY}" SET Restored = 1, RestoredDateTime = ? WHERE BackupSetId = ?',
                                [(kept(now), number) for number in wanted])
    instance.query(f'DELETE FROM "master.{LAST}"')
    instance.insert("master", LAST, [{"BackupSetId": max(wanted)}])
    return now


def restore_to_mark(world, name, now):
    """Recovers the databases: the standby ends. Returns *now*."""
    world.instances[name].query(f"UPDATE \"master.sys.databases\" SET state = 0, state_desc = 'ONLINE' WHERE state = {RESTORING} AND name IN "
                                f'(SELECT DatabaseName FROM "master.{HISTORY}")')
    return now


CALLS = {"bts_logshippinggetbackuphistory": import_history, "bts_logshippingrestoredatabases": restore, "bts_logshippingrestorelogs": restore_to_mark}
