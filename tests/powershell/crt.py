"""How Windows programs take an argument line apart: the rules of the C runtime and of CommandLineToArgvW, written from their documentation
("Parsing C command-line arguments", "CommandLineToArgvW function"), and sharing nothing with the executor."""

from __future__ import annotations


def arguments(line, doubled):
    """The arguments after the program's name. *doubled*: what "" means within quotes: ``literal`` (C runtime since 2008: a quote, and on within
    quotes), ``closing`` (CommandLineToArgvW and before: a quote, and out of quotes)."""
    found, at = [], 0
    while True:
        while at < len(line) and line[at] in " \t":
            at += 1
        if at == len(line):
            return found
        argument, at = _one(line, at, doubled)
        found.append(argument)


def _one(line, at, doubled):
    text, within = "", False
    while at < len(line) and (within or line[at] not in " \t"):
        slashes = at
        while at < len(line) and line[at] == "\\":
            at += 1
        slashes = at - slashes
        if at < len(line) and line[at] == '"':
            text += "\\" * (slashes // 2)
            at += 1
            if slashes % 2:
                text += '"'
            elif within and line[at : at + 1] == '"':
                text += '"'
                at += 1
                within = doubled == "literal"
            else:
                within = not within
        elif slashes:
            text += "\\" * slashes
        else:
            text += line[at]
            at += 1
    return text, at
