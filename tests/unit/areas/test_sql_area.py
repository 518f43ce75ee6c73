from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sql
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer, SqlError

CATALOGUE = json.loads((Path(__file__).resolve().parents[2] / "data" / "catalogue" / "tsql.json").read_text(encoding="utf-8"))
PRINCIPAL = {"name", "principal_id", "sid", "type"}
OUTSIDE = {     # views that the catalogue does not hold: their columns by the pages of the same names in MicrosoftDocs/sql-docs
    "sys.dm_os_sys_info": {"physical_memory_kb"},
    "sys.server_principals": PRINCIPAL | {"is_disabled"},
    "sys.database_principals": PRINCIPAL,
    "sys.server_permissions": {"class", "grantee_principal_id", "permission_name", "state"},
    "sys.server_role_members": {"member_principal_id", "role_principal_id"},
    "sys.database_mirroring_endpoints": {"name", "certificate_id"},
    "sys.certificates": {"name", "certificate_id", "expiry_date"},
}
QUERIES = {query.name: query for query in sql.queries()}
SYSTEM = "AQEAAAAAAAUSAAAA"
GROUP_ID = "5B1F8F0A-0000-0000-0000-000000000001"

ROWS = {
    "sql.management": [{"name": "BizTalkMgmtDb", "holds_group": True}],
    "sql.instance": [{
        "clock": "2026-11-24T08:00:00.1234567Z", "local_clock": "2026-11-24T09:00:00.123", "name": r"AG1\BTS", "machine": "AG1",
        "instance_name": "BTS", "node": "AG1", "version": "15.0.4430.1", "level": "RTM", "edition": "Enterprise Edition (64-bit)",
        "engine_edition": 3, "is_clustered": False, "is_hadr_enabled": True, "sees_databases": True, "sees_definitions": True,
        "sees_linked_servers": False}],
    "sql.memory": [{"physical_kb": 33554432}],
    "sql.configuration": [{"name": "max degree of parallelism", "configured": 1, "in_use": 0},
                          {"name": "max server memory (MB)", "configured": 16384, "in_use": 16384}],
    "sql.services": [
        {"name": "SQL Server (BTS)", "program": r'"C:\Program Files\Microsoft SQL Server\MSSQL15.BTS\MSSQL\Binn\sqlservr.exe" -sBTS', "state": 4,
         "start_mode": 3, "account": r"CONTOSO\sqlsvc"},
        {"name": "SQL Server-Agent (BTS)", "program": r'"C:\Program Files\x\SQLAGENT.EXE" -i BTS', "state": 1, "start_mode": 2, "account": "LocalSystem"},
        {"name": "Suche", "program": None, "state": 9, "start_mode": 4, "account": None}],
    "sql.cluster_nodes": [],
    "sql.databases": [
        {"name": "master", "id": 1, "state": 0, "recovery_model": 3, "page_verify": 2, "log_wait": 0, "is_standby": False, "is_read_only": False,
         "creates_statistics": True, "updates_statistics": True, "in_group": False, "is_mirrored": False},
        {"name": "BizTalkMsgBoxDb", "id": 7, "state": 0, "recovery_model": 1, "page_verify": 2, "log_wait": 9, "is_standby": False,
         "is_read_only": False, "creates_statistics": False, "updates_statistics": False, "in_group": True, "is_mirrored": False}],
    "sql.checks": [{"id": 1, "last_good_check": "1900-01-01T00:00:00"}, {"id": 7, "last_good_check": "2026-11-22T03:00:00.500"}],
    "sql.files": [{"database_id": 7, "name": "BizTalkMsgBoxDb", "kind": 0, "path": r"e:\data\BizTalkMsgBoxDb.mdf", "pages": 1024},
                  {"database_id": 7, "name": "log", "kind": 1, "path": r"\\files\sql\log\x.ldf", "pages": 1}],
    "sql.suspect_pages": [{"database_id": 7, "pages": 2}],
    "sql.log_shipping": [{"name": "biztalkmsgboxdb"}],
    "sql.servers": [{"id": 0, "name": r"AG1\BTS", "data_source": r"AG1\BTS", "is_linked": False, "rpc": True, "rpc_out": True}],
    "sql.logins": [{"name": r"CONTOSO\BizTalk Application Users", "sid": "AQU=", "kind": "G", "is_disabled": False}],
    "sql.permissions": [{"sid": SYSTEM, "permission": "CONNECT SQL", "state": "G"}, {"sid": SYSTEM, "permission": "VIEW SERVER STATE", "state": "D"},
                        {"sid": "AQU=", "permission": "ALTER ANY AVAILABILITY GROUP", "state": "G"}],
    "sql.sysadmins": [{"sid": "AQ=="}],
    "sql.endpoints": [{"name": "Hadr_endpoint", "certificate": "AG cert", "certificate_id": 257, "expires": "2026-12-24T08:00:00Z"}],
    "sql.management_users": [{"name": "BTS users", "sid": "AQU=", "kind": "G"}],
    "sql.availability_groups": [{"id": GROUP_ID, "name": "BTSAG", "backup_preference": 2, "dtc_per_database": True, "database_failover": False}],
    "sql.availability_replicas": [
        {"group_id": GROUP_ID, "name": r"AG1\BTS", "commit_mode": 1, "failover_mode": 0, "is_local": True, "role": 1, "connected": True},
        {"group_id": GROUP_ID, "name": r"AG2\BTS", "commit_mode": 0, "failover_mode": 1, "is_local": False, "role": 2, "connected": True}],
    "sql.availability_databases": [{"group_id": GROUP_ID, "name": "BizTalkMsgBoxDb"}, {"group_id": "another", "name": "Other"}],
    "sql.database_replicas": [
        {"group_id": GROUP_ID, "database_name": "BizTalkMsgBoxDb", "replica": r"AG2\BTS", "state": 2, "health": 2, "is_suspended": False,
         "send_queue": 0, "redo_queue": None}],
    "sql.listeners": [{"group_id": GROUP_ID, "id": "L", "name": "BTSLSN", "port": 1433}],
    "sql.listener_addresses": [{"listener_id": "L", "address": "192.0.1.9", "subnet": "192.0.1.0"},
                               {"listener_id": "L", "address": "192.0.2.9", "subnet": "192.0.2.0"}],
}
DENIED = QueryAnswer("failed", error=SqlError(300, "42000", "VIEW SERVER STATE permission was denied."))


def answers(**changes):
    """*changes*: the last part of a query's name -> its rows, or a whole answer."""
    rows = {**ROWS, **{f"sql.{name}": value for name, value in changes.items()}}
    return {name: value if isinstance(value, QueryAnswer) else QueryAnswer("ok", value) for name, value in rows.items() if value is not None}


def shape(**changes):
    return sql.shape(answers(**changes))


def instance(**values):
    return [{**ROWS["sql.instance"][0], **values}]


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_the_rows_of_the_tests_have_the_columns_of_the_queries():
    for name, query in QUERIES.items():
        for row in ROWS[name]:
            assert list(row) == list(query.columns), name


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_asks_for_what_there_is(query):
    """Every table and column stands in the catalogue; the text is one SELECT of the house subset."""
    tables = {alias: table for table, alias in re.findall(r"(?:FROM|JOIN) ([a-z_.]+) AS ([a-z])\b", query.text)}
    known = {alias: set(CATALOGUE["tables"][table]["columns"]) if table in CATALOGUE["tables"] else OUTSIDE[table] for alias, table in tables.items()}
    for alias, column in re.findall(r"\b([a-z])\.([A-Za-z_]+)", query.text):
        assert column in known[alias], (tables[alias], column)
    for name in re.findall(r"SERVERPROPERTY\('(\w+)'\)", query.text):
        assert name in CATALOGUE["serverproperty"], name
    assert query.text.endswith(";") and "?" not in query.text and query.text.count("SELECT") == 1
    assert bool(query.limit) == query.text.startswith(f"SELECT TOP ({query.limit + 1}) ")
    assert set(query.columns.values()) <= {"text", "number", "decimal", "boolean", "instant", "local", "bytes"}
    needed = {("VIEW SERVER STATE", "")} if any(".dm_" in table for table in tables.values()) else set()
    needed |= {("SELECT", table) for table in tables.values() if table.startswith("msdb.")}
    assert needed <= set(query.rights) and all(right in needed or right[0].startswith("VIEW ANY ") for right in query.rights)


def test_an_instance_is_read():
    made = shape()
    assert observed.holes(made) is not None
    assert (made["name"], made["major_version"], made["clustered"], made["hadr_enabled"], made["physical_memory_mb"]) == (r"AG1\BTS", 15, False, True, 32768)
    assert made["configuration"] == {"max_degree_of_parallelism": {"configured": 1, "in_use": 0},
                                     "max_server_memory_mb": {"configured": 16384, "in_use": 16384}}
    assert [(s["kind"], s["start_mode"]) for s in made["services"]] == [("engine", "Manual"), ("agent", "Automatic"), ("other", "Disabled")]
    assert made["services"][1]["state"] == "Stopped" and reason(made["services"][2]["state"]) == "failed"
    assert made["local_system"] == {"alter_any_availability_group": False, "connect_sql": True, "view_server_state": False}
    assert made["endpoints"] == [{"name": "Hadr_endpoint", "certificate": "AG cert", "days_left": 29}]


def test_a_database_is_told_with_all_that_belongs_to_it():
    master, box = shape()["databases"]
    assert (master["system"], master["recovery_model"], master["files"], master["suspect_pages"], master["last_good_check"]) == (True, "SIMPLE", [], 0, None)
    assert (box["system"], box["recovery_model"], box["log_reuse_wait"], box["suspect_pages"]) == (False, "FULL", "AVAILABILITY_REPLICA", 2)
    assert (box["native_log_shipping"], master["native_log_shipping"], box["in_availability_group"]) == (True, False, True)
    assert box["last_good_check"] == "2026-11-22T02:00:00Z"
    assert [(f["volume"], f["bytes"]) for f in box["files"]] == [("E:", 8388608), (r"\\FILES\SQL", 8192)]


def test_a_group_is_told_with_all_that_belongs_to_it():
    (group,) = shape()["availability_groups"]
    assert (group["backup_preference"], group["local_role"], group["databases"]) == ("SECONDARY", "PRIMARY", [{"name": "BizTalkMsgBoxDb"}])
    assert [(r["name"], r["commit_mode"], r["failover_mode"], r["role"]) for r in group["replicas"]] == [
        (r"AG1\BTS", "SYNCHRONOUS_COMMIT", "AUTOMATIC", "PRIMARY"), (r"AG2\BTS", "ASYNCHRONOUS_COMMIT", "MANUAL", "SECONDARY")]
    assert [d["name"] for d in group["database_replicas"]] == [r"BizTalkMsgBoxDb on AG2\BTS"]
    assert group["listeners"] == [{"name": "BTSLSN", "port": 1433, "subnets": ["192.0.1.0", "192.0.2.0"]}]


def test_a_secondary_does_not_speak_for_the_others():
    rows = [{**ROWS["sql.availability_replicas"][0], "role": 2}, {**ROWS["sql.availability_replicas"][1], "is_local": None, "role": None, "connected": None}]
    (group,) = shape(availability_replicas=rows)["availability_groups"]
    assert group["local_role"] == "SECONDARY" and reason(group["replicas"][1]["role"]) == reason(group["replicas"][1]["connected"]) == "missing"
    assert reason(group["database_replicas"][-1]) == "missing"
    (group,) = shape(availability_replicas=[])["availability_groups"]
    assert reason(group["local_role"]) == "missing" and reason(group["database_replicas"][-1]) == "missing"


def test_without_availability_groups_switched_on_there_are_none():
    assert shape(instance=instance(is_hadr_enabled=False), availability_groups=DENIED)["availability_groups"] == []
    assert reason(shape(instance=instance(is_hadr_enabled=None), availability_groups=DENIED)["availability_groups"]) == "denied"


HIDDEN = [("sees_definitions", "VIEW ANY DEFINITION"), ("sees_databases", "VIEW ANY DATABASE")]


@pytest.mark.parametrize(("column", "right"), HIDDEN)
@pytest.mark.parametrize("value", [False, None])
def test_what_a_catalog_view_may_hide_is_not_taken_for_empty(column, right, value):
    made = shape(instance=instance(**{column: value}))
    hidden = [name for name, query in QUERIES.items() if (right, "") in query.rights]
    assert len(hidden) > 1
    lists = {"VIEW ANY DEFINITION": ("logins", "endpoints", "availability_groups", "management_users"), "VIEW ANY DATABASE": ("databases",)}[right]
    for name in lists:
        assert reason(made[name]) == "denied" and right in observed.detail(made[name]), name
    if column == "sees_definitions":
        assert all(reason(value) == "denied" for value in made["local_system"].values())
        assert reason(made["databases"][1]["files"]) == "denied"


@pytest.mark.parametrize("name", [*QUERIES, "sql.management"])
@pytest.mark.parametrize("answer", [DENIED, None, QueryAnswer("skipped", reason="The deadline has passed.")], ids=["denied", "cut", "skipped"])
def test_a_query_that_did_not_come_out_leaves_holes_and_nothing_false(name, answer):
    made = shape(**{name.removeprefix("sql."): answer})
    whole = shape()
    found = {observed.detail(hole) for _path, hole in observed.holes(made)} - {observed.detail(hole) for _path, hole in observed.holes(whole)}
    assert found and all(name in detail for detail in found), found


LIMITED = [name for name, query in QUERIES.items() if query.limit]


@pytest.mark.parametrize("name", LIMITED)
def test_a_list_that_was_cut_says_so(name):
    made = shape(**{name.removeprefix("sql."): QueryAnswer("ok", ROWS[name], cut=True)})
    assert any(hole["$unknown"]["reason"] == "cut" for _path, hole in observed.holes(made)) == (name != "sql.checks")
    nothing = shape(**{name.removeprefix("sql."): QueryAnswer("ok", [], cut=True)})
    assert any(hole["$unknown"]["reason"] == "cut" for _path, hole in observed.holes(nothing))


def test_a_permission_that_may_stand_among_the_unread_ones_is_unknown():
    made = shape(permissions=QueryAnswer("ok", ROWS["sql.permissions"], cut=True))["local_system"]
    assert made["connect_sql"] is True and made["view_server_state"] is False and reason(made["alter_any_availability_group"]) == "cut"
    assert set(shape(sysadmins=[{"sid": SYSTEM}])["local_system"].values()) == {True}


@pytest.mark.parametrize(("change", "place"), [
    ({"state": 7}, "state"), ({"recovery_model": 9}, "recovery_model"), ({"page_verify": 9}, "page_verify"), ({"log_wait": 17}, "log_reuse_wait")])
def test_a_number_that_is_not_known_is_no_state(change, place):
    assert reason(shape(databases=[{**ROWS["sql.databases"][1], **change}])["databases"][0][place]) == "failed"


def test_the_last_check_is_unknown_where_the_server_does_not_tell_it():
    made = shape(checks=[{"id": 7, "last_good_check": None}])["databases"]
    assert reason(made[0]["last_good_check"]) == "missing" and reason(made[1]["last_good_check"]) == "null"


@pytest.mark.parametrize(("row", "told"), [
    ({"certificate": None, "certificate_id": 0, "expires": None}, None), ({"certificate": None, "certificate_id": None, "expires": None}, None),
    ({"certificate": None, "certificate_id": 257, "expires": None}, "missing"), ({"expires": "2026-11-23T08:00:00Z"}, -2)])
def test_an_endpoint_without_a_certificate_is_not_one_whose_certificate_is_unseen(row, told):
    (endpoint,) = shape(endpoints=[{**ROWS["sql.endpoints"][0], **row}])["endpoints"]
    assert reason(endpoint["days_left"]) == told if told == "missing" else endpoint["days_left"] == told


def test_an_instance_that_holds_no_management_database_has_none_of_its_users():
    assert shape(management=[{"name": "Other", "holds_group": False}])["management_users"] is None
    assert reason(shape(management=[{"name": "Other", "holds_group": None}])["management_users"]) == "denied"
