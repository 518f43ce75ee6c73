# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: log_shipping_info
short_description: Say what a destination of BizTalk's log shipping has restored
version_added: 0.2.0
description:
  - Reads the tables in which a destination of BizTalk Server's log shipping keeps the history of the sets that it was to restore. Changes nothing.
  - Which sets wait, are partial or were passed over, and whether the destination fits its source, is judged by the audit (family LSH).
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only, biztalk.fault_tolerance.login]
notes:
  - Public documents name the tables and the columns Restored, RestoredDateTime and SetComplete; that the other columns are called as in
    C(adm_BackupHistory) is assumed. Where they are not, what needs them is unknown and says so.
seealso:
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: See how far the other site has come
  biztalk.fault_tolerance.log_shipping_info:
    login_host: sqldr.contoso.com
  register: standby

- name: Tell the last set that was restored
  ansible.builtin.debug:
    var: standby.log_shipping.last_set
"""

RETURN = r"""
log_shipping:
  description:
    - The destination as its tables tell it, the newest set first.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the instance answered
  type: dict
  contains:
    objects:
      description: The tables and procedures of BizTalk's scripts, and whether C(master) has them.
      type: list
      elements: dict
      returned: success
    last_restored:
      description: When a file was last restored, by the server's own clock. Null where none ever was.
      type: str
      returned: success
    last_set:
      description: The number of the set that was last restored whole. Null where none was.
      type: int
      returned: success
    sets:
      description: The sets with number, kind, and whether they are complete and restored.
      type: list
      elements: dict
      returned: success
    databases:
      description: The databases that the sets hold, with their source.
      type: list
      elements: dict
      returned: success
  sample: {"last_set": 1455, "last_restored": "2026-11-24T08:39:02"}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login, observed

AREAS = ["log_shipping"]
CARRIER = "sql"

ARGUMENT_SPEC = dict(login.LOGIN_SPEC)


def inform(_options, snapshot):
    """The facts for the task's result; ``failed`` where nothing was read."""
    read = snapshot["areas"]["log_shipping"]
    if observed.is_hole(read):
        return {"failed": True, "msg": f"Log shipping could not be read: {observed.detail(read)}"}
    return {"log_shipping": read}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.log_shipping_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
