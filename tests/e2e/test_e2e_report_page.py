"""The page that an audit writes: it says what the estate is, its path is printed, and no secret is in it."""
from __future__ import annotations

PASSWORD = "Lab-only-1"


def test_the_page_is_written_and_its_path_is_printed(open_estate):
    estate = open_estate("drifted")
    report = estate.audit(check=0)
    path = estate.folder / "audit" / "report.html"
    assert f"Report: {path}\n" in estate.last.stdout and path.stat().st_mode & 0o777 == 0o600
    page = path.read_text(encoding="utf-8")
    assert "This estate is a simulation" in page
    assert [finding["fingerprint"] for finding in report["findings"] if f'id="f-{finding["fingerprint"]}"' not in page] == []


def test_a_password_is_in_none_of_the_files(healthy):
    assert PASSWORD in healthy.inventory.read_text(encoding="utf-8")
    healthy.audit("-e", f"audit_note='the password <{PASSWORD}> is a canary'", check=0)
    for name in ("report.html", "report.json"):
        text = (healthy.folder / "audit" / name).read_text(encoding="utf-8")
        assert "is a canary" in text and "********" in text and PASSWORD not in text, name
    assert PASSWORD not in healthy.last.stdout
