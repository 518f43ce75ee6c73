"""Choosing an ODBC driver, what it is told, and what its errors mean; without any driver."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query, SqlError
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import odbc, sql
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.host import HostFailed

MS = "[Microsoft][ODBC Driver 18 for SQL Server]"


class Error(Exception):
    """Stands for pyodbc.Error."""


class Cursor:
    def __init__(self, server):
        self.server, self.description, self.rows = server, None, []

    def execute(self, text, *values):
        self.server.sent.append((text, values, self.server.timeout))
        answer = self.server.answers.pop(0) if self.server.answers and not text.startswith("USE ") else []
        if isinstance(answer, Exception):
            raise answer
        self.rows, self.description = answer, [("n", int)]
        return self

    def fetchall(self):
        return self.rows

    def nextset(self):
        return False


class Server:
    """pyodbc and its connections in one. *answers*: rows or an error for each text that is no USE, in order."""

    Error = Error

    def __init__(self, *answers, drivers=("ODBC Driver 18 for SQL Server",)):
        self.answers, self.sent, self.strings, self.closed, self.timeout = list(answers), [], [], 0, None
        self.drivers = lambda: list(drivers)

    def connect(self, text, **options):
        self.strings.append((text, options))
        return self

    def add_output_converter(self, kind, _function):
        assert kind == sql.DATETIMEOFFSET

    def getinfo(self, number):
        return f"info {number}"

    def cursor(self):
        return Cursor(self)

    def close(self):
        self.closed += 1


def options(**changed):
    return login.filled({"login_host": "sqlbts.contoso.com", "login_user": "audit", "login_password": "secret", "management_database": "", **changed}, {})


@pytest.fixture
def serve(monkeypatch):
    def made(*answers, **more):
        server = Server(*answers, **more)
        monkeypatch.setattr(odbc, "pyodbc", server)
        monkeypatch.setattr(odbc, "_probe", lambda *_arguments: None)
        return server
    return made


@pytest.mark.parametrize("names, wanted, chosen", [
    (["FreeTDS", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"], "", "ODBC Driver 18 for SQL Server"),
    (["ODBC Driver 9 for SQL Server", "ODBC Driver 17 for SQL Server"], "", "ODBC Driver 17 for SQL Server"),
    (["ODBC Driver 17 for SQL Server"], "/opt/libmsodbcsql-18.so", "/opt/libmsodbcsql-18.so"),
    (["SQLite3", "FreeTDS"], "", "FreeTDS"),
    (["SQLite3", "SQL Server"], "", "")])
def test_the_newest_driver_is_taken_unless_one_is_named(monkeypatch, names, wanted, chosen):
    monkeypatch.setattr(odbc.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(odbc, "FREETDS", ())
    assert odbc.find_driver(wanted, names) == chosen


def test_without_a_driver_or_pyodbc_it_says_how_to_get_one(monkeypatch, serve):
    monkeypatch.setattr(odbc, "find_driver", lambda _wanted: "")
    serve()
    with pytest.raises(HostFailed, match="no ODBC driver for SQL Server: install .*msodbcsql18.*tdsodbc.*sql_via: host") as missing, sql.open(options(), "a"):
        pass
    assert not missing.value.sent
    monkeypatch.setattr(odbc, "pyodbc", None)
    monkeypatch.setattr(odbc, "MISSING", "libodbc.so.2: cannot open shared object file")
    with pytest.raises(HostFailed, match=r"pyodbc cannot be loaded on the controller \(libodbc.*install pyodbc and unixODBC"), sql.open(options(), "a"):
        pass


def test_what_microsofts_driver_is_told(serve):
    server = serve()
    with sql.open(options(login_port=1444), "sqlbts"):
        pass
    assert server.strings == [(
        "DRIVER={ODBC Driver 18 for SQL Server};DATABASE={master};APP={biztalk.fault_tolerance};UID={audit};PWD={secret};"
        "SERVER={tcp:sqlbts.contoso.com,1444};Encrypt={yes};TrustServerCertificate={no}", {"autocommit": True, "timeout": 15})]
    assert server.closed == 1
    with sql.open(options(login_host="SQLBTS\\BTS", login_user=None, server_spn="MSSQLSvc/x:1", encrypt="no", trust_server_certificate=True), "a"):
        pass
    assert server.strings[1][0].endswith("Trusted_Connection={yes};ServerSPN={MSSQLSvc/x:1};SERVER={tcp:SQLBTS\\BTS};Encrypt={no};TrustServerCertificate={yes}")
    assert "PWD" not in server.strings[1][0]


@pytest.mark.parametrize("changed, lines", [
    ({}, ["encryption = require", "ca file = system", "check certificate hostname = yes"]),
    ({"ca_file": "/etc/our ca.pem"}, ["encryption = require", "ca file = /etc/our ca.pem", "check certificate hostname = yes"]),
    ({"trust_server_certificate": True}, ["encryption = require"]),
    ({"encrypt": "no"}, ["encryption = off"]),
])
def test_what_freetds_is_told(serve, tmp_path, changed, lines):
    server = serve(drivers=())
    path = []
    server.connect = lambda text, **_options: path.append(odbc.pathlib.Path(odbc.os.environ["FREETDSCONF"]).read_text(encoding="utf-8")) or server
    with sql.open(options(driver="/usr/lib/libtdsodbc.so", login_host="SQLBTS\\BTS", **changed), "sqlbts"):
        pass
    assert path[0].splitlines() == ["[instance]", "host = SQLBTS", "tds version = 7.4", "instance = BTS", *lines]
    assert "FREETDSCONF" not in odbc.os.environ
    with pytest.raises(HostFailed, match="may hold no line break"), sql.open(options(driver="libtdsodbc.so", ca_file="x\nhost = y"), "a"):
        pass


@pytest.mark.parametrize("raised, number, state, message, gone", [
    (("42S02", f"[42S02] {MS}[SQL Server]Invalid object name 'x'. (208) (SQLExecDirectW)"), 208, "42S02", "Invalid object name 'x'.", False),
    (("42000", f"[42000] {MS}[SQL Server]No (7) (SQLx) y. (229) (SQLExecDirectW)"), 229, "42000", "No (7) (SQLx) y.", False),
    (("42000", f"[42000] {MS}[SQL Server]One. (300) (SQLExecDirectW); [42000] {MS}[SQL Server]Two. (297) (SQLExecDirectW)"), 300, "42000", "One.", False),
    (("08004", f"[08004] {MS}[SQL Server]Database 'x' does not exist. (911) (SQLExecDirectW)"), 911, "08004", "Database 'x' does not exist.", False),
    (("08S01", f"[08S01] {MS}TCP Provider: Error code 0x68 (104) (SQLExecDirectW)"), 104, "08S01", "TCP Provider: Error code 0x68", True),
    (("HY000", f"[HY000] {MS}[SQL Server]The session is in the kill state. (596) (SQLExecDirectW)"), 596, "HY000", "The session is in the kill state.", True),
    (("HY000", "[HY000] [FreeTDS][SQL Server]Unknown error (20017) (SQLFetch)"), 20017, "HY000", "Unknown error", True),
    (("HY000", "The driver did not supply an error!"), 0, "HY000", "The driver did not supply an error!", True),
    (("HYT00", f"[HYT00] {MS}Query timeout expired (0) (SQLExecDirectW)"), 0, "HYT00", "Query timeout expired", False),
    ((), 0, "", "", False),
])
def test_an_error_is_told_by_the_first_records_number(raised, number, state, message, gone):
    error = sql.explained(Error(*raised))
    assert (error.number, error.sqlstate, error.message) == (number, state, message)
    assert sql.lost(error) == gone


def test_a_deadlock_and_a_loss_are_tried_three_times_and_nothing_else_is(serve):
    deadlock = Error("40001", f"[40001] {MS}[SQL Server]deadlocked (1205) (SQLExecDirectW)")
    loss = Error("08S01", f"[08S01] {MS}Communication link failure (0) (SQLExecDirectW)")
    denied = Error("42000", f"[42000] {MS}[SQL Server]denied (229) (SQLExecDirectW)")
    query = Query("q", "SELECT n;", {"n": "number"})
    for answers, sent, connections, status in (([deadlock, [(1,)]], 2, 1, "ok"), ([deadlock] * 3, 3, 1, "failed"), ([loss, [(1,)]], 2, 2, "ok"),
                                               ([loss] * 3, 3, 3, "skipped"), ([denied, [(1,)]], 1, 1, "failed")):
        server = serve(*answers)
        with sql.open(options(), "a") as session:
            assert session.read([query])["q"].status == status
        assert (len(server.sent), len(server.strings)) == (sent, connections)


def test_every_text_has_a_time_limit_a_change_of_database_too(serve):
    server = serve([(1,)], [])
    with sql.open(options(), "a") as session:
        session.read([Query("q", "SELECT n;", {"n": "number"}, "msdb")])
        session.execute(sql.queries_of.Statement("EXEC x;", (), "master"))
    assert [limit for _text, _values, limit in server.sent] == [sql.READ_TIMEOUT] * 2 + [sql.CHANGE_TIMEOUT] * 2


@pytest.mark.parametrize("name, text", [("msdb", "[msdb]"), ("a]b", "[a]]b]"), ("]", "[]]]"), ("x]; DROP--", "[x]]; DROP--]")])
def test_a_name_is_quoted(name, text):
    assert sql.quoted(name) == text


def test_options_come_from_the_task_then_the_inventory_then_the_default():
    filled = login.filled({"login_host": "task", "encrypt": None, "management_database": ""}, {"login_host": "inventory", "encrypt": "strict",
                                                                                               "management_database": "Mgmt"})
    assert (filled["login_host"], filled["encrypt"], filled["sql_via"], filled["management_database"]) == ("task", "strict", "controller", "")
    assert filled["trust_server_certificate"] is False and set(filled) == set(login.LOGIN_SPEC)


def test_an_error_of_no_number_is_told_by_its_state():
    assert sql.lost(SqlError(0, "08001", "")) and not sql.lost(SqlError(0, "22018", ""))
