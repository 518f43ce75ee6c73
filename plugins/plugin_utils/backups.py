# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The backup of a BizTalk group as a subject: its job, sets, chains and points, of all instances that hold databases of it.

It is owed by every instance that holds a management database; on the instance itself where that cannot be told. What follows from
the histories is computed in ``module_utils/backup_sets.py``.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_place, backup_sets, observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    backup_sources,
    biztalk_lists,
    derived,
    estate,
    instances,
    storages,
)

BACKUP = "backup"


def subjects(everyone, kinds):
    """The backup of every group. *everyone*: the ``estate.Host``s of the estate."""
    here = [host for host in everyone if set(host.groups) & set(kinds[BACKUP].groups)]
    return [_subject(host, here, everyone) for host in biztalk_lists.Lists(here, everyone).holders] or instances.unheld(everyone, BACKUP)


def _subject(host, here, everyone):
    read = host.fact("backup_history", "biztalk")
    if observed.is_hole(read):
        return instances.unread(host, BACKUP, read)
    name = f"{BACKUP}:{instances.name_of(host)}/{read['management_database']}"
    clock = host.fact("backup_history", "clock")
    read = {**facts(host, here), "destinations": storages.placed(host, everyone)}
    return estate.Subject(BACKUP, name, read, (host.name,), clock if isinstance(clock, str) else None)


def facts(host, here):
    """Every property of the kind. *here*: all instances of the estate."""
    read, jobs = host.fact("backup_history", "biztalk"), host.fact("agent", "jobs")
    found = backup_sets.derive(
        backup_sources.own_history(host), jobs, host.fact("sql", "databases"), backup_sources.histories(host, here, read["databases"]),
        backup_sources.agents(host, here, read["management_database"]), backup_sources.elsewhere(host, here, read["databases"]))
    return {
        **found,
        "job": _placed(found["job"], backup_place.own_machines(host.area("sql"))),
        "name": read["management_database"],
        "instance": instances.name_of(host),
        "settings": read["settings"],
        "others": derived.each(read["others"], lambda row: {**row, "name": f"{row['database']} on {row['server']}"}),
        "left_out": derived.each(found["left_out"], lambda one: {**one, "exists": _exists(one["name"], here)}),
        "destroying_steps": _destroying(jobs),
        "bam": _bam(host.fact("biztalk", "databases"), read["databases"]),
        "everywhere": _everywhere(here),
    }


def _placed(job, own):
    """The facts of a job with the ``place`` that each step writes to. *own*: the machines of the instance."""
    if job is None or observed.is_hole(job):
        return job
    return {**job, "steps": derived.each(job["steps"], lambda step: {**step, "place": backup_place.told(step["path"], own)})}


def _everywhere(here):
    """The user databases of all instances."""
    lists = biztalk_lists.Lists(here, here)
    found = [(host, one) for host in here for one in _elements(host.fact("sql", "databases"))]
    return [one if observed.is_hole(one) else {
        "name": f"{one['name']} on {instances.name_of(host)}", "database": one["name"], "copy": biztalk_lists.is_copy(host, one),
        "in_set": lists.backed_up(host, one["name"]), "last_full": _last_full(host, one, here)}
        for host, one in found if observed.is_hole(one) or one["system"] is not True]


def _last_full(host, one, here):
    """The newest real full backup of a database that any replica made; null where there is none."""
    replicas = [host]
    if one["in_availability_group"] is not False:
        group = biztalk_lists.group_of(host, one["name"])
        if group is None or observed.is_hole(group):
            return group or observed.hole("missing", f"No availability group that was seen has {one['name']}.")
        replicas = [other for other in here if _has_group(other, group["id"]) is not False]
    told = [instances.last_full_backup(replica, one["name"]) for replica in replicas]
    return derived.first_hole(told) or max((at for at in told if at), default=None)


def _has_group(host, group_id):
    return derived.any_true([one if observed.is_hole(one) else one["id"] == group_id for one in _elements(host.fact("sql", "availability_groups"))])


def _elements(found):
    return [found] if observed.is_hole(found) else found


def _exists(database, here):
    """Whether any instance of the estate has a database of this name."""
    names = [name for host in here for name in _names(host.fact("sql", "databases"))]
    return derived.any_true([name if observed.is_hole(name) else name.casefold() == database.casefold() for name in names])


def _names(databases):
    return [one if observed.is_hole(one) else one["name"] for one in _elements(databases)]


def _destroying(jobs):
    """Steps of any job that call a procedure which empties the management database or a MessageBox."""
    if observed.is_hole(jobs):
        return jobs
    found = []
    for job in jobs:
        steps = job if observed.is_hole(job) else job["steps"]
        for step in [steps] if observed.is_hole(steps) else steps:
            if observed.is_hole(step):
                found.append(step)
            elif step["destroys"]:
                found.append({"name": f"{step['name']} of {job['name']}", "procedure": step["destroys"]})
    return found


def _bam(databases, view):
    """The database into which BAM imports, and whether the sets are to hold it; none where the group has no BAM."""
    if observed.is_hole(databases) or databases is None:
        return databases or []
    unseen = view if observed.is_hole(view) else derived.first_hole(view)
    names = None if unseen else {row["database"].casefold() for row in view}
    return [row if observed.is_hole(row) else {"name": row["database"], "in_set": unseen or row["database"].casefold() in names}
            for row in databases if observed.is_hole(row) or row["role"] == "bam"]
