"""What the areas ``backup_history``, ``agent`` and ``sql`` would have read of a generated history."""

from __future__ import annotations

import datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

DEVICES = {"{": "virtual", "C": "virtual", "h": "url"}
CUT = observed.hole("cut", "There are more rows; the rest was not read.")
JOB = "Backup BizTalk Server (BizTalkMgmtDb)"


def backup_history(made):
    """The area of the instance: newest first, without what the window leaves out, closed by a hole where a limit cut it."""
    local_now = made.local(made.now)
    since = local_now - datetime.timedelta(days=made.window_days)
    newest_full = max((row["set"] for row in made.history if row["type"] == "db" and row["complete"]), default=None)
    msdb = [_backup(row) for row in reversed(made.msdb) if row["finish"] >= since]
    history = [_row(row) for row in sorted(made.history, key=lambda row: (row["set"], row["id"]), reverse=True)
               if row["moment"] >= since or row["set"] == newest_full]
    return {
        "clock": made.now.isoformat() + "Z", "local_clock": local_now.isoformat(), "window_days": made.window_days,
        "msdb": _limited(msdb, made.limits.get("msdb")),
        "marks": [{**row, "lsn": str(row["lsn"]), "at": row["at"].isoformat(), "user_name": "CONTOSO\\svc-agent"}
                  for row in reversed(made.marks) if row["at"] >= since],
        "biztalk": {
            "management_database": "BizTalkMgmtDb", "history": _limited(history, made.limits.get("history")),
            "settings": {"use_compression": True, "force_full": made.force_full}, "next_set_id": made.set_ids,
            "databases": [{"server": server, "database": database.name}
                          for database in made.covered() for server in database.names or (database.server,)],
            "others": [], "procedures": []},
    }


def _limited(rows, limit):
    return rows if limit is None or len(rows) <= limit else [*rows[:limit], CUT]


def _backup(row):
    return {
        "id": row["id"], "started": row["start"].isoformat(), "finished": row["finish"].isoformat(), "first_lsn": str(row["first"]),
        "last_lsn": str(row["last"]), "checkpoint_lsn": str(row["checkpoint"]), "database_backup_lsn": str(row["full_at"]),
        "begins_log_chain": row["begins_chain"], "is_copy_only": row["is_copy_only"], "is_snapshot": row["is_snapshot"],
        "is_damaged": row["is_damaged"], "recovery_model": row["recovery"], "created": "2025-01-01T00:00:00", "user_name": row["login"],
        "software": row["program"], "path": row["path"], "server": row["server"], "machine": "NODE1", "position": 1, "media_set": row["id"],
        "family_count": 1, "database": row["database"], "type": {"D": "full", "L": "log"}[row["kind"]], "offset_minutes": row["zone"] * 15,
        "device_type": DEVICES.get(row["path"][0], "disk"), "size": 1000, "compressed_size": 1000}


def _row(row):
    return {"id": row["id"], "set_id": row["set"], "mark": row["mark"], "database": row["database"], "server": row["server"],
            "file": row["file"], "location": row["location"], "type": {"db": "full", "lg": "log"}[row["type"]],
            "at": row["moment"].isoformat(), "complete": row["complete"]}


def jobs(made):
    """The jobs of the area ``agent``: the one that makes the backups, with the text that the product delivers."""
    local, path = int(made.local_time), made.path
    hour = "NULL" if made.hour is None else made.hour
    full = (f"exec [dbo].[sp_BackupAllFull_Schedule] 'd' /* Frequency */, '{made.mark_name}' /* Name */, '{path}' /* Path */, "
            f"{int(made.force_after_partial)}, {hour}, {local}")
    log = f"exec [dbo].[sp_MarkAll] '{made.mark_name}' /* Log mark name */, '{path}' /* Path */, {local}"
    texts = {"Set Compression Option": ("exec [dbo].[sp_SetBackupCompression] @bCompression = 1", 3),
             "BackupFull": (f"/* {full.replace('*/', '').replace('/*', '')} */" if made.full_commented else full, 2),
             "MarkAndBackupLog": ("-- " + log if made.log_commented else log, 2),
             "Clear Backup History": (f"exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep=14, @UseLocalTime={local}", 2)}
    steps = [{"id": number, "name": name, "subsystem": "TSQL", "command": text, "database": "BizTalkMgmtDb", "destroys": None,
              "asks_for_primary": False, "on_success_action": 1 if number == len(texts) else 3, "on_success_step": 0,
              "on_fail_action": fails, "on_fail_step": 0} for number, (name, (text, fails)) in enumerate(texts.items(), start=1)]
    places = {step["name"]: step["id"] for step in steps}
    history = []
    for run in made.job_runs:
        outcome = [(places[name], name, went) for name, went in run["steps"]] + [(0, "(Job outcome)", run["succeeded"])]
        for place, name, went in outcome:
            history.append({
                "id": len(history) + 1, "step_id": place, "step_name": name, "status": "succeeded" if went else "failed",
                "started": run["start"].isoformat(), "duration_seconds": 30, "number": 0 if went else 3201,
                "message": None if went else "Cannot open backup device. [SQLSTATE 42000] (Error 3201).  The step failed."})
    since = made.local(made.now).date() - datetime.timedelta(days=made.window_days)
    history = [row for row in history if datetime.datetime.fromisoformat(row["started"]).date() >= since]
    minutes = int(made.interval.total_seconds() // 60)
    schedule = {"enabled": True, "id": 1, "name": "MarkAndBackupLogSched", "freq_type": 4, "freq_interval": 1, "freq_subday_type": 4,
                "freq_subday_interval": minutes, "freq_recurrence_factor": 0, "active_start_date": 20250101, "active_end_date": 99991231,
                "active_start_time": 0, "active_end_time": 235959}
    return [{"name": JOB, "id": "j1", "enabled": True, "owner": "sa", "category": None, "start_step_id": 1, "steps": steps,
             "schedules": [schedule], "history": _limited(history[::-1], made.limits.get("runs")), "running": False, "last_run": None}]


def databases(made):
    """The databases of the area ``sql``, as far as backups ask for them."""
    return [{"name": database.name, "system": False, "standby": False, "state": "ONLINE", "in_availability_group": False,
             "recovery_model": database.recovery} for database in made.databases]
