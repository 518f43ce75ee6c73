# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""T-SQL of job steps, read as far as it must be: tokens without comments, procedure calls with their values and places.

Not a parser of the language: what is neither a call nor harmless is named as the rest, and whoever vouches for a text
asks for an empty rest.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"""
    (?P<space>\s+) | (?P<line>--[^\r\n]*) | (?P<block>/\*)
  | (?P<string>[Nn]?'(?:[^']|'')*' | "(?:[^"]|"")*") | (?P<bracket>\[(?:[^\]]|\]\])*\])
  | (?P<number>0[xX][0-9A-Fa-f]* | \d+(?:\.\d*)?(?:[eE][+-]?\d+)?) | (?P<word>[@#\w][\w@#$]*)
  | (?P<refused>['"\[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00b4`]) | (?P<sign>.)""", re.VERBOSE | re.DOTALL)
_KEYWORDS = {
    "alter", "as", "backup", "begin", "break", "bulk", "checkpoint", "close", "commit", "continue", "create", "dbcc",
    "deallocate", "declare", "delete", "deny", "drop", "else", "end", "exec", "execute", "fetch", "for", "from", "go",
    "goto", "grant", "if", "insert", "into", "kill", "merge", "open", "print", "raiserror", "reconfigure", "restore",
    "return", "revoke", "rollback", "save", "select", "set", "shutdown", "throw", "truncate", "update", "use", "values",
    "waitfor", "where", "while", "with"}
_HARMLESS_SETTINGS = {"nocount", "xact_abort", "deadlock_priority", "lock_timeout", "ansi_nulls", "ansi_warnings", "ansi_padding",
                      "quoted_identifier", "arithabort", "concat_null_yields_null", "datefirst", "language"}


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def low(self):
        return self.text.casefold() if self.kind in ("word", "sign") else ""


@dataclass
class Call:
    name: str
    values: list                                     # (parameter name or None, kind, value, start, end)
    end: int                                         # where the call's own text ends, comments after it not counted
    database: str | None = None                      # that the name gives, None where it gives none


def tokens_of(command):
    """The tokens that are no comment, and why the text as a whole cannot be read ('' where it can)."""
    tokens, at = [], 0
    while at < len(command):
        match = _TOKEN.match(command, at)
        kind, at = match.lastgroup, match.end()
        if kind == "block":
            at = _block_end(command, match.start())
            if at is None:
                return tokens, "A comment is not closed."
        elif kind == "refused":
            return tokens, f"T-SQL refuses the quotation mark {match.group()}, or it is not closed."
        elif kind not in ("space", "line"):
            tokens.append(Token(kind, match.group(), match.start(), match.end()))
    return tokens, ""


def _block_end(command, at):
    """The end of the comment that begins at *at*, None where it has none: comments of T-SQL nest."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(command, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return None


def primary_test(tokens):
    """(0 or 1, database, tokens that follow) where the text begins with IF [sys.]fn_hadr_is_primary_replica('…') = 0 or 1."""
    lows = [t.low or t.text.strip("[]").casefold() for t in tokens]
    if not lows or lows[0] != "if":
        return None, None, []
    at = 1
    while at < len(lows) and lows[at] == "(":
        at += 1
    opened = at - 1
    if lows[at:at + 2] == ["sys", "."]:
        at += 2
    if lows[at:at + 2] != ["fn_hadr_is_primary_replica", "("] or len(tokens) < at + 6 or tokens[at + 2].kind != "string":
        return None, None, []
    database, at = _unquoted(tokens[at + 2].text), at + 3
    number = tokens[at + 2].text
    if lows[at:at + 2] != [")", "="] or number not in ("0", "1") or lows[at + 3:at + 3 + opened] != [")"] * opened:
        return None, None, []
    return int(number), database, tokens[at + 3 + opened:]


def raises(tokens):
    """One RAISERROR of severity 11 or more, or THROW, and nothing else."""
    if tokens and tokens[-1].text == ";":
        tokens = tokens[:-1]
    texts = [t.text for t in tokens]
    if not tokens or any(t.low in _KEYWORDS for t in tokens[1:]):
        return False
    if tokens[0].low == "throw":
        return True
    return (tokens[0].low == "raiserror" and texts[1:2] == ["("] and texts[-1] == ")" and len(texts) > 5 and texts[3] == ","
            and tokens[4].kind == "number" and texts[4].isdigit() and int(texts[4]) >= 11)


def one_block(tokens):
    """Whether the tokens are one statement under the IF: BEGIN … END to the very end, or a single call."""
    if tokens and tokens[-1].text == ";":
        tokens = tokens[:-1]
    if not tokens:
        return False
    if tokens[0].low != "begin":
        return tokens[0].low in ("exec", "execute") and not any(t.low in _KEYWORDS for t in tokens[1:])
    depth = 0
    for index, token in enumerate(tokens):
        depth += {"begin": 1, "end": -1}.get(token.low, 0)
        if depth == 0:
            return index == len(tokens) - 1
    return False


def calls_of(tokens):
    """(the procedure calls outside of CATCH blocks, the first thing that is neither a call nor harmless)."""
    calls, rest, at, begins = [], "", 0, True
    while at < len(tokens):
        token, following = tokens[at], tokens[at + 1].low if at + 1 < len(tokens) else ""
        if token.low == "begin" and following == "catch":
            at += 2
            while at < len(tokens) and not (tokens[at].low == "catch" and tokens[at - 1].low == "end"):
                at += 1
            at += 1
        elif token.low in ("exec", "execute") or begins and token.low not in _KEYWORDS and token.kind in ("word", "bracket"):
            call, at = _call(tokens, at + (token.low in ("exec", "execute")))
            if call is None:
                rest = rest or "Text that is put together is run."
            else:
                calls.append(call)
        elif token.low in ("begin", "end", "try", ";", "go", "print") or _harmless(tokens, at):
            at = _statement_end(tokens, at) if token.low in ("set", "declare", "print") else at + 1
            if token.low == "go":
                begins = True
                continue
        else:
            rest, at = rest or f"There is more than a call: {token.text} …", _statement_end(tokens, at)
        begins = False
    return calls, rest


def _harmless(tokens, at):
    if tokens[at].low not in ("declare", "set") or at + 1 >= len(tokens):
        return False
    subject = tokens[at + 1].low
    return subject.startswith("@") or tokens[at].low == "set" and subject in _HARMLESS_SETTINGS


def _statement_end(tokens, at):
    at += 1
    while at < len(tokens) and tokens[at].low not in _KEYWORDS and tokens[at].text != ";":
        at += 1
    return at


def _call(tokens, at):
    """(the call whose procedure's name begins at *at*, where the next statement begins); None for text that is run."""
    if at + 1 < len(tokens) and tokens[at].low.startswith("@") and tokens[at + 1].text == "=":
        at += 2                                                                   # EXEC @result = …
    name, parts = None, []
    while at < len(tokens) and (tokens[at].kind in ("word", "bracket") and not tokens[at].low.startswith("@")
                                or tokens[at].kind == "string" and tokens[at].text.startswith('"')):
        name, end, at = _unquoted(tokens[at].text), tokens[at].end, at + 1
        parts.append(name)
        while at < len(tokens) and tokens[at].text == ".":
            parts += [""] if name is None else []
            name, at = None, at + 1
        if name is not None:
            break
    if name is None:
        return None, _statement_end(tokens, at - 1)
    values = []
    while at < len(tokens):
        start, parameter = at, None
        if values:
            if tokens[at].text != ",":
                break
            at += 1
        if at + 1 < len(tokens) and tokens[at].low.startswith("@") and tokens[at + 1].text == "=":
            parameter, at = tokens[at].text, at + 2
        value = _value(tokens, at)
        if value is None:
            at = start
            break
        kind, text, first, end, at = value
        values.append((parameter, kind, text, first, end))
    return Call(name, values, end, (parts[-3] or None) if len(parts) > 2 else None), at


def _value(tokens, at):
    """(kind, text, start, end, index after it) of the value that begins at *at*, or None."""
    sign = ""
    if at < len(tokens) and tokens[at].text in ("-", "+") and at + 1 < len(tokens) and tokens[at + 1].kind == "number":
        sign, at = tokens[at].text, at + 1
    if at >= len(tokens) or tokens[at].kind == "sign" or tokens[at].low in _KEYWORDS:
        return None
    token = tokens[at]
    start = tokens[at - 1].start if sign else token.start
    if token.low in ("null", "default"):
        kind, text = token.low, token.text
    elif token.kind == "word" and token.low.startswith("@"):
        kind, text = "variable", token.text
    elif token.kind == "number":
        kind, text = "number", sign + token.text
    else:
        kind, text = "string", _unquoted(token.text)
    return kind, text, start, token.end, at + 1


def _unquoted(text):
    body = text[1:] if text[:2] in ("N'", "n'") else text
    for opening, closing in (("'", "'"), ('"', '"'), ("[", "]")):
        if body.startswith(opening):
            body = body[1:-1].replace(closing * 2, closing)
            return body if opening == "[" else re.sub(r"\\\r?\n", "", body)    # T-SQL joins lines at a backslash
    return text
