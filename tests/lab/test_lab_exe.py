"""Native programs of the lab: where they are, what they are given, what they say, and what is refused."""
from __future__ import annotations

import base64

import pytest

from lab import exe

SAY = r"%SystemRoot%\System32\say.exe"


@pytest.fixture(autouse=True)
def programs():
    """Two programs: one that every host has, one that is where its file is."""
    @exe.program("say.exe", source="these tests", at=r"C:\Windows\System32\say.exe", changes=lambda arguments: arguments[:1] == ["write"])
    def say(run, arguments):
        if arguments[:1] == ["odd"]:
            raise exe.refused("say.exe", arguments)
        if arguments[:1] == ["write"]:
            run.host["said"] = arguments[1]
        return -1 if arguments[:1] == ["fail"] else len(arguments), "\n".join(arguments), b"\xff" * (2**20 + 1 if arguments[:1] == ["flood"] else 1)

    @exe.program("tool.exe", source="these tests")
    def tool(_run, _arguments):
        return 0, "", ""
    yield
    del exe.PROGRAMS["say.exe"], exe.PROGRAMS["tool.exe"]


def step(id, path, *arguments, **more):
    return {"id": id, "exe": path, "arguments": list(arguments), "timeout": 5, **more}


def fqids(answer):
    return [error["fqid"].split(",")[0] for run in answer["runs"] for error in run["errors"]]


def test_an_item_is_the_exit_code_and_both_outputs_in_the_hosts_code_page(console):
    answer, failed = console.steps("iis01", step("a", SAY, "Gr\u00fc\u00dfe", "b"), step("b", SAY, "fail"))
    culture = console.state.hosts["iis01"]["os"]["culture"]
    code, output, errors, cut = answer["runs"][0]["items"][0]
    assert (answer["status"], code, cut, errors) == ("ok", 2, False, {"$bytes": "/w=="})
    assert base64.b64decode(output["$bytes"]) == "Gr\u00fc\u00dfe\r\nb".encode({"de": "cp850", "en": "cp437"}[culture[:2]])
    assert failed["status"] == "ok" and failed["runs"][0]["items"][0][0] == 4294967295


def test_a_long_output_is_cut(console):
    answer, = console.steps("iis01", step("a", SAY, "flood"))
    _code, _output, errors, cut = answer["runs"][0]["items"][0]
    assert cut and len(base64.b64decode(errors["$bytes"])) == 2**20


def test_a_program_is_where_its_file_is(console):
    place = r"C:\Tools and more\tool.exe"
    before, = console.steps("iis01", step("a", place, on_error="stop"))
    console.ok("iis01", r"Microsoft.PowerShell.Management\New-Item", Path=place, ItemType="File", Force=True)
    after, = console.steps("iis01", step("a", place))
    assert (before["status"], fqids(before), after["status"]) == ("failed", ["ExeNotFound"], "ok")
    assert fqids(console.steps("iis02", step("a", place))[0]) == ["ExeNotFound"]


def test_what_is_not_modelled_is_refused_loudly_and_unlike_anything_of_windows(console):
    console.ok("iis01", r"Microsoft.PowerShell.Management\New-Item", Path=r"C:\other.exe", ItemType="File")
    odd, unknown, both = console.steps("iis01", step("a", SAY, "odd"), step("b", r"C:\other.exe"),
                                       step("c", SAY, {"$item": True}, each=["odd", "even"]))
    assert fqids(odd) == fqids(unknown) == fqids(both) == ["LabDoesNotModel"]
    assert (odd["status"], both["status"]) == ("failed", "partial") and both["runs"][1]["items"]


@pytest.mark.parametrize("path", [r"%NOBODY%\say.exe", "say.exe", r"C:\Windows\System32\say.cmd"])
def test_what_is_no_full_path_of_a_program_is_refused(console, path):
    assert fqids(console.steps("iis01", step("a", path))[0]) == ["ExeRefused"]


def test_arguments_come_from_what_was_read(console):
    read = {"id": "nodes", "call": r"FailoverClusters\Get-ClusterNode"}
    one = {**read, "id": "one", "only": {"Name": ["BTS01"], "State": ["up"]}}
    *_reads, given, many, gone = console.steps("bts01", read, one, step("a", SAY, {"$ref": "one", "path": "Name"}),
                                               step("b", SAY, {"$ref": "nodes", "path": "Name"}), step("c", SAY, {"$ref": "one", "path": "Nope"}))
    assert base64.b64decode(given["runs"][0]["items"][0][1]["$bytes"]).decode().casefold() == "bts01"
    assert fqids(many) == ["ExeRefused"] and gone == {"id": "c", "status": "skipped", "reason": "ref:one"}


def test_the_recorder_knows_what_a_program_was_given_and_whether_it_changed_something(console):
    before = console.state.state_hash()
    console.steps("iis01", step("a", SAY, "read", "x"))
    assert console.state.state_hash() == before
    console.steps("iis01", step("b", SAY, "write", "y"))
    read, wrote = console.state.calls()[-2:]
    assert console.state.state_hash() != before
    assert (read["command"], read["parameters"], read["changes"]) == ("say.exe", {"arguments": ["read", "x"]}, False)
    assert wrote["changes"] and wrote["host"] == "iis01"


def test_a_secret_is_recorded_under_no_name(console):
    secret = "p\u00e9<&\"'"
    for value in ({"$secret": secret}, {"$credential": {"user": "u", "password": secret}}, [{"$secret": secret}]):
        console.steps("iis01", {"id": "a", "call": r"Microsoft.PowerShell.Management\Get-Item", "with": {"Whatever": value}})
        assert secret not in str(console.state.calls()[-1]) and "***" in str(console.state.calls()[-1])
