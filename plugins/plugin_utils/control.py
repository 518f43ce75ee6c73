# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""One control: how it is read from a file of controls, and what is refused there.

The format is described in docs/controls.md. Every refusal becomes a problem of the document, with file, line and what
is allowed.
"""

import re
from dataclasses import dataclass

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import query
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.query import Query

SEVERITIES = ("low", "medium", "high", "critical")
OPERATORS = ("equals", "at_least", "at_most", "in", "matches", "equals_name")
NONE = ("fail", "pass", "not_applicable")
REQUIRED = ("id", "title", "severity", "subject", "expect", "why", "repair", "source", "incidents")
ID = re.compile(r"[A-Z][A-Z0-9]*-[A-Z]{2,5}-[0-9]{3}")
INCIDENT = re.compile(r"[A-Z]+-[0-9]+")


@dataclass(frozen=True)
class Expectation:
    """*operator* and *wanted* judge what *query* answers, for the subject or for each element of *each* that *where* lets through.
    *says*: the query in words, for people."""

    query: Query
    operator: str
    wanted: object
    each: Query | None = None
    where: Query | None = None
    none: str = "not_applicable"
    says: str = ""

    def reads(self):
        parts = [part.reads for part in (self.each, self.where, self.query) if part]
        key = {self.each.type.item.fields[self.each.type.item.key].path} if self.each else set()
        return frozenset().union(key, *parts)


@dataclass(frozen=True)
class Control:
    id: str
    title: str
    severity: str
    subject: str
    parameters: dict
    where: Query | None
    expect: tuple
    why: str
    repair: dict
    source: tuple
    incidents: tuple
    origin: str


def reads(control):
    """The paths of all properties that a control reads, as ``nodes[].state``: what its queries name, nothing else."""
    where = control.where.reads if control.where else frozenset()
    return where.union(*(expectation.reads() for expectation in control.expect))


def read(document, kinds, overrides):
    """Yields the controls of one file that are right. *overrides*: what variables change (see ``baseline``)."""
    if not isinstance(document.data, list):
        document.problem((), "must be a list of controls")
        return
    for index, data in enumerate(document.data):
        if document.mapping(data, (index,), REQUIRED, ("parameters", "where"), what="a control"):
            control = _control(document, (index,), data, kinds, overrides)
            if control:
                yield control


def _control(document, at, data, kinds, overrides):
    """One control; None where something is wrong with it."""
    before = len(document.problems)
    for name in ("id", "title", "why"):
        document.text(data[name], at + (name,), name)
    if not ID.fullmatch(str(data["id"])):
        document.problem(at + ("id",), f"{data['id']!r} is no id; write it as FT-CLU-005")
    if data["severity"] not in SEVERITIES:
        document.problem(at + ("severity",), f"{data['severity']!r} is no severity; there is {', '.join(SEVERITIES)}")
    document.texts(data["source"], at + ("source",), "source", least=1)
    if document.texts(data["incidents"], at + ("incidents",), "incidents"):
        for index, incident in enumerate(data["incidents"]):
            if not INCIDENT.fullmatch(incident):
                document.problem(at + ("incidents", index), f"{incident!r} is no incident; write it as INC-065")
    parameters = overrides.values(str(data["id"]), _defaults(document, at, data.get("parameters", {})))
    severity = overrides.severity(str(data["id"]), data["severity"]) if data["severity"] in SEVERITIES else ""
    body = _Body(document, parameters)
    where, expect = None, ()
    if str(data["subject"]) in kinds:
        root = kinds[data["subject"]].type
        where = body.condition(data, at, root)
        expect = tuple(body.expectations(data["expect"], at + ("expect",), root))
        for name in sorted(set(parameters) - body.used):
            document.problem(at + ("parameters", name), f"the parameter {name} is not used by any query or expectation")
    else:
        document.problem(at + ("subject",), f"{data['subject']!r} is no kind of subject; there is {query.names(kinds)}")
    title, why = body.filled(data["title"], at + ("title",)), body.filled(data["why"], at + ("why",))
    repair = body.repair(data["repair"], at + ("repair",))
    if len(document.problems) > before:
        return None
    return Control(id=data["id"], title=title, severity=severity, subject=data["subject"], parameters=parameters, where=where,
                   expect=expect, why=why, repair=repair, source=tuple(data["source"]), incidents=tuple(data["incidents"]),
                   origin=document.origin(at))


def _defaults(document, at, data):
    """The parameters that are right: a text, a number, true or false, or a list of one of them."""
    at += ("parameters",)
    if not isinstance(data, dict):
        document.problem(at, "parameters must be a mapping of defaults by name")
        return {}
    good = {}
    for name, value in data.items():
        parts = value if isinstance(value, list) else [value]
        if not query.PARAMETER.fullmatch(f"{{{name}}}"):
            document.problem(at + (name,), f"{name!r} is no name of a parameter")
        elif not parts or any(isinstance(part, (dict, list)) or part is None for part in parts) or len({type(part) for part in parts}) > 1:
            document.problem(at + (name,), f"the default of {name} must be a text, a number, true or false, or a list of one of them")
        else:
            good[name] = value
    return good


class _Body:
    """Reads the parts of one control in which parameters may stand."""

    def __init__(self, document, parameters):
        self.document, self.parameters = document, parameters
        self.used = set()

    def _known(self, names, at):
        unknown = [name for name in names if name not in self.parameters]
        for name in unknown:
            self.document.problem(at, f"there is no parameter {name}; there is {query.names(self.parameters)}")
        return not unknown

    def filled(self, text, at):
        """A text for people, with its parameters as text."""
        names = query.PARAMETER.findall(text) if isinstance(text, str) else []
        return query.PARAMETER.sub(lambda found: say(self.parameters[found[1]]), text) if self._known(names, at) and names else text

    def value(self, value, at):
        """A value, or the parameter that it names as a whole."""
        whole = query.PARAMETER.fullmatch(value) if isinstance(value, str) else None
        if not whole or not self._known([whole[1]], at):
            return value
        self.used.add(whole[1])
        return self.parameters[whole[1]]

    def query(self, data, at, name, root):
        """The compiled query *name* of a mapping; None where it is wrong."""
        at += (name,)
        if not self.document.text(data[name], at, name):
            return None
        names = query.PARAMETER.findall(data[name])
        self.used.update(names)
        if not self._known(names, at):
            return None
        try:
            return query.compile_query(data[name], self.parameters, root)
        except query.QueryError as error:
            self.document.problem(at, str(error))
        return None

    def condition(self, data, at, root):
        """The query ``where`` of a mapping, which must be true or false; None where there is none."""
        found = self.query(data, at, "where", root) if "where" in data else None
        if found and (found.type.kind != "boolean" or found.type.nullable):
            self.document.problem(at + ("where",), f"where must be true or false, but {data['where']!r} is a {found.type.kind}")
        return found

    def expectations(self, data, at, root):
        if not isinstance(data, list) or not data:
            self.document.problem(at, "expect must be a list of expectations, and not an empty one")
            return
        for index, part in enumerate(data):
            found = self._expectation(part, at + (index,), root)
            if found:
                yield found

    def _expectation(self, data, at, root):
        if not self.document.mapping(data, at, ("query",), ("each", "where", "none", "says") + OPERATORS, what="an expectation"):
            return None
        operators = [name for name in OPERATORS if name in data]
        if len(operators) != 1:
            self.document.problem(at, f"an expectation has exactly one of {', '.join(OPERATORS)}, not {len(operators)}")
            return None
        none = data.get("none", "not_applicable")
        if none not in NONE or ("none" in data and "each" not in data):
            self.document.problem(at + ("none",), f"none goes with each and is one of {', '.join(NONE)}")
        if "says" in data:
            self.document.text(data["says"], at + ("says",), "says")
        each, element = None, root
        if "each" in data:
            each = self.query(data, at, "each", root)
            if each is None:
                return None
            element = each.type.item
            if each.type.kind != "list" or not element.key:
                self.document.problem(at + ("each",), f"each needs a list whose elements have a key, but {data['each']!r} is none")
                return None
        where, asked = self.condition(data, at, element), self.query(data, at, "query", element)
        operator = operators[0]
        wanted = self.value(data[operator], at + (operator,))
        if asked is None:
            return None
        wrong = _wrong(asked, operator, wanted)
        if wrong:
            self.document.problem(at + (operator,), wrong)
        return Expectation(asked, operator, wanted, each, where, none, data.get("says") or asked.text)

    def repair(self, data, at):
        if not isinstance(data, dict) or ("advisory" in data) == ("role" in data):
            self.document.problem(at, "repair is either {advisory: text} or {role: name, variables: {…}}")
            return {}
        name = "advisory" if "advisory" in data else "role"
        self.document.mapping(data, at, (name,), ("variables",) if name == "role" else (), what="repair")
        self.document.text(data[name], at + (name,), name)
        if not isinstance(data.get("variables", {}), dict):
            self.document.problem(at + ("variables",), "variables must be a mapping")
            return {}
        variables = {key: self.value(value, at + ("variables", key)) for key, value in data.get("variables", {}).items()}
        return {name: self.filled(data[name], at + (name,)), **({"variables": variables} if variables else {})}


def _wrong(asked, operator, wanted):
    """Why an operator does not fit what the query answers, or what is wanted; empty where it does."""
    found, given = asked.type, query.type_of_value(wanted)
    what = f"{asked.text!r} is a {found.kind}"
    if operator == "equals":
        return "" if query.comparable(found, given) else f"{what}, which never equals the {given.kind} {say(wanted)}"
    if operator == "in":
        if given.kind != "list" or not wanted:
            return f"in takes a list that is not empty, not a {given.kind}"
        misfit = [part for part in wanted if not query.comparable(found, query.type_of_value(part))]
        return f"{what}, which never equals {say(misfit[0])}" if misfit else ""
    if operator in ("at_least", "at_most"):
        fits = found.kind in ("number", "instant") and given.kind == "number"
        return "" if fits else (f"{operator} compares a number, or the age of an instant in seconds, with a number; "
                                f"{what}, {say(wanted)} a {given.kind}")
    if found.kind != "text" or given.kind != "text":
        return f"{operator} compares a text with a text; {what}, {say(wanted)} a {given.kind}"
    try:
        re.compile(wanted if operator == "matches" else "")
    except re.error as error:
        return f"{wanted!r} is no regular expression: {error}"
    return ""


def say(value):
    """A value as a reader would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(say(part) for part in value) + "]"
    return str(value) if value != "" else "''"
