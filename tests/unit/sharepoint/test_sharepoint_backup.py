"""sharepoint_backup on the lab: what is planned is what differs between two looks at the disk; a backup that died is none."""
from __future__ import annotations

import json
from collections import Counter

import farm_lab
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import long_work
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sharepoint as area
from ansible_collections.biztalk.fault_tolerance.plugins.modules import sharepoint_backup as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs

SITES = ["https://portal.contoso.test", "https://portal.contoso.test/sites/orders"]
CANARY = "Not'A\"Sec&ret<1"
DAY = 86400


def sets(farm):
    """Every file below the folder, from the lab's own table."""
    return {entry.path[len(farm_lab.FOLDER):]: entry for entry in farm.state.files.below("sp", farm_lab.FOLDER) if not entry.folder}


@pytest.mark.parametrize("edition", ["2013", "2016", "2019", "SE", "WSS3"])
def test_every_edition_is_backed_up_and_judged_by_what_it_tells(edition):
    farm = farm_lab.Farm({"edition": edition, "root": "Ferme"})
    before = farm.state.state_hash()
    planned = farm.plan()
    assert not planned.refusal and [change.where for change in planned.changes] == ["backup", "index"]
    assert farm.state.state_hash() == before
    assert farm.apply(planned.changes) == ""
    place = r"\SP-sharepoint-20261124T080000Z"
    assert {rf"{place}\{name}" for name in ("index.json", "hashes.json", "spbrtoc.xml", r"spbr0000\spbackup.log", r"spbr0000\spbackup.xml")} <= set(sets(farm))
    assert not farm.plan().changes and not farm.state.hosts["sp"]["tasks"]
    newest = farm.read()["backup"]["sets"][-1]
    assert (newest["outcome"], newest["method"], newest["whole_farm"], newest["indexed"]) == ("whole", "full", True, True)
    assert {"WSS_Content_Portal", "WSS_Content_Orders"} <= set(newest["components"])


def test_a_differential_backup_goes_to_the_full_one_and_is_refused_without_it():
    bare = farm_lab.Farm({"days": []})
    assert "Make a full one first" in bare.plan(method="differential").refusal
    farm = farm_lab.Farm({"days": [9, 2]})
    planned = farm.plan(method="differential")
    assert [change.after for change in planned.changes] == [rf"differential in {farm_lab.SHARE}"]
    assert farm.apply(planned.changes) == "" and not farm.plan(method="differential").changes
    assert [one["method"] for one in farm.read()["backup"]["sets"]] == ["full", "full", "differential"]
    assert farm.plan().changes        # it is no full one


def test_a_full_backup_is_enough_where_less_is_asked_for():
    farm = farm_lab.Farm({"days": [0]})
    for method in ("full", "differential", "configuration_only"):
        assert not farm.plan(method=method).changes, method


def test_a_database_that_was_not_saved_fails_the_task_though_sharepoint_only_warns():
    farm = farm_lab.Farm()
    farm.state.shares[farm_lab.SHARE]["access"].pop(r"CONTOSO\svc-sql")
    planned = farm.plan()
    fault = farm.apply(planned.changes)
    assert "not saved: SharePoint_AdminContent" in fault and "WSS_Content_Portal" in fault
    last = farm.read()["backup"]["sets"][-1]
    assert last["outcome"] == "failed" and last["warnings"] == 4 and not last["indexed"]
    again = farm.plan()
    assert "failed" in again.changes[0].before and [change.where for change in again.changes] == ["backup", "index"]


def test_a_backup_that_dies_at_any_time_is_incomplete_and_the_next_run_makes_another():
    for seconds in (0, 60, 450, 890):
        farm = farm_lab.Farm()
        first = farm.plan()
        farm.begin(first.changes[0])
        farm.state.move_clock(seconds)
        farm.state.jobs.clear()         # the host is restarted
        task, = farm.state.hosts["sp"]["tasks"].values()
        task["result"] = 3221225786
        farm.state.move_clock(60)
        read = farm.read()["backup"]
        assert [one["outcome"] for one in read["sets"] if one["place"] != farm_lab.SHARE and one["outcome"] == "whole"] == []
        again = farm.plan()
        assert [change.where for change in again.changes] == ["backup", "index"] and again.changes[0].steps
        assert farm.apply(again.changes) == ""
        assert not farm.plan().changes


def test_a_backup_that_runs_is_found_and_followed_and_never_started_twice():
    farm = farm_lab.Farm()
    farm.begin(farm.plan().changes[0])
    for _poll in range(3):
        farm.state.move_clock(280)
        found = farm.plan()
        change = found.changes[0]
        assert change.where == "backup" and not change.steps
        told = change.wait.told(farm.carry_out("follow", list(change.wait.steps)).areas["follow"])
        assert told.state == long_work.RUNNING and told.share and "percent" in told.says, told
    assert farm.apply(found.changes) == ""
    assert not farm.plan().changes
    assert sum(call["command"].endswith("Backup-SPFarm") for call in farm.state.calls()) == 1


def test_the_answer_of_a_backup_that_ended_meanwhile_is_taken():
    farm = farm_lab.Farm()
    farm.begin(farm.plan().changes[0])
    farm.state.move_clock(5000)
    found = farm.plan()
    assert [change.where for change in found.changes] == ["backup", "index"] and not found.changes[0].steps
    assert farm.apply(found.changes) == "" and not farm.plan().changes


def test_another_backup_is_not_started_beside_one_that_runs():
    farm = farm_lab.Farm()
    farm.begin(farm.plan().changes[0])
    assert "started with other options" in farm.plan(method="configuration_only").refusal


def test_site_collections_are_exported_each_into_a_file():
    farm = farm_lab.Farm()
    planned = farm.plan(method="sites", sites=SITES, site_lock="snapshot")
    assert farm.apply(planned.changes) == ""
    assert {r"\SP-spsites-20261124T080000Z\1.bak", r"\SP-spsites-20261124T080000Z\2.bak", r"\SP-spsites-20261124T080000Z\index.json"} <= set(sets(farm))
    assert not farm.plan(method="sites", sites=[SITES[0] + "/"]).changes
    wrong = farm_lab.Farm()
    assert wrong.apply(wrong.plan(method="sites", sites=["https://elsewhere.contoso.test"]).changes)
    assert wrong.plan(method="sites", sites=["https://elsewhere.contoso.test"]).changes


def test_the_password_stands_in_no_step_of_the_batch_that_the_job_keeps():
    farm = farm_lab.Farm()
    planned = farm.plan(password=CANARY)
    for change in planned.changes:
        for step in jobs.expand(change.steps):
            told = json.dumps(step)
            assert (json.dumps(CANARY)[1:-1] in told) == (step["id"] == "job_registered"), step["id"]


REFUSED = [
    ({"folder": r"C:\SPBackup"}, "is not a share"), ({"method": "sites"}, "go together"), ({"sites": SITES}, "go together"),
    ({"method": "sites", "sites": ["portal"]}, "is no address"), ({"method": "sites", "sites": [SITES[0], SITES[0] + "/"]}, "more than once"),
    ({"account": "svc"}, "is no account"), ({"password": None}, "needs the password"), ({"max_age_hours": 0}, "must be 1 or more"),
    ({"timeout_hours": 0}, "must be 1 or more"), ({"folder": r"\\sp\other"}, "not there"), ({"folder": r"\\files\spbackup"}, "not there"),
]


@pytest.mark.parametrize(("wanted", "words"), REFUSED)
def test_what_is_refused(wanted, words):
    refusal = farm_lab.Farm().plan(**wanted).refusal
    assert words in refusal, refusal


def test_a_group_managed_account_needs_no_password_and_stsadm_knows_two_methods():
    assert farm_lab.Farm().plan(account=r"CONTOSO\gmsa-sp$", password=None).changes[0].steps[0]["account"] == r"CONTOSO\gmsa-sp$"
    assert "SharePoint 2010 or later" in farm_lab.Farm({"edition": "WSS3"}).plan(method="configuration_only").refusal


def test_nothing_is_started_where_what_decides_was_not_seen():
    farm = farm_lab.Farm()
    options = farm_lab.checked({})
    whole = farm.snapshot(options)
    hole = {"$unknown": {"reason": "denied", "detail": "No right."}}
    for cut in (lambda areas: areas.update(sharepoint=hole), lambda areas: areas.update(jobs=hole), lambda areas: areas["sharepoint"].update(shell=hole),
                lambda areas: areas["sharepoint"]["backup"].update(sets=hole), lambda areas: areas["sharepoint"]["backup"].update(there=hole)):
        snapshot = json.loads(json.dumps(whole))
        cut(snapshot["areas"])
        assert "No right." in module.plan(options, snapshot).refusal
    snapshot = json.loads(json.dumps(whole))
    snapshot["areas"]["sharepoint"].update(shell=None)
    assert "not installed" in module.plan(options, snapshot).refusal
    snapshot["areas"]["sharepoint"].update(shell=area.MODULE, backup=None)
    assert "sharepoint_backup_folder" in module.plan(options, snapshot).refusal


# --- the truth, over generated farms

SEEN = Counter()
OPTIONS = {
    "method": st.sampled_from(["full", "differential", "configuration_only"]),
    "max_age_hours": st.sampled_from([1, 24, 168]),
    "account": st.sampled_from([farm_lab.ACCOUNT, farm_lab.ACCOUNT.upper()]),
    "timeout_hours": st.sampled_from([1, 24]),
    "sites": st.sampled_from([[SITES[0]], SITES]),
    "site_lock": st.sampled_from(["read_only", "snapshot", "none"]),
}


@st.composite
def farms(draw):
    """Farms as people leave them: backed up or not, with folders that are gone, entries that are gone, and folders of others."""
    farm = farm_lab.Farm({"days": draw(st.sampled_from([[8], [9, 3], [3, 0], [30, 8, 1]])), "edition": draw(st.sampled_from(["2016", "SE"])),
                          "root": draw(st.sampled_from(["Farm", "\u4f3a\u670d\u5668\u9663\u5217"]))})
    spoil = draw(st.sampled_from(["", "", "empty", "gone", "stranger"]))
    if spoil == "empty":
        farm.view.write(farm_lab.FOLDER + r"\spbrtoc.xml", "<SPBackupRestoreHistory/>")
    elif spoil == "gone":
        farm.view.remove(farm_lab.FOLDER + r"\spbr0000", recurse=True)
    elif spoil == "stranger":
        farm.view.make_folder(farm_lab.FOLDER + r"\notes")
        farm.view.write(farm_lab.FOLDER + r"\notes\spbrtoc.xml", "of somebody")
    return farm


@pytest.mark.parametrize("option", OPTIONS)
def test_truth_on_the_lab(option):
    @settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def examples(data):
        farm = data.draw(farms())
        wanted = {name: data.draw(values) for name, values in OPTIONS.items() if name == option or data.draw(st.integers(0, 4)) == 0}
        if "sites" in wanted or option == "site_lock":
            wanted.update(method="sites", sites=wanted.get("sites", SITES))
        if data.draw(st.booleans()):        # as one finds it after a run with the same options
            first = farm.plan(**wanted)
            if first.refusal or farm.apply(first.changes):
                return
        truth(farm, wanted, option)

    examples()
    assert min(SEEN[option, "changes"], SEEN[option, "none"]) >= 0.30 * SEEN[option, "examples"] and SEEN[option, "examples"] >= 40, SEEN


def truth(farm, wanted, option):
    untouched, before = farm.state.state_hash(), {path: entry.sha256() for path, entry in sets(farm).items()}
    planned = farm.plan(**wanted)
    assert farm.state.state_hash() == untouched, "reading and planning changed the server"
    if planned.refusal:
        assert wanted["method"] == "differential" and "full" in planned.refusal, planned.refusal
        return
    SEEN[option, "examples"] += 1
    SEEN[option, "changes" if planned.changes else "none"] += 1
    assert farm.apply(planned.changes) == ""
    after = {path: entry.sha256() for path, entry in sets(farm).items()}
    assert set(before) <= set(after), "something was deleted"
    new = (set(after) - set(before)) | {path for path in before if after[path] != before[path]}
    target = {change.after.rpartition(" in ")[2] if change.where == "backup" else change.after for change in planned.changes}
    assert bool(new) == bool(planned.changes)
    assert all(any((farm_lab.SHARE + path).startswith(place + "\\") for place in target) for path in new), (new, target)
    if wanted.get("method") != "differential":
        assert not set(before) & new, "a file of another backup was changed"
    again = farm.plan(**wanted)
    assert not again.changes and not again.refusal
    assert not farm.state.hosts["sp"]["tasks"]
