"""The report as a page: whole, of one file, linkable, and nothing in it can run or look like something else."""
from __future__ import annotations

import os
import unicodedata
from html.parser import HTMLParser

import baseline_estates as estates
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, judge, report_html, secrets

BASELINE = estates.of_windows(baseline.load())
VOID = {"meta", "link", "input"}
HOSTILE = ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</style></script><b>", "{{ 7 * 7 }}{% raw %}", "new\nline\r\x1b[31m",
           "\u202egnp.exe", "\ud800", "a" * 5000, "javascript:alert(1)", "&amp;&lt;", "\x00", "\u53e2\u96c6\u7fa4"]
RPO = [{"subject": "backup:S/M", "database": name, "achieved_seconds": achieved, "target_seconds": target, "lost_now_seconds": now, "status": status}
       for name, achieved, target, now, status in [("Mgmt", 11400, 900, 0, "fail"), ("MsgBox", 900, 900, 60, "pass"), ("SSO", None, 900, None, "unknown"),
                                                   ("BAM", 4 * 10 ** 8, None, 5, "not_applicable"), ("Rules", None, 900, None, "fail")]]


class Page(HTMLParser):
    """What a page says: its elements with their attributes, its text, and whether every element is closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.within = [], "", []
        self.feed(html)
        self.close()
        assert self.within == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.within.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.within.pop() == tag

    def handle_data(self, data):
        if self.within and self.within[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(name) == value for name, value in wanted.items())]


def judged(snapshots, **options):
    return judge.judge(snapshots, {}, BASELINE, judge.Options(**{"now": "2026-11-24T09:00:00Z", **options}))


def drifted(name="SQLCLU"):
    """Two clusters of which one, called *name*, has drifted, and a host that nobody reached."""
    snapshots = estates.healthy()
    for one in snapshots:
        if one["variables"].get("cluster_name") == "SQLCLU":
            one["variables"]["cluster_name"] = one["areas"]["cluster"]["name"] = name
            one["areas"]["cluster"]["heartbeat"]["same_subnet_threshold"] = 5
            one["areas"]["cluster"]["nodes"][1]["state"] = "Paused"
        if one["host"] == "bts03":
            one.update(status="unreachable", areas=dict.fromkeys(one["areas"], estates.UNREACHABLE))
    return snapshots


def test_a_page_is_a_private_file(tmp_path):
    path = report_html.write(judged(drifted()), tmp_path)
    assert path == str(tmp_path / "report.html") and os.stat(path).st_mode & 0o777 == 0o600


def test_every_finding_can_be_linked_and_every_link_leads_somewhere():
    found = {**judged(drifted()), "rpo": RPO}
    page = Page(report_html.render(found))
    ids = [attributes["id"] for _tag, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["id"] for a in page.all("details") if a.get("class") == "finding"} == {f"f-{f['fingerprint']}" for f in found["findings"]}
    targets = {a["href"][1:] for a in page.all("a")}
    assert targets <= set(ids) and {f"f-{mark}" for action in found["actions"] for mark in action["fingerprints"]} <= targets
    labels = {word for _tag, a in page.elements for name in ("aria-labelledby", "for") for word in a.get(name, "").split()}
    assert labels <= set(ids)


def test_nothing_comes_from_elsewhere():
    page = Page(report_html.render({**judged(drifted()), "rpo": RPO}))
    used = [a[name] for _tag, a in page.elements for name in ("src", "href", "action", "srcset", "data") if name in a]
    assert used and all(one.startswith("#") or one == "data:," for one in used)
    assert [name for _tag, a in page.elements for name in a if name.startswith("on") or name == "style"] == []
    style = (report_html.PARTS / "report.css").read_text(encoding="utf-8")
    assert "url(" not in style and "@import" not in style


@pytest.mark.parametrize("name", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_text_is_text(name):
    plain = Page(report_html.render({**judged(drifted("X"), note="X"), "rpo": RPO}))
    html = report_html.render({**judged(drifted(name), note=name), "rpo": [{**entry, "database": name} for entry in RPO]})
    html.encode("utf-8")
    page = Page(html)
    assert [tag for tag, _attributes in page.elements] == [tag for tag, _attributes in plain.elements]
    assert [c for c in html if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")] == []
    assert "49" not in page.text or "{{" not in name
    shown = name if name.isprintable() else name.encode("unicode_escape").decode()
    assert f"Note: {shown}" in page.text and f"cluster:{shown}" in page.text


def test_the_verdict_comes_first_then_what_to_do_in_order_of_risk():
    found = judged(drifted(), note="This estate is a simulation.")
    text = Page(report_html.render(found)).text
    order = ["Note: This estate is a simulation.", "Drift\n", "Confidence: ", "Not read: bts03.", "What to do next",
             *(action["title"] for action in found["actions"]), "Hosts by family", "Recovery point", "What could not be judged", "Drift by severity"]
    at = 0
    for words in order:
        assert words in text[at:], words
        at = text.index(words, at)


def rows(found, *more):
    """The rows of the heat map. *more*: hosts of which no finding tells."""
    hosts = {*more, *(host for f in found["findings"] for host in f["reported_by"])}
    return report_html._heat_map(found["findings"], report_html._places(found["findings"], hosts), hosts, found["coverage"]["unread"])


def cells(found, *more):
    """(row, family) -> words of the cell of the heat map."""
    heat = rows(found, *more)
    return {(row["name"], family): cell and cell["words"] for row in heat["rows"] for family, cell in zip(heat["families"], row["cells"], strict=True)}


def test_a_row_is_a_host_a_cluster_or_an_instance_and_says_whether_it_was_read():
    found = judged(drifted())
    one = next(f for f in found["findings"] if f["status"] == "unknown" and f["reported_by"] == ["bts03"])
    found["findings"] += [{**one, "subject": subject, "reported_by": ["sqlbts"], "fingerprint": subject}
                          for subject in (r"instance:SQLBTS\BTS", r"database:SQLBTS\BTS/BizTalkMgmtDb", r"backup:SQLBTS\BTS/BizTalkMgmtDb")]
    found["coverage"]["unread"].append("sqlbts")
    assert {(row["name"], row["kind"], row["read"]) for row in rows(found, "alone")["rows"]} == {
        ("bts01", "host", True), ("bts02", "host", True), ("bts03", "host", False), ("sql01", "host", True), ("sql02", "host", True),
        ("BTSCLU", "cluster", True), ("SQLCLU", "cluster", True), ("estate", "estate", True), (r"SQLBTS\BTS", "instance", False),
        ("alone", "host", True), ("fs01", "host", True)}


def test_the_heat_map_counts_each_finding_once_and_has_every_host():
    found = judged(drifted())
    table = cells(found, "alone")
    counted = {}
    for words in filter(None, table.values()):
        for word in words:
            number, what = word.split()
            counted[what] = counted.get(what, 0) + int(number)
    assert {severity: counted.get(severity, 0) for severity in found["severities"]} == found["severities"]
    assert counted["unknown"] == found["counts"]["unknown"]
    assert table["bts03", "CLU"] == ["3 unknown"] and table["alone", "CLU"] is None
    assert next(iter(table))[0] == "SQLCLU" and table["SQLCLU", "CLU"] == ["1 high", "1 medium"]


def test_a_cell_counts_only_what_passed_where_nothing_is_wrong():
    table = cells(judged(estates.healthy()))
    assert all(word.endswith(" ok") for words in table.values() if words for word in words)
    assert table["sql01", "CLU"]


@pytest.mark.parametrize(("asked", "says"), [
    (False, ["Cannot tell", "Nothing could be judged.",
             "Nothing was judged, so", "nothing was read, or nothing applies", "There was nothing to judge.", "No host was read"]),
    (True, ["Pass", "nothing to repair", "Everything that applies was judged.", "No history of BizTalk's backups was read", "Nothing has drifted."]),
])
def test_an_empty_section_says_why(asked, says):
    inventory = {"hosts": {one["host"]: {"groups": one["groups"], "variables": one["variables"]} for one in estates.healthy()}}
    found = judged(estates.healthy()) if asked else judge.judge([], inventory, BASELINE, judge.Options(hosts=[]))
    assert bool(found["findings"]) is asked
    text = Page(report_html.render(found)).text
    for sentence in says:
        assert sentence in text


def test_recovery_points_are_told_in_words_and_drawn_to_scale():
    page = Page(report_html.render({**judged(estates.healthy()), "rpo": RPO}))
    assert "Mgmt target missed Up to 3 h 10 min lost. Target: 15 min. A failure when it was read would have lost 0 s." in " ".join(page.text.split())
    assert "SSO unknown It is not known how much could be lost. Target: 15 min." in " ".join(page.text.split())
    assert "Rules target missed There is no point that it could be restored to." in " ".join(page.text.split())
    assert page.all("svg", **{"aria-label": "BAM: achieved 4629 d 15 h, target none"})
    bars = {a["class"]: float(a["width"].rstrip("%")) for a in page.all("rect") if a.get("class", "").startswith("achieved ") and a["width"].endswith("%")}
    assert 0 < bars["achieved pass"] < bars["achieved fail"] < bars["achieved not_applicable"] <= 96
    targets = [a["x1"] for a in page.all("line") if a["class"] == "target" and a["x1"].endswith("%")]
    assert targets == [f"{bars['achieved pass']}%"] * 4


def test_a_secret_that_the_gate_knows_is_in_no_page():
    gate = secrets.Gate(["s3cret<canary"])
    found = judged(drifted("is s3cret<canary here"), note="s3cret<canary")
    assert "canary" in report_html.render(found)
    assert "canary" not in report_html.render(gate(found)) and "********" in report_html.render(gate(found))
