# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Snapshots as files: one a host, readable by their owner alone."""

import hashlib
import json
import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files

SCHEMA = 1
PARTS = {"host": str, "groups": list, "variables": dict, "status": str, "areas": dict}


def write(folder, snapshot):
    """Writes a (masked) snapshot to ``<folder>/<host>.json``. Returns path, bytes and SHA-256. Raises ValueError."""
    path, text = files.write(folder, f"{file_name(snapshot['host'])}.json", snapshot, sort_keys=True)
    return {"path": path, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def file_name(host):
    """A host's name as a file name: letters, digits, ``.``, ``_`` and ``-`` as they are, everything else as %XX."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "".join(f"%{b:02X}" for b in c.encode()) for c in host)
    return plain if plain.strip(".") else plain.replace(".", "%2E")


def read(path):
    """One snapshot. Raises ValueError with one sentence where the file is not one."""
    try:
        with open(path, encoding="utf-8") as stream:
            snapshot = json.load(stream)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError(f"{path} is not whole JSON; copy it again.") from error
    if not isinstance(snapshot, dict) or snapshot.get("schema") != SCHEMA or \
            not all(isinstance(snapshot.get(name), kind) for name, kind in PARTS.items()):
        raise ValueError(f"{path} is not a snapshot of schema {SCHEMA}; snapshots are what the snapshot action writes.")
    return snapshot


def read_folder(folder):
    """All snapshots of a folder, by host name. Raises ValueError where there is none or one is not readable."""
    paths = sorted(pathlib.Path(folder).glob("*.json"))
    if not paths:
        raise ValueError(f"There is no snapshot (*.json) in {folder}.")
    found = {}
    for path in paths:
        snapshot = read(path)
        if snapshot["host"] in found:
            raise ValueError(f"{path} and another file of {folder} are both snapshots of {snapshot['host']}; keep the one that shall be judged.")
        found[snapshot["host"]] = snapshot
    return list(found.values())
