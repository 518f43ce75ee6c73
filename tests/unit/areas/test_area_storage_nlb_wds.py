"""Areas storage, nlb and wds: what Windows said becomes plain data, and what it did not say a hole; records of the field are read to their truth."""
from __future__ import annotations

import importlib.util
import json
import pathlib
import re

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, observed, windows_features
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import cluster, nlb, storage, wds

_spec = importlib.util.spec_from_file_location("area_answers", pathlib.Path(__file__).with_name("answers.py"))
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)
area_answer, error, row = answers.area_answer, answers.error, answers.row

REAL = pathlib.Path(__file__).resolve().parents[4] / "shared" / "real" / "platform"
NO_READER = {
    "storage-003": "no event log of disks is read: the virtual disk says itself that it is not healthy",
    "storage-004": "the same, of a shared volume", "storage-019": "no control reads redirected access of shared volumes, which is normal on ReFS",
    "storage-008": "mpclaim's text is translated; paths are read by CIM", "storage-009": "as storage-008", "storage-010": "as storage-008",
    "storage-015": "counters of wear are not read: behind a controller there are none",
    "nlb_wds-005": "virtual addresses are not compared", "nlb_wds-007": "the text of wlbs, of 2003; the driver is read by cmdlets",
    "nlb_wds-008": "help text of the same", "nlb_wds-013": "labels of wdsutil, which writes translated words and is not asked",
}


def records():
    found = []
    for name in ("storage.jsonl", "nlb_wds.jsonl"):
        if not (REAL / name).exists():
            return [pytest.param(None, marks=pytest.mark.skip(
                reason=f"NOT CHECKED AGAINST THE FIELD: ../shared/real/platform/{name} is absent; its 21 records of storage, NLB and WDS were not read"))]
        found += [json.loads(line) for line in (REAL / name).read_text(encoding="utf-8").splitlines()]
    return [pytest.param(record, id=record["id"]) for record in found]


def listed(text):
    """The objects of Format-List output."""
    objects = [{}]
    for line in text.splitlines():
        match = re.match(r"(\w+)\s*:(?:\s(.*))?$", line)
        if match and match[1] in objects[-1]:
            objects.append({})
        if match:
            value = (match[2] or "").strip()
            objects[-1][match[1]] = {"True": True, "False": False, "": None}.get(value, int(value) if value.isdigit() else value)
    return [one for one in objects if one]


def table(text, columns):
    """The objects of a table whose cells hold no blanks; names of columns are ours, since headers lie."""
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.startswith("---"))
    objects = []
    for line in lines[rule + 1:]:
        if not line.strip():
            break
        cells = [{"True": True, "False": False}.get(cell, int(cell) if cell.isdigit() else cell) for cell in line.split()]
        objects.append(dict(zip(columns, cells)))
    return objects


def read(area, step, objects):
    select = next(one["select"] for one in area.steps({}) if one["id"] == step)
    objects = [{path: one[path] for path in select if path in one} for one in objects]
    return area.shape(area_answer(area.NAME, {step: [objects]}))


def pools(record, truth):
    seen = read(storage, "storage_pools", table(record["text"], ["FriendlyName", "OperationalStatus", "HealthStatus", "IsPrimordial", "IsReadOnly"]))["pools"]
    assert [pool["name"] for pool in seen] == truth["pools"] and [(pool["health"], pool["ok"]) for pool in seen] == [("Healthy", True)]


def resiliency(record, truth):
    rows = table(record["text"], ["ResiliencySettingName", "NumberOfDataCopies", "PhysicalDiskRedundancy"])
    seen = read(storage, "storage_virtual_disks", rows)["virtual_disks"]
    assert [rows[place]["ResiliencySettingName"] for place, one in enumerate(seen) if one["resiliency"] != "none"] == truth["redundant"]
    assert [one["resiliency"] for one in seen] == ["none", "mirror", "parity"]


def one_drive_called_raid(record, truth):
    given = listed(record["text"])[0]
    disk = read(storage, "storage_disks", [{**given, "Number": given["DiskNumber"], "Size": given["AllocatedSize"]}])["disks"][0]
    assert (disk["bus"], disk["health"], disk["ok"]) == (truth["bus"], "Healthy", True)
    assert (disk["resiliency"] != "not shown") == truth["redundancy_known"] and disk["hides_members"]


def physical(record, truth):
    seen = read(storage, "storage_physical_disks", [
        {"FriendlyName": "PhysicalDisk2", "OperationalStatus": "OK", "HealthStatus": "Healthy", "Usage": "Data Store"}])
    assert seen["physical_disks"][0]["health"] == "Healthy" and not seen["physical_disks"][0]["retired"]


def partitions(record, truth):
    seen = read(storage, "storage_partitions", table(record["text"], ["PartitionNumber", "DriveLetter"]))
    assert seen["volumes"] == []


def disks(record, truth):
    seen = read(storage, "storage_disks", [{"Number": number, "FriendlyName": "VBOX HARDDISK", "HealthStatus": "Healthy", "OperationalStatus": "Online"}
                                           for number in (0, 1)])["disks"]
    assert [(disk["name"], disk["ok"]) for disk in seen] == [("disk 0", True), ("disk 1", True)] and observed.is_hole(seen[0]["resiliency"])


def nodes(record, truth):
    seen = read(nlb, "nlb_nodes", table(record["text"], ["Name", "State", "InterfaceName", "HostPriority"]))["nodes"]
    assert {node["name"]: {"priority": node["priority"], "state": node["state"]} for node in seen} == truth


def driver(record, truth):
    seen = read(nlb, "nlb_driver", listed(record["text"].split("PS C:")[1]))
    assert (seen["own_priority"], seen["own_state"] == "Started") == (2, truth["converged"])


def interfaces(record, truth):
    seen = read(nlb, "nlb_interfaces", listed(record["text"]))["interfaces"]
    assert {one["name"]: one["bound"] for one in seen} == truth


def remote_call_failed(record, truth):
    assert answer.reason(error(hresult=int(truth["code"], 16)))[0] == "unreachable"


READERS = {"storage-014": pools, "storage-017": resiliency, "storage-020": one_drive_called_raid, "storage-013": physical, "storage-018": partitions,
           "storage-012": disks, "nlb_wds-002": nodes, "nlb_wds-004": driver, "nlb_wds-006": interfaces, "nlb_wds-009": remote_call_failed}


@pytest.mark.parametrize("record", records())
def test_every_record_of_the_field_is_read_to_its_truth_or_has_a_reason(record):
    if record["id"] in NO_READER:
        assert record["id"] not in READERS
        return
    READERS[record["id"]](record, record.get("truth"))


# --- storage

SPACE = {"FriendlyName": "Backups", "UniqueId": "AB", "ResiliencySettingName": "Mirror", "NumberOfDataCopies": 2, "PhysicalDiskRedundancy": 1,
         "HealthStatus": 0, "OperationalStatus": [2], "Size": 100}


def disk(**told):
    return {"Number": 0, "FriendlyName": "Disk", "BusType": 11, "HealthStatus": 0, "OperationalStatus": 0xD010, "IsOffline": False, "IsClustered": False,
            "Size": 100, "SerialNumber": " S1 ", "UniqueId": "AB", "Model": "Disk", "FirmwareVersion": "1", **told}


@pytest.mark.parametrize(("bus", "resiliency", "hides"), [
    (11, "none", False), (17, "none", False), (7, "none", False), (16, "mirror", False),
    (8, "not shown", True), (10, "not shown", True), (1, "not shown", True), (6, "not shown", True), (9, "not shown", True), (0, None, None)])
def test_a_bus_proves_a_single_drive_and_never_redundancy(bus, resiliency, hides):
    seen = storage.shape(area_answer("storage", {"storage_disks": [[disk(BusType=bus)]], "storage_virtual_disks": [[SPACE]]}))["disks"][0]
    if bus == 0:
        seen = storage.shape(area_answer("storage", {"storage_disks": [[disk(BusType=99)]]}))["disks"][0]
        assert observed.is_hole(seen["hides_members"]) and observed.is_hole(seen["resiliency"])
        return
    assert (seen["resiliency"], seen["hides_members"], seen["serial"]) == (resiliency, hides, "S1")


def test_a_space_whose_virtual_disk_was_not_seen_is_unknown_and_so_is_a_tiered_one():
    seen = storage.shape(area_answer("storage", {"storage_disks": [[disk(BusType=16, UniqueId="other")]], "storage_virtual_disks": [[SPACE]]}))
    assert observed.is_hole(seen["disks"][0]["resiliency"])
    tiered = storage.shape(area_answer("storage", {"storage_virtual_disks": [[{**SPACE, "NumberOfDataCopies": None, "PhysicalDiskRedundancy": None}]]}))
    assert observed.is_hole(tiered["virtual_disks"][0]["resiliency"])


VOLUME = {"Path": "\\\\?\\Volume{1}\\", "DriveLetter": "E", "FileSystemLabel": "", "FileSystem": "NTFS", "DriveType": 3, "HealthStatus": 0, "Size": 200,
          "SizeRemaining": 50, "DedupMode": 4}


def volumes(**told):
    given = {"storage_disks": [[disk()]], "storage_volumes": [[VOLUME]], "storage_partitions": [[
        {"DiskNumber": 0, "PartitionNumber": 1, "AccessPaths": ["E:\\", "C:\\mounted\\", "\\\\?\\Volume{1}\\"]}]],
        "storage_compression": [[{"DeviceID": "\\\\?\\Volume{1}\\", "Compressed": False}]], **told}
    return storage.shape(area_answer("storage", given))["volumes"]


def test_a_volume_has_its_paths_its_disk_and_what_is_free():
    (seen,) = volumes()
    assert (seen["name"], seen["paths"], seen["disk"], seen["resiliency"], seen["free_percent"]) == ("E:\\", ["E:\\", "C:\\mounted\\"], "disk 0", "none", 25)
    assert (seen["dedup"], seen["compressed"], seen["health"]) == (False, False, "Healthy")
    (seen,) = volumes(storage_volumes=[[{**VOLUME, "DriveLetter": "\0", "DedupMode": 3}]])
    assert (seen["name"], seen["dedup"]) == ("E:\\", True)
    assert volumes(storage_volumes=[[{**VOLUME, "DriveType": 5}]]) == []


@pytest.mark.parametrize("lost", [{"storage_partitions": [[]]}, {"storage_partitions": [[error(native=5)]]}, {"storage_disks": [[]]}])
def test_a_volume_that_lies_on_no_known_disk_has_no_known_resiliency(lost):
    (seen,) = volumes(**lost)
    assert observed.is_hole(seen["resiliency"]) and observed.is_hole(seen["disk"])


def test_paths_are_null_without_mpio_and_a_hole_where_they_were_refused():
    def mpio(run):
        return storage.shape(area_answer("storage", {"storage_paths": [run]}))["mpio"]
    assert mpio([error(fqid="HRESULT 0x80041010,GetCimInstanceCommand")]) is None
    assert observed.is_hole(mpio([error(native=5)]))
    two = mpio([{"DriveInfo.Name": ["MPIO Disk0", "MPIO Disk1"], "DriveInfo.NumberPaths": [2, 1], "DriveInfo.SerialNumber": ["A", "B"],
                 "DriveInfo.DsmName": ["Microsoft DSM"] * 2}])
    assert [(one["name"], one["paths"]) for one in two] == [("MPIO Disk0", 2), ("MPIO Disk1", 1)]
    assert observed.is_hole(mpio([{"DriveInfo.Name": ["MPIO Disk0"], "DriveInfo.NumberPaths": [2, 1], "DriveInfo.SerialNumber": ["A"],
                                   "DriveInfo.DsmName": ["x"]}])[0])


# --- nlb, wds, features, reports

@pytest.mark.parametrize(("said", "state"), [
    ("Converged(default)", "Converged"), ("Converged", "Converged"), ("Stopped", "Stopped"), ("Converging (1)", "Converging")])
def test_a_state_loses_its_decoration(said, state):
    assert nlb.state(said) == state


def test_a_state_that_is_a_bare_number_is_unknown():
    seen = read(nlb, "nlb_nodes", [{"Name": "A", "HostPriority": 1, "State": 1008, "InterfaceName": "x", "InitialHostState": "Started"}])["nodes"][0]
    assert observed.is_hole(seen["state"])


def test_features_that_windows_does_not_list_are_not_installed_and_odd_states_are_unknown():
    def installed(objects):
        return windows_features.installed(area_answer("wds", {"wds_features": [objects]}), "wds_features", list(wds.FEATURES))
    first, second = wds.FEATURES
    assert [one["installed"] for one in installed([{"Name": first.upper(), "InstallState": 1}])] == [True, False]
    assert [one["installed"] for one in installed([{"Name": second, "InstallState": 2}])] == [False, False]
    assert observed.is_hole(installed([{"Name": first, "InstallState": 4}])[0]["installed"])
    assert observed.is_hole(installed([error(native=5)]))


@pytest.mark.parametrize(("version", "build"), [("10.0.17763.6532", "17763"), ("6.3.9600", "9600"), ("", None), (None, None), ("x.y.z", None)])
def test_the_build_of_an_image_is_that_of_its_version(version, build):
    seen = read(wds, "wds_boot", [{"ImageName": "x", "Version": version, "Enabled": True, "CreationTime": "2026-01-01T00:00:00Z"}])["boot_images"][0]
    assert seen["build"] == build if build else observed.is_hole(seen["build"])
    assert seen["modified"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(("icons", "verdict"), [
    (["SuccessImg"], "passed"), (["SuccessImg", "WarningImg"], "warnings"), (["WarningImg", "FailedImg"], "failed"), (["failedimg"], "failed"),
    ([], None), (["SuccessImg", "MoonImg"], None), (["MoonImg", "FailedImg"], "failed")])
def test_a_report_is_told_by_its_icons_and_by_no_word(icons, verdict):
    seen = cluster.verdict([[f'<IMG name="{icon}'] for icon in icons])
    assert seen == verdict if verdict else observed.is_hole(seen)


def test_reports_of_a_node_are_those_in_its_folder_and_none_where_there_is_no_folder():
    files = [[{"Name": "Bericht.htm", "LastWriteTimeUtc": "2026-10-15T08:00:00Z"}], [{"Name": "old.mht", "LastWriteTimeUtc": "2020-10-15T08:00:00Z"}]]
    results = [[{"Matches.Value": ['<img name="SuccessImg']}], []]
    seen = cluster.shape(area_answer("cluster", {"report_files": files, "report_results": results}))["reports"]
    assert [(one["name"], one["verdict"]) for one in seen[:1]] == [("Bericht.htm", "passed")] and observed.is_hole(seen[1]["verdict"])
    gone = error(fqid="PathNotFound,GetChildItem", type="System.Management.Automation.ItemNotFoundException")
    assert cluster.shape(area_answer("cluster", {"report_files": [[gone], [gone]]}))["reports"] == []
    denied = cluster.shape(area_answer("cluster", {"report_files": [[error(native=5)], [gone]]}))["reports"]
    assert len(denied) == 1 and observed.is_hole(denied[0])


def test_every_step_takes_what_its_rows_need():
    for area in (storage, nlb, wds):
        for step in area.steps({}):
            assert row(step["select"], {})
