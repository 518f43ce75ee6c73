"""Which instances speak of the backups of a group: what other servers made is none of its own, and any replica may have run the job."""
from __future__ import annotations

import copy
import importlib.util
import pathlib

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import estate, instances

_spec = importlib.util.spec_from_file_location("backup_controls", pathlib.Path(__file__).with_name("test_backup_controls.py"))
estates = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(estates)

FAILED = {"id": 1, "step_id": 3, "step_name": "MarkAndBackupLog", "status": "failed", "started": "2026-11-24T02:15:00", "duration_seconds": 5,
          "message": None, "number": 3201}


def imported(**change):
    """The estate whose msdb holds a log backup that another server made of a database of the same name."""
    story = estates.ran()
    story.backup("BAMPrimaryImport", "log", estates.at("24T08:02"), r"D:\x\y.bak", user=r"CONTOSO\junior", **{"server": "TEST9", **change})
    return estates.made(story)


def test_a_backup_that_restore_brought_into_msdb_breaks_no_chain():
    assert estates.failed(imported()) == set()
    assert {control for control, _item in estates.failed(imported(server=estates.histories.SERVER.lower()))} >= {"FT-BKP-028", "FT-SQL-009"}


def test_without_any_set_nothing_is_confirmed():
    snapshots = estates.made()
    estates.no_sets(snapshots)
    assert estates.statuses(snapshots)["FT-BKP-033"] == "fail"
    snapshots[0]["areas"]["backup_history"]["biztalk"]["history"] = [estates.DENIED]
    assert estates.statuses(snapshots)["FT-BKP-033"] == "unknown"


def test_a_full_backup_of_another_server_covers_nothing():
    def last(server):
        snapshots = estates.made()
        msdb = snapshots[0]["areas"]["backup_history"]["msdb"]
        msdb[:] = [{**row, "server": server} if row["database"] == "Orders" else row for row in msdb]
        return instances.last_full_backup(estate.hosts_of(snapshots, {})["sqlbts"], "Orders"), ("FT-BKP-034", "Orders") in estates.failed(snapshots)
    assert last("TEST9") == (None, True)
    assert last("SQLBTS.contoso.test\\BTS") == ("2026-11-24T03:05:02Z", False)


def test_an_instance_that_does_not_say_its_name_vouches_for_no_backup():
    snapshots = estates.made()
    snapshots[0]["areas"]["sql"]["name"] = estates.DENIED
    assert estates.statuses(snapshots)["FT-SQL-009"] == "unknown"


def replicas(agent, **clock):
    """An availability group whose other replica has an area ``agent``."""
    snapshots = estates.replicated(None)
    snapshots[1]["areas"]["agent"] = agent if observed.is_hole(agent) else {"clock": estates.CLOCK, "local_clock": estates.CLOCK[:-1], **clock, "jobs": agent}
    return snapshots


def job_there(history, **more):
    job = copy.deepcopy(estates.replicated(None)[0]["areas"]["agent"]["jobs"][0])
    return [{**job, "history": history, **more}]


def test_what_failed_before_a_failover_is_told_in_the_clock_of_the_server_on_which_it_did():
    own = [{**FAILED, "status": "succeeded", "started": "2026-11-21T08:00:00"}]
    (subject,) = estates.subjects(replicas(job_there([{**FAILED, "started": "2026-11-24T04:15:00"}, *own]), local_clock="2026-11-24T10:05:00"))
    assert [one["at"] for one in subject.facts["failures"]] == ["2026-11-24T02:15:00Z"]
    assert estates.statuses(replicas(job_there(own)))["FT-BKP-019"] == "pass"


@pytest.mark.parametrize("agent", [estates.DENIED, job_there(estates.DENIED), job_there([FAILED | {"status": "succeeded"}])],
                         ids=["denied", "history denied", "hours only"])
def test_a_replica_whose_agent_tells_nothing_of_the_time_leaves_failures_unknown(agent):
    assert estates.statuses(replicas(agent))["FT-BKP-019"] == "unknown"


def test_a_replica_without_the_job_has_nothing_to_tell():
    assert estates.statuses(replicas([]))["FT-BKP-019"] == "pass"


def test_a_replica_that_is_not_in_the_inventory_leaves_failures_unknown():
    assert estates.statuses(estates.replicated(None, second=False))["FT-BKP-019"] == "unknown"


def test_a_number_without_a_row_has_no_trace_only_where_the_histories_of_all_replicas_reach_back():
    def trace(history):
        snapshots = replicas(job_there(history))
        snapshots[0]["areas"]["backup_history"]["biztalk"]["next_set_id"] += 1
        return estates.subjects(snapshots)[0].facts["rowless_sets"][0]["trace"]
    assert (trace([{**FAILED, "status": "succeeded"}]), trace([])) == ("none", "unseen")


def test_the_recovery_model_is_that_of_the_server_that_the_list_names():
    def broken(here, there):
        snapshots = estates.made()
        snapshots.append(estates.elsewhere("SSODB", recovery_model=there))
        for one in snapshots[0]["areas"]["sql"]["databases"]:
            one["recovery_model"] = here if one["name"] == "SSODB" else one["recovery_model"]
        for row in snapshots[0]["areas"]["backup_history"]["biztalk"]["databases"]:
            row["server"] = "SQLFAR" if row["database"] == "SSODB" else row["server"]
        chains = estates.subjects(snapshots)[0].facts["chains"]
        return next(chain["broken_by"] for chain in chains if chain["database"] == "SSODB")
    assert broken("SIMPLE", "FULL") is None
    assert "SIMPLE" in broken("FULL", "SIMPLE")
