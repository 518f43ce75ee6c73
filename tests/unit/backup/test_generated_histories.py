"""A thousand generated histories: what is derived equals what the generator knows, and what was cut off is unknown, never a pass."""

from __future__ import annotations

import importlib.util
import pathlib
import random
import sys
from collections import Counter

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_sets, observed, server_clock


def beside(name):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


history_generator, generated_areas = beside("history_generator"), beside("generated_areas")

HISTORIES, BLOCK = 1000, 50
AT_ONCE = 4                                       # blocks that `make check` compares, too
HAPPENED: dict[int, set[str]] = {}                # by seed, of the histories that were made
TYPES = {"db": "full", "lg": "log"}


def kinds_of(seed):
    """Every tenth history is healthy; the others have one kind of defect in turn, half of them a second one."""
    if seed % 10 == 0:
        return ()
    chosen = random.Random(f"kinds of {seed}")
    first = history_generator.KINDS[(seed - seed // 10) % len(history_generator.KINDS)]
    return tuple(dict.fromkeys((first, *chosen.sample(history_generator.KINDS, 1)))) if chosen.random() < 0.5 else (first,)


def history(seed):
    made = history_generator.History(seed, kinds_of(seed)).run()
    HAPPENED[seed] = made.happened
    return made


def derived(made):
    return backup_sets.derive(generated_areas.backup_history(made), generated_areas.jobs(made), generated_areas.databases(made))


def seen(rows):
    return [row for row in rows if not observed.is_hole(row)]


class Compared:
    """What is derived of one history beside its truth. *differences*: one line each."""

    def __init__(self, made, facts):
        self.made, self.facts, self.truth = made, facts, made.truth
        self.since = made.now - made.window_days * 24 * history_generator.HOUR
        self.differences = []

    def value(self, name, got, wanted, moment=None):
        """Equal; unknown where a limit cut; what happened at *moment* may lie before the window."""
        if observed.is_hole(got) and self.made.limits or moment is not None and moment <= self.since and (got is None or observed.is_hole(got)):
            return
        if got != wanted:
            self.differences.append(f"{name}: {got} for {wanted}")

    def rows(self, name, listed, shape, wanted):
        """Equal rows. *wanted*: ``(moment, row)``, newest first; older ones may be missing before the window, or where a hole says so."""
        if observed.is_hole(listed):
            self.value(name, listed, [row for _moment, row in wanted])
            return
        got = [shape(row) for row in seen(listed)]
        if got != [row for _moment, row in wanted[:len(got)]]:
            self.differences.append(f"{name}: {got} for {[row for _moment, row in wanted]}")
        missing = [row for moment, row in wanted[len(got):] if moment > self.since]
        if missing and not (self.made.limits and observed.is_hole((listed or [None])[-1])):
            self.differences.append(f"{name}: nothing says that {missing} may be missing")


def told(moment):
    return server_clock.told(moment)


def uncertain(made, one):
    """What the time of a set may be wrong by: only beside backups in msdb shows which clock a row has and what that was ahead of UTC, and whether
    msdb's offsets count daylight saving shows only once there is a backup since the clocks changed."""
    read = made.msdb[-made.limits.get("msdb", len(made.msdb)):]
    files = {file_of(backup) for backup in read}
    alone = one["id"] < min((row["set"] for row in made.history if row["file"] in files), default=0)
    offsets = {row["zone"] * 15 * history_generator.MINUTE for row in read}
    wrong = [made.dst_step] if made.dst_at and (alone or made.offset(made.now) not in offsets) else []
    wrong += [made.offset(made.now)] if "local time changed" in made.kinds and alone else []
    return [sign * step for step in wrong for sign in (1, -1)]


def file_of(backup):
    return backup["path"].replace("/", "\\").rpartition("\\")[2]


def compare_sets(of):
    facts, truth = of.facts, of.truth
    sets = [one for one in reversed(truth.sets) if one.rows]
    newest_full = next((one.id for one in sets if one.type == "db" and one.complete), None)
    read = {row["set"] for row in of.made.history if row["moment"] >= of.made.local(of.made.now) - of.made.now + of.since}
    sets = [one for one in sets if one.id in read or one.id == newest_full]
    moments = {one.id: one.moment for one in truth.sets}

    def at(one):
        """Its time, taken for right as far as what was read can tell."""
        right = told(moments[one["id"]])
        wrong_by = server_clock.instant(one["at"]) - server_clock.instant(right)
        return right if wrong_by and wrong_by in uncertain(of.made, one) else one["at"]

    of.rows("sets", facts["sets"], lambda one: (one["id"], one["type"], at(one), one["mark"], one["state"], one["databases"]), [
        (one.moment, (one.id, TYPES[one.type], told(one.moment), one.mark, "complete" if one.complete else "partial", one.rows)) for one in sets])
    of.rows("partial sets", facts["partial_sets"], lambda one: (one["id"], sorted(one["done"])), [
        (one.moment, (one.id, sorted(one.databases))) for one in sets if not one.complete])
    oldest_log = min((one.id for one in sets if one.type == "lg"), default=min((one.id for one in sets), default=of.made.set_ids))
    of.rows("rowless sets", facts["rowless_sets"], lambda one: one["id"], [
        (one.moment, one.id) for one in reversed(truth.sets) if not one.rows and one.id > oldest_log])
    for name, wanted in (("last_full", [one for one in sets if one.type == "db"]),
                         ("last_complete_full", [one for one in sets if one.type == "db" and one.complete]),
                         ("last_marked", [one for one in sets if one.type == "lg" and one.complete])):
        got = facts[name]
        of.value(name, got["id"] if got and not observed.is_hole(got) else got, wanted[0].id if wanted else None)


def compare_points(of):
    facts, truth = of.facts, of.truth
    moments = {one.id: one.moment for one in truth.sets}
    twice = {database.name for database in of.made.databases if len(database.names) > 1}
    got, wanted = facts["restorable"], truth.restorable
    if observed.is_hole(got):                       # an alias of the same instance could be another one
        if not (of.made.limits or twice or wanted is None or moments[wanted.id] <= of.since or of.made.window_days < 14):
            of.differences.append(f"restorable: unknown for {wanted.id}")
    elif got is None:
        of.value("restorable", None, wanted and wanted.id, wanted and wanted.moment)
    else:
        age = int((of.made.now - moments[got["id"]]).total_seconds())
        of.value("restorable", (got["id"], got["at"], got["mark"], got["age_seconds"]),
                 wanted and (wanted.id, told(wanted.moment), wanted.mark, age))
        full = next(one for one in truth.sets if one.id == got["full_id"])
        of.value("its full", (full.type, full.complete, full.id < got["id"]), ("db", True, True))
    for one in facts["databases"]:
        moment = truth.points[one["database"]]
        of.value(f"point of {one['database']}", one["last_point"], told(moment), moment)


def compare_chains(of):
    facts, truth = of.facts, of.truth
    twice = {database.name for database in of.made.databases if len(database.names) > 1}
    for chain in [chain for chain in facts["chains"] if chain["database"] not in truth.unseen]:
        broken, by = chain["database"] in truth.behind, chain["broken_by"]
        if not observed.is_hole(by):
            of.value(f"chain of {chain['database']}", by is not None, broken)
        elif not (of.made.limits or of.made.window_days < 14 or chain["database"] in twice):
            of.differences.append(f"chain of {chain['database']}: unknown")
    listed = [one for one in facts["breaks"] if observed.is_hole(one) or one["kind"] == "foreign_log_backup"]
    for one in listed:                              # a limit may leave open whether a break is mended
        if not observed.is_hole(one) and observed.is_hole(one["mended_at"]) and "history" in of.made.limits:
            one["mended_at"] = next(broken.mended for broken in truth.breaks if told(broken.moment)[:13] == one["at"][:13]) or None
    of.rows("breaks", listed, lambda one: (one["database"], one["login"], one["program"], one["path"], one["mended_at"] is not None), [
        (one.moment, (one.database, one.login, one.program, one.path, one.mended)) for one in reversed(truth.breaks)])


def compare_job(of):
    facts, made, truth = of.facts, of.made, of.truth
    if "local time changed" not in made.kinds and not made.full_commented:
        of.rows("days without a full", [one for one in facts["full_periods"] if observed.is_hole(one) or one["outcome"] not in ("made", "partial")],
                lambda one: one["name"], [(of.since if made.window_days < 14 else made.now, day.isoformat()) for day in reversed(truth.lost)])
    of.value("backs up nothing", facts["job"]["backs_up_nothing_because"] is not None, made.log_commented or truth.backs_up_nothing)
    failed = [(run["start"], run["steps"][-1][0]) for run in reversed(made.job_runs) if not run["succeeded"]]
    of.rows("failures", facts["failures"], lambda one: one["step"], [(start - made.offset(made.now), step) for start, step in failed])
    covered = {one["name"]: one for one in seen(facts["covered"])}
    of.value("not covered", [name for name, one in covered.items() if not one["in_set"]], truth.uncovered)
    for name in truth.uncovered if "copy only" not in made.happened else []:
        of.value(f"full of {name}", covered[name]["last_full"], None)


def differences(made, facts):
    of = Compared(made, facts)
    for compare in (compare_sets, compare_points, compare_chains, compare_job):
        compare(of)
    return of.differences


@pytest.mark.parametrize("block", [*range(AT_ONCE), *(pytest.param(block, marks=pytest.mark.long) for block in range(AT_ONCE, HISTORIES // BLOCK))])
def test_what_is_derived_equals_the_truth(block):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        made = history(seed)
        found = differences(made, derived(made))
        assert not found, f"history {seed} with {made.kinds}"


@pytest.mark.long
def test_every_kind_of_defect_is_in_fifty_histories_and_a_hundred_are_healthy():
    happened = [HAPPENED[seed] if seed in HAPPENED else history(seed).happened for seed in range(HISTORIES)]
    count = Counter(kind for kinds in happened for kind in kinds)
    assert set(count) == set(history_generator.KINDS)
    assert {kind: number for kind, number in count.items() if number < 50} == {}
    assert sum(not kinds for kinds in happened) >= 100
