"""Every error record of the field becomes its reason by its code or its named id; its text is thrown away first."""

from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer

FILE = "cluster/errors.jsonl"
# What a code means for a reader, whatever record it stands in.
BY_CODE = {
    5: "denied",
    70: "failed",
    1460: "failed",
    1722: "unreachable",
    1726: "unreachable",
    1727: "unreachable",
    1753: "absent",
    1825: "failed",
    5016: "failed",
    5065: "failed",
    10054: "failed",
    0x800706BA: "unreachable",
    0x8009030E: "denied",
    0x80071398: "failed",
}
BY_NAME = {
    "ClusterEndpointNotRegistered": "absent",
    "ClusterRpcConnection": "unreachable",
    "ClusterAccessDenied": "denied",
    "ClusterSharingPaused": "failed",
    "ClusterStatusNotReady": "failed",
    "NamedParameterNotFound": "failed",
    "PSArgument": "failed",
}
# Ids under which many causes hide: nothing may be concluded from them.
NAMELESS = {"ProviderOperationExecutionFailure", "MI RESULT 1"}


def codes(seen):
    """The codes of a record, the innermost last: ``(hresult or None, native or None)``."""
    found = []
    for key in ("error_code", "hresult", "inner_code"):
        if key in seen:
            found.append((int(str(seen[key]), 16), None))
    if isinstance(seen.get("win32"), int):
        found.append((None, seen["win32"]))
    return found


def as_error(seen):
    """The record as an executor would answer it, every message replaced."""
    chain = [
        {
            "type": f"Microsoft.FailoverClusters.PowerShell.{seen.get('exception', 'ClusterCmdletException')}",
            "hresult": 0x80131500,
            "native": None,
            "message": "x",
        }
    ]
    chain += [{"type": "Inner", "hresult": hresult or 0x80004005, "native": native, "message": "x"} for hresult, native in codes(seen)]
    return {
        "fqid": seen.get("fully_qualified_error_id", ""),
        "category": seen.get("category", "NotSpecified"),
        "terminating": False,
        "chain": chain,
    }


def unused(seen):
    """Why no reason can be told from a record, or None."""
    if not isinstance(seen, dict):
        return "no error record"
    if codes(seen) or "1753" in seen:
        return None
    name = seen.get("fully_qualified_error_id", "").split(",")[0]
    if not name:
        return "neither a code nor an id"
    if name in NAMELESS or "-" in name or name.startswith("StorageWMI"):
        return "an id that many causes share, and no code"
    return None


@pytest.fixture(scope="module")
def records(field_records):
    return [
        (record["id"], seen)
        for record in field_records(FILE)
        for seen in (record["object"] if isinstance(record["object"], list) else [record["object"]])
    ]


def test_codes_and_named_ids_decide(records):
    judged = 0
    for id, seen in records:
        if unused(seen) or "1753" in seen:
            continue
        innermost = codes(seen)[-1] if codes(seen) else None
        expected = BY_CODE[innermost[0] or innermost[1]] if innermost else BY_NAME[seen["fully_qualified_error_id"].split(",")[0]]
        assert answer.reason(as_error(seen))[0] == expected, id
        assert "Windows says" not in answer.reason(as_error(seen))[1], id
        judged += 1
    assert judged >= 15


def test_the_named_ids_of_the_field_mean_what_their_codes_mean(records):
    table = next(seen for _id, seen in records if isinstance(seen, dict) and "1753" in seen)
    for code, name in table.items():
        by_code = answer.reason({"fqid": "Get-X,Y", "chain": [{"type": "T", "hresult": 0x80004005, "native": int(code), "message": "x"}]})
        assert by_code == answer.reason({"fqid": f"{name},Y", "chain": []}), code


def test_an_id_that_many_causes_share_concludes_nothing(records):
    listed = {id: unused(seen) for id, seen in records if unused(seen)}
    print("\n".join(f"{FILE} {id}: {why}" for id, why in listed.items()))
    assert listed
    for id, seen in records:
        if id in listed and isinstance(seen, dict) and "fully_qualified_error_id" in seen:
            assert answer.reason(as_error(seen)) == ("failed", "Windows says: x"), id
