"""SQL Server Agent: jobs, steps and schedules as msdb keeps them, and what a run of a job leaves in its history.

Sources: sql-docs pages of msdb.dbo.sysjobs, sysjobsteps, sysschedules, sysjobhistory, sysjobactivity, sysjobservers (catalogue
tsql.json); wording and codes of messages: field records h02, h04, h05 and h10. Assumed: a run begins 1 to 4 seconds after its time;
a step that does nothing modelled takes no time and succeeds; a due time that passes during a run is lost.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.sqlmodel.backups import Failed, chance

QUIT_SUCCESS, QUIT_FAILURE, NEXT, GO_TO = 1, 2, 3, 4
FAILED, SUCCEEDED = 0, 1
ENDLESS = "bts_managemessagerefcountlog"    # its job runs on and on: no success is normal


@dataclass
class Step:
    """One row of sysjobsteps."""

    id: int
    name: str
    command: str
    database: str
    on_success: int = NEXT
    on_fail: int = QUIT_FAILURE
    success_step: int = 0
    fail_step: int = 0
    last: tuple = None              # (outcome, duration, start) of the newest run


@dataclass
class Schedule:
    """One row of sysschedules; times are numbers, hhmmss and yyyymmdd."""

    id: int
    name: str
    enabled: int = 1
    freq_type: int = 4              # 4 daily, 8 weekly
    freq_interval: int = 1
    subday_type: int = 4            # 1 at that time, 2 seconds, 4 minutes, 8 hours
    subday_interval: int = 15
    recurrence: int = 0
    start_date: int = 20031110
    start_time: int = 0
    end_time: int = 235959

    def times(self, after, until):
        """The due times after one instant and until another, local."""
        if not self.enabled or self.freq_type not in (4, 8):
            return
        begin, end = clock_time(self.start_time), clock_time(self.end_time)
        step = {2: timedelta(seconds=1), 4: timedelta(minutes=1), 8: timedelta(hours=1)}.get(self.subday_type)
        step = step and step * self.subday_interval
        first = datetime.strptime(str(self.start_date), "%Y%m%d")
        day = max(datetime(after.year, after.month, after.day), first)
        while day <= until:
            if self._on(day, first):
                due = day + begin
                if step and due <= after:
                    due += ((after - due) // step + 1) * step
                while after < due <= until and due <= day + end:
                    yield due
                    if not step:
                        break
                    due += step
            day += timedelta(days=1)

    def _on(self, day, first):
        if self.freq_type == 4:
            return (day - first).days % max(self.freq_interval, 1) == 0
        return bool(self.freq_interval & 1 << (day.weekday() + 1) % 7)


@dataclass
class Job:
    """One job with what belongs to it. ``history`` holds rows that msdb has not yet; ``runs_on``: it never ends."""

    id: str
    name: str
    enabled: bool
    steps: list
    schedules: list
    start: int = 1                  # id of the step that a run begins with
    keep: int = 1000                # rows of history that the Agent leaves of this job
    history: list = field(default_factory=list)
    last: tuple = None              # (outcome, message, start, duration) of the newest run
    started: datetime | None = None     # of the newest run; busy: until when that takes, None while it runs on
    busy: datetime | None = datetime.min

    @property
    def runs_on(self):
        return any(ENDLESS in step.command.casefold() for step in self.steps)

    @property
    def running(self):
        return self.busy is None

    def begin(self, now):
        """An endless job starts."""
        self.started, self.busy = now, None

    def end(self, now):
        self.busy = now

    def due(self, after, until):
        """``(due time, schedule)`` in order."""
        if not self.enabled or self.running or not self.steps:
            return []
        found = [(when, schedule) for schedule in self.schedules for when in schedule.times(after, until)]
        return sorted(found, key=lambda pair: pair[0])


def clock_time(number):
    """hhmmss as a span."""
    return timedelta(hours=number // 10000, minutes=number // 100 % 100, seconds=number % 100)


def as_time(moment):
    return moment.hour * 10000 + moment.minute * 100 + moment.second


def as_date(moment):
    return moment.year * 10000 + moment.month * 100 + moment.day


def as_duration(seconds):
    seconds = int(seconds)
    return seconds // 3600 * 10000 + seconds // 60 % 60 * 100 + seconds % 60


def run(job, begun, execute, account, invoked, first_step=None):
    """Runs a job at local time *begun*; its history rows are appended to ``job.history``. Returns whether it succeeded.

    *execute* is called as (step, moment) and returns the end of the step; it raises Failed. *invoked* is who started the job.
    """
    now = begun
    first = {"name": first_step.casefold()} if first_step else {"id": job.start}
    step = next((s for s in job.steps if first in ({"name": s.name.casefold()}, {"id": s.id})), job.steps[0])
    while True:
        begin, text, number, severity = now, "", 0, 0
        try:
            now = execute(step, begin)
            outcome, end, action, target = SUCCEEDED, "The step succeeded.", step.on_success, step.success_step
        except Failed as error:
            text = "  ".join(f"{text} [SQLSTATE {'01000' if level <= 10 else '42000'}] (Error {code})." for code, level, text in error.errors) + "  "
            number, severity = error.errors[-1][:2]
            outcome, end, action, target = FAILED, "The step failed.", step.on_fail, step.fail_step
            now = begin + timedelta(seconds=1)
        seconds = (now - begin).total_seconds()
        message = f"Executed as user: {account}. {text}{end}"
        job.history.append(_row(step.id, step.name, number, severity, message[:4000], outcome, begin, seconds))
        step.last = (outcome, as_duration(seconds), begin)
        following = next((s for s in job.steps if s.id == (target if action == GO_TO else step.id + 1)), None)
        if action in (QUIT_SUCCESS, QUIT_FAILURE) or following is None:
            good = action == QUIT_SUCCESS or (action != QUIT_FAILURE and outcome == SUCCEEDED)    # "next" after the last step keeps its outcome
            break
        step = following
    word = "succeeded" if good else "failed"
    message = f"The job {word}.  The Job was invoked by {invoked}.  The last step to run was step {step.id} ({step.name})."
    seconds = (now - begun).total_seconds()
    job.history.append(_row(0, "(Job outcome)", 0, 0, message, SUCCEEDED if good else FAILED, begun, seconds))
    job.last = (SUCCEEDED if good else FAILED, message, begun, as_duration(seconds))
    job.started, job.busy = begun, now
    return good


def _row(step_id, name, number, severity, message, outcome, begin, seconds):
    return {"step_id": step_id, "step_name": name, "sql_message_id": number, "sql_severity": severity, "message": message, "run_status": outcome,
            "run_date": as_date(begin), "run_time": as_time(begin), "run_duration": as_duration(seconds)}


def run_due(jobs, after, until, execute, account, lags=(timedelta(seconds=5), timedelta(minutes=5))):
    """Runs what is due on one instance after one local instant and until another, in the order of time. *execute* as for ``run``.

    *lags*: a run counts when it has surely ended: some seconds after its time, minutes where it makes backups."""
    events = []
    for number, job in enumerate(jobs):
        still = all(quiet(step.command) for step in job.steps)
        lag = lags[0] if still else lags[1]
        first = _since(job, after, until) if still else after       # runs that change nothing: as many as the history holds
        events += [(when, number, schedule) for when, schedule in job.due(first - lag, until - lag)]
    for when, number, schedule in sorted(events, key=lambda event: event[:2]):
        job = jobs[number]
        if job.runs_on:
            job.begin(job.started if job.running else when)
        elif when > job.busy:
            jitter = timedelta(milliseconds=1000 + int(3000 * chance(job.name, when.toordinal(), when.hour, when.minute)))
            run(job, when + jitter, execute, account, f"Schedule {schedule.id} ({schedule.name})")
            del job.history[:-job.keep]


def _since(job, after, until):
    seconds = [s.subday_interval * {2: 1, 4: 60, 8: 3600}[s.subday_type] for s in job.schedules if s.subday_type in (2, 4, 8)]
    return max(after, until - timedelta(seconds=min(seconds) * (job.keep // (len(job.steps) + 1) + 1))) if seconds else after


def quiet(command):
    """Whether a command changes nothing that the lab keeps."""
    return not re.search(r"sp_markall|sp_backupall|sp_deletebackup|sp_setbackup|sp_forcefull|backup\s+(database|log)\b|dbcc\b", command, re.IGNORECASE)
