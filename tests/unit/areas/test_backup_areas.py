from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import agent, backup_history
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer, SqlError

DENIED = QueryAnswer("failed", error=SqlError(229, "42000", "The SELECT permission was denied."))
CLOCK = QueryAnswer("ok", [{"clock": "2026-11-24T08:00:00Z", "local_clock": "2026-11-24T09:00:00"}])
JOB = {"id": "A", "name": "Backup BizTalk Server (BizTalkMgmtDb)", "is_enabled": True, "owner": "sa", "category": "Database Maintenance",
       "start_step_id": 1, "last_status": 1, "last_date": 20261124, "last_time": 84501, "last_duration": 130}
OTHER = {**JOB, "id": "B", "name": "MessageBox_Parts_Cleanup_BizTalkMsgBoxDb", "last_status": 5, "last_date": 0, "last_time": 0}
RUN = {"job": "A", "id": 7, "step_id": 2, "step_name": "BackupFull", "status": 0, "run_date": 20261124, "run_time": 5, "duration": 1000203,
       "message": "said [SQLSTATE 42000] (Error 3201)", "number": 3201}
SET = {"id": 12, "set_id": 4, "mark": "BTS_1", "database_name": "BizTalkMgmtDb", "server": r"SQLBTS\BTS", "file_name": "f.bak",
       "location": r"\\fs\b", "kind": "lg", "at": "2026-11-24T08:45:00", "is_complete": True}


def rows(*found, cut=False):
    return QueryAnswer("ok", list(found), cut)


def shape_agent(**changes):
    answers = {asked.name: rows() for asked in agent.queries()}
    answers |= {"agent.clock": CLOCK, "agent.jobs": rows(JOB, OTHER), "agent.history": rows(RUN)}
    return agent.shape({**answers, **{f"agent.{name}": answer for name, answer in changes.items()}})


def shape_history(**changes):
    answers = {asked.name: rows() for asked in backup_history.queries()}
    answers |= {"backup_history.clock": CLOCK, "backup_history.sets": rows(SET), "sql.management": rows({"name": "BizTalkMgmtDb", "holds_group": True}),
                "backup_history.settings": rows({"use_compression": False, "force_full": False}), "backup_history.next_set": rows({"id": 5})}
    return backup_history.shape({**answers, **{name if "." in name else f"backup_history.{name}": a for name, a in changes.items()}})


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_a_job_has_its_own_rows_and_its_times_are_local():
    first, second = shape_agent(running=rows({"job": "B", "started": "2026-11-24T08:59:01"}), failures=rows({**RUN, "job": "B"}))["jobs"]
    assert first["history"] == [{"id": 7, "step_id": 2, "step_name": "BackupFull", "status": "failed", "started": "2026-11-24T00:00:05",
                                 "duration_seconds": 100 * 3600 + 2 * 60 + 3, "message": RUN["message"], "number": 3201}]
    assert first["last_run"] == {"status": "succeeded", "started": "2026-11-24T08:45:01", "duration_seconds": 90}
    assert second["last_run"] is None
    assert [(job["running"], job["running_since"]) for job in (first, second)] == [(False, None), (True, "2026-11-24T08:59:01")]
    assert len(second["history"]) == 1


def test_a_list_of_rows_that_was_cut_closes_the_list_of_every_job_that_may_lack_some():
    first, second = shape_agent(history=rows(RUN, cut=True))["jobs"]
    assert [observed.is_hole(row) for row in first["history"]] == [False, True]
    assert second["history"] == []
    first, second = shape_agent(steps=rows(cut=True))["jobs"]
    assert reason(first["steps"][0]) == reason(second["steps"][0]) == "cut"


@pytest.mark.parametrize(("query", "fact"), [("steps", "steps"), ("schedules", "schedules"), ("history", "history"), ("running", "running")])
def test_a_right_that_is_missing_takes_away_one_fact_of_a_job(query, fact):
    job = shape_agent(**{query: DENIED})["jobs"][0]
    assert reason(job[fact]) == "denied"
    assert [name for name, value in job.items() if observed.is_hole(value)] == [fact]


def test_an_unknown_outcome_is_not_guessed():
    assert reason(shape_agent(history=rows({**RUN, "status": 9}))["jobs"][0]["history"][0]["status"]) == "failed"


def test_the_texts_of_foreign_steps_stay_on_the_server():
    command = next(asked for asked in agent.queries() if asked.name == "agent.steps").text
    assert "CASE WHEN j.name LIKE N'Backup BizTalk Server%' OR j.name LIKE N'DTA Purge and Archive%' THEN s.command END AS command" in command


def test_sets_are_plain_and_the_rest_of_biztalk_beside_them():
    seen = shape_history(databases=rows({"server": r"SQLBTS\BTS", "database_name": "BizTalkMgmtDb"}))["biztalk"]
    assert seen["history"] == [{"id": 12, "set_id": 4, "mark": "BTS_1", "database": "BizTalkMgmtDb", "server": r"SQLBTS\BTS", "file": "f.bak",
                                "location": r"\\fs\b", "type": "log", "at": "2026-11-24T08:45:00", "complete": True}]
    assert seen["next_set_id"] == 5
    assert seen["databases"] == [{"server": r"SQLBTS\BTS", "database": "BizTalkMgmtDb"}]


def test_no_management_database_is_null_and_a_closed_one_is_unknown():
    assert shape_history(**{"sql.management": rows({"name": "Orders", "holds_group": False})})["biztalk"] is None
    assert reason(shape_history(**{"sql.management": rows({"name": "Orders", "holds_group": None})})["biztalk"]) == "denied"
    assert reason(shape_history(**{"sql.management": DENIED})["biztalk"]) == "denied"


BACKUP = {"id": 1, "database_name": "BizTalkMgmtDb", "kind": "L", "started": "2026-11-24T08:45:00", "finished": "2026-11-24T08:45:02", "time_zone": 4,
          "first_lsn": "41000000001600001", "last_lsn": "41000000001700001", "checkpoint_lsn": None, "database_backup_lsn": "0",
          "begins_log_chain": False, "is_copy_only": False, "is_snapshot": False, "is_damaged": False, "recovery_model": "FULL",
          "created": "2024-02-06T09:00:00", "user_name": r"CONTOSO\sqlagent", "software": "Microsoft SQL Server", "path": r"\\fs\b\f.bak",
          "device": 2, "size": "204800", "compressed_size": "204800", "server": r"SQLBTS\BTS", "machine": "SQLBTS", "position": 1,
          "media_set": 1, "family_count": 1}


@pytest.mark.parametrize(("column", "value", "name", "shaped"), [
    ("kind", "D", "type", "full"), ("kind", "X", "type", "other"), ("kind", None, "type", "other"), ("time_zone", -20, "offset_minutes", -300),
    ("time_zone", 127, "offset_minutes", None), ("time_zone", None, "offset_minutes", None), ("device", 7, "device_type", "virtual"),
    ("device", None, "device_type", "other"), ("size", "1234567890123", "size", 1234567890123), ("compressed_size", None, "compressed_size", None)])
def test_a_backup_of_msdb(column, value, name, shaped):
    assert shape_history(msdb=rows({**BACKUP, column: value}))["msdb"][0][name] == shaped


PROCEDURE = {"procedure_name": "sp_MarkAll", "parameter": "@MarkName", "kind": "nvarchar", "length": 8, "sees_all": True}


def test_procedures_that_a_login_may_not_see_are_not_taken_for_absent():
    known = {"name": "sp_MarkAll", "parameters": [{"name": "@MarkName", "type": "nvarchar", "length": 8}]}
    assert shape_history(procedures=rows(PROCEDURE))["biztalk"]["procedures"] == [known]
    shown, hidden = shape_history(procedures=rows({**PROCEDURE, "sees_all": False}))["biztalk"]["procedures"]
    assert shown == known and reason(hidden) == "denied"
    assert reason(shape_history()["biztalk"]["procedures"]) == "denied"


def test_what_a_database_holds_for_the_backup_is_unknown_where_the_login_may_not_look():
    def read(sees, *pairs):
        return shape_history(scripts=rows(*({"database_name": name, "has_scripts": has, "takes_compression": has,
                                             "sees_databases": sees} for name, has in pairs)))["scripts"]

    seen = read(True, ("master", False), ("A", True), ("B", False), ("C", None))
    assert observed.is_hole(read(False, ("master", False))[-1]) and observed.is_hole(read(False)[-1])
    assert [tuple(one.values()) for one in seen[:2]] == [("A", True, True), ("B", False, False)]
    assert reason(seen[2]["installed"]) == reason(seen[2]["takes_compression"]) == "denied" and reason(shape_history(scripts=DENIED)["scripts"]) == "denied"
