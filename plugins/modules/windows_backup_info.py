# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: windows_backup_info
short_description: Read what Windows Server Backup saves of a host
version_added: 0.2.0
description:
  - Reads the scheduled policy, its targets, the backups that there are, the last runs with their codes, and the disks and volumes of the host.
  - Names other products that take images of the server.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options: {}
seealso:
  - module: biztalk.fault_tolerance.windows_backup_policy
  - module: biztalk.fault_tolerance.windows_backup
"""

EXAMPLES = r"""
- name: Look for the disk that backups shall go to
  biztalk.fault_tolerance.windows_backup_info:
  register: found

- name: Show the disks
  ansible.builtin.debug:
    var: found.backup.disks
"""

RETURN = r"""
backup:
  description:
    - What was read. What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the host answered
  type: dict
  contains:
    installed:
      description: Whether Windows Server Backup is installed.
      type: bool
      returned: success
    policy:
      description: What is backed up by schedule, where to and when. Null where nothing is scheduled.
      type: dict
      returned: success
    summary:
      description: When a backup last ran and last succeeded; C(last_result) and C(last_detail) are Windows' codes as unsigned numbers.
      type: dict
      returned: success
    history:
      description: The last runs, newest first.
      type: list
      elements: dict
      returned: success
    sets:
      description: The backups in the catalogue; C(version) names one to C(wbadmin), C(at) is its time.
      type: list
      elements: dict
      returned: success
    running:
      description: What the backup engine does now; null where it does nothing.
      type: dict
      returned: success
    disks:
      description: The disks of the host.
      type: list
      elements: dict
      returned: success
      contains:
        id:
          description: The identifier that O(biztalk.fault_tolerance.windows_backup_policy#module:targets[].disk_id) takes.
          type: str
          returned: success
        number:
          description: Its number now.
          type: int
          returned: success
        size:
          description: Its size in bytes.
          type: int
          returned: success
        volumes:
          description: What lies on it.
          type: list
          elements: dict
          returned: success
    volumes:
      description: The volumes of the host.
      type: list
      elements: dict
      returned: success
    other_products:
      description: Other products that take images or snapshots of the server, by their services.
      type: list
      elements: dict
      returned: success
  sample: {"installed": true}
results:
  description: The last result and its detail in words, or empty where no backup ever ran.
  returned: when the host answered
  type: str
  sample: it succeeded
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, windows_backup

AREAS = ["windows_backup"]

ARGUMENT_SPEC = dict()


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where the host said nothing."""
    found = snapshot["areas"]["windows_backup"]
    if observed.is_hole(found):
        return {"failed": True, "msg": f"The backups of this host could not be read: {observed.detail(found)}"}
    return {"backup": found, "results": _results(found["summary"])}


def _results(summary):
    if summary is None or observed.is_hole(summary["last_result"]) or summary["last_run"] is None:
        return ""
    codes = [code for code in (summary["last_result"], summary["last_detail"]) if isinstance(code, int) and code]
    return "; ".join(windows_backup.says(code) for code in codes) or windows_backup.says(0)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.windows_backup_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
