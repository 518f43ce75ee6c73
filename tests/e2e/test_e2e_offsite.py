"""Copies off site over the wire: from a set on a web server to a whole one in the vault, and the playbook that looks at all of them."""
from __future__ import annotations

PLAY = """
- hosts: iis01
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: biztalk.fault_tolerance.offsite}
      vars: {offsite_vault: '\\\\vault02\\vault', offsite_kinds: [iis]}
"""


def held(estate):
    done = estate.play("verify_offsite", check=None)
    return done, estate.lab.call(lambda: [entry.path for entry in estate.lab.state.files.below("vault02", r"E:\Vault\IIS01\iis")])


def test_a_set_goes_to_the_vault_once_and_the_vault_is_whole(healthy):
    _done, before = held(healthy)
    foretold = healthy.play(PLAY, "--check", check=0)
    hash_before = healthy.state_hash()
    assert "complete[IIS01-iis-" in foretold.stdout and healthy.state_hash() == hash_before
    healthy.play(PLAY, check=0)
    done, after = held(healthy)
    assert done.returncode == 0 and "sets are what their manifests say" in done.stdout
    assert len(after) > len(before) and not any(path.endswith(".partial") for path in after)
    assert "changed=0" in healthy.play(PLAY, check=0).stdout


def test_the_playbook_names_what_is_not_whole(healthy):
    from lab.files import SYSTEM, View
    healthy.lab.call(lambda: View(healthy.lab.state, "vault02", SYSTEM).make_folder(r"E:\Vault\IIS01\iis\by hand"))
    done, _held = held(healthy)
    assert done.returncode != 0 and "IIS01/iis/by hand" in done.stdout
