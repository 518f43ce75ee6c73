"""Modules, action group, routing and actions list the same names."""
from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
ROUTES = {name: route["action_plugin"].removeprefix("biztalk.fault_tolerance.")
          for name, route in RUNTIME["plugin_routing"]["modules"].items()}


def stems(folder):
    return sorted(path.stem for path in (ROOT / "plugins" / folder).glob("*.py"))


def test_every_module_is_in_the_action_group_and_routed():
    assert RUNTIME["action_groups"]["all"] == stems("modules")
    assert sorted(ROUTES) == stems("modules")


def test_a_route_leads_to_the_controller_or_to_the_module_s_own_action():
    assert {name: target for name, target in ROUTES.items() if target not in ("controller", name)} == {}
    assert sorted(set(ROUTES.values())) == stems("action")


def test_actions_are_never_redirected():
    assert "action" not in RUNTIME["plugin_routing"]


def test_every_module_says_that_it_belongs_to_the_group():
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        documentation = yaml.safe_load(path.read_text(encoding="utf-8").split('DOCUMENTATION = r"""')[1].split('"""')[0])
        assert documentation["module"] == path.stem
        assert "biztalk.fault_tolerance.attributes" in documentation["extends_documentation_fragment"], path.name


def test_the_collection_depends_on_no_other():
    assert (GALAXY["namespace"], GALAXY["name"], GALAXY["dependencies"]) == ("biztalk", "fault_tolerance", {})


def test_the_requirements_say_what_they_are_for():
    for name in ("requirements.txt", "lab/requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or "  # " in line, f"{name}: {line}"
