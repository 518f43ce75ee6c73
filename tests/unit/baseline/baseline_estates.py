"""Hand-made snapshots of a healthy estate, in the shapes of the areas: two clusters, a BizTalk host outside, a file server."""
from __future__ import annotations

import copy
import dataclasses

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

DENIED = observed.hole("denied", "Access is denied.")
UNREACHABLE = observed.hole("unreachable", "It does not answer.")


def resource(name, kind, group, owner, depends=(), **more):
    return {"name": name, "id": f"id-{name}", "type": kind, "state": "Online", "group": group, "owner_node": owner, "core": False,
            "pending_timeout_ms": 180000, "restart_action": "restart_or_fail_over", "restart_threshold": 1, "restart_period_ms": 900000,
            "retry_period_ms": 3600000, "service_name": None, "use_network_name": None, "share_path": None,
            "status_dns": 0 if kind == "Network Name" else None, "status_kerberos": 0 if kind == "Network Name" else None,
            "virtual_server": None, "instance": None, "parameters": [],
            "dependency_expression": "", "depends_on": [name for name, _kind in depends],
            "depends_on_types": [kind for _name, kind in depends], "possible_owners": [], **more}


def parameters(**values):
    return [{"name": name, "value": value} for name, value in values.items()]


def cluster(name, nodes, resources, witness=None):
    return {
        "name": name, "id": f"id-{name}", "domain": "contoso.test", "functional_level": 10, "dynamic_quorum": True,
        "lower_priority_node_id": 0,
        "heartbeat": {"same_subnet_delay_ms": 1000, "same_subnet_threshold": 20, "cross_subnet_delay_ms": 1000,
                      "cross_subnet_threshold": 20, "route_history_length": 40},
        "nodes": [{"name": node, "id": str(number), "state": "Up", "weight": 1, "dynamic_weight": 1}
                  for number, node in enumerate(nodes, 1)],
        "networks": [{"name": f"Net {n}", "id": f"net-{n}", "role": role, "state": "Up", "address": f"192.0.{n}.0"}
                     for n, role in ((1, "ClusterAndClient"), (2, "Cluster"), (3, "None"))],
        "interfaces": [{"name": f"{node} - Ethernet {n}", "id": f"{node}-{n}", "node": node, "network": f"Net {n}", "state": "Up"}
                       for node in nodes for n in (1, 2, 3)],
        "groups": [{"name": "Cluster Group", "id": "g", "type": "Cluster", "core": True, "state": "Online", "owner_node": nodes[0],
                    "preferred_owners": []}],
        "resources": resources,
        "quorum": {"type": "Majority", "witness": witness},
        "features": [{"name": feature, "installed": True} for feature in ("Failover-Clustering", "RSAT-Clustering-PowerShell")],
        "reports": [{"name": "Report.htm", "at": "2026-10-15T08:00:00.0000000Z", "verdict": "warnings"}],
    }


def platform(computer, cid, services, dtcs=(), sql=()):
    known = {"ClusSvc": ("Running", "Auto"), "ENTSSO": ("Stopped", "Manual"), "MSDTC": ("Running", "Auto")}
    return {
        "computer": {"name": computer, "dns_name": computer.lower(), "domain": "contoso.test", "part_of_domain": True,
                     "manufacturer": "m", "model": "v"},
        "os": {"caption": "Windows Server 2019", "version": "10.0.17763", "product_type": "server", "language": 1033,
               "edition": "ServerStandard", "installation": "Server", "build": "17763", "revision": 6532},
        "clock": "2026-11-24T08:00:00.0000000Z", "last_start": "2026-11-08T03:12:40.5000000Z", "time_zone": "UTC", "pending_restart": False,
        "services": [{"name": name, "installed": name in services, "state": known[name][0] if name in services else None,
                      "start_mode": known[name][1] if name in services else None, "account": None} for name in known],
        "custom_ssp_allowed": None,
        "dtc": {"network_access": 1, "cids": [cid], "instances": [dtc("Local", False), *dtcs]},
        "biztalk": {"version": None, "update": None, "management_server": None, "management_database": None, "services": []},
        "sql_instances": [{"instance_id": f"MSSQL15.{name}", "build": "15.0.4385.2", "edition": "Enterprise"} for name in sql],
    }


def dtc(name, clustered):
    return {"name": name, "clustered": clustered, "virtual_server": name, "status": "Started", "inbound": True, "outbound": True,
            "remote_clients": False, "remote_administration": False, "authentication": "Incoming"}


def biztalk(*services):
    return {"version": "3.13.717.0", "update": 5, "management_server": r"SQLBTS\BTS", "management_database": "BizTalkMgmtDb",
            "services": list(services)}


def biztalk_service(host, state="Running", mode="Auto"):
    return {"name": f"BTSSvc${host}", "installed": True, "state": state, "start_mode": mode, "account": r"CONTOSO\svc-bts",
            "delayed_start": True, "recovery": [{"action": "restart", "delay_seconds": 60.0}]}


def snapshot(host, groups, variables, **areas):
    return {"schema": 1, "host": host, "groups": groups, "variables": variables, "collected_at": "2026-11-24T08:00:03Z", "status": "ok",
            "message": "", "seconds": 1.0, "powershell": {"edition": "Desktop"}, "areas": areas}


def btsclu():
    return cluster("BTSCLU", ["BTS01", "BTS02"], [
        resource("Disk M", "Physical Disk", "BTSDTC", "BTS01"),
        resource("BTSDTC", "Network Name", "BTSDTC", "BTS01"),
        resource("MSDTC-BTSDTC", "Distributed Transaction Coordinator", "BTSDTC", "BTS01",
                 [("Disk M", "Physical Disk"), ("BTSDTC", "Network Name")]),
        resource("BTSSSO", "Network Name", "BTSSSO", "BTS02"),
        resource("Single Sign-On", "Generic Service", "BTSSSO", "BTS02", [("BTSSSO", "Network Name")],
                 service_name="ENTSSO", use_network_name=1),
        resource("IP of BTSSSO", "IP Address", "BTSSSO", "BTS02"),
        resource("Receive", "Generic Service", "BTSSSO", "BTS02", [("BTSSSO", "Network Name")], service_name="BTSSvc$Receive",
                 use_network_name=0, possible_owners=["BTS01", "BTS02"]),
        resource("Spooler", "Generic Service", "BTSSSO", "BTS02", service_name="Spooler", use_network_name=0),
        resource("Disk Q", "Physical Disk", "Cluster Group", "BTS01"),
    ], {"kind": "disk", "resource": "Disk Q", "resource_type": "Physical Disk", "state": "Online", "share_path": None, "dynamic_weight": 1})


def sqlclu():
    return cluster("SQLCLU", ["SQL01", "SQL02"], [
        resource("SQL Server (BTS)", "SQL Server", "SQL Server (BTS)", "SQL01", [("SQL Network Name (SQLBTS)", "Network Name")],
                 pending_timeout_ms=1200000, virtual_server="SQLBTS", instance="BTS",
                 possible_owners=["SQL01", "SQL02"], parameters=parameters(VirtualServerName="SQLBTS", InstanceName="BTS")),
        resource("File Share Witness", "File Share Witness", "Cluster Group", "SQL01", share_path="\\\\fs01\\witness"),
    ], {"kind": "file_share", "resource": "File Share Witness", "resource_type": "File Share Witness", "state": "Online",
        "share_path": "\\\\fs01\\witness", "dynamic_weight": 1})


def bts_hosts():
    hosts = []
    for number, site in ((1, "A"), (2, "B")):
        computer = f"BTS0{number}"
        made = platform(computer, f"cid-{computer}", ["ClusSvc", "ENTSSO", "MSDTC"], [dtc("MSDTC-BTSDTC", True)])
        hosts.append(snapshot(computer.lower(), ["biztalk", "cluster_node", "sso"],
                              {"cluster_name": "BTSCLU", "site": site, "witness_site": "C"}, platform=made, cluster=btsclu()))
    for host, state in zip(hosts, ("Stopped", "Running"), strict=True):
        host["areas"]["platform"]["services"][1]["state"] = state
        host["areas"]["platform"]["biztalk"] = biztalk(biztalk_service("Receive", state, "Manual"))
    return hosts


def healthy():
    """A fresh list of snapshots in which nothing has drifted."""
    sql = [snapshot(f"sql0{n}", ["cluster_node"], {"cluster_name": "SQLCLU", "site": site},
                    platform=platform(f"SQL0{n}", f"cid-SQL0{n}", ["ClusSvc", "MSDTC"], sql=["BTS"]), cluster=sqlclu())
           for n, site in ((1, "A"), (2, "B"))]
    alone = snapshot("bts03", ["biztalk"], {}, platform=platform("BTS03", "cid-BTS03", ["ENTSSO", "MSDTC"]))
    files = snapshot("fs01", ["storage"], {"site": "C"}, platform=platform("FS01", "cid-FS01", ["MSDTC"]))
    return copy.deepcopy([*bts_hosts(), *sql, alone, files])


def of_windows(loaded):
    """The baseline of hosts and clusters alone: without what BizTalk servers need of SQL Server, what else stands on hosts, and what people tell of."""
    return dataclasses.replace(loaded, controls=[c for c in loaded.controls if c.subject in ("host", "cluster", "dtc", "estate")])


def by_host(snapshots):
    return {one["host"]: one for one in snapshots}


def in_cluster(snapshots, name, change):
    """Applies *change* to what every node says about its cluster."""
    for one in snapshots:
        if one["variables"].get("cluster_name") == name:
            change(one["areas"]["cluster"])


def named(elements, name):
    return next(element for element in elements if element["name"] == name)
