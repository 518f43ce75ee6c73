"""The demo: audit a simulated estate that has drifted, see what would be repaired, repair it, and audit again.

    .venv/bin/python -m tools.demo

Leaves out/demo/{before,after}/report.html, report.json and the snapshots beside them.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import report
from tools.lab_process import ROOT, running

FOLDER = ROOT / "out" / "demo"
SHORT = {"ANSIBLE_DISPLAY_OK_HOSTS": "false", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}      # what changes, and what the tasks say
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
STEPS = [
    ("Audit: read every host over WinRM and every SQL Server over TDS, judge the estate, change nothing",
     ["playbooks/audit.yml", "-e", "audit_output=out/demo/before"]),
    ("Configure in check mode: say what would be changed - quorums, backups of databases, of a web server, of an image - and change nothing",
     ["playbooks/configure.yml", "--check", "--diff"]),
    ("Configure: make these changes, then read again whether they are there", ["playbooks/configure.yml"]),
    ("Audit again: what got better", ["playbooks/audit.yml", "-e", "audit_output=out/demo/after"]),
]


def say(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"\n{bold}{text}{plain}", flush=True)


def main() -> int:
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    say("[0/4] Start the lab: a simulated estate behind real WS-Management and TDS, on loopback only. No Windows and no SQL Server is involved.")
    with running("drifted", FOLDER / "lab") as inventory:
        print(f"ready after {time.monotonic() - began:.1f} s")
        shutil.copytree(ROOT / "lab" / "host_vars", inventory.parent / "host_vars")     # what configure shall bring the estate to
        inventory = inventory.relative_to(ROOT)
        for number, (title, arguments) in enumerate(STEPS, 1):
            say(f"[{number}/4] {title}")
            print(f"$ .venv/bin/ansible-playbook -i {inventory} {' '.join(arguments)}", flush=True)
            started = time.monotonic()
            command = [str(PLAYBOOK), "-i", str(inventory), *arguments]
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False, env={**os.environ, **SHORT}).returncode
            print(f"done after {time.monotonic() - started:.1f} s", flush=True)
            if code != 0:
                say(f"The demo stops here: that step ended with exit code {code}, and should not have.")
                return 1
    changes = report.compare(*(report.read(FOLDER / name) for name in ("before", "after")))
    say("What got better")
    for change in changes["better"]:
        print(f"{change['control']} on {change['subject']}: {change['title']}")
    if not changes["better"] or changes["worse"]:
        say("The demo ends here: the repair should have made something better, and nothing worse.")
        return 1
    print(f"\nReports: {FOLDER.relative_to(ROOT)}/before/report.html and {FOLDER.relative_to(ROOT)}/after/report.html, to open in a browser."
          f" The demo took {time.monotonic() - began:.0f} s. To look around yourself: make lab")
    return 0


if __name__ == "__main__":
    sys.exit(main())
