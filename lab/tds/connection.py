"""One client: login, then request after request; an attention is heard while a request is being carried out."""
from __future__ import annotations

import asyncio
import contextlib
import re

from lab.tds import requests, tokens
from lab.tds.wire import ATTENTION, BATCH, LOGIN7, PRELOGIN, RESET, RPC, TRANSACTION, Closed, Wire
from lab.tsql.exec_call import Argument
from lab.tsql.problem import Count, Database, Message, Returned, Rows, SqlProblem, not_modelled

CHUNK = 32768


class Cancelled(Exception):
    """The client has sent an attention."""


class Reply:
    """Tokens on their way. The last DONE is held back until it is known whether something follows: drivers go on by its bit MORE,
    and an ERROR must come after the DONE of what went before."""

    def __init__(self, connection, inside):
        self.connection, self.buffer, self.held, self.failed = connection, b"", None, False
        self.kind = tokens.DONEINPROC if inside else tokens.DONE

    def add(self, data):
        if self.held:
            kind, status, rows, command = self.held
            self.buffer += tokens.done(kind, status | tokens.MORE, rows, command)
            self.held = None
        self.buffer += data

    def done(self, status=0, rows=None, command=tokens.OTHER, kind=None):
        self.add(b"")
        self.held = (kind or self.kind, status, rows, command)

    def problem(self, problem):
        self.failed = True
        for each in (problem, *problem.also):
            self.add(tokens.message(each.number, each.severity, each.state, each.message, self.connection.server))

    async def flush(self):
        """Sends what is there, when that is much; hears an attention."""
        if len(self.buffer) >= CHUNK:
            await self.connection.wire.reply(self.buffer, last=False)
            self.buffer = b""
            await asyncio.sleep(0)
        if self.connection.attention.is_set():
            raise Cancelled

    async def end(self):
        if self.held:
            self.buffer += tokens.done(*self.held)
        await self.connection.wire.reply(self.buffer)


class Connection:
    """*instance* has connect(), struck(), name; *encrypt*: whether a login without TLS is refused; *kerberos*: an
    Acceptor, or None."""

    def __init__(self, instance, reader, writer, context, encrypt, kerberos):
        self.instance, self.encrypt, self.kerberos, self.server = instance, encrypt, kerberos, instance.name
        self.wire, self.session = Wire(reader, writer, context), None
        self.attention, self.inbox, self.handles = asyncio.Event(), asyncio.Queue(), {}

    async def serve(self):
        reading = None
        try:
            await self._login()
            reading = asyncio.ensure_future(self._read())
            while self.session and (message := await self.inbox.get()):
                await self._answer(*message)
        except Closed:
            pass
        finally:
            if reading:
                reading.cancel()
            self.instance.sessions.discard(self.session)
            self.wire.close()

    async def _read(self):
        try:
            while True:
                message = await self.wire.message()
                if message[0] == ATTENTION:
                    self.attention.set()
                self.inbox.put_nowait(message)
        except Closed:
            self.inbox.put_nowait(None)
            self.attention.set()

    # --- login

    async def _login(self):
        wire = self.wire
        strict = await wire.begin()
        kind, _status, payload = await wire.message()
        if kind != PRELOGIN:
            raise Closed("no PRELOGIN")
        wanted = requests.encryption(payload)
        answer = requests.NOT_SUPPORTED if strict or wire.context is None or wanted == requests.NOT_SUPPORTED else (
            requests.ON if wanted in (requests.ON, requests.REQUIRED) else requests.REQUIRED if self.encrypt else requests.OFF)
        await wire.reply(requests.prelogin_reply(tokens.VERSION, answer))
        if answer != requests.NOT_SUPPORTED:
            await wire.secure()
        kind, _status, payload = await wire.message()
        if answer == requests.OFF:
            wire.clear()
        if kind != LOGIN7:
            raise Closed("no LOGIN7")
        login = requests.login(payload)
        if self.instance.struck("close"):
            raise Closed("planted")
        if options := self.instance.struck("silent"):
            await asyncio.sleep(options.get("seconds", 600))
            raise Closed("planted")
        try:
            if login.ticket:
                self.session = await self._trusted(login)
            else:
                self.session = self.instance.connect(login.user, login.password, login.database)
        except SqlProblem as problem:
            data = b"".join(tokens.message(each.number, each.severity, each.state, each.message, self.server)
                            for each in (problem, *problem.also))
            await wire.reply(data + tokens.done(tokens.DONE, tokens.ERROR))
            return
        self.session.application, self.session.host, self._home = login.application, login.host, self.session.database
        await wire.reply(tokens.login_reply(self.session.database, login.packet_size, requests.UTF8 in login.features, self.server))
        wire.size = login.packet_size

    async def _trusted(self, login):
        """A session for the principal of a Kerberos ticket. The answer to the ticket is a message of its own, and the next one follows
        unasked: Microsoft's driver hangs on anything else."""
        accepted = self.kerberos.accept(login.ticket) if self.kerberos else None
        if accepted is None:
            raise SqlProblem(18452, 14, 1, "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.")
        user, realm, answer = accepted
        session = self.instance.connect_trusted(f"{realm.partition('.')[0]}\\{user}", login.database)
        if answer:
            await self.wire.reply(tokens.sspi(answer))
        return session

    # --- requests

    async def _answer(self, kind, status, payload):
        reply = Reply(self, kind == RPC)
        if kind == ATTENTION:
            self.attention.clear()
            reply.done(tokens.ATTENTION)
            await reply.end()
            return
        if status & RESET:
            self.handles.clear()
            reply.add(tokens.environment(18, b"\0", b"\0"))
            if self.session.database != self._home:
                reply.add(tokens.database(self._home, self.session.database, self.server))
                self.session.database = self._home
        try:
            if kind == BATCH:
                text = requests.batch(payload)
                await self._results(reply, text, self.session.run(text))
            elif kind == RPC:
                for name, parameters in requests.calls(payload):
                    await self._call(reply, name, parameters)
            else:
                raise not_modelled("transactions" if kind == TRANSACTION else f"requests of type {kind}")
        except SqlProblem as problem:
            reply.problem(problem)
        except Cancelled:
            await self._cancel(reply)
            return
        if not reply.held or reply.failed and not reply.held[1] & tokens.ERROR:
            reply.done(tokens.ERROR if reply.failed else 0, kind=tokens.DONEPROC if kind == RPC else None)
        await reply.end()

    async def _cancel(self, reply):
        """The answer to an attention: the statement has failed, then the attention is acknowledged. With the second alone a
        cancelled execute looks like success to Microsoft's driver."""
        if await self.inbox.get() is None:
            raise Closed("end of stream")
        self.attention.clear()
        reply.done(tokens.ERROR)
        reply.done(tokens.ATTENTION, kind=tokens.DONE)
        await reply.end()

    async def _results(self, reply, text, results):
        """Puts results into the reply, with the faults that are planted on the text."""
        if options := self.instance.struck("delay", text):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.attention.wait(), options.get("seconds", 1))
            await reply.flush()
        reset = self.instance.struck("reset", text)
        if reset and reset.get("before"):
            await self._reset(reply)
        sent, back = 0, Returned(0)
        for result in results:
            await reply.flush()
            if isinstance(result, Rows):
                kinds = [kind for _name, kind in result.columns]
                reply.add(tokens.columns(result.columns))
                for values in result.rows:
                    if reset and sent >= reset.get("rows", 0):
                        break
                    sent += 1
                    reply.add(tokens.row(values, kinds))
                    await reply.flush()
                if reset:
                    await self._reset(reply)
                reply.done(0, len(result.rows), tokens.SELECT)
            elif isinstance(result, Count):
                if reset:
                    await self._reset(reply)
                reply.done(0, result.rows)
            elif isinstance(result, Message):
                reply.add(tokens.message(result.number, result.severity, result.state, result.text, self.server))
            elif isinstance(result, Database):
                reply.add(tokens.database(result.name, result.before, self.server))
                reply.done()
            elif isinstance(result, SqlProblem):
                reply.problem(result)
            elif isinstance(result, Returned):
                back = result
        if reset:
            await self._reset(reply)
        return back

    async def _reset(self, reply):
        reply.add(b"")
        await self.wire.reply(reply.buffer, last=False)
        await asyncio.sleep(0.02)       # the rows get there before the reset takes the rest
        self.wire.reset()
        raise Closed("planted")

    # --- RPC

    async def _call(self, reply, name, parameters):
        values = {"sp_executesql": self._executesql, "sp_prepare": self._prepare, "sp_prepexec": self._prepexec,
                  "sp_execute": self._execute,
                  "sp_unprepare": self._unprepare}.get(name.casefold().rpartition(".")[2])
        if values is None:
            arguments = [Argument(each.name.casefold(), each.type, each.value, each.output, each.default) for each in parameters]
            back = await self._results(reply, f"EXEC {name}", self.session.call(name, arguments))
            returned, code = [(f"@{each}", kind, value) for each, (kind, value) in back.output.items()], back.code
        else:
            returned, code = await values(reply, parameters), 0
        if not reply.failed:
            reply.add(tokens.return_status(code))
            for place, (called, kind, value) in enumerate(returned):
                reply.add(tokens.return_value(place, called, kind, value))
        reply.done(tokens.ERROR if reply.failed else 0, kind=tokens.DONEPROC)

    async def _run(self, reply, declaration, text, parameters):
        names = [name.casefold() for name in re.findall(r"@(\w+)\s", declaration or "")]
        given = {(each.name.casefold() or (names[place] if place < len(names) else str(place))): (each.type, each.value)
                 for place, each in enumerate(parameters)}
        await self._results(reply, text, self.session.run(text, given))

    def _keep(self, declaration, text):
        handle = max(self.handles, default=0) + 1
        self.handles[handle] = (declaration, text)
        return [("@handle", "int", handle)]

    async def _executesql(self, reply, parameters):
        declaration = parameters[1].value if len(parameters) > 1 else ""
        await self._run(reply, declaration, parameters[0].value, parameters[2:])
        return []

    async def _prepare(self, _reply, parameters):
        return self._keep(parameters[1].value, parameters[2].value)

    async def _prepexec(self, reply, parameters):
        self.handles.pop(parameters[0].value, None)
        await self._run(reply, parameters[1].value, parameters[2].value, parameters[3:])
        return self._keep(parameters[1].value, parameters[2].value)

    async def _execute(self, reply, parameters):
        known = self.handles.get(parameters[0].value)
        if known is None:
            raise SqlProblem(8179, 16, 2, f"Could not find prepared statement with handle {parameters[0].value}.")
        await self._run(reply, known[0], known[1], parameters[1:])
        return []

    async def _unprepare(self, _reply, parameters):
        self.handles.pop(parameters[0].value, None)
        return []
