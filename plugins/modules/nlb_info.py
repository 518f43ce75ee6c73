# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: nlb_info
short_description: Read a Network Load Balancing cluster as one of its nodes sees it
version_added: 0.2.0
description:
  - Reads the Network Load Balancing cluster that the host is a node of - its nodes with their states, its mode and the port rules of this node.
  - Nothing is asked of another node, so that no second hop is needed. To compare port rules, read every node.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  nlb_name:
    description: Name of the cluster that is expected on the host, with or without its domain. On another cluster the task fails.
    type: str
notes:
  - To restore a node, install the features NLB and RSAT-NLB, add it with Add-NlbClusterNode from a node that works, and compare RV(nlb.port_rules).
    A cluster whose nodes are all lost is made anew with New-NlbCluster from RV(nlb.address), RV(nlb.mode) and the rules.
seealso:
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: Read the cluster before a node is drained
  biztalk.fault_tolerance.nlb_info:
    nlb_name: BTSWEB
  register: web

- name: Go on only if another node works
  ansible.builtin.assert:
    that: web.converged | length >= 2
"""

RETURN = r"""
nlb:
  description:
    - What the node says.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the node answered
  type: dict
  contains:
    address:
      description: The primary address of the cluster.
      type: str
      returned: success
    mode:
      description: V(unicast), V(multicast) or V(igmp_multicast).
      type: str
      returned: success
    port_rules:
      description: The port rules of this node, each as one text.
      type: list
      elements: dict
      returned: success
  sample: {"name": "BTSWEB", "own_priority": 1, "mode": "multicast"}
converged:
  description: Names of the nodes that are converged.
  returned: when the node answered
  type: list
  elements: str
  sample: [WEB1, WEB2]
unknown:
  description: Sentences on what was not seen.
  returned: when the node answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["nlb"]
KEY = "nlb_name"

ARGUMENT_SPEC = dict(
    nlb_name=dict(type="str"),
)


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where this is no node, or one of another cluster."""
    nlb = snapshot["areas"]["nlb"]
    name = nlb if observed.is_hole(nlb) else nlb["name"]
    if observed.is_hole(name):
        return {"failed": True, "msg": f"The Network Load Balancing cluster of this host could not be read: {observed.detail(name)}"}
    wanted = options.get("nlb_name")
    if wanted and wanted.casefold() not in (name.casefold(), name.casefold().partition(".")[0]):
        return {"failed": True, "msg": f"This host is a node of the cluster {name} and not of {wanted}."}
    nodes = [] if observed.is_hole(nlb["nodes"]) else [node for node in nlb["nodes"] if not observed.is_hole(node)]
    return {"nlb": nlb, "converged": [node["name"] for node in nodes if node["state"] == "Converged"],
            "unknown": sorted({observed.detail(hole) for _path, hole in observed.holes(nlb)})}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.nlb_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
