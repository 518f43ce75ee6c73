# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The jobs of SQL Server Agent that BizTalk delivers, by the databases that an instance holds.

Not among what is expected: the job "Backup BizTalk Server", which has a subject of its own.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, schedules
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived

OF_ROLE = {     # role of a database -> names of its jobs
    "management": ("CleanupBTFExpiredEntriesJob_{}", "Monitor BizTalk Server ({})"),
    "tracking": ("DTA Purge and Archive ({})",),
    "message_box": ("MessageBox_DeadProcesses_Cleanup_{}", "MessageBox_Message_Cleanup_{}", "MessageBox_Message_ManageRefCountLog_{}",
                    "MessageBox_Parts_Cleanup_{}", "MessageBox_UpdateStats_{}", "Operations_OperateOnInstances_OnMaster_{}",
                    "PurgeSubscriptionsJob_{}", "TrackedMessages_Copy_{}"),
    "rules": ("Rules_Database_Cleanup_{}",),
}
KINDS = {"MessageBox_Message_Cleanup_{}": "started_by_another", "MessageBox_Message_ManageRefCountLog_{}": "endless",
         "DTA Purge and Archive ({})": "purge", "Monitor BizTalk Server ({})": "monitor"}
QUIT_WITH_SUCCESS = 1
_BEGINNINGS = tuple(pattern.partition("{")[0].rstrip(" (_").casefold() for names in OF_ROLE.values() for pattern in names) + (
    "backup biztalk server",)


def is_delivered(name):
    """Whether a job is one of BizTalk's, by its name."""
    return name.casefold().startswith(_BEGINNINGS)


def expected(host, lists):
    """The jobs that the databases of an instance need, with what its Agent says of them; copies that wait to take over need none."""
    databases = host.fact("sql", "databases")
    if observed.is_hole(databases):
        return databases
    found, holes = [], []
    for one in databases:
        for role, patterns in OF_ROLE.items():
            used = one if observed.is_hole(one) else lists.has_role(host, one["name"], role)
            copy = used and not observed.is_hole(used) and biztalk_lists.is_copy(host, one)
            if observed.is_hole(used) or observed.is_hole(copy):
                holes.append(used if observed.is_hole(used) else copy)
            elif used and not copy:
                found += [_job(host, pattern, one["name"]) for pattern in patterns]
    return found + holes[:1]


def _job(host, pattern, database):
    name = pattern.format(database)
    jobs = host.fact("agent", "jobs")
    kind = KINDS.get(pattern, "clean_up")
    # the name without its suffix is in use, too, and the monitor's name may be translated
    plain = name.partition(" (")[0].casefold()
    unsure = f"There is no job {name}; set-up may have translated its name." if kind == "monitor" else ""
    absent = {"name": name, "kind": kind, "present": False, "enabled": False, "scheduled": False, "running": False, "last_status": None}
    job = derived.first(jobs, lambda one: one["name"].casefold() in (name.casefold(), plain), unsure or f"There is no job {name}.")
    if observed.is_hole(job):
        seen_whole = not observed.is_hole(jobs) and not derived.first_hole(jobs)
        return absent if seen_whole and not unsure else {"name": name, "kind": kind, **dict.fromkeys(list(absent)[2:], job)}
    last = job["last_run"]
    scheduled = schedules.start_anything(job["schedules"], host.fact("agent", "local_clock"))
    return {"name": name, "kind": kind, "present": True, "enabled": job["enabled"], "scheduled": scheduled,
            "running": job["running"], "last_status": last if last is None or observed.is_hole(last) else last["status"]}


def unguarded(job):
    """The steps of a job that do not ask whether their replica is the primary, unless the first step does so for all: where it fails, the
    job ends with success."""
    steps = job["steps"]
    unseen = derived.first_hole([steps] if observed.is_hole(steps) else steps)
    if unseen:
        return [unseen]
    first = next((step for step in steps if step["id"] == job["start_step_id"]), None)
    if first and first["asks_for_primary"] and first["on_fail_action"] == QUIT_WITH_SUCCESS:
        return []
    return [step["name"] for step in steps if not step["asks_for_primary"]]
