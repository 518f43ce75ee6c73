"""The lab's TDS server with drivers that know nothing of it: Microsoft's and FreeTDS, through pyodbc."""
from __future__ import annotations

import importlib.util
import struct
import threading
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from lab import certificates
from lab.instance import Instance
from lab.tds.server import serve, tls
from lab.tsql.problem import Rows, SqlProblem

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc is not installed")
pyodbc.pooling = False

CLOCK = "2026-11-24T08:00:00.1234567Z"
FREETDS = Path("/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so")
SAMPLE = """
SELECT CONVERT(bit, 1) AS b, CONVERT(tinyint, 255) AS t, CONVERT(smallint, -1) AS s, -1 AS i, CONVERT(bigint, 9007199254740993) AS l,
       CONVERT(numeric(25,0), 34000000012300001) AS lsn, CONVERT(decimal(10,2), 12.5) AS d, CONVERT(float, 0.25) AS f, N'\u00e4\u4e2d' AS n,
       CONVERT(nvarchar(max), N'long') AS m, CONVERT(datetime, '2026-11-24T09:00:00.123') AS dt, CONVERT(datetime2(7),
                                                                                                         '2026-11-24 09:00:00.1234567') AS d2,
       SYSDATETIMEOFFSET() AS o, CONVERT(uniqueidentifier, '6f9619ff-8b86-d011-b42d-00c04fc964ff') AS g, 0x0102FF AS x, CONVERT(date,
                                                                                                                                '20260228') AS y;
"""
EXPECTED = [True, 255, -1, -1, 9007199254740993, Decimal("34000000012300001"), Decimal("12.50"), 0.25, "\u00e4\u4e2d", "long",
            datetime(2026, 11, 24, 9, 0, 0, 123000), datetime(2026, 11, 24, 9, 0, 0, 123456),
            datetime(2026, 11, 24, 9, 0, 0, 123456, timezone(timedelta(hours=1))), "6F9619FF-8B86-D011-B42D-00C04FC964FF", b"\x01\x02\xff",
            datetime(2026, 2, 28).date()]


def microsoft():
    spec = importlib.util.find_spec("mssql_python_odbc")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-*.so*")) if spec else []
    return found[-1] if found else None


DRIVERS = {"microsoft": microsoft(), "freetds": FREETDS if FREETDS.exists() else None}


@pytest.fixture(params=sorted(DRIVERS))
def driver(request):
    if DRIVERS[request.param] is None:
        pytest.skip(f"the ODBC driver {request.param} is not there")
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The certificates; Microsoft's driver trusts their authority."""
    made = tmp_path_factory.mktemp("tds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificates.ensure(made)))
        yield made


class Server:
    """One served instance and ways to connect to it."""

    def __init__(self, instance, folder, port):
        self.instance, self.folder, self.port = instance, folder, port

    def connect(self, driver, user="audit", password="Lab-only-1", database="msdb", timeout=5, **options):
        if driver == "microsoft":
            options = {"SERVER": f"localhost,{self.port}", "Encrypt": "yes", **options}
        elif "SERVERNAME" not in options:
            options = {"SERVER": "localhost", "PORT": self.port, "TDS_Version": "7.4", **options}
        text = ";".join(f"{key}={value}" for key, value in {"DRIVER": DRIVERS[driver], "UID": user, "PWD": password, "DATABASE": database,
                                                            **options}.items())
        connection = pyodbc.connect(text, autocommit=True, timeout=timeout)
        connection.add_output_converter(-155, offset)
        return connection


def offset(raw):
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack("<hHHHHHIhh", raw)
    return datetime(year, month, day, hour, minute, second, nanoseconds // 1000, timezone(timedelta(hours=hours, minutes=minutes)))


@pytest.fixture
def instance():
    made = Instance("SQLBTS\\BTS", clock=lambda: CLOCK)
    made.add_database("BizTalkMgmtDb")
    made.insert("master", "sys.databases", [{"name": name, "database_id": number, "state": 0} for number, name in enumerate(made.databases,
                                                                                                                            1)])
    made.login("audit", "Lab-only-1", sysadmin=True)
    made.login("reader", "Lab-only-2")
    return made


@pytest.fixture
def server(instance, folder):
    with serve(instance, tls(folder)) as port:
        yield Server(instance, folder, port)


def number(error):
    """The native number at the end of a driver's message."""
    return int(str(error.value.args[1]).rpartition(" (")[0].rpartition("(")[2].rstrip(")"))


def test_every_type_arrives_as_itself_and_as_null(server, driver):
    with server.connect(driver) as connection:
        row = connection.execute(SAMPLE).fetchone()
        assert list(row) == EXPECTED
        server.instance.create_table("msdb", "dbo.kinds", {
            "a": "bit", "b": "numeric(25,0)", "c": "datetimeoffset(7)", "d": "nvarchar(4000)", "e": "nvarchar(max)",
            "f": "uniqueidentifier",
            "g": "varbinary(max)", "h": "float", "i": "datetime", "j": "bigint", "k": "datetime2(3)", "l": "date"})
        server.instance.insert("msdb", "dbo.kinds", [{}, {"d": "x" * 4000, "e": "y" * 100000, "g": b"\0" * 70000, "i": datetime(1900, 1,
                                                                                                                                1)}])
        rows = connection.execute("SELECT * FROM dbo.kinds ORDER BY j;").fetchall()
        assert list(rows[0]) == [None] * 12
        assert (rows[1].d, rows[1].e, rows[1].g, rows[1].i) == ("x" * 4000, "y" * 100000, b"\0" * 70000, datetime(1900, 1, 1))


def test_parameters_reach_the_statement_with_their_types(server, driver):
    moment = datetime(2026, 11, 24, 9, 0, 0, 120000)
    with server.connect(driver) as connection:
        cursor = connection.cursor()
        row = cursor.execute("SELECT ? AS a, ? AS b, ? AS c, ? AS d, CONVERT(datetime, ?) AS e, ? AS f, ? AS g;", "it's \u4e2d", 5, 2**40,
                             0.5, moment,
                             b"\1\2", Decimal("12345678901234567890123")).fetchone()
        assert list(row) == ["it's \u4e2d", 5, 2**40, 0.5, moment, b"\1\2", Decimal("12345678901234567890123")]
        assert cursor.execute("SELECT ? AS a;", "z" * 5000).fetchone()[0] == "z" * 5000
        for text in ("job", "another", "job"):      # prepared, prepared anew, run again
            assert cursor.execute("SELECT UPPER(?) AS a;", text).fetchone()[0] == text.upper()
        before = len(server.instance.texts())
        assert cursor.execute("SELECT COUNT(*) AS n FROM sys.databases WHERE name = ? OR name = ?;", "MSDB", None).fetchone()[0] == 1
        assert len(server.instance.texts()) == before + 1       # what a driver asks on its own is no text


def test_a_procedure_is_called_with_named_values(server, driver):
    seen = []

    @server.instance.procedure("msdb.dbo.sp_update_job")
    def update(_instance, session, arguments):
        seen.append(dict(arguments))
        session.message("two words")
        return Rows({"id": "int", "name": "sysname"}, [[1, "x"]])

    with server.connect(driver) as connection:
        cursor = connection.cursor()
        cursor.execute("EXEC msdb.dbo.sp_update_job @job_name = ?, @enabled = ?;", "Backup", 1)
        assert [tuple(row) for row in cursor.fetchall()] == [(1, "x")]
        assert seen == [{"job_name": "Backup", "enabled": 1}]
        cursor.execute("EXEC sp_update_job @job_name = N'Backup', @description = NULL, @enabled = 0;")
        assert seen[1] == {"job_name": "Backup", "description": None, "enabled": 0}
        cursor.execute("{CALL msdb.dbo.sp_update_job(NULL, ?)}", "by place")
        assert seen[2] == {"job_id": None, "job_name": "by place"}
        with pytest.raises(pyodbc.ProgrammingError) as error:
            cursor.execute("EXEC msdb.dbo.sp_update_job @nothing = 1;")
        assert number(error) == 8145


@pytest.mark.parametrize(("text", "wanted", "state"), [
    ("SELECT a FROM dbo.nothing;", 208, "42S02"), ("SELECT nothing FROM sys.databases;", 207, "42S22"), ("SELEC 1;", 50000, "42000"),
    ("SELECT FROM;", 102, "42000"), ("SELECT 1 / 0 AS a;", 8134, "22012"), ("SELECT CONVERT(int, N'x') AS a;", 245, "22018"),
    ("EXEC dbo.nothing;", 2812, "42000"), ("USE nothing;", 911, "08004"), ("BEGIN TRANSACTION;", 50000, "42000"),
])
def test_errors_have_their_number_and_state(server, driver, text, wanted, state):
    with server.connect(driver) as connection:
        with pytest.raises(pyodbc.Error) as error:
            connection.execute(text)
        assert (number(error), error.value.args[0]) == (wanted, state)
        assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


def test_an_error_after_a_result_comes_when_the_next_one_is_asked_for(server, driver):
    with server.connect(driver) as connection:
        cursor = connection.execute("SELECT 1 AS a; SELECT 1 / 0 AS b;")
        assert cursor.fetchall()[0][0] == 1
        with pytest.raises(pyodbc.DataError) as error:
            cursor.nextset()
        assert number(error) == 8134


def test_the_session_changes_its_database(server, driver):
    with server.connect(driver) as connection:
        assert connection.execute("SELECT DB_NAME() AS n;").fetchone()[0] == "msdb"
        connection.execute("USE [BizTalkMgmtDb];")
        assert connection.execute("SELECT DB_NAME() AS n, OBJECT_ID(N'dbo.adm_Group') AS i;").fetchone()[0] == "BizTalkMgmtDb"
        assert connection.getinfo(pyodbc.SQL_DATABASE_NAME) == "BizTalkMgmtDb"


def test_logins_are_refused(server, driver):
    login, database = {"microsoft": 18456, "freetds": 18456}, {"microsoft": 4060,
                                                               "freetds": 18456}     # of two errors FreeTDS shows the last
    for options, wanted in (({"password": "wrong"}, login), ({"user": "nobody"}, login), ({"database": "nothing"}, database),
                            ({"user": "reader", "password": "Lab-only-2", "database": "BizTalkMgmtDb"}, database)):
        with pytest.raises(pyodbc.Error) as error:
            server.connect(driver, **options)
        assert number(error) == wanted[driver]


# --- TLS

@pytest.mark.parametrize("encrypt", ["no", "yes", "strict"])
def test_microsofts_driver_verifies_the_certificate(server, encrypt):
    if DRIVERS["microsoft"] is None:
        pytest.skip("Microsoft's ODBC driver is not there")
    with server.connect("microsoft", Encrypt=encrypt) as connection:
        assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


@pytest.mark.parametrize("certificate", ["untrusted", "wrong_name", "expired"])
def test_a_wrong_certificate_is_refused(instance, folder, driver, certificate, tmp_path, monkeypatch):
    with serve(instance, tls(folder, certificate)) as port:
        server, options = Server(instance, folder, port), {}
        if driver == "freetds":
            options = freetds(monkeypatch, tmp_path, folder, port)
        with pytest.raises(pyodbc.Error) as error:
            server.connect(driver, **options)
        assert error.value.args[0] == "08001"
        assert not instance.texts()


def test_freetds_verifies_a_good_certificate(server, tmp_path, monkeypatch):
    if DRIVERS["freetds"] is None:
        pytest.skip("FreeTDS is not there")
    with server.connect("freetds", **freetds(monkeypatch, tmp_path, server.folder, server.port)) as connection:
        assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


def freetds(monkeypatch, tmp_path, folder, port):
    """A private freetds.conf that verifies; what to connect with."""
    tmp_path.joinpath("freetds.conf").write_text(
        f"[lab]\nhost = localhost\nport = {port}\ntds version = 7.4\nencryption = require\nca file = {folder / 'ca.pem'}\n"
        "check certificate hostname = yes\n")
    monkeypatch.setenv("FREETDSCONF", str(tmp_path / "freetds.conf"))
    return {"SERVERNAME": "lab"}


def test_a_server_without_tls_is_refused_by_a_client_that_wants_it(instance):
    if DRIVERS["microsoft"] is None:
        pytest.skip("Microsoft's ODBC driver is not there")
    with serve(instance) as port:
        server = Server(instance, None, port)
        with pytest.raises(pyodbc.Error) as error:
            server.connect("microsoft")
        assert (error.value.args[0], number(error)) == ("08001", 20)
        with server.connect("microsoft", Encrypt="no") as connection:
            assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


# --- faults

def test_a_query_runs_into_its_timeout_and_the_connection_lives_on(server, driver):
    server.instance.fault("delay", seconds=20, text="sysjobs")
    with server.connect(driver) as connection:
        connection.timeout = 1
        started = time.monotonic()
        with pytest.raises(pyodbc.OperationalError) as error:
            connection.execute("SELECT name FROM dbo.sysjobs;")
        assert error.value.args[0] == "HYT00" and time.monotonic() - started < 5
        assert connection.execute("SELECT name FROM dbo.sysjobs;").fetchall() == []


def test_a_query_is_cancelled(server, driver):
    server.instance.fault("delay", seconds=20)
    with server.connect(driver) as connection:
        cursor = connection.cursor()
        threading.Timer(0.3, cursor.cancel).start()
        started = time.monotonic()
        with pytest.raises(pyodbc.Error) as error:
            cursor.execute("SELECT 1 AS a;")
        assert error.value.args[0] == "HY008" and time.monotonic() - started < 5
        assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


def test_planted_errors_strike_once_and_only_where_they_are_meant(server, driver):
    server.instance.fault("error", number=1205, text="sysjobs", skip=1)
    with server.connect(driver) as connection:
        for text in ("SELECT 1 AS a;", "SELECT name FROM dbo.sysjobs;"):
            connection.execute(text).fetchall()
        with pytest.raises(pyodbc.Error) as error:
            connection.execute("SELECT name FROM dbo.sysjobs;")
        assert number(error) == 1205
        connection.execute("SELECT name FROM dbo.sysjobs;").fetchall()
    assert [each["error"] for each in server.instance.texts()] == [None, None, 1205, None]


def test_a_connection_is_lost_between_rows(server, driver):
    server.instance.create_table("msdb", "dbo.numbers", {"n": "int", "filler": "nvarchar(1000)"})
    server.instance.insert("msdb", "dbo.numbers", [{"n": number, "filler": "x" * 1000} for number in range(50)])
    server.instance.fault("reset", rows=20, text="numbers")
    connection, rows = server.connect(driver), []
    with pytest.raises(pyodbc.Error) as error:
        for row in connection.execute("SELECT n, filler FROM dbo.numbers ORDER BY n;"):
            rows.append(row.n)
    assert error.value.args[0] in ("08S01", "HY000", "01000")
    assert rows == list(range(len(rows))) and len(rows) <= 20
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT 1 AS a;")
    with server.connect(driver) as again:
        assert len(again.execute("SELECT n FROM dbo.numbers;").fetchall()) == 50


@pytest.mark.parametrize(("before", "wanted"), [(True, []), (False, [("desk",)])])
def test_a_connection_is_lost_before_a_change_or_after_it(server, driver, before, wanted):
    server.instance.fault("reset", before=before, text="INSERT")
    connection = server.connect(driver)
    with pytest.raises(pyodbc.Error):
        connection.execute("INSERT INTO dbo.sysoperators (name) VALUES (N'desk');")
    with server.connect(driver) as again:
        assert [tuple(row) for row in again.execute("SELECT name FROM dbo.sysoperators;")] == wanted


def test_a_cancelled_change_is_not_made(server, driver):
    server.instance.fault("delay", seconds=20, text="INSERT")
    with server.connect(driver) as connection:
        connection.timeout = 1
        with pytest.raises(pyodbc.OperationalError):
            connection.execute("INSERT INTO dbo.sysoperators (name) VALUES (N'desk');")
        assert connection.execute("SELECT name FROM dbo.sysoperators;").fetchall() == []


def test_a_connection_is_closed_or_left_hanging_before_the_login_is_answered(server, driver):
    server.instance.fault("close")
    with pytest.raises(pyodbc.Error):
        server.connect(driver)
    server.instance.fault("silent")
    started = time.monotonic()
    with pytest.raises(pyodbc.Error) as error:
        server.connect(driver, timeout=1)
    assert error.value.args[0] == "HYT00" and time.monotonic() - started < 5
    server.connect(driver).close()


def test_a_failure_of_the_lab_itself_is_an_error_and_not_the_end_of_the_connection(server, driver):
    @server.instance.procedure("msdb.dbo.sp_start_job")
    def broken(_instance, _session, _arguments):
        raise KeyError("planted")

    with server.connect(driver) as connection:
        with pytest.raises(pyodbc.Error) as error:
            connection.execute("EXEC msdb.dbo.sp_start_job @job_name = N'x';")
        assert number(error) == 50000 and "the lab failed: KeyError" in error.value.args[1]
        assert connection.execute("SELECT 1 AS a;").fetchone()[0] == 1


def test_what_a_procedure_said_comes_before_its_error(server, driver):
    @server.instance.procedure("msdb.dbo.sp_start_job")
    def complaining(_instance, session, _arguments):
        session.error(SqlProblem(22022, 16, 1, "SQLServerAgent Error: first."))
        raise SqlProblem(14262, 16, 1, "second")

    with server.connect(driver) as connection, pytest.raises(pyodbc.Error) as error:
        connection.execute("EXEC msdb.dbo.sp_start_job @job_name = N'x';")
    assert number(error) == 22022       # the exception has the first of several errors


def test_texts_are_recorded_with_login_database_and_whether_they_changed_anything(server, driver):
    before = server.instance.state_hash()
    with server.connect(driver) as connection:
        connection.execute("SELECT name FROM sys.objects;").fetchall()
        assert server.instance.state_hash() == before
        connection.execute("INSERT INTO dbo.sysoperators (id, name) VALUES (?, ?);", 1, "desk")
    assert server.instance.state_hash() != before
    texts = server.instance.texts()
    assert [(each["login"], each["database"], each["changes"]) for each in texts] == [("audit", "msdb", False), ("audit", "msdb", True)]
    assert list(texts[1]["parameters"].values()) == [1, "desk"]


def test_many_rows_arrive_whole(server, driver):
    server.instance.create_table("msdb", "dbo.many", {"n": "int", "t": "nvarchar(100)"})
    server.instance.insert("msdb", "dbo.many", [{"n": number, "t": f"row {number}"} for number in range(5000)])
    with server.connect(driver) as connection:
        rows = connection.execute("SELECT n, t FROM dbo.many ORDER BY n;").fetchall()
    assert [tuple(row) for row in rows] == [(number, f"row {number}") for number in range(5000)]


@pytest.mark.parametrize("text", ["it's", "]];--", "\u202eabc", "\U0001f4be", "line\r\nbreak\ttab", " blanks ", "", "%_[a]", "N''", "a\0b",
                                  "\ud7ff\ue000", "?", "@P1", "x" * 4001])
def test_hostile_texts_go_in_and_come_out(server, driver, text):
    server.instance.create_table("msdb", "dbo.names", {"name": "nvarchar(max)"})
    with server.connect(driver) as connection:
        connection.execute("INSERT INTO dbo.names (name) VALUES (?);", text)
        assert connection.execute("SELECT name FROM dbo.names;").fetchone()[0] == text
        assert connection.execute("SELECT COUNT(*) AS n FROM dbo.names WHERE name = ?;", text).fetchone()[0] == 1
        if "\0" not in text and len(text) < 4000:
            written = text.replace("'", "''")
            assert connection.execute(f"SELECT N'{written}' AS x; -- {{it's}}").fetchone()[0] == text
            assert connection.execute(f"SELECT 1 AS [n{text.replace(']', ']]')}];").description[0][0] == "n" + text
            with pytest.raises(pyodbc.Error) as error:
                connection.execute(f"SELECT x FROM [{text.replace(']', ']]')}z];")
            assert number(error) == 208
