"""Storage of a host: ``raid`` (a controller that shows logical drives and hides their members) or ``mirror`` (a mirrored pool of Storage Spaces).

A mapping says more: ``{kind: mirror, iscsi: true}`` adds a disk of an array over two iSCSI sessions. Volumes of a host that carries SQL Server
have the letters that lab/sqlmodel gives the files; on the nodes of a failover cluster instance they are clustered.
"""
from __future__ import annotations

from lab.cmdlets import features
from lab.estate import guid

GB = 2**30
LABELS = {"S": "SQL data", "D": "SQL data", "L": "SQL log", "T": "Tracking data", "M": "Tracking log"}


def build(document, told, name, estate):
    document["modules"].append("Deduplication")
    told = {"kind": told} if isinstance(told, str) else dict(told)
    storage = document["storage"] = {kind: [] for kind in ("disks", "physical", "pools", "virtual", "volumes", "iscsi")}
    _add(storage, name, "C", 120, "System")
    if told["kind"] == "raid":
        data = "S" if _clustered(document, estate) else "D"
        for letter in (data, "LTM") if document.get("registry") and _carries_sql(name, document, estate) else ("D",):
            for one in letter:
                _add(storage, name, one, 200, LABELS[one], clustered=data == "S")
    else:
        _mirror(storage, name, document)
    if told.get("iscsi"):
        _iscsi(storage, name, document)


def _carries_sql(name, document, estate):
    return any(name in ([about.get("host")] + estate["description"].get("clusters", {}).get(about.get("cluster"), {}).get("nodes", []))
               for about in estate["description"].get("instances", {}).values())


def _clustered(document, estate):
    cluster = estate["clusters"].get(document["cluster"])
    return bool(cluster) and any(group["name"].startswith("SQL Server (") for group in cluster["groups"])


def _add(storage, name, letter, size, label, bus=8, model="Contoso RAID 740", clustered=False, unique_id=None, media=0):
    number = len(storage["disks"])
    serial = guid("disk", "cluster" if clustered else name, letter).replace("-", "").upper()[:16]
    disk = {"number": number, "model": model, "bus": bus, "health": 0, "offline": False, "clustered": clustered, "size": size * GB, "serial": serial,
            "unique_id": unique_id or "6" + serial.ljust(31, "0"), "firmware": "5.16"}
    storage["disks"].append(disk)
    if bus != 16:
        storage["physical"].append({**disk, "device": str(number), "media": media, "usage": 1})
    storage["volumes"].append({"letter": letter, "path": f"\\\\?\\Volume{{{guid('volume', name, letter)}}}\\", "label": label, "disk": number,
                               "size": size * GB, "used": size * GB * 2 // 5, "dedup": 0, "compressed": False})
    return disk


def _mirror(storage, name, document):
    """Two drives in a pool, and the rest of the host's letters on a two-way mirror of them."""
    letters = [letter for letter in document.get("drives", "CE") if letter != "C"]
    for slot in range(2):
        serial = guid("member", name, str(slot)).replace("-", "").upper()[:12]
        storage["physical"].append({"device": str(10 + slot), "model": "Contoso HDD 8T", "bus": 11, "media": 3, "health": 0, "usage": 1, "size": 8000 * GB,
                                    "serial": serial, "unique_id": "5000C500" + serial[:8], "firmware": "SN04"})
    storage["pools"].append({"name": "BtsPool", "size": 16000 * GB, "allocated": 4000 * GB * len(letters)})
    for letter in letters:
        unique = guid("space", name, letter).replace("-", "").upper()
        storage["virtual"].append({"name": f"Mirror{letter}", "unique_id": unique, "resiliency": "Mirror", "copies": 2, "redundancy": 1, "size": 2000 * GB})
        _add(storage, name, letter, 2000, "Backups", bus=16, model="Msft Storage Space", unique_id=unique)


def _iscsi(storage, name, document):
    features.install(document, "Multipath-IO")
    document["services"]["MSiSCSI"] = {"display": "Microsoft iSCSI Initiator Service", "state": "Running", "mode": "Auto", "account": "LocalSystem"}
    _add(storage, name, "I", 500, "Array", bus=9, model="Contoso Array LUN")
    storage["iscsi"] += [{"target": "iqn.2001-04.com.contoso:array1", "initiator": f"iqn.1991-05.com.microsoft:{name}", "connected": True,
                          "persistent": True, "id": f"ffffe00{place}2f5c4010-40000137000000{place}0"} for place in (1, 2)]
