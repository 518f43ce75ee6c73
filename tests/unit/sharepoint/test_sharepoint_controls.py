"""The controls of SharePoint: each finds its fault alone on farms that were read from the lab, and what was not seen never passes."""
from __future__ import annotations

import copy
import functools

import farm_lab
import pytest
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, farms
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.id.startswith("FT-SPT-")]
KIND = BASELINE.kinds["farm"]
NOW = farm_lab.CLOCK
HOLE = observed.hole("denied", "No right.")
NAME = "farm:SharePoint_Config"


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


def subject(made, absent=()):
    """``(id, facts)`` of the one farm, with everything attested but for *absent*."""
    found, = farms.subjects(list(estate.hosts_of(made, {}).values()), BASELINE.kinds)
    facts = found.facts
    if not observed.is_hole(facts):
        facts = {**facts, attestations.FACT: {claim.id: {"valid": claim.id not in absent, "owner": "o", "date": NOW[:10], "evidence": "e",
                                                         "expires": "2027-01-01", "says": "s"} for claim in KIND.claims}}
    return found.id, facts


def statuses(made, absent=()):
    _id, facts = subject(made, absent)
    return {c.id: overall(check.status for check in evaluate(c, view(facts, KIND.type), NOW)) for c in CONTROLS}


def failed(made, absent=()):
    _id, facts = subject(made, absent)
    return {(c.id, check.item) for c in CONTROLS for check in evaluate(c, view(facts, KIND.type), NOW) if check.status == "fail"}


def test_every_control_passes_on_a_healthy_farm_that_is_one_subject_for_all_its_servers():
    made = estate_of()
    assert subject(made)[0] == NAME
    assert statuses(made) == {c.id: "pass" for c in CONTROLS}


def both(change):
    return lambda made: [change(made[name]["areas"]["sharepoint"]) for name in ("sp", "sp02")]


def on(name, change):
    return lambda made: change(made[name]["areas"]["sharepoint"])


def newest(**values):
    return both(lambda area: area["backup"]["sets"][-1].update(values))


def alias(name, bits, target):
    return on(name, lambda area: next(one for one in area["aliases"] if one["bits"] == bits).update(target=target))


def every_alias(target):
    return both(lambda area: [one.update(target=target) for one in area["aliases"]])


SET = r"\\sp\spbackup\spbr0001"
FAULTS = [
    ("FT-SPT-001", "", both(lambda area: area["backup"]["sets"].pop()), [], set()),        # the one before is eight days old
    ("FT-SPT-001", "", newest(outcome="failed"), [], set()),
    ("FT-SPT-001", "", both(lambda area: area["backup"].update(sets=[])), [], {"FT-SPT-002"}),
    ("FT-SPT-001", "", newest(method="configuration_only"), [], set()),
    ("FT-SPT-001", "", newest(whole_farm=False), [], set()),
    ("FT-SPT-002", "WSS_New", both(lambda area: area["databases"].append({"name": "WSS_New", "server": "SPSQL", "status": "Online"})), [], set()),
    ("FT-SPT-002", "WSS_Content_Portal", lambda made: made["sqlag1"]["areas"]["backup_history"]["biztalk"]["databases"].append(
        {"server": "SQLAG1", "database": "WSS_CONTENT_PORTAL"}), [], set()),
    ("FT-SPT-003", "", None, ["sharepoint_adapter_address"], set()),
    ("FT-SPT-004", "", on("sp02", lambda area: area.update(installed={"setup": "16.0", "version": "16.0.10409.20001"})), [], set()),
    ("FT-SPT-004", "SP", both(lambda area: area["servers"][0].update(needs_upgrade=True)), [], set()),
    ("FT-SPT-004", "", None, ["sharepoint_rebuild_build"], set()),
    ("FT-SPT-005", "", alias("sp", "32", "SQLAG1"), [], set()),
    ("FT-SPT-005", "", alias("sp02", "64", "SQLAG1"), [], set()),
    ("FT-SPT-005", "sp", every_alias("SQLAG1"), [], set()),                                # a replica of the group that holds the farm
    ("FT-SPT-006", "", None, ["sharepoint_beside_backup"], set()),
    ("FT-SPT-007", SET, newest(outcome="missing"), [], {"FT-SPT-001"}),
    ("FT-SPT-007", SET, newest(in_catalogue=False, outcome="incomplete"), [], {"FT-SPT-001"}),
]


@pytest.mark.parametrize(("control", "item", "plant", "absent", "follow"), FAULTS, ids=[f"{n} {f[0]} {f[1]}" for n, f in enumerate(FAULTS)])
def test_a_planted_fault_is_found_and_nothing_else(control, item, plant, absent, follow):
    found = failed(estate_of(plant), absent)
    assert any(name == control and (here or "") == item for name, here in found), found
    assert {name for name, _item in found} - {control} <= follow, found


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == {c.id for c in CONTROLS}


@pytest.mark.parametrize("c", CONTROLS, ids=lambda c: c.id)
def test_what_was_not_seen_never_passes(c):
    _id, facts = subject(estate_of())
    assert three_valued.excluded(c, facts, BASELINE.kinds) <= {"newest_full", "last"} and three_valued.status_of(c, facts, BASELINE.kinds) == "pass"


@pytest.mark.parametrize("fact", ["databases", "servers", "aliases", "database_server", "installed", "backup"])
def test_a_part_that_no_server_could_read_is_no_pass(fact):
    found = statuses(estate_of(both(lambda area: area.update({fact: HOLE}))))
    assert "unknown" in found.values() and "fail" not in found.values()


def test_a_farm_that_was_not_read_is_unknown_and_is_called_by_its_host():
    made = estate_of(lambda made: [made[name]["areas"].update(sharepoint=HOLE) for name in ("sp", "sp02")])
    told = farms.subjects(list(estate.hosts_of(made, {}).values()), BASELINE.kinds)
    assert [one.id for one in told] == ["farm:sp", "farm:sp02"] and all(observed.is_hole(one.facts) for one in told)


def test_who_could_not_read_does_not_count_and_who_disagrees_makes_it_unknown():
    quiet = estate_of(lambda made: made["sp02"]["areas"]["sharepoint"].update(servers=HOLE, databases=HOLE))
    assert set(statuses(quiet).values()) == {"pass"}
    other = estate_of(on("sp02", lambda area: area["databases"].pop()))
    assert statuses(other)["FT-SPT-002"] == "unknown"


def test_without_a_backup_folder_in_the_inventory_nothing_is_said_of_backups():
    found = statuses(estate_of(both(lambda area: area.update(backup=None))))
    assert (found["FT-SPT-001"], found["FT-SPT-007"]) == ("unknown", "unknown")


def test_one_server_alone_needs_no_balancer():
    made = estate_of(lambda made: [made.pop("sp02"), on("sp", lambda area: area["servers"].pop(1))(made)])
    assert statuses(made)["FT-SPT-003"] == "not_applicable"


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
