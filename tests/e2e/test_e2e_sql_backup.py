"""The backup of BizTalk's databases, from what set-up leaves to a backup that works; over real TDS."""
from __future__ import annotations

import json

import pytest
import yaml

DECLARED = {
    "sql_backup_job": {"path": r"\\vault01\btsbackup", "mark_name": "BTS", "frequency": "d", "backup_hour": 2, "use_local_time": True,
                       "full_after_partial_set": True, "compression": True, "history_days": 14, "interval_minutes": 15, "enabled": True},
    "sql_backup_databases": [{"database": "OrdersDb", "server": "BTSLSN"}],
    "sql_backup_agent_jobs": [{"name": "PurgeSubscriptionsJob_BizTalkMsgBoxDb", "enabled": True, "interval_minutes": 1}],
}
OPERATOR = {"login_user": "dba", "login_password": "Lab-only-3"}
DAY, DAYS = 86400, 3


@pytest.fixture
def fresh(open_estate):
    """The healthy estate, with the jobs as BizTalk's set-up leaves them."""
    return open_estate("healthy", change=lambda plan: plan["estate"]["biztalk_group"].update(backup=None))


def declare(estate, **variables):
    """Writes variables of the instance of BizTalk's group into the inventory."""
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    host = inventory["all"]["children"]["sql_instance"]["hosts"]["sqlbts"]
    host |= {"sql_backup_login_user": OPERATOR["login_user"], "sql_backup_login_password": OPERATOR["login_password"], **variables}
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def task(estate, module, options, *arguments, check=None):
    """One task on the instance. Returns the process and its result."""
    play = [{"hosts": "sqlbts", "gather_facts": False, "tasks": [
        {f"biztalk.fault_tolerance.{module}": {**OPERATOR, **options}, "register": "done", "ignore_errors": True},
        {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": "{{ playbook_dir }}/result.json"}, "delegate_to": "localhost",
         "vars": {"ansible_connection": "local", "ansible_shell_type": "sh"}, "check_mode": False}]}]
    done = estate.play(yaml.safe_dump(play) + "\n", *arguments, check=check)
    return done, json.loads((estate.folder / "result.json").read_text(encoding="utf-8"))


def table(done):
    return [line for line in done.stdout.splitlines() if " | " in line]


def instance(estate):
    """The lab's instance of the group; to be used within ``lab.call``."""
    return estate.lab.state.world.instances["SQLBTS\\BTS"]


def job(estate):
    """(enabled, commands) of the backup job, from the lab's own tables."""
    def read():
        held = instance(estate)
        found = held.query("SELECT job_id, enabled FROM \"msdb.dbo.sysjobs\" WHERE name LIKE 'Backup BizTalk Server%'")[0]
        steps = held.query('SELECT command FROM "msdb.dbo.sysjobsteps" WHERE job_id = ? ORDER BY step_id', (found["job_id"],))
        return found["enabled"], [step["command"] for step in steps]
    return estate.lab.call(read)


def test_configure_makes_a_backup_that_works_from_what_set_up_leaves(fresh):
    declare(fresh, **DECLARED)
    state, (enabled, commands) = fresh.state_hash(), job(fresh)
    assert not enabled and "<destination path>" in commands[1]
    checked = fresh.play("configure", "--check", "--diff", check=0)
    assert fresh.state_hash() == state
    made = fresh.play("configure", check=0)
    assert table(made) == table(checked) and "enabled: false -> true" in " ".join(made.stdout.split())
    after, (enabled, commands) = fresh.state_hash(), job(fresh)
    assert enabled and not any("<destination path>" in command for command in commands)
    again = fresh.play("configure", check=0)
    assert fresh.state_hash() == after and "changed=0" in again.stdout and "none: it is as declared" in again.stdout
    assert OPERATOR["login_password"] not in made.stdout + made.stderr

    fresh.lab.call(fresh.lab.state.move_clock, DAYS * DAY)
    report = fresh.audit(name="after")
    failing = sorted({f["control"] for f in report["findings"] if f["status"] == "fail" and f["subject"].startswith("backup:")})
    assert failing == [] and [f for f in report["findings"] if f["control"].startswith("FT-BKP") and f["status"] == "pass"]


def test_an_instance_for_which_nothing_is_declared_is_not_connected_to(fresh):
    fresh.lab.call(lambda: [held.fault("silent", times=None) for held in fresh.lab.state.world.instances.values()])
    done = fresh.play("configure", check=0)
    assert "nothing is declared" in done.stdout


def test_an_instance_that_does_not_answer_fails_the_play_and_is_in_the_table(fresh):
    declare(fresh, **DECLARED)
    fresh.lab.call(lambda: instance(fresh).fault("close", times=None))
    done = fresh.play("configure")
    told = " ".join(done.stdout.split())
    assert done.returncode != 0 and "fatal: [sqlbts]: UNREACHABLE!" in told
    assert "Nothing is known of sqlbts, see above" in told and any("not looked at" in line for line in table(done))


def test_a_wrong_declaration_stops_its_instance_before_anything_is_changed(fresh):
    declare(fresh, **{**DECLARED, "sql_backup_job": {**DECLARED["sql_backup_job"], "frequency": "daily"}})
    before = fresh.state_hash()
    done = fresh.play("configure", check=2)
    assert "daily" in done.stdout and fresh.state_hash() == before


def test_check_apply_again_and_undo(fresh):
    path = r"\\vault01\it's $(a) share]"
    _done, refused = task(fresh, "biztalk_backup_job", {**DECLARED["sql_backup_job"], "path": path})
    assert refused["failed"] and "$(" in refused["msg"]
    options = {**DECLARED["sql_backup_job"], "path": path.replace("$(a)", "'; DROP--")}
    before, first = fresh.state_hash(), job(fresh)
    _done, foretold = task(fresh, "biztalk_backup_job", options, "--check", "--diff")
    assert foretold["changed"] and fresh.state_hash() == before
    _done, made = task(fresh, "biztalk_backup_job", options)
    assert made["changes"] == foretold["changes"] and made["diff"] == foretold["diff"] and not made.get("failed")
    assert made["notes"] and made["notes"][0].startswith("not checked: whether CONTOSO\\svc-sql can write to")
    changed = job(fresh)
    assert "''; DROP--" in changed[1][2]
    _done, again = task(fresh, "biztalk_backup_job", options)
    assert not again["changed"] and job(fresh) == changed
    undo = dict(made["undo"])
    assert undo.pop("enabled") is False and "path" not in undo, "a placeholder is not brought back"
    _done, undone = task(fresh, "biztalk_backup_job", {**undo, "enabled": False})
    assert undone["changes"][0]["path"] == "enabled" and job(fresh)[0] == first[0]


@pytest.mark.parametrize("before_it", [True, False])
def test_a_connection_that_is_lost_in_the_middle_of_a_plan_says_what_was_and_was_not_done(fresh, before_it):
    before = job(fresh)
    fresh.lab.call(lambda: instance(fresh).fault("reset", before=before_it, text="sp_update_jobstep", skip=1))
    _done, result = task(fresh, "biztalk_backup_job", DECLARED["sql_backup_job"])
    assert result.get("unreachable") or result.get("failed")
    told = " ".join(result["msg"].split())
    assert "its outcome is not known" in told and "Done before: steps[Set Compression Option]" in told and "Not begun: steps[MarkAndBackupLog]" in told
    made = ["steps[Set Compression Option]"] + ([] if before_it else ["steps[BackupFull]"])
    assert [change["path"] for change in result["changes"]] == made
    assert "Read again: 'steps[BackupFull]" in told and told.endswith("was not carried out." if before_it else "was carried out.")
    after = job(fresh)
    assert not after[0] and after[1][0] != before[1][0] and after[1][2:] == before[1][2:], "not enabled, and nothing after the lost one was sent"
    assert (after[1][1] == before[1][1]) == before_it
    _done, rest = task(fresh, "biztalk_backup_job", DECLARED["sql_backup_job"])
    assert not rest.get("failed") and rest["changed"] and job(fresh)[0]


def test_a_deadlock_in_the_middle_of_a_plan_is_not_tried_again(fresh):
    fresh.lab.call(lambda: instance(fresh).fault("error", text="sp_update_jobstep", skip=2, number=1205))
    _done, result = task(fresh, "biztalk_backup_job", DECLARED["sql_backup_job"])
    assert result["failed"] and "'steps[MarkAndBackupLog]" in result["msg"] and "1205" in result["msg"] and "Not begun" in result["msg"]
    assert len(result["changes"]) == 2 and not job(fresh)[0]


def test_a_login_that_may_only_read_is_told_so_and_changes_nothing(fresh):
    before = fresh.state_hash()
    _done, result = task(fresh, "biztalk_backup_job", {**DECLARED["sql_backup_job"], "login_user": "ft_audit", "login_password": "Lab-only-4"})
    assert result["failed"] and "229" in result["msg"] and "Nothing was changed before it" in result["msg"] and fresh.state_hash() == before


def test_a_custom_database_is_registered_with_a_full_backup_to_come(fresh):
    options = {"database": "OrdersDb", "server": "BTSLSN"}
    _done, gone = task(fresh, "biztalk_backup_database", {**options, "state": "absent"})
    assert [change["path"] for change in gone["changes"]] == ["registered[BTSLSN/OrdersDb]"]
    before = fresh.state_hash()
    _done, foretold = task(fresh, "biztalk_backup_database", options, "--check")
    assert fresh.state_hash() == before
    _done, made = task(fresh, "biztalk_backup_database", {**options, **{k: v for k, v in gone["undo"].items() if k != "database"}})
    assert made["changes"] == foretold["changes"] and [change["path"] for change in made["changes"]][-1] == "force_full"
    _done, again = task(fresh, "biztalk_backup_database", options)
    assert not again["changed"]


def test_other_jobs(fresh):
    name = "PurgeSubscriptionsJob_BizTalkMsgBoxDb"
    options = {"name": name, "enabled": False, "owner": "DBA", "interval_minutes": 5}
    before = fresh.state_hash()
    _done, foretold = task(fresh, "sql_agent_job", options, "--check")
    assert fresh.state_hash() == before
    _done, made = task(fresh, "sql_agent_job", options)
    assert made["changes"] == foretold["changes"] and made["undo"] == {"name": name, "enabled": True, "owner": "sa", "interval_minutes": 1}
    assert not task(fresh, "sql_agent_job", options)[1]["changed"]
    assert task(fresh, "sql_agent_job", made["undo"])[1]["changed"]
    _done, refused = task(fresh, "sql_agent_job", {"name": "MessageBox_Message_Cleanup_BizTalkMsgBoxDb", "enabled": True})
    assert refused["failed"] and "must stay disabled" in refused["msg"]
