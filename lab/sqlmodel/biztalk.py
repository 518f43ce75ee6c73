"""The rows of BizTalk's databases: group, servers, hosts and their instances, handlers, receive locations, versions, heartbeats.

Sources: catalogue biztalkmgmt.json (columns, defaults) and management-db.md part 2 (meanings; flags are -1; Map, Install).
Hosts and instances are those of lab.estate, so that services on the servers and rows agree. Assumed: versions of 2020 CU6,
applications, ports and addresses; adapters beyond FILE, FTP, HTTP, SOAP and SQL.
"""
from __future__ import annotations

from datetime import datetime, timedelta

from lab.estate import BIZTALK_ACCOUNT, BIZTALK_HOSTS
from lab.sqlmodel.rows import guid

MADE = datetime(2024, 2, 6, 8, 45)
ADAPTERS = {"FILE": 11, "FTP": 80907, "HTTP": 387, "SQL": 81163, "SOAP": 899, "SMTP": 2, "SFTP": 80907, "WCF-Custom": 11, "WCF-WSHttp": 387}
ISOLATED = ("HTTP", "SOAP", "WCF-WSHttp")           # received by an isolated host
CLUSTERED = ("FTP", "SFTP")                         # received by a clustered host, where there is one
THROTTLING = {"MessageDeliverySampleSpaceSize": 100, "MessageDeliverySampleSpaceWindow": 15000, "MessageDeliveryOverdriveFactor": 125,
              "MessageDeliveryMaximumDelay": 300000, "MessagePublishSampleSpaceSize": 100, "MessagePublishSampleSpaceWindow": 15000,
              "MessagePublishOverdriveFactor": 125, "MessagePublishMaximumDelay": 300000, "DeliveryQueueSize": 100, "DBSessionThreshold": 0,
              "GlobalMemoryThreshold": 0, "ProcessMemoryThreshold": 25, "ThreadThreshold": 0, "DBQueueSizeThreshold": 50000,
              "InflightMessageThreshold": 1000, "ThreadPoolSize": 20}
PARTS = ("BizTalkMgmtDb", "BizTalkMsgBoxDb", "BizTalkDTADb", "SSODB", "BAMPrimaryImport", "BizTalkRuleEngineDb")
PROCEDURES = {  # in each backed up database
    "sp_SetMark": [["name", "nvarchar(128)", True, False]], "sp_SetMarkRemote": [["name", "nvarchar(128)", True, False]],
    "sp_GetServerVersion": [["version", "int", True, True]], "sp_GetServerName": [["name", "sysname", True, True]],
    "sp_BackupBizTalk": [["DBName", "sysname", True, False], ["BackupLocation", "nvarchar(4000)", True, False], ["bCompression", "bit", True, False],
                         ["BackupType", "nvarchar(20)", True, False]],
    "sp_BackupBizTalkFull": [["seq", "nvarchar(128)", True, False], ["path", "nvarchar(3000)", True, False],
                             ["BackupLocation", "nvarchar(4000)", True, True], ["bCompression", "bit", False, False]],
    "sp_BackupBizTalkLog": [["seq", "nvarchar(128)", True, False], ["path", "nvarchar(3000)", True, False],
                            ["BackupLocation", "nvarchar(4000)", True, True], ["bCompression", "bit", False, False]],
    "sp_CleanUpMarkLog": [["MarkName", "nvarchar(128)", True, False]],
}
OLDER = {name: [one for one in parameters if one[0] != "bCompression"]              # in SSODB
         for name, parameters in PROCEDURES.items() if name != "sp_BackupBizTalk"}
VIEW = """
SELECT CAST('{server}' AS TEXT) AS ServerName, CAST('{database}' AS TEXT) AS DatabaseName
UNION SELECT TrackingDBServerName, TrackingDBName FROM "{database}.dbo.adm_Group" WHERE TrackingDBServerName <> ''
UNION SELECT BamDBServerName, BamDBName FROM "{database}.dbo.adm_Group" WHERE BamDBServerName <> ''
UNION SELECT RuleEngineDBServerName, RuleEngineDBName FROM "{database}.dbo.adm_Group" WHERE RuleEngineDBServerName <> ''
UNION SELECT DBServerName, DBName FROM "{database}.dbo.adm_MessageBox"
UNION SELECT ServerName, DatabaseName FROM "{database}.dbo.adm_OtherBackupDatabases"
"""


def view(instance, database):
    """admv_BackupDatabases: the management database under the server's own name, and the five other parts."""
    quoted = {name: text.replace("'", "''") for name, text in {"server": instance.property("ServerName")}.items()}
    instance.create_view(database, "dbo.admv_BackupDatabases", {"ServerName": "nvarchar(128)", "DatabaseName": "nvarchar(128)"},
                         VIEW.format(database=database, **quoted))


def management(instance, places, sso_server, instances, others, now):
    """The management database. *places*: kind -> (server, database); *sso_server*: ENTSSO's; *instances*: those of ``estate.biztalk_instances``; *others*:
    rows (friendly name, database, server) beside SSODB; *now*: the server's time in UTC, naive."""
    database = places["BizTalkMgmtDb"][1]

    def put(table, rows):
        instance.insert(database, f"dbo.{table}", rows)
    hosts = {name: number for number, name in enumerate(BIZTALK_HOSTS, 1)}
    servers = {name: number for number, name in enumerate(dict.fromkeys(one["server"] for one in instances), 1)}
    default = next(name for name, about in BIZTALK_HOSTS.items() if about["default"])
    put("adm_Group", [{
        "Id": 1, "Name": "BizTalk Group", "DateModified": MADE, "BizTalkAdminGroup": r"CONTOSO\BizTalk Server Administrators",
        "BizTalkOperatorGroup": r"CONTOSO\BizTalk Server Operators", "BizTalkB2BOperatorGroup": r"CONTOSO\BizTalk Server B2B Operators",
        "BizTalkReadOnlyUserGroup": r"CONTOSO\BizTalk Server Read Only Users", **_place("TrackingDB", places["BizTalkDTADb"]),
        **_place("SubscriptionDB", places["BizTalkMsgBoxDb"]), "TrackAnalysisServerName": "", "TrackAnalysisDBName": "",
        **_place("BamDB", places["BAMPrimaryImport"]), **_place("RuleEngineDB", places["BizTalkRuleEngineDb"]), "SSOServerName": sso_server,
        "GlobalTrackingOption": 1, "SignCertName": "", "SignCertThumbprint": "", "ConfigurationCacheRefreshInterval": 60,
        "TrackingConfiguration": b"", "LMSFragmentSize": 102400, "LMSThreshold": 1048576, "DefaultHostId": hosts[default],
        "GroupPropertyIdentifier": guid("group property"), "UUID": guid("group", database)}])
    put("adm_GroupSetting", [{"GroupId": 1, "PropertyName": name, "PropertyValue": value} for name, value in (
        ("PerfCounterCacheRefreshInterval", "60"), ("AllowTrackingSettingsImport", "True"), ("AnalyticsEnabled", "False"),
        ("AuditingEnabled", "False"), ("MaxAuditEntries", "30000"), ("ReceiverFaultToleranceEnabled", "True"),
        ("ReceiverFaultToleranceRetryInterval", "60"))])
    put("adm_Server", [{"Id": number, "Name": name, "DateModified": MADE} for name, number in servers.items()])
    put("adm_Host", [{
        "Id": number, "GroupId": 1, "Name": name, "NTGroupName": r"CONTOSO\BizTalk " + ("Isolated Host Users" if _about(name)["type"] == 2
                                                                                        else "Application Users"),
        "DateModified": MADE, "LastUsedLogon": BIZTALK_ACCOUNT, "HostTracking": -1 if _about(name)["tracking"] else 0, "AuthTrusted": 0,
        "HostType": _about(name)["type"], "DecryptCertName": "", "DecryptCertThumbprint": "", "IsHost32BitOnly": int(_about(name)["only_32_bit"]),
        "ClusterResourceGroupName": next((one["cluster_group"] for one in instances if one["host"] == name), ""), **THROTTLING}
        for name, number in hosts.items()])
    mapped = {(one["server"], one["host"]) for one in instances}
    pairs = {(server, host): number for number, (server, host) in enumerate(((s, h) for s in servers for h in hosts), 1)}
    put("adm_Server2HostMapping", [{"Id": number, "ServerId": servers[server], "HostId": hosts[host], "DateModified": MADE,
                                    "IsMapped": -1 if (server, host) in mapped else 0} for (server, host), number in pairs.items()])
    put("adm_HostInstance", [{
        "Id": number, "Svr2HostMappingId": pairs[one["server"], one["host"]], "Name": f"Microsoft BizTalk Server {one['host']} {one['server']}",
        "DateModified": MADE, "LoginName": BIZTALK_ACCOUNT, "DisableHostInstance": 0, "ConfigurationState": 1,
        "UniqueId": guid("instance", one["host"], one["server"]), "InstallationContext": ""} for number, one in enumerate(instances, 1)])
    _handlers(put, hosts, instances)
    put("adm_MessageBox", [{"Id": 1, "GroupId": 1, "DateModified": MADE, **_place("DB", places["BizTalkMsgBoxDb"]), "DisableNewMsgPublication": 0,
                            "ConfigurationState": 1, "UniqueId": guid("messagebox", database), "IsMasterMsgBox": -1}])
    put("adm_OtherBackupDatabases", [
        {"DefaultDatabaseName": friendly, "DatabaseName": name, "ServerName": server, "BTSServerName": next(iter(servers))}
        for friendly, name, server in [("SSO", places["SSODB"][1], places["SSODB"][0]), *others]])
    put("adm_BackupSettings", [{"UseCompression": 0, "ForceFull": 0}])
    put("adm_BackupSetId", [{"NextBackupSetId": 1}])
    put("BizTalkDBVersion", [{"BizTalkDBName": "Management DB", "DatabaseMajor": 3, "DatabaseMinor": 13, "DatabaseBuildNumber": 717,
                              "DatabaseRevision": 0, "ProductMajor": 3, "ProductMinor": 13, "ProductBuildNumber": 717, "ProductRevision": 0,
                              "ProductLanguage": "1033", "Description": "BizTalk Server 2020", "Modified": MADE}])
    put("BizTalkCUVersion", [{"CU": 6, "Major": 3, "Minor": 13, "Build": 867, "Revision": 0, "Modified": MADE + timedelta(days=400)}])
    _tracking(put, instances, places, now)


def _about(host):
    return BIZTALK_HOSTS[host]


def _place(prefix, place):
    """Two columns of adm_Group or adm_MessageBox that say where a database is."""
    server, name = place
    return {f"{prefix}ServerName": server, f"{prefix}Name": name}


def _handlers(put, hosts, instances):
    """Adapters, their handlers, and two applications with receive ports and locations."""
    adapters = {name: number for number, name in enumerate(ADAPTERS, 1)}
    clustered = next((one["host"] for one in instances if one["cluster_group"]), "BizTalkServerApplication")
    receives = {name: "BizTalkServerIsolatedHost" if name in ISOLATED else clustered if name in CLUSTERED else "BizTalkServerApplication"
                for name in ADAPTERS if name != "SMTP"}
    put("adm_Adapter", [{"Id": number, "Name": name, "Capabilities": ADAPTERS[name], "Comment": f"{name} adapter", "DateModified": MADE,
                         "MgmtCLSID": guid("adapter", name), "PropertyNameSpace": f"http://schemas.microsoft.com/BizTalk/2003/{name.lower()}"}
                        for name, number in adapters.items()])
    put("adm_ReceiveHandler", [{"Id": number, "GroupId": 1, "AdapterId": adapters[name], "HostId": hosts[host], "uidCustomCfgID": guid("receive", name),
                                "uidReceiveLocationSSOAppID": guid("receive sso", name), "DateModified": MADE}
                               for number, (name, host) in enumerate(receives.items(), 1)])
    put("adm_SendHandler", [{"Id": number, "GroupId": 1, "AdapterId": adapters[name], "HostId": hosts["SendHost"], "IsDefault": 1,
                             "uidCustomCfgID": guid("send", name), "uidTransmitLocationSSOAppId": guid("send sso", name), "DateModified": MADE}
                            for number, name in enumerate(ADAPTERS, 1)])
    put("bts_application", [{"nID": 1, "nvcName": "BizTalk.System", "isDefault": 0, "isSystem": 1, "DateModified": MADE},
                            {"nID": 2, "nvcName": "BizTalk Application 1", "isDefault": 1, "isSystem": 0, "DateModified": MADE},
                            {"nID": 3, "nvcName": "Orders", "isDefault": 0, "isSystem": 0, "DateModified": MADE}])
    places = [("FILE", r"\\fs01\in\orders\*.xml"), ("FTP", "ftp://partner.test:21/out/*.csv"), ("WCF-WSHttp", "/Orders/Receive.svc"), ("SQL", "SQL://orders/")]
    put("bts_receiveport", [{"nID": number, "nvcName": f"Orders.{adapter}.In", "bTwoWay": 0, "nAuthentication": 0, "nTracking": 0,
                             "uidGUID": guid("port", adapter), "DateModified": MADE, "nApplicationID": 3, "bRouteFailedMessage": 1}
                            for number, (adapter, _url) in enumerate(places, 1)])
    put("adm_ReceiveLocation", [{
        "Id": number, "AdapterId": adapters[adapter], "Name": f"Orders.{adapter}.In.Location", "ReceiveHandlerId": list(receives).index(adapter) + 1,
        "GroupId": 1, "DateModified": MADE, "Comment": "", "OperatingWindowEnabled": 0, "StartDTEnabled": 0, "StopDTEnabled": 0, "Disabled": 0,
        "bSSOMappingExists": 1, "InboundTransportURL": url, "ReceivePortId": number, "IsPrimary": -1, "Fragmentation": 0,
        "uidCustomCfgID": guid("location", adapter)} for number, (adapter, url) in enumerate(places, 1)])


def _tracking(put, instances, places, now):
    """TDDS: a service for each instance of a tracking host, heartbeats up to *now*, settings and sources."""
    services = [one for one in instances if _about(one["host"])["tracking"]]
    put("TDDS_Services", [{"ServiceID": guid("instance", one["host"], one["server"]), "ServerName": one["server"][:32]} for one in services])
    put("TDDS_Heartbeats", [{"ServiceID": guid("instance", one["host"], one["server"]), "SourceID": None, "Age": age,
                             "TimeLastChanged": now - timedelta(seconds=60 * age + 11), "RecordsProcessed": 0, "Latency": 0.0, "EventsProcessed": 0,
                             "RecordsLeft": 0, "ErrorCode": 0, "ErrorDescription": "TDDS_AdviceSessions called"}
                            for one in services for age in range(3)])
    put("TDDS_Settings", [{"RefreshInterval": 60, "SqlCommandTimeout": 30, "SessionTimeout": 300, "EventLoggingInterval": "2", "RetryCount": 10,
                           "ThreadPerSession": 2}])
    destinations = {"Business Monitoring": "BAMPrimaryImport", "Health Monitoring": "BizTalkDTADb"}
    put("TDDS_Destinations", [{"DestinationID": guid("destination", name), "DestinationName": name,
                               "ConnectionString": "Data Source={};Initial Catalog={};Integrated Security=SSPI".format(*places[kind])}
                              for name, kind in destinations.items()])
    put("TDDS_Sources", [{"SourceID": guid("source", name), "DestinationID": guid("destination", name), "SourceName": "TDDS " + name,
                          "ConnectionString": "Data Source={};Initial Catalog={};Integrated Security=SSPI".format(*places["BizTalkMsgBoxDb"]),
                          "StreamType": number, "AcceptableLatency": 0, "Enabled": 1} for number, name in enumerate(destinations)])


def messagebox(instance, database, instances, now):
    """Heartbeats of the in-process instances in a MessageBox; of a clustered host only the first server's runs."""
    running = {}
    for one in instances:
        if _about(one["host"])["type"] == 1 and not (one["cluster_group"] and one["host"] in {host for host, _server in running}):
            running[one["host"], one["server"]] = one
    instance.insert(database, "dbo.ProcessHeartbeats", [
        {"uidProcessID": guid("instance", host, server), "nvcApplicationName": host, "dtCreationTime": now - timedelta(days=16),
         "dtLastHeartbeatTime": now - timedelta(seconds=23), "dtNextHeartbeatTime": now + timedelta(seconds=577)} for host, server in running])
