# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The plan to recover: what people attest of it, and what was opened of the backups. No host tells it; it is owed by every estate."""

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

RECOVERY_PLAN = "recovery_plan"


def subjects(told):
    """The plan of the estate. *told*: the ``attestations.Told`` of this judgement, whose time is the clock of its ages."""
    checks = derived.each(list(told.evidence), lambda one: {**one, "name": f"{one['check']} of {one['subject']}", "opened": len(one["opened"])})
    return [estate.Subject(RECOVERY_PLAN, f"{RECOVERY_PLAN}:estate", {"checks": checks}, (), told.now)]
