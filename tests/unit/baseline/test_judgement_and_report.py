from __future__ import annotations

import json
import os
import pathlib
import unicodedata

import baseline_estates as estates
import jsonschema
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, judge, report

BASELINE = estates.of_windows(baseline.load())
ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "report.schema.json").read_text())
NOW = "2026-11-24T09:00:00Z"


def judged(snapshots, loaded=BASELINE, **options):
    return judge.judge(snapshots, {}, loaded, judge.Options(**{"now": NOW, **options}))


def drifted():
    snapshots = estates.healthy()
    estates.in_cluster(snapshots, "BTSCLU", lambda c: c["quorum"].update(witness=None))
    estates.in_cluster(snapshots, "SQLCLU", lambda c: c["heartbeat"].update(same_subnet_threshold=5))
    estates.by_host(snapshots)["sql02"]["areas"]["platform"]["dtc"]["instances"][0]["inbound"] = False
    estates.by_host(snapshots)["sql01"]["areas"]["platform"]["dtc"]["instances"][0]["inbound"] = False
    estates.by_host(snapshots)["bts01"]["areas"]["platform"]["dtc"]["instances"][0]["remote_clients"] = True
    return snapshots


def unread(snapshots, *hosts):
    for one in snapshots:
        if one["host"] in hosts or not hosts:
            one.update(status="unreachable", areas=dict.fromkeys(one["areas"], estates.UNREACHABLE))
    return snapshots


def finding(found, control, subject):
    return next(f for f in found["findings"] if (f["control"], f["subject"]) == (control, subject))


@pytest.fixture
def waived(tmp_path):
    """The baseline with one waiver: ``waived(until=...)``."""
    def load(control="FT-CLU-012", subject="dtc:bts*", until="2027-01-31"):
        file = tmp_path / "waivers.yml"
        file.write_text(f"- {{control: {control}, subject: '{subject}', owner: anna, reason: a test runs, ticket: CHG-1, "
                        f"until: {until}}}\n")
        return baseline.load(waivers=file)
    return load


VERDICTS = [
    ("healthy", estates.healthy(), "pass"),
    ("drifted", drifted(), "drift"),
    ("one host unread", unread(estates.healthy(), "bts02"), "cannot tell"),
    ("drifted, and one host unread", unread(drifted(), "bts02"), "drift"),
    ("all hosts unread", unread(estates.healthy()), "cannot tell"),
    ("nothing at all", [], "cannot tell"),
]


@pytest.mark.parametrize(("snapshots", "verdict"), [v[1:] for v in VERDICTS], ids=[v[0] for v in VERDICTS])
def test_verdict_confidence_and_schema(snapshots, verdict):
    found = judged(snapshots)
    jsonschema.validate(found, SCHEMA)
    assert found["verdict"] == verdict
    counts = found["counts"]
    assert found["confidence"]["of"] == counts["pass"] + counts["fail"] + counts["waived"] + counts["unknown"]
    assert found["confidence"]["judged"] == found["confidence"]["of"] - counts["unknown"]
    assert sum(counts.values()) == len(found["findings"])
    assert len({f["fingerprint"] for f in found["findings"]}) == len(found["findings"])


def test_every_unknown_has_a_reason_and_a_sentence():
    for f in judged(unread(estates.healthy(), "bts02"))["findings"]:
        if f["status"] == "unknown":
            assert f["reasons"].keys() == {"unreachable"} and f["evidence"], f


def test_what_is_unknown_beside_a_failure_is_listed():
    snapshots = unread(estates.healthy(), "bts02")
    estates.in_cluster([s for s in snapshots if s["host"] == "bts01"], "BTSCLU", lambda c: c["nodes"][0].update(state="Paused"))
    estates.by_host(snapshots)["bts01"]["areas"]["platform"]["custom_ssp_allowed"] = 0
    found = finding(judged(snapshots), "FT-CLU-024", "cluster:BTSCLU")
    assert [(i["item"], i["status"]) for i in found["items"]] == [("BTS01", "fail"), ("BTS02", "unknown")]
    assert found["evidence"] == ["nodes[BTS01]: policy AllowCustomSSPsAPs is 0, expected one of [none, 1].",
                                 "It does not answer. (nodes[BTS02].custom_ssp_allowed)"]
    assert found["status"] == "fail" and found["reasons"].keys() == {"unreachable"}


@pytest.mark.parametrize(("fail_from", "fail_on_unknown", "host_down", "failing"), [
    ("never", True, True, False), ("critical", False, False, True), ("low", False, False, True), ("critical", False, True, True),
])
def test_from_which_severity_a_run_fails(fail_from, fail_on_unknown, host_down, failing):
    snapshots = unread(drifted(), "bts03") if host_down else drifted()
    assert bool(judged(snapshots, fail_from=fail_from, fail_on_unknown=fail_on_unknown)["failing"]) is failing


def test_unknown_fails_a_run_only_when_asked():
    snapshots = unread(estates.healthy(), "bts03")
    assert judged(snapshots, fail_from="low")["failing"] == 0
    assert judged(snapshots, fail_from="low", fail_on_unknown=True)["failing"] == 4        # three of its MSDTC, one of the estate
    assert judged(snapshots, fail_from="high", fail_on_unknown=True)["failing"] == 2       # network access, and the shared id


def test_first_things_first():
    actions = judged(drifted())["actions"]
    assert [(a["control"], len(a["subjects"])) for a in actions] == [
        ("FT-CLU-011", 2), ("FT-CLU-023", 1), ("FT-CLU-007", 1), ("FT-CLU-025", 1), ("FT-CLU-012", 1)]
    assert actions[0]["evidence"] == [f"dtc:{host}/Local: inbound transactions allowed is false, expected true." for host in ("sql01", "sql02")]
    statuses = [f["status"] for f in judged(drifted())["findings"]]
    assert statuses == sorted(statuses, key=judge.STATUSES.index)


@pytest.mark.parametrize(("failed", "actual"), [
    (3, "SQL01 - Ethernet 1: Failed; SQL01 - Ethernet 2: Failed; SQL02 - Ethernet 1: Failed"),
    (4, "SQL01 - Ethernet 1: Failed; SQL01 - Ethernet 2: Failed; SQL02 - Ethernet 1: Failed and 1 more"),
])
def test_what_is_so_is_said_in_a_few_words(failed, actual):
    def fail(cluster):
        for one in [i for i in cluster["interfaces"] if i["network"] != "Net 3"][:failed]:
            one["state"] = "Failed"
    snapshots = estates.healthy()
    estates.in_cluster(snapshots, "SQLCLU", fail)
    found = finding(judged(snapshots), "FT-CLU-026", "cluster:SQLCLU")
    assert (found["expected"], found["actual"]) == ("state: Up", actual)
    assert len([item for item in found["items"] if item["status"] == "fail"]) == len(found["evidence"]) == failed


def test_a_waiver_accepts_a_failure_until_its_day(waived):
    found = judged(drifted(), waived())
    jsonschema.validate(found, SCHEMA)
    f = finding(found, "FT-CLU-012", "dtc:bts01/Local")
    assert (f["status"], f["waiver"]["owner"]) == ("waived", "anna")
    assert f["evidence"][-1] == "Accepted by anna until 2027-01-31 (CHG-1): a test runs"
    assert found["waivers"] == {"used": ["FT-CLU-012 on dtc:bts*"], "expired": [], "unused": []}
    assert "FT-CLU-012" not in [a["control"] for a in found["actions"]]
    assert judged(drifted(), waived(until=NOW[:10]))["counts"]["waived"] == 1              # the day itself still counts


def test_an_expired_waiver_counts_as_absent_and_says_so(waived):
    found = judged(drifted(), waived(until="2026-11-23"))
    f = finding(found, "FT-CLU-012", "dtc:bts01/Local")
    assert f["status"] == "fail" and f["evidence"][-1] == "A waiver has expired: anna until 2026-11-23 (CHG-1): a test runs"
    assert found["waivers"]["expired"] == ["FT-CLU-012 on dtc:bts*"]
    assert "Waiver expired: FT-CLU-012 on dtc:bts*." in report.summary(found)


def test_a_waiver_accepts_no_ignorance(waived):
    found = judged(unread(drifted(), "bts01"), waived())
    assert finding(found, "FT-CLU-012", "dtc:bts01/Local")["status"] == "unknown"
    assert found["waivers"]["unused"] == ["FT-CLU-012 on dtc:bts*"]


def test_what_is_unknown_beside_an_accepted_failure_stays_unknown(waived):
    snapshots = estates.healthy()
    estates.in_cluster(snapshots, "SQLCLU", lambda c: (c["nodes"][0].update(state="Paused"), c["nodes"][1].update(state=estates.DENIED)))
    found = judged(snapshots, waived(control="FT-CLU-005", subject="cluster:SQLCLU"))
    jsonschema.validate(found, SCHEMA)
    f = finding(found, "FT-CLU-005", "cluster:SQLCLU")
    assert f["status"] == "unknown" and f["waiver"] and found["verdict"] != "pass"
    assert found["waivers"]["used"] == ["FT-CLU-005 on cluster:SQLCLU"]


def test_a_fingerprint_is_control_subject_and_item_alone():
    assert judge.fingerprint("FT-CLU-005", "cluster:A") == judge.fingerprint("FT-CLU-005", "cluster:A", "")
    assert judge.fingerprint("FT-CLU-005", "cluster:A", "n1") != judge.fingerprint("FT-CLU-005", "cluster:An1", "")
    other = baseline.load(parameters={"FT-CLU-025": {"same_subnet_threshold": 7}}, severities={"FT-CLU-025": "high"})
    snapshots = drifted()
    before = finding(judged(snapshots), "FT-CLU-025", "cluster:SQLCLU")
    estates.in_cluster(snapshots, "SQLCLU", lambda c: c["heartbeat"].update(same_subnet_threshold=6))
    after = finding(judged(snapshots, other), "FT-CLU-025", "cluster:SQLCLU")
    assert before["fingerprint"] == after["fingerprint"] and before["expected"] != after["expected"] and after["severity"] == "high"


def test_what_changed_between_two_reports():
    before, after = judged(drifted()), estates.healthy()
    estates.in_cluster(after, "SQLCLU", lambda c: c["nodes"][1].update(state="Paused"))
    estates.in_cluster(after, "BTSCLU", lambda c: c["resources"].append(estates.resource(
        "Second DTC", "Distributed Transaction Coordinator", "X", "BTS01", state="Failed")))
    unread(after, "sql01")
    changes = report.compare(before, judged(after))
    told = {kind: {(c["control"], c["subject"], c["item"]) for c in found} for kind, found in changes.items()}
    assert ("FT-CLU-007", "cluster:BTSCLU", "") in told["better"] and ("FT-CLU-023", "cluster:BTSCLU", "BTS01") in told["better"]
    assert told["worse"] == {("FT-CLU-005", "cluster:SQLCLU", "SQL02")}
    assert told["new"] == {("FT-CLU-009", "cluster:BTSCLU", "Second DTC"), ("FT-CLU-010", "cluster:BTSCLU", "Second DTC")}
    assert ("FT-CLU-011", "dtc:sql01/Local", "") in told["unclear"]
    gone = report.compare(before, judged([s for s in drifted() if s["host"] != "sql02"]))["gone"]
    assert ("FT-CLU-011", "dtc:sql02/Local", "") in {(c["control"], c["subject"], c["item"]) for c in gone}
    assert not any(report.compare(before, judged(drifted())).values())


def test_a_report_is_a_private_file_and_can_be_read_again(tmp_path):
    found = judged(drifted())
    path = report.write(found, tmp_path / "out")
    assert os.stat(path).st_mode & 0o777 == 0o600 and os.listdir(tmp_path / "out") == ["report.json"]
    assert report.read(path) == report.read(tmp_path / "out") == found
    for text in ("", "[]", '{"version": 99}'):
        pathlib.Path(path).write_text(text)
        with pytest.raises(ValueError, match="report"):
            report.read(path)


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


HOSTILE = ["x" * 300, "a b " * 60, "'\"`$(whoami)", "new\nline\r\x1b[31mred", "]}[?{0}", "\u202egnp.exe", "\u53e2\u96c6\u7fa4" * 40,
           "\U0001f418" * 60, "e\u0301" * 100, "\ud800", "[link](http://x)", "%s{}%"]


@pytest.mark.parametrize("width", [40, 80, 132])
@pytest.mark.parametrize("name", HOSTILE, ids=lambda n: ascii(n)[:20])
def test_a_summary_fits_and_cannot_steer_a_terminal(name, width, tmp_path):
    snapshots = unread(drifted(), "bts03")
    for one in snapshots:
        if one["variables"].get("cluster_name") == "SQLCLU":
            one["variables"]["cluster_name"] = one["areas"]["cluster"]["name"] = name
            one["areas"]["cluster"]["resources"][0]["pending_timeout_ms"] = 1
            one["areas"]["cluster"]["resources"][0]["name"] = name
    found = judged(snapshots, note=name)
    jsonschema.validate(found, SCHEMA)
    report.write(found, tmp_path)
    assert report.read(tmp_path)["verdict"] == "drift"
    before = judged(estates.healthy())
    text = report.summary(found, width=width, changes=report.compare(before, found))
    text.encode("utf-8")
    assert max(columns(line) for line in text.split("\n")) <= width
    assert not [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_a_summary_says_what_matters():
    text = report.summary(judged(unread(drifted(), "bts03"), note="This estate is a simulation."))
    lines = text.split("\n")
    assert lines[0] == "Note: This estate is a simulation."
    assert lines[1] == "Verdict: DRIFT. 6 findings failed: 2 critical, 2 high, 1 medium, 1 low."
    assert lines[2].startswith("Confidence: 46 of 50 findings judged (92 %).")
    assert "Not read: bts03." in lines
    assert text.index("1. FT-CLU-011 [critical]") < text.index("2. FT-CLU-023 [high]") < text.index("What could not be judged")
    assert "\nbts03: It does not answer. (unreachable, 4 findings)\n  FT-CLU-011, " in text
    assert "Repair: playbook configure (role windows_cluster)" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("controls", "more"), [(25, ""), (26, "… and 1 more control"), (40, "… and 15 more controls")])
def test_a_long_list_is_cut_and_says_so(controls, more):
    found = judged(drifted())
    found["actions"] = [{**found["actions"][0], "control": f"FT-CLU-{n:03}"} for n in range(controls)]
    text = report.summary(found)
    assert text.count("[critical]") == min(controls, 25) and text.count("Why:") == 5
    assert more in text and (more != "") == ("more control" in text)


def with_reasons(*told):
    """A report whose unknown findings have these reasons: ``(subject, hosts that reported it, sentence)``."""
    found = judged(unread(estates.healthy()))
    unknown = next(f for f in found["findings"] if f["status"] == "unknown")
    found["findings"] = [{**unknown, "subject": subject, "reported_by": list(hosts), "reasons": {"unreachable": sentence}}
                         for subject, hosts, sentence in told]
    return found


@pytest.mark.parametrize(("causes", "more"), [(8, ""), (9, "… and 1 more cause in report.html"), (10, "… and 2 more causes")])
def test_a_long_list_of_causes_is_cut_and_says_so(causes, more):
    text = report.summary(with_reasons(*((f"host:h{n:02}", [f"h{n:02}"], f"Cause {n} is so.") for n in range(causes))))
    assert text.count("is so. (unreachable, 1 finding)") == min(causes, 8)
    assert more in text and (more != "") == ("more cause" in text)


HOSTS = [f"bts0{n}" for n in range(1, 7)]
CAUSES = [
    ("the same of six hosts", [(f"host:{h}", [h], f"{h} cannot be reached: it is cut.") for h in HOSTS],
     [("6 hosts", "the host cannot be reached: it is cut.", HOSTS, 6)]),
    ("one host", [("host:bts01", ["bts01"], "bts01 cannot be reached.")], [("", "bts01 cannot be reached.", ["bts01"], 1)]),
    ("one host that the sentence does not name", [("host:bts01", ["bts01"], "Access is denied.")], [("bts01", "Access is denied.", ["bts01"], 1)]),
    ("one host of a cluster, seen elsewhere too",
     [("cluster:C", HOSTS, "bts02 cannot be reached. (nodes[BTS02].state)"), ("host:bts02", ["bts02"], "bts02 cannot be reached.")],
     [("", "bts02 cannot be reached.", ["bts02"], 2)]),
    ("the place names the host", [("estate:estate", HOSTS, "It does not answer. (msdtc[BTS02].shared)"), ("host:bts03", ["bts03"], "It does not answer.")],
     [("2 hosts", "It does not answer.", ["bts02", "bts03"], 2)]),
    ("hosts that disagree", [("cluster:C", HOSTS, "bts01 says Up; bts02 says Down.")], [("", "bts01 says Up; bts02 says Down.", ["bts01", "bts02"], 1)]),
    ("nobody reported it", [("cluster:A", [], "Nobody knows."), ("cluster:B", [], "Nobody knows.")],
     [("2 subjects", "Nobody knows.", ["cluster:A", "cluster:B"], 2)]),
    ("names within names", [("host:a", ["a"], "a is no part of a-b or a.b."), ("host:a-b", ["a-b"], "a-b is down.")],
     [("", "a is no part of a-b or a.b.", ["a", "a-b"], 1), ("", "a-b is down.", ["a-b"], 1)]),
    ("what touches most comes first", [("host:x", ["x"], "One."), ("host:y", ["y"], "Two."), ("host:z", ["z"], "Two.")],
     [("2 hosts", "Two.", ["y", "z"], 2), ("x", "One.", ["x"], 1)]),
]


@pytest.mark.parametrize(("told", "causes"), [case[1:] for case in CAUSES], ids=[case[0] for case in CAUSES])
def test_what_is_unknown_is_grouped_by_its_cause(told, causes):
    found = with_reasons(*told)
    found["coverage"]["unread"] = []
    assert [(c["about"], c["says"], c["hosts"], len(c["findings"])) for c in report.causes(found)] == causes
    for about, says, _hosts, number in causes:
        head = f"{about}: {says}" if about else says
        assert f"\n{head} (unreachable, {number} finding" in report.summary(found, width=200)


def test_colours_only_when_asked():
    found = judged(drifted())
    coloured = report.summary(found, colour=True)
    assert "\x1b[31mVerdict: DRIFT" in coloured
    plain = report.summary(found)
    for code in {*report.COLOURS.values(), "0"}:
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


@pytest.mark.parametrize(("snapshots", "says"), [
    (estates.healthy(), "Verdict: PASS. Everything that was judged is as the baseline asks."),
    (unread(estates.healthy()), "Verdict: CANNOT TELL. Nothing could be judged."),
])
def test_the_other_verdicts(snapshots, says):
    assert report.summary(judged(snapshots)).startswith(says)


def test_a_summary_of_a_part_says_so():
    inventory = {"hosts": {s["host"]: {"groups": s["groups"], "variables": s["variables"]} for s in estates.healthy()}}
    only = [s for s in estates.healthy() if s["host"] == "sql01"]
    found = judge.judge(only, inventory, BASELINE, judge.Options(now=NOW, hosts=["sql01"]))
    assert "Covers 1 of 6 hosts of the inventory." in report.summary(found)
    assert "Not asked in this run: " in report.summary(found)


def test_what_changed_is_shown():
    before, after = judged(drifted()), judged(estates.healthy())
    text = report.summary(after, changes=report.compare(before, after))
    assert "better: FT-CLU-011 on dtc:sql01/Local: Each MSDTC lets transactions" in text
    assert "Nothing has changed." in report.summary(after, changes=report.compare(after, after))


@pytest.mark.parametrize(("seconds", "says"), [
    (0, "0 s"), (59, "59 s"), (60, "1 min"), (870, "14 min 30 s"), (3600, "1 h"), (11400, "3 h 10 min"), (90000, "1 d 1 h"), (86399, "23 h 59 min")])
def test_a_duration_is_told_in_its_two_largest_units(seconds, says):
    assert report.span(seconds) == says


def point(name, achieved, target, status):
    return {"subject": "backup:S/M", "database": name, "achieved_seconds": achieved, "target_seconds": target, "lost_now_seconds": None, "status": status}


@pytest.mark.parametrize(("points", "says"), [
    ([point("A", 900, 3600, "pass"), point("B", 4068, 3600, "fail")],
     "of 2 databases: 1 could lose more than allowed, 1 as allowed. Worst: B, up to 1 h 7 min, at most 1 h allowed."),
    ([point("A", None, 3600, "unknown"), point("B", 5, 3600, "fail")],
     "of 2 databases: 1 could lose more than allowed, 1 unknown. Worst: B, up to 5 s, at most 1 h allowed."),
    ([point("A", 9999, 3600, "fail"), point("B", None, 3600, "fail")],
     "of 2 databases: 2 could lose more than allowed. Worst: B, cannot be restored to any point, at most 1 h allowed."),
    ([point("A", None, None, "unknown")], "of 1 database: 1 unknown. Worst: A, unknown."),
    ([point("A", 60, None, "not_applicable")], "of 1 database: 1 without a limit. Worst: A, up to 1 min."),
])
def test_recovery_points_are_told_in_one_sentence(points, says):
    found = judged(estates.healthy())
    assert "Recovery points" not in report.summary(found)
    assert f"\nRecovery points {says}\n" in report.summary({**found, "rpo": points}, width=200)
