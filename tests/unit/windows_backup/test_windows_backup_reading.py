# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Words of Windows Server Backup and the area's shape, on the lab and on records of the field."""

import json
import re
import sys
import warnings
import xml.etree.ElementTree as xml
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backup_site import CLOCK, Site  # noqa: E402

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, observed, windows_backup  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import windows_backup as area  # noqa: E402

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "real" / "platform" / "wsb.jsonl"
STEPS = {step["id"]: step for step in area.steps({})}


def records():
    if not RECORDS.exists():
        warnings.warn(f"{RECORDS.parent} is not there: no record of Windows Server Backup is read", stacklevel=1)
        return []
    return [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]


def shaped(**rows_of):
    """The shape of an answer whose steps brought these rows; every other step brought none."""
    steps = {}
    for id, step in STEPS.items():
        found = [{path: values.get(path, {"$missing": True}) for path in step["select"]} for values in rows_of.get(id, ())]
        runs = [answer.Run(found, [], []) for _run in step.get("each", [0])]
        steps[id] = answer.StepAnswer(id, "ok", "", runs)
    return area.shape(answer.AreaAnswer("windows_backup", 0.1, steps))


def listed(text):
    """Format-List as rows."""
    pairs = [re.match(r"(\w+) +:(?: (.*))?$", line) for line in text.splitlines()]
    return {match[1]: match[2] or "" for match in pairs if match}


@pytest.mark.parametrize(("spelled", "number"), [
    (2155348165, 0x807800C5), (-2139619131, 0x807800C5), ("-2139619131", 0x807800C5), ("2155348165", 0x807800C5), ("0x807800C5", 0x807800C5),
    ("807800c5", 0x807800C5), ("80780049", 0x80780049), (0, 0), ("0", 0), ("", None), (None, None), (True, None), ("yes", None), (2**32, None),
    (-2**31 - 1, None), ("0x1", None)])
def test_one_code_has_many_spellings(spelled, number):
    assert windows_backup.hresult(spelled) == number


def test_codes_are_told_in_words_and_as_hex():
    assert windows_backup.says(0) == "it succeeded" and windows_backup.says(0x8078015B).endswith("(0x8078015B)")
    assert windows_backup.says(0x80000001) == "it failed with 0x80000001"


def read_codes(record):
    codes = [windows_backup.code(windows_backup.hresult(word)) for word in re.findall(r"(?<![\w-])(?:0x)?80[0-9A-Fa-f]{6}(?!\w)", record["text"])]
    return codes


def read_sets(record):
    ids = re.findall(r"^(\S+) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", record["text"], re.MULTILINE)
    sets = shaped(summary=[{}], sets=[{"VersionId": id, "VssBackupOption": "VssFullBackup"} for id, _local in ids])["sets"]
    local = [datetime.fromisoformat(text + "+00:00") for _id, text in ids]
    return {"offsets_h": [round((datetime.fromisoformat(one["at"]) - there).total_seconds() / 3600) for one, there in zip(sets, local, strict=True)]}


def read_summary(record):
    seen = listed(record["text"])
    summary = shaped(summary=[{**seen, "NumberOfVersions": int(seen["NumberOfVersions"])}])["summary"]
    return {"versions": summary["versions"], "hr": summary["last_result"], "last_ok": (summary["last_result"], summary["last_detail"]) == (0, 0)}


def read_set(record):
    seen = listed(record["text"])
    one = shaped(summary=[{}], sets=[seen])["sets"][0]
    return {"utc": one["at"][:16] + "Z", "system_state": one["system_state"], "bare_metal": one["bare_metal"]}


def read_targets(record):
    paths = re.findall(r"(\\\\\?\\Volume\{[0-9a-f-]+\})", record["text"])
    rows = [{"TargetType": "Disk", "Path": path, "WBDisk.DiskId": path[-38:]} for path in paths]
    return {"targets": len(shaped(summary=[{}], policy=[{".": {"$object": "WBPolicy"}, "BMR": True}], targets=rows)["policy"]["targets"])}


def read_versions(record):
    return {"versions": [instant[:16] + "Z" for instant in windows_backup.version_instants(record["text"])]}


def read_log(record):
    return {"log_utc": windows_backup.log_instant(record["text"])}


def read_volumes(record):
    element = xml.fromstring(record["text"])
    return {name: windows_backup.code(windows_backup.hresult(element.get(key))) for name, key in (("hr", "HResult"), ("detailed_hr", "DetailedHResult"))}


def read_event(record):
    return {"code": read_codes(record)[0]}


def read_agent(record):
    hr, detail = read_codes(record)
    return {"hr": hr, "detailed_hr": detail}


READERS = {"wsb-004": read_versions, "wsb-006": read_log, "wsb-007": read_log, "wsb-009": read_summary, "wsb-010": read_sets, "wsb-011": read_targets,
           "wsb-019": read_set, "wsb-024": read_event, "wsb-037": read_volumes, "wsb-038": read_agent}
NOT_READ = {"success": "results are told by codes, never by the sentence of a console", "snapshot_ids": "no resource needs them",
            "id": "events of the backup engine are not read; its objects tell the same"}
NO_READER = {
    "wsb/delete-backup": "nothing of ours deletes backups", "wsb/recovery": "a restore is a person's work; its console is not read",
    "wsb/error": "results are told by codes, this one has none", "wsb/start-backup": "progress in words is shown, and means nothing",
    "wsb/event-schema": "events of the backup engine are not read; its objects tell the same", "wsb/other-tools": "types only, they agree with ours",
    "wsb/Get-WBBackupTarget": "read as an object below",
}


@pytest.mark.parametrize("record", records(), ids=lambda record: record["id"])
def test_every_record_is_read_to_its_truth(record):
    if record["id"] in READERS:
        assert READERS[record["id"]](record) == {name: value for name, value in record["truth"].items() if name not in NOT_READ}, record["id"]
    else:
        assert "truth" not in record and NO_READER[record["topic"]]


def test_a_volume_target_of_the_field_is_read():
    seen = {"Label": "Local Disk", "WBDisk.DiskId": None, "WBVolume.MountPoint": r"\\?\Volume{b7c93640-7bab-4973-aca9-acfc728c2f7b}",
            "WBVolume.MountPath": "G:", "Path": r"\\?\Volume{b7c93640-7bab-4973-aca9-acfc728c2f7b}", "TargetType": "Volume"}
    target = shaped(summary=[{}], policy=[{".": {"$object": "WBPolicy"}, "BMR": False, "SystemState": True}], targets=[seen])["policy"]["targets"][0]
    assert target == {"kind": "volume", "path": seen["Path"], "label": "Local Disk", "disk_id": None, "volume_id": seen["Path"]}


def test_a_healthy_host_has_no_hole():
    assert not list(observed.holes(Site().snapshot()))


def test_a_null_in_place_of_a_policy_is_no_policy():
    assert shaped(summary=[{}], policy=[{".": None, "BMR": None}])["policy"] is None
    assert shaped(summary=[{}])["policy"] is None


def test_never_is_null_and_no_instant():
    summary = shaped(summary=[{"LastBackupTime": "0001-01-01T00:00:00.0000000Z", "LastSuccessfulBackupTime": None}])["summary"]
    assert summary["last_run"] is None and summary["last_success"] is None


def test_a_code_that_is_none_is_unknown():
    assert observed.is_hole(shaped(summary=[{"LastBackupResultHR": "well"}])["summary"]["last_result"])


def test_without_the_feature_it_is_known_that_nothing_is_saved():
    found = Site({"feature": False}).snapshot()["areas"]["windows_backup"]
    assert found["installed"] is False and found["policy"] is None and found["summary"] is None and found["sets"] == []


@pytest.mark.parametrize("step", [id for id in STEPS if id not in ("schedule", "policy_volumes", "targets")])
def test_a_step_that_failed_leaves_holes_and_nothing_that_could_pass(step):
    site = Site()
    came = site.carry_out("windows_backup", list(STEPS.values()))
    denied = {"fqid": "X,Y", "category": "", "terminating": True, "chain": [
        {"type": "System.UnauthorizedAccessException", "hresult": 0, "native": 5, "message": ""}]}
    came.steps[step] = answer.StepAnswer(step, "failed", "", [answer.Run([], [denied], []) for _run in STEPS[step].get("each", [0])])
    assert list(observed.holes(area.shape(came)))


@pytest.mark.parametrize(("service", "product"), [("VeeamEndpointBackupSvc", "Veeam"), ("GxCVD(Instance001)", "Commvault"), ("obengine", "Azure")])
def test_other_products_are_seen_by_their_services(service, product):
    site = Site()
    site.state.hosts[site.host]["services"][service] = {"display": "x", "state": "Running", "mode": "Auto", "account": "LocalSystem"}
    found = site.snapshot()["areas"]["windows_backup"]["other_products"]
    assert [one["service"] for one in found] == [service] and product in found[0]["product"]
    site.state.hosts[site.host]["services"][service]["mode"] = "Disabled"
    assert site.snapshot()["areas"]["windows_backup"]["other_products"] == []


def test_the_clock_is_the_hosts():
    assert Site().snapshot()["areas"]["windows_backup"]["clock"][:19] == CLOCK[:19]
