# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Words of Windows Server Backup: result codes, version ids and names of logs. None of them depends on the language of the host."""

import re
from datetime import UTC, datetime

RESULTS = {     # what Microsoft's articles say of a code; the text that Windows gives is translated
    0x80780049: "a file, folder or volume name of the backup is not valid",
    0x807800C5: "one of the volumes could not be prepared or read",
    0x8078010D: "the files of the system state could not be enumerated (often a service with an invalid ImagePath)",
    0x8078015B: "the remote folder could not be reached",
    0x800701B1: "a device that does not exist was specified",
    0x8007007B: "a file, folder or volume name is not valid",
    0x80070005: "access was denied",
}
_VERSION = re.compile(r"(?<!\d)(\d\d)/(\d\d)/(\d{4})-(\d\d):(\d\d)(?!\d)")
_LOG = re.compile(r"Backup-(\d\d)-(\d\d)-(\d{4})_(\d\d)-(\d\d)-(\d\d)\.log", re.IGNORECASE)


def hresult(value):
    """A result code as an unsigned 32-bit number, from any of its spellings; None where it is none.

    Windows writes one code as an unsigned number, as a signed one (in the XML of events), as hex with 0x, and as bare hex.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value & 0xFFFFFFFF if -2**31 <= value < 2**32 else None
    text = str(value).strip()
    if re.fullmatch(r"(0[xX])?[0-9A-Fa-f]{8}", text):
        return int(text, 16)
    return hresult(int(text)) if re.fullmatch(r"-?\d{1,10}", text) else None


def code(number):
    """A result code for people: ``0x807800C5``."""
    return f"0x{number:08X}"


def says(number):
    """What a result means, in half a sentence with the code."""
    if number == 0:
        return "it succeeded"
    return f"{RESULTS[number]} ({code(number)})" if number in RESULTS else f"it failed with {code(number)}"


def version_instants(text):
    """The instants of the version ids in a text, in order: an id is MM/dd/yyyy-HH:mm in UTC, in every language."""
    return [f"{year}-{month}-{day}T{hour}:{minute}:00Z" for month, day, year, hour, minute in _VERSION.findall(text)]


def log_instant(text):
    """When the run of a log began, from the log's name (dd-MM-yyyy_HH-mm-ss, UTC); None where the text names none."""
    match = _LOG.search(text or "")
    if not match:
        return None
    day, month, year, *clock = (int(part) for part in match.groups())
    return datetime(year, month, day, *clock, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
