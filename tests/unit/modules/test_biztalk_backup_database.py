"""biztalk_backup_database on management databases made at random, applied by a small model of their tables."""
from __future__ import annotations

import copy
from collections import Counter

import msdb_model
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import diff, undo
from ansible_collections.biztalk.fault_tolerance.plugins.modules import biztalk_backup_database as module

HOLE = observed.hole("denied", "The login may not read it.")
SERVER = r"SQLBTS\BTS"
SSO = {"default_database": "SSO", "database": "SSODB", "server": SERVER, "biztalk_server": "BTS01"}
HOSTILE = "Orders'; DROP TABLE x--] \u202e\U0001f4be"


def custom(name, server=SERVER, friendly=None):
    return {"default_database": friendly or name, "database": name, "server": server, "biztalk_server": "BTS01"}


def full(name, set_id=9, complete=True, server=SERVER, kind="full"):
    return {"set_id": set_id, "database": name, "server": server, "type": kind, "complete": complete}


def database(name, **changed):
    return {"name": name, "system": False, "state": "ONLINE", "recovery_model": "FULL", "in_availability_group": False, **changed}


def snapshot(*others, history=(), force=False, databases=None):
    rows = [SSO, *others]
    found = [database(name) for name in ("BizTalkMgmtDb", "SSODB", "OrdersDb", "StockDb", HOSTILE)] + [database("msdb", system=True)]
    listed = [{"server": SERVER, "database": "BizTalkMgmtDb"}] + [{"server": row["server"], "database": row["database"]} for row in rows]
    biztalk = {"management_database": "BizTalkMgmtDb", "history": list(history), "settings": {"use_compression": False, "force_full": force},
               "databases": listed, "others": copy.deepcopy(rows), "procedures": []}
    scripts = [{"database": name, "installed": True, "takes_compression": True} for name in ("OrdersDb", "StockDb", HOSTILE)]
    return {"backup_history": {"biztalk": biztalk, "scripts": scripts}, "sql": {"name": SERVER, "databases": found if databases is None else databases}}


def without_sso(*others):
    """SSODB is not registered by the set-up."""
    areas = snapshot(*others)
    biztalk = areas["backup_history"]["biztalk"]
    biztalk["others"].remove(SSO)
    biztalk["databases"].remove({"server": SERVER, "database": "SSODB"})
    areas["backup_history"]["scripts"].append({"database": "SSODB", "installed": True, "takes_compression": False})
    return areas


def plan(options, areas):
    result = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate({"database": "OrdersDb", **options})
    assert not result.error_messages, result.error_messages
    return module.plan(result.validated_parameters, {"areas": areas})


def refused(options, areas):
    made = plan(options, areas)
    assert made.refusal and not made.changes
    return made.refusal


SEEN = Counter()


@st.composite
def instances(draw, names):
    others = [custom(name, draw(st.sampled_from([SERVER, "BTSLSN"])), draw(st.sampled_from([None, f"{name[:9]} of ours"])))
              for name in draw(st.lists(st.sampled_from(names), unique=True))]
    history = [full("BizTalkMgmtDb"), *(full(row["database"], server=row["server"]) for row in others)]
    return snapshot(*others, history=draw(st.sampled_from([history, []])), force=draw(st.booleans()))


def reading(areas):
    biztalk = areas["backup_history"]["biztalk"]
    return {"registered": {f"{row['server']}/{row['database']}": {"server": row["server"], "friendly_name": row["default_database"]}
                           for row in biztalk["others"]}, "force_full": biztalk["settings"]["force_full"]}


def difference(before, after):
    old, new = {}, {}
    for key in before["registered"].keys() | after["registered"].keys():
        if before["registered"].get(key) != after["registered"].get(key):
            old.setdefault("registered", {})[key] = before["registered"].get(key)
            new.setdefault("registered", {})[key] = after["registered"].get(key)
    if before["force_full"] != after["force_full"]:
        old["force_full"], new["force_full"] = before["force_full"], after["force_full"]
    return {"before": old, "after": new}


@pytest.mark.parametrize("option", ["present", "absent", "server", "friendly_name"])
def test_truth(option):
    names = ["OrdersDb", "StockDb", HOSTILE]

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(instances(names), st.sampled_from(names), st.sampled_from([SERVER.lower(), "BTSLSN"]), st.booleans())
    def examples(areas, name, server, ours):
        options = {"database": name, "state": "absent" if option == "absent" else "present"}
        if option == "server":
            options["server"] = server
        if option == "friendly_name":
            called = [row["default_database"].upper() for row in areas["backup_history"]["biztalk"]["others"] if row["database"] == name]
            options["friendly_name"] = called[0] if called and ours else "Mine"
        truth(options, areas, option)

    examples()
    total = SEEN[option, "examples"]
    assert total >= 50 and SEEN[option, "changes"] >= 0.25 * total and SEEN[option, "none"] >= 0.25 * total and SEEN[option, "undone"], SEEN


def truth(options, areas, option):
    kept, before = copy.deepcopy(areas), reading(areas)
    made = plan(options, areas)
    assert areas == kept
    SEEN[option, "examples"] += 1
    SEEN[option, "refused" if made.refusal else "changes" if made.changes else "none"] += 1
    if made.refusal:
        assert option == "server" and "twice" in made.refusal
        return
    for change in made.changes:
        msdb_model.apply(areas, change)
    after = reading(areas)
    assert diff(made.changes) == difference(before, after)
    registered = [row for row in areas["backup_history"]["biztalk"]["others"] if row["database"] == options["database"]]
    assert len(registered) == (options["state"] == "present")
    if "friendly_name" in options:
        assert registered[0]["default_database"].casefold() == options["friendly_name"].casefold()
    if set(before["registered"]) < set(after["registered"]):
        assert after["force_full"], "a full backup comes with the registration"
    again = plan(options, areas)
    assert not again.changes and not again.refusal
    if made.changes and made.changes[0].undo:
        for change in plan({"database": options["database"], **undo(made.changes)}, areas).changes:
            msdb_model.apply(areas, change)
        assert reading(areas)["registered"] == before["registered"]
        SEEN[option, "undone"] += 1


def test_a_new_friendly_name_comes_before_the_old_one_goes_and_ssodb_gets_the_one_it_needs():
    made = plan({"database": "SSODB", "friendly_name": "SSO"}, without_sso(custom("SSODB")))
    (rename,) = made.changes
    assert [step.values for step in rename.steps] == [("SSO", "SSODB", SERVER, "BTS01"), ("SSODB", "BTS01")] and rename.undo == {}
    (rename, force) = plan({"friendly_name": "Orders"}, snapshot(custom("OrdersDb"), history=[full("BizTalkMgmtDb")])).changes
    assert force.where == "force_full" and undo([rename]) == {"state": "present", "server": SERVER, "friendly_name": "OrdersDb"}
    assert plan({"database": "SSODB", "friendly_name": "SSO"}, without_sso()).changes[0].steps[0].values == ("SSO", "SSODB", SERVER, SERVER)
    assert not plan({"database": "SSODB"}, snapshot()).changes


def test_registering_forces_a_full_backup_after_the_row_and_says_why():
    made = plan({}, snapshot())
    insert, force = made.changes
    assert "every log backup of the group fails" in insert.risk and "full backups of all databases" in force.risk
    assert insert.steps[0].values == ("OrdersDb", "OrdersDb", SERVER, "BTS01") and force.steps[0].text == "EXEC dbo.sp_ForceFullBackup;"
    assert made.warnings == []


@pytest.mark.parametrize(("history", "force", "forced"), [
    ([full("BizTalkMgmtDb"), full("OrdersDb")], False, False), ([full("BizTalkMgmtDb")], False, True), ([full("BizTalkMgmtDb")], True, False),
    ([full("OrdersDb", 8), full("BizTalkMgmtDb", 9)], False, True), ([full("OrdersDb", complete=False)], False, True), ([], False, False),
    ([full("OrdersDb", server="OTHER"), full("BizTalkMgmtDb")], False, True), ([full("BizTalkMgmtDb"), HOLE], False, True)])
def test_a_registration_that_was_cut_off_before_the_full_backup_is_taken_up_again(history, force, forced):
    assert [c.where for c in plan({}, snapshot(custom("OrdersDb"), history=history, force=force)).changes] == ["force_full"] * forced


def test_history_that_was_cut_before_any_full_backup_is_told():
    made = plan({}, snapshot(custom("OrdersDb"), history=[full("OrdersDb", kind="log"), HOLE]))
    assert not made.changes and made.warnings[0].startswith("not checked: whether OrdersDb has a full backup")


def hidden(*path):
    def hide(areas):
        part = areas
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = HOLE
    return hide


@pytest.mark.parametrize("hide", [
    hidden("backup_history"), hidden("backup_history", "biztalk"), hidden("backup_history", "biztalk", "others"),
    hidden("backup_history", "biztalk", "databases"), hidden("backup_history", "biztalk", "settings"), hidden("sql"), hidden("sql", "name"),
    lambda areas: areas["backup_history"]["biztalk"]["others"].append(HOLE), lambda areas: areas["backup_history"]["biztalk"]["databases"].append(HOLE)])
def test_what_was_not_seen_is_no_reason_to_register(hide):
    areas = snapshot()
    hide(areas)
    assert "could not be read" in refused({}, areas)


@pytest.mark.parametrize(("options", "areas", "words"), [
    ({"database": "Nowhere"}, snapshot(), "no database 'Nowhere'"), ({"database": "msdb"}, snapshot(), "of SQL Server itself"),
    ({}, snapshot(databases=[database("OrdersDb", recovery_model="SIMPLE")]), "Set it to FULL"),
    ({}, snapshot(databases=[database("OrdersDb", state="OFFLINE")]), "is OFFLINE"),
    ({}, snapshot(databases=[database("OrdersDb", in_availability_group=True)]), "give its listener"),
    ({"database": "ssodb", "state": "absent"}, snapshot(), "Single Sign-On"),
    ({"database": "ssodb", "state": "absent"}, without_sso(custom("SSODB")), "Single Sign-On"),
    ({"database": "ssodb"}, without_sso(), "must be registered as SSO"), ({"database": "SSODB", "server": "FAR"}, without_sso(), "must be registered as SSO"),
    ({"database": "SSODB", "friendly_name": "Secrets"}, snapshot(), "must be registered as SSO, not as Secrets"),
    ({"database": "SSODB"}, without_sso(custom("SSODB")), "must be registered as SSO"),
    ({"friendly_name": "Mine"}, snapshot(custom("OrdersDb"), custom("OrdersDb", "BTSLSN", "Orders there")), "registered 2 times"),
    ({"friendly_name": "StockDb"}, snapshot(custom("OrdersDb"), custom("StockDb")), "belongs to StockDb"),
    ({"database": "BizTalkMgmtDb", "server": "OTHER"}, snapshot(), "backed up twice"),
    ({"friendly_name": "sso"}, snapshot(), "belongs to SSODB"), ({"server": "S" * 81}, snapshot(), "between 1 and 80"),
    ({"friendly_name": ""}, snapshot(), "between 1 and 128"),
])
def test_refused(options, areas, words):
    assert words in refused(options, areas)


@pytest.mark.parametrize("scripts", [HOLE, [], [HOLE], [{"database": "OrdersDb", "installed": HOLE}]])
def test_a_database_that_lacks_the_scripts_is_refused_and_one_that_was_not_looked_into_is_told(scripts):
    areas = snapshot()
    areas["backup_history"]["scripts"] = [{"database": "ORDERSDB", "installed": False}]
    assert "lacks what the backup calls" in refused({}, areas)
    areas["backup_history"]["scripts"] = scripts
    made = plan({}, areas)
    assert made.changes and made.warnings[0].startswith("not checked: whether BizTalk's scripts")


@pytest.mark.parametrize(("takes", "friendly", "is_refused"), [(False, None, True), (False, "sso", False), (True, None, False), (HOLE, None, False)])
def test_a_database_with_the_older_procedures_is_registered_as_sso_only(takes, friendly, is_refused):
    areas = without_sso()
    areas["backup_history"]["scripts"][0]["takes_compression"] = takes
    made = plan({"friendly_name": friendly} if friendly else {}, areas)
    assert ("older ones that take no compression" in made.refusal) == is_refused and bool(made.changes) != is_refused


def test_an_instance_without_a_management_database_is_refused():
    areas = snapshot()
    areas["backup_history"]["biztalk"] = None
    assert "no management database" in refused({"state": "absent"}, areas)


def test_a_database_of_another_server_is_registered_unseen_and_told():
    made = plan({"database": "FarDb", "server": "SQLFAR"}, snapshot())
    assert made.changes and made.warnings[0].startswith("not checked: whether FarDb is there")
