from __future__ import annotations

import baseline_estates as estates
import pytest
import three_valued
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, estate, judge

BASELINE = estates.of_windows(baseline.load())
CONTROLS = [c for c in BASELINE.controls if c.subject in ("host", "cluster", "dtc", "estate")]
NOW = judge.Options(now="2026-11-24T09:00:00Z")


def judged(snapshots, **options):
    return judge.judge(snapshots, {}, BASELINE, judge.Options(**{"now": NOW.now, **options}))


def found(report):
    """What fails: ``{(control, subject, item)}``."""
    return {(f["control"], f["subject"], i["item"]) for f in report["findings"] for i in f["items"] if i["status"] == "fail"}


def test_nothing_has_drifted_on_a_healthy_estate():
    report = judged(estates.healthy())
    assert (found(report), report["verdict"]) == (set(), "pass"), [f["evidence"] for f in report["findings"] if f["status"] != "pass"]
    assert {f["control"] for f in report["findings"] if f["status"] == "pass"} == {c.id for c in CONTROLS}
    assert {(f["control"], f["subject"]) for f in report["findings"] if f["status"] == "not_applicable"} == {
        ("FT-CLU-009", "cluster:SQLCLU"), ("FT-CLU-018", "cluster:SQLCLU"), ("FT-CLU-019", "cluster:SQLCLU"),
        ("FT-SSO-014", "cluster:SQLCLU"), ("FT-CLU-010", "cluster:SQLCLU"), ("FT-CLU-028", "cluster:BTSCLU"),
        *((f"FT-CLU-0{number}", "cluster:SQLCLU") for number in (14, 15, 17, 20)), ("FT-CLU-030", "cluster:SQLCLU"), ("FT-CLU-031", "cluster:BTSCLU")}


def bts(change):
    return lambda snapshots: estates.in_cluster(snapshots, "BTSCLU", change)


def sql(change):
    return lambda snapshots: estates.in_cluster(snapshots, "SQLCLU", change)


def on(host, change):
    return lambda snapshots: change(estates.by_host(snapshots)[host]["areas"]["platform"])


def of(name, **values):
    """A change of the resource, node or interface of that name."""
    return lambda cluster: estates.named(cluster["resources"] + cluster["nodes"] + cluster["interfaces"], name).update(values)


def without(name):
    return lambda cluster: cluster["resources"].remove(estates.named(cluster["resources"], name))


def local(**values):
    return lambda platform: platform["dtc"]["instances"][0].update(values)


def clustered_dtc(**values):
    return lambda snapshots: [one["areas"]["platform"]["dtc"]["instances"][1].update(values)
                              for one in snapshots if one["host"] in ("bts01", "bts02")]


def no_witness(cluster):
    cluster["quorum"]["witness"] = None


def witness_at(site):
    return lambda snapshots: [one["variables"].update(witness_site=site) for one in snapshots if one["host"] in ("bts01", "bts02")]


DTC, SSO = "MSDTC-BTSDTC", "Single Sign-On"
FAULTS = [
    ("FT-CLU-005", "cluster:SQLCLU", "", sql(lambda c: c["nodes"].pop()), ["FT-CLU-007", "FT-CLU-023", "FT-CLU-029", "FT-CLU-026"]),
    ("FT-CLU-005", "cluster:SQLCLU", "SQL02", sql(of("SQL02", state="Paused")), []),
    ("FT-CLU-007", "cluster:BTSCLU", "", bts(no_witness), ["FT-CLU-023"]),
    ("FT-CLU-007", "cluster:SQLCLU", "", sql(lambda c: (no_witness(c), of("SQL01", weight=0)(c), of("SQL02", weight=0)(c))), ["FT-CLU-023"]),
    ("FT-CLU-009", "cluster:BTSCLU", DTC, bts(of(DTC, state="Failed")), []),
    ("FT-CLU-009", "cluster:BTSCLU", "", bts(without(DTC)), []),
    ("FT-CLU-010", "cluster:BTSCLU", DTC, bts(of(DTC, depends_on_types=["Network Name"])), []),
    ("FT-CLU-010", "cluster:BTSCLU", DTC, bts(of(DTC, depends_on_types=["Physical Disk", "IP Address"])), []),
    ("FT-CLU-011", "dtc:sql02/Local", "", on("sql02", local(inbound=False)), []),
    ("FT-CLU-011", "dtc:sql02/Local", "", on("sql02", local(outbound=False)), []),
    ("FT-CLU-011", "dtc:bts03/Local", "", on("bts03", lambda p: p["dtc"].update(network_access=None)), []),
    ("FT-CLU-011", "dtc:bts03/Local", "", on("bts03", lambda p: p["dtc"].update(network_access=0)), []),
    ("FT-CLU-011", f"dtc:BTSCLU/{DTC}", "", clustered_dtc(inbound=False), []),
    ("FT-CLU-012", "dtc:bts01/Local", "", on("bts01", local(remote_clients=True)), []),
    ("FT-CLU-012", f"dtc:BTSCLU/{DTC}", "", clustered_dtc(remote_administration=True), []),
    ("FT-CLU-013", f"dtc:BTSCLU/{DTC}", "", clustered_dtc(authentication="NoAuth"), []),
    ("FT-CLU-013", "dtc:sql01/Local", "", on("sql01", local(authentication="NoAuth")), []),
    ("FT-CLU-013", "dtc:sql01/Local", "", on("sql01", local(authentication="Mutual")), []),
    ("FT-CLU-014", "cluster:BTSCLU", "Receive", bts(without("IP of BTSSSO")), []),
    ("FT-CLU-014", "cluster:BTSCLU", "Receive", bts(of("Receive", group="BTSDTC")), []),
    ("FT-CLU-015", "cluster:BTSCLU", "Receive", on("bts01", lambda p: p["biztalk"].update(services=[])), []),
    ("FT-CLU-017", "cluster:BTSCLU", "Receive", bts(of("Receive", restart_action="none")), []),
    ("FT-CLU-017", "cluster:BTSCLU", "Receive", bts(of("Receive", restart_threshold=3)), []),
    ("FT-CLU-017", "cluster:BTSCLU", "Receive", bts(of("Receive", restart_period_ms=0)), []),
    ("FT-CLU-017", "cluster:BTSCLU", "Receive", bts(of("Receive", retry_period_ms=4294967295)), []),
    ("FT-CLU-006", "cluster:BTSCLU", "BTS01", bts(lambda c: c["features"][1].update(installed=False)), []),
    ("FT-CLU-006", "cluster:SQLCLU", "SQL02", sql(lambda c: c["features"].pop(0)), []),
    ("FT-CLU-008", "cluster:BTSCLU", "", bts(lambda c: c["reports"][0].update(verdict="failed")), []),
    ("FT-CLU-008", "cluster:BTSCLU", "", bts(lambda c: c["reports"][0].update(at="2025-10-15T08:00:00.0000000Z")), []),
    ("FT-CLU-008", "cluster:SQLCLU", "", sql(lambda c: c.update(reports=[])), []),
    ("FT-CLU-018", "cluster:BTSCLU", SSO, bts(of(SSO, state="Offline")), []),
    ("FT-CLU-018", "cluster:BTSCLU", SSO, bts(of(SSO, depends_on_types=[])), []),
    ("FT-CLU-018", "cluster:BTSCLU", "", bts(without(SSO)), []),
    ("FT-CLU-019", "cluster:BTSCLU", SSO, bts(of(SSO, use_network_name=0)), []),
    ("FT-CLU-019", "cluster:BTSCLU", SSO, bts(of(SSO, use_network_name=None)), []),
    ("FT-CLU-020", "cluster:BTSCLU", "BTS01", on("bts01", lambda p: p["biztalk"]["services"].append(estates.biztalk_service("App"))), []),
    ("FT-CLU-022", "cluster:SQLCLU", "", sql(lambda c: c["quorum"]["witness"].update(state="Failed")), ["FT-CLU-023"]),
    ("FT-CLU-022", "cluster:SQLCLU", "", sql(lambda c: c["quorum"]["witness"].update(dynamic_weight=0)), ["FT-CLU-023"]),
    ("FT-CLU-023", "cluster:SQLCLU", "SQL01", sql(of("SQL02", weight=0, dynamic_weight=0)), []),
    ("FT-CLU-023", "cluster:BTSCLU", "A", witness_at("A"), []),
    ("FT-CLU-024", "cluster:BTSCLU", "BTS02", on("bts02", lambda p: p.update(custom_ssp_allowed=0)), []),
    ("FT-CLU-025", "cluster:SQLCLU", "", sql(lambda c: c["heartbeat"].update(same_subnet_threshold=5)), []),
    ("FT-CLU-025", "cluster:SQLCLU", "", sql(lambda c: c["heartbeat"].update(cross_subnet_delay_ms=500)), []),
    ("FT-CLU-026", "cluster:SQLCLU", "SQL02 - Ethernet 2", sql(of("SQL02 - Ethernet 2", state="Failed")), []),
    ("FT-CLU-026", "cluster:SQLCLU", "Net 1", sql(lambda c: c["networks"][0].update(state="Partitioned")), []),
    ("FT-CLU-027", "estate:estate", "bts03", on("bts03", lambda p: p["dtc"].update(cids=["cid-BTS01"])), []),
    ("FT-CLU-028", "cluster:SQLCLU", "SQL Server (BTS)", on("sql02", lambda p: p["sql_instances"][0].update(build="15.0.4430.1")), []),
    ("FT-CLU-028", "cluster:SQLCLU", "SQL Server (BTS)", on("sql02", lambda p: p.update(sql_instances=[])), []),
    ("FT-CLU-028", "cluster:SQLCLU", "SQL Server (BTS)", sql(of("SQL Server (BTS)", pending_timeout_ms=180000)), []),
    ("FT-CLU-029", "cluster:SQLCLU", "bts03", lambda s: (
        estates.by_host(s)["bts03"]["variables"].update(cluster_name="SQLCLU"),
        estates.by_host(s)["bts03"]["groups"].append("cluster_node")), ["FT-CLU-009"]),
    ("FT-CLU-030", "cluster:BTSCLU", "BTSDTC", bts(of("BTSDTC", status_dns=9002)), []),
    ("FT-CLU-030", "cluster:BTSCLU", "BTSSSO", bts(of("BTSSSO", status_kerberos=8202)), []),
    ("FT-CLU-031", "cluster:SQLCLU", "SQL Server (BTS)", sql(of("SQL Server (BTS)", instance=None)), []),
    ("FT-CLU-031", "cluster:SQLCLU", "SQL Server (BTS)", sql(of("SQL Server (BTS)", virtual_server="")), []),
    ("FT-CLU-031", "cluster:SQLCLU", "SQL Server (BTS)", sql(of("SQL Server (BTS)", depends_on_types=["Physical Disk"])), []),
    ("FT-SSO-014", "cluster:BTSCLU", "BTS01", on("bts01", lambda p: p["services"][1].update(state="Running")), []),
    ("FT-SSO-014", "cluster:BTSCLU", "BTS02", on("bts02", lambda p: p["services"][1].update(start_mode="Auto")), []),
    ("FT-SSO-014", "cluster:BTSCLU", "BTS02", on("bts02", lambda p: p["services"][1].update(state="Stopped")), []),
]


@pytest.mark.parametrize(("expected", "subject", "item", "plant", "follow"), FAULTS, ids=[f"{f[0]} {f[1]} {f[2]}" for f in FAULTS])
def test_a_planted_fault_is_found_and_nothing_else(expected, subject, item, plant, follow):
    snapshots = estates.healthy()
    plant(snapshots)
    report = judged(snapshots)
    failed = found(report)
    assert (expected, subject, item) in failed
    assert {control for control, _subject, _item in failed} - {expected} <= set(follow), failed
    assert report["verdict"] == "drift"


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == {c.id for c in CONTROLS}


def test_every_control_can_be_read_aloud():
    known = yaml.safe_load((baseline.FOLDER / "incidents.yml").read_text(encoding="utf-8"))
    every_control = baseline.load().controls
    assert set(known) == {incident for c in every_control for incident in c.incidents}
    for c in every_control:
        assert c.title[0].isupper() and not c.title.endswith("."), c.id
        assert c.why.endswith(".") and 20 < len(c.title) < 130, c.id
        assert len(c.expect) <= 5, c.id


# --- what was not seen never passes ---------------------------------------------------------------------------------

CLUSTERS = {subject.id: subject for subject in estate.subjects_of(estate.hosts_of(estates.healthy(), {}), BASELINE.kinds)}


EXCLUDED = {    # what a known value keeps a control from touching on a healthy subject
    ("FT-CLU-009", "cluster:BTSCLU"): {"carries_sso"},
    ("FT-CLU-011", f"dtc:BTSCLU/{DTC}"): {"network_access"},
    ("FT-CLU-013", f"dtc:BTSCLU/{DTC}"): {"all_mutual"},
    ("FT-CLU-013", "dtc:sql01/Local"): {"all_mutual"},
}
SHOWN = ("cluster:BTSCLU", "cluster:SQLCLU", "dtc:sql01/Local", f"dtc:BTSCLU/{DTC}", "estate:estate")
PAIRS = [(c, subject) for c in CONTROLS for subject in CLUSTERS.values()
         if subject.kind == c.subject and subject.id in SHOWN and three_valued.status_of(c, subject.facts, BASELINE.kinds) == "pass"]


@pytest.mark.parametrize(("c", "subject"), PAIRS, ids=[f"{c.id} {s.id}" for c, s in PAIRS])
def test_what_was_not_seen_never_passes(c, subject):
    assert three_valued.excluded(c, subject.facts, BASELINE.kinds) == EXCLUDED.get((c.id, subject.id), set())


def leaves(value, at=()):
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, (*at, name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from leaves(part, (*at, index))
    else:
        yield at, value


TELLING = {"type": ["Distributed Transaction Coordinator"], "service_name": ["ENTSSO"], "role": ["None"], "authentication": ["Mutual"]}
AREA_LEAVES = [(area, at, value) for area in ("cluster", "platform") for at, value in leaves(estates.bts_hosts()[0]["areas"][area])]


def test_derived_facts_never_pass_on_what_was_not_seen():
    """The same through the snapshots, derived facts included: each value that a node says is taken away, in every snapshot that
    says it. A finding that still passes must pass with any other value as well."""
    def passing(area, at, value):
        hosts = estates.bts_hosts()
        for host in hosts if area == "cluster" else hosts[:1]:
            host["areas"][area] = three_valued.replaced(host["areas"][area], at, value)
        return {(f["control"], f["subject"]) for f in judged(hosts)["findings"] if f["status"] in ("pass", "not_applicable")}

    hole = observed.hole("denied", "Access is denied.")
    whole = passing("cluster", ("name",), "BTSCLU")
    lowered = 0
    for area, at, value in AREA_LEAVES:
        if at in (("name",), ("clock",)) or at[0] in ("groups", "os", "heartbeat", "functional_level"):
            # another name makes another cluster, and other subjects; without a clock it is the time of reading; nothing is derived of the rest
            continue
        kept = passing(area, at, hole)
        lowered += kept != whole
        for other in {bool: [value is False], int: [0, 2], str: ["Other", *TELLING.get(at[-1], [])]}.get(type(value), []):
            made = passing(area, at, other)
            lost = {pair for pair in kept & whole - made if pair[1] in ("cluster:BTSCLU", "dtc:bts01/Local", "estate:estate")}
            assert not lost, (area, at, other, lost)
    assert lowered > 60
