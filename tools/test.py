"""Runs the tests step by step, says what each is for and how long it took, and ends with a table.

    .venv/bin/python tools/test.py lint | check | test

A step that fails does not stop the others. With CI set, a missing Python for the second ansible-core fails the run;
where PowerShell (PWSH) or a Chromium is, a skipped test of theirs does: there is no reason to skip.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "out" / "test"
BROWSER = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) or "CHROMIUM" in os.environ
TEXTS = REPORTS / "texts.jsonl"
FIRST, SECOND = (Path(name) / "bin" for name in (".venv", ".venv-2.21"))


@dataclass
class Step:
    """One command; tests write a report in JUnit's format, from which skips are counted."""

    title: str
    command: list[str]
    tests: bool = False
    may_skip: bool = True
    keeps_texts: bool = False       # what reaches the lab's SQL Servers is kept, for Microsoft's parser

    @property
    def report(self) -> Path:
        return REPORTS / (self.title.replace(" ", "-").replace(",", "") + ".xml")


def tool(title, *command):
    return Step(title, [str(FIRST / command[0]), *command[1:]])


def tests(title, *folders, binaries=FIRST, workers="auto", may_skip=True, keeps_texts=False, leave_out=""):
    step = Step(title, [str(binaries / "python"), "-m", "pytest", "-q", *(f"tests/{folder}" for folder in folders)], True, may_skip, keeps_texts)
    step.command += ["-n", workers, "--dist", "loadfile", f"--junitxml={step.report}", *(["-m", f"not {leave_out}"] if leave_out else [])]
    return step


LINT = [tool("ruff", "ruff", "check", "--quiet", "."),
        tool("yamllint", "yamllint", "--strict", "."),
        tool("changelog fragments", "antsibull-changelog", "lint")]
DEEP_LINT = [tool("ansible-lint, profile production", "ansible-lint", "--offline", "-q"),
             tool("documentation of the plugins", "python", "tools/docs.py")]
OLDER_SANITY = [word for test in ("validate-modules", "import", "compile", "ansible-doc") for word in ("--test", test)]
UNIT = [tests("unit tests", "unit")]
QUICK = [tests("unit tests but the long ones", "unit", leave_out="long")]


def all_steps() -> list[Step]:
    """Every step of `make test`; those that need the second environment only where a Python for it is there."""
    steps = [*LINT, *UNIT, *DEEP_LINT,
             tests("lab", "lab"),
             tests("end to end on the older ansible-core", "e2e", keeps_texts=True),
             tests("PowerShell, the executor itself", "powershell", may_skip="PWSH" not in os.environ, keeps_texts=True),
             Step("ansible-test sanity on the older ansible-core", [str(FIRST / "python"), "tools/sanity.py", *OLDER_SANITY]),
             tests("report.html in a browser", "browser", may_skip=not BROWSER),
             tests("package and documents", "package", "docs", workers="0")]
    setup = subprocess.run(["tools/setup.sh", str(SECOND.parent), "dev"], check=False).returncode
    if setup == 0:
        steps += [tests("unit tests on the newer ansible-core", "unit", binaries=SECOND),
                  tests("end to end on the newer ansible-core", "e2e", binaries=SECOND),
                  Step("ansible-test sanity", [str(SECOND / "python"), "tools/sanity.py"])]
    elif setup != 3 or "CI" in os.environ:
        sys.exit("The second environment is needed here, and could not be made.")
    return steps


def skipped(step: Step) -> list[str]:
    """The reasons of the tests that the step skipped, one for each."""
    if not step.tests or not step.report.exists():
        return []
    return [element.get("message", "") for element in ElementTree.parse(step.report).iter("skipped")]


def run(step: Step) -> tuple[str, float, list[str]]:
    """Carry out a step: what became of it, its seconds, and why tests were skipped."""
    print(f"\n=== {step.title}: {' '.join(step.command)}", flush=True)
    step.report.unlink(missing_ok=True)
    started = time.monotonic()
    # linters call ansible's commands by name: those of their own environment
    path = os.pathsep.join([str(ROOT / Path(step.command[0]).parent), os.environ["PATH"]])
    texts = {"LAB_TEXTS": str(TEXTS)} if step.keeps_texts else {}
    code = subprocess.run(step.command, stdin=subprocess.DEVNULL, check=False, env={**os.environ, **texts, "PATH": path}).returncode
    reasons = skipped(step)
    result = "ok" if code == 0 else f"FAILED, exit code {code}"
    if code == 0 and reasons and not step.may_skip:
        result = "FAILED, skipped where nothing may be skipped"
    return result, time.monotonic() - started, reasons


def main(what: str) -> int:
    os.chdir(ROOT)
    os.environ["PYTHONUNBUFFERED"] = "1"
    REPORTS.mkdir(parents=True, exist_ok=True)
    TEXTS.unlink(missing_ok=True)
    steps = {"lint": lambda: [*LINT, *DEEP_LINT], "check": lambda: [*LINT, *QUICK], "test": all_steps}[what]()
    results = [(step, *run(step)) for step in steps]
    print(f"\n=== make {what}")
    for step, result, seconds, reasons in results:
        print(f"{seconds:6.1f} s  {step.title}: {result}" + (f", {len(reasons)} skipped" if reasons else ""))
        for reason in sorted(set(reasons)):
            print(f"{'':10}{reasons.count(reason)} skipped: {reason}")
    if what == "test" and not (SECOND / "python").exists():
        print("NOT TESTED: ansible-core 2.21 and ansible-test sanity; they need Python 3.12 or newer, and none runs here.")
    failed = [step.title for step, result, *_rest in results if result != "ok"]
    print(f"{sum(seconds for _step, _result, seconds, _reasons in results):6.0f} s  " + (f"failed: {'; '.join(failed)}" if failed else "all is well"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
