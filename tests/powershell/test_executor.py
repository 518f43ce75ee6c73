"""The executor on a real engine, through the real bootstrap, in three flavours; expected values are the contract's."""

from __future__ import annotations

import json

import engine

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import assign, call, item, ref

KIT = "TestKit"
HOSTILE = [
    "it's",
    'say "x"',
    "$(throw 1)",
    "`whoami`",
    "a\nb",
    "a\r\nb",
    "]x[",
    "a,b",
    "\u202eabc",
    "\U0001f600",
    "~tilde",
    "",
    " ",
    "\\",
    "%PATH%",
    "\u2028",
    "2026-07-01T12:00:00Z",
    "2026-07-01",
    "/Date(0)/",
    "null",
    "{}",
    "[]",
    '{"$ref":"x"}',
    "@{a=1}",
    "-Name",
    "'; exit 3 #",
    "I\u0131\u0130i",
]
VALUES = {
    "Text": 'a"b\\c\r\nd]e$(1)',
    "Wide": "\u05d0\U0001f600\u2028",
    "Empty": "",
    "Nothing": None,
    "DbNull": None,
    "Yes": True,
    "No": False,
    "Switch": True,
    "Int": 42,
    "Negative": -1,
    "Long": 4294967295,
    "ULong": 18446744073709551615,
    "Byte": 7,
    "UInt": 4294967295,
    "Decimal": 1.5,
    "Double": 1.5,
    "Single": 0.25,
    "Big": 123456789012345678901234567890,
    "Nan": "NaN",
    "Utc": "2026-07-01T12:00:00.0000000Z",
    "Local": "2026-07-01T10:00:00.0000000Z",
    "Unspecified": "2026-07-01T10:00:00.0000000Z",
    "Offset": "2026-07-01T07:00:00.0000000Z",
    "Never": "0001-01-01T00:00:00.0000000Z",
    "Span": 93784.5,
    "Second": 300,
    "Light": {"$enum": [2, "Green"]},
    "Odd": {"$enum": [-1, "Unknown"]},
    "Unnamed": {"$enum": [77, "77"]},
    "Flags": {"$enum": [3, "Head, Tail"]},
    "Huge": {"$enum": [2147483647, "Huge"]},
    "Bytes": {"$bytes": "AP8Q"},
    "NoBytes": {"$bytes": ""},
    "Guid": "0f0e0d0c-0b0a-0908-0706-050403020100",
    "Version": "10.0.17763.1",
    "Char": "x",
    "Uri": "http://x.test/a b",
    "None": [],
    "One": ["a"],
    "Many": ["a", 2, None, [1, 2]],
    "Map": {"$object": "System.Collections.Hashtable"},
    "Object": {"$object": "System.Management.Automation.PSCustomObject"},
    "Marked": "text",
    "NotThere": {"$missing": True},
    "NotThere.Either": {"$missing": True},
    "Nothing.Deeper": None,
    ".": {"$object": "Kit.Value"},
    "text": 'a"b\\c\r\nd]e$(1)',
}


def kit(id, command, *args, **options):
    return call(id, f"{KIT}\\{command}", *args, needs=KIT, **options)


def chain(error):
    return [(part["type"].split(".")[-1], part["native"]) for part in error["chain"]]


def test_every_kind_of_value(server):
    row = server.steps([kit("v", "Get-Value", select=list(VALUES))])["v"].rows()[0]
    assert row == VALUES
    assert isinstance(row["Second"], int) and isinstance(row["Double"], float)


def test_a_getter_that_throws_is_unreadable_and_costs_nothing_else(server):
    (row,) = server.steps([kit("v", "Get-Value", select=["Lost", "Int", "Denied", "Lost.Name"])])["v"].rows()
    assert row["Int"] == 42
    assert chain(row["Lost"]["$unreadable"]) == [("Win32Exception", 1722)]
    assert row["Lost.Name"]["$unreadable"]["chain"] == row["Lost"]["$unreadable"]["chain"]
    assert row["Denied"]["$unreadable"]["chain"][0]["hresult"] == 0x80070005
    assert row["Denied"]["$unreadable"]["chain"][0]["native"] is None


def test_paths(server):
    wanted = {
        "Child.Name": "good",
        "Child.Parent.Name": "leaf",
        "Empty.Name.Deeper": None,
        "Child.Nope.Name": {"$missing": True},
        "Children.Name": ["good", "bad", "orphan", "leaf"],
        "Lists.Name": [["good"], []],
    }
    (row,) = server.steps([kit("t", "Get-Tree", select=[*wanted, "Children.Parent.Name"])])["t"].rows()
    parents = row.pop("Children.Parent.Name")
    assert row == wanted
    assert parents[0] == "leaf" and parents[2] is None and parents[3] == {"$missing": True}
    assert chain(parents[1]["$unreadable"]) == [("Win32Exception", 5)]


def test_scalars_are_asked_for_by_a_dot(server):
    steps = server.steps([kit("w", "Get-Word", {"Word": HOSTILE}, select=[".", "Length"]), kit("g", "Get-Ghost", select=[".", "Length"])])
    assert [row["."] for row in steps["w"].rows()] == HOSTILE
    assert steps["w"].rows()[0]["Length"] == 4
    assert [row["."] for row in steps["g"].rows()] == [None, "after nothing"] and steps["g"].rows()[0]["Length"] is None


def test_parameters_arrive_as_they_were_sent(server):
    sent = {
        "Text": "2026-07-01T12:00:00Z",
        "Int": 7,
        "UInt": 4294967295,
        "Switch": True,
        "Texts": HOSTILE,
        "Light": "green",
        "Span": "00:05:00",
        "Map": {"Key": "2026-07-01T12:00:00Z", "psobject": "x", "": "empty", "List": [1, "a"]},
    }
    rows = {
        row["Name"]: row
        for row in server.steps([kit("p", "Test-Parameter", sent, select=["Name", "Type", "Value", "Value.Count"])])["p"].rows()
    }
    assert set(rows) == set(sent)
    assert rows["Text"]["Value"] == sent["Text"] and rows["Text"]["Type"] == "System.String"
    assert rows["Texts"]["Value"] == HOSTILE
    assert rows["UInt"]["Value"] == 4294967295 and rows["Span"]["Value"] == 300 and rows["Light"]["Value"] == {"$enum": [2, "Green"]}
    assert rows["Map"]["Value.Count"] == 4


def test_typed_values_are_what_they_say(server):
    password = "p\u00e9<&\"'%\U0001f600 "
    given = {
        "Span": {"$timespan": 93784.5},
        "At": [{"$local": "2026-07-01T21:00:00"}, {"$instant": "2026-07-01T21:00:00Z"}],
        "Secret": {"$secret": password},
        "Credential": {"$credential": {"user": "CONTOSO\\svc", "password": password}},
    }
    select = ["Ticks", "At", "Secret", "ReadOnly", "User", "Password"]
    (row,) = server.steps([kit("s", "Test-Secret", given, select=select)])["s"].rows()
    assert row == {
        "Ticks": 937845000000,
        "At": ["2026-07-01T21:00:00 Unspecified", "2026-07-01T21:00:00 Utc"],
        "Secret": password,
        "ReadOnly": True,
        "User": "CONTOSO\\svc",
        "Password": password,
    }
    (row,) = server.steps([kit("s", "Test-Secret", {**given, "Secret": {"$secret": ""}}, select=["Secret"])])["s"].rows()
    assert row == {"Secret": ""}


def test_a_property_of_what_was_read_is_a_parameter(server):
    steps = server.steps(
        [
            kit("d", "Get-Disk"),
            kit("one", "Get-Disk", only={"Number": ["2"]}),
            kit("tree", "Get-Tree"),
            *(kit(f"p{number}", "Test-Parameter", {"Any": ref(*path)}, select=["Type", "Value"]) for number, path in enumerate([
                ("one", "Id"), ("one", "Volumes"), ("d", "Number"), ("d", "Volumes"), ("tree", "Child.Parent.Name"),
                ("d", "Nothing"), ("d", "Nope"), ("tree", "Children.Parent.Name"),
            ])),
        ]
    )  # fmt: skip
    values = [(step.rows() or [step.reason])[0] for id, step in steps.items() if id.startswith("p")]
    assert values == [
        {"Type": "System.Guid", "Value": "00000002-aaaa-0000-0000-00000000000a"},
        {"Type": "System.Object[]", "Value": ["v2", "V3"]},
        {"Type": "System.Object[]", "Value": [1, 2, 3]},
        {"Type": "System.Object[]", "Value": ["v1", "V2", "v2", "V3", "v3", "V4"]},
        {"Type": "System.String", "Value": "leaf"},
        "ref:d",
        "ref:d",
        "ref:tree",
    ]


def test_only_the_objects_that_are_wanted_are_there(server):
    wanted = [
        ({"Id": ["00000002-AAAA-0000-0000-00000000000A"]}, [2]),
        ({"Number": ["1", "3"]}, [1, 3]),
        ({"Half": ["1.5"]}, [3]),
        ({"Light": ["GREEN"]}, [1, 2, 3]),
        ({"Light": ["2"]}, []),
        ({"On": ["true"]}, [2]),
        ({"Volumes": ["v3"]}, [2, 3]),
        ({"Volumes": ["v3"], "Number": ["3"]}, [3]),
        ({"Nothing": [""]}, []),
        ({"Nope": ["x"]}, []),
    ]
    steps = server.steps(
        [kit(f"w{n}", "Get-Disk", only=only, select=["Number"]) for n, (only, _numbers) in enumerate(wanted)]
        + [kit("n", "Get-Number", {"Factor": 10}, input="w1", select=["."]), kit("gone", "Get-Number", input="w4", select=["."])]
    )
    for n, (only, numbers) in enumerate(wanted):
        assert [row["Number"] for row in steps[f"w{n}"].rows()] == numbers and steps[f"w{n}"].status == "ok", only
    assert [row["."] for row in steps["n"].rows()] == [10, 30] and steps["gone"].runs == []
    (none,) = server.steps([kit("w", "Get-Word", {"Word": ["a", "b"]}, only={".": ["B"]}, select=["."])])["w"].rows()
    assert none == {".": "b"}


def test_untyped_parameters_have_one_type_in_every_edition(server):
    sent = [
        (1, "System.Int32"),
        (4294967295, "System.Int64"),
        (-2147483648, "System.Int32"),
        (1.5, "System.Double"),
        (True, "System.Boolean"),
        ("1", "System.String"),
        ([1, "a"], "System.Object[]"),
        ([], "System.Object[]"),
        (["x"], "System.Object[]"),
        ([[1], [2, 3]], "System.Object[]"),
        ({"a": 1}, "System.Collections.Hashtable"),
    ]
    steps = server.steps(
        [kit(f"p{n}", "Test-Parameter", {"Any": value}, select=["Type", "Value"]) for n, (value, _type) in enumerate(sent)]
    )
    for step, (value, type) in zip(steps.values(), sent, strict=True):
        (row,) = step.rows()
        assert row["Type"] == type, value
        assert row["Value"] == ({"$object": type} if isinstance(value, dict) else value)


def test_wrong_parameters_fail_as_windows_says(server):
    wrong = [
        ({"Nope": 1}, "NamedParameterNotFound"),
        ({"X": 1, "Y": 2}, "AmbiguousParameterSet"),
        ({"Switch": "true"}, "ParameterArgumentTransformationError"),
        ({"UInt": -1}, "ParameterArgumentTransformationError"),
        ({"Choice": "c"}, "ParameterArgumentValidationError"),
    ]
    steps = server.steps([kit(f"p{n}", "Test-Parameter", given) for n, (given, _fqid) in enumerate(wrong)])
    for step, (given, fqid) in zip(steps.values(), wrong, strict=True):
        (error,) = step.errors()
        assert step.status == "failed" and error["fqid"].split(",")[0] == fqid and error["terminating"], given


def test_unknown_cmdlet_and_module(server):
    steps = server.steps(
        [
            call("a", r"Nowhere\Get-It"),
            call("b", r"TestKit\Get-It", needs=KIT),
            call("c", r"Nowhere\Get-It", needs="Nowhere"),
            kit("d", "Get-Number", input="c"),
            call("e", r"Broken\Get-It", needs="Broken"),
            call("f", r"Broken\Get-It", needs="Broken"),
        ]
    )
    assert steps["a"].errors()[0]["fqid"] == "CouldNotAutoLoadModule"
    assert steps["b"].status == "failed" and steps["b"].errors()[0]["category"] == "ObjectNotFound"
    assert (steps["c"].status, steps["c"].reason, steps["c"].runs) == ("absent", "Nowhere", [])
    assert (steps["d"].status, steps["d"].reason) == ("skipped", "ref:c")
    assert steps["e"].status == "failed" and steps["e"].errors()[0]["chain"][-1]["hresult"] == 0x80040154
    assert steps["f"].errors() == steps["e"].errors()


def test_a_snap_in_is_loaded_where_no_module_has_the_name(server):
    steps = server.steps(
        [
            call("a", r"Old.Shell\Get-Farm", select=["Name"], needs="Old.Shell"),
            call("b", r"Old.Broken\Get-Farm", needs="Old.Broken"),
            call("c", r"Old.Absent\Get-Farm", needs="Old.Absent"),
        ]
    )
    assert steps["a"].rows() == [{"Name": "SharePoint_Config"}]
    assert steps["b"].status == "failed" and steps["b"].errors()[0]["chain"][-1]["hresult"] == 0x80040154
    assert (steps["c"].status, steps["c"].reason) == ("absent", "Old.Absent")


def test_partial_results_survive_an_error(server):
    step = server.steps([kit("p", "Get-Partial", select=["Number"])])["p"]
    assert step.status == "partial" and [row["Number"] for row in step.rows()] == [1, 2]
    (error,) = step.errors()
    assert (error["fqid"], error["category"], error["terminating"]) == ("KitLost,Get-Partial", "ConnectionError", False)
    assert chain(error) == [("KitException", None), ("Win32Exception", 1753)]
    assert error["chain"][0]["hresult"] == 0x80131500 and error["chain"][0]["message"] == "outer text"
    assert step.runs[0].warnings == ['careful: "quoted"']


def test_errors_without_items_and_terminating_ones(server):
    steps = server.steps(
        [
            kit("f", "Get-Failure", select=["Number"]),
            kit("t", "Get-Terminated", select=["Number"]),
            kit("x", "Get-Thrown"),
            kit("s", "Get-Stopped"),
            kit("m", "Get-Method"),
            kit("n", "Get-Nothing", select=["Number"]),
        ]
    )
    assert {id: step.status for id, step in steps.items()} == dict.fromkeys("ftxsm", "failed") | {"n": "ok"}
    assert chain(steps["f"].errors()[0]) == [("KitException", None), ("Win32Exception", 5)]
    assert [(e["fqid"], e["terminating"]) for e in steps["t"].errors()] == [("KitStopped,Get-Terminated", True)]
    assert chain(steps["x"].errors()[-1]) == [("KitException", None), ("SecurityException", None)]
    assert steps["x"].errors()[-1]["chain"][1]["hresult"] == 0x8013150A
    assert chain(steps["s"].errors()[-1]) == [("KitException", None)] and steps["s"].errors()[-1]["fqid"].startswith("KitInner")
    assert chain(steps["m"].errors()[-1]) == [("FormatException", None)]
    assert all(len(steps[id].errors()) == 1 for id in "ftxsm")
    assert steps["n"].rows() == [] and len(steps["n"].runs) == 1


def test_errors_that_a_cmdlet_mends_itself_are_not_its_errors(server):
    step = server.steps([kit("h", "Get-Handled", select=["."])])["h"]
    assert step.status == "ok" and [row["."] for row in step.rows()] == ["mended", "done"]


def test_one_collection_becomes_its_items_and_a_table_stays_one(server):
    steps = server.steps([kit("c", "Get-Collection", select=["Number"]), kit("t", "Get-Table", select=["Count"])])
    assert [row["Number"] for row in steps["c"].rows()] == [1, 2] and [row["Count"] for row in steps["t"].rows()] == [2]


def test_input_pipes_objects_one_by_one_and_keeps_their_order(server):
    steps = server.steps(
        [
            kit("c", "Get-Counter"),
            kit("n", "Get-Number", {"Factor": 10}, input="c", select=["."]),
            kit("none", "Get-Nothing"),
            kit("empty", "Get-Number", input="none", select=["."]),
        ]
    )
    assert [[row["."] for row in run.rows] for run in steps["n"].runs] == [[10], [], [30]]
    assert [len(run.errors) for run in steps["n"].runs] == [0, 1, 0] and steps["n"].status == "partial"
    assert steps["c"].rows() == []
    assert steps["empty"].status == "ok" and steps["empty"].runs == []


def test_each_runs_once_for_each_value(server):
    steps = server.steps(
        [
            kit("w", "Get-Word", {"Word": item()}, each=HOSTILE, select=["."]),
            kit("no", "Get-Word", {"Word": item()}, each=[], select=["."]),
            kit("c", "Get-Counter", {"Count": item()}, each=[1, 2], select=["Number"]),
        ]
    )
    assert [[row["."] for row in run.rows] for run in steps["w"].runs] == [[word] for word in HOSTILE]
    assert steps["no"].runs == [] and steps["no"].status == "ok"
    assert [len(run.rows) for run in steps["c"].runs] == [1, 2]


def test_references_are_live_objects(server):
    steps = server.steps(
        [
            kit("one", "Get-Counter", {"Count": 1}),
            kit("many", "Get-Counter"),
            kit("none", "Get-Nothing"),
            kit("failed", "Get-Failure"),
            *(
                kit(f"r-{id}", "Test-Parameter", {"Any": ref(id)}, select=["Type", "Value.Number"])
                for id in ("one", "many", "none", "failed")
            ),
            kit("after", "Test-Parameter", {"Any": ref("r-failed")}),
        ]
    )
    assert steps["r-one"].rows() == [{"Type": "Counter", "Value.Number": 1}]
    assert steps["r-many"].rows() == [{"Type": "System.Object[]", "Value.Number": [1, 2, 3]}]
    assert [(steps[id].status, steps[id].reason) for id in ("r-none", "r-failed", "after")] == [
        ("skipped", "ref:none"),
        ("skipped", "ref:failed"),
        ("skipped", "ref:r-failed"),
    ]


def test_set_assigns_live_properties(server):
    steps = server.steps(
        [
            kit("o", "Get-Settable"),
            assign("plain", "o", "Plain", "new"),
            assign("light", "o", "Light", "Green"),
            assign("guarded", "o", "Guarded", 1),
            assign("bad", "o", "Light", "Purple"),
            kit("read", "Test-Parameter", {"Any": ref("o")}, select=["Value.Plain", "Value.Light"]),
        ]
    )
    assert steps["plain"].status == "partial"
    assert steps["plain"].runs[0].errors == [] and steps["plain"].runs[1].errors[0]["fqid"] == "PropertyAssignmentException"
    assert steps["light"].status == "ok" and steps["light"].rows() == []
    assert steps["guarded"].status == "failed" and chain(steps["guarded"].errors()[0]) == [("Win32Exception", 1825)]
    assert len(steps["bad"].runs) == 2 and steps["bad"].runs[1].errors
    assert steps["read"].rows()[0]["Value.Plain"] == ["new", {"$missing": True}]
    assert steps["read"].rows()[0]["Value.Light"][1] == {"$enum": [2, "Green"]}


def test_a_compiled_setter_that_throws(server):
    steps = server.steps(
        [
            kit("s", "Get-Stream"),
            assign("p", "s", "Position", -1),
            assign("q", "s", "Nobody", 1),
            kit("r", "Get-Stream", select=["ReadTimeout"]),
        ]
    )
    (error,) = steps["p"].errors()
    assert (error["fqid"], error["category"], error["terminating"]) == ("ExceptionWhenSetting", "NotSpecified", True)
    assert chain(error) == [("ArgumentOutOfRangeException", None)]
    (error,) = steps["q"].errors()
    assert (error["fqid"], error["category"]) == ("PropertyAssignmentException", "InvalidOperation")
    unreadable = steps["r"].rows()[0]["ReadTimeout"]["$unreadable"]
    assert (unreadable["fqid"], unreadable["category"], chain(unreadable)) == (
        "GetValueInvocationException",
        "NotSpecified",
        [("InvalidOperationException", None)],
    )


def test_an_object_that_is_a_list_stays_itself_when_it_is_set(server):
    steps = server.steps(
        [
            kit("n", "Get-Nested"),
            assign("s", "n", "Capacity", 32),
            kit("r", "Test-Parameter", {"Any": ref("s")}, select=["Type", "Value"]),
        ]
    )
    assert steps["r"].rows() == [{"Type": "System.Collections.ArrayList", "Value": [1, 2]}]


def test_warnings_of_compiled_cmdlets_are_kept(server):
    step = server.steps([call("w", r"Microsoft.PowerShell.Utility\Write-Warning", {"Message": "mind \"the\" step"})])["w"]
    assert step.status == "ok" and step.runs[0].warnings == ['mind "the" step']


def test_a_step_may_stop_its_area(server):
    failing = kit("f", "Get-Failure", on_error="stop")
    document = batch.batch(
        {
            "a": [failing, kit("g", "Get-Nothing")],
            "b": [kit("h", "Get-Nothing"), kit("p", "Get-Partial", on_error="stop"), kit("i", "Get-Nothing")],
        },
        engine.TOKEN,
    )
    seen = engine.answer.parse(server.output(engine.host.standard_input(document)), document)
    a, b = seen.areas["a"].steps, seen.areas["b"].steps
    assert (a["g"].status, a["g"].reason) == ("skipped", "stopped")
    assert b["h"].status == "ok" and b["p"].status == "partial" and b["i"].reason == "stopped"


def test_after_the_deadline_no_step_begins(server):
    steps = server.steps([kit("nap", "Start-Nap", {"Milliseconds": 1100}), kit("late", "Get-Counter")], deadline=1)
    assert steps["nap"].status == "ok" and (steps["late"].status, steps["late"].reason) == ("skipped", "deadline")


def test_two_thousand_objects(server):
    paths = ["Number", "Label", "Light", "Nope"]
    rows = server.steps([kit("c", "Get-Counter", {"Count": 2000}, select=paths)])["c"].rows()
    assert len(rows) == 2000 and rows[-1] == {
        "Number": 2000,
        "Label": "label 2000",
        "Light": {"$enum": [2, "Green"]},
        "Nope": {"$missing": True},
    }


def test_host_line(server):
    seen = server.run([]).host
    assert list(seen) == [
        "bft",
        "kind",
        "edition",
        "version",
        "bits",
        "language_mode",
        "culture",
        "ui_culture",
        "computer",
        "user",
        "elevated",
        "logon",
        "delegation",
        "os",
        "clock",
        "oem",
    ]
    assert seen["bits"] == 64 and seen["language_mode"] == "FullLanguage" and seen["clock"].endswith("Z")


def test_a_batch_leaves_nothing_to_the_next(server):
    first = server.steps([kit("c", "Get-Counter")])
    second = server.steps([call("n", r"TestKit\Get-Number", {"Factor": 1}, select=["."])])
    assert first["c"].status == second["n"].status == "ok"


def test_whatever_is_cut_is_refused_and_nothing_runs(server):
    whole = engine.host.standard_input(batch.batch({"a": [kit("c", "Get-Counter")]}, engine.TOKEN))
    cuts = {"executor": whole[:2000], "batch": whole[:-3], "header": whole.split("\n", 1)[1], "empty": "\n"}
    for cut, stdin in cuts.items():
        assert [json.loads(line) for line in server.output(stdin).splitlines()] == [{"bft": "", "kind": "refused", "reason": "cut"}], cut


def test_flavours_agree_on_every_case(servers):
    steps = [
        kit("v", "Get-Value", select=[*VALUES, "Lost", "Denied"]),
        kit("t", "Get-Tree", select=["Children.Parent.Name", "Child.Name"]),
        kit("p", "Get-Partial", select=["Number"]),
        kit("x", "Get-Thrown"),
        kit("w", "Get-Word", {"Word": HOSTILE}, select=["."]),
        kit("a", "Test-Parameter", {"Any": HOSTILE, "Int": 3}, select=["Name", "Value"]),
        call("n", r"Nowhere\Get-It"),
        kit("o", "Get-Settable"),
        assign("s", "o", "Plain", "x"),
        kit("b", "Test-Parameter", {"UInt": -1}),
        kit("m", "Get-Method"),
    ]
    core, desktop, turkish = (servers(flavour).steps(steps) for flavour in engine.FLAVOURS)
    assert core == desktop == turkish
