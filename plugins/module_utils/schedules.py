# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""When the schedules of SQL Server Agent start a job. Dates and times are those of the server's local clock."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

ONCE, DAILY, WEEKLY, MONTHLY, MONTHLY_RELATIVE, AGENT_STARTS, IDLE = 1, 4, 8, 16, 32, 64, 128         # freq_type
AT_A_TIME, SECONDS, MINUTES, HOURS = 1, 2, 4, 8                                                       # freq_subday_type
REPEATED = (DAILY, WEEKLY, MONTHLY, MONTHLY_RELATIVE, AGENT_STARTS, IDLE)
DAY = 24 * 60


def starts_from_now(schedule, local_clock):
    """Whether a schedule is enabled and starts something from now on: today is within its dates, or its only start is to come.

    *local_clock*: ISO 8601; where it is a hole, so is the answer for a schedule that is enabled.
    """
    if not schedule["enabled"] or observed.is_hole(local_clock):
        return local_clock if schedule["enabled"] else False
    today, time = (int("".join(filter(str.isdigit, part))) for part in (local_clock[:10], local_clock[11:19]))
    if schedule["freq_type"] == ONCE:
        return (schedule["active_start_date"], schedule["active_start_time"]) >= (today, time)
    return schedule["freq_type"] in REPEATED and schedule["active_start_date"] <= today <= schedule["active_end_date"]


def start_anything(schedules, local_clock):
    """Whether any of the schedules starts its job from now on; a hole where one that was not seen might."""
    answers = [answer for _schedule, answer in _judged(schedules, local_clock)]
    return True in answers or next((answer for answer in answers if observed.is_hole(answer)), False)


def smallest(schedules, local_clock, ask):
    """The smallest answer of the schedules that start something from now on, None where none has one; a hole where one not seen might."""
    judged = _judged(schedules, local_clock)
    known = [answer for answer in (ask(schedule) for schedule, starts in judged if starts is True) if answer is not None]
    unseen = next((starts for _schedule, starts in judged if observed.is_hole(starts)), None)
    return unseen or (min(known) if known else None)


def _judged(schedules, local_clock):
    return [(one, one if observed.is_hole(one) else starts_from_now(one, local_clock))
            for one in ([schedules] if observed.is_hole(schedules) else schedules)]


def interval_minutes(schedule):
    """The longest time between two starts of a daily or weekly schedule, in minutes; None where it starts nothing that repeats."""
    days = _longest_days(schedule)
    starts = starts_of_day(schedule)
    if days is None or not starts:
        return None
    overnight = days * DAY - starts[-1] + starts[0]
    return max([overnight, *(later - earlier for earlier, later in zip(starts, starts[1:]))])


def even_minutes(schedule):
    """The minutes between any two starts of a schedule that runs every day and round the clock; None for any other."""
    starts = starts_of_day(schedule)
    if schedule["freq_type"] != DAILY or len(starts) < 2 or schedule["freq_subday_type"] == SECONDS and schedule["freq_subday_interval"] % 60:
        return None
    minutes = starts[1] - starts[0]
    return minutes if interval_minutes(schedule) == minutes else None


def starts_of_day(schedule):
    """The minutes of a day at which a schedule starts; by the second it counts as each minute."""
    first, last = (number // 10000 * 60 + number // 100 % 100 for number in (schedule["active_start_time"], schedule["active_end_time"]))
    kind, number = schedule["freq_subday_type"], max(schedule["freq_subday_interval"], 1)
    if kind == AT_A_TIME:
        return [first]
    step = {SECONDS: max(number // 60, 1), MINUTES: number, HOURS: number * 60}.get(kind)
    if step is None:
        return []
    if last < first:                                    # over midnight
        return sorted(minute % DAY for minute in range(first, last + DAY + 1, step))
    return list(range(first, last + 1, step))


def _longest_days(schedule):
    """The days between two days on which a schedule runs, at most; None where it is neither daily nor weekly."""
    if schedule["freq_type"] == DAILY:
        return max(schedule["freq_interval"], 1)
    if schedule["freq_type"] != WEEKLY:
        return None
    days = [day for day in range(7) if schedule["freq_interval"] & 1 << day]
    if not days:
        return None
    weeks = max(schedule["freq_recurrence_factor"], 1)
    return max([days[0] + 7 * weeks - days[-1], *(later - earlier for earlier, later in zip(days, days[1:]))])


def starts_in_hour(schedule, hour):
    """Whether a schedule starts the job within an hour of the day (0 to 23)."""
    return _longest_days(schedule) is not None and any(start // 60 == hour for start in starts_of_day(schedule))
