"""backup_vault on the lab's hosts: from a plan to copies that are whole, over jobs that are cut, and to nothing else."""
from __future__ import annotations

import pytest
from vault_lab import CLOCK, Site

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, backup_folder, batch, long_work
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call
from ansible_collections.biztalk.fault_tolerance.plugins.modules import backup_vault as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs
from lab import files
from lab.backend import Backend
from lab.batch import Batch

ITEMS = "Microsoft.PowerShell.Management\\"
VAULT = r"\\vault02\vault"
SOURCE = r"E:\sets"
GMSA = r"CONTOSO\gmsa-vault$"
DEFAULTS = {name: spec.get("default") for name, spec in module.ARGUMENT_SPEC.items()}


def options(**more):
    return {**DEFAULTS, "vault": VAULT, "folder": r"C:\sets", "kinds": ["iis"], **more}


class Task:
    """What the controller does with the module on one host, without Ansible."""

    def __init__(self, site=None, host="iis01"):
        self.site, self.host = site or Site(), host

    def snapshot(self, given):
        areas = {name: AREAS[name].steps(module.about(given)) for name in module.AREAS}
        came = self.site.carry_out(self.host, areas)
        return {"host": came.host, "areas": {name: shaped(name, came.areas.get(name)) for name in areas}}

    def plan(self, given):
        return module.plan(given, self.snapshot(given))

    def send(self, steps):
        document = batch.batch({"x": jobs.expand(steps)}, "0" * 16)
        return answer.parse("\n".join(Batch(Backend(self.site.state, self.host), document).lines()), document).areas["x"]

    def start(self, change):
        for step in self.send(change.steps).steps.values() if change.steps else ():
            assert step.status == "ok", (step.id, step.reason, step.errors())

    def follow(self, wait):
        """What a job came to; a poll at a time, an hour apart."""
        for _poll in range(50):
            told = wait.told(self.send(wait.steps))
            if told.state != long_work.RUNNING:
                for step in self.send(told.then + wait.finish).steps.values():
                    assert step.status == "ok", (step.id, step.errors())
                return "" if told.state == long_work.DONE else told.says
            self.site.state.move_clock(3600)
        raise AssertionError("the job never ends")

    def run(self, given):
        """``(the changes made, what went wrong)``."""
        plan = self.plan(given)
        if plan.refusal:
            return [], plan.refusal
        for number, change in enumerate(plan.changes):
            self.start(change)
            fault = self.follow(change.wait)
            if fault:
                return plan.changes[:number], fault
        assert not self.plan(given).changes
        return plan.changes, ""


def make_set(site, stamp, host="iis01", parts=None, index=True, kind="iis"):
    """A set as a backup resource leaves it."""
    name = f"{host.upper()}-{kind}-{stamp}"
    view = files.View(site.state, host, files.SYSTEM)
    for path, content in (parts or {"keys\\one.xml": "<RSAKeyValue/>", "content\\web.config": "<configuration/>"}).items():
        folder = rf"C:\sets\{name}\{path}".rpartition("\\")[0]
        if not view.exists(folder):
            view.make_folder(folder)
        view.write(rf"C:\sets\{name}\{path}", content)
    if index:
        for step in backup_folder.finish(rf"C:\sets\{name}", host.upper(), kind, backup_folder.instant(stamp), [], "test")[-1:]:
            site.call(host, step)
    return name


def sets(site, name="IIS01", kind="iis"):
    """The vault's own reading: ``set -> whole`` of a source, without those of the scenario."""
    return {one["set"]: one["whole"] for one in site.read("vault02")["sets"] if one["host"] == name and one["kind"] == kind and one["set"] not in SCENARIO}


SCENARIO = ("IIS01-iis-20261120T020000Z", "IIS01-iis-20261123T020000Z")
NEW = "20261124T020000Z"


@pytest.fixture
def task():
    task = Task()
    task.name = make_set(task.site, NEW)
    return task


def test_a_set_is_copied_compared_and_completed(task):
    before = task.site.state.state_hash()
    plan = task.plan(options())
    assert [change.where for change in plan.changes] == [f"copied[{task.name}]", f"complete[{task.name}]"] and not plan.refusal
    assert any('IIS01$' in said for said in plan.warnings)
    assert task.site.state.state_hash() == before
    changes, fault = task.run(options())
    assert not fault and len(changes) == 2
    assert sets(task.site) == {task.name: True}
    assert task.run(options()) == ([], "")
    assert task.snapshot(options())["areas"]["jobs"] == []
    hashes = [row["Hash"] for host, root in (("iis01", rf"C:\sets\{task.name}"), ("vault02", rf"E:\Vault\IIS01\iis\{task.name}"))
              for row in task.site.call(host, call("f", ITEMS + "Get-ChildItem", {"LiteralPath": root, "Recurse": True, "File": True}),
                                        call("h", r"Microsoft.PowerShell.Utility\Get-FileHash", {}, ["Hash"], input="f")).steps["h"].rows()]
    assert sorted(hashes[:3]) == sorted(hashes[3:])


def test_only_what_is_complete_and_newest_is_copied(task):
    make_set(task.site, "20261124T030000Z", index=False)
    old = make_set(task.site, "20261101T020000Z")
    plan = task.plan(options())
    assert [change.path[1] for change in plan.changes] == [task.name] * 2
    assert any("20261124T030000Z is not copied" in said for said in plan.warnings)
    assert {change.path[1] for change in task.plan(options(newest=2)).changes} == {task.name, old}


REFUSED = {
    "no path": ({"vault": "vault02"}, "neither a share"),
    "a wildcard": ({"vault": r"\\vault02\va*lt"}, "neither a share"),
    "its own share": ({"vault": r"\\iis01.contoso.test\sets"}, "very host"),
    "an account of a person": ({"account": r"CONTOSO\svc-audit"}, "managed service account"),
    "a bad name": ({"host": r"..\x"}, "name of a folder"),
    "less than one": ({"keep": 0}, "at least 1"),
    "more than is kept": ({"newest": 3, "keep": 2}, "deleted again"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(task, case):
    more, words = REFUSED[case]
    plan = task.plan(options(**more))
    assert words in plan.refusal and not plan.changes


def test_a_vault_that_cannot_be_written_is_told_and_leaves_nothing_that_looks_complete(task):
    task.site.state.shares[r"\\vault02\vault"]["access"] = {files.ADMINISTRATORS: "Full"}
    changes, fault = task.run(options())
    assert not changes and fault
    assert not any(sets(task.site).values())


def steps_of_jobs(task):
    """How many steps the two jobs have in all."""
    return [len(change.steps[-1]["areas"]["vault"]) for change in task.plan(options()).changes]


@pytest.mark.parametrize("job", [0, 1])
def test_cut_at_every_step_no_copy_looks_complete_that_is_not(job, monkeypatch):
    """The host is switched off before each step of each job; the vault never shows a whole set but the finished one, and the next run ends it."""
    first = Task()
    make_set(first.site, NEW)
    for cut in range(steps_of_jobs(first)[job] + 1):
        task = Task()
        name = make_set(task.site, NEW)
        plan = task.plan(options())
        for change in plan.changes[:job]:
            task.start(change)
            assert not task.follow(change.wait)
        broken = plan.changes[job].steps[-1]
        monkeypatch.setitem(broken["areas"], "vault", broken["areas"]["vault"][:cut] or [call("x", ITEMS + "Test-Path", {"LiteralPath": "C:\\"})])
        task.start(plan.changes[job])       # what a job did that ended after some of its steps
        found = sets(task.site)
        assert not found.get(name) or (job == 1 and cut >= 7), cut
        assert not found.get(name + ".partial")
        # a job that was cut leaves no whole answer: it is found as broken and begun anew
        view = files.View(task.site.state, "iis01", files.SYSTEM)
        for entry in view.store.below("iis01", r"C:\Windows\biztalk.fault_tolerance\jobs"):
            if entry.name == "answer.txt":
                view.write(entry.path, "")
        _changes, fault = task.run(options())
        assert not fault, (cut, fault)
        assert sets(task.site) == {name: True}


def test_a_job_is_found_again_at_every_poll_and_never_started_twice(task):
    plan = task.plan(options())
    task.start(plan.changes[0])
    again = task.plan(options())
    assert again.changes[0].path == plan.changes[0].path and again.changes[0].steps == []
    assert not task.follow(again.changes[0].wait)
    assert [change.where for change in task.plan(options()).changes] == [f"complete[{task.name}]"]
    assert not task.run(options())[1] and sets(task.site) == {task.name: True}


@pytest.mark.parametrize("fault", ["flipped", "missing", "truncated", "more"])
def test_a_copy_that_differs_is_never_completed(task, fault, monkeypatch):
    """Something happens to the copy between robocopy and the reading."""
    from lab.exe import PROGRAMS
    known = PROGRAMS["robocopy.exe"]

    def disturbed(run, arguments):
        said = known.function(run, arguments)
        view, path = files.of(run), arguments[1] + r"\content\web.config"
        if fault == "flipped":
            view.write(path, "<configuratioN/>", modified=view.entry(path).modified)
        elif fault == "truncated":
            view.write(path, "<conf", modified=view.entry(path).modified)
        elif fault == "missing":
            view.remove(path)
        else:
            view.write(arguments[1] + r"\more.txt", "x")
        return said
    from dataclasses import replace
    monkeypatch.setitem(PROGRAMS, "robocopy.exe", replace(known, function=disturbed))
    changes, said = task.run(options())
    assert not changes and "not the same" in said
    assert sets(task.site) == {task.name + ".partial": False}


def test_a_folder_in_the_way_is_not_taken_for_the_copy(task):
    task.site.call("vault02", call("x", ITEMS + "New-Item", {"Path": rf"E:\Vault\IIS01\iis\{task.name}", "ItemType": "Directory"}))
    changes, said = task.run(options())
    assert len(changes) == 1 and said
    assert sets(task.site) == {task.name: False, task.name + ".partial": False}


def test_comparing_again_finds_one_flipped_byte_that_names_and_times_do_not_show(task):
    assert not task.run(options())[1]
    path = rf"E:\Vault\IIS01\iis\{task.name}\content\web.config"
    view = files.View(task.site.state, "vault02", files.SYSTEM)
    entry = view.entry(path)
    assert not task.plan(options()).changes
    task.site.state.move_clock(31 * 86400)
    assert [change.path[0] for change in task.plan(options()).changes] == ["compared", "told"]
    assert not task.plan(options(verify="none")).changes
    assert not task.run(options())[1]
    told = next(one for one in task.site.read("vault02")["sets"] if one["set"] == task.name)
    assert told["whole"] is True and told["verified_at"][:10] == task.site.state.clock[:10] != CLOCK[:10]
    view.write(path, entry.content[:-1] + b"!", modified=entry.modified)
    assert sets(task.site)[task.name] is True
    task.site.state.move_clock(7200)
    changes, said = task.run(options(verify="full"))
    assert not changes and "content of content\\web.config is another one" in said


def test_a_manifest_in_the_vault_that_is_not_the_one_that_was_written_is_found(task):
    assert not task.run(options())[1]
    path = rf"E:\Vault\IIS01\iis\{task.name}.manifest.jsonl"
    view = files.View(task.site.state, "vault02", files.SYSTEM)
    view.write(path, view.read(path).replace(b'"sha256":"', b'"sha256":"0'))
    task.site.state.move_clock(7200)
    changes, said = task.run(options(verify="full"))
    assert not changes and "manifest" in said


def test_old_copies_go_only_where_told_and_never_the_last(task):
    for stamp in ("20261121T020000Z", "20261122T020000Z"):
        make_set(task.site, stamp)
    assert not task.run(options(newest=3))[1] and len(sets(task.site)) == 3
    kept = task.plan(options(keep=1))
    assert not kept.changes and sum("beyond keep" in said for said in kept.warnings) == 2
    changes, fault = task.run(options(keep=1, remove=True))
    assert not fault and [change.path[0] for change in changes] == ["sets", "sets"]
    assert sets(task.site) == {task.name: True}


def test_nothing_is_removed_where_what_stays_is_not_there(task):
    old = make_set(task.site, "20261121T020000Z")
    assert not task.run(options(newest=2))[1]
    task.site.call("vault02", call("x", ITEMS + "Remove-Item", {"LiteralPath": rf"E:\Vault\IIS01\iis\{task.name}.manifest.jsonl"}))
    changes, fault = task.run(options(keep=1, remove=True))
    assert not changes and fault
    assert sets(task.site)[old] is True


def test_what_a_job_read_long_ago_is_not_noted_as_read_when_it_is_collected(task):
    first = task.plan(options())
    task.start(first.changes[0])
    task.site.state.move_clock(9 * 86400)
    assert not task.run(options())[1]
    (copied,) = [one for one in task.site.read("vault02")["sets"] if one["set"] == task.name]
    assert copied["copied_at"].startswith("2026-11-24")
