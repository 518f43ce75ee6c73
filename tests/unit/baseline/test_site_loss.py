"""If a site burnt: the newest copy at another site counts, one at the same site does not, and what is not known is not kept."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import site_loss
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.estate import Host, Subject

NOW, HOLE = "2026-11-24T08:00:00Z", observed.hole("denied", "The login may not.")
BACKUP = Subject("backup", "backup:SQL1/M", {"databases": [{"name": "Box", "server": "SQL1", "database": "Box"}]}, ("sql1",), NOW)


def host(name, site, *groups, areas=None, **variables):
    made = {"site": site, **variables}
    return Host(name, groups, {key: value for key, value in made.items() if value}, {"areas": areas or {}, "collected_at": NOW}, HOLE)


def standby(**more):
    facts = {"name": "SQL9", "last_restored": "2026-11-24T07:50:00Z",
             "databases": [{"name": "Box of SQL1", "server": "sql1", "database": "box", "state": "RESTORING"}], **more}
    return Subject("log_shipping", "log_shipping:SQL9", facts, ("sql9",), NOW)


def copied(source, taken):
    name, kind = source.split("/")
    return {"host": name, "kind": kind, "set": f"{name}-{kind}", "whole": True, "taken_at": taken}


def told(subjects, site_of_standby="B", site="A", sets=(), vault_site="B", more=()):
    hosts = [host("sql1", site, "sql_instance", areas={"sql": {"name": "SQL1"}}, instance_name="SQL1"),
             host("sql9", site_of_standby, "sql_instance", areas={"sql": {"name": "SQL9"}}, instance_name="SQL9"), *more]
    if sets is not None:
        hosts.append(host("vault", vault_site, "vault", areas={"vault": {"sets": sets if observed.is_hole(sets) else list(sets)}, "platform": {"clock": NOW}}))
    return {part["part"]: part for part in site_loss.parts(subjects, {one.name: one for one in hosts}, NOW)}


def test_a_database_is_left_where_a_standby_at_another_site_restores_it():
    box = told([BACKUP, standby()])["Box"]
    assert (box["status"], box["newest"], box["age_seconds"], box["by"]) == ("pass", "2026-11-24T07:50:00Z", 600, "log shipping to SQL9")


@pytest.mark.parametrize(("subjects", "options", "status"), [
    ([BACKUP], {}, "fail"),                                                     # no standby
    ([BACKUP, standby()], {"site_of_standby": "a"}, "fail"),                    # at the same site
    ([BACKUP, standby()], {"site_of_standby": ""}, "unknown"),
    ([BACKUP, standby()], {"site": ""}, "unknown"),
    ([BACKUP, standby(last_restored=None)], {}, "fail"),
    ([BACKUP, standby(last_restored=HOLE)], {}, "unknown"),
    ([BACKUP, standby(databases=HOLE)], {}, "unknown"),
    ([BACKUP, standby(databases=[])], {}, "fail"),
    ([BACKUP, standby(databases=[{"name": "x", "server": "sql1", "database": "box", "state": "ONLINE"}])], {}, "fail"),
    ([BACKUP, standby(databases=[{"name": "x", "server": "other", "database": "box", "state": "RESTORING"}])], {}, "fail"),
    ([BACKUP, Subject("log_shipping", "log_shipping:SQL9", HOLE, ("sql9",), NOW)], {}, "unknown"),
    ([BACKUP], {"sets": HOLE}, "unknown"),
    ([BACKUP], {"sets": [copied("sql1/sql", "2026-11-24T06:00:00Z")]}, "pass"),
    ([BACKUP], {"sets": [copied("sql1/sql", "2026-11-24T06:00:00Z")], "vault_site": "A"}, "fail"),
    ([BACKUP], {"sets": [{**copied("sql1/sql", "2026-11-24T06:00:00Z"), "whole": False}]}, "fail"),
])
def test_what_is_left_of_a_database(subjects, options, status):
    box = told(subjects, **options)["Box"]
    assert box["status"] == status
    assert (box["newest"] is None) == (status != "pass") and bool(box["why"]) == (status != "pass")


def test_of_two_copies_the_newer_counts():
    box = told([BACKUP, standby()], sets=[copied("sql1/sql", "2026-11-24T07:55:00Z")])["Box"]
    assert box["by"] == "a vault at another site" and box["age_seconds"] == 300


def test_a_server_of_which_nothing_was_copied_is_told_too_and_so_is_an_estate_without_a_vault():
    web = host("web1", "A", "iis", areas={"platform": {"clock": NOW, "computer": {"name": "WEB1"}}})
    assert told([], more=[web])["web1/iis"]["status"] == "fail"
    assert told([], more=[web], sets=None)["web1/iis"]["status"] == "fail"
    assert told([], more=[web], sets=[copied("web1/iis", "2026-11-23T08:00:00Z")])["web1/iis"]["age_seconds"] == 86400
    assert told([], more=[web], sets=HOLE)["copies of the servers' parts"]["status"] == "unknown"


@pytest.mark.parametrize(("facts", "status"), [
    ({"attested": {"secret_in_custody": {"valid": True, "owner": "Ann", "date": "2026-11-01"}}}, "pass"),
    ({"attested": {"secret_in_custody": {"valid": False, "owner": "Ann", "date": "2026-11-01"}}}, "fail"),
    (HOLE, "unknown")])
def test_the_secret_is_left_where_somebody_says_so(facts, status):
    assert told([Subject("master_secret", "master_secret:S", facts, ("b",), NOW)])["master_secret:S"]["status"] == status
