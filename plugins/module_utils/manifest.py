# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The manifest of a copied set: what the set was when it was copied and verified, file by file.

JSON Lines: a header, one line a file in the order of the paths, and a last line with the count and the SHA-256 of the lines before it.
Everything here goes line by line and keeps no more than one line of each side, however many files there are.
"""

import hashlib
import json
from dataclasses import dataclass

SCHEMA = 1
SUFFIX = ".manifest.jsonl"
HEADER = {"schema": int, "host": str, "kind": str, "set": str, "source": str, "taken_at": str, "copied_at": str, "files": int, "bytes": int, "listing": str}


class ManifestError(ValueError):
    """A manifest that is not whole or not of this form; the text is one sentence."""


@dataclass(frozen=True)
class File:
    """A file of a set: *path* in it (backslashes), size, time of its last change (ISO 8601 UTC) and SHA-256 (lower case; None: not read)."""

    path: str
    bytes: int
    modified: str
    sha256: str | None = None


@dataclass(frozen=True)
class Difference:
    """What is not as the manifest says. *what*: ``missing``, ``extra``, ``bytes``, ``modified`` or ``sha256``."""

    path: str
    what: str
    said: object
    found: object

    def __str__(self):
        if self.what in ("missing", "extra"):
            return f"{self.path} is {'not there' if self.what == 'missing' else 'there and not in the manifest'}"
        names = {"bytes": "size", "modified": "time of the last change", "sha256": "content"}
        return f"the {names[self.what]} of {self.path} is another one" + (f" ({self.found}, not {self.said})" if self.what == "bytes" else "")


def listing(files):
    """``(number, bytes, SHA-256)`` over names, sizes and times of *files*, which are in the order of their paths."""
    total, count, size = hashlib.sha256(), 0, 0
    for file in files:
        total.update(f"{file.path}\t{file.bytes}\t{file.modified}\n".encode("utf-8", "surrogatepass"))
        count, size = count + 1, size + file.bytes
    return count, size, total.hexdigest()


def lines(header, files):
    """The lines of a manifest. *header*: what ``HEADER`` names, but for the schema; *files* in the order of their paths."""
    total, count = hashlib.sha256(), 0
    for value in _documents(header, files):
        line = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        total.update((line + "\n").encode())
        count += 1
        yield line
    yield json.dumps({"lines": count, "sha256": total.hexdigest()}, separators=(",", ":"))


def _documents(header, files):
    yield {"schema": SCHEMA, **header}
    for file in files:
        yield {"path": file.path, "bytes": file.bytes, "modified": file.modified, "sha256": file.sha256}


def read_header(line):
    """The header of a manifest's first line; None where it is none."""
    value = _value(line)
    if value is None or value.get("schema") != SCHEMA or any(not _is(value.get(name), kind) for name, kind in HEADER.items()):
        return None
    return {name: value[name] for name in HEADER}


def _is(value, kind):
    """Whether a value is of a type of JSON; true and false are no numbers."""
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def read_end(line):
    """The number of lines that a manifest's last line claims; None where it is no last line."""
    value = _value(line)
    return value["lines"] if value and isinstance(value.get("lines"), int) and isinstance(value.get("sha256"), str) else None


def _value(line):
    try:
        value = json.loads(line.lstrip("\ufeff"))
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, dict) else None


class Manifest:
    """A manifest read once from its *text_lines*. ``header`` is there at once; iterating gives every File and then raises ManifestError
    where the manifest is not whole: whatever was read before that counts for nothing."""

    def __init__(self, text_lines):
        self._lines = iter(text_lines)
        self._first = next(self._lines, "").rstrip("\r\n").lstrip("\ufeff")
        self.header = read_header(self._first)
        if self.header is None:
            raise ManifestError("The manifest has no header.")

    def __iter__(self):
        total, count, before, size = hashlib.sha256((self._first + "\n").encode()), 1, None, 0
        for text in self._lines:
            line = text.rstrip("\r\n")
            value = _value(line)
            if value is None:
                raise ManifestError(f"Line {count + 1} of the manifest is not whole.")
            if "lines" in value:
                return self._ended(value, count, total, size)
            try:
                file = File(value["path"], value["bytes"], value["modified"], value["sha256"])
            except KeyError as error:
                raise ManifestError(f"Line {count + 1} of the manifest lacks {error}.") from error
            if before is not None and file.path <= before:
                raise ManifestError(f"Line {count + 1} of the manifest is not in the order of the paths.")
            total.update((line + "\n").encode())
            count, before, size = count + 1, file.path, size + file.bytes
            yield file
        raise ManifestError("The manifest ends before its last line.")

    def _ended(self, end, count, total, size):
        if end["lines"] != count or end.get("sha256") != total.hexdigest():
            raise ManifestError("The manifest was changed after it was written.")
        if (self.header["files"], self.header["bytes"]) != (count - 1, size):
            raise ManifestError("The header of the manifest does not fit its lines.")
        if next(self._lines, None) is not None:
            raise ManifestError("Something stands behind the last line of the manifest.")


def compare(said, found):
    """Yields every Difference between two runs of Files, both in the order of their paths; content only where both were read.

    Raises what reading them raises, so no answer is complete before the iteration has ended.
    """
    said, found = iter(said), iter(found)
    left, right = next(said, None), next(found, None)
    while left or right:
        if right is None or (left and left.path < right.path):
            yield Difference(left.path, "missing", left.bytes, None)
            left = next(said, None)
        elif left is None or right.path < left.path:
            yield Difference(right.path, "extra", None, right.bytes)
            right = next(found, None)
        else:
            for name in ("bytes", "modified", "sha256"):
                one, other = getattr(left, name), getattr(right, name)
                if one != other and (name != "sha256" or None not in (one, other)):
                    yield Difference(left.path, name, one, other)
            left, right = next(said, None), next(found, None)
