# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""From snapshots and the inventory contract to the subjects that controls judge.

A subject is owed where the inventory declares it, whether it was read or not. What nobody said about it is a hole.
"""

from dataclasses import dataclass, replace

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    attestations,
    availability,
    backups,
    derived,
    farms,
    groups,
    instances,
    log_shippings,
    nlb_clusters,
    rebuild_sources,
    recovery_plans,
    sso_servers,
    storages,
    vaults,
    web_servers,
    windows_backups,
)
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.control import say

HOST, CLUSTER, DTC, ESTATE = "host", "cluster", "dtc", "estate"
NOTHING_TOLD = attestations.Told()
INSTANCE_GROUP = "sql_instance"     # an inventory host of this group is a SQL Server instance and no Windows host


@dataclass(frozen=True)
class Subject:
    """The thing judged. *id*: ``cluster:BTSCLU``; a subject that only reading reveals, and that was not read, has its
    parent's id. *facts*: plain data with holes, or one hole. *reported_by*: hosts. *clock*: when it was read, by its host."""

    kind: str
    id: str
    facts: dict
    reported_by: tuple = ()
    clock: str | None = None


@dataclass(frozen=True)
class Host:
    """An inventory host with its snapshot (None where there is none) and why it has none."""

    name: str
    groups: tuple
    variables: dict
    snapshot: dict | None
    absent: dict

    def area(self, name):
        """What the host said about an area, or a hole."""
        if self.snapshot is None:
            return self.absent
        unasked = observed.hole("not_asked", f"The area {name} was not asked of {self.name}.")
        return self.snapshot["areas"].get(name, unasked)

    def fact(self, area, *path):
        """One fact of an area, or the hole that stands in its way."""
        value = self.area(area)
        for part in path:
            if observed.is_hole(value) or value is None:
                return value
            value = value.get(part, observed.hole("missing", f"{'.'.join(path)} is not in the snapshot of {self.name}."))
        return value

    def is_called(self, node_name):
        """Whether a computer of this name is this host; of a host that said nothing its inventory name has to do."""
        said = self.fact("platform", "computer", "name"), (self.snapshot or {}).get("powershell", {}).get("computer")
        computer = next((name for name in said if isinstance(name, str)), None)
        if computer is None and observed.is_hole(self.area("platform")):
            computer = self.name.split(".")[0]
        return computer is not None and computer.casefold() == node_name.casefold()

    @property
    def clock(self):
        clock = self.fact("platform", "clock")
        return clock if isinstance(clock, str) else (self.snapshot or {}).get("collected_at")


def hosts_of(snapshots, inventory, asked=None):
    """All hosts of the estate, by name. *inventory*: ``{"hosts": {name: {"groups": [], "variables": {}}}}``; where it is
    empty, the snapshots say who belongs to what. *asked*: the hosts of this run, None for all."""
    by_name = {snapshot["host"]: snapshot for snapshot in snapshots}
    declared = (inventory or {}).get("hosts", {})
    hosts = {}
    for name in sorted({*by_name, *declared}):
        snapshot = by_name.get(name)
        says = declared.get(name) or snapshot
        left_out = asked is not None and name not in asked
        absent = observed.hole("not_asked", f"{name} was not part of this run.") if left_out else \
            observed.hole("missing", f"There is no snapshot of {name}.")
        hosts[name] = Host(name, tuple(says["groups"]), says["variables"], snapshot, absent)
    return hosts


def subjects_of(hosts, kinds, told=NOTHING_TOLD):
    """Every subject that is owed or was found, in a stable order. *told*: what is told of the estate beside its snapshots."""
    everyone = list(hosts.values())
    windows = [host for host in everyone if INSTANCE_GROUP not in host.groups]
    clusters = _clusters(windows, kinds[CLUSTER])
    dtcs = _dtcs(windows, clusters, kinds[DTC])
    of_windows = [_host(host) for host in windows] + [cluster.subject for cluster in clusters] + dtcs + [_estate(windows)]
    parts = (instances, availability, groups, backups, storages, nlb_clusters, rebuild_sources, vaults, web_servers, windows_backups, log_shippings,
             sso_servers, farms)
    found = of_windows + [subject for part in parts for subject in part.subjects(everyone, kinds)]
    return [_attested(subject, kinds[subject.kind].claims, told) for subject in found + recovery_plans.subjects(told)]


def _attested(subject, claims, told):
    """A subject that was read, with what people attest of it."""
    if not claims or observed.is_hole(subject.facts):
        return subject
    return replace(subject, facts={**subject.facts, attestations.FACT: attestations.facts(claims, subject.id, told.words, told.today)})


def _host(host):
    platform = host.area("platform")
    facts = platform
    if not observed.is_hole(platform):
        facts = {**platform, "name": host.name, "groups": list(host.groups), "site": host.variables.get("site"),
                 "services": derived.named_services(derived.part(platform, "services"))}
    return Subject(HOST, f"host:{host.name}", facts, (host.name,), host.clock)


@dataclass(frozen=True)
class _Cluster:
    name: str
    members: tuple
    subject: Subject


def _clusters(everyone, kind):
    """One for each cluster that a host is a node of, or that the inventory declares."""
    found = {}
    for host in everyone:
        actual, wanted = host.fact("cluster", "name"), host.variables.get("cluster_name")
        known = actual if isinstance(actual, str) else None
        if known is None and not wanted and not set(kind.groups) & set(host.groups):
            continue
        here = known or wanted or f"(of {host.name})"
        name, members, declared = found.setdefault(here.casefold(), [here, [], []])
        members.append(host)
        if wanted:
            entry = found.setdefault(wanted.casefold(), [wanted, [], []])
            entry[0] = wanted
            entry[2].append(host)
    return [_cluster(name, members, declared, everyone, kind.type) for name, members, declared in found.values()]


def _cluster(name, members, declared, everyone, kind_type):
    answers = {host.name: host.area("cluster") for host in members}
    strays = " ".join(f"{host.name} is a node of {host.fact('cluster', 'name')}." for host in declared)
    merged = merge(kind_type, answers) if answers else observed.hole("missing", f"No host is a node of {name}: {strays}")
    unread = merged if observed.is_hole(merged) else observed.hole("missing", "It is not in the snapshot.")
    read = {} if observed.is_hole(merged) else merged
    facts = derived.cluster({**dict.fromkeys(kind_type.fields, unread), **read}, name, members, declared, everyone)
    clock = next((host.clock for host in members if not observed.is_hole(answers[host.name])), None)
    return _Cluster(name, tuple(members), Subject(CLUSTER, f"cluster:{name}", facts, tuple(host.name for host in members), clock))


def merge(wanted, answers):
    """What several hosts said about one thing. *answers*: host -> value or hole. Who does not know does not count;
    those who know and disagree give a hole with both answers."""
    known = {host: value for host, value in answers.items() if not observed.is_hole(value)}
    if not known:
        return next(iter(answers.values()))
    values = list(known.values())
    if wanted.kind == "object" and all(isinstance(value, dict) for value in values):
        return {name: merge(inside, {host: value[name] for host, value in known.items() if name in value})
                for name, inside in wanted.fields.items() if any(name in value for value in values)}
    if wanted.kind == "list" and wanted.item.key and all(isinstance(value, list) for value in values):
        merged = _merge_elements(wanted.item, known)
        if merged is not None:
            return merged
    if all(value == values[0] for value in values):
        return values[0]
    return _disagree({host: say(value)[:60] if not isinstance(value, dict) else "something else" for host, value in known.items()})


def _merge_elements(element_type, known):
    """The elements of lists by their keys; None where keys do not tell them apart."""
    by_host, loose = {}, {}
    for host, elements in known.items():
        keyed = [(derived.part(element, element_type.key), element) for element in elements]
        loose[host] = [key for key, _element in keyed if observed.is_hole(key)]
        keyed = [(key, element) for key, element in keyed if not observed.is_hole(key)]
        by_host[host] = dict(keyed)
        if len(by_host[host]) < len(keyed):
            return None
    merged = []
    for key in dict.fromkeys(key for elements in by_host.values() for key in elements):
        told = {host: elements[key] for host, elements in by_host.items() if key in elements}
        silent = {host for host in by_host if host not in told and not loose[host]}
        merged.append(_disagree({**dict.fromkeys(told, f"{key} is there"), **dict.fromkeys(silent, "it is not")})
                      if silent else merge(element_type, told))
    return merged + (next(iter(loose.values()))[:1] if all(loose.values()) else [])


def _disagree(said):
    return observed.hole("disagree", "; ".join(f"{host} says {value}" for host, value in said.items()) + ".")


def _dtcs(everyone, clusters, kind):
    """The Local DTC of every host whose groups owe it, and each clustered DTC once for its cluster."""
    subjects = [_local_dtc(host) for host in everyone if set(host.groups) & set(kind.groups)]
    for cluster in clusters:
        subjects += _clustered_dtcs(cluster, kind.type)
    ways = [subject.facts if observed.is_hole(subject.facts) else subject.facts["authentication"] for subject in subjects]
    mutual = derived.all_are(ways, "Mutual")
    return [subject if observed.is_hole(subject.facts) else
            Subject(DTC, subject.id, {**subject.facts, "all_mutual": mutual}, subject.reported_by, subject.clock) for subject in subjects]


def _local_dtc(host):
    instances = host.fact("platform", "dtc", "instances")
    facts = derived.first(instances, lambda dtc: dtc["clustered"] is False, f"{host.name} lists no Local MSDTC.")
    if not observed.is_hole(facts):
        facts = {**facts, "owner": host.name, "network_access": host.fact("platform", "dtc", "network_access")}
    return Subject(DTC, f"dtc:{host.name}/Local", facts, (host.name,), host.clock)


def _clustered_dtcs(cluster, dtc_type):
    """The DTCs that the nodes list for their cluster; on the cluster itself where they are owed and no node lists them."""
    lists = {host.name: host.fact("platform", "dtc", "instances") for host in cluster.members}
    seen = {}
    for host, listed in lists.items():
        for dtc in [] if observed.is_hole(listed) else listed:
            if not observed.is_hole(dtc) and dtc["clustered"] is True and isinstance(dtc["name"], str):
                seen.setdefault(dtc["name"], {})[host] = dtc
    subjects = []
    for name, answers in sorted(seen.items()):
        facts = {**merge(dtc_type, answers), "owner": cluster.name, "network_access": None}
        subjects.append(Subject(DTC, f"dtc:{cluster.name}/{name}", facts, tuple(answers)))
    owed = derived.count_of_role(cluster.subject.facts["resources"], "dtc")
    if observed.is_hole(owed) and not subjects:
        subjects.append(Subject(DTC, f"cluster:{cluster.name}", owed))
    elif not observed.is_hole(owed) and owed > len(subjects):
        unread = derived.first_hole([part for found in lists.values() for part in ([found] if observed.is_hole(found) else found)])
        hole = unread or observed.hole("missing", f"{cluster.name} has {owed} MSDTC resource(s), of which its nodes list {len(subjects)}.")
        subjects.append(Subject(DTC, f"cluster:{cluster.name}", hole))
    return subjects


def _estate(everyone):
    return Subject(ESTATE, "estate:estate", {"msdtc": derived.msdtc_ids(everyone)}, tuple(host.name for host in everyone))
