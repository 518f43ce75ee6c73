"""The area vault on the lab's hosts: whole sets, and everything that makes one that is not."""
from __future__ import annotations

import pytest
from vault_lab import Site

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

ITEMS = "Microsoft.PowerShell.Management\\"
SET = r"E:\Vault\IIS01\iis\IIS01-iis-20261123T020000Z"
NAME = "IIS01/iis/IIS01-iis-20261123T020000Z"


def sets(site, host="vault02"):
    return {one["name"]: one for one in site.read(host)["sets"]}


def test_a_healthy_vault():
    read = Site().read("vault02")
    assert not list(observed.holes(read))
    assert read["path"] == r"E:\Vault"
    assert len(read["sets"]) > 20 and all(one["whole"] is True and not one["copying"] for one in read["sets"])
    one = next(one for one in read["sets"] if one["name"] == NAME)
    assert (one["taken_at"], one["copied_at"], one["verified_at"], one["files"]) == (
        "2026-11-23T02:00:00Z", "2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z", 4)
    assert read["procedures"]["files"] == 1
    assert {one["sid"]: one["everybody"] for one in read["writers"]}.items() >= {"S-1-5-18": False, "S-1-5-32-544": False}.items()
    assert len(read["writers"]) == 3 and [share["name"] for share in read["shares"]] == ["vault"] and read["shares"][0]["encrypted"] is True


FAULTS = {
    "a missing file": ([call("x", ITEMS + "Remove-Item", {"LiteralPath": SET + r"\content\web.config"})], "holds 3 files"),
    "a file more": ([call("x", ITEMS + "Set-Content", {"LiteralPath": SET + r"\new.txt", "Value": "x"})], "holds 5 files"),
    "a truncated file": ([call("x", ITEMS + "Clear-Content", {"LiteralPath": SET + r"\content\web.config"})], "bytes"),
    "a file that was written anew": ([call("x", ITEMS + "Set-Content", {
        "LiteralPath": SET + r"\content\web.config", "Value": "<configuration?>", "NoNewline": True, "Encoding": "ASCII"})], "times"),
    "a renamed file": ([call("x", ITEMS + "Rename-Item", {"LiteralPath": SET + r"\content\web.config", "NewName": "web.old"})], "Names"),
    "no manifest": ([call("x", ITEMS + "Remove-Item", {"LiteralPath": SET + ".manifest.jsonl"})], "no manifest"),
    "the manifest of another set": ([
        call("x", ITEMS + "Copy-Item", {"LiteralPath": SET.replace("1123T", "1120T") + ".manifest.jsonl", "Destination": SET + ".manifest.jsonl"})],
        "another set"),
    "a manifest that was cut off": ([
        call("head", ITEMS + "Get-Content", {"LiteralPath": SET + ".manifest.jsonl", "TotalCount": 2}),
        call("x", ITEMS + "Set-Content", {"LiteralPath": SET + ".manifest.jsonl", "Value": {"$ref": "head"}})], "not whole"),
    "an empty manifest": ([call("x", ITEMS + "Clear-Content", {"LiteralPath": SET + ".manifest.jsonl"})], "manifest"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_in_its_set_and_no_other(fault):
    site = Site()
    steps, words = FAULTS[fault]
    site.call("vault02", *steps)
    found = sets(site)
    assert found[NAME]["whole"] is False and words in found[NAME]["why_not"]
    assert all(one["whole"] is True for name, one in found.items() if name != NAME)


def test_a_folder_that_is_gone_and_one_that_is_being_copied():
    site = Site()
    site.call("vault02", call("x", ITEMS + "Remove-Item", {"LiteralPath": SET, "Recurse": True}))
    found = sets(site)
    assert found[NAME]["whole"] is False and "its folder is not" in found[NAME]["why_not"]
    site = Site()
    site.call("vault02", call("x", ITEMS + "Rename-Item", {"LiteralPath": SET, "NewName": SET.rpartition("\\")[2] + ".partial"}))
    found = sets(site)
    assert found[NAME + ".partial"]["copying"] is True and found[NAME + ".partial"]["whole"] is False


def test_what_is_not_there_or_was_not_told_is_no_empty_vault():
    site = Site()
    for read in (site.read("vault02", vault_path=r"E:\Elsewhere"), site.read("vault02", vault_path="")):
        assert all(observed.is_hole(read[part]) for part in ("path", "sets", "procedures", "writers"))
