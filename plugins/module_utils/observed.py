# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What was seen, and what was not.

A *hole* stands in a snapshot for a fact that nobody saw: ``{"$unknown": {"reason": …, "detail": …}}``.
Only this module makes holes; everything else asks ``is_hole``.
"""

REASONS = ("missing", "unreadable", "absent", "denied", "failed", "skipped", "cut", "unreachable", "not_asked", "disagree", "null")


def hole(reason, detail):
    """A fact that was not seen. *reason* is one of ``REASONS``, *detail* one sentence for a person."""
    if reason not in REASONS:
        raise ValueError(f"no such reason for an unknown: {reason!r}")
    return {"$unknown": {"reason": reason, "detail": detail}}


def is_hole(value):
    return isinstance(value, dict) and "$unknown" in value


def first_hole(values):
    """The first of some values that was not seen; None where all were."""
    return next((value for value in values if is_hole(value)), None)


def detail(value):
    """The sentence of a hole."""
    return value["$unknown"]["detail"]


def holes(value, path=""):
    """Yields ``(path, hole)`` for every hole within a snapshot value."""
    if is_hole(value):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from holes(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from holes(part, f"{path}[{index}]")
