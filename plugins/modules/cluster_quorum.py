# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_quorum
short_description: Configure the quorum of a Windows failover cluster
version_added: 0.1.0
description:
  - Sets the witness, the votes of the nodes and dynamic quorum of the failover cluster that the host is a node of.
  - An option that is left out is left alone.
  - Before anything is changed the votes are counted through every intermediate step. A plan is refused, with the reason and with what
    would make it safe, when the cluster would stop on the way, or when the failure of a node that it survives for certain now would
    not be survived for certain afterwards. In a small cluster without a witness that depends on which node holds the dynamic vote
    at that moment.
  - A lower number of failures in turn is no reason to refuse; it is told as the risk of the change.
  - Afterwards the cluster is read again. A plan that is not empty then fails the task and says what is left.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  cluster_name:
    description:
      - Name of the cluster that is expected on the host. On another cluster nothing is done.
      - A task that several nodes of one cluster would run needs C(run_once).
    type: str
    required: true
  witness:
    description:
      - Kind of the quorum witness.
      - A witness that is there as declared but not online is brought online, so that it can cast its vote.
      - V(none) removes the witness. This is refused where the cluster has two nodes and a witness. Where it has none, nothing changes,
        and a warning names the failure that stops the cluster.
      - V(cloud) accepts a cloud witness that is there. Setting one is not supported yet and is refused.
    type: str
    choices: [none, disk, file_share, cloud]
  witness_disk:
    description:
      - Name of the cluster's disk resource, in any case. Required with O(witness=disk), and only with it.
      - The disk must be online and must not belong to a clustered role.
    type: str
  witness_share:
    description:
      - UNC path of the share, in any case. Required with O(witness=file_share), and only with it.
      - The server must not be a node of the cluster or the cluster itself. Names are compared; an address or an alias is not recognised.
    type: str
  node_weights:
    description: Configured votes of nodes. Nodes that are not in the list are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node, in any case.
        type: str
        required: true
      weight:
        description: V(1) gives the node a vote, V(0) takes it away.
        type: int
        choices: [0, 1]
        required: true
  dynamic_quorum:
    description: Whether the cluster hands out the votes anew when a node or the witness comes or goes.
    type: bool
notes:
  - The account must be an administrator of all nodes and a domain account.
  - C(Set-ClusterQuorum) looks at a new file share itself, as the account of the connection, and that is a second hop. The cluster then
    uses the share as its own computer account, which needs full control of share and folder.
  - Which votes dynamic quorum and the dynamic witness have handed out (C(DynamicWeight), C(WitnessDynamicWeight)) is the cluster's own
    affair. It decides what is safe; it is never compared and never changed.
  - What Microsoft's pages leave open on quorum is decided for the worse; M(biztalk.fault_tolerance.cluster_info) returns what was assumed.
seealso:
  - module: biztalk.fault_tolerance.cluster_info
  - name: Understanding cluster and pool quorum
    description: Microsoft's description of cluster quorum, with the worked examples that this module is tested against.
    link: https://learn.microsoft.com/windows-server/storage/storage-spaces/quorum
  - name: Set-ClusterQuorum
    description: The cmdlet that sets the witness.
    link: https://learn.microsoft.com/powershell/module/failoverclusters/set-clusterquorum
"""

EXAMPLES = r"""
- name: Two nodes keep running without each other, thanks to a share elsewhere
  biztalk.fault_tolerance.cluster_quorum:
    cluster_name: BTSSQL
    witness: file_share
    witness_share: '\\files.contoso.test\btssql-witness'
  run_once: true

- name: Nodes of the second site have no say in quorum
  biztalk.fault_tolerance.cluster_quorum:
    cluster_name: BTSSQL
    witness: disk
    witness_disk: Cluster Disk 7
    node_weights:
      - {name: SQL03, weight: 0}
      - {name: SQL04, weight: 0}
    dynamic_quorum: true
  run_once: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, in order. Where a change failed, those before it.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: What was there.
      type: raw
      returned: always
    after:
      description: What is planned to be there.
      type: raw
      returned: always
    risk:
      description: What speaks against it, in one sentence, or empty.
      type: str
      returned: always
    text:
      description: The change in one line.
      type: str
      returned: always
  sample:
    - path: witness
      before: {"kind": "none"}
      after: {"kind": "file_share", "share": "\\\\files.contoso.test\\btssql-witness"}
      risk: The module will not take it away again while the cluster has two nodes.
      text: 'witness: none -> file_share \\files.contoso.test\btssql-witness'
undo:
  description:
    - Options of this module that bring back what was there before. What cannot be brought back is left out.
    - The module refuses them where they are unsafe, as to take the only witness from two nodes; the change's C(risk) says so.
  returned: always
  type: dict
  sample: {"cluster_name": "BTSSQL", "witness": "file_share", "witness_share": "\\\\old.contoso.test\\witness"}
notes:
  description: What the plan warns of. Without check mode it is also printed before anything starts.
  returned: always
  type: list
  elements: str
  sample: []
host:
  description: The host that the task talked to.
  returned: always
  type: str
  sample: sql01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: cluster_quorum BTSSQL
"""

import re
from dataclasses import replace
from typing import NamedTuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, quorum
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import cluster as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import assign, call
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan, told

AREAS = ["cluster"]
KEY = RUN_ONCE_PER = "cluster_name"

ARGUMENT_SPEC = dict(
    cluster_name=dict(type="str", required=True),
    witness=dict(type="str", choices=["none", "disk", "file_share", "cloud"]),
    witness_disk=dict(type="str"),
    witness_share=dict(type="str"),
    node_weights=dict(type="list", elements="dict", options=dict(
        name=dict(type="str", required=True),
        weight=dict(type="int", choices=[0, 1], required=True),
    )),
    dynamic_quorum=dict(type="bool"),
)

SET_QUORUM = r"FailoverClusters\Set-ClusterQuorum"
UNC = re.compile(r"\\\\([^\\/:*?\"<>|\x00-\x1f]+)(\\[^\\/:*?\"<>|\x00-\x1f]+)+\\?")
WILDCARDS = set("*?[]`")

REFUSALS = {
    "options": "{option} and witness: {kind} go together; give both, or leave {option} out.",
    "unread": "The cluster of this host could not be read: {why} Start the cluster service here, or run the task on a node that is up.",
    "other_cluster": "This host is a node of the cluster {found} and not of {wanted}; nothing is done to another cluster.",
    "unknown": "A fact that decides whether a change is safe was not seen: {why} Once it can be read, the task can be run again.",
    "cloud": "Setting a cloud witness is not supported yet. Set it with Set-ClusterQuorum -CloudWitness on a node; this task then "
             "accepts it.",
    "share_path": "{share!r} is not a UNC path such as \\\\server\\share.",
    "share_on_node": "The share {share} is on {node}, which belongs to this cluster: the two would fail together. "
                     "Use a share on a server outside the cluster.",
    "no_disk": "The cluster has no disk resource {disk!r}; its disks are: {disks}. Add the disk to the cluster first.",
    "disk_state": "The disk {disk} is {state}. Bring it online first; a witness that is not online has no vote.",
    "disk_in_use": "The disk {disk} belongs to the role {group}. A witness disk serves the cluster alone: use a disk of the available "
                   "storage.",
    "node_twice": "node_weights names {node} more than once.",
    "no_node": "The cluster has no node {node!r}; its nodes are: {nodes}.",
    "node_name": "The node name {node!r} holds a wildcard, so the node cannot be addressed for certain.",
    "no_quorum": "By its votes the cluster has no quorum now ({present} of {total} votes, {needed} are needed); it may have been started "
                 "by force. Bring nodes or the witness back before its votes are changed.",
    "last_vote": "No node would have a vote. Leave at least one node its vote.",
    "loses_quorum": "After '{change}' {present} of {total} votes would be there and {needed} are needed: the cluster would stop. {cure}",
    "two_nodes": "The cluster has two nodes and would have no witness: the failure of one node could stop it. "
                 "Keep a witness, or set another one in its place.",
    "less_safe": "The cluster survives the failure of {nodes} now and would not do so for certain afterwards. "
                 "Leave more nodes their votes, or configure a witness that is online.",
}


class Refused(Exception):
    """The plan cannot be made; the text says why and what would make it safe."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def plan(options, snapshot):
    """The changes that bring the cluster of *snapshot* to *options*, in an order that never passes through an unsafe state."""
    try:
        cluster = snapshot["areas"]["cluster"]
        now = _understood(options, cluster)
        moves = _witness_moves(options, cluster, now) + _weight_moves(options, cluster, now) + _dynamic_moves(options, now)
        moves.sort(key=lambda move: move.rank)
        states = _safe(now, moves)
    except Refused as refused:
        return Plan(refusal=str(refused))
    changes = [_with_risk(move.change, before, after) for move, before, after in zip(moves, states, states[1:])]
    return Plan(changes, _warnings(cluster, snapshot["host"], changes, states[-1]))


DYNAMIC_ON = 0
GAIN = 1
NEUTRAL = 2
LOSS = 3
DYNAMIC_OFF = 4


class Move(NamedTuple):
    """A change, the place in the order that it must have, and what it makes of the votes (a function of the cluster)."""

    rank: int
    change: Change
    apply: object


def _understood(options, cluster):
    """The votes of the cluster, once it is certain that it is the expected one and that nothing needed is unknown."""
    for option, kind in (("witness_disk", "disk"), ("witness_share", "file_share")):
        if (options.get(option) is not None) != (options.get("witness") == kind):
            raise Refused("options", option=option, kind=kind)
    if observed.is_hole(cluster) or observed.is_hole(cluster["name"]):
        raise Refused("unread", why=observed.detail(cluster if observed.is_hole(cluster) else cluster["name"]))
    if cluster["name"].casefold() != options["cluster_name"].casefold():
        raise Refused("other_cluster", found=cluster["name"], wanted=options["cluster_name"])
    now = quorum.from_snapshot(cluster)
    if observed.is_hole(now):
        raise Refused("unknown", why=observed.detail(now))
    return now


def _witness_moves(options, cluster, now):
    if options.get("witness") is None:
        return []
    before = _witness(cluster["quorum"])
    after = _wanted_witness(options, before)
    if _same(before, after):
        return _online_move(cluster["quorum"]["witness"])
    if after["kind"] == "cloud":
        raise Refused("cloud")
    if after["kind"] == "disk":
        after = {"kind": "disk", "disk": _usable_disk(cluster, after["disk"])}
    if after["kind"] == "file_share":
        _check_share(now, after["share"], cluster["name"])
    parameters = {"none": {"NoWitness": True}, "disk": {"DiskWitness": after.get("disk")},
                  "file_share": {"FileShareWitness": after.get("share")}}
    new = None if after["kind"] == "none" else quorum.Witness(online=True)
    working = now.witness is not None and now.witness.online
    if now.disk_only or (new and working):
        rank = NEUTRAL
    else:
        rank = LOSS if working else GAIN
    undo = _witness_options(before)
    risk = "" if undo else f"This module cannot bring the {before['kind']} witness back."
    if before["kind"] == "none" and len(now.nodes) == 2:
        risk = "The module will not take it away again while the cluster has two nodes."
    steps = [call("witness", SET_QUORUM, parameters[after["kind"]], needs=area.MODULE, on_error="stop")]
    return [Move(rank, Change(("witness",), before, after, steps, risk, undo), lambda c: quorum.reconfigured(c, witness=new))]


def _online_move(witness):
    """A witness that is there as declared and casts no vote is brought online."""
    state = witness and _known(witness["state"], "The state of the witness")
    if state in (None, "Online"):
        return []
    name = _known(witness["resource"], "The name of the witness")
    steps = [call("online", r"FailoverClusters\Start-ClusterResource", {"Name": name}, needs=area.MODULE, on_error="stop")]
    risk = "The module cannot take it offline again."
    return [Move(GAIN, Change(("witness_state",), state, "Online", steps, risk, {}),
                 lambda c: quorum.reconfigured(c, witness=quorum.Witness(online=True)))]


def _witness(found):
    """The witness of the snapshot: its kind, and what names it."""
    witness = found["witness"]
    if witness is None:
        return {"kind": "none"}
    kind = _known(witness["kind"], "The kind of the witness")
    if kind == "file_share":
        return {"kind": kind, "share": _known(witness["share_path"], "The share of the witness")}
    if kind == "disk":
        return {"kind": "disk_only" if found["type"] == "DiskOnly" else kind, "disk": _known(witness["resource"], "The name of the witness")}
    return {"kind": kind, "resource": _known(witness["resource"], "The name of the witness")}


def _known(value, what):
    """A fact that must have been seen and must not be null; *what* names it."""
    if observed.is_hole(value):
        raise Refused("unknown", why=observed.detail(value))
    if value is None:
        raise Refused("unknown", why=f"{what} is null.")
    return value


def _wanted_witness(options, before):
    """The witness of the options, as ``_witness`` shows one. A cloud witness that is there is the wanted one."""
    kind = options["witness"]
    if kind == "cloud":
        return before if before["kind"] == "cloud" else {"kind": "cloud"}
    return {"kind": kind, **{"disk": {"disk": options.get("witness_disk")}, "file_share": {"share": options.get("witness_share")}}.get(kind, {})}


def _same(before, after):
    """Names are compared without case, shares without a trailing backslash too."""
    def key(witness):
        return {name: value.casefold().rstrip("\\" if name == "share" else "") for name, value in witness.items()}
    return key(before) == key(after)


def _usable_disk(cluster, wanted):
    """The name, as the cluster spells it, of a disk that can be a witness."""
    disk = _find(cluster["resources"], wanted)
    if disk is None or _known(disk["type"], f"The type of {wanted}") != "Physical Disk":
        disks = [row["name"] for row in cluster["resources"] if not observed.is_hole(row) and row["type"] == "Physical Disk"]
        raise Refused("no_disk", disk=wanted, disks=", ".join(map(str, disks)) or "none")
    if _known(disk["state"], f"The state of {wanted}") != "Online":
        raise Refused("disk_state", disk=disk["name"], state=disk["state"])
    group = _find(cluster["groups"], _known(disk["group"], f"The group of {wanted}"))
    if group is None or _known(group["type"], f"The kind of the group of {wanted}") not in ("AvailableStorage", "Cluster"):
        raise Refused("disk_in_use", disk=disk["name"], group=disk["group"])
    return disk["name"]


def _find(rows, name):
    """The row of this name, or None. A row that was not read might be the one: then nothing is certain."""
    for row in _known(rows, "The list"):
        if _known(_known(row, "A row")["name"], "A name").casefold() == name.casefold():
            return row
    return None


def _check_share(now, share, cluster_name):
    server = UNC.fullmatch(share)
    if not server:
        raise Refused("share_path", share=share)
    short = server[1].split(".")[0].casefold()
    for name in [node.name for node in now.nodes] + [cluster_name]:
        if name.casefold() == short:
            raise Refused("share_on_node", share=share, node=name)


def _witness_options(witness):
    """The options that bring a witness back; none for the kinds that this module does not set."""
    if witness["kind"] == "none":
        return {"witness": "none"}
    if witness["kind"] in ("disk", "file_share"):
        name = "disk" if witness["kind"] == "disk" else "share"
        return {"witness": witness["kind"], f"witness_{name}": witness[name]}
    return {}


def _weight_moves(options, cluster, now):
    moves, named = [], set()
    for wanted in options.get("node_weights") or []:
        node = next((node for node in now.nodes if node.name.casefold() == wanted["name"].casefold()), None)
        if node is None:
            raise Refused("no_node", node=wanted["name"], nodes=", ".join(node.name for node in now.nodes))
        if WILDCARDS & set(node.name):
            raise Refused("node_name", node=node.name)
        if node.name in named:
            raise Refused("node_twice", node=node.name)
        named.add(node.name)
        if node.weight != wanted["weight"]:
            moves.append(_weight_move(node, wanted["weight"]))
    return moves


def _weight_move(node, weight):
    steps = [call("node", area.NODE, {"Name": node.name}, needs=area.MODULE, on_error="stop"),
             assign("weight", "node", "NodeWeight", weight, on_error="stop")]
    undo = {"node_weights": [{"name": node.name, "weight": node.weight}]}
    change = Change(("node_weights", node.name), node.weight, weight, steps, undo=undo)
    return Move(GAIN if node.up == bool(weight) else LOSS, change, lambda c: quorum.reconfigured(c, weights={node.name: weight}))


def _dynamic_moves(options, now):
    wanted = options.get("dynamic_quorum")
    if wanted is None or wanted == now.dynamic:
        return []
    steps = [call("cluster", area.CLUSTER, needs=area.MODULE, on_error="stop"),
             assign("dynamic", "cluster", "DynamicQuorum", int(wanted), on_error="stop")]
    change = Change(("dynamic_quorum",), now.dynamic, wanted, steps, undo={"dynamic_quorum": now.dynamic})
    return [Move(DYNAMIC_ON if wanted else DYNAMIC_OFF, change, lambda c: quorum.reconfigured(c, dynamic=wanted))]


def _safe(now, moves):
    """The cluster before, between and after the moves. Raises Refused where one of these states is unsafe."""
    states = [now]
    if not moves:
        return states
    if not quorum.has_quorum(now):
        raise Refused("no_quorum", **_count(now))
    final = now
    for move in moves:
        final = move.apply(final)
    if not final.disk_only and not any(node.weight for node in final.nodes):
        raise Refused("last_vote")
    if len(final.nodes) == 2 and now.witness and not final.witness:
        raise Refused("two_nodes")
    for move in moves:
        states.append(move.apply(states[-1]))
        if not quorum.has_quorum(states[-1]):
            raise Refused("loses_quorum", change=told(move.change)["text"], cure=_cure(now), **_count(states[-1]))
    less_safe = quorum.worsened(now, final)
    if less_safe:
        raise Refused("less_safe", nodes=" or ".join(less_safe))
    return states


def _count(cluster):
    state = quorum.states(cluster)[0]
    return {"present": state.present, "total": len(state.votes), "needed": state.needed}


def _cure(now):
    absent = [node.name for node in now.nodes if not node.up] + (["the witness"] if now.witness and not now.witness.online else [])
    return f"Bring {' and '.join(absent)} back first." if absent else "Leave more nodes their votes."


def _with_risk(change, now, then):
    """The change, with what the cluster can tolerate less after it among its risks."""
    few, many = quorum.in_turn(then), quorum.in_turn(now)
    fewer = f"The cluster then tolerates {few} failures of nodes in turn instead of {many}." if few < many else ""
    return replace(change, risk=" ".join(filter(None, (change.risk, fewer))))


def _warnings(cluster, host, changes, final):
    """What the person at the keyboard should know although it does not stop the plan."""
    warnings = []
    new_witness = next((change.after["kind"] for change in changes if change.path == ("witness",)), None)
    if new_witness == "file_share" and host.get("delegation") != "Delegation":
        warnings.append("Set-ClusterQuorum looks at the share as the account of this connection, and this logon "
                        f"({host.get('logon')}, {host.get('delegation')}) may not reach other computers (second hop): "
                        "it may be refused. Kerberos delegation or CredSSP for the connection would help.")
    witness = cluster["quorum"]["witness"]
    brought_online = any(change.path == ("witness_state",) for change in changes)
    if witness and new_witness is None and not brought_online and witness["state"] != "Online":
        warnings.append(f"The witness is {witness['state']}: it casts no vote until it is online.")
    fatal = quorum.next_fatal_failure(final)
    if fatal != quorum.NO_SINGLE_FAILURE:
        warnings.append(f"With this configuration: {fatal}")
    return warnings


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.cluster_quorum runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
