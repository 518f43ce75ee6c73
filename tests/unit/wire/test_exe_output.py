from __future__ import annotations

import base64

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, exe_output, observed

DOMAIN_ERROR = {"fqid": "ExeNotFound", "category": "ObjectNotFound", "terminating": True, "chain": []}


def area(*runs, oem=850, status="ok"):
    made = []
    for run in runs:
        made.append(answer.Run([], [run], []) if isinstance(run, dict) else answer.Run([run], [], []))
    return answer.AreaAnswer("a", 0.1, {"x": answer.StepAnswer("x", status, "deadline" if status == "skipped" else "", made)}, oem)


def row(code, output=b"", errors=b"", cut=False):
    return [code, *({"$bytes": base64.b64encode(part).decode()} for part in (output, errors)), cut]


@pytest.mark.parametrize(
    ("data", "oem", "expected"),
    [
        (b"", 850, ""),
        (b"plain\r\nlines\r\n", 437, "plain\nlines\n"),
        ("Gr\u00fc\u00dfe".encode("cp850"), 850, "Gr\u00fc\u00dfe"),
        ("Gr\u00fc\u00dfe".encode("cp850"), 437, "Gr\u00fc\u00dfe"),
        ("\u5907\u4efd\u5b8c\u6210".encode("cp936"), 936, "\u5907\u4efd\u5b8c\u6210"),
        ("Gr\u00fc\u00dfe".encode(), 850, "Gr\u00fc\u00dfe"),
        ("Gr\u00fc\u00dfe".encode("utf-8-sig"), 850, "Gr\u00fc\u00dfe"),
        ("Gr\u00fc\u00dfe\r\n".encode("utf-16"), 850, "Gr\u00fc\u00dfe\n"),
        ("\ufeffA".encode("utf-16-be"), 850, "A"),
        ("SITE \u5907".encode("utf-16-le"), 437, "SITE \u5907"),
        ("A".encode("utf-16-le"), 437, "A"),
        (b"a\x81b", None, "a\ufffdb"),
        (b"a\x81b", 0, "a\ufffdb"),
        (b"a\x81b", 99999, "a\ufffdb"),
        (b"\xff\xfeA", 850, "\ufffd"),
    ],
)
def test_bytes_become_text(data, oem, expected):
    assert exe_output.text(data, oem) == expected


def test_a_character_that_is_cut_off_does_not_decide_the_encoding():
    data = "Gr\u00fc\u00dfe \u00fc".encode()[:-1]
    assert exe_output.text(data, 850, cut=True) == "Gr\u00fc\u00dfe \ufffd"
    assert exe_output.text(data, 850) != exe_output.text(data, 850, cut=True)


def test_each_run_is_an_output_or_a_hole():
    came = area(row(0, b"ok\r\n"), row(4294967295, b"", "\u00fc".encode("cp850"), True), DOMAIN_ERROR)
    first, second, third = exe_output.every(came, "x")
    assert first == exe_output.Output(0, "ok\n", "", False) == exe_output.one(came, "x")
    assert second == exe_output.Output(4294967295, "", "\u00fc", True)
    assert observed.is_hole(third) and third["$unknown"]["reason"] == "absent"


@pytest.mark.parametrize("status", ["skipped"])
def test_a_step_that_was_not_carried_out_is_one_hole(status):
    assert observed.is_hole(exe_output.every(area(status=status), "x")) and observed.is_hole(exe_output.one(area(status=status), "x"))


@pytest.mark.parametrize("odd", [[], [0, {"$bytes": "AA=="}, {"$bytes": "AA=="}], row(0)[:2] + ["text", False], [0, {"$bytes": "*"}, {"$bytes": ""}, False]])
def test_what_is_not_of_the_agreed_form_is_a_hole(odd):
    assert exe_output.one(area(odd), "x")["$unknown"]["reason"] == "failed"


def test_the_code_page_comes_with_the_host_line():
    step = {"id": "x", "exe": r"C:\x.exe", "arguments": [], "timeout": 1}
    document = {"bft": "0" * 16, "areas": [{"area": "a", "steps": [step]}]}
    item = f'[3,{{"$bytes":"{base64.b64encode(bytes([0x81])).decode()}"}},{{"$bytes":""}},false]'
    head = '{"bft":"' + "0" * 16 + '","kind":'
    lines = [head + '"host","oem":850}', head + '"area","area":"a","seconds":0.1,"steps":[{"id":"x","status":"ok","runs":[{"items":[' + item
             + '],"errors":[],"warnings":[]}]}]}']  # fmt: skip
    seen = answer.parse("\n".join(lines), document)
    assert exe_output.one(seen.areas["a"], "x") == exe_output.Output(3, "\u00fc", "", False)
