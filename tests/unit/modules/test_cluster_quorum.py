# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""cluster_quorum on clusters made at random, applied by a small simulation of the three things that its steps do."""

import copy
import itertools
import json
import pathlib
from collections import Counter

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, observed, quorum
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, told, undo
from ansible_collections.biztalk.fault_tolerance.plugins.modules import cluster_quorum as module

HOST = {"logon": "Kerberos", "delegation": "Impersonation"}
DELEGATED = {"logon": "Kerberos", "delegation": "Delegation"}


# ---- a cluster as the area shapes it, and what the steps of a change do to it

def node(name, state="Up", weight=1, id="1"):
    return {"name": name, "id": id, "state": state, "weight": weight, "dynamic_weight": weight}


def disk(name, state="Online", group="Available Storage"):
    return {"name": name, "type": "Physical Disk", "state": state, "group": group, "share_path": None}


def snapshot(nodes, witness=None, dynamic=True, disks=("Cluster Disk 1", "Cluster Disk 2"), kind="Majority", host=None):
    """*witness*: ``("disk", name)``, ``("file_share", path)``, ``("cloud", name)``, with a third part for its state."""
    area = {
        "name": "BTSCLU", "dynamic_quorum": dynamic, "lower_priority_node_id": 0, "nodes": [dict(n) for n in nodes],
        "resources": [disk(name) for name in disks],
        "groups": [{"name": "Clustergruppe", "type": "Cluster"}, {"name": "Available Storage", "type": "AvailableStorage"},
                   {"name": "SQL Server (BTS)", "type": "Unknown"}],
        "quorum": {"type": kind, "witness": None},
    }
    if witness:
        put_witness(area, *witness)
    area["quorum"]["type"] = kind
    deal(area)
    return {"host": dict(host or HOST), "areas": {"cluster": area}}


def put_witness(area, kind, name, state="Online"):
    resource = name if kind != "file_share" else "File Share Witness"
    area["resources"] = [r for r in area["resources"] if r["type"] != "File Share Witness"]
    for found in area["resources"]:
        if found["group"] == "Clustergruppe":
            found["group"] = "Available Storage"
        if kind == "disk" and found["name"] == name:
            found["group"] = "Clustergruppe"
    if kind == "file_share":
        area["resources"].append({"name": resource, "type": "File Share Witness", "state": state, "group": "Clustergruppe",
                                  "share_path": name})
    area["quorum"] = {"type": "Majority", "witness": {"kind": kind, "resource": resource, "state": state,
                                                      "share_path": name if kind == "file_share" else None, "dynamic_weight": 0}}


def deal(area):
    """Hands out dynamic votes as the page says: an odd number, by the witness or by taking one node's vote."""
    living = [n for n in area["nodes"] if n["state"] == "Up" and n["weight"]]
    witness = area["quorum"]["witness"]
    for n in area["nodes"]:
        n["dynamic_weight"] = n["weight"] if not area["dynamic_quorum"] else int(n in living)
    if not area["dynamic_quorum"]:
        if witness:
            witness["dynamic_weight"] = 1
        return
    working = bool(witness) and witness["state"] == "Online"
    if witness:
        witness["dynamic_weight"] = int(working and len(living) % 2 == 0)
    if living and len(living) % 2 == 0 and not working:
        living[-1]["dynamic_weight"] = 0


def runs(area):
    """Whether the votes that are there are a majority, counted from the snapshot alone."""
    witness = area["quorum"]["witness"]
    if area["quorum"]["type"] == "DiskOnly":
        return witness["state"] == "Online"
    total = sum(n["dynamic_weight"] for n in area["nodes"]) + (witness["dynamic_weight"] if witness else 0)
    there = sum(n["dynamic_weight"] for n in area["nodes"] if n["state"] == "Up")
    there += witness["dynamic_weight"] if witness and witness["state"] == "Online" else 0
    return 2 * there > total


def apply(area, change):
    """Carries out the steps of one change as FailoverClusters would. Anything else is an error of the test."""
    batch.batch({"change": change.steps}, "0" * 16)
    live = {}
    for step in change.steps:
        if "set" in step:
            for found in live[step["input"]]:
                assert step["set"] in ("NodeWeight", "DynamicQuorum")
                value = step["with"]["value"]
                found["weight" if step["set"] == "NodeWeight" else "dynamic_quorum"] = value if step["set"] == "NodeWeight" else bool(value)
        elif step["call"] == r"FailoverClusters\Get-Cluster":
            live[step["id"]] = [area]
        elif step["call"] == r"FailoverClusters\Get-ClusterNode":
            live[step["id"]] = [n for n in area["nodes"] if n["name"] == step["with"]["Name"]]
            assert len(live[step["id"]]) == 1
        elif step["call"] == r"FailoverClusters\Start-ClusterResource":
            assert step["with"] == {"Name": area["quorum"]["witness"]["resource"]}
            area["quorum"]["witness"]["state"] = "Online"
        else:
            assert step["call"] == r"FailoverClusters\Set-ClusterQuorum"
            (parameter, value), = step["with"].items()
            if parameter == "NoWitness":
                assert value is True
                put_witness(area, "none", "")
                area["quorum"]["witness"] = None
            else:
                put_witness(area, {"DiskWitness": "disk", "FileShareWitness": "file_share"}[parameter], value)
    deal(area)


def settings_of(area):
    """What the module manages, read from a snapshot by the test's own eyes."""
    witness = area["quorum"]["witness"]
    if witness is None:
        shown = {"kind": "none"}
    elif witness["kind"] == "file_share":
        shown = {"kind": "file_share", "share": witness["share_path"]}
    elif area["quorum"]["type"] == "DiskOnly":
        shown = {"kind": "disk_only", "disk": witness["resource"]}
    else:
        shown = {"kind": witness["kind"], {"disk": "disk"}.get(witness["kind"], "resource"): witness["resource"]}
    return {"witness": shown, "witness_state": witness and witness["state"], "dynamic_quorum": area["dynamic_quorum"],
            "node_weights": {n["name"]: n["weight"] for n in area["nodes"]}}


def difference(before, after):
    found = {"before": {}, "after": {}}
    for side, mine in (("before", before), ("after", after)):
        for key in ("witness", "dynamic_quorum"):
            if before[key] != after[key]:
                found[side][key] = mine[key]
        if before["witness"] == after["witness"] and before["witness_state"] != after["witness_state"]:
            found[side]["witness_state"] = mine["witness_state"]
        weights = {name: mine["node_weights"][name] for name in before["node_weights"]
                   if before["node_weights"][name] != after["node_weights"][name]}
        if weights:
            found[side]["node_weights"] = weights
    return found


def options(**given):
    checked = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate({"cluster_name": "BTSCLU", **given})
    assert not checked.error_messages, checked.error_messages
    return checked.validated_parameters


# ---- clusters and wishes at random

HOSTILE = st.sampled_from(["SQL'01", 'sql"02', "$(Stop-Process)", "`n", "a]b", "ノード", "שרת", "😀", "x.y", "--", "%TEMP%", "a b",
                           "ｄ", "{0}", "'; --"])
NAMES = HOSTILE | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
SHARE_PART = st.sampled_from(["fs01.contoso.test", "w$", "a'b", "$(x)", "übung", "見證", "a b", "z`"])


def unique_names(strategy, minimum, maximum):
    return st.lists(strategy, min_size=minimum, max_size=maximum, unique_by=str.casefold)


@st.composite
def worlds(draw):
    names = draw(unique_names(NAMES.filter(lambda name: not set(name) & set("*?[]`")), 2, 8))
    disks = draw(unique_names(NAMES, 1, 3))
    nodes = [node(name, draw(st.sampled_from(["Up", "Up", "Up", "Up", "Down"])), draw(st.sampled_from([1, 1, 1, 1, 0])), id=str(i + 1))
             for i, name in enumerate(names)]
    witness = draw(st.none() | st.tuples(st.just("disk"), st.sampled_from(disks)) | st.tuples(st.just("file_share"), shares()))
    if witness and draw(st.integers(0, 4)) == 0:
        witness = (*witness, "Failed")
    kind = draw(st.sampled_from(["Majority", "NodeMajority", "DiskOnly"])) if witness and witness[0] == "disk" else "Majority"
    return snapshot(nodes, witness, draw(st.booleans()), disks, kind)


def shares():
    return st.builds(lambda server, parts: "\\\\" + server + "\\" + "\\".join(parts),
                     SHARE_PART, st.lists(SHARE_PART, min_size=1, max_size=2))


@st.composite
def wishes(draw, world):
    """Options: as it is, perhaps in another spelling, or something else."""
    same = draw(st.sampled_from([False, False, False, True, True]))
    area = world["areas"]["cluster"]
    now = settings_of(area)
    chosen = draw(st.sampled_from([["witness", "node_weights", "dynamic_quorum"], ["witness"], ["node_weights"], ["dynamic_quorum"],
                                   ["witness", "dynamic_quorum"]]))
    wanted = {}
    if "witness" in chosen:
        kind = now["witness"]["kind"] if same else draw(st.sampled_from(["file_share", "disk", "none"]))
        if kind == "disk":
            disks = [r["name"] for r in area["resources"] if r["type"] == "Physical Disk"]
            wanted |= {"witness": "disk", "witness_disk": now["witness"]["disk"] if same else draw(st.sampled_from(disks))}
        elif kind == "file_share":
            share = now["witness"]["share"] + draw(st.sampled_from(["", "\\"])) if same else draw(shares())
            wanted |= {"witness": "file_share", "witness_share": share}
        elif kind == "none":
            wanted |= {"witness": "none"}
    if "node_weights" in chosen:
        some = draw(st.lists(st.sampled_from(area["nodes"]), unique_by=lambda n: n["name"], min_size=1, max_size=3))
        weights = [n["weight"] if same else draw(st.sampled_from([1 - n["weight"], 1])) for n in some]
        wanted["node_weights"] = [{"name": n["name"], "weight": weight} for n, weight in zip(some, weights)]
    if "dynamic_quorum" in chosen:
        wanted["dynamic_quorum"] = now["dynamic_quorum"] if same else draw(st.sampled_from([not now["dynamic_quorum"], True]))
    return options(**wanted)


# ---- the truth test

def test_truth():
    """The plan is the difference of two readings, then nothing is left; on the way quorum is kept; undo leads back."""
    seen = Counter()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(st.data())
    def examples(data):
        world = data.draw(worlds())
        assume(runs(world["areas"]["cluster"]))
        wanted = data.draw(wishes(world))
        untouched = copy.deepcopy(world)
        planned = module.plan(wanted, world)
        assert world == untouched
        assert not (planned.refusal and planned.changes)
        seen["examples"] += 1
        seen["refused" if planned.refusal else "changes" if planned.changes else "none"] += 1
        if planned.refusal:
            return
        after = copy.deepcopy(world)
        for change in planned.changes:
            apply(after["areas"]["cluster"], change)
            assert runs(after["areas"]["cluster"]), f"no quorum after {told(change)['text']}"
            seen[change.path[0]] += 1
        assert diff(planned.changes) == difference(settings_of(world["areas"]["cluster"]), settings_of(after["areas"]["cluster"]))
        again = module.plan(wanted, after)
        assert not again.changes and not again.refusal
        _undo(planned, world, after, seen)

    examples()
    assert seen["changes"] >= 0.30 * seen["examples"], seen
    assert seen["none"] >= 0.30 * seen["examples"], seen
    assert min(seen[option] for option in ("witness", "node_weights", "dynamic_quorum")) >= 50, seen
    assert seen["witness_state"] >= 5, seen
    assert seen["refused"] and seen["undone"] >= 25 and seen["undo refused"], seen


def _undo(planned, world, after, seen):
    """Undo brings the state before back, unless it is unsafe or a kind that the module does not set: that is said."""
    if not planned.changes:
        assert undo(planned.changes) == {}
        return
    before = settings_of(world["areas"]["cluster"])
    if any(change.path == ("witness_state",) for change in planned.changes):
        assert any("cannot take it offline again" in change.risk for change in planned.changes)
        return
    if any(not change.undo for change in planned.changes):
        assert before["witness"]["kind"] == "disk_only"
        assert any("cannot bring the disk_only witness back" in change.risk for change in planned.changes)
        return
    back = module.plan(options(**undo(planned.changes)), after)
    if back.refusal:
        seen["undo refused"] += 1
        return
    for change in back.changes:
        apply(after["areas"]["cluster"], change)
    back_now = settings_of(after["areas"]["cluster"])
    assert {**back_now, "witness_state": None} == {**before, "witness_state": None}
    seen["undone"] += 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_order_is_the_best_there_is(data):
    """Where the plan is refused for its order of steps, no other order of them keeps quorum either."""
    world = data.draw(worlds())
    wanted = data.draw(wishes(world))
    planned = module.plan(wanted, world)
    if "the cluster would stop" not in planned.refusal:
        return
    area = world["areas"]["cluster"]
    now = quorum.from_snapshot(area)
    moves = module._witness_moves(wanted, area, now) + module._weight_moves(wanted, area, now) + module._dynamic_moves(wanted, now)
    for order in itertools.islice(itertools.permutations(moves), 720):
        states = list(itertools.accumulate(order, lambda state, move: move.apply(state), initial=now))
        assert not all(quorum.has_quorum(state) for state in states)


def test_votes_move_in_the_order_that_keeps_quorum():
    """Five nodes, two of them down, without dynamic quorum: taking C's vote first would leave 2 of 4 votes."""
    world = snapshot([node("A"), node("B"), node("C"), node("D", "Down"), node("E", "Down")], dynamic=False)
    wanted = options(node_weights=[{"name": name, "weight": 0} for name in ("C", "D", "E")], witness="file_share", witness_share=r"\\fs\w")
    paths = [change.path for change in module.plan(wanted, world).changes]
    assert paths == [("witness",), ("node_weights", "D"), ("node_weights", "E"), ("node_weights", "C")]


# ---- the plan for one cluster, in every detail

def test_two_nodes_without_a_witness_get_a_share():
    world = snapshot([node("BTS01"), node("BTS02")])
    planned = module.plan(options(witness="file_share", witness_share=r"\\fs01\btswit"), world)
    assert [told(change) for change in planned.changes] == [{
        "path": "witness", "before": {"kind": "none"}, "after": {"kind": "file_share", "share": r"\\fs01\btswit"},
        "risk": "The module will not take it away again while the cluster has two nodes.",
        "text": r"witness: none -> file_share \\fs01\btswit"}]
    assert planned.changes[0].steps == [{"id": "witness", "call": r"FailoverClusters\Set-ClusterQuorum",
                                         "with": {"FileShareWitness": r"\\fs01\btswit"}, "needs": "FailoverClusters", "on_error": "stop"}]
    assert undo(planned.changes) == {"witness": "none"}
    assert len(planned.warnings) == 1 and "second hop" in planned.warnings[0] and "Impersonation" in planned.warnings[0]
    world["host"] = DELEGATED
    assert module.plan(options(witness="file_share", witness_share=r"\\fs01\btswit"), world).warnings == []


def test_weights_and_dynamic_quorum_are_assigned_to_live_objects():
    world = snapshot([node("A"), node("B"), node("C")], ("disk", "Cluster Disk 1"), dynamic=False)
    planned = module.plan(options(node_weights=[{"name": "c", "weight": 0}], dynamic_quorum=True), world)
    assert [change.steps[-1]["set"] for change in planned.changes] == ["DynamicQuorum", "NodeWeight"]
    assert planned.changes[1].steps[0]["with"] == {"Name": "C"}
    assert [step["on_error"] for change in planned.changes for step in change.steps] == ["stop"] * 4


@pytest.mark.parametrize("witness, wanted", [
    (("file_share", r"\\FS01\BtsWit"), {"witness": "file_share", "witness_share": "\\\\fs01\\btswit\\"}),
    (("disk", "Cluster Disk 1"), {"witness": "disk", "witness_disk": "CLUSTER DISK 1"}),
    (("cloud", "Cloud Witness"), {"witness": "cloud"}),
    (None, {"witness": "none"}),
    (None, {}),
])
def test_nothing_to_do(witness, wanted):
    for kind in ("Majority", "NodeMajority", "NodeAndDiskMajority", "NodeAndFileShareMajority"):
        planned = module.plan(options(**wanted), snapshot([node("A"), node("B"), node("C")], witness, kind=kind))
        assert not planned.changes and not planned.refusal


def test_disk_only_becomes_a_majority_and_the_risk_says_that_there_is_no_way_back():
    world = snapshot([node("A"), node("B")], ("disk", "Cluster Disk 1"), kind="DiskOnly")
    planned = module.plan(options(witness="disk", witness_disk="Cluster Disk 1"), world)
    assert [change.undo for change in planned.changes] == [{}]
    assert planned.changes[0].before == {"kind": "disk_only", "disk": "Cluster Disk 1"}
    assert "cannot bring the disk_only witness back" in planned.changes[0].risk


def test_a_cloud_witness_may_be_replaced_and_the_risk_says_that_it_is_gone():
    world = snapshot([node("A"), node("B")], ("cloud", "Cloud Witness"))
    planned = module.plan(options(witness="disk", witness_disk="Cluster Disk 1"), world)
    assert "cannot bring the cloud witness back" in planned.changes[0].risk


def test_risk_says_how_much_less_the_cluster_tolerates():
    world = snapshot([node(name) for name in "ABCDE"], ("disk", "Cluster Disk 1"))
    planned = module.plan(options(dynamic_quorum=False), world)
    assert planned.changes[0].risk == "The cluster then tolerates 2 failures of nodes in turn instead of 4."


def test_a_change_that_costs_nothing_has_no_risk():
    world = snapshot([node("A"), node("B")], ("disk", "Cluster Disk 1"))
    planned = module.plan(options(witness="file_share", witness_share=r"\\fs\w"), world)
    assert [change.risk for change in planned.changes] == [""]
    assert undo(planned.changes) == {"witness": "disk", "witness_disk": "Cluster Disk 1"}


def test_a_witness_that_is_as_wanted_but_failed_is_brought_online():
    world = snapshot([node("A"), node("B"), node("C")], ("file_share", r"\\fs\w", "Failed"))
    planned = module.plan(options(witness="file_share", witness_share=r"\\fs\w"), world)
    assert [told(change)["text"] for change in planned.changes] == ["witness_state: Failed -> Online"]
    assert planned.changes[0].steps == [{"id": "online", "call": r"FailoverClusters\Start-ClusterResource",
                                         "with": {"Name": "File Share Witness"}, "needs": "FailoverClusters", "on_error": "stop"}]
    assert not any("The witness is Failed" in warning for warning in planned.warnings)


def test_warns_of_a_failed_witness_that_was_not_asked_about():
    world = snapshot([node("A"), node("B"), node("C")], ("file_share", r"\\fs\w", "Failed"))
    planned = module.plan(options(dynamic_quorum=True), world)
    assert not planned.changes and any("The witness is Failed" in warning for warning in planned.warnings)


def test_the_share_may_not_be_on_the_cluster_itself():
    world = snapshot([node("A"), node("B"), node("C")])
    planned = module.plan(options(witness="file_share", witness_share=r"\\btsclu.contoso.test\w"), world)
    assert "on BTSCLU, which belongs to this cluster" in planned.refusal


def test_a_vote_comes_back_once_its_witness_is_online():
    world = snapshot([node("A"), node("B", weight=0)], ("file_share", r"\\fs\w", "Offline"))
    planned = module.plan(options(witness="file_share", witness_share=r"\\fs\w", node_weights=[{"name": "B", "weight": 1}]), world)
    assert [change.where for change in planned.changes] == ["witness_state", "node_weights[B]"]


def test_what_is_there_is_not_refused_although_it_could_not_be_set():
    """A failed disk is brought online, a share on a node left alone: neither is refused."""
    failed = snapshot([node("A"), node("B"), node("C")], ("disk", "Cluster Disk 1", "Failed"))
    failed["areas"]["cluster"]["resources"][0]["state"] = "Failed"
    planned = module.plan(options(witness="disk", witness_disk="cluster disk 1"), failed)
    assert not planned.refusal and [change.where for change in planned.changes] == ["witness_state"]
    planned = module.plan(options(witness="file_share", witness_share=r"\\A\w"), snapshot([node("A"), node("B")], ("file_share", r"\\a\w")))
    assert not planned.refusal and not planned.changes


# ---- refusals

TWO = [node("A"), node("B")]
THREE = [node("A"), node("B"), node("C")]
STATIC_FIVE = [node("A"), node("B"), node("C"), node("D", "Down"), node("E", "Down")]
SHARE = ("file_share", r"\\fs\w")
DISK = {"witness": "disk", "witness_disk": "Cluster Disk 1"}
TO_SHARE = {"witness": "file_share", "witness_share": r"\\fs\w"}


def with_resource(world, **values):
    world["areas"]["cluster"]["resources"][0].update(values)
    return world


def without(world, *path):
    """The snapshot with one fact not seen."""
    at = world["areas"]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = observed.hole("denied", "Access is denied.")
    return world


def with_null(world, *path):
    """The snapshot with null where a value must be."""
    at = world["areas"]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = None
    return world


def refusal_cases():
    yield "options", snapshot(THREE), {"witness": "none", "witness_share": r"\\fs\w"}, "witness_share and witness: file_share go together"
    yield "options", snapshot(THREE), {"witness": "disk"}, "witness_disk and witness: disk go together"
    yield "unread", without(snapshot(THREE), "cluster"), {}, "Access is denied."
    yield "unread", without(snapshot(THREE), "cluster", "name"), {}, "run the task on a node that is up"
    yield "other_cluster", snapshot(THREE), {"cluster_name": "OTHER"}, "a node of the cluster BTSCLU and not of OTHER"
    yield "unknown", without(snapshot(THREE), "cluster", "nodes", 1, "dynamic_weight"), {"dynamic_quorum": False}, "Access is denied."
    yield "unknown", without(snapshot(THREE), "cluster", "nodes"), {}, "Access is denied."
    yield "unknown", without(snapshot(THREE, SHARE), "cluster", "quorum", "witness", "share_path"), {"witness": "none"}, "Access is denied."
    yield "unknown", without(snapshot(THREE), "cluster", "resources"), {"witness": "disk", "witness_disk": "x"}, "Access is denied."
    yield "unknown", without(snapshot(THREE), "cluster", "resources", 1), {"witness": "disk", "witness_disk": "x"}, "Access is denied."
    yield "unknown", without(snapshot(THREE), "cluster", "resources", 0, "state"), DISK, "denied"
    yield "unknown", without(snapshot(THREE), "cluster", "groups"), DISK, "Access is denied."
    yield "unknown", with_null(snapshot(THREE, SHARE), "cluster", "quorum", "witness", "share_path"), {"witness": "none"}, "share of the witness"
    yield "unknown", with_null(snapshot(THREE), "cluster", "resources", 0, "group"), DISK, "The group of Cluster Disk 1 is null."
    yield "no_disk", without(with_resource(snapshot(THREE), type="IP Address"), "cluster", "resources", 1), DISK, "its disks are: none"
    yield "cloud", snapshot(THREE), {"witness": "cloud"}, "not supported yet"
    yield "share_path", snapshot(THREE), {**TO_SHARE, "witness_share": "C:\\witness"}, "is not a UNC path"
    yield "share_path", snapshot(THREE), {**TO_SHARE, "witness_share": "\\\\fs"}, "is not a UNC path"
    yield "share_path", snapshot(THREE), {**TO_SHARE, "witness_share": "\\\\fs\\w\nx"}, "is not a UNC path"
    yield "share_on_node", snapshot(THREE), {**TO_SHARE, "witness_share": r"\\b.contoso.test\w"}, "on B, which belongs to this cluster"
    yield "no_disk", snapshot(THREE), {"witness": "disk", "witness_disk": "x"}, "its disks are: Cluster Disk 1, Cluster Disk 2"
    yield "no_disk", with_resource(snapshot(THREE), type="IP Address"), DISK, "no disk resource"
    yield "disk_state", with_resource(snapshot(THREE), state="Offline"), DISK, "is Offline"
    yield "disk_in_use", with_resource(snapshot(THREE), group="SQL Server (BTS)"), DISK, "SQL Server"
    yield "node_twice", snapshot(THREE), {"node_weights": [{"name": "A", "weight": 1}, {"name": "a", "weight": 0}]}, "A more than once"
    yield "no_node", snapshot(THREE), {"node_weights": [{"name": "X", "weight": 1}]}, "its nodes are: A, B, C"
    yield "node_name", snapshot([node("A*"), *TWO]), {"node_weights": [{"name": "A*", "weight": 0}]}, "wildcard"
    yield "no_quorum", snapshot([node("A"), node("B", "Down"), node("C", "Down")], dynamic=False), {"dynamic_quorum": True}, "1 of 3 votes"
    yield "last_vote", snapshot(TWO, SHARE), {"node_weights": [{"name": name, "weight": 0} for name in "AB"]}, "No node would have a vote"
    yield "loses_quorum", snapshot(STATIC_FIVE, dynamic=False), {"node_weights": [{"name": "C", "weight": 0}]}, "2 of 4 votes"
    yield "loses_quorum", snapshot(STATIC_FIVE, dynamic=False), {"node_weights": [{"name": "C", "weight": 0}]}, "Bring D and E back first."
    yield "loses_quorum", snapshot(STATIC_FIVE[1:], dynamic=True), {"dynamic_quorum": False}, "2 of 4 votes"
    yield "two_nodes", snapshot(TWO, SHARE), {"witness": "none"}, "Keep a witness"
    yield "less_safe", snapshot(THREE), {"node_weights": [{"name": "C", "weight": 0}]}, "the failure of A or B now"
    yield "less_safe", snapshot([*TWO, node("C", "Down")], SHARE), {"witness": "none"}, "or configure a witness that is online"


CASES = list(refusal_cases())


@pytest.mark.parametrize("reason, world, wanted, part", CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_refusals(reason, world, wanted, part):
    planned = module.plan(options(**wanted), world)
    assert planned.changes == []
    assert part in planned.refusal
    assert planned.refusal.startswith(module.REFUSALS[reason].split("{")[0])
    assert "{" not in planned.refusal.replace("{0}", "") and planned.refusal.endswith(".")


def test_every_refusal_has_its_case():
    assert {case[0] for case in CASES} == set(module.REFUSALS)


def test_the_same_wish_is_not_refused_where_it_is_already_so():
    """Refusals are about changes: a two-node cluster without a witness is only warned about."""
    planned = module.plan(options(witness="none"), snapshot(TWO))
    assert not planned.refusal and not planned.changes
    assert any("If A fails now, the cluster stops." in warning for warning in planned.warnings)


# ---- against the documented parameters

def test_steps_use_documented_cmdlets_and_parameters():
    path = pathlib.Path(__file__).parents[2] / "data" / "catalogue" / "cmdlets.json"
    known = json.loads(path.read_text())["modules"]["FailoverClusters"]["cmdlets"]
    world = snapshot([node(name) for name in "ABC"], dynamic=False)
    plans = [module.plan(options(**wanted), world) for wanted in (
        DISK, {"witness": "file_share", "witness_share": r"\\fs\w"}, {"dynamic_quorum": True})]
    plans.append(module.plan(options(witness="none", node_weights=[{"name": "A", "weight": 0}]), snapshot(STATIC_FIVE[:4], SHARE)))
    steps = [step for planned in plans for change in planned.changes for step in change.steps if "call" in step]
    assert {step["call"].split("\\")[1] for step in steps} == {"Set-ClusterQuorum", "Get-Cluster"}
    for step in steps:
        assert set(step.get("with", {})) <= set(known[step["call"].split("\\")[1]]["parameters"])
