# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a backup of the master secret is worth: the newest of them, and what has happened to the secret since.

Sources: events 10559, 10525, 10523 and 10589 of ENTSSO, single-sign-on-event-*.md; the ending .bak: how-to-back-up-the-master-secret.md.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

EVENTS = ("backed_up", "generated", "restored", "not_backed_up")       # what is asked of the area sso


def each(elements):
    """The elements of a list; of a list that was not seen the hole."""
    return [elements] if observed.is_hole(elements) else elements


def backup(events, files, log_since):
    """``{backed_up_at, changed_at, covers_change, warned_since}``, each known or a hole; instants are null where there is none.

    *events*: what happened (as the area ``sso`` calls it) -> events of all holders of the secret, holes among them. *files*: backup files
    (path, bytes, modified), holes among them. *log_since*: since when each holder's event log tells.
    """
    told, changed, warned = (_newest([event if observed.is_hole(event) else event["at"] for what in kinds for event in events[what]])
                             for kinds in (("backed_up",), ("generated", "restored"), ("not_backed_up",)))
    backed_up = _newest([told] + [one if observed.is_hole(one) else one["modified"] for one in backups(events, files)])
    return {"backed_up_at": backed_up, "changed_at": changed, "covers_change": _covers(backed_up, changed, log_since),
            "warned_since": observed.first_hole([warned, told]) or (warned is not None and (told is None or warned > told))}


def backups(events, files):
    """The files that are backups of the secret, by their ending or by an event that names them; an empty one is none. A hole for each that
    was not seen, since it might be one."""
    named = {event["file"].casefold() for event in events["backed_up"] if not observed.is_hole(event) and event["file"]}
    found = []
    for one in files:
        unseen = one if observed.is_hole(one) else observed.first_hole([one["path"], one["bytes"], one["modified"]])
        if unseen:
            found.append(unseen)
        elif one["bytes"] and (one["path"].casefold().endswith(".bak") or one["path"].casefold() in named):
            found.append(one)
    return found


def _newest(instants):
    """The newest instant; null where there is none, a hole where one was not seen and so might be newer."""
    return observed.first_hole(instants) or max((at for at in instants if at), default=None)


def _covers(backed_up, changed, log_since):
    """Whether the newest backup is not older than the newest change of the secret; a log that begins later cannot tell."""
    if backed_up is None or observed.is_hole(backed_up) or observed.is_hole(changed):
        return False if backed_up is None else backed_up if observed.is_hole(backed_up) else changed
    if changed is not None:
        return backed_up >= changed
    late = [at for at in log_since if isinstance(at, str) and at > backed_up]
    unseen = observed.first_hole(log_since)
    if unseen or late:
        return unseen or observed.hole("missing", f"The event log begins at {max(late)}, after the newest backup: what changed before is not seen.")
    return True
