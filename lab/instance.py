"""One simulated SQL Server instance: databases, logins with rights, procedures, faults and clock, over one SQLite file.

``Instance(name, path=":memory:", clock=callable)``; what fills it uses

``insert(database, table, rows)``, ``add_database(name, kind)``, ``create_table``, ``create_view``, ``set_properties(IsClustered=1)``
    see lab.tsql.store.Store, which also has ``query(sql, values)`` (SQLite's own SQL), ``databases``, ``texts()`` and ``state_hash()``
``@instance.procedure("msdb.dbo.sp_update_job")`` before ``function(instance, session, arguments)``
    *arguments*: parameter in lower case, without ``@`` -> value as SQLite keeps it, converted to the declared type (a string that is
    too long is cut silently, as SQL Server does); only what was given. It may set OUTPUT parameters in *arguments*, call
    ``session.message(text)`` (PRINT) and ``session.error(SqlProblem)`` (an error after which it goes on), raise SqlProblem, and returns
    None, a return code, Rows or a list of Rows.
``@instance.statement("BACKUP")`` before ``function(instance, session, statement, parameters)``
    carries out every statement that begins with this word; *statement* is a lexer.Statement (text, tokens), the rest as for procedures.
``session(login, database)``
    a session of the lab's own; ``list(session.run("SELECT …;"))`` gives Rows, Count, Message, … and as the last an SqlProblem.
``login(name, password, sysadmin=False)``, ``grant(login, right, securable)``, ``revoke``
    securables: ``msdb.dbo.sysjobs``, a database, or ``""`` for the server; rights also ``db_owner``, ``db_datareader``.
``fault(kind, times, skip, text, **options)``
    ``close`` (before the login is answered), ``error`` (*number*, *severity*, *state*, *message* in place of a statement), ``delay``
    (*seconds* before a statement), ``reset`` (the connection: *before* the statement, else after it and after *rows* rows), ``silent`` (no
    answer to the login for *seconds*); *text*: only statements that contain it.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lab.tsql import access, datatypes, metadata, types
from lab.tsql.calls import Calls
from lab.tsql.problem import SqlProblem
from lab.tsql.rights import Rights
from lab.tsql.session import Session
from lab.tsql.store import CATALOGUE, Store
from lab.tsql.zone import to_local

FAULTS = ("close", "silent", "error", "delay", "reset")
DEADLOCK = (13, 51, "Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen as the deadlock "
                    "victim. Rerun the transaction.")


@dataclass
class Procedure:
    """*parameters*: [name, type, must be given, is OUTPUT]. *public*: everyone may execute it."""

    name: str
    function: object
    parameters: list
    public: bool


class Instance(Store):
    def __init__(self, name, path=":memory:", clock=None):
        super().__init__(path)
        self.name, self._clock = name, clock or (lambda: datetime.now(UTC))
        self.rights, self.procedures, self.statements, self.faults, self._spid = Rights(self), {}, {}, [], 50
        self.sessions = set()        # those that clients have open
        self.logins = []        # who has logged in since the start, in order: (login, database)
        self.plans, self.calls, self.described_changes = {}, Calls(self), 0
        machine, _backslash, instance = name.partition("\\")
        if self.fresh:
            self.set_properties(ServerName=name, MachineName=machine, InstanceName=instance or None, ComputerNamePhysicalNetBIOS=machine,
                                ProductVersion="15.0.4430.1", ProductLevel="RTM", Edition="Enterprise Edition (64-bit)", EngineEdition=3,
                                Collation="Latin1_General_CI_AS", IsClustered=0, IsHadrEnabled=0, IsIntegratedSecurityOnly=0)
            self.login("sa", None, sysadmin=True)

    # --- clock

    @property
    def now(self):
        """The lab's clock as an aware instant."""
        now = self._clock()
        return now if isinstance(now, datetime) else datetime.fromisoformat(now[:26].rstrip("Z")).replace(tzinfo=UTC)

    @property
    def local(self):
        """The server's own clock, naive: W. Europe."""
        return to_local(self.now).replace(tzinfo=None)

    # --- procedures

    def procedure(self, name, parameters=None, public=False):
        """Registers a stored procedure; *parameters* as in tables.json where the catalogue does not know it."""
        database, schema, own = name.split(".")
        known = CATALOGUE["procedures"].get(f"{self.kind(database)}.{schema}.{own}", parameters)
        if parameters is None and known is None:
            raise ValueError(f"the catalogue does not know the parameters of {name}")

        def register(function):
            self.procedures[name.casefold()] = Procedure(name, function, known if parameters is None else parameters, public)
            metadata.forget(self, database)
            return function
        return register

    def statement(self, word):
        def register(function):
            self.statements[word.upper()] = function
            return function
        return register

    # --- logins

    def login(self, name, password, sysadmin=False, database="master"):
        """CREATE LOGIN; *password* None: not over SQL authentication."""
        known = self.rights.find(name)
        self.rights.login(name, password, database, sysadmin)
        if not known:
            number = 1 if name == "sa" else 256 + len(self.query('SELECT 1 FROM "#login"'))
            self.insert("master", "sys.server_principals", [
                {"name": name, "principal_id": number, "sid": b"\1" if name == "sa" else name.casefold().encode("utf-16-le")[:85],
                 "type": "S",
                 "type_desc": "SQL_LOGIN", "is_disabled": 0, "create_date": datetime(2024, 2, 5, 10),
                 "modify_date": datetime(2024, 2, 5, 10),
                 "default_database_name": database}])
            self.grant(name, "CONNECT SQL")

    def grant(self, login, right, securable=""):
        self.revoke(login, right, securable)
        self.rights.grant(login, right, securable)
        if not securable:
            self.insert("master", "sys.server_permissions", [
                {"class": 100, "class_desc": "SERVER", "major_id": 0, "minor_id": 0, "grantee_principal_id": self._principal(login),
                 "grantor_principal_id": 1, "permission_name": right.upper(), "state": "G", "state_desc": "GRANT"}])

    def revoke(self, login, right, securable=""):
        self.rights.revoke(login, right, securable)
        if not securable:
            self.query('DELETE FROM "master.sys.server_permissions" WHERE grantee_principal_id = ? AND permission_name = ?',
                       (self._principal(login), right))

    def _principal(self, login):
        return self.query('SELECT principal_id FROM "master.sys.server_principals" WHERE name = ?', (login,))[0]["principal_id"]

    def connect(self, login, password, database=""):
        """A session for a SQL login. Raises SqlProblem 18456 or 4060."""
        known = self.rights.find(login)
        if not known or known["password"] is None or known["password"] != password:
            raise self._refused(login, 8 if known else 5)
        return self._opened(known, database)

    def connect_trusted(self, login, database=""):
        """A session for a Windows login (``CONTOSO\\svc``), whose name somebody else has vouched for."""
        known = self.rights.find(login)
        if not known:
            raise self._refused(login, 11)
        return self._opened(known, database)

    @staticmethod
    def _refused(login, state):
        return SqlProblem(18456, 14, state, f"Login failed for user '{login}'.")

    def _opened(self, known, database):
        wanted = database or known["database"]
        try:
            name = self.database(wanted)
        except KeyError:
            name = None
        if name is None or not self.rights.may_enter(known["name"], name) or access.closed(self, name):
            raise SqlProblem(4060, 11, 1, f'Cannot open database "{wanted}" requested by the login. The login failed.', also=(
                self._refused(known["name"], 1),))
        self.logins.append((known["name"], name))
        made = self.session(known["name"], name)
        self.sessions.add(made)
        return made

    def session(self, login="sa", database="master"):
        """A session without a password: for what the lab itself does."""
        self._spid += 1
        return Session(self, login, database, self._spid)

    # --- faults

    def fault(self, kind, times=1, skip=0, text="", **options):
        """Plants a fault; *times* None: until it is cleared from ``faults``; *skip* lets as many chances pass first."""
        if kind not in FAULTS:
            raise ValueError(f"{kind}: no such fault; there are {', '.join(FAULTS)}")
        self.faults.append({"kind": kind, "times": times, "skip": skip, "text": text, **options})

    def struck(self, kind, text=""):
        """The first planted fault of a kind that strikes now, or None. One that is used up goes. What drivers ask on their own
        after login is spared."""
        if datatypes.asked(text):
            return None
        for fault in self.faults:
            if fault["kind"] != kind or fault["text"].casefold() not in text.casefold():
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            if fault["times"] is not None:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
            return fault
        return None

    def planted_error(self, text):
        """Raises the error that is planted on a statement, if one is."""
        if fault := self.struck("error", text):
            severity, state, message = DEADLOCK if fault["number"] == 1205 else (16, 1, "A fault that was planted in the lab.")
            raise SqlProblem(fault["number"], fault.get("severity", severity), fault.get("state", state), fault.get("message", message))

    def keep(self, value, declared):
        """A Python value as the instance keeps it in a column of a type."""
        return types.store(value, declared)
