# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How a set gets into a vault, is compared there and is taken out of it: the steps of the jobs, and what their answers mean.

A copy has two jobs. The first copies under the name ``<set>.partial`` and reads every file on both sides; what it answers is compared
here, and only where all is the same a manifest is written beside the notes of the host. The second renames the folder and puts the
manifest beside it, last: until then the set is incomplete to whoever looks. Both are written so that they can be carried out again.
"""

import json

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import manifest, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import copies
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas.vault import PARTIAL, VERIFIED
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe, ref

ITEMS = copies.ITEMS
ROBOCOPY = r"%SystemRoot%\System32\robocopy.exe"
# restartable, whole tree, data with times and attributes; three tries; what the source has not is taken out of the unfinished copy; no list
SWITCHES = ["/E", "/Z", "/COPY:DAT", "/DCOPY:DAT", "/PURGE", "/XJ", "/R:3", "/W:10", "/NP", "/NFL", "/NDL"]
FAILED_FROM = 8         # robocopy's exit code: below it everything was copied
MOST = 5000             # files of a set: more lines of a manifest than that are too much for one batch
BLOCK = 1000
LISTED = ["FullName", "Length", "LastWriteTimeUtc"]


def copy_steps(source, target, timeout):
    """The first job: copies the folder *source* to the folder *target* + ``.partial`` and reads both sides."""
    partial = target + PARTIAL
    return [
        call("target", ITEMS + "New-Item", {"Path": target.rpartition("\\")[0], "ItemType": "Directory", "Force": True}, on_error="stop"),
        exe("robocopy", ROBOCOPY, [source, partial, *SWITCHES], timeout, on_error="stop"),
        *_read("near", source), *_read("far", partial),
    ]


def _read(side, folder):
    return [call(side, ITEMS + "Get-ChildItem", {"LiteralPath": folder, "Recurse": True, "File": True, "Force": True}, LISTED, on_error="stop"),
            call(f"{side}_read", r"Microsoft.PowerShell.Utility\Get-FileHash", {"LiteralPath": ref(side, "FullName"), "Algorithm": "SHA256"},
                 ["Path", "Hash"], on_error="stop")]


def complete_steps(notes, target):
    """The second job. *notes*: the folder of the notes on this host; the set is called as the last part of *target*."""
    name = target.rpartition("\\")[2]
    return [
        call("old_manifest", ITEMS + "Remove-Item", {"LiteralPath": target + manifest.SUFFIX, "Force": True}),
        call("manifest", ITEMS + "Copy-Item", {"LiteralPath": rf"{notes}\{name}{copies.NOTED}", "Destination": target + copies.NOTED, "Force": True},
             on_error="stop"),
        call("rename", ITEMS + "Rename-Item", {"LiteralPath": target + PARTIAL, "NewName": name}),      # it was renamed by an earlier run, perhaps
        call("left", ITEMS + "Get-Item", {"LiteralPath": target + PARTIAL}),
        # carried out only where there is something left: the folder could not be renamed, since another one has its name
        call("refuse", r"Microsoft.PowerShell.Utility\Write-Error", {"Message": "Another folder has the name of the set.", "TargetObject": ref("left")},
             on_error="stop"),
        call("set", ITEMS + "Get-Item", {"LiteralPath": target}, on_error="stop"),
        call("complete", ITEMS + "Move-Item", {"LiteralPath": target + copies.NOTED, "Destination": target + manifest.SUFFIX, "Force": True}, on_error="stop"),
        call("noted", ITEMS + "Move-Item", {"LiteralPath": rf"{notes}\{name}{copies.NOTED}", "Destination": rf"{notes}\{name}{manifest.SUFFIX}", "Force": True},
             on_error="stop"),
    ]


def verify_steps(notes, target):
    """Reads every file of a set in the vault, and both manifests."""
    name = target.rpartition("\\")[2]
    return [call("said", ITEMS + "Get-Content", {"LiteralPath": rf"{notes}\{name}{manifest.SUFFIX}", "Encoding": "UTF8"}, ["."], on_error="stop"),
            call("said_there", ITEMS + "Get-Content", {"LiteralPath": target + manifest.SUFFIX, "Encoding": "UTF8"}, ["."], on_error="stop"),
            *_read("far", target)]


def tell_steps(notes, target):
    """Puts the note that a set was compared beside its manifest in the vault."""
    name = target.rpartition("\\")[2]
    here = rf"{notes}\{name}{copies.VERIFIED_HERE}"
    return [call("tell", ITEMS + "Copy-Item", {"LiteralPath": here, "Destination": target + VERIFIED, "Force": True}, on_error="stop"),
            call("told", ITEMS + "Move-Item", {"LiteralPath": here, "Destination": rf"{notes}\{name}{VERIFIED}", "Force": True}, on_error="stop")]


def remove_steps(notes, target, kept):
    """Takes a set out of the vault, its manifest first; nothing where one of the *kept* sets is not whole there."""
    name = target.rpartition("\\")[2]
    there = [step for number, one in enumerate(kept) for step in (
        call(f"kept_{number}", ITEMS + "Get-Item", {"LiteralPath": one}, on_error="stop"),
        call(f"kept_{number}_manifest", ITEMS + "Get-Item", {"LiteralPath": one + manifest.SUFFIX}, on_error="stop"))]
    return there + [
        call("manifest", ITEMS + "Remove-Item", {"LiteralPath": target + manifest.SUFFIX, "Force": True}),
        call("verified", ITEMS + "Remove-Item", {"LiteralPath": target + VERIFIED, "Force": True}),
        call("set", ITEMS + "Remove-Item", {"LiteralPath": target, "Recurse": True, "Force": True}),
        call("left", ITEMS + "Get-Item", {"LiteralPath": target}),
        call("refuse", r"Microsoft.PowerShell.Utility\Write-Error", {"Message": "The set could not be deleted.", "TargetObject": ref("left")}, on_error="stop"),
        call("note", ITEMS + "Remove-Item", {"LiteralPath": rf"{notes}\{name}{manifest.SUFFIX}", "Force": True}, on_error="stop"),
        call("note_verified", ITEMS + "Remove-Item", {"LiteralPath": rf"{notes}\{name}{VERIFIED}", "Force": True})]


# what the answers mean

def ended_with(step):
    """Judges a job by its last step that matters: whatever stands before it may have been there, or gone, already."""
    def judge(answer):
        area = answer.areas.get("vault")
        if area is None or not answer.complete:
            return " ".join(answer.problems) or "its answer is not whole."
        if area.steps[step].status == "ok":
            return ""
        errors = [error for one in area.steps.values() if one.status in ("failed", "partial") and _stops(one.id) for error in one.errors()]
        return answers.reason(errors[-1])[1] if errors else f"the step {step} was {area.steps[step].status} ({area.steps[step].reason})."
    return judge


def _stops(id):
    return id not in ("old_manifest", "rename", "left")


class Copied:
    """The first job: what is wrong with its answer, and of a good one the steps that write the manifest beside the notes."""

    def __init__(self, header, source, target, notes):
        self.header, self.source, self.partial, self.notes = header, source, target + PARTIAL, notes

    def judge(self, answer):
        area = answer.areas.get("vault")
        if area is None or not answer.complete:
            return " ".join(answer.problems) or "its answer is not whole."
        robocopy = area.steps["robocopy"].rows()
        if robocopy and robocopy[0][0] >= FAILED_FROM:
            return f"robocopy could not copy everything (exit code {robocopy[0][0]}); the copy is incomplete, and the next run goes on with it."
        sides = [_files(area, side, root) for side, root in (("near", self.source), ("far", self.partial))]
        fault = next((side for side in sides if isinstance(side, str)), "") or _different(manifest.compare(*sides))
        if fault:
            return fault
        if len(sides[1]) > MOST:
            return f"the set has {len(sides[1])} files, and more than {MOST} are not copied: pack what is in many small files first."
        return ""

    def then(self, answer):
        found = _files(answer.areas["vault"], "far", self.partial)
        count, size, listing = manifest.listing(found)
        lines = list(manifest.lines({**self.header, "files": count, "bytes": size, "listing": listing}, found))
        return note_steps(self.notes, self.header["set"] + copies.NOTED, lines)


class Compared:
    """The comparison of a set in the vault with its manifest: what is not as it was, and of a good answer the steps that note it.
    *at*: when the files were read, at the latest."""

    def __init__(self, name, target, notes, at):
        self.name, self.target, self.notes, self.at = name, target, notes, at

    def judge(self, answer):
        area = answer.areas.get("vault")
        if area is None or not answer.complete:
            return " ".join(answer.problems) or "its answer is not whole."
        here, there = ([row["."] for row in area.steps[step].rows()] for step in ("said", "said_there"))
        found = _files(area, "far", self.target)
        if isinstance(found, str):
            return found
        if here != there:
            return f"the manifest of {self.name} in the vault is not the one that was written when it was copied."
        try:
            fault = _different(manifest.compare(manifest.Manifest(here), found))
        except manifest.ManifestError as error:
            return f"{self.name}: {error}"
        return fault

    def then(self, _answer):
        return note_steps(self.notes, self.name + copies.VERIFIED_HERE, [json.dumps({"at": self.at})])


def _files(area, side, root):
    """What one side holds, in the order of the paths; or the sentence that says why it is not known."""
    listed, read = area.steps[side], area.steps[f"{side}_read"]
    for step in (listed, read):
        for error in step.errors():
            return answers.reason(error)[1]
        if step.status != "ok":
            return f"the step {step.id} was {step.status} ({step.reason}): there may be no file in {root}."
    hashes = {rows.value(row, "Path").casefold(): rows.value(row, "Hash").lower() for row in read.rows()}
    found = []
    for row in listed.rows():
        path, size, modified = (rows.value(row, name) for name in LISTED)
        if path.casefold() not in hashes:
            return f"{path} was not read."
        found.append(manifest.File(path[len(root) + 1:], size, modified, hashes[path.casefold()]))
    return sorted(found, key=lambda file: file.path)


def _different(differences):
    """The first differences in one sentence; "" where there are none."""
    found = [str(one) for _number, one in zip(range(4), differences, strict=False)]
    return "both sides are not the same: " + "; ".join(found[:3]) + ("; and more." if found[3:] else ".") if found else ""


def note_steps(folder, name, lines):
    """Steps that write a text beside the notes, in blocks."""
    steps = [call("notes", ITEMS + "New-Item", {"Path": folder, "ItemType": "Directory", "Force": True}, on_error="stop")]
    for number, start in enumerate(range(0, len(lines), BLOCK)):
        steps.append(call(f"note_{number}", ITEMS + ("Add-Content" if number else "Set-Content"), {
            "LiteralPath": rf"{folder}\{name}", "Value": lines[start:start + BLOCK], "Encoding": "ASCII"}, on_error="stop"))
    return steps
