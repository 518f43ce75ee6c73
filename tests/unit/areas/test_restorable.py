"""A set that is opened: what was written is whole, and each kind of damage is found."""
from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import restorable
from ansible_collections.biztalk.fault_tolerance.plugins.modules import restore_check

PATH = r"D:\Sets\IIS01-iis-20261124T020000Z"
FILES = {rf"{PATH}\config\applicationHost.config": "AA11", rf"{PATH}\keys\k1.xml": "BB22"}
INDEX = {"schema": 1, "set": PATH.rpartition("\\")[2], "parts": [{"name": "configuration", "path": "config", "complete": True, "why_not": ""}]}
HOLE = observed.hole("denied", "Access is denied.")


def read():
    files = {**FILES, rf"{PATH}\index.json": "CC", rf"{PATH}\hashes.json": "DD"}
    return {"index": "\ufeff" + json.dumps(INDEX), "hashes": json.dumps([{"Algorithm": "SHA256", "Hash": sha, "Path": path} for path, sha in FILES.items()]),
            "files": [{"path": path, "sha256": sha.lower()} for path, sha in files.items()],
            "configurations": [{"path": rf"{PATH}\config\applicationHost.config", "parses": True}]}


def checked(change=None):
    made = copy.deepcopy(read())
    if change:
        change(made)
    return restore_check.inform({"path": PATH + "\\"}, {"areas": {"restorable": made}})


def test_a_set_that_is_as_it_was_written_is_whole():
    found = checked()
    assert found["outcome"] == "whole" and found["problems"] == [] and found["set"] == "IIS01-iis-20261124T020000Z"
    assert found["opened"] == ["4 files by SHA-256", "1 configuration files parsed"]


@pytest.mark.parametrize(("change", "says"), [
    (lambda r: r["files"].pop(1), "k1.xml is missing"),
    (lambda r: r["files"][0].update(sha256="AA12"), "applicationHost.config is not what was written"),
    (lambda r: r["files"].append({"path": rf"{PATH}\more.txt", "sha256": "0"}), "more.txt was not there"),
    (lambda r: r["configurations"][0].update(parses=False), "is no XML"),
    (lambda r: r["configurations"][0].update(parses=HOLE), "could not be read: Access is denied."),
    (lambda r: r.update(index='{"schema": 1'), "index.json is not whole"),
    (lambda r: r.update(index=json.dumps({**INDEX, "set": "another"})), "not that of this folder"),
    (lambda r: r.update(index=json.dumps({**INDEX, "parts": [{**INDEX["parts"][0], "complete": False, "why_not": "No right."}]})),
     "configuration is not complete"),
])
def test_damage_is_found(change, says):
    found = checked(change)
    assert found["outcome"] == "broken" and any(says in problem for problem in found["problems"]), found


@pytest.mark.parametrize("change", [lambda r: r.update(index=HOLE), lambda r: r.update(hashes=HOLE), lambda r: r.update(files=HOLE),
                                    lambda r: r["files"].append(HOLE), lambda r: r["files"][0].update(sha256=HOLE),
                                    lambda r: r.update(hashes='[{"Path"')])
def test_what_could_not_be_read_is_no_whole_set(change):
    assert checked(change)["outcome"] == "not_opened"


def test_an_area_without_an_answer_is_not_opened():
    found = restore_check.inform({"path": PATH}, {"areas": {"restorable": HOLE}})
    assert (found["outcome"], found["problems"]) == ("not_opened", ["Access is denied."])


def test_without_a_path_nothing_is_read():
    assert restorable.steps({}) == [] and len(restorable.steps(restore_check.about({"path": PATH + "\\"}))) == 6
