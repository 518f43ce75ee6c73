# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The storage of a host as a subject: what Windows shows of it, joined with what SQL Server and BizTalk's backup keep there.

A host is known by the name of the computer on which an instance says that it runs. What may lie on a host, since an instance was not read,
is a hole there.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_job, backup_place, observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived, estate, instances

STORAGE = "storage"
WRITING = ("full", "log")                       # roles of the job's steps that write files
BUSY = ("message_box", "tracking")              # the databases that are written to all the time
NOT_SHOWN = "not shown"                         # resiliency behind a controller, an array or a hypervisor


def subjects(everyone, kinds):
    """One for each host of the group ``storage``. *everyone*: the ``estate.Host``s of the estate."""
    sql = instances.instances_among(everyone, kinds)
    lists = biztalk_lists.Lists(sql, everyone)
    return [estate.Subject(STORAGE, f"{STORAGE}:{host.name}", _facts(host, sql, lists), (host.name,), host.clock)
            for host in everyone if set(host.groups) & set(kinds[STORAGE].groups)]


def _facts(host, sql, lists):
    read = host.area("storage")
    if observed.is_hole(read):
        return read
    files, shares = database_files(host, sql, lists), backup_shares(host, sql)
    return {
        **read, "name": host.name, "site": host.variables.get("site"), "database_files": files, "backup_shares": shares,
        "hides_members": derived.any_true([read["disks"]] if observed.is_hole(read["disks"]) else
                                          [derived.part(disk, "hides_members") for disk in read["disks"]]),
        "volumes": derived.each(read["volumes"], lambda volume: {**volume, "holds": _holds(volume, files, shares, host, sql)}),
    }


def database_files(host, sql, lists):
    """The files of the databases of every instance that runs on the host, with the volume that each lies on."""
    found = []
    for instance in sql:
        node = instance.fact("sql", "node")
        databases = instance.fact("sql", "databases") if isinstance(node, str) and host.is_called(node) else node if observed.is_hole(node) else []
        for one in [databases] if observed.is_hole(databases) else databases:
            found += [one] if observed.is_hole(one) else _files(one, instance, host, lists)
    return found or instances.unlisted(host, sql)


def _files(one, instance, host, lists):
    roles = {role: lists.has_role(instance, one["name"], role) for role in biztalk_lists.ROLES}
    about = {"database": one["name"], "instance": instances.name_of(instance),
             "roles": [name if value is True else value for name, value in roles.items() if value is not False]}
    return derived.each(one["files"], lambda file: {**about, **file, **_place(file["path"], host)}) if not observed.is_hole(one["files"]) else [one["files"]]


def _place(path, host):
    volume = volume_of(path, host)
    if observed.is_hole(volume):
        return dict.fromkeys(("on_volume", "on_disk", "resiliency"), volume)
    return {"on_volume": volume["name"], "on_disk": volume["disk"], "resiliency": volume["resiliency"]}


def volume_of(path, host):
    """The volume of a host on which a local path lies: the one with the longest path that it begins with; a folder may be a volume's root."""
    volumes = host.fact("storage", "volumes")
    if observed.is_hole(path) or observed.is_hole(volumes):
        return path if observed.is_hole(path) else volumes
    best, length, holes = None, 0, []
    for volume in volumes:
        unseen = volume if observed.is_hole(volume) else observed.first_hole([volume["paths"]])
        if unseen:
            holes.append(unseen)
            continue
        for root in volume["paths"]:
            if len(root) > length and (path.casefold() + "\\").startswith(root.casefold().rstrip("\\") + "\\"):
                best, length = volume, len(root)
    if holes:       # a volume whose paths were not seen may be mounted right there
        return holes[0]
    return best or observed.hole("missing", f"No volume of {host.name} has the path {path}.")


def destinations(instance):
    """The paths to which the backup job of the group that an instance holds writes; none where it holds no group."""
    held = instance.fact("backup_history", "biztalk")
    if held is None or observed.is_hole(held):
        return [] if held is None else [held]
    job = backup_job.find(instance.fact("agent", "jobs"), held["management_database"])
    if job is None or observed.is_hole(job):
        return [] if job is None else [job]
    steps = backup_job.facts(job, held["management_database"], instance.fact("backup_history", "local_clock"))["steps"]
    paths = []
    for step in [steps] if observed.is_hole(steps) else steps:
        path = step if observed.is_hole(step) else _written(step)
        paths += [path] if path is not None and path not in paths else []
    return paths


def _written(step):
    """Where a step of the job writes; None where it writes nothing, as with a path that nobody filled in."""
    if step["role"] not in WRITING:
        return None
    verdict = step["verdict"]
    return verdict if observed.is_hole(verdict) else step["path"] if verdict == "configured" else None


def backup_shares(host, sql):
    """The shares of a host to which a backup job writes."""
    shares = host.fact("storage", "shares")
    if observed.is_hole(shares):
        return shares
    wanted, found = [path for instance in sql for path in destinations(instance)], {}
    for path in wanted:
        name = path if observed.is_hole(path) else _share_here(path, host)
        if observed.is_hole(name):
            found["?"] = name
        elif name is not None:
            missing = f"{host.name} has no share {name}, to which a backup job writes."
            found[name.casefold()] = derived.first(shares, lambda share, name=name: share["name"].casefold() == name.casefold(), missing)
    return list(found.values())


def _share_here(path, host):
    """The share of this host that a UNC path names; None for any other path."""
    parts = path.split("\\")
    if not path.startswith("\\\\") or len(parts) < 4 or not parts[3]:
        return None
    return parts[3] if host.is_called(parts[2].partition(".")[0]) else None


def _holds(volume, files, shares, host, sql):
    """What of ours lies on a volume: rows and log of databases, backups."""
    held = []
    for file in files:
        on = file if observed.is_hole(file) else file["on_volume"]
        held += [on if observed.is_hole(on) else file["kind"]] if observed.is_hole(on) or on == volume["name"] else []
    for share in [shares] if observed.is_hole(shares) else shares:
        where = share if observed.is_hole(share) else volume_of(share["path"], host)
        held += [where] if observed.is_hole(where) else ["backups"] if where["name"] == volume["name"] else []
    return [one for index, one in enumerate(held) if one not in held[:index]]


def host_of(instance, everyone):
    """The inventory host on which an instance runs now, or a hole."""
    node = instance.fact("sql", "node")
    if observed.is_hole(node):
        return node
    return next((host for host in everyone if estate.INSTANCE_GROUP not in host.groups and host.is_called(node)),
                observed.hole("missing", f"No Windows host of the inventory is {node}, on which the instance runs."))


def busy_volumes(instance, lists, everyone):
    """The volumes of the MessageBox and tracking databases, with what each holds: rows or log of a database. Where the server's storage was
    not read, a drive that holds several may be several volumes, mounted in folders."""
    host, databases = host_of(instance, everyone), instance.fact("sql", "databases")
    if observed.is_hole(databases):
        return databases
    volumes, unsure = {}, []
    for one in databases:
        busy = one if observed.is_hole(one) else derived.any_true([lists.has_role(instance, one["name"], role) for role in BUSY])
        if busy is False:
            continue
        files = busy if observed.is_hole(busy) else one["files"]
        for file in [files] if observed.is_hole(files) else files:
            if observed.is_hole(file):
                unsure.append(file)
                continue
            volume = host if observed.is_hole(host) else volume_of(file["path"], host)
            where, why = (file["volume"], volume) if observed.is_hole(volume) else (volume["name"], None)
            volumes.setdefault(where, ([], []))[0].append(f"{file['kind']} of {one['name']}")
            volumes[where][1].extend([why] if why else [])
    return [why[0] if why and len(set(held)) > 1 else {"name": name, "holds": sorted(set(held))}
            for name, (held, why) in sorted(volumes.items())] + unsure[:1]


def placed(instance, everyone):
    """Where a backup job writes, and what of the instance's databases lies on the same disk."""
    return [path if observed.is_hole(path) else {"path": path, "shares_disk_with": _beside(path, instance, everyone)} for path in destinations(instance)]


def _beside(path, instance, everyone):
    elsewhere = backup_place.is_elsewhere(path, backup_place.own_machines(instance.area("sql")))
    if elsewhere is True or observed.is_hole(elsewhere):
        return [] if elsewhere is True else elsewhere
    host, databases = host_of(instance, everyone), instance.fact("sql", "databases")
    volume = host if observed.is_hole(host) else volume_of(_local(path, host), host)
    unseen = observed.first_hole([volume, databases]) or observed.first_hole([volume["disk"]])
    if unseen:
        return unseen
    beside = []
    for one in databases:
        files = one if observed.is_hole(one) else one["files"]
        for file in [files] if observed.is_hole(files) else files:
            where = file if observed.is_hole(file) else volume_of(file["path"], host)
            disk = where if observed.is_hole(where) else where["disk"]
            beside += [disk] if observed.is_hole(disk) else [one["name"]] if disk == volume["disk"] and one["name"] not in beside else []
    return beside


def _local(path, host):
    """A path as the host itself has it: that of one of its shares in place of the share's name."""
    if not path.startswith("\\\\"):
        return path
    name, shares = path.split("\\")[3], host.fact("storage", "shares")
    share = derived.first(shares, lambda one: one["name"].casefold() == name.casefold(), f"{host.name} has no share {name}.")
    return share if observed.is_hole(share) else "\\".join([share["path"].rstrip("\\"), *path.split("\\")[4:]])
