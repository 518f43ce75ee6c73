"""Disks, balancers, deployment servers and features of the lab, read by the product's own areas, and what operators do to them."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped
from ansible_collections.biztalk.fault_tolerance.plugins.modules import nlb_info, storage_info, wds_info
from lab import estate, scenario
from lab.backend import Backend
from lab.batch import Batch
from lab.state import State

CLOCK = "2026-11-24T08:00:00Z"


@pytest.fixture
def state():
    return State(estate=estate.build(scenario.load("healthy")["estate"], CLOCK), clock=CLOCK)


def read(state, host, area, user=None):
    document = batch.batch({area: AREAS[area].steps({})}, "0" * 16)
    said = answer.parse("\n".join(Batch(Backend(state, host, user), document).lines()) + "\n", document)
    return shaped(area, said.areas.get(area))


def does(state, host, command, **parameters):
    outcome = Backend(state, host).invoke(command, parameters)
    assert not outcome.errors, outcome.errors
    return outcome


def holes(value):
    return [(path, observed.detail(hole)) for path, hole in observed.holes(value)]


@pytest.mark.parametrize(("host", "area"), [("sql01", "storage"), ("sql02", "storage"), ("vault01", "storage"), ("iis01", "nlb"), ("iis02", "nlb"),
                                            ("wds01", "wds"), ("sql01", "cluster"), ("bts02", "cluster")])
def test_everything_of_a_healthy_host_is_read(state, host, area):
    assert holes(read(state, host, area)) == []


def test_a_controller_hides_its_members_and_a_mirror_does_not(state):
    sql, vault = read(state, "sql01", "storage"), read(state, "vault01", "storage")
    assert {disk["resiliency"] for disk in sql["disks"]} == {"not shown"} and sql["mpio"] is None
    assert [(disk["bus"], disk["resiliency"]) for disk in vault["disks"]] == [("RAID", "not shown"), ("Storage Spaces", "mirror"), ("iSCSI", "not shown")]
    assert [one["paths"] for one in vault["mpio"]] == [2] and "btsbackup" in {share["name"] for share in vault["shares"]}


def test_clustered_volumes_are_where_their_group_is(state):
    def letters(host):
        return [volume["name"] for volume in read(state, host, "storage")["volumes"]]
    assert letters("sql01") == ["C:\\", "S:\\", "L:\\", "T:\\", "M:\\"] and letters("sql02") == ["C:\\"]
    does(state, "sql01", r"FailoverClusters\Move-ClusterGroup", Name="SQL Server (BTS)", Node="sql02")
    assert letters("sql01") == ["C:\\"] and letters("sql02") == ["C:\\", "S:\\", "L:\\", "T:\\", "M:\\"]


def test_what_operators_do_to_disks_is_seen(state):
    storage = "Storage\\"
    does(state, "vault01", storage + "Set-PhysicalDisk", FriendlyName="Contoso HDD 8T", Usage="Retired")
    does(state, "vault01", storage + "Resize-Partition", DriveLetter="E", Size=900 * 2**30)
    does(state, "vault01", storage + "Set-Disk", Number=2, IsOffline=True)
    does(state, "vault01", r"Deduplication\Enable-DedupVolume", Volume=["E:"])
    does(state, "vault01", r"iSCSI\Disconnect-IscsiTarget", Confirm=False)
    for session in read(state, "vault01", "storage")["iscsi"]["sessions"]:
        does(state, "vault01", r"iSCSI\Unregister-IscsiSession", SessionIdentifier=session["name"].split("(")[1].rstrip(")"))
    seen = read(state, "vault01", "storage")
    assert [one["retired"] for one in seen["physical_disks"]] == [False, True, True, False] and seen["virtual_disks"][0]["health"] == "Warning"
    (volume,) = [one for one in seen["volumes"] if one["name"] == "E:\\"]
    assert (volume["free_percent"], volume["dedup"]) == (11, True) and seen["disks"][2]["offline"]
    assert [one["paths"] for one in seen["mpio"]] == [0]
    assert {(one["connected"], one["persistent"]) for one in seen["iscsi"]["sessions"]} == {(False, False)}
    told = storage_info.inform({}, {"areas": {"storage": seen}})
    assert told["degraded"] == ["MirrorE"] and told["unknown"] == []


@pytest.mark.parametrize(("command", "parameters", "fqid"), [
    (r"Storage\Set-Disk", {"Number": 77, "IsOffline": True}, "CmdletizationQuery_NotFound"),
    (r"Storage\Set-PhysicalDisk", {"FriendlyName": "no such", "Usage": "Retired"}, "CmdletizationQuery_NotFound"),
    (r"Storage\Resize-Partition", {"DriveLetter": "E", "Size": 1}, "StorageWMI 4097"),
    (r"Storage\Resize-Partition", {"DriveLetter": "Q", "Size": 1}, "CmdletizationQuery_NotFound"),
    (r"iSCSI\Unregister-IscsiSession", {"SessionIdentifier": "x"}, "CmdletizationQuery_NotFound"),
    (r"ServerManager\Uninstall-WindowsFeature", {"Name": ["DHCP"]}, "LabDoesNotModel")])
def test_what_cannot_be_done_is_refused(state, command, parameters, fqid):
    before = state.state_hash()
    (error,) = Backend(state, "vault01").invoke(command, parameters).errors
    assert error.fqid.startswith(fqid) and state.state_hash() == before


def test_a_node_that_is_stopped_or_off_is_seen_by_the_other(state):
    does(state, "iis02", r"NetworkLoadBalancingClusters\Stop-NlbClusterNode")
    does(state, "iis02", r"NetworkLoadBalancingClusters\Disable-NlbClusterPortRule", Port=443)
    seen = read(state, "iis01", "nlb")
    assert [(node["name"], node["state"]) for node in seen["nodes"]] == [("IIS01", "Converged"), ("IIS02", "Stopped")]
    assert {rule["text"] for rule in seen["port_rules"]} ^ {rule["text"] for rule in read(state, "iis02", "nlb")["port_rules"]} == {
        "Tcp 443-443 of all addresses: Multiple, affinity Single, Enabled", "Tcp 443-443 of all addresses: Multiple, affinity Single, Disabled"}
    assert nlb_info.inform({"nlb_name": "btsweb"}, {"areas": {"nlb": seen}})["converged"] == ["IIS01"]
    assert nlb_info.inform({"nlb_name": "other"}, {"areas": {"nlb": seen}})["failed"]
    does(state, "iis02", r"NetworkLoadBalancingClusters\Start-NlbClusterNode")
    state.power("iis01", False)
    assert [node["state"] for node in read(state, "iis02", "nlb")["nodes"]] == ["Unreachable", "Converged"]


def test_the_mode_is_the_clusters(state):
    does(state, "iis02", r"NetworkLoadBalancingClusters\Set-NlbCluster", InterfaceName="Ethernet", OperationMode="Unicast")
    assert [read(state, host, "nlb")["mode"] for host in ("iis01", "iis02")] == ["unicast", "unicast"]


def test_without_its_feature_nothing_is_told_of_a_balancer_and_the_module_says_so(state):
    does(state, "iis02", r"ServerManager\Uninstall-WindowsFeature", Name=["RSAT-NLB"])
    seen = read(state, "iis02", "nlb")
    assert {one["name"]: one["installed"] for one in seen["features"]} == {"NLB": True, "RSAT-NLB": False} and observed.is_hole(seen["nodes"])
    assert nlb_info.inform({}, {"areas": {"nlb": seen}})["failed"]


def test_images_that_are_no_longer_offered_or_gone(state):
    assert wds_info.inform({}, {"areas": {"wds": read(state, "wds01", "wds")}})["builds"] == ["17763"]
    does(state, "wds01", r"WDS\Disable-WdsInstallImage", ImageName="SQL server")
    does(state, "wds01", r"WDS\Remove-WdsInstallImage", ImageName="biztalk SERVER")
    seen = read(state, "wds01", "wds")
    assert [(one["name"], one["enabled"]) for one in seen["install_images"]] == [("SQL server", False)]
    assert wds_info.inform({}, {"areas": {"wds": seen}})["builds"] == []
    does(state, "wds01", r"Microsoft.PowerShell.Management\Stop-Service", Name=["WDSServer"])
    seen = read(state, "wds01", "wds")
    assert observed.is_hole(seen["install_images"]) and seen["service"]["state"] == "Stopped"


@pytest.mark.parametrize("module", [storage_info, nlb_info, wds_info])
def test_an_area_that_did_not_arrive_fails_the_task(module):
    hole = observed.hole("cut", "The answer did not arrive whole.")
    told = module.inform({}, {"areas": {module.AREAS[0]: hole}})
    assert told["failed"] and "did not arrive whole" in told["msg"]


def test_a_validation_report_is_found_on_the_node_that_made_it(state):
    (report,) = read(state, "sql01", "cluster")["reports"]
    assert (report["at"], report["verdict"]) == ("2026-10-15T08:00:00.0000000Z", "warnings") and report["name"].startswith("Validierungsbericht")
    does(state, "sql01", r"Microsoft.PowerShell.Management\Remove-Item", Path=[r"C:\Windows\Cluster\Reports\*.htm"])
    assert read(state, "sql01", "cluster")["reports"] == read(state, "sql02", "cluster")["reports"] == []
