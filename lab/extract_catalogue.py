"""Makes lab/catalogue.json: what the reference catalogue says of the cmdlets and objects that the lab models.

Usage: python -m lab.extract_catalogue <folder with cmdlets.json and objects.json>
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

from lab.backend import COMMANDS

CLUSTER = "Microsoft.FailoverClusters.PowerShell."
OBJECTS = {
    **{CLUSTER + name: CLUSTER + name for name in (
        "Cluster", "ClusterNode", "ClusterNetwork", "ClusterNetworkInterface", "ClusterGroup", "ClusterResource", "ClusterResourceType",
        "ClusterParameter", "ClusterQuorumSettings", "ClusterRegistryCheckpoint", "ClusterResourceDependency", "ClusterOwnerNodeList")},
    "Dtc": "Dtc", "DtcNetworkSettings": "DtcNetworkSetting",
    **{name: name for name in ("Win32_OperatingSystem", "Win32_ComputerSystem", "Win32_Service")},
    **{name: name for name in ("MSFT_Disk", "MSFT_PhysicalDisk", "MSFT_StoragePool", "MSFT_VirtualDisk", "MSFT_Partition", "MSFT_Volume")},
}


SHAREPOINT = "Microsoft.SharePoint.Administration."
OBJECTS |= {SHAREPOINT + name: SHAREPOINT + name for name in ("SPFarm", "SPServer", "SPServiceInstance", "SPDatabase")}


def module_of(modules, name):
    """A module of the catalogue by its name, or by that of the snap-in that holds the same cmdlets."""
    return modules.get(name) or next(module for module in modules.values() if module.get("snapin") == name)


def extract(cmdlets, objects):
    """The part of the catalogue that the lab needs, in its own shape."""
    made = {"cmdlets": {}, "objects": {}, "enums": {}}
    for command in sorted(COMMANDS):
        module, name = command.split("\\")
        page = module_of(cmdlets["modules"], module)["cmdlets"][name]
        newer = {p for p, v in page["parameters"].items() if v.get("os") and not {"2016", "2019"} & set(v["os"])}
        made["cmdlets"][command] = {
            "parameters": {p: {key: v[key] for key in ("type", "aliases", "switch", "values") if key in v}
                           for p, v in page["parameters"].items() if p not in newer},
            "sets": {s: {part: [p for p in members.get(part, ()) if p not in newer] for part in ("mandatory", "optional")}
                     for s, members in page.get("parameter_sets_by_os", {}).get("2019", page["parameter_sets"]).items()},
        }
    for source, name in OBJECTS.items():
        page = objects["objects"][source]["properties"]
        made["objects"][name] = {p: v["type"] for p, v in page.items() if not v.get("seen_in")}
        for kind in made["objects"][name].values():
            kind = kind.removeprefix("System.Nullable<").rstrip(">")
            if kind in objects["enums"]:
                made["enums"][kind] = objects["enums"][kind]["values"]
    return made


def main(folder):
    cmdlets, objects = (json.loads((Path(folder) / name).read_text(encoding="utf-8")) for name in ("cmdlets.json", "objects.json"))
    text = json.dumps(extract(cmdlets, objects), sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name("catalogue.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
