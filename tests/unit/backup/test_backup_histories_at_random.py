"""Properties of any history: what goes wrong is told, what is restorable can be restored, and what was cut off is never vouched for."""
from __future__ import annotations

import importlib.util
import pathlib
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_sets, observed

_spec = importlib.util.spec_from_file_location("backup_histories", pathlib.Path(__file__).with_name("backup_histories.py"))
histories = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(histories)

CUT = observed.hole("cut", "There are more rows.")
EVENTS = ("good", "good", "good", "full", "skip", "partial log", "rowless log", "partial full", "rowless full", "foreign log", "foreign full", "copy-only log")
SOMEBODY = {"path": r"D:\x\y.bak", "user": r"CONTOSO\junior", "software": "Some program"}


def story_of(events, offset, local_rows):
    """A run every quarter of an hour, the last one just now; what happens to each is one of ``EVENTS``."""
    story = histories.Story(offset=offset, local_rows=local_rows)
    moment = histories.NOW.replace(minute=0) - histories.QUARTER * len(events)
    story.run(moment, full=True)
    for event in events:
        moment += histories.QUARTER
        what, _blank, kind = event.partition(" ")
        if event in ("good", "full"):
            story.run(moment, full=event == "full")
        elif what in ("partial", "rowless"):
            story.run(moment, full=kind == "full", **{f"{kind}_fails_at": 2 if what == "partial" else 0})
        elif event != "skip":
            story.backup("BizTalkMsgBoxDb", kind, moment - timedelta(minutes=5), **SOMEBODY, is_copy_only=what == "copy-only")
            story.run(moment)
    return story


STORIES = st.builds(story_of, st.lists(st.sampled_from(EVENTS), min_size=1, max_size=40), st.sampled_from([0, 60, -300, 330]), st.booleans())


@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_what_is_restorable_can_be_restored(story):
    told = backup_sets.derive(*story.told())
    sets = {one["id"]: one for one in told["sets"]}
    assert len({row["set_id"] for row in story.sets if not row["complete"]}) == len(told["partial_sets"])
    restorable = told["restorable"]
    if restorable is None:
        return
    full, mark = sets[restorable["full_id"]], sets[restorable["id"]]
    assert (full["type"], full["state"], mark["state"], mark["mark"]) == ("full", "complete", "complete", restorable["mark"])
    between = [one for number, one in sets.items() if restorable["full_id"] < number <= restorable["id"]]
    assert all(one["state"] == "complete" for one in between if one["type"] == "log")
    assert not any(full["at"] < broken["at"] < mark["at"] for broken in told["breaks"])
    assert restorable["at"] <= told["last_marked"]["at"]
    assert all(one["lost_now_seconds"] <= restorable["age_seconds"] for one in told["databases"])


@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_a_number_without_a_row_is_found_with_its_failed_step(story):
    told = backup_sets.derive(*story.told())
    ids = {row["set_id"] for row in story.sets}
    oldest = min(row["set_id"] for row in story.sets if row["type"] == "log")
    assert {one["id"] for one in told["rowless_sets"]} == set(range(oldest, story.next_set)) - ids
    assert {one["trace"] for one in told["rowless_sets"]} <= {"failed"}


@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_every_log_backup_of_somebody_else_breaks_the_chain_and_nothing_else_does(story):
    told = backup_sets.derive(*story.told())
    taken = [row for row in story.msdb if row["path"] == SOMEBODY["path"] and row["type"] == "log" and not row["is_copy_only"]]
    assert sum(one["backups"] for one in told["breaks"]) == len(taken)
    assert {one["database"] for one in told["breaks"]} <= {"BizTalkMsgBoxDb"}
    assert {one["login"] for one in told["breaks"]} <= {SOMEBODY["user"]}
    assert sum(one["backups"] for one in told["foreign"]) == sum(row["path"] == SOMEBODY["path"] and not row["is_copy_only"] for row in story.msdb)


def parts(value, key):
    """The elements of a list that were seen, by their key; a list that was not seen has none."""
    return {} if observed.is_hole(value) else {one[key]: one for one in value if not observed.is_hole(one)}


@settings(max_examples=60, deadline=None)
@given(STORIES, st.data())
def test_what_was_cut_off_is_never_vouched_for(story, data):
    history, jobs, databases = story.told()
    whole = backup_sets.derive(history, jobs, databases)
    history, jobs, databases = story.told()
    for rows in (history["biztalk"]["history"], history["msdb"], jobs[0]["history"]):
        kept = data.draw(st.integers(0, len(rows)))
        rows[kept:] = [CUT]
    told = backup_sets.derive(history, jobs, databases)
    for name in ("last_full", "last_complete_full", "last_marked", "restorable"):
        assert observed.is_hole(told[name]) or told[name] == whole[name], name
    for name in ("sets", "partial_sets", "rowless_sets", "full_periods", "foreign", "breaks", "failures"):
        assert observed.is_hole(told[name]) or observed.is_hole(told[name][-1]), name
    for name in ("sets", "partial_sets", "failures"):
        seen = parts(whole[name], "id" if name == "sets" else "name")
        assert all(seen[key] == one for key, one in parts(told[name], "id" if name == "sets" else "name").items()), name
    assert parts(told["rowless_sets"], "id").keys() <= parts(whole["rowless_sets"], "id").keys()
    for one, other in zip(told["chains"], whole["chains"], strict=True):
        assert observed.is_hole(one["broken_by"]) or (one["broken_by"] is None) == (other["broken_by"] is None)
    for one, other in zip(told["databases"], whole["databases"], strict=True):
        assert all(observed.is_hole(value) or value == other[name] for name, value in one.items())
    unproven = told["unproven"]
    assert observed.is_hole(unproven) or [one for one in unproven if not observed.is_hole(one)] == []
