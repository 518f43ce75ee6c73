# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``vault``: the copies that lie on a vault's host below ``vault_path``, read there, by its own local path.

A set is ``<host>\\<kind>\\<set>`` below it, with its manifest beside it. Of a file its name, size and time come here; of a manifest the
first and the last line: its header holds a hash over the names, sizes and times of all its files, so that every set is compared with
its manifest without sending the manifest. The time for that grows with the number of files in the vault, so the area has a start of its own.
"""

import json

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import manifest, observed, rows, security_descriptor
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

NAME = "vault"
HEAVY = True

ITEMS = "Microsoft.PowerShell.Management\\"
PARTIAL, VERIFIED = ".partial", ".verified.json"
PROCEDURES = "procedures"       # a folder right in the vault: how everything is brought back
KINDS = ("biztalk", "iis", "sharepoint", "sql", "sso", "windows")


def steps(variables):
    """The calls that read the vault; none where nobody says where it lies."""
    path = variables.get("vault_path")
    if not path:
        return []
    return [
        call("vault_root", ITEMS + "Get-Item", {"LiteralPath": path}, ["FullName"]),
        call("vault_files", ITEMS + "Get-ChildItem", {"LiteralPath": path, "Recurse": True, "File": True, "Force": True},
             ["FullName", "Length", "LastWriteTimeUtc"]),
        call("vault_folders", ITEMS + "Get-ChildItem", {"LiteralPath": path, "Recurse": True, "Depth": 2, "Directory": True, "Force": True},
             ["FullName", "LastWriteTimeUtc"]),
        call("vault_manifests", ITEMS + "Get-ChildItem", {"LiteralPath": path, "Recurse": True, "Depth": 2, "File": True, "Filter": "*" + manifest.SUFFIX},
             ["FullName"]),
        call("vault_headers", ITEMS + "Get-Content", {"TotalCount": 1, "Encoding": "UTF8"}, ["."], input="vault_manifests"),
        call("vault_ends", ITEMS + "Get-Content", {"Tail": 1, "Encoding": "UTF8"}, ["."], input="vault_manifests"),
        call("vault_checks", ITEMS + "Get-ChildItem", {"LiteralPath": path, "Recurse": True, "Depth": 2, "File": True, "Filter": "*" + VERIFIED},
             ["FullName"]),
        call("vault_checked", ITEMS + "Get-Content", {"Raw": True}, ["."], input="vault_checks"),
        call("vault_access", r"Microsoft.PowerShell.Security\Get-Acl", {"LiteralPath": path}, ["Sddl"]),
        call("vault_shares", r"CimCmdlets\Get-CimInstance", {"Namespace": "root/Microsoft/Windows/SMB", "ClassName": "MSFT_SmbShare"},
             ["Name", "Path", "EncryptData", "Special", "SecurityDescriptor"]),
    ]


def shape(area):
    """``{path, sets, procedures, writers, readers, shares}``; what was not seen is a hole."""
    if not area.steps:
        nowhere = observed.hole("not_asked", "The inventory does not say where this vault lies: set vault_path.")
        return dict.fromkeys(("path", "sets", "procedures", "writers", "readers", "shares"), nowhere)
    root = rows.value(rows.one(area, "vault_root"), "FullName")
    found = _files(area, root)
    shares = _shares(area, root)
    return {"path": root, "sets": _sets(area, root, found), "procedures": _procedures(found), "writers": _writers(area, shares), "readers": _readers(area),
            "shares": shares if observed.is_hole(shares) else [
                one if observed.is_hole(one) else {name: value for name, value in one.items() if name != "writers"} for one in shares]}


def _files(area, root):
    """``[(parts of the path below the root, bytes, modified)]`` of every file; a hole where any of them may be missing."""
    found = rows.every(area, "vault_files", lambda row, index: (rows.value(row, "FullName"), rows.value(row, "Length"), rows.value(row, "LastWriteTimeUtc")))
    unseen = observed.first_hole([root, found]) or observed.first_hole(found) or next(
        (part for one in found for part in one if observed.is_hole(part)), None)
    return unseen or [(_below(path, root), size, modified) for path, size, modified in found]


def _below(path, root):
    return path[len(root.rstrip("\\")) + 1:].split("\\")


def _sets(area, root, found):
    """One entry for each set, whole or not; its name is ``<host>/<kind>/<set>``."""
    folders = rows.every(area, "vault_folders", lambda row, index: (rows.value(row, "FullName"), rows.value(row, "LastWriteTimeUtc")))
    headers, checks = _texts(area, "vault_manifests", ("vault_headers", "vault_ends")), _texts(area, "vault_checks", ("vault_checked",))
    unseen = observed.first_hole([found, folders, headers, checks]) or observed.first_hole(folders)
    if unseen:
        return unseen
    within = {}
    for parts, size, modified in found:
        if len(parts) > 3:
            within.setdefault("\\".join(parts[:3]).casefold(), []).append(manifest.File("\\".join(parts[3:]), size, modified))
    sets = []
    for path, modified in folders:
        if observed.is_hole(path):
            return path
        parts = _below(path, root)
        if len(parts) != 3:
            continue
        key = "\\".join(parts).casefold()
        header, end = headers.pop(key + manifest.SUFFIX, (None, None))
        check = checks.get(key + VERIFIED, (None,))[0]
        sets.append(_set(parts, modified, header, end, check, sorted(within.get(key, []), key=lambda file: file.path)))
    for key, (header, _end) in headers.items():
        said = header if observed.is_hole(header) else manifest.read_header(header)
        if not observed.is_hole(said) and said:
            sets.append({**_told([said["host"], said["kind"], said["set"]], None, said, None), "whole": False,
                         "why_not": "Its manifest is there and its folder is not."})
        else:
            sets.append(said if observed.is_hole(said) else observed.hole("failed", f"{key} is no manifest and has no folder."))
    return sets


def _texts(area, files, contents):
    """``path below the root in lower case -> what each step of contents answered for it``."""
    found = rows.every(area, files, lambda row, index: (rows.value(row, "FullName"), tuple(_text(area, step, index) for step in contents)))
    root = rows.value(rows.one(area, "vault_root"), "FullName")
    if observed.is_hole(found) or observed.is_hole(root):
        return found if observed.is_hole(found) else root
    return observed.first_hole(found) or observed.first_hole([path for path, _texts in found]) or {
        "\\".join(_below(path, root)).casefold(): texts for path, texts in found}


def _text(area, step, run):
    """What a step answered for a file; an empty file has no line."""
    runs = area.steps[step].runs
    if run < len(runs) and not runs[run].rows and not runs[run].errors:
        return ""
    return rows.value(rows.one(area, step, run), ".")


def _set(parts, modified, header, end, check, files):
    """A folder of the vault as a set, compared with its manifest."""
    if observed.is_hole(header) or observed.is_hole(end):
        whole, said = header if observed.is_hole(header) else end, None
        return {**_told(parts, modified, None, None), "whole": whole, "why_not": whole}
    said = manifest.read_header(header) if header is not None else None
    return {**_told(parts, modified, said, check), **_judged(parts, header, said, end, files)}


def _told(parts, modified, said, check):
    """What names a set and its times. *verified_at*: when every file of it was last read and compared, at the copy or later."""
    host, kind, name = parts
    verified = said["copied_at"] if said else None
    if check is not None and said:
        verified = check if observed.is_hole(check) else _verified(check) or verified
    return {"name": f"{host}/{kind}/{name}", "host": host, "kind": kind, "set": name, "modified": modified, "copying": name.endswith(PARTIAL),
            "taken_at": said["taken_at"] if said else None, "copied_at": said["copied_at"] if said else None, "verified_at": verified,
            "files": said["files"] if said else None, "bytes": said["bytes"] if said else None, "listing": said["listing"] if said else None}


def _judged(parts, header, said, end, files):
    """``whole`` and ``why_not``: a set is whole where its folder holds what its manifest says, by name, size and time of every file."""
    if parts[2].endswith(PARTIAL):
        return {"whole": False, "why_not": "It was never finished: it is being copied now, or a copy broke off."}
    if header is None:
        return {"whole": False, "why_not": "It has no manifest: what it should hold is not known."}
    if said is None or manifest.read_end(end) is None:
        return {"whole": False, "why_not": "Its manifest is not whole."}
    if [part.casefold() for part in (said["host"], said["kind"], said["set"])] != [part.casefold() for part in parts]:
        return {"whole": False, "why_not": "Its manifest is that of another set."}
    if manifest.read_end(end) != said["files"] + 1:
        return {"whole": False, "why_not": "The first and the last line of its manifest do not fit together."}
    count, size, listing = manifest.listing(files)
    if count != said["files"]:
        return {"whole": False, "why_not": f"It holds {count} files and its manifest names {said['files']}."}
    if size != said["bytes"]:
        return {"whole": False, "why_not": f"It holds {size} bytes and its manifest names {said['bytes']}."}
    if listing != said["listing"]:
        return {"whole": False, "why_not": "Names, sizes or times of its files are not those of its manifest."}
    return {"whole": True, "why_not": ""}


def _verified(text):
    """When a set was last verified, by the note beside it; None where the note is not whole."""
    try:
        return str(json.loads(text.lstrip("\ufeff"))["at"])
    except (ValueError, KeyError, TypeError):
        return None


def _procedures(found):
    """``{files, newest}`` of the folder with the procedures."""
    if observed.is_hole(found):
        return found
    times = [modified for parts, _size, modified in found if len(parts) > 1 and parts[0].casefold() == PROCEDURES]
    return {"files": len(times), "newest": max(times, default=None)}


def _writers(area, shares):
    """Who may change or delete what lies in the vault, by the file system; ``everybody``: a SID that stands for people nobody chose."""
    sddl = rows.value(rows.one(area, "vault_access"), "Sddl")
    if observed.is_hole(sddl):
        return sddl
    sids = security_descriptor.may_change(sddl, below=True)
    if sids is None:
        return observed.hole("failed", "The access list of the vault is not of the form that Windows documents.")
    return [{"sid": sid, "everybody": security_descriptor.is_everybody(sid), "through": _through(sid, shares)} for sid in sids]


def _readers(area):
    """Who may read what lies in the vault, by the file system."""
    sddl = rows.value(rows.one(area, "vault_access"), "Sddl")
    sids = sddl if observed.is_hole(sddl) else security_descriptor.may_read(sddl, below=True)
    if sids is None:
        return observed.hole("failed", "The access list of the vault is not of the form that Windows documents.")
    return sids if observed.is_hole(sids) else [{"sid": sid, "everybody": security_descriptor.is_everybody(sid)} for sid in sids]


def _through(sid, shares):
    """The shares by which a SID, or a group that everybody is in, may write."""
    unseen = shares if observed.is_hole(shares) else observed.first_hole(shares) or observed.first_hole([one["writers"] for one in shares])
    return unseen or sorted(one["name"] for one in shares if sid in one["writers"] or any(map(security_descriptor.is_everybody, one["writers"])))


def _shares(area, root):
    """The shares through which the vault can be reached, but for those of administrators."""
    def one(row, index):
        path, sddl = rows.value(row, "Path"), rows.value(row, "SecurityDescriptor")
        writers = sddl if observed.is_hole(sddl) else security_descriptor.may_change(sddl)
        if writers is None:
            writers = observed.hole("failed", "The access list of the share is not of the form that Windows documents.")
        return {"name": rows.value(row, "Name"), "path": path, "encrypted": rows.value(row, "EncryptData"), "special": rows.value(row, "Special"),
                "writers": writers}

    found = rows.every(area, "vault_shares", one)
    if observed.is_hole(found) or observed.is_hole(root):
        return found if observed.is_hole(found) else root
    return [share for share in found if observed.is_hole(share) or observed.is_hole(share["path"])
            or (share["special"] is not True and _covers(share["path"], root))]


def _covers(path, root):
    one, other = ((text.rstrip("\\") + "\\").casefold() for text in (path, root))
    return len(one) > 1 and (one.startswith(other) or other.startswith(one))
