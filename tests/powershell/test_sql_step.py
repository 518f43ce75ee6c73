"""The executor's step ``sql`` with Microsoft's own SqlClient, over TDS and TLS: the same answers as the controller's ODBC drivers give, and as
the lab's own reading of batches gives."""

from __future__ import annotations

import engine
import microsoft
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query, Statement
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host, sql, sql_host
from lab import batch, scenario
from lab.backend import Backend
from lab.server import Lab

CLOCK = "2026-11-24T08:00:00Z"
NAME = r"SQLBTS\BTS"
TYPES = Query("types", (
    "SELECT CONVERT(bit, 1) AS yes, CONVERT(int, -1) AS flag, CONVERT(datetime, '2026-03-29T03:30:00.123') AS here, "
    "CONVERT(datetimeoffset(7), '2026-03-29 03:30:00.1234567 +02:00') AS moment, CONVERT(numeric(25, 0), 1234567890123456789012345) AS lsn, "
    "CONVERT(nvarchar(10), NULL) AS nothing, REPLICATE(N'\u00e9', 4000) AS long, CONVERT(varbinary(8), 0x00FF) AS raw, "
    "N'\u202e''\"]\\ \U0001f600' AS hostile;"),
    {"yes": "boolean", "flag": "boolean", "here": "local", "moment": "instant", "lsn": "decimal", "nothing": "text", "long": "text", "raw": "bytes",
     "hostile": "text"})
ERRORS = [Query("no_object", "SELECT a.x AS x FROM dbo.nowhere AS a;", {"x": "number"}),
          Query("no_database", "SELECT 1 AS x;", {"x": "number"}, database="Payroll"),
          Query("again", "SELECT 2 AS x;", {"x": "number"}, database="Payroll"),
          Query("denied", "SELECT j.name AS x FROM msdb.dbo.sysjobs AS j;", {"x": "text"}, rights=(("SELECT", "msdb.dbo.sysjobs"),)),
          Query("after_all", "SELECT 3 AS x;", {"x": "number"})]


class Engine:
    """A connection that runs the bootstrap in a PowerShell of the tests."""

    connected, transport = True, "winrm"

    def __init__(self, folder):
        module = folder / "client.psm1"
        module.write_text("param($Path)\n[void][System.Reflection.Assembly]::LoadFrom('" + str(microsoft.library(microsoft.CLIENT)) + "')\n",
                          encoding="ascii")
        self.server, self.starts = engine.Server("desktop", [module]), 0

    def exec_command(self, _command, in_data, sudoable=False):
        self.starts += 1
        return 0, self.server.output(in_data.decode("ascii")).encode(), b""


class Reading:
    """A connection to the lab's own reading of batches."""

    connected, transport = True, "winrm"

    def __init__(self, state):
        self.state = state

    def exec_command(self, _command, in_data, sudoable=False):
        return 0, "\n".join(batch.answer(Backend(self.state, "sql01"), in_data)).encode(), b""


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    state, _fresh = scenario.open_state(scenario.load("healthy"), folder, CLOCK)
    with Lab(state, folder) as lab:
        yield lab


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    connection = Engine(tmp_path_factory.mktemp("client"))
    yield connection
    connection.server.close()


def options(lab, **changed):
    # this SqlClient looks names up for many seconds at times; an address needs no looking up
    return login.filled({"login_host": "127.0.0.1", "login_port": lab.sql_ports[NAME], "login_user": "ft_audit", "login_password": "Lab-only-4",
                         "trust_server_certificate": True, **changed}, {})


def by_driver(lab, queries, **changed):
    with sql.open(options(lab, **changed, login_host="localhost"), "sqlbts") as session:
        return session.read(queries)


def told(answers):
    """Answers without the drivers' wording of errors."""
    return {name: (a.status, a.rows, a.cut, a.error and a.error.number, a.reason) for name, a in answers.items()}


def test_every_query_of_every_area_is_answered_alike_by_three_readers(estate, client):
    queries = [query for name, area in SQL_AREAS.items() if name != "log_shipping" for query in area.queries()]
    before = client.starts
    answers = sql_host.Session(client, options(estate), "sqlbts").read(queries)
    assert client.starts == before + 1
    assert {answer.status for answer in answers.values()} == {"ok"} and sum(bool(a.rows) for a in answers.values()) > 20
    assert told(answers) == told(by_driver(estate, queries))
    reading = sql_host.Session(Reading(estate.state), options(estate, login_host=NAME, login_port=None), "sqlbts")
    assert told(estate.call(reading.read, queries)) == told(answers)


def test_each_type_and_each_error_is_told_alike(estate, client):
    instance = estate.state.world.instances[NAME]
    estate.call(instance.login, "guest", "Lab-only-5")
    as_guest = {"login_user": "guest", "login_password": "Lab-only-5", "management_database": ""}
    asked = [TYPES, *ERRORS]
    answers = sql_host.Session(client, options(estate, **as_guest), "sqlbts").read(asked)
    assert answers["types"].rows == [{
        "yes": True, "flag": True, "here": "2026-03-29T03:30:00.123", "moment": "2026-03-29T01:30:00.123Z", "lsn": "1234567890123456789012345",
        "nothing": None, "long": "\u00e9" * 4000, "raw": "AP8=", "hostile": "\u202e'\"]\\ \U0001f600"}]
    assert [answers[query.name].error and answers[query.name].error.number for query in ERRORS] == [208, 911, 911, 229, None]
    assert told(answers) == told(by_driver(estate, asked, **as_guest))
    reading = sql_host.Session(Reading(estate.state), options(estate, login_host=NAME, login_port=None, **as_guest), "sqlbts")
    assert told(estate.call(reading.read, asked)) == told(answers)


def test_what_keeps_a_session_from_coming_about(estate, client):
    for changed, words in ((dict(login_password="wrong"), "refused the login ft_audit"), (dict(login_port=1), "came to no session"),
                           (dict(trust_server_certificate=False), "trusts its certificate")):
        with pytest.raises(host.HostUnreachable) as caught:
            sql_host.Session(client, options(estate, **changed), "sqlbts").read([TYPES])
        assert words in caught.value.message and "Lab-only" not in caught.value.message and not caught.value.sent


def test_a_change_is_one_start_and_an_error_of_the_server_is_told(estate, client):
    operator = {"login_user": "dba", "login_password": "Lab-only-3"}
    session = sql_host.Session(client, options(estate, **operator), "sqlbts")
    job = "SELECT CONVERT(nvarchar(36), j.job_id) AS id, j.description AS text FROM dbo.sysjobs AS j WHERE j.name LIKE N'Backup BizTalk%';"
    read = Query("job", job, {"id": "text", "text": "text"}, database="msdb")
    job_id = session.read([read])["job"].rows[0]["id"]
    before = client.starts
    session.execute(Statement("EXEC dbo.sp_update_job @job_id = ?, @description = ?;", (job_id, "it's ?"), "msdb"))
    assert client.starts == before + 1
    assert session.read([read])["job"].rows[0]["text"] == "it's ?"
    with pytest.raises(host.HostFailed) as caught:
        session.execute(Statement("EXEC dbo.sp_update_job @job_name = ?, @enabled = ?;", ("no such job", 1), "msdb"))
    assert caught.value.code == 14262
