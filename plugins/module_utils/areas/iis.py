# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``iis``: a web server as its configuration files tell it, what is bound to its ports, and what there is to restore it from.

The files are read as text and not through WebAdministration: that needs no module, tells shared configuration apart, and every fact is in
them. Passwords in them are looked at for whether they are encrypted, and go no further.

Sources: shared-configuration_264 and _211, configHistory and getting-started-with-appcmdexe of Microsoft's IIS documentation; the bindings of
certificates are http.sys's own (HTTP\\Parameters of its service); InetStp is what IIS set-up leaves.
"""

import base64
import binascii
import re
import xml.etree.ElementTree as ET

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import backup_folder, exe_output, observed, rows
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call, exe, item, ref

NAME = "iis"

ITEMS = backup_folder.ITEMS
CONFIG = r"System32\inetsrv\config"
BACKUPS = r"System32\inetsrv\backup"
REDIRECTION, APPLICATION_HOST, ADMINISTRATION = "redirection.config", "applicationHost.config", "administration.config"
LOCAL_FILES = (REDIRECTION, APPLICATION_HOST, ADMINISTRATION)
SHARED_FILES = (APPLICATION_HOST, ADMINISTRATION)
FRAMEWORK_FILES = tuple(rf"Microsoft.NET\{bits}\{version}\Config\{name}" for bits in ("Framework", "Framework64")
                        for version in ("v2.0.50727", "v4.0.30319") for name in ("machine.config", "web.config"))
STORES = ("My", "WebHosting")
HTTP = r"HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
BINDINGS = (HTTP + r"\SslBindingInfo\*", HTTP + r"\SslSniBindingInfo\*")
APPCMD = r"%SystemRoot%\System32\inetsrv\appcmd.exe"
HISTORY = re.compile(r"CFGHISTORY_(\d+)", re.IGNORECASE)
LISTED = re.compile(r'^BACKUP "([^"]*)"', re.IGNORECASE | re.MULTILINE)
VARIABLE = re.compile(r"%([^%]+)%")
ENCRYPTED = "[enc:"


def steps(variables):
    """The calls that read the area, in order. *variables*: ``backup_folder``, where the sets of iis_backup lie."""
    root = ref("iis_root", "Value")
    return [
        call("iis_root", ITEMS + "Get-Item", {"LiteralPath": ["Env:\\SystemRoot"]}, ["Value"]),
        call("iis_drive", ITEMS + "Get-Item", {"LiteralPath": ["Env:\\SystemDrive"]}, ["Value"]),
        call("iis_setup", ITEMS + "Get-ItemProperty", {"LiteralPath": [r"HKLM:\SOFTWARE\Microsoft\InetStp"]}, ["VersionString"]),
        call("iis_components", ITEMS + "Get-ChildItem", {"LiteralPath": [r"HKLM:\SOFTWARE\Microsoft\InetStp"]}, ["PSChildName", "Property"]),
        call("iis_config", ITEMS + "Join-Path", {"Path": root, "ChildPath": CONFIG}, ["."]),
        call("iis_paths", ITEMS + "Join-Path", {"Path": ref("iis_config"), "ChildPath": item()}, each=list(LOCAL_FILES)),
        *_texts("iis_files", {"LiteralPath": ref("iis_paths")}),
        call("iis_redirection", ITEMS + "Join-Path", {"Path": ref("iis_config"), "ChildPath": REDIRECTION}),
        call("iis_shared", r"Microsoft.PowerShell.Utility\Select-Xml",
             {"LiteralPath": ref("iis_redirection"), "XPath": "//configurationRedirection[@enabled='true']/@path"}),
        call("iis_shared_paths", ITEMS + "Join-Path", {"Path": ref("iis_shared", "Node.Value"), "ChildPath": item()},
             each=list(SHARED_FILES)),
        *_texts("iis_shared_files", {"LiteralPath": ref("iis_shared_paths")}),
        call("iis_framework_paths", ITEMS + "Join-Path", {"Path": root, "ChildPath": item()}, each=list(FRAMEWORK_FILES)),
        call("iis_frameworks", ITEMS + "Get-Item", {"LiteralPath": ref("iis_framework_paths")}, ["FullName", "LastWriteTimeUtc"]),
        call("iis_backup_root", ITEMS + "Join-Path", {"Path": root, "ChildPath": BACKUPS}, ["."]),
        call("iis_backups", ITEMS + "Get-ChildItem", {"LiteralPath": ref("iis_backup_root"), "Directory": True},
             ["Name", "FullName", "CreationTimeUtc"]),
        call("iis_backup_files", ITEMS + "Get-ChildItem", {"LiteralPath": ref("iis_backups", "FullName"), "File": True},
             ["DirectoryName", "Name", "Length"]),
        exe("iis_appcmd", APPCMD, ["list", "backup"], 60),
        call("iis_bindings", ITEMS + "Get-ItemProperty", {"Path": item()}, ["PSChildName", "SslCertHash", "SslCertStoreName"], each=list(BINDINGS)),
        call("iis_certificates", ITEMS + "Get-ChildItem", {"LiteralPath": item()},
             ["Thumbprint", "Subject", "NotAfter", "HasPrivateKey", "PrivateKey.CspKeyContainerInfo.Exportable"],
             each=[[rf"Cert:\LocalMachine\{store}"] for store in STORES]),
        *backup_folder.steps(NAME, variables.get(backup_folder.VARIABLE)),
    ]


def _texts(id, parameters):
    """Two steps: files, and the text of each."""
    return [call(id, ITEMS + "Get-Item", parameters, ["Name", "FullName", "Length", "LastWriteTimeUtc"]),
            call(f"{id}_texts", ITEMS + "Get-Content", {"Raw": True, "Encoding": "UTF8"}, ["."], input=id)]


def shape(area):
    """The web server as plain data; what was not seen is a hole (see ``observed``)."""
    local = _files(area, "iis_files")
    shared = redirection(_document(local, REDIRECTION))
    files = local
    if not observed.is_hole(shared) and shared["enabled"]:
        files = {**_files(area, "iis_shared_files"), REDIRECTION: local[REDIRECTION]}
    host = _document(files, APPLICATION_HOST) if not observed.is_hole(shared) else shared
    surroundings = {"systemroot": rows.value(rows.one(area, "iis_root"), "Value"), "windir": rows.value(rows.one(area, "iis_root"), "Value"),
                    "systemdrive": rows.value(rows.one(area, "iis_drive"), "Value")}
    return {
        "version": rows.registry(area, "iis_setup", "VersionString"),
        "components": _components(area),
        "system_root": surroundings["systemroot"],
        "shared": shared,
        "files": _told(files, shared),
        "history": _of(host, history),
        "key_containers": _of(host, key_containers),
        "pools": _of(host, pools),
        "sites": _of(host, lambda root: sites(root, surroundings)),
        "content": _of(host, lambda root: content(root, surroundings)),
        "clear_text": _clear_text(files, shared),
        "frameworks": _seen(area, "iis_frameworks", lambda row, index: {"path": rows.value(row, "FullName"),
                                                                        "modified": rows.value(row, "LastWriteTimeUtc")}),
        "bindings": _bindings(area),
        "certificates": _certificates(area),
        "backup_place": rows.value(rows.one(area, "iis_backup_root"), "."),
        "backups": _backups(area),
        "set_folder": backup_folder.place(area, NAME),
        "sets": backup_folder.shape(area, NAME),
    }


# files of configuration

def parse(text):
    """The root element of a configuration file. Raises ValueError where it is no plain XML; the message holds nothing of the text."""
    text = text.lstrip("\ufeff").strip()
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities, which no configuration file of IIS does")
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError("it is not well-formed XML (line {}, column {})".format(*error.position)) from None


def _files(area, step):
    """``name -> {path, size, modified, text}`` of the files that a step found; a name that it did not answer is a hole."""
    found = rows.every(area, step, lambda row, index: {
        "name": rows.value(row, "Name"), "path": rows.value(row, "FullName"), "size": rows.value(row, "Length"),
        "modified": rows.value(row, "LastWriteTimeUtc"), "text": rows.value(rows.one(area, f"{step}_texts", index), ".")})
    seen = [] if observed.is_hole(found) else found
    why = found if observed.is_hole(found) else observed.first_hole(seen)
    files = {name: why or observed.hole("missing", f"There is no {name}.") for name in LOCAL_FILES}
    return files | {known: one for known in LOCAL_FILES for one in seen if not observed.is_hole(one) and one["name"].casefold() == known.casefold()}


def _document(files, name):
    file = files[name]
    text = file if observed.is_hole(file) else file["text"]
    if observed.is_hole(text):
        return text
    try:
        return parse(text)
    except ValueError as error:
        return observed.hole("failed", f"{name} cannot be read: {error}.")


def _of(root, reader):
    return root if observed.is_hole(root) else reader(root)


def _told(files, shared):
    """The files that make up the configuration, without what is in them."""
    if observed.is_hole(shared):
        return shared
    told = []
    for name in LOCAL_FILES:
        file = files[name]
        if observed.is_hole(file) and file["$unknown"]["reason"] == "missing" and name != APPLICATION_HOST:
            continue        # a server without the management service has no administration.config
        told.append(file if observed.is_hole(file) else {key: file[key] for key in ("name", "path", "size", "modified")})
    return told


def redirection(root):
    """Where shared configuration lies: enabled, path, user (null where none), and whether a password stands there in clear text."""
    if observed.is_hole(root):
        return root
    element = next(root.iter("configurationRedirection"), None)
    element = {} if element is None else element.attrib
    return {"enabled": element.get("enabled", "false").casefold() == "true", "path": element.get("path") or None,
            "user": element.get("userName") or None, "clear_text_password": _is_clear(element.get("password", ""))}


def history(root):
    """The configuration history: enabled, path as it is written, number of folders kept."""
    element = next(root.iter("configHistory"), None)
    element = {} if element is None else element.attrib
    return {"enabled": element.get("enabled", "true").casefold() == "true", "path": element.get("path", r"%SystemDrive%\inetpub\history"),
            "kept": int(element.get("maxHistories", 10))}


def key_containers(root):
    """Every container of keys that configProtectedData names, once, with the providers that use it."""
    found = {}
    for element in root.iter("add"):
        container = element.get("keyContainerName")
        if container:
            found.setdefault(container, []).append({"name": element.get("name", ""), "type": element.get("type", "")})
    return [{"name": container, "providers": [one["name"] for one in providers],
             "cng": any("cng" in (one["name"] + one["type"]).casefold() for one in providers) or "cng" in container.casefold()}
            for container, providers in sorted(found.items(), key=lambda one: one[0].casefold())]


def pools(root):
    """The application pools: name, runtime, pipeline mode, bits, and whom they run as."""
    return [{"name": element.get("name"), "runtime": element.get("managedRuntimeVersion", "v4.0"),
             "pipeline": element.get("managedPipelineMode", "Integrated"),
             "only_32_bit": element.get("enable32BitAppOnWin64", "false").casefold() == "true",
             "identity": (process := element.find("processModel")) is not None and process.get("identityType") or "ApplicationPoolIdentity",
             "account": None if process is None else process.get("userName") or None}
            for element in root.iterfind(".//applicationPools/add")]


def sites(root, surroundings):
    """The sites: name, id, whether they start by themselves, bindings (protocol and information) and applications with pool and folders."""
    return [{"name": site.get("name"), "id": int(site.get("id", 0)), "starts": site.get("serverAutoStart", "true").casefold() == "true",
             "bindings": [f"{one.get('protocol')}/{one.get('bindingInformation')}" for one in site.iterfind("bindings/binding")],
             "applications": [{"path": application.get("path"), "pool": application.get("applicationPool") or _default_pool(root),
                               "folders": [{"path": one.get("path"), "folder": expanded(one.get("physicalPath", ""), surroundings)}
                                           for one in application.iterfind("virtualDirectory")]}
                              for application in site.iterfind("application")]}
            for site in root.iterfind(".//sites/site")]


def _default_pool(root):
    element = root.find(".//sites/applicationDefaults")
    return "DefaultAppPool" if element is None else element.get("applicationPool", "DefaultAppPool")


def content(root, surroundings):
    """The folders that sites and virtual directories show, each once and none that lies in another one, in order."""
    folders = {folder["folder"].rstrip("\\").casefold(): folder["folder"].rstrip("\\") for site in sites(root, surroundings)
               for application in site["applications"] for folder in application["folders"] if folder["folder"]}
    return [{"path": folder, "remote": folder.startswith("\\\\")} for key, folder in sorted(folders.items())
            if not any(key.startswith(other + "\\") for other in folders if other != key)]


def expanded(path, surroundings):
    """A path with the host's variables filled in; one that is not known stays as it is written."""
    def fill(match):
        value = surroundings.get(match[1].casefold())
        return value if isinstance(value, str) else match[0]
    return VARIABLE.sub(fill, path)


def _is_clear(password):
    return bool(password) and not password.startswith(ENCRYPTED)


def _clear_text(files, shared):
    """Where a password stands in clear text, by file and element; never the password."""
    found, holes = [], []
    for name in LOCAL_FILES:
        root = _document(files, name) if not observed.is_hole(shared) else shared
        if observed.is_hole(root):
            if root["$unknown"]["reason"] != "missing" or name == APPLICATION_HOST:
                holes.append(root)
            continue
        found += [f"{name}: {path}" for path in _clear_in(root, [])]
    return list(dict.fromkeys(found)) + holes[:1]


def _clear_in(element, above):
    here = [*above, element.get("name") or element.tag] if element.get("name") else [*above, element.tag]
    if _is_clear(element.get("password", "")):
        yield "/".join(here[1:])
    for child in element:
        yield from _clear_in(child, here)


# what is not in the files

def _seen(area, step, shape_one):
    """The rows of a step that asked for several things by name: what is not there is no gap, any other error closes the list."""
    answered = area.steps[step]
    if answered.status in ("absent", "skipped"):
        return rows.every(area, step, shape_one)
    found, holes = [], []
    for number in range(len(answered.runs)):
        part = rows.every(area, step, shape_one, number)
        for one in [part] if observed.is_hole(part) else part:
            (holes if observed.is_hole(one) else found).append(one)
    return found + [hole for hole in holes if hole["$unknown"]["reason"] != "missing"][:1]


def _components(area):
    """Names of the installed parts of IIS, as its set-up keeps them."""
    found = rows.every(area, "iis_components", lambda row, index: (rows.value(row, "PSChildName"), rows.value(row, "Property")))
    if observed.is_hole(found):
        return found
    for one in found:
        if not observed.is_hole(one) and not observed.is_hole(one[0]) and one[0].casefold() == "components":
            return one[1] if observed.is_hole(one[1]) else sorted([one[1]] if isinstance(one[1], str) else one[1] or [])
    return observed.first_hole(found) or observed.hole("missing", "IIS set-up has left no list of its components.")


def _bindings(area):
    """The certificates that http.sys shows at each address: address, thumbprint, store."""
    return _seen(area, "iis_bindings", lambda row, index: {
        "address": rows.value(row, "PSChildName"), "thumbprint": _thumbprint(rows.value(row, "SslCertHash")),
        "store": "My" if row["SslCertStoreName"] == {"$missing": True} else rows.value(row, "SslCertStoreName")})


def _thumbprint(text):
    if observed.is_hole(text):
        return text
    try:
        return base64.b64decode(text, validate=True).hex().upper()
    except (binascii.Error, TypeError, ValueError):
        return observed.hole("failed", "The hash of a bound certificate is no binary value.")


def _certificates(area):
    """The certificates of the machine's stores; ``exportable`` is a hole for keys of CNG, which this property does not show."""
    return _seen(area, "iis_certificates", lambda row, index: {
        "thumbprint": rows.value(row, "Thumbprint"), "subject": rows.value(row, "Subject"), "expires": rows.value(row, "NotAfter"),
        "private_key": rows.value(row, "HasPrivateKey"), "exportable": rows.value(row, "PrivateKey.CspKeyContainerInfo.Exportable")})


def _backups(area):
    """The named backups (configuration history apart): name, path, created, whether applicationHost.config is in it, whether appcmd lists it."""
    found = rows.every(area, "iis_backups", lambda row, index: {
        "name": rows.value(row, "Name"), "path": rows.value(row, "FullName"), "created": rows.value(row, "CreationTimeUtc")})
    if observed.is_hole(found):
        return [] if found["$unknown"]["reason"] == "missing" else found
    files = rows.every(area, "iis_backup_files", lambda row, index: (rows.value(row, "DirectoryName"), rows.value(row, "Name"), rows.value(row, "Length")))
    names = listed(area)
    made = []
    for one in found:
        if observed.is_hole(one) or HISTORY.fullmatch(one["name"]):
            made += [one] if observed.is_hole(one) else []
            continue
        whole = files if observed.is_hole(files) else observed.first_hole(files) or any(
            size and name.casefold() == APPLICATION_HOST.casefold() and folder.casefold() == one["path"].casefold() for folder, name, size in files)
        made.append({**one, "whole": whole, "listed": names if observed.is_hole(names) else one["name"].casefold() in names})
    return made


def listed(area):
    """The names that appcmd lists, in lower case."""
    said = exe_output.one(area, "iis_appcmd")
    if observed.is_hole(said):
        return said
    if said.code:
        return observed.hole("failed", f"appcmd list backup ended with {said.code}.")
    return [name.casefold() for name in listed_names(said.text)]


def listed_names(output):
    """The names in the output of ``appcmd list backup``."""
    return LISTED.findall(output)


def history_number(folder):
    """The number of a folder of the configuration history; None for any other folder."""
    match = HISTORY.fullmatch(folder.strip().rpartition("\\")[2])
    return int(match[1]) if match else None
