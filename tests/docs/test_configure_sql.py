"""The example of the SQL part of docs/configure.md and the role's options are those of the modules."""
from __future__ import annotations

import pathlib
import re

import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.login import LOGIN_SPEC
from ansible_collections.biztalk.fault_tolerance.plugins.modules import biztalk_backup_database, biztalk_backup_job, sql_agent_job

ROOT = pathlib.Path(__file__).parents[2]
SPEC = yaml.safe_load((ROOT / "roles" / "sql_backup" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
MODULES = {"sql_backup_job": biztalk_backup_job, "sql_backup_databases": biztalk_backup_database, "sql_backup_agent_jobs": sql_agent_job}


def test_the_role_has_the_options_of_its_modules():
    for variable, module in MODULES.items():
        own = {name: option for name, option in module.ARGUMENT_SPEC.items() if name not in LOGIN_SPEC}
        assert set(SPEC[variable]["options"]) == set(own), variable
        for name, option in SPEC[variable]["options"].items():
            assert (option["type"], option.get("choices"), option.get("required")) == (
                own[name]["type"], own[name].get("choices"), own[name].get("required")), (variable, name)


def test_the_role_hands_every_option_on():
    text = (ROOT / "roles" / "sql_backup" / "tasks" / "main.yml").read_text(encoding="utf-8")
    tasks = {name: body for body in text.split("- name:") for name in MODULES if f"register: {name}_done" in body}
    for variable in MODULES:
        assert [name for name in SPEC[variable]["options"] if f"{name}: " not in tasks[variable]] == []


def test_the_example_is_right():
    block = next(block for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "configure.md").read_text(encoding="utf-8"), re.DOTALL)
                 if "sql_backup_job" in block)
    example = yaml.safe_load(block)
    assert set(example) <= set(SPEC)
    for variable in MODULES:
        for row in [example[variable]] if isinstance(example[variable], dict) else example[variable]:
            assert set(row) <= set(SPEC[variable]["options"])
