# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The BizTalk group as a subject: what its management database says, joined with what its servers and clusters say.

The management database knows hosts, instances and handlers; whether an instance runs and how its service recovers only its own
server knows, and where a clustered host runs only the cluster. What a server did not say is a hole.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import platform
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived, estate, instances, nlb_clusters

GROUP = "group"
FAILURES_TO_SURVIVE = 3         # the service controller's dialogue has a first, a second and any subsequent failure


def subjects(everyone, kinds):
    """The group of every instance that holds a management database; the instance itself where that cannot be told."""
    windows = [host for host in everyone if estate.INSTANCE_GROUP not in host.groups]
    here = [host for host in everyone if set(host.groups) & set(kinds[GROUP].groups)]
    return [subject for host in here for subject in _of(host, here, windows)] or instances.unheld(windows, GROUP)


def _of(host, here, windows):
    read = host.area("biztalk")
    name = instances.name_of(host)
    if read is None:
        return []
    if observed.is_hole(read):
        return [estate.Subject(GROUP, f"{instances.INSTANCE}:{name}", read, (host.name,))]
    clock = read["clock"] if isinstance(read["clock"], str) else None
    return [estate.Subject(GROUP, f"group:{name}/{read['management_database']}", {**facts(read, windows), "registries": _registries(host, here, windows)},
                           (host.name,), clock)]


def facts(read, everyone):
    """Every property of the kind, from the area's snapshot and all Windows hosts."""
    servers = derived.each(read["servers"], lambda server: {**server, **_server(server["name"], everyone)})
    hosts = {host["name"].casefold(): host for host in _seen(read["hosts"])}
    entries = derived.each(read["instances"], lambda one: {**one, **_instance(one, hosts, read["hosts"], everyone)})
    handlers = [(read[f"{way}_handlers"], way) for way in ("receive", "send")]
    return {
        **read,
        "servers": servers,
        "builds": _builds(servers),
        "instances": entries,
        "hosts": derived.each(read["hosts"], lambda host: {**host, **_host(host, entries, handlers, everyone)}),
        "receive_locations": derived.each(read["receive_locations"], lambda one: {**one, "readers": _readers(one["host"], hosts, read, entries)}),
        "tracking": _tracking(read, entries),
        "web_handlers": nlb_clusters.web_handlers(read, everyone),
    }


def _registries(holder, here, windows):
    """BizTalk servers with the management database that their registry names, and whether an instance that was read holds it. Those of
    another group that was read are left out."""
    found = []
    for host, names in biztalk_lists.registries(windows):
        if not isinstance(names, tuple):
            found.append({"name": host.name, "names": names, "held": names if observed.is_hole(names) else False})
            continue
        held = {other.name: biztalk_lists.is_held(names, other) for other in here}
        if held[holder.name] is True or True not in held.values():
            found.append({"name": host.name, "names": "/".join(names), "held": derived.any_true(held.values())})
    return found


def _seen(elements):
    return [] if observed.is_hole(elements) else [element for element in elements if not observed.is_hole(element)]


def _named(name, everyone):
    """The inventory host that is a server of the group, or a hole."""
    return next((host for host in everyone if host.is_called(name)),
                observed.hole("missing", f"No host of the inventory is the BizTalk server {name}."))


def _server(name, everyone):
    host = _named(name, everyone)
    return {fact: host if observed.is_hole(host) else host.fact("platform", "biztalk", fact) for fact in ("version", "update")}


def _builds(servers):
    """The different builds of BizTalk Server in the group: "3.13.717.0 with update 5 on BTS01, BTS02", one text for each."""
    if observed.is_hole(servers):
        return servers
    builds, holes = {}, []
    for server in servers:
        parts = (server,) if observed.is_hole(server) else (server["version"], server["update"])
        if derived.first_hole(parts):
            holes.append(derived.first_hole(parts))
        else:
            version, update = parts
            said = "not installed" if version is None else version if update is None else f"{version} with update {update}"
            builds.setdefault(said, []).append(server["name"])
    told = [f"{build} on {', '.join(sorted(names))}" for build, names in sorted(builds.items())]
    return told if len(told) > 1 else told + holes[:1]


def _clustered(name, hosts, every_host):
    """Whether a host of the group is a cluster resource."""
    host = hosts.get(name.casefold())
    if host is None:
        return derived.first_hole([every_host] if observed.is_hole(every_host) else every_host) \
            or observed.hole("missing", f"The group does not list the host {name}.")
    return host["cluster_group"] is not None


def _instance(one, hosts, every_host, everyone):
    return {"clustered": _clustered(one["host"], hosts, every_host), "service": _service(one, everyone)}


def _service(one, everyone):
    """The Windows service of an instance, as its server tells it; null for an isolated instance, which has none."""
    if observed.is_hole(one["type"]) or one["type"] != "in_process":
        return one["type"] if observed.is_hole(one["type"]) else None
    server = _named(one["server"], everyone)
    services = server if observed.is_hole(server) else server.fact("platform", "biztalk", "services")
    wanted = (platform.BIZTALK_SERVICE + one["host"]).casefold()
    found = derived.first(services, lambda service: isinstance(service["name"], str) and service["name"].casefold() == wanted, "")
    if observed.is_hole(found) and (observed.is_hole(services) or derived.first_hole(services)):
        return found
    if observed.is_hole(found):
        return {"installed": False, **dict.fromkeys(("state", "start_mode", "account", "delayed_start", "restarts", "restart_delay_seconds"))}
    actions = _actions(found["recovery"])
    return {**{key: found[key] for key in ("installed", "state", "start_mode", "account", "delayed_start")},
            "restarts": actions if observed.is_hole(actions) else all(action["action"] == "restart" for action in actions) and bool(actions),
            "restart_delay_seconds": actions if observed.is_hole(actions) else min((action["delay_seconds"] for action in actions), default=None)}


def _actions(recovery):
    """What happens on the first, the second and any later failure; the last action that is set stands for those after it."""
    if observed.is_hole(recovery) or not recovery:
        return recovery or []
    return [recovery[min(place, len(recovery) - 1)] for place in range(FAILURES_TO_SURVIVE)]


def _ready(instance):
    """Whether an instance may run: it is installed and not disabled."""
    wrong = derived.first_hole((instance["configuration"], instance["disabled"]))
    if instance["disabled"] is True:
        return False
    return wrong or instance["configuration"] == "installed"


def _of_host(name, entries):
    """The instances of a host, holes included."""
    return [one for one in entries if observed.is_hole(one) or one["host"].casefold() == name.casefold()]


def _servers_where(holds, name, entries):
    """The servers with an instance of a host for which *holds*; a hole stands for each of which that cannot be told."""
    if observed.is_hole(entries):
        return entries
    told = [(one, one if observed.is_hole(one) else holds(one)) for one in _of_host(name, entries)]
    return [answer if observed.is_hole(answer) else one["server"] for one, answer in told if observed.is_hole(answer) or answer]


def _runs(instance):
    service = instance["service"]
    if service is None or observed.is_hole(service):
        return service or False
    return service["state"] if observed.is_hole(service["state"]) else service["state"] == "Running"


def _host(host, entries, handlers, everyone):
    name = host["name"]
    return {
        "clustered": host["cluster_group"] is not None,
        "ready_on": _servers_where(_ready, name, entries),
        "running_on": _servers_where(_runs, name, entries),
        "handlers": _handlers(name, handlers),
        "resource_state": None if host["cluster_group"] is None else _resource_state(name, _of_host(name, _seen(entries)), everyone),
    }


def _handlers(name, handlers):
    """The adapters that a host receives and sends with: "FILE receive"."""
    found = []
    for elements, way in handlers:
        for one in [elements] if observed.is_hole(elements) else elements:
            if observed.is_hole(one):
                found.append(one)
            elif (one["host"] or "").casefold() == name.casefold():
                found.append(f"{one['adapter']} {way}")
    return found


def _resource_state(name, entries, everyone):
    """The state of the cluster resource of a clustered host, by a node that has an instance of it and can tell; null where the
    cluster has no such resource."""
    wanted = (platform.BIZTALK_SERVICE + name).casefold()
    answer = observed.hole("missing", f"No host of the inventory has an instance of the clustered host {name}.")
    for node in (host for host in everyone if any(host.is_called(one["server"]) for one in entries)):
        resources = node.fact("cluster", "resources")
        if observed.is_hole(resources):
            answer = resources
            continue
        services = [(one, one if observed.is_hole(one) else one["service_name"]) for one in resources]
        found = next((one for one, service in services if isinstance(service, str) and service.casefold() == wanted), None)
        if found:
            return found["state"]
        answer = derived.first_hole([service for _one, service in services])
        if answer is None:
            return None
    return answer


def _readers(name, hosts, read, entries):
    """How many servers a host receives on at the same time: a clustered one on one; a location without a host on none."""
    if name is None:
        return 0
    clustered = _clustered(name, hosts, read["hosts"])
    if observed.is_hole(clustered) or clustered:
        return clustered if observed.is_hole(clustered) else 1
    ready = _servers_where(_ready, name, entries)
    return ready if observed.is_hole(ready) else derived.first_hole(ready) or len(ready)


def _tracking(read, entries):
    """Where tracking data is moved, and how many running instances there are beyond one for each MessageBox."""
    lists = (read["hosts"], entries, read["message_boxes"])
    unseen = derived.first_hole(lists) or derived.first_hole([part for one in lists for part in one]) \
        or derived.first_hole([host["tracks"] for host in read["hosts"]])
    if unseen:
        return unseen
    names = {host["name"] for host in read["hosts"] if host["tracks"]}
    running = [server for name in sorted(names) for server in _servers_where(_runs, name, entries)]
    unseen = derived.first_hole(running)
    return {"running_on": [unseen] if unseen else sorted(set(running)), "spare_instances": unseen or len(running) - len(read["message_boxes"])}
