# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``cluster``: the failover cluster that a host is a node of, as its own cluster service tells it.

Read on a node and without a cluster name, so that no second hop is needed. Property names, enum numbers and
private properties: reference pages of the FailoverClusters module.
"""

import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import names, observed, rows, windows_features
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, item, ref

NAME = "cluster"

CLUSTER = r"FailoverClusters\Get-Cluster"
NODE = r"FailoverClusters\Get-ClusterNode"
QUORUM = r"FailoverClusters\Get-ClusterQuorum"
RESOURCE = r"FailoverClusters\Get-ClusterResource"
PARAMETER = r"FailoverClusters\Get-ClusterParameter"
MODULE = "FailoverClusters"
ITEMS = "Microsoft.PowerShell.Management\\"
FEATURES = {"FailoverCluster-FullServer": "Failover-Clustering", "FailoverCluster-PowerShell": "RSAT-Clustering-PowerShell"}
REPORTS = r"Cluster\Reports"
REPORT_FILES = ("*.htm*", "*.mht")       # the rest of the name is translated
RESULT = r'<img\b[^>]*\bname\s*=(?:3D)?\s*["\']?\w+Img\b'    # the icon of a result, whose name is not (seen in one public script; assumed)
RESULTS = {"success": "passed", "succeeded": "passed", "passed": "passed", "notapplicable": "passed", "warning": "warnings", "failed": "failed",
           "failure": "failed", "fail": "failed", "error": "failed", "canceled": "failed", "cancelled": "failed"}

NODE_STATES = {-1: "Unknown", 0: "Up", 1: "Down", 2: "Paused", 3: "Joining"}
RESOURCE_STATES = {-1: "Unknown", 0: "Inherited", 1: "Initializing", 2: "Online", 3: "Offline", 4: "Failed",
                   128: "Pending", 129: "OnlinePending", 130: "OfflinePending"}
GROUP_STATES = {-1: "Unknown", 0: "Online", 1: "Offline", 2: "Failed", 3: "PartialOnline", 4: "Pending"}
RESTART_ACTIONS = {0: "none", 1: "restart", 2: "restart_or_fail_over"}
NETWORK_STATES = {-1: "Unknown", 0: "Unavailable", 1: "Down", 2: "Partitioned", 3: "Up"}
NETWORK_ROLES = {0: "None", 1: "Cluster", 2: "Client", 3: "ClusterAndClient"}
INTERFACE_STATES = {-1: "Unknown", 0: "Unavailable", 1: "Failed", 2: "Unreachable", 3: "Up"}
WITNESS_KINDS = {"Physical Disk": "disk", "File Share Witness": "file_share", "Cloud Witness": "cloud"}
QUORUM_TYPES = {0: "Unknown", 1: "Majority", 2: "DiskOnly"}
KNOWN_QUORUMS = {name.casefold(): name for name in ("Majority", "DiskOnly", "NodeMajority", "NodeAndDiskMajority", "NodeAndFileShareMajority")}
SECRET_PARAMETERS = ("password", "accesskey", "sastoken", "resourcedata")

PROPERTIES = {
    "cluster": ["Name", "Id", "Domain", "DynamicQuorum", "WitnessDynamicWeight", "LowerQuorumPriorityNodeId", "ClusterFunctionalLevel",
                "SameSubnetDelay", "SameSubnetThreshold", "CrossSubnetDelay", "CrossSubnetThreshold", "RouteHistoryLength"],
    "nodes": ["Name", "Id", "State", "NodeWeight", "DynamicWeight"],
    "networks": ["Name", "Id", "Role", "State", "Address"],
    "interfaces": ["Name", "Id", "Node", "Network.Name", "State"],
    "groups": ["Name", "Id", "GroupType", "IsCoreGroup", "State", "OwnerNode.Name"],
    "resources": ["Name", "Id", "State", "ResourceType.Name", "OwnerGroup.Name", "OwnerNode.Name", "IsCoreResource", "PendingTimeout",
                  "RestartAction", "RestartThreshold", "RestartPeriod", "RetryPeriodOnFailure"],
    "quorum": ["QuorumType", "QuorumResource", "QuorumResource.Name", "QuorumResource.State", "QuorumResource.ResourceType.Name"],
}


def steps(variables):
    """The calls that read the area, in order."""
    return [
        call("cluster", CLUSTER, select=PROPERTIES["cluster"], needs=MODULE),
        call("nodes", NODE, select=PROPERTIES["nodes"], needs=MODULE),
        call("networks", r"FailoverClusters\Get-ClusterNetwork", select=PROPERTIES["networks"], needs=MODULE),
        call("interfaces", r"FailoverClusters\Get-ClusterNetworkInterface", select=PROPERTIES["interfaces"], needs=MODULE),
        call("groups", r"FailoverClusters\Get-ClusterGroup", select=PROPERTIES["groups"], needs=MODULE),
        call("preferred_owners", r"FailoverClusters\Get-ClusterOwnerNode", input="groups", select=["OwnerNodes.Name"]),
        call("resources", RESOURCE, select=PROPERTIES["resources"], needs=MODULE),
        call("parameters", PARAMETER, input="resources", select=["Name", "Value"]),
        call("dependencies", r"FailoverClusters\Get-ClusterResourceDependency", input="resources", select=["DependencyExpression"]),
        call("possible_owners", r"FailoverClusters\Get-ClusterOwnerNode", input="resources", select=["OwnerNodes.Name"]),
        call("quorum", QUORUM, select=PROPERTIES["quorum"], needs=MODULE),
        windows_features.step("cluster_features", list(FEATURES)),
        call("cluster_root", ITEMS + "Get-Item", {"LiteralPath": ["Env:\\SystemRoot"]}, ["Value"]),
        call("cluster_reports", ITEMS + "Join-Path", {"Path": {"$ref": "cluster_root", "path": "Value"}, "ChildPath": REPORTS}, ["."]),
        call("report_files", ITEMS + "Get-ChildItem", {"LiteralPath": ref("cluster_reports"), "Filter": item()}, ["Name", "LastWriteTimeUtc"],
             each=list(REPORT_FILES)),
        call("report_results", r"Microsoft.PowerShell.Utility\Select-String", {"Pattern": RESULT, "AllMatches": True}, ["Matches.Value"], input="report_files"),
    ]


def shape(area):
    """The cluster as plain data; what was not seen is a hole (see ``observed``)."""
    whole = rows.one(area, "cluster")
    groups = rows.every(area, "groups", lambda row, index: {
        "name": rows.value(row, "Name"),
        "id": rows.value(row, "Id"),
        "type": rows.enum(row, "GroupType", {}),
        "core": rows.value(row, "IsCoreGroup"),
        "state": rows.enum(row, "State", GROUP_STATES),
        "owner_node": rows.value(row, "OwnerNode.Name"),
        "preferred_owners": _owners(area, "preferred_owners", index),
    })
    resources = rows.every(area, "resources", lambda row, index: _resource(area, row, index))
    _resolve_dependencies(resources)
    return {
        "name": rows.value(whole, "Name"),
        "id": rows.value(whole, "Id"),
        "domain": rows.value(whole, "Domain"),
        "functional_level": rows.value(whole, "ClusterFunctionalLevel"),
        "dynamic_quorum": rows.flag(whole, "DynamicQuorum"),
        "lower_priority_node_id": rows.value(whole, "LowerQuorumPriorityNodeId"),
        "heartbeat": {
            "same_subnet_delay_ms": rows.value(whole, "SameSubnetDelay"),
            "same_subnet_threshold": rows.value(whole, "SameSubnetThreshold"),
            "cross_subnet_delay_ms": rows.value(whole, "CrossSubnetDelay"),
            "cross_subnet_threshold": rows.value(whole, "CrossSubnetThreshold"),
            "route_history_length": rows.value(whole, "RouteHistoryLength"),
        },
        "nodes": rows.every(area, "nodes", lambda row, index: {
            "name": rows.value(row, "Name"),
            "id": rows.value(row, "Id"),
            "state": rows.enum(row, "State", NODE_STATES),
            "weight": rows.value(row, "NodeWeight"),
            "dynamic_weight": rows.value(row, "DynamicWeight"),
        }),
        "networks": rows.every(area, "networks", lambda row, index: {
            "name": rows.value(row, "Name"),
            "id": rows.value(row, "Id"),
            "role": rows.enum(row, "Role", NETWORK_ROLES),
            "state": rows.enum(row, "State", NETWORK_STATES),
            "address": rows.value(row, "Address"),
        }),
        "interfaces": rows.every(area, "interfaces", lambda row, index: {
            "name": rows.value(row, "Name"),
            "id": rows.value(row, "Id"),
            "node": rows.value(row, "Node"),
            "network": rows.value(row, "Network.Name"),
            "state": rows.enum(row, "State", INTERFACE_STATES),
        }),
        "groups": groups,
        "resources": resources,
        "quorum": _quorum(area, whole, resources),
        "features": _features(area),
        "reports": _reports(area),
    }


def _features(area):
    found = windows_features.installed(area, "cluster_features", list(FEATURES))
    return found if observed.is_hole(found) else [{**one, "name": FEATURES[one["name"]]} for one in found]


def _reports(area):
    """Reports of cluster validations on this node: when each was written, and what it says as far as it can be read without its words."""
    for step in ("cluster_root", "cluster_reports"):
        told = rows.every(area, step, lambda row, index: row)
        unseen = told if observed.is_hole(told) else observed.first_hole(told)
        if unseen:
            return unseen
    found, seen = [], 0
    for run in range(len(REPORT_FILES)):
        files = rows.every(area, "report_files", lambda row, index: {"name": rows.value(row, "Name"), "at": rows.value(row, "LastWriteTimeUtc")}, run)
        if observed.is_hole(files) and files["$unknown"]["reason"] == "missing":
            continue        # the folder comes with the first report
        for file in [files] if observed.is_hole(files) else files:
            if observed.is_hole(file):
                found.append(file)
                continue
            found.append({**file, "verdict": verdict(rows.every(area, "report_results", lambda row, index: rows.value(row, "Matches.Value"), seen))})
            seen += 1
    return found


def verdict(results):
    """passed, warnings or failed, from the icons of a report; a hole where it shows none, or one that nobody knows."""
    if observed.is_hole(results):
        return results
    unseen = observed.first_hole(results)
    if unseen:
        return unseen
    texts = [text for line in results for text in (line if isinstance(line, list) else [line])]
    icons = {re.search(r"(\w+)Img$", text, re.IGNORECASE)[1].casefold() for text in texts}
    said = {RESULTS[icon] for icon in icons if icon in RESULTS}
    if "failed" in said:
        return "failed"
    if not said or len(icons) > sum(icon in RESULTS for icon in icons):
        return observed.hole("failed", "What the report says cannot be told from its icons; open it.")
    return "warnings" if "warnings" in said else "passed"


def _owners(area, step, index):
    row = rows.one(area, step, index)
    return rows.value(row, "OwnerNodes.Name")


def _resource(area, row, index):
    kind = rows.value(row, "ResourceType.Name")
    parameters = rows.every(area, "parameters", lambda part, _index: {
        "name": rows.value(part, "Name"),
        "value": rows.value(part, "Value"),
    }, run=index)
    if not observed.is_hole(parameters):
        parameters = [p for p in parameters if observed.is_hole(p) or not _is_secret(p["name"])]
    expression = rows.one(area, "dependencies", index)
    return {
        "name": rows.value(row, "Name"),
        "id": rows.value(row, "Id"),
        "type": kind,
        "state": rows.enum(row, "State", RESOURCE_STATES),
        "group": rows.value(row, "OwnerGroup.Name"),
        "owner_node": rows.value(row, "OwnerNode.Name"),
        "core": rows.value(row, "IsCoreResource"),
        "pending_timeout_ms": rows.value(row, "PendingTimeout"),
        "restart_action": rows.enum(row, "RestartAction", RESTART_ACTIONS),
        "restart_threshold": rows.value(row, "RestartThreshold"),
        "restart_period_ms": rows.value(row, "RestartPeriod"),
        "retry_period_ms": rows.value(row, "RetryPeriodOnFailure"),
        "service_name": _parameter(parameters, "ServiceName"),
        "use_network_name": _parameter(parameters, "UseNetworkName"),
        "share_path": _parameter(parameters, "SharePath"),
        "status_dns": _parameter(parameters, "StatusDNS"),
        "status_kerberos": _parameter(parameters, "StatusKerberos"),
        "virtual_server": _parameter(parameters, "VirtualServerName"),
        "instance": _parameter(parameters, "InstanceName"),
        "parameters": parameters,
        "dependency_expression": rows.value(expression, "DependencyExpression"),
        "possible_owners": _as_set(_owners(area, "possible_owners", index)),
    }


def _as_set(owners):
    """Possible owners have no order, and nodes may tell them in different ones."""
    return sorted(owners, key=str.casefold) if isinstance(owners, list) and all(isinstance(o, str) for o in owners) else owners


def _is_secret(name):
    return isinstance(name, str) and name.casefold() in SECRET_PARAMETERS


def _parameter(parameters, name):
    """The private property *name* of a resource: its value, or null where the resource has no such property."""
    if observed.is_hole(parameters):
        return parameters
    for parameter in parameters:
        if not observed.is_hole(parameter) and isinstance(parameter["name"], str) and parameter["name"].casefold() == name.casefold():
            return parameter["value"]
    return next((parameter for parameter in parameters if observed.is_hole(parameter)), None)


def _resolve_dependencies(resources):
    """Adds ``depends_on`` (names) and ``depends_on_types`` to each resource, from its dependency expression."""
    if observed.is_hole(resources):
        return
    seen = [resource for resource in resources if not observed.is_hole(resource)]
    types = {r["name"]: r["type"] for r in seen if isinstance(r["name"], str)}
    for resource in seen:
        expression = resource["dependency_expression"]
        if observed.is_hole(expression):
            resource["depends_on"] = resource["depends_on_types"] = expression
            continue
        try:
            resource["depends_on"] = names.dependency_names(expression or "", types)
            resource["depends_on_types"] = [types[name] for name in resource["depends_on"]]
        except ValueError as error:
            resource["depends_on"] = resource["depends_on_types"] = observed.hole("failed", str(error) + ".")


def _quorum(area, whole, resources):
    row = rows.one(area, "quorum")
    if observed.is_hole(row):
        return row
    present = rows.value(row, "QuorumResource")
    witness = present if present is None or observed.is_hole(present) else _witness(row, whole, resources)
    return {"type": _quorum_type(rows.enum(row, "QuorumType", QUORUM_TYPES)), "witness": witness}


def _quorum_type(name):
    """A kind of quorum whose rules are known, else a hole."""
    if observed.is_hole(name):
        return name
    return KNOWN_QUORUMS.get(str(name).casefold()) or observed.hole("failed", f"The quorum type {name} is not one whose rules are known.")


def _witness(row, whole, resources):
    name = rows.value(row, "QuorumResource.Name")
    kind = rows.value(row, "QuorumResource.ResourceType.Name")
    share = None
    if kind == "File Share Witness":
        share = _of_resource(resources, name, "share_path")
    return {
        "kind": kind if observed.is_hole(kind) else WITNESS_KINDS.get(kind, "other"),
        "resource": name,
        "resource_type": kind,
        "state": rows.enum(row, "QuorumResource.State", RESOURCE_STATES),
        "share_path": share,
        "dynamic_weight": rows.value(whole, "WitnessDynamicWeight"),
    }


def _of_resource(resources, name, key):
    if observed.is_hole(resources) or observed.is_hole(name):
        return resources if observed.is_hole(resources) else name
    for resource in resources:
        if not observed.is_hole(resource) and resource["name"] == name:
            return resource[key]
    return observed.hole("failed", f"The cluster names {name} as its witness but does not list it among its resources.")
