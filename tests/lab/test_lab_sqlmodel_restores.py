"""Backup files and RESTORE in the lab: what files tell, the states of a database, log chains and forks, and a whole group at one mark."""
from __future__ import annotations

import re
import time

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import areas, backup_sets, login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import agent, backup_history
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sql as sql_area
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import odbc, sql
from lab import scenario
from lab.tsql.problem import Message, Rows, SqlProblem

CLOCK = "2026-11-24T08:00:00Z"
FCI, DR = "SQLBTS\\BTS", "SQLDR\\BTS"
SHARE = r"\\vault01\btsbackup"
BOX = "BizTalkMsgBoxDb"


class Site:
    """The instances of an estate: what an operator runs there, and how a database is brought back."""

    def __init__(self, state):
        self.state, self.servers = state, state.world.instances

    def run(self, text, server=DR, login_name="dba"):
        made = list(self.servers[server].session(login_name).run(text))
        if made and isinstance(made[-1], SqlProblem):
            raise made[-1]
        return made

    def errors(self, text, server=DR, login_name="dba"):
        """The numbers of the errors of a text, none where it went well."""
        try:
            self.run(text, server, login_name)
        except SqlProblem as problem:
            return [problem.number, *(each.number for each in problem.also)]
        return []

    def tells(self, text, server=DR):
        rows, = (made for made in self.run(text, server) if isinstance(made, Rows))
        return [dict(zip([name for name, _type in rows.columns], row)) for row in rows.rows]

    def rows(self, text, server=DR, values=()):
        return self.servers[server].query(text, values)

    def state_of(self, database, server=DR):
        row = self.rows('SELECT state_desc, is_in_standby FROM "master.sys.databases" WHERE name = ?', server, (database,))[0]
        return "STANDBY" if row["is_in_standby"] else row["state_desc"]

    # --- BizTalk's sets

    def sets(self):
        """Complete sets in order: (id, kind, mark, {database: path})."""
        made = {}
        for row in self.rows('SELECT * FROM "BizTalkMgmtDb.dbo.adm_BackupHistory" WHERE SetComplete = 1 ORDER BY BackupSetId, BackupId', FCI):
            one = made.setdefault(row["BackupSetId"], (row["BackupSetId"], row["BackupType"].strip(), row["MarkName"], {}))
            one[3][row["DatabaseName"]] = row["BackupFileLocation"].rstrip("\\") + "\\" + row["BackupFileName"]
        return list(made.values())

    def sequence(self):
        """The newest complete full set, and the log sets after it."""
        sets = self.sets()
        full = max(place for place, one in enumerate(sets) if one[1] == "db")
        return sets[full], [one for one in sets[full:] if one[1] == "lg"]

    def full(self, database, path, *more, server=DR, finish="NORECOVERY"):
        """The numbers of the errors of restoring a full backup, its files moved to the drives of the instance."""
        words = [finish, *more]
        words += [rf"MOVE N'{row['LogicalName']}' TO N'{'S' if row['Type'] == 'D' else 'L'}:\restored\{row['LogicalName']}'" for row in self.tells(
            f"RESTORE FILELISTONLY FROM DISK = N'{path}';", server)] if server == DR else []
        return self.errors(f"RESTORE DATABASE [{database}] FROM DISK = N'{path}' WITH {', '.join(words)};", server)

    def log(self, database, path, finish="NORECOVERY", server=DR):
        return self.errors(f"RESTORE LOG [{database}] FROM DISK = N'{path}' WITH {finish};", server)

    def newest(self, database=BOX, logs=3):
        """Paths of the newest full of a database and of the first logs after it."""
        full, sets = self.sequence()
        return full[3][database], [one[3][database] for one in sets[:logs]]

    def reached(self, database):
        """How far a database can be brought from the newest full set, over the files that BizTalk knows: its marks, and what stopped it."""
        full, sets = self.sequence()
        assert self.full(database, full[3][database]) == []
        marks = []
        for one in sets:
            if errors := self.log(database, one[3][database]):
                return marks, errors
            marks.append(one[2])
        return marks, []


@pytest.fixture
def site(tmp_path):
    state = scenario.open_state(scenario.load("healthy"), tmp_path, CLOCK)[0]
    yield Site(state)
    state.close()


# --- the whole group

def test_the_whole_group_is_brought_to_its_last_mark_on_the_dr_instance(site):
    full, logs = site.sequence()
    mark = logs[-1][2]
    assert len(full[3]) == 7 and len(logs) > 20
    for database, path in full[3].items():
        assert site.full(database, path) == [] and site.state_of(database) == "RESTORING"
        for one in logs[:-1]:
            assert site.log(database, one[3][database]) == []
        assert site.log(database, logs[-1][3][database], f"STOPATMARK = N'{mark}', RECOVERY") == []
    for database in full[3]:
        assert site.state_of(database) == "ONLINE"
        assert [row["MarkName"] for row in site.rows(f'SELECT MarkName FROM "{database}.dbo.MarkLog" ORDER BY 1')] == [one[2] for one in logs]
    history = site.rows('SELECT * FROM "msdb.dbo.restorehistory" ORDER BY restore_history_id')
    assert len(history) == 7 * (len(logs) + 1) and [row["restore_type"] for row in history[:3]] == ["D", "L", "L"]
    assert (history[-1]["stop_at_mark_name"], history[-1]["stop_before"], history[-1]["recovery"]) == (mark, 0, 1)
    known = site.rows('SELECT b.server_name AS s, f.physical_device_name AS p FROM "msdb.dbo.restorehistory" h JOIN "msdb.dbo.backupset" b '
                      'ON b.backup_set_id = h.backup_set_id JOIN "msdb.dbo.backupmediafamily" f ON f.media_set_id = b.media_set_id '
                      "WHERE h.destination_database_name = 'OrdersDb' AND h.restore_type = 'D'")
    assert [tuple(row.values()) for row in known] == [("SQLAG1", full[3]["OrdersDb"])]


def test_a_database_can_be_used_and_backed_up_again_once_it_is_recovered(site):
    path, logs = site.newest()
    assert site.errors(rf"BACKUP DATABASE [{BOX}] TO DISK = N'S:\x.bak';") == [927, 3013]
    site.full(BOX, path)
    assert site.errors(f"USE [{BOX}];") == [927]
    assert site.log(BOX, logs[0], "RECOVERY") == [] == site.errors(f"USE [{BOX}];")
    site.run(rf"BACKUP LOG [{BOX}] TO DISK = N'S:\first.trn'; BACKUP LOG [{BOX}] TO DISK = N'S:\second.trn';")
    first, second = (site.tells(rf"RESTORE HEADERONLY FROM DISK = N'S:\{name}.trn';")[0] for name in ("first", "second"))
    before = site.tells(f"RESTORE HEADERONLY FROM DISK = N'{logs[0]}';")[0]
    assert first["FirstLSN"] == before["LastLSN"] == first["ForkPointLSN"] and first["FirstRecoveryForkID"] == before["RecoveryForkID"]
    assert first["RecoveryForkID"] == second["RecoveryForkID"] == second["FirstRecoveryForkID"] != before["RecoveryForkID"]


# --- the break that an operator made

@pytest.fixture
def broken(serve):
    """The drifted scenario after what its operators did over SQL and the clock."""
    wire = serve("drifted")
    scenario.carry_out({**wire.plan, "actions": [one for one in wire.plan["actions"] if "sql" in one or "clock" in one]}, wire.lab)
    return wire


def audited(wire, server):
    """The areas of an instance as the product reads them over TDS."""
    options = login.filled({"login_host": "localhost", "login_port": wire.lab.sql_ports[server], "login_user": "dba", "login_password": "Lab-only-3",
                            "ca_file": str(wire.lab.ca), "driver": ""}, {})
    with sql.open(options, server) as session:
        answers = session.read([query for area in (sql_area, agent, backup_history) for query in area.queries()])
    return {name: areas.shaped_by_sql(name, answers) for name in ("sql", "agent", "backup_history")}


@pytest.mark.skipif(odbc.pyodbc is None, reason="pyodbc is not installed")
def test_a_foreign_log_backup_stops_the_restore_at_the_break_and_the_audits_last_mark_is_what_can_be_restored(broken):
    own, replica = audited(broken, FCI), audited(broken, "SQLAG1")
    told = backup_sets.derive(own["backup_history"], own["agent"]["jobs"], own["sql"]["databases"], [replica["backup_history"]])
    site = Site(broken.lab.state)

    def bring_all():
        return {name: site.reached(name) for name in site.sequence()[0][3] if name != "OrdersDb"}     # it has left the view

    reached = broken.lab.call(bring_all)
    marks, errors = reached.pop(BOX)
    assert errors == [4305, 3013] and marks
    last = [one[2] for one in site.sequence()[1]]
    assert all(others == last and stopped == [] for others, stopped in reached.values()) and len(last) > len(marks)
    assert told["restorable"]["mark"] == marks[-1]
    foreign = r"S:\Temp\BizTalkMsgBoxDb_before_import.trn"
    assert site.log(BOX, foreign) == [3201, 3013]                               # a drive of the other instance
    header, = site.tells(f"RESTORE HEADERONLY FROM DISK = N'{foreign}';", FCI)
    redo = site.rows('SELECT f.redo_start_lsn AS r FROM "master.sys.master_files" f JOIN "master.sys.databases" d ON d.database_id = f.database_id '
                     "WHERE d.name = ?", DR, (BOX,))[0]["r"]
    assert header["FirstLSN"] == redo and header["UserName"] == "maint" and header["BackupName"] == "before import"


# --- log chains

def test_logs_are_taken_in_order_only(site):
    path, logs = site.newest()
    assert site.log(BOX, logs[0]) == [3117, 3013]                              # nothing to roll forward yet
    assert site.full(BOX, path) == []
    assert site.log(BOX, logs[1]) == [4305, 3013]
    assert [site.log(BOX, log) for log in logs] == [[], [], []]
    assert site.log(BOX, logs[0]) == [4326, 3013] and site.log(BOX, logs[2]) == []
    other, _logs = site.newest("SSODB")
    assert site.log(BOX, _logs[2]) == [3154, 3013] and site.log(BOX, other) == [3135, 3013]
    assert site.errors(f"RESTORE DATABASE [{BOX}];") == [] and site.state_of(BOX) == "ONLINE"
    assert site.log(BOX, logs[2]) == [3117, 3013] and site.errors(f"RESTORE DATABASE [{BOX}] WITH RECOVERY;") == [3153, 3013]


def test_a_mark_is_stopped_at_or_before_and_one_that_is_not_in_the_log_leaves_the_database_restoring(site):
    path, logs = site.newest()
    marks = [one[2] for one in site.sequence()[1]]
    site.full(BOX, path)
    said = site.run(f"RESTORE LOG [{BOX}] FROM DISK = N'{logs[0]}' WITH STOPATMARK = N'{marks[1]}', RECOVERY;")
    assert [made.number for made in said if isinstance(made, Message)] == [4329] and site.state_of(BOX) == "RESTORING"
    assert site.log(BOX, logs[1], f"STOPBEFOREMARK = N'{marks[1]}'") == [] and site.state_of(BOX) == "ONLINE"
    assert [row["MarkName"] for row in site.rows(f'SELECT MarkName FROM "{BOX}.dbo.MarkLog"')] == marks[:1]
    assert site.rows('SELECT stop_before AS b FROM "msdb.dbo.restorehistory" ORDER BY restore_history_id DESC LIMIT 1') == [{"b": 1}]
    site.full(BOX, path, "REPLACE")
    site.log(BOX, logs[0])
    assert site.log(BOX, logs[0], f"STOPATMARK = N'{marks[0]}'") == [4335, 3013]


def test_after_recovery_at_an_earlier_mark_the_logs_of_the_old_path_no_longer_fit(site):
    site.state.move_clock(120)                                                 # what was due has run
    path, logs = site.newest("SSODB", 4)
    mark = site.sequence()[1][1][2]
    assert site.full("SSODB", path, "REPLACE", server=FCI) == [] == site.log("SSODB", logs[0], server=FCI)
    assert site.log("SSODB", logs[1], f"STOPATMARK = N'{mark}', RECOVERY", FCI) == []
    site.state.move_clock(300)                                                 # work goes on, on another path
    site.run(rf"BACKUP LOG [SSODB] TO DISK = N'{SHARE}\new_path.trn';", FCI)
    site.full("SSODB", path)
    assert [site.log("SSODB", log) for log in logs[:2]] == [[], []]              # beyond the mark, on the old path
    assert site.log("SSODB", rf"{SHARE}\new_path.trn") == [4330, 3013]
    site.full("SSODB", path)
    assert site.log("SSODB", logs[0]) == [] == site.log("SSODB", logs[1], f"STOPATMARK = N'{mark}', NORECOVERY")
    assert site.log("SSODB", rf"{SHARE}\new_path.trn") == [] and site.log("SSODB", logs[2]) == [4330, 3013]
    site.run(rf"BACKUP DATABASE [SSODB] TO DISK = N'{SHARE}\new.bak' WITH DIFFERENTIAL;", FCI)
    site.full("SSODB", path)
    assert site.errors(rf"RESTORE DATABASE [SSODB] FROM DISK = N'{SHARE}\new.bak';") == []     # its base is the full that was restored


def test_a_differential_fits_its_own_base_only(site):
    old, _logs = site.newest("SSODB")
    site.run(rf"BACKUP DATABASE [SSODB] TO DISK = N'{SHARE}\sso.bak'; BACKUP DATABASE [SSODB] TO DISK = N'{SHARE}\sso.bak' WITH DIFFERENTIAL;", FCI)
    assert site.full("SSODB", old) == []
    second = rf"RESTORE DATABASE [SSODB] FROM DISK = N'{SHARE}\sso.bak' WITH FILE = 2"
    assert site.errors(second) == [3136, 3013]
    assert site.full("SSODB", rf"{SHARE}\sso.bak") == [] == site.errors(second) and site.state_of("SSODB") == "ONLINE"
    assert site.rows('SELECT restore_type AS t FROM "msdb.dbo.restorehistory" ORDER BY restore_history_id DESC LIMIT 1') == [{"t": "I"}]


def test_a_standby_can_be_read_and_goes_on(site):
    path, logs = site.newest()
    site.full(BOX, path)
    assert site.log(BOX, logs[0], r"STANDBY = N'Q:\undo.tuf'") == [3170, 3013]
    assert site.log(BOX, logs[0], r"STANDBY = N'S:\undo.tuf'") == [] and site.state_of(BOX) == "STANDBY"
    assert site.errors(f"USE [{BOX}];") == [] and site.errors(f"DELETE FROM {BOX}.dbo.MarkLog;") == [3906]
    assert site.errors(rf"BACKUP LOG [{BOX}] TO DISK = N'S:\x.trn';") == [3036, 3013]
    assert site.log(BOX, logs[1]) == [] and site.state_of(BOX) == "RESTORING"


def test_a_tail_is_backed_up_first_or_replaced(site):
    path, logs = site.newest("SSODB", 99)
    assert site.full("SSODB", path, server=FCI) == [3159, 3013]
    assert site.errors(rf"BACKUP LOG [SSODB] TO DISK = N'{SHARE}\tail.trn' WITH NORECOVERY;", FCI) == [] and site.state_of("SSODB", FCI) == "RESTORING"
    assert site.full("SSODB", path, server=FCI) == []
    assert [site.log("SSODB", log, server=FCI) for log in [*logs, rf"{SHARE}\tail.trn"]] == [[]] * (len(logs) + 1)
    assert site.errors("RESTORE DATABASE [SSODB] WITH RECOVERY;", FCI) == [] and site.state_of("SSODB", FCI) == "ONLINE"


# --- files

def test_sets_are_appended_init_overwrites_and_nul_keeps_nothing(site):
    backup = r"BACKUP DATABASE [BizTalkMgmtDb] TO DISK = N'S:\own.bak'"
    site.run(f"{backup} WITH NAME = N'one'; {backup} WITH NAME = N'two', COPY_ONLY, CHECKSUM;", FCI)
    told = site.tells(r"RESTORE HEADERONLY FROM DISK = N'S:\OWN.BAK';", FCI)
    assert [(row["Position"], row["BackupName"], row["IsCopyOnly"], row["Flags"]) for row in told] == [(1, "one", 0, 0), (2, "two", 1, 16)]
    assert site.errors(r"RESTORE VERIFYONLY FROM DISK = N'S:\own.bak' WITH FILE = 3;", FCI) == [4038, 3013]
    assert site.errors(r"RESTORE VERIFYONLY FROM DISK = N'S:\own.bak' WITH CHECKSUM;", FCI) == [3187, 3013]
    assert site.errors(r"RESTORE VERIFYONLY FROM DISK = N'S:\own.bak' WITH CHECKSUM, FILE = 2;", FCI) == []
    families = site.rows("SELECT COUNT(*) AS n FROM \"msdb.dbo.backupmediafamily\" WHERE physical_device_name = 'S:\\own.bak'", FCI)
    assert families == [{"n": 1}]
    site.run(f"{backup} WITH INIT, NAME = N'three';", FCI)
    assert [row["BackupName"] for row in site.tells(r"RESTORE HEADERONLY FROM DISK = N'S:\own.bak';", FCI)] == ["three"]
    site.run("BACKUP DATABASE [BizTalkMgmtDb] TO DISK = N'NUL' WITH COPY_ONLY;", FCI)
    assert site.errors("RESTORE HEADERONLY FROM DISK = N'NUL';", FCI) == [3201, 3013]


def test_headers_say_what_msdb_says_and_hold_every_column_of_the_page(site):
    path, logs = site.newest()
    header, = site.tells(f"RESTORE HEADERONLY FROM DISK = N'{logs[0]}';")
    row, = site.rows('SELECT b.* FROM "msdb.dbo.backupset" b JOIN "msdb.dbo.backupmediafamily" f ON f.media_set_id = b.media_set_id '
                     "WHERE f.physical_device_name = ?", FCI, (logs[0],))
    for column, name in (("FirstLSN", "first_lsn"), ("LastLSN", "last_lsn"), ("DatabaseBackupLSN", "database_backup_lsn"), ("ServerName", "server_name"),
                         ("BackupSetGUID", "backup_set_uuid"), ("BackupFinishDate", "backup_finish_date"), ("RecoveryForkID", "last_recovery_fork_guid"),
                         ("CompressedBackupSize", "compressed_backup_size"), ("UserName", "user_name"), ("BeginsLogChain", "begins_log_chain")):
        assert row[name] is not None and header[column] == row[name], column
    assert (header["BackupType"], header["BackupTypeDescription"], header["RecoveryModel"]) == (2, "TRANSACTION LOG", "FULL")
    assert not any(text["changes"] for text in site.servers[DR].texts())         # reading changes nothing
    assert len(header) == 56 and "LastValidRestoreTime" not in header           # this is SQL Server 2019
    label, = site.tells(f"RESTORE LABELONLY FROM DISK = N'{path}';")
    assert label["FamilyCount"] == 1 and label["SoftwareName"] == "Microsoft SQL Server"
    assert [(row["Type"], row["PhysicalName"][:3]) for row in site.tells(f"RESTORE FILELISTONLY FROM DISK = N'{path}';")] == [("D", "S:\\"), ("L", "L:\\")]


def test_files_that_are_not_there_or_damaged_and_folders_that_are_not_reached(site):
    path, logs = site.newest()
    assert site.errors(rf"RESTORE HEADERONLY FROM DISK = N'{SHARE}\none.bak';") == [3201, 3013]
    assert site.errors(r"RESTORE HEADERONLY FROM DISK = N'\\other\x.bak';") == [3201, 3013]
    site.rows('UPDATE "#backup_file" SET header = \'{"backup\' WHERE path = ?', FCI, (logs[0].casefold(),))
    site.full(BOX, path)
    assert site.log(BOX, logs[0]) == [3241, 3013] and site.log(BOX, logs[1]) == [4305, 3013]


def test_files_of_the_database_need_a_place(site):
    path, _logs = site.newest()
    assert site.errors(rf"RESTORE DATABASE [{BOX}] FROM DISK = N'{path}' WITH MOVE N'{BOX}' TO N'X:\x.mdf', NORECOVERY;") == [5133, 3156, 3119, 3013]
    assert site.errors(rf"RESTORE DATABASE [{BOX}] FROM DISK = N'{path}' WITH MOVE N'none' TO N'S:\x.mdf';") == [3234, 3013]
    taken = site.rows('SELECT physical_name AS p FROM "master.sys.master_files" WHERE name = ?', DR, ("SSODB",))[0]["p"]
    assert site.errors(f"RESTORE DATABASE [{BOX}] FROM DISK = N'{path}' WITH MOVE N'{BOX}' TO N'{taken}';") == [1834, 3156, 3119, 3013]
    assert site.errors(rf"RESTORE DATABASE [Copy] FROM DISK = N'{path}' WITH MOVE N'{BOX}' TO N'S:\c.mdf', MOVE N'{BOX}_log' TO N'L:\c.ldf';") == []
    assert site.state_of("Copy") == "ONLINE" and site.errors("SELECT MarkName FROM Copy.dbo.MarkLog;") == []
    assert {row["p"] for row in site.rows('SELECT physical_name AS p FROM "Copy.sys.database_files"')} == {"S:\\c.mdf", "L:\\c.ldf"}


# --- who may, and when

def test_rights_and_exclusive_use(site):
    path, logs = site.newest("SSODB")
    mgmt = site.sequence()[0][3]["BizTalkMgmtDb"]
    assert site.errors(f"RESTORE HEADERONLY FROM DISK = N'{path}';", FCI, "maint") == [262, 3013]
    assert site.errors(f"RESTORE DATABASE [New] FROM DISK = N'{path}';", FCI, "maint") == [262, 3013]
    assert site.errors(f"RESTORE DATABASE [SSODB] FROM DISK = N'{path}' WITH REPLACE;", FCI, "maint") == [3110, 3013]
    site.servers[FCI].grant("maint", "CREATE DATABASE", "master")
    assert site.errors(f"RESTORE HEADERONLY FROM DISK = N'{path}';", FCI, "maint") == []
    assert site.errors(f"RESTORE DATABASE [SSODB] FROM DISK = N'{mgmt}' WITH NORECOVERY;", FCI) == [3154, 3013]
    assert site.errors(f"USE [SSODB]; RESTORE DATABASE [SSODB] FROM DISK = N'{path}' WITH REPLACE;", FCI) == [3102, 3013]
    inside = site.servers[FCI].connect("dba", "Lab-only-3", "SSODB")
    assert site.full("SSODB", path, "REPLACE", server=FCI) == [3101, 3013]
    assert site.errors(r"BACKUP LOG [SSODB] TO DISK = N'S:\tail.trn' WITH NORECOVERY;", FCI) == [3101, 3013]
    list(inside.run("USE [master];"))
    assert site.full("SSODB", path, "REPLACE", server=FCI) == []
    orders = site.sequence()[0][3]["OrdersDb"]
    assert site.errors(f"RESTORE DATABASE [OrdersDb] FROM DISK = N'{orders}' WITH REPLACE;", "SQLAG1") == [3104, 3013]
    assert site.log("NoSuch", logs[0]) == [3118, 3013]


@pytest.mark.parametrize("text, number", [
    ("RESTORE LOG [SSODB] WITH RECOVERY", 102), ("RESTORE DATABASE [SSODB] FROM DISK = N'x' WITH RECOVERY, NORECOVERY", 3031),
    ("RESTORE DATABASE [SSODB] FROM DISK = N'x' WITH STOPATMARK = N'a', STOPBEFOREMARK = N'b'", 3031),
    ("RESTORE DATABASE [SSODB] FROM DISK = N'x' WITH RECOVER", 155), ("RESTORE DATABASE [SSODB] FROM DISK = N'x' RECOVERY", 102),
    ("RESTORE DATABASE [SSODB] FROM DISK = N'x' WITH PARTIAL", 50000), ("RESTORE DATABASE [SSODB] FROM DISK = N'x', DISK = N'y'", 102),
    ("RESTORE DATABASE [SSODB] FROM TAPE = N'x'", 50000), ("RESTORE DATABASE [master] FROM DISK = N'x'", 50000),
    ("RESTORE LOG [SSODB] FROM DISK = N'x' WITH STOPATMARK = N'a' AFTER N'2026-11-24'", 50000), ("RESTORE REWINDONLY FROM TAPE = N'x'", 50000)])
def test_what_is_no_restore_or_none_of_the_labs(site, text, number):
    assert site.errors(text + ";")[0] == number


def test_an_operators_restore_goes_over_the_wire(serve):
    wire = serve()
    path, logs = Site(wire.lab.state).newest("BizTalkMgmtDb")
    moves = r"MOVE N'BizTalkMgmtDb' TO N'S:\r.mdf', MOVE N'BizTalkMgmtDb_log' TO N'L:\r.ldf'"
    scenario.carry_out({**wire.plan, "actions": [{"sql": DR, "statements": [
        f"RESTORE HEADERONLY FROM DISK = N'{path}';", f"RESTORE DATABASE [BizTalkMgmtDb] FROM DISK = N'{path}' WITH NORECOVERY, {moves};",
        f"RESTORE LOG [BizTalkMgmtDb] FROM DISK = N'{logs[0]}' WITH RECOVERY;"]}]}, wire.lab)
    assert Site(wire.lab.state).state_of("BizTalkMgmtDb") == "ONLINE"
    until = time.monotonic() + 5
    while (still := wire.lab.call(lambda: list(wire.lab.state.world.instances[DR].sessions))) and time.monotonic() < until:
        time.sleep(0.02)
    assert still == []                                                          # who has gone is in no database
    with pytest.raises(Exception, match=re.escape("(3117)")):
        scenario.carry_out({**wire.plan, "actions": [{"sql": DR, "statements": [f"RESTORE LOG [BizTalkMgmtDb] FROM DISK = N'{logs[1]}';"]}]}, wire.lab)
