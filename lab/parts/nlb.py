"""A node of a Network Load Balancing cluster: ``{name: the cluster}``; nodes have the priorities of their order in the estate."""
from __future__ import annotations

from lab.cmdlets import features


def build(document, told, name, estate):
    features.install(document, "NLB", "RSAT-NLB")
    fellows = [host for host, about in estate["description"]["hosts"].items() if (about or {}).get("nlb", {}).get("name") == told["name"]]
    document["nlb"] = {
        "cluster": told["name"], "address": "10.20.30.40", "priority": fellows.index(name) + 1, "state": "Converged", "mode": told.get("mode", "Multicast"),
        "interface": next(iter(document["adapters"])),
        "rules": [{"start": port, "end": port, "protocol": "Tcp", "affinity": "Single", "state": "Enabled"} for port in (80, 443)]}
