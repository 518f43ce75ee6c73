"""Every cmdlet that the plugins name exists, with the parameters that the areas give it, by the catalogue of documented cmdlets."""
from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = json.loads((ROOT / "tests" / "data" / "catalogue" / "cmdlets.json").read_text(encoding="utf-8"))
CMDLET = re.compile(r"[A-Za-z][A-Za-z0-9.]*\\[A-Z][A-Za-z]*-[A-Z][A-Za-z0-9]*")
FILE_SYSTEM = {"Attributes", "Directory", "File", "Hidden", "ReadOnly", "System"}    # the provider adds them to every set of Get-ChildItem
OUTSIDE = {}  # cmdlets that are used and not in the catalogue: name -> the page that documents them


def page(command):
    """The catalogue's entry of a module-qualified cmdlet, or None."""
    module, name = command.split("\\")
    modules = {**{known.get("snapin"): known for known in CATALOGUE["modules"].values()}, **CATALOGUE["modules"]}
    return modules.get(module, {"cmdlets": {}})["cmdlets"].get(name)


def parameter_faults(command, given):
    """What the cmdlet would refuse of the parameters *given* (a collection of names), one sentence each."""
    parameters = page(command)["parameters"]
    names = {alias.casefold(): name for name, entry in parameters.items() for alias in [name, *entry.get("aliases", [])]}
    unknown = [name for name in given if name.casefold() not in names]
    if unknown:
        return [f"{command} has no parameter {name}" for name in unknown]
    canonical = {names[name.casefold()] for name in given}
    piped = {name for name, entry in parameters.items() if entry.get("pipeline")}
    outside_sets = {name for name in canonical if not parameters[name].get("in_docs", True)}
    if command.endswith("\\Get-ChildItem"):
        outside_sets |= FILE_SYSTEM
    for one in page(command)["parameter_sets"].values():
        mandatory, optional = set(one.get("mandatory", ())), set(one.get("optional", ()))
        if canonical - outside_sets <= mandatory | optional and mandatory <= canonical | piped:
            return []
    return [f"{command} has no parameter set for {', '.join(sorted(canonical)) or 'no parameters'}"]


def named():
    """Cmdlets that stand in string constants of the plugins: command -> files."""
    found = {}
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CMDLET.fullmatch(node.value):
                found.setdefault(node.value, set()).add(path.name)
    return found


def calls():
    return [(area.NAME, step) for area in AREAS.values() for step in area.steps({}) if "call" in step]


def test_every_cmdlet_that_is_named_exists():
    commands = named()
    assert len(commands) > 10
    assert {command: files for command, files in commands.items() if page(command) is None and command not in OUTSIDE} == {}
    assert [command for command in OUTSIDE if command not in commands] == []


@pytest.mark.parametrize(("area", "step"), calls(), ids=lambda value: value["id"] if isinstance(value, dict) else value)
def test_an_area_gives_parameters_that_exist(area, step):
    if step["call"] not in OUTSIDE:
        assert parameter_faults(step["call"], step.get("with", {})) == []


@pytest.mark.parametrize(("command", "given"), [
    (r"FailoverClusters\Get-ClusterNode", ["Nmae"]),
    (r"FailoverClusters\Move-ClusterGroup", ["Cancel", "Node", "VMHost"]),
    (r"Microsoft.PowerShell.Management\Test-Path", ["Path", "LiteralPath"]),
])
def test_a_wrong_parameter_is_found(command, given):
    assert parameter_faults(command, given)
