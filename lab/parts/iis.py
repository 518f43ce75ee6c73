"""A web server: its configuration files, what IIS set-up leaves in the registry, certificates, content, and the backups of the last days.

*told*: ``true``, or ``{site, application, pool, folder, backups}``; *backups*: how many sets of the last nights there are (default 2).
"""
from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta

from lab.estate import guid
from lab.files import ADMINISTRATORS, SYSTEM, acl, add_file, add_folder

CONFIG = r"C:\Windows\System32\inetsrv\config"
BACKUPS = r"C:\Windows\System32\inetsrv\backup"
SETS = r"C:\Windows\biztalk.fault_tolerance\backup"
FRAMEWORKS = r"C:\Windows\Microsoft.NET"
INETSTP = r"HKLM\SOFTWARE\Microsoft\InetStp"
HTTP = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
COMPONENTS = ("ASPNET45", "DefaultDocument", "HttpLogging", "ISAPIExtensions", "ISAPIFilter", "ManagementConsole", "NetFxExtensibility45",
              "RequestFiltering", "StaticContent", "W3SVC", "WindowsAuthentication")
CONTAINERS = ("iisConfigurationKey", "iisWasKey")
REDIRECTION = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
    <configSections>
        <section name="configurationRedirection" />
    </configSections>
    <configurationRedirection />
</configuration>
"""
APPLICATION_HOST = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
    <configProtectedData>
        <providers>
            <add name="IISWASOnlyRsaProvider" type="" keyContainerName="iisWasKey" cspProviderName="" useMachineContainer="true" useOAEP="false" />
            <add name="AesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider"
                 keyContainerName="iisConfigurationKey" useMachineContainer="true" sessionKey="bGFi" />
            <add name="IISWASOnlyAesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider"
                 keyContainerName="iisWasKey" useMachineContainer="true" sessionKey="bGFi" />
        </providers>
    </configProtectedData>
    <system.applicationHost>
        <applicationPools>
            <add name="DefaultAppPool" />
            <add name="{pool}" managedRuntimeVersion="v4.0" enable32BitAppOnWin64="true">
                <processModel identityType="SpecificUser" userName="{account}" password="[enc:IISWASOnlyAesProvider:bGFi:enc]" />
            </add>
        </applicationPools>
        <configHistory />
        <sites>
            <site name="{site}" id="1" serverAutoStart="true">
                <application path="/" applicationPool="DefaultAppPool">
                    <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
                </application>
                <application path="/{application}" applicationPool="{pool}">
                    <virtualDirectory path="/" physicalPath="{folder}" />
                </application>
                <bindings>
                    <binding protocol="http" bindingInformation="*:80:" />
                    <binding protocol="https" bindingInformation="*:443:" />
                </bindings>
            </site>
        </sites>
    </system.applicationHost>
</configuration>
"""


def build(document, told, name, estate):
    """A server that was set up with Windows, is bound to one certificate, and was backed up at two o'clock of the last nights."""
    about = {"site": "Default Web Site", "application": "Orders.In", "pool": "BizTalkIsolated", "folder": r"D:\BizTalk\Orders.In", "backups": 2,
             **(told if isinstance(told, dict) else {})}
    now = datetime.fromisoformat(estate["clock"][:19])
    netbios = document["domain"].split(".")[0].upper()
    document["modules"].append("pki")
    document["key_containers"] = list(CONTAINERS)
    files = {rf"{CONFIG}\redirection.config": REDIRECTION,
             rf"{CONFIG}\applicationHost.config": APPLICATION_HOST.format(account=rf"{netbios}\svc-web", **about),
             rf"{CONFIG}\administration.config": "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<configuration />\n",
             **{rf"{FRAMEWORKS}\{bits}\v4.0.30319\Config\{file}": f"<?xml version=\"1.0\"?>\n<configuration><!-- {file} --></configuration>\n"
                for bits in ("Framework", "Framework64") for file in ("machine.config", "web.config")},
             r"C:\inetpub\wwwroot\iisstart.htm": "<html></html>\n", rf"{about['folder']}\web.config": "<configuration />\n",
             rf"{about['folder']}\{about['application']}.svc": "<%@ServiceHost %>\n"}
    for path, text in files.items():
        add_file(document, path, text)
    for program in (r"C:\Windows\System32\inetsrv\appcmd.exe", rf"{FRAMEWORKS}\Framework64\v4.0.30319\aspnet_regiis.exe"):
        add_file(document, program, "MZ", version="10.0.17763.1")
    add_folder(document, BACKUPS)
    for number in (1, 2):
        add_file(document, rf"C:\inetpub\history\CFGHISTORY_{number:010}\applicationHost.config", "<configuration />")
    _registry(document, name, now)
    for night in range(about["backups"], 0, -1):
        taken = (now - timedelta(hours=2)).replace(hour=2, minute=0, second=0) - timedelta(days=night - 1)
        _backed_up(document, taken, files, about)


def thumbprint(name):
    """The thumbprint of a host's certificate."""
    return hashlib.sha1(guid("certificate", name).encode()).hexdigest().upper()


def _registry(document, name, now):
    registry = document["registry"]
    registry[INETSTP] = {"VersionString": ["String", "Version 10.0"], "MajorVersion": ["DWord", 10], "MinorVersion": ["DWord", 0]}
    registry[INETSTP + r"\Components"] = {component: ["DWord", 1] for component in COMPONENTS}
    registry[HTTP + r"\SslBindingInfo\0.0.0.0:443"] = {
        "SslCertHash": ["Binary", base64.b64encode(bytes.fromhex(thumbprint(name))).decode()], "SslCertStoreName": ["String", "My"]}
    document["certificates"] = {"My": [{
        "thumbprint": thumbprint(name), "subject": f"CN={name}.{document['domain']}", "key": True, "exportable": True,
        "expires": (now + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")}]}


def _backed_up(document, taken, files, about):
    """The named backup and the set of one night, as iis_backup leaves them."""
    stamp, at = taken.strftime("%Y%m%dT%H%M%SZ"), taken.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    place = rf"{SETS}\{document['name']}-iis-{stamp}"
    closed = acl((SYSTEM, "FullControl"), (ADMINISTRATORS, "FullControl"))
    add_folder(document, place, acl=closed, modified=at)
    parts, copies = [], {}

    def part(kind_name, path, source):
        parts.append({"name": kind_name, "path": path, "source": source, "complete": True, "why_not": ""})

    named = rf"{BACKUPS}\ft-{stamp}"
    add_folder(document, named, modified=at)
    part("configuration", "configuration", "")
    for file in ("redirection.config", "applicationHost.config", "administration.config"):
        copies[rf"configuration\{file}"] = files[rf"{CONFIG}\{file}"]
        add_file(document, rf"{named}\{file}", files[rf"{CONFIG}\{file}"], modified=at)
    for container in document["key_containers"]:
        part(f"key container {container}", rf"keys\{container}.xml", container)
        copies[rf"keys\{container}.xml"] = exported_keys(document["name"], container)
    mark = document["certificates"]["My"][0]["thumbprint"]
    part(f"certificate {mark}", rf"certificates\{mark}.pfx", rf"Cert:\LocalMachine\My\{mark}")
    copies[rf"certificates\{mark}.pfx"] = f"PFX of {mark}"
    for path, text in files.items():
        if path.startswith(FRAMEWORKS):
            bits, version, _config, file = path.split("\\")[-4:]
            part(rf"framework {bits}\{version}\{file}", rf"frameworks\{bits}\{version}\{file}", path)
            copies[rf"frameworks\{bits}\{version}\{file}"] = text
    for number, folder in enumerate(sorted((r"C:\inetpub\wwwroot", about["folder"]), key=str.casefold), 1):
        part(f"content {folder}", rf"content\{number}", folder)
        copies |= {rf"content\{number}{path[len(folder):]}": text for path, text in files.items() if path.startswith(folder + "\\")}
    hashes = [{"Algorithm": "SHA256", "Hash": hashlib.sha256(text.encode()).hexdigest().upper(), "Path": rf"{place}\{path}"}
              for path, text in copies.items()]
    index = {"schema": 1, "set": place.rpartition("\\")[2], "kind": "iis", "host": document["name"], "taken_at": taken.strftime("%Y-%m-%dT%H:%M:%SZ"),
             "by": "the lab", "parts": parts, "hashes": "hashes.json"}
    for path, text in {**copies, "hashes.json": json.dumps(hashes), "index.json": json.dumps(index)}.items():
        add_file(document, rf"{place}\{path}", text, modified=at)


def exported_keys(computer, container):
    """What aspnet_regiis -px -pri writes: an RSA key as XML. The lab's are no keys."""
    seed = hashlib.sha256(f"{computer}/{container}".encode()).hexdigest()
    return f"<RSAKeyValue><Modulus>{seed}</Modulus><Exponent>AQAB</Exponent><D>{seed[::-1]}</D></RSAKeyValue>"
