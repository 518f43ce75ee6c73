"""Declared T-SQL types, how their values are kept in SQLite, and conversion between them.

Kept as: bit and integers INTEGER; numeric with more than 20 digits (an LSN) as that many digits, padded, so that text sorts as
numbers do; other numerics INTEGER, with decimals REAL; datetime ``YYYY-MM-DD hh:mm:ss.fff`` in steps of 1/300 s, datetime2 and
datetimeoffset with seven digits, the latter with ``+hh:mm``; uniqueidentifier in capitals; binary BLOB; all else TEXT.
"""
from __future__ import annotations

import re
import uuid
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from lab.tsql.problem import SqlProblem, not_modelled

INTEGERS = {"bit": (0, 1), "tinyint": (0, 255), "smallint": (-2**15, 2**15 - 1), "int": (-2**31, 2**31 - 1), "bigint": (-2**63, 2**63 - 1)}
TEXTS = ("char", "varchar", "nchar", "nvarchar", "sysname", "ntext", "text", "xml")
TIMES = ("date", "smalldatetime", "datetime", "datetime2", "datetimeoffset")
BINARIES = ("binary", "varbinary", "image")
_STYLES = {23: "%Y-%m-%d", 111: "%Y/%m/%d", 112: "%Y%m%d", 108: "%H:%M:%S", 114: "%H:%M:%S:{ms}", 20: "%Y-%m-%d %H:%M:%S",
           120: "%Y-%m-%d %H:%M:%S",
           21: "%Y-%m-%d %H:%M:%S.{part}", 25: "%Y-%m-%d %H:%M:%S.{part}", 121: "%Y-%m-%d %H:%M:%S.{part}", 126: "%Y-%m-%dT%H:%M:%S{.part}",
           127: "%Y-%m-%dT%H:%M:%S{.part}", 103: "%d/%m/%Y", 104: "%d.%m.%Y", 101: "%m/%d/%Y"}
_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d:\d\d)?$")


@cache
def base(declared):
    return declared.partition("(")[0].casefold()


@cache
def size(declared):
    """The numbers in the brackets of a type: ``(128,)``, ``(25, 0)``; -1 is max. Empty without brackets."""
    inside = declared.partition("(")[2].rstrip(")")
    return tuple(-1 if part.strip().casefold() == "max" else int(part) for part in inside.split(",")) if inside else ()


@cache
def family(declared):
    """``integer``, ``decimal``, ``lsn``, ``float``, ``text``, ``time``, ``guid``, ``binary``, ``variant`` or ``null``."""
    name = base(declared)
    if name in INTEGERS:
        return "integer"
    if name in ("decimal", "numeric"):
        return "lsn" if size(declared)[:1] > (20,) and size(declared)[1:] in ((), (0,)) else "decimal"
    if name in TEXTS:
        return "text"
    if name in TIMES:
        return "time"
    if name in BINARIES:
        return "binary"
    known = {"float": "float", "real": "float", "uniqueidentifier": "guid", "sql_variant": "variant", "null": "null"}
    if name not in known:
        raise not_modelled(f"the type {declared}")
    return known[name]


@cache
def affinity(declared):
    return {"integer": "INTEGER", "decimal": "NUMERIC", "float": "REAL", "binary": "BLOB", "variant": "BLOB"}.get(
        family(declared), "TEXT COLLATE CI")


@cache
def length(declared):
    """Characters or bytes that a text or binary type holds; None for max, ntext and the like."""
    name, inside = base(declared), size(declared)
    if name in ("ntext", "text", "xml", "image") or inside == (-1,):
        return None
    return 128 if name == "sysname" else inside[0] if inside else 30 if name in TEXTS + BINARIES else None


def units(text):
    """The length of a text as SQL Server counts: UTF-16 units."""
    return len(text) + sum(1 for sign in text if sign > "\uffff")


def cut(text, room):
    """A text of at most *room* UTF-16 units."""
    return text if units(text) <= room else text.encode("utf-16-le", "surrogatepass")[:2 * room].decode("utf-16-le", "surrogatepass")


def store(value, declared):
    """A Python value (also ISO text, a datetime, a bool, a UUID) as SQLite keeps it. Raises SqlProblem when it does not fit."""
    if value is None:
        return None
    if isinstance(value, datetime | date):
        return convert(_moment_text(value), "datetimeoffset(7)" if getattr(value, "tzinfo", None) else "datetime2(7)", declared)
    if isinstance(value, uuid.UUID):
        value = str(value)
    if isinstance(value, bool):
        value = int(value)
    source = ("bigint" if isinstance(value, int) else "float" if isinstance(value, float) else "decimal(38,10)"
              if isinstance(value, Decimal)
              else "varbinary(max)" if isinstance(value, bytes) else "nvarchar(max)")
    if family(declared) == "text" and source == "nvarchar(max)" and length(declared) is not None and units(value) > length(declared):
        raise SqlProblem(8152, 16, 13, f"String or binary data would be truncated: {units(value)} characters in {declared}.")
    return convert(value, source, declared)


def store_kept(value, source, target):
    """A kept value as a column takes it: as CONVERT does, but what is too long is an error."""
    if family(target) == "text" and family(source) == "text" and length(target) is not None and units(value) > length(target):
        raise SqlProblem(8152, 16, 13, "String or binary data would be truncated.")
    return convert(value, source, target)


def convert(value, source, target, style=0):
    """CONVERT: a kept value of type *source* as *target*. Raises SqlProblem 241, 245, 8114, 8115, 8169."""
    if value is None or source == target:
        return value
    wanted, had = family(target), family(source)
    if had == "variant":
        source = "bigint" if isinstance(value, int) else "float" if isinstance(value, float) else "nvarchar(max)"
        had = family(source)
    if wanted == "variant":
        return value
    return {"integer": _integer, "decimal": _decimal, "lsn": _lsn, "float": _float, "text": _text, "time": _time, "guid": _guid,
            "binary": _binary}[wanted](value, source, target, style or 0, had)


def _failed(value, source, target):
    return SqlProblem(245, 16, 1, f"Conversion failed when converting the {base(source)} value '{value}' to data type {base(target)}.")


def _explicit(source, target):
    return SqlProblem(529, 16, 2, f"Explicit conversion from data type {base(source)} to {base(target)} is not allowed.")


def _overflow(source, target):
    return SqlProblem(8115, 16, 2, f"Arithmetic overflow error converting {base(source)} to data type {base(target)}.")


def _integer(value, source, target, _style, had):
    if had in ("guid", "time"):
        raise _explicit(source, target)
    if had == "binary":
        return int.from_bytes(value[-8:], "big", signed=len(value) >= 8)
    if had == "text":
        if base(target) == "bit" and value.strip().casefold() in ("true", "false"):
            return int(value.strip().casefold() == "true")
        try:
            number = int(value.strip() or "0")
        except ValueError:
            raise _failed(value, source, target) from None
    else:
        number = int(value)
    if base(target) == "bit":
        return int(bool(value if had == "float" else number))
    low, high = INTEGERS[base(target)]
    if not low <= number <= high:
        raise _overflow(source, target)
    return number


def _exact(value, source, target, had):
    try:
        return Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation:
        raise (_failed(value, source, target) if had != "text" else
               SqlProblem(8114, 16, 5, f"Error converting data type {base(source)} to {base(target)}.")) from None


def _decimal(value, source, target, _style, had):
    if had in ("guid", "time", "binary"):
        raise _explicit(source, target)
    precision, scale = (*size(target), 18, 0)[:2] if size(target) else (18, 0)
    if len(size(target)) == 1:
        scale = 0
    number = _exact(value, source, target, had).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    if abs(number) >= Decimal(10) ** (precision - scale):
        raise _overflow(source, target)
    return float(number) if scale else int(number)


def _lsn(value, source, target, _style, had):
    if had in ("guid", "time", "binary"):
        raise _explicit(source, target)
    number = int(_exact(value, source, target, had).quantize(Decimal(1), ROUND_HALF_UP))
    if number < 0:
        raise not_modelled(f"negative values of {target}")
    if len(str(number)) > size(target)[0]:
        raise _overflow(source, target)
    return str(number).zfill(size(target)[0])


def _float(value, source, target, _style, had):
    if had in ("guid", "time", "binary"):
        raise _explicit(source, target)
    return float(_exact(value, source, target, had))


def _guid(value, source, target, _style, had):
    if had == "binary" and len(value) == 16:
        return str(uuid.UUID(bytes_le=value)).upper()
    try:
        return str(uuid.UUID(value.strip().strip("{}"))).upper()
    except (ValueError, AttributeError):
        raise SqlProblem(8169, 16, 2, "Conversion failed when converting from a character string to uniqueidentifier.") from None


def _binary(value, source, target, style, had):
    if had == "guid":
        made = uuid.UUID(value).bytes_le
    elif had == "binary":
        made = value
    elif had == "text" and style in (1, 2):
        try:
            made = bytes.fromhex(value.removeprefix("0x") if style == 1 else value)
        except ValueError:
            raise SqlProblem(8114, 16, 5, f"Error converting data type {base(source)} to {base(target)}.") from None
    elif had == "text":
        made = value.encode("utf-16-le")
    else:
        raise not_modelled(f"CONVERT of {source} to {target}")
    return made if length(target) is None else made[:length(target)]


def _text(value, source, target, style, had):
    if had == "lsn":
        made = value.lstrip("0") or "0"
    elif had == "time":
        made = _time_text(value, source, style)
    elif had == "float":
        made = f"{value:g}"
    elif had == "decimal":
        made = f"{value:.{size(source)[1]}f}" if len(size(source)) > 1 and size(source)[1] else str(value)
    elif had == "binary":
        if style not in (1, 2):
            raise not_modelled(f"CONVERT of {source} to {target} with style {style}")
        made = ("0x" if style == 1 else "") + value.hex().upper()
    else:
        made = str(value)
    room = length(target)
    if room is not None and len(made) > room and had in ("integer", "guid"):
        raise SqlProblem(8170 if had == "guid" else 8115, 16, 2, f"Insufficient result space to convert {base(source)} value to {base(target)}.")
    made = made if room is None else cut(made, room)
    return made.ljust(room) if base(target) in ("char", "nchar") and room else made


def moment(value):
    """A kept time as ``(naive datetime, hundred nanoseconds beyond the microseconds, offset or None)``."""
    found = _MOMENT.match(value.strip())
    if not found:
        raise SqlProblem(241, 16, 1, "Conversion failed when converting date and/or time from character string.")
    year, month, day, hour, minute, second, part, zone = found.groups()
    digits = ((part or "") + "0000000")[:7]
    try:
        made = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), int(digits[:6]))
    except ValueError:
        raise SqlProblem(242, 16, 3, "The conversion of a varchar data type to a datetime data type resulted in an out-of-range value.") from None
    offset = None
    if zone:
        sign = -1 if zone[0] == "-" else 1
        offset = timedelta() if zone == "Z" else sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return made, int(digits[6]), offset


def instant(value):
    """A kept datetimeoffset as UTC text with seven digits: what is compared."""
    if value is None:
        return None
    made, rest, offset = moment(value)
    return f"{made - (offset or timedelta()):%Y-%m-%d %H:%M:%S.%f}{rest}"


def keep_time(made, rest, offset, declared):
    """The parts of ``moment`` as a value of a type of time."""
    name = base(declared)
    if name == "date":
        return f"{made:%Y-%m-%d}"
    if name == "smalldatetime":
        return f"{made + timedelta(seconds=30):%Y-%m-%d %H:%M}:00"
    if name == "datetime":
        ticks = round((made.microsecond * 10 + rest) * 3 / 100000)
        made = made.replace(microsecond=0) + timedelta(milliseconds=(ticks * 10 + 1) // 3)
        return f"{made:%Y-%m-%d %H:%M:%S}.{made.microsecond // 1000:03}"
    text = f"{made:%Y-%m-%d %H:%M:%S.%f}{rest}"
    return text if name == "datetime2" else text + _offset(offset or timedelta())


def _offset(offset):
    minutes = round(offset.total_seconds() / 60)
    return f" {'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _time(value, source, target, _style, had):
    if had not in ("text", "time"):
        raise not_modelled(f"CONVERT of {source} to {target}")
    return keep_time(*moment(value), target)


def _time_text(value, source, style):
    made, rest, offset = moment(value)
    name = base(source)
    if not style and name in ("datetime", "smalldatetime"):
        return f"{made:%b} {made.day:2} {made:%Y} {made.hour % 12 or 12:2}:{made:%M}{made:%p}"
    style = style or 121
    if style not in _STYLES:
        raise not_modelled(f"CONVERT with style {style}")
    if name == "date":
        return f"{made:{_STYLES[style].split(' ')[0].split('T')[0]}}"
    ticks = f"{made.microsecond:06}{rest}"
    part = ticks[:3] if name == "datetime" else "" if name == "smalldatetime" else ticks
    if style == 127 and offset is not None:
        made, offset = made - offset, timedelta()
    text = made.strftime(_STYLES[style].replace("{ms}", ticks[:3]).replace("{part}", part)
                         .replace("{.part}", "." + part if part and int(part) or name in ("datetime2", "datetimeoffset") else ""))
    if offset is None:
        return text
    return text + ("Z" if style == 127 else _offset(offset) if style not in (126,)
                   else _offset(offset).strip()) if style > 115 or style == 21 else text


def _moment_text(value):
    if not isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    zone = value.utcoffset()
    return f"{value:%Y-%m-%d %H:%M:%S.%f}0" + (_offset(zone) if zone is not None else "")
