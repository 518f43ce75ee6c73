# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A backup that runs for half an hour on the lab's clock: started once, followed from any point, judged by its code."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backup_site import SHARES, Site  # noqa: E402

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import long_work, observed  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.modules import windows_backup as module  # noqa: E402

OPTIONS = {"max_age_hours": 4, "timeout": 86400}


def due(site, **options):
    return module.plan({**OPTIONS, **options}, site.snapshot())


def poll(site, wait):
    return wait.told(site.carry_out("follow", wait.steps))


def started(told=True):
    site = Site(told)
    plan = due(site)
    site.state.move_clock(60)
    site.apply(plan.changes)
    return site, plan.changes[0].wait


def runs(site):
    return len(site.kept["jobs"])


def test_a_backup_is_started_and_followed_to_its_end():
    site, wait = started()
    assert poll(site, wait).state == long_work.RUNNING
    site.state.move_clock(1740)
    assert poll(site, wait).state == long_work.RUNNING
    site.state.move_clock(120)
    assert poll(site, wait) == long_work.Progress(long_work.DONE, "it succeeded, as 11/24/2026-08:01", 1.0, "2026-11-24T08:01:00.0000000Z")
    assert due(site) == module.Plan()


@pytest.mark.parametrize("passed", [0, 30, 900, 1799])
def test_whoever_comes_while_it_runs_follows_it_and_starts_none(passed):
    site, _lost = started()
    site.state.move_clock(passed)
    plan = due(site)
    assert [change.steps for change in plan.changes] == [[]] and runs(site) == 4
    assert poll(site, plan.changes[0].wait).state == long_work.RUNNING
    site.state.move_clock(1800)
    assert poll(site, plan.changes[0].wait).state == long_work.DONE and runs(site) == 4


def test_whoever_comes_after_its_end_finds_it_recent():
    site, _lost = started()
    site.state.move_clock(1801)
    assert due(site) == module.Plan()


def test_one_that_was_broken_off_is_no_backup():
    site, wait = started()
    site.state.move_clock(300)
    site.ok("Stop-WBJob")
    told = poll(site, wait)
    assert told.state == long_work.FAILED and "0x807800D6" in told.says
    assert due(site).changes[0].steps and len(site.snapshot()["areas"]["windows_backup"]["sets"]) == 3


def test_a_run_that_failed_after_one_that_succeeded_makes_another_due():
    site, _lost = started()
    site.state.move_clock(1801)
    assert due(site) == module.Plan()
    site.ok("Start-WBBackup", Policy=site.ok("Get-WBPolicy")[0], Async=True)
    site.state.move_clock(300)
    site.ok("Stop-WBJob")
    assert due(site).changes[0].steps


def test_a_share_that_is_not_there_is_told_by_the_code():
    site, wait = started({"share": SHARES[1]})
    site.state.move_clock(130)
    told = poll(site, wait)
    assert told.state == long_work.FAILED and "could not be reached (0x8078015B)" in told.says
    summary = site.snapshot()["areas"]["windows_backup"]["summary"]
    assert summary["last_result"] == 2155348315 and summary["versions"] == 0      # the one on the share was overwritten


def test_the_result_of_an_earlier_run_is_not_taken_for_this_ones():
    site = Site()
    wait = due(site).changes[0].wait        # the start was lost on its way
    said = [poll(site, wait) for _time in range(module.POLLS_UNTIL_SEEN + 1)]
    assert {one.state for one in said[:-1]} == {long_work.RUNNING} and said[-1].state == long_work.FAILED


def test_what_cannot_be_seen_keeps_it_waiting():
    site, wait = started()
    answer = site.carry_out("follow", wait.steps)
    answer.steps["job"].runs[0].errors.append({"fqid": "X", "category": "", "terminating": True, "chain": []})
    answer.steps["job"].runs[0].rows.clear()
    assert wait.told(answer).state == long_work.RUNNING


@pytest.mark.parametrize(("told", "options", "says"), [
    (True, {"max_age_hours": 0}, "1 or more"),
    ({"policy": False}, {}, "Nothing is scheduled"),
    ({"feature": False}, {}, "not installed"),
])
def test_what_stands_in_the_way_is_told(told, options, says):
    plan = due(Site(told), **options)
    assert says in plan.refusal and not plan.changes


@pytest.mark.parametrize("fact", ["running", "history", "clock", "policy"])
def test_a_backup_is_not_started_blindly(fact):
    snapshot = Site().snapshot()
    snapshot["areas"]["windows_backup"][fact] = observed.hole("denied", "The account has no right to read this.")
    plan = module.plan(OPTIONS, snapshot)
    assert "no right" in plan.refusal and not plan.changes


def test_a_share_warns_that_the_backup_before_is_overwritten():
    assert "overwritten" in due(Site({"share": SHARES[0]})).changes[0].risk and due(Site()).changes[0].risk == ""


def test_an_old_backup_is_due_and_a_recent_one_is_not():
    site = Site()
    assert due(site, max_age_hours=11).changes and due(site, max_age_hours=12) == module.Plan()


def test_the_schedule_goes_on_by_itself():
    site = Site()
    site.state.move_clock(9 * 86400)
    found = site.snapshot()["areas"]["windows_backup"]
    assert found["history"][0]["since"][:16] == "2026-12-02T20:00" and len(found["sets"]) == 12
    assert found["summary"]["next_run"][:16] == "2026-12-03T20:00" and runs(site) == 3
    site.ok("Remove-WBPolicy", All=True, Force=True)
    assert runs(site) == 12 and len(site.snapshot()["areas"]["windows_backup"]["sets"]) == 12
