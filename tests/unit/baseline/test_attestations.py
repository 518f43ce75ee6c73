"""People's words: which hold, which have run out, and that a control that asks for one never passes without it."""
from __future__ import annotations

import dataclasses
import json
import re

import jsonschema
import pytest
import three_valued
import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, control, estate, evidence, judge
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.attestations import Attestation, Claim, Told

BASELINE = baseline.load()
CLAIMS = [claim for kind in BASELINE.kinds.values() for claim in kind.claims]
NOW = "2026-11-24T08:00:00Z"
RAID = Claim("raid_level", "storage", "Every volume survives the loss of a disk.", 365)


def word(claim="raid_level", subject="storage:*", date="2026-11-01", expires="2026-12-31", owner="Ann"):
    return Attestation(claim, subject, owner, date, "ticket 7", expires, "x:1")


def state(*words, today="2026-11-24"):
    return attestations.facts([RAID], "storage:sql01", words, today)["raid_level"]


def test_a_word_holds_from_its_day_to_its_last():
    assert state(word(date="2026-11-24", expires="2026-11-24"))["valid"]
    assert not state(word(date="2026-11-25"))["valid"] and "lies in the future" in state(word(date="2026-11-25"))["says"]
    gone = state(word(expires="2026-11-23"))
    assert not gone["valid"] and "expired on 2026-11-23" in gone["says"] and "Ann on 2026-11-01: ticket 7" in gone["says"]
    none = state()
    assert not none["valid"] and none["owner"] is None and "Nobody attests raid_level" in none["says"]


def test_a_word_holds_no_longer_than_its_claim_allows():
    old = word(date="2025-11-24", expires="2030-01-01")
    assert state(old)["valid"] and state(old)["expires"] == "2026-11-24"
    late = state(old, today="2026-11-25")
    assert not late["valid"] and "at most 365 days" in late["says"]


def test_of_several_words_the_one_that_holds_longest_counts():
    assert state(word(expires="2026-11-01", owner="Old"), word(owner="New"), word(date="2026-12-01", owner="Early"))["owner"] == "New"
    assert state(word(subject="storage:SQL0*"))["valid"] and not state(word(subject="storage:sql02"))["valid"]


GOOD = {"claim": "trial_restore", "subject": "recovery_plan:*", "owner": "Ann", "date": "2026-11-01", "evidence": "record 12", "expires": "2026-12-01"}


def schema_of(name):
    return json.loads((baseline.FOLDER / "schemas" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("change", "says"), [
    ({"claim": "raid"}, "there is no claim raid"),
    ({"subject": "host:*"}, "trial_restore is a claim about a recovery_plan"),
    ({"expires": "2026-10-31"}, "before it was given"),
    ({"expires": "2026-2-30"}, "is no day"),
    ({"date": "tomorrow"}, "is no day"),
    ({"owner": " "}, "owner must be a text"),
    ({"evidence": None}, "evidence must be a text"),
    ({"until": "2027-01-01"}, "until is unknown"),
])
def test_a_word_that_cannot_be_meant_is_refused_with_its_line(tmp_path, change, says):
    file = tmp_path / "words.yml"
    file.write_text(yaml.safe_dump([GOOD]))
    loaded = baseline.load(words=[file]).words
    assert [dataclasses.replace(one, origin="") for one in loaded] == [Attestation(**GOOD, origin="")]
    jsonschema.validate([GOOD], schema_of("attestations.schema.json"))
    file.write_text(yaml.safe_dump([{**GOOD, **change}]))
    with pytest.raises(baseline.BaselineError, match=re.escape(says)) as refused:
        baseline.load(words=[file])
    assert f"{file}:" in refused.value.problems[0]


def test_wrong_claims_of_a_baseline_are_refused():
    from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.document import Document
    for text, says in (("claims: []", "must be a mapping of claims"), ("claims: {Raid: {}}", "no name of a claim"),
                       ("claims: {raid: {subject: storage, claims: x, longest_days: 0}}", "0 is no number of days"),
                       ("claims: {raid: {subject: storage, claims: x}}", "longest_days is missing")):
        problems = []
        document = Document.__new__(Document)
        document.path, document.problems, document._lines, document.data = "f", problems, {}, yaml.safe_load(text)
        assert attestations.read_claims(document) == [] and says in problems[0]


# --- the baseline's own claims --------------------------------------------------------------------------------------

def asked(c):
    return {path.split(".")[1] for path in control.reads(c) if path.startswith("attested.") and path.count(".") > 1}


def plan(words=(), records=()):
    return next(s for s in estate.subjects_of({}, BASELINE.kinds, Told(tuple(words), tuple(records), NOW)) if s.kind == "recovery_plan")


ALL = [word(claim.id, f"{claim.kind}:*", expires="2026-11-25") for claim in CLAIMS]
OF_PLAN = [c for c in BASELINE.controls if c.subject == "recovery_plan"]
RECORD = {"check": "restore_check", "subject": "iis01-iis-20261124T020000Z", "at": NOW, "outcome": "whole", "opened": ["index.json"], "problems": []}


def statuses(subject):
    return {c.id: three_valued.status_of(c, subject.facts, BASELINE.kinds, subject.clock) for c in OF_PLAN}


def test_every_control_of_the_plan_passes_where_all_is_attested_and_opened():
    assert set(statuses(plan(ALL, [RECORD])).values()) == {"pass"}
    assert set(statuses(plan()).values()) == {"fail"}


@pytest.mark.parametrize("c", [c for c in OF_PLAN if asked(c)], ids=lambda c: c.id)
def test_a_word_that_is_removed_or_runs_out_is_found_by_its_control_alone(c):
    for claim in asked(c):
        others = [one for one in ALL if one.claim != claim]
        for words in (others, [*others, word(claim, "recovery_plan:*", expires="2026-11-23")]):
            failed = {name for name, status in statuses(plan(words, [RECORD])).items() if status == "fail"}
            assert failed == {one.id for one in OF_PLAN if claim in asked(one)} and c.id in failed


@pytest.mark.parametrize("c", OF_PLAN, ids=lambda c: c.id)
def test_what_was_not_seen_of_the_plan_never_passes(c):
    assert three_valued.excluded(c, plan(ALL, [RECORD]).facts, BASELINE.kinds) == set()


ONLY_ATTESTED = [c for c in BASELINE.controls if asked(c) and all(path.split(".")[0] == "attested" for path in control.reads(c))]


@pytest.mark.parametrize("c", ONLY_ATTESTED, ids=lambda c: c.id)
def test_a_control_that_asks_people_alone_passes_by_their_words_and_by_nothing_less(c):
    kind = BASELINE.kinds[c.subject]

    def status(words):
        told = {"attested": attestations.facts(kind.claims, f"{c.subject}:x", words, NOW[:10])}
        return three_valued.status_of(c, told, BASELINE.kinds), told
    whole, told = status(ALL)
    assert whole == "pass" and three_valued.excluded(c, told, BASELINE.kinds) == set()
    for claim in asked(c):
        others = [one for one in ALL if one.claim != claim]
        assert status(others)[0] == "fail" and status([*others, word(claim, f"{c.subject}:*", expires="2026-11-23")])[0] == "fail"


def test_every_claim_is_asked_by_a_control_and_is_a_claim_about_a_kind_that_there_is():
    claims = yaml.safe_load((baseline.FOLDER / baseline.CLAIMS).read_text(encoding="utf-8"))["claims"]
    assert {claim["subject"] for claim in claims.values()} <= set(BASELINE.kinds)
    assert set(claims) == set().union(*(asked(c) for c in BASELINE.controls))


def test_a_finding_quotes_who_said_what_and_the_report_tells_of_words_that_say_nothing():
    loaded = dataclasses.replace(BASELINE, controls=tuple(OF_PLAN), words=(
        *ALL, word("change_record_kept", "recovery_plan:other"), word("procedure_rehearsed", "recovery_plan:*", expires="2026-11-20")))
    report = judge.judge([], {}, loaded, judge.Options(now=NOW, evidence=(RECORD,)))
    said = {f["control"]: " ".join(f["evidence"]) for f in report["findings"]}
    assert "trial_restore is attested until 2026-11-25 by Ann on 2026-11-01: ticket 7" in said["FT-DRL-001"]
    assert report["attestations"]["expired"] == ["procedure_rehearsed of recovery_plan:*"]
    assert "change_record_kept of recovery_plan:other" in report["attestations"]["unused"]
    assert "trial_restore of recovery_plan:*" in report["attestations"]["used"]


# --- evidence -------------------------------------------------------------------------------------------------------

def test_evidence_is_written_and_read_and_the_newest_takes_the_place_of_the_older(tmp_path):
    evidence.write(tmp_path, {**RECORD, "at": "2026-01-01T00:00:00Z"})
    evidence.write(tmp_path, RECORD)
    evidence.write(tmp_path, {**RECORD, "subject": "ÜberSatz: 1/2", "outcome": "broken", "problems": ["It is cut."]})
    records = evidence.read_folder(tmp_path)
    assert RECORD in records and len(records) == 2
    assert statuses(plan(ALL, records))["FT-DRL-011"] == "fail"
    assert evidence.read_folder(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', json.dumps({"schema": 1, **RECORD, "outcome": "fine"}),
                                  json.dumps({"schema": 1, **RECORD, "opened": 3})])
def test_a_file_that_is_no_evidence_is_unknown_and_no_pass(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    evidence.write(tmp_path, RECORD)
    records = evidence.read_folder(tmp_path)
    assert len(records) == 2 and any(observed.is_hole(one) for one in records)
    assert statuses(plan(ALL, records))["FT-DRL-011"] == "unknown"


@pytest.mark.parametrize(("change", "status"), [({"at": "2026-10-23T07:00:00Z"}, "fail"), ({"at": "2026-10-25T08:00:00Z"}, "pass"),
                                                ({"outcome": "broken"}, "fail"), ({"outcome": "not_opened"}, "fail")])
def test_evidence_that_is_old_or_bad_fails(change, status):
    assert statuses(plan(ALL, [{**RECORD, **change}]))["FT-DRL-011"] == status
