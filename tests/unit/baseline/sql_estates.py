"""Hand-made snapshots of healthy SQL Server instances, in the shapes of their areas."""
from __future__ import annotations

import copy


def service(name, kind, **more):
    return {"name": name, "kind": kind, "state": "Running", "start_mode": "Manual", "account": r"CONTOSO\sqlsvc", **more}


def sql(name, **more):
    machine, _backslash, instance = name.partition("\\")
    return {
        "clock": "2026-11-24T08:00:00Z", "local_clock": "2026-11-24T09:00:00", "name": name, "machine": machine,
        "instance_name": instance or None, "node": "SQL01", "version": "15.0.4430.1", "major_version": 15, "level": "RTM",
        "edition": "Enterprise Edition (64-bit)", "engine_edition": 3, "clustered": True, "hadr_enabled": False,
        "services": [service(f"SQL Server ({instance})", "engine"), service(f"SQL Server-Agent ({instance})", "agent")], **more}


def snapshot(host, name, **areas):
    return {"schema": 1, "host": host, "groups": ["sql_instance"], "variables": {"instance_name": name}, "status": "ok", "message": "",
            "collected_at": "2026-11-24T08:00:03Z", "seconds": 1.0, "powershell": {}, "areas": areas}


def healthy():
    """A fresh list of snapshots in which nothing has drifted."""
    return copy.deepcopy([snapshot("sqlbts", r"SQLBTS\BTS", sql=sql(r"SQLBTS\BTS"))])
