# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Dated evidence that a backup was opened: one file for each check of each subject, the newest of its kind.

A file: ``{"schema": 1, "check": "restore_check", "subject": "iis01-iis-20261124T020000Z on iis01", "at": "2026-11-24T08:00:00Z",
"outcome": "whole" | "broken" | "not_opened", "opened": ["what was read, and how"], "problems": ["sentence"]}``.
"""

import json
import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files, snapshots

SCHEMA = 1
OUTCOMES = ("whole", "broken", "not_opened")
PARTS = {"check": str, "subject": str, "at": str, "outcome": str, "opened": list, "problems": list}


def write(folder, record):
    """Writes one record, without *schema*, in place of an older one of the same check and subject. Returns the path. Raises ValueError."""
    name = snapshots.file_name(f"{record['check']} {record['subject']}")
    return files.write(folder, f"{name}.json", {"schema": SCHEMA, **record}, sort_keys=True)[0]


def read_folder(folder):
    """All records of a folder, in order of their files; a hole stands for a file that holds none. A folder that is not there holds none."""
    return tuple(_read(path) for path in sorted(pathlib.Path(folder).glob("*.json")))


def _read(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return observed.hole("unreadable", f"{path} cannot be read as JSON.")
    good = isinstance(record, dict) and record.get("schema") == SCHEMA and all(isinstance(record.get(name), kind) for name, kind in PARTS.items())
    if not good or record["outcome"] not in OUTCOMES:
        return observed.hole("failed", f"{path} is no evidence of schema {SCHEMA}.")
    return {name: record[name] for name in PARTS}
