# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The report as one HTML file that asks nothing of a network. The page's layout, style and script lie in the folder page."""

import base64
import hashlib
import math
from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files, report
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.control import SEVERITIES

PARTS = Path(__file__).with_name("page")
WORST_FIRST = tuple(reversed(SEVERITIES))
FAMILIES = {"AG": "availability groups", "BAM": "Business Activity Monitoring", "BKP": "backup", "CLU": "failover clusters",
            "DRL": "drills", "HST": "BizTalk hosts", "IIS": "web servers", "LSH": "log shipping", "NLB": "network load balancing",
            "OFF": "copies off site", "SPT": "SharePoint", "SQL": "SQL Server", "SSO": "Enterprise Single Sign-On", "STO": "storage",
            "WDS": "Windows deployment", "WIN": "Windows"}
MEANINGS = {"critical": "data is lost, or the whole platform stands still", "high": "an outage",
            "medium": "a fault becomes worse than it had to be", "low": "hygiene"}
OTHER_GROUPS = {"unknown": "Could not be judged", "waived": "Accepted by a waiver", "pass": "As the baseline asks",
                "not_applicable": "Does not apply"}
TICKS = {60: "1 min", 900: "15 min", 3600: "1 h", 6 * 3600: "6 h", 86400: "1 d", 7 * 86400: "7 d", 30 * 86400: "30 d", 365 * 86400: "1 y"}
LEAST = 30  # seconds: the left end of the axis of recovery points


def write(judged, folder):
    """Writes a (masked) report to ``<folder>/report.html``. Returns the path. Raises ValueError."""
    return files.write_text(folder, report.PAGE, render(judged))[0]


def render(judged):
    """The page. *judged*: a masked report, as docs/report.md has it; every text in it may be hostile."""
    pages = Environment(loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                        finalize=_printable)
    style, script = ((PARTS / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    hosts = {*judged["coverage"]["unread"], *(host for finding in judged["findings"] for host in finding["reported_by"])}
    places = _places(judged["findings"], hosts)
    return pages.get_template("report.html.j2").render(
        report=judged, say=report, style=Markup(style), script=Markup(script), policy=_policy(style, script),
        families=FAMILIES, meanings=MEANINGS, severities=WORST_FIRST, family=_family, place=lambda finding: places[finding["fingerprint"]],
        heat=_heat_map(judged["findings"], places, hosts, judged["coverage"]["unread"]), groups=_groups(judged["findings"]), causes=report.causes(judged),
        recovery=_recovery(judged["rpo"]), span=report.span)


def _printable(value):
    """What a template may show: text in which nothing can turn its direction or hide; what is markup already is let be."""
    return value if isinstance(value, Markup) else report.printable(str(value))


def _policy(style, script):
    """The page's own content security policy: its one style, its one script, and nothing from anywhere."""
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    return f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"


def _family(control):
    """The letters of a control's id that name its family: CLU of FT-CLU-005."""
    return control.split("-")[1] if control.count("-") >= 2 else control.split("-")[0]


def _places(findings, hosts):
    """fingerprint -> ``(name, what it is)`` of the host, cluster or instance that a finding's subject belongs to."""
    known = {host.casefold(): host for host in hosts}
    owners = {}
    for finding in findings:
        kind, _colon, name = finding["subject"].partition(":")
        if "/" not in name:
            owners.setdefault(name.casefold(), (name, kind))
    places = {}
    for finding in findings:
        kind, _colon, name = finding["subject"].partition(":")
        owner = name.split("/")[0]
        host = known.get(owner.casefold())
        places[finding["fingerprint"]] = (host, "host") if host else owners.get(owner.casefold(), (owner, kind))
    return places


def _heat_map(findings, places, hosts, unread):
    """``{"families": [...], "rows": [{name, kind, read, cells: [cell]}]}``, the worst row first. A cell tells how many findings fail
    by severity, are unknown, and passed (or are waived), and which is the worst; None where nothing applies."""
    cells, reporters = {}, {}
    for finding in findings:
        place = places[finding["fingerprint"]]
        reporters.setdefault(place, set()).update(finding["reported_by"])
        row = cells.setdefault(place, {})
        if finding["status"] != "not_applicable":
            row.setdefault(_family(finding["control"]), []).append(finding)
    alone = {finding["reported_by"][0] for finding in findings if len(finding["reported_by"]) == 1}
    for host in hosts - alone:
        cells.setdefault((host, "host"), {})
    families = sorted({name for row in cells.values() for name in row})
    rows = [{"name": name, "kind": kind, "read": not reporters.get((name, kind), {name}) <= set(unread),
             "cells": [_cell(row.get(family)) for family in families]} for (name, kind), row in cells.items()]
    return {"families": families, "rows": sorted(rows, key=_worst_first)}


def _cell(findings):
    if not findings:
        return None
    failed = Counter(finding["severity"] for finding in findings if finding["status"] == "fail")
    others = Counter(finding["status"] for finding in findings)
    colour = next((severity for severity in WORST_FIRST if failed[severity]), "unknown" if others["unknown"] else "pass")
    words = [f"{failed[severity]} {severity}" for severity in WORST_FIRST if failed[severity]]
    words += [f"{others['unknown']} unknown"] if others["unknown"] else []
    words = words or [f"{others['pass']} ok"] * bool(others["pass"]) + [f"{others['waived']} waived"] * bool(others["waived"])
    return {"colour": colour, "words": words, "worst": findings[0]["fingerprint"], "failed": failed}


def _worst_first(row):
    counts = [-sum(cell["failed"][severity] for cell in row["cells"] if cell) for severity in WORST_FIRST]
    unknown = sum(cell["colour"] == "unknown" for cell in row["cells"] if cell)
    return (*counts, -unknown, row["name"].casefold(), row["kind"])


def _groups(findings):
    """The findings in the order of reading: failing ones by severity, then by status. Empty groups are left out."""
    groups = [(severity, f"{severity.capitalize()}: {MEANINGS[severity]}",
               [finding for finding in findings if finding["status"] == "fail" and finding["severity"] == severity]) for severity in WORST_FIRST]
    groups += [(status, title, [finding for finding in findings if finding["status"] == status]) for status, title in OTHER_GROUPS.items()]
    return [{"id": name.replace("_", "-"), "title": title, "findings": found, "open": name not in ("pass", "not_applicable")}
            for name, title, found in groups if found]


def _recovery(rpo):
    """Databases by subject, each with its marks on a logarithmic axis in percent of the width, and that axis' ticks."""
    seconds = [entry[key] for entry in rpo for key in ("achieved_seconds", "target_seconds", "lost_now_seconds") if entry[key]]
    last = max([*seconds, 3600]) * 1.5

    def at(moment):
        return None if moment is None else round(2 + 94 * max(0, math.log(max(moment, 1) / LEAST)) / math.log(last / LEAST), 2)

    by_subject = {}
    for entry in rpo:
        marks = {name: at(entry[f"{name}_seconds"]) for name in ("achieved", "target", "lost_now")}
        by_subject.setdefault(entry["subject"], []).append({**entry, "marks": marks})
    return {"subjects": by_subject, "ticks": [(at(moment), text) for moment, text in TICKS.items() if moment <= last]}
