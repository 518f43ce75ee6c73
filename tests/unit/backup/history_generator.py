"""Backup histories with their truth: a small state machine of a BizTalk group that is backed up.

It knows what the backup procedures and SQL Server do (when a full is due, what a failed set leaves behind, how log
sequence numbers run on) and nothing of the code that judges the rows. The truth is noted while things happen, by the
one who knows why; it is never computed back from the rows. Times inside are UTC without a zone; rows carry what the
tables carry.
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, field

KINDS = ("partial full", "partial log", "rowless", "lost full", "ad-hoc log", "simple", "copy only", "snapshot", "damaged", "uncovered",
         "commented", "placeholder", "forced full", "local time changed", "custom without full", "dst", "two server names",
         "window", "row limit")
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
START = datetime.datetime(2026, 3, 16, 22, 0)
PLACEHOLDER = "<destination path>"
CULPRITS = (("CONTOSO\\svc-veeam", "Veeam Backup and Replication", "{GUID-VDI-00017}"),
            ("CONTOSO\\a.dba", "Microsoft SQL Server", "E:\\temp\\before_change.trn"),
            ("NT AUTHORITY\\SYSTEM", "Commvault Galaxy Backup", "CV_VDI_1234"),
            ("CONTOSO\\svc-maint", "Microsoft SQL Server", "NUL"))


@dataclass
class Database:
    """One database as the engine sees it. log_from: where the next log backup begins; None: no full since the log chain began."""

    name: str
    server: str
    registered: bool = True
    recovery: str = "FULL"
    lsn: int = 0
    log_from: int | None = None
    full_at: int = 0
    names: tuple[str, ...] = ()
    # truth: sequence numbers from which the next log may go on, and the sets to whose mark it can be brought
    ends: list[int] = field(default_factory=list)
    reaches: set[int] = field(default_factory=set)
    # truth: the same, with the log files of incomplete sets counted, as the engine would
    file_ends: list[int] = field(default_factory=list)
    begins_chain: bool = True
    began: bool = False


@dataclass
class Set:
    """A set the job began. rows 0: it failed before its first database was backed up and left only a gap in the ids."""

    id: int
    type: str
    moment: datetime.datetime
    mark: str | None
    databases: list[str] = field(default_factory=list)
    rows: int = 0
    complete: bool = False


@dataclass
class Break:
    """A log backup that the job's sets lack: from it until a complete full the database stays behind."""

    database: str
    login: str
    program: str
    path: str
    moment: datetime.datetime
    mended: bool = False


@dataclass
class Truth:
    sets: list[Set] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    lost: list[datetime.date] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    last_marked: Set | None = None
    points: dict[str, datetime.datetime | None] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)           # behind, but no log backup has shown it yet
    restorable: Set | None = None
    backs_up_nothing: bool = False


class History:
    """One group over some days, from a seed. After run(): now, rows (history, msdb, job runs), settings and truth."""

    def __init__(self, seed: int, kinds: tuple[str, ...] = ()):
        self.seed = seed
        self.kinds = kinds
        self.happened: set[str] = set()
        self.random = random.Random(seed)
        self.truth = Truth()
        self.history: list[dict] = []
        self.msdb: list[dict] = []
        self.job_runs: list[dict] = []
        self.marks: list[dict] = []
        self.set_ids = self.random.randrange(1, 5000)
        self.first_set_id = self.set_ids
        self.mark_name = self.random.choice(("BTS", "PROD", "b"))
        self.path = self.random.choice(("\\\\fs01\\btsbackup", "\\\\fs01\\btsbackup\\", "K:\\Backup", "https://acct.blob.example/bts"))
        self.interval = self.random.choice((90, 120, 150)) * MINUTE
        self.days = self.random.choice((2, 2, 3))
        self.hour = self.random.choice((None, None, None, 1, 3, 22))
        self.force_after_partial = self.random.random() < 0.5
        self.local_time = self.random.random() < 0.5
        self.zone = self.random.choice((-300, 0, 60, 330)) * MINUTE
        self.force_full = False
        self.log_commented = False
        self.full_commented = False
        self.server = self.random.choice(("SQLBTS01", "SQLBTS\\BIZTALK"))
        names = ["BizTalkMgmtDb", "BizTalkDTADb", "BizTalkMsgBoxDb", "SSODB"]
        names += self.random.sample(["BizTalkRuleEngineDb", "BAMPrimaryImport", "Orders"], self.random.randrange(0, 2))
        self.databases = [Database(name, self.server, lsn=self.random.randrange(30, 900) * 10**15 + 80000037) for name in names]
        self.now = START
        self.dst_at: datetime.datetime | None = None
        self.dst_step = HOUR
        self.pending: list[str] = []
        self.damage: str | None = None                # the database whose next log backup of the job is damaged
        self.starts: list[datetime.datetime] = []
        self.lost_after = datetime.timedelta(days=1)
        self.back_to_full: tuple[Database, datetime.datetime] | None = None
        self.window_days = 14
        self.limits: dict[str, int] = {}

    # clocks

    def offset(self, moment: datetime.datetime) -> datetime.timedelta:
        return self.zone + (self.dst_step if self.dst_at and moment >= self.dst_at else datetime.timedelta())

    def local(self, moment: datetime.datetime) -> datetime.datetime:
        return moment + self.offset(moment)

    def stamp(self, moment: datetime.datetime) -> datetime.datetime:
        """The clock of the job's rows."""
        return self.local(moment) if self.local_time else moment

    # the engine

    def grow(self, database: Database) -> None:
        database.lsn += self.random.randrange(1, 4000) * 10**5 + self.random.randrange(1, 9)

    def backup_full(self, database: Database, path: str, **other) -> dict:
        self.grow(database)
        first, checkpoint = database.lsn, database.lsn + 16
        database.lsn += 3 * 10**5
        row = self.msdb_row(database, "D", first, database.lsn, checkpoint, path, **other)
        if not other.get("is_copy_only"):
            database.full_at = checkpoint
            if database.log_from is None and database.recovery == "FULL":
                database.log_from = first
        return row

    def backup_log(self, database: Database, path: str, **other) -> dict:
        """Raises RuntimeError where the engine refuses: error 4208 in simple recovery, 4214 without a full."""
        if database.recovery == "SIMPLE":
            raise RuntimeError(4208)
        if database.log_from is None:
            raise RuntimeError(4214)
        self.grow(database)
        row = self.msdb_row(database, "L", database.log_from, database.lsn, database.full_at, path, **other)
        row["begins_chain"] = database.begins_chain
        if not other.get("is_copy_only"):
            database.log_from, database.begins_chain = database.lsn, False
        return row

    def msdb_row(self, database: Database, kind: str, first: int, last: int, checkpoint: int, path: str, *,
                 login="CONTOSO\\svc-agent", program="Microsoft SQL Server", is_copy_only=False, is_snapshot=False, is_damaged=False) -> dict:
        row = {"id": len(self.msdb) + 1, "database": database.name, "server": self.server, "kind": kind, "first": first, "last": last,
               "checkpoint": checkpoint, "full_at": database.full_at, "start": self.local(self.now),
               "finish": self.local(self.now + 20 * datetime.timedelta(seconds=1)), "zone": int(self.offset(self.now) / (15 * MINUTE)),
               "path": path, "login": login, "program": program, "is_copy_only": is_copy_only, "is_snapshot": is_snapshot,
               "is_damaged": is_damaged, "recovery": database.recovery, "begins_chain": False}
        self.msdb.append(row)
        return row

    # the procedures of the group

    def covered(self) -> list[Database]:
        return [database for database in self.databases if database.registered]

    def mark_of(self, moment: datetime.datetime) -> str:
        return f"{self.mark_name}_{self.stamp(moment):%Y_%m_%d_%H_%M_%S}_{moment.microsecond // 1000:03d}"

    def file(self, database: Database, word: str, mark: str) -> str:
        return f"{self.server[:30].replace(chr(92), '_')}_{database.name}_{word}_{mark}.bak"

    def full_due(self) -> bool:
        """The order of questions of the scheduled full, for the letter d."""
        if self.force_full:
            return True
        rows = self.history
        if self.force_after_partial:
            partial = max((row["set"] for row in rows if not row["complete"]), default=None)
            complete = max((row["set"] for row in rows if row["complete"] and row["type"] == "db"), default=0)
            if partial is not None and complete < partial:
                return True
        newest = max((row["moment"] for row in rows if row["type"] == "db"), default=None)
        if newest is None:
            return True
        if newest.date() == self.stamp(self.now).date():
            return False
        return self.hour is None or self.local(self.now).hour == self.hour

    def make_set(self, kind: str, fail_on: int | None) -> bool:
        """One set; fail_on is the place in the order at which the disk is full, -1 for a failure before any database. True: complete."""
        self.set_ids += 1
        moment = self.now + datetime.timedelta(milliseconds=self.random.randrange(100, 3000))
        word = "Full" if kind == "db" else "Log"
        mark = self.mark_of(moment)
        one = Set(self.set_ids - 1, kind, moment, mark if kind == "lg" else None)
        self.truth.sets.append(one)
        made, rows, failed = [], [], fail_on == -1
        for database in self.covered() if kind == "lg" and not failed else []:
            self.grow(database)
            self.marks.append({"database": database.name, "mark": mark, "lsn": database.lsn, "at": self.local(moment)})
        for place, database in enumerate(self.covered() if fail_on != -1 else []):
            file = self.file(database, word, mark)
            separator = "" if self.path.endswith(("\\", "/")) else "/" if self.path.startswith("http") else "\\"
            try:
                for server in database.names or (database.server,):
                    if place == fail_on or self.path == PLACEHOLDER:
                        raise RuntimeError(3201)
                    damaged = kind == "lg" and database.name == self.damage
                    if damaged:
                        self.damage = None
                    backup = self.backup_full if kind == "db" else self.backup_log
                    made.append((database, backup(database, self.path + separator + file, is_damaged=damaged)))
                    rows.append({"id": len(self.history) + len(rows) + 1, "set": one.id, "mark": one.mark, "database": database.name,
                                 "file": file, "location": self.path, "type": kind, "moment": self.stamp(moment), "complete": False,
                                 "server": server})
            except RuntimeError:
                failed = True
                break
        one.rows, one.complete = len(rows), not failed
        one.databases = [row["database"] for row in rows]
        for database, row in made if kind == "lg" else []:
            met = not row["is_damaged"] and any(row["first"] <= end <= row["last"] for end in database.file_ends)
            database.file_ends = [row["last"]] if met else []
        for row in rows:
            row["complete"] = one.complete
        self.history += rows
        if one.complete:
            self.apply(one, made)
        return one.complete

    def apply(self, one: Set, made: list[tuple[Database, dict]]) -> None:
        """What a complete set gives to the one who restores complete sets only: a full is a place to begin, a log goes on from one."""
        met = {}
        for database, row in made:
            if one.type == "db":
                database.ends.append(row["last"])
                database.file_ends.append(row["last"])
                database.began = True
                for broken in self.truth.breaks:
                    broken.mended = broken.mended or broken.database == database.name
            else:
                met[database.name] = not row["is_damaged"] and any(row["first"] <= end <= row["last"] for end in database.ends)
                database.ends = [row["last"]] if met[database.name] else []
        for database, _row in made:
            if met.get(database.name):
                database.reaches.add(one.id)

    def run_job(self) -> None:
        """One start of the job. A failed step ends it; the steps after it leave no row."""
        steps = [("Set Compression Option", True)]
        started, went = self.now, True
        if self.full_due() and not self.full_commented:
            went = self.make_set("db", self.failure("partial full", "rowless full"))
            self.force_full = self.force_full and not went
        steps.append(("BackupFull", went))
        if went:
            self.now += MINUTE
            if not self.log_commented:
                went = self.make_set("lg", self.failure("partial log", "rowless"))
            steps.append(("MarkAndBackupLog", went))
        if went:
            steps.append(("Clear Backup History", True))
        self.job_runs.append({"start": self.local(started), "steps": steps, "succeeded": went})
        self.now = started

    def failure(self, partial: str, rowless: str) -> int | None:
        """Where the next set of this type fails, if one is to fail: each planted failure strikes once."""
        for word, place in ((partial, self.random.randrange(1, len(self.covered()))), (rowless, -1)):
            if word in self.pending:
                self.pending.remove(word)
                self.happened.add(word.replace("rowless full", "rowless"))
                return place
        return None

    # what is planted

    def run(self) -> History:
        self.prepare()
        count = int(self.days * 24 * HOUR / self.interval)
        middle = {kind: self.random.randrange(count // 3, 3 * count // 4) for kind in self.kinds}
        for number in range(count):
            self.now = START + number * self.interval
            for kind in [kind for kind, at in middle.items() if at == number]:
                self.plant(kind)
            if self.back_to_full and self.back_to_full[1] <= self.now:
                self.back_to_full[0].recovery, self.back_to_full = "FULL", None
            if not self.down(self.now):
                self.starts.append(self.now)
                self.run_job()
            elif self.hour is not None:
                self.happened.add("lost full")
        self.now = START + (count - 1) * self.interval + self.random.randrange(5, 30) * MINUTE
        self.conclude()
        return self

    def prepare(self) -> None:
        """Choices that hold for the whole history. An hour is given only where a run starts within it each day."""
        kinds = self.kinds
        if "lost full" in kinds:
            self.hour = self.random.choice((1, 3, 22))
        if self.hour is not None:
            self.interval = HOUR
        if "local time changed" in kinds or "dst" in kinds:
            self.hour = None
        if "dst" in kinds:
            self.zone = 60 * MINUTE
            self.dst_at = START + datetime.timedelta(hours=27)
            self.dst_step = self.random.choice((HOUR, -HOUR))
            self.happened.add("dst")
        if "commented" in kinds:
            self.log_commented = True
            self.full_commented = self.random.random() < 0.5
            self.happened.add("commented")
        if "placeholder" in kinds:
            self.path = PLACEHOLDER
            self.happened.add("placeholder")
        if "uncovered" in kinds or {"snapshot", "damaged"} & set(kinds) and self.random.random() < 0.5:
            self.databases.append(Database("BAMAlertsApplication", self.server, registered=False, lsn=41 * 10**15))
            self.happened.add("uncovered")
        if "two server names" in kinds and self.random.random() < 0.5:
            self.databases[-1].names = (self.server, self.server.replace("SQLBTS", "SQLALIAS", 1))
            self.happened.add("two server names")

    def down(self, moment: datetime.datetime) -> bool:
        """On one night no run starts within the backup hour."""
        local = self.local(moment)
        return "lost full" in self.kinds and local.hour == self.hour and local.date() == self.local(START).date() + self.lost_after

    def plant(self, kind: str) -> None:
        victim = self.random.choice(self.covered())
        outside = [database for database in self.databases if not database.registered] or [victim]
        if kind in ("partial full", "partial log", "rowless"):
            word = kind if kind != "rowless" or self.random.random() < 0.6 else "rowless full"
            self.pending.append(word)
            self.force_full = self.force_full or word in ("partial full", "rowless full")
        elif kind == "ad-hoc log" and victim.log_from is not None and victim.recovery == "FULL":
            login, program, path = self.random.choice(CULPRITS)
            self.now -= 20 * MINUTE
            self.backup_log(victim, path, login=login, program=program)
            self.truth.breaks.append(Break(victim.name, login, program, path, self.now))
            self.now += 20 * MINUTE
            self.happened.add(kind)
        elif kind == "simple":
            self.now -= 15 * MINUTE
            self.grow(victim)
            victim.recovery, victim.log_from, victim.begins_chain, victim.ends, victim.file_ends = "SIMPLE", None, True, [], []
            self.back_to_full = (victim, self.now + self.random.choice((1, 3)) * self.interval)
            self.now += 15 * MINUTE
            self.happened.add(kind)
        elif kind == "damaged" and self.random.random() < 0.5:
            self.damage = victim.name
            self.happened.add(kind)
        elif kind in ("copy only", "snapshot", "damaged"):
            self.now -= 10 * MINUTE
            login, program, path = self.random.choice(CULPRITS[:3])
            flag = "is_" + kind.replace(" ", "_")
            if kind == "copy only" and self.random.random() < 0.5 and victim.log_from is not None and victim.recovery == "FULL":
                self.backup_log(victim, path, login=login, program=program, is_copy_only=True)
            else:
                self.backup_full(outside[0], path, login=login, program=program, **{flag: True})
            self.now += 10 * MINUTE
            self.happened.add(kind)
        elif kind == "forced full":
            self.force_full = True
            self.happened.add(kind)
        elif kind == "local time changed":
            self.local_time = not self.local_time
            self.happened.add(kind)
        elif kind == "custom without full":
            self.databases.append(Database("Invoices", self.server, lsn=77 * 10**15))
            self.happened.add(kind)
        elif kind == "two server names" and "two server names" not in self.happened:
            for database in self.databases[:1]:
                database.names = (self.server.replace("SQLBTS", "NODE", 1),)
            self.happened.add(kind)

    def conclude(self) -> None:
        truth = self.truth
        covered = self.covered()
        for database in covered:
            truth.points[database.name] = max((one.moment for one in truth.sets if one.type == "lg" and one.complete
                                               and database.name in one.databases), default=None)
            if database.log_from is None and database.recovery == "FULL" and database.began:
                truth.unseen.append(database.name)
            elif not database.file_ends or database.log_from is not None and max(database.file_ends) < database.log_from:
                truth.behind.append(database.name)
        reached = {database.name: database.reaches for database in covered}
        truth.restorable = next((one for one in reversed(truth.sets) if one.type == "lg" and one.complete
                                 and all(one.id in reached[name] for name in one.databases)), None)
        truth.last_marked = next((one for one in reversed(truth.sets) if one.type == "lg" and one.complete), None)
        truth.uncovered = [database.name for database in self.databases if not database.registered]
        truth.backs_up_nothing = not any(one.rows for one in truth.sets)
        truth.lost = self.lost_days()
        if "window" in self.kinds:
            self.window_days = 1
            self.happened.add("window")
        if "row limit" in self.kinds:
            self.limits = {name: self.random.randrange(5, max(6, len(rows) * 2 // 3)) for name, rows in (
                ("msdb", self.msdb), ("history", self.history), ("runs", self.job_runs)) if self.random.random() < 0.6}
            self.limits = self.limits or {"msdb": 20}
            self.happened.add("row limit")

    def lost_days(self) -> list[datetime.date]:
        """Days of the job's clock, wholly seen, that have no full though their time for one is over. The hour is of the local clock."""
        fulls = {self.stamp(one.moment).date() for one in self.truth.sets if one.type == "db" and one.rows}
        first = next((one.moment for one in self.truth.sets if one.rows), self.now)
        lost, day = [], self.stamp(START).date()
        while day <= self.stamp(self.now).date():
            hours = [moment for moment in (self.first_hour + number * HOUR for number in range(24 * 5)) if self.stamp(moment).date() == day]
            due = [moment for moment in hours if self.hour is None or self.local(moment).hour == self.hour]
            if due and due[0] >= first and due[-1] + HOUR <= self.now and day not in fulls:
                lost.append(day)
            day += datetime.timedelta(days=1)
        return lost

    @property
    def first_hour(self) -> datetime.datetime:
        """A moment before the start at which an hour of the local clock begins."""
        return START - 24 * HOUR - (30 * MINUTE if self.zone % HOUR else 0 * MINUTE)
