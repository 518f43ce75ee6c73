# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rebuild_index
short_description: Write the pages by which a person rebuilds lost servers
version_added: 0.2.0
description:
  - Makes Markdown pages of the snapshots in a folder - C(index.md) with the order in which a lost site comes back, and one page a host
    with all that was read of it, so that an identical server can be made.
  - The pages need nothing of this collection to be followed. Keep them where the backups are kept, off site, and make them anew after each
    change of the estate.
  - Talks to no host and changes nothing on any. What was not seen stands in the pages as not known, with the reason.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  snapshots:
    description: Folder of snapshots, as M(biztalk.fault_tolerance.snapshot) writes them.
    type: path
    required: true
  folder:
    description: Folder on the controller that gets the pages, readable by its owner alone. A page of an earlier run is replaced; that of a
      host that is gone stays, and the index no longer names it.
    type: path
    required: true
  note:
    description: A sentence that stands on every page, as that the estate is a simulation.
    type: str
    default: ""
seealso:
  - module: biztalk.fault_tolerance.snapshot
  - module: biztalk.fault_tolerance.backup_vault
"""

EXAMPLES = r"""
- name: Write down what each server was
  biztalk.fault_tolerance.rebuild_index:
    snapshots: out/audit/snapshots
    folder: out/rebuild
  run_once: true
"""

RETURN = r"""
index:
  description: The page to begin with.
  returned: success
  type: str
  sample: out/rebuild/index.md
pages:
  description: All pages that were written.
  returned: success
  type: list
  elements: str
  sample: [out/rebuild/index.md, out/rebuild/sql01.md]
unread:
  description: Hosts of which not everything was read.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = dict(
    snapshots=dict(type="path", required=True),
    folder=dict(type="path", required=True),
    note=dict(type="str", default=""),
)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.rebuild_index runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
