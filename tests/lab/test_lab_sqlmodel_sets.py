"""BizTalk's backup procedures as a state machine: each quirk of reference backup-procedures.md, by name."""
from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lab.sqlmodel import sets
from lab.sqlmodel.backups import Failed
from lab.sqlmodel.sets import Group, Moment

UTC = datetime(2026, 11, 24, 8, 0)
VIEW = [("SQLBTS\\BTS", "BizTalkMgmtDb"), ("SQLBTS\\BTS", "BizTalkDTADb"), ("BTSLSN", "OrdersDb"), ("SQLBTS\\BTS", "SSODB")]
PATH = r"\\vault\bts"


def at(hours=0, minutes=0):
    """So long after eight o'clock UTC on a Tuesday; local time is an hour ahead."""
    utc = UTC + timedelta(hours=hours, minutes=minutes)
    return Moment(utc, utc + timedelta(hours=1))


class Servers:
    """Stands for the instances: what was called, and what fails."""

    def __init__(self):
        self.backups, self.marks, self.cleaned, self.failing = [], [], [], {}
        self.group = Group(list(VIEW), self.backup, self.mark, self.unmark, sso={("sqlbts\\bts", "ssodb")})

    def fail(self, step, database, *numbers):
        self.failing[step, database] = Failed(*((number, 16, "x") for number in numbers))

    def _met(self, step, database):
        if (step, database) in self.failing:
            raise self.failing[step, database]

    def backup(self, server, database, kind, folder, mark, compressed, _moment):
        self.backups.append((database, kind, compressed))
        self._met("D" if kind == "D" else "L", database)
        return folder + sets.file_name(server, database, kind, mark, folder)

    def mark(self, _server, database, mark, _moment):
        self._met("mark", database)
        self.marks.append((database, mark))

    def unmark(self, _server, database, mark):
        self._met("clean", database)
        self.cleaned.append((database, mark))

    def run(self, moment, **arguments):
        """One run of the steps for full and log; True where a full was made."""
        made = self.group.full_if_due(moment, **{"frequency": "d", "mark": "BTS", "path": PATH, **arguments})
        self.group.log(moment, "BTS", PATH, arguments.get("use_local", False))
        return made


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
def group(servers):
    servers.run(at())
    return servers.group


# --- 3.1: is a full due?

def test_the_very_first_run_makes_a_full_whatever_the_hour_and_before_the_letter_is_looked_at(servers):
    assert servers.group.due(at(), "nonsense", hour=23)


def test_a_full_is_due_once_in_each_period(group):
    assert not group.due(at(minutes=15), "d")
    assert group.due(at(hours=16), "d") and not group.due(at(hours=15, minutes=59), "d")
    assert group.due(at(hours=1), "h") and not group.due(at(minutes=59), "h")
    assert group.due(at(hours=24 * 31), "m") and not group.due(at(hours=24 * 6), "m")
    assert group.due(at(hours=24 * 38), "y") and not group.due(at(hours=24 * 37), "y")


def test_the_day_begins_at_midnight_utc_unless_local_time_is_asked_for(group):
    assert not group.due(at(hours=15, minutes=30), "d")
    assert group.due(at(hours=15, minutes=30), "d", use_local=True)


def test_a_week_begins_on_sunday_and_one_that_crosses_a_month_gets_two_fulls(group):
    sunday = at(hours=24 * 5)
    assert sunday.utc.strftime("%a") == "Sun" and group.due(sunday, "w") and not group.due(at(hours=24 * 4), "w")
    group.full(sunday, "BTS", PATH)
    tuesday = at(hours=24 * 7)
    assert tuesday.utc.month == 12 and group.due(tuesday, "w")


def test_an_unknown_letter_is_an_error_once_there_is_a_full(group):
    with pytest.raises(Failed) as told:
        group.due(at(hours=48), "x")
    assert told.value.errors[-1][:2] == (50000, 16)


def test_with_an_hour_a_run_must_start_inside_that_local_hour_or_the_full_of_the_period_is_lost(group):
    tomorrow = 24
    assert not group.due(at(hours=tomorrow), "d", hour=8)
    assert group.due(at(hours=tomorrow), "d", hour=9)
    assert not group.due(at(hours=tomorrow + 1), "d", hour=9)


def test_the_hour_is_local_also_when_the_period_is_utc(group):
    assert group.due(at(hours=24), "d", hour=9, use_local=False) and group.due(at(hours=24), "d", hour=9, use_local=True)


def test_the_hour_does_not_matter_for_an_hourly_full(group):
    assert group.due(at(hours=3), "h", hour=23)


@pytest.mark.parametrize("hour", [24, 100, -1])
def test_an_hour_out_of_range_becomes_midnight(group, hour):
    assert group.due(at(hours=39, minutes=15), "d", hour=hour) and not group.due(at(hours=40, minutes=15), "d", hour=hour)


def test_a_partial_full_counts_for_its_period(servers):
    servers.fail("D", "OrdersDb", 3201, 3013)
    with pytest.raises(Failed):
        servers.run(at())
    assert [one.complete for one in servers.group.sets] == [False]
    assert not servers.group.due(at(minutes=15), "d")


def test_with_argument_4_a_partial_set_makes_a_full_due_on_every_run_until_one_succeeds(servers, group):
    servers.fail("L", "BizTalkDTADb", 3201, 3013)
    with pytest.raises(Failed):
        group.log(at(minutes=15), "BTS", PATH)
    assert group.due(at(minutes=30), "d", force_after_partial=True, hour=3) and not group.due(at(minutes=30), "d")
    servers.fail("D", "SSODB", 3201, 3013)
    with pytest.raises(Failed):
        group.full(at(minutes=30), "BTS", PATH)
    assert group.due(at(minutes=45), "d", force_after_partial=True)
    servers.failing.clear()
    group.full(at(minutes=45), "BTS", PATH)
    assert not group.due(at(minutes=60), "d", force_after_partial=True)


def test_a_full_that_fails_on_its_first_database_leaves_no_row_and_is_tried_again_without_argument_4(servers):
    servers.fail("D", "BizTalkMgmtDb", 3201, 3013)
    with pytest.raises(Failed):
        servers.run(at())
    assert servers.group.sets == [] and servers.group.due(at(minutes=15), "d")


def test_a_forced_full_is_made_at_once_and_the_flag_falls_only_after_a_complete_success(servers, group):
    group.force_full = True
    servers.fail("D", "OrdersDb", 3201, 3013)
    with pytest.raises(Failed):
        servers.run(at(minutes=15), hour=3)
    assert group.force_full
    servers.failing.clear()
    assert servers.run(at(minutes=30), hour=3) and not group.force_full


def test_a_new_row_in_the_view_makes_no_full_due_and_its_log_backup_fails_until_the_next_one(servers, group):
    group.view.append(("SQLBTS\\BTS", "NewDb"))
    servers.fail("L", "NewDb", 4214, 3013)
    assert not group.due(at(minutes=15), "d")
    with pytest.raises(Failed):
        group.log(at(minutes=15), "BTS", PATH)
    assert [len(one.rows) for one in group.sets if not one.complete] == [4]


def test_after_a_change_of_local_time_old_rows_are_compared_in_the_other_clock(servers):
    servers.run(at(hours=15, minutes=30))               # 23:30 UTC, 00:30 local of the next day
    assert servers.group.due(at(hours=15, minutes=45), "d", use_local=True)


# --- 3.2, 3.3: a set

def test_the_number_of_a_set_is_never_given_back(servers, group):
    before = group.next_set
    servers.fail("mark", "SSODB", 1205)
    with pytest.raises(Failed):
        group.log(at(minutes=15), "BTS", PATH)
    servers.failing.clear()
    group.log(at(minutes=30), "BTS", PATH)
    assert group.sets[-1].id == before + 1 and len(group.sets) == 3


def test_the_first_database_that_fails_ends_the_set_and_the_cause_comes_before_the_products_line(servers):
    servers.fail("D", "BizTalkDTADb", 3201, 3013)
    with pytest.raises(Failed) as told:
        servers.group.full(at(), "BTS", PATH)
    assert [number for number, _severity, _text in told.value.errors] == [3201, 3013, 50000]
    assert [row.database for row in servers.group.sets[0].rows] == ["BizTalkMgmtDb"]


def test_logs_are_ordered_by_server_and_all_are_marked_before_the_first_is_saved(servers, group):
    assert [row.server for row in group.sets[-1].rows] == ["BTSLSN"] + ["SQLBTS\\BTS"] * 3
    assert [database for database, _mark in servers.marks] == [database for _server, database in VIEW]


def test_only_log_rows_have_a_mark_and_it_is_name_and_time_without_server_or_database(group):
    assert [one.mark for one in group.sets] == [None, "BTS_2026_11_24_08_00_00_000"]
    assert group.sets[0].rows[0].file == "SQLBTS_BTS_BizTalkMgmtDb_Full_BTS_2026_11_24_08_00_00_000.bak"


def test_a_set_has_one_time_that_of_its_start_in_the_clock_that_was_asked_for(servers):
    servers.group.full(at(), "BTS", PATH, use_local=True)
    servers.group.log(at(minutes=15), "BTS", PATH)
    assert [one.time for one in servers.group.sets] == [at().local, at(minutes=15).utc]


def test_the_location_is_the_argument_as_given_and_the_file_stands_behind_one_separator(servers):
    servers.group.full(at(), "BTS", PATH + "\\")
    servers.group.log(at(), "BTS", PATH)
    assert {row.location for one in servers.group.sets for row in one.rows} == {PATH, PATH + "\\"}
    assert not any(row.file.startswith("\\") for one in servers.group.sets for row in one.rows)


def test_a_mark_name_above_8_and_a_path_above_128_characters_are_cut_silently(servers):
    servers.group.log(at(), "PRODUCTION", "\\\\vault\\" + "x" * 200)
    made = servers.group.sets[0]
    assert made.mark == "PRODUCTI_2026_11_24_08_00_00_000" and {len(row.location) for row in made.rows} == {128}


def test_ssodb_is_never_compressed_by_the_job(servers):
    servers.group.compression = True
    servers.group.full(at(), "BTS", PATH)
    assert {database: compressed for database, _kind, compressed in servers.backups} == {
        "BizTalkMgmtDb": True, "BizTalkDTADb": True, "OrdersDb": True, "SSODB": False}


def test_after_error_3013_a_compressed_backup_is_tried_again_without(servers):
    servers.group.compression = True
    servers.fail("D", "BizTalkDTADb", 3201, 3013)
    with pytest.raises(Failed):
        servers.group.full(at(), "BTS", PATH)
    assert servers.backups[1:] == [("BizTalkDTADb", "D", True), ("BizTalkDTADb", "D", False)]


def test_another_error_of_the_compressed_try_is_swallowed_and_the_set_is_recorded_as_good(servers):
    servers.group.compression = True
    servers.fail("D", "BizTalkDTADb", 1205)
    servers.group.full(at(), "BTS", PATH)
    assert servers.group.sets[0].complete and len(servers.group.sets[0].rows) == 4


def test_the_file_name_cuts_the_server_at_30_characters_and_a_log_blob_keeps_the_backslash_of_an_instance():
    assert sets.file_name("S" * 40, "Db", "D", "M", PATH) == "S" * 30 + "_Db_Full_M.bak"
    blob = "https://vault.blob.core.windows.net/bts"
    assert sets.file_name("SQL\\BTS", "Db", "L", "M", blob) == "SQL\\BTS_Db_Log_M.bak"
    assert sets.file_name("SQL\\BTS", "Db", "D", "M", blob) == "SQL_BTS_Db_Full_M.bak"


def test_a_path_that_ends_in_the_other_slash_gets_one_more():
    assert sets.folder("\\\\vault\\bts/") == "\\\\vault\\bts/\\" and sets.folder("https://v/bts/") == "https://v/bts/"
    assert sets.folder("https://v/bts\\") == "https://v/bts\\/"


# --- 3.4: clear history

@pytest.fixture
def old(servers):
    """A group with three weeks of a daily full and two logs a day."""
    for day in range(21):
        servers.group.full(at(hours=24 * day), "BTS", PATH)
        servers.group.log(at(hours=24 * day), "BTS", PATH)
        servers.group.log(at(hours=24 * day + 12), "BTS", PATH)
    servers.group.deleted.clear()
    return servers


@pytest.mark.parametrize("days", [None, 0, -3])
def test_without_days_to_keep_nothing_is_cleared(old, days):
    old.group.delete_history(at(hours=24 * 40), days)
    assert len(old.group.sets) == 63 and old.cleaned == []


def test_old_sets_go_and_marks_are_cleaned_in_every_database(old):
    old.group.delete_history(at(hours=24 * 20), 14)
    limit = UTC + timedelta(days=6)
    assert min(one.time for one in old.group.sets) == limit and len(old.group.deleted) == 18
    assert {database for database, _mark in old.cleaned} == {database for _server, database in VIEW}
    assert {mark for _database, mark in old.cleaned} == {"BTS_2026_11_29_20_00_00_000"}


def test_the_newest_full_stays_however_old(old):
    old.group.delete_history(at(hours=24 * 400), 14)
    assert [(one.kind, one.time) for one in old.group.sets] == [("db", UTC + timedelta(days=20))]


def test_after_a_change_to_a_mark_that_sorts_lower_the_new_log_rows_go_too(old):
    for minutes in (15, 30, 45):
        old.group.log(at(hours=24 * 21, minutes=minutes), "ABC", PATH)
    old.group.delete_history(at(hours=24 * 22), 14)
    assert not any(one.mark and one.mark.startswith("ABC") for one in old.group.sets)


def test_a_custom_database_with_old_scripts_fails_the_step_and_log_rows_stay(old):
    old.fail("clean", "OrdersDb", 2812)
    before = sum(one.kind == "lg" for one in old.group.sets)
    with pytest.raises(Failed) as told:
        old.group.delete_history(at(hours=24 * 20), 14)
    assert told.value.errors[0][0] == 2812 and sum(one.kind == "lg" for one in old.group.sets) == before
