from __future__ import annotations

import json

import baseline_estates as estates
import jsonschema
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, contract, derived, estate, judge

BASELINE = estates.of_windows(baseline.load())
KINDS = BASELINE.kinds


def subjects(snapshots, inventory=None, asked=None):
    """By id; a DTC that is owed on its cluster has the cluster's id, and is left to the findings."""
    made = estate.subjects_of(estate.hosts_of(snapshots, inventory, asked), KINDS)
    return {s.id: s for s in made if s.id.startswith(s.kind)}


def report(snapshots, inventory=None, **options):
    return judge.judge(snapshots, inventory or {}, BASELINE, judge.Options(**{"now": "2026-11-24T09:00:00Z", **options}))


def status(found, control, subject):
    return next(f for f in found["findings"] if (f["control"], f["subject"]) == (control, subject))["status"]


def unreachable(snapshot):
    snapshot.update(status="unreachable", areas=dict.fromkeys(snapshot["areas"], estates.UNREACHABLE))
    return snapshot


def fact(subject, *path):
    value = subject.facts
    for part in path:
        value = estates.named(value, part) if isinstance(value, list) else value[part]
    return value


def reason(value):
    return value["$unknown"]["reason"]


def test_which_subjects_there_are():
    assert set(subjects(estates.healthy())) == {
        "host:bts01", "host:bts02", "host:bts03", "host:sql01", "host:sql02", "host:fs01", "cluster:BTSCLU", "cluster:SQLCLU",
        "dtc:bts01/Local", "dtc:bts02/Local", "dtc:bts03/Local", "dtc:sql01/Local", "dtc:sql02/Local", "dtc:BTSCLU/MSDTC-BTSDTC",
        "estate:estate", "recovery_plan:estate", "storage:fs01", "sso_server:bts01", "sso_server:bts02", "master_secret:unknown",
        r"backup:SQLBTS\BTS/BizTalkMgmtDb", r"group:SQLBTS\BTS/BizTalkMgmtDb"}       # owed by the BizTalk servers


def test_every_property_of_the_schema_is_filled():
    """On a healthy estate nothing is missing: what subjects.yml promises, the areas and derivations give."""
    def gaps(value, wanted, path):
        if observed.is_hole(value):
            return [path]
        if wanted.kind == "list":
            return [gap for part in value for gap in gaps(part, wanted.item, path + "[]")]
        if wanted.kind == "object" and value is not None:
            return [gap for name, inside in wanted.fields.items()
                    for gap in (gaps(value[name], inside, f"{path}.{name}") if name in value else [f"{path}.{name} is not there"])]
        return []
    for subject in (found for found in subjects(estates.healthy()).values() if found.kind not in ("backup", "group", "storage", "sso_server", "master_secret")):
        assert gaps(subject.facts, KINDS[subject.kind].type, subject.id) == []


def test_nodes_that_disagree_make_a_fact_unknown_with_both_answers():
    snapshots = estates.healthy()
    estates.by_host(snapshots)["sql02"]["areas"]["cluster"]["nodes"][0]["state"] = "Down"
    state = fact(subjects(snapshots)["cluster:SQLCLU"], "nodes", "SQL01", "state")
    assert state == observed.hole("disagree", "sql01 says Up; sql02 says Down.")
    assert status(report(snapshots), "FT-CLU-005", "cluster:SQLCLU") == "unknown"
    assert status(report(snapshots), "FT-CLU-023", "cluster:SQLCLU") == "unknown"


def test_a_fact_that_one_node_saw_counts():
    snapshots = estates.healthy()
    estates.by_host(snapshots)["sql02"]["areas"]["cluster"]["nodes"] = estates.DENIED
    assert status(report(snapshots), "FT-CLU-005", "cluster:SQLCLU") == "pass"


def test_an_element_that_one_node_does_not_list():
    snapshots = estates.healthy()
    estates.by_host(snapshots)["sql02"]["areas"]["cluster"]["networks"].pop()
    networks = subjects(snapshots)["cluster:SQLCLU"].facts["networks"]
    assert networks[2] == observed.hole("disagree", "sql01 says Net 3 is there; sql02 says it is not.")


def test_a_list_that_one_node_could_not_read_to_its_end():
    snapshots = estates.healthy()
    short = estates.by_host(snapshots)["sql02"]["areas"]["cluster"]["networks"]
    short[2:] = [estates.DENIED]
    assert [n["name"] for n in subjects(snapshots)["cluster:SQLCLU"].facts["networks"]] == ["Net 1", "Net 2", "Net 3"]
    long = estates.by_host(snapshots)["sql01"]["areas"]["cluster"]["networks"]
    long[2:] = [estates.DENIED]
    assert subjects(snapshots)["cluster:SQLCLU"].facts["networks"][2] == estates.DENIED


def test_two_elements_of_one_name_stay_two():
    snapshots = estates.healthy()
    for host in ("sql01", "sql02"):
        estates.by_host(snapshots)[host]["areas"]["cluster"]["interfaces"][1]["name"] = "SQL01 - Ethernet 1"
    assert [i["network"] for i in subjects(snapshots)["cluster:SQLCLU"].facts["interfaces"][:2]] == ["Net 1", "Net 2"]
    estates.by_host(snapshots)["sql01"]["areas"]["cluster"]["interfaces"][1]["state"] = "Failed"
    assert reason(subjects(snapshots)["cluster:SQLCLU"].facts["interfaces"]) == "disagree"


@pytest.mark.parametrize("answers", [{"a": None, "b": {"state": "Online"}}, {"a": {"state": "Online"}, "b": None}])
def test_a_witness_that_only_one_node_sees(answers):
    assert reason(estate.merge(KINDS["cluster"].type.fields["quorum"].fields["witness"], answers)) == "disagree"


def test_facts_of_one_node_are_its_own():
    snapshots = estates.healthy()
    unreachable(estates.by_host(snapshots)["bts02"])
    found = report(snapshots)
    nodes = subjects(snapshots)["cluster:BTSCLU"]
    assert fact(nodes, "nodes", "BTS01", "custom_ssp_allowed") is None
    assert fact(nodes, "nodes", "BTS02", "custom_ssp_allowed") == estates.UNREACHABLE
    assert status(found, "FT-CLU-024", "cluster:BTSCLU") == "unknown"
    assert status(found, "FT-CLU-005", "cluster:BTSCLU") == "pass"       # the other node speaks for the cluster
    assert status(found, "FT-CLU-029", "cluster:BTSCLU") == "pass"
    assert status(found, "FT-CLU-011", "dtc:bts02/Local") == "unknown"
    assert status(found, "FT-CLU-011", "dtc:BTSCLU/MSDTC-BTSDTC") == "pass"


def test_a_node_that_the_inventory_does_not_have():
    snapshots = [s for s in estates.healthy() if s["host"] != "sql02"]
    node = fact(subjects(snapshots)["cluster:SQLCLU"], "nodes", "SQL02")
    assert observed.detail(node["sql_instances"]) == "No host of the inventory is the node SQL02."
    assert status(report(snapshots), "FT-CLU-028", "cluster:SQLCLU") == "unknown"


def test_an_unread_cluster_owes_every_control_once():
    snapshots = estates.healthy()
    for host in ("bts01", "bts02"):
        unreachable(estates.by_host(snapshots)[host])
    found = report(snapshots)
    unknown = [f for f in found["findings"] if f["subject"] == "cluster:BTSCLU"]
    owed = {c.id for c in BASELINE.controls if c.subject in ("cluster", "dtc")}
    assert {f["control"] for f in unknown} == owed and len(unknown) == len(owed)
    assert {f["status"] for f in unknown} == {"unknown"}
    assert {r for f in unknown for r in f["reasons"]} == {"unreachable"}


def test_hosts_without_a_snapshot_are_owed_too():
    hosts = {name: {"groups": ["cluster_node"], "variables": {"cluster_name": "SQLCLU"}} for name in ("sql01", "sql02")}
    hosts["lost"] = {"groups": ["cluster_node"], "variables": {}}
    found = report([], {"hosts": hosts})
    assert {f["subject"] for f in found["findings"]} == {
        "cluster:SQLCLU", "cluster:(of lost)", "dtc:sql01/Local", "dtc:sql02/Local", "dtc:lost/Local", "estate:estate"}
    assert {(f["control"], f["subject"]) for f in found["findings"] if f["status"] != "unknown"} == {("FT-CLU-029", "cluster:(of lost)")}
    assert found["verdict"] == "cannot tell"
    assert found["confidence"]["reasons"][0]["example"].startswith("There is no snapshot of")


def test_the_inventory_wins_over_the_snapshot():
    inventory = {"hosts": {"fs01": {"groups": ["biztalk"], "variables": {}}}}
    assert "dtc:fs01/Local" in subjects(estates.healthy(), inventory)


@pytest.mark.parametrize(("change", "member"), [
    (lambda areas: areas["cluster"].update(name="OTHER"), False),
    (lambda areas: areas.update(cluster=observed.hole("absent", "No module.")), True),      # the other node lists it
    (lambda areas: (areas.update(cluster=observed.hole("failed", "The cluster service is not running.")),
                    areas["platform"]["computer"].update(name="STRAY")), False),
])
def test_a_declared_node(change, member):
    snapshots = estates.healthy()
    change(estates.by_host(snapshots)["sql02"]["areas"])
    declared = {d["host"]: d["member"] for d in subjects(snapshots)["cluster:SQLCLU"].facts["declared"]}
    assert declared == {"sql01": True, "sql02": member}


@pytest.mark.parametrize(("installed", "member"), [(False, False), (True, "absent")])
def test_a_declared_node_of_which_only_its_services_are_known(installed, member):
    snapshots = estates.healthy()
    for host in ("sql01", "sql02"):
        areas = estates.by_host(snapshots)[host]["areas"]
        areas["cluster"] = observed.hole("absent", "FailoverClusters is not on this host.")
        areas["platform"]["services"][0]["installed"] = installed
    told = subjects(snapshots)["cluster:SQLCLU"].facts["declared"][0]["member"]
    assert told is member if member is False else reason(told) == member


def test_a_cluster_that_is_declared_but_nowhere_found():
    snapshots = estates.healthy()
    for host in ("sql01", "sql02"):
        estates.by_host(snapshots)[host]["variables"]["cluster_name"] = "OLDCLU"
    found = report(snapshots)
    assert status(found, "FT-CLU-029", "cluster:OLDCLU") == "fail"
    assert status(found, "FT-CLU-005", "cluster:OLDCLU") == "unknown"
    assert status(found, "FT-CLU-005", "cluster:SQLCLU") == "pass"       # discovery adds
    why = next(f for f in found["findings"] if f["subject"] == "cluster:OLDCLU" and f["control"] == "FT-CLU-005")["evidence"][0]
    assert "sql01 is a node of SQLCLU." in why


def test_the_name_of_a_cluster_is_the_inventorys_in_any_case():
    snapshots = estates.healthy()
    for host in ("sql01", "sql02"):
        estates.by_host(snapshots)[host]["variables"]["cluster_name"] = "sqlclu"
    assert "cluster:sqlclu" in subjects(snapshots) and "cluster:SQLCLU" not in subjects(snapshots)


def test_clustered_dtcs_that_nobody_lists_are_owed_on_the_cluster():
    snapshots = estates.healthy()
    for host in ("bts01", "bts02"):
        estates.by_host(snapshots)[host]["areas"]["platform"]["dtc"]["instances"] = estates.DENIED
    found = report(snapshots)
    assert status(found, "FT-CLU-011", "cluster:BTSCLU") == "unknown"
    assert [f for f in found["findings"] if f["control"] == "FT-CLU-011" and f["subject"] == "cluster:SQLCLU"] == []
    for host in ("bts01", "bts02"):
        estates.by_host(snapshots)[host]["areas"]["platform"]["dtc"]["instances"] = [estates.dtc("Local", False)]
    assert status(report(snapshots), "FT-CLU-011", "cluster:BTSCLU") == "unknown"


@pytest.mark.parametrize(("values", "answer"), [
    (["Mutual", "Mutual"], True), (["Mutual", "Incoming", estates.DENIED], False), (["Mutual", estates.DENIED], estates.DENIED),
])
def test_all_of_them(values, answer):
    assert derived.all_are(values, "Mutual") == answer


def test_mutual_where_a_partner_is_not_known():
    snapshots = estates.healthy()
    for one in snapshots:
        for instance in one["areas"]["platform"]["dtc"]["instances"]:
            instance["authentication"] = "Incoming" if instance["clustered"] else "Mutual"
    assert status(report(snapshots), "FT-CLU-013", "dtc:sql01/Local") == "fail"        # the clustered one is not
    only = [one for one in snapshots if one["host"] in ("sql01", "sql02")]
    assert status(report(only), "FT-CLU-013", "dtc:sql01/Local") == "pass"
    only[1]["areas"]["platform"]["dtc"]["instances"][0]["authentication"] = estates.DENIED
    assert status(report(only), "FT-CLU-013", "dtc:sql01/Local") == "unknown"


@pytest.mark.parametrize(("kind", "service", "role"), [
    ("Distributed Transaction Coordinator", None, "dtc"), ("SQL Server", None, "sql_server"), ("Generic Service", "EntSSO", "sso"),
    ("Generic Service", "BTSSvc$Host", "biztalk_host"), ("Generic Service", "Spooler", None), ("Generic Service", None, None),
    ("Network Name", estates.DENIED, None), ("Generic Service", estates.DENIED, estates.DENIED), (estates.DENIED, "ENTSSO", estates.DENIED),
])
def test_what_a_resource_is_for(kind, service, role):
    assert derived.role({"type": kind, "service_name": service}) == role


@pytest.mark.parametrize(("one", "two", "builds"), [
    ("15.0.1", "15.0.1", ["15.0.1 on SQL01, SQL02"]), ("15.0.1", "15.0.2", ["15.0.1 on SQL01", "15.0.2 on SQL02"]),
    ("15.0.1", estates.DENIED, estates.DENIED),
])
def test_builds_of_a_failover_cluster_instance(one, two, builds):
    snapshots = estates.healthy()
    for host, build in (("sql01", one), ("sql02", two)):
        estates.by_host(snapshots)[host]["areas"]["platform"]["sql_instances"][0]["build"] = build
    assert fact(subjects(snapshots)["cluster:SQLCLU"], "fcis", "SQL Server (BTS)", "builds") == builds


def test_a_node_that_may_not_own_an_instance_needs_no_build():
    snapshots = estates.healthy()
    estates.by_host(snapshots)["sql02"]["areas"]["platform"]["sql_instances"] = []
    estates.in_cluster(snapshots, "SQLCLU", lambda c: c["resources"][0].update(possible_owners=["sql01"]))
    assert fact(subjects(snapshots)["cluster:SQLCLU"], "fcis", "SQL Server (BTS)", "builds") == ["15.0.4385.2 on SQL01"]


def test_an_instance_without_its_private_properties():
    snapshots = estates.healthy()
    estates.in_cluster(snapshots, "SQLCLU", lambda c: c["resources"][0].update(parameters=[]))
    assert reason(fact(subjects(snapshots)["cluster:SQLCLU"], "fcis", "SQL Server (BTS)", "builds")) == "missing"


@pytest.mark.parametrize(("said", "if_lost"), [
    ({"witness_site": "A"}, {"A": "stops", "B": "survives"}), ({"witness_site": "C"}, {"A": "survives", "B": "survives"}),
    ({}, {"A": "missing", "B": "missing"}),
])
def test_where_the_witness_stands_matters(said, if_lost):
    snapshots = [s for s in estates.healthy() if s["host"].startswith("bts0") and s["variables"]]
    for one in snapshots:
        del one["variables"]["witness_site"]
        one["variables"].update(said)
    sites = subjects(snapshots)["cluster:BTSCLU"].facts["sites"]
    assert {s["name"]: reason(s["if_lost"]) if observed.is_hole(s["if_lost"]) else s["if_lost"] for s in sites} == if_lost


def test_the_share_of_a_witness_tells_its_site():
    snapshots = estates.healthy()
    estates.by_host(snapshots)["fs01"]["variables"]["site"] = "A"
    sites = {s["name"]: s["if_lost"] for s in subjects(snapshots)["cluster:SQLCLU"].facts["sites"]}
    assert sites == {"A": "stops", "B": "survives"}


@pytest.mark.parametrize("site", [None, "A"])
def test_a_cluster_that_stands_in_one_site_has_none_to_lose(site):
    snapshots = estates.healthy()
    for one in snapshots:
        one["variables"]["site"] = site
    assert subjects(snapshots)["cluster:SQLCLU"].facts["sites"] == []


def test_hosts_that_share_an_msdtc_id():
    snapshots = estates.healthy()
    ids = {host: estates.by_host(snapshots)[host]["areas"]["platform"]["dtc"] for host in ("bts01", "bts02", "bts03", "sql01", "sql02")}
    for host, found in (("bts02", ["x", "cid-BTS01"]), ("bts03", estates.DENIED), ("sql01", []), ("sql02", ["y", estates.DENIED])):
        ids[host]["cids"] = found
    shared = {entry["host"]: entry["shared_with"] for entry in subjects(snapshots)["estate:estate"].facts["msdtc"]}
    assert (shared["bts01"], shared["bts02"], shared["fs01"]) == (["bts02"], ["bts01"], [])
    assert (reason(shared["bts03"]), reason(shared["sql01"]), reason(shared["sql02"])) == ("denied", "missing", "denied")


def test_a_host_is_known_by_what_it_calls_itself():
    snapshots = estates.healthy()
    for one in snapshots:
        if one["host"] == "sql02":
            one["host"] = "db-b.contoso.test"
    assert fact(subjects(snapshots)["cluster:SQLCLU"], "nodes", "SQL02", "host") == "db-b.contoso.test"


def test_areas_left_out_are_counted_apart():
    snapshots = estates.healthy()
    for one in snapshots:
        if "cluster" in one["areas"]:
            one["areas"]["cluster"] = observed.hole("not_asked", "The area cluster was left out of this run.")
    found = report(snapshots)
    assert {f["status"] for f in found["findings"]} <= {"pass", "not_applicable"}
    assert found["not_asked"]["findings"] >= 17 and "FT-CLU-005" in found["not_asked"]["controls"]
    assert found["verdict"] == "pass"


def test_hosts_outside_the_limit_are_not_owed():
    names = ["sql01", "sql02"]
    inventory = {"hosts": {s["host"]: {"groups": s["groups"], "variables": s["variables"]} for s in estates.healthy()}}
    found = report([s for s in estates.healthy() if s["host"] in names], inventory, hosts=names)
    assert found["coverage"] == {"hosts": 2, "of": 6, "read": 2, "unread": []}
    assert {f["subject"] for f in found["findings"]} == {"cluster:SQLCLU", "dtc:sql01/Local", "dtc:sql02/Local"}
    assert found["verdict"] == "pass" and found["not_asked"]["findings"] > 15


def test_the_inventory_schema_and_the_contract_agree():
    schema = json.loads((baseline.FOLDER / "schemas" / "inventory.schema.json").read_text())
    host = schema["properties"]["hosts"]["additionalProperties"]["properties"]
    assert host["groups"]["items"]["enum"] == sorted(contract.GROUPS)
    assert set(contract.VARIABLES) <= set(host["variables"]["properties"])
    assert {group for kind in KINDS.values() for group in kind.groups} <= {"all", *contract.GROUPS}
    inventory = {"hosts": {s["host"]: {"groups": s["groups"], "variables": s["variables"]} for s in estates.healthy()}}
    jsonschema.validate(inventory, schema)


def test_the_kinds_name_areas_and_groups_that_there_are():
    kinds = KINDS.values()
    assert {area for kind in kinds for area in kind.areas} <= {*AREAS, *SQL_AREAS}
    assert {group for kind in kinds for group in kind.groups} <= {"all", *contract.GROUPS}
    for kind in kinds:
        owing = contract.GROUPS if "all" in kind.groups else kind.groups
        assert {area for group in owing for area in contract.areas_of([group], {contract.DESTINATION: "true"})} >= set(kind.areas), kind.name
