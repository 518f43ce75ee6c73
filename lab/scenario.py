"""Scenario files: an estate, the operators' actions that make it what it shows, and the findings that follow from them."""
from __future__ import annotations

from pathlib import Path

import yaml

from lab import attested, estate, operator
from lab.sqlmodel import build
from lab.state import State

FOLDER = Path(__file__).with_name("scenarios")


def names():
    """The scenarios that come with the lab."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def load(name):
    """The scenario of a name or a file; ``estate: <name>`` in it takes the estate of another
    scenario, with ``overrides`` of keys in it."""
    file = FOLDER / f"{name}.yml" if (FOLDER / f"{name}.yml").exists() else Path(name)
    if not file.is_file():
        raise SystemExit(f"There is no scenario {name}: neither a file of that name nor one of {', '.join(names())}.")
    plan = yaml.safe_load(file.read_text(encoding="utf-8"))
    if isinstance(plan["estate"], str):
        plan["estate"] = load(plan["estate"])["estate"]
        for key, changes in plan.pop("overrides", {}).items():
            plan["estate"][key] = {**plan["estate"][key], **changes}
    else:
        plan["estate"] = estate.hosts_with_clusters(plan["estate"])
    return {"name": file.stem, "file": str(file.resolve()), "actions": [], "expect": [], **plan}


def held(folder):
    """The file of the scenario that a folder's state was made from, or None where there is no finished one."""
    file = Path(folder) / "estate.sqlite"
    if not file.exists():
        return None
    state = State(str(file))
    try:
        return state.meta("scenario")
    finally:
        state.close()


def open_state(plan, folder, clock=None):
    """``(state, fresh)``: the folder's state, or a healthy one of the scenario's estate where the folder holds none that was finished."""
    attested.write(plan, folder)
    state = State(str(Path(folder) / "estate.sqlite"))
    fresh = state.meta("scenario") is None
    if fresh:
        state.replace(estate.build(plan["estate"], clock))
    if clock:
        state.set_clock(clock)
    if plan["estate"].get("instances"):
        state.open_world = lambda: build.opened(plan["estate"], folder, lambda: state.clock, fresh)
    return state, fresh


def carry_out(plan, lab):
    """The scenario's actions, over the wire, in order; then the state is finished. Raises operator.Failed when one does not work."""
    for action in plan["actions"]:
        if "power" in action:
            lab.call(lab.state.power, action["host"], action["power"])
        elif "damage" in action:
            lab.call(lab.state.damage, action["host"], action["damage"], action.get("how", "flip"))
        elif "clock" in action:
            lab.call(lab.state.move_clock, action["clock"])
        elif "sql" in action:
            login = plan["estate"]["logins"][action.get("login", "operator")]
            operator.act_sql(lab.sql_ports[action["sql"]], login["name"], login["password"], action["statements"])
        else:
            user = action.get("user") or next(iter(lab.state.users))
            operator.act(f"http://127.0.0.1:{lab.port}/wsman/{action['host']}", user, lab.state.users[user]["password"], action["steps"])
    lab.call(lab.state.meta, "scenario", plan["file"])
