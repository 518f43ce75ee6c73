"""What becomes of a host's snapshot when something is in the way. Each row: the fault, and what a person is told."""
from __future__ import annotations

import json

import pytest

NOT_FOR_PEOPLE = ("Traceback", "CLIXML", "Exception", "<class", "requests.", "winrm.", "object at 0x")


def fault(kind, **options):
    return lambda estate: estate.lab.call(estate.lab.fault, "sql01", kind, **options)


def variables(**changed):
    def plant(estate):
        text = estate.inventory.read_text(encoding="utf-8")
        changes = "".join(f"\n              {name}: {value}" for name, value in changed.items())
        assert "            sql01: {}\n" in text
        estate.inventory.write_text(text.replace("            sql01: {}\n", f"            sql01:{changes}\n", 1), encoding="utf-8")
    return plant


def power_off(estate):
    estate.lab.call(estate.lab.state.power, "sql01", False)


def broken_tls(kind):
    def plant(estate):
        port = estate.lab.call(estate.lab.broken_tls, kind)
        variables(ansible_port=port)(estate)
    return plant


FAULTS = [
    ("switched off", power_off, "unreachable", "sql01"),
    ("refused connection", variables(ansible_port=1), "unreachable", "nothing listens on the port"),
    ("wrong password", variables(ansible_password="wrong"), "unreachable", "refused the user name or password"),
    ("untrusted certificate", broken_tls("untrusted"), "unreachable", "certificate"),
    ("certificate of another name", broken_tls("wrong_name"), "unreachable", "certificate"),
    ("expired certificate", broken_tls("expired"), "unreachable", "certificate"),
    ("reset while it reads", fault("reset"), "unreachable", "connection was lost"),
    ("web server instead of WinRM", fault("http", status=503), "unreachable", "does not speak WinRM"),
    ("denied by WinRM", fault("fault", code=2147942405), "failed", "WinRM denied access"),
    ("shell gone", fault("fault", code=2150858843), "failed", "shell on the host was gone"),
    ("half an answer", fault("half"), "partial", "did not answer whole"),
    ("no answer of ours", fault("half", part=0.0), "failed", "gave no answer of ours"),
    ("cut executor", fault("cut_executor"), "failed", "received the batch cut off"),
    ("noise before the answer", fault("noise"), "ok", ""),
    ("progress on the error stream", fault("clixml"), "ok", ""),
]


@pytest.mark.parametrize("name, plant, status, told", FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_is_told_and_the_other_hosts_are_read(healthy, name, plant, status, told):
    plant(healthy)
    done = healthy.play(healthy.READ, check=0)
    snapshots = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (healthy.folder / "snapshots").iterdir()}
    assert snapshots["sql01"]["status"] == status
    assert told in snapshots["sql01"]["message"]
    assert ("sql01" in snapshots["sql01"]["message"]) == (status != "ok")
    assert "\n" not in snapshots["sql01"]["message"]
    for word in NOT_FOR_PEOPLE:
        assert word not in snapshots["sql01"]["message"] and word not in done.stdout
    if status != "ok":
        assert '"$unknown"' in json.dumps(snapshots["sql01"]["areas"])
    assert {host for host, snapshot in snapshots.items() if snapshot["status"] == "ok"} >= {"bts01", "bts02", "bts03", "sql02", "iis01"}


def test_a_hung_host_is_given_up_after_the_connections_own_time(healthy):
    variables(ansible_winrm_operation_timeout_sec=1, ansible_winrm_read_timeout_sec=2)(healthy)
    healthy.lab.call(healthy.lab.fault, "sql01", "hang")
    healthy.play(healthy.READ, check=0)
    snapshot = json.loads((healthy.folder / "snapshots" / "sql01.json").read_text(encoding="utf-8"))
    assert snapshot["status"] == "unreachable" and "did not answer in time" in snapshot["message"]


def test_become_is_refused_and_names_what_works(healthy):
    done = healthy.play(healthy.READ, "--become", "--become-method", "runas", "--become-user", "SYSTEM", "--limit", "sql01", check=2)
    assert "become does not work for this task" in done.stdout and "CredSSP" in done.stdout
    assert not (healthy.folder / "snapshots").exists()


def test_reading_changes_nothing_in_either_mode(healthy):
    before = healthy.state_hash()
    healthy.play(healthy.READ, check=0)
    healthy.play(healthy.READ, "--check", check=0)
    assert healthy.state_hash() == before


def test_every_block_size_gives_the_same_snapshots(open_estate):
    seen = []
    for kilobytes in (4, 32, 110):
        estate = open_estate("healthy", folder=f"block{kilobytes}", block=kilobytes * 1024)
        estate.play(estate.READ, check=0)
        seen.append({path.stem: json.loads(path.read_text(encoding="utf-8"))["areas"] for path in (estate.folder / "snapshots").iterdir()})
    assert seen[0] == seen[1] == seen[2]
