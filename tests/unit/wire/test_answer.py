from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import batch, call

TOKEN = "0123456789abcdef"
BATCH = batch(
    {"one": [call("a", r"M\Get-A", select=["Name", "State"]), call("b", r"M\Set-B")], "two": [call("c", r"M\Get-C", select=["."])]}, TOKEN
)
HOST = {"bft": TOKEN, "kind": "host", "edition": "Desktop"}
ONE = {
    "bft": TOKEN,
    "kind": "area",
    "area": "one",
    "seconds": 0.25,
    "steps": [
        {
            "id": "a",
            "status": "partial",
            "runs": [{"items": [["n1", None], ["n2", {"$missing": True}]], "errors": [{"fqid": "x"}], "warnings": ["w"]}],
        },
        {"id": "b", "status": "skipped", "reason": "deadline"},
    ],
}
TWO = {
    "bft": TOKEN,
    "kind": "area",
    "area": "two",
    "seconds": 1,
    "steps": [
        {
            "id": "c",
            "status": "ok",
            "runs": [{"items": [[1]], "errors": [], "warnings": []}, {"items": [[2]], "errors": [], "warnings": []}],
        }
    ],
}


def text(*lines, end=True, lines_said=None):
    written = [json.dumps(line, separators=(",", ":")) for line in lines]
    if end:
        digest = hashlib.sha256("\n".join(written).encode()).hexdigest()
        written.append(
            json.dumps({"bft": TOKEN, "kind": "end", "lines": lines_said or len(written), "sha256": digest}, separators=(",", ":"))
        )
    return "".join(line + "\r\n" for line in written)


def test_a_whole_answer():
    seen = answer.parse(text(HOST, ONE, TWO), BATCH)
    assert seen.complete and seen.problems == [] and seen.cut == [] and seen.refused == "" and seen.host == HOST
    a, b = seen.areas["one"].steps.values()
    assert seen.areas["one"].seconds == 0.25
    assert a.status == "partial" and a.rows() == [{"Name": "n1", "State": None}, {"Name": "n2", "State": {"$missing": True}}]
    assert a.errors() == [{"fqid": "x"}] and a.runs[0].warnings == ["w"]
    assert (b.status, b.reason, b.runs, b.rows()) == ("skipped", "deadline", [], [])
    assert [row["."] for row in seen.areas["two"].steps["c"].rows()] == [1, 2]


def test_noise_is_ignored():
    host, one, two, end, _blank = text(HOST, ONE, TWO).split("\r\n")
    noisy = "\n".join(
        ["PS> hello", '{"bft":"ffffffffffffffff","kind":"area"}', "Windows is\x07 " + host, "\ufffd{", one, '{"bft":"0123', two, end, "bye"]
    )
    assert answer.parse(noisy, BATCH).complete


@pytest.mark.parametrize("length", range(0, len(text(HOST, ONE, TWO)), 37))
def test_cut_anywhere_what_came_whole_counts(length):
    whole = text(HOST, ONE, TWO)
    seen = answer.parse(whole[:length], BATCH)
    one, two = whole.index("\r\n", whole.index('"one"')), whole.index("\r\n", whole.index('"two"'))
    assert set(seen.areas) == {name for name, end in (("one", one), ("two", two)) if length >= end}
    assert set(seen.cut) == {"one", "two"} - set(seen.areas)
    assert not seen.complete and seen.problems


def test_an_area_whose_line_is_missing_is_cut():
    seen = answer.parse(text(HOST, TWO, end=False) + text(HOST, ONE, TWO).split("\r\n")[3], BATCH)
    assert seen.cut == ["one"] and list(seen.areas) == ["two"] and not seen.complete


def test_altered_answers_are_not_believed():
    seen = answer.parse(text(HOST, ONE, TWO).replace("n1", "n9"), BATCH)
    assert seen.areas == {} and seen.cut == ["one", "two"] and seen.host == {} and not seen.complete


@pytest.mark.parametrize(
    "area",
    [
        {**ONE, "steps": ONE["steps"][:1]},
        {**ONE, "steps": None},
        {**ONE, "seconds": "x"},
        {**ONE, "steps": [{**ONE["steps"][0], "status": "fine"}, ONE["steps"][1]]},
        {**ONE, "steps": [{**ONE["steps"][0], "runs": [{"items": [["too short"]], "errors": [], "warnings": []}]}, ONE["steps"][1]]},
    ],
)
def test_an_area_in_another_form_is_cut(area):
    seen = answer.parse(text(HOST, area, TWO), BATCH)
    assert seen.cut == ["one"] and not seen.complete and "one" in seen.problems[0]


def test_refusals():
    for why in ("language_mode", "cut"):
        seen = answer.parse(json.dumps({"bft": "", "kind": "refused", "reason": why}, separators=(",", ":")), BATCH)
        assert seen.refused == why and seen.cut == ["one", "two"] and not seen.complete


def error(*chain, fqid="Get-X,Class"):
    """*chain*: (type, hresult, native) from the outermost."""
    return {
        "fqid": fqid,
        "category": "NotSpecified",
        "terminating": False,
        "chain": [{"type": t, "hresult": h, "native": n, "message": "irgendein Text"} for t, h, n in chain],
    }


OUTER = ("Microsoft.FailoverClusters.PowerShell.ClusterCmdletException", 0x80131500, None)


@pytest.mark.parametrize(
    "seen,expected",
    [
        (error(OUTER, ("Win32Exception", 0x80004005, 5)), "denied"),
        (error(OUTER, ("Win32Exception", 0x80004005, 1753)), "absent"),
        (error(OUTER, ("COMException", 0x800706BA, None)), "unreachable"),
        (error(OUTER, ("Win32Exception", 0x80004005, 1722), ("Win32Exception", 0x80004005, 5)), "denied"),
        (error(("Win32Exception", 0x80004005, 5), OUTER), "denied"),
        (error(OUTER, ("CimException", 0x8009030E, None)), "denied"),
        (error(("System.UnauthorizedAccessException", 0x80070005, None)), "denied"),
        (error(("System.Security.SecurityException", 0x80131501, None)), "denied"),
        (error(("System.Management.Automation.ItemNotFoundException", 0x80131501, None), fqid="PathNotFound,X"), "missing"),
        (error(("System.Management.Automation.CommandNotFoundException", 0x80131501, None), fqid="CommandNotFoundException"), "absent"),
        (
            error(("X", 0x80131500, None), fqid="HRESULT 0x80070005,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"),
            "denied",
        ),
        (error(("X", 0x80131500, None), fqid="HRESULT 0x80041010,Get-CimInstance"), "absent"),
        (error(("X", 0x80131500, None), fqid="MI RESULT 2,Get-CimInstance"), "denied"),
        (error(("X", 0x80131500, None), fqid="MI RESULT 1"), "failed"),
        (error(("X", 0x80131500, None), fqid="HRESULT nonsense,Y"), "failed"),
        (error(("System.ComponentModel.Win32Exception", 0x80004005, 2), fqid="ExeNotFound"), "absent"),
        (error(("System.ComponentModel.Win32Exception", 0x80004005, 5), fqid="ExeRefused"), "denied"),
        (error(("System.TimeoutException", 0x80131505, None), fqid="ExeTimeout"), "failed"),
        (error(("X", 0x80131500, None), fqid="NamedParameterNotFound,Y"), "failed"),
        (error(), "failed"),
    ],
)
def test_reasons(seen, expected):
    found, sentence = answer.reason(seen)
    assert found == expected and found in observed.REASONS and sentence.endswith((".", "Text"))


def test_every_reason_in_the_tables_is_one_of_a_hole():
    tables = (answer.NATIVE, answer.HRESULTS, answer.FQIDS, answer.TYPES, answer.MI_RESULTS, answer.PROGRAMS)
    assert {entry[0] for table in tables for entry in table.values() if entry} <= set(observed.REASONS)
    assert all(entry[1].endswith(".") for table in tables for entry in table.values() if entry)


def test_message_text_never_decides():
    assert (
        answer.reason(
            error(("X", 0x80131500, None))
            | {"chain": [{"type": "X", "hresult": 0x80131500, "native": None, "message": "Access is denied"}]}
        )[0]
        == "failed"
    )
