# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What every action of the collection does with its task: options, masking, progress."""

import json

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.display import Display

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import secrets

display = Display()


def plain(value):
    """A copy in plain JSON types: Ansible's tagged strings do not match by type."""
    return json.loads(json.dumps(value))


def options(spec, arguments, name):
    """Checked options and the gate that masks their secrets. Raises AnsibleActionFail with one sentence."""
    validator = ArgumentSpecValidator(spec)
    result = validator.validate(plain(arguments))
    gate = secrets.Gate(str(value) for value in result._no_log_values)
    if result.error_messages:
        message = gate.text("; ".join(result.error_messages))
        raise AnsibleActionFail(f"biztalk.fault_tolerance.{name}: {message}. The options are {', '.join(sorted(spec)) or 'none'}.")
    return result.validated_parameters, [str(value) for value in result._no_log_values]


def progress(host, text):
    """One line for people, at once and in the log: ``sql01: cluster, area 2 of 2, 1.4 s``."""
    display.display(f"{host}: {text}")
