# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: clusters
short_description: Choose one node for each cluster of a play
version_added: 0.1.0
description:
  - Groups hosts by their variable C(cluster_name) and chooses for each cluster the first host that answered
    M(biztalk.fault_tolerance.doctor), as registered in C(windows_cluster_contact).
author: the biztalk.fault_tolerance authors (!UNKNOWN)
positional: hostvars
options:
  _input:
    description: Inventory names of the hosts, in order.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
clusters: "{{ ansible_play_hosts_all | biztalk.fault_tolerance.clusters(hostvars) }}"
"""

RETURN = r"""
_value:
  description: >-
    One element a cluster, with C(name), C(node) (the chosen host, V(null) where none answered) and C(quorum)
    (the C(windows_cluster_quorum) of its nodes).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError


def clusters(hosts, hostvars):
    chosen = {}
    for host in hosts:
        variables = hostvars[host]
        name = variables.get("cluster_name")
        if not name:
            raise AnsibleFilterError(f"{host} is to be configured as a cluster node, and the inventory does not say of which cluster: "
                                     "set cluster_name.")
        cluster = chosen.setdefault(str(name).casefold(), {"name": str(name), "node": None, "quorum": {}})
        contact = variables.get("windows_cluster_contact") or {}
        if cluster["node"] is None and contact.get("powershell"):
            cluster["node"] = host
        declared = dict(variables.get("windows_cluster_quorum") or {})
        if declared and cluster["quorum"] not in ({}, declared):
            raise AnsibleFilterError(f"The nodes of {name} declare different windows_cluster_quorum ({host} another one than a node before it): "
                                     "declare it once, for the cluster's group.")
        cluster["quorum"] = cluster["quorum"] or declared
    return list(chosen.values())


class FilterModule:
    def filters(self):
        return {"clusters": clusters}
