# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The controls of WIN on hosts of the lab: a pass on the healthy ones, every fault is found, and what was not seen never passes."""

import dataclasses
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "baseline")]

import three_valued  # noqa: E402
from backup_site import CLOCK, SHARES, Site  # noqa: E402

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed  # noqa: E402
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import attestations, baseline, estate, judge, windows_backups  # noqa: E402
from lab.backend import Backend  # noqa: E402

BASELINE = baseline.load()
CONTROLS = [c for c in BASELINE.controls if c.subject == "windows_backup"]
CLAIMS = BASELINE.kinds["windows_backup"].claims
OWN = dataclasses.replace(BASELINE, controls=CONTROLS)
MANAGEMENT = "Microsoft.PowerShell.Management\\"
DOTNET_32 = r"HKLM:\SOFTWARE\Wow6432Node\Microsoft\.NETFramework\v4.0.30319"
SNAPSHOTS = r"HKLM:\SYSTEM\CurrentControlSet\Enum\STORAGE\VolumeSnapshot"


TODAY = "2026-11-24"


def words(claims, expires="2026-12-20"):
    return [attestations.Attestation(claim, "windows_backup:*", "A", "2026-11-20", "a record", expires, "words.yml") for claim in claims]


def hosts_of(site, sql=False):
    snapshot = {"host": site.host, "groups": ["windows_backup"], "variables": {}, "collected_at": CLOCK, "status": "ok", "powershell": {},
                "areas": {**site.snapshot()["areas"],
                          "platform": {"sql_instances": [{"instance_id": "MSSQL15.BTS"}] if sql else [], "clock": site.state.clock,
                                       "computer": {"name": site.host.upper()}}}}
    return {site.host: estate.Host(site.host, ("windows_backup",), {}, snapshot, None)}


def facts_of(site, sql=False, attested=("out_of_band_management",)):
    subject = windows_backups.subjects(list(hosts_of(site, sql).values()), BASELINE.kinds)[0]
    return {**subject.facts, "attested": attestations.facts(CLAIMS, subject.id, words(attested), TODAY)}


def statuses(site, sql=False, attested=("out_of_band_management",), facts=None):
    facts = facts or facts_of(site, sql, attested)
    return {c.id: three_valued.status_of(c, facts, BASELINE.kinds, site.state.clock) for c in CONTROLS}


def failed(site, **more):
    return {id for id, status in statuses(site, **more).items() if status == "fail"}


def call(command, **parameters):
    def act(site):
        outcome = Backend(site.state, site.host).invoke(command, parameters, None)
        assert not outcome.errors, outcome.errors
    return act


def policy(*steps):
    """Changes the scheduled policy as an operator does."""
    def act(site):
        live = site.ok("Get-WBPolicy", Editable=True)[0]
        for cmdlet, parameters in steps:
            given = {name: value(site, live) if callable(value) else value for name, value in parameters.items()}
            site.ok(cmdlet, Policy=live, **given)
        site.ok("Set-WBPolicy", Policy=live, Force=True)
    return act


def to_share(path):
    def act(site):
        live = site.ok("Get-WBPolicy", Editable=True)[0]
        site.ok("Remove-WBBackupTarget", Policy=live, Target=site.ok("Get-WBBackupTarget", Policy=live)[0])
        site.ok("Add-WBBackupTarget", Policy=live, Target=site.ok("New-WBBackupTarget", NetworkPath=path)[0], Force=True)
        site.ok("Set-WBPolicy", Policy=live, Force=True)
    return act


def backed_up(seconds):
    def act(site):
        site.ok("Start-WBBackup", Policy=site.ok("Get-WBPolicy")[0], Async=True)
        site.state.move_clock(seconds)
    return act


def together(*acts):
    return lambda site: [act(site) for act in acts]


def volsnap(site):
    site.state.hosts[site.host].setdefault("events", []).append(
        {"log": "System", "provider": "volsnap", "id": 36, "time": "2026-11-20T08:00:00.0000000Z", "level": 2, "inserts": []})


FAULTS = [
    ("FT-WIN-001", call(r"ServerManager\Uninstall-WindowsFeature", Name=["Windows-Server-Backup"]), {"FT-WIN-002", "FT-WIN-003", "FT-WIN-006"}),
    ("FT-WIN-002", lambda site: site.ok("Remove-WBPolicy", All=True, Force=True), set()),
    ("FT-WIN-002", policy(("Remove-WBBareMetalRecovery", {})), set()),
    ("FT-WIN-002", policy(("Remove-WBBareMetalRecovery", {}), ("Remove-WBSystemState", {}), (
        "Add-WBVolume", {"Volume": lambda site, live: site.ok("Get-WBVolume", VolumePath=["S:"])})), set()),
    ("FT-WIN-003", together(to_share(SHARES[1]), backed_up(200)), set()),
    ("FT-WIN-003", together(call(MANAGEMENT + "New-Service", Name="Old", BinaryPathName=r"C:\gone\old.exe"), backed_up(200)), set()),
    ("FT-WIN-003", together(lambda site: site.ok("Remove-WBPolicy", All=True, Force=True), lambda site: site.state.move_clock(9 * 86400)),
     {"FT-WIN-002", "FT-WIN-006"}),
    ("FT-WIN-003", lambda site: site.kept["jobs"].clear(), {"FT-WIN-006"}),
    ("FT-WIN-004", policy(("Set-WBVssBackupOption", {"VssFullBackup": True})), set()),
    ("FT-WIN-005", call(MANAGEMENT + "Set-Service", Name="WinRM", StartupType="Manual"), set()),
    ("FT-WIN-005", call(MANAGEMENT + "Stop-Service", Name=["WinRM"]), set()),
    ("FT-WIN-006", together(policy(("Remove-WBBareMetalRecovery", {})), lambda site: site.kept["jobs"].clear(), backed_up(1801)), {"FT-WIN-002"}),
    ("FT-WIN-006", to_share(SHARES[0] + "\\" + "x" * 100), set()),
    ("FT-WIN-007", volsnap, set()),
    ("FT-WIN-007", lambda site: [call(MANAGEMENT + "New-Item", Path=[rf"{SNAPSHOTS}\Harddisk{n}"])(site) for n in range(1001)], set()),
    ("FT-WIN-008", call(MANAGEMENT + "New-Service", Name="VeeamEndpointBackupSvc", BinaryPathName=r"C:\Windows\explorer.exe"), set()),
    ("FT-WIN-009", call(MANAGEMENT + "Remove-ItemProperty", Path=[DOTNET_32], Name=["SchUseStrongCrypto", "SystemDefaultTlsVersions"]), set()),
]


def sql_site():
    return Site({"volumes": ["S"]}, sql="BTS")


def test_a_healthy_host_passes_every_control():
    assert set(statuses(sql_site(), sql=True).values()) == {"pass"}
    assert {id for id, status in statuses(Site()).items() if status != "pass"} == {"FT-WIN-004"}       # no SQL Server there


@pytest.mark.parametrize(("expected", "act", "follow"), FAULTS, ids=[f"{number} {fault[0]}" for number, fault in enumerate(FAULTS)])
def test_a_planted_fault_is_found_and_nothing_else(expected, act, follow):
    site = sql_site()
    act(site)
    found = failed(site, sql=True)
    assert expected in found and found - {expected} <= follow, found


def test_every_control_has_a_planted_fault():
    assert {fault[0] for fault in FAULTS} == {c.id for c in CONTROLS}


def test_another_product_excuses_what_it_does():
    site = Site({"feature": False})
    assert failed(site) == {"FT-WIN-001", "FT-WIN-002", "FT-WIN-003", "FT-WIN-006"}
    assert not failed(site, attested=("other_backup_product", "out_of_band_management"))


EXCLUDED = {    # what a known value keeps a control from touching
    ("FT-WIN-004", True): {"policy.volumes[].id", "policy.volumes[].holds_databases"},
    ("FT-WIN-006", True): {"policy.targets[].path", "policy.targets[].path_length"},
}


@pytest.mark.parametrize("sql", [True, False])
@pytest.mark.parametrize("c", CONTROLS, ids=lambda c: c.id)
def test_what_was_not_seen_never_passes(c, sql):
    facts = facts_of(sql_site() if sql else Site({"share": SHARES[0]}), sql)
    if (c.id, sql) == ("FT-WIN-004", False):
        assert three_valued.status_of(c, facts, BASELINE.kinds) == "not_applicable"
    else:
        assert three_valued.excluded(c, facts, BASELINE.kinds) == EXCLUDED.get((c.id, sql), set())


def test_a_host_that_was_not_read_owes_every_control_as_unknown():
    absent = observed.hole("unreachable", "It does not answer.")
    host = estate.Host("bts01", ("windows_backup",), {}, None, absent)
    subject = windows_backups.subjects([host], BASELINE.kinds)[0]
    assert subject.facts == absent and subject.id == "windows_backup:bts01"


def test_through_the_judge_as_the_audit_does():
    site = Site()
    snapshot = hosts_of(site)[site.host].snapshot
    report = judge.judge([snapshot], {}, OWN, judge.Options(now="2026-11-24T09:00:00Z"))
    assert {f["control"] for f in report["findings"] if f["subject"] == "windows_backup:bts01"} == {c.id for c in CONTROLS}


class Sql:
    """An instance that runs on bts01, with one database of BizTalk and one that is none."""

    def __init__(self, node="BTS01", path=r"S:\Data\BizTalkMsgBoxDb.mdf", nodes=()):
        self.node, self.path, self.nodes = node, path, nodes

    def fact(self, area, name):
        return {"node": self.node, "clustered": bool(self.nodes), "cluster_nodes": [{"name": name} for name in self.nodes],
                "databases": [{"name": "BizTalkMsgBoxDb", "files": [{"path": self.path}]},
                              {"name": "Other", "files": [{"path": r"C:\Other.mdf"}]}]}[name]


class Lists:
    @staticmethod
    def is_biztalk(instance, name):
        return name == "BizTalkMsgBoxDb"


def test_a_volume_whose_path_was_not_seen_may_hold_the_databases():
    site = Site({"volumes": ["S", "L"]})
    host = hosts_of(site, True)[site.host]
    volumes = host.snapshot["areas"]["windows_backup"]["volumes"]
    by_path = {volume["path"]: volume for volume in volumes}
    by_path["S:"]["path"] = observed.hole("denied", "No right.")
    paths = windows_backups.database_paths(host, [Sql(path=r"S:\x.mdf")], Lists)
    assert all(observed.is_hole(windows_backups._holds(volume, volumes, paths)) for volume in (by_path["S:"], by_path["L:"]))


@pytest.mark.parametrize(("instance", "holds"), [
    (Sql(), True), (Sql(path=r"L:\x.mdf"), False), (Sql(node="OTHER"), None),
    (Sql(node="OTHER", nodes=["OTHER", "BTS01"]), False), (Sql(path=r"Z:\x.mdf"), None), (Sql(node=observed.hole("denied", "No right.")), None),
    (Sql(path=observed.hole("null", "No path.")), None)])
def test_a_volume_with_databases_is_known_by_their_files(instance, holds):
    site = Site({"volumes": ["S", "L"]})
    policy(("Add-WBVolume", {"Volume": lambda site, live: site.ok("Get-WBVolume", VolumePath=["S:"])}))(site)
    facts = windows_backups._facts(hosts_of(site, True)[site.host], [instance], Lists)
    seen = next(volume for volume in facts["policy"]["volumes"] if volume["path"] == "S:")["holds_databases"]
    assert seen is holds if holds is not None else observed.is_hole(seen)
    facts["attested"] = facts_of(site)["attested"]
    control = next(c for c in CONTROLS if c.id == "FT-WIN-004")
    assert three_valued.status_of(control, {**facts, "policy": {**facts["policy"], "vss": "copy"}}, BASELINE.kinds) == {
        True: "fail", False: "pass", None: "unknown"}[holds]


@pytest.mark.parametrize("given", [[], words(["out_of_band_management"], "2026-11-23")])
def test_a_word_that_is_missing_or_ran_out_fails(given):
    facts = {**facts_of(Site()), "attested": attestations.facts(CLAIMS, "windows_backup:bts01", given, TODAY)}
    assert {id for id, status in statuses(Site(), facts=facts).items() if status == "fail"} == {"FT-WIN-005"}
