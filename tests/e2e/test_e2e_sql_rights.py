"""The rights that queries declare are those that they need: with them each one runs, without any of them it is refused or says that rows
may be hidden. What the scripts grant is what is declared together (tests/docs/test_rights.py)."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS, log_shipping
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import DENIED, MANAGEMENT
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import sql
from lab.sqlmodel import scripts

INSTANCE, MANAGEMENT_DATABASE = r"SQLBTS\BTS", "BizTalkMgmtDb"
PROBE, PASSWORD = "ft_probe", "Lab-only-9"
AREAS = {name: area for name, area in SQL_AREAS.items() if name != log_shipping.NAME}        # this instance is no destination
QUERIES = [query for area in AREAS.values() for query in area.queries()]
HIDING = ("VIEW ANY DATABASE", "VIEW ANY DEFINITION", "VIEW DEFINITION")    # without them rows are left out, and no error says so


def grant_of(query, right, thing):
    """A declared right as a grant: the object with its database."""
    if thing == MANAGEMENT:
        return right, MANAGEMENT_DATABASE
    return right, f"{MANAGEMENT_DATABASE}.{thing}" if thing.startswith("dbo.") and query.database == MANAGEMENT else thing


@pytest.fixture
def probe(open_estate):
    """(a session of a login that may nothing but log in and open the databases, what changes its grants)."""
    estate = open_estate("healthy")
    instance = estate.lab.state.world.instances[INSTANCE]

    def change(what, grants):
        for grant in grants:
            estate.lab.call(getattr(instance, what), PROBE, *grant)

    estate.lab.call(instance.login, PROBE, PASSWORD)
    change("grant", [grant for grant in scripts.grants(MANAGEMENT_DATABASE) if grant[0] == "CONNECT"])
    options = login.filled({}, {"login_host": "localhost", "login_port": estate.lab.sql_ports[INSTANCE], "login_user": PROBE,
                                "login_password": PASSWORD, "ca_file": str(estate.lab.ca), "management_database": MANAGEMENT_DATABASE})
    with sql.open(options, "sqlbts") as session:
        yield session, change


def test_a_query_runs_with_the_rights_that_it_declares_and_without_none_of_them(probe):
    session, change = probe
    tried = 0
    for query in QUERIES:
        grants = [grant_of(query, *right) for right in query.rights]
        change("grant", grants)
        whole = session.read([query])[query.name]
        assert whole.status == "ok", (query.name, whole.error)
        for grant in grants:
            if grant[0] in HIDING:
                continue
            change("revoke", [grant])
            answer = session.read([query])[query.name]
            assert answer.status == "failed" and answer.error.number in DENIED, (query.name, grant)
            change("grant", [grant])
            tried += 1
        change("revoke", grants)
    assert tried > len(QUERIES)


@pytest.mark.parametrize("right", HIDING)
def test_rows_that_a_missing_right_may_hide_are_unknown_and_the_right_is_named(probe, right):
    session, change = probe
    grants = scripts.grants(MANAGEMENT_DATABASE)
    change("grant", grants)
    change("revoke", [grant for grant in grants if grant[0] == right])
    areas = {name: area for name, area in AREAS.items() if any(right == declared for query in area.queries() for declared, _thing in query.rights)}
    answers = session.read([query for area in areas.values() for query in area.queries()])
    assert {name: answer.error for name, answer in answers.items() if answer.status != "ok"} == {}
    for name, area in areas.items():
        hidden = [hole["$unknown"] for _path, hole in observed.holes(area.shape(answers))]
        assert any(hole["reason"] == "denied" and right in hole["detail"] for hole in hidden), name
