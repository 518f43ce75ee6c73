"""What a login may not do is refused with SQL Server's numbers; what it may not see is not there."""
from __future__ import annotations

import pytest

from lab.instance import Instance
from lab.tsql.problem import Rows, SqlProblem


@pytest.fixture
def instance():
    made = Instance("SQLBTS\\BTS", clock=lambda: "2026-11-24T08:00:00.0000000Z")
    made.add_database("BizTalkMgmtDb")
    made.add_database("Custom")
    made.insert("master", "sys.databases", [{"name": name, "database_id": number, "state": 0} for number, name in enumerate(made.databases,
                                                                                                                            1)])
    made.query("UPDATE \"master.sys.databases\" SET state = 6 WHERE name = 'Custom'")
    made.insert("master", "sys.master_files", [{"database_id": 1, "file_id": 1, "name": "master"}])
    made.insert("master", "sys.dm_os_cluster_nodes", [{"NodeName": "SQLN1", "status": 0}])
    made.insert("msdb", "dbo.sysjobs", [{"name": "Backup BizTalk Server"}])
    made.procedure("msdb.dbo.sp_update_job")(lambda *_: None)
    made.procedure("BizTalkMgmtDb.dbo.sp_ForceFullBackup")(lambda *_: None)
    made.procedure("master.dbo.sp_open", [], public=True)(lambda *_: None)
    made.login("reader", "Lab-only-2")
    return made


def run(instance, text, database="master", login="reader"):
    results = list(instance.session(login, database).run(text))
    if isinstance(results[-1], SqlProblem):
        raise results[-1]
    return [tuple(row) for result in results if isinstance(result, Rows) for row in result.rows]


@pytest.mark.parametrize(("text", "number", "right", "securable"), [
    ("SELECT name FROM msdb.dbo.sysjobs;", 229, "SELECT", "msdb.dbo.sysjobs"),
    ("SELECT name FROM msdb.dbo.sysjobs;", 229, "SELECT", "msdb.dbo"),
    ("SELECT name FROM msdb.dbo.sysjobs;", 229, "db_datareader", "msdb"),
    ("SELECT d.name FROM sys.databases AS d WHERE d.name IN (SELECT j.name FROM msdb.dbo.sysjobs AS j);", 229, "SELECT",
     "msdb.dbo.sysjobs"),
    ("EXEC msdb.dbo.sp_update_job @job_name = N'x';", 229, "EXECUTE", "msdb.dbo.sp_update_job"),
    ("INSERT INTO msdb.dbo.sysoperators (id) VALUES (1);", 229, "INSERT", "msdb.dbo.sysoperators"),
    ("DELETE FROM msdb.dbo.sysoperators;", 229, "DELETE", "msdb.dbo.sysoperators"),
    ("SELECT name FROM BizTalkMgmtDb.sys.objects;", 916, "CONNECT", "BizTalkMgmtDb"),
    ("USE BizTalkMgmtDb;", 916, "CONNECT", "BizTalkMgmtDb"),
    ("SELECT NodeName FROM sys.dm_os_cluster_nodes;", 300, "VIEW SERVER STATE", ""),
    ("SELECT available_bytes FROM sys.dm_os_volume_stats(1, 1);", 300, "VIEW SERVER STATE", ""),
])
def test_one_right_decides(instance, text, number, right, securable):
    with pytest.raises(SqlProblem) as error:
        run(instance, text)
    assert error.value.number == number and [each.number for each in error.value.also] == ([297] if number == 300 else [])
    instance.grant("reader", right, securable)
    run(instance, text)
    instance.revoke("reader", right, securable)
    with pytest.raises(SqlProblem):
        run(instance, text)


def test_changing_with_a_condition_needs_the_right_to_read(instance):
    instance.grant("reader", "UPDATE", "msdb.dbo.sysjobs")
    run(instance, "UPDATE msdb.dbo.sysjobs SET enabled = 1;")
    with pytest.raises(SqlProblem) as error:
        run(instance, "UPDATE msdb.dbo.sysjobs SET enabled = 0 WHERE name = N'x';")
    assert error.value.number == 229 and "SELECT" in error.value.message


def test_a_name_that_is_not_there_comes_before_a_missing_right(instance):
    with pytest.raises(SqlProblem) as error:
        run(instance, "SELECT name FROM msdb.dbo.sysjobs; SELECT name FROM msdb.dbo.nothing;")
    assert error.value.number == 229
    with pytest.raises(SqlProblem) as error:
        run(instance, "SELECT j.name FROM msdb.dbo.sysjobs AS j INNER JOIN msdb.dbo.nothing AS n ON n.id = j.name;")
    assert error.value.number == 208


@pytest.mark.parametrize(("state", "number"), [(1, 927), (2, 922), (3, 945), (4, 926), (6, 942)])
def test_a_database_in_a_bad_state_is_not_entered(instance, state, number):
    instance.query("UPDATE \"master.sys.databases\" SET state = ? WHERE name = 'Custom'", (state,))
    for text in ("USE Custom;", "SELECT name FROM Custom.sys.objects;"):
        with pytest.raises(SqlProblem) as error:
            run(instance, text, login="sa")
        assert error.value.number == number
    assert run(instance, "SELECT OBJECT_ID('Custom.dbo.x') AS i;", login="sa") == [(None,)]
    instance.login("keeper", "Lab-only-3", sysadmin=True)
    with pytest.raises(SqlProblem) as error:
        instance.connect("keeper", "Lab-only-3", "Custom")
    assert error.value.number == 4060


@pytest.mark.parametrize(("allowed", "number"), [(0, 976), (2, 3906)])
def test_a_secondary_is_read_only_or_not_even_that(instance, allowed, number):
    key = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    instance.insert("master", "sys.availability_replicas", [{"replica_id": key, "secondary_role_allow_connections": allowed}])
    instance.insert("master", "sys.dm_hadr_availability_replica_states", [{"replica_id": key, "is_local": 1, "role": 1}])
    instance.query("UPDATE \"master.sys.databases\" SET replica_id = ? WHERE name = 'BizTalkMgmtDb'", (key.upper(),))
    change = "UPDATE BizTalkMgmtDb.dbo.adm_BackupSettings SET ForceFull = 1;"
    run(instance, change, login="sa")
    instance.query('UPDATE "master.sys.dm_hadr_availability_replica_states" SET role = 2')
    with pytest.raises(SqlProblem) as error:
        run(instance, change, login="sa")
    assert error.value.number == number
    assert run(instance, "SELECT HAS_DBACCESS('BizTalkMgmtDb') AS a;", login="sa") == [(int(allowed > 0),)]


def test_an_offline_database_has_no_access(instance):
    instance.grant("reader", "VIEW ANY DATABASE")
    assert run(instance, "SELECT HAS_DBACCESS(name) AS a FROM sys.databases WHERE name IN ('Custom', 'msdb', 'BizTalkMgmtDb') ORDER BY name;") == [
        (0,), (0,), (1,)]


def test_metadata_is_shown_to_those_who_may(instance):
    instance.grant("reader", "CONNECT", "BizTalkMgmtDb")
    texts = ("SELECT name FROM sys.tables WHERE name = 'adm_Group';", "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'adm_Group';",
             "SELECT DISTINCT TABLE_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'adm_Group';")
    for text in texts:
        assert run(instance, text, "BizTalkMgmtDb") == []
    assert run(instance, "SELECT OBJECT_ID('BizTalkMgmtDb.dbo.adm_Group') AS i;") == [(None,)]
    assert run(instance, "SELECT COUNT(*) AS n FROM sys.columns;", "BizTalkMgmtDb") == [(0,)]
    instance.grant("reader", "SELECT", "BizTalkMgmtDb.dbo.adm_Group")
    for text in texts:
        assert run(instance, text, "BizTalkMgmtDb") == [("adm_Group",)]
    assert run(instance, "SELECT OBJECT_ID('BizTalkMgmtDb.dbo.adm_Group') AS i;") != [(None,)]
    assert run(instance, "SELECT name FROM sys.objects;", "BizTalkMgmtDb") == [("adm_Group",)]
    instance.grant("reader", "VIEW DEFINITION", "BizTalkMgmtDb")
    assert len(run(instance, "SELECT name FROM sys.objects;", "BizTalkMgmtDb")) > 50


def test_databases_are_shown_to_those_who_may_view_them(instance):
    assert run(instance, "SELECT name FROM sys.databases ORDER BY database_id;", "msdb") == [("master",), ("tempdb",), ("msdb",)]
    instance.grant("reader", "VIEW ANY DATABASE")
    assert len(run(instance, "SELECT name FROM sys.databases;")) == 6


def test_rows_of_the_servers_catalog_need_view_any_definition(instance):
    assert run(instance, "SELECT name FROM sys.master_files;") == []
    instance.login("other", "Lab-only-3")
    assert run(instance, "SELECT name FROM sys.server_principals ORDER BY principal_id;") == [("sa",), ("reader",)]
    instance.grant("reader", "VIEW ANY DEFINITION")
    assert run(instance, "SELECT name FROM sys.master_files;") == [("master",)]
    assert len(run(instance, "SELECT name FROM sys.server_principals;")) == 3
    assert run(instance, "SELECT g.permission_name FROM sys.server_permissions AS g INNER JOIN sys.server_principals AS p "
                         "ON p.principal_id = g.grantee_principal_id WHERE p.name = 'reader' ORDER BY 1;") == [("CONNECT SQL",),
                                                                                                               ("VIEW ANY DEFINITION",)]


def test_a_login_can_ask_for_its_own_rights(instance):
    text = ("SELECT HAS_PERMS_BY_NAME('msdb.dbo.sysjobs', 'OBJECT', 'SELECT') AS a, HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS b, "
            "HAS_PERMS_BY_NAME('BizTalkMgmtDb', 'DATABASE', 'CONNECT') AS c, HAS_PERMS_BY_NAME('nothing', 'DATABASE', 'ANY') AS d, "
            "IS_SRVROLEMEMBER('sysadmin') AS e, HAS_PERMS_BY_NAME('BizTalkMgmtDb.dbo.adm_Group', 'OBJECT', 'SELECT') AS f;")
    assert run(instance, text) == [(0, 0, 0, None, 0, None)]
    for right, securable in (("SELECT", "msdb.dbo.sysjobs"), ("VIEW SERVER STATE", ""), ("CONNECT", "BizTalkMgmtDb"),
                             ("db_owner", "BizTalkMgmtDb")):
        instance.grant("reader", right, securable)
    assert run(instance, text) == [(1, 1, 1, None, 0, 1)]


def test_procedures_are_found_and_public_ones_need_no_right(instance):
    run(instance, "EXEC sp_open;", "msdb")          # sp_ is looked for in master too
    with pytest.raises(SqlProblem) as error:
        run(instance, "EXEC BizTalkMgmtDb.dbo.sp_ForceFullBackup;")
    assert error.value.number == 916
    instance.grant("reader", "CONNECT", "BizTalkMgmtDb")
    with pytest.raises(SqlProblem) as error:
        run(instance, "EXEC BizTalkMgmtDb.dbo.sp_ForceFullBackup;")
    assert error.value.number == 229 and "'sp_ForceFullBackup', database 'BizTalkMgmtDb', schema 'dbo'" in error.value.message


def test_a_plan_made_for_one_login_gives_no_right_to_another(instance):
    text = "SELECT name FROM msdb.dbo.sysjobs;"
    assert run(instance, text, login="sa") == [("Backup BizTalk Server",)]
    with pytest.raises(SqlProblem):
        run(instance, text)


def test_logins(instance):
    assert instance.connect("READER", "Lab-only-2", "MSDB").database == "msdb"
    for login, password, database, number in (("reader", "lab-only-2", "", 18456), ("nobody", "x", "", 18456), ("sa", "", "", 18456),
                                              ("reader", "Lab-only-2", "nothing", 4060), ("reader", "Lab-only-2", "BizTalkMgmtDb", 4060)):
        with pytest.raises(SqlProblem) as error:
            instance.connect(login, password, database)
        assert error.value.number == number
    assert instance.logins == [("reader", "msdb")]


def test_refusals_are_recorded_and_passwords_are_not(instance):
    with pytest.raises(SqlProblem):
        run(instance, "SELECT name FROM msdb.dbo.sysjobs;")
    assert [(each["login"], each["error"], each["changes"]) for each in instance.texts()] == [("reader", 229, False)]
    assert "Lab-only-2" not in repr(instance.texts())
    with pytest.raises(ValueError):
        instance.fault("explode")
