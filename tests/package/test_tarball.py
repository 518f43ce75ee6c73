"""The collection builds, its tarball holds what users need and nothing else, installs without a network and runs by its full names."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools.lab_process import ROOT, running
from tools.sanity import copy_tree

BIN = Path(sys.executable).parent


def run(*command, cwd, **environment):
    """What a command printed; the test fails where the command does."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def files(tarball):
    """Names of the files in a tarball."""
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    """Built from a copy of what git tracks or would, as ``make build`` does from a fresh clone."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    copy_tree(source)
    run(BIN / "ansible-galaxy", "collection", "build", "--output-path", target, cwd=source)
    return next(target.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball, tmp_path_factory):
    """A folder of collections with nothing but the tarball's content."""
    folder = tmp_path_factory.mktemp("collections")
    # no server, so that a look-up would fail and not be answered; forced, since the environment knows the linked checkout
    run(BIN / "ansible-galaxy", "collection", "install", "--offline", "--force", "--no-cache", "-p", folder, tarball, cwd=folder,
        ANSIBLE_GALAXY_SERVER="http://127.0.0.1:9/", ANSIBLE_COLLECTIONS_PATH=str(folder))
    return folder


def test_the_tarball_holds_the_product_and_not_the_workshop(tarball):
    names = files(tarball)
    tops = {name.split("/")[0] for name in names}
    assert tops <= {"FILES.json", "MANIFEST.json", "LICENSE", "README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md",
                    "baseline", "bindep.txt", "changelogs", "docs", "meta", "playbooks", "plugins", "requirements.txt", "roles"}
    assert {"plugins/plugin_utils/executor.ps1", "plugins/plugin_utils/executor_exe.ps1", "plugins/plugin_utils/executor_sql.ps1",
            "baseline/subjects.yml", "plugins/plugin_utils/page/report.html.j2",
            "meta/runtime.yml", "playbooks/audit.yml", "LICENSE"} <= names
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_what_is_built_in_place_is_the_same(tarball, tmp_path):
    """A checkout with environments, reports and caches in it builds what a fresh clone builds."""
    run(BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=ROOT)
    assert files(next(tmp_path.glob("*.tar.gz"))) == files(tarball)


def test_make_build_packs_only_what_git_tracks(tarball, tmp_path):
    copy_tree(tmp_path)
    (tmp_path / ".venv").symlink_to(BIN.parent)
    for name in ("notes.txt", "plugins/scratch.py"):
        (tmp_path / name).write_text("mine\n", encoding="utf-8")
    run("make", "--silent", "--old-file", "run-environment", "build", cwd=tmp_path)
    assert files(next((tmp_path / "out").glob("*.tar.gz"))) == files(tarball)


def test_an_installed_collection_audits_by_its_full_name(installed, tmp_path):
    """Run from an empty folder, with the checkout that is linked into the environment out of sight."""
    with running("healthy", tmp_path / "lab") as inventory:
        shown = run(BIN / "ansible-playbook", "-i", inventory, "biztalk.fault_tolerance.audit", "-e", f"audit_output={tmp_path}/audit",
                    cwd=tmp_path, ANSIBLE_COLLECTIONS_PATH=str(installed), ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false")
    report = json.loads((tmp_path / "audit" / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "pass", shown
    assert len(report["findings"]) >= 16


@pytest.mark.parametrize("playbook", ["audit", "backup_platform", "collect_for_rebuild", "configure", "doctor", "judge", "verify_offsite"])
def test_every_playbook_is_found_by_its_full_name(installed, tmp_path, playbook):
    (tmp_path / "inventory.yml").write_text("all: {children: {cluster_node: {hosts: {a: {cluster_name: C}}}}}\n", encoding="utf-8")
    shown = run(BIN / "ansible-playbook", "-i", "inventory.yml", f"biztalk.fault_tolerance.{playbook}", "--list-tasks", cwd=tmp_path,
                ANSIBLE_COLLECTIONS_PATH=str(installed), ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false")
    assert "TAGS:" in shown


def test_the_documentation_of_every_module_is_found(installed, tmp_path):
    names = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
    shown = run(BIN / "ansible-doc", "--json", *(f"biztalk.fault_tolerance.{name}" for name in names), cwd=tmp_path,
                ANSIBLE_COLLECTIONS_PATH=str(installed), ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false")
    assert sorted(json.loads(shown)) == [f"biztalk.fault_tolerance.{name}" for name in names]
