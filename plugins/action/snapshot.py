# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Reads a host once and keeps what it said in a file. A host that says nothing gets a file that says so."""

import time
from datetime import UTC, datetime

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.modules import snapshot as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import carriers, contract, host, snapshots, task


class ActionModule(ActionBase):

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)
        groups = contract.contract_groups(task_vars["group_names"])
        carrier = carriers.SQL if "sql_instance" in groups else "windows"
        if carrier != carriers.SQL:
            task.refuse_become(self)
        if not groups:
            return {"changed": False, "skipped": True, "skip_reason": "The host is in none of the groups that the collection reads: "
                                                                      f"{', '.join(contract.GROUPS)}."}
        areas = contract.areas_of(groups, contract.contract_variables(task_vars))
        asked = contract.asked_areas(areas, task_vars.get("ansible_run_tags", ["all"]), task_vars.get("ansible_skip_tags", []))
        snapshot = {
            "schema": snapshots.SCHEMA,
            "host": str(task_vars["inventory_hostname"]),
            "run": task.play(self)._uuid,
            "groups": groups,
            "variables": task.variables(self, task_vars),
            "collected_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **self._read(carrier, areas, asked, task_vars, options["deadline"]),
        }
        try:
            written = snapshots.write(options["folder"], gate(snapshot))
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        result = {"changed": False, "status": snapshot["status"], **written}
        if snapshot["message"]:
            result["msg"] = gate.text(snapshot["message"])
        if snapshot["status"] == "unreachable":
            result["unreachable"] = True
        elif snapshot["message"]:
            result["warnings"] = [result["msg"]]
        return result

    def _read(self, carrier, areas, asked, task_vars, deadline):
        """The part of the snapshot that the host decides."""
        left_out = {area: observed.hole("not_asked", f"The area {area} was left out of this run.") for area in areas if area not in asked}
        if not asked:
            return {"status": "not_asked", "message": "", "seconds": 0.0, "powershell": {}, "areas": left_out}
        started = time.monotonic()
        try:
            with carriers.opened(self, carrier, {}, task_vars) as opened:
                answer = opened.read(asked, deadline)
        except host.HostError as error:
            status, reason = ("unreachable", "unreachable") if isinstance(error, host.HostUnreachable) else ("failed", "failed")
            unread = {area: observed.hole(reason, error.message) for area in asked}
            return {"status": status, "message": error.message, "seconds": _since(started), "powershell": {}, "areas": {**unread, **left_out}}
        cut = [area for area in asked if observed.is_hole(answer["areas"][area])]
        broken = ([f"{', '.join(cut)} is missing."] if cut else []) + answer["problems"]
        message = f"{task_vars['inventory_hostname']} did not answer whole: {' '.join(broken)}" if broken else ""
        line = {key: value for key, value in answer.get("host", {}).items() if key not in ("bft", "kind")}
        return {"status": "partial" if broken else "ok", "message": message, "seconds": _since(started), "powershell": line,
                "session": answer.get("session", {}), "areas": {**answer["areas"], **left_out}}


def _since(started):
    return round(time.monotonic() - started, 3)
