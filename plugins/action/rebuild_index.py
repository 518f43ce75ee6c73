# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Writes the pages for a rebuild out of snapshots. Talks to no host."""

from datetime import UTC, datetime

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.biztalk.fault_tolerance.plugins.modules import rebuild_index as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files, rebuild, snapshots, task


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)
        try:
            found = snapshots.read_folder(options["snapshots"])
            made = rebuild.pages(gate(found), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), options["note"])
            written = [files.write_text(options["folder"], name, gate.text(text))[0] for name, text in made.items()]
        except ValueError as error:
            raise AnsibleActionFail(gate.text(str(error))) from None
        unread = sorted(snapshot["host"] for snapshot in found if snapshot["status"] != "ok")
        task.display.display(f"To rebuild by: {written[0]}" + (f"\nNot read whole: {', '.join(unread)}" if unread else ""))
        return {"changed": False, "index": written[0], "pages": written, "unread": unread}
