# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""From a step's answer to plain values: what the shape functions of the areas are made of.

A *row* is one object of an answer (property path -> value as the executor wrote it), or a hole. Every function
passes holes on, so that a shape function needs no branches for what was not read.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, observed


def one(area, step, run=0):
    """The one row of a step's run, or a hole that says why there is not one."""
    rows = _rows(area, step, run)
    if observed.is_hole(rows):
        return rows
    if len(rows) == 1 or (rows and observed.is_hole(rows[-1])):
        return rows[-1]
    return observed.hole("missing" if not rows else "failed", f"The step {step} answered {len(rows)} objects where one was expected.")


def every(area, step, shape, run=0):
    """``shape(row, index)`` of every row. Where some rows could not be read, a hole closes the list."""
    rows = _rows(area, step, run)
    if observed.is_hole(rows):
        return rows
    return [row if observed.is_hole(row) else shape(row, index) for index, row in enumerate(rows)]


def _rows(area, step, run):
    """The rows of one run of a step, a hole at their end where an error cut them short; or one hole."""
    result = area.steps[step]
    if result.status == "absent":
        return observed.hole("absent", f"{result.reason} is not on this host.")
    if result.status == "skipped":
        return observed.hole("skipped", f"The step {step} was not carried out ({result.reason}).")
    if run >= len(result.runs):
        return observed.hole("failed", f"The step {step} did not answer for every object.")
    wanted = result.runs[run]
    rows = list(wanted.rows)
    if wanted.errors:
        because = observed.hole(*answer.reason(wanted.errors[0]))
        return rows + [because] if rows else because
    return rows


def value(row, path):
    """A property as a plain value: null is null, an enum its name, bytes their base64."""
    if observed.is_hole(row):
        return row
    return _plain(row[path], path)


def _plain(seen, path):
    if isinstance(seen, list):
        return [_plain(part, path) for part in seen]
    if not isinstance(seen, dict):
        return seen
    if "$missing" in seen:
        return observed.hole("missing", f"The object has no property {path}.")
    if "$unreadable" in seen:
        return observed.hole("unreadable", f"{path} could not be read: {answer.reason(seen['$unreadable'])[1]}")
    if "$enum" in seen:
        return seen["$enum"][1]
    if "$bytes" in seen:
        return seen["$bytes"]
    return seen["$object"]


def enum(row, path, table):
    """The name of an enum: by its number where *table* knows it, since the name may be translated."""
    if observed.is_hole(row):
        return row
    seen = row[path]
    if isinstance(seen, dict) and "$enum" in seen:
        number, name = seen["$enum"]
        name = table.get(number, name)
    elif isinstance(seen, int) and not isinstance(seen, bool):
        name = table.get(seen, str(seen))
    else:
        name = value(row, path)
    if name == "Unknown" and name in table.values():
        return observed.hole("failed", f"Windows says that it does not know {path}.")
    return name


def flag(row, path):
    """A number that Windows uses as a boolean: 0 is false, 1 is true, anything else was not understood."""
    seen = value(row, path)
    if observed.is_hole(seen) or isinstance(seen, bool):
        return seen
    if seen in (0, 1):
        return seen == 1
    return observed.hole("failed", f"{path} is {seen!r}, neither 0 nor 1.")


def registry(area, step, name, run=0):
    """A registry value: null where the key or the value is not there, a hole where it could not be read.

    A key without any value answers nothing and no error (assumed, from the source of the registry provider).
    """
    row = one(area, step, run)
    if observed.is_hole(row):
        return None if _key_is_absent_or_empty(area, step, run) else row
    if row[name] == {"$missing": True}:
        return None
    return value(row, name)


def _key_is_absent_or_empty(area, step, run):
    result = area.steps[step]
    if run >= len(result.runs) or result.runs[run].rows:
        return False
    return all(error["fqid"].split(",")[0] == "PathNotFound" for error in result.runs[run].errors)
