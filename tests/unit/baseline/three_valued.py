"""What was not seen never passes: one control, one subject, each place of each property that the control reads."""
from __future__ import annotations

import copy

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import control
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import evaluate, overall, view

HOLES = {"missing": observed.hole("missing", "It is not there."), "unreadable": observed.hole("unreadable", "The getter threw."),
         "null": None, "absent": "absent"}


def places(value, wanted, at=()):
    """Every place of facts, with the path of its property and its type: ``("nodes", 0, "state"), "nodes[].state"``."""
    if at:
        yield at, wanted
    if isinstance(value, dict):
        for name, part in value.items():
            if name in wanted.fields:
                yield from places(part, wanted.fields[name], (*at, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from places(part, wanted.item, (*at, index))


def replaced(facts, at, value):
    made = copy.deepcopy(facts)
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    if value == "absent":
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    return made


def alternatives(value, wanted):
    """Other values that a property might have had."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [0, value + 1]
    if isinstance(value, str):
        return ["Other", "Distributed Transaction Coordinator", "sso", "None", "Mutual"]
    if isinstance(value, list):
        return [[], ["other"], [*value, *value]] if not wanted.item.fields else [[]]
    return [None] if wanted.nullable else []


def status_of(c, facts, kinds, clock="2026-11-24T08:00:00Z"):
    return overall(check.status for check in evaluate(c, view(facts, kinds[c.subject].type), clock))


def excluded(c, facts, kinds):
    """Each place of each property that a control reads is made missing, unreadable, null and absent in turn. A pass that
    stays is right only where something known excludes the place: then no other value there may change the result either.
    Returns the properties that are excluded everywhere."""
    touched = {}
    for at, wanted in places(facts, kinds[c.subject].type):
        if wanted.path not in control.reads(c):
            continue
        for name, hole in HOLES.items():
            if name == "null" and wanted.nullable or name == "absent" and isinstance(at[-1], int):
                continue
            status = status_of(c, replaced(facts, at, hole), kinds)
            touched.setdefault(wanted.path, set()).add(status)
            assert status in ("unknown", "pass"), (at, name, status)
            if status == "pass":
                value = facts
                for key in at:
                    value = value[key]
                for other in alternatives(value, wanted):
                    assert status_of(c, replaced(facts, at, other), kinds) == "pass", (at, name, other)
    return {path for path, statuses in touched.items() if "unknown" not in statuses}
