from __future__ import annotations

"""The truth test of iis_backup on the lab's files and programs: what is planned is what differs between two looks at the disk."""

import dataclasses
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import iis as area  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.modules import iis_backup as module  # noqa: E402
from lab import estate, exe, files  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.parts import iis as part  # noqa: E402
from lab.state import State  # noqa: E402

TOKEN, CLOCK, TODAY = "0123456789abcdef", "2026-11-24T08:00:00Z", "20261124T080000Z"
CONFIG = rf"{part.CONFIG}\applicationHost.config"
CANARY = "Not'A\"Sec&ret<1"


class Server:
    """A web server of the lab in memory, used through batches as over the wire."""

    def __init__(self, backups=2, folder=part.SETS):
        description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {"web": {"iis": {"backups": backups}, "drives": ["C", "D", "E"]}}}
        self.state = State(":memory:", estate.build(description, CLOCK), CLOCK)
        self.folder = folder

    @property
    def view(self):
        return files.View(self.state, "web", next(iter(self.state.users)), None)

    def carry_out(self, name, steps):
        document = batch.batch({name: steps}, TOKEN)
        return answer.parse("\n".join(Batch(Backend(self.state, "web"), document).lines()), document)

    def snapshot(self, options):
        came = self.carry_out("iis", area.steps(module.about(options)))
        return {"host": came.host, "areas": {"iis": area.shape(came.areas["iis"])}}

    def plan(self, **wanted):
        options = checked(wanted)
        return module.plan(options, self.snapshot(options))

    def apply(self, changes, cut=None):
        """Every change in a batch of its own; *cut*: how many steps of all are carried out before the host dies."""
        left = cut if cut is not None else 10**6
        for change in changes:
            steps = change.steps[:left]
            left -= len(steps)
            for step in self.carry_out("change", steps).areas["change"].steps.values() if steps else ():
                assert step.status == "ok", (step.id, step.reason, step.errors())

    def paths(self, place):
        """Every file below a folder, from the lab's own table."""
        return {entry.path: entry for entry in self.state.files.below("web", place) if not entry.folder}

    def sets(self):
        """The sets of the folder by the lab's own table: name -> whether its index is whole."""
        found = {}
        for entry in self.state.files.children("web", self.folder):
            index = self.state.files.get("web", rf"{entry.path}\index.json")
            found[entry.name] = bool(index and index.content.strip().endswith(b"}"))
        return found


def checked(wanted):
    result = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate(wanted)
    assert not result.error_messages, result.error_messages
    return result.validated_parameters


def test_a_server_without_a_backup_gets_one_with_everything_in_it():
    server = Server(backups=0)
    before = server.state.state_hash()
    planned = server.plan(certificate_password=CANARY)
    assert server.state.state_hash() == before, "reading and planning changed the server"
    assert [change.where for change in planned.changes] == ["set", "certificates", r"content[C:\inetpub\wwwroot]", r"content[D:\BizTalk\Orders.In]", "index"]
    server.apply(planned.changes)
    assert server.sets() == {f"WEB-iis-{TODAY}": True}
    place = rf"{part.SETS}\WEB-iis-{TODAY}"
    found = {path[len(place) + 1:] for path in server.paths(place)}
    mark = part.thumbprint("web")
    assert found == {"index.json", "hashes.json", r"keys\iisConfigurationKey.xml", r"keys\iisWasKey.xml", rf"certificates\{mark}.pfx",
                     r"configuration\applicationHost.config", r"configuration\administration.config", r"configuration\redirection.config",
                     *(rf"frameworks\{bits}\v4.0.30319\{name}" for bits in ("Framework", "Framework64") for name in ("machine.config", "web.config")),
                     r"content\1\iisstart.htm", r"content\2\web.config", r"content\2\Orders.In.svc"}
    hashes = json.loads(server.view.read(rf"{place}\hashes.json").decode("utf-8-sig"))
    assert {one["Path"]: one["Hash"] for one in hashes} == {path: hashlib.sha256(entry.content).hexdigest().upper() for path, entry in
                                                            server.paths(place).items() if entry.name not in ("index.json", "hashes.json")}
    assert not server.plan(certificate_password=CANARY).changes
    assert server.state.files.get("web", rf"{part.BACKUPS}\ft-{TODAY}") is not None
    assert CANARY not in json.dumps(server.state.calls()) and CANARY.encode() not in b"".join(e.content for e in server.paths("C:\\").values())


def test_a_backup_that_dies_at_any_step_is_never_taken_for_a_complete_one():
    total = sum(len(change.steps) for change in Server(0).plan(certificate_password="p").changes)
    for cut in range(1, total):
        server = Server(backups=1)
        server.view.write(CONFIG, server.view.read(CONFIG))        # changed now, so that a new set is due
        server.apply(server.plan(certificate_password="p").changes, cut=cut)
        snapshot = server.snapshot(checked({}))
        new = next(one for one in snapshot["areas"]["iis"]["sets"] if one["name"].endswith(TODAY))
        assert new["complete"] is False and new["why_not"], cut
        server.state.move_clock(60)
        planned = server.plan(certificate_password="p", keep=1)
        assert planned.changes and not any(change.path[0] == "sets" and "1124T02" not in change.path[1] for change in planned.changes), cut


def test_a_folder_that_could_not_be_closed_gets_no_key(monkeypatch):
    refuses = dataclasses.replace(exe.PROGRAMS["icacls.exe"], function=lambda run, arguments: (5, "", "Access is denied."))
    monkeypatch.setitem(exe.PROGRAMS, "icacls.exe", refuses)
    server = Server(backups=0)
    steps = server.carry_out("change", server.plan().changes[0].steps).areas["change"].steps
    assert steps["keys"].status == "skipped"
    assert not [path for path in server.paths(part.SETS) if "\\keys\\" in path]


def test_a_container_that_was_not_exported_stops_the_set():
    server = Server(backups=0)
    changes = server.plan().changes
    server.state.hosts["web"]["key_containers"] = ["iisWasKey"]
    steps = server.carry_out("change", changes[0].steps).areas["change"].steps
    assert steps["key_0_opened"].status == "failed" and steps["key_1"].status == "skipped"
    assert server.sets() == {f"WEB-iis-{TODAY}": False}


def test_the_restore_that_the_notes_tell_brings_the_server_back_on_another_computer():
    """The steps of the module's notes, on a server that was set up anew and shares nothing with the old one but the set."""
    old, new = Server(backups=0), Server(backups=0)
    old.carry_out("operator", [
        batch.exe("pool", area.APPCMD, ["add", "apppool", "/name:Partners"], 60),
        batch.exe("folder", area.APPCMD, ["add", "vdir", "/app.name:Default Web Site/", "/path:/In", r"/physicalPath:D:\In"], 60)])
    old.view.make_folder(r"D:\In")
    old.view.write(r"D:\In\web.config", "<configuration>the partners'</configuration>")
    old.apply(old.plan(folder=r"E:\sets", certificate_password="p").changes)
    place = rf"E:\sets\WEB-iis-{TODAY}"
    for path, entry in sorted(old.paths(place).items()):        # the set is carried over
        folder = path.rpartition("\\")[0]
        if not new.view.exists(folder):
            new.view.make_folder(folder)
        new.view.write(path, entry.content, **entry.more)
    new.state.hosts["web"].update(key_containers=[], certificates={"My": [dict(new.state.hosts["web"]["certificates"]["My"][0], thumbprint="00" * 20)]})
    index = json.loads(new.view.read(rf"{place}\index.json"))
    for one in json.loads(new.view.read(rf"{place}\hashes.json").decode("utf-8-sig")):
        assert new.view.entry(one["Path"]).sha256().upper() == one["Hash"]
    items, steps, mark = "Microsoft.PowerShell.Management\\", [], part.thumbprint("web")
    new.state.hosts["old"] = {"certificates": {"My": [old.state.hosts["web"]["certificates"]["My"][0]]}}      # where the lab knows the certificate from
    for number, one in enumerate(index["parts"]):
        path, id = rf"{place}\{one['path']}", f"part_{number}"
        if one["name"].startswith("key container"):
            steps.append(batch.exe(id, module.REGIIS, ["-pi", one["source"], path, "-exp"], 60))
        elif one["name"].startswith("certificate"):
            steps.append(batch.call(id, r"pki\Import-PfxCertificate", {"FilePath": path, "CertStoreLocation": "Cert:\\LocalMachine\\My", "Exportable": True,
                                                                       "Password": {"$secret": "p"}}))
        elif one["name"].startswith("framework"):
            steps.append(batch.call(id, items + "Copy-Item", {"LiteralPath": [path], "Destination": one["source"], "Force": True}))
        elif one["name"].startswith("content"):
            if new.view.exists(one["source"]):
                steps.append(batch.call(f"{id}_old", items + "Remove-Item", {"LiteralPath": [one["source"]], "Recurse": True}))
            steps.append(batch.call(id, items + "Copy-Item", {"LiteralPath": [path], "Destination": one["source"], "Recurse": True}))
    steps += [batch.call("configuration", items + "Copy-Item", {"LiteralPath": [rf"{place}\configuration"], "Destination": rf"{part.BACKUPS}\restored",
                                                                "Recurse": True}),
              batch.exe("restore", area.APPCMD, ["restore", "backup", "restored"], 120)]
    for step in new.carry_out("restore", steps).areas["restore"].steps.values():
        assert step.status == "ok" and not (step.rows() and isinstance(step.rows()[0], list) and step.rows()[0][0]), (step.id, step.errors(), step.rows())
    before, after = (server.snapshot(checked({"folder": r"E:\sets"}))["areas"]["iis"] for server in (old, new))
    for name in ("sites", "pools", "key_containers", "content", "clear_text", "shared"):
        assert before[name] == after[name], name
    assert mark in {one["thumbprint"] for one in after["certificates"]}
    assert new.state.hosts["web"]["keys"] == {name: part.exported_keys("WEB", name) for name in part.CONTAINERS}
    assert b"the partners'" in new.view.read(r"D:\In\web.config")


REFUSED = [
    ({"folder": r"\\vault01\backup"}, "local folder"), ({"folder": "E:"}, "could not be read"), ({"folder": r"E:\a[b"}, "local folder"),
    ({"keep": 0}, "keep is at least 1"), ({"max_age_days": 0}, "max_age_days"), ({"certificate_password": "a", "certificate_protect_to": ["b"]}, "exclude"),
]


@pytest.mark.parametrize(("wanted", "words"), REFUSED)
def test_what_is_refused(wanted, words):
    planned = Server(backups=0).plan(**wanted)
    assert planned.refusal and not planned.changes and words in planned.refusal


def test_what_cannot_be_saved_is_told_and_makes_no_second_backup():
    server = Server(backups=0)
    server.state.hosts["web"]["certificates"]["My"][0]["exportable"] = False
    planned = server.plan(certificate_password="p", leave_out=["KEY CONTAINER iisWasKey"])
    assert any("not exportable" in note for note in planned.warnings) and any("left it out" in note for note in planned.warnings)
    server.apply(planned.changes)
    again = server.plan(certificate_password="p", leave_out=["key container iisWasKey"])
    assert not again.changes and again.warnings == planned.warnings
    assert server.plan(certificate_password="p").changes      # what was left out is wanted now


SEEN = Counter()
OPTIONS = {
    "folder": st.sampled_from([None, r"E:\sets", r"E:\two's $(x)\sets"]),
    "max_age_days": st.sampled_from([1, 7, 400]),
    "content": st.booleans(),
    "certificate_password": st.sampled_from([None, "p", CANARY]),
    "certificate_protect_to": st.sampled_from([None, [r"CONTOSO\web admins"]]),
    "leave_out": st.sampled_from([[], ["key container iisWasKey"], [r"content D:\BizTalk\Orders.In", "framework Framework\\v4.0.30319\\web.config"]]),
    "keep": st.sampled_from([None, 1, 2]),
}


@st.composite
def servers(draw, folder):
    """Servers as people leave them: backed up or not, changed since, with broken sets, folders of others, and history among the backups."""
    server = Server(draw(st.integers(0, 3)), folder or part.SETS)
    view = server.view
    if draw(st.booleans()):
        view.write(CONFIG, view.read(CONFIG), modified=draw(st.sampled_from([None, "2026-11-22T09:00:00.0000000Z"])))
    strangers = ["WEB-iis-20261101T020000Z", "OTHER-iis-20250101T020000Z", "notes-iis-x", "WEB-sso-20250101T020000Z"]
    for name in draw(st.lists(st.sampled_from(strangers), unique=True)):
        view.make_folder(rf"{server.folder}\{name}")
        view.write(rf"{server.folder}\{name}\keep.txt", "of somebody")
    for name in draw(st.lists(st.sampled_from(["CFGHISTORY_0000000007", "Before patch"]), unique=True)):
        view.make_folder(rf"{part.BACKUPS}\{name}")
        view.write(rf"{part.BACKUPS}\{name}\applicationHost.config", "<configuration />")
    return server


@pytest.mark.parametrize("option", OPTIONS)
def test_truth_on_the_lab(option):
    @settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def examples(data):
        wanted = {name: data.draw(values) for name, values in OPTIONS.items() if name == option or data.draw(st.integers(0, 3)) == 0}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if "certificate_password" in wanted and option != "certificate_protect_to":
            wanted.pop("certificate_protect_to", None)
        elif "certificate_protect_to" in wanted:
            wanted.pop("certificate_password", None)
        server = data.draw(servers(wanted.get("folder")))
        if data.draw(st.booleans()):        # as one finds it after a run with the same options
            first = server.plan(**wanted)
            assert not first.refusal, first.refusal
            server.apply(first.changes)
        truth(server, wanted, option)

    examples()
    assert SEEN[option, "examples"] >= 50
    assert min(SEEN[option, "changes"], SEEN[option, "none"]) >= 0.30 * SEEN[option, "examples"], SEEN


def truth(server, wanted, option):
    untouched, before = server.state.state_hash(), server.sets()
    everything = {path: entry.sha256() for path, entry in server.paths("C:").items()} | {
        path: entry.sha256() for drive in "DE" for path, entry in server.paths(f"{drive}:").items()}
    planned = server.plan(**wanted)
    assert server.state.state_hash() == untouched, "reading and planning changed the server"
    assert not planned.refusal, planned.refusal
    SEEN[option, "examples"] += 1
    SEEN[option, "changes" if planned.changes else "none"] += 1
    json.dumps([change.steps for change in planned.changes])
    server.apply(planned.changes)
    after = server.sets()
    made = {change.after.rpartition("\\")[2] for change in planned.changes if change.path == ("set",)}
    gone = {change.path[1] for change in planned.changes if change.path[0] == "sets"}
    assert set(after) - set(before) == made and set(before) - set(after) == gone
    assert all(after[name] for name in made) and any(after.values())
    now = {path: entry.sha256() for drive in "CDE" for path, entry in server.paths(f"{drive}:").items()}
    ours = tuple([rf"{server.folder}\{name}" + "\\" for name in made | gone] + [rf"{part.BACKUPS}\ft-{name.rpartition('-')[2]}" + "\\" for name in made | gone])
    assert {path: mark for path, mark in now.items() if not path.startswith(ours)} == {
        path: mark for path, mark in everything.items() if not path.startswith(ours)}, "something else was touched"
    if "keep" in wanted:
        complete = [name for name, whole in after.items() if whole and name.startswith("WEB-iis-")]
        assert len(complete) <= wanted["keep"]
    else:
        assert not gone
    again = server.plan(**wanted)
    assert not again.changes and not again.refusal
