# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: storage_info
short_description: Read disks, pools, volumes, paths and shares of a Windows host
version_added: 0.2.0
description:
  - Reads what Windows shows of a host's storage, by numbers and not by translated words, and changes nothing.
  - Behind a RAID controller, a hypervisor or an array Windows shows logical drives. RV(storage.disks[].hides_members) says where that may be so;
    RAID level, spare and battery are then in the vendor's tool alone, and a person attests them for the audit.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options: {}
notes:
  - To replace a failed member of a pool, look in the vendor's documentation for the slot that RV(storage.physical_disks[].serial) names, exchange the
    disk, add it to the pool with Add-PhysicalDisk, run Repair-VirtualDisk, and remove the old one with Remove-PhysicalDisk when the repair has ended.
  - After a disaster the layout of RV(storage.volumes) and RV(storage.disks) is what the new server needs before databases are restored to it.
seealso:
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: Read the storage of the database servers
  biztalk.fault_tolerance.storage_info:
  register: here

- name: Go on only where no disk is degraded
  ansible.builtin.assert:
    that: "here.degraded == []"
"""

RETURN = r"""
storage:
  description:
    - Disks, physical disks, pools, virtual disks, volumes, paths, iSCSI sessions and shares.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the host answered
  type: dict
  contains:
    disks:
      description: Disks as Windows numbers them.
      type: list
      elements: dict
      returned: success
      contains:
        hides_members:
          description: Whether the disk may be a logical drive of a controller, a hypervisor or an array.
          type: bool
          returned: success
        resiliency:
          description: V(mirror), V(parity) or V(none) where that is known, and V(not shown) behind whatever hides its members.
          type: str
          returned: success
    physical_disks:
      description: Physical disks as Windows sees them; behind a controller its logical drives.
      type: list
      elements: dict
      returned: success
      contains:
        serial:
          description: The serial number, or null.
          type: str
          returned: success
    volumes:
      description: Fixed volumes with their paths, disk and free space.
      type: list
      elements: dict
      returned: success
  sample: {"disks": [{"name": "disk 0", "bus": "RAID", "hides_members": true, "resiliency": "not shown"}]}
degraded:
  description: Names of physical disks, pools, virtual disks and volumes that are known not to be healthy.
  returned: when the host answered
  type: list
  elements: str
  sample: []
unknown:
  description: Sentences on what was not seen.
  returned: when the host answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["storage"]

ARGUMENT_SPEC = dict()
HEALTH = ("physical_disks", "pools", "virtual_disks", "volumes")


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where nothing was read."""
    storage = snapshot["areas"]["storage"]
    if observed.is_hole(storage):
        return {"failed": True, "msg": f"The storage of this host could not be read: {observed.detail(storage)}"}
    parts = [one for kind in HEALTH if not observed.is_hole(storage[kind]) for one in storage[kind] if not observed.is_hole(one)]
    return {"storage": storage,
            "degraded": [one["name"] for one in parts if not observed.is_hole(one["health"]) and one["health"] != "Healthy"],
            "unknown": sorted({observed.detail(hole) for _path, hole in observed.holes(storage)})}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.storage_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
