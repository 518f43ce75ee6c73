"""One instance's own catalogue: properties, configuration, services, databases with their files and volumes, principals, linked servers.

Sources: sql-docs pages of each view (catalogue tsql.json); MAXDOP 1 and statistics off for a MessageBox, jobs and nine groups of
BizTalk: domain-facts sections 8, 11 and 15. Assumed: sizes, paths, start times and every value of a default installation that no
page gives.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.sqlmodel.rows import guid, highest, lsn

INSTALLED = datetime(2024, 2, 5, 10)
CREATED = datetime(2024, 2, 6, 8, 40)
MEGABYTES = {"master": 8, "tempdb": 1024, "model": 8, "msdb": 300, "BizTalkMgmtDb": 180, "BizTalkMsgBoxDb": 2300, "BizTalkDTADb": 5200, "SSODB": 40,
             "BAMPrimaryImport": 900, "BizTalkRuleEngineDb": 60, "BAMArchive": 1400, "BAMStarSchema": 300}
CONFIGURATION = {"max degree of parallelism": (1539, 1), "Ad Hoc Distributed Queries": (16391, 0), "remote access": (117, 1),
                 "backup compression default": (1579, 0), "backup checksum default": (1584, 0), "Agent XPs": (16384, 1), "xp_cmdshell": (16390, 0),
                 "show advanced options": (518, 0), "remote proc trans": (542, 0), "cost threshold for parallelism": (1538, 5),
                 "max server memory (MB)": (1544, 24576), "min server memory (MB)": (1543, 4096), "contained database authentication": (16393, 0),
                 "clr enabled": (1562, 0), "in-doubt xact resolution": (1570, 0), "Database Mail XPs": (16386, 1)}
GROUPS = ("BizTalk Application Users", "BizTalk Isolated Host Users", "BizTalk Server Administrators", "BizTalk Server B2B Operators",
          "BizTalk Server Operators", "BizTalk Server Read Only Users", "SSO Administrators", "SSO Affiliate Administrators",
          "BAM Management Web Service User", "Rule Engine Update Service Account")
EDITIONS = {"Enterprise": ("Enterprise Edition: Core-based Licensing (64-bit)", 3), "Standard": ("Standard Edition (64-bit)", 2)}
VERSION = {"ProductVersion": "15.0.4385.2", "ProductLevel": "RTM", "ProductUpdateLevel": "CU28", "ProductUpdateReference": "KB5039747"}
CODES = {"CONNECT SQL": "COSQ", "VIEW SERVER STATE": "VWSS", "ALTER ANY AVAILABILITY GROUP": "ALAG"}
LOCAL_SYSTEM = r"NT AUTHORITY\SYSTEM"
MODELS = {"FULL": 1, "BULK_LOGGED": 2, "SIMPLE": 3}
STATES = {"ONLINE": 0, "RESTORING": 1}
RECOVERY_STATUS = {"database_id": "int", "database_guid": "uniqueidentifier", "last_log_backup_lsn": "numeric(25,0)",
                   "recovery_fork_guid": "uniqueidentifier", "first_recovery_fork_guid": "uniqueidentifier", "fork_point_lsn": "numeric(25,0)",
                   "family_guid": "uniqueidentifier"}
LOGMARK = {"database_name": "nvarchar(128)", "mark_name": "nvarchar(128)", "description": "nvarchar(255)", "user_name": "nvarchar(128)",
           "lsn": "numeric(25,0)", "mark_time": "datetime"}


@dataclass
class Description:
    """An instance of the estate. ``kind``: fci (of the cluster ``host``), replica, dr or alone; ``started`` in local time."""

    name: str
    kind: str
    host: str
    nodes: list
    account: str
    devices: list
    started: datetime
    databases: dict = field(default_factory=dict)       # name -> kind of database
    linked: list = field(default_factory=list)
    configuration: dict = field(default_factory=dict)
    history_rows: dict = field(default_factory=dict)    # job -> rows of history that msdb keeps of it; "*": of any other
    edition: str = "Enterprise"
    version: dict = field(default_factory=lambda: dict(VERSION))        # SERVERPROPERTY, beginning with Product
    agent_account: str | None = None                    # of its Agent alone
    drive: str | None = None                            # of its data, where it is not S of a cluster or D of a server
    restoring: str | None = None                        # the instance of whose log shipping its user databases are the destination

    @property
    def machine(self):
        return self.name.partition("\\")[0]

    @property
    def service(self):
        return self.name.partition("\\")[2] or "MSSQLSERVER"


def fill(instance, about):
    """Everything that the instance tells of itself."""
    clustered = about.kind == "fci"
    edition, engine = EDITIONS[about.edition]
    folder = rf"{about.drive or ('S' if clustered or about.restoring else 'D')}:\MSSQL15.{about.service}\MSSQL"
    instance.set_properties(
        IsClustered=int(clustered), IsHadrEnabled=int(about.kind == "replica"), MachineName=about.machine, **about.version,
        **dict(zip(("ProductMajorVersion", "ProductMinorVersion", "ProductBuild"), about.version["ProductVersion"].split("."), strict=False)),
        Edition=edition, EngineEdition=engine, Collation="Latin1_General_CI_AS",
        ComputerNamePhysicalNetBIOS=about.nodes[0].upper(), HadrManagerStatus=1 if about.kind == "replica" else 2, IsIntegratedSecurityOnly=0,
        InstanceDefaultDataPath=folder + "\\DATA\\", InstanceDefaultLogPath=folder.replace(folder[0], "L", 1) + "\\LOG\\",
        InstanceDefaultBackupPath=folder + "\\Backup", IsSingleUser=0, IsFullTextInstalled=0, ProcessID=4188)
    instance.create_table("master", "sys.database_recovery_status", RECOVERY_STATUS)
    instance.create_table("msdb", "dbo.logmarkhistory", LOGMARK)
    instance.insert("master", "sys.configurations", [
        {"configuration_id": number, "name": name, "value": about.configuration.get(name, value), "minimum": 0, "maximum": 2147483647,
         "value_in_use": about.configuration.get(name, value), "description": name, "is_dynamic": 1, "is_advanced": int(name != "remote access")}
        for name, (number, value) in CONFIGURATION.items()])
    _services(instance, about, clustered)
    if clustered:
        instance.insert("master", "sys.dm_os_cluster_nodes", [
            {"NodeName": node.upper(), "status": 0, "status_description": "up", "is_current_owner": int(place == 0)}
            for place, node in enumerate(about.nodes)])
    instance.insert("master", "sys.dm_os_sys_info", [{"cpu_count": 8, "sqlserver_start_time": about.started, "physical_memory_kb": 33553844}])
    _databases(instance, about, folder)
    _servers(instance, about)
    _principals(instance, about)
    instance.insert("msdb", "dbo.syssessions", [{"session_id": 1, "agent_start_date": about.started + timedelta(seconds=40)}])
    instance.insert("msdb", "dbo.sysoperators", [{
        "id": 1, "name": "BizTalk operations", "enabled": 1, "email_address": "biztalk-ops@contoso.test", "last_email_date": 0, "last_email_time": 0,
        "weekday_pager_start_time": 90000, "weekday_pager_end_time": 180000, "saturday_pager_start_time": 90000, "saturday_pager_end_time": 180000,
        "sunday_pager_start_time": 90000, "sunday_pager_end_time": 180000, "pager_days": 0, "last_pager_date": 0, "last_pager_time": 0,
        "last_netsend_date": 0, "last_netsend_time": 0, "category_id": 0}])
    instance.insert("msdb", "dbo.syscategories", [{"category_id": 0, "category_class": 1, "category_type": 1, "name": "[Uncategorized (Local)]"}])


def _services(instance, about, clustered):
    named = about.service != "MSSQLSERVER"
    for number, (text, binary) in enumerate(((f"SQL Server ({about.service})", "sqlservr"), (f"SQL Server Agent ({about.service})", "SQLAGENT"))):
        instance.insert("master", "sys.dm_server_services", [{
            "servicename": text, "startup_type": 3 if clustered else 2, "startup_type_desc": "Manual" if clustered else "Automatic", "status": 4,
            "status_desc": "Running", "process_id": 4188 + number * 244, "last_startup_time": about.started + timedelta(seconds=number * 40),
            "service_account": number and about.agent_account or about.account, "is_clustered": "Y" if clustered else "N",
            "cluster_nodename": about.nodes[0].upper() if clustered else None,
            "filename": rf'"C:\Program Files\Microsoft SQL Server\MSSQL15.{about.service}\MSSQL\Binn\{binary}.exe"' + (f" -s{about.service}" if named else ""),
            "instant_file_initialization_enabled": "Y" if number == 0 else "N"}])


def _databases(instance, about, folder):
    for number, (name, kind) in enumerate({**{name: name for name in ("master", "tempdb", "model", "msdb")}, **about.databases}.items(), 1):
        if number > 4:
            instance.add_database(name, {"custom": "BizTalkRuleEngineDb"}.get(kind, kind))
        system = number <= 4
        _database(instance, number, name, kind, about.restoring if about.restoring and not system else about.name,
                  about.started if name == "tempdb" else INSTALLED if system else CREATED, "RESTORING" if about.restoring and not system else "ONLINE",
                  name == "model" or not system and kind not in ("BAMArchive", "BAMStarSchema"))
        _files(instance, number, name, kind, folder)


def add_database(instance, name, kind, now):
    """A database that a restore makes; it has no files yet."""
    instance.add_database(name, kind)
    _database(instance, highest(instance, "master.sys.databases", "database_id") + 1, name, kind, instance.name, now, "RESTORING", True)


def _database(instance, number, name, kind, source, created, state, full):
    """The rows of one database; *source*: the instance that it comes from."""
    box = kind == "BizTalkMsgBoxDb"
    instance.insert("master", "sys.databases", [{
        "name": name, "database_id": number, "owner_sid": b"\1", "create_date": created,
        "compatibility_level": 150, "collation_name": "Latin1_General_CI_AS", "user_access": 0, "user_access_desc": "MULTI_USER", "is_read_only": 0,
        "is_auto_close_on": 0, "is_auto_shrink_on": 0, "state": STATES[state], "state_desc": state, "is_in_standby": 0, "is_cleanly_shutdown": 0,
        "snapshot_isolation_state": 0, "snapshot_isolation_state_desc": "OFF", "is_read_committed_snapshot_on": 0,
        "recovery_model": MODELS["FULL" if full else "SIMPLE"], "recovery_model_desc": "FULL" if full else "SIMPLE", "page_verify_option": 2,
        "page_verify_option_desc": "CHECKSUM", "is_auto_create_stats_on": int(not box), "is_auto_update_stats_on": int(not box),
        "is_auto_update_stats_async_on": 0, "is_trustworthy_on": 0, "is_db_chaining_on": int(name in ("master", "tempdb", "msdb")),
        "is_broker_enabled": int(name == "msdb"), "is_published": 0, "is_subscribed": 0, "is_merge_published": 0, "is_distributor": 0,
        "is_encrypted": 0, "is_query_store_on": 0, "log_reuse_wait": 0, "log_reuse_wait_desc": "NOTHING", "containment": 0,
        "containment_desc": "NONE", "target_recovery_time_in_seconds": 60, "delayed_durability": 0, "delayed_durability_desc": "DISABLED",
        "physical_database_name": name, "is_cdc_enabled": 0}])
    instance.insert("master", "sys.database_mirroring", [{"database_id": number}])
    instance.insert("master", "sys.database_recovery_status", [{
        "database_id": number, "database_guid": guid("database", source, name), "family_guid": guid("database", source, name),
        "recovery_fork_guid": guid("fork", source, name), "first_recovery_fork_guid": guid("fork", source, name), "last_log_backup_lsn": None}])


def _files(instance, number, name, kind, folder):
    drives = ("T", "M") if kind == "BizTalkDTADb" else (folder[0], "L")      # the tracking database has volumes of its own
    data, log = (folder.replace(folder[0], drive, 1) + end for drive, end in zip(drives, (rf"\DATA\{name}.mdf", rf"\LOG\{name}_log.ldf"), strict=True))
    megabytes = MEGABYTES.get(kind, 500)
    replace_files(instance, number, name, [
        {"file_id": place, "file_guid": guid("file", folder, name, place), "type": kind_, "name": own, "physical_name": path, "size": size * 128,
         "max_size": -1 if not kind_ else 268435456}
        for place, kind_, own, path, size in ((1, 0, name, data, megabytes), (2, 1, name + "_log", log, max(megabytes // 4, 8)))])


def replace_files(instance, number, name, files):
    """A database has these files and no others: file_id, file_guid, type, name, physical_name, size, max_size as sys.master_files has them."""
    for table, where, values in (("master.sys.master_files", "database_id = ?", (number,)), ("master.sys.dm_os_volume_stats", "database_id = ?", (number,)),
                                 (f"{instance.database(name)}.sys.database_files", "1", ())):
        instance.query(f'DELETE FROM "{table}" WHERE {where}', values)
    files = [{**file, "type_desc": ("ROWS", "LOG")[file["type"]], "data_space_id": 1 - file["type"], "state": 0, "state_desc": "ONLINE", "growth": 8192,
              "is_percent_growth": 0} for file in files]
    instance.insert("master", "sys.master_files", [{"database_id": number, "is_media_read_only": 0, "is_read_only": 0, "is_sparse": 0,
                                                   "is_name_reserved": 0, "create_lsn": lsn(0), **file} for file in files])
    instance.insert(name, "sys.database_files", files)
    instance.insert("master", "sys.dm_os_volume_stats", [
        {"database_id": number, "file_id": file["file_id"], "volume_mount_point": file["physical_name"][:3],
         "volume_id": rf"\\?\Volume{{{guid('volume', file['physical_name'][0]).lower()}}}\\", "logical_volume_name": "SQL " + file["type_desc"].title(),
         "file_system_type": "NTFS", "total_bytes": 200 * 2**30, "available_bytes": 121 * 2**30} for file in files])


def _servers(instance, about):
    for number, name in enumerate([about.name, *about.linked]):
        instance.insert("master", "sys.servers", [{
            "server_id": number, "name": name, "product": "SQL Server", "provider": "SQLNCLI", "data_source": name, "connect_timeout": 0,
            "query_timeout": 0, "is_linked": int(number > 0), "is_remote_login_enabled": 1, "is_rpc_out_enabled": 1, "is_data_access_enabled": int(number > 0),
            "is_collation_compatible": 0, "uses_remote_collation": 1, "lazy_schema_validation": 0, "is_system": 0, "is_publisher": 0,
            "is_subscriber": 0, "is_distributor": 0, "is_nonsql_subscriber": 0, "is_remote_proc_transaction_promotion_enabled": 1,
            "modify_date": INSTALLED}])
        if number:
            instance.insert("master", "sys.linked_logins", [{"server_id": number, "local_principal_id": 0, "uses_self_credential": 1,
                                                             "modify_date": INSTALLED}])


def windows_sid(name):
    """The same SID for the same Windows principal on every instance."""
    if name == LOCAL_SYSTEM:
        return b"\1\1\0\0\0\0\0\5\x12\0\0\0"         # S-1-5-18
    return b"\1\5\0\0\0\0\0\5\x15\0\0\0" + bytes.fromhex(guid("sid", name.casefold()).replace("-", ""))


def _principals(instance, about):
    domain = about.account.partition("\\")[0]
    logins = [(about.account, "U", True), (LOCAL_SYSTEM, "U", False), (rf"{domain}\SQL Admins", "G", True)]
    logins += [(rf"{domain}\{group}", "G", False) for group in GROUPS] if about.databases else []
    instance.insert("master", "sys.server_principals", [
        {"name": "sysadmin", "principal_id": 3, "sid": b"\3", "type": "R", "type_desc": "SERVER_ROLE", "is_disabled": 0, "create_date": INSTALLED,
         "modify_date": INSTALLED}] + [
        {"name": name, "principal_id": 300 + number, "sid": windows_sid(name), "type": kind,
         "type_desc": "WINDOWS_LOGIN" if kind == "U" else "WINDOWS_GROUP", "is_disabled": 0, "create_date": INSTALLED, "modify_date": INSTALLED,
         "default_database_name": "master"} for number, (name, kind, _admin) in enumerate(logins)])
    members = [300 + number for number, (_name, _kind, admin) in enumerate(logins) if admin]
    instance.insert("master", "sys.server_role_members", [{"role_principal_id": 3, "member_principal_id": member} for member in [1, *members]])
    for number, (name, _kind, _admin) in enumerate(logins):
        asked = ("CONNECT SQL", "VIEW SERVER STATE", "ALTER ANY AVAILABILITY GROUP") if name == LOCAL_SYSTEM else ("CONNECT SQL",)
        instance.insert("master", "sys.server_permissions", [
            {"class": 100, "class_desc": "SERVER", "major_id": 0, "minor_id": 0, "grantee_principal_id": 300 + number, "grantor_principal_id": 1,
             "type": CODES[permission], "permission_name": permission, "state": "G", "state_desc": "GRANT"} for permission in asked])
    for database, kind in about.databases.items():
        if about.restoring or kind == "BAMStarSchema":
            continue
        instance.insert(database, "sys.database_principals", [
            {"name": "dbo", "principal_id": 1, "sid": b"\1", "type": "S", "type_desc": "SQL_USER", "default_schema_name": "dbo"},
            {"name": "BTS_BACKUP_USERS", "principal_id": 5, "type": "R", "type_desc": "DATABASE_ROLE"},
            {"name": "BTS_ADMIN_USERS", "principal_id": 6, "type": "R", "type_desc": "DATABASE_ROLE"},
            {"name": about.account, "principal_id": 7, "sid": windows_sid(about.account), "type": "U", "type_desc": "WINDOWS_USER",
             "default_schema_name": "dbo"},
            {"name": rf"{domain}\BizTalk Server Administrators", "principal_id": 8, "sid": windows_sid(rf"{domain}\BizTalk Server Administrators"),
             "type": "G", "type_desc": "WINDOWS_GROUP"}])
        instance.insert(database, "sys.database_role_members", [{"role_principal_id": 5, "member_principal_id": 7},
                                                                {"role_principal_id": 6, "member_principal_id": 8}])
