# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""From snapshots to a report: findings, verdict, how sure we are, and what to do first.

The report is plain data, described in docs/report.md and docs/schemas/report.schema.json.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, estate, files, recovery, site_loss
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.control import SEVERITIES, reads
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    WORST_FIRST,
    evaluate,
    overall,
    view,
)

VERSION = 1
WAIVED = "waived"
STATUSES = (FAIL, UNKNOWN, WAIVED, PASS, NOT_APPLICABLE)
DRIFT, CANNOT_TELL = "drift", "cannot tell"
NOT_ASKED = "not_asked"
NEVER = "never"
REASONS_SHOWN = 3
LISTED = 3


@dataclass(frozen=True)
class Options:
    """*hosts*: the hosts of this run, None for all of the estate. *fail_from*: the severity from which on a finding fails
    the run, or never; *fail_on_unknown*: an unknown one counts as its control's severity, too. *now*: when it is judged
    (ISO 8601, default the clock's), for waivers and attestations. *note*: a sentence that the report shall show. *evidence*: records of
    checks (see ``evidence``)."""

    hosts: list | None = None
    fail_from: str = NEVER
    fail_on_unknown: bool = False
    now: str = ""
    note: str = ""
    evidence: tuple = ()


def judge(snapshots, inventory, baseline, options=Options()):
    """The report. *inventory*: ``{"hosts": {name: {"groups": [...], "variables": {...}}}}``, or {} to go by the snapshots."""
    now = options.now or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    hosts = estate.hosts_of(snapshots, files.plain(inventory), options.hosts)
    findings, unasked = [], Counter()
    subjects = estate.subjects_of(hosts, baseline.kinds, attestations.Told(baseline.words, tuple(options.evidence), now))
    for subject in subjects:
        seen = view(subject.facts, baseline.kinds[subject.kind].type)
        for control in baseline.controls:
            if control.subject != subject.kind:
                continue
            checks = evaluate(control, seen, subject.clock)
            if _only_not_asked(checks):
                unasked[control.id] += 1
            else:
                findings.append(_finding(control, subject, checks))
    waivers = _waive(findings, baseline, now[:10])
    findings.sort(key=_first_things_first)
    counts = Counter(finding["status"] for finding in findings)
    judged = len(findings) - counts[UNKNOWN] - counts[NOT_APPLICABLE]
    coverage = _coverage(hosts, options.hosts)
    return {
        "version": VERSION,
        "judged_at": now,
        "note": options.note,
        "verdict": _verdict(counts, judged),
        "complete": coverage["hosts"] == coverage["of"] and not unasked,
        "confidence": {"judged": judged, "of": judged + counts[UNKNOWN], "reasons": _reasons(findings)},
        "counts": {status: counts[status] for status in STATUSES},
        "severities": {s: sum(f["status"] == FAIL and f["severity"] == s for f in findings) for s in reversed(SEVERITIES)},
        "not_asked": {"findings": sum(unasked.values()), "controls": sorted(unasked)},
        "coverage": coverage,
        "actions": actions(findings),
        "failing": _failing(findings, options),
        "waivers": waivers,
        "attestations": attestations.tally(baseline.words, [claim for kind in baseline.kinds.values() for claim in kind.claims], subjects, now[:10]),
        "rpo": recovery.points(subjects, baseline.controls),
        "site_loss": site_loss.parts(subjects, hosts, now),
        "incidents": {i: baseline.incidents[i] for i in sorted({i for f in findings for i in f["incidents"]}) if i in baseline.incidents},
        "findings": findings,
    }


def _only_not_asked(checks):
    """Whether a control could have been judged, had more been asked: counted apart, as it says nothing about the estate."""
    unknown = [check for check in checks if check.status == UNKNOWN]
    return bool(unknown) and overall(check.status for check in checks) == UNKNOWN and all(check.reason == NOT_ASKED for check in unknown)


def _finding(control, subject, checks):
    status = overall(check.status for check in checks)
    decisive = [check for check in checks if check.status == status]
    beside = [check for check in checks if check.status == UNKNOWN and status == FAIL]
    items = _items(control, subject, checks)
    said = [] if observed.is_hole(subject.facts) else attestations.quoted(reads(control), subject.facts)
    return {
        "control": control.id,
        "title": control.title,
        "subject": subject.id,
        "status": status,
        "severity": control.severity,
        "expected": _few(check.expected for check in decisive),
        "actual": _few(_said(check) for check in decisive),
        "evidence": list(dict.fromkeys([check.evidence for check in decisive + beside if check.evidence] + said)),
        "reasons": {check.reason: check.evidence for check in reversed(checks) if check.reason},
        "items": items,
        "why": control.why,
        "repair": control.repair,
        "source": list(control.source),
        "incidents": list(control.incidents),
        "reported_by": list(subject.reported_by),
        "fingerprint": fingerprint(control.id, subject.id),
    }


def _items(control, subject, checks):
    """One entry for each sub-item, the worst first; several expectations about one of them are put together."""
    by_item = {}
    for check in checks:
        by_item.setdefault(check.item, []).append(check)
    items = []
    for item, about in by_item.items():
        status = overall(check.status for check in about)
        decisive = [check for check in about if check.status == status]
        items.append({"item": item, "status": status, "expected": _few(check.expected for check in decisive),
                      "actual": _few(check.actual for check in decisive), "fingerprint": fingerprint(control.id, subject.id, item)})
    return sorted(items, key=lambda item: WORST_FIRST.index(item["status"]))


def _said(check):
    return f"{check.item}: {check.actual}" if check.item else check.actual


def _few(texts):
    different = list(dict.fromkeys(text for text in texts if text))
    more = f" and {len(different) - LISTED} more" if len(different) > LISTED else ""
    return "; ".join(different[:LISTED]) + more


def fingerprint(control, subject, item=""):
    """What stays the same between two reports: control, subject and sub-item; nothing of values, wording or version."""
    return hashlib.sha256(json.dumps([control, subject, item]).encode()).hexdigest()[:16]


def _waive(findings, baseline, today):
    """Turns failing findings that a person has accepted into waived ones. Returns the waivers that were used, are expired
    or were unused. An expired one counts as absent, and its finding says so. What stands unknown beside an accepted failure
    is accepted by nobody: the finding is then unknown."""
    expired, used = [], []
    for finding in findings:
        for waiver in baseline.waivers:
            if finding["status"] != FAIL or not waiver.covers(finding["control"], finding["subject"]):
                continue
            said = f"{waiver.owner} until {waiver.until} ({waiver.ticket}): {waiver.reason}"
            if waiver.until < today:
                finding["evidence"].append(f"A waiver has expired: {said}")
                expired.append(waiver)
            else:
                finding["status"] = UNKNOWN if any(item["status"] == UNKNOWN for item in finding["items"]) else WAIVED
                finding["waiver"] = {name: getattr(waiver, name) for name in ("owner", "reason", "ticket", "until")}
                finding["evidence"].append(f"Accepted by {said}")
                used.append(waiver)
    unused = [waiver for waiver in baseline.waivers if waiver not in used + expired]
    return {name: list(dict.fromkeys(f"{waiver.control} on {waiver.subject}" for waiver in waivers))
            for name, waivers in (("used", used), ("expired", expired), ("unused", unused))}


def _first_things_first(finding):
    return (STATUSES.index(finding["status"]), -SEVERITIES.index(finding["severity"]), finding["control"], finding["subject"])


def _verdict(counts, judged):
    if counts[FAIL]:
        return DRIFT
    return CANNOT_TELL if counts[UNKNOWN] or not judged else PASS


def _reasons(findings):
    """The main reasons of what is unknown, also beside a failure: how many findings each touches, with one of its sentences."""
    touched, sentence = Counter(), {}
    for finding in findings:
        for reason, said in finding["reasons"].items():
            touched[reason] += 1
            sentence.setdefault(reason, said)
    return [{"reason": reason, "findings": number, "example": sentence[reason]} for reason, number in touched.most_common(REASONS_SHOWN)]


def _coverage(hosts, asked):
    """How many hosts of the inventory the report covers: those that belong to this run. Of these, how many were read."""
    here = [name for name in hosts if asked is None or name in asked]
    unread = [name for name in here if hosts[name].snapshot is None or hosts[name].snapshot["status"] in ("failed", "unreachable")]
    return {"hosts": len(here), "of": len(hosts), "read": len(here) - len(unread), "unread": unread}


def actions(findings):
    """What to do, first things first: one entry for each failing control. What threatens data comes before what threatens
    service, then what is broken in more places, then what has stopped others before."""
    failing = {}
    for finding in findings:
        if finding["status"] == FAIL:
            failing.setdefault(finding["control"], []).append(finding)

    def urgency(found):
        return -SEVERITIES.index(found[0]["severity"]), -len(found), -len(found[0]["incidents"]), found[0]["control"]

    return [{
        "control": found[0]["control"],
        "title": found[0]["title"],
        "severity": found[0]["severity"],
        "why": found[0]["why"],
        "repair": found[0]["repair"],
        "subjects": [finding["subject"] for finding in found],
        "evidence": [f"{finding['subject']}: {evidence}" if len(found) > 1 else evidence
                     for finding in found for evidence in finding["evidence"]],
        "incidents": found[0]["incidents"],
        "fingerprints": [finding["fingerprint"] for finding in found],
    } for found in sorted(failing.values(), key=urgency)]


def _failing(findings, options):
    """How many findings fail the run by the policy in *options*."""
    if options.fail_from == NEVER:
        return 0
    counting = (FAIL, UNKNOWN) if options.fail_on_unknown else (FAIL,)
    least = SEVERITIES.index(options.fail_from)
    return sum(finding["status"] in counting and SEVERITIES.index(finding["severity"]) >= least for finding in findings)
