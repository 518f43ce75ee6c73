"""Farms as subjects: merged from servers that know different things, and how they stand to SQL Server."""
from __future__ import annotations

import copy
import functools

import farm_lab
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, farms
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.id.startswith("FT-SPT-")]
KIND = BASELINE.kinds["farm"]
NOW = farm_lab.CLOCK
HOLE = observed.hole("denied", "No right.")


@functools.cache
def read():
    """What the area says of the lab's server with two servers in its farm."""
    return farm_lab.Farm({"others": ["SP02"]}).read()


def platform(name):
    return {"computer": {"name": name.upper()}, "clock": NOW}


def group(database, listener="BTSLSN"):
    return {"name": "BTSAG", "listeners": [{"name": listener}], "replicas": [{"name": "SQLAG1"}, {"name": "SQLAG2"}], "databases": [{"name": database}]}


def estate_of(change=None):
    """Snapshots of two servers of the farm and of the instance that holds its databases."""
    def host(name, groups, **areas):
        return {"schema": 1, "host": name, "groups": groups, "variables": {"instance_name": "SQLAG1"} if name == "sqlag1" else {}, "status": "ok",
                "collected_at": NOW, "powershell": {}, "areas": areas}
    made = {
        "sp": host("sp", ["sharepoint"], platform=platform("sp"), sharepoint=copy.deepcopy(read())),
        "sp02": host("sp02", ["sharepoint"], platform=platform("sp02"), sharepoint=copy.deepcopy(read())),
        "sqlag1": host("sqlag1", ["sql_instance"], backup_history={"biztalk": {"databases": [{"server": "SQLAG1", "database": "BizTalkMgmtDb"}]}}, sql={
            "name": "SQLAG1", "machine": "SQLAG1", "node": "SQLAG1", "availability_groups": [group("SharePoint_Config")]}),
    }
    if change:
        change(made)
    return list(made.values())


def subject(made):
    """``(id, facts)`` of the one farm, with everything attested."""
    found, = farms.subjects(list(estate.hosts_of(made, {}).values()), BASELINE.kinds)
    facts = found.facts
    if not observed.is_hole(facts):
        facts = {**facts, attestations.FACT: {claim.id: {"valid": True, "owner": "o", "date": NOW[:10], "evidence": "e",
                                                         "expires": "2027-01-01", "says": "s"} for claim in KIND.claims}}
    return found.id, facts


def statuses(made):
    _id, facts = subject(made)
    return {c.id: overall(check.status for check in evaluate(c, view(facts, KIND.type), NOW)) for c in CONTROLS}


def both(change):
    return lambda made: [change(made[name]["areas"]["sharepoint"]) for name in ("sp", "sp02")]


def on(name, change):
    return lambda made: change(made[name]["areas"]["sharepoint"])


def test_the_last_backup_is_the_one_that_broke_off_without_a_log():
    def broken_off(area):
        sets = area["backup"]["sets"]
        sets.insert(0, {**sets[-1], "path": sets[-1]["path"] + "x", "started": "2026-11-24T07:59:00", "ended": None, "outcome": "incomplete"})
    made = estate_of(both(broken_off))
    _id, found = subject(made)
    assert found["last"] == "incomplete" and statuses(made)["FT-SPT-001"] == "fail"


def every_alias(target):
    return both(lambda area: [one.update(target=target) for one in area["aliases"]])


def test_the_servers_of_a_farm_are_one_subject():
    made = estate_of()
    assert subject(made)[0] == "farm:SharePoint_Config"
    assert statuses(made) == {c.id: "pass" for c in CONTROLS}


def test_a_replica_that_does_not_follow_a_failover_is_found():
    assert statuses(estate_of(every_alias("SQLAG1")))["FT-SPT-005"] == "fail"


def test_a_farm_that_was_not_read_is_unknown_and_is_called_by_its_host():
    made = estate_of(lambda made: [made[name]["areas"].update(sharepoint=HOLE) for name in ("sp", "sp02")])
    told = farms.subjects(list(estate.hosts_of(made, {}).values()), BASELINE.kinds)
    assert [one.id for one in told] == ["farm:sp", "farm:sp02"] and all(observed.is_hole(one.facts) for one in told)


def test_who_could_not_read_does_not_count_and_who_disagrees_makes_it_unknown():
    quiet = estate_of(lambda made: made["sp02"]["areas"]["sharepoint"].update(servers=HOLE, databases=HOLE))
    assert set(statuses(quiet).values()) == {"pass"}
    other = estate_of(on("sp02", lambda area: area["databases"].pop()))
    assert statuses(other)["FT-SPT-002"] == "unknown"


@pytest.mark.parametrize(("target", "database", "kind"), [
    ("BTSLSN", "SharePoint_Config", "listener"), ("btslsn.contoso.test,1433", "SharePoint_Config", "listener"), ("SQLAG1", "SharePoint_Config", "replica"),
    ("SQLAG1", "OtherDb", "instance"), ("NOWHERE", "SharePoint_Config", None)])
def test_what_the_name_of_the_database_server_is(target, database, kind):
    def change(made):
        every_alias(target)(made)
        made["sqlag1"]["areas"]["sql"]["availability_groups"] = [group(database)]
    told = subject(estate_of(change))[1]["connections"][0]["kind"]
    assert observed.is_hole(told) if kind is None else told == kind


def test_an_old_farm_without_cmdlets_tells_of_its_backups_only():
    made = estate_of(lambda made: [made.pop("sp02"), made["sp"]["areas"].update(sharepoint=farm_lab.Farm({"edition": "WSS3"}).read())])
    found = statuses(made)
    assert (found["FT-SPT-001"], found["FT-SPT-007"], found["FT-SPT-002"]) == ("pass", "pass", "unknown")
