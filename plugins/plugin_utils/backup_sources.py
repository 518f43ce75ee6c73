# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Which instances tell of the backups of a BizTalk group: by their msdb, by their Agents, and by what their databases are.

Any replica of an availability group may have made a backup or run the job before a failover. What is not in the inventory is a hole.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists


def own_history(host):
    """The area ``backup_history`` without what RESTORE and LOADHISTORY put into msdb: backups that some other server made. Closed by a hole
    where the instance did not say its name, so that its own cannot be told from those."""
    area, own, groups = host.area("backup_history"), biztalk_lists.names_of(host), host.fact("sql", "availability_groups")
    if observed.is_hole(area) or observed.is_hole(area["msdb"]):
        return area
    replicas = [group["replicas"] for group in _elements(groups) if not observed.is_hole(group)]
    own = own | {biztalk_lists.key(one["name"]) for each in replicas for one in _elements(each) if not observed.is_hole(one)}
    name = host.fact("sql", "name")
    rows = [row for row in area["msdb"] if observed.is_hole(row) or not row.get("server") or biztalk_lists.key(row["server"]) in own]
    return {**area, "msdb": [*rows, name] if observed.is_hole(name) else rows}


def histories(host, here, view):
    """The histories of the other instances on which databases of the group are, or may be after a failover."""
    found, hidden = {}, []
    for row, others in _meant(host, here, view):
        found.update({other.name: own_history(other) for other in others})
        hidden += _unread_replicas([host, *others], row["database"], here)
    return [*found.values(), *hidden[:1]]


def agents(host, here, management_database):
    """The areas ``agent`` of the other replicas of the management database, on which the job runs after a failover."""
    group = biztalk_lists.group_of(host, management_database)
    if group is None or observed.is_hole(group):
        return [] if group is None else [group]
    names = {biztalk_lists.key(one["name"]) for one in _elements(group["replicas"]) if not observed.is_hole(one)}
    found = [other.area("agent") for other in here if other is not host and biztalk_lists.names_of(other) & names]
    return [*found, *_unread_replicas([host], management_database, here)]


def elsewhere(host, here, view):
    """``{server, database, recovery_model}`` of the databases of the group that other instances hold; the model may be a hole."""
    found = []
    for row, others in _meant(host, here, view):
        if others and not biztalk_lists.is_meant(row["server"] or "", host, row["database"], host):
            there = [one for other in others for one in _elements(other.fact("sql", "databases"))]
            model = next((one["recovery_model"] for one in there if not observed.is_hole(one) and one["name"].casefold() == row["database"].casefold()),
                         observed.hole("missing", f"{row['database']} was not seen on {row['server']}."))
            found.append({**row, "recovery_model": model})
    return found


def _meant(host, here, view):
    """The rows of the view, each with the other instances that it means."""
    return [(row, [other for other in here if other is not host and biztalk_lists.is_meant(
        row["server"] or "", other, row["database"], host) is True]) for row in _elements(view) if not observed.is_hole(row)]


def _unread_replicas(holders, database, here):
    """A hole for each replica of a database's availability group that is no instance of the inventory: its backups are not known."""
    known = set().union(*(biztalk_lists.names_of(other) for other in here))
    holes = []
    for holder in holders:
        group = biztalk_lists.group_of(holder, database)
        if group is None or observed.is_hole(group):
            continue
        for replica in _elements(group["replicas"]):
            if observed.is_hole(replica):
                holes.append(replica)
            elif biztalk_lists.key(replica["name"]) not in known:
                holes.append(observed.hole("missing", f"No instance of the inventory is the replica {replica['name']}, and backups are made on any."))
    return holes


def _elements(found):
    return [found] if observed.is_hole(found) else found or []
