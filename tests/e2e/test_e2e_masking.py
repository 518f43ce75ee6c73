"""The masking gate knows the password that the connection uses, however the inventory spells it."""
from __future__ import annotations

import json

import pytest

SECRET = "s3cret-canary"
PLAY = """
- hosts: bts01
  gather_facts: false
  vars: {here: "%s"}
  tasks:
    - biztalk.fault_tolerance.cluster_quorum: {cluster_name: "is s3cret-canary here"}
      ignore_errors: true
"""


@pytest.mark.parametrize("password, more", [
    (SECRET, {}),
    ("{{ from_the_vault }}", {"from_the_vault": SECRET}),
    ("{{ lookup('ansible.builtin.env', 'LAB_SECRET') }}", {}),
])
def test_a_password_is_masked_in_what_comes_back_however_it_was_given(healthy, password, more):
    healthy.lab.call(lambda: healthy.lab.state.users["CONTOSO\\svc-audit"].update(password=SECRET))
    healthy.lab.call(healthy.lab.write_users)
    text = healthy.inventory.read_text(encoding="utf-8")
    healthy.inventory.write_text(text.replace("Lab-only-1", json.dumps(password)), encoding="utf-8")
    done = healthy.play(PLAY % "x", "-e", json.dumps(more), "-vvv", environment={"LAB_SECRET": SECRET}, check=0)
    results = [line for line in done.stdout.splitlines() if "wanted" in line or "is a node of" in line or '"msg"' in line]
    assert any("********" in line for line in results), done.stdout
    assert not [line for line in results if SECRET in line]
