"""Every control that is shipped finds its fault in some scenario, where an operator's action or the estate itself plants it."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab import scenario

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(file.stem for file in scenario.FOLDER.glob("*.yml"))
BESIDE = ("attestations.yml", "incidents.yml", "rebuild.yml", "subjects.yml")      # hold no controls
NOWHERE = {}                                    # control -> why no scenario can show its fault


def shipped():
    return {control["id"] for file in (ROOT / "baseline").glob("*.yml") if file.name not in BESIDE
            for control in yaml.safe_load(file.read_text(encoding="utf-8"))}


def test_the_fault_of_every_control_is_planted_or_it_is_said_why_not():
    planted = {row["control"] for name in NAMES for row in scenario.load(name)["expect"]}
    assert len(shipped()) > 80
    assert shipped() - planted == set(NOWHERE)
    assert planted <= shipped()


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_follows_comes_of_one_that_was_planted(name):
    expected = scenario.load(name)["expect"]
    assert all(set(row) <= {"control", "subject", "item", "follows"} for row in expected)
    assert len({(row["control"], row["subject"], row.get("item")) for row in expected}) == len(expected)
    assert not expected or [row for row in expected if not row.get("follows")]
