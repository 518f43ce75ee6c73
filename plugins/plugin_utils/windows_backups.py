# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The image backups of a host as a subject: what Windows Server Backup saves, joined with the databases that live on the host."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived, estate, instances

WINDOWS_BACKUP = "windows_backup"


def subjects(everyone, kinds):
    """One for each host of the group ``windows_backup``. *everyone*: the ``estate.Host``s of the estate."""
    sql = instances.instances_among(everyone, kinds)
    lists = biztalk_lists.Lists(sql, everyone)
    return [estate.Subject(WINDOWS_BACKUP, f"{WINDOWS_BACKUP}:{host.name}", _facts(host, sql, lists), (host.name,), host.clock)
            for host in everyone if set(host.groups) & set(kinds[WINDOWS_BACKUP].groups)]


def _facts(host, sql, lists):
    read = host.area("windows_backup")
    if observed.is_hole(read):
        return read
    installed = host.fact("platform", "sql_instances")
    policy = read["policy"]
    if policy is not None and not observed.is_hole(policy):
        paths = database_paths(host, sql, lists)
        policy = {
            **policy,
            "times_a_day": policy["schedule"] if observed.is_hole(policy["schedule"]) else len(policy["schedule"]),
            "volumes": derived.each(policy["volumes"], lambda volume: {**volume, "holds_databases": _holds(volume, read["volumes"], paths)}),
            "targets": derived.each(policy["targets"], lambda target: {**target, "path_length": _length(target["path"])}),
        }
    return {
        **read, "name": host.name, "policy": policy,
        "has_sql_server": installed if observed.is_hole(installed) else bool(installed),
        "newest_bare_metal": _newest(read["sets"]),
    }


def _length(path):
    return path if observed.is_hole(path) else len(path or "")


def _newest(sets):
    """The instant of the newest set from which the whole server can be restored; null where there is none."""
    if observed.is_hole(sets):
        return sets
    unseen = observed.first_hole(sets) or observed.first_hole([part for one in sets for part in (one["at"], one["bare_metal"])])
    return unseen or max((one["at"] for one in sets if one["bare_metal"]), default=None)


def database_paths(host, sql, lists):
    """The paths of the files of BizTalk's databases on instances that run on the host; a hole for what may lie here and was not read."""
    found = []
    for instance in sql:
        node = instance.fact("sql", "node")
        if observed.is_hole(node):
            found.append(node)
        elif host.is_called(node):
            found += _paths(instance, lists)
    return found or instances.unlisted(host, sql)


def _paths(instance, lists):
    databases = instance.fact("sql", "databases")
    found = []
    for one in [databases] if observed.is_hole(databases) else databases:
        biztalk = one if observed.is_hole(one) else lists.is_biztalk(instance, one["name"])
        if observed.is_hole(biztalk):
            found.append(biztalk)
        elif biztalk:
            found += [one["files"]] if observed.is_hole(one["files"]) else [derived.part(file, "path") for file in one["files"]]
    return found


def _holds(volume, volumes, paths):
    """Whether a file of a database lies on a volume: that with the longest path which the file's path begins with."""
    unseen = [volumes] if observed.is_hole(volumes) else [part for part in (volume["id"], *volumes) if observed.is_hole(part)] \
        or [part for one in volumes for part in (one["id"], one["path"]) if observed.is_hole(part)]
    if unseen:
        return unseen[0]
    roots = sorted(((one["path"], one["id"]) for one in volumes if isinstance(one["path"], str)), key=lambda root: -len(root[0]))
    on = [path if observed.is_hole(path) else next((id for root, id in roots if _below(path, root)), observed.hole(
        "missing", f"No volume that Windows Server Backup shows has the path {path}.")) for path in paths]
    return True if volume["id"] in on else observed.first_hole(on) or False


def _below(path, root):
    return (path.casefold() + "\\").startswith(root.casefold().rstrip("\\") + "\\")
