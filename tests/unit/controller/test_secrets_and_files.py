from __future__ import annotations

import base64
import html
import json
import os
import stat
import urllib.parse

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import contract, files, secrets, snapshots

CANARY = "c'a\"n<a>&r%y-é\\1"


@pytest.mark.parametrize("form", [
    CANARY, json.dumps(CANARY)[1:-1], urllib.parse.quote(CANARY, safe=""), html.escape(CANARY),
    base64.b64encode(CANARY.encode()).decode(), base64.b64encode(CANARY.encode("utf-16-le")).decode()])
def test_every_spelling_of_a_secret_is_masked_wherever_it_stands(form):
    gate = secrets.Gate([CANARY])
    masked = gate({"list": [f"before {form} after", {"deep": form}], "number": 7, "none": None})
    assert form not in json.dumps(masked, ensure_ascii=False) and secrets.MASK in masked["list"][0]
    assert masked["number"] == 7 and masked["none"] is None


def test_a_short_secret_is_masked_alone_and_does_not_eat_the_text():
    gate = secrets.Gate(["ab"])
    assert gate("ab") == secrets.MASK
    assert gate("cable") == "cable"


def test_a_secret_inside_a_longer_one_does_not_leave_a_rest():
    gate = secrets.Gate(["pass", "password1"])
    assert gate("is password1!") == f"is {secrets.MASK}!"


def test_the_connection_secrets_of_a_delegated_host_count_too():
    variables = {"ansible_password": "one1", "ansible_user": "u", "ansible_winrm_kinit_mode": "managed",
                 "ansible_delegated_vars": {"sql01": {"ansible_become_pass": "two2"}}}
    assert secrets.connection_secrets(variables) == ["one1", "two2"]


def test_a_snapshot_is_its_owners_alone_and_comes_back_whole(tmp_path):
    snapshot = {"schema": 1, "host": "sql01/../ü", "groups": [], "variables": {}, "status": "ok", "areas": {"x": "\udc80 é"}}
    written = snapshots.write(tmp_path / "s", snapshot)
    assert os.path.dirname(written["path"]) == str(tmp_path / "s")
    assert stat.S_IMODE(os.stat(written["path"]).st_mode) == 0o600
    assert os.path.getsize(written["path"]) == written["bytes"]
    assert snapshots.read(written["path"])["host"] == "sql01/../ü"
    assert [p.name for p in (tmp_path / "s").iterdir()] == [os.path.basename(written["path"])]


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written: Not a directory"):
        files.write(tmp_path / "file" / "folder", "report.json", {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "host": "a"}', '{"schema": 1}', "{", '{"schema": 1, "host": "a"}',
                                  '{"schema": 1, "host": "a", "groups": [], "variables": {}, "status": "ok", "areas": []}'])
def test_what_is_no_snapshot_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError) as refused:
        snapshots.read_folder(tmp_path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_an_empty_folder_is_no_estate(tmp_path):
    with pytest.raises(ValueError, match="no snapshot"):
        snapshots.read_folder(tmp_path)


@pytest.mark.parametrize("run, skip, asked", [
    (["all"], [], ["platform", "cluster"]),
    (["cluster"], [], ["cluster"]),
    (["all"], ["cluster"], ["platform"]),
    (["nothing"], [], []),
    (["tagged"], [], ["platform", "cluster"]),
])
def test_tags_are_area_names(run, skip, asked):
    assert contract.asked_areas(["platform", "cluster"], run, skip) == asked


def test_groups_decide_the_areas():
    assert contract.areas_of(["biztalk"], {}) == ["platform"]
    assert contract.areas_of(["biztalk", "cluster_node"], {}) == ["platform", "cluster"]
    assert contract.contract_groups(["web", "cluster_node", "all"]) == ["cluster_node"]
