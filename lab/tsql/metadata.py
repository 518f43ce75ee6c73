"""The views in which a database tells of its own objects, made anew whenever an object has been added."""
from __future__ import annotations

import zlib

from lab.tsql import types

VIEWS = ("sys.objects", "sys.tables", "sys.views", "sys.procedures", "sys.columns", "sys.parameters", "sys.schemas",
         "information_schema.tables", "information_schema.columns", "information_schema.routines", "information_schema.parameters")


def number(name):
    """The object id of ``dbo.sysjobs``."""
    return zlib.crc32(name.casefold().encode()) >> 2 | 1024


def objects(instance, database):
    """``(type, schema, name)`` of the objects of a database: U, V, P."""
    views = {row["name"] for row in instance.query("SELECT name FROM sqlite_master WHERE type = 'view'")}
    for (owner, _table), (full, _columns) in list(instance.columns.items()):
        schema, _dot, name = full[len(database) + 1:].partition(".")
        if owner == database.casefold() and schema not in ("sys", "INFORMATION_SCHEMA"):
            yield "V" if full in views else "U", schema, name
    for procedure in instance.procedures.values():
        owner, schema, name = procedure.name.split(".")
        if owner.casefold() == database.casefold():
            yield "P", schema, name


def find(instance, database, name):
    """``(type, schema, name)`` of an object by ``schema.name`` in any spelling, or None."""
    return next((found for found in objects(instance, database) if f"{found[1]}.{found[2]}".casefold() == name.casefold()), None)


def by_number(instance, database, object_id):
    """``(schema, name)`` of an object by its id, or None."""
    return next(((schema, name) for _type, schema, name in objects(instance, database) if number(f"{schema}.{name}") == object_id), None)


def forget(instance, database):
    instance.query('DELETE FROM "#described" WHERE database = ?', (database,))


def describe(instance, database):
    """Fills the views of a database where they are not up to date."""
    count = sum(1 for _object in objects(instance, database))
    if instance.query('SELECT 1 FROM "#described" WHERE database = ? AND objects = ?', (database, count)):
        return
    for view in VIEWS:
        instance.query(f'DELETE FROM "{instance.table(database, view)[0]}"')
    for schema, schema_id in (("dbo", 1), ("guest", 2), ("INFORMATION_SCHEMA", 3), ("sys", 4)):
        instance.insert(database, "sys.schemas", [{"name": schema, "schema_id": schema_id, "principal_id": schema_id}])
    for kind, schema, name in objects(instance, database):
        _describe(instance, database, kind, schema, name)
    instance.query('INSERT OR REPLACE INTO "#described" VALUES (?, ?)', (database, count))


def _describe(instance, database, kind, schema, name):
    key = number(f"{schema}.{name}")
    words = {"U": ("USER_TABLE", "sys.tables"), "V": ("VIEW", "sys.views"), "P": ("SQL_STORED_PROCEDURE", "sys.procedures")}[kind]
    row = {"name": name, "object_id": key, "schema_id": 1, "type": kind, "type_desc": words[0], "create_date": "2024-02-05 10:00:00",
           "modify_date": "2024-02-05 10:00:00", "is_ms_shipped": 0}
    for view in ("sys.objects", words[1]):
        instance.insert(database, view, [row])
    if kind == "P":
        instance.insert(database, "INFORMATION_SCHEMA.ROUTINES", [
            {"ROUTINE_CATALOG": database, "ROUTINE_SCHEMA": schema, "ROUTINE_NAME": name, "ROUTINE_TYPE": "PROCEDURE"}])
        for place, (parameter, declared, _required, output) in enumerate(instance.procedures[f"{database}.{schema}.{name}".casefold()].parameters, 1):
            instance.insert(database, "sys.parameters", [
                {"object_id": key, "name": f"@{parameter}", "parameter_id": place, "max_length": _bytes(declared), "is_output": output,
                 "has_default_value": 0}])
            instance.insert(database, "INFORMATION_SCHEMA.PARAMETERS", [
                {"SPECIFIC_CATALOG": database, "SPECIFIC_SCHEMA": schema, "SPECIFIC_NAME": name, "ORDINAL_POSITION": place,
                 "PARAMETER_MODE": "INOUT" if output else "IN", "PARAMETER_NAME": f"@{parameter}", "DATA_TYPE": _word(declared),
                 "CHARACTER_MAXIMUM_LENGTH": _characters(declared)}])
        return
    instance.insert(database, "INFORMATION_SCHEMA.TABLES", [
        {"TABLE_CATALOG": database, "TABLE_SCHEMA": schema, "TABLE_NAME": name, "TABLE_TYPE": "VIEW" if kind == "V" else "BASE TABLE"}])
    for place, (column, declared) in enumerate(instance.table(database, f"{schema}.{name}")[1].items(), 1):
        instance.insert(database, "sys.columns", [
            {"object_id": key, "name": column, "column_id": place, "max_length": _bytes(declared), "is_nullable": 1}])
        instance.insert(database, "INFORMATION_SCHEMA.COLUMNS", [
            {"TABLE_CATALOG": database, "TABLE_SCHEMA": schema, "TABLE_NAME": name, "COLUMN_NAME": column, "ORDINAL_POSITION": place,
             "DATA_TYPE": _word(declared)}])


def _word(declared):
    return {"sysname": "nvarchar"}.get(types.base(declared), types.base(declared))


def _characters(declared):
    if types.family(declared) not in ("text", "binary"):
        return None
    return -1 if types.length(declared) is None else types.length(declared)


def _bytes(declared):
    """max_length of sys.columns: bytes, two a character of the n-types, -1 for max."""
    fixed = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "datetime": 8, "uniqueidentifier": 16, "float": 8,
             "datetimeoffset": 10,
             "datetime2": 8, "date": 3, "smalldatetime": 4, "sql_variant": 8016, "ntext": 16, "text": 16, "image": 16}
    if types.base(declared) in fixed:
        return fixed[types.base(declared)]
    if types.family(declared) in ("lsn", "decimal"):
        return 5 if types.size(declared)[0] <= 9 else 9 if types.size(declared)[0] <= 19 else 13
    characters = _characters(declared)
    return characters * 2 if characters > 0 and (types.base(declared)[0] == "n" or types.base(declared) == "sysname") else characters
