# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Snapshots as files: one a host, readable by their owner alone."""

import hashlib
import json
import os
import pathlib
import tempfile

SCHEMA = 1


def write(folder, snapshot):
    """Writes a (masked) snapshot to ``<folder>/<host>.json`` in one step. Returns path, bytes and SHA-256."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = (json.dumps(snapshot, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8", "backslashreplace")
    path = folder / f"{file_name(snapshot['host'])}.json"
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return {"path": str(path), "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def file_name(host):
    """A host's name as a file name: letters, digits, ``.``, ``_`` and ``-`` as they are, everything else as %XX."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "".join(f"%{b:02X}" for b in c.encode()) for c in host)
    return plain if plain.strip(".") else plain.replace(".", "%2E")


def read(path):
    """One snapshot. Raises ValueError with one sentence where the file is not one."""
    try:
        with open(path, encoding="utf-8") as stream:
            snapshot = json.load(stream)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a snapshot: {error}.") from error
    if not isinstance(snapshot, dict) or snapshot.get("schema") != SCHEMA or not isinstance(snapshot.get("host"), str):
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
