from __future__ import annotations

import importlib.util
import pathlib
from datetime import datetime

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_job, backup_place, observed, schedules
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import ServerClock, told

_spec = importlib.util.spec_from_file_location("backup_histories", pathlib.Path(__file__).with_name("backup_histories.py"))
histories = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(histories)

HOLE = observed.hole("denied", "The login may not read it.")
CLOCK, MANAGEMENT = "2026-11-24T08:05:00.123", "BizTalkMgmtDb"


def schedule(**change):
    return {**histories.job()["schedules"][0], **change}


@pytest.mark.parametrize(("change", "minutes"), [
    ({}, 15), ({"freq_subday_interval": 7}, 7), ({"freq_subday_type": 8, "freq_subday_interval": 1}, 60),
    ({"freq_subday_type": 2, "freq_subday_interval": 30}, 1), ({"freq_subday_type": 1}, 1440), ({"freq_interval": 2}, 1455),
    ({"active_start_time": 80000, "active_end_time": 180000}, 14 * 60), ({"active_start_time": 220000, "active_end_time": 20000}, 20 * 60),
    ({"freq_type": 8, "freq_interval": 127, "freq_recurrence_factor": 1}, 15), ({"freq_type": 8, "freq_interval": 62}, 2 * 1440 + 15),
    ({"freq_type": 8, "freq_interval": 1, "freq_subday_type": 1, "freq_recurrence_factor": 2}, 14 * 1440), ({"freq_type": 8, "freq_interval": 0}, None),
    ({"freq_type": 64}, None), ({"freq_type": 1}, None), ({"freq_subday_type": 0}, None)])
def test_the_longest_time_between_two_starts(change, minutes):
    assert schedules.interval_minutes(schedule(**change)) == minutes


@pytest.mark.parametrize(("change", "hour", "starts"), [
    ({}, 2, True), ({"active_start_time": 30000}, 2, False), ({"active_start_time": 20000, "freq_subday_type": 1}, 2, True),
    ({"active_start_time": 25959, "freq_subday_type": 1}, 2, True), ({"freq_subday_type": 8, "freq_subday_interval": 3}, 2, False),
    ({"freq_subday_type": 8, "freq_subday_interval": 3}, 3, True), ({"active_start_time": 230000, "active_end_time": 10000}, 0, True),
    ({"freq_type": 64}, 2, False)])
def test_whether_a_run_starts_within_an_hour(change, hour, starts):
    assert schedules.starts_in_hour(schedule(**change), hour) is starts


AGO, TO_COME = {"active_end_date": 20211231}, {"active_start_date": 20300101}


@pytest.mark.parametrize(("change", "starts"), [
    ({}, True), ({"enabled": False}, False), (AGO, False), (TO_COME, False), ({"active_end_date": 20261124}, True),
    ({"freq_type": 1, "active_start_date": 20240206}, False), ({"freq_type": 1, "active_start_date": 20261124, "active_start_time": 80500}, True),
    ({"freq_type": 1, "active_start_date": 20261124, "active_start_time": 80459}, False), ({"freq_type": 1, **TO_COME}, True),
    ({"freq_type": 64}, True), ({"freq_type": 64, **AGO}, False), ({"freq_type": 16}, True), ({"freq_type": 2}, False)])
def test_a_schedule_starts_something_from_now_on_by_its_type_and_dates(change, starts):
    assert schedules.starts_from_now(schedule(**change), CLOCK) is starts
    assert schedules.starts_from_now(schedule(**change), HOLE) == (False if change.get("enabled") is False else HOLE)
    assert schedules.start_anything([schedule(**AGO), schedule(**change)], CLOCK) is starts
    assert schedules.start_anything([schedule(**change), HOLE], CLOCK) == (starts or HOLE)


@pytest.mark.parametrize("change", [AGO, TO_COME, {"freq_type": 1}, {"freq_type": 64}])
def test_a_job_that_no_schedule_starts_again_and_again_backs_up_nothing(change):
    told_ = backup_job.facts(histories.job(schedules=[schedule(**change)]), MANAGEMENT, CLOCK)
    assert (told_["interval_minutes"], told_["starts_in_backup_hour"]) == (None, False)
    assert "schedule" in told_["backs_up_nothing_because"]


@pytest.mark.parametrize(("given", "interval"), [
    ([schedule(), schedule(freq_subday_interval=5)], 5), ([schedule(), schedule(freq_subday_interval=5, enabled=False)], 15),
    ([schedule(enabled=False)], None), ([], None), ([schedule(), HOLE], HOLE), (HOLE, HOLE)])
def test_of_several_schedules_the_shortest_counts(given, interval):
    assert backup_job.facts(histories.job(schedules=given), MANAGEMENT, CLOCK)["interval_minutes"] == interval


@pytest.mark.parametrize(("names", "found"), [
    (["Backup BizTalk Server (BizTalkMgmtDb)"], 0), (["Backup BizTalk Server"], 0), (["backup biztalk server (BIZTALKMGMTDB)"], 0),
    (["Backup BizTalk Server (Other)", "Force Full Backup BizTalk Server (BizTalkMgmtDb)"], None),
    (["Backup BizTalk Server", "Backup BizTalk Server (BizTalkMgmtDb)"], 1)])
def test_the_job_is_that_of_the_management_database(names, found):
    jobs = [histories.job(name=name) for name in names]
    assert backup_job.find(jobs, "BizTalkMgmtDb") == (None if found is None else jobs[found])
    assert backup_job.find([*jobs, HOLE], "BizTalkMgmtDb") == (HOLE if found is None else jobs[found])
    assert backup_job.find(HOLE, "BizTalkMgmtDb") == HOLE


def facts(**commands):
    job = histories.job()
    for step in job["steps"]:
        step["command"] = commands.get(step["name"], step["command"])
    return backup_job.facts(job, MANAGEMENT, CLOCK)


def test_a_step_without_arguments_has_the_defaults_of_its_procedure():
    told_ = facts(BackupFull=r"exec sp_BackupAllFull_Schedule 'd', 'BTS', '\\fs01\x'")
    assert {name: told_["full"][name] for name in ("force_full", "backup_hour", "use_local_time")} == {
        "force_full": False, "backup_hour": None, "use_local_time": False}
    assert told_["starts_in_backup_hour"] is True and told_["log"]["use_local_time"] is False


@pytest.mark.parametrize(("path", "mark", "cut"), [("x" * 128, "12345678", False), ("x" * 129, "BTS", True), ("x", "123456789", True)])
def test_what_the_procedures_would_cut(path, mark, cut):
    assert facts(MarkAndBackupLog=f"exec sp_MarkAll '{mark}', '{path}'")["log"]["cut_silently"] is cut


def test_steps_agree_or_not_or_it_is_not_known():
    other = {"MarkAndBackupLog": r"exec sp_MarkAll 'XYZ', '\\fs01\backup', 1"}
    assert (facts()["mark_names_agree"], facts(**other)["mark_names_agree"], facts(**other)["local_time_agrees"]) == (True, False, False)
    unread = {"MarkAndBackupLog": "exec sp_MarkAll @mark, @path"}
    assert observed.is_hole(facts(**unread)["mark_names_agree"]) and observed.is_hole(facts(**unread)["log"]["path"])


@pytest.mark.parametrize("role", ["full", "log"])
@pytest.mark.parametrize(("database", "names", "says"), [
    ("biztalkmgmtdb", "", None), ("master", "", "runs in the database master"), (None, "", "runs in the database master"),
    ("OldMgmt", "", "runs in the database OldMgmt"), ("master", "BizTalkMgmtDb.dbo.", None), ("BizTalkMgmtDb", "[OldMgmt]..", "database OldMgmt"),
    ("BizTalkMgmtDb", "dbo.", None)])
def test_a_step_backs_up_only_in_the_management_database(role, database, names, says):
    job = histories.job()
    step = job["steps"][{"full": 1, "log": 2}[role]]
    step.update(database=database, command=step["command"].replace("[dbo].", names))
    told_ = backup_job.facts(job, MANAGEMENT, CLOCK)["backs_up_nothing_because"]
    assert told_ is None if says is None else says in told_


def test_the_procedures_that_delete_files_use_the_local_clock():
    steps = {"Clear Backup History": "exec sp_DeleteBackupHistoryAndFiles 14"}
    local = {"BackupFull": r"exec sp_BackupAllFull_Schedule 'd', 'BTS', '\\fs01\b', 1, 2, 1", "MarkAndBackupLog": r"exec sp_MarkAll 'BTS', '\\fs01\b', 1"}
    assert (facts(**steps)["local_time_agrees"], facts(**steps, **local)["local_time_agrees"]) == (False, True)


SERVER = {"name": r"SQLBTS\BTS", "machine": "SQLBTS", "node": "SQL01", "clustered": True, "cluster_nodes": [{"name": "SQL01"}, {"name": "SQL02"}]}


@pytest.mark.parametrize(("path", "elsewhere"), [
    (r"\\fs01\backup", True), (r"\\fs01.contoso.test\b\c", True), ("https://vault.blob.core.windows.net/bts", True), (r"\\?\UNC\fs01\b", True),
    (r"\\192.0.1.7\b", True), (r"\\SQL010\b", True), (r"D:\backup", False), (r"\\localhost\d$", False), (r"\\.\D$", False), (r"\\127.0.0.1\c$", False),
    (r"\\127.1\c$", False), (r"\\?\D:\backup", False), (r"\\?\Volume{7}\b", False), (r"\\?\UNC\localhost\d$", False), (r"\\sqlbts\F$", False),
    (r"\\SQL01\F$", False), (r"\\sql02.contoso.test\F$", False), (r"\\SQLBTS.\F$", False), (r"\\--1.ipv6-literal.net\d$", False),
    (r"\\sqlbts@8080\DavWWWRoot\b", False), ("<destination path>", False), ("", False)])
def test_what_is_another_machine(path, elsewhere):
    assert backup_place.is_elsewhere(path, backup_place.own_machines(SERVER)) is elsewhere


@pytest.mark.parametrize("change", [{"machine": HOLE}, {"node": HOLE}, {"cluster_nodes": HOLE}, {"cluster_nodes": [HOLE]}])
def test_a_share_is_elsewhere_only_where_every_name_of_the_machines_is_known(change):
    own = backup_place.own_machines({**SERVER, **change})
    assert backup_place.told(r"\\fs01\backup", own) == HOLE == backup_place.told(HOLE, own) == backup_place.told(r"\\fs01\b", backup_place.own_machines(HOLE))
    assert backup_place.told(r"\\SQLBTS\F$", own) == r"not another machine: \\SQLBTS\F$"
    assert backup_place.told(None, own) == "nowhere"
    alone = backup_place.own_machines({**SERVER, "clustered": False, "cluster_nodes": HOLE})
    assert backup_place.told(r"\\fs01\backup", alone) == "another machine"


def test_a_job_without_a_step_has_null_for_it():
    job = histories.job()
    del job["steps"][3]
    told_ = backup_job.facts(job, MANAGEMENT, CLOCK)
    assert told_["clean"] is None and told_["in_order"] is True
    job["steps"][1], job["steps"][2] = {**job["steps"][2], "id": 2}, {**job["steps"][1], "id": 3}
    assert backup_job.facts(job, MANAGEMENT, CLOCK)["in_order"] is False


def test_a_local_time_is_utc_by_its_own_minutes_else_by_the_nearest_sample():
    clock = ServerClock("2026-10-25T12:00:00Z", "2026-10-25T13:00:00.003", [("2026-10-24T12:00:00", 120), ("2026-10-25T04:00:00", 60)])
    assert (clock.ahead, clock.now) == (60, datetime(2026, 10, 25, 12))
    assert told(clock.utc("2026-10-20T02:00:00")) == "2026-10-20T00:00:00Z"
    assert told(clock.utc("2026-10-25T05:00:00")) == "2026-10-25T04:00:00Z"
    assert told(clock.utc("2026-10-25T05:00:00", -300)) == "2026-10-25T10:00:00Z"
    assert clock.local(datetime(2026, 10, 20)) == datetime(2026, 10, 20, 2)
    assert told(None) is None


@pytest.mark.parametrize("hour", ["NULL", "99"])
def test_a_full_without_an_hour_is_due_all_day_and_an_hour_that_is_none_is_midnight(hour):
    full = facts(BackupFull=rf"exec sp_BackupAllFull_Schedule 'd', 'BTS', '\\fs01\x', 0, {hour}")["full"]
    clock = ServerClock("2026-11-24T08:00:00Z", "2026-11-24T08:00:00")
    runs = [datetime(2026, 11, day, 12) for day in (20, 21, 22, 23)]
    periods = backup_job.full_periods(full, [datetime(2026, 11, 22, 0, 5)], runs, clock, datetime(2026, 11, 21), False)
    missed = "not made, though the job started" if hour == "NULL" else "not made: no run started between 00:00 and 00:59"
    assert [(one["name"], one["outcome"]) for one in periods] == [
        *([] if hour == "NULL" else [("2026-11-24", missed)]), ("2026-11-23", missed), ("2026-11-22", "made"), ("2026-11-21", missed)]
    assert backup_job.full_periods(full, [], [], clock, datetime(2026, 11, 23), True) == []


@pytest.mark.parametrize(("command", "known"), [
    (r"exec sp_BackupAllFull_Schedule 'w', 'BTS', '\\fs01\x'", True), ("-- nothing", True), ("exec sp_BackupAllFull_Schedule @f", False)])
def test_what_is_not_due_by_the_day_has_no_periods(command, known):
    clock = ServerClock("2026-11-24T08:00:00Z", "2026-11-24T08:00:00")
    found = backup_job.full_periods(facts(BackupFull=command)["full"], [], [], clock, datetime(2026, 11, 21), False)
    assert found == [] if known else observed.is_hole(found)
