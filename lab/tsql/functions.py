"""Functions of T-SQL: how a call compiles, and what the functions do that SQLite calls back."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from lab.tsql import types, zone
from lab.tsql.problem import SqlProblem, not_modelled

WINDOWED = {"ROW_NUMBER": "bigint", "RANK": "bigint", "DENSE_RANK": "bigint", "NTILE": "bigint", "LAG": None, "LEAD": None,
            "FIRST_VALUE": None,
            "LAST_VALUE": None}
PARTS = {"year": "year", "yy": "year", "yyyy": "year", "quarter": "quarter", "qq": "quarter", "month": "month", "mm": "month", "m": "month",
         "day": "day", "dd": "day", "d": "day", "week": "week", "wk": "week", "ww": "week", "weekday": "weekday", "dw": "weekday",
         "hour": "hour",
         "hh": "hour", "minute": "minute", "mi": "minute", "n": "minute", "second": "second", "ss": "second", "s": "second",
         "millisecond": "millisecond", "ms": "millisecond", "microsecond": "microsecond", "mcs": "microsecond", "dayofyear": "dayofyear"}
SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
FUNCTIONS = {}      # name -> function(compiler, name, arguments, scope) -> Typed


@dataclass
class Typed:
    """SQLite's SQL and the T-SQL type of its value; *collation* where COLLATE gives another than the instance's."""

    sql: str
    type: str
    collation: str = "CI"


def _check(name, arguments, low, high=None):
    if not low <= len(arguments) <= (low if high is None else high):
        raise SqlProblem(174, 15, 1, f"The {name.lower()} function requires {low} argument(s).")


def _plain(name, kind, low, high=None, texts=True):
    """A function that SQLite calls back as lab_<name>; *texts*: its arguments are converted to text."""
    def compile_call(compiler, called, arguments, scope):
        _check(called, arguments, low, high)
        typed = [compiler.value(argument, scope) for argument in arguments]
        if texts:
            typed = [compiler.as_type(each, "nvarchar(max)") if types.family(each.type) != "integer" else each for each in typed]
        declared = kind or next((each.type for each in typed), "nvarchar(max)")
        return Typed(f"lab_{name.lower()}({', '.join(each.sql for each in typed)})", declared)
    FUNCTIONS[name] = compile_call


for _name, _kind, _low, _high in (
        ("LEN", "int", 1, 1), ("LEFT", "nvarchar(4000)", 2, 2), ("RIGHT", "nvarchar(4000)", 2, 2), ("SUBSTRING", "nvarchar(4000)", 3, 3),
        ("LTRIM", None, 1, 1), ("RTRIM", None, 1, 1), ("TRIM", None, 1, 1), ("UPPER", None, 1, 1), ("LOWER", None, 1, 1),
        ("REPLACE", "nvarchar(4000)", 3, 3), ("CHARINDEX", "int", 2, 3), ("STUFF", "nvarchar(4000)", 4, 4),
        ("REPLICATE", "nvarchar(4000)", 2, 2),
        ("CHAR", "nvarchar(1)", 1, 1), ("NCHAR", "nvarchar(1)", 1, 1), ("CONCAT", "nvarchar(4000)", 2, 99),
        ("QUOTENAME", "nvarchar(258)", 1, 2),
        ("DB_NAME", "nvarchar(128)", 0, 1), ("DB_ID", "smallint", 0, 1), ("HAS_DBACCESS", "int", 1, 1), ("OBJECT_ID", "int", 1, 2),
        ("HAS_PERMS_BY_NAME", "int", 3, 3), ("IS_SRVROLEMEMBER", "int", 1, 2), ("IS_MEMBER", "int", 1, 1),
        ("ORIGINAL_LOGIN", "nvarchar(128)", 0, 0),
        ("SUSER_NAME", "nvarchar(128)", 0, 0), ("SERVERPROPERTY", "sql_variant", 1, 1), ("DATABASEPROPERTYEX", "sql_variant", 2, 2)):
    _plain(_name, _kind, _low, _high)
_plain("SUSER_SNAME", "nvarchar(128)", 0, 1, texts=False)
_plain("DATALENGTH", "int", 1, texts=False)
for _name in ("ABS", "FLOOR", "CEILING"):
    _plain(_name, None, 1, texts=False)


def compiles(*names):
    def register(function):
        for name in names:
            FUNCTIONS[name] = function
        return function
    return register


@compiles("GETDATE", "SYSDATETIME", "GETUTCDATE", "SYSUTCDATETIME", "SYSDATETIMEOFFSET")
def _now(_compiler, name, arguments, _scope):
    _check(name, arguments, 0)
    kind = {"GETDATE": "datetime", "GETUTCDATE": "datetime", "SYSDATETIMEOFFSET": "datetimeoffset(7)"}.get(name, "datetime2(7)")
    return Typed(f"lab_now('{kind}', {int('UTC' in name)})", kind)


@compiles("ISNULL")
def _isnull(compiler, name, arguments, scope):
    _check(name, arguments, 2)
    first, second = (compiler.value(argument, scope) for argument in arguments)
    wanted = second.type if first.type == "null" else first.type     # the type is the first one's: a longer text is cut
    return Typed(f"COALESCE({first.sql}, {compiler.as_type(second, wanted).sql})", wanted)


@compiles("COALESCE")
def _coalesce(compiler, name, arguments, scope):
    _check(name, arguments, 2, 99)
    values, wanted = compiler.alike([compiler.value(argument, scope) for argument in arguments])
    return Typed(f"COALESCE({', '.join(values)})", wanted)


@compiles("NULLIF")
def _nullif(compiler, name, arguments, scope):
    _check(name, arguments, 2)
    typed = [compiler.value(argument, scope) for argument in arguments]
    one, other = compiler.comparable(*typed)
    return Typed(f"CASE WHEN {one} = {other} THEN NULL ELSE {typed[0].sql} END", typed[0].type)


@compiles("IIF")
def _iif(compiler, name, arguments, scope):
    _check(name, arguments, 3)
    values, wanted = compiler.alike([compiler.value(argument, scope) for argument in arguments[1:]])
    return Typed(f"CASE WHEN {compiler.predicate(arguments[0], scope)} THEN {values[0]} ELSE {values[1]} END", wanted)


@compiles("ROUND")
def _round(compiler, name, arguments, scope):
    _check(name, arguments, 2)
    typed, digits = (compiler.value(argument, scope) for argument in arguments)
    return Typed(f"lab_round({typed.sql}, {digits.sql}, {int(types.family(typed.type) == 'integer')})", typed.type)


def _part(name, node):
    part = PARTS.get(node.name.casefold())
    if part is None:
        raise SqlProblem(155, 15, 1, f"'{node.name}' is not a recognized {name.lower()} option.")
    return part


def _time(compiler, node, scope):
    """A value that is a time; text becomes datetime, as a literal does."""
    typed = compiler.value(node, scope)
    return typed if types.family(typed.type) == "time" else compiler.as_type(typed, "datetime")


@compiles("DATEADD")
def _dateadd(compiler, name, arguments, scope):
    _check(name, arguments, 3)
    number, typed = compiler.as_type(compiler.value(arguments[1], scope), "int"), _time(compiler, arguments[2], scope)
    return Typed(f"lab_dateadd('{_part(name, arguments[0])}', {number.sql}, {typed.sql}, '{typed.type}')", typed.type)


@compiles("DATEDIFF", "DATEDIFF_BIG")
def _datediff(compiler, name, arguments, scope):
    _check(name, arguments, 3)
    start, end = (_time(compiler, argument, scope) for argument in arguments[1:])
    return Typed(f"lab_datediff('{_part(name, arguments[0])}', {start.sql}, {end.sql}, {int(name == 'DATEDIFF')})",
                 "int" if name == "DATEDIFF" else "bigint")


@compiles("DATEPART")
def _datepart(compiler, name, arguments, scope):
    _check(name, arguments, 2)
    return Typed(f"lab_datepart('{_part(name, arguments[0])}', {_time(compiler, arguments[1], scope).sql})", "int")


@compiles("YEAR", "MONTH", "DAY")
def _part_of(compiler, name, arguments, scope):
    _check(name, arguments, 1)
    return Typed(f"lab_datepart('{name.lower()}', {_time(compiler, arguments[0], scope).sql})", "int")


@compiles("SWITCHOFFSET", "TODATETIMEOFFSET")
def _offset(compiler, name, arguments, scope):
    _check(name, arguments, 2)
    typed, offset = compiler.value(arguments[0], scope), compiler.value(arguments[1], scope)
    wanted = compiler.as_type(typed, "datetimeoffset(7)" if name == "SWITCHOFFSET" else "datetime2(7)")
    return Typed(f"lab_{name.lower()}({wanted.sql}, {offset.sql})", "datetimeoffset(7)")


# --- what SQLite calls back; NULL in, NULL out, unless listed in LENIENT

def _like(value, pattern, escape, insensitive):
    return int(bool(_pattern(pattern, escape, insensitive).match(value)))


@lru_cache(maxsize=1000)
def _pattern(pattern, escape, insensitive):
    """A LIKE pattern with %, _, [a-f], [^x] as a regular expression."""
    made, place = "", 0
    while place < len(pattern):
        sign = pattern[place]
        end = pattern.find("]", place + 2) if sign == "[" else -1
        if escape and sign == escape and place + 1 < len(pattern):
            place += 1
            made += re.escape(pattern[place])
        elif sign == "%":
            made += ".*"
        elif sign == "_":
            made += "."
        elif end > 0:
            inside = pattern[place + 1:end]
            negated = inside.startswith("^") and len(inside) > 1
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside[negated:])
            made += f"[{'^' if negated else ''}{inside}]"
            place = end
        else:
            made += re.escape(sign)
        place += 1
    return re.compile(made + r" *\Z", re.DOTALL | (re.IGNORECASE if insensitive else 0))


def _divide(one, other, sign):
    if other == 0:
        raise SqlProblem(8134, 16, 1, "Divide by zero error encountered.")
    if sign.endswith("."):
        return math.fmod(one, other) if sign[0] == "%" else one / other
    whole = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return whole if sign == "/" else one - whole * other


def _range(value, kind):
    low, high = types.INTEGERS[kind]
    if not low <= value <= high:
        raise SqlProblem(8115, 16, 2, f"Arithmetic overflow error converting expression to data type {kind}.")
    return int(value)


def _round_value(value, digits, whole):
    made = math.floor(abs(value) * 10 ** digits + 0.5) / 10 ** digits * (1 if value >= 0 else -1)
    return int(made) if whole else made


def _add(part, number, value, kind):
    made, rest, offset = types.moment(value)
    try:
        if part in ("year", "quarter", "month"):
            months = made.year * 12 + made.month - 1 + number * {"year": 12, "quarter": 3, "month": 1}[part]
            first = datetime(months // 12, months % 12 + 1, 1)
            last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
            made = made.replace(year=first.year, month=first.month, day=min(made.day, last.day))
        else:
            unit = {"week": "weeks", "weekday": "days", "dayofyear": "days"}.get(part, part + "s")
            made += timedelta(**{unit: number})
    except (OverflowError, ValueError):
        raise SqlProblem(517, 16, 1, "Adding a value to a 'datetime' column caused an overflow.") from None
    return types.keep_time(made, rest, offset, kind)


def _diff(part, start, end, narrow):
    """DATEDIFF: boundaries crossed, not time elapsed; of datetimeoffset in UTC."""
    one, other = (datetime.fromisoformat(types.instant(value)[:26]) for value in (start, end))
    if part in ("year", "quarter", "month"):
        per = {"year": 12, "quarter": 3, "month": 1}[part]
        crossed = (other.year * 12 + other.month - 1) // per - (one.year * 12 + one.month - 1) // per
    elif part == "week":
        crossed = (other.toordinal() // 7) - (one.toordinal() // 7)      # weeks begin on Sunday
    else:
        epoch = datetime(1900, 1, 1)
        unit = {"weekday": "day", "dayofyear": "day"}.get(part, part)
        if unit in SECONDS:
            crossed = (other - epoch) // timedelta(seconds=SECONDS[unit]) - (one - epoch) // timedelta(seconds=SECONDS[unit])
        else:
            size = timedelta(**{unit + "s": 1})
            crossed = (other - epoch) // size - (one - epoch) // size
    if narrow and not -2**31 <= crossed < 2**31:
        raise SqlProblem(535, 16, 0, "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is "
                                     "too large. Try to use datediff with a less precise datepart.")
    return crossed


def _partof(part, value):
    made, _rest, _offset_part = types.moment(value)
    special = {"quarter": (made.month + 2) // 3, "weekday": made.isoweekday() % 7 + 1, "dayofyear": made.timetuple().tm_yday,
               "millisecond": made.microsecond // 1000}
    if part == "week":
        raise not_modelled("DATEPART(week, …)")
    return special[part] if part in special else getattr(made, part)


def _shift(offset):
    found = re.fullmatch(r"([+-])(\d\d):(\d\d)", offset) if isinstance(offset, str) else None
    if isinstance(offset, int):
        return timedelta(minutes=offset)
    if not found:
        raise SqlProblem(9812, 16, 0, "The timezone provided to builtin function switchoffset is invalid.")
    return (-1 if found[1] == "-" else 1) * timedelta(hours=int(found[2]), minutes=int(found[3]))


def _switchoffset(value, offset):
    made, rest, had = types.moment(value)
    return types.keep_time(made - had + _shift(offset), rest, _shift(offset), "datetimeoffset")


def _todatetimeoffset(value, offset):
    made, rest, _had = types.moment(value)
    return types.keep_time(made, rest, _shift(offset), "datetimeoffset")


def _zone(value, _kind, name):
    made, rest, offset = types.moment(value)
    aware = zone.attach(made, name) if offset is None else zone.move(made.replace(tzinfo=timezone(offset)), name)
    return types.keep_time(aware.replace(tzinfo=None), rest, aware.utcoffset(), "datetimeoffset")


def _quotename(name, mark="["):
    if len(name) > 128:
        return None
    close = {"[": "]", "]": "]", "'": "'", '"': '"', "(": ")", ")": ")", "{": "}", "}": "}", "<": ">", ">": "<"}.get(mark)
    opening = {"]": "[", ")": "(", "}": "{", ">": "<"}.get(mark, mark)
    return None if close is None else opening + name.replace(close, close * 2) + close


def _convert(value, source, target, style, safe):
    try:
        return types.convert(value, source, target, style)
    except SqlProblem as problem:
        if safe and problem.number not in (50000, 529):
            return None
        raise


def _charindex(sought, text, start=1):
    return text.casefold().find(sought.casefold(), max(0, start - 1)) + 1


def _replace(text, old, new):
    return re.sub(re.escape(old), lambda _found: new, text, flags=re.IGNORECASE) if old else text


class Average:
    """AVG of integers: cut, not rounded."""

    def __init__(self):
        self.sum = self.count = 0

    def step(self, value):
        if value is not None:
            self.sum, self.count = self.sum + value, self.count + 1

    def finalize(self):
        return _divide(self.sum, self.count, "/") if self.count else None


CALLED = {
    "convert": _convert, "assign": types.store_kept, "instant": types.instant, "divide": _divide, "range": _range, "round": _round_value,
    "dateadd": _add, "datediff": _diff, "datepart": _partof, "switchoffset": _switchoffset, "todatetimeoffset": _todatetimeoffset,
    "zone": _zone,
    "len": lambda text: types.units(str(text).rstrip(" ")), "left": lambda text, count: str(text)[:count],
    "right": lambda text, count: str(text)[-count:] if count else "",
    "substring": lambda text, start, count: text[max(0, start - 1):max(0, start - 1 + count)], "ltrim": lambda text: text.lstrip(" "),
    "rtrim": lambda text: text.rstrip(" "), "trim": lambda text: text.strip(" "), "upper": str.upper, "lower": str.lower,
    "replace": _replace,
    "charindex": _charindex, "stuff": lambda text, start, count, new: text[:start - 1] + new + text[start - 1 + count:],
    "replicate": lambda text, count: text * count, "char": chr, "nchar": chr, "quotename": _quotename, "abs": abs, "floor": math.floor,
    "ceiling": math.ceil,
    "datalength": lambda value: 2 * types.units(value) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 8,
}
LENIENT = {"like": lambda value, pattern, escape, insensitive: None if value is None or pattern is None
           else _like(value, pattern, escape, insensitive),
           "concat": lambda *parts: "".join(str(part) for part in parts if part is not None)}
