# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A session with one SQL Server instance from the controller: one connection, one execute for each query.

``with sql.open(options, where) as session: session.read(queries, progress); session.execute(statement)``. *options*: as
``login.filled`` gives them. Raises ``host.HostUnreachable`` or ``host.HostFailed``. Errors are told by SQL Server's own number first,
then by SQLSTATE, never by the class of an exception: drivers differ in that.
"""

import base64
import contextlib
import re
import struct
import time
from datetime import UTC, datetime, timedelta, timezone

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import query as queries_of
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT, Query, QueryAnswer, SqlError
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import odbc
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.host import OUTCOME, HostFailed, HostUnreachable

READ_TIMEOUT, CHANGE_TIMEOUT = 60, 300
DEADLOCK = 1205
# SQL Server: 596 the session is killed, 6005 it shuts down. FreeTDS: 20004 read failed, 20006 write failed, 20017 end of file, 20047 dead.
LOST_NUMBERS = (596, 6005, 20004, 20006, 20017, 20047)
LOST_STATES = ("08001", "08003", "08007", "08S01")     # 08004 is none: Microsoft's driver gives it to a USE that was refused
TIMEOUT = "HYT00"
DATETIMEOFFSET = -155
TRIES = 3

# A login sees an object only where it has a right on it: "none" is said where it may see every definition of the database. The row of
# master stands for the databases that the login does not see at all.
WHERE_IS_THE_GROUP = Query(
    "sql.management",
    "SELECT d.name AS name, CASE WHEN d.name = N'master' AND HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE') = 0 THEN NULL "
    "WHEN d.database_id <= 4 THEN 0 WHEN d.state <> 0 OR HAS_DBACCESS(d.name) <> 1 THEN NULL "
    "WHEN OBJECT_ID(QUOTENAME(d.name) + N'.dbo.adm_Group') IS NOT NULL THEN 1 "
    "WHEN HAS_PERMS_BY_NAME(QUOTENAME(d.name), N'DATABASE', N'VIEW DEFINITION') = 1 THEN 0 END AS holds_group "
    "FROM sys.databases AS d ORDER BY d.database_id;",
    {"name": "text", "holds_group": "boolean"}, rights=(("VIEW ANY DATABASE", ""), ("VIEW ANY DEFINITION", "")))


@contextlib.contextmanager
def open(options, where):
    """A session. *where*: the inventory name, for messages."""
    with odbc.prepared(options, where) as connect:
        session = Session(connect, options, where)
        try:
            yield session
        finally:
            session.close()


class _Lost(Exception):
    """The connection was lost while a query was read; *error* is the SqlError."""

    def __init__(self, error):
        super().__init__(error.message)
        self.error = error


class Session:
    """*counts*: connections, executes and changes of database so far."""

    def __init__(self, connect, options, where):
        self.where, self.options, self._connect = where, options, connect
        self.counts = {"connections": 0, "executes": 0, "uses": 0}
        self.management, self._connection, self._database = None, None, None
        self._open()
        info = {"driver": 6, "driver_version": 7, "server_version": 18}     # SQL_DRIVER_NAME, SQL_DRIVER_VER, SQL_DBMS_VER
        self._said = {name: str(self._connection.getinfo(number)) for name, number in info.items()}

    def _open(self):
        self._connection, self._database = self._connect(), "master"
        self.counts["connections"] += 1
        self._connection.add_output_converter(DATETIMEOFFSET, _from_datetimeoffset)

    def close(self):
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()

    def server(self):
        """What the driver said of the session: its own name and version, and the server's version."""
        return dict(self._said)

    def read(self, wanted, progress=None, deadline=300):
        """``{name: QueryAnswer}`` of each query and of ``sql.management``. *progress*: called with a few words before each. *deadline*:
        seconds after which no query is begun."""
        until = time.monotonic() + deadline
        for attempt in range(1, TRIES + 1):
            answers = {}
            try:
                self._read_on_one_connection(wanted, answers, progress, until)
                return answers
            except _Lost as lost_at:
                error, gone = lost_at.error, "the connection was lost"
            try:
                if attempt < TRIES:
                    self._open()
            except (HostUnreachable, HostFailed) as failed:
                gone = f"the connection was lost and did not come about again: {failed.message}"
                break
        ended = QueryAnswer("skipped", reason=f"{gone} ({_named(error)})", broken=True)
        return {name: answers.get(name, ended) for name in (WHERE_IS_THE_GROUP.name, *(query.name for query in wanted))}

    def _read_on_one_connection(self, wanted, answers, progress, until):
        """Fills *answers*. What a snapshot says comes from one connection, since after a failover another server may answer: where one is
        lost, reading begins anew. Raises _Lost."""
        if self._connection is None:
            self._open()
        answers[WHERE_IS_THE_GROUP.name] = self._find_management()
        unopened = {}
        for number, query in enumerate(wanted, 1):
            if progress:
                progress(f"query {number} of {len(wanted)}, {query.name}")
            if query.name in answers:
                continue
            if time.monotonic() >= until:
                answers[query.name] = QueryAnswer("skipped", reason="the time for reading was over", broken=True)
            else:
                answers[query.name] = self._read_one(query, unopened)

    def _find_management(self):
        declared = self.options["management_database"]
        if declared is not None:
            self.management = declared or None
            return declared_management(declared)
        answer = self._read_one(WHERE_IS_THE_GROUP, {})
        held = queries_of.management({WHERE_IS_THE_GROUP.name: answer})
        self.management = held if isinstance(held, str) else None
        return answer

    def _read_one(self, query, unopened):
        """*unopened*: database -> the answer of all its queries, where it did not open."""
        database = self.management if query.database == MANAGEMENT else query.database
        if database is None:
            return QueryAnswer("skipped", reason="the management database is not known")
        if database in unopened:
            return unopened[database]
        error = None
        for _try in range(TRIES):
            try:
                self._connection.timeout = READ_TIMEOUT
                self._use(database)
                return self._fetched(query)
            except odbc.errors() as raised:
                error = explained(raised)
                if lost(error):
                    self.close()
                    self._connection = None
                    raise _Lost(error) from raised
                if error.number != DEADLOCK:
                    break
        if self._database != database:
            unopened[database] = QueryAnswer("failed", error=error)
        return QueryAnswer("failed", error=error)

    def _use(self, database):
        if self._database != database:
            self.counts["uses"] += 1
            self._connection.cursor().execute(f"USE {quoted(database)};")
            self._database = database

    def _fetched(self, query):
        cursor = self._connection.cursor()
        self.counts["executes"] += 1
        cursor.execute(query.text, *query.values)
        names = [column[0] for column in cursor.description or ()]
        if names != list(query.columns):
            message = f"it answered the columns {', '.join(names) or '(none)'} and not {', '.join(query.columns)}"
            return QueryAnswer("failed", error=SqlError(0, "", message))
        try:
            found = cursor.fetchall()
            while cursor.nextset():     # an error after the first rows comes up here only
                pass
            cut = bool(query.limit) and len(found) > query.limit
            rows = [{name: plain(value, kind) for (name, kind), value in zip(query.columns.items(), row, strict=True)}
                    for row in (found[:query.limit] if cut else found)]
        except (TypeError, ValueError, AttributeError) as error:
            return QueryAnswer("failed", error=SqlError(0, "", f"a value is not of the agreed type ({error})"))
        return QueryAnswer("ok", rows, cut)

    def execute(self, statement):
        """Carries out one statement that changes something; it is not tried twice. Raises HostFailed where SQL Server refuses it,
        HostUnreachable where the connection is lost (*sent*: it may have been carried out)."""
        sent = False
        try:
            database = self.management if statement.database == MANAGEMENT else statement.database
            if database is None:
                raise HostFailed(f"{self.where}: the management database is not known.", sent=False)
            if self._connection is None:
                self._open()
            self._connection.timeout = CHANGE_TIMEOUT
            self._use(database)
            cursor = self._connection.cursor()
            self.counts["executes"] += 1
            sent = True
            cursor.execute(statement.text, *statement.values)
            while cursor.nextset():
                pass
        except odbc.errors() as raised:
            error = explained(raised)
            if error.sqlstate == TIMEOUT:
                raise HostFailed(f"{self.where}: SQL Server did not come to an end within {CHANGE_TIMEOUT} s, and was told to stop."
                                 f"{OUTCOME if sent else ''}", sent=sent) from raised
            if not lost(error):
                raise HostFailed(f"{self.where}: SQL Server refused it ({_named(error)}): {error.message}", sent=False,
                                 code=error.number) from raised
            self.close()
            self._connection = None
            raise HostUnreachable(f"{self.where}: the connection to SQL Server was lost.{OUTCOME if sent else ''}", sent=sent) from raised


def declared_management(name):
    """The answer of ``WHERE_IS_THE_GROUP`` where the inventory or the task says it; "" where there is no management database."""
    return QueryAnswer("ok", [{"name": name, "holds_group": True}] if name else [])


def quoted(name):
    """An identifier as T-SQL: the only place where a name becomes part of a text."""
    return "[" + name.replace("]", "]]") + "]"


def explained(raised):
    """The SqlError of what the driver raised: SQL Server's number stands before the function's name at the end of each record."""
    arguments = [str(argument) for argument in getattr(raised, "args", ())]
    state = arguments[0] if arguments and re.fullmatch(r"[0-9A-Z]{5}", arguments[0]) else ""
    text = arguments[-1] if arguments else str(raised)
    numbers = odbc.RECORD_END.findall(text)
    return SqlError(int(numbers[0]) if numbers else 0, state, _message(text))


def _message(text):
    """The first record's sentence, without the drivers' own brackets."""
    first = odbc.RECORD_END.split(text, maxsplit=1)[0]
    return " ".join(re.sub(r"^(?:\[[^\]]*\]\s*)+", "", first.strip()).split()).rstrip("; ")


def lost(error):
    """Whether the connection is gone. FreeTDS tells a cut stream without a state of its own."""
    return error.number in LOST_NUMBERS or error.sqlstate in LOST_STATES or error.sqlstate in ("24000", "HY000", "01000") and not error.number


def _named(error):
    return f"error {error.number}" if error.number else f"SQLSTATE {error.sqlstate}"


def plain(value, kind):
    """A column's value in the contract's plain types. Raises TypeError or ValueError where it is not of that type: nothing is guessed."""
    if value is None:
        return None
    if kind in ("number", "boolean", "decimal"):
        whole = int(value)
        if whole != value and not (kind == "decimal" and value == str(whole)):
            raise ValueError(f"{value!r} where a whole number was expected")
        return {"number": whole, "boolean": whole != 0, "decimal": str(whole)}[kind]
    wanted = {"bytes": (bytes, bytearray), "local": datetime, "instant": datetime, "text": str}[kind]
    if not isinstance(value, wanted):
        raise TypeError(f"{type(value).__name__} where {kind} was expected")
    if kind == "bytes":
        return base64.b64encode(value).decode("ascii")
    if kind == "local":
        if value.tzinfo:
            raise ValueError("a datetimeoffset where a datetime was expected")
        return value.isoformat(timespec="milliseconds")
    if kind == "instant":
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return value


def from_base64(text):
    return base64.b64decode(text)


def from_iso(text):
    """A date and time of the executor, whose fraction has seven digits."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _from_datetimeoffset(raw):
    """SQL_SS_TIMESTAMPOFFSET_STRUCT as an aware instant."""
    year, month, day, hour, minute, second, fraction, hours, minutes = struct.unpack("<6hI2h", raw)
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    return datetime(year, month, day, hour, minute, second, fraction // 1000, zone)
