# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What BizTalk's own lists say of databases, and which databases of the estate they mean.

A list names a server as somebody wrote it: the instance, its node, the listener of an availability group, in any spelling.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived

HERE = (".", "(local)", "localhost")
ROLES = ("management", "message_box", "tracking", "bam", "rules")
RESTORING = "RESTORING"
BIZTALK = "biztalk"             # the inventory group of BizTalk's servers


def key(server):
    """A server's name for comparison, (computer, instance): ``tcp:SQLBTS.contoso.test\\BTS,1433`` is ``("sqlbts", "bts")``."""
    text = server.strip().casefold()
    for prefix in ("tcp:", "np:", "lpc:"):
        text = text.removeprefix(prefix)
    computer, _backslash, instance = text.partition(",")[0].strip().partition("\\")
    if not computer.replace(".", "").isdigit():
        computer = computer if computer in HERE else computer.partition(".")[0]
    return computer, "" if instance == "mssqlserver" else instance


def names_of(host):
    """The names that an instance answers to, as keys: by itself, by the inventory and by its computer."""
    said, machine, node = (host.fact("sql", name) for name in ("name", "machine", "node"))
    names = [said, host.variables.get("instance_name")]
    if isinstance(said, str):
        names += [f"{computer}\\{key(said)[1]}" for computer in (machine, node) if isinstance(computer, str)]
    return {key(name) for name in names if isinstance(name, str)}


def group_of(host, database):
    """The availability group of an instance that has a database; null where there is none, a hole where that was not seen."""
    return _first(host.fact("sql", "availability_groups"),
                  lambda group: _any_named(group["databases"], database))


def group_names(group):
    """The names that a database of a group answers to: its listeners and its replicas, as keys, with holes."""
    lists = [group["listeners"], group["replicas"]]
    return [part if observed.is_hole(part) else key(part["name"]) for found in lists for part in ([found] if observed.is_hole(found) else found)]


def is_meant(server, host, database, holder):
    """Whether a list of the instance *holder* means a *database* of *host* when it names a *server*; may be a hole."""
    wanted = key(server)
    if wanted[0] in HERE:
        return host is holder
    if wanted in names_of(host):
        return True
    group = group_of(host, database)
    if group is None or observed.is_hole(group):
        return False if group is None else group
    return derived.any_true([name if observed.is_hole(name) else name == wanted for name in group_names(group)])


def named_by(host):
    """The management database that the registry of a Windows host names, (server, database); None where it names none; may be a hole."""
    server, database, own = (host.fact("platform", *path) for path in (
        ("biztalk", "management_server"), ("biztalk", "management_database"), ("computer", "name")))
    unseen = derived.first_hole([server, database])
    if unseen or not server or not database:
        return unseen
    computer, instance = key(server)
    if computer not in HERE:
        return server, database
    return own if observed.is_hole(own) else ("\\".join(part for part in (own, instance) if part), database)


def registries(everyone):
    """The BizTalk servers of the estate and what their registries name: ``[(host, what named_by says)]``."""
    named = [(host, named_by(host)) for host in everyone]
    return [(host, names) for host, names in named if isinstance(names, tuple) or BIZTALK in host.groups]


def is_held(names, host):
    """Whether an instance holds the management database (server, database) that a registry names; may be a hole."""
    server, database = names
    held = host.fact("biztalk", "management_database")
    if held is None or isinstance(held, str) and held.casefold() != database.casefold():
        return False
    meant = is_meant(server, host, database, None)
    return held if meant is True and observed.is_hole(held) else meant


class Lists:
    """The lists of every instance that holds a management database, or may hold one for all that was seen.

    Where there is none although BizTalk servers are *among* the hosts of the estate, what is BizTalk's is not known.

    A list is ``[(holder, row or hole)]``: ``backup`` is what BizTalk's backup holds, ``added`` what somebody added to it, ``roles[role]``
    what the group uses.
    """

    def __init__(self, everyone, among):
        said = {host.name: host.fact("backup_history", "biztalk") for host in everyone}
        known = {lists["management_database"].casefold() for lists in said.values() if lists is not None and not observed.is_hole(lists)}
        self.holders = [host for host in everyone if said[host.name] is not None and not (
            observed.is_hole(said[host.name]) and any(_has_copy(host, name) for name in known))]
        lost = bool(not self.holders and registries(among))
        self.unseen = [(None, observed.hole("missing", "No instance of the inventory holds the management database of its BizTalk servers."))] * lost
        self.backup = self._listed(lambda holder: _rows(said[holder.name], "databases"))
        self.added = self._listed(lambda holder: _rows(said[holder.name], "others"))
        self.roles = {role: self._listed(lambda holder, role=role: _roles(holder, role)) for role in ROLES}

    def _listed(self, rows_of):
        found = list(self.unseen)
        for holder in self.holders:
            rows = rows_of(holder)
            found += [(holder, row) for row in ([rows] if observed.is_hole(rows) else rows)]
        return [(holder, row if observed.is_hole(row) else derived.first_hole([derived.part(row, "server"), derived.part(row, "database")]) or row)
                for holder, row in found]

    def backed_up(self, host, database):
        """Whether a backup set holds a database."""
        return _is_named(self.backup, host, database)

    def has_role(self, host, database, role):
        """Whether a group uses a database as *role*: one of ``ROLES``."""
        return _is_named(self.roles[role], host, database)

    def is_biztalk(self, host, database):
        """Whether a database is BizTalk's: some list has it."""
        return derived.any_true([self.backed_up(host, database), *(self.has_role(host, database, role) for role in ROLES)])

    def to_back_up(self, holder):
        """The rows of what the backup of one group is to hold; none where an instance holds no group."""
        return [row for host, row in self.backup if host is holder]

    def servers_of(self, host, database):
        """The server names by which the group reaches a database."""
        return _servers([one for role in ROLES[1:] for one in self.roles[role]], host, database)

    def servers_to_back_up(self, host, database):
        """The server names under which somebody added a database to the backup."""
        return _servers(self.added, host, database)


def _named(listed, host, database):
    """Of each row of a list, whether it means a database; may be a hole."""
    return [(row, row if observed.is_hole(row) else row["database"].casefold() == database.casefold()
             and is_meant(row["server"], host, database, holder)) for holder, row in listed]


def _is_named(listed, host, database):
    return derived.any_true([meant for _row, meant in _named(listed, host, database)])


def _servers(listed, host, database):
    names = [meant if observed.is_hole(meant) else row["server"] for row, meant in _named(listed, host, database) if meant is not False]
    return [name for at, name in enumerate(names) if name not in names[:at]]


def _rows(lists, name):
    return [] if lists is None else derived.part(lists, name)


def _roles(holder, role):
    if role == "management":
        lists = holder.fact("backup_history", "biztalk")
        name = lists if observed.is_hole(lists) else derived.part(lists, "management_database")
        return name if observed.is_hole(name) else [{"server": HERE[0], "database": name}]
    group = holder.fact("biztalk")
    if role == "message_box":
        return _rows(group, "message_boxes")
    rows = _rows(group, "databases")
    return rows if observed.is_hole(rows) else [row for row in rows if observed.is_hole(row) or row["role"] == role]


def is_copy(host, database):
    """Whether a database of an instance waits to take over: it is being restored, or its replica is a secondary."""
    if database["state"] == RESTORING or database["standby"] is True:
        return True
    if not database["in_availability_group"]:
        return derived.first_hole([database["state"]]) or False
    group = group_of(host, database["name"]) or observed.hole("missing", f"No availability group that was seen has {database['name']}.")
    role = group if observed.is_hole(group) else group["local_role"]
    return role if observed.is_hole(role) else derived.first_hole([database["state"]]) or role == "SECONDARY"


def _has_copy(host, name):
    """Whether an instance has a copy only of a management database that another one holds."""
    found = derived.first(host.fact("sql", "databases"), lambda one: one["name"].casefold() == name, "It has none of that name.")
    return not observed.is_hole(found) and is_copy(host, found) is True


def _first(elements, is_wanted):
    if observed.is_hole(elements) or elements is None:
        return elements
    unseen = None
    for element in elements:
        wanted = element if observed.is_hole(element) else is_wanted(element)
        if wanted is True:
            return element
        unseen = unseen or (wanted if observed.is_hole(wanted) else None)
    return unseen


def _any_named(elements, name):
    return derived.any_true([one if observed.is_hole(one) else one["name"].casefold() == name.casefold()
                             for one in ([elements] if observed.is_hole(elements) else elements)])
