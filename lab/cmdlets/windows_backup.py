"""Windows Server Backup: policies are live objects that cmdlets fill and ``Set-WBPolicy`` puts into force; backups run by themselves on the
lab's clock. What a host has is in its document's ``windows_backup`` (lab/parts/windows_backup.py).

A run is written down when it begins, with its end: before that instant it runs, afterwards it is history, and nothing has to be written then.
Scheduled runs follow from the policy in force and the clock; they are written down when the policy changes.
"""
from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.backend import cmdlet
from lab.values import Duration, Enum, Instant, Local, Obj, link, not_modelled

WSB = "WindowsServerBackup\\"
TYPES = "Microsoft.Windows.ServerBackup.Commands."
PAGES = "reference pages of WindowsServerBackup"
FIELD = f"{PAGES}; outputs of the field (README of AuditWSBackup, a home lab on Server 2019) for the names of properties"
VSS = {"VssFullBackup": 0, "VssCopyBackup": 1}
KINDS = {"disk": ("Disk", 0), "volume": ("Volume", 1), "share": ("Network", 2)}
RUNS, FAILS = timedelta(minutes=30), timedelta(minutes=2)
NO_FOLDER, BAD_SERVICE, CANCELLED = 0x8078015B, 0x8078010D, 0x807800D6
NEVER = Instant("0001-01-01T00:00:00.0000000Z")
ZONE = timedelta(hours=1)
COUNT = itertools.count(1)


@dataclass
class Live(Obj):
    """A live object with what stands behind it: the description of a policy, target, volume or disk."""

    behind: dict = field(default_factory=dict)
    editable: bool = True


def _live(kind, properties, behind, editable=True):
    return Live(TYPES + kind, f"wb/{next(COUNT)}", properties, behind, editable)


def _kept(run):
    """What Windows Server Backup knows on the host. Administrators and Backup Operators only."""
    user = run.state.user(run.backend.user)
    if not user["admin"] and r"BUILTIN\Backup Operators" not in user.get("groups", ()):
        raise run.error("AccessDenied", "PermissionDenied", link(
            "System.UnauthorizedAccessException", "You do not have the rights to use this cmdlet.", 2147942405))
    return run.host["windows_backup"]


def _refuse(run, message):
    return run.error("InvalidOperation", "InvalidOperation", link("System.InvalidOperationException", message, 2148734217))


def _behind(run, name, kind):
    """What stands behind a live parameter of a type."""
    value = run.get(name)
    if not isinstance(value, Live) or value.type != TYPES + kind:
        raise _refuse(run, f"The parameter {name} is no {kind}.")
    return value.behind


def _draft(run):
    """The policy of a call that changes it."""
    behind = _behind(run, "Policy", "WBPolicy")
    if not run.get("Policy").editable:
        raise _refuse(run, "The policy is not in edit mode.")
    return behind


# --- disks and volumes

def _volume(volume):
    marks = [name for name, there in (("Critical", volume["critical"]), ("ValidSource", True)) if there]
    return _live("WBVolume", {
        "VolumeLabel": volume["label"], "MountPath": volume["path"] or "", "MountPoint": volume["point"], "FileSystem": "NTFS",
        "Property": ", ".join(marks), "FreeSpace": volume["free"], "TotalSpace": volume["size"]}, volume)


def _disk(kept, disk):
    volumes = [_volume(volume) for volume in kept["volumes"] if volume["disk"] == disk["number"]]
    return _live("WBDisk", {
        "DiskName": disk["name"], "DiskNumber": disk["number"], "DiskId": disk["id"], "TotalSpace": disk["size"], "FreeSpace": 0,
        "Volumes": volumes, "ContainsBackup": any(target["disk"] == disk["id"] for target in (kept["policy"] or {}).get("targets", ())),
        "Properties": "IsOnDiskWithCriticalVolume" if any(volume.behind["critical"] for volume in volumes) else "ValidTarget"}, disk)


@cmdlet(WSB + "Get-WBDisk", takes="", source=FIELD, assumed="a disk keeps its DiskId when it is formatted as a target; the marks of Properties are a text")
def get_disk(run):
    """The disks of the host, with their volumes."""
    kept = _kept(run)
    return [_disk(kept, disk) for disk in kept["disks"]]


@cmdlet(WSB + "Get-WBVolume", takes="AllVolumes CriticalVolumes Policy VolumePath Disk", source=FIELD,
        assumed="the marks of Property are a text; a policy with bare metal lists the critical volumes too")
def get_volume(run):
    """Volumes: all, the critical ones, those of a policy, of a disk, or of paths."""
    kept = _kept(run)
    if run.get("Policy") is not None:
        policy = _behind(run, "Policy", "WBPolicy")
        found = [volume for volume in kept["volumes"] if volume["point"] in policy["volumes"] or policy["bare_metal"] and volume["critical"]]
    elif run.get("Disk") is not None:
        found = [volume for volume in kept["volumes"] if volume["disk"] == _behind(run, "Disk", "WBDisk")["number"]]
    elif run.get("VolumePath"):
        wanted = {path.casefold().rstrip("\\") for path in run.get("VolumePath")}
        found = [volume for volume in kept["volumes"] if {(volume["path"] or "?").casefold(), volume["point"].casefold()} & wanted]
    else:
        found = [volume for volume in kept["volumes"] if run.get("AllVolumes") or volume["critical"]]
    return [_volume(volume) for volume in found]


# --- policies

def _policy(policy, editable):
    return _live("WBPolicy", {
        "Schedule": [_time(text) for text in policy["schedule"]] or None, "BackupTargets": [target["label"] for target in policy["targets"]] or None,
        "VolumesToBackup": policy["volumes"] or None, "FilesSpecsToBackup": None, "FilesSpecsToExclude": None, "ComponentsToBackup": None,
        "BMR": policy["bare_metal"], "SystemState": policy["system_state"] or policy["bare_metal"], "OverwriteOldFormatVhd": False,
        "VssBackupOptions": Enum(TYPES + "WBVssBackupOptions", VSS[policy["vss"]], policy["vss"])}, policy, editable)


def _time(text):
    hours, minutes = (int(part) for part in text.split(":"))
    return Obj("System.DateTime", f"time/{text}", {"TimeOfDay": Duration(hours * 3600 + minutes * 60)})


def _copy(policy):
    return {**policy, "schedule": list(policy["schedule"]), "volumes": list(policy["volumes"]), "targets": [dict(target) for target in policy["targets"]]}


@cmdlet(WSB + "Get-WBPolicy", takes="Editable", source=PAGES)
def get_policy(run):
    """The scheduled policy, to be changed with -Editable; nothing where there is none."""
    policy = _kept(run)["policy"]
    return [] if policy is None else [_policy(_copy(policy), bool(run.get("Editable")))]


@cmdlet(WSB + "New-WBPolicy", takes="", source=PAGES)
def new_policy(run):
    """An empty policy in edit mode."""
    _kept(run)
    return [_policy({"bare_metal": False, "system_state": False, "vss": "VssCopyBackup", "schedule": [], "volumes": [], "targets": []}, True)]


def _switch(name, key, value):
    @cmdlet(WSB + name, takes="Policy", source=PAGES, changes=False)
    def turn(run):
        _draft(run)[key] = value
        return []
    turn.__doc__ = f"{'Adds' if value else 'Takes'} {key.replace('_', ' ')} {'to' if value else 'from'} a policy in edit mode."


_switch("Add-WBSystemState", "system_state", True)
_switch("Remove-WBSystemState", "system_state", False)
_switch("Add-WBBareMetalRecovery", "bare_metal", True)
_switch("Remove-WBBareMetalRecovery", "bare_metal", False)


@cmdlet(WSB + "Get-WBSchedule", takes="Policy", source=PAGES, assumed="DateTimes of which only the time of the day is modelled")
def get_schedule(run):
    """The times of the day of a policy."""
    return [_time(text) for text in _behind(run, "Policy", "WBPolicy")["schedule"]]


@cmdlet(WSB + "Set-WBSchedule", takes="Policy Schedule", source=PAGES)
def set_schedule(run):
    """The times of the day at which a policy shall run, in the host's own time."""
    given = run.get("Schedule")
    given = given if isinstance(given, list) else [given]
    if not all(isinstance(one, Local) for one in given):
        raise not_modelled("a schedule that is not made of local times")
    _draft(run)["schedule"] = sorted({one.iso[11:16] for one in given})
    return []


@cmdlet(WSB + "Set-WBVssBackupOption", takes="Policy VssCopyBackup VssFullBackup", source=PAGES)
def set_vss(run):
    """Whether a policy makes full or copy backups of what VSS writers hold."""
    if bool(run.get("VssCopyBackup")) == bool(run.get("VssFullBackup")):
        raise _refuse(run, "Give one of VssCopyBackup and VssFullBackup.")
    _draft(run)["vss"] = "VssCopyBackup" if run.get("VssCopyBackup") else "VssFullBackup"
    return []


def _given_volumes(run):
    given = run.get("Volume")
    given = given if isinstance(given, list) else [given]
    if not all(isinstance(one, Live) and one.type == TYPES + "WBVolume" for one in given):
        raise _refuse(run, "The parameter Volume is no WBVolume.")
    return [one.behind["point"] for one in given]


@cmdlet(WSB + "Add-WBVolume", takes="Policy Volume", source=PAGES)
def add_volume(run):
    """Adds volumes to a policy in edit mode."""
    policy = _draft(run)
    policy["volumes"] = sorted({*policy["volumes"], *_given_volumes(run)})
    return []


@cmdlet(WSB + "Remove-WBVolume", takes="Policy Volume", source=PAGES)
def remove_volume(run):
    """Takes a volume from a policy in edit mode."""
    policy, gone = _draft(run), _given_volumes(run)
    policy["volumes"] = [point for point in policy["volumes"] if point not in gone]
    return []


# --- targets

def _target(kept, target):
    disk = next((disk for disk in kept["disks"] if disk["id"] == target["disk"]), None)
    volume = next((volume for volume in kept["volumes"] if target["kind"] == "volume" and volume["point"] == target["path"]), None)
    name, number = KINDS[target["kind"]]
    return _live("WBBackupTarget", {
        "Label": target["label"], "WBDisk": disk and _disk(kept, disk), "WBVolume": volume and _volume(volume), "Path": target["path"],
        "TargetType": Enum(TYPES + "WBTargetType", number, name), "InheritAcl": target["kind"] == "share", "PreserveExistingBackup": False}, target)


@cmdlet(WSB + "Get-WBBackupTarget", takes="Policy", source=FIELD, assumed="the names and numbers of TargetType but for Volume")
def get_target(run):
    """The targets of a policy."""
    kept = _kept(run)
    return [_target(kept, target) for target in _behind(run, "Policy", "WBPolicy")["targets"]]


@cmdlet(WSB + "New-WBBackupTarget", takes="Disk Volume NetworkPath Credential Label", source=PAGES,
        assumed="a share is looked at only when a backup runs; how Windows keeps its account is not told")
def new_target(run):
    """A target: a disk, a volume or a share."""
    kept = _kept(run)
    target = {"disk": None, "user": None, "key": ""}
    if run.get("Disk") is not None:
        disk = _behind(run, "Disk", "WBDisk")
        target.update(kind="disk", disk=disk["id"], path="", label=run.get("Label") or "")
    elif run.get("Volume") is not None:
        volume = _behind(run, "Volume", "WBVolume")
        target.update(kind="volume", path=volume["point"], label=volume["path"] or volume["label"])
    else:
        credential = run.get("Credential")
        target.update(kind="share", path=run.get("NetworkPath"), label=run.get("NetworkPath"))
        if credential is not None:
            target.update(user=credential.user, key=hashlib.sha256(credential.password.text.encode()).hexdigest())
    return [_target(kept, target)]


@cmdlet(WSB + "Add-WBBackupTarget", takes="Policy Target", source=f"{PAGES} (one type of storage at a time, one share)")
def add_target(run):
    """Adds a target to a policy in edit mode; of disks there may be several."""
    policy, target = _draft(run), _behind(run, "Target", "WBBackupTarget")
    if any(other["kind"] != target["kind"] for other in policy["targets"]):
        raise _refuse(run, "You can add only one storage type at a time.")
    if policy["targets"] and target["kind"] == "share":
        raise _refuse(run, "You can add only one remote shared folder.")
    policy["targets"] = [*policy["targets"], dict(target)]
    return []


@cmdlet(WSB + "Remove-WBBackupTarget", takes="Policy Target", source=PAGES)
def remove_target(run):
    """Takes a target from a policy in edit mode."""
    policy, target = _draft(run), _behind(run, "Target", "WBBackupTarget")
    policy["targets"] = [other for other in policy["targets"] if (other["kind"], other["path"], other["disk"]) != (
        target["kind"], target["path"], target["disk"])]
    return []


@cmdlet(WSB + "Set-WBPolicy", takes="Policy", source=f"{PAGES} (a disk that becomes a target is formatted)", changes=True,
        assumed="without targets, times or items it is refused; a disk that is a target already is left as it is")
def set_policy(run):
    """Puts a policy into force. Each disk that was no target is formatted: its volumes are gone."""
    kept, policy = _kept(run), _draft(run)
    if not policy["targets"] or not policy["schedule"] or not (policy["bare_metal"] or policy["system_state"] or policy["volumes"]):
        raise _refuse(run, "The policy needs items, a target and a schedule.")
    if not run.get("Force"):
        raise not_modelled("the question that Set-WBPolicy asks without -Force")
    kept["jobs"] = _all_runs(run)
    for number, target in enumerate(policy["targets"], 1):
        if target["kind"] == "disk" and not target["path"]:
            _format(run, kept, target, number)
    kept["policy"] = {**_copy(policy), "since": run.state.clock}
    return []


def _format(run, kept, target, number):
    disk = next(disk for disk in kept["disks"] if disk["id"] == target["disk"])
    if any(volume["critical"] for volume in kept["volumes"] if volume["disk"] == disk["number"]):
        raise _refuse(run, "A disk with a critical volume cannot be a target.")
    clock = run.state.clock
    label = target["label"] or f"{run.host['name'][:7].capitalize()} {clock[:10].replace('-', '_')} {clock[11:16]} DISK_{number:02}"
    digest = hashlib.sha256(f"{disk['id']}{clock}".encode()).hexdigest()
    point = rf"\\?\Volume{{{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}}}"
    kept["volumes"] = [volume for volume in kept["volumes"] if volume["disk"] != disk["number"]]
    kept["volumes"].append({"point": point, "path": None, "label": label, "size": disk["size"], "free": disk["size"], "critical": False,
                            "disk": disk["number"]})
    target.update(path=point, label=label)


@cmdlet(WSB + "Remove-WBPolicy", takes="All Policy", source=PAGES, changes=True, assumed="the backups and the volumes of the targets stay")
def remove_policy(run):
    """Takes the scheduled policy away."""
    kept = _kept(run)
    if kept["policy"] is None:
        raise _refuse(run, "There is no scheduled policy.")
    if not run.get("Force"):
        raise not_modelled("the question that Remove-WBPolicy asks without -Force")
    kept["jobs"], kept["policy"] = _all_runs(run), None
    return []


# --- runs

def _all_runs(run):
    """Every run that has begun, also those that the schedule has started since its policy came into force."""
    kept = _kept(run)
    policy, jobs = kept["policy"], [*kept["jobs"]]
    for moment in _scheduled(policy, run.state.clock) if policy else ():
        if not any(job["since"] <= _stamp(moment) < job["ends"] for job in jobs):
            jobs.append(_made(run, policy, moment))
    return sorted(jobs, key=lambda job: job["since"])


def _scheduled(policy, clock):
    """The instants at which a policy has run by its schedule, of the last 30 days."""
    now = datetime.fromisoformat(clock[:19])
    day = max(datetime.fromisoformat(policy["since"][:19]), now - timedelta(days=30))
    since, day = day, day.replace(hour=0, minute=0, second=0)
    while day <= now + timedelta(days=1):
        for text in policy["schedule"]:
            moment = day + timedelta(hours=int(text[:2]), minutes=int(text[3:])) - ZONE
            if since < moment <= now:
                yield moment
        day += timedelta(days=1)


def _made(run, policy, since):
    """A run that begins at an instant: when it ends, and how."""
    kept, target = _kept(run), policy["targets"][0]
    result = NO_FOLDER if target["kind"] == "share" and not _share_is_there(run, target["path"]) else \
        BAD_SERVICE if (policy["system_state"] or policy["bare_metal"]) and _service_without_program(run) else 0
    return {
        "since": _stamp(since), "ends": _stamp(since + (FAILS if result else RUNS)), "result": result, "detail": result, "target": target["path"],
        "kind": target["kind"], "system_state": policy["system_state"] or policy["bare_metal"], "bare_metal": policy["bare_metal"],
        "vss": policy["vss"], "volumes": [volume["point"] for volume in kept["volumes"] if volume["point"] in policy["volumes"]
                                          or policy["bare_metal"] and volume["critical"]]}


def _runs(run):
    """``(the run that goes on now or None, the runs that have ended, oldest first)``."""
    jobs = _all_runs(run)
    now = next((job for job in jobs if job["ends"] > run.state.clock), None)
    return now, [job for job in jobs if job["ends"] <= run.state.clock]


def _version(job):
    since = job["since"]
    return f"{since[5:7]}/{since[8:10]}/{since[:4]}-{since[11:16]}"


def _job(job, running=False):
    if job is None:
        return _live("WBJob", {"JobType": Enum(TYPES + "WBJobType", 0, "None"), "StartTime": NEVER, "EndTime": NEVER, "JobState": Enum(
            TYPES + "WBJobState", 0, "Unknown"), "CurrentOperation": "", "HResult": 0, "DetailedHResult": 0, "ErrorDescription": "", "JobItems": None,
            "VersionId": "", "SuccessLogPath": "", "FailureLogPath": ""}, {})
    since = job["since"]
    log = rf"C:\Windows\Logs\WindowsServerBackup\Backup-{since[8:10]}-{since[5:7]}-{since[:4]}_{since[11:13]}-{since[14:16]}-{since[17:19]}.log"
    return _live("WBJob", {
        "JobType": Enum(TYPES + "WBJobType", 1, "Backup"), "StartTime": Instant(since), "EndTime": NEVER if running else Instant(job["ends"]),
        "JobState": Enum(TYPES + "WBJobState", 1 if running else 2, "Running" if running else "Completed"),
        "CurrentOperation": "Volume 1 (50%) of 2 volume(s)." if running else "", "HResult": 0 if running else job["result"],
        "DetailedHResult": 0 if running else job["detail"], "ErrorDescription": "" if running or not job["result"] else "The backup failed.",
        "JobItems": None, "VersionId": "" if running or job["result"] else _version(job), "SuccessLogPath": "" if running or job["result"] else log,
        "FailureLogPath": log if job["result"] and not running else ""}, job)


def _sets(run):
    """The runs whose backup is still there: a share keeps the newest one only, and that was overwritten when its successor failed."""
    _now, ended = _runs(run)
    last = {job["target"]: job for job in ended if job["kind"] == "share"}
    return [job for job in ended if not job["result"] and (job["kind"] != "share" or last[job["target"]] is job)]


@cmdlet(WSB + "Get-WBJob", takes="Previous", source=FIELD, assumed="the numbers of JobState and JobType; an idle engine answers a job of type None")
def get_job(run):
    """What the engine does now; with -Previous the runs that ended last, newest first."""
    now, ended = _runs(run)
    if run.get("Previous") is None:
        return [_job(now, True) if now else _job(None)]
    return [_job(job) for job in ended[::-1][:run.get("Previous")]]


@cmdlet(WSB + "Get-WBBackupSet", takes="", source=FIELD)
def get_set(run):
    """The backups in the catalogue of the host, newest first."""
    kept, made = _kept(run), []
    for job in _sets(run)[::-1]:
        items = ["Volumes", *(["SystemState"] if job["system_state"] else []), "Applications", "Files", *(["BareMetalRecovery"] if job["bare_metal"] else [])]
        volumes = [_volume(volume) for volume in kept["volumes"] if volume["point"] in job["volumes"]]
        target = Obj(TYPES + "WBBackupTarget", f"wb/{next(COUNT)}", {"Path": job["target"]})
        made.append(_live("WBBackupSet", {
            "VersionId": _version(job), "BackupTime": Instant(job["since"]), "BackupTarget": target, "RecoverableItems": ", ".join(items),
            "Volume": volumes, "Application": None, "VssBackupOption": Enum(TYPES + "WBVssBackupOptions", VSS[job["vss"]], job["vss"]),
            "SnapshotId": "00000000-0000-0000-0000-000000000000", "BackupSetId": "00000000-0000-0000-0000-000000000000"}, job))
    return made


@cmdlet(WSB + "Get-WBSummary", takes="", source=FIELD, assumed="schedules are in UTC+1")
def get_summary(run):
    """What became of the last backups, by codes."""
    now, ended = _runs(run)
    policy, sets = _kept(run)["policy"], _sets(run)
    tomorrow = _stamp(datetime.fromisoformat(run.state.clock[:19]) + timedelta(days=1))
    following = next((moment for moment in _scheduled({**policy, "since": run.state.clock}, tomorrow)), None) if policy else None
    last = ended[-1] if ended else None
    good = next((job for job in ended[::-1] if not job["result"]), None)
    return [_live("WBSummary", {
        "NextBackupTime": Instant(_stamp(following)) if following else NEVER, "NumberOfVersions": len(sets),
        "LastSuccessfulBackupTime": Instant(good["since"]) if good else NEVER, "LastSuccessfulBackupTargetPath": good["target"] if good else "",
        "LastSuccessfulBackupTargetLabel": "", "LastBackupTime": Instant(last["since"]) if last else NEVER,
        "LastBackupTarget": last["target"] if last else "", "DetailedMessage": "", "LastBackupResultHR": last["result"] if last else 0,
        "LastBackupResultDetailedHR": last["detail"] if last else 0,
        "CurrentOperationStatus": Enum(TYPES + "WBOperationStatus", int(bool(now)), "BackupInProgress" if now else "NoOperationInProgress")}, {})]


@cmdlet(WSB + "Start-WBBackup", takes="Policy Async", source=f"{PAGES}; Microsoft's article on services with an invalid ImagePath", changes=True,
        assumed="a run takes half an hour, one that fails two minutes; of faults only a share that is not there and a service whose program is not "
                "there are modelled; schedules are in UTC+1")
def start_backup(run):
    """Starts a backup in the engine's own service, which goes on by itself."""
    kept, policy = _kept(run), _behind(run, "Policy", "WBPolicy")
    if not run.get("Async"):
        raise not_modelled("a backup that is waited for (Start-WBBackup without -Async)")
    now, _ended = _runs(run)
    if now:
        raise _refuse(run, "Another backup or recovery operation is in progress.")
    if not policy["targets"]:
        raise _refuse(run, "The policy has no target.")
    kept["jobs"].append(_made(run, policy, datetime.fromisoformat(run.state.clock[:19])))
    return []


@cmdlet(WSB + "Stop-WBJob", takes="Job", source=PAGES, changes=True, assumed="the code of a run that was stopped")
def stop_job(run):
    """Breaks off what the engine does."""
    now, _ended = _runs(run)
    if now is None:
        raise _refuse(run, "No operation is in progress.")
    kept = _kept(run)
    kept["jobs"] = [job for job in kept["jobs"] if job["since"] != now["since"]] + [{**now, "ends": run.state.clock, "result": CANCELLED, "detail": CANCELLED}]
    return []


def _stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def _share_is_there(run, path):
    root = "\\".join(path.split("\\")[:4]).casefold()
    return any(share.casefold() == root for share in run.state.shares)


def _service_without_program(run):
    """Whether a service's key names a program that is not on the host."""
    from lab.files import View
    seen = View(run.state, run.backend.host, r"NT AUTHORITY\SYSTEM")
    for key, values in run.host["registry"].items():
        path = next((data[1] for name, data in values.items() if name.casefold() == "imagepath"), None)
        if path and "\\services\\" in key.casefold() and not seen.exists(path.strip('"')):
            return True
    return False
