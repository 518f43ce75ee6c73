"""Runs ansible-test sanity with the ansible-core of the environment that runs this file.

    .venv-2.21/bin/python tools/sanity.py [arguments of ansible-test sanity]

ansible-test refuses a linked collection, so it gets a real copy of the working tree, uncommitted files included. It would
download a bootstrap script for pip; Python's own ensurepip does the same from what is on the disk. Its caches stay in out/sanity.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "out" / "sanity"
BOOTSTRAP = """import runpy, sys
sys.argv = ["ensurepip", "--upgrade", "--default-pip"]
runpy.run_module("ensurepip", run_name="__main__")
"""
SHOWN = ("Running sanity test", "ERROR", "FATAL", "WARNING: Skipping", "WARNING: Required", "WARNING: Unable")  # the rest is pip's


def copy_tree(target: Path) -> None:
    """Copy what git tracks, and what it would, to a git repository of its own."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=target, check=True)


def search_path() -> str:
    """PATH with real interpreters instead of pyenv's shims, and without pwsh, which ansible-test would hand its own modules."""
    folders = [Path(sys.executable).parent, Path(sys.base_prefix) / "bin"]
    for folder in map(Path, os.get_exec_path()):
        folders += sorted(folder.parent.glob("versions/3.1[1-9]*/bin")) if folder.name == "shims" else [folder]
    return os.pathsep.join(str(folder) for folder in folders if not (folder / "pwsh").exists())


def prepare_home() -> None:
    """A home folder for ansible-test's caches, with the user's settings of pip and a script where it looks for get-pip."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in (".config", ".pip"):
        if (Path.home() / name).exists() and not (HOME / name).exists():
            (HOME / name).symlink_to(Path.home() / name)
    source = Path(find_spec("ansible_test").origin).parent / "_internal" / "python_requirements.py"
    versions = re.findall(r"pip='([\d.]+)'", source.read_text())
    for version in versions:
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP)


if __name__ == "__main__":
    prepare_home()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "ansible_collections" / "biztalk" / "fault_tolerance"
        target.mkdir(parents=True)
        copy_tree(target)
        command = [str(Path(sys.executable).parent / "ansible-test"), "sanity", "--color", "no", *sys.argv[1:]]
        environment = {**os.environ, "HOME": str(HOME), "PATH": search_path()}
        log = ROOT / "out" / f"sanity{Path(sys.prefix).name}.log"
        with log.open("w", encoding="utf-8") as kept, subprocess.Popen(
                command, cwd=target, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout:
                kept.write(line)
                if line.startswith(SHOWN):
                    print(line, end="", flush=True)
        if process.returncode:
            print(f"ansible-test ended with exit code {process.returncode}; all that it said: {log.relative_to(ROOT)}")
        sys.exit(process.returncode)
