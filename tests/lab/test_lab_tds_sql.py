"""The T-SQL that the lab carries out: what it answers, with which type, and what it refuses."""
from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lab.instance import Instance
from lab.tsql import lexer, zone
from lab.tsql.problem import Count, Returned, Rows, SqlProblem

CLOCK = "2026-11-24T08:00:00.0000000Z"


@pytest.fixture
def instance():
    made = Instance("SQLBTS\\BTS", clock=lambda: CLOCK)
    made.add_database("BizTalkMgmtDb")
    made.insert("master", "sys.databases", [
        {"name": name, "database_id": number, "state": 0, "recovery_model_desc": "SIMPLE" if number < 5 else "FULL"}
        for number, name in enumerate(made.databases, 1)])
    made.create_table("msdb", "dbo.t", {"id": "int", "name": "nvarchar(20)", "at": "datetime", "lsn": "numeric(25,0)", "flag": "bit",
                                        "note": "ntext",
                                        "big": "bigint", "zoned": "datetimeoffset(7)"})
    made.insert("msdb", "dbo.t", [
        {"id": 1, "name": "Alpha", "at": "2026-11-24T07:59:59", "lsn": 9, "flag": 1, "big": 2**40, "zoned": "2026-11-24 09:00:00 +01:00"},
        {"id": 2, "name": "beta ", "at": "2026-11-23T23:59:59", "lsn": 10, "flag": 0, "zoned": "2026-11-24 08:30:00 +00:00"},
        {"id": 3, "name": "Ärger", "lsn": 34000000012300001}])
    return made


def run(instance, text, database="msdb", **parameters):
    """The rows of the last result set; raises the SqlProblem that ended the text."""
    results = list(instance.session(database=database).run(text, parameters))
    if isinstance(results[-1], SqlProblem):
        raise results[-1]
    sets = [result for result in results if isinstance(result, Rows)]
    return [tuple(row) for row in sets[-1].rows] if sets else results


def one(instance, expression, **parameters):
    return run(instance, f"SELECT {expression} AS x;", **parameters)[0][0]


def kind(instance, expression):
    return next(iter(instance.session(database="msdb").run(f"SELECT {expression} AS x;"))).columns[0][1]


@pytest.mark.parametrize(("expression", "wanted"), [
    # boundaries crossed, not time elapsed (sql-docs: DATEDIFF)
    ("DATEDIFF(day, '2026-11-23T23:59:59', '2026-11-24T00:00:00')", 1), ("DATEDIFF(hour, '2026-11-24T07:59:59', '2026-11-24T08:00:00')", 1),
    ("DATEDIFF(second, '2026-11-24T08:00:00.900', '2026-11-24T08:00:01.100')", 1), ("DATEDIFF(year, '2025-12-31', '2026-01-01')", 1),
    ("DATEDIFF(month, '2026-01-31', '2026-02-01')", 1), ("DATEDIFF(week, '2026-11-21', '2026-11-22')", 1),
    ("DATEDIFF(quarter, '20260331', '20260401')", 1),
    ("DATEDIFF(minute, '2026-11-24T08:00:59', '2026-11-24T07:59:00')", -1),
    ("DATEDIFF_BIG(millisecond, '19000101', '20260101')", 3976214400000),
    ("DATEDIFF(hour, CONVERT(datetimeoffset, '2026-11-24 09:00 +01:00'), SYSDATETIMEOFFSET())", 0),
    ("DATEADD(month, 1, CONVERT(datetime, '2026-01-31'))", "2026-02-28 00:00:00.000"),
    ("DATEADD(day, -14, GETDATE())", "2026-11-10 09:00:00.000"),
    ("DATEADD(year, 1, CONVERT(date, '20240229'))", "2025-02-28"), ("DATEPART(weekday, '2026-11-22')", 1), ("YEAR('20261124')", 2026),
    ("GETDATE()", "2026-11-24 09:00:00.000"), ("GETUTCDATE()", "2026-11-24 08:00:00.000"),
    ("SYSDATETIMEOFFSET()", "2026-11-24 09:00:00.0000000 +01:00"),
    ("CURRENT_TIMESTAMP", "2026-11-24 09:00:00.000"), ("SWITCHOFFSET(SYSDATETIMEOFFSET(), '+00:00')", "2026-11-24 08:00:00.0000000 +00:00"),
    ("GETDATE() AT TIME ZONE 'W. Europe Standard Time' AT TIME ZONE 'UTC'", "2026-11-24 08:00:00.0000000 +00:00"),
    ("CONVERT(varchar(30), GETDATE(), 126)", "2026-11-24T09:00:00"), ("CONVERT(varchar(23), CONVERT(datetime, '2026-01-02T03:04:05.678'), 121)",
                                                                      "2026-01-02 03:04:05.677"),
    ("CONVERT(char(8), GETDATE(), 112)", "20261124"), ("CONVERT(varchar(30), GETDATE())", "Nov 24 2026  9:00AM"),
    ("CONVERT(varchar(40), SYSDATETIMEOFFSET(), 127)", "2026-11-24T08:00:00.0000000Z"),
    ("CONVERT(datetime, '2026-11-24T09:00:00.999')", "2026-11-24 09:00:01.000"),
    ("CONVERT(datetime, N'20261124')", "2026-11-24 00:00:00.000"),
])
def test_times(instance, expression, wanted):
    assert one(instance, expression) == wanted


@pytest.mark.parametrize(("expression", "wanted"), [
    ("N'a' + 'b' + CONVERT(nvarchar(10), 5)", "ab5"), ("'a' + NULL", None), ("'1' + 2", 3), ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 3", -1),
    ("7 / 2.0", 3.5),
    ("LEN('ab  ')", 2), ("LEFT('abc', 2)", "ab"), ("RIGHT('abc', 2)", "bc"), ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("CHARINDEX('C', 'abc')", 3),
    ("REPLACE('aXbx', 'x', '-')", "a-b-"), ("STUFF('abcdef', 2, 3, 'Z')", "aZef"), ("QUOTENAME('a]b')", "[a]]b]"),
    ("QUOTENAME('it''s', '''')", "'it''s'"),
    ("CONCAT('a', NULL, 1)", "a1"), ("DATALENGTH(N'abc')", 6), ("LTRIM(RTRIM('  a  '))", "a"), ("UPPER('aé')", "AÉ"),
    ("CHAR(65) + NCHAR(20013)", "A中"),
    ("ISNULL(NULL, 'x')", "x"), ("COALESCE(NULL, NULL, 3)", 3), ("NULLIF(1, 1)", None), ("NULLIF('a', 'A')", None),
    ("IIF(1 = 2, 'a', 'b')", "b"),
    ("CASE WHEN 1 = 2 THEN 1 ELSE NULL END", None), ("CASE 3 WHEN 3 THEN 'three' ELSE 'other' END", "three"),
    ("CONVERT(nvarchar(3), N'a\U0001f4beb')", "a\U0001f4be"), ("LEN(N'\U0001f4be')", 2), ("DATALENGTH(N'\U0001f4be')", 4),
    ("CONVERT(nvarchar(3), 'abcdef')", "abc"), ("CONVERT(int, '  12 ')", 12), ("CONVERT(bit, -1)", 1), ("CONVERT(bit, 'true')", 1),
    ("CAST(2.5 AS int)", 2),
    ("TRY_CONVERT(int, 'x')", None), ("TRY_CAST('2026-02-30' AS datetime)", None), ("CONVERT(numeric(25,0), 12)", "0" * 23 + "12"),
    ("CONVERT(nvarchar(25), CONVERT(numeric(25,0), 12))", "12"), ("CONVERT(varchar(10), 0x0aff, 1)", "0x0AFF"),
    ("CONVERT(uniqueidentifier, 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee')", "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"),
    ("5 & 4 | 1", 5), ("ABS(-3)", 3), ("ROUND(2.345, 2)", 2.35), ("@@SERVERNAME", "SQLBTS\\BTS"), ("DB_NAME()", "msdb"),
    ("DB_ID('MSDB')", 4),
    ("DB_NAME(5)", "BizTalkMgmtDb"), ("HAS_DBACCESS('biztalkmgmtdb')", 1), ("HAS_DBACCESS('nothing')", None), ("SUSER_SNAME()", "sa"),
    ("SYSTEM_USER", "sa"), ("SUSER_SNAME(0x01)", "sa"),
    ("IS_SRVROLEMEMBER('sysadmin')", 1), ("CONVERT(nvarchar(128), SERVERPROPERTY('MachineName'))", "SQLBTS"),
    ("CONVERT(int, SERVERPROPERTY('IsClustered'))", 0), ("OBJECT_ID('dbo.nothing')", None),
    ("HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')", 1),
    ("HAS_PERMS_BY_NAME('msdb.dbo.t', 'OBJECT', 'SELECT')", 1), ("HAS_PERMS_BY_NAME('msdb.dbo.u', 'OBJECT', 'SELECT')", None),
])
def test_values(instance, expression, wanted):
    assert one(instance, expression) == wanted


@pytest.mark.parametrize(("expression", "wanted"), [
    ("1", "int"), ("3000000000", "numeric(10,0)"), ("N'abc'", "nvarchar(3)"), ("COUNT(*)", "int"), ("GETDATE()", "datetime"),
    ("CASE WHEN 1 = 1 THEN 1 ELSE CONVERT(bigint, 2) END", "bigint"), ("ISNULL(CONVERT(nvarchar(5), NULL), N'longer')", "nvarchar(5)"),
    ("CONVERT(decimal(20,0), 1)", "numeric(20,0)"), ("1.5 * 2", "numeric(38,1)"),
    ("ROW_NUMBER() OVER (ORDER BY CURRENT_TIMESTAMP)", "bigint"),
])
def test_types(instance, expression, wanted):
    assert kind(instance, expression) == wanted


@pytest.mark.parametrize(("pattern", "wanted"), [
    ("a%", ["Alpha"]), ("[a-b]%", ["Alpha", "beta "]), ("[^a]%", ["beta ", "Ärger"]), ("_eta", ["beta "]), ("%PHA", ["Alpha"]),
    ("ä%", ["Ärger"]), ("%[%", [])])
def test_like(instance, pattern, wanted):
    rows = run(instance, "SELECT name FROM dbo.t WHERE name LIKE @p ORDER BY id;", p=("nvarchar(10)", pattern))
    assert [row[0] for row in rows] == wanted


def test_like_with_an_escape_and_a_sensitive_collation(instance):
    assert one(instance, "CASE WHEN N'50%' LIKE N'50!%' ESCAPE N'!' THEN 1 ELSE 0 END") == 1
    assert one(instance, "CASE WHEN N'50x' LIKE N'50!%' ESCAPE N'!' THEN 1 ELSE 0 END") == 0
    assert one(instance, "CASE WHEN N'ABC' LIKE N'abc' COLLATE Latin1_General_BIN2 THEN 1 ELSE 0 END") == 0


def test_strings_compare_without_case_and_without_blanks_at_the_end(instance):
    assert run(instance, "SELECT id FROM dbo.t WHERE name = 'ALPHA  ' OR name IN ('BETA', N'äRGER') ORDER BY name DESC;") == [(3,), (2,),
                                                                                                                              (1,)]
    assert run(instance, "SELECT id FROM dbo.t WHERE name = 'ALPHA' COLLATE Latin1_General_CS_AS;") == []
    assert run(instance, "SELECT UPPER(name) AS n, COUNT(*) AS c FROM dbo.t WHERE id < 3 GROUP BY UPPER(name) ORDER BY n;") == [("ALPHA",
                                                                                                                                 1),
                                                                                                                                ("BETA ",
                                                                                                                                 1)]


def test_log_sequence_numbers_compare_as_numbers(instance):
    assert run(instance, "SELECT id FROM dbo.t WHERE lsn > 9 ORDER BY lsn DESC;") == [(3,), (2,)]
    assert run(instance, "SELECT id FROM dbo.t WHERE lsn = 34000000012300001;") == [(3,)]
    assert run(instance, "SELECT MAX(lsn) AS m FROM dbo.t;") == [("0000000034000000012300001",)]


def test_instants_compare_across_offsets(instance):
    assert run(instance, "SELECT id FROM dbo.t WHERE zoned <= SYSDATETIMEOFFSET();") == [(1,)]
    assert run(instance, "SELECT id FROM dbo.t WHERE zoned IS NOT NULL ORDER BY zoned;") == [(1,), (2,)]
    assert run(instance, "SELECT id FROM dbo.t WHERE at >= '2026-11-24' AND at < DATEADD(day, 1, '2026-11-24');") == [(1,)]
    assert run(instance, "SELECT id FROM dbo.t WHERE at BETWEEN '20261123' AND CONVERT(datetime2, '2026-11-24');") == [(2,)]


def test_queries_of_every_form(instance):
    instance.create_table("msdb", "dbo.u", {"id": "int", "t": "int", "size": "bigint"})
    instance.insert("msdb", "dbo.u", [{"id": 1, "t": 1, "size": 5}, {"id": 2, "t": 1, "size": 7}, {"id": 3, "t": 2, "size": 1}])
    for text, wanted in (
            ("SELECT t.id, u.size FROM dbo.t AS t LEFT JOIN dbo.u AS u ON u.t = t.id AND u.size > 5 ORDER BY t.id;",
             [(1, 7), (2, None), (3, None)]),
            ("SELECT t.id, (SELECT MAX(u.size) FROM msdb.dbo.u AS u WHERE u.t = t.id) AS m FROM t ORDER BY m DESC, 1;",
             [(1, 7), (2, 1), (3, None)]),
            ("SELECT TOP (2) id FROM dbo.u ORDER BY size DESC;", [(2,), (1,)]), ("SELECT TOP 1 id FROM dbo.u ORDER BY id;", [(1,)]),
            ("SELECT t, SUM(size) AS s, COUNT(*) AS n FROM dbo.u GROUP BY t HAVING COUNT(*) > 1;", [(1, 12, 2)]),
            ("SELECT id, ROW_NUMBER() OVER (PARTITION BY t ORDER BY size DESC) AS n, SUM(size) OVER (PARTITION BY t) AS s FROM u ORDER BY id;",
             [(1, 2, 12), (2, 1, 12), (3, 1, 1)]),
            ("SELECT id, LAG(size, 1, 0) OVER (ORDER BY id) AS p FROM dbo.u ORDER BY id;", [(1, 0), (2, 5), (3, 7)]),
            ("WITH x AS (SELECT t, MAX(size) AS m FROM dbo.u GROUP BY t) SELECT x.t FROM x WHERE x.m > 1;", [(1,)]),
            ("SELECT d.n FROM (SELECT name AS n, id FROM dbo.t) AS d WHERE d.id = 1;", [("Alpha",)]),
            ("SELECT 1 AS a UNION ALL SELECT id FROM dbo.u WHERE id = 3 ORDER BY a DESC;", [(3,), (1,)]),
            ("SELECT 'a' AS a UNION SELECT 'a';", [("a",)]), ("SELECT DISTINCT t FROM dbo.u ORDER BY t;", [(1,), (2,)]),
            ("SELECT id FROM dbo.t WHERE NOT EXISTS (SELECT 1 FROM dbo.u WHERE u.t = t.id);", [(3,)]),
            ("SELECT id FROM dbo.t WHERE id NOT IN (SELECT t FROM dbo.u);", [(3,)]),
            ("SELECT COUNT(DISTINCT t) AS n, AVG(id) AS a FROM dbo.u;", [(2, 2)]),
            ("SELECT id FROM dbo.u ORDER BY id OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY;", [(2,)]),
            ("SELECT a.id FROM dbo.u AS a CROSS JOIN dbo.u AS b WHERE a.id = 1;", [(1,), (1,), (1,)]),
            ("SELECT [name] FROM [msdb].[dbo].[t] WITH (NOLOCK) WHERE [ID] = 1; -- a comment", [("Alpha",)])):
        assert run(instance, text) == wanted, text


def test_column_names_are_as_written(instance):
    result = next(iter(instance.session(database="msdb").run("SELECT ID, name AS [a b], 1, t.* FROM dbo.t;")))
    assert [name for name, _kind in result.columns] == ["ID", "a b", "", "id", "name", "at", "lsn", "flag", "note", "big", "zoned"]


@pytest.mark.parametrize(("text", "number"), [
    ("SELECT x.id FROM dbo.t;", 4104),
    ("SELECT id FROM dbo.t AS a, dbo.t AS b;", 50000),
    ("SELECT id FROM dbo.t AS a INNER JOIN dbo.t AS b ON a.id = b.id;", 209),
    ("SELECT a.id FROM dbo.t AS a INNER JOIN dbo.t AS A ON 1 = 1;", 1013), ("SELECT name, COUNT(*) AS n FROM dbo.t;", 8120),
    ("SELECT id, name FROM dbo.t GROUP BY id;", 8120), ("SELECT MAX(flag) AS m FROM dbo.t;", 8117),
    ("SELECT SUM(name) AS m FROM dbo.t;", 8117),
    ("SELECT MAX((SELECT 1)) AS m FROM dbo.t;", 130), ("SELECT id FROM dbo.t WHERE note = N'x';", 402),
    ("SELECT id FROM dbo.t WHERE name = 1;", 245),
    ("SELECT 2000000000 + 2000000000 AS x;", 8115), ("SELECT CONVERT(tinyint, 256) AS x;", 8115),
    ("SELECT CONVERT(datetime, 'x') AS x;", 241),
    ("SELECT CONVERT(uniqueidentifier, 'x') AS x;", 8169), ("SELECT DATEDIFF(second, '19000101', '20260101') AS x;", 535),
    ("SELECT @p AS x;", 137),
    ("SELECT id FROM dbo.t WHERE id;", 4145),
    ("SELECT id FROM dbo.t WHERE COUNT(*) > 1;", 147), ("SELECT id FROM dbo.t WHERE ROW_NUMBER() OVER (ORDER BY id) = 1;", 4108),
    ("SELECT d.id FROM (SELECT id FROM dbo.t ORDER BY id) AS d;", 1033), ("SELECT DISTINCT name FROM dbo.t ORDER BY id;", 145),
    ("SELECT 1 FROM (SELECT 1) AS d;", 8155), ("SELECT 'a;", 105), ("SELECT DATEADD(eon, 1, GETDATE()) AS x;", 155),
    ("INSERT INTO dbo.t (id, name) VALUES (1);", 110), ("INSERT INTO dbo.t (name) VALUES (N'longer than twenty characters');", 8152),
    ("UPDATE sys.databases SET name = N'x';", 259), ("UPDATE dbo.t SET nothing = 1;", 207), ("EXEC sp_update_job;", 2812),
    ("SELECT SERVERPROPERTY('Edition') AS x;", 50000), ("SELECT value_in_use FROM sys.configurations;", 50000),
])
def test_errors(instance, text, number):
    with pytest.raises(SqlProblem) as error:
        run(instance, text)
    assert error.value.number == number, error.value.message


@pytest.mark.parametrize("text", [
    "MERGE dbo.t AS a USING dbo.u AS b ON 1 = 1 WHEN MATCHED THEN DELETE;", "DECLARE @a int;", "IF 1 = 1 SELECT 1;",
    "SELECT 1 AS a FOR JSON PATH;",
    "SELECT * FROM dbo.t CROSS APPLY (SELECT 1 AS a) AS b;", "SELECT TOP (5) PERCENT id FROM dbo.t;",
    "SELECT STRING_AGG(name, ',') AS a FROM dbo.t;",
    "WAITFOR DELAY '00:00:01';", "CREATE TABLE dbo.x (a int);", "DROP TABLE dbo.t;", "TRUNCATE TABLE dbo.t;",
    "SELECT id INTO #x FROM dbo.t;",
    "SELECT NEWID() AS a;", "SELECT id FROM dbo.t WHERE id = ANY (SELECT 1);", "SELECT id FROM other.msdb.dbo.t;", "EXEC (N'SELECT 1');",
    "UPDATE a SET id = 1 FROM dbo.t AS a;", "INSERT INTO dbo.t SELECT 1;", "SELECT id FROM dbo.t EXCEPT SELECT 1;",
    "SELECT 1 AS a OPTION (RECOMPILE);",
    "SELECT id FROM dbo.t WITH (TABLOCKX);", "BEGIN TRY SELECT 1 END TRY BEGIN CATCH END CATCH;", "PRINT 'x';", "SET ROWCOUNTS 5;",
    "SELECT id FROM dbo.t GROUP BY ROLLUP(id);",
    "SELECT name FROM sys.dm_exec_sql_text(0x01);", "DELETE TOP (1) FROM dbo.t;", "UPDATE dbo.t SET id = 1 OUTPUT inserted.id;",
])
def test_what_is_not_modelled_is_refused_and_changes_nothing(instance, text):
    before = instance.state_hash()
    with pytest.raises(SqlProblem) as error:
        run(instance, text)
    assert error.value.number in (50000, 102) and "the lab does not model" in error.value.message
    assert instance.state_hash() == before


def test_changes_count_and_convert(instance):
    assert run(instance, "INSERT INTO dbo.t (id, name, at, lsn, flag) VALUES (@i, N'new', '2026-11-24T10:00:00', 77, @f), (5, NULL, NULL, NULL, 0);",
               i=("int", 4), f=("bit", 1)) == [Count(2)]
    assert run(instance, "SELECT name, at, lsn, flag FROM dbo.t WHERE id = 4;") == [("new", "2026-11-24 10:00:00.000", "0" * 23 + "77", 1)]
    assert run(instance, "UPDATE dbo.t SET name = name + N'!', flag = CASE WHEN flag = 1 THEN 0 ELSE 1 END WHERE id > 3;") == [Count(2)]
    assert run(instance, "SELECT name, flag FROM dbo.t WHERE id > 3 ORDER BY id;") == [("new!", 0), (None, 1)]
    assert run(instance, "SET NOCOUNT ON; DELETE FROM dbo.t WHERE id > 3; SELECT COUNT(*) AS n, @@ROWCOUNT AS r FROM dbo.t;") == [(3, 2)]


def test_arguments_meet_the_declared_parameters(instance):
    seen = {}

    @instance.procedure("BizTalkMgmtDb.dbo.sp_BackupAllFull_Schedule")
    def schedule(_instance, _session, arguments):
        seen.clear()
        seen.update(arguments)
        return 3

    results = run(instance, "EXEC [BizTalkMgmtDb].[dbo].[sp_BackupAllFull_Schedule] 'd', N'BTS is too long', N'C:\\b', 1, @BackupHour = '7';")
    assert results == [Returned(3)]
    assert seen == {"frequency": "d", "markname": "BTS is t", "backuppath": "C:\\b", "forcefullbackupafterpartialsetfailure": 1,
                    "backuphour": 7}
    for text, number in (("@Frequency = 'd'", 201), ("'d', 'a', 'b', 1, 1, 1, 1", 8144), ("'d', 'a', 'b', @BackupHour = 'x'", 8114),
                         ("@MarkName = 'a', 'd'", 119), ("'d', 'a', 'b', @Nothing = 1", 8145),
                         ("'d', @MarkName = 'a', @MarkName = 'b'", 8143),
                         ("'d', 'a' 'b'", 102)):
        with pytest.raises(SqlProblem) as error:
            run(instance, f"EXEC BizTalkMgmtDb..sp_BackupAllFull_Schedule {text};")
        assert error.value.number == number, text


def test_output_parameters_and_statements_of_the_content(instance):
    @instance.procedure("msdb.dbo.sp_add_job")
    def add(_instance, _session, arguments):
        arguments["job_id"] = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

    results = run(instance, "EXEC msdb.dbo.sp_add_job @job_name = N'x', @job_id = @id OUTPUT;", id=("uniqueidentifier", None))
    assert results == [Returned(0, {"job_id": ("uniqueidentifier", "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE")})]

    @instance.statement("BACKUP")
    def backup(_instance, session, statement, _parameters):
        session.message(" ".join(statement.tokens[1:3]))

    said = list(instance.session().run("BACKUP LOG [BizTalkMgmtDb] TO DISK = N'C:\\a;b.bak'; SELECT 1 AS a;"))
    assert said[0].text == "LOG [BizTalkMgmtDb]" and said[1].rows == [(1,)]


def test_a_view_of_the_content_is_read_like_a_table(instance):
    instance.insert("BizTalkMgmtDb", "dbo.adm_OtherBackupDatabases", [{"ServerName": "SQLBTS\\BTS", "DatabaseName": "Custom"}])
    instance.create_view("BizTalkMgmtDb", "dbo.admv_BackupDatabases", {"ServerName": "nvarchar(128)", "DatabaseName": "nvarchar(128)"},
                         'SELECT ServerName, DatabaseName FROM "BizTalkMgmtDb.dbo.adm_OtherBackupDatabases"')
    assert run(instance, "SELECT DatabaseName FROM dbo.admv_BackupDatabases;", "BizTalkMgmtDb") == [("Custom",)]
    assert run(instance, "SELECT type FROM sys.objects WHERE name = 'admv_BackupDatabases';", "BizTalkMgmtDb") == [("V ",)]


def test_metadata_follows_the_objects(instance):
    assert run(instance, "SELECT COUNT(*) AS n FROM sys.procedures;") == [(0,)]
    instance.procedure("msdb.dbo.sp_x", [["path", "nvarchar(128)", True, False], ["when", "datetime", False, True]])(lambda *_: None)
    assert run(instance, "SELECT p.name, a.name, a.max_length, a.is_output FROM sys.procedures AS p INNER JOIN sys.parameters AS a "
                         "ON a.object_id = p.object_id WHERE p.object_id = OBJECT_ID('dbo.sp_x', 'P') ORDER BY a.parameter_id;") == [
        ("sp_x", "@path", 256, 0), ("sp_x", "@when", 8, 1)]
    assert run(instance, "SELECT DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM INFORMATION_SCHEMA.PARAMETERS WHERE PARAMETER_NAME = '@path';") == [("nvarchar", 128)]
    assert run(instance, "SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = N'T';") == [(8,)]


def test_what_is_inserted_must_fit(instance):
    for rows, error in (([{"nothing": 1}], KeyError), ([{"name": "x" * 21}], SqlProblem), ([{"id": "x"}], SqlProblem),
                        ([{"id": 2**31}], SqlProblem)):
        with pytest.raises(error):
            instance.insert("msdb", "dbo.t", rows)
    with pytest.raises(KeyError):
        instance.insert("nowhere", "dbo.t", [])
    assert run(instance, "SELECT COUNT(*) AS n FROM dbo.t;") == [(3,)]


def test_a_file_keeps_an_instance(tmp_path):
    path = tmp_path / "instance.db"
    first = Instance("X", path)
    first.add_database("Own", "BizTalkMgmtDb")
    first.login("a", "b")
    first.insert("Own", "dbo.adm_BackupSettings", [{"ForceFull": 1}])
    kept = first.state_hash()
    first.close()
    again = Instance("X", path)
    assert not again.fresh and again.databases[-1] == "Own" and again.state_hash() == kept
    assert run(again, "SELECT ForceFull FROM dbo.adm_BackupSettings;", "Own") == [(1,)]
    assert again.connect("A", "b").login == "a"


def test_local_time_is_that_of_western_europe():
    zoneinfo = pytest.importorskip("zoneinfo")
    try:
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no tz database on this machine")
    moment = datetime(2025, 12, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))
    while moment.year < 2027:
        local = moment.astimezone(berlin)
        assert zone.to_local(moment).replace(tzinfo=None) == local.replace(tzinfo=None)
        if local.hour != 2:
            assert zone.from_local(local.replace(tzinfo=None)).utcoffset() == local.utcoffset()
        moment += timedelta(hours=3)


def test_statements_are_parted_outside_of_strings_names_and_comments():
    text = "SELECT ';' AS [a;b]; /* ; */ SELECT N'it''s;' -- ; \n;;"
    assert [statement.text for statement in lexer.split(text)] == ["SELECT ';' AS [a;b]", "/* ; */ SELECT N'it''s;' -- ;"]
    assert lexer.unquoted("[a]]b]") == "a]b" and lexer.unquoted("N'it''s'") == "it's"
