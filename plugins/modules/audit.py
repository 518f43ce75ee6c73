# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: audit
short_description: Judge snapshots against the fault-tolerance baseline
version_added: 0.1.0
description:
  - Judges what hosts said (see M(biztalk.fault_tolerance.snapshot)) against the controls of the baseline, and writes
    C(report.json), C(report.html) and a summary on the terminal.
  - A fact that was not seen never passes. It gives an unknown finding with the reason and lowers the confidence of the verdict.
  - Needs no connection; with O(snapshots) it judges files that were made elsewhere.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  output:
    description: Folder on the controller that gets C(report.json) and C(report.html).
    type: path
    required: true
  snapshots:
    description:
      - Folder of snapshots to judge.
      - The default is C(snapshots) below O(output), of which only the hosts of this play are judged.
      - With a folder given, every snapshot in it is judged.
    type: path
  controls:
    description: Further files of controls, in the format of the baseline.
    type: list
    elements: path
    default: []
  parameters:
    description: Parameters of controls that differ from the baseline, by control id.
    type: dict
    default: {}
  severities:
    description: Severities of controls that differ from the baseline, by control id.
    type: dict
    default: {}
  waivers:
    description: File of waivers, each with control, subject, owner, reason, ticket and until.
    type: path
  attestations:
    description:
      - Files of attestations, each with claim, subject, owner, date, evidence and expires. The claims are those of C(baseline/attestations.yml).
      - One that is expired counts as absent, and findings say so.
    type: list
    elements: path
    default: []
  evidence:
    description: Folder of the evidence that M(biztalk.fault_tolerance.restore_check) leaves; the default is C(evidence) below O(output).
    type: path
  fail_from:
    description:
      - Severity from which on a failing control fails the task. The report is written first.
      - With any severity the task also fails where nothing at all could be judged.
    type: str
    choices: [never, low, medium, high, critical]
    default: never
  fail_on_unknown:
    description: Whether an unknown finding counts as its control's severity for O(fail_from), which must be given too.
    type: bool
    default: false
  check_only:
    description:
      - Check the options, the play and the inventory, and stop there. The role does so before the first host is read.
    type: bool
    default: false
  note:
    description: A sentence that every report of this estate shall show, as that it is a simulation.
    type: str
    default: ''
requirements:
  - jmespath on the controller
seealso:
  - module: biztalk.fault_tolerance.snapshot
"""

EXAMPLES = r"""
- name: Judge what the hosts of this play said
  biztalk.fault_tolerance.audit:
    output: out/audit
    fail_from: high
  run_once: true

- name: Judge a folder of snapshots that was made behind a jump host
  biztalk.fault_tolerance.audit:
    output: out/audit
    snapshots: collected/snapshots
    parameters:
      FT-CLU-005:
        minimum_nodes: 3
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(pass), V(drift) or V(cannot tell).
  returned: when the estate was judged
  type: str
  sample: drift
complete:
  description: Whether all hosts of the inventory were in this run and nothing was left out of it; else the verdict speaks of a part.
  returned: when the estate was judged
  type: bool
  sample: true
confidence:
  description: How many findings were judged, of how many, and the main reasons of those that were not.
  returned: success
  type: dict
  sample: {"judged": 118, "of": 121}
counts:
  description: Number of findings by status.
  returned: success
  type: dict
  sample: {"pass": 96, "fail": 12, "unknown": 3, "not_applicable": 10, "waived": 0}
top:
  description: The failing findings that matter most, first things first.
  returned: success
  type: list
  elements: dict
report:
  description: Path of C(report.json).
  returned: success
  type: str
  sample: out/audit/report.json
page:
  description: Path of C(report.html), the same for people.
  returned: when the estate was judged
  type: str
  sample: out/audit/report.html
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = dict(
    output=dict(type="path", required=True),
    snapshots=dict(type="path"),
    controls=dict(type="list", elements="path", default=[]),
    parameters=dict(type="dict", default={}),
    severities=dict(type="dict", default={}),
    waivers=dict(type="path"),
    attestations=dict(type="list", elements="path", default=[]),
    evidence=dict(type="path"),
    fail_from=dict(type="str", choices=["never", "low", "medium", "high", "critical"], default="never"),
    fail_on_unknown=dict(type="bool", default=False),
    check_only=dict(type="bool", default=False),
    note=dict(type="str", default=""),
)


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.audit runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
