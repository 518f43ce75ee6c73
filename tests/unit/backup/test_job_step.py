from __future__ import annotations

import itertools
import json
import pathlib

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import job_step

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "real" / "sql" / "jobs.jsonl"
JOB = "Backup BizTalk Server (BizTalkMgmtDb)"
GUARD_STEP = {"command": "IF sys.fn_hadr_is_primary_replica(N'BizTalkMgmtDb') = 0\r\n RAISERROR('no', 11, 0)", "on_fail_action": 1}
FULL = "exec [dbo].[sp_BackupAllFull_Schedule] 'd' /* a, 'b' */, 'BTS', N'\\\\nas\\it''s' -- it's\n , '0'"


def records():
    if not SHARED.exists():
        reason = "../shared/real/sql/jobs.jsonl is absent: its records (54 when this was written) were not read"
        return [pytest.param({"id": "absent"}, marks=pytest.mark.skip(reason=reason))]
    return [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines()]


def read(command, **more):
    return job_step.read(command, JOB, **more)


@pytest.mark.parametrize("record", records(), ids=lambda record: record.get("id"))
def test_a_step_of_the_field_is_read_to_its_truth(record):
    first = next((s for s in record.get("in_job") or [] if s.get("command") and s["step_id"] != record["step_id"]), None)
    reading = job_step.read(record["command"], record["job"], record["subsystem"], record["on_fail_action"], first).plain()
    if record["truth"] is None:
        assert reading["verdict"] != job_step.CONFIGURED and reading["guard"] == job_step.NONE, record["id"]
        assert reading["arguments"] == {} and reading["procedure"] is None, record["id"]
        return
    expected = {"extra": [], **record["truth"]}
    assert {key: reading[key] for key in expected} == expected, record["id"]


HOSTILE = ["D:\\Backup", "\\\\nas\\share\\", "it's", "''", "a--b", "/*", "*/ x", "]", "[dbo].[p]", "\u2019quoted\u2019", "Sicherung\u00fc",
           "N'x'", '"', "exec sp_MarkAll 'a', 'b'", ";", " leading", "trailing ", "@BackupPath", "NULL", "", "GO", "end", "\U0001f4be",
           "https://x.blob.core.windows.net/c?sv=1&sig=%27", "x" * 400, "a, b", "IF (1=1)", "begin", "\\"]


@pytest.mark.parametrize("path,name", [(p, HOSTILE[(i * 7 + 3) % len(HOSTILE)]) for i, p in enumerate(HOSTILE)])
@pytest.mark.parametrize("guard", [None, "Biz'Talk]Mgmt"])
def test_what_is_built_is_read_back(path, name, guard):
    arguments = {"frequency": "w", "mark_name": name, "path": path, "force_full": True, "backup_hour": None, "use_local_time": False}
    reading = read(job_step.build("sp_BackupAllFull_Schedule", arguments, guard))
    assert (reading.procedure, reading.arguments) == ("sp_BackupAllFull_Schedule", arguments)
    assert (reading.guard, reading.guard_database) == (("inline", guard) if guard else ("none", None))
    assert reading.verdict == job_step.CONFIGURED


def test_every_subset_of_optional_arguments_is_read_back():
    for procedure, parameters in job_step.PROCEDURES.items():
        samples = {"text": "t", "bit": True, "int": 7}
        optional = [p for p in parameters if not p[3]]
        for count in range(len(optional) + 1):
            for chosen in itertools.combinations(optional, count):
                arguments = {p[1]: samples[p[2]] for p in parameters if p[3] or p in chosen}
                reading = read(job_step.build(procedure, arguments))
                assert (reading.procedure, reading.arguments, reading.verdict) == (procedure, arguments, job_step.CONFIGURED)


@pytest.mark.parametrize("value", ["a\nb", "a\0", "$(ESCAPE_NONE(JOBID))", 5, True, None])
def test_a_value_that_a_job_step_cannot_hold_is_refused(value):
    with pytest.raises(ValueError):
        job_step.build("sp_MarkAll", {"mark_name": "BTS", "path": value})
    with pytest.raises(ValueError):
        job_step.edit("exec sp_MarkAll 'BTS', 'x'", {"path": value})


def test_build_refuses_what_the_procedure_does_not_take():
    with pytest.raises(ValueError, match="backup_hour"):
        job_step.build("sp_MarkAll", {"mark_name": "a", "path": "b", "backup_hour": 1})
    with pytest.raises(ValueError, match="path"):
        job_step.build("sp_MarkAll", {"mark_name": "a"})


@pytest.mark.parametrize("command", [
    "EXECUTE BizTalkMgmtDb..SP_MARKALL 'BTS', 'D:\\b'",
    "exec /* a /* nested */ 'x' */ dbo.sp_MarkAll N'BTS' -- tail, 'more'\r\n, 'D:\\b';",
    "sp_MarkAll 'BTS', 'D:\\b'",
    "exec @r = sp_MarkAll @BackupPath='D:\\b', @MarkName=[BTS]",
    'exec "dbo"."sp_MarkAll" "BTS", "D:\\b"',
    "SET NOCOUNT ON exec sp_MarkAll BTS, 'D:\\b'",
    "SET XACT_ABORT ON; BEGIN exec sp_MarkAll 'BTS', 'D:\\b' END",
    "begin try exec sp_MarkAll 'BTS', 'D:\\b' end try begin catch exec msdb.dbo.sp_send_dbmail; throw end catch",
    "exec sp_MarkAll 'BTS', 'D:\\\\\nb'",
])
def test_forms_of_one_call(command):
    reading = read(command)
    assert reading.procedure == "sp_MarkAll" and reading.verdict == job_step.CONFIGURED, reading
    assert reading.arguments == {"mark_name": "BTS", "path": "D:\\b"}


@pytest.mark.parametrize("command", [
    "exec sp_MarkAll 'BTS'", "exec sp_MarkAll 'BTS', NULL", "exec sp_MarkAll 'BTS', @path", "exec sp_MarkAll 'BTS', 'x', 2, 3",
    "exec sp_MarkAll 'BTS', DEFAULT", "exec sp_MarkAll 'BTS', 'x', @Nope = 1", "exec sp_MarkAll @MarkName = 'BTS', 'x'",
    "exec sp_MarkAll 'BTS', 'x', @BackupPath = 'y'", "exec sp_MarkAll 'BTS', 'x', 'perhaps'", "exec sp_MarkAll 'BTS', '$(DIR)'",
    "if 1 = 0 exec sp_MarkAll 'BTS', 'x'", "return exec sp_MarkAll 'BTS', 'x'", "SET NOEXEC ON exec sp_MarkAll 'BTS', 'x'",
    "exec sp_MarkAll 'BTS', 'x' exec sp_MarkAll 'BTS', 'y'", "exec ('sp_MarkAll ''BTS'', ''x''')", "exec sp_MarkAll 'BTS', 'x",
    "exec sp_MarkAll 'BTS', 'x' /* open", "exec sp_MarkAll \u2018BTS\u2019, \u2018x\u2019", "backup log BizTalkMgmtDb to disk = 'x'",
    "exec sp_MarkAll 'BTS', 'x' delete adm_BackupHistory", "exec sp_MarkAll 'BTS' + 'x', 'y'", "exec sp_start_job 'x'",
    "declare @x int = (select 1) exec sp_MarkAll 'BTS', 'x'", "exec sp_MarkAll 'BTS', 'x';2",
    "IF sys.fn_hadr_is_primary_replica('x') = 0 exec sp_MarkAll 'BTS', 'x'",
    "IF sys.fn_hadr_is_primary_replica('x') = 1 BEGIN print 'p' END exec sp_MarkAll 'BTS', 'x'",
    "IF sys.fn_hadr_is_primary_replica('x') = 1 BEGIN exec sp_MarkAll 'BTS', 'x' END ELSE exec sp_DeleteBackupHistory",
    "begin catch exec sp_MarkAll 'BTS', 'x' end catch", "exec sp_DeleteBackupHistoryAndFiles 14, @UseLocalTime = 1",
])
def test_what_cannot_be_vouched_for_is_unknown(command):
    reading = read(command)
    assert (reading.verdict, reading.active) == (job_step.UNKNOWN_TEXT, True)
    assert reading.problem


@pytest.mark.parametrize("command", ["", "  \n", "-- exec sp_MarkAll 'a', 'b'", "/* exec sp_MarkAll 'a', 'b' /* */ */ --"])
def test_nothing_is_left_once_the_comments_are_gone(command):
    reading = read(command)
    assert (reading.verdict, reading.active, reading.procedure) == (job_step.COMMENTED_OUT, False, None)


@pytest.mark.parametrize("name,expected", [
    (JOB, True), ("backup biztalk server (x)", True), ("Backup BizTalk Server", True), ("Force Full " + JOB, False), (JOB + " old", False),
    ("Backup BizTalk Servers (x)", False), (None, False)])
def test_the_name_of_the_job(name, expected):
    assert job_step.is_backup_job(name) is expected
    assert (read(FULL).verdict == job_step.CONFIGURED) and (job_step.read(FULL, name).verdict == job_step.CONFIGURED) is expected


@pytest.mark.parametrize("changes,expected", [
    ({"frequency": "w"}, FULL.replace("'d'", "'w'")),
    ({"path": "E:\\x'y"}, FULL.replace("N'\\\\nas\\it''s'", "N'E:\\x''y'")),
    ({"force_full": True}, FULL.replace("'0'", "'1'")),
    ({"force_full": False, "frequency": "d", "path": "\\\\nas\\it's"}, FULL),
    ({"use_local_time": True, "backup_hour": 3}, FULL + ", @BackupHour = 3, @UseLocalTime = 1"),
    ({"backup_hour": None}, FULL + ", @BackupHour = NULL"),
    ({"mark_name": "\u00dc"}, FULL.replace("'BTS'", "N'\u00dc'")),
])
def test_an_edit_touches_its_argument_and_nothing_else(changes, expected):
    guarded = "-- ours\r\nIF (sys.fn_hadr_is_primary_replica('BizTalkMgmtDb') = 1)\r\nBEGIN\r\n%s /* last */\r\nEND"
    for form in ("%s", guarded, "SET NOCOUNT ON; %s;\nselect 1 -- kept"):
        assert job_step.edit(form % FULL, changes) == form % expected
        before, after = read(form % FULL), read(form % expected)
        assert after.arguments == {**before.arguments, **changes} and after.guard == before.guard and after.verdict == before.verdict


@pytest.mark.parametrize("record", records(), ids=lambda record: record.get("id"))
def test_editing_a_step_of_the_field_keeps_everything_else(record):
    truth = record["truth"] or {}
    if truth.get("verdict") not in (job_step.CONFIGURED, job_step.PLACEHOLDER) or not truth["procedure"]:
        if not truth.get("procedure"):
            with pytest.raises(ValueError):
                job_step.edit(record["command"], {"path": "x"})
        return
    samples = {"text": "it's", "bit": True, "int": 23}
    for _name, ours, kind, _required in job_step.PROCEDURES[truth["procedure"]]:
        edited = job_step.edit(record["command"], {ours: samples[kind]})
        assert read(edited).arguments == {**truth["arguments"], ours: samples[kind]}
        if ours in truth["arguments"]:
            assert job_step.edit(edited, {ours: truth["arguments"][ours]}).replace("'", "") == record["command"].replace("'", "")


@pytest.mark.parametrize("command", ["", "-- exec sp_MarkAll 'a', 'b'", "exec my_own 'a'", "exec sp_MarkAll \u2018a\u2019, 'b'",
                                     "exec sp_MarkAll 'a', 'b'; exec sp_MarkAll 'a', 'c'"])
def test_text_without_a_single_known_call_is_not_edited(command):
    with pytest.raises(ValueError):
        job_step.edit(command, {"path": "x"})


def test_a_parameter_that_the_procedure_does_not_have_is_not_edited():
    with pytest.raises(ValueError, match="frequency"):
        job_step.edit("exec sp_MarkAll 'a', 'b'", {"frequency": "d"})


@pytest.mark.parametrize("first,guard", [
    (GUARD_STEP, "first_step"), (None, "none"), ({**GUARD_STEP, "on_fail_action": 3}, "none"),
    ({**GUARD_STEP, "command": GUARD_STEP["command"].replace("11", "10")}, "none"),
    ({**GUARD_STEP, "command": GUARD_STEP["command"].replace("= 0", "= 1")}, "none"),
    ({**GUARD_STEP, "command": GUARD_STEP["command"].replace("N'Biz", "\u2018Biz")}, "none"),
    ({**GUARD_STEP, "command": "IF (fn_hadr_is_primary_replica('BizTalkMgmtDb') = 0) THROW 50000, 'x', 1;"}, "first_step"),
])
def test_a_guard_step_guards_the_steps_after_it(first, guard):
    reading = read(FULL, first_step=first)
    assert reading.guard == guard and reading.guard_database == ("BizTalkMgmtDb" if guard == "first_step" else None)


def a_job(**changed):
    texts = {"Set Compression Option": "exec sp_SetBackupCompression 1", "BackupFull": FULL,
             "MarkAndBackupLog": "exec sp_MarkAll 'BTS', 'x'", "Clear Backup History": "exec sp_DeleteBackupHistory 14"}
    steps = [{"step_id": i, "step_name": name, "subsystem": "TSQL", "command": text, "on_success_action": 3 if i < 4 else 1,
              "on_success_step_id": 1, "on_fail_action": 2, "on_fail_step_id": 1} for i, (name, text) in enumerate(texts.items(), 1)]
    for step_id, changes in changed.items():
        steps[int(step_id[1:]) - 1].update(changes)
    return {"name": JOB, "start_step_id": 1, "steps": steps}


@pytest.mark.parametrize("changed,full,log", [
    ({}, True, True), ({"_1": {"on_success_action": 1}}, False, False), ({"_2": {"on_success_action": 2}}, True, False),
    ({"_1": {"on_success_action": 4, "on_success_step_id": 3}}, False, True), ({"_3": {"command": "-- off"}}, True, False),
    ({"_2": {"command": FULL.replace("N'\\\\nas\\it''s'", "'<destination path>'")}}, False, True),
    ({"_1": {"on_success_action": 1, "on_fail_action": 3, "command": "exec my_own"}}, False, False),
])
def test_a_job_that_looks_configured_may_back_up_nothing(changed, full, log):
    job = job_step.read_job(a_job(**changed))
    assert (job["full"], job["log"]) == (full, log)
    assert [s["role"] for s in job["steps"]] == ["compression", "full", "log", "clean"]
    assert json.loads(json.dumps(job)) == job


def test_the_role_of_a_step_is_its_procedure_or_its_name_without_blanks():
    job = a_job(_3={"step_name": "Mine"}, _4={"step_name": "clearBackup History", "command": "exec my_own"})
    assert [s["role"] for s in job_step.read_job(job)["steps"]] == ["compression", "full", "log", "clean"]


@pytest.mark.parametrize("before, procedure, after", [
    ("exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep=14", "sp_DeleteBackupHistoryAndFiles", "exec [dbo].[sp_DeleteBackupHistoryAndFiles] @DaysToKeep=14"),
    ("exec dbo.sp_DeleteBackupHistory /* days */ 14 /* kept */, @UseLocalTime = 1 -- local", "sp_DeleteBackupHistoryAndFiles2013",
     "exec dbo.sp_DeleteBackupHistoryAndFiles2013 /* days */ 14 -- local"),
    ("exec sp_DeleteBackupHistory @UseLocalTime = 1", "sp_DeleteBackupHistoryAndFiles", "exec sp_DeleteBackupHistoryAndFiles"),
    ("IF (sys.fn_hadr_is_primary_replica('M') = 1) BEGIN exec sp_DeleteBackupHistoryAndFiles 9; END", "sp_DeleteBackupHistory",
     "IF (sys.fn_hadr_is_primary_replica('M') = 1) BEGIN exec sp_DeleteBackupHistory 9; END"),
    ("exec sp_DeleteBackupHistory 14", "sp_DeleteBackupHistory", "exec sp_DeleteBackupHistory 14"),
])
def test_another_procedure_of_the_same_role_is_called(before, procedure, after):
    assert job_step.switch(before, procedure) == after
    assert read(after).verdict == job_step.CONFIGURED


@pytest.mark.parametrize("command", ["exec sp_DeleteBackupHistory @UseLocalTime = 1, @DaysToKeep = 3", "exec sp_Own 3", "-- exec sp_DeleteBackupHistory 3"])
def test_a_procedure_is_not_exchanged_where_the_text_is_not_understood(command):
    with pytest.raises(ValueError):
        job_step.switch(command, "sp_DeleteBackupHistoryAndFiles")
