"""Reading a failover cluster: objects with all properties of the real types, and the errors that nodes really give."""
from __future__ import annotations

import base64
import fnmatch

from lab import membership
from lab.backend import cmdlet
from lab.bind import typed
from lab.estate import LANGUAGES
from lab.values import CmdletError, Err, Instant, Obj, Unreadable, link, not_modelled, win32

NS = "Microsoft.FailoverClusters.PowerShell."
OBJECTS = "catalogue objects.json (module stub of FailoverClusters 2.0); values: real/cluster/objects.jsonl"
ERRORS = "real/cluster/errors.jsonl"
CMDLET_EXCEPTION = NS + "ClusterCmdletException"
PARAMETER_TYPES = {"Unknown": 0, "ByteArray": 1, "UInt32": 2, "String": 3, "StringCollection": 5, "UInt64": 6, "Int32": 7, "DateTime": 12}
STORAGE, NETWORK = ("Physical Disk",), ("Network Name", "IP Address")


class View:
    """The cluster of a run's host as objects. Raises CmdletError where its cluster service does not answer or the user may not."""

    def __init__(self, run, write=False):
        self.run = run
        self.hosts = run.state.hosts
        self.cluster = run.state.cluster_of(run.backend.host)
        if run.get("Cluster") is not None:
            raise not_modelled("-Cluster (a second hop)")
        if self.cluster is None or not self._service_runs():
            raise run.error("ClusterEndpointNotRegistered", "ConnectionError", link(
                CMDLET_EXCEPTION, "The cluster service is not running.  Make sure that the service is running on all nodes in the cluster.\n"
                "    There are no more endpoints available from the endpoint mapper"),
                win32(1753, "There are no more endpoints available from the endpoint mapper"))
        user = run.state.user(run.backend.user)
        right = user["clusters"].get(self.cluster["name"], "full" if user["admin"] else "none")
        if right == "none" or (write and right != "full"):
            raise self.failed(5, "You do not have administrative privileges on the cluster. Contact your network administrator to request access.",
                              "Access is denied")
        self._made = {}

    def _service_runs(self):
        node = next(n for n in self.cluster["nodes"] if n["host"] == self.run.backend.host)
        return node["state"] in (membership.UP, membership.PAUSED)

    def failed(self, number, message, inner):
        """The general error of these cmdlets: one id for many causes, told apart by the innermost Win32 code."""
        return self.run.error(self.run.command.split("\\")[-1], "NotSpecified",
                              link(CMDLET_EXCEPTION, f"{message}\n    {inner}"), win32(number, inner))

    def not_found(self, kind, name):
        return self.run.error(self.run.command.split("\\")[-1], "ObjectNotFound",
                              link(CMDLET_EXCEPTION, f"The {kind} '{name}' could not be found.\n    The {kind} could not be found"),
                              win32({"node": 5042, "group": 5013, "resource": 5007, "network": 5045, "network interface": 5047}[kind],
                                    f"The cluster {kind} could not be found"))

    # --- objects, each made once a run

    def _obj(self, name, key, make):
        object_id = f"cluster/{self.cluster['name']}/{name}/{key}"
        if object_id not in self._made:
            obj = self._made[object_id] = typed(NS + name, object_id, make())
            for hidden in self.run.host["unreadable"].get(name, ()):
                obj.properties[hidden] = Unreadable(Err("GetValueInvocationException", "NotSpecified", [link(
                    CMDLET_EXCEPTION, f"An error occurred reading the property '{hidden}'."), win32(5, "Access is denied")], True))
        return self._made[object_id]

    def whole(self):
        cluster = self.cluster
        return self._obj("Cluster", cluster["name"], lambda: {
            **cluster["properties"], "Name": cluster["name"], "Id": cluster["id"], "Domain": cluster["domain"],
            "SharedVolumeCompatibleFilters": [], "SharedVolumeIncompatibleFilters": [], "SharedVolumeSecurityDescriptor": b"\x01\x00\x04\x80",
            "EnabledEventLogs": []})

    def node(self, node):
        os = self.hosts[node["host"]]["os"]
        return self._obj("ClusterNode", node["id"], lambda: {
            "Name": node["name"], "NodeName": node["name"], "Id": node["id"], "Cluster": self.whole(), "State": node["state"],
            "NodeWeight": node["weight"], "DynamicWeight": node["dynamic_weight"], "NodeInstanceID": node["instance"], "DrainStatus": node["drain"],
            "DrainTarget": 4294967295, "Description": node["description"], "BuildNumber": int(os["build"]), "MajorVersion": 10, "MinorVersion": 0,
            "NodeHighestVersion": 655363, "NodeLowestVersion": 655363, "FaultDomain": ["Site:", "Rack:", "Chassis:"], "UniqueID": node["instance"],
            "Manufacturer": "VMware, Inc.", "Model": "VMware Virtual Platform"})

    def by_name(self, name):
        return next(node for node in self.cluster["nodes"] if node["name"] == name)

    def network(self, network):
        up = [state for owner, state in self._interface_states(network) if owner["state"] in (membership.UP, membership.PAUSED)]
        return self._obj("ClusterNetwork", network["id"], lambda: {
            "Name": network["name"], "Id": network["id"], "Cluster": self.whole(), "Role": network["role"], "Address": network["address"],
            "AddressMask": network["mask"], "AutoMetric": True, "Metric": network["metric"], "Ipv4Addresses": [network["address"]],
            "Ipv4PrefixLengths": [16], "Ipv6Addresses": [], "Ipv6PrefixLengths": [], "State": 3 if 3 in up else 1})

    def _interface_states(self, network):
        """``(node, state)`` of each interface of a network: Up, Failed where its adapter is off, Unavailable where its node is down."""
        place = self.cluster["networks"].index(network)
        for node in self.cluster["nodes"]:
            adapter = list(self.hosts[node["host"]]["adapters"].values())[place]
            yield node, 0 if node["state"] == membership.DOWN else 3 if adapter else 1

    def interfaces(self):
        return [self._interface(place, network, node, state) for place, network in enumerate(self.cluster["networks"])
                for node, state in self._interface_states(network)]

    def _interface(self, place, network, node, state):
        host = self.hosts[node["host"]]
        address = network["address"].removesuffix(".0.0") + "." + host["address"].split(".", 2)[2]
        own_id = f"{network['id'][:-2]}{int(node['id']):02d}"
        return self._obj("ClusterNetworkInterface", own_id, lambda: {
            "Name": f"{node['name']} - {list(host['adapters'])[place]}", "Id": own_id, "Cluster": self.whole(), "Network": self.network(network),
            "Node": node["name"], "State": state, "Adapter": f"vmxnet3 Ethernet Adapter #{place + 1}", "AdapterId": own_id.upper(),
            "Address": address, "Ipv4Addresses": [address], "Ipv6Addresses": []})

    def group(self, group):
        return self._obj("ClusterGroup", group["id"], lambda: {
            **group["properties"], "Name": group["name"], "Id": group["id"], "Cluster": self.whole(), "GroupType": group["type"],
            "IsCoreGroup": group["core"], "OwnerNode": self.node(self.by_name(group["owner"])), "State": self.group_state(group),
            "AntiAffinityClassNames": []})

    def group_state(self, group):
        """Online, Offline or PartialOnline from its resources; a group without any is Offline (field-truths 131)."""
        states = {item["state"] for item in self.cluster["resources"] if item["group"] == group["id"]}
        if membership.FAILED in states:
            return 2
        return 0 if states == {membership.ONLINE} else 1 if membership.ONLINE not in states else 3

    def resource(self, item):
        group = membership.group_of(self.cluster, item)
        return self._obj("ClusterResource", item["id"], lambda: {
            **item["properties"], "Name": item["name"], "Id": item["id"], "Cluster": self.whole(), "IsCoreResource": item["core"],
            "IsNetworkClassResource": item["type"] in NETWORK, "IsStorageClassResource": item["type"] in STORAGE, "MonitorProcessId": 4312,
            "OwnerGroup": self.group(group), "OwnerNode": self.node(self.by_name(group["owner"])), "ResourceType": self.resource_type(item["type"]),
            "State": item["state"]})

    def resource_type(self, name):
        shown = LANGUAGES[self.cluster["language"]]["types"].get(name, name)
        return self._obj("ClusterResourceType", name, lambda: {
            "Name": name, "DisplayName": shown, "Cluster": self.whole(), "DllName": "clusres.dll", "DeadlockTimeout": 300000,
            "IsAlivePollInterval": 60000, "LooksAlivePollInterval": 5000, "PendingTimeout": 180000, "AdminExtensions": [], "EnabledEventLogs": []})

    # --- look-ups

    def resources(self, names=None):
        return self._named("resource", self.cluster["resources"], names)

    def groups(self, names=None):
        return self._named("group", self.cluster["groups"], names)

    def nodes(self, names=None):
        return self._named("node", self.cluster["nodes"], names)

    def _named(self, kind, documents, names):
        """Documents by name, wildcards and any case; a name that finds nothing is an error beside the others."""
        if names is None:
            return list(documents)
        found = []
        for name in names:
            matching = [d for d in documents if fnmatch.fnmatchcase(d["name"].casefold(), name.casefold()) or d["name"].casefold() == name.casefold()]
            if not matching:
                self.run.errors.append(self.not_found(kind, name).err)
            found += [d for d in matching if d not in found]
        return found

    def document(self, obj):
        """``(kind, document)`` behind a live object; the kind is the name of its type."""
        if not isinstance(obj, Obj) or not obj.id.startswith(f"cluster/{self.cluster['name']}/"):
            raise self.run.error("PSArgument", "InvalidArgument", link(CMDLET_EXCEPTION, "No cluster object was specified."))
        _cluster, _name, kind, key = obj.id.split("/", 3)
        lists = {"ClusterResource": "resources", "ClusterGroup": "groups", "ClusterNode": "nodes", "ClusterNetwork": "networks"}
        if kind == "Cluster":
            return kind, self.cluster
        document = next((d for d in self.cluster[lists[kind]] if d["id"] == key), None) if kind in lists else None
        if document is None:
            raise not_modelled(f"{self.run.command} for a {kind}")
        return kind, document

    def given(self, kind):
        """The document that -InputObject or the pipeline names, or None. Raises when it is of another kind."""
        obj = self.run.get("InputObject", self.run.piped)
        if obj is None:
            return None
        found, document = self.document(obj)
        if found == kind:
            return document
        raise self.run.error("PSArgument", "InvalidArgument", link(CMDLET_EXCEPTION, "No cluster object was specified."))


def parameter_value(kind, stored):
    """A private property's live value from its stored form."""
    return base64.b64decode(stored) if kind == "ByteArray" else Instant(stored) if kind == "DateTime" else stored


@cmdlet(r"FailoverClusters\Get-Cluster", takes="Name", source=f"{OBJECTS}; {ERRORS} ce-006")
def get_cluster(run):
    """The cluster that the host is a node of."""
    view = View(run)
    if run.get("Name", view.cluster["name"]).casefold() != view.cluster["name"].casefold():
        raise not_modelled("Get-Cluster -Name of another cluster (a second hop)")
    return [view.whole()]


@cmdlet(r"FailoverClusters\Get-ClusterNode", takes="Name", source=f"{OBJECTS}; {ERRORS} ce-008, ce-015",
        assumed="NodeHighestVersion of 2019, manufacturer and model")
def get_node(run):
    """The nodes, by name or all."""
    view = View(run)
    return [view.node(node) for node in view.nodes(run.get("Name"))]


@cmdlet(r"FailoverClusters\Get-ClusterNetwork", takes="Name", source=f"{OBJECTS}; co-095, co-103")
def get_network(run):
    """The networks; one is up while any interface on it is."""
    view = View(run)
    return [view.network(network) for network in view._named("network", view.cluster["networks"], run.get("Name"))]


@cmdlet(r"FailoverClusters\Get-ClusterNetworkInterface", takes="Name Node Network", source=f"{OBJECTS}; states: CLUSTER_NETINTERFACE_STATE of clusapi",
        assumed="a disabled adapter shows as Failed")
def get_interface(run):
    """The interfaces of all nodes on all networks."""
    view = View(run)
    wanted = {"Name": run.get("Name"), "Node": run.get("Node"), "Network": run.get("Network")}
    for obj in view.interfaces():
        shown = {"Name": obj.properties["Name"], "Node": obj.properties["Node"], "Network": obj.properties["Network"].properties["Name"]}
        if all(want is None or shown[key].casefold() in [w.casefold() for w in (want if isinstance(want, list) else [want])]
               for key, want in wanted.items()):
            yield obj


@cmdlet(r"FailoverClusters\Get-ClusterGroup", takes="Name", source=f"{OBJECTS}; co-012, co-030, field-truths 110, 131")
def get_group(run):
    """The groups, core ones with the installer's names."""
    view = View(run)
    return [view.group(group) for group in view.groups(run.get("Name"))]


@cmdlet(r"FailoverClusters\Get-ClusterResource", takes="Name InputObject", source=f"{OBJECTS}; co-007; {ERRORS} ce-022, field-truths 109",
        assumed="missing rights: NotSpecified with the cmdlet's name as id, inner Win32 5")
def get_resource(run):
    """The resources, by name, or those of a group or node that is piped in."""
    view = View(run)
    items = view.resources(run.get("Name"))
    piped = run.get("InputObject", run.piped)
    if piped is not None:
        kind, document = view.document(piped)
        items = [item for item in items if kind == "Cluster" or item is document or item["group"] == document["id"]
                 or (kind == "ClusterNode" and membership.group_of(view.cluster, item)["owner"] == document["name"])]
    return [view.resource(item) for item in items]


@cmdlet(r"FailoverClusters\Get-ClusterParameter", takes="Name InputObject", source=f"co-005, co-015 to co-020, co-104; {ERRORS} ce-007",
        assumed="groups, nodes, networks and the cluster itself have no private properties here")
def get_parameter(run):
    """Private properties of one object that is piped in."""
    view = View(run)
    kind, document = view.document(run.get("InputObject", run.piped))
    wanted = run.get("Name")
    stored = {} if kind != "ClusterResource" else document["private"]
    for name in wanted or ():
        if name.casefold() not in {known.casefold() for known in stored}:
            run.errors.append(view.failed(2, f"The property '{name}' does not exist.", "The system cannot find the file specified").err)
    owner = view.resource(document) if kind == "ClusterResource" else None
    return [typed(NS + "ClusterParameter", f"{owner.id}/parameter/{name}", {
        "ClusterObject": owner, "Name": name, "IsReadOnly": name.startswith("Status"), "ParameterType": PARAMETER_TYPES[value_kind],
        "Value": parameter_value(value_kind, value)})
        for name, (value_kind, value) in stored.items() if wanted is None or name.casefold() in [w.casefold() for w in wanted]]


def expression(cluster, item):
    """A resource's dependencies as Windows writes them."""
    def name(resource_id):
        return f"[{membership.resource(cluster, resource_id)['name']}]"
    return " and ".join("(" + " or ".join(name(part) for part in parts) + ")" for parts in item["depends"])


@cmdlet(r"FailoverClusters\Get-ClusterResourceDependency", takes="Resource InputObject", source=f"{OBJECTS}; co-056",
        assumed="each alternative stands in parentheses; no dependency is an empty text")
def get_dependency(run):
    """The dependency expression of one resource."""
    view = View(run)
    piped = view.given("ClusterResource")
    for item in [piped] if piped is not None else view.resources(run.get("Resource")):
        yield typed(NS + "ClusterResourceDependency", f"{item['id']}/dependency", {
            "Resource": view.resource(item), "DependencyExpression": expression(view.cluster, item)})


@cmdlet(r"FailoverClusters\Get-ClusterOwnerNode", takes="Resource Group InputObject", source=f"{OBJECTS}; field-truths 132; {ERRORS} ce-023")
def get_owner_node(run):
    """Preferred owners of a group in their order; possible owners of a resource."""
    view = View(run)
    kind, document = named_owner(run, view)
    owners = document["preferred"] if kind == "ClusterGroup" else document["possible"]
    return [typed(NS + "ClusterOwnerNodeList", f"{document['id']}/owners", {
        "ClusterObject": view.group(document) if kind == "ClusterGroup" else view.resource(document),
        "OwnerNodes": [view.node(view.by_name(name)) for name in owners]})]


def named_owner(run, view):
    """The group or resource that an owner cmdlet is about."""
    for parameter, kind, documents in (("Resource", "ClusterResource", view.resources), ("Group", "ClusterGroup", view.groups)):
        if run.get(parameter) is not None:
            found = documents([run.get(parameter)])
            if not found:
                raise CmdletError(run.errors.pop())
            return kind, found[0]
    kind, document = view.document(run.get("InputObject", run.piped))
    if kind not in ("ClusterResource", "ClusterGroup"):
        raise not_modelled(f"owners of a {kind}")
    return kind, document


def quorum_settings(view):
    quorum = view.cluster["quorum"]
    item = membership.witness(view.cluster)
    return typed(NS + "ClusterQuorumSettings", f"cluster/{view.cluster['name']}/quorum", {
        "Cluster": view.whole(), "QuorumResource": item and view.resource(item), "QuorumType": quorum["type"]})


@cmdlet(r"FailoverClusters\Get-ClusterQuorum", takes="", source=f"{OBJECTS}; field-truths 135")
def get_quorum(run):
    """Quorum type and witness; Majority with and without one."""
    return [quorum_settings(View(run))]
