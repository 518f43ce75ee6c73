from __future__ import annotations

import json

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch as batches
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import (
    BatchError,
    assign,
    batch,
    call,
    encode,
    exe,
    item,
    ref,
    sql,
)

QUERY = {"name": "q", "text": "SELECT 1;", "database": "master", "timeout": 60}
TOKEN = "0123456789abcdef"
GOOD = call("a", r"M\Get-A", select=["Name"])
PROGRAM = r"%SystemRoot%\System32\inetsrv\appcmd.exe"


def program(path=PROGRAM, arguments=(), timeout=60, **more):
    return exe("x", path, list(arguments), timeout, **more)


def test_builders_write_the_contract_and_leave_out_what_is_not_said():
    assert call("a", r"M\Get-A") == {"id": "a", "call": r"M\Get-A"}
    assert call("b", r"M\Get-B", {"X": ref("a"), "Y": item()}, select=["N"], each=[1], needs="M", on_error="stop") == {
        "id": "b",
        "call": r"M\Get-B",
        "with": {"X": {"$ref": "a"}, "Y": {"$item": True}},
        "select": ["N"],
        "each": [1],
        "needs": "M",
        "on_error": "stop",
    }
    assert program(arguments=["list", ref("a", "Name"), item()], each=["b"], on_error="stop") == {
        "id": "x",
        "exe": PROGRAM,
        "arguments": ["list", {"$ref": "a", "path": "Name"}, {"$item": True}],
        "timeout": 60,
        "each": ["b"],
        "on_error": "stop",
    }
    assert assign("c", "a", "State", 2) == {"id": "c", "set": "State", "input": "a", "with": {"value": 2}}
    document = batch({"one": [GOOD], "two": []}, TOKEN, deadline=7)
    assert document == {"bft": TOKEN, "deadline": 7, "areas": [{"area": "one", "steps": [GOOD]}, {"area": "two", "steps": []}]}


def test_standard_input_is_ascii_lines_whose_lengths_are_announced():
    document = batch({"a": [call("a", r"M\Get-A", {"Name": '\u05d0\U0001f600\u2028\x0b\x85"\\\r\n'})]}, TOKEN)
    text = encode("one\r\ntwo\n\nthree\n\n", document)
    head, *lines = text.splitlines()
    assert text.isascii() and text.split("\n") == [head, *lines, ""]
    assert lines[:4] == ["one", "two", "", "three"] and json.loads(lines[4]) == document and len(lines) == 5
    assert head == f"BFT1 {len('one|two||three')} {len(lines[4])}"
    with pytest.raises(BatchError):
        encode("\u00e9", document)


@pytest.mark.parametrize(
    "steps,word",
    [
        ([{"call": r"M\Get-A"}], "no id"),
        ([{"id": "", "call": r"M\Get-A"}], "no id"),
        ([GOOD, call("A", r"M\Get-B")], "same id"),
        ([{**GOOD, "colour": 1}], "'colour'"),
        ([{"id": "a"}], "one of"),
        ([{**GOOD, "set": "X"}], "one of"),
        ([call("a", "Get-A")], "module-qualified"),
        ([call("a", r"M\Get-A; calc")], "module-qualified"),
        ([call("a", "M\\Get-A\n")], "module-qualified"),
        ([GOOD, call("b", r"M\Get-B", input="a", each=[1])], "exclude"),
        ([call("b", r"M\Get-B", input="a"), GOOD], "no earlier step"),
        ([call("a", r"M\Get-B", input="a")], "no earlier step"),
        ([call("a", r"M\Get-B", {"X": ref("b")})], "no earlier step"),
        ([call("a", r"M\Get-B", {"X": item()})], "no 'each'"),
        ([call("a", r"M\Get-B", {"X": [ref("a")]})], "below its top level"),
        ([call("a", r"M\Get-B", {"X": {"y": {"$item": True}}}, each=[1])], "below its top level"),
        ([call("a", r"M\Get-B", {"X": None})], "leave the parameter out"),
        ([call("a", r"M\Get-B", {"X": [None]})], "leave the parameter out"),
        ([call("a", r"M\Get-B", each=[None])], "leave the parameter out"),
        ([call("a", r"M\Get-B", {"X": 1, "x": 2})], "case only"),
        ([call("a", r"M\Get-B", {"X": {"K": 1, "k": 2}})], "case only"),
        ([call("a", r"M\Get-B", {"errorAction": "Stop"})], "belongs to the executor"),
        ([call("a", r"M\Get-B", {"X": float("nan")})], "finite"),
        ([call("a", r"M\Get-B", {"X": b"x"})], "no JSON value"),
        ([call("a", r"M\Get-B", {"X": {1: 2}})], "no text"),
        ([call("a", r"M\Get-B", select=[])], "empty"),
        ([call("a", r"M\Get-B", select=["A..B"])], "empty part"),
        ([call("a", r"M\Get-B", select="Name")], "list of property paths"),
        ([call("a", r"M\Get-B", each="abc")], "is a list"),
        ([call("a", r"M\Get-B", needs="")], "name of a module"),
        ([call("a", r"M\Get-B", on_error="explode")], "continue or stop"),
        ([{"id": "a", "set": "X", "with": {"value": 1}}], "needs 'input'"),
        ([GOOD, {"id": "b", "set": "X", "input": "a"}], "with.value"),
        ([GOOD, {**assign("b", "a", "X", 1), "select": ["."]}], "gives no items"),
        ([call("a", r"M\Get-B", only={})], "empty"),
        ([call("a", r"M\Get-B", only=["DiskId"])], "map of property paths"),
        ([GOOD, {**assign("b", "a", "X", 1), "only": {"A": ["x"]}}], "on a 'call'"),
        ([call("a", r"M\Get-B", only={"DiskId": []})], "list of texts"),
        ([call("a", r"M\Get-B", only={"DiskId": [1]})], "list of texts"),
        ([call("a", r"M\Get-B", only={"Disk..Id": ["x"]})], "empty part"),
        ([GOOD, call("b", r"M\Get-B", {"X": {"$ref": "a", "road": "Name"}})], "refers to"),
        ([GOOD, call("b", r"M\Get-B", {"X": ref("a", "")})], "property paths"),
        ([GOOD, call("b", r"M\Get-B", {"X": ref("a", "A..B")})], "empty part"),
        ([call("a", r"M\Get-B", {}), {**GOOD, "id": "b", "timeout": 3}], "belong to 'exe'"),
        ([{"id": "x", "exe": PROGRAM}], "needs the first two"),
        ([{**program(), "select": ["."]}], "'exe' takes"),
        ([program(), call("b", r"M\Get-B", input="x")], "no earlier step with objects"),
        ([program(), call("b", r"M\Get-B", {"X": ref("x")})], "no earlier step with objects"),
        ([sql("q", {}, []), call("b", r"M\Get-B", input="q")], "no earlier step with objects"),
        ([program("appcmd.exe")], "full path"),
        ([program(r"C:\Windows\run.cmd")], "full path"),
        ([program("C:\\Windows\\..\\x.exe")], "full path"),
        ([program('C:\\a" b\\x.exe')], "full path"),
        ([program(r"%A%\%B%\x.exe")], "full path"),
        ([program("C:\\x.exe\n")], "full path"),
        ([program({"$ref": "nobody"})], "refers to"),
        ([program(arguments=[1])], "a text"),
        ([program(arguments=["a\0b"])], "a text"),
        ([program(arguments=[["a"]])], "a text"),
        ([program(arguments=[ref("nobody")])], "refers to"),
        ([program(arguments=[item()])], "no 'each'"),
        ([program(each=[1])], "list of texts"),
        ([program(each=["\0"])], "list of texts"),
        ([program(timeout=0)], "whole number of seconds"),
        ([program(timeout=True)], "whole number of seconds"),
        ([program(timeout=1.5)], "whole number of seconds"),
        ([program(on_error="explode")], "continue or stop"),
        ([{"id": "a", "sql": {}}], "belong together"),
        ([{**sql("a", {}, []), "select": ["X"]}], "nothing else"),
        ([sql("a", {"Data Source": None}, [])], "null"),
        ([sql("a", {}, [{**QUERY, "colour": 1}])], "agreed form"),
        ([sql("a", {}, [{**QUERY, "values": [{"value": None}]}])], "null"),
        ([sql("a", {}, [{**QUERY, "database": {"$from": "q"}}])], "names none before it"),
    ],
)
def test_ill_formed_steps_are_refused_in_one_sentence(steps, word):
    with pytest.raises(BatchError) as caught:
        batch({"x": steps}, TOKEN)
    assert word in str(caught.value) and "\n" not in str(caught.value).replace("M\\Get-A\n", "")


TYPED = {
    "$timespan": [0, -1.5, 300, 922337203685],
    "$local": ["2026-11-24T21:00:00", "2026-02-28T00:00:00.1234567"],
    "$instant": ["2026-11-24T21:00:00Z", "2026-11-24T21:00:00.5Z"],
    "$secret": ["", "p\u00e9<&\"'"],
    "$credential": [{"user": "CONTOSO\\svc", "password": ""}],
}
WRONG = {
    "$timespan": ["300", True, float("inf"), float("nan"), 1e12, None],
    "$local": ["2026-11-24T21:00:00Z", "2026-11-24", "2026-11-24 21:00:00", "2026-02-30T00:00:00", "2026-11-24T25:00:00", "21:00", 1, None],
    "$instant": ["2026-11-24T21:00:00", "2026-11-24T21:00:00+01:00", "2026-13-01T00:00:00Z", "2026-11-24T21:00:00.12345678Z", None],
    "$secret": [1, None, ["p"]],
    "$credential": [{"user": "u"}, {"user": "", "password": "p"}, {"user": "u", "password": None}, {"user": "u", "password": "p", "x": 1}, "u"],
}


@pytest.mark.parametrize("kind", TYPED)
def test_a_typed_value_has_one_form(kind):
    for given in TYPED[kind]:
        batch({"x": [call("a", r"M\Get-A", {"X": {kind: given}, "Y": [{kind: given}, 1]})]}, TOKEN)
    for given in WRONG[kind]:
        for value in ({kind: given}, [{kind: given}]):
            with pytest.raises(BatchError) as caught:
                batch({"x": [call("a", r"M\Get-A", {"X": value})]}, TOKEN)
            assert str(caught.value) == f"Step a: X is no {kind} of the agreed form."
    good = {kind: TYPED[kind][0]}
    for value in ({**good, "more": 1}, {"deeper": good}, [[good]]):
        with pytest.raises(BatchError):
            batch({"x": [call("a", r"M\Get-A", {"X": value})]}, TOKEN)


def test_a_set_takes_typed_values_too():
    made = batch({"x": [GOOD, assign("b", "a", "X", {"$timespan": 3}), assign("c", "a", "X", ref("a", "Name"))]}, TOKEN)
    assert [step["with"]["value"] for step in made["areas"][0]["steps"][1:]] == [{"$timespan": 3}, {"$ref": "a", "path": "Name"}]


@pytest.mark.parametrize("token,deadline", [("short", 1), ("0123456789ABCDEF", 1), (TOKEN, 0), (TOKEN, True), (TOKEN, 1.5)])
def test_token_and_deadline(token, deadline):
    with pytest.raises(BatchError):
        batch({}, token, deadline)


def test_every_key_of_a_step_has_a_builder():
    built = set(call("a", "x", {}, [], "", [], "", "", {})) | set(assign("a", "b", "c", 1)) | set(sql("a", {}, [])) | set(exe("a", "x", [], 1))
    assert built == batches.KEYS
