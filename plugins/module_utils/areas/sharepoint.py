# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``sharepoint``: a SharePoint farm as one of its servers tells it, and the backups in the farm's backup folder.

The cmdlets are those of the module SharePointServer in Subscription Edition, and of the snap-in Microsoft.SharePoint.PowerShell from 2013 to 2019:
each is called by both names, and one of them is there. Older farms have no cmdlets; of them the registry tells. The history of backups is no part
of the farm: it lies in the backup folder.

Sources: reference pages of the cmdlets (properties of their objects: not verified), back-up-a-farm.md, best-practices-of-disaster-recovery-for-search.md
(spbrtoc.xml); the registry below Web Server Extensions and ConnectTo as support articles tell it.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import sharepoint_history as history
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref

NAME = "sharepoint"
HEAVY = True
VARIABLE = "sharepoint_backup_folder"
MODULE, SNAPIN, STSADM = "SharePointServer", "Microsoft.SharePoint.PowerShell", "stsadm"
SETUP = r"HKLM:\SOFTWARE\Microsoft\Shared Tools\Web Server Extensions"
CLIENTS = {"64": r"HKLM:\SOFTWARE\Microsoft\MSSQLServer\Client", "32": r"HKLM:\SOFTWARE\Wow6432Node\Microsoft\MSSQLServer\Client"}
ALIASES = "ConnectTo"
ITEMS = "Microsoft.PowerShell.Management\\"
SEARCH = r"Microsoft.PowerShell.Utility\Select-String"
STATUS = {0: "Online", 1: "Disabled", 2: "Offline", 3: "Unprovisioning", 4: "Provisioning", 5: "Upgrading"}
OLDEST = "12.0"
EXPORTS, SETS = "spsites", "sharepoint"     # kinds of folders that sharepoint_backup leaves

FARM = {
    "farm": ("Get-SPFarm", ["Name", "Id", "BuildVersion", "Status", "NeedsUpgrade"]),
    "servers": ("Get-SPServer", ["Name", "Role", "Status", "NeedsUpgrade"]),
    "services": ("Get-SPServiceInstance", ["TypeName", "Server.Name", "Status"]),
    "databases": ("Get-SPContentDatabase", ["Name", "NormalizedDataSource", "Status"]),
}


def steps(variables):
    """The calls that read the area, in order. *variables*: ``sharepoint_backup_folder``, as this host reaches it."""
    folder = variables.get(VARIABLE)
    asked = [call(f"sp_{name}{mark}", rf"{shell}\{cmdlet}", select=select, needs=shell)
             for shell, mark in ((MODULE, ""), (SNAPIN, "_snapin")) for name, (cmdlet, select) in FARM.items()]
    return [
        call("sp_setup", ITEMS + "Get-ItemProperty", {"Path": [SETUP + r"\*"]}, ["PSChildName", "Version", "SharePoint"]),
        call("sp_config", ITEMS + "Get-ItemProperty", {"Path": [SETUP + r"\*\Secure\ConfigDB"]}, ["dsn"]),
        *(step for bits, key in CLIENTS.items() for step in _aliases(bits, key)),
        *asked,
        *(catalogue_steps("sp", folder.rstrip("\\")) if folder else []),
    ]


def _aliases(bits, key):
    """Steps that read the names and the values of the aliases of SQL Server's client of *bits*."""
    return [call(f"sp_alias_names_{bits}", ITEMS + "Get-ChildItem", {"LiteralPath": [key]}, ["Property"], only={"PSChildName": [ALIASES]}),
            call(f"sp_alias_values_{bits}", ITEMS + "Get-ItemPropertyValue",
                 {"LiteralPath": [rf"{key}\{ALIASES}"], "Name": ref(f"sp_alias_names_{bits}", "Property")}, ["."])]


def catalogue_steps(prefix, folder):
    """The steps that read every catalogue of a folder and of those right in it, with what lies beside each."""
    return [
        call(f"{prefix}_folder", ITEMS + "Get-Item", {"LiteralPath": [folder]}, ["FullName"]),
        call(f"{prefix}_tocs", ITEMS + "Get-ChildItem", {"LiteralPath": [folder], "File": True, "Recurse": True, "Depth": 1, "Filter": history.CATALOGUE},
             ["DirectoryName"]),
        call(f"{prefix}_texts", ITEMS + "Get-Content", {"Raw": True, "Encoding": "UTF8"}, ["."], input=f"{prefix}_tocs"),
        call(f"{prefix}_folders", ITEMS + "Get-ChildItem", {"LiteralPath": ref(f"{prefix}_tocs", "DirectoryName"), "Directory": True, "Filter": "spbr*"},
             ["Name", "FullName"]),
        call(f"{prefix}_logs", ITEMS + "Get-ChildItem", {"LiteralPath": ref(f"{prefix}_folders", "FullName"), "File": True, "Filter": history.LOG},
             ["DirectoryName", "LastWriteTime"]),
        call(f"{prefix}_manifests", ITEMS + "Get-ChildItem",
             {"LiteralPath": ref(f"{prefix}_folders", "FullName"), "File": True, "Filter": history.MANIFEST}, ["DirectoryName"]),
        call(f"{prefix}_lines", SEARCH, {"LiteralPath": ref(f"{prefix}_logs", "FullName"), "Pattern": [history.SEARCHED]}, ["Path", "Line"]),
        call(f"{prefix}_named", SEARCH, {"LiteralPath": ref(f"{prefix}_manifests", "FullName"), "Pattern": [history.NAMED]}, ["Path", "Line"]),
        call(f"{prefix}_indexes", ITEMS + "Get-ChildItem",
             {"LiteralPath": [folder], "File": True, "Recurse": True, "Depth": 1, "Filter": backup_folder.INDEX}, ["DirectoryName"]),
        call(f"{prefix}_index_texts", ITEMS + "Get-Content", {"Raw": True, "Encoding": "UTF8"}, ["."], input=f"{prefix}_indexes"),
    ]


def shape(area):
    """The farm as plain data; what was not seen is a hole (see ``observed``)."""
    shell = _shell(area)
    told = _no_cmdlets(shell) if shell in (None, STSADM) or observed.is_hole(shell) else _farm(area, "_snapin" if shell == SNAPIN else "")
    return {
        "shell": shell,
        "installed": _installed(area),
        **_configuration_database(area),
        "aliases": _all_aliases(area),
        **told,
        "backup": backups(area, "sp") if "sp_folder" in area.steps else None,
    }


def _text(row, name):
    """A value of a registry key, null where the key has none of the name."""
    return None if not observed.is_hole(row) and row[name] == {"$missing": True} else rows.value(row, name)


def _shell(area):
    """What the farm is driven with here: a module, a snap-in, stsadm (Windows SharePoint Services 3.0); null where SharePoint is not installed."""
    for shell, step in ((MODULE, "sp_farm"), (SNAPIN, "sp_farm_snapin")):
        if area.steps[step].status != "absent":
            return shell
    installed = _installed(area)
    if installed is None or observed.is_hole(installed):
        return installed
    return STSADM if installed["setup"] == OLDEST else observed.hole("absent", "Neither the cmdlets nor stsadm of a version that is known are here.")


def _installed(area):
    """``{setup, version}`` of the newest SharePoint of this host, null where there is none. The keys of later versions may be there without it."""
    found = rows.every(area, "sp_setup", lambda row, index: (rows.value(row, "PSChildName"), _text(row, "SharePoint"),
                                                             _text(row, "Version")))
    if observed.is_hole(found):
        return None if found["$unknown"]["reason"] == "missing" else found
    unseen = observed.first_hole(found)
    if unseen:
        return unseen
    there = [{"setup": name, "version": version} for name, state, version in found if isinstance(state, str) and state.casefold() == "installed"]
    return max(there, key=lambda one: float(one["setup"]) if one["setup"].replace(".", "", 1).isdigit() else 0, default=None)


def _configuration_database(area):
    """Server and database of the connection string in the registry, of which nothing else is kept: it may hold a password."""
    strings = rows.every(area, "sp_config", lambda row, index: _text(row, "dsn"))
    if not observed.is_hole(strings):
        strings = [one for one in strings if one is not None]
    if observed.is_hole(strings) or observed.first_hole(strings) or len(strings) != 1:
        unseen = strings if observed.is_hole(strings) else observed.first_hole(strings) or observed.hole(
            "missing", "The registry names no configuration database: this server is in no farm." if not strings
            else "The registry names several configuration databases.")
        return {"database_server": unseen, "configuration_database": unseen}
    parts = {name.strip().casefold(): value.strip() for name, _equals, value in (part.partition("=") for part in strings[0].split(";"))}
    return {fact: next((parts[name] for name in names if parts.get(name)), observed.hole("missing", f"The connection string has no {names[0]}."))
            for fact, names in (("database_server", ("data source", "server")), ("configuration_database", ("initial catalog", "database")))}


def _all_aliases(area):
    """``[{bits, name, target}]``: *target* is the server without the protocol, ``SQL01\\BTS`` or ``SQL01,1433``."""
    found = []
    for bits in CLIENTS:
        keys = rows.every(area, f"sp_alias_names_{bits}", lambda row, index: rows.value(row, "Property"))
        if observed.is_hole(keys) or observed.first_hole(keys):
            unseen = keys if observed.is_hole(keys) else observed.first_hole(keys)
            if unseen["$unknown"]["reason"] != "missing":
                return unseen
            continue
        names = [name for key in keys for name in (key if isinstance(key, list) else [key])]
        if not names:
            continue
        values = rows.every(area, f"sp_alias_values_{bits}", lambda row, index: rows.value(row, "."))
        unseen = values if observed.is_hole(values) else observed.first_hole(values)
        if unseen:
            return unseen
        found += [{"bits": bits, "name": name, "target": str(value).partition(",")[2] or str(value)} for name, value in zip(names, values, strict=False)]
    return found


def _no_cmdlets(shell):
    missing = shell if observed.is_hole(shell) else observed.hole("absent", "SharePoint is not installed on this host." if shell is None else
                                                                  "Windows SharePoint Services 3.0 has no cmdlets that would tell.")
    return dict.fromkeys(FARM, missing)


def _farm(area, mark):
    farm = rows.one(area, f"sp_farm{mark}")
    return {
        "farm": farm if observed.is_hole(farm) else {
            "name": rows.value(farm, "Name"), "id": rows.value(farm, "Id"), "build": rows.value(farm, "BuildVersion"),
            "status": rows.enum(farm, "Status", STATUS), "needs_upgrade": rows.value(farm, "NeedsUpgrade")},
        "servers": rows.every(area, f"sp_servers{mark}", lambda row, index: {
            "name": rows.value(row, "Name"), "role": rows.value(row, "Role"), "status": rows.enum(row, "Status", STATUS),
            "needs_upgrade": rows.value(row, "NeedsUpgrade")}),
        "services": rows.every(area, f"sp_services{mark}", lambda row, index: {
            "name": f"{rows.value(row, 'TypeName')} on {rows.value(row, 'Server.Name')}", "server": rows.value(row, "Server.Name"),
            "status": rows.enum(row, "Status", STATUS)}),
        "databases": rows.every(area, f"sp_databases{mark}", lambda row, index: {
            "name": rows.value(row, "Name"), "server": rows.value(row, "NormalizedDataSource"), "status": rows.enum(row, "Status", STATUS)}),
    }


def backups(area, prefix):
    """What ``catalogue_steps`` read: ``{folder, there, sets, exports}``; ``sets`` as ``sharepoint_history.sets`` with ``place`` (the folder of the
    catalogue), ``path``, ``indexed``; ``exports``: folders of exported site collections, name, path, complete, parts, taken_at.
    """
    place = rows.value(rows.one(area, f"{prefix}_folder"), "FullName")
    if observed.is_hole(place):
        gone = place["$unknown"]["reason"] == "missing"
        return {"folder": place, "there": False if gone else place, "sets": [] if gone else place, "exports": [] if gone else place}
    indexes = _indexes(area, prefix)
    return {"folder": place, "there": True, "sets": _sets(area, prefix, indexes), "exports": _exports(indexes)}


def _indexes(area, prefix):
    """Folder in lower case -> what its index.json tells (``path``, and as ``backup_folder.read_index``), or a hole."""
    found = rows.every(area, f"{prefix}_indexes", lambda row, index: (rows.value(row, "DirectoryName"), rows.value(
        rows.one(area, f"{prefix}_index_texts", index), ".")))
    unseen = found if observed.is_hole(found) else observed.first_hole(found) or observed.first_hole([part for one in found for part in one])
    if unseen:
        return unseen
    return {path.casefold(): {"path": path, **backup_folder.read_index(text, path.rpartition("\\")[2])} for path, text in found}


def _exports(indexes):
    if observed.is_hole(indexes):
        return indexes
    found = []
    for one in indexes.values():
        match = backup_folder.SET_NAME.fullmatch(one["path"].rpartition("\\")[2])
        if match and match["kind"] == EXPORTS:
            found.append({"name": match[0], "taken_at": backup_folder.instant(match["at"]), **one})
    return sorted(found, key=lambda one: one["taken_at"])


def _sets(area, prefix, indexes):
    tocs = rows.every(area, f"{prefix}_tocs", lambda row, index: (rows.value(row, "DirectoryName"), rows.value(rows.one(area, f"{prefix}_texts", index), ".")))
    if observed.is_hole(tocs):
        return tocs
    unseen = observed.first_hole(tocs) or observed.first_hole([one[0] for one in tocs])
    if unseen:
        return unseen
    beside = _beside(area, prefix, tocs)
    if observed.is_hole(beside):
        return beside
    found = []
    for place, text in tocs:
        entries = text if observed.is_hole(text) else history.entries(text)
        if observed.is_hole(entries):
            found.append(entries)
            continue
        indexed = indexes if observed.is_hole(indexes) else indexes.get(place.casefold(), {}).get("complete") is True
        found += [one if observed.is_hole(one) else {**one, "place": place, "path": rf"{place}\{one['name']}", "indexed": indexed}
                  for one in history.sets(entries, beside.get(place.casefold(), {}))]
    known = [one for one in found if not observed.is_hole(one)]
    return sorted(known, key=lambda one: (history.moment(one), one["path"])) + [one for one in found if observed.is_hole(one)][:1]


def _beside(area, prefix, tocs):
    """Folder of a catalogue -> name of a folder beside it -> what ``history.sets`` wants to know of that."""
    if not tocs:
        return {}
    folders = rows.every(area, f"{prefix}_folders", lambda row, index: (rows.value(row, "Name"), rows.value(row, "FullName")))
    if observed.is_hole(folders):
        return folders
    unseen = observed.first_hole(folders) or observed.first_hole([part for one in folders for part in one])
    if unseen:
        return unseen
    logs = _by_folder(area, f"{prefix}_logs", "DirectoryName", "LastWriteTime")
    manifests = _by_folder(area, f"{prefix}_manifests", "DirectoryName", "DirectoryName")
    if folders and (observed.is_hole(logs) or observed.is_hole(manifests)):
        return logs if observed.is_hole(logs) else manifests
    lines, named = (_by_folder(area, f"{prefix}_{step}", "Path", "Line", above=True) for step in ("lines", "named"))
    found = {}
    for name, path in folders:
        key = path.casefold()
        if not history.FOLDER.fullmatch(name):
            continue
        log = (logs.get(key) or [None])[0]
        found.setdefault(key.rpartition("\\")[0], {})[name.casefold()] = {
            "name": name, "log_modified": log if isinstance(log, str) else None, "manifest": key in manifests,
            "unsaved": lines if observed.is_hole(lines) else history.unsaved(lines.get(key, [])),
            "components": named if observed.is_hole(named) else history.components(named.get(key, []))}
    return found


def _by_folder(area, step, key, value, above=False):
    """Folder in lower case -> the values of a step's rows that belong to it; a hole where not all could be read. *above*: the key names a file."""
    if area.steps[step].status == "skipped" and area.steps[step].reason.startswith("ref:"):
        return {}       # there was nothing to look into
    found = rows.every(area, step, lambda row, index: (rows.value(row, key), rows.value(row, value)))
    unseen = found if observed.is_hole(found) else observed.first_hole(found) or observed.first_hole([part for one in found for part in one])
    if unseen:
        return unseen
    by = {}
    for name, what in found:
        by.setdefault((name.rpartition("\\")[0] if above else name).casefold(), []).append(what)
    return by
