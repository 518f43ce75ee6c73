"""The lab's SQL Servers with their content: what is there after 15 days, what the procedures change, what the clock does."""
from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from lab import estate, operator, scenario
from lab.backend import Backend
from lab.sqlmodel import build, hosts
from lab.tsql.problem import Message, Rows, SqlProblem

CLOCK = "2026-11-24T08:00:00Z"
FCI = "SQLBTS\\BTS"
JOB = "Backup BizTalk Server (BizTalkMgmtDb)"
MSDB = "EXEC msdb.dbo."


class Estate:
    """The healthy estate's servers, as their operator."""

    def __init__(self, state):
        self.state = state
        self.servers = state.world.instances

    def run(self, text, server=FCI, login="dba"):
        """The results of a text. An error is raised."""
        made = list(self.servers[server].session(login).run(text))
        if made and isinstance(made[-1], SqlProblem):
            raise made[-1]
        return made

    def refused(self, text, server=FCI, login="dba"):
        """The numbers of the error that a text ends with."""
        with pytest.raises(SqlProblem) as told:
            self.run(text, server, login)
        return [told.value.number, *(each.number for each in told.value.also)]

    def rows(self, text, server=FCI, values=()):
        return self.servers[server].query(text, values)

    def value(self, text, server=FCI):
        return next(iter(self.rows(text, server)[0].values()))

    def step(self, number, command):
        self.run(f"{MSDB}sp_update_jobstep @job_name = N'{JOB}', @step_id = {number}, @command = N'{command.replace(chr(39), chr(39) * 2)}';")

    def sets(self):
        """(id, kind, complete, rows) of every set."""
        return [tuple(row.values()) for row in self.rows('SELECT BackupSetId, BackupType, MIN(SetComplete) AS c, COUNT(*) AS n FROM '
                                                         '"BizTalkMgmtDb.dbo.adm_BackupHistory" GROUP BY 1, 2 ORDER BY 1')]

    def newest(self):
        """The id of the newest set."""
        return self.sets()[-1][0]

    def chain(self, database, server=FCI):
        return self.rows('SELECT type, first_lsn, last_lsn, user_name, begins_log_chain FROM "msdb.dbo.backupset" WHERE database_name = ? '
                         "ORDER BY backup_set_id", server, (database,))

    def outcomes(self):
        """Outcomes of the backup job's runs, the newest first."""
        return [row["run_status"] for row in self.rows(
            'SELECT h.run_status FROM "msdb.dbo.sysjobhistory" h JOIN "msdb.dbo.sysjobs" j ON j.job_id = h.job_id '
            f"WHERE j.name = '{JOB}' AND h.step_id = 0 ORDER BY h.instance_id DESC")]

    def pass_time(self, **span):
        self.state.move_clock(timedelta(**span).total_seconds())


@pytest.fixture
def open_estate(tmp_path):
    opened = []

    def start(name="healthy", folder=tmp_path):
        opened.append(scenario.open_state(scenario.load(name), folder, CLOCK)[0])
        return Estate(opened[-1])

    yield start
    for state in opened:
        state.close()


@pytest.fixture
def healthy(open_estate):
    return open_estate()


# --- what 15 days leave

def test_the_history_is_that_of_a_job_that_ran_every_quarter_of_an_hour_and_kept_fourteen_days(healthy):
    sets = healthy.sets()
    fulls, logs = ([one for one in sets if one[1].strip() == kind] for kind in ("db", "lg"))
    assert {(complete, rows) for _id, _kind, complete, rows in sets} == {(1, 7)}
    assert len(fulls) == 14 and 96 * 14 - 4 <= len(logs) <= 96 * 14 + 4
    assert [one[0] for one in sets] == sorted(one[0] for one in sets)
    assert {row["h"] for row in healthy.rows('SELECT SUBSTR(BackupDateTime, 12, 2) AS h FROM "BizTalkMgmtDb.dbo.adm_BackupHistory" '
                                             "WHERE BackupType = 'db'")} == {"02"}
    assert set(healthy.outcomes()) == {1}


@pytest.mark.parametrize("server, databases", [(FCI, ("BizTalkMgmtDb", "BizTalkMsgBoxDb", "BizTalkDTADb", "SSODB", "BAMPrimaryImport")),
                                               ("SQLAG1", ("BizTalkRuleEngineDb", "OrdersDb"))])
def test_every_log_chain_is_unbroken_and_msdb_has_each_file_of_biztalks_history(healthy, server, databases):
    for database in databases:
        logs = [row for row in healthy.chain(database, server) if row["type"] == "L"]
        assert len(logs) > 96 * 14 and all(one["last_lsn"] == two["first_lsn"] for one, two in zip(logs, logs[1:]))
        assert [row["begins_log_chain"] for row in logs[:2]] == [1, 0]
    files = {row["physical_device_name"] for row in healthy.rows('SELECT physical_device_name FROM "msdb.dbo.backupmediafamily"', server)}
    told = {rf"\\vault01\btsbackup\{row['f']}" for row in healthy.rows(
        'SELECT BackupFileName AS f, DatabaseName AS d FROM "BizTalkMgmtDb.dbo.adm_BackupHistory"') if row["d"] in databases}
    assert len(told) > 1000 and told <= files


def test_marks_are_in_every_database_and_those_of_cleared_sets_are_gone(healthy):
    oldest = healthy.value('SELECT MIN(MarkName) FROM "BizTalkMgmtDb.dbo.adm_BackupHistory"')
    for server, database in ((FCI, "BizTalkMsgBoxDb"), (FCI, "SSODB"), ("SQLAG1", "OrdersDb")):
        marks = [row["MarkName"] for row in healthy.rows(f'SELECT MarkName FROM "{database}.dbo.MarkLog" ORDER BY MarkName', server)]
        assert marks[0] == oldest and len(marks) == len(set(marks)) > 96 * 13


def test_nothing_in_the_history_lies_in_the_future_and_the_newest_set_is_younger_than_two_intervals(healthy):
    now = datetime(2026, 11, 24, 9, 0)
    for table, column in (("msdb.dbo.backupset", "backup_finish_date"), ("BizTalkMgmtDb.dbo.adm_BackupHistory", "BackupDateTime"),
                          ("msdb.dbo.sysjobactivity", "stop_execution_date"), ("BizTalkMgmtDb.dbo.TDDS_Heartbeats", "TimeLastChanged")):
        newest = datetime.fromisoformat(healthy.value(f'SELECT MAX("{column}") FROM "{table}"'))
        assert now - timedelta(hours=1, minutes=30) < newest < now, table


def test_the_view_names_the_listener_for_what_stands_behind_it(healthy):
    assert {tuple(row.values()) for row in healthy.rows('SELECT * FROM "BizTalkMgmtDb.dbo.admv_BackupDatabases"')} == {
        (FCI, "BizTalkMgmtDb"), (FCI, "BizTalkMsgBoxDb"), (FCI, "BizTalkDTADb"), (FCI, "SSODB"), (FCI, "BAMPrimaryImport"),
        ("BTSLSN", "BizTalkRuleEngineDb"), ("BTSLSN", "OrdersDb")}


def test_hosts_and_instances_are_those_of_the_servers_and_flags_are_minus_one(healthy):
    told = {(row["host"], row["server"]) for row in healthy.rows(
        'SELECT h.Name AS host, s.Name AS server FROM "BizTalkMgmtDb.dbo.adm_Server2HostMapping" m JOIN "BizTalkMgmtDb.dbo.adm_Host" h ON h.Id = m.HostId '
        'JOIN "BizTalkMgmtDb.dbo.adm_Server" s ON s.Id = m.ServerId JOIN "BizTalkMgmtDb.dbo.adm_HostInstance" i ON i.Svr2HostMappingId = m.Id '
        "WHERE m.IsMapped = -1")}
    made = estate.biztalk_instances(scenario.load("healthy")["estate"])
    assert told == {(one["host"], one["server"]) for one in made}
    services = healthy.state.hosts
    assert all(f"BTSSvc${host}" in services[server.lower()]["services"] for host, server in told if host != "BizTalkServerIsolatedHost")


def test_the_destination_of_log_shipping_has_the_databases_restoring_and_three_jobs(healthy):
    states = {row["name"]: row["state_desc"] for row in healthy.rows('SELECT name, state_desc FROM "master.sys.databases"', "SQLDR\\BTS")}
    assert states["BizTalkMgmtDb"] == states["SSODB"] == "RESTORING" and states["master"] == "ONLINE"
    assert healthy.value("SELECT COUNT(*) FROM \"msdb.dbo.sysjobs\" WHERE name LIKE 'BTS Log Shipping%'", "SQLDR\\BTS") == 3


def test_a_secondary_sees_its_own_state_only_and_its_jobs_do_nothing(healthy):
    view = "master.sys.dm_hadr_availability_replica_states"
    assert [healthy.value(f'SELECT COUNT(*) FROM "{view}"', server) for server in ("SQLAG1", "SQLAG2")] == [2, 1]
    assert [row["type"] for row in healthy.chain("OrdersDb", "SQLAG2")] == []
    jobs = [{row["name"] for row in healthy.rows('SELECT name FROM "msdb.dbo.sysjobs"', server)} for server in ("SQLAG1", "SQLAG2")]
    assert jobs[0] == jobs[1] and "Rules_Database_Cleanup_BizTalkRuleEngineDb" in jobs[0]


def test_the_same_time_makes_the_same_content_in_another_folder_and_process_or_not(healthy, tmp_path):
    description = scenario.load("healthy")["estate"]
    fresh = build.opened(description, None, lambda: CLOCK)
    for name, instance in fresh.instances.items():
        for table in ("msdb.dbo.backupset", "msdb.dbo.sysjobhistory"):
            assert instance.query(f'SELECT * FROM "{table}"') == healthy.rows(f'SELECT * FROM "{table}"', name)


# --- the clock

def test_time_that_passes_makes_the_agents_run_and_the_state_is_kept_over_a_restart(open_estate, tmp_path):
    healthy = open_estate()
    before = healthy.newest()
    healthy.pass_time(hours=1)
    assert healthy.newest() == before + 4 and healthy.sets()[-1][2:] == (1, 7)
    healthy.state.meta("scenario", "carried out")
    kept, now = healthy.sets(), healthy.state.clock
    healthy.state.close()
    again, fresh = scenario.open_state(scenario.load("healthy"), tmp_path)
    assert not fresh and again.clock == now and Estate(again).sets() == kept
    Estate(again).pass_time(minutes=15)
    assert Estate(again).newest() == before + 5
    again.close()


def test_a_night_makes_the_full_of_the_day(healthy):
    healthy.pass_time(hours=24)
    assert [one[1] for one in healthy.sets()[-97:]].count("db") == 1 and healthy.outcomes()[:96] == [1] * 96


def test_heartbeats_stay_young(healthy):
    healthy.pass_time(hours=5)
    newest = datetime.fromisoformat(healthy.value('SELECT MAX(TimeLastChanged) FROM "BizTalkMgmtDb.dbo.TDDS_Heartbeats"'))
    assert timedelta() < datetime(2026, 11, 24, 13, 0) - newest < timedelta(minutes=1)


def test_reading_leaves_the_hash_and_a_statement_moves_it(healthy):
    before = healthy.state.state_hash()
    healthy.run("SELECT name FROM sys.databases;")
    assert healthy.state.state_hash() == before
    healthy.run("EXEC BizTalkMgmtDb.dbo.sp_ForceFullBackup;")
    assert healthy.state.state_hash() != before


# --- faults that operators make

def test_a_log_backup_by_hand_breaks_the_chain_of_the_jobs_files_and_names_its_login(healthy):
    healthy.run(r"BACKUP LOG [BizTalkMsgBoxDb] TO DISK = N'S:\Temp\x.trn' WITH INIT, NAME = N'before import';", login="maint")
    healthy.pass_time(minutes=30)
    *_old, before, by_hand, after = [row for row in healthy.chain("BizTalkMsgBoxDb") if row["type"] == "L"][-4:-1]
    assert by_hand["user_name"] == "maint" and before["user_name"] == after["user_name"] == "CONTOSO\\svc-sql"
    assert before["last_lsn"] == by_hand["first_lsn"] and by_hand["last_lsn"] == after["first_lsn"] != before["last_lsn"]
    assert healthy.value("SELECT physical_device_name FROM \"msdb.dbo.backupmediafamily\" WHERE device_type = 2 AND physical_device_name LIKE 'S:%'") \
        == r"S:\Temp\x.trn"


def test_a_backup_by_hand_between_a_run_and_its_end_comes_after_it_and_the_run_is_made_once(healthy):
    healthy.pass_time(minutes=18)
    before = healthy.newest()
    healthy.run(r"BACKUP LOG [BizTalkMsgBoxDb] TO DISK = N'S:\x.trn';")
    assert healthy.newest() == before + 1
    healthy.pass_time(minutes=2)
    assert healthy.newest() == before + 1
    healthy.pass_time(minutes=15)
    told = healthy.rows("SELECT backup_start_date AS t, first_lsn AS f, last_lsn AS l, user_name AS u FROM \"msdb.dbo.backupset\" "
                        "WHERE database_name = 'BizTalkMsgBoxDb' AND type = 'L' ORDER BY backup_set_id DESC LIMIT 4")[::-1]
    assert [row["u"] for row in told] == ["CONTOSO\\svc-sql", "CONTOSO\\svc-sql", "dba", "CONTOSO\\svc-sql"]
    assert [row["t"] for row in told] == sorted(row["t"] for row in told)
    assert all(one["l"] == two["f"] for one, two in zip(told, told[1:]))


def test_backup_needs_its_right_a_database_that_is_there_and_a_place(healthy):
    assert healthy.refused(r"BACKUP LOG [SSODB] TO DISK = N'S:\x.trn';", login="maint") == [262, 3013]
    assert healthy.refused(r"BACKUP DATABASE [NoSuch] TO DISK = N'S:\x.bak';") == [911, 3013]
    assert healthy.refused(r"BACKUP DATABASE [SSODB] TO DISK = N'\\other\x.bak';") == [3201, 3013]


def test_recovery_simple_makes_partial_sets_until_it_is_full_again_and_a_full_is_made(healthy):
    healthy.run("ALTER DATABASE [BizTalkDTADb] SET RECOVERY SIMPLE;")
    healthy.step(2, r"exec [dbo].[sp_BackupAllFull_Schedule] 'd', 'BTS', '\\vault01\btsbackup', 0, 2, 1")
    healthy.pass_time(minutes=30)
    partial = healthy.sets()[-1]
    assert partial[1:3] == ("lg", 0) and partial[3] < 7 and healthy.outcomes()[:2] == [0, 0]
    message = healthy.value("SELECT message FROM \"msdb.dbo.sysjobhistory\" WHERE run_status = 0 AND step_id = 3 ORDER BY instance_id DESC LIMIT 1")
    assert re.findall(r"\(Error (\d+)\)", message) == ["4208", "3013", "50000"] and message.endswith("The step failed.")
    healthy.run("ALTER DATABASE [BizTalkDTADb] SET RECOVERY FULL; EXEC BizTalkMgmtDb.dbo.sp_ForceFullBackup;")
    healthy.pass_time(minutes=15)
    assert [one[1:3] for one in healthy.sets()[-2:]] == [("db", 1), ("lg", 1)] and healthy.outcomes()[0] == 1


def test_with_argument_4_the_run_after_a_partial_set_makes_a_full(healthy):
    healthy.run("ALTER DATABASE [BizTalkDTADb] SET RECOVERY SIMPLE;")
    healthy.pass_time(minutes=15)
    healthy.run("ALTER DATABASE [BizTalkDTADb] SET RECOVERY FULL;")
    healthy.pass_time(minutes=15)
    assert [one[1:3] for one in healthy.sets()[-3:]] == [("lg", 0), ("db", 1), ("lg", 1)]


def test_a_registered_database_without_biztalks_scripts_fails_each_set_with_2812(healthy):
    healthy.run("INSERT INTO BizTalkMgmtDb.dbo.adm_OtherBackupDatabases (DefaultDatabaseName, DatabaseName, ServerName, BTSServerName) "
                r"VALUES (N'Star', N'BAMStarSchema', N'SQLBTS\BTS', N'BTS01');")
    healthy.pass_time(minutes=15)
    message = healthy.value("SELECT message FROM \"msdb.dbo.sysjobhistory\" WHERE run_status = 0 AND step_id = 3")
    assert healthy.sets()[-1][2] == 1 and re.findall(r"\(Error (\d+)\)", message)[0] == "2812"      # marking fails first: no row at all


def test_under_another_name_than_sso_every_set_is_partial_with_8144_while_the_job_compresses(healthy):
    for name, wanted in (("SSODB", 0), ("SSO", 1)):
        healthy.run(f"UPDATE BizTalkMgmtDb.dbo.adm_OtherBackupDatabases SET DefaultDatabaseName = N'{name}' WHERE DatabaseName = N'SSODB';")
        healthy.pass_time(minutes=30)
        assert healthy.sets()[-1][2] == wanted
    messages = healthy.rows('SELECT message AS m FROM "msdb.dbo.sysjobhistory" WHERE run_status = 0 AND step_id = 3')
    assert messages and all("(Error 8144)" in row["m"] for row in messages)


def test_local_time_in_one_step_and_utc_in_the_other_are_mixed_in_one_table(healthy):
    healthy.step(3, r"exec [dbo].[sp_MarkAll] 'BTS', '\\vault01\btsbackup'")
    healthy.pass_time(minutes=15)
    newest = healthy.rows('SELECT BackupDateTime AS t, MarkName AS m FROM "BizTalkMgmtDb.dbo.adm_BackupHistory" ORDER BY BackupId DESC LIMIT 1')[0]
    assert newest["t"].startswith("2026-11-24 08:0") and newest["m"].startswith("BTS_2026_11_24_08_0")


def test_an_enabled_job_with_its_placeholders_fails_in_the_second_step_and_leaves_no_row(open_estate):
    fresh = open_estate("fresh")
    assert fresh.outcomes() == [] and fresh.sets() == []
    fresh.run(f"{MSDB}sp_update_job @job_name = N'{JOB}', @enabled = 1;")
    fresh.pass_time(minutes=15)
    steps = fresh.rows("SELECT step_name, run_status FROM \"msdb.dbo.sysjobhistory\" WHERE step_name IN ('Set Compression Option', 'BackupFull', "
                       "'MarkAndBackupLog') ORDER BY instance_id")
    assert [tuple(row.values()) for row in steps] == [("Set Compression Option", 1), ("BackupFull", 0)]
    assert fresh.outcomes() == [0] and fresh.sets() == [] and fresh.value('SELECT NextBackupSetId FROM "BizTalkMgmtDb.dbo.adm_BackupSetId"') == 2


# --- procedures

def test_steps_and_schedules_are_changed_and_the_jobs_version_moves(healthy):
    before = healthy.value(f"SELECT version_number FROM \"msdb.dbo.sysjobs\" WHERE name = '{JOB}'")
    healthy.run(f"{MSDB}sp_add_jobstep @job_name = N'{JOB}', @step_name = N'Notify', @command = N'x', @step_id = 2, @on_success_action = 3;"
                f"{MSDB}sp_delete_jobstep @job_name = N'{JOB}', @step_id = 1;"
                f"{MSDB}sp_update_schedule @name = N'MarkAndBackupLogSched', @freq_subday_interval = 30;")
    assert [row["step_name"] for row in healthy.rows(f"SELECT s.step_name FROM \"msdb.dbo.sysjobsteps\" s JOIN \"msdb.dbo.sysjobs\" j ON j.job_id = s.job_id "
                                                     f"WHERE j.name = '{JOB}' ORDER BY s.step_id")] == [
        "Notify", "BackupFull", "MarkAndBackupLog", "Clear Backup History"]
    assert healthy.value(f"SELECT version_number FROM \"msdb.dbo.sysjobs\" WHERE name = '{JOB}'") == before + 2
    count = healthy.newest()
    healthy.pass_time(hours=1)
    assert healthy.newest() == count + 2


def test_a_new_schedule_is_attached_and_runs(healthy):
    healthy.run(f"{MSDB}sp_add_schedule @schedule_name = N'Nightly', @freq_type = 4, @freq_interval = 1, @active_start_time = 91000;"
                f"{MSDB}sp_attach_schedule @job_name = N'MessageBox_Message_Cleanup_BizTalkMsgBoxDb', @schedule_name = N'Nightly';"
                f"{MSDB}sp_update_job @job_name = N'MessageBox_Message_Cleanup_BizTalkMsgBoxDb', @enabled = 1;")
    healthy.pass_time(minutes=30)
    row = healthy.rows('SELECT last_run_outcome, last_run_time FROM "msdb.dbo.sysjobservers" s JOIN "msdb.dbo.sysjobs" j ON j.job_id = s.job_id '
                       "WHERE j.name LIKE 'MessageBox_Message_Cleanup%'")[0]
    assert row["last_run_outcome"] == 1 and row["last_run_time"] // 100 == 910


@pytest.mark.parametrize("text, number", [
    ("sp_update_job @job_name = N'no such', @enabled = 1", 14262), ("sp_update_job @enabled = 1", 14294),
    (f"sp_update_job @job_name = N'{JOB}', @enabled = 2", 14266), (f"sp_update_job @job_name = N'{JOB}', @owner_login_name = N'nobody'", 14262),
    (f"sp_update_job @job_name = N'{JOB}', @new_name = N'Monitor BizTalk Server (BizTalkMgmtDb)'", 14261),
    (f"sp_update_job @job_name = N'{JOB}', @nosuch = 1", 8145),
    (f"sp_update_jobstep @job_name = N'{JOB}', @step_id = 9", 14262), (f"sp_update_jobstep @job_name = N'{JOB}'", 201),
    (f"sp_update_jobstep @job_name = N'{JOB}', @step_id = 1, @on_fail_action = 5", 14266),
    (f"sp_update_jobstep @job_name = N'{JOB}', @step_id = 1, @step_name = N'BackupFull'", 14261),
    (f"sp_add_jobstep @job_name = N'{JOB}', @step_name = N'x', @database_name = N'nowhere'", 14262),
    (f"sp_add_jobstep @job_name = N'{JOB}', @step_name = N'x', @step_id = 9", 14266),
    ("sp_update_schedule @name = N'no such', @enabled = 1", 14262), ("sp_update_schedule @enabled = 1", 14373),
    ("sp_update_schedule @name = N'MarkAndBackupLogSched', @freq_subday_interval = 0", 14266),
    ("sp_update_schedule @name = N'MarkAndBackupLogSched', @active_start_time = 250000", 14287),
    ("sp_update_schedule @name = N'MarkAndBackupLogSched', @active_end_date = 20000101", 14288),
    ("sp_start_job @job_name = N'MessageBox_Message_ManageRefCountLog_BizTalkMsgBoxDb'", 22022),
    (f"sp_stop_job @job_name = N'{JOB}'", 22022),
])
def test_parameters_are_checked_with_sql_servers_numbers_and_nothing_is_changed(healthy, text, number):
    before = healthy.state.state_hash()
    assert healthy.refused(f"{MSDB}{text};")[0] == number
    assert healthy.state.state_hash() == before


def test_who_has_no_right_changes_no_job(healthy):
    assert healthy.refused(f"{MSDB}sp_update_job @job_name = N'{JOB}', @enabled = 0;", login="ft_audit") == [229]
    assert healthy.refused("ALTER DATABASE [SSODB] SET RECOVERY SIMPLE;", login="ft_audit") == [5011, 5069]


def test_a_started_job_has_run_when_the_procedure_returns(healthy):
    count = healthy.newest()
    said = healthy.run(f"{MSDB}sp_start_job @job_name = N'{JOB}';")
    assert [one.text for one in said if isinstance(one, Message)] == [f"Job '{JOB}' started successfully."]
    assert healthy.newest() == count + 1
    assert "invoked by User dba" in healthy.value('SELECT message FROM "msdb.dbo.sysjobhistory" WHERE step_id = 0 ORDER BY instance_id DESC LIMIT 1')


def test_a_failed_procedure_has_written_what_it_did_and_says_the_cause_first(healthy):
    healthy.run("ALTER DATABASE [BizTalkDTADb] SET RECOVERY SIMPLE;")
    assert healthy.refused(r"EXEC BizTalkMgmtDb.dbo.sp_MarkAll @MarkName = N'BTS', @BackupPath = N'\\vault01\btsbackup';") == [4208, 3013, 50000]
    assert healthy.sets()[-1][2] == 0


def test_history_above_a_set_is_given_back(healthy):
    newest = healthy.sets()[-1][0]
    rows, = [one for one in healthy.run(f"EXEC BizTalkMgmtDb.dbo.sp_GetBackupHistory @LastBackupSetId = {newest - 1};") if isinstance(one, Rows)]
    assert len(rows.rows) == 7


def test_compression_is_a_setting_that_ssodb_never_follows(healthy):
    healthy.pass_time(minutes=15)
    seen = {row["d"]: row["c"] for row in healthy.rows(
        'SELECT b.database_name AS d, m.is_compressed AS c FROM "msdb.dbo.backupset" b JOIN "msdb.dbo.backupmediaset" m '
        "ON m.media_set_id = b.media_set_id WHERE b.type = 'L' ORDER BY b.backup_set_id")}
    assert seen["BizTalkMgmtDb"] == 1 and seen["SSODB"] == 0


# --- availability groups, logins, linked servers

GROUP_FACTS = 'SELECT dtc_support, db_failover, automated_backup_preference_desc AS backups FROM "master.sys.availability_groups"'


@pytest.mark.parametrize("text, fact, value", [
    ("SET (DTC_SUPPORT = NONE)", "dtc_support", 0), ("SET (DB_FAILOVER = OFF)", "db_failover", 0),
    ("SET (AUTOMATED_BACKUP_PREFERENCE = SECONDARY_ONLY)", "backups", "secondary_only")])
def test_a_change_of_an_availability_group_is_seen_on_every_replica(healthy, text, fact, value):
    healthy.run(f"ALTER AVAILABILITY GROUP [BTSAG] {text};", "SQLAG1")
    assert [healthy.rows(GROUP_FACTS, server)[0][fact] for server in ("SQLAG1", "SQLAG2")] == [value, value]


def test_an_asynchronous_replica_is_never_synchronized(healthy):
    text = "ALTER AVAILABILITY GROUP [BTSAG] MODIFY REPLICA ON N'SQLAG2' WITH (AVAILABILITY_MODE = {}_COMMIT);"
    states = 'SELECT DISTINCT synchronization_state_desc AS s FROM "master.sys.dm_hadr_database_replica_states" WHERE is_primary_replica = 0'
    for mode, state in (("ASYNCHRONOUS", "SYNCHRONIZING"), ("SYNCHRONOUS", "SYNCHRONIZED")):
        healthy.run(text.format(mode), "SQLAG1")
        assert [healthy.value(states, server) for server in ("SQLAG1", "SQLAG2")] == [state, state]


def test_a_suspended_database_is_suspended_for_all_and_resumes(healthy):
    states = 'SELECT COUNT(*) FROM "master.sys.dm_hadr_database_replica_states" WHERE is_suspended = 1 AND synchronization_health_desc = \'NOT_HEALTHY\''
    healthy.run("ALTER DATABASE [OrdersDb] SET HADR SUSPEND;", "SQLAG2")
    assert [healthy.value(states, server) for server in ("SQLAG1", "SQLAG2")] == [1, 1]
    healthy.run("ALTER DATABASE [OrdersDb] SET HADR RESUME;", "SQLAG2")
    assert [healthy.value(states, server) for server in ("SQLAG1", "SQLAG2")] == [0, 0]


def test_the_log_of_suspended_data_movement_waits_until_it_resumes(healthy):
    waiting = 'SELECT SUM(log_send_queue_size) FROM "master.sys.dm_hadr_database_replica_states"'
    healthy.run("ALTER DATABASE [OrdersDb] SET HADR SUSPEND;", "SQLAG2")
    healthy.pass_time(minutes=30)
    assert [healthy.value(waiting, server) for server in ("SQLAG1", "SQLAG2")] == [180_000, 180_000]
    healthy.run("ALTER DATABASE [OrdersDb] SET HADR RESUME;", "SQLAG2")
    assert [healthy.value(waiting, server) for server in ("SQLAG1", "SQLAG2")] == [0, 0]


def test_a_listener_gets_another_port_on_every_replica(healthy):
    healthy.run("ALTER AVAILABILITY GROUP [BTSAG] MODIFY LISTENER N'BTSLSN' (PORT = 1434);", "SQLAG1")
    assert [healthy.value('SELECT port FROM "master.sys.availability_group_listeners"', server) for server in ("SQLAG1", "SQLAG2")] == [1434, 1434]


@pytest.mark.parametrize("given, ends", [("", "2027-11-24"), (", EXPIRY_DATE = '20261231'", "2026-12-31"), (", START_DATE = '20260101'", "2027-01-01")])
def test_an_endpoint_uses_another_certificate_which_lasts_a_year_unless_told(healthy, given, ends):
    healthy.run(f"CREATE CERTIFICATE [new] WITH SUBJECT = 'x'{given}; "
                "ALTER ENDPOINT [Hadr_endpoint] FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE [new]);", "SQLAG1")
    assert healthy.value('SELECT c.expiry_date FROM "master.sys.database_mirroring_endpoints" e JOIN "master.sys.certificates" c '
                         "ON c.certificate_id = e.certificate_id", "SQLAG1")[:10] == ends


def test_a_server_is_dropped_from_its_own_list_and_added_under_another_name(healthy):
    healthy.run("EXEC sp_dropserver N'SQLAG2'; EXEC sp_addserver N'OTHER', 'local';", "SQLAG2")
    assert healthy.rows('SELECT server_id AS n, name FROM "master.sys.servers"', "SQLAG2") == [{"n": 0, "name": "OTHER"}]


def test_a_database_is_mirrored_shipped_and_taken_offline(healthy):
    healthy.run("ALTER DATABASE [SSODB] SET PARTNER = N'TCP://other:5022'; ALTER DATABASE [BAMArchive] SET OFFLINE WITH ROLLBACK IMMEDIATE; "
                "EXEC master.dbo.sp_add_log_shipping_primary_database N'BizTalkDTADb', N'S:\\L', N'\\\\a\\l', N'LSBackup', 60;")
    assert healthy.rows('SELECT d.name FROM "master.sys.database_mirroring" m JOIN "master.sys.databases" d ON d.database_id = m.database_id '
                        "WHERE m.mirroring_guid IS NOT NULL") == [{"name": "SSODB"}]
    assert healthy.value('SELECT primary_database FROM "msdb.dbo.log_shipping_primary_databases"') == "BizTalkDTADb"
    assert healthy.refused("SELECT name FROM BAMArchive.sys.tables;") == [942]
    assert healthy.refused("BACKUP DATABASE [BAMArchive] TO DISK = N'S:\\a.bak';") == [942, 3013]
    healthy.run("ALTER DATABASE [BAMArchive] SET ONLINE;")
    assert healthy.value("SELECT state_desc FROM \"master.sys.databases\" WHERE name = 'BAMArchive'") == "ONLINE"


def test_editions_versions_and_accounts_are_those_of_the_description(open_estate):
    variant = open_estate("variant")
    assert [variant.servers["PRDDB\\INST1"].property(name) for name in ("EngineEdition", "ProductMajorVersion")] == [2, "15"]
    assert [variant.servers["AG-3"].property(name) for name in ("ProductLevel", "ProductMajorVersion", "ProductUpdateLevel")] == ["SP1", "13", None]
    accounts = 'SELECT service_account AS a FROM "master.sys.dm_server_services"'
    assert [row["a"] for row in variant.rows(accounts, "AG-3")] == [r"FABRIKAM\svc-sql", r"NT Service\SQLSERVERAGENT"]


@pytest.mark.parametrize("text, server, number", [
    ("ALTER AVAILABILITY GROUP [BTSAG] SET (DTC_SUPPORT = NONE)", "SQLAG2", 41190), ("ALTER DATABASE [BizTalkMgmtDb] SET HADR SUSPEND", FCI, 35242),
    ("ALTER AVAILABILITY GROUP [None] SET (DTC_SUPPORT = NONE)", "SQLAG1", 15151), ("DROP LOGIN [nobody]", FCI, 15151),
    ("EXEC sp_serveroption N'nowhere', 'rpc', 'true'", FCI, 15015), ("EXEC sp_addlinkedserver N'BTSLSN'", FCI, 15028),
    ("ALTER DATABASE [SSODB] SET READ_ONLY", FCI, 50000), ("REVOKE SELECT ON dbo.x TO y", FCI, 50000),
    ("ALTER DATABASE [OrdersDb] SET OFFLINE", "SQLAG1", 1468), ("ALTER DATABASE [BAMArchive] SET PARTNER = N'TCP://other:5022'", FCI, 50000),
    ("ALTER AVAILABILITY GROUP [BTSAG] MODIFY LISTENER N'other' (PORT = 1434)", "SQLAG1", 50000),
    ("CREATE CERTIFICATE [Hadr_certificate] WITH SUBJECT = 'x'", "SQLAG1", 15232), ("CREATE CERTIFICATE [x] WITH SUBJECT = 'x', ALSO", "SQLAG1", 102),
    ("CREATE CERTIFICATE [x] WITH SUBJECT = 'x', EXPIRY_DATE = 'soon'", "SQLAG1", 50000), ("CREATE TABLE x (y int)", FCI, 50000),
    ("ALTER ENDPOINT [x] FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE [Hadr_certificate])", "SQLAG1", 15151),
    ("ALTER ENDPOINT [Hadr_endpoint] FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE [x])", "SQLAG1", 15151),
    ("ALTER ENDPOINT [Hadr_endpoint] STATE = STOPPED", "SQLAG1", 50000), ("EXEC sp_dropserver N'nowhere'", FCI, 15015),
    ("EXEC sp_addserver N'other', 'local'", FCI, 15028), ("EXEC sp_addserver N'other'", FCI, 50000),
    ("EXEC sp_add_log_shipping_primary_database N'BAMArchive', N'S:\\L', N'\\\\a\\l', N'LSBackup', 60", FCI, 50000),
    ("EXEC sp_configure 'no such option', 1", FCI, 15123), ("EXEC sp_configure 'max degree of parallelism', -1", FCI, 15129)])
def test_what_cannot_be_is_refused_by_its_number(healthy, text, server, number):
    assert healthy.refused(text + ";", server)[0] == number


def test_a_new_linked_server_has_no_rpc_until_it_is_set(healthy):
    told = "SELECT is_remote_login_enabled AS r, is_rpc_out_enabled AS o FROM \"master.sys.servers\" WHERE name = 'OTHER'"
    healthy.run("EXEC sp_addlinkedserver N'OTHER', N'SQL Server';")
    assert healthy.rows(told) == [{"r": 0, "o": 0}]
    healthy.run("EXEC sp_serveroption N'OTHER', 'rpc out', 'true';")
    assert healthy.rows(told) == [{"r": 0, "o": 1}]


def test_a_dropped_login_a_revoked_right_and_a_deleted_job_are_gone(healthy):
    healthy.run(r"REVOKE VIEW SERVER STATE TO [NT AUTHORITY\SYSTEM]; DROP LOGIN [CONTOSO\BizTalk Server Operators];"
                + f"{MSDB}sp_delete_job @job_name = N'{JOB}';")
    assert healthy.value("SELECT COUNT(*) FROM \"master.sys.server_permissions\" WHERE permission_name = 'VIEW SERVER STATE' AND grantee_principal_id "
                         "IN (SELECT principal_id FROM \"master.sys.server_principals\" WHERE name = 'NT AUTHORITY\\SYSTEM')") == 0
    assert healthy.value("SELECT COUNT(*) FROM \"master.sys.server_principals\" WHERE name LIKE '%Server Operators'") == 0
    healthy.pass_time(minutes=15)
    assert healthy.outcomes() == []


def test_an_integrity_check_is_remembered_when_its_job_runs(healthy):
    checked = {name: healthy.servers[FCI].property(f"{name}.LastGoodCheckDbTime") for name in ("BizTalkMgmtDb", "tempdb")}
    assert checked["BizTalkMgmtDb"].startswith("2026-11-22 00:00") and checked["tempdb"] is None
    healthy.pass_time(days=6)
    assert healthy.servers[FCI].property("BizTalkMgmtDb.LastGoodCheckDbTime").startswith("2026-11-29 00:00")


# --- in a running lab

def test_an_instance_is_down_with_all_its_servers_and_has_run_what_was_due_when_somebody_connects(serve):
    lab = serve().lab

    def connect():
        operator.act_sql(lab.sql_ports[FCI], "dba", "Lab-only-3", ["SELECT 1 AS one;"])

    def newest():
        return lab.call(lambda: Estate(lab.state).newest())
    before = newest()
    lab.call(lab.state.power, "sql01", False)
    connect()
    lab.call(lab.state.power, "sql02", False)
    with pytest.raises(operator.Failed):
        connect()
    lab.call(lab.state.power, "sql01", True)
    lab.call(setattr, lab.state, "_clock", "2026-11-24T08:25:00.0000000Z")      # as a clock that runs by itself
    connect()
    assert newest() == before + 2       # of nine o'clock, which had not ended, and of a quarter past


def test_an_error_of_an_operators_statement_stops_a_scenario(serve):
    lab = serve().lab
    with pytest.raises(operator.Failed, match="4208|3013"):
        operator.act_sql(lab.sql_ports[FCI], "dba", "Lab-only-3", [r"BACKUP LOG [BAMStarSchema] TO DISK = N'S:\x.trn';"])


# --- the servers under an instance

def cmdlet(healthy, host, command, **parameters):
    outcome = Backend(healthy.state, host, None).invoke(command, parameters, None)
    assert not outcome.errors, outcome.errors


def follows(healthy, server=FCI):
    """Whether an instance answers, its node, and its Agent's state and start mode, after it has looked at its servers."""
    world = healthy.state.world
    up = hosts.follow(healthy.state, world.instances[server], world.descriptions[server])
    row = healthy.rows("SELECT status_desc, startup_type_desc FROM \"master.sys.dm_server_services\" WHERE servicename LIKE 'SQL Server Agent%'", server)[0]
    return up, world.instances[server].property("ComputerNamePhysicalNetBIOS"), *row.values()


def test_looking_at_servers_where_nothing_has_changed_writes_nothing(healthy):
    before = healthy.state.state_hash()
    assert follows(healthy) == (True, "SQL01", "Running", "Manual") and follows(healthy, "SQLAG2") == (True, "SQLAG2", "Running", "Automatic")
    assert follows(healthy, "SQLDR\\BTS")[0] and healthy.state.state_hash() == before


def test_a_clustered_instance_moves_with_its_group_when_a_node_fails(healthy):
    healthy.state.power("sql01", False)
    assert follows(healthy) == (True, "SQL02", "Running", "Manual")
    nodes = healthy.rows('SELECT NodeName, is_current_owner, status_description FROM "master.sys.dm_os_cluster_nodes" ORDER BY NodeName')
    assert [tuple(row.values()) for row in nodes] == [("SQL01", 0, "down"), ("SQL02", 1, "up")]


def test_an_agent_whose_resource_is_offline_runs_nothing(healthy):
    cmdlet(healthy, "sql01", r"FailoverClusters\Stop-ClusterResource", Name="SQL Server Agent (BTS)")
    assert follows(healthy) == (True, "SQL01", "Stopped", "Manual")
    before = healthy.newest()
    healthy.pass_time(hours=1)
    assert healthy.newest() == before and healthy.refused(f"{MSDB}sp_start_job @job_name = N'{JOB}';") == [22022]


def test_an_instance_whose_resource_or_service_is_stopped_does_not_answer(healthy):
    cmdlet(healthy, "sql01", r"FailoverClusters\Stop-ClusterResource", Name="SQL Server (BTS)")
    cmdlet(healthy, "sqlag1", r"Microsoft.PowerShell.Management\Stop-Service", Name=["MSSQLSERVER"])
    assert [follows(healthy, server)[0] for server in (FCI, "SQLAG1", "SQLAG2")] == [False, False, True]


def test_a_run_begins_with_the_jobs_start_step(healthy):
    healthy.run(f"{MSDB}sp_update_job @job_name = N'{JOB}', @start_step_id = 4;")
    before = healthy.newest()
    healthy.pass_time(minutes=30)
    assert healthy.newest() == before and healthy.outcomes()[0] == 1       # green, and nothing is saved
