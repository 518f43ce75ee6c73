# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""All sequences of single losses and all sets lost at once, against a model of its own that counts votes in numbers.

The model shares nothing with the product but the rules: a state is a tuple of booleans and one number of votes that
nobody alive can cast.
"""

from functools import cache
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import quorum
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.quorum import WITNESS, Cluster, Node, Witness

SURVIVES, STOPS, DEPENDS = "survives", "stops", "depends"


class Model:
    """Votes counted: *weights* of the nodes (0/1), a *witness* or none, dynamic quorum on or off. Position -1 is the witness."""

    def __init__(self, weights, witness, dynamic):
        self.weights, self.witness, self.dynamic = weights, witness, dynamic

    def deal(self, up, witness_up):
        """Every way to hand out votes to the living: (up, witness up, node votes, witness vote, votes of the dead)."""
        voting = [u and bool(w) for u, w in zip(up, self.weights)]
        count = sum(voting)
        everybody = sum(self.weights)
        if not self.dynamic or count == 0:
            return [(up, witness_up, tuple(voting), self.witness and witness_up,
                     everybody - count + (1 if self.witness and not witness_up else 0))]
        if self.witness and everybody >= 2 and count in (1, 2):
            dead = 3 - count - (1 if witness_up else 0)
            return [(up, witness_up, tuple(voting), witness_up, dead)]
        if count % 2 == 1:
            return [(up, witness_up, tuple(voting), False, 0)]
        if self.witness and witness_up:
            return [(up, witness_up, tuple(voting), True, 0)]
        return [(up, witness_up, tuple(v and i != gone for i, v in enumerate(voting)), False, 0)
                for gone, v in enumerate(voting) if v]

    @staticmethod
    def runs(state):
        up, witness_up, votes, witness_vote, dead = state
        cast = sum(1 for u, v in zip(up, votes) if u and v) + (1 if witness_up and witness_vote else 0)
        total = sum(votes) + (1 if witness_vote else 0) + dead
        return any(up) and 2 * cast > total

    def lose(self, possible, lost):
        result = set()
        for state in possible:
            if not self.runs(state):
                result.add(state)
                continue
            up, witness_up, votes, witness_vote, dead = state
            torn_up = tuple(u and i not in lost for i, u in enumerate(up))
            torn_witness = witness_up and -1 not in lost
            torn = (torn_up, torn_witness, votes, witness_vote, dead)
            voter_lost = witness_up != torn_witness or any(w and a != b for w, a, b in zip(self.weights, up, torn_up))
            dealt = self.deal(torn_up, torn_witness)
            if self.runs(torn) and voter_lost and all(self.runs(new) for new in dealt):
                result.update(dealt)
            else:
                result.add(torn)
        return frozenset(result)

    def verdict(self, possible):
        ends = {self.runs(state) for state in possible}
        return DEPENDS if len(ends) == 2 else SURVIVES if ends == {True} else STOPS


def build(count, witness, dynamic, weights=None):
    weights = weights or (1,) * count
    nodes = tuple(Node(f"N{i}", True, weight) for i, weight in enumerate(weights))
    model = Model(weights, witness, dynamic)
    return Cluster(nodes, Witness(True) if witness else None, dynamic), model, frozenset(model.deal((True,) * count, witness))


def name(member):
    return WITNESS if member == -1 else f"N{member}"


def verdict(possible):
    ends = {state.quorate for state in possible}
    return DEPENDS if len(ends) == 2 else SURVIVES if ends == {True} else STOPS


SHAPES = [(count, witness, dynamic) for count in range(2, 9) for witness in (False, True) for dynamic in (False, True)]


@pytest.mark.parametrize("count, witness, dynamic", SHAPES)
def test_every_sequence_of_single_losses(count, witness, dynamic):
    """Both walk all orders in which members can be lost; equal positions of both are walked once."""
    of, model, start = build(count, witness, dynamic)
    members = list(range(count)) + ([-1] if witness else [])
    seen = set()
    walk = [(frozenset(quorum.states(of)), start, frozenset())]
    while walk:
        ours, theirs, gone = walk.pop()
        if (ours, theirs, gone) in seen:
            continue
        seen.add((ours, theirs, gone))
        assert verdict(ours) == model.verdict(theirs), f"after the loss of {sorted(gone)}"
        for member in members:
            if member not in gone:
                walk.append((frozenset(quorum.after(of, ours, {name(member)})), model.lose(theirs, {member}), gone | {member}))
    assert len({gone for _ours, _theirs, gone in seen}) == 2 ** len(members)


@pytest.mark.parametrize("count, witness, dynamic", SHAPES)
def test_every_set_lost_at_once(count, witness, dynamic):
    of, model, start = build(count, witness, dynamic)
    members = list(range(count)) + ([-1] if witness else [])
    for size in range(len(members) + 1):
        for lost in combinations(members, size):
            assert quorum.outcome(of, {name(member) for member in lost}) == model.verdict(model.lose(start, set(lost))), lost


@pytest.mark.parametrize("count, witness, dynamic", SHAPES)
def test_numbers_are_the_worst_case_of_all(count, witness, dynamic):
    of, model, start = build(count, witness, dynamic)

    @cache
    def certain(possible, left):
        """How many of the nodes *left* may fail one after another, whichever they are."""
        if model.verdict(possible) != SURVIVES:
            return -1
        return 1 + min((certain(model.lose(possible, {member}), left - {member}) for member in left), default=0)

    together = max((k for k in range(count) if all(model.verdict(model.lose(start, set(lost))) == SURVIVES
                                                   for lost in combinations(range(count), k))), default=0)
    assert quorum.in_turn(of) == max(certain(start, frozenset(range(count))), 0)
    assert quorum.together(of) == together


@st.composite
def clusters(draw):
    """Clusters as they are found: votes removed, nodes down, a failed witness, dynamic weights seen or not."""
    count = draw(st.integers(1, 8))
    seen = draw(st.booleans())
    nodes = tuple(Node(f"N{i}", draw(st.integers(0, 3)) > 0, weight, draw(st.integers(0, 1)) * weight if seen else None)
                  for i, weight in enumerate(draw(st.lists(st.sampled_from([1, 1, 1, 0]), min_size=count, max_size=count))))
    witness = draw(st.none() | st.builds(Witness, st.sampled_from([True, True, False]), st.integers(0, 1) if seen else st.none()))
    return Cluster(nodes, witness, draw(st.booleans()))


def mirrored(of):
    """The model of a cluster and where it starts."""
    model = Model(tuple(node.weight for node in of.nodes), of.witness is not None, of.dynamic)
    up = tuple(node.up for node in of.nodes)
    witness_up = of.witness is not None and of.witness.online
    weights = [node.dynamic_weight for node in of.nodes] + ([of.witness.dynamic_weight] if of.witness else [])
    if of.dynamic and None not in weights:
        votes = tuple(bool(node.dynamic_weight) for node in of.nodes)
        return model, frozenset({(up, witness_up, votes, bool(of.witness and of.witness.dynamic_weight), 0)})
    return model, frozenset(model.deal(up, witness_up))


@settings(max_examples=400, deadline=None)
@given(clusters(), st.data())
def test_found_clusters_and_any_losses(of, data):
    model, possible = mirrored(of)
    members = list(range(len(of.nodes))) + ([-1] if of.witness else [])
    losses = data.draw(st.lists(st.sets(st.sampled_from(members), max_size=3), max_size=5))
    for lost in losses:
        possible = model.lose(possible, lost)
    assert quorum.outcome(of, *[{name(member) for member in lost} for lost in losses]) == model.verdict(possible)


ORDER = {STOPS: 0, DEPENDS: 1, SURVIVES: 2}


@settings(max_examples=300, deadline=None)
@given(clusters(), st.data())
def test_losing_more_at_once_never_helps(of, data):
    members = [node.name for node in of.nodes] + ([WITNESS] if of.witness else [])
    some = data.draw(st.sets(st.sampled_from(members)))
    more = some | data.draw(st.sets(st.sampled_from(members)))
    assert ORDER[quorum.outcome(of, more)] <= ORDER[quorum.outcome(of, some)]


@settings(max_examples=300, deadline=None)
@given(clusters())
def test_properties_of_the_derived_facts(of):
    # no cluster hands its only vote to the witness while nodes with votes are up
    assume(not any(node.up and node.weight for node in of.nodes) or any(node.up and node.dynamic_weight != 0 for node in of.nodes))
    found = quorum.derive(of)
    up = [node for node in found["nodes"] if node["if_it_fails"] != quorum.DOWN]
    if not found["has_quorum"]:
        assert found["tolerates_in_turn"] == found["tolerates_together"] == 0
        return
    assert found["votes"]["present"] * 2 > found["votes"]["total"]
    assert found["tolerates_together"] <= found["tolerates_in_turn"] <= len(up) - 1
    assert (found["tolerates_together"] >= 1) == all(node["if_it_fails"] == SURVIVES for node in up)
    for node in up:
        assert ORDER[node["if_shut_down"]] >= ORDER[node["if_it_fails"]]
        assert ("fails now" in found["next_fatal_failure"]) or node["if_it_fails"] == SURVIVES
        if node["has_vote"] is False and len(up) > 1:
            assert node["if_it_fails"] == SURVIVES


@settings(max_examples=200, deadline=None)
@given(clusters())
def test_dynamic_quorum_and_a_witness_never_hurt(of):
    """Of the same living nodes: adding a working witness, or turning dynamic quorum on, tolerates no less."""
    if not quorum.has_quorum(of):
        return
    with_witness = quorum.reconfigured(of, witness=Witness(True))
    assert quorum.in_turn(with_witness) >= quorum.in_turn(quorum.reconfigured(of, witness=None)) or not of.dynamic
    assert quorum.in_turn(quorum.reconfigured(of, dynamic=True)) >= quorum.in_turn(quorum.reconfigured(of, dynamic=False))
