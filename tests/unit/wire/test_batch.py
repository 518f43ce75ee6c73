from __future__ import annotations

import json

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch as batches
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import BatchError, assign, batch, call, encode, item, ref, sql

QUERY = {"name": "q", "text": "SELECT 1;", "database": "master", "timeout": 60}
TOKEN = "0123456789abcdef"
GOOD = call("a", r"M\Get-A", select=["Name"])


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


@pytest.mark.parametrize("token,deadline", [("short", 1), ("0123456789ABCDEF", 1), (TOKEN, 0), (TOKEN, True), (TOKEN, 1.5)])
def test_token_and_deadline(token, deadline):
    with pytest.raises(BatchError):
        batch({}, token, deadline)


def test_every_key_of_a_step_has_a_builder():
    built = set(call("a", "x", {}, [], "", [], "", "")) | set(assign("a", "b", "c", 1)) | set(sql("a", {}, []))
    assert built == batches.KEYS
