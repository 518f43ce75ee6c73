"""A lab in a thread of the test's own process, and ways to talk to it."""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["NO_PROXY"] = "127.0.0.1,localhost"

from winrm.protocol import Protocol  # noqa: E402

from lab import estate, operator, scenario  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.server import Lab  # noqa: E402
from lab.state import State  # noqa: E402

CLOCK = "2026-11-24T08:00:00Z"
ADMIN, PASSWORD = r"CONTOSO\svc-audit", "Lab-only-1"


class Wire:
    """A running lab and requests to it over its own protocols."""

    def __init__(self, lab, plan):
        self.lab, self.plan = lab, plan

    def protocol(self, host, transport="basic", user=ADMIN, password=PASSWORD, https=False, port=None, address="127.0.0.1", **options):
        scheme, chosen = ("https", self.lab.https_port) if https else ("http", self.lab.port)
        options.setdefault("ca_trust_path", str(self.lab.ca))
        return Protocol(f"{scheme}://{address}:{port or chosen}/wsman/{host}", transport=transport, username=user, password=password, **options)

    def batch(self, host, *steps, **options):
        """The answer's lines of a batch with one area; asserts that the command itself went well."""
        stdout, stderr, code = operator.execute(self.protocol(host, **options), *operator.request([area(*steps)]))
        assert (stderr, code) == (b"", 0)
        return operator.answers(stdout)


def area(*steps):
    return {"area": "test", "steps": [{"id": f"s{number}", **step} for number, step in enumerate(steps)]}


@pytest.fixture
def serve(tmp_path):
    """Starts labs of named scenarios, with their actions not yet carried out; stops them at the end."""
    started = []

    def start(name="healthy", **options):
        folder = tmp_path / f"lab{len(started)}"
        folder.mkdir()
        plan = scenario.load(name)
        state, _fresh = scenario.open_state(plan, folder, CLOCK)
        started.append(Lab(state, folder, **options).__enter__())
        return Wire(started[-1], plan)

    yield start
    for lab in started:
        lab.__exit__(None, None, None)


@pytest.fixture
def wire(serve):
    return serve()


class Console:
    """Cmdlets on the hosts of an estate in memory, as an administrator."""

    def __init__(self, state):
        self.state = state

    def run(self, host, command, piped=None, user=None, **parameters):
        return Backend(self.state, host, user).invoke(command, parameters, piped)

    def ok(self, host, command, piped=None, **parameters):
        """The objects of a call that must go without an error."""
        outcome = self.run(host, command, piped, **parameters)
        assert not outcome.errors, outcome.errors
        return outcome.objects

    def refused(self, host, command, piped=None, user=None, **parameters):
        """The error of a call that must end with exactly one, and leave the estate as it was."""
        before = self.state.state_hash()
        outcome = self.run(host, command, piped, user, **parameters)
        assert len(outcome.errors) == 1 and self.state.state_hash() == before
        return outcome.errors[0]

    def steps(self, host, *steps):
        """The answers of steps as a batch gives them."""
        lines = Batch(Backend(self.state, host), {"bft": "0" * 16, "deadline": 60, "areas": [area(*steps)]}).lines()
        return json.loads(lines[1])["steps"]


@pytest.fixture
def console(tmp_path):
    return Console(scenario.open_state(scenario.load("healthy"), tmp_path, CLOCK)[0])


@pytest.fixture
def console_of():
    """Makes a console of a description of an estate."""
    return lambda description: Console(State(estate=estate.build(estate.hosts_with_clusters(description), CLOCK), clock=CLOCK))
