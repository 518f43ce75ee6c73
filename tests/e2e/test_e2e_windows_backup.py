"""Windows Server Backup over the wire: the audit misses a schedule, check mode foretells what is lost, the policy is set, and a backup is followed."""
from __future__ import annotations

import json
import threading
import time

SUBJECT = "windows_backup:wds01"
CANARY = "Only'for\"the&lab<7"


def task(estate, module, options, *arguments, check=0):
    said, done, seen = estate.resource("wds01", module, options, "windows_backup_info", *arguments, secret=CANARY, check=check)
    return (said, None) if check else (done, seen["backup"])


def neglected(plan):
    plan["actions"] = [action for action in plan["actions"] if action.get("host") == "wds01"]


def kept(estate):
    return estate.lab.call(lambda: estate.lab.state.hosts["wds01"]["windows_backup"])


def test_a_missing_schedule_is_found_foretold_set_and_no_longer_found(open_estate):
    estate = open_estate("drifted", change=neglected)
    assert estate.failing(SUBJECT, "--limit", "wds01", "--tags", "windows_backup,platform") == {"FT-WIN-002"}
    _done, seen = task(estate, "windows_backup_policy", {"state": "absent"}, "--check")
    disk = next(one for one in seen["disks"] if one["number"] == 9)
    options = {"bare_metal": True, "schedule": ["22:15"], "vss": "full", "targets": [{"kind": "disk", "disk_id": disk["id"]}]}
    said, _seen = task(estate, "windows_backup_policy", options, check=2)
    assert "would be formatted" in said and "erase_disk" in said and kept(estate)["policy"] is None
    options["targets"][0]["erase_disk"] = True
    before = estate.state_hash()
    foretold, _seen = task(estate, "windows_backup_policy", options, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before
    assert foretold["changes"][0]["after"]["targets"][0]["erases"]["number"] == 9
    made, _seen = task(estate, "windows_backup_policy", options)
    assert made["changes"] == foretold["changes"] and made["diff"] == foretold["diff"]
    again, seen = task(estate, "windows_backup_policy", options)
    assert not again["changed"] and seen["policy"]["schedule"] == ["22:15"]
    assert estate.failing(SUBJECT, "--limit", "wds01", "--tags", "windows_backup,platform", name="again") == set()


def test_a_password_reaches_the_host_and_nothing_else(open_estate):
    estate = open_estate("drifted", change=neglected)
    options = {"system_state": True, "schedule": ["22:15"], "targets": [
        {"kind": "share", "path": r"\\vault01\btsbackup", "user": r"CONTOSO\svc-images", "password": CANARY}]}
    made, _seen = task(estate, "windows_backup_policy", options, "-vvv", "--diff")
    assert made["changed"] and kept(estate)["policy"]["targets"][0]["user"] == r"CONTOSO\svc-images"
    assert not task(estate, "windows_backup_policy", options)[0]["changed"]
    assert CANARY not in json.dumps(estate.lab.call(estate.lab.state.calls))


def test_a_backup_is_run_and_followed_to_its_end(open_estate):
    estate = open_estate("healthy", change=lambda plan: None)
    begun = len(kept(estate)["jobs"])

    def hours_pass():
        until = time.monotonic() + 60
        while len(kept(estate)["jobs"]) == begun and time.monotonic() < until:
            time.sleep(0.2)
        estate.lab.call(estate.lab.state.move_clock, 1900)

    clock = threading.Thread(target=hours_pass)
    clock.start()
    done, _seen = task(estate, "windows_backup", {"max_age_hours": 4})
    clock.join()
    assert done["changed"] and len(kept(estate)["jobs"]) == begun + 1
    again, seen = task(estate, "windows_backup", {"max_age_hours": 4})
    assert not again["changed"] and seen["history"][0]["result"] == 0 and len(seen["sets"]) == 4
