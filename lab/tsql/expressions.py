"""Values and predicates of T-SQL as SQLite's SQL, each with its declared type."""
from __future__ import annotations

from sqlglot import exp

from lab.tsql import types
from lab.tsql.functions import FUNCTIONS, WINDOWED, Typed
from lab.tsql.problem import SqlProblem, not_modelled

PRECEDENCE = ("sql_variant", "datetimeoffset", "datetime2", "datetime", "smalldatetime", "date", "float", "real", "decimal", "numeric",
              "bigint",
              "int", "smallint", "tinyint", "bit", "xml", "ntext", "text", "image", "uniqueidentifier", "nvarchar", "sysname", "nchar",
              "varchar",
              "char", "varbinary", "binary", "null")
AGGREGATES = ("COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG")
COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.BitwiseAnd: "&", exp.BitwiseOr: "|"}
GLOBALS = {"@@servername": "nvarchar(128)", "@@version": "nvarchar(300)", "@@spid": "smallint", "@@rowcount": "int", "@@trancount": "int"}
NAMED_USERS = {"system_user": "SUSER_SNAME", "current_timestamp": "GETDATE"}
LOBS = ("ntext", "text", "image")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def text_of(value):
    """A string as SQLite's literal."""
    if "\0" in value:
        raise not_modelled("a character NUL in a text")
    return "'" + value.replace("'", "''") + "'"


def merge(one, other):
    """The type of a choice between two values."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    high, low = sorted((one, other), key=lambda kind: PRECEDENCE.index(types.base(kind)))
    families = types.family(high), types.family(low)
    if families[0] == families[1] and families[0] in ("text", "binary"):
        sizes = types.length(high), types.length(low)
        wide = families[0] == "text" and {types.base(high)[0], types.base(low)[0]} & {"n", "s"}     # nvarchar, nchar, ntext, sysname
        name = "nvarchar" if wide else types.base(high)
        return f"{name}({'max' if None in sizes else max(sizes)})"
    if types.base(high) in ("decimal", "numeric"):
        scales = [types.size(kind)[1] if len(types.size(kind)) > 1 else 0 for kind in (high, low)]
        whole = [(types.size(kind)[0] if types.size(kind) else 18) - scale if types.base(kind) in ("decimal", "numeric") else 10 if
                 types.family(kind) == "integer" else 0 for kind, scale in zip((high, low), scales)]
        return f"numeric({min(38, max(whole) + max(scales))},{max(scales)})"
    return high


def _declared(node):
    """The T-SQL type that a type's node names."""
    written = node.sql(dialect="tsql").casefold().replace(" ", "")
    if types.base(written) in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary") and "(" not in written:
        written += "(30)"
    written = {"integer": "int", "datetimeoffset": "datetimeoffset(7)", "datetime2": "datetime2(7)", "decimal": "numeric(18,0)",
               "numeric": "numeric(18,0)",
               "timestamp": "datetime2(7)", "double": "float", "real": "float"}.get(written, written)
    types.family(written)
    return written


class Expressions:
    """Of a Compiler, which gives session, declared, parameters, query()."""

    # --- names

    def resolve(self, node, scope, quiet=False):
        """The Typed of a column; 207, 209, 4104."""
        name, prefix, place = node.name.casefold(), node.table.casefold(), scope
        if len(node.parts) > 2:
            raise not_modelled(f"the name {node.sql()} of more than two parts")
        while place is not None:
            sources = [source for source in place.sources if not prefix or source.alias.casefold() == prefix]
            found = [source.columns[name] for source in sources if name in source.columns]
            if len(found) > 1:
                raise SqlProblem(209, 16, 1, f"Ambiguous column name '{node.name}'.")
            if found:
                return Typed(found[0][1], found[0][2])
            if prefix and sources:
                break
            place = place.parent
        if quiet:
            return None
        if prefix and place is None:
            raise SqlProblem(4104, 16, 1, f'The multi-part identifier "{node.table}.{node.name}" could not be bound.')
        raise SqlProblem(207, 16, 1, f"Invalid column name '{node.name}'.")

    # --- types

    def as_type(self, typed, wanted, style=0, safe=False):
        """CONVERT, left out where the value is kept alike."""
        if typed.type in (wanted, "null"):
            return Typed(typed.sql, wanted, typed.collation)
        had, new = types.family(typed.type), types.family(wanted)
        alike = had == new and not style and (
            had == "integer" and PRECEDENCE.index(types.base(wanted)) < PRECEDENCE.index(types.base(typed.type))
            or had == "text" and types.base(wanted) not in ("char", "nchar")
            and (types.length(wanted) is None or types.length(typed.type) is not None and types.length(typed.type) <= types.length(wanted)))
        if alike:
            return Typed(typed.sql, wanted, typed.collation)
        return Typed(f"lab_convert({typed.sql}, {text_of(typed.type)}, {text_of(wanted)}, {style or 0}, {int(safe)})", wanted,
                     typed.collation)

    def comparable(self, one, other):
        """Two values as the operands of a comparison: ``(sql, sql)``."""
        for typed in (one, other):
            if types.base(typed.type) in LOBS:
                raise SqlProblem(402, 16, 1, f"The data types {types.base(one.type)} and {types.base(other.type)} are incompatible in the comparison.")
        if types.family(one.type) == "variant" or types.family(other.type) == "variant":
            raise not_modelled("a comparison of sql_variant; CONVERT it")
        wanted = merge(one.type, other.type)
        kind = types.family(wanted)
        if kind in ("text", "guid"):
            collation = next((typed.collation for typed in (one, other) if typed.collation != "CI"), "CI")
            one, other = self.as_type(one, wanted), self.as_type(other, wanted)
            return f"{one.sql} COLLATE {collation}", f"{other.sql} COLLATE {collation}"
        if kind in ("integer", "float", "decimal"):     # numbers compare as they are
            return tuple(typed.sql if types.family(typed.type) in ("integer", "float", "decimal", "null")
                         else self.as_type(typed, wanted).sql
                         for typed in (one, other))
        one, other = self.as_type(one, wanted), self.as_type(other, wanted)
        if types.base(wanted) == "datetimeoffset":
            return f"lab_instant({one.sql})", f"lab_instant({other.sql})"
        return one.sql, other.sql

    def collated(self, typed):
        return f"{typed.sql} COLLATE {typed.collation}" if types.family(typed.type) in ("text", "guid") else typed.sql

    def sortable(self, typed):
        return f"lab_instant({typed.sql})" if types.base(typed.type) == "datetimeoffset" else self.collated(typed)

    # --- predicates

    def predicate(self, node, scope):
        kind = type(node)
        if kind is exp.Paren:
            return f"({self.predicate(node.this, scope)})"
        if kind is exp.Not:
            return f"NOT ({self.predicate(node.this, scope)})"
        if kind in (exp.And, exp.Or):
            return f"({self.predicate(node.this, scope)} {kind.__name__.upper()} {self.predicate(node.expression, scope)})"
        if kind in COMPARISONS:
            one, other = self.comparable(self.value(node.this, scope), self.value(node.expression, scope))
            return f"{one} {COMPARISONS[kind]} {other}"
        if kind is exp.Is and isinstance(node.expression, exp.Null):
            return f"{self.value(node.this, scope).sql} IS NULL"
        if kind is exp.Between:
            low = self.comparable(self.value(node.this, scope), self.value(node.args["low"], scope))
            high = self.comparable(self.value(node.this, scope), self.value(node.args["high"], scope))
            return f"({low[0]} >= {low[1]} AND {high[0]} <= {high[1]})"
        if kind is exp.Exists:
            return f"EXISTS ({self.query(node.this, scope)[0]})"
        if kind is exp.In:
            return self.in_(node, scope)
        if kind in (exp.Like, exp.Escape):
            like, escape = (node.this, self.value(node.expression, scope).sql) if kind is exp.Escape else (node, "NULL")
            texts = [self.as_type(self.value(part, scope), "nvarchar(max)") for part in (like.this, like.expression)]
            return f"lab_like({texts[0].sql}, {texts[1].sql}, {escape}, {int(all(text.collation == 'CI' for text in texts))})"
        raise SqlProblem(4145, 15, 1, f"An expression of non-boolean type specified in a context where a condition is expected, near '{node.sql()[:40]}' "
                                      "(or the lab does not model it).")

    def in_(self, node, scope):
        left = self.value(node.this, scope)
        if node.args.get("query"):
            sql, columns = self.query(node.args["query"], scope)
            if len(columns) != 1:
                raise SqlProblem(116, 16, 1, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.")
            one, other = self.comparable(left, Typed(quoted(columns[0][0]), columns[0][1]))
            return f"{one} IN (SELECT {other} FROM ({sql}))"
        pairs = [self.comparable(left, self.value(item, scope)) for item in node.expressions]
        return "(" + " OR ".join(f"{one} = {other}" for one, other in pairs) + ")"

    # --- values

    def value(self, node, scope):
        method = VALUES.get(type(node))
        if method:
            return method(self, node, scope)
        if type(node) in ARITHMETIC:
            return self.arithmetic(node, scope)
        raise not_modelled(f"{type(node).__name__.upper()} in an expression: {node.sql()[:60]}")

    def column(self, node, scope):
        name = node.name.casefold()
        if not node.table and name in NAMED_USERS and not node.this.args.get("quoted"):
            return self.function(exp.Anonymous(this=NAMED_USERS[name], expressions=[]), scope)
        return self.resolve(node, scope)

    def literal(self, node, _scope):
        written = node.name
        if isinstance(node, exp.National) or node.is_string:
            return Typed(text_of(written), f"{'nvarchar' if isinstance(node, exp.National) else 'varchar'}({max(1, types.units(written))})")
        if written.isdigit():
            if int(written) < 2**31:
                return Typed(written, "int")
            kind = f"numeric({len(written)},0)"
            return Typed(text_of(written) if types.family(kind) == "lsn" else written, kind)
        if "e" in written.casefold():
            return Typed(written, "float")
        whole, _dot, part = written.partition(".")
        return Typed(written, f"numeric({len(whole.lstrip('0')) + len(part) or 1},{len(part)})")

    def parameter(self, node, _scope):
        if isinstance(node.this, exp.Parameter):
            name = "@@" + node.this.name.casefold()
            if name not in GLOBALS:
                raise not_modelled(name)
            return Typed(f"lab_global('{name}')", GLOBALS[name])
        name = node.name.casefold()
        if name not in self.declared:
            raise SqlProblem(137, 15, 2, f'Must declare the scalar variable "@{node.name}".')
        if name not in self.parameters:
            self.parameters.append(name)
        return Typed(f":{name}", self.declared[name])

    def arithmetic(self, node, scope):
        sign = ARITHMETIC[type(node)]
        one, other = self.value(node.this, scope), self.value(node.expression, scope)
        families = types.family(one.type), types.family(other.type)
        if sign == "+" and set(families) <= {"text", "null"}:
            room = [types.length(typed.type) if typed.type != "null" else 1 for typed in (one, other)]
            size = "max" if None in room else min(4000, sum(room))
            return Typed(f"({one.sql} || {other.sql})", f"nvarchar({size})", one.collation)
        if set(families) & {"lsn", "time", "guid", "binary", "variant"}:
            raise not_modelled(f"{sign} of {one.type} and {other.type}")
        wanted = merge(one.type, other.type)
        one, other = (self.as_type(typed, wanted) if types.family(typed.type) == "text" else typed for typed in (one, other))
        kind = types.family(wanted)
        if kind == "integer":
            wanted = "int" if types.base(wanted) == "bit" else wanted
            operation = f"lab_divide({one.sql}, {other.sql}, '{sign}')" if sign in "/%" else f"({one.sql} {sign} {other.sql})"
            return Typed(operation if sign in "&|" else f"lab_range({operation}, '{wanted}')", wanted)
        if sign in "&|":
            raise SqlProblem(402, 16, 1, f"The data types {one.type} and {other.type} are incompatible in the '{sign}' operator.")
        operation = f"lab_divide({one.sql}, {other.sql}, '{sign}.')" if sign in "/%" else f"({one.sql} {sign} {other.sql})"
        scale = sum(types.size(typed.type)[1] if types.family(typed.type) == "decimal" and len(types.size(typed.type)) > 1 else 0
                    for typed in (one, other))
        return Typed(operation, "float" if kind == "float" else f"numeric(38,{max(6, scale) if sign == '/' else scale})")

    def case(self, node, scope):
        subject = node.args.get("this")
        branches = [*[branch.args["true"] for branch in node.args["ifs"]], *([node.args["default"]] if node.args.get("default") else [])]
        conditions = [self.predicate(exp.EQ(this=subject.copy(), expression=branch.this.copy()) if subject else branch.this, scope)
                      for branch in node.args["ifs"]]
        values, wanted = self.alike([self.value(branch, scope) for branch in branches])
        sql = " ".join(f"WHEN {condition} THEN {value}" for condition, value in zip(conditions, values))
        return Typed(f"CASE {sql}{' ELSE ' + values[-1] if node.args.get('default') else ''} END", wanted)

    def alike(self, typed):
        """The sql of values, all of one type, and that type."""
        wanted = typed[0].type
        for other in typed[1:]:
            wanted = merge(wanted, other.type)
        return [self.as_type(each, wanted).sql for each in typed], wanted

    def cast(self, node, scope):
        source = node.expression if isinstance(node, exp.Convert) else node.this
        wanted = _declared(node.this if isinstance(node, exp.Convert) else node.args["to"])
        style = node.args.get("style")
        if style is not None and not style.name.isdigit():
            raise not_modelled("a style that is not a number")
        typed = self.value(source, scope)
        made = self.as_type(typed, wanted, int(style.name) if style else 0, bool(node.args.get("safe")) or isinstance(node, exp.TryCast))
        return Typed(made.sql, wanted, made.collation)

    def collate(self, node, scope):
        typed, name = self.value(node.this, scope), node.expression.name.upper()
        sensitive = "_BIN" in name or "_CS_" in name
        return Typed(typed.sql, typed.type, "BINARY" if sensitive else "CI")

    def at_time_zone(self, node, scope):
        typed, name = self.value(node.this, scope), self.value(node.args["zone"], scope)
        return Typed(f"lab_zone({typed.sql}, {text_of(typed.type)}, {name.sql})", "datetimeoffset(7)")

    def subquery(self, node, scope):
        sql, columns = self.query(node, scope)
        if len(columns) != 1:
            raise SqlProblem(116, 16, 1, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.")
        return Typed(f"({sql})", columns[0][1])

    def negative(self, node, scope):
        typed = self.value(node.this, scope)
        return Typed(f"(-{typed.sql})", typed.type)

    def paren(self, node, scope):
        typed = self.value(node.this, scope)
        return Typed(f"({typed.sql})", typed.type, typed.collation)

    # --- functions

    def aggregates(self, node):
        """Whether an aggregate stands in an expression, not counting subqueries and windows."""
        if self.is_aggregate(node):
            return True
        inside = [] if isinstance(node, exp.Subquery | exp.Exists | exp.Window) else node.iter_expressions()
        return any(self.aggregates(child) for child in inside)

    @staticmethod
    def is_aggregate(node):
        return isinstance(node, exp.Anonymous) and node.name.upper() in AGGREGATES

    def function(self, node, scope):
        name = node.name.upper()
        if name in AGGREGATES:
            return self.aggregate(name, node.expressions, scope)
        if name not in FUNCTIONS:
            raise not_modelled(f"the function {name}")
        return FUNCTIONS[name](self, name, node.expressions, scope)

    def aggregate(self, name, arguments, scope):
        if len(arguments) != 1:
            raise SqlProblem(174, 15, 1, f"The {name} function requires 1 argument(s).")
        argument = arguments[0]
        counted = "bigint" if name == "COUNT_BIG" else "int"
        if isinstance(argument, exp.Star):
            return Typed("COUNT(*)", counted)
        distinct = isinstance(argument, exp.Distinct)
        if distinct:
            argument = argument.expressions[0]
        if any(isinstance(part, exp.Subquery | exp.Exists) or self.is_aggregate(part) for part in argument.walk()):
            raise SqlProblem(130, 15, 1, "Cannot perform an aggregate function on an expression containing an aggregate or a subquery.")
        typed = self.value(argument, scope)
        kind, inside = types.family(typed.type), f"{'DISTINCT ' if distinct else ''}{self.collated(typed)}"
        if name.startswith("COUNT"):
            return Typed(f"COUNT({inside})", counted)
        bad = types.base(typed.type) in ("bit", *LOBS) or name in ("SUM", "AVG") and kind not in ("integer", "decimal", "float")
        if bad:
            raise SqlProblem(8117, 16, 1, f"Operand data type {types.base(typed.type)} is invalid for {name.lower()} operator.")
        if types.base(typed.type) == "datetimeoffset":
            raise not_modelled(f"{name} of datetimeoffset")
        if name in ("MIN", "MAX"):
            return Typed(f"{name}({inside})", typed.type)
        if kind == "integer":
            wanted = "bigint" if types.base(typed.type) == "bigint" else "int"
            return Typed(f"lab_range({'SUM' if name == 'SUM' else 'lab_average'}({inside}), '{wanted}')", wanted)
        scale = types.size(typed.type)[1] if kind == "decimal" and len(types.size(typed.type)) > 1 else 0
        return Typed(f"{name}({inside})", "float" if kind == "float" else f"numeric(38,{max(6, scale) if name == 'AVG' else scale})")

    def window(self, node, scope):
        for name, given in node.args.items():
            if given and name not in ("this", "partition_by", "order", "spec", "over"):
                raise not_modelled(f"{name} in OVER")
        call = node.this
        if not isinstance(call, exp.Anonymous) or call.name.upper() not in (*WINDOWED, *AGGREGATES):
            raise not_modelled(f"OVER after {call.sql()[:40]}")
        parts = []
        if node.args.get("partition_by"):
            parts.append("PARTITION BY " + ", ".join(self.collated(self.value(item, scope)) for item in node.args["partition_by"]))
        if node.args.get("order"):
            parts.append("ORDER BY " + ", ".join(self.sortable(self.value(item.this, scope)) + (" DESC" if item.args.get("desc") else "")
                                                 for item in node.args["order"].expressions))
        if node.args.get("spec"):
            spec = node.args["spec"]
            ends = [f"{spec.args.get(end) if isinstance(spec.args.get(end), str) else spec.args[end].sql()} {spec.args.get(end + '_side') or ''}"
                    for end in ("start", "end")]
            parts.append(f"{spec.args['kind']} BETWEEN {ends[0]} AND {ends[1]}")
        over = f" OVER ({' '.join(parts)})"
        name = call.name.upper()
        if name in AGGREGATES:
            typed = self.aggregate(name, call.expressions, scope)
            if typed.sql.startswith("lab_range("):
                inner, _comma, kind = typed.sql.removeprefix("lab_range(").rpartition(", ")
                return Typed(f"lab_range({inner}{over}, {kind}", typed.type)
            return Typed(typed.sql + over, typed.type)
        if WINDOWED[name]:
            return Typed(f"{name}({', '.join(self.value(item, scope).sql for item in call.expressions)}){over}", WINDOWED[name])
        typed = [self.value(item, scope) for item in call.expressions]
        if len(typed) > 2:
            typed[2] = self.as_type(typed[2], typed[0].type)
        return Typed(f"{name}({', '.join(each.sql for each in typed)}){over}", typed[0].type)


VALUES = {
    exp.Column: Expressions.column, exp.Literal: Expressions.literal, exp.National: Expressions.literal, exp.Parameter: Expressions.parameter,
    exp.Null: lambda self, node, scope: Typed("NULL", "null"), exp.Neg: Expressions.negative, exp.Paren: Expressions.paren,
    exp.Case: Expressions.case, exp.Cast: Expressions.cast, exp.TryCast: Expressions.cast, exp.Convert: Expressions.cast,
    exp.Collate: Expressions.collate, exp.AtTimeZone: Expressions.at_time_zone, exp.Subquery: Expressions.subquery, exp.Select: Expressions.subquery,
    exp.Anonymous: Expressions.function, exp.Window: Expressions.window,
    exp.HexString: lambda self, node, scope: Typed(f"x'{node.name if len(node.name) % 2 == 0 else '0' + node.name}'",
                                                   f"varbinary({max(1, (len(node.name) + 1) // 2)})"),
}
