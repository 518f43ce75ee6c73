"""BizTalk's backup procedures as a state machine over sets: when a full is due, what a set writes, what the clean-up deletes.

Source of every rule: reference backup-procedures.md, sections 1 to 3 (product scripts of 2020, [P20], and a database project of the
2010 generation, [G10]); its rule is named where it is applied. Nothing of the product's code was taken over.
Assumed: the newest full is the one of the highest set id; the view gives its rows in the order of its parts; a week begins on Sunday.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from lab.sqlmodel.backups import Failed

MARK, PATH, SERVER_PART = 8, 128, 30        # characters that a parameter or a file name keeps
PRODUCT = 50000
OF_THE_CALL = (2812, 8144)                  # no such procedure, too many arguments: met before the BACKUP begins


@dataclass
class Row:
    """One row of adm_BackupHistory, without what its set knows."""

    server: str
    database: str
    file: str
    location: str
    id: int = 0


@dataclass
class Set:
    """The rows of adm_BackupHistory with one BackupSetId. ``time`` is in the clock of the run that made it, UTC or local."""

    id: int
    kind: str                   # db full, lg log
    time: object
    mark: str | None            # null for db
    rows: list = field(default_factory=list)
    complete: bool = False


@dataclass
class Moment:
    """One instant in both clocks."""

    utc: object
    local: object

    def of(self, use_local):
        return self.local if use_local else self.utc


@dataclass
class Group:
    """The backup side of one BizTalk group.

    *view* is admv_BackupDatabases: (server, database) pairs. *backup* is called as (server, database, kind, folder, mark, compressed,
    moment), makes the file in a remote call and returns its whole name; *mark* as (server, database, mark, moment); *unmark* as
    (server, database, mark). All three raise Failed. *sets* are in the order of their ids.
    """

    view: list
    backup: object
    mark: object
    unmark: object
    sets: list = field(default_factory=list)
    next_set: int = 1
    compression: bool = False
    force_full: bool = False
    sso: tuple = ()             # the databases whose row says DefaultDatabaseName = SSO
    deleted: list = field(default_factory=list)

    # --- sp_BackupAllFull_Schedule (3.1)

    def full_if_due(self, moment, frequency, mark, path, force_after_partial=False, hour=None, use_local=False):
        """sp_BackupAllFull_Schedule: makes a full set when one is due. True where it did. Raises Failed."""
        if not self.due(moment, frequency, force_after_partial, hour, use_local):
            return False
        self.full(moment, mark, path, use_local)
        return True

    def due(self, moment, frequency, force_after_partial=False, hour=None, use_local=False):
        """The seven questions of 3.1 in their order."""
        if hour is not None and not 0 <= hour <= 23:
            hour = 0
        if self.force_full:
            return True
        if force_after_partial and self._partial_without_later_full():
            return True
        newest = next((s for s in reversed(self.sets) if s.kind == "db"), None)
        if newest is None:          # before the letter is looked at
            return True
        now = moment.of(use_local)
        period = PERIODS.get(frequency[:1].casefold())
        if period is None:
            raise Failed((PRODUCT, 16, "The frequency is not one of h, d, w, m and y."))
        if period(now) == period(newest.time):      # complete or not: a partial full counts for its period
            return False
        return hour is None or frequency[:1].casefold() == "h" or moment.local.hour == hour     # the hour is always local

    def _partial_without_later_full(self):
        partial = next((s.id for s in reversed(self.sets) if not s.complete), None)
        return partial is not None and not any(s.id > partial and s.kind == "db" and s.complete for s in self.sets)

    # --- a set (3.2, 3.3)

    def full(self, moment, mark, path, use_local=False):
        """sp_BackupAllFull."""
        mark, path = mark[:MARK], path[:PATH]       # cut silently
        made = self._begin("db", moment, None, use_local)
        self._each(made, self.view, "D", path, full_mark(mark, made.time), moment, "full")
        self.force_full = False                     # falls only after a complete success

    def log(self, moment, mark, path, use_local=False):
        """sp_MarkAll: marks every log, then backs the logs up, ordered by server."""
        mark, path = mark[:MARK], path[:PATH]
        made = self._begin("lg", moment, None, use_local)
        made.mark = full_mark(mark, made.time)
        for server, database in self.view:
            try:
                self.mark(server, database, made.mark, moment)
            except Failed as error:
                raise Failed(*error.errors, (PRODUCT, 16, "The logs could not be marked.")) from error
        self._each(made, sorted(self.view, key=lambda pair: pair[0].casefold()), "L", path, made.mark, moment, "log")

    def _begin(self, kind, moment, mark, use_local):
        made = Set(self.next_set, kind, ticks(moment.of(use_local)), mark)
        self.next_set += 1                          # taken first and never given back: gaps are normal
        return made

    def _each(self, made, databases, kind, path, mark, moment, word):
        """Backs up one database after the other; the first that fails ends the set and leaves the rows before it incomplete."""
        for server, database in databases:
            compressed = self.compression and (server.casefold(), database.casefold()) not in self.sso
            try:
                whole = self._attempt(server, database, kind, path, mark, compressed, moment)
            except Failed as error:
                raise Failed(*error.errors, (PRODUCT, 16, f"The {word} backup of database {database} on {server} failed.")) from error
            if not made.rows:
                self.sets.append(made)              # a set that fails on its first database leaves no row at all
            made.rows.append(Row(server, database, whole[len(folder(path)):], path))
        made.complete = bool(made.rows)

    def _attempt(self, server, database, kind, path, mark, compressed, moment):
        """sp_BackupBizTalk: with compression, error 3013 is tried again without; other errors of that first try are swallowed."""
        try:
            return self.backup(server, database, kind, folder(path), mark, compressed, moment)
        except Failed as error:
            if not compressed or error.errors[-1][0] in OF_THE_CALL:
                raise
            if error.errors[-1][0] == 3013:
                return self.backup(server, database, kind, folder(path), mark, False, moment)
            return folder(path) + file_name(server, database, kind, mark, path)

    # --- clear history (3.4, the form of 2020)

    def delete_history(self, moment, days=None, use_local=False):
        """sp_DeleteBackupHistory: full sets older than the limit where a later full exists; log rows up to the highest old mark."""
        if days is None or days < 1:
            return
        limit = moment.of(use_local) - timedelta(days=days)
        if not any(s.time < limit for s in self.sets):
            return
        newest_full = max((s.id for s in self.sets if s.kind == "db"), default=0)
        self._delete(lambda s: s.kind == "db" and s.time < limit and s.id < newest_full)
        mark = max((s.mark for s in self.sets if s.kind == "lg" and s.time < limit), default=None)     # by the order of strings
        if mark is not None:
            for server, database in self.view:
                self.unmark(server, database, mark)         # fails where a custom database has old scripts: 2812
            self._delete(lambda s: s.kind == "lg" and s.mark <= mark)       # whatever their date

    def _delete(self, wanted):
        gone = [s for s in self.sets if wanted(s)]
        if gone:
            self.deleted += [s.id for s in gone]
            self.sets = [s for s in self.sets if not wanted(s)]


def _week(time):
    """The week of the year as DATEPART(week) counts it with DATEFIRST 7."""
    first = time.replace(month=1, day=1)
    return (time.timetuple().tm_yday + (first.weekday() + 1) % 7 - 1) // 7 + 1


PERIODS = {"h": lambda t: (t.year, t.month, t.day, t.hour), "d": lambda t: (t.year, t.month, t.day),
           "w": lambda t: (t.year, t.month, _week(t)), "m": lambda t: (t.year, t.month), "y": lambda t: t.year}


def full_mark(mark, time):
    """sp_BuildFullMarkName: name and time only, at most 32 characters; milliseconds as datetime keeps them."""
    return f"{mark}_{time:%Y_%m_%d_%H_%M_%S}_{time.microsecond // 1000:03d}"[:32]


def ticks(time):
    """A time in the steps of 1/300 second that datetime has."""
    return time.replace(microsecond=(time.microsecond * 3 + 5000) // 10000 % 300 * 10000 // 3 // 1000 * 1000)


def folder(path):
    """The folder with its last separator. Only the path's own kind of separator counts: one that ends in the other gets one more."""
    separator = "/" if path.casefold().startswith("http") else "\\"
    return path if path.endswith(separator) else path + separator


def file_name(server, database, kind, mark, path):
    """The file's name: the server part cut to 30 characters; in a log blob the backslash of a named instance stays."""
    separator = "/" if kind == "L" and path.casefold().startswith("http") else "\\"
    return f"{server[:SERVER_PART].replace(separator, '_')}_{database}_{'Log' if kind == 'L' else 'Full'}_{mark}.bak"
