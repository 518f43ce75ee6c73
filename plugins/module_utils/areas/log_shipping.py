# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``log_shipping``: what a destination of BizTalk's log shipping remembers of the sets that it was to restore.

Read of instances that the inventory declares as destinations. Documented are the three tables, and the columns Restored,
RestoredDateTime and SetComplete; the others are assumed to be called as in ``adm_BackupHistory``. Queries with such columns stand
apart, so that a wrong name costs these and no other.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import catalog, observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import DEFINITIONS, OWN, select
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer

NAME = "log_shipping"
TABLES = ("bts_LogShippingDatabases", "bts_LogShippingHistory", "bts_LogShippingLastRestoreSet")
PROCEDURES = ("bts_ConfigureBizTalkLogShipping",)
SETS_LIMIT, NAMES_LIMIT = 5000, 1000
KINDS = {"db": "full", "lg": "log"}


def _table(name):
    return ("SELECT", f"master.dbo.{name}")


OBJECTS = select("log_shipping.objects", {
    name: ("boolean", f"CASE WHEN OBJECT_ID(N'master.dbo.{name}') IS NULL THEN 0 ELSE 1 END") for name in TABLES + PROCEDURES}, "", DEFINITIONS)
AD_HOC = select("log_shipping.ad_hoc", {"in_use": ("number", "CONVERT(int, c.value_in_use)")},
                "FROM sys.configurations AS c WHERE c.name = N'Ad Hoc Distributed Queries'")
RESTORED = select("log_shipping.restored", {"last": ("local", "MAX(CASE WHEN h.Restored <> 0 THEN h.RestoredDateTime END)")},
                  f"FROM master.dbo.{TABLES[1]} AS h", _table(TABLES[1]))
SETS = select("log_shipping.sets", {
    "id": ("number", "h.BackupSetId"), "kind": ("text", "h.BackupType"),
    "complete": ("boolean", "MIN(CASE WHEN h.SetComplete <> 0 THEN 1 ELSE 0 END)"),
    "restored": ("boolean", "MIN(CASE WHEN h.Restored <> 0 THEN 1 ELSE 0 END)")},
    f"FROM master.dbo.{TABLES[1]} AS h GROUP BY h.BackupSetId, h.BackupType ORDER BY h.BackupSetId DESC", _table(TABLES[1]), limit=SETS_LIMIT)
DATABASES = select("log_shipping.databases", {"server": ("text", "h.ServerName"), "database_name": ("text", "h.DatabaseName")},
                   f"FROM master.dbo.{TABLES[1]} AS h GROUP BY h.ServerName, h.DatabaseName ORDER BY h.ServerName, h.DatabaseName",
                   _table(TABLES[1]), limit=NAMES_LIMIT)
LAST_SET = select("log_shipping.last_set", {"id": ("number", "MAX(l.BackupSetId)")}, f"FROM master.dbo.{TABLES[2]} AS l", _table(TABLES[2]))


NEVER_CONFIGURED = {RESTORED.name: [{"last": None}], SETS.name: [], DATABASES.name: [], LAST_SET.name: [{"id": None}]}     # as tables without rows


def queries():
    """The queries that read the area, in order."""
    return [OWN, OBJECTS, AD_HOC, RESTORED, SETS, DATABASES, LAST_SET]


def shape(answers):
    """The destination as plain data. Newest set first; a hole closes a list that was cut."""
    rows = catalog.Rows(answers)
    objects = rows.every(OBJECTS, lambda row: row)
    if not observed.is_hole(objects) and objects[0][TABLES[1]] is False:
        answers = {**answers, **{name: QueryAnswer("ok", empty) for name, empty in NEVER_CONFIGURED.items()}}
    return {
        "clock": rows.own("clock"),
        "local_clock": rows.own("local_clock"),
        "objects": objects if observed.is_hole(objects) else [{"name": name, "there": objects[0][name]} for name in TABLES + PROCEDURES],
        "ad_hoc": query.value(query.one(AD_HOC, answers), "in_use"),
        "last_restored": query.value(query.one(RESTORED, answers), "last"),
        "sets": query.every(SETS, answers, lambda row: {
            "id": row["id"], "kind": catalog.known(KINDS, "BackupType", (row["kind"] or "").strip()), "complete": row["complete"],
            "restored": row["restored"]}),
        "databases": query.every(DATABASES, answers, lambda row: {
            "name": f"{row['database_name']} of {row['server']}", "server": row["server"], "database": row["database_name"]}),
        "last_set": query.value(query.one(LAST_SET, answers), "id"),
    }
