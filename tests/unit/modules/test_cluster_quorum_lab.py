# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The truth test of cluster_quorum on the lab's cmdlets: what is planned is the difference of two readings of its own."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import cluster as area  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import shaped  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, undo  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.modules import cluster_quorum as module  # noqa: E402
from lab import estate, membership  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

TOKEN = "0123456789abcdef"
CLOCK = "2026-11-24T08:00:00Z"
SHARES = [r"\\fs01\one", r"\\fs01\two's $(share)"]
FC = "FailoverClusters\\"


class Site:
    """One cluster of the lab in memory, used through batches as over the wire."""

    def __init__(self, nodes, language, disk):
        names = [f"n{number}" for number in range(1, nodes + 1)]
        description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {name: {} for name in names},
                       "clusters": {"CLU": {"nodes": names, "language": language, "witness": {"disk": True} if disk else {"share": SHARES[0]}}},
                       "shares": {path: {"writers": ["CLU"]} for path in SHARES}}
        self.state = State(":memory:", estate.build(estate.hosts_with_clusters(description), CLOCK), CLOCK)

    @property
    def document(self):
        return self.state.clusters["CLU"]

    def backend(self):
        up = membership.members(self.document)
        return Backend(self.state, up[0]["host"])

    def carry_out(self, name, steps):
        document = batch.batch({name: steps}, TOKEN)
        return answer.parse("\n".join(Batch(self.backend(), document).lines()), document)

    def snapshot(self):
        came = self.carry_out(area.NAME, area.steps({}))
        return {"host": came.host, "areas": {"cluster": shaped(area.NAME, came.areas.get(area.NAME))}}

    def apply(self, changes):
        """Every change in a batch of its own. No step may fail, and the cluster must keep running."""
        for change in changes:
            for step in self.carry_out("change", change.steps).areas["change"].steps.values():
                assert step.status == "ok", (step.id, step.errors())
            assert membership.has_quorum(self.document), change

    def settings(self):
        """What the module manages, from the lab's own documents."""
        witness = membership.witness(self.document)
        shown = {"kind": "none"}
        if witness:
            share = witness["private"].get("SharePath")
            shown = {"kind": "file_share", "share": share[1]} if share else {"kind": "disk", "disk": witness["name"]}
        if self.document["quorum"]["type"] == 2:
            shown["kind"] = "disk_only"
        state = witness and STATES[witness["state"]]
        return {"witness": shown, "witness_state": state, "dynamic_quorum": bool(self.document["properties"]["DynamicQuorum"]),
                "node_weights": {node["name"]: node["weight"] for node in self.document["nodes"]}}


@st.composite
def sites(draw):
    """Clusters as operators leave them: votes taken, the witness changed or failed, nodes off."""
    site = Site(draw(st.integers(2, 5)), draw(st.sampled_from(["en", "de"])), draw(st.booleans()))
    nodes = site.document["nodes"]
    if draw(st.booleans()):
        site.document["properties"]["DynamicQuorum"] = 0
    for node in draw(st.lists(st.sampled_from(nodes), max_size=2, unique_by=lambda n: n["id"])):
        node["weight"] = 0
    assume(any(node["weight"] for node in nodes))
    membership.settle(site.document, site.state.hosts)
    parameters = draw(st.sampled_from([None, {"NoWitness": True}, {"FileShareWitness": SHARES[1]}, {"DiskOnly": True}]))
    if parameters and not (parameters == {"DiskOnly": True} and not disks(site)):
        name = {"DiskOnly": disks(site)[0]} if parameters == {"DiskOnly": True} else parameters
        assert not Backend(site.state, "n1").invoke(FC + "Set-ClusterQuorum", name).errors
    if membership.witness(site.document) and draw(st.integers(0, 4)) == 4:
        assert not Backend(site.state, "n1").invoke(FC + "Stop-ClusterResource", {"Name": membership.witness(site.document)["name"]}).errors
    for node in nodes[1:]:
        if draw(st.integers(0, 4)) == 4:
            membership.power(site.state, node["host"], False, graceful=draw(st.booleans()))
    assume(membership.running(site.document))
    return site


def disks(site):
    return [item["name"] for item in site.document["resources"] if item["type"] == "Physical Disk"]


def other(draw, site, option):
    """A wish for one option that differs from what is there, or may."""
    now = site.settings()
    if option == "witness":
        shares = [{"witness": "file_share", "witness_share": path} for path in SHARES if path != now["witness"].get("share")]
        return draw(st.sampled_from(shares + [{"witness": "disk", "witness_disk": name} for name in disks(site)] + [{"witness": "none"}]))
    if option == "node_weights":
        names = sorted(now["node_weights"], key=lambda name: now["node_weights"][name])
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        return {"node_weights": [{"name": name.lower(), "weight": 1 - now["node_weights"][name]} for name in chosen]}
    return {"dynamic_quorum": not now["dynamic_quorum"]}


def same(site):
    """Options that say what is there already."""
    now = site.settings()
    wanted = {"dynamic_quorum": now["dynamic_quorum"],
              "node_weights": [{"name": name, "weight": weight} for name, weight in now["node_weights"].items()]}
    kind = now["witness"].pop("kind")
    if kind != "disk_only":
        wanted |= {"witness": kind, **{f"witness_{name}": value.upper() for name, value in now["witness"].items()}}
    return wanted


def difference(before, after):
    """The two sides of what differs between two readings."""
    changed = [key for key in ("witness", "dynamic_quorum") if before[key] != after[key]]
    if "witness" not in changed and before["witness_state"] != after["witness_state"]:
        changed.append("witness_state")
    sides = [{key: side[key] for key in changed} for side in (before, after)]
    for side, shown in zip((before, after), sides):
        weights = {name: weight for name, weight in side["node_weights"].items() if before["node_weights"][name] != after["node_weights"][name]}
        if weights:
            shown["node_weights"] = weights
    return {"before": sides[0], "after": sides[1]}


STATES = {2: "Online", 3: "Offline", 4: "Failed"}
SEEN = Counter()


@pytest.mark.parametrize("option", ["witness", "node_weights", "dynamic_quorum"])
def test_truth_on_the_lab(option):
    @settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def examples(data):
        repeated = data.draw(st.sampled_from([False, False, False, True, True]))
        site = data.draw(sites())
        truth({"cluster_name": "clu", **(same(site) if repeated else other(data.draw, site, option))}, site, option)

    examples()
    assert SEEN[option, "examples"] >= 50
    assert SEEN[option, "changes"] >= 0.30 * SEEN[option, "examples"] and SEEN[option, "none"] >= 0.30 * SEEN[option, "examples"], SEEN
    assert SEEN[option, "undone"] and SEEN[option, "refused"], SEEN


def truth(options, site, option):
    untouched, before = site.state.state_hash(), site.settings()
    planned = module.plan(options, site.snapshot())
    assert site.state.state_hash() == untouched, "reading and planning changed the estate"
    SEEN[option, "examples"] += 1
    SEEN[option, "refused" if planned.refusal else "changes" if planned.changes else "none"] += 1
    if planned.refusal:
        return
    json.dumps([change.steps for change in planned.changes])
    site.apply(planned.changes)
    assert diff(planned.changes) == difference(before, site.settings())
    again = module.plan(options, site.snapshot())
    assert not again.changes and not again.refusal
    back = module.plan({"cluster_name": "CLU", **undo(planned.changes)}, site.snapshot())
    if planned.changes and all(change.undo for change in planned.changes) and not back.refusal:
        site.apply(back.changes)
        assert {**site.settings(), "witness_state": None} == {**before, "witness_state": None}
        SEEN[option, "undone"] += 1
