"""A resource over the wire: what check mode says is what apply does, and the audit is better for it."""
from __future__ import annotations

import json

import pytest

QUORUM = """
- hosts: {hosts}
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.cluster_quorum: {options}
      {once}
      register: done
    - ansible.builtin.copy:
        content: "{{{{ done | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/result.json"
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_shell_type: sh}}
      check_mode: false
      run_once: true
"""


def quorum(estate, options, *arguments, hosts="bts01", once="run_once: true", check=0):
    done = estate.play(QUORUM.format(hosts=hosts, options=json.dumps(options), once=once), *arguments, check=check)
    path = estate.folder / "result.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    path.unlink(missing_ok=True)
    return done, result


DISK = {"cluster_name": "BTSCLU", "witness": "disk", "witness_disk": "Cluster Disk 1"}


def test_check_apply_again_and_undo(open_estate):
    estate = open_estate("drifted")
    before = estate.state_hash()
    _done, foretold = quorum(estate, DISK, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before
    _done, made = quorum(estate, DISK)
    assert made["changed"] and made["changes"] == foretold["changes"] and made["diff"] == foretold["diff"]
    after = estate.state_hash()
    assert after != before
    _done, again = quorum(estate, DISK)
    assert not again["changed"] and again["changes"] == [] and estate.state_hash() == after
    _done, undone = quorum(estate, made["undo"], check=2)
    assert undone is None and estate.state_hash() == after, "two nodes without a witness are refused, also as an undo"


def test_a_shared_thing_is_not_changed_twice(healthy):
    done, _result = quorum(healthy, DISK, hosts="bts01,bts02", once="when: true", check=2)
    assert "run_once" in done.stdout and "bts02" in done.stdout


@pytest.mark.parametrize("options, told", [
    ({"cluster_name": "BTSCLU", "witness": "cloud"}, "cloud witness is not supported yet"),
    ({"cluster_name": "OTHER", "witness": "none"}, "not of OTHER"),
    ({"cluster_name": "BTSCLU", "witness": "none"}, "would have no witness"),
    ({"cluster_name": "BTSCLU", "witness": "file_share", "witness_share": "C:\\\\local"}, "is not a UNC path"),
    ({"cluster_name": "BTSCLU", "witness": "tape"}, "value of witness must be one of"),
    ({"cluster_name": "BTSCLU", "witnes": "none"}, "witnes"),
])
def test_what_is_refused_is_told_and_changes_nothing(healthy, options, told):
    before = healthy.state_hash()
    done, result = quorum(healthy, options, check=2)
    assert told in done.stdout and "Traceback" not in done.stdout and result is None
    assert healthy.state_hash() == before


def test_a_connection_lost_in_the_middle_of_a_change_says_what_was_and_was_not_done(open_estate):
    estate = open_estate("drifted")
    options = {**DISK, "dynamic_quorum": False}
    estate.lab.call(estate.lab.fault, "bts01", "reset", skip=1, times=1)
    done, _result = quorum(estate, options, check=2)
    assert "its outcome is not known" in done.stdout and "Not begun" in done.stdout


def test_a_connection_lost_before_reading_again_says_that_everything_was_changed(open_estate):
    estate = open_estate("drifted")
    before = estate.state_hash()
    estate.lab.call(estate.lab.fault, "bts01", "reset", skip=2, times=1)
    done, _result = quorum(estate, DISK, check=2)
    assert "Every change was carried out before that" in done.stdout and '"changed": true' in done.stdout
    assert estate.state_hash() != before


def test_a_change_that_fails_after_another_is_told_from_the_one_that_was_made(open_estate):
    estate = open_estate("drifted")
    estate.lab.call(estate.lab.fault, "bts01", "reset", skip=2, times=1)
    done, _result = quorum(estate, {**DISK, "dynamic_quorum": False}, check=2)
    fatal = next(line for line in done.stdout.splitlines() if line.startswith("fatal"))
    made = json.loads(fatal.split("=> ", 1)[1])
    assert made["changed"] and [change["path"] for change in made["changes"]] == ["witness"]
    assert set(made["diff"]["after"]) == {"witness"} if "diff" in made else "diff" not in made


def test_configure_repairs_what_the_audit_found_and_ends_in_a_table(open_estate):
    estate = open_estate("drifted")
    before = estate.audit(name="before", check=0)
    state = estate.state_hash()
    checked = estate.play("configure", "--check", "--diff", check=0)
    assert "check mode: nothing was changed" in checked.stdout and estate.state_hash() == state
    applied = estate.play("configure", check=0)
    table = [line for line in checked.stdout.splitlines() if " | " in line]
    assert table and table == [line for line in applied.stdout.splitlines() if " | " in line]
    after = estate.audit(name="after", check=0)
    better = {f["control"] for f in before["findings"] if f["status"] == "fail"} - {f["control"] for f in after["findings"] if f["status"] == "fail"}
    assert better == {"FT-CLU-007", "FT-CLU-022", "FT-CLU-023"}
    assert {f["control"] for f in after["findings"] if f["status"] == "fail"} < {f["control"] for f in before["findings"] if f["status"] == "fail"}


def test_a_cluster_of_which_no_node_answers_fails_the_play(healthy):
    for host in ("sql01", "sql02"):
        healthy.lab.call(healthy.lab.state.power, host, False)
    done = healthy.play("configure", check=2)
    assert "Nothing is known of SQLCLU" in done.stdout


def test_the_doctor_says_what_will_not_work_and_changes_nothing(healthy):
    healthy.lab.call(healthy.lab.state.power, "iis01", False)
    before = healthy.state_hash()
    done = healthy.play("doctor", check=0)
    assert "second hop" in done.stdout and "iis01 cannot be reached" in done.stdout
    assert healthy.state_hash() == before


def test_a_wrong_declaration_stops_before_anything_is_changed(open_estate):
    estate = open_estate("drifted")
    text = estate.inventory.read_text(encoding="utf-8")
    estate.inventory.write_text(text.replace("witness: disk", "witness: dsik", 1), encoding="utf-8")
    before = estate.state_hash()
    done = estate.play("configure", check=2)
    assert "dsik" in done.stdout and "not looked at" not in done.stdout
    assert estate.state_hash() == before


@pytest.mark.parametrize("old, new, told", [
    ("            sql02: {}\n", "            sql02: {windows_cluster_quorum: {witness: none}}\n", "declare different windows_cluster_quorum"),
    ("cluster_name: BTSCLU", "cluster_nam: BTSCLU", "set cluster_name"),
])
def test_a_declaration_that_contradicts_itself_is_refused(open_estate, old, new, told):
    estate = open_estate("drifted")
    text = estate.inventory.read_text(encoding="utf-8")
    assert old in text
    estate.inventory.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = estate.state_hash()
    done = estate.play("configure", check=2)
    assert told in done.stdout and estate.state_hash() == before
