# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A deployment server as a subject: whether the servers of the estate can be built anew from it."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

SOURCE = "rebuild_source"


def subjects(everyone, kinds):
    """One for each host of the group ``wds``. *everyone*: the ``estate.Host``s of the estate."""
    windows = [host for host in everyone if estate.INSTANCE_GROUP not in host.groups]
    return [estate.Subject(SOURCE, f"{SOURCE}:{host.name}", _facts(host, windows), (host.name,), host.clock)
            for host in windows if set(host.groups) & set(kinds[SOURCE].groups)]


def _facts(host, windows):
    read = host.area("wds")
    if observed.is_hole(read):
        return read
    return {**read, "name": host.name, "builds": _builds(windows, read["install_images"])}


def _builds(windows, images):
    """The builds of Windows in the estate, with the servers that have each and the enabled install images of it."""
    servers, holes = {}, []
    for host in windows:
        build = host.fact("platform", "os", "build")
        if isinstance(build, str):
            servers.setdefault(build, []).append(host.name)
        elif observed.is_hole(build):
            holes.append(build)
    return [{"name": build, "servers": names, "images": _of_build(build, images)} for build, names in sorted(servers.items())] + holes[:1]


def _of_build(build, images):
    if observed.is_hole(images):
        return images
    found = []
    for one in images:
        unseen = one if observed.is_hole(one) else observed.first_hole([one["build"], one["enabled"], one["name"]])
        if unseen:
            found.append(unseen)
        elif one["build"] == build and derived.part(one, "enabled") is True:
            found.append(one["name"])
    return found
