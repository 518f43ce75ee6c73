"""The product's session with a SQL Server instance, over TDS and TLS, with Microsoft's driver and FreeTDS: values, counts, errors, losses."""
from __future__ import annotations

import os
import time
from datetime import datetime

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import query as queries_of
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT, Query, Statement
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import carriers, host, odbc, sql
from lab import certificates
from lab.instance import Instance
from lab.tds.server import serve, tls

if odbc.pyodbc is None:
    pytest.skip("pyodbc is not installed", allow_module_level=True)
CLOCK = "2026-11-24T08:00:00.1234567Z"
DRIVERS = {"microsoft": "" if odbc.is_freetds(odbc.find_driver("")) else odbc.find_driver(""),
           "freetds": next((path for pattern in odbc.FREETDS for path in sorted(odbc.glob.glob(pattern))), "")}
JOBS = Query("jobs", "SELECT TOP (3) j.name AS name FROM msdb.dbo.sysjobs AS j ORDER BY j.name;", {"name": "text"}, "msdb",
             rights=(("SELECT", "msdb.dbo.sysjobs"),), limit=2)
ONE = Query("one", "SELECT 1 AS n;", {"n": "number"})
TWO = Query("two", "SELECT 2 AS n;", {"n": "number"})
GROUP = Query("group", "SELECT g.Name AS name FROM dbo.adm_Group AS g;", {"name": "text"}, MANAGEMENT)
SERVERS = Query("servers", "SELECT s.Name AS name FROM dbo.adm_Server AS s;", {"name": "text"}, MANAGEMENT)
UPDATE = Statement("EXEC msdb.dbo.sp_update_job @job_name = ?, @enabled = ?;", ("Backup", 1), "msdb")


@pytest.fixture(params=sorted(DRIVERS))
def driver(request):
    if not DRIVERS[request.param]:
        pytest.skip(f"the ODBC driver {request.param} is not there")
    return DRIVERS[request.param]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tds")
    certificates.ensure(made)
    return made


@pytest.fixture
def instance():
    made = Instance("SQLBTS\\BTS", clock=lambda: CLOCK)
    made.add_database("BizTalkMgmtDb")
    made.add_database("Payroll")
    made.insert("master", "sys.databases", [{"name": name, "database_id": number, "state": 0} for number, name in enumerate(made.databases, 1)])
    made.insert("msdb", "dbo.sysjobs", [{"name": name} for name in ("Backup", "Clean", "Monitor")])
    made.insert("BizTalkMgmtDb", "dbo.adm_Group", [{"Name": "BizTalk Group"}])
    made.login("audit", "Lab-only-1", sysadmin=True)
    made.login("reader", "Lab-only-2")
    made.updates = []
    made.procedure("msdb.dbo.sp_update_job")(lambda _instance, _session, arguments: made.updates.append(dict(arguments)))
    return made


@pytest.fixture
def port(instance, folder):
    with serve(instance, tls(folder)) as number:
        yield number


@pytest.fixture
def options(port, folder, driver):
    """The options of a session, with changes."""
    def made(**changed):
        return login.filled({"login_host": "localhost", "login_port": port, "login_user": "audit", "login_password": "Lab-only-1",
                             "ca_file": str(folder / "ca.pem"), "driver": driver, **changed}, {})
    return made


def texts(instance):
    """What reached the server, a word or two of each."""
    return [each["text"] for each in instance.texts()]


# --- values

def test_each_type_is_told_in_the_contracts_plain_values(options):
    query = Query("types", (
        "SELECT CONVERT(bit, 1) AS yes, CONVERT(int, -1) AS flag, CONVERT(bigint, 9007199254740993) AS big, CONVERT(numeric(25, 0), "
        "1234567890123456789012345) AS lsn, CONVERT(datetime, '2026-10-25T02:30:00.123') AS here, CONVERT(datetimeoffset(7), "
        "'2026-10-25 02:30:00.1234567 +02:00') AS moment, CONVERT(datetime, '2026-10-25T00:30:00') AS utc, CONVERT(int, NULL) AS nothing, "
        "REPLICATE(N'\u00e9', 4000) AS long, CONVERT(varbinary(8), 0x00FF) AS raw, N'a''\"];\U0001f600' AS hostile;"),
        {"yes": "boolean", "flag": "boolean", "big": "number", "lsn": "decimal", "here": "local", "moment": "instant", "utc": "instant",
         "nothing": "number", "long": "text", "raw": "bytes", "hostile": "text"})
    with sql.open(options(), "sqlbts") as session:
        answer = session.read([query])["types"]
    assert answer.rows == [{
        "yes": True, "flag": True, "big": 9007199254740993, "lsn": "1234567890123456789012345", "here": "2026-10-25T02:30:00.123",
        "moment": "2026-10-25T00:30:00.123Z", "utc": "2026-10-25T00:30:00.000Z", "nothing": None, "long": "\u00e9" * 4000, "raw": "AP8=",
        "hostile": "a'\"];\U0001f600"}], answer


@pytest.mark.parametrize("text, kind", [
    ("N'5'", "number"), ("CONVERT(decimal(5, 2), 1.5)", "number"), ("CONVERT(float, 0.5)", "decimal"), ("N'2026-11-24'", "instant"), ("5", "text"),
    ("SYSDATETIMEOFFSET()", "local"), ("CONVERT(date, '20261124')", "local"), ("N'AP8='", "bytes"), ("5", "bytes")])
def test_a_value_of_another_type_is_a_failure_and_no_guess(options, text, kind):
    with sql.open(options(), "sqlbts") as session:
        answer = session.read([Query("odd", f"SELECT {text} AS x;", {"x": kind})])["odd"]
    assert answer.status == "failed" and "not of the agreed type" in answer.error.message


def test_other_columns_than_agreed_are_a_failure(options):
    with sql.open(options(), "sqlbts") as session:
        answers = session.read([Query("odd", "SELECT 1 AS m, 2 AS n;", {"n": "number", "m": "number"})])
    assert answers["odd"].error.message == "it answered the columns m, n and not n, m"


def test_a_list_longer_than_its_limit_is_cut_and_says_so(instance, options):
    with sql.open(options(), "sqlbts") as session:
        assert (answer := session.read([JOBS])["jobs"]).cut and [row["name"] for row in answer.rows] == ["Backup", "Clean"]
        instance.query("DELETE FROM \"msdb.dbo.sysjobs\" WHERE name = 'Monitor'")
        assert not (answer := session.read([JOBS])["jobs"]).cut and len(answer.rows) == 2


# --- counts

def test_one_connection_one_execute_a_query_and_one_use_a_change_of_database(instance, options):
    with sql.open(options(), "sqlbts") as session:
        said = []
        answers = session.read([ONE, JOBS, GROUP, SERVERS, TWO], said.append)
        assert {answer.status for answer in answers.values()} == {"ok"}
        assert session.counts == {"connections": 1, "executes": 6, "uses": 3}
    assert said[:2] == ["query 1 of 5, one", "query 2 of 5, jobs"] and len(said) == 5
    assert texts(instance) == [sql.WHERE_IS_THE_GROUP.text, ONE.text, "USE [msdb];", JOBS.text, "USE [BizTalkMgmtDb];", GROUP.text, SERVERS.text,
                               "USE [master];", TWO.text]
    assert instance.logins == [("audit", "master")] and not [each for each in instance.texts() if each["changes"]]


def test_a_declared_management_database_is_not_looked_for(instance, options):
    with sql.open(options(management_database="BizTalkMgmtDb"), "sqlbts") as session:
        answers = session.read([GROUP])
    assert texts(instance) == ["USE [BizTalkMgmtDb];", GROUP.text] and answers["group"].rows == [{"name": "BizTalk Group"}]
    with sql.open(options(management_database=""), "sqlbts") as session:
        answers = session.read([GROUP])
    assert queries_of.management(answers) is None and answers["group"].status == "skipped" and not answers["group"].broken


def test_a_name_with_brackets_is_a_name(instance, options):
    hostile = "Mgmt]; DROP TABLE x;--'\u00e9"
    instance.add_database(hostile, kind="BizTalkMgmtDb")
    with sql.open(options(management_database=hostile), "sqlbts") as session:
        assert session.read([GROUP])["group"].rows == []
    assert texts(instance)[0] == "USE [Mgmt]]; DROP TABLE x;--'\u00e9];"


def test_databases_that_the_login_may_not_open_are_never_said_to_hold_nothing(instance, options):
    reader = {"login_user": "reader", "login_password": "Lab-only-2"}
    with sql.open(options(**reader), "sqlbts") as session:
        closed = queries_of.management(session.read([GROUP]))
    assert closed["$unknown"]["reason"] == "denied" and "into databases that it does not see," in closed["$unknown"]["detail"]
    instance.grant("reader", "VIEW ANY DATABASE")
    with sql.open(options(**reader), "sqlbts") as session:
        closed = queries_of.management(session.read([GROUP]))
    assert closed["$unknown"]["reason"] == "denied" and "BizTalkMgmtDb, Payroll" in closed["$unknown"]["detail"]
    for database in ("BizTalkMgmtDb", "Payroll"):
        instance.grant("reader", "CONNECT", database)
    instance.grant("reader", "VIEW DEFINITION", "Payroll")
    instance.grant("reader", "SELECT", "BizTalkMgmtDb.dbo.adm_Group")
    with sql.open(options(**reader), "sqlbts") as session:
        answers = session.read([GROUP])
    assert queries_of.management(answers) == "BizTalkMgmtDb" and answers["group"].status == "ok"


def test_two_groups_on_one_instance_are_not_chosen_from(instance, options):
    instance.add_database("OtherMgmtDb", kind="BizTalkMgmtDb")
    instance.insert("master", "sys.databases", [{"name": "OtherMgmtDb", "database_id": 99, "state": 0}])
    with sql.open(options(), "sqlbts") as session:
        answers = session.read([GROUP])
    assert "set management_database" in queries_of.management(answers)["$unknown"]["detail"] and answers["group"].status == "skipped"


# --- errors

@pytest.mark.parametrize("query, number, reason", [
    (Query("q", "SELECT a.x AS x FROM dbo.nowhere AS a;", {"x": "number"}), 208, "missing"),
    (JOBS, 229, "denied"),
    (Query("q", "SELECT 1 AS n;", {"n": "number"}, "Payroll"), 916, "denied"),
    (Query("q", "SELECT 1 AS n;", {"n": "number"}, "Nowhere"), 911, "failed"),
    (Query("q", "SELECT 1 / 0 AS n;", {"n": "number"}), 8134, "failed"),
])
def test_an_error_costs_its_own_query_and_is_told_by_sql_servers_number(options, query, number, reason):
    with sql.open(options(login_user="reader", login_password="Lab-only-2", management_database=""), "sqlbts") as session:
        answers = session.read([query, ONE])
        assert session.counts["connections"] == 1
    assert answers[query.name].error.number == number, answers
    assert queries_of.why_not(query, answers[query.name])["$unknown"]["reason"] == reason
    assert answers["one"].rows == [{"n": 1}]


@pytest.mark.parametrize("database, number", [("Payroll", 916), ("Nowhere", 911)])
def test_a_database_that_does_not_open_is_tried_once(instance, options, database, number):
    three = [Query(f"q{n}", f"SELECT {n} AS n;", {"n": "number"}, database) for n in range(3)]
    with sql.open(options(login_user="reader", login_password="Lab-only-2", management_database=""), "sqlbts") as session:
        answers = session.read(three)
        assert session.counts == {"connections": 1, "executes": 0, "uses": 1}
    assert {answers[query.name].error.number for query in three} == {number} and texts(instance) == [f"USE [{database}];"]


def test_a_deadlock_is_read_again_and_not_for_ever(instance, options):
    instance.fault("error", number=1205, text="sysjobs")
    with sql.open(options(), "sqlbts") as session:
        assert session.read([JOBS])["jobs"].status == "ok" and session.counts["connections"] == 1
        instance.fault("error", number=1205, text="sysjobs", times=None)
        answer = session.read([JOBS])["jobs"]
    assert answer.error.number == 1205 and texts(instance).count(JOBS.text) == 2 + sql.TRIES


def test_an_error_after_the_first_rows_is_no_answer(instance, options):
    query = Query("late", "SELECT 1 AS n; SELECT 1 / 0 AS n;", {"n": "number"})
    with sql.open(options(), "sqlbts") as session:
        assert session.read([query])["late"].error.number == 8134


@pytest.mark.parametrize("fault", [{"before": True}, {"rows": 1}])
def test_a_lost_connection_is_opened_again_and_the_query_read_whole(instance, options, fault):
    instance.fault("reset", text="sysjobs", **fault)
    with sql.open(options(), "sqlbts") as session:
        answers = session.read([JOBS, GROUP, ONE])
        assert {answer.status for answer in answers.values()} == {"ok"}, answers
        assert session.counts["connections"] == 2
    assert len(answers["jobs"].rows) == 2 and len(instance.logins) == 2


def test_after_a_loss_everything_is_read_anew_since_another_server_may_answer(instance, options):
    instance.fault("reset", text="sysjobs", before=True)
    with sql.open(options(), "sqlbts") as session:
        session.read([ONE, JOBS, TWO])
    sent = texts(instance)
    assert sent.count(ONE.text) == 2 and sent.count(TWO.text) == 1


def test_where_it_does_not_come_about_again_the_rest_is_not_waited_for(instance, options):
    instance.fault("reset", text="sysjobs", before=True)
    with sql.open(options(), "sqlbts") as session:
        instance.fault("close", times=None)
        answers = session.read([ONE, JOBS, GROUP, TWO])
        assert session.counts["connections"] == 1 and session.server()["driver"]
    assert answers["one"].status == "ok"
    assert {(answers[name].status, answers[name].broken) for name in ("jobs", "group", "two")} == {("skipped", True)}
    assert "did not come about again" in answers["two"].reason


def test_no_query_is_begun_after_the_deadline(instance, options):
    with sql.open(options(management_database=""), "sqlbts") as session:
        answers = session.read([ONE, TWO], deadline=0)
    assert {(answer.status, answer.broken) for name, answer in answers.items() if name != "sql.management"} == {("skipped", True)}
    assert texts(instance) == []


def test_a_query_that_takes_too_long_fails_alone(instance, options, monkeypatch):
    monkeypatch.setattr(sql, "READ_TIMEOUT", 1)
    instance.fault("delay", seconds=20, text="sysjobs")
    with sql.open(options(), "sqlbts") as session:
        answers = session.read([JOBS, ONE])
        assert session.counts["connections"] == 1
    assert answers["jobs"].error.sqlstate == "HYT00" and answers["one"].status == "ok"


# --- changes

def test_statements_are_carried_out_with_values(instance, options):
    with sql.open(options(), "sqlbts") as session:
        session.execute(UPDATE)
        session.execute(Statement(UPDATE.text, ("it's ]?", 0), "msdb"))
        assert session.counts == {"connections": 1, "executes": 2, "uses": 1}
    assert instance.updates == [{"job_name": "Backup", "enabled": 1}, {"job_name": "it's ]?", "enabled": 0}]


@pytest.mark.parametrize("number", [229, 1205, 14262])
def test_a_refused_change_is_not_tried_again_and_what_was_done_is_said(instance, options, number):
    instance.fault("error", number=number, text="sp_update_job", skip=1)
    with sql.open(options(), "sqlbts") as session:
        fault = carriers.SqlServer(session, "sqlbts").apply([UPDATE, UPDATE, UPDATE])
    assert f"error {number}" in fault and "1 of its 3 statements were carried out before" in fault and len(instance.updates) == 1


@pytest.mark.parametrize("before, done", [(True, 1), (False, 2)])
def test_a_change_whose_connection_is_lost_has_an_unknown_outcome(instance, options, before, done):
    instance.fault("reset", text="sp_update_job", skip=1, before=before)
    with sql.open(options(), "sqlbts") as session:
        with pytest.raises(host.HostUnreachable) as lost:
            carriers.SqlServer(session, "sqlbts").apply([UPDATE, UPDATE, UPDATE])
        assert lost.value.sent and "Whether a change was made is not known" in lost.value.message
        assert "1 of its 3 statements were carried out before" in lost.value.message
        assert len(instance.updates) == done
        session.execute(UPDATE)       # the same session goes on where it can
    assert len(instance.updates) == done + 1


def test_a_change_that_found_no_connection_was_not_begun(instance, options):
    instance.fault("reset", text="USE", before=True)
    with sql.open(options(), "sqlbts") as session:
        with pytest.raises(host.HostUnreachable) as lost:
            session.execute(UPDATE)
        assert not lost.value.sent and "not known" not in lost.value.message
        instance.fault("close", times=None)
        with pytest.raises(host.HostUnreachable) as lost:
            session.execute(UPDATE)
        assert not lost.value.sent
    assert instance.updates == []


def test_a_change_that_takes_too_long_has_an_unknown_outcome(instance, options, monkeypatch):
    monkeypatch.setattr(sql, "CHANGE_TIMEOUT", 1)
    instance.fault("delay", seconds=20, text="sp_update_job")
    with sql.open(options(), "sqlbts") as session, pytest.raises(host.HostFailed) as late:
        session.execute(UPDATE)
    assert late.value.sent and late.value.code is None and "not known" in late.value.message


# --- connecting

def refused(options):
    with pytest.raises(host.HostError) as error, sql.open(options, "sqlbts"):
        pass
    message = error.value.message
    assert message.startswith("sqlbts: ") and "\n" not in message and "Lab-only" not in message and "pyodbc" not in message.lower()
    assert not error.value.sent
    return type(error.value), message


def test_a_wrong_password_is_told_as_one(options):
    kind, message = refused(options(login_password="wrong"))
    assert kind is host.HostUnreachable and "refused the login audit" in message


def test_where_nothing_listens_it_is_said_at_once(options):
    started = time.monotonic()
    kind, message = refused(options(login_port=1))
    assert kind is host.HostUnreachable and "nothing listens on localhost:1" in message and time.monotonic() - started < 3


def test_a_name_that_dns_does_not_know(options, monkeypatch):
    def unknown(*_arguments, **_options):
        raise odbc.socket.gaierror(-2, "Name or service not known")
    monkeypatch.setattr(odbc.socket, "create_connection", unknown)
    assert "is not known to the controller" in refused(options(login_host="sqlbst.contoso.test"))[1]


@pytest.mark.parametrize("certificate", ["untrusted", "wrong_name", "expired"])
def test_a_wrong_certificate_is_refused_before_the_password_is_sent(instance, folder, options, certificate):
    with serve(instance, tls(folder, certificate)) as port:
        kind, message = refused(options(login_port=port))
        assert kind is host.HostUnreachable and "certificate" in message and instance.logins == []
        with sql.open(options(login_port=port, trust_server_certificate=True), "sqlbts") as session:
            assert session.read([ONE])["one"].status == "ok"


def test_a_server_without_tls_is_refused_unless_nobody_asks_for_it(instance, options):
    with serve(instance) as port:
        kind, _message = refused(options(login_port=port))
        assert kind is host.HostUnreachable and instance.logins == []
        with sql.open(options(login_port=port, encrypt="no"), "sqlbts") as session:
            assert session.read([ONE])["one"].status == "ok"


def test_strict_needs_microsofts_driver(options, driver):
    if odbc.is_freetds(driver):
        assert "encrypt: strict needs Microsoft's driver" in refused(options(encrypt="strict"))[1]
        return
    with sql.open(options(encrypt="strict"), "sqlbts") as session:
        assert session.read([ONE])["one"].status == "ok"


def test_a_server_that_says_nothing_is_given_up(instance, options, monkeypatch):
    monkeypatch.setattr(odbc, "LOGIN_TIMEOUT", 1)
    instance.fault("silent", seconds=20)
    started = time.monotonic()
    assert refused(options())[0] is host.HostUnreachable and time.monotonic() - started < 12


@pytest.mark.parametrize("name, value", [("login_password", "a};SERVER=other;{b"), ("login_user", "au;dit}"), ("login_password", "=\"' {"),
                                         ("login_password", "}a{;"), ("login_password", "a}b=")])
def test_nothing_in_an_option_ends_the_connection_string(instance, options, driver, name, value):
    given = {"login_user": "odd", "login_password": "Lab-only-9", name: value}
    instance.login(given["login_user"], given["login_password"], sysadmin=True)
    if odbc.is_freetds(driver) and "}" in value and ";" in value:
        assert f"{name} holds characters that this driver cannot be given" in refused(options(**given))[1]
        return
    with sql.open(options(**given), "sqlbts") as session:
        assert session.read([ONE])["one"].status == "ok"


def test_the_environment_is_as_before_and_another_connections_ticket_is_not_used(options, monkeypatch):
    monkeypatch.setenv("KRB5CCNAME", "FILE:/tmp/of-the-windows-connection")
    before = dict(os.environ)
    with sql.open(options(), "sqlbts"):
        assert "KRB5CCNAME" not in os.environ
    with sql.open(options(login_ccache="FILE:/run/audit.ccache"), "sqlbts"):
        assert os.environ["KRB5CCNAME"] == "FILE:/run/audit.ccache"
    assert dict(os.environ) == before


def test_a_clock_of_the_server_is_read_as_it_stands(options):
    query = Query("clock", "SELECT SYSDATETIMEOFFSET() AS clock, GETDATE() AS here;", {"clock": "instant", "here": "local"})
    with sql.open(options(), "sqlbts") as session:
        row = session.read([query])["clock"].rows[0]
    assert row["clock"] == "2026-11-24T08:00:00.123Z" and datetime.fromisoformat(row["here"]) == datetime(2026, 11, 24, 9, 0, 0, 123000)
