# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sharepoint_info
short_description: Read a SharePoint farm and what it can be restored from
version_added: 0.2.0
description:
  - Reads the farm that a host is a server of, by the module of Subscription Edition or the snap-in of SharePoint 2013 to 2019, and the backups in the
    farm's backup folder.
  - Each backup is judged by the catalogue C(spbrtoc.xml), its folder and its log together, since neither proves that it can be restored.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  folder:
    description: Share in which the backups lie. Left out, it is the inventory's C(sharepoint_backup_folder).
    type: str
notes:
  - The account needs to have been given C(Add-SPShellAdmin); that makes it more than a reader of the farm's databases.
  - A share on another server can be read only where the session hands credentials on (second hop).
  - How a farm is restored is told in the notes of M(biztalk.fault_tolerance.sharepoint_backup).
seealso:
  - module: biztalk.fault_tolerance.sharepoint_backup
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: What the farm could be restored from now
  biztalk.fault_tolerance.sharepoint_info:
    folder: \\sp01\spbackup
  register: farm

- name: A whole backup is there
  ansible.builtin.assert:
    that: farm.newest_full is not none
"""

RETURN = r"""
sharepoint:
  description:
    - Farm, servers, services, content databases, aliases of SQL Server, and the backups.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the host answered
  type: dict
  contains:
    backup:
      description: The folder, and of each backup in it method, outcome (V(whole), V(failed), V(incomplete) or V(missing)) and why. Null without a folder.
      type: dict
      returned: success
  sample: {"shell": "SharePointServer", "farm": {"name": "SharePoint_Config", "build": "16.0.17928.20238"}}
newest_full:
  description: Path of the newest whole full backup of the farm. Null where there is none, or where it was not seen.
  returned: when the host answered
  type: str
  sample: \\sp01\spbackup\SP01-sharepoint-20261124T010000Z\spbr0000
never_in_a_backup:
  description: What no farm backup holds, or cannot be restored from one.
  returned: always
  type: list
  elements: str
  sample: ["certificates of trust with other farms"]
unknown:
  description: Sentences on what was not seen.
  returned: when the host answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import sharepoint_history as history
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sharepoint as area

AREAS = ["sharepoint"]

ARGUMENT_SPEC = dict(folder=dict(type="str"))

NEVER = [
    "certificates of trust with other farms", "web.config files that were edited by hand", "keys of encrypted databases",
    "BLOB stores outside of SQL Server", "external data of Business Connectivity Services",
    "the configuration database and that of Central Administration: they are in it, and SharePoint cannot restore them",
]


def about(options):
    """What the area reads by, where the task says it and not the inventory."""
    return {area.VARIABLE: options["folder"]} if options["folder"] else {}


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where nothing was read."""
    read = snapshot["areas"]["sharepoint"]
    if observed.is_hole(read):
        return {"failed": True, "msg": f"The farm could not be read: {observed.detail(read)}", "never_in_a_backup": NEVER}
    sets = read["backup"] and read["backup"]["sets"]
    newest = None if sets is None or observed.is_hole(sets) else history.newest(sets)
    return {"sharepoint": read, "newest_full": None if newest is None or observed.is_hole(newest) else newest["path"], "never_in_a_backup": NEVER,
            "unknown": sorted({observed.detail(hole) for _path, hole in observed.holes(read)})}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.sharepoint_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
