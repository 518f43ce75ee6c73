"""SQL Server Agent and the BACKUP statement of the lab, without a server."""
from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lab.sqlmodel import agent, commands, media
from lab.sqlmodel.agent import GO_TO, NEXT, QUIT_FAILURE, QUIT_SUCCESS, Job, Schedule, Step
from lab.sqlmodel.backups import Database, Failed, Server
from lab.tsql.problem import SqlProblem

NOW = datetime(2026, 11, 24, 9, 0)
SHARE = r"\\vault01\bts"


# --- schedules

@pytest.mark.parametrize("schedule, hours, times", [
    (Schedule(1, "q"), 1, ["09:15", "09:30", "09:45", "10:00"]),
    (Schedule(1, "h", subday_type=8, subday_interval=6), 24, ["12:00", "18:00", "00:00", "06:00"]),
    (Schedule(1, "d", subday_type=1, start_time=13000), 24, ["01:30"]),
    (Schedule(1, "s", subday_type=2, subday_interval=1200), 1, ["09:20", "09:40", "10:00"]),
    (Schedule(1, "w", freq_type=8, freq_interval=1 | 8, subday_type=1), 24 * 7, ["00:00", "00:00"]),
    (Schedule(1, "window", subday_interval=60, start_time=100000, end_time=113000), 24, ["10:00", "11:00"]),
    (Schedule(1, "off", enabled=0), 24, []), (Schedule(1, "at start", freq_type=64), 24, []),
])
def test_a_schedule_gives_its_times_after_one_instant_and_until_another(schedule, hours, times):
    assert [f"{when:%H:%M}" for when in schedule.times(NOW, NOW + timedelta(hours=hours))] == times


def test_a_weekly_schedule_counts_its_days_from_sunday():
    schedule = Schedule(1, "w", freq_type=8, freq_interval=1 | 8, subday_type=1)
    assert [f"{when:%a}" for when in schedule.times(NOW, NOW + timedelta(days=7))] == ["Wed", "Sun"]


# --- runs

def job(*steps, **about):
    return Job("id", "a job", True, [Step(number, name, name, "db", *actions) for number, (name, *actions) in enumerate(steps, 1)],
               about.pop("schedules", []), **about)


def executor(failing=()):
    def execute(step, moment):
        if step.name in failing:
            raise Failed((3201, 16, "Cannot open backup device 'x'."), (3013, 16, "BACKUP LOG is terminating abnormally."))
        return moment + timedelta(seconds=75)
    return execute


@pytest.mark.parametrize("steps, failing, rows, outcome", [
    ([("a", NEXT, QUIT_FAILURE), ("b", QUIT_SUCCESS, QUIT_FAILURE)], (), ["a", "b"], 1),
    ([("a", NEXT, NEXT), ("b", NEXT, QUIT_FAILURE)], ("a",), ["a", "b"], 1),                        # the compression step
    ([("a", NEXT, QUIT_FAILURE), ("b", QUIT_SUCCESS, QUIT_FAILURE)], ("a",), ["a"], 0),
    ([("guard", NEXT, QUIT_SUCCESS), ("b", QUIT_SUCCESS, QUIT_FAILURE)], ("guard",), ["guard"], 1),   # a failed step in a succeeded job
    ([("a", GO_TO, QUIT_FAILURE, 3), ("b", QUIT_SUCCESS, QUIT_FAILURE), ("c", QUIT_SUCCESS, QUIT_FAILURE)], (), ["a", "c"], 1),
    ([("a", NEXT, QUIT_FAILURE, 1, 1), ("b", QUIT_SUCCESS, QUIT_FAILURE)], (), ["a", "b"], 1),      # step ids mean nothing without action 4
    ([("a", NEXT, NEXT)], ("a",), ["a"], 0),
])
def test_steps_follow_their_actions_and_the_outcome_is_the_last_row(steps, failing, rows, outcome):
    one = job(*steps)
    assert agent.run(one, NOW, executor(failing), "CONTOSO\\sql", "User x") is bool(outcome)
    assert [row["step_name"] for row in one.history] == [*rows, "(Job outcome)"]
    last = one.history[-1]
    assert (last["step_id"], last["run_status"]) == (0, outcome)
    assert f"The last step to run was step {one.steps[[s.name for s in one.steps].index(rows[-1])].id} ({rows[-1]})." in last["message"]


def test_a_failed_steps_message_has_the_account_each_number_with_its_sqlstate_and_the_end():
    one = job(("a", QUIT_SUCCESS, QUIT_FAILURE))
    agent.run(one, NOW, executor(("a",)), "CONTOSO\\sql", "User x")
    assert one.history[0]["message"] == ("Executed as user: CONTOSO\\sql. Cannot open backup device 'x'. [SQLSTATE 42000] (Error 3201).  BACKUP LOG is "
                                         "terminating abnormally. [SQLSTATE 42000] (Error 3013).  The step failed.")
    assert one.history[0]["sql_message_id"] == 3013


def test_dates_times_and_durations_are_numbers_of_digits():
    one = job(("a", QUIT_SUCCESS, QUIT_FAILURE))
    agent.run(one, NOW, executor(), "x", "User x")
    assert (one.history[0]["run_date"], one.history[0]["run_time"], one.history[0]["run_duration"]) == (20261124, 90000, 115)


def test_a_run_that_was_due_while_the_one_before_took_its_time_is_lost():
    one = job(("exec sp_MarkAll", QUIT_SUCCESS, QUIT_FAILURE), schedules=[Schedule(1, "q")])
    agent.run_due([one], NOW + timedelta(minutes=6), NOW + timedelta(hours=1, minutes=5), lambda step, now: now + timedelta(minutes=20), "x")
    assert [row["run_time"] // 100 for row in one.history if row["step_id"] == 0] == [915, 945]


def test_what_makes_backups_is_seen_when_it_has_surely_ended_and_a_disabled_job_does_not_run():
    one, off = (job(("exec sp_MarkAll", QUIT_SUCCESS, QUIT_FAILURE), schedules=[Schedule(1, "q")]) for _time in range(2))
    off.enabled = False
    agent.run_due([one, off], NOW + timedelta(minutes=6), NOW + timedelta(minutes=18), executor(), "x")
    assert one.history == off.history == []
    agent.run_due([one, off], NOW + timedelta(minutes=18), NOW + timedelta(minutes=20), executor(), "x")
    assert len(one.history) == 2 and off.history == []


def test_an_endless_job_is_started_by_its_schedule_and_leaves_no_history():
    one = job(("exec bts_ManageMessageRefCountLog", QUIT_SUCCESS, QUIT_FAILURE), schedules=[Schedule(1, "m", subday_interval=1)])
    agent.run_due([one], NOW, NOW + timedelta(minutes=10), executor(), "x")
    assert one.running and one.started == NOW and one.history == []


# --- what a step runs

@pytest.mark.parametrize("text, called, guard", [
    ("exec [dbo].[sp_MarkAll] 'BTS' /* a, 'b' */, '\\\\v\\b' -- exec sp_x", [("[dbo].[sp_MarkAll]", 2)], None),
    ("-- exec [dbo].[sp_MarkAll] 'BTS', 'x'", [], None),
    ("IF (sys.fn_hadr_is_primary_replica('Db') = 1)\nBEGIN\nexec dbo.a 1, 2\nEND", [("dbo.a", 2)], "Db"),
    ("declare @d datetime set @d = GetUTCDate() exec p 1, 0, 1, @d", [("p", 4)], None),
    ("exec a 1 exec b @x = N'it''s'", [("a", 1), ("b", 1)], None),
])
def test_the_calls_of_a_command_are_read_through_comments_and_guards(text, called, guard):
    command = commands.read(text)
    assert [(call.name, len(call.arguments)) for call in command.statements] == called and command.guard == guard


def test_a_guard_step_raises_elsewhere():
    command = commands.read("IF sys.fn_hadr_is_primary_replica('Db') = 0\n\tRAISERROR('no',11,0)")
    assert (command.guard, command.raises, command.statements) == ("Db", True, [])


@pytest.mark.parametrize("text, number", [("BACKUP LOG Db TO DISK = 'x' WITH NOSUCH;", 155), ("BACKUP LOG Db;", 102),
                                          ("BACKUP LOG Db TO DISK = 'x', DISK = 'y';", 50000)])
def test_a_backup_statement_that_is_not_understood_is_refused(text, number):
    with pytest.raises(SqlProblem) as told:
        commands.read(text)
    assert told.value.number == number


# --- log chains

class Chain:
    """A server with one database, and backups of it every quarter of an hour."""

    def __init__(self, **about):
        self.database = Database("Db", 5, **about)
        self.server, self.now = Server("SQL", {"db": self.database}, [SHARE, "S:\\"]), NOW

    def backup(self, text):
        self.now += timedelta(minutes=15)
        return self.server.backup(commands.read(f"BACKUP {text} TO DISK = N'{SHARE}\\x.bak'{self.options}").statements[0], self.now, "sa")

    options = ""

    def refused(self, text):
        with pytest.raises(Failed) as told:
            self.backup(text)
        return [number for number, _severity, _text in told.value.errors]


def test_each_log_backup_begins_where_the_one_before_ended_and_a_full_between_breaks_nothing():
    chain = Chain()
    full = chain.backup("DATABASE Db")
    logs = [chain.backup("LOG Db"), chain.backup("LOG Db")]
    chain.backup("DATABASE Db")
    logs.append(chain.backup("LOG Db"))
    assert logs[0].first == full.first and [one.last for one in logs[:-1]] == [one.first for one in logs[1:]]
    assert [one.begins for one in logs] == [True, False, False] and all(one.first < one.last for one in logs)


def test_a_log_backup_by_hand_takes_its_part_out_of_the_jobs_chain_and_a_copy_only_one_does_not():
    chain = Chain()
    chain.backup("DATABASE Db")
    first = chain.backup("LOG Db")
    chain.options = " WITH COPY_ONLY"
    copied = chain.backup("LOG Db")
    chain.options = ""
    by_hand, after = chain.backup("LOG Db"), chain.backup("LOG Db")
    assert copied.first == first.last == by_hand.first and after.first == by_hand.last != first.last


def test_without_a_full_a_log_backup_is_refused_and_in_simple_too():
    chain = Chain()
    assert chain.refused("LOG Db") == [4214, 3013]
    chain.database.set_recovery("SIMPLE")
    chain.backup("DATABASE Db")
    assert chain.refused("LOG Db") == [4208, 3013]


def test_simple_and_back_needs_a_new_full_before_the_chain_begins_again():
    chain = Chain()
    chain.backup("DATABASE Db")
    chain.backup("LOG Db")
    chain.database.set_recovery("SIMPLE")
    chain.database.set_recovery("FULL")
    assert chain.refused("LOG Db") == [4214, 3013]
    full, log = chain.backup("DATABASE Db"), chain.backup("LOG Db")
    assert log.begins and log.first == full.first


def test_a_copy_only_full_is_no_base():
    chain = Chain()
    chain.options = " WITH COPY_ONLY"
    chain.backup("DATABASE Db")
    chain.options = " WITH DIFFERENTIAL"
    assert chain.refused("DATABASE Db") == [3035, 3013]


@pytest.mark.parametrize("path, told", [
    ("<destination path>\\x.bak", "123("), (r"\\other\share\x.bak", "53("), (r"Q:\x.bak", "3("), (r"\\VAULT01\BTS\x.bak", None), (r"s:\x.bak", None),
    ("https://v.blob.core.windows.net/x.bak", None)])
def test_a_device_must_be_a_share_or_a_drive_that_is_there(path, told):
    found = media.unreachable(path, Chain().server.devices)
    assert found is None if told is None else found.startswith(told)


def test_the_same_history_has_the_same_lsns():
    made = []
    for _time in range(2):
        chain = Chain()
        chain.backup("DATABASE Db")
        made.append([chain.backup("LOG Db").last for _quarter in range(20)])
    assert made[0] == made[1] and made[0] == sorted(made[0])
