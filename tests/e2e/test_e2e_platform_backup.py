"""Hosts without any backup over the wire: the audit misses them, check mode foretells them, the role makes them, and a second run changes nothing."""
from __future__ import annotations

import yaml

CANARY = "Only'for\"the&lab<7"
HOSTS = ("bts03", "wds01")
REPAIRED = {"web_server:bts03": {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}, "windows_backup:wds01": {"FT-WIN-002"}}


def bare(plan):
    """A web server of which there is no set, and a host for which nothing is scheduled."""
    plan["estate"]["hosts"]["bts03"]["iis"] = {"backups": 0}
    plan["estate"]["hosts"]["wds01"]["windows_backup"] = {"policy": False}


def declare(estate):
    disk = next(disk for disk in estate.lab.call(lambda: estate.lab.state.hosts["wds01"]["windows_backup"])["disks"] if disk["number"] == 9)
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    inventory["all"]["hosts"]["bts03"]["platform_backup_certificate_password"] = CANARY
    inventory["all"]["hosts"]["wds01"]["platform_backup_policy"] = {
        "bare_metal": True, "schedule": ["22:15"], "vss": "full", "targets": [{"kind": "disk", "disk_id": disk["id"], "erase_disk": True}]}
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def fails(report):
    return {(finding["subject"], finding["control"]) for finding in report["findings"]
            if finding["status"] == "fail" and finding["subject"] in REPAIRED}


def table(done):
    assert CANARY not in done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if " | " in line]


def run(estate, *arguments, playbook="backup_platform", check=0):
    return estate.play(playbook, "--limit", ",".join(HOSTS), *arguments, check=check)


def test_bare_hosts_get_their_backups_and_a_second_run_changes_nothing(open_estate):
    estate = open_estate("healthy", change=bare)
    declare(estate)
    before = fails(estate.audit("--limit", ",".join(HOSTS), name="before"))
    repaired = {(subject, control) for subject, controls in REPAIRED.items() for control in controls}
    assert repaired <= before
    state = estate.state_hash()
    checked = run(estate, "--check", "--diff")
    assert estate.state_hash() == state and "check mode: nothing was changed" in checked.stdout
    made = run(estate)
    after = estate.state_hash()
    assert table(made) == table(checked) and after != state
    assert {line.split(" | ")[0].strip() for line in table(made)[1:]} >= set(HOSTS)
    again = run(estate, playbook="configure")
    assert estate.state_hash() == after and "changed=0" in again.stdout and "changed=1" not in again.stdout
    assert fails(estate.audit("--limit", ",".join(HOSTS), name="after")) == before - repaired


def test_tags_choose_what_is_backed_up(open_estate):
    estate = open_estate("healthy", change=bare)
    declare(estate)
    made = run(estate, "--tags", "windows_backup")
    assert {line.split(" | ")[0].strip() for line in table(made)[1:]} - {""} == {"wds01"}


def test_a_secret_without_a_backup_is_told_and_none_is_taken(open_estate):
    estate = open_estate("healthy")
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    inventory["all"]["vars"]["platform_backup_secret"] = {"max_age_days": 0}
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    before = estate.state_hash()
    done = estate.play("backup_platform", "--limit", "sso", "--tags", "sso", check=0)
    assert "ssoconfig -backupSecret" in done.stdout and estate.state_hash() == before


def test_a_host_that_does_not_answer_fails_the_play_and_is_in_the_table(open_estate):
    estate = open_estate("healthy", change=bare)
    declare(estate)
    estate.lab.call(estate.lab.state.power, "wds01", False)
    done = run(estate, check=None)
    assert done.returncode != 0 and any("not looked at" in line and "wds01" in line for line in table(done))
    assert any(line.startswith("bts03 ") for line in table(done)), "the others are backed up all the same"


def test_configure_leaves_alone_what_is_not_declared(open_estate):
    estate = open_estate("healthy", change=bare)
    for host in HOSTS:
        estate.lab.call(estate.lab.state.power, host, False)
    done = run(estate, playbook="configure")
    assert table(done) == []


def test_a_farm_is_backed_up_where_that_is_declared(open_estate):
    estate = open_estate("healthy")
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    inventory["all"]["hosts"]["sp01"] |= {"platform_backup_sharepoint": {"account": r"CONTOSO\svc-spfarm", "max_age_hours": 1},
                                          "platform_backup_sharepoint_password": CANARY}
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    before = estate.state_hash()
    done = estate.play("backup_platform", "--limit", "sp01", "--tags", "sharepoint", "--check", check=0)
    assert any(line.startswith("sp01") and "sharepoint_backup" in line for line in table(done)) and estate.state_hash() == before
