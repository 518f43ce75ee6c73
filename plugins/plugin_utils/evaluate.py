# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One control judged on one subject, three-valued: what was not seen is unknown as soon as it matters, and never a pass."""

import re
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import query
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.control import say
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.query import Hole, Unknown

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = "pass", "fail", "unknown", "not_applicable"
WORST_FIRST = (FAIL, UNKNOWN, PASS, NOT_APPLICABLE)
LISTED = 10
AHEAD = 3600        # seconds that one host's clock may be ahead of another's

_PYTHON = {"text": (str,), "number": (int, float), "boolean": (bool,), "instant": (str,), "any": (str, int, float, bool, list)}
_WORDS = {"equals": "", "at_least": "at least ", "at_most": "at most ", "in": "one of ", "matches": "matching ", "equals_name": "named "}


@dataclass(frozen=True)
class Check:
    """One expectation judged on a subject (*item* is empty) or on one element of it (*item* is its key).

    *reason*: why it is unknown, one of ``observed.REASONS``.
    """

    status: str
    item: str = ""
    expected: str = ""
    actual: str = ""
    evidence: str = ""
    reason: str = ""


def view(value, wanted, path=""):
    """Facts of the type *wanted* as queries see them: what is not there, not readable or not of its type is a ``Hole``."""
    if observed.is_hole(value):
        return Hole(path, value["$unknown"]["reason"], observed.detail(value))
    if value is None:
        return None if wanted.nullable else Hole(path, "null", "Windows answered null, which says nothing here.")
    if wanted.kind == "list":
        if not isinstance(value, list):
            return _misfit(value, wanted, path)
        return [view(part, wanted.item, f"{path}[{_name(part, wanted.item, index)}]") for index, part in enumerate(value)]
    if wanted.kind == "object":
        if not isinstance(value, dict):
            return _misfit(value, wanted, path)
        return {name: view(value[name], inside, f"{path}.{name}".lstrip("."))
                if name in value else Hole(f"{path}.{name}".lstrip("."), "missing", "It is not in the snapshot.")
                for name, inside in wanted.fields.items()}
    if not isinstance(value, _PYTHON[wanted.kind]) or isinstance(value, bool) and wanted.kind == "number":
        return _misfit(value, wanted, path)
    if wanted.kind == "instant" and _instant(value) is None:
        return _misfit(value, wanted, path)
    return value


def _misfit(value, wanted, path):
    return Hole(path, "failed", f"{say(value)[:80]} is no {wanted.kind}.")


def _name(element, item_type, index):
    """What an element is called in a path: its key, or its place."""
    key = element.get(item_type.key) if isinstance(element, dict) else None
    return key if isinstance(key, str) and key else str(index)


def _instant(text):
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def overall(statuses):
    """Fail wins over unknown, unknown over pass; where nothing was judged it is not applicable."""
    statuses = set(statuses)
    return next((status for status in WORST_FIRST if status in statuses), NOT_APPLICABLE)


def evaluate(control, seen, clock=None):
    """The ``Check``s of a control on the view of a subject. *clock*: when the facts were read (ISO 8601), for ages."""
    try:
        if control.where and not query.known(query.ask(control.where, seen)):
            return [Check(NOT_APPLICABLE, evidence=f"{control.where.text} is false.")]
    except Unknown as unknown:
        return [_unknown(unknown.hole)]
    return [check for expectation in control.expect for check in _expectation(expectation, seen, clock)]


def _expectation(expectation, seen, clock):
    if expectation.each is None:
        return [_judged(expectation, seen, "", "", clock)]
    try:
        elements = query.ask(expectation.each, seen)
        if isinstance(elements, Hole):
            raise Unknown(elements)
    except Unknown as unknown:
        return [_unknown(unknown.hole, expected=_expected(expectation))]
    checks = [_element(expectation, element, clock) for element in elements or []]
    checks = [check for check in checks if check]
    if checks:
        return checks
    which = expectation.each.text + (f" where {expectation.where.text}" if expectation.where else "")
    words = {FAIL: f"at least one of {which}", PASS: f"none of {which} is needed", NOT_APPLICABLE: ""}
    return [Check(expectation.none, expected=words[expectation.none], actual="none" if words[expectation.none] else "",
                  evidence=f"There is none of {which}.")]


def _element(expectation, element, clock):
    """The check of one element; None where something known excludes it."""
    if isinstance(element, Hole):
        return _unknown(element, expected=_expected(expectation))
    key = element[expectation.each.type.item.key]
    name = "" if isinstance(key, Hole) else say(key)
    try:
        if expectation.where and not query.known(query.ask(expectation.where, element)):
            return None
        query.known(key)
    except Unknown as unknown:
        return _unknown(unknown.hole, name, _expected(expectation))
    return _judged(expectation, element, name, f"{expectation.each.text}[{name}]: ", clock, filtered=True)


def _judged(expectation, seen, item, place, clock, filtered=False):
    expected = _expected(expectation)
    try:
        if expectation.where and not filtered and not query.known(query.ask(expectation.where, seen)):
            return Check(NOT_APPLICABLE, item, evidence=f"{expectation.where.text} is false.")
        answer = query.known(query.ask(expectation.query, seen))
        if expectation.query.type.kind == "instant" and expectation.operator in ("at_least", "at_most"):
            answer = _age(answer, clock, expectation.query.text)
    except Unknown as unknown:
        return _unknown(unknown.hole, item, expected)
    holds = _holds(expectation.operator, answer, expectation.wanted)
    counted = query.argument_of_length(expectation.query, seen)
    listed = f" ({_contents(counted)})" if isinstance(counted, list) and not holds else ""
    return Check(PASS if holds else FAIL, item, expected, say(answer),
                 f"{place}{expectation.says} is {say(answer)}, expected {_wanted(expectation)}{listed}.")


def _holds(operator, answer, wanted):
    if operator == "equals":
        return query.same(answer, wanted)
    if operator == "in":
        return any(query.same(answer, one) for one in wanted)
    if answer is None:
        return False
    if operator == "at_least":
        return answer >= wanted
    if operator == "at_most":
        return answer <= wanted
    if operator == "matches":
        return re.fullmatch(wanted, answer) is not None
    return answer.casefold() == wanted.casefold()


def _age(instant, clock, what):
    """Seconds from an instant to the clock of the host that told it."""
    now = _instant(clock) if clock else None
    if now is None:
        raise Unknown(Hole(what, "missing", "The clock of the host was not read, so no age can be told."))
    age = None if instant is None else round((now - _instant(instant)).total_seconds())
    if age is not None and age < -AHEAD:
        raise Unknown(Hole(what, "failed", f"It is of {instant}, which lies in the future of the clock {clock}: one of the two clocks is wrong."))
    return age


def _wanted(expectation):
    return _WORDS[expectation.operator] + say(expectation.wanted)


def _expected(expectation):
    return f"{expectation.says}: {_wanted(expectation)}"


def _contents(elements):
    """The elements of a list in a few words: the values, or of objects the first property, which names them."""
    shown = [next(iter(element.values()), "") if isinstance(element, dict) else element for element in elements[:LISTED]]
    words = ["?" if isinstance(one, Hole) else say(one) for one in shown]
    more = f" and {len(elements) - LISTED} more" if len(elements) > LISTED else ""
    return (", ".join(words) or "none") + more


def _unknown(hole, item="", expected=""):
    where = f" ({hole.path})" if hole.path else ""
    return Check(UNKNOWN, item, expected, "unknown", f"{hole.detail}{where}", hole.reason)
