# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The inventory contract: which groups and variables the collection reads (documented in docs/inventory.md)."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS

GROUPS = ("biztalk", "cluster_node", "iis", "nlb", "sharepoint", "sql_instance", "sso", "storage", "vault", "wds", "windows_backup")
VARIABLES = (
    "backup_folder", "cluster_name", "instance_name", "location", "log_shipping_destination", "nlb_name", "sharepoint_backup_folder", "site",
    "sso_secret_backup", "vault_path", "witness_site",
)
DESTINATION = "log_shipping_destination"
AREAS_OF_GROUP = {
    "cluster_node": ("cluster",),
    "iis": ("iis",),
    "nlb": ("nlb",),
    "sharepoint": ("sharepoint",),
    "sso": ("sso", "nlb"),
    "storage": ("storage",),
    "vault": ("vault",),
    "wds": ("wds",),
    "windows_backup": ("windows_backup",),
}


def contract_groups(group_names):
    """Those of a host's groups that mean something here."""
    return [name for name in GROUPS if name in group_names]


def contract_variables(task_vars):
    """The contract's variables of one host, as text; those that are not set are left out."""
    return {name: str(task_vars[name]) for name in VARIABLES if task_vars.get(name) not in (None, "")}


def is_true(text):
    """Whether a variable of the contract, as text, says yes."""
    return str(text).casefold() in ("true", "yes", "1")


def areas_of(group_names, variables):
    """The areas that a host of these groups can be asked for, in order. A SQL Server instance is read by SQL only, and its log shipping
    where the inventory says that it is a destination. *variables*: the contract's, as text."""
    if "sql_instance" in group_names:
        return [area for area in SQL_AREAS if area != "log_shipping" or is_true(variables.get(DESTINATION))]
    return list(dict.fromkeys(["platform"] + [area for name in GROUPS if name in group_names for area in AREAS_OF_GROUP.get(name, ())]))


def asked_areas(areas, run_tags, skip_tags):
    """The areas that a run's tags leave: tags are area names; ``all`` and ``tagged`` mean every area."""
    everything = {"all", "tagged", "always"} & set(run_tags)
    return [area for area in areas if (everything or area in run_tags) and area not in skip_tags]
