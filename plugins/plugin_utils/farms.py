# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A SharePoint farm as a subject, merged from what its servers said: its backups, and how it stands to SQL Server and to BizTalk's own backup."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import sharepoint_history as history
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived, estate

FARM = "farm"
NO_ROLE = "Invalid"         # of a server that has none of SharePoint's own: one of SQL Server or mail


def subjects(everyone, kinds):
    """One for each configuration database that a host of the group ``sharepoint`` names. *everyone*: the ``estate.Host``s of the estate."""
    groups, found = set(kinds[FARM].groups), {}
    for host in (host for host in everyone if set(host.groups) & groups):
        name = host.fact("sharepoint", "configuration_database")
        found.setdefault(name.casefold() if isinstance(name, str) else f"(of {host.name})", []).append(host)
    return [_subject(hosts, everyone, kinds[FARM].type) for hosts in found.values()]


def _subject(hosts, everyone, kind_type):
    read = [host for host in hosts if not observed.is_hole(host.area("sharepoint"))]
    name = (read or hosts)[0].fact("sharepoint", "configuration_database")
    facts = _facts(read, everyone, kind_type) if read else hosts[0].area("sharepoint")
    clock = next((host.clock for host in read), None)
    return estate.Subject(FARM, f"{FARM}:{name if isinstance(name, str) else hosts[0].name}", facts, tuple(host.name for host in hosts), clock)


def _facts(hosts, everyone, kind_type):
    merged = {name: estate.merge(kind_type.fields[name], {host.name: host.fact("sharepoint", name) for host in hosts})
              for name in ("configuration_database", "farm", "servers", "services", "databases")}
    instances = [host for host in everyone if estate.INSTANCE_GROUP in host.groups]
    sets = _sets(hosts)
    full = _newest(sets)
    return {
        **merged,
        "name": merged["configuration_database"],
        "servers": derived.each(merged["servers"], lambda one: {**one, **_on_host(one["name"], hosts)}),
        "builds": _builds(hosts),
        "redundant": _redundant(merged["servers"]),
        "databases": derived.each(merged["databases"], lambda one: {**one, "saved": _saved(one["name"], full),
                                                                    "in_biztalk_backup": _in_biztalk_backup(one["name"], instances)}),
        "sets": sets,
        "newest_full": full if full is None or observed.is_hole(full) else full["ended"],
        "last": _last(sets),
        "connections": [_connection(host, instances) for host in hosts],
        "targets": _targets(hosts),
    }


def _sets(hosts):
    """The backups that the servers see, each once, the oldest first."""
    seen, holes = {}, []
    for host in hosts:
        backup = host.fact("sharepoint", "backup")
        found = observed.hole("not_asked", f"The inventory names no sharepoint_backup_folder for {host.name}.") if backup is None \
            else backup if observed.is_hole(backup) else backup["sets"]
        if observed.is_hole(found):
            holes.append(found)
            continue
        for one in found:
            seen[one["path"].casefold() if not observed.is_hole(one) else str(one)] = one
    if len(holes) == len(hosts):
        return holes[0]
    known = [one for one in seen.values() if not observed.is_hole(one)]
    return [{**one, "name": one["path"]} for one in sorted(known, key=lambda one: (history.moment(one), one["path"]))] \
        + [one for one in seen.values() if observed.is_hole(one)]


def _newest(sets):
    """The newest whole backup of the farm, null where there is none."""
    return sets if observed.is_hole(sets) else history.newest(sets)


def _last(sets):
    """What became of the newest backup of any kind, as its outcome; null where there is none."""
    if observed.is_hole(sets):
        return sets
    unseen = observed.first_hole(sets)
    there = [one for one in sets if not observed.is_hole(one) and one["outcome"] != history.MISSING]
    if unseen or not there:
        return unseen
    return there[-1]["outcome"]


def _on_host(name, hosts):
    """The inventory host of a server, and the version that is installed there; null where the inventory does not know it."""
    host = next((host for host in hosts if host.is_called(name)), None)
    return {"host": host and host.name, "installed": None if host is None else host.fact("sharepoint", "installed", "version")}


def _builds(hosts):
    """The different versions that are installed on the servers that were read: "16.0.10412.20001 on sp01, sp02", one text for each."""
    found, holes = {}, []
    for host in hosts:
        version = host.fact("sharepoint", "installed", "version")
        if isinstance(version, str):
            found.setdefault(version, []).append(host.name)
        else:
            holes.append(version if observed.is_hole(version) else observed.hole("missing", f"SharePoint is not installed on {host.name}."))
    told = [f"{version} on {', '.join(sorted(names))}" for version, names in sorted(found.items())]
    return told if len(told) > 1 else told + holes[:1]


def _redundant(servers):
    if observed.is_hole(servers):
        return servers
    roles = [one if observed.is_hole(one) else one["role"] for one in servers]
    own = [role for role in roles if isinstance(role, str) and role != NO_ROLE]
    return True if len(own) > 1 else observed.first_hole(roles) or False


def _saved(name, full):
    """Whether the newest whole backup of the farm holds a content database."""
    if full is None or observed.is_hole(full):
        return full or False
    if observed.is_hole(full["components"]) or observed.is_hole(name):
        return full["components"] if observed.is_hole(full["components"]) else name
    return name.casefold() in {one.casefold() for one in full["components"]}


def _in_biztalk_backup(name, instances):
    """Whether BizTalk's own backup holds a database of this name too."""
    if observed.is_hole(name):
        return name
    holds = []
    for host in instances:
        told = host.fact("backup_history", "biztalk")
        listed = [] if told is None else told if observed.is_hole(told) else told["databases"]
        holds += [listed] if observed.is_hole(listed) else [
            one if observed.is_hole(one) else one["database"] if observed.is_hole(one["database"]) else one["database"].casefold() == name.casefold()
            for one in listed]
    return derived.any_true(holds)


# SQL Server

def _aliases(host, name):
    """What the aliases of a host make of a server's name, one entry for each of the two clients; without an alias it is the name itself."""
    aliases = host.fact("sharepoint", "aliases")
    if observed.is_hole(aliases) or observed.is_hole(name):
        return aliases if observed.is_hole(aliases) else name
    return {bits: next((one["target"] for one in aliases if one["bits"] == bits and one["name"].casefold() == name.casefold()), name)
            for bits in ("64", "32")}


def _targets(hosts):
    """The different servers that the servers of the farm, and the two clients on each, reach by the name of their database server."""
    found, holes = {}, []
    for host in hosts:
        targets = _aliases(host, host.fact("sharepoint", "database_server"))
        if observed.is_hole(targets):
            holes.append(targets)
            continue
        for target in targets.values():
            found.setdefault(biztalk_lists.key(target), target)
    return sorted(found.values()) if len(found) > 1 else sorted(found.values()) + holes[:1]


def _connection(host, instances):
    """Whether a host of the farm reaches SQL Server by a name that follows a failover: ``kind`` is listener, instance, or replica, which does not."""
    targets = _aliases(host, host.fact("sharepoint", "database_server"))
    if observed.is_hole(targets):
        return {"name": host.name, "server": targets, "kind": targets}
    database = host.fact("sharepoint", "configuration_database")
    return {"name": host.name, "server": targets["64"], "kind": _kind(biztalk_lists.key(targets["64"]), database, instances)}


def _kind(wanted, database, instances):
    holes = []
    for host in instances:
        groups = host.fact("sql", "availability_groups")
        if observed.is_hole(groups):
            holes.append(groups)
            continue
        listeners = [one for group in groups for one in ([group["listeners"]] if observed.is_hole(group["listeners"]) else group["listeners"])]
        if any(not observed.is_hole(one) and isinstance(one["name"], str) and biztalk_lists.key(one["name"]) == wanted for one in listeners):
            return "listener"
        if wanted in biztalk_lists.names_of(host):
            if observed.is_hole(database):
                return database
            group = biztalk_lists.group_of(host, database)
            return group if observed.is_hole(group) else "instance" if group is None else "replica"
    return observed.first_hole(holes) or observed.hole("missing", f"No instance of the inventory answers to {wanted[0]}.")
