"""What the documents tell people to type works: fenced blocks of ``console run`` are carried out against a lab of the tests' own.

A line that begins with ``$ `` is a command; lines under it are text that must appear in its output, in that order.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.lab_process import ROOT, running

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def commands():
    """(document, command, lines of output that must appear), in the order of the documents."""
    found = []
    for path in DOCUMENTS:
        for block in BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if line.startswith("$ "):
                    found.append((path.name, line[2:], []))
                elif line.strip():
                    found[-1][2].append(line.strip())
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder that looks like the checkout, so that commands write their reports there and find the test's inventory."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("playbooks", "roles", "baseline"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    for program in ("ansible-playbook", "ansible-doc"):
        (folder / ".venv" / "bin" / program).symlink_to(Path(sys.executable).parent / program)
    (folder / "lab").mkdir()
    with running("drifted", folder / "state") as inventory:
        shutil.copy(inventory, folder / "lab" / "inventory.yml")
        yield folder


def test_there_is_something_to_try():
    assert len(commands()) >= 3


@pytest.mark.parametrize(("document", "command", "expected"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_of_the_documents_works(checkout, document, command, expected):
    done = subprocess.run(command, shell=True, cwd=checkout, env={**os.environ, "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{document}: {command}\n{done.stdout}"
    rest = done.stdout
    for line in expected:
        assert line in rest, f"{document}: {command} does not print {line!r}\n{done.stdout}"
        rest = rest.split(line, 1)[1]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    missing = [target for target in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / target).exists()]
    assert missing == []


def test_the_readme_names_every_module_and_playbook():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [path.stem for folder in ("plugins/modules", "playbooks") for path in (ROOT / folder).glob("*.[py]*")]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_make_targets_that_the_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for path in DOCUMENTS for target in re.findall(r"\bmake ([a-z-]+)", " ".join(re.findall(
        r"`[^`]*`|^\$ .*$", path.read_text(encoding="utf-8"), re.MULTILINE)))}
    assert named
    assert named <= targets
