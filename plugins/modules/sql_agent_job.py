# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sql_agent_job
short_description: Enable, disable and schedule a SQL Server Agent job of BizTalk Server
version_added: 0.1.0
description:
  - Sets whether a job is enabled, who owns it, and how often it is started.
  - Refuses to enable a job that must stay disabled - C(MessageBox_Message_Cleanup), which another job starts, a job that calls
    C(adm_CleanupMgmtDB) or C(bts_CleanupMsgbox), which destroy data, and C(DTA Purge and Archive) as it is delivered.
  - For the job C(Backup BizTalk Server) use M(biztalk.fault_tolerance.biztalk_backup_job), which knows whether it would make backups.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment:
  - biztalk.fault_tolerance.attributes
  - biztalk.fault_tolerance.attributes.resource
  - biztalk.fault_tolerance.login
options:
  name:
    description: The job's whole name, exactly as it is, as V(PurgeSubscriptionsJob_BizTalkMsgBoxDb).
    type: str
    required: true
  enabled:
    description: Whether the job is enabled.
    type: bool
  owner:
    description: The login that owns the job, in any case. Only a member of C(sysadmin) can change it.
    type: str
  interval_minutes:
    description: Minutes between two runs, round the clock, between 1 and 60.
    type: int
notes:
  - The login must be a member of C(sysadmin), or own the job and be able to execute the procedures of C(msdb) that change jobs.
seealso:
  - module: biztalk.fault_tolerance.biztalk_backup_job
"""

EXAMPLES = r"""
- name: Dead processes are cleaned up every minute
  biztalk.fault_tolerance.sql_agent_job:
    name: MessageBox_DeadProcesses_Cleanup_BizTalkMsgBoxDb
    enabled: true
    owner: sa
    interval_minutes: 1
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
    - path: enabled
      before: false
      after: true
      risk: ""
      text: 'enabled: false -> true'
undo:
  description: Options of this module that bring back what was there before. What cannot be brought back is left out.
  returned: always
  type: dict
  sample: {"name": "PurgeSubscriptionsJob_BizTalkMsgBoxDb", "enabled": false}
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
  sample: sql_agent_job PurgeSubscriptionsJob_BizTalkMsgBoxDb
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import agent_job, job_step, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.agent_job import Refused
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.login import LOGIN_SPEC

CARRIER = "sql"
AREAS = ["agent", "sql"]
KEY = "name"

ARGUMENT_SPEC = dict(
    name=dict(type="str", required=True),
    enabled=dict(type="bool"),
    owner=dict(type="str"),
    interval_minutes=dict(type="int"),
    **LOGIN_SPEC,
)

STARTED_BY_ANOTHER = "messagebox_message_cleanup"
PURGE = "dta purge and archive"


def plan(options, snapshot):
    """The changes that bring a job to *options*. It is disabled first and enabled last."""
    agent, sql = snapshot["areas"]["agent"], snapshot["areas"]["sql"]
    try:
        agent_job.check_interval(options.get("interval_minutes"))
        jobs = agent_job.jobs_of(agent)
        job = _find(jobs, options["name"])
        owner, warnings = _owner_change(job, options.get("owner"), sql)
        _check_schedule(job, options)
        schedule = agent_job.schedule_change(agent, job, jobs, options.get("interval_minutes"), f"{job['name'][:110]} schedule")
        enabled = agent_job.enabled_change(job, options.get("enabled"))
        if enabled and enabled.after:
            _check_enabling(job)
            if schedule is None and not agent_job.is_started(agent, job):
                warnings.append("No enabled schedule starts the job from now on.")
    except Refused as refused:
        return Plan(refusal=str(refused))
    changes = [change for change in (owner, schedule) if change]
    if enabled:
        changes.insert(len(changes) if enabled.after else 0, enabled)
    return Plan(changes, warnings)


def _find(jobs, name):
    found = next((job for job in jobs if job["name"] == name), None)
    if found:
        return found
    like = sorted(job["name"] for job in jobs if job["name"].casefold() == name.casefold())
    raise Refused(f"The instance has no job {name!r}." + (f" It has {', '.join(map(repr, like))}: names are compared letter by letter." if like else ""))


def _owner_change(job, wanted, sql):
    """``(the change of the owner or None, warnings)``."""
    if wanted is None or (job["owner"] or "").casefold() == wanted.casefold():
        return None, []
    undo = {"owner": job["owner"]} if job["owner"] else {}
    change = Change(("owner",), job["owner"], wanted, [agent_job.update(job, owner_login_name=wanted)], undo=undo)
    logins = sql if observed.is_hole(sql) else sql["logins"]
    if observed.is_hole(logins) or any(map(observed.is_hole, logins)):
        return change, [f"not checked: whether {wanted} is a login of the instance"]
    login = next((one for one in logins if one["name"].casefold() == wanted.casefold()), None)
    if login is None:
        raise Refused(f"The instance has no login {wanted!r}. Create it first, or name one that is there.")
    if login["kind"] == "windows_group":
        raise Refused(f"{wanted} is a group, and a group cannot own a job.")
    return change, [f"The login {wanted} is disabled."] if login["disabled"] is True and login["name"] != "sa" else []


def _check_schedule(job, options):
    if options.get("interval_minutes") is not None and job["name"].casefold().startswith(STARTED_BY_ANOTHER):
        raise Refused(f"{job['name']} is started by MessageBox_Message_ManageRefCountLog and must have no schedule.")


def _check_enabling(job):
    """Refuses to enable what must stay disabled."""
    low = job["name"].casefold()
    if low.startswith(STARTED_BY_ANOTHER):
        raise Refused(f"{job['name']} must stay disabled: MessageBox_Message_ManageRefCountLog starts it.")
    if job_step.is_backup_job(job["name"]):
        raise Refused(f"{job['name']} is enabled by biztalk_backup_job, which sees to it that it makes backups.")
    for step in agent_job.seen(job["steps"], "The steps of the job"):
        agent_job.seen(step, "The steps of the job")
        if step["destroys"]:
            raise Refused(f"The step {step['name']} calls {step['destroys']}, which destroys data of BizTalk Server.")
        if low.startswith(PURGE) and step["command"]:
            reading = job_step.read(step["command"], job["name"], step["subsystem"])
            if reading.procedure == "dtasp_BackupAndPurgeTrackingDatabase" and not reading.arguments.get("folder"):
                raise Refused(f"The step {step['name']} has no folder for archives, as it is delivered: it would fail every time. Configure it first.")


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.sql_agent_job runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
