# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A session with one SQL Server instance through a Windows host: the executor's step ``sql``, with .NET's own client there.

The same methods as ``sql.Session``. One PowerShell start reads everything; each statement that changes something is a start of its own.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import query as queries_of
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import MANAGEMENT, QueryAnswer, SqlError
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host, sql

LOGIN_TIMEOUT = 15
NOT_SENT = {
    "Deadline": ("the time for reading was over", True),
    "ConnectionLost": ("the connection to SQL Server was lost", True),
    "NoDatabase": ("the management database is not known", False),
}
LOGIN_FAILED = (18452, 18456)
# SqlClient's numbers for what happens on the way: its own (negative, 0, 20, 233) and Win32's. SQL Server's own errors are others.
TIMEOUT = -2
NOT_FROM_SQL = -9       # whatever else .NET threw
ON_THE_WAY = (-1, 0, 2, 20, 53, 64, 121, 232, 233, 258, 1225, 1231, 10053, 10054, 10060, 10061, 11001)


class Session:
    """*connection*: the task's connection plugin; *where*: the inventory name, for messages."""

    def __init__(self, connection, options, where):
        self.connection, self.options, self.where, self.management = connection, options, where, None
        self._said = {}

    def server(self):
        """What is known of the session: the computers of SQL Server and of the client."""
        return dict(self._said)

    def read(self, wanted, progress=None, deadline=300):
        """``{name: QueryAnswer}`` of each query and of ``sql.management``, in one PowerShell start. *progress*: called with a few words about
        once a second. *deadline*: seconds after which no query is begun. Raises HostError."""
        declared = self.options["management_database"]
        asked = [sql.WHERE_IS_THE_GROUP] if declared is None else []
        asked += [query for query in wanted if not (query.database == MANAGEMENT and declared == "")]
        runs = self._run([self._query(query) for query in asked], deadline, progress)
        answers = {query.name: QueryAnswer("skipped", reason=NOT_SENT["NoDatabase"][0]) for query in wanted}
        answers.update({query.name: _answer(query, run) for query, run in zip(asked, runs, strict=True)})
        if declared is not None:
            answers[sql.WHERE_IS_THE_GROUP.name] = sql.declared_management(declared)
        held = queries_of.management(answers)
        self.management = held if isinstance(held, str) else None
        if self.management is None:     # what the host took for it is not certain to be it
            answers |= {query.name: QueryAnswer("skipped", reason=NOT_SENT["NoDatabase"][0]) for query in wanted if query.database == MANAGEMENT}
        return answers

    def execute(self, statement):
        """Carries out one statement that changes something, in one PowerShell start; it is not tried twice. Raises HostError: HostFailed with
        the ``code`` of SQL Server's error where it refuses it."""
        database = self.management if statement.database == MANAGEMENT else statement.database
        if database is None:
            raise host.HostFailed(f"{self.where}: the management database is not known.", sent=False)
        run, = self._run([_sent("statement", statement.text, statement.values, database, sql.CHANGE_TIMEOUT)], 300, None, changing=True)
        for error in run.errors:
            told = _error(error)
            if told.number == TIMEOUT:
                raise host.HostFailed(f"{self.where}: SQL Server did not come to an end within {sql.CHANGE_TIMEOUT} s, and was told to stop."
                                      f"{host.OUTCOME}", sent=True)
            if error["fqid"] in NOT_SENT or told.number in ON_THE_WAY:
                raise host.HostUnreachable(f"{self.where}: the connection to SQL Server was lost.{host.OUTCOME}", sent=True)
            raise host.HostFailed(f"{self.where}: SQL Server refused it (error {told.number}): {told.message}", sent=False, code=told.number)

    def _query(self, query):
        database = query.database
        if database == MANAGEMENT:
            database = self.options["management_database"] or {"$from": sql.WHERE_IS_THE_GROUP.name}
        sent = _sent(query.name, query.text, query.values, database, sql.READ_TIMEOUT)
        return {**sent, "names_database": True} if query.name == sql.WHERE_IS_THE_GROUP.name else sent

    def _run(self, queries, deadline, progress, changing=False):
        """The runs of the queries. Raises HostError where the connection to SQL Server did not come about."""
        step = batch.sql("session", connection_words(self.options), queries)
        answer = host.run(self.connection, {"sql": [step]}, self.where, deadline=int(deadline), changing=changing,
                          progress=progress and (lambda _seconds: progress(f"{len(queries)} queries on the host")))
        area = answer.areas.get("sql")
        if area is None:
            raise host.HostFailed(f"{self.where}: the answer did not arrive whole.{host.OUTCOME if changing else ''}", sent=True)
        step = area.steps["session"]
        if step.status != "ok":
            raise self._not_opened(step)
        here = step.runs[0].rows[0]
        self._said = {"server_computer": here[0], "client_computer": here[1]}
        return step.runs[1:]

    def _not_opened(self, step):
        at = self.options["login_host"] + (f":{self.options['login_port']}" if self.options["login_port"] else "")
        if step.status != "failed":
            return host.HostFailed(f"{self.where}: the session with {at} was not begun ({step.reason}).", sent=False)
        error = _error(step.runs[0].errors[0])
        if error.number in LOGIN_FAILED and not self.options["login_user"]:
            return host.HostUnreachable(
                f"{self.where}: {at} refused the account of the Windows connection. Where the instance runs on another computer this is a second "
                "hop: connect to the network name of the instance, or use Kerberos delegation, CredSSP or a SQL Server login.", sent=False)
        if error.number in LOGIN_FAILED:
            return host.HostUnreachable(f"{self.where}: {at} refused the login {self.options['login_user']}; check its name and its password.",
                                        sent=False)
        return host.HostUnreachable(f"{self.where}: the host's own client came to no session with {at} ({_cause(error)}); check that SQL Server "
                                    "runs there, the port, and that the host trusts its certificate.", sent=False)


def connection_words(options):
    """The keywords of SqlClient's connection string, as data."""
    words = {"Data Source": "tcp:" + options["login_host"] + (f",{options['login_port']}" if options["login_port"] else ""),
             "Initial Catalog": "master", "Application Name": "biztalk.fault_tolerance", "Pooling": False,
             "Connect Timeout": LOGIN_TIMEOUT, "ConnectRetryCount": 0,
             "Encrypt": options["encrypt"] != "no",
             "TrustServerCertificate": options["trust_server_certificate"]}
    if options["login_user"]:
        return words | {"User ID": options["login_user"], "Password": options["login_password"] or ""}
    return words | {"Integrated Security": True}


def _sent(name, text, values, database, timeout):
    """A query of the step: each ``?`` is a parameter's name."""
    parts = text.split("?")
    numbered = "".join(f"{part}@p{number}" for number, part in enumerate(parts[:-1])) + parts[-1]
    return {"name": name, "text": numbered, "database": database, "timeout": timeout,
            "values": [{} if value is None else {"value": value} for value in values]}


def _answer(query, run):
    for error in run.errors:
        told = _error(error)
        if error["fqid"] in NOT_SENT or told.number in ON_THE_WAY:
            reason, broken = NOT_SENT.get(error["fqid"], NOT_SENT["ConnectionLost"])
            return QueryAnswer("skipped", reason=reason, broken=broken)
        return QueryAnswer("failed", error=told)
    cut = bool(query.limit) and len(run.rows) > query.limit
    try:
        rows = [{name: sql.plain(_read(value, kind), kind) for (name, kind), value in zip(query.columns.items(), row, strict=True)}
                for row in (run.rows[:query.limit] if cut else run.rows)]
    except (TypeError, ValueError, AttributeError) as error:
        return QueryAnswer("failed", error=SqlError(0, "", f"a value is not of the agreed type ({error})"))
    return QueryAnswer("ok", rows, cut)


def _read(value, kind):
    """A value as the executor wrote it, as the ODBC drivers give it."""
    if value is None:
        return None
    if isinstance(value, dict) and "$bytes" in value:
        return sql.from_base64(value["$bytes"])
    if kind in ("instant", "local"):
        return sql.from_iso(value)
    return value


def _error(error):
    """The SqlError of an executor's error: SQL Server's number stands in the chain's SqlException."""
    for exception in error["chain"]:
        if exception["type"].endswith(".SqlClient.SqlException"):
            return SqlError(exception["native"] or 0, "", " ".join(exception["message"].split()))
    last = error["chain"][-1] if error["chain"] else {"message": error["fqid"]}
    return SqlError(NOT_FROM_SQL, "HY000", " ".join(last["message"].split()))


def _cause(error):
    return f"error {error.number}" if error.number else error.message.split(". ")[0].rstrip(".")
