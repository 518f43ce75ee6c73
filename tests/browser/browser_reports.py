"""Reports made up for the browser: nothing at all, an estate with everything in it, and one of forty hosts."""
from __future__ import annotations

from collections import Counter

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import judge

SEVERITIES = ("critical", "high", "medium", "low")
LONG = "Sehr-langer-Name-ohne-Leerzeichen-" * 4
HOSTILE = "<script>document.title = 'broken out'</script><img src='http://127.0.0.1:9/x' onerror='document.title=1'>"


def finding(control, subject, status, severity, hosts, **more):
    name = subject.split(":")[1].split("/")[0]
    reasons = {"unreachable": f"{name} cannot be reached: the connection was cut. (platform)"} if status == "unknown" else {}
    item = {"item": "", "status": "fail" if status == "waived" else status, "expected": "state: Up", "actual": "Down",
            "fingerprint": judge.fingerprint(control, subject)}
    return {
        "control": control, "title": f"What {control} asks of each {subject.split(':')[0]} is so, at all times and on every node",
        "subject": subject, "status": status, "severity": severity, "expected": "state: Up", "actual": "Down", "items": [item],
        "evidence": list(reasons.values()) or ["nodes[A]: state is Down, expected Up."], "reasons": reasons,
        "why": "With one live node there is nothing to fail over to; the next failure is an outage.",
        "repair": {"role": "windows_cluster", "variables": {"windows_cluster_quorum": {"witness": "file_share", "witness_share": "\\\\FS\\W"}}},
        "source": ["core/planning.md", "core/more.md"], "incidents": ["INC-001", "INC-999"], "reported_by": list(hosts),
        "fingerprint": judge.fingerprint(control, subject), **more}


def report(findings, note="", rpo=()):
    """A whole report of these findings, put together as the judge does."""
    findings = sorted(findings, key=lambda f: (judge.STATUSES.index(f["status"]), SEVERITIES.index(f["severity"]), f["control"], f["subject"]))
    counts = Counter(f["status"] for f in findings)
    hosts = sorted({host for f in findings for host in f["reported_by"]})
    unread = sorted({f["reported_by"][0] for f in findings if f["status"] == "unknown"})
    of = len(findings) - counts["not_applicable"]
    return {
        "version": 1, "judged_at": "2026-11-24T09:00:00Z", "note": note, "complete": True, "failing": 0,
        "verdict": "drift" if counts["fail"] else "cannot tell" if counts["unknown"] or not findings else "pass",
        "confidence": {"judged": of - counts["unknown"], "of": of, "reasons": []},
        "counts": {status: counts[status] for status in judge.STATUSES},
        "severities": {s: sum(f["status"] == "fail" and f["severity"] == s for f in findings) for s in SEVERITIES},
        "not_asked": {"findings": 3, "controls": ["FT-SQL-001"]},
        "coverage": {"hosts": len(hosts), "of": len(hosts), "read": len(hosts) - len(unread), "unread": unread},
        "actions": judge.actions(findings), "waivers": {"used": [], "expired": ["FT-CLU-001 on cluster:*"], "unused": []},
        "rpo": list(rpo), "site_loss": [], "attestations": {"used": [], "expired": [], "unused": []},
        "incidents": {"INC-001": {"title": "It happened before.", "source": "an.md"}}, "findings": findings}


def recovery(database, achieved, target, now, status):
    return {"subject": r"backup:SQLBTS\BTS/BizTalkMgmtDb", "database": database, "achieved_seconds": achieved, "target_seconds": target,
            "lost_now_seconds": now, "status": status}


def everything():
    """Every status and severity, several families, hosts that are unknown for one cause, long and hostile names, all that is optional."""
    findings = [finding(f"FT-CLU-{number:03}", f"cluster:{name}", "fail", severity, [f"{name}1", f"{name}2"])
                for number, severity in enumerate(SEVERITIES, 1) for name in ("BTSCLU", "SQLCLU")]
    findings += [finding("FT-BKP-001", f"host:bts{number:02}", "unknown", "high", [f"bts{number:02}"]) for number in range(7)]
    findings += [finding(f"FT-HST-{number:03}", "host:bts09", "pass", "low", ["bts09"]) for number in range(20)]
    waiver = {"owner": "anna", "reason": "a test runs", "ticket": "CHG-1", "until": "2027-01-31"}
    findings += [finding("FT-SQL-001", r"instance:SQLBTS\BTS", "waived", "medium", ["sqlbts"], waiver=waiver),
                 finding("FT-AG-001", "availability_group:AG1", "not_applicable", "low", ["ag1", "ag2"], expected="", actual=""),
                 finding("FT-SQL-002", f"instance:{LONG}", "fail", "high", [LONG], evidence=[LONG, HOSTILE], title=HOSTILE, why=LONG),
                 finding("OWN-1", f"host:{HOSTILE}", "fail", "low", [HOSTILE])]
    findings[0]["items"] += [{**findings[0]["items"][0], "item": f"NODE{number}", "status": status, "fingerprint": f"{number:016}"}
                             for number, status in enumerate(("fail", "unknown", "pass"))]
    points = [recovery("BizTalkMgmtDb", 11400, 900, 7500, "fail"), recovery("BizTalkMsgBoxDb", 870, 900, 600, "pass"),
              recovery(LONG, None, 900, None, "unknown"), recovery("BAMPrimaryImport", 432000, None, 90000, "not_applicable")]
    return report(findings, "This estate is a simulation.", points)


def large():
    """Forty hosts of sixty controls each, of which many have drifted."""
    return report([finding(f"FT-{family}-{number:03}", f"host:bts{host:03}", status, SEVERITIES[number % 4], [f"bts{host:03}"])
                   for host in range(40) for family in ("CLU", "SQL", "HST") for number in range(20)
                   for status in [("pass", "pass", "pass", "fail", "unknown")[(host + number) % 5]]])


def healthy():
    return report([finding("FT-CLU-001", "cluster:BTSCLU", "pass", "high", ["bts01", "bts02"])])


REPORTS = {"nothing": lambda: report([]), "healthy": healthy, "everything": everything, "large": large}
