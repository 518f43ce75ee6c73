# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The folder that every backup resource leaves on its host: ``<folder>\\<host>-<kind>-<yyyyMMddTHHmmssZ>``.

In it: the parts, ``hashes.json`` (path and SHA-256 of every file) and, written last, ``index.json``. A folder whose index is not there
or does not name it is an incomplete backup. The folder holds keys, so only SYSTEM and Administrators may open it.
"""

import json
import re
from datetime import UTC, datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe, ref

SCHEMA = 1
INDEX, HASHES = "index.json", "hashes.json"
VARIABLE = "backup_folder"
DEFAULT = r"biztalk.fault_tolerance\backup"      # below %SystemRoot%
STAMP = "%Y%m%dT%H%M%SZ"
SET_NAME = re.compile(r"(?P<host>[^\\/:*?\"<>|]+)-(?P<kind>[a-z]+)-(?P<at>\d{8}T\d{6}Z)")
LOCAL_FOLDER = re.compile(r"[A-Za-z]:(\\[^\\/:*?\"<>|\[\]`\x00-\x1f]+)+")

ITEMS = "Microsoft.PowerShell.Management\\"
ICACLS = r"%SystemRoot%\System32\icacls.exe"
OURS = ("*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F")     # SYSTEM and Administrators, in every language
OURS_IN_SDDL = {"SY", "BA"}
ACE = re.compile(r"\(([^;()]*);[^;()]*;[^;()]*;[^;()]*;[^;()]*;([^;()]*)[^()]*\)")


def name_of(host, kind, clock):
    """The name of a set of a host (its computer name) that is begun at *clock* (ISO 8601 UTC)."""
    return f"{host}-{kind}-{stamp(clock)}"


def stamp(clock):
    return datetime.fromisoformat(clock[:19]).strftime(STAMP)


def instant(text):
    """A stamp as ISO 8601 UTC."""
    return datetime.strptime(text, STAMP).replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# reading

def steps(kind, folder=None):
    """The steps that find the sets of a kind below *folder* (a local path; None: the default). Their ids begin with ``<kind>_set``."""
    if folder is None:
        before = [call(f"{kind}_set_root", ITEMS + "Get-Item", {"LiteralPath": ["Env:\\SystemRoot"]}, ["Value"])]
        above, name = ref(f"{kind}_set_root", "Value"), DEFAULT
    else:
        before, (above, _backslash, name) = [], folder.rstrip("\\").rpartition("\\")
        above = above + "\\" if above.endswith(":") else above
    return before + [
        call(f"{kind}_set_folder", ITEMS + "Join-Path", {"Path": above, "ChildPath": name}, ["."]),
        call(f"{kind}_sets", ITEMS + "Get-ChildItem", {"LiteralPath": ref(f"{kind}_set_folder"), "Directory": True, "Filter": f"*-{kind}-*"},
             ["Name", "FullName"]),
        call(f"{kind}_set_index", ITEMS + "Get-ChildItem", {"LiteralPath": ref(f"{kind}_sets", "FullName"), "File": True, "Filter": INDEX},
             ["DirectoryName"]),
        call(f"{kind}_set_text", ITEMS + "Get-Content", {"Raw": True, "Encoding": "UTF8"}, ["."], input=f"{kind}_set_index"),
        call(f"{kind}_set_access", r"Microsoft.PowerShell.Security\Get-Acl", {}, ["Sddl"], input=f"{kind}_sets"),
    ]


def place(area, kind):
    """The folder that holds the sets, or the hole that hides it."""
    return rows.value(rows.one(area, f"{kind}_set_folder"), ".")


def shape(area, kind):
    """The sets, oldest first: name, path, host, taken_at, complete, why_not, parts (name, path, complete, why_not), protected.

    A folder that is not there holds none. A set whose index could not be read is a hole at the end of the list.
    """
    found = rows.every(area, f"{kind}_sets", lambda row, index: (rows.value(row, "Name"), rows.value(row, "FullName"), index))
    if observed.is_hole(found):
        return [] if found["$unknown"]["reason"] == "missing" else found
    indexes = rows.every(area, f"{kind}_set_index", lambda row, index: (rows.value(row, "DirectoryName"), index))
    if observed.is_hole(indexes):
        if found:
            return indexes
        indexes = []
    blind = observed.first_hole(indexes)
    texts = {one[0].casefold(): rows.value(rows.one(area, f"{kind}_set_text", one[1]), ".") for one in indexes if not observed.is_hole(one)}
    sets, holes = [], []
    for one in found:
        if observed.is_hole(one):
            holes.append(one)
            continue
        name, path, number = one
        match = SET_NAME.fullmatch(name)
        if not match or match["kind"] != kind:
            continue
        text = texts.get(path.casefold(), blind)
        if observed.is_hole(text):
            holes.append(text)
            continue
        sddl = rows.value(rows.one(area, f"{kind}_set_access", number), "Sddl")
        sets.append({"name": name, "path": path, "host": match["host"], "taken_at": instant(match["at"]),
                     **read_index(text, name), "protected": sddl if observed.is_hole(sddl) else only_administrators(sddl)})
    return sorted(sets, key=lambda one: (one["taken_at"], one["name"])) + holes[:1]


def read_index(text, name):
    """``complete``, ``why_not`` and ``parts`` of the set *name*, whose index.json is *text* (None: it is not there)."""
    if text is None:
        return _incomplete("It has no index.json: it was broken off before its end, or it is being made now.")
    try:
        index = json.loads(text.lstrip("\ufeff"))
        if index["schema"] != SCHEMA or index["set"] != name:
            return _incomplete("Its index.json is not that of this folder.")
        parts = [{"name": str(part["name"]), "path": str(part["path"]), "complete": part["complete"] is True, "why_not": str(part["why_not"])}
                 for part in index["parts"]]
    except (ValueError, KeyError, TypeError):
        return _incomplete("Its index.json is not whole.")
    return {"complete": True, "why_not": "", "parts": parts}


def _incomplete(sentence):
    return {"complete": False, "why_not": sentence, "parts": []}


def only_administrators(sddl):
    """Whether the access list of an SDDL text is protected from inheritance and lets in SYSTEM and Administrators only."""
    rules = re.search(r"D:([A-Z]*)((?:\([^()]*\))*)", sddl)
    if not rules or "P" not in rules[1]:
        return False
    aces = ACE.findall(rules[2])
    return bool(aces) and all(kind != "A" or trustee in OURS_IN_SDDL for kind, trustee in aces)


# writing

def begin(path):
    """Steps that make the folder of a set and close it to others; the last, ``locked``, answers nothing where that did not work."""
    return [call("set", ITEMS + "New-Item", {"Path": [path], "ItemType": "Directory"}, on_error="stop"),
            exe("close", ICACLS, [path, "/inheritance:r", "/grant:r", *OURS], 60),
            call("locked", r"Microsoft.PowerShell.Security\Get-Acl", {"LiteralPath": [path]}, on_error="stop",
                 only={"AreAccessRulesProtected": ["True"]})]


def finish(path, host, kind, taken_at, parts, by):
    """Steps that end a set: the hash of every file, then the index. *parts*: name, path (in the set), complete, why_not."""
    index = {"schema": SCHEMA, "set": path.rpartition("\\")[2], "kind": kind, "host": host, "taken_at": taken_at, "by": by, "parts": parts,
             "hashes": HASHES}
    return [call("files", ITEMS + "Get-ChildItem", {"LiteralPath": [path], "Recurse": True, "File": True, "Force": True}, on_error="stop"),
            call("hashed", r"Microsoft.PowerShell.Utility\Get-FileHash", {"LiteralPath": ref("files", "FullName"), "Algorithm": "SHA256"},
                 on_error="stop"),
            call("hashes", r"Microsoft.PowerShell.Utility\ConvertTo-Json", {"InputObject": ref("hashed"), "Compress": True}, on_error="stop"),
            call("hashes_file", ITEMS + "Set-Content", {"LiteralPath": [f"{path}\\{HASHES}"], "Value": ref("hashes"), "Encoding": "UTF8"},
                 on_error="stop"),
            call("index_file", ITEMS + "Set-Content",
                 {"LiteralPath": [f"{path}\\{INDEX}"], "Value": [json.dumps(index, ensure_ascii=True)], "Encoding": "ASCII"}, on_error="stop")]


def surplus(sets, host, keep, clock):
    """The sets of *host* that may go so that *keep* complete ones are left (at least one): older complete ones, and incomplete ones that
    are older than the newest complete one and than a day. *clock*: now, ISO 8601."""
    own = [one for one in sets if not observed.is_hole(one) and one["host"].casefold() == host.casefold()]
    complete = sorted((one for one in own if one["complete"]), key=lambda one: one["taken_at"], reverse=True)
    if not complete:
        return []
    stays = {one["path"] for one in complete[:max(1, keep)]}
    return [one for one in own if one["path"] not in stays
            and (one["complete"] or (one["taken_at"] < complete[0]["taken_at"] and seconds_between(one["taken_at"], clock) > 86400))]


def seconds_between(earlier, later):
    """Seconds between two instants (ISO 8601 UTC)."""
    first, second = (datetime.fromisoformat(text[:19]) for text in (earlier, later))
    return (second - first).total_seconds()
