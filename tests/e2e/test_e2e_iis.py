"""A web server over the wire: the audit misses a backup, check mode foretells it, iis_backup makes it, and the audit is content."""
from __future__ import annotations

import json

PLAY = """
- hosts: bts03
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.iis_backup: {options}
      register: done
    - biztalk.fault_tolerance.iis_info: {{}}
      register: seen
      check_mode: false
    - ansible.builtin.copy:
        content: "{{{{ {{'done': done, 'seen': seen}} | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/result.json"
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_shell_type: sh}}
      check_mode: false
"""
CANARY = "Only'for\"the&lab<7"
REPAIRED = {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}


def backup(estate, *arguments):
    done = estate.play(PLAY.format(options=json.dumps({"certificate_password": CANARY})), *arguments, check=0)
    assert CANARY not in done.stdout + done.stderr
    result = json.loads((estate.folder / "result.json").read_text(encoding="utf-8"))
    assert CANARY not in json.dumps(result)
    return result["done"], result["seen"]


def fails(report):
    return {finding["control"] for finding in report["findings"] if finding["subject"] == "web_server:bts03" and finding["status"] == "fail"}


def test_a_missing_backup_is_found_foretold_made_and_no_longer_found(open_estate):
    def worn(plan):     # the actions at this server alone
        plan["actions"] = [action for action in plan["actions"] if action.get("host") == "bts03" and "virtual directory" in action.get("does", "")]
    estate = open_estate("drifted", change=worn)
    assert fails(estate.audit("--limit", "bts03", "--tags", "iis")) == REPAIRED
    before = estate.state_hash()
    foretold, _seen = backup(estate, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before
    made, seen = backup(estate)
    assert [change["path"] for change in made["changes"]] == [change["path"] for change in foretold["changes"]] and made["changed"]
    newest = seen["web_server"]["sets"][-1]
    assert newest["complete"] and newest["protected"] and all(part["complete"] for part in newest["parts"])
    again, _seen = backup(estate)
    assert not again["changed"] and again["changes"] == []
    assert fails(estate.audit("--limit", "bts03", "--tags", "iis", name="again")) == set()
    everything = "".join(path.read_text(encoding="utf-8") for path in estate.folder.glob("*/snapshots/*.json"))
    assert CANARY not in everything and "[enc:" not in everything
