from __future__ import annotations

import re

import pytest
import sql_estates as estates
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sql as sql_area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query, QueryAnswer, SqlError
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    availability,
    baseline,
    biztalk_jobs,
    biztalk_lists,
    estate,
    instances,
)
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

BASELINE = baseline.load()
KINDS = ("instance", "database", "availability_group")
CONTROLS = {c.id: c for c in BASELINE.controls if c.subject in KINDS and not c.id.startswith("FT-STO")}      # those: test_storage_nlb_wds_controls.py
BTS, AG1, AG2, DR = (f"instance:{name}" for name in (estates.BTS, estates.AG1, estates.AG2, estates.DR))
AG = "availability_group:BTSAG"
DENIED = observed.hole("denied", "The login may not.")


def subjects(snapshots, inventory=None):
    everyone = list(estate.hosts_of(snapshots, inventory or {}).values())
    return instances.subjects(everyone, BASELINE.kinds) + availability.subjects(everyone, BASELINE.kinds)


def judged(snapshots):
    """``{(control, subject): its checks}``, with the number of the subject where several have one id."""
    found = {}
    for subject in subjects(snapshots):
        seen = view(subject.facts, BASELINE.kinds[subject.kind].type)
        for control in CONTROLS.values():
            if control.subject == subject.kind:
                found.setdefault((control.id, subject.id), []).extend(evaluate(control, seen, subject.clock))
    return found


def statuses(snapshots):
    return {pair: overall(check.status for check in checks) for pair, checks in judged(snapshots).items()}


def found(snapshots):
    """What fails: ``{(control, subject, item)}``."""
    return {(*pair, check.item) for pair, checks in judged(snapshots).items() for check in checks if check.status == "fail"}


def test_nothing_has_drifted_on_a_healthy_estate():
    made = judged(estates.healthy())
    assert {pair: [c.evidence for c in checks if c.status in ("fail", "unknown")] for pair, checks in made.items()
            if overall(c.status for c in checks) in ("fail", "unknown")} == {}
    assert {control for (control, _subject), status in statuses(estates.healthy()).items() if status == "pass"} == set(CONTROLS)


def area(name):
    """A change of one area of an instance: ``sql("sqlbts", change)``."""
    return lambda host, change: lambda snapshots: change(next(s for s in snapshots if s["host"] == host)["areas"][name])


sql, agent, history, group, cluster = (area(name) for name in ("sql", "agent", "backup_history", "biztalk", "cluster"))


def named(elements, name):
    return next(element for element in elements if element["name"] == name)


def of(kind, name, **values):
    return lambda facts: named(facts[kind], name).update(values)


def in_group(kind, name, **values):
    """A change of what the replicas of the availability group say."""
    def change(facts):
        (one,) = facts["availability_groups"]
        (one if kind is None else named([part for part in one[kind] if not observed.is_hole(part)], name)).update(values)
    return lambda snapshots: [sql(host, change)(snapshots) for host in ("ag1", "ag2")]


def primary(kind, name, **values):
    return sql("ag1", lambda facts: named(facts["availability_groups"][0][kind], name).update(values))


def list_row(name, change):
    return history("sqlbts", lambda facts: change(facts["biztalk"][name]))


def renamed(facts):
    facts["name"] = r"OTHER\BTS"


MGMT, BOX, BOX2, BAM = (f"database:{name}" for name in (
    rf"{estates.BTS}/BizTalkMgmtDb", rf"{estates.BTS}/BizTalkMsgBoxDb", rf"{estates.AG1}/BizTalkMsgBoxDb2", rf"{estates.BTS}/BAMPrimaryImport"))
REFCOUNT, CLEANUP, PARTS = (f"MessageBox_{name}_BizTalkMsgBoxDb" for name in ("Message_ManageRefCountLog", "Message_Cleanup", "Parts_Cleanup"))
MONITOR, DTA = "Monitor BizTalk Server (BizTalkMgmtDb)", "DTA Purge and Archive (BizTalkDTADb)"
ON_2 = r"BizTalkMsgBoxDb2 on AG2\BTS"
STANDALONE = sql("sqlbts", lambda facts: facts.update(clustered=False))


def reached_as_replica(snapshots):
    list_row("databases", lambda rows: rows[6].update(server=estates.AG1))(snapshots)
    group("sqlbts", lambda facts: facts["message_boxes"][1].update(server=estates.AG1))(snapshots)


def outside_of_the_group(snapshots):
    reached_as_replica(snapshots)
    for host in ("ag1", "ag2"):
        sql(host, of("databases", "BizTalkMsgBoxDb2", in_availability_group=False))(snapshots)
        sql(host, lambda facts: facts["availability_groups"][0]["databases"].pop(0))(snapshots)


def without_a_listener(snapshots):
    reached_as_replica(snapshots)
    in_group(None, None, listeners=[])(snapshots)


FAULTS = [
    ("FT-CLU-001", MGMT, "", STANDALONE, ["FT-CLU-002", "FT-CLU-003", "FT-SQL-003"]),
    ("FT-CLU-001", BOX2, "", outside_of_the_group, ["FT-CLU-003", "FT-SQL-011"]),
    ("FT-CLU-002", BAM, "", STANDALONE, ["FT-CLU-001", "FT-CLU-003", "FT-SQL-003"]),
    ("FT-CLU-003", BOX, "", STANDALONE, ["FT-CLU-001", "FT-CLU-002", "FT-SQL-003"]),
    ("FT-CLU-004", BTS, "", sql("sqlbts", lambda f: (f.update(engine_edition=2), f["cluster_nodes"].append(
        {"name": "SQL03", "state": "Up", "owner": False}))), []),
    ("FT-CLU-021", BTS, "", sql("sqlbts", lambda f: f["configuration"]["max_server_memory_mb"].update(in_use=2147483647)), []),
    ("FT-CLU-021", BTS, "", sql("sqlapp", lambda f: f["configuration"]["max_server_memory_mb"].update(in_use=24576)), []),
    ("FT-SQL-001", MGMT, "", sql("sqlbts", of("databases", "BizTalkMgmtDb", recovery_model="SIMPLE")), []),
    ("FT-SQL-001", BOX2, "", sql("ag1", of("databases", "BizTalkMsgBoxDb2", recovery_model="BULK_LOGGED")), []),
    ("FT-SQL-002", BTS, "", sql("sqlbts", lambda f: f["services"][1].update(state="Stopped")), []),
    ("FT-SQL-002", DR, "", sql("sqldr", lambda f: f["services"][1].update(state="StartPending")), []),
    ("FT-SQL-003", BTS, "", sql("sqlbts", lambda f: f["services"][1].update(start_mode="Automatic")), []),
    ("FT-SQL-003", AG2, "", sql("ag2", lambda f: f["services"][1].update(start_mode="Disabled")), []),
    ("FT-SQL-004", BTS, "", sql("sqlbts", lambda f: f["services"][1].update(account=r"NT-AUTORITÄT\SYSTEM")), []),
    ("FT-SQL-004", AG1, "", sql("ag1", lambda f: f["services"][1].update(account=r"ag1\agent")), []),
    ("FT-SQL-005", BTS, "", sql("sqlbts", lambda f: f["configuration"]["max_degree_of_parallelism"].update(in_use=0)), []),
    ("FT-SQL-005", AG1, "", sql("ag1", lambda f: f["configuration"]["max_degree_of_parallelism"].update(configured=8)), []),
    ("FT-SQL-006", BOX, "", sql("sqlbts", of("databases", "BizTalkMsgBoxDb", updates_statistics=True)), []),
    ("FT-SQL-006", BOX, "", sql("sqlbts", of("databases", "BizTalkMsgBoxDb", creates_statistics=True)), []),
    ("FT-SQL-007", BAM, "", sql("sqlbts", of("databases", "BAMPrimaryImport", mirrored=True)), []),
    ("FT-SQL-008", BAM, "", sql("sqlbts", of("databases", "BAMPrimaryImport", native_log_shipping=True)), []),
    ("FT-SQL-010", rf"database:{estates.BTS}/msdb", "", history("sqlbts", lambda f: f["msdb"][0].update(finished="2026-11-23T08:59:00")), []),
    ("FT-SQL-010", rf"database:{estates.BTS}/master", "", history("sqlbts", lambda f: f["msdb"][1].update(is_damaged=True)), []),
    ("FT-SQL-010", rf"database:{estates.DR}/master", "", history("sqldr", lambda f: f["msdb"][1].update(type="log")), []),
    ("FT-SQL-011", BTS, "BTSLSN", sql("sqlbts", of("servers", "BTSLSN", rpc_out=False)), []),
    ("FT-SQL-011", BTS, "BTSLSN", sql("sqlbts", of("servers", "BTSLSN", rpc=False)), []),
    ("FT-SQL-011", BTS, "BTSLSN", sql("sqlbts", lambda f: f["servers"].pop()), []),
    ("FT-SQL-012", BTS, PARTS, agent("sqlbts", of("jobs", PARTS, enabled=False)), []),
    ("FT-SQL-012", BTS, PARTS, agent("sqlbts", lambda f: named(f["jobs"], PARTS)["schedules"][0].update(enabled=False)), []),
    ("FT-SQL-012", BTS, PARTS, agent("sqlbts", lambda f: named(f["jobs"], PARTS)["schedules"][0].update(active_end_date=20211231)), []),
    ("FT-SQL-012", BTS, PARTS, agent("sqlbts", lambda f: named(f["jobs"], PARTS)["schedules"][0].update(freq_type=1)), []),
    ("FT-SQL-012", BTS, PARTS, agent("sqlbts", lambda f: f["jobs"].remove(named(f["jobs"], PARTS))), []),
    ("FT-SQL-013", BTS, CLEANUP, agent("sqlbts", of("jobs", CLEANUP, enabled=True)), []),
    ("FT-SQL-013", BTS, CLEANUP, agent("sqlbts", of("jobs", CLEANUP, schedules=[dict(estates.EVERY_MINUTE)])), []),
    ("FT-SQL-013", BTS, CLEANUP, agent("sqlbts", lambda f: f["jobs"].remove(named(f["jobs"], CLEANUP))), []),
    ("FT-SQL-014", BTS, REFCOUNT, agent("sqlbts", of("jobs", REFCOUNT, running=False)), []),
    ("FT-SQL-015", BTS, DTA, agent("sqlbts", lambda f: named(f["jobs"], DTA)["last_run"].update(status="failed")), []),
    ("FT-SQL-015", BTS, DTA, agent("sqlbts", of("jobs", DTA, last_run=None)), []),
    ("FT-SQL-015", BTS, DTA, agent("sqlbts", of("jobs", DTA, enabled=False)), []),
    ("FT-SQL-018", BOX, "", sql("sqlbts", of("databases", "BizTalkMsgBoxDb", page_verify="NONE")), []),
    ("FT-SQL-018", BOX, "", sql("sqlbts", of("databases", "BizTalkMsgBoxDb", last_good_check=None)), []),
    ("FT-SQL-018", BOX2, "", sql("ag1", of("databases", "BizTalkMsgBoxDb2", last_good_check="2026-11-16T02:00:00Z")), []),
    ("FT-SQL-019", rf"database:{estates.AG2}/tempdb", "", sql("ag2", of("databases", "tempdb", suspect_pages=1)), []),
    ("FT-SQL-020", BTS, MONITOR, agent("sqlbts", lambda f: named(f["jobs"], MONITOR)["last_run"].update(status="failed")), []),
    ("FT-SQL-021", AG2, "", sql("ag2", renamed), ["FT-AG-016"]),
    ("FT-SQL-022", BTS, "SQLBTS\\BTS/Gone", list_row("databases", lambda rows: rows.append({"server": estates.BTS, "database": "Gone"})), []),
    ("FT-SQL-022", BTS, "OTHER/SSODB", list_row("databases", lambda rows: rows[5].update(server="OTHER")), ["FT-SQL-011"]),
    *(("FT-SQL-023", BOX, "", sql("sqlbts", of("databases", "BizTalkMsgBoxDb", state=state)), [])
      for state in ("OFFLINE", "SUSPECT", "RECOVERY_PENDING", "EMERGENCY", "RESTORING")),
    ("FT-SQL-023", BOX2, "", sql("ag1", of("databases", "BizTalkMsgBoxDb2", state="RECOVERY_PENDING")), []),
    ("FT-AG-001", AG, estates.AG2, sql("ag2", lambda f: f.update(major_version=12)), []),
    ("FT-AG-001", AG, estates.AG2, sql("ag2", lambda f: f.update(major_version=13, level="SP1")), []),
    ("FT-AG-002", AG, estates.AG2, in_group("replicas", estates.AG2, commit_mode="ASYNCHRONOUS_COMMIT"), []),
    ("FT-AG-003", AG, "", in_group(None, None, dtc_per_database=False), []),
    ("FT-AG-004", AG, estates.AG2, in_group("replicas", estates.AG2, connected=False), []),
    ("FT-AG-004", AG, ON_2, primary("database_replicas", ON_2, state="SYNCHRONIZING"), []),
    ("FT-AG-004", AG, ON_2, primary("database_replicas", ON_2, health="PARTIALLY_HEALTHY"), []),
    ("FT-AG-004", AG, ON_2, primary("database_replicas", ON_2, suspended=True), []),
    ("FT-AG-004", AG, "", sql("ag1", lambda f: f["availability_groups"][0].update(database_replicas=[])), []),
    ("FT-AG-005", AG, "BizTalkMsgBoxDb2", group("sqlbts", lambda f: f["message_boxes"][1].update(server=estates.AG1)), []),
    ("FT-AG-006", AG, "OrdersDb", list_row("others", lambda rows: rows[1].update(server=estates.AG2)), []),
    ("FT-AG-007", AG, "MessageBox_Parts_Cleanup_BizTalkMsgBoxDb2", agent("ag2", lambda f: f["jobs"].pop(3)), []),
    ("FT-AG-008", AG, PARTS + "2", agent("ag2", lambda f: named(f["jobs"], PARTS + "2")["steps"][1].update(asks_for_primary=False)), []),
    ("FT-AG-009", AG, r"CONTOSO\BizTalk Application Users", sql("ag2", lambda f: f["logins"].pop(0)), []),
    ("FT-AG-009", AG, "reporting", sql("ag2", of("logins", "reporting", sid=estates.sid("somebody else"))), []),
    ("FT-AG-009", AG, "reporting", lambda s: [sql(f"ag{n}", lambda f: f["logins"].pop(2))(s) for n in (1, 2)], []),
    ("FT-AG-010", AG, "BTSLSN", in_group("listeners", "BTSLSN", port=1434), []),
    ("FT-AG-010", AG, "BTSLSN", in_group("listeners", "BTSLSN", subnets=["192.0.1.0", "192.0.2.0"]), []),
    ("FT-AG-010", AG, "", without_a_listener, ["FT-AG-005", "FT-SQL-011", "FT-SQL-022"]),
    ("FT-AG-013", AG2, "", sql("ag2", lambda f: f["local_system"].update(view_server_state=False)), []),
    ("FT-AG-013", AG2, "", sql("ag2", lambda f: f["local_system"].update(connect_sql=False)), []),
    ("FT-AG-013", AG2, "", sql("ag2", lambda f: f["local_system"].update(alter_any_availability_group=False)), []),
    ("FT-AG-014", AG, ON_2, primary("database_replicas", ON_2, redo_queue_kb=1048577), []),
    ("FT-AG-014", AG, ON_2, primary("database_replicas", ON_2, send_queue_kb=1048577), []),
    ("FT-AG-015", AG1, "Hadr_endpoint", sql("ag1", lambda f: f["endpoints"][0].update(days_left=59)), []),
    ("FT-AG-016", AG1, "", sql("ag1", lambda f: f["servers"][0].update(name=r"OLD\BTS")), []),
    ("FT-AG-017", AG, "", in_group(None, None, database_failover=False), []),
    ("FT-AG-018", AG, "", in_group(None, None, backup_preference="SECONDARY"), []),
    ("FT-AG-019", AG, "", sql("ag2", lambda f: f.update(version="15.0.4385.2")), []),
]


@pytest.mark.parametrize(("expected", "subject", "item", "plant", "follow"), FAULTS, ids=[f"{f[0]} {f[1]} {f[2]} {n}" for n, f in enumerate(FAULTS)])
def test_a_planted_fault_is_found_and_nothing_else(expected, subject, item, plant, follow):
    snapshots = estates.healthy()
    plant(snapshots)
    failed = found(snapshots)
    assert (expected, subject, item) in failed
    assert {control for control, _subject, _item in failed} - {expected} <= set(follow), failed


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == set(CONTROLS)


def test_each_control_says_which_rule_it_is():
    for c in CONTROLS.values():
        assert c.title[0].isupper() or c.title.startswith("master"), c.id
        assert re.fullmatch(r"FT-(SQL|AG|CLU)-\d{3}", c.id) and c.why.endswith("."), c.id


def test_each_rule_has_a_control_or_a_reason():
    """The numbers of a family have no gap that docs/controls.md does not explain."""
    text = (baseline.FOLDER.parent / "docs" / "controls.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| (FT-[A-Z]+-\d{3}) \|", text, re.MULTILINE)
    judged_here = {c.id for c in BASELINE.controls}
    for family in ("SQL", "AG", "CLU"):
        numbers = [int(name[-3:]) for name in {*judged_here, *explained} if name.startswith(f"FT-{family}-")]
        assert sorted(numbers) == list(range(1, max(numbers) + 1)), family
    assert not judged_here & set(explained) and len(explained) == len(set(explained))


# --- what was not seen never passes ---------------------------------------------------------------------------------

HEALTHY = subjects(estates.healthy())
PAIRS = [(c, s) for c in CONTROLS.values() for s in HEALTHY
         if s.kind == c.subject and three_valued.status_of(c, s.facts, BASELINE.kinds) == "pass"]
EXCLUDED = {    # what a known value keeps a control from touching on some healthy subject
    "FT-AG-001": {"replicas[].level"},
    "FT-AG-010": {"listeners[].register_all_providers"},
    "FT-CLU-004": {"cluster_nodes"},
    "FT-SQL-004": {"hadr_enabled", "remote_servers"},
    "FT-SQL-023": {"copy"},
}


@pytest.mark.parametrize(("c", "subject"), PAIRS, ids=[f"{c.id} {s.id}" for c, s in PAIRS])
def test_what_was_not_seen_never_passes(c, subject):
    assert three_valued.excluded(c, subject.facts, BASELINE.kinds) <= EXCLUDED.get(c.id, set())


def test_an_instance_that_was_not_read_owes_every_finding():
    """One unknown for each control: of instances, and on the instance of what only reading reveals."""
    gone = observed.hole("unreachable", "It does not answer.")
    snapshots = [estates.snapshot("new", "NEW", **dict.fromkeys(("sql", "agent", "backup_history", "biztalk"), gone))]
    assert statuses(snapshots) == {(control, "instance:NEW"): "unknown" for control in CONTROLS}
    inventory = {"hosts": {"new": {"groups": ["sql_instance"], "variables": {"instance_name": "NEW"}}}}
    silent = subjects([], inventory)
    assert {(s.kind, s.id, observed.is_hole(s.facts)) for s in silent} == {(kind, "instance:NEW", True) for kind in KINDS}


@pytest.mark.parametrize(("fact", "kind"), [("databases", "database"), ("availability_groups", "availability_group")])
def test_a_list_that_was_not_read_or_not_to_its_end_is_owed_on_the_instance(fact, kind):
    for change in (lambda facts: facts.update({fact: DENIED}), lambda facts: facts[fact].append(DENIED)):
        snapshots = estates.healthy()
        sql("ag1", change)(snapshots)
        (unread,) = [s for s in subjects(snapshots) if s.kind == kind and s.id == AG1]
        assert unread.facts == DENIED and unread.reported_by == ("ag1",)


def facts_of(snapshots, subject):
    return next(s for s in subjects(snapshots) if s.id == subject).facts


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_instances_that_disagree_about_a_group_leave_the_fact_unknown():
    snapshots = estates.healthy()
    sql("ag2", lambda facts: facts["availability_groups"][0].update(dtc_per_database=False))(snapshots)
    hole = facts_of(snapshots, AG)["dtc_per_database"]
    assert reason(hole) == "disagree" and "ag1 says true" in observed.detail(hole) and "ag2 says false" in observed.detail(hole)
    assert statuses(snapshots)["FT-AG-003", AG] == "unknown"
    sql("ag2", lambda facts: facts["availability_groups"][0]["replicas"][1].update(commit_mode="ASYNCHRONOUS_COMMIT"))(snapshots)
    assert statuses(snapshots)["FT-AG-002", AG] == "unknown"
    sql("ag2", lambda facts: facts["availability_groups"][0]["databases"].pop())(snapshots)
    assert reason(facts_of(snapshots, AG)["databases"][1]) == "disagree"


def test_the_primary_speaks_for_the_databases_of_all_replicas():
    snapshots = estates.healthy()
    sql("ag2", lambda facts: facts["availability_groups"][0]["database_replicas"][0].update(redo_queue_kb=77))(snapshots)
    facts = facts_of(snapshots, AG)
    assert len(facts["database_replicas"]) == 4 and named(facts["database_replicas"], ON_2)["redo_queue_kb"] == 0
    assert next(s for s in subjects(snapshots) if s.id == AG).reported_by == ("ag1", "ag2")


def test_without_the_primary_what_it_alone_knows_is_unknown():
    snapshots = [s for s in estates.healthy() if s["host"] != "ag1"]
    facts = facts_of(snapshots, AG)
    assert [part if observed.is_hole(part) else part["name"] for part in facts["database_replicas"]][:2] == [ON_2, r"OrdersDb on AG2\BTS"]
    assert reason(facts["database_replicas"][-1]) == reason(facts["replicas"][0]["connected"]) == reason(facts["replicas"][0]["version"]) == "missing"
    assert {statuses(snapshots)[control, AG] for control in ("FT-AG-001", "FT-AG-004", "FT-AG-007", "FT-AG-009", "FT-AG-014", "FT-AG-019")} == {"unknown"}
    assert statuses(snapshots)["FT-AG-002", AG] == "pass"


def test_what_the_secondary_cannot_look_into_does_not_make_another_group_of_it():
    """A closed copy of the management database hides no further group; any other closed database may hold one."""
    snapshots = estates.healthy()
    assert facts_of(snapshots, rf"database:{estates.BTS}/Private")["biztalk"] is False
    closed = history("sqlapp", lambda facts: facts.update(biztalk=DENIED))
    closed(snapshots)
    assert facts_of(snapshots, rf"database:{estates.BTS}/Private")["biztalk"] == DENIED
    assert facts_of(snapshots, MGMT)["biztalk"] is True
    assert statuses(snapshots)["FT-SQL-001", rf"database:{estates.BTS}/Private"] == "unknown"


@pytest.mark.parametrize(("text", "told"), [
    (r"SQLBTS\BTS", ("sqlbts", "bts")), (r"tcp:sqlbts.contoso.test\BTS,1433", ("sqlbts", "bts")), ("SQL01", ("sql01", "")),
    (r"SQL01\MSSQLSERVER", ("sql01", "")), (" np:SQL01 ", ("sql01", "")), ("192.0.1.9,1433", ("192.0.1.9", "")), (r"(local)\BTS", ("(local)", "bts"))])
def test_a_server_is_known_in_any_spelling(text, told):
    assert biztalk_lists.key(text) == told


@pytest.mark.parametrize(("server", "meant"), [
    (r"sqlbts.contoso.test\bts", True), (r"SQL01\BTS", True), ("(local)", True), ("SQLBTS", False), (r"SQL02\BTS", False), ("BTSLSN", False)])
def test_a_list_means_the_instance_by_any_of_its_names(server, meant):
    snapshots = estates.healthy()
    list_row("databases", lambda rows: rows.append({"server": server, "database": "Private"}))(snapshots)
    assert facts_of(snapshots, rf"database:{estates.BTS}/Private")["in_backup_set"] is meant


def test_a_listener_that_may_stand_among_the_unread_ones_leaves_it_open_whether_a_database_is_meant():
    snapshots = estates.healthy()
    for host in ("ag1", "ag2"):
        sql(host, lambda facts: facts["availability_groups"][0].update(listeners=DENIED))(snapshots)
    assert facts_of(snapshots, BOX2)["biztalk"] == DENIED
    assert statuses(snapshots)["FT-CLU-003", BOX2] == "unknown" and statuses(snapshots)["FT-AG-010", AG] == "unknown"


@pytest.mark.parametrize(("sees", "status"), [(True, "fail"), (False, "unknown"), (DENIED, "unknown")])
def test_a_linked_server_that_may_be_hidden_is_not_missing(sees, status):
    snapshots = estates.healthy()
    sql("sqlbts", lambda facts: (facts["servers"].pop(), facts.update(sees_linked_servers=sees)))(snapshots)
    assert statuses(snapshots)["FT-SQL-011", BTS] == status


@pytest.mark.parametrize(("account", "kind"), [
    (r"CONTOSO\sql", "domain"), (r"CONTOSO\gmsa$", "domain"), ("sql@contoso.test", "domain"), ("LocalSystem", "built_in"), (r".\sql", "local"),
    (r"NT Service\SQLAgent$BTS", "built_in"), (r"sqlbts\agent", "local"), (r"SQL01\agent", "local"), (None, None)])
def test_the_kind_of_an_account(account, kind):
    host = estate.hosts_of(estates.healthy(), {})["sqlbts"]
    told = instances.account_kind(account, host)
    assert told == kind if kind else reason(told) == "null"


def test_a_job_that_may_be_translated_or_unread_is_not_missing():
    snapshots = estates.healthy()
    agent("sqlbts", lambda facts: facts["jobs"].remove(named(facts["jobs"], MONITOR)))(snapshots)
    assert statuses(snapshots)["FT-SQL-020", BTS] == "unknown"
    agent("sqlbts", lambda facts: facts["jobs"].append(estates.job("Monitor BizTalk Server")))(snapshots)
    assert statuses(snapshots)["FT-SQL-020", BTS] == "pass"
    agent("sqlbts", lambda facts: (facts["jobs"].remove(named(facts["jobs"], PARTS)), facts["jobs"].append(DENIED)))(snapshots)
    assert statuses(snapshots)["FT-SQL-012", BTS] == "unknown"


def test_a_job_is_known_as_delivered_by_its_name():
    assert biztalk_jobs.is_delivered("DTA Purge and Archive") and biztalk_jobs.is_delivered("backup biztalk server (Other)")
    assert not biztalk_jobs.is_delivered("Force Full Backup BizTalk Server (BizTalkMgmtDb)") and not biztalk_jobs.is_delivered("Nightly")


@pytest.mark.parametrize(("steps", "told"), [
    ([(True, 2), (True, 2)], []), ([(True, 2), (False, 2)], ["step 2"]), ([(True, 1), (False, 2)], []), ([(False, 1), (True, 2)], ["step 1"])])
def test_a_first_step_that_ends_the_job_guards_all_of_them(steps, told):
    job = {"start_step_id": 1, "steps": [{"id": number, "name": f"step {number}", "asks_for_primary": asks, "on_fail_action": then}
                                         for number, (asks, then) in enumerate(steps, 1)]}
    assert biztalk_jobs.unguarded(job) == told
    assert biztalk_jobs.unguarded({**job, "steps": [*job["steps"], DENIED]}) == [DENIED] == biztalk_jobs.unguarded({**job, "steps": DENIED})


def test_backups_that_may_stand_among_the_unread_ones_are_not_missing():
    snapshots = estates.healthy()
    history("sqlbts", lambda facts: (facts["msdb"].pop(0), facts["msdb"].append(DENIED)))(snapshots)
    assert statuses(snapshots)["FT-SQL-010", rf"database:{estates.BTS}/msdb"] == "unknown"
    assert statuses(snapshots)["FT-SQL-010", rf"database:{estates.BTS}/master"] == "pass"


UNREAD = [      # area of a host, fact, controls that cannot be told then
    ("ag1", "sql", "availability_groups", {("FT-CLU-003", BOX2), ("FT-SQL-006", BOX2)}),
    ("sqlapp", "sql", "cluster_nodes", {("FT-CLU-021", BTS)}),
    ("sqlbts", "biztalk", None, {(f"FT-SQL-{number}", BTS) for number in ("012", "013", "014", "015")} | {("FT-CLU-002", MGMT), ("FT-CLU-003", MGMT)}),
    ("sqlbts", "backup_history", None, {("FT-SQL-001", MGMT), ("FT-SQL-011", BTS), ("FT-SQL-022", BTS), ("FT-SQL-020", BTS)}),
    ("ag2", "sql", "logins", {("FT-AG-009", AG)}),
    ("ag2", "agent", None, {("FT-AG-007", AG), ("FT-AG-008", AG)}),
]


@pytest.mark.parametrize(("host", "name", "fact", "unknown"), UNREAD, ids=[f"{u[0]} {u[1]} {u[2]}" for u in UNREAD])
def test_what_follows_from_an_unread_fact_is_unknown(host, name, fact, unknown):
    snapshots = estates.healthy()
    areas = next(s for s in snapshots if s["host"] == host)["areas"]
    if fact:
        areas[name][fact] = DENIED
    else:
        areas[name] = DENIED
    made = statuses(snapshots)
    assert {made[pair] for pair in unknown} == {"unknown"}, {pair: made[pair] for pair in unknown}


def test_where_no_replica_says_its_jobs_none_is_known_to_be_there():
    snapshots = estates.healthy()
    for host in ("ag1", "ag2"):
        agent(host, lambda facts: facts.update(jobs=DENIED))(snapshots)
    assert statuses(snapshots)["FT-AG-007", AG] == "unknown"


def test_a_login_is_missing_only_where_some_replica_has_it():
    """A user whose login no replica has gets in as a member of a group; where one was not read, it may be there."""
    snapshots = estates.healthy()
    assert named(facts_of(snapshots, AG)["logins"], r"CONTOSO\anna")["missing_on"] == []
    sql("ag2", lambda facts: facts.update(logins=DENIED))(snapshots)
    assert named(facts_of(snapshots, AG)["logins"], r"CONTOSO\anna")["missing_on"] == [estates.AG1, DENIED]


OTHER = {bool: lambda value: not value, int: lambda value: 0, str: lambda value: "Other"}
NAMING = ("name", "id", "clock", "local_clock", "sid", "database_id", "group_id", "listener_id", "version", "expires", "last_good_check")
QUERIES = [(host, query) for host in ("sqlbts", "ag1", "ag2") for query in (*sql_area.queries(), Query("sql.management", "", {}))]


@pytest.mark.parametrize(("host", "query"), QUERIES, ids=[f"{host} {query.name}" for host, query in QUERIES])
def test_a_query_that_was_refused_passes_nothing_that_another_answer_would_fail(host, query):
    """From the answers to the findings, whatever is derived between: what still passes without the answer passes with any other one."""
    def judged_with(answer):
        return statuses(estates.healthy({host: lambda answers: answers.update({query.name: answer})}))

    told = {}
    estates.healthy({host: told.update})
    rows = told[query.name].rows
    others = [QueryAnswer("ok", [])] if len(rows) != 1 else []
    for column, value in (rows[0].items() if rows else ()):
        if type(value) in OTHER and column not in NAMING:
            others.append(QueryAnswer("ok", [{**row, column: OTHER[type(value)](row[column])} for row in rows]))
    kept = passing(judged_with(QueryAnswer("failed", error=SqlError(300, "42000", "denied"))))
    if query.limit:
        kept |= passing(judged_with(QueryAnswer("ok", [], cut=True)))
    for other in others:
        made = judged_with(other)
        assert not {pair for pair in kept if made.get(pair) == "fail"}, other


def passing(made):
    return {pair for pair, status in made.items() if status in ("pass", "not_applicable")}
