"""Hosts of the lab in memory, used through batches: what the tests of the vault read and change."""
from __future__ import annotations

import copy
import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped  # noqa: E402
from lab import estate, scenario  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

TOKEN, CLOCK = "0123456789abcdef", "2026-11-24T08:00:00Z"
PATHS = {"vault01": r"E:\Copies", "vault02": r"E:\Vault"}


@functools.cache
def _healthy():
    return scenario.load("healthy")["estate"]


class Site:
    """The healthy estate of the lab in memory."""

    def __init__(self, clock=CLOCK):
        self.state = State(":memory:", estate.build(copy.deepcopy(_healthy()), clock), clock)

    def carry_out(self, host, areas):
        document = batch.batch(areas, TOKEN)
        return answer.parse("\n".join(Batch(Backend(self.state, host), document).lines()), document)

    def call(self, host, *steps):
        """Steps that have to work."""
        area = self.carry_out(host, {"x": list(steps)}).areas["x"]
        for step in area.steps.values():
            assert step.status == "ok", (step.id, step.status, step.reason, step.errors())
        return area

    def read(self, host, name="vault", **variables):
        variables = {"vault_path": PATHS.get(host, "")} | variables
        came = self.carry_out(host, {name: AREAS[name].steps(variables)})
        return shaped(name, came.areas.get(name))


def snapshots(site, change=lambda name, variables: None):
    """What the audit would have of the vaults, with the hosts whose copies they hold. *change*: host's variables, in place."""
    made = []
    for name, host in _healthy()["hosts"].items():
        host = host or {}
        groups = [*host.get("groups", ()), *(part for part in ("iis", "sharepoint", "vault", "windows_backup") if host.get(part))]
        variables = {"site": host.get("site", ""), "location": _healthy()["locations"].get(host.get("site"), "")}
        change(name, variables)
        areas = {"platform": site.read(name, "platform"), **({"vault": site.read(name)} if "vault" in groups else {})}
        made.append({"schema": 1, "host": name, "run": "r", "groups": groups, "variables": {k: v for k, v in variables.items() if v}, "collected_at": CLOCK,
                     "status": "ok", "message": "", "seconds": 1.0, "powershell": {}, "session": {}, "areas": areas})
    return made
