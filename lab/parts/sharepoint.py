"""A SharePoint server: a farm of its own with two content databases, and the farm backups of the last weeks in a share of the server.

*told*: ``true``, or ``{edition, name, database_server, alias, root, folder, share, days, others}``. *edition*: 2013, 2016, 2019 or SE, or WSS3 for
Windows SharePoint Services 3.0; *root*: what the farm is called in the server's language; *share* and *folder*: where the backups lie, as a share and on
the server; *days*: how many days ago they were made; *others*: further servers of the farm; *alias*: the name by which the farm knows *database_server*.
"""
from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

from lab import files
from lab.cmdlets import sharepoint as cmdlets
from lab.estate import guid
from lab.files import add_file

SETUP = r"HKLM\SOFTWARE\Microsoft\Shared Tools\Web Server Extensions"
CLIENTS = (r"HKLM\SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo", r"HKLM\SOFTWARE\Wow6432Node\Microsoft\MSSQLServer\Client\ConnectTo")
EDITIONS = {"WSS3": ("12.0", "12.0.0.6219"), "2013": ("15.0", "15.0.5603.1000"), "2016": ("16.0", "16.0.5456.1000"),
            "2019": ("16.0", "16.0.10412.20001"), "SE": ("16.0", "16.0.17928.20238")}
STSADM = r"C:\Program Files\Common Files\Microsoft Shared\web server extensions\12\BIN\stsadm.exe"
DEFAULTS = {"edition": "2019", "name": "SharePoint_Config", "database_server": "BTSLSN", "alias": "SPSQL", "root": "Farm", "folder": r"C:\SPBackup",
            "share": "spbackup", "days": [8, 1], "others": []}


def share_of(told, name):
    """The share that holds the backups of a host's farm."""
    return rf"\\{name}\{(told if isinstance(told, dict) else DEFAULTS).get('share', DEFAULTS['share'])}"


def build(document, told, name, estate):
    about = {**DEFAULTS, **(told if isinstance(told, dict) else {})}
    setup, build_number = EDITIONS[about["edition"]]
    netbios = document["domain"].split(".")[0].upper()
    account, sql = rf"{netbios}\svc-spfarm", rf"{netbios}\svc-sql"
    estate["users"].setdefault(account, {"password": "Lab-only-6", "admin": True, "remote": True, "clusters": {}})
    estate["users"].setdefault(sql, {"password": None, "admin": False, "remote": False, "clusters": {}})
    if about["edition"] == "WSS3":
        add_file(document, STSADM, b"MZ", version=build_number)
    else:
        document["modules"].append(cmdlets.SHELLS[0] if about["edition"] == "SE" else cmdlets.SHELLS[1])
    administrators = [user for user, rights in estate["users"].items() if rights["admin"]]
    document["sharepoint"] = farm = {
        "name": about["name"], "id": guid("farm", name), "build": build_number, "root": about["root"], "database_server": about["alias"],
        "servers": [{"name": name.upper(), "role": [7, "Custom"]}, *({"name": other, "role": [7, "Custom"]} for other in about["others"]),
                    {"name": about["alias"], "role": [0, "Invalid"]}],
        "services": [[server, service] for server in [name.upper(), *about["others"]] for service in ("Web Application", "Timer")],
        "content_databases": ["WSS_Content_Portal", "WSS_Content_Orders"], "admin_database": f"SharePoint_AdminContent_{guid('admin', name)}",
        "sites": ["https://portal.contoso.test", "https://portal.contoso.test/sites/orders"], "shell_admins": administrators, "sql_account": sql,
    }
    registry = document["registry"]
    registry[rf"{SETUP}\{setup}"] = {"SharePoint": ["String", "Installed"], "Version": ["String", build_number]}
    registry[rf"{SETUP}\{setup}\Secure\ConfigDB"] = {
        "dsn": ["String", f"Data Source={about['alias']};Initial Catalog={about['name']};Integrated Security=True;Connect Timeout=15"]}
    for key in CLIENTS:
        registry[key] = {about["alias"]: ["String", f"DBMSSOCN,{about['database_server']}"]}
    share = share_of(told, name)
    estate["shares"][share] = {"path": about["folder"], "access": {account: "Change", sql: "Change", r"BUILTIN\Administrators": "Full"}}
    files.add_folder(document, about["folder"], acl=files.acl((account, "Modify"), (sql, "Modify"), (r"BUILTIN\Administrators", "FullControl")))
    _backups(document, about, farm, share, account, name, estate)


def _backups(document, about, farm, share, account, name, estate):
    """The backups of the last weeks, made as Backup-SPFarm makes them, into memory."""
    now = datetime.fromisoformat(estate["clock"][:19])
    memory = _Memory()
    for days in about["days"]:
        moment = (now.replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
        memory.clock = moment
        run = SimpleNamespace(state=memory, host={"sharepoint": farm}, backend=SimpleNamespace(user=account, host=name))
        cmdlets.back_up(run, farm, share, "Full", view=memory, saved=True)
    for path, (content, modified) in memory.files.items():
        add_file(document, about["folder"] + path[len(share):], content, modified)


class _Memory:
    """Files before the estate is there."""

    def __init__(self):
        self.files, self.folders, self.clock = {}, set(), ""

    def exists(self, path):
        return path in self.files or path in self.folders or path.count("\\") == 3        # the share itself

    def read(self, path):
        return self.files[path][0]

    def write(self, path, content):
        self.files[path] = (content.encode() if isinstance(content, str) else content, self.clock)

    def make_folder(self, path):
        self.folders.add(path)
