# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_vault_info
short_description: Read a vault of backup copies at its own host
version_added: 0.2.0
description:
  - Reads the sets below a folder of the host, and compares each with its manifest by the names, sizes and times of its files. No file of a set
    is read, and no manifest is sent to the controller but its first and last line.
  - Says who may change or delete what lies there, by SID, and through which shares.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  path:
    description: Folder of the vault, as a local path of its host. Left out, it is the inventory's C(vault_path).
    type: str
notes:
  - Run it on the vault's own host. From another host a share is a second hop, which most sessions cannot make.
seealso:
  - module: biztalk.fault_tolerance.backup_vault
"""

EXAMPLES = r"""
- name: Look at what the vault holds
  biztalk.fault_tolerance.backup_vault_info:
    path: E:\Vault
  register: vault

- name: Stop where a set is not what it was
  ansible.builtin.assert:
    that: vault.not_whole == []
"""

RETURN = r"""
vault:
  description: What was read. What was not seen is a mapping C($unknown) with reason and detail.
  returned: success
  type: dict
  contains:
    path:
      description: The folder.
      type: str
      returned: success
    sets:
      description: Every set, whole or not, with its times, its number of files and C(why_not).
      type: list
      elements: dict
      returned: success
    procedures:
      description: Number of files and last change in the folder C(procedures).
      type: dict
      returned: success
    writers:
      description: Who may change or delete something, by SID.
      type: list
      elements: dict
      returned: success
    readers:
      description: Who may read something, by SID.
      type: list
      elements: dict
      returned: success
    shares:
      description: The shares that reach the folder.
      type: list
      elements: dict
      returned: success
  sample: {"path": "E:\\Vault", "procedures": {"files": 3, "newest": "2026-10-25T08:00:00.0000000Z"}}
not_whole:
  description: Names of the sets that are not what their manifests say, or are not complete.
  returned: success
  type: list
  elements: str
  sample: ["IIS01/iis/IIS01-iis-20261123T020000Z.partial"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["vault"]

ARGUMENT_SPEC = dict(path=dict(type="str"))


def about(options):
    """Variables that the area is read by, where the task says more than the inventory."""
    return {"vault_path": options["path"]} if options["path"] else {}


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where the sets could not be read."""
    vault = snapshot["areas"]["vault"]
    sets = vault if observed.is_hole(vault) else vault["sets"]
    unread = observed.first_hole([sets]) or observed.first_hole(sets) or observed.first_hole([one["whole"] for one in sets])
    if unread:
        return {"failed": True, "msg": f"The vault could not be read: {observed.detail(unread)}"}
    return {"vault": vault, "not_whole": [one["name"] for one in sets if not one["whole"]]}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.backup_vault_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
