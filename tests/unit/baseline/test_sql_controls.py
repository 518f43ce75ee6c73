from __future__ import annotations

import pytest
import sql_estates as estates
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, estate, judge

BASELINE = baseline.load()
KINDS = ("instance",)
CONTROLS = [c for c in BASELINE.controls if c.subject in KINDS]
SUBJECTS = [s for s in estate.subjects_of(estate.hosts_of(estates.healthy(), {}), BASELINE.kinds) if s.kind in KINDS]


def findings(snapshots, **options):
    report = judge.judge(snapshots, {}, BASELINE, judge.Options(now="2026-11-24T09:00:00Z", **options))
    ids = {c.id for c in CONTROLS}
    return [finding for finding in report["findings"] if finding["control"] in ids]


def found(snapshots):
    """What fails: ``{(control, subject, item)}``."""
    return {(f["control"], f["subject"], i["item"]) for f in findings(snapshots) for i in f["items"] if i["status"] == "fail"}


def test_nothing_has_drifted_on_a_healthy_estate():
    statuses = [(f["status"], f["control"], f["subject"]) for f in findings(estates.healthy())]
    assert [s for s in statuses if s[0] not in ("pass", "not_applicable")] == []
    assert {control for status, control, _subject in statuses if status == "pass"} == {c.id for c in CONTROLS}


def on(host, change):
    """A change of what an instance says of itself in the area sql."""
    return lambda snapshots: change(next(s for s in snapshots if s["host"] == host)["areas"]["sql"])


FAULTS = [
    ("FT-SQL-002", r"instance:SQLBTS\BTS", "", on("sqlbts", lambda sql: sql["services"][1].update(state="Stopped")), []),
]


@pytest.mark.parametrize(("expected", "subject", "item", "plant", "follow"), FAULTS, ids=[f"{f[0]} {f[1]} {f[2]}" for f in FAULTS])
def test_a_planted_fault_is_found_and_nothing_else(expected, subject, item, plant, follow):
    snapshots = estates.healthy()
    plant(snapshots)
    failed = found(snapshots)
    assert (expected, subject, item) in failed
    assert {control for control, _subject, _item in failed} - {expected} <= set(follow), failed


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == {c.id for c in CONTROLS}


PAIRS = [(c, s) for c in CONTROLS for s in SUBJECTS if s.kind == c.subject and three_valued.status_of(c, s.facts, BASELINE.kinds) == "pass"]
EXCLUDED = {}


@pytest.mark.parametrize(("c", "subject"), PAIRS, ids=[f"{c.id} {s.id}" for c, s in PAIRS])
def test_what_was_not_seen_never_passes(c, subject):
    assert three_valued.excluded(c, subject.facts, BASELINE.kinds) == EXCLUDED.get((c.id, subject.id), set())


@pytest.mark.parametrize("areas", [{}, {"sql": observed.hole("unreachable", "It does not answer.")}])
def test_an_instance_that_was_not_read_is_unknown(areas):
    snapshots = [estates.snapshot("sqlbts", r"SQLBTS\BTS", **areas)]
    if areas:
        assert {f["status"] for f in findings(snapshots)} == {"unknown"}
    else:
        assert findings(snapshots) == []            # not asked is counted apart
