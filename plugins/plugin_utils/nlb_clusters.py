# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A Network Load Balancing cluster as a subject, merged from what its nodes said; and whether BizTalk's web handlers stand behind one.

A node tells of the others what its driver hears of them; of itself it knows best.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

NLB = "nlb_cluster"
CONVERGED = "Converged"


def subjects(everyone, kinds):
    """One for each ``nlb_name`` of the inventory, and for each cluster that a host of the group names without being told to."""
    return [_subject(name, members) for name, members in _clusters(everyone, kinds[NLB].groups).values()]


def _clusters(everyone, groups):
    found = {}
    for host in everyone:
        if set(host.groups) & set(groups):
            said = host.fact("nlb", "name")
            name = host.variables.get("nlb_name") or (said if isinstance(said, str) else f"(of {host.name})")
            found.setdefault(name.casefold(), (name, []))[1].append(host)
    return found


def _subject(name, members):
    clock = next((host.clock for host in members if not observed.is_hole(host.area("nlb"))), None)
    return estate.Subject(NLB, f"{NLB}:{name}", facts(name, members), tuple(host.name for host in members), clock)


def facts(name, members):
    """Every property of the kind. *members*: the hosts that the inventory puts into the cluster."""
    if all(observed.is_hole(host.area("nlb")) for host in members):
        return members[0].area("nlb")
    nodes, modes = _nodes(members), [host.fact("nlb", "mode") for host in members]
    return {
        "name": name,
        "modes": _different(modes),
        "multicast": derived.any_true([mode if observed.is_hole(mode) else "multicast" in mode for mode in modes]),
        "nodes": nodes,
        "converged": _converged(nodes),
        "members": [_member(host, members) for host in members],
        "port_rules": _port_rules(members),
    }


def _nodes(members):
    """The nodes by priority, as any member lists them. A node that calls itself anything but converged is that; else its state is what all tell
    of it, and a member that was read and does not list it disagrees."""
    found, holes, listed = {}, [], {}
    for host in members:
        nodes, own = host.fact("nlb", "nodes"), host.fact("nlb", "own_priority")
        listed[host.name] = []
        for node in [nodes] if observed.is_hole(nodes) else nodes:
            priority = node if observed.is_hole(node) else node["priority"]
            listed[host.name].append(priority)
            if observed.is_hole(priority):
                holes.append(priority)
                continue
            entry = found.setdefault(priority, {"name": node["name"], "priority": priority, "own": [], "told": []})
            entry["own" if priority == own else "told"].append(node["state"])
    read = {name: seen for name, seen in listed.items() if not observed.first_hole(seen)}
    known = [{"name": node["name"], "priority": priority, "state": _state(node, [name for name, seen in read.items() if priority not in seen])}
             for priority, node in sorted(found.items())]
    return known if known else holes[:1]


def _state(node, without):
    """The state of a node. *without*: the members that do not list it."""
    astray = [state for state in node["own"] if not observed.is_hole(state) and state != CONVERGED]
    if astray:
        return _told(astray)
    if without:
        return observed.hole("disagree", f"{', '.join(without)} does not list the node of priority {node['priority']}, as others do.")
    return observed.first_hole(node["own"]) or _told(node["own"] + node["told"])


def _told(states):
    """The state that everyone who knows tells; a hole where they disagree."""
    different = sorted({state for state in states if not observed.is_hole(state)})
    if len(different) > 1:
        return observed.hole("disagree", f"The nodes tell of the states {', '.join(different)}.")
    return different[0] if different else observed.first_hole(states)


def _converged(nodes):
    """How many nodes are converged."""
    states = [derived.part(node, "state") for node in nodes]
    return observed.first_hole(states) or sum(state == CONVERGED for state in states)


def _member(host, members):
    features, manufacturer, mode = host.fact("nlb", "features"), host.fact("platform", "computer", "manufacturer"), host.fact("nlb", "mode")
    priority, name = host.fact("nlb", "own_priority"), host.fact("nlb", "name")
    others = [other.fact("nlb", "own_priority") for other in members if other is not host]
    return {
        "host": host.name, "priority": priority, "cluster": name, "state": host.fact("nlb", "own_state"), "features": features,
        "as_declared": name if observed.is_hole(name) else not host.variables.get("nlb_name") or _same(name, host.variables["nlb_name"]),
        "shares_priority": derived.any_true([other if observed.is_hole(other) else other == priority for other in others])
        if not observed.is_hole(priority) else priority,
        "unicast_on_vmware": _both(mode, "unicast", manufacturer, "vmware"),
    }


def _both(mode, wanted, manufacturer, vendor):
    if mode != wanted and not observed.is_hole(mode):
        return False
    unseen = observed.first_hole([mode, manufacturer])
    return unseen or vendor in manufacturer.casefold()


def _same(name, declared):
    """Whether a cluster's name, which is a host name as people typed it, is the declared one, with or without its domain."""
    return declared.casefold() in (name.casefold(), name.casefold().partition(".")[0])


def _different(values):
    known = sorted({value for value in values if not observed.is_hole(value)})
    return known if len(known) > 1 else known + [value for value in values if observed.is_hole(value)][:1]


def _port_rules(members):
    """Each rule that a node has, with the nodes that do not have just that one."""
    rules, unread = {}, []
    for host in members:
        found = host.fact("nlb", "port_rules")
        holes = [found] if observed.is_hole(found) else [one for one in found if observed.is_hole(one)]
        unread += [(host.name, holes[0])] if holes else []
        for one in [] if observed.is_hole(found) else found:
            if not observed.is_hole(one):
                rules.setdefault(one["text"], set()).add(host.name)
    silent = dict(unread)
    return [{"name": text, "missing_on": sorted(host.name for host in members if host.name not in having and host.name not in silent)
             or [hole for name, hole in silent.items() if name not in having]} for text, having in sorted(rules.items())] \
        + [hole for _name, hole in unread[:1]]


def web_handlers(read, everyone):
    """The receive handlers of a BizTalk group that answer web requests, with the servers whose instances stand behind a working NLB cluster.

    *read*: the area ``biztalk``. An isolated host has no service of its own: its instance is installed and not disabled where it may run.
    """
    clusters = [facts(name, members) for name, members in _clusters(everyone, ("nlb",)).values()]
    return derived.each(read["receive_handlers"], lambda handler: {
        "name": handler["name"], "adapter": handler["adapter"], "balanced_on": _balanced(handler["host"], read["instances"], clusters, everyone)})


def _balanced(host_name, entries, clusters, everyone):
    """Servers with an instance of the host that are converged nodes, of the cluster that has most of them."""
    if observed.is_hole(host_name) or observed.is_hole(entries):
        return host_name if observed.is_hole(host_name) else entries
    servers, holes = [], []
    for one in entries:
        unseen = one if observed.is_hole(one) else observed.first_hole([one["host"], one["server"], one["disabled"], one["configuration"]])
        if unseen:
            holes.append(unseen)
        elif host_name is not None and one["host"].casefold() == host_name.casefold() and one["disabled"] is False and one["configuration"] == "installed":
            servers.append(one["server"])
    best = []
    for cluster in clusters:
        here, unsure = [], []
        for server in servers:
            node = _node_called(server, cluster, everyone)
            if observed.is_hole(node):
                unsure.append(node)
            elif node is not None:
                here += [server] if node["state"] == CONVERGED else [node["state"]] if observed.is_hole(node["state"]) else []
        best = max(best, here + unsure[:1], key=len)
    return best + holes[:1]


def _node_called(server, cluster, everyone):
    """The node of a cluster that is this server; None where it is none."""
    if observed.is_hole(cluster):
        return cluster
    host = next((host for host in everyone if host.is_called(server)), None)
    for node in cluster["nodes"]:
        name = node if observed.is_hole(node) else node["name"]
        if observed.is_hole(name):
            return name
        if name.casefold().partition(".")[0] == server.casefold() or (host is not None and host.is_called(name.partition(".")[0])):
            return node
    return None
