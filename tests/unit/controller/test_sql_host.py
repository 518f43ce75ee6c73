"""The session through a host: what its client's numbers mean, without a host."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query, Statement
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host, sql_host

QUERY = Query("q", "SELECT 1 AS n;", {"n": "number"})
GOOD = {"items": [["SQL01", "SQL01"]], "errors": [], "warnings": []}


def error(number=None, fqid="SqlException"):
    chain = [] if number is None else [{"type": "System.Data.SqlClient.SqlException", "hresult": 1, "native": number, "message": "told"}]
    return {"items": [], "errors": [{"fqid": fqid, "category": "NotSpecified", "terminating": True, "chain": chain}], "warnings": []}


@pytest.fixture
def session(monkeypatch):
    """``session(run)``: a session whose one query or statement is answered by *run*."""
    def made(run):
        def answered(_connection, areas, _name, **_options):
            step = answer._step({"id": "session", "status": "ok", "runs": [GOOD, run]}, [], True)
            return answer.Answer(areas={"sql": answer.AreaAnswer("sql", 0.0, {"session": step})})
        monkeypatch.setattr(host, "run", answered)
        return sql_host.Session(None, login.filled({"login_host": "SQLBTS", "management_database": ""}, {}), "sqlbts")
    return made


@pytest.mark.parametrize("number", [-1, 0, 20, 64, 121, 10054])
def test_what_happens_on_the_way_is_no_refusal(session, number):
    with pytest.raises(host.HostUnreachable) as lost:
        session(error(number)).execute(Statement("EXEC a;"))
    assert lost.value.sent and "not known" in lost.value.message
    answered = session(error(number)).read([QUERY])["q"]
    assert answered.status == "skipped" and answered.broken


def test_a_time_limit_leaves_the_outcome_open_and_a_read_unanswered(session):
    with pytest.raises(host.HostFailed) as late:
        session(error(-2)).execute(Statement("EXEC a;"))
    assert late.value.sent and late.value.code is None and "not known" in late.value.message
    assert session(error(-2)).read([QUERY])["q"].status == "failed"


def test_an_error_of_sql_server_is_a_refusal_and_a_query_that_was_not_sent_is_skipped(session):
    with pytest.raises(host.HostFailed) as refused:
        session(error(229)).execute(Statement("EXEC a;"))
    assert refused.value.code == 229 and not refused.value.sent
    assert session(error(229)).read([QUERY])["q"].error.number == 229
    assert session(error(fqid="Deadline")).read([QUERY])["q"].broken
    assert session(error(fqid="PropertyNotFound")).read([QUERY])["q"].status == "failed"
