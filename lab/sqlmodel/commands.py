"""What a job step runs: the calls, BACKUP and DBCC CHECKDB statements of its command, read once.

Forms met in the field (../shared/real/sql/jobs.jsonl): comments between arguments, bare and quoted numbers, both guards of
availability groups. What is none of these runs without effect, and succeeds (assumed).
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lab.tsql import exec_call
from lab.tsql.lexer import Statement, split, unquoted
from lab.tsql.problem import SqlProblem, not_modelled

OPTIONS = {"COPY_ONLY", "DIFFERENTIAL", "COMPRESSION", "NO_COMPRESSION", "NAME", "DESCRIPTION", "INIT", "NOINIT", "FORMAT", "NOFORMAT", "SKIP",
           "NOSKIP", "CHECKSUM", "NO_CHECKSUM", "STATS", "STOP_ON_ERROR", "NORECOVERY"}


@dataclass
class BackupStatement:
    """One BACKUP DATABASE or BACKUP LOG to one device."""

    kind: str                   # D, I or L
    database: str
    path: str
    copy_only: bool = False
    compression: bool | None = None
    checksum: bool = False
    name: str | None = None
    overwrite: bool = False     # INIT or FORMAT
    tail: bool = False          # NORECOVERY


@dataclass
class CheckStatement:
    """One DBCC CHECKDB."""

    database: str


@dataclass
class Command:
    """The exec_call.Call, BackupStatement and CheckStatement of a step, in order. *guard*: the database whose primary replica must be here;
    *raises*: elsewhere the step is an error, else it does nothing."""

    statements: list
    guard: str | None = None
    raises: bool = False


class _Any(dict):
    """Variables of a command: each is there, and NULL."""

    def __contains__(self, _name):
        return True

    def __missing__(self, _name):
        return "null", None


@lru_cache(512)
def read(text):
    """A command as data. Raises SqlProblem where its EXEC or BACKUP is not T-SQL."""
    tokens = [token for statement in split(text) for token in [*statement.tokens, ";"]]
    words = [token.upper() for token in tokens]
    guard, raises = None, False
    if "FN_HADR_IS_PRIMARY_REPLICA" in words:
        place = words.index("FN_HADR_IS_PRIMARY_REPLICA")
        guard, raises = unquoted(tokens[place + 2]), words[place + 5] == "0"
    starts = [place for place, word in enumerate(words) if word in ("EXEC", "EXECUTE", "BACKUP", "DBCC")]
    ends = [place for place, word in enumerate(words) if word in (";", "END")] + starts + [len(words)]
    pieces = [tokens[start:min(end for end in ends if end > start)] for start in starts]
    return Command([_statement(piece) for piece in pieces], guard, raises)


def _statement(tokens):
    if tokens[0].upper() == "BACKUP":
        return backup(tokens)
    if tokens[0].upper() == "DBCC":
        if len(tokens) < 5 or tokens[1].upper() != "CHECKDB":
            raise not_modelled("this form of DBCC")
        return CheckStatement(unquoted(tokens[3]))
    return exec_call.parse(Statement("", tokens), _Any())


def backup(tokens):
    """The tokens of a BACKUP statement as data. Raises SqlProblem 102, 155."""
    words = [token.upper() for token in tokens]
    if len(tokens) < 7 or words[1] not in ("DATABASE", "LOG") or words[3] != "TO" or words[5] != "=":
        raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{tokens[min(2, len(tokens) - 1)]}'.")
    if words[4] not in ("DISK", "URL") or words[7:8] not in ([], ["WITH"]):
        raise not_modelled("BACKUP to more than one DISK or URL")
    made, place = BackupStatement("L" if words[1] == "LOG" else "D", unquoted(tokens[2]), unquoted(tokens[6])), 8
    while place < len(tokens):
        option, value, place = words[place], None, place + 1
        if option not in OPTIONS:
            raise SqlProblem(155, 15, 1, f"'{tokens[place - 1]}' is not a recognized BACKUP option.")
        if words[place:place + 1] == ["="]:
            value, place = unquoted(tokens[place + 1]), place + 2
        made.kind = "I" if option == "DIFFERENTIAL" else made.kind
        made.copy_only |= option == "COPY_ONLY"
        made.checksum |= option == "CHECKSUM"
        made.overwrite |= option in ("INIT", "FORMAT")
        made.tail |= option == "NORECOVERY"
        made.compression = {"COMPRESSION": True, "NO_COMPRESSION": False}.get(option, made.compression)
        made.name = value if option == "NAME" else made.name
        if words[place:place + 1] not in ([], [","]):
            raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{tokens[place]}'.")
        place += 1
    return made
