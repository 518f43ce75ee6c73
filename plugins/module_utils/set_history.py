# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The backup sets that BizTalk's own table tells of, and the databases that they are to hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import log_chains, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.msdb_backups import first_hole, known
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import told

FULL, LOG = "full", "log"
COMPLETE, PARTIAL, RUNNING = "complete", "partial", "running"
JUST_NOW = timedelta(minutes=2)           # a set that began so shortly ago may have been read while it was made
NEARLY = timedelta(minutes=1)             # what the times of one moment differ by in two tables
NEAR = timedelta(minutes=30)              # the first backup of a set begins no later than this after the set's time


@dataclass
class Set:
    """One backup set. *at*: UTC, when it began; *unsure*: the hole where nothing tells in which clock that was written. *mark*: of a log set;
    None where its rows have none, or not the same."""

    id: int
    type: str
    at: datetime
    mark: str | None
    state: str
    rows: list
    unsure: dict | None = None

    @property
    def told(self):
        """When it began, as text, or a hole."""
        return self.unsure or told(self.at)

    @property
    def marked(self):
        return self.type == LOG and self.state == COMPLETE and self.mark is not None

    def names(self):
        """The databases that it holds, in lower case."""
        return {row["database"].casefold() for row in self.rows}

    def plain(self):
        return {"id": self.id, "type": self.type, "at": self.told, "mark": self.mark, "state": self.state, "databases": len(self.rows)}


@dataclass(frozen=True)
class Database:
    """A database of ``admv_BackupDatabases``. *name*: the database, with its server where the view has several of that name."""

    name: str
    server: str
    database: str


def view_of(rows):
    """The databases of the view by the key of ``key_of``. The server counts only where names do not tell them apart: after a failover
    the management database has another one."""
    unseen = rows if observed.is_hole(rows) else first_hole(rows)
    if unseen:
        return unseen
    names = [row["database"].casefold() for row in rows]
    found = {}
    for row in rows:
        twice = names.count(row["database"].casefold()) > 1
        found[(row["server"] or "").casefold() if twice else "", row["database"].casefold()] = Database(
            f"{row['server']}/{row['database']}" if twice else row["database"], row["server"], row["database"])
    return found


def key_of(row, view):
    """The key in the view of a row that names server and database."""
    by_server = (row["server"] or "").casefold(), row["database"].casefold()
    return by_server if by_server in view else ("", row["database"].casefold())


def missing_of(one, view):
    """The databases of the view that a set has no row of."""
    if observed.is_hole(view):
        return view
    done = {key_of(row, view) for row in one.rows}
    return [database.name for key, database in view.items() if key not in done]


class Sets:
    """``sets``: those that were read, newest first. ``unread``: the hole where none could be read; ``cut``: the hole that stands for older ones."""

    def __init__(self, history, facts, running, msdb, clock, window_days):
        """*running*: when the run that the job is in began, UTC; None where it is in none, a hole where that is not known."""
        self.since = clock.now - timedelta(days=window_days)      # only the newest complete full set is older
        self.unread = history if observed.is_hole(history) else None
        self.cut = self.unread or first_hole(history)
        grouped = {}
        for row in known(history):
            grouped.setdefault(row["set_id"], []).append(row)
        if self.cut and grouped:
            del grouped[min(grouped)]               # the limit of rows may have split it
        self.sets = [_set(number, rows, facts, msdb, clock) for number, rows in sorted(grouped.items(), reverse=True)]
        self.newest_may_run = None                  # the hole where it cannot be told whether the newest set is still being made
        if self.sets and self.sets[0].state == PARTIAL:
            newest, seen = self.sets[0], not observed.is_hole(running)
            if newest.unsure:
                self.newest_may_run = newest.unsure
            elif newest.at > clock.now - JUST_NOW or seen and running and newest.at >= running - NEARLY:
                newest.state = RUNNING
            elif not seen:
                self.newest_may_run = running
        self.unsure = first_hole(one.unsure for one in self.sets)

    def each(self, shape, wanted=lambda one: True):
        """``shape(set)`` of the sets that are wanted, with the holes for those that may be missing."""
        if self.unread:
            return self.unread
        return [self.newest_may_run if self.newest_may_run and one is self.sets[0] else shape(one)
                for one in self.sets if wanted(one)] + closing(self.cut)

    def last(self, view, wanted):
        """The newest set that is wanted, as plain data; None where there is none."""
        one = self.newest(wanted)
        return self.cut if one is None else {"id": one.id, "at": one.told, "state": one.state, "mark": one.mark, "missing": missing_of(one, view)}

    def newest(self, wanted):
        return next((one for one in self.sets if wanted(one)), None)

    def files(self, wanted=lambda one: True):
        """The names of the files of the sets that are wanted."""
        return {log_chains.file_of(row["file"]) for one in self.sets if wanted(one) for row in one.rows}

    def recent(self):
        """The newest complete full set and the newest marked one, as far as there are any."""
        return [one for one in (self.newest(lambda one: one.type == FULL and one.state == COMPLETE), self.newest(lambda one: one.marked)) if one]


def _set(number, rows, facts, msdb, clock):
    marks = {row["mark"] for row in rows}
    at, unsure = _time(rows, _uses_local_time(facts, rows[0]["type"]), msdb, clock)
    return Set(number, rows[0]["type"], at, marks.pop() if len(marks) == 1 else None,
               COMPLETE if all(row["complete"] for row in rows) else PARTIAL, rows, unsure)


def _time(rows, use_local, msdb, clock):
    """When a set began, UTC, and the hole where that is a guess. Its rows have it in one of two clocks: in which, the step says, unless msdb
    shows that it was the other."""
    written = datetime.fromisoformat(rows[0]["at"])
    made = [backup for backup in map(msdb.backup, rows) if backup]
    first = min(made, key=lambda backup: log_chains.began(backup, clock), default=None)
    by_clock = {True: clock.utc(written, first and first["offset_minutes"]), False: written}
    if first is not None:
        begun = log_chains.began(first, clock)
        fits = [uses for uses in (bool(use_local), not use_local) if -NEARLY <= begun - by_clock[uses] <= NEAR]
        use_local = fits[0] if fits else use_local
    at = by_clock[bool(use_local)]
    if use_local is None and by_clock[True] != by_clock[False]:
        return at, observed.hole("missing", "Neither a step of the job nor msdb tells in which clock the time of a set was written.")
    if at > clock.now + NEARLY:
        return at, observed.hole("disagree", f"A set of {told(at)} would lie in the future.")
    return at, None


def _uses_local_time(facts, role):
    """Whether a step writes the server's own clock; None where there is no such step, or it was not understood."""
    step = facts.get(role) if isinstance(facts, dict) else None
    told_so = None if step is None or observed.is_hole(step) else step["use_local_time"]
    return told_so if isinstance(told_so, bool) else None


def closing(hole):
    return [hole] if hole else []
