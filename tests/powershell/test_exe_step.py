"""Native programs: the argument line against an independent reading of the C runtime's rules, and the step with a real process."""

from __future__ import annotations

import base64
import json
import subprocess

import crt
import engine
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, exe_output
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe, item, ref
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

HOSTILE = [
    "", " ", "\t", "a b", '"', '""', '"""', "\\", "\\\\", 'a\\"b', 'a\\\\"b', "ends in \\", "ends in \\\\", 'C:\\Program Files\\', '\\"', "a\nb",
    "\r\n", "a\n", "'", "it's", "$(throw 1)", "`whoami`", "%PATH%", "^&|<>()", "!x!", "*", "?", "[x]", "/name:a b", "--", "-", "@file", "a,b", ";",
    "\u202eabc", "\U0001f600", "\u2028", "\u00a0", "\x0b", "\x0c", "\x85", "I\u0131\u0130i", 'p\u00e9<&"%', "~", "{}", '{"$ref":"x"}', "\x01", "\x1b[0m",
]
PROGRAM = "%STANDIN%\\standin.exe"
TEXTS = st.lists(st.text(st.one_of(st.sampled_from('\\" \t\na'), st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=12)
                 | st.sampled_from(HOSTILE), max_size=7)


class Quoting:
    def __init__(self):
        command = [engine.path(), "-NoProfile", "-NonInteractive", "-File", str(engine.HERE / "programs" / "quote.ps1"), str(host.PARTS["exe"])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=engine.environment("turkish"))

    def __call__(self, texts):
        self.process.stdin.write(",".join("x" + base64.b64encode(text.encode()).decode() for text in texts) + "\n")
        self.process.stdin.flush()
        return base64.b64decode(self.process.stdout.readline()).decode()


@pytest.fixture(scope="module")
def quoting():
    made = Quoting()
    yield made
    made.process.stdin.close()
    made.process.wait(10)


@settings(max_examples=400, deadline=None)
@given(texts=TEXTS)
def test_a_program_takes_the_line_apart_into_what_was_given(quoting, texts):
    line = quoting(texts)
    assert crt.arguments(line, "literal") == crt.arguments(line, "closing") == texts


def test_every_hostile_argument_alone_and_all_together(quoting):
    for texts in [*([text] for text in HOSTILE), *(["a", text, "b"] for text in HOSTILE), HOSTILE]:
        assert crt.arguments(quoting(texts), "literal") == crt.arguments(quoting(texts), "closing") == texts


@pytest.mark.parametrize(("line", "literal", "closing"), [   # the examples of Microsoft's page, and one where the two rules differ
    (r'"a b c" d e', ["a b c", "d", "e"], None), (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"], None), (r"a\\\b d\"e\"f g h", [r"a\\\b", 'd"e"f', "g", "h"], None),
    (r'a\\\"b c d', [r'a\"b', "c", "d"], None), (r'a\\\\"b c" d e', [r"a\\b c", "d", "e"], None),
    ('a"b"" c d', ['ab" c d'], ['ab"', "c", "d"]), ('""', [""], None),
])  # fmt: skip
def test_the_reading_itself_knows_the_rules(line, literal, closing):
    assert crt.arguments(line, "literal") == literal and crt.arguments(line, "closing") == (closing or literal)


def carried_out(server, steps):
    document = batch.batch({"a": steps}, engine.TOKEN)
    seen = answer.parse(server.output(host.standard_input(document)), document)
    assert seen.complete, seen.problems
    return seen.areas["a"]


def test_arguments_arrive_as_they_were_given(server):
    words = [word for word in HOSTILE if word]
    area = carried_out(server, [
        exe("all", PROGRAM, ["say", *HOSTILE], 30),
        call("w", r"TestKit\Get-Word", {"Word": words}, needs="TestKit"),
        exe("each", PROGRAM, ["say", item(), "x"], 30, each=HOSTILE[:8]),
        call("one", r"TestKit\Get-Word", {"Word": ['a "b" \\']}, needs="TestKit"),
        exe("ref", PROGRAM, ["say", ref("one")], 30),
    ])  # fmt: skip
    assert json.loads(exe_output.one(area, "all").text) == ["say", *HOSTILE]
    assert [json.loads(run.text) for run in exe_output.every(area, "each")] == [["say", word, "x"] for word in HOSTILE[:8]]
    assert json.loads(exe_output.one(area, "ref").text) == ["say", 'a "b" \\']


def test_no_arguments_at_all(server):
    assert json.loads(exe_output.one(carried_out(server, [exe("x", PROGRAM, [], 30)]), "x").text) == []


def test_an_exit_code_is_no_error_and_its_input_is_closed(server):
    area = carried_out(server, [
        exe("codes", PROGRAM, ["exit", item()], 30, each=["0", "1", "255"], on_error="stop"),
        exe("input", PROGRAM, ["input"], 30),
        exe("bytes", PROGRAM, ["bytes", "00ff0a818d", "e4"], 30),
    ])  # fmt: skip
    assert [run.code for run in exe_output.every(area, "codes")] == [0, 1, 255] and area.steps["codes"].status == "ok"
    assert exe_output.one(area, "input").text == "0\n"
    (row,) = area.steps["bytes"].rows()
    assert row == [0, {"$bytes": base64.b64encode(bytes.fromhex("00ff0a818d")).decode()}, {"$bytes": "5A=="}, False]


def test_both_outputs_are_drained_and_what_is_too_long_is_cut(server):
    area = carried_out(server, [exe("x", PROGRAM, ["flood"], 60)])
    flood = exe_output.one(area, "x")
    assert (len(flood.text), len(flood.errors), flood.cut, flood.code) == (2**20, 800000, True, 0)


def test_a_program_that_does_not_end_is_killed(servers):
    area = carried_out(servers("desktop"), [exe("x", PROGRAM, ["sleep", "60"], 1, on_error="stop"), exe("y", PROGRAM, [], 1)])
    (error,) = area.steps["x"].errors()
    assert (area.steps["x"].status, error["fqid"], error["category"], error["terminating"]) == ("failed", "ExeTimeout", "OperationTimeout", True)
    assert area.steps["y"].reason == "stopped" and answer.reason(error)[0] == "failed"


def test_a_child_that_holds_the_outputs_open_is_not_waited_for(servers):
    area = carried_out(servers("core"), [exe("x", PROGRAM, ["leave", "20"], 15)])
    assert area.seconds < 10
    left = exe_output.one(area, "x")
    assert (left.text, left.cut, left.code) == ("parent\n", True, 0)


def test_what_is_not_there_or_no_program_is_told_apart(server):
    area = carried_out(server, [
        exe("nowhere", r"C:\Nowhere\x.exe", [], 5),
        exe("unset", r"%NO_SUCH_VARIABLE%\x.exe", [], 5),
        exe("denied", "%STANDIN%\\plain.exe", [], 5),
        call("many", r"TestKit\Get-Word", {"Word": ["a", "b"]}, needs="TestKit"),
        call("script", r"TestKit\Get-Word", {"Word": ["/tmp/x.cmd"]}, needs="TestKit"),
        call("bare", r"TestKit\Get-Word", {"Word": ["standin.exe"]}, needs="TestKit"),
        call("counters", r"TestKit\Get-Counter", needs="TestKit"),
        exe("two", ref("many"), [], 5),
        exe("cmd", ref("script"), [], 5),
        exe("search", ref("bare"), [], 5),
        exe("number", PROGRAM, [ref("counters", "Number")], 5),
        call("none", r"TestKit\Get-Nothing", needs="TestKit"),
        exe("skipped", PROGRAM, [ref("none")], 5),
        exe("pathless", PROGRAM, [ref("counters", "Nope")], 5),
    ])  # fmt: skip
    fqids = {id: [error["fqid"] for error in step.errors()] for id, step in area.steps.items() if step.errors()}
    assert fqids == {
        "nowhere": ["ExeNotFound"], "unset": ["ExeRefused"], "denied": ["ExeRefused"], "two": ["ExeRefused"], "cmd": ["ExeRefused"],
        "search": ["ExeRefused"], "number": ["ExeRefused"],
    }  # fmt: skip
    assert all(area.steps[id].status == "failed" for id in fqids)
    assert [area.steps[id].reason for id in ("skipped", "pathless")] == ["ref:none", "ref:counters"]
    assert answer.reason(area.steps["nowhere"].errors()[0])[0] == "absent"
