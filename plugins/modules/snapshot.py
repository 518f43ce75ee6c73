# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
short_description: Read a host once and keep what it said in a file
version_added: 0.1.0
description:
  - Reads the areas of a host that its inventory groups ask for, in one PowerShell start, and writes them to one JSON file.
  - Changes nothing on the host. The file is written in check mode too, since it is what an audit is made of.
  - A host that cannot be reached or read gets a file as well, which says so.
  - Run by the role P(biztalk.fault_tolerance.audit#role), which judges the files in the same play.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  folder:
    description: Folder on the controller that gets the file C(<inventory name>.json), readable by its owner alone.
    type: path
    required: true
  deadline:
    description: Seconds after which the host begins no further step. A step that is under way is not stopped.
    type: int
    default: 300
notes:
  - The groups C(cluster_node) and others decide the areas, see the inventory contract in the collection's docs.
  - The tags of the run choose among them; tags are area names. An area left out is recorded as not asked.
  - Reading a cluster needs an account that is administrator of the node or has been given read access to the cluster.
seealso:
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: Read every host once
  biztalk.fault_tolerance.snapshot:
    folder: out/audit/snapshots
  ignore_unreachable: true
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
  sample: out/audit/snapshots/sql01.json
bytes:
  description: Its size.
  returned: always
  type: int
  sample: 20480
sha256:
  description: Its SHA-256.
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
status:
  description: >-
    How the host answered: V(ok), V(partial) where an area is missing, V(failed) where it was reached and could not be read,
    V(unreachable), V(not_asked) where the run's tags left nothing to read.
  returned: always
  type: str
  sample: ok
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = dict(
    folder=dict(type="path", required=True),
    deadline=dict(type="int", default=300),
)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.snapshot runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
