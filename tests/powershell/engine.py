"""The engine that the executor is tested on: one server a flavour, and single starts where the console itself matters."""
from __future__ import annotations

import base64
import os
import pathlib
import shutil
import subprocess

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

HERE = pathlib.Path(__file__).parent
EXECUTOR = host.EXECUTOR.read_text(encoding="ascii")
TOKEN = "0123456789abcdef"
FLAVOURS = {
    "core": {},
    "desktop": {"EDITION": "Desktop"},
    "turkish": {"EDITION": "Desktop", "CULTURE": "tr-TR"},
}


def path():
    """The engine of $PWSH, else of PATH, else None."""
    return os.environ.get("PWSH") or shutil.which("pwsh")


def environment(flavour, modules=()):
    """Summer time in Berlin, so that local time is never UTC; modules come from the tests' folders only."""
    folders = os.pathsep.join(str(folder) for folder in (HERE / "modules", *modules))
    return {**os.environ, "TZ": "Europe/Berlin", "TERM": "dumb", "PSModulePath": folders, **FLAVOURS[flavour]}


class Server:
    """One engine that carries out many batches."""

    def __init__(self, flavour, modules=(), extra=None):
        self.process = subprocess.Popen(
            [path(), "-NoProfile", "-NonInteractive", "-File", str(HERE / "server.ps1")], env={**environment(flavour, modules), **(extra or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1)
        self.process.stdin.write(base64.b64encode(host.BOOTSTRAP.encode()).decode() + "\n")

    def output(self, stdin):
        """Standard output of the bootstrap, given *stdin* as text."""
        lines = stdin.rstrip("\n").split("\n")
        self.process.stdin.write(f"{len(lines)}\n" + "".join(line + "\n" for line in lines))
        self.process.stdin.flush()
        seen = []
        while (line := self.process.stdout.readline()) != "#end\n":
            if not line:
                raise AssertionError("the engine died")
            seen.append(line)
        return "".join(seen)

    def run(self, steps, deadline=300):
        """The answer of a batch of one area ``a``."""
        document = batch.batch({"a": steps}, TOKEN, deadline)
        stdout = self.output(batch.encode(EXECUTOR, document))
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
    done = subprocess.run([path(), "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-EncodedCommand", encoded],
                          input=stdin, env={**environment(flavour), **(extra or {})}, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr
