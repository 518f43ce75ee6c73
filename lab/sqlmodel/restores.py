"""RESTORE: what the headers of backup files tell, and the states that a database goes through until it is recovered.

A database that is not recovered has in sys.master_files where roll forward goes on (``redo_start_lsn``), on which recovery fork, and the
base of its differentials. A log fits when it begins at or before that LSN, does not end before it, and is of the same recovery path.
Recovery begins a fork; the log chain goes on from there.
Sources: sql-docs restore-statements-*.md (options, rights, result sets), sys.master_files, sys.database_recovery_status, dbo.restorehistory,
dbo.backupset, mssqlserver-3159; numbers and texts: sql-docs, pages of the errors up to 5999.
Assumed: which check comes first; severities of messages; a mark that a full backup has already passed is 4335; nothing takes time; of the
content of a database only MarkLog follows, and holds the marks of the logs that were restored.
"""
from __future__ import annotations

from dataclasses import dataclass

from lab.sqlmodel import media, rows, servers
from lab.sqlmodel.backups import abnormal
from lab.sqlmodel.restore_headers import tell
from lab.sqlmodel.restore_syntax import INFORMATION, Statement, failed, parse
from lab.tsql.problem import not_modelled

SYSTEM = ("master", "tempdb", "model", "msdb")


# --- the statement

def run(world, name, session, statement):
    """One RESTORE on an instance. Returns Rows where it tells something. Raises Failed, SqlProblem."""
    wanted, instance = parse(statement.tokens), world.instances[name]
    existing = None
    if wanted.what not in INFORMATION:
        if wanted.database.casefold() in SYSTEM:
            raise not_modelled("RESTORE of a system database")
        existing = next(iter(instance.query('SELECT d.*, r.family_guid FROM "master.sys.databases" d JOIN "master.sys.database_recovery_status" r '
                                            "ON r.database_id = d.database_id WHERE d.name = ?", (wanted.database,))), None)
    _check_right(instance, session, wanted, existing)
    if wanted.what in INFORMATION:
        return tell(wanted, _header(world, name, wanted))
    world.settle(name)
    world.flush()
    header = _header(world, name, wanted) if wanted.path is not None else None
    if existing:
        _check_exclusive(world, name, session, wanted, existing)
    work = Restore(world, name, session, wanted, existing, header)
    if header is None:
        return work.recover_only()
    {"D": work.full, "I": work.differential, "L": work.log}[header["type"]]()
    work.remember()
    return None


def _check_right(instance, session, wanted, existing):
    """262 without CREATE DATABASE; 3110 where an existing database is another's."""
    rights, login = instance.rights, session.login
    if rights.is_sysadmin(login) or rights.has(login, "CREATE ANY DATABASE"):
        return
    if existing:
        if not rights.has(login, "CONTROL", existing["name"]):
            raise failed(wanted, (3110, 14, f"User does not have permission to RESTORE database '{existing['name']}'."))
    elif not rights.has(login, "CREATE DATABASE", "master"):
        raise failed(wanted, (262, 14, "CREATE DATABASE permission denied in database 'master'."))


def _check_exclusive(world, name, session, wanted, existing):
    """3101 and 3102 where somebody is in the database, 3104 where it is in an availability group."""
    database = existing["name"].casefold()
    if world.primary(name, existing["name"]) is not None:
        raise failed(wanted, (3104, 16, f"RESTORE cannot operate on database '{existing['name']}' because it is configured for database mirroring or has "
                                        "joined an availability group."))
    if session.database.casefold() == database:
        raise failed(wanted, (3102, 16, f"RESTORE cannot process database '{existing['name']}' because it is in use by this session. It is recommended that "
                                        "the master database be used when performing this operation."))
    if any(other.database.casefold() == database for other in world.instances[name].sessions if other is not session):
        raise failed(wanted, (3101, 16, "Exclusive access could not be obtained because the database is in use."))


def _headers(world, name, wanted):
    """All headers of the file. Raises Failed 3201, 3241."""
    problem = media.unreachable(wanted.path, world.descriptions[name].devices)
    try:
        headers = [] if problem else world.files(name).read(wanted.path)
    except media.Damaged:
        raise failed(wanted, (3241, 16, f"The media family on device '{wanted.path}' is incorrectly formed. SQL Server cannot process this media "
                                        "family.")) from None
    if not headers:
        raise failed(wanted, (3201, 16, f"Cannot open backup device '{wanted.path}'. Operating system error {problem or media.ABSENT}."))
    return headers


def _header(world, name, wanted):
    """The header of the set that FILE names, the first where it names none; of all sets for HEADERONLY. Raises Failed 4038."""
    headers = _headers(world, name, wanted)
    if wanted.what == "HEADERONLY" and "FILE" not in wanted.options:
        return headers
    number = str(wanted.options.get("FILE", 1))
    found = [header for header in headers if str(header["position"]) == number]
    if not found:
        raise failed(wanted, (4038, 16, f"Cannot find file ID {number} on device '{wanted.path}'."))
    return found if wanted.what == "HEADERONLY" else found[0]


# --- what becomes of a database

@dataclass
class Restore:
    """One RESTORE DATABASE or RESTORE LOG of one backup set; *existing* is the database's row of sys.databases, or None."""

    world: object
    name: str
    session: object
    wanted: Statement
    existing: dict | None
    header: dict | None

    def __post_init__(self):
        self.instance = self.world.instances[self.name]

    def failed(self, *causes):
        return failed(self.wanted, *causes)

    # --- the three kinds of backup set

    def full(self):
        """A full backup begins the restore sequence of a database, which it makes or overwrites. 3154, 3159, 3234, 3156, 5133."""
        if self.wanted.what == "LOG":
            raise self.failed((3135, 16, f"The backup set in file '{self.wanted.path}' was created by BACKUP DATABASE and cannot be used for this restore "
                                         "operation."))
        if self.wanted.stop:
            raise not_modelled("a mark of a full backup")
        if self.existing and not self.wanted.options.get("REPLACE"):
            self._check_family()
            if self.existing["state"] == 0 and not self.existing["is_in_standby"] and self.existing["recovery_model_desc"] != "SIMPLE":
                raise self.failed((3159, 16, f'The tail of the log for the database "{self.existing["name"]}" has not been backed up. Use BACKUP LOG WITH '
                                             "NORECOVERY to backup the log if it contains work you do not want to lose. Use the WITH REPLACE or WITH STOPAT "
                                             "clause of the RESTORE statement to just overwrite the contents of the log."))
        files = self._places()
        if not self.existing:
            servers.add_database(self.instance, self.wanted.database, self.header["kind"], self.world.now(self.name))
        number = self._row("database_id")
        model = self.header["recovery_model"]
        self._set(recovery_model=servers.MODELS[model], recovery_model_desc=model, compatibility_level=self.header["compatibility_level"])
        servers.replace_files(self.instance, number, self.wanted.database, files)
        self.instance.query('UPDATE "master.sys.database_recovery_status" SET database_guid = ?, family_guid = ?, last_log_backup_lsn = NULL '
                            "WHERE database_id = ?", (self.header["database_guid"], self.header["family_guid"], number))
        self._marks([], "DELETE")
        self._base(self.header["checkpoint_lsn"])
        self._roll(int(self.header["last_lsn"]), self.header["last_recovery_fork_guid"])

    def differential(self):
        """3117, 3154, 3136."""
        if self.wanted.stop:
            raise not_modelled("a mark of a differential backup")
        state = self._rolling()
        if int(state["differential_base_lsn"] or -1) != int(self.header["database_backup_lsn"]):
            raise self.failed((3136, 16, "This differential backup cannot be restored because the database has not been restored to the correct "
                                         "earlier state."))
        self._roll(int(self.header["last_lsn"]), self.header["last_recovery_fork_guid"])

    def log(self):
        """3117, 3154, 4305, 4326, 4330, 4335; 4329 where the mark is not in this log."""
        if self.wanted.what != "LOG":
            raise self.failed((3135, 16, f"The backup set in file '{self.wanted.path}' was created by BACKUP LOG and cannot be used for this restore "
                                         "operation."))
        state, header = self._rolling(), self.header
        redo, first, last = int(state["redo_start_lsn"]), int(header["first_lsn"]), int(header["last_lsn"])
        if first > redo:
            raise self.failed((4305, 16, f"The log in this backup set begins at LSN {first}, which is too recent to apply to the database. An earlier log "
                                         f"backup that includes LSN {redo} can be restored."))
        if last < redo:
            raise self.failed((4326, 16, f"The log in this backup set terminates at LSN {last}, which is too early to apply to the database. A more recent "
                                         f"log backup that includes LSN {redo} can be restored."))
        point = header["fork_point_lsn"] and int(header["fork_point_lsn"])
        begun = header["last_recovery_fork_guid"] if point is None or redo > point else header["first_recovery_fork_guid"]
        if state["redo_start_fork_guid"] not in (begun, header["last_recovery_fork_guid"]):
            raise self.failed((4330, 16, "This backup set cannot be applied because it is on a recovery path that is inconsistent with the database. The "
                                         "recovery path is the sequence of data and log backups that have brought the database to a particular recovery "
                                         "point. Find a compatible backup to restore, or restore the rest of the database to match a recovery point within "
                                         "this backup set, which will restore the database to a different point in time."))
        until, found = last, True
        if self.wanted.stop:
            mark, before = self.wanted.stop
            place = next((at for known, at in header["marks"] if known.casefold() == mark.casefold()), None)
            found = place is not None
            if found and place < redo:
                raise self.failed((4335, 16, "The specified STOPAT time is too early. All or part of the database is already rolled forward beyond "
                                             "that point."))
            until = last if not found else place if before else place + 1
        self._marks([mark for mark, at in header["marks"] if redo <= at < until])
        if not found:
            self.session.message("This log file contains records logged before the designated mark. The database is being left in the Restoring state so you "
                                 "can apply another log file.", 4329)
        fork = header["first_recovery_fork_guid"] if point is not None and until <= point else header["last_recovery_fork_guid"]
        self._roll(until, fork, found)

    def recover_only(self):
        """RESTORE DATABASE name WITH RECOVERY, without a file. 3118, 3153."""
        if not self.existing:
            raise self._absent()
        if not self._unrecovered():
            raise self.failed((3153, 16, "The database is already fully recovered."))
        state = self._rolling(False)
        self._roll(int(state["redo_start_lsn"]), state["redo_start_fork_guid"])

    # --- checks

    def _unrecovered(self):
        return self.existing["state"] == 1 or self.existing["is_in_standby"]

    def _absent(self):
        return self.failed((3118, 16, f'The database "{self.wanted.database}" does not exist. RESTORE can only create a database when restoring either a full '
                                      "backup or a file backup of the primary file."))

    def _check_family(self):
        if self.existing["family_guid"] != self.header["family_guid"]:
            raise self.failed((3154, 16, f"The backup set holds a backup of a database other than the existing '{self.existing['name']}' database."))

    def _rolling(self, other=True):
        """Where the roll forward of the database has got to: columns of sys.master_files."""
        if not self.existing:
            raise self._absent()
        state = self.instance.query('SELECT redo_start_lsn, redo_start_fork_guid, differential_base_lsn FROM "master.sys.master_files" WHERE database_id = ?',
                                    (self.existing["database_id"],))[0]
        if not self._unrecovered() or state["redo_start_lsn"] is None:
            raise self.failed((3117, 16, "The log or differential backup cannot be restored because no files are ready to rollforward."))
        if other:
            self._check_family()
        return state

    def _places(self):
        """The files of the backup set where they will be: at their own paths, or where MOVE puts them."""
        moves = {logical.casefold(): path for logical, path in self.wanted.moves.items()}
        known = {file["name"].casefold() for file in self.header["files"]}
        for logical in self.wanted.moves:
            if logical.casefold() not in known:
                raise self.failed((3234, 16, f"Logical file '{logical}' is not part of database '{self.wanted.database}'. Use RESTORE FILELISTONLY to list "
                                             "the logical file names."))
        placed, problems = [], []
        taken = {row["physical_name"].casefold(): row["name"] for row in self.instance.query(
            'SELECT f.physical_name, d.name FROM "master.sys.master_files" f JOIN "master.sys.databases" d ON d.database_id = f.database_id')}
        for file in self.header["files"]:
            path = moves.get(file["name"].casefold(), file["physical_name"])
            owner = taken.get(path.casefold())
            if media.unreachable(path, self.world.descriptions[self.name].devices):
                problems.append((5133, 16, f'Directory lookup for the file "{path}" failed with the operating system error 3(The system cannot find the path '
                                           "specified.)."))
            elif owner and owner.casefold() != self.wanted.database.casefold():
                problems.append((1834, 16, f"The file '{path}' cannot be overwritten. It is being used by database '{owner}'."))
            else:
                placed.append({**file, "physical_name": path})
                continue
            problems.append((3156, 16, f"File '{file['name']}' cannot be restored to '{path}'. Use WITH MOVE to identify a valid location for the file."))
        if problems:
            raise self.failed(*problems, (3119, 16, "Problems were identified while planning for the RESTORE statement. Previous messages provide details."))
        return placed

    # --- what is written

    def _row(self, column):
        return self.instance.query(f'SELECT {column} FROM "master.sys.databases" WHERE name = ?', (self.wanted.database,))[0][column]

    def _set(self, **changes):
        self.instance.query(f'UPDATE "master.sys.databases" SET {", ".join(f"{column} = ?" for column in changes)} WHERE name = ?',
                            (*changes.values(), self.wanted.database))

    def _base(self, place):
        self.instance.query('UPDATE "master.sys.master_files" SET differential_base_lsn = ? WHERE database_id = ?', (place, self._row("database_id")))

    def _marks(self, marks, before=None):
        """Marks that roll forward has come by, into the database's MarkLog."""
        if (self.wanted.database.casefold(), "dbo.marklog") in self.instance.columns:
            table = f"{self.instance.database(self.wanted.database)}.dbo.MarkLog"
            if before:
                self.instance.query(f'{before} FROM "{table}"')
            rows.bulk(self.instance, self.wanted.database, "dbo.MarkLog", [{"MarkName": mark} for mark in marks])

    def _roll(self, until, fork, may_recover=True):
        """The database is rolled forward to an LSN, and left as the statement says: recovered, in standby or restoring."""
        options, number = self.wanted.options, self._row("database_id")
        if "STANDBY" in options and media.unreachable(options["STANDBY"], self.world.descriptions[self.name].devices):
            raise self.failed((3170, 16, "The STANDBY filename is invalid."))
        if may_recover and "NORECOVERY" not in options and "STANDBY" not in options:
            return self._recover(number, until, fork)
        standby = may_recover and "STANDBY" in options
        self._set(**({"state": 0, "state_desc": "ONLINE", "is_in_standby": 1, "is_read_only": 1} if standby else
                     {"state": 1, "state_desc": "RESTORING", "is_in_standby": 0, "is_read_only": 0}))
        self._redo(number, rows.lsn(until), fork)
        return None

    def _redo(self, number, place, fork):
        self.instance.query('UPDATE "master.sys.master_files" SET redo_start_lsn = ?, redo_start_fork_guid = ? WHERE database_id = ?', (place, fork, number))

    def _recover(self, number, until, fork):
        """The database is online on a recovery fork of its own."""
        self._set(state=0, state_desc="ONLINE", is_in_standby=0, is_read_only=0)
        self._redo(number, None, None)
        chain = None if self._row("recovery_model_desc") == "SIMPLE" else rows.lsn(until)
        self.instance.query('UPDATE "master.sys.database_recovery_status" SET recovery_fork_guid = ?, first_recovery_fork_guid = ?, fork_point_lsn = ?, '
                            "last_log_backup_lsn = ? WHERE database_id = ?",
                            (rows.guid("fork", self.name, self.wanted.database, fork, until, self.world.now(self.name)), fork, rows.lsn(until), chain, number))

    def remember(self):
        """The rows of msdb: the backup set where it is not known here, and restorehistory."""
        instance, stop = self.instance, self.wanted.stop
        known = known_set(instance, self.header, self.wanted.path)
        rows.bulk(instance, "msdb", "dbo.restorehistory", [{
            "restore_history_id": rows.highest(instance, "msdb.dbo.restorehistory", "restore_history_id") + 1,
            "restore_date": rows.kept(self.world.now(self.name)), "destination_database_name": self.wanted.database, "user_name": self.session.login,
            "backup_set_id": known,
            "restore_type": self.header["type"], "replace": int("REPLACE" in self.wanted.options),
            "recovery": int(not {"NORECOVERY", "STANDBY"} & self.wanted.options.keys()), "restart": 0, "stop_at": None, "device_count": 1,
            "stop_at_mark_name": stop and stop[0], "stop_before": stop and int(stop[1])}])


def known_set(instance, header, path):
    """The number of a backup set in an instance's msdb; one that another instance made is written down first."""
    found = instance.query('SELECT backup_set_id AS n FROM "msdb.dbo.backupset" WHERE backup_set_uuid = ?', (header["backup_set_uuid"],))
    if found:
        return found[0]["n"]
    media_set = rows.media_set(instance, header["media"])
    if media_set is None:
        media_set = rows.highest(instance, "msdb.dbo.backupmediaset", "media_set_id") + 1
        rows.write_media(instance, [(media_set, header["media"], header["compressed"], path)])
    number = rows.highest(instance, "msdb.dbo.backupset", "backup_set_id") + 1
    _table, columns = instance.table("msdb", "dbo.backupset")
    rows.bulk(instance, "msdb", "dbo.backupset", [{
        **{column: value for column, value in header.items() if column in columns}, "backup_set_id": number, "media_set_id": media_set}])
    return number


# --- the tail of a log

def check_tail(instance, wanted):
    """BACKUP LOG WITH NORECOVERY needs the database for itself: 3101."""
    if wanted.kind != "L":
        raise not_modelled("BACKUP DATABASE WITH NORECOVERY")
    if any(session.database.casefold() == wanted.database.casefold() for session in instance.sessions):
        raise abnormal("BACKUP LOG", 3101, 16, "Exclusive access could not be obtained because the database is in use.")


def begin(instance, made):
    """The database of a backup of the tail of its log is left restoring: roll forward goes on where that backup ended."""
    instance.query('UPDATE "master.sys.databases" SET state = 1, state_desc = ? WHERE name = ?', ("RESTORING", made.database.name))
    instance.query('UPDATE "master.sys.master_files" SET redo_start_lsn = ?, redo_start_fork_guid = ? WHERE database_id = ?',
                   (rows.lsn(made.last), made.database.guids["recovery_fork_guid"], made.database.number))
