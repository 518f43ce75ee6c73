# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: iis_backup
short_description: Back up an IIS web server so that another server can take its place
version_added: 0.2.0
description:
  - Makes a set of everything that a restore of the web server needs, in a folder of the server - the configuration as C(appcmd) saves it, and
    what C(appcmd) leaves out. That is every key container that the configuration names, the certificates that are bound to addresses, the
    configuration files of the .NET frameworks, the files of shared configuration, and the content of the sites.
  - A set is made when there is no complete one that is newer than the last change of the configuration, not older than O(max_age_days) and
    made of the same parts. Otherwise nothing changes.
  - What was written is opened before the set counts - configuration and keys as XML with a private key in it, certificates with the password.
    Every file is hashed, and C(index.json) is written last. A folder without it is an incomplete backup and never counts.
  - What cannot be saved is in the index with the reason, is told as a note, and is found by the audit.
  - The folder is closed to everybody but SYSTEM and Administrators before a key is written to it.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  folder:
    description:
      - Local folder of the server that holds the sets, each in C(<computer>-iis-<time>).
      - Left out, it is the inventory's C(backup_folder), else C(%SystemRoot%\biztalk.fault_tolerance\backup).
    type: str
  max_age_days:
    description: How old the newest complete set may be before another one is made, although nothing has changed.
    type: int
    default: 7
  content:
    description: Whether the folders of the sites are copied. Folders on other servers never are.
    type: bool
    default: true
  certificate_password:
    description: Password of the exported certificates. Needed to restore them. Not together with O(certificate_protect_to).
    type: str
  certificate_protect_to:
    description:
      - Accounts or groups of the domain that may open the exported certificates, as C(CONTOSO\web admins).
      - Windows asks a domain controller for that, as the account of the connection.
    type: list
    elements: str
  leave_out:
    description:
      - Parts that are not saved, by their names, in any case, as V(certificate 0A1B2C...) or V(key container iisCngWasKey). They stay in the
        index as not saved.
      - A part whose export fails ends the task, and so does a content folder that the configuration names and that is not there. Name it
        here once its place is elsewhere.
    type: list
    elements: str
    default: []
  keep:
    description:
      - How many complete sets of this server stay in the folder. Older ones are deleted, with the named backup that belongs to each, and so are
        broken sets that are older than a day and than the newest complete one.
      - Left out, nothing is deleted. Configuration history (C(CFGHISTORY)), named backups of others and folders that are no sets of this
        server are never touched.
    type: int
notes:
  - The account must be an administrator of the server.
  - Without O(certificate_password) or O(certificate_protect_to) certificates are not saved.
  - One copy of content may take as long as the connection allows the host for one batch (five minutes). For more, use O(content=false) and a
    backup of the volume.
  - The set lies on the server that it is to replace. Copy it away, and keep the password of the certificates elsewhere.
  - >-
    To restore on another server: install the same components of IIS (M(biztalk.fault_tolerance.iis_info) lists them) and the same frameworks.
    Compare the files with C(hashes.json). Import each key container with C(aspnet_regiis -pi <name> <file> -exp) before the configuration, and
    give the pools' accounts the right to it with C(aspnet_regiis -pa). Copy C(frameworks) over the files of the same names. Import the
    certificates with C(Import-PfxCertificate) into the stores where they were. Copy each folder of C(content) to where C(index.json) says. Copy
    C(configuration) to C(%SystemRoot%\System32\inetsrv\backup\restored) and run C(appcmd restore backup restored), which restarts the server.
    Where the configuration is shared, put C(shared) on the share first and point the server to it. Bind the certificates to the addresses that
    the audit lists, and open each site once.
seealso:
  - module: biztalk.fault_tolerance.iis_info
  - name: Shared configuration
    description: Microsoft's page on what an export of the configuration needs, keys included.
    link: https://learn.microsoft.com/iis/manage/managing-your-configuration-settings/shared-configuration_264
"""

EXAMPLES = r"""
- name: Every web server can be rebuilt from a set of this week
  biztalk.fault_tolerance.iis_backup:
    folder: E:\sets
    certificate_password: "{{ vaulted_certificate_password }}"
    keep: 5
"""

RETURN = r"""
changes:
  description: What was made and deleted, or in check mode would be, in order. Where a change failed, those before it.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: What was there.
      type: raw
      returned: always
    after:
      description: What is planned to be there.
      type: raw
      returned: always
    risk:
      description: What speaks against it, in one sentence, or empty.
      type: str
      returned: always
    text:
      description: The change in one line.
      type: str
      returned: always
  sample:
    - path: set
      before: null
      after: 'E:\sets\IIS01-iis-20261124T080000Z'
      risk: ""
      text: 'set: nothing -> E:\sets\IIS01-iis-20261124T080000Z'
undo:
  description: Always empty. A set that was made can be deleted by hand; one that was deleted is gone.
  returned: always
  type: dict
  sample: {}
notes:
  description: What is not saved, and why; and sets that are not complete.
  returned: always
  type: list
  elements: str
  sample: ["certificate AB12 is not saved: Its private key was marked as not exportable."]
host:
  description: The host that the task talked to.
  returned: always
  type: str
  sample: iis01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: iis_backup
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, observed, web_parts
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import iis as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe, ref
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan

AREAS = ["iis"]
KIND = "iis"
BY = "biztalk.fault_tolerance iis_backup"

ARGUMENT_SPEC = dict(
    folder=dict(type="str"),
    max_age_days=dict(type="int", default=7),
    content=dict(type="bool", default=True),
    certificate_password=dict(type="str", no_log=True),
    certificate_protect_to=dict(type="list", elements="str"),
    leave_out=dict(type="list", elements="str", default=[]),
    keep=dict(type="int"),
)

ITEMS = backup_folder.ITEMS
SELECT_XML = r"Microsoft.PowerShell.Utility\Select-Xml"
REGIIS = r"%SystemRoot%\Microsoft.NET\Framework64\v4.0.30319\aspnet_regiis.exe"
NO_PASSWORD = "The task gave neither certificate_password nor certificate_protect_to."
LEFT_OUT = "The task left it out."

REFUSALS = {
    "unread": "The web server of this host could not be read: {why}",
    "folder": "{folder!r} is not a local folder such as E:\\sets; a share is for backup_vault, which copies whole sets.",
    "both": "certificate_password and certificate_protect_to exclude one another: the one password would open what the other closes.",
    "few": "{option} is at least 1, not {value}.",
    "unknown": "What a restore needs was not seen whole, so a backup of it could not be called complete: {why}",
}


class Refused(Exception):
    """The plan cannot be made; the text says why and what would help."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def about(options):
    """Variables that the area is read by, where the task says more than the inventory."""
    return {backup_folder.VARIABLE: options["folder"]} if options["folder"] else {}


def plan(options, snapshot):
    """The set that is to be made, part by part, its index last, and the sets that may go then."""
    try:
        iis = _checked(options, snapshot["areas"]["iis"])
        parts = _parts(options, iis)
    except Refused as refused:
        return Plan(refusal=str(refused))
    host, clock = snapshot["host"]["computer"], snapshot["host"]["clock"]
    own = [one for one in iis["sets"] if one["host"].casefold() == host.casefold()]
    sets, changes = list(iis["sets"]), []
    if not any(_serves(one, parts, iis, clock, options) for one in own):
        name = backup_folder.name_of(host, KIND, clock)
        last = max((one for one in own if one["complete"]), key=lambda one: one["taken_at"], default=None)
        target = iis["set_folder"].rstrip("\\") + "\\" + name
        changes = _make(target, host, clock, parts, iis, options, last and last["path"])
        sets.append({"path": target, "host": host, "taken_at": backup_folder.instant(backup_folder.stamp(clock)), "complete": True})
    if options["keep"] is not None:
        changes += [_remove(one, iis) for one in backup_folder.surplus(sets, host, options["keep"], clock)]
    notes = [f"{part['name']} is not saved: {part['why_not']}" for part in parts if part["why_not"]]
    return Plan(changes, notes + [f"The set {one['path']} is not complete: {one['why_not']}" for one in own if not one["complete"]])


def _checked(options, iis):
    """The snapshot of the web server, where a backup can be planned from it."""
    for option in ("max_age_days", "keep"):
        if options[option] is not None and options[option] < 1:
            raise Refused("few", option=option, value=options[option])
    if options["certificate_password"] and options["certificate_protect_to"]:
        raise Refused("both")
    if observed.is_hole(iis):
        raise Refused("unread", why=observed.detail(iis))
    unseen = observed.first_hole([iis[name] for name in ("set_folder", "sets", "backup_place", "backups", "system_root", "shared")])
    if not unseen:
        unseen = observed.first_hole([*iis["sets"], *[one["protected"] for one in iis["sets"] if not observed.is_hole(one)],
                                      web_parts.changed_at(iis)])
    if unseen:
        raise Refused("unread", why=observed.detail(unseen))
    if not backup_folder.LOCAL_FOLDER.fullmatch(iis["set_folder"]):
        raise Refused("folder", folder=iis["set_folder"])
    return iis


def _parts(options, iis):
    """The parts of a set, each with why it is not saved where it is not."""
    found = web_parts.parts(iis)
    unseen = observed.first_hole(found)
    if unseen:
        raise Refused("unknown", why=observed.detail(unseen))
    left_out = {name.casefold() for name in options["leave_out"]}
    made = []
    for part in found:
        if part["kind"] == web_parts.CONTENT and not options["content"]:
            continue
        why = LEFT_OUT if part["name"].casefold() in left_out else part["why_not"]
        if part["kind"] == web_parts.CERTIFICATE and not (options["certificate_password"] or options["certificate_protect_to"]):
            why = why or NO_PASSWORD
        made.append({**part, "why_not": why})
    return made


def _serves(one, parts, iis, clock, options):
    """Whether a set is complete, closed, new enough, and holds every part that can be saved."""
    if not (one["complete"] and one["protected"]):
        return False
    young = backup_folder.seconds_between(one["taken_at"], clock) <= options["max_age_days"] * 86400
    held = {part["name"]: part["complete"] for part in one["parts"]}
    holds_all = all(part["name"] in held and (held[part["name"]] or part["why_not"]) for part in parts)
    return young and holds_all and one["taken_at"][:19] >= web_parts.changed_at(iis)[:19]


# what is made

def _make(target, host, clock, parts, iis, options, last):
    saved = [part for part in parts if not part["why_not"]]
    of = {kind: [part for part in saved if part["kind"] == kind] for kind in (
        web_parts.CONFIGURATION, web_parts.SHARED, web_parts.KEYS, web_parts.FRAMEWORK, web_parts.CERTIFICATE, web_parts.CONTENT)}
    steps = backup_folder.begin(target) + _folders(target, saved)
    if of[web_parts.CONFIGURATION]:
        steps += _configuration(target, f"{iis['backup_place']}\\{_named(backup_folder.stamp(clock))}", iis["shared"]["enabled"])
    steps += _copies(target, of[web_parts.SHARED] + of[web_parts.FRAMEWORK]) + _keys(target, of[web_parts.KEYS])
    changes = [Change(("set",), last, target, steps)]
    if of[web_parts.CERTIFICATE]:
        changes.append(Change(("certificates",), None, [part["name"] for part in of[web_parts.CERTIFICATE]],
                              _certificates(target, of[web_parts.CERTIFICATE], options)))
    for part in of[web_parts.CONTENT]:
        changes.append(Change(("content", part["source"]), None, f"{target}\\{part['path']}", [
            call("content", ITEMS + "Copy-Item", {"LiteralPath": [part["source"]], "Destination": f"{target}\\{part['path']}", "Recurse": True},
                 on_error="stop")]))
    index = [{"name": part["name"], "path": part["path"], "source": part["source"], "complete": not part["why_not"], "why_not": part["why_not"]}
             for part in parts]
    taken_at = backup_folder.instant(backup_folder.stamp(clock))
    ended = {"saved": len(saved), "not_saved": len(parts) - len(saved)}
    return changes + [Change(("index",), None, ended, backup_folder.finish(target, host, KIND, taken_at, index, BY))]


def _named(stamp):
    """The named backup that belongs to a set."""
    return f"ft-{stamp}"


def _folders(target, saved):
    """The folders of the set; that of the keys is made by way of the closed folder only, so that no key is written where others may read."""
    needed = {f"{target}\\{part['path'].rpartition(chr(92))[0]}" for part in saved if part["kind"] not in (web_parts.CONFIGURATION, web_parts.KEYS)}
    steps = [call("folders", ITEMS + "New-Item", {"Path": sorted(needed), "ItemType": "Directory"}, on_error="stop")] if needed else []
    if any(part["kind"] == web_parts.KEYS for part in saved):
        steps.append(call("keys", ITEMS + "New-Item", {"Path": ref("locked", "Path"), "Name": "keys", "ItemType": "Directory"}, on_error="stop"))
    return steps


def _configuration(target, named, shared):
    """appcmd's backup, copied into the set; the file in it is opened, but for shared configuration, where it is not the one in use."""
    steps = [exe("appcmd", area.APPCMD, ["add", "backup", named.rpartition("\\")[2]], 120),
             call("named", ITEMS + "Get-Item", {"LiteralPath": [named]}, on_error="stop"),
             call("configuration", ITEMS + "Copy-Item", {"LiteralPath": [named], "Destination": f"{target}\\configuration", "Recurse": True},
                  on_error="stop")]
    file = area.REDIRECTION if shared else area.APPLICATION_HOST
    return steps + _opened("configuration_opened", f"{target}\\configuration\\{file}", "/configuration")


def _copies(target, files):
    steps = []
    for number, part in enumerate(files):
        path = f"{target}\\{part['path']}"
        steps.append(call(f"file_{number}", ITEMS + "Copy-Item", {"LiteralPath": [part["source"]], "Destination": path}, on_error="stop"))
        steps += _opened(f"file_{number}_opened", path, "/configuration")
    return steps


def _keys(target, containers):
    steps = []
    for number, part in enumerate(containers):
        path = f"{target}\\{part['path']}"
        steps.append(exe(f"key_{number}", REGIIS, ["-px", part["source"], path, "-pri"], 120))
        steps += _opened(f"key_{number}_opened", path, "/RSAKeyValue/D")      # D: the private exponent
    return steps


def _opened(id, path, expected):
    """Two steps: the file is read as XML, and the second is skipped, which fails the change, where what must be in it is not."""
    return [call(id, SELECT_XML, {"LiteralPath": [path], "XPath": expected}, on_error="stop"),
            call(f"{id}_held", ITEMS + "Test-Path", {"LiteralPath": ref(id, "Path")}, on_error="stop")]


def _certificates(target, certificates, options):
    protection = {"Password": {"$secret": options["certificate_password"]}} if options["certificate_password"] else {}
    exported = protection or {"ProtectTo": options["certificate_protect_to"]}
    steps = []
    for number, part in enumerate(certificates):
        path = f"{target}\\{part['path']}"
        steps += [call(f"certificate_{number}", r"pki\Export-PfxCertificate", {"Cert": part["source"], "FilePath": path, **exported}, needs="pki",
                       on_error="stop"),
                  call(f"certificate_{number}_opened", r"pki\Get-PfxData", {"FilePath": path, **protection}, needs="pki", on_error="stop")]
    return steps


def _remove(one, iis):
    named = f"{iis['backup_place']}\\{_named(backup_folder.stamp(one['taken_at']))}"
    paths = [one["path"]] + [backup["path"] for backup in iis["backups"] if not observed.is_hole(backup) and backup["path"].casefold() == named.casefold()]
    return Change(("sets", one["path"].rpartition("\\")[2]), one["path"], None, [
        call("remove", ITEMS + "Remove-Item", {"LiteralPath": paths, "Recurse": True, "Force": True}, on_error="stop")],
        risk="It is deleted for good.")


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.iis_backup runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
