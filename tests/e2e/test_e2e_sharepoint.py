"""A farm over the wire: the audit misses its backup, check mode foretells it, a backup of a quarter of an hour is followed, and the audit is content."""
from __future__ import annotations

import json
import threading
import time

PLAY = """
- hosts: sp01
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.sharepoint_backup: {options}
      register: done
    - biztalk.fault_tolerance.sharepoint_info:
      register: seen
      check_mode: false
    - ansible.builtin.copy:
        content: "{{{{ {{'done': done, 'seen': seen}} | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/result.json"
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_shell_type: sh}}
      check_mode: false
"""
OPTIONS = {"account": r"CONTOSO\svc-spfarm", "password": "Lab-only-6", "max_age_hours": 4}


def neglected(plan):
    """A farm that nobody has backed up for a month."""
    plan["estate"]["hosts"]["sp01"]["sharepoint"] = {"days": [30], "others": ["SP02"]}


def backup(estate, *arguments):
    done = estate.play(PLAY.format(options=json.dumps(OPTIONS)), *arguments, check=0)
    text = (estate.folder / "result.json").read_text(encoding="utf-8")
    assert OPTIONS["password"] not in done.stdout + done.stderr + text
    result = json.loads(text)
    return done.stdout, result["done"], result["seen"]


def fails(report):
    return {finding["control"] for finding in report["findings"] if finding["subject"] == "farm:SharePoint_Config" and finding["status"] == "fail"}


def test_a_missing_backup_is_found_foretold_made_and_no_longer_found(open_estate):
    estate = open_estate("healthy", change=neglected)
    assert fails(estate.audit("--limit", "sp01", "--tags", "sharepoint,platform")) == {"FT-SPT-001"}
    before = estate.state_hash()
    _said, foretold, seen = backup(estate, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before and seen["newest_full"] == r"\\sp01\spbackup\spbr0000"

    def minutes_pass():
        until = time.monotonic() + 60
        while not estate.lab.call(lambda: estate.lab.state.jobs) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(2)
        estate.lab.call(estate.lab.state.move_clock, 1000)

    clock = threading.Thread(target=minutes_pass)
    clock.start()
    said, made, seen = backup(estate)
    clock.join()
    assert [change["path"] for change in made["changes"]] == ["backup", "index"] == [change["path"] for change in foretold["changes"]]
    assert "the full backup of the farm" in said and "followed for" in said
    newest = seen["sharepoint"]["backup"]["sets"][-1]
    assert (newest["outcome"], newest["indexed"]) == ("whole", True) and newest["path"] == seen["newest_full"]
    _said, again, _seen = backup(estate)
    assert not again["changed"] and again["changes"] == []
    assert fails(estate.audit("--limit", "sp01", "--tags", "sharepoint,platform", name="again")) == set()
    assert OPTIONS["password"] not in json.dumps(estate.lab.call(estate.lab.state.calls))
