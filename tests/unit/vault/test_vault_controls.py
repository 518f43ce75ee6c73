"""The controls of OFF over the lab's vaults: a pass on the healthy ones, every fault found, and nothing that was not seen passes."""
from __future__ import annotations

import dataclasses

import pytest
from vault_lab import Site, snapshots

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, judge, vaults

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.subject == "vault" and c.id != "FT-OFF-007"]     # people attest that one: test_attestations
OWN = dataclasses.replace(BASELINE, controls=tuple(CONTROLS))
ITEMS = "Microsoft.PowerShell.Management\\"


def judged(made):
    return judge.judge(made, {}, OWN, judge.Options(now="2026-11-24T09:00:00Z"))["findings"]


def found(findings, status="fail"):
    return {(f["control"], f["subject"], i["item"]) for f in findings for i in f["items"] if i["status"] == status}


def test_the_healthy_vaults_pass():
    findings = judged(snapshots(Site()))
    assert {(f["control"], f["subject"], f["status"]) for f in findings} == {
        (c.id, f"vault:{host}", "pass") for c in CONTROLS for host in ("vault01", "vault02")}, [f["evidence"] for f in findings if f["status"] != "pass"]


def removed(host, root, *sets):
    def act(site):
        for one in sets:
            folder, _backslash, name = one.rpartition("\\")
            paths = [rf"{root}\{one}", rf"{root}\{folder}\{name}.manifest.jsonl"]
            site.call(host, call("x", ITEMS + "Remove-Item", {"LiteralPath": paths, "Recurse": True}))
    return act


IIS = ("IIS01\\iis\\IIS01-iis-20261120T020000Z", "IIS01\\iis\\IIS01-iis-20261123T020000Z")
BOTH = ("vault:vault01", "vault:vault02")
PLANTED = {
    "one copy of the newest set is left": (removed("vault01", r"E:\Copies", IIS[1]), {("FT-OFF-001", vault, "iis01/iis") for vault in BOTH}),
    "nothing was ever copied": (lambda site: (removed("vault01", r"E:\Copies", *IIS)(site), removed("vault02", r"E:\Vault", *IIS)(site)),
                                {(control, vault, "iis01/iis") for vault in BOTH for control in ("FT-OFF-001", "FT-OFF-004")}),
    "nothing is left at the other site": (removed("vault02", r"E:\Vault", *IIS), {
        *((control, vault, "iis01/iis") for vault in BOTH for control in ("FT-OFF-001", "FT-OFF-004", "FT-OFF-006"))}),
    "the procedures are thrown away": (
        lambda site: site.call("vault02", call("x", ITEMS + "Remove-Item", {"LiteralPath": r"E:\Vault\procedures", "Recurse": True})),
        {("FT-OFF-002", "vault:vault02", "")}),
    "the share is not encrypted any more": (
        lambda site: site.call("vault02", call("x", r"SmbShare\Set-SmbShare", {"Name": "vault", "EncryptData": False})),
        {("FT-OFF-003", "vault:vault02", "vault")}),
    "a file was cut off": (
        lambda site: site.call("vault02", call("x", ITEMS + "Clear-Content", {"LiteralPath": rf"E:\Vault\{IIS[0]}\index.json"})),
        {("FT-OFF-005", "vault:vault02", "IIS01/iis/IIS01-iis-20261120T020000Z")}),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_each_fault_is_found(fault):
    act, wanted = PLANTED[fault]
    site = Site()
    act(site)
    assert found(judged(snapshots(site))) == wanted


def test_old_copies_and_old_comparisons_are_found():
    site = Site()
    site.state.move_clock(9 * 86400)
    failing = {control for control, _subject, _item in found(judged(snapshots(site)))}
    assert failing == {"FT-OFF-004"}
    site.state.move_clock(25 * 86400)
    assert {control for control, _subject, _item in found(judged(snapshots(site)))} == {"FT-OFF-004", "FT-OFF-005"}
    site.state.move_clock(400 * 86400)
    assert {control for control, _subject, _item in found(judged(snapshots(site)))} == {"FT-OFF-002", "FT-OFF-004", "FT-OFF-005"}


def test_a_vault_next_door_is_no_other_place():
    def moved(name, variables):
        if name == "vault02":
            variables["location"] = "52.53, 13.41"
    assert {control for control, _subject, _item in found(judged(snapshots(Site(), moved)))} == {"FT-OFF-006"}


def test_what_the_inventory_does_not_say_is_unknown():
    def silent(name, variables):
        variables.update(site="", location="")
    findings = judged(snapshots(Site(), silent))
    assert {f["control"] for f in findings if f["status"] == "unknown"} == {"FT-OFF-001", "FT-OFF-004", "FT-OFF-006"}
    assert not found(findings)


@pytest.mark.parametrize("part", ["sets", "procedures", "writers", "shares"])
def test_what_was_not_seen_does_not_pass(part):
    made = snapshots(Site())
    reads = {"sets": {"FT-OFF-001", "FT-OFF-004", "FT-OFF-005", "FT-OFF-006"}, "procedures": {"FT-OFF-002"},
             "writers": {"FT-OFF-003"}, "shares": {"FT-OFF-003"}}
    for one in made:
        if one["host"] == "vault02":
            one["areas"]["vault"][part] = observed.hole("denied", "Access is denied.")
    unknown = {f["control"] for f in judged(made) if f["status"] == "unknown"}
    assert unknown == reads[part]


def test_an_unread_vault_is_unknown_in_all():
    made = snapshots(Site())
    next(one for one in made if one["host"] == "vault02")["areas"]["vault"] = observed.hole("unreachable", "It does not answer.")
    findings = judged(made)
    assert {f["status"] for f in findings if f["subject"] == "vault:vault02"} == {"unknown"}
    assert {f["control"] for f in findings if f["subject"] == "vault:vault01" and f["status"] == "unknown"} == {
        "FT-OFF-001", "FT-OFF-004", "FT-OFF-006"}


def test_kilometres():
    assert vaults.distance(vaults.place("52.52, 13.40"), vaults.place("48.14,11.58")) == 504
    assert vaults.place("52.52") is None and vaults.place("north, south") is None and vaults.place("91, 0") is None
