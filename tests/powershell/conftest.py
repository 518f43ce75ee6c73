from __future__ import annotations

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import engine  # noqa: E402


def pytest_collection_modifyitems(items):
    if engine.path():
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="NO POWERSHELL: neither $PWSH nor a pwsh on PATH; the executor was not run at all"))


@pytest.fixture(scope="session")
def servers():
    """``servers(flavour)``: the engine of a flavour, started once."""
    started = {}

    def of(flavour):
        if flavour not in started:
            started[flavour] = engine.Server(flavour)
        return started[flavour]

    yield of
    for server in started.values():
        server.close()


@pytest.fixture(params=list(engine.FLAVOURS))
def server(request, servers):
    return servers(request.param)
