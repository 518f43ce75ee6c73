"""One login's session: texts are split into statements, each is carried out in order, an error ends the text."""
from __future__ import annotations

from functools import partial

from lab.tsql import access, datatypes, exec_call, metadata, types
from lab.tsql import compile as compiling
from lab.tsql.lexer import split, unquoted
from lab.tsql.problem import Count, Database, Message, Returned, Rows, SqlProblem, not_modelled
from lab.tsql.store import unknown_database

COMPILED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
SWITCHES = ("NOCOUNT", "ANSI_NULLS", "ANSI_WARNINGS", "ANSI_PADDING", "ANSI_NULL_DFLT_ON", "ANSI_DEFAULTS", "ARITHABORT",
            "QUOTED_IDENTIFIER",
            "CONCAT_NULL_YIELDS_NULL", "NUMERIC_ROUNDABORT", "XACT_ABORT", "CURSOR_CLOSE_ON_COMMIT", "IMPLICIT_TRANSACTIONS")
NUMBERS = ("LOCK_TIMEOUT", "TEXTSIZE", "ROWCOUNT", "DATEFIRST", "DATEFORMAT", "LANGUAGE")


class Session:
    """*database* is the current one. What a procedure may use: ``instance``, ``login``, ``database``, ``application`` and
    ``host`` (as the client calls itself), ``message``, ``error``."""

    def __init__(self, instance, login, database, spid):
        self.instance, self.login, self.database, self.spid = instance, login, database, spid
        self.rowcount, self.nocount, self._said, self.application, self.host = 0, False, [], "", ""

    def message(self, text, number=0):
        """PRINT."""
        self._said.append(Message(number, 0, 1, text))

    def error(self, problem):
        """An error after which the procedure goes on."""
        self._said.append(problem)

    def run(self, text, parameters=None):
        """Carries out a text; yields Rows, Count, Message, Database, Returned and, as the last, SqlProblem. *parameters*: name in
        lower case, without ``@`` -> (T-SQL type, kept value)."""
        yield from self._recorded(text, parameters or {}, lambda: self._statements(text, parameters or {}))

    def call(self, name, arguments):
        """A procedure called by name (RPC): *arguments* as exec_call.Argument."""
        called = exec_call.Call(name, arguments)
        shown = {argument.name or str(place): (argument.type, argument.value) for place, argument in enumerate(arguments, 1)}
        yield from self._recorded(f"EXEC {name}", shown, lambda: self._execute(called))

    def _recorded(self, text, parameters, work):
        instance = self.instance
        if datatypes.asked(text):
            yield from datatypes.answer(text, parameters)
            return
        database, before, number = self.database, instance.sqlite.total_changes, None
        described = instance.described_changes
        try:
            instance.planted_error(text)
            for result in self._guarded(work):
                if isinstance(result, SqlProblem):
                    number = result.number
                yield result
        except SqlProblem as problem:
            number = problem.number
            yield problem
        finally:
            changed = instance.sqlite.total_changes - before - (instance.described_changes - described)
            values = {name: value for name, (_type, value) in parameters.items()}
            instance.record(instance.now.isoformat(), self.login, database, text, values, changed > 0, number)

    def _guarded(self, work):
        """The results of *work*; whatever goes wrong in the lab itself is an error on the wire too."""
        try:
            yield from work()
        except (SqlProblem, GeneratorExit):
            raise
        except Exception as error:
            raise SqlProblem(50000, 16, 2, f"the lab failed: {type(error).__name__}: {error}") from error

    def _statements(self, text, parameters):
        for statement in split(text):
            word = statement.word
            if word in COMPILED:
                yield from self._compiled(statement.text, parameters)
            elif word == "USE":
                yield self.use(unquoted(statement.tokens[1]))
            elif word == "SET":
                self._set(statement)
            elif word in self.instance.statements:
                yield from self._handled(partial(self.instance.statements[word], self.instance, self, statement, parameters))
            elif word in ("EXEC", "EXECUTE") or statement is split(text)[0] and exec_call.bare(statement):
                yield from self._execute(exec_call.parse(statement, parameters))
            else:
                raise not_modelled(f"the statement {statement.text[:60]}")

    def use(self, name):
        """USE: 911, 916, or why the database cannot be opened."""
        instance = self.instance
        try:
            database = instance.database(name)
        except KeyError:
            raise unknown_database(name) from None
        instance.rights.check_database(self.login, database)
        access.check_open(instance, database)
        before, self.database = self.database, database
        return Database(database, before)

    def _set(self, statement):
        words = [token.upper() for token in statement.tokens[1:]]
        if len(words) == 2 and words[0] in SWITCHES and words[1] in ("ON", "OFF"):
            if words[0] == "IMPLICIT_TRANSACTIONS" and words[1] == "ON":
                raise not_modelled("transactions")
            if words[0] == "NOCOUNT":
                self.nocount = words[1] == "ON"
        elif not (words and words[0] in NUMBERS):
            raise not_modelled(f"the statement {statement.text[:60]}")

    def _compiled(self, text, parameters):
        instance = self.instance
        declared = {name: kind for name, (kind, _value) in parameters.items()}
        key = (self.database, text, tuple(declared.items()), len(instance.columns))
        plan = instance.plans.get(key)
        if plan is None:
            plan = instance.plans[key] = compiling.compiled(self, text, declared)
        for right, database, schema, name in plan.objects:
            access.check_open(instance, database)
            if right:
                instance.rights.check_object(self.login, right, database, schema, name)
            else:
                instance.rights.check_database(self.login, database)
            if plan.columns is None:
                access.check_changeable(instance, database)
        if plan.state:
            instance.rights.check_state(self.login)
        for database in plan.described:
            before = instance.sqlite.total_changes
            metadata.describe(instance, database)
            instance.described_changes += instance.sqlite.total_changes - before
        values = {name: parameters[name][1] for name in plan.parameters}
        cursor = instance.calls.execute(self, plan.sql, values)
        if plan.columns is None:
            self.rowcount = cursor.rowcount
            yield Count(None if self.nocount else cursor.rowcount)
            return
        rows = instance.calls.fetch(self, cursor)
        self.rowcount = len(rows)
        yield Rows(plan.columns, rows)

    def _execute(self, called):
        instance = self.instance
        procedure = exec_call.find(self, called.name)
        arguments = exec_call.bind(procedure, called)
        made = []
        yield from self._handled(lambda: made.append(procedure.function(instance, self, arguments)) or made[0])
        code = made[0] if made and isinstance(made[0], int) else 0
        output = {name: (kind, instance.keep(arguments.get(name.casefold()), kind))
                  for name, kind, _required, is_output in procedure.parameters
                  if is_output}
        yield Returned(code, {name: value for name, value in output.items() if name.casefold() in called.outputs(procedure)})

    def _handled(self, work):
        """What a function of the content has said and returned; its error comes after what it said before."""
        self._said, problem, made = [], None, None
        try:
            made = work()
        except SqlProblem as raised:
            problem = raised
        said, self._said = self._said, []
        yield from said
        for rows in made if isinstance(made, list) else [made]:
            if isinstance(rows, Rows):
                kinds = [kind for _name, kind in rows.columns]
                yield Rows(rows.columns, [[types.store(value, kind) for value, kind in zip(row, kinds)] for row in rows.rows])
        if problem:
            raise problem
