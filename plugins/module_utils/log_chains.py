# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Log chains: whether the log backups that BizTalk's job made reach without a gap from its full backup to now, by their LSNs.

A log backup that is not copy-only takes its part of the log out of the chain: when another program makes one, the job's next log
backup begins where that one ended, and cannot be restored without that file. The next full backup of the job mends it. Snapshots of
a whole volume and damaged backups are no backups.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import told

OF_THE_JOB = re.compile(r"_(?:Full|Log)_.{0,8}_\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d_\d{3}\.bak$", re.IGNORECASE | re.DOTALL)
FOREIGN, RESTARTED, GAP = "foreign_log_backup", "chain_begun_anew", "log_backup_missing"


@dataclass
class Break:
    """A place where a chain is broken. *at*: when. *backups*: the foreign log backups that took the log. *mended*: when a full ended it."""

    kind: str
    at: datetime
    backups: list = field(default_factory=list)
    mended: datetime | None = None

    def words(self):
        """What broke the chain, for a person."""
        when = told(self.at)
        if self.kind == RESTARTED:
            return f"the log chain was begun anew before {when}: the recovery model was switched, or the log rebuilt"
        if self.kind == GAP:
            return f"a log backup before {when} is not among those that were read"
        first = self.backups[0]
        more = f", and {len(self.backups) - 1} more" if len(self.backups) > 1 else ""
        return f"log backup of {first['user_name']} with {first['software']} to {first['path']} at {when}{more}"


def is_real(backup):
    """A backup that can be restored from its files."""
    return not backup["is_snapshot"] and not backup["is_damaged"]


def file_of(path):
    """The last part of a path or URL, as names are compared."""
    return (path or "").replace("/", "\\").rpartition("\\")[2].casefold()


def is_of_the_job(backup, files):
    """Whether BizTalk's procedures made a backup: by its row in BizTalk's history (*files*), or by the form of its name."""
    name = file_of(backup["path"])
    return name in files or bool(OF_THE_JOB.search(name))


def breaks_of(backups, clock, files, complete_files):
    """The ``Break``s in the chain of one database, oldest first, and the base: its newest full backup in a complete set, or None.

    *backups*: rows of msdb of the database. *files*: names of the files of the job's sets, *complete_files*: of those that are complete.
    """
    rows = [row for row in backups if row["type"] in ("full", "log") and is_real(row) and not row["is_copy_only"]
            and row["first_lsn"] is not None and row["last_lsn"] is not None]
    rows.sort(key=lambda row: (ended(row, clock), row["id"]))
    breaks, reached, waiting, base = [], None, [], None
    for row in rows:
        last = int(row["last_lsn"])
        if row["type"] == "full":
            if file_of(row["path"]) in complete_files:
                if waiting:
                    breaks.append(Break(FOREIGN, ended(waiting[0], clock), waiting))
                for broken in breaks:
                    broken.mended = broken.mended or ended(row, clock)
                base, waiting, reached = row, [], max(last, reached or 0)
        elif not is_of_the_job(row, files):
            if reached is None or last > reached:
                waiting.append(row)
        else:
            first = int(row["first_lsn"])
            if reached is not None and first > reached:
                kind = FOREIGN if waiting else RESTARTED if row["begins_log_chain"] else GAP
                breaks.append(Break(kind, ended((waiting or [row])[0], clock), waiting))
            waiting, reached = [], max(last, reached or 0)
    if waiting and reached is not None:
        breaks.append(Break(FOREIGN, ended(waiting[0], clock), waiting))
    return breaks, base


def ended(row, clock):
    """When a backup was finished, UTC."""
    return clock.utc(row["finished"], row["offset_minutes"])


def began(row, clock):
    return clock.utc(row["started"], row["offset_minutes"])


def foreign(backups, clock, files, archive_folder=None):
    """Backups of databases of the job that another program or person made and that are not copy-only, grouped.

    *archive_folder*: where the job that archives the tracking database writes its full backups, which belong to the product.
    """
    groups = {}
    for row in backups:
        if row["type"] not in ("full", "log") or row["is_copy_only"] or row["is_snapshot"] or is_of_the_job(row, files):
            continue
        if archive_folder and row["type"] == "full" and folder_of(row["path"]) == archive_folder.rstrip("\\/").casefold():
            continue
        at = ended(row, clock)
        group = groups.setdefault((row["database"].casefold(), row["type"], row["user_name"], row["software"], folder_of(row["path"])), {
            "name": f"{row['type']} backup of {row['database']} by {row['user_name']} with {row['software']} to {folder_of(row['path'])}",
            "database": row["database"], "type": row["type"], "login": row["user_name"], "program": row["software"], "path": row["path"],
            "backups": 0, "first_at": told(at), "last_at": told(at)})
        group["backups"] += 1
        if told(at) >= group["last_at"]:
            group.update(last_at=told(at), path=row["path"])
        group["first_at"] = min(group["first_at"], told(at))
    return sorted(groups.values(), key=lambda group: group["last_at"], reverse=True)


def folder_of(path):
    """The folder of a path, as folders are compared."""
    return re.sub(r"[\\/][^\\/]*$", "", path or "").casefold()
