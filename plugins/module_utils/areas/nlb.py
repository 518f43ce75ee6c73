# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``nlb``: the Network Load Balancing cluster that a host is a node of, as its own driver and the cluster's other nodes tell it.

Read on the node and without a host name: another node is another hop. A host is known by its priority, which is unique in a cluster; names
are not. Sources: reference pages of the NetworkLoadBalancingClusters module; a state may be decorated (``Converged(default)``).
"""

import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows, windows_features
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

NAME = "nlb"
MODULE = "NetworkLoadBalancingClusters"
FEATURES = {"NetworkLoadBalancingFullServer": "NLB", "NetworkLoadBalancingManagementClient": "RSAT-NLB"}
DECORATION = re.compile(r"\s*\(.*\)\s*$")
MODES = {0: "unicast", 1: "multicast", 2: "igmp_multicast"}
RULE = ("Protocol", "VirtualIPAddress", "StartPort", "EndPort", "FilteringMode", "Affinity", "Timeout", "PortState")


def steps(variables):
    """The calls that read the area, in order."""
    return [
        windows_features.step("nlb_features", list(FEATURES)),
        call("nlb_cluster", MODULE + r"\Get-NlbCluster", select=["Name", "IPAddress", "OperationMode"], needs=MODULE),
        call("nlb_driver", MODULE + r"\Get-NlbClusterDriverInfo", select=["HostId", "CurrentHostState", "ClusterName", "ClusterIPAddress"], needs=MODULE),
        call("nlb_nodes", MODULE + r"\Get-NlbClusterNode", select=["Name", "HostPriority", "State", "InterfaceName", "InitialHostState"], needs=MODULE),
        call("nlb_rules", MODULE + r"\Get-NlbClusterPortRule", select=list(RULE), needs=MODULE),
        call("nlb_interfaces", MODULE + r"\Get-NlbClusterNodeNetworkInterface", select=["InterfaceName", "NlbBound"], needs=MODULE),
    ]


def shape(area):
    """What this host says; what was not seen is a hole (see ``observed``)."""
    cluster, driver = rows.one(area, "nlb_cluster"), rows.one(area, "nlb_driver")
    features = windows_features.installed(area, "nlb_features", list(FEATURES))
    return {
        "name": rows.value(cluster, "Name"),
        "address": _text(rows.value(cluster, "IPAddress")),
        "mode": _mode(cluster),
        "own_priority": rows.value(driver, "HostId"),
        "own_state": _name(driver, "CurrentHostState"),
        "nodes": rows.every(area, "nlb_nodes", _node),
        "port_rules": rows.every(area, "nlb_rules", _rule),
        "interfaces": rows.every(area, "nlb_interfaces", lambda row, index: {
            "name": rows.value(row, "InterfaceName"), "bound": rows.value(row, "NlbBound")}),
        "features": features if observed.is_hole(features) else [{**one, "name": FEATURES[one["name"]]} for one in features],
    }


def _node(row, index):
    return {"name": rows.value(row, "Name"), "priority": rows.value(row, "HostPriority"), "state": state(_name(row, "State")),
            "interface": rows.value(row, "InterfaceName"), "initial_state": _name(row, "InitialHostState")}


def state(text):
    """A node's state without its decoration."""
    return DECORATION.sub("", text) if isinstance(text, str) else text


def _name(row, path):
    """The name of an enum, as the cmdlets print it; a bare number says nothing that is documented."""
    seen = rows.value(row, path)
    if observed.is_hole(seen) or isinstance(seen, str):
        return seen
    return observed.hole("failed", f"{path} is {seen!r}, of which the reference says nothing.")


def _mode(cluster):
    seen = rows.enum(cluster, "OperationMode", MODES)
    if observed.is_hole(seen) or seen is None:
        return observed.hole("null", "OperationMode is null.") if seen is None else seen
    return {"igmpmulticast": "igmp_multicast"}.get(str(seen).casefold(), str(seen).casefold())


def _rule(row, index):
    """A port rule as one text that can be compared between nodes, since no name tells rules apart."""
    parts = {path: _text(rows.value(row, path)) for path in RULE}
    unseen = observed.first_hole(list(parts.values()))
    if unseen:
        return unseen
    ports = f"{parts['StartPort']}-{parts['EndPort']}"
    affinity = f", affinity {parts['Affinity']}" if parts["Affinity"] not in (None, "") else ""
    return {"name": f"{parts['Protocol']} {ports} of {_address(parts['VirtualIPAddress'])}",
            "text": f"{parts['Protocol']} {ports} of {_address(parts['VirtualIPAddress'])}: {parts['FilteringMode']}{affinity}, {parts['PortState']}"}


def _address(seen):
    return "all addresses" if seen in ("255.255.255.255", "All", "") else seen


def _text(value):
    """Numbers, addresses and names of enums as text."""
    return value if value is None or observed.is_hole(value) else str(value)
