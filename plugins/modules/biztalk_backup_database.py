# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: biztalk_backup_database
short_description: Have a custom database backed up together with BizTalk's
version_added: 0.1.0
description:
  - Registers a database in C(adm_OtherBackupDatabases) of the management database, so that the job C(Backup BizTalk Server) backs it up and
    marks its log in the same transaction, or takes the registration away.
  - A database that has just been registered has no full backup, and every log backup of the group fails on it until it has one. So the next
    run of the job is told to make a full backup of all databases (C(sp_ForceFullBackup)), in the same plan.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment:
  - biztalk.fault_tolerance.attributes
  - biztalk.fault_tolerance.attributes.resource
  - biztalk.fault_tolerance.login
options:
  database:
    description: Name of the database, in any case.
    type: str
    required: true
  state:
    description: Whether it is registered.
    type: str
    choices: [present, absent]
    default: present
  server:
    description:
      - The SQL Server that holds it, as the job shall call it. For a database of an availability group the listener.
      - Left out, the instance itself, and with O(state=absent) any.
    type: str
  friendly_name:
    description:
      - What the row is called, C(DefaultDatabaseName). Left out, what it is called already, and of a new row the name of the database.
      - C(SSODB) is registered as V(SSO) and as nothing else. By this name the job knows that the procedures of that database take no
        compression; under any other every set is partial as soon as the job compresses.
    type: str
notes:
  - C(Backup_Setup_All_Procs.sql) and C(Backup_Setup_All_Tables.sql) of BizTalk Server must have been run in the database, and again after
    updates that change them. Its recovery model must be full.
  - For a database of another server, a linked server and a user in the role C(BTS_BACKUP_USERS) are needed there.
  - The login needs INSERT and DELETE on C(adm_OtherBackupDatabases) and EXECUTE on C(sp_ForceFullBackup).
seealso:
  - module: biztalk.fault_tolerance.biztalk_backup_job
  - name: How to back up custom databases
    description: Microsoft's description of what a custom database needs.
    link: https://learn.microsoft.com/biztalk/core/how-to-back-up-custom-databases
"""

EXAMPLES = r"""
- name: The orders are restored to the same mark as BizTalk
  biztalk.fault_tolerance.biztalk_backup_database:
    database: OrdersDb

- name: A database of an availability group is called by its listener
  biztalk.fault_tolerance.biztalk_backup_database:
    database: StockDb
    server: BTSLSN
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
    - path: registered
      before: null
      after: {"server": "SQLBTS\\BTS", "friendly_name": "OrdersDb"}
      risk: ""
      text: 'registered: nothing -> server SQLBTS\BTS, friendly_name OrdersDb'
undo:
  description: Options of this module that bring back what was there before. What cannot be brought back is left out.
  returned: always
  type: dict
  sample: {"database": "OrdersDb", "server": "SQLBTS\\\\BTS", "state": "absent"}
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
  sample: biztalk_backup_database OrdersDb
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import agent_job, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.agent_job import Refused, seen
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.login import LOGIN_SPEC
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT, Statement

CARRIER = "sql"
AREAS = ["backup_history", "sql"]
KEY = "database"

ARGUMENT_SPEC = dict(
    database=dict(type="str", required=True),
    state=dict(type="str", choices=["present", "absent"], default="present"),
    server=dict(type="str"),
    friendly_name=dict(type="str"),
    **LOGIN_SPEC,
)

INSERT = "INSERT INTO dbo.adm_OtherBackupDatabases (DefaultDatabaseName, DatabaseName, ServerName, BTSServerName) VALUES (?, ?, ?, ?);"
DELETE = "DELETE FROM dbo.adm_OtherBackupDatabases WHERE DefaultDatabaseName = ? AND BTSServerName = ?;"
SCRIPTS = "BizTalk's scripts Backup_Setup_All_Procs.sql and Backup_Setup_All_Tables.sql"
SSO = "SSO"          # the friendly name by which BizTalk's sp_IsSSODB knows the database,
SSODB = "SSODB"      # which is called so
LONGEST = {"database": 128, "friendly_name": 128, "server": 80}


def plan(options, snapshot):
    """The changes that register a database, or take its registration away."""
    history, sql = snapshot["areas"]["backup_history"], snapshot["areas"]["sql"]
    try:
        for option, longest in LONGEST.items():
            if options.get(option) is not None and not 1 <= len(options[option].encode("utf-16-le")) // 2 <= longest:
                raise Refused(f"{option} must have between 1 and {longest} characters.")
        biztalk = seen(history, "The management database")["biztalk"]
        if biztalk is None:
            raise Refused("This instance holds no management database; the list of databases is in it.")
        others = [seen(row, "The list of databases") for row in seen(seen(biztalk, "The management database")["others"], "The list of databases")]
        found = [row for row in others if _same(row["database"], options["database"])
                 and (options.get("server") is None or _same(row["server"], options["server"]))]
        if options.get("state") == "absent":
            return Plan([_removed(row) for row in found])
        return _present(options, history, sql, others, found)
    except Refused as refused:
        return Plan(refusal=str(refused))


def _same(one, other):
    return one.casefold() == other.casefold()


def _removed(row):
    if _same(row["default_database"], SSO) or _same(row["database"], SSODB):
        raise Refused(f"{row['database']} is the database of Enterprise Single Sign-On and belongs to every set: it cannot be taken away.")
    before = {"server": row["server"], "friendly_name": row["default_database"]}
    return Change(("registered", f"{row['server']}/{row['database']}"), before, None,
                  [Statement(DELETE, (row["default_database"], row["biztalk_server"]), MANAGEMENT)],
                  "The job no longer backs the database up, and it can no longer be restored to the mark of the others.",
                  {"state": "present", **before})


def _present(options, history, sql, others, found):
    biztalk = history["biztalk"]
    if found:
        return _registered(options, others, found, biztalk)
    database, warnings = options["database"], []
    friendly = options.get("friendly_name") or database
    _check_sso(database, friendly)
    server = options.get("server")
    here = seen(seen(sql, "The instance")["name"], "The name of the instance") if server is None else server
    local = _local(sql, database, server)
    if local is None:
        warnings.append(f"not checked: whether {database} is there, its recovery model, and whether {SCRIPTS} have been run in it")
    else:
        _check_local(local, server)
        warnings += _check_scripts(history["scripts"], local["name"], friendly)
    for row in seen(biztalk["databases"], "The databases of the job"):
        if _same(seen(row, "The databases of the job")["database"], database):
            raise Refused(f"The job backs up {database} of {row['server']} already; under a second name it would be backed up twice.")
    biztalk_server = next((row["biztalk_server"] for row in others), here)
    _check_taken(others, friendly, biztalk_server)
    insert = Change(("registered", f"{here}/{database}"), None, {"server": here, "friendly_name": friendly},
                    [Statement(INSERT, (friendly, database, here, biztalk_server), MANAGEMENT)],
                    "Until the next full backup is complete, every log backup of the group fails on it.", {"state": "absent", "server": here})
    flag = seen(biztalk["settings"], "Whether a full backup is due")["force_full"]
    return Plan([insert] if flag else [insert, _force()], warnings)


def _registered(options, others, found, biztalk):
    """A database that is registered: the row with its friendly name, and the full backup that it may still need."""
    friendly = options.get("friendly_name")
    row = next((one for one in found if friendly is None or _same(one["default_database"], friendly)), found[0])
    full = _full_of(row["database"], row["server"], biztalk)
    _check_sso(row["database"], friendly or row["default_database"])
    if friendly is None or _same(row["default_database"], friendly):
        return full
    if len(found) > 1:
        raise Refused(f"{row['database']} is registered {len(found)} times. Name the server of the one to be called {friendly}, or take one away.")
    _check_taken(others, friendly, row["biztalk_server"])
    before, after = ({"server": row["server"], "friendly_name": name} for name in (row["default_database"], friendly))
    values = (friendly, row["database"], row["server"], row["biztalk_server"])      # first the new row: no run finds none
    rename = Change(("registered", f"{row['server']}/{row['database']}"), before, after,
                    [Statement(INSERT, values, MANAGEMENT), Statement(DELETE, (row["default_database"], row["biztalk_server"]), MANAGEMENT)],
                    "", {} if _same(row["database"], SSODB) else {"state": "present", **before})
    return Plan([rename, *full.changes], full.warnings)


def _check_sso(database, friendly):
    if _same(database, SSODB) and not _same(friendly, SSO):
        raise Refused(f"{database} must be registered as {SSO}, not as {friendly}: its procedures take no compression, and only by that name does the "
                      f"job know it; else every set is partial once the job compresses. Give friendly_name {SSO}.")


def _check_taken(others, friendly, biztalk_server):
    taken = next((row for row in others if _same(row["default_database"], friendly) and _same(row["biztalk_server"], biztalk_server)), None)
    if taken:
        raise Refused(f"The friendly name {friendly} belongs to {taken['database']} of {taken['server']}. Give another friendly_name.")


def _local(sql, database, server):
    """The database as the instance shows it; None where it is another server's, or was not seen."""
    if observed.is_hole(sql) or observed.is_hole(sql["databases"]):
        return None
    found = next((one for one in sql["databases"] if not observed.is_hole(one) and _same(one["name"], database)), None)
    own = server is None or isinstance(sql["name"], str) and _same(server, sql["name"])
    if found is None and own and not any(map(observed.is_hole, sql["databases"])):
        raise Refused(f"The instance has no database {database!r}. Name the server that holds it with the option server.")
    return found if own or found and found["in_availability_group"] is True else None


def _check_local(local, server):
    name = local["name"]
    if local["system"]:
        raise Refused(f"{name} is a database of SQL Server itself and cannot be marked.")
    if local["in_availability_group"] is True and server is None:
        raise Refused(f"{name} is in an availability group: give its listener as server, so that the job finds it after a failover.")
    if isinstance(local["recovery_model"], str) and local["recovery_model"] != "FULL":
        raise Refused(f"The recovery model of {name} is {local['recovery_model']}, so its log cannot be backed up. Set it to FULL first.")
    if isinstance(local["state"], str) and local["state"] != "ONLINE":
        raise Refused(f"{name} is {local['state']}. Bring it online first.")


def _check_scripts(scripts, name, friendly):
    """What to warn of; raises Refused where the database lacks what the backup calls in it."""
    rows = [scripts] if observed.is_hole(scripts) else scripts
    found = next((row for row in rows if not observed.is_hole(row) and _same(row["database"], name)), None)
    unseen = found["installed"] if found else next((row for row in rows if observed.is_hole(row)), observed.hole("missing", f"{name} was not listed."))
    if observed.is_hole(unseen):
        return [f"not checked: whether {SCRIPTS} have been run in {name} ({observed.detail(unseen)})"]
    if not unseen:
        raise Refused(f"{name} lacks what the backup calls in it: run {SCRIPTS} there first.")
    if found["takes_compression"] is False and not _same(friendly, SSO):
        raise Refused(f"The backup procedures in {name} are older ones that take no compression, so every set is partial once the job compresses: run "
                      f"{SCRIPTS} there again. If it is the database of Enterprise Single Sign-On, give friendly_name {SSO}.")
    return []


def _full_of(database, server, biztalk):
    """A registered database that is not in the newest complete full set needs one: a plan that was cut off after the row is taken up again."""
    rows = seen(biztalk["history"], "The backup history")
    fulls = [row for row in rows if not observed.is_hole(row) and row["type"] == "full"]
    complete = [row["set_id"] for row in fulls if row["complete"]]
    if not complete and any(map(observed.is_hole, rows)):
        return Plan(warnings=[f"not checked: whether {database} has a full backup ({observed.detail(rows[-1])})"])
    if not fulls:
        return Plan()               # the next run makes a full backup by itself
    newest = max(complete, default=None)
    if any(row["set_id"] == newest and _same(row["database"], database) and _same(row["server"] or server, server) for row in fulls):
        return Plan()
    flag = seen(biztalk["settings"], "Whether a full backup is due")["force_full"]
    return Plan([] if flag else [_force()])


def _force():
    return Change(("force_full",), False, True, [agent_job.call("dbo.sp_ForceFullBackup", MANAGEMENT)],
                  "The next run of the job makes full backups of all databases, whatever the hour.")


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.biztalk_backup_database runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
