"""The words of a T-SQL text and its statements. Statements are parted by semicolons only: the house subset writes them always."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lab.tsql.problem import SqlProblem

TOKEN = re.compile(r"""
    (?P<blank>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<token>[Nn]?'(?:[^']|'')*' | \[(?:[^\]]|\]\])*\] | "(?:[^"]|"")*" | 0[xX][0-9A-Fa-f]* | \d+(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+
      | @{0,2}[\w\#$]+ | <> | != | <= | >= | .)
""", re.VERBOSE | re.DOTALL)


@dataclass
class Statement:
    """*text* with its first word in capitals as *word* and its *tokens*, without comments."""

    text: str
    tokens: list

    @property
    def word(self):
        return self.tokens[0].upper()


@lru_cache(maxsize=1000)
def split(text):
    """The statements of a text. Raises SqlProblem 105 on a string without end."""
    made, tokens, start, place = [], [], 0, 0
    while place < len(text):
        found = TOKEN.match(text, place)
        token = found["token"]
        if token in ("'", '"') or token == "[":
            raise SqlProblem(105, 15, 1, f"Unclosed quotation mark after the character string '{text[place + 1:place + 41]}'.")
        if token == ";":
            if tokens:
                made.append(Statement(text[start:place].strip(), tokens))
            tokens, start = [], found.end()
        elif token:
            tokens.append(token)
        place = found.end()
    if tokens:
        made.append(Statement(text[start:].strip(), tokens))
    return made


def unquoted(token):
    """An identifier or string without its quotes."""
    if token[:1] == "[":
        return token[1:-1].replace("]]", "]")
    if token[:1] == '"':
        return token[1:-1].replace('""', '"')
    if token[:1] == "'" or token[:2].upper() == "N'":
        return token[token.index("'") + 1:-1].replace("''", "'")
    return token
