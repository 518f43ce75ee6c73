"""Event logs of the lab."""
from __future__ import annotations

import pytest

from lab.cmdlets.events import add_event

GET = r"Microsoft.PowerShell.Diagnostics\Get-WinEvent"


@pytest.fixture
def log(console):
    host = console.state.hosts["bts03"]
    host["events"] = []
    for id, time, inserts in ((10525, "2026-11-01T08:00:00Z", []), (10559, "2026-11-20T08:00:00Z", ["C:\\s.bak", "m"]), (10501, "2026-11-21T08:00:00Z", [])):
        add_event(host, "Application", "ENTSSO", id, time, inserts)
    return console


def ids(objects):
    return [obj.properties["Id"] for obj in objects]


def test_the_newest_comes_first_and_a_filter_narrows(log):
    everything = {"LogName": "Application", "ProviderName": "ENTSSO"}
    assert ids(log.ok("bts03", GET, FilterHashtable=everything)) == [10501, 10559, 10525]
    assert ids(log.ok("bts03", GET, FilterHashtable={**everything, "ID": [10559, 10525]}, MaxEvents=1)) == [10559]
    assert ids(log.ok("bts03", GET, FilterHashtable={**everything, "StartTime": "2026-11-21"})) == [10501]
    assert ids(log.ok("bts03", GET, LogName="Application", Oldest=True, MaxEvents=1)) == [10525]
    (backup,) = log.ok("bts03", GET, FilterHashtable={**everything, "Id": 10559})
    assert [part.properties["Value"] for part in backup.properties["Properties"]] == ["C:\\s.bak", "m"]


@pytest.mark.parametrize(("given", "first"), [
    ({"LogName": "Application", "ProviderName": "ENTSSO", "Id": 1}, "NoMatchingEventsFound"),
    ({"LogName": "Application", "ProviderName": "Nobody"}, "NoMatchingProvidersFound"),
    ({"LogName": "Application", "Level": 2}, "LabDoesNotModel"),
    ({"LogName": "Security"}, "LabDoesNotModel"),
])
def test_what_is_not_there_or_not_modelled_is_said(log, given, first):
    assert log.refused("bts03", GET, FilterHashtable=given).fqid.startswith(first)
