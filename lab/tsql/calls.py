"""SQLite calling back: functions of T-SQL and of the session, with errors that keep their number on the way through SQLite."""
from __future__ import annotations

import sqlite3

from lab.tsql import access, exec_call, functions, metadata, types, zone
from lab.tsql.problem import SqlProblem, not_modelled

LIMIT_ROWS = 200_000


class Calls:
    """Of one instance, whose statements are carried out one after the other."""

    def __init__(self, instance):
        self.instance, self.session, self.problem = instance, None, None

        def create(name, function):
            instance.sqlite.create_function(name, -1, function, deterministic=True)      # while a statement runs: not asked again for each row

        for name, function in functions.CALLED.items():
            create(f"lab_{name}", self.wrapped(function, strict=True))
        for name, function in functions.LENIENT.items():
            create(f"lab_{name}", self.wrapped(function))
        for name in dir(self):
            if name.startswith("lab_"):
                create(name, self.wrapped(getattr(self, name)))
        instance.sqlite.create_aggregate("lab_average", 1, functions.Average)

    def wrapped(self, function, strict=False):
        """*strict*: NULL in, NULL out."""
        def called(*arguments):
            try:
                return None if strict and None in arguments else function(*arguments)
            except SqlProblem as problem:
                self.problem = problem
                raise
        return called

    def execute(self, session, sql, values):
        return self._carried_out(session, lambda: self.instance.sqlite.execute(sql, values))

    def fetch(self, session, cursor):
        rows = self._carried_out(session, lambda: cursor.fetchmany(LIMIT_ROWS + 1))
        if len(rows) > LIMIT_ROWS:
            raise not_modelled(f"results of more than {LIMIT_ROWS} rows")
        return rows

    def _carried_out(self, session, work):
        self.session, self.problem = session, None
        try:
            return work()
        except sqlite3.Error as error:
            raise (self.problem or SqlProblem(50000, 16, 3, f"the lab failed: {error}")) from error
        finally:
            self.problem = None

    # --- functions of the session

    def lab_now(self, kind, utc):
        now = self.instance.now if utc else zone.to_local(self.instance.now)
        return types.store(now if types.base(kind) == "datetimeoffset" else now.replace(tzinfo=None), kind)

    def lab_global(self, name):
        instance = self.instance
        version = f"Microsoft SQL Server - {instance.property('ProductVersion')} (X64) {instance.property('Edition')} (a simulation)"
        return {"@@servername": instance.name, "@@version": version, "@@spid": self.session.spid, "@@rowcount": self.session.rowcount,
                "@@trancount": 0}[name]

    def lab_login(self):
        return self.session.login

    lab_original_login = lab_suser_name = lab_login

    def lab_suser_sname(self, *sid):
        if not sid:
            return self.session.login
        rows = self.instance.query('SELECT name FROM "master.sys.server_principals" WHERE sid = ?', (sid[0],))
        return rows[0]["name"] if rows else None

    def lab_serverproperty(self, name):
        return self.instance.property(name)

    def lab_databasepropertyex(self, database, name):
        column = {"recovery": "recovery_model_desc", "status": "state_desc", "collation": "collation_name",
                  "useraccess": "user_access_desc",
                  "isautoclose": "is_auto_close_on", "isautoshrink": "is_auto_shrink_on"}.get(name.casefold())
        if column is None:
            if name.casefold() != "lastgoodcheckdbtime":
                raise not_modelled(f"DATABASEPROPERTYEX(…, '{name}')")
            known = self.lab_db_id(database) is not None
            return self.instance.property(f"{database}.LastGoodCheckDbTime") or ("1900-01-01 00:00:00.000" if known else None)
        rows = self.instance.query(f'SELECT "{column}" AS value FROM "master.sys.databases" WHERE name = ?', (database,))
        return rows[0]["value"] if rows else None

    def lab_db_name(self, *number):
        if not number:
            return self.session.database
        rows = self.instance.query('SELECT name FROM "master.sys.databases" WHERE database_id = ?', number)
        return rows[0]["name"] if rows else None

    def lab_db_id(self, *name):
        rows = self.instance.query('SELECT database_id FROM "master.sys.databases" WHERE name = ?',
                                   (name[0] if name else self.session.database,))
        return rows[0]["database_id"] if rows else None

    def lab_has_dbaccess(self, name):
        try:
            database = self.instance.database(name)
        except (KeyError, AttributeError):
            return None
        return int(access.closed(self.instance, database) is None and self.instance.rights.may_enter(self.session.login, database))

    def lab_object_id(self, name, kind=None):
        database, schema, own = exec_call.parts_of(name)
        try:
            database = self.instance.database(database or self.session.database)
        except KeyError:
            return None
        found = metadata.find(self.instance, database, f"{schema or 'dbo'}.{own}")
        if not found or kind and kind.strip().upper() != found[0] or not self.lab_sees(database, found[1], found[2]):
            return None
        return metadata.number(f"{found[1]}.{found[2]}")

    def lab_sees(self, database, schema, name):
        """Whether metadata visibility shows an object: by schema and name, or by object id and NULL."""
        if name is None:
            found = metadata.by_number(self.instance, database, schema)
            if not found:
                return 0
            schema, name = found
        rights = self.instance.rights
        open_to_all = access.closed(self.instance, database) is None
        return int(open_to_all and rights.may_enter(self.session.login, database) and rights.sees(self.session.login, f"{database}.{schema}.{name}"))

    def lab_has(self, permission):
        return int(self.instance.rights.has(self.session.login, permission))

    def lab_is_srvrolemember(self, role, login=None):
        if role.casefold() != "sysadmin":
            return 0 if role.casefold() in ("public", "serveradmin", "securityadmin", "dbcreator", "setupadmin", "processadmin") else None
        known = self.instance.rights.find(login or self.session.login)
        return int(known["sysadmin"]) if known else None

    def lab_is_member(self, _role):
        raise not_modelled("IS_MEMBER")

    def lab_has_perms_by_name(self, securable, kind, permission):
        """1, 0, or NULL for what is not there."""
        rights, login = self.instance.rights, self.session.login
        if securable is None and kind is None:
            return int(rights.has(login, permission))
        if securable is None or kind is None:
            raise not_modelled("HAS_PERMS_BY_NAME of the current database")
        if kind.casefold() == "database":
            try:
                database = self.instance.database(exec_call.unquoted(securable))
            except KeyError:
                return None
            return int(rights.may_enter(login, database) if permission.upper() in ("ANY", "CONNECT")
                       else rights.has(login, permission, database))
        if kind.casefold() != "object":
            raise not_modelled(f"HAS_PERMS_BY_NAME of the class {kind}")
        database, schema, own = exec_call.parts_of(securable)
        try:
            database = self.instance.database(database or self.session.database)
        except KeyError:
            return None
        found = metadata.find(self.instance, database, f"{schema or 'dbo'}.{own}")
        if not found or not rights.may_enter(login, database):
            return None
        return int(rights.has(login, permission, f"{database}.{found[1]}.{found[2]}"))
