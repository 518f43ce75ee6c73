"""What clients send: PRELOGIN, LOGIN7, RPC."""
from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.tds.values import Reader

OFF, ON, NOT_SUPPORTED, REQUIRED = 0, 1, 2, 3
UTF8 = 10
NUMBERS = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare"}


def encryption(payload):
    """What a PRELOGIN asks for."""
    place = 0
    while payload[place] != 0xFF:
        option, offset, length = struct.unpack_from(">BHH", payload, place)
        if option == 1 and length:
            return payload[offset]
        place += 5
    return OFF


def prelogin_reply(version, answer):
    """VERSION, ENCRYPTION, INSTOPT, THREADID, MARS."""
    parts = [(0, version + b"\0\0"), (1, bytes([answer])), (2, b"\0"), (3, b""), (4, b"\0")]
    head, body, offset = b"", b"", 5 * len(parts) + 1
    for option, data in parts:
        head += struct.pack(">BHH", option, offset + len(body), len(data))
        body += data
    return head + b"\xff" + body


@dataclass
class Login:
    user: str
    password: str
    database: str
    application: str
    host: str
    packet_size: int
    ticket: bytes       # what integrated authentication gives in place of user and password
    features: list


def login(payload):
    """The Login of a LOGIN7."""
    def text(place):
        offset, length = struct.unpack_from("<HH", payload, place)
        return payload[offset:offset + 2 * length]

    password = bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in text(44))
    features = []
    if payload[27] & 0x10:
        offset = struct.unpack_from("<H", payload, 56)[0]
        place = struct.unpack_from("<I", payload, offset)[0]
        while payload[place] != 0xFF:
            features.append(payload[place])
            place += 5 + struct.unpack_from("<I", payload, place + 1)[0]
    user, database, application, host = (text(place).decode("utf-16-le") for place in (40, 68, 48, 36))
    size = struct.unpack_from("<I", payload, 8)[0] or 4096
    return Login(user, password.decode("utf-16-le"), database, application, host, max(512, min(size, 32767)), _ticket(payload), features)


def _ticket(payload):
    offset, length = struct.unpack_from("<HH", payload, 78)
    if length == 0xFFFF:
        length = struct.unpack_from("<I", payload, 90)[0] or length
    return payload[offset:offset + length]


def batch(payload):
    """The text of a SQLBATCH, after its headers."""
    return payload[struct.unpack_from("<I", payload)[0]:].decode("utf-16-le", "surrogatepass")


@dataclass
class Parameter:
    """*name* without ``@``, empty by position."""

    name: str
    output: bool
    default: bool
    type: str
    value: object


def calls(payload):
    """``(procedure, [Parameter])`` of each call of an RPC request."""
    reader, made = Reader(payload, struct.unpack_from("<I", payload)[0]), []
    while reader.more():
        length = reader.number("H")
        if length == 0xFFFF:
            number = reader.number("H")
            name = NUMBERS.get(number, f"sp_{number}")
        else:
            name = reader.take(2 * length).decode("utf-16-le")
        reader.number("H")
        parameters = []
        while reader.more() and reader.data[reader.place] not in (0x80, 0xFE, 0xFF):
            called = reader.text()
            status = reader.number("B")
            kind, value = reader.value()
            parameters.append(Parameter(called.removeprefix("@"), bool(status & 1), bool(status & 2), kind, value))
        if reader.more():
            reader.number("B")
        made.append((name, parameters))
    return made
