# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What would be left of each part of the platform if the site on which it stands burnt now: the newest copy at another site, and its age.

A database is left where a destination of log shipping at another site restores it, or a vault there holds it; a server's part where a
vault there holds a whole set; the master secret where somebody attests that it is in custody at another site. What is lost is what came
after that copy.
"""

from datetime import datetime

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, derived, vaults
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.evaluate import FAIL, PASS, UNKNOWN

RESTORING = "RESTORING"
SQL_GROUP = "sql_instance"
SQL = "sql"             # the kind of a vault's sets that hold databases


def parts(subjects, hosts, now):
    """``{part, kind, status, newest, age_seconds, by, why}`` for each database of a backup that was read, each part of a server and each
    master secret. *kind*: database, server or secret. *status*: pass - there is a copy; fail - there is none; unknown, with the reason in
    *why*. *by*: where the copy is. *hosts*: the ``estate.Host``s by name. *now*: ISO 8601."""
    everyone = list(hosts.values())
    copies = vaults.sources([host for host in everyone if "vault" in host.groups], everyone)
    return _databases(subjects, everyone, copies) + _servers(everyone, copies) + _secrets(subjects, now)


def _entry(part, kind, copies, clock):
    """*copies*: ``(instant or hole or None, where)``. The newest that is known counts; where none is, one that is not known might be."""
    known = [(at, where) for at, where in copies if isinstance(at, str)]
    if known:
        newest, where = max(known)
        return {"part": part, "kind": kind, "status": PASS, "newest": newest, "age_seconds": _age(newest, clock), "by": where, "why": ""}
    unseen = derived.first_hole([at for at, _where in copies])
    return {"part": part, "kind": kind, "status": UNKNOWN if unseen else FAIL, "newest": None, "age_seconds": None, "by": "",
            "why": observed.detail(unseen) if unseen else "There is no copy at another site."}


def _age(instant, clock):
    return None if clock is None else max(0, round((datetime.fromisoformat(clock) - datetime.fromisoformat(instant)).total_seconds()))


def _site(host):
    return host.variables.get("site") or observed.hole("missing", f"The inventory does not say at which site {host.name} stands.")


def _apart(one, other):
    """Whether two hosts stand at different sites; a hole where the inventory does not say."""
    sites = [_site(one), _site(other)]
    return derived.first_hole(sites) or sites[0].casefold() != sites[1].casefold()


def _databases(subjects, everyone, copies):
    standbys = [subject for subject in subjects if subject.kind == "log_shipping"]
    found = []
    for subject in subjects:
        if subject.kind != "backup":
            continue
        rows = subject.facts if observed.is_hole(subject.facts) else subject.facts["databases"]
        for row in [rows] if observed.is_hole(rows) else rows:
            if observed.is_hole(row):
                found.append(_entry(f"databases of {subject.id}", "database", [(row, "")], subject.clock))
            else:
                holder = next(host for host in everyone if host.name == subject.reported_by[0])
                found.append(_database(row, _origin(row, everyone, holder), standbys, everyone, copies, subject.clock))
    return found


def _origin(row, everyone, holder):
    """The instance on which a database is; a hole where none of the inventory is known to have it."""
    server = row["server"]
    if server is None or observed.is_hole(server):
        return server or observed.hole("missing", f"Nothing says where {row['name']} is.")
    meant = [(host, biztalk_lists.is_meant(server, host, row["database"], holder)) for host in everyone if SQL_GROUP in host.groups]
    return next((host for host, answer in meant if answer is True), None) or derived.first_hole([answer for _host, answer in meant]) \
        or observed.hole("missing", f"No instance of the inventory is {server}.")


def _database(row, origin, standbys, everyone, copies, clock):
    if observed.is_hole(origin):
        return _entry(row["name"], "database", [(origin, "")], clock)
    here = []
    for standby in standbys:
        host = next(host for host in everyone if host.name == standby.reported_by[0])
        here += [(at, f"log shipping to {standby.facts['name']}") for at in _restored(row, standby, _apart(origin, host))] \
            if not observed.is_hole(standby.facts) else [(standby.facts, "")]
    return _entry(row["name"], "database", here + _kept(f"{origin.name}/{SQL}", copies), clock)


def _restored(row, standby, apart):
    """When a standby at another site last restored a database, in a list; empty where it does not restore it."""
    if apart is False:
        return []
    databases = standby.facts["databases"]
    if observed.is_hole(databases):
        return [databases]
    copy = next((one for one in databases if not observed.is_hole(one) and one["database"].casefold() == row["database"].casefold()
                 and biztalk_lists.key(one["server"]) == biztalk_lists.key(row["server"])), derived.first_hole(databases))
    if copy is None or observed.is_hole(copy):
        return [copy] if copy else []
    unseen = derived.first_hole([apart, copy["state"]])
    return [unseen or (standby.facts["last_restored"] if copy["state"] == RESTORING else None)]


def _kept(source, copies):
    """The newest set of a source in a vault at another site."""
    if observed.is_hole(copies):
        return [(copies, "")]
    return [(one["newest_off_site"], "a vault at another site") for one in copies if one["name"] == source]


def _servers(everyone, copies):
    if observed.is_hole(copies):
        return [_entry("copies of the servers' parts", "server", [(copies, "")], None)]
    clock = next((host.clock for host in everyone if "vault" in host.groups and host.clock), None)
    return [_entry(one["name"], "server", _kept(one["name"], copies), clock) for one in copies if one["kind"] != SQL]


def _secrets(subjects, now):
    found = []
    for subject in subjects:
        if subject.kind == "master_secret":
            word = subject.facts if observed.is_hole(subject.facts) else subject.facts["attested"]["secret_in_custody"]
            kept = word if observed.is_hole(word) else f"{word['date']}T00:00:00Z" if word["valid"] else None
            by = "" if observed.is_hole(word) else f"in custody, says {word['owner']}"
            found.append(_entry(subject.id, "secret", [(kept, by)], now))
    return found
