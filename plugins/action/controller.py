# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Carries out every resource of the collection: read, plan, and outside check mode apply, read again, plan again."""

import contextlib
import importlib
from datetime import UTC, datetime

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import change as changes
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import carriers, evidence, host, task

MODULES = "ansible_collections.biztalk.fault_tolerance.plugins.modules."


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        module = importlib.import_module(MODULES + name)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)
        carrier = getattr(module, "CARRIER", "windows")
        if carrier != carriers.SQL:
            task.refuse_become(self)
        self._refuse_twice(module, options, task_vars)
        where = task.host_name(self, task_vars)
        try:
            about = module.about(options) if hasattr(module, "about") else {}
            with carriers.opened(self, carrier, options, task_vars, about) as opened:
                result = self._carry_out(module, options, opened)
        except host.HostError as error:
            state = "unreachable" if isinstance(error, host.HostUnreachable) else "failed"
            result = {state: True, "msg": error.message, "changed": False}
        finally:
            # In a loop Ansible hands an open connection on to the next delegated host where that has the same address.
            with contextlib.suppress(Exception):
                self._connection.close()
        key = getattr(module, "KEY", None)
        if key and result.get("undo"):
            result["undo"] = {key: options[key], **result["undo"]}
        check = getattr(module, "EVIDENCE", None)
        if check and "outcome" in result and not self._task.check_mode:
            result["evidence"] = _evidence(check, where, gate(result), options["evidence"])
        result.update(host=where, resource=f"{name} {options.get(key, '')}".strip(),
                      invocation={"module_args": options})
        return gate(result)

    def _carry_out(self, module, options, carrier):
        where, snapshot = carrier.where, carrier.read(module.AREAS)
        if not hasattr(module, "plan"):
            return {"changed": False, **module.inform(options, snapshot)}
        plan = module.plan(options, snapshot)
        result = {**_views(plan.changes), "notes": list(plan.warnings)}
        if plan.refusal:
            return {**result, "failed": True, "msg": f"{where}: {plan.refusal}"}
        if self._task.check_mode or not plan.changes:
            return {**result, "warnings": result["notes"]}
        for warning in plan.warnings:
            task.display.display(f"{where}: before anything starts: {warning}")
        failure, done, open_end = _apply(carrier, plan.changes)
        if failure and open_end:
            done, failure = _looked_at_again(module, options, carrier, done, open_end, failure)
        if failure:
            return {**result, **_views(done), "failed": True, "msg": failure}
        try:
            remains = changes.left_over(module.plan(options, carrier.read(module.AREAS)))
        except host.HostError as error:
            return {**result, "failed": True, "msg": f"{error.message} Every change was carried out before that, and not read again: "
                                                     "run the task once more."}
        return {**result, "failed": True, "msg": f"{where}: {remains}"} if remains else result

    def _refuse_twice(self, module, options, task_vars):
        """A change to something that several hosts share is made once."""
        key = getattr(module, "RUN_ONCE_PER", None)
        if not key or self._task.run_once:
            return
        here = str(task_vars["inventory_hostname"])
        others = [str(other) for other in task_vars.get("ansible_play_hosts_all", []) if str(other) != here]
        shared = str(options.get(key) or "").casefold()
        same = [other for other in others if shared and str(task_vars["hostvars"][other].get(key, "")).casefold() == shared]
        if same:
            raise AnsibleActionFail(f"{here} shares the {key} {options[key]} with {', '.join(same)} of this play, and a shared thing is changed "
                                    "once: give the task run_once, or use the role that chooses a host.")


def _evidence(check, where, result, folder):
    """Leaves what a check found on the controller. Returns the path."""
    try:
        return evidence.write(folder, {
            "check": check, "subject": f"{result['set']} on {where}", "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **{name: result[name] for name in ("outcome", "opened", "problems")}})
    except ValueError as error:
        raise AnsibleActionFail(str(error)) from None


def _views(made):
    """What a result says of changes: ``changed``, the diff and the undo are views of the same list."""
    return {"changed": bool(made), "changes": [changes.told(change) for change in made], "diff": changes.diff(made), "undo": changes.undo(made)}


def _apply(carrier, planned):
    """Carries out the changes one by one. Returns ``(what went wrong or "", the changes made, the change whose outcome is not known or None)``."""
    for number, change in enumerate(planned):
        text = changes.told(change)["text"]
        task.display.display(f"{carrier.where}: change {number + 1} of {len(planned)}: {text}")
        try:
            fault = carrier.apply(change.steps)
        except host.HostError as error:
            if not (change.wait and error.sent):
                fate = f"'{text}' was sent and its outcome is not known" if error.sent else f"'{text}' was not begun"
                return f"{error.message} {_account(planned, number, fate)}", planned[:number], change if error.sent else None
            fault = ""      # whether it was started is what following it shows
        if fault:
            fate = f"'{text}' failed: {fault}"
            return f"{carrier.where}: {_account(planned, number, fate)}", planned[:number], None
        fault = carrier.follow(change.wait) if change.wait else ""
        if fault:
            fate = f"'{text}' was started: {fault}"
            return f"{carrier.where}: {_account(planned, number, fate)}", planned[:number], None
    return "", planned, None


def _looked_at_again(module, options, carrier, done, change, failure):
    """Reads once more after a change whose outcome is not known. Returns ``(the changes made, the sentence with what was found)``."""
    text = changes.told(change)["text"]
    try:
        plan = module.plan(options, carrier.read(module.AREAS))
    except host.HostError:
        return done, f"{failure} It could not be read again."
    if plan.refusal:
        return done, f"{failure} What was read again could not be judged: {plan.refusal}"
    if any(left.path == change.path for left in plan.changes):
        return done, f"{failure} Read again: '{text}' was not carried out."
    return [*done, change], f"{failure} Read again: '{text}' was carried out."


def _account(planned, number, fate):
    """What was and was not done, in one sentence."""
    texts = [changes.told(change)["text"] for change in planned]
    done = f"Done before: {'; '.join(texts[:number])}. " if number else "Nothing was changed before it. "
    rest = f" Not begun: {'; '.join(texts[number + 1:])}." if texts[number + 1:] else ""
    return f"{fate.rstrip('.')}. {done.strip()}{rest}"
