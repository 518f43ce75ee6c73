# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: biztalk_backup_job
short_description: Configure the job that backs up the databases of BizTalk Server
version_added: 0.1.0
description:
  - Configures the SQL Server Agent job C(Backup BizTalk Server), the only one whose backups of BizTalk's databases can be restored together.
    Set-up delivers it disabled and with placeholders.
  - An option that is left out is left alone. Steps are edited argument by argument. Comments, guards for availability groups and the
    order of steps stay. A step whose text is not understood is never written over; the task is refused and shows it.
  - Everything is configured before the job is enabled. It is not enabled as long as it would make no backups.
  - What could not be checked is told as a note that begins with C(not checked).
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment:
  - biztalk.fault_tolerance.attributes
  - biztalk.fault_tolerance.attributes.resource
  - biztalk.fault_tolerance.login
options:
  path:
    description:
      - Folder for the backups, as a share, a folder of the server, or the URL of a container. It is given to the full and to the log step.
      - Refused where it is longer than the procedure's parameter, which cuts it silently (128 characters).
    type: str
  share_required:
    description: Whether another site needs the files, so that a folder of the server itself is refused, also where it is written as a share.
    type: bool
    default: false
  mark_name:
    description:
      - Name of the marks, part of every file name. At most as long as the procedure's parameter (8 characters).
      - Refused where it sorts before a name that recorded log backups have, since the history step would then delete new rows.
    type: str
  frequency:
    description:
      - The period in which one full backup is due - hour, day, week, month or year.
    type: str
    choices: [h, d, w, m, y]
  backup_hour:
    description:
      - The hour of the server's local clock in which the full backup may be made. V(any) takes the restriction away.
      - When no run starts within the hour, the full backup of that period is not made.
    type: str
    choices: [any, '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21',
              '22', '23']
  use_local_time:
    description:
      - Whether periods, marks and history use the server's local clock instead of UTC. Given to every step that takes it.
      - Rows that were recorded before a change stay in the other clock.
    type: bool
  full_after_partial_set:
    description: Whether a full backup is made at once after a set that is not complete, and not in the next period only.
    type: bool
  compression:
    description: Whether backups are compressed. SSODB never is by this job.
    type: bool
  history_days:
    description:
      - Days for which rows of the backup history are kept. Files are not deleted.
      - Mutually exclusive with O(keep_files_days).
    type: int
  keep_files_days:
    description:
      - Days for which rows of the history and the files of the backups are kept. Only where C(sp_DeleteBackupHistoryAndFiles) or
        C(sp_DeleteBackupHistoryAndFiles2013) is installed in the management database.
      - Must be longer than the period between two full backups.
    type: int
  interval_minutes:
    description: Minutes between two runs, round the clock, between 1 and 60. Every run makes log backups, so it bounds what can be lost.
    type: int
  enabled:
    description:
      - Whether the job is enabled. Refused where it would make no backups, with the reason.
      - Steps that run in a system database are moved to the management database, where their procedures are. Refused where one runs in the
        database of another group.
    type: bool
notes:
  - The login must be a member of C(sysadmin), or own the job and be able to execute the procedures of C(msdb) that change jobs.
  - On an availability group the job of each replica is configured by itself.
seealso:
  - module: biztalk.fault_tolerance.biztalk_backup_database
  - module: biztalk.fault_tolerance.sql_agent_job
  - name: How to configure the Backup BizTalk Server job
    description: Microsoft's description of the job.
    link: https://learn.microsoft.com/biztalk/core/how-to-configure-the-backup-biztalk-server-job
"""

EXAMPLES = r"""
- name: Full backups at two in the night, log backups every quarter of an hour
  biztalk.fault_tolerance.biztalk_backup_job:
    path: '\\vault.contoso.test\bts'
    mark_name: BTS
    frequency: d
    backup_hour: 2
    use_local_time: true
    full_after_partial_set: true
    compression: true
    history_days: 14
    interval_minutes: 15
    enabled: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, in order. Where a change failed, those before it.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: What was there.
      type: raw
      returned: always
    after:
      description: What is planned to be there.
      type: raw
      returned: always
    risk:
      description: What speaks against it, in one sentence, or empty.
      type: str
      returned: always
    text:
      description: The change in one line.
      type: str
      returned: always
  sample:
    - path: steps[MarkAndBackupLog]
      before: {"path": "D:\\backup"}
      after: {"path": "\\\\vault.contoso.test\\bts"}
      risk: ""
      text: 'steps[MarkAndBackupLog]: path D:\backup -> path \\vault.contoso.test\bts'
undo:
  description: Options of this module that bring back what was there before. What cannot be brought back is left out, as a placeholder.
  returned: always
  type: dict
  sample: {"enabled": false}
notes:
  description: What the plan warns of, and what could not be checked. Without check mode it is also printed before anything starts.
  returned: always
  type: list
  elements: str
  sample: []
host:
  description: The inventory host that stands for the instance.
  returned: always
  type: str
  sample: sqlbts
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: biztalk_backup_job
"""

from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import (
    agent_job,
    backup_job,
    backup_steps,
    backup_target,
    job_step,
    observed,
)
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.agent_job import Refused
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.login import LOGIN_SPEC
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT

CARRIER = "sql"
AREAS = ["agent", "backup_history", "sql"]

ARGUMENT_SPEC = dict(
    path=dict(type="str"),
    share_required=dict(type="bool", default=False),
    mark_name=dict(type="str"),
    frequency=dict(type="str", choices=["h", "d", "w", "m", "y"]),
    backup_hour=dict(type="str", choices=[backup_steps.ANY_HOUR, *map(str, range(24))]),
    use_local_time=dict(type="bool"),
    full_after_partial_set=dict(type="bool"),
    compression=dict(type="bool"),
    history_days=dict(type="int"),
    keep_files_days=dict(type="int"),
    interval_minutes=dict(type="int"),
    enabled=dict(type="bool"),
    **LOGIN_SPEC,
)


def plan(options, snapshot):
    """The changes that bring the job to *options*: everything is configured before it is enabled, and it is disabled before anything."""
    areas = snapshot["areas"]
    try:
        return _plan(options, areas["agent"], areas["backup_history"], areas["sql"])
    except Refused as refused:
        return Plan(refusal=str(refused))


def _plan(options, agent, history, sql):
    if options.get("history_days") is not None and options.get("keep_files_days") is not None:
        raise Refused("history_days and keep_files_days exclude one another: the step keeps rows, or rows and files, for one number of days.")
    backup_target.check_options(options)
    agent_job.check_interval(options.get("interval_minutes"))
    jobs = agent_job.jobs_of(agent)
    biztalk = history if observed.is_hole(history) else history["biztalk"]
    management = options.get("management_database") or (None if biztalk is None or observed.is_hole(biztalk) else biztalk["management_database"])
    job = _find(jobs, management)
    for step in agent_job.seen(job["steps"], "The steps of the job"):
        agent_job.seen(step, "The steps of the job")
    before = backup_job.read(job)
    compression = _compression(options, before, biztalk)
    steps, commands = backup_steps.plan(job, before, options, _deleting(options, before, biztalk), management)
    after = backup_job.read(job, commands)
    schedule = agent_job.schedule_change(agent, job, jobs, options.get("interval_minutes"), agent_job.NAME_OF_SCHEDULE)
    enabled = agent_job.enabled_change(job, options.get("enabled"))
    enabling = enabled is not None and enabled.after
    _check_roles(options, before)
    warnings = _judged(options, job, before, after, steps, biztalk, history, sql, management, enabling)
    why = options.get("enabled") and _makes_nothing(job, after, schedule, agent)
    if why and enabling:
        raise Refused(f"The job is not enabled as long as it {why}.")
    if why:
        warnings.append(f"The job is enabled, and it {why}.")
    changes = [*compression, *(_with_risk(change, biztalk) for change in steps), *([schedule] if schedule else [])]
    if enabled:
        changes.insert(len(changes) if enabling else 0, enabled)
    return Plan(changes, warnings)


def _find(jobs, management):
    """The job of the management database, the only one where that database is not known. Raises Refused."""
    found = [job for job in jobs if job_step.is_backup_job(job["name"])]
    names = ", ".join(job["name"] for job in found)
    if management is not None:
        job = backup_job.find(jobs, management)
        if job is None and found:
            raise Refused(f"This instance has no job Backup BizTalk Server ({management}), only {names}: that is the job of another management "
                          "database. Rename it if it is not, or set management_database.")
        found = [job] if job else []
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(f"There are several jobs ({names}), and which is meant is not known: set management_database.")
    raise Refused("This instance has no job Backup BizTalk Server. It is on the instance of the management database; BizTalk's configuration makes it.")


def _check_roles(options, reading):
    """Refuses options for a step that the job does not have."""
    for role in ("full", "log", "clean"):
        wanted = [option for option in backup_steps.ARGUMENTS[role].values() if options.get(option) is not None]
        if role == "clean":
            wanted = [option for option in ("history_days", "keep_files_days") if options.get(option) is not None]
        if wanted and not backup_steps.of_role(reading, role):
            raise Refused(f"The job has no step that calls {backup_steps.PROCEDURES[role]}, which {wanted[0]} belongs to. Add the step as the "
                          "product delivers it.")


def _compression(options, reading, biztalk):
    """Where a job of three steps has no step for it, the setting itself is changed."""
    wanted = options.get("compression")
    if wanted is None or backup_steps.of_role(reading, "compression"):
        return []
    if biztalk is None:
        raise Refused("The job has no step for compression, and this instance holds no management database to set it in.")
    settings = agent_job.seen(agent_job.seen(biztalk, "The management database")["settings"], "The setting of the compression")
    if settings["use_compression"] == wanted:
        return []
    return [Change(("compression",), settings["use_compression"], wanted,
                   [agent_job.call("dbo.sp_SetBackupCompression", MANAGEMENT, bCompression=int(wanted))], undo={"compression": settings["use_compression"]})]


def _deleting(options, reading, biztalk):
    """The procedure that deletes files, where one is wanted. Raises Refused where none is known to be installed."""
    if options.get("keep_files_days") is None:
        return None
    called = [step["procedure"] for step in backup_steps.of_role(reading, "clean") if step["procedure"] in backup_job.DELETES_FILES]
    if called:
        return called[0]
    if biztalk is None:
        raise Refused("This instance holds no management database, so no procedure that deletes files is installed.")
    rows = agent_job.seen(agent_job.seen(biztalk, "The management database")["procedures"], "The procedures of the management database")
    names = {row["name"].casefold() for row in rows if not observed.is_hole(row)}
    found = next((name for name in backup_job.DELETES_FILES if name.casefold() in names), None)
    if found is None:
        for row in rows:
            agent_job.seen(row, "The procedures of the management database")
        raise Refused("Neither sp_DeleteBackupHistoryAndFiles nor sp_DeleteBackupHistoryAndFiles2013 is installed in the management database. "
                      "Microsoft's post-configuration guide has their text; until then use history_days.")
    return found


def _judged(options, job, before, after, steps, biztalk, history, sql, management, enabling):
    """What to warn of. Raises Refused where what the job would run with does harm."""
    making = [step for role in ("full", "log") for step in backup_steps.of_role(after, role) if step["verdict"] == job_step.CONFIGURED]
    paths = {step["arguments"]["path"] for step in making}
    changed = {argument for change in steps for argument in change.after}
    in_group = _in_group(sql, management)
    warnings = [f"The text of the step {step['step_name']} is not understood and is left as it is: {step['problem']}"
                for step in after["steps"] if step["verdict"] == job_step.UNKNOWN_TEXT]
    if enabling or "path" in changed or "mark_name" in changed:
        backup_target.check_lengths(making, biztalk)
        warnings += backup_target.check_place(paths, options.get("share_required"), in_group, sql)
    if "mark_name" in changed:
        backup_target.check_mark_name(job, before, options.get("mark_name"), biztalk)
    warnings += backup_target.check_retention(options, after, paths)
    for argument, what in (("mark_name", "mark names"), ("use_local_time", "clocks")):
        if len({backup_job.value(step, argument) for step in making}) > 1:
            warnings.append(f"The steps for full and for log backups have different {what}.")
    for step in backup_steps.of_role(after, "full"):
        frequency, hour = (backup_job.value(step, argument) for argument in ("frequency", "backup_hour"))
        if frequency == "h" and hour is not None:
            warnings.append("The hour of the full backup means nothing with a full backup every hour.")
        if frequency in ("w", "m", "y") and not backup_job.value(step, "force_full"):
            warnings.append("After a set that is not complete, log backups are worthless until the next full one, a long time here: "
                            "set full_after_partial_set.")
    if job["running"] is True and steps:
        warnings.append("The job is running: the run that goes on may still use what was there before.")
    if enabling or steps:
        warnings += backup_target.foreign_logs(history, biztalk)
    if enabling or "path" in changed:
        warnings += backup_target.unchecked(paths, history, biztalk, sql)
    if (enabling or steps) and management is None:
        warnings.append("not checked: whether the steps run in the management database, whose name is not known; set management_database")
    unguarded = enabling and any(step["guard"] == job_step.NONE for step in making)
    if unguarded and observed.is_hole(in_group):
        warnings.append("not checked: whether the management database is in an availability group, on whose other replicas the steps would fail, "
                        f"since they do not ask for the primary one ({observed.detail(in_group)})")
    elif unguarded and in_group:
        warnings.append("The management database is in an availability group, and the steps do not ask whether this replica is the primary one: "
                        "on every other they fail.")
    return warnings


def _in_group(sql, management):
    """Whether the management database is in an availability group; a hole where that was not seen."""
    databases = sql if observed.is_hole(sql) else sql["databases"]
    if observed.is_hole(databases) or not management:
        return databases if observed.is_hole(databases) else observed.hole("missing", "The name of the management database is not known.")
    found = next((one["in_availability_group"] for one in databases
                  if not observed.is_hole(one) and one["name"].casefold() == management.casefold()), None)
    unseen = next(filter(observed.is_hole, databases), observed.hole("missing", f"The instance shows no database {management}."))
    return unseen if found is None else found


def _makes_nothing(job, after, schedule, agent):
    """Why the job would make no backups, or that this is not known; None where it would make them."""
    for role in ("full", "log"):
        if after[role]:
            continue
        found = backup_steps.of_role(after, role)
        why = "there is no such step" if not found else _why_not(found[0])
        return f"makes no {role} backups: {why}"
    interval = backup_job.interval_minutes(job, agent["local_clock"])
    if schedule is None and observed.is_hole(interval):
        return f"is not known to be started: its schedules could not be read: {observed.detail(interval)}"
    if schedule is None and interval is None:
        return "is started by no enabled schedule again and again from now on: give interval_minutes"
    return None


def _why_not(step):
    if step["verdict"] == job_step.PLACEHOLDER:
        return f"the path of the step {step['step_name']} is still the placeholder; give path"
    if step["verdict"] == job_step.COMMENTED_OUT:
        return f"the step {step['step_name']} is commented out; give path and mark_name"
    if step["verdict"] == job_step.UNKNOWN_TEXT:
        return f"the text of the step {step['step_name']} is not understood ({step['problem']})"
    return f"the step {step['step_name']} is never reached from the first one"


def _with_risk(change, biztalk):
    """A change of the clock has a risk where backups are recorded, or may be."""
    if not isinstance(change.before, dict) or "use_local_time" not in change.after:
        return change
    if biztalk is not None and not observed.is_hole(biztalk) and biztalk["history"] == []:
        return change
    return replace(change, risk="Times recorded before stay in the other clock and are compared with it: the next full backup may come a period "
                                "early or late, and rows may be deleted earlier.")


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.biztalk_backup_job runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
