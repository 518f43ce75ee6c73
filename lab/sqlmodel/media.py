"""Backup files: one JSON header a backup set, kept by path and position. A share and a URL are seen by every instance, a drive by its own.

A header is the row of msdb.dbo.backupset that the set left, less what every set of the lab has (``COMMON``), with the media set's id and the
marks in the log ([name, LSN]); what all sets of a database have alike, such as its files, is kept once. A text that is no JSON is a damaged file.
Sources: sql-docs backup-transact-sql.md (a set is appended unless INIT or FORMAT overwrites; NUL keeps nothing), dbo.backupset.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

SHARED = ("\\\\", "http://", "https://")
ABSENT = "2(The system cannot find the file specified.)"
COMMON = {  # columns of backupset that are alike for every set, or nearly every one
    "first_family_number": 1, "first_media_number": 1, "last_family_number": 1, "last_media_number": 1, "position": 1, "software_vendor_id": 4608,
    "name": None, "software_major_version": 15, "software_minor_version": 0, "time_zone": 4, "compatibility_level": 150, "database_version": 904,
    "collation_name": "Latin1_General_CI_AS", "recovery_model": "FULL", "is_snapshot": 0, "is_readonly": 0, "is_single_user": 0,
    "has_backup_checksums": 0, "is_damaged": 0, "begins_log_chain": 0, "is_copy_only": 0, "is_password_protected": 0, "has_bulk_logged_data": 0,
    "has_incomplete_metadata": 0, "is_force_offline": 0, "fork_point_lsn": None}
SOURCE = ("server_name", "machine_name", "user_name", "software_build_version", "database_name", "database_creation_date", "database_guid",
          "family_guid", "first_recovery_fork_guid", "last_recovery_fork_guid")     # alike for all sets of a database; kept once
OWN = ("backup_set_uuid", "first_lsn", "last_lsn", "checkpoint_lsn", "database_backup_lsn", "backup_start_date", "backup_finish_date", "type",
       "backup_size", "compressed_backup_size")
ENCODE = json.JSONEncoder(separators=(",", ":")).encode
TABLES = """
CREATE TABLE IF NOT EXISTS "#backup_source" (id INTEGER PRIMARY KEY, facts TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS "#backup_file" (path TEXT, position INTEGER, header TEXT, source INTEGER, PRIMARY KEY (path, position)) WITHOUT ROWID;
"""


class Damaged(Exception):
    """A file is there and is no backup."""


def nowhere(path):
    """Whether a path is the null device."""
    return path.casefold().rstrip(":") == "nul"


def unreachable(path, devices):
    """The operating system's words where an instance reaches no folder of a path, else None."""
    if re.search(r'[<>"|?*]', path):
        return "123(The filename, directory name, or volume label syntax is incorrect.)"
    here = path.casefold()
    if nowhere(path) or here.startswith(SHARED[1:]) or any(here.startswith(device.casefold()) for device in devices):
        return None
    return "53(The network path was not found.)" if path.startswith("\\\\") else "3(The system cannot find the path specified.)"


@dataclass
class Files:
    """The files that an instance *own* reaches; *shared* is the instance in whose store those of shares stand."""

    own: object
    shared: object
    new: dict = field(default_factory=dict)         # (path, position) -> header, not written yet
    gone: set = field(default_factory=set)          # paths that are overwritten
    newest: dict = field(default_factory=dict)      # path -> (position, media set's id) of the newest set

    def __post_init__(self):
        for instance in (self.own, self.shared):
            instance.sqlite.executescript(TABLES)
        self.stores = (self.own,) if self.own is self.shared else (self.own, self.shared)
        self.begun = any(store.query('SELECT 1 FROM "#backup_file" LIMIT 1') for store in self.stores)

    def _store(self, path):
        return self.shared if path.startswith(SHARED) else self.own

    def append(self, path, overwrite, media):
        """``(position, media set's id)`` for one more set in a file; *media* is the id where the file is begun anew."""
        if nowhere(path):
            return 1, media
        path = path.casefold()
        known = None if overwrite else self.newest.get(path) or (self._last(path) if self.begun else None)
        if overwrite:
            self.gone.add(path)
            for position in range(self.newest.get(path, (0, None))[0]):
                self.new.pop((path, position + 1), None)
        self.newest[path] = place = (known[0] + 1, known[1]) if known else (1, media)
        return place

    def _last(self, path):
        rows = self._store(path).query('SELECT position, header FROM "#backup_file" WHERE path = ? ORDER BY position DESC LIMIT 1', (path,))
        return (rows[0]["position"], json.loads(rows[0]["header"])["media"]) if rows else None

    def put(self, path, row, beside, source):
        """Keeps the header of a set: its *row* of backupset, what stands *beside* it, and what is alike for its database (*source*)."""
        if not nowhere(path):
            header = {column: row[column] for column in OWN} | {
                column: row[column] for column, value in COMMON.items() if row[column] != value} | beside
            self.new[path.casefold(), row["position"]] = (header, tuple(row[column] for column in SOURCE), source)

    def write(self):
        for path in self.gone:
            self._store(path).query('DELETE FROM "#backup_file" WHERE path = ?', (path,))
        for store in self.stores:
            known, lines = {}, []
            for key, (header, facts, source) in self.new.items():
                if self._store(key[0]) is store:
                    if facts not in known:
                        known[facts] = self._source(store, ENCODE(dict(zip(SOURCE, facts)) | source))
                    lines.append((*key, ENCODE(header), known[facts]))
            store.sqlite.execute("SAVEPOINT files")
            store.sqlite.executemany('INSERT INTO "#backup_file" VALUES (?, ?, ?, ?)', sorted(lines))
            store.sqlite.execute("RELEASE files")

    @staticmethod
    def _source(store, text):
        store.query('INSERT OR IGNORE INTO "#backup_source" (facts) VALUES (?)', (text,))
        return store.query('SELECT id FROM "#backup_source" WHERE facts = ?', (text,))[0]["id"]

    def read(self, path):
        """The headers of a file's sets in order, with all columns of backupset that the lab fills; empty where there is no file. Raises Damaged."""
        rows = self._store(path.casefold()).query('SELECT header, facts FROM "#backup_file" JOIN "#backup_source" ON id = source WHERE path = ? '
                                                  "ORDER BY position", (path.casefold(),))
        try:
            return [COMMON | json.loads(row["facts"]) | json.loads(row["header"]) for row in rows]
        except ValueError as error:
            raise Damaged(path) from error
