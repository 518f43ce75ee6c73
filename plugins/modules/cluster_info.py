# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Read a Windows failover cluster and say what it can lose
version_added: 0.1.0
description:
  - Reads the failover cluster that the host is a node of, and derives from its votes which nodes may be lost now, next and together.
  - Answers whether a node may be taken down tonight, see RV(quorum.nodes[].if_shut_down).
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  cluster_name:
    description: Name of the cluster that is expected on the host. On another cluster the task fails.
    type: str
  sites:
    description: The site of each node, by the node's name in any case. Nodes that are left out belong to no site.
    type: dict
    default: {}
  witness_site:
    description: The site where the witness stands, if it is lost with that site.
    type: str
    default: ""
seealso:
  - module: biztalk.fault_tolerance.cluster_quorum
"""

EXAMPLES = r"""
- name: Look at the cluster before patch night
  biztalk.fault_tolerance.cluster_info:
    cluster_name: BTSSQL
  register: sql

- name: Go on only if this node can be shut down
  ansible.builtin.assert:
    that: "'survives' in (sql.quorum.nodes | selectattr('name', 'equalto', 'SQL01') | map(attribute='if_shut_down'))"
"""

RETURN = r"""
cluster:
  description:
    - The cluster as its cluster service tells it - nodes, networks, groups, resources and quorum.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the cluster answered
  type: dict
  sample: {"name": "BTSSQL", "dynamic_quorum": true}
quorum:
  description: What follows from the votes. Null where a fact that it needs was not seen.
  returned: when the cluster answered
  type: dict
  contains:
    has_quorum:
      description: Whether the votes that are there are a majority.
      type: bool
      returned: success
    votes:
      description:
        - The votes as dynamic quorum has handed them out - C(total), C(needed) for a majority, and C(present).
        - C(configured_total) and C(configured_needed) count every configured vote, as without dynamic quorum.
      type: dict
      returned: success
    nodes:
      description: Each node of the cluster.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: The node.
          type: str
          returned: success
        site:
          description: Its site, or empty.
          type: str
          returned: success
        has_vote:
          description: Whether it holds a vote now. Null where the cluster has not said which node gave up its vote.
          type: bool
          returned: success
        if_it_fails:
          description: What becomes of the cluster when the node fails next - V(survives), V(stops), V(depends) on which node has
            no vote at that moment, or V(down) where it is down already.
          type: str
          returned: success
        if_shut_down:
          description: The same when the node is shut down in an orderly way, so that its vote is taken away before it goes.
          type: str
          returned: success
        then_fatal:
          description: After its failure was survived, the members whose failure stops or may stop the cluster.
          type: list
          elements: str
          returned: success
    witness_votes:
      description: Whether the witness has a vote now.
      type: bool
      returned: success
    if_witness_fails:
      description: As RV(quorum.nodes[].if_it_fails), for the witness. Null where there is none.
      type: str
      returned: success
    sites:
      description: What becomes of the cluster when a whole site is lost at once (C(name), C(if_lost)).
      type: list
      elements: dict
      returned: success
    tolerates_in_turn:
      description: How many nodes, whichever they are, may fail one after another for certain.
      type: int
      returned: success
    tolerates_together:
      description: How many nodes, whichever they are, may fail at once for certain.
      type: int
      returned: success
    next_fatal_failure:
      description: The next single failure that stops the cluster, in one sentence.
      type: str
      returned: success
    assumed:
      description: What this derivation takes for granted although Microsoft's page on quorum does not settle it.
      type: list
      elements: str
      returned: success
  sample: {"tolerates_in_turn": 1, "tolerates_together": 1, "next_fatal_failure": "No single failure stops the cluster now."}
quorum_unknown:
  description: Why RV(quorum) is null, or empty.
  returned: when the cluster answered
  type: str
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, quorum

AREAS = ["cluster"]
KEY = "cluster_name"

ARGUMENT_SPEC = dict(
    cluster_name=dict(type="str"),
    sites=dict(type="dict", default={}),
    witness_site=dict(type="str", default=""),
)


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where this is no cluster, or not the expected one."""
    cluster = snapshot["areas"]["cluster"]
    name = cluster if observed.is_hole(cluster) else cluster["name"]
    if observed.is_hole(name):
        return {"failed": True, "msg": f"The cluster of this host could not be read: {observed.detail(name)}"}
    wanted = options.get("cluster_name")
    if wanted and wanted.casefold() != name.casefold():
        return {"failed": True, "msg": f"This host is a node of the cluster {name} and not of {wanted}."}
    sites = {node: str(site) for node, site in options["sites"].items()}
    derived = quorum.derived(cluster, sites, options["witness_site"])
    unknown = observed.is_hole(derived)
    return {"cluster": cluster, "quorum": None if unknown else derived, "quorum_unknown": observed.detail(derived) if unknown else ""}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.cluster_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
