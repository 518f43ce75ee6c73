# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A vault as a subject: the copies in it, and of each source - a kind of backup of a host - what all vaults of the estate hold together.

A source is called ``<host>/<kind>``. It is owed where the inventory puts the host into the group of the kind, copied or not.
"""

import math

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

VAULT = "vault"
OWED = {"biztalk": "biztalk", "iis": "iis", "sharepoint": "sharepoint", "windows_backup": "windows"}     # group -> kind of backup
EARTH = 6371.0      # kilometres


def subjects(everyone, kinds):
    """One for each host of the group ``vault``. *everyone*: the ``estate.Host``s of the estate."""
    vaults = [host for host in everyone if set(host.groups) & set(kinds[VAULT].groups)]
    return [estate.Subject(VAULT, f"{VAULT}:{host.name}", _facts(host, vaults, everyone), (host.name,), host.clock) for host in vaults]


def _facts(host, vaults, everyone):
    read = host.area("vault")
    if observed.is_hole(read):
        return read
    return {**read, "name": host.name, "site": host.variables.get("site"), "sources": sources(vaults, everyone)}


def sources(vaults, everyone):
    """What all vaults together hold of each source: the newest whole set, in how many vaults it is, whether one of them is at another site
    than the source, the newest set at another site, and how far the farthest of them is away."""
    unread = observed.first_hole([host.fact("vault", "sets") for host in vaults])
    if unread:
        return unread
    held = [(vault, one) for vault in vaults for one in vault.fact("vault", "sets")]
    unread = observed.first_hole([one for _vault, one in held]) or observed.first_hole([one["whole"] for _vault, one in held])
    if unread:
        return unread
    owed = [(host.name, kind) for host in everyone for group, kind in OWED.items() if group in host.groups]
    of = {one["host"]: next((host for host in everyone if host.is_called(one["host"])), None) for _vault, one in held}
    origins = {host.name: host for host in everyone}
    whole = {source: [] for source in owed}
    for vault, one in held:
        source = of[one["host"]].name if of[one["host"]] else one["host"], one["kind"]
        whole.setdefault(source, [])
        if one["whole"] is True:
            whole[source].append((vault, one))
    return [_source(f"{name}/{kind}", sets, origins.get(name)) for (name, kind), sets in sorted(whole.items())]


def _source(name, whole, origin):
    """*whole*: ``(vault, set)`` of every whole set of it; *origin*: its host, None where the inventory does not know it."""
    newest = max(whole, key=lambda pair: pair[1]["taken_at"], default=None)
    holders = [] if newest is None else [vault for vault, one in whole if one["set"].casefold() == newest[1]["set"].casefold()]
    away = [(one["taken_at"], _elsewhere(origin, vault)) for vault, one in whole]
    unsure = observed.first_hole([elsewhere for _at, elsewhere in away])
    return {
        "name": name,
        "kind": name.rpartition("/")[2],
        "newest": newest[1]["taken_at"] if newest else None,
        "copies": len({vault.name for vault in holders}),
        "off_site": derived.any_true([_elsewhere(origin, vault) for vault in holders]),
        "newest_off_site": unsure or max((at for at, elsewhere in away if elsewhere), default=None),
        "farthest_km": _farthest(origin, holders),
    }


def _elsewhere(origin, vault):
    """Whether a vault stands at another site than a host."""
    for host in (origin, vault):
        if host is None or not host.variables.get("site"):
            who = "its host" if host is None else host.name
            return observed.hole("missing", f"The inventory does not say at which site {who} stands.")
    return origin.variables["site"].casefold() != vault.variables["site"].casefold()


def _farthest(origin, holders):
    """Kilometres to the farthest vault that holds the newest set; null where none holds it."""
    places = {host.name if host else "its host": place(host.variables.get("location")) if host else None for host in (origin, *holders)}
    unplaced = [name for name, known in places.items() if known is None]
    if holders and unplaced:
        return observed.hole("missing", f"The inventory gives no location of {' and '.join(unplaced)}.")
    return max((distance(places[origin.name], places[vault.name]) for vault in holders), default=None)


def place(text):
    """``(latitude, longitude)`` of a location as the inventory writes it ("52.52, 13.40"); None where it is not of that form."""
    try:
        latitude, longitude = (float(part) for part in str(text).split(","))
    except ValueError:
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def distance(one, other):
    """Whole kilometres between two places, along the surface."""
    (latitude1, longitude1), (latitude2, longitude2) = (tuple(map(math.radians, point)) for point in (one, other))
    part = math.sin((latitude2 - latitude1) / 2) ** 2 + math.cos(latitude1) * math.cos(latitude2) * math.sin((longitude2 - longitude1) / 2) ** 2
    return round(2 * EARTH * math.asin(math.sqrt(part)))
