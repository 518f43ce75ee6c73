# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a resource wants to do: its plan, made of changes. ``changed``, the diff, the undo and the report are views of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Change:
    """One step of a plan.

    ``path``: where in the resource, outermost first, as ``("node_weights", "SQL01")``.
    ``before``, ``after``: plain values, as the snapshot shows them.
    ``steps``: the batch steps that carry it out; they stop at the first error and need no other change's steps.
    ``risk``: one sentence for the person who approves it, or empty.
    ``undo``: the module's options that bring ``before`` back; empty where nothing can.
    ``wait``: how it is followed to its end (``long_work.Wait``), where the steps only start it; None where they do it all.
    ``write_only``: it gives something that nobody can read back, so a plan made afterwards has it again.
    """

    path: tuple
    before: object
    after: object
    steps: list
    risk: str = ""
    undo: dict = field(default_factory=dict)
    wait: object = None
    write_only: bool = False

    @property
    def where(self):
        """The path as one text: ``node_weights[SQL01]``."""
        return self.path[0] + "".join(f"[{part}]" for part in self.path[1:])


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they must be made; with a ``refusal`` (one or more sentences) there are none."""

    changes: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    refusal: str = ""


def diff(changes):
    """``{"before": …, "after": …}`` for Ansible's --diff: the changed values only, nested by their paths."""
    sides = {"before": {}, "after": {}}
    for change in changes:
        for side, whole in sides.items():
            for part in change.path[:-1]:
                whole = whole.setdefault(part, {})
            whole[change.path[-1]] = getattr(change, side)
    return sides


def undo(changes):
    """The options that bring back what was there before all *changes*; lists of several changes become one."""
    options = {}
    for change in changes:
        for name, value in change.undo.items():
            options[name] = options.get(name, []) + value if isinstance(value, list) else value
    return options


def told(change):
    """A change for results and reports: path, before, after, risk, and ``text``, all of it in one line."""
    return {"path": change.where, "before": change.before, "after": change.after, "risk": change.risk,
            "text": f"{change.where}: {_short(change.before)} -> {_short(change.after)}"}


def _short(value):
    if isinstance(value, dict):
        if "kind" in value:
            return " ".join(str(part) for part in value.values())
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    return str(value).lower() if isinstance(value, bool) else "nothing" if value is None else str(value)


def left_over(plan):
    """Empty where the plan made after all was applied is empty; else the sentence that says what did not converge."""
    if plan.refusal:
        return f"Every change was carried out, but what was read afterwards could not be judged: {plan.refusal}"
    left = "; ".join(told(change)["text"] for change in plan.changes if not change.write_only)
    return f"Every change was carried out, but reading again shows that it did not converge. What is left: {left}." if left else ""
