"""What reading costs on the wire: counts, never times."""
from __future__ import annotations

import json
import math

import pytest

BYTES_UP = 58_000      # executor and batch as base64 inside SOAP, with what NTLM adds
BYTES_A_RECEIVE = 2_500
LARGEST_ANSWER = 60_000


@pytest.mark.parametrize("kilobytes", [4, 32, 110])
def test_a_host_costs_one_start_and_one_exchange(open_estate, kilobytes):
    estate = open_estate("healthy", block=kilobytes * 1024)
    estate.lab.call(estate.lab.stats.clear)
    estate.play(estate.READ, check=0)
    stats = estate.lab.call(lambda: json.loads(json.dumps(estate.lab.stats)))
    assert set(stats) == set(estate.plan["estate"]["hosts"])
    for host, counts in stats.items():
        actions = counts["actions"]
        assert counts["starts"] == 1, host
        assert {name: actions[name] for name in ("Create", "Command", "Send", "Signal", "Delete")} == dict.fromkeys(
            ("Create", "Command", "Send", "Signal", "Delete"), 1), host
        assert actions["Receive"] <= math.ceil(LARGEST_ANSWER / (kilobytes * 1024)) + 1, host
        assert counts["bytes_up"] <= BYTES_UP + BYTES_A_RECEIVE * (actions["Receive"] - 1), host
        assert counts["refused_commands"] == 0


def test_tags_decide_what_is_asked_and_nothing_asked_is_no_connection(healthy):
    healthy.lab.call(healthy.lab.stats.clear)
    healthy.play(healthy.READ, "--tags", "always,nothing", check=0)
    healthy.play(healthy.READ.replace("ignore_unreachable: true", "ignore_unreachable: true\n      tags: [always]"), "--tags", "nothing", check=0)
    assert all(counts["starts"] <= 1 for counts in healthy.lab.call(lambda: dict(healthy.lab.stats)).values())
    snapshot = json.loads((healthy.folder / "snapshots" / "sql01.json").read_text(encoding="utf-8"))
    assert snapshot["status"] == "not_asked"
    assert {part["$unknown"]["reason"] for part in snapshot["areas"].values()} == {"not_asked"}
