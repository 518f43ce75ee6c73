# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The one masking gate: everything that is printed, returned or written passes through it."""

import base64
import html
import json
import re
import urllib.parse

MASK = "********"
SHORTEST = 4
_SECRET_VARIABLE = re.compile(r"^ansible_.*(pass|password|passwd|secret|token)$")


class Gate:
    """Replaces secrets in plain data. Keys of maps and numbers are left alone; a secret shorter than SHORTEST
    characters is masked only where it is the whole text."""

    def __init__(self, secrets=()):
        self._whole = {s for s in secrets if s}
        forms = {form for s in self._whole if len(s) >= SHORTEST for form in _forms(s)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._within = re.compile("|".join(re.escape(form) for form in longest_first)) if forms else None

    def text(self, value):
        if value in self._whole:
            return MASK
        return self._within.sub(MASK, value) if self._within else value

    def __call__(self, value):
        """A masked copy of plain data."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self(part) for key, part in value.items()}
        if isinstance(value, (list, tuple, set)):
            return [self(part) for part in value]
        return value


def _forms(secret):
    """The spellings in which a secret could come to stand in an output."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield urllib.parse.quote(secret, safe="")
    yield urllib.parse.quote_plus(secret)
    yield html.escape(secret)
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(secret.encode("utf-16-le")).decode()


def connection_secrets(task_vars):
    """The secrets that the inventory holds for the connection, a delegated one included."""
    found = [str(value) for name, value in task_vars.items() if isinstance(value, str) and _SECRET_VARIABLE.match(name)]
    for delegated in (task_vars.get("ansible_delegated_vars") or {}).values():
        found += connection_secrets(delegated)
    return found
