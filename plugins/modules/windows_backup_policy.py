# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: windows_backup_policy
short_description: Configure the scheduled backup of Windows Server Backup
version_added: 0.2.0
description:
  - Sets what the scheduled backup of a Windows host holds, where it goes, when it runs and how it treats what VSS writers hold.
  - Windows has one scheduled policy a machine. An option that is left out is left alone; where there is no policy yet, O(targets), O(schedule)
    and something to back up are needed.
  - A disk that becomes a target is formatted, and everything on it is lost. That is done only with the disk's identifier and
    O(targets[].erase_disk=true). Check mode shows the disk, its size and the volumes that would go.
  - Afterwards the policy is read again. A plan that is not empty then fails the task and says what is left.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  state:
    description:
      - V(absent) removes the scheduled policy. Backups that were made and the disks that they lie on stay as they are.
    type: str
    choices: [present, absent]
    default: present
  volumes:
    description:
      - The volumes to back up, each by its path as V(C:), or by its identity as C(\\?\Volume{guid}), in any case. Others are left out.
      - Volumes that Windows needs to start are always part of a policy with O(bare_metal=true), listed or not.
    type: list
    elements: str
  system_state:
    description: Whether the system state is backed up. O(bare_metal=true) holds it.
    type: bool
  bare_metal:
    description: Whether everything is backed up that restores the server to an empty machine.
    type: bool
  targets:
    description:
      - Where backups go. All targets are of one kind. Of disks there may be several, which take turns; there is one volume or one share at most.
    type: list
    elements: dict
    suboptions:
      kind:
        description:
          - V(disk), a disk for backups alone, without a drive letter. It is formatted when it becomes a target.
          - V(volume), a volume that also holds other things.
          - V(share), a folder on another server. Each backup overwrites the one before, and one that fails may leave none.
        type: str
        choices: [disk, volume, share]
        required: true
      disk_id:
        description:
          - The identifier of the disk, as RV(biztalk.fault_tolerance.windows_backup_info#module:backup.disks[].id) returns it.
          - Numbers of disks change at a restart, so they are not taken.
        type: str
      erase_disk:
        description: Says that everything on this disk may be lost. Needed for a disk that is no target yet.
        type: bool
        default: false
      volume:
        description: The volume, by its path or its identity.
        type: str
      path:
        description: The UNC path of the folder. A bare metal restore opens paths of up to 110 characters.
        type: str
      user:
        description: The account that reaches the share, for O(targets[].kind=share). Windows keeps it with the policy.
        type: str
      password:
        description: Its password. It cannot be read back, so it is never compared.
        type: str
      update_password:
        description:
          - V(on_create) gives the password when the share becomes the target.
          - V(always) gives it in every run, which then changes something.
        type: str
        choices: [on_create, always]
        default: on_create
  schedule:
    description: The times of the day at which it runs, as V(21:00), by the clock of the host.
    type: list
    elements: str
  vss:
    description:
      - V(copy) leaves the histories of databases and logs alone; hosts of SQL Server need it.
      - V(full) tells the VSS writers that they were backed up, so that they may truncate logs.
    type: str
    choices: [copy, full]
notes:
  - The account must belong to the host's Administrators or Backup Operators.
  - Exclusions of files are not managed - the property that reads them back stands in no page of Microsoft's.
  - 'To restore single files or a volume of a server that runs: 1. C(wbadmin get versions) lists the backups, each with its version
    identifier (UTC); add C(-backuptarget:) for a share. 2. C(wbadmin get items -version:ID) lists what one holds. 3. For files C(wbadmin start
    recovery -version:ID -itemtype:File -items:D:\folder -recursive -recoverytarget:E:\restored); for a volume C(-itemtype:Volume -items:D:).
    4. Look at what was restored before it takes the place of anything.'
  - 'To restore the system state: 1. C(wbadmin get versions). 2. C(wbadmin start systemstaterecovery -version:ID). 3. Restart the server. On a
    domain controller this is done in Directory Services Restore Mode.'
  - 'To restore to bare metal: 1. Have a machine with disks at least as large, and drivers for its controllers. 2. Start it from the
    installation media of the same version of Windows, choose repair, then troubleshoot, then System Image Recovery; or a command prompt.
    3. For a backup on a share start the network there (C(startnet), then C(net use)). 4. C(wbadmin get versions -backuptarget:\\server\share
    -machine:NAME). 5. C(wbadmin start sysrecovery -version:ID -backuptarget:\\server\share -machine:NAME -restoreAllVolumes -recreateDisks);
    C(-excludeDisks) spares the disks that it does not need. 6. Restart, look at the event log, and take a first backup - after a recovery on
    UEFI the backup engine may not start until C(wbadmin delete catalog) was run.'
  - BizTalk's databases are not restored from an image. They are restored from the sets of the backup job, to one mark.
seealso:
  - module: biztalk.fault_tolerance.windows_backup
  - module: biztalk.fault_tolerance.windows_backup_info
  - name: Add-WBBackupTarget
    description: What becomes of a disk that is added as a target.
    link: https://learn.microsoft.com/powershell/module/windowsserverbackup/add-wbbackuptarget
  - name: wbadmin start sysrecovery
    description: The bare metal recovery.
    link: https://learn.microsoft.com/windows-server/administration/windows-commands/wbadmin-start-sysrecovery
"""

EXAMPLES = r"""
- name: The server can be rebuilt from its backup disk
  biztalk.fault_tolerance.windows_backup_policy:
    bare_metal: true
    schedule: ["21:00"]
    vss: full
    targets:
      - kind: disk
        disk_id: 3f1c0f9e-6b1f-4a52-9f0e-1c6f6a0d5a11
        erase_disk: true

- name: A host of SQL Server goes to a share, and its databases are left to their own job
  biztalk.fault_tolerance.windows_backup_policy:
    bare_metal: true
    volumes: []
    vss: copy
    schedule: ["20:00"]
    targets:
      - kind: share
        path: '\\vault01\images\sql01'
        user: CONTOSO\svc-images
        password: "{{ images_password }}"
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be. RV(changes[].before) and RV(changes[].after) hold the options that differ.
    - A disk that is to be formatted stands there with its number, name, size in bytes and volumes.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: What was there. Null where there was no policy.
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
  sample: []
undo:
  description: Options of this module that bring back what was there before. What cannot be brought back, as a formatted disk, is left out.
  returned: always
  type: dict
  sample: {"vss": "full"}
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
  sample: bts01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: windows_backup_policy
"""

import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import windows_backup as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan

AREAS = ["windows_backup"]

ARGUMENT_SPEC = dict(
    state=dict(type="str", choices=["present", "absent"], default="present"),
    volumes=dict(type="list", elements="str"),
    system_state=dict(type="bool"),
    bare_metal=dict(type="bool"),
    targets=dict(type="list", elements="dict", options=dict(
        kind=dict(type="str", choices=["disk", "volume", "share"], required=True),
        disk_id=dict(type="str"),
        erase_disk=dict(type="bool", default=False),
        volume=dict(type="str"),
        path=dict(type="str"),
        user=dict(type="str"),
        password=dict(type="str", no_log=True),
        update_password=dict(type="str", choices=["on_create", "always"], default="on_create", no_log=False),
    )),
    schedule=dict(type="list", elements="str"),
    vss=dict(type="str", choices=["copy", "full"]),
)

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
UNC = re.compile(r"\\\\[^\\/:*?\"<>|\x00-\x1f]+(\\[^\\/:*?\"<>|\x00-\x1f]+)+\\?")
IDENTITY = {"disk": "disk_id", "volume": "volume", "share": "path"}
LONGEST_PATH = 110
OPTIONS = ("bare_metal", "system_state", "volumes", "targets", "schedule", "vss")
WSB = area.WSB

REFUSALS = {
    "feature": "Windows Server Backup is not installed here. Install the feature Windows-Server-Backup first.",
    "unknown": "A fact that decides what would be backed up or lost was not seen: {why} Once it can be read, the task can be run again.",
    "running": "A backup or recovery runs now (since {since}). The policy is not changed under it.",
    "incomplete": "There is no policy yet, and a new one needs {missing}.",
    "nothing": "Nothing would be backed up: give volumes, system_state or bare_metal.",
    "holds_state": "bare_metal holds the system state; system_state: false contradicts it.",
    "time": "{time!r} is no time of the day; write it as 21:00, with quotes.",
    "no_time": "The schedule is empty. A policy without a time is none; state: absent removes it.",
    "no_target": "The list of targets is empty. A policy needs one; state: absent removes it.",
    "kinds": "Windows takes one kind of target at a time, and these are {kinds}.",
    "one": "There can be one {kind} as a target, and {count} are given.",
    "identity": "A target of kind {kind} needs {option}, and takes no {other}.",
    "account": "user and password belong together, and to a target of kind share.",
    "path": "{path!r} is not a UNC path such as \\\\server\\share.",
    "twice": "The target {name} is given twice.",
    "no_volume": "The host has no volume {name!r}; its volumes are: {volumes}.",
    "which_volume": "{name!r} is not one volume of the host but {count}.",
    "no_disk": "The host has no disk {id!r}; its disks are: {disks}.",
    "which_disk": "The host has {count} disks with the identifier {id!r}, so it is not certain which one would be erased.",
    "erase": "Disk {number} ({name}, {size} bytes) would be formatted, and everything on it lost: {volumes}. Nothing is done without erase_disk: true.",
    "critical": "Disk {number} ({name}) holds the volume {volume}, without which Windows does not start or which is to be backed up. It is not erased.",
    "onto_itself": "The volume {volume} would be backed up onto itself.",
}


class Refused(Exception):
    """The plan cannot be made; the text says why."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def plan(options, snapshot):
    """The change that brings the scheduled policy of *snapshot* to *options*."""
    try:
        found = _known(snapshot["areas"]["windows_backup"])
        if not _known(found["installed"]):
            if options["state"] == "absent":
                return Plan()
            raise Refused("feature")
        now = _now(found)
        if options["state"] == "absent":
            return Plan(_removed(found, now))
        wanted = _wanted(options, found, now)
        changes, warnings = _changes(options, found, now, wanted)
    except Refused as refused:
        return Plan(refusal=str(refused))
    return Plan(changes, warnings)


def _known(value):
    """A fact that must have been seen."""
    if observed.is_hole(value):
        raise Refused("unknown", why=observed.detail(value))
    return value


def _all(rows, *names):
    """Rows of which each property named must have been seen."""
    for row in _known(rows):
        for name in names:
            _known(_known(row)[name])
    return rows


def _now(found):
    """The policy that is there, in the options' words; None where there is none."""
    policy = _known(found["policy"])
    if policy is None:
        return None
    volumes = _all(policy["volumes"], "id", "critical")
    bare_metal = _known(policy["bare_metal"])
    return {
        "bare_metal": bare_metal,
        "system_state": _known(policy["system_state"]),
        # what Windows adds for bare metal is no choice of anybody
        "volumes": sorted(volume["id"].casefold() for volume in volumes if not (bare_metal and volume["critical"])),
        "targets": [_target_now(target) for target in _all(policy["targets"], "kind")],
        "schedule": _known(policy["schedule"]),
        "vss": _known(policy["vss"]),
    }


def _target_now(target):
    if target["kind"] == "disk":
        return {"kind": "disk", "disk_id": _known(target["disk_id"])}
    if target["kind"] == "volume":
        return {"kind": "volume", "volume": _known(target["volume_id"] or target["path"]).casefold()}
    return {"kind": "share", "path": _known(target["path"])}


def _wanted(options, found, now):
    """The policy of the options, with what is there where an option is left out."""
    base = now or {"bare_metal": False, "system_state": False, "volumes": [], "targets": None, "schedule": None, "vss": "copy"}
    wanted = dict(base)
    bare_metal = options.get("bare_metal")
    if bare_metal is not None:
        wanted["bare_metal"] = bare_metal
    if wanted["bare_metal"]:
        if options.get("system_state") is False:
            raise Refused("holds_state")
        wanted["system_state"] = True
    elif options.get("system_state") is not None:
        wanted["system_state"] = options["system_state"]
    if options.get("volumes") is not None:
        critical = {volume["id"].casefold() for volume in _all(found["volumes"], "id", "critical") if volume["critical"]}
        ids = {_volume(name, found)["id"].casefold() for name in options["volumes"]}
        wanted["volumes"] = sorted(ids - critical if wanted["bare_metal"] else ids)
    if options.get("schedule") is not None:
        wanted["schedule"] = _times(options["schedule"])
    if options.get("vss") is not None:
        wanted["vss"] = options["vss"]
    if options.get("targets") is not None:
        wanted["targets"] = _targets(options["targets"], found)
    missing = [name for name in ("targets", "schedule") if wanted[name] is None]
    if missing:
        raise Refused("incomplete", missing=" and ".join(missing))
    if not (wanted["bare_metal"] or wanted["system_state"] or wanted["volumes"]):
        raise Refused("nothing")
    for target in wanted["targets"]:
        if target["kind"] == "volume" and target["volume"] in wanted["volumes"]:
            raise Refused("onto_itself", volume=target["volume"])
    return wanted


def _times(times):
    for time in times:
        if not TIME.fullmatch(time):
            raise Refused("time", time=time)
    if not times:
        raise Refused("no_time")
    return sorted(set(times))


def _volume(name, found):
    """The one volume that a path or an identity names."""
    volumes = _all(found["volumes"], "id", "path")
    key = name.casefold().rstrip("\\")
    fitting = [one for one in volumes if key in (one["id"].casefold().rstrip("\\"), (one["path"] or "").casefold().rstrip("\\"))]
    if not fitting:
        raise Refused("no_volume", name=name, volumes=", ".join(one["path"] or one["id"] for one in volumes))
    if len(fitting) > 1:
        raise Refused("which_volume", name=name, count=len(fitting))
    return fitting[0]


def _targets(given, found):
    """The targets of the options, each by what it is known by."""
    if not given:
        raise Refused("no_target")
    kinds = sorted({target["kind"] for target in given})
    if len(kinds) > 1:
        raise Refused("kinds", kinds=" and ".join(kinds))
    if kinds != ["disk"] and len(given) > 1:
        raise Refused("one", kind=kinds[0], count=len(given))
    targets = []
    for target in given:
        kind, name = target["kind"], IDENTITY[target["kind"]]
        other = next((option for option in IDENTITY.values() if option != name and target.get(option)), None)
        if not target.get(name) or other:
            raise Refused("identity", kind=kind, option=name, other=other or "other one")
        if (target.get("user") is None) != (target.get("password") is None) or (target.get("user") is not None and kind != "share"):
            raise Refused("account")
        if kind == "share" and not UNC.fullmatch(target["path"]):
            raise Refused("path", path=target["path"])
        value = _identity(target, found)
        if any(_same(value, one[name]) for one in targets):
            raise Refused("twice", name=value)
        targets.append({"kind": kind, name: value})
    return targets


def _identity(target, found):
    """What a target is known by, in the words of the snapshot."""
    if target["kind"] == "disk":
        return area.bare(target["disk_id"])
    return _volume(target["volume"], found)["id"].casefold() if target["kind"] == "volume" else target["path"].rstrip("\\")


def _same(left, right):
    return left.casefold().rstrip("\\") == right.casefold().rstrip("\\")


def _key(target):
    return target["kind"], target[IDENTITY[target["kind"]]].casefold().rstrip("\\")


def _differs(name, left, right):
    if name == "targets":
        return sorted(map(_key, left)) != sorted(map(_key, right))
    return left != right


def _changes(options, found, now, wanted):
    """The change to *wanted*, and one of its own for a password that is given anew."""
    differing = [name for name in OPTIONS if now is None or _differs(name, now[name], wanted[name])]
    old = {_key(target) for target in now["targets"]} if now else set()
    added = [target for target in wanted["targets"] if _key(target) not in old]
    given = {_key(_targets([target], found)[0]): target for target in options.get("targets") or []}
    erased = {target["disk_id"]: _erased(target["disk_id"], given[_key(target)], found, wanted) for target in added if target["kind"] == "disk"}
    changes, warnings = [], []
    if differing:
        _idle(found)
        after = {name: wanted[name] for name in differing}
        if "targets" in after:
            after["targets"] = [{**target, **({"erases": erased[target["disk_id"]]} if erased.get(target.get("disk_id")) else {})}
                                for target in wanted["targets"]]
        before = {name: now[name] for name in differing} if now else None
        risk = " ".join(f"Disk {disk['number']} is formatted; what is on it now is lost: {disk['volumes']}." for disk in erased.values())
        changes.append(Change(("policy",), before, after, _steps(options, found, now, wanted, added, given), risk, _undo(now, differing)))
    for target in wanted["targets"]:
        asked = given.get(_key(target), {})
        if target not in added and asked.get("update_password") == "always" and asked.get("password") is not None:
            _idle(found)
            changes.append(Change(("policy", target["path"], "password"), "not readable", "given anew",
                                  _password_steps(target, asked), write_only=True))
    if any(target["kind"] == "share" for target in wanted["targets"]) and differing:
        warnings.append("A share keeps one backup: each run overwrites the one before, and one that fails may leave none.")
        warnings += [f"The path {target['path']} has more than {LONGEST_PATH} characters; a bare metal restore may not open it."
                     for target in wanted["targets"] if len(target["path"]) > LONGEST_PATH]
    return changes, warnings


def _idle(found):
    running = _known(found["running"])
    if running is not None:
        raise Refused("running", since=running["since"])


def _erased(disk_id, asked, found, wanted):
    """What would be lost on a disk, once it is certain which disk that is and that it may be."""
    disks = _all(found["disks"], "id", "number", "name", "size", "volumes")
    fitting = [disk for disk in disks if disk["id"] == disk_id]
    if not fitting:
        raise Refused("no_disk", id=disk_id, disks="; ".join(f"{disk['id']} (disk {disk['number']}, {disk['name']}, {disk['size']} bytes)" for disk in disks))
    if len(fitting) > 1:
        raise Refused("which_disk", id=disk_id, count=len(fitting))
    disk = fitting[0]
    volumes = {volume["id"].casefold(): volume for volume in _all(found["volumes"], "id", "critical")}
    for volume in disk["volumes"]:
        key = _known(volume["id"]).casefold()
        if key not in volumes:
            raise Refused("unknown", why=f"Disk {disk['number']} holds a volume {volume['id']} that is not among the volumes of the host.")
        if volumes[key]["critical"] or key in wanted["volumes"]:
            raise Refused("critical", number=disk["number"], name=disk["name"], volume=volume["path"] or volume["id"])
    lost = ", ".join(" ".join(filter(None, (volume["path"] or volume["id"], volume["label"]))) for volume in disk["volumes"]) or "no volumes"
    if not asked.get("erase_disk"):
        raise Refused("erase", number=disk["number"], name=disk["name"], size=disk["size"], volumes=lost)
    return {"number": disk["number"], "name": disk["name"], "size": disk["size"], "volumes": lost}


def _undo(now, differing):
    """The options that bring the policy back. A disk that is no target any more would be formatted again, so it is not among them."""
    if now is None:
        return {"state": "absent"}
    options = {name: now[name] for name in differing if name != "targets"}
    if "targets" in differing and all(target["kind"] != "disk" for target in now["targets"]):
        options["targets"] = now["targets"]
    if options.get("system_state") is False and "bare_metal" not in options and now["bare_metal"]:
        del options["system_state"]
    return options


def _removed(found, now):
    if now is None:
        return []
    _idle(found)
    steps = [call("removed", WSB + "Remove-WBPolicy", {"All": True, "Force": True}, needs=area.MODULE, on_error="stop")]
    undo = {"state": "present", **_undo(now, OPTIONS)} if all(target["kind"] != "disk" for target in now["targets"]) else {}
    risk = "Nothing is backed up by schedule afterwards." + ("" if undo else " A disk target cannot be brought back without formatting it.")
    return [Change(("policy",), now, None, steps, risk, undo)]


def _step(id, cmdlet, parameters=None, **options):
    return call(id, WSB + cmdlet, parameters, needs=area.MODULE, on_error="stop", **options)


POLICY = {"Policy": ref("policy")}


def _editable():
    return _step("policy", "Get-WBPolicy", {"Editable": True})


def _stored():
    return _step("stored", "Set-WBPolicy", {**POLICY, "Force": True})


def _steps(options, found, now, wanted, added, given):
    """One policy object is filled and put into force once."""
    steps = [_editable() if now else _step("policy", "New-WBPolicy")]
    before = now or {"bare_metal": False, "system_state": False, "volumes": [], "targets": [], "schedule": [], "vss": None}
    for name, noun in (("bare_metal", "BareMetalRecovery"), ("system_state", "SystemState")):
        if wanted[name] != before[name] and not (name == "system_state" and wanted["bare_metal"]):
            steps.append(_step(name, f"{'Add' if wanted[name] else 'Remove'}-WB{noun}", dict(POLICY)))
    points = {volume["id"].casefold(): volume["id"] for volume in _all(found["volumes"], "id")}
    new = [points[id] for id in wanted["volumes"] if id not in before["volumes"]]
    if new:
        steps += [_step("volumes", "Get-WBVolume", {"AllVolumes": True}, only={"MountPoint": new}),
                  _step("volumes_added", "Add-WBVolume", {**POLICY, "Volume": ref("volumes")})]
    for number, id in enumerate(id for id in before["volumes"] if id not in wanted["volumes"]):
        steps += [_step(f"old_volume{number}", "Get-WBVolume", dict(POLICY), only={"MountPoint": [id]}),
                  _step(f"volume_removed{number}", "Remove-WBVolume", {**POLICY, "Volume": ref(f"old_volume{number}")})]
    kept = {_key(target) for target in wanted["targets"]}
    for number, target in enumerate(target for target in before["targets"] if _key(target) not in kept):
        steps += _target_removed(number, target)
    for number, target in enumerate(added):
        steps += _target_added(number, target, given[_key(target)], found)
    if wanted["schedule"] != before["schedule"]:
        steps.append(_step("schedule", "Set-WBSchedule", {**POLICY, "Schedule": [{"$local": f"2000-01-01T{time}:00"} for time in wanted["schedule"]]}))
    if wanted["vss"] != before["vss"]:
        steps.append(_step("vss", "Set-WBVssBackupOption", {**POLICY, "VssCopyBackup" if wanted["vss"] == "copy" else "VssFullBackup": True}))
    return [*steps, _stored()]


def _target_removed(number, target):
    only = {"disk": lambda: {"WBDisk.DiskId": _spellings(target["disk_id"])}, "volume": lambda: {"WBVolume.MountPoint": [target["volume"]]},
            "share": lambda: {"Path": [target["path"]]}}[target["kind"]]()
    return [_step(f"old_target{number}", "Get-WBBackupTarget", dict(POLICY), only=only),
            _step(f"target_removed{number}", "Remove-WBBackupTarget", {**POLICY, "Target": ref(f"old_target{number}")})]


def _target_added(number, target, asked, found):
    if target["kind"] == "disk":
        before = [_step(f"disk{number}", "Get-WBDisk", only={"DiskId": _spellings(target["disk_id"])})]
        parameters = {"Disk": ref(f"disk{number}")}
    elif target["kind"] == "volume":
        before = [_step(f"on_volume{number}", "Get-WBVolume", {"AllVolumes": True}, only={"MountPoint": [target["volume"]]})]
        parameters = {"Volume": ref(f"on_volume{number}")}
    else:
        before, parameters = [], {"NetworkPath": target["path"]}
        if asked.get("password") is not None:
            parameters["Credential"] = {"$credential": {"user": asked["user"], "password": asked["password"]}}
    return [*before, _step(f"target{number}", "New-WBBackupTarget", parameters),
            _step(f"target_added{number}", "Add-WBBackupTarget", {**POLICY, "Target": ref(f"target{number}"), "Force": True})]


def _password_steps(target, asked):
    return [_editable(), *_target_removed(0, target), *_target_added(0, target, asked, None), _stored()]


def _spellings(id):
    """A guid as text, with and without braces: which one a property prints is not documented."""
    return [id, f"{{{id}}}"]


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.windows_backup_policy runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
