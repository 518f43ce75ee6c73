# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Where backups are written: whether a path leads to another machine than those on which the instance runs, in whatever way it is written."""

import re

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed

URL = re.compile(r"https?://[^/\s]+/.+", re.IGNORECASE)
UNC = re.compile(r"\\\\[^\\/:*?\"<>|]+\\[^\\/:*?\"<>|]+(\\[^\\/:*?\"<>|]+)*\\?")
DRIVE = re.compile(r"[A-Za-z]:\\[^/:*?\"<>|]*")
ELSEWHERE = "another machine"
_SHARE = re.compile(r"\\\\(?:[?.]\\UNC\\)?([^\\]+)\\.+", re.IGNORECASE | re.DOTALL)
_LOOPBACK = re.compile(r"[?.]|localhost|loopback|127(\.\d+){1,3}|::1|(0-){7}1\.ipv6-literal\.net|0?--1\.ipv6-literal\.net")


def own_machines(server):
    """The names of the machines on which an instance runs or may run, lower case and without a domain; a hole for each not seen.

    *server*: the area ``sql``: the name of the instance and of its machine (with a failover cluster instance its network name), and nodes.
    """
    if observed.is_hole(server):
        return [server]
    nodes = [] if server["clustered"] is False else server["cluster_nodes"]
    names = [server[name] for name in ("name", "machine", "node")]
    names += [nodes] if observed.is_hole(nodes) else [node if observed.is_hole(node) else node["name"] for node in nodes]
    return [name if observed.is_hole(name) else _computer(name.partition("\\")[0]) for name in names if name is not None]


def is_elsewhere(path, own):
    """Whether what is written to *path* lies on another machine; a hole where that cannot be told. *own*: see ``own_machines``."""
    share = _SHARE.fullmatch(path)
    if share is None:
        return bool(URL.fullmatch(path))
    named = share[1].partition("@")[0].casefold().rstrip(".") or "."
    if _LOOPBACK.fullmatch(named) or _computer(named) in [*(name for name in own if not observed.is_hole(name)), "localhost"]:
        return False
    return next((name for name in own if observed.is_hole(name)), True)


def told(path, own):
    """``ELSEWHERE``, or where a step writes instead; a hole where that cannot be told."""
    if path is None or observed.is_hole(path):
        return "nowhere" if path is None else path
    elsewhere = is_elsewhere(path, own)
    return elsewhere if observed.is_hole(elsewhere) else ELSEWHERE if elsewhere else f"not {ELSEWHERE}: {path}"


def _computer(name):
    """A computer's name for comparison; an address stays whole."""
    name = name.casefold()
    return name if name.replace(".", "").isdigit() else name.partition(".")[0]
