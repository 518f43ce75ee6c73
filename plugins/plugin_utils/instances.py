# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""SQL Server instances as subjects, and their databases. What only reading reveals is owed on the instance where it was not read."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import ServerClock, told
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    backup_sources,
    biztalk_jobs,
    biztalk_lists,
    derived,
    estate,
    storages,
)

INSTANCE, DATABASE = "instance", "database"
BUILT_IN = ("nt ", "nt-", "autorite nt", "autorité nt")     # NT SERVICE\…, NT AUTHORITY\…, also where Windows translates it


def subjects(everyone, kinds):
    """Instances and databases. *everyone*: the ``estate.Host``s of the estate."""
    here = instances_among(everyone, kinds)
    lists = biztalk_lists.Lists(here, everyone)
    found = []
    for host in here:
        found.append(_instance(host, here, lists, everyone))
        found += _databases(host, lists)
    return found


def instances_among(everyone, kinds):
    """The hosts that are SQL Server instances."""
    return [host for host in everyone if set(host.groups) & set(kinds[INSTANCE].groups)]


def unlisted(host, here):
    """A hole, in a list, for the databases of a SQL Server that is set up on a host and of which no instance of the inventory tells; an empty list
    where there is none. A node that a failover cluster instance may move to has its binaries and no databases. *here*: the instances."""
    installed = host.fact("platform", "sql_instances")
    if observed.is_hole(installed):
        return [installed]
    for instance in here if installed else []:
        nodes = _cluster_nodes(instance)
        names = [instance.fact("sql", "node"), *([] if observed.is_hole(nodes) else nodes)]
        if any(not observed.is_hole(name) and host.is_called(name) for name in names):
            return []
    return [observed.hole("missing", "SQL Server is installed here and no instance of it is in the inventory.")] if installed else []


def name_of(host):
    """What an instance is called: as the inventory says, else as it says itself, else by its inventory name."""
    said = host.fact("sql", "name")
    return host.variables.get("instance_name") or (said if isinstance(said, str) else host.name)


def clock_of(host):
    """The instance's own clock, None where it was not read."""
    clock = host.fact("sql", "clock")
    return clock if isinstance(clock, str) else None


def subject_of(host, kind, name, facts):
    """A subject that one instance speaks for."""
    return estate.Subject(kind, name, facts, (host.name,), clock_of(host))


def unread(host, kind, hole):
    """What an instance would have revealed, owed on it."""
    return subject_of(host, kind, f"{INSTANCE}:{name_of(host)}", hole)


def unheld(everyone, kind):
    """What BizTalk's servers need where no instance of the estate holds a management database: one for each that a registry names."""
    named = {}
    for host, names in biztalk_lists.registries(everyone):
        if isinstance(names, tuple):
            named.setdefault((biztalk_lists.key(names[0]), names[1].casefold()), ("/".join(names), []))[1].append(host.name)
    servers = [host.name for host, _names in biztalk_lists.registries(everyone)]
    missing = "but no SQL Server instance of the inventory holds it: its host is not in the group sql_instance, or management_database is wrong."
    found = [(what, hosts, f"The registry of {', '.join(hosts)} names the management database {what}, {missing}") for what, hosts in named.values()]
    if servers and not found:
        found = [("(none)", servers, f"{', '.join(servers)} should use a management database that no registry which was read names, {missing}")]
    return [estate.Subject(kind, f"{kind}:{what}", observed.hole("missing", text), tuple(hosts)) for what, hosts, text in found]


def _instance(host, here, lists, everyone):
    facts = host.area("sql")
    if not observed.is_hole(facts):
        facts = {**facts, **_derived(host, here, lists), "busy_volumes": storages.busy_volumes(host, lists, everyone)}
    return subject_of(host, INSTANCE, f"{INSTANCE}:{name_of(host)}", facts)


def _derived(host, here, lists):
    name, databases, servers = (host.fact("sql", fact) for fact in ("name", "databases", "servers"))
    agent = derived.first(host.fact("sql", "services"), lambda service: service["kind"] == "agent",
                          "SQL Server lists no service that is its Agent.")
    registered = derived.first(servers, lambda server: server["id"] == 0, "sys.servers has no row of the instance itself.")
    return {
        "declared_name": name_of(host),
        "answers_as_declared": name if observed.is_hole(name) else biztalk_lists.key(name) == biztalk_lists.key(name_of(host)),
        "registered_name": derived.part(registered, "name"),
        "agent": agent if observed.is_hole(agent) else {**agent, "account_kind": account_kind(agent["account"], host)},
        "availability_group_names": _names(host.fact("sql", "availability_groups"), lambda group: True),
        "message_boxes": _names(databases, lambda one: lists.has_role(host, one["name"], "message_box")),
        "biztalk_jobs": biztalk_jobs.expected(host, lists),
        "remote_servers": _remote_servers(host, lists),
        "backup_set": _backup_set(host, here, lists),
        "memory_left_mb": _memory_left(host, here),
    }


def account_kind(account, host):
    """Of a service's account: domain (also a group managed one), local to the machine, or built_in."""
    if account is None or observed.is_hole(account):
        return observed.hole("null", "SQL Server does not say under which account its Agent runs.")
    domain, backslash, _user = account.casefold().rpartition("\\")
    if not backslash:
        return "domain" if "@" in account else "built_in"
    machines = {name.casefold() for name in (host.fact("sql", "machine"), host.fact("sql", "node")) if isinstance(name, str)}
    if domain.startswith(BUILT_IN):
        return "built_in"
    return "local" if domain == "." or domain in machines else "domain"


def _names(elements, is_wanted):
    """The names of the elements that are wanted, with a hole for each of which that is not known."""
    if observed.is_hole(elements):
        return elements
    judged = [(element, element if observed.is_hole(element) else is_wanted(element)) for element in elements]
    return [wanted if observed.is_hole(wanted) else element["name"] for element, wanted in judged if wanted is not False]


def _remote_servers(host, lists):
    """The other servers that the backup of the group reaches, with the linked servers that it needs for them."""
    found, holes = {}, []
    for row in lists.to_back_up(host):
        meant = row if observed.is_hole(row) else biztalk_lists.is_meant(row["server"], host, row["database"], host)
        if observed.is_hole(meant):
            holes.append(meant)
        elif not meant:
            found.setdefault(row["server"].casefold(), row["server"])
    return [_linked_server(name, host) for name in found.values()] + holes[:1]


def _linked_server(name, host):
    servers = host.fact("sql", "servers")
    missing = f"sys.servers shows the login no {name}, and may hide linked servers from it: to be sure it needs ALTER ANY LINKED SERVER."
    found = derived.first(servers, lambda server: server["name"].casefold() == name.casefold(), missing)
    if not observed.is_hole(found):
        return {"name": name, "linked": found["is_linked"], "rpc": found["rpc"], "rpc_out": found["rpc_out"]}
    seen_whole = host.fact("sql", "sees_linked_servers") is True and not observed.is_hole(servers) and not derived.first_hole(servers)
    return {"name": name, **dict.fromkeys(("linked", "rpc", "rpc_out"), False if seen_whole else found)}


def _backup_set(host, here, lists):
    """The databases that the backup of the group is to hold, and whether each was found on an instance of the estate."""
    return derived.each(lists.to_back_up(host), lambda row: {"name": f"{row['server']}/{row['database']}", "found": _found(row, host, here)})


def _found(row, holder, here):
    there = []
    for host in here:
        databases = host.fact("sql", "databases")
        names = [databases] if observed.is_hole(databases) else [one if observed.is_hole(one) else one["name"].casefold() for one in databases]
        for name in names:
            if observed.is_hole(name):
                there.append(name)
            elif name == row["database"].casefold():
                there.append(biztalk_lists.is_meant(row["server"], host, row["database"], holder))
    return derived.any_true(there)


def _memory_left(host, here):
    """What is left of a node's memory (MB) when this instance and those on nodes of the same cluster all run there."""
    nodes = _cluster_nodes(host)
    if observed.is_hole(nodes):
        return nodes
    together = [host]
    for other in here:
        theirs = _cluster_nodes(other)
        if other is not host and nodes and observed.is_hole(theirs):
            return theirs
        if other is not host and nodes and nodes & theirs:
            together.append(other)
    wanted = [other.fact("sql", "configuration", "max_server_memory_mb", "in_use") for other in together]
    there = [other.fact("sql", "physical_memory_mb") for other in together]
    return derived.first_hole([*wanted, *there]) or min(there) - sum(wanted)


def _cluster_nodes(host):
    clustered = host.fact("sql", "clustered")
    if clustered is not True:
        return clustered if observed.is_hole(clustered) else set()
    nodes = host.fact("sql", "cluster_nodes")
    names = [nodes] if observed.is_hole(nodes) else [derived.part(node, "name") for node in nodes]
    return derived.first_hole(names) or {name.casefold() for name in names}


def _databases(host, lists):
    found = host.fact("sql", "databases")
    if observed.is_hole(found):
        return [unread(host, DATABASE, found)]
    holes = [unread(host, DATABASE, one) for one in found if observed.is_hole(one)]
    return [subject_of(host, DATABASE, f"{DATABASE}:{name_of(host)}/{one['name']}", _database(host, one, lists))
            for one in found if not observed.is_hole(one)] + holes[:1]


def _database(host, one, lists):
    roles = {role: lists.has_role(host, one["name"], role) for role in biztalk_lists.ROLES}
    backed_up = lists.backed_up(host, one["name"])
    return {
        **one,
        "roles": [name if value is True else value for name, value in roles.items() if value is not False],
        "in_backup_set": backed_up,
        "biztalk": lists.is_biztalk(host, one["name"]),
        "copy": biztalk_lists.is_copy(host, one),
        "protection": _protection(host, one),
        "last_full_backup": last_full_backup(host, one["name"]),
    }


def _protection(host, one):
    """What moves the database to a working server by itself: cluster, availability_group or none."""
    clustered = host.fact("sql", "clustered")
    if clustered is True:
        return "cluster"
    if one["in_availability_group"] is True:
        return "availability_group"
    return derived.first_hole([clustered]) or "none"


def last_full_backup(host, database):
    """The end of the newest full backup that msdb remembers: no snapshot, none that is damaged. Null where there is none in the window."""
    area = backup_sources.own_history(host)
    unseen = derived.first_hole([area]) or derived.first_hole([area[name] for name in ("msdb", "clock", "local_clock")])
    if unseen:
        return unseen
    newest, clock, local_clock = (area[name] for name in ("msdb", "clock", "local_clock"))
    for row in newest:
        if observed.is_hole(row):
            return row
        if row["type"] == "full" and row["database"].casefold() == database.casefold() and not row["is_snapshot"] and not row["is_damaged"]:
            return told(ServerClock(clock, local_clock).utc(row["finished"], row["offset_minutes"]))
    return None
