"""Makes docs/rights.md, rights.sql and rights-management.sql from what the queries of the areas declare: what the audit's login needs, no more.

    .venv/bin/python -m tools.rights
"""
from __future__ import annotations

import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS, log_shipping
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
ROLE = "biztalk_fault_tolerance_reader"
IN_SCRIPT = {MANAGEMENT: "$(Management)"}
MAY_LACK = {f"dbo.{table}" for table in log_shipping.TABLES}      # only a destination of log shipping has them
IN_PAGE = {MANAGEMENT: "the management database"}

HEAD = """\
-- Made by `python -m tools.rights` from the queries of the areas: {what}. It gives one login what the audit reads and nothing
-- else: no server role, no BTS_OPERATORS, no SQLAgentReaderRole. It can be run again.
--   sqlcmd -S SERVER -b -v Login="CONTOSO\\svc-audit"{variables} -i {file}
-- A Windows account is taken in as a login; a SQL Server login is made beforehand, with its password.

IF SUSER_ID(N'$(Login)') IS NULL
    CREATE LOGIN [$(Login)] FROM WINDOWS;
GO
"""
SERVER = """
USE [master];
{grants}GO
"""
DATABASE = """
USE [{database}];
IF USER_ID(N'$(Login)') IS NULL
    CREATE USER [$(Login)] FOR LOGIN [$(Login)];
IF DATABASE_PRINCIPAL_ID(N'{role}') IS NULL
    CREATE ROLE [{role}];
ALTER ROLE [{role}] ADD MEMBER [$(Login)];
{grants}GO
"""
PAGE = """\
# Rights of the audit's SQL Server login

Made by `python -m tools.rights` from what each query declares. The audit reads with one login on every instance. It needs no server role, and
never `BTS_OPERATORS` or `SQLAgentReaderRole`, which may do more than read. [rights.sql](rights.sql) grants what stands here on
every instance, through a role of its own:

```
sqlcmd -S SERVER -b -v Login="CONTOSO\\svc-audit" -i rights.sql
```

and [rights-management.sql](rights-management.sql) does so in BizTalk's management database, on the instance that holds it:

```
sqlcmd -S SERVER -b -v Login="CONTOSO\\svc-audit" -v Management="BizTalkMgmtDb" -i rights-management.sql
```

What a missing right costs is the query that declares it and no other: its controls are `unknown` and name the right.

## Server

| permission | queries |
| --- | --- |
{server}
{databases}
## Windows

| reads | the account is |
| --- | --- |
| over `winrm` | an administrator of the host: WinRS lets nobody else in |
| over `psrp` | a member of Remote Management Users; on a cluster with read access (`Grant-ClusterAccess -ReadOnly`) |

What such an account may read beyond that is Windows' to say: what it refuses is `unknown`, with the reason. Files of IIS, images and their
policies, SharePoint farms, access lists of the secret's backup and of vaults are read by administrators only.
"""


def needed():
    """``(permissions of the server, {database: {object: permission}})``, each with the names of the queries that need it."""
    server, databases = {}, {}
    for area in SQL_AREAS.values():
        for query in area.queries():
            for right, thing in query.rights:
                if not thing:
                    server.setdefault(right, []).append(query.name)
                    continue
                parts = [thing, "", ""] if thing == MANAGEMENT else thing.split(".")
                database = parts[0] if len(parts) == 3 else query.database
                databases.setdefault(database, {}).setdefault((".".join(parts[-2:]).strip("."), right), []).append(query.name)
    order = sorted(databases, key=lambda name: (name == MANAGEMENT, name))
    return server, {name: databases[name] for name in order}


def _quoted(name):
    return ".".join(f"[{part}]" for part in name.split("."))


def scripts():
    """``{file name: text}``."""
    server, databases = needed()
    everywhere = HEAD.format(what="for every instance", variables="", file="rights.sql")
    everywhere += SERVER.format(grants="".join(f"GRANT {right} TO [$(Login)];\n" for right in sorted(server)))
    management = HEAD.format(what="for the instance that holds BizTalk's management database", variables=' -v Management="BizTalkMgmtDb"',
                             file="rights-management.sql")
    for database, objects in databases.items():
        grants = "".join(_grant(thing, right) for thing, right in sorted(objects))
        part = DATABASE.format(database=IN_SCRIPT.get(database, database), role=ROLE, grants=grants)
        if database == MANAGEMENT:
            management += part
        else:
            everywhere += part
    return {"rights.sql": everywhere, "rights-management.sql": management}


def _grant(thing, right):
    where = f"IF OBJECT_ID(N'{thing}') IS NOT NULL\n    " if thing in MAY_LACK else ""
    return f"{where}GRANT {right}{f' ON {_quoted(thing)}' if thing else ''} TO [{ROLE}];\n"


def page():
    server, databases = needed()
    tables = []
    for database, objects in databases.items():
        name = IN_PAGE.get(database, database)
        rows = "".join(f"| `{right}` | {f'`{thing}`' if thing else 'the database'} | {_names(queries)} |\n"
                       for (thing, right), queries in sorted(objects.items()))
        tables.append(f"\n## {name[0].upper() + name[1:] if database == MANAGEMENT else f'Database `{name}`'}\n\n"
                      f"| permission | object | queries |\n| --- | --- | --- |\n{rows}")
    rows = "".join(f"| `{right}` | {_names(queries)} |\n" for right, queries in sorted(server.items()))
    return PAGE.format(server=rows, databases="".join(tables))


def _names(queries):
    return ", ".join(f"`{name}`" for name in sorted(set(queries)))


if __name__ == "__main__":
    for file, script in scripts().items():
        (DOCS / file).write_text(script, encoding="utf-8")
    (DOCS / "rights.md").write_text(page(), encoding="utf-8")
