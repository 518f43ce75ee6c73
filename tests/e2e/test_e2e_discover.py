"""The playbook discover: an inventory from one BizTalk server and from the management database, that the audit accepts."""
from __future__ import annotations

import json

import yaml

SESSION = ("login_user=ft_audit", "login_password=Lab-only-4", "login_host=localhost")


def drafted(estate, host):
    """``(inventory, things to do)`` as they were printed, with the login that a person would give."""
    port = estate.lab.sql_ports[r"SQLBTS\BTS"]
    given = [argument for pair in (*SESSION, f"login_port={port}", f"ca_file={estate.lab.ca}") for argument in ("-e", pair)]
    before = estate.state_hash()
    file = estate.folder / f"{host}.yml"
    done = estate.play("discover", "-e", f"discover_hosts={host}", "-e", f"discover_file={file}", *given, check=0)
    assert estate.state_hash() == before
    lines = json.loads("[" + done.stdout.split('"msg": [', 1)[1].split("\n    ]", 1)[0] + "]")
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == yaml.safe_load("\n".join(lines))
    return yaml.safe_load("\n".join(lines)), [line for line in lines if line.startswith("# TO DO: ")]


def test_from_a_biztalk_server_and_from_the_instance_it_is_the_same_inventory(healthy):
    from_server, to_do = drafted(healthy, "bts01")
    assert (from_server, to_do) == drafted(healthy, "sqlbts")
    children = from_server["all"]["children"]
    assert set(children["biztalk"]["hosts"]) == {"bts01", "bts02", "bts03", "iis01", "iis02"}
    assert children["sql_instance"]["hosts"]["sqlbts-bts"]["management_database"] == "BizTalkMgmtDb"
    assert set(children["cluster_node"]["hosts"]) == {"sql01", "sql02"}
    assert any("cluster_name" in line for line in to_do) and any("btslsn" in line for line in to_do)


def test_an_instance_without_a_group_says_where_to_look(healthy):
    done = healthy.play("discover", "-e", "discover_hosts=sqldr", check=2)
    assert "holds no management database" in " ".join(done.stdout.split())
