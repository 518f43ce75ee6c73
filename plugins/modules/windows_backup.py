# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: windows_backup
short_description: Run a backup of Windows Server Backup now
version_added: 0.2.0
description:
  - Runs the scheduled policy of a Windows host now, and follows it to its end. Its result is told by Windows' code, not by a text.
  - Nothing is done where the newest backup ended well, and not longer ago than O(max_age_hours).
  - The backup belongs to Windows' own service. It goes on when the connection ends or the playbook is stopped; the next run finds and follows it.
    A second one is never started beside it.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  max_age_hours:
    description: A backup that ended well this many hours ago or less is recent enough.
    type: int
    default: 24
  timeout:
    description: After this many seconds nobody waits any longer. The backup goes on.
    type: int
    default: 86400
notes:
  - The account must belong to the host's Administrators or Backup Operators.
  - A policy whose target is a share overwrites the backup before; while it runs, and when it fails, there may be none.
  - 'What comes of it is restored as M(biztalk.fault_tolerance.windows_backup_policy) describes: files and volumes with C(wbadmin start recovery),
    the system state with C(wbadmin start systemstaterecovery), a lost server with C(wbadmin start sysrecovery) from the installation media.'
seealso:
  - module: biztalk.fault_tolerance.windows_backup_policy
  - module: biztalk.fault_tolerance.windows_backup_info
"""

EXAMPLES = r"""
- name: Back the server up before its cumulative update
  biztalk.fault_tolerance.windows_backup:
    max_age_hours: 4
"""

RETURN = r"""
changes:
  description: The backup that was run or found running, or in check mode would be started.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: What is changed.
      type: str
      returned: always
    before:
      description: When the newest backup that succeeded ended, or null.
      type: raw
      returned: always
    after:
      description: What comes of it.
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
  sample: []
undo:
  description: Empty, since a backup is not taken back.
  returned: always
  type: dict
  sample: {}
notes:
  description: What the plan warns of.
  returned: always
  type: list
  elements: str
  sample: []
host:
  description: The host that the task talked to.
  returned: always
  type: str
  sample: bts01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: windows_backup
"""

from datetime import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import long_work, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import windows_backup as words
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import windows_backup as area
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, ref
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan

AREAS = ["windows_backup"]

ARGUMENT_SPEC = dict(
    max_age_hours=dict(type="int", default=24),
    timeout=dict(type="int", default=86400),
)

POLLS_UNTIL_SEEN = 20       # the engine shows a run that was just started, and one that just ended, after some seconds

REFUSALS = {
    "age": "max_age_hours is {hours}, and must be 1 or more: a backup that just ended must be recent enough.",
    "feature": "Windows Server Backup is not installed here. Install the feature Windows-Server-Backup first.",
    "unread": "Whether a backup is due, or runs already, was not seen, so none is started: {why}",
    "policy": "Nothing is scheduled on this host, so it is not known what to back up. Set that with windows_backup_policy first.",
    "busy": "The backup engine is busy with something else ({type}) since {since}. Let that end first.",
}


class Refused(Exception):
    """The plan cannot be made; the text says why."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def plan(options, snapshot):
    """The run that is due, or the one that goes on already."""
    try:
        return _plan(options, snapshot["areas"]["windows_backup"])
    except Refused as refused:
        return Plan(refusal=str(refused))


def _plan(options, found):
    if options["max_age_hours"] < 1:
        raise Refused("age", hours=options["max_age_hours"])
    if not _known(_known(found)["installed"]):
        raise Refused("feature")
    running, history = _known(found["running"]), [_whole(one) for one in _known(found["history"])]
    backups = sorted((one for one in history if one["type"] == "Backup"), key=lambda one: one["since"] or "", reverse=True)
    good = next((one for one in backups if one["result"] == 0 and one["detail"] == 0), None)
    before = good and good["ended"]
    if running is None and before and good is backups[0] and _seconds(_known(found["clock"])) - _seconds(before) <= options["max_age_hours"] * 3600:
        return Plan()
    if _known(found["policy"]) is None:
        raise Refused("policy")
    last = max((one["since"] for one in history if one["since"]), default=None)
    if running is not None:
        if running["type"] != "Backup":
            raise Refused("busy", type=running["type"], since=running["since"])
        return Plan([_change(before, [], f"the one that runs since {running['since']}", last, options)])
    steps = [call("policy", area.WSB + "Get-WBPolicy", needs=area.MODULE, on_error="stop"),
             call("start", area.WSB + "Start-WBBackup", {"Policy": ref("policy"), "Async": True, "Force": True}, needs=area.MODULE, on_error="stop")]
    shares = [target["path"] for target in _known(found["policy"]["targets"]) if _known(target)["kind"] == "share"]
    risk = f"The backup on {shares[0]} is overwritten: until this one succeeds there may be none." if shares and before else ""
    return Plan([_change(before, steps, "a new one", last, options, risk)])


def _known(value):
    if observed.is_hole(value):
        raise Refused("unread", why=observed.detail(value))
    return value


def _whole(one):
    for name in ("type", "since", "ended", "result", "detail"):
        _known(_known(one)[name])
    return one


def _seconds(instant):
    return datetime.fromisoformat(instant[:19] + "+00:00").timestamp()


def _change(before, steps, after, last, options, risk=""):
    select = {"select": area.JOB, "needs": area.MODULE}
    poll = [call("job", area.WSB + "Get-WBJob", **select), call("previous", area.WSB + "Get-WBJob", {"Previous": 1}, **select)]
    wait = long_work.Wait("the backup of Windows Server Backup", poll, Follow(last), timeout=options["timeout"])
    return Change(("backup",), before, after, steps, risk, wait=wait)


class Follow:
    """What a poll means. *last*: when the newest run before this one began, so that its result is not taken for this one's."""

    def __init__(self, last):
        self.last, self.unseen = last, 0

    def __call__(self, answer):
        now = rows.every(answer, "job", lambda row, index: area.job(row))
        if observed.is_hole(now) or observed.first_hole(now):
            return long_work.Progress(long_work.RUNNING, f"it could not be seen: {observed.detail(now if observed.is_hole(now) else observed.first_hole(now))}")
        busy = next((one for one in now if one["type"] not in (None, "None")), None)
        if busy:
            return long_work.Progress(long_work.RUNNING, f"it runs{': ' + busy['doing'] if isinstance(busy['doing'], str) else ''}", since=busy["since"])
        ended = rows.every(answer, "previous", lambda row, index: area.job(row))
        unseen = ended if observed.is_hole(ended) else observed.first_hole(ended)
        if unseen:
            return long_work.Progress(long_work.RUNNING, f"its result could not be read: {observed.detail(unseen)}")
        newest = ended[0] if ended else None
        if newest is None or observed.is_hole(newest["since"]) or newest["since"] is None or (self.last and newest["since"] <= self.last):
            self.unseen += 1
            if self.unseen > POLLS_UNTIL_SEEN:
                return long_work.Progress(long_work.FAILED, "the backup engine does nothing, and knows of no run that began after the task.")
            return long_work.Progress(long_work.RUNNING, "the backup engine does not show it yet")
        return _judged(newest)


def _judged(job):
    """A run that ended, by its codes."""
    for name in ("result", "detail"):
        if observed.is_hole(job[name]) or job[name] is None:
            return long_work.Progress(long_work.FAILED, f"it ended, and its result could not be read ({name}).", since=job["since"])
        if job[name] != 0:
            return long_work.Progress(long_work.FAILED, f"{words.says(job[name])}.", since=job["since"])
    return long_work.Progress(long_work.DONE, f"it succeeded, as {job['version']}", 1.0, job["since"])


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.windows_backup runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
