"""What the lab's cmdlets answer, refuse and change."""
from __future__ import annotations

import itertools
import re

import pytest

from lab.backend import COMMANDS, Backend
from lab.batch import Batch
from lab.bind import catalogue
from lab.values import Enum, Instant, Unreadable

FC, MS, CIM, DTC = "FailoverClusters\\", "Microsoft.PowerShell.Management\\", r"CimCmdlets\Get-CimInstance", "MsDtc\\"
POLICY = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\System"


def names(objects, key="Name"):
    return [obj.properties[key] for obj in objects]


def native(err):
    return err.chain[-1]["native"]


# --- binding

@pytest.mark.parametrize("command, given, fqid, category", [
    (FC + "Get-ClusterOwnerNode", {"Name": "Cluster Disk 3"},
     "NamedParameterNotFound,Microsoft.FailoverClusters.PowerShell.GetClusterOwnerNodeCommand", "InvalidArgument"),  # real/cluster ce-023
    (FC + "Get-ClusterNode", {"Nom": "x"}, "NamedParameterNotFound,Microsoft.FailoverClusters.PowerShell.GetNodeCommand", "InvalidArgument"),
    (FC + "Set-ClusterOwnerNode", {"Group": "BTSDTC"},
     "MissingMandatoryParameter,Microsoft.FailoverClusters.PowerShell.SetClusterOwnerNodeCommand", "InvalidArgument"),
    (FC + "Set-ClusterParameter", {"Name": "x", "Value": 1, "Multiple": {"x": 1}},
     "AmbiguousParameterSet,Microsoft.FailoverClusters.PowerShell.SetClusterParameterCommand", "InvalidArgument"),
    (FC + "Set-ClusterQuorum", {"NoWitness": "yes"},
     "CannotConvertArgumentNoMessage,Microsoft.FailoverClusters.PowerShell.SetClusterQuorumCommand", "InvalidArgument"),
    (FC + "Stop-ClusterResource", {"Name": ["a", "b"]},
     "CannotConvertArgumentNoMessage,Microsoft.FailoverClusters.PowerShell.StopClusterResourceCommand", "InvalidArgument"),
    (FC + "Stop-ClusterResource", {"Name": "BTSDTC", "Wait": "soon"},
     "CannotConvertArgumentNoMessage,Microsoft.FailoverClusters.PowerShell.StopClusterResourceCommand", "InvalidArgument"),
    (DTC + "Set-DtcNetworkSetting", {"AuthenticationLevel": "Full"}, "ParameterArgumentValidationError,Set-DtcNetworkSetting", "InvalidData"),
    (FC + "Set-ClusterQuorum", {"NoWitness": True, "NodeMajority": True},
     "ParameterAlreadyBound,Microsoft.FailoverClusters.PowerShell.SetClusterQuorumCommand", "InvalidArgument"),
    (MS + "Get-ItemProperty", {}, "MissingMandatoryParameter,Microsoft.PowerShell.Commands.GetItemPropertyCommand", "InvalidArgument"),
])
def test_wrong_parameters_are_refused_as_the_binder_does(console, command, given, fqid, category):
    err = console.refused("bts01", command, **given)
    assert (err.fqid, err.category, err.terminating) == (fqid, category, True)
    assert err.chain[0]["type"].startswith("System.Management.Automation.ParameterBinding")


@pytest.mark.parametrize("command, given", [
    (FC + "Test-Cluster", {}), (FC + "Get-ClusterNode", {"Cluster": "SQLCLU"}), (FC + "Set-ClusterQuorum", {"DiskWitness": "a", "NoWitness": True}),
    (FC + "Set-ClusterQuorum", {"CloudWitness": True, "AccountName": "a", "AccessKey": "b"}), (CIM, {"ClassName": "Win32_Process"}),
    (CIM, {"ClassName": "Win32_Service", "Namespace": "root/MSCluster"}), (MS + "Copy-Item", {"Path": [r"HKLM:\SOFTWARE"]}),
    (MS + "Get-ItemProperty", {"LiteralPath": [r"HKLM:\SOFTWARE"], "Filter": "x"}), (MS + "Start-Process", {"FilePath": "cmd.exe"}),
    (DTC + "Set-DtcNetworkSetting", {"InboundTransactionsEnabled": True, "WhatIf": True}),
])
def test_what_is_not_modelled_is_refused_loudly(console, command, given):
    err = console.refused("bts01", command, **given)
    assert err.fqid.startswith("LabDoesNotModel,") and err.category == "NotImplemented"


def test_a_module_that_is_not_on_the_host_is_absent_or_an_unknown_command(console):
    assert console.refused("bts03", FC + "Get-Cluster").fqid == "CommandNotFoundException"
    absent, skipped = console.steps("bts03", {"call": FC + "Get-ClusterGroup", "needs": "FailoverClusters"},
                                    {"call": FC + "Get-ClusterOwnerNode", "input": "s0"})
    assert absent == {"id": "s0", "status": "absent", "reason": "FailoverClusters"}
    assert skipped == {"id": "s1", "status": "skipped", "reason": "ref:s0"}


def test_names_of_commands_and_parameters_have_no_case(console):
    assert names(console.ok("bts01", "failoverclusters\\get-clusternode", nAME="BTS0*")) == ["BTS01", "BTS02"]


# --- objects

def test_objects_have_every_property_of_the_catalogue_and_its_enums(console):
    described = {"Get-Cluster": "Cluster", "Get-ClusterNode": "ClusterNode", "Get-ClusterNetwork": "ClusterNetwork", "Get-ClusterGroup": "ClusterGroup",
                 "Get-ClusterNetworkInterface": "ClusterNetworkInterface", "Get-ClusterResource": "ClusterResource",
                 "Get-ClusterQuorum": "ClusterQuorumSettings"}
    for command, type_name in described.items():
        for obj in console.ok("sql01", FC + command):
            assert obj.type == "Microsoft.FailoverClusters.PowerShell." + type_name
            page = catalogue()["objects"][obj.type]
            assert set(obj.properties) == set(page)
            for name, value in obj.properties.items():
                table = catalogue()["enums"].get(page[name])
                if table:
                    assert isinstance(value, Enum) and (table.get(str(value.number)) == value.name or value.number == 0)
    item = console.ok("sql01", FC + "Get-ClusterResource", Name=["SQL Server (BTS)"])[0]
    assert item.properties["OwnerGroup"].properties["OwnerNode"].properties["Name"] == "SQL01"
    assert item.properties["ResourceType"].properties["Name"] == "SQL Server"


def test_names_of_core_objects_and_types_are_in_the_clusters_language(console):
    assert names(console.ok("sql01", FC + "Get-ClusterGroup"))[:2] == ["Clustergruppe", "Verf\u00fcgbarer Speicher"]
    witness = console.ok("sql01", FC + "Get-ClusterQuorum")[0].properties["QuorumResource"]
    assert witness.properties["Name"] == witness.properties["ResourceType"].properties["DisplayName"] == "Dateifreigabezeuge"
    assert witness.properties["ResourceType"].properties["Name"] == "File Share Witness"


def test_private_properties_are_rows_and_need_an_object(console):
    disk, witness = console.ok("bts01", FC + "Get-ClusterResource", Name=["Cluster Disk 1"])[0], None
    kinds = {row.properties["Name"]: row.properties["ParameterType"].name for row in console.ok("bts01", FC + "Get-ClusterParameter", disk)}
    assert kinds["DiskSignature"] == "UInt32" and kinds["VolumeNumbers"] == "ByteArray"
    witness = console.ok("sql01", FC + "Get-ClusterQuorum")[0].properties["QuorumResource"]
    assert console.ok("sql01", FC + "Get-ClusterParameter", witness, Name="SharePath")[0].properties["Value"] == r"\\fs01\sqlclu-witness"
    err = console.refused("bts01", FC + "Get-ClusterParameter", Name="BtsClu")  # real/cluster ce-007
    assert err.fqid == "PSArgument,Microsoft.FailoverClusters.PowerShell.GetParameterCommand" and err.category == "InvalidArgument"
    assert native(console.refused("bts01", FC + "Get-ClusterParameter", disk, Name="Nothing")) == 2


def test_a_name_that_finds_nothing_is_an_error_beside_the_rest(console):
    outcome = console.run("bts01", FC + "Get-ClusterNode", Name=["bts02", "bts09"])
    assert names(outcome.objects) == ["BTS02"] and [native(err) for err in outcome.errors] == [5042]
    answer, = console.steps("bts01", {"call": FC + "Get-ClusterNode", "with": {"Name": ["bts02", "bts09"]}, "select": ["Name"]})
    assert answer["status"] == "partial" and answer["runs"][0]["items"] == [["BTS02"]]


def test_a_node_whose_service_is_stopped_answers_as_a_host_that_is_no_node(console):
    console.ok("bts02", MS + "Stop-Service", Name="ClusSvc")
    err = console.refused("bts02", FC + "Get-Cluster")  # real/cluster ce-006
    assert err.fqid == "ClusterEndpointNotRegistered,Microsoft.FailoverClusters.PowerShell.GetClusterCommand"
    assert (err.category, native(err), err.chain[-1]["hresult"]) == ("ConnectionError", 1753, 2147500037)
    assert [obj.properties["State"].name for obj in console.ok("bts01", FC + "Get-ClusterNode")] == ["Up", "Down"]
    console.ok("bts02", FC + "Start-ClusterNode")
    assert [obj.properties["State"].name for obj in console.ok("bts02", FC + "Get-ClusterNode")] == ["Up", "Up"]


# --- rights and unreadable properties

def test_a_cluster_right_that_is_taken_away_shows_in_the_innermost_code_only(console):
    console.state.right(r"contoso\SVC-audit", "BTSCLU", "none")
    err = console.refused("bts01", FC + "Get-ClusterResource")  # real/cluster ce-022
    assert err.category == "NotSpecified" and "PermissionDenied" not in err.fqid and native(err) == 5
    assert err.fqid == "Get-ClusterResource,Microsoft.FailoverClusters.PowerShell.GetResourceCommand"
    assert console.ok("sql01", FC + "Get-ClusterResource")


def test_a_reader_reads_and_changes_nothing(console):
    reader = r"CONTOSO\svc-reader"
    assert len(console.run("bts01", FC + "Get-ClusterNode", user=reader).objects) == 2
    for host, command, given, code in (
            ("bts01", FC + "Set-ClusterQuorum", {"NoWitness": True}, 5), ("bts01", MS + "Stop-Service", {"Name": "ENTSSO"}, 5),
            ("bts01", MS + "Set-ItemProperty", {"Path": POLICY, "Name": "x", "Value": 1}, None),
            ("bts01", DTC + "Set-DtcNetworkSetting", {"InboundTransactionsEnabled": False}, None),
            ("bts01", "NetAdapter\\Disable-NetAdapter", {"Name": "Ethernet", "Confirm": False}, 5), ("iis01", MS + "Stop-Computer", {}, None)):
        assert native(console.refused(host, command, user=reader, **given)) == code


def test_a_getter_that_throws_is_unreadable_and_its_neighbours_are_not(console):
    console.state.unreadable("bts01", "ClusterNode", ["NodeWeight"])
    first = console.ok("bts01", FC + "Get-ClusterNode")[0]
    assert isinstance(first.properties["NodeWeight"], Unreadable) and first.properties["DynamicWeight"] == 1
    answer, = console.steps("bts01", {"call": FC + "Get-ClusterNode", "select": ["Name", "NodeWeight"]})
    assert answer["status"] == "ok" and answer["runs"][0]["items"][0][1]["$unreadable"]["chain"][-1]["native"] == 5
    assert console.ok("bts02", FC + "Get-ClusterNode")[0].properties["NodeWeight"] == 1


# --- CIM, registry, DTC, services

@pytest.mark.parametrize("condition, found", [
    ("Name='MSDTC'", ["MSDTC"]), ("name = 'msdtc' OR Name=\"ClusSvc\"", ["ClusSvc", "MSDTC"]),
    ("State='Running' AND Name<>'MSDTC'", ["ClusSvc", "W32Time", "WinRM"]),
    ("Name='A' OR State='Stopped' AND StartMode='Manual'", ["BTSSvc$ReceiveHost", "ENTSSO"]), ("Name=' OR Name='", []), ("Nome='x'", None),
    ("Name LIKE 'm%' OR Name='ENTSSO'", ["ENTSSO", "MSDTC"]), ("Name LIKE 'BTSSvc$%'", ["BTSSvc$ReceiveHost"]), ("Name LIKE '_SDTC'", ["MSDTC"]),
    ("Name LIKE 'M'", []), ("Name='x\\' OR \\'y'", []), ("", ["BTSSvc$ReceiveHost", "ClusSvc", "ENTSSO", "MSDTC", "W32Time", "WinRM"]),
])
def test_filters_of_services(console, condition, found):
    given = {"ClassName": "Win32_Service", **({"Filter": condition} if condition else {})}
    if found is None:
        assert console.refused("bts02", CIM, **given).chain[0]["message"] == "Invalid query"
    else:
        assert names(console.ok("bts02", CIM, **given)) == found


def test_properties_that_were_not_asked_for_are_null(console):
    obj, = console.ok("bts03", CIM, ClassName="win32_operatingsystem", Property=["Caption", "LocalDateTime"])
    assert obj.properties["LocalDateTime"] == Instant("2026-11-24T08:00:00.0000000Z") and obj.properties["Version"] is None
    assert console.ok("bts03", CIM, ClassName="Win32_Service", Filter="Name='ENTSSO'")[0].properties["DisplayName"].endswith("-Dienst")


def test_registry_values_wildcards_and_what_is_not_there(console):
    read = MS + "Get-ItemProperty"
    assert console.ok("bts01", read, LiteralPath=POLICY.lower())[0].properties["AllowCustomSSPsAPs"] == 1
    assert console.ok("bts03", read, LiteralPath=POLICY) == []  # the key is there and holds no value
    err = console.refused("sql02", read, LiteralPath=POLICY)
    assert (err.fqid, err.category) == ("PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand", "ObjectNotFound")
    rows = console.ok("bts01", read, Path=r"Registry::HKEY_CLASSES_ROOT\CID\*\Description")
    assert sorted(row.properties["(default)"] for row in rows) == ["MSDTC", "MSDTCTIPGW", "MSDTCUIS", "MSDTCXATM"]
    assert all(row.properties["PSParentPath"].startswith(r"Microsoft.PowerShell.Core\Registry::HKEY_CLASSES_ROOT\CID\{") for row in rows)
    assert console.ok("bts01", read, Path=r"HKLM:\SOFTWARE\Microsoft\Microsoft SQL Server\MSSQL*\Setup") == []
    assert console.ok("sql01", read, Path=r"HKLM:\SOFTWARE\Microsoft\Microsoft SQL Server\MSSQL*\Setup")[0].properties["PSChildName"] == "Setup"
    assert console.refused("bts01", read, LiteralPath="HKCR:\\CID").fqid.startswith("DriveNotFound,")
    assert names(console.ok("sql01", MS + "Get-ChildItem", LiteralPath=r"HKLM:\SOFTWARE\Microsoft\Microsoft SQL Server"), "PSChildName") == [
        "Instance Names", "MSSQL15.BTS"]


def test_registry_changes(console):
    key = r"HKLM:\SOFTWARE\Contoso\A[1]'s key"
    console.ok("iis01", MS + "New-Item", Path=key, Value="x", Force=True)
    assert console.refused("iis01", MS + "New-Item", Path=key).category == "ResourceExists"
    console.ok("iis01", MS + "New-ItemProperty", LiteralPath=key, Name="N", Value=7, PropertyType="DWord")
    assert console.refused("iis01", MS + "New-ItemProperty", LiteralPath=key, Name="n", Value=8).category == "WriteError"
    console.ok("iis01", MS + "Set-ItemProperty", LiteralPath=key, Name="n", Value=9)
    seen = console.ok("iis01", MS + "Get-ItemProperty", LiteralPath=key)[0].properties
    assert (seen["(default)"], seen["N"]) == ("x", 9)
    console.ok("iis01", MS + "Remove-ItemProperty", LiteralPath=key, Name="N")
    assert console.refused("iis01", MS + "Remove-ItemProperty", LiteralPath=key, Name="N").category == "InvalidArgument"
    console.ok("iis01", MS + "Remove-Item", LiteralPath=r"HKLM:\SOFTWARE\Contoso", Recurse=True)
    assert console.ok("iis01", MS + "Test-Path", LiteralPath=[key, r"HKLM:\SOFTWARE"]) == [False, True]


def test_dtc_settings_of_the_local_and_the_clustered_instance(console):
    assert names(console.ok("bts01", DTC + "Get-Dtc"), "DtcName") == ["Local", "MSDTC-BTSDTC"]
    assert names(console.ok("bts02", DTC + "Get-Dtc"), "DtcName") == ["Local"]
    console.ok("bts02", DTC + "Set-DtcNetworkSetting", RemoteClientAccessEnabled=True, AuthenticationLevel="mutual", Confirm=False)
    local, = console.ok("bts02", DTC + "Get-DtcNetworkSetting")
    assert (local.properties["RemoteClientAccessEnabled"], local.properties["AuthenticationLevel"]) == (True, "Mutual")
    registry = console.ok("bts02", MS + "Get-ItemProperty", LiteralPath=r"HKLM:\SOFTWARE\Microsoft\MSDTC\Security")[0].properties
    assert (registry["NetworkDtcAccessClients"], registry["AllowOnlySecureRpcCalls"]) == (1, 1)
    clustered = console.ok("bts01", DTC + "Get-Dtc", DtcName="MSDTC-BTSDTC")[0]
    assert clustered.properties["VirtualServerName"] == "BTSDTC"
    console.ok("bts01", DTC + "Set-DtcNetworkSetting", DtcName="MSDTC-BTSDTC", InboundTransactionsEnabled=False, Confirm=False)
    assert console.ok("bts01", DTC + "Get-DtcNetworkSetting", clustered)[0].properties["InboundTransactionsEnabled"] is False
    console.ok("bts01", FC + "Move-ClusterGroup", Name="BTSDTC")
    assert console.ok("bts02", DTC + "Get-DtcNetworkSetting", DtcName="MSDTC-BTSDTC")[0].properties["InboundTransactionsEnabled"] is False
    assert console.refused("bts01", DTC + "Get-DtcNetworkSetting", DtcName="MSDTC-BTSDTC").category == "ObjectNotFound"


def test_services_follow_their_cluster_group(console):
    def sso(host):
        return console.ok(host, CIM, ClassName="Win32_Service", Filter="Name='ENTSSO'")[0].properties["State"]
    assert (sso("bts01"), sso("bts02")) == ("Running", "Stopped")
    console.ok("bts01", FC + "Move-ClusterGroup", Name="BTSSSO", Node="bts02")
    assert (sso("bts01"), sso("bts02")) == ("Stopped", "Running")
    console.ok("bts02", FC + "Stop-ClusterResource", Name="Enterprise Single Sign-On Service")
    assert sso("bts02") == "Stopped"


def test_an_adapter_that_is_switched_off_fails_its_interface_only(console):
    console.ok("sql02", "NetAdapter\\Disable-NetAdapter", Name="Ethernet 2", Confirm=False)
    states = {obj.properties["Name"]: obj.properties["State"].name for obj in console.ok("sql01", FC + "Get-ClusterNetworkInterface")}
    assert [name for name, state in states.items() if state != "Up"] == ["SQL02 - Ethernet 2"] and states["SQL02 - Ethernet 2"] == "Failed"
    assert {obj.properties["State"].name for obj in console.ok("sql01", FC + "Get-ClusterNetwork")} == {"Up"}


# --- cluster changes

def test_a_file_share_witness_is_made_under_the_clusters_own_words_and_the_former_one_goes(console):
    settings, = console.ok("bts01", FC + "Set-ClusterQuorum", FileShareWitness=r"\\FS01\btsclu-witness")
    assert settings.properties["QuorumResource"].properties["Name"] == "File Share Witness"
    disk, = console.ok("bts01", FC + "Get-ClusterResource", Name=["Cluster Disk 1"])
    assert disk.properties["OwnerGroup"].properties["GroupType"].name == "AvailableStorage"
    console.state.shares[r"\\fs02\w"] = {"writers": ["sqlclu", "BTSCLU"]}
    for host, name in (("bts01", "File Share Witness (2)"), ("sql01", "Dateifreigabezeuge (2)")):
        console.ok(host, FC + "Set-ClusterQuorum", FileShareWitness=r"\\fs02\w")
        witnesses = [r for r in console.ok(host, FC + "Get-ClusterResource") if r.properties["ResourceType"].properties["Name"] == "File Share Witness"]
        assert names(witnesses) == [name]
    assert console.ok("bts01", FC + "Set-ClusterQuorum", DiskWitness="cluster disk 1")[0].properties["QuorumResource"].properties["Name"] == "Cluster Disk 1"
    assert console.ok("bts01", FC + "Set-ClusterQuorum", NodeMajority=True)[0].properties["QuorumResource"] is None
    assert console.ok("bts01", FC + "Set-ClusterQuorum", DiskOnly="Cluster Disk 1")[0].properties["QuorumType"].name == "DiskOnly"


@pytest.mark.parametrize("given, code", [
    ({"FileShareWitness": r"\\fs01\readonly"}, 5), ({"FileShareWitness": r"\\fs01\sqlclu-witness"}, 5), ({"FileShareWitness": r"\\nowhere\x"}, 53),
    ({"DiskWitness": "BTSDTC"}, 5068), ({"DiskWitness": "Cluster Disk 2"}, 5079), ({"DiskWitness": "Cluster Disk 9"}, 5007),
])
def test_a_witness_that_cannot_be_leaves_the_old_one(console, given, code):
    assert native(console.refused("bts01", FC + "Set-ClusterQuorum", **given)) == code


def test_dependencies(console):
    def expression():
        return console.ok("bts01", FC + "Get-ClusterResourceDependency", Resource="MSDTC-BTSDTC")[0].properties["DependencyExpression"]
    assert expression() == "([Cluster Disk 2]) and ([BTSDTC])"
    console.ok("bts01", FC + "Remove-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Provider="Cluster Disk 2")
    assert expression() == "([BTSDTC])"
    assert native(console.refused("bts01", FC + "Remove-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Provider="Cluster Disk 2")) == 5002
    console.ok("bts01", FC + "Add-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Provider="Cluster Disk 2")
    assert expression() == "([BTSDTC]) and ([Cluster Disk 2])"
    console.ok("bts01", FC + "Set-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Dependency="([cluster disk 2] or [IP Address BTSDTC]) and [BTSDTC]")
    assert expression() == "([Cluster Disk 2] or [IP Address BTSDTC]) and ([BTSDTC])"
    for wrong, code in (("[Cluster Disk 1]", 5066), ("[BTSDTC] nand [Cluster Disk 2]", 87), ("[MSDTC-BTSDTC]", 5059)):
        assert native(console.refused("bts01", FC + "Set-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Dependency=wrong)) == code
    console.ok("bts01", FC + "Set-ClusterResourceDependency", Resource="MSDTC-BTSDTC", Dependency="")
    console.ok("bts01", FC + "Stop-ClusterResource", Name="MSDTC-BTSDTC")
    assert native(console.run("bts01", FC + "Start-ClusterResource", Name="MSDTC-BTSDTC").errors[0]) == 5002


def test_stopping_and_starting_goes_along_the_dependencies(console):
    def online():
        return {r.properties["Name"] for r in console.ok("bts01", FC + "Get-ClusterResource") if r.properties["State"].name == "Online"}
    every = online()
    console.ok("bts01", FC + "Stop-ClusterResource", Name="IP Address BTSDTC")
    assert every - online() == {"IP Address BTSDTC", "BTSDTC", "MSDTC-BTSDTC"}
    assert console.ok("bts01", FC + "Get-ClusterGroup", Name="BTSDTC")[0].properties["State"].name == "PartialOnline"
    console.ok("bts01", FC + "Start-ClusterResource", Name="MSDTC-BTSDTC")
    assert online() == every


def test_a_resource_is_removed_when_none_depends_on_it_and_nobody_is_asked(console):
    gone, name = FC + "Remove-ClusterResource", "IP Address BTSSSO"
    assert console.refused("bts01", gone, Name=[name]).fqid.startswith("LabDoesNotModel,")
    assert native(console.refused("bts01", gone, Name=[name], Force=True)) == 5001
    assert native(console.refused("bts01", gone, Name=["Cluster Name"], Force=True)) == 5083
    console.ok("bts01", FC + "Remove-ClusterResourceDependency", Resource="BTSSSO", Provider=name)
    assert console.ok("bts01", gone, Name=[name], Force=True) == []
    assert native(console.refused("bts01", FC + "Get-ClusterResource", Name=[name])) == 5007


def test_owners_and_moves(console):
    group, = console.ok("bts01", FC + "Get-ClusterGroup", Name="BTSSSO")
    console.ok("bts01", FC + "Set-ClusterOwnerNode", group, Owners=["bts02", "bts01"])
    owners, = console.ok("bts01", FC + "Get-ClusterOwnerNode", group)
    assert names(owners.properties["OwnerNodes"]) == ["BTS02", "BTS01"]
    console.ok("bts01", FC + "Set-ClusterOwnerNode", Resource="BTSSSO", Owners=["bts01"])
    assert native(console.refused("bts01", FC + "Move-ClusterGroup", Name="BTSSSO", Node="bts02")) == 5016  # real/cluster ce-017
    assert native(console.refused("bts01", FC + "Set-ClusterOwnerNode", Group="BTSSSO", Owners=["bts09"])) == 5042


def test_private_values_are_typed_and_warn_while_the_resource_is_online(console):
    sso, = console.ok("bts01", FC + "Get-ClusterResource", Name=["Enterprise Single Sign-On Service"])
    outcome = console.run("bts01", FC + "Set-ClusterParameter", sso, Name="usenetworkname", Value="0")
    assert not outcome.errors and len(outcome.warnings) == 1
    assert console.ok("bts01", FC + "Get-ClusterParameter", sso, Name="UseNetworkName")[0].properties["Value"] == 0
    assert native(console.refused("bts01", FC + "Set-ClusterParameter", sso, Name="UseNetworkName", Value="on")) == 87
    assert native(console.refused("bts01", FC + "Set-ClusterParameter", sso, Multiple={"UseNetworkName": 1, "Nothing": 1})) == 2


@pytest.mark.parametrize("read, name, good, bad", [
    ("Get-Cluster", "SameSubnetThreshold", 5, 121), ("Get-Cluster", "DynamicQuorum", 0, 2), ("Get-ClusterNode", "NodeWeight", 0, 2),
    ("Get-ClusterResource", "PendingTimeout", 600000, -1), ("Get-ClusterGroup", "AutoFailbackType", 1, 2),
])
def test_common_properties_are_assigned_and_checked(console, read, name, good, bad):
    before, after = console.steps("bts01", {"call": FC + read}, {"set": name, "input": "s0", "with": {"value": good}, "select": [name]})
    assert after["status"] == "ok" and {row["items"][0][0] for row in after["runs"]} == {good}
    assert all(obj.properties[name] == good for obj in console.ok("bts01", FC + read))
    frozen = console.state.state_hash()
    failed = console.steps("bts01", {"call": FC + read}, {"set": name, "input": "s0", "with": {"value": bad}})[1]
    assert failed["status"] == "failed" and failed["runs"][0]["errors"][0]["chain"][-1]["native"] == 87
    assert console.state.state_hash() == frozen


@pytest.mark.parametrize("name, fqid", [("State", "LabDoesNotModel,"), ("Colour", "PropertyAssignmentException")])
def test_properties_that_cannot_be_assigned(console, name, fqid):
    _nodes, answer = console.steps("bts01", {"call": FC + "Get-ClusterNode"}, {"set": name, "input": "s0", "with": {"value": 1}})
    assert answer["status"] == "failed" and answer["runs"][0]["errors"][0]["fqid"].startswith(fqid)


# --- recorder

def test_every_call_is_recorded_with_who_where_and_whether_it_changes(console):
    console.ok("bts01", FC + "Get-ClusterNode", Name="bts02")
    console.run("bts02", FC + "Set-ClusterQuorum", user="vagrant", NoWitness="wrong")
    console.run("bts02", "Nowhere\\Get-Nothing")
    seen = [(c["host"], c["user"], c["command"], c["parameters"], c["changes"]) for c in console.state.calls()]
    assert seen == [("bts01", r"CONTOSO\svc-audit", FC + "Get-ClusterNode", {"Name": "bts02"}, False),
                    ("bts02", "vagrant", FC + "Set-ClusterQuorum", {"NoWitness": "wrong"}, True),
                    ("bts02", r"CONTOSO\svc-audit", "Nowhere\\Get-Nothing", {}, False)]


def test_secrets_are_not_recorded(console):
    console.run("bts01", FC + "Set-ClusterQuorum", CloudWitness=True, AccountName="a", accesskey="c4n4ry")
    assert console.state.calls()[-1]["parameters"] == {"CloudWitness": True, "AccountName": "a", "accesskey": "***"}


def test_steps_after_the_deadline_are_not_begun(console):
    lines = Batch(Backend(console.state, "bts01"), {"bft": "0" * 16, "deadline": 0, "areas": [
        {"area": "a", "steps": [{"id": "n", "call": FC + "Get-ClusterNode"}]}]}).lines()
    assert '"id":"n","status":"skipped","reason":"deadline"' in lines[1] and console.state.calls() == []


def test_reading_leaves_the_hash_alone_and_each_kind_of_change_moves_it(console):
    start = console.state.state_hash()
    for host, command in itertools.product(("bts01", "sql02"), sorted(COMMANDS)):
        if not COMMANDS[command].changes:
            console.run(host, command)
    console.state.move_clock(3600)
    assert console.state.state_hash() == start
    console.ok("bts01", MS + "Set-Service", Name="MSDTC", StartupType="Manual")
    assert console.state.state_hash() != start


def test_a_command_says_that_it_changes_by_its_verb():
    reading = {name for name, command in COMMANDS.items() if not command.changes}
    in_memory = re.compile(r"ScheduledTasks\\New-|WindowsServerBackup\\(?:New-|\w+-WB(?!Policy$))")     # parts of what is registered or set later
    for name in COMMANDS:
        reads = name.split("\\")[1].startswith(("Get-", "Test-", "Join-", "Split-", "Select-", "ConvertTo-", "Write-Error"))
        assert reads == (name in reading) or in_memory.match(name), name
