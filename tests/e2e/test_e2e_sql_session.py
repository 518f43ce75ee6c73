"""SQL Server instances in the audit and for the doctor, over TDS: what it costs, what keeps an instance from being read, and what is said."""
from __future__ import annotations

import json

import pytest
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import sql

ALL = {query.name: query for area in SQL_AREAS.values() for query in area.queries()}
GROUP_OF = r"SQLBTS\BTS"
DESTINATION = r"SQLDR\BTS"
INSTANCES = ("sqlbts", "sqldr", "btsag1", "btsag2")


def instance(estate, name=GROUP_OF):
    return estate.lab.state.world.instances[name]


def change(estate, host="sqlbts", **variables):
    """Sets variables of an instance in the inventory."""
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))
    inventory["all"]["children"]["sql_instance"]["hosts"][host] |= variables
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def snapshot(estate, host="sqlbts", folder="audit"):
    return json.loads((estate.folder / folder / "snapshots" / f"{host}.json").read_text(encoding="utf-8"))


def about(report, text):
    """The statuses of all findings whose subject has this text."""
    return {finding["status"] for finding in report["findings"] if text in finding["subject"]}


def test_an_instance_costs_one_connection_one_execute_a_query_and_one_use_a_change_of_database(healthy):
    held = healthy.lab.call(lambda: dict(healthy.lab.state.world.instances))
    before = {name: (len(one.logins), len(one.texts())) for name, one in held.items()}
    healthy.audit(check=0)
    for name, one in held.items():
        logins, sent = one.logins[before[name][0]:], one.texts()[before[name][1]:]
        assert [login for login, _database in logins] == ["ft_audit"], name
        texts = [each["text"] for each in sent]
        queries = [text for text in texts if not text.startswith("USE ")]
        assert not [each for each in sent if each["changes"] or each["error"]]
        followed = [texts[place + 1] for place, text in enumerate(texts) if text.startswith("USE ")]
        assert all(not text.startswith("USE ") for text in followed), "a database was opened and nothing asked of it"
        uses = [text for text in texts if text.startswith("USE ")]
        assert all(first != second for first, second in zip(uses, uses[1:], strict=False))
        here = name == GROUP_OF
        wanted = [query.text for query in ALL.values() if (here or query.database != MANAGEMENT) and (
            name == DESTINATION or not query.name.startswith("log_shipping."))] + [sql.WHERE_IS_THE_GROUP.text] * here
        assert sorted(queries) == sorted(wanted), name
    said = snapshot(healthy)["session"]
    assert said["driver"] and said["server_version"].startswith("15.") and snapshot(healthy)["powershell"] == {}


@pytest.fixture
def faults(healthy):
    """kind -> what plants it."""
    world = healthy.lab.state.world

    def planted(kind, **options):
        healthy.lab.call(world.instances[GROUP_OF].fault, kind, **options)

    return {
        "wrong password": lambda: change(healthy, login_password="wrong"),
        "nobody listens": lambda: change(healthy, login_port=1),
        "no login_host": lambda: change(healthy, login_host=""),
        "another authority": lambda: change(healthy, ca_file="/etc/ssl/certs/ca-certificates.crt"),
        "a driver that is not there": lambda: change(healthy, driver="/nowhere/libmsodbcsql.so"),
        "a wrong word": lambda: change(healthy, encrypt="maybe"),
        "closed at login": lambda: planted("close", times=None),
        "lost for good": lambda: (planted("reset", text="sysjobs", before=True), planted("close", times=None, skip=1)),
        "lost once": lambda: planted("reset", text="sysjobs", rows=1),
        "a deadlock": lambda: planted("error", number=1205, text="sysjobs"),
    }


@pytest.mark.parametrize("kind, status, told, unknown", [
    ("wrong password", "unreachable", "refused the login ft_audit", True),
    ("nobody listens", "unreachable", "nothing listens on localhost:1", True),
    ("no login_host", "failed", "set login_host", True),
    ("another authority", "unreachable", "ca_file", True),
    ("a driver that is not there", "failed", "cannot be loaded: install", True),
    ("a wrong word", None, "encrypt must be one of", True),
    ("closed at login", "unreachable", "no session with localhost", True),
    ("lost for good", "partial", "did not come about again", True),
    ("lost once", "ok", "", False),
    ("a deadlock", "ok", "", False),
])
def test_what_keeps_an_instance_from_being_read(healthy, faults, kind, status, told, unknown):
    faults[kind]()
    report = healthy.audit()
    output = healthy.last.stdout + healthy.last.stderr
    said = " ".join(output.split())
    if status:
        read = snapshot(healthy)
        assert (read["status"], "\n" in read["message"]) == (status, False) and told in read["message"]
        assert ("sqlbts" in read["message"]) == (status != "ok")
    assert told in said and "Lab-only" not in output
    for word in ("Traceback", "pyodbc", "Errno", "<class", "HostFailed"):
        assert word not in output, word
    assert ("unknown" in about(report, GROUP_OF)) == unknown
    assert (report["verdict"] == "cannot tell") == unknown, report["verdict"]
    assert "fail" not in about(report, "") and "pass" in about(report, "instance:SQLDR")
    if status in ("unreachable", "failed"):
        assert about(report, f"instance:{GROUP_OF}") <= {"unknown", "not_applicable"}


def test_an_instance_that_is_left_out_of_the_run_is_counted_apart(healthy):
    report = healthy.audit("--tags", "platform,cluster", check=0)
    assert about(report, "instance:SQLDR") <= {"unknown", "not_applicable"} and report["complete"] is False
    assert snapshot(healthy)["status"] == "not_asked" and healthy.lab.call(lambda: instance(healthy).logins) == []
    part = healthy.audit("--tags", "agent", "--limit", "sqlbts", name="part", check=0)
    assert part["complete"] is False and list(snapshot(healthy, folder="part")["areas"]["sql"]) == ["$unknown"]
    assert "jobs" in snapshot(healthy, folder="part")["areas"]["agent"]


@pytest.mark.parametrize("spoil, told", [
    (lambda groups: groups["sql_instance"]["hosts"]["sqlbts"].pop("instance_name"), "sqlbts into sql_instance without saying which instance it is"),
    (lambda groups: groups["biztalk"]["hosts"].update(sqlbts={}), "sqlbts into sql_instance and into biztalk"),
    (lambda groups: groups["sql_instance"]["hosts"]["sqldr"].update(instance_name=GROUP_OF.lower()), "sqlbts and sqldr have the same instance_name"),
])
def test_an_inventory_that_cannot_be_meant_is_refused_before_anything_is_read(healthy, spoil, told):
    inventory = yaml.safe_load(healthy.inventory.read_text(encoding="utf-8"))
    spoil(inventory["all"]["children"])
    healthy.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    healthy.lab.call(healthy.lab.stats.clear)
    done = healthy.play("audit", "-e", f"audit_output={healthy.folder}/audit", check=2)
    assert told in " ".join(done.stdout.split()) and healthy.lab.call(lambda: dict(healthy.lab.stats)) == {}
    assert healthy.lab.call(lambda: instance(healthy).logins) == []


def test_the_doctor_logs_in_and_says_what_the_login_may_not_do(healthy):
    well = healthy.play("biztalk.fault_tolerance.doctor", "--limit", "sqlbts", check=0)
    assert "login ft_audit, driver" in well.stdout and "server_version 15." in well.stdout and "management database BizTalkMgmtDb" in well.stdout
    healthy.lab.call(instance(healthy).login, "newcomer", "Lab-only-8")
    change(healthy, login_user="newcomer", login_password="Lab-only-8")
    poor = healthy.play("biztalk.fault_tolerance.doctor", "--limit", "sqlbts")
    told = " ".join(poor.stdout.split())
    assert "it needs SELECT on msdb.dbo.sysjobs" in told and "VIEW SERVER STATE" in told and "may not look into" in told
    assert "Lab-only" not in poor.stdout and healthy.lab.stats.get("sqlbts") is None


@pytest.mark.parametrize("password", ["canary-7'<&%\u00e9", "{{ from_the_vault }}"])
def test_the_password_of_a_login_stands_nowhere(healthy, password):
    secret = "canary-7'<&%\u00e9"
    healthy.lab.call(instance(healthy).login, "canary", secret, sysadmin=True)
    change(healthy, login_user="canary", login_password=password, login_ccache=None)
    report = healthy.audit("-vvvv", "--limit", "sqlbts", "-e", json.dumps({"from_the_vault": secret}))
    assert "pass" in about(report, f"instance:{GROUP_OF}"), healthy.last.stdout
    seen = healthy.last.stdout.replace(json.dumps({"from_the_vault": secret}), "") + healthy.last.stderr
    written = "".join(path.read_text(encoding="utf-8") for path in (healthy.folder / "audit").rglob("*") if path.is_file())
    for form in (secret, json.dumps(secret)[1:-1]):
        assert form not in written and form not in seen, form


def test_a_password_that_an_error_repeats_is_masked(healthy):
    secret = "canary-in-an-error"
    change(healthy, login_user=secret, login_password="{{ 'canary-in' ~ '-an-error' }}")
    healthy.audit("--limit", "sqlbts")
    assert secret not in healthy.last.stdout and "refused the login ********" in " ".join(healthy.last.stdout.split())
    assert secret not in json.dumps(snapshot(healthy))
