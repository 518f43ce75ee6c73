from __future__ import annotations

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import engine  # noqa: E402

AREAS, THOROUGH, EVERYWHERE = "test_areas_read_the_same", "desktop", ("bts03", "iis01", "sp01", "vault02")


def pytest_collection_modifyitems(config, items):
    """All hosts are read in the flavour of Windows PowerShell; in the others one of each kind, since a host costs seconds."""
    left_out = [item for item in items if getattr(item, "originalname", "") == AREAS and item.callspec.params["both"] != THOROUGH
                and item.callspec.params["host"] not in EVERYWHERE]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
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
