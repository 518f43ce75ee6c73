# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Derived facts: what follows from the relations between things that were read, so that a control stays one line.

Each function answers with a hole, for the reason of its input, where an input that matters was not seen.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, quorum
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import platform
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.observed import first_hole

ROLES = {"Distributed Transaction Coordinator": "dtc", "SQL Server": "sql_server"}
NOT_INSTALLED = "not installed"


def part(data, name):
    """A property; a hole where the data is one, has no such property, or says null."""
    if observed.is_hole(data):
        return data
    value = data.get(name, observed.hole("missing", f"{name} is not in the snapshot."))
    return observed.hole("null", f"{name} is null.") if value is None else value


def first(elements, is_wanted, missing):
    """The first element that is wanted; a hole where there is none, or where what might be it was not seen."""
    if observed.is_hole(elements):
        return elements
    found = next((element for element in elements if not observed.is_hole(element) and is_wanted(element)), None)
    return found or first_hole(elements) or observed.hole("missing", missing)


def each(elements, change):
    """A list with every element changed that was seen."""
    if observed.is_hole(elements):
        return elements
    return [element if observed.is_hole(element) else change(element) for element in elements]


def all_are(values, wanted):
    """Whether all values are the wanted one: false as soon as one is known to be another."""
    if any(not observed.is_hole(value) and value != wanted for value in values):
        return False
    return first_hole(values) or True


def any_true(values):
    """Whether one is true: true as soon as one is known to be; false only where all are known."""
    return True if any(value is True for value in values) else first_hole(values) or False


def total(elements, name):
    """The sum of a number of every element."""
    values = [elements] if observed.is_hole(elements) else [part(element, name) for element in elements]
    return first_hole(values) or sum(values)


def named_services(services):
    """A list of services as properties: ``{clussvc, entsso, msdtc}``."""
    return {name.casefold(): first(services, lambda service, name=name: service["name"] == name, f"{name} was not asked for.")
            for name in platform.SERVICES}


def cluster(facts, name, members, declared, everyone):
    """Adds to what the nodes said in common what each node alone can say, what the inventory says, and what follows.

    *facts*: every property of the kind, read or a hole. *members*: the hosts that spoke for the cluster; *declared*: the
    hosts that the inventory puts into it.
    """
    groups = {group for host in [*members, *declared] for group in host.groups}
    resources = each(facts["resources"], lambda resource: {**resource, "role": role(resource)})
    nodes = each(facts["nodes"], lambda node: _node(node, resources, [*members, *everyone]))
    resources = each(resources, lambda resource: {**resource, **_biztalk_host(resource, resources, nodes)})
    sites = {} if observed.is_hole(nodes) else {
        node["name"]: node["site"] for node in nodes if not observed.is_hole(node) and isinstance(node["name"], str) and node["site"]}
    foretold = quorum.derived(facts, sites)
    return {
        **facts,
        "resources": resources,
        "nodes": each(nodes, lambda node: {**node, "if_it_fails": _foretold(foretold, "nodes", part(node, "name"), "if_it_fails")}),
        "sites": _sites(facts, sites, [*members, *declared], everyone),
        "votes": _votes(facts["nodes"], foretold),
        "interfaces": each(facts["interfaces"], lambda one: {**one, "network_role": _network_role(one, facts["networks"])}),
        "fcis": _fcis(resources, nodes),
        "validation": _validation(facts["nodes"], [*members, *everyone]),
        "carries_sso": True if "sso" in groups else _has_role(resources, "sso"),
        "carries_biztalk": True if "biztalk" in groups else _has_role(resources, "biztalk_host"),
        "declared": [{"host": host.name, "member": _is_member(host, name, facts["nodes"])} for host in declared],
    }


def role(resource):
    """What a cluster resource is for BizTalk: dtc, sso, biztalk_host, sql_server; None for any other. From type and service."""
    kind = part(resource, "type")
    if observed.is_hole(kind) or kind in ROLES:
        return kind if observed.is_hole(kind) else ROLES[kind]
    service = resource.get("service_name") if kind == "Generic Service" else None
    if service is None or observed.is_hole(service):
        return service
    if service.casefold() == "entsso":
        return "sso"
    return "biztalk_host" if service.casefold().startswith("btssvc$") else None


def _roles(resources):
    return [resources] if observed.is_hole(resources) else [r if observed.is_hole(r) else r["role"] for r in resources]


def _has_role(resources, wanted):
    return any_true([found if observed.is_hole(found) else found == wanted for found in _roles(resources)])


def count_of_role(resources, wanted):
    """How many resources of a role there are."""
    roles = _roles(resources)
    return first_hole(roles) or roles.count(wanted)


def _node(node, resources, hosts):
    """A node with what its own host says about it."""
    name = part(node, "name")
    if observed.is_hole(name):
        return {**node, **dict.fromkeys(("host", "services", "custom_ssp_allowed", "sql_instances", "owns_sso", "biztalk_services",
                                         "loose_biztalk_services", "features"), name), "site": None}
    host = next((host for host in hosts if host.is_called(name)), None)
    alone = observed.hole("missing", f"No host of the inventory is the node {name}.")
    biztalk_services = names_of(host.fact("platform", "biztalk", "services") if host else alone)
    return {
        **node,
        "biztalk_services": biztalk_services,
        "loose_biztalk_services": _loose(biztalk_services, resources),
        "host": host.name if host else alone,
        "site": host.variables.get("site") if host else None,
        "services": named_services(host.fact("platform", "services") if host else alone),
        "features": host.fact("cluster", "features") if host else alone,
        "custom_ssp_allowed": host.fact("platform", "custom_ssp_allowed") if host else alone,
        "sql_instances": host.fact("platform", "sql_instances") if host else alone,
        "owns_sso": any_true([resources] if observed.is_hole(resources) else [_owns_sso(name, resource) for resource in resources]),
    }


def _validation(nodes, hosts):
    """The newest report of a cluster validation on any node; None where there is none. A newer one may be where nobody looked."""
    found = []
    for node in [nodes] if observed.is_hole(nodes) else nodes:
        name = part(node, "name")
        host = name if observed.is_hole(name) else next((host for host in hosts if host.is_called(name)), None)
        alone = host if observed.is_hole(host) else observed.hole("missing", f"No host of the inventory is the node {name}.")
        reports = alone if host is None or host is alone else host.fact("cluster", "reports")
        found += [reports] if observed.is_hole(reports) else [first_hole([report, part(report, "at")]) or report for report in reports]
    return first_hole(found) or max(found, key=lambda report: report["at"], default=None)


def names_of(elements):
    """The names of a list's elements."""
    return elements if observed.is_hole(elements) else [part(element, "name") for element in elements]


def _loose(services, resources):
    """The services of BizTalk hosts on a node that are no resource of its cluster."""
    if observed.is_hole(services) or services == []:
        return services
    roles = _roles(resources)
    unseen = first_hole(roles)
    if unseen:
        return unseen
    clustered = {resource["service_name"].casefold() for resource, found in zip(resources, roles, strict=True) if found == "biztalk_host"}
    return [name for name in services if observed.is_hole(name) or name.casefold() not in clustered]


def _biztalk_host(resource, resources, nodes):
    """What a clustered BizTalk host needs beside itself: types in its group, and an instance on each node that may own it."""
    found = resource["role"]
    if observed.is_hole(found) or found != "biztalk_host":
        return dict.fromkeys(("group_types", "owners_without_instance"), [] if not observed.is_hole(found) else found)
    return {"group_types": _types_of_group(part(resource, "group"), resources),
            "owners_without_instance": _owners_without(resource["service_name"], part(resource, "possible_owners"), nodes)}


def _types_of_group(group, resources):
    """The types of the resources of a cluster group, each once; a hole at the end where one may be missing."""
    if observed.is_hole(group):
        return group
    groups = [resource if observed.is_hole(resource) else part(resource, "group") for resource in resources]
    kinds = [of if observed.is_hole(of) else part(resource, "type") for resource, of in zip(resources, groups, strict=True)
             if observed.is_hole(of) or of == group]
    unseen = first_hole(kinds)
    return sorted({kind for kind in kinds if not observed.is_hole(kind)}) + ([unseen] if unseen else [])


def _owners_without(service, owners, nodes):
    """The possible owners on which a service is not installed; no owners named means every node."""
    unseen = first_hole((owners, nodes)) or first_hole(owners)
    if unseen:
        return unseen
    wanted = {owner.casefold() for owner in owners}
    without = []
    for node in nodes:
        name = part(node, "name")
        if observed.is_hole(name) or wanted and name.casefold() not in wanted:
            without += [name] if observed.is_hole(name) else []
            continue
        there = node["biztalk_services"]
        known = [] if observed.is_hole(there) else [one.casefold() for one in there if not observed.is_hole(one)]
        if service.casefold() not in known:
            without.append(first_hole([there] if observed.is_hole(there) else there) or name)
    return without


def _owns_sso(node, resource):
    found = resource if observed.is_hole(resource) else resource["role"]
    if observed.is_hole(found) or found != "sso":
        return found if observed.is_hole(found) else False
    owner = part(resource, "owner_node")
    return owner if observed.is_hole(owner) else owner.casefold() == node.casefold()


def _foretold(foretold, things, name, fact):
    """A fact of the quorum derivation about a node or site; a hole where it could not be derived."""
    if observed.is_hole(foretold) or observed.is_hole(name):
        return first_hole((foretold, name))
    return next(thing[fact] for thing in foretold[things] if thing["name"] == name)


def _votes(nodes, foretold):
    configured, now = total(nodes, "weight"), total(nodes, "dynamic_weight")
    return {
        "nodes_configured": configured,
        "nodes_configured_even": configured if observed.is_hole(configured) else configured % 2 == 0,
        "nodes_now": now,
        "nodes_now_even": now if observed.is_hole(now) else now % 2 == 0,
        "next_fatal_failure": part(foretold, "next_fatal_failure"),
    }


def _sites(facts, sites, belongs, everyone):
    """What becomes of a cluster that stands in several sites when all nodes of one go at once. Where the witness stands
    matters; where nobody says it, the answer is a hole unless both answers are the same."""
    nodes = facts["nodes"]
    unseen = nodes if observed.is_hole(nodes) else first_hole(nodes)
    if unseen or not sites:
        return unseen or []
    siteless = [node["name"] for node in nodes if node["name"] not in sites]
    if siteless:
        return observed.hole("missing", f"The inventory gives some nodes a site and {', '.join(siteless)} none, so what the loss of a site "
                             "does cannot be told: set site for all nodes of the cluster, or for none.")
    if len(set(sites.values())) < 2:
        return []
    place = _witness_site(facts["quorum"], belongs, everyone)
    found = []
    for name in sorted(set(sites.values())):
        ends = [_foretold(quorum.derived(facts, sites, at), "sites", name, "if_lost") for at in (("", name) if place is None else (place,))]
        agree = observed.is_hole(ends[0]) or ends[0] == ends[-1]
        nobody = observed.hole("missing", f"Whether the cluster outlives the site {name} depends on where its witness stands, and nobody "
                               "says: give the host of the witness a site, or the nodes the variable witness_site.")
        found.append({"name": name, "if_lost": ends[0] if agree else nobody})
    return found


def _witness_site(seen, belongs, everyone):
    """The site of the witness; "" where it stands in none of the nodes' sites, None where nobody says."""
    witness = seen if observed.is_hole(seen) else seen.get("witness")
    if witness is None or observed.is_hole(witness) or witness.get("kind") == "cloud":
        return ""
    said = next((host.variables["witness_site"] for host in belongs if host.variables.get("witness_site")), None)
    share = witness.get("share_path")
    if said or not isinstance(share, str):
        return said
    server = share.lstrip("\\").split("\\")[0].split(".")[0]
    return next((host.variables.get("site") for host in everyone if host.is_called(server)), None)


def _network_role(interface, networks):
    name = part(interface, "network")
    if observed.is_hole(name):
        return name
    return part(first(networks, lambda network: network["name"] == name, f"The cluster does not list the network {name}."), "role")


def _fcis(resources, nodes):
    """SQL Server failover cluster instances, with the builds that their possible owners have."""
    if observed.is_hole(resources):
        return resources
    pairs = [(resource, found) for resource, found in zip(resources, _roles(resources), strict=True)
             if observed.is_hole(found) or found == "sql_server"]
    return [found if observed.is_hole(found) else _fci(resource, nodes) for resource, found in pairs]


def _fci(resource, nodes):
    parameter = first(part(resource, "parameters"), lambda p: isinstance(p["name"], str) and p["name"].casefold() == "instancename",
                      f"The resource {resource['name']} has no private property InstanceName.")
    instance = part(parameter, "value")
    return {"name": resource["name"], "instance": instance, "pending_timeout_ms": resource.get("pending_timeout_ms"),
            "builds": _builds(instance, part(resource, "possible_owners"), nodes)}


def _builds(instance, owners, nodes):
    """The different builds of an instance on its possible owners: "15.0.4385.2 on SQL01, SQL02", one text for each build."""
    unseen = first_hole((instance, owners, nodes)) or first_hole(owners)
    if unseen:
        return unseen
    wanted = {owner.casefold() for owner in owners}
    builds, holes = {}, []
    for node in nodes:
        name = part(node, "name")
        if not observed.is_hole(name) and wanted and name.casefold() not in wanted:
            continue
        build = name if observed.is_hole(name) else _build_on(node, instance)
        if observed.is_hole(build):
            holes.append(build)
        else:
            builds.setdefault(build, []).append(name)
    if holes and len(builds) < 2:
        return holes[0]
    if set(builds) == {NOT_INSTALLED}:
        return observed.hole("missing", f"No node has an instance id that ends in {instance}, so its builds cannot be told: an id chosen at "
                             "setup may differ from the instance's name.")
    return [f"{build} on {', '.join(where)}" for build, where in sorted(builds.items())]


def _build_on(node, instance):
    installed = node["sql_instances"]
    if observed.is_hole(installed):
        return installed
    ids = [part(one, "instance_id") for one in installed]
    found = [one for one, name in zip(installed, ids, strict=True)
             if not observed.is_hole(name) and name.partition(".")[2].casefold() == instance.casefold()]
    builds = [part(one, "build") for one in found]
    return first_hole(builds) or first_hole(ids) or ", ".join(sorted(builds)) or NOT_INSTALLED


def _is_member(host, name, nodes):
    """Whether a host is a node of the cluster that the inventory puts it into."""
    actual = host.fact("cluster", "name")
    if isinstance(actual, str):
        return actual.casefold() == name.casefold()
    names = [nodes] if observed.is_hole(nodes) else [part(node, "name") for node in nodes]
    if any(not observed.is_hole(node) and host.is_called(node) for node in names):
        return True
    service = part(named_services(host.fact("platform", "services"))["clussvc"], "installed")
    computer = host.fact("platform", "computer", "name")
    if service is False or isinstance(computer, str) and not first_hole(names):
        return False
    return actual


def msdtc_ids(hosts):
    """The MSDTC class ids of every host, and the other hosts that have one of them."""
    ids = {host.name: _ids(host) for host in hosts}
    owners = {}
    for name, own in ids.items():
        for one in [] if observed.is_hole(own) else own:
            if not observed.is_hole(one):
                owners.setdefault(one, []).append(name)
    return [{"host": name, "ids": own, "shared_with": _shared(name, own, owners)} for name, own in ids.items()]


def _ids(host):
    found = host.fact("platform", "dtc", "cids")
    return observed.hole("missing", f"{host.name} lists no class id of MSDTC.") if found == [] else found


def _shared(name, own, owners):
    """The hosts that have an id of a host, too: empty only where all its ids were seen."""
    if observed.is_hole(own):
        return own
    others = {other for one in own if not observed.is_hole(one) for other in owners[one] if other != name}
    return sorted(others) or first_hole(own) or []
