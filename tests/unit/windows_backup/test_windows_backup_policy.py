# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The truth test of windows_backup_policy on the lab's cmdlets, and what it refuses. Nothing is erased without the flag and the identity."""

import copy
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from backup_site import SHARES, Site  # noqa: E402

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, left_over, undo  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.modules import windows_backup_policy as module  # noqa: E402

DISK = 9        # the one disk without a critical volume


def complete(options):
    return {"state": "present", **options, "targets": options.get("targets") and [
        {"erase_disk": False, "update_password": "on_create", **target} for target in options["targets"]]}


def told(site):
    """What is in force, from the lab's own document."""
    policy = site.kept["policy"]
    if policy is None:
        return None
    critical = {volume["point"] for volume in site.kept["volumes"] if volume["critical"]}
    targets = [{"disk": ("disk", target["disk"]), "volume": ("volume", target["path"].casefold()),
                "share": ("share", target["path"])}[target["kind"]] for target in policy["targets"]]
    return {"bare_metal": policy["bare_metal"], "system_state": policy["bare_metal"] or policy["system_state"],
            "volumes": sorted(point.casefold() for point in policy["volumes"] if not (policy["bare_metal"] and point in critical)),
            "targets": sorted(targets), "schedule": policy["schedule"], "vss": policy["vss"][3:7].lower()}


def lost(before, after):
    """The volumes that are gone."""
    return {volume["point"] for volume in before["volumes"]} - {volume["point"] for volume in after["volumes"]}


def backup_disk(site):
    return next(disk for disk in site.kept["disks"] if disk["number"] == DISK)["id"]


def target(kind, site, erase=True):
    return {"disk": {"kind": "disk", "disk_id": "{" + backup_disk(site).upper() + "}", "erase_disk": erase}, "volume": {"kind": "volume", "volume": "L:"},
            "share": {"kind": "share", "path": SHARES[0], "user": r"CONTOSO\svc", "password": "canary'\"<&%é"}}[kind]


STATES = st.sampled_from([{}, {"policy": False}, {"share": SHARES[0]}, {"share": SHARES[1]}])
OPTIONS = {
    "bare_metal": st.booleans(), "system_state": st.booleans(), "vss": st.sampled_from(["copy", "full"]),
    "volumes": st.lists(st.sampled_from(["C:", "s:", "S:\\", "L:"]), max_size=3),
    "schedule": st.lists(st.sampled_from(["21:00", "03:30", "12:05"]), min_size=1, max_size=3),
    "targets": st.sampled_from(["disk", "volume", "share"]),
}
SEEN = Counter()


@st.composite
def wishes(draw, about):
    chosen = {name: draw(strategy) for name, strategy in OPTIONS.items() if name == about or draw(st.integers(0, 3)) == 0}
    return chosen


@pytest.mark.parametrize("about", [*OPTIONS, "state"])
def test_what_is_planned_is_done_and_nothing_else(about):
    @settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(STATES, wishes(about), st.booleans())
    def truth(state, wish, same):
        site = Site({**state, "volumes": ["S", "L"]})
        if same and site.kept["policy"] and about != "state":      # half of those with a policy ask for what is there
            there = module._now(site.snapshot()["areas"]["windows_backup"])
            wish[about] = there[about] if about != "targets" else {"disk": "disk", "share": "share"}[there["targets"][0]["kind"]]
            if about == "targets" and state.get("share") == SHARES[1]:
                wish[about] = "share"
        if about == "state":
            wish = {"state": "absent"}
        options = complete({**wish, **({"targets": [target(wish["targets"], site)]} if "targets" in wish else {})})
        snapshot, document, digest = site.snapshot(), copy.deepcopy(site.kept), site.state.state_hash()
        before = told(site)
        plan = module.plan(options, snapshot)
        assert site.state.state_hash() == digest
        if plan.refusal:
            SEEN[about, "refused"] += 1
            return
        SEEN[about, "changes" if plan.changes else "nothing"] += 1
        site.apply(plan.changes)
        after = told(site)
        said = diff(plan.changes)
        if not plan.changes:
            assert after == before
        else:
            assert (before is None) == (said["before"]["policy"] is None) and (after is None) == (said["after"]["policy"] is None)
            changed = {name for name in module.OPTIONS if (before or {}).get(name) != (after or {}).get(name)}
            if before and after:
                assert set(said["after"]["policy"]) == changed
        assert not left_over(module.plan(options, site.snapshot()))
        assert not module.plan(options, site.snapshot()).changes
        # a volume goes only with a disk that was named and whose erasing was said
        gone = lost(document, site.kept)
        erased = any(one["kind"] == "disk" and one["erase_disk"] for one in options["targets"] or [])
        assert not gone or (erased and all(volume["disk"] == DISK for volume in document["volumes"] if volume["point"] in gone))
        back = undo(plan.changes)
        if back:
            site.apply(module.plan(complete(back), site.snapshot()).changes)
            again = told(site)
            disk_gone = before and before["targets"][0][0] == "disk" and again["targets"] != before["targets"]    # only formatting would bring it back
            assert again == before or (disk_gone and {**again, "targets": 0} == {**before, "targets": 0})
    truth()
    assert SEEN[about, "changes"]
    assert SEEN[about, "nothing"]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), min_size=1, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_no_disk_is_erased_without_flag_and_identity(disks, erase):
    """Over generated disks: with a critical volume, twice the same identifier, and any of them named."""
    site = Site({"policy": False})
    kept, named = site.kept, disks[-1][2] % len(disks)
    kept["disks"] = [{"number": number, "id": f"00000000-0000-0000-0000-00000000000{0 if twin else number}", "name": "Disk", "size": 1}
                     for number, (_critical, twin, _n) in enumerate(disks)]
    kept["volumes"] = [{**kept["volumes"][0], "point": f"\\\\?\\Volume{{{number}}}", "critical": critical, "disk": number, "path": f"{'DEFG'[number]}:"}
                       for number, (critical, _twin, _n) in enumerate(disks)]
    id, before = kept["disks"][named]["id"], copy.deepcopy(kept)
    options = complete({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "disk", "disk_id": id, "erase_disk": erase}]})
    plan = module.plan(options, site.snapshot())
    twins = [disk for disk in kept["disks"] if disk["id"] == id]
    if not erase or len(twins) > 1 or disks[named][0]:
        assert plan.refusal and not plan.changes
        return
    assert f"Disk {named} is formatted" in plan.changes[0].risk
    site.apply(plan.changes)
    assert lost(before, site.kept) == {volume["point"] for volume in before["volumes"] if volume["disk"] == named}


@pytest.mark.parametrize(("wish", "says"), [
    ({"bare_metal": True}, "targets and schedule"),
    ({"schedule": ["9:00"], "system_state": True}, "9:00"),
    ({"schedule": [], "system_state": True}, "schedule is empty"),
    ({"bare_metal": True, "system_state": False}, "contradicts"),
    ({"volumes": ["Q:"], "schedule": ["21:00"]}, "no volume 'Q:'"),
    ({"system_state": True, "schedule": ["21:00"], "targets": []}, "empty"),
    ({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "disk", "disk_id": "x", "erase_disk": True}]}, "no disk 'x'"),
    ({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "share", "path": "C:\\x"}]}, "not a UNC path"),
    ({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "share", "path": SHARES[0], "user": "x"}]}, "belong together"),
    ({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "share", "path": SHARES[0]}, {"kind": "share", "path": SHARES[1]}]}, "one share"),
    ({"system_state": True, "schedule": ["21:00"], "targets": [{"kind": "share", "path": SHARES[0]}, {"kind": "volume", "volume": "S:"}]}, "one kind"),
    ({"volumes": ["S:"], "schedule": ["21:00"], "targets": [{"kind": "volume", "volume": "S:"}]}, "onto itself"),
    ({"schedule": ["21:00"], "targets": [{"kind": "volume", "volume": "S:"}]}, "Nothing would be backed up"),
])
def test_what_cannot_be_is_refused(wish, says):
    site = Site({"policy": False, "volumes": ["S", "L"]})
    plan = module.plan(complete(wish), site.snapshot())
    assert says in plan.refusal and not plan.changes


def test_check_mode_shows_what_would_be_lost():
    site = Site({"policy": False})
    wish = {"bare_metal": True, "schedule": ["21:00"], "targets": [target("disk", site)]}
    change = module.plan(complete(wish), site.snapshot()).changes[0]
    assert change.after["targets"][0]["erases"] == {"number": 9, "name": "VMware Virtual disk SCSI Disk Device", "size": 1000 * 2**30, "volumes": "F: Old data"}
    assert "F: Old data" in change.risk and change.undo == {"state": "absent"}


def test_a_password_is_given_again_only_when_asked_for_and_never_compared():
    site = Site({"share": SHARES[0]})
    wish = {"targets": [{"kind": "share", "path": SHARES[0] + "\\", "user": r"CONTOSO\other", "password": "Secret-2"}]}
    assert not module.plan(complete(wish), site.snapshot()).changes
    wish["targets"][0]["update_password"] = "always"
    plan = module.plan(complete(wish), site.snapshot())
    assert [change.where for change in plan.changes] == [rf"policy[{SHARES[0]}][password]"]
    site.apply(plan.changes)
    assert site.kept["policy"]["targets"][0]["user"] == r"CONTOSO\other" and not left_over(module.plan(complete(wish), site.snapshot()))
    assert "Secret-2" not in str(diff(plan.changes))


def test_a_policy_is_not_changed_under_a_running_backup():
    site = Site()
    site.ok("Start-WBBackup", Policy=site.ok("Get-WBPolicy")[0], Async=True)
    assert "runs now" in module.plan(complete({"vss": "copy"}), site.snapshot()).refusal
    assert not module.plan(complete({"vss": "full"}), site.snapshot()).refusal


def test_without_the_feature_nothing_is_done():
    snapshot = Site({"feature": False}).snapshot()
    assert "not installed" in module.plan(complete({"vss": "full"}), snapshot).refusal
    assert module.plan(complete({"state": "absent"}), snapshot) == module.Plan()


@pytest.mark.parametrize("path", ["policy", "policy.volumes", "policy.targets", "policy.vss", "policy.bare_metal", "disks", "volumes", "running"])
def test_what_was_not_seen_stops_the_plan(path):
    site = Site({"share": SHARES[0]})
    snapshot = site.snapshot()
    here = snapshot["areas"]["windows_backup"]
    *parts, last = path.split(".")
    for part in parts:
        here = here[part]
    here[last] = observed.hole("denied", "The account has no right to read this.")
    wish = {"targets": [target("disk", site)], "volumes": ["C:"], "vss": "copy", "schedule": ["20:00"]}
    plan = module.plan(complete(wish), snapshot)
    assert "no right" in plan.refusal and not plan.changes
