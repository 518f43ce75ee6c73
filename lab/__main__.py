"""``python -m lab``: serves a simulated estate until Ctrl-C or SIGTERM. Prints one line when it is ready."""
from __future__ import annotations

import argparse
import asyncio
import errno
import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path

from lab import inventory, scenario
from lab.server import ADDRESS, Lab

PORT, HTTPS_PORT, SQL_PORT = 15985, 15986, 15433
PACE = 240      # an hour's work takes a quarter of a minute
HERE = Path(__file__).parent


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m lab", description="A simulated estate behind real WS-Management, on loopback only.")
    parser.add_argument("--scenario", help=f"{', '.join(scenario.names())} or a file (default: the folder's own, else healthy)")
    parser.add_argument("--state", type=Path, default=HERE.parent / "out" / "lab", help="folder of the state (default: out/lab)")
    parser.add_argument("--reset", action="store_true", help="begin anew with the scenario; else the folder's state goes on")
    parser.add_argument("--port", type=int, default=PORT, help="HTTP port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--https-port", type=int, default=HTTPS_PORT, help="HTTPS port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--sql-port", type=int, default=SQL_PORT, help="port of the first SQL Server, 0 for free ones (default: %(default)s)")
    parser.add_argument("--inventory", type=Path, help="write an inventory for the ports in use to this file")
    parser.add_argument("--frozen-clock", metavar="ISO", help="let the estate's clock stand at this instant")
    parser.add_argument("--pace", type=float, default=PACE, help="seconds of work that a job does in one second of the clock (default: %(default)s)")
    parser.add_argument("--block", type=int, default=110, metavar="KB", help="output of one Receive (default: %(default)s)")
    return parser.parse_args(argv)


async def serve(options):
    """Starts the lab, applies the scenario to a new state, and waits for a signal. Returns the exit code."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (options.state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(f"Another lab is using {options.state}: stop it, or take another folder with --state.", file=sys.stderr)
        return 1
    if options.reset:
        _empty(options.state)
    held = scenario.held(options.state)
    if held and options.scenario and scenario.load(options.scenario)["file"] != held:
        print(f"{options.state} holds the scenario {Path(held).stem}: --reset begins anew, --state takes another folder.", file=sys.stderr)
        return 1
    plan = scenario.load(options.scenario or held or "healthy")
    state, fresh = scenario.open_state(plan, options.state, options.frozen_clock)
    state.pace = options.pace
    lab = Lab(state, options.state, options.port, options.https_port, options.block * 1024, options.sql_port)
    try:
        await lab.start()
    except OSError as error:
        print(taken(error), file=sys.stderr)
        return 1
    if fresh:
        await asyncio.to_thread(scenario.carry_out, plan, lab)
    file = options.inventory or HERE / "inventory.yml"
    if options.inventory or (lab.port, lab.https_port, options.sql_port) != (PORT, HTTPS_PORT, SQL_PORT):
        file = options.inventory or options.state / "inventory.yml"
        file.write_text(inventory.text(plan, lab.port, lab.https_port, lab.ca, lab.sql_ports), encoding="utf-8")
    print(f"lab ready: scenario {plan['name']}, inventory {_shown(file)}", flush=True)
    await stopped.wait()
    await lab.stop()
    return 0


def _empty(folder):
    """Removes what a lab left in its folder; the lock stays, since it is held."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()


def _shown(path):
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def taken(error):
    """The sentence for a port that cannot be had: who holds it, where /proc can tell."""
    port = error.filename
    if error.errno != errno.EADDRINUSE:
        return f"The lab cannot listen on {ADDRESS}:{port}: {error.strerror}."
    holder = _holder(port)
    return f"Port {port} on {ADDRESS} is taken{f' by {holder}' if holder else ''}. Stop that, or choose another with --port, --https-port and --sql-port."


def _holder(port):
    """``process id (command)`` of who listens on a port, or an empty text."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [row.split() for row in Path(table).read_text().splitlines()[1:]]
        except OSError:
            continue
        inodes |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == port}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace').strip()})"
        except OSError:
            continue
    return ""


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(arguments(sys.argv[1:]))))
