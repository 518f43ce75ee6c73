"""A farm over the wire: the audit misses its backup, check mode foretells it, a backup of a quarter of an hour is followed, and the audit is content."""
from __future__ import annotations

import json
import threading
import time

SUBJECT = "farm:SharePoint_Config"
OPTIONS = {"account": r"CONTOSO\svc-spfarm", "password": "Lab-only-6", "max_age_hours": 4}


def neglected(plan):
    """A farm that nobody has backed up for a month."""
    plan["estate"]["hosts"]["sp01"]["sharepoint"] = {"days": [30], "others": ["SP02"]}


def backup(estate, *arguments):
    return estate.resource("sp01", "sharepoint_backup", OPTIONS, "sharepoint_info", *arguments, secret=OPTIONS["password"])


def test_a_missing_backup_is_found_foretold_made_and_no_longer_found(open_estate):
    estate = open_estate("healthy", change=neglected)
    assert estate.failing(SUBJECT, "--limit", "sp01", "--tags", "sharepoint,platform") == {"FT-SPT-001"}
    before = estate.state_hash()
    _said, foretold, seen = backup(estate, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before and seen["newest_full"] == r"\\sp01\spbackup\spbr0000"

    def minutes_pass():
        until = time.monotonic() + 60
        while not estate.lab.call(lambda: estate.lab.state.jobs) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(2)
        estate.lab.call(estate.lab.state.move_clock, 1000)

    clock = threading.Thread(target=minutes_pass)
    clock.start()
    said, made, seen = backup(estate)
    clock.join()
    assert [change["path"] for change in made["changes"]] == ["backup", "index"] == [change["path"] for change in foretold["changes"]]
    assert "the full backup of the farm" in said and "followed for" in said
    newest = seen["sharepoint"]["backup"]["sets"][-1]
    assert (newest["outcome"], newest["indexed"]) == ("whole", True) and newest["path"] == seen["newest_full"]
    _said, again, _seen = backup(estate)
    assert not again["changed"] and again["changes"] == []
    assert estate.failing(SUBJECT, "--limit", "sp01", "--tags", "sharepoint,platform", name="again") == set()
    assert OPTIONS["password"] not in json.dumps(estate.lab.call(estate.lab.state.calls))
