"""Votes and membership of the lab's clusters: the worked examples of Microsoft's quorum page, and what stops a cluster."""
from __future__ import annotations

import pytest

from lab import estate, membership
from lab.backend import Backend
from lab.state import State

FC = "FailoverClusters\\"
SHARE = r"\\fs01\w"


def cluster_of(nodes, witness):
    """``(state, node names)`` of an estate with one cluster."""
    names = [f"n{number}" for number in range(1, nodes + 1)]
    description = {"users": {"admin": {"password": "x"}}, "hosts": {name: {} for name in names}, "shares": {SHARE: {"writers": ["CLU"]}},
                   "clusters": {"CLU": {"nodes": names, **({"witness": {"share": SHARE}} if witness else {})}}}
    return State(estate=estate.build(estate.hosts_with_clusters(description))), names


def votes(state):
    cluster = state.clusters["CLU"]
    return [node["dynamic_weight"] for node in cluster["nodes"]], cluster["properties"]["WitnessDynamicWeight"]


def crash(state, name):
    """Loses a host at one blow; whether the cluster lives on."""
    state.power(name, False)
    return membership.running(state.clusters["CLU"])


def one_after_the_other(nodes, witness):
    """How many nodes may crash one after the other, worst node first, until the cluster stops."""
    state, names = cluster_of(nodes, witness)
    lost = 0
    while True:
        up = [n for n in state.clusters["CLU"]["nodes"] if n["state"] == membership.UP]
        victim = max(up, key=lambda node: node["dynamic_weight"])
        if not crash(state, victim["host"]):
            return lost
        lost += 1


def at_once(nodes, witness):
    """How many nodes may be lost at one blow for certain."""
    state, _names = cluster_of(nodes, witness)
    cluster = state.clusters["CLU"]
    by_vote = sorted(cluster["nodes"], key=lambda node: -node["dynamic_weight"])
    return max(count for count in range(nodes) if membership.has_quorum(cluster, by_vote[:count]))


@pytest.mark.parametrize("nodes, witness, one, then_another, two_at_once", [
    # Microsoft, "Understanding cluster and pool quorum", the table of supported scenarios; its 50/50 counts as no
    (2, False, False, False, False), (2, True, True, False, False), (3, False, True, False, False), (3, True, True, True, False),
    (4, False, True, True, False), (4, True, True, True, True), (5, False, True, True, True), (5, True, True, True, True),
])
def test_the_table_of_microsofts_quorum_page(nodes, witness, one, then_another, two_at_once):
    lost = one_after_the_other(nodes, witness)
    assert (lost >= 1, lost >= 2, at_once(nodes, witness) >= 2) == (one, then_another, two_at_once)


def test_votes_stay_odd_by_the_witness_or_by_one_node():
    assert votes(cluster_of(2, True)[0]) == ([1, 1], 1)
    assert votes(cluster_of(3, True)[0]) == ([1, 1, 1], 0)
    assert votes(cluster_of(4, False)[0]) == ([1, 1, 1, 0], 0)
    state, _names = cluster_of(4, True)
    assert crash(state, "n1") and votes(state) == ([0, 1, 1, 1], 0)
    assert crash(state, "n2") and votes(state) == ([0, 0, 1, 1], 1)
    state.power("n2", True)
    assert votes(state) == ([0, 1, 1, 1], 0)


def test_a_lower_priority_node_gives_its_vote_up_in_a_tie():
    state, _names = cluster_of(2, False)
    whole = Backend(state, "n1").invoke(FC + "Get-Cluster", {}).objects[0]
    assert votes(state) == ([1, 0], 0)
    assert not Backend(state, "n1").assign(whole, "LowerQuorumPriorityNodeId", 1).errors
    assert votes(state) == ([0, 1], 0)
    assert crash(state, "n1")


def test_without_dynamic_quorum_votes_stay_and_half_is_not_enough():
    state, _names = cluster_of(4, False)
    whole = Backend(state, "n1").invoke(FC + "Get-Cluster", {}).objects[0]
    assert not Backend(state, "n1").assign(whole, "DynamicQuorum", 0).errors
    assert crash(state, "n1") and votes(state) == ([1, 1, 1, 1], 0)
    assert not crash(state, "n2")


def test_a_cluster_that_lost_quorum_answers_nothing_and_forms_when_the_votes_are_back():
    state, _names = cluster_of(2, False)
    assert not crash(state, "n1")
    assert Backend(state, "n2").invoke(FC + "Get-ClusterNode", {}).errors[0].fqid.startswith("ClusterEndpointNotRegistered")
    assert state.hosts["n2"]["services"]["ClusSvc"]["state"] == "Stopped"
    state.power("n1", True)
    assert membership.running(state.clusters["CLU"]) and not Backend(state, "n2").invoke(FC + "Get-ClusterNode", {}).errors


def test_a_node_that_is_stopped_gracefully_hands_its_vote_over_and_its_groups_move():
    state, _names = cluster_of(2, False)
    assert not Backend(state, "n2").invoke(FC + "Stop-ClusterNode", {"Name": "n1"}).errors
    assert votes(state) == ([0, 1], 0)
    assert {group["owner"] for group in state.clusters["CLU"]["groups"]} == {"N2"}


def test_pausing_keeps_the_vote_and_draining_moves_the_groups():
    state, _names = cluster_of(3, True)
    backend = Backend(state, "n2")
    paused, = backend.invoke(FC + "Suspend-ClusterNode", {"Name": ["n1"], "Drain": True}).objects
    assert (paused.properties["State"].name, paused.properties["DrainStatus"].name) == ("Paused", "Completed")
    assert votes(state) == ([1, 1, 1], 0) and "N1" not in {group["owner"] for group in state.clusters["CLU"]["groups"]}
    assert backend.invoke(FC + "Suspend-ClusterNode", {"Name": ["n1"]}).errors[0].chain[-1]["native"] == 70
    resumed, = backend.invoke(FC + "Resume-ClusterNode", {"Name": ["n1"]}).objects
    assert resumed.properties["State"].name == "Up"


def test_a_witness_that_is_offline_has_no_vote():
    state, _names = cluster_of(2, True)
    backend = Backend(state, "n1")
    assert not backend.invoke(FC + "Stop-ClusterResource", {"Name": "File Share Witness"}).errors
    assert votes(state) == ([1, 0], 0)
    assert not backend.invoke(FC + "Start-ClusterResource", {"Name": "File Share Witness"}).errors
    assert votes(state) == ([1, 1], 1)
