# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What speaks against the arguments that the job "Backup BizTalk Server" shall run with: reasons to refuse them, and what to warn of.

*biztalk* is ``backup_history.biztalk`` of the snapshot, a hole or null where the management database was not read.
"""

import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_job, backup_place, backup_steps, log_chains, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.agent_job import Refused

PARAMETERS = {"mark_name": "@MarkName", "path": "@BackupPath"}
PERIOD_DAYS = {"h": 1, "d": 1, "w": 7, "m": 31, "y": 366}
MARK = re.compile(r"(.*)_\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d_\d{3}", re.DOTALL)


def check_options(options):
    """Raises Refused where an option cannot be right on any server."""
    path, mark = options.get("path"), options.get("mark_name")
    if path is not None and not any(form.fullmatch(path) for form in (backup_place.URL, backup_place.UNC, backup_place.DRIVE)):
        raise Refused(f"{path!r} is neither a share such as \\\\server\\share\\folder, nor a folder such as E:\\backup, nor the URL of a container.")
    if mark is not None and not re.fullmatch(r"[^\\/:*?\"<>|\s]+", mark):
        raise Refused(f"The mark name {mark!r} becomes part of file names: use letters and digits.")
    if options.get("history_days") is not None and not 1 <= options["history_days"] <= 32767:
        raise Refused("history_days must be between 1 and 32767: below 1 the procedure deletes nothing, and it takes a smallint.")
    if options.get("keep_files_days") is not None and not 2 <= options["keep_files_days"] <= 32767:
        raise Refused("keep_files_days must be between 2 and 32767: with 1 or less the procedure deletes nothing.")


def check_lengths(steps, biztalk):
    """Raises Refused where a value is longer than the procedure's parameter, which cuts it without a word."""
    for step in steps:
        for argument, parameter in PARAMETERS.items():
            text = step["arguments"].get(argument) or ""
            longest = _length(biztalk, step["procedure"], parameter) or backup_job.LONGEST[argument]
            units = backup_job.characters(text)
            if units > longest:
                raise Refused(f"{argument} {text!r} has {units} characters, and {parameter} of {step['procedure']} takes {longest}: it would be cut "
                              "silently. Use a shorter one.")


def _length(biztalk, procedure, parameter):
    for row in _rows(biztalk, "procedures"):
        if row["name"].casefold() == (procedure or "").casefold():
            return next((one["length"] for one in row["parameters"] if one["name"].casefold() == parameter.casefold()), None)
    return None


def _rows(biztalk, name):
    """The rows of a list that were seen."""
    if biztalk is None or observed.is_hole(biztalk) or observed.is_hole(biztalk[name]):
        return []
    return [row for row in biztalk[name] if not observed.is_hole(row)]


def _unseen(biztalk, name):
    """The hole in a list of BizTalk's tables, None where all of it was seen."""
    if biztalk is None:
        return observed.hole("absent", "this instance holds no management database.")
    if observed.is_hole(biztalk) or observed.is_hole(biztalk[name]):
        return biztalk if observed.is_hole(biztalk) else biztalk[name]
    return next((row for row in biztalk[name] if observed.is_hole(row)), None)


def check_mark_name(job, before, wanted, biztalk):
    """Raises Refused where the history step would delete log rows of the *wanted* mark name: it deletes up to the highest old mark, by text."""
    if wanted is None:
        return
    unseen = _unseen(biztalk, "history")
    marks = {MARK.fullmatch(row["mark"])[1] for row in _rows(biztalk, "history") if row["mark"] and MARK.fullmatch(row["mark"])}
    if unseen or job["last_run"] is not None:
        marks |= {step["arguments"]["mark_name"] for step in backup_steps.of_role(before, "log") if step["arguments"].get("mark_name")}
    for old in sorted(marks - {wanted}):
        plain = all(name.isascii() and name.isalnum() for name in (old, wanted))
        if not plain or wanted.casefold() < old.casefold():
            said = "sorts before" if plain else "may sort before"
            raise Refused(f"The mark name {wanted} {said} {old}, under which log backups are recorded: the history step deletes log rows up to the "
                          f"highest old mark by text, so it would delete new ones. Use letters and digits that sort after {old}.")


def check_place(paths, share_required, in_group, sql):
    """What to warn of a local path; raises Refused where it cannot do. *in_group*: whether the databases are in an availability group."""
    own = backup_place.own_machines(sql)
    places = {path: backup_place.is_elsewhere(path, own) for path in sorted(paths)}
    local = [path for path, elsewhere in places.items() if elsewhere is False]
    unsure = [f"not checked: whether {path} is a disk of this server ({observed.detail(elsewhere)})"
              for path, elsewhere in places.items() if observed.is_hole(elsewhere)]
    for path in local:
        if in_group is True:
            raise Refused(f"{path} is a disk of one server, and the databases are in an availability group: each replica would keep a part of the "
                          "backups. Use a share.")
        if share_required:
            raise Refused(f"{path} is a disk of this server, and another site needs the files. Use a share that it reaches.")
        if observed.is_hole(in_group):
            unsure.append(f"not checked: whether the databases are in an availability group, of which each replica would keep a part of the backups "
                          f"in {path} ({observed.detail(in_group)})")
    return unsure + [f"{path} is a disk of this server: it is lost with it, and a log shipping destination looks for the files under the same path. "
                     "A share would serve both." for path in local]


def check_retention(options, reading, path):
    """What to warn of where files are deleted; raises Refused where the last full backup could be among them."""
    days = options.get("keep_files_days")
    if days is None:
        return []
    if any(backup_place.URL.match(one) for one in path):
        raise Refused("The procedure that deletes files cannot delete blobs. Use history_days, and a lifecycle rule of the storage account.")
    for step in backup_steps.of_role(reading, "full"):
        period = PERIOD_DAYS.get(backup_job.value(step, "frequency"), 0)
        if days <= period:
            raise Refused(f"With {days} days the files of the last full backup could be deleted before the next one is made: fulls are {period} days "
                          "apart. Keep files longer.")
    return [f"Files older than {days} days will be deleted, by the server's local time, whether or not a newer full backup is complete or a "
            "log shipping destination has restored them."]


def foreign_logs(history, biztalk):
    """What to warn of: log backups of the same databases that somebody else makes break the chain."""
    rows = history["msdb"] if not observed.is_hole(history) else history
    names = {row["database"].casefold() for row in _rows(biztalk, "databases")}
    if observed.is_hole(rows) or _unseen(biztalk, "databases"):
        why = rows if observed.is_hole(rows) else _unseen(biztalk, "databases")
        return [f"not checked: whether anything else makes log backups of the same databases ({observed.detail(why)})"]
    files = {(row["file"] or "").casefold() for row in _rows(biztalk, "history")}
    culprits = {}
    for row in rows:
        if observed.is_hole(row) or row["type"] != "log" or row["is_copy_only"] or row["database"].casefold() not in names:
            continue
        if not log_chains.is_of_the_job(row, files):
            culprits.setdefault((row["user_name"], row["software"], log_chains.folder_of(row["path"])), set()).add(row["database"])
    return [f"{user} makes log backups of {', '.join(sorted(databases))} with {software} in {folder}: they break the chain of this job, whose "
            "backups cannot be restored without them. Stop them." for (user, software, folder), databases in sorted(culprits.items(), key=str)]


def unchecked(paths, history, biztalk, sql):
    """What could not be seen of whether the backups can be written: nothing where a complete full set lies in the same place already."""
    done = {_place(row["location"]) for row in _rows(biztalk, "history") if row["complete"] and row["type"] == "full"}
    new = [path for path in sorted(paths) if _place(path) not in done]
    if not new:
        return []
    account = "the service account"
    if not observed.is_hole(sql) and not observed.is_hole(sql["services"]):
        account = next((one["account"] for one in sql["services"] if not observed.is_hole(one) and one["kind"] == "engine"
                        and isinstance(one["account"], str)), account)
    size = _full_size(sql, biztalk)
    one_set = "one full set" if size is None else f"one full set (the databases here have {size / 2**30:.1f} GiB of data files)"
    return [f"not checked: whether {account} can write to {path}, and whether {one_set} fits there; no complete full set of the last "
            f"{14 if observed.is_hole(history) else history['window_days']} days lies in it" for path in new]


def _place(path):
    return (path or "").rstrip("\\/").casefold()


def _full_size(sql, biztalk):
    """Bytes of the data files of the databases of the job on this instance, None where they were not all seen."""
    if observed.is_hole(sql) or observed.is_hole(sql["databases"]) or _unseen(biztalk, "databases"):
        return None
    names = {row["database"].casefold() for row in _rows(biztalk, "databases")}
    size = 0
    for one in sql["databases"]:
        if observed.is_hole(one) or one["name"].casefold() in names and (observed.is_hole(one["files"]) or any(map(observed.is_hole, one["files"]))):
            return None
        if one["name"].casefold() in names:
            size += sum(file["bytes"] for file in one["files"] if file["kind"] == "rows")
    return size or None
