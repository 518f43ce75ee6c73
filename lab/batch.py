"""The lab's own reading of a batch: what the executor does in PowerShell, done here over the same cmdlets. Shapes: docs/architecture.md."""
from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ntpath
import re
import time
from pathlib import Path

from lab import exe, sqlstep, work
from lab.values import Credential, Duration, Enum, Instant, Local, Obj, Outcome, Secret, Unreadable
from lab.wsman import Result

PREFIX = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "
RAW = ("hostname",)                 # the plain command texts that the lab answers
MISSING = {"$missing": True}


class Refused(Exception):
    """A command line or an input that breaks the contract; the text goes to stderr, exit code 1."""


def bootstrap():
    """The bootstrap's text as the lab knows it: its own copy, compared with the product's by a test."""
    return Path(__file__).with_name("bootstrap.ps1").read_text(encoding="ascii").rstrip("\n")


def run(backend, line, stdin):
    """Carries out a command line. Returns a wsman.Result; a breach of the contract is an error text and exit code 1."""
    try:
        script = _script(line)
        if script == bootstrap():
            return Result("".join(text + "\r\n" for text in answer(backend, stdin)).encode("ascii"))
        if script in RAW:
            return Result((backend.state.hosts[backend.host]["name"] + "\r\n").encode())
        raise Refused("it answers only the batch's bootstrap and the plain texts " + ", ".join(RAW) + f"; this was: {script[:200]}")
    except Refused as error:
        return Result(b"", f"The lab refuses this command: {error}\r\n".encode(), 1)


def command(script):
    """The command line that carries out a script."""
    return PREFIX + base64.b64encode(script.encode("utf-16-le")).decode("ascii")


def _script(line):
    """The decoded text of a command line."""
    if len(re.findall(r"-EncodedCommand", line, re.IGNORECASE)) != 1:
        raise Refused("there is not exactly one -EncodedCommand in it (PowerShell inside PowerShell?)")
    if line[:len(PREFIX)] not in (PREFIX, PREFIX.replace("PowerShell", "powershell")):
        raise Refused(f"it does not begin with {PREFIX}")
    try:
        script = base64.b64decode(line[len(PREFIX):], validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused("the encoded command is not base64 of UTF-16LE") from error
    if re.search(r"-EncodedCommand", script, re.IGNORECASE):
        raise Refused("PowerShell inside PowerShell")
    if script == bootstrap() and not line.startswith(PREFIX):
        raise Refused("the bootstrap comes with another spelling of the constant")
    return script


def answer(backend, stdin):
    """The lines that a batch on standard input is answered with."""
    seen = _read(backend, stdin)
    return seen if isinstance(seen, list) else seen.lines()


def begun(backend, line, stdin):
    """A command line and its standard input as a job carries them out, bit by bit (see ``Batch.parts``); its value is the exit code."""
    try:
        if _script(line) != bootstrap():
            raise Refused("a job carries out nothing but the batch's bootstrap")
        seen = _read(backend, stdin)
    except Refused:
        return 1
    yield from iter(seen) if isinstance(seen, list) else seen.parts()
    return 0


def _read(backend, stdin):
    """The batch on standard input, or the lines that refuse it."""
    text = (stdin or b"").decode("latin-1")
    if not text.isascii() or "\r" in text:
        raise Refused("standard input is not pure ASCII with line feeds")
    host = backend.state.hosts[backend.host]
    if host["language_mode"] != "FullLanguage":
        return [_line({"bft": "", "kind": "refused", "reason": "language_mode"})]
    head, _newline, rest = text.partition("\n")
    rest = rest.removesuffix("\n")
    lengths = re.fullmatch(r"BFT1 (\d+) (\d+)", head)
    if not lengths or len(rest) != int(lengths[1]) + 1 + int(lengths[2]) or rest[int(lengths[1])] != "\n":
        return [_line({"bft": "", "kind": "refused", "reason": "cut"})]
    return Batch(backend, json.loads(rest[int(lengths[1]) + 1:]))


class Batch:
    """One batch on one host."""

    def __init__(self, backend, batch):
        self.backend, self.batch = backend, batch
        self.until = time.monotonic() + batch["deadline"]
        self.steps = {}             # of the area: id -> (status, live objects one list a run)

    def lines(self):
        return [part for part in self.parts() if isinstance(part, str)]

    def parts(self):
        """The lines, each as soon as it is written, and before each step ``(seconds that it lasts in a job, what tells of it half done)``."""
        token = self.batch["bft"]
        lines = [_line({"bft": token, "kind": "host", **self._host()})]
        yield lines[0]
        for area in self.batch["areas"]:
            steps = yield from self._area(area)
            lines.append(_line({"bft": token, "kind": "area", "area": area["area"], "seconds": 0.0, "steps": steps}))
            yield lines[-1]
        digest = hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()
        yield _line({"bft": token, "kind": "end", "lines": len(lines), "sha256": digest})

    def _host(self):
        host = self.backend.state.hosts[self.backend.host]
        user, name = self.backend.state.user(self.backend.user), self.backend.user
        return {
            "edition": "Desktop", "version": f"5.1.{host['os']['build']}.{host['os']['revision']}", "bits": 64,
            "language_mode": host["language_mode"], "culture": host["os"]["culture"], "ui_culture": host["os"]["culture"],
            "computer": host["name"], "user": name if "\\" in name else f"{host['name']}\\{name}", "elevated": user["admin"],
            "logon": "NTLM", "delegation": "Impersonation",
            "os": f"Microsoft Windows NT 10.0.{host['os']['build']}.0", "clock": self.backend.state.clock,
            "oem": exe.oem(host),
        }

    def _area(self, area):
        answers, stopped = [], False
        self.steps = {}
        for step in area["steps"]:
            self.steps[step["id"]] = ("skipped", [])
            if stopped or time.monotonic() >= self.until:
                status, body = "skipped", {"reason": "stopped" if stopped else "deadline"}
            else:
                yield self._lasts(step)
                status, body = self._step(step)
            stopped = stopped or (step.get("on_error") == "stop" and status in ("partial", "failed", "absent"))
            answers.append({"id": step["id"], "status": status, **body})
        return answers

    def _lasts(self, step):
        """How long a step lasts, all its runs together, and a function of the share that is done, which makes what is to be seen by then."""
        name = step.get("call") or ntpath.basename(str(step.get("exe", "")))
        if name.casefold() not in work.LASTS or self._missing(step):
            return 0, None
        runs = [[self._given(argument, item) for argument in step["arguments"]] if "exe" in step
                else {key: self._given(argument, item) for key, argument in step.get("with", {}).items()} for _piped, item in self._runs(step)]
        during = work.LASTS[name.casefold()][1]
        return (sum(work.seconds(self.backend, name, given) for given in runs),
                during and len(runs) == 1 and (lambda share: during(self.backend.run(name), runs[0], share)))

    def _step(self, step):
        """``(status, rest of the answer)``; the live objects are kept for later steps."""
        if "sql" in step:
            return sqlstep.carry_out(self.backend, step)
        missing = self._missing(step)
        if missing:
            return "skipped", {"reason": f"ref:{missing}"}
        if "exe" in step:
            status, body = exe.carry_out(self.backend, step, self._given)
            self.steps[step["id"]] = (status, [])
            return status, body
        if step.get("needs") and not self.backend.has_module(step["needs"]):
            return "absent", {"reason": step["needs"]}
        runs, objects = [], []
        for piped, item in self._runs(step):
            outcome = self._invoke(step, piped, item)
            kept = [obj for obj in outcome.objects if _wanted(obj, step.get("only", {}))]
            objects.append(kept)
            runs.append({"items": [[value(obj, path) for path in step["select"]] for obj in kept] if step.get("select") else [],
                         "errors": [err.wire() for err in outcome.errors], "warnings": outcome.warnings})
        errors = any(run["errors"] for run in runs)
        status = "ok" if not errors else "partial" if any(objects) else "failed"
        if status != "failed":
            self.steps[step["id"]] = (status, objects)
        return status, {"runs": runs}

    def _missing(self, step):
        """The id of a step that this one refers to, of which there is nothing to give; None where all is there."""
        if step.get("input") and self.steps.get(step["input"], ("skipped",))[0] not in ("ok", "partial"):
            return step["input"]
        given = [*step.get("with", {}).values(), step.get("exe"), *step.get("arguments", [])]
        for reference in (argument for argument in given if isinstance(argument, dict) and "$ref" in argument):
            status, _objects = self.steps.get(reference["$ref"], ("skipped", []))
            live = self._referred(reference)
            if status not in ("ok", "partial") or not live or None in live:
                return reference["$ref"]
        return None

    def _referred(self, reference):
        """The live objects of a ``$ref``, or with a path their values; None stands for one that is not there."""
        live = [obj for objects in self.steps.get(reference["$ref"], ("", []))[1] for obj in objects]
        return live if "path" not in reference else [part for obj in live for part in values(obj, reference["path"])]

    def _runs(self, step):
        if step.get("input"):
            return [(obj, None) for objects in self.steps[step["input"]][1] for obj in objects]
        if "each" in step:
            return [(None, item) for item in step["each"]]
        return [(None, None)]

    def _invoke(self, step, piped, item):
        given = {name: self._given(argument, item) for name, argument in step.get("with", {}).items()}
        if "set" in step:
            outcome = self.backend.assign(piped, step["set"], given["value"])
            return Outcome([] if outcome.errors else [piped], outcome.errors, outcome.warnings)
        return self.backend.invoke(step["call"], {name: argument for name, argument in given.items() if argument is not None}, piped)

    def _given(self, argument, item):
        if isinstance(argument, dict) and "$ref" in argument:
            live = self._referred(argument)
            return live[0] if len(live) == 1 else live
        if isinstance(argument, dict) and argument == {"$item": True}:
            return item
        return [typed(part) for part in argument] if isinstance(argument, list) else typed(argument)


def typed(argument):
    """A parameter that JSON has no word for."""
    if not isinstance(argument, dict) or len(argument) != 1:
        return argument
    (kind, given), = argument.items()
    if kind == "$credential":
        return Credential(given["user"], Secret(given["password"]))
    if kind == "$instant":
        whole, _point, fraction = given.removesuffix("Z").partition(".")
        return Instant(f"{whole}.{fraction:0<7}Z")
    kinds = {"$timespan": Duration, "$local": Local, "$secret": Secret}
    return kinds[kind](given) if kind in kinds else argument


def _wanted(obj, only):
    """Whether a property is, as invariant text and without case, one of those wanted; for each path."""
    return all({text(part).casefold() for part in values(obj, path) if part is not None} & {wanted.casefold() for wanted in wanted}
               for path, wanted in only.items())


def text(seen):
    """A value as PowerShell writes it."""
    return seen.name if isinstance(seen, Enum) else str(seen)


def values(here, path):
    """The live values of a path, one by one where a list stands in the way; None for one that is not there."""
    if isinstance(here, list):
        return [part for element in here for part in values(element, path)]
    if path in ("", ".") or here is None:
        return [None if isinstance(here, Unreadable) else here]
    first, _point, rest = path.partition(".")
    found = {name.casefold(): name for name in here.properties}.get(first.casefold()) if isinstance(here, Obj) else None
    return [None] if found is None else values(here.properties[found], rest)


def value(obj, path):
    """A property path of a live object as it stands in the answer."""
    return wire(obj) if path == "." else _follow(obj, path.split("."))


def _follow(here, parts):
    if not parts:
        return wire(here)
    if isinstance(here, list):
        return [_follow(element, parts) for element in here]
    if here is None:
        return None
    if isinstance(here, Unreadable):
        return wire(here)
    if not isinstance(here, Obj):
        return MISSING
    found = {name.casefold(): name for name in here.properties}.get(parts[0].casefold())
    return MISSING if found is None else _follow(here.properties[found], parts[1:])


def wire(seen):
    """A value as it stands in the answer."""
    if isinstance(seen, list):
        return [wire(element) for element in seen]
    if isinstance(seen, Enum):
        return {"$enum": [seen.number, seen.name]}
    if isinstance(seen, Instant):
        return seen.iso
    if isinstance(seen, Duration):
        return seen.seconds
    if isinstance(seen, Unreadable):
        return {"$unreadable": seen.err.wire()}
    if isinstance(seen, bytes):
        return {"$bytes": base64.b64encode(seen).decode()}
    if isinstance(seen, Obj):
        return {"$object": seen.type}
    return seen


def _line(document):
    return json.dumps(document, separators=(",", ":"))
