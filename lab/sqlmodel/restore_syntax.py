"""The words of RESTORE: its statement as data, and the errors that end one.

Source: sql-docs restore-statements-transact-sql.md (catalogue tsql.json: options, which of them exclude each other); error 3031.
"""
from __future__ import annotations

from dataclasses import dataclass, field

from lab.sqlmodel.backups import Failed
from lab.tsql.lexer import unquoted
from lab.tsql.problem import SqlProblem, not_modelled

INFORMATION = ("HEADERONLY", "FILELISTONLY", "LABELONLY", "VERIFYONLY")
RECOVERIES, STOPS = ("RECOVERY", "NORECOVERY", "STANDBY"), ("STOPATMARK", "STOPBEFOREMARK")
PAIRS = (RECOVERIES, STOPS, ("CHECKSUM", "NO_CHECKSUM"), ("STOP_ON_ERROR", "CONTINUE_AFTER_ERROR"))
VALUED = ("FILE", "STANDBY", "STATS", *STOPS)
PLAIN = ("RECOVERY", "NORECOVERY", "REPLACE", "CHECKSUM", "NO_CHECKSUM", "STOP_ON_ERROR", "CONTINUE_AFTER_ERROR", "STATS", "NOUNLOAD", "UNLOAD")
KNOWN = ("PARTIAL", "RESTART", "RESTRICTED_USER", "CREDENTIAL", "PASSWORD", "METADATA_ONLY", "SNAPSHOT", "DBNAME", "MEDIANAME", "MEDIAPASSWORD",
         "BLOCKSIZE", "BUFFERCOUNT", "MAXTRANSFERSIZE", "REWIND", "NOREWIND", "KEEP_REPLICATION", "KEEP_CDC", "FILESTREAM", "ENABLE_BROKER",
         "ERROR_BROKER_CONVERSATIONS", "NEW_BROKER", "STOPAT", "LOADHISTORY")


@dataclass
class Statement:
    """One RESTORE. ``what``: DATABASE, LOG or one of INFORMATION; *path* is None where a database is only recovered."""

    what: str
    database: str | None
    path: str | None
    options: dict = field(default_factory=dict)     # in capitals -> value, True where it has none
    moves: dict = field(default_factory=dict)       # logical name -> path

    @property
    def word(self):
        return f"RESTORE {self.what}"

    @property
    def stop(self):
        """``(mark, whether it is left out)``, or None."""
        return next(((self.options[word], word == "STOPBEFOREMARK") for word in STOPS if word in self.options), None)


def failed(wanted, *causes):
    """A failed RESTORE: its causes, then 3013."""
    return Failed(*causes, (3013, 16, f"{wanted.word} is terminating abnormally."))


def parse(tokens):
    """The tokens of a RESTORE statement as data. Raises SqlProblem 102, 155, 3031."""
    words = [token.upper() for token in tokens]
    what, place = words[1] if len(words) > 1 else "", 2
    if what not in ("DATABASE", "LOG", *INFORMATION):
        raise not_modelled(f"RESTORE {what}")
    made = Statement(what, None, None)
    if what not in INFORMATION:
        made.database, place = unquoted(tokens[2]), 3
    if words[place:place + 1] == ["FROM"]:
        if words[place + 1:place + 2] not in (["DISK"], ["URL"]) or words[place + 2:place + 3] != ["="] or len(words) < place + 4:
            raise not_modelled("RESTORE from anything but one DISK or URL")
        made.path, place = unquoted(tokens[place + 3]), place + 4
    elif what != "DATABASE":
        raise _near(tokens, place)
    if words[place:place + 1] == ["WITH"]:
        _options(made, tokens, words, place + 1)
    elif place < len(tokens):
        raise _near(tokens, place)
    for pair in PAIRS:
        if len(given := [word for word in pair if word in made.options]) > 1:
            raise SqlProblem(3031, 16, 1, f"Option '{given[0]}' conflicts with option(s) '{given[1]}'. Remove the conflicting option and reissue the "
                                          "statement.")
    return made


def _near(tokens, place):
    return SqlProblem(102, 15, 1, f"Incorrect syntax near '{tokens[min(place, len(tokens) - 1)]}'.")


def _options(made, tokens, words, place):
    while place < len(tokens):
        option, place = words[place], place + 1
        if option == "MOVE" and words[place + 1:place + 2] == ["TO"] and place + 2 < len(tokens):
            made.moves[unquoted(tokens[place])], place = unquoted(tokens[place + 2]), place + 3
        elif option in VALUED and words[place:place + 1] == ["="] and place + 1 < len(tokens):
            made.options[option], place = unquoted(tokens[place + 1]), place + 2
        elif option in PLAIN:
            made.options[option] = True
        elif option in (*KNOWN, *VALUED, "MOVE"):
            raise not_modelled(f"RESTORE WITH {option} of this form")
        else:
            raise SqlProblem(155, 15, 1, f"'{tokens[place - 1]}' is not a recognized RESTORE option.")
        if words[place:place + 1] == ["AFTER"]:
            raise not_modelled("a mark AFTER a time")
        if words[place:place + 1] not in ([], [","]):
            raise _near(tokens, place)
        place += 1
