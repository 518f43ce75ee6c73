# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A report for people and for programs: report.json, the summary on a terminal, and what changed since another report."""

import json
import pathlib
import re
import unicodedata

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.control import SEVERITIES

FILE = "report.json"
NARROWEST = 40
IN_FULL = 5
IN_ONE_LINE = 20
EVIDENCE = 3
UNKNOWNS = 8
COLOURS = {"pass": "32", "drift": "31", "cannot tell": "33", "critical": "31;1", "high": "31", "medium": "33", "low": "36",
           "better": "32", "worse": "31", "heading": "1"}
VERDICTS = {"pass": "PASS", "drift": "DRIFT", "cannot tell": "CANNOT TELL"}


def write(report, folder):
    """Writes a (masked) report to ``<folder>/report.json``. Returns the path. Raises ValueError."""
    return files.write(folder, FILE, report)[0]


def read(path):
    """A report from a file, or from a folder that holds report.json. Raises ValueError with one sentence."""
    path = pathlib.Path(path)
    path = path / FILE if path.is_dir() else path
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a report: {error}.") from error
    if not isinstance(report, dict) or report.get("version") != 1:
        raise ValueError(f"{path} is not a report of version 1.")
    return report


def compare(before, after):
    """What changed between two reports, by fingerprint: lists of ``{control, title, subject, item, severity, before, after}``.

    *better*: failed and does no longer. *worse*: fails now and did not, on a subject that was there. *new*: fails on a subject
    that the former report did not have. *gone*: failed on a subject that is no longer there. *unclear*: was known and is
    unknown now.
    """
    old, new = _by_fingerprint(before), _by_fingerprint(after)
    changes = {"better": [], "worse": [], "new": [], "gone": [], "unclear": []}
    for mark in dict.fromkeys([*new, *old]):
        was, now = old.get(mark), new.get(mark)
        kind = _change(was and was["status"], now and now["status"])
        if kind:
            about = now or was
            changes[kind].append({**{key: about[key] for key in ("control", "title", "subject", "item", "severity", "fingerprint")},
                                  "before": was and was["status"], "after": now and now["status"]})
    return changes


def _change(was, now):
    if was == now:
        return None
    if now == "fail":
        return "worse" if was else "new"
    if now == "unknown":
        return "unclear" if was else None
    if was == "fail":
        return "better" if now else "gone"
    return None


def _by_fingerprint(report):
    """Every sub-item of every finding; a waiver counts for all of its items."""
    items = {}
    for finding in report["findings"]:
        for item in finding["items"]:
            waived = "waiver" in finding and item["status"] == "fail"
            items[item["fingerprint"]] = {**finding, "item": item["item"], "status": "waived" if waived else item["status"],
                                          "fingerprint": item["fingerprint"]}
    return items


def printable(text):
    """A text that cannot steer a terminal: control characters, line ends and changes of direction as escapes."""
    return "".join(c if c == " " or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") else
                   c.encode("unicode_escape").decode() for c in text)


class _Page:
    """Lines of at most *width* columns, with or without colours."""

    def __init__(self, width, colour):
        self.width, self.colour = max(width, NARROWEST), colour
        self.lines = []

    def put(self, text="", indent=0, hang=0, paint=None):
        """One paragraph. *hang*: how much further the lines after the first are indented."""
        lead = " " * indent
        lines = _wrap(printable(text), self.width, lead, lead + " " * hang) if text else [""]
        self.lines += [f"\x1b[{COLOURS[paint]}m{line}\x1b[0m" if self.colour and paint else line for line in lines]

    def heading(self, text):
        self.put()
        self.put(text, paint="heading")


def _columns(text):
    """How many columns of a terminal a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _wrap(text, width, first, then):
    """The lines of a paragraph, counted in columns. *first*, *then*: what the first and the following lines begin with."""
    lines, line = [], first
    for word in _words(text, width - len(then)):
        longer = f"{line} {word}" if line.strip() else line + word
        if line.strip() and _columns(longer) > width:
            lines.append(line)
            longer = then + word
        line = longer
    return [*lines, line]


def _words(text, room):
    """The words of a text; one that takes more columns than there is room is cut."""
    for word in text.split():
        while _columns(word) > room:
            cut = max(n for n in range(1, room + 1) if _columns(word[:n]) <= room)
            yield word[:cut]
            word = word[cut:]
        yield word


def summary(report, width=80, colour=False, changes=None):
    """The report for a terminal of *width* columns. *changes*: what ``compare`` found, where there is a former report."""
    page = _Page(width, colour)
    if report["note"]:
        page.put(f"Note: {report['note']}")
    page.put(f"Verdict: {VERDICTS[report['verdict']]}. {_verdict_sentence(report)}", paint=report["verdict"])
    page.put(_confidence(report))
    for sentence in _coverage(report):
        page.put(sentence)
    _put_actions(page, report)
    _put_unknowns(page, report)
    if changes is not None:
        _put_changes(page, changes)
    return "\n".join(page.lines) + "\n"


def _verdict_sentence(report):
    if report["verdict"] == "drift":
        counts = [f"{number} {severity}" for severity, number in report["severities"].items() if number]
        return f"{_many(report['counts']['fail'], 'finding')} failed: {', '.join(counts)}."
    if report["verdict"] == "pass":
        return f"Everything that was {'judged' if report['complete'] else 'asked of this part of the estate'} is as the baseline asks."
    return "Nothing that was judged has drifted, but not everything could be judged." if report["confidence"]["judged"] else \
        "Nothing could be judged."


def _many(number, thing):
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _confidence(report):
    confidence, counts = report["confidence"], report["counts"]
    judged, of = confidence["judged"], confidence["of"]
    share = f" ({100 * judged // of} %)" if of else ""
    words = {"pass": "passed", "waived": "waived", "not_applicable": "not applicable"}
    rest = [f"{counts[status]} {said}" for status, said in words.items() if counts[status]]
    return f"Confidence: {judged} of {of} findings judged{share}. {', '.join(rest).capitalize()}{'.' if rest else ''}"


def _coverage(report):
    coverage, not_asked, waivers = report["coverage"], report["not_asked"], report["waivers"]
    if coverage["hosts"] < coverage["of"]:
        yield f"Covers {coverage['hosts']} of {coverage['of']} hosts of the inventory."
    if coverage["unread"]:
        yield f"Not read: {', '.join(coverage['unread'])}."
    if not_asked["findings"]:
        yield f"Not asked in this run: {_many(not_asked['findings'], 'finding')} of {', '.join(not_asked['controls'])}."
    for named in waivers["expired"]:
        yield f"Waiver expired: {named}."
    for named in waivers["unused"]:
        yield f"Waiver without a failing finding: {named}."


def _put_actions(page, report):
    if not report["actions"]:
        return
    page.heading("What to do first, and why")
    for number, action in enumerate(report["actions"][:IN_FULL], 1):
        _put_action(page, report, number, action)
    shorter = report["actions"][IN_FULL:]
    if shorter:
        page.heading("Then")
    for number, action in enumerate(shorter[:IN_ONE_LINE], IN_FULL + 1):
        page.put(f"{number}. {_headline(action)} ({', '.join(action['subjects'])})", hang=4, paint=action["severity"])
    if len(shorter) > IN_ONE_LINE:
        page.put(f"… and {_many(len(shorter) - IN_ONE_LINE, 'more control')}")
    page.put(f"All findings with evidence and repair: {FILE}")


def _headline(action):
    return f"{action['control']} [{action['severity']}] {action['title']}"


def _put_action(page, report, number, action):
    page.put(f"{number}. {_headline(action)}", hang=3, paint=action["severity"])
    page.put(f"on {', '.join(action['subjects'])}", 3, 2)
    for evidence in action["evidence"][:EVIDENCE]:
        page.put(evidence, 3, 2)
    if len(action["evidence"]) > EVIDENCE:
        page.put(f"… and {len(action['evidence']) - EVIDENCE} more", 3)
    page.put(f"Why: {action['why']}", 3, 2)
    for incident in action["incidents"]:
        page.put(f"Seen ({incident}): {report['incidents'].get(incident, {}).get('title', 'see its source')}", 3, 2)
    page.put(f"Repair: {_repair(action['repair'])}", 3, 2)


def _repair(repair):
    if "advisory" in repair:
        return repair["advisory"]
    variables = ", ".join(f"{name}: {_flow(value)}" for name, value in repair.get("variables", {}).items())
    return f"playbook configure (role {repair['role']})" + (f", with what you declare, as {variables}" if variables else "")


def _flow(value):
    """A value as one would write it into an inventory, in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ -]*", value):
        return "'" + value.replace("'", "''") + "'"
    return value if isinstance(value, str) else json.dumps(value)


def _put_unknowns(page, report):
    unknown = [finding for finding in report["findings"] if finding["status"] == "unknown"]
    if not report["confidence"]["reasons"]:
        return
    page.heading("What could not be judged, and why")
    for reason in report["confidence"]["reasons"]:
        page.put(f"{reason['reason']} ({_many(reason['findings'], 'finding')}): {reason['example']}", hang=2)
    by_subject = {}
    for finding in unknown:
        by_subject.setdefault(finding["subject"], []).append(finding)
    for subject, findings in list(by_subject.items())[:UNKNOWNS]:
        page.put(f"{subject}: {', '.join(finding['control'] for finding in findings)}", 2, 2)
    if len(by_subject) > UNKNOWNS:
        page.put(f"… and {_many(len(by_subject) - UNKNOWNS, 'more subject')} in {FILE}", 2)


def _put_changes(page, changes):
    page.heading("Since the former report")
    words = {"better": "better", "worse": "worse", "new": "new", "gone": "no longer there", "unclear": "no longer known"}
    if not any(changes.values()):
        page.put("Nothing has changed.")
    for kind, said in words.items():
        found = sorted(changes[kind], key=lambda change: -SEVERITIES.index(change["severity"]))
        for change in found:
            item = f", {change['item']}" if change["item"] else ""
            page.put(f"{said}: {change['control']} on {change['subject']}{item}: {change['title']}", hang=2,
                     paint={"better": "better", "worse": "worse", "new": "worse"}.get(kind))
