from __future__ import annotations

import importlib.util
import pathlib
from datetime import datetime, timedelta

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_sets, observed

_spec = importlib.util.spec_from_file_location("backup_histories", pathlib.Path(__file__).with_name("backup_histories.py"))
histories = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(histories)

NOW, FOLDER = histories.NOW, histories.FOLDER
Story = histories.Story
CUT = observed.hole("cut", "There are more rows.")
VEEAM = {"user": r"CONTOSO\veeam", "software": "Veeam Backup and Replication", "path": "NUL"}


def derive(story, **more):
    return backup_sets.derive(*story.told(**more))


def at(text):
    """24T03:00 -> that time of the month of the stories."""
    return datetime.fromisoformat(f"2026-11-{text}")


def ago(seconds):
    return (NOW - timedelta(seconds=seconds)).isoformat() + "Z"


QUIET = {"partial_sets": [], "rowless_sets": [], "breaks": [], "foreign": [], "unproven": [], "failures": [], "left_out": []}


@pytest.mark.parametrize("story", [Story(), Story(offset=60), Story(offset=60, local_rows=True), Story(offset=-300), Story(offset=330)],
                         ids=["utc", "berlin", "berlin, local rows", "new york", "india"])
def test_a_healthy_history(story):
    told = derive(story.days())
    assert {name: told[name] for name in QUIET} == QUIET
    assert told["last_marked"] == {"id": story.next_set - 1, "at": ago(280), "state": "complete", "mark": "BTS_2026_11_24_08_00_20_000", "missing": []}
    assert told["restorable"] == {"id": story.next_set - 1, "mark": "BTS_2026_11_24_08_00_20_000", "at": ago(280), "full_id": told["last_full"]["id"],
                                  "age_seconds": 280}
    assert [chain["broken_by"] for chain in told["chains"]] == [None] * 3
    assert {(one["lost_now_seconds"], one["worst_gap_seconds"]) for one in told["databases"]} == {(280, 900)}
    assert {period["outcome"] for period in told["full_periods"]} == {"made"} and len(told["full_periods"]) in (2, 3)
    assert told["job"]["backs_up_nothing_because"] is None


def test_a_partial_log_set_makes_what_follows_useless_until_the_next_full():
    story = Story().days(**{"24T05:00": {"log_fails_at": 1}})
    told = derive(story)
    assert [(one["type"], one["done"], one["missing"]) for one in told["partial_sets"]] == [
        ("log", ["BizTalkMgmtDb"], ["BizTalkMsgBoxDb", "SSODB"])]
    assert told["restorable"]["at"] == "2026-11-24T04:45:20Z"
    assert told["last_marked"]["at"] == "2026-11-24T08:00:20Z"
    assert [(one["step"], one["number"]) for one in told["failures"]] == [("MarkAndBackupLog", 3201)]
    assert {(one["lost_now_seconds"], one["worst_gap_seconds"]) for one in told["databases"]} == {(11980, 900)}


def test_marks_that_a_broken_chain_cuts_off_are_no_points():
    story = Story().days(skip=[(at("23T02:00"), NOW + timedelta(days=1))])
    story.backup("BizTalkMsgBoxDb", "log", at("23T02:00"), **VEEAM)
    moment = at("23T02:15")
    while moment <= NOW:
        story.run(moment, full=moment == at("23T22:00"))
        moment += histories.QUARTER
    gaps = {(one["worst_gap_seconds"], one["worst_gap_from"], one["worst_gap_until"]) for one in derive(story)["databases"]}
    assert gaps == {(20 * 3600 + 900, "2026-11-23T01:45:20Z", "2026-11-23T22:00:20Z")}


def test_fulls_before_the_window_leave_the_gaps_within_it():
    history, jobs, databases = Story().days().told()
    history["window_days"] = 1
    told = backup_sets.derive(history, jobs, databases)
    assert {one["worst_gap_seconds"] for one in told["databases"]} == {900} and told["restorable"]["age_seconds"] == 280


def test_days_of_partial_sets_before_the_first_point_are_a_gap():
    story = Story()
    story.run(at("12T07:00"), full=True, log_fails_at=1)
    moment = at("12T07:15")
    while moment <= NOW - timedelta(hours=1):
        story.run(moment, log_fails_at=1)
        moment += timedelta(hours=1)
    moment = NOW - timedelta(hours=1)
    story.run(moment, full=True)
    gaps = {(one["worst_gap_from"], one["worst_gap_seconds"] > 12 * 86400) for one in derive(story)["databases"]}
    assert gaps == {("2026-11-12T07:00:00Z", True)}


def test_a_database_that_was_added_is_owed_points_since_then():
    story = Story(databases=["BizTalkMgmtDb", "SSODB"]).days(skip=[(at("24T02:00"), NOW)])
    story.databases.append("Orders")
    moment = at("24T02:00")
    while moment <= NOW:
        story.run(moment, full=moment == at("24T02:00"))
        moment += histories.QUARTER
    assert {one["name"]: one["worst_gap_seconds"] for one in derive(story)["databases"]} == {"BizTalkMgmtDb": 900, "SSODB": 900, "Orders": 900}


@pytest.mark.parametrize("place", ["unread", "cut"])
def test_gaps_are_unknown_where_a_history_of_backups_is_not_whole(place):
    history, jobs, databases = Story().days().told()
    others = [observed.hole("unreachable", "It does not answer.")] if place == "unread" else []
    history["msdb"] += [CUT] if place == "cut" else []
    assert all(observed.is_hole(one["worst_gap_seconds"]) for one in backup_sets.derive(history, jobs, databases, others)["databases"])


def test_a_partial_full_counts_for_its_day_and_the_full_before_it_still_serves():
    told = derive(Story().days(**{"24T02:00": {"full_fails_at": 2}}))
    assert (told["last_full"]["state"], told["last_full"]["missing"]) == ("partial", ["SSODB"])
    assert told["last_complete_full"]["at"] == "2026-11-23T02:00:00Z"
    assert told["restorable"]["at"] == "2026-11-24T08:00:20Z" and told["restorable"]["full_id"] == told["last_complete_full"]["id"]
    assert [one["outcome"] for one in told["full_periods"]] == ["partial", "made", "made"]


def test_a_full_that_is_being_made_is_not_made_yet():
    story = Story().days(skip=[(at("24T02:00"), NOW + timedelta(days=1))])
    story.make("full", at("24T02:00"), fails_at=1)
    told = derive(story, running=True, running_since="2026-11-24T02:00:00")
    assert told["sets"][0]["state"] == "running"
    assert [observed.is_hole(one["outcome"]) for one in told["full_periods"]] == [True, False, False]
    assert [observed.is_hole(one["outcome"]) for one in derive(story, running=CUT)["full_periods"]] == [True, False, False]


@pytest.mark.parametrize(("kind", "moment", "step"), [("log_fails_at", "24T05:00", "MarkAndBackupLog"), ("full_fails_at", "24T02:00", "BackupFull")])
def test_a_set_that_failed_on_its_first_database_is_a_gap_in_the_ids(kind, moment, step):
    told = derive(Story().days(**{moment: {kind: 0}}))
    (rowless,) = told["rowless_sets"]
    assert (rowless["trace"], rowless["step"], rowless["number"]) == ("failed", step, 3201)
    assert rowless["after"] < f"2026-11-{moment}:00Z" < rowless["before"]
    assert told["partial_sets"] == []
    assert told["restorable"]["at"] == "2026-11-24T08:00:20Z"


def test_a_gap_without_a_trace_says_whether_the_history_of_the_job_was_long_enough():
    story = Story().days()
    story.next_set += 1
    assert derive(story)["rowless_sets"][0]["trace"] == "none"
    assert derive(story, history=[])["rowless_sets"][0]["trace"] == "unseen"


def test_the_set_that_is_being_made_is_no_fault():
    story = Story().days()
    story.make("log", NOW - timedelta(seconds=30), fails_at=1)
    told = derive(story, running=True, running_since="2026-11-24T08:04:00")
    assert (told["sets"][0]["state"], told["partial_sets"]) == ("running", [])
    story = Story().days()
    story.next_set += 1
    assert derive(story, running=True)["rowless_sets"] == []
    assert observed.is_hole(derive(story, running=CUT)["rowless_sets"][0])


def test_a_set_that_an_earlier_run_left_is_partial_while_the_job_runs():
    story = Story(offset=60).days(**{"24T08:00": {"log_fails_at": 1}})
    assert derive(story, running=True, running_since="2026-11-24T09:04:00")["sets"][0]["state"] == "partial"
    assert derive(story, running=True, running_since="2026-11-24T09:00:10")["sets"][0]["state"] == "running"
    assert [observed.is_hole(derive(story, running=True, **more)["sets"][0]) for more in ({}, {"running_since": CUT})] == [True, True]


@pytest.mark.parametrize("offset", [0, 600, -300])
def test_a_time_whose_clock_nothing_tells_is_unknown(offset):
    history, _jobs, databases = Story(offset=offset, local_rows=True).days().told()
    history["msdb"] = []
    told = backup_sets.derive(history, [], databases)
    assert all(observed.is_hole(value) == (offset != 0) for value in (
        told["last_marked"]["at"], told["last_full"]["at"], told["sets"][0]["at"], told["databases"][0]["last_point"]))
    assert all(observed.is_hole(one["lost_now_seconds"]) for one in told["databases"])


def test_a_time_in_the_future_is_unknown():
    story = Story(offset=600, local_rows=True, says_so=False).days()
    story.msdb = []
    assert observed.is_hole(derive(story)["last_marked"]["at"]) and observed.is_hole(derive(story)["databases"][0]["worst_gap_seconds"])


def test_ids_that_cleaning_took_away_are_no_failures():
    story = Story().days()
    fulls = [row for row in story.sets if row["type"] == "full"]
    story.sets = fulls[:3] + [row for row in story.sets if row["set_id"] > fulls[-1]["set_id"] + 5]
    assert derive(story)["rowless_sets"] == []


def test_a_log_backup_of_another_program_breaks_the_chain_and_is_named():
    story = Story().days()
    story.backup("BizTalkMsgBoxDb", "log", at("24T08:02"), **VEEAM)
    told = derive(story)
    assert {chain["database"]: chain["broken_by"] for chain in told["chains"]} == {
        "BizTalkMgmtDb": None, "SSODB": None,
        "BizTalkMsgBoxDb": r"log backup of CONTOSO\veeam with Veeam Backup and Replication to NUL at 2026-11-24T08:02:02Z"}
    assert [(one["kind"], one["login"], one["mended_at"]) for one in told["breaks"]] == [("foreign_log_backup", r"CONTOSO\veeam", None)]
    assert told["foreign"][0]["backups"] == 1
    assert told["restorable"]["at"] == "2026-11-24T08:00:20Z"        # the set before it is whole


def broken(hour, **more):
    """A history in which somebody took a log backup in the middle, and the job went on."""
    story = Story()
    story.days(skip=[(at(hour), NOW + timedelta(days=1))])
    story.backup("BizTalkMsgBoxDb", "log", at(hour) - timedelta(minutes=5), **{**VEEAM, **more})
    moment = at(hour)
    while moment <= NOW:
        story.run(moment, full=moment.hour == 2 and moment.minute == 0)
        moment += histories.QUARTER
    return story


def test_sets_after_a_break_cannot_be_reached_until_a_full():
    told = derive(broken("24T05:00"))
    assert told["restorable"]["at"] == "2026-11-24T04:45:20Z"
    assert [chain["database"] for chain in told["chains"] if chain["broken_by"]] == ["BizTalkMsgBoxDb"]


def test_the_next_full_mends_a_break():
    told = derive(broken("24T01:00"))
    assert [one["mended_at"] for one in told["breaks"]] == ["2026-11-24T02:00:06Z"]
    assert [chain["broken_by"] for chain in told["chains"]] == [None] * 3
    assert told["restorable"]["at"] == "2026-11-24T08:00:20Z"


@pytest.mark.parametrize("more", [{"is_copy_only": True}])
def test_a_copy_only_log_backup_breaks_nothing(more):
    told = derive(broken("24T05:00", **more))
    assert (told["breaks"], told["foreign"]) == ([], [])
    assert told["restorable"]["age_seconds"] == 280


def test_a_log_backup_that_no_history_has_is_a_gap():
    story = Story().days()
    lost = next(row for row in reversed(story.msdb) if row["database"] == "SSODB" and row["type"] == "log" and "_05_00_20_" in row["path"])
    story.msdb.remove(lost)
    story.sets = [row for row in story.sets if row["file"] not in lost["path"]]
    told = derive(story)
    assert [one["kind"] for one in told["breaks"]] == ["log_backup_missing"]
    assert told["chains"][2]["broken_by"] == "a log backup before 2026-11-24T05:15:29Z is not among those that were read"
    other = observed.hole("unreachable", "It does not answer.")
    assert observed.is_hole(backup_sets.derive(*story.told(), others=[other])["chains"][2]["broken_by"])


def test_a_chain_that_was_begun_anew_is_told():
    story = Story().days()
    for row in story.msdb:
        if row["database"] == "SSODB" and row["type"] == "log" and "2026_11_24_05" in row["path"] and "_05_00_20_" in row["path"]:
            row.update(begins_log_chain=True, first_lsn=str(int(row["first_lsn"]) + 5))
    assert "begun anew" in derive(story)["chains"][2]["broken_by"]


def test_a_full_of_another_program_is_told_and_breaks_no_chain():
    story = Story().days()
    story.backup("BizTalkMgmtDb", "full", at("24T07:10"), r"D:\adhoc\x.bak", user=r"CONTOSO\junior", software="Microsoft SQL Server")
    told = derive(story)
    assert [(one["type"], one["login"], one["last_at"]) for one in told["foreign"]] == [("full", r"CONTOSO\junior", "2026-11-24T07:10:02Z")]
    assert told["restorable"]["age_seconds"] == 280 and told["breaks"] == []


def test_an_archive_of_the_tracking_database_is_the_products_own():
    story = Story().days()
    story.backup("SSODB", "full", at("24T07:10"), r"\\fs01\archive\SQLBTS_BTS_SSODB_Nov_24_2026__7_10AM.bak")
    told = story.told()
    step = {**told[1][0]["steps"][0], "name": "Archive and Purge",
            "command": r"exec dtasp_BackupAndPurgeTrackingDatabase 0, 1, 10, '\\fs01\archive', null, 0"}
    archive = histories.job(name="DTA Purge and Archive (BizTalkDTADb)", steps=[step])
    assert len(backup_sets.derive(*told)["foreign"]) == 1
    assert backup_sets.derive(told[0], [*told[1], archive], told[2])["foreign"] == []


@pytest.mark.parametrize("fault", ["is_snapshot", "is_damaged", "gone"])
def test_what_biztalk_wrote_down_and_msdb_does_not_confirm(fault):
    story = Story().days()
    newest = story.msdb[-1]
    newest["is_snapshot"] = fault == "is_snapshot"
    newest["is_damaged"] = fault == "is_damaged"
    if fault == "gone":
        story.msdb.remove(newest)
    assert [one["name"].split(" in ")[0] for one in derive(story)["unproven"]] == ["SSODB"]


def test_a_mark_that_is_not_in_the_log_of_its_set():
    story = Story().days()
    story.marks.pop()
    assert [one["problem"] for one in derive(story)["unproven"]] == ["its log does not hold the mark of the set"]
    story.marks = []                                  # nothing is known of marks
    assert derive(story)["unproven"] == []


@pytest.mark.parametrize("kept", [0, 3, 6])
def test_a_mark_that_may_not_have_been_read_is_unknown(kept):
    story = Story().days()
    history, jobs, databases = story.told()
    history["marks"] = history["marks"][:kept] + [CUT]
    assert backup_sets.derive(history, jobs, databases)["unproven"] == ([CUT] * 3 if kept == 0 else [])


def test_a_history_of_the_job_that_is_shorter_than_its_sets_vouches_for_no_failure():
    story = Story().days()
    assert derive(story)["failures"] == []
    (unseen,) = derive(story, history=story.runs[:-101:-1])["failures"]
    assert observed.detail(unseen) == "The Agent keeps the history of the job since 2026-11-24T00:00:00Z only: what failed before is not known."
    ran = {"status": "succeeded", "started": "2026-11-23T08:00:00", "duration_seconds": 5}
    assert [observed.is_hole(one) for one in derive(Story(), last_run=ran)["failures"]] == [True]
    assert derive(Story(), last_run={**ran, "started": "2026-11-01T08:00:00"})["failures"] == []
    assert derive(Story())["failures"] == []
    told = story.told(history=story.runs[:-101:-1])
    told[0]["biztalk"]["history"] = observed.hole("denied", "The login may not read it.")
    assert backup_sets.derive(*told)["failures"] == [told[0]["biztalk"]["history"]]


def test_a_full_is_lost_when_no_run_starts_within_its_hour():
    told = derive(Story().days(skip=[(at("23T02:00"), at("23T03:00"))]))
    outcomes = {one["name"]: one["outcome"] for one in told["full_periods"]}
    assert outcomes["2026-11-23"] == "not made: no run started between 02:00 and 02:59"
    assert outcomes["2026-11-24"] == "made"
    outcomes = {one["name"]: one["outcome"] for one in derive(Story().days(**{"23T02:00": {"full_fails_at": 0}}))["full_periods"]}
    assert outcomes["2026-11-23"] == "not made, though the job started"
    story = Story().days(skip=[(at("23T02:00"), at("23T03:00"))])
    outcomes = {one["name"]: one["outcome"] for one in derive(story, history=[])["full_periods"]}
    assert outcomes["2026-11-23"] == "not made; the history of the job does not reach back to it"


def test_the_hour_of_the_full_is_local_and_its_day_that_of_the_step():
    told = derive(Story(offset=-300).days(skip=[(at("23T07:00"), at("23T08:00"))]))
    assert {one["name"]: one["outcome"] for one in told["full_periods"]}["2026-11-23"] == "not made: no run started between 02:00 and 02:59"


def test_databases_are_covered_by_sets_or_by_anybody():
    story = Story().days()
    story.backup("Orders", "full", at("22T01:00"), r"D:\x\Orders.bak", is_copy_only=True)
    story.backup("Vss", "full", at("22T01:00"), "{GUID}", is_snapshot=True)
    history, jobs, databases = story.told()
    databases += [{**databases[-1], "name": name, "state": state} for name, state in (
        ("Orders", "ONLINE"), ("Vss", "ONLINE"), ("Old", "OFFLINE"))]
    covered = {one["name"]: one for one in backup_sets.derive(history, jobs, databases)["covered"]}
    assert covered["Orders"] == {"name": "Orders", "in_set": False, "last_full": "2026-11-22T01:00:02Z", "last_log": None}
    assert covered["Vss"]["last_full"] is None
    assert covered["SSODB"]["in_set"] is True
    assert "Old" not in covered and "master" not in covered


def test_a_database_that_fell_out_of_the_sets_is_remembered():
    history, jobs, databases = Story().days().told()
    del history["biztalk"]["databases"][2]
    assert backup_sets.derive(history, jobs, databases)["left_out"] == [{"name": "SSODB", "server": histories.SERVER, "last_at": ago(280)}]
    history["biztalk"]["history"].append(CUT)
    assert backup_sets.derive(history, jobs, databases)["left_out"][1:] == [CUT]


def test_a_database_that_keeps_no_log_has_no_chain():
    history, jobs, databases = Story().days().told()
    databases[2]["recovery_model"] = "SIMPLE"
    assert [chain["broken_by"] for chain in backup_sets.derive(history, jobs, databases)["chains"]] == [
        None, "its recovery model is SIMPLE, so its log is not kept", None]


def step_of(jobs, called, **change):
    for step in jobs[0]["steps"]:
        if step["name"] == called:
            step.update(change)


@pytest.mark.parametrize(("name", "change", "words"), [
    ("BackupFull", {"command": "exec [dbo].[sp_BackupAllFull_Schedule] 'd', 'BTS', '<destination path>'"}, "The step BackupFull is placeholder."),
    ("MarkAndBackupLog", {"command": "-- exec [dbo].[sp_MarkAll] 'BTS', 'x'"}, "The step MarkAndBackupLog is commented out."),
    ("BackupFull", {"on_success_action": 1}, "The step MarkAndBackupLog is never reached."),
    ("MarkAndBackupLog", {"name": "Nothing", "command": "select 1"}, "The job has no step that makes log backups.")])
def test_a_job_that_looks_configured_and_backs_up_nothing(name, change, words):
    history, jobs, databases = Story().days().told()
    step_of(jobs, name, **change)
    assert backup_sets.derive(history, jobs, databases)["job"]["backs_up_nothing_because"] == words


def test_a_job_that_never_starts_backs_up_nothing():
    assert derive(Story().days(), enabled=False)["job"]["backs_up_nothing_because"] == "The job is disabled."
    assert derive(Story().days(), schedules=[])["job"]["backs_up_nothing_because"] == "No enabled schedule starts the job."
    assert derive(Story())["last_marked"] is None
    assert derive(Story())["databases"][0]["lost_now_seconds"] is None
    assert derive(Story())["chains"][0]["broken_by"] == "there is no complete full backup of it"


def test_text_that_is_not_understood_is_no_verdict():
    history, jobs, databases = Story().days().told()
    step_of(jobs, "BackupFull", command="exec [dbo].[sp_BackupAllFull_Schedule] @x")
    told = backup_sets.derive(history, jobs, databases)["job"]
    assert observed.is_hole(told["backs_up_nothing_because"]) and observed.is_hole(told["full"]["frequency"])


def test_a_management_database_that_failed_over_keeps_its_points():
    story = Story().days()
    history, jobs, databases = story.told()
    history["biztalk"]["databases"][0]["server"] = r"AG2\BTS"
    told = backup_sets.derive(history, jobs, databases)
    assert told["databases"][0]["lost_now_seconds"] == 280 and told["last_marked"]["missing"] == []


def test_a_database_on_an_instance_that_was_not_read_is_unknown():
    history, jobs, databases = Story().days().told()
    history["msdb"] = [row for row in history["msdb"] if row["database"] != "BizTalkMsgBoxDb"]
    told = backup_sets.derive(history, jobs, databases)
    assert observed.is_hole(told["chains"][1]["broken_by"]) and observed.is_hole(told["restorable"])
    assert all(observed.is_hole(one[name]) for one in told["databases"] for name in ("lost_now_seconds", "worst_gap_seconds"))


def test_rows_of_another_clock_are_told_by_msdb():
    story = Story(offset=120, local_rows=True, says_so=False).days()
    assert derive(story)["last_marked"]["at"] == ago(280)          # the step says UTC, the rows are local
    assert "use_local_time" in derive(story)["job"]["log"] and derive(story)["job"]["log"]["use_local_time"] is False


def test_the_day_on_which_the_clocks_change_makes_no_gap():
    story = Story(local_rows=True)
    story.offset = 120
    story.days(skip=[(at("23T12:00"), NOW + timedelta(days=1))])
    story.offset = 60
    moment = at("23T12:00")
    while moment <= NOW:
        story.run(moment, full=(moment.hour, moment.minute) == (2, 0))
        moment += histories.QUARTER
    told = derive(story)
    assert {one["worst_gap_seconds"] for one in told["databases"]} == {900}
    assert told["restorable"]["age_seconds"] == 280


SEEN = ("partial_sets", "rowless_sets", "sets", "full_periods")


def test_a_list_of_sets_that_was_cut_vouches_for_nothing_older():
    history, jobs, databases = Story().days().told()
    history["biztalk"]["history"] = history["biztalk"]["history"][:30] + [CUT]
    told = backup_sets.derive(history, jobs, databases)
    assert all(told[name][-1] == CUT for name in SEEN)
    assert told["last_full"] == CUT and told["restorable"] == CUT
    assert told["last_marked"]["state"] == "complete"
    assert {observed.is_hole(one["worst_gap_seconds"]) for one in told["databases"]} == {True}
    assert told["partial_sets"] == [CUT]


@pytest.mark.parametrize("kept", [10, 60])
def test_a_history_of_msdb_that_was_cut_vouches_for_no_chain_whose_full_it_lacks(kept):
    history, jobs, databases = Story().days().told()
    history["msdb"] = history["msdb"][:kept] + [CUT]
    told = backup_sets.derive(history, jobs, databases)
    assert {observed.is_hole(one["broken_by"]) for one in told["chains"]} == {True}
    assert told["foreign"] == [CUT]
    history, jobs, databases = Story().days().told()
    history["msdb"] = history["msdb"][:150] + [CUT]
    assert {one["broken_by"] for one in backup_sets.derive(history, jobs, databases)["chains"]} == {None}


@pytest.mark.parametrize("place", [("clock",), ("msdb",), ("marks",), ("biztalk",), ("biztalk", "history"), ("biztalk", "next_set_id"),
                                   ("biztalk", "databases")])
def test_what_was_not_read_is_never_taken_for_nothing(place):
    history, jobs, databases = Story().days().told()
    inner = history
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = observed.hole("denied", "The login may not read it.")
    told = backup_sets.derive(history, jobs, databases)
    assert list(observed.holes(told))
    quiet = {name for name in QUIET if told[name] == []}
    touched = {("clock",): set(), ("biztalk",): set(), ("msdb",): {"partial_sets", "rowless_sets", "failures", "left_out"},
               ("marks",): set(QUIET) - {"unproven"}, ("biztalk", "history"): {"foreign", "breaks"},
               ("biztalk", "next_set_id"): set(QUIET) - {"rowless_sets"},
               ("biztalk", "databases"): {"partial_sets", "rowless_sets", "failures", "unproven"}}
    assert quiet <= touched[place], quiet - touched[place]


@pytest.mark.parametrize("part", ["steps", "schedules", "history", "running"])
def test_a_job_that_was_not_seen_whole(part):
    told = derive(Story().days(), **{part: observed.hole("denied", "The login may not read it.")})
    assert list(observed.holes(told))
    assert told["restorable"]["age_seconds"] == 280
    assert backup_sets.derive(Story().days().told()[0], CUT)["job"] == CUT
    assert backup_sets.derive(Story().days().told()[0], [])["job"] is None


def test_offsets_that_are_not_the_clocks_own_are_not_used():
    story = Story(offset=60).days()
    for row in story.msdb:
        row["offset_minutes"] = 0                     # msdb leaves daylight saving out
    told = derive(story)
    assert told["restorable"]["age_seconds"] == 280 and told["breaks"] == []
    assert told["covered"][0]["last_log"] == "2026-11-24T08:00:23Z"


def test_a_set_with_other_databases_than_its_full_is_no_way_back():
    story = Story()
    story.days(skip=[(at("24T07:00"), NOW + timedelta(days=1))])
    story.databases.append("Orders")
    story.log_from["Orders"] = 0
    story.run(at("24T07:00"))
    told = derive(story)
    assert told["restorable"]["at"] == "2026-11-24T06:45:20Z"
    assert {one["name"]: one["in_last_full"] for one in told["databases"]}["Orders"] is False


def test_a_full_that_is_older_than_the_window_leaves_what_lies_between_unknown():
    story = Story().days()
    fulls = [row for row in story.sets if row["type"] == "full"]
    for row in fulls[:3]:
        row["at"] = "2026-11-01T02:00:00"
    story.sets = [row for row in story.sets if row["type"] == "log" or row in fulls[:3]]
    told = derive(story)
    assert observed.is_hole(told["restorable"])
    story.sets = [row for row in story.sets if row["type"] == "full"]
    assert derive(story)["rowless_sets"] == []


def test_a_damaged_log_backup_leaves_a_gap():
    story = Story().days()
    row = next(row for row in reversed(story.msdb) if row["database"] == "SSODB" and "_05_00_20_" in row["path"])
    row["is_damaged"] = True
    told = derive(story)
    assert told["chains"][2]["broken_by"] == "a log backup before 2026-11-24T05:15:29Z is not among those that were read"
    assert told["restorable"]["at"] == "2026-11-24T04:45:20Z"        # the set with the damaged file is no way back


def test_a_file_is_the_jobs_by_its_row_or_by_its_name():
    story = Story().days()
    story.sets = [row for row in story.sets if row["set_id"] > 250]      # rows that were cleared, while msdb still has the backups
    assert derive(story)["foreign"] == [] and derive(story)["breaks"] == []
    for row in story.sets:
        row["file"] = row["file"].replace("BTS_2026", "renamed")
    for row in story.msdb:
        row["path"] = row["path"].replace("BTS_2026", "renamed")
    story.sets, kept = story.sets[3:], story.sets[:3]
    assert sum(one["backups"] for one in derive(story)["foreign"]) == len(story.msdb) - len(story.sets)
    assert len(kept) == 3


def test_a_set_that_began_just_now_may_have_been_read_while_it_was_made():
    for seconds, state in ((90, "running"), (150, "partial")):
        story = Story().days(skip=[(at("24T08:00"), NOW + timedelta(days=1))])
        story.make("log", NOW - timedelta(seconds=seconds), fails_at=1)
        assert derive(story)["sets"][0]["state"] == state


def test_a_log_backup_between_the_mark_and_its_own_takes_the_mark_along():
    story = Story().days(skip=[(at("24T08:00"), NOW + timedelta(days=1))])
    story.databases = ["BizTalkMgmtDb", "SSODB"]
    story.make("log", at("24T08:00"))
    story.backup("BizTalkMsgBoxDb", "log", at("24T08:00") + timedelta(seconds=5), **VEEAM)
    mark = story.sets[-1]["mark"]
    file = f"SQLBTS_BTS_BizTalkMsgBoxDb_Log_{mark}.bak"
    story.backup("BizTalkMsgBoxDb", "log", at("24T08:00") + timedelta(seconds=9), f"{FOLDER}\\{file}")
    story.sets.append({**story.sets[-1], "id": len(story.sets) + 1, "database": "BizTalkMsgBoxDb", "file": file})
    story.databases = list(histories.DATABASES)
    told = derive(story)
    assert told["last_marked"]["mark"] == mark
    assert told["restorable"]["at"] == "2026-11-24T07:45:20Z"


def test_databases_of_one_name_on_two_servers_are_told_apart():
    story = Story().days()
    history, jobs, databases = story.told()
    for rows in (history["msdb"], history["biztalk"]["history"], history["biztalk"]["databases"]):
        rows += [{**row, "server": "OTHER", **({"file": f"x{row['file']}"} if "file" in row else {})} for row in rows if row["database"] == "SSODB"]
    for row in history["msdb"]:
        if row["server"] == "OTHER":
            folder, _backslash, file = row["path"].rpartition("\\")
            row["path"] = f"{folder}\\x{file}"
    told = backup_sets.derive(history, jobs, databases)
    assert [(one["name"], one["lost_now_seconds"]) for one in told["databases"]] == [
        ("BizTalkMgmtDb", 280), ("BizTalkMsgBoxDb", 280), (r"SQLBTS\BTS/SSODB", 280), ("OTHER/SSODB", 280)]
    assert {chain["broken_by"] for chain in told["chains"]} == {None}
    history["msdb"] = [row for row in history["msdb"] if row["server"] != "OTHER"]
    assert [observed.is_hole(chain["broken_by"]) for chain in backup_sets.derive(history, jobs, databases)["chains"]] == [False, False, False, True]


def test_backups_of_another_server_are_told_by_its_own_clock():
    story = Story().days()
    history, jobs, databases = story.told()
    history["biztalk"]["databases"][2]["server"] = "FAR"
    far = [row for row in history["msdb"] if row["database"] == "SSODB"]
    history["msdb"] = [row for row in history["msdb"] if row["database"] != "SSODB"]
    for row in far:                                # two hours ahead; its msdb does not know its zone
        row.update({name: (datetime.fromisoformat(row[name]) + timedelta(hours=2)).isoformat() for name in ("started", "finished")},
                   server="FAR", offset_minutes=None)
    there = {"clock": history["clock"], "local_clock": "2026-11-24T10:05:00", "window_days": 14, "msdb": far, "marks": [], "biztalk": None}
    told = backup_sets.derive(history, jobs, databases, [there])
    assert {row["name"]: row["last_log"] for row in told["covered"]}["BizTalkMgmtDb"] == "2026-11-24T08:00:23Z"
    story.backup("SSODB", "log", at("24T08:02"), **VEEAM)
    taken = {**story.msdb[-1], "started": "2026-11-24T10:02:00", "finished": "2026-11-24T10:02:02", "server": "FAR", "offset_minutes": None}
    told = backup_sets.derive(history, jobs, databases, [{**there, "msdb": [taken, *far]}])
    assert [one["at"] for one in told["breaks"]] == ["2026-11-24T08:02:02Z"]
    assert told["restorable"]["age_seconds"] == 280
