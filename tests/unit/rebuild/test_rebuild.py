"""The pages for a rebuild: nothing that was read is left out, nothing that was not read looks as if it were, and hostile names stay text."""
from __future__ import annotations

import re

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import contract, rebuild

HOSTILE = "a|b <script>`x`</script>\n# [l](http://e)"


def host(name="bts01", groups=("biztalk",), **areas):
    return {"host": name, "groups": list(groups), "status": "ok", "message": "", "collected_at": "2026-11-24T08:00:00Z", "areas": areas}


def leaves(value):
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


AREA = {"name": "N1", "deep": {"list": [{"a": "A1", "b": 2001, "c": ["C1", "C2"]}, {"a": "A3", "b": 2002, "c": []}], "one": {"two": {"three": "T3"}}},
        "rows": [{f"k{n}": f"V{n}" for n in range(12)}], "words": ["W1", "W2"], "nested": [{"inner": [{"x": "X1"}], "other": "O1"}]}


def test_every_fact_stands_on_the_page():
    page = rebuild.pages([host(iis=AREA)], "2026-11-24T09:00:00Z")["bts01.md"]
    for leaf in leaves(AREA):
        assert str(leaf) in page


def test_what_is_not_known_says_so_and_is_counted():
    area = {"version": observed.hole("denied", "The account has no right."), "sites": [{"name": "S"}, observed.hole("cut", "The rest.")]}
    made = rebuild.pages([host(iis=area)], "2026-11-24T09:00:00Z")
    assert "*not known*: The account has no right." in made["bts01.md"]
    assert "*not known*: The rest." in made["bts01.md"]
    assert "| 2 |" in made["index.md"]


def test_hostile_names_stay_text():
    made = rebuild.pages([host(name="evil/../x", groups=("iis",), iis={"sites": [{"name": HOSTILE}], HOSTILE: "v"})], "2026-11-24T09:00:00Z")
    assert set(made) == {"index.md", "evil%2F..%2Fx.md"}
    page = made["evil%2F..%2Fx.md"]
    assert "<script" not in re.sub(r"\\<", "", page)
    assert not [line for line in page.split("\n") if line.startswith("# [l]")]


def test_a_part_stands_in_the_order_only_where_a_host_needs_it():
    index = rebuild.pages([host(groups=("iis",))], "2026-11-24T09:00:00Z")["index.md"]
    assert ". IIS" in index and ". SharePoint" not in index
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", index, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("part", rebuild.procedures(), ids=lambda part: part["part"])
def test_each_part_is_about_groups_and_areas_that_there_are(part):
    assert set(part["groups"]) <= {*contract.GROUPS, "all"}
    assert set(part["areas"]) <= {*AREAS, *SQL_AREAS, "windows_backup", "sharepoint", "sso", "log_shipping"}
    assert part["steps"] and part["source"]
    assert all(step.endswith((".", ")")) for step in part["steps"])


def test_every_group_of_the_inventory_has_a_part_or_is_no_server_to_rebuild():
    named = {group for part in rebuild.procedures() for group in part["groups"]}
    assert set(contract.GROUPS) - named == {"storage", "vault", "wds", "windows_backup"}, "these are told in the part Windows, of every host"
