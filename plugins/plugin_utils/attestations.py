# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What people attest, where Windows cannot show it: claims of the baseline, and a person's dated word for one of them.

An absent word and an expired one are the same to a control; which it is, is said.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import query
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.document import Document

FACT = "attested"
WANTED = ("claim", "subject", "owner", "date", "evidence", "expires")
_TEXT, _OPTIONAL = query.Type("text"), query.Type("text", nullable=True)
_STATE = {"valid": query.Type("boolean"), "owner": _OPTIONAL, "date": _OPTIONAL, "evidence": _OPTIONAL, "expires": _OPTIONAL, "says": _TEXT}


@dataclass(frozen=True)
class Claim:
    """What may be claimed of a subject of a *kind*. *longest_days*: how long a word for it counts at most."""

    id: str
    kind: str
    says: str
    longest_days: int


@dataclass(frozen=True)
class Attestation:
    """A person's word. *subject*: a subject's id, in which ``*`` stands for any text. *date*, *expires*: days, 2026-11-24."""

    claim: str
    subject: str
    owner: str
    date: str
    evidence: str
    expires: str
    origin: str


@dataclass(frozen=True)
class Told:
    """What is told of an estate beside its snapshots: people's *words*, the *evidence* of checks (see ``evidence``), and *now*, the
    instant at which both must hold (ISO 8601)."""

    words: tuple = ()
    evidence: tuple = ()
    now: str = "1970-01-01T00:00:00Z"

    @property
    def today(self):
        return self.now[:10]


def names(pattern, subject):
    """Whether a pattern, in which ``*`` stands for any text, names a subject; case does not matter."""
    wanted = ".*".join(re.escape(part) for part in pattern.casefold().split("*"))
    return re.fullmatch(wanted, subject.casefold(), re.DOTALL) is not None


def read_claims(document):
    """The claims of ``baseline/attestations.yml``, in order."""
    found = []
    if not document.mapping(document.data, (), ("claims",), what="attestations.yml"):
        return found
    claims = document.data["claims"]
    if not isinstance(claims, dict):
        document.problem(("claims",), "claims must be a mapping of claims by name")
        return found
    for name, data in claims.items():
        at = ("claims", name)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            document.problem(at, f"{name} is no name of a claim; write it as raid_level")
        elif document.mapping(data, at, ("subject", "claims", "longest_days"), what=f"the claim {name}"):
            good = document.text(data["subject"], at + ("subject",), "subject") & document.text(data["claims"], at + ("claims",), "claims")
            days = data["longest_days"]
            if not isinstance(days, int) or isinstance(days, bool) or days < 1:
                document.problem(at + ("longest_days",), f"{days!r} is no number of days")
            elif good:
                found.append(Claim(name, data["subject"], data["claims"].strip(), days))
    return found


def type_of(claims):
    """The type of the fact ``attested`` of a subject with these claims."""
    return query.Type("object", path=FACT, fields={
        claim.id: query.Type("object", path=f"{FACT}.{claim.id}", fields={
            name: query.Type(inside.kind, inside.nullable, path=f"{FACT}.{claim.id}.{name}") for name, inside in _STATE.items()})
        for claim in claims})


def read(paths, claims, problems):
    """The attestations of people's files. What is wrong with one becomes a sentence in *problems*."""
    return tuple(word for path in paths for word in _words(Document(path, problems), {claim.id: claim for claim in claims}))


def _words(document, claims):
    if not isinstance(document.data, list):
        document.problem((), "must be a list of attestations")
        return
    for index, data in enumerate(document.data):
        at = (index,)
        if not document.mapping(data, at, WANTED, what="an attestation"):
            continue
        said = [document.text(data[name], at + (name,), name) for name in WANTED]
        if not all(said):
            continue
        days = [is_day(document, data[name], at + (name,)) for name in ("date", "expires")]
        if data["claim"] not in claims:
            document.problem(at + ("claim",), f"there is no claim {data['claim']}; there is {query.names(claims)}")
        elif not names(data["subject"].partition(":")[0], claims[data["claim"]].kind):
            document.problem(at + ("subject",), f"{data['claim']} is a claim about a {claims[data['claim']].kind}: "
                                                f"write its id, or {claims[data['claim']].kind}:* for each of them")
        elif all(days) and data["expires"] < data["date"]:
            document.problem(at + ("expires",), f"it expires on {data['expires']}, before it was given on {data['date']}")
        elif all(days):
            yield Attestation(**data, origin=document.origin(at))


def is_day(document, text, at):
    """Whether a text is a day; what is wrong with it becomes a problem."""
    try:
        if len(text) != 10:
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        document.problem(at, f"{text!r} is no day; write it as 2027-03-31")
        return False
    return True


def facts(claims, subject, words, today):
    """The fact ``attested`` of a subject: claim -> ``{valid, owner, date, evidence, expires, says}``. *today*: a day."""
    return {claim.id: _state(claim, [word for word in words if word.claim == claim.id and names(word.subject, subject)], today)
            for claim in claims}


def last_day(word, claim):
    """The last day on which a word counts: the one that it names, or the one that the claim allows."""
    return min(word.expires, (date.fromisoformat(word.date) + timedelta(days=claim.longest_days)).isoformat())


def _state(claim, words, today):
    """Of several words the one that counts longest."""
    given = [word for word in words if word.date <= today]
    if not given:
        early = f" A word of {words[0].date} lies in the future." if words else ""
        return {"valid": False, **dict.fromkeys(("owner", "date", "evidence", "expires")), "says": f"Nobody attests {claim.id}: {claim.says}{early}"}
    word = max(given, key=lambda one: (last_day(one, claim), one.date))
    end = last_day(word, claim)
    at_most = f" (after at most {claim.longest_days} days)" if end < word.expires else ""
    told = f"{word.owner} on {word.date}: {word.evidence}"
    says = f"{claim.id} is attested until {end}{at_most} by {told}" if end >= today else \
        f"The attestation of {claim.id} expired on {end}{at_most}, which is as if there were none. It was given by {told}"
    return {"valid": end >= today, "owner": word.owner, "date": word.date, "evidence": word.evidence, "expires": end, "says": says}


def quoted(reads, facts):
    """What people say about the claims that a control reads. *reads*: paths of properties; *facts*: of the subject."""
    asked = dict.fromkeys(path.split(".")[1] for path in sorted(reads) if path.startswith(f"{FACT}.") and path.count(".") > 1)
    return [facts[FACT][claim]["says"] for claim in asked if claim in facts.get(FACT, {})]


def tally(words, claims, subjects, today):
    """Which words were used, are expired or name no subject: lists of ``claim of pattern``, as with waivers."""
    by_id = {claim.id: claim for claim in claims}
    told = {"used": [], "expired": [], "unused": []}
    for word in words:
        claim = by_id.get(word.claim)
        named = claim is not None and any(claim.kind == subject.kind and names(word.subject, subject.id) for subject in subjects)
        counts = named and word.date <= today <= last_day(word, claim)
        told["used" if named and counts else "expired" if named else "unused"].append(f"{word.claim} of {word.subject}")
    return {state: list(dict.fromkeys(which)) for state, which in told.items()}
