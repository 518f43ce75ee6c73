"""The BACKUP statement: log chains of databases, where a backup may be written, and the rows of msdb that it leaves.

Sources: sql-docs backup-transact-sql.md and dbo.backupset, errors 3013, 3201, 4208, 4214 (catalogue tsql.json).
Assumed: how fast a log grows, sizes and durations; a device is checked by its share or drive letter alone; space never runs out.
"""
from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.sqlmodel import media

VLF, BLOCK, BLOCKS = 10**15, 10**5, 131072       # an LSN as a number: log file, block (so many a file), slot
LSN_START = 41 * VLF + 16 * BLOCK + 1


def chance(*seed):
    """A number from 0 to 1, the same for the same seed."""
    return zlib.crc32(repr(seed).encode()) / 2**32


class Failed(Exception):
    """A statement came out with errors: ``errors`` is a list of (number, severity, text), the cause first."""

    def __init__(self, *errors):
        super().__init__("; ".join(text for _number, _severity, text in errors))
        self.errors = list(errors)


def abnormal(statement, *cause):
    """A failed BACKUP: its cause, then 3013."""
    return Failed(cause, (3013, 16, f"{statement} is terminating abnormally."))


@dataclass
class Database:
    """One database and its log. ``mb`` is its size; ``growth`` the log blocks that a quarter of an hour writes."""

    name: str
    number: int
    recovery: str = "FULL"
    mb: int = 200
    growth: int = 60
    created: datetime = datetime(2024, 2, 6, 9, 0)
    lsn: int = LSN_START
    chain: int | None = None        # where the next log backup begins; None: no full backup yet, or SIMPLE
    full: int | None = None         # checkpoint LSN of the newest full that is not copy-only
    begins: bool = True             # whether the next log backup begins a chain
    changed: datetime | None = None     # until when the log has grown
    closed: tuple | None = None     # (number, text) of the error that keeps it from being backed up
    guids: dict = field(default_factory=dict)       # its row of sys.database_recovery_status
    files: list = field(default_factory=list)       # its rows of sys.master_files
    marks: list = field(default_factory=list)       # [name, LSN] of what no log backup that is not copy-only holds yet

    def grow(self, now):
        """Lets the log grow until *now*, equally at every call with the same instants."""
        if self.changed is not None:
            quarters = max((now - self.changed).total_seconds() / 900, 0.0)
            self.advance(int(self.growth * quarters * (0.6 + chance(self.name, now.toordinal(), now.hour, now.minute))) + 1)
        self.changed = now

    def set_recovery(self, model):
        """ALTER DATABASE SET RECOVERY: SIMPLE ends the log chain, only a full backup begins another."""
        if model == "SIMPLE":
            self.chain, self.begins = None, True
        self.recovery = model

    def advance(self, blocks):
        block = self.lsn % VLF // BLOCK + blocks
        self.lsn = (self.lsn // VLF + block // BLOCKS) * VLF + block % BLOCKS * BLOCK + 1


@dataclass
class Backup:
    """One row of msdb.dbo.backupset with its media; times are the server's local ones."""

    database: Database
    wanted: object                  # the commands.BackupStatement
    start: datetime
    finish: datetime
    user: str
    first: int
    last: int
    checkpoint: int
    base: int | None                # checkpoint LSN of the full before it
    size: int
    begins: bool = False
    compressed: bool = False
    marks: list = field(default_factory=list)


@dataclass
class Server:
    """One instance as far as BACKUP goes. ``devices``: the shares and drives that its service account can write to."""

    name: str
    databases: dict                 # by name in lower case
    devices: list
    made: list = field(default_factory=list)
    compression_default: bool = False       # sp_configure 'backup compression default'

    def database(self, name):
        return self.databases.get(name.casefold())

    def backup(self, wanted, now, user):
        """Carries out one BACKUP (a commands.BackupStatement) at local time *now*; the Backup that msdb keeps. Raises Failed."""
        statement = "BACKUP LOG" if wanted.kind == "L" else "BACKUP DATABASE"
        database = self.database(wanted.database)
        if database is None:
            raise abnormal(statement, 911, 16, f"Database '{wanted.database}' does not exist. Make sure that the name is entered correctly.")
        if database.closed:
            number, text = database.closed
            raise abnormal(statement, number, 14 if number in (927, 942) else 16, text)
        if wanted.kind == "L" and database.recovery == "SIMPLE":
            raise abnormal(statement, 4208, 16, "The statement BACKUP LOG is not allowed while the recovery model is SIMPLE. Use BACKUP DATABASE "
                           "or change the recovery model using ALTER DATABASE.")
        if wanted.kind == "L" and database.chain is None:
            raise abnormal(statement, 4214, 16, "BACKUP LOG cannot be performed because there is no current database backup.")
        if wanted.kind == "I" and database.full is None:
            raise abnormal(statement, 3035, 16, f'Cannot perform a differential backup for database "{database.name}", because a current database '
                           "backup does not exist.")
        if problem := media.unreachable(wanted.path, self.devices):
            raise abnormal(statement, 3201, 16, f"Cannot open backup device '{wanted.path}'. Operating system error {problem}.")
        made = _log(database, now, wanted, user) if wanted.kind == "L" else _full(database, now, wanted, user)
        made.compressed = self.compression_default if wanted.compression is None else wanted.compression
        self.made.append(made)
        return made


def _full(database, now, wanted, user):
    """A full or differential backup; the first full that is not copy-only begins the log chain."""
    database.grow(now)
    first, base = database.lsn, database.full
    database.advance(2)
    size = database.mb * 2**20 // (10 if wanted.kind == "I" else 1)
    made = Backup(database, wanted, now, now + timedelta(seconds=2 + size // 2**26), user, first, database.lsn, first, base, size)
    if wanted.kind == "D" and not wanted.copy_only:
        database.full = first
        if database.chain is None and database.recovery != "SIMPLE":
            database.chain = first
    return made


def _log(database, now, wanted, user):
    """A log backup: from where the last one ended."""
    database.grow(now)
    first, last = database.chain, database.lsn
    blocks = (last // VLF - first // VLF) * BLOCKS + (last % VLF - first % VLF) // BLOCK
    made = Backup(database, wanted, now, now + timedelta(seconds=blocks // 4000), user, first, last, max(database.full, first), database.full,
                  65536 + blocks * 512, begins=database.begins, marks=[mark for mark in database.marks if first <= mark[1] < last])
    if not wanted.copy_only:
        database.chain, database.begins, database.marks = last, False, []
    return made
