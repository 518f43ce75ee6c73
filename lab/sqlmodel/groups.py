"""Availability groups: the rows of sys.availability_* and sys.dm_hadr_* as each replica shows them.

Sources: sql-docs pages (catalogue tsql.json) and the field records of ../shared/real/sqlha (NULLs of a healthy primary, spelling of
descriptions, a secondary sees only its own states). Assumed: queue sizes, LSNs and times.
"""
from __future__ import annotations

from datetime import datetime

from lab.sqlmodel.backups import LSN_START
from lab.sqlmodel.rows import guid, lsn

MADE = datetime(2024, 2, 7, 10)
MEMBERS = ("CLUSTER_NODE", "DISK_WITNESS", "FILE_SHARE_WITNESS")


def fill(instance, name, about, cluster, members, now):
    """The group *name* on the replica *instance*. *about*: replicas (the first is primary), databases, listener; *members*: (name, kind,
    votes) of the cluster; *now*: local time."""
    group, resource = guid("group", name).lower(), guid("resource", name).lower()
    own, replicas = instance.property("ServerName"), about["replicas"]
    primary = own == replicas[0]

    def put(view, *rows):
        instance.insert("master", f"sys.{view}", rows)
    facts = {"group_id": group, "name": name, "resource_id": resource, "resource_group_id": guid("resource group", name).lower(),
             "failure_condition_level": 3, "health_check_timeout": 30000, "automated_backup_preference": 0, "automated_backup_preference_desc": "primary"}
    put("availability_groups_cluster", facts)
    put("availability_groups", {**facts, "version": 1, "basic_features": 0, "dtc_support": 1, "db_failover": 1, "is_distributed": 0, "cluster_type": 0,
                                "cluster_type_desc": "wsfc", "required_synchronized_secondaries_to_commit": 0, "sequence_number": 4294967304,
                                "is_contained": 0})
    put("availability_replicas", *[{
        "replica_id": _replica(name, replica), "group_id": group, "replica_metadata_id": 65536 if replica == own else None, "replica_server_name": replica,
        "owner_sid": b"\1" if replica == own else None, "endpoint_url": f"TCP://{replica.lower()}.contoso.test:5022", "availability_mode": 1,
        "availability_mode_desc": "SYNCHRONOUS_COMMIT", "failover_mode": 0, "failover_mode_desc": "AUTOMATIC", "session_timeout": 10,
        "primary_role_allow_connections": 2, "primary_role_allow_connections_desc": "ALL", "secondary_role_allow_connections": 0,
        "secondary_role_allow_connections_desc": "NO", "create_date": MADE if replica == own else None,
        "modify_date": MADE if replica == own else None, "backup_priority": 50, "seeding_mode": 0, "seeding_mode_desc": "AUTOMATIC"}
        for replica in replicas])
    put("certificates", {"name": "Hadr_certificate", "certificate_id": 257, "principal_id": 1, "issuer_name": f"{own} endpoint",
                         "subject": f"{own} endpoint", "start_date": MADE, "expiry_date": now.replace(year=now.year + 3, day=1)})
    put("database_mirroring_endpoints", {
        "name": "Hadr_endpoint", "endpoint_id": 65537, "principal_id": 1, "protocol": 2, "type": 4, "state": 0, "state_desc": "STARTED", "role": 3,
        "role_desc": "ALL", "is_encryption_enabled": 1, "connection_auth": 4, "connection_auth_desc": "CERTIFICATE", "certificate_id": 257})
    listener = guid("listener", name).lower()
    put("availability_group_listeners", {"group_id": group, "listener_id": listener, "dns_name": about["listener"], "port": about.get("listener_port", 1433),
                                         "is_conformant": 1, "ip_configuration_string_from_cluster": "('IP Address: 10.1.9.20')"})
    put("availability_group_listener_ip_addresses", {
        "listener_id": listener, "ip_address": "10.1.9.20", "ip_subnet_mask": "255.255.0.0", "is_dhcp": 0, "network_subnet_ip": "10.1.0.0",
        "network_subnet_prefix_length": 16, "network_subnet_ipv4_mask": "255.255.0.0", "state": 1, "state_desc": "ONLINE"})
    put("dm_hadr_cluster", {"cluster_name": cluster, "quorum_type": 2, "quorum_type_desc": "NODE_AND_FILE_SHARE_MAJORITY", "quorum_state": 1,
                            "quorum_state_desc": "NORMAL_QUORUM"})
    put("dm_hadr_cluster_members", *[{"member_name": member, "member_type": kind, "member_type_desc": MEMBERS[kind], "member_state": 1,
                                      "member_state_desc": "UP", "number_of_quorum_votes": votes} for member, kind, votes in members])
    put("dm_hadr_name_id_map", {"ag_name": name, "ag_id": group, "ag_resource_id": resource, "ag_group_id": facts["resource_group_id"]})
    put("dm_hadr_instance_node_map", *[{"ag_resource_id": resource, "instance_name": replica, "node_name": replica.partition("\\")[0]}
                                       for replica in replicas])
    put("dm_hadr_availability_group_states", {
        "group_id": group, "primary_replica": replicas[0], "primary_recovery_health": 1 if primary else None,
        "primary_recovery_health_desc": "ONLINE" if primary else None, "secondary_recovery_health": None if primary else 1,
        "secondary_recovery_health_desc": None if primary else "ONLINE", "synchronization_health": 2, "synchronization_health_desc": "HEALTHY"})
    for replica in replicas:
        put("dm_hadr_availability_replica_cluster_nodes", {"group_name": name, "replica_server_name": replica, "node_name": replica.partition("\\")[0]})
        put("dm_hadr_availability_replica_cluster_states", {"replica_id": _replica(name, replica), "replica_server_name": replica, "group_id": group,
                                                            "join_state": 1, "join_state_desc": "JOINED_STANDALONE"})
        if primary or replica == own:
            local = replica == own
            put("dm_hadr_availability_replica_states", {
                "replica_id": _replica(name, replica), "group_id": group, "is_local": int(local), "role": 1 if replica == replicas[0] else 2,
                "role_desc": "PRIMARY" if replica == replicas[0] else "SECONDARY", "operational_state": 2 if local else None,
                "operational_state_desc": "ONLINE" if local else None, "recovery_health": 1 if local else None,
                "recovery_health_desc": "ONLINE" if local else None, "synchronization_health": 2, "synchronization_health_desc": "HEALTHY",
                "connected_state": 1, "connected_state_desc": "CONNECTED"})
    numbers = {row["name"]: row["database_id"] for row in instance.query('SELECT name, database_id FROM "master.sys.databases"')}
    for database in about["databases"]:
        key = guid("group database", name, database).lower()
        put("availability_databases_cluster", {"group_id": group, "group_database_id": key, "database_name": database})
        instance.query('UPDATE "master.sys.databases" SET replica_id = ?, group_database_id = ? WHERE name = ?',
                       (_replica(name, own).upper(), key.upper(), database))
        for replica in replicas:
            put("dm_hadr_database_replica_cluster_states", {"replica_id": _replica(name, replica), "group_database_id": key, "database_name": database,
                                                            "is_failover_ready": 1, "is_pending_secondary_suspend": 0, "is_database_joined": 1,
                                                            "recovery_lsn": lsn(4294967295429496729500001), "truncation_lsn": lsn(LSN_START)})
            if primary or replica == own:
                put("dm_hadr_database_replica_states", _state(name, group, key, numbers[database], replica, own, replicas[0], now))


def _replica(group, replica):
    return guid("replica", group, replica).lower()


def _state(name, group, key, number, replica, own, primary, now):
    """One database on one replica: a remote one has no state, a primary no queues."""
    local, leads = replica == own, replica == primary
    follower = {} if leads else {
        "last_sent_lsn": lsn(LSN_START), "last_sent_time": now, "last_received_lsn": lsn(LSN_START), "last_received_time": now,
        "last_hardened_time": now, "last_redone_lsn": lsn(LSN_START), "last_redone_time": now, "log_send_queue_size": 0, "log_send_rate": 1800,
        "redo_queue_size": 0, "redo_rate": 5400, "filestream_send_rate": 0, "secondary_lag_seconds": 0}
    return {"database_id": number, "group_id": group, "replica_id": _replica(name, replica), "group_database_id": key, "is_local": int(local),
            "is_primary_replica": int(leads), "synchronization_state": 2, "synchronization_state_desc": "SYNCHRONIZED", "is_commit_participant": int(not leads),
            "synchronization_health": 2, "synchronization_health_desc": "HEALTHY", "database_state": 0 if local else None,
            "database_state_desc": "ONLINE" if local else None, "is_suspended": 0, "recovery_lsn": lsn(4294967295429496729500001),
            "truncation_lsn": lsn(LSN_START), "last_hardened_lsn": lsn(LSN_START), "end_of_log_lsn": lsn(LSN_START), "last_commit_lsn": lsn(LSN_START),
            "last_commit_time": now, **follower}
