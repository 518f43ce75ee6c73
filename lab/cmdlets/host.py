"""The Windows host itself: CIM classes, services, power, adapters, and the one kind of program that an operator starts here."""
from __future__ import annotations

import re

from lab import cim, membership
from lab.backend import cmdlet
from lab.bind import typed
from lab.cmdlets import sso
from lab.values import E_FAIL, Instant, Obj, link, not_modelled, win32

CLASSES = "catalogue objects.json (win32 provider pages)"
MANAGEMENT = "Microsoft.PowerShell.Management\\"
CIM = "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/"
SERVICE_EXCEPTION = "Microsoft.PowerShell.Commands.ServiceCommandException"
UPDATES = {"KB5054833": "15.0.4430.1"}     # SQL Server 2019 CU32


def _instances(run, name):
    os, host = run.host["os"], run.host
    if name == "Win32_OperatingSystem":
        return [{"Caption": os["caption"], "Version": f"10.0.{os['build']}", "BuildNumber": os["build"], "ProductType": 3, "OSLanguage": os["language"],
                 "LastBootUpTime": Instant(os["started"]), "LocalDateTime": Instant(run.state.clock), "InstallDate": Instant(os["installed"]),
                 "CSName": host["name"], "Name": f"{os['caption']}|C:\\Windows|\\Device\\Harddisk0\\Partition2", "OSArchitecture": "64-bit",
                 "Locale": f"{os['language']:04x}", "MUILanguages": [os["culture"]], "CurrentTimeZone": 60, "CountryCode": "49", "CodeSet": "1252",
                 "OperatingSystemSKU": 7, "Manufacturer": "Microsoft Corporation", "SystemDirectory": r"C:\Windows\system32", "Status": "OK",
                 "SystemDrive": "C:", "WindowsDirectory": r"C:\Windows", "TotalVisibleMemorySize": 33553844, "FreePhysicalMemory": 19771244,
                 "OSType": 18, "Primary": True, "CreationClassName": "Win32_OperatingSystem", "CSCreationClassName": "Win32_ComputerSystem"}]
    if name == "Win32_ComputerSystem":
        return [{"Name": host["name"], "DNSHostName": host["name"].lower(), "Domain": host["domain"], "PartOfDomain": True, "DomainRole": 3,
                 "Manufacturer": "VMware, Inc.", "Model": "VMware Virtual Platform", "SystemType": "x64-based PC", "NumberOfProcessors": 2,
                 "NumberOfLogicalProcessors": 4, "TotalPhysicalMemory": 34359136256, "Caption": host["name"], "HypervisorPresent": True,
                 "Status": "OK", "CreationClassName": "Win32_ComputerSystem", "BootupState": "Normal boot", "CurrentTimeZone": 60,
                 "EnableDaylightSavingsTime": True, "PCSystemType": 1, "Roles": ["LM_Workstation", "LM_Server", "NT", "Server_NT"]}]
    if name == "Win32_Service":
        return [{"Name": service, "DisplayName": about["display"], "Caption": about["display"], "State": about["state"], "StartMode": about["mode"],
                 "Started": about["state"] == "Running", "StartName": about["account"], "Status": "OK", "ServiceType": "Own Process",
                 "ErrorControl": "Normal", "AcceptStop": about["state"] == "Running", "ProcessId": 1400 + place if about["state"] == "Running" else 0,
                 "PathName": rf"C:\Windows\System32\{service}.exe", "CreationClassName": "Win32_Service", "SystemName": host["name"],
                 "SystemCreationClassName": "Win32_ComputerSystem"} for place, (service, about) in enumerate(sorted(host["services"].items()))]
    raise not_modelled(f"the CIM class {name}")


@cmdlet(r"CimCmdlets\Get-CimInstance", takes="ClassName Filter Property Namespace", source=CLASSES,
        assumed="hardware and memory of a virtual machine; properties not asked for with -Property are null")
def get_cim_instance(run):
    """Instances of Win32_OperatingSystem, Win32_ComputerSystem and Win32_Service, filtered by equalities and LIKE."""
    registered = cim.instances(run, run.get("Namespace", "root/cimv2"), run.get("ClassName"))
    if registered:
        for place, properties in enumerate(registered[1]):
            if not run.get("Filter") or satisfies(run, properties, run.get("Filter")):
                kind = f"Microsoft.Management.Infrastructure.CimInstance#{registered[0]}"
                yield Obj(kind, f"cim/{run.backend.host}/{registered[0]}/{place}", nested(properties))
        return
    if run.get("Namespace", "root/cimv2").lower().replace("\\", "/") != "root/cimv2":
        raise not_modelled(f"the CIM namespace {run.get('Namespace')}")
    known = {name.casefold(): name for name in ("Win32_OperatingSystem", "Win32_ComputerSystem", "Win32_Service")}
    name = known.get(run.get("ClassName").casefold(), run.get("ClassName"))
    for values in _instances(run, name):
        obj = typed(name, f"cim/{run.backend.host}/{name}/{values['Name']}", values)
        obj.type = CIM + name
        if not run.get("Filter") or satisfies(run, obj.properties, run.get("Filter")):
            if run.get("Property"):
                asked = {prop.casefold() for prop in run.get("Property")} | {"name"}
                obj.properties = {prop: value if prop.casefold() in asked else None for prop, value in obj.properties.items()}
            yield obj


def nested(properties):
    """Properties with the instances that stand within them."""
    return {name: [Obj("Microsoft.Management.Infrastructure.CimInstance", f"{name}/{place}", part) if isinstance(part, dict) else part
                   for place, part in enumerate(value)] if isinstance(value, list) else value for name, value in properties.items()}


def satisfies(run, properties, text):
    """A WQL condition of equalities and likenesses joined by AND and OR, for one instance."""
    clause = r"""\s*(\w+)\s*(=|<>|!=|\bLIKE\b)\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+|TRUE|FALSE))\s*"""
    if not re.fullmatch(f"{clause}(?:(?:AND|OR){clause})*", text, re.IGNORECASE):
        raise _invalid_query(run)
    alternatives = [[]]
    for *comparison, joint in re.findall(f"{clause}(AND|OR|$)", text, re.IGNORECASE):
        alternatives[-1].append(_equal(run, properties, *comparison))
        if joint.upper() == "OR":
            alternatives.append([])
    return any(all(comparisons) for comparisons in alternatives)


def _invalid_query(run):
    return run.error("HRESULT 0x80041017", "InvalidArgument", link("Microsoft.Management.Infrastructure.CimException", "Invalid query", 2147749911))


def _equal(run, properties, name, operator, single, double, bare):
    own = {prop.casefold(): prop for prop in properties}.get(name.casefold())
    if own is None:
        raise _invalid_query(run)
    wanted = re.sub(r"\\(.)", r"\1", single or double or bare)
    if operator.upper() == "LIKE":
        if "[" in wanted:
            raise not_modelled(f"a set of characters in LIKE '{wanted}'")
        pattern = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in wanted)
        return re.fullmatch(pattern, str(properties[own]), re.IGNORECASE | re.DOTALL) is not None
    return (str(properties[own]).casefold() == wanted.casefold()) == (operator == "=")


# --- services

def _service(run, name):
    own = next((known for known in run.host["services"] if known.casefold() == name.casefold()), None)
    if own is None:
        raise run.error("NoServiceFoundForGivenName", "ObjectNotFound", link(
            SERVICE_EXCEPTION, f"Cannot find any service with service name '{name}'.", 2148734209))
    return own, run.host["services"][own]


def _administrator(run, first, name):
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error(first, "OpenError", link(SERVICE_EXCEPTION, f"Service '{name}' cannot be changed: Access is denied", 2148734209),
                        win32(5, "Access is denied"))


@cmdlet(MANAGEMENT + "Set-Service", takes="Name StartupType DisplayName", source="reference page of Windows PowerShell 5.1", changes=True)
def set_service(run):
    """Start mode, display name and description of a service."""
    _administrator(run, "CouldNotSetService", run.get("Name"))
    own, service = _service(run, run.get("Name"))
    if run.get("StartupType"):
        service["mode"] = {"Automatic": "Auto"}.get(run.get("StartupType"), run.get("StartupType"))
    service["display"] = run.get("DisplayName", service["display"])
    return []


@cmdlet(MANAGEMENT + "New-Service", takes="Name BinaryPathName DisplayName StartupType", source="reference page of Windows PowerShell 5.1", changes=True,
        assumed="it runs as LocalSystem; a start by itself is shown as running, as after the installer that made it")
def new_service(run):
    """Makes a service, as an installer does; its program is kept in its key."""
    _administrator(run, "CouldNotNewService", run.get("Name"))
    if any(known.casefold() == run.get("Name").casefold() for known in run.host["services"]):
        raise run.error("CouldNotNewService", "PermissionDenied", link(
            SERVICE_EXCEPTION, f"Service '{run.get('Name')}' cannot be created: The specified service already exists", 2148734209),
            win32(1073, "The specified service already exists"))
    mode = {"Automatic": "Auto"}.get(run.get("StartupType", "Automatic"), run.get("StartupType", "Automatic"))
    run.host["services"][run.get("Name")] = {"display": run.get("DisplayName", run.get("Name")), "state": "Running" if mode == "Auto" else "Stopped",
                                             "mode": mode, "account": "LocalSystem"}
    run.host["registry"][rf"HKLM\SYSTEM\CurrentControlSet\Services\{run.get('Name')}"] = {"ImagePath": ["ExpandString", run.get("BinaryPathName")]}
    return []


@cmdlet(MANAGEMENT + "Start-Service", takes="Name", source="reference page of Windows PowerShell 5.1", changes=True,
        assumed="a disabled service gives Win32 1058")
def start_service(run):
    """Starts services; the cluster service joins its node."""
    for name in run.get("Name"):
        _administrator(run, "CouldNotStartService", name)
        own, service = _service(run, name)
        if service["mode"] == "Disabled":
            raise run.error("CouldNotStartService", "OpenError", link(SERVICE_EXCEPTION, f"Service '{own}' cannot be started.", 2148734209),
                            win32(1058, "The service cannot be started, either because it is disabled"))
        service["state"] = "Running"
        _cluster_service(run, own, membership.join)
        if own == "ENTSSO":
            sso.started(run)
    return []


@cmdlet(MANAGEMENT + "Stop-Service", takes="Name", source="reference page of Windows PowerShell 5.1", changes=True)
def stop_service(run):
    """Stops services; the cluster service takes its node out gracefully."""
    for name in run.get("Name"):
        _administrator(run, "CouldNotStopService", name)
        own, service = _service(run, name)
        service["state"] = "Stopped"
        _cluster_service(run, own, lambda *about: membership.lose(*about, graceful=True))
    return []


def _cluster_service(run, name, change):
    cluster = run.state.cluster_of(run.backend.host)
    if name == "ClusSvc" and cluster is not None:
        change(cluster, run.state.hosts, next(node for node in cluster["nodes"] if node["host"] == run.backend.host))


# --- power, adapters, programs

@cmdlet(MANAGEMENT + "Stop-Computer", takes="", source="reference page of Windows PowerShell 5.1", changes=True)
def stop_computer(run):
    """Shuts this host down; a cluster node leaves gracefully before."""
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("StopComputerException", "PermissionDenied", link("System.InvalidOperationException", "Access is denied", 2148734217))
    membership.power(run.state, run.backend.host, False, graceful=True)
    return []


def _adapters(run, on):
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("Windows System Error 5", "PermissionDenied", link(
            "Microsoft.Management.Infrastructure.CimException", "Access is denied.", E_FAIL, 5))
    for name in run.get("Name", ()):
        own = next((known for known in run.host["adapters"] if known.casefold() == name.casefold()), None)
        if own is None:
            raise run.error("CmdletizationQuery_NotFound_Name", "ObjectNotFound", link(
                "Microsoft.PowerShell.Cmdletization.Cim.CimJobException",
                f"No MSFT_NetAdapter objects found with property 'Name' equal to '{name}'.", 2148734208))
        run.host["adapters"][own] = on
    return []


@cmdlet(r"NetAdapter\Disable-NetAdapter", takes="Name", source="reference page of NetAdapter", changes=True)
def disable_adapter(run):
    """Switches adapters off; the cluster's interface on them fails."""
    return _adapters(run, False)


@cmdlet(r"NetAdapter\Enable-NetAdapter", takes="Name", source="reference page of NetAdapter", changes=True)
def enable_adapter(run):
    """Switches adapters on."""
    return _adapters(run, True)


@cmdlet(MANAGEMENT + "Start-Process", takes="FilePath ArgumentList Wait", source="KB5054833 (SQL Server 2019 CU32, build 15.0.4430.1)", changes=True,
        assumed="a quiet patch of all instances succeeds at once and changes only PatchLevel")
def start_process(run):
    """Runs the installer of a SQL Server cumulative update; no other program."""
    update = next((build for kb, build in UPDATES.items() if kb.casefold() in run.get("FilePath").casefold()), None)
    options = {str(option).casefold() for option in run.get("ArgumentList", [])}
    if update is None or not {"/action=patch", "/allinstances", "/iacceptsqlserverlicenseterms"} <= options or not run.get("Wait"):
        raise not_modelled(f"the program {run.get('FilePath')} with {' '.join(sorted(options))}")
    for key, values in run.host["registry"].items():
        if re.search(r"\\Microsoft SQL Server\\MSSQL\d+\.[^\\]+\\Setup$", key):
            values["PatchLevel"] = ["String", update]
    return []
