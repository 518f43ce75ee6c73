# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Roles and features of Windows Server by the names that DISM gives them: those are not translated, and reading them takes no ServerManager
(Get-WindowsFeature needs many seconds). Source: the reference page of Win32_OptionalFeature."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

ENABLED, NOT_INSTALLED = 1, (2, 3)      # InstallState: enabled, disabled and absent


def step(id, names):
    """The call that reads some features."""
    return call(id, r"CimCmdlets\Get-CimInstance", {"ClassName": "Win32_OptionalFeature", "Filter": " OR ".join(f"Name='{name}'" for name in names)},
                select=["Name", "InstallState"])


def installed(area, id, names):
    """``[{name, installed}]``, one for each of *names*: a feature that Windows does not list cannot be installed."""
    found = rows.every(area, id, lambda row, index: (rows.value(row, "Name"), _installed(rows.value(row, "InstallState"))))
    if observed.is_hole(found):
        return found
    unread = observed.first_hole(found) or observed.first_hole([name for name, _state in found])
    if unread:
        return unread
    states = {name.casefold(): state for name, state in found}
    return [{"name": name, "installed": states.get(name.casefold(), False)} for name in names]


def _installed(state):
    if observed.is_hole(state):
        return state
    if state == ENABLED:
        return True
    return False if state in NOT_INSTALLED else observed.hole("failed", f"Windows says {state} of the feature's state.")
