"""A lab in a process of its own, for tools and tests: started on free ports, stopped at the end."""
from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60  # seconds until the lab must be ready


@contextmanager
def running(scenario, folder):
    """Serve a scenario (a name or a file) from nothing, with its state in *folder*; gives the inventory file to use.

    Raises RuntimeError with the end of the lab's log where it does not get ready.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    log, inventory = folder / "lab.log", folder / "inventory.yml"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", "--scenario", str(scenario), "--state", str(folder / "state"), "--reset",
             "--port", "0", "--https-port", "0", "--sql-port", "0", "--inventory", str(inventory)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + PATIENCE
        while not re.search(r"^lab ready:", log.read_text(encoding="utf-8"), re.MULTILINE):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"The lab did not get ready; the end of {log}:\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)
        yield inventory
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
