# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``restorable``: one set that a backup resource left, opened: its index, every file with its hash, every configuration parsed.

Only resources read it, by the variable ``set_path``. What stands in a configuration is parsed and not kept: it may hold passwords.
"""

import json
from xml.etree import ElementTree

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref

NAME = "restorable"
VARIABLE = "set_path"
ITEMS = "Microsoft.PowerShell.Management\\"


def steps(variables):
    """The steps that open the set at the path ``set_path``; none where there is no such variable."""
    path = variables.get(VARIABLE, "")
    if not path:
        return []
    every = {"LiteralPath": [path], "Recurse": True, "File": True, "Force": True}
    return [
        call("index", ITEMS + "Get-Content", {"LiteralPath": [f"{path}\\{backup_folder.INDEX}"], "Raw": True, "Encoding": "UTF8"}, ["."]),
        call("hashes", ITEMS + "Get-Content", {"LiteralPath": [f"{path}\\{backup_folder.HASHES}"], "Raw": True, "Encoding": "UTF8"}, ["."]),
        call("files", ITEMS + "Get-ChildItem", every, ["FullName", "Length"]),
        call("hashed", r"Microsoft.PowerShell.Utility\Get-FileHash", {"LiteralPath": ref("files", "FullName"), "Algorithm": "SHA256"},
             ["Path", "Hash"]),
        call("configurations", ITEMS + "Get-ChildItem", {**every, "Filter": "*.config"}, ["FullName"]),
        call("texts", ITEMS + "Get-Content", {"Raw": True, "Encoding": "UTF8"}, ["."], input="configurations"),
    ]


def shape(area):
    """``{index, hashes, files, configurations}``: the two texts as they stand there; path and SHA-256 of every file; path of every
    configuration and whether it is XML."""
    return {
        "index": rows.value(rows.one(area, "index"), "."),
        "hashes": rows.value(rows.one(area, "hashes"), "."),
        "files": rows.every(area, "hashed", lambda row, _index: {"path": rows.value(row, "Path"), "sha256": rows.value(row, "Hash")}),
        "configurations": rows.every(area, "configurations", lambda row, index: {
            "path": rows.value(row, "FullName"), "parses": _parses(rows.value(rows.one(area, "texts", index), "."))}),
    }


def _parses(text):
    if observed.is_hole(text) or text is None:
        return text if text else False
    try:
        ElementTree.fromstring(text.lstrip("\ufeff"))
    except ElementTree.ParseError:
        return False
    return True


def problems(read, path):
    """``(sentences on what is wrong with the set at *path*, what was opened)``; the first is one sentence where it could not be opened."""
    unread = observed.first_hole([read["index"], read["hashes"], read["files"]])
    if unread:
        return [f"It could not be opened: {observed.detail(unread)}"], []
    index = backup_folder.read_index(read["index"], path.rstrip("\\").rpartition("\\")[2])
    found = [] if index["complete"] else [index["why_not"]]
    found += [f"The part {part['name']} is not complete: {part['why_not']}" for part in index["parts"] if not part["complete"]]
    unread = observed.first_hole(read["files"]) or observed.first_hole([value for one in read["files"] for value in one.values()])
    if unread:
        return [*found, f"A file could not be read: {observed.detail(unread)}"], []
    wanted = _wanted(read["hashes"])
    if wanted is None:
        return [*found, f"Its {backup_folder.HASHES} is not whole."], []
    there = {one["path"].casefold(): one for one in read["files"]}
    beside = {f"{path}\\{name}".casefold() for name in (backup_folder.INDEX, backup_folder.HASHES)}
    found += [f"{name} is missing." for name in wanted if name.casefold() not in there]
    found += [f"{name} is not what was written." for name, sha256 in wanted.items()
              if name.casefold() in there and there[name.casefold()]["sha256"].casefold() != sha256.casefold()]
    known = {name.casefold() for name in wanted} | beside
    found += [f"{one['path']} was not there when the set was made." for key, one in there.items() if key not in known]
    return found + _configurations(read["configurations"]), [f"{len(there)} files by SHA-256", *_opened(read["configurations"])]


def _wanted(text):
    """Path -> SHA-256 as the set was made; None where the text is not whole."""
    try:
        listed = json.loads(text.lstrip("\ufeff"))
        return {str(one["Path"]): str(one["Hash"]) for one in (listed if isinstance(listed, list) else [listed])}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _seen(configurations):
    if observed.is_hole(configurations):
        return [] if configurations["$unknown"]["reason"] == "missing" else [{"path": "A configuration", "parses": configurations}]
    return [{"path": "A configuration", "parses": one} if observed.is_hole(one) else one for one in configurations]


def _configurations(configurations):
    seen = _seen(configurations)
    return [f"{one['path']} could not be read: {observed.detail(one['parses'])}" for one in seen if observed.is_hole(one["parses"])] + \
        [f"{one['path']} is no XML." for one in seen if one["parses"] is False]


def _opened(configurations):
    whole = [one["path"] for one in _seen(configurations) if one["parses"] is True]
    return [f"{len(whole)} configuration files parsed"] if whole else []
