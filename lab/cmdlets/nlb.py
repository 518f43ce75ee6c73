"""Network Load Balancing: what the driver of a node and the cmdlets over it say. ``host["nlb"]`` is made by lab/parts/nlb.py."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.values import E_FAIL, Enum, Obj, link, win32

MODULE = "NetworkLoadBalancingClusters\\"
TYPES = "Microsoft.NetworkLoadBalancingClusters.PowerShell."
PAGES = "reference pages of NetworkLoadBalancingClusters; real/platform/nlb_wds.jsonl"
MODES = {"Unicast": 0, "Multicast": 1, "IgmpMulticast": 2}


def _own(run):
    own = run.host.get("nlb")
    if own is None:
        raise run.error("GetCluster", "ObjectNotFound", link("System.Management.Automation.RuntimeException", "NLB is not bound to any interface.", E_FAIL))
    return own


def _members(run):
    """The nodes of this host's cluster by priority, as ``(host document, its nlb)``."""
    own = _own(run)
    found = [(host, host["nlb"]) for host in run.state.hosts.values() if host.get("nlb") and host["nlb"]["cluster"] == own["cluster"]]
    return sorted(found, key=lambda pair: pair[1]["priority"])


def _administrator(run):
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("AccessDenied", "PermissionDenied", link("System.UnauthorizedAccessException", "Access is denied.", 2147942405),
                        win32(5, "Access is denied"))


@cmdlet(MODULE + "Get-NlbCluster", takes="InterfaceName", source=PAGES, assumed="OperationMode is an enum whose numbers are 0, 1 and 2")
def get_cluster(run):
    """The cluster that this host is a node of."""
    own = _own(run)
    yield Obj(TYPES + "Cluster", f"nlb/{own['cluster']}", {
        "Name": own["cluster"], "IPAddress": own["address"], "SubnetMask": "255.255.255.0", "InterfaceName": own["interface"],
        "OperationMode": Enum(TYPES + "ClusterMode", MODES[own["mode"]], own["mode"].upper())})


@cmdlet(MODULE + "Get-NlbClusterDriverInfo", takes="InterfaceName Params", source=PAGES)
def get_driver(run):
    """The parameters of this host's driver."""
    own = _own(run)
    yield Obj(TYPES + "DriverInfo", f"nlb/driver/{run.backend.host}", {
        "FullyQualifiedDomainName": own["cluster"], "ParametersVersion": 6, "EffectiveNlbVersion": 513, "HostId": own["priority"],
        "ClusterName": own["cluster"], "ClusterIPAddress": own["address"], "AliveMsgPeriod": 1000, "InitialHostState": "Started",
        "CurrentHostState": "Started" if own["state"] == "Converged" else own["state"], "PersistedHostStates": True})


@cmdlet(MODULE + "Get-NlbClusterNode", takes="InterfaceName NodeName", source=PAGES,
        assumed="the first converged node is the default host, and so decorated; a node that is switched off is Unreachable")
def get_node(run):
    """All nodes of the cluster."""
    default = next((nlb["priority"] for host, nlb in _members(run) if host["powered"] and nlb["state"] == "Converged"), None)
    wanted = run.get("NodeName")
    for host, nlb in _members(run):
        if wanted and host["name"].casefold() != wanted.casefold():
            continue
        state = nlb["state"] if host["powered"] else "Unreachable"
        yield Obj(TYPES + "Node", f"nlb/node/{host['name']}", {
            "Cluster": nlb["cluster"], "Name": host["name"], "InterfaceName": nlb["interface"], "Host": None,
            "State": state + ("(default)" if nlb["priority"] == default else ""), "HostPriority": nlb["priority"], "InitialHostState": "Started",
            "PersistSuspendOnReboot": True, "MaskSourceMac": True, "FilterIcmp": 0})


@cmdlet(MODULE + "Get-NlbClusterPortRule", takes="InterfaceName", source=PAGES)
def get_port_rule(run):
    """The port rules of this host."""
    own = _own(run)
    for place, rule in enumerate(own["rules"]):
        yield Obj(TYPES + "PortRule", f"nlb/rule/{run.backend.host}/{place}", {
            "Cluster": own["cluster"], "NodeName": run.host["name"], "VirtualIPAddress": "255.255.255.255", "StartPort": rule["start"], "EndPort": rule["end"],
            "Protocol": rule["protocol"], "FilteringMode": "Multiple", "Affinity": rule["affinity"], "EqualLoad": True, "LoadWeight": None,
            "PortState": rule["state"], "Priority": None, "Timeout": 0})


@cmdlet(MODULE + "Get-NlbClusterNodeNetworkInterface", takes="InterfaceName", source=PAGES)
def get_interface(run):
    """The adapters of this host, and whether NLB is bound to each."""
    own = _own(run)
    for name in run.host["adapters"]:
        yield Obj(TYPES + "NetworkInterface", f"nlb/interface/{run.backend.host}/{name}", {
            "InterfaceName": name, "NlbBound": name == own["interface"], "Cluster": own["cluster"] if name == own["interface"] else None})


def _state(run, state):
    _administrator(run)
    _own(run)["state"] = state
    return []


@cmdlet(MODULE + "Stop-NlbClusterNode", takes="InterfaceName Drain Timeout", source=PAGES, changes=True)
def stop_node(run):
    """Takes this host out of the work of its cluster."""
    return _state(run, "Stopped")


@cmdlet(MODULE + "Suspend-NlbClusterNode", takes="InterfaceName", source=PAGES, changes=True)
def suspend_node(run):
    """Suspends this host: it heeds nothing but to be resumed."""
    return _state(run, "Suspended")


@cmdlet(MODULE + "Start-NlbClusterNode", takes="InterfaceName", source=PAGES, changes=True, assumed="it is converged at once")
def start_node(run):
    """Lets this host work in its cluster."""
    return _state(run, "Converged")


@cmdlet(MODULE + "Set-NlbCluster", takes="InterfaceName OperationMode", source=PAGES, changes=True)
def set_cluster(run):
    """Changes the mode of all nodes."""
    _administrator(run)
    for _host, nlb in _members(run):
        nlb["mode"] = run.get("OperationMode", nlb["mode"])
    return []


@cmdlet(MODULE + "Disable-NlbClusterPortRule", takes="InterfaceName Port NodeName", source=PAGES, changes=True)
def disable_port_rule(run):
    """Disables the rule of a port on this host alone."""
    _administrator(run)
    for rule in _own(run)["rules"]:
        if rule["start"] <= run.get("Port") <= rule["end"]:
            rule["state"] = "Disabled"
    return []
