"""Task Scheduler: tasks in a host's document, by path and name. Their jobs are carried out by lab/jobs.py; triggers are not modelled."""
from __future__ import annotations

import fnmatch
import re

from lab import batch, files, jobs
from lab.backend import cmdlet
from lab.values import Enum, Instant, Obj, Secret, link, not_modelled

MODULE = "ScheduledTasks\\"
DOCS = "reference pages of ScheduledTasks; Task Scheduler error and success constants"
CIM = "Microsoft.Management.Infrastructure.CimInstance#Root/Microsoft/Windows/TaskScheduler/"
GENERATED = "Microsoft.PowerShell.Cmdletization.GeneratedTypes.ScheduledTask."
STATES = {1: "Disabled", 3: "Ready", 4: "Running"}
SYSTEM = ("s-1-5-18", "system", r"nt authority\system")
NEVER = Instant("1999-11-29T23:00:00.0000000Z")     # 30 November 1999, local time
EXISTS, NOT_THERE, NO_ACCOUNT, WRONG_PASSWORD, DISABLED, DENIED = 0x800700B7, 0x80070002, 0x80070534, 0x8007052E, 0x80041326, 0x80070005


def _failed(run, code, category, message):
    return run.error(f"HRESULT 0x{code:08x}", category, link("Microsoft.Management.Infrastructure.CimException", message, code))


def _administrator(run):
    if not run.state.user(run.backend.user)["admin"]:
        raise _failed(run, DENIED, "PermissionDenied", "Access is denied.")


def _tasks(run):
    return run.host["tasks"]


def _folder(path):
    return "\\" + (path or "\\").strip("\\") + ("\\" if (path or "\\").strip("\\") else "")


def _state(run, key, task):
    return 4 if (run.backend.host, key) in run.state.jobs else 3 if task["enabled"] else 1


def _shown(run, key, task):
    number = _state(run, key, task)
    return Obj(CIM + "MSFT_ScheduledTask", f"task/{run.backend.host}/{key}", {
        "TaskName": task["name"], "TaskPath": task["path"], "URI": task["path"] + task["name"], "Description": task["description"],
        "State": Enum(GENERATED + "StateEnum", number, STATES[number]), "Author": None, "Date": None, "Documentation": None, "SecurityDescriptor": None,
        "Source": None, "Version": None, "Triggers": None,
        "Actions": [Obj(CIM + "MSFT_TaskExecAction", f"action/{key}", {"Id": None, "Execute": task["execute"], "Arguments": task["argument"],
                                                                       "WorkingDirectory": task["folder"]})],
        "Principal": Obj(CIM + "MSFT_TaskPrincipal2", f"principal/{key}", {"UserId": task["user"].rpartition("\\")[2] if task["user"] == files.SYSTEM
                                                                           else task["user"]})})


def _info(run, key, task):
    result = task["result"]
    if result == jobs.RUNNING and (run.backend.host, key) not in run.state.jobs:
        result = jobs.ABORTED       # the lab has ended meanwhile
    return Obj(CIM + "MSFT_TaskDynamicInfo", f"info/{run.backend.host}/{key}", {
        "TaskName": task["name"], "TaskPath": task["path"], "LastRunTime": Instant(task["last_run"]) if task["last_run"] else NEVER,
        "LastTaskResult": result, "NextRunTime": None, "NumberOfMissedRuns": 0})


def _found(run):
    """``[(key, task)]`` that -TaskName and -TaskPath name, wildcards honoured, or that was piped in."""
    if run.piped is not None or run.get("InputObject"):
        obj = run.piped or run.get("InputObject")
        name, path = obj.properties["TaskName"], obj.properties["TaskPath"]
        return [(key, task) for key, task in _tasks(run).items() if (task["name"], task["path"]) == (name, path)]
    names, paths = (value if isinstance(value, list) else [value] for value in (run.get("TaskName") or ["*"], run.get("TaskPath") or ["*"]))
    found = [(key, task) for key, task in sorted(_tasks(run).items())
             if any(fnmatch.fnmatchcase(task["name"].casefold(), name.casefold()) for name in names)
             and any(fnmatch.fnmatchcase(task["path"].casefold(), path.casefold() if "*" in path else _folder(path).casefold()) for path in paths)]
    return found


def _one(run):
    """The task of an exact name. Raises as the service does where it is not there."""
    found = list(_found(run))
    if not found:
        raise _failed(run, NOT_THERE, "ObjectNotFound", "The system cannot find the file specified.")
    return found[0]


def _no_task(run, name):
    return run.error("CmdletizationQuery_NotFound_TaskName", "ObjectNotFound", link(
        "Microsoft.PowerShell.Cmdletization.Cim.CimJobException",
        f"No MSFT_ScheduledTask objects found with property 'TaskName' equal to '{name}'.  Verify the value of the property and retry.", 2148734208))


# --- parts of a task

@cmdlet(MODULE + "New-ScheduledTaskAction", takes="Execute Argument WorkingDirectory", source=DOCS)
def new_action(run):
    """What a task starts; nothing is changed by it."""
    return [Obj(CIM + "MSFT_TaskExecAction", "action/new", {"Id": None, "Execute": run.get("Execute"), "Arguments": run.get("Argument"),
                                                            "WorkingDirectory": run.get("WorkingDirectory")})]


@cmdlet(MODULE + "New-ScheduledTaskSettingsSet", takes="ExecutionTimeLimit MultipleInstances AllowStartIfOnBatteries DontStopIfGoingOnBatteries", source=DOCS)
def new_settings(run):
    """How a task is carried out; nothing is changed by it."""
    limit = run.get("ExecutionTimeLimit")
    return [Obj(CIM + "MSFT_TaskSettings3", "settings/new", {
        "ExecutionTimeLimit": limit and f"PT{int(limit.seconds)}S", "MultipleInstances": run.get("MultipleInstances", "IgnoreNew"), "Enabled": True})]


@cmdlet(MODULE + "New-ScheduledTaskPrincipal", takes="UserId LogonType RunLevel", source=DOCS)
def new_principal(run):
    """Whom a task runs as; nothing is changed by it."""
    return [Obj(CIM + "MSFT_TaskPrincipal2", "principal/new", {name: run.get(name) for name in ("UserId", "LogonType", "RunLevel")})]


# --- tasks

@cmdlet(MODULE + "Register-ScheduledTask", takes="TaskName TaskPath Description Action Settings Principal User Password RunLevel", source=DOCS, changes=True,
        assumed="a group managed account is one that the estate knows; what a wrong password and an unknown account are answered with")
def register_task(run):
    """Makes a task; one of that path and name is an error without -Force."""
    _administrator(run)
    path, name = _folder(run.get("TaskPath")), run.get("TaskName")
    key = (path + name).casefold()
    if key in _tasks(run) and not run.get("Force"):
        raise _failed(run, EXISTS, "ResourceExists", "Cannot create a file when that file already exists.")
    action = run.get("Action")
    action = action[0] if isinstance(action, list) else action
    principal = run.get("Principal")
    user = principal.properties["UserId"] if principal else run.get("User") or run.backend.user
    if user.casefold() in SYSTEM:
        user = files.SYSTEM
    known = run.state.user(user)
    if known is None:
        raise _failed(run, NO_ACCOUNT, "NotSpecified", "No mapping between account names and security IDs was done.")
    if user != files.SYSTEM and not user.endswith("$"):
        password = run.get("Password")
        if (password.text if isinstance(password, Secret) else password) != known["password"]:
            raise _failed(run, WRONG_PASSWORD, "AuthenticationError", "The user name or password is incorrect.")
    settings = run.get("Settings")
    limit = re.fullmatch(r"PT(\d+)S", (settings and settings.properties["ExecutionTimeLimit"]) or "PT259200S")       # three days
    _tasks(run)[key] = {
        "name": name, "path": path, "description": run.get("Description"), "enabled": True, "execute": action.properties["Execute"],
        "argument": action.properties["Arguments"], "folder": action.properties["WorkingDirectory"], "user": user, "limit": int(limit[1]),
        "last_run": None, "result": jobs.HAS_NOT_RUN}
    return [_shown(run, key, _tasks(run)[key])]


@cmdlet(MODULE + "Get-ScheduledTask", takes="TaskName TaskPath", source=DOCS)
def get_task(run):
    """The tasks that names and paths, with wildcards, let through; an exact name that is not there is an error."""
    found = _found(run)
    for name in run.get("TaskName") or ():
        if not found and not re.search(r"[*?\[]", name):
            raise _no_task(run, name)
    return [_shown(run, key, task) for key, task in found]


@cmdlet(MODULE + "Get-ScheduledTaskInfo", takes="TaskName TaskPath InputObject", source=DOCS,
        assumed="a task that never ran shows 30 November 1999 as its last run")
def get_taskinfo(run):
    """When a task ran last and what came of it."""
    return [_info(run, *_one(run))]


@cmdlet(MODULE + "Start-ScheduledTask", takes="TaskName TaskPath InputObject", source=DOCS, changes=True)
def start_task(run):
    """Starts a task; one that is running is left alone (its settings say so)."""
    _administrator(run)
    key, task = _one(run)
    if not task["enabled"]:
        raise _failed(run, DISABLED, "InvalidOperation", "The task is disabled.")
    if (run.backend.host, key) not in run.state.jobs:
        try:
            jobs.start(run.state, run.backend.host, key, task)
        except batch.Refused as refused:
            raise not_modelled(f"the task {task['path']}{task['name']}: {refused}") from refused
        except files.Problem as problem:
            raise not_modelled(f"a task whose folder or input is not there or not its own ({problem})") from problem
    return []


@cmdlet(MODULE + "Stop-ScheduledTask", takes="TaskName TaskPath InputObject", source=DOCS, changes=True)
def stop_task(run):
    """Ends what a task is doing; the rest of it stays undone."""
    _administrator(run)
    key, _task = _one(run)
    if (run.backend.host, key) in run.state.jobs:
        jobs.end(run.state, run.backend.host, key, jobs.TERMINATED)
    return []


@cmdlet(MODULE + "Unregister-ScheduledTask", takes="TaskName TaskPath InputObject", source=DOCS, changes=True,
        assumed="what the task is doing ends with it")
def unregister_task(run):
    """Removes tasks."""
    _administrator(run)
    found = _found(run)
    if not found and not any("*" in name for name in run.get("TaskName") or ["*"]):
        raise _no_task(run, run.get("TaskName")[0])
    for key, _task in found:
        run.state.jobs.pop((run.backend.host, key), None)
        del _tasks(run)[key]
    return []


def _enable(run, on):
    _administrator(run)
    key, task = _one(run)
    task["enabled"] = on
    return [_shown(run, key, task)]


@cmdlet(MODULE + "Enable-ScheduledTask", takes="TaskName TaskPath InputObject", source=DOCS, changes=True)
def enable_task(run):
    """Lets a task be started again."""
    return _enable(run, True)


@cmdlet(MODULE + "Disable-ScheduledTask", takes="TaskName TaskPath InputObject", source=DOCS, changes=True)
def disable_task(run):
    """Keeps a task from being started."""
    return _enable(run, False)
