"""Jobs of SQL Server Agent and the tables of a management database, small: what the statements of a plan do to a snapshot.

Written from the documentation of the procedures. Steps are run here by a reader of its own, so that a test does not believe the product.
"""
from __future__ import annotations

import json
import pathlib
import re

CATALOGUE = json.loads((pathlib.Path(__file__).parents[2] / "data" / "catalogue" / "tsql.json").read_text(encoding="utf-8"))["procedures"]
# sql-docs: sp-add-jobschedule-transact-sql, which the catalogue does not have
CATALOGUE["sp_add_jobschedule"] = {"parameters": {**CATALOGUE["sp_add_schedule"]["parameters"], "job_id": {}, "name": {}}}
MANAGEMENT = "(management database)"
PARAMETERS = {
    "sp_SetBackupCompression": {"compress": "@bCompression"},
    "sp_BackupAllFull_Schedule": {"frequency": "@Frequency", "mark_name": "@MarkName", "path": "@BackupPath",
                                  "force_full": "@ForceFullBackupAfterPartialSetFailure", "backup_hour": "@BackupHour",
                                  "use_local_time": "@UseLocalTime"},
    "sp_MarkAll": {"mark_name": "@MarkName", "path": "@BackupPath", "use_local_time": "@UseLocalTime"},
    "sp_DeleteBackupHistory": {"days_to_keep": "@DaysToKeep", "use_local_time": "@UseLocalTime"},
    "sp_DeleteBackupHistoryAndFiles": {"days_to_keep": "@DaysToKeep"},
    "sp_DeleteBackupHistoryAndFiles2013": {"days_to_keep": "@DaysToKeep"},
}
BITS = ("compress", "force_full", "use_local_time")
DEFAULTS = {"force_full": False, "backup_hour": None, "use_local_time": False, "days_to_keep": None}
_PIECE = re.compile(r"\s*(?:(?:@\w+)\s*=\s*)?(?:N?'(?:[^']|'')*'|[^\s,']+)\s*")


def given(command):
    """``(procedure, {name: value} as the text gives them)`` of a command; None where nothing is left without comments."""
    text = re.sub(r"('(?:[^']|'')*')|/\*.*?\*/|--[^\r\n]*", lambda found: found[1] or " ", command, flags=re.DOTALL).strip()
    if not text:
        return None
    guard = re.fullmatch(r"IF \(sys\.fn_hadr_is_primary_replica\('BizTalkMgmtDb'\) = 1\)\s*BEGIN\s*(.*?)\s*END", text, re.DOTALL)
    text = guard[1] if guard else text
    procedure, rest = re.fullmatch(r"exec\s+(?:\[?dbo\]?\.)?\[?(\w+)\]?(.*)", text, re.DOTALL | re.IGNORECASE).groups()
    names = PARAMETERS.get(procedure)
    if names is None:
        return procedure, {}
    values, order = {}, list(names)
    for position, piece in enumerate(re.findall(r"((?:N?'(?:[^']|'')*'|[^,'])+)", rest) if rest.strip() else []):
        assert _PIECE.fullmatch(piece), (command, piece)
        named = re.match(r"\s*(@\w+)\s*=", piece)
        ours = next(key for key, spelt in names.items() if spelt.lower() == named[1].lower()) if named else order[position]
        raw = piece[named.end():].strip() if named else piece.strip()
        quoted = re.fullmatch(r"N?'((?:[^']|'')*)'", raw, re.DOTALL)
        plain = quoted[1].replace("''", "'") if quoted else raw
        assert ours not in values, command
        if ours in BITS:
            values[ours] = plain == "1"
        elif raw.upper() == "NULL":
            values[ours] = None
        else:
            values[ours] = int(plain) if ours in ("backup_hour", "days_to_keep") else plain
    return procedure, values


def bound(command):
    """What a command runs with, defaults of the procedure included, and ``procedure``; None where nothing runs."""
    found = given(command)
    if found is None:
        return None
    procedure, values = found
    return {"procedure": procedure, **{name: DEFAULTS.get(name) for name in PARAMETERS.get(procedure, ())}, **values}


def apply(snapshot, change):
    """Carries out the statements of one change on a snapshot."""
    for statement in change.steps:
        assert statement.text.endswith(";") and statement.text.count("?") == len(statement.values)
        json.dumps(statement.values)
        if statement.text.startswith("EXEC "):
            _execute(snapshot, statement)
        else:
            _write(snapshot["backup_history"]["biztalk"], statement)


def _execute(snapshot, statement):
    procedure, names = re.fullmatch(r"EXEC (\S+?)((?: @\w+ = \?,?)*);", statement.text).groups()
    values = dict(zip(re.findall(r"@(\w+)", names), statement.values, strict=True))
    own = procedure.rpartition(".")[2]
    if statement.database == MANAGEMENT:
        settings = snapshot["backup_history"]["biztalk"]["settings"]
        if own == "sp_SetBackupCompression":
            settings["use_compression"] = bool(values.pop("bCompression"))
        else:
            assert own == "sp_ForceFullBackup"
            settings["force_full"] = True
        assert not values or own == "sp_SetBackupCompression"
        return
    assert procedure.startswith("msdb.dbo.") and not set(values) - set(CATALOGUE[own]["parameters"]), statement
    if own == "sp_update_schedule":
        schedule = next(one for job in snapshot["agent"]["jobs"] for one in job["schedules"] if one["id"] == values["schedule_id"])
        schedule |= {name: bool(value) if name == "enabled" else value for name, value in values.items() if name != "schedule_id"}
        return
    key = values.pop("job_id")
    job = next(job for job in snapshot["agent"]["jobs"] if job["id"] == key)
    if own == "sp_update_job":
        renamed = {"enabled": "enabled", "owner_login_name": "owner"}
        job |= {renamed[name]: bool(value) if name == "enabled" else value for name, value in values.items()}
    elif own == "sp_update_jobstep":
        number = values.pop("step_id")
        step = next(step for step in job["steps"] if step["id"] == number)
        assert {"command"} <= set(values) <= {"command", "database_name"}
        step["command"] = values["command"]
        step["database"] = values.get("database_name", step["database"])
    else:
        assert own == "sp_add_jobschedule"
        job["schedules"].append({"id": 900, **values, "enabled": bool(values["enabled"])})


def _write(biztalk, statement):
    assert statement.database == MANAGEMENT
    rows = biztalk["others"]
    if statement.text.startswith("INSERT INTO dbo.adm_OtherBackupDatabases (DefaultDatabaseName, DatabaseName, ServerName, BTSServerName)"):
        row = dict(zip(("default_database", "database", "server", "biztalk_server"), statement.values, strict=True))
        assert all(row.values()), "no column takes null"
        assert not [one for one in rows if _key(one) == _key(row)], "the key (DefaultDatabaseName, BTSServerName) is there"
        rows.append(row)
        biztalk["databases"].append({"server": row["server"], "database": row["database"]})
    else:
        assert statement.text == "DELETE FROM dbo.adm_OtherBackupDatabases WHERE DefaultDatabaseName = ? AND BTSServerName = ?;"
        gone = [row for row in rows if _key(row) == tuple(value.casefold() for value in statement.values)]
        for row in gone:
            rows.remove(row)
            biztalk["databases"].remove({"server": row["server"], "database": row["database"]})


def _key(row):
    return row["default_database"].casefold(), row["biztalk_server"].casefold()


def starts_every(schedule):
    """The minutes between starts of a schedule that runs every day and round the clock, None for another."""
    minutes = {4: 1, 8: 60}.get(schedule["freq_subday_type"], 0) * schedule["freq_subday_interval"]
    whole = (schedule["freq_type"], schedule["freq_interval"], schedule["active_start_time"], schedule["active_end_time"]) == (4, 1, 0, 235959)
    alive = schedule["active_start_date"] <= 20261124 <= schedule["active_end_date"]
    return minutes if schedule["enabled"] and whole and alive and minutes else None
