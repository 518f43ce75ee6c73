# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``platform``: the Windows host itself - system, clock, pending restart - and the services, registry values
and DTC settings that controls read.

Sources: Win32_OperatingSystem, Win32_ComputerSystem, Win32_Service and MsDtc reference pages; the registry paths stand
beside the step that reads them; the form of FailureActions is SERVICE_FAILURE_ACTIONS of winsvc.h.
"""

import base64
import re
import struct

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

NAME = "platform"

CIM = r"CimCmdlets\Get-CimInstance"
REGISTRY = r"Microsoft.PowerShell.Management\Get-ItemProperty"
TEST = r"Microsoft.PowerShell.Management\Test-Path"

SERVICES = ("ClusSvc", "ENTSSO", "MSDTC")
BIZTALK_SERVICE = "BTSSvc$"     # and the name of the host
PRODUCT_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}
CONTROL = r"HKLM:\SYSTEM\CurrentControlSet\Control"
CURRENT_VERSION = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion"
RESTART_KEYS = (CURRENT_VERSION + r"\Component Based Servicing\RebootPending", CURRENT_VERSION + r"\WindowsUpdate\Auto Update\RebootRequired")
COMPUTER_NAMES = (CONTROL + r"\ComputerName\ActiveComputerName", CONTROL + r"\ComputerName\ComputerName")
SERVICE_KEYS = r"HKLM:\SYSTEM\CurrentControlSet\Services"
UPDATES = r"HKLM:\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall"
UPDATE_NAME = re.compile(r"BizTalk Server .*\b(?:Cumulative Update|CU) ?(\d+)", re.IGNORECASE)
FAILURE_ACTIONS = {0: "none", 1: "restart", 2: "reboot", 3: "command"}
DTC_NETWORK = ("InboundTransactionsEnabled", "OutboundTransactionsEnabled", "RemoteClientAccessEnabled",
               "RemoteAdministrationAccessEnabled", "AuthenticationLevel")


def steps(variables):
    """The calls that read the area, in order."""
    return [
        call("os", CIM, {"ClassName": "Win32_OperatingSystem"},
             select=["Caption", "Version", "ProductType", "OSLanguage", "LastBootUpTime", "LocalDateTime"]),
        call("computer", CIM, {"ClassName": "Win32_ComputerSystem"},
             select=["Name", "DNSHostName", "Domain", "PartOfDomain", "Manufacturer", "Model"]),
        call("version", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion"},
             select=["EditionID", "InstallationType", "CurrentBuild", "UBR"]),
        call("time_zone", REGISTRY, {"LiteralPath": CONTROL + r"\TimeZoneInformation"}, select=["TimeZoneKeyName"]),
        call("restart_keys", TEST, {"LiteralPath": {"$item": True}}, each=list(RESTART_KEYS), select=["."]),
        call("renames", REGISTRY, {"LiteralPath": CONTROL + r"\Session Manager"}, select=["PendingFileRenameOperations"]),
        call("computer_names", REGISTRY, {"LiteralPath": {"$item": True}}, each=list(COMPUTER_NAMES), select=["ComputerName"]),
        call("services", CIM, {"ClassName": "Win32_Service", "Filter": " OR ".join([*(f"Name='{name}'" for name in SERVICES),
                                                                                    f"Name LIKE '{BIZTALK_SERVICE}%'"])},
             select=["Name", "State", "StartMode", "StartName"]),
        call("policy", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\System"}, select=["AllowCustomSSPsAPs"]),
        call("dtc_security", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\MSDTC\Security"}, select=["NetworkDtcAccess"]),
        call("dtc_cids", REGISTRY, {"Path": r"Registry::HKEY_CLASSES_ROOT\CID\*\Description"}, select=["PSParentPath", "(default)"]),
        call("dtcs", r"MsDtc\Get-Dtc", select=["DtcName", "VirtualServerName", "Status"], needs="MsDtc"),
        call("dtc_network", r"MsDtc\Get-DtcNetworkSetting", input="dtcs", select=list(DTC_NETWORK)),
        call("sql_setups", REGISTRY, {"Path": r"HKLM:\SOFTWARE\Microsoft\Microsoft SQL Server\MSSQL*\Setup"},
             select=["PSParentPath", "PatchLevel", "Edition"]),
        call("biztalk", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\BizTalk Server\3.0"}, select=["ProductVersion"]),
        call("biztalk_group", REGISTRY, {"LiteralPath": r"HKLM:\SOFTWARE\Microsoft\BizTalk Server\3.0\Administration"},
             select=["MgmtDBServer", "MgmtDBName"]),
        call("biztalk_updates", REGISTRY, {"Path": UPDATES + r"\*BizTalk Server*"}, select=["DisplayName"]),
        call("biztalk_services", REGISTRY, {"Path": SERVICE_KEYS + rf"\{BIZTALK_SERVICE}*"},
             select=["PSChildName", "DelayedAutostart", "FailureActions"]),
    ]


def shape(area):
    """The host as plain data; what was not seen is a hole (see ``observed``)."""
    system = rows.one(area, "os")
    computer = rows.one(area, "computer")
    return {
        "computer": {
            "name": rows.value(computer, "Name"),
            "dns_name": rows.value(computer, "DNSHostName"),
            "domain": rows.value(computer, "Domain"),
            "part_of_domain": rows.value(computer, "PartOfDomain"),
            "manufacturer": rows.value(computer, "Manufacturer"),
            "model": rows.value(computer, "Model"),
        },
        "os": {
            "caption": rows.value(system, "Caption"),
            "version": rows.value(system, "Version"),
            "product_type": rows.enum(system, "ProductType", PRODUCT_TYPES),
            "language": rows.value(system, "OSLanguage"),
            "edition": rows.registry(area, "version", "EditionID"),
            "installation": rows.registry(area, "version", "InstallationType"),
            "build": rows.registry(area, "version", "CurrentBuild"),
            "revision": rows.registry(area, "version", "UBR"),
        },
        "clock": rows.value(system, "LocalDateTime"),
        "last_start": rows.value(system, "LastBootUpTime"),
        "time_zone": rows.registry(area, "time_zone", "TimeZoneKeyName"),
        "pending_restart": _pending_restart(area),
        "services": _services(area),
        "custom_ssp_allowed": rows.registry(area, "policy", "AllowCustomSSPsAPs"),
        "dtc": {
            "network_access": rows.registry(area, "dtc_security", "NetworkDtcAccess"),
            "cids": _dtc_cids(area),
            "instances": rows.every(area, "dtcs", lambda row, index: _dtc(area, row, index)),
        },
        "sql_instances": _sql_instances(area),
        "biztalk": {
            "version": rows.registry(area, "biztalk", "ProductVersion"),
            "update": _biztalk_update(area),
            "management_server": rows.registry(area, "biztalk_group", "MgmtDBServer"),
            "management_database": rows.registry(area, "biztalk_group", "MgmtDBName"),
            "services": _biztalk_services(area),
        },
    }


def _pending_restart(area):
    """True as soon as one sign says so; false only when every sign was seen and none says so."""
    signs = [rows.value(rows.one(area, "restart_keys", index), ".") for index in range(len(RESTART_KEYS))]
    renames = rows.registry(area, "renames", "PendingFileRenameOperations")
    signs.append(renames if observed.is_hole(renames) else bool(renames))
    active, configured = (rows.value(rows.one(area, "computer_names", index), "ComputerName") for index in range(2))
    unknown_name = next((name for name in (active, configured) if observed.is_hole(name)), None)
    signs.append(unknown_name or active != configured)
    if any(sign is True for sign in signs):
        return True
    return next((sign for sign in signs if observed.is_hole(sign)), False)


def _services(area):
    """One entry for each service that a control asks about, also where it is not installed."""
    found = rows.every(area, "services", _service)
    if observed.is_hole(found) or any(observed.is_hole(s) or observed.is_hole(s["name"]) for s in found):
        return found
    by_name = {service["name"].casefold(): service for service in found}
    absent = {"installed": False, "state": None, "start_mode": None, "account": None}
    return [{**by_name.get(name.casefold(), absent), "name": name} for name in SERVICES]


def _service(row, index):
    return {
        "name": rows.value(row, "Name"),
        "installed": True,
        "state": rows.value(row, "State"),
        "start_mode": rows.value(row, "StartMode"),
        "account": rows.value(row, "StartName"),
    }


def _biztalk_services(area):
    """The services of BizTalk host instances on this host, with how they start and what happens when they fail."""
    found = rows.every(area, "services", _service)
    keys = rows.every(area, "biztalk_services", lambda row, index: row)
    if observed.is_hole(found):
        return found
    return [service if observed.is_hole(service) or observed.is_hole(service["name"]) else {**service, **_settings(service["name"], keys)}
            for service in found if observed.is_hole(service) or observed.is_hole(service["name"])
            or service["name"].casefold().startswith(BIZTALK_SERVICE.casefold())]


def _settings(name, keys):
    """``delayed_start`` and ``recovery`` of a service, from its key: a value that is not there is off, and none."""
    seen = [keys] if observed.is_hole(keys) else keys
    row = next((row for row in seen if not observed.is_hole(row) and str(rows.value(row, "PSChildName")).casefold() == name.casefold()), None)
    if row is None:
        hole = next((row for row in seen if observed.is_hole(row)), observed.hole("missing", f"The service {name} has no key of its own."))
        return {"delayed_start": hole, "recovery": hole}
    absent = {"$missing": True}
    delayed, actions = row["DelayedAutostart"], row["FailureActions"]
    return {"delayed_start": False if delayed == absent else rows.flag(row, "DelayedAutostart"),
            "recovery": None if actions == absent else failure_actions(rows.value(row, "FailureActions"))}


def failure_actions(text):
    """What the service controller does on each failure of a service, from the base64 of its FailureActions; the last action stands
    for all later failures, and a delay is in seconds. A hole where the bytes are not of that form."""
    if observed.is_hole(text):
        return text
    try:
        data = base64.b64decode(text, validate=True)
        _reset, _message, _command, count, start = struct.unpack_from("<5I", data)
        pairs = [struct.unpack_from("<2I", data, start + 8 * place) for place in range(count)]
        return [{"action": FAILURE_ACTIONS[kind], "delay_seconds": delay / 1000} for kind, delay in pairs]
    except (ValueError, struct.error, KeyError):
        return observed.hole("failed", "FailureActions is not of the form that Windows documents.")


def _biztalk_update(area):
    """The number of the newest cumulative update of BizTalk Server here; null where none is installed."""
    found = rows.every(area, "biztalk_updates", lambda row, index: None if row["DisplayName"] == {"$missing": True}
                       else rows.value(row, "DisplayName"))
    if observed.is_hole(found):
        return found
    hole = next((name for name in found if observed.is_hole(name)), None)
    numbers = [int(match[1]) for match in (UPDATE_NAME.search(name or "") for name in found if not observed.is_hole(name)) if match]
    return hole or max(numbers, default=None)


def _dtc(area, row, index):
    name = rows.value(row, "DtcName")
    network = rows.one(area, "dtc_network", index)
    inbound, outbound, clients, administration, level = (rows.value(network, path) for path in DTC_NETWORK)
    return {
        "name": name,
        "clustered": name if observed.is_hole(name) else name.casefold() != "local",
        "virtual_server": rows.value(row, "VirtualServerName"),
        "status": rows.value(row, "Status"),
        "inbound": inbound,
        "outbound": outbound,
        "remote_clients": clients,
        "remote_administration": administration,
        "authentication": level,
    }


def _dtc_cids(area):
    """The class ids under HKCR\\CID whose description says MSDTC (field guides on cloned servers compare these)."""
    found = rows.every(area, "dtc_cids", lambda row, index: (rows.value(row, "(default)"), rows.value(row, "PSParentPath")))
    if observed.is_hole(found):
        return found
    cids = []
    for entry in found:
        if observed.is_hole(entry):
            cids.append(entry)
        elif observed.is_hole(entry[0]) or observed.is_hole(entry[1]):
            cids.append(next(part for part in entry if observed.is_hole(part)))
        elif str(entry[0]).upper() == "MSDTC":
            cids.append(entry[1].rsplit("\\", 1)[-1].strip("{}").lower())
    return cids


def _sql_instances(area):
    """SQL Server instances set up on this host: instance id (as MSSQL15.BTS), build and edition of the binaries here."""
    found = rows.every(area, "sql_setups", lambda row, index: {
        "instance_id": _last_part(rows.value(row, "PSParentPath")),
        "build": rows.value(row, "PatchLevel"),
        "edition": rows.value(row, "Edition"),
    })
    if observed.is_hole(found):
        return found
    return [i for i in found if observed.is_hole(i) or observed.is_hole(i["instance_id"]) or re.match(r"MSSQL\d+\.", i["instance_id"])]


def _last_part(path):
    return path if observed.is_hole(path) else path.rsplit("\\", 1)[-1]
