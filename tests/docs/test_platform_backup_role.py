"""The role platform_backup has the options of its modules, and hands every one on."""
from __future__ import annotations

import pathlib

import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.modules import (
    iis_backup,
    sharepoint_backup,
    sso_secret_backup,
    windows_backup_policy,
)

ROLE = pathlib.Path(__file__).parents[2] / "roles" / "platform_backup"
SPEC = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
APART = {"certificate_password", "password", "secret_backup"}      # variables of their own
FROM_INVENTORY = {"platform_backup_iis": {"folder"}}
MODULES = {"platform_backup_iis": iis_backup, "platform_backup_sharepoint": sharepoint_backup, "platform_backup_secret": sso_secret_backup,
           "platform_backup_policy": windows_backup_policy}


def test_the_role_has_the_options_of_its_modules_and_hands_them_on():
    tasks = (ROLE / "tasks" / "main.yml").read_text(encoding="utf-8")
    for variable, module in MODULES.items():
        own, options = module.ARGUMENT_SPEC, SPEC[variable]["options"]
        assert set(options) == set(own) - APART - FROM_INVENTORY.get(variable, set()), variable
        for name, option in options.items():
            assert (option["type"], option.get("choices")) == (own[name]["type"], own[name].get("choices")), (variable, name)
            assert f"{name}: \"{{{{ {variable}.{name}" in tasks, (variable, name)
