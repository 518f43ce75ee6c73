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

FILE, PAGE = "report.json", "report.html"
NARROWEST = 40
IN_FULL = 5
IN_ONE_LINE = 20
EVIDENCE = 3
CAUSES = 8
UNITS = [(86400, "d", "h", 3600), (3600, "h", "min", 60), (60, "min", "s", 1), (1, "s", "", 1)]  # seconds, name, and of the rest
NAMED = 10
WHERE = re.compile(r"(?<=\.) \((?:(?!\. \().)*\)$", re.DOTALL)  # what evaluation adds to a sentence about something unknown
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
    if text.isprintable():
        return text
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
    page.put(f"Verdict: {VERDICTS[report['verdict']]}. {verdict_sentence(report)}", paint=report["verdict"])
    page.put(confidence(report))
    for sentence in [*coverage(report), *_recovery_points(report), *if_a_site_burnt(report)]:
        page.put(sentence)
    _put_actions(page, report)
    _put_unknowns(page, report)
    if changes is not None:
        _put_changes(page, changes)
    return "\n".join(page.lines) + "\n"


def verdict_sentence(report):
    """What the verdict says, in one sentence."""
    if report["verdict"] == "drift":
        counts = [f"{number} {severity}" for severity, number in report["severities"].items() if number]
        return f"{many(report['counts']['fail'], 'finding')} failed: {', '.join(counts)}."
    if report["verdict"] == "pass":
        return f"Everything that was {'judged' if report['complete'] else 'asked of this part of the estate'} is as the baseline asks."
    return "Nothing that was judged has drifted, but not everything could be judged." if report["confidence"]["judged"] else \
        "Nothing could be judged."


def many(number, thing):
    """A number and its thing, in the plural where it is not one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def confidence(report):
    """How sure the verdict is, in a sentence or two."""
    judged, of, counts = report["confidence"]["judged"], report["confidence"]["of"], report["counts"]
    share = f" ({100 * judged // of} %)" if of else ""
    words = {"pass": "passed", "waived": "waived", "not_applicable": "not applicable"}
    rest = [f"{counts[status]} {said}" for status, said in words.items() if counts[status]]
    return f"Confidence: {judged} of {of} findings judged{share}. {', '.join(rest).capitalize()}{'.' if rest else ''}"


def coverage(report):
    """Sentences on what the report does not cover, on waivers that accept nothing and on attestations that say nothing."""
    covers, not_asked, waivers = report["coverage"], report["not_asked"], report["waivers"]
    if covers["hosts"] < covers["of"]:
        yield f"Covers {covers['hosts']} of {covers['of']} hosts of the inventory."
    if covers["unread"]:
        yield f"Not read: {', '.join(covers['unread'])}."
    if not_asked["findings"]:
        yield f"Not asked in this run: {many(not_asked['findings'], 'finding')} of {', '.join(not_asked['controls'])}."
    for named in waivers["expired"]:
        yield f"Waiver expired: {named}."
    for named in waivers["unused"]:
        yield f"Waiver without a failing finding: {named}."
    for named in report["attestations"]["expired"]:
        yield f"Attestation expired or not yet given: {named}."
    for named in report["attestations"]["unused"]:
        yield f"Attestation of nothing that there is: {named}."


def span(seconds):
    """A duration in its two largest units: 3 h 10 min."""
    size, unit, smaller, part = next((one for one in UNITS if seconds >= one[0]), UNITS[-1])
    rest = seconds % size // part
    return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")


def _recovery_points(report):
    """One sentence on what the databases of BizTalk's backups could lose; none where no history was read."""
    points = report["rpo"]
    if not points:
        return
    words = {"fail": "could lose more than allowed", "unknown": "unknown", "pass": "as allowed", "not_applicable": "without a limit"}
    counts = [f"{sum(point['status'] == status for point in points)} {said}" for status, said in words.items()
              if any(point["status"] == status for point in points)]
    worst = max(points, key=lambda point: (point["status"] == "fail", point["achieved_seconds"] is None, point["achieved_seconds"] or 0))
    loses = {"fail": "cannot be restored to any point"}.get(worst["status"], "unknown") if worst["achieved_seconds"] is None else \
        f"up to {span(worst['achieved_seconds'])}"
    limit = f", at most {span(worst['target_seconds'])} allowed" if worst["target_seconds"] is not None else ""
    yield f"Recovery points of {many(len(points), 'database')}: {', '.join(counts)}. Worst: {worst['database']}, {loses}{limit}."


def if_a_site_burnt(report):
    """Two or three sentences on what would be left elsewhere; none where no part of the platform is known."""
    parts = report["site_loss"]
    if not parts:
        return
    by_status = {status: [part for part in parts if part["status"] == status] for status in ("pass", "fail", "unknown")}
    yield f"If its site burnt now: of {many(len(parts), 'part')} {len(by_status['pass'])} have a copy at another site, " \
          f"{len(by_status['fail'])} have none, {len(by_status['unknown'])} unknown."
    if by_status["fail"]:
        yield f"Nothing would be left of {few([part['part'] for part in by_status['fail']])}."
    aged = [part for part in by_status["pass"] if part["age_seconds"] is not None]
    if aged:
        oldest = max(aged, key=lambda part: part["age_seconds"])
        yield f"Of {oldest['part']} the last {span(oldest['age_seconds'])} would be lost ({oldest['by']})."


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
        page.put(f"… and {many(len(shorter) - IN_ONE_LINE, 'more control')}")
    page.put(f"All findings with evidence and repair: {PAGE}")


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
    page.put(f"Repair: {repair(action['repair'])}", 3, 2)


def repair(control):
    """What to do, of the *repair* of a control: its advice, or the playbook with its variables."""
    if "advisory" in control:
        return control["advisory"]
    variables = ", ".join(f"{name}: {_flow(value)}" for name, value in control.get("variables", {}).items())
    return f"playbook configure (role {control['role']})" + (f", with what you declare, as {variables}" if variables else "")


def _flow(value):
    """A value as one would write it into an inventory, in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ -]*", value):
        return "'" + value.replace("'", "''") + "'"
    return value if isinstance(value, str) else json.dumps(value)


def causes(report):
    """Why findings are unknown, wholly or in part: ``{reason, about, says, hosts, findings}``, what touches most first.

    The same sentence about several hosts is one cause; *about* then is "6 hosts", else the host, or the subject that nobody
    reported, and "" where the sentence names it. *findings*: those that it touches.
    """
    hosts = sorted({*report["coverage"]["unread"], *(host for finding in report["findings"] for host in finding["reported_by"])}, key=len)
    name = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, reversed(hosts)))})(?![\w-]|\.\w)", re.IGNORECASE) if hosts else None
    known = {host.casefold(): host for host in hosts}
    found = {}
    for finding in report["findings"]:
        for reason, sentence in finding["reasons"].items():
            said = WHERE.sub("", sentence)
            in_place, in_sentence = ({known[one.casefold()] for one in name.findall(text)} if name else set() for text in (sentence, said))
            general = name.sub("the host", said) if len(in_sentence) == 1 else said
            cause = found.setdefault((reason, general), {"said": {}, "hosts": set(), "findings": [], "named": bool(in_sentence)})
            cause["said"][said] = None
            cause["hosts"] |= in_sentence or in_place or set(finding["reported_by"]) or {finding["subject"]}
            cause["findings"].append(finding)
    told = [{"reason": reason, "says": next(iter(cause["said"])) if len(cause["said"]) == 1 else general,
             "about": _about(cause, known), "hosts": sorted(cause["hosts"]), "findings": cause["findings"]}
            for (reason, general), cause in found.items()]
    return sorted(told, key=lambda cause: -len(cause["findings"]))


def _about(cause, known):
    if len(cause["said"]) == 1 and cause["named"]:
        return ""
    if len(cause["hosts"]) == 1:
        return next(iter(cause["hosts"]))
    return many(len(cause["hosts"]), "host" if all(host.casefold() in known for host in cause["hosts"]) else "subject")


def few(names):
    """Names in one line, of many only the first."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _put_unknowns(page, report):
    found = causes(report)
    if not found:
        return
    page.heading("What could not be judged, and why")
    for cause in found[:CAUSES]:
        about = f"{cause['about']}: " if cause["about"] else ""
        page.put(f"{about}{cause['says']} ({cause['reason']}, {many(len(cause['findings']), 'finding')})", hang=2)
        if len(cause["hosts"]) > 1:
            page.put(few(cause["hosts"]), 2, 2)
        page.put(few(sorted({finding["control"] for finding in cause["findings"]})), 2, 2)
    if len(found) > CAUSES:
        page.put(f"… and {many(len(found) - CAUSES, 'more cause')} in {PAGE}")


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
