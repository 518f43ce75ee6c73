"""sso_info and sso_secret_backup over what the lab's servers say: no password, no doubt that becomes a no."""
from __future__ import annotations

import copy
import functools

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped
from ansible_collections.biztalk.fault_tolerance.plugins.modules import sso_info, sso_secret_backup
from lab import estate as lab_estate
from lab import scenario
from lab.backend import Backend
from lab.batch import Batch
from lab.state import State

CLOCK, TOKEN = "2026-11-24T08:00:00Z", "0" * 16
BACKED_UP = "2026-11-12T08:00:00Z"
UNSEEN = observed.hole("denied", "Access is denied.")


@functools.cache
def _read(host):
    state = State(":memory:", lab_estate.build(copy.deepcopy(scenario.load("healthy")["estate"]), CLOCK), CLOCK)
    document = batch.batch({area: AREAS[area].steps({}) for area in sso_secret_backup.AREAS}, TOKEN)
    came = answer.parse("\n".join(Batch(Backend(state, host), document).lines()), document)
    return {area: shaped(area, came.areas.get(area)) for area in sso_secret_backup.AREAS}


def snapshot(host="bts01"):
    return {"areas": copy.deepcopy(_read(host))}


def asked(read, **options):
    return sso_secret_backup.inform({"max_age_days": 31, "secret_backup": None, "fail": False, **options}, read)


def event(id, at):
    return {"id": id, "at": at, "file": None, "computer": None, "secret_server": None}


def test_a_fresh_backup_needs_nothing():
    told = asked(snapshot(), fail=True)
    assert (told["needed"], told["instruction"], told["backed_up_at"][:19] + "Z") == (False, [], BACKED_UP)
    assert "failed" not in told


def test_a_server_without_the_secret_needs_none():
    assert asked(snapshot("bts03"), fail=True)["needed"] is False


NEEDED = {
    "nothing was ever taken": lambda sso: (sso.update(backups=[]), sso["events"].update(backed_up=[])),
    "an empty file is none": lambda sso: (sso["backups"][0].update(bytes=0), sso["events"].update(backed_up=[])),
    "ENTSSO warned since": lambda sso: sso["events"].update(not_backed_up=[event(10589, "2026-11-20T07:00:00Z")]),
    "another secret was made": lambda sso: sso["events"].update(generated=[event(10525, "2026-11-20T07:00:00Z")]),
    "it was restored from another file": lambda sso: sso["events"].update(restored=[event(10523, "2026-11-20T07:00:00Z")]),
}


@pytest.mark.parametrize("change", NEEDED.values(), ids=NEEDED)
def test_what_makes_a_backup_needed(change):
    read = snapshot()
    change(read["areas"]["sso"])
    told = asked(read)
    assert told["needed"] is True and len(told["reasons"]) == 1 and "failed" not in told
    assert any("ssoconfig -backupSecret" in step for step in told["instruction"])
    assert asked(read, fail=True)["failed"] and told["reasons"][0] in asked(read, fail=True)["msg"]


@pytest.mark.parametrize("days, needed", [(12, False), (11, True)])
def test_the_age_that_is_allowed(days, needed):
    assert asked(snapshot(), max_age_days=days)["needed"] is needed


UNTOLD = {
    "the key": lambda areas: areas["sso"].update(secret_key=UNSEEN),
    "the clock": lambda areas: areas.update(platform=UNSEEN),
    "the events": lambda areas: areas["sso"]["events"].update(not_backed_up=UNSEEN),
    "an event's instant": lambda areas: areas["sso"]["events"].update(generated=[event(10525, UNSEEN)]),
    "how far the log goes back": lambda areas: (areas["sso"]["events"].update(generated=[], restored=[]), areas["sso"].update(log_since=UNSEEN)),
    "what happened before the log begins": lambda areas: (areas["sso"]["events"].update(generated=[], restored=[]),
                                                          areas["sso"].update(log_since="2026-11-23T00:00:00Z")),
}


@pytest.mark.parametrize("change", UNTOLD.values(), ids=UNTOLD)
def test_what_was_not_seen_is_neither_yes_nor_no(change):
    read = snapshot()
    change(read["areas"])
    told = asked(read)
    assert told["needed"] is None and told["reasons"] and told["instruction"] and "failed" not in told
    assert asked(read, fail=True)["failed"]


def test_the_place_that_is_asked_for_stands_in_the_steps_and_is_read():
    read = snapshot()
    read["areas"]["sso"].update(backups=[])
    read["areas"]["sso"]["events"].update(backed_up=[])
    assert any(r"D:\Custody" in step for step in asked(read, secret_backup=r"D:\Custody")["instruction"])
    for module in (sso_info, sso_secret_backup):
        assert module.about({"secret_backup": r"D:\Custody"}) == {"sso_secret_backup": r"D:\Custody"}
        assert module.about({"secret_backup": None}) == {}


def test_info_tells_the_area_and_what_it_did_not_see():
    read = snapshot()
    assert sso_info.inform({}, read) == {"sso": read["areas"]["sso"], "unknown": []}
    read["areas"]["sso"]["version"] = UNSEEN
    assert sso_info.inform({}, read)["unknown"] == ["Access is denied."]


@pytest.mark.parametrize("inform", [lambda read: sso_info.inform({}, read), asked], ids=["sso_info", "sso_secret_backup"])
def test_a_server_that_was_not_read_fails(inform):
    read = snapshot()
    read["areas"]["sso"] = UNSEEN
    assert inform(read)["failed"] and "Access is denied." in inform(read)["msg"]


def test_what_lies_beside_the_backup_is_none():
    read = snapshot()
    read["areas"]["sso"]["events"].update(backed_up=[])
    read["areas"]["sso"].update(backups=[{"path": r"D:\Custody\readme.txt", "bytes": 9, "modified": "2026-11-23T08:00:00Z", "readers": []}])
    assert asked(read)["needed"] is True
