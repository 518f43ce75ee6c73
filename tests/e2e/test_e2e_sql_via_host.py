"""The same audit with ``sql_via: host``: PowerShell on the instance's own computer reads, by changing only the inventory."""
from __future__ import annotations

import yaml

ON = {"sqlbts": "sql01", "btsag1": "sqlag1", "btsag2": "sqlag2"}     # the computers that instances run on; sqldr's is no Windows host of the lab


def through_hosts(estate, **more):
    """Gives every instance the connection of its computer; without more, the account of the Windows connection is the login."""
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    instances = inventory["all"]["children"]["sql_instance"]
    before = {name: instances["vars"].pop(name) for name in ("login_host", "login_user", "login_password", "ca_file", "sql_via")}
    for name, host in instances["hosts"].items():
        if name not in ON:
            host |= before
            continue
        del host["login_port"]
        host |= {"sql_via": "host", "login_host": host["instance_name"], "ansible_winrm_path": f"wsman/{ON[name]}", **more}
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return inventory


def as_logins(estate, inventory, sysadmin=True):
    """The Windows account of the inventory becomes a login of every instance."""
    for instance in estate.lab.state.world.instances.values():
        estate.lab.call(instance.login, inventory["all"]["vars"]["ansible_user"], None, sysadmin=sysadmin)


def findings(report):
    return {(f["control"], f["subject"]): f["status"] for f in report["findings"]}


def test_both_ways_give_the_same_findings_and_an_instance_costs_one_start(healthy):
    by_controller = findings(healthy.audit(check=0))
    as_logins(healthy, through_hosts(healthy))
    before, starts = healthy.state_hash(), {name: healthy.lab.stats.get(on, {}).get("starts", 0) for name, on in ON.items()}
    one = findings(healthy.audit("--limit", "sqlbts", name="one"))
    assert {status for (_control, subject), status in one.items() if subject.startswith("instance:SQLBTS")} >= {"pass"}
    assert healthy.lab.stats["sql01"]["starts"] == starts["sqlbts"] + 1
    assert findings(healthy.audit(name="host", check=0)) == by_controller
    assert healthy.state_hash() == before


def test_another_computer_is_a_second_hop_and_says_so(healthy):
    as_logins(healthy, through_hosts(healthy, ansible_winrm_path="wsman/sql02"))
    report = healthy.audit("--limit", "sqlbts")
    said = " ".join((healthy.last.stdout + healthy.last.stderr).split())
    assert "second hop" in said and "network name of the instance" in said
    assert {f["status"] for f in report["findings"] if f["subject"].startswith(r"instance:SQLBTS\BTS")} <= {"unknown", "not_applicable"}


def test_a_sql_login_travels_as_data_and_is_masked(healthy):
    secret = "canary-'\"<&%é"
    for instance in healthy.lab.state.world.instances.values():
        healthy.lab.call(instance.login, "canary", secret, sysadmin=True)
    through_hosts(healthy, login_user="canary", login_password=secret)
    healthy.audit("--limit", "sqlbts", "-vvvv")
    assert secret not in healthy.last.stdout + healthy.last.stderr
    assert secret not in "".join(path.read_text(encoding="utf-8") for path in (healthy.folder / "audit").rglob("*") if path.is_file())
    assert "sqlbts: sql, agent" in healthy.last.stdout
