"""Controller CPU of an audit, as a ratio to ansible.builtin.raw running `hostname` on the same hosts.

    .venv/bin/python -m tools.bench [--hosts 200] [--nodes 40] [--forks 10] [--rounds 5]

CPU is user and system time of ansible-playbook and its children, without the lab; the time of a play that does nothing
(`meta: noop`) is taken off. The audit includes judging and writing. Medians of the rounds, which take turns.
First, a manifest of a vault with many files is compared with as many files: time, and the peak of memory beyond what is there.
"""
from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median

import yaml

from tools.lab_process import ROOT, running

FOLDER = ROOT / "out" / "bench"
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
PLAYS = {
    "noop": [{"name": "Nothing", "hosts": "all", "gather_facts": False, "tasks": [{"name": "Nothing", "ansible.builtin.meta": "noop"}]}],
    "raw": [{"name": "Raw", "hosts": "all", "gather_facts": False, "tasks": [{"name": "Raw", "ansible.builtin.raw": "hostname"}]}],
}


def scenario(hosts: int, nodes: int) -> dict:
    """A healthy estate of this size: clusters of two nodes with a share as witness, and hosts outside them."""
    names = [f"host{number:03}" for number in range(1, hosts + 1)]
    clusters = {f"CLU{number + 1:02}": {"nodes": names[2 * number:2 * number + 2], "witness": {"share": rf"\\fs01\clu{number + 1:02}"}}
                for number in range(nodes // 2)}
    return {"estate": {
        "domain": "contoso.test",
        "users": {r"{domain}\svc-audit": {"password": "Lab-only-1"}},
        "shares": {cluster["witness"]["share"]: {"writers": [name]} for name, cluster in clusters.items()},
        "clusters": clusters,
        "hosts": {name: {"groups": ["biztalk"]} for name in names},
    }, "actions": [], "expect": []}


def cpu(name: str, *arguments: str) -> float:
    """Seconds of CPU that one run of ansible-playbook and its children took. Raises RuntimeError where it fails."""
    log = FOLDER / f"{name}.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen([str(PLAYBOOK), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"The run '{name}' failed; the end of {log}:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def runs(inventory: Path, forks: int) -> dict[str, list[str]]:
    """The arguments of ansible-playbook for everything that is measured."""
    common = ["-i", str(inventory), "--forks", str(forks)]
    return {
        "noop": [*common, str(FOLDER / "noop.yml")],
        "raw": [*common, str(FOLDER / "raw.yml")],
        "audit": [*common, "playbooks/audit.yml", "-e", f"audit_output={FOLDER}/audit"],
        "judge": ["playbooks/judge.yml", "-e", f"audit_snapshots={FOLDER}/audit/snapshots", "-e", f"audit_output={FOLDER}/judge"],
        "localhost noop": ["-i", "localhost,", str(FOLDER / "noop.yml")],
    }


def measure(measured: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """Median seconds of CPU by name; the runs take turns."""
    cpu("warm-up", *measured["audit"], "--limit", "host001")
    seen = {name: [] for name in measured}
    for number in range(rounds):
        for name, arguments in measured.items():
            seen[name].append(cpu(name.replace(" ", "-"), *arguments))
        print(f"round {number + 1} of {rounds}:", ", ".join(f"{name} {values[-1]:.2f} s" for name, values in seen.items()), flush=True)
    return {name: median(values) for name, values in seen.items()}


def compare_manifest(count: int) -> tuple[float, float]:
    """Seconds that comparing a manifest of *count* files takes, and the peak of memory in MiB, which is taken in a run of its own."""
    from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import manifest

    def files():
        for number in range(count):
            yield manifest.File(f"content\\{number // 1000:04}\\page-{number:07}.aspx", number, "2026-11-23T02:00:00.0000000Z", f"{number:064x}")

    total, size, listing = manifest.listing(files())
    header = {"host": "IIS01", "kind": "iis", "set": "s", "source": "", "taken_at": "", "copied_at": "", "files": total, "bytes": size, "listing": listing}

    def run():
        if list(manifest.compare(manifest.Manifest(manifest.lines(header, files())), files())):
            raise RuntimeError("Equal files were told to differ.")

    began = time.process_time()
    run()
    seconds = time.process_time() - began
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, default in (("hosts", 200), ("nodes", 40), ("forks", 10), ("rounds", 5), ("files", 200000)):
        parser.add_argument(f"--{option}", type=int, default=default, help="default: %(default)s")
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name, play in PLAYS.items():
        (FOLDER / f"{name}.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    (FOLDER / "scenario.yml").write_text(yaml.safe_dump(scenario(options.hosts, options.nodes)), encoding="utf-8")
    version = subprocess.run([str(PLAYBOOK), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(f"{version}, Python {platform.python_version()}")
    print(f"{options.hosts} hosts, {options.nodes} of them cluster nodes; {options.forks} forks; {options.rounds} rounds")
    seconds, peak = compare_manifest(options.files)
    print(f"a manifest of {options.files} files: written, read and compared in {seconds:.1f} s, {peak:.2f} MiB at the most")
    with running(FOLDER / "scenario.yml", FOLDER / "lab") as inventory:
        middle = measure(runs(inventory, options.forks), options.rounds)
    audited, raw = middle["audit"] - middle["noop"], middle["raw"] - middle["noop"]
    judged = middle["judge"] - middle["localhost noop"]
    print("\nCPU of the controller, median, milliseconds a host:")
    for text, seconds in (("raw hostname", raw), ("audit", audited), ("  of it judging and writing the report", judged),
                          ("  of it reading and writing snapshots", audited - judged)):
        print(f"  {text:42}{1000 * seconds / options.hosts:7.1f}")
    print(f"taken off each: a play that does nothing, {middle['noop']:.2f} s")
    print(f"ratio audit : raw = {audited / raw:.2f}")


if __name__ == "__main__":
    main()
