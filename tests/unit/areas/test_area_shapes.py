from __future__ import annotations

import importlib.util
import json
import pathlib

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, cluster, platform, shaped

_spec = importlib.util.spec_from_file_location("area_answers", pathlib.Path(__file__).with_name("answers.py"))
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)

REAL = pathlib.Path(__file__).resolve().parents[4] / "shared" / "real" / "cluster" / "objects.jsonl"

CLUSTER_ROWS = {
    "report_files": [[{"Name": "Report.htm", "LastWriteTimeUtc": "2026-10-15T08:00:00Z"}], []],
    "report_results": [[{"Matches.Value": ['<img name="SuccessImg']}]],
    "cluster": [[{"Name": "BTSCLU", "DynamicQuorum": 1, "WitnessDynamicWeight": 1, "SameSubnetThreshold": 20}]],
    "nodes": [[{"Name": "bts01", "State": {"$enum": [0, "Oben"]}, "NodeWeight": 1, "DynamicWeight": 1}]],
    "groups": [[{"Name": "Clustergruppe", "GroupType": {"$enum": [1, "Cluster"]}, "State": {"$enum": [0, "Online"]}, "IsCoreGroup": True}]],
    "preferred_owners": [[{"OwnerNodes.Name": []}]],
    "resources": [[{"Name": "SSO", "ResourceType.Name": "Generic Service", "State": {"$enum": [2, "Online"]}},
                   {"Name": "SSO Name", "ResourceType.Name": "Network Name"},
                   {"Name": "Dateifreigabenzeuge", "ResourceType.Name": "File Share Witness"}]],
    "parameters": [[{"Name": "ServiceName", "Value": "ENTSSO"}, {"Name": "UseNetworkName", "Value": 1}],
                   [{"Name": "DnsName", "Value": "BTSSSO"}],
                   [{"Name": "SharePath", "Value": "\\\\fs01\\witness"}, {"Name": "Password", "Value": "canary"}]],
    "dependencies": [[{"DependencyExpression": "([sso name])"}], [{"DependencyExpression": ""}], [{"DependencyExpression": None}]],
    "possible_owners": [[{"OwnerNodes.Name": ["bts01", "bts02"]}]] * 3,
    "quorum": [[{"QuorumType": {"$enum": [1, "Majority"]}, "QuorumResource": {"$object": "ClusterResource"},
                 "QuorumResource.Name": "Dateifreigabenzeuge", "QuorumResource.State": {"$enum": [2, "Online"]},
                 "QuorumResource.ResourceType.Name": "File Share Witness"}]],
}


def shape_cluster(**changes):
    return cluster.shape(answers.area_answer("cluster", {**CLUSTER_ROWS, **changes}))


def reason(value):
    assert observed.is_hole(value), value
    return value["$unknown"]["reason"]


def test_a_cluster_is_told_by_numbers_and_types_not_by_translated_names():
    shape = shape_cluster()
    assert shape["nodes"][0]["state"] == "Up"
    assert shape["quorum"]["witness"] == {
        "kind": "file_share", "resource": "Dateifreigabenzeuge", "resource_type": "File Share Witness", "state": "Online",
        "share_path": "\\\\fs01\\witness", "dynamic_weight": 1}
    sso, name, witness = shape["resources"]
    assert (sso["service_name"], sso["use_network_name"], sso["depends_on"], sso["depends_on_types"]) == (
        "ENTSSO", 1, ["SSO Name"], ["Network Name"])
    assert name["service_name"] is None and name["depends_on"] == []
    assert shape["dynamic_quorum"] is True


def test_no_secret_parameter_leaves_the_shape():
    assert "canary" not in json.dumps(shape_cluster())


def test_a_null_witness_is_no_witness_and_an_unreadable_one_is_unknown():
    none = shape_cluster(quorum=[[{"QuorumType": "Majority", "QuorumResource": None}]])
    assert none["quorum"] == {"type": "Majority", "witness": None}
    unreadable = shape_cluster(quorum=[[{"QuorumType": "Majority", "QuorumResource": {"$unreadable": answers.error(native=5)}}]])
    assert reason(unreadable["quorum"]["witness"]) == "unreadable"
    assert reason(shape_cluster(quorum=[[answers.error(native=5)]])["quorum"]) == "denied"


def test_a_list_that_was_cut_short_says_so():
    shape = shape_cluster(nodes=[[{"Name": "bts01", "State": "Up"}, answers.error(native=1722)]])
    assert shape["nodes"][0]["name"] == "bts01"
    assert reason(shape["nodes"][1]) == "unreachable"


def test_one_resource_whose_parameters_are_refused_leaves_the_others_seen():
    shape = shape_cluster(parameters=[[answers.error(native=5)], *CLUSTER_ROWS["parameters"][1:]])
    assert reason(shape["resources"][0]["service_name"]) == "denied"
    assert shape["resources"][2]["share_path"] == "\\\\fs01\\witness"


@pytest.mark.parametrize("expression", ["[SSO Nam", "[gone]", "[SSO Name] xor [SSO]", "([SSO Name]) and"])
def test_a_dependency_that_cannot_be_read_is_unknown_or_whole(expression):
    resource = shape_cluster(dependencies=[[{"DependencyExpression": expression}], *CLUSTER_ROWS["dependencies"][1:]])["resources"][0]
    if expression.endswith("and"):
        assert resource["depends_on"] == ["SSO Name"]
    else:
        assert reason(resource["depends_on"]) == reason(resource["depends_on_types"]) == "failed"


@pytest.mark.parametrize("step", [s["id"] for s in cluster.steps({})])
def test_any_step_that_is_cut_short_leaves_a_shape_with_holes(step):
    runs = [list(run) for run in CLUSTER_ROWS.get(step, [[]])]
    runs[0].append(answers.error(native=5))
    shape = shape_cluster(**{step: runs})
    assert any(hole["$unknown"]["reason"] == "denied" for _path, hole in observed.holes(shape))


def test_a_parameter_that_may_stand_among_the_unread_ones_is_unknown():
    cut = [[{"Name": "ServiceName", "Value": "ENTSSO"}, answers.error(native=5)], *CLUSTER_ROWS["parameters"][1:]]
    resource = shape_cluster(parameters=cut)["resources"][0]
    assert resource["service_name"] == "ENTSSO" and reason(resource["use_network_name"]) == "denied"


@pytest.mark.parametrize("seen, told", [
    ({"$enum": [2, "Nur Datenträger"]}, "DiskOnly"), ({"$enum": [0, "Unknown"]}, None), (2, "DiskOnly"), (0, None), ("Somehow", None),
    ("NodeAndFileshareMajority", "NodeAndFileShareMajority")])
def test_a_quorum_whose_rules_are_not_known_is_unknown(seen, told):
    kind = shape_cluster(quorum=[[{"QuorumType": seen, "QuorumResource": None}]])["quorum"]["type"]
    assert kind == told if told else reason(kind) == "failed"


def test_what_windows_does_not_know_is_no_state():
    assert reason(shape_cluster(nodes=[[{"Name": "bts01", "State": {"$enum": [-1, "Unknown"]}}]])["nodes"][0]["state"]) == "failed"


def test_possible_owners_have_no_order():
    one = shape_cluster(possible_owners=[[{"OwnerNodes.Name": ["bts02", "bts01"]}]] * 3)
    assert one["resources"][0]["possible_owners"] == shape_cluster()["resources"][0]["possible_owners"]


def test_an_absent_module_makes_every_list_absent():
    statuses = {step["id"]: ("absent", "FailoverClusters") for step in cluster.steps({})}
    shape = cluster.shape(answers.area_answer("cluster", {}, statuses))
    assert reason(shape["nodes"]) == reason(shape["quorum"]) == reason(shape["name"]) == "absent"


def test_an_area_that_did_not_arrive_is_cut():
    assert reason(shaped("cluster", None)) == "cut"


def shape_platform(**changes):
    rows = {
        "os": [[{"Caption": "Microsoft Windows Server 2019 Standard", "ProductType": 3}]],
        "restart_keys": [[{".": False}], [{".": False}]],
        "renames": [[{}]],
        "computer_names": [[{"ComputerName": "BTS01"}], [{"ComputerName": "BTS01"}]],
        "services": [[{"Name": "EntSSO", "State": "Running", "StartMode": "Manual"}]],
        "policy": [[answers.error(fqid="PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand")]],
        "dtc_cids": [[{"(default)": "MSDTC", "PSParentPath": r"Microsoft.PowerShell.Core\Registry::HKEY_CLASSES_ROOT\CID\{ABC}"},
                      {"(default)": "MSDTCUIS", "PSParentPath": r"x\{DEF}"}]],
        "dtcs": [[{"DtcName": "Local"}, {"DtcName": "BTSDTC"}]],
        "dtc_network": [[{"InboundTransactionsEnabled": True}], [{"InboundTransactionsEnabled": False}]],
        "sql_setups": [[{"PSParentPath": r"x\MSSQL15.BTS", "PatchLevel": "15.0.4312.2"}, {"PSParentPath": r"x\MSSQLServer", "PatchLevel": "1"}]],
    }
    return platform.shape(answers.area_answer("platform", {**rows, **changes}))


def test_a_host_is_told_with_what_is_not_set_as_null():
    shape = shape_platform()
    assert shape["os"]["product_type"] == "server"
    assert shape["custom_ssp_allowed"] is None
    assert shape["dtc"]["cids"] == ["abc"]
    assert [(d["name"], d["clustered"], d["inbound"]) for d in shape["dtc"]["instances"]] == [("Local", False, True), ("BTSDTC", True, False)]
    assert [i["instance_id"] for i in shape["sql_instances"]] == ["MSSQL15.BTS"]
    assert {s["name"]: s["installed"] for s in shape["services"]} == {"ClusSvc": False, "ENTSSO": True, "MSDTC": False}


def test_a_pending_restart_needs_one_sign_and_its_absence_all_of_them():
    assert shape_platform()["pending_restart"] is False
    assert shape_platform(restart_keys=[[answers.error(native=5)], [{".": True}]])["pending_restart"] is True
    assert reason(shape_platform(restart_keys=[[answers.error(native=5)], [{".": False}]])["pending_restart"]) == "denied"
    assert shape_platform(renames=[[{"PendingFileRenameOperations": ["\\??\\C:\\x", ""]}]])["pending_restart"] is True
    assert shape_platform(computer_names=[[{"ComputerName": "OLD"}], [{"ComputerName": "NEW"}]])["pending_restart"] is True


def test_a_refused_registry_key_is_not_an_unset_value():
    refused = answers.error(fqid="System.Security.SecurityException,Microsoft.PowerShell.Commands.GetItemPropertyCommand",
                            type="System.Security.SecurityException", hresult=0x8013150A)
    assert reason(shape_platform(policy=[[refused]])["custom_ssp_allowed"]) == "denied"


def test_a_registry_key_without_values_is_an_unset_value():
    assert shape_platform(policy=[[]])["custom_ssp_allowed"] is None
    skipped = answers.area_answer("platform", {}, {"policy": ("skipped", "deadline")})
    assert reason(platform.shape(skipped)["custom_ssp_allowed"]) == "skipped"


def test_a_lost_service_name_makes_the_list_unknown_rather_than_not_installed():
    services = shape_platform(services=[[{"State": "Running"}]])["services"]
    assert any(observed.is_hole(s["name"]) for s in services if not observed.is_hole(s))


# Records of the field: objects of cluster cmdlets as somebody published them

STEP_OF_TYPE = {"Cluster": "cluster", "ClusterNode": "nodes", "ClusterNetwork": "networks", "ClusterNetworkInterface": "interfaces",
                "ClusterGroup": "groups", "ClusterResource": "resources", "ClusterQuorumSettings": "quorum",
                "ClusterParameter": "parameters", "ClusterResourceDependency": "dependencies", "ClusterOwnerNodeList": "preferred_owners"}
NOT_READ = {
    "ClusterSharedVolume": "no control of this version reads shared volumes", "ClusterSharedVolumeStateInfo": "as above",
    "System.IO.FileInfo": "the result of a file-writing cmdlet", "cluster.exe text": "text of a tool that is not called",
    "ClusterRegistryCheckpoint / ClusterCryptoCheckpoint": "no control of this version reads checkpoints",
    "several": "notes of several commands", "cluster.log lines": "text of a log", "ClusterAccessRule": "no control reads access rules",
    "ClusterResourceType": "read as a property of resources only", "ClusterDiskInfo": "belongs to the area storage",
    "(CIM) fault domain": "no control reads fault domains", "S2D settings": "belongs to the area storage",
    "ClusterGroupSet": "no control reads group sets", "ClusterVMMonitoredItem": "virtual machines are not audited",
    "private properties of a File Share Witness": "another tool's table of what parameters tells", "poll lines": "text of another tool",
    "fact": "a statement, no object",
}
ALIASES = {"OwnerNode.Name": "OwnerNode", "OwnerGroup.Name": "OwnerGroup", "ResourceType.Name": "ResourceType", "Network.Name": "Network",
           "QuorumResource.Name": "QuorumResource", "OwnerNodes.Name": "OwnerNodes"}


def records():
    if not REAL.is_file():
        return []
    return [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]


def test_every_record_type_is_read_or_has_a_reason():
    if not REAL.is_file():
        pytest.skip(f"no {REAL.name}: 80 records of cluster objects were not tried")
    for record in records():
        assert record["object_type"] in STEP_OF_TYPE or record["object_type"] in NOT_READ, record["id"]
        assert record["object"] or record["kind"] == "log", record["id"]


@pytest.mark.parametrize("record", [r for r in records() if r["object_type"] in STEP_OF_TYPE and r["object"]], ids=lambda r: r["id"])
def test_no_value_of_a_record_is_lost_or_reinterpreted(record):
    step = STEP_OF_TYPE[record["object_type"]]
    select = next(s for s in cluster.steps({}) if s["id"] == step)["select"]
    objects = record["object"] if isinstance(record["object"], list) else [record["object"]]
    rows = []
    for seen in objects:
        values = {path: seen[ALIASES.get(path, path)] for path in select if ALIASES.get(path, path) in seen}
        rows.append({path: bytes_as_executor_writes(value) for path, value in values.items()})
    own_step = step in ("parameters", "dependencies", "preferred_owners")
    answer = {step: [rows]}
    if own_step:
        answer["groups" if step == "preferred_owners" else "resources"] = [[{"Name": "r"}]]
    shape = AREAS["cluster"].shape(answers.area_answer("cluster", answer))
    if len(rows) > 1 and step in ("cluster", "quorum"):
        assert observed.is_hole(shape["name"] if step == "cluster" else shape["quorum"])
        return
    flat = json.dumps(shape, ensure_ascii=False)
    for row in rows:
        if str(row.get("Name", "")).casefold() in cluster.SECRET_PARAMETERS:
            continue
        for path, value in row.items():
            if value in (0, 1) and path == "DynamicQuorum":
                assert shape["dynamic_quorum"] is bool(value)
            elif path == "QuorumResource":
                assert value is not None or shape["quorum"]["witness"] is None
            elif isinstance(value, dict):
                assert json.dumps(value["$bytes"]) in flat, (path, value)
            else:
                assert json.dumps(value, ensure_ascii=False) in flat, (path, value)


def bytes_as_executor_writes(value):
    """The records write cut-off bytes as a head; the executor writes base64."""
    if isinstance(value, dict) and "head" in value:
        return {"$bytes": "AQAAAA=="}
    return value
