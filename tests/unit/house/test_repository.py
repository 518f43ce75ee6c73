"""What no file of the repository may hold, and what every plugin begins with."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Built from parts, so that this file does not hold what it looks for.
MACHINE_FOLDERS = ["wo" + "rk", "ro" + "ot", "fa" + "rm", r"ho" + r"me/\w+", r"Us" + r"ers/\w+"]
MACHINE_PATH = re.compile(rf"(?<![\w.~$}}*-])/(?:{'|'.join(MACHINE_FOLDERS)})(?:/|\b(?=[\"'\s]))")
REGISTRY = re.compile("|".join(re.escape(host) for host in [
    "py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb.deb" + "ian.org", "proxy.go" + "lang.org",
    "crat" + "es.io", "nu" + "get.org", "powershell" + "gallery.com", "rubyg" + "ems.org"]))
HEADER = ["# Copyright (c) 2026 the biztalk.fault_tolerance authors",
          "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
          "# SPDX-License-Identifier: GPL-3.0-or-later"]
LARGEST = 2_500_000  # bytes; the catalogue of cmdlets is the largest file that has a reason to be here


def listed():
    """Paths that git tracks, or would if they were added."""
    try:
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                               capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git does not list this folder: its files were not looked through")
    return [path for path in (ROOT / name for name in names.split("\0") if name) if path.is_file()]


def faults(text):
    """Lines that hold a path of somebody's machine or the host of a package registry."""
    return [line.strip()[:120] for line in text.splitlines() if MACHINE_PATH.search(line) or REGISTRY.search(line)]


def test_no_file_names_a_machine_or_a_registry():
    files = listed()
    assert len(files) > 30
    found = {}
    for path in files:
        assert path.stat().st_size <= LARGEST, path
        lines = faults(path.read_text(encoding="utf-8", errors="replace"))
        if lines:
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


@pytest.mark.parametrize("line", ['open("/ro' + 'ot/x")', "cd /wo" + "rk/main", "https://py" + "pi.org/simple", "see /ho" + "me/anna/x"])
def test_what_may_not_be_there_is_found(line):
    assert faults(line)


@pytest.mark.parametrize("line", ["docs/wo" + "rk/plan", "https://example.org/ro" + "ot/x", "$HOME/.pyenv", "the working folder"])
def test_what_may_be_there_is_let_be(line):
    assert not faults(line)


def test_plugins_begin_with_the_licence():
    files = sorted((ROOT / "plugins").rglob("*.py"))
    assert [str(path) for path in files if path.read_text(encoding="utf-8").splitlines()[:3] != HEADER] == []


def test_plugins_annotate_lazily():
    line = "\nfrom __future__ import annotations\n"
    assert [path for path in (ROOT / "plugins").rglob("*.py") if line not in path.read_text(encoding="utf-8")] == []


def test_modules_are_python_only():
    """ansible-test would need a PowerShell for one .ps1 among the modules."""
    assert [path for path in (ROOT / "plugins" / "modules").iterdir() if path.suffix not in (".py", "") and path.is_file()] == []
