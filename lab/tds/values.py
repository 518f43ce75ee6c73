"""Types and values on the wire: TYPE_INFO and rows out, parameters in. Values are as lab.tsql.types keeps them."""
from __future__ import annotations

import struct
import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from lab.tsql import types
from lab.tsql.problem import not_modelled

COLLATION = bytes.fromhex("0904d00034")     # Latin1_General_CI_AS
WIDTHS = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
FORMATS = {1: "<B", 2: "<h", 4: "<i", 8: "<q"}
ONE, ZERO = datetime(1, 1, 1), datetime(1900, 1, 1)
MAX = 0xFFFF


def _time_bytes(scale):
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


def _scale(declared):
    return types.size(declared)[0] if types.size(declared) else 7


def _room(declared):
    """Characters or bytes of a text or binary type; None for max."""
    room = types.length(declared)
    return None if room is None or room > (4000 if types.family(declared) == "text" else 8000) else room


def _numeric(declared):
    precision, scale = (*types.size(declared), 0)[:2] if types.size(declared) else (18, 0)
    return precision, scale, 4 if precision <= 9 else 8 if precision <= 19 else 12 if precision <= 28 else 16


def type_info(declared):
    """TYPE_INFO of a declared type; a bare NULL is an int. All text goes as nvarchar."""
    name, kind = types.base(declared), types.family(declared)
    if kind == "null":
        return b"\x26\x04"
    if kind == "integer":
        return bytes([0x68 if name == "bit" else 0x26, WIDTHS[name]])
    if kind == "float":
        return b"\x6d\x08"
    if kind in ("decimal", "lsn"):
        precision, scale, width = _numeric(declared)
        return bytes([0x6C, width + 1, precision, scale])
    if kind == "guid":
        return b"\x24\x10"
    if kind == "text":
        room = _room(declared)
        return b"\xe7" + struct.pack("<H", MAX if room is None else room * 2) + COLLATION
    if kind == "binary":
        room = _room(declared)
        return b"\xa5" + struct.pack("<H", MAX if room is None else room)
    if kind == "time":
        return {"datetime": b"\x6f\x08", "smalldatetime": b"\x6f\x04", "date": b"\x28"}.get(name) or bytes(
            [0x2A if name == "datetime2" else 0x2B, _scale(declared)])
    raise not_modelled(f"a column of type {declared}; CONVERT it")


def encode(value, declared):
    """A kept value as the bytes of a row."""
    name, kind = types.base(declared), types.family(declared)
    if kind in ("text", "binary"):
        raw = None if value is None else value.encode("utf-16-le", "surrogatepass") if kind == "text" else value
        if _room(declared) is None:
            if raw is None:
                return b"\xff" * 8
            return struct.pack("<Q", len(raw)) + (struct.pack("<I", len(raw)) + raw if raw else b"") + bytes(4)
        return b"\xff\xff" if raw is None else struct.pack("<H", len(raw)) + raw
    if value is None:
        return b"\0"
    if kind == "integer":
        return bytes([WIDTHS[name]]) + struct.pack(FORMATS[WIDTHS[name]], value)
    if kind == "float":
        return b"\x08" + struct.pack("<d", value)
    if kind in ("decimal", "lsn"):
        _precision, scale, width = _numeric(declared)
        number = int(round(Decimal(str(value)), scale).scaleb(scale))
        return bytes([width + 1, int(number >= 0)]) + abs(number).to_bytes(width, "little")
    if kind == "guid":
        return b"\x10" + uuid.UUID(value).bytes_le
    return _encode_time(value, name, declared)


def _encode_time(value, name, declared):
    moment, rest, offset = types.moment(value)
    if name == "date":
        return b"\x03" + (moment - ONE).days.to_bytes(3, "little")
    if name == "smalldatetime":
        return b"\x04" + struct.pack("<HH", (moment - ZERO).days, moment.hour * 60 + moment.minute)
    if name == "datetime":
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        return b"\x08" + struct.pack("<iI", (moment - ZERO).days, seconds * 300 + round(moment.microsecond * 3 / 10000))
    scale = _scale(declared)
    moment -= offset or timedelta()
    ticks = (moment.hour * 3600 + moment.minute * 60 + moment.second) * 10**7 + moment.microsecond * 10 + rest
    raw = (ticks // 10 ** (7 - scale)).to_bytes(_time_bytes(scale), "little") + (moment - ONE).days.to_bytes(3, "little")
    if name == "datetimeoffset":
        raw += struct.pack("<h", round((offset or timedelta()).total_seconds() / 60))
    return bytes([len(raw)]) + raw


class Reader:
    """Reads the parameters of a request."""

    def __init__(self, data, place=0):
        self.data, self.place = data, place

    def more(self):
        return self.place < len(self.data)

    def take(self, count):
        if self.place + count > len(self.data):
            raise not_modelled("a request that is cut short")
        self.place += count
        return self.data[self.place - count:self.place]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self, form="B"):
        """A string with its length in characters before it."""
        return self.take(self.number(form) * 2).decode("utf-16-le")

    def value(self):
        """``(declared type, kept value)`` of TYPE_INFO and the value after it."""
        code = self.number("B")
        if code not in DECODERS:
            raise not_modelled(f"parameters of the wire's type 0x{code:02X}")
        return DECODERS[code](self)

    def sized(self):
        return self.take(self.number("B")) or None

    def long(self, room):
        """A value with two bytes of length, or in chunks when *room* is MAX; None for NULL."""
        if room != MAX:
            length = self.number("H")
            return None if length == MAX else self.take(length)
        total, parts = self.number("Q"), b""
        if total == 2**64 - 1:
            return None
        while chunk := self.number("I"):
            parts += self.take(chunk)
        return parts


def _integer(reader):
    width = reader.number("B")
    raw = reader.sized()
    name = {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"}[width]
    return name, None if raw is None else int.from_bytes(raw, "little", signed=len(raw) > 1)


def _bit(reader):
    reader.number("B")
    raw = reader.sized()
    return "bit", None if raw is None else raw[0]


def _float(reader):
    reader.number("B")
    raw = reader.sized()
    return "float", None if raw is None else struct.unpack("<d" if len(raw) == 8 else "<f", raw)[0]


def _decimal(reader):
    reader.number("B")
    precision, scale = reader.number("B"), reader.number("B")
    raw, declared = reader.sized(), f"numeric({precision},{scale})"
    if raw is None:
        return declared, None
    number = Decimal(int.from_bytes(raw[1:], "little") * (1 if raw[0] else -1)).scaleb(-scale)
    return declared, types.store(number, declared)


def _decoded(raw, wide):
    return raw.decode("utf-16-le", "surrogatepass") if wide else raw.decode("cp1252", "replace")


def _text(wide):
    def read(reader):
        room = reader.number("H")
        reader.take(5)
        raw, size = reader.long(room), "max" if room == MAX else max(1, room // (2 if wide else 1))
        return f"{'n' if wide else ''}varchar({size})", None if raw is None else _decoded(raw, wide)
    return read


def _lob(kind, wide):
    def read(reader):
        reader.number("I")
        if kind == "text":
            reader.take(5)
        length = reader.number("i")
        raw = None if length < 0 else reader.take(length)
        if kind == "binary":
            return "varbinary(max)", raw
        return ("nvarchar(max)" if wide else "varchar(max)"), None if raw is None else _decoded(raw, wide)
    return read


def _binary(reader):
    room = reader.number("H")
    return f"varbinary({'max' if room == MAX else max(1, room)})", reader.long(room)


def _guid(reader):
    reader.number("B")
    raw = reader.sized()
    return "uniqueidentifier", None if raw is None else str(uuid.UUID(bytes_le=raw)).upper()


def _datetime(reader):
    width = reader.number("B")
    raw, name = reader.sized(), "datetime" if width == 8 else "smalldatetime"
    if raw is None:
        return name, None
    if len(raw) == 4:
        days, minutes = struct.unpack("<HH", raw)
        return name, types.keep_time(ZERO + timedelta(days=days, minutes=minutes), 0, None, name)
    days, ticks = struct.unpack("<iI", raw)
    return name, types.keep_time(ZERO + timedelta(days=days, microseconds=ticks * 10000 / 3), 0, None, name)


def _date(reader):
    raw = reader.sized()
    return "date", None if raw is None else types.keep_time(ONE + timedelta(days=int.from_bytes(raw, "little")), 0, None, "date")


def _datetime2(reader):
    return _scaled(reader, "datetime2", 0)


def _datetimeoffset(reader):
    return _scaled(reader, "datetimeoffset", 2)


def _scaled(reader, name, tail):
    scale = reader.number("B")
    raw, declared = reader.sized(), f"{name}({scale})"
    if raw is None:
        return declared, None
    width = _time_bytes(scale)
    ticks = int.from_bytes(raw[:width], "little") * 10 ** (7 - scale)
    moment = ONE + timedelta(days=int.from_bytes(raw[width:width + 3], "little"), microseconds=ticks // 10)
    offset = timedelta(minutes=struct.unpack("<h", raw[width + 3:])[0]) if tail else None
    return declared, types.keep_time(moment + (offset or timedelta()), ticks % 10, offset, name)


def _fixed(name, width):
    return lambda reader: (name, int.from_bytes(reader.take(width), "little", signed=width > 1))


DECODERS = {
    0x1F: lambda reader: ("null", None), 0x26: _integer, 0x68: _bit, 0x6D: _float, 0x6A: _decimal, 0x6C: _decimal, 0xE7: _text(True),
    0xEF: _text(True),
    0xA7: _text(False), 0xAF: _text(False), 0xA5: _binary, 0xAD: _binary, 0x24: _guid, 0x6F: _datetime, 0x28: _date, 0x2A: _datetime2,
    0x2B: _datetimeoffset, 0x63: _lob("text", True), 0x23: _lob("text", False), 0x22: _lob("binary", False), 0x30: _fixed("tinyint", 1),
    0x32: _fixed("bit", 1), 0x34: _fixed("smallint", 2), 0x38: _fixed("int", 4), 0x7F: _fixed("bigint", 8),
}
