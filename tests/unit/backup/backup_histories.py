"""Histories of backups by hand: what BizTalk's tables, msdb and the Agent hold after some days of the job, in the shapes of the areas.

Everything is of one instance and in UTC unless a test says otherwise. ``Story`` runs the job; a test lets it miss, fail or be disturbed.
"""
from __future__ import annotations

from datetime import datetime, timedelta

SERVER = r"SQLBTS\BTS"
DATABASES = ("BizTalkMgmtDb", "BizTalkMsgBoxDb", "SSODB")
FOLDER = r"\\fs01\backup"
NOW = datetime(2026, 11, 24, 8, 5)
QUARTER = timedelta(minutes=15)
COMMANDS = {
    "Set Compression Option": "exec [dbo].[sp_SetBackupCompression] @bCompression = 1",
    "BackupFull": "exec [dbo].[sp_BackupAllFull_Schedule] 'd', 'BTS', '" + FOLDER + "', 1, 2",
    "MarkAndBackupLog": "exec [dbo].[sp_MarkAll] 'BTS', '" + FOLDER + "'",
    "Clear Backup History": "exec [dbo].[sp_DeleteBackupHistory] @DaysToKeep=14",
}


def job(**more):
    steps = [{"id": n, "name": name, "subsystem": "TSQL", "command": command, "database": "BizTalkMgmtDb", "destroys": None,
              "on_success_action": 1 if n == 4 else 3, "on_success_step": 0, "on_fail_action": 3 if n == 1 else 2, "on_fail_step": 0}
             for n, (name, command) in enumerate(COMMANDS.items(), 1)]
    schedule = {"id": 8, "name": "MarkAndBackupLogSched", "enabled": True, "freq_type": 4, "freq_interval": 1, "freq_subday_type": 4,
                "freq_subday_interval": 15, "freq_recurrence_factor": 0, "active_start_date": 20240206, "active_end_date": 99991231,
                "active_start_time": 0, "active_end_time": 235959}
    return {"name": "Backup BizTalk Server (BizTalkMgmtDb)", "id": "A", "enabled": True, "owner": "sa", "category": None, "start_step_id": 1,
            "steps": steps, "schedules": [schedule], "history": [], "running": False, "last_run": None, **more}


class Story:
    """Runs of the job, one after another. ``offset``: minutes that the server is ahead of UTC; ``local_rows``: BizTalk writes local times,
    and the steps say so."""

    def __init__(self, databases=DATABASES, offset=0, local_rows=False, says_so=True):
        self.databases, self.offset, self.local_rows, self.says_so = list(databases), offset, local_rows, says_so
        self.sets, self.msdb, self.marks, self.runs = [], [], [], []
        self.next_set, self.lsn, self.log_from = 100, 1000, {}

    def local(self, moment):
        return moment + timedelta(minutes=self.offset)

    def backup(self, database, kind, moment, path, user=r"CONTOSO\sqlagent", software="Microsoft SQL Server", **more):
        """A BACKUP statement: its row in msdb."""
        self.lsn += 100
        first = self.log_from.get(database, self.lsn - 10) if kind == "log" else self.lsn - 10
        row = {"id": len(self.msdb) + 1, "database": database, "type": kind, "started": self.local(moment).isoformat(),
               "finished": self.local(moment + timedelta(seconds=2)).isoformat(), "offset_minutes": self.offset, "first_lsn": str(first),
               "last_lsn": str(self.lsn), "checkpoint_lsn": None, "database_backup_lsn": "0", "begins_log_chain": False, "is_copy_only": False,
               "is_snapshot": False, "is_damaged": False, "recovery_model": "FULL", "created": "2024-02-06T09:00:00", "user_name": user,
               "software": software, "path": path, "device_type": "disk", "size": 1000, "compressed_size": 1000, "server": SERVER,
               "machine": "SQLBTS", "position": 1, "media_set": len(self.msdb) + 1, "family_count": 1, **more}
        if kind == "log" and not row["is_copy_only"]:
            self.log_from[database] = self.lsn
        else:
            self.log_from.setdefault(database, self.lsn)
        self.msdb.append(row)
        return row

    def make(self, kind, moment, fails_at=None):
        """A set of the job; *fails_at*: the place of the database on which it ends, 0 leaves no row."""
        number, self.next_set = self.next_set, self.next_set + 1
        mark = f"BTS_{moment:%Y_%m_%d_%H_%M_%S}_000"
        done = self.databases if fails_at is None else self.databases[:fails_at]
        for place, database in enumerate(done):
            if kind == "log":
                self.lsn += 1
                self.marks.append({"database": database, "mark": mark, "lsn": str(self.lsn), "at": self.local(moment).isoformat(), "user_name": "sa"})
            file = f"SQLBTS_BTS_{database}_{'Log' if kind == 'log' else 'Full'}_{mark}.bak"
            self.backup(database, kind, moment + timedelta(seconds=3 * place + 1), f"{FOLDER}\\{file}")
            self.sets.append({"id": len(self.sets) + 1, "set_id": number, "mark": mark if kind == "log" else None, "database": database,
                              "server": SERVER, "file": file, "location": FOLDER, "type": kind, "complete": fails_at is None,
                              "at": (self.local(moment) if self.local_rows else moment).isoformat()})
        step = {"full": 2, "log": 3}[kind]
        self.note(moment, step, "failed" if fails_at is not None else "succeeded")

    def note(self, moment, step, status, number=3201):
        row = {"step_id": step, "step_name": ["(Job outcome)", *COMMANDS][step], "status": status, "started": self.local(moment).isoformat(),
               "duration_seconds": 5, "message": None if status == "succeeded" else f"It failed. [SQLSTATE 42000] (Error {number})", "number": number}
        self.runs.append({"id": len(self.runs) + 1, **row})

    def run(self, moment, full=False, **fails):
        """A run of the job: a full where it is due, then the log."""
        self.note(moment, 1, "succeeded")
        if full:
            self.make("full", moment, fails.get("full_fails_at"))
        if fails.get("full_fails_at") is None:
            self.make("log", moment + timedelta(seconds=20), fails.get("log_fails_at"))
        self.note(moment, 0, "failed" if fails else "succeeded")

    def days(self, days=3, skip=(), **special):
        """Runs every quarter of an hour until now, fulls at two o'clock local; *skip*: what must not run; *special*: by ``"24T02:00"``."""
        moment = NOW.replace(minute=0) - timedelta(days=days)
        while moment <= NOW:
            local = self.local(moment)
            name = f"{moment:%dT%H:%M}"
            if not any(begin <= moment < end for begin, end in skip):
                self.run(moment, full=local.hour == 2 and local.minute == 0 or not self.sets, **special.get(name, {}))
            moment += QUARTER
        return self

    def told(self, **more):
        """``(backup_history, jobs, databases)`` as the areas tell them."""
        own = job(**{"history": self.runs[::-1], **more})
        if self.local_rows and self.says_so:
            own["steps"][1]["command"] += ", 1"
            own["steps"][2]["command"] += ", 1"
        return ({"clock": NOW.isoformat() + "Z", "local_clock": self.local(NOW).isoformat(), "window_days": 14, "msdb": self.msdb[::-1],
                 "marks": self.marks[::-1], "biztalk": {
                     "management_database": "BizTalkMgmtDb", "history": self.sets[::-1], "settings": {"use_compression": True, "force_full": False},
                     "next_set_id": self.next_set, "databases": [{"server": SERVER, "database": d} for d in self.databases],
                     "others": [{"default_database": "SSO", "database": "SSODB", "server": SERVER, "biztalk_server": "BTS01"}],
                     "procedures": [{"name": "sp_DeleteBackupHistory", "parameters": []}]}},
                [own], [{"name": name, "system": name == "master", "state": "ONLINE", "standby": False, "in_availability_group": False,
                         "recovery_model": "FULL"}
                        for name in ("master", *self.databases)])
