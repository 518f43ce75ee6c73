"""The jobs that hosts' Task Schedulers carry out: each a batch in its task's folder, begun by the constant line of the collection.

The steps are carried out one after the other as the estate's clock passes, each at its end (lab/work.py says how long it lasts); what a step
has done half is told by its ``during``. A host that is switched off, a task that is stopped or a lab that ends leaves the rest undone.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from lab import batch, files
from lab.backend import Backend

TERMINATED, HAS_NOT_RUN, RUNNING, ABORTED = 267014, 267011, 267009, 3221225786      # SCHED_S_...; STATUS_CONTROL_C_EXIT
LINE = re.compile(r"/d /c (PowerShell .+) <(\S+) >(\S+) 2>(\S+)")


@dataclass
class Execution:
    """A job that is running: *parts* of its batch still to come, since when the one at hand is worked on, and until when it may run."""

    parts: object
    backend: object
    answer: str                     # path of the file that standard output goes to
    began: str
    until: str
    step: tuple = (0, None)         # seconds of the step at hand, and what tells of it half done


def start(state, host, key, task):
    """Begins a task. Raises batch.Refused where its action is not the constant line of a job."""
    command = LINE.fullmatch(task["argument"] or "")
    if not command or not files.expanded(state.hosts[host], task["execute"]).casefold().endswith(r"\cmd.exe"):
        raise batch.Refused(f"it carries out only jobs of this collection, not {task['execute']} {task['argument']}")
    computer = f"{state.hosts[host]['domain'].split('.')[0].upper()}\\{state.hosts[host]['name']}$"
    user = task["user"]
    backend = Backend(state, host, user, computer if user == files.SYSTEM else user)
    view = files.View(state, host, user, backend.network)
    folder = task["folder"].rstrip("\\")
    answer = f"{folder}\\{command[3]}"
    view.write(answer, b"")
    view.write(f"{folder}\\{command[4]}", b"")
    task.update(last_run=state.clock, result=RUNNING)
    work = batch.begun(backend, command[1], view.read(f"{folder}\\{command[2]}"))
    state.jobs[host, key] = Execution(work, backend, answer, state.clock, state.later(state.clock, task["limit"]))
    advance(state)


def end(state, host, key, result):
    """A job is over, with what it did."""
    state.jobs.pop((host, key), None)
    task = state.hosts[host]["tasks"].get(key)
    if task is not None:
        task["result"] = result


def advance(state):
    """Carries every job on to the estate's clock."""
    if not state.jobs or state.working:
        return
    state.working = True
    try:
        went = [_advance(state, host, key, job) for (host, key), job in list(state.jobs.items())]
    finally:
        state.working = False
    if any(went):
        state.save()


def _advance(state, host, key, job):
    """Carries one job on; whether it has done anything."""
    now, went = state.clock, False
    while True:
        length, during = job.step
        due = state.later(job.began, length / state.pace)
        if not state.hosts[host]["powered"] or job.until <= min(due, now):
            end(state, host, key, TERMINATED if state.hosts[host]["powered"] else ABORTED)
            return True
        if due > now:
            if during and length:
                during(state.worked(job.began) / length)
            return went
        job.began, went = due, True
        with state.at(due):
            try:
                part = next(job.parts)
            except StopIteration as over:
                end(state, host, key, over.value or 0)
                return True
            if isinstance(part, tuple):
                job.step = part
                continue
            job.step = (0, None)
            view = files.View(state, host, files.SYSTEM)
            view.write(job.answer, view.read(job.answer) + part.encode("ascii") + b"\r\n")
