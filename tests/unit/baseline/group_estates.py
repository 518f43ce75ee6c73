"""A healthy BizTalk group by hand: a clustered receiving host on two nodes, everything else on two servers outside the cluster."""
from __future__ import annotations

import baseline_estates as estates


def host(name, kind="in_process", tracks=False, cluster_group=None):
    return {"name": name, "type": kind, "tracks": tracks, "only_32_bit": False, "default": False, "cluster_group": cluster_group}


def instance(host, server, kind="in_process"):
    return {"name": f"{host} on {server}", "host": host, "server": server, "type": kind, "account": r"CONTOSO\svc-bts", "disabled": False,
            "configuration": "installed"}


def handler(adapter, host):
    return {"name": f"{adapter} on {host}", "adapter": adapter, "host": host}


def location(name, adapter, host):
    return {"name": name, "adapter": adapter, "host": host, "enabled": True}


def group():
    """The area ``biztalk`` of the instance that holds the management database."""
    outside = ("BTS03", "BTS04")
    return {
        "clock": "2026-11-24T08:00:00.0000000Z", "local_clock": "2026-11-24T09:00:00.0000000", "management_database": "BizTalkMgmtDb",
        "name": "BizTalk Group", "tracks": True, "sso_server": "BTSSSO", "version": "3.13.717.0",
        "databases": [{"role": "master", "server": r"SQLBTS\BTS", "database": "BizTalkMsgBoxDb"}],
        "message_boxes": [{"name": r"SQLBTS\BTS/BizTalkMsgBoxDb", "server": r"SQLBTS\BTS", "database": "BizTalkMsgBoxDb", "master": True, "closed": False}],
        "servers": [{"name": name} for name in ("BTS01", "BTS02", *outside)],
        "hosts": [host("App"), host("Isolated", kind="isolated"), host("Receive", cluster_group="BTSSSO"), host("Tracking", tracks=True)],
        "instances": [*(instance("App", server) for server in outside), *(instance("Isolated", server, "isolated") for server in outside),
                      *(instance("Receive", server) for server in ("BTS01", "BTS02")), *(instance("Tracking", server) for server in outside)],
        "receive_handlers": [handler("FILE", "App"), handler("FTP", "Receive"), handler("HTTP", "Isolated")],
        "send_handlers": [handler("FILE", "App")],
        "receive_locations": [location("Orders", "FTP", "Receive"), location("Invoices", "FILE", "App"), location("Portal", "HTTP", "Isolated")],
        "receiver_fault_tolerance": {"enabled": True, "retry_seconds": 60}, "leftovers": [],
    }


def healthy():
    """The healthy estate with the group: an instance ``sqlbts``, and a fourth server ``bts04``."""
    fourth = estates.snapshot("bts04", ["biztalk"], {}, platform=estates.platform("BTS04", "cid-BTS04", ["ENTSSO", "MSDTC"]))
    instance_host = estates.snapshot("sqlbts", ["sql_instance"], {"instance_name": r"SQLBTS\BTS"}, biztalk=group())
    snapshots = [*estates.healthy(), fourth, instance_host]
    for name in ("bts03", "bts04"):
        estates.by_host(snapshots)[name]["areas"]["platform"]["biztalk"] = estates.biztalk(
            estates.biztalk_service("App"), estates.biztalk_service("Tracking"))
    return snapshots
