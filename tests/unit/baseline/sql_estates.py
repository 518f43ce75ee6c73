"""Hand-made snapshots of healthy SQL Server instances: a cluster instance with the group, an availability group of two, a server for disaster
recovery. The area sql is shaped from rows as its queries answer them; the other areas are in their shapes."""
from __future__ import annotations

import base64
import copy

import baseline_estates

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sql
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import QueryAnswer

BTS, APP, AG1, AG2, DR = r"SQLBTS\BTS", r"SQLAPP\APP", r"AG1\BTS", r"AG2\BTS", r"SQLDR\BTS"
SYSTEM = base64.b64encode(bytes.fromhex("010100000000000512000000")).decode()
GROUP_ID = "5B1F8F0A-0000-0000-0000-000000000001"
JOBS = ["Backup BizTalk Server (BizTalkMgmtDb)", "CleanupBTFExpiredEntriesJob_BizTalkMgmtDb", "Monitor BizTalk Server (BizTalkMgmtDb)",
        "DTA Purge and Archive (BizTalkDTADb)", "Rules_Database_Cleanup_BizTalkRuleEngineDb"]
BOX_JOBS = ["MessageBox_DeadProcesses_Cleanup", "MessageBox_Message_Cleanup", "MessageBox_Message_ManageRefCountLog", "MessageBox_Parts_Cleanup",
            "MessageBox_UpdateStats", "Operations_OperateOnInstances_OnMaster", "PurgeSubscriptionsJob", "TrackedMessages_Copy"]


def sid(name):
    return base64.b64encode(b"\1\5" + name.casefold().encode()).decode()


def database(number, name, **more):
    user = number > 4
    return {"name": name, "id": number, "state": 0, "recovery_model": 1 if user else 3, "page_verify": 2, "log_wait": 0, "is_standby": False,
            "is_read_only": False, "creates_statistics": "MsgBox" not in name, "updates_statistics": "MsgBox" not in name, "in_group": False,
            "is_mirrored": False, **more}


def databases(*names, **more):
    system = [database(number, name) for number, name in enumerate(("master", "tempdb", "model", "msdb"), 1)]
    return system + [database(number, name, **more) for number, name in enumerate(names, 5)]


def rows(name, nodes, own, **more):
    """What the queries of the area answer. *own*: rows of sys.databases."""
    machine, _backslash, instance = name.partition("\\")
    services = [{"name": f"SQL Server ({instance})", "program": r'"C:\SQL\sqlservr.exe" -sBTS', "state": 4, "start_mode": 3, "account": r"CONTOSO\sql"},
                {"name": f"SQL Server Agent ({instance})", "program": r'"C:\SQL\SQLAGENT.EXE" -i BTS', "state": 4,
                 "start_mode": 3 if nodes else 2, "account": r"CONTOSO\sql"}]
    logins = [r"CONTOSO\BizTalk Application Users", r"CONTOSO\BizTalk Server Administrators", "reporting"]
    made = {
        "instance": [{
            "clock": "2026-11-24T08:00:00Z", "local_clock": "2026-11-24T09:00:00", "name": name, "machine": machine, "instance_name": instance,
            "node": nodes[0] if nodes else machine, "version": "15.0.4430.1", "level": "RTM", "edition": "Enterprise Edition (64-bit)",
            "engine_edition": 3, "is_clustered": bool(nodes), "is_hadr_enabled": "availability_groups" in more, "sees_databases": True,
            "sees_definitions": True, "sees_linked_servers": True}],
        "memory": [{"physical_kb": 33554432}],
        "configuration": [{"name": "max degree of parallelism", "configured": 1, "in_use": 1},
                          {"name": "max server memory (MB)", "configured": 12288, "in_use": 12288}],
        "services": services,
        "cluster_nodes": [{"name": node, "state": 0, "is_owner": node == nodes[0]} for node in nodes],
        "databases": own,
        "checks": [{"id": one["id"], "last_good_check": "2026-11-22T03:00:00"} for one in own],
        "files": [{"database_id": one["id"], "name": one["name"], "kind": 0, "path": rf"E:\data\{one['name']}.mdf", "pages": 128} for one in own],
        "suspect_pages": [],
        "log_shipping": [],
        "servers": [{"id": 0, "name": name, "data_source": name, "is_linked": False, "rpc": True, "rpc_out": True}],
        "logins": [{"name": login, "sid": sid(login), "kind": "S" if login == "reporting" else "G", "is_disabled": False} for login in logins],
        "permissions": [{"sid": SYSTEM, "permission": permission, "state": "G"}
                        for permission in ("ALTER ANY AVAILABILITY GROUP", "CONNECT SQL", "VIEW SERVER STATE")],
        "sysadmins": [],
        "endpoints": [],
        "availability_groups": [], "availability_replicas": [], "availability_databases": [], "database_replicas": [], "listeners": [],
        "listener_addresses": [], "management_users": [], "management": [{"name": one["name"], "holds_group": False} for one in own],
        **more}
    return {f"sql.{part}": QueryAnswer("ok", answer) for part, answer in made.items()}


def replica(primary, **more):
    """The rows of an instance that is a replica of the group."""
    replicas = [{"group_id": GROUP_ID, "name": name, "commit_mode": 1, "failover_mode": 0, "is_local": (name == AG1) == primary,
                 "role": 1 if name == AG1 else 2, "connected": True} for name in (AG1, AG2)]
    states = [{"group_id": GROUP_ID, "database_name": name, "replica": where, "state": 2, "health": 2, "is_suspended": False,
               "send_queue": None if where == AG1 else 12, "redo_queue": None if where == AG1 else 0}
              for name in ("BizTalkMsgBoxDb2", "OrdersDb") for where in (AG1, AG2)]
    if not primary:
        replicas[0].update(is_local=None, role=None, connected=None)
        states = [row for row in states if row["replica"] == AG2]
    return {
        "availability_groups": [{"id": GROUP_ID, "name": "BTSAG", "backup_preference": 0, "dtc_per_database": True, "database_failover": True}],
        "availability_replicas": replicas,
        "availability_databases": [{"group_id": GROUP_ID, "name": name} for name in ("BizTalkMsgBoxDb2", "OrdersDb")],
        "database_replicas": states,
        "listeners": [{"group_id": GROUP_ID, "id": "L", "name": "BTSLSN", "port": 1433}],
        "listener_addresses": [{"listener_id": "L", "address": "192.0.1.9", "subnet": "192.0.1.0"}],
        "endpoints": [{"name": "Hadr_endpoint", "certificate": "AG cert", "certificate_id": 257, "expires": "2027-11-24T08:00:00Z"}], **more}


EVERY_MINUTE = {"enabled": True, "id": 1, "name": "schedule", "freq_type": 4, "active_start_date": 20240206, "active_end_date": 99991231,
                "active_start_time": 0}


def job(name, **more):
    quiet = name.startswith("MessageBox_Message_Cleanup")
    return {"name": name, "id": f"id-{name}", "enabled": not quiet, "owner": "sa", "category": "", "start_step_id": 1,
            "steps": [{"id": number, "name": f"step {number}", "asks_for_primary": True, "on_fail_action": 2} for number in (1, 2)],
            "schedules": [] if quiet else [dict(EVERY_MINUTE)], "history": [], "running": "ManageRefCountLog" in name,
            "last_run": {"status": "succeeded", "started": "2026-11-24T08:59:00", "duration_seconds": 1}, **more}


def box_jobs(database):
    return [f"{name}_{database}" for name in BOX_JOBS]


def backup(database, **more):
    return {"database": database, "type": "full", "finished": "2026-11-24T01:05:00", "offset_minutes": 60, "is_snapshot": False, "is_damaged": False,
            "is_copy_only": False, **more}


def snapshot(host, name, **areas):
    return {"schema": 1, "host": host, "groups": ["sql_instance"], "variables": {"instance_name": name}, "status": "ok", "message": "",
            "collected_at": "2026-11-24T08:00:03Z", "seconds": 1.0, "powershell": {}, "areas": areas}


def made(host, name, answers, jobs, lists=None, group=None, change=None):
    """*change*: of the answers of some instance, by its host's name."""
    (change or {}).get(host, lambda given: None)(answers)
    history = {"clock": "2026-11-24T08:00:00Z", "local_clock": "2026-11-24T09:00:00", "window_days": 14, "marks": [],
               "msdb": [backup("msdb"), backup("master"), backup("master", finished="2026-11-24T03:00:00", is_snapshot=True)], "biztalk": lists}
    return snapshot(host, name, sql=sql.shape(answers), agent={"local_clock": "2026-11-24T09:00:00", "jobs": [job(one) for one in jobs],
                                                               "operators": []}, backup_history=history,
                    biztalk=group)


def bts(change=None):
    names = ("BizTalkMgmtDb", "BizTalkMsgBoxDb", "BizTalkDTADb", "BizTalkRuleEngineDb", "BAMPrimaryImport", "SSODB", "Private")
    users = [{"name": login, "sid": sid(login), "kind": kind} for login, kind in (
        (r"CONTOSO\BizTalk Application Users", "G"), ("reporting", "S"))]
    users += [{"name": "no login", "sid": base64.b64encode(bytes.fromhex("010500000000000903") + b"x" * 19).decode(), "kind": "S"},
              {"name": r"CONTOSO\anna", "sid": sid("anna"), "kind": "U"}]
    answers = rows(BTS, ["SQL01", "SQL02"], databases(*names), management_users=users, management=[{"name": "BizTalkMgmtDb", "holds_group": True}],
                   servers=[{"id": 0, "name": BTS, "data_source": BTS, "is_linked": False, "rpc": True, "rpc_out": True},
                            {"id": 1, "name": "BTSLSN", "data_source": "BTSLSN", "is_linked": True, "rpc": True, "rpc_out": True}])
    lists = {
        "management_database": "BizTalkMgmtDb",
        "databases": [*({"server": BTS.lower(), "database": name} for name in names[:6]), {"server": "BTSLSN", "database": "BizTalkMsgBoxDb2"},
                      {"server": "btslsn", "database": "ordersdb"}],
        "others": [{"server": BTS, "database": "SSODB"}, {"server": "btslsn.contoso.test,1433", "database": "OrdersDb"}]}
    group = {
        "databases": [{"role": role, "server": BTS, "database": name} for role, name in (
            ("master", "BizTalkMsgBoxDb"), ("tracking", "BizTalkDTADb"), ("bam", "BAMPrimaryImport"), ("rules", "BizTalkRuleEngineDb"))],
        "message_boxes": [{"name": "1", "server": BTS, "database": "BizTalkMsgBoxDb", "master": True},
                          {"name": "2", "server": "tcp:btslsn.contoso.test,1433", "database": "BizTalkMsgBoxDb2", "master": False}]}
    return made("sqlbts", BTS, answers, [*JOBS, *box_jobs("BizTalkMsgBoxDb")], lists, group, change)


def healthy(change=None):
    """A fresh list of snapshots in which nothing has drifted. *change*: host -> what changes the answers to its queries of the area sql."""
    groups = [made(f"ag{number}", name, rows(name, [], databases("BizTalkMsgBoxDb2", "OrdersDb", in_group=True),
                                             **replica(number == 1)), box_jobs("BizTalkMsgBoxDb2"), change=change)
              for number, name in ((1, AG1), (2, AG2))]
    closed = observed.hole("denied", "The login may not look into BizTalkMgmtDb.")
    dr = made("sqldr", DR, rows(DR, [], databases("BizTalkMgmtDb", "BizTalkMsgBoxDb", state=1)), [], closed, closed)
    node = baseline_estates.snapshot("agnode1", ["cluster_node"], {"cluster_name": "AGCLU"}, cluster=baseline_estates.cluster("AGCLU", ["AG1", "AG2"], [
        baseline_estates.resource("BTSAG_BTSLSN", "Network Name", "BTSAG", "AG1", parameters=baseline_estates.parameters(
            DnsName="btslsn", RegisterAllProvidersIP=1, HostRecordTTL=1200))]))
    app = made("sqlapp", APP, rows(APP, ["SQL02", "SQL01"], databases("Web")), [])
    return copy.deepcopy([bts(change), app, *groups, dr, node])
