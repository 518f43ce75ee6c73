"""Catalogues, folders and logs of SharePoint backups are read as the field has them, and none is believed alone."""
from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import sharepoint_history as history

REAL = Path(__file__).resolve().parents[4] / "shared" / "real" / "platform" / "sharepoint.jsonl"
NOT_READ = {
    "sharepoint-004": "a list of element names, no document; each name is known to the reader, see below",
    "sharepoint-007": "a sentence of documentation", "sharepoint-008": "a sentence of documentation",
    "sharepoint-009": "Backup-SPFarm -ShowTree is not asked: what was saved stands in spbackup.xml of the set",
}


def records():
    if not REAL.exists():
        warnings.warn(f"{REAL} is not there: its 7 records of SharePoint are not read", stacklevel=1)
        return []
    return [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]


RECORDS = records()


@pytest.mark.skipif(not RECORDS, reason="../shared/real is not there: the 7 records of SharePoint are not read")
def test_every_record_of_the_field_has_a_reader_or_a_reason():
    read = {record["id"] for record in RECORDS if record["topic"] in ("sharepoint/spbrtoc", "sharepoint/spbackup.log")}
    assert read | set(NOT_READ) == {record["id"] for record in RECORDS} and not read & set(NOT_READ)


@pytest.mark.parametrize("record", [record for record in RECORDS if record["topic"] == "sharepoint/spbrtoc"], ids=lambda record: record["id"])
def test_a_catalogue_of_the_field(record):
    found, truth = history.entries(record["text"]), record["truth"]
    assert len(found) == truth["entries"]
    for name, told in {"is_backup": "is_backup", "restore_method": "restore_method", "start": "started", "errors": "errors", "warnings": "warnings"}.items():
        if name in truth:
            assert found[0][told] == truth[name], record["id"]


@pytest.mark.parametrize("record", [record for record in RECORDS if record["topic"] == "sharepoint/spbackup.log"], ids=lambda record: record["id"])
def test_a_log_of_the_field(record):
    assert (history.unsaved([record["text"]]) == []) == record["truth"]["saved"], record["id"]


@pytest.mark.skipif(not RECORDS, reason="../shared/real is not there: the 7 records of SharePoint are not read")
def test_the_elements_that_a_report_of_the_field_reads_are_known():
    named = next(record for record in RECORDS if record["id"] == "sharepoint-004")["text"].split()
    ignored = {"SPDirectoryNumber", "SPTopComponentId", "SPParentID"}       # nothing hangs on them
    source = Path(history.__file__).read_text(encoding="utf-8")
    assert [name for name in named if name not in ignored and f'"{name}"' not in source] == []


def entry(**changed):
    told = {"id": "1", "is_backup": True, "method": "full", "restore_method": None, "configuration_only": False, "started": "2026-11-22T01:00:00",
            "finished": "2026-11-22T01:30:00", "folder": "spbr0000", "component": "Ferme", "errors": 0, "warnings": 0, "requested_by": None}
    return {**told, **changed}


def folder(name="spbr0000", **changed):
    return {name: {"name": name, "log_modified": "2026-11-22T00:30:00Z", "manifest": True, "unsaved": [], "components": ["WSS_Content"], **changed}}


@pytest.mark.parametrize(("changed", "beside", "outcome"), [
    ({}, folder(), "whole"),
    ({"warnings": 3}, folder(), "whole"),
    ({"warnings": 1}, folder(unsaved=["WSS_Content"]), "failed"),
    ({"errors": 2}, folder(), "failed"),
    ({"finished": None}, folder(), "incomplete"),
    ({}, folder(manifest=False), "incomplete"),
    ({}, folder(log_modified=None), "incomplete"),
    ({}, {}, "missing"),
    ({}, folder("spbr0001"), "missing"),
])
def test_what_a_set_is(changed, beside, outcome):
    found = history.sets([entry(**changed)], beside)
    assert [one["outcome"] for one in found if one["in_catalogue"]] == [outcome]
    assert (history.newest(found) is None) == (outcome != "whole")


@pytest.mark.parametrize("changed", [
    {"errors": observed.hole("failed", "x")}, {"errors": None}, {"warnings": None}, {"finished": observed.hole("failed", "x")},
    {"is_backup": observed.hole("failed", "x")},
    {"component": None}, {"method": None}, {"configuration_only": observed.hole("failed", "x")}])
def test_what_a_catalogue_does_not_tell_is_never_a_good_set(changed):
    assert observed.is_hole(history.newest(history.sets([entry(**changed)], folder())))


def test_a_log_that_was_not_read_makes_no_good_set():
    beside = folder(unsaved=observed.hole("denied", "x"))
    assert observed.is_hole(history.newest(history.sets([entry(warnings=1)], beside)))
    assert history.newest(history.sets([entry()], beside))["name"] == "spbr0000"       # SharePoint counts no warning, so there is none to read


def test_restores_parts_and_configurations_are_no_farm_backup():
    for changed in ({"is_backup": False}, {"component": "Farm\\WSS_Content"}, {"configuration_only": True}, {"method": "differential"}):
        assert history.newest(history.sets([entry(**changed)], folder())) is None, changed


def test_one_that_broke_off_before_its_log_was_written_is_newer_than_the_whole_one_before():
    broken = entry(id="2", folder="spbr0001", started="2026-11-23T01:00:00", finished=None)
    beside = {**folder(), **folder("spbr0001", log_modified=None)}
    assert [one["name"] for one in history.sets([broken, entry()], beside)] == ["spbr0000", "spbr0001"]
    beside["spbr0000"]["log_modified"] = "2026-11-24T00:30:00Z"
    assert [one["name"] for one in history.sets([broken, entry()], beside)] == ["spbr0001", "spbr0000"]
    unsure = {**broken, "started": observed.hole("failed", "x")}
    assert [one["name"] for one in history.sets([unsure, entry()], beside)] == ["spbr0000", "spbr0001"]


def test_a_folder_without_an_entry_hides_no_good_set_and_is_none():
    found = history.sets([entry()], {**folder(), **folder("spbr0001", log_modified="2026-11-23T00:00:00Z")})
    assert [(one["name"], one["outcome"]) for one in found] == [("spbr0000", "whole"), ("spbr0001", "incomplete")]
    assert history.newest(found)["name"] == "spbr0000"


@pytest.mark.parametrize("text", ["", "<SPBackupRestoreHistory>", "no XML", "<a></b>",
                                  "<!DOCTYPE x [<!ENTITY a \"b\">]><SPBackupRestoreHistory/>", "<!DOCTYPE x SYSTEM \"y\"><SPBackupRestoreHistory/>"])
def test_a_catalogue_that_is_not_whole_is_unknown(text):
    assert observed.is_hole(history.entries(text))


def test_hand_made_catalogues():
    text = ("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SPBackupRestoreHistory>\n<!-- cut --><SPHistoryObject><SPIsBackup> true </SPIsBackup>"
            "<SPBackupDirectory>\\\\v\\s\\spbr0007\\</SPBackupDirectory><SPDirectoryName/><SPStartTime>31/12/2026 01:00:00</SPStartTime>"
            "<SPErrorCount>none</SPErrorCount></SPHistoryObject><Other/></SPBackupRestoreHistory>")
    found, = history.entries(text)
    assert (found["is_backup"], found["folder"], found["finished"], found["method"]) == (True, "spbr0007", None, None)
    assert observed.is_hole(found["started"]) and observed.is_hole(found["errors"])


def test_lines_of_logs():
    assert history.unsaved(["[11/24/2026 1:00:05 AM]: Verbose: [Box] Saving to \\\\v\\s\\spbr0000\\0000004B.bak.", "Warning: [Box] is read-only",
                            "[24.11.2026 01:00:05]: Error: [Inhalt 1] \\\\v\\s\\spbr0000\\0000004C.BAK cannot be opened"]) == ["Inhalt 1"]
    assert observed.is_hole(history.unsaved(["Warnung: [Inhalt] \\\\v\\s\\spbr0000\\0000004C.bak kann nicht ge\u00f6ffnet werden"]))
    assert history.share(["[x]: Progress: [Farm] 55 percent complete.", "[x]: Verbose: [Box] Starting object: Box.", ""]) == (
        "[x]: Verbose: [Box] Starting object: Box.", 0.55)
    assert history.components(['  <SPBackupObject Name="A &amp; B">', '<SPBackupObject Name="C"><SPBackupObject Name="C">']) == ["A & B", "C"]
