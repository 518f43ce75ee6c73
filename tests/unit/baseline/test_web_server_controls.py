from __future__ import annotations

"""The controls of web servers, on snapshots as the lab's servers give them."""

import copy
import sys
from pathlib import Path

import pytest
import three_valued

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, observed  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import iis, platform  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, estate, web_servers  # noqa: E402
from lab import estate as lab_estate  # noqa: E402
from lab.backend import Backend  # noqa: E402
from lab.batch import Batch  # noqa: E402
from lab.state import State  # noqa: E402

CLOCK = "2026-11-24T08:00:00Z"
BASELINE = baseline.load()
CONTROLS = {c.id: c for c in BASELINE.controls if c.subject == "web_server"}
HOLE = observed.hole("denied", "No right.")


def read():
    """Snapshots of two servers of one NLB cluster."""
    description = {"users": {r"{domain}\admin": {"password": "x"}}, "hosts": {name: {"iis": True} for name in ("web1", "web2")}}
    state = State(":memory:", lab_estate.build(description, CLOCK), CLOCK)
    snapshots = []
    for name in ("web1", "web2"):
        document = batch.batch({"platform": platform.steps({}), "iis": iis.steps({})}, "0" * 16)
        came = answer.parse("\n".join(Batch(Backend(state, name), document).lines()), document)
        snapshots.append({"host": name, "groups": ["iis"], "variables": {"nlb_name": "WEB"}, "collected_at": CLOCK, "powershell": came.host,
                          "areas": {"platform": platform.shape(came.areas["platform"]), "iis": iis.shape(came.areas["iis"])}})
    return snapshots


HEALTHY = [*read(), {"host": "safe", "groups": ["vault"], "variables": {}, "collected_at": CLOCK, "powershell": {}, "areas": {"vault": {"sets": [
    {"host": "WEB1", "kind": "iis", "set": f"WEB1-iis-{day}T020000Z", "taken_at": f"2026-11-{day[-2:]}T02:00:00Z", "whole": True}
    for day in ("20261120", "20261123")]}}}]


def facts(change=None, vault=None):
    """The facts of web1. *change*: a function of its area iis; *vault*: one of the sets in the vault."""
    snapshots = copy.deepcopy(HEALTHY)
    if change:
        change(snapshots[0]["areas"]["iis"])
    if vault:
        vault(snapshots[2]["areas"]["vault"]["sets"])
    first, _second = web_servers.subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)
    return first.facts


def statuses(found):
    return {name: three_valued.status_of(control, found, BASELINE.kinds, CLOCK) for name, control in CONTROLS.items()}


def of_status(found, status):
    return {name for name, said in statuses(found).items() if said == status}


def test_a_healthy_server_passes():
    assert of_status(facts(), "pass") == set(CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
def test_what_was_not_seen_never_passes(name):
    broken = facts(lambda area: area["clear_text"].append("redirection.config: x"))        # so that there is something of each list
    start = facts() if name != "FT-IIS-006" else broken
    if name == "FT-IIS-006":
        assert three_valued.status_of(CONTROLS[name], three_valued.replaced(start, ("clear_text", 0), HOLE), BASELINE.kinds) == "unknown"
        return
    assert three_valued.excluded(CONTROLS[name], start, BASELINE.kinds) == set()


def last(**values):
    return lambda area: area["sets"][-1].update(values)


def all_gone(area):
    area["sets"], area["backups"] = [], []


def without_part(name):
    return lambda area: area["sets"][-1].update(parts=[part for part in area["sets"][-1]["parts"] if not part["name"].startswith(name)])


FAULTS = {
    "nothing is there": (all_gone, {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}),
    "the history is no backup": (lambda a: (all_gone(a), a["history"].update(enabled=True, kept=99)), {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}),
    "a named backup saves the configuration alone": (lambda a: a.update(sets=[]), {"FT-IIS-003", "FT-IIS-005"}),
    "a named backup under shared configuration saves nothing": (lambda a: (a.update(sets=[]), a["shared"].update(enabled=True, path="E:\\c")),
                                                                {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}),
    "too old": (lambda a: (a.update(backups=[]), [one.update(taken_at="2026-11-01T00:00:00Z") for one in a["sets"]]), {"FT-IIS-001"}),
    "changed since": (lambda a: a["files"][1].update(modified="2026-11-24T07:00:00Z"), {"FT-IIS-001"}),
    "a framework changed since": (lambda a: a["frameworks"][0].update(modified="2026-11-24T07:00:00Z"), {"FT-IIS-001"}),
    "without its keys": (without_part("key container iisWasKey"), {"FT-IIS-005"}),
    "another container is in use now": (lambda a: a["key_containers"].append({"name": "iisCngWasKey", "providers": [], "cng": True}), {"FT-IIS-005"}),
    "without content": (without_part("content"), {"FT-IIS-003"}),
    "the certificate has no key": (lambda a: a["certificates"][0].update(private_key=False), {"FT-IIS-008"}),
    "the certificate expires": (lambda a: a["certificates"][0].update(expires="2026-12-20T00:00:00Z"), {"FT-IIS-008"}),
    "the certificate is gone": (lambda a: a.update(certificates=[]), {"FT-IIS-008"}),
    "another pool than its peer": (lambda a: a["pools"][0].update(identity="LocalSystem"), {"FT-IIS-004"}),
    "another binding than its peer": (lambda a: a["sites"][0]["bindings"].pop(), {"FT-IIS-004"}),
    "a password in clear text": (lambda a: a["clear_text"].append("applicationHost.config: x"), {"FT-IIS-006"}),
    "an open set": (last(protected=False), {"FT-IIS-007"}),
    "a broken set is never the newest one": (last(complete=False, why_not="No index.", parts=[]), {"FT-IIS-009"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    change, found = FAULTS[fault]
    seen = facts(change)
    assert of_status(seen, "fail") == found
    assert of_status(seen, "unknown") == set()


UNREAD = {"sets": {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005", "FT-IIS-007", "FT-IIS-009"}, "backups": {"FT-IIS-001"}, "files": {"FT-IIS-001"},
          "frameworks": {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}, "content": {"FT-IIS-003", "FT-IIS-005"},
          "key_containers": {"FT-IIS-003", "FT-IIS-005"}, "sites": {"FT-IIS-004"},
          "pools": {"FT-IIS-004"}, "certificates": {"FT-IIS-008"}, "bindings": {"FT-IIS-003", "FT-IIS-005", "FT-IIS-008"}, "clear_text": {"FT-IIS-006"},
          "shared": {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"}}


@pytest.mark.parametrize("name", UNREAD)
def test_a_part_that_was_not_read_is_unknown(name):
    seen = facts(lambda area: area.update({name: HOLE}))
    assert of_status(seen, "unknown") == UNREAD[name] and of_status(seen, "fail") == set()


@pytest.mark.parametrize(("vault", "status"), [
    (list.clear, "fail"), (lambda sets: [one.update(whole=False) for one in sets], "fail"), (lambda sets: sets.pop(), "pass"),
    (lambda sets: [one.update(taken_at="2026-11-01T02:00:00Z") for one in sets], "fail"), (lambda sets: [one.update(host="WEB2") for one in sets], "fail"),
    (lambda sets: sets.append(HOLE), "unknown"), (lambda sets: sets[0].update(whole=HOLE), "unknown")])
def test_only_a_whole_copy_of_its_own_counts(vault, status):
    assert statuses(facts(vault=vault))["FT-IIS-002"] == status


def test_a_vault_on_the_server_itself_is_no_other_place():
    snapshots = copy.deepcopy(HEALTHY)
    snapshots[0]["groups"].append("vault")
    snapshots[0]["areas"]["vault"] = snapshots.pop()["areas"]["vault"]
    first, _second = web_servers.subjects(list(estate.hosts_of(snapshots, {}).values()), BASELINE.kinds)
    assert first.facts["copied_at"] is None and statuses(first.facts)["FT-IIS-002"] == "fail"


def test_a_set_of_another_server_vouches_for_nothing():
    seen = facts(lambda area: (area.update(backups=[]), [one.update(host="OTHER") for one in area["sets"]]))
    assert of_status(seen, "fail") == {"FT-IIS-001", "FT-IIS-003", "FT-IIS-005"} and seen["sets"] == []


def test_a_web_server_that_was_not_read_is_owed_and_unknown():
    hosts = estate.hosts_of([], {"hosts": {"web9": {"groups": ["iis"], "variables": {}}}})
    subject, = web_servers.subjects(list(hosts.values()), BASELINE.kinds)
    assert subject.id == "web_server:web9" and observed.is_hole(subject.facts)
