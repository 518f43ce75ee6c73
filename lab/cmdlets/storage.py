"""Disks, pools, volumes, shares, paths and iSCSI sessions of a host, as the MSFT classes have them: numbers and no words.

``host["storage"]`` is made by lab/parts/storage.py. A clustered disk has its volumes where its group is; a share is one of the estate.
"""
from __future__ import annotations

from lab import files, sids
from lab.backend import cmdlet
from lab.bind import typed
from lab.cim import cim_class
from lab.values import link

STORAGE = "root/Microsoft/Windows/Storage"
PAGES = "reference pages of Storage, iSCSI and Deduplication"


def _of(run, kind):
    return run.host.get("storage", {}).get(kind, [])


def _is_here(run, disk):
    """Whether a disk's volumes are on this host: a clustered one is where the group of its SQL Server is."""
    cluster = run.state.cluster_of(run.backend.host)
    if not disk["clustered"] or cluster is None:
        return True
    owners = [group["owner"] for group in cluster["groups"] if group["name"].startswith("SQL Server (")]
    return run.host["name"] in owners


def _disks(run):
    return {disk["number"]: disk for disk in _of(run, "disks") if _is_here(run, disk)}


@cim_class(STORAGE, "MSFT_Disk")
def disks(run):
    return [typed("MSFT_Disk", "", {
        "Number": disk["number"], "FriendlyName": disk["model"], "Model": disk["model"], "BusType": disk["bus"], "HealthStatus": disk["health"],
        "OperationalStatus": 0xD013 if disk["offline"] or not _is_here(run, disk) else 0xD010, "IsOffline": disk["offline"] or not _is_here(run, disk),
        "IsClustered": disk["clustered"], "Size": disk["size"], "SerialNumber": disk["serial"], "UniqueId": disk["unique_id"],
        "FirmwareVersion": disk["firmware"], "PartitionStyle": 2, "IsBoot": disk["number"] == 0, "IsSystem": disk["number"] == 0,
        "ProvisioningType": 2, "NumberOfPartitions": 2}).properties for disk in _of(run, "disks")]


@cim_class(STORAGE, "MSFT_PhysicalDisk")
def physical_disks(run):
    return [{**typed("MSFT_PhysicalDisk", "", {
        "DeviceId": disk["device"], "FriendlyName": disk["model"], "Model": disk["model"], "BusType": disk["bus"], "MediaType": disk["media"],
        "HealthStatus": disk["health"], "OperationalStatus": [2 if disk["health"] == 0 else 5], "Usage": disk["usage"], "Size": disk["size"],
        "SerialNumber": disk["serial"], "FirmwareVersion": disk["firmware"]}).properties, "UniqueId": disk["unique_id"]}
        for disk in _of(run, "physical")]


@cim_class(STORAGE, "MSFT_StoragePool")
def pools(run):
    primordial = {"name": "Primordial", "primordial": True, "size": sum(disk["size"] for disk in _of(run, "physical")), "allocated": 0}
    return [typed("MSFT_StoragePool", "", {
        "FriendlyName": pool["name"], "IsPrimordial": pool.get("primordial", False), "HealthStatus": 0, "OperationalStatus": [2], "Size": pool["size"],
        "AllocatedSize": pool["allocated"]}).properties for pool in [primordial, *_of(run, "pools")]]


@cim_class(STORAGE, "MSFT_VirtualDisk")
def virtual_disks(run):
    """A virtual disk with a retired or failed member is degraded."""
    lame = any(disk["health"] or disk["usage"] == 4 for disk in _of(run, "physical"))
    return [typed("MSFT_VirtualDisk", "", {
        "FriendlyName": one["name"], "UniqueId": one["unique_id"], "ResiliencySettingName": one["resiliency"], "NumberOfDataCopies": one["copies"],
        "PhysicalDiskRedundancy": one["redundancy"], "HealthStatus": 1 if lame else 0, "OperationalStatus": [3 if lame else 2],
        "Size": one["size"]}).properties for one in _of(run, "virtual")]


@cim_class(STORAGE, "MSFT_Partition")
def partitions(run):
    there = _disks(run)
    return [typed("MSFT_Partition", "", {
        "DiskNumber": volume["disk"], "PartitionNumber": 2, "DriveLetter": volume["letter"], "Size": volume["size"],
        "AccessPaths": [f"{volume['letter']}:\\", volume["path"]]}).properties
        for volume in _of(run, "volumes") if volume["disk"] in there and not there[volume["disk"]]["offline"]]


@cim_class(STORAGE, "MSFT_Volume")
def volumes(run):
    there = _disks(run)
    return [typed("MSFT_Volume", "", {
        "Path": volume["path"], "DriveLetter": volume["letter"], "FileSystemLabel": volume["label"], "FileSystem": "NTFS", "FileSystemType": 14,
        "DriveType": 3, "HealthStatus": 0, "Size": volume["size"], "SizeRemaining": volume["size"] - volume["used"],
        "DedupMode": volume["dedup"]}).properties
        for volume in _of(run, "volumes") if volume["disk"] in there and not there[volume["disk"]]["offline"]]


@cim_class("root/cimv2", "Win32_Volume")
def win32_volumes(run):
    there = _disks(run)
    return [{"Name": f"{volume['letter']}:\\", "DeviceID": volume["path"], "DriveType": 3, "Compressed": volume["compressed"]}
            for volume in _of(run, "volumes") if volume["disk"] in there]


@cim_class("root/wmi", "MPIO_DISK_INFO")
def mpio(run):
    """One instance for all disks with several paths; each connected session is a path. None (no such class) without the feature."""
    if "Multipath-IO" not in run.host.get("features", []):
        return None
    paths = sum(session["connected"] for session in _of(run, "iscsi"))
    disks = [disk for disk in _of(run, "disks") if disk["bus"] == 9]
    return [{"InstanceName": r"Root\MPIO\0000_0", "Active": True, "NumberDrives": len(disks), "DriveInfo": [
        {"Name": f"MPIO Disk{place}", "NumberPaths": paths, "SerialNumber": disk["unique_id"], "DsmName": "Microsoft DSM"}
        for place, disk in enumerate(disks)]}]


@cim_class(STORAGE, "MSFT_iSCSISession")
def sessions(run):
    return [{"TargetNodeAddress": one["target"], "InitiatorNodeAddress": one["initiator"], "SessionIdentifier": one["id"], "IsConnected": one["connected"],
             "IsPersistent": one["persistent"]} for one in _of(run, "iscsi")]


@cim_class("root/Microsoft/Windows/SMB", "MSFT_SmbShare")
def shares(run):
    """The shares of the estate that this host holds, and the administrative ones. Scope * is the computer itself."""
    own = [("ADMIN$", r"C:\Windows", True, {"access": {files.ADMINISTRATORS: "Full"}}), ("IPC$", "", True, {"access": {files.ADMINISTRATORS: "Full"}})]
    for path, share in run.state.shares.items():
        server, name = path.strip("\\").split("\\")[:2]
        if server.casefold() == run.backend.host.casefold() and share.get("path"):
            own.append((name, share["path"], False, share))
    return [{"Name": name, "Path": path, "ScopeName": "*", "ContinuouslyAvailable": False, "Special": special,
             "EncryptData": share.get("encrypt", False), "SecurityDescriptor": sids.of_share(share)} for name, path, special, share in own]


# --- what an operator does

def _administrator(run):
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("StorageWMI 40001", "PermissionDenied", link("Microsoft.Management.Infrastructure.CimException", "Access denied", 2147749891))


def _not_found(run, what):
    return run.error("CmdletizationQuery_NotFound", "ObjectNotFound", link(
        "Microsoft.PowerShell.Cmdletization.Cim.CimJobException", f"No objects found with {what}."))


@cmdlet(r"Storage\Set-Disk", takes="Number IsOffline", source=PAGES, changes=True)
def set_disk(run):
    """Takes a disk offline or brings it online."""
    _administrator(run)
    disk = next((disk for disk in _of(run, "disks") if disk["number"] == run.get("Number")), None)
    if disk is None:
        raise _not_found(run, f"Number {run.get('Number')}")
    disk["offline"] = run.get("IsOffline", disk["offline"])
    return []


@cmdlet(r"Storage\Set-PhysicalDisk", takes="FriendlyName UniqueId Usage", source=PAGES, changes=True,
        assumed="the virtual disks of the pool are degraded at once")
def set_physical_disk(run):
    """Retires a member of a pool, or takes it back."""
    _administrator(run)
    wanted = [disk for disk in _of(run, "physical") if run.get("UniqueId", disk["unique_id"]) == disk["unique_id"]
              and run.get("FriendlyName", disk["model"]) == disk["model"]]
    if not wanted:
        raise _not_found(run, f"{run.get('UniqueId') or run.get('FriendlyName')}")
    for disk in wanted:
        disk["usage"] = {"Retired": 4, "AutoSelect": 1, "HotSpare": 3}[run.get("Usage")]
    return []


@cmdlet(r"Storage\Resize-Partition", takes="DriveLetter Size", source=PAGES, changes=True)
def resize_partition(run):
    """Makes a volume larger or smaller, down to what is on it."""
    _administrator(run)
    volume = _lettered(run, str(run.get("DriveLetter")))
    if run.get("Size") < volume["used"]:
        raise run.error("StorageWMI 4097", "NotSpecified", link("Microsoft.Management.Infrastructure.CimException", "Size Not Supported", 2147749889))
    volume["size"] = run.get("Size")
    return []


def _lettered(run, text):
    volume = next((volume for volume in _of(run, "volumes") if volume["letter"].casefold() == text.rstrip(":\\").casefold()), None)
    if volume is None:
        raise _not_found(run, f"DriveLetter {text}")
    return volume


@cmdlet(r"Deduplication\Enable-DedupVolume", takes="Volume UsageType", source=PAGES, changes=True)
def enable_dedup(run):
    """Switches deduplication on for volumes."""
    _administrator(run)
    for text in run.get("Volume"):
        _lettered(run, text)["dedup"] = {"HyperV": 2, "Backup": 3}.get(run.get("UsageType"), 1)
    return []


def _sessions(run):
    wanted = run.get("SessionIdentifier", "*")
    wanted = wanted if isinstance(wanted, list) else [wanted]
    found = [one for one in _of(run, "iscsi") if "*" in wanted or one["id"] in wanted]
    if not found:
        raise _not_found(run, f"SessionIdentifier {wanted[0]}")
    return found


@cmdlet(r"iSCSI\Disconnect-IscsiTarget", takes="NodeAddress SessionIdentifier", source=PAGES, changes=True)
def disconnect_target(run):
    """Ends a session; the disk loses a path."""
    _administrator(run)
    for session in _sessions(run):
        session["connected"] = False
    return []


@cmdlet(r"iSCSI\Unregister-IscsiSession", takes="SessionIdentifier", source=PAGES, changes=True)
def unregister_session(run):
    """Takes a session out of the favorite targets: it is not made again after a restart."""
    _administrator(run)
    for session in _sessions(run):
        session["persistent"] = False
    return []
