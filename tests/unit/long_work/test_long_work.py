"""Jobs: what a plan does with what it finds, what a poll means, and what Task Scheduler is given."""
from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch, long_work, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import jobs as area_jobs
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs

STEPS = {"work": [batch.call("copied", r"Microsoft.PowerShell.Management\Copy-Item", {"LiteralPath": "C:\\a", "Destination": "C:\\b"})]}
NAME, IDENTITY = "copy-a", "copy C:\\a to C:\\b"
TOKEN = long_work.token(NAME, IDENTITY)


def job(known, **more):
    return long_work.job(known, NAME, IDENTITY, STEPS, "the copy of a", **more)


def found(state, identity=TOKEN, name=NAME):
    return {"name": name, "identity": identity, "state": state, "since": "2026-11-24T08:00:00Z", "result": 0}


def ids(steps):
    return [step.get("job") or step["call"].rpartition("\\")[2] for step in steps]


@pytest.mark.parametrize(("known", "begins"), [
    ([], ["copy-a"]),
    ([found("running", name="other")], ["copy-a"]),
    ([found("running")], []),
    ([found("ended")], []),
    ([found("registered")], ["Unregister-ScheduledTask", "copy-a"]),
    ([found("broken")], ["Unregister-ScheduledTask", "copy-a"]),
])
def test_a_job_that_is_there_is_followed_and_never_started_twice(known, begins):
    steps, wait, refusal = job(known)
    assert (ids(steps), refusal) == (begins, "")
    assert wait.finish and wait.steps


@pytest.mark.parametrize(("known", "words"), [
    ([found("running", identity="0" * 16)], "other options"),
    ([found("ended", identity="0" * 16)], "other options"),
    (observed.hole("denied", "No right."), "No right."),
    ([observed.hole("unreadable", "A task could not be read.")], "could not be read"),
])
def test_what_is_not_known_is_not_started(known, words):
    steps, wait, refusal = job(known)
    assert (steps, wait) == ([], None)
    assert words in refusal


def test_a_job_leaves_no_secret_in_a_file():
    for value in ({"$secret": "s"}, {"$credential": {"user": "u", "password": "s"}}):
        areas = {"work": [batch.call("x", "A\\Get-B", {"P": value})]}
        with pytest.raises(ValueError, match="a secret in a file"):
            long_work.job([], NAME, IDENTITY, areas, "x")


def test_a_name_that_task_scheduler_or_a_folder_would_read_otherwise_is_refused():
    for name in ("", "a b", "..\\x", "A", "a" * 61):
        with pytest.raises(ValueError, match="A job is called by"):
            long_work.job([], name, IDENTITY, STEPS, "x")


def lines(status="ok", errors=()):
    """What the executor writes as the answer of STEPS."""
    line = json.dumps({"bft": TOKEN, "kind": "area", "area": "work", "seconds": 1.0, "steps": [
        {"id": "copied", "status": status, "runs": [{"items": [], "errors": list(errors), "warnings": []}]}]}, separators=(",", ":"))
    end = json.dumps({"bft": TOKEN, "kind": "end", "lines": 1, "sha256": hashlib.sha256(line.encode()).hexdigest()}, separators=(",", ":"))
    return f"{line}\r\n{end}\r\n"


DENIED = {"fqid": "x", "category": "PermissionDenied", "terminating": False,
          "chain": [{"type": "System.UnauthorizedAccessException", "hresult": 2147942405, "native": None, "message": "no"}]}
GONE = {"fqid": "CmdletizationQuery_NotFound_TaskName,Get-ScheduledTask", "category": "ObjectNotFound", "terminating": False, "chain": []}


def polled(number=4, result=267009, text="", errors=()):
    """The answer of one poll."""
    def step(id, rows, errors=()):
        return answers.StepAnswer(id, "failed" if errors else "ok", "", [answers.Run(rows, list(errors), [])])
    return answers.AreaAnswer("follow", 0.1, {
        "task": step("task", [] if errors else [{"State": {"$enum": [number, "x"]}}], errors),
        "info": step("info", [] if errors else [{"LastRunTime": "2026-11-24T08:00:00Z", "LastTaskResult": result}], errors),
        "answer": step("answer", [{".": text}])})


@pytest.mark.parametrize(("area", "state", "words"), [
    (polled(), "running", "is running"),
    (polled(text=lines()[:120]), "running", "is running"),
    (polled(3, 0, lines()), "done", "has ended"),
    (polled(4, 267009, lines()), "done", "has ended"),
    (polled(3, 0, lines("failed", [DENIED])), "failed", "no right"),
    (polled(3, 0, lines()[:120]), "failed", "without a whole answer"),
    (polled(3, 2147942401), "failed", "2147942401"),
    (polled(3, 267011, lines()), "running", "not begun yet"),
    (polled(errors=[GONE]), "failed", "is gone"),
    (polled(errors=[DENIED]), "running", "could not be read"),
])
def test_what_a_poll_means(area, state, words):
    _steps, wait, _refusal = job([])
    told = wait.told(area)
    assert told.state == state
    assert words in told.says


def test_a_task_that_never_begins_is_given_up():
    _steps, wait, _refusal = job([])
    told = [wait.told(polled(3, 267011)).state for _poll in range(5)]
    assert told == ["running"] * 4 + ["failed"]


def test_a_resource_may_judge_the_answer_and_watch_the_work():
    _steps, wait, _refusal = job([], judge=lambda answer: "the catalogue says: failed", watch=([], lambda area: ("3 of 6 components", 0.5)))
    assert wait.told(polled(3, 0, lines())) == long_work.Progress("failed", "the catalogue says: failed", since="2026-11-24T08:00:00Z")
    assert wait.told(polled()) == long_work.Progress("running", "3 of 6 components", 0.5, "2026-11-24T08:00:00Z")


@pytest.mark.parametrize("account", ["SYSTEM", "CONTOSO\\gmsa-backup$", {"user": "CONTOSO\\svc", "password": "s3cret"}])
def test_task_scheduler_gets_one_constant_line_and_nothing_of_the_job_in_it(account):
    steps, _wait, _refusal = job([], account=account)
    document = batch.batch({"change": jobs.expand(steps)}, "0" * 16)
    by_id = {step["id"]: step for step in document["areas"][0]["steps"]}
    assert by_id["job_action"]["with"]["Argument"] == jobs.LINE
    assert "copy" not in jobs.LINE and len(jobs.LINE) < 8000
    assert by_id["job_registered"]["with"].get("Force") is None, "registering over a task that is there would start it twice"
    assert by_id["job_registered"]["with"]["Description"] == TOKEN
    texts = json.dumps([step for id, step in by_id.items() if id != "job_registered"])
    assert "s3cret" not in texts
    assert ("job_principal" in by_id) == isinstance(account, str)
    if account == "SYSTEM":
        assert by_id["job_principal"]["with"]["UserId"] == "S-1-5-18"
    order = [step["id"] for step in document["areas"][0]["steps"]]
    assert order.index("job_emptied") < order.index("job_registered") < order.index("job_started")


def test_the_area_tells_what_a_job_is_doing():
    def step(id, runs):
        return answers.StepAnswer(id, "ok", "", [answers.Run(rows, [], []) for rows in runs])
    tasks = [{"TaskName": name, "State": {"$enum": [number, "x"]}, "Description": TOKEN} for name, number in (("a", 4), ("b", 3), ("c", 3), ("d", 3))]
    area = answers.AreaAnswer("jobs", 0.1, {
        "job_tasks": step("job_tasks", [tasks]),
        "job_infos": step("job_infos", [[{"LastRunTime": "2026-11-24T08:00:00Z", "LastTaskResult": result}] for result in (267009, 0, 1, 267011)]),
        "job_answers": step("job_answers", [[{"Directory.Name": "b"}, {"Directory.Name": "c"}]]),
        "job_ends": step("job_ends", [[{".": '{"bft":"x","kind":"end","lines":0,"sha256":""}'}], [{".": '{"bft":"x","ki'}]])})
    shaped = area_jobs.shape(area)
    assert [one["state"] for one in shaped] == ["running", "ended", "broken", "registered"]
    batch.batch({"jobs": area_jobs.steps({})}, "0" * 16)
