"""Whether a database can be entered and changed, by its state and its part in an availability group; rights are another matter."""
from __future__ import annotations

from lab.tsql.problem import SqlProblem

STATES = {  # sys.databases.state -> number, severity, state, text
    1: (927, 14, 2, "Database '{}' cannot be opened. It is in the middle of a restore."),
    2: (922, 14, 1, "Database '{}' is being recovered. Waiting until recovery is finished."),
    3: (945, 14, 2, "Database '{}' cannot be opened due to inaccessible files or insufficient memory or disk space. "
                    "See the SQL Server errorlog for details."),
    4: (926, 14, 1, "Database '{}' cannot be opened. It has been marked SUSPECT by recovery. See the SQL Server errorlog for more information."),
    6: (942, 14, 4, "Database '{}' cannot be opened because it is offline."),
}
SECONDARY = ("The target database, '{}', is participating in an availability group and is currently not accessible for queries. Either data movement "
             "is suspended or the availability replica is not enabled for read access.")
LOCAL_SECONDARY = """
SELECT r.secondary_role_allow_connections AS allowed FROM "master.sys.databases" AS d
JOIN "master.sys.dm_hadr_availability_replica_states" AS s ON s.replica_id = d.replica_id AND s.is_local = 1 AND s.role = 2
JOIN "master.sys.availability_replicas" AS r ON r.replica_id = s.replica_id WHERE d.name = ?"""


def closed(instance, database):
    """The SqlProblem that keeps everyone out of a database, or None."""
    rows = instance.query('SELECT state FROM "master.sys.databases" WHERE name = ?', (database,))
    if rows and rows[0]["state"] in STATES:
        number, severity, state, text = STATES[rows[0]["state"]]
        return SqlProblem(number, severity, state, text.format(database))
    secondary = instance.query(LOCAL_SECONDARY, (database,))
    if secondary and not secondary[0]["allowed"]:
        return SqlProblem(976, 14, 1, SECONDARY.format(database))
    return None


def check_open(instance, database):
    if problem := closed(instance, database):
        raise problem


def check_changeable(instance, database):
    """3906 for a database that is read only, a readable secondary among them."""
    rows = instance.query('SELECT is_read_only FROM "master.sys.databases" WHERE name = ?', (database,))
    if rows and rows[0]["is_read_only"] or instance.query(LOCAL_SECONDARY, (database,)):
        raise SqlProblem(3906, 16, 2, f'Failed to update database "{database}" because the database is read-only.')
