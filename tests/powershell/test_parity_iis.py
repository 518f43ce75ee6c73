"""Every step of iis_backup gives the same answers and leaves the same web server when the executor carries it out."""
from __future__ import annotations

import importlib.util
import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import iis
from ansible_collections.biztalk.fault_tolerance.plugins.modules import iis_backup
from lab import backend
from lab import batch as lab_batch

_spec = importlib.util.spec_from_file_location("parity_of_batches", pathlib.Path(__file__).with_name("test_parity.py"))
parity = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(parity)
both, folders = parity.both, parity.folders

OPTIONS = {"folder": r"C:\sets & 'more'", "max_age_days": 7, "content": True, "certificate_password": "Lab'only \"7\"", "certificate_protect_to": None,
           "leave_out": [], "keep": 1}

TAGGED = ("hashes", "hashes_file")      # the harness's live objects carry tags of its own, which stand in the JSON made of them


def planned(state):
    """The changes of iis_backup for iis01."""
    document = batch.batch({"iis": iis.steps(iis_backup.about(OPTIONS))}, "0" * 16)
    came = answer.parse("\n".join(lab_batch.Batch(backend.Backend(state, "iis01"), document).lines()), document)
    plan = iis_backup.plan(OPTIONS, {"host": came.host, "areas": {"iis": iis.shape(came.areas["iis"])}})
    assert not plan.refusal
    return plan.changes


def test_a_backup_is_made_the_same(both):
    state = parity.fresh_state()
    changes = planned(state)
    state.close()
    assert len(changes) == 5
    done = both.check({f"change_{number}": [{**step, "id": f"{step['id']}_{number}", **_renamed(step, number)}
                                            for step in change.steps if step["id"] not in TAGGED]
                       for number, change in enumerate(changes)}, "iis01")
    assert all(step[0] == "ok" for area in done.values() for step in area.values()), done


def _renamed(step, number):
    """The references of a step to others of its change, whose ids carry the number of the change."""
    return {"with": {name: {**value, "$ref": f"{value['$ref']}_{number}"} if isinstance(value, dict) and "$ref" in value else value
                     for name, value in step["with"].items()}} if "with" in step else {}
