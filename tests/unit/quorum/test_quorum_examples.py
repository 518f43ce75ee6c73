# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Every worked example and every table row of Microsoft's page "Understanding cluster and pool quorum" (its cluster
quorum part), the statements of "Configure and manage quorum" that can be computed, and two incidents from the field."""

from fractions import Fraction
from itertools import combinations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import quorum
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.quorum import WITNESS, Cluster, Node, Witness

SURVIVES, STOPS, DEPENDS = "survives", "stops", "depends"


def cluster(count, witness=False, weights=None, **rest):
    nodes = tuple(Node(f"N{number}", True, 1, None if weights is None else weights[number - 1]) for number in range(1, count + 1))
    return Cluster(nodes, Witness(True, rest.pop("witness_weight", None)) if witness else None, **rest)


def chance(of, *sizes):
    """The share of the cases, each as likely as the other, in which losses of so many nodes at once are survived."""
    return _chance(of, [(Fraction(1), state) for state in quorum.states(of)], sizes)


def _chance(of, weighted, sizes):
    if not sizes:
        return sum((share for share, state in weighted if state.quorate), Fraction(0)) / sum(share for share, _state in weighted)
    following = []
    for share, state in weighted:
        losses = list(combinations(sorted(state.alive - {WITNESS}), sizes[0])) or [()]
        for lost in losses:
            ends = quorum.after(of, [state], lost)
            following += [(share / len(losses) / len(ends), end) for end in ends]
    return _chance(of, following, sizes[1:])


HALF = Fraction(1, 2)
TABLE = [  # nodes, witness; one failure, then another, two at once, as the table at the head of the page has them
    ("2", 2, False, HALF, 0, 0),
    ("2 + Witness", 2, True, 1, 0, 0),
    ("3", 3, False, 1, HALF, 0),
    ("3 + Witness", 3, True, 1, 1, 0),
    ("4", 4, False, 1, 1, HALF),
    ("4 + Witness", 4, True, 1, 1, 1),
    ("5 and above", 5, False, 1, 1, 1),
    ("5 and above", 6, False, 1, 1, 1),
    ("5 and above", 7, True, 1, 1, 1),
    ("5 and above", 8, True, 1, 1, 1),
]


@pytest.mark.parametrize("row, count, witness, one, then_another, two_at_once", TABLE, ids=[f"{row[0]} ({row[1]})" for row in TABLE])
def test_table_of_outcomes(row, count, witness, one, then_another, two_at_once):
    of = cluster(count, witness)
    assert chance(of, 1) == one
    assert chance(of, 1, 1) == then_another
    assert chance(of, 2) == two_at_once


def votes(of):
    state = quorum.states(of)[0]
    return len(state.votes), state.needed, WITNESS in state.votes


@pytest.mark.parametrize("name, of, expected", [
    ("Two nodes without a witness", cluster(2), (1, 1, False)),
    ("Two nodes with a witness", cluster(2, True), (3, 2, True)),
    ("Three nodes without a witness", cluster(3), (3, 2, False)),
    ("Three nodes with a witness", cluster(3, True), (3, 2, False)),
    ("Four nodes without a witness", cluster(4), (3, 2, False)),
    ("Four nodes with a witness", cluster(4, True), (5, 3, True)),
    ("Five nodes and beyond, odd", cluster(5), (5, 3, False)),
    ("Five nodes and beyond, even", cluster(6), (5, 3, False)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_votes_of_example(name, of, expected):
    assert votes(of) == expected


def test_two_nodes_without_a_witness_the_voter_decides():
    of = cluster(2, weights=[0, 1])
    assert quorum.outcome(of, {"N1"}) == SURVIVES
    assert quorum.outcome(of, {"N2"}) == STOPS
    assert quorum.outcome(of, {"N2"}, clean=True) == SURVIVES
    assert quorum.next_fatal_failure(of) == "If N2 fails now, the cluster stops."


def test_two_nodes_without_a_witness_when_it_is_not_seen_who_votes():
    of = cluster(2)
    assert [quorum.outcome(of, {name}) for name in ("N1", "N2")] == [DEPENDS, DEPENDS]
    assert quorum.next_fatal_failure(of) == "If N1 or N2 fails now, the cluster stops unless that node has no vote at that moment."


def test_three_nodes_without_a_witness_become_two():
    """After one failure the cluster is in the first scenario: one vote in all."""
    of = cluster(3)
    left = quorum.after(of, quorum.states(of), {"N3"})
    assert {state.votes for state in left} == {frozenset({"N1"}), frozenset({"N2"})}


def test_three_nodes_with_a_witness_become_two_with_a_witness():
    of = cluster(3, True)
    assert quorum.after(of, quorum.states(of), {"N3"}) == [({"N1", "N2", WITNESS}, {"N1", "N2", WITNESS})]


def test_four_nodes_with_a_witness_skip_to_two_with_a_witness():
    of = cluster(4, True)
    assert quorum.after(of, quorum.states(of), {"N3", "N4"}) == [({"N1", "N2", WITNESS}, {"N1", "N2", WITNESS})]


def test_four_nodes_lose_three_one_by_one():
    """The page's four-node illustration: with dynamic quorum the last node runs on; without it two losses are the end."""
    assert quorum.in_turn(cluster(4, True)) == 3
    assert chance(cluster(4), 1, 1) == 1
    assert quorum.outcome(cluster(4, dynamic=False), {"N1"}) == SURVIVES
    assert quorum.outcome(cluster(4, dynamic=False), {"N1"}, {"N2"}) == STOPS


def test_sequential_shutdown_down_to_the_last_node():
    for count in range(2, 9):
        for witness in (False, True):
            losses = [{f"N{number}"} for number in range(1, count)]
            assert quorum.outcome(cluster(count, witness), *losses, clean=True) == SURVIVES


def test_half_of_the_nodes_with_a_witness():
    """"Configure and manage quorum": a witness vote lets the cluster run when half of the nodes go at once."""
    for count in (2, 4, 6, 8):
        gone = {f"N{number}" for number in range(1, count // 2 + 1)}
        for dynamic in (True, False):
            assert quorum.outcome(cluster(count, True, dynamic=dynamic), gone) == SURVIVES
            assert quorum.outcome(cluster(count, dynamic=dynamic), gone) != SURVIVES


def test_majority_lost_at_once_is_never_survived():
    for count in range(3, 9):
        gone = {f"N{number}" for number in range(1, count // 2 + 2)}
        assert quorum.outcome(cluster(count), gone) == STOPS


def test_disk_only():
    """No node has a vote; the disk is the single point of failure."""
    of = cluster(3, True, disk_only=True)
    assert votes(of) == (1, 1, True)
    assert quorum.in_turn(of) == quorum.together(of) == 2
    assert quorum.outcome(of, {WITNESS}) == STOPS
    assert quorum.next_fatal_failure(of) == "If the witness fails now, the cluster stops."


def test_votes_removed_from_the_backup_site():
    """Manual failover: SiteB without votes does not affect quorum, and cannot run alone."""
    nodes = tuple(Node(name, True, weight, None, name[0]) for name, weight in (("A1", 1), ("A2", 1), ("B1", 0), ("B2", 0)))
    found = quorum.derive(Cluster(nodes, Witness(True, site="A")))
    assert found["sites"] == [{"name": "A", "if_lost": STOPS}, {"name": "B", "if_lost": SURVIVES}]
    assert found["votes"]["total"] == 3


def test_automatic_failover_needs_the_witness_elsewhere():
    nodes = tuple(Node(name, True, 1, None, name[0]) for name in ("A1", "A2", "B1", "B2"))
    third = quorum.derive(Cluster(nodes, Witness(True, site="C")))
    same = quorum.derive(Cluster(nodes, Witness(True, site="A")))
    assert [site["if_lost"] for site in third["sites"]] == [SURVIVES, SURVIVES]
    assert [site["if_lost"] for site in same["sites"]] == [STOPS, SURVIVES]


def test_lower_priority_node_gives_up_its_vote():
    of = cluster(4, lower_priority="N3")
    assert [state.votes for state in quorum.states(of)] == [{"N1", "N2", "N4"}]


def test_incident_065_clean_shutdown_with_a_witness_that_does_not_count():
    """Two nodes whose witness carries no vote: the survivor of a clean shutdown stopped for want of quorum."""
    of = Cluster((Node("N1", True, 1, 1), Node("N2", True, 1, 1)), Witness(False, 0))
    assert quorum.outcome(of, {"N2"}) == STOPS
    assert quorum.outcome(of, {"N2"}, clean=True) == STOPS


def test_incident_066_production_shut_down_node_by_node():
    """Two production nodes with the witness beside them, one node elsewhere: alone it cannot run."""
    of = Cluster((Node("P1", True, 1, 1, "P"), Node("P2", True, 1, 1, "P"), Node("D1", True, 1, 1, "D")), Witness(True, 0, "P"))
    assert quorum.outcome(of, {"P1"}, {"P2", WITNESS}) == STOPS
    assert quorum.derive(of)["sites"] == [{"name": "D", "if_lost": SURVIVES}, {"name": "P", "if_lost": STOPS}]


def test_witness_fails_after_all_nodes_but_one():
    """Microsoft's support blog on dynamic witness: votes never go below three, so the last node goes with its witness."""
    of = cluster(4, True)
    assert quorum.outcome(of, {"N4"}, {"N3"}, {"N2"}) == SURVIVES
    assert quorum.outcome(of, {"N4"}, {"N3"}, {"N2"}, {WITNESS}) == STOPS
