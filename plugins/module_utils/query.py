# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Named T-SQL queries as data, and from their answers to plain values with holes.

A *row* is a map column -> plain value, or a hole. Like ``rows``, every function passes holes on.
"""

from dataclasses import dataclass, field

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

MANAGEMENT = "(management database)"
TYPES = ("text", "number", "decimal", "boolean", "instant", "local", "bytes")
DENIED = (229, 230, 297, 300, 371, 916)      # a permission is missing, or the login may not open the database
NO_SUCH_OBJECT = (208, 2812)


@dataclass(frozen=True)
class Query:
    """One SELECT (or EXEC with values).

    ``name``: unique in a session. ``text``: ends in ``;``. ``values``: of its ``?``. ``database``: a name or ``MANAGEMENT``.
    ``columns``: name -> one of ``TYPES``, in the order of the result. ``rights``: ``(("SELECT", "msdb.dbo.sysjobs"), …)``, also
    ``("VIEW SERVER STATE", "")``. ``limit``: rows at most; the text says ``TOP (limit + 1)``, 0 where the result cannot be long.
    """

    name: str
    text: str
    columns: dict
    database: str = "master"
    values: tuple = ()
    rights: tuple = ()
    limit: int = 0


@dataclass(frozen=True)
class SqlError:
    """*number*: SQL Server's own, 0 where the driver gave none. *sqlstate*: five characters."""

    number: int
    sqlstate: str
    message: str


@dataclass(frozen=True)
class QueryAnswer:
    """*status*: ``ok``, ``failed`` (with an error) or ``skipped`` (with a *reason*, one sentence; *broken* where the session itself ended).
    *cut*: there were more rows than ``limit``."""

    status: str
    rows: list = field(default_factory=list)
    cut: bool = False
    error: SqlError | None = None
    reason: str = ""
    broken: bool = False


@dataclass(frozen=True)
class Statement:
    """One statement that changes something: ``EXEC procedure @a = ?;`` or one of a short list of others."""

    text: str
    values: tuple = ()
    database: str = "master"


def why_not(query, answer):
    """The hole for a query that did not come out; None where it did."""
    if answer is None:
        return observed.hole("cut", f"The query {query.name} was not answered.")
    if answer.status == "skipped":
        return observed.hole("skipped", f"The query {query.name} was not carried out: {answer.reason}")
    if answer.status != "failed":
        return None
    error = answer.error
    if error.number in DENIED:
        rights = ", ".join(f"{right} on {thing}" if thing else right for right, thing in query.rights) or "its objects"
        return observed.hole("denied", f"The login may not run {query.name} (error {error.number}): it needs {rights}.")
    if error.number in NO_SUCH_OBJECT:
        return observed.hole("missing", f"{query.name} found no such object (error {error.number}): {error.message}")
    return observed.hole("failed", f"{query.name} failed (error {error.number or error.sqlstate}): {error.message}")


def every(query, answers, shape):
    """``shape(row)`` of every row; a hole closes a list that was cut, or stands for a list that did not come."""
    answer = answers.get(query.name)
    hole = why_not(query, answer)
    if hole:
        return hole
    shaped = [shape(row) for row in answer.rows]
    if answer.cut:
        shaped.append(observed.hole("cut", f"{query.name} has more than {query.limit} rows; the rest was not read."))
    return shaped


def one(query, answers):
    """The one row, or a hole."""
    rows = every(query, answers, lambda row: row)
    if observed.is_hole(rows):
        return rows
    if len(rows) == 1:
        return rows[0]
    return observed.hole("missing" if not rows else "failed", f"{query.name} answered {len(rows)} rows where one was expected.")


def value(row, column):
    """A column of a row, null as null; of a hole the hole."""
    return row if observed.is_hole(row) else row[column]


def management(answers):
    """The name of the management database that the session's own query ``sql.management`` found; None where the instance holds none,
    a hole where that cannot be told. Its rows: ``name`` of a database, ``holds_group`` - null where the login may not look into it."""
    answer = answers.get("sql.management")
    if answer is None or answer.status != "ok":
        return why_not(Query("sql.management", "", {}), answer)
    found = [row["name"] for row in answer.rows if row["holds_group"]]
    closed = sorted("databases that it does not see" if row["name"] == "master" else row["name"]
                    for row in answer.rows if row["holds_group"] is None)
    if len(found) == 1:
        return found[0]
    if found:
        return observed.hole("failed", f"Several databases hold a BizTalk group ({', '.join(sorted(found))}): set management_database.")
    if closed:
        return observed.hole("denied", f"The login may not look into {', '.join(closed)}, one of which may be the management database.")
    return None
