# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Turns a job (module_utils/long_work.py) into the steps that give it to Task Scheduler.

The task's action is one constant line: cmd hands the file with executor and batch to the very command that a connection would start,
and keeps its answer in another file. That is why nothing of a job has to be built into a command line.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, long_work
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

LINE = f"/d /c {host.COMMAND} <{long_work.INPUT} >{long_work.ANSWER} 2>errors.txt"
LOCAL_SYSTEM = "S-1-5-18"       # by its SID: the name is translated
IGNORE_NEW = "IgnoreNew"
MANAGEMENT = "Microsoft.PowerShell.Management\\"


def expand(steps):
    """The steps with every job in its own ones. Registering refuses a name that is there, so a job is never started twice."""
    return [part for step in steps for part in (_registered(step) if "job" in step else [step])]


def _registered(step):
    name, account = step["job"], step["account"]
    document = batch.batch(step["areas"], long_work.token(name, step["identity"]), step["limit"])
    stop = {"on_error": "stop"}
    principal, given = [], {"Principal": batch.ref("job_principal")}
    if isinstance(account, dict):       # its password is kept by Task Scheduler, and stands in event 4103 where module logging is on
        given = {"User": account["user"], "Password": account["password"], "RunLevel": "Highest"}
    else:
        system = account == "SYSTEM"
        principal = [batch.call("job_principal", r"ScheduledTasks\New-ScheduledTaskPrincipal", {
            "UserId": LOCAL_SYSTEM if system else account, "LogonType": "ServiceAccount" if system else "Password", "RunLevel": "Highest"}, **stop)]
    return [
        *long_work.place("job_folder", name),
        batch.call("job_made", MANAGEMENT + "New-Item", {"Path": batch.ref("job_folder"), "ItemType": "Directory", "Force": True}, **stop),
        batch.call("job_input", MANAGEMENT + "Join-Path", {"Path": batch.ref("job_folder"), "ChildPath": long_work.INPUT}, **stop),
        batch.call("job_written", MANAGEMENT + "Set-Content", {
            "LiteralPath": batch.ref("job_input"), "Value": host.standard_input(document), "Encoding": "Ascii", "NoNewline": True}, **stop),
        # an answer of an earlier job must not be taken for this one's
        batch.call("job_answer", MANAGEMENT + "Join-Path", {"Path": batch.ref("job_folder"), "ChildPath": long_work.ANSWER}, **stop),
        batch.call("job_emptied", MANAGEMENT + "Set-Content", {"LiteralPath": batch.ref("job_answer"), "Value": "", "NoNewline": True}, **stop),
        batch.call("job_action", r"ScheduledTasks\New-ScheduledTaskAction", {
            "Execute": r"%SystemRoot%\System32\cmd.exe", "Argument": LINE, "WorkingDirectory": batch.ref("job_folder")}, **stop),
        batch.call("job_settings", r"ScheduledTasks\New-ScheduledTaskSettingsSet", {
            "ExecutionTimeLimit": {"$timespan": step["limit"]}, "MultipleInstances": IGNORE_NEW, "AllowStartIfOnBatteries": True}, **stop),
        *principal,
        batch.call("job_registered", r"ScheduledTasks\Register-ScheduledTask", {
            "TaskName": name, "TaskPath": long_work.TASKS, "Description": document["bft"], "Action": batch.ref("job_action"),
            "Settings": batch.ref("job_settings"), **given}, **stop),
        batch.call("job_started", r"ScheduledTasks\Start-ScheduledTask", {"TaskName": name, "TaskPath": long_work.TASKS}, **stop),
    ]
