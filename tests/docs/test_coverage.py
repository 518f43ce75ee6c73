"""docs/coverage.md promises nothing that is not there, and leaves no row of Microsoft's pages out."""
from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools import coverage  # noqa: E402

TITLES = {control.id: control.title for control in baseline.load().controls}
ROWS = {"seed": 26, "operations": 20, "core": 21}      # as Microsoft's pages have them


def test_every_row_is_covered_or_has_a_reason_and_few_have_only_that():
    data = coverage.read()
    assert coverage.problems(data, TITLES, coverage.resources()) == []
    assert {page["id"]: len(page["rows"]) for page in data["pages"]} == ROWS


def test_the_page_is_made_from_its_data():
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.render(coverage.read(), TITLES)


@pytest.mark.parametrize(("change", "says"), [
    (lambda row: row.update(controls=["FT-XXX-001"]), "no control FT-XXX-001"),
    (lambda row: row.update(resources=["magic"]), "no resource magic"),
    (lambda row: row.update(reason="laziness"), "no reason of the list"),
    (lambda row: row.update(reason="pointer"), "covered and has a reason"),
    (lambda row: row.pop("controls"), "nothing covers it"),
    (lambda row: row.update(n=7), "not numbered"),
])
def test_a_gap_is_found(change, says):
    data = copy.deepcopy(coverage.read())
    change(data["pages"][0]["rows"][1])
    assert any(says in problem for problem in coverage.problems(data, TITLES, coverage.resources()))


def test_no_more_rows_than_allowed_may_have_only_a_reason():
    data = copy.deepcopy(coverage.read())
    for row in data["pages"][1]["rows"][:coverage.ONLY_A_REASON]:
        row.pop("controls", None), row.pop("resources", None)
        row["reason"] = "pointer"
    assert any("have only a reason" in problem for problem in coverage.problems(data, TITLES, coverage.resources()))
