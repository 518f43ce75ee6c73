"""Roles and features of Windows Server: Win32_OptionalFeature, and their removal."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.cim import cim_class
from lab.values import Obj, link, not_modelled

FEATURES = {    # the name that DISM has -> the name that ServerManager has, the module that goes with it
    "FailoverCluster-FullServer": ("Failover-Clustering", None), "FailoverCluster-PowerShell": ("RSAT-Clustering-PowerShell", "FailoverClusters"),
    "NetworkLoadBalancingFullServer": ("NLB", None), "NetworkLoadBalancingManagementClient": ("RSAT-NLB", "NetworkLoadBalancingClusters"),
    "Microsoft-Windows-Deployment-Services-Deployment-Server": ("WDS-Deployment", "WDS"),
    "Microsoft-Windows-Deployment-Services-Transport-Server": ("WDS-Transport", None), "MultipathIo": ("Multipath-IO", None),
    "WindowsServerBackup": ("Windows-Server-Backup", "WindowsServerBackup")}


def install(document, *names):
    """Puts features (by ServerManager's names) onto a host, with their modules."""
    for feature, module in FEATURES.values():
        if feature in names:
            document.setdefault("features", []).append(feature)
            document["modules"] += [module] if module and module not in document["modules"] else []


def _installed(host):
    clustered = ["Failover-Clustering", "RSAT-Clustering-PowerShell"] if host["cluster"] else []
    return [name for name in [*clustered, *host.get("features", [])] if name not in host.get("removed_features", [])]


@cim_class("root/cimv2", "Win32_OptionalFeature")
def optional_features(run):
    """InstallState 1 is enabled, 2 disabled."""
    there = _installed(run.host)
    return [{"Name": dism, "Caption": name, "InstallState": 1 if name in there else 2} for dism, (name, _module) in FEATURES.items()]


@cmdlet(r"ServerManager\Uninstall-WindowsFeature", takes="Name", source="reference page of ServerManager", changes=True,
        assumed="a feature is gone at once, without a restart")
def uninstall(run):
    """Removes features, and the module that came with each."""
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("DeploymentProvider_AccessDenied", "PermissionDenied", link("System.UnauthorizedAccessException", "Access is denied", 2147942405))
    known = {name.casefold(): (name, module) for name, module in FEATURES.values()}
    names = run.get("Name") if isinstance(run.get("Name"), list) else [run.get("Name")]
    for asked in names:
        if asked.casefold() not in known:
            raise not_modelled(f"the feature {asked}")
        name, module = known[asked.casefold()]
        run.host.setdefault("removed_features", []).append(name)
        run.host["modules"] = [one for one in run.host["modules"] if one != module]
    yield Obj("Microsoft.Windows.ServerManager.Commands.FeatureOperationResult", f"features/{run.backend.host}", {"Success": True, "ExitCode": 0})
