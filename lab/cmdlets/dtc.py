"""MSDTC: the local instance, whose settings are registry values, and clustered ones on the node that owns them."""
from __future__ import annotations

from lab import membership
from lab.backend import cmdlet
from lab.bind import typed
from lab.estate import DTC_SECURITY, guid
from lab.values import Obj, link

CIM = "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/MSFT_"
SOURCE = "reference pages of MsDtc; real/cluster/dtc_services.jsonl"
FLAGS = {"InboundTransactionsEnabled": "NetworkDtcAccessInbound", "OutboundTransactionsEnabled": "NetworkDtcAccessOutbound",
         "RemoteClientAccessEnabled": "NetworkDtcAccessClients", "RemoteAdministrationAccessEnabled": "NetworkDtcAccessAdmin",
         "XATransactionsEnabled": "XaTransactions", "LUTransactionsEnabled": "LuTransactions"}
LEVELS = {  # KB 899191: the three values that stand for an authentication level
    "Mutual": (1, 0, 0), "Incoming": (0, 1, 0), "NoAuth": (0, 0, 1)}
LEVEL_VALUES = ("AllowOnlySecureRpcCalls", "FallbackToUnsecureRPCIfNecessary", "TurnOffRpcSecurity")


def _clustered(run):
    """``(name, resource, virtual server)`` of the clustered instances that this host owns."""
    cluster = run.state.cluster_of(run.backend.host)
    for item in cluster["resources"] if cluster else ():
        if item["type"] == "Distributed Transaction Coordinator" and membership.running(cluster) \
                and membership.group_of(cluster, item)["owner"] == run.host["name"]:
            names = [part for part in cluster["resources"] if part["group"] == item["group"] and part["type"] == "Network Name"]
            yield item["name"], item, names[0]["private"]["Name"][1] if names else ""


def _local(run):
    registry = run.host["registry"]
    return registry[next(key for key in registry if key.casefold() == DTC_SECURITY.casefold())]


@cmdlet(r"MsDtc\Get-Dtc", takes="DtcName", source=SOURCE, assumed="a clustered instance is listed on its owner only, under its resource's name")
def get_dtc(run):
    """The instances of this host."""
    found = [("Local", run.host["services"]["MSDTC"]["state"] == "Running", run.host["name"])]
    found += [(name, item["state"] == membership.ONLINE, server) for name, item, server in _clustered(run)]
    for name, started, server in found:
        if run.get("DtcName", name).casefold() == name.casefold():
            obj = typed("Dtc", f"dtc/{run.backend.host}/{name}", {
                "DtcName": name, "Status": "Started" if started else "Stopped", "VirtualServerName": server,
                **{kind + "EndpointCid": guid(kind, run.backend.host, name) for kind in ("Ktrm", "OleTx", "Uis", "XA")}})
            obj.type = CIM + "Dtc"
            yield obj


def _settings(run):
    """``(read, write)`` of the settings of the instance that -DtcName or the pipeline names."""
    piped = run.piped.properties.get("DtcName") if isinstance(run.piped, Obj) else run.piped
    name = run.get("DtcName", piped or "Local")
    if name.casefold() == "local":
        values = _local(run)
        return (lambda key: values.get(key, [None, 0])[1]), (lambda key, data: values.__setitem__(key, ["DWord", data]))
    item = next((item for known, item, _server in _clustered(run) if known.casefold() == name.casefold()), None)
    if item is None:
        raise run.error("CmdletizationQuery_NotFound_DtcName", "ObjectNotFound", link(
            "Microsoft.PowerShell.Cmdletization.Cim.CimJobException", f"No MSDTC instance with the name '{name}' was found.", 2148734208))
    return item["dtc"].__getitem__, item["dtc"].__setitem__


@cmdlet(r"MsDtc\Get-DtcNetworkSetting", takes="DtcName", source=f"{SOURCE}; KB 899191 for the registry values of the local instance",
        assumed="values that stand for no level read as NoAuth")
def get_network_setting(run):
    """Network access and authentication level of one instance."""
    read, _write = _settings(run)
    level = next((name for name, values in LEVELS.items() if tuple(read(key) for key in LEVEL_VALUES) == values), "NoAuth")
    obj = typed("DtcNetworkSetting", f"dtc/{run.backend.host}/network", {
        **{name: bool(read("NetworkDtcAccess") and read(key)) for name, key in FLAGS.items()}, "AuthenticationLevel": level})
    obj.type = CIM + "DtcNetworkSetting"
    return [obj]


@cmdlet(r"MsDtc\Set-DtcNetworkSetting", takes=" ".join(["DtcName", "DisableNetworkAccess", "AuthenticationLevel", *FLAGS]),
        source=f"{SOURCE}; KB 899191", changes=True, assumed="the restart of that DTC leaves no trace")
def set_network_setting(run):
    """Changes the settings that are named; -DisableNetworkAccess turns all of them off."""
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("HRESULT 0x80070005", "PermissionDenied", link(
            "Microsoft.Management.Infrastructure.CimException", "Access is denied.", 2147942405))
    _read, write = _settings(run)
    if run.get("DisableNetworkAccess"):
        write("NetworkDtcAccess", 0)
        return []
    for name, key in FLAGS.items():
        if run.get(name) is not None:
            write(key, int(run.get(name)))
    if run.get("InboundTransactionsEnabled") or run.get("OutboundTransactionsEnabled"):
        write("NetworkDtcAccess", 1)
    if run.get("AuthenticationLevel"):
        for key, data in zip(LEVEL_VALUES, LEVELS[run.get("AuthenticationLevel")]):
            write(key, data)
    return []
