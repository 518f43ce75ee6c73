# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""JMESPath as controls speak it: every name checked against a schema, and three-valued when it is evaluated.

Plain JMESPath turns ignorance into emptiness: a misspelt name is null, a projection skips what it does not find. So a
query is checked when it is loaded, and a ``Hole`` (a fact that nobody saw) ends the evaluation as soon as it is compared,
counted, projected or given to a function.
"""

import json
import re
from dataclasses import dataclass, field, replace

try:
    import jmespath
    from jmespath import exceptions, visitor
    JMESPATH_ERROR = None
except ImportError as error:
    jmespath = None
    JMESPATH_ERROR = error

PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class QueryError(ValueError):
    """A query that may not stand in a control; the text is one sentence."""


@dataclass(frozen=True)
class Type:
    """What a property may be. *kind*: text, number, boolean, instant, any, null, object or list.

    *nullable*: null there means "none"; anywhere else null is unknown. *key*: the property that names an element.
    *path*: where the property stands in its subject, as ``nodes[].state``; empty for what a query made.
    """

    kind: str
    nullable: bool = False
    fields: dict = field(default_factory=dict)
    item: Type | None = None
    key: str = ""
    path: str = ""


@dataclass(frozen=True)
class Query:
    text: str
    tree: dict
    type: Type
    reads: frozenset


@dataclass(frozen=True)
class Hole:
    """A fact that was not seen, in the view that queries are evaluated on."""

    path: str
    reason: str
    detail: str


class Unknown(Exception):
    """A hole was touched."""

    def __init__(self, hole):
        super().__init__(hole.detail)
        self.hole = hole


# name -> (kinds allowed for each argument, kind of the result, what it does)
FUNCTIONS = {
    "length": (({"list", "text"},), "number", len),
    "lower": (({"text"},), "text", str.casefold),
    "contains": (({"list", "text"}, {"text", "number", "boolean"}), "boolean", lambda whole, part: part in whole),
    "contains_name": (({"list"}, {"text"}), "boolean", lambda names, one: one.casefold() in map(str.casefold, names)),
    "missing_names": (({"list"}, {"list"}), "list", lambda wanted, there: [one for one in wanted if one.casefold() not in map(str.casefold, there)]),
    "starts_with": (({"text"}, {"text"}), "boolean", str.startswith),
    "ends_with": (({"text"}, {"text"}), "boolean", str.endswith),
}


def compile_query(text, parameters, root):
    """A ``Query`` over a subject (or element) of type *root*. Raises QueryError.

    ``{name}`` in the text becomes the parameter's value as a JMESPath literal.
    """
    if jmespath is None:
        raise QueryError(f"jmespath is not installed for the Python that runs Ansible ({JMESPATH_ERROR}); pip install jmespath")
    literal = PARAMETER.sub(lambda found: _literal(parameters[found[1]]), text)
    try:
        tree = jmespath.compile(literal).parsed
    except (exceptions.JMESPathError, ValueError) as error:
        raise QueryError(f"the query {text!r} does not parse: {str(error).splitlines()[0]}") from error
    reads = set()
    return Query(text, tree, _Checker(reads).type_of(tree, root), frozenset(reads))


def _literal(value):
    return "`" + json.dumps(value, ensure_ascii=False).replace("`", "\\`") + "`"


def names(fields):
    return ", ".join(sorted(fields)) or "nothing"


class _Checker:
    """Walks a query's syntax tree and finds its type; collects the properties that it reads."""

    def __init__(self, reads):
        self.reads = reads

    def type_of(self, node, here):
        method = getattr(self, "_" + node["type"], None)
        if method is None:
            raise QueryError(f"{node['type'].replace('_', ' ')} is not part of the language of controls")
        return method(node, node.get("children", []), here)

    def _identity(self, node, children, here):
        return here

    _current = _identity

    def _literal(self, node, children, here):
        return type_of_value(node["value"])

    def _field(self, node, children, here):
        name = node["value"]
        if here.kind == "list":
            raise QueryError(f"{name} is asked of a list; write {here.path or '…'}[].{name} or use each")
        if here.kind != "object":
            raise QueryError(f"{name} is asked of {here.path or 'a value'}, which is a {here.kind} and has no parts")
        if name not in here.fields:
            raise QueryError(f"there is no {name} in {here.path or 'the subject'}; there is {names(here.fields)}")
        found = here.fields[name]
        self.reads.add(found.path)
        return replace(found, nullable=True) if here.nullable else found

    def _chain(self, node, children, here):
        for child in children:
            here = self.type_of(child, here)
        return here

    _subexpression = _index_expression = _pipe = _chain

    def _index(self, node, children, here):
        return replace(self._list(here).item, nullable=True)

    def _flatten(self, node, children, here):
        whole = self._list(self.type_of(children[0], here))
        return whole.item if whole.item.kind == "list" else whole

    def _projection(self, node, children, here):
        whole = self._list(self.type_of(children[0], here))
        return Type("list", whole.nullable, item=replace(self.type_of(children[1], whole.item), nullable=False), path=whole.path)

    def _filter_projection(self, node, children, here):
        whole = self._list(self.type_of(children[0], here))
        self._truth(self.type_of(children[2], whole.item))
        return self._projection(node, children, here)

    def _list(self, found):
        if found.kind != "list":
            raise QueryError(f"[] is asked of {found.path or 'a value'}, which is no list but a {found.kind}")
        return found

    def _comparator(self, node, children, here):
        left, right = (self.type_of(child, here) for child in children)
        if node["value"] not in ("eq", "ne") and not left.kind == right.kind == "number":
            raise QueryError(f"only numbers are compared by size, not a {left.kind} with a {right.kind}")
        if not comparable(left, right) and not comparable(right, left):
            raise QueryError(f"{left.path or 'a ' + left.kind} ({left.kind}) is compared with a {right.kind}")
        return Type("boolean")

    def _and_expression(self, node, children, here):
        for child in children:
            self._truth(self.type_of(child, here))
        return Type("boolean")

    _or_expression = _not_expression = _and_expression

    def _truth(self, found):
        if found.kind != "boolean" or found.nullable:
            raise QueryError(f"a condition must be true or false, but {found.path or 'it'} is a {'nullable ' * found.nullable}{found.kind}")

    def _function_expression(self, node, children, here):
        name = node["value"]
        if name not in FUNCTIONS:
            raise QueryError(f"there is no function {name}; there is {names(FUNCTIONS)}")
        allowed, result, _does = FUNCTIONS[name]
        if len(children) != len(allowed):
            raise QueryError(f"{name} takes {len(allowed)} argument(s), not {len(children)}")
        given = [self.type_of(child, here) for child in children]
        for found, kinds in zip(given, allowed, strict=True):
            if found.kind not in kinds:
                raise QueryError(f"{name} takes a {' or a '.join(sorted(kinds))}, but {found.path or 'what it gets'} is a {found.kind}")
            if found.nullable and result != "boolean":
                raise QueryError(f"{name} is asked of {found.path or 'a value'}, which may be null")
        if name == "contains" and not comparable(given[0].item or given[0], given[1]):
            raise QueryError(f"contains looks for a {given[1].kind} in {given[0].path or 'a list'}, which holds no such thing")
        if name.endswith("_name") or name.endswith("_names"):
            other = next((found for found in given if found.kind == "list" and (found.item.kind not in ("text", "any") or found.item.nullable)), None)
            if other:
                raise QueryError(f"{name} takes lists of text, but {other.path or 'what it gets'} is none")
        return Type(result, item=Type("text") if result == "list" else None)


def type_of_value(value):
    """The type of a plain value, as of a parameter or a literal."""
    if isinstance(value, list):
        return Type("list", item=type_of_value(value[0]) if value else Type("any"))
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null", dict: "object"}
    return Type(kinds[type(value)], nullable=value is None)


def comparable(found, wanted):
    """Whether a value of type *found* can be equal to one of type *wanted*."""
    if wanted.kind == "null":
        return found.nullable or found.kind == "any"
    if found.kind == wanted.kind == "list":
        return comparable(found.item, wanted.item)
    return "any" in (found.kind, wanted.kind) or (found.kind == wanted.kind and found.kind in ("text", "number", "boolean"))


def known(value):
    """The value itself; raises Unknown where it, or an element of it, was not seen."""
    if isinstance(value, Hole):
        raise Unknown(value)
    if isinstance(value, list):
        for element in value:
            known(element)
    return value


def same(left, right):
    """Equality without conversion: true is not 1, text is not a number."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


class _Interpreter(visitor.TreeInterpreter if jmespath else object):
    """JMESPath's own interpreter, which stops where a hole is touched."""

    def visit_field(self, node, value):
        return None if known(value) is None else value[node["value"]]

    def visit_index(self, node, value):
        return super().visit_index(node, known(value))

    def visit_flatten(self, node, value):
        known(self.visit(node["children"][0], value))
        return super().visit_flatten(node, value)

    def visit_projection(self, node, value):
        known(self.visit(node["children"][0], value))
        return super().visit_projection(node, value)

    def visit_filter_projection(self, node, value):
        known(self.visit(node["children"][0], value))
        return super().visit_filter_projection(node, value)

    def visit_comparator(self, node, value):
        left, right = (known(self.visit(child, value)) for child in node["children"])
        if node["value"] in ("eq", "ne"):
            return same(left, right) == (node["value"] == "eq")
        return left is not None and right is not None and self.COMPARATOR_FUNC[node["value"]](left, right)

    def visit_not_expression(self, node, value):
        return not known(self.visit(node["children"][0], value))

    def visit_function_expression(self, node, value):
        arguments = [known(self.visit(child, value)) for child in node["children"]]
        _kinds, _result, does = FUNCTIONS[node["value"]]
        return False if None in arguments else does(*arguments)

    def _is_false(self, value):
        return super()._is_false(known(value))


def ask(query, value):
    """The answer of a query about a view. Raises Unknown where a hole was touched; the answer itself may hold holes."""
    return _Interpreter().visit(query.tree, value)


def argument_of_length(query, value):
    """What a query ``length(…)`` counted, or None where it is no such query."""
    if query.tree["type"] != "function_expression" or query.tree["value"] != "length":
        return None
    return _Interpreter().visit(query.tree["children"][0], value)
