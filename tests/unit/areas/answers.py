"""Builds answers of an executor by hand: what the area's steps would have brought back."""
from __future__ import annotations

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS

MISSING = {"$missing": True}


def error(native=None, fqid="Get-X,Class", type="System.Exception", hresult=0x80131500, message="said by Windows"):
    return {"fqid": fqid, "category": "NotSpecified", "terminating": False,
            "chain": [{"type": type, "hresult": hresult, "native": native, "message": message}]}


def row(select, values):
    """A row of a step: what *values* lacks is missing."""
    return {path: values.get(path, MISSING) for path in select}


def area_answer(name, rows_of, statuses=None):
    """*rows_of*: step id -> list of runs, each a list of maps (or an error); steps left out answer one empty run."""
    steps = {}
    for step in AREAS[name].steps({}):
        runs = []
        for run in rows_of.get(step["id"], [[]]):
            values = [part for part in run if "fqid" not in part]
            errors = [part for part in run if "fqid" in part]
            runs.append(answer.Run([row(step["select"], v) for v in values], errors, []))
        status, reason = (statuses or {}).get(step["id"], ("ok", ""))
        steps[step["id"]] = answer.StepAnswer(step["id"], status, reason, runs if status == "ok" else [])
    return answer.AreaAnswer(name, 0.5, steps)
