"""What reading costs on the wire: counts, never times."""
from __future__ import annotations

import json
import math

import pytest
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import contract

BYTES_UP = 70_000      # executor and batch as base64 inside SOAP, with what NTLM adds
BYTES_A_RECEIVE = 2_500
LARGEST_ANSWER = 60_000


@pytest.mark.parametrize("kilobytes", [4, 32, 110])
def test_a_host_costs_one_start_for_all_light_areas_and_one_for_each_heavy_one(open_estate, kilobytes):
    estate = open_estate("healthy", block=kilobytes * 1024)
    estate.lab.call(estate.lab.stats.clear)
    estate.play(estate.READ, check=0)
    stats = estate.lab.call(lambda: json.loads(json.dumps(estate.lab.stats)))
    assert set(stats) == set(estate.lab.state.hosts)
    children = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))["all"]["children"]
    for host, counts in stats.items():
        actions, groups = counts["actions"], [name for name, group in children.items() if host in group.get("hosts", {})]
        starts = 1 + sum(getattr(AREAS[area], "HEAVY", False) for area in contract.areas_of(groups, {}))
        assert counts["starts"] == starts, host
        assert {name: actions[name] for name in ("Create", "Command", "Send", "Signal", "Delete")} == {
            "Create": 1, "Command": starts, "Send": starts, "Signal": starts, "Delete": 1}, host
        assert actions["Receive"] <= starts * (math.ceil(LARGEST_ANSWER / (kilobytes * 1024)) + 1), host
        assert counts["bytes_up"] <= starts * BYTES_UP + BYTES_A_RECEIVE * (actions["Receive"] - starts), host
        assert counts["refused_commands"] == 0


def test_tags_decide_what_is_asked_and_nothing_asked_is_no_connection(healthy):
    healthy.lab.call(healthy.lab.stats.clear)
    healthy.play(healthy.READ, "--tags", "always,nothing", check=0)
    healthy.play(healthy.READ.replace("ignore_unreachable: true", "ignore_unreachable: true\n      tags: [always]"), "--tags", "nothing", check=0)
    assert all(counts["starts"] <= 1 for counts in healthy.lab.call(lambda: dict(healthy.lab.stats)).values())
    snapshot = json.loads((healthy.folder / "snapshots" / "sql01.json").read_text(encoding="utf-8"))
    assert snapshot["status"] == "not_asked"
    assert {part["$unknown"]["reason"] for part in snapshot["areas"].values()} == {"not_asked"}
