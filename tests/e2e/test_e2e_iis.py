"""A web server over the wire: the audit misses a backup, check mode foretells it, iis_backup makes it, and the audit is content."""
from __future__ import annotations

SUBJECT = "web_server:bts03"
CANARY = "Only'for\"the&lab<7"
REPAIRED = {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}


def backup(estate, *arguments):
    return estate.resource("bts03", "iis_backup", {"certificate_password": CANARY}, "iis_info", *arguments, secret=CANARY)[1:]


def test_a_missing_backup_is_found_foretold_made_and_no_longer_found(open_estate):
    def worn(plan):     # the actions at this server alone
        plan["actions"] = [action for action in plan["actions"] if action.get("host") == "bts03" and "virtual directory" in action.get("does", "")]
    estate = open_estate("drifted", change=worn)
    assert estate.failing(SUBJECT, "--limit", "bts03", "--tags", "iis") == REPAIRED
    before = estate.state_hash()
    foretold, _seen = backup(estate, "--check", "--diff")
    assert foretold["changed"] and estate.state_hash() == before
    made, seen = backup(estate)
    assert [change["path"] for change in made["changes"]] == [change["path"] for change in foretold["changes"]] and made["changed"]
    newest = seen["web_server"]["sets"][-1]
    assert newest["complete"] and newest["protected"] and all(part["complete"] for part in newest["parts"])
    again, _seen = backup(estate)
    assert not again["changed"] and again["changes"] == []
    assert estate.failing(SUBJECT, "--limit", "bts03", "--tags", "iis", name="again") == set()
    everything = "".join(path.read_text(encoding="utf-8") for path in estate.folder.glob("*/snapshots/*.json"))
    assert CANARY not in everything and "[enc:" not in everything
