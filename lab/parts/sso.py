"""Enterprise Single Sign-On (``version``: another build): its programs, the secret in the registry of its holders, what ENTSSO has logged.

The master secret server is the clustered ENTSSO of the estate, else the first host of the group sso; its nodes, or that host, hold the secret.
"""
from __future__ import annotations

from datetime import datetime, timedelta

from lab.cmdlets.events import add_event
from lab.files import ADMINISTRATORS, SYSTEM, acl, add_file

FOLDER = r"C:\Program Files\Common Files\Enterprise Single Sign-On"
SECRET = r"HKLM\SOFTWARE\Microsoft\ENTSSO\SSOSS"
ENTSSO = ("Application", "ENTSSO")


def build(document, told, name, estate):
    description = estate["description"]
    server, holders = master(description)
    now = datetime.fromisoformat(estate["clock"].replace("Z", "+00:00"))

    def ago(**span):
        return (now - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    domain = description.get("domain", "contoso.test").split(".")[0].upper()
    version = "10.0.2300.0" if told is True else told["version"]
    document["sso"] = {"server": server, "holder": name in holders}
    add_file(document, FOLDER + r"\ENTSSO.exe", "MZ", ago(days=600), version=version)
    for tool in ("ssoconfig.exe", "ssomanage.exe"):
        add_file(document, rf"{FOLDER}\{tool}", "MZ", ago(days=600), version=version)
    add_event(document, "Application", "Application Error", 1000, ago(days=90))         # since when the log tells
    add_event(document, *ENTSSO, 10529, ago(hours=3), [server, "{7D4B3E52-0F6E-4C0B-8C5A-2D0B3E1C9A10}"])
    if name not in holders:
        return
    document["registry"][SECRET] = {}
    if name != holders[0]:
        add_event(document, *ENTSSO, 10523, ago(days=79), [FOLDER + r"\SSO3F1C.bak", "{A}", "{B}", rf"{domain}\svc-sso", document["name"]])
    else:
        add_event(document, *ENTSSO, 10525, ago(days=80))
        add_event(document, *ENTSSO, 10559, ago(days=12), [FOLDER + r"\SSO3F1C.bak", "{A}", "{B}", rf"{domain}\svc-sso", document["name"]])
        add_file(document, FOLDER + r"\SSO3F1C.bak", "the lab's secret, encrypted", ago(days=12),
                 acl=acl((ADMINISTRATORS, "FullControl"), (SYSTEM, "FullControl"), (rf"{domain}\SSO Administrators", "Read")))


def master(description):
    """``(name of the master secret server, hosts that hold the secret)``."""
    for cluster in description.get("clusters", {}).values():
        if cluster.get("sso"):
            return cluster["sso"], list(cluster["nodes"])
    first = next(name for name, host in description["hosts"].items() if (host or {}).get("sso"))
    return first.upper(), [first]
