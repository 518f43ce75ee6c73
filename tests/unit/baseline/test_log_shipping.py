"""A destination of log shipping: what follows from its history of sets, and that nothing passes which was not seen."""
from __future__ import annotations

import copy

import pytest
import sql_estates as estates
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import log_shipping as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import OWN
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer, SqlError
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, log_shippings

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.subject == "log_shipping"]
NOW = "2026-11-24T08:00:00Z"
HOLE = observed.hole("denied", "The login may not.")
OWN_ROW = {"clock": NOW, "local_clock": "2026-11-24T09:00:00", "sees_definitions": True, "sees_databases": True}
PATHS = {"BizTalkMgmtDb", "BizTalkMsgBoxDb"}


def answers(sets, **more):
    there = dict.fromkeys(area.TABLES + area.PROCEDURES, True)
    made = {"objects": [there], "ad_hoc": [{"in_use": 1}], "restored": [{"last": "2026-11-24T08:45:00"}],
            "sets": [{"id": number, "kind": kind, "complete": complete, "restored": restored} for number, kind, complete, restored in reversed(sets)],
            "databases": [{"server": estates.BTS, "database_name": name} for name in sorted(PATHS)], "last_set": [{"id": 4}], **more}
    return {OWN.name: QueryAnswer("ok", [OWN_ROW]), **{f"log_shipping.{name}": QueryAnswer("ok", rows) for name, rows in made.items()}}


SETS = [(1, "db", True, True), (2, "lg", True, True), (3, "db", True, False), (4, "lg", True, True), (5, "lg", True, False)]
FULL_TIME = {"enabled": True, "id": 1, "name": "minute", "freq_type": 4, "freq_interval": 1, "freq_subday_type": 4, "freq_subday_interval": 1,
             "freq_recurrence_factor": 0, "active_start_date": 20240101, "active_end_date": 99991231, "active_start_time": 0, "active_end_time": 235959}


def jobs():
    names = ("BTS Log Shipping - Get Backup History", "BTS Server Log Shipping Restore Databases", "BTS Log Shipping Restore To Mark")
    return [estates.job(name, schedules=[] if "Mark" in name else [dict(FULL_TIME)], running=False) for name in names]


def estate_with(sets=tuple(SETS), change=None, **more):
    snapshots = estates.healthy()
    destination = next(one for one in snapshots if one["host"] == "sqldr")
    destination["variables"]["log_shipping_destination"] = "true"
    destination["areas"]["log_shipping"] = area.shape(answers(sets, **more))
    destination["areas"]["agent"]["jobs"] = jobs()
    source = next(one for one in snapshots if one["host"] == "sqlbts")
    for one in (source, destination):
        one["areas"]["sql"]["logins"].append({"name": r"CONTOSO\sql", "sid": estates.sid("sql agent of contoso"), "kind": "windows_login", "disabled": False})
    if change:
        change(source["areas"], destination["areas"])
    return snapshots


def found(snapshots, words=()):
    hosts = list(estate.hosts_of(snapshots, {}).values())
    told = attestations.Told(tuple(words), (), NOW)
    return [estate._attested(one, BASELINE.kinds["log_shipping"].claims, told) for one in log_shippings.subjects(hosts, BASELINE.kinds)]


def subject(snapshots):
    words = [attestations.Attestation(claim.id, "log_shipping:*", "Ann", "2026-11-01", "x", "2026-12-01", "f:1")
             for claim in BASELINE.kinds["log_shipping"].claims]
    return found(snapshots, words)[0]


def statuses(snapshots):
    one = subject(snapshots)
    return {c.id: three_valued.status_of(c, one.facts, BASELINE.kinds, NOW) for c in CONTROLS}


def test_a_destination_that_follows_its_source_passes_everything():
    assert set(statuses(estate_with()).values()) == {"pass"}, statuses(estate_with())


def test_an_instance_that_nobody_declares_is_none():
    assert found(estates.healthy()) == []


def state(**values):
    return lambda _source, destination: destination["sql"]["databases"][4].update(values)


def job(number, **values):
    return lambda _source, destination: destination["agent"]["jobs"][number].update(values)


FAULTS = [
    ("FT-LSH-002", lambda _s, d: d["agent"]["jobs"].pop(), {}),
    ("FT-LSH-003", job(1, enabled=False), {}),
    ("FT-LSH-003", job(0, last_run={"status": "failed", "started": "2026-11-24T08:59:00", "duration_seconds": 1}), {}),
    ("FT-LSH-003", job(0, schedules=[{**FULL_TIME, "freq_subday_interval": 15}]), {}),
    ("FT-LSH-004", job(2, schedules=[dict(FULL_TIME)]), {}),
    ("FT-LSH-004", job(2, running=True), {}),
    ("FT-LSH-005", None, {"restored": [{"last": "2026-11-24T07:45:00"}]}),
    ("FT-LSH-005", None, {"restored": [{"last": None}]}),
    ("FT-LSH-005", None, {"sets": [*SETS, (6, "lg", True, False), (7, "lg", True, False)]}),
    ("FT-LSH-006", None, {"sets": [*SETS, (6, "lg", False, False)]}),
    ("FT-LSH-006", None, {"sets": [SETS[0], (2, "lg", True, False), *SETS[3:]]}),
    ("FT-LSH-009", state(state="ONLINE"), {}),
    ("FT-LSH-009, FT-LSH-010", lambda _s, d: d["sql"]["databases"].pop(), {}),
    ("FT-LSH-010", lambda _s, d: d["sql"]["databases"][4]["files"][0].update(path=r"D:\data\x.mdf"), {}),
    ("FT-LSH-011", lambda _s, d: d["sql"].update(major_version=14), {}),
    ("FT-LSH-011", lambda _s, d: d["sql"].update(instance_name="OTHER"), {}),
    ("FT-LSH-012", None, {"ad_hoc": [{"in_use": 0}]}),
    ("FT-LSH-013", lambda _s, d: d["sql"]["services"][1].update(account=r"FAR\agent"), {}),
    ("FT-LSH-013", lambda s, _d: s["sql"]["logins"][-1].update(disabled=True), {}),
    ("FT-LSH-014", lambda _s, d: d["sql"]["logins"].pop(), {}),
    ("FT-LSH-001", None, {"objects": [{**dict.fromkeys(area.TABLES + area.PROCEDURES, True), area.PROCEDURES[0]: False}]}),
]


@pytest.mark.parametrize(("control", "change", "more"), FAULTS, ids=[f"{fault[0]}-{number}" for number, fault in enumerate(FAULTS)])
def test_a_fault_is_found_by_its_control_alone(control, change, more):
    more = dict(more)
    sets = more.pop("sets", SETS)
    failed = {name for name, status in statuses(estate_with(sets, change, **more)).items() if status == "fail"}
    assert failed == set(control.split(", "))


@pytest.mark.parametrize(("sets", "waiting", "partial", "gaps"), [
    ([(1, "db", True, True), (2, "lg", True, False)], 1, 0, 0),
    ([(1, "db", True, True), (2, "lg", False, False), (3, "lg", True, False), (4, "db", True, True), (5, "lg", True, True)], 0, 0, 0),     # healed
    ([(1, "db", True, True), (2, "lg", False, False), (3, "lg", True, False), (4, "db", True, False)], 1, 1, 0),
    ([(1, "db", True, True), (2, "lg", True, False), (3, "lg", True, True)], 0, 0, 1),
    ([], 0, 0, 0)])
def test_what_waits_is_partial_or_was_passed_over(sets, waiting, partial, gaps):
    facts = subject(estate_with(sets)).facts
    assert (facts["waiting_sets"], len(facts["partial_sets"]), len(facts["gaps"])) == (waiting, partial, gaps)


def test_a_second_destination_at_another_set_is_found_on_both():
    snapshots = estate_with()
    other = copy.deepcopy(next(one for one in snapshots if one["host"] == "sqldr"))
    other["host"], other["variables"]["instance_name"] = "sqldr2", r"SQLDR2\BTS"
    other["areas"]["log_shipping"]["last_set"] = 2
    assert [one.facts["same_set"] for one in found([*snapshots, other])] == [False, False]


def test_where_nothing_was_ever_configured_that_is_known_and_not_unknown():
    there = dict.fromkeys(area.TABLES + area.PROCEDURES, False)
    given = answers(SETS, objects=[there])
    for name in ("restored", "sets", "databases", "last_set"):
        given[f"log_shipping.{name}"] = QueryAnswer("failed", error=SqlError(208, "42S02", "Invalid object name."))
    snapshots = estate_with()
    next(one for one in snapshots if one["host"] == "sqldr")["areas"]["log_shipping"] = area.shape(given)
    assert {name for name, status in statuses(snapshots).items() if status == "fail"} >= {"FT-LSH-001", "FT-LSH-005", "FT-LSH-009"}
    assert "unknown" not in statuses(snapshots).values()


@pytest.mark.parametrize("query", area.queries(), ids=lambda query: query.name)
def test_a_query_without_an_answer_costs_what_it_asks_and_no_more(query):
    given = answers(SETS)
    given[query.name] = QueryAnswer("failed", error=SqlError(229, "42000", "The SELECT permission was denied."))
    shaped = area.shape(given)
    assert [path for path, _hole in observed.holes(shaped)]
    if query is not OWN:
        assert len({path.split(".")[0].split("[")[0] for path, _hole in observed.holes(shaped)}) == 1


@pytest.mark.parametrize("c", CONTROLS, ids=lambda c: c.id)
def test_what_was_not_seen_of_a_destination_never_passes(c):
    assert three_valued.excluded(c, subject(estate_with()).facts, BASELINE.kinds) == set()


def test_a_destination_that_was_not_read_is_unknown():
    snapshots = estate_with()
    next(one for one in snapshots if one["host"] == "sqldr")["areas"]["log_shipping"] = HOLE
    assert set(statuses(snapshots).values()) == {"unknown"}
    assert log_shippings._waiting(HOLE) == HOLE and log_shippings._same([4, HOLE]) == HOLE
