"""The pages for a rebuild, written over the wire from the healthy estate, of which one host is down."""
from __future__ import annotations

import yaml


def hosts(estate):
    inventory = yaml.safe_load(estate.inventory.read_text(encoding="utf-8"))["all"]
    return {*inventory["hosts"], *inventory["children"]["sql_instance"]["hosts"]}


def collected(estate):
    estate.play("collect_for_rebuild", "-e", f"rebuild_output={estate.folder / 'rebuild'}", check=0)
    return {path.name: path.read_text(encoding="utf-8") for path in (estate.folder / "rebuild").glob("*.md")}


def test_every_host_has_a_page_and_the_index_opens_with_the_order_of_work(open_estate):
    estate = open_estate("healthy")
    estate.lab.call(estate.lab.state.power, "wds01", False)
    before = estate.state_hash()
    pages = collected(estate)
    assert estate.state_hash() == before
    assert set(pages) == {"index.md", *(f"{name}.md" for name in hosts(estate))}
    index = pages["index.md"]
    parts = [line for line in index.splitlines() if line.startswith("## ")]
    assert index.startswith("# Rebuilding this estate") and [part.split(".")[0] for part in parts] == [f"## {n}" for n in range(1, len(parts) + 1)]
    assert len(parts) > 5 and all(f"({name}.md)" in index for name in hosts(estate))
    assert "## iis" in pages["bts03.md"] and "D:\\\\BizTalk\\\\Orders.In" in pages["bts03.md"]
    assert "not known" in pages["wds01.md"]
    assert not any("Lab-only" in text for text in pages.values())
