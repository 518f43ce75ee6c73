"""Syntax trees of single statements, through sqlglot."""
from __future__ import annotations

from functools import lru_cache

from sqlglot import parse
from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import SqlglotError

from lab.tsql.problem import SqlProblem, not_modelled

_Parser = TSQL.parser_class


class House(TSQL):
    """T-SQL whose functions stay what they are called: sqlglot's own make several names one."""

    class Parser(_Parser):
        FUNCTIONS = {}
        FUNCTION_PARSERS = {name: _Parser.FUNCTION_PARSERS[name] for name in ("CAST", "CONVERT", "TRY_CAST", "TRY_CONVERT")}
        NO_PAREN_FUNCTIONS = {}


@lru_cache(maxsize=1000)
def tree(text):
    """The syntax tree of one statement. Raises SqlProblem 102 or 50000."""
    try:
        trees = parse(text, read=House)
    except SqlglotError as error:
        first = error.errors[0] if getattr(error, "errors", None) else {}
        raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{first.get('highlight', text[:30])}' (or the lab does not model it).") from None
    if len(trees) != 1 or trees[0] is None:
        raise not_modelled(f"the statement {text[:60]}")
    return trees[0]
