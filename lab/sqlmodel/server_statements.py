"""What an operator changes on a server beside databases and jobs: availability groups, logins and their rights, servers, certificates.

Sources: sql-docs pages of ALTER AVAILABILITY GROUP, ALTER DATABASE SET HADR, REVOKE, DROP LOGIN, CREATE CERTIFICATE (valid for a year),
ALTER ENDPOINT, sp_addlinkedserver (RPC is off at first), sp_addserver, sp_dropserver, sp_serveroption and sp_delete_job.
Assumed: every replica sees a change at once; a suspended database has the states of the field records in ../shared/real/sqlha; a
certificate has the key of the database master, and a partner's one is exchanged; @@SERVERNAME is not asked;
where data movement is suspended, 100 KB of log a second wait, and are sent at once when it resumes.
"""
from __future__ import annotations

from datetime import datetime

from lab.sqlmodel.agent_procedures import find_job
from lab.sqlmodel.backups import Failed
from lab.sqlmodel.rows import highest
from lab.tsql.lexer import unquoted
from lab.tsql.problem import SqlProblem, not_modelled

GROUP = {  # option -> value -> columns of sys.availability_groups
    "DTC_SUPPORT": {"PER_DB": {"dtc_support": 1}, "NONE": {"dtc_support": 0}},
    "DB_FAILOVER": {"ON": {"db_failover": 1}, "OFF": {"db_failover": 0}},
    "AUTOMATED_BACKUP_PREFERENCE": {word: {"automated_backup_preference": number, "automated_backup_preference_desc": word.lower()}
                                    for number, word in enumerate(("PRIMARY", "SECONDARY_ONLY", "SECONDARY", "NONE"))},
}
REPLICA = {
    "AVAILABILITY_MODE": {"ASYNCHRONOUS_COMMIT": {"availability_mode": 0, "availability_mode_desc": "ASYNCHRONOUS_COMMIT"},
                          "SYNCHRONOUS_COMMIT": {"availability_mode": 1, "availability_mode_desc": "SYNCHRONOUS_COMMIT"}},
    "FAILOVER_MODE": {"AUTOMATIC": {"failover_mode": 0, "failover_mode_desc": "AUTOMATIC"},
                      "MANUAL": {"failover_mode": 1, "failover_mode_desc": "MANUAL"}},
}
SYNCHRONIZED = {"synchronization_state": 2, "synchronization_state_desc": "SYNCHRONIZED", "synchronization_health": 2,
                "synchronization_health_desc": "HEALTHY", "is_suspended": 0, "suspend_reason": None, "suspend_reason_desc": None}
SYNCHRONIZING = {**SYNCHRONIZED, "synchronization_state": 1, "synchronization_state_desc": "SYNCHRONIZING"}
SUSPENDED = {"synchronization_state": 0, "synchronization_state_desc": "NOT SYNCHRONIZING", "synchronization_health": 0,
             "synchronization_health_desc": "NOT_HEALTHY", "is_suspended": 1, "suspend_reason": 0, "suspend_reason_desc": "SUSPEND_FROM_USER"}
LOG_RATE = 100          # KB of log that a database of a group makes in a second
STATES = "dm_hadr_database_replica_states"
ADD_SERVER = [["server", "sysname", True, False], ["local", "varchar(10)", False, False], ["duplicate_ok", "varchar(13)", False, False]]
SERVER_OPTIONS = {"RPC": "is_remote_login_enabled", "RPC OUT": "is_rpc_out_enabled", "DATA ACCESS": "is_data_access_enabled"}


def install(world, name):
    instance = world.instances[name]

    @instance.statement("REVOKE")
    def revoke(instance, session, statement, _parameters):
        words = [token.upper() for token in statement.tokens]
        place = next((place for place, word in enumerate(words) if word in ("TO", "FROM")), None)
        if place is None or "ON" in words:
            raise not_modelled(f"the statement {statement.text[:60]}")
        _sysadmin(instance, session)
        login = _principal(instance, unquoted(statement.tokens[place + 1]))
        instance.query('DELETE FROM "master.sys.server_permissions" WHERE grantee_principal_id = ? AND permission_name = ?',
                       (login, " ".join(words[1:place])))

    @instance.statement("DROP")
    def drop(instance, session, statement, _parameters):
        if [token.upper() for token in statement.tokens[:2]] != ["DROP", "LOGIN"]:
            raise not_modelled(f"the statement {statement.text[:60]}")
        _sysadmin(instance, session)
        login = _principal(instance, unquoted(statement.tokens[2]))
        for view, column in (("server_permissions", "grantee_principal_id"), ("server_role_members", "member_principal_id"),
                             ("server_principals", "principal_id")):
            instance.query(f'DELETE FROM "master.sys.{view}" WHERE {column} = ?', (login,))

    @instance.statement("CREATE")
    def create(instance, session, statement, _parameters):
        words = [token.upper() for token in statement.tokens]
        if words[1] != "CERTIFICATE" or words[3:5] != ["WITH", "SUBJECT"]:
            raise not_modelled(f"the statement {statement.text[:60]}")
        _sysadmin(instance, session)
        name, given = unquoted(statement.tokens[2]), _options(statement.tokens[4:])
        if instance.query('SELECT 1 FROM "master.sys.certificates" WHERE name = ?', (name,)):
            raise SqlProblem(15232, 16, 1, f"A certificate with name '{name}' already exists or this certificate already has been added to the database.")
        starts = _date(given, "START_DATE", instance.now.replace(tzinfo=None))
        instance.insert("master", "sys.certificates", [{
            "name": name, "certificate_id": highest(instance, "master.sys.certificates", "certificate_id") + 1, "principal_id": 1,
            "issuer_name": given["SUBJECT"], "subject": given["SUBJECT"], "start_date": starts,
            "expiry_date": _date(given, "EXPIRY_DATE", starts.replace(year=starts.year + 1))}])

    @instance.procedure("msdb.dbo.sp_delete_job")
    def delete_job(instance, _session, given):
        job = find_job(instance, given)
        for table in ("sysjobs", "sysjobsteps", "sysjobschedules", "sysjobservers", "sysjobactivity", "sysjobhistory"):
            instance.query(f'DELETE FROM "msdb.dbo.{table}" WHERE job_id = ?', (job["job_id"],))

    @instance.procedure("master.dbo.sp_addlinkedserver")
    def add_linked_server(instance, session, given):
        _sysadmin(instance, session)
        if instance.query('SELECT 1 FROM "master.sys.servers" WHERE name = ?', (given["server"],)):
            raise SqlProblem(15028, 16, 1, f"The server '{given['server']}' already exists.")
        instance.insert("master", "sys.servers", [{
            "server_id": highest(instance, "master.sys.servers", "server_id") + 1, "name": given["server"], "product": given.get("srvproduct"),
            "provider": given.get("provider", "SQLNCLI"), "data_source": given.get("datasrc", given["server"]), "is_linked": 1,
            "is_remote_login_enabled": 0, "is_rpc_out_enabled": 0, "is_data_access_enabled": 1, "modify_date": instance.local}])

    @instance.procedure("master.dbo.sp_addserver", ADD_SERVER)
    def add_server(instance, session, given):
        _sysadmin(instance, session)
        if given.get("local", "").casefold() != "local" or "duplicate_ok" in given:
            raise not_modelled("sp_addserver without 'local'")
        if instance.query('SELECT 1 FROM "master.sys.servers" WHERE server_id = 0 OR name = ?', (given["server"],)):
            raise SqlProblem(15028, 16, 1, f"The server '{given['server']}' already exists.")
        instance.insert("master", "sys.servers", [{
            "server_id": 0, "name": given["server"], "product": "SQL Server", "provider": "SQLNCLI", "data_source": given["server"], "is_linked": 0,
            "is_remote_login_enabled": 1, "is_rpc_out_enabled": 1, "is_data_access_enabled": 0, "modify_date": instance.local}])

    @instance.procedure("master.dbo.sp_dropserver")
    def drop_server(instance, session, given):
        _sysadmin(instance, session)
        found = instance.query('SELECT server_id AS n FROM "master.sys.servers" WHERE name = ?', (given["server"],))
        if not found:
            raise SqlProblem(15015, 16, 1, f"The server '{given['server']}' does not exist. Use sp_helpserver to show available servers.")
        key = (found[0]["n"],)
        if given.get("droplogins", "").strip().casefold() != "droplogins" and instance.query(
                'SELECT 1 FROM "master.sys.linked_logins" WHERE server_id = ? AND local_principal_id <> 0', key):
            raise SqlProblem(15190, 16, 1, f"There are still remote logins or linked logins for the server '{given['server']}'.")
        for view in ("linked_logins", "servers"):
            instance.query(f'DELETE FROM "master.sys.{view}" WHERE server_id = ?', key)

    @instance.procedure("master.dbo.sp_serveroption")
    def server_option(instance, session, given):
        _sysadmin(instance, session)
        option, value = given["optname"].upper(), given["optvalue"].upper()
        if option not in SERVER_OPTIONS or value not in ("TRUE", "FALSE", "ON", "OFF"):
            raise not_modelled(f"sp_serveroption '{given['optname']}', '{given['optvalue']}'")
        if not instance.query('SELECT 1 FROM "master.sys.servers" WHERE name = ?', (given["server"],)):
            raise SqlProblem(15015, 16, 1, f"The server '{given['server']}' does not exist. Use sp_helpserver to show available servers.")
        instance.query(f'UPDATE "master.sys.servers" SET {SERVER_OPTIONS[option]} = ? WHERE name = ?', (int(value in ("TRUE", "ON")), given["server"]))


def _sysadmin(instance, session):
    if not instance.rights.is_sysadmin(session.login):
        raise SqlProblem(15247, 16, 1, "User does not have permission to perform this action.")


def _principal(instance, name):
    found = instance.query('SELECT principal_id FROM "master.sys.server_principals" WHERE name = ?', (name,))
    if not found:
        raise SqlProblem(15151, 16, 1, f"Cannot find the login '{name}', because it does not exist or you do not have permission.")
    return found[0]["principal_id"]


def _options(tokens):
    """``NAME = 'value', …`` as a dictionary. Raises SqlProblem 102."""
    given = {}
    for place in range(0, len(tokens), 4):
        part = tokens[place:place + 4]
        if len(part) < 3 or part[1] != "=" or part[3:] not in ([], [","]):
            raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{part[-1]}'.")
        given[part[0].upper()] = unquoted(part[2])
    return given


def _date(given, name, default):
    try:
        return datetime.strptime(given[name], "%Y%m%d") if name in given else default
    except ValueError:
        raise not_modelled(f"{name} = '{given[name]}'") from None


def alter_endpoint(instance, session, statement):
    """ALTER ENDPOINT name FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE name)."""
    tokens = statement.tokens
    words = [token.upper() for token in tokens]
    if words[3:9] != ["FOR", "DATABASE_MIRRORING", "(", "AUTHENTICATION", "=", "CERTIFICATE"] or words[10:] != [")"]:
        raise not_modelled(f"the statement {statement.text[:60]}")
    _sysadmin(instance, session)
    endpoint, name = unquoted(tokens[2]), unquoted(tokens[9])
    if not instance.query('SELECT 1 FROM "master.sys.database_mirroring_endpoints" WHERE name = ?', (endpoint,)):
        raise SqlProblem(15151, 16, 1, f"Cannot alter the endpoint '{endpoint}', because it does not exist or you do not have permission.")
    found = instance.query('SELECT certificate_id AS n FROM "master.sys.certificates" WHERE name = ?', (name,))
    if not found:
        raise SqlProblem(15151, 16, 1, f"Cannot find the certificate '{name}', because it does not exist or you do not have permission.")
    instance.query('UPDATE "master.sys.database_mirroring_endpoints" SET certificate_id = ?, connection_auth = 4, '
                   "connection_auth_desc = 'CERTIFICATE' WHERE name = ?", (found[0]["n"], endpoint))


def alter_group(world, name, session, statement):
    """ALTER AVAILABILITY GROUP [name] SET (option = value) or MODIFY REPLICA ON N'replica' WITH (option = value), or
    MODIFY LISTENER N'name' (PORT = number)."""
    tokens, instance = statement.tokens, world.instances[name]
    words = [token.upper() for token in tokens]
    _sysadmin(instance, session)
    group = unquoted(tokens[3])
    primary = instance.query('SELECT s.primary_replica AS p, g.group_id AS id FROM "master.sys.dm_hadr_availability_group_states" s '
                             'JOIN "master.sys.availability_groups" g ON g.group_id = s.group_id WHERE g.name = ?', (group,))
    if not primary or primary[0]["p"] != instance.name:
        raise Failed((41190 if primary else 15151, 16, f"Availability group '{group}' failed to process the command: it is not here, or this is not its "
                                                       "primary replica."))
    if words[4:6] == ["SET", "("] and words[6] in GROUP and words[8] in GROUP[words[6]]:
        view, key, changes = "availability_groups", {"group_id": primary[0]["id"]}, GROUP[words[6]][words[8]]
    elif words[4:7] == ["MODIFY", "REPLICA", "ON"] and words[8:10] == ["WITH", "("] and words[12] in REPLICA.get(words[10], {}):
        view, key, changes = "availability_replicas", {"replica_server_name": unquoted(tokens[7])}, REPLICA[words[10]][words[12]]
    elif words[4:6] == ["MODIFY", "LISTENER"] and words[7:10] == ["(", "PORT", "="] and words[10].isdigit():
        view, key, changes = "availability_group_listeners", {"group_id": primary[0]["id"], "dns_name": unquoted(tokens[6])}, {"port": int(words[10])}
        if not instance.query('SELECT 1 FROM "master.sys.availability_group_listeners" WHERE dns_name = ?', (key["dns_name"],)):
            raise not_modelled(f"the listener {key['dns_name']}, which is not there")
    else:
        raise not_modelled(f"the statement {statement.text[:60]}")
    for other in world.instances.values():
        _update(other, view, changes, key)
        if "availability_mode" in changes:
            replica = other.query('SELECT replica_id AS id FROM "master.sys.availability_replicas" WHERE replica_server_name = ?', (unquoted(tokens[7]),))
            if replica:
                _update(other, STATES, SYNCHRONIZED if changes["availability_mode"] else SYNCHRONIZING, {"replica_id": replica[0]["id"]})


def alter_hadr(world, name, database, word):
    """ALTER DATABASE … SET HADR SUSPEND | RESUME on a replica: all who see that replica's state see it."""
    instance = world.instances[name]
    local = instance.query(f'SELECT s.replica_id AS r, s.group_database_id AS g FROM "master.sys.{STATES}" s JOIN "master.sys.databases" d '
                           "ON d.database_id = s.database_id WHERE d.name = ? AND s.is_local = 1", (database,))
    if word not in ("SUSPEND", "RESUME") or not local:
        raise Failed((35242, 16, f"Cannot complete this ALTER DATABASE {database} SET HADR operation: the database is not joined to an availability group."))
    for other in world.instances.values():
        _update(other, STATES, SUSPENDED if word == "SUSPEND" else SYNCHRONIZED, {"replica_id": local[0]["r"], "group_database_id": local[0]["g"]})
        other.query(f'UPDATE "master.sys.{STATES}" SET log_send_queue_size = 0 WHERE is_suspended = 0 AND log_send_queue_size > 0')


def fall_behind(instance, seconds):
    """Data movement that is suspended: the log of these seconds waits to be sent."""
    instance.query(f'UPDATE "master.sys.{STATES}" SET log_send_queue_size = COALESCE(log_send_queue_size, 0) + ? WHERE is_suspended = 1 '
                   "AND is_primary_replica = 0", (int(seconds * LOG_RATE),))


def _update(instance, view, changes, key):
    sets, tests = (sep.join(f"{column} = ?" for column in columns) for sep, columns in ((", ", changes), (" AND ", key)))
    instance.query(f'UPDATE "master.sys.{view}" SET {sets} WHERE {tests}', (*changes.values(), *key.values()))
