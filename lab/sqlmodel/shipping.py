"""How SQL Server itself copies a database to another server: mirroring, log shipping.

Sources: sql-docs pages of ALTER DATABASE SET PARTNER, sys.database_mirroring, sp_add_log_shipping_primary_database.
Assumed: the partner answers and is synchronised at once; the backup job that log shipping makes is disabled, without a schedule, and not shown.
"""
from __future__ import annotations

from lab.sqlmodel.rows import guid
from lab.tsql.problem import SqlProblem, not_modelled

ADD_PRIMARY = [["database", "sysname", True, False], ["backup_directory", "nvarchar(500)", True, False], ["backup_share", "nvarchar(500)", True, False],
               ["backup_job_name", "sysname", True, False], ["backup_retention_period", "int", True, False], ["monitor_server", "sysname", False, False],
               ["monitor_server_security_mode", "bit", False, False], ["backup_threshold", "int", False, False],
               ["threshold_alert", "int", False, False], ["threshold_alert_enabled", "bit", False, False], ["history_retention_period", "int", False, False],
               ["backup_job_id", "uniqueidentifier", False, True], ["primary_id", "uniqueidentifier", False, True]]


def install(world, name):
    instance = world.instances[name]

    @instance.procedure("master.dbo.sp_add_log_shipping_primary_database", ADD_PRIMARY)
    def add_primary(instance, session, given):
        if not instance.rights.is_sysadmin(session.login):
            raise SqlProblem(21089, 16, 1, "Only members of the sysadmin fixed server role can perform this operation.")
        found = instance.query('SELECT name, recovery_model_desc AS model FROM "master.sys.databases" WHERE name = ?', (given["database"],))
        if not found or found[0]["model"] == "SIMPLE":
            raise not_modelled(f"log shipping of {given['database']}, which is not there or keeps no log")
        given["primary_id"] = guid("log shipping", instance.name, found[0]["name"])
        given["backup_job_id"] = guid("log shipping job", instance.name, found[0]["name"])
        instance.insert("msdb", "dbo.log_shipping_primary_databases", [{
            "primary_id": given["primary_id"], "primary_database": found[0]["name"], "backup_directory": given["backup_directory"],
            "backup_share": given["backup_share"], "backup_retention_period": given["backup_retention_period"], "backup_job_id": given["backup_job_id"],
            "monitor_server": given.get("monitor_server", instance.name), "monitor_server_security_mode": given.get("monitor_server_security_mode", 1),
            "user_specified_monitor": int("monitor_server" in given), "backup_compression": 2}])


def mirror(instance, database, partner):
    """ALTER DATABASE … SET PARTNER = 'TCP://…': the session of a database with the full recovery model begins."""
    found = instance.query('SELECT database_id AS n, recovery_model_desc AS model FROM "master.sys.databases" WHERE name = ?', (database,))[0]
    if found["model"] != "FULL" or not partner.upper().startswith("TCP://"):
        raise not_modelled(f"mirroring of {database} ({found['model']}) to {partner}")
    instance.query('UPDATE "master.sys.database_mirroring" SET mirroring_guid = ?, mirroring_state = 4, mirroring_state_desc = \'SYNCHRONIZED\', '
                   "mirroring_role = 1, mirroring_role_desc = 'PRINCIPAL', mirroring_safety_level = 2, mirroring_safety_level_desc = 'FULL', "
                   "mirroring_partner_name = ? WHERE database_id = ?", (guid("mirroring", instance.name, database), partner, found["n"]))
