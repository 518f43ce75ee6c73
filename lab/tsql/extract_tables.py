"""Makes lab/tsql/tables.json: columns with their declared types, parameters of procedures, from the reference catalogue.

Usage: python -m lab.tsql.extract_tables <folder with tsql.json and biztalkmgmt.json>
Tables stand under the kind of database that has them: ``master`` for what every database shows (sys.*), ``*`` for what each one
has of its own. Procedures stand under ``<kind>.<schema>.<name>``; a parameter is [name, type, must be given, is OUTPUT].
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

OBJECT = {"name": "sysname", "object_id": "int", "schema_id": "int", "type": "char(2)", "type_desc": "nvarchar(60)",
          "create_date": "datetime", "modify_date": "datetime", "is_ms_shipped": "bit"}
PRINCIPAL = {"name": "sysname", "principal_id": "int", "sid": "varbinary(85)", "type": "char(1)", "type_desc": "nvarchar(60)"}
OWN = {  # pages of sql-docs that the catalogue does not hold: the columns that the lab fills, a part of what SQL Server has
    "master": {
        "sys.server_principals": {**PRINCIPAL, "is_disabled": "bit", "create_date": "datetime", "modify_date": "datetime",
                                  "default_database_name": "sysname"},
        "sys.server_role_members": {"role_principal_id": "int", "member_principal_id": "int"},
        "sys.dm_os_volume_stats": {"database_id": "int", "file_id": "int", "volume_mount_point": "nvarchar(512)",
                                   "volume_id": "nvarchar(512)",
                                   "logical_volume_name": "nvarchar(512)", "file_system_type": "nvarchar(512)", "total_bytes": "bigint",
                                   "available_bytes": "bigint"},
        "sys.dm_os_sys_info": {"cpu_count": "int", "sqlserver_start_time": "datetime", "physical_memory_kb": "bigint"},
        "sys.server_permissions": {"class": "tinyint", "class_desc": "nvarchar(60)", "major_id": "int", "minor_id": "int",
                                   "grantee_principal_id": "int", "grantor_principal_id": "int", "type": "char(4)",
                                   "permission_name": "nvarchar(128)", "state": "char(1)", "state_desc": "nvarchar(60)"},
        "sys.database_mirroring_endpoints": {"name": "sysname", "endpoint_id": "int", "principal_id": "int", "protocol": "tinyint",
                                             "type": "tinyint", "state": "tinyint", "state_desc": "nvarchar(60)", "role": "tinyint",
                                             "role_desc": "nvarchar(60)", "is_encryption_enabled": "bit", "connection_auth": "tinyint",
                                             "connection_auth_desc": "nvarchar(60)", "certificate_id": "int"},
        "sys.certificates": {"name": "sysname", "certificate_id": "int", "principal_id": "int", "issuer_name": "nvarchar(442)",
                             "subject": "nvarchar(4000)", "start_date": "datetime", "expiry_date": "datetime",
                             "thumbprint": "varbinary(32)"},
        "sys.linked_logins": {"server_id": "int", "local_principal_id": "int", "uses_self_credential": "bit", "remote_name": "sysname",
                              "modify_date": "datetime"},
    },
    "*": {
        "sys.database_principals": {**PRINCIPAL, "default_schema_name": "sysname", "create_date": "datetime", "modify_date": "datetime"},
        "sys.database_role_members": {"role_principal_id": "int", "member_principal_id": "int"},
        "sys.database_files": {"file_id": "int", "file_guid": "uniqueidentifier", "type": "tinyint", "type_desc": "nvarchar(60)",
                               "data_space_id": "int", "name": "sysname", "physical_name": "nvarchar(260)", "state": "tinyint",
                               "state_desc": "nvarchar(60)", "size": "int", "max_size": "int", "growth": "int", "is_percent_growth": "bit"},
        "sys.objects": OBJECT, "sys.tables": OBJECT, "sys.views": OBJECT, "sys.procedures": OBJECT,
        "sys.columns": {"object_id": "int", "name": "sysname", "column_id": "int", "max_length": "smallint", "is_nullable": "bit"},
        "sys.parameters": {"object_id": "int", "name": "sysname", "parameter_id": "int", "max_length": "smallint", "is_output": "bit",
                           "has_default_value": "bit", "default_value": "sql_variant"},
        "sys.schemas": {"name": "sysname", "schema_id": "int", "principal_id": "int"},
        "INFORMATION_SCHEMA.TABLES": {"TABLE_CATALOG": "nvarchar(128)", "TABLE_SCHEMA": "nvarchar(128)", "TABLE_NAME": "sysname",
                                      "TABLE_TYPE": "varchar(10)"},
        "INFORMATION_SCHEMA.COLUMNS": {"TABLE_CATALOG": "nvarchar(128)", "TABLE_SCHEMA": "nvarchar(128)", "TABLE_NAME": "nvarchar(128)",
                                       "COLUMN_NAME": "nvarchar(128)", "ORDINAL_POSITION": "int", "DATA_TYPE": "nvarchar(128)"},
        "INFORMATION_SCHEMA.ROUTINES": {"ROUTINE_CATALOG": "nvarchar(128)", "ROUTINE_SCHEMA": "nvarchar(128)",
                                        "ROUTINE_NAME": "nvarchar(128)",
                                        "ROUTINE_TYPE": "nvarchar(20)"},
        "INFORMATION_SCHEMA.PARAMETERS": {"SPECIFIC_CATALOG": "nvarchar(128)", "SPECIFIC_SCHEMA": "nvarchar(128)",
                                          "SPECIFIC_NAME": "nvarchar(128)", "ORDINAL_POSITION": "int", "PARAMETER_MODE": "nvarchar(10)",
                                          "PARAMETER_NAME": "nvarchar(128)", "DATA_TYPE": "nvarchar(128)",
                                          "CHARACTER_MAXIMUM_LENGTH": "int"},
    },
}


def kind(text):
    """A declared type without the catalogue's question marks."""
    text = text.replace("?", "")
    return {"": "nvarchar(4000)", "computed": "nvarchar(4000)", "nvarchar()": "nvarchar(4000)", "nvarchar": "nvarchar(4000)",
            "numeric": "numeric(18,0)", "float(53)": "float"}.get(text, text)


def extract(tsql, biztalk):
    made = {group: dict(tables) for group, tables in OWN.items()}
    for name, table in tsql["tables"].items():
        group, _dot, rest = name.partition(".")
        group, name = ("master", name) if group == "sys" else (group, rest)
        made.setdefault(group, {})[name] = {column: kind(entry["type"]) for column, entry in table["columns"].items()}
    databases = {"BizTalkMgmtDb": biztalk["tables"] | biztalk["views"],
                 **{name: dict(entry["tables"]) for name, entry in biztalk["sister_databases"].items()}}
    for group in ("BizTalkMsgBoxDb", "BizTalkDTADb", "BAMPrimaryImport", "SSODB", "BizTalkRuleEngineDb", "BAMArchive"):
        databases.setdefault(group, {}).setdefault("MarkLog", biztalk["tables"]["MarkLog"])
    for group, tables in databases.items():
        made[group] = {f"dbo.{name}": {column["name"]: kind(column["type"]) for column in table["columns"]}
                       for name, table in tables.items() if table["columns"]}
    procedures = {f"{page['database']}.dbo.{name}": [
        [parameter, kind(entry["type"]), bool(entry.get("required")), bool(entry.get("output"))]
        for parameter, entry in page["parameters"].items()]
        for name, page in tsql["procedures"].items()}
    procedures |= {f"BizTalkMgmtDb.dbo.{name}": [
        [entry["name"].lstrip("@"), kind(entry["type"]), "default" not in entry, bool(entry.get("output"))] for entry in page["parameters"]]
        for name, page in biztalk["procedures"].items() if name.startswith("sp_")}
    results = {name: {column: kind(entry["type"]) for column, entry in result["columns"].items() if "2022" not in entry.get("since", "")}
               for name, result in tsql["restore_result_columns"].items()}
    return {"tables": made, "procedures": procedures, "results": results}


def main(folder):
    tsql, biztalk = (json.loads((Path(folder) / name).read_text(encoding="utf-8")) for name in ("tsql.json", "biztalkmgmt.json"))
    text = json.dumps(extract(tsql, biztalk), separators=(",", ":"))
    Path(__file__).with_name("tables.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
