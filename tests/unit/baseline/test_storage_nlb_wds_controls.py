"""Controls of storage, balancers and deployment servers: each finds its fault alone, and what was not seen never passes."""
from __future__ import annotations

import copy

import baseline_estates as estates
import pytest
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    attestations,
    baseline,
    estate,
    nlb_clusters,
    rebuild_sources,
    storages,
)
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

BASELINE = baseline.load()
KINDS = {"storage": storages, "nlb_cluster": nlb_clusters, "rebuild_source": rebuild_sources}
CONTROLS = [c for c in BASELINE.controls if c.id.split("-")[1] in ("STO", "NLB", "WDS")]
OF_HOSTS = [c for c in CONTROLS if c.subject in KINDS]
NOW = "2026-11-24T08:00:00Z"
INSTANCE, JOB = r"SQLBTS\BTS", "Backup BizTalk Server (BizTalkMgmtDb)"
HOLE = observed.hole("denied", "No right.")


def disk(number, resiliency="not shown", bus="RAID", **more):
    return {"name": f"disk {number}", "number": number, "model": "m", "bus": bus, "health": "Healthy", "ok": True, "offline": False, "clustered": False,
            "bytes": 100, "serial": None, "unique_id": f"u{number}", "hides_members": resiliency == "not shown", "virtual_disk": None,
            "resiliency": resiliency, **more}


def volume(root, on, resiliency="not shown"):
    return {"name": root, "paths": [root], "label": "", "file_system": "NTFS", "health": "Healthy", "bytes": 100, "free_bytes": 50, "free_percent": 50,
            "dedup": False, "compressed": False, "disk": f"disk {on}", "resiliency": resiliency}


def storage():
    roots = ("C:\\", "S:\\", "L:\\", "S:\\tracking\\", "E:\\", "I:\\")
    return {
        "disks": [*(disk(number) for number in range(4)), disk(4, "mirror", "Storage Spaces", virtual_disk="Mirror"), disk(5, bus="iSCSI")],
        "physical_disks": [{"name": "Drive (0)", "bus": "SAS", "health": "Healthy", "ok": True, "model": "D", "firmware": "F1", "retired": False, "bytes": 1,
                            "serial": None}],
        "pools": [], "virtual_disks": [{"name": "Mirror", "unique_id": "u4", "resiliency": "mirror", "health": "Healthy", "ok": True, "bytes": 1,
                                        "survives_disks": 1}],
        "volumes": [volume(root, number, "mirror" if number == 4 else "not shown") for number, root in enumerate(roots)],
        "mpio": [{"name": "MPIO Disk0", "paths": 2, "serial": "u5", "dsm": "DSM"}],
        "iscsi": {"sessions": [{"name": "array (1)", "initiator": "i", "connected": True, "persistent": True}],
                  "service": {"state": "Running", "start_mode": "Auto"}},
        "shares": [{"name": "backup", "path": "E:\\backup", "scope": "*", "continuous": False}],
    }


def web(number):
    return {"name": "WEB", "address": "192.0.2.9", "mode": "multicast", "own_priority": number, "own_state": "Started",
            "nodes": [{"name": f"WEB{one}", "priority": one, "state": "Converged", "interface": "x", "initial_state": "Started"} for one in (1, 2)],
            "port_rules": [{"name": "Tcp 80", "text": "Tcp 80-80: Multiple, Enabled"}], "interfaces": [],
            "features": [{"name": name, "installed": True} for name in ("NLB", "RSAT-NLB")]}


def wds():
    image = {"name": "Server", "file": "s.wim", "version": "10.0.17763.1", "build": "17763", "enabled": True, "modified": "2026-11-01T00:00:00Z"}
    return {"features": [{"name": name, "installed": True} for name in ("WDS-Deployment", "WDS-Transport")],
            "service": {"state": "Running", "start_mode": "Auto"}, "boot_images": [image], "install_images": [{**image, "group": "g"}]}


def step(name, procedure, path):
    return {"id": 1, "name": name, "command": f"exec [dbo].[{procedure}] '{path}'"}


def database(name, folder, log):
    return {"name": name, "files": [{"path": rf"{root}\{name}.{end}", "name": end, "kind": kind, "volume": root[:2], "bytes": 1}
                                    for root, end, kind in ((folder, "mdf", "rows"), (log, "ldf", "log"))]}


def snapshots(monkeypatch, path=r"\\sql1\backup"):
    """One server that holds everything; what the job writes and what the databases are for is told by hand."""
    platform = [estates.platform(name, name, []) for name in ("SQL1", "WEB1", "WEB2", "WDS1")]
    databases = [database("Box", "S:\\data", "L:\\log"), database("Track", "S:\\tracking", "M:\\log"), database("Bam", "S:\\bam", "L:\\bam")]
    made = [
        estates.snapshot("sql1", ["storage"], {}, platform=platform[0], storage=storage()),
        *(estates.snapshot(f"web{n}", ["nlb"], {"nlb_name": "WEB"}, platform=platform[n], nlb=web(n)) for n in (1, 2)),
        estates.snapshot("wds1", ["wds"], {}, platform=platform[3], wds=wds()),
        estates.snapshot("sqlbts", ["sql_instance"], {"instance_name": INSTANCE}, sql={
            "clock": NOW, "node": "SQL1", "name": INSTANCE, "machine": "SQL1", "clustered": False, "cluster_nodes": [], "databases": databases})]
    made[0]["areas"]["storage"]["volumes"].append(volume("M:\\", 3))
    roles = {"message_box": "Box", "tracking": "Track", "bam": "Bam"}
    monkeypatch.setattr(storages, "destinations", lambda instance: [path])
    monkeypatch.setattr(storages.biztalk_lists.Lists, "has_role", lambda self, host, name, role: roles.get(role) == name)
    return copy.deepcopy(made)


def subjects(made, kinds=tuple(KINDS), absent=()):
    """The subjects with everything attested but for the claims that are absent."""
    everyone = list(estate.hosts_of(made, {}).values())
    found = []
    for kind in kinds:
        for subject in KINDS[kind].subjects(everyone, BASELINE.kinds):
            facts = subject.facts
            if not observed.is_hole(facts):
                words = {claim.id: claim.id not in absent for claim in BASELINE.kinds[kind].claims}
                facts = {**facts, attestations.FACT: {name: {"valid": valid, "owner": "o", "date": NOW[:10], "evidence": "e", "expires": "2027-01-01",
                                                             "says": "s"} for name, valid in words.items()}}
            found.append((kind, subject.id, facts))
    return found


def failed(made, absent=()):
    found = set()
    for kind, _name, facts in subjects(made, absent=absent):
        for c in OF_HOSTS:
            if c.subject == kind:
                found |= {(c.id, check.item) for check in evaluate(c, view(facts, BASELINE.kinds[kind].type), NOW) if check.status == "fail"}
    return found


def test_nothing_fails_on_a_healthy_estate_and_every_control_passes(monkeypatch):
    made = snapshots(monkeypatch)
    assert failed(made) == set()
    passing = {c.id for kind, _name, facts in subjects(made) for c in OF_HOSTS if c.subject == kind
               and overall(check.status for check in evaluate(c, view(facts, BASELINE.kinds[kind].type), NOW)) == "pass"}
    template = {c.id for kind, _name, facts in subjects(made, absent=["rebuild_template"]) for c in OF_HOSTS if c.subject == kind
                and overall(check.status for check in evaluate(c, view(facts, BASELINE.kinds[kind].type), NOW)) == "pass"}
    assert passing | template == {c.id for c in OF_HOSTS} and passing == template - {"FT-WDS-001"}


def in_storage(change):
    return lambda made: change(made[0]["areas"]["storage"])


def first(kind, **values):
    return in_storage(lambda area: area[kind][0].update(values))


def on(root, **values):
    return in_storage(lambda area: next(one for one in area["volumes"] if one["name"] == root).update(values))


def at(place, area, change):
    return lambda made: change(made[place]["areas"][area])


FAULTS = [
    ("FT-STO-001", r"S:\data\Box.mdf", on("S:\\", resiliency="none"), [], {"FT-STO-002"}),
    ("FT-STO-001", "", None, ["raid_level"], {"FT-STO-002"}),
    ("FT-STO-002", r"S:\bam\Bam.mdf", on("S:\\", resiliency="none"), [], {"FT-STO-001"}),
    ("FT-STO-003", "Drive (0)", first("physical_disks", health="Warning"), [], set()),
    ("FT-STO-003", "Drive (0)", first("physical_disks", retired=True), [], set()),
    ("FT-STO-003", "Mirror", first("virtual_disks", health="Unhealthy"), [], set()),
    ("FT-STO-003", "C:\\", on("C:\\", health="Scan needed"), [], set()),
    ("FT-STO-003", "disk 0", first("disks", offline=True), [], set()),
    ("FT-STO-006", "", None, ["share_survives_server"], set()),
    ("FT-STO-006", "backup", first("shares", scope="FSCLU"), [], set()),
    ("FT-STO-007", "E:\\", on("E:\\", free_percent=19), [], set()),
    ("FT-STO-008", "", None, ["array_state"], set()), ("FT-STO-008", "", None, ["hot_spare"], set()),
    ("FT-STO-008", "", None, ["controller_battery"], set()),
    ("FT-STO-009", "MPIO Disk0", first("mpio", paths=1), [], set()),
    ("FT-STO-009", "Drive (0)", first("physical_disks", firmware="XCV10100"), [], set()),
    ("FT-STO-010", "E:\\", on("E:\\", compressed=True), [], set()), ("FT-STO-010", "L:\\", on("L:\\", dedup=True), [], set()),
    ("FT-STO-011", "array (1)", in_storage(lambda area: area["iscsi"]["sessions"][0].update(persistent=False)), [], set()),
    ("FT-STO-011", "array (1)", in_storage(lambda area: area["iscsi"]["sessions"][0].update(connected=False)), [], set()),
    ("FT-STO-011", "", in_storage(lambda area: area["iscsi"]["service"].update(start_mode="Manual")), [], set()),
    ("FT-STO-012", "", None, ["separate_arrays"], set()),
    ("FT-NLB-002", "web1", at(1, "nlb", lambda area: area["features"][1].update(installed=False)), [], set()),
    ("FT-NLB-003", "WEB1", at(1, "nlb", lambda area: area["nodes"][0].update(state="Stopped")), [], set()),
    ("FT-NLB-003", "web2", at(2, "nlb", lambda area: area.update(name="OTHER")), [], set()),
    ("FT-NLB-003", "web1", at(2, "nlb", lambda area: area.update(own_priority=1)), [], set()),
    ("FT-NLB-003", "Tcp 80-80: Multiple, Enabled", at(2, "nlb", lambda area: area["port_rules"].clear()), [], set()),
    ("FT-NLB-004", "", at(1, "nlb", lambda area: area.update(mode="unicast")), [], set()),
    ("FT-NLB-004", "", None, ["multicast_on_switches"], set()),
    ("FT-WDS-001", "17763", at(3, "wds", lambda area: area["install_images"][0].update(build="14393")), ["rebuild_template"], set()),
    ("FT-WDS-001", "", at(3, "wds", lambda area: area["boot_images"].clear()), ["rebuild_template"], set()),
    ("FT-WDS-002", "Server", at(3, "wds", lambda area: area["install_images"][0].update(modified="2026-01-01T00:00:00Z")), [], set()),
    ("FT-WDS-002", "", at(3, "wds", lambda area: area["install_images"].clear()), [], set()),
    ("FT-WDS-002", "", None, ["rebuild_image_current"], set()), ("FT-WDS-003", "", None, ["rebuild_media"], set()),
    ("FT-WDS-004", "", at(3, "wds", lambda area: area["service"].update(state="Stopped")), [], set()),
    ("FT-WDS-004", "", at(3, "wds", lambda area: area.update(service=None)), [], set()),
]


@pytest.mark.parametrize(("control", "item", "plant", "absent", "follow"), FAULTS, ids=[f"{n} {f[0]} {f[1]}" for n, f in enumerate(FAULTS)])
def test_a_planted_fault_is_found_and_nothing_else(monkeypatch, control, item, plant, absent, follow):
    made = snapshots(monkeypatch)
    if plant:
        plant(made)
    found = failed(made, absent)
    assert (control, item) in found
    assert {name for name, _item in found} - {control} <= follow, found


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} | {"FT-STO-004", "FT-STO-005", "FT-NLB-001"} == {c.id for c in CONTROLS}


EXCLUDED = {    # what a known value keeps a control from touching on the healthy subject: files on disks that are not shown, a share that is the computer's own
    "FT-STO-001": {"database_files[].path"}, "FT-STO-002": {"database_files[].path"}, "FT-STO-006": {"backup_shares[].name", "backup_shares[].continuous"},
}


def test_what_was_not_seen_never_passes(monkeypatch):
    made = snapshots(monkeypatch)
    judged = 0
    for kind, _name, facts in [*subjects(made), *subjects(made, ["rebuild_source"], ["rebuild_template"])]:
        for c in OF_HOSTS:
            if c.subject == kind and three_valued.status_of(c, facts, BASELINE.kinds, NOW) == "pass":
                judged += 1
                assert three_valued.excluded(c, facts, BASELINE.kinds) <= EXCLUDED.get(c.id, set()), c.id
    assert judged >= len(OF_HOSTS)


def test_a_file_lies_on_the_volume_with_the_longest_path_and_nowhere_sure_where_one_is_hidden(monkeypatch):
    made = snapshots(monkeypatch)
    host = estate.hosts_of(made, {})["sql1"]
    assert storages.volume_of(r"s:\TRACKING\Track.mdf", host)["name"] == "S:\\tracking\\"
    assert storages.volume_of(r"S:\tracking2\x.mdf", host)["name"] == "S:\\"
    assert observed.is_hole(storages.volume_of(r"Z:\x.mdf", host))
    made[0]["areas"]["storage"]["volumes"][0]["paths"] = HOLE
    assert storages.volume_of(r"S:\data\Box.mdf", estate.hosts_of(made, {})["sql1"]) == HOLE


@pytest.mark.parametrize(("clustered", "nodes", "expected"), [(False, [], "hole"), (True, ["SQL1", "SQL2"], []), (True, ["SQL2"], "hole")])
def test_a_sql_server_that_no_instance_tells_of_is_a_hole_but_on_another_node_of_its_cluster(monkeypatch, clustered, nodes, expected):
    made = snapshots(monkeypatch)
    made[-1]["areas"]["sql"].update(node="SQL2", clustered=clustered, cluster_nodes=[{"name": name} for name in nodes])

    def files():
        return next(facts for kind, _name, facts in subjects(made, ["storage"]))["database_files"]
    assert files() == []        # nothing is installed here
    made[0]["areas"]["platform"]["sql_instances"] = [{"instance_id": "MSSQL15.BTS", "build": "b", "edition": "e"}]
    assert files() == [] if expected == [] else observed.is_hole(files()[0])


@pytest.mark.parametrize("change", [
    lambda made: made[2]["areas"]["nlb"]["nodes"][0].update(state="Stopped"),       # WEB1 calls itself converged
    lambda made: made[2]["areas"]["nlb"]["nodes"].pop(0)])
def test_a_node_that_another_does_not_see_converged_does_not_pass(monkeypatch, change):
    made = snapshots(monkeypatch)
    change(made)
    nodes = next(facts for _kind, _name, facts in subjects(made, ["nlb_cluster"]))["nodes"]
    assert nodes[0]["state"]["$unknown"]["reason"] == "disagree" and nodes[1]["state"] == "Converged"


def test_a_member_whose_nodes_were_not_read_disagrees_with_nobody(monkeypatch):
    made = snapshots(monkeypatch)
    made[2]["areas"]["nlb"]["nodes"] = HOLE
    nodes = next(facts for _kind, _name, facts in subjects(made, ["nlb_cluster"]))["nodes"]
    assert [node["state"] for node in nodes] == ["Converged", "Converged"]


def test_a_port_rule_that_was_not_read_stays_beside_those_that_were(monkeypatch):
    made = snapshots(monkeypatch)
    made[2]["areas"]["nlb"]["port_rules"].append(HOLE)
    rules = next(facts for _kind, _name, facts in subjects(made, ["nlb_cluster"]))["port_rules"]
    assert rules == [{"name": "Tcp 80-80: Multiple, Enabled", "missing_on": []}, HOLE]


def test_an_instance_that_was_not_read_may_have_its_files_on_any_host(monkeypatch):
    made = snapshots(monkeypatch)
    made[-1]["areas"]["sql"] = HOLE
    facts = next(facts for kind, _name, facts in subjects(made, ["storage"]))
    assert facts["database_files"] == [HOLE] and all(HOLE in one["holds"] for one in facts["volumes"])


@pytest.mark.parametrize(("path", "beside"), [
    (r"\\other\share", []), (r"E:\backup", []), (r"\\sql1\backup", []), (r"S:\backup", ["Box", "Bam"]), (r"Z:\x", None), (r"\\sql1\none", None)])
def test_what_lies_on_the_disk_of_a_backup_is_named(monkeypatch, path, beside):
    made = snapshots(monkeypatch, path)
    everyone = list(estate.hosts_of(made, {}).values())
    instance = next(host for host in everyone if host.name == "sqlbts")
    ((placed,),) = [storages.placed(instance, everyone)]
    assert placed["path"] == path and (placed["shares_disk_with"] == beside if beside is not None else observed.is_hole(placed["shares_disk_with"]))


def test_volumes_of_busy_databases_hold_one_thing_each_and_drives_that_may_be_several_are_unknown(monkeypatch):
    made = snapshots(monkeypatch)

    def busy():
        everyone = list(estate.hosts_of(made, {}).values())
        instance = next(host for host in everyone if host.name == "sqlbts")
        return storages.busy_volumes(instance, storages.biztalk_lists.Lists([instance], everyone), everyone)
    assert {one["name"]: one["holds"] for one in busy()} == {
        "S:\\": ["rows of Box"], "L:\\": ["log of Box"], "S:\\tracking\\": ["rows of Track"], "M:\\": ["log of Track"]}
    made[0]["areas"]["storage"] = HOLE
    assert sum(observed.is_hole(one) for one in busy()) == 1        # S: holds two, perhaps in folders that are volumes
    assert {one["name"] for one in busy() if not observed.is_hole(one)} == {"L:", "M:"}


@pytest.mark.parametrize(("change", "balanced"), [
    (lambda made: None, ["WEB1", "WEB2"]),
    (lambda made: made[1]["areas"]["nlb"]["nodes"][0].update(state="Stopped"), ["WEB2"]),
    (lambda made: made[2]["groups"].clear() or made[1]["areas"]["nlb"]["nodes"].pop(), ["WEB1"]),
    (lambda made: [one["areas"].update(nlb=HOLE) for one in made[1:3]], None)])
def test_web_handlers_stand_behind_the_converged_nodes_that_have_their_host(monkeypatch, change, balanced):
    made = snapshots(monkeypatch)
    change(made)
    read = {"receive_handlers": [{"name": "HTTP on Isolated", "adapter": "HTTP", "host": "Isolated"}], "instances": [
        {"host": "Isolated", "server": name, "disabled": name == "OFF", "configuration": "installed"} for name in ("WEB1", "WEB2", "OFF", "ELSEWHERE")]}
    (handler,) = nlb_clusters.web_handlers(read, list(estate.hosts_of(made, {}).values()))
    assert handler["balanced_on"] == balanced if balanced is not None else observed.is_hole(handler["balanced_on"][0])
