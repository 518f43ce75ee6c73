# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Work that outlives a connection: how it is followed, and jobs - scheduled tasks that carry out a batch on the host itself.

WinRM ends what a session started, so a job belongs to Task Scheduler: another run finds it by its name, and its answer lies in a
file until somebody has read it. A job is data until the carrier sends it: ``{"id", "job", "identity", "areas", "account", "limit"}``.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, observed

NAME = re.compile(r"[a-z0-9-]{1,60}")
TASKS = "\\biztalk.fault_tolerance\\"
FOLDER = r"biztalk.fault_tolerance\jobs"     # under %SystemRoot%, where users may not write
INPUT, ANSWER = "input.txt", "answer.txt"
RUNNING, DONE, FAILED = "running", "done", "failed"
DAY = 86400


@dataclass(frozen=True)
class Progress:
    """What a poll found. *state*: running, done or failed; *says*: one sentence; *share*: 0 to 1, or None; *since*: instant, or None;
    *then*: steps that keep what came out, carried out before those that end it."""

    state: str
    says: str
    share: float | None = None
    since: str | None = None
    then: list = field(default_factory=list)


@dataclass(frozen=True)
class Wait:
    """How something long is followed. *what* it is, for people; *steps* of one poll, which change nothing; *told*: what an answer
    (answer.AreaAnswer) of them means; seconds between two polls and until nobody waits any longer; *finish*: steps once it has ended."""

    what: str
    steps: list
    told: Callable
    every: float = 15
    timeout: float = DAY
    finish: list = field(default_factory=list)


def token(name, identity):
    """The token of a job's batch: the same in every run, so that any run can read the answer."""
    return hashlib.sha256(f"{name}\n{identity}".encode()).hexdigest()[:16]


def job(known, name, identity, areas, what, account="SYSTEM", judge=None, then=None, watch=None, every=15, timeout=DAY):
    """``(steps, wait, refusal)`` of a change that is a job.

    *known*: the snapshot of the area ``jobs``. *identity*: what makes it this piece of work and no other, as one text (no time of day in
    it). *areas*: area name -> steps that the job carries out. *account*: ``SYSTEM``, a gMSA (``DOMAIN\\name$``), or ``{"user", "password"}``.
    *judge*: answer.Answer -> what went wrong, or "" (default: the first error of a step). *then*: of a good answer, the steps that keep
    what came out. *watch*: ``(steps, AreaAnswer -> (sentence, share))``,
    read at each poll. No steps: the job is there already and is only followed.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"A job is called by a-z, 0-9 and hyphens, at most 60 of them, not {name!r}.")
    if any(isinstance(value, dict) and {"$secret", "$credential"} & set(value)
           for steps in areas.values() for step in steps for value in step.get("with", {}).values()):
        raise ValueError(f"The job {name} would leave a secret in a file: its batch lies on the host until it has ended.")
    if observed.is_hole(known):
        return [], None, f"Whether {what} is running already could not be read, so it is not started: {observed.detail(known)}"
    start = {"id": "job", "job": name, "identity": identity, "areas": areas, "account": account, "limit": int(timeout)}
    document = batch.batch(areas, token(name, identity))
    wait = Wait(what, poll(name) + (watch[0] if watch else []), _Reader(name, what, document, judge or first_fault, then, watch and watch[1]),
                every, timeout, remove(name))
    there = next((one for one in known if not observed.is_hole(one) and one["name"] == name), None)
    if there is None:
        if any(observed.is_hole(one) for one in known):
            return [], None, f"Not every job of this host could be read, so {what} is not started: {observed.detail(known[-1])}"
        return [start], wait, ""
    if there["identity"] != token(name, identity):
        since = f" (since {there['since']})" if there["since"] else ""
        return [], None, (f"The job {name} of this host is {there['state']}{since} and was started with other options. Let it end and run the "
                          "task that started it once more, so that its result is read; or remove the scheduled task "
                          f"{TASKS}{name} if nobody needs it.")
    if there["state"] in (RUNNING, "ended"):
        return [], wait, ""
    return [_unregister(name, "stale"), start], wait, ""     # registered and never begun, or broken off: nothing of it is worth keeping


def first_fault(answer):
    """Why the steps of a job did not all do their work; "" where they did."""
    if not answer.complete:
        return " ".join(answer.problems) or "its answer is not whole."
    return next((fault for fault in map(answers.first_fault, answer.areas.values()) if fault), "")


def place(id, name):
    """Two steps; the second, *id*, is the path of a job's folder."""
    return [batch.call(f"{id}_root", r"Microsoft.PowerShell.Management\Get-Item", {"LiteralPath": "Env:\\SystemRoot"}),
            batch.call(id, r"Microsoft.PowerShell.Management\Join-Path", {"Path": {"$ref": f"{id}_root", "path": "Value"}, "ChildPath": rf"{FOLDER}\{name}"},
                       select=["."])]


def poll(name):
    """The steps that look at a job."""
    named = {"TaskName": name, "TaskPath": TASKS}
    return [batch.call("task", r"ScheduledTasks\Get-ScheduledTask", named, ["State"]),
            batch.call("info", r"ScheduledTasks\Get-ScheduledTaskInfo", named, ["LastRunTime", "LastTaskResult"]),
            *place("folder", name),
            batch.call("file", r"Microsoft.PowerShell.Management\Join-Path", {"Path": batch.ref("folder"), "ChildPath": ANSWER}),
            batch.call("answer", r"Microsoft.PowerShell.Management\Get-Content", {"LiteralPath": batch.ref("file"), "Raw": True}, ["."])]


def remove(name, id="finish"):
    """The steps that take a job away, task and folder."""
    return [_unregister(name, f"{id}_task"),
            *place(f"{id}_folder", name),
            batch.call(f"{id}_files", r"Microsoft.PowerShell.Management\Remove-Item",
                       {"LiteralPath": batch.ref(f"{id}_folder"), "Recurse": True, "Force": True})]


def _unregister(name, id):
    return batch.call(id, r"ScheduledTasks\Unregister-ScheduledTask", {"TaskName": name, "TaskPath": TASKS, "Confirm": False})


PATIENCE = 4            # polls in which a task that was started may still seem to wait
NEVER_RUN, STILL_RUNS = 267011, 267009      # SCHED_S_TASK_HAS_NOT_RUN, SCHED_S_TASK_RUNNING
STATES = {1: "disabled", 2: RUNNING, 3: "ready", 4: RUNNING}      # MSFT_ScheduledTask.State; queued counts as running


def state(number, last_result, whole):
    """What a task of ours is doing: ``registered`` (never begun), ``running``, ``ended`` (its answer is whole) or ``broken`` (it ended without)."""
    if STATES.get(number) == RUNNING or last_result == STILL_RUNS:
        return RUNNING
    if last_result == NEVER_RUN:
        return "registered"
    return "ended" if whole else "broken"


@dataclass
class _Reader:
    """What a poll of a job means. *unbegun*: polls so far in which the task had not begun."""

    name: str
    what: str
    document: dict
    judge: Callable
    then: Callable | None
    watch: Callable | None
    unbegun: int = 0

    def __call__(self, area):
        steps = area.steps
        task, info = steps["task"], steps["info"]
        if task.status != "ok" or info.status != "ok" or not task.rows() or not info.rows():
            error = next(iter(task.errors() + info.errors()), None)
            said = answers.reason(error) if error else ("missing", "The task was not found.")
            if said[0] == "missing":
                return Progress(FAILED, f"the scheduled task {TASKS}{self.name} is gone; what became of {self.what} is not known.")
            return Progress(RUNNING, f"the scheduled task could not be read: {said[1]}")
        told = info.rows()[0]
        since = told["LastRunTime"] if isinstance(told["LastRunTime"], str) else None
        text = next((row["."] for row in steps["answer"].rows() if isinstance(row["."], str)), "")
        answer = answers.parse(text, self.document)
        now = state(number(task.rows()[0]["State"]), told["LastTaskResult"], answer.complete)
        if now == "registered":
            self.unbegun += 1
            if self.unbegun > PATIENCE:
                return Progress(FAILED, "the scheduled task was registered and never began: look at the right of its account to log on as a batch job.")
            return Progress(RUNNING, f"{self.what} has not begun yet")
        if answer.complete:
            fault = self.judge(answer)
            if fault:
                return Progress(FAILED, fault, since=since)
            return Progress(DONE, f"{self.what} has ended", 1.0, since, self.then(answer) if self.then else [])
        if now == RUNNING:
            says, share = self.watch(area) if self.watch else ("", None)
            return Progress(RUNNING, says or f"{self.what} is running", share, since)
        return Progress(FAILED, f"it ended with {told['LastTaskResult']} and without a whole answer: the host was restarted, the task was stopped, or it "
                                "ran into its time limit.", since=since)


def number(seen):
    return seen["$enum"][0] if isinstance(seen, dict) and "$enum" in seen else seen
