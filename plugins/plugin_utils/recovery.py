# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How much each database could lose, against what the baseline allows."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import FAIL, NOT_APPLICABLE, PASS, UNKNOWN

BACKUP = "backup"
GAP = "worst_gap_seconds"


def points(subjects, controls):
    """``{subject, database, achieved_seconds, target_seconds, lost_now_seconds, status}`` for each database of each BizTalk backup
    that was read.

    *achieved*: the longest time between two points to which it could be restored, or since the last that holds for the whole group. Null where it is not
    known (the status is unknown, or fails where what is known is too long already), and where there is no point at all (fails).
    *target*: the longest gap that a control allows; null where none does.
    """
    allowed = [expectation.wanted for control in controls if control.subject == BACKUP for expectation in control.expect
               if expectation.operator == "at_most" and expectation.query.text == GAP]
    target = min(allowed, default=None)
    entries = []
    for subject in subjects:
        rows = subject.facts.get("databases", []) if subject.kind == BACKUP else []
        for row in [] if observed.is_hole(rows) else rows:
            if not observed.is_hole(row):
                since = _since(row["lost_now_seconds"], subject.facts["restorable"])
                entries.append({"subject": subject.id, "database": row["name"], "target_seconds": target, **_judged(row[GAP], since, target)})
    return entries


def _since(last, restorable):
    """Seconds since the last point of a database to which all others can be brought, too; None where there is none."""
    age = restorable["age_seconds"] if restorable is not None and not observed.is_hole(restorable) else restorable
    if last is None or age is None:
        return None
    return next((value for value in (last, age) if observed.is_hole(value)), None) or max(last, age)


def _judged(gap, since, target):
    numbers = [value for value in (gap, since) if isinstance(value, int)]
    longest = max(numbers, default=None)
    unseen = observed.is_hole(gap) or observed.is_hole(since)
    if since is None:
        return {"achieved_seconds": None, "lost_now_seconds": None, "status": FAIL}
    if longest is not None and target is not None and longest > target:
        status = FAIL
    elif unseen:
        status = UNKNOWN
    else:
        status = NOT_APPLICABLE if target is None else PASS
    return {"achieved_seconds": longest if status != UNKNOWN else None, "status": status,
            "lost_now_seconds": since if isinstance(since, int) else None}
