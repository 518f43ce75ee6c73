# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``windows_backup``: what Windows Server Backup saves of a host, where to, and how that went; the services and registry values
that such a backup depends on, and the services of other products that take images.

Sources: reference pages of WindowsServerBackup; outputs of the field for the properties of WBVolume, WBDisk, WBBackupTarget and WBJob,
which no page lists. Results are told by their codes; texts of Windows Server Backup are translated.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.windows_backup import hresult, version_instants

NAME = "windows_backup"
MODULE = "WindowsServerBackup"
WSB = MODULE + "\\"
REGISTRY = r"Microsoft.PowerShell.Management\Get-ItemProperty"
SCHANNEL = r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Client"
DOTNET = (r"HKLM:\SOFTWARE\Microsoft\.NETFramework\v4.0.30319", r"HKLM:\SOFTWARE\Wow6432Node\Microsoft\.NETFramework\v4.0.30319")
SNAPSHOT_DEVICES = r"HKLM:\SYSTEM\CurrentControlSet\Enum\STORAGE\VolumeSnapshot"
VOLSNAP_LOST = [8, 25, 32, 36]      # shadow copies could not be kept, or were deleted
HISTORY, EVENTS = 20, 20
NEVER = "0001-"                     # the smallest DateTime stands for "never"

WINDOWS_SERVICES = ("WinRM", "VSS", "wbengine")
PRODUCTS = {    # name of the service -> product that takes images or volume snapshots of a server
    "VeeamEndpointBackupSvc": "Veeam Agent for Microsoft Windows",
    "obengine": "Microsoft Azure Recovery Services agent",
    "svagents": "Azure Site Recovery mobility service",
    "IaaSVmProvider": "Azure virtual machine backup",
    "DPMRA": "System Center Data Protection Manager agent",
    "BackupExecAgentAccelerator": "Backup Exec agent",
    "AcrSch2Svc": "Acronis",
    "CASAD2DWebSvc": "Arcserve UDP agent",
    "ShadowProtectSvc": "ShadowProtect",
    "MacriumService": "Macrium Reflect",
}
COMMVAULT = "GxCVD("                # and the name of its instance
JOB_TYPES = {0: "None", 1: "Backup"}
VOLUME = ["MountPoint", "MountPath", "VolumeLabel", "FileSystem", "TotalSpace", "FreeSpace", "Property"]
TARGET = ["TargetType", "Path", "Label", "WBDisk.DiskId", "WBVolume.MountPoint", "WBVolume.MountPath"]
DISK = ["DiskId", "DiskNumber", "DiskName", "TotalSpace", "ContainsBackup", "Properties", "Volumes.MountPoint", "Volumes.MountPath",
        "Volumes.VolumeLabel"]
JOB = ["JobType", "JobState", "StartTime", "EndTime", "HResult", "DetailedHResult", "VersionId", "CurrentOperation"]
SET = ["VersionId", "BackupTime", "BackupTarget.Path", "RecoverableItems", "VssBackupOption", "Volume.MountPoint"]
SUMMARY = ["NextBackupTime", "NumberOfVersions", "LastSuccessfulBackupTime", "LastSuccessfulBackupTargetPath", "LastBackupTime",
           "LastBackupResultHR", "LastBackupResultDetailedHR"]


def steps(variables):
    """The calls that read the area, in order."""
    services = " OR ".join([*(f"Name='{name}'" for name in (*WINDOWS_SERVICES, *PRODUCTS)), f"Name LIKE '{COMMVAULT}%'"])
    return [
        call("summary", WSB + "Get-WBSummary", select=SUMMARY, needs=MODULE),
        call("policy", WSB + "Get-WBPolicy", select=[".", "BMR", "SystemState", "VssBackupOptions"], needs=MODULE),
        call("schedule", WSB + "Get-WBSchedule", {"Policy": ref("policy")}, select=["TimeOfDay"]),
        call("policy_volumes", WSB + "Get-WBVolume", {"Policy": ref("policy")}, select=VOLUME),
        call("targets", WSB + "Get-WBBackupTarget", {"Policy": ref("policy")}, select=TARGET),
        call("volumes", WSB + "Get-WBVolume", {"AllVolumes": True}, select=VOLUME, needs=MODULE),
        call("disks", WSB + "Get-WBDisk", select=DISK, needs=MODULE),
        call("sets", WSB + "Get-WBBackupSet", select=SET, needs=MODULE),
        call("job", WSB + "Get-WBJob", select=JOB, needs=MODULE),
        call("history", WSB + "Get-WBJob", {"Previous": HISTORY}, select=JOB, needs=MODULE),
        call("clock", r"CimCmdlets\Get-CimInstance", {"ClassName": "Win32_OperatingSystem"}, select=["LocalDateTime"]),
        call("services", r"CimCmdlets\Get-CimInstance", {"ClassName": "Win32_Service", "Filter": services},
             select=["Name", "State", "StartMode"]),
        call("snapshot_devices", r"Microsoft.PowerShell.Management\Get-ChildItem", {"LiteralPath": SNAPSHOT_DEVICES}, select=["PSChildName"]),
        call("snapshots_lost", r"Microsoft.PowerShell.Diagnostics\Get-WinEvent",
             {"FilterHashtable": {"LogName": "System", "ProviderName": "volsnap", "Id": VOLSNAP_LOST}, "MaxEvents": EVENTS},
             select=["Id", "TimeCreated", "RecordId"]),
        call("tls", REGISTRY, {"LiteralPath": SCHANNEL}, select=["Enabled", "DisabledByDefault"]),
        call("dotnet", REGISTRY, {"LiteralPath": {"$item": True}}, each=list(DOTNET), select=["SchUseStrongCrypto", "SystemDefaultTlsVersions"]),
    ]


def shape(area):
    """What is saved, where to and how it went, as plain data; what was not seen is a hole (see ``observed``).

    Without the feature there is no policy and nothing was backed up by it: that is known, and no hole.
    """
    absent = area.steps["summary"].status == "absent"
    services = rows.every(area, "services", lambda row, index: {
        "name": rows.value(row, "Name"), "state": rows.value(row, "State"), "start_mode": rows.value(row, "StartMode")})
    return {
        "clock": rows.value(rows.one(area, "clock"), "LocalDateTime"),
        "installed": not absent,
        "policy": None if absent else _policy(area),
        "summary": None if absent else _summary(area),
        "running": None if absent else _running(area),
        "history": [] if absent else _history(area),
        "sets": [] if absent else _sets(area),
        "volumes": [] if absent else rows.every(area, "volumes", lambda row, index: _volume(row)),
        "disks": [] if absent else rows.every(area, "disks", lambda row, index: _disk(row)),
        "remote_management": _service(services, "WinRM"),
        "other_products": _products(services),
        "snapshot_devices": _snapshot_devices(area),
        "snapshots_lost": _events(area),
        "tls": _tls(area),
    }


def instant(row, path):
    """A DateTime; null where it stands for "never"."""
    seen = rows.value(row, path)
    return None if isinstance(seen, str) and seen.startswith(NEVER) else seen


def result(row, path):
    """A result code as an unsigned number."""
    seen = rows.value(row, path)
    if observed.is_hole(seen) or seen is None:
        return seen
    number = hresult(seen)
    return observed.hole("failed", f"{path} is {seen!r}, which is no result code.") if number is None else number


def _policy(area):
    found = rows.every(area, "policy", lambda row, index: row)
    if observed.is_hole(found):
        return found
    found = [row for row in found if observed.is_hole(row) or row["."] is not None]
    if not found:
        return None
    row = found[0]
    bare_metal = rows.value(row, "BMR")
    return {
        "bare_metal": bare_metal,
        "system_state": True if bare_metal is True else rows.value(row, "SystemState"),    # bare metal holds it
        "vss": _vss(row, "VssBackupOptions"),
        "schedule": _schedule(area),
        "volumes": rows.every(area, "policy_volumes", lambda volume, index: _volume(volume)),
        "targets": rows.every(area, "targets", lambda target, index: _target(target)),
    }


def _vss(row, path):
    seen = rows.value(row, path)
    if not isinstance(seen, str):
        return seen
    known = {"vssfullbackup": "full", "vsscopybackup": "copy"}
    return known.get(seen.casefold(), observed.hole("failed", f"{path} is {seen!r}, neither VssFullBackup nor VssCopyBackup."))


def _schedule(area):
    """The local times of the day at which it runs, as HH:MM, sorted."""
    seen = rows.every(area, "schedule", lambda row, index: rows.value(row, "TimeOfDay"))
    if observed.is_hole(seen):
        return seen
    wrong = observed.first_hole(seen)
    return wrong or sorted({f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}" for seconds in seen})


def _volume(row):
    return {
        "id": rows.value(row, "MountPoint"),
        "path": rows.value(row, "MountPath") or None,
        "label": rows.value(row, "VolumeLabel") or None,
        "file_system": rows.value(row, "FileSystem"),
        "size": rows.value(row, "TotalSpace"),
        "free": rows.value(row, "FreeSpace"),
        "critical": _has(_marks(row, "Property"), "Critical"),
    }


KINDS = {"disk": "disk", "volume": "volume", "network": "share", "remoteshare": "share", "networkshare": "share"}


def _target(row):
    kind, path = rows.value(row, "TargetType"), rows.value(row, "Path")
    if isinstance(path, str) and path.startswith("\\\\") and not path.startswith("\\\\?\\"):
        kind = "share"
    elif isinstance(kind, str):
        kind = KINDS.get(kind.casefold(), observed.hole("failed", f"TargetType is {kind!r}, which is none of Disk, Volume and a share."))
    return {"kind": kind, "path": path, "label": rows.value(row, "Label") or None,
            "disk_id": bare(rows.value(row, "WBDisk.DiskId")) if kind == "disk" else None,
            "volume_id": rows.value(row, "WBVolume.MountPoint") if kind == "volume" else None}


def bare(guid):
    """A guid without braces, in lower case."""
    return guid.strip("{}").lower() if isinstance(guid, str) else guid


def _disk(row):
    names = [rows.value(row, path) for path in ("Volumes.MountPoint", "Volumes.MountPath", "Volumes.VolumeLabel")]
    ids, paths, labels = ([] if seen is None else seen if isinstance(seen, list) or observed.is_hole(seen) else [seen] for seen in names)
    unseen = observed.first_hole([ids, paths, labels])
    return {
        "id": bare(rows.value(row, "DiskId")),
        "number": rows.value(row, "DiskNumber"),
        "name": rows.value(row, "DiskName"),
        "size": rows.value(row, "TotalSpace"),
        "contains_backup": rows.value(row, "ContainsBackup"),
        "valid_target": _has(_marks(row, "Properties"), "ValidTarget"),
        "volumes": unseen or [{"id": id, "path": path or None, "label": label or None}
                              for id, path, label in zip(ids, paths, labels, strict=False)],
    }


def _summary(area):
    row = rows.one(area, "summary")
    return {
        "next_run": instant(row, "NextBackupTime"),
        "versions": rows.value(row, "NumberOfVersions"),
        "last_success": instant(row, "LastSuccessfulBackupTime"),
        "last_success_path": rows.value(row, "LastSuccessfulBackupTargetPath") or None,
        "last_run": instant(row, "LastBackupTime"),
        "last_result": result(row, "LastBackupResultHR"),
        "last_detail": result(row, "LastBackupResultDetailedHR"),
    }


def job(row):
    """One run of the backup engine. ``result`` is null while it runs."""
    return {
        "type": rows.enum(row, "JobType", JOB_TYPES),
        "state": rows.value(row, "JobState"),
        "since": instant(row, "StartTime"),
        "ended": instant(row, "EndTime"),
        "result": result(row, "HResult"),
        "detail": result(row, "DetailedHResult"),
        "version": rows.value(row, "VersionId") or None,
        "doing": rows.value(row, "CurrentOperation") or None,
    }


def _running(area):
    """What the backup engine does now; null where it does nothing."""
    found = rows.every(area, "job", lambda row, index: job(row))
    if observed.is_hole(found):
        return found
    for one in found:
        if observed.is_hole(one) or observed.is_hole(one["type"]):
            return one if observed.is_hole(one) else one["type"]
    return next((one for one in found if one["type"] not in (None, "None")), None)


def _history(area):
    return rows.every(area, "history", lambda row, index: job(row))


def _sets(area):
    return rows.every(area, "sets", lambda row, index: {
        "version": rows.value(row, "VersionId"),
        "at": _version_instant(rows.value(row, "VersionId")),
        "path": rows.value(row, "BackupTarget.Path"),
        "system_state": _has(_marks(row, "RecoverableItems"), "SystemState"),
        "bare_metal": _has(_marks(row, "RecoverableItems"), "BareMetalRecovery"),
        "vss": _vss(row, "VssBackupOption"),
        "volumes": rows.value(row, "Volume.MountPoint"),
    })


def _marks(row, path):
    """The names of flags that are set: Windows writes them as one text."""
    seen = rows.value(row, path)
    return seen if observed.is_hole(seen) else [part.strip() for part in str(seen).split(",")]


def _has(marks, name):
    return marks if observed.is_hole(marks) else name in marks


def _version_instant(version):
    """The instant of a version id: it is in UTC, while BackupTime is in the host's own time."""
    if not isinstance(version, str):
        return version
    return next(iter(version_instants(version)), observed.hole("failed", f"The version id {version!r} is not of the form MM/dd/yyyy-HH:mm."))


def _service(services, name):
    if observed.is_hole(services):
        return services
    found = next((one for one in services if not observed.is_hole(one) and str(one["name"]).casefold() == name.casefold()), None)
    absent = {"name": name, "state": None, "start_mode": None}
    return found or observed.first_hole(services) or absent


def _products(services):
    """The other products whose service is installed and not disabled."""
    if observed.is_hole(services):
        return services
    known = {name.casefold(): product for name, product in PRODUCTS.items()}
    found = []
    for one in services:
        if observed.is_hole(one):
            found.append(one)
            continue
        name = str(one["name"])
        product = "Commvault" if name.casefold().startswith(COMMVAULT.casefold()) else known.get(name.casefold())
        if product and one["start_mode"] != "Disabled":
            found.append({"product": product, "service": name, "state": one["state"]})
    return found


def _snapshot_devices(area):
    """How many devices of shadow copies Windows remembers, gone ones among them; a key that is not there holds none."""
    found = rows.every(area, "snapshot_devices", lambda row, index: row)
    if observed.is_hole(found):
        return 0 if _first_id(area, "snapshot_devices") == "PathNotFound" else found
    return observed.first_hole(found) or len(found)


def _events(area):
    """The newest events that say that shadow copies were lost; no such event is an error of the cmdlet and means none."""
    if _first_id(area, "snapshots_lost") == "NoMatchingEventsFound":
        return []
    return rows.every(area, "snapshots_lost", lambda row, index: {
        "record": rows.value(row, "RecordId"), "id": rows.value(row, "Id"), "at": rows.value(row, "TimeCreated")})


def _first_id(area, step):
    """The id of the one error of a step that brought nothing; "" where it brought something or no error."""
    runs = area.steps[step].runs
    errors = runs[0].errors if runs and not runs[0].rows else []
    return errors[0]["fqid"].split(",")[0] if len(errors) == 1 else ""


def _tls(area):
    """Whether TLS 1.0 is switched off for clients, and whether programs of .NET, 64 and 32 bits, then speak a newer one."""
    enabled, disabled = rows.registry(area, "tls", "Enabled"), rows.registry(area, "tls", "DisabledByDefault")
    off = observed.first_hole([enabled, disabled]) or (enabled == 0 or disabled == 1)
    strong = []
    for run in range(len(DOTNET)):
        values = [rows.registry(area, "dotnet", name, run) for name in ("SchUseStrongCrypto", "SystemDefaultTlsVersions")]
        strong.append(observed.first_hole(values) or 1 in values)
    return {"tls10_off": off, "dotnet_64": strong[0], "dotnet_32": strong[1]}
