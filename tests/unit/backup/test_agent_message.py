from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import agent_message

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "real" / "sql" / "messages.jsonl"


def records():
    if not SHARED.exists():
        reason = "../shared/real/sql/messages.jsonl is absent: its records (41 when this was written) were not read"
        return [pytest.param({"id": "absent"}, marks=pytest.mark.skip(reason=reason))]
    return [json.loads(line) for line in SHARED.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("record", records(), ids=lambda record: record["id"])
def test_a_message_of_the_field_is_read_to_its_truth(record):
    message, truth = agent_message.read(record["message"]).plain(), record.get("truth") or {}
    if not truth.get("codes"):
        assert (message["codes"], message["cause"], message["failed"]) == ([], None, None), record["id"]
        return
    expected = {"cut": False, **truth}
    assert {key: message[key] for key in expected} == expected, record["id"]


E42, INFO = "[SQLSTATE 42000] (Error {})", "[SQLSTATE 01000] (Message {})"


@pytest.mark.parametrize("text,codes,cause,failed,cut", [
    ("", [], None, None, False),
    (None, [], None, None, False),
    ("The step failed.", [], None, None, False),
    ("Executed as user: X. No such (Error 5). The step failed.", [], None, None, False),
    ("x. " + E42.format(3201) + " y. " + E42.format(3013) + " z " + E42.format(50000) + ". The step failed.", [3201, 3013, 50000], 3201, True,
     False),
    ("x " + E42.format(50000) + ". The step failed.", [50000], 50000, True, False),
    ("x " + E42.format(0) + ". The step failed.", [0], None, True, False),
    ("x " + INFO.format(50000) + " y " + E42.format(0) + " z " + E42.format(2812), [50000, 0, 2812], 2812, True, False),
    ("Processed 8 pages " + INFO.format(4035) + ". The step succeeded.", [4035], None, False, False),
    ("Processed 8 pages " + INFO.format(4035) + ". Proc...  The step failed.", [4035], None, None, True),
    ("Processed 8 pages " + INFO.format(4035) + ". Processed [SQLSTATE 42", [4035], None, None, True),
    ("Executed as user: X. ...ssed 8 pages " + INFO.format(4035) + ". The step failed.", [4035], None, None, True),
    (INFO.format(4035) + "x" * 4000, [4035], None, None, True),
    ("x" * 4000, [], None, None, True),
    ("Loading... done " + INFO.format(0) + ". The step succeeded.", [0], None, False, False),
    ("\u627e\u4e0d\u5230 [SQLSTATE 42000]\uff08\u9519\u8bef 2812\uff09\u3002\u6b65\u9aa4\u5931\u8d25\u3002", [2812], 2812, True, False),
    ("\u043d\u0435\u0442 [sqlstate 42000] (\u041e\u0448\u0438\u0431\u043a\u0430 2812). x", [2812], 2812, True, False),
])
def test_forms_of_a_message(text, codes, cause, failed, cut):
    message = agent_message.read(text)
    assert ([number for _state, number in message.codes], message.cause, message.failed, message.cut) == (codes, cause, failed, cut)
