from __future__ import annotations

import copy

import pytest
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

SUBJECTS = """
kinds:
  cluster:
    says: A cluster of the tests.
    areas: [cluster]
    groups: [cluster_node]
    facts:
      on: boolean
      started: instant
      extra: any
      quorum:
        witness?:
          state: text
          weight: number
      nodes[name]:
        name: text
        state: text
        weight: number
        site?: text
        tags[]: text
      resources[name]:
        name: text
        type: text
        state: text
        use_network_name?: number
"""
HEALTHY = {
    "on": True,
    "started": "2026-11-24T07:00:00.0000000Z",
    "extra": 1,
    "quorum": {"witness": {"state": "Online", "weight": 1}},
    "nodes": [{"name": f"n{n}", "state": "Up", "weight": 1, "site": None, "tags": ["a", "b"]} for n in (1, 2)],
    "resources": [{"name": "SSO", "type": "Generic Service", "state": "Online", "use_network_name": 1},
                  {"name": "Disk", "type": "Physical Disk", "state": "Online", "use_network_name": None}],
}
CLOCK = "2026-11-24T08:00:00Z"
DENIED = observed.hole("denied", "Access is denied.")
MISSING = observed.hole("missing", "It is not there.")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """``judged(expect, facts, where=None)`` -> the checks of a control that consists of that."""
    folder = tmp_path_factory.mktemp("baseline")
    (folder / "subjects.yml").write_text(SUBJECTS)
    (folder / "incidents.yml").write_text("{}")

    def run(expect, facts, where=None, clock=CLOCK):
        made = {"id": "FT-CLU-001", "title": "t", "severity": "low", "subject": "cluster", "expect": expect, "why": "w",
                "repair": {"advisory": "r"}, "source": ["s"], "incidents": []} | ({"where": where} if where else {})
        (folder / "cluster.yml").write_text(yaml.safe_dump([made]))
        loaded = baseline.load(folder)
        return evaluate(loaded.controls[0], view(facts, loaded.kinds["cluster"].type), clock)
    return run


def put(path, value):
    """The healthy facts with one place changed."""
    facts = copy.deepcopy(HEALTHY)
    at = facts
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return facts


NODES = [{"query": "length(nodes)", "at_least": 2}, {"each": "nodes", "query": "state", "equals": "Up"}]
WITNESS = [{"query": "quorum.witness.state", "equals": "Online"}]
SSO = [{"each": "resources", "where": "type == 'Generic Service'", "query": "state", "equals": "Online", "none": "fail"}]
NAME = [{"each": "resources", "where": "type == 'Generic Service'", "query": "use_network_name", "equals": 1}]
VOTES = [{"query": "length(nodes[?weight > `0`])", "at_least": 2}]

CASES = [
    ("healthy", NODES, HEALTHY, "pass"),
    ("one node", NODES, put(["nodes"], HEALTHY["nodes"][:1]), "fail"),
    ("a node down", NODES, put(["nodes", 1, "state"], "Down"), "fail"),
    ("a state not seen", NODES, put(["nodes", 1, "state"], DENIED), "unknown"),
    ("a state null", NODES, put(["nodes", 1, "state"], None), "unknown"),
    ("a state of the wrong type", NODES, put(["nodes", 1, "state"], 3), "unknown"),
    ("an element without its key", NODES, put(["nodes", 1, "name"], MISSING), "unknown"),
    ("an element not seen", NODES, put(["nodes", 1], DENIED), "unknown"),
    ("a list closed by a hole is not counted", NODES[:1], put(["nodes"], [*HEALTHY["nodes"], DENIED]), "unknown"),
    ("no list at all", NODES, put(["nodes"], DENIED), "unknown"),
    ("null for a list", NODES, put(["nodes"], None), "unknown"),
    ("something else for a list", NODES, put(["nodes"], "n1, n2"), "unknown"),
    ("nothing read", NODES, DENIED, "unknown"),
    ("fail wins over unknown", NODES,
     put(["nodes"], [{**HEALTHY["nodes"][0], "state": "Down"}, {**HEALTHY["nodes"][1], "state": DENIED}]), "fail"),
    ("an empty list is known", NODES, put(["nodes"], []), "fail"),
    ("a witness that is none", WITNESS, put(["quorum", "witness"], None), "fail"),
    ("a witness not seen", WITNESS, put(["quorum", "witness"], DENIED), "unknown"),
    ("the witness's state not seen", WITNESS, put(["quorum", "witness", "state"], DENIED), "unknown"),
    ("quorum not seen", WITNESS, put(["quorum"], DENIED), "unknown"),
    ("what where excludes may be unseen", SSO, put(["resources", 1, "state"], DENIED), "pass"),
    ("what where excludes may lack its key", SSO, put(["resources", 1, "name"], DENIED), "pass"),
    ("what where cannot tell is unknown", SSO, put(["resources", 1, "type"], DENIED), "unknown"),
    ("what where lets through is unknown", SSO, put(["resources", 0, "state"], DENIED), "unknown"),
    ("nothing to judge: none", SSO, put(["resources"], HEALTHY["resources"][1:]), "fail"),
    ("nothing to judge", NAME, put(["resources"], HEALTHY["resources"][1:]), "not_applicable"),
    ("null where it means none", NAME, put(["resources", 0, "use_network_name"], None), "fail"),
    ("true is not 1", NAME, put(["resources", 0, "use_network_name"], True), "unknown"),
    ("a number compared by size", VOTES, HEALTHY, "pass"),
    ("a number not seen", VOTES, put(["nodes", 0, "weight"], DENIED), "unknown"),
    ("1.0 is 1", [{"each": "nodes", "query": "weight", "equals": 1}], put(["nodes", 0, "weight"], 1.0), "pass"),
    ("true does not equal 1", [{"query": "extra", "equals": 1}], put(["extra"], True), "fail"),
    ("1 does not equal true", [{"query": "extra", "equals": True}], HEALTHY, "fail"),
    ("1 is not in [true]", [{"query": "extra", "in": [True, "1"]}], HEALTHY, "fail"),
    ("in, with none", [{"each": "nodes", "query": "site", "in": [None, "A"]}], HEALTHY, "pass"),
    ("at most", [{"query": "length(nodes)", "at_most": 1}], HEALTHY, "fail"),
    ("matches the whole text", [{"each": "nodes", "query": "state", "matches": "U"}], HEALTHY, "fail"),
    ("matches", [{"each": "nodes", "query": "state", "matches": "U."}], HEALTHY, "pass"),
    ("equals name, without case", [{"each": "nodes", "query": "state", "equals_name": "uP"}], HEALTHY, "pass"),
    ("equals name of none", [{"each": "nodes", "query": "site", "equals_name": "A"}], HEALTHY, "fail"),
    ("an age", [{"query": "started", "at_most": 3600}], HEALTHY, "pass"),
    ("too old", [{"query": "started", "at_most": 3599}], HEALTHY, "fail"),
    ("no instant", [{"query": "started", "at_most": 3600}], put(["started"], "yesterday"), "unknown"),
    ("an instant without a zone", [{"query": "started", "at_most": 3600}], put(["started"], "2026-11-24T07:00:00"), "unknown"),
    ("an expectation that does not apply", [{"where": "!on", "query": "extra", "equals": 2}], HEALTHY, "not_applicable"),
    ("an expectation that may apply", [{"where": "!on", "query": "extra", "equals": 1}], put(["on"], DENIED), "unknown"),
    ("a list within", [{"each": "nodes", "query": "contains(tags, 'a')", "equals": True}], HEALTHY, "pass"),
    ("a list within that holds a hole", [{"each": "nodes", "query": "contains(tags, 'a')", "equals": True}],
     put(["nodes", 0, "tags"], ["a", DENIED]), "unknown"),
    ("a whole list", [{"each": "nodes", "query": "tags", "equals": ["a", "b"]}], HEALTHY, "pass"),
    ("a whole list in another order", [{"each": "nodes", "query": "tags", "equals": ["b", "a"]}], HEALTHY, "fail"),
    ("a projection", [{"query": "length(nodes[].tags[])", "equals": 4}], HEALTHY, "pass"),
    ("a projection over a hole", [{"query": "length(nodes[].tags[])", "equals": 4}], put(["nodes", 0, "tags"], DENIED), "unknown"),
    ("a projected hole is not counted", [{"query": "length(nodes[].state)", "equals": 2}], put(["nodes", 0, "state"], DENIED), "unknown"),
    ("the first of a list", [{"query": "nodes[].state | [0]", "equals": "Up"}], HEALTHY, "pass"),
    ("the first of none", [{"query": "nodes[].state | [0]", "equals": "Up"}], put(["nodes"], []), "fail"),
    ("no or over a hole", [{"query": "on || extra == `2`", "equals": True}], put(["on"], DENIED), "unknown"),
    ("or, decided by what is known", [{"query": "on || extra == `2`", "equals": True}], put(["extra"], DENIED), "pass"),
    ("a name that starts so", [{"each": "nodes", "where": "starts_with(site, 'A')", "query": "state", "equals": "Up"}], HEALTHY,
     "not_applicable"),
]


@pytest.mark.parametrize(("expect", "facts", "status"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_case(judged, expect, facts, status):
    checks = judged(expect, facts)
    assert overall(check.status for check in checks) == status, checks


@pytest.mark.parametrize(("facts", "status"), [(HEALTHY, "pass"), (put(["on"], False), "not_applicable"), (put(["on"], DENIED), "unknown")])
def test_where_of_a_control(judged, facts, status):
    assert overall(check.status for check in judged(NODES, facts, where="on")) == status


def test_an_age_without_a_clock_is_unknown(judged):
    assert judged([{"query": "started", "at_most": 3600}], HEALTHY, clock=None)[0].reason == "missing"


def test_a_check_says_what_and_where(judged):
    checks = judged(NODES, put(["nodes", 1, "state"], "Down"))
    assert [(check.item, check.status) for check in checks] == [("", "pass"), ("n1", "pass"), ("n2", "fail")]
    assert checks[2].evidence == "nodes[n2]: state is Down, expected Up."
    assert judged(NODES, put(["nodes"], HEALTHY["nodes"][:1]))[0].evidence == "length(nodes) is 1, expected at least 2 (n1)."
    unseen = judged(NODES, put(["nodes", 1, "state"], DENIED))[2]
    assert (unseen.evidence, unseen.reason, unseen.item) == ("Access is denied. (nodes[n2].state)", "denied", "n2")


@pytest.mark.parametrize(("statuses", "together"), [
    (["pass", "unknown", "fail"], "fail"), (["pass", "unknown", "not_applicable"], "unknown"), (["not_applicable", "pass"], "pass"),
    (["not_applicable"], "not_applicable"), ([], "not_applicable"),
])
def test_statuses_together(statuses, together):
    assert overall(statuses) == together
