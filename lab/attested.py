"""What people and programs of a simulated estate have left in files: attestations, and evidence of opened backups.

A scenario's ``attestations: {absent: [claim], expired: [claim], made: [claim]}`` names what nobody attests and what was not renewed; every
other claim of the baseline is attested, but for those that excuse something else: of these only the ones that are ``made``.
``evidence: [{check, subject, days_ago, outcome}]`` is what was opened. Days count from today, not from the estate's clock: the audit asks
whether they hold on the day of the audit.
"""
from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

CLAIMS = Path(__file__).resolve().parents[1] / "baseline" / "attestations.yml"
IN_PLACE = ("other_backup_product", "rebuild_template")      # say that something else does the work: nobody has to make them, and they excuse much
FILE, EVIDENCE = "attestations.yml", "evidence"


def write(plan, folder):
    """Writes ``attestations.yml`` and ``evidence/*.json`` of a scenario into *folder*, dated from today."""
    now, folder = datetime.now(UTC), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(yaml.safe_dump(words(plan.get("attestations", {}), now), sort_keys=False), encoding="utf-8")
    (folder / EVIDENCE).mkdir(exist_ok=True)
    for number, one in enumerate(plan.get("evidence", [])):
        record = {"schema": 1, "check": one["check"], "subject": one["subject"], "outcome": one["outcome"], "opened": ["simulated"],
                  "problems": [] if one["outcome"] == "whole" else ["It is cut."],
                  "at": (now - timedelta(days=one["days_ago"])).strftime("%Y-%m-%dT%H:%M:%SZ")}
        (folder / EVIDENCE / f"simulated-{number}.json").write_text(json.dumps(record), encoding="utf-8")


def words(wanted, now):
    """The attestations of an estate: of every claim that is not absent one for all subjects of its kind."""
    def day(away):
        return (now + timedelta(days=away)).date().isoformat()
    claims = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))["claims"]
    unknown = {*wanted.get("absent", []), *wanted.get("expired", [])} - set(claims)
    if unknown:
        raise SystemExit(f"The scenario's attestations name claims that there are not: {', '.join(sorted(unknown))}.")
    left_out = {*wanted.get("absent", []), *(set(IN_PLACE) - set(wanted.get("made", [])))}
    return [{"claim": name, "subject": f"{claim['subject']}:*", "owner": "the lab's people", "evidence": "a simulation",
             "date": day(-400) if name in wanted.get("expired", []) else day(-5),
             "expires": day(-40) if name in wanted.get("expired", []) else day(20)}
            for name, claim in claims.items() if name not in left_out]
