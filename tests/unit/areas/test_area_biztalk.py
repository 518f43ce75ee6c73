from __future__ import annotations

import json
import pathlib
import re

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import biztalk
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer, SqlError

CATALOGUE = pathlib.Path(__file__).resolve().parents[4] / "shared" / "reference" / "catalogue" / "biztalkmgmt.json"

GROUP = {"clock": "2026-11-24T08:00:00Z", "local_clock": "2026-11-24T09:00:00", "name": "BizTalk Group", "tracks": True, "sso_server": "BTSSSO",
         "master_server": "SQLBTS", "master_database": "BizTalkMsgBoxDb", "tracking_server": "SQLBTS", "tracking_database": "BizTalkDTADb",
         "bam_server": "", "bam_database": "", "rules_server": "SQLBTS", "rules_database": "BizTalkRuleEngineDb",
         "analysis_server": "", "analysis_database": ""}
ROWS = {
    "sql.management": [{"name": "master", "holds_group": False}, {"name": "Mgmt]Db", "holds_group": True}],
    "biztalk.group": [GROUP],
    "biztalk.settings": [{"name": "ReceiverFaultToleranceEnabled", "value": "True"}, {"name": "ReceiverFaultToleranceRetryInterval", "value": "60"}],
    "biztalk.message_boxes": [{"server": "SQLBTS", "database_name": "BizTalkMsgBoxDb", "is_master": True, "closed": False}],
    "biztalk.servers": [{"name": "BTS01"}, {"name": "BTS02"}],
    "biztalk.hosts": [{"name": "App", "host_type": 1, "tracks": True, "only_32_bit": True, "is_default": True, "cluster_group": ""},
                      {"name": "Iso", "host_type": 2, "tracks": False, "only_32_bit": False, "is_default": False, "cluster_group": "BTSSSO"}],
    "biztalk.instances": [{"host": "App", "server": "BTS01", "host_type": 1, "account": "C\\a", "is_disabled": True, "configuration": 2}],
    "biztalk.receive_handlers": [{"adapter": "FILE", "host": "App"}, {"adapter": "MSMQT", "host": None}],
    "biztalk.send_handlers": [{"adapter": "FTP", "host": "App"}],
    "biztalk.receive_locations": [{"name": "In", "adapter": "FILE", "host": None, "is_enabled": False}],
    "biztalk.versions": [{"name": "Management DB", "major": 3, "minor": 9, "build": 469, "revision": 0},
                         {"name": "Management DB", "major": 3, "minor": 13, "build": 717, "revision": 0},
                         {"name": "Tracking DB", "major": 4, "minor": 0, "build": 0, "revision": 0}],
    "biztalk.leftovers": [{"host": "App", "server": "OLD"}],
}


def failed(number):
    return QueryAnswer("failed", error=SqlError(number, "42000", "said by SQL Server"))


def shape(**changes):
    """The shape of the rows above, with other rows or other answers for some queries; a dot of a name is written as __."""
    changes = {name.replace("__", "."): given for name, given in changes.items()}
    return biztalk.shape({name: given if isinstance(given, QueryAnswer) else QueryAnswer("ok", given) for name, given in {**ROWS, **changes}.items()})


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_a_group_is_told_in_words():
    group = shape()
    assert (group["management_database"], group["name"], group["version"]) == ("Mgmt]Db", "BizTalk Group", "3.13.717.0")
    assert [(d["role"], d["database"]) for d in group["databases"]] == [
        ("master", "BizTalkMsgBoxDb"), ("tracking", "BizTalkDTADb"), ("rules", "BizTalkRuleEngineDb")]
    assert [(h["name"], h["type"], h["cluster_group"]) for h in group["hosts"]] == [("App", "in_process", None), ("Iso", "isolated", "BTSSSO")]
    assert group["instances"] == [{"name": "App on BTS01", "host": "App", "server": "BTS01", "type": "in_process", "account": "C\\a",
                                   "disabled": True, "configuration": "installation_failed"}]
    assert [h["name"] for h in group["receive_handlers"]] == ["FILE on App", "MSMQT on no host"]
    assert group["receive_locations"] == [{"name": "In", "adapter": "FILE", "host": None, "enabled": False}]
    assert group["receiver_fault_tolerance"] == {"enabled": True, "retry_seconds": 60}
    assert group["leftovers"][0]["name"] == "App on OLD"
    assert not list(observed.holes(group))


def test_no_group_is_null_and_one_that_may_be_there_is_unknown():
    assert shape(sql__management=[{"name": "master", "holds_group": False}]) is None
    assert reason(shape(sql__management=[{"name": "master", "holds_group": False}, {"name": "Shop", "holds_group": None}])) == "denied"
    assert reason(shape(sql__management=[*ROWS["sql.management"], {"name": "Copy", "holds_group": True}])) == "failed"
    assert reason(shape(sql__management=QueryAnswer("skipped", reason="the connection was lost."))) == "skipped"
    assert reason(biztalk.shape({})) == "cut"


@pytest.mark.parametrize("asked", biztalk.queries(), ids=lambda asked: asked.name)
@pytest.mark.parametrize(("number", "why"), [(229, "denied"), (208, "missing"), (1222, "failed")])
def test_a_query_that_fails_costs_its_own_facts_only(asked, number, why):
    holes = dict(observed.holes(shape(**{asked.name: failed(number)})))
    assert holes and {hole["$unknown"]["reason"] for hole in holes.values()} == {why}
    others = {path for other in biztalk.queries() if other is not asked for path, _hole in observed.holes(shape(**{other.name: failed(number)}))}
    assert not set(holes) & others
    if why == "denied":
        assert all(table in observed.detail(next(iter(holes.values()))) for _right, table in asked.rights)


@pytest.mark.parametrize("asked", [asked for asked in biztalk.queries() if asked.limit], ids=lambda asked: asked.name)
def test_a_list_that_was_cut_says_so(asked):
    cut = shape(**{asked.name: QueryAnswer("ok", ROWS[asked.name], cut=True)})[asked.name.partition(".")[2]]
    assert reason(cut[-1]) == "cut" and len(cut) == len(ROWS[asked.name]) + 1
    assert f"TOP ({asked.limit + 1})" in asked.text


def test_numbers_that_are_not_known_are_unknown():
    assert reason(shape(biztalk__hosts=[{**ROWS["biztalk.hosts"][0], "host_type": 3}])["hosts"][0]["type"]) == "failed"
    assert reason(shape(biztalk__instances=[{**ROWS["biztalk.instances"][0], "configuration": 6}])["instances"][0]["configuration"]) == "failed"
    assert reason(shape(biztalk__versions=ROWS["biztalk.versions"][2:])["version"]) == "missing"


@pytest.mark.parametrize(("rows", "told"), [
    ([], None), ([("ReceiverFaultToleranceEnabled", "False"), ("ReceiverFaultToleranceRetryInterval", "5")], {"enabled": False, "retry_seconds": 5}),
    ([("receiverfaulttoleranceenabled", "-1"), ("ReceiverFaultToleranceRetryInterval", "5")], {"enabled": True, "retry_seconds": 5})])
def test_settings_of_2020_may_not_be_there(rows, told):
    assert shape(biztalk__settings=[{"name": name, "value": value} for name, value in rows])["receiver_fault_tolerance"] == told


def test_settings_that_are_not_understood_are_unknown():
    settings = shape(biztalk__settings=[{"name": "ReceiverFaultToleranceEnabled", "value": "vrai"}])["receiver_fault_tolerance"]
    assert (reason(settings["enabled"]), reason(settings["retry_seconds"])) == ("failed", "missing")


def test_nothing_that_may_hold_a_secret_is_read():
    for asked in biztalk.queries():
        assert not re.search(r"CustomCfg|TransportTypeData|InboundTransportURL|ConnectionString|\*", asked.text), asked.name


@pytest.mark.skipif(not CATALOGUE.exists(), reason=f"{len(biztalk.queries())} queries not held against the catalogue: it is not here")
@pytest.mark.parametrize("asked", biztalk.queries(), ids=lambda asked: asked.name)
def test_every_column_is_in_the_catalogue_in_all_generations(asked):
    tables = json.loads(CATALOGUE.read_text(encoding="utf-8"))["tables"]
    of = {alias: table for table, alias in re.findall(r"dbo\.(\w+) AS (\w+)", asked.text)}
    assert asked.database == query.MANAGEMENT and {f"dbo.{table}" for table in of.values()} == {table for _right, table in asked.rights}
    used = {(of[alias], column) for alias, column in re.findall(r"\b([a-z])\.(\w+)", asked.text)}
    for table, column in used:
        found = next((one for one in tables[table]["columns"] if one["name"] == column), None)
        assert found and {"2010", "2016"} <= set(found["seen_in"]), (table, column)
    assert re.findall(r"\bAS (\w+),", asked.text.partition(" FROM ")[0] + ",") == list(asked.columns)
