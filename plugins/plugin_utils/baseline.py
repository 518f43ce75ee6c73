# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The baseline: controls and kinds of subjects, read from YAML and checked before anything is judged.

A control that is wrong is refused with file, line and what is allowed: see ``BaselineError``. The format is described
in docs/controls.md.
"""

import pathlib
import re
from dataclasses import dataclass, replace

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, files, query
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import control as control_file
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.document import Document

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "baseline"
CLAIMS = "attestations.yml"
NO_CONTROLS = ("subjects.yml", "incidents.yml", "rebuild.yml", CLAIMS)
LEAVES = ("text", "number", "boolean", "instant", "any")
PROPERTY = re.compile(r"([a-z][a-z0-9_]*)(\[([a-z0-9_]*)\])?(\?)?")


class BaselineError(ValueError):
    """*problems*: what is wrong, one sentence each, with file and line."""

    def __init__(self, problems):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Kind:
    """A kind of subject: what it is, the areas that it is made of, the groups that owe it, the type of its facts, and the
    claims that people may attest of it."""

    name: str
    says: str
    areas: tuple
    groups: tuple
    type: query.Type
    claims: tuple = ()


@dataclass(frozen=True)
class Waiver:
    control: str
    subject: str
    owner: str
    reason: str
    ticket: str
    until: str
    origin: str

    def covers(self, control, subject):
        return control == self.control and attestations.names(self.subject, subject)


@dataclass(frozen=True)
class Baseline:
    """*incidents*: id -> {title, source}, the incidents that controls name. *words*: what people attest."""

    kinds: dict
    controls: tuple
    waivers: tuple
    incidents: dict
    words: tuple = ()


def load(folder=FOLDER, controls=(), parameters=None, severities=None, waivers=None, words=()):
    """The checked ``Baseline`` of a folder. Raises BaselineError with all that is wrong.

    *controls*: further files of controls. *parameters*: control id -> name -> value, *severities*: control id -> severity,
    both from variables. *waivers*: a file. *words*: files of attestations.
    """
    problems = []
    folder = pathlib.Path(folder)
    kinds = _kinds(Document(folder / "subjects.yml", problems))
    incidents = _incidents(Document(folder / "incidents.yml", problems))
    claims = attestations.read_claims(Document(folder / CLAIMS, problems)) if (folder / CLAIMS).exists() else []
    kinds = {name: _claimed(kind, [claim for claim in claims if claim.kind == name]) for name, kind in kinds.items()}
    if problems:
        raise BaselineError(problems)
    families = [path for path in sorted(folder.glob("*.yml")) if path.name not in NO_CONTROLS]
    overrides = _Overrides(files.plain(parameters or {}), files.plain(severities or {}), problems)
    loaded = {}
    for path in families + [pathlib.Path(path) for path in controls]:
        for control in control_file.read(Document(path, problems), kinds, overrides):
            if control.id in loaded:
                problems.append(f"{control.origin}: {control.id} is there already, in {loaded[control.id].origin}")
            loaded.setdefault(control.id, control)
    if not problems:
        overrides.leftovers()
    accepted = tuple(_waivers(Document(waivers, problems), loaded)) if waivers else ()
    attested = attestations.read(words, claims, problems)
    if problems:
        raise BaselineError(problems)
    return Baseline(kinds, tuple(loaded.values()), accepted, incidents, attested)


def _claimed(kind, claims):
    """A kind with the fact that says which of its claims are attested."""
    if not claims:
        return kind
    fields = {**kind.type.fields, attestations.FACT: attestations.type_of(claims)}
    return replace(kind, type=replace(kind.type, fields=fields), claims=tuple(claims))


def _kinds(document):
    """subjects.yml: kind -> Kind."""
    kinds = {}
    if not document.mapping(document.data, (), ("kinds",), what="subjects.yml"):
        return kinds
    if not isinstance(document.data["kinds"], dict):
        document.problem(("kinds",), "kinds must be a mapping of kinds by name")
        return kinds
    for name, data in document.data["kinds"].items():
        at = ("kinds", name)
        if not document.mapping(data, at, ("says", "areas", "groups", "facts"), what=f"the kind {name}"):
            continue
        good = document.text(data["says"], at + ("says",), "says")
        good &= document.texts(data["areas"], at + ("areas",), "areas") & document.texts(data["groups"], at + ("groups",), "groups")
        if good:
            kinds[name] = Kind(name, data["says"], tuple(data["areas"]), tuple(data["groups"]),
                               query.Type("object", fields=_fields(document, data["facts"], at + ("facts",), "")))
    return kinds


def _fields(document, data, at, path):
    fields = {}
    if not isinstance(data, dict):
        document.problem(at, "facts must be a mapping of properties")
        return fields
    for written, inside in data.items():
        found = PROPERTY.fullmatch(written)
        if not found:
            document.problem(at + (written,), f"{written} is no property; write name, name?, name[] or name[key]")
            continue
        name, listed, key, nullable = found[1], found[2], found[3] or "", bool(found[4])
        here = f"{path}.{name}" if path else name
        within = f"{here}[]" if listed else here
        if isinstance(inside, dict):
            made = query.Type("object", not listed and nullable, _fields(document, inside, at + (written,), within), key=key, path=within)
        elif inside in LEAVES:
            made = query.Type(inside, not listed and nullable, path=within)
        else:
            document.problem(at + (written,), f"{inside!r} is no type; there is {', '.join(LEAVES)} and a mapping of properties")
            continue
        if listed and key and key not in made.fields:
            document.problem(at + (written,), f"the key {key} is no property of the elements; there is {query.names(made.fields)}")
        fields[name] = query.Type("list", nullable, item=made, path=here) if listed else made
    return fields


def _incidents(document):
    good = isinstance(document.data, dict)
    if not good:
        document.problem((), "must be a mapping of incidents by id")
    for name, data in document.data.items() if good else ():
        document.mapping(data, (name,), ("title", "source"), what=f"the incident {name}")
    return document.data if good else {}


class _Overrides:
    """What variables change about controls; what no control takes is a problem."""

    def __init__(self, parameters, severities, problems):
        self.parameters, self.severities, self.problems = parameters, severities, problems
        self.seen = {}

    def severity(self, control, default):
        chosen = self.severities.get(control, default)
        if chosen not in control_file.SEVERITIES:
            self.problems.append(f"severities: {control}: {chosen!r} is no severity; there is {', '.join(control_file.SEVERITIES)}")
        return chosen

    def values(self, control, defaults):
        """The parameters of a control: each default, or the override in the default's type."""
        self.seen[control] = defaults
        values = dict(defaults)
        given = self.parameters.get(control, {})
        for name, value in given.items() if isinstance(given, dict) else ():
            if name in defaults:
                try:
                    values[name] = converted(value, defaults[name])
                except ValueError as error:
                    self.problems.append(f"parameters: {control}: {name}: {error}")
        return values

    def leftovers(self):
        for origin, given in (("parameters", self.parameters), ("severities", self.severities)):
            for control in given:
                if control not in self.seen:
                    self.problems.append(f"{origin}: there is no control {control}")
        for control, values in self.parameters.items():
            if not isinstance(values, dict):
                self.problems.append(f"parameters: {control}: must be a mapping of parameters by name")
                continue
            for name in values:
                if name not in self.seen.get(control, {name: None}):
                    self.problems.append(f"parameters: {control} has no {name}; it has {query.names(self.seen[control])}")


def converted(value, default):
    """An override in the type of the parameter's default. Raises ValueError: a wrong one is refused, not guessed."""
    if isinstance(default, list):
        if not isinstance(value, list) or not value:
            raise ValueError(f"{value!r} is no list, or an empty one")
        return [converted(part, default[0]) for part in value]
    if isinstance(value, (list, dict)) or value is None:
        raise ValueError(f"{value!r} is no {query.type_of_value(default).kind}")
    if type(value) is type(default):
        return value
    if isinstance(default, bool):
        if str(value).casefold() in ("true", "false", "yes", "no"):
            return str(value).casefold() in ("true", "yes")
    elif isinstance(default, (int, float)):
        if re.fullmatch(r"-?[0-9]+", str(value)):
            return int(value)
        if re.fullmatch(r"-?[0-9]+\.[0-9]+", str(value)):
            return float(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{value!r} is no {query.type_of_value(default).kind}")


def _waivers(document, controls):
    """The waivers of one file that are right."""
    if not isinstance(document.data, list):
        document.problem((), "must be a list of waivers")
        return
    wanted = ("control", "subject", "owner", "reason", "ticket", "until")
    for index, data in enumerate(document.data):
        at = (index,)
        if not document.mapping(data, at, wanted, what="a waiver"):
            continue
        good = [document.text(data[name], at + (name,), name) for name in wanted]
        if not all(good):
            continue
        if data["control"] not in controls:
            document.problem(at + ("control",), f"there is no control {data['control']}")
        attestations.is_day(document, data["until"], at + ("until",))
        yield Waiver(**data, origin=document.origin(at))
