# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_vault
short_description: Copy complete backup sets of a Windows host to a vault elsewhere, and compare them there
version_added: 0.2.0
description:
  - Copies the newest complete sets that the backup resources left on the host to C(<vault>\<host>\<kind>\<set>), and nothing that is not complete.
  - A set is copied by C(robocopy), which can be started again where it broke off, to the name C(<set>.partial). Then every file is read and
    hashed on both sides. Only where both are the same the folder gets its name, and its manifest comes last. A folder without a manifest that
    ends, or with another name, is an incomplete copy to everybody who looks.
  - The work is done by scheduled tasks on the host, so it survives the end of the connection. Another run finds it and follows it; nothing is
    started twice.
  - The host keeps the manifests of its copies below C(%SystemRoot%\biztalk.fault_tolerance\copies). What is left to do is told by these, so
    that the session of Ansible never has to reach the vault itself. Whether the vault still holds the copies is read at the vault, by
    M(biztalk.fault_tolerance.backup_vault_info) and by the audit.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.resource]
options:
  vault:
    description:
      - Folder that the copies go to, as the host reaches it. A share on another server, as C(\\vault02\vault), or a local path.
      - A share of the host itself is refused, since it is no other place.
    type: str
    required: true
  host:
    description: Name under which the copies stand in the vault. Left out, it is the host's computer name.
    type: str
  folder:
    description: Local folder that holds the sets. Left out, it is the inventory's C(backup_folder), else C(%SystemRoot%\biztalk.fault_tolerance\backup).
    type: str
  kinds:
    description: Kinds of sets that are copied.
    type: list
    elements: str
    choices: [biztalk, iis, sharepoint, sso]
    default: [biztalk, iis, sharepoint, sso]
  newest:
    description: How many of the newest complete sets of each kind are copied, where they are not in the vault yet. At most O(keep).
    type: int
    default: 1
  keep:
    description: How many of the copied sets of each kind stay in the vault, the newest ones. At least one always stays.
    type: int
    default: 7
  remove:
    description:
      - Whether copies beyond O(keep) are deleted in the vault. Otherwise they are only named in a note.
      - Nothing is deleted while one of the copies that stay is not complete there.
    type: bool
    default: false
  verify:
    description:
      - Which copies are read again and compared with their manifests.
      - V(due), those that were not compared for O(verify_after_days) days. V(full), all that were not compared within the last hour.
        V(none), no copy. The audit at the vault compares names, sizes and times of all copies each time, without reading them.
    type: str
    choices: [due, full, none]
    default: due
  verify_after_days:
    description: After how many days a copy is due to be read again.
    type: int
    default: 30
  account:
    description:
      - Account of the scheduled tasks. V(SYSTEM), which other servers know as the account of the computer (C(DOMAIN\HOST$)), or a group managed
        service account, as C(CONTOSO\gmsa-vault$). It needs to read the sets here, and to change what is in the vault.
    type: str
    default: SYSTEM
  timeout_hours:
    description: How long copying or comparing one set may take.
    type: int
    default: 24
notes:
  - A session by NTLM, or by Kerberos without delegation, cannot go on to another server (second hop). The copying does not need to, since it is
    done by a task of O(account). Where the vault is on another server the task says, before anything starts, as whom that server is reached.
  - The sets hold keys and passwords. Let nobody but O(account) and the administrators of the vault read there.
  - A set of more than 5000 files is not copied; pack what is in many small files.
  - >-
    To restore from a vault: take the newest set whose manifest ends (its last line holds C(lines) and C(sha256)). Copy the folder to the server.
    Compare the files with the manifest, for example with C(Get-FileHash -Algorithm SHA256). Then follow the restore procedure in the notes of
    the resource that made the set, as M(biztalk.fault_tolerance.iis_backup).
seealso:
  - module: biztalk.fault_tolerance.backup_vault_info
  - module: biztalk.fault_tolerance.iis_backup
  - name: robocopy
    description: The tool that copies.
    link: https://learn.microsoft.com/windows-server/administration/windows-commands/robocopy
"""

EXAMPLES = r"""
- name: The newest sets of each server lie in the other building
  biztalk.fault_tolerance.backup_vault:
    vault: \\vault02\vault
    account: CONTOSO\gmsa-vault$
    keep: 8
    remove: true
"""

RETURN = r"""
changes:
  description: What was copied, compared and deleted, or in check mode would be, in order. Where a change failed, those before it.
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
    - path: complete[IIS01-iis-20261124T020000Z]
      before: null
      after: \\vault02\vault\IIS01\iis\IIS01-iis-20261124T020000Z
      risk: ""
      text: 'complete[IIS01-iis-20261124T020000Z]: nothing -> \\vault02\vault\IIS01\iis\IIS01-iis-20261124T020000Z'
undo:
  description: Always empty; a copy is not taken back.
  returned: always
  type: dict
  sample: {}
notes:
  description: What the plan warns of. Without check mode it is also printed before anything starts.
  returned: always
  type: list
  elements: str
  sample: ['The tasks of this host reach \\vault02\vault as the account of the computer, IIS01$; it needs the right to change what is there.']
host:
  description: The host that the task talked to.
  returned: always
  type: str
  sample: iis01
resource:
  description: What the task is about, for reports.
  returned: always
  type: str
  sample: backup_vault \\vault02\vault
"""

import hashlib
import json
import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, long_work, observed, vault_copy
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import copies
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan

AREAS = ["copies", "jobs"]
KEY = "vault"

ARGUMENT_SPEC = dict(
    vault=dict(type="str", required=True),
    host=dict(type="str"),
    folder=dict(type="str"),
    kinds=dict(type="list", elements="str", choices=list(copies.KINDS), default=list(copies.KINDS)),
    newest=dict(type="int", default=1),
    keep=dict(type="int", default=7),
    remove=dict(type="bool", default=False),
    verify=dict(type="str", choices=["due", "full", "none"], default="due"),
    verify_after_days=dict(type="int", default=30),
    account=dict(type="str", default="SYSTEM"),
    timeout_hours=dict(type="int", default=24),
)

PART = r"[^\\/:*?\"<>|\[\]`\x00-\x1f]+"
UNC = re.compile(rf"\\\\({PART})(?:\\{PART})+")
NAME = re.compile(PART)
ACCOUNT = re.compile(r"SYSTEM|[^\\/:*?\"<>|\x00-\x1f]+\\[^\\/:*?\"<>|\x00-\x1f]+\$")
HOUR = 3600
DAY = 86400

REFUSALS = {
    "vault": "{vault!r} is neither a share such as \\\\vault02\\vault nor a local folder such as E:\\vault.",
    "here": "{vault} is a share of this very host: a copy there is lost together with the original. Name a share of another server.",
    "host": "{host!r} cannot be the name of a folder.",
    "account": "{account!r} is neither SYSTEM nor a group managed service account such as CONTOSO\\gmsa-vault$.",
    "few": "{option} is at least 1, not {value}.",
    "newest": "newest ({newest}) is more than keep ({keep}): what is copied would be deleted again.",
    "unread": "What has to be copied could not be read, so nothing is done: {why}",
    "job": "{why}",
}


class Refused(Exception):
    """The plan cannot be made; the text says why and what would help."""

    def __init__(self, reason, **values):
        super().__init__(REFUSALS[reason].format(**values))


def about(options):
    """Variables that the area is read by."""
    return {copies.VAULT: options["vault"].rstrip("\\"), **({backup_folder.VARIABLE: options["folder"]} if options["folder"] else {})}


def plan(options, snapshot):
    """The copies that are to be made, compared again and deleted, in this order."""
    try:
        work = _Work(options, snapshot)
        return Plan(work.copies() + work.comparisons() + work.removals(), work.warnings())
    except Refused as refused:
        return Plan(refusal=str(refused))


class _Work:
    """What is asked, what was seen, and the jobs that follow from it."""

    def __init__(self, options, snapshot):
        self.options, self.computer, self.clock = options, snapshot["host"]["computer"], snapshot["host"]["clock"]
        self.vault = options["vault"].rstrip("\\")
        self.host = options["host"] or self.computer
        self.known = snapshot["areas"]["jobs"]
        self._check()
        area = snapshot["areas"]["copies"]
        unread = observed.first_hole([area]) or observed.first_hole([area["notes"], area["folder"], *(area["sets"][kind] for kind in options["kinds"])])
        unread = unread or observed.first_hole([one for kind in options["kinds"] for one in area["sets"][kind]])
        if unread:
            raise Refused("unread", why=observed.detail(unread))
        self.notes_folder, self.notes = area["folder"], {note["set"]: note for note in area["notes"]}
        own = {kind: [one for one in area["sets"][kind] if one["host"].casefold() == self.computer.casefold()] for kind in options["kinds"]}
        self.incomplete = [one for sets in own.values() for one in sets if not one["complete"]]
        self.wanted = [(kind, one) for kind, sets in own.items()
                       for one in sorted((one for one in sets if one["complete"]), key=lambda one: one["taken_at"])[-options["newest"]:]]
        self.bare = [kind for kind, sets in own.items() if sets and not any(one["complete"] for one in sets)]

    def _check(self):
        share = UNC.fullmatch(self.vault)
        if not share and not backup_folder.LOCAL_FOLDER.fullmatch(self.vault):
            raise Refused("vault", vault=self.options["vault"])
        if share and share[1].split(".")[0].casefold() in (self.computer.casefold(), "localhost", "127"):
            raise Refused("here", vault=self.vault)
        if not NAME.fullmatch(self.host):
            raise Refused("host", host=self.host)
        if not ACCOUNT.fullmatch(self.options["account"]):
            raise Refused("account", account=self.options["account"])
        for option in ("newest", "keep", "verify_after_days", "timeout_hours"):
            if self.options[option] < 1:
                raise Refused("few", option=option, value=self.options[option])
        if self.options["newest"] > self.options["keep"]:
            raise Refused("newest", **self.options)

    def _target(self, kind, name):
        return rf"{self.vault}\{self.host}\{kind}\{name}"

    def _called(self, act, name):
        """``(name, identity)`` of a job about the set *name*."""
        identity = json.dumps([self.vault, self.host, name, self.options["account"]])
        return f"vault-{act}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}", identity

    def _begun(self, act, name):
        """Since when a job about the set *name* is at work; now, where there is none: what it reads may be collected much later."""
        called, _identity = self._called(act, name)
        jobs = [] if observed.is_hole(self.known) else self.known
        return next((one["since"] for one in jobs if not observed.is_hole(one) and one["name"] == called and one["since"]), self.clock)

    def _job(self, act, name, steps, what, judge, then=None):
        """The steps and the wait of a job about the set *name*."""
        called, identity = self._called(act, name)
        made, wait, refusal = long_work.job(self.known, called, identity, {"vault": steps}, what, self.options["account"], judge, then,
                                            timeout=self.options["timeout_hours"] * HOUR)
        if refusal:
            raise Refused("job", why=refusal)
        return made, wait

    def copies(self):
        changes = []
        for kind, one in self.wanted:
            name, note = one["name"], self.notes.get(one["name"])
            target = self._target(kind, name)
            if note is None:
                header = {"host": self.host, "kind": kind, "set": name, "source": one["path"], "taken_at": one["taken_at"],
                          "copied_at": self._begun("copy", name)}
                copied = vault_copy.Copied(header, one["path"], target, self.notes_folder)
                steps, wait = self._job("copy", name, vault_copy.copy_steps(one["path"], target, self.options["timeout_hours"] * HOUR),
                                        f"copying {name}", copied.judge, copied.then)
                changes.append(Change(("copied", name), None, target + vault_copy.PARTIAL, steps, wait=wait))
            if note is None or not note["done"]:
                steps, wait = self._job("complete", name, vault_copy.complete_steps(self.notes_folder, target), f"completing {name}",
                                        vault_copy.ended_with("noted"))
                changes.append(Change(("complete", name), None, target, steps, wait=wait))
        return changes

    def comparisons(self):
        changes, limit = [], {"due": self.options["verify_after_days"] * DAY, "full": HOUR, "none": None}[self.options["verify"]]
        for note in self.notes.values():
            if limit is None or not note["done"]:
                continue
            name, target = note["set"], self._target(note["kind"], note["set"])
            due = backup_folder.seconds_between(note["verified_at"], self.clock) > limit
            if due:
                compared = vault_copy.Compared(name, target, self.notes_folder, self._begun("verify", name))
                steps, wait = self._job("verify", name, vault_copy.verify_steps(self.notes_folder, target), f"comparing {name} with its manifest",
                                        compared.judge, compared.then)
                changes.append(Change(("compared", name), note["verified_at"], self.clock, steps, wait=wait))
            if due or not note["told"]:
                steps, wait = self._job("tell", name, vault_copy.tell_steps(self.notes_folder, target), f"noting that {name} was compared",
                                        vault_copy.ended_with("told"))
                changes.append(Change(("told", name), note["verified_at"], self.clock, steps, wait=wait))
        return changes

    def _surplus(self):
        """``[(note, the sets of its kind that stay)]``: copies beyond ``keep``, oldest first, with what is about to be copied counted in."""
        found = []
        for kind in self.options["kinds"]:
            here = {note["set"]: note["taken_at"] for note in self.notes.values() if note["kind"] == kind and note["done"]}
            there = {**here, **{one["name"]: one["taken_at"] for wanted, one in self.wanted if wanted == kind}}
            order = sorted(there, key=lambda name: (there[name], name), reverse=True)
            stay, go = order[:self.options["keep"]], order[self.options["keep"]:]
            found += [(self.notes[name], stay) for name in reversed(go) if name in here]
        return found

    def removals(self):
        changes = []
        for note, stay in self._surplus() if self.options["remove"] else []:
            name, target = note["set"], self._target(note["kind"], note["set"])
            kept = [self._target(note["kind"], one) for one in stay]
            steps, wait = self._job("remove", name, vault_copy.remove_steps(self.notes_folder, target, kept), f"deleting {name}",
                                    vault_copy.ended_with("note"))
            changes.append(Change(("sets", name), target, None, steps, risk="It is deleted for good.", wait=wait))
        return changes

    def warnings(self):
        said = []
        if self.vault.startswith("\\\\"):
            who = f"the account of the computer, {self.computer}$" if self.options["account"] == "SYSTEM" else self.options["account"]
            said.append(f"The tasks of this host reach {self.vault} as {who}; it needs the right to change what is there. This session does not go there.")
        else:
            said.append(f"{self.vault} is a path of this host: a copy there is at another place only where that drive is.")
        said += [f"The set {one['path']} is not copied: {one['why_not']}" for one in self.incomplete]
        said += [f"There is no complete set of the kind {kind}." for kind in self.bare]
        if not self.options["remove"]:
            said += [f"{note['set']} is beyond keep and stays, since remove is false." for note, _stay in self._surplus()]
        return said


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.backup_vault runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
