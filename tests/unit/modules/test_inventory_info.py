"""What the two modules say that a first inventory is made from, also where something was not read."""
from __future__ import annotations

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.modules import biztalk_server_info, inventory_info

HOLE = observed.hole("denied", "The login may not run it.")


def drafted(**changed):
    group = {"management_database": "BizTalkMgmtDb", "sso_server": "BTSSSO", "servers": [{"name": "BTS01"}, {"name": "bts02.contoso.com"}],
             "databases": [{"role": "master", "server": "SQLBTS\\BTS", "database": "BizTalkMsgBoxDb"},
                           {"role": "rules", "server": "BTSLSN", "database": "Rules"}],
             "message_boxes": [], "hosts": [{"name": "ReceiveHost", "cluster_group": "G1"}, {"name": "SendHost", "cluster_group": None}],
             "instances": [{"type": "isolated", "server": "BTS02"}, {"type": "in_process", "server": "BTS01"}]}
    sql = {"name": "SQLBTS\\BTS", "cluster_nodes": [{"name": "SQL01"}], "availability_groups": [
        {"listeners": [{"name": "BTSLSN"}], "replicas": [{"name": "SQLAG1"}, {"name": "SQLAG2"}]}]}
    for name, value in changed.items():
        (sql if name in sql else group)[name] = value
    return inventory_info.inform({}, {"areas": {"sql": sql, "backup_history": None, "biztalk": group}})


def test_servers_instances_replicas_and_nodes_get_their_groups():
    result = drafted()
    children = {name: set(group["hosts"]) for name, group in result["inventory"]["all"]["children"].items()}
    assert children == {"biztalk": {"bts01", "bts02"}, "iis": {"bts02"}, "sso": {"btssso"}, "cluster_node": {"sql01"},
                        "sql_instance": {"sqlbts-bts", "sqlag1", "sqlag2"}}
    instances = result["inventory"]["all"]["children"]["sql_instance"]["hosts"]
    assert instances["sqlbts-bts"] == {"instance_name": "SQLBTS\\BTS", "login_host": "SQLBTS", "management_database": "BizTalkMgmtDb"}
    assert instances["sqlag1"]["management_database"] == ""
    assert any("BTSLSN is a listener" in line for line in result["to_do"]) and any("ReceiveHost is clustered" in line for line in result["to_do"])


def test_what_was_not_read_is_a_thing_to_do():
    for name, words in (("servers", "BizTalk servers"), ("databases", "databases of the group"), ("cluster_nodes", "nodes of the failover cluster"),
                        ("availability_groups", "availability groups")):
        assert any(words in line and "may not run it" in line for line in drafted(**{name: HOLE})["to_do"]), name


def test_no_group_and_an_unread_group_are_told_apart():
    for group, words in ((None, "holds no management database"), (HOLE, "could not be read")):
        result = inventory_info.inform({}, {"areas": {"sql": {}, "backup_history": None, "biztalk": group}})
        assert result["failed"] and words in result["msg"]


def test_a_biztalk_server_names_its_management_database_or_says_why_not():
    said = {"version": "3.13.717.0", "update": 6, "management_server": "SQLBTS\\BTS", "management_database": "BizTalkMgmtDb", "services": []}
    told = {**said, "cumulative_update": 6}
    del told["update"]
    assert biztalk_server_info.inform({}, {"areas": {"platform": {"biztalk": said}}}) == {"biztalk": told}
    for platform, words in ((HOLE, "could not be read"), ({"biztalk": {**said, "management_server": None}}, "no configured BizTalk server"),
                            ({"biztalk": {**said, "management_server": HOLE}}, "could not be read")):
        result = biztalk_server_info.inform({}, {"areas": {"platform": platform}})
        assert result["failed"] and words in result["msg"]
