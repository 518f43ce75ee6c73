"""A backup over the wire: what iis_backup made is opened and found whole, a byte is changed and found, and the audit reads the evidence."""
from __future__ import annotations

import json

from lab import operator

PLAY = """
- hosts: bts03
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.iis_backup: {{certificate_password: Lab-only-7}}
    - biztalk.fault_tolerance.iis_info: {{}}
      register: seen
    - biztalk.fault_tolerance.restore_check:
        path: "{{{{ seen.web_server.sets[-1].path }}}}"
        evidence: {folder}
      register: done
    - ansible.builtin.debug: {{msg: "outcome {{{{ done.outcome }}}} of {{{{ seen.web_server.sets[-1].path }}}}"}}
"""
CHECK = """
- hosts: bts03
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.restore_check: {{path: '{path}', evidence: {folder}}}
"""


def test_a_set_is_opened_and_a_changed_file_is_found(healthy):
    folder = healthy.folder / "evidence-here"
    done = healthy.play(PLAY.format(folder=folder), check=0)
    assert "outcome whole of" in done.stdout, done.stdout
    record = json.loads(next(folder.glob("*.json")).read_text(encoding="utf-8"))
    assert record["outcome"] == "whole" and record["subject"].endswith("on bts03") and record["opened"]
    path = done.stdout.partition("outcome whole of ")[2].partition('"')[0].replace("\\\\", "\\")
    report = healthy.audit("-e", f"audit_evidence={folder}", "--tags", "iis", check=0)
    assert next(f for f in report["findings"] if f["control"] == "FT-DRL-011")["status"] == "pass"
    before = healthy.state_hash()
    healthy.play(CHECK.format(path=path, folder=folder), "--check", check=0)
    assert healthy.state_hash() == before
    user, account = next(iter(healthy.lab.state.users.items()))
    operator.act(f"http://127.0.0.1:{healthy.lab.port}/wsman/bts03", user, account["password"], [
        {"call": r"Microsoft.PowerShell.Management\Set-Content",
         "with": {"LiteralPath": [path + r"\configuration\applicationHost.config"], "Value": ["<configuration>"], "Encoding": "UTF8"}}])
    healthy.play(CHECK.format(path=path, folder=folder), check=0)
    record = json.loads(next(folder.glob("*.json")).read_text(encoding="utf-8"))
    assert record["outcome"] == "broken" and len(record["problems"]) == 2, record
    report = healthy.audit("-e", f"audit_evidence={folder}", "--tags", "iis", check=0, name="again")
    assert next(f for f in report["findings"] if f["control"] == "FT-DRL-011")["status"] == "fail"
