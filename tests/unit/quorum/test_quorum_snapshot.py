# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""From the area ``cluster`` to the derivation: what is read of it, and that no unseen fact is ever guessed."""

import copy

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, quorum
from ansible_collections.biztalk.fault_tolerance.plugins.modules import cluster_info

AREA = {
    "name": "BTSCLU",
    "dynamic_quorum": True,
    "lower_priority_node_id": 0,
    "nodes": [{"name": "SQL01", "id": "1", "state": "Up", "weight": 1, "dynamic_weight": 1},
              {"name": "SQL02", "id": "2", "state": "Paused", "weight": 1, "dynamic_weight": 1},
              {"name": "SQL03", "id": "3", "state": "Joining", "weight": 1, "dynamic_weight": 0}],
    "quorum": {"type": "Majority", "witness": {"kind": "file_share", "state": "Online", "dynamic_weight": 1}},
}
NEEDED = [("dynamic_quorum",), ("nodes",), ("nodes", 1), ("nodes", 0, "name"), ("nodes", 1, "state"), ("nodes", 2, "weight"),
          ("nodes", 0, "dynamic_weight"), ("quorum",), ("quorum", "type"), ("quorum", "witness"), ("quorum", "witness", "state"),
          ("quorum", "witness", "dynamic_weight")]


def dotted(path):
    return ".".join(map(str, path))


def changed(path, value):
    area = copy.deepcopy(AREA)
    at = area
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return area


def test_what_is_read():
    of = quorum.from_snapshot(AREA, {"sql01": "A", "SQL02": "B"}, "B")
    assert of == quorum.Cluster((quorum.Node("SQL01", True, 1, 1, "A"), quorum.Node("SQL02", True, 1, 1, "B"),
                                 quorum.Node("SQL03", False, 1, 0)), quorum.Witness(True, 1, "B"))
    found = quorum.derived(AREA, {"sql01": "A", "SQL02": "B"}, "B")
    assert found["votes"] == {"total": 3, "needed": 2, "present": 3, "configured_total": 4, "configured_needed": 3}
    assert [node["if_it_fails"] for node in found["nodes"]] == ["survives", "survives", "down"]
    assert found["sites"] == [{"name": "A", "if_lost": "survives"}, {"name": "B", "if_lost": "stops"}]


@pytest.mark.parametrize("path", NEEDED, ids=dotted)
@pytest.mark.parametrize("reason", ["denied", "missing"])
def test_a_needed_fact_that_was_not_seen_makes_the_derivation_unknown(path, reason):
    found = quorum.derived(changed(path, observed.hole(reason, "It was not seen.")))
    assert found == observed.hole(reason, "Quorum cannot be derived: It was not seen.")


@pytest.mark.parametrize("path", [path for path in NEEDED if path[-1] in ("name", "state", "weight", "dynamic_weight", "type")], ids=dotted)
def test_a_null_where_a_value_must_be_is_unknown(path):
    assert observed.is_hole(quorum.derived(changed(path, None)))


def test_a_null_says_whose_it_is():
    found = quorum.derived(changed(("nodes", 1, "weight"), None))
    assert found == observed.hole("null", "Quorum cannot be derived: weight of node 2 of the cluster is null.")


def test_the_whole_area_unseen():
    assert observed.is_hole(quorum.derived(observed.hole("unreachable", "No answer.")))


def test_without_dynamic_quorum_dynamic_weights_are_not_needed():
    area = changed(("dynamic_quorum",), False)
    for node in area["nodes"]:
        node["dynamic_weight"] = observed.hole("missing", "Not here.")
    area["quorum"]["witness"]["dynamic_weight"] = observed.hole("missing", "Not here.")
    found = quorum.derived(area)
    assert (found["votes"]["total"], found["votes"]["needed"], found["votes"]["present"]) == (4, 3, 3)


def test_old_names_of_quorum_types():
    for kind in ("NodeMajority", "NodeAndDiskMajority", "NodeAndFileShareMajority", "Majority", "DiskOnly"):
        assert quorum.from_snapshot(changed(("quorum", "type"), kind)).disk_only is (kind == "DiskOnly")


@pytest.mark.parametrize("wanted, expected", [(0, ""), (2, "SQL02"), (9, ""), (None, ""), (observed.hole("missing", "x"), "")])
def test_lower_priority_node(wanted, expected):
    assert quorum.from_snapshot(changed(("lower_priority_node_id",), wanted)).lower_priority == expected


def test_assumptions_are_named_where_they_matter():
    assert quorum.derived(AREA)["assumed"] == [quorum.ASSUMED["three_votes"], quorum.ASSUMED["paused"]]
    alone = changed(("quorum", "witness"), None)
    assert quorum.ASSUMED["tie"] in quorum.derived(alone)["assumed"]
    alone["lower_priority_node_id"] = 1
    assert quorum.ASSUMED["lower_priority"] in quorum.derived(alone)["assumed"]
    alone["dynamic_quorum"] = False
    assert quorum.derived(alone)["assumed"] == [quorum.ASSUMED["paused"]]


def test_cluster_info():
    wanted = {"cluster_name": "btsclu", "sites": {"SQL01": "A"}, "witness_site": ""}
    told = cluster_info.inform(wanted, {"host": {}, "areas": {"cluster": AREA}})
    assert told["cluster"] == AREA and told["quorum"]["sites"] == [{"name": "A", "if_lost": "survives"}] and told["quorum_unknown"] == ""
    denied = changed(("nodes",), observed.hole("denied", "Access is denied."))
    unseen = cluster_info.inform(wanted, {"host": {}, "areas": {"cluster": denied}})
    assert unseen["quorum"] is None and "Access is denied." in unseen["quorum_unknown"]
    other = cluster_info.inform({**wanted, "cluster_name": "X"}, {"host": {}, "areas": {"cluster": AREA}})
    assert other == {"failed": True, "msg": "This host is a node of the cluster BTSCLU and not of X."}
    none = cluster_info.inform(wanted, {"host": {}, "areas": {"cluster": observed.hole("absent", "FailoverClusters is not on this host.")}})
    assert none["failed"] and none["msg"].endswith("FailoverClusters is not on this host.")
