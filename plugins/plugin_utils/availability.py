# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Availability groups as subjects: merged from what the instances of all replicas said.

What the primary alone knows counts as it says; whatever else its replicas tell differently is unknown.
"""

import base64

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_jobs, biztalk_lists, derived, estate, instances

GROUP = "availability_group"
OWN = ("local_role", "database_replicas")               # what each replica says for itself
WITHOUT_LOGIN = bytes.fromhex("010500000000000903")     # S-1-9-3: a user of a database that no login stands behind


def subjects(everyone, kinds):
    """One for each group that an instance is a replica of. *everyone*: the ``estate.Host``s of the estate."""
    here = instances.instances_among(everyone, kinds)
    lists = biztalk_lists.Lists(here, everyone)
    found, unread = {}, []
    for host in here:
        groups = host.fact("sql", "availability_groups")
        for group in [groups] if observed.is_hole(groups) else groups:
            if observed.is_hole(group):
                unread.append(instances.unread(host, GROUP, group))
            else:
                found.setdefault(group["id"], []).append((host, group))
    return [_group(told, everyone, here, kinds[GROUP], lists) for told in found.values()] + unread


def _group(told, everyone, here, kind, lists):
    """*told*: (host, what its instance said of the group)."""
    common = {host.name: {name: value for name, value in group.items() if name not in OWN} for host, group in told}
    primaries = [(host, group) for host, group in told if group["local_role"] == "PRIMARY"]
    states = {host.name: group["database_replicas"] for host, group in primaries or told}
    merged = {**estate.merge(kind.type, common), "database_replicas": estate.merge(kind.type.fields["database_replicas"], states)}
    replicas = derived.each(merged["replicas"], lambda replica: {**replica, **_of_instance(replica["name"], here)})
    databases = derived.each(merged["databases"], lambda one: {**one, **_of_lists(one["name"], told, merged["listeners"], lists)})
    speaker, said = (primaries or told)[0]
    facts = {
        **merged,
        "replicas": replicas,
        "builds": _builds(replicas),
        "databases": databases,
        "biztalk": derived.any_true([databases] if observed.is_hole(databases) else [
            one if observed.is_hole(one) else one["biztalk"] for one in databases]),
        "listeners": derived.each(merged["listeners"], lambda one: {**one, **_network_name(one["name"], everyone)}),
        "logins": _logins(replicas, here, lists),
        "jobs": _jobs(replicas, here),
    }
    return estate.Subject(GROUP, f"{GROUP}:{said['name']}", facts, tuple(host.name for host, _group in told), instances.clock_of(speaker))


def _instance_of(replica, here):
    return next((host for host in here if biztalk_lists.key(replica) in biztalk_lists.names_of(host)), None)


def _of_instance(replica, here):
    host = _instance_of(replica, here)
    alone = observed.hole("missing", f"No instance of the inventory is the replica {replica}.")
    return {"host": host.name if host else alone,
            **{name: host.fact("sql", name) if host else alone for name in ("version", "major_version", "level")}}


def _builds(replicas):
    """The different builds of the replicas: "15.0.4430.1 on AG1, AG2", one text for each build."""
    if observed.is_hole(replicas):
        return replicas
    builds, holes = {}, []
    for replica in replicas:
        version = derived.part(replica, "version")
        if observed.is_hole(version):
            holes.append(version)
        else:
            builds.setdefault(version, []).append(replica["name"])
    return [f"{version} on {', '.join(where)}" for version, where in sorted(builds.items())] + holes[:1]


def _of_lists(name, told, listeners, lists):
    """What BizTalk's lists say of a database of the group, and the server names in them that are no listener of the group."""
    host, _group = told[0]
    return {
        "biztalk": derived.any_true([lists.is_biztalk(one, name) for one, _group in told]),
        "reached_past_listener": _past(lists.servers_of(host, name), listeners),
        "backed_up_past_listener": _past(lists.servers_to_back_up(host, name), listeners),
    }


def _past(servers, listeners):
    unseen = derived.first_hole([listeners] if observed.is_hole(listeners) else listeners)
    if unseen:
        return unseen
    names = {biztalk_lists.key(listener["name"]) for listener in listeners}
    return [server for server in servers if observed.is_hole(server) or biztalk_lists.key(server) not in names]


def _network_name(listener, everyone):
    """What the cluster has set for the network name of a listener; a hole where no cluster listed it."""
    unseen = observed.hole("missing", f"No cluster that was read has a network name {listener}.")
    for host in everyone:
        resources = host.fact("cluster", "resources")
        for resource in [] if observed.is_hole(resources) else resources:
            if observed.is_hole(resource) or resource["type"] != "Network Name" or observed.is_hole(resource["parameters"]):
                continue
            values = {p["name"].casefold(): p["value"] for p in resource["parameters"] if not observed.is_hole(p) and isinstance(p["name"], str)}
            if isinstance(values.get("dnsname"), str) and values["dnsname"].casefold() == listener.casefold():
                return {"register_all_providers": values.get("registerallprovidersip", unseen), "host_record_ttl": values.get("hostrecordttl", unseen)}
    return dict.fromkeys(("register_all_providers", "host_record_ttl"), unseen)


def _logins(replicas, here, lists):
    """The logins behind the users of the management databases, and the replicas that lack one or have it with another SID."""
    users, holes = {}, []
    for holder in lists.holders:
        found = holder.fact("sql", "management_users")
        for user in [found] if observed.is_hole(found) else found or []:
            if observed.is_hole(user):
                holes.append(user)
            elif not base64.b64decode(user["sid"]).startswith(WITHOUT_LOGIN):
                users.setdefault(user["sid"], user)
    if observed.is_hole(replicas):
        return replicas
    known = _on_replicas(replicas, here, "sql", "logins")
    return [_login(user, known) for user in users.values()] + holes[:1]


def _on_replicas(replicas, here, *fact):
    """What the instance of each replica says: replica -> fact or hole."""
    known = {}
    for replica in replicas:
        name = derived.part(replica, "name")
        host = None if observed.is_hole(name) else _instance_of(name, here)
        alone = name if observed.is_hole(name) else observed.hole("missing", f"No instance of the inventory is the replica {name}.")
        known[name if isinstance(name, str) else ""] = host.fact(*fact) if host else alone
    return known


def _login(user, known):
    missing, other = [], []
    anywhere = user["kind"] == "sql" or any(_has(logins, user["sid"]) is True for logins in known.values())
    for replica, logins in known.items():
        there = _has(logins, user["sid"])
        if observed.is_hole(there):
            missing.append(there)
        elif not there:
            same_name = any(not observed.is_hole(one) and one["name"].casefold() == user["name"].casefold() for one in logins)
            (other if same_name else missing).append(replica)
    return {"name": user["name"], "missing_on": missing if anywhere or derived.first_hole(missing) else [], "other_sid_on": other}


def _has(logins, sid):
    return derived.any_true([logins] if observed.is_hole(logins) else [one if observed.is_hole(one) else one["sid"] == sid for one in logins])


def _jobs(replicas, here):
    """BizTalk's jobs that some replica has: the replicas without it, and the steps that do their work on a secondary, too."""
    if observed.is_hole(replicas):
        return replicas
    known = _on_replicas(replicas, here, "agent", "jobs")
    names = {}
    for jobs in known.values():
        for job in [] if observed.is_hole(jobs) else jobs:
            if not observed.is_hole(job) and biztalk_jobs.is_delivered(job["name"]):
                names.setdefault(job["name"].casefold(), job["name"])
    holes = [jobs for jobs in known.values() if observed.is_hole(jobs)]
    return [_job(name, known) for name in names.values()] + holes[:1]


def _job(name, known):
    missing, unguarded = [], []
    for replica, jobs in known.items():
        job = derived.first(jobs, lambda one: one["name"].casefold() == name.casefold(), "It is not there.")
        if not observed.is_hole(job):
            unguarded += [step if observed.is_hole(step) else f"{step} on {replica}" for step in biztalk_jobs.unguarded(job)]
        elif observed.is_hole(jobs) or derived.first_hole(jobs):
            missing.append(job)
            unguarded.append(job)
        else:
            missing.append(replica)
    return {"name": name, "missing_on": missing, "unguarded": unguarded}
