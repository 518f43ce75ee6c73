"""What an instance can be asked over the wire beside SELECT and DML: BizTalk's backup procedures, BACKUP, ALTER DATABASE.

Sources: backup-procedures.md for BizTalk's; sql-docs pages of BACKUP and ALTER DATABASE SET; error numbers: catalogue tsql.json.
Assumed: states of errors; ALTER DATABASE of a few options only; the procedures of a remote call are not called by hand.
"""
from __future__ import annotations

from lab.sqlmodel import agent_procedures, biztalk, commands, destination, restores, rows, server_statements, shipping
from lab.sqlmodel.backups import Failed, abnormal
from lab.sqlmodel.world import CALLS
from lab.tsql.lexer import unquoted
from lab.tsql.problem import Rows, SqlProblem, not_modelled
from lab.tsql.store import CATALOGUE

RECOVERY = {"FULL": 1, "BULK_LOGGED": 2, "SIMPLE": 3}
SWITCHES = {"AUTO_CREATE_STATISTICS": "is_auto_create_stats_on", "AUTO_UPDATE_STATISTICS": "is_auto_update_stats_on",
            "AUTO_CLOSE": "is_auto_close_on", "AUTO_SHRINK": "is_auto_shrink_on"}
STATES = {"ONLINE": 0, "OFFLINE": 6}
VERIFY = {"NONE": 0, "TORN_PAGE_DETECTION": 1, "CHECKSUM": 2}
SPELT = {name.rpartition(".")[2].casefold(): name.rpartition(".")[2] for name in CATALOGUE["procedures"] if name.startswith("BizTalkMgmtDb.")}


def install(world):
    """Registers everything on every instance of a World."""
    for name, instance in world.instances.items():
        agent_procedures.install(world, name)
        server_statements.install(world, name)
        shipping.install(world, name)
        destination.install(instance)
        instance.statement("BACKUP")(_acting(world, lambda session, text, name=name: _backup(world, name, session, text)))
        instance.statement("RESTORE")(_acting(world, lambda session, text, name=name: restores.run(world, name, session, text)))
        instance.statement("ALTER")(_acting(world, lambda session, text, name=name: _alter(world, name, session, text)))
        for database in instance.databases:
            kind = instance.kind(database)
            if kind == "BizTalkMgmtDb":
                _management(world, name, database)
            if (database.casefold(), "dbo.marklog") in instance.columns and kind != "BAMArchive":
                for own, parameters in (biztalk.OLDER if kind == "SSODB" else biztalk.PROCEDURES).items():
                    function = {"sp_CleanUpMarkLog": _clean, "sp_SetMark": _set_mark}.get(own, _remote)
                    instance.procedure(f"{database}.dbo.{own}", parameters)(function(database))


def _acting(world, work):
    """A statement's function over a World: what it did is written, also when it failed."""
    def function(_instance, session, statement, _parameters):
        return acted(world, lambda: work(session, statement))
    return function


def acted(world, work):
    try:
        return work()
    except Failed as error:
        first, *rest = [SqlProblem(number, severity, 1, text) for number, severity, text in error.errors]
        first.also = tuple(rest)
        raise first from error
    finally:
        world.flush()


def _backup(world, name, session, statement):
    """BACKUP by an operator: into the same msdb and the same log chain as the job's."""
    wanted, instance = commands.backup(statement.tokens), world.instances[name]
    word = "BACKUP LOG" if wanted.kind == "L" else "BACKUP DATABASE"
    if wanted.database.casefold() in {known.casefold() for known in instance.databases} and not instance.rights.has(
            session.login, word, instance.database(wanted.database)):
        raise abnormal(word, 262, 14, f"{word} permission denied in database '{wanted.database}'.")
    world.settle(name)
    world.backup(name, wanted, world.now(name), session.login)


def _alter(world, name, session, statement):
    """ALTER DATABASE name SET option, and ALTER AVAILABILITY GROUP."""
    tokens, instance = statement.tokens, world.instances[name]
    words = [token.upper() for token in tokens]
    if words[1:3] == ["AVAILABILITY", "GROUP"]:
        return server_statements.alter_group(world, name, session, statement)
    if words[1] == "ENDPOINT":
        return server_statements.alter_endpoint(instance, session, statement)
    moved = words[3:5] == ["MODIFY", "FILE"] and words[5:7] + words[7:8] + words[9:11] == ["(", "NAME", "=", ",", "FILENAME"] and len(words) == 14
    if len(words) < 5 or words[1] != "DATABASE" or words[3] != "SET" and not moved:
        raise not_modelled(f"the statement {statement.text[:60]}")
    database = unquoted(tokens[2])
    if not instance.rights.is_sysadmin(session.login) or world.server(name).database(database) is None:
        raise Failed((5011, 14, f"User does not have permission to alter database '{database}', the database does not exist, or the database is not in "
                                "a state that allows access checks."), (5069, 16, "ALTER DATABASE statement failed."))
    if moved:
        return _move_file(instance, database, unquoted(tokens[8]), unquoted(tokens[12]))
    option, value = words[4], "".join(words[5:6])
    if option == "HADR":
        return server_statements.alter_hadr(world, name, database, value)
    if option == "PARTNER" and value == "=" and len(tokens) == 7:
        return shipping.mirror(instance, database, unquoted(tokens[6]))
    if option == "RECOVERY" and value in RECOVERY:
        world.server(name).database(database).set_recovery(value)
        changes = {"recovery_model": RECOVERY[value], "recovery_model_desc": value}
    elif option == "PAGE_VERIFY" and value in VERIFY:
        changes = {"page_verify_option": VERIFY[value], "page_verify_option_desc": value}
    elif option in STATES and words[5:] in ([], ["WITH", "ROLLBACK", "IMMEDIATE"]):
        if world.primary(name, database) is not None:
            raise Failed((1468, 16, f'The operation cannot be performed on database "{database}" because it is involved in a database mirroring session or an '
                                    "availability group."), (5069, 16, "ALTER DATABASE statement failed."))
        changes = {"state": STATES[option], "state_desc": option}
    elif option in SWITCHES and value in ("ON", "OFF"):
        changes = {SWITCHES[option]: int(value == "ON")}
    else:
        raise not_modelled(f"ALTER DATABASE SET {option} {value}")
    columns = ", ".join(f"{column} = ?" for column in changes)
    instance.query(f'UPDATE "master.sys.databases" SET {columns} WHERE name = ?', (*changes.values(), database))
    return None


def _move_file(instance, database, name, path):
    """Where a file will be when its database is opened the next time; sys.master_files says so at once."""
    number = instance.query('SELECT database_id FROM "master.sys.databases" WHERE name = ?', (database,))[0]["database_id"]
    known = [row["name"] for row in instance.query('SELECT name FROM "master.sys.master_files" WHERE database_id = ?', (number,))]
    if name not in known:
        raise Failed((5041, 16, f"MODIFY FILE failed. File '{name}' does not exist."))
    for table in ("master.sys.master_files", f"{instance.database(database)}.sys.database_files"):
        instance.query(f'UPDATE "{table}" SET physical_name = ? WHERE name = ?', (path, name))


def _management(world, name, database):
    """BizTalk's own procedures of a management database."""
    instance = world.instances[name]
    for own in CALLS:
        def function(_instance, _session, arguments, own=own):
            return acted(world, lambda: world.call_at_once(name, database, own, arguments)) and None
        instance.procedure(f"{database}.dbo.{SPELT[own]}")(function)

    @instance.procedure(f"{database}.dbo.sp_GetBackupHistory")
    def history(instance, _session, arguments):
        _table, columns = instance.table(database, "dbo.adm_BackupHistory")
        found = instance.query(f'SELECT * FROM "{database}.dbo.adm_BackupHistory" WHERE BackupSetId > ? ORDER BY BackupSetId, BackupId',
                               (arguments.get("lastbackupsetid") or -1,))
        return Rows(columns, [[row[column] for column in columns] for row in found])

    @instance.procedure(f"{database}.dbo.sp_GetNextBackupSetId")
    def next_set(_instance, _session, _arguments):
        def take():
            group = world.group(name, database)
            group.next_set += 1
            return group.next_set - 1
        return acted(world, take)


def _clean(database):
    def function(instance, _session, arguments):
        instance.query(f'DELETE FROM "{database}.dbo.MarkLog" WHERE MarkName <= ?', (arguments["markname"],))
    return function


def _set_mark(database):
    def function(instance, _session, arguments):
        rows.bulk(instance, database, "dbo.MarkLog", [{"MarkName": arguments["name"]}])
    return function


def _remote(_database):
    def function(_instance, _session, _arguments):
        raise not_modelled("a call by hand of what BizTalk's job calls remotely")
    return function
