"""The engine that the executor is tested on: one server a flavour, and single starts where the console itself matters."""

from __future__ import annotations

import base64
import functools
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

HERE = pathlib.Path(__file__).parent
MODULES = HERE / "modules"
TOKEN = "0123456789abcdef"
FLAVOURS = {
    "core": {},
    "desktop": {"EDITION": "Desktop"},
    "turkish": {"EDITION": "Desktop", "CULTURE": "tr-TR"},
}


def path():
    """The engine of $PWSH, else of PATH, else None."""
    return os.environ.get("PWSH") or shutil.which("pwsh")


@functools.cache
def programs():
    """A folder that lives as long as the tests. ``%STANDIN%\\standin.exe`` is a program here: backslashes are letters of a file's name."""
    folder = tempfile.TemporaryDirectory(prefix="bft-")
    place = pathlib.Path(folder.name) / "p"
    link(f"{place}\\standin.exe", HERE / "programs" / "standin.py")
    pathlib.Path(f"{place}\\plain.exe").write_text("no program", encoding="ascii")
    return folder, place


def link(file, script, *first):
    """A program *file* that runs a Python script, with some first arguments."""
    words = " ".join(shlex.quote(str(word)) for word in (sys.executable, script, *first))
    pathlib.Path(file).write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    os.chmod(file, 0o755)


def environment(flavour):
    """Berlin, so that local time is never UTC; modules come from the tests' folder only."""
    return {**os.environ, "STANDIN": str(programs()[1]), "TZ": "Europe/Berlin", "TERM": "dumb", "PSModulePath": str(MODULES), **FLAVOURS[flavour]}


class Server:
    """One engine that carries out many batches. *preloaded*: module files that every run begins with. *folder*: where it works."""

    def __init__(self, flavour, preloaded=(), folder=None, extra=None):
        self.process = subprocess.Popen(
            [path(), "-NoProfile", "-NonInteractive", "-File", str(HERE / "server.ps1")],
            env={**environment(flavour), "PRELOADED": os.pathsep.join(map(str, preloaded)), **(extra or {})},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            bufsize=1,
        )
        self._write(base64.b64encode(host.BOOTSTRAP.encode()).decode() + "\n")

    def output(self, stdin, folders=(MODULES,), carrier=None):
        """Standard output of the bootstrap, given *stdin* as text. *carrier* answers the calls of generated functions."""
        lines = stdin.rstrip("\n").split("\n")
        self._write(f"{len(lines)} {os.pathsep.join(map(str, folders))}\n" + "".join(line + "\n" for line in lines))
        seen = []
        while (line := self.process.stdout.readline()) != "#end\n":
            if not line:
                raise AssertionError("the engine died")
            if carrier and line.startswith("#call "):
                self._write(carrier(line[len("#call ") :]) + "\n")
            else:
                seen.append(line)
        return "".join(seen)

    def _write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def run(self, steps, deadline=300):
        """The answer of a batch of one area ``a``."""
        document = batch.batch({"a": steps}, TOKEN, deadline)
        stdout = self.output(host.standard_input(document))
        assert stdout.isascii()
        seen = answer.parse(stdout, document)
        assert seen.complete, (seen.problems, stdout)
        return seen

    def steps(self, steps, deadline=300):
        return self.run(steps, deadline).areas["a"].steps

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def start(flavour, stdin, script=host.BOOTSTRAP, extra=None):
    """One start of the engine as WinRM would make it: ``(rc, stdout, stderr)``."""
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    done = subprocess.run(
        [path(), "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-EncodedCommand", encoded],
        input=stdin,
        env={**environment(flavour), **(extra or {})},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
