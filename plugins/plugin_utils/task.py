# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What every action of the collection does with its task: options, the masking gate, reading areas, progress."""

import contextlib
import time

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.display import Display

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, shaped
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import contract, files, host, secrets

display = Display()


def begin(action, spec, task_vars):
    """``(checked options, masking gate)`` of a task. Raises AnsibleActionFail with one sentence where an option is wrong."""
    name = action._task.action.rpartition(".")[2]
    result = ArgumentSpecValidator(spec).validate(files.plain(action._task.args))
    gate = secrets.Gate([str(value) for value in result._no_log_values] + _connection_secrets(action, task_vars))
    if result.error_messages:
        allowed = ", ".join(sorted(spec)) or "none"
        raise AnsibleActionFail(gate.text(f"{name}: {'; '.join(result.error_messages)}. The options of {name} are: {allowed}."))
    return result.validated_parameters, gate


def _connection_secrets(action, task_vars):
    """The secrets of the connection as it uses them: variables may hold templates, and a password may have been prompted for."""
    found = [action._play_context.password, action._play_context.become_pass]
    for option in ("remote_password", "password", "become_pass"):
        with contextlib.suppress(KeyError, AnsibleError):
            found.append(action._connection.get_option(option))
    with contextlib.suppress(AnsibleError):
        found.append(variable(action, "login_password", task_vars))
    for value in secrets.connection_secrets(task_vars):
        with contextlib.suppress(AnsibleError):
            found.append(action._templar.template(value))
    return [str(value) for value in found if value]


def variable(action, name, task_vars):
    """A variable of the task's host, templated; None where it is not set. A delegated task's host is the one it is delegated to."""
    if action._task.delegate_to:
        return task_vars["hostvars"].get(host_name(action, task_vars), {}).get(name)
    return None if task_vars.get(name) is None else action._templar.template(task_vars[name])


def variables(action, task_vars):
    """The contract's variables of the task's host, templated, as text."""
    return contract.contract_variables({name: variable(action, name, task_vars) for name in contract.VARIABLES})


def refuse_become(action):
    """Raises AnsibleActionFail where become is on: a batch would silently run as the connection's account."""
    sentence = host.refuse_become(action._connection.transport, becomes(action))
    if sentence:
        raise AnsibleActionFail(sentence)


def becomes(action):
    """Whether become is on, by keyword, command line or variable (as ansible_become)."""
    return bool(action._task.become or action._connection.become)


def read(action, names, where, variables=None, deadline=300):
    """Reads areas of the host *where*: the light ones in one PowerShell start, each heavy one in a start of its own. *variables*: what the areas
    read by. After *deadline* seconds the host begins no further step.

    Returns ``{"host": line, "areas": {name: snapshot}, "problems": [sentence]}``. Raises ``host.HostUnreachable`` or ``host.HostFailed`` where
    nothing was read; where a later start fails, its areas are holes.
    """
    started = time.monotonic()
    light = [area for area in names if not getattr(AREAS[area], "HEAVY", False)]
    starts = ([light] if light or not names else []) + [[area] for area in names if area not in light]
    line, came, problems, number = {}, {}, [], 0
    for together in starts:

        def beat(seconds, together=together):
            display.display(f"{where}: reading {', '.join(together) or 'the host'}, {seconds:.0f} s so far")

        steps = {area: AREAS[area].steps(variables or {}) for area in together}
        left = max(1, int(deadline - (time.monotonic() - started)))
        try:
            answer = host.run(action._connection, steps, where, deadline=left, progress=beat)
        except host.HostError as error:
            if together is starts[0]:
                raise
            reason = "unreachable" if isinstance(error, host.HostUnreachable) else "failed"
            came |= {area: observed.hole(reason, error.message) for area in together}
            problems.append(error.message)
            continue
        line = line or answer.host
        came |= {area: shaped(area, answer.areas.get(area)) for area in together}
        problems += answer.problems
        lines = []
        for area in together:
            number += 1
            read = answer.areas.get(area)
            said = f"{read.seconds:.1f} s on the host" if read else "did not arrive whole"
            lines.append(f"{where}: {area}, area {number} of {len(names)}: {said}, {time.monotonic() - started:.1f} s in all")
        if lines:
            display.display("\n".join(lines))
    return {"host": line, "areas": {area: came[area] for area in names}, "problems": problems}


def width():
    """Columns for what people read: those of the terminal that Ansible writes to, 80 where it is none, never more than 120.

    Asked of Ansible, since the process of a task has no terminal of its own.
    """
    return min(120, display.columns + 1)


def play(action):
    """The play that a task belongs to. Its ``_uuid`` is another one in every run."""
    part = action._task
    while not hasattr(part, "_play"):
        part = part._parent
    return part._play


def host_name(action, task_vars):
    """The inventory name of the host that the task really talks to, a delegated one included."""
    return str(action._task.delegate_to or task_vars["inventory_hostname"])
