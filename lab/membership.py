"""Cluster membership and quorum: votes, what a lost or returning node changes, where groups run, which services follow.

Source of the vote rules: Microsoft, "Understanding cluster and pool quorum" (dynamic quorum, dynamic witness).
Assumed: which node loses its vote in a tie without a witness (the highest node id, unless LowerQuorumPriorityNodeId names another);
with dynamic quorum off a configured witness always counts.
"""
from __future__ import annotations

UP, DOWN, PAUSED, JOINING = 0, 1, 2, 3
ONLINE, OFFLINE, FAILED = 2, 3, 4
SERVICE_OF = {"SQL Server": "MSSQL${InstanceName}", "SQL Server Agent": "SQLAgent${InstanceName}", "Generic Service": "{ServiceName}"}


def members(cluster):
    return [node for node in cluster["nodes"] if node["state"] in (UP, PAUSED)]


def running(cluster):
    return bool(members(cluster))


def resource(cluster, resource_id):
    return next((r for r in cluster["resources"] if r["id"] == resource_id), None)


def witness(cluster):
    return resource(cluster, cluster["quorum"]["resource"])


def settle(cluster, hosts):
    """Recomputes what follows from node states, weights and resources: dynamic votes and the services of the nodes' hosts."""
    properties, of_quorum = cluster["properties"], witness(cluster)
    if not properties["DynamicQuorum"]:
        for node in cluster["nodes"]:
            node["dynamic_weight"] = node["weight"]
        properties["WitnessDynamicWeight"] = int(of_quorum is not None)
    else:
        for node in cluster["nodes"]:
            node["dynamic_weight"] = node["weight"] if node["state"] in (UP, PAUSED) else 0
        even = sum(node["dynamic_weight"] for node in cluster["nodes"]) % 2 == 0
        has_witness = of_quorum is not None and of_quorum["state"] == ONLINE
        properties["WitnessDynamicWeight"] = int(has_witness and even)
        voting = [node for node in members(cluster) if node["dynamic_weight"]]
        if even and voting and not has_witness:
            lower = str(properties.get("LowerQuorumPriorityNodeId", 0))
            loser = next((node for node in voting if node["id"] == lower), max(voting, key=lambda node: int(node["id"])))
            loser["dynamic_weight"] = 0
    for node in cluster["nodes"]:
        if hosts[node["host"]]["powered"]:
            hosts[node["host"]]["services"]["ClusSvc"]["state"] = "Running" if node["state"] in (UP, PAUSED) else "Stopped"
    _services(cluster, hosts)


def _services(cluster, hosts):
    for item in cluster["resources"]:
        pattern = SERVICE_OF.get(item["type"])
        if not pattern:
            continue
        name = pattern.format(**{key: value[1] for key, value in item["private"].items()})
        owner = group_of(cluster, item)["owner"]
        for node in cluster["nodes"]:
            service = hosts[node["host"]]["services"].get(name)
            if service and node["name"] == owner:
                service["state"] = "Running" if item["state"] == ONLINE else "Stopped"


def group_of(cluster, item):
    return next(group for group in cluster["groups"] if group["id"] == item["group"])


def has_quorum(cluster, leaving=(), without_witness=False):
    """Whether the cluster survives the loss of *leaving* nodes (and of its witness) at one blow, by the votes as they stand."""
    of_quorum = witness(cluster)
    witness_there = of_quorum is not None and of_quorum["state"] == ONLINE and not without_witness
    staying = [node for node in members(cluster) if node not in leaving]
    if cluster["quorum"]["type"] == 2:
        return bool(staying) and witness_there
    total = sum(node["dynamic_weight"] for node in cluster["nodes"]) + cluster["properties"]["WitnessDynamicWeight"]
    left = sum(node["dynamic_weight"] for node in staying) + (cluster["properties"]["WitnessDynamicWeight"] if witness_there else 0)
    return bool(staying) and left * 2 > total


def lose(cluster, hosts, node, graceful):
    """A node leaves. Gracefully its vote is taken off first; else the cluster stops when the rest has no majority."""
    survives = has_quorum(cluster, [node])
    if graceful and cluster["properties"]["DynamicQuorum"]:
        survives = any(other is not node for other in members(cluster))
    for gone in [node] if survives else cluster["nodes"]:
        gone["state"] = DOWN
    if survives:
        for group in cluster["groups"]:
            if group["owner"] == node["name"]:
                move(cluster, hosts, group)
    settle(cluster, hosts)


def join(cluster, hosts, node):
    """A node comes back; a stopped cluster forms as soon as the powered nodes have a majority of the configured votes."""
    if running(cluster):
        node["state"] = UP
    else:
        powered = [n for n in cluster["nodes"] if hosts[n["host"]]["powered"]]
        of_quorum = witness(cluster)
        votes = sum(n["weight"] for n in powered) + int(of_quorum is not None)
        if votes * 2 > sum(n["weight"] for n in cluster["nodes"]) + int(of_quorum is not None):
            for n in powered:
                n["state"] = UP
            up = [n["name"] for n in powered]
            for group in cluster["groups"]:
                if group["owner"] not in up:
                    move(cluster, hosts, group)
    settle(cluster, hosts)


def move(cluster, hosts, group, target=None):
    """Moves a group to *target* or to the best other node: preferred owners first, then by id. Returns the node or None."""
    mine = [item for item in cluster["resources"] if item["group"] == group["id"]]
    candidates = [node for node in cluster["nodes"] if node["state"] == UP and node["name"] != group["owner"]
                  and all(node["name"] in item["possible"] for item in mine)]
    if target is not None:
        candidates = [node for node in candidates if node["name"] == target]
    order = {name: place for place, name in enumerate(group["preferred"])}
    candidates.sort(key=lambda node: (order.get(node["name"], len(order)), int(node["id"])))
    if not candidates:
        return None
    _stop_services(cluster, hosts, mine, group["owner"])
    group["owner"] = candidates[0]["name"]
    return candidates[0]


def _stop_services(cluster, hosts, items, owner):
    node = next(node for node in cluster["nodes"] if node["name"] == owner)
    for item in items:
        if item["type"] in SERVICE_OF:
            name = SERVICE_OF[item["type"]].format(**{key: value[1] for key, value in item["private"].items()})
            if name in hosts[node["host"]]["services"]:
                hosts[node["host"]]["services"][name]["state"] = "Stopped"


def power(state, host, on, graceful=False):
    """Switches a host on or off; off without *graceful* is a crash."""
    document = state.hosts[host]
    document["powered"] = on
    cluster = state.cluster_of(host)
    if cluster is None:
        return
    node = next(node for node in cluster["nodes"] if node["host"] == host)
    if on:
        join(cluster, state.hosts, node)
    elif node["state"] in (UP, PAUSED):
        lose(cluster, state.hosts, node, graceful)
