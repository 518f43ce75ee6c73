# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Says what would keep the collection from working on a host."""

from ansible.plugins.action import ActionBase

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import management as query_management
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import why_not
from ansible_collections.biztalk.fault_tolerance.plugins.modules import doctor as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import carriers, contract, host, task


class ActionModule(ActionBase):

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)

        def say(text):
            if not options["quiet"]:
                task.display.display(gate.text(f"{name}: {text}"))

        name = task.host_name(self, task_vars)
        if "sql_instance" in task_vars["group_names"]:
            return gate(self._instance(say, task_vars))
        become = host.refuse_become(self._connection.transport, task.becomes(self))
        try:
            line = task.read(self, [], task.host_name(self, task_vars))["host"]
        except host.HostError as error:
            state = "unreachable" if isinstance(error, host.HostUnreachable) else "failed"
            return gate({state: True, "msg": error.message, "changed": False})
        problems = ([become] if become else []) + _problems(line, "cluster_node" in task_vars["group_names"])
        shown = ("computer", "user", "version", "edition", "bits", "elevated", "logon", "delegation", "culture", "os", "clock")
        say(", ".join(f"{key} {line.get(key)}" for key in shown))
        for problem in problems:
            say(problem)
        powershell = {key: value for key, value in line.items() if key not in ("bft", "kind")}
        return gate({"changed": False, "powershell": powershell, "problems": problems})

    def _instance(self, say, task_vars):
        """Logs in to a SQL Server instance and runs every query of the areas once."""
        areas = contract.areas_of(["sql_instance"], contract.contract_variables(task_vars))
        queries = {query.name: query for area in areas for query in SQL_AREAS[area].queries()}
        try:
            with carriers.opened(self, carriers.SQL, {}, task_vars) as opened:
                answered = opened.session.read(list(queries.values()))
                session = {"login": opened.session.options["login_user"] or "integrated", **opened.session.server()}
        except host.HostError as error:
            state = "unreachable" if isinstance(error, host.HostUnreachable) else "failed"
            return {state: True, "msg": error.message, "changed": False}
        refused = {name: why_not(query, answered[name]) for name, query in queries.items()}
        management = query_management(answered)
        problems = list(dict.fromkeys(observed.detail(hole) for hole in refused.values() if hole and hole["$unknown"]["reason"] != "skipped"))
        if observed.is_hole(management):
            problems.append(observed.detail(management))
        say(", ".join(f"{key} {value}" for key, value in session.items()))
        say(f"management database {'not known' if observed.is_hole(management) else management or 'none'}")
        for problem in problems:
            say(problem)
        return {"changed": False, "powershell": {}, "session": session, "problems": problems}


def _problems(line, clustered):
    """One sentence for each thing that will not work on a host that describes itself so. *clustered*: it is a node of a cluster."""
    problems = []
    if line.get("edition") != "Desktop":
        problems.append(f"This is PowerShell {line.get('version')}, not Windows PowerShell 5.1: modules of Windows and snap-ins may be missing. "
                        "Let the connection start Windows PowerShell.")
    if line.get("bits") != 64:
        problems.append("This PowerShell has 32 bits: cluster and backup modules exist for 64 bits only. Start the 64-bit PowerShell.")
    if line.get("elevated") is not True:
        problems.append("The session is not elevated: backups cannot be read, and a cluster only with Grant-ClusterAccess -ReadOnly. "
                        "Use an account that is an administrator of the host (local accounts other than "
                        "Administrator get a filtered token unless LocalAccountTokenFilterPolicy is 1).")
    if clustered and line.get("delegation") != "Delegation":
        problems.append("Whether the session can go on to another computer (second hop) cannot be told for certain "
                        f"({line.get('logon')}, {line.get('delegation')}). Setting a file share witness needs it: use Kerberos delegation "
                        "or CredSSP (not tested by this collection).")
    return problems
