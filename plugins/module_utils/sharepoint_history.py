# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a folder of SharePoint backups tells: its catalogue spbrtoc.xml, the folders beside it, and their logs.

The catalogue is edited by hand and by tools, and may be empty. An entry does not prove that its backup is there, a folder full of files not
that it worked, and a database that was not saved may be a mere warning: so every set is judged from all three.
"""

import re
from datetime import datetime
from xml.etree import ElementTree

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

CATALOGUE, LOG, MANIFEST = "spbrtoc.xml", "spbackup.log", "spbackup.xml"
FULL, DIFFERENTIAL, CONFIGURATION = "full", "differential", "configuration_only"
WHOLE, FAILED, INCOMPLETE, MISSING = "whole", "failed", "incomplete", "missing"
FOLDER = re.compile(r"spbr[0-9a-f]+", re.IGNORECASE)
MOMENT = "%m/%d/%Y %H:%M:%S"        # the month first, whatever the language
WARNING = re.compile(r"^\s*(?:\[[^\]]*\]:?\s*)?(?P<severity>[^\W\d]+)\s*: \[(?P<component>[^\]]+)\]\s*(?P<text>.*)$")
DEVICE = re.compile(r"[\\/][0-9A-F]{8}\.bak", re.IGNORECASE)
SEARCHED = r"^\s*(\[[^\]]*\]:?\s*)?[^\W\d]+\s*: \[[^\]]+\].*[\\/][0-9A-Fa-f]{8}\.bak"    # a line of a log that names the file of a component
NAMED = r"<SPBackupObject Name="
OBJECT = re.compile(r"<SPBackupObject\s+Name=\"([^\"]*)\"")
PROGRESS = re.compile(r"\]\s*\D*\b(\d{1,3})\b(?=\s*(?:%|[^\W\d]))")
SAVING, UNSAVED = ("progress", "verbose", "debug", "important"), ("warning", "error", "fatalerror")


def entries(text):
    """The entries of a catalogue, in its order, or a hole: ``[{id, is_backup, method, restore_method, configuration_only, started, finished,
    folder, component, errors, warnings, requested_by}]``.

    *method*: full, differential or another word in lower case - of a restore too. *started*, *finished*: local time as it is written, without a
    zone; null where there is none, since an operation that was broken off stays in the list unfinished. What an entry lacks is null.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return observed.hole("failed", f"{CATALOGUE} declares entities, which SharePoint never does; it was not read.")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff").strip())
    except (ElementTree.ParseError, ValueError):
        return observed.hole("unreadable", f"{CATALOGUE} is not whole XML; SharePoint itself cannot read it.")
    found = [root] if root.tag == "SPHistoryObject" else root.findall("SPHistoryObject")
    return [_entry(element) for element in found]


def _entry(element):
    told = {child.tag: (child.text or "").strip() for child in element}
    name = told.get("SPDirectoryName") or told.get("SPBackupDirectory", "").rstrip("\\/").replace("/", "\\").rpartition("\\")[2]
    return {
        "id": told.get("SPId") or None,
        "is_backup": _flag(told, "SPIsBackup"),
        "method": told["SPBackupMethod"].casefold() if told.get("SPBackupMethod") else None,
        "restore_method": told.get("SPRestoreMethod") or None,
        "configuration_only": _flag(told, "SPConfigurationOnly"),
        "started": _moment(told, "SPStartTime"),
        "finished": _moment(told, "SPFinishTime"),
        "folder": name or None,
        "component": told.get("SPTopComponent") or None,
        "errors": _number(told, "SPErrorCount"),
        "warnings": _number(told, "SPWarningCount"),
        "requested_by": told.get("SPRequestedBy") or None,
    }


def _flag(told, name):
    seen = told.get(name, "").casefold()
    if seen in ("true", "false"):
        return seen == "true"
    return None if not seen else observed.hole("failed", f"{name} in {CATALOGUE} is {seen!r}, neither True nor False.")


def _number(told, name):
    seen = told.get(name, "")
    if seen.isdecimal():
        return int(seen)
    return None if not seen else observed.hole("failed", f"{name} in {CATALOGUE} is {seen!r}, which is no number.")


def _moment(told, name):
    seen = told.get(name, "")
    if not seen:
        return None
    try:
        return datetime.strptime(seen, MOMENT).isoformat()
    except ValueError:
        return observed.hole("failed", f"{name} in {CATALOGUE} is {seen!r}, which is no time as SharePoint writes it.")


def log_line(text):
    """``{severity, component, text, device}`` of a line of spbackup.log, or None. *severity* is a word of the server's language."""
    match = WARNING.match(text)
    return match and {"severity": match["severity"], "component": match["component"], "text": match["text"].strip(),
                      "device": DEVICE.search(match["text"]) is not None}


def unsaved(lines):
    """The components that lines of a log say were not saved: warnings and errors that name a component's file. A hole where a line names one
    and its severity is a word of a language that is not known here."""
    told = [one for one in map(log_line, lines) if one and one["device"]]
    bad = sorted({one["component"] for one in told if one["severity"].casefold() in UNSAVED})
    other = next((one for one in told if one["severity"].casefold() not in SAVING + UNSAVED), None)
    if other and not bad:
        return observed.hole("failed", f"{LOG} says '{other['severity']}' of {other['component']}, which may mean that it was not saved.")
    return bad


def share(lines):
    """``(last line, share done or None)`` of the end of a log that is being written."""
    text = [line.strip() for line in lines if line.strip()]
    numbers = [int(match[1]) for match in (PROGRESS.search(line) for line in text) if match and int(match[1]) <= 100]
    return (text[-1][:120] if text else ""), (numbers[-1] / 100 if numbers else None)


def components(lines):
    """The names of the components in lines of spbackup.xml, each once."""
    return sorted({_unescaped(match[1]) for line in lines for match in OBJECT.finditer(line)})


def _unescaped(text):
    for entity, plain in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, plain)
    return text


def sets(catalogue, folders):
    """Every backup of a folder, the oldest first; a restore is none.

    *catalogue*: as ``entries`` gives it. *folders*: name in lower case -> ``{"name", "log_modified" (instant or None), "manifest", "unsaved"
    (names, or a hole), "components" (names, or a hole)}``, for each folder that lies beside it. A set: ``name`` of its folder, ``id``, ``method``
    (full, differential, configuration_only), ``outcome`` (whole, failed, incomplete, missing), ``why`` in a sentence, ``started`` (as the
    entry has it), ``ended`` (instant: when its log was written last), ``whole_farm``, ``components``, ``warnings``, ``in_catalogue``.
    """
    found, used = [], set()
    for entry in catalogue:
        unseen = observed.first_hole([entry["is_backup"]])
        if unseen:
            found.append(unseen)
        elif entry["is_backup"] is not False:
            folder = folders.get((entry["folder"] or "").casefold())
            used.add((entry["folder"] or "").casefold())
            found.append(_set(entry, folder))
    found += [_loose(folder) for key, folder in sorted(folders.items()) if key not in used]
    known = [one for one in found if not observed.is_hole(one)]
    return sorted(known, key=lambda one: (moment(one), one["name"])) + [one for one in found if observed.is_hole(one)][:1]


def moment(one):
    """What puts a set in its place among others: when it ended, else when it began; one of which neither is known comes last."""
    return next((at for at in (one["ended"], one["started"]) if isinstance(at, str)), "never")


def _loose(folder):
    return {"name": folder["name"], "id": None, "method": observed.hole("missing", "No entry of the catalogue tells its method."),
            "outcome": INCOMPLETE, "why": f"No entry of {CATALOGUE} names this folder: SharePoint does not offer it for a restore.",
            "started": None, "ended": folder["log_modified"], "whole_farm": observed.hole("missing", "No entry of the catalogue tells what it holds."),
            "components": folder["components"], "warnings": None, "in_catalogue": False}


def _set(entry, folder):
    method = CONFIGURATION if entry["configuration_only"] is True else entry["configuration_only"] \
        if observed.is_hole(entry["configuration_only"]) else entry["method"] or observed.hole("missing", f"{CATALOGUE} does not tell the method.")
    outcome, why = _judged(entry, folder)
    component = entry["component"]
    return {
        "name": entry["folder"] or "(without a folder)", "id": entry["id"], "method": method, "outcome": outcome, "why": why,
        "started": entry["started"], "ended": folder and folder["log_modified"],
        # its first component is the farm, whatever it is called in the server's language
        "whole_farm": observed.hole("missing", f"{CATALOGUE} does not tell what was saved.") if component is None else "\\" not in component.strip("\\"),
        "components": folder["components"] if folder else [], "warnings": entry["warnings"], "in_catalogue": True,
    }


def _judged(entry, folder):
    if folder is None:
        return MISSING, f"{CATALOGUE} names it, and its folder is not there."
    if not folder["manifest"]:
        return INCOMPLETE, f"Its folder holds no {MANIFEST}, without which nothing can be restored from it."
    for name in ("finished", "errors", "warnings"):
        if observed.is_hole(entry[name]):
            return entry[name], ""
    if entry["finished"] is None:
        return INCOMPLETE, f"{CATALOGUE} knows no end of it: it was broken off, or it is being made now."
    if entry["errors"]:
        return FAILED, f"SharePoint counts {entry['errors']} errors."
    if folder["log_modified"] is None:
        return INCOMPLETE, f"Its folder holds no {LOG}."
    for name in ("errors", "warnings"):
        if entry[name] is None:
            return observed.hole("missing", f"{CATALOGUE} does not tell its {name}."), ""
    if not entry["warnings"]:
        return WHOLE, ""        # a component that was not saved counts as a warning at least
    if observed.is_hole(folder["unsaved"]):
        return folder["unsaved"], ""
    if folder["unsaved"]:
        return FAILED, f"By its log these were not saved: {', '.join(folder['unsaved'])}."
    return WHOLE, f"SharePoint counts {entry['warnings']} warnings, none of which names a component that was not saved."


def newest(sets_of, methods=(FULL,), farm=True):
    """The newest whole set of some methods (of the whole farm), None where there is none, or the hole that hides which it is."""
    holes = []
    for one in reversed(sets_of):
        unseen = one if observed.is_hole(one) else observed.first_hole([one["method"], one["outcome"], one["whole_farm"]])
        if unseen:
            if observed.is_hole(one) or one["in_catalogue"]:
                holes.append(unseen)
        elif one["outcome"] == WHOLE and one["method"] in methods and (one["whole_farm"] or not farm):
            return one
    return holes[0] if holes else None
