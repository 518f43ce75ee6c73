"""The engine against what it is made from, and every query of the product against the engine."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import areas
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT
from lab import scenario
from lab.tsql import types
from lab.tsql.access import closed
from lab.tsql.extract_tables import extract
from lab.tsql.problem import Rows
from lab.tsql.store import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "catalogue"
FAMILIES = {"text": ("text", "guid"), "number": ("integer",), "decimal": ("lsn", "decimal"), "boolean": ("integer",), "instant": ("time",),
            "local": ("time",),
            "bytes": ("binary",)}


def test_the_tables_are_the_extract_of_the_reference():
    if not REFERENCE.exists():
        pytest.skip("NOT CHECKED: ../shared/reference/catalogue is not here")
    tsql, biztalk = (json.loads((REFERENCE / name).read_text(encoding="utf-8")) for name in ("tsql.json", "biztalkmgmt.json"))
    assert extract(tsql, biztalk) == CATALOGUE


def test_every_declared_type_is_one_that_the_lab_can_keep():
    declared = {kind for group in CATALOGUE["tables"].values() for columns in group.values() for kind in columns.values()}
    declared |= {parameter[1] for parameters in CATALOGUE["procedures"].values() for parameter in parameters}
    assert all(types.affinity(kind) for kind in declared) and len(declared) > 50


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    state, _fresh = scenario.open_state(scenario.load("healthy"), tmp_path_factory.mktemp("world"), "2026-11-24T08:00:00Z")
    yield state.world
    state.close()


def queries():
    return [(name, query) for name, area in areas.SQL_AREAS.items() for query in area.queries()]


@pytest.mark.parametrize(("area", "query"), queries(), ids=[query.name for _area, query in queries()])
def test_every_query_of_the_product_gives_its_columns_in_their_types(world, area, query):
    for name, instance in world.instances.items():
        if area == "log_shipping" and not world.descriptions[name].restoring:
            continue
        database = query.database
        if database == MANAGEMENT:
            database = next((each for each in instance.databases if instance.kind(each) == "BizTalkMgmtDb" and not closed(instance, each)), None)
            if database is None:
                continue
        answer = list(instance.session(database=database).run(query.text))[-1]
        assert isinstance(answer, Rows), (name, answer)
        assert [column for column, _kind in answer.columns] == list(query.columns)
        for (column, declared), wanted in zip(answer.columns, query.columns.values()):
            assert types.family(declared) in FAMILIES[wanted], (column, declared, wanted)
