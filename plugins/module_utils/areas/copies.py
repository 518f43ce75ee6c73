# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``copies``: what a host has to copy to a vault, and what it knows to have copied there.

A host that copies keeps the manifests of its copies, one folder a vault, below %SystemRoot%. So what is left to do can be told without
asking the vault, which a session over the network often may not reach; whether the vault still holds it is read at the vault.
"""

import hashlib
import json
import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, manifest, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas.vault import VERIFIED
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref

NAME = "copies"
KINDS = ("biztalk", "iis", "sharepoint", "sso")     # those whose sets are folders with an index
VAULT = "copies_vault"                              # the variable that names the vault
FOLDER = r"biztalk.fault_tolerance\copies"          # under %SystemRoot%, where users may not write
VERIFIED_HERE = ".verified.partial"                 # compared and not yet told to the vault
NOTED = ".manifest.partial"                         # copied and compared, not yet complete in the vault
ITEMS = "Microsoft.PowerShell.Management\\"


def folder_of(vault):
    """The folder, below FOLDER, of the notes on a vault."""
    said = re.sub(r"[^a-z0-9]+", "-", vault.casefold()).strip("-")[:40]
    return f"{said}-{hashlib.sha256(vault.casefold().encode()).hexdigest()[:8]}"


def steps(variables):
    """The calls that read the area; *variables* ``backup_folder`` (as everywhere) and ``copies_vault``, the vault as this host reaches it."""
    folder = variables.get(backup_folder.VARIABLE)
    found = [step for kind in KINDS for step in backup_folder.steps(kind, folder)]
    return found + [
        call("copies_root", ITEMS + "Get-Item", {"LiteralPath": "Env:\\SystemRoot"}, ["Value"]),
        call("copies_folder", ITEMS + "Join-Path", {
            "Path": ref("copies_root", "Value"), "ChildPath": rf"{FOLDER}\{folder_of(variables.get(VAULT, ''))}"}, ["."]),
        call("copies_notes", ITEMS + "Get-ChildItem", {"LiteralPath": ref("copies_folder"), "File": True}, ["Name", "FullName"]),
        call("copies_heads", ITEMS + "Get-Content", {"TotalCount": 1, "Encoding": "UTF8"}, ["."], input="copies_notes"),
        call("copies_ends", ITEMS + "Get-Content", {"Tail": 1, "Encoding": "UTF8"}, ["."], input="copies_notes"),
    ]


def shape(area):
    """``{sets: {kind: sets as backup_folder tells them}, folder, notes}``. A note: set, kind, host, taken_at, verified_at; ``done``: the copy is
    complete in the vault; ``told``: it was compared anew and the vault was not told."""
    return {"sets": {kind: backup_folder.shape(area, kind) for kind in KINDS}, "folder": rows.value(rows.one(area, "copies_folder"), "."),
            "notes": _notes(area)}


def _notes(area):
    found = rows.every(area, "copies_notes", lambda row, index: (
        rows.value(row, "Name"), rows.value(rows.one(area, "copies_heads", index), "."), rows.value(rows.one(area, "copies_ends", index), ".")))
    if observed.is_hole(found):
        return [] if found["$unknown"]["reason"] == "missing" else found
    unread = observed.first_hole(found) or observed.first_hole([name for name, _head, _end in found if not isinstance(name, tuple)])
    if unread:
        return unread
    texts = {name.casefold(): (head, end) for name, head, end in found}
    notes = [_note(name, head, end, texts) for name, head, end in found if name.casefold().endswith((NOTED, manifest.SUFFIX))]
    return sorted((note for note in notes if note), key=lambda note: (note["taken_at"], note["set"]))


def _note(name, head, end, texts):
    """A note, or None where it is not whole: then nothing counts as copied."""
    said = None if observed.is_hole(head) or observed.is_hole(end) else manifest.read_header(head)
    if said is None or manifest.read_end(end) != said["files"] + 1:
        return None
    told = {suffix: _at(texts.get((said["set"] + suffix).casefold(), (None,))[0]) for suffix in (VERIFIED, VERIFIED_HERE)}
    return {"set": said["set"], "kind": said["kind"], "host": said["host"], "taken_at": said["taken_at"], "files": said["files"],
            "done": name.casefold().endswith(manifest.SUFFIX), "told": told[VERIFIED_HERE] is None,
            "verified_at": told[VERIFIED_HERE] or told[VERIFIED] or said["copied_at"]}


def _at(text):
    try:
        return str(json.loads(text.lstrip("\ufeff"))["at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
