"""Packets over one TCP connection, in clear or through TLS, which TDS 7.4 shakes hands on inside its own packets."""
from __future__ import annotations

import socket
import ssl
import struct

BATCH, RPC, REPLY, ATTENTION, TRANSACTION, LOGIN7, PRELOGIN = 1, 3, 4, 6, 14, 16, 18
LAST, RESET = 1, 8      # bits of a packet's status
HANDSHAKE = 0x16        # the first byte of TLS: a client that begins with it speaks TDS 8 ("strict")


class Closed(Exception):
    """The client has gone."""


class Wire:
    """*size*: bytes of a packet with its header, as agreed at login."""

    def __init__(self, reader, writer, context):
        self.reader, self.writer, self.context = reader, writer, context
        self.buffer, self.size, self.tls, self.incoming, self.outgoing = b"", 4096, None, None, None

    async def begin(self):
        """Reads the first bytes. True when the client has begun with TLS (the handshake is done then)."""
        self.buffer = await self._chunk()
        if self.buffer[0] != HANDSHAKE:
            return False
        if self.context is None:
            raise Closed("TLS without a certificate")
        self._wrap()
        self.incoming.write(self.buffer)
        self.buffer = b""
        while not self._shaken():
            self._send(self.outgoing.read())
            self.incoming.write(await self._chunk())
        self._send(self.outgoing.read())
        return True

    async def secure(self):
        """TLS handshake with its records inside of PRELOGIN packets."""
        self._wrap()
        while True:
            done = self._shaken()
            records = self.outgoing.read()
            if records:
                self._send(self._packets(PRELOGIN, records))
            if done:
                return
            self.incoming.write((await self.message())[2])

    def clear(self):
        """Back to plain text: only the login was to be secret."""
        self.tls = None

    def _wrap(self):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.handshake = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def _shaken(self):
        try:
            self.handshake.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self._send(self.outgoing.read())        # the alert that says why
            raise Closed(str(error)) from error
        self.tls = self.handshake
        return True

    async def _chunk(self):
        try:
            data = await self.reader.read(65536)
        except OSError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of stream")
        return data

    async def _exactly(self, count):
        while len(self.buffer) < count:
            if self.tls is None:
                self.buffer += await self._chunk()
                continue
            try:
                read = self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.incoming.write(await self._chunk())
                continue
            except ssl.SSLError as error:
                raise Closed(str(error)) from error
            if not read:
                raise Closed("end of TLS")
            self.buffer += read
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    async def message(self):
        """``(type, status, payload)`` of one whole message; raises Closed."""
        payload = b""
        while True:
            kind, status, length = struct.unpack(">BBH4x", await self._exactly(8))
            if length < 8:
                raise Closed("not TDS")
            payload += await self._exactly(length - 8)
            if status & LAST:
                return kind, status, payload

    def _packets(self, kind, payload, last=True):
        room, made = self.size - 8, b""
        parts = [payload[start:start + room] for start in range(0, len(payload), room)] or [b""]
        for number, part in enumerate(parts, 1):
            ends = LAST if last and number == len(parts) else 0
            made += struct.pack(">BBHHBB", kind, ends, len(part) + 8, 0, number % 256, 0) + part
        return made

    def _send(self, data):
        if data:
            self.writer.write(data)

    async def reply(self, payload, last=True):
        """Sends a message, or a part of one."""
        data = self._packets(REPLY, payload, last)
        if self.tls is not None:
            self.tls.write(data)
            data = self.outgoing.read()
        self._send(data)
        try:
            await self.writer.drain()
        except OSError as error:
            raise Closed(str(error)) from error

    def reset(self):
        """Closes so that the peer sees a reset, not an end."""
        if self.writer.transport.is_closing():
            return
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self):
        self.writer.close()
