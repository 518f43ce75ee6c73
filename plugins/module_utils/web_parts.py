# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a backup of a web server has to hold so that another server can take its place, from the snapshot of the area ``iis``.

appcmd saves the files of the server's own configuration and nothing else. The audit and iis_backup ask this one list.
"""

import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

CONFIGURATION, SHARED, KEYS, CERTIFICATE, FRAMEWORK, CONTENT = "configuration", "shared", "key_container", "certificate", "framework", "content"
CNG = "Its keys belong to CNG, and aspnet_regiis exports containers of the RSA providers only; a backup of the system state holds them."
NOT_FOUND = "It is bound to an address and is not in the store of the computer."
NO_KEY = "It is on this server without its private key."
NOT_EXPORTABLE = "Its private key was marked as not exportable; import it once more from where it was issued, or keep it elsewhere."


def parts(iis):
    """Every part: name, kind, path in a set, source on the host, and why it cannot be saved (""). A list that was not read gives its hole."""
    found = [_part("configuration", CONFIGURATION, "configuration", "")]
    found += _of(_shared(iis["shared"]), lambda one, number: _part(f"shared {one[1]}", SHARED, f"shared\\{one[1]}", "\\".join(one)))
    found += _of(iis["key_containers"], lambda one, number: _part(
        f"key container {one['name']}", KEYS, f"keys\\{_file(one['name'], number)}.xml", one["name"], CNG if one["cng"] else ""))
    found += _of(_bound(iis), lambda one, number: _part(
        f"certificate {one['thumbprint']}", CERTIFICATE, f"certificates\\{one['thumbprint']}.pfx", f"Cert:\\LocalMachine\\{one['store']}\\{one['thumbprint']}",
        _why_not(one, iis["certificates"])))
    found += _of(iis["frameworks"], lambda one, number: _part(
        f"framework {_below(one['path'])}", FRAMEWORK, f"frameworks\\{_below(one['path'])}", one["path"]))
    found += _of(iis["content"], lambda one, number: None if one["remote"] else _part(
        f"content {one['path']}", CONTENT, f"content\\{number + 1}", one["path"]))
    return [one for one in found if one is not None]


def changed_at(iis):
    """When the configuration was last changed: the newest of its files and of those of the frameworks; a hole where one was not seen."""
    times = []
    for files in (iis["files"], iis["frameworks"]):
        for one in [files] if observed.is_hole(files) else files:
            times.append(one if observed.is_hole(one) else one["modified"])
    return observed.first_hole(times) or max(times)


def _part(name, kind, path, source, why_not=""):
    return {"name": name, "kind": kind, "path": path, "source": source, "why_not": why_not}


def _of(elements, made):
    if observed.is_hole(elements):
        return [elements]
    return [one if observed.is_hole(one) else made(one, number) for number, one in enumerate(elements)]


def _shared(shared):
    if observed.is_hole(shared):
        return shared
    return [(shared["path"].rstrip("\\"), name) for name in ("applicationHost.config", "administration.config")] if shared["enabled"] else []


def _bound(iis):
    """The certificates that are bound, each once; a binding that was not seen whole is a hole."""
    if observed.is_hole(iis["bindings"]):
        return iis["bindings"]
    found = {}
    for one in iis["bindings"]:
        unseen = one if observed.is_hole(one) else observed.first_hole([one["thumbprint"], one["store"]])
        found.setdefault(str(unseen) if unseen else one["thumbprint"], unseen or one)
    return list(found.values())


def certificate(thumbprint, certificates):
    """The certificate of a thumbprint; None where it is not there, a hole where that was not seen."""
    if observed.is_hole(certificates):
        return certificates
    same = [one for one in certificates if not observed.is_hole(one) and one["thumbprint"] == thumbprint]
    return same[0] if same else observed.first_hole(certificates)


def _why_not(bound, certificates):
    one = certificate(bound["thumbprint"], certificates)
    if observed.is_hole(one):
        return ""
    if one is None:
        return NOT_FOUND
    if one["private_key"] is False:
        return NO_KEY
    return NOT_EXPORTABLE if one["exportable"] is False else ""


def _below(path):
    r"""``Framework64\v4.0.30319\machine.config`` of a file of a framework."""
    steps = path.split("\\")
    return "\\".join([steps[-4], steps[-3], steps[-1]])


def _file(name, number):
    """A name that may be one of a file: as it is, or by number where it holds anything else."""
    return name if re.fullmatch(r"[A-Za-z0-9_{}-]{1,100}", name) else f"container-{number + 1}"
