"""Areas read from a Windows host: by which variables, in how many starts, and what a start that fails costs."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import carriers, host, task


def area(name, heavy=False):
    def steps(variables):
        return [{"id": name, "variables": variables}]
    return SimpleNamespace(NAME=name, HEAVY=heavy, steps=steps, shape=lambda came: {"read": came.name})


@pytest.fixture
def starts(monkeypatch):
    """The starts that were made: area name -> steps of each. *fails*: the error that a start with this area ends in; *slow*: seconds of each."""
    made = SimpleNamespace(batches=[], deadlines=[], fails={}, now=0.0)

    def run(_connection, areas, name, deadline=300, changing=False, progress=None):
        made.batches.append(areas)
        made.deadlines.append(deadline)
        made.now += 10
        for one in areas:
            if one in made.fails:
                raise made.fails[one]
        return answer.Answer({"computer": name}, {one: answer.AreaAnswer(one, 0.1, {}) for one in areas}, problems=[f"odd in {one}" for one in areas])

    known = {name: area(name, name.startswith("heavy")) for name in ("platform", "light", "heavy", "heavy2")}
    monkeypatch.setattr(task, "AREAS", known)
    monkeypatch.setattr(task, "shaped", lambda name, came: known[name].shape(came))
    monkeypatch.setattr(task.host, "run", run)
    monkeypatch.setattr(task, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


ACTION = SimpleNamespace(_connection=None)


def test_light_areas_share_a_start_and_each_heavy_one_has_its_own(starts):
    came = task.read(ACTION, ["platform", "heavy", "light", "heavy2"], "sp01", {"vault_path": "E:\\v"})
    assert [list(areas) for areas in starts.batches] == [["platform", "light"], ["heavy"], ["heavy2"]]
    assert starts.batches[0]["light"] == [{"id": "light", "variables": {"vault_path": "E:\\v"}}]
    assert list(came["areas"]) == ["platform", "heavy", "light", "heavy2"] and came["areas"]["heavy"] == {"read": "heavy"}
    assert came["host"] == {"computer": "sp01"} and len(came["problems"]) == 4
    assert starts.deadlines == [300, 290, 280]


def test_a_heavy_start_that_fails_costs_its_own_area_only(starts):
    starts.fails = {"heavy": host.HostUnreachable("sp01 is gone.", sent=True), "heavy2": host.HostFailed("sp01 is odd.", sent=True)}
    came = task.read(ACTION, ["platform", "heavy", "heavy2"], "sp01")
    assert came["areas"]["platform"] == {"read": "platform"}
    assert [came["areas"][name]["$unknown"]["reason"] for name in ("heavy", "heavy2")] == ["unreachable", "failed"]
    assert came["problems"] == ["odd in platform", "sp01 is gone.", "sp01 is odd."]
    assert observed.detail(came["areas"]["heavy"]) == "sp01 is gone."


@pytest.mark.parametrize("names", [["platform", "heavy"], ["heavy", "heavy2"]])
def test_where_nothing_was_read_the_error_is_told(starts, names):
    starts.fails = {"platform": host.HostUnreachable("gone", sent=False), "heavy": host.HostUnreachable("gone", sent=False)}
    with pytest.raises(host.HostUnreachable):
        task.read(ACTION, names, "sp01")
    assert len(starts.batches) == 1


def test_no_area_is_one_start_that_tells_of_the_host(starts):
    assert task.read(ACTION, [], "sp01")["host"] == {"computer": "sp01"} and starts.batches == [{}]


def test_what_a_task_says_is_laid_over_the_inventory(monkeypatch):
    monkeypatch.setattr(task, "host_name", lambda _action, _vars: "vault01")
    monkeypatch.setattr(task, "variables", lambda _action, _vars: {"vault_path": "D:\\inventory", "site": "A"})
    with carriers.opened(ACTION, "windows", {}, {}, {"vault_path": "E:\\task"}) as opened:
        assert opened.variables == {"vault_path": "E:\\task", "site": "A"}
    with carriers.opened(ACTION, "windows", {}, {}) as opened:
        assert opened.variables == {"vault_path": "D:\\inventory", "site": "A"}
