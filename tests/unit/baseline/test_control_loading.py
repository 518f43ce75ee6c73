from __future__ import annotations

import copy
import json
import pathlib
import subprocess
import sys

import jsonschema
import pytest
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, control, query

SCHEMAS = baseline.FOLDER / "schemas"
SUBJECTS = """
kinds:
  cluster:
    says: A cluster of the tests.
    areas: [cluster]
    groups: [cluster_node]
    facts:
      name: text
      on: boolean
      started: instant
      nodes[name]:
        name: text
        state: text
        weight: number
        site?: text
        tags[]: text
      quorum:
        witness?:
          state: text
"""
GOOD = {
    "id": "FT-CLU-005",
    "title": "At least {least} nodes",
    "severity": "high",
    "subject": "cluster",
    "parameters": {"least": 2, "states": ["Up"], "strict": True},
    "where": "on == {strict}",
    "expect": [{"query": "length(nodes)", "at_least": "{least}"},
               {"each": "nodes", "where": "weight >= `1`", "query": "state", "in": "{states}", "none": "fail"}],
    "why": "Fewer than {least} are none.",
    "repair": {"advisory": "Add {least} nodes."},
    "source": ["a page"],
    "incidents": ["INC-001"],
}
DROP = "<dropped>"  # its name must be the same in every process of a parallel run


def changed(path, value):
    """The good control with one place changed; DROP takes it away."""
    made = copy.deepcopy(GOOD)
    at = made
    for key in path[:-1]:
        at = at[key]
    if value is DROP:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return made


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "subjects.yml").write_text(SUBJECTS, encoding="utf-8")
    (tmp_path / "incidents.yml").write_text("INC-001: {title: it stopped, source: a page}\n", encoding="utf-8")
    (tmp_path / "own").mkdir()
    return tmp_path


def write(folder, controls, name="cluster.yml"):
    path = folder / name
    path.write_text(yaml.safe_dump(controls, sort_keys=False), encoding="utf-8")
    return path


def refused(folder, **arguments):
    with pytest.raises(baseline.BaselineError) as error:
        baseline.load(folder, **arguments)
    return error.value.problems


def test_a_good_control(folder):
    write(folder, [GOOD])
    loaded = baseline.load(folder).controls[0]
    assert (loaded.title, loaded.why, loaded.repair) == ("At least 2 nodes", "Fewer than 2 are none.", {"advisory": "Add 2 nodes."})
    assert loaded.expect[1].wanted == ["Up"]
    assert control.reads(loaded) == {"on", "nodes", "nodes[].name", "nodes[].weight", "nodes[].state"}


# what is wrong, the part of the control that is changed, what the refusal says, and whether a JSON schema can see it
WRONG = [
    (("colour",), "red", "colour is unknown in a control; allowed: id, title", True),
    (("why",), DROP, "why is missing", True),
    (("source",), DROP, "source is missing", True),
    (("incidents",), DROP, "incidents is missing", True),
    (("source",), [], "source must be a list of texts, and not an empty one", True),
    (("title",), "", "title must be a text that is not empty", True),
    (("incidents",), ["one"], "'one' is no incident; write it as INC-065", True),
    (("id",), "CLU-5", "'CLU-5' is no id; write it as FT-CLU-005", True),
    (("severity",), "urgent", "'urgent' is no severity; there is low, medium, high, critical", True),
    (("subject",), "node", "'node' is no kind of subject; there is cluster", False),
    (("subject",), ["cluster"], "is no kind of subject", True),
    (("expect",), [], "expect must be a list of expectations, and not an empty one", True),
    (("expect", 0, "colour"), 1, "colour is unknown in an expectation", True),
    (("expect", 0, "at_least"), DROP, "exactly one of equals, at_least, at_most, in, matches, equals_name, not 0", True),
    (("expect", 0, "equals"), 2, "not 2", True),
    (("expect", 0, "none"), "fail", "none goes with each", True),
    (("expect", 1, "none"), "maybe", "one of fail, pass, not_applicable", True),
    (("expect", 0, "query"), "length(nodes", "does not parse", False),
    (("expect", 0, "query"), "length(node)", "there is no node in the subject; there is name, nodes, on, quorum, started", False),
    (("expect", 1, "query"), "stat", "there is no stat in nodes[]; there is name, site, state, tags, weight", False),
    (("expect", 0, "query"), "nodes.state", "state is asked of a list; write nodes[].state", False),
    (("expect", 0, "query"), "name.state", "state is asked of name, which is a text", False),
    (("expect", 0, "query"), "length(on)", "length takes a list or a text, but on is a boolean", False),
    (("expect", 0, "query"), "length(nodes[?stat == 'Up'])", "there is no stat in nodes[]", False),
    (("expect", 0, "query"), "length(nodes[?state])", "a condition must be true or false, but nodes[].state is a text", False),
    (("expect", 0, "query"), "size(nodes)",
     "there is no function size; there is contains, contains_name, ends_with, length, lower, missing_names, starts_with", False),
    (("expect", 0, "query"), "length(nodes, nodes)", "length takes 1 argument(s), not 2", False),
    (("expect", 0, "query"), "length(nodes[?state == `1`])", "nodes[].state (text) is compared with a number", False),
    (("expect", 0, "query"), "length(nodes[?state > 'A'])", "only numbers are compared by size", False),
    (("expect", 0, "query"), "length(nodes[?name == null])", "there is no null in nodes[]", False),
    (("expect", 0, "query"), "length(nodes[?name == `null`])", "is compared with a null", False),
    (("expect", 0, "query"), "length(missing_names(nodes, nodes[].state))", "missing_names takes lists of text, but nodes is none", False),
    (("expect", 0, "query"), "length(nodes[?contains(tags, `1`)])", "contains looks for a number in nodes[].tags", False),
    (("expect", 0, "query"), "sort_by(nodes, &name)", "there is no function sort_by", False),
    (("expect", 0, "query"), "{a: name}", "is not part of the language of controls", False),
    (("expect", 0, "query"), "length(nodes) || `1`", "a condition must be true or false", False),
    (("expect", 0, "query"), "length(quorum.witness.state)", "which may be null", False),
    (("expect", 0, "query"), "name", "at_least compares a number", False),
    (("expect", 0, "query"), "length(nodes[?weight == {less}])", "there is no parameter less; there is least, states, strict", False),
    (("expect", 0, "at_least"), "{less}", "there is no parameter less", False),
    (("expect", 0, "at_least"), "two", "at_least compares a number", True),
    (("expect", 1, "each"), "nodes[].tags", "each needs a list whose elements have a key", False),
    (("expect", 1, "each"), "quorum", "each needs a list whose elements have a key", False),
    (("expect", 1, "where"), "state", "where must be true or false", False),
    (("expect", 1, "in"), [], "in takes a list that is not empty", True),
    (("expect", 1, "in"), ["Up", 1], "never equals 1", False),
    (("expect", 1), {"each": "nodes", "query": "state", "matches": "("}, "'(' is no regular expression", False),
    (("expect", 1), {"each": "nodes", "query": "weight", "matches": "1"}, "matches compares a text with a text", False),
    (("expect", 1), {"each": "nodes", "query": "state", "equals": True}, "'state' is a text, which never equals the boolean true", False),
    (("expect", 1), {"each": "nodes", "query": "state", "equals": None}, "never equals the null none", False),
    (("expect", 1), {"each": "nodes", "query": "state", "at_most": 1}, "at_most compares a number", False),
    (("where",), "name", "where must be true or false, but 'name' is a text", False),
    (("title",), "{most} nodes", "there is no parameter most", False),
    (("why",), "{most} nodes", "there is no parameter most", False),
    (("repair",), {"advisory": "{most}"}, "there is no parameter most", False),
    (("repair",), {}, "repair is either {advisory: text} or {role: name", True),
    (("repair",), {"advisory": "a", "role": "b"}, "repair is either", True),
    (("repair",), {"role": "windows_cluster", "colour": 1}, "colour is unknown in repair", True),
    (("parameters", "spare"), 3, "the parameter spare is not used", False),
    (("parameters", "least"), None, "the default of least must be", True),
    (("parameters", "states"), ["Up", 1], "the default of states must be", True),
    (("parameters", "states"), [], "the default of states must be", True),
    (("parameters",), ["least"], "parameters must be a mapping", True),
]
RIGHT = [
    (("repair",), {"role": "windows_cluster", "variables": {"nodes": "{least}"}}),
    (("repair",), {"role": "windows_cluster"}),
    (("incidents",), []),
    (("expect", 1, "where"), "site == 'A' || starts_with(lower(state), 'u')"),
    (("expect",), [*GOOD["expect"], {"each": "nodes", "query": "site", "in": [None, "A"]}]),
    (("expect",), [*GOOD["expect"], {"query": "quorum.witness.state", "equals": None}]),
    (("expect",), [*GOOD["expect"], {"query": "quorum.witness != `null`", "equals": True}]),
    (("expect", 1), {"each": "nodes[?weight > `0`]", "query": "state", "in": "{states}"}),
    (("expect", 1), {"query": "quorum.witness.state", "in": "{states}"}),
    (("expect", 1), {"query": "nodes[].state | [0]", "in": "{states}"}),
    (("expect",), [*GOOD["expect"], {"each": "nodes", "query": "lower('UP') == lower(state)", "equals": True}]),
    (("expect", 0), {"query": "started", "at_most": "{least}"}),
]


@pytest.mark.parametrize(("path", "value", "says", "structural"), WRONG, ids=[f"{'.'.join(map(str, w[0]))}={w[1]!r:.40}" for w in WRONG])
def test_a_wrong_control_is_refused_with_file_and_line(folder, path, value, says, structural):
    file = write(folder, [copy.deepcopy(GOOD) | {"id": "FT-CLU-001"}, changed(path, value)])
    problems = refused(folder)
    hit = [problem for problem in problems if says in problem]
    assert hit, problems
    line = int(hit[0].removeprefix(f"{file}:").split(":")[0])
    begins = [number for number, text in enumerate(file.read_text().splitlines(), 1) if text.startswith("- ")]
    assert line >= begins[1], f"{hit[0]} does not point into the second control, which begins on line {begins[1]}"


def valid(schema, data):
    loaded = json.loads((SCHEMAS / schema).read_text())
    return jsonschema.Draft202012Validator(loaded, format_checker=jsonschema.FormatChecker()).is_valid(data)


@pytest.mark.parametrize(("path", "value", "structural"), [(w[0], w[1], w[3]) for w in WRONG] + [(*r, False) for r in RIGHT],
                         ids=lambda value: repr(value)[:40])
def test_loader_and_schema_agree(folder, path, value, structural):
    """What a JSON schema can see, it refuses; what it accepts, the loader refuses only for names, types and parameters."""
    data = [changed(path, value)]
    write(folder, data)
    assert valid("control.schema.json", data) is not structural
    if (path, value) in RIGHT:
        baseline.load(folder)
    else:
        refused(folder)


def test_what_is_no_file_of_controls(folder):
    write(folder, {"controls": []})
    assert "must be a list of controls" in refused(folder)[0]
    (folder / "cluster.yml").write_text("- id: [\n", encoding="utf-8")
    assert "is not YAML" in refused(folder)[0]
    (folder / "cluster.yml").write_text("- id: FT-CLU-001\n  id: FT-CLU-002\n", encoding="utf-8")
    assert refused(folder)[0].endswith("cluster.yml:2: id stands here twice")
    assert "cannot be read" in refused(folder, controls=[folder / "absent.yml"])[-2]


def test_an_id_may_stand_once_in_all_files(folder):
    write(folder, [GOOD])
    own = write(folder / "own", [GOOD], "own.yml")
    assert refused(folder, controls=[own]) == [f"{own}:1: FT-CLU-005 is there already, in {folder}/cluster.yml:1"]


def test_a_user_adds_controls(folder):
    write(folder, [GOOD])
    own = write(folder / "own", [changed(("id",), "CONTOSO-CLU-001")], "own.yml")
    assert [c.id for c in baseline.load(folder, controls=[own]).controls] == ["FT-CLU-005", "CONTOSO-CLU-001"]


@pytest.mark.parametrize(("given", "default", "becomes"), [
    ("3", 2, 3), (3, 2, 3), ("2.5", 2, 2.5), ("yes", True, True), ("False", True, False), (7, "a", "7"),
    (["a"], ["b"], ["a"]), (["4"], [1], [4]),
])
def test_an_override_gets_the_type_of_its_default(given, default, becomes):
    made = baseline.converted(given, default)
    assert made == becomes and type(made) is type(becomes)


@pytest.mark.parametrize(("given", "default"), [
    ("three", 2), ("1", True), (1, True), (True, 1), (True, "a"), ([], ["a"]), ("a", ["b"]), (None, 1), ({"a": 1}, "b"), ([1], 1),
    ("2 ", 2),
])
def test_an_override_that_is_no_such_thing_is_refused(given, default):
    with pytest.raises(ValueError, match="is no"):
        baseline.converted(given, default)


def test_overrides_and_severities(folder):
    write(folder, [GOOD])
    loaded = baseline.load(folder, parameters={"FT-CLU-005": {"least": "3"}}, severities={"FT-CLU-005": "low"}).controls[0]
    assert (loaded.title, loaded.expect[0].wanted, loaded.severity) == ("At least 3 nodes", 3, "low")


@pytest.mark.parametrize(("arguments", "says"), [
    ({"parameters": {"FT-CLU-005": {"least": "many"}}}, "parameters: FT-CLU-005: least: 'many' is no number"),
    ({"parameters": {"FT-CLU-005": {"most": 1}}}, "parameters: FT-CLU-005 has no most; it has least, states, strict"),
    ({"parameters": {"FT-CLU-006": {"least": 1}}}, "parameters: there is no control FT-CLU-006"),
    ({"parameters": {"FT-CLU-005": 3}}, "parameters: FT-CLU-005: must be a mapping of parameters by name"),
    ({"severities": {"FT-CLU-005": "urgent"}}, "severities: FT-CLU-005: 'urgent' is no severity; there is low, medium, high, critical"),
    ({"severities": {"FT-CLU-006": "low"}}, "severities: there is no control FT-CLU-006"),
])
def test_a_variable_that_no_control_takes_is_refused(folder, arguments, says):
    write(folder, [GOOD])
    assert refused(folder, **arguments) == [says]


def test_values_that_ansible_has_tagged(folder):
    class Tagged(str):
        __slots__ = ()

    write(folder, [GOOD])
    loaded = baseline.load(folder, parameters={"FT-CLU-005": {"states": [Tagged("Up")]}}).controls[0]
    assert loaded.expect[1].wanted[0].__class__ is str


@pytest.mark.parametrize("hostile", ["O'H`are", "\\`", "{least}", "\"'\\", "x\ny", "\U0001f418\u202e", "`null`", "\\\\"])
def test_a_parameter_stays_a_value_whatever_is_in_it(hostile):
    root = query.Type("object", fields={"name": query.Type("text", path="name")})
    compiled = query.compile_query("name == {wanted}", {"wanted": hostile}, root)
    assert query.ask(compiled, {"name": hostile}) is True
    assert query.ask(compiled, {"name": "other"}) is False


WAIVER = {"control": "FT-CLU-005", "subject": "cluster:*", "owner": "anna", "reason": "it comes in March", "ticket": "CHG-1",
          "until": "2027-03-31"}


def test_a_good_waiver(folder):
    write(folder, [GOOD])
    file = folder / "own" / "waivers.yml"
    file.write_text("- control: FT-CLU-005\n  subject: cluster:*\n  owner: anna\n  reason: it comes\n  ticket: CHG-1\n"
                    "  until: 2027-03-31\n")
    waiver = baseline.load(folder, waivers=file).waivers[0]
    assert waiver.until == "2027-03-31"
    assert waiver.covers("FT-CLU-005", "cluster:sqlclu") and not waiver.covers("FT-CLU-005", "dtc:a/Local")
    assert not waiver.covers("FT-CLU-006", "cluster:sqlclu")


@pytest.mark.parametrize(("change", "says", "structural"), [
    ({"control": "FT-CLU-006"}, "there is no control FT-CLU-006", False),
    ({"until": "31.3.2027"}, "'31.3.2027' is no day; write it as 2027-03-31", True),
    ({"until": "2027-02-30"}, "is no day", True),
    ({"until": "20270331"}, "is no day", True),
    ({"owner": " "}, "owner must be a text that is not empty", True),
    ({"ticket": 4711}, "ticket must be a text", True),
    ({"ticket": DROP}, "ticket is missing in a waiver", True),
    ({"severity": "low"}, "severity is unknown in a waiver", True),
])
def test_a_wrong_waiver_is_refused(folder, change, says, structural):
    write(folder, [GOOD])
    data = {key: value for key, value in (WAIVER | change).items() if value is not DROP}
    file = write(folder / "own", [data], "waivers.yml")
    problems = refused(folder, waivers=file)
    assert says in problems[0] and problems[0].startswith(f"{file}:")
    assert valid("waivers.schema.json", [data]) is not structural


@pytest.mark.parametrize(("left", "right", "equal"), [
    (1, 1.0, True), (1, True, False), (0, False, False), ("1", 1, False), (None, None, True), (None, [], False), ([], None, False),
    ([1], [True], False), ([1, [2]], [1, [2]], True), (["a"], ["a", "b"], False), (True, True, True),
])
def test_equality_without_conversion(left, right, equal):
    assert query.same(left, right) is equal


def test_brackets_in_a_waiver_are_only_brackets():
    waiver = baseline.Waiver("FT-CLU-005", "dtc:[a]?/*", "o", "r", "t", "2027-01-01", "x")
    assert waiver.covers("FT-CLU-005", "dtc:[A]?/Lo\ncal") and not waiver.covers("FT-CLU-005", "dtc:a1/Local")


@pytest.mark.parametrize(("text", "says"), [
    ("kinds: {}\nmore: 1\n", "more is unknown in subjects.yml; allowed: kinds"),
    ("kinds: [host]\n", "kinds must be a mapping"),
    ("kinds: {host: {says: x, areas: [], groups: []}}\n", "facts is missing in the kind host"),
    ("kinds: {host: {says: x, areas: 5, groups: [], facts: {}}}\n", "areas must be a list of texts"),
    ("kinds: {host: {says: x, areas: [], groups: [], facts: []}}\n", "facts must be a mapping"),
    ("kinds: {host: {says: x, areas: [], groups: [], facts: {Name: text}}}\n", "Name is no property"),
    ("kinds: {host: {says: x, areas: [], groups: [], facts: {name: string}}}\n", "'string' is no type; there is text, number"),
])
def test_a_wrong_schema_of_subjects_is_refused(tmp_path, text, says):
    (tmp_path / "subjects.yml").write_text(text)
    (tmp_path / "incidents.yml").write_text("{}")
    assert says in refused(tmp_path)[0]
    assert not valid("subjects.schema.json", yaml.safe_load(text))


def test_the_baseline_keeps_its_own_schemas():
    for path in sorted(baseline.FOLDER.glob("*.yml")):
        schema = {"subjects.yml": "subjects.schema.json", "attestations.yml": "claims.schema.json"}.get(path.name, "control.schema.json")
        if path.name not in ("incidents.yml", "rebuild.yml"):
            assert valid(schema, yaml.safe_load(path.read_text(encoding="utf-8"))), path.name


def test_without_jmespath_the_reason_is_said(monkeypatch):
    monkeypatch.setattr(query, "jmespath", None)
    with pytest.raises(baseline.BaselineError, match="pip install jmespath"):
        baseline.load()


def test_nothing_needs_jmespath_to_be_imported():
    code = ("import sys; sys.modules['jmespath'] = None\n"
            "from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, estate, judge, query, report\n"
            "assert query.jmespath is None")
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=pathlib.Path(__file__).parent).returncode == 0
