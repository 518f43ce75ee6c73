# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Names of cluster resources inside dependency expressions.

Windows writes what a resource depends on as text: ``([Disk 1]) and ([Name A] or [Name B])``.
Names may hold brackets themselves, so the names that exist in the cluster decide where one ends.
"""

import re

_BETWEEN = re.compile(r"[\s()]*(?:(?:and|or)\b[\s()]*)?", re.IGNORECASE)


def dependency_names(expression, known):
    """The resource names of a dependency *expression*, in order, each once.

    *known*: all resource names of the cluster. Raises ValueError where the text is not a whole expression over them.
    """
    names = []
    longest_first = sorted(known, key=len, reverse=True)
    at = _BETWEEN.match(expression).end()
    while at < len(expression):
        if expression[at] != "[":
            raise ValueError(f"the dependency expression {expression!r} cannot be read at character {at}")
        name = next((n for n in longest_first if _closes(expression, at + 1 + len(n), n, at + 1)), None)
        if name is None:
            raise ValueError(f"the dependency expression {expression!r} names a resource that the cluster did not list")
        if name not in names:
            names.append(name)
        at += len(name) + 2
        at = _BETWEEN.match(expression, at).end()
    return names


def _closes(expression, end, name, start):
    return expression[start:end].casefold() == name.casefold() and expression[end:end + 1] == "]"
