# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The two ways to what is managed: batches on a Windows host, and a session with a SQL Server instance. Both read areas and make changes."""

import contextlib
import time

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login, long_work
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS, shaped_by_sql
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import files, host, jobs, sql, sql_host, task

SQL = "sql"
BEAT = 1.0      # seconds between two words of progress


@contextlib.contextmanager
def opened(action, kind, options, task_vars, about=None):
    """The carrier of a task: *kind* is ``sql`` for a SQL Server instance, else the task's Windows host. *about*: variables that areas read by,
    where the task says more than the inventory. Raises HostError, AnsibleActionFail."""
    where = task.host_name(action, task_vars)
    if kind != SQL:
        yield Windows(action, {**task.variables(action, task_vars), **(about or {})}, where)
        return
    filled = login_options(action, options, task_vars)
    if not filled["login_host"]:
        raise host.HostFailed(f"{where}: nobody says how its SQL Server is reached: set login_host (and login_port).", sent=False)
    if filled["sql_via"] == "host":
        task.refuse_become(action)
        if filled["encrypt"] == "strict":
            raise host.HostFailed(f"{where}: encrypt: strict needs sql_via: controller and Microsoft's driver; .NET's own client does not know it.",
                                  sent=False)
        yield SqlServer(sql_host.Session(action._connection, filled, where), where)
        return
    with sql.open(filled, where) as session:
        yield SqlServer(session, where)


def login_options(action, given, task_vars):
    """How the instance is reached: the task's options, else the inventory's variables, templated. Raises AnsibleActionFail."""
    inventory = {name: value for name, value in ((name, task.variable(action, name, task_vars)) for name in login.LOGIN_SPEC) if value is not None}
    filled = login.filled(given, files.plain(inventory))
    result = ArgumentSpecValidator(login.LOGIN_SPEC).validate({name: value for name, value in filled.items() if value is not None})
    if result.error_messages:
        raise AnsibleActionFail(f"{task.host_name(action, task_vars)}: {'; '.join(result.error_messages)}. These are the task's options or the "
                                "inventory's variables of the same names.")
    return result.validated_parameters


class Windows:
    """A Windows host, over the task's own connection."""

    def __init__(self, action, variables, where):
        self.action, self.variables, self.where = action, variables, where

    def read(self, names, deadline=300):
        """See ``task.read``."""
        return task.read(self.action, names, self.where, self.variables, deadline)

    def apply(self, steps):
        """Why the steps of a change did not all do their work; "" where they did. Raises HostError."""
        if not steps:
            return ""
        answer = host.run(self.action._connection, {"change": jobs.expand(steps)}, self.where, changing=True)
        area = answer.areas.get("change")
        if area is None:
            return "the answer did not arrive, so the outcome is not known; read the state before trying again."
        return answers.first_fault(area)

    def follow(self, wait):
        """Looks at long work until it has ended, over as many connections as that takes. Returns why it did not succeed, or "".

        What was started goes on by itself: whoever stops following loses nothing, and the next run finds it.
        """
        started = time.monotonic()
        while True:
            try:
                answer = host.run(self.action._connection, {"follow": list(wait.steps)}, self.where)
                area = answer.areas.get("follow")
                told = wait.told(area) if area else long_work.Progress(long_work.RUNNING, "the answer did not arrive whole")
            except host.HostError as error:
                if host.REFUSED in error.message:       # asking on would lock the account
                    return f"it cannot be followed any longer: {error.message} It goes on by itself; run the task again, and it is found and followed."
                told = long_work.Progress(long_work.RUNNING, f"it cannot be seen now: {error.message}")
                with contextlib.suppress(Exception):
                    self.action._connection.close()
            passed = time.monotonic() - started
            share = "" if told.share is None else f", {told.share:.0%}"
            since = f" since {told.since}" if told.since else ""
            task.display.display(f"{self.where}: {wait.what}{since}: {told.says}{share}, followed for {passed:.0f} s")
            if told.state != long_work.RUNNING:
                try:
                    fault = self.apply(told.then + wait.finish)
                except host.HostError as error:
                    fault = error.message
                return told.says if told.state == long_work.FAILED else fault
            if passed + wait.every > wait.timeout:
                return (f"it has not ended within {wait.timeout} s: {told.says}. It goes on by itself; run the task again, and it is found and "
                        "followed.")
            time.sleep(wait.every)


class SqlServer:
    """A SQL Server instance, over one session."""

    def __init__(self, session, where):
        self.session, self.where = session, where

    def read(self, names, deadline=300):
        """Areas in one session: ``{"session": driver and versions, "areas": {name: snapshot}, "problems": [sentence]}``.

        After *deadline* seconds no further query is begun.
        """
        queries = list({query.name: query for name in names for query in SQL_AREAS[name].queries()}.values())
        started = beat = time.monotonic()

        def progress(words):
            nonlocal beat
            now = time.monotonic()
            if now - beat >= BEAT:
                beat = now
                task.display.display(f"{self.where}: {words}, {now - started:.0f} s so far")

        answered = self.session.read(queries, progress, deadline)
        failed = sum(answer.status == "failed" or answer.broken for answer in answered.values())
        task.display.display(f"{self.where}: {', '.join(names)}: {len(answered)} queries in {time.monotonic() - started:.1f} s"
                             + (f", {failed} of them without an answer" if failed else ""))
        lost = [answer.reason for answer in answered.values() if answer.status == "skipped" and answer.broken]
        return {"session": self.session.server(), "areas": {name: shaped_by_sql(name, answered) for name in names},
                "problems": [f"{len(lost)} queries were not answered: {lost[0]}."] if lost else []}

    def apply(self, statements):
        """Why SQL Server did not carry a change out whole; "" where it did. Raises HostError."""
        for number, statement in enumerate(statements):
            try:
                self.session.execute(statement)
            except host.HostError as error:
                before = f" {number} of its {len(statements)} statements were carried out before." if number else ""
                if getattr(error, "code", None) is not None:
                    return f"{error.message}{before}"
                raise type(error)(f"{error.message}{before}", error.sent or bool(number)) from error
        return ""
