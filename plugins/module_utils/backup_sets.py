# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the histories of BizTalk, msdb and the Agent say together: backup sets, and how far back the group could be restored.

Only a log set whose rows are all complete and that bears one mark brings every database to the same point. It can be reached from a
complete full set through log sets none of which is partial, and through log chains that nobody else took a log backup out of.
``derive`` is the whole of it. What a window or a limit of rows cut off is a hole, and nothing that depends on it is vouched for.
"""

from datetime import datetime, timedelta

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import (
    agent_message,
    backup_job,
    job_step,
    log_chains,
    observed,
    recovery_points,
)
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.msdb_backups import Msdb, coverage, first_hole, known
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import ServerClock, told
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.set_history import (
    COMPLETE,
    FULL,
    JUST_NOW,
    LOG,
    PARTIAL,
    RUNNING,
    Sets,
    closing,
    key_of,
    missing_of,
    view_of,
)

MADE = "made"
FACTS = ("job", "sets", "partial_sets", "rowless_sets", "last_full", "last_complete_full", "last_marked", "restorable", "databases", "chains",
         "breaks", "foreign", "unproven", "full_periods", "failures", "covered", "left_out")


def derive(backup_history, jobs, databases=(), others=(), agents=(), elsewhere=()):
    """Facts about the backups of one BizTalk group, plain JSON; every point in time is ISO 8601 UTC to the second.

    *backup_history*: the area of the instance with the management database, whose ``biztalk`` is there. *jobs*: the ``jobs`` of its area
    ``agent``. *databases*: those of its area ``sql``. *others*: the area ``backup_history`` of other instances on which databases of the
    group are, or were before a failover, holes included. *agents*: the areas ``agent`` of the other replicas of the management database.
    *elsewhere*: ``{server, database, recovery_model}`` of databases of the view on other instances. Any of them may be a hole, or have
    holes. The result::

        job            facts of the job (``backup_job.facts``), null where there is none
        sets           [{id, type: full | log, at, mark, state: complete | partial | running, databases: number}], newest first
        partial_sets   [{name, id, type, at, done: [database], missing: [database of the view]}], newest first
        rowless_sets   [{name, id, after, before, trace: failed | none | unseen, step, number}]: ids that no row has; when the sets around
                       them began, and what the job's history tells of that time: the failed step, the number of the error
        last_full      {id, at, state, missing: [database of the view]}: the newest full set, null where there is none
        last_complete_full, last_marked   the newest full set and the newest log set with a mark that are complete, the same shape and mark
        restorable     {id, mark, at, full_id, age_seconds}: the newest mark to which all databases can be brought, null where there is none
        databases      [{name, server, database, last_point, lost_now_seconds, worst_gap_seconds, worst_gap_from, worst_gap_until, in_last_full,
                       in_last_marked}] of the view: last_point is the newest complete marked set with it, lost_now and gaps are told of points to
                       which all databases can be brought; null where there is none; whether it is in ``last_complete_full`` and ``last_marked``,
                       null where there are none
        chains         [{name, server, database, broken_by}]: what broke the log chain since the newest complete full, null where nothing did
        breaks         [{name, database, kind, at, login, program, path, backups, mended_at}] in what was read, newest first
        foreign        [{name, database, type, login, program, path, backups, first_at, last_at}]: not copy-only, by somebody else
        unproven       [{name, set_id, file, problem}]: rows of the newest complete full and marked sets of which msdb has no real backup, or
                       whose log does not hold the mark
        full_periods   [{name: day, outcome: made | partial | why not}]: days on which a full was due (``backup_job.full_periods``)
        failures       [{name, at, step, status, number}]: steps of the job that did not succeed, newest first
        left_out       [{name, server, last_at}]: databases that sets of the window hold and the view has no longer
        covered        [{name, in_set, last_full, last_log}]: the user databases of the instance (``msdb_backups.coverage``)

    A list that may lack elements ends in a hole; where nothing can be told there is a hole in its place.
    """
    unseen = first_hole([backup_history]) or first_hole([backup_history[name] for name in ("clock", "local_clock", "biztalk")])
    if unseen:
        return dict.fromkeys(FACTS, unseen)
    biztalk = backup_history["biztalk"]

    def read(one):
        return one if one is None or observed.is_hole(one) else backup_job.facts(one, biztalk["management_database"], backup_history["local_clock"])

    own = _with_offsets(backup_history)
    msdb = Msdb([own, *(_by_own_clock(_with_offsets(area)) for area in others)])
    clock = _clock(own)
    job = backup_job.find(jobs, biztalk["management_database"])
    facts = read(job)
    running = facts["running"] if isinstance(facts, dict) and not observed.is_hole(facts) else facts or False
    fellows = _fellows(agents, biztalk["management_database"], clock)
    view = view_of(biztalk["databases"])
    told_of = Sets(biztalk["history"], facts, _begun(running, job, clock), msdb, clock, backup_history["window_days"])
    chains, breaks = _chains(view, told_of, msdb, clock, databases, elsewhere)
    unseen = first_hole([chains]) or first_hole([chain["broken_by"] for chain in known(chains)])
    marks = recovery_points.marks_of(told_of, breaks, msdb, clock)
    names = view if observed.is_hole(view) else {name for _server, name in view}
    return {
        "job": facts,
        "sets": told_of.each(lambda one: one.plain()),
        "partial_sets": told_of.each(lambda one: _partial(one, view), lambda one: one.state == PARTIAL),
        "rowless_sets": _rowless(told_of, biztalk["next_set_id"], [job, *fellows], running, clock),
        "last_full": told_of.last(view, lambda one: one.type == FULL and one.state != RUNNING),
        "last_complete_full": told_of.last(view, lambda one: one.type == FULL and one.state == COMPLETE),
        "last_marked": told_of.last(view, lambda one: one.marked),
        "restorable": recovery_points.restorable(recovery_points.newest_reached(marks, told_of, unseen), clock),
        "databases": view if observed.is_hole(view) else [
            recovery_points.points(key, database, told_of, marks, view, unseen, msdb, clock) for key, database in view.items()],
        "chains": chains,
        "breaks": view if observed.is_hole(view) else _told_breaks(breaks, told_of) + closing(msdb.unread or msdb.cut),
        "foreign": _foreign(view, msdb, clock, told_of, backup_job.archive_folder(jobs)),
        "unproven": _unproven(told_of, view, msdb),
        "full_periods": _periods(facts, job, fellows, told_of, clock),
        "failures": _failures([(one, read(one)) for one in (job, *fellows)], told_of, clock),
        "left_out": _left_out(told_of, names),
        "covered": coverage(databases, names, Msdb([own]), msdb, clock),
    }


def _begun(running, job, clock):
    """When the run that the job is in began, UTC; None where it is in none."""
    if running is not True:
        return running or None
    since = job.get("running_since")
    if since is None or observed.is_hole(since):
        return since or observed.hole("missing", "When the run that the job is in began was not read.")
    return clock.utc(since)


def _with_offsets(area):
    """A history of backups whose offsets can be relied on. Whether ``time_zone`` of msdb counts daylight saving is not documented: where that of
    the newest backup is not the clock's own, none is used."""
    if observed.is_hole(area) or first_hole([area["clock"], area["local_clock"], area["msdb"]]):
        return area
    newest = next((row for row in area["msdb"] if not observed.is_hole(row)), None)
    clock = ServerClock(area["clock"], area["local_clock"])
    if newest is None or newest["offset_minutes"] in (None, clock.ahead):
        return area
    return {**area, "msdb": [row if observed.is_hole(row) else {**row, "offset_minutes": None} for row in area["msdb"]]}


def _clock(area):
    """The clock of the server of a history of backups."""
    return ServerClock(area["clock"], area["local_clock"], [
        (row["started"], row["offset_minutes"]) for row in known(area["msdb"]) if row["offset_minutes"] is not None])


def _by_own_clock(area):
    """The history of another server, of whose backups none needs the clock of this one."""
    if observed.is_hole(area) or first_hole([area["clock"], area["local_clock"], area["msdb"]]):
        return area
    clock = _clock(area)
    return {**area, "msdb": [row if observed.is_hole(row) or row["offset_minutes"] is not None else
                             {**row, "offset_minutes": clock.minutes(row["started"])} for row in area["msdb"]]}


def _fellows(agents, management_database, clock):
    """The jobs of the other replicas, with times as the clock of this server has them; a hole for each that was not seen."""
    found = []
    for area in agents:
        unseen = first_hole([area]) or first_hole([area["clock"], area["local_clock"]])
        job = unseen or backup_job.find(area["jobs"], management_database)
        if job is None or observed.is_hole(job):
            found += closing(job)
            continue
        theirs = ServerClock(area["clock"], area["local_clock"])
        found.append({**job, "history": _local(job["history"], theirs, clock), "last_run": next(iter(_local([job["last_run"]], theirs, clock)))})
    return found


def _local(rows, theirs, clock):
    return rows if observed.is_hole(rows) else [row if row is None or observed.is_hole(row) else {
        **row, "started": clock.local(theirs.utc(row["started"])).replace(microsecond=0).isoformat()} for row in rows]


def _partial(one, view):
    return {"name": f"set {one.id}", "id": one.id, "type": one.type, "at": one.told, "done": [row["database"] for row in one.rows],
            "missing": missing_of(one, view)}


def _rowless(told_of, next_set_id, jobs, running, clock):
    """Ids without a row. Cleaning deletes old full and log sets by different rules, so only ids above the oldest log set count."""
    if told_of.unread:
        return told_of.unread
    logs = [one.id for one in told_of.sets if one.type == LOG]
    begun = {one.id: one.at for one in told_of.sets if one.at >= told_of.since and (not logs or one.id >= min(logs))}
    unsure = {one.id: one.unsure for one in told_of.sets if one.unsure}
    unseen = closing(told_of.cut)
    if observed.is_hole(next_set_id):
        unseen.append(next_set_id)
    elif begun and next_set_id not in begun:
        begun[next_set_id] = clock.now              # as if it began now
    ids, found = sorted(begun), []
    for earlier, later in zip(ids, ids[1:]):
        for number in range(earlier + 1, later):
            if number + 1 == next_set_id and running is not False:
                unseen += [running] if observed.is_hole(running) else []
                continue                            # the set that the job is at
            guess = unsure.get(earlier) or unsure.get(later)
            found.append({"name": f"set {number}", "id": number, "after": guess or told(begun[earlier]), "before": guess or told(begun[later]),
                          **(dict.fromkeys(("trace", "step", "number"), guess) if guess else _trace(jobs, begun[earlier], begun[later], clock))})
    return found[::-1] + unseen[:1]


def _trace(jobs, after, before, clock):
    """What the job's histories on all replicas tell of the time in which an id was used up."""
    histories = [[] if job is None or observed.is_hole(job) else known(job["history"]) for job in jobs]
    begun = [(clock.utc(row["started"]), row) for history in histories for row in history]
    failed = [row for at, row in begun if after <= at <= before and row["step_id"] > 0 and row["status"] in ("failed", "canceled")]
    if failed:
        return {"trace": "failed", "step": failed[0]["step_name"], "number": _cause(failed[0])}
    seen = all(any(clock.utc(row["started"]) < after for row in history) for history in histories)
    return {"trace": "none" if seen else "unseen", "step": None, "number": None}


def _cause(row):
    """The number of the error that a step failed with, None where its message tells none."""
    return agent_message.read(row["message"]).cause or row["number"] or None


def _left_out(told_of, names):
    if told_of.unread or observed.is_hole(names):
        return told_of.unread or names
    found = {}
    for one in told_of.sets:
        for row in one.rows:
            if row["database"].casefold() not in names:
                found.setdefault(row["database"].casefold(), {"name": row["database"], "server": row["server"], "last_at": one.told})
    return [*found.values(), *closing(told_of.cut)]


def _chains(view, told_of, msdb, clock, databases, elsewhere):
    """The chain of each database of the view, and all breaks that were read as ``[(database, [Break])]``."""
    if observed.is_hole(view):
        return view, []
    here = {one["name"].casefold(): one["recovery_model"] for one in known(databases)}
    there = {((one["server"] or "").casefold(), one["database"].casefold()): one["recovery_model"] for one in elsewhere}
    files, complete_files = told_of.files(), told_of.files(lambda one: one.state == COMPLETE)
    chains, breaks = [], []
    for key, database in view.items():
        found, base = log_chains.breaks_of(msdb.of(database.database, database.server if key[0] else None), clock, files, complete_files)
        breaks.append((database, found))
        model = there.get(((database.server or "").casefold(), database.database.casefold()), here.get(database.database.casefold()))
        ended = model == "SIMPLE" and "its recovery model is SIMPLE, so its log is not kept"
        chains.append({"name": database.name, "server": database.server, "database": database.database,
                       "broken_by": ended or _broken_by(key, database, found, base, told_of, view, msdb)})
    return chains, breaks


def _broken_by(key, database, found, base, told_of, view, msdb):
    """What broke a chain since the newest complete full backup, as words; None where nothing did."""
    if base is None and told_of.cut:
        return told_of.cut                          # a full of a set that was not read may have mended what broke
    still = [broken for broken in found if broken.mended is None]
    taken = [broken for broken in still if broken.kind != log_chains.GAP]
    if taken:
        return taken[-1].words()
    if msdb.unread or still and msdb.cut:
        return msdb.unread or msdb.cut
    if still:
        return still[-1].words()
    if base is not None:
        return None
    if msdb.cut:
        return msdb.cut
    full = told_of.newest(lambda one: one.type == FULL and one.state == COMPLETE and any(key_of(row, view) == key for row in one.rows))
    if full is None:
        return "there is no complete full backup of it"
    return observed.hole("missing", f"The newest full backup of {database.name}, of {told(full.at)}, is in no history of backups that was read.")


def _told_breaks(breaks, told_of):
    """The breaks as plain data. Whether one is mended is not known where the set of a full after it may not have been read."""
    found = []
    for database, broken in ((database, broken) for database, each in breaks for broken in each):
        first = broken.backups[0] if broken.backups else dict.fromkeys(("user_name", "software", "path"))
        unread = None if told_of.sets and told_of.sets[-1].at <= broken.at else told_of.cut
        found.append({"name": f"{database.name} {told(broken.at)}", "database": database.name, "kind": broken.kind, "at": told(broken.at),
                      "login": first["user_name"], "program": first["software"], "path": first["path"], "backups": len(broken.backups),
                      "mended_at": told(broken.mended) or unread})
    return sorted(found, key=lambda one: one["at"], reverse=True)


def _foreign(view, msdb, clock, told_of, archive_folder):
    if observed.is_hole(view):
        return view
    rows = [row for key, database in view.items() for row in msdb.of(database.database, database.server if key[0] else None)]
    return log_chains.foreign(rows, clock, told_of.files(), archive_folder) + closing(msdb.unread or msdb.cut)


def _unproven(told_of, view, msdb):
    """Rows of the newest sets that BizTalk has written down and msdb does not confirm."""
    if told_of.unread:
        return told_of.unread
    found = closing(told_of.cut if not told_of.recent() else None)
    for one, row in [(recent, row) for recent in told_of.recent() for row in recent.rows]:
        entry = {"name": f"{row['database']} in set {one.id}", "set_id": one.id, "file": row["file"]}
        backup, mark = msdb.backup(row), msdb.marks.get((row["database"].casefold(), one.mark))
        if backup is None:
            unseen = msdb.unread or msdb.cut or (None if msdb.of(row["database"]) else observed.hole(
                "missing", f"No history of backups that was read knows {row['database']} on {row['server']}."))
            found.append(unseen or {**entry, "problem": "msdb knows no such backup"})
        elif not log_chains.is_real(backup):
            found.append({**entry, "problem": "the backup is damaged, or a snapshot"})
        elif one.mark and mark is None and msdb.marks_unseen:
            found.append(msdb.marks_unseen)
        elif one.mark and row["database"].casefold() in msdb.marked and not _holds_mark(backup, mark):
            found.append({**entry, "problem": "its log does not hold the mark of the set"})
    return found


def _holds_mark(backup, mark):
    return mark is not None and (mark["lsn"] is None or int(mark["lsn"]) <= int(backup["last_lsn"]))


# --- the job

def _periods(facts, job, fellows, told_of, clock):
    if facts is None or observed.is_hole(facts) or told_of.unread:
        return told_of.unread or facts or []
    clean = facts["clean"]
    kept = clean["days_to_keep"] if isinstance(clean, dict) and not observed.is_hole(clean) else None
    since = clock.now if not told_of.sets else max(told_of.since, told_of.sets[-1].at)
    if isinstance(kept, int) and kept > 0:
        since = max(since, clock.now - timedelta(days=kept))
    histories = [one if observed.is_hole(one) else one["history"] for one in (job, *fellows)]
    runs = first_hole(histories) or [datetime.fromisoformat(row["started"]) for history in histories for row in known(history)
                                     if row["step_id"] in (0, job["start_step_id"])]
    if told_of.unsure:
        return told_of.unsure
    periods, whole = (backup_job.full_periods(facts["full"], [one.at for one in told_of.sets if one.type == FULL and one.state in states], runs,
                                              clock, since, job["running"]) for states in ((COMPLETE, PARTIAL, RUNNING), (COMPLETE,)))
    if observed.is_hole(periods):
        return periods
    complete = {one["name"] for one in whole if one["outcome"] == MADE}
    newest = told_of.newest(lambda one: one.type == FULL)
    unfinished = newest and (newest is told_of.sets[0] and told_of.newest_may_run or newest.state == RUNNING and observed.hole(
        "skipped", "The full backup of the day is being made."))
    for one in periods:
        if one["outcome"] == MADE and one["name"] not in complete:
            one["outcome"], unfinished = unfinished or PARTIAL, None
    return periods + closing(told_of.cut)


def _failures(jobs, told_of, clock):
    """Steps that did not succeed, of pairs of a job and its facts. A guard that ends the job with success on a secondary replica fails there on purpose."""
    found, unseen = [], []
    for job, facts in jobs:
        if job is None or observed.is_hole(job) or observed.is_hole(job["history"]):
            unseen += closing(job if job is None or observed.is_hole(job) else job["history"])
            continue
        steps = [] if observed.is_hole(facts["steps"]) else facts["steps"]
        guards = {step["id"] for step in steps if step["guard"] == job_step.FIRST_STEP and step["procedure"] is None}
        found += [_failure(row, clock) for row in known(job["history"]) if row["step_id"] > 0 and row["step_id"] not in guards
                  and row["status"] not in ("succeeded", "retry", "in_progress")]
        unseen += closing(first_hole(job["history"]) or _purged(job, told_of, clock))
    return sorted(found, key=lambda one: one["at"], reverse=True) + unseen


def _purged(job, told_of, clock):
    """The hole where the Agent, which keeps few rows of each job, no longer has those of runs of the last two weeks; else None."""
    rows, last = job["history"], job["last_run"]
    began = [one.at for one in told_of.sets] + ([] if last is None or observed.is_hole(last) else [clock.utc(last["started"])])
    oldest = min((clock.utc(row["started"]) for row in rows), default=clock.now)
    if oldest <= told_of.since or not rows and began and max(began) < told_of.since:
        return None
    if not any(at < oldest - JUST_NOW for at in began):
        return told_of.cut                          # a set that was not read may tell of an older run
    return observed.hole("cut", f"The Agent keeps the history of the job since {told(oldest)} only: what failed before is not known.")


def _failure(row, clock):
    at = told(clock.utc(row["started"]))
    return {"name": f"{row['step_name']} {at}", "at": at, "step": row["step_name"], "status": row["status"], "number": _cause(row)}
