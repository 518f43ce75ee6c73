# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The collection's own jobs on a host: scheduled tasks that carry out long work (module_utils/long_work.py)."""

import json

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, long_work, observed, rows

NAME = "jobs"


def steps(variables):
    """The tasks in our folder, and the last line of each answer. A wildcard, since a folder that is not there would be an error."""
    return [
        batch.call("job_tasks", r"ScheduledTasks\Get-ScheduledTask", {"TaskPath": long_work.TASKS + "*"},
                   ["TaskName", "State", "Description"], needs="ScheduledTasks"),
        batch.call("job_infos", r"ScheduledTasks\Get-ScheduledTaskInfo", select=["LastRunTime", "LastTaskResult"], input="job_tasks"),
        batch.call("job_root", r"Microsoft.PowerShell.Management\Get-Item", {"LiteralPath": "Env:\\SystemRoot"}),
        batch.call("job_folders", r"Microsoft.PowerShell.Management\Join-Path",
                   {"Path": {"$ref": "job_root", "path": "Value"}, "ChildPath": long_work.FOLDER}),
        batch.call("job_answers", r"Microsoft.PowerShell.Management\Get-ChildItem",
                   {"LiteralPath": batch.ref("job_folders"), "Filter": long_work.ANSWER, "Recurse": True, "File": True}, ["Directory.Name"]),
        batch.call("job_ends", r"Microsoft.PowerShell.Management\Get-Content", {"Tail": 1}, ["."], input="job_answers"),
    ]


def shape(area):
    """``[{name, identity, state, since, result}]``; *identity* is the token of the job, *state* as ``long_work.state`` says."""
    folders = [rows.value(row, "Directory.Name") for row in area.steps["job_answers"].rows()]
    ends = area.steps["job_ends"].runs
    whole = {name: bool(end.rows) and _is_end(end.rows[-1]["."]) for name, end in zip(folders, ends, strict=False)}

    def one(row, index):
        info = rows.one(area, "job_infos", index)
        name, result, since = rows.value(row, "TaskName"), rows.value(info, "LastTaskResult"), rows.value(info, "LastRunTime")
        number = long_work.number(row["State"])
        unread = observed.first_hole([name, result])
        if unread:
            return unread
        return {"name": name, "identity": rows.value(row, "Description"), "since": since if isinstance(since, str) else None, "result": result,
                "state": long_work.state(number, result, whole.get(name, False))}
    return rows.every(area, "job_tasks", one)


def _is_end(line):
    try:
        return isinstance(line, str) and json.loads(line).get("kind") == "end"
    except (ValueError, AttributeError):
        return False
