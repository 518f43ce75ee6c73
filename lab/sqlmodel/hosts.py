"""What an instance shows of the servers under it: whether it answers, on which node it runs, whether its Agent does.

Sources: sql-docs: sys.dm_os_cluster_nodes, sys.dm_server_services, SERVERPROPERTY. A clustered instance follows its resources, any other
its services; one whose server is not of the estate always answers. Assumed: it takes no time.
"""
from __future__ import annotations

STATUS = {0: "up", 1: "down", 2: "paused", 3: "joining"}
ONLINE = 2
MODES = {"Auto": (2, "Automatic"), "Manual": (3, "Manual"), "Disabled": (4, "Disabled")}


def follow(state, instance, about):
    """Whether the instance answers now; what it shows of its servers is brought up to date."""
    if about.kind == "fci":
        return _clustered(state, instance, about)
    host = state.hosts.get(about.host)
    if host is None:
        return True
    engine, agent = ("MSSQLSERVER", "SQLSERVERAGENT") if about.service == "MSSQLSERVER" else (f"MSSQL${about.service}", f"SQLAgent${about.service}")
    _show(instance, host["services"][agent]["state"] == "Running", host["services"][agent]["mode"])
    return host["powered"] and host["services"][engine]["state"] == "Running"


def _clustered(state, instance, about):
    cluster = state.clusters[about.host]
    own = {resource["type"]: resource for resource in cluster["resources"] if resource["private"].get("InstanceName", ["", None])[1] == about.service}
    group = next(group for group in cluster["groups"] if group["id"] == own["SQL Server"]["group"])
    _show(instance, own["SQL Server Agent"]["state"] == ONLINE, "Manual")
    nodes = {node["name"]: node["state"] for node in cluster["nodes"]}
    if instance.property("ComputerNamePhysicalNetBIOS") != group["owner"]:
        instance.set_properties(ComputerNamePhysicalNetBIOS=group["owner"])
        instance.query('UPDATE "master.sys.dm_server_services" SET cluster_nodename = ?', (group["owner"],))
    for row in instance.query('SELECT * FROM "master.sys.dm_os_cluster_nodes"'):
        now = (nodes.get(row["NodeName"], 1), int(row["NodeName"] == group["owner"]))
        if now != (row["status"], row["is_current_owner"]):
            instance.query('UPDATE "master.sys.dm_os_cluster_nodes" SET status = ?, status_description = ?, is_current_owner = ? WHERE NodeName = ?',
                           (now[0], STATUS[now[0]], now[1], row["NodeName"]))
    return own["SQL Server"]["state"] == ONLINE and any(state.hosts[node["host"]]["powered"] for node in cluster["nodes"])


def _show(instance, running, mode):
    """The Agent's row of sys.dm_server_services."""
    wanted = (4, "Running", *MODES[mode]) if running else (1, "Stopped", *MODES[mode])
    row = instance.query("SELECT status, status_desc, startup_type, startup_type_desc FROM \"master.sys.dm_server_services\" "
                         "WHERE servicename LIKE 'SQL Server Agent%'")[0]
    if wanted != tuple(row.values()):
        instance.query('UPDATE "master.sys.dm_server_services" SET status = ?, status_desc = ?, startup_type = ?, startup_type_desc = ? '
                       "WHERE servicename LIKE 'SQL Server Agent%'", wanted)
