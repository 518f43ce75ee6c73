# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_check
short_description: Open a backup and leave dated evidence whether it is whole
version_added: 0.2.0
description:
  - Opens one set that a backup resource of this collection left on the host - its index, every file with its hash, every configuration file
    as XML - and compares it with what was written. Changes nothing on the host and restores nothing.
  - Leaves one file of evidence on the controller, in place of the older one about the same set. The audit reads it for the controls of
    the family DRL.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  path:
    description: The set, a local folder of the host, as RV(biztalk.fault_tolerance.iis_info#module:web_server) lists it.
    type: str
    required: true
  evidence:
    description: Folder on the controller that gets the evidence. The audit looks into C(evidence) below its output.
    type: path
    default: out/audit/evidence
notes:
  - A set that is damaged does not fail the task, since that is what the evidence and the audit are for; see RV(outcome).
  - In check mode the set is opened and no evidence is written.
  - That a restore works is only shown by restoring, on a machine apart; attest it as C(trial_restore).
seealso:
  - module: biztalk.fault_tolerance.audit
  - module: biztalk.fault_tolerance.iis_backup
"""

EXAMPLES = r"""
- name: Read which sets there are
  biztalk.fault_tolerance.iis_info:
  register: web

- name: Open the newest one
  biztalk.fault_tolerance.restore_check:
    path: "{{ web.web_server.sets[-1].path }}"
"""

RETURN = r"""
outcome:
  description: V(whole), V(broken) or, where it could not be read, V(not_opened).
  returned: success
  type: str
  sample: whole
problems:
  description: One sentence for each thing that is wrong.
  returned: success
  type: list
  elements: str
opened:
  description: What was opened, and how.
  returned: success
  type: list
  elements: str
evidence:
  description: Path of the evidence.
  returned: outside check mode
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import restorable

AREAS = ["restorable"]
EVIDENCE = "restore_check"

ARGUMENT_SPEC = dict(
    path=dict(type="str", required=True),
    evidence=dict(type="path", default="out/audit/evidence"),
)


def about(options):
    """What the area reads by."""
    return {restorable.VARIABLE: options["path"].rstrip("\\")}


def inform(options, snapshot):
    """Outcome, problems and what was opened."""
    read = snapshot["areas"]["restorable"]
    path = options["path"].rstrip("\\")
    found, opened = ([observed.detail(read)], []) if observed.is_hole(read) else restorable.problems(read, path)
    outcome = "whole" if not found else "broken" if opened else "not_opened"
    return {"set": path.rpartition("\\")[2], "outcome": outcome, "problems": found, "opened": opened}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.restore_check runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
