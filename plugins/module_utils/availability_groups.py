# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Availability groups, as one replica's instance tells them: a part of the area ``sql``."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.catalog import DEFINITIONS, STATE, guid, known, select

COMMIT_MODES = {0: "ASYNCHRONOUS_COMMIT", 1: "SYNCHRONOUS_COMMIT", 4: "CONFIGURATION_ONLY"}
FAILOVER_MODES = {0: "AUTOMATIC", 1: "MANUAL"}
BACKUP_PREFERENCES = {0: "PRIMARY", 1: "SECONDARY_ONLY", 2: "SECONDARY", 3: "NONE"}
ROLES = {0: "RESOLVING", 1: "PRIMARY", 2: "SECONDARY"}
SYNCHRONIZATION = {0: "NOT SYNCHRONIZING", 1: "SYNCHRONIZING", 2: "SYNCHRONIZED", 3: "REVERTING", 4: "INITIALIZING"}
HEALTH = {0: "NOT_HEALTHY", 1: "PARTIALLY_HEALTHY", 2: "HEALTHY"}

GROUPS = select("sql.availability_groups", {
    "id": guid("g.group_id"), "name": ("text", "g.name"), "backup_preference": ("number", "g.automated_backup_preference"),
    "dtc_per_database": ("boolean", "g.dtc_support"), "database_failover": ("boolean", "g.db_failover")},
    "FROM sys.availability_groups AS g WHERE g.is_distributed = 0", DEFINITIONS)
REPLICAS = select("sql.availability_replicas", {
    "group_id": guid("r.group_id"), "name": ("text", "r.replica_server_name"), "commit_mode": ("number", "r.availability_mode"),
    "failover_mode": ("number", "r.failover_mode"), "is_local": ("boolean", "s.is_local"), "role": ("number", "s.role"),
    "connected": ("boolean", "s.connected_state")},
    "FROM sys.availability_replicas AS r LEFT JOIN sys.dm_hadr_availability_replica_states AS s "
    "ON s.group_id = r.group_id AND s.replica_id = r.replica_id", DEFINITIONS, STATE)
GROUP_DATABASES = select("sql.availability_databases", {
    "group_id": guid("d.group_id"), "name": ("text", "d.database_name")}, "FROM sys.availability_databases_cluster AS d", DEFINITIONS)
DATABASE_REPLICAS = select("sql.database_replicas", {
    "group_id": guid("s.group_id"), "database_name": ("text", "d.database_name"), "replica": ("text", "r.replica_server_name"),
    "state": ("number", "s.synchronization_state"), "health": ("number", "s.synchronization_health"), "is_suspended": ("boolean", "s.is_suspended"),
    "send_queue": ("number", "s.log_send_queue_size"), "redo_queue": ("number", "s.redo_queue_size")},
    "FROM sys.dm_hadr_database_replica_states AS s INNER JOIN sys.availability_databases_cluster AS d "
    "ON d.group_id = s.group_id AND d.group_database_id = s.group_database_id INNER JOIN sys.availability_replicas AS r "
    "ON r.group_id = s.group_id AND r.replica_id = s.replica_id", DEFINITIONS, STATE)
LISTENERS = select("sql.listeners", {
    "group_id": guid("l.group_id"), "id": ("text", "l.listener_id"), "name": ("text", "l.dns_name"), "port": ("number", "l.port")},
    "FROM sys.availability_group_listeners AS l", DEFINITIONS)
ADDRESSES = select("sql.listener_addresses", {
    "listener_id": ("text", "a.listener_id"), "address": ("text", "a.ip_address"), "subnet": ("text", "a.network_subnet_ip")},
    "FROM sys.availability_group_listener_ip_addresses AS a", DEFINITIONS)

QUERIES = [GROUPS, REPLICAS, GROUP_DATABASES, DATABASE_REPLICAS, LISTENERS, ADDRESSES]


def shape(rows):
    """The groups that the instance is a replica of. *rows*: ``catalog.Rows``."""
    if rows.own("is_hadr_enabled") is False:
        return []
    return rows.every(GROUPS, lambda group: _group(group, rows))


def _group(group, rows):
    def of(asked, shape):
        return rows.of(asked, "group_id", group["id"], shape)

    replicas = of(REPLICAS, _replica)
    role = _local_role(replicas)
    states = of(DATABASE_REPLICAS, _database_replica)
    if not observed.is_hole(states) and role != "PRIMARY":
        states = [*states, role if observed.is_hole(role) else observed.hole(
            "missing", "Only the primary replica knows the databases of the others.")]
    return {
        "id": group["id"],
        "name": group["name"],
        "backup_preference": known(BACKUP_PREFERENCES, "automated_backup_preference", group["backup_preference"]),
        "dtc_per_database": group["dtc_per_database"],
        "database_failover": group["database_failover"],
        "local_role": role,
        "replicas": replicas,
        "databases": of(GROUP_DATABASES, lambda row: {"name": row["name"]}),
        "database_replicas": states,
        "listeners": of(LISTENERS, lambda row: {
            "name": row["name"], "port": row["port"], "subnets": _subnets(rows.of(ADDRESSES, "listener_id", row["id"], lambda one: one["subnet"]))}),
    }


def _local_role(replicas):
    if observed.is_hole(replicas):
        return replicas
    found = next((replica for replica in replicas if observed.is_hole(replica) or replica["local"]), None)
    if found is None:
        return observed.hole("missing", "The replica on this instance was not seen.")
    return found if observed.is_hole(found) else found["role"]


def _replica(row):
    """*role* and *connected* are known of the replica itself, and on the primary of all."""
    unseen = observed.hole("missing", f"Only the primary replica knows the state of {row['name']}.")
    return {
        "name": row["name"],
        "commit_mode": known(COMMIT_MODES, "availability_mode", row["commit_mode"]),
        "failover_mode": known(FAILOVER_MODES, "failover_mode", row["failover_mode"]),
        "local": row["is_local"] is True,
        "role": unseen if row["role"] is None else known(ROLES, "role", row["role"]),
        "connected": unseen if row["connected"] is None else row["connected"],
    }


def _database_replica(row):
    return {
        "name": f"{row['database_name']} on {row['replica']}",
        "database": row["database_name"],
        "replica": row["replica"],
        "state": known(SYNCHRONIZATION, "synchronization_state", row["state"]),
        "health": known(HEALTH, "synchronization_health", row["health"]),
        "suspended": row["is_suspended"],
        "send_queue_kb": row["send_queue"],
        "redo_queue_kb": row["redo_queue"],
    }


def _subnets(addresses):
    if observed.is_hole(addresses):
        return addresses
    if None in addresses:
        return observed.hole("null", "An address of the listener has no subnet.")
    return sorted(set(addresses))
