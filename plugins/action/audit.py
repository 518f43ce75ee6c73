# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Judges snapshots against the baseline and writes the report. Talks to no host."""

import pathlib

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.color import ANSIBLE_COLOR

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import AREAS, SQL_AREAS
from ansible_collections.biztalk.fault_tolerance.plugins.modules import audit as module
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import (
    baseline,
    contract,
    evidence,
    judge,
    report,
    report_html,
    snapshots,
    task,
)

TOP = 5
STRATEGIES = ("linear", "ansible.builtin.linear", "debug", "ansible.builtin.debug")


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options, gate = task.begin(self, module.ARGUMENT_SPEC, task_vars)
        try:
            rules = baseline.load(controls=options["controls"], parameters=options["parameters"], severities=options["severities"],
                                  waivers=options["waivers"], words=options["attestations"])
            if options["fail_on_unknown"] and options["fail_from"] == judge.NEVER:
                raise ValueError("fail_on_unknown says what counts for fail_from, which is never: give fail_from a severity, as low.")
            if not options["snapshots"]:
                self._refuse_pieces(task_vars)
                _check_inventory(task_vars)
            if options["check_only"]:
                return {"changed": False}
            found, inventory, hosts = self._found(options, task_vars)
        except ValueError as error:
            raise AnsibleActionFail(gate.text(str(error))) from None
        judged = gate(judge.judge(found, inventory, rules, judge.Options(
            hosts, options["fail_from"], options["fail_on_unknown"], note=options["note"],
            evidence=evidence.read_folder(options["evidence"] or pathlib.Path(options["output"]) / "evidence"))))
        try:
            path, page = report.write(judged, options["output"]), report_html.write(judged, options["output"])
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        task.display.display(report.summary(judged, task.width(), colour=ANSIBLE_COLOR))
        task.display.display(f"Report: {page}\nFor programs: {path}")
        told = {name: judged[name] for name in ("verdict", "complete", "confidence", "counts")}
        result = {"changed": False, "report": path, "page": page, **told}
        failure = _failure(judged, options)
        if failure:
            return {**result, "failed": True, "msg": f"{failure} See {path}."}
        return {**result, "top": judged["actions"][:TOP]}

    def _found(self, options, task_vars):
        """``(snapshots, inventory, hosts of the run)``."""
        if options["snapshots"]:
            return snapshots.read_folder(options["snapshots"]), _declared(task_vars), None
        groups = _groups(task_vars)
        hosts = [str(host) for host in task_vars["ansible_play_hosts_all"] if host in groups]
        return *_of_this_play(options["output"], hosts, task_vars, task.play(self)._uuid), hosts

    def _refuse_pieces(self, task_vars):
        """An estate is judged as a whole: not in batches, and not before every host was read."""
        if len(task_vars["ansible_play_batch"]) != len(task_vars["ansible_play_hosts_all"]) and task.play(self).serial:
            raise AnsibleActionFail("The play has serial, so that only a part of the estate would be judged; take serial out of the play.")
        strategy = str(task.play(self).strategy)
        if strategy not in STRATEGIES:
            raise AnsibleActionFail(f"The play has the strategy {strategy}, so that hosts could be judged before they were read; use the strategy linear.")


def _failure(judged, options):
    """Why the policy of fail_from fails the run; "" where it does not."""
    if options["fail_from"] == judge.NEVER:
        return ""
    # of the plan for a recovery people tell, even where no host answers
    if not judged["confidence"]["judged"] or not judged["coverage"]["read"]:
        return "Nothing at all could be judged."
    if not judged["failing"]:
        return ""
    counted = "failed or are unknown" if options["fail_on_unknown"] else "failed"
    return f"Findings of severity {options['fail_from']} or worse that {counted}: {judged['failing']}."


def _check_inventory(task_vars):
    """Raises ValueError where the run's tags or the inventory contract cannot be what was meant."""
    everything = [*AREAS, *SQL_AREAS]
    asked = contract.asked_areas(everything, task_vars.get("ansible_run_tags", ["all"]), task_vars.get("ansible_skip_tags", []))
    if not asked:
        raise ValueError(f"The run's tags leave no area to read; tags are area names, and the areas are: {', '.join(everything)}.")
    for group, variable, what in (("cluster_node", "cluster_name", "of which cluster"), ("sql_instance", "instance_name", "which instance it is")):
        nameless = [str(host) for host in task_vars["groups"].get(group, []) if not task_vars["hostvars"][host].get(variable)]
        if nameless:
            raise ValueError(f"The inventory puts {', '.join(nameless)} into {group} without saying {what}: set {variable}.")
    both = [host for host, groups in _groups(task_vars).items() if "sql_instance" in groups and len(groups) > 1]
    if both:
        raise ValueError(f"The inventory puts {', '.join(both)} into sql_instance and into {', '.join(_others(both, task_vars))}: an instance is a "
                         "host of its own in the inventory, read by SQL only; give it another name than the server's.")
    _check_instance_names(task_vars)
    if not _groups(task_vars).keys() & set(task_vars["ansible_play_hosts_all"]):
        raise ValueError(f"No host of the play is in a group that the collection reads: {', '.join(contract.GROUPS)}.")


def _check_instance_names(task_vars):
    """Raises ValueError where two hosts of the inventory are the same instance: it would be judged twice, or as one of both."""
    named = {}
    for host in task_vars["groups"].get("sql_instance", []):
        named.setdefault(str(task_vars["hostvars"][host]["instance_name"]).casefold(), []).append(str(host))
    for hosts in named.values():
        if len(hosts) > 1:
            raise ValueError(f"{' and '.join(hosts)} have the same instance_name: an instance is one host of the inventory, whatever nodes it runs on.")


def _others(hosts, task_vars):
    groups = _groups(task_vars)
    return sorted({group for host in hosts for group in groups[host]} - {"sql_instance"})


def _groups(task_vars):
    """host -> its groups, of the hosts that are in a group of the contract."""
    found = {}
    for group in contract.GROUPS:
        for host in task_vars["groups"].get(group, []):
            found.setdefault(str(host), []).append(group)
    return found


def _declared(task_vars, read=()):
    """What the inventory declares: the hosts in the contract's groups, with the contract's variables.

    *read*: the snapshots that hold these variables already; asking Ansible for them is dear.
    """
    said = {snapshot["host"]: snapshot["variables"] for snapshot in read}
    hosts = {host: {"groups": groups, "variables": said[host] if host in said else contract.contract_variables(task_vars["hostvars"][host])}
             for host, groups in _groups(task_vars).items()}
    return {"hosts": hosts} if hosts else {}


def _of_this_play(output, hosts, task_vars, run):
    """``(snapshots, inventory)`` of the play's hosts: each wrote a file in this run, or the snapshot says that it did not."""
    groups, found = _groups(task_vars), []
    for host in hosts:
        path = pathlib.Path(output) / "snapshots" / f"{snapshots.file_name(host)}.json"
        snapshot = snapshots.read(path) if path.is_file() else {}
        if snapshot.get("run") != run:
            snapshot = _unwritten(host, groups[host], task_vars)
        found.append(snapshot)
    return found, _declared(task_vars, found)


def _unwritten(host, groups, task_vars):
    message = f"{host} was not read: its task did not come to an end."
    hole, variables = observed.hole("failed", message), contract.contract_variables(task_vars["hostvars"][host])
    return {"schema": snapshots.SCHEMA, "host": host, "groups": groups, "variables": variables, "status": "failed", "message": message,
            "powershell": {}, "areas": dict.fromkeys(contract.areas_of(groups, variables), hole)}
