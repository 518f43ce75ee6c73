# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a failover cluster can lose and still run: votes, majority, and how dynamic quorum moves them.

The rules are those of Microsoft's page "Understanding cluster and pool quorum" and of "Configure and manage quorum".
What these pages leave open is decided for the worse and named in ``ASSUMED``.

A *member* is a node, by its name, or the witness, ``WITNESS``. Every vote weighs one. A *state* says who is alive and
who holds a vote. The cluster runs while the living members hold more than half of the votes and a node is among them.
After each loss that it survived, dynamic quorum hands out the votes anew. Where it is not known which node gives up
its vote, there are several states, and the outcome ``depends`` when they disagree.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

WITNESS = ""
SURVIVES, STOPS, DEPENDS, DOWN = "survives", "stops", "depends", "down"
NO_SINGLE_FAILURE = "No single failure stops the cluster now."

ASSUMED = {
    "three_votes": "With a witness and two or more voting nodes, dynamic quorum never goes below three votes, so the last node needs the "
                   "witness, and two nodes whose witness has failed need each other (Microsoft's support blog; the quorum page is silent).",
    "tie": "Without a working witness one of an even number of nodes gives up its vote; the cluster chooses which, so each is counted as "
           "possible.",
    "lower_priority": "The node that LowerQuorumPriorityNodeID names gives up its vote in a tie as long as it is up.",
    "half": "Exactly half of the votes is counted as no quorum.",
    "paused": "A paused node is counted as up; a joining one as down.",
}


@dataclass(frozen=True)
class Node:
    """``weight``: the configured vote, 0 or 1. ``dynamic_weight``: the vote that it has now, None where it is to be derived."""

    name: str
    up: bool
    weight: int
    dynamic_weight: int | None = None
    site: str = ""


@dataclass(frozen=True)
class Witness:
    online: bool
    dynamic_weight: int | None = None
    site: str = ""


@dataclass(frozen=True)
class Cluster:
    """``dynamic``: dynamic quorum is on. ``lower_priority``: the node named by LowerQuorumPriorityNodeID, or empty."""

    nodes: tuple
    witness: Witness | None = None
    dynamic: bool = True
    disk_only: bool = False
    lower_priority: str = ""


class State(NamedTuple):
    alive: frozenset
    votes: frozenset

    @property
    def needed(self):
        return len(self.votes) // 2 + 1

    @property
    def present(self):
        return len(self.votes & self.alive)

    @property
    def quorate(self):
        return self.present >= self.needed and self.alive > self.alive & {WITNESS}


def states(cluster):
    """The states that the cluster may be in now: one where its dynamic weights were seen."""
    alive = frozenset(node.name for node in cluster.nodes if node.up)
    if cluster.witness and cluster.witness.online:
        alive |= {WITNESS}
    seen = {node.name: node.dynamic_weight for node in cluster.nodes}
    if cluster.witness:
        seen[WITNESS] = cluster.witness.dynamic_weight
    if cluster.dynamic and not cluster.disk_only and None not in seen.values():
        return [State(alive, frozenset(member for member, weight in seen.items() if weight))]
    return _settled(cluster, alive)


def has_quorum(cluster):
    return all(state.quorate for state in states(cluster))


def outcome(cluster, *losses, clean=False):
    """What becomes of a cluster that loses the sets of members *losses* one after another: survives, stops or depends.

    *clean*: the nodes are shut down and not torn away, so that dynamic quorum takes their votes before they go.
    """
    *earlier, last = losses or [()]
    possible = states(cluster)
    for lost in earlier:
        possible = after(cluster, possible, lost, clean)
    ends = {SURVIVES if _survives(cluster, state, last, clean) else STOPS for state in possible}
    return DEPENDS if len(ends) > 1 else ends.pop()


def _survives(cluster, state, lost, clean):
    """Whether a state outlives a loss. Handing out the votes anew afterwards never stops a cluster, so it need not be done."""
    if not state.quorate or State(state.alive - frozenset(lost), state.votes).quorate:
        return state.quorate
    return clean and _after(cluster, state, lost, clean)[0].quorate


def after(cluster, possible, lost, clean=False):
    """The states that may follow the *possible* ones when the members *lost* go at once; one without quorum stays as it is."""
    return list(dict.fromkeys(following for state in possible for following in _after(cluster, state, lost, clean)))


def _after(cluster, state, lost, clean=False):
    alive = state.alive - frozenset(lost)
    torn = State(alive, state.votes)
    voters = {node.name for node in cluster.nodes if node.weight} | {WITNESS}
    if not state.quorate:
        return [state]
    if alive & voters == state.alive & voters or not (clean or torn.quorate):
        return [torn]
    settled = _settled(cluster, alive)
    return settled if all(following.quorate for following in settled) else [torn]


def _settled(cluster, alive):
    """The states after the cluster has handed out the votes to those who are alive."""
    configured = {node.name for node in cluster.nodes if node.weight}
    voters = configured & alive
    witness = {WITNESS} if cluster.witness else set()
    if cluster.disk_only:
        choices = [witness]
    elif not cluster.dynamic or not voters:
        choices = [configured | witness]
    elif witness and len(voters) <= 2 <= len(configured):
        choices = [voters | witness | set(sorted(configured - voters)[:2 - len(voters)])]
    elif len(voters) % 2:
        choices = [voters]
    elif WITNESS in alive:
        choices = [voters | witness]
    elif cluster.lower_priority in voters:
        choices = [voters - {cluster.lower_priority}]
    else:
        choices = [voters - {zeroed} for zeroed in sorted(voters)]
    return [State(alive, frozenset(votes)) for votes in choices]


def together(cluster):
    """How many nodes, whichever they are, may be lost at once for certain."""
    return min(_together(state) for state in states(cluster))


def _together(state):
    nodes = state.alive - {WITNESS}
    spare = state.present - state.needed
    if not state.quorate:
        return 0
    return len(nodes) - 1 if spare >= len(state.votes & nodes) else min(spare, len(nodes) - 1)


def in_turn(cluster):
    """How many nodes, whichever they are, may fail one after another for certain.

    The worst order takes a node that holds a vote each time. All states that one loss may lead to differ only in
    names, so one of them speaks for all.
    """
    return min(_in_turn(cluster, state) for state in states(cluster))


def _in_turn(cluster, state):
    count = -1
    while state.quorate:
        count += 1
        nodes = state.alive - {WITNESS}
        state = _after(cluster, state, {min(state.votes & nodes or nodes)})[0]
    return max(count, 0)


def reconfigured(cluster, weights=None, witness="same", dynamic=None):
    """The cluster after a change of its configuration, its votes handed out anew.

    *weights*: name -> configured vote; *witness*: a ``Witness`` or None; *dynamic*: on or off.
    """
    weights = weights or {}
    nodes = tuple(replace(node, weight=weights.get(node.name, node.weight), dynamic_weight=None) for node in cluster.nodes)
    changed = replace(cluster, nodes=nodes, dynamic=cluster.dynamic if dynamic is None else dynamic)
    if witness != "same":
        return replace(changed, witness=witness, disk_only=False)
    return replace(changed, witness=changed.witness and replace(changed.witness, dynamic_weight=None))


def worsened(before, after):
    """The nodes whose failure the cluster survives for certain *before* a change but not *after* it."""
    return [node.name for node in before.nodes
            if node.up and outcome(before, {node.name}) == SURVIVES != outcome(after, {node.name})]


def derive(cluster):
    """The derived facts of a cluster, as plain data. What each means is documented with the module cluster_info."""
    possible = states(cluster)
    first = possible[0]
    configured = sum(1 for node in cluster.nodes if node.weight) + (1 if cluster.witness else 0)
    return {
        "has_quorum": has_quorum(cluster),
        "votes": {"total": len(first.votes), "needed": first.needed, "present": first.present,
                  "configured_total": configured, "configured_needed": configured // 2 + 1},
        "nodes": [_node(cluster, node, possible) for node in cluster.nodes],
        "witness_votes": any(WITNESS in state.votes for state in possible),
        "if_witness_fails": _witness_loss(cluster),
        "sites": [{"name": name, "if_lost": outcome(cluster, members)} for name, members in _sites(cluster)],
        "tolerates_in_turn": in_turn(cluster),
        "tolerates_together": together(cluster),
        "next_fatal_failure": next_fatal_failure(cluster),
        "assumed": _assumed(cluster, first),
    }


def _node(cluster, node, possible):
    holds = {node.name in state.votes for state in possible}
    alive = {member for member in possible[0].alive if member != node.name}
    fails = outcome(cluster, {node.name}) if node.up else DOWN
    return {
        "name": node.name,
        "site": node.site,
        "has_vote": holds.pop() if len(holds) == 1 else None,
        "if_it_fails": fails,
        "if_shut_down": outcome(cluster, {node.name}, clean=True) if node.up else DOWN,
        "then_fatal": [_called(other) for other in sorted(alive) if outcome(cluster, {node.name}, {other}) != SURVIVES]
        if fails == SURVIVES else [],
    }


def _witness_loss(cluster):
    if not cluster.witness:
        return None
    return outcome(cluster, {WITNESS}) if cluster.witness.online else DOWN


def _sites(cluster):
    names = sorted({node.site for node in cluster.nodes if node.site})
    for name in names:
        members = {node.name for node in cluster.nodes if node.site == name}
        yield name, members | ({WITNESS} if cluster.witness and cluster.witness.site == name else set())


def next_fatal_failure(cluster):
    """One sentence: the next single failure that stops the cluster, or that there is none."""
    if not has_quorum(cluster):
        return "By its votes the cluster has no quorum now."
    state = states(cluster)[0]
    ends = {member: outcome(cluster, {member}) for member in sorted(state.alive)}
    fatal = [_called(member) for member, end in ends.items() if end == STOPS]
    chance = [_called(member) for member, end in ends.items() if end == DEPENDS]
    sentences = []
    if fatal:
        sentences.append(f"If {_or(fatal)} fails now, the cluster stops.")
    if chance:
        sentences.append(f"If {_or(chance)} fails now, the cluster stops unless that node has no vote at that moment.")
    return " ".join(sentences) or NO_SINGLE_FAILURE


def _called(member):
    return "the witness" if member == WITNESS else member


def _or(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _assumed(cluster, state):
    configured = sum(1 for node in cluster.nodes if node.weight)
    working = cluster.witness is not None and cluster.witness.online
    applies = {
        "three_votes": cluster.dynamic and not cluster.disk_only and cluster.witness is not None and configured >= 2,
        "tie": cluster.dynamic and not cluster.disk_only and not working and not cluster.lower_priority,
        "lower_priority": cluster.dynamic and not cluster.disk_only and bool(cluster.lower_priority),
        "half": len(state.votes) % 2 == 0,
        "paused": True,
    }
    return [ASSUMED[name] for name, here in applies.items() if here]


def derived(area, sites=None, witness_site=""):
    """``derive()`` of the snapshot area ``cluster``, or a hole that names every fact that was not seen.

    *sites*: node name -> site, from the inventory; *witness_site*: where the witness stands.
    """
    cluster = from_snapshot(area, sites, witness_site)
    return cluster if observed.is_hole(cluster) else derive(cluster)


def from_snapshot(area, sites=None, witness_site=""):
    """The ``Cluster`` that the snapshot area ``cluster`` describes, or a hole."""
    unseen = [found for found in _needed(area) if observed.is_hole(found)]
    if unseen:
        reason = unseen[0]["$unknown"]["reason"]
        return observed.hole(reason, "Quorum cannot be derived: " + " ".join(dict.fromkeys(observed.detail(found) for found in unseen)))
    sites = {name.casefold(): site for name, site in (sites or {}).items()}
    witness = area["quorum"]["witness"]
    return Cluster(
        nodes=tuple(Node(node["name"], node["state"] in ("Up", "Paused"), node["weight"], _known(node.get("dynamic_weight")),
                         sites.get(node["name"].casefold(), "")) for node in area["nodes"]),
        witness=witness and Witness(witness["state"] == "Online", _known(witness["dynamic_weight"]), witness_site),
        dynamic=area["dynamic_quorum"],
        disk_only=area["quorum"]["type"] == "DiskOnly",
        lower_priority=_lower_priority(area),
    )


def _needed(area):
    """Every fact of the area that the derivation needs; a null where Windows has none to give is a hole, too."""
    if observed.is_hole(area):
        yield area
        return
    yield from (area["dynamic_quorum"], area["nodes"], area["quorum"])
    for index, node in enumerate([] if observed.is_hole(area["nodes"]) else area["nodes"]):
        if observed.is_hole(node):
            yield node
            continue
        wanted = ("name", "state", "weight", "dynamic_weight") if area["dynamic_quorum"] is True else ("name", "state", "weight")
        yield from (_never_null(node.get(key), f"{key} of node {index + 1} of the cluster") for key in wanted)
    if observed.is_hole(area["quorum"]):
        return
    yield _never_null(area["quorum"]["type"], "the quorum type")
    witness = area["quorum"]["witness"]
    yield witness
    if witness is not None and not observed.is_hole(witness):
        yield _never_null(witness["state"], "the state of the witness")
        if area["dynamic_quorum"] is True:
            yield _never_null(witness["dynamic_weight"], "WitnessDynamicWeight")


def _never_null(value, what):
    return observed.hole("null", f"{what} is null.") if value is None else value


def _known(weight):
    return None if observed.is_hole(weight) else weight


def _lower_priority(area):
    """The node that gives up its vote first; empty where none is named, and where that was not seen: then any may."""
    wanted = area["lower_priority_node_id"]
    if observed.is_hole(wanted) or wanted in (None, 0):
        return ""
    for node in area["nodes"]:
        if not observed.is_hole(node["id"]) and str(node["id"]) == str(wanted):
            return node["name"]
    return ""
