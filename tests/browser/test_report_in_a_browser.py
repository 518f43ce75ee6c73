"""report.html in headless Chromium: it can be read, used by keyboard, filtered, linked and printed, in light and dark, narrow and wide."""
from __future__ import annotations

import json
import re
import time
from pathlib import Path

import jsonschema
import pytest
from browser_reports import REPORTS

OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"
SHOWN = "[...document.querySelectorAll('.finding')].filter(part => part.checkVisibility()).map(part => part.id)"


def fault(finding):
    return f"{finding['id']}: " + "; ".join(" ".join(node["target"]) for node in finding["nodes"])


def check(page):
    """Every rule of axe-core, and no sideways scrolling of the page as a whole."""
    from axe_playwright_python.sync_playwright import Axe
    found = Axe().run(page).response
    assert [fault(one) for one in found["violations"]] == []
    assert len(found["passes"]) > 20
    wide = "[...document.querySelectorAll('main *')].filter(part => part.getBoundingClientRect().right > innerWidth && !part.closest('.scroll'))"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.evaluate(f"{wide}.map(part => part.outerHTML.slice(0, 99))")


@pytest.mark.parametrize("opened", [False, True], ids=["as it opens", "every section open"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["nothing", "healthy", "everything"])
def test_nothing_stands_in_a_readers_way(show, name, scheme, width, opened):
    page = show(name, color_scheme=scheme, viewport={"width": width, "height": 800})
    if opened:
        page.evaluate(OPEN_ALL)
    check(page)


def test_hostile_text_runs_nothing(show):
    page = show("everything")
    assert page.title() == "Drift: BizTalk fault-tolerance audit of 2026-11-24T09:00:00Z"
    assert page.locator("img").count() == 0 and page.locator("script").count() == 1


def test_light_and_dark_differ(show):
    colours = {show("everything", color_scheme=scheme).evaluate("getComputedStyle(document.documentElement).backgroundColor") for scheme in ("light", "dark")}
    assert len(colours) == 2


def test_an_address_opens_its_finding(show):
    hidden = next(f for f in REPORTS["everything"]()["findings"] if f["status"] == "pass")
    page = show("everything", f"#f-{hidden['fingerprint']}")
    finding = page.locator(f"#f-{hidden['fingerprint']}")
    assert finding.get_attribute("open") is not None
    assert finding.locator("dl").is_visible()
    assert page.evaluate("document.activeElement.parentElement.id") == f"f-{hidden['fingerprint']}"


def test_a_link_to_a_finding_that_the_filter_hides_shows_it(show):
    page = show("everything")
    page.locator("[name=severity]").select_option("low")
    link = page.locator("#next a").first
    target = link.get_attribute("href")
    assert not page.locator(target).is_visible()
    link.click()
    assert page.locator(target).is_visible() and page.locator(target).get_attribute("open") is not None


FILTERS = [
    ({"severity": "critical"}, "", lambda f: f["severity"] == "critical"),
    ({"status": "unknown"}, "", lambda f: f["status"] == "unknown"),
    ({"family": "HST"}, "", lambda f: "-HST-" in f["control"]),
    ({"place": "bts03"}, "", lambda f: f["subject"] == "host:bts03"),
    ({"status": "fail", "severity": "low"}, "", lambda f: f["status"] == "fail" and f["severity"] == "low"),
    ({}, "  SQLCLU ft-clu-002 ", lambda f: (f["control"], f["subject"]) == ("FT-CLU-002", "cluster:SQLCLU")),
    ({}, "no such word", lambda f: False),
]


@pytest.mark.parametrize(("choices", "words", "wanted"), FILTERS, ids=range(len(FILTERS)))
def test_the_filter_leaves_what_was_asked_for(show, choices, words, wanted):
    findings = REPORTS["everything"]()["findings"]
    page = show("everything")
    before = page.evaluate(SHOWN)
    for name, choice in choices.items():
        page.locator(f"[name={name}]").select_option(choice)
    page.get_by_label("Search").fill(words)
    left = [f"f-{f['fingerprint']}" for f in findings if wanted(f)]
    assert sorted(page.evaluate(SHOWN)) == sorted(left)
    assert page.locator("#shown").text_content() == f"{len(left)} of {len(findings)} findings shown"
    page.get_by_role("button", name="Clear the filter").click()
    assert page.evaluate(SHOWN) == before


def test_a_cell_of_the_map_narrows_the_findings_to_its_own(show):
    page = show("everything")
    page.locator("td a[data-place=SQLCLU][data-family=CLU]").click()
    assert len(page.evaluate(SHOWN)) == 4
    assert page.evaluate("document.activeElement.name") == "words"


def test_everything_is_done_by_keyboard(show):
    page = show("everything")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#verdict"
    summary = page.locator(".finding summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator(".finding dl").first.is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Link to this finding"


def test_without_script_everything_can_still_be_read(show):
    page = show("everything", java_script_enabled=False)
    assert not page.locator("#filter").is_visible()
    page.locator(".finding summary").first.click()
    assert page.locator(".finding dl").first.is_visible()


def test_what_is_printed_is_light_and_has_the_evidence_of_what_is_wrong(show, tmp_path):
    page = show("everything", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).color") == "rgb(27, 31, 36)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".finding[data-status=fail] dl").first.is_visible()
    assert page.locator(".finding[data-status=pass] summary").first.is_visible()
    assert not page.locator(".finding[data-status=pass] dl").first.is_visible()
    assert not page.locator("#filter").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator(".finding[data-status=fail] dl").first.is_visible()
    assert len(re.findall(rb"/Type ?/Page\b", page.pdf(format="A4"))) >= 2


def test_a_large_report_stays_quick(show):
    started = time.monotonic()
    page = show("large")
    page.get_by_label("Search").fill("bts037 ft-clu")
    assert page.locator("#shown").text_content() == "20 of 2400 findings shown"
    assert time.monotonic() - started < 30
    check(page)


@pytest.mark.parametrize("name", REPORTS)
def test_the_reports_of_these_tests_are_reports(name):
    schema = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "report.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [error.message for error in validator.iter_errors(REPORTS[name]())] == []
