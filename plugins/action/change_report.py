# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Shows in one table what tasks changed or would change."""

import textwrap

from ansible.plugins.action import ActionBase

from ansible_collections.biztalk.fault_tolerance.plugins.modules import change_report as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import task

COLUMNS = ("host", "resource", "change", "risk")


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)
        rows = [row for result in options["results"] for row in _rows(result)]
        rows += [{"host": "-", "resource": name, "change": "not looked at, see above", "risk": ""} for name in options["not_looked_at"]]
        rows = gate(rows)
        title = "What would change (check mode: nothing was changed)" if self._task.check_mode else "What was changed"
        task.display.display("\n".join([title, *table(rows, task.width())]))
        if options["not_looked_at"]:
            return {"changed": False, "rows": rows, "failed": True,
                    "msg": gate(f"Nothing is known of {', '.join(options['not_looked_at'])}, see above. Mend that, and run the play again.")}
        return {"changed": False, "rows": rows}


def _rows(result):
    """The rows of one registered result of ours: a row a change, or one that says why there is none."""
    subject = {"host": str(result.get("host", "-")), "resource": str(result.get("resource", result.get("item", "-")))}
    if result.get("failed") or result.get("unreachable"):
        for change in result.get("changes", []):
            yield {**subject, "change": "done before the failure: " + change["text"], "risk": ""}
        yield {**subject, "change": "refused or failed: " + str(result.get("msg", "")), "risk": ""}
        return
    for change in result.get("changes", []):
        yield {**subject, "change": change["text"], "risk": change["risk"]}
    if not result.get("changes"):
        yield {**subject, "change": "none: it is as declared", "risk": ""}


def table(rows, width):
    """The rows as lines of at most *width* characters; long cells are wrapped."""
    if not rows:
        return ["nothing is declared"]
    sizes = {name: max(len(name), *(len(row[name]) for row in rows)) for name in COLUMNS}
    left = width - 3 * (len(COLUMNS) - 1)
    for name, share in (("host", 0.16), ("resource", 0.22), ("risk", 0.30)):
        sizes[name] = min(sizes[name], max(8, int(width * share)))
        left -= sizes[name]
    sizes["change"] = min(sizes["change"], max(16, left))
    lines = [_line({name: name for name in COLUMNS}, sizes)[0], "-+-".join("-" * sizes[name] for name in COLUMNS)]
    for row in rows:
        lines += _line(row, sizes)
    return lines


def _line(row, sizes):
    cells = {name: textwrap.wrap(row[name], sizes[name]) or [""] for name in COLUMNS}
    height = max(len(cell) for cell in cells.values())
    return [" | ".join((cells[name][n] if n < len(cells[name]) else "").ljust(sizes[name]) for name in COLUMNS).rstrip() for n in range(height)]
