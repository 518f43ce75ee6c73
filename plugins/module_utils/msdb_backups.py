# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The backups that the msdb of one or several instances tells of, and which databases they cover."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import log_chains, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.observed import first_hole
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import told


def known(values):
    """The elements of a list that were seen; of a hole none."""
    return [] if observed.is_hole(values) else [value for value in values if not observed.is_hole(value)]


class Msdb:
    """*areas*: the areas ``backup_history`` of instances, holes included. ``unread``: the hole where the history of one of them was not
    read; ``cut``: the hole where one was cut, so that older rows may be missing; ``marks_unseen``: the same of either, of the marks in logs."""

    def __init__(self, areas):
        lists = [area if observed.is_hole(area) else area["msdb"] for area in areas]
        marks = [area if observed.is_hole(area) else area["marks"] for area in areas]
        self.unread = first_hole(lists)
        self.cut = first_hole([row for rows in lists if not observed.is_hole(rows) for row in rows])
        self.marks_unseen = first_hole([row for rows in marks for row in ([rows] if observed.is_hole(rows) else rows)])
        self.rows = [row for rows in lists for row in known(rows)]
        self._by_database = {}
        for row in self.rows:
            self._by_database.setdefault(row["database"].casefold(), []).append(row)
        self.marks = {(row["database"].casefold(), row["mark"]): row for rows in marks for row in known(rows)}
        self.marked = {database for database, _mark in self.marks}
        self._by_file = {(row["database"].casefold(), log_chains.file_of(row["path"])): row for row in self.rows}

    def of(self, database, server=None):
        """The rows of a database, on one server where it is given."""
        return [row for row in self._by_database.get(database.casefold(), [])
                if server is None or (row["server"] or "").casefold() == server.casefold()]

    def backup(self, row):
        """The backup that a row of BizTalk's history records, or None."""
        return self._by_file.get((row["database"].casefold(), log_chains.file_of(row["file"])))

    def newest(self, database, kind, clock):
        """When the newest real backup of a kind was finished; null where there was none in the window."""
        found = [log_chains.ended(row, clock) for row in self.of(database) if row["type"] == kind and log_chains.is_real(row)]
        return told(max(found)) if found else self.unread or self.cut


def coverage(databases, in_sets, own, everywhere, clock):
    """The user databases of an instance: whether one is in the sets of BizTalk, and its newest real backups in the window.

    *databases*: of the area ``sql``. *in_sets*: names in lower case, or a hole. *own*: the ``Msdb`` of the instance, *everywhere* of all
    replicas, which counts for a database of an availability group. A database that is not open, or a standby, is left out.
    """
    unseen = first_hole([databases, in_sets])
    if unseen:
        return unseen
    found = []
    for one in databases:
        open_ = one if observed.is_hole(one) else False if one["system"] or one["standby"] else one["state"]
        if observed.is_hole(open_):
            found.append(open_)
        elif open_ == "ONLINE":
            msdb = everywhere if one["in_availability_group"] else own
            found.append({"name": one["name"], "in_set": one["name"].casefold() in in_sets, "last_full": msdb.newest(one["name"], "full", clock),
                          "last_log": msdb.newest(one["name"], "log", clock)})
    return found
