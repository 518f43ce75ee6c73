"""Every batch of a corpus, carried out twice over the lab's backend: by the executor in a real PowerShell, and by the lab's own reading.

Both must give the same answer and leave the same estate. Left out of the comparison, because PowerShell itself and not the executor makes
them: the text and the class of errors that PowerShell's binder and loader raise, and the name of the function that it appends to an id.
"""

from __future__ import annotations

import functools

import carrier
import engine
import lab_programs
import pytest
from functions import generate

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, long_work
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import assign, call, item, ref
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import exe as started
from ansible_collections.biztalk.fault_tolerance.plugins.modules import windows_backup_policy
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs
from lab import backend, estate, exe, scenario
from lab import batch as lab_batch
from lab.state import State

CLOCK = "2026-11-24T08:00:00Z"
BUILT_IN = ("CimCmdlets", "Microsoft.PowerShell.")  # modules that the engine has cmdlets of its own for: the functions stand before them
# What PowerShell itself says: its words and classes are not compared. Two names stand for one thing where a compiled cmdlet or object
# (as the lab imitates it) and a function or a hand-made object (as the engine has it here) differ.
ENGINE_SAYS = {
    "NamedParameterNotFound": "",
    "AmbiguousParameterSet": "",
    "MissingMandatoryParameter": "",
    "ParameterAlreadyBound": "",
    "CannotConvertArgumentNoMessage": "conversion",
    "ParameterArgumentTransformationError": "conversion",
    "ParameterArgumentValidationError": "",
    "CommandNotFoundException": "",
    "CouldNotAutoLoadModule": "",
    "ExeNotFound": "",
}
NO_SUCH_PROPERTY = {"PropertyAssignmentException", "ExceptionWhenSetting"}


@functools.cache
def documents():
    return scenario.load("healthy")["estate"]


def fresh_state():
    return State(":memory:", estate.build(documents(), CLOCK), CLOCK)


class Both:
    """One engine of a flavour with the functions of every cmdlet that the lab knows."""

    def __init__(self, flavour, folders, place):
        self.folders = folders
        self.programs = lab_programs.Programs(place)
        preloaded = [engine.HERE / "functions" / "LabBackend.psm1", *(f"{folders[name]}/{name}/{name}.psm1" for name in folders if name.startswith(BUILT_IN))]
        self.server = engine.Server(flavour, preloaded, place, self.programs.environment)

    def check(self, areas, host, user=None, prepare=None):
        """Runs a batch both ways, each on an estate of its own; returns the lab's answer."""
        document = batch.batch(areas, engine.TOKEN)
        answers, hashes = [], []
        for way in (self._lab, self._engine):
            state = fresh_state()
            if prepare:
                prepare(state)
            text = way(document, backend.Backend(state, host, user))
            seen = answer.parse(text, document)
            assert seen.complete, (seen.problems, text[-2000:])
            answers.append(normal(seen))
            hashes.append(state.state_hash())
            state.close()
        expected, got = answers
        for area in areas:
            for id, step in expected[area].items():
                assert got[area][id] == step, (host, area, id)
        assert hashes[0] == hashes[1], "the two left different estates"
        return expected

    def _lab(self, document, seen):
        return "\n".join(lab_batch.Batch(seen, document).lines())

    def _engine(self, document, seen):
        self.programs.of(seen)
        folders = [folder for name, folder in self.folders.items() if seen.has_module(name)]
        return self.server.output(engine.host.standard_input(document), folders or [engine.HERE], carrier.Carrier(seen))


def normal(seen):
    """An answer as plain data, without what PowerShell's own binder and loader word."""
    return {
        name: {
            id: (step.status, step.reason, [(run.rows, [_error(error) for error in run.errors], run.warnings) for run in step.runs])
            for id, step in area.steps.items()
        }
        for name, area in seen.areas.items()
    }


def _error(error):
    first, *rest = error["fqid"].split(",")
    if first in ENGINE_SAYS:
        return ENGINE_SAYS[first] or (first, error["category"], error["terminating"], [link["hresult"] for link in error["chain"]])
    if first in NO_SUCH_PROPERTY and error["chain"][0]["type"] == "System.Management.Automation.RuntimeException":
        return "no such property"
    first = "ExceptionWhenSetting" if first == "ScriptSetValueRuntimeException" else first  # so it is with a property that is no script
    return ",".join([first, *rest[:1]]), error["category"], error["terminating"], error["chain"]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    known = [
        name
        for name in [*backend.COMMANDS, r"FailoverClusters\Get-ClusterGroupSet"]
        if name.split("\\")[1] in generate.cmdlets(name.split("\\")[0])
    ]
    return generate.write(tmp_path_factory.mktemp("functions"), known)


@pytest.fixture(scope="session", params=list(engine.FLAVOURS))
def both(request, folders, tmp_path_factory):
    made = Both(request.param, folders, tmp_path_factory.mktemp("place"))
    yield made
    made.server.close()
    made.programs.close()
    assert made.programs.refused == []


HOSTS = list(
    {about.get("cluster", name): name for name, about in documents()["hosts"].items()}.values()
)  # one of each cluster, and all outside
CLUSTER, NODE, GROUP, RESOURCE = (rf"FailoverClusters\Get-Cluster{noun}" for noun in ("", "Node", "Group", "Resource"))
REGISTRY = r"Microsoft.PowerShell.Management\Get-ItemProperty"
HOSTILE = [
    "it's",
    'say "x"',
    "$(throw 1)",
    "a\nb",
    "]x[",
    "\u202eabc",
    "\U0001f600",
    "",
    "*",
    "BTS*",
    "2026-07-01T12:00:00Z",
    "-Name",
    "I\u0131\u0130i",
]


def fc(id, verb_noun, *args, **options):
    return call(id, f"FailoverClusters\\{verb_noun}", *args, needs="FailoverClusters", **options)


@pytest.mark.parametrize("host", HOSTS)
def test_areas_read_the_same(both, host):
    seen = both.check({name: area.steps({}) for name, area in AREAS.items()}, host)
    assert seen["platform"]["os"][0] == "ok"


def stop_cluster_service(state):
    backend.Backend(state, "bts01").invoke(r"Microsoft.PowerShell.Management\Stop-Service", {"Name": ["ClusSvc"]})


def lose_a_node(state):
    state.power("bts02", False)


def hide_properties(state):
    state.hosts["bts01"]["unreadable"] = {"ClusterNode": ["State", "NodeWeight"], "ClusterResource": ["OwnerNode"]}


def take_rights_away(state):
    state.user("CONTOSO\\svc-reader")["clusters"] = {}


@pytest.mark.parametrize(
    "prepare,user",
    [
        (stop_cluster_service, None),
        (lose_a_node, None),
        (hide_properties, None),
        (None, "CONTOSO\\svc-reader"),
        (take_rights_away, "CONTOSO\\svc-reader"),
    ],
)
def test_areas_of_a_node_in_trouble_read_the_same(both, prepare, user):
    both.check({name: area.steps({}) for name, area in AREAS.items()}, "bts01", user, prepare)


def test_names_that_are_there_and_names_that_are_not(both):
    seen = both.check(
        {
            "a": [
                fc("r", "Get-ClusterResource", {"Name": item()}, each=HOSTILE, select=["Name", "State", "OwnerGroup.Name", "Nope", "."]),
                fc("n", "Get-ClusterNode", {"Name": HOSTILE}, select=["Name"]),
                fc("g", "Get-ClusterGroup", {"Name": ["nobody", "*"]}, select=["Name"]),
                call(
                    "k",
                    REGISTRY,
                    {"LiteralPath": item()},
                    each=[rf"HKLM:\SOFTWARE\{name}" for name in HOSTILE if name and "*" not in name],
                    select=["."],
                ),
                call(
                    "x",
                    r"Microsoft.PowerShell.Management\Test-Path",
                    {"LiteralPath": [r"HKLM:\SOFTWARE\Nobody", r"HKLM:\SOFTWARE"]},
                    select=["."],
                ),
            ]
        },
        "bts01",
    )
    assert seen["a"]["n"][0] == seen["a"]["g"][0] == "partial"


def test_objects_go_from_step_to_step(both):
    seen = both.check(
        {
            "a": [
                fc("g", "Get-ClusterGroup", select=["Name"]),
                fc("owners", "Get-ClusterOwnerNode", input="g", select=["OwnerNodes.Name", "ClusterObject.Name"]),
                fc("of", "Get-ClusterResource", input="g", select=["Name"]),
                fc("p", "Get-ClusterParameter", input="of", select=["Name", "Value", "ParameterType"]),
                fc("one", "Get-ClusterNode", {"Name": "bts01"}),
                fc("ref", "Get-ClusterResource", {"InputObject": ref("one")}, select=["Name"]),
                fc("none", "Get-ClusterNode", {"Name": "nobody"}),
                fc("nothing", "Get-ClusterResource", {"InputObject": ref("none")}),
                fc("skipped", "Get-ClusterResource", input="nothing"),
                fc("wrong", "Get-ClusterParameter", {"InputObject": ref("g")}, select=["."]),
                fc("missing", "Get-ClusterParameter", {"Name": ["Nobody"]}, input="of", select=["."]),
            ]
        },
        "bts01",
    )
    assert seen["a"]["nothing"][:2] == ("skipped", "ref:none") and seen["a"]["skipped"][:2] == ("skipped", "ref:nothing")


def test_wrong_calls_fail_the_same(both):
    wrong = [{"Nobody": 1}, {"Name": "a", "Nobody": 1}, {"Cluster": ["a", "b"]}]
    steps = {
        f"wrong {number}": [
            fc(f"x{number}", "Get-ClusterNode", given, select=["Name"], on_error="stop"),
            fc(f"y{number}", "Get-ClusterNode"),
        ]
        for number, given in enumerate(wrong)
    }
    seen = both.check(steps, "bts01")
    assert all(seen[name][f"y{number}"][:2] == ("skipped", "stopped") for number, name in enumerate(steps))


def test_what_is_not_there_is_missed_the_same(both):
    both.check(
        {
            "a": [
                fc("n", "Get-ClusterNode", select=["Name"]),
                call("f", r"FailoverClusters\Get-ClusterGroupSet"),
                call("q", r"Nowhere\Get-It", needs="Nowhere"),
                fc("after", "Get-ClusterNode", input="n"),
            ]
        },
        "bts01",
    )
    both.check({"a": [fc("n", "Get-ClusterNode", select=["Name"]), fc("after", "Get-ClusterNode", input="n")]}, "iis01")


CHANGES = {
    "no witness": [fc("w", "Set-ClusterQuorum", {"NoWitness": True}, select=["QuorumType", "QuorumResource.Name"])],
    "share": [fc("w", "Set-ClusterQuorum", {"FileShareWitness": r"\\fs01\btsclu-witness"}, select=["QuorumType", "QuorumResource.Name"])],
    "bad share": [fc("w", "Set-ClusterQuorum", {"FileShareWitness": r"\\fs01\readonly"}, on_error="stop"), fc("q", "Get-ClusterQuorum")],
    "no such disk": [fc("w", "Set-ClusterQuorum", {"DiskWitness": "Nobody's"})],
    "weight": [
        fc("n", "Get-ClusterNode", {"Name": "bts02"}, on_error="stop"),
        assign("s", "n", "NodeWeight", 0, on_error="stop"),
        fc("r", "Get-ClusterNode", select=["Name", "NodeWeight", "DynamicWeight"]),
    ],
    "dynamic": [fc("c", "Get-Cluster"), assign("s", "c", "DynamicQuorum", 0), fc("r", "Get-Cluster", select=["DynamicQuorum"])],
    "no such property": [fc("c", "Get-Cluster"), assign("s", "c", "Nobody", 0)],
    "groups": [
        fc("g", "Get-ClusterGroup", {"Name": ["Cluster Group"]}),
        fc("m", "Move-ClusterGroup", {"Node": "bts02"}, input="g", select=["Name", "OwnerNode.Name"]),
        fc("o", "Get-ClusterOwnerNode", input="g", select=["OwnerNodes.Name"]),
    ],
    "registry": [
        call(
            "s",
            r"Microsoft.PowerShell.Management\Set-ItemProperty",
            {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\MSDTC\Security", "Name": "NetworkDtcAccess", "Value": 0},
        ),
        call("r", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\MSDTC\Security"}, select=["NetworkDtcAccess"]),
    ],
    "dtc": [
        call(
            "s", r"MsDtc\Set-DtcNetworkSetting", {"DtcName": "Local", "InboundTransactionsEnabled": False, "Confirm": False}, needs="MsDtc"
        ),
        call(
            "r",
            r"MsDtc\Get-DtcNetworkSetting",
            {"DtcName": "Local"},
            select=["InboundTransactionsEnabled", "AuthenticationLevel"],
            needs="MsDtc",
        ),
    ],
    "service": [
        call("s", r"Microsoft.PowerShell.Management\Stop-Service", {"Name": "MSDTC"}),
        call("r", r"CimCmdlets\Get-CimInstance", {"ClassName": "Win32_Service", "Filter": "Name='MSDTC'"}, select=["State", "StartMode"]),
    ],
}


def apart(name, steps):
    """The steps with ids of their own, so that several lists go into one batch."""
    told = []
    for step in steps:
        step = {**step, "id": f"{name}: {step['id']}"}
        if "input" in step:
            step["input"] = f"{name}: {step['input']}"
        told.append(step)
    return told


@pytest.mark.parametrize("user", [None, "CONTOSO\\svc-reader"])
def test_changes_leave_the_same_estate(both, user):
    seen = both.check({name: apart(name, steps) for name, steps in CHANGES.items()}, "bts01", user)
    assert seen["weight"]["weight: s"][0] == ("failed" if user else "ok")


@pytest.fixture
def speaking():
    """A program of every host that says what it was given, in its host's code page."""

    @exe.program("speak.exe", source="this test", at=r"C:\Windows\System32\speak.exe")
    def speak(_run, arguments):
        return (len(arguments), "".join(f"{argument}\n" for argument in arguments), b"\x00\xff")

    yield
    del exe.PROGRAMS["speak.exe"]


def test_programs_get_and_say_the_same(both, speaking):
    speak = r"%SystemRoot%\System32\speak.exe"
    seen = both.check(
        {
            "a": [
                started("all", speak, ["say", *HOSTILE], 30),
                started("each", speak, [item()], 30, each=["a b", "Gr\u00fc\u00dfe", '"']),
                fc("nodes", "Get-ClusterNode"),
                fc("one", "Get-ClusterNode", only={"Name": ["BTS01"]}),
                started("ref", speak, [ref("one", "Name")], 30),
                started("many", speak, [ref("nodes", "Name")], 30, on_error="stop"),
                started("stopped", speak, [], 30),
            ],
            "b": [
                started("nowhere", r"C:\Nowhere\speak.exe", [], 30),
                started("unset", r"%NOBODY%\speak.exe", [], 30),
                fc("nodes", "Get-ClusterNode"),
                fc("none", "Get-ClusterNode", only={"Name": ["nobody"]}),
                started("skipped", speak, [ref("none", "Name")], 30),
                fc("lost", "Get-ClusterNode", {"Name": ref("nodes", "Nope")}),
                fc("again", "Get-ClusterNode", {"Name": ref("nodes", "Name")}, only={"State": ["up"], "Name": ["bts02", "x"]}, select=["Name"]),
                fc("groups", "Get-ClusterGroup", only={"OwnerNode.Name": ["bts01"]}, select=["Name", "OwnerNode.Name"]),
            ],
        },
        "bts01",
    )
    a, b = seen["a"], seen["b"]
    assert a["all"][2][0][0][0][0] == len(HOSTILE) + 1 and a["many"][0] == "failed" and a["stopped"][1] == "stopped"
    assert b["skipped"][1] == "ref:none" and b["lost"][1] == "ref:nodes" and b["again"][2][0][0] == [{"Name": "BTS02"}]


MANAGEMENT = "Microsoft.PowerShell.Management\\"
SET = r"C:\Sets\a.partial"


def test_files_are_written_moved_and_refused_the_same(both):
    text = call("made", MANAGEMENT + "New-Item", {"Path": [SET], "ItemType": "Directory"}, ["FullName", "PSIsContainer"])
    seen = both.check(
        {
            "files": [
                text,
                call("again", MANAGEMENT + "New-Item", {"Path": [SET], "ItemType": "Directory"}, ["FullName"]),
                call("path", MANAGEMENT + "Join-Path", {"Path": {"$ref": "made", "path": "FullName"}, "ChildPath": "f.txt"}, ["."]),
                call("written", MANAGEMENT + "Set-Content", {"LiteralPath": ref("path"), "Value": ["a", "b"], "Encoding": "Ascii"}),
                call("read", MANAGEMENT + "Get-Content", {"LiteralPath": ref("path"), "Raw": True}, ["."]),
                call("hash", r"Microsoft.PowerShell.Utility\Get-FileHash", {"LiteralPath": ref("path")}, ["Hash", "Path"]),
                call("lost", MANAGEMENT + "Set-Content", {"LiteralPath": r"C:\no\f.txt", "Value": "x"}),
                call("copied", MANAGEMENT + "Copy-Item", {"LiteralPath": SET, "Destination": r"C:\Sets\b", "Recurse": True}),
                call("renamed", MANAGEMENT + "Rename-Item", {"LiteralPath": SET, "NewName": "a"}),
                call("taken", MANAGEMENT + "Rename-Item", {"LiteralPath": r"C:\Sets\b", "NewName": "a"}),
                call("children", MANAGEMENT + "Get-ChildItem", {"LiteralPath": r"C:\Sets", "Recurse": True}, ["FullName", "Length", "LastWriteTimeUtc"]),
                call("lines", MANAGEMENT + "Get-Content", {"TotalCount": 1}, ["."], input="children"),
                call("acl", r"Microsoft.PowerShell.Security\Get-Acl", {"LiteralPath": r"C:\Sets"}, ["Owner", "Access.FileSystemRights", "Sddl"]),
                call("hop", MANAGEMENT + "Get-ChildItem", {"LiteralPath": r"\\vault02\vault"}, ["Name"]),
                call("there", MANAGEMENT + "Test-Path", {"LiteralPath": item()}, ["."], each=[r"C:\Sets", r"\\vault02\vault", "Env:\\windir"]),
                call("removed", MANAGEMENT + "Remove-Item", {"LiteralPath": r"C:\Sets", "Recurse": True}),
                call("gone", MANAGEMENT + "Get-Item", {"LiteralPath": r"C:\Sets"}, ["Name"]),
            ]
        },
        "iis01",
    )
    assert [seen["files"][id][0] for id in ("again", "lost", "taken", "hop", "gone")] == ["failed"] * 5
    assert [row["FullName"] for row in seen["files"]["children"][2][0][0]] == [r"C:\Sets\a", r"C:\Sets\b", r"C:\Sets\a\f.txt", r"C:\Sets\b\f.txt"]


def test_jobs_are_registered_started_and_told_the_same(both):
    job = {"id": "job", "job": "nightly", "identity": "x", "areas": {"work": [call("made", MANAGEMENT + "New-Item", {"Path": [SET], "ItemType": "Directory"})]},
           "account": "SYSTEM", "limit": 3600}
    seen = both.check({"job": jobs.expand([job]), "again": long_work.poll("nightly"), "jobs": AREAS["jobs"].steps({})}, "iis01")
    assert all(status == "ok" for status, _reason, _runs in seen["job"].values())
    assert seen["jobs"]["job_tasks"][2][0][0][0]["TaskName"] == "nightly"


def test_a_backup_policy_is_filled_as_a_live_object_in_both(both):
    state = fresh_state()
    disk = next(one for one in state.hosts["wds01"]["windows_backup"]["disks"] if one["number"] == 9)["id"]
    answers = both.check({"windows_backup": AREAS["windows_backup"].steps({})}, "wds01", None, remove_policy)
    assert answers["windows_backup"]["policy"][0] == "ok"
    target = {"kind": "share", "path": r"\\vault01\btsbackup", "user": "CONTOSO\\x", "password": "p'\"<&%\u00e9", "update_password": "on_create"}
    for targets in ([target], [{"kind": "disk", "disk_id": disk, "erase_disk": True, "update_password": "on_create"}]):
        options = {"state": "present", "bare_metal": True, "schedule": ["22:15", "03:05"], "vss": "full", "targets": targets}
        remove_policy(state)
        plan = windows_backup_policy.plan(options, {"areas": {"windows_backup": windows_backup_of(state)}})
        seen = both.check({"change": plan.changes[0].steps}, "wds01", None, remove_policy)
        assert {step[0] for step in seen["change"].values()} == {"ok"}


def remove_policy(state):
    state.hosts["wds01"]["windows_backup"]["policy"] = None


def windows_backup_of(state):
    document = batch.batch({"windows_backup": AREAS["windows_backup"].steps({})}, engine.TOKEN)
    lines = lab_batch.Batch(backend.Backend(state, "wds01"), document).lines()
    return AREAS["windows_backup"].shape(answer.parse("\n".join(lines), document).areas["windows_backup"])
