from __future__ import annotations

import baseline_estates as estates
import group_estates as groups
import pytest
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, biztalk_lists, estate, judge
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.groups import subjects

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.subject == "group" and not c.id.startswith("FT-NLB")]       # those: test_storage_nlb_wds_controls.py
SUBJECT = r"group:SQLBTS\BTS/BizTalkMgmtDb"


def judged(snapshots, **options):
    """The findings about the group."""
    report = judge.judge(snapshots, {}, BASELINE, judge.Options(now="2026-11-24T09:00:00Z", **options))
    return [f for f in report["findings"] if f["control"] in {c.id for c in CONTROLS}]


def items(findings, status):
    return {(f["control"], f["subject"], i["item"]) for f in findings for i in f["items"] if i["status"] == status}


def test_a_healthy_group_passes():
    findings = judged(groups.healthy())
    assert {(f["control"], f["status"]) for f in findings if f["status"] != "pass"} == set(), [f["evidence"] for f in findings]
    assert {f["control"] for f in findings if f["status"] == "pass"} == {c.id for c in CONTROLS}


def in_group(change):
    return lambda snapshots: change(estates.by_host(snapshots)["sqlbts"]["areas"]["biztalk"])


def of(kind, name, **values):
    return in_group(lambda group: estates.named(group[kind], name).update(values))


def service(host, number, **values):
    """A change of a service of a server, by its place."""
    return lambda snapshots: estates.by_host(snapshots)[host]["areas"]["platform"]["biztalk"]["services"][number].update(values)


def platform(host, **values):
    return lambda snapshots: estates.by_host(snapshots)[host]["areas"]["platform"]["biztalk"].update(values)


def cluster(change):
    return lambda snapshots: estates.in_cluster(snapshots, "BTSCLU", change)


def resource(name, **values):
    return cluster(lambda c: estates.named(c["resources"], name).update(values))


def without(name):
    return cluster(lambda c: c["resources"].remove(estates.named(c["resources"], name)))


def action(kind, delay=60.0):
    return {"action": kind, "delay_seconds": delay}


def elsewhere(database="BizTalkMgmtDb", server="SQLOLD"):
    """bts04 was configured for another group."""
    def plant(snapshots):
        hosts = estates.by_host(snapshots)
        hosts["bts04"]["areas"]["platform"]["biztalk"].update(management_server=server, management_database=database)
        hosts["sqlbts"]["areas"]["sql"] = {"name": r"SQLBTS\BTS", "machine": "SQLBTS", "node": "SQL01", "availability_groups": []}
    return plant


FAULTS = [
    ("FT-HST-001", SUBJECT, "", in_group(lambda g: g.update(servers=g["servers"][:1])), []),
    ("FT-HST-002", SUBJECT, "App", of("instances", "App on BTS04", disabled=True), []),
    ("FT-HST-002", SUBJECT, "App", in_group(lambda g: g["instances"].remove(estates.named(g["instances"], "App on BTS04"))), []),
    ("FT-HST-002", SUBJECT, "App", of("instances", "App on BTS04", configuration="update_failed"), ["FT-HST-003"]),
    ("FT-HST-003", SUBJECT, "App on BTS03", of("instances", "App on BTS03", configuration="installation_failed"), ["FT-HST-002"]),
    ("FT-HST-003", SUBJECT, "Isolated on BTS03", of("instances", "Isolated on BTS03", configuration="not_installed"), []),
    ("FT-HST-003", SUBJECT, "App on BTS03", service("bts03", 0, state="Stopped"), []),
    ("FT-HST-003", SUBJECT, "App on BTS04", lambda s: estates.by_host(s)["bts04"]["areas"]["platform"]["biztalk"]["services"].pop(0), []),
    ("FT-HST-003", SUBJECT, "Receive", resource("Receive", state="Failed"), []),
    ("FT-HST-003", SUBJECT, "Receive", without("Receive"), []),
    ("FT-HST-004", SUBJECT, "App on BTS03", service("bts03", 0, recovery=None), []),
    ("FT-HST-004", SUBJECT, "App on BTS03", service("bts03", 0, recovery=[action("restart"), action("none")]), []),
    ("FT-HST-004", SUBJECT, "App on BTS03", service("bts03", 0, recovery=[action("restart"), action("restart"), action("none")]), []),
    ("FT-HST-004", SUBJECT, "App on BTS03", service("bts03", 0, recovery=[]), []),
    ("FT-HST-004", SUBJECT, "Tracking on BTS04", service("bts04", 1, recovery=[action("restart"), action("restart", 5.0)]), []),
    ("FT-HST-005", SUBJECT, "App on BTS03", service("bts03", 0, start_mode="Manual"), []),
    ("FT-HST-005", SUBJECT, "App on BTS03", service("bts03", 0, delayed_start=False), []),
    ("FT-HST-006", SUBJECT, "", in_group(lambda g: g["receiver_fault_tolerance"].update(enabled=False)), []),
    ("FT-HST-006", SUBJECT, "", in_group(lambda g: g["receiver_fault_tolerance"].update(retry_seconds=3600)), []),
    ("FT-HST-007", SUBJECT, "Orders", of("receive_locations", "Orders", host="App"), []),
    ("FT-HST-007", SUBJECT, "Invoices", of("receive_locations", "Invoices", adapter="SFTP"), []),
    ("FT-HST-008", SUBJECT, "", of("hosts", "App", tracks=True), []),
    ("FT-HST-008", SUBJECT, "", of("hosts", "Tracking", tracks=False), ["FT-BAM-007"]),
    ("FT-HST-008", SUBJECT, "Tracking", in_group(lambda g: g["send_handlers"].append(groups.handler("SMTP", "tracking"))), []),
    ("FT-HST-011", SUBJECT, "", platform("bts04", update=6), []),
    ("FT-HST-011", SUBJECT, "", platform("bts02", version="3.12.774.0"), []),
    ("FT-HST-011", SUBJECT, "", platform("bts04", version=None), []),
    ("FT-HST-011", SUBJECT, "BTS04", platform("bts04", update=None), []),
    ("FT-HST-012", SUBJECT, "Orders", of("receive_locations", "Orders", enabled=False), []),
    ("FT-HST-013", SUBJECT, "", in_group(lambda g: g["leftovers"].append({"name": "App on OLD", "host": "App", "server": "OLD"})), []),
    ("FT-HST-014", SUBJECT, "bts04", elsewhere(), []),
    ("FT-HST-014", SUBJECT, "bts04", elsewhere(r"OldMgmtDb", r"SQLBTS\BTS"), []),
    ("FT-HST-014", SUBJECT, "bts04", elsewhere(server=r".\BTS"), []),
    ("FT-HST-014", SUBJECT, "bts04", platform("bts04", management_server=None), []),
    ("FT-BAM-007", SUBJECT, "", service("bts04", 1, state="Stopped"), ["FT-HST-003"]),
    ("FT-BAM-007", SUBJECT, "", in_group(lambda g: g["message_boxes"].append({**g["message_boxes"][0], "name": "two"})), []),
    ("FT-CLU-016", SUBJECT, "Receive on BTS01", of("instances", "Receive on BTS01", disabled=True), []),
]


@pytest.mark.parametrize(("expected", "subject", "item", "plant", "follow"), FAULTS, ids=[f"{n} {f[0]} {f[2]}" for n, f in enumerate(FAULTS)])
def test_a_planted_fault_is_found_and_nothing_else(expected, subject, item, plant, follow):
    snapshots = groups.healthy()
    plant(snapshots)
    failed = items(judged(snapshots), "fail")
    assert (expected, subject, item) in failed
    assert {control for control, _subject, _item in failed} - {expected} <= set(follow), failed


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == {c.id for c in CONTROLS}


# --- what was not seen never passes ---------------------------------------------------------------------------------

HEALTHY = {subject.id: subject for subject in estate.subjects_of(estate.hosts_of(groups.healthy(), {}), BASELINE.kinds)}


@pytest.mark.parametrize("c", CONTROLS, ids=[c.id for c in CONTROLS])
def test_what_was_not_seen_never_passes(c):
    assert three_valued.excluded(c, HEALTHY[SUBJECT].facts, BASELINE.kinds) == set()


def leaves(value, at=()):
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, (*at, name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield (*at, index), part
            yield from leaves(part, (*at, index))
    else:
        yield at, value


def passing(host, area, at, value):
    snapshots = groups.healthy()
    areas = estates.by_host(snapshots)[host]["areas"]
    areas[area] = three_valued.replaced(areas[area], at, value)
    subject, = subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)
    return {c.id for c in CONTROLS if three_valued.status_of(c, subject.facts, BASELINE.kinds) in ("pass", "not_applicable")}


OTHERS = {bool: lambda value: [not value], int: lambda value: [0, value + 1], float: lambda value: [0.0],
          str: lambda value: ["Other", "Stopped", "none", "FTP", "App", "Receive", "isolated"]}
IDENTITY = ("name", "host", "server", "adapter", "management_database")
PLACES = [("sqlbts", "biztalk", ()), ("bts03", "platform", ("biztalk",)), ("bts01", "platform", ("biztalk",))]


@pytest.mark.parametrize(("host", "area", "root"), PLACES, ids=[place[0] for place in PLACES])
def test_derived_facts_never_pass_on_what_was_not_seen(host, area, root):
    """Each value that the group, a server or a node says is taken away. A finding that still passes must pass with any other
    value as well."""
    whole = {c.id for c in CONTROLS}
    lowered = set()
    for at, value in leaves(group_of(host, area, root), root):
        if at[-1] in IDENTITY or "recovery" in at[:-1]:
            continue            # a row is read whole or not at all, and so are the actions of a service
        kept = passing(host, area, at, observed.hole("denied", "Access is denied."))
        lowered |= whole - kept
        for other in OTHERS.get(type(value), lambda _value: [])(value):
            lost = kept - passing(host, area, at, other)
            assert not lost, (at, value, other, lost)
    assert len(lowered) >= {"sqlbts": 13, "bts03": 5, "bts01": 1}[host], lowered


def group_of(host, area, root):
    value = estates.by_host(groups.healthy())[host]["areas"][area]
    for name in root:
        value = value[name]
    return value


DENIED = observed.hole("denied", "Access is denied.")


def facts_of(*changes):
    snapshots = groups.healthy()
    for change in changes:
        change(snapshots)
    subject, = subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)
    return subject.facts


def test_a_location_without_a_host_is_read_nowhere_and_by_a_host_that_may_be_ready_nobody_knows_where():
    facts = facts_of(of("receive_locations", "Orders", host=None, enabled=False))
    assert {one["name"]: one["readers"] for one in facts["receive_locations"]} == {"Orders": 0, "Invoices": 2, "Portal": 2}
    facts = facts_of(of("instances", "App on BTS04", configuration=DENIED))
    assert estates.named(facts["receive_locations"], "Invoices")["readers"] == DENIED


def test_builds_are_told_with_the_servers_that_have_them():
    assert facts_of(platform("bts02", update=None), platform("bts04", version=None))["builds"] == [
        "3.13.717.0 on BTS02", "3.13.717.0 with update 5 on BTS01, BTS03", "not installed on BTS04"]
    assert facts_of(platform("bts04", update=DENIED))["builds"] == ["3.13.717.0 with update 5 on BTS01, BTS02, BTS03", DENIED]


def test_an_instance_of_unknown_type_may_have_a_service():
    assert estates.named(facts_of(of("instances", "App on BTS03", type=DENIED))["instances"], "App on BTS03")["service"] == DENIED


def test_a_service_without_recovery_actions_does_not_restart():
    service_of = estates.named(facts_of(service("bts03", 0, recovery=None))["instances"], "App on BTS03")["service"]
    assert (service_of["restarts"], service_of["restart_delay_seconds"]) == (False, None)


def test_a_service_that_may_stand_among_the_unread_ones_is_unknown_and_not_missing():
    services = [estates.biztalk_service("App"), DENIED]
    instances = facts_of(platform("bts03", services=services))["instances"]
    assert estates.named(instances, "App on BTS03")["service"]["installed"] is True
    assert estates.named(instances, "Tracking on BTS03")["service"] == DENIED


def test_a_cluster_is_told_by_the_node_that_can():
    def blind(host):
        return lambda snapshots: estates.by_host(snapshots)[host]["areas"].update(cluster=DENIED)
    for first, second in (("bts01", "bts02"), ("bts02", "bts01")):
        assert estates.named(facts_of(blind(first))["hosts"], "Receive")["resource_state"] == "Online"
        assert estates.named(facts_of(without("Receive"), blind(second))["hosts"], "Receive")["resource_state"] is None
    assert estates.named(facts_of(blind("bts01"), blind("bts02"))["hosts"], "Receive")["resource_state"] == DENIED


def test_two_tracking_hosts_on_one_server_are_one_server():
    tracking = facts_of(of("hosts", "App", tracks=True), service("bts04", 1, state="Stopped"),
                        in_group(lambda g: g["instances"].remove(estates.named(g["instances"], "App on BTS04"))))["tracking"]
    assert tracking == {"running_on": ["BTS03"], "spare_instances": 1}


def test_an_instance_of_sql_server_is_no_biztalk_server():
    version = estates.named(facts_of(in_group(lambda g: g["servers"].append({"name": "SQLBTS"})))["servers"], "SQLBTS")["version"]
    assert observed.detail(version) == "No host of the inventory is the BizTalk server SQLBTS."


def test_a_server_that_was_not_read_leaves_its_instances_unknown_and_nothing_else():
    snapshots = [one for one in groups.healthy() if one["host"] != "bts04"]
    findings = judged(snapshots)
    assert items(findings, "fail") == set()
    assert {(c, i) for c, _subject, i in items(findings, "unknown")} == {
        *((c, f"{host} on BTS04") for c in ("FT-HST-003", "FT-HST-004", "FT-HST-005") for host in ("App", "Tracking")),
        ("FT-BAM-007", ""), ("FT-HST-011", ""), ("FT-HST-011", "BTS04")}


def test_a_group_is_judged_once_and_where_it_cannot_be_told_the_instance_owes_it():
    snapshots = groups.healthy()
    here = estates.by_host(snapshots)["sqlbts"]
    here["areas"]["biztalk"] = observed.hole("denied", "The login may not look.")
    found = judged(snapshots)
    assert {(f["subject"], f["status"]) for f in found} == {(r"instance:SQLBTS\BTS", "unknown")} and len(found) == len(CONTROLS)


def emptied(snapshots):
    """Every instance was said to hold no management database."""
    estates.by_host(snapshots)["sqlbts"]["areas"].update(biztalk=None, backup_history={"biztalk": None})


def reason(value):
    return value["$unknown"]["reason"]


def gone(snapshots):
    snapshots.remove(estates.by_host(snapshots)["sqlbts"])


@pytest.mark.parametrize("plant", [emptied, gone])
def test_a_group_that_no_instance_holds_is_unknown_and_does_not_vanish(plant):
    snapshots = groups.healthy()
    plant(snapshots)
    report = judge.judge(snapshots, {}, BASELINE, judge.Options(now="2026-11-24T09:00:00Z"))
    about = [f for f in report["findings"] if f["subject"].startswith(("group:", "backup:"))]
    assert {f["subject"] for f in about} == {SUBJECT, SUBJECT.replace("group:", "backup:")}
    assert {f["control"] for f in about} == {c.id for c in BASELINE.controls if c.subject in ("group", "backup")}
    assert {f["status"] for f in about} == {"unknown"} and "The registry of bts01, bts02, bts03, bts04 names" in about[0]["evidence"][0]


def test_what_is_biztalks_is_not_known_where_no_instance_holds_the_group():
    snapshots = groups.healthy()
    emptied(snapshots)
    hosts = estate.hosts_of(snapshots, {})
    host = hosts["sqlbts"]
    lists = biztalk_lists.Lists([host], list(hosts.values()))
    assert reason(lists.is_biztalk(host, "BizTalkDTADb")) == reason(lists.backed_up(host, "BizTalkDTADb")) == "missing"
    assert biztalk_lists.Lists([host], [host]).is_biztalk(host, "BizTalkDTADb") is False


@pytest.mark.parametrize(("values", "of"), [
    ({"management_server": None}, ["group:(none)"]), ({"management_server": observed.hole("denied", "no")}, ["group:(none)"]),
    ({"management_database": "Other"}, [SUBJECT, r"group:SQLBTS\BTS/Other"])])
def test_each_management_database_that_a_registry_names_is_owed_once(values, of):
    snapshots = groups.healthy()
    gone(snapshots)
    every = [one["areas"]["platform"]["biztalk"] for one in snapshots if "biztalk" in one["groups"]]
    for one in every if of == ["group:(none)"] else every[:1]:
        one.update(values)
    assert sorted(s.id for s in subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)) == sorted(of)
    for one in snapshots:
        one["groups"] = []
        one["areas"]["platform"]["biztalk"] = estates.platform("x", "x", [])["biztalk"]
    assert subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds) == []


def registries(*changes):
    return {one["name"]: (one["names"], one["held"]) for one in facts_of(*changes)["registries"]}


@pytest.mark.parametrize("server", ["SQLBTS", r"tcp:sqlbts.contoso.test\bts,1433", "SQL01", "btslsn"])
def test_a_registry_may_name_the_node_or_the_listener(server):
    def plant(snapshots):
        ag = {"databases": [{"name": "BizTalkMgmtDb"}], "listeners": [{"name": "BTSLSN"}], "replicas": []}
        name = r"SQLBTS\BTS" if "\\" in server else "SQLBTS"
        estates.by_host(snapshots)["sqlbts"]["areas"]["sql"] = {"name": name, "machine": "SQLBTS", "node": "SQL01", "availability_groups": [ag]}
    assert registries(platform("bts04", management_server=server), plant)["bts04"] == (f"{server}/BizTalkMgmtDb", True)


def test_a_registry_that_was_not_read_is_unknown_and_one_of_another_group_is_none_of_this_ones():
    denied = observed.hole("denied", "no")
    assert registries(platform("bts04", management_server=denied))["bts04"] == (denied, denied)
    snapshots = groups.healthy()
    elsewhere("BizTalkMgmtDb", "SQLNEW")(snapshots)
    second = {**groups.group(), "servers": []}
    snapshots.append(estates.snapshot("sqlnew", ["sql_instance"], {"instance_name": "SQLNEW"}, biztalk=second, sql={
        "name": "SQLNEW", "machine": "SQLNEW", "node": "SQLNEW", "availability_groups": []}))
    found = {s.id: [one["name"] for one in s.facts["registries"]] for s in subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)}
    assert found == {SUBJECT: ["bts01", "bts02", "bts03"], "group:SQLNEW/BizTalkMgmtDb": ["bts04"]}
    estates.by_host(snapshots)["sqlnew"]["areas"]["biztalk"] = denied
    assert items(judged(snapshots), "fail") == set()
    assert ("FT-HST-014", SUBJECT, "bts04") in items(judged(snapshots), "unknown")
