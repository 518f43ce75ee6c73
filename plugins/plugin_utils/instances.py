# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""SQL Server instances as subjects."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

INSTANCE = "instance"


def subjects(everyone, kinds):
    """The instances of the estate. *everyone*: its ``estate.Host``s."""
    return [_instance(host) for host in everyone if set(host.groups) & set(kinds[INSTANCE].groups)]


def name_of(host):
    """What an instance is called: as the inventory says, else as it says itself, else by its inventory name."""
    said = host.fact("sql", "name")
    return host.variables.get("instance_name") or (said if isinstance(said, str) else host.name)


def _instance(host):
    facts = host.area("sql")
    if not observed.is_hole(facts):
        agent = derived.first(derived.part(facts, "services"), lambda service: service["kind"] == "agent",
                              "SQL Server lists no service that is its Agent.")
        facts = {**facts, "host": host.name, "declared_name": name_of(host), "agent": agent}
    clock = host.fact("sql", "clock")
    return estate.Subject(INSTANCE, f"{INSTANCE}:{name_of(host)}", facts, (host.name,), clock if isinstance(clock, str) else None)
