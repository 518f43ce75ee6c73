# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Web servers as subjects: what there is to restore each from, and whether the servers that share its work are set up alike."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, observed, web_parts
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate, vaults

WEB_SERVER = "web_server"


def subjects(everyone, kinds):
    """One for each host of the group ``iis``. *everyone*: the ``estate.Host``s of the estate."""
    here = [host for host in everyone if set(host.groups) & set(kinds[WEB_SERVER].groups)]
    safes = [host for host in everyone if set(host.groups) & set(kinds[vaults.VAULT].groups)]
    return [estate.Subject(WEB_SERVER, f"{WEB_SERVER}:{host.name}", _facts(host, here, _copies(host, safes)), (host.name,), host.clock) for host in here]


def _copies(host, safes):
    """What the vaults hold of a web server; one on the server itself is lost with it and does not count."""
    return vaults.sources([safe for safe in safes if safe is not host], [host])


def _facts(host, here, copies):
    iis = host.area("iis")
    if observed.is_hole(iis):
        return iis
    own = iis["sets"] if observed.is_hole(iis["sets"]) else [one for one in iis["sets"] if observed.is_hole(one) or host.is_called(one["host"])]
    last = newest(own, lambda one: one["complete"], "taken_at")
    changed = web_parts.changed_at(iis)
    return {
        "name": host.name, "nlb_name": host.variables.get("nlb_name"), "version": iis["version"], "components": iis["components"],
        "shared": iis["shared"], "history": iis["history"], "changed_at": changed, "backups": iis["backups"],
        "clear_text": derived.each(iis["clear_text"], lambda place: {"name": place, "encrypted": False}),
        "sets": derived.each(own, lambda one: {name: one[name] for name in ("name", "taken_at", "complete", "why_not", "protected")}),
        "newest_backup": _newest_backup(iis, last, changed),
        "parts": [part if observed.is_hole(part) else _part(part, last) for part in web_parts.parts(iis)],
        "bound": derived.each(iis["bindings"], lambda one: _bound(one, iis["certificates"], host.clock)),
        "peers": _peers(host, here),
        "copied_at": _copied_at(host, copies),
    }


def _copied_at(host, copies):
    """When the newest whole set in any vault was taken; null where no vault has one."""
    if observed.is_hole(copies):
        return copies
    return next((one["newest"] for one in copies if one["name"].casefold() == f"{host.name}/iis".casefold()), None)


def newest(elements, counts, time):
    """The newest element that counts; None where there is none, a hole where one that might be was not seen."""
    if observed.is_hole(elements):
        return elements
    found = [one for one in elements if not observed.is_hole(one) and counts(one) is True]
    return observed.first_hole(elements) or max(found, key=lambda one: one[time], default=None)


def _newest_backup(iis, last, changed):
    """The newest backup of the configuration, a named one or a set; null where there is none. Under shared configuration a named one holds
    only the pointer to it."""
    shared = iis["shared"]
    if observed.is_hole(shared):
        return shared
    named = [] if shared["enabled"] else iis["backups"]
    if not observed.is_hole(named):
        unseen = observed.first_hole([one if observed.is_hole(one) else observed.first_hole([one["whole"], one["created"]]) for one in named])
        named = unseen or max((one for one in named if one["whole"]), key=lambda one: one["created"], default=None)
    if observed.is_hole(named) or observed.is_hole(last):
        return named if observed.is_hole(named) else last
    found = ([(named["created"], named["name"])] if named else []) + ([(last["taken_at"], last["name"])] if last else [])
    if not found:
        return None
    at, name = max(found)
    return {"name": name, "taken_at": at, "covers_last_change": changed if observed.is_hole(changed) else at[:19] >= changed[:19]}


def _part(part, last):
    """Whether a part that a restore needs is in the newest complete set."""
    told = {"name": part["name"], "kind": part["kind"]}
    if last is None or observed.is_hole(last):
        return {**told, "saved": last if last else False, "why_not": last if last else "There is no complete set of iis_backup."}
    there = next((one for one in last["parts"] if one["name"] == part["name"]), None)
    if there is None:
        return {**told, "saved": False, "why_not": part["why_not"] or f"{last['name']} was made without it."}
    return {**told, "saved": there["complete"], "why_not": there["why_not"]}


def _bound(one, certificates, clock):
    """A binding with what is known of its certificate."""
    found = one["thumbprint"] if observed.is_hole(one["thumbprint"]) else web_parts.certificate(one["thumbprint"], certificates)
    if observed.is_hole(found):
        return {**one, **dict.fromkeys(("present", "private_key", "expires", "days_left"), found)}
    if found is None:
        return {**one, "present": False, "private_key": False, "expires": None, "days_left": None}
    expires = found["expires"]
    left = expires if observed.is_hole(expires) else int(backup_folder.seconds_between(clock, expires) // 86400)
    return {**one, "present": True, "private_key": found["private_key"], "expires": expires, "days_left": left}


def _peers(host, here):
    """The other web servers of its NLB cluster, with what differs."""
    name = (host.variables.get("nlb_name") or "").casefold()
    return [{"name": other.name, "differences": _differences(host, other)} for other in here
            if name and other is not host and (other.variables.get("nlb_name") or "").casefold() == name]


def _differences(host, other):
    found = []
    for list_name, told in (("sites", _site), ("pools", _pool)):
        mine, theirs = host.fact("iis", list_name), other.fact("iis", list_name)
        unseen = observed.first_hole([mine, theirs])
        if unseen:
            found.append(unseen)
            continue
        first, second = ({one["name"].casefold(): (one["name"], told(one)) for one in sites} for sites in (mine, theirs))
        for key in dict.fromkeys([*first, *second]):
            if first.get(key, ("", None))[1] != second.get(key, ("", None))[1]:
                kind = list_name.rstrip("s")
                found.append(f"the {kind} {(first.get(key) or second[key])[0]} is " + ("another one" if key in first and key in second else
                             f"on {host.name if key in first else other.name} only"))
    return found


def _site(site):
    return (site["starts"], sorted(site["bindings"]), sorted(
        (one["path"].casefold(), one["pool"].casefold(), sorted((folder["path"], folder["folder"].casefold()) for folder in one["folders"]))
        for one in site["applications"]))


def _pool(pool):
    account = pool["account"] and pool["account"].casefold()
    return (pool["runtime"], pool["pipeline"], pool["only_32_bit"], pool["identity"], account)
