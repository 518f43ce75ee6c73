"""The controls of SharePoint farms, on snapshots as the lab's servers give them."""
from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import three_valued

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, observed  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import platform, sharepoint  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, farms  # noqa: E402
from lab import estate as lab_estate  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

CLOCK = "2026-11-24T08:00:00Z"
BASELINE = baseline.load()
CONTROLS = {c.id: c for c in BASELINE.controls if c.subject == "farm"}
CLAIMS = [claim.id for claim in BASELINE.kinds["farm"].claims]
HOLE = observed.hole("denied", "No right.")


def read():
    """A server of a farm of two, and the instance that the farm's databases are on."""
    told = {"others": ["SP2"], "database_server": "AGLSN"}
    description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {"sp1": {"sharepoint": told}}}
    state = State(":memory:", lab_estate.build(description, CLOCK), CLOCK)
    document = batch.batch({"platform": platform.steps({}), "sharepoint": sharepoint.steps({"sharepoint_backup_folder": r"\\sp1\spbackup"})}, "0" * 16)
    came = answer.parse("\n".join(Batch(Backend(state, "sp1"), document).lines()), document)
    group = {"name": "AG", "listeners": [{"name": "AGLSN"}], "databases": [], "replicas": []}
    return [
        {"host": "sp1", "groups": ["sharepoint"], "variables": {}, "collected_at": CLOCK, "powershell": came.host,
         "areas": {"platform": platform.shape(came.areas["platform"]), "sharepoint": sharepoint.shape(came.areas["sharepoint"])}},
        {"host": "sql1", "groups": ["sql_instance"], "variables": {"instance_name": "SQL1"}, "collected_at": CLOCK, "powershell": {}, "areas": {
            "sql": {"clock": CLOCK, "node": "SQL1", "name": "SQL1", "machine": "SQL1", "clustered": False, "cluster_nodes": [], "databases": [],
                    "availability_groups": [group]},
            "backup_history": {"biztalk": {"databases": [{"server": "SQL1", "database": "BizTalkMsgBoxDb"}]}}}}]


HEALTHY = read()


def facts(change=None, history=None, sql=None, absent=(), second=None):
    """The facts of the farm. *change*, *sql*, *history*: functions of those areas; *second*: of the area of another server of the farm."""
    snapshots = copy.deepcopy(HEALTHY)
    if second:
        snapshots.append({**copy.deepcopy(HEALTHY[0]), "host": "sp2"})
        snapshots[2]["areas"]["platform"]["computer"]["name"] = "SP2"
        second(snapshots[2]["areas"]["sharepoint"])
    for area, changed, place in (("sharepoint", change, 0), ("backup_history", history, 1), ("sql", sql, 1)):
        if changed:
            changed(snapshots[place]["areas"][area])
    subject, = farms.subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)
    assert subject.id == "farm:SharePoint_Config" and subject.reported_by == tuple(["sp1", "sp2"][:2 if second else 1])
    told = {name: {"valid": name not in absent, "owner": "o", "date": CLOCK[:10], "evidence": "e", "expires": "2027-01-01", "says": "s"} for name in CLAIMS}
    return {**subject.facts, attestations.FACT: told}


def of_status(found, status):
    return {name for name, control in CONTROLS.items() if three_valued.status_of(control, found, BASELINE.kinds, CLOCK) == status}


def test_a_healthy_farm_passes():
    assert of_status(facts(), "pass") == set(CONTROLS)
    assert of_status(facts(second=lambda area: None), "pass") == set(CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
def test_what_was_not_seen_never_passes(name):
    assert three_valued.status_of(CONTROLS[name], facts(), BASELINE.kinds, CLOCK) == "pass"
    assert three_valued.excluded(CONTROLS[name], facts(), BASELINE.kinds) == set()


def newest(**values):
    return lambda area: area["backup"]["sets"][-1].update(values)


def every(**values):
    return lambda area: [one.update(values) for one in area["backup"]["sets"]]


def no_sets(area):
    area["backup"]["sets"] = []


SAVED = {"FT-SPT-001", "FT-SPT-002"}
FAULTS = {
    "nothing is there": ({"change": no_sets}, SAVED),
    "too old": ({"change": every(ended="2026-11-01T00:00:00Z")}, {"FT-SPT-001"}),
    "the newest failed, and the one before is old": ({"change": newest(outcome="failed")}, {"FT-SPT-001"}),
    "the folder of the newest is gone": ({"change": newest(outcome="missing")}, {"FT-SPT-001", "FT-SPT-007"}),
    "a configuration is no farm": ({"change": every(method="configuration_only")}, SAVED),
    "a differential one alone restores nothing": ({"change": every(method="differential")}, SAVED),
    "a part of a farm is no farm": ({"change": every(whole_farm=False)}, SAVED),
    "a folder that no entry names": ({"change": newest(in_catalogue=False, outcome="incomplete")}, {"FT-SPT-001", "FT-SPT-007"}),
    "a database is not in it": ({"change": newest(components=["WSS_Content_Portal"])}, {"FT-SPT-002"}),
    "a database is in BizTalk's backup": ({"history": lambda area: area["biztalk"]["databases"].append({"server": "SQL1", "database": "wss_content_portal"})},
                                          {"FT-SPT-002"}),
    "an address that is not balanced": ({"absent": ["sharepoint_adapter_address"]}, {"FT-SPT-003"}),
    "a replacement of another build": ({"absent": ["sharepoint_rebuild_build"]}, {"FT-SPT-004"}),
    "a server of another build": ({"second": lambda area: area["installed"].update(version="16.0.1.1")}, {"FT-SPT-004"}),
    "an upgrade that was not finished": ({"change": lambda area: area["servers"][0].update(needs_upgrade=True)}, {"FT-SPT-004"}),
    "another server for 32-bit programs": ({"change": lambda area: area["aliases"][1].update(target="SQL1")}, {"FT-SPT-005"}),
    "a server without the alias": ({"second": lambda area: area.update(aliases=[], database_server="SQL1")}, {"FT-SPT-005"}),
    "what no backup holds": ({"absent": ["sharepoint_beside_backup"]}, {"FT-SPT-006"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_nothing_else(name):
    planted, wanted = FAULTS[name]
    assert of_status(facts(**planted), "fail") == wanted


def test_every_control_has_a_fault():
    assert set().union(*(wanted for _planted, wanted in FAULTS.values())) == set(CONTROLS)


@pytest.mark.parametrize(("planted", "unknown"), [
    ({"change": lambda area: area["backup"].update(sets=HOLE)}, {"FT-SPT-001", "FT-SPT-002", "FT-SPT-007"}),
    ({"change": lambda area: area.update(backup=None)}, {"FT-SPT-001", "FT-SPT-002", "FT-SPT-007"}),
    ({"change": lambda area: area["backup"]["sets"].append(HOLE)}, {"FT-SPT-001", "FT-SPT-007"}),       # what the others hold is known
    ({"change": lambda area: area.update(databases=HOLE)}, {"FT-SPT-002"}),
    ({"change": lambda area: area.update(aliases=HOLE)}, {"FT-SPT-005"}),
    ({"history": lambda area: area.update(biztalk=HOLE)}, {"FT-SPT-002"}),
    ({"sql": lambda area: area.update(availability_groups=HOLE)}, {"FT-SPT-005"}),
], ids=["no right in the folder", "no folder named", "a catalogue that is not whole", "no right for the shell", "registry", "BizTalk's backup", "SQL Server"])
def test_what_a_right_hides_is_unknown(planted, unknown):
    assert of_status(facts(**planted), "unknown") == unknown
    assert of_status(facts(**planted), "fail") == set()


def test_a_server_of_a_single_one_needs_no_balanced_address():
    found = facts(lambda area: area.update(servers=[one for one in area["servers"] if one["name"] != "SP2"]), absent=["sharepoint_adapter_address"])
    assert of_status(found, "not_applicable") == {"FT-SPT-003"}
