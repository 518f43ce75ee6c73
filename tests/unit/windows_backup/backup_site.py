# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One host with Windows Server Backup in the lab, in memory, used through batches as over the wire."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import shaped  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import windows_backup as area  # noqa: E402
from lab import estate  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

TOKEN = "0123456789abcdef"
CLOCK = "2026-11-24T08:00:00Z"
SHARES = [r"\\vault01\images", r"\\vault02\deep\er"]


class Site:
    def __init__(self, told=True, clock=CLOCK, host="bts01", **of_host):
        description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {host: {"windows_backup": told, **of_host}},
                       "shares": {SHARES[0]: {"writers": []}}}
        self.host, self.state = host, State(":memory:", estate.build(estate.hosts_with_clusters(description), clock), clock)

    @property
    def kept(self):
        return self.state.hosts[self.host]["windows_backup"]

    def carry_out(self, name, steps):
        document = batch.batch({name: steps}, TOKEN)
        return answer.parse("\n".join(Batch(Backend(self.state, self.host), document).lines()), document).areas[name]

    def snapshot(self):
        return {"host": {"clock": self.state.clock}, "areas": {"windows_backup": shaped(area.NAME, self.carry_out(area.NAME, area.steps({})))}}

    def apply(self, changes):
        """Every change in a batch of its own; no step may fail."""
        for change in changes:
            if change.steps:
                for step in self.carry_out("change", change.steps).steps.values():
                    assert step.status == "ok" and not step.errors(), (step.id, step.status, step.reason, step.errors())

    def ok(self, cmdlet, **parameters):
        outcome = Backend(self.state, self.host).invoke(area.WSB + cmdlet, parameters)
        assert not outcome.errors, outcome.errors
        return outcome.objects
