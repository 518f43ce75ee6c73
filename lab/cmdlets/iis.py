"""What a web server answers beside its files: the certificate store, XML, and the native programs of IIS, of .NET and for access lists."""
from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET

from lab import files
from lab.backend import cmdlet
from lab.cmdlets.file_items import found, get_item
from lab.cmdlets.items import DRIVES, answers, not_found, texts
from lab.exe import program, refused
from lab.parts import iis
from lab.values import Instant, Obj, Secret, link, not_modelled

DRIVES["cert"] = "Certificate"
XPATH = re.compile(r"(//?)([\w.]+(?:/[\w.]+)*)(?:\[@(\w+)='([^']*)'\])?(?:/@(\w+))?")
DOCS = "IIS, PKI and PowerShell reference pages"


# --- certificates

def _stored(run, text):
    """``(store, thumbprint or "")`` of a path on the drive of certificates."""
    match = re.fullmatch(r"(?:Microsoft\.PowerShell\.Security\\Certificate::|Cert:\\)LocalMachine\\(\w+)(?:\\([0-9A-F]+))?", text, re.IGNORECASE)
    if not match:
        raise not_modelled(f"the path {text}")
    store = next((name for name in run.host.get("certificates", {}) if name.casefold() == match[1].casefold()), None)
    if store is None:
        raise not_found(run, text)
    return store, (match[2] or "").upper()


def _certificate(run, store, one):
    key = Obj("System.Security.Cryptography.RSACryptoServiceProvider", f"key/{one['thumbprint']}", {
        "CspKeyContainerInfo": Obj("System.Security.Cryptography.CspKeyContainerInfo", f"container/{one['thumbprint']}", {"Exportable": one["exportable"]})})
    return Obj("System.Security.Cryptography.X509Certificates.X509Certificate2", f"certificate/{run.backend.host}/{store}/{one['thumbprint']}", {
        "Thumbprint": one["thumbprint"], "Subject": one["subject"], "NotAfter": Instant(one["expires"]), "HasPrivateKey": one["key"],
        "PrivateKey": key if one["key"] else None, "PSParentPath": rf"Microsoft.PowerShell.Security\Certificate::LocalMachine\{store}"})


@answers("Certificate", "Get-ChildItem", "")
def get_certificates(run):
    """The certificates of a store of the computer."""
    for text in texts(run)[0]:
        store, _mark = _stored(run, text)
        yield from (_certificate(run, store, one) for one in run.host["certificates"][store])


@answers("Certificate", "Remove-Item", "DeleteKey")
def remove_certificate(run):
    """Removes a certificate from its store."""
    for text in texts(run)[0]:
        store, mark = _stored(run, text)
        kept = [one for one in run.host["certificates"][store] if one["thumbprint"] != mark]
        if len(kept) == len(run.host["certificates"][store]):
            raise not_found(run, text)
        run.host["certificates"][store] = kept
    return []


@cmdlet(r"pki\Export-PfxCertificate", takes="Cert FilePath Password ProtectTo", source=DOCS, changes=True,
        assumed="-Cert takes a path; a key that may not be exported is a Win32 error (NTE_BAD_KEY_STATE); the domain protects for any account")
def export_pfx(run):
    """Writes a certificate with its key to a file."""
    store, mark = _stored(run, run.get("Cert"))
    one = next((one for one in run.host["certificates"][store] if one["thumbprint"] == mark), None)
    if one is None:
        raise not_found(run, run.get("Cert"))
    if not one["key"] or not one["exportable"]:
        raise run.error("System.ComponentModel.Win32Exception", "NotSpecified", link(
            "System.ComponentModel.Win32Exception", "Cannot export non-exportable private key.", 0x80090016))
    opens = run.get("Password").text if isinstance(run.get("Password"), Secret) else ",".join(run.get("ProtectTo") or [])
    if not opens:
        raise not_modelled("Export-PfxCertificate without -Password and -ProtectTo")
    files.of(run).write(run.get("FilePath"), f"PFX of {mark}", lock=_lock(opens))
    return files_of(run, run.get("FilePath"))


@cmdlet(r"pki\Import-PfxCertificate", takes="FilePath CertStoreLocation Password Exportable", source=DOCS, changes=True,
        assumed="subject and expiry of an imported certificate are those of the lab's certificate of that thumbprint")
def import_pfx(run):
    """Puts the certificate of a file into a store of the computer."""
    get_pfx_data(run)
    store, _mark = _stored(run, run.get("CertStoreLocation"))
    mark = files.of(run).read(run.get("FilePath")).decode().removeprefix("PFX of ")
    known = next(one for host in run.state.hosts.values() for one in host.get("certificates", {}).get("My", ()) if one["thumbprint"] == mark)
    one = {**known, "exportable": bool(run.get("Exportable"))}
    run.host["certificates"][store] = [held for held in run.host["certificates"][store] if held["thumbprint"] != mark] + [one]
    return [_certificate(run, store, one)]


@cmdlet(r"pki\Get-PfxData", takes="FilePath Password", source=DOCS, assumed="a file for accounts of the domain opens without -Password")
def get_pfx_data(run):
    """Opens a file with a certificate in it."""
    entry = files.of(run).entry(run.get("FilePath"))
    password = run.get("Password")
    if not entry.content.startswith(b"PFX of ") or (password and entry.more.get("lock") != _lock(password.text)):
        raise run.error("System.ComponentModel.Win32Exception", "NotSpecified", link(
            "System.ComponentModel.Win32Exception", "The specified network password is not correct.", 0x80070056))
    return [Obj("Microsoft.CertificateServices.Commands.PfxData", f"pfx/{entry.path}", {"EndEntityCertificates": [], "OtherCertificates": []})]


def files_of(run, path):
    """The FileInfo of one file that was written."""
    run.parameters = {"LiteralPath": [path]}
    return get_item(run)


def _lock(text):
    """What the lab keeps of a password: enough to tell whether another one is the same."""
    return hashlib.sha256(b"lab" + text.encode()).hexdigest()[:16]


# --- XML and JSON

@cmdlet(r"Microsoft.PowerShell.Utility\Select-Xml", takes="LiteralPath XPath", source=DOCS,
        assumed="of XPath a path of names, one comparison of an attribute, and an attribute at the end")
def select_xml(run):
    """The elements or attributes of XML files that a path names."""
    match = XPATH.fullmatch(run.get("XPath"))
    if not match:
        raise not_modelled(f"the XPath {run.get('XPath')}")
    anywhere, names, attribute, value, wanted = match.groups()
    for path, _entry in found(run):
        try:
            root = ET.fromstring(files.of(run).read(path).decode("utf-8-sig"))
        except (ET.ParseError, UnicodeDecodeError):
            run.errors.append(run.error("ProcessFile", "InvalidType", link("System.Xml.XmlException", f"The file '{path}' cannot be read as XML.")).err)
            continue
        steps = names.split("/")
        elements = list(root.iter(steps[0])) if anywhere == "//" else [root] if root.tag == steps[0] else []
        for step in steps[1:]:
            elements = [child for element in elements for child in element if child.tag == step]
        for element in elements:
            if (attribute and element.get(attribute) != value) or (wanted and wanted not in element.attrib):
                continue
            node = {"Name": wanted, "Value": element.get(wanted)} if wanted else {"Name": element.tag, "InnerText": "".join(element.itertext())}
            yield Obj("Microsoft.PowerShell.Commands.SelectXmlInfo", f"xml/{path}", {
                "Node": Obj("System.Xml.XmlNode", f"node/{path}", node), "Path": path, "Pattern": run.get("XPath")})


@cmdlet(r"Microsoft.PowerShell.Utility\ConvertTo-Json", takes="InputObject Compress", source=DOCS, assumed="only of objects with plain values")
def convert_to_json(run):
    """Objects as one JSON text."""
    given = run.get("InputObject")
    plain = [obj.properties for obj in given] if isinstance(given, list) else given.properties
    return [json.dumps(plain, ensure_ascii=False, separators=(",", ":"))]


# --- programs

@program("appcmd.exe", source="getting-started-with-appcmdexe", changes=lambda arguments: arguments[:1] != ["list"],
         assumed="deleting an application pool that sites use is not refused")
def appcmd(run, arguments):
    """Lists, adds and restores named backups; adds and deletes application pools; adds virtual directories."""
    view = files.of(run)
    if arguments == ["list", "backup"]:
        return 0, "".join(f'BACKUP "{entry.name}"\n' for place in (iis.BACKUPS, r"C:\inetpub\history") if view.exists(place)
                          for entry in view.list(place) if entry.folder), ""
    if arguments[:2] == ["add", "backup"] and len(arguments) == 3:
        folder = rf"{iis.BACKUPS}\{arguments[2]}"
        if view.exists(folder):
            return 183, f'ERROR ( message:Failed to create the backup "{arguments[2]}". )\n', ""
        view.make_folder(folder)
        for entry in view.list(iis.CONFIG):
            if entry.name.casefold().endswith(".config"):
                view.copy(rf"{iis.CONFIG}\{entry.name}", rf"{folder}\{entry.name}")
        return 0, f'BACKUP object "{arguments[2]}" added\n', ""
    if arguments[:2] == ["restore", "backup"] and len(arguments) == 3:
        folder = rf"{iis.BACKUPS}\{arguments[2]}"
        if not view.exists(folder):
            return 1168, f'ERROR ( message:Cannot find requested backup "{arguments[2]}". )\n', ""
        for entry in view.list(folder):
            view.copy(rf"{folder}\{entry.name}", rf"{iis.CONFIG}\{entry.name}")
        return 0, f'Restored configuration from backup "{arguments[2]}"\n', ""
    if arguments[:2] in (["add", "apppool"], ["delete", "apppool"]) and len(arguments) == 3:
        return _changed(view, lambda root: _pool(root, arguments[0], arguments[2].removeprefix("/name:")))
    options = dict(argument[1:].split(":", 1) for argument in arguments[2:] if re.match("/[^:]+:", argument))
    if arguments[:2] == ["add", "vdir"] and set(options) == {"app.name", "path", "physicalPath"} and len(arguments) == 5:
        return _changed(view, lambda root: _folder(root, options))
    raise refused("appcmd.exe", arguments)


def _changed(view, change):
    """Changes applicationHost.config. *change*: root element -> ``(exit code, text)``."""
    path = rf"{iis.CONFIG}\applicationHost.config"
    root = ET.fromstring(view.read(path).decode("utf-8-sig"))
    code, text = change(root)
    if not code:
        view.write(path, ET.tostring(root, encoding="unicode"))
    return code, text + "\n", ""


def _pool(root, verb, name):
    pools = root.find("system.applicationHost/applicationPools")
    known = next((pool for pool in pools if pool.get("name") == name), None)
    if verb == "add" and known is None:
        ET.SubElement(pools, "add", name=name)
        return 0, f'APPPOOL object "{name}" added'
    if verb == "delete" and known is not None:
        pools.remove(known)
        return 0, f'APPPOOL object "{name}" deleted'
    return (183, "ERROR ( message:It is there already. )") if known is not None else (1168, "ERROR ( message:It is not there. )")


def _folder(root, options):
    site, _slash, path = options["app.name"].partition("/")
    application = next((one for known in root.iterfind("system.applicationHost/sites/site") if known.get("name") == site
                        for one in known.iterfind("application") if one.get("path") == "/" + path), None)
    if application is None:
        return 1168, "ERROR ( message:There is no such application. )"
    ET.SubElement(application, "virtualDirectory", path=options["path"], physicalPath=options["physicalPath"])
    return 0, f'VDIR object "{options["app.name"].rstrip("/")}{options["path"]}" added'


@program("aspnet_regiis.exe", source="shared-configuration_264 (-px NAME file -pri, -pi NAME file -exp)", changes=True,
         assumed="exit code 1 and a text on standard output where there is no such container")
def aspnet_regiis(run, arguments):
    """Exports a container of RSA keys with its private key, or imports one."""
    if len(arguments) == 4 and arguments[0] == "-pi" and arguments[3] == "-exp":
        keys = files.of(run).read(arguments[2]).decode("utf-8-sig")
        if "<D>" not in keys:
            return 1, "Failed!\n", ""
        run.host["key_containers"] = list(dict.fromkeys([*run.host.get("key_containers", ()), arguments[1]]))
        run.host.setdefault("keys", {})[arguments[1]] = keys
        return 0, "Importing RSA Keys from file...\nSucceeded!\n", ""
    if len(arguments) != 4 or arguments[0] != "-px" or arguments[3] != "-pri":
        raise refused("aspnet_regiis.exe", arguments)
    _verb, container, path, _private = arguments
    if container.casefold() not in {name.casefold() for name in run.host.get("key_containers", ())}:
        return 1, "The RSA key container was not found.\nFailed!\n", ""
    try:
        files.of(run).write(path, run.host.get("keys", {}).get(container) or iis.exported_keys(run.host["name"], container))
    except files.Problem:
        return 1, "Could not find a part of the path.\nFailed!\n", ""
    return 0, "Exporting RSA Keys to file...\nSucceeded!\n", ""
