"""What only a start of its own shows: the console host, noise, language mode, cut input, and the linter."""

from __future__ import annotations

import json
import pathlib
import subprocess

import engine
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, batch
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

EXECUTOR_FILES = [host.EXECUTOR, *host.PARTS.values()]
EVERY = pytest.mark.parametrize("flavour", list(engine.FLAVOURS))


def send(steps, line_break="\n"):
    document = batch.batch({"a": steps}, engine.TOKEN)
    return document, host.standard_input(document).replace("\n", line_break).encode("ascii")


@EVERY
def test_noise_does_not_reach_the_answer(flavour):
    document, stdin = send(
        [call("n", r"TestKit\Write-Noise", needs="TestKit", select=["."]), call("m", r"TestKit\Get-Counter", select=["Number"])]
    )
    _rc, stdout, _stderr = engine.start(flavour, stdin)
    seen = answer.parse(stdout.decode(), document)
    assert seen.complete, seen.problems
    assert seen.areas["a"].steps["n"].rows() == [{".": "answer"}] and seen.areas["a"].steps["n"].runs[0].warnings == ["warning noise"]
    text = stdout.decode()
    assert "console noise" in text and not any(word in text for word in ("noise {", "verbose", "debug", "progress"))


@EVERY
def test_line_breaks_and_byte_order_mark_do_not_matter(flavour):
    document, stdin = send([call("c", r"TestKit\Get-Counter", select=["Number"])], "\r\n")
    _rc, stdout, stderr = engine.start(flavour, b"\xef\xbb\xbf" + stdin)
    assert answer.parse(stdout.decode(), document).complete and not stderr.strip()


@EVERY
def test_cut_input_answers_one_line(flavour):
    _document, stdin = send([call("c", r"TestKit\Get-Counter")])
    for cut in (b"", stdin[:9], stdin[:5000], stdin[:-2], stdin[: stdin.rindex(b"\n", 0, -1)]):
        _rc, stdout, _stderr = engine.start(flavour, cut)
        assert json.loads(stdout) == {"bft": "", "kind": "refused", "reason": "cut"}


@EVERY
def test_a_restricted_language_mode_answers_one_line(flavour):
    """The engine itself is switched to Constrained Language before the bootstrap's first word."""
    document, stdin = send([call("c", r"TestKit\Get-Counter")])
    script = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'\n" + host.BOOTSTRAP
    _rc, stdout, stderr = engine.start(flavour, stdin, script)
    assert json.loads(stdout) == {"bft": "", "kind": "refused", "reason": "language_mode"} and not stderr.strip()
    assert answer.parse(stdout.decode(), document).refused == "language_mode"


@EVERY
def test_a_bug_in_a_module_does_not_end_the_answer(flavour):
    document, stdin = send([call("b", r"Broken\Get-It", needs="Broken"), call("c", r"TestKit\Get-Counter", select=["Number"])])
    _rc, stdout, _stderr = engine.start(flavour, stdin)
    steps = answer.parse(stdout.decode(), document).areas["a"].steps
    assert steps["b"].status == "failed" and len(steps["c"].rows()) == 3


def test_only_what_windows_powershell_knows(tmp_path):
    (tmp_path / "bootstrap.ps1").write_text(host.BOOTSTRAP, encoding="ascii")
    done = subprocess.run(
        [engine.path(), "--lint", *map(str, EXECUTOR_FILES), str(tmp_path / "bootstrap.ps1")], capture_output=True, text=True, check=False
    )
    if "--lint" in done.stderr:
        pytest.skip("this PowerShell has no --lint; the executor was not linted")
    assert done.returncode == 0 and "0 findings" in done.stdout + done.stderr, done.stdout + done.stderr
    pathlib.Path(tmp_path / "modern.ps1").write_text("$a ?? 1", encoding="ascii")
    assert subprocess.run([engine.path(), "--lint", str(tmp_path / "modern.ps1")], capture_output=True, check=False).returncode != 0


def test_bootstrap_and_executor_are_plain():
    assert len(host.BOOTSTRAP) <= 900 and host.BOOTSTRAP.isascii()
    assert len(host.COMMAND) < 8191
    for file in EXECUTOR_FILES:
        text = file.read_text(encoding="utf-8")
        assert text.isascii() and text.splitlines() == text.rstrip("\n").split("\n")
        assert "@'" not in text and '@"' not in text and "<#" not in text, "lines are sent without their indents and comments"


def test_a_part_is_sent_with_a_batch_that_needs_it_only():
    documents = {
        "call": send([call("c", r"TestKit\Get-Counter")])[0],
        "exe": batch.batch({"a": [batch.exe("x", r"C:\x.exe", [], 1)]}, engine.TOKEN),
        "sql": batch.batch({"a": [batch.sql("q", {}, [])]}, engine.TOKEN),
    }
    texts = {kind: host.executor(document) for kind, document in documents.items()}
    assert {kind for kind, text in texts.items() if "function Get-ExeRun" in text} == {"exe"}
    assert {kind for kind, text in texts.items() if "function Get-QueryRuns" in text} == {"sql"}
    assert len(texts["call"]) < 20000 and not any(line.startswith(("#", " ")) for line in texts["call"].splitlines())
