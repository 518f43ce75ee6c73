"""A farm, its backup by hand and what is read of it afterwards are the same when the executor carries it out."""

from __future__ import annotations

import importlib.util
import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import sharepoint
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

_spec = importlib.util.spec_from_file_location("parity_of_batches", pathlib.Path(__file__).with_name("test_parity.py"))
parity = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(parity)
both, folders = parity.both, parity.folders

SHARE = r"\\sp01\spbackup"


def test_a_farm_is_read_and_backed_up_the_same(both):
    shell = sharepoint.SNAPIN
    made = [
        call("wrong", rf"{shell}\Backup-SPFarm", {"Directory": SHARE, "BackupMethod": "Sometimes", "Confirm": False}, needs=shell),
        call("saved", rf"{shell}\Backup-SPFarm", {"Directory": SHARE, "BackupMethod": "Differential", "Confirm": False}, needs=shell),
        call("site", rf"{shell}\Backup-SPSite", {"Identity": "https://elsewhere.contoso.test", "Path": rf"{SHARE}\1.bak", "Confirm": False}, needs=shell),
    ]
    seen = both.check({"made": made, "sharepoint": sharepoint.steps({sharepoint.VARIABLE: SHARE})}, "sp01")
    assert [seen["made"][id][0] for id in ("saved", "site")] == ["ok", "failed"]
    assert seen["sharepoint"]["sp_farm"][0] == "absent" and seen["sharepoint"]["sp_farm_snapin"][0] == "ok"
    assert len(seen["sharepoint"]["sp_folders"][2][0][0]) == 3
