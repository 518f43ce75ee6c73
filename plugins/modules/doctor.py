# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Say what would keep the collection from working on a host
version_added: 0.1.0
description:
  - Connects, runs the executor with nothing to do and reads its first line, which describes the host.
  - On a host of the group C(sql_instance) it logs in to the SQL Server instance and runs every query of the areas once.
  - Returns one sentence for each thing that will not work there. Changes nothing.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  quiet:
    description: Return what was found without printing it.
    type: bool
    default: false
seealso:
  - module: biztalk.fault_tolerance.snapshot
"""

EXAMPLES = r"""
- name: See whether the hosts can be worked with
  biztalk.fault_tolerance.doctor:
  ignore_unreachable: true
"""

RETURN = r"""
powershell:
  description: What the host said of itself.
  returned: when the host answered; empty for a SQL Server instance
  type: dict
  sample: {"edition": "Desktop", "version": "5.1.17763.1", "bits": 64, "language_mode": "FullLanguage", "elevated": true}
session:
  description: The login and the driver of a session with a SQL Server instance, and the versions of both.
  returned: when the host is a SQL Server instance and answered
  type: dict
  sample: {"login": "ft_audit", "driver": "libmsodbcsql-18.6.so.2.1", "driver_version": "18.06.0002", "server_version": "15.00.4430"}
problems:
  description: One sentence for each thing that will not work, and what to do.
  returned: when the host answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = dict(
    quiet=dict(type="bool", default=False),
)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.doctor runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
