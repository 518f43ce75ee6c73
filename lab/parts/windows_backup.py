"""Windows Server Backup on a host: its disks and volumes, a policy with a disk of its own (or a share), and the runs of the last days.

In a description: ``true``, or ``{share: UNC path}`` as the target, ``feature: false`` where it is not installed, ``policy: false`` where nothing
is scheduled, ``volumes: [letters]`` beside C:, ``phantoms`` a number of devices of shadow copies that are long gone.
"""
from __future__ import annotations

from datetime import datetime, timedelta

from lab.cmdlets import features
from lab.estate import guid

GIB = 2**30
BACKUP_DISK = 9
DAYS = 3
SCHANNEL = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Client"      # hardened, as most are by now
DOTNET = (r"HKLM\SOFTWARE\Microsoft\.NETFramework\v4.0.30319", r"HKLM\SOFTWARE\Wow6432Node\Microsoft\.NETFramework\v4.0.30319")
SNAPSHOTS = r"HKLM\SYSTEM\CurrentControlSet\Enum\STORAGE\VolumeSnapshot"


def build(document, told, name, estate):
    """Fills the host's document. What runs later is in lab.cmdlets.windows_backup."""
    told = {} if told is True else told
    if told.get("feature", True):
        features.install(document, "Windows-Server-Backup")
    document.setdefault("providers", []).append("volsnap")
    document["registry"] |= {SCHANNEL: {"Enabled": ["DWord", 0], "DisabledByDefault": ["DWord", 1]},
                             **{key: {"SchUseStrongCrypto": ["DWord", 1], "SystemDefaultTlsVersions": ["DWord", 1]} for key in DOTNET}}
    for number in range(told.get("phantoms", 0)):
        document["registry"][rf"{SNAPSHOTS}\HarddiskVolumeSnapshot{number}"] = {"DeviceDesc": ["String", "Generic volume shadow copy"]}
    document["services"]["WinRM"] = {"display": "Windows Remote Management (WS-Management)", "state": "Running", "mode": "Auto",
                                     "account": r"NT AUTHORITY\NetworkService"}
    sql = bool(estate["description"]["hosts"][name] and estate["description"]["hosts"][name].get("sql"))
    letters = told.get("volumes", [*(drive for drive in document.get("drives", []) if drive != "C"), *(["S", "L"] if sql else [])])
    volumes = [_volume(name, 0, None, "System Reserved", 0.5, True), _volume(name, 0, "C:", "", 120, True)]
    volumes += [_volume(name, number, f"{letter}:", f"DATA{letter}", 500, False) for number, letter in enumerate(letters, 1)]
    disks = [_disk(name, number, "VMware Virtual disk SCSI Disk Device", 160 if number == 0 else 500) for number in range(len(letters) + 1)]
    backup = _disk(name, BACKUP_DISK, "VMware Virtual disk SCSI Disk Device", 1000)
    share, label = told.get("share"), f"{name[:7].capitalize()} 2026_01_12 09:41 DISK_01"
    taken = not share and told.get("policy", True) and told.get("feature", True)
    if taken:
        volumes.append(_volume(name, BACKUP_DISK, None, label, 1000, False))
    else:
        volumes.append(_volume(name, BACKUP_DISK, "F:", "Old data", 1000, False))
    target = {"kind": "share", "path": share, "label": share, "disk": None, "user": r"CONTOSO\svc-images", "key": ""} if share else \
        {"kind": "disk", "path": volumes[-1]["point"], "label": label, "disk": backup["id"], "user": None, "key": ""}
    policy = {"bare_metal": True, "system_state": True, "vss": "VssCopyBackup" if sql else "VssFullBackup", "schedule": ["21:00"],
              "volumes": [], "targets": [target]}
    kept = {"disks": [*disks, backup], "volumes": volumes, "policy": None, "jobs": []}
    if told.get("policy", True) and told.get("feature", True):
        kept["policy"] = {**policy, "since": estate["clock"]}
        kept["jobs"] = [_job(policy, volumes, day, estate["clock"]) for day in range(DAYS, 0, -1)]
    document["windows_backup"] = kept


def _volume(host, disk, path, label, gib, critical):
    point = rf"\\?\Volume{{{guid('volume', host, path or label)}}}"
    return {"point": point, "path": path, "label": label, "size": int(gib * GIB), "free": int(gib * GIB * 0.4), "critical": critical, "disk": disk}


def _disk(host, number, name, gib):
    return {"number": number, "id": guid("disk", host, str(number)), "name": name, "size": gib * GIB}


def _job(policy, volumes, days_ago, clock):
    """A scheduled run at 20:00 UTC (21:00 in winter) that went well."""
    since = (datetime.fromisoformat(clock[:10]) - timedelta(days=days_ago)).replace(hour=20, second=16)
    return {"since": stamp(since), "ends": stamp(since + timedelta(minutes=34)), "result": 0, "detail": 0, "target": policy["targets"][0]["path"],
            "kind": policy["targets"][0]["kind"], "system_state": True, "bare_metal": True, "vss": policy["vss"],
            "volumes": [volume["point"] for volume in volumes if volume["critical"]]}


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
