# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Destinations of BizTalk's log shipping as subjects: what was restored there, joined with the instances that the sets come from."""

import base64
import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, schedules
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.server_clock import ServerClock, told
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import biztalk_lists, contract, derived, instances

LOG_SHIPPING = "log_shipping"
JOBS = {"history": "get backup history", "restore": "restore database", "mark": "restore to mark"}
BUILT_IN = re.compile(r"(?i)##|nt service\\|nt authority\\|autorit")


def subjects(everyone, kinds):
    """Every instance that the inventory declares as a destination."""
    here = instances.instances_among(everyone, kinds)
    destinations = [host for host in here if contract.is_true(host.variables.get(contract.DESTINATION))]
    return [_subject(host, destinations, here, biztalk_lists.Lists(here, everyone)) for host in destinations]


def _subject(host, destinations, here, lists):
    read = host.area(LOG_SHIPPING)
    facts = read if observed.is_hole(read) else _facts(read, host, destinations, here, lists)
    return instances.subject_of(host, LOG_SHIPPING, f"{LOG_SHIPPING}:{instances.name_of(host)}", facts)


def _facts(read, host, destinations, here, lists):
    sources = _sources(read["databases"], here, host)
    holder = lists.holders[0] if len(lists.holders) == 1 else observed.hole(
        "missing", f"{len(lists.holders)} instances of the inventory hold a management database, where one was expected.")
    return {
        "name": instances.name_of(host),
        "missing_objects": _missing(read["objects"]),
        "jobs": [_job(purpose, words, host) for purpose, words in JOBS.items()],
        "ad_hoc": read["ad_hoc"] if observed.is_hole(read["ad_hoc"]) else read["ad_hoc"] != 0,
        "last_restored": _instant(read["last_restored"], read),
        "waiting_sets": _waiting(read["sets"]),
        "partial_sets": _partial(read["sets"]),
        "gaps": _gaps(read["sets"]),
        "last_set": read["last_set"],
        "same_set": _same([other.fact(LOG_SHIPPING, "last_set") for other in destinations]),
        "databases": derived.each(read["databases"], lambda one: {**one, **_database(one, host, here)}),
        "sources": [_source(source, host) for source in sources],
        "missing_logins": _missing_logins(holder, host),
        "account": _account(host),
        "account_on_source": _known_there(host, holder),
    }


def _instant(local, read):
    if local is None or observed.is_hole(local):
        return local
    unseen = derived.first_hole([read["clock"], read["local_clock"]])
    return unseen or told(ServerClock(read["clock"], read["local_clock"]).utc(local))


def _missing(objects):
    return objects if observed.is_hole(objects) else [
        one["there"] if observed.is_hole(one["there"]) else one["name"] for one in objects if one["there"] is not True]


def _job(purpose, words, host):
    """The job of a purpose; its name is written in several ways."""
    jobs, clock = host.fact("agent", "jobs"), host.fact("agent", "local_clock")
    made = {"purpose": purpose, "there": True, "enabled": False, "interval_minutes": None, "scheduled": False, "running": False, "last_status": None}
    if observed.is_hole(jobs):
        return {**dict.fromkeys(made, jobs), "purpose": purpose}
    job = next((one for one in jobs if not observed.is_hole(one) and _is_for(one["name"], words)), derived.first_hole(jobs))
    if job is None:
        return {**made, "there": False}
    if observed.is_hole(job):
        return {**dict.fromkeys(made, job), "purpose": purpose}
    last = job["last_run"]
    return {
        "purpose": purpose, "there": True, "enabled": job["enabled"],
        "interval_minutes": clock if observed.is_hole(clock) else schedules.smallest(job["schedules"], clock, schedules.interval_minutes),
        "scheduled": clock if observed.is_hole(clock) else schedules.start_anything(job["schedules"], clock),
        "running": job["running"], "last_status": last if last is None or observed.is_hole(last) else last["status"],
    }


def _is_for(name, words):
    folded = name.casefold()
    return folded.startswith("bts") and "log shipping" in folded and words in folded


def _known_sets(sets):
    """``(sets with the oldest first, the hole that stands among them or None)``."""
    if observed.is_hole(sets):
        return [], sets
    known = [one for one in sets if not observed.is_hole(one) and derived.first_hole(one.values()) is None]
    unseen = derived.first_hole([part for one in sets for part in ([one] if observed.is_hole(one) else one.values())])
    return known[::-1], unseen


def _waiting(sets):
    """Complete log sets after the newest one that was restored. By design the newest waits."""
    known, unseen = _known_sets(sets)
    if unseen:
        return unseen
    newest = max((one["id"] for one in known if one["restored"]), default=-1)
    return sum(one["id"] > newest and one["complete"] and one["kind"] == "log" for one in known)


def _healed(known, set_id):
    return any(one["id"] > set_id and one["kind"] == "full" and one["restored"] for one in known)


def _partial(sets):
    """Sets that are not complete, without a full set after them that was restored."""
    known, unseen = _known_sets(sets)
    found = [{"name": f"set {one['id']}", "id": one["id"], "kind": one["kind"]} for one in known
             if not one["complete"] and not _healed(known, one["id"])]
    return found + ([unseen] if unseen else [])


def _gaps(sets):
    """Log sets that were passed over: a later set was restored, and after them no full one was."""
    known, unseen = _known_sets(sets)
    newest = max((one["id"] for one in known if one["restored"]), default=-1)
    found = [{"name": f"set {one['id']}", "id": one["id"]} for one in known
             if one["kind"] == "log" and not one["restored"] and one["id"] < newest and not _healed(known, one["id"])]
    return found + ([unseen] if unseen else [])


def _same(last_sets):
    known = {one for one in last_sets if not observed.is_hole(one)}
    return False if len(known) > 1 else derived.first_hole(last_sets) or True


def _sources(databases, here, destination):
    """The instances of the inventory that the restored sets come from; a hole for each server that none of them is."""
    if observed.is_hole(databases):
        return [databases]
    found = []
    for one in databases:
        source = one if observed.is_hole(one) else _source_of(one, here, destination)
        if source is not None and source not in found:
            found.append(source)
    return found


def _source_of(one, here, destination):
    meant = [(host, biztalk_lists.is_meant(one["server"], host, one["database"], destination)) for host in here if host is not destination]
    return next((host for host, answer in meant if answer is True), None) or derived.first_hole([answer for _host, answer in meant]) \
        or observed.hole("missing", f"No instance of the inventory is the source {one['server']}.")


def _source(source, host):
    if observed.is_hole(source):
        return source
    versions, names = ([one.fact("sql", fact) for one in (source, host)] for fact in ("major_version", "instance_name"))
    return {"name": instances.name_of(source), "same_version": _equal(versions), "same_instance_name": _equal(names)}


def _equal(values):
    named = [value.casefold() if isinstance(value, str) else value for value in values]
    unseen = derived.first_hole([value for value in values if value is not None])
    return unseen or named[0] == named[1]


def _database(one, host, here):
    """The state of a database at the destination, and whether its files lie where they lie at the source."""
    copy = _named(host.fact("sql", "databases"), one["database"])
    source = _source_of(one, here, host)
    original = source if observed.is_hole(source) else _named(source.fact("sql", "databases"), one["database"])
    if copy is None:
        return {"state": "missing", "same_paths": False}
    unseen = derived.first_hole([copy, original])
    paths = unseen or (observed.hole("missing", f"{one['database']} is no longer at its source.") if original is None else
                       _equal_paths(original["files"], copy["files"]))
    return {"state": derived.part(copy, "state"), "same_paths": paths}


def _equal_paths(original, copy):
    sides = []
    for files in (original, copy):
        unseen = files if observed.is_hole(files) else derived.first_hole(files)
        if unseen:
            return unseen
        sides.append({one["path"].casefold() for one in files})
    return sides[0] == sides[1]


def _named(elements, name):
    """An element by its name; None where there is none, a hole where that was not seen."""
    if observed.is_hole(elements):
        return elements
    return next((one for one in elements if not observed.is_hole(one) and one["name"].casefold() == name.casefold()), derived.first_hole(elements))


def _missing_logins(holder, host):
    """Windows logins of the source that the destination lacks, by SID; accounts of the machine and built-in ones are not meant."""
    there = host.fact("sql", "logins")
    wanted = holder if observed.is_hole(holder) else holder.fact("sql", "logins")
    unseen = derived.first_hole([wanted, there])
    if unseen:
        return unseen
    sids = {one["sid"] for one in there if not observed.is_hole(one)}
    hole = derived.first_hole(there) or derived.first_hole(wanted)
    machines = {name.casefold() for name in (holder.fact("sql", "machine"), holder.fact("sql", "node")) if isinstance(name, str)}
    missing = [one["name"] for one in wanted if not observed.is_hole(one) and one["sid"] not in sids and _is_of_a_domain(one, machines)]
    return missing + ([hole] if hole else [])


def _is_of_a_domain(login, machines):
    domain, backslash, _name = login["name"].partition("\\")
    windows = base64.b64decode(login["sid"])[:1] == b"\x01" and len(base64.b64decode(login["sid"])) > 16
    return bool(backslash) and windows and not BUILT_IN.match(login["name"]) and domain.casefold() not in machines


def _account(host):
    agent = derived.first(host.fact("sql", "services"), lambda service: service["kind"] == "agent", "SQL Server lists no service that is its Agent.")
    return derived.part(agent, "account")


def _known_there(host, holder):
    """Whether the account of the destination's Agent has a login at the source that holds the management database."""
    account = _account(host)
    logins = holder if observed.is_hole(holder) else holder.fact("sql", "logins")
    unseen = derived.first_hole([account, logins])
    if unseen:
        return unseen
    found = any(not observed.is_hole(one) and one["name"].casefold() == account.casefold() and one["disabled"] is False for one in logins)
    return found or derived.first_hole(logins) or False
