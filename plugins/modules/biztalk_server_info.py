# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: biztalk_server_info
short_description: What a BizTalk server says of itself and of its group
version_added: 0.2.0
description:
  - Reads version, update, the services of host instances and the place of the management database from one BizTalk server. Changes nothing.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
seealso:
  - module: biztalk.fault_tolerance.inventory_info
"""

EXAMPLES = r"""
- name: Ask a BizTalk server where its management database is
  biztalk.fault_tolerance.biztalk_server_info:
  register: server
"""

RETURN = r"""
biztalk:
  description: What was read.
  returned: when BizTalk Server is configured on the host
  type: dict
  contains:
    version:
      description: The version of the binaries. Null where the registry has none.
      type: str
      returned: success
    cumulative_update:
      description: The number of the newest cumulative update. Null where there is none.
      type: int
      returned: success
    management_server:
      description: The SQL Server instance of the management database, as this server calls it.
      type: str
      returned: success
    management_database:
      description: The management database.
      type: str
      returned: success
    services:
      description: The services of host instances.
      type: list
      elements: dict
      returned: success
  sample: {"version": "3.13.717.0", "cumulative_update": 6, "management_server": "SQLBTS\\BTS", "management_database": "BizTalkMgmtDb", "services": []}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["platform"]

ARGUMENT_SPEC = {}


def inform(_options, snapshot):
    """The facts for the task's result; ``failed`` where the host is no configured BizTalk server or did not say."""
    platform = snapshot["areas"]["platform"]
    biztalk = platform if observed.is_hole(platform) else platform["biztalk"]
    server = biztalk if observed.is_hole(biztalk) else biztalk["management_server"]
    if observed.is_hole(server):
        return {"failed": True, "msg": f"The place of the management database could not be read: {observed.detail(server)}"}
    if server is None:
        return {"failed": True, "msg": "This host is no configured BizTalk server: its registry names no management database "
                                       r"(HKLM\SOFTWARE\Microsoft\BizTalk Server\3.0\Administration)."}
    return {"biztalk": {**{name: value for name, value in biztalk.items() if name != "update"}, "cumulative_update": biztalk["update"]}}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.biztalk_server_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
