"""The lab on the wire: HTTP and HTTPS on loopback, one URL path a host, faults, counters and a small control API.

``/wsman/<host>`` is WS-Management; ``/stats`` (GET) and ``/control/<what>`` (GET, POST, JSON) are for people and tests.
"""
from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from pathlib import Path
from urllib.parse import unquote

from lab import auth, batch, certificates, psrp, wsman
from lab.backend import Backend
from lab.sqlmodel import hosts
from lab.tds import server as tds

ADDRESS = "127.0.0.1"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
FAULTS = {  # kind: where it strikes unless ``at`` says otherwise ("" = at the first byte, "stdin"/"stdout" = on the command)
    "refuse": "", "password": "", "reset": "Receive", "hang": "Receive", "http": "Receive", "fault": "Receive",
    "half": "stdout", "noise": "stdout", "clixml": "stdout", "delay": "stdout", "cut_executor": "stdin",
}
CLIXML = ('#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj S="progress" RefId="0">'
          '<TN RefId="0"><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN><MS><I64 N="SourceId">1</I64>'
          '<PR N="Record"><AV>Preparing modules for first use.</AV><AI>0</AI><Nil /><PI>-1</PI><PC>-1</PC><T>Completed</T><SR>-1</SR>'
          '<SD> </SD></PR></MS></Obj></Objs>')


class Lab:
    """One running lab. Usable as a context manager: it then serves from a thread of its own.

    *state* is a lab.state.State. Ports of 0 are chosen freely; *sql_port* is that of the first SQL Server, the others' follow it.
    ``port``, ``https_port`` and ``sql_ports`` (by instance) tell the ports in use, ``listeners`` the SQL Servers' own.
    """

    def __init__(self, state, folder, port=0, https_port=0, block=110 * 1024, sql_port=0):
        self.state, self.folder, self.block = state, Path(folder), block
        self.port, self.https_port = port, https_port
        instances = state.world.instances if state.world else {}
        self.sql_ports, self.listeners = {name: sql_port and sql_port + number for number, name in enumerate(instances)}, {}
        self.faults, self.stats, self.shells, self.pools, self.tls_ports = {}, {}, {}, {}, {}
        self.loop = self._servers = None
        self.connections = set()

    # --- running

    async def start(self):
        """Binds the ports. Raises OSError when one is taken."""
        self.loop = asyncio.get_running_loop()
        self._servers = []
        self.ca = certificates.ensure(self.folder)
        self.write_users()
        self.port = await self._listen(self.port, None)
        self.https_port = await self._listen(self.https_port, "good")
        for name, port in self.sql_ports.items():
            try:
                self.listeners[name] = await tds.start(self.state.world.instances[name], port, tds.tls(self.folder))
            except OSError as error:
                raise OSError(error.errno, error.strerror, port) from error
            self.sql_ports[name] = self.listeners[name].port
            self.listeners[name].answers = lambda name=name: self._sql_answers(name)

    def _sql_answers(self, name):
        """Whether an instance is up; it then shows its servers as they are, and its Agent has run what was due."""
        world = self.state.world
        up = hosts.follow(self.state, world.instances[name], world.descriptions[name])
        self.state.catch_up()
        return up

    async def _listen(self, port, certificate):
        context = certificates.context(self.folder, certificate) if certificate else None
        hashed = certificates.fingerprint(self.folder, certificate) if certificate else None
        try:
            server = await self.loop.create_server(lambda: Connection(self, hashed), ADDRESS, port, ssl=context, backlog=512)
        except OSError as error:
            raise OSError(error.errno, error.strerror, port) from error
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def broken_tls(self, kind):
        """The port of a listener whose certificate is ``untrusted``, ``wrong_name`` or ``expired``."""
        if kind not in self.tls_ports:
            self.tls_ports[kind] = await self._listen(0, kind)
        return self.tls_ports[kind]

    async def stop(self):
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.close()
        for listener in self.listeners.values():
            await listener.close()
        self.state.close()

    def __enter__(self):
        ready, failed = threading.Event(), []

        def serve():
            async def main():
                try:
                    await self.start()
                except Exception as error:
                    failed.append(error)
                    return
                finally:
                    ready.set()
                self._stopped = asyncio.Event()
                await self._stopped.wait()
                await self.stop()
            asyncio.run(main())

        self._thread = threading.Thread(target=serve, name="lab", daemon=True)
        self._thread.start()
        ready.wait()
        if failed:
            raise failed[0]
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def call(self, function, *arguments, **named):
        """*function* carried out in the lab's own thread; its result. For tests that drive the lab from another thread."""
        async def run():
            result = function(*arguments, **named)
            return await result if asyncio.iscoroutine(result) else result
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    # --- control

    def fault(self, host, kind, times=None, **options):
        """Plants a fault on a host: ``at`` (a WS-Man action), ``code``, ``status``, ``seconds``, ``text``; *times* bounds it,
        ``skip`` lets as many chances pass first."""
        if kind not in FAULTS:
            raise ValueError(f"{kind}: no such fault; there are {', '.join(FAULTS)}")
        self.faults.setdefault(host.casefold(), {})[kind] = {"at": FAULTS[kind], "times": times, **options}

    def clear(self, host=None):
        self.faults.pop(host.casefold(), None) if host else self.faults.clear()

    def struck(self, host, kind, at):
        """The options of a fault that strikes here and now, or None. A fault that is used up goes."""
        planted = self.faults.get(host.casefold(), {})
        options = planted.get(kind)
        if options is None or options["at"] != at:
            return None
        if options.get("skip", 0) > 0:
            options["skip"] -= 1
            return None
        if options["times"] is not None:
            options["times"] -= 1
            if options["times"] <= 0:
                del planted[kind]
        return options

    def count(self, host, **counts):
        of_host = self.stats.setdefault(host, {"actions": {}, "bytes_up": 0, "bytes_down": 0, "starts": 0, "refused_commands": 0})
        for key, number in counts.items():
            target = of_host if key in of_host else of_host["actions"]
            target[key] = target.get(key, 0) + number

    def write_users(self):
        auth.write_credentials(self.folder / "users.ntlm", {name: user["password"] for name, user in self.state.users.items() if user["password"]})

    def password_of(self, host):
        def password(user):
            known = self.state.user(user)
            return None if known is None or self.struck(host, "password", "") else known["password"]
        return password

    def control(self, method, what, body):
        """The control API. Raises KeyError for what it does not know."""
        if (method, what) == ("GET", "stats"):
            return self.stats
        if (method, what) == ("GET", "calls"):
            return self.state.calls()
        if (method, what) == ("GET", "hash"):
            return self.state.state_hash()
        if (method, what) == ("POST", "fault"):
            return self.fault(**body)
        if (method, what) == ("POST", "clear"):
            return self.clear(body.get("host"))
        if (method, what) == ("POST", "clock"):
            return self.state.move_clock(body["seconds"])
        if method == "POST" and what in ("damage", "power", "right", "unreadable"):
            return getattr(self.state, what)(**body)
        raise KeyError(what)

    # --- one command

    def host_shells(self, host):
        if host not in self.shells:
            self.shells[host] = wsman.Shells(lambda line, stdin, user: self.run(host, line, stdin, user), self.block)
        return self.shells[host]

    def host_pools(self, host):
        if host not in self.pools:
            self.pools[host] = psrp.Pools(lambda script, stdin, user: self.run(host, batch.command(script), stdin, user), self.block)
        return self.pools[host]

    def run(self, host, line, stdin, user):
        """Carries out one command line on a host, with the faults that are planted on it."""
        if stdin is not None and self.struck(host, "cut_executor", "stdin"):
            stdin = stdin[:len(stdin) * 2 // 3]
        result = batch.run(Backend(self.state, host, user), line, stdin)
        self.count(host, starts=1, refused_commands=int(result.exit_code != 0))
        if options := self.struck(host, "noise", "stdout"):
            result.stdout = (options.get("text") or "Loading profile of the host ...\r\n{\"bft\":\"0\",\"kind\":\"\r\n").encode() + result.stdout
        if options := self.struck(host, "half", "stdout"):
            result.stdout = result.stdout[:int(len(result.stdout) * options.get("part", 0.5))]
        if self.struck(host, "clixml", "stdout"):
            result.stderr = CLIXML.encode() + result.stderr
        if options := self.struck(host, "delay", "stdout"):
            result.seconds += options.get("seconds", 1.0)
        return result


class Connection(asyncio.Protocol):
    """One TCP connection: requests one after the other, in order, with the authentication that belongs to it."""

    def __init__(self, lab, certificate_hash):
        self.lab, self.certificate_hash = lab, certificate_hash
        self.buffer, self.task, self.authenticator = b"", None, None

    def connection_made(self, transport):
        self.transport = transport
        self.lab.connections.add(self)

    def connection_lost(self, _error):
        self.lab.connections.discard(self)
        if self.task:
            self.task.cancel()

    def close(self):
        self.transport.abort()

    def reset(self):
        """Closes so that the peer sees a reset, not an end."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def data_received(self, data):
        self.buffer += data
        if self.task is None:
            self._next()

    def _next(self):
        """Starts the next whole request of the buffer, if there is one."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start_line, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
        size = end + 4 + int(headers.get("content-length", 0))
        method, path, _version = start_line.split(" ", 2)
        if self._powered_off(path):
            self.reset()
        elif len(self.buffer) >= size:
            body, self.buffer = self.buffer[end + 4:size], self.buffer[size:]
            self.task = asyncio.ensure_future(self._handle(method, path, headers, body, size))
            self.task.add_done_callback(self._done)

    def _done(self, task):
        self.task = None
        if task.cancelled() or self.transport.is_closing():
            return
        if task.exception():
            self.transport.abort()
            raise task.exception()
        self._next()

    def _powered_off(self, path):
        """Whether the host does not answer. A conversation that has begun is still finished: shutting down takes its time."""
        host = self._host(path)
        return host and self.authenticator is None and (
            not self.lab.state.hosts[host]["powered"] or self.lab.struck(host, "refuse", "") is not None)

    def _host(self, path):
        first, _slash, name = unquote(path.split("?")[0]).strip("/").partition("/")
        return self.lab.state.host_name(name) if first == "wsman" else None

    async def _handle(self, method, path, headers, body, size):
        host = self._host(path)
        if host is None:
            return self._control(method, path, body)
        lab = self.lab
        if self.authenticator is None:
            self.authenticator = auth.Authenticator(lab.password_of(host), lab.folder / "users.ntlm", self.certificate_hash)
        accepted, extra = self.authenticator.step(headers.get("authorization", ""))
        encrypted = headers.get("content-type", "").startswith(auth.ENCRYPTED)
        if encrypted:
            try:
                body = self.authenticator.unwrap(body)
            except auth.Undecryptable:
                return self._reply(400, host=host, up=size)
        elif not accepted or not body:
            return self._reply(200 if accepted else 401, extra, host=host, up=size)
        status, answer = await self._wsman(host, body)
        if status is None:
            return None
        content_type = "application/soap+xml;charset=UTF-8"
        if encrypted:
            content_type, answer = self.authenticator.wrap(answer)
        return self._reply(status, {"Content-Type": [content_type]}, answer, host=host, up=size)

    async def _wsman(self, host, body):
        """``(status, envelope)``; the status is None when a fault has ended the connection."""
        lab, message_id = self.lab, ""
        try:
            request = wsman.Request.parse(body)
            message_id = request.message_id
            lab.count(host, **{request.action: 1})
            if lab.struck(host, "reset", request.action):
                self.reset()
                return None, b""
            if lab.struck(host, "hang", request.action):
                await asyncio.Event().wait()
            if options := lab.struck(host, "http", request.action):
                return options.get("status", 500), options.get("text", "").encode()
            if options := lab.struck(host, "fault", request.action):
                raise wsman.Fault(options.get("code", 2147942405), options.get("text", ""))
            user = lab.state.user(self.authenticator.user)
            remoting = request.resource.startswith(psrp.RESOURCE)
            # Remote Management Users may use PowerShell's endpoint; WinRS lets administrators in (about_Remote_Requirements; pywinrm 275)
            if not user.get("remote", True) or not (remoting or user["admin"]):
                raise wsman.Fault(2147942405)
            shells = lab.host_pools(host) if remoting else lab.host_shells(host)
            return 200, await shells.answer(request, self.authenticator.user)
        except wsman.Fault as error:
            return 500, wsman.fault(error.code, message_id, error.detail)

    def _control(self, method, path, body):
        try:
            answer = self.lab.control(method, unquote(path).strip("/").removeprefix("control/"), json.loads(body or b"{}"))
        except KeyError:
            return self._reply(404)
        except (TypeError, ValueError) as error:
            return self._reply(400, {"Content-Type": ["text/plain"]}, str(error).encode())
        return self._reply(200, {"Content-Type": ["application/json"]}, json.dumps(answer).encode())

    def _reply(self, status, headers=None, body=b"", host=None, up=0):
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", "Server: Microsoft-HTTPAPI/2.0", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, values in (headers or {}).items() for value in values]
        whole = "\r\n".join(lines + ["", ""]).encode() + body
        if host:
            self.lab.count(host, bytes_up=up, bytes_down=len(whole))
        self.transport.write(whole)
