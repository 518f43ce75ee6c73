"""biztalk_backup_job on jobs made at random in the forms of the field, applied by a small model of msdb."""
from __future__ import annotations

import copy
import json
import pathlib
from collections import Counter

import msdb_model
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import job_step, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, told, undo
from ansible_collections.biztalk.fault_tolerance.plugins.modules import biztalk_backup_job as module

JOBS = pathlib.Path(__file__).parents[4] / "shared" / "real" / "sql" / "jobs.jsonl"
PLACEHOLDER = "<destination path>"
PATHS = [r"\\vault01\btsbackup", r"\\vault01.contoso.test\bts\To Tape, 'Night'\]", r"E:\backup", "https://vault.blob.core.windows.net/bts/"]
ROLES = {"compression": "sp_SetBackupCompression", "full": "sp_BackupAllFull_Schedule", "log": "sp_MarkAll", "clean": "sp_DeleteBackupHistory"}
NAMES = {"compression": "Set Compression Option", "full": "BackupFull", "log": "MarkAndBackupLog", "clean": "Clear Backup History"}
GUARD = "IF sys.fn_hadr_is_primary_replica('BizTalkMgmtDb') = 0\n\tRAISERROR('not here',11,0)\n"
HOLE = observed.hole("denied", "The login may not read it.")


# ---- an instance as the areas shape it

def step(number, name, command, success=3, fail=2, database="BizTalkMgmtDb"):
    return {"id": number, "name": name, "subsystem": "TSQL", "command": command, "database": database, "destroys": None,
            "on_success_action": success, "on_success_step": 0, "on_fail_action": fail, "on_fail_step": 0}


def schedule(minutes=15, **changed):
    return {"id": 7, "name": "MarkAndBackupLogSched", "enabled": True, "freq_type": 4, "freq_interval": 1, "freq_subday_type": 4,
            "freq_subday_interval": minutes, "freq_recurrence_factor": 0, "active_start_date": 20031110, "active_end_date": 99991231,
            "active_start_time": 0, "active_end_time": 235959, **changed}


def a_job(steps, name="Backup BizTalk Server (BizTalkMgmtDb)", **changed):
    return {"name": name, "id": "A1", "enabled": False, "owner": "sa", "category": None, "start_step_id": 1, "steps": steps,
            "schedules": [schedule()], "history": [], "running": False, "last_run": None, **changed}


def parameter(name, length):
    return {"name": name, "type": "nvarchar", "length": length}


def row(kind="log", mark="BTS_2026_11_24_08_00_00_123", location=PATHS[0], complete=True):
    return {"id": 1, "set_id": 4, "mark": mark, "database": "BizTalkMgmtDb", "server": "SQL01", "file": "f.bak", "location": location,
            "type": kind, "at": "2026-11-24T08:00:00", "complete": complete}


def snapshot(job, *others, history=(), procedures=(), **changed):
    databases = [{"name": "BizTalkMgmtDb", "system": False, "in_availability_group": changed.pop("in_group", False), "recovery_model": "FULL",
                  "files": [{"kind": "rows", "bytes": 2**30}, {"kind": "log", "bytes": 2**30}]}]
    installed = {"sp_MarkAll": [parameter("@MarkName", 8), parameter("@BackupPath", 128)], **{name: [] for name in procedures}}
    return {
        "agent": {"local_clock": "2026-11-24T09:00:00.000", "jobs": [job, *others]},
        "backup_history": {"window_days": 14, "msdb": changed.pop("msdb", []), "biztalk": {
            "management_database": "BizTalkMgmtDb", "history": list(history), "settings": {"use_compression": False, "force_full": False},
            "databases": [{"server": "SQL01", "database": "BizTalkMgmtDb"}], "others": [],
            "procedures": [{"name": name, "parameters": rows} for name, rows in installed.items()]}},
        "sql": {"name": "SQL01", "machine": "SQL01", "node": "SQL01", "clustered": False, "cluster_nodes": [],
                "databases": databases, "services": [{"kind": "engine", "account": r"CONTOSO\svc-sql"}]},
    }


DELIVERED = [step(1, NAMES["compression"], "exec [dbo].[sp_SetBackupCompression] @bCompression = 0", 3, 3),
             step(2, NAMES["full"], f"exec [dbo].[sp_BackupAllFull_Schedule] 'd' /* often */, 'BTS' /* name */, '{PLACEHOLDER}' /* where */"),
             step(3, NAMES["log"], f"exec [dbo].[sp_MarkAll] 'BTS' /* mark */, '{PLACEHOLDER}' /* where */"),
             step(4, NAMES["clean"], "exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep=14", 1)]
WORKING = {"path": PATHS[0], "mark_name": "BTS", "frequency": "d", "enabled": True}


def fresh(**changed):
    return snapshot(a_job(copy.deepcopy(DELIVERED), **changed))


def checked(options):
    result = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate(options)
    assert not result.error_messages, result.error_messages
    return result.validated_parameters


def plan(options, areas):
    return module.plan(checked(options), {"areas": areas})


def refused(options, areas):
    made = plan(options, areas)
    assert made.refusal and not made.changes, [told(change)["text"] for change in made.changes]
    return made.refusal


# ---- the truth test

@st.composite
def commands(draw, role, values):
    """The call of a role with *values* in one of the forms of the field."""
    procedure = "sp_DeleteBackupHistory" if role == "clean" else ROLES[role]
    if role == "clean":
        procedure = values.pop("procedure", procedure)
    text = draw(st.sampled_from(["exec [dbo].[{}] ", "exec dbo.{} ", "EXEC\n{}\t"])).format(procedure)
    required = {"full": 3, "log": 2}.get(role, 0)
    positional, pieces = draw(st.booleans()), []
    for place, (name, spelt) in enumerate(msdb_model.PARAMETERS[procedure].items()):
        if name not in values:
            positional = False
            continue
        value = values[name]
        plain = "NULL" if value is None else str(int(value)) if isinstance(value, (bool, int)) else "'" + value.replace("'", "''") + "'"
        if draw(st.booleans()) and not isinstance(value, str) and value is not None:
            plain = f"'{plain}'"
        named = place >= required and not (positional and place < len(values))
        comment = draw(st.sampled_from(["", " /* it, has a comma */", "/*x*/ "]))
        pieces.append((f"{spelt} = " if named else "") + plain + comment)
    text += draw(st.sampled_from([", ", ",\n\t", " , "])).join(pieces)
    return text + draw(st.sampled_from(["", "\n", " -- as agreed"]))


@st.composite
def instances(draw, working):
    """Areas of an instance, with jobs of three to five steps. *working*: nothing about the job keeps it from being enabled."""
    path = draw(st.sampled_from(PATHS[:3])) if working else draw(st.sampled_from([*PATHS, PLACEHOLDER]))
    mark, optional = draw(st.sampled_from(["BTS", "PRD"])), {}
    if draw(st.booleans()):
        optional = {"force_full": draw(st.booleans()), "backup_hour": draw(st.sampled_from([None, 0, 2, 23]))}
    local = {"use_local_time": True} if draw(st.booleans()) else {}
    days = draw(st.sampled_from([3, 14, 40]))
    procedure = draw(st.sampled_from(["sp_DeleteBackupHistory", "sp_DeleteBackupHistoryAndFiles"]))
    if path.startswith("http"):
        procedure = "sp_DeleteBackupHistory"
    texts = {
        "compression": draw(commands("compression", {"compress": draw(st.booleans())})),
        "full": draw(commands("full", {"frequency": draw(st.sampled_from("dh")), "mark_name": mark, "path": path, **optional, **local})),
        "log": draw(commands("log", {"mark_name": mark, "path": path, **local})),
        "clean": draw(commands("clean", {"procedure": procedure, "days_to_keep": days,
                                         **(local if procedure == "sp_DeleteBackupHistory" else {})})),
    }
    shape = draw(st.sampled_from(["three", "four", "four", "five", "inline"]))
    roles = [role for role in ROLES if role != "compression" or shape != "three"]
    if shape == "inline":
        texts = {role: f"IF (sys.fn_hadr_is_primary_replica('BizTalkMgmtDb') = 1)\nBEGIN\n{text}\nEND" for role, text in texts.items()}
    if not working and draw(st.integers(0, 3)) == 0:
        texts["log"] = "-- " + texts["log"].replace("\n", "\n-- ")
    steps = [step(1, "CheckIsPrimary", GUARD, 3, 1, "master")] if shape == "five" else []
    for role in roles:
        name = NAMES[role] if draw(st.booleans()) else NAMES[role].replace(" ", "")
        steps.append(step(len(steps) + 1, name, texts[role], 1 if role == "clean" else 3))
    schedules = draw(st.sampled_from([[schedule()], [schedule(30)], [schedule(1, freq_subday_type=8)], [schedule(enabled=False)],
                                      [schedule(freq_type=8, freq_interval=64, freq_recurrence_factor=1)], [schedule(active_end_time=200000)],
                                      [schedule(active_end_date=20200101)], []]))
    job = a_job(steps, enabled=draw(st.booleans()), schedules=[schedule()] if working else copy.deepcopy(schedules))
    history = draw(st.sampled_from([[], [row(mark=f"{mark}_2026_11_24_08_00_00_123"), row("full", None, path)]]))
    areas = snapshot(job, history=history, procedures=["sp_DeleteBackupHistory", "sp_DeleteBackupHistoryAndFiles"])
    areas["backup_history"]["biztalk"]["settings"]["use_compression"] = draw(st.booleans())
    return areas


def the_job(areas):
    return areas["agent"]["jobs"][0]


def reading(areas):
    """What the module manages, by the model: steps by name, schedules, enabled, the setting for compression."""
    job = the_job(areas)
    return {"steps": {one["name"]: msdb_model.bound(one["command"]) for one in job["steps"] if one["name"] != "CheckIsPrimary"},
            "given": {one["name"]: msdb_model.given(one["command"]) for one in job["steps"] if one["name"] != "CheckIsPrimary"},
            "schedules": {one["name"]: dict(one, enabled=int(one["enabled"])) for one in job["schedules"]}, "enabled": job["enabled"],
            "compression": areas["backup_history"]["biztalk"]["settings"]["use_compression"]}


def difference(before, after):
    """The two sides of what differs between two readings, as a diff shows them."""
    old, new = {}, {}
    for name in ("enabled", "compression"):
        if before[name] != after[name]:
            old[name], new[name] = before[name], after[name]
    for name, runs in after["steps"].items():
        was = before["steps"][name]
        if was is None and runs is not None:
            old.setdefault("steps", {})[name], new.setdefault("steps", {})[name] = "commented out", after["given"][name][1]
        elif was != runs:
            for side, values in ((old, was), (new, runs)):
                side.setdefault("steps", {})[name] = {key: value for key, value in values.items() if was.get(key, ...) != runs.get(key, ...)
                                                      and (key in was and key in runs)}
    for name, runs in after["schedules"].items():
        was = before["schedules"].get(name)
        if was is None:
            old.setdefault("schedules", {})[name], new.setdefault("schedules", {})[name] = None, {"every_minutes": msdb_model.starts_every(runs)}
        elif was != runs:
            for side, values in ((old, was), (new, runs)):
                side.setdefault("schedules", {})[name] = {key: value for key, value in values.items() if was[key] != runs[key]}
    return {"before": old, "after": new}


def starting(seen):
    """A reading without spelling: a schedule is how often it starts the job."""
    return {**seen, "given": None, "schedules": {name: msdb_model.starts_every(one) for name, one in seen["schedules"].items()}}


def runs_with(areas):
    """The options that say what is there, as far as one value says it."""
    found, steps = {}, [bound for bound in reading(areas)["steps"].values() if bound]
    names = {"path": "path", "mark_name": "mark_name", "frequency": "frequency", "use_local_time": "use_local_time", "compress": "compression",
             "force_full": "full_after_partial_set", "backup_hour": "backup_hour"}
    for argument, option in names.items():
        values = [one[argument] for one in steps if argument in one]
        if values and values.count(values[0]) == len(values) and values[0] != PLACEHOLDER:
            found[option] = values[0] if option != "backup_hour" else "any" if values[0] is None else str(values[0])
    clean = next(one for one in steps if one["procedure"].startswith("sp_DeleteBackupHistory"))
    found["keep_files_days" if "AndFiles" in clean["procedure"] else "history_days"] = clean["days_to_keep"]
    found.setdefault("compression", reading(areas)["compression"])
    found["enabled"] = the_job(areas)["enabled"]
    every = [msdb_model.starts_every(one) for one in the_job(areas)["schedules"]]
    if every and every[0]:
        found["interval_minutes"] = every[0]
    return found


OTHERS = {"path": PATHS[:3], "mark_name": ["BTS", "PRD", "TST"], "frequency": ["d", "h", "w"], "backup_hour": ["any", "0", "5", "23"],
          "use_local_time": [True, False], "full_after_partial_set": [True, False], "compression": [True, False], "history_days": [7, 14, 30],
          "keep_files_days": [10, 20], "interval_minutes": [5, 15, 60], "enabled": [True, False]}
SEEN = Counter()


@pytest.mark.parametrize("option", sorted(OTHERS))
def test_truth(option):
    def run(same):
        @settings(max_examples=35, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(st.data(), st.booleans())
        def examples(data, working):
            areas = data.draw(instances(working or option in ("enabled", "keep_files_days")))
            now = runs_with(areas)
            assume(option in now or not same)
            others = [value for value in OTHERS[option] if value != now.get(option)]
            truth({option: now[option] if same else data.draw(st.sampled_from(others))}, areas, option)

        examples()

    for same in (True, False):
        run(same)
    total = SEEN[option, "examples"]
    assert total >= 50 and SEEN[option, "changes"] >= 0.30 * total and SEEN[option, "none"] >= 0.30 * total, SEEN
    assert SEEN[option, "undone"], SEEN


def truth(options, areas, option):
    kept, before = copy.deepcopy(areas), reading(areas)
    made = plan(options, areas)
    assert areas == kept, "planning changed the snapshot"
    SEEN[option, "examples"] += 1
    SEEN[option, "refused" if made.refusal else "changes" if made.changes else "none"] += 1
    if made.refusal:
        assert not made.changes
        return
    for change in made.changes:
        msdb_model.apply(areas, change)
        json.dumps(told(change))
    after = reading(areas)
    assert diff(made.changes) == difference(before, after)
    for name, runs in after["steps"].items():        # what was asked for is what runs, and nothing else is different
        wanted = {"path": "path", "mark_name": "mark_name", "frequency": "frequency", "use_local_time": "use_local_time"}.get(option)
        if wanted and runs and wanted in runs:
            assert runs[wanted] == options[option], name
    again = plan(options, areas)
    assert not again.changes and not again.refusal, again
    back = undo(made.changes)
    if made.changes and all(change.undo for change in made.changes):
        for change in plan(back, areas).changes:
            msdb_model.apply(areas, change)
        assert starting(reading(areas)) == starting(before)
        SEEN[option, "undone"] += 1


# ---- what is done

def test_from_what_set_up_leaves_to_a_job_that_works_with_enabling_at_the_end():
    areas = fresh()
    options = {**WORKING, "backup_hour": "2", "use_local_time": True, "full_after_partial_set": True, "compression": True, "history_days": 10,
               "interval_minutes": 5}
    made = plan(options, areas)
    assert [change.where for change in made.changes] == [
        "steps[Set Compression Option]", "steps[BackupFull]", "steps[MarkAndBackupLog]", "steps[Clear Backup History]",
        "schedules[MarkAndBackupLogSched]", "enabled"]
    assert [len(change.steps) for change in made.changes] == [1] * 6
    for change in made.changes:
        msdb_model.apply(areas, change)
    assert the_job(areas)["steps"][1]["command"].startswith("exec [dbo].[sp_BackupAllFull_Schedule] 'd' /* often */, 'BTS' /* name */, '\\\\vault01")
    assert not plan(options, areas).changes and the_job(areas)["enabled"]


def test_a_job_is_disabled_before_anything_else():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), enabled=True))
    assert [change.where for change in plan({"enabled": False, "path": PATHS[0]}, areas).changes][0] == "enabled"


def test_a_step_that_is_commented_out_keeps_its_comment_and_runs_again():
    areas = fresh()
    steps = the_job(areas)["steps"]
    steps[1]["command"] = f"IF (sys.fn_hadr_is_primary_replica('BizTalkMgmtDb') = 1) BEGIN exec sp_BackupAllFull_Schedule 'd', 'PRD', '{PATHS[0]}' END"
    steps[2]["command"] = "-- exec [dbo].[sp_MarkAll] 'BTS', 'x'"
    made = plan({"mark_name": "PRD", "enabled": True}, areas)
    assert not made.refusal
    for change in made.changes:
        msdb_model.apply(areas, change)
    text = steps[2]["command"]
    assert text.startswith("-- exec [dbo].[sp_MarkAll] 'BTS', 'x'\nIF (") and msdb_model.bound(text)["path"] == PATHS[0]
    assert job_step.read(text, the_job(areas)["name"]).guard == job_step.INLINE


def test_text_that_is_not_understood_is_kept_shown_and_refused_to_be_edited():
    areas = fresh()
    steps = the_job(areas)["steps"]
    steps[3]["command"] = "exec [dbo].[sp_DeleteBackupHistoryAndMarkLogsHistory] @DaysToKeep=16"
    said = refused({"history_days": 10}, areas)
    assert "Clear Backup History" in said and "@DaysToKeep=16" in said
    made = plan({"path": PATHS[0]}, areas)
    assert any("Clear Backup History" in warning for warning in made.warnings) and len(made.changes) == 2
    steps[1]["command"] += ", 0, 3, 1, 'VaultCredential'"
    assert "BackupFull" in refused({"path": PATHS[0]}, areas)
    assert "not understood" in refused({"enabled": True}, areas)


def field_jobs():
    """Jobs of the field, with the steps of which the text is known; others with a text that runs nothing."""
    if not JOBS.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason="../shared/real/sql/jobs.jsonl is absent: its backup jobs were not edited"))]
    found = {}
    for line in JOBS.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if job_step.is_backup_job(record["job"]) and record.get("in_job") and record["step_id"]:
            prefix = record["id"].rsplit("-", 1)[0]
            found.setdefault(prefix, {"steps": record["in_job"], "texts": {}})["texts"][record["step_id"]] = record["command"]
    return [pytest.param(name, about, id=name) for name, about in found.items()]


@pytest.mark.parametrize(("name", "about"), field_jobs())
def test_a_job_of_the_field_is_brought_to_what_is_declared_or_refused_with_its_text(name, about):
    steps = [step(one["step_id"], one["step_name"], about["texts"].get(one["step_id"], one.get("command") or ""), one["on_success_action"],
                  one["on_fail_action"], one["database"]) for one in about["steps"]]
    areas = snapshot(a_job(steps))
    before = {one["id"]: one["command"] for one in steps}
    made = plan({"path": PATHS[1], "mark_name": "PRD", "frequency": "d", "history_days": 20}, areas)
    if made.refusal:
        assert name == "sister" and "sp_DeleteBackupHistoryAndMarkLogsHistory" in made.refusal
        made = plan({"path": PATHS[1], "mark_name": "PRD", "frequency": "d"}, areas)
    for change in made.changes:
        msdb_model.apply(areas, change)
    read = {one["name"]: job_step.read(one["command"], the_job(areas)["name"], first_step=steps[0]) for one in steps}
    assert {one.arguments["path"] for one in read.values() if one.procedure in ("sp_MarkAll", "sp_BackupAllFull_Schedule")} == {PATHS[1]}
    assert not plan({"path": PATHS[1], "mark_name": "PRD", "frequency": "d"}, areas).changes
    for one in steps:
        for comment in job_comments(before[one["id"]]):
            assert comment in one["command"], "comments stay"


def job_comments(text):
    return [part.split("*/")[0] for part in text.split("/*")[1:]]


# ---- what is refused, and what is told

@pytest.mark.parametrize(("options", "words"), [
    ({"path": r"\\vault01" + "\\" + "x" * 120}, "has 130 characters, and @BackupPath"),
    ({"path": r"\\v\b", "mark_name": "LONGERNAME"}, "has 10 characters, and @MarkName"),
    ({"path": r"\\v\b", "mark_name": "\U0001f4be" * 5}, "has 10 characters"),
    ({"path": "backup"}, "neither a share"), ({"path": PLACEHOLDER}, "neither a share"), ({"path": ""}, "neither a share"),
    ({"path": "\\\\v\\b\ncont"}, "cannot be given"), ({"path": r"\\v\$(b)"}, "cannot be given"),
    ({"mark_name": "A B"}, "letters and digits"), ({"mark_name": ""}, "letters and digits"),
    ({"history_days": 0}, "below 1"), ({"keep_files_days": 1}, "with 1 or less"), ({"history_days": 3, "keep_files_days": 3}, "exclude one another"),
    ({"interval_minutes": 0}, "between 1 and 60"), ({"interval_minutes": 61}, "between 1 and 60"),
    ({"keep_files_days": 20}, "is installed"), ({"enabled": True}, "still the placeholder"),
    ({"path": r"E:\backup", "share_required": True}, "another site needs"),
])
def test_refused(options, words):
    assert words in refused(options, fresh())


@pytest.mark.parametrize(("change", "words"), [
    (lambda areas: areas.update(agent=HOLE), "SQL Server Agent could not be read"),
    (lambda areas: areas["agent"].update(jobs=HOLE), "The jobs"),
    (lambda areas: areas["agent"]["jobs"].append(HOLE), "The jobs"),
    (lambda areas: the_job(areas).update(steps=HOLE), "The steps"),
    (lambda areas: the_job(areas)["steps"].append(HOLE), "The steps"),
    (lambda areas: the_job(areas).update(schedules=HOLE), "The schedules"),
    (lambda areas: the_job(areas)["schedules"].append(HOLE), "The schedules"),
    (lambda areas: areas["agent"].update(local_clock=HOLE), "clock"),
    (lambda areas: areas["agent"].update(jobs=[]), "no job Backup BizTalk Server"),
    (lambda areas: the_job(areas).update(name="Force Full Backup BizTalk Server (BizTalkMgmtDb)"), "no job Backup BizTalk Server"),
    (lambda areas: the_job(areas)["steps"].pop(2), "no step that calls sp_MarkAll"),
    (lambda areas: the_job(areas)["steps"][0].update(on_success_action=1), "never reached"),
    (lambda areas: the_job(areas)["schedules"][0].update(id=9) or areas["agent"]["jobs"].append({**the_job(fresh()), "id": "B", "name": "Own",
                                                                                                 "schedules": [schedule(id=9)]}), "starts the job Own, too"),
    (lambda areas: the_job(areas).update(schedules=[schedule(), schedule(id=8)]), "has 2 schedules"),
])
def test_nothing_is_changed_where_the_job_is_not_seen_whole_or_would_make_no_backups(change, words):
    areas = fresh()
    change(areas)
    assert words in refused({**WORKING, "interval_minutes": 10}, areas)


def test_a_job_without_a_schedule_is_not_enabled_but_with_one_to_come_it_is():
    areas = fresh(schedules=[])
    assert "by no enabled schedule" in refused(WORKING, areas)
    assert not plan({**WORKING, "interval_minutes": 15}, areas).refusal


@pytest.mark.parametrize("expired", [{"active_end_date": 20211231}, {"freq_type": 1, "active_start_date": 20240206}, {"active_start_date": 20300101}])
def test_a_job_that_a_schedule_starts_no_more_is_not_enabled(expired):
    areas = fresh(schedules=[schedule(**expired)])
    assert "by no enabled schedule" in refused(WORKING, areas)
    assert not plan({**WORKING, "interval_minutes": 15}, areas).refusal


@pytest.mark.parametrize(("old", "new", "history", "ran", "ok"), [
    ("BTS", "ABC", [row()], None, False), ("BTS", "PRD", [row()], None, True), ("BTS", "bts", [row()], None, True),
    ("BTS", "BTS2", [row()], None, True), ("BTS2", "BTS", [row(mark="BTS2_2026_11_24_08_00_00_123")], None, False),
    ("BTS", "ABC", [], None, True), ("BTS", "ABC", [], {"status": "succeeded"}, False), ("BTS", "ABC", [HOLE], None, False),
    ("BTS", "Z-1", [row()], None, False), ("ABC", "ABD", [row()], None, False), ("BTS", "ABC", [row("full", None)], None, True)])
def test_a_mark_name_that_sorts_lower_is_refused(old, new, history, ran, ok):
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), last_run=ran), history=history)
    for one in the_job(areas)["steps"]:
        one["command"] = one["command"].replace("'BTS'", f"'{old}'")
    made = plan({"mark_name": new}, areas)
    assert bool(made.refusal) != ok, made.refusal
    assert ok or "sort" in made.refusal


def test_lengths_are_those_of_the_procedure_that_is_there():
    areas = fresh()
    areas["backup_history"]["biztalk"]["procedures"][0]["parameters"] = [parameter("@MarkName", 4), parameter("@BackupPath", 300)]
    assert "@MarkName of sp_MarkAll takes 4" in refused({"mark_name": "LONGER", "path": PATHS[0]}, areas)
    areas["backup_history"]["biztalk"]["procedures"] = HOLE
    assert "takes 8" in refused({"mark_name": "LONGERNAME", "path": PATHS[0]}, areas)


def test_a_folder_of_the_server_is_told_and_refused_in_an_availability_group():
    areas = fresh()
    assert any("is a disk of this server" in warning for warning in plan({"path": r"E:\b"}, areas).warnings)
    areas["sql"]["databases"][0]["in_availability_group"] = True
    assert "each replica" in refused({"path": r"E:\b"}, areas)
    made = plan(WORKING, areas)
    assert any("whether this replica is the primary" in warning for warning in made.warnings)


def test_files_are_not_deleted_before_the_next_full_backup():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED)), procedures=["sp_DeleteBackupHistoryAndFiles2013"])
    assert "7 days apart" in refused({"frequency": "w", "keep_files_days": 7}, areas)
    assert "cannot delete blobs" in refused({"path": PATHS[3], "keep_files_days": 20}, areas)
    made = plan({"keep_files_days": 20}, areas)
    assert any("will be deleted" in warning for warning in made.warnings)
    assert made.changes[0].after == {"procedure": "sp_DeleteBackupHistoryAndFiles2013", "days_to_keep": 20}
    areas["backup_history"]["biztalk"]["procedures"] = [HOLE]
    assert "could not be read" in refused({"keep_files_days": 20}, areas)


def test_a_change_of_the_clock_has_a_risk_where_backups_are_recorded():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED)), history=[row()])
    assert all("other clock" in change.risk for change in plan({"use_local_time": True}, areas).changes)
    assert not any(change.risk for change in plan({"use_local_time": True}, fresh()).changes)


LOG = {"database": "BizTalkMgmtDb", "type": "log", "is_copy_only": False, "path": r"D:\own\x.trn", "user_name": "CONTOSO\\dba", "software": "Own Backup"}


@pytest.mark.parametrize(("rows", "told_of"), [
    ([LOG], True), ([{**LOG, "is_copy_only": True}], False), ([{**LOG, "database": "Other"}], False), ([{**LOG, "type": "full"}], False),
    ([{**LOG, "path": r"\\v\b\SQL01_BizTalkMgmtDb_Log_BTS_2026_11_24_08_00_00_123.bak"}], False), ([{**LOG, "path": r"\\v\b\f.bak"}], False)])
def test_log_backups_of_others_are_told_before_enabling(rows, told_of):
    areas = snapshot(a_job(copy.deepcopy(DELIVERED)), history=[row()], msdb=rows)
    warnings = plan(WORKING, areas).warnings
    assert any("Own Backup" in warning and r"d:\own" in warning for warning in warnings) == told_of
    areas["backup_history"]["msdb"] = HOLE
    assert any(warning.startswith("not checked: whether anything else") for warning in plan(WORKING, areas).warnings)


def test_what_could_not_be_checked_is_told_unless_a_full_set_lies_there_and_enabling_goes_on():
    made = plan(WORKING, fresh())
    note = next(warning for warning in made.warnings if warning.startswith("not checked"))
    assert r"CONTOSO\svc-sql can write to \\vault01\btsbackup" in note and "1.0 GiB" in note and made.changes[-1].where == "enabled"
    done = snapshot(a_job(copy.deepcopy(DELIVERED)), history=[row("full", None, PATHS[0].upper() + "\\")])
    assert not [warning for warning in plan(WORKING, done).warnings if warning.startswith("not checked")]
    partial = snapshot(a_job(copy.deepcopy(DELIVERED)), history=[row("full", None, complete=False)])
    assert [warning for warning in plan(WORKING, partial).warnings if warning.startswith("not checked")]


def test_on_a_replica_whose_management_database_cannot_be_opened_the_job_is_configured_and_the_rest_told():
    areas = fresh()
    areas["backup_history"] = HOLE
    areas["sql"] = HOLE
    made = plan(WORKING, areas)
    assert not made.refusal
    told_of = [warning for warning in made.warnings if warning.startswith("not checked")]
    for words in ("is a disk of this server", "log backups of the same", "can write to", "run in the management database", "in an availability group"):
        assert [words in warning for warning in told_of].count(True) == 1, (words, told_of)
    assert len(told_of) == 5
    assert "could not be read" in refused({"keep_files_days": 20}, areas)


@pytest.mark.parametrize(("options", "words"), [
    ({"frequency": "w"}, "set full_after_partial_set"), ({"frequency": "h", "backup_hour": "3"}, "means nothing"),
])
def test_told(options, words):
    assert any(words in warning for warning in plan(options, fresh()).warnings)


def test_of_several_jobs_the_one_of_the_management_database_is_meant():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), name="Backup BizTalk Server", id="B"), a_job(copy.deepcopy(DELIVERED)))
    assert plan({"path": PATHS[0]}, areas).changes[0].steps[0].values[0] == "A1"
    areas["backup_history"] = HOLE
    assert "set management_database" in refused({"path": PATHS[0]}, areas)
    assert plan({"path": PATHS[0], "management_database": "BizTalkMgmtDb"}, areas).changes


def test_a_job_of_another_management_database_is_not_taken():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), name="Backup BizTalk Server (OldMgmt)"))
    assert "another management database" in refused(WORKING, areas)
    areas["backup_history"]["biztalk"]["management_database"] = "oldmgmt"
    for one in the_job(areas)["steps"]:
        one["database"] = "OldMgmt"
    assert plan(WORKING, areas).changes


@pytest.mark.parametrize("options", [WORKING, {"enabled": True}, {"path": PATHS[1]}])
@pytest.mark.parametrize("database", ["master", None, "MSDB"])
def test_a_step_that_runs_in_a_system_database_is_moved_to_the_management_database(options, database):
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), enabled=True))
    job = the_job(areas)
    for one in job["steps"]:
        one["command"] = one["command"].replace(PLACEHOLDER, PATHS[0])
        one["database"] = database
    made = plan(options, areas)
    for change in made.changes:
        msdb_model.apply(areas, change)
    assert {one["database"] for one in job["steps"] if one["id"] in (2, 3) or options.get("enabled")} == {"BizTalkMgmtDb"}
    assert [change.undo for change in made.changes] == [{}] * len(made.changes)
    again = plan(options, areas)
    assert not again.changes and not again.refusal


@pytest.mark.parametrize(("database", "command"), [("OldMgmt", "exec sp_MarkAll 'BTS', 'x'"), ("BizTalkMgmtDb", "exec OldMgmt.dbo.sp_MarkAll 'BTS', 'x'")])
def test_a_step_that_runs_in_the_database_of_another_group_is_refused(database, command):
    areas = fresh()
    the_job(areas)["steps"][2].update(database=database, command=command)
    assert "runs in the database OldMgmt" in refused(WORKING, areas)
    assert "runs in the database OldMgmt" in refused({"enabled": True}, areas)
    assert not plan({"history_days": 20}, areas).refusal


@pytest.mark.parametrize("path", [r"\\localhost\d$", r"\\127.0.0.1\c$", r"\\sql01\F$", r"\\SQL01.contoso.test\F$"])
def test_a_share_of_the_server_itself_is_a_folder_of_the_server(path):
    assert any("is a disk of this server" in warning for warning in plan({"path": path}, fresh()).warnings)
    assert "another site needs" in refused({"path": path, "share_required": True}, fresh())


@pytest.mark.parametrize("change", [lambda areas: areas.update(sql=HOLE), lambda areas: areas["sql"].update(databases=HOLE),
                                    lambda areas: areas["sql"].update(databases=[HOLE]), lambda areas: areas["sql"]["databases"].clear(),
                                    lambda areas: areas["sql"]["databases"][0].update(in_availability_group=HOLE)])
def test_whether_the_databases_are_in_a_group_is_not_guessed(change):
    areas = fresh()
    change(areas)
    warnings = plan({**WORKING, "path": r"E:\b"}, areas).warnings
    assert len([one for one in warnings if one.startswith("not checked: whether the databases are in an availability group")]) == 1
    assert len([one for one in warnings if one.startswith("not checked: whether the management database is in an availability group")]) == 1


def test_a_job_that_is_enabled_already_and_makes_nothing_is_told():
    areas = snapshot(a_job(copy.deepcopy(DELIVERED), enabled=True, schedules=[schedule(active_end_date=20211231)]))
    assert any("still the placeholder" in warning for warning in plan({"enabled": True}, areas).warnings)
    made = plan(WORKING, areas)
    assert made.changes and any("by no enabled schedule" in warning for warning in made.warnings)
    assert not any("by no enabled schedule" in warning for warning in plan({**WORKING, "interval_minutes": 15}, areas).warnings)


@pytest.mark.parametrize("change", [lambda areas: the_job(areas).update(schedules=HOLE), lambda areas: areas["agent"].update(local_clock=HOLE)])
def test_a_job_that_is_not_known_to_be_started_is_not_enabled(change):
    areas = fresh()
    change(areas)
    assert "not known to be started" in refused(WORKING, areas)
    the_job(areas)["enabled"] = True
    assert any("not known to be started" in warning for warning in plan(WORKING, areas).warnings)
