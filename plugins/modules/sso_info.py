# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sso_info
short_description: Read Enterprise Single Sign-On on one server
version_added: 0.2.0
description:
  - Reads whether the server holds a master secret, the files of its backups with who may read them, and what ENTSSO has logged about the secret.
  - The secret itself is not read, nor is any tool started; ssoconfig would print the reminder of the password.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  secret_backup:
    description: >-
      Folder or file where the secret's backup is kept, read beside the folder of ENTSSO. The inventory's C(sso_secret_backup) where it is left out.
    type: str
notes:
  - A path on a share is a second hop, which an NTLM session cannot make; it is then reported as not seen.
seealso:
  - module: biztalk.fault_tolerance.sso_secret_backup
"""

EXAMPLES = r"""
- name: See what the secret's backup is
  biztalk.fault_tolerance.sso_info:
    secret_backup: D:\Custody
"""

RETURN = r"""
sso:
  description:
    - What the server says.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the server answered
  type: dict
  contains:
    secret_key:
      description: Whether a master secret is in its registry.
      type: bool
      returned: success
    version:
      description: The file version of ENTSSO.
      type: str
      returned: success
    log_since:
      description: The instant of the oldest event in the Application log; before it nothing can be told by events.
      type: str
      returned: success
    checkpoints:
      description: Registry keys that the cluster copies from node to node.
      type: list
      elements: str
      returned: success
    events:
      description: By what happened, the newest events with id, instant and, where the event has them, file, computer and secret server.
      type: dict
      returned: success
    backups:
      description: Files of backups, with path, bytes, instant, and the SIDs that may read them.
      type: list
      elements: dict
      returned: success
  sample: {"secret_key": true, "version": "10.0.2300.0"}
unknown:
  description: Sentences on what was not seen.
  returned: when the server answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["sso"]

ARGUMENT_SPEC = dict(
    secret_backup=dict(type="str", no_log=False),
)


def about(options):
    """What stands for the inventory's variables while the area is read."""
    return {"sso_secret_backup": options["secret_backup"]} if options["secret_backup"] else {}


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where the area was not read at all."""
    sso = snapshot["areas"]["sso"]
    if observed.is_hole(sso):
        return {"failed": True, "msg": f"Enterprise Single Sign-On of this host could not be read: {observed.detail(sso)}"}
    return {"sso": sso, "unknown": sorted({observed.detail(hole) for _path, hole in observed.holes(sso)})}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.sso_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
