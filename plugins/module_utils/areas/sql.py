# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``sql``: one SQL Server instance, its databases, and the availability groups that it is a replica of.

Numbers are read and not their descriptions; a service is known by its program, an account by its SID.
"""

from datetime import datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import availability_groups, catalog, observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import DEFINITIONS, STATE, known, select
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import ServerClock, told

NAME = "sql"

START_MODES = {0: "Boot", 1: "System", 2: "Automatic", 3: "Manual", 4: "Disabled"}
SERVICE_STATES = {1: "Stopped", 2: "StartPending", 3: "StopPending", 4: "Running", 5: "ContinuePending", 6: "PausePending", 7: "Paused"}
PROGRAMS = {"sqlservr.exe": "engine", "sqlagent.exe": "agent"}
NODE_STATES = {0: "Up", 1: "Down", 2: "Paused", 3: "Joining"}
DATABASE_STATES = {0: "ONLINE", 1: "RESTORING", 2: "RECOVERING", 3: "RECOVERY_PENDING", 4: "SUSPECT", 5: "EMERGENCY", 6: "OFFLINE"}
RECOVERY_MODELS = {1: "FULL", 2: "BULK_LOGGED", 3: "SIMPLE"}
PAGE_VERIFY = {0: "NONE", 1: "TORN_PAGE_DETECTION", 2: "CHECKSUM"}
LOG_WAITS = {0: "NOTHING", 1: "CHECKPOINT", 2: "LOG_BACKUP", 3: "ACTIVE_BACKUP_OR_RESTORE", 4: "ACTIVE_TRANSACTION", 5: "DATABASE_MIRRORING",
             6: "REPLICATION", 7: "DATABASE_SNAPSHOT_CREATION", 8: "LOG_SCAN", 9: "AVAILABILITY_REPLICA", 13: "OLDEST_PAGE",
             14: "OTHER_TRANSIENT", 16: "XTP_CHECKPOINT"}
FILE_KINDS = {0: "rows", 1: "log", 2: "filestream", 4: "fulltext"}
PRINCIPALS = {"S": "sql", "U": "windows_user", "G": "windows_group"}
SYSTEM_DATABASES = 4                     # the ids of master, tempdb, model and msdb go up to this one
LOCAL_SYSTEM = "AQEAAAAAAAUSAAAA"        # S-1-5-18, whose name is translated
GRANTED = ("G", "W")
PAGE = 8192

MEMORY = select("sql.memory", {"physical_kb": ("number", "i.physical_memory_kb")}, "FROM sys.dm_os_sys_info AS i", STATE)
CONFIGURATION = select("sql.configuration", {
    "name": ("text", "c.name"), "configured": ("number", "CONVERT(int, c.value)"), "in_use": ("number", "CONVERT(int, c.value_in_use)")},
    "FROM sys.configurations AS c WHERE c.name IN (N'max degree of parallelism', N'max server memory (MB)')")
SERVICES = select("sql.services", {
    "name": ("text", "s.servicename"), "program": ("text", "s.filename"), "state": ("number", "s.status"),
    "start_mode": ("number", "s.startup_type"), "account": ("text", "s.service_account")}, "FROM sys.dm_server_services AS s", STATE)
NODES = select("sql.cluster_nodes", {
    "name": ("text", "n.NodeName"), "state": ("number", "n.status"), "is_owner": ("boolean", "n.is_current_owner")},
    "FROM sys.dm_os_cluster_nodes AS n", STATE)
DATABASES = select("sql.databases", {
    "name": ("text", "d.name"), "id": ("number", "d.database_id"), "state": ("number", "d.state"),
    "recovery_model": ("number", "d.recovery_model"), "page_verify": ("number", "d.page_verify_option"),
    "log_wait": ("number", "d.log_reuse_wait"), "is_standby": ("boolean", "d.is_in_standby"), "is_read_only": ("boolean", "d.is_read_only"),
    "creates_statistics": ("boolean", "d.is_auto_create_stats_on"), "updates_statistics": ("boolean", "d.is_auto_update_stats_on"),
    "in_group": ("boolean", "CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END"),
    "is_mirrored": ("boolean", "CASE WHEN m.mirroring_guid IS NULL THEN 0 ELSE 1 END")},
    "FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.source_database_id IS NULL "
    "ORDER BY d.database_id", catalog.DATABASES, limit=1000)
CHECKS = select("sql.checks", {
    "id": ("number", "d.database_id"), "last_good_check": ("local", "CONVERT(datetime, DATABASEPROPERTYEX(d.name, 'LastGoodCheckDbTime'))")},
    "FROM sys.databases AS d ORDER BY d.database_id", catalog.DATABASES, limit=1000)
FILES = select("sql.files", {
    "database_id": ("number", "f.database_id"), "name": ("text", "f.name"), "kind": ("number", "f.type"), "path": ("text", "f.physical_name"),
    "pages": ("number", "f.size")}, "FROM sys.master_files AS f ORDER BY f.database_id, f.file_id", DEFINITIONS, limit=5000)
SUSPECT_PAGES = select("sql.suspect_pages", {"database_id": ("number", "p.database_id"), "pages": ("number", "COUNT(*)")},
                       "FROM msdb.dbo.suspect_pages AS p WHERE p.event_type IN (1, 2, 3) GROUP BY p.database_id", ("SELECT", "msdb.dbo.suspect_pages"))
LOG_SHIPPING = select("sql.log_shipping", {"name": ("text", "p.primary_database")},
                      "FROM msdb.dbo.log_shipping_primary_databases AS p", ("SELECT", "msdb.dbo.log_shipping_primary_databases"))
SERVERS = select("sql.servers", {
    "id": ("number", "s.server_id"), "name": ("text", "s.name"), "data_source": ("text", "s.data_source"), "is_linked": ("boolean", "s.is_linked"),
    "rpc": ("boolean", "s.is_remote_login_enabled"), "rpc_out": ("boolean", "s.is_rpc_out_enabled")},
    "FROM sys.servers AS s ORDER BY s.server_id", limit=1000)
LOGINS = select("sql.logins", {
    "name": ("text", "p.name"), "sid": ("bytes", "p.sid"), "kind": ("text", "p.type"), "is_disabled": ("boolean", "p.is_disabled")},
    "FROM sys.server_principals AS p WHERE p.type IN ('S', 'U', 'G') ORDER BY p.name", DEFINITIONS, limit=5000)
PERMISSIONS = select("sql.permissions", {
    "sid": ("bytes", "p.sid"), "permission": ("text", "g.permission_name"), "state": ("text", "g.state")},
    "FROM sys.server_permissions AS g INNER JOIN sys.server_principals AS p ON p.principal_id = g.grantee_principal_id WHERE g.class = 100 "
    "AND g.permission_name IN (N'ALTER ANY AVAILABILITY GROUP', N'CONNECT SQL', N'VIEW SERVER STATE')", DEFINITIONS, limit=5000)
SYSADMINS = select("sql.sysadmins", {"sid": ("bytes", "p.sid")},
                   "FROM sys.server_role_members AS m INNER JOIN sys.server_principals AS p ON p.principal_id = m.member_principal_id "
                   "INNER JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id WHERE r.name = N'sysadmin'", DEFINITIONS, limit=1000)
ENDPOINTS = select("sql.endpoints", {
    "name": ("text", "e.name"), "certificate": ("text", "c.name"), "certificate_id": ("number", "e.certificate_id"),
    "expires": ("instant", "c.expiry_date")},
    "FROM sys.database_mirroring_endpoints AS e LEFT JOIN sys.certificates AS c ON c.certificate_id = e.certificate_id", DEFINITIONS)
USERS = select("sql.management_users", {
    "name": ("text", "u.name"), "sid": ("bytes", "u.sid"), "kind": ("text", "u.type")},
    "FROM sys.database_principals AS u WHERE u.type IN ('S', 'U', 'G') AND u.principal_id > 4 AND u.sid IS NOT NULL ORDER BY u.name",
    DEFINITIONS, limit=1000, database=MANAGEMENT)

QUERIES = [catalog.OWN, MEMORY, CONFIGURATION, SERVICES, NODES, DATABASES, CHECKS, FILES, SUSPECT_PAGES, LOG_SHIPPING, SERVERS, LOGINS, PERMISSIONS,
           SYSADMINS, ENDPOINTS, USERS, *availability_groups.QUERIES]


def queries():
    """The queries that read the area, in order."""
    return list(QUERIES)


def shape(answers):
    """The instance as plain data; what was not seen is a hole (see ``observed``)."""
    rows = catalog.Rows(answers)
    version = rows.own("version")
    return {
        **{name: rows.own(name) for name in ("clock", "local_clock", "name", "machine", "instance_name", "node", "level", "edition", "engine_edition")},
        "version": version,
        "major_version": int(version.split(".")[0]) if isinstance(version, str) else version,
        "clustered": rows.own("is_clustered"),
        "hadr_enabled": rows.own("is_hadr_enabled"),
        "sees_linked_servers": rows.own("sees_linked_servers"),
        "physical_memory_mb": _divided(query.value(query.one(MEMORY, answers), "physical_kb"), 1024),
        "configuration": {
            "max_degree_of_parallelism": _setting(rows, "max degree of parallelism"),
            "max_server_memory_mb": _setting(rows, "max server memory (MB)"),
        },
        "services": rows.every(SERVICES, _service),
        "cluster_nodes": rows.every(NODES, lambda row: {
            "name": row["name"], "state": known(NODE_STATES, "status", row["state"]), "owner": row["is_owner"]}),
        "databases": _databases(rows),
        "servers": rows.every(SERVERS, lambda row: row),
        "logins": rows.every(LOGINS, lambda row: {
            "name": row["name"], "sid": row["sid"], "kind": known(PRINCIPALS, "type", row["kind"]), "disabled": row["is_disabled"]}),
        "local_system": _local_system(rows),
        "endpoints": rows.every(ENDPOINTS, lambda row: _endpoint(row, rows.own("clock"))),
        "availability_groups": availability_groups.shape(rows),
        "management_users": _users(answers, rows),
    }


def _divided(number, by):
    return number // by if isinstance(number, int) else number


def _setting(rows, name):
    found = rows.of(CONFIGURATION, "name", name, lambda row: {"configured": row["configured"], "in_use": row["in_use"]})
    if observed.is_hole(found):
        return found
    return found[0] if found else observed.hole("missing", f"sys.configurations has no {name}.")


def _service(row):
    program = (row["program"] or "").casefold()
    return {
        "name": row["name"],
        "kind": next((kind for name, kind in PROGRAMS.items() if name in program), "other"),
        "state": known(SERVICE_STATES, "status", row["state"]),
        "start_mode": known(START_MODES, "startup_type", row["start_mode"]),
        "account": row["account"],
    }


def _databases(rows):
    shipped = rows.every(LOG_SHIPPING, lambda row: row["name"])
    return rows.every(DATABASES, lambda row: {
        "name": row["name"],
        "id": row["id"],
        "system": row["id"] <= SYSTEM_DATABASES,
        "state": known(DATABASE_STATES, "state", row["state"]),
        "recovery_model": known(RECOVERY_MODELS, "recovery_model", row["recovery_model"]),
        "page_verify": known(PAGE_VERIFY, "page_verify_option", row["page_verify"]),
        "log_reuse_wait": known(LOG_WAITS, "log_reuse_wait", row["log_wait"]),
        "standby": row["is_standby"],
        "read_only": row["is_read_only"],
        "creates_statistics": row["creates_statistics"],
        "updates_statistics": row["updates_statistics"],
        "in_availability_group": row["in_group"],
        "mirrored": row["is_mirrored"],
        "native_log_shipping": _among(row["name"], shipped),
        "suspect_pages": _suspect(rows.of(SUSPECT_PAGES, "database_id", row["id"], lambda page: page["pages"])),
        "last_good_check": _check(rows.of(CHECKS, "id", row["id"], lambda check: check["last_good_check"]), rows),
        "files": rows.of(FILES, "database_id", row["id"], _file),
    })


def _among(name, names):
    if observed.is_hole(names):
        return names
    return name.casefold() in [other.casefold() for other in names]


def _suspect(pages):
    return pages if observed.is_hole(pages) else sum(pages)          # one row a database, or none


def _check(found, rows):
    """When CHECKDB last found nothing wrong (instant); null where it never did, a hole where this version does not tell."""
    if observed.is_hole(found):
        return found
    seen = found[0] if found else observed.hole("missing", "sys.databases did not list the database a second time.")
    if seen is None:
        return observed.hole("null", "LastGoodCheckDbTime is null, as before SQL Server 2016 SP2, or where the database cannot be opened.")
    if observed.is_hole(seen) or seen.startswith("1900-"):
        return seen if observed.is_hole(seen) else None
    clock, local_clock = rows.own("clock"), rows.own("local_clock")
    return clock if observed.is_hole(clock) else told(ServerClock(clock, local_clock).utc(seen))


def _file(row):
    """*volume*: drive or share, as the path has them; a folder may be the root of a volume of its own, which no path tells."""
    path = row["path"]
    parts = path.split("\\")
    volume = "\\".join(parts[:4]) if path.startswith("\\\\") else parts[0]
    return {"name": row["name"], "kind": known(FILE_KINDS, "type", row["kind"]), "path": path, "volume": volume.upper(), "bytes": row["pages"] * PAGE}


def _local_system(rows):
    """What the account S-1-5-18 may do, as which the cluster asks for the health of an availability group."""
    held = rows.of(PERMISSIONS, "sid", LOCAL_SYSTEM, lambda row: row)
    sysadmin = rows.of(SYSADMINS, "sid", LOCAL_SYSTEM, lambda row: row)
    return {name: _granted(held, sysadmin, permission) for name, permission in (
        ("alter_any_availability_group", "ALTER ANY AVAILABILITY GROUP"), ("connect_sql", "CONNECT SQL"), ("view_server_state", "VIEW SERVER STATE"))}


def _granted(held, sysadmin, permission):
    unseen = next((part for part in (held, sysadmin) if observed.is_hole(part)), None)
    if unseen:
        return unseen
    if any(not observed.is_hole(row) for row in sysadmin):
        return True
    states = [row["state"].strip() for row in held if not observed.is_hole(row) and row["permission"] == permission]
    if "D" in states:
        return False
    if any(state in GRANTED for state in states):
        return True
    return next((row for row in [*held, *sysadmin] if observed.is_hole(row)), False)


def _endpoint(row, clock):
    unseen = observed.hole("missing", f"The certificate of the endpoint {row['name']} is not in sys.certificates.")
    needed = row["certificate_id"] not in (None, 0)
    expires = row["expires"] if not needed or row["certificate"] is not None else unseen
    left = expires
    if isinstance(expires, str):
        left = clock if observed.is_hole(clock) else (datetime.fromisoformat(expires) - datetime.fromisoformat(clock)).days
    return {"name": row["name"], "certificate": row["certificate"] if needed else None, "days_left": left}


def _users(answers, rows):
    """The users of the management database that have a login; null where the instance holds none."""
    held = query.management(answers)
    if held is None or observed.is_hole(held):
        return held
    return rows.every(USERS, lambda row: {"name": row["name"], "sid": row["sid"], "kind": known(PRINCIPALS, "type", row["kind"])})
