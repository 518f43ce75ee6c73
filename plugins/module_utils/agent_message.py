# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Messages of SQL Server Agent's history, in whatever language the server speaks.

The sentences are localised and so is the word before the number; the form ``[SQLSTATE xxxxx] (<word> n)`` is not. A
message without one says nothing that can be relied on.
"""

import re
from dataclasses import asdict, dataclass

_CODE = re.compile(r"\[SQLSTATE ([0-9A-Z]{5})\]\s*[(\uff08][^()\uff08\uff09\d]*(\d+)[)\uff09]", re.IGNORECASE)
_HALF_CODE = re.compile(r"\[SQLSTATE[^(\uff08]*[(\uff08]?[^()\uff08\uff09]*$", re.IGNORECASE)
_DOTS = re.compile(r"\.{3}|\u2026")
LONGEST = 4000                                   # characters of msdb.dbo.sysjobhistory.message
PRODUCT = 50000                                  # RAISERROR with a text of its own


@dataclass
class Message:
    """``codes``: all [SQLSTATE, number] in order. ``cause``: the number of the error that came first, 0 and a text of the
    product's own only where nothing else is there; None = unknown. ``failed``: None = unknown. ``cut``: text is missing,
    so a failure may be."""

    codes: list
    cause: int | None
    failed: bool | None
    cut: bool

    def plain(self):
        return asdict(self)


def read(message):
    """The Message of a history row's text."""
    message = message or ""
    found = list(_CODE.finditer(message))
    codes = [[match.group(1).upper(), int(match.group(2))] for match in found]
    after = message[found[-1].end():] if found else message
    cut = (len(message) >= LONGEST or bool(_HALF_CODE.search(after)) or bool(_DOTS.search(after) and found)
           or bool(re.search(r"[.\u3002:]\s*(?:\.{3}|\u2026)\S", message[:300])))
    errors = [number for state, number in codes if state[:2] not in ("00", "01")]
    first = [number for number in errors if number not in (0, PRODUCT)] or [number for number in errors if number]
    failed = True if errors else None if cut or not codes else False
    return Message(codes, first[0] if first else None, failed, cut)
