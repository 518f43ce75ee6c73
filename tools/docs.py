"""Builds the documentation of all plugins as the Ansible project's site does, and fails on anything that it would warn about.

    .venv/bin/python tools/docs.py [folder, default out/docs]

Asks nothing of a network: what refers to Ansible's own documentation leads to a page that stands for it.
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARIES = Path(sys.executable).parent
COLLECTION = "biztalk.fault_tolerance"
ANSIBLES_OWN = ("action_plugins", "ansible_configuration_settings", "common_return_values")  # labels that the templates refer to


def run(*command: object, cwd: Path) -> None:
    """Carry out a command in silence; where it fails, print what it said and end."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(BINARIES), os.environ["PATH"]])}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nThis failed: {' '.join(map(str, command))}")


def main(target: Path) -> None:
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", ".", cwd=ROOT)
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        run("antsibull-docs", "sphinx-init", "--use-current", "--sphinx-theme", "alabaster", "--dest-dir", site, COLLECTION, cwd=site)
        run("antsibull-docs", "--config-file", "antsibull-docs.cfg", "collection", "--use-current", "--fail-on-error", "--dest-dir", "rst",
            COLLECTION, cwd=site)
        labels = "\n".join(f".. _{label}:\n" for label in ANSIBLES_OWN)
        (site / "rst" / "ansible.rst").write_text(f":orphan:\n\n{labels}\nIn Ansible's own documentation\n"
                                                  "==============================\n", encoding="utf-8")
        with (site / "conf.py").open("a", encoding="utf-8") as conf:
            conf.write("\nintersphinx_mapping = {}\n")
        run("sphinx-build", "-b", "html", "-W", "--keep-going", "-q", "-c", ".", "rst", target, cwd=site)
    print(f"The documentation of all plugins is whole: {target / 'index.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/docs").resolve())
