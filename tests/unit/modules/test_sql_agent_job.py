"""sql_agent_job on jobs made at random, applied by a small model of msdb; jobs that must stay as they are."""
from __future__ import annotations

import copy
from collections import Counter

import msdb_model
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, undo
from ansible_collections.biztalk.fault_tolerance.plugins.modules import sql_agent_job as module

HOLE = observed.hole("denied", "The login may not read it.")
NAME = "PurgeSubscriptionsJob_BizTalkMsgBoxDb"


def schedule(minutes=1, **changed):
    return {"id": 7, "name": "every minute", "enabled": True, "freq_type": 4, "freq_interval": 1, "freq_subday_type": 4,
            "freq_subday_interval": minutes, "freq_recurrence_factor": 0, "active_start_date": 20031110, "active_end_date": 99991231,
            "active_start_time": 0, "active_end_time": 235959, **changed}


def a_job(name=NAME, **changed):
    step = {"id": 1, "name": "step1", "subsystem": "TSQL", "command": None, "database": "BizTalkMsgBoxDb", "destroys": None}
    return {"name": name, "id": "A1", "enabled": True, "owner": "sa", "steps": [step], "schedules": [schedule()], **changed}


def login(name, kind="sql", disabled=False):
    return {"name": name, "sid": "AQ==", "kind": kind, "disabled": disabled}


def snapshot(*jobs, logins=None):
    known = [login("sa", disabled=True), login("dba"), login(r"CONTOSO\jobs", "windows_user"), login(r"CONTOSO\Admins", "windows_group")]
    return {"agent": {"local_clock": "2026-11-24T09:00:00.000", "jobs": list(jobs)}, "sql": {"logins": known if logins is None else logins}}


def plan(options, areas):
    result = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate({"name": NAME, **options})
    assert not result.error_messages, result.error_messages
    return module.plan(result.validated_parameters, {"areas": areas})


def refused(options, areas):
    made = plan(options, areas)
    assert made.refusal and not made.changes
    return made.refusal


OTHERS = {"enabled": [True, False], "owner": ["sa", "dba", r"contoso\JOBS"], "interval_minutes": [1, 5, 60]}
SEEN = Counter()


@st.composite
def instances(draw):
    schedules = draw(st.sampled_from([[schedule()], [schedule(5)], [schedule(1, freq_subday_type=8)], [schedule(enabled=False)], []]))
    return snapshot(a_job("Other", id="B", schedules=[]), a_job(enabled=draw(st.booleans()), owner=draw(st.sampled_from(["sa", "dba", None])),
                                                                schedules=copy.deepcopy(schedules)))


def reading(areas):
    job = areas["agent"]["jobs"][1]
    return {"enabled": job["enabled"], "owner": job["owner"], "interval_minutes": [msdb_model.starts_every(one) for one in job["schedules"]]}


@pytest.mark.parametrize("option", sorted(OTHERS))
def test_truth(option):
    def run(same):
        @settings(max_examples=35, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(instances(), st.sampled_from(OTHERS[option]))
        def examples(areas, other):
            now = reading(areas)[option]
            now = next(iter(now), None) if isinstance(now, list) else now
            assume(now is not None if same else str(other).casefold() != str(now).casefold())
            truth({option: now if same else other}, areas, option)
        examples()

    for same in (True, False):
        run(same)
    total = SEEN[option, "examples"]
    assert total >= 50 and SEEN[option, "changes"] >= 0.30 * total and SEEN[option, "none"] >= 0.30 * total and SEEN[option, "undone"], SEEN


def truth(options, areas, option):
    kept, before = copy.deepcopy(areas), reading(areas)
    made = plan(options, areas)
    assert areas == kept and not made.refusal
    SEEN[option, "examples"] += 1
    SEEN[option, "changes" if made.changes else "none"] += 1
    for change in made.changes:
        msdb_model.apply(areas, change)
    after = reading(areas)
    assert {name for name in before if before[name] != after[name]} == ({option} if made.changes else set())
    if made.changes and option != "interval_minutes":
        assert diff(made.changes) == {"before": {option: before[option]}, "after": {option: after[option]}}
    else:
        assert not made.changes or after[option] == [options[option]]
    assert areas["agent"]["jobs"][0] == kept["agent"]["jobs"][0], "another job is not touched"
    assert not plan(options, areas).changes
    if made.changes and all(change.undo for change in made.changes):
        for change in plan(undo(made.changes), areas).changes:
            msdb_model.apply(areas, change)
        assert reading(areas) == before
        SEEN[option, "undone"] += 1


def test_a_job_is_disabled_first_and_enabled_last():
    options = {"owner": "dba", "interval_minutes": 5}
    assert [c.path[0] for c in plan({**options, "enabled": False}, snapshot(a_job())).changes] == ["enabled", "owner", "schedules"]
    assert [c.path[0] for c in plan({**options, "enabled": True}, snapshot(a_job(enabled=False))).changes] == ["owner", "schedules", "enabled"]


def with_step(**changed):
    job = a_job(enabled=False)
    job["steps"][0] |= changed
    return job


ARCHIVE = "exec dtasp_BackupAndPurgeTrackingDatabase\n0, 1, 30, {}, null, 0, 0"


@pytest.mark.parametrize(("job", "words"), [
    (a_job("MessageBox_Message_Cleanup_BizTalkMsgBoxDb", enabled=False), "must stay disabled"),
    (a_job("Backup BizTalk Server (BizTalkMgmtDb)", enabled=False), "biztalk_backup_job"),
    (with_step(destroys="adm_CleanupMgmtDB"), "destroys data"), (with_step(destroys="bts_CleanupMsgbox"), "destroys data"),
    ({**with_step(command=ARCHIVE.format("null")), "name": "DTA Purge and Archive (BizTalkDTADb)"}, "no folder"),
    (a_job(enabled=False, steps=HOLE), "could not be read"), (a_job(enabled=False, steps=[HOLE]), "could not be read"),
])
def test_what_must_stay_disabled_is_not_enabled_and_may_be_disabled(job, words):
    assert words in refused({"name": job["name"], "enabled": True}, snapshot(job))
    assert not plan({"name": job["name"], "enabled": True}, snapshot({**job, "enabled": True})).changes
    assert plan({"name": job["name"], "enabled": False}, snapshot({**job, "enabled": True})).changes


@pytest.mark.parametrize("command", [ARCHIVE.format("'E:\\archive'"), "declare @d datetime set @d = GetUTCDate() exec dtasp_PurgeTrackingDatabase 1, 0, 1, @d"])
def test_the_purge_of_the_tracking_database_is_enabled_once_it_is_configured(command):
    job = {**with_step(command=command), "name": "DTA Purge and Archive (BizTalkDTADb)"}
    assert plan({"name": job["name"], "enabled": True}, snapshot(job)).changes


@pytest.mark.parametrize(("options", "areas", "words"), [
    ({"enabled": True}, snapshot(), "has no job"), ({"name": NAME.lower()}, snapshot(a_job()), "letter by letter"),
    ({"name": "PurgeSubscriptionsJob"}, snapshot(a_job()), "has no job"), ({"enabled": True}, snapshot(HOLE), "could not be read"),
    ({"owner": "nobody"}, snapshot(a_job()), "no login 'nobody'"), ({"owner": r"contoso\admins"}, snapshot(a_job()), "is a group"),
    ({"interval_minutes": 5}, snapshot(a_job(schedules=HOLE)), "could not be read"),
    ({"interval_minutes": 5}, snapshot(a_job(), a_job("Other", id="B")), "starts the job Other, too"),
    ({"interval_minutes": 0}, snapshot(a_job()), "between 1 and 60"),
    ({"name": "MessageBox_Message_Cleanup_X", "interval_minutes": 5}, snapshot(a_job("MessageBox_Message_Cleanup_X")), "must have no schedule"),
    ({"enabled": True}, snapshot(a_job(enabled=False, schedules=HOLE)), "could not be read"),
])
def test_refused(options, areas, words):
    assert words in refused(options, areas)


@pytest.mark.parametrize(("options", "areas", "words"), [
    ({"owner": "dba"}, snapshot(a_job(), logins=HOLE), "not checked: whether dba is a login"),
    ({"owner": "dba"}, snapshot(a_job(), logins=[login("dba", disabled=True)]), "is disabled"),
    ({"enabled": True}, snapshot(a_job(enabled=False, schedules=[])), "No enabled schedule"),
    ({"enabled": True}, snapshot(a_job(enabled=False, schedules=[schedule(active_end_date=20211231)])), "No enabled schedule"),
    ({"enabled": True}, snapshot(a_job(enabled=False, schedules=[schedule(freq_type=1)])), "No enabled schedule"),
])
def test_told(options, areas, words):
    made = plan(options, areas)
    assert made.changes and any(words in warning for warning in made.warnings)
