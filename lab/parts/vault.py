"""A vault: copies of the backups of the estate's hosts, as the collection leaves them, and the procedures beside them.

``path`` is its folder; of every host that has backups there are two sets of each kind, made one and four days ago and copied an hour later.
The shares that reach it are encrypted, and only administrators, SYSTEM and the accounts that the shares name may write there; the computers
that copy are in the group Vault Writers.
"""
from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from lab.files import ADMINISTRATORS, SYSTEM, acl, add_file, add_folder

KINDS = {"biztalk": "biztalk", "iis": "iis", "sharepoint": "sharepoint", "sso": "sso", "windows_backup": "windows"}       # group or part -> kind of backup
FILES = {
    "biztalk": (("bindings\\Orders.xml", "<BindingInfo/>"), ("registry\\biztalk.reg", "Windows Registry Editor Version 5.00\r\n")),
    "iis": (("config\\applicationHost.config", "<configuration/>"),
            ("keys\\iisConfigurationKey.xml", "<RSAKeyValue/>"), ("content\\web.config", "<configuration/>")),
    "sharepoint": (("spbrtoc.xml", "<SPBackupRestoreHistory/>"), ("spbr0000\\spbackup.log", "Completed\r\n")),
    "sso": (("SSO3F1C.bak", "the lab's secret, encrypted"),),
    "windows": (("MediaId", "0123456789abcdef"), ("Catalog\\BackupGlobalCatalog", "catalogue")),
}
DAYS = (4, 1)
GROUP = "Vault Writers"


def build(document, told, name, estate):
    path, now = told["path"], datetime.fromisoformat(estate["clock"].replace("Z", "+00:00"))
    writers = [who for share, about in estate["shares"].items() if about.get("path", "").casefold() == path.casefold()
               for who, right in about.get("access", {}).items() if right != "Read" and who != ADMINISTRATORS]
    add_folder(document, path, acl=acl((ADMINISTRATORS, "FullControl"), (SYSTEM, "FullControl"), *((who, "Modify") for who in writers)))
    for about in estate["shares"].values():
        if about.get("path", "").casefold() == path.casefold():
            about["encrypt"] = True
    add_file(document, path + r"\procedures\01 rebuild a server.txt", "Step 1: take the newest set of the server.\r\n", _iso(now - timedelta(days=30)))
    for host, about in estate["description"]["hosts"].items():
        for group, kind in KINDS.items():
            if group in (about or {}).get("groups", ()) or (about or {}).get(group):
                account = f"{document['domain'].split('.')[0].upper()}\\{host.upper()}$"        # as which the host's SYSTEM reaches the share
                estate["users"][account] = {
                    "password": None, "admin": False, "remote": False, "clusters": {}, "groups": [account.partition("\\")[0] + "\\" + GROUP]}
                for days in DAYS:
                    _set(document, path, host.upper(), kind, now.replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=days))


def _iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def _set(document, vault, host, kind, taken):
    """One set with its manifest."""
    name, modified = f"{host}-{kind}-{taken:%Y%m%dT%H%M%SZ}", _iso(taken)
    index = json.dumps({"schema": 1, "set": name, "kind": kind, "host": host, "taken_at": f"{taken:%Y-%m-%dT%H:%M:%SZ}", "parts": []})
    contents = {path: content.encode() for path, content in (*FILES[kind], ("index.json", index))}
    rows = [{"path": path, "bytes": len(content), "modified": modified, "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in sorted(contents.items())]
    listing = "".join(f"{row['path']}\t{row['bytes']}\t{row['modified']}\n" for row in rows)
    header = {"schema": 1, "host": host, "kind": kind, "set": name, "source": rf"C:\Windows\biztalk.fault_tolerance\backup\{name}",
              "taken_at": f"{taken:%Y-%m-%dT%H:%M:%SZ}", "copied_at": f"{taken + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "files": len(rows),
              "bytes": sum(row["bytes"] for row in rows), "listing": hashlib.sha256(listing.encode()).hexdigest()}
    lines = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (header, *rows))
    end = json.dumps({"lines": len(rows) + 1, "sha256": hashlib.sha256(lines.encode()).hexdigest()}, separators=(",", ":"))
    for path, content in contents.items():
        add_file(document, rf"{vault}\{host}\{kind}\{name}\{path}", content, modified)
    add_file(document, rf"{vault}\{host}\{kind}\{name}.manifest.jsonl", f"{lines}{end}\n", _iso(taken + timedelta(hours=1)))
