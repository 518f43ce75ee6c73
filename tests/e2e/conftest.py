"""A lab and the real ansible-playbook against it, over real WS-Management."""
from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab import inventory, scenario  # noqa: E402
from lab.server import Lab  # noqa: E402

CLOCK = "2026-11-24T08:00:00Z"


class Estate:
    """A running lab, its inventory, and plays against it. ``READ``: a play that reads every host and judges nothing; ``RESOURCE``: one
    that carries out a resource on a host, reads the host by an info module, and keeps both results."""

    READ = """
- hosts: all
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.snapshot: {folder: snapshots}
      ignore_unreachable: true
"""
    RESOURCE = """
- hosts: {host}
  gather_facts: false
  tasks:
    - biztalk.fault_tolerance.{module}: {options}
      register: done
    - biztalk.fault_tolerance.{info}:
      register: seen
      check_mode: false
    - ansible.builtin.copy:
        content: "{{{{ {{'done': done, 'seen': seen}} | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/result.json"
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_shell_type: sh}}
      check_mode: false
"""

    def __init__(self, lab, plan, folder):
        self.lab, self.folder = lab, folder
        self.inventory = folder / "inventory.yml"
        self.inventory.write_text(inventory.text(plan, lab.port, lab.https_port, lab.ca, lab.sql_ports), encoding="utf-8")

    def play(self, playbook, *arguments, check=None, environment=None):
        """Runs a playbook of the collection (a path, or text of one). Returns the finished process; *check*: the exit code wanted."""
        if "\n" in playbook:
            path = self.folder / "play.yml"
            path.write_text(playbook, encoding="utf-8")
        else:
            path = playbook if playbook.startswith("biztalk.") else ROOT / "playbooks" / f"{playbook}.yml"
        command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.inventory), str(path), *arguments]
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False, env={
            "PATH": "/usr/bin:/bin", "HOME": str(self.folder), "NO_PROXY": "127.0.0.1", "LANG": "C.UTF-8", "ANSIBLE_FORKS": "10",
            "ANSIBLE_LOCALHOST_WARNING": "0", **(environment or {})})
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    def audit(self, *arguments, name="audit", check=None, environment=None):
        """Runs the audit into the folder *name*. Returns the report; the process is ``self.last``."""
        self.last = self.play("audit", "-e", f"audit_output={self.folder / name}", *arguments, check=check, environment=environment)
        path = self.folder / name / "report.json"
        assert path.is_file(), self.last.stdout + self.last.stderr
        return json.loads(path.read_text(encoding="utf-8"))

    def failing(self, subject, *arguments, name="audit"):
        """The controls that fail on a subject, by an audit of its own."""
        report = self.audit(*arguments, name=name)
        return {finding["control"] for finding in report["findings"] if finding["subject"] == subject and finding["status"] == "fail"}

    def resource(self, host, module, options, info, *arguments, secret, check=0):
        """Carries out a resource, then reads the host. ``(what was printed, the resource's result, the info's)``, the last two None where the
        play fails; asserts that *secret* stands nowhere in them."""
        done = self.play(self.RESOURCE.format(host=host, module=module, options=json.dumps(options), info=info), *arguments, check=check)
        assert secret not in done.stdout + done.stderr
        if check:
            return done.stdout, None, None
        text = (self.folder / "result.json").read_text(encoding="utf-8")
        assert secret not in text and json.dumps(secret)[1:-1] not in text
        result = json.loads(text)
        return done.stdout, result["done"], result["seen"]

    def state_hash(self):
        return self.lab.call(self.lab.state.state_hash)


@pytest.fixture
def open_estate(tmp_path):
    """Opens estates of named scenarios; closes them at the end of the test."""
    opened = []

    def start(name="healthy", folder=None, block=110 * 1024, change=None):
        """*change*: called with the scenario before it is opened."""
        here = tmp_path / (folder or f"{name}{len(opened)}")
        here.mkdir()
        plan = scenario.load(name)
        if change:
            change(plan)
        state, _fresh = scenario.open_state(plan, here, CLOCK)
        lab = Lab(state, here, block=block).__enter__()
        opened.append(lab)
        scenario.carry_out(plan, lab)
        return Estate(lab, plan, here)

    yield start
    for lab in opened:
        lab.__exit__(None, None, None)


@pytest.fixture
def healthy(open_estate):
    return open_estate("healthy")
