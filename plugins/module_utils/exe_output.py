# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a native program said: its exit code, and its bytes as text. What an exit code means is for the area that ran the program."""

import base64
import binascii
import codecs
from dataclasses import dataclass

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True)
class Output:
    """One run of a program that came to its end. *code*: 0 to 4294967295; *text* and *errors*: standard output and standard error;
    *cut*: one of them was longer than what is kept of it."""

    code: int
    text: str
    errors: str
    cut: bool


def one(area, step, run=0):
    """The Output of one run of a step ``exe`` (*area*: answer.AreaAnswer), or a hole that says why there is none."""
    row = rows.one(area, step, run)
    if observed.is_hole(row):
        return row
    try:
        code, output, errors, cut = row
        return Output(code, *(text(base64.b64decode(part["$bytes"], validate=True), area.oem, cut) for part in (output, errors)), cut)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return observed.hole("failed", f"What the program of the step {step} said did not arrive in the agreed form.")


def every(area, step):
    """``one`` of every run of a step; one hole where the step was not carried out."""
    runs = area.steps[step].runs
    return [one(area, step, run) for run in range(len(runs))] if runs else one(area, step)


def text(data, oem=None, cut=False):
    """Bytes as text, with ``\\n`` for each end of a line: by its mark, else UTF-16 where every second byte of its beginning is 0, else UTF-8
    where all of it is (*cut*: but for a last character that may be cut off), else the code page *oem*. What none of them explains is U+FFFD."""
    mark, encoding = next(((mark, name) for mark, name in MARKS if data.startswith(mark)), (b"", ""))
    if not encoding:
        encoding = "utf-16-le" if data[:1] != b"\0" and data[1:4:2].strip(b"\0") == b"" and len(data) >= 2 else _narrow(data, oem, cut)
    return data[len(mark):].decode(encoding, "replace").replace("\r\n", "\n")


def _narrow(data, oem, cut):
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return codecs.lookup(f"cp{oem}").name
    except LookupError:
        return "ascii"
