# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Files that are their owner's alone, and plain data."""

import json
import os
import pathlib
import tempfile


def plain(value):
    """A copy in plain JSON types: Ansible's tagged strings and numbers are not equal in type to what JMESPath and YAML make."""
    return json.loads(json.dumps(value))


def write(folder, name, data, sort_keys=False):
    """Writes JSON to ``<folder>/<name>``, as ``write_text`` does."""
    return write_text(folder, name, json.dumps(data, ensure_ascii=False, indent=1, sort_keys=sort_keys) + "\n")


def write_text(folder, name, text):
    """Writes ``<folder>/<name>`` in one step, readable by its owner alone. Returns ``(path, the bytes)``.

    Raises ValueError with one sentence where the file cannot be written.
    """
    path = pathlib.Path(folder) / name
    text = text.encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(text)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}.") from error
    return str(path), text
