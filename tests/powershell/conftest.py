from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import engine  # noqa: E402


def pytest_collection_modifyitems(items):
    if engine.path():
        return
    here = str(pathlib.Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.skip(reason="NO POWERSHELL: neither $PWSH nor a pwsh on PATH; the executor was not run at all"))


@pytest.fixture(scope="session", params=list(engine.FLAVOURS))
def server(request):
    started = engine.Server(request.param)
    yield started
    started.close()
