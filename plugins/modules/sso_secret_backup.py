# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sso_secret_backup
short_description: Say whether the master secret must be backed up, and how
version_added: 0.2.0
description:
  - Tells by ENTSSO's events (10559 backed up, 10589 not backed up, 10525 a new secret) and by the backup files whether the master secret that
    this server holds has a backup that is good enough, and gives the exact steps for a person where it has not.
  - It never takes the backup itself. The password of the backup belongs to people, and must pass neither through a command line nor through a
    controller; ssoconfig asks for it on the console, and prints its reminder.
  - Changes nothing. With O(fail=true) the task fails while a backup is needed, so that a pipeline stops there.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only]
options:
  max_age_days:
    description: How old the newest backup may be. Microsoft recommends to renew it regularly, for example once a month.
    type: int
    default: 31
  secret_backup:
    description: >-
      Folder or file where the backup is kept, as on a volume that goes into custody. The inventory's C(sso_secret_backup) where it is left out.
    type: str
  fail:
    description: Whether the task fails while a backup is needed.
    type: bool
    default: false
notes:
  - "To restore the secret: on the master secret server, as an administrator of SSO, from an elevated prompt in the folder of ENTSSO, run
    C(ssoconfig -restoreSecret FILE) and type the password of that file. On a cluster do so on every node while it owns the role of ENTSSO. Then
    restart ENTSSO there, wait for event 10523, and only then restart ENTSSO and the host instances of other servers."
  - A restore with a build of ENTSSO that is older than the one which took the backup may leave data that cannot be decrypted; compare versions
    with M(biztalk.fault_tolerance.sso_info) first.
seealso:
  - module: biztalk.fault_tolerance.sso_info
  - module: biztalk.fault_tolerance.backup_vault
"""

EXAMPLES = r"""
- name: Stop the release while the master secret has no good backup
  biztalk.fault_tolerance.sso_secret_backup:
    max_age_days: 31
    secret_backup: D:\Custody
    fail: true
"""

RETURN = r"""
needed:
  description: Whether a backup must be taken on this server. Null where that cannot be told; RV(reasons) says why.
  returned: when the server answered
  type: bool
  sample: true
reasons:
  description: Why, or why that cannot be told; one sentence each.
  returned: when the server answered
  type: list
  elements: str
  sample: ["ENTSSO has warned that there is no backup (event 10589), and has logged none since."]
instruction:
  description: What a person does, step by step; empty where nothing is needed.
  returned: when the server answered
  type: list
  elements: str
  sample: []
backed_up_at:
  description: The instant of the newest backup of which there is an event or a file. Null where there is none.
  returned: when the server answered
  type: str
  sample: "2026-11-12T08:00:00Z"
"""

from datetime import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import master_secret, observed

AREAS = ["platform", "sso"]

ARGUMENT_SPEC = dict(
    max_age_days=dict(type="int", default=31),
    secret_backup=dict(type="str", no_log=False),
    fail=dict(type="bool", default=False),
)


def about(options):
    """What stands for the inventory's variables while the area is read."""
    return {"sso_secret_backup": options["secret_backup"]} if options["secret_backup"] else {}


def inform(options, snapshot):
    """``needed``, ``reasons``, ``instruction`` and ``backed_up_at`` for the task's result."""
    sso, clock = snapshot["areas"]["sso"], snapshot["areas"]["platform"]
    clock = clock if observed.is_hole(clock) else clock["clock"]
    if observed.is_hole(sso):
        return {"failed": True, "msg": f"Enterprise Single Sign-On of this host could not be read: {observed.detail(sso)}"}
    needed, reasons, newest = _judged(sso, clock, options["max_age_days"])
    result = {"needed": needed, "reasons": reasons, "instruction": [] if needed is False else _instruction(options), "backed_up_at": newest}
    if options["fail"] and needed is not False:
        return {**result, "failed": True, "msg": f"The master secret {'needs a backup' if needed else 'may need a backup'}: {' '.join(reasons)}"}
    return result


def _judged(sso, clock, max_age_days):
    """``(needed, reasons, instant of the newest backup)``; *needed* is None where it cannot be told."""
    unseen = observed.first_hole([sso["secret_key"], clock])
    if unseen:
        return None, [observed.detail(unseen)], None
    if not sso["secret_key"]:
        return False, ["This server holds no master secret."], None
    events = {what: master_secret.each(sso["events"][what]) for what in master_secret.EVENTS}
    found = master_secret.backup(events, master_secret.each(sso["backups"]), [sso["log_since"]])
    newest, changed = found["backed_up_at"], found["changed_at"]
    unseen = observed.first_hole([newest, changed, found["warned_since"]])
    if unseen:
        return None, [observed.detail(unseen)], None
    reasons = []
    if newest is None:
        reasons.append("Neither an event (10559) nor a file shows a backup of the master secret.")
    if found["warned_since"]:
        reasons.append("ENTSSO has warned that there is no backup (event 10589), and has logged none since.")
    if newest and changed and changed > newest:
        reasons.append(f"The secret was made or restored at {changed}, after the newest backup of {newest}.")
    if newest and _days(newest, clock) > max_age_days:
        reasons.append(f"The newest backup is {_days(newest, clock)} days old; {max_age_days} are allowed.")
    if reasons:
        return True, reasons, newest
    if observed.is_hole(found["covers_change"]):
        return None, [observed.detail(found["covers_change"])], newest
    return False, [f"The newest backup is of {newest}."], newest


def _days(since, clock):
    """Whole days between two instants, ISO 8601 UTC."""
    first, last = (datetime.strptime(instant[:19], "%Y-%m-%dT%H:%M:%S") for instant in (since, clock))
    return (last - first).days


def _instruction(options):
    place = options["secret_backup"] or "a folder on an NTFS volume or on removable media, of which only administrators of SSO may read"
    return [
        "Log on to the master secret server itself - on a cluster to the node that owns ENTSSO - as a Windows administrator and SSO administrator.",
        r"Open an elevated prompt in C:\Program Files\Common Files\Enterprise Single Sign-On.",
        rf"Run: ssoconfig -backupSecret <new file name>, in {place}. Type a password that is kept nowhere else, and a reminder that gives nothing away.",
        "Wait for event 10559 of ENTSSO in the Application log; 10560, 10561 and 10564 say that it failed.",
        "Take the file into custody at another site and the password to another place, two persons each, and attest both "
        "(claims secret_in_custody and secret_password_in_custody).",
        "Run this task again.",
    ]


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.sso_secret_backup runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
