# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``storage``: the disks of a host, what Storage Spaces makes of them, the volumes on them, paths, iSCSI sessions and shares.

All by CIM and by numbers: cmdlets and mpclaim write words, some of them translated. What stands behind a RAID controller, a hypervisor
or an array Windows does not show; ``hides_members`` says where that may be so. Sources: MSFT_Disk, MSFT_PhysicalDisk, MSFT_VirtualDisk,
MSFT_StorageTier, MSFT_Partition, MSFT_Volume, MSFT_SmbShare, MSFT_iSCSISession, Win32_Volume and MPIO_DISK_INFO reference pages.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

NAME = "storage"

CIM = r"CimCmdlets\Get-CimInstance"
SPACES = "root/Microsoft/Windows/Storage"

BUSES = {0: "unknown", 1: "SCSI", 2: "ATAPI", 3: "ATA", 4: "1394", 5: "SSA", 6: "Fibre Channel", 7: "USB", 8: "RAID", 9: "iSCSI", 10: "SAS", 11: "SATA",
         12: "SD", 13: "MMC", 14: "virtual", 15: "file", 16: "Storage Spaces", 17: "NVMe", 18: "SCM"}
ONE_DRIVE = ("ATAPI", "ATA", "1394", "USB", "SATA", "SD", "MMC", "NVMe", "SCM")     # what is on these is the drive itself
HEALTH = {0: "Healthy", 1: "Warning", 2: "Unhealthy"}      # of disks and virtual disks; anything else nobody knows
VOLUME_HEALTH = {0: "Healthy", 1: "Scan needed", 2: "Spot fix needed", 3: "Full repair needed"}
OK = (2, 0xD010)                                            # OperationalStatus: OK, Online
RETIRED = 4                                                 # Usage
DEDUP_OFF = (0, 4)                                          # DedupMode: disabled, not available
FIXED = 3                                                   # DriveType

SELECT = {
    "disks": ["Number", "FriendlyName", "BusType", "HealthStatus", "OperationalStatus", "IsOffline", "IsClustered", "Size", "SerialNumber", "UniqueId",
              "Model", "FirmwareVersion"],
    "physical_disks": ["DeviceId", "FriendlyName", "BusType", "MediaType", "HealthStatus", "OperationalStatus", "Usage", "Size", "SerialNumber",
                       "UniqueId", "Model", "FirmwareVersion"],
    "pools": ["FriendlyName", "IsPrimordial", "HealthStatus", "OperationalStatus", "Size", "AllocatedSize"],
    "virtual_disks": ["FriendlyName", "UniqueId", "ResiliencySettingName", "NumberOfDataCopies", "PhysicalDiskRedundancy", "HealthStatus",
                      "OperationalStatus", "Size"],
    "partitions": ["DiskNumber", "PartitionNumber", "AccessPaths"],
    "volumes": ["Path", "DriveLetter", "FileSystemLabel", "FileSystem", "DriveType", "HealthStatus", "Size", "SizeRemaining", "DedupMode"],
    "compression": ["DeviceID", "Compressed"],
    "paths": ["DriveInfo.Name", "DriveInfo.NumberPaths", "DriveInfo.SerialNumber", "DriveInfo.DsmName"],
    "iscsi": ["TargetNodeAddress", "InitiatorNodeAddress", "SessionIdentifier", "IsConnected", "IsPersistent"],
    "iscsi_service": ["State", "StartMode"],
    "shares": ["Name", "Path", "ScopeName", "ContinuouslyAvailable", "Special"],
}


def steps(variables):
    """The calls that read the area, in order."""
    def cim(id, name, namespace=SPACES, **more):
        return call("storage_" + id, CIM, {"Namespace": namespace, "ClassName": name, **more}, select=SELECT[id])

    return [
        cim("disks", "MSFT_Disk"), cim("physical_disks", "MSFT_PhysicalDisk"), cim("pools", "MSFT_StoragePool"),
        cim("virtual_disks", "MSFT_VirtualDisk"), cim("partitions", "MSFT_Partition"),
        cim("volumes", "MSFT_Volume"), cim("compression", "Win32_Volume", "root/cimv2"),
        cim("paths", "MPIO_DISK_INFO", "root/wmi"), cim("iscsi", "MSFT_iSCSISession"),
        cim("iscsi_service", "Win32_Service", "root/cimv2", Filter="Name='MSiSCSI'"),
        cim("shares", "MSFT_SmbShare", "root/Microsoft/Windows/SMB"),
    ]


def shape(area):
    """The host's storage as plain data; what was not seen is a hole (see ``observed``)."""
    virtual = rows.every(area, "storage_virtual_disks", _virtual_disk)
    disks = rows.every(area, "storage_disks", lambda row, index: _disk(row, virtual))
    return {
        "disks": disks,
        "physical_disks": rows.every(area, "storage_physical_disks", _physical_disk),
        "pools": _without(rows.every(area, "storage_pools", _pool), "primordial"),
        "virtual_disks": virtual,
        "volumes": _volumes(area, disks),
        "mpio": _mpio(area),
        "iscsi": {"sessions": rows.every(area, "storage_iscsi", _session), "service": _service(area)},
        "shares": _without(rows.every(area, "storage_shares", lambda row, index: {
            "name": rows.value(row, "Name"), "path": rows.value(row, "Path"), "scope": rows.value(row, "ScopeName"),
            "continuous": rows.value(row, "ContinuouslyAvailable"), "special": rows.value(row, "Special")}), "special"),
    }


def coded(row, path, table):
    """The name of a numbered value: MSFT classes give the number, the module Storage in the same session its English name."""
    seen = rows.enum(row, path, table)
    if observed.is_hole(seen) or seen is None:
        return observed.hole("null", f"{path} is null.") if seen is None else seen
    names = {name.casefold(): name for name in table.values()}
    known = names.get(str(seen).casefold())
    return known or observed.hole("failed", f"{path} is {seen!r}, of which the reference says nothing.")


def _is_ok(row):
    """Whether OperationalStatus says that all is well; it is a number or a list of them, or their names."""
    seen = rows.value(row, "OperationalStatus")
    if observed.is_hole(seen) or seen is None or seen == []:
        return observed.hole("null", "OperationalStatus is null.") if seen is None or seen == [] else seen
    return all(one in OK or str(one).casefold() in ("ok", "online") for one in (seen if isinstance(seen, list) else [seen]))


def _disk(row, virtual):
    bus = coded(row, "BusType", BUSES)
    number, name, unique = (rows.value(row, path) for path in ("Number", "FriendlyName", "UniqueId"))
    space = _space_of(bus, unique, virtual)
    return {
        "name": number if observed.is_hole(number) else f"disk {number}", "number": number, "model": name, "bus": bus,
        "health": coded(row, "HealthStatus", HEALTH), "ok": _is_ok(row), "offline": rows.value(row, "IsOffline"),
        "clustered": rows.value(row, "IsClustered"), "bytes": rows.value(row, "Size"), "serial": _text(rows.value(row, "SerialNumber")),
        "unique_id": unique, "hides_members": bus if observed.is_hole(bus) else bus not in ONE_DRIVE and bus != "Storage Spaces",
        "virtual_disk": space if space is None or observed.is_hole(space) else space["name"],
        "resiliency": space if observed.is_hole(space) else space["resiliency"] if space else resiliency_of(bus),
    }


def resiliency_of(bus):
    """What a disk that is no space has: none where it is one drive; ``not shown`` where it may be anything."""
    if observed.is_hole(bus):
        return bus
    return "none" if bus in ONE_DRIVE else "not shown"


def _space_of(bus, unique, virtual):
    """The virtual disk that a disk of Storage Spaces is; None for any other disk."""
    unseen = observed.first_hole([bus])
    if unseen or bus != "Storage Spaces":
        return unseen
    unseen = observed.first_hole([unique, virtual])
    if unseen:
        return unseen
    found = next((one for one in virtual if not observed.is_hole(one) and one["unique_id"] == unique), None)
    return found or observed.first_hole(virtual) or observed.hole("missing", "No virtual disk has the unique id of this disk.")


def _virtual_disk(row, index):
    named, copies, redundancy = (rows.value(row, path) for path in ("ResiliencySettingName", "NumberOfDataCopies", "PhysicalDiskRedundancy"))
    return {"name": rows.value(row, "FriendlyName"), "unique_id": rows.value(row, "UniqueId"), "resiliency": resiliency(named, copies, redundancy),
            "health": coded(row, "HealthStatus", HEALTH), "ok": _is_ok(row), "bytes": rows.value(row, "Size"), "survives_disks": redundancy}


def resiliency(named, copies, redundancy):
    """mirror, parity or none, of Storage Spaces: the redundancy decides, not the name (parity has one copy, and yet redundancy 1)."""
    unseen = observed.first_hole([redundancy])
    if unseen or redundancy is None:
        return unseen or observed.hole("null", "The virtual disk does not say how many disks it may lose: its tiers have resiliencies of their own.")
    if redundancy == 0:
        return "none"
    unseen = observed.first_hole([copies])
    if unseen or copies is None:
        return unseen or observed.hole("null", "NumberOfDataCopies is null.")
    return "mirror" if copies > 1 else "parity"


def _physical_disk(row, index):
    name, number, usage = (rows.value(row, path) for path in ("FriendlyName", "DeviceId", "Usage"))
    model, firmware = _text(rows.value(row, "Model")), _text(rows.value(row, "FirmwareVersion"))
    return {"name": name if observed.is_hole(name) else name if observed.is_hole(number) else f"{name} ({number})",
            "bus": coded(row, "BusType", BUSES), "health": coded(row, "HealthStatus", HEALTH), "ok": _is_ok(row), "model": model, "firmware": firmware,
            "retired": usage if observed.is_hole(usage) else usage in (RETIRED, "Retired"), "bytes": rows.value(row, "Size"),
            "serial": _text(rows.value(row, "SerialNumber"))}


def _pool(row, index):
    return {"name": rows.value(row, "FriendlyName"), "primordial": rows.value(row, "IsPrimordial"), "health": coded(row, "HealthStatus", HEALTH),
            "ok": _is_ok(row), "bytes": rows.value(row, "Size"), "allocated": rows.value(row, "AllocatedSize")}


def _without(elements, flag):
    """The elements whose *flag* is not true, without it."""
    if observed.is_hole(elements):
        return elements
    left = []
    for one in elements:
        if observed.is_hole(one) or observed.is_hole(one[flag]):
            left.append(one if observed.is_hole(one) else one[flag])
        elif one[flag] is not True:
            left.append({name: value for name, value in one.items() if name != flag})
    return left


def _volumes(area, disks):
    """Fixed volumes with their paths, the disks that they lie on, and the weakest resiliency among these."""
    partitions = rows.every(area, "storage_partitions", lambda row, index: {
        "disk": rows.value(row, "DiskNumber"), "paths": rows.value(row, "AccessPaths")})
    compressed = rows.every(area, "storage_compression", lambda row, index: (rows.value(row, "DeviceID"), rows.value(row, "Compressed")))
    found = rows.every(area, "storage_volumes", lambda row, index: _volume(row, partitions, compressed, disks))
    if observed.is_hole(found):
        return found
    return [volume for volume in found if volume is not None]


def _volume(row, partitions, compressed, disks):
    path, drive_type, letter = (rows.value(row, name) for name in ("Path", "DriveType", "DriveLetter"))
    if drive_type not in (FIXED, "Fixed"):
        return drive_type if observed.is_hole(drive_type) else None
    here = _partition_of(path, partitions)
    paths = here if observed.is_hole(here) else [one for one in here["paths"] if not one.startswith("\\\\?\\")]
    disk = here if observed.is_hole(here) else _numbered(here["disk"], disks)
    size, free, mode = (rows.value(row, name) for name in ("Size", "SizeRemaining", "DedupMode"))
    unseen = observed.first_hole([size, free])
    drive = None if letter in (None, "", "\0") or observed.is_hole(letter) else f"{chr(letter) if isinstance(letter, int) else letter}:\\"
    return {
        "name": drive or (path if observed.is_hole(paths) or not paths else paths[0]), "paths": paths, "label": rows.value(row, "FileSystemLabel"),
        "file_system": rows.value(row, "FileSystem"), "health": coded(row, "HealthStatus", VOLUME_HEALTH), "bytes": size, "free_bytes": free,
        "free_percent": unseen or (observed.hole("failed", "The volume has no size.") if not size else free * 100 // size),
        "dedup": mode if observed.is_hole(mode) else _dedup(mode), "compressed": _compressed(path, compressed),
        "disk": disk if observed.is_hole(disk) else disk["name"], "resiliency": disk if observed.is_hole(disk) else disk["resiliency"],
    }


def _dedup(mode):
    if mode is None:
        return observed.hole("null", "DedupMode is null.")
    return mode not in DEDUP_OFF and str(mode).casefold() not in ("disabled", "notavailable")


def _partition_of(path, partitions):
    unseen = observed.first_hole([path, partitions])
    if unseen:
        return unseen
    there = [one if observed.is_hole(one) else observed.first_hole([one["paths"], one["disk"]]) or one for one in partitions]
    found = [one for one in there if not observed.is_hole(one) and path in (one["paths"] or ())]
    if len(found) == 1:
        return found[0]
    if found:
        return observed.hole("failed", f"The volume {path} lies on {len(found)} partitions.")
    return observed.first_hole(there) or observed.hole("missing", f"No partition holds the volume {path}: it may be one of a dynamic disk.")


def _numbered(number, disks):
    if observed.is_hole(disks):
        return disks
    found = next((disk for disk in disks if not observed.is_hole(disk) and disk["number"] == number), None)
    return found or observed.first_hole(disks) or observed.hole("missing", f"There is no disk {number}.")


def _compressed(path, compressed):
    unseen = observed.first_hole([path, compressed])
    if unseen:
        return unseen
    return next((value for one in compressed if not observed.is_hole(one) for device, value in [one] if device == path),
                observed.first_hole(compressed) or observed.hole("missing", f"Win32_Volume has no {path}."))


def _mpio(area):
    """Disks with several paths; null where MPIO is not installed (its classes are not there)."""
    found = rows.every(area, "storage_paths", lambda row, index: [row[path] for path in SELECT["paths"]])
    if observed.is_hole(found):
        return None if found["$unknown"]["reason"] == "absent" else found
    disks = []
    for one in found:
        columns = [one] if observed.is_hole(one) else [part if isinstance(part, list) else [part] for part in one]
        lengths = {len(column) for column in columns if isinstance(column, list)}
        if observed.is_hole(one) or len(lengths) != 1 or any({"$missing": True} in column for column in columns):
            disks.append(one if observed.is_hole(one) else observed.hole("failed", "DriveInfo is not of the form that the reference describes."))
        else:
            disks += [{"name": name, "paths": number, "serial": _text(serial), "dsm": dsm} for name, number, serial, dsm in zip(*columns)]
    return disks


def _session(row, index):
    target, initiator, identifier = (rows.value(row, path) for path in ("TargetNodeAddress", "InitiatorNodeAddress", "SessionIdentifier"))
    return {"name": observed.first_hole([target, identifier]) or f"{target} ({identifier})", "initiator": initiator,
            "connected": rows.value(row, "IsConnected"), "persistent": rows.value(row, "IsPersistent")}


def _service(area):
    found = rows.every(area, "storage_iscsi_service", lambda row, index: {"state": rows.value(row, "State"), "start_mode": rows.value(row, "StartMode")})
    return found if observed.is_hole(found) else found[0] if found else None


def _text(value):
    return value.strip() if isinstance(value, str) else value
