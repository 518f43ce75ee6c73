# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: iis_info
short_description: Read an IIS web server and what it can be restored from
version_added: 0.2.0
description:
  - Reads the configuration files of IIS on the host, the certificates at its addresses, its named backups, and the sets of
    M(biztalk.fault_tolerance.iis_backup).
  - Passwords are looked at for whether they are encrypted, and never returned.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  folder:
    description: Local folder of the server that holds the sets. Left out, as in M(biztalk.fault_tolerance.iis_backup).
    type: str
seealso:
  - module: biztalk.fault_tolerance.iis_backup
"""

EXAMPLES = r"""
- name: Look at what a server would be rebuilt from
  biztalk.fault_tolerance.iis_info:
  register: web

- name: Show the parts that a backup needs
  ansible.builtin.debug:
    var: web.parts
"""

RETURN = r"""
web_server:
  description:
    - The web server - version, components, sites, pools, shared configuration, history, key containers, bindings, certificates, backups and sets.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the host answered
  type: dict
  sample: {"version": "Version 10.0", "shared": {"enabled": false}}
parts:
  description: What a backup has to hold so that another server can take its place, and why a part cannot be saved.
  returned: when the host answered
  type: list
  elements: dict
  sample:
    - {"name": "key container iisWasKey", "kind": "key_container", "path": "keys\\iisWasKey.xml", "source": "iisWasKey", "why_not": ""}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, observed, web_parts

AREAS = ["iis"]

ARGUMENT_SPEC = dict(folder=dict(type="str"))


def about(options):
    """Variables that the area is read by, where the task says more than the inventory."""
    return {backup_folder.VARIABLE: options["folder"]} if options["folder"] else {}


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where the area did not arrive."""
    iis = snapshot["areas"]["iis"]
    if observed.is_hole(iis):
        return {"failed": True, "msg": f"The web server of this host could not be read: {observed.detail(iis)}"}
    return {"web_server": iis, "parts": web_parts.parts(iis)}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.iis_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
