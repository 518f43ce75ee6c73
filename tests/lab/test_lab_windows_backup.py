"""What the lab's Windows Server Backup refuses, and what becomes of a disk. The rest is seen through the product's tests."""
from __future__ import annotations

import pytest

WSB = "WindowsServerBackup\\"
HOST = "wds01"


@pytest.fixture
def host(console):
    class Here:
        state = console.state

        @property
        def kept(self):
            return console.state.hosts[HOST]["windows_backup"]

        def ok(self, name, **parameters):
            return console.ok(HOST, WSB + name, **parameters)

        def refused(self, name, user=None, **parameters):
            return console.refused(HOST, WSB + name, user=user, **parameters)
    return Here()


def editable(host):
    return host.ok("Get-WBPolicy", Editable=True)[0]


def test_a_policy_that_is_not_in_edit_mode_is_not_changed(host):
    policy = host.ok("Get-WBPolicy")[0]
    assert "edit mode" in host.refused("Add-WBSystemState", Policy=policy).chain[0]["message"]


def test_a_draft_means_nothing_until_it_is_set(host):
    before = host.state.state_hash()
    host.ok("Set-WBVssBackupOption", Policy=editable(host), VssCopyBackup=True)
    assert host.state.state_hash() == before and host.ok("Get-WBPolicy")[0].properties["VssBackupOptions"].name == "VssFullBackup"


def test_targets_are_of_one_kind_and_there_is_one_share(host):
    policy = editable(host)
    share = host.ok("New-WBBackupTarget", NetworkPath=r"\\vault01\btsbackup")[0]
    assert "one storage type" in host.refused("Add-WBBackupTarget", Policy=policy, Target=share).chain[0]["message"]
    new = host.ok("New-WBPolicy")[0]
    host.ok("Add-WBBackupTarget", Policy=new, Target=share)
    assert "one remote" in host.refused("Add-WBBackupTarget", Policy=new, Target=share).chain[0]["message"]


def test_a_disk_with_windows_on_it_is_no_target(host):
    policy = host.ok("New-WBPolicy")[0]
    disk = host.ok("Get-WBDisk")[0]
    host.ok("Add-WBSystemState", Policy=policy)
    host.ok("Add-WBBackupTarget", Policy=policy, Target=host.ok("New-WBBackupTarget", Disk=disk)[0])
    host.kept["policy"], policy.behind["schedule"] = None, ["21:00"]
    assert "critical" in host.refused("Set-WBPolicy", Policy=policy, Force=True).chain[0]["message"]


def test_a_disk_that_is_a_target_already_is_left_as_it_is(host):
    volumes = [volume["point"] for volume in host.kept["volumes"]]
    host.ok("Set-WBPolicy", Policy=editable(host), Force=True)
    assert [volume["point"] for volume in host.kept["volumes"]] == volumes


def test_one_backup_runs_at_a_time_and_reading_writes_nothing(host):
    policy = host.ok("Get-WBPolicy")[0]
    host.ok("Start-WBBackup", Policy=policy, Async=True)
    assert "in progress" in host.refused("Start-WBBackup", Policy=policy, Async=True).chain[0]["message"]
    before = host.state.state_hash()
    host.state.move_clock(3600)
    assert host.ok("Get-WBJob", Previous=1)[0].properties["HResult"] == 0 and host.state.state_hash() == before


def test_what_is_not_modelled_is_refused(host):
    assert host.refused("Start-WBBackup", Policy=host.ok("Get-WBPolicy")[0]).fqid.startswith("LabDoesNotModel")
    assert host.refused("Set-WBPolicy", Policy=editable(host)).fqid.startswith("LabDoesNotModel")
    assert host.refused("Remove-WBPolicy", All=True).fqid.startswith("LabDoesNotModel")
    assert host.refused("New-WBFileSpec", FileSpec=["C:\\x"]).fqid.startswith("LabDoesNotModel")


def test_an_account_without_rights_reads_nothing(host):
    assert host.refused("Get-WBSummary", user=r"CONTOSO\svc-reader").category == "PermissionDenied"


def test_a_service_is_made_once(console):
    name = "Microsoft.PowerShell.Management\\New-Service"
    console.ok(HOST, name, Name="Agent", BinaryPathName=r"C:\a.exe")
    assert console.refused(HOST, name, Name="agent", BinaryPathName=r"C:\a.exe").fqid.startswith("CouldNotNewService")
