from __future__ import annotations

import base64
import importlib.util
import pathlib
import struct

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import platform

_spec = importlib.util.spec_from_file_location("area_answers", pathlib.Path(__file__).with_name("answers.py"))
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)


def actions(*pairs, start=20, head=()):
    """SERVICE_FAILURE_ACTIONS as the registry keeps it: ``(kind, milliseconds)`` each, behind a head of 20 bytes or more."""
    fields = [86400, 0, 0, len(pairs), start, *head, *(number for pair in pairs for number in pair)]
    return base64.b64encode(struct.pack(f"<{len(fields)}I", *fields)).decode()


ROWS = {
    "services": [[{"Name": "MSDTC", "State": "Running", "StartMode": "Auto", "StartName": "NT AUTHORITY\\NetworkService"},
                  {"Name": "BTSSvc$Send & Co", "State": "Stopped", "StartMode": "Manual", "StartName": "C\\a"}]],
    "biztalk_services": [[{"PSChildName": "btssvc$send & co", "DelayedAutostart": 1, "FailureActions": {"$bytes": actions((1, 60000), (0, 0))}}]],
    "biztalk": [[{"ProductVersion": "3.13.717.0"}]],
    "biztalk_updates": [[{"DisplayName": "Microsoft BizTalk Server 2020 Cumulative Update 2"}, {"DisplayName": "Microsoft BizTalk Server 2020"}, {},
                         {"DisplayName": "Microsoft BizTalk Server 2020 Cumulative Update 10"}]],
}


def shape(**changes):
    return platform.shape(answers.area_answer("platform", {**ROWS, **changes}))["biztalk"]


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_the_services_of_host_instances_are_told_with_how_they_start_and_recover():
    found = shape()
    assert found["services"] == [{"name": "BTSSvc$Send & Co", "installed": True, "state": "Stopped", "start_mode": "Manual", "account": "C\\a",
                                  "delayed_start": True, "recovery": [{"action": "restart", "delay_seconds": 60.0}, {"action": "none", "delay_seconds": 0.0}]}]
    assert (found["version"], found["update"]) == ("3.13.717.0", 10)


def test_a_host_without_biztalk_has_none_of_it():
    absent = answers.error(fqid="PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand")
    assert shape(services=[[]], biztalk_services=[[]], biztalk=[[absent]], biztalk_group=[[absent]], biztalk_updates=[[]]) == {
        "version": None, "update": None, "management_server": None, "management_database": None, "services": []}


@pytest.mark.parametrize("name", ["Microsoft BizTalk Server 2016 CU7", "Microsoft BizTalk Server 2013 R2 CU 7"])
def test_updates_have_been_named_in_two_ways(name):
    assert shape(biztalk_updates=[[{"DisplayName": name}]])["update"] == 7


def test_values_that_are_not_set_are_off_and_none():
    service, = shape(biztalk_services=[[{"PSChildName": "BTSSvc$Send & Co"}]])["services"]
    assert (service["delayed_start"], service["recovery"]) == (False, None)


def test_what_was_not_read_of_a_service_is_unknown():
    denied = answers.error(native=5)
    service, = shape(biztalk_services=[[denied]])["services"]
    assert (reason(service["delayed_start"]), reason(service["recovery"]), service["state"]) == ("denied", "denied", "Stopped")
    service, = shape(biztalk_services=[[]])["services"]
    assert reason(service["recovery"]) == "missing"
    assert reason(shape(services=[[denied]])["services"]) == "denied"
    assert reason(shape(services=[[*ROWS["services"][0], denied]])["services"][-1]) == "denied"
    assert reason(shape(biztalk_updates=[[*ROWS["biztalk_updates"][0], denied]])["update"]) == "denied"
    assert reason(shape(biztalk=[[denied]])["version"]) == "denied"


@pytest.mark.parametrize(("text", "told"), [
    (actions(), []), (actions((1, 1500)), [("restart", 1.5)]), (actions((3, 0), (2, 0)), [("command", 0.0), ("reboot", 0.0)]),
    (actions((1, 5000), start=28, head=(7, 7)), [("restart", 5.0)]),
    (actions((4, 0)), None), (actions((1, 0), start=40), None), ("AQAAAA==", None), ("no base64", None), ("", None)])
def test_the_bytes_of_recovery_actions(text, told):
    found = platform.failure_actions(text)
    if told is None:
        assert reason(found) == "failed"
    else:
        assert [(one["action"], one["delay_seconds"]) for one in found] == told
