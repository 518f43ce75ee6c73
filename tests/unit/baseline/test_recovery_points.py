"""What each database could lose, against the tightest limit of the baseline."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, recovery
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.estate import Subject

HOLE = observed.hole("denied", "Access is denied.")


def control(wanted, query="worst_gap_seconds", operator="at_most", subject="backup"):
    return SimpleNamespace(subject=subject, expect=[SimpleNamespace(wanted=wanted, operator=operator, query=SimpleNamespace(text=query))])


def backup(*rows, restorable=0):
    """The backup of a group that could be brought back to a mark of *restorable* seconds ago; a hole, or None for no mark."""
    found = {"age_seconds": restorable} if isinstance(restorable, int) else restorable
    return Subject("backup", "backup:S/M", {"databases": list(rows), "restorable": found})


POINTS = [  # gap, since the last point, target -> achieved, status
    (900, 60, 900, 900, "pass"), (901, 60, 900, 901, "fail"), (60, 901, 900, 901, "fail"), (None, 100, 900, 100, "pass"),
    (None, None, 900, None, "fail"), (None, None, None, None, "fail"), (60, None, 900, None, "fail"), (60, 60, None, 60, "not_applicable"),
    (HOLE, 60, 900, None, "unknown"), (HOLE, 901, 900, 901, "fail"), (60, HOLE, 900, None, "unknown"), (HOLE, HOLE, 900, None, "unknown"),
    (HOLE, 60, None, None, "unknown"), (0, 0, 900, 0, "pass"),
]


@pytest.mark.parametrize(("gap", "since", "target", "achieved", "status"), POINTS)
def test_a_recovery_point_is_judged(gap, since, target, achieved, status):
    row = {"name": "D", "worst_gap_seconds": gap, "lost_now_seconds": since}
    assert recovery.points([backup(row)], [control(target)] if target else []) == [{
        "subject": "backup:S/M", "database": "D", "achieved_seconds": achieved, "target_seconds": target,
        "lost_now_seconds": since if isinstance(since, int) else None, "status": status}]


@pytest.mark.parametrize(("restorable", "achieved", "status"), [
    (900, 900, "pass"), (4068, 4068, "fail"), (30, 60, "pass"), (None, None, "fail"), (HOLE, None, "unknown"), ({"age_seconds": HOLE}, None, "unknown")])
def test_a_point_counts_only_where_the_whole_group_can_be_brought_to_it(restorable, achieved, status):
    row = {"name": "D", "worst_gap_seconds": 60, "lost_now_seconds": 45}
    point = recovery.points([backup(row, restorable=restorable)], [control(900)])[0]
    assert (point["achieved_seconds"], point["status"]) == (achieved, status)
    assert point["lost_now_seconds"] == (max(45, restorable) if isinstance(restorable, int) else None)


def test_the_shipped_baseline_has_a_target():
    row = {"name": "D", "worst_gap_seconds": 60, "lost_now_seconds": 60}
    assert recovery.points([backup(row)], baseline.load().controls)[0]["target_seconds"] == 3600


def test_the_tightest_limit_counts_and_nothing_else_is_one():
    row = {"name": "D", "worst_gap_seconds": 60, "lost_now_seconds": 60}
    controls = [control(3600), control(1800), control(5, operator="at_least"), control(5, query="lost_now_seconds"), control(5, subject="instance")]
    assert recovery.points([backup(row)], controls)[0]["target_seconds"] == 1800


def test_only_backups_that_were_read_have_points():
    assert recovery.points([Subject("backup", "backup:S/M", HOLE), Subject("backup", "backup:T/M", {"databases": HOLE}), backup(HOLE),
                            Subject("database", "database:S/D", {"databases": [{}]})], []) == []
