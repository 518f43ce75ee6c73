"""A farm of the lab in memory, read and changed through batches as over the wire."""
from __future__ import annotations

import sys
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, long_work  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import jobs, sharepoint  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.modules import sharepoint_backup as module  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import jobs as tasks  # noqa: E402
from lab import estate, files  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

TOKEN, CLOCK = "0123456789abcdef", "2026-11-24T08:00:00Z"
SHARE, FOLDER = r"\\sp\spbackup", r"C:\SPBackup"
ACCOUNT, PASSWORD = r"CONTOSO\svc-spfarm", "Lab-only-6"


class Farm:
    """One SharePoint server. *told*: what the description of the estate says of it (lab/parts/sharepoint.py)."""

    def __init__(self, told=True):
        description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {"sp": {"sharepoint": told}}}
        self.state = State(":memory:", estate.build(description, CLOCK), CLOCK)
        self.document = self.state.hosts["sp"]

    @property
    def view(self):
        return files.View(self.state, "sp", next(iter(self.state.users)), None)

    def carry_out(self, name, steps):
        document = batch.batch({name: steps}, TOKEN)
        return answer.parse("\n".join(Batch(Backend(self.state, "sp"), document).lines()), document)

    def read(self, folder=SHARE):
        return sharepoint.shape(self.carry_out("sharepoint", sharepoint.steps({sharepoint.VARIABLE: folder} if folder else {})).areas["sharepoint"])

    def snapshot(self, options):
        came = self.carry_out("sharepoint", sharepoint.steps(module.about(options)))
        known = self.carry_out("jobs", jobs.steps({}))
        return {"host": came.host, "areas": {"sharepoint": sharepoint.shape(came.areas["sharepoint"]), "jobs": jobs.shape(known.areas["jobs"])}}

    def plan(self, **wanted):
        options = checked(wanted)
        return module.plan(options, self.snapshot(options))

    def begin(self, change):
        for step in self.carry_out("change", tasks.expand(change.steps)).areas["change"].steps.values() if change.steps else ():
            assert step.status == "ok", (step.id, step.reason, step.errors())

    def follow(self, wait, seconds=600):
        """Polls as the action does while the clock goes on; the last word of it."""
        for _poll in range(200):
            told = wait.told(self.carry_out("follow", list(wait.steps)).areas["follow"])
            if told.state != long_work.RUNNING:
                for step in self.carry_out("finish", wait.finish).areas["finish"].steps.values():
                    assert step.status == "ok", (step.id, step.reason, step.errors())
                return told
            self.state.move_clock(seconds)
        raise AssertionError("it never ended")

    def apply(self, changes):
        """Every change to its end; why one did not succeed, or ""."""
        for change in changes:
            self.begin(change)
            if change.wait:
                told = self.follow(change.wait)
                if told.state == long_work.FAILED:
                    return told.says
        return ""


def checked(wanted):
    result = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate({"folder": SHARE, "account": ACCOUNT, "password": PASSWORD, **wanted})
    assert not result.error_messages, result.error_messages
    return result.validated_parameters
