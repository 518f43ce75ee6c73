# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: change_report
short_description: Show in one table what tasks changed or would change
version_added: 0.1.0
description:
  - Prints one line for each change of registered results of this collection's modules - host, resource, change, risk - and returns
    the same rows. Needs no connection.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  results:
    description: Registered results, as in C(registered.results) of a loop.
    type: list
    elements: dict
    required: true
  not_looked_at:
    description: Names of what could not be looked at, as clusters of which no node answered. With any of them the task fails.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Say what changes
  biztalk.fault_tolerance.change_report:
    results: "{{ quorum.results }}"
  run_once: true
"""

RETURN = r"""
rows:
  description: The rows of the table.
  returned: always
  type: list
  elements: dict
  sample:
    - {"host": "bts01", "resource": "cluster_quorum BTSCLU", "change": "witness: none -> file_share", "risk": ""}
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = dict(
    results=dict(type="list", elements="dict", required=True),
    not_looked_at=dict(type="list", elements="str", default=[]),
)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.change_report runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
