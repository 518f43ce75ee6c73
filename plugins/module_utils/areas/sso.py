# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``sso``: Enterprise Single Sign-On on one host - the secret's place, its backup files, and what ENTSSO has logged.

Everything is told by ids, files and keys; the texts of events and of the console tools are translated, and ssoconfig prints the
password's reminder. No value of the secret's own key is read, only whether the key is there.

Sources: events 10559, 10560, 10561, 10564 (backup), 10523, 10524 (restore), 10525 (a new secret), 10589 (not backed up),
10520, 10521, 10522, 10532, 10565, 10783 (the secret is missing, lost or damaged), 10529 and 10575 (which server has it):
biztalk/core/single-sign-on-event-*.md of MicrosoftDocs/biztalk-docs; the key ENTSSO\\SSOSS: how-to-change-the-master-secret-server.md;
the folder of the first backup: how-to-cluster-the-master-secret-server1.md; registry checkpoints of a resource:
Get-ClusterCheckpoint reference page, field record co-054.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, observed, rows, security_descriptor

NAME = "sso"

MANAGEMENT = "Microsoft.PowerShell.Management\\"
EVENTS = r"Microsoft.PowerShell.Diagnostics\Get-WinEvent"
SECRET_KEY = r"HKLM:\SOFTWARE\Microsoft\ENTSSO\SSOSS"
TOOLS = "Enterprise Single Sign-On"
EACH = 20                                   # events of one kind that are read, the newest first

# what happened -> ids of ENTSSO's events in the Application log
HAPPENED = {
    "backed_up": (10559,),
    "backup_failed": (10560, 10561, 10564),
    "not_backed_up": (10589,),
    "generated": (10525,),
    "restored": (10523,),
    "restore_failed": (10524,),
    "secret_server_changed": (10575,),
    "fetched": (10529,),
    "trouble": (10520, 10521, 10522, 10532, 10565, 10783),
}
# of an event's inserts, which one is what: single-sign-on-event-*.md
FILE = {10559: 0, 10560: 0, 10561: 0, 10523: 0}
COMPUTER = {10559: 4, 10561: 2, 10523: 4}
SECRET_SERVER = {10529: 0, 10532: 0, 10575: 0}
NO_EVENTS = "NoMatchingEventsFound"


def steps(variables):
    """The calls that read the area. ``sso_secret_backup`` of the inventory is the folder or file where the secret's backup is kept."""
    asked = [batch.call("sso_kept", MANAGEMENT + "Get-ChildItem", {"LiteralPath": variables["sso_secret_backup"], "File": True},
                        ["FullName", "Length", "LastWriteTimeUtc"]),
             batch.call("sso_kept_acl", r"Microsoft.PowerShell.Security\Get-Acl", input="sso_kept", select=["Sddl"])] \
        if variables.get("sso_secret_backup") else []
    return [
        batch.call("sso_secret", MANAGEMENT + "Test-Path", {"LiteralPath": SECRET_KEY}, ["."]),
        batch.call("sso_programs", MANAGEMENT + "Get-Item", {"LiteralPath": "Env:\\CommonProgramW6432"}, ["Value"]),
        batch.call("sso_folder", MANAGEMENT + "Join-Path", {"Path": {"$ref": "sso_programs", "path": "Value"}, "ChildPath": TOOLS}, ["."]),
        batch.call("sso_service_file", MANAGEMENT + "Get-ChildItem", {"LiteralPath": batch.ref("sso_folder"), "Filter": "ENTSSO.exe", "File": True},
                   ["VersionInfo.FileVersion"]),
        batch.call("sso_first", MANAGEMENT + "Get-ChildItem", {"LiteralPath": batch.ref("sso_folder"), "Filter": "*.bak", "File": True},
                   ["FullName", "Length", "LastWriteTimeUtc"]),
        batch.call("sso_first_acl", r"Microsoft.PowerShell.Security\Get-Acl", input="sso_first", select=["Sddl"]),
        *asked,
        batch.call("sso_events", EVENTS, {"FilterHashtable": batch.item(), "MaxEvents": EACH},
                   ["Id", "TimeCreated", "MachineName", "Properties.Value"],
                   each=[{"LogName": "Application", "ProviderName": "ENTSSO", "Id": list(ids)} for ids in HAPPENED.values()]),
        batch.call("sso_checkpoints", r"FailoverClusters\Get-ClusterCheckpoint", {"RegistryCheckpoint": True}, ["Name", "Resource.Name"],
                   needs="FailoverClusters"),
        batch.call("sso_oldest", EVENTS, {"LogName": "Application", "Oldest": True, "MaxEvents": 1}, ["TimeCreated"]),
    ]


def shape(area):
    """``{secret_key, version, checkpoints, log_since, events: {what happened: [event]}, backups: [file]}``.

    An event: id, at, file, computer, secret_server. A file: path, bytes, modified, readers (SIDs that may read it), in_place: ``kept``
    (where the inventory says) or ``first`` (where set-up puts the first one). Lists hold the newest first.
    """
    return {
        "secret_key": rows.value(rows.one(area, "sso_secret"), "."),
        "version": _version(area),
        "checkpoints": _checkpoints(area),
        "log_since": rows.value(rows.one(area, "sso_oldest"), "TimeCreated"),
        "events": {what: _events(area, number) for number, what in enumerate(HAPPENED)},
        "backups": _files(area, "sso_first", "first") + (_files(area, "sso_kept", "kept") if "sso_kept" in area.steps else []),
    }


def _checkpoints(area):
    """Keys of the registry that the cluster copies from node to node; none on a host without clustering."""
    found = rows.every(area, "sso_checkpoints", lambda row, _index: rows.value(row, "Name"))
    return [] if observed.is_hole(found) and found["$unknown"]["reason"] == "absent" else found


def _version(area):
    found = rows.every(area, "sso_service_file", lambda row, _index: rows.value(row, "VersionInfo.FileVersion"))
    return found if observed.is_hole(found) else next(iter(found), observed.hole("missing", "ENTSSO.exe is not in its folder."))


def _events(area, run):
    result = area.steps["sso_events"]
    if run < len(result.runs) and not result.runs[run].rows and result.runs[run].errors and all(
            error["fqid"].split(",")[0] == NO_EVENTS for error in result.runs[run].errors):
        return []
    return rows.every(area, "sso_events", _event, run)


def _event(row, _index):
    id, inserts = rows.value(row, "Id"), rows.value(row, "Properties.Value")

    def insert(places):
        if observed.is_hole(inserts) or not isinstance(inserts, list):
            return None
        place = places.get(id)
        return inserts[place] if place is not None and place < len(inserts) and isinstance(inserts[place], str) else None
    return {"id": id, "at": rows.value(row, "TimeCreated"), "file": insert(FILE), "computer": insert(COMPUTER), "secret_server": insert(SECRET_SERVER)}


def _files(area, step, place):
    """The files of one place; a folder that is not there has none, and what could not be read is one hole."""
    def file(row, index):
        return {"path": rows.value(row, "FullName"), "bytes": rows.value(row, "Length"), "modified": rows.value(row, "LastWriteTimeUtc"),
                "readers": _readers(rows.value(rows.one(area, f"{step}_acl", index), "Sddl")), "in_place": place}
    found = rows.every(area, step, file)
    if not observed.is_hole(found):
        return found
    return [] if found["$unknown"]["reason"] == "missing" else [found]


def _readers(sddl):
    """The SIDs that an access list lets read, or a hole."""
    if observed.is_hole(sddl):
        return sddl
    found = security_descriptor.may_read(sddl)
    return observed.hole("unreadable", "The access list of the file was not shown.") if found is None else found
