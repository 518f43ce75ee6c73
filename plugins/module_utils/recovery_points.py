# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The points to which a BizTalk group could be brought back: marks that can be reached from a complete full set, and the time between them."""

from bisect import bisect_right
from dataclasses import dataclass

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import log_chains, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import told
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.set_history import COMPLETE, FULL, LOG, PARTIAL, Set, key_of


@dataclass(frozen=True)
class Mark:
    """A complete marked set. *full*: the newest complete full set before it, None where none was read. *reached*: whether all databases can
    be brought from that full to it, as far as sets and breaks that were read tell."""

    set: Set
    full: Set | None
    reached: bool


def marks_of(told_of, breaks, msdb, clock):
    """The ``Mark``s of what was read, newest first."""
    broken = [(database, sorted(one.at for one in found if one.kind != log_chains.GAP or not (msdb.unread or msdb.cut))) for database, found in breaks]
    broken = [(database, moments) for database, moments in broken if moments]
    found, full, whole = [], None, True
    for one in reversed(told_of.sets):
        if one.type == FULL and one.state == COMPLETE:
            full, whole = (full, whole) if _damaged(one, msdb) else (one, True)
        elif one.type == LOG and one.state == PARTIAL:
            whole = False
        elif one.marked:
            fits = whole and (full is None or full.names() == one.names()) and not _damaged(one, msdb)
            found.append(Mark(one, full, fits and not any(_between(moments, full, one, database, msdb, clock) for database, moments in broken)))
    return found[::-1]


def _between(moments, full, one, database, msdb, clock):
    """Whether any of the moments, sorted, lies between the backups of a database in a full set, None for ever, and in a later one."""
    first = bisect_right(moments, _ended(full, database, msdb, clock)) if full else 0
    return first < bisect_right(moments, _ended(one, database, msdb, clock))


def _worst_gap(key, marks, told_of, view):
    """The longest time without a point of a database as (span, from, until), from the oldest set that was read, or the first that could have
    held it, to its newest point. A mark before the first complete full of the window counts where nothing that was read speaks against it."""
    if told_of.cut or told_of.unsure:
        return told_of.cut or told_of.unsure
    at = [mark.set.at for mark in marks if mark.reached]
    if not at or marks[0].full is None:
        return None
    if marks[0].full.at < told_of.since:
        return newest_reached(marks, told_of, None)
    begin = told_of.sets[-1].at
    for one in reversed(told_of.sets):
        if any(key_of(row, view) == key for row in one.rows):
            break
        begin = one.at if one.state == COMPLETE else begin
    at.append(max(begin, told_of.since))
    return max((newer - older, older, newer) for newer, older in zip(at, at[1:]))


def points(key, database, told_of, marks, view, unseen, msdb, clock):
    """The points to which one database can be brought with all others, and the time between them."""
    with_it = [mark for mark in marks if any(key_of(row, view) == key for row in mark.set.rows)]
    last = newest_reached(with_it, told_of, unseen)
    worst = unseen or msdb.unread or msdb.cut or _worst_gap(key, with_it, told_of, view)
    gap = [_seconds(worst[0]), told(worst[1]), told(worst[2])] if isinstance(worst, tuple) else [worst] * 3
    return {
        "name": database.name, "server": database.server, "database": database.database,
        "last_point": with_it[0].set.told if with_it else told_of.cut,
        "lost_now_seconds": _seconds(clock.now - last.set.at) if isinstance(last, Mark) else last,
        "worst_gap_seconds": gap[0], "worst_gap_from": gap[1], "worst_gap_until": gap[2],
        "in_last_full": _holds(key, told_of.newest(lambda one: one.type == FULL and one.state == COMPLETE), told_of.cut, view),
        "in_last_marked": _holds(key, told_of.newest(lambda one: one.marked), told_of.cut, view),
    }


def newest_reached(marks, told_of, unseen):
    """The newest ``Mark`` to which all databases can be brought; None where there is none, a hole where that cannot be told."""
    for mark in marks:
        if mark.full is None:
            return told_of.cut
        if mark.set.unsure or mark.full.unsure:
            return mark.set.unsure or mark.full.unsure
        if mark.full.at < told_of.since:
            return observed.hole("cut", f"The sets between the newest complete full set, of {told(mark.full.at)}, and the last two weeks were not read.")
        if mark.reached:
            return unseen or mark
    return told_of.cut


def restorable(last, clock):
    """The newest mark to which all databases can be brought, as plain data."""
    if not isinstance(last, Mark):
        return last
    one = last.set
    return {"id": one.id, "mark": one.mark, "at": told(one.at), "full_id": last.full.id, "age_seconds": _seconds(clock.now - one.at)}


def _damaged(one, msdb):
    """Whether msdb knows a backup of a set that cannot be restored."""
    return any(backup is not None and not log_chains.is_real(backup) for backup in map(msdb.backup, one.rows))


def _ended(one, database, msdb, clock):
    """When the backup of a database in a set was finished, as msdb has it; else when the set began."""
    backup = next((msdb.backup(row) for row in one.rows if row["database"].casefold() == database.database.casefold()), None)
    return one.at if backup is None else log_chains.ended(backup, clock)


def _seconds(span):
    return max(int(span.total_seconds()), 0)


def _holds(key, one, cut, view):
    return cut if one is None else any(key_of(row, view) == key for row in one.rows)
