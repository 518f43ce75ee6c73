"""The controls of SSO over the lab's servers: a pass on the healthy ones, every fault found, and nothing that was not seen passes."""
from __future__ import annotations

import copy
import dataclasses
import functools

import pytest
import three_valued

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, judge
from lab import estate as lab_estate
from lab import scenario
from lab.backend import Backend
from lab.batch import Batch
from lab.state import State

BASELINE = baseline.load()
OWN = dataclasses.replace(BASELINE, controls=tuple(c for c in BASELINE.controls if c.subject in ("sso_server", "master_secret")))
CLOCK, NOW, TOKEN = "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z", "0" * 16
SECRET, BAK = "master_secret:BTSSSO", r"C:\Program Files\Common Files\Enterprise Single Sign-On\SSO3F1C.bak on bts01"
GROUPS = {"bts01": ["biztalk", "cluster_node", "sso"], "bts02": ["biztalk", "cluster_node", "sso"], "bts03": ["biztalk", "sso"], "vault02": ["vault"]}
CLAIMS = ("secret_in_custody", "secret_password_in_custody", "secret_restored")
WORDS = tuple(attestations.Attestation(claim, SECRET, "A. Admin", "2026-11-01", "record 7", "2027-01-01", "here") for claim in CLAIMS)


@functools.cache
def _read():
    description = copy.deepcopy(scenario.load("healthy")["estate"])
    state = State(":memory:", lab_estate.build(description, CLOCK), CLOCK)
    made = []
    for name, groups in GROUPS.items():
        variables = {"vault_path": r"E:\Vault", "site": "B"} if name == "vault02" else {"cluster_name": "BTSCLU"} if "cluster_node" in groups else {}
        areas = ["platform"] + [area for group, area in (("cluster_node", "cluster"), ("sso", "sso"), ("sso", "nlb"), ("vault", "vault")) if group in groups]
        document = batch.batch({area: AREAS[area].steps(variables) for area in areas}, TOKEN)
        came = answer.parse("\n".join(Batch(Backend(state, name), document).lines()), document)
        made.append({"schema": 1, "host": name, "run": "x", "groups": groups, "variables": variables, "collected_at": CLOCK, "status": "ok", "message": "",
                     "powershell": came.host, "session": {}, "areas": {area: shaped(area, came.areas.get(area)) for area in areas}})
    return made


def snapshots():
    return copy.deepcopy(_read())


def sso(made, host):
    return next(one for one in made if one["host"] == host)["areas"]["sso"]


def judged(made, words=WORDS):
    return judge.judge(made, {}, dataclasses.replace(OWN, words=words), judge.Options(now=NOW))["findings"]


def found(findings, status="fail"):
    return {(f["control"], f["subject"], item["item"]) for f in findings for item in f["items"] if item["status"] == status}


def test_the_healthy_servers_and_their_secret_pass():
    findings = judged(snapshots())
    assert {(f["control"], f["subject"], f["status"]) for f in findings} == {
        (c.id, subject, "pass") for c in OWN.controls
        for subject in ([SECRET] if c.subject == "master_secret" else [f"sso_server:{host}" for host in ("bts01", "bts02", "bts03")])}, \
        [f["evidence"] for f in findings if f["status"] != "pass"]


def event(id, at, **more):
    return {"id": id, "at": at, "file": None, "computer": None, "secret_server": None, **more}


def no_backup(made):
    sso(made, "bts01")["backups"], sso(made, "bts01")["events"]["backed_up"] = [], []


def open_to(sid):
    return lambda made: sso(made, "bts01")["backups"][0]["readers"].append(sid)


def alone(made):
    for host in ("bts01", "bts02", "bts03"):
        sso(made, host)["events"]["fetched"] = [event(10529, "2026-11-24T05:00:00Z", secret_server="BTS01")]


def in_events(host, what, *events):
    return lambda made: sso(made, host)["events"].__setitem__(what, list(events))


def service(host, **values):
    def change(made):
        platform = next(one for one in made if one["host"] == host)["areas"]["platform"]
        next(one for one in platform["services"] if one["name"] == "ENTSSO").update(values)
    return change


ON_SECRET = {
    "nobody ever backed the secret up": (no_backup, {("FT-SSO-001", "")}),
    "ENTSSO has warned again": (in_events("bts01", "not_backed_up", event(10589, "2026-11-20T07:00:00Z")), {("FT-SSO-001", "")}),
    "the file is empty": (lambda made: sso(made, "bts01")["backups"][0].update(bytes=0), {("FT-SSO-001", BAK)}),
    "a new secret was generated since": (in_events("bts02", "generated", event(10525, "2026-11-22T07:00:00Z")), {("FT-SSO-002", "")}),
    "the backup is of last quarter": (lambda made: (sso(made, "bts01")["backups"][0].update(modified="2026-09-10T08:00:00Z"),
                                                    in_events("bts01", "backed_up")(made)), {("FT-SSO-002", "")}),
    "everyone may read the file": (open_to("S-1-1-0"), {("FT-SSO-004", BAK)}),
    "two groups may read the file": (open_to("S-1-5-21-1-2-3-5000"), {("FT-SSO-004", BAK)}),
    "a node is the secret server, and not the cluster": (alone, {("FT-SSO-005", ""), ("FT-SSO-006", "")}),
    "a node has no secret": (lambda made: sso(made, "bts02").update(secret_key=False), {("FT-SSO-007", "bts02")}),
    "a node is balanced": (lambda made: next(one for one in made if one["host"] == "bts02")["groups"].append("nlb"), {("FT-SSO-010", "")}),
    "no copy is left in the vault": (lambda made: next(one for one in made if one["host"] == "vault02")["areas"]["vault"].update(sets=[]),
                                     {("FT-SSO-003", "")}),
}
ON_SERVER = {
    "the service runs as a local account": (service("bts03", account="LocalSystem"), {("FT-SSO-009", "bts03")}),
    "the service does not start by itself": (service("bts03", start_mode="Manual"), {("FT-SSO-009", "bts03")}),
    "the secret server was lost": (in_events("bts03", "trouble", event(10532, "2026-11-24T07:00:00Z", secret_server="BTSSSO")), {("FT-SSO-011", "bts03")}),
    "the cluster copies the key": (lambda made: sso(made, "bts02")["checkpoints"].append(r"SOFTWARE\Microsoft\ENTSSO\SSOSS"), {("FT-SSO-015", "bts02")}),
    "the cluster copies all of ENTSSO": (lambda made: sso(made, "bts02")["checkpoints"].append(r"SOFTWARE\Microsoft\ENTSSO"), {("FT-SSO-015", "bts02")}),
    "one server has another build": (lambda made: sso(made, "bts03").update(version="9.0.1865.0"),
                                     {("FT-SSO-017", host) for host in ("bts01", "bts02", "bts03")}),
}


@pytest.mark.parametrize("fault", ON_SECRET)
def test_a_fault_of_the_secret_is_found(fault):
    change, wanted = ON_SECRET[fault]
    made = snapshots()
    change(made)
    words = tuple(dataclasses.replace(word, subject="master_secret:*") for word in WORDS)
    assert {(control, item) for control, _subject, item in found(judged(made, words))} == wanted


@pytest.mark.parametrize("fault", ON_SERVER)
def test_a_fault_of_a_server_is_found(fault):
    change, wanted = ON_SERVER[fault]
    made = snapshots()
    change(made)
    assert {(control, subject.partition(":")[2]) for control, subject, _item in found(judged(made))} == wanted


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_word_that_is_missing_is_found(claim):
    failing = {control for control, _subject, _item in found(judged(snapshots(), tuple(word for word in WORDS if word.claim != claim)))}
    assert failing == {"FT-SSO-003" if claim == "secret_in_custody" else "FT-SSO-016"}


def test_a_log_that_does_not_reach_back_leaves_the_change_unknown():
    made = snapshots()
    for host in ("bts01", "bts02"):
        sso(made, host)["events"].update(generated=[], restored=[])
        sso(made, host)["log_since"] = "2026-11-23T00:00:00Z"
    assert found(judged(made), "unknown") == {("FT-SSO-002", SECRET, "")}


def test_a_secret_server_that_nobody_names_is_unknown():
    made = snapshots()
    for host in ("bts01", "bts02", "bts03"):
        sso(made, host)["events"]["fetched"] = []
    assert {f["control"] for f in judged(made) if f["status"] == "unknown"} == {"FT-SSO-005", "FT-SSO-006", "FT-SSO-007"}


@pytest.mark.parametrize("host", GROUPS)
def test_a_host_that_was_not_read_passes_nothing_of_its_own(host):
    made = snapshots()
    next(one for one in made if one["host"] == host)["areas"] = {
        area: observed.hole("unreachable", "It does not answer.") for area in ("platform", "cluster", "nlb", "sso", "vault")}
    findings = judged(made)
    assert {f["status"] for f in findings if f["subject"] == f"sso_server:{host}"} <= {"unknown"}
    assert not found(findings)


@pytest.mark.parametrize("c", OWN.controls, ids=lambda c: c.id)
def test_what_was_not_seen_never_passes(c):
    told = attestations.Told(WORDS, (), NOW)
    subjects = estate.subjects_of(estate.hosts_of(snapshots(), {}), BASELINE.kinds, told)
    shown = {"master_secret": SECRET, "sso_server": "sso_server:bts03"}[c.subject]
    facts = next(subject for subject in subjects if subject.id == shown).facts
    if c.id == "FT-SSO-011":
        facts = {**facts, "troubles": [{"id": 10532, "at": "2026-11-01T08:00:00Z"}]}
    assert three_valued.excluded(c, facts, BASELINE.kinds) <= {
        "attested", "attested.standby_secret_server", "attested.standby_secret_server.valid"}      # of a clustered one nobody asks for a standby


def test_what_lies_beside_the_backup_is_none_and_an_old_copy_holds_the_wrong_secret():
    made = snapshots()
    no_backup(made)
    sso(made, "bts01")["backups"] = [{"path": r"D:\Custody\readme.txt", "bytes": 9, "modified": "2026-11-23T08:00:00Z", "readers": [], "in_place": "kept"}]
    assert ("FT-SSO-001", SECRET, "") in found(judged(made))
    made = snapshots()
    in_events("bts01", "generated", event(10525, "2026-11-24T07:00:00Z"))(made)
    assert ("FT-SSO-003", SECRET, "") in found(judged(made))


def test_a_version_that_is_not_known_is_not_the_others():
    made = snapshots()
    sso(made, "bts03")["version"] = observed.hole("denied", "No right.")
    assert {f["status"] for f in judged(made) if f["control"] == "FT-SSO-017"} == {"unknown"}


def test_a_balancer_that_was_not_looked_for_is_no_absent_one():
    made = snapshots()
    next(one for one in made if one["host"] == "bts01")["areas"]["nlb"]["name"] = observed.hole("denied", "No right.")
    assert {f["status"] for f in judged(made) if f["control"] == "FT-SSO-010"} == {"unknown"}


@pytest.mark.parametrize("name", ["path", "bytes", "modified"])
def test_a_file_that_was_half_seen_might_be_the_backup(name):
    made = snapshots()
    in_events("bts01", "backed_up")(made)
    sso(made, "bts01")["backups"][0][name] = observed.hole("denied", "No right.")
    assert {f["status"] for f in judged(made) if f["control"] in ("FT-SSO-001", "FT-SSO-002")} == {"unknown"}


def test_an_owner_that_was_not_seen_makes_every_server_one_that_may_hold_the_secret():
    made = snapshots()
    for one in made:
        if "cluster" in one["areas"]:
            for resource in one["areas"]["cluster"]["resources"]:
                resource["possible_owners"] = [*resource["possible_owners"], observed.hole("unreadable", "The getter threw.")]
    findings = {f["control"]: f["status"] for f in judged(made) if f["subject"] == SECRET}
    assert findings["FT-SSO-007"] == "unknown" and findings["FT-SSO-001"] == "pass"
