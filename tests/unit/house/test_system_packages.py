"""A missing system package: said and installed where that is allowed, said and left to the person where it is not."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "system-packages.sh"
STANDINS = {"apt-get": 'echo "apt-get $*" >>"$LOG"', "sudo": '[ "$SUDO" = yes ] || exit 1; shift 0; [ "$1" = -n ] && shift; exec "$@"',
            "id": "echo $USER_ID", "env": 'while case $1 in *=*) true ;; *) false ;; esac; do shift; done; exec "$@"', "true": "exit 0"}


def run(tmp_path, user, sudo="no", without=()):
    """(exit code, what is shown, the calls of apt-get) with stand-ins for everything that would touch the system."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    log.touch()
    for name, body in STANDINS.items():
        if name not in without:
            (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
            (folder / name).chmod(0o755)
    environment = {"PATH": str(folder), "LOG": str(log), "USER_ID": user, "SUDO": sudo}
    done = subprocess.run(["/bin/sh", str(SCRIPT), "python3-venv"], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, log.read_text(encoding="ascii").splitlines()


@pytest.mark.parametrize(("user", "sudo", "prefix"), [("0", "no", ""), ("1000", "yes", "sudo ")])
def test_it_says_the_command_and_runs_it(tmp_path, user, sudo, prefix):
    code, shown, calls = run(tmp_path, user, sudo)
    assert code == 0
    assert f"+ {prefix}apt-get -q update" in shown
    assert calls == ["apt-get -q update", "apt-get -q install -y --no-install-recommends python3-venv"]


def test_it_says_the_command_and_stops(tmp_path):
    code, shown, calls = run(tmp_path, "1000")
    assert (code, calls) == (1, [])
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends python3-venv" in shown


def test_elsewhere_it_names_what_is_missing(tmp_path):
    code, shown, calls = run(tmp_path, "0", without=["apt-get"])
    assert (code, calls) == (1, [])
    assert "python3-venv" in shown
