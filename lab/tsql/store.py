"""What an instance holds: one SQLite file whose tables are named "database.schema.table", with declared T-SQL types."""
from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from pathlib import Path

from lab.tsql import metadata, types
from lab.tsql.problem import SqlProblem

CATALOGUE = json.loads(Path(__file__).with_name("tables.json").read_text(encoding="ascii"))
TABLES = CATALOGUE["tables"]
SYSTEM = ("master", "tempdb", "model", "msdb")
KEYS = ("job_id", "backup_set_id", "media_set_id", "backupsetid", "database_id", "object_id", "instance_id")  # indexed where they stand
INTERNAL = """
CREATE TABLE IF NOT EXISTS "#database" (id INTEGER PRIMARY KEY, name TEXT COLLATE CI UNIQUE, kind TEXT);
CREATE TABLE IF NOT EXISTS "#table" (database TEXT COLLATE CI, name TEXT COLLATE CI, columns TEXT, PRIMARY KEY (database, name));
CREATE TABLE IF NOT EXISTS "#property" (name TEXT COLLATE CI PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS "#login" (name TEXT COLLATE CI PRIMARY KEY, password TEXT, database TEXT, sysadmin INTEGER);
CREATE TABLE IF NOT EXISTS "#grant" (login TEXT COLLATE CI, permission TEXT COLLATE CI, securable TEXT COLLATE CI,
                                     PRIMARY KEY (login, permission, securable));
CREATE TABLE IF NOT EXISTS "#text" (n INTEGER PRIMARY KEY, clock TEXT, login TEXT, database TEXT, text TEXT, parameters TEXT,
                                    changes INTEGER, error INTEGER);
"""
UNHASHED = ("#text", "#login", "#backup_file", "#backup_source")     # what is in a backup file is in msdb, too
DESCRIBED = """
CREATE TEMP TABLE "#described" (database TEXT COLLATE CI PRIMARY KEY, objects INTEGER);
"""


def compare(one, other):
    """The collation CI: without case, blanks at the end ignored."""
    one, other = one.rstrip(" ").casefold(), other.rstrip(" ").casefold()
    return (one > other) - (one < other)


class Store:
    """*path*: a file or ``:memory:``; what a file holds already is taken on."""

    def __init__(self, path=":memory:"):
        self.sqlite = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.sqlite.create_collation("CI", compare)
        self.recorded, self.hashed = 0, None    # rows of texts written here; (changes, hash) of the newest state_hash
        self.sqlite.execute("PRAGMA journal_mode=WAL")
        self.sqlite.execute("PRAGMA synchronous=OFF")
        self.sqlite.executescript(INTERNAL + DESCRIBED)
        self.columns = {}       # (database, "schema.table"), both case-folded -> (SQLite name, {column: type})
        for database, name, columns in self.sqlite.execute('SELECT database, name, columns FROM "#table"'):
            self.columns[database.casefold(), name.casefold()] = (f"{database}.{name}", json.loads(columns))
        self.fresh = not self.databases
        for name in SYSTEM if self.fresh else ():
            self.add_database(name)

    def close(self):
        self.sqlite.close()

    def query(self, sql, values=()):
        """SQLite's own SQL for reading and changing, with values as they are kept (see types). Returns rows as dictionaries."""
        cursor = self.sqlite.execute(sql, values)
        return [dict(zip([column[0] for column in cursor.description], row)) for row in cursor] if cursor.description else []

    # --- databases and tables

    @property
    def databases(self):
        """Names, in the order of their making."""
        return [row[0] for row in self.sqlite.execute('SELECT name FROM "#database" ORDER BY id')]

    def database(self, name):
        """The name as it is spelt. Raises KeyError."""
        return next((known for known in self.databases if known.casefold() == name.casefold()), None) or _raise(KeyError(name))

    def kind(self, database):
        return self.query('SELECT kind FROM "#database" WHERE name = ?', (database,))[0]["kind"]

    def add_database(self, name, kind=None):
        """Makes a database with the tables of a *kind* (``BizTalkMgmtDb`` …; default: its name). Its row in sys.databases is the caller's."""
        self.query('INSERT INTO "#database" (name, kind) VALUES (?, ?)', (name, kind or name))
        for table, columns in {**TABLES.get(kind or name, {}), **TABLES["*"]}.items():
            self.create_table(name, table, columns)

    def create_table(self, database, table, columns):
        """Makes a table that the catalogue does not hold; *table* ``dbo.x``, *columns* name -> T-SQL type."""
        database = self.database(database)
        name = f"{database}.{table}"
        declared = ", ".join(f'"{column}" {types.affinity(kind)}' for column, kind in columns.items())
        self.query(f'CREATE TABLE "{name}" ({declared})')
        for column in columns:
            if column.casefold() in KEYS:
                self.query(f'CREATE INDEX "{name}#{column}" ON "{name}" ("{column}")')
        self._know(database, table, columns)

    def create_view(self, database, view, columns, sql):
        """Makes a view over *sql*, which is SQLite's own SQL: ``SELECT … FROM "BizTalkMgmtDb.dbo.adm_Group"``."""
        database = self.database(database)
        if (database.casefold(), view.casefold()) in self.columns:       # the catalogue knows its columns: the empty table gives way
            self.query(f'DROP TABLE "{database}.{view}"')
        self.query(f'CREATE VIEW "{database}.{view}" AS {sql}')
        self._know(database, view, columns)

    def _know(self, database, table, columns):
        self.query('INSERT OR REPLACE INTO "#table" VALUES (?, ?, ?)', (database, table, json.dumps(columns)))
        self.columns[database.casefold(), table.casefold()] = (f"{database}.{table}", columns)

    def table(self, database, name):
        """``(SQLite name, {column: type})`` of ``dbo.sysjobs`` in a database; sys.* of the server is seen from each. Raises KeyError."""
        found = self.columns.get((database.casefold(), name.casefold()))
        if not found and name.casefold().startswith("sys."):
            found = self.columns.get(("master", name.casefold()))
        return found or _raise(KeyError(name))

    def insert(self, database, table, rows):
        """*table* ``dbo.sysjobs`` or ``sys.databases``; *rows* are dictionaries: datetime objects or ISO text for times (a ``datetime`` is
        the server's local time), int for numbers and LSNs. A column left out is NULL; raises KeyError for an unknown one."""
        name, declared = self.table(self.database(database), table)
        known = {column.casefold(): column for column in declared}
        prepared = []
        for row in rows:
            if unknown := [column for column in row if column.casefold() not in known]:
                raise KeyError(f"{name} has no column {', '.join(unknown)}")
            row = {known[column.casefold()]: value for column, value in row.items()}
            prepared.append({column: types.store(value, declared[column]) for column, value in row.items()})
        self.sqlite.execute("SAVEPOINT inserting")
        for row in prepared:
            columns = ", ".join(f'"{column}"' for column in row)
            values = f'({columns}) VALUES ({", ".join("?" * len(row))})' if row else "DEFAULT VALUES"
            self.sqlite.execute(f'INSERT INTO "{name}" {values}', list(row.values()))
        self.sqlite.execute("RELEASE inserting")

    # --- facts

    def property(self, name):
        """A SERVERPROPERTY; None when it has none."""
        return next((row["value"] for row in self.query('SELECT value FROM "#property" WHERE name = ?', (name,))), None)

    def set_properties(self, **facts):
        """Of the server; ``**{"<database>.LastGoodCheckDbTime": "2026-11-22 01:00:00.000"}`` is one of a database, 1900 when never set."""
        self.sqlite.executemany('INSERT OR REPLACE INTO "#property" VALUES (?, ?)', facts.items())

    def state_hash(self):
        """SHA-256 over what the instance holds, without recorded texts and logins. Made anew only where something was written."""
        changes = self.sqlite.total_changes - self.recorded
        if self.hashed and self.hashed[0] == changes:
            return self.hashed[1]
        digest = hashlib.sha256()
        for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            if row["name"] not in UNHASHED and row["name"].partition(".")[2].casefold() not in metadata.VIEWS:
                digest.update(repr((row["name"], sorted(map(repr, self.sqlite.execute(f'SELECT * FROM "{row["name"]}"'))))).encode())
        self.hashed = (changes, digest.hexdigest())
        return self.hashed[1]

    # --- recorder

    def record(self, clock, login, database, text, parameters, changes, error):
        if kept := os.environ.get("LAB_TEXTS"):     # a file for everything that reached any instance, one text a line as JSON
            with open(kept, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(text) + "\n")
        self.query('INSERT INTO "#text" (clock, login, database, text, parameters, changes, error) VALUES (?, ?, ?, ?, ?, ?, ?)',
                   (clock, login, database, text, json.dumps(parameters, default=str), int(changes), error))
        self.recorded += 1

    def texts(self):
        """What was sent, in order: dictionaries of n, clock, login, database, text, parameters, changes (bool), error (number or None)."""
        return [{**row, "changes": bool(row["changes"]), "parameters": json.loads(row["parameters"])}
                for row in self.query('SELECT * FROM "#text" ORDER BY n')]


def _raise(error):
    raise error


def unknown_database(name):
    return SqlProblem(911, 16, 1, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
