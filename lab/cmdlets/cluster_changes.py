"""Changing a failover cluster: quorum, dependencies, owners, private and common properties, states of resources and nodes."""
from __future__ import annotations

import re

from lab import membership
from lab.backend import assignable, cmdlet
from lab.cmdlets.clusters import CMDLET_EXCEPTION, NS, View, named_owner, quorum_settings
from lab.estate import LANGUAGES, guid, share_witness
from lab.values import CmdletError, link, not_modelled

PAGES = "reference pages of FailoverClusters (2016, 2019)"
FC = "FailoverClusters\\"
NUMBERS = {"UInt32": 2**32, "UInt64": 2**64}


# --- quorum

@cmdlet(FC + "Set-ClusterQuorum", takes="NoWitness DiskWitness FileShareWitness CloudWitness DiskOnly InputObject", changes=True,
        source=f"{PAGES}; field-truths 91, 135, 136; real/cluster ce-020 (suffix of the name), ce-021 (settings stay as before)",
        assumed="the caller's own check of a share passes; a share that its cluster may not write: Win32 5, an unknown one: Win32 53; "
                "a former witness disk goes to Available Storage; a new share replaces an equal one")
def set_quorum(run):
    """Witness none, disk, file share, or disk only. A refused one leaves everything as it was."""
    view = View(run, write=True)
    kinds = [name for name in ("NoWitness", "DiskWitness", "FileShareWitness", "CloudWitness", "DiskOnly") if run.get(name)]
    if len(kinds) != 1 or kinds == ["CloudWitness"]:
        raise not_modelled(f"Set-ClusterQuorum with {' and '.join(kinds) or 'nothing'}")
    new = None
    if kinds[0] in ("DiskWitness", "DiskOnly"):
        new = _witness_disk(view, run.get(kinds[0]))
    elif kinds[0] == "FileShareWitness":
        new = _witness_share(view, run.get("FileShareWitness"))
    old = membership.witness(view.cluster)
    view.cluster["quorum"] = {"type": 2 if kinds[0] == "DiskOnly" else 1, "resource": new and new["id"]}
    if old is not None and old is not new:
        _retire(view.cluster, old)
    membership.settle(view.cluster, view.hosts)
    return [quorum_settings(View(run))]


def _core(cluster, kind=1):
    return next(group for group in cluster["groups"] if group["core"] and group["type"] == kind)


def _witness_disk(view, name):
    item = next((item for item in view.cluster["resources"] if item["name"].casefold() == name.casefold()), None)
    if item is None:
        raise view.not_found("resource", name)
    group = membership.group_of(view.cluster, item)
    if item["type"] != "Physical Disk" or not group["core"]:
        raise view.failed(5068 if item["type"] != "Physical Disk" else 5079, "An error was encountered while modifying the quorum settings.\n"
                          "Your cluster quorum settings have not been changed.", "The cluster quorum resource is not allowed to have this owner or type")
    item.update(group=_core(view.cluster)["id"], core=True, state=membership.ONLINE)
    return item


def _witness_share(view, path):
    share = next((share for known, share in view.run.state.shares.items() if known.casefold() == path.rstrip("\\").casefold()), None)
    refused = "An error was encountered while modifying the quorum settings.\nYour cluster quorum settings have not been changed."
    if share is None:
        raise view.failed(53, f"{refused}\nUnable to find the file share '{path}'.", "The network path was not found")
    if view.cluster["name"].casefold() not in [writer.casefold() for writer in share["writers"]]:
        raise view.failed(5, f"{refused}\nThe cluster name '{view.cluster['name']}' cannot write to the file share '{path}'.", "Access is denied")
    wanted = LANGUAGES[view.cluster["language"]]["types"]["File Share Witness"]
    taken, name, number = {item["name"].casefold() for item in view.cluster["resources"]}, wanted, 2
    while name.casefold() in taken:
        name, number = f"{wanted} ({number})", number + 1
    template = next(item for item in view.cluster["resources"] if item["core"])
    item = {**template, "id": guid("resource", view.cluster["name"], name), "name": name, "type": "File Share Witness", "core": True,
            "group": _core(view.cluster)["id"], "depends": [], "private": share_witness(path), "state": membership.ONLINE,
            "possible": [node["name"] for node in view.cluster["nodes"]], "properties": dict(template["properties"])}
    view.cluster["resources"].append(item)
    return item


def _retire(cluster, item):
    """A witness that is one no more: a disk becomes available storage, another resource is deleted."""
    if item["type"] == "Physical Disk":
        item.update(group=_core(cluster, 2)["id"], core=False)
    else:
        cluster["resources"].remove(item)


# --- private properties

@cmdlet(FC + "Set-ClusterParameter", takes="Name Value Multiple InputObject", changes=True, source=f"{PAGES}; field-truths 126, 127",
        assumed="an unknown name without -Create is refused with Win32 2; values are stored at once and a warning names the resource")
def set_parameter(run):
    """Sets private properties of the resource that is piped in."""
    view = View(run, write=True)
    item = view.given("ClusterResource")
    if item is None:
        raise run.error("PSArgument", "InvalidArgument", link(CMDLET_EXCEPTION, "No cluster object was specified."))
    changes = run.get("Multiple") or {run.get("Name"): run.get("Value")}
    stored = {}
    for name, value in changes.items():
        own = next((known for known in item["private"] if known.casefold() == str(name).casefold()), None)
        if own is None:
            raise view.failed(2, f"Parameter '{name}' does not exist on the cluster object '{item['name']}'.", "The system cannot find the file specified")
        kind = item["private"][own][0]
        if kind in ("ByteArray", "DateTime") or own.startswith("Status"):
            raise not_modelled(f"setting {own}")
        stored[own] = [kind, _number(view, value, NUMBERS[kind]) if kind in NUMBERS else str(value)]
    item["private"].update(stored)
    if item["state"] == membership.ONLINE:
        run.warnings.append("The properties were stored, but not all changes will take effect until "
                            f"{item['name']} is taken offline and then online again.")
    return []


def _number(view, value, bound):
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < bound:
        raise view.failed(87, f"The value '{value}' is not valid.", "The parameter is incorrect")
    return number


# --- dependencies and owners

def _one(view, documents, name):
    """The one document that a name or the pipeline gives. Raises."""
    if name is None:
        return view.given("ClusterResource") or _nothing(view)
    found = documents([name])
    if not found:
        raise CmdletError(view.run.errors.pop())
    return found[0]


def _nothing(view):
    raise view.run.error("PSArgument", "InvalidArgument", link(CMDLET_EXCEPTION, "No cluster object was specified."))


@cmdlet(FC + "Add-ClusterResourceDependency", takes="Resource Provider InputObject", changes=True, source=PAGES,
        assumed="a dependency that is there already: Win32 5003")
def add_dependency(run):
    """Makes a resource depend on one more."""
    view = View(run, write=True)
    item, provider = _one(view, view.resources, run.get("Resource")), _one(view, view.resources, run.get("Provider"))
    if any(provider["id"] in parts for parts in item["depends"]):
        raise view.failed(5003, f"'{item['name']}' depends on '{provider['name']}' already.", "The cluster resource dependency already exists")
    _same_group(view, item, provider)
    item["depends"].append([provider["id"]])
    return [view.resource(item)]


@cmdlet(FC + "Remove-ClusterResourceDependency", takes="Resource Provider InputObject", changes=True, source=PAGES,
        assumed="works while the resource is online; a dependency that is not there: Win32 5002")
def remove_dependency(run):
    """Takes one dependency off a resource."""
    view = View(run, write=True)
    item, provider = _one(view, view.resources, run.get("Resource")), _one(view, view.resources, run.get("Provider"))
    if not any(provider["id"] in parts for parts in item["depends"]):
        raise view.failed(5002, f"'{item['name']}' does not depend on '{provider['name']}'.", "The cluster resource dependency cannot be found")
    item["depends"] = [parts for parts in ([part for part in parts if part != provider["id"]] for parts in item["depends"]) if parts]
    return [view.resource(item)]


@cmdlet(FC + "Set-ClusterResourceDependency", takes="Resource Dependency InputObject", changes=True, source=PAGES)
def set_dependency(run):
    """Replaces the dependencies of a resource by those of an expression; an empty one removes all."""
    view = View(run, write=True)
    item = _one(view, view.resources, run.get("Resource"))
    item["depends"] = _parsed(view, item, run.get("Dependency") or "")
    return []


def _parsed(view, item, text):
    """Ids out of a dependency expression: brackets around names, ``and`` between parentheses, ``or`` inside them."""
    by_name = {known["name"].casefold(): known for known in view.cluster["resources"]}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    one = rf"\[(?:{names})\]"
    group = rf"(?:\(\s*{one}(?:\s+or\s+{one})*\s*\)|{one})"
    if text.strip() and not re.fullmatch(rf"\s*\(?\s*{group}(?:\s+and\s+{group})*\s*\)?\s*", text, re.IGNORECASE):
        raise view.failed(87, f"The dependency expression '{text}' is not valid.", "The parameter is incorrect")
    found = [[by_name[name[1:-1].casefold()] for name in re.findall(one, part, re.IGNORECASE)] for part in re.findall(group, text, re.IGNORECASE)]
    for provider in (provider for parts in found for provider in parts):
        _same_group(view, item, provider)
    return [[provider["id"] for provider in parts] for parts in found]


def _same_group(view, item, provider):
    if provider["group"] != item["group"] or provider is item:
        raise view.failed(5066 if provider is not item else 5059, f"'{item['name']}' cannot depend on '{provider['name']}'.",
                          "The cluster resource dependency is not allowed")


@cmdlet(FC + "Set-ClusterOwnerNode", takes="Resource Group Owners InputObject", changes=True, source=f"{PAGES}; field-truths 132, 134")
def set_owner_node(run):
    """Replaces the preferred owners of a group or the possible owners of a resource."""
    view = View(run, write=True)
    kind, document = named_owner(run, view)
    owners = [node["name"] for node in view.nodes(run.get("Owners"))]
    if run.errors:
        raise CmdletError(run.errors.pop())
    document["preferred" if kind == "ClusterGroup" else "possible"] = owners
    return []


# --- states

@cmdlet(FC + "Stop-ClusterResource", takes="Name InputObject Wait", changes=True, source=f"{PAGES}; field-truths 138",
        assumed="resources that depend on it go offline first")
def stop_resource(run):
    """Takes a resource offline; a witness that is offline has no vote."""
    view = View(run, write=True)
    item = _one(view, view.resources, run.get("Name"))
    _offline(view.cluster, item)
    membership.settle(view.cluster, view.hosts)
    return [View(run).resource(item)]


def _offline(cluster, item):
    for other in cluster["resources"]:
        if other["state"] == membership.ONLINE and any(item["id"] in parts for parts in other["depends"]):
            _offline(cluster, other)
    item["state"] = membership.OFFLINE


@cmdlet(FC + "Start-ClusterResource", takes="Name InputObject Wait", changes=True, source=f"{PAGES}; field-truths 144 (what MSDTC needs)",
        assumed="what it depends on comes online first; MSDTC without disk or name fails with Win32 5002")
def start_resource(run):
    """Brings a resource online."""
    view = View(run, write=True)
    item = _one(view, view.resources, run.get("Name"))
    _online(view, item)
    membership.settle(view.cluster, view.hosts)
    return [View(run).resource(item)]


def _online(view, item):
    providers = [membership.resource(view.cluster, part) for parts in item["depends"] for part in parts]
    if item["type"] == "Distributed Transaction Coordinator" and not {"Physical Disk", "Network Name"} <= {p["type"] for p in providers}:
        item["state"] = membership.FAILED
        raise view.failed(5002, f"An error occurred while bringing '{item['name']}' online.", "The cluster resource dependency cannot be found")
    for provider in providers:
        if provider["state"] != membership.ONLINE:
            _online(view, provider)
    item["state"] = membership.ONLINE


@cmdlet(FC + "Remove-ClusterResource", takes="Name InputObject Force", changes=True, source=PAGES,
        assumed="a resource that is online goes offline first; one that others depend on: Win32 5001; one of the core group: Win32 5083")
def remove_resource(run):
    """Removes one resource from the cluster; without -Force it would ask."""
    view = View(run, write=True)
    if not run.get("Force"):
        raise not_modelled("Remove-ClusterResource without -Force")
    names = run.get("Name") or [None]
    if len(names) > 1:
        raise not_modelled("Remove-ClusterResource of several resources")
    item = _one(view, view.resources, names[0])
    if any(item["id"] in parts for other in view.cluster["resources"] for parts in other["depends"]):
        raise view.failed(5001, f"'{item['name']}' could not be removed.", "The cluster resource cannot be deleted since other resources are "
                          "dependent on it")
    if item["core"]:
        raise view.failed(5083, f"'{item['name']}' could not be removed.", "The cluster resource is a core resource")
    view.cluster["resources"].remove(item)
    membership.settle(view.cluster, view.hosts)
    return []


@cmdlet(FC + "Move-ClusterGroup", takes="Name Node InputObject Wait", changes=True, source=f"{PAGES}; real/cluster ce-017 (5016)")
def move_group(run):
    """Moves a group to a node, or to the best other one."""
    view = View(run, write=True)
    group = view.given("ClusterGroup") if run.get("Name") is None else _one(view, view.groups, run.get("Name"))
    target = None if run.get("Node") is None else _one(view, view.nodes, run.get("Node"))
    there = target is not None and target["name"] == group["owner"]
    if not there and membership.move(view.cluster, view.hosts, group, target and target["name"]) is None:
        raise view.failed(5016, f"An error occurred while moving the clustered role '{group['name']}'.",
                          "The operation failed because either the specified cluster node is not the owner of the group, or the node is not "
                          "a possible owner of the group")
    membership.settle(view.cluster, view.hosts)
    return [View(run).group(group)]


def _nodes(view):
    if view.run.get("Name") is None:
        given = view.given("ClusterNode")
        return [given] if given else [view.by_name(view.run.host["name"])]
    found = view.nodes(view.run.get("Name"))
    if view.run.errors:
        raise CmdletError(view.run.errors.pop())
    return found


@cmdlet(FC + "Suspend-ClusterNode", takes="Name Drain Wait InputObject", changes=True, source=f"{PAGES}; co-064")
def suspend_node(run):
    """Pauses nodes; -Drain moves their groups away."""
    view = View(run, write=True)
    for node in _nodes(view):
        if node["state"] != membership.UP:
            raise view.failed(70, f"The node '{node['name']}' is not up.", "The remote server has been paused or is in the process of being started")
        node["state"] = membership.PAUSED
        if run.get("Drain"):
            node["drain"] = 2
            for group in view.cluster["groups"]:
                if group["owner"] == node["name"]:
                    membership.move(view.cluster, view.hosts, group)
        membership.settle(view.cluster, view.hosts)
        yield View(run).node(node)


@cmdlet(FC + "Resume-ClusterNode", takes="Name InputObject", changes=True, source=PAGES, assumed="no failback")
def resume_node(run):
    """Ends the pause of nodes."""
    view = View(run, write=True)
    for node in _nodes(view):
        if node["state"] == membership.PAUSED:
            node.update(state=membership.UP, drain=0)
        membership.settle(view.cluster, view.hosts)
        yield View(run).node(node)


@cmdlet(FC + "Stop-ClusterNode", takes="Name InputObject Wait", changes=True, source=f"{PAGES}; Microsoft's quorum page",
        assumed="a node that is stopped so gives its vote up first; the last one stops the cluster")
def stop_node(run):
    """Stops the cluster service of nodes; their groups move."""
    view = View(run, write=True)
    for node in _nodes(view):
        membership.lose(view.cluster, view.hosts, node, graceful=True)
        yield View(run).node(node) if membership.running(view.cluster) else view.node(node)


@cmdlet(FC + "Start-ClusterNode", takes="Name InputObject Wait", changes=True, source=PAGES, assumed="without -Name it starts this host's own service")
def start_node(run):
    """Starts the cluster service of nodes."""
    if run.get("Name") is None and run.piped is None:
        cluster = run.state.cluster_of(run.backend.host)
        nodes = [node for node in cluster["nodes"] if node["host"] == run.backend.host]
    else:
        nodes = _nodes(View(run, write=True))
    for node in nodes:
        if node["state"] == membership.DOWN and run.state.hosts[node["host"]]["powered"]:
            membership.join(run.state.cluster_of(run.backend.host), run.state.hosts, node)
        view = View(run)
        yield view.node(node)


# --- common properties, by assignment to the live object

RANGES = {  # Microsoft, "Tuning Failover Cluster Network Thresholds" and the pages of the common properties
    "SameSubnetDelay": (250, 2000), "CrossSubnetDelay": (250, 4000), "SameSubnetThreshold": (3, 120), "CrossSubnetThreshold": (3, 120),
    "RouteHistoryLength": (0, 80), "DynamicQuorum": (0, 1), "NodeWeight": (0, 1), "AutoFailbackType": (0, 1), "RestartAction": (0, 2),
}
ASSUMED = "a value out of range: Win32 87"


def _checked(view, name, value, text):
    if text:
        return str(value)
    low, high = RANGES.get(name, (0, 2**32 - 1))
    number = _number(view, value, 2**32)
    if not low <= number <= high:
        raise view.failed(87, f"The value {number} is not valid for the property '{name}'.", "The parameter is incorrect")
    return number


def _assign(run, obj, name, value, holder):
    view = View(run, write=True)
    _kind, document = view.document(obj)
    current = obj.properties[name]
    stored = _checked(view, name, value, isinstance(current, str))
    holder(document)[HELD.get(name, name)] = bool(stored) if isinstance(current, bool) else stored
    obj.properties[name] = holder(document)[HELD.get(name, name)]
    membership.settle(view.cluster, view.hosts)


HELD = {"NodeWeight": "weight"}


@assignable(NS + "Cluster", ("DynamicQuorum", "SameSubnetDelay", "SameSubnetThreshold", "CrossSubnetDelay", "CrossSubnetThreshold",
                             "RouteHistoryLength", "LowerQuorumPriorityNodeId", "Description", "ClusterLogSize", "ClusterLogLevel", "ShutdownTimeoutInMinutes"),
            source="field-truths 126; Tuning Failover Cluster Network Thresholds", assumed=ASSUMED)
def assign_cluster(run, obj, name, value):
    """A common property of the cluster; DynamicQuorum moves the votes at once."""
    _assign(run, obj, name, value, lambda document: document["properties"])


@assignable(NS + "ClusterNode", ("NodeWeight",), source="field-truths 126, 138", assumed=ASSUMED)
def assign_node(run, obj, name, value):
    """The configured vote of a node; the dynamic votes follow."""
    _assign(run, obj, name, value, lambda document: document)


@assignable(NS + "ClusterResource", ("PendingTimeout", "DeadlockTimeout", "RestartAction", "RestartDelay", "RestartPeriod", "RestartThreshold",
                                     "RetryPeriodOnFailure", "IsAlivePollInterval", "LooksAlivePollInterval", "Description", "SeparateMonitor"),
            source="field-truths 126", assumed=ASSUMED)
def assign_resource(run, obj, name, value):
    """A common property of a resource."""
    _assign(run, obj, name, value, lambda document: document["properties"])


@assignable(NS + "ClusterGroup", ("AutoFailbackType", "FailoverPeriod", "FailoverThreshold", "FailbackWindowStart", "FailbackWindowEnd",
                                  "Description", "Priority"), source="field-truths 126, 128 to 130", assumed=ASSUMED)
def assign_group(run, obj, name, value):
    """A common property of a group."""
    _assign(run, obj, name, value, lambda document: document["properties"])
