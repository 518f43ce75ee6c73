"""Statements of the house subset as SQLite's SQL: names are bound, types follow, rights are listed. What is not here is refused."""
from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from lab.tsql import metadata, types
from lab.tsql.expressions import Expressions, merge, quoted, text_of
from lab.tsql.functions import Typed
from lab.tsql.parsing import tree
from lab.tsql.problem import SqlProblem, not_modelled
from lab.tsql.rights import HIDDEN

SYSTEM_SCHEMAS = ("sys", "information_schema")
FUNCTION_TABLES = ("sys.dm_os_volume_stats",)     # arguments are their first columns


@dataclass
class Compiled:
    """*columns*: (name, type) of a result, None for a change. *objects*: (right, database, schema, name), *state*: whether views of the
    server's state are read. *parameters*: names that are bound."""

    sql: str
    columns: list | None
    objects: list
    state: bool
    parameters: list
    described: list


@dataclass
class Source:
    """A table or derived table in a FROM clause: column in lower case -> (spelt, SQLite's SQL, type)."""

    alias: str
    columns: dict


@dataclass
class Scope:
    sources: list = field(default_factory=list)
    parent: Scope | None = None


def compiled(session, text, declared):
    """A statement compiled for the session's database; *declared*: parameter in lower case -> T-SQL type."""
    root = tree(text)
    compiler = Compiler(session, declared)
    with_query = {exp.Select: compiler.read, exp.Union: compiler.read, exp.Insert: compiler.insert, exp.Update: compiler.update,
                  exp.Delete: compiler.delete}
    if type(root) not in with_query:
        raise not_modelled(f"the statement {text[:60]}")
    sql, columns = with_query[type(root)](root)
    return Compiled(sql, columns, compiler.objects, compiler.state, compiler.parameters, compiler.described)


def allow(node, *names):
    """Refuses a node that says more than *names*."""
    for name, value in node.args.items():
        if value and name not in names:
            raise not_modelled(f"{name.rstrip('_').upper()} in {type(node).__name__.upper()}")


class Compiler(Expressions):
    def __init__(self, session, declared):
        self.session, self.instance, self.declared = session, session.instance, declared
        self.objects, self.state, self.parameters, self.described, self.ctes, self.aliases = [], False, [], [], {}, 0

    # --- SELECT

    def read(self, node):
        sql, columns = self.query(node, None, whole=True)
        if variant := next((name for name, kind in columns if kind == "sql_variant"), None):
            raise not_modelled(f"a column of type sql_variant ({variant}); CONVERT it")
        return sql, [("" if name.startswith("#") else name, kind) for name, kind in columns]

    def query(self, node, parent, whole=False):
        """``(sql, [(name, type)])`` of a SELECT or UNION; *whole*: it is the statement, not a part of one."""
        if node.args.get("order") and not (whole or node.args.get("limit") or node.args.get("offset")):
            raise SqlProblem(1033, 15, 1, "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table "
                                          "expressions, unless TOP, OFFSET or FOR XML is also specified.")
        if isinstance(node, exp.Subquery):
            allow(node, "this", "alias")
            return self.query(node.this, parent)
        if isinstance(node, exp.Union):
            return self.union(node, parent)
        if not isinstance(node, exp.Select):
            raise not_modelled(f"{type(node).__name__.upper()} as a query")
        allow(node, "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct", "with_")
        kept = dict(self.ctes)
        with_clause = self.with_(node, parent)
        scope = Scope(parent=parent)
        tables = self.from_(node, scope)
        columns, parts = [], []
        for place, item in enumerate(node.expressions):
            for name, typed in self.item(item, scope, place):
                columns.append((name, typed.type))
                parts.append(f"{typed.sql} AS {quoted(name)}")
        group = node.args.get("group")
        if group:
            allow(group, "expressions")
        sql = f"{with_clause}SELECT {'DISTINCT ' if node.args.get('distinct') else ''}{', '.join(parts)}{tables}"
        if node.args.get("where"):
            sql += f" WHERE {self.filter(node.args['where'].this, scope)}"
        if group:
            sql += " GROUP BY " + ", ".join(self.collated(self.value(item, scope)) for item in group.expressions)
        self.check_groups(node, group, scope)
        if node.args.get("having"):
            sql += f" HAVING {self.predicate(node.args['having'].this, scope)}"
        sql += self.order_and_limit(node, scope, columns)
        self.ctes = kept
        return sql, columns

    def filter(self, node, scope):
        """A predicate that is asked of single rows: 147, 4108."""
        if self.aggregates(node):
            raise SqlProblem(147, 15, 1, "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a "
                                         "select list, and the column being aggregated is an outer reference.")
        if node.find(exp.Window) and not node.find(exp.Subquery, exp.Select):
            raise SqlProblem(4108, 15, 1, "Windowed functions can only appear in the SELECT or ORDER BY clauses.")
        return self.predicate(node, scope)

    def union(self, node, parent):
        allow(node, "this", "expression", "distinct", "order", "with_")
        kept = dict(self.ctes)
        with_clause = self.with_(node, parent)
        (left, columns), (right, others) = self.query(node.this, parent), self.query(node.expression, parent)
        if len(columns) != len(others):
            raise SqlProblem(205, 16, 1, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions "
                                         "in their target lists.")
        merged = [(name, merge(kind, other)) for (name, kind), (_name, other) in zip(columns, others)]
        sides = []
        for sql, side in ((left, columns), (right, others)):
            cast = ", ".join(f"{self.as_type(Typed(quoted(had), kind), wanted).sql} AS {quoted(name)}"
                             for (had, kind), (name, wanted) in zip(side, merged))
            sides.append(f"SELECT {cast} FROM ({sql})")
        sql = f"{with_clause}{sides[0]} UNION {'' if node.args.get('distinct') else 'ALL '}{sides[1]}"
        sql += self.order_and_limit(node, Scope(parent=parent), merged)
        self.ctes = kept
        return sql, merged

    def with_(self, node, parent):
        clause = node.args.get("with_")
        if not clause:
            return ""
        allow(clause, "expressions")
        parts = []
        for cte in clause.expressions:
            allow(cte, "this", "alias")
            allow(cte.args["alias"], "this")
            sql, columns = self.query(cte.this, parent)
            self.named(columns, cte.alias)
            self.ctes[cte.alias.casefold()] = (cte.alias, columns)
            parts.append(f"{quoted(cte.alias)} AS ({sql})")
        return f"WITH {', '.join(parts)} "

    @staticmethod
    def named(columns, alias):
        names = [name.casefold() for name, _kind in columns]
        if any(name.startswith("#") for name in names):
            raise SqlProblem(8155, 16, 2, f"No column name was specified for column {1 + [n.startswith('#') for n in names].index(True)} of '{alias}'.")
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SqlProblem(8156, 16, 1, f"The column '{twice}' was specified multiple times for '{alias}'.")

    def item(self, node, scope, place):
        """One element of a select list: a column each, with its name ("#<place>" where it has none)."""
        if isinstance(node, exp.Star) or isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            wanted = node.table.casefold() if isinstance(node, exp.Column) else ""
            sources = [source for source in scope.sources if not wanted or source.alias.casefold() == wanted]
            return [(spelt, Typed(sql, kind)) for source in sources for spelt, sql, kind in source.columns.values()]
        if isinstance(node, exp.Alias):
            return [(node.alias, self.value(node.this, scope))]
        typed = self.value(node, scope)
        return [(node.name if isinstance(node, exp.Column) and not node.name.startswith("@@") else f"#{place}", typed)]

    def order_and_limit(self, node, scope, columns):
        sql, names = "", {name.casefold(): (name, kind) for name, kind in columns}
        if order := node.args.get("order"):
            allow(order, "expressions")
            parts = []
            for item in order.expressions:
                allow(item, "this", "desc", "nulls_first")
                expression = item.this
                if isinstance(expression, exp.Literal) and not expression.is_string:
                    name, kind = columns[int(expression.name) - 1]
                    typed = Typed(quoted(name), kind)
                elif isinstance(expression, exp.Column) and not expression.table and expression.name.casefold() in names:
                    typed = Typed(quoted(names[expression.name.casefold()][0]), names[expression.name.casefold()][1])
                else:
                    selected = {each.sql().casefold() for each in node.expressions}
                    if node.args.get("distinct") and expression.sql().casefold() not in selected:
                        raise SqlProblem(145, 15, 1, "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.")
                    typed = self.value(expression, scope)
                parts.append(self.sortable(typed) + (" DESC" if item.args.get("desc") else ""))
            sql += " ORDER BY " + ", ".join(parts)
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if isinstance(limit, exp.Fetch):
            allow(limit, "direction", "count", "limit_options")
            sql += f" LIMIT {self.count(limit.args['count'], scope)}"
        elif limit:
            options = limit.args.get("limit_options")
            if options and (options.args.get("percent") or options.args.get("with_ties")):
                raise not_modelled("TOP … PERCENT and WITH TIES")
            sql += f" LIMIT {self.count(limit.expression, scope)}"
        if offset:
            sql += (" LIMIT -1" if not limit else "") + f" OFFSET {self.count(offset.expression, scope)}"
        return sql

    def count(self, node, scope):
        typed = self.value(node, scope)
        if types.family(typed.type) != "integer":
            raise SqlProblem(1060, 15, 1, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.")
        return typed.sql

    def check_groups(self, node, group, scope):
        """8120: a column outside of aggregates that is not grouped by."""
        grouped = {item.sql().casefold() for item in group.expressions} if group else set()
        bare = {item.split(".")[-1] for item in grouped}
        selected = [*node.expressions, *([node.args["having"].this] if node.args.get("having") else [])]
        if not group and not any(self.aggregates(item) for item in selected):
            return

        def walk(item):
            if item.sql().casefold() in grouped or self.is_aggregate(item):
                return
            if isinstance(item, exp.Subquery | exp.Exists | exp.DataType | exp.Window):
                return
            if isinstance(item, exp.Column) and not item.name.startswith("@@"):
                if item.name.casefold() in bare and (not item.table or item.sql().casefold() in grouped or
                                                     item.name.casefold() in grouped):
                    return
                if self.resolve(item, Scope(scope.sources), quiet=True):
                    raise SqlProblem(8120, 16, 1, f"Column '{item.sql()}' is invalid in the select list because it is not contained in either an "
                                                  "aggregate function or the GROUP BY clause.")
                return
            for child in item.iter_expressions():
                if not (isinstance(item, exp.Anonymous) and item.name.upper().startswith("DATE") and child is item.expressions[0]):
                    walk(child)

        for item in selected:
            walk(item.this if isinstance(item, exp.Alias) else item)

    # --- FROM

    def from_(self, node, scope):
        if not node.args.get("from_"):
            return ""
        sql = f" FROM {self.source(node.args['from_'].this, scope)}"
        for join in node.args.get("joins") or ():
            allow(join, "this", "on", "side", "kind")
            side, kind = join.side.upper(), join.kind.upper()
            if side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
                raise not_modelled(f"{side} {kind} JOIN")
            joined = self.source(join.this, scope)
            if kind == "CROSS":
                sql += f" CROSS JOIN {joined}"
                continue
            if not join.args.get("on"):
                raise not_modelled("a join without ON")
            sql += f" {side or 'INNER'} JOIN {joined} ON {self.filter(join.args['on'], scope)}"
        return sql

    def source(self, node, scope):
        if isinstance(node, exp.Subquery):
            allow(node, "this", "alias")
            sql, columns = self.query(node.this, scope.parent)
            self.named(columns, node.alias)
            return self.enter(scope, node.alias, columns, f"({sql})")
        if not isinstance(node, exp.Table):
            raise not_modelled(f"{type(node).__name__.upper()} in FROM")
        allow(node, "this", "db", "catalog", "alias", "hints")
        if any(hint.sql().upper() not in ("WITH (NOLOCK)",) for hint in node.args.get("hints") or ()):
            raise not_modelled("table hints other than NOLOCK")
        if not node.db and node.name.casefold() in self.ctes:
            spelt, columns = self.ctes[node.name.casefold()]
            return self.enter(scope, node.alias or node.name, columns, quoted(spelt))
        if isinstance(node.this, exp.Anonymous):
            return self.function_table(node, scope)
        name, declared, sql = self.table(node)
        return self.enter(scope, node.alias or name, list(declared.items()), sql)

    def enter(self, scope, alias, columns, sql):
        if any(source.alias.casefold() == alias.casefold() for source in scope.sources):
            raise SqlProblem(1013, 16, 1, f'The objects "{alias}" and "{alias}" in the FROM clause have the same exposed names. '
                                          "Use correlation names to distinguish them.")
        self.aliases += 1
        internal = quoted(f"{alias}#{self.aliases}")
        scope.sources.append(Source(alias, {name.casefold(): (name, f"{internal}.{quoted(name)}", kind) for name, kind in columns}))
        return f"{sql} AS {internal}"

    def named_table(self, node):
        """``(database, schema, name, SQLite name, columns)`` of a table; 911, 208."""
        parts = [part.name for part in node.parts]
        database = self.session.database
        if len(parts) > 3:
            raise not_modelled("four-part names")
        if len(parts) == 3:
            try:
                database = self.instance.database(parts[0])
            except KeyError:
                raise SqlProblem(208, 16, 1, f"Invalid object name '{'.'.join(parts)}'.") from None
        schema = parts[-2] if len(parts) > 1 else "dbo"
        try:
            full, columns = self.instance.table(database, f"{schema}.{parts[-1]}")
        except KeyError:
            raise SqlProblem(208, 16, 1, f"Invalid object name '{'.'.join(parts)}'.") from None
        owner = next(name for name in self.instance.databases if full.startswith(name + "."))
        schema, _dot, name = full[len(owner) + 1:].partition(".")
        return database, schema, name, full, columns

    def table(self, node):
        """``(name, columns, sql)``; the sql hides the rows that the login may not see."""
        database, schema, name, full, columns = self.named_table(node)
        if schema.casefold() not in SYSTEM_SCHEMAS:
            self.objects.append(("SELECT", database, schema, name))
            return name, columns, quoted(full)
        self.objects.append(("", database, schema, name))
        view = f"{schema}.{name}".casefold()
        if view.startswith("sys.dm_"):
            self.state = True
        hide = None
        if view in metadata.VIEWS and view != "sys.schemas":
            self.described.append(database)
            prefix = {"information_schema.routines": "ROUTINE", "information_schema.parameters": "SPECIFIC"}.get(view, "TABLE")
            key = ('"object_id", NULL' if schema == "sys" else f'"{prefix}_SCHEMA", "{prefix}_NAME"')
            hide = f"lab_sees({text_of(database)}, {key})"
        elif view == "sys.schemas":
            self.described.append(database)
        elif view == "sys.databases":
            hide = "(lab_has('VIEW ANY DATABASE') OR \"database_id\" IN (1, 2) OR \"name\" = lab_db_name())"
        elif view in HIDDEN:
            hide = "lab_has('VIEW ANY DEFINITION')"
        elif view in ("sys.server_principals", "sys.database_principals"):
            hide = "(lab_has('VIEW ANY DEFINITION') OR \"principal_id\" < 256 OR \"name\" = lab_login())"
        return name, columns, quoted(full) if hide is None else f"(SELECT * FROM {quoted(full)} WHERE {hide})"

    def function_table(self, node, scope):
        called = f"{node.db}.{node.this.name}".casefold()
        if called not in FUNCTION_TABLES:
            raise not_modelled(f"the function {node.db}.{node.this.name} in FROM")
        full, columns = self.instance.table("master", called)
        self.state = True
        tests = " AND ".join(f"{quoted(column)} = {self.value(argument, Scope()).sql}"
                             for column, argument in zip(columns, node.this.expressions))
        return self.enter(scope, node.alias or node.this.name, list(columns.items()), f"(SELECT * FROM {quoted(full)} WHERE {tests})")

    # --- changes

    def target(self, node, right, *more):
        if not isinstance(node, exp.Table):
            raise not_modelled(f"{type(node).__name__.upper()} as the target of a change")
        allow(node, "this", "db", "catalog")
        database, schema, name, full, columns = self.named_table(node)
        if schema.casefold() in SYSTEM_SCHEMAS:
            raise SqlProblem(259, 16, 1, "Ad hoc updates to system catalogs are not allowed.")
        for needed in (right, *more):
            self.objects.append((needed, database, schema, name))
        scope = Scope()
        self.enter(scope, name, list(columns.items()), "")
        scope.sources[0].columns = {key: (spelt, quoted(spelt), kind) for key, (spelt, _sql, kind) in scope.sources[0].columns.items()}
        return full, scope

    def assigned(self, node, scope, column):
        """``("column", sql)`` of a value as its column takes it."""
        known = scope.sources[0].columns.get(column.casefold())
        if not known:
            raise SqlProblem(207, 16, 1, f"Invalid column name '{column}'.")
        typed = self.value(node, scope)
        if typed.type == known[2] or typed.type == "null":
            return quoted(known[0]), typed.sql
        return quoted(known[0]), f"lab_assign({typed.sql}, {text_of(typed.type)}, {text_of(known[2])})"

    def insert(self, node):
        allow(node, "this", "expression")
        if not isinstance(node.this, exp.Schema) or not isinstance(node.expression, exp.Values):
            raise not_modelled("INSERT without a list of columns and VALUES")
        full, scope = self.target(node.this.this, "INSERT")
        names, rows = [column.name for column in node.this.expressions], []
        for row in node.expression.expressions:
            if len(row.expressions) != len(names):
                raise SqlProblem(110, 15, 1, "There are fewer columns in the INSERT statement than values specified in the VALUES clause.")
            pairs = [self.assigned(value, scope, name) for name, value in zip(names, row.expressions)]
            rows.append(f"({', '.join(sql for _column, sql in pairs)})")
        return f"INSERT INTO {quoted(full)} ({', '.join(column for column, _sql in pairs)}) VALUES {', '.join(rows)}", None

    def update(self, node):
        allow(node, "this", "expressions", "where")
        full, scope = self.target(node.this, "UPDATE", *(["SELECT"] if node.args.get("where") else []))
        sets = [self.assigned(item.expression, scope, item.this.name) for item in node.expressions]
        where = node.args.get("where")
        return (f"UPDATE {quoted(full)} SET {', '.join(f'{column} = {sql}' for column, sql in sets)}"
                + (f" WHERE {self.predicate(where.this, scope)}" if where else "")), None

    def delete(self, node):
        allow(node, "this", "where")
        full, scope = self.target(node.this, "DELETE", *(["SELECT"] if node.args.get("where") else []))
        where = node.args.get("where")
        return f"DELETE FROM {quoted(full)}" + (f" WHERE {self.predicate(where.this, scope)}" if where else ""), None
