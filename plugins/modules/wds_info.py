# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: wds_info
short_description: Read the images of a Windows Deployment Services server
version_added: 0.2.0
description:
  - Reads role, service, boot images and install images of a deployment server, from which a lost server would be built anew.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options: {}
notes:
  - To build a lost server, boot the new machine from the network, choose the install image of RV(builds) that its build needs, and go on with the
    procedures of what ran on it. Where the deployment server itself is lost, install the role, and import the files of RV(wds.install_images) from
    their copies with Import-WdsInstallImage.
seealso:
  - module: biztalk.fault_tolerance.audit
"""

EXAMPLES = r"""
- name: What could be built anew tonight
  biztalk.fault_tolerance.wds_info:
  register: source

- name: An image of Windows Server 2019 is offered
  ansible.builtin.assert:
    that: "'17763' in source.builds"
"""

RETURN = r"""
wds:
  description:
    - Role services, the service, boot images and install images.
    - What was not seen is a map with the one key C($unknown), which holds the reason and a sentence.
  returned: when the server answered
  type: dict
  contains:
    install_images:
      description: Install images with build, file, group and the time of their last change.
      type: list
      elements: dict
      returned: success
  sample: {"service": {"state": "Running", "start_mode": "Auto"}}
builds:
  description: Builds of Windows of which an install image is enabled.
  returned: when the server answered
  type: list
  elements: str
  sample: ["17763"]
unknown:
  description: Sentences on what was not seen.
  returned: when the server answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

AREAS = ["wds"]

ARGUMENT_SPEC = dict()


def inform(options, snapshot):
    """The facts for the task's result; ``failed`` where nothing was read."""
    wds = snapshot["areas"]["wds"]
    if observed.is_hole(wds):
        return {"failed": True, "msg": f"The deployment server could not be read: {observed.detail(wds)}"}
    images = [] if observed.is_hole(wds["install_images"]) else [one for one in wds["install_images"] if not observed.is_hole(one)]
    return {"wds": wds, "builds": sorted({one["build"] for one in images if one["enabled"] is True and isinstance(one["build"], str)}),
            "unknown": sorted({observed.detail(hole) for _path, hole in observed.holes(wds)})}


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.wds_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
