"""A listener of one instance on loopback.

``listener = await start(instance, port, context)`` in a running loop; ``with serve(instance, context) as port`` in a thread of its own.
"""
from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import contextmanager

from lab import certificates
from lab.tds.connection import Connection

ADDRESS = "127.0.0.1"


def tls(folder, name="good"):
    """The context for one of the lab's certificates. TLS 1.2: what 1.3 sends after its handshake has no place inside PRELOGIN."""
    made = certificates.context(folder, name)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["tds/8.0"])
    return made


class Listener:
    """*port* tells the port in use, *connections* those that are open now."""

    def __init__(self, instance, context, encrypt, kerberos):
        self.instance, self.context, self.encrypt, self.kerberos = instance, context, encrypt, kerberos
        self.connections, self.port, self.server = {}, None, None
        self.answers = lambda: True     # whether the server is on: asked at each connection

    async def listen(self, port):
        self.server = await asyncio.start_server(self._serve, ADDRESS, port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        if not self.answers():
            writer.transport.abort()
            return
        connection = Connection(self.instance, reader, writer, self.context, self.encrypt, self.kerberos)
        self.connections[connection] = asyncio.current_task()
        try:
            await connection.serve()
        except asyncio.CancelledError:
            connection.wire.reset()
        finally:
            del self.connections[connection]

    def drop(self):
        """Resets all connections, as a failover does."""
        for connection in list(self.connections):
            connection.wire.reset()

    async def close(self):
        """Nothing listens any more; open connections are reset."""
        self.server.close()
        self.drop()
        for task in list(self.connections.values()):
            task.cancel()
        await asyncio.gather(*self.connections.values(), return_exceptions=True)


async def start(instance, port=0, context=None, encrypt=False, kerberos=None):
    """A Listener of *instance*. *context*: from ``tls``, None without TLS; *encrypt*: the whole session is encrypted, whatever the
    client asks; *kerberos*: an Acceptor for integrated logins. Raises OSError when the port is taken."""
    return await Listener(instance, context, encrypt, kerberos).listen(port)


@contextmanager
def serve(instance, context=None, port=0, **options):
    """The port of a listener that serves from a thread of its own until the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab-tds", daemon=True)
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    listener = run(start(instance, port, context, **options))
    try:
        yield listener.port
    finally:
        run(listener.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
