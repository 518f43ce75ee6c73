"""The audit as people run it: one command, a verdict that is true, a report that says what was not seen."""
from __future__ import annotations

import base64
import html
import json
import pathlib
import urllib.parse

import pytest

from lab import scenario

JUDGED = ("pass", "fail")


def of(report, *statuses):
    return {(f["control"], f["subject"]) for f in report["findings"] if f["status"] in statuses}


def items(report, status):
    """``(control, subject, sub-item)`` of everything that has the status."""
    found = set()
    for finding in report["findings"]:
        for item in finding["items"]:
            if item["status"] == status:
                found.add((finding["control"], finding["subject"], item["item"]))
    return found


def timeless(report):
    """The findings but the one that tells the age of a check by the clock of the audit, and not by a host's."""
    return [finding for finding in report["findings"] if finding["control"] != "FT-DRL-011"]


def test_on_the_healthy_estate_nothing_fails_and_every_control_passes_somewhere(healthy):
    report = healthy.audit(check=0)
    assert report["verdict"] == "pass" and report["complete"], healthy.last.stdout
    assert of(report, "fail", "unknown") == set()
    expected = scenario.load("healthy")
    assert report["counts"]["not_applicable"] == expected["not_applicable"]
    assert report["counts"]["unknown"] == expected["unknown"]
    controls = {f["control"] for f in report["findings"]}
    assert len(controls) >= 16
    assert {control for control, _subject in of(report, "pass")} == controls


@pytest.mark.parametrize("name", ["drifted", "variant", "neglected", "fresh", "alone"])
def test_every_planted_fault_is_found_and_nothing_else(open_estate, name):
    estate = open_estate(name)
    report = estate.audit(check=0)
    assert report["verdict"] == "drift"
    planted = {(e["control"], e["subject"], e.get("item") or "") for e in scenario.load(name)["expect"]}
    assert items(report, "fail") == planted
    unread = set(scenario.load(name).get("unreachable", []))
    assert set(report["coverage"]["unread"]) == unread
    with_all_their_servers = ("group:", "estate:", "nlb_cluster:", "web_server:", "master_secret:")
    joined = {subject for _control, subject in of(report, "unknown") if subject.startswith(with_all_their_servers)}
    assert unread or not joined
    assert {subject.split(":")[1].split("/")[0] for _control, subject in of(report, "unknown") if subject not in joined} <= unread


def all_down(estate):
    """Every host is off, and with it the SQL Servers on it; the one on a server outside of the estate does not answer."""
    for host in list(estate.lab.state.hosts):
        estate.lab.call(estate.lab.state.power, host, False)
    estate.lab.state.world.instances["SQLDR\\BTS"].fault("close", times=None)


def test_all_hosts_down_is_still_a_report_and_the_verdict_is_cannot_tell(healthy):
    all_down(healthy)
    report = healthy.audit(check=0)
    assert report["verdict"] == "cannot tell"
    assert report["coverage"]["read"] == 0 and report["confidence"]["of"] > 16
    assert {subject for _control, subject in of(report, *JUDGED)} == {"recovery_plan:estate"}, "people tell of it, and no host"
    assert "CANNOT TELL" in healthy.last.stdout.upper()


def test_a_folder_of_snapshots_gives_the_same_findings_without_any_host(open_estate):
    estate = open_estate("drifted")
    first = estate.audit(check=0)
    estate.play("judge", "-e", f"audit_snapshots={estate.folder}/audit/snapshots", "-e", f"audit_output={estate.folder}/again", check=0)
    again = json.loads((estate.folder / "again" / "report.json").read_text(encoding="utf-8"))
    assert timeless(again) == timeless(first)
    assert again["verdict"] == first["verdict"]


def test_check_mode_gives_the_same_report(healthy):
    plain, checked = healthy.audit(check=0), healthy.audit("--check", name="checked", check=0)
    assert timeless(checked) == timeless(plain)


def test_a_tag_leaves_the_other_areas_out_and_counts_them_apart(healthy):
    report = healthy.audit("--tags", "cluster", check=0)
    assert report["not_asked"]["findings"] > 0 and report["complete"] is False
    assert "FT-CLU-005" in {control for control, _subject in of(report, "pass")}
    assert not [f for f in report["findings"] if f["subject"].startswith("dtc:")]
    skipped = healthy.audit("--skip-tags", "cluster", name="skipped", check=0)
    assert "FT-CLU-005" in skipped["not_asked"]["controls"]


def test_a_limit_says_how_many_hosts_the_report_covers(healthy):
    report = healthy.audit("--limit", "sql01,sql02", check=0)
    assert (report["coverage"]["hosts"], report["coverage"]["of"]) == (2, 17)
    assert "2 of 17" in healthy.last.stdout and report["complete"] is False
    assert ("FT-CLU-005", "cluster:SQLCLU") in of(report, "pass")
    assert not [f for f in report["findings"] if f["subject"] == "cluster:BTSCLU" and f["status"] != "unknown"]


def test_a_parameter_from_the_inventory_changes_the_verdict(healthy):
    overrides = json.dumps({"audit_parameters": {"FT-CLU-005": {"minimum_nodes": 3}}})
    report = healthy.audit("-e", overrides, check=0)
    assert of(report, "fail") == {("FT-CLU-005", f"cluster:{name}") for name in ("BTSCLU", "SQLCLU", "AGCLU")}


@pytest.mark.parametrize("variables, code", [
    ({}, 0), ({"audit_fail_from": "critical"}, 2), ({"audit_fail_from": "low"}, 2)])
def test_the_play_fails_only_where_the_policy_says_so(open_estate, variables, code):
    estate = open_estate("drifted")
    estate.audit("-e", json.dumps(variables))
    assert estate.last.returncode == code


def test_an_unknown_counts_as_its_severity_only_when_asked(healthy):
    healthy.lab.call(healthy.lab.state.power, "sql01", False)
    healthy.lab.call(healthy.lab.state.power, "sql02", False)
    healthy.audit("-e", '{"audit_fail_from": "low"}')
    assert healthy.last.returncode == 0
    healthy.audit("-e", '{"audit_fail_from": "low", "audit_fail_on_unknown": true}', name="strict")
    assert healthy.last.returncode == 2


@pytest.mark.parametrize("setting, told", [("serial: 1", "serial"), ("strategy: free", "strategy free"), ("strategy: host_pinned", "host_pinned"),
                                           ("strategy: ansible.builtin.free", "ansible.builtin.free")])
def test_an_estate_is_not_judged_in_pieces(healthy, setting, told):
    text = pathlib.Path(__file__).resolve().parents[2].joinpath("playbooks", "audit.yml").read_text(encoding="utf-8")
    done = healthy.play(text.replace("  gather_facts: false\n", f"  gather_facts: false\n  {setting}\n"), check=2)
    assert told in done.stdout


@pytest.mark.parametrize("variables, told", [
    ({"audit_fail_from": "sometimes"}, ["fail_from", "never", "critical"]),
    ({"audit_parameters": {"FT-CLU-005": {"minimum_nodes": "many"}}}, ["FT-CLU-005", "minimum_nodes", "many"]),
    ({"audit_parameters": {"FT-CLU-005": {"minimum": 3}}}, ["FT-CLU-005", "minimum", "minimum_nodes"]),
    ({"audit_parameters": {"FT-XXX-005": {"minimum": 3}}}, ["FT-XXX-005"]),
    ({"audit_severities": {"FT-CLU-005": "urgent"}}, ["FT-CLU-005", "urgent", "critical"]),
    ({"audit_controls": ["/nowhere/mine.yml"]}, ["/nowhere/mine.yml"]),
    ({"audit_waivers": "/nowhere/waivers.yml"}, ["/nowhere/waivers.yml"]),
])
def test_bad_input_is_refused_in_words_that_name_it(healthy, variables, told):
    done = healthy.play("audit", "-e", json.dumps({**variables, "audit_output": str(healthy.folder / "bad")}), check=2)
    for word in told:
        assert word in done.stdout, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (healthy.folder / "bad" / "report.json").exists()


def test_the_audit_changes_nothing_and_calls_nothing_that_could(open_estate):
    estate = open_estate("drifted")
    before, calls = estate.state_hash(), len(estate.lab.call(estate.lab.state.calls))
    estate.audit(check=0)
    assert estate.state_hash() == before
    made = estate.lab.call(estate.lab.state.calls)[calls:]
    assert made and not [call for call in made if call["changes"]]


def test_the_recorder_would_notice_a_call_that_changes_something(healthy):
    before, calls = healthy.state_hash(), len(healthy.lab.call(healthy.lab.state.calls))
    healthy.play("""
- hosts: bts01
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.cluster_quorum: {cluster_name: BTSCLU, dynamic_quorum: false}
""", check=0)
    made = healthy.lab.call(healthy.lab.state.calls)[calls:]
    assert [call for call in made if call["changes"]] and healthy.state_hash() != before


def test_no_secret_stands_anywhere_in_what_is_printed_or_written(healthy):
    canary = "c'a\"n<a>&r%y-é"
    healthy.lab.call(lambda: healthy.lab.state.users["CONTOSO\\svc-audit"].update(password=canary))
    healthy.lab.call(healthy.lab.write_users)
    text = healthy.inventory.read_text(encoding="utf-8")
    healthy.inventory.write_text(text.replace("Lab-only-1", json.dumps(canary)), encoding="utf-8")
    healthy.lab.call(healthy.lab.state.power, "iis01", False)
    report = healthy.audit("-vvv", "--diff", check=0)
    assert report["coverage"]["read"] == 16, "the canary must really be the password that opens the door"
    seen = healthy.last.stdout + healthy.last.stderr
    for path in (healthy.folder / "audit").rglob("*"):
        seen += path.read_text(encoding="utf-8") if path.is_file() else ""
    for form in (canary, json.dumps(canary)[1:-1], json.dumps(canary, ensure_ascii=False)[1:-1], urllib.parse.quote(canary, safe=""),
                 html.escape(canary), base64.b64encode(canary.encode()).decode(), base64.b64encode(canary.encode("utf-16-le")).decode()):
        assert form not in seen, form


def test_the_summary_fits_80_columns_and_has_no_colours_when_it_is_no_terminal(open_estate):
    estate = open_estate("drifted")
    estate.audit(check=0)
    lines = estate.last.stdout.split("Verdict:")[1].split("Report:")[0].splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in estate.last.stdout


def misplace(estate, old, new):
    text = estate.inventory.read_text(encoding="utf-8")
    assert old in text
    estate.inventory.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("arguments, told", [
    (["--tags", "clustr"], "areas are: platform, cluster"),
    (["-e", '{"audit_fail_on_unknown": true}'], "give fail_from a severity"),
    (["-e", '{"audit_fail_from": "hihg"}'], "fail_from"),
])
def test_what_cannot_be_meant_is_refused_before_any_host_is_read(healthy, arguments, told):
    healthy.lab.call(healthy.lab.stats.clear)
    done = healthy.play("audit", "-e", f"audit_output={healthy.folder}/audit", *arguments, check=2)
    assert told in done.stdout, done.stdout
    assert healthy.lab.call(lambda: dict(healthy.lab.stats)) == {}


def test_a_cluster_node_without_its_cluster_is_refused(healthy):
    misplace(healthy, "cluster_name: BTSCLU", "cluster_nam: BTSCLU")
    done = healthy.play("audit", "-e", f"audit_output={healthy.folder}/audit", check=2)
    assert "bts01, bts02" in done.stdout and "set cluster_name" in done.stdout


def test_a_policy_fails_where_nothing_could_be_judged(healthy):
    all_down(healthy)
    healthy.audit("-e", '{"audit_fail_from": "critical"}', check=2)
    assert "Nothing at all could be judged" in healthy.last.stdout


def test_become_by_a_variable_is_refused_too(healthy):
    done = healthy.play("audit", "-e", f"audit_output={healthy.folder}/audit", "-e", "ansible_become=true", "-e", "ansible_become_method=runas",
                        "-e", "ansible_become_user=SYSTEM", "--limit", "sql01")
    assert "become does not work for this task" in done.stdout


def test_a_right_taken_away_is_unknown_with_its_reason_and_the_others_are_judged(healthy):
    plain = healthy.audit(check=0)
    healthy.lab.call(healthy.lab.state.right, "CONTOSO\\svc-audit", "SQLCLU", "none")
    report = healthy.audit(name="refused", check=0)
    assert report["verdict"] == "cannot tell"
    unknown = [f for f in report["findings"] if f["status"] == "unknown"]
    assert unknown and {f["subject"].split("/")[0] for f in unknown} == {"cluster:SQLCLU"}
    assert {reason for f in unknown for reason in f["reasons"]} == {"denied"}
    assert "has no right" in healthy.last.stdout
    others = [[f for f in timeless(r) if "SQLCLU" not in f["subject"]] for r in (plain, report)]
    assert others[0] == others[1]


def test_an_unreadable_property_touches_only_what_reads_it(healthy):
    for host in ("sql01", "sql02"):
        healthy.lab.call(healthy.lab.state.unreadable, host, "ClusterNetworkInterface", ["State"])
    report = healthy.audit(check=0)
    assert of(report, "unknown") == {("FT-CLU-026", "cluster:SQLCLU")}
    assert "unreadable" in str([f["reasons"] for f in report["findings"] if f["status"] == "unknown"])


def test_colours_are_ansibles_own_switch(healthy):
    healthy.audit(check=0, environment={"ANSIBLE_FORCE_COLOR": "1"})
    assert "\x1b[" in healthy.last.stdout.split("Verdict")[0][-8:]
    healthy.audit(check=0, environment={"ANSIBLE_NOCOLOR": "1"}, name="plain")
    assert "\x1b" not in healthy.last.stdout


def test_judge_without_a_folder_is_refused_and_overwrites_no_report(healthy):
    healthy.audit(check=0)
    before = (healthy.folder / "audit" / "report.json").read_bytes()
    done = healthy.play("judge", "-e", f"audit_output={healthy.folder}/audit", check=2)
    assert "audit_snapshots" in done.stdout
    assert (healthy.folder / "audit" / "report.json").read_bytes() == before


def test_a_snapshot_of_an_earlier_run_is_not_judged_as_this_one(healthy):
    assert healthy.audit(check=0)["verdict"] == "pass"
    misplace(healthy, "    bts03:\n", "    bts03:\n      ansible_password: '{{ vault_that_is_not_there }}'\n")
    report = healthy.audit()
    assert report["verdict"] == "cannot tell" and "bts03" in report["coverage"]["unread"], healthy.last.stdout


def test_a_host_that_is_missing_in_a_folder_of_snapshots_is_owed_all_the_same(healthy):
    healthy.audit(check=0)
    for host in ("sql01", "sql02"):
        (healthy.folder / "audit" / "snapshots" / f"{host}.json").unlink()
    healthy.play("judge", "-e", f"audit_snapshots={healthy.folder}/audit/snapshots", "-e", f"audit_output={healthy.folder}/again", check=0)
    again = json.loads((healthy.folder / "again" / "report.json").read_text(encoding="utf-8"))
    assert again["verdict"] == "cannot tell" and set(again["coverage"]["unread"]) == {"sql01", "sql02"}


def test_every_report_of_the_lab_says_that_it_is_a_simulation(healthy):
    assert "simulation" in healthy.audit(check=0)["note"] and "simulation" in healthy.last.stdout


def test_a_node_without_a_site_beside_nodes_with_one_is_no_pass(healthy):
    misplace(healthy, "      ansible_winrm_path: wsman/sql01\n      site: A\n", "      ansible_winrm_path: wsman/sql01\n")
    report = healthy.audit(check=0)
    assert ("FT-CLU-023", "cluster:SQLCLU") in of(report, "unknown")


def test_instance_ids_that_name_no_instance_are_no_equal_builds(healthy):
    def rename():
        for host in ("sql01", "sql02"):
            registry = healthy.lab.state.hosts[host]["registry"]
            for key in [key for key in registry if "MSSQL15.BTS" in key]:
                registry[key.replace("MSSQL15.BTS", "MSSQL15.CHOSEN")] = registry.pop(key)
        healthy.lab.state.save()
    healthy.lab.call(rename)
    report = healthy.audit(check=0)
    assert ("FT-CLU-028", "cluster:SQLCLU") in of(report, "unknown"), healthy.last.stdout
