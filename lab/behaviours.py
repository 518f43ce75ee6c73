"""Makes docs/lab-behaviours.md: every cmdlet, program, assignment and part of SQL Server that the lab answers, where that is known from, what is assumed.

Usage: python -m lab.behaviours
"""
from __future__ import annotations

from pathlib import Path

from lab import exe, membership
from lab.backend import ASSIGNABLE, COMMANDS
from lab.sqlmodel.behaviours import BEHAVIOURS as CONTENT
from lab.tsql.behaviours import BEHAVIOURS as ENGINE

HEAD = """# What the lab does, and how it is known

Made by `python -m lab.behaviours`. The lab is a simulation: it proves that the product talks to what is written here, not that Windows is so.
Whatever is not listed is refused: with the error `LabDoesNotModel`, on SQL Server with the number 50000.
*Assumed* marks what no page, recording or field report was found for.

"""


def rows():
    """``(title, text, source, assumed)`` of every behaviour, in order."""
    for name in sorted(COMMANDS):
        command = COMMANDS[name]
        yield name, command.function.__doc__, command.source, command.assumed
    for name in sorted(exe.PROGRAMS):
        program = exe.PROGRAMS[name]
        yield program.name, program.function.__doc__, program.source, program.assumed
    for type_name, command in dict.fromkeys((type_name, command) for (type_name, _property), (_name, command) in ASSIGNABLE.items()):
        title = f"Assigning {', '.join(sorted(command.takes))} of a {type_name.rsplit('.', 1)[-1]}"
        yield title, command.function.__doc__, command.source, command.assumed
    for title, says, source, assumed in ENGINE + CONTENT:
        yield f"SQL Server: {title}", says, source, assumed


def text():
    parts = [HEAD]
    for title, says, source, assumed in rows():
        parts.append(f"## `{title}`\n\n{says.strip()}\n\n- Source: {source}\n" + (f"- Assumed: {assumed}\n" if assumed else "") + "\n")
    parts.append("## Votes and membership\n\n" + membership.__doc__.strip() + "\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(__file__).parents[1].joinpath("docs", "lab-behaviours.md").write_text(text(), encoding="utf-8")
