# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``biztalk``: the BizTalk group as its management database tells it. Whether an instance runs is not in SQL.

The columns are those that 2010, 2016 and 2020 have in common. Flags of ``adm_*`` are whole numbers of which any but 0 is true.
Configurations of adapters (``CustomCfg``) and addresses may hold passwords and are not read.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT, Query

NAME = "biztalk"

HOST_TYPES = {1: "in_process", 2: "isolated"}
CONFIGURATIONS = {1: "installed", 2: "installation_failed", 3: "uninstallation_failed", 4: "update_failed", 5: "not_installed"}
MANY = 2000                     # rows at most of what grows with the applications of a group


def _select(*tables):
    return tuple(("SELECT", f"dbo.{table}") for table in tables)


GROUP = Query(
    "biztalk.group",
    "SELECT SYSDATETIMEOFFSET() AS clock, GETDATE() AS local_clock, g.Name AS name, "
    "CASE WHEN g.GlobalTrackingOption <> 0 THEN 1 ELSE 0 END AS tracks, g.SSOServerName AS sso_server, "
    "g.SubscriptionDBServerName AS master_server, g.SubscriptionDBName AS master_database, "
    "g.TrackingDBServerName AS tracking_server, g.TrackingDBName AS tracking_database, "
    "g.BamDBServerName AS bam_server, g.BamDBName AS bam_database, "
    "g.RuleEngineDBServerName AS rules_server, g.RuleEngineDBName AS rules_database, "
    "g.TrackAnalysisServerName AS analysis_server, g.TrackAnalysisDBName AS analysis_database FROM dbo.adm_Group AS g;",
    {"clock": "instant", "local_clock": "local", "name": "text", "tracks": "boolean", "sso_server": "text",
     "master_server": "text", "master_database": "text", "tracking_server": "text", "tracking_database": "text",
     "bam_server": "text", "bam_database": "text", "rules_server": "text", "rules_database": "text",
     "analysis_server": "text", "analysis_database": "text"},
    MANAGEMENT, rights=_select("adm_Group"))
SETTINGS = Query(
    "biztalk.settings",
    "SELECT s.PropertyName AS name, s.PropertyValue AS value FROM dbo.adm_GroupSetting AS s "
    "WHERE s.PropertyName IN (N'ReceiverFaultToleranceEnabled', N'ReceiverFaultToleranceRetryInterval');",
    {"name": "text", "value": "text"}, MANAGEMENT, rights=_select("adm_GroupSetting"))
MESSAGE_BOXES = Query(
    "biztalk.message_boxes",
    "SELECT m.DBServerName AS server, m.DBName AS database_name, CASE WHEN m.IsMasterMsgBox <> 0 THEN 1 ELSE 0 END AS is_master, "
    "CASE WHEN m.DisableNewMsgPublication <> 0 THEN 1 ELSE 0 END AS closed FROM dbo.adm_MessageBox AS m ORDER BY m.DBServerName, m.DBName;",
    {"server": "text", "database_name": "text", "is_master": "boolean", "closed": "boolean"}, MANAGEMENT, rights=_select("adm_MessageBox"))
SERVERS = Query(
    "biztalk.servers", "SELECT s.Name AS name FROM dbo.adm_Server AS s ORDER BY s.Name;",
    {"name": "text"}, MANAGEMENT, rights=_select("adm_Server"))
HOSTS = Query(
    "biztalk.hosts",
    "SELECT h.Name AS name, h.HostType AS host_type, CASE WHEN h.HostTracking <> 0 THEN 1 ELSE 0 END AS tracks, "
    "CASE WHEN h.IsHost32BitOnly <> 0 THEN 1 ELSE 0 END AS only_32_bit, CASE WHEN g.DefaultHostId = h.Id THEN 1 ELSE 0 END AS is_default, "
    "h.ClusterResourceGroupName AS cluster_group FROM dbo.adm_Host AS h INNER JOIN dbo.adm_Group AS g ON g.Id = h.GroupId ORDER BY h.Name;",
    {"name": "text", "host_type": "number", "tracks": "boolean", "only_32_bit": "boolean", "is_default": "boolean", "cluster_group": "text"},
    MANAGEMENT, rights=_select("adm_Host", "adm_Group"))
INSTANCES = Query(
    "biztalk.instances",
    f"SELECT TOP ({MANY + 1}) h.Name AS host, s.Name AS server, h.HostType AS host_type, i.LoginName AS account, "
    "CASE WHEN i.DisableHostInstance <> 0 THEN 1 ELSE 0 END AS is_disabled, i.ConfigurationState AS configuration "
    "FROM dbo.adm_Server2HostMapping AS m INNER JOIN dbo.adm_Server AS s ON s.Id = m.ServerId INNER JOIN dbo.adm_Host AS h ON h.Id = m.HostId "
    "INNER JOIN dbo.adm_HostInstance AS i ON i.Svr2HostMappingId = m.Id WHERE m.IsMapped <> 0 ORDER BY h.Name, s.Name;",
    {"host": "text", "server": "text", "host_type": "number", "account": "text", "is_disabled": "boolean", "configuration": "number"},
    MANAGEMENT, rights=_select("adm_Server2HostMapping", "adm_Server", "adm_Host", "adm_HostInstance"), limit=MANY)
RECEIVE_HANDLERS, SEND_HANDLERS = (Query(
    f"biztalk.{direction}_handlers",
    f"SELECT TOP ({MANY + 1}) a.Name AS adapter, h.Name AS host FROM dbo.{table} AS r INNER JOIN dbo.adm_Adapter AS a ON a.Id = r.AdapterId "
    "LEFT JOIN dbo.adm_Host AS h ON h.Id = r.HostId ORDER BY a.Name, h.Name;",
    {"adapter": "text", "host": "text"}, MANAGEMENT, rights=_select(table, "adm_Adapter", "adm_Host"), limit=MANY)
    for direction, table in (("receive", "adm_ReceiveHandler"), ("send", "adm_SendHandler")))
RECEIVE_LOCATIONS = Query(
    "biztalk.receive_locations",
    f"SELECT TOP ({MANY + 1}) l.Name AS name, a.Name AS adapter, h.Name AS host, CASE WHEN l.Disabled = 0 THEN 1 ELSE 0 END AS is_enabled "
    "FROM dbo.adm_ReceiveLocation AS l INNER JOIN dbo.adm_Adapter AS a ON a.Id = l.AdapterId "
    "LEFT JOIN dbo.adm_ReceiveHandler AS r ON r.Id = l.ReceiveHandlerId LEFT JOIN dbo.adm_Host AS h ON h.Id = r.HostId ORDER BY l.Name;",
    {"name": "text", "adapter": "text", "host": "text", "is_enabled": "boolean"},
    MANAGEMENT, rights=_select("adm_ReceiveLocation", "adm_Adapter", "adm_ReceiveHandler", "adm_Host"), limit=MANY)
VERSIONS = Query(
    "biztalk.versions",
    "SELECT v.BizTalkDBName AS name, v.ProductMajor AS major, v.ProductMinor AS minor, v.ProductBuildNumber AS build, "
    "v.ProductRevision AS revision FROM dbo.BizTalkDBVersion AS v;",
    {"name": "text", "major": "number", "minor": "number", "build": "number", "revision": "number"},
    MANAGEMENT, rights=_select("BizTalkDBVersion"))
LEFTOVERS = Query(
    "biztalk.leftovers", "SELECT z.HostName AS host, z.ServerName AS server FROM dbo.adm_HostInstanceZombie AS z ORDER BY z.HostName, z.ServerName;",
    {"host": "text", "server": "text"}, MANAGEMENT, rights=_select("adm_HostInstanceZombie"))


def queries():
    """The queries that read the area, in order."""
    return [GROUP, SETTINGS, MESSAGE_BOXES, SERVERS, HOSTS, INSTANCES, RECEIVE_HANDLERS, SEND_HANDLERS, RECEIVE_LOCATIONS, VERSIONS, LEFTOVERS]


def shape(answers):
    """The group as plain data; null where the instance holds no management database, a hole where that cannot be told."""
    held = query.management(answers)
    if held is None or observed.is_hole(held):
        return held
    group = query.one(GROUP, answers)
    return {
        "clock": query.value(group, "clock"),
        "local_clock": query.value(group, "local_clock"),
        "management_database": held,
        "name": query.value(group, "name"),
        "tracks": query.value(group, "tracks"),
        "sso_server": query.value(group, "sso_server"),
        "databases": group if observed.is_hole(group) else [
            {"role": role, "server": group[f"{role}_server"], "database": group[f"{role}_database"]}
            for role in ("master", "tracking", "bam", "rules", "analysis") if group[f"{role}_database"]],
        "message_boxes": query.every(MESSAGE_BOXES, answers, lambda row: {
            "name": f"{row['server']}/{row['database_name']}", "server": row["server"], "database": row["database_name"],
            "master": row["is_master"], "closed": row["closed"]}),
        "servers": query.every(SERVERS, answers, lambda row: {"name": row["name"]}),
        "hosts": query.every(HOSTS, answers, lambda row: {
            "name": row["name"], "type": _known(HOST_TYPES, "HostType", row["host_type"]), "tracks": row["tracks"],
            "only_32_bit": row["only_32_bit"], "default": row["is_default"], "cluster_group": row["cluster_group"] or None}),
        "instances": query.every(INSTANCES, answers, lambda row: {
            "name": f"{row['host']} on {row['server']}", "host": row["host"], "server": row["server"],
            "type": _known(HOST_TYPES, "HostType", row["host_type"]), "account": row["account"], "disabled": row["is_disabled"],
            "configuration": _known(CONFIGURATIONS, "ConfigurationState", row["configuration"])}),
        "receive_handlers": query.every(RECEIVE_HANDLERS, answers, _handler),
        "send_handlers": query.every(SEND_HANDLERS, answers, _handler),
        "receive_locations": query.every(RECEIVE_LOCATIONS, answers, lambda row: {
            "name": row["name"], "adapter": row["adapter"], "host": row["host"], "enabled": row["is_enabled"]}),
        "version": _version(query.every(VERSIONS, answers, lambda row: row)),
        "receiver_fault_tolerance": _fault_tolerance(answers),
        "leftovers": query.every(LEFTOVERS, answers, lambda row: {**row, "name": f"{row['host']} on {row['server']}"}),
    }


def _known(table, column, number):
    return table.get(number, observed.hole("failed", f"{column} is {number}, which is not a value that is known."))


def _handler(row):
    return {"name": f"{row['adapter']} on {row['host'] or 'no host'}", **row}


def _version(rows):
    """The newest product version that the management database was set up or upgraded with, as 3.13.717.0."""
    if observed.is_hole(rows):
        return rows
    versions = [tuple(row[part] for part in ("major", "minor", "build", "revision")) for row in rows if row["name"] == "Management DB"]
    if not versions:
        return observed.hole("missing", "BizTalkDBVersion has no row of the management database.")
    return ".".join(str(part) for part in max(versions))


def _fault_tolerance(answers):
    """What BizTalk 2020 and later does with a receive location in trouble; null where the group has no such setting."""
    rows = query.every(SETTINGS, answers, lambda row: (row["name"].casefold(), row["value"]))
    if observed.is_hole(rows):
        return rows
    settings = dict(rows)
    enabled, interval = (settings.get(name) for name in ("receiverfaulttoleranceenabled", "receiverfaulttoleranceretryinterval"))
    if enabled is None:
        return None
    return {"enabled": _truth(enabled), "retry_seconds": int(interval) if (interval or "").isdigit() else observed.hole(
        "missing" if interval is None else "failed", f"ReceiverFaultToleranceRetryInterval is {interval!r}.")}


def _truth(text):
    """A boolean of adm_GroupSetting. How the product spells it is assumed, so only what is plain is understood."""
    known = {"true": True, "1": True, "-1": True, "false": False, "0": False}
    return known.get(text.casefold(), observed.hole("failed", f"ReceiverFaultToleranceEnabled is {text!r}, neither true nor false."))
