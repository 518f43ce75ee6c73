"""Logins, what they may do, and what is refused with which number."""
from __future__ import annotations

from lab.tsql.problem import SqlProblem

HIDDEN = ("sys.master_files", "sys.availability_groups", "sys.availability_replicas", "sys.availability_databases_cluster",
          "sys.availability_group_listeners", "sys.availability_groups_cluster", "sys.availability_group_listener_ip_addresses",
          "sys.database_mirroring", "sys.linked_logins", "sys.server_role_members", "sys.server_permissions",
          "sys.database_mirroring_endpoints", "sys.certificates")  # no rows without VIEW ANY DEFINITION
ROLES = {"db_owner": ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "CONNECT", "VIEW DEFINITION", "BACKUP DATABASE", "BACKUP LOG"),
         "db_datareader": ("SELECT",), "db_backupoperator": ("BACKUP DATABASE", "BACKUP LOG")}
GUESTS = ("master", "tempdb", "msdb")  # every login is let in


class Rights:
    """Of one store. A securable is ``msdb.dbo.sysjobs``, ``msdb`` (a database) or ``""`` (the server)."""

    def __init__(self, store):
        self.query = store.query

    def login(self, name, password, database, sysadmin):
        self.query('INSERT OR REPLACE INTO "#login" VALUES (?, ?, ?, ?)', (name, password, database, int(sysadmin)))

    def find(self, name):
        """The login of this name in any spelling, or None."""
        return next(iter(self.query('SELECT name, password, database, sysadmin FROM "#login" WHERE name = ?', (name,))), None)

    def grant(self, login, permission, securable):
        for granted in ROLES.get(permission.casefold(), (permission.upper(),)):
            self.query('INSERT OR IGNORE INTO "#grant" VALUES (?, ?, ?)', (login, granted, securable))

    def revoke(self, login, permission, securable):
        for granted in ROLES.get(permission.casefold(), (permission.upper(),)):
            self.query('DELETE FROM "#grant" WHERE login = ? AND permission = ? AND securable = ?', (login, granted, securable))

    def is_sysadmin(self, login):
        return bool(self.find(login)["sysadmin"])

    def has(self, login, permission, securable=""):
        """Whether a login has a right on a securable itself, its schema or its database, or as sysadmin."""
        parts = securable.split(".", 2) if securable else []
        places = [".".join(parts[:count]) for count in range(1, len(parts) + 1)] or [""]
        marks = ", ".join("?" * len(places))
        return self.is_sysadmin(login) or bool(self.query(
            f'SELECT 1 FROM "#grant" WHERE login = ? AND permission = ? AND securable IN ({marks})', (login, permission.upper(), *places)))

    def may_enter(self, login, database):
        return database.casefold() in GUESTS or self.has(login, "CONNECT", database)

    def sees(self, login, securable):
        """Metadata visibility: whether the catalog views show an object to a login."""
        if self.has(login, "VIEW ANY DEFINITION") or self.has(login, "VIEW DEFINITION", securable):
            return True
        return any(self.has(login, right, securable) for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"))

    # --- refusals

    def check_database(self, login, database):
        if not self.may_enter(login, database):
            raise SqlProblem(916, 14, 2, f'The server principal "{login}" is not able to access the database "{database}" '
                                         f"under the current security context.")

    def check_object(self, login, permission, database, schema, name):
        self.check_database(login, database)
        if not self.has(login, permission, f"{database}.{schema}.{name}"):
            raise SqlProblem(229, 14, 5, f"The {permission} permission was denied on the object '{name}', database '{database}', schema '{schema}'.")

    def check_state(self, login):
        """What a view of the server's state (sys.dm_*) asks for."""
        if not self.has(login, "VIEW SERVER STATE"):
            raise SqlProblem(300, 14, 1, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.", also=(
                SqlProblem(297, 16, 1, "The user does not have permission to perform this action."),))
