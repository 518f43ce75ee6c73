"""docs/inventory.md says what the product reads of an inventory: the same groups, the same variables, an example that holds."""
from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import contract

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "baseline" / "schemas" / "inventory.schema.json").read_text(encoding="utf-8"))
HOST = SCHEMA["properties"]["hosts"]["additionalProperties"]["properties"]


def first_cells(heading):
    """Names in backticks in the first column of the table under a heading."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_the_groups_are_those_that_are_read():
    assert first_cells("Groups") == set(contract.GROUPS) == set(HOST["groups"]["items"]["enum"])


def test_the_variables_are_those_that_are_read():
    assert first_cells("Variables") - {"windows_cluster_quorum"} == set(contract.VARIABLES) == set(HOST["variables"]["properties"])


def test_the_example_is_right():
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[1])
    hosts = {}
    for group, content in example["all"]["children"].items():
        for name, variables in content["hosts"].items():
            host = hosts.setdefault(name, {"groups": [], "variables": {}})
            host["groups"].append(group)
            host["variables"] |= {key: value for key, value in (variables or {}).items() if key not in login.LOGIN_SPEC}
    assert len(hosts) == 5
    jsonschema.validate({"hosts": hosts}, SCHEMA)


def test_the_example_of_a_waiver_is_right():
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    waivers = yaml.load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], Loader=yaml.BaseLoader)
    jsonschema.validate(waivers, json.loads((ROOT / "baseline" / "schemas" / "waivers.schema.json").read_text(encoding="utf-8")))
    assert waivers


def test_the_options_that_audit_md_names_exist():
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    options = yaml.safe_load((ROOT / "roles" / "audit" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"\baudit_[a-z_]+", text))
    assert len(named) > 5
    assert named <= set(options["argument_specs"]["main"]["options"])


def test_the_options_of_configure_md_exist():
    text = (ROOT / "docs" / "configure.md").read_text(encoding="utf-8")
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    options = yaml.safe_load((ROOT / "roles" / "windows_cluster" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = options["argument_specs"]["main"]["options"]
    assert set(example) <= set(options)
    assert set(example["windows_cluster_quorum"]) <= set(options["windows_cluster_quorum"]["options"])


def test_the_variables_of_a_session_are_the_options_of_every_sql_resource():
    assert first_cells("SQL Server") == set(login.LOGIN_SPEC)
