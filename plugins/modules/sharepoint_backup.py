# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sharepoint_backup
short_description: Back up a SharePoint farm or single site collections
version_added: 0.2.0
description:
  - Backs up the farm that the host is a server of, from SharePoint 2013 to Subscription Edition. Of Windows SharePoint Services 3.0, which has no
    cmdlets, C(stsadm) is run (assumed, not tried on such a farm).
  - Nothing is done where a whole backup is there that is not older than O(max_age_hours).
  - A backup runs for hours and ends with the process that made it, so it is the work of a scheduled task of O(account). It goes on when the
    connection ends or the playbook is stopped; the next run finds and follows it. A second one is never started beside it.
  - It is judged by SharePoint's catalogue C(spbrtoc.xml), by the folder and by C(spbackup.log) together. A database that was not saved is a mere
    warning to SharePoint, and fails the task here. A backup that was broken off is an incomplete one.
  - Each backup but a differential one gets a folder of its own below O(folder), C(<host>-sharepoint-<time>), with a catalogue of its own and, last of
    all, C(index.json) with the hash of every file. It can be moved, copied and restored by itself.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  folder:
    description:
      - Share in which the backups lie, as C(\\sp01\spbackup). Left out, it is the inventory's C(sharepoint_backup_folder).
      - SQL Server writes the databases there itself. Its account, that of SharePoint's timer service and O(account) need to change what is there.
      - A share of the host itself can be read in every session. One on another server needs a session that hands credentials on (CredSSP, or
        Kerberos with delegation), since whether a backup is due is told by what is there.
    type: str
  method:
    description:
      - V(full) saves the whole farm, V(differential) what was changed since the newest full backup, whose folder it goes into. Without a whole full
        backup it is refused.
      - V(configuration_only) saves the settings of the farm without any content.
      - V(sites) exports the site collections of O(sites), each into a file of its own.
    type: str
    choices: [full, differential, configuration_only, sites]
    default: full
  sites:
    description: Addresses of the site collections. Required with O(method=sites), and only with it.
    type: list
    elements: str
    default: []
  site_lock:
    description:
      - With O(method=sites), how a site collection is kept from changing while it is exported. V(read_only) lets nobody write to it meanwhile.
        V(snapshot) exports a snapshot of SQL Server, which needs an edition that has them. V(none) lets people write, and the export may not be consistent.
    type: str
    choices: [read_only, snapshot, none]
    default: read_only
  account:
    description:
      - Account of the scheduled task, as C(CONTOSO\svc-spfarm). It needs to be a local administrator, to have been given C(Add-SPShellAdmin), and to be
        db_owner of the farm's databases.
    type: str
    required: true
  password:
    description: Its password. Not needed for a group managed service account, whose name ends with C($).
    type: str
  max_age_hours:
    description: A whole backup of this age or less is recent enough. A full one is always enough where less is asked for.
    type: int
    default: 24
  timeout_hours:
    description: How long the backup may take.
    type: int
    default: 24
notes:
  - Where module logging is on, PowerShell writes O(password) into event 4103 of the host when the task is registered.
  - 'Nothing is ever deleted. Remove whole folders C(<host>-sharepoint-<time>) that are no longer needed; in a folder that SharePoint shares between
    backups remove the entry of the catalogue too.'
  - 'A farm backup never holds certificates of trust, web.config files edited by hand, keys of encrypted databases, BLOB stores outside of SQL Server
    and external data. The databases of the configuration and of Central Administration are in it, and cannot be restored from it.'
  - For copies off site run M(biztalk.fault_tolerance.backup_vault) with the local path of O(folder) and the kind V(sharepoint). A differential backup
    is no part of such a copy.
  - >-
    To restore a farm: install SharePoint of the same build with the same updates on the new servers, and make a new farm with a new configuration
    database. Take the newest folder whose index.json is there, compare the files with C(hashes.json), and list what SharePoint offers in it with
    C(Get-SPBackupHistory -Directory <folder> -ShowBackup). Then run
    C(Restore-SPFarm -Directory <folder> -RestoreMethod Overwrite -BackupId <SelfId>) as O(account) on one server. Without C(BackupId) the newest one is
    taken. After it the newest differential one of the same folder is restored the same way. Start the services again that were running, and put back what
    no backup holds.
  - 'To restore the settings alone add C(-ConfigurationOnly). To restore a site collection: C(Restore-SPSite -Identity <address> -Path <file> -Force),
    which overwrites the one that is there.'
  - 'Windows SharePoint Services 3.0: C(stsadm -o restore -directory <folder> -restoremethod overwrite -backupid <SPId>).'
seealso:
  - module: biztalk.fault_tolerance.sharepoint_info
  - module: biztalk.fault_tolerance.backup_vault
  - name: Back up farms in SharePoint Server
    description: Microsoft's procedure.
    link: https://learn.microsoft.com/sharepoint/administration/back-up-a-farm
  - name: Restore farms in SharePoint Server
    description: The way back.
    link: https://learn.microsoft.com/sharepoint/administration/restore-a-farm
"""

EXAMPLES = r"""
- name: A full backup every week
  biztalk.fault_tolerance.sharepoint_backup:
    folder: \\sp01\spbackup
    account: CONTOSO\svc-spfarm
    password: "{{ sharepoint_farm_password }}"
    max_age_hours: 168

- name: What BizTalk's adapter uses, before the application is changed
  biztalk.fault_tolerance.sharepoint_backup:
    folder: \\sp01\spbackup
    method: sites
    sites: [https://portal.contoso.test/sites/orders]
    account: CONTOSO\svc-spfarm
    password: "{{ sharepoint_farm_password }}"
    max_age_hours: 1
"""

RETURN = r"""
changes:
  description: The backup that was made or found running, and its index; in check mode what would be. Where a change failed, those before it.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: The newest backup of this kind and what is known of it, or null.
      type: raw
      returned: always
    after:
      description: What comes of it.
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
  sample: []
undo:
  description: Empty, since a backup is not taken back.
  returned: always
  type: dict
  sample: {}
notes:
  description: What the plan warns of.
  returned: always
  type: list
  elements: str
  sample: []
host:
  description: The host that the task talked to.
  returned: always
  type: str
  sample: sp01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: sharepoint_backup
"""

import json
import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, exe_output, long_work, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import sharepoint_history as history
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sharepoint as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan

AREAS = ["sharepoint", "jobs"]

ARGUMENT_SPEC = dict(
    folder=dict(type="str"),
    method=dict(type="str", choices=["full", "differential", "configuration_only", "sites"], default="full"),
    sites=dict(type="list", elements="str", default=[]),
    site_lock=dict(type="str", choices=["read_only", "snapshot", "none"], default="read_only"),
    account=dict(type="str", required=True),
    password=dict(type="str", no_log=True),
    max_age_hours=dict(type="int", default=24),
    timeout_hours=dict(type="int", default=24),
)

HOUR = 3600
SITES = "sites"
ENOUGH = {      # of which methods a whole backup is enough
    history.FULL: (history.FULL,), history.DIFFERENTIAL: (history.FULL, history.DIFFERENTIAL),
    history.CONFIGURATION: (history.FULL, history.CONFIGURATION),
}
BACKUP = "sharepoint-backup"
INDEX = "sharepoint-index"
STSADM = r"%CommonProgramFiles%\Microsoft Shared\web server extensions\12\BIN\stsadm.exe"
UNC = re.compile(r"\\\\[^\\/:*?\"<>|\[\]`\x00-\x1f]+(\\[^\\/:*?\"<>|\[\]`\x00-\x1f]+)+")
ACCOUNT = re.compile(r"[^\\/\"\[\]:;|=,+*?<>\x00-\x1f]+\\[^\\/\"\[\]:;|=,+*?<>\x00-\x1f]+")
ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
LOCKS = {"read_only": {}, "snapshot": {"UseSqlSnapshot": True}, "none": {"NoSiteLock": True}}

REFUSALS = {
    "few": "{option} is {value}, and must be 1 or more.",
    "sites": "sites and method: sites go together; give both or none.",
    "address": "{site!r} is no address of a site collection such as https://portal.contoso.test/sites/orders.",
    "twice": "sites names {site} more than once.",
    "account": "{account!r} is no account of a domain such as CONTOSO\\svc-spfarm.",
    "password": "The scheduled task needs the password of {account}; only a group managed service account, whose name ends with $, has none.",
    "unread": "What decides whether a backup is due was not seen, so none is started: {why}",
    "absent": "SharePoint is not installed on this host. Run the task on a server of the farm.",
    "no_folder": "Nobody says where the backups lie: give folder, or set sharepoint_backup_folder in the inventory.",
    "share": "{folder!r} is not a share such as \\\\sp01\\spbackup. SQL Server writes the databases there itself, and knows no path of this host.",
    "gone": "The folder {folder} is not there. Make it, and let the accounts of SQL Server, of SharePoint's timer service and {account} change what is in it.",
    "no_full": "There is no whole full backup below {folder} that a differential one could be based on. Make a full one first.",
    "stsadm": "stsadm of Windows SharePoint Services 3.0 makes full and differential backups of the farm; {method} needs SharePoint 2010 or later.",
    "job": "{why}",
}


class Refused(Exception):
    """The plan cannot be made; the text says why."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def about(options):
    """What the areas read by, where the task says it and not the inventory."""
    return {area.VARIABLE: options["folder"]} if options["folder"] else {}


def plan(options, snapshot):
    """The backup that is due, or the one that goes on already, and then its index."""
    try:
        return _Work(options, snapshot).plan()
    except Refused as refused:
        return Plan(refusal=str(refused))


def _known(value):
    if observed.is_hole(value):
        raise Refused("unread", why=observed.detail(value))
    return value


class _Work:
    """What is asked, what was seen, and what follows from it."""

    def __init__(self, options, snapshot):
        self.options, self.method = options, options["method"]
        self.computer, self.clock = snapshot["host"]["computer"], snapshot["host"]["clock"]
        self.jobs = snapshot["areas"]["jobs"]
        self._check()
        found = _known(snapshot["areas"]["sharepoint"])
        self.shell = _known(found["shell"])
        if self.shell is None:
            raise Refused("absent")
        if self.shell == area.STSADM and self.method not in (history.FULL, history.DIFFERENTIAL):
            raise Refused("stsadm", method=self.method)
        self.backup = found["backup"]
        if self.backup is None:
            raise Refused("no_folder")
        if not _known(self.backup["there"]):
            raise Refused("gone", folder=options["folder"] or "of the inventory", account=options["account"])
        self.folder = _known(self.backup["folder"]).rstrip("\\")
        if not UNC.fullmatch(self.folder):
            raise Refused("share", folder=self.folder)
        self.sets = [one for one in _known(self.backup["sets"]) if not observed.is_hole(one)]

    def _check(self):
        options = self.options
        for option in ("max_age_hours", "timeout_hours"):
            if options[option] < 1:
                raise Refused("few", option=option, value=options[option])
        if bool(options["sites"]) != (self.method == SITES):
            raise Refused("sites")
        for site in options["sites"]:
            if not ADDRESS.fullmatch(site):
                raise Refused("address", site=site)
            if sum(_address(other) == _address(site) for other in options["sites"]) > 1:
                raise Refused("twice", site=site)
        if options["folder"] and not UNC.fullmatch(options["folder"].rstrip("\\")):
            raise Refused("share", folder=options["folder"])
        if not ACCOUNT.fullmatch(options["account"]):
            raise Refused("account", account=options["account"])
        if not options["password"] and not options["account"].endswith("$"):
            raise Refused("password", account=options["account"])

    def plan(self):
        identity = json.dumps([self.shell, self.folder.casefold(), self.method, self.options["account"], self.options["site_lock"],
                               sorted(map(_address, self.options["sites"]))])
        here = any(not observed.is_hole(one) and one["identity"] == long_work.token(BACKUP, identity) for one in _known(self.jobs)
                   if not observed.is_hole(one) and one["name"] == BACKUP and one["state"] in (long_work.RUNNING, "ended"))
        if self.method == SITES:
            recent = self._recent_export()
            return Plan([] if recent and not here else [self._export(identity)])
        recent = self._recent()
        if recent and not here:
            return Plan(self._index(recent["place"]) if not recent["indexed"] and self._own(recent["place"]) else [])
        return self._back_up(identity, here)

    # whole farms

    def _recent(self):
        """The newest whole backup that is enough, where it is young enough."""
        newest = history.newest(self.sets, ENOUGH[self.method])
        if newest is None or observed.is_hole(newest):
            return None
        return newest if backup_folder.seconds_between(newest["ended"], self.clock) <= self.options["max_age_hours"] * HOUR else None

    def _own(self, place):
        """Whether a folder is a set of this collection right below the folder of the backups."""
        above, _backslash, name = place.rpartition("\\")
        match = backup_folder.SET_NAME.fullmatch(name)
        return bool(match) and match["kind"] == area.SETS and above.casefold() == self.folder.casefold()

    def _place(self, here):
        """The folder that a backup goes into; None where one is running that cannot be seen yet."""
        if self.method == history.DIFFERENTIAL:
            base = history.newest(self.sets)
            if base is None or observed.is_hole(base):
                raise Refused("no_full", folder=self.folder)
            return base["place"]
        if here:
            open_ones = sorted({one["place"] for one in self.sets if self._own(one["place"]) and one["indexed"] is False}, key=lambda path: path[-16:])
            return open_ones[-1] if open_ones else None
        return rf"{self.folder}\{backup_folder.name_of(self.computer, area.SETS, self.clock)}"

    def _back_up(self, identity, here):
        place = self._place(here)
        what = f"the {self.method.replace('_', ' ')} backup of the farm"
        steps = self._steps(place or rf"{self.folder}\{backup_folder.name_of(self.computer, area.SETS, self.clock)}")
        made, wait = self._job(BACKUP, identity, {"backup": steps}, what, judged, _watch(place) if place else None)
        changes = [Change(("backup",), self._before(), f"{self.method} in {place or 'the folder of the one that runs'}", made, wait=wait)]
        if self.method == history.DIFFERENTIAL or place is None:
            return Plan(changes)
        return Plan(changes + self._index(place))

    def _before(self):
        """What is known of the newest backup of the folder."""
        last = next((one for one in reversed(self.sets) if not observed.is_hole(one["outcome"]) and one["outcome"] != history.MISSING), None)
        if last is None:
            return None
        return " ".join(part for part in (f"{last['path']}, {last['ended']}: {last['outcome']}.", last["why"]) if part)

    def _steps(self, place):
        stop = {"on_error": "stop"}
        steps = [] if self.method == history.DIFFERENTIAL else [
            call("made", area.ITEMS + "New-Item", {"Path": [place], "ItemType": "Directory"}, **stop)]
        if self.shell == area.STSADM:
            arguments = ["-o", "backup", "-directory", place, "-backupmethod", self.method]
            steps.append(exe("saved", STSADM, arguments, self.options["timeout_hours"] * HOUR, **stop))
        else:
            given = {"Directory": place, "BackupMethod": "Differential" if self.method == history.DIFFERENTIAL else "Full", "Confirm": False,
                     **({"ConfigurationOnly": True} if self.method == history.CONFIGURATION else {})}
            steps.append(call("saved", rf"{self.shell}\Backup-SPFarm", given, needs=self.shell, **stop))
        return steps + area.catalogue_steps("after", place)

    def _index(self, place):
        """The change that ends a set: the hashes of its files and its index."""
        name = place.rpartition("\\")[2]
        parts = [{"name": "farm", "path": history.CATALOGUE, "complete": True, "why_not": ""}]
        taken = backup_folder.instant(backup_folder.SET_NAME.fullmatch(name)["at"])
        steps = backup_folder.finish(place, self.computer, area.SETS, taken, parts, "biztalk.fault_tolerance.sharepoint_backup")
        made, wait = self._job(INDEX, json.dumps([place.casefold(), self.options["account"]]), {"index": steps}, f"the index of {name}")
        return [Change(("index",), None, place, made, wait=wait)]

    # site collections

    def _recent_export(self):
        wanted = set(map(_address, self.options["sites"]))
        for one in _known(self.backup["exports"]):
            if one["complete"] and wanted <= {_address(part["name"]) for part in one["parts"] if part["complete"]} and \
                    backup_folder.seconds_between(one["taken_at"], self.clock) <= self.options["max_age_hours"] * HOUR:
                return one
        return None

    def _export(self, identity):
        place = rf"{self.folder}\{backup_folder.name_of(self.computer, area.EXPORTS, self.clock)}"
        parts = [{"name": site, "path": f"{number}.bak", "complete": True, "why_not": ""} for number, site in enumerate(self.options["sites"], 1)]
        steps = [call("made", area.ITEMS + "New-Item", {"Path": [place], "ItemType": "Directory"}, on_error="stop")]
        steps += [call(f"site_{number}", rf"{self.shell}\Backup-SPSite",
                       {"Identity": part["name"], "Path": rf"{place}\{part['path']}", "Confirm": False, **LOCKS[self.options["site_lock"]]},
                       needs=self.shell, on_error="stop") for number, part in enumerate(parts, 1)]
        taken = backup_folder.instant(backup_folder.stamp(self.clock))
        steps += backup_folder.finish(place, self.computer, area.EXPORTS, taken, parts, "biztalk.fault_tolerance.sharepoint_backup")
        made, wait = self._job(BACKUP, identity, {"backup": steps}, f"the export of {len(parts)} site collections")
        risk = "Nobody can write to a site collection while it is exported." if self.options["site_lock"] == "read_only" else \
            "What is changed while a site collection is exported may make its export inconsistent." if self.options["site_lock"] == "none" else ""
        exports = _known(self.backup["exports"])
        return Change(("sites",), exports[-1]["path"] if exports else None, place, made, risk, wait=wait)

    def _job(self, name, identity, areas, what, judge=None, watch=None):
        account = self.options["account"]
        who = account if not self.options["password"] else {"user": account, "password": self.options["password"]}
        made, wait, refusal = long_work.job(self.jobs, name, identity, areas, what, who, judge=judge, watch=watch, timeout=self.options["timeout_hours"] * HOUR)
        if refusal:
            raise Refused("job", why=refusal)
        return made, wait


def _address(site):
    """An address for comparison."""
    return site.rstrip("/").casefold()


def judged(answer):
    """Why a job made no whole backup; "" where it did."""
    if not answer.complete:
        return " ".join(answer.problems) or "its answer is not whole."
    read = answer.areas["backup"]
    for step in (read.steps[name] for name in ("made", "saved") if name in read.steps):
        for error in step.errors():
            return answers.reason(error)[1]
        if step.status != "ok":
            return f"the step {step.id} was {step.status} ({step.reason})."
    if isinstance(next(iter(read.steps["saved"].rows()), None), list):
        said = exe_output.one(read, "saved")
        if observed.is_hole(said) or said.code:
            return observed.detail(said) if observed.is_hole(said) else f"stsadm ended with {said.code}: {' '.join((said.text + said.errors).split())[:300]}"
    sets = area.backups(read, "after")["sets"]
    if observed.is_hole(sets):
        return f"what came of it was not seen: {observed.detail(sets)}"
    unseen = observed.first_hole(sets)
    last = next((one for one in reversed(sets) if not observed.is_hole(one) and one["in_catalogue"] and one["ended"]), None)
    if last is None or observed.is_hole(last["outcome"]):
        unseen = unseen or (last and last["outcome"])
        return f"what came of it was not seen: {observed.detail(unseen)}" if unseen else "its catalogue names no backup."
    return "" if last["outcome"] == history.WHOLE else f"{last['path']} is {last['outcome']}: {last['why']}"


def _watch(place):
    """``(steps, what they tell)``: how far the backup in a folder is, by the end of its log."""
    steps = [call("watch_logs", area.ITEMS + "Get-ChildItem", {"LiteralPath": [place], "File": True, "Recurse": True, "Depth": 1, "Filter": history.LOG},
                  ["LastWriteTime"]),
             call("watch_ends", area.ITEMS + "Get-Content", {"Tail": 20}, ["."], input="watch_logs")]

    def told(read):
        times = [rows.value(row, "LastWriteTime") for row in read.steps["watch_logs"].rows()]
        ends = read.steps["watch_ends"].runs
        newest = max((number for number in range(min(len(times), len(ends)))), key=lambda number: str(times[number]), default=None)
        if newest is None:
            return "", None
        return history.share([row["."] for row in ends[newest].rows if isinstance(row["."], str)])
    return steps, told


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.sharepoint_backup runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
