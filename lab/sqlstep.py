"""The step ``sql`` of a batch as the lab reads it: SqlClient on a host, with a session of the instance that Data Source names.

Integrated security is the account of the Windows session; it comes along to an instance on the same computer only (assumed: no delegation).
"""
from __future__ import annotations

import base64

from lab.tsql import types
from lab.tsql.problem import Rows, SqlProblem

WORDS = {"Data Source", "Initial Catalog", "Application Name", "Pooling", "Connect Timeout", "Encrypt", "TrustServerCertificate", "User ID",
         "Password", "Integrated Security", "ConnectRetryCount"}
NO_SERVER = ("A network-related or instance-specific error occurred while establishing a connection to SQL Server. The server was not found or "
             "was not accessible.")


def carry_out(backend, step):
    """``(status, rest of the answer)``."""
    try:
        connected = _connect(backend, step["sql"])
    except SqlProblem as problem:
        return "failed", {"runs": [_run([], problem)]}
    here = connected.instance.property("ComputerNamePhysicalNetBIOS")
    runs = [_run([[here, backend.state.hosts[backend.host]["name"]]])]
    named = {}
    for query in step["queries"]:
        database = query["database"]
        database = named.get(database["$from"]) if isinstance(database, dict) else database
        runs.append(_query(connected, query, database, named) if database else _refused("NoDatabase"))
    return "ok", {"runs": runs}


def _connect(backend, words):
    if unknown := set(words) - WORDS:
        raise SqlProblem(0, 16, 1, f"Keyword not supported: '{', '.join(sorted(unknown))}'.")
    server = words["Data Source"].removeprefix("tcp:")
    instances = backend.state.world.instances if backend.state.world else {}
    instance = next((instance for name, instance in instances.items() if name.casefold() == server.casefold()), None)
    if instance is None:
        raise SqlProblem(0, 20, 0, NO_SERVER)
    if not words.get("Integrated Security"):
        return instance.connect(words["User ID"], words["Password"], words["Initial Catalog"])
    here = backend.state.hosts[backend.host]["name"].casefold()
    if instance.property("ComputerNamePhysicalNetBIOS").casefold() != here:
        raise SqlProblem(18456, 14, 1, "Login failed for user 'NT AUTHORITY\\ANONYMOUS LOGON'.")
    if not instance.rights.find(backend.user):
        raise SqlProblem(18456, 14, 1, f"Login failed for user '{backend.user}'.")
    return instance.session(instance.rights.find(backend.user)["name"], words["Initial Catalog"])


def _query(session, query, database, named):
    try:
        if session.database.casefold() != database.casefold():
            session.use(database)
        found = []
        for result in session.run(query["text"], {f"p{number}": _parameter(value) for number, value in enumerate(query.get("values", []))}):
            if isinstance(result, SqlProblem):
                raise result
            if isinstance(result, Rows):
                kinds = [kind for _name, kind in result.columns]
                found += [[_wire(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in result.rows]
    except SqlProblem as problem:
        return _run([], problem)
    if query.get("names_database"):
        named[query["name"]] = next((row[0] for row in found if row[1]), None)
    return _run(found)


def _parameter(value):
    given = value.get("value")
    kind = {bool: "bit", int: "int", type(None): "nvarchar(4000)"}.get(type(given), "nvarchar(4000)")
    return kind, types.store(given, kind)


def _wire(value, kind):
    if value is None:
        return None
    family, name = types.family(kind), types.base(kind)
    if name == "bit":
        return bool(value)
    if family == "lsn":
        return int(value)
    if family == "binary":
        return {"$bytes": base64.b64encode(value).decode()}
    if name == "datetimeoffset":
        return types.instant(value).replace(" ", "T") + "Z"
    if family == "time":
        made, rest, _offset = types.moment(value)
        return f"{made:%Y-%m-%dT%H:%M:%S.%f}{rest}"
    return value


def _run(items, problem=None):
    return {"items": items, "errors": [_error(problem)] if problem else [], "warnings": []}


def _error(problem):
    chain = [{"type": "System.Data.SqlClient.SqlException", "hresult": 2148735236, "native": problem.number, "message": problem.message}]
    return {"fqid": "SqlException", "category": "NotSpecified", "terminating": True, "chain": chain}


def _refused(fqid):
    return {"items": [], "errors": [{"fqid": fqid, "category": "NotSpecified", "terminating": True, "chain": []}], "warnings": []}
