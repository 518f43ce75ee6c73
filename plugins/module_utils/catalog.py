# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Queries over SQL Server's catalog views, and their rows.

Catalog views hide rows from a login that may not see them, without an error: so the query ``OWN`` asks for the rights that decide
it, and rows that may be only a part become one hole.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query

STATE = ("VIEW SERVER STATE", "")
DATABASES = ("VIEW ANY DATABASE", "")
DEFINITIONS = ("VIEW ANY DEFINITION", "")


def select(name, columns, source, *rights, limit=0, database="master"):
    """A ``Query``. *columns*: name -> (type, expression); *source*: the text from FROM on."""
    chosen = ", ".join(f"{expression} AS {alias}" for alias, (_type, expression) in columns.items())
    return Query(name, f"SELECT {f'TOP ({limit + 1}) ' if limit else ''}{chosen} {source}".rstrip() + ";",
                 {alias: kind for alias, (kind, _expression) in columns.items()}, database, rights=rights, limit=limit)


def server_property(kind, name):
    return kind, f"CONVERT({'nvarchar(128)' if kind == 'text' else 'int'}, SERVERPROPERTY('{name}'))"


def may(right):
    return "boolean", f"HAS_PERMS_BY_NAME(NULL, NULL, '{right}')"


def guid(column):
    return "text", f"CONVERT(nvarchar(36), {column})"


OWN = select("sql.instance", {
    "clock": ("instant", "SYSDATETIMEOFFSET()"), "local_clock": ("local", "GETDATE()"),
    "name": server_property("text", "ServerName"), "machine": server_property("text", "MachineName"),
    "instance_name": server_property("text", "InstanceName"), "node": server_property("text", "ComputerNamePhysicalNetBIOS"),
    "version": server_property("text", "ProductVersion"), "level": server_property("text", "ProductLevel"),
    "edition": server_property("text", "Edition"), "engine_edition": server_property("number", "EngineEdition"),
    "is_clustered": server_property("boolean", "IsClustered"), "is_hadr_enabled": server_property("boolean", "IsHadrEnabled"),
    "sees_databases": may(DATABASES[0]), "sees_definitions": may(DEFINITIONS[0]), "sees_linked_servers": may("ALTER ANY LINKED SERVER")}, "")
SEES = {DATABASES: "sees_databases", DEFINITIONS: "sees_definitions"}


class Rows:
    """The rows of the answers, by query."""

    def __init__(self, answers):
        self.answers = answers
        self.instance = query.one(OWN, answers)

    def own(self, name):
        """What the instance says of itself, a column of ``OWN``."""
        return query.value(self.instance, name)

    def every(self, asked, shape):
        """``shape(row)`` of every row; a hole closes a list that was cut, or stands for one that is not there or not whole."""
        return self._hidden(asked) or query.every(asked, self.answers, shape)

    def _hidden(self, asked):
        if query.why_not(asked, self.answers.get(asked.name)):
            return None
        for right, column in SEES.items():
            sees = self.own(column)
            if right in asked.rights and sees is not True:
                return sees if observed.is_hole(sees) else observed.hole(
                    "denied", f"{asked.name} tells the login only a part, and gives no error: it needs {right[0]}.")
        return None

    def of(self, asked, column, value, shape):
        """``shape(row)`` of the rows of which a column has a value; a hole that closes the list stays."""
        found = self.every(asked, lambda row: row)
        if observed.is_hole(found):
            return found
        return [row if observed.is_hole(row) else shape(row) for row in found if observed.is_hole(row) or row[column] == value]


def known(table, column, number):
    """The name of a number; a hole where the number is none that is known."""
    return table.get(number, observed.hole("failed", f"{column} is {number}, which is not a value that is known."))
