"""From a short description of an estate to the healthy documents of its hosts, clusters, shares and users.

The description is the ``estate`` of a scenario file; lab/scenarios/healthy.yml shows every key.
"""
from __future__ import annotations

import base64
import struct
import uuid
from datetime import UTC, datetime, timedelta

from lab import files, membership, parts

ROOT = uuid.UUID("5d0b64a4-6a2b-4b4e-9a4b-2f3a5c1f0a11")
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
DTC_SECURITY = r"HKLM\SOFTWARE\Microsoft\MSDTC\Security"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\System"
SQL_ROOT = r"HKLM\SOFTWARE\Microsoft\Microsoft SQL Server"
DTC_DEFAULTS = {"NetworkDtcAccess": 1, "NetworkDtcAccessInbound": 1, "NetworkDtcAccessOutbound": 1, "NetworkDtcAccessTransactions": 1,
                "NetworkDtcAccessClients": 0, "NetworkDtcAccessAdmin": 0, "XaTransactions": 0, "LuTransactions": 1,
                "AllowOnlySecureRpcCalls": 0, "FallbackToUnsecureRPCIfNecessary": 1, "TurnOffRpcSecurity": 0}

LANGUAGES = {
    "en": {"caption": "Microsoft Windows Server 2019 Standard", "language": 1033, "culture": "en-US", "core": "Cluster Group",
           "storage": "Available Storage", "name": "Cluster Name", "ip": "Cluster IP Address", "network": "Cluster Network {}",
           "disk": "Cluster Disk {}", "adapter": "Ethernet", "report": "Validation Report", "types": {"File Share Witness": "File Share Witness"},
           "services": {"ClusSvc": "Cluster Service", "ENTSSO": "Enterprise Single Sign-On Service",
                        "MSDTC": "Distributed Transaction Coordinator", "W32Time": "Windows Time"}},
    "de": {"caption": "Microsoft Windows Server 2019 Standard", "language": 1031, "culture": "de-DE", "core": "Clustergruppe",
           "storage": "Verf\u00fcgbarer Speicher", "name": "Clustername", "ip": "Cluster-IP-Adresse", "network": "Clusternetzwerk {}",
           "disk": "Clusterdatentr\u00e4ger {}", "adapter": "Ethernet", "report": "Validierungsbericht",
           "types": {"File Share Witness": "Dateifreigabezeuge", "Physical Disk": "Physischer Datentr\u00e4ger",
                     "Network Name": "Netzwerkname", "IP Address": "IP-Adresse", "Generic Service": "Allgemeiner Dienst",
                     "Cloud Witness": "Cloudzeuge"},
           "services": {"ClusSvc": "Clusterdienst", "ENTSSO": "Enterprise Single Sign-On-Dienst",
                        "MSDTC": "Distributed Transaction Coordinator", "W32Time": "Windows-Zeitgeber"}},
}
CLUSTER_PROPERTIES = {
    "AddEvictDelay": 60, "AdministrativeAccessPoint": 1, "AutoAssignNodeSite": 0, "AutoBalancerMode": 2, "AutoBalancerLevel": 1,
    "BlockCacheSize": 1024, "ClusSvcHangTimeout": 60, "ClusSvcRegroupStageTimeout": 15, "ClusSvcRegroupTickInMilliseconds": 300,
    "ClusterFunctionalLevel": 10, "ClusterUpgradeVersion": 3, "ClusterGroupWaitDelay": 120, "ClusterLogLevel": 3, "ClusterLogSize": 1500,
    "CrossSiteDelay": 1000, "CrossSiteThreshold": 20, "CrossSubnetDelay": 1000, "CrossSubnetThreshold": 20, "DefaultNetworkRole": 2,
    "DrainOnShutdown": 1, "DumpPolicy": 1376850201, "DynamicQuorum": 1, "EnableSharedVolumes": 1, "GroupDependencyTimeout": 600,
    "HangRecoveryAction": 6, "MaximumParallelMigrations": 1, "MessageBufferLength": 50, "MinimumNeverPreemptPriority": 3000,
    "MinimumPreemptorPriority": 1, "NetftIPSecEnabled": 1, "QuarantineDuration": 7200, "QuarantineThreshold": 3,
    "QuorumArbitrationTimeMax": 20, "RequestReplyTimeout": 60, "ResiliencyDefaultPeriod": 240, "ResiliencyLevel": 2,
    "RouteHistoryLength": 40, "SameSubnetDelay": 1000, "SameSubnetThreshold": 20, "SecurityLevel": 1, "SharedVolumesRoot": "C:\\ClusterStorage",
    "SharedVolumeVssWriterOperationTimeout": 1800, "ShutdownTimeoutInMinutes": 20, "UseClientAccessNetworksForSharedVolumes": 2,
    "WitnessDatabaseWriteTimeout": 300, "WitnessDynamicWeight": 1, "WitnessRestartInterval": 15, "LowerQuorumPriorityNodeId": 0,
}
RESOURCE_PROPERTIES = {
    "DeadlockTimeout": 300000, "IsAlivePollInterval": 4294967295, "LooksAlivePollInterval": 4294967295, "PendingTimeout": 180000,
    "PersistentState": 1, "RestartAction": 2, "RestartDelay": 500, "RestartPeriod": 900000, "RestartThreshold": 1,
    "RetryPeriodOnFailure": 3600000, "EmbeddedFailureAction": 2, "Description": "", "SeparateMonitor": False,
}
GROUP_PROPERTIES = {
    "AutoFailbackType": 0, "ColdStartSetting": 0, "DefaultOwner": 4294967295, "Description": "", "FailoverPeriod": 6,
    "FailoverThreshold": 4294967295, "FailbackWindowEnd": 4294967295, "FailbackWindowStart": 4294967295, "FaultDomain": 4294967295,
    "PersistentState": 1, "Priority": 2000, "ResiliencyPeriod": 4294967295, "UpdateDomain": 4294967295,
}

BIZTALK_HOSTS = {   # hosts of the BizTalk group, as its management database has them; clustered: where a cluster carries ENTSSO
    "BizTalkServerApplication": {"type": 1, "tracking": False, "only_32_bit": True, "default": True, "clustered": False},
    "BizTalkServerIsolatedHost": {"type": 2, "tracking": False, "only_32_bit": True, "default": False, "clustered": False},
    "ReceiveHost": {"type": 1, "tracking": False, "only_32_bit": False, "default": False, "clustered": True},
    "SendHost": {"type": 1, "tracking": False, "only_32_bit": False, "default": False, "clustered": False},
    "TrackingHost": {"type": 1, "tracking": True, "only_32_bit": False, "default": False, "clustered": False},
}
BIZTALK_ACCOUNT = r"CONTOSO\svc-bts"
BIZTALK = r"HKLM\SOFTWARE\Microsoft\BizTalk Server\3.0"
BIZTALK_UPDATE = (r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall"
                  r"\Microsoft BizTalk Server 2020 Cumulative Update 6")     # the name of the key: a field script finds updates by it
RESTART_THRICE = base64.b64encode(struct.pack("<11I", 86400, 0, 0, 3, 20, *(1, 60000) * 3)).decode()   # SERVICE_FAILURE_ACTIONS, winsvc.h


def guid(*parts):
    return str(uuid.uuid5(ROOT, "/".join(parts)))


def biztalk_instances(description):
    """The host instances of the estate's BizTalk servers: ``[{"host", "server", "cluster_group"}]``, the last "" where not clustered.

    Nodes of a cluster that carries ENTSSO have instances of the clustered hosts only (any other would stop with ENTSSO), the
    servers outside of all others; where no cluster carries it, every server has all.
    """
    servers = [name for name, host in description["hosts"].items() if "biztalk" in (host or {}).get("groups", ())]
    carried = {node: cluster["sso"] for cluster in description.get("clusters", {}).values() if cluster.get("sso") for node in cluster["nodes"]}
    there = any(server in carried for server in servers)
    return [{"host": name, "server": server.upper(), "cluster_group": carried[server] if about["clustered"] and there else ""}
            for name, about in BIZTALK_HOSTS.items() for server in servers
            if not there or about["clustered"] == (server in carried)]


def build(description, clock=None):
    """The documents of a healthy estate: ``{"hosts", "clusters", "shares", "users"}``; its hosts started 16 days before *clock*.

    Hosts whose description has the key of a part (lab/parts) are then filled by it; parts find the *description* and the *clock* there too.
    """
    now = datetime.fromisoformat(str(clock or datetime.now(UTC)).replace("Z", "+00:00"))
    started = (now - timedelta(days=16)).strftime("%Y-%m-%dT03:12:40.5000000Z")
    domain = description.get("domain", "contoso.test")
    netbios = domain.split(".")[0].upper()
    estate = {"hosts": {}, "clusters": {}, "users": {}, "shares": {}}
    for number, (name, host) in enumerate(description["hosts"].items()):
        estate["hosts"][name] = _host(name, host or {}, domain, number, started)
    group = description.get("biztalk_group") or {"on": "SQLBTS", "databases": {}}
    management = group["on"], group["databases"].get("BizTalkMgmtDb", "BizTalkMgmtDb")
    for instance in biztalk_instances(description):
        _biztalk_instance(estate["hosts"][instance["server"].lower()], instance["host"], bool(instance["cluster_group"]), management)
    for name, cluster in description.get("clusters", {}).items():
        estate["clusters"][name] = Cluster(name, cluster, domain, estate, biztalk_instances(description), now).document()
    for path, share in description.get("shares", {}).items():
        estate["shares"][path] = _share(path, share, netbios, estate["hosts"])
    for name, user in description["users"].items():
        estate["users"][name.replace("{domain}", netbios)] = {
            "password": user["password"], "admin": user.get("admin", True), "remote": user.get("remote", True), "clusters": user.get("clusters", {}),
            "groups": [group.replace("{domain}", netbios) for group in user.get("groups", [])]}
    for cluster in estate["clusters"].values():
        membership.settle(cluster, estate["hosts"])
    estate.update(clock=now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"), description=description)
    for name, host in description["hosts"].items():
        parts.build(estate["hosts"][name], host or {}, name, estate)
    del estate["clock"], estate["description"]
    return estate


def _share(path, share, netbios, hosts):
    """A share's document; the folder of one that a host of the lab holds is made there, for those whom the share lets in."""
    if "access" not in share:
        return dict(share)
    access = {who.replace("{domain}", netbios): right for who, right in share["access"].items()}
    if "path" in share:
        rights = {**{files.ADMINISTRATORS: "Full", files.SYSTEM: "Full"}, **access}
        files.add_folder(hosts[path.strip("\\").split("\\")[0]], share["path"], files.acl(*(
            (who, {"Full": "FullControl", "Change": "Modify", "Read": "ReadAndExecute"}[right]) for who, right in rights.items())))
    return {**share, "access": access}


def _host(name, host, domain, number, started):
    words = LANGUAGES[host.get("language", "en")]
    clustered = bool(host.get("cluster"))
    services = {"MSDTC": "Auto", "W32Time": "Auto", "ENTSSO": "Auto" if "sso" in host else None, "ClusSvc": "Auto" if clustered else None}
    document = {
        "name": name.upper(), "domain": domain, "powered": True, "cluster": host.get("cluster"), "language_mode": "FullLanguage",
        "modules": [*MODULES, *(["FailoverClusters"] if clustered else [])],
        "os": {"caption": words["caption"], "build": "17763", "revision": 6532, "culture": words["culture"],
               "language": words["language"], "started": started, "installed": "2024-02-05T09:00:00.0000000Z"},
        "drives": list(host.get("drives", "CD")), "tasks": {},
        "address": f"10.0.{number // 200}.{number % 200 + 11}",
        "adapters": {words["adapter"]: True, words["adapter"] + " 2": True},
        "services": {s: {"display": words["services"][s], "state": "Running", "mode": mode, "account": ACCOUNTS.get(s, r"NT AUTHORITY\LocalService")}
                     for s, mode in services.items() if mode},
        "registry": _registry(name, host, number),
        "unreadable": {},           # object type -> properties whose getter throws; a test's hook
    }
    for folder in FOLDERS:
        files.add_folder(document, folder)
    for folder in (r"C:\Windows", r"C:\Program Files", r"C:\Program Files (x86)"):     # users may read there and no more
        files.add_folder(document, folder, files.acl(*((who, right) for who, right, _kind in files.ROOT_ACL[:3])))
    return document


def _biztalk_instance(server, host, clustered, management):
    """What an installed host instance leaves on its server: the version of the binaries, and the service of an in-process one."""
    server["registry"][BIZTALK] = {"ProductName": ["String", "Microsoft BizTalk Server 2020"], "ProductVersion": ["String", "3.13.717.0"]}
    server["registry"][BIZTALK + r"\Administration"] = {"MgmtDBServer": ["String", management[0]], "MgmtDBName": ["String", management[1]]}
    server["registry"][BIZTALK_UPDATE] = {"DisplayName": ["String", "Microsoft BizTalk Server 2020 Cumulative Update 6"]}
    if BIZTALK_HOSTS[host]["type"] != 1:
        return
    service = f"BTSSvc${host}"
    server["services"][service] = {"display": f"BizTalk Service BizTalk Group : {host}", "account": BIZTALK_ACCOUNT,
                                   "state": "Stopped" if clustered else "Running", "mode": "Manual" if clustered else "Auto"}
    server["registry"][rf"HKLM\SYSTEM\CurrentControlSet\Services\{service}"] = {
        "DelayedAutostart": ["DWord", int(not clustered)], "FailureActions": ["Binary", RESTART_THRICE], "ObjectName": ["String", BIZTALK_ACCOUNT]}


MODULES = ("CimCmdlets", "Microsoft.PowerShell.Diagnostics", "Microsoft.PowerShell.Management", "Microsoft.PowerShell.Security",
           "Microsoft.PowerShell.Utility", "MsDtc", "NetAdapter", "ScheduledTasks", "ServerManager", "SmbShare", "Storage", "iSCSI")
FOLDERS = (r"C:\Windows\System32", r"C:\Windows\SysWOW64", r"C:\Windows\Temp", r"C:\ProgramData", r"C:\Users\Public",
           r"C:\Program Files\Common Files", r"C:\Program Files (x86)\Common Files")
ACCOUNTS = {"MSDTC": r"NT AUTHORITY\NetworkService", "ClusSvc": "LocalSystem", "ENTSSO": r"CONTOSO\svc-sso"}


def _registry(name, host, number):
    """``key -> {value: [kind, data]}`` with full key names; the default value is the empty name."""
    cid = guid("cid", name)
    keys = {
        CURRENT_VERSION: {"EditionID": ["String", "ServerStandard"], "InstallationType": ["String", "Server"],
                          "ProductName": ["String", "Windows Server 2019 Standard"], "ReleaseId": ["String", "1809"],
                          "CurrentBuild": ["String", "17763"], "UBR": ["DWord", 6532]},
        CONTROL + r"\TimeZoneInformation": {"TimeZoneKeyName": ["String", "W. Europe Standard Time"], "Bias": ["DWord", 4294967236]},
        CONTROL + r"\Session Manager": {"ProtectionMode": ["DWord", 1]},
        CONTROL + r"\ComputerName\ActiveComputerName": {"ComputerName": ["String", name.upper()]},
        CONTROL + r"\ComputerName\ComputerName": {"ComputerName": ["String", name.upper()]},
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing": {"SessionIdHigh": ["DWord", 31145000 + number]},
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update": {"AcceleratedInstallRequired": ["DWord", 0]},
        DTC_SECURITY: {value: ["DWord", data] for value, data in DTC_DEFAULTS.items()},
    }
    if "policy" in host:            # the key is there, perhaps without a value
        keys[POLICY] = {name: ["DWord", data] for name, data in host["policy"].items()}
    for part, description in ((cid, "MSDTC"), (guid("uis", name), "MSDTCUIS"), (guid("tip", name), "MSDTCTIPGW"), (guid("xa", name), "MSDTCXATM")):
        keys[rf"HKLM\SOFTWARE\Classes\CID\{{{part}}}"] = {}
        keys[rf"HKLM\SOFTWARE\Classes\CID\{{{part}}}\Description"] = {"": ["String", description]}
    if host.get("sql"):
        instance = "MSSQL15." + host["sql"]
        keys[SQL_ROOT] = {"IsListenerActive": ["DWord", 0]}
        keys[SQL_ROOT + r"\Instance Names\SQL"] = {host["sql"]: ["String", instance]}
        keys[SQL_ROOT + rf"\{instance}\Setup"] = {"PatchLevel": ["String", "15.0.4385.2"], "Version": ["String", "15.0.4385.2"],
                                                  "Edition": ["String", "Enterprise Edition: Core-based Licensing"]}
    return keys


class Cluster:
    """Builds one cluster's document."""

    def __init__(self, name, description, domain, estate, instances, now):
        self.name, self.description, self.domain = name, description, domain
        self.words = LANGUAGES[description.get("language", "en")]
        self.nodes = description["nodes"]
        self.groups, self.resources = [], []
        self.disks, self.number = 0, len(estate["clusters"])
        self.hosts, self.instances, self.now = estate["hosts"], instances, now

    def document(self):
        core = self._group(self.words["core"], 1, self.nodes[0], core=True)
        self._group(self.words["storage"], 2, self.nodes[0], core=True)
        self._access_point(core, self.words["name"], self.words["ip"], self.name, core=True)
        witness = self._witness(core)
        if self.description.get("dtc"):
            group = self._group(self.description["dtc"], 103, self.nodes[0])
            disk = self._disk(group)
            name = self._access_point(group, self.description["dtc"], f"IP Address {self.description['dtc']}", self.description["dtc"])
            dtc = self._resource(group, f"MSDTC-{self.description['dtc']}", "Distributed Transaction Coordinator", [[disk], [name]])
            dtc["dtc"] = dict(DTC_DEFAULTS)
        if self.description.get("sso"):
            group = self._group(self.description["sso"], 108, self.nodes[0])
            name = self._access_point(group, self.description["sso"], f"IP Address {self.description['sso']}", self.description["sso"])
            self._resource(group, "Enterprise Single Sign-On Service", "Generic Service", [[name]], private={
                "ServiceName": ["String", "ENTSSO"], "StartupParameters": ["String", ""], "UseNetworkName": ["UInt32", 1]})
            for host in sorted({one["host"] for one in self.instances if one["cluster_group"] == self.description["sso"]}):
                self._resource(group, f"BizTalk Host Instance ({host})", "Generic Service", [[name]], private={
                    "ServiceName": ["String", f"BTSSvc${host}"], "StartupParameters": ["String", ""], "UseNetworkName": ["UInt32", 0]})
            for node in self.nodes:
                self.hosts[node]["services"]["ENTSSO"].update(mode="Manual", state="Stopped")
        if self.description.get("sql"):
            self._sql(**self.description["sql"])
        for name, listener in self.description.get("ags", {}).items():
            self._availability_group(name, listener)
        self._validated(self.description.get("validated", 40))
        return {
            "name": self.name, "domain": self.domain, "id": guid("cluster", self.name), "language": self.description.get("language", "en"),
            "properties": {**CLUSTER_PROPERTIES, **self.description.get("properties", {})},
            "nodes": [self._node(number, node) for number, node in enumerate(self.nodes, 1)],
            "networks": [{"id": guid("network", self.name, str(n)), "name": self.words["network"].format(n), "role": role, "metric": metric,
                          "address": address, "mask": "255.255.0.0"}
                         for n, role, metric, address in ((1, 3, 70240, "10.0.0.0"), (2, 1, 30240, "10.9.0.0"))],
            "groups": self.groups, "resources": self.resources,
            "quorum": {"type": 1, "resource": witness and witness["id"]},
        }

    def _validated(self, days):
        """The report of a cluster validation so many days ago, on the first node; its name is translated, the names of its icons are not."""
        made = self.now - timedelta(days=days)
        icons = [*["Success"] * 5, "Warning"]
        report = "<html><body><table>" + "".join(f'\n<tr><td><result><IMG name="{icon}Img" src="#"></result></td></tr>' for icon in icons)
        files.add_file(self.hosts[self.nodes[0]], rf"C:\Windows\Cluster\Reports\{self.words['report']} {made:%Y.%m.%d At %H.%M.%S}.htm",
                       report + "\n</table></body></html>\n", modified=made.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"))

    def _node(self, number, name):
        return {"name": name.upper(), "host": name, "id": str(number), "state": 0, "weight": 1, "dynamic_weight": 1, "drain": 0, "description": "",
                "instance": f"00000000-0000-0000-0000-{number:012d}"}

    def _group(self, name, kind, owner, core=False):
        group = {"id": guid("group", self.name, name), "name": name, "type": kind, "core": core, "owner": owner.upper(), "preferred": [],
                 "properties": dict(GROUP_PROPERTIES)}
        self.groups.append(group)
        return group

    def _resource(self, group, name, kind, depends=(), private=None, core=False, **properties):
        resource = {"id": guid("resource", self.name, name), "name": name, "type": kind, "group": group["id"], "core": core, "state": 2,
                    "depends": [[part["id"] for part in parts] for parts in depends], "private": private or {},
                    "possible": [node.upper() for node in self.nodes], "properties": {**RESOURCE_PROPERTIES, **properties}}
        self.resources.append(resource)
        return resource

    def _disk(self, group, core=False):
        self.disks += 1
        number = f"{self.name}-{self.disks}"
        return self._resource(group, self.words["disk"].format(self.disks), "Physical Disk", core=core, private={
            "DiskIdType": ["UInt32", 0], "DiskSignature": ["UInt32", uuid.uuid5(ROOT, number).int % 2**32], "DiskIdGuid": ["String", ""],
            "DiskRecoveryAction": ["UInt32", 0], "VolumeNumbers": ["ByteArray", ""]})

    def _access_point(self, group, name, ip, computer, core=False):
        address = f"10.1.{self.number}.{len(self.resources) + 10}"
        provider = self._resource(group, ip, "IP Address", core=core, private={
            "Network": ["String", self.words["network"].format(1)], "Address": ["String", address], "SubnetMask": ["String", "255.255.0.0"],
            "EnableNetBIOS": ["UInt32", 0], "OverrideAddressMatch": ["UInt32", 0], "EnableDhcp": ["UInt32", 0], "ProbePort": ["UInt32", 0],
            "LeaseObtainedTime": ["DateTime", "1601-01-01T00:00:00.0000000Z"], "LeaseExpiresTime": ["DateTime", "1601-01-01T00:00:00.0000000Z"]})
        return self._resource(group, name, "Network Name", [[provider]], core=core, private={
            "Name": ["String", computer], "DnsName": ["String", computer], "Aliases": ["String", ""], "RemapPipeNames": ["UInt32", 0],
            "HostRecordTTL": ["UInt32", 1200], "RegisterAllProvidersIP": ["UInt32", 0], "PublishPTRRecords": ["UInt32", 0],
            "ResourceData": ["ByteArray", "AQAAAA=="], "StatusNetBIOS": ["UInt32", 0], **self._registered(computer),
            "CreatingDC": ["String", rf"\\DC01.{self.domain}"], "ObjectGUID": ["String", guid("computer", computer).replace("-", "")],
            "DnsSuffix": ["String", self.domain]})

    def _registered(self, computer):
        """What came of the last registration of a network name: Win32 errors, 0 where the description's ``registered`` says nothing."""
        told = self.description.get("registered", {}).get(computer, {})
        return {name: ["UInt32", told.get(name, 0)] for name in ("StatusDNS", "StatusKerberos")}

    def _witness(self, core):
        witness = self.description.get("witness")
        if witness is None:
            return None
        if "disk" in witness:
            return self._disk(core, core=True)
        if "share" in witness:
            return self._resource(core, self.words["types"]["File Share Witness"], "File Share Witness", core=True,
                                  private=share_witness(witness["share"]))
        return self._resource(core, "Cloud Witness", "Cloud Witness", core=True, private={
            "AccountName": ["String", witness["account"]], "EndpointInfo": ["String", "core.windows.net"], "ContainerName": ["String", "msft-cloud-witness"],
            "ResourceData": ["ByteArray", "AQAAAA=="]})

    def _sql(self, instance, name):
        group = self._group(f"SQL Server ({instance})", 9999, self.nodes[0])
        disk = self._disk(group)
        virtual = self._access_point(group, f"SQL Network Name ({name})", f"SQL IP Address 1 ({name})", name)
        own = {"VirtualServerName": ["String", name], "InstanceName": ["String", instance]}
        server = self._resource(group, f"SQL Server ({instance})", "SQL Server", [[virtual], [disk]], private={
            **own, "HealthCheckTimeout": ["UInt32", 30000], "FailureConditionLevel": ["UInt32", 3]}, PendingTimeout=1200000)
        self._resource(group, f"SQL Server Agent ({instance})", "SQL Server Agent", [[server]], private=own)
        for node in self.nodes:
            for service, display in ((f"MSSQL${instance}", f"SQL Server ({instance})"), (f"SQLAgent${instance}", f"SQL Server Agent ({instance})")):
                self.hosts[node]["services"][service] = {"display": display, "state": "Stopped", "mode": "Manual", "account": r"CONTOSO\svc-sql"}

    def _availability_group(self, name, listener):
        """The role of an availability group with its listener (field record co-014), and the default instance's services on each node."""
        group = self._group(name, 9999, self.nodes[0])
        point = self._access_point(group, f"{name}_{listener}", f"{name}_IP", listener)
        self._resource(group, name, "SQL Server Availability Group", [[point]])
        for node in self.nodes:
            for service, display in (("MSSQLSERVER", "SQL Server (MSSQLSERVER)"), ("SQLSERVERAGENT", "SQL Server Agent (MSSQLSERVER)")):
                self.hosts[node]["services"][service] = {"display": display, "state": "Running", "mode": "Auto", "account": r"CONTOSO\svc-sql"}


def share_witness(path):
    """The private properties of a file share witness (field: Windows Server 2025)."""
    return {"SharePath": ["String", path], "ArbitrationDelay": ["UInt32", 6], "ImpersonateCNO": ["UInt32", 1], "UserName": ["String", ""],
            "Password": ["String", ""]}


def hosts_with_clusters(description):
    """Fills into the descriptions of hosts and clusters what follows from each other: name, SSO, SQL instance, availability groups."""
    for name, cluster in description.get("clusters", {}).items():
        for node in cluster["nodes"]:
            host = description["hosts"][node] = description["hosts"].get(node) or {}
            host["cluster"] = name
            if cluster.get("sql"):
                host["sql"] = cluster["sql"]["instance"]
            if cluster.get("sso"):
                host["sso"] = True
    for name, about in description.get("availability_groups", {}).items():
        description["clusters"][about["cluster"]].setdefault("ags", {})[name] = about["listener"]
        for replica in about["replicas"]:
            description["hosts"][description["instances"][replica]["host"]]["sql"] = "MSSQLSERVER"
    return description
