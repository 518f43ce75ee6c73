"""Jobs: what the collection gives to Task Scheduler is carried out by the lab on the estate's clock, and ends where it is ended."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, long_work
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import jobs as area
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs
from lab import files, work
from lab.backend import Backend
from lab.batch import Batch

MANAGEMENT, TASKS = "Microsoft.PowerShell.Management\\", "ScheduledTasks\\"
ANSWER = r"C:\Windows\biztalk.fault_tolerance\jobs\nightly\answer.txt"


@pytest.fixture
def slow(monkeypatch):
    """Renaming takes an hour, and has put a half file there until then."""
    def during(run, given, share):
        files.of(run).write(r"C:\half.txt", f"{share:.2f}")
    monkeypatch.setitem(work.LASTS, (MANAGEMENT + "Rename-Item").casefold(), (lambda run, given: 3600, during))


def write(id, path, **more):
    return batch.call(id, MANAGEMENT + "Set-Content", {"LiteralPath": path, "Value": id}, **more)


def rename(id, path, name):
    return batch.call(id, MANAGEMENT + "Rename-Item", {"LiteralPath": path, "NewName": name})


WORK = {"backup": [write("one", r"C:\one.txt"), rename("two", r"C:\one.txt", "two.txt"), rename("three", r"C:\two.txt", "three.txt")]}


class Host:
    """One host and what the collection asks of it."""

    def __init__(self, console, name="bts01"):
        self.console, self.name = console, name

    def steps(self, steps):
        document = batch.batch({"jobs": jobs.expand(steps)}, "0" * 16)
        seen = answer.parse("\n".join(Batch(Backend(self.console.state, self.name), document).lines()), document)
        assert seen.complete, seen.problems
        return seen.areas["jobs"]

    def known(self):
        return area.shape(self.steps(area.steps({})))

    def job(self, identity="x", **options):
        return long_work.job(self.known(), "nightly", identity, WORK, "the nightly backup", **options)

    def files(self):
        return [entry.properties["Name"] for entry in self.console.ok(self.name, MANAGEMENT + "Get-ChildItem", LiteralPath=["C:\\"], File=True)]


@pytest.fixture
def host(console):
    return Host(console)


def started(host, **options):
    steps, wait, refusal = host.job(**options)
    assert not refusal and len(steps) == 1
    assert all(step.status == "ok" for step in host.steps(steps).steps.values())
    return wait


def poll(host, wait):
    return wait.told(host.steps(wait.steps))


def test_a_job_works_step_by_step_as_the_clock_goes_and_is_found_again(host, slow):
    wait = started(host)
    assert poll(host, wait).state == "running" and host.files() == ["half.txt", "one.txt"]
    host.console.state.move_clock(1800)
    assert host.console.ok(host.name, MANAGEMENT + "Get-Content", LiteralPath=[r"C:\half.txt"]) == ["0.50"]
    steps, again, refusal = host.job()
    assert (steps, refusal) == ([], "") and poll(host, again).state == "running"      # never started twice
    assert "other options" in host.job(identity="y")[2]
    host.console.state.move_clock(1900)
    assert "two.txt" in host.files() and poll(host, wait).state == "running"
    host.console.state.move_clock(7200)
    assert "three.txt" in host.files()
    seen = poll(host, wait)
    assert (seen.state, seen.since) == ("done", "2026-11-24T08:00:00.0000000Z")
    renamed = host.console.ok(host.name, MANAGEMENT + "Get-Item", LiteralPath=[ANSWER])[0].properties["LastWriteTimeUtc"].iso
    assert renamed == "2026-11-24T10:00:00.0000000Z"        # what a job does bears the time at which it was done
    host.steps(wait.finish)
    assert host.known() == [] and host.console.ok(host.name, MANAGEMENT + "Test-Path", LiteralPath=[ANSWER]) == [False]


@pytest.mark.parametrize("way", ["stopped", "crash", "limit"])
def test_a_job_that_is_ended_leaves_the_rest_undone_and_is_broken(host, slow, way):
    wait = started(host, timeout=5000 if way == "limit" else 86400)
    host.console.state.move_clock(4000)
    if way == "stopped":
        host.console.ok(host.name, TASKS + "Stop-ScheduledTask", TaskName="nightly", TaskPath=long_work.TASKS)
    elif way == "crash":
        host.console.state.power(host.name, False)
        host.console.state.move_clock(60)
        host.console.state.power(host.name, True)
    host.console.state.move_clock(7200)
    assert "two.txt" in host.files() and "three.txt" not in host.files()
    assert poll(host, wait).state == "failed" and host.known()[0]["state"] == "broken"
    steps, _wait, refusal = host.job()
    assert not refusal and [step.get("job") for step in steps] == [None, "nightly"]      # taken away, and begun anew


def test_a_lab_for_people_works_faster_than_its_clock(host, slow):
    host.console.state.pace = 60
    wait = started(host)
    host.console.state.move_clock(130)
    assert poll(host, wait).state == "done"


def test_system_goes_to_other_servers_as_the_computer_and_a_session_does_not(console_of):
    estate = {"users": {"{domain}\\admin": {"password": "x"}, "{domain}\\copier$": {"password": None, "admin": False}}, "hosts": {"n1": {}, "n2": {}},
              "shares": {r"\\n2\in": {"path": r"D:\in", "access": {r"CONTOSO\N1$": "Change"}}}}
    host = Host(console_of(estate), "n1")
    share = [write("a", r"\\n2\in\a.txt")]
    assert host.console.refused("n1", MANAGEMENT + "Set-Content", LiteralPath=[r"\\n2\in\a.txt"], Value=["x"]).category == "PermissionDenied"
    for account, outcome in (("SYSTEM", "done"), ("CONTOSO\\copier$", "failed")):
        steps, wait, _refusal = long_work.job(host.known(), "copy", "x", {"backup": share}, "the copy", account)
        done = host.steps(steps)
        assert all(step.status == "ok" for step in done.steps.values()) or outcome == "failed"
        assert (poll(host, wait).state == "done") == (outcome == "done")
        host.console.state.hosts["n1"]["tasks"].clear()


def test_a_task_that_is_not_ours_and_accounts_that_are_not_there_are_refused(host):
    action, = host.console.ok(host.name, TASKS + "New-ScheduledTaskAction", Execute="notepad.exe")
    assert host.console.refused(host.name, TASKS + "Register-ScheduledTask", TaskName="a", Action=[action], User="nobody", Password="x").fqid \
        == "HRESULT 0x80070534,Register-ScheduledTask"
    host.console.ok(host.name, TASKS + "Register-ScheduledTask", TaskName="a", Action=[action], User="SYSTEM")
    assert host.console.refused(host.name, TASKS + "Register-ScheduledTask", TaskName="A", Action=[action], User="SYSTEM").category == "ResourceExists"
    assert host.console.refused(host.name, TASKS + "Start-ScheduledTask", TaskName="a").fqid.startswith("LabDoesNotModel")
    assert host.console.refused(host.name, TASKS + "Start-ScheduledTask", TaskName="b").category == "ObjectNotFound"
    assert host.console.refused(host.name, TASKS + "Get-ScheduledTask", TaskName=["b"]).category == "ObjectNotFound"
    assert host.console.ok(host.name, TASKS + "Get-ScheduledTask", TaskPath=["\\nowhere\\*"]) == []
