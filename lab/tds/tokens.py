"""Tokens of a reply, and the reply of a login."""
from __future__ import annotations

import struct

from lab.tds.values import COLLATION, encode, type_info

DONE, DONEPROC, DONEINPROC = 0xFD, 0xFE, 0xFF
MORE, ERROR, COUNT, ATTENTION = 0x01, 0x02, 0x10, 0x20
SELECT, OTHER = 0xC1, 0xC5
VERSION = bytes.fromhex("0f00114e")     # 15.0.4430
TDS74 = bytes.fromhex("74000004")


def short(text):
    """A string with one byte of length."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return bytes([len(raw) // 2]) + raw


def long(text):
    raw = text[:1000].encode("utf-16-le", "surrogatepass")
    return struct.pack("<H", len(raw) // 2) + raw


def done(kind, status, rows=None, command=OTHER):
    return struct.pack("<BHHQ", kind, status | (COUNT if rows is not None else 0), command, rows or 0)


def message(number, severity, state, text, server, procedure=""):
    """INFO, or ERROR where the severity is above 10."""
    body = struct.pack("<iBB", number, state, severity) + long(text) + short(server) + short(procedure) + struct.pack("<i", 1)
    return struct.pack("<BH", 0xAA if severity > 10 else 0xAB, len(body)) + body


def environment(kind, new, old):
    body = bytes([kind]) + new + old
    return struct.pack("<BH", 0xE3, len(body)) + body


def database(name, before, server):
    return environment(1, short(name), short(before)) + message(5701, 0, 2, f"Changed database context to '{name}'.", server)


def columns(declared):
    made = struct.pack("<BH", 0x81, len(declared))
    for name, kind in declared:
        made += struct.pack("<IH", 0, 0x0009) + type_info(kind) + short(name)
    return made


def row(values, kinds):
    return b"\xd1" + b"".join(encode(value, kind) for value, kind in zip(values, kinds))


def return_status(code):
    return struct.pack("<Bi", 0x79, code)


def return_value(place, name, kind, value):
    return struct.pack("<BH", 0xAC, place) + short(name) + struct.pack("<BIH", 1, 0, 0) + type_info(kind) + encode(value, kind)


def sspi(answer):
    return struct.pack("<BH", 0xED, len(answer)) + answer


def login_reply(name, size, utf8, server):
    """What an accepted login is told: *utf8* acknowledges the one feature that is needed."""
    made = database(name, "master", server) + environment(7, bytes([5]) + COLLATION, b"\0")
    made += environment(2, short("us_english"), short("")) + message(5703, 0, 1, "Changed language setting to us_english.", server)
    program = b"\x01" + TDS74 + short("Microsoft SQL Server") + VERSION
    made += struct.pack("<BH", 0xAD, len(program)) + program + environment(4, short(str(size)), short("4096"))
    if utf8:
        made += b"\xae\x0a" + struct.pack("<I", 1) + b"\x01\xff"
    return made + done(DONE, 0)
