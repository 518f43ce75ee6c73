"""One headless Chromium for all tests, and a page of each report: skipped loudly where there is none."""
from __future__ import annotations

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium: report.html was looked at in no browser (tools/system-packages.sh chromium brings one)")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses the superuser; the page is our own file
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """name of a report -> its report.html."""
    from browser_reports import REPORTS

    from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import report_html
    return {name: pathlib.Path(report_html.write(make(), tmp_path_factory.mktemp(name))) for name, make in REPORTS.items()}


@pytest.fixture
def show(browser, written):
    """``show(name, fragment="", **context)``: a page of the report. Whatever the console says, and whatever it asks of a
    network, fails the test."""
    contexts, told = [], []

    def open_page(name, fragment="", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else told.append(f"request: {request.url}"))
        page.goto(written[name].as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []
