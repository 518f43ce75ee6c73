"""A SharePoint farm: what its cmdlets tell, and its backups, which lie in the folder that they are told and nowhere else.

``host["sharepoint"]`` is made by lab/parts/sharepoint.py. SharePoint itself writes the catalogue, its manifest and the log, as the account that
runs the cmdlet; the files of the databases are written by SQL Server, as its own account. The cmdlets are those of the module SharePointServer in
Subscription Edition, of the snap-in Microsoft.SharePoint.PowerShell before; Windows SharePoint Services 3.0 has stsadm.
"""
from __future__ import annotations

import re
import uuid
from datetime import datetime
from xml.sax.saxutils import escape

from lab import files
from lab.backend import cmdlet
from lab.bind import typed
from lab.exe import program, refused
from lab.values import Enum, Obj, link, not_modelled
from lab.work import lasts

SHELLS = ("SharePointServer", "Microsoft.SharePoint.PowerShell")
TYPES = "Microsoft.SharePoint.Administration."
PAGES = "reference pages of SharePointServer; back-up-a-farm.md"
FIELD = f"{PAGES}; spbrtoc.xml in best-practices-of-disaster-recovery-for-search.md and the SDK's page of SPBackupRestoreHistoryList"
ASSUMED = "properties of the objects; the times of the catalogue are the server's local ones; the form of spbackup.xml and of the log but for a warning"
STATUS = {0: "Online", 2: "Offline"}
SECONDS = 900


def sharepoint(name, takes, changes=False, source=PAGES, assumed=""):
    """Registers an answer under both names that the cmdlet has; only those who may use SharePoint's shell are answered."""
    def register(function):
        def answer(run):
            farm = run.host["sharepoint"]
            if run.backend.user.casefold() not in {who.casefold() for who in farm["shell_admins"]}:
                raise run.error("SPCmdletInvalidOperation", "InvalidData", link(
                    "Microsoft.SharePoint.PowerShell.SPCmdletException", "The local farm is not accessible. Cmdlets with FeatureDependencyId are not "
                    "registered.", 2148734208))
            return function(run, farm)
        answer.__doc__ = function.__doc__
        for shell in SHELLS:
            cmdlet(rf"{shell}\{name}", takes, source, changes, assumed)(answer)
        return function
    return register


def _object(kind, id, **values):
    made = typed(TYPES + kind, f"sharepoint/{id}", values)
    if "Status" in made.properties:
        made.properties["Status"] = Enum(TYPES + "SPObjectStatus", values.get("Status", 0), STATUS[values.get("Status", 0)])
    return made


@sharepoint("Get-SPFarm", "", assumed=ASSUMED)
def get_farm(run, farm):
    """The farm that this server belongs to."""
    yield _object("SPFarm", "farm", Name=farm["name"], Id=farm["id"], BuildVersion=farm["build"], NeedsUpgrade=False)


@sharepoint("Get-SPServer", "", assumed=ASSUMED)
def get_server(run, farm):
    """Its servers, those of SQL Server too."""
    for server in farm["servers"]:
        made = _object("SPServer", f"server/{server['name']}", Name=server["name"], DisplayName=server["name"], Address=server["name"])
        made.properties["Role"] = Enum(TYPES + "SPServerRole", server["role"][0], server["role"][1])
        yield made


@sharepoint("Get-SPServiceInstance", "", assumed=ASSUMED)
def get_service_instance(run, farm):
    """What runs on which server."""
    for server, name in farm["services"]:
        made = _object("SPServiceInstance", f"service/{server}/{name}", TypeName=name)
        made.properties["Server"] = Obj(TYPES + "SPServer", f"sharepoint/server/{server}", {"Name": server})
        yield made


@sharepoint("Get-SPContentDatabase", "", assumed=ASSUMED)
def get_content_database(run, farm):
    """The content databases that are attached."""
    for name in farm["content_databases"]:
        yield _object("SPDatabase", f"database/{name}", Name=name, NormalizedDataSource=farm["database_server"], Server=farm["database_server"], Exists=True)


@sharepoint("New-SPContentDatabase", "Name WebApplication", changes=True, assumed=ASSUMED)
def new_content_database(run, farm):
    """Makes a content database and attaches it."""
    farm["content_databases"].append(run.get("Name"))
    return []


# --- backups

def _local(moment):
    return datetime.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S").strftime("%m/%d/%Y %H:%M:%S")


def _entry(run, farm, method, configuration_only, number, place, started, finished, warnings):
    folder = f"spbr{number:04x}"
    told = {"SPId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place}/{folder}/{started}")), "SPRequestedBy": run.backend.user, "SPBackupMethod": method,
            "SPRestoreMethod": "None", "SPStartTime": _local(started), "SPFinishTime": finished and _local(finished), "SPIsBackup": "True",
            "SPConfigurationOnly": str(configuration_only), "SPBackupDirectory": rf"{place}\{folder}" + "\\", "SPDirectoryName": folder,
            "SPDirectoryNumber": str(number), "SPTopComponent": farm["root"], "SPTopComponentId": farm["id"], "SPWarningCount": str(warnings),
            "SPErrorCount": "0"}
    body = "".join(f"        <{name}>{escape(value)}</{name}>\n" for name, value in told.items() if value is not None)
    return f"    <SPHistoryObject>\n{body}    </SPHistoryObject>\n"


ENTRY = re.compile(r"    <SPHistoryObject>\n.*?    </SPHistoryObject>\n", re.DOTALL)


def _entries(view, toc):
    return ENTRY.findall(view.read(toc).decode("utf-8-sig")) if view.exists(toc) else []


def _put(view, toc, entries):
    view.write(toc, '<?xml version="1.0" encoding="utf-8"?>\n<SPBackupRestoreHistory>\n' + "".join(entries) + "</SPBackupRestoreHistory>")


def saves(run, farm, place):
    """Whether SQL Server may write in a folder."""
    if not place.startswith("\\\\"):
        return place[:2].upper() in farm.get("sql_drives", ())
    view = files.View(run.state, run.backend.host, farm["sql_account"], farm["sql_account"])
    try:
        return view.may(place, files.RIGHTS["WriteData"])
    except files.Problem:
        return False


def back_up(run, farm, place, method, configuration_only=False, done=1.0, view=None, saved=None):
    """A backup into *place*, or what is there of it by the time that a share of it is done. Raises files.Problem, or ValueError with a sentence.

    *view*: the files as they are reached; *saved*: whether SQL Server may write there; both are looked up where they are not given.
    """
    view, toc = view or files.of(run), rf"{place}\spbrtoc.xml"
    saved = saves(run, farm, place) if saved is None else saved
    if not view.exists(place):
        raise ValueError(f"Directory {place} does not exist or the SharePoint Timer service does not have access to it.")
    entries = _entries(view, toc)
    full = [one for one in entries if "<SPBackupMethod>Full<" in one and "<SPConfigurationOnly>False<" in one and "SPFinishTime" in one]
    if method == "Differential" and not full:
        raise ValueError("There is no full backup in this folder on which a differential one could be based.")
    kept = run.host["sharepoint"].pop("running", None)
    if kept is None or kept["place"] != place or kept["done"] > done:
        number = max([int(one, 16) for one in re.findall(r"<SPDirectoryName>spbr([0-9a-f]+)<", "".join(entries))], default=-1) + 1
        kept = {"place": place, "number": number, "started": run.state.clock}
        view.make_folder(rf"{place}\spbr{number:04x}")
    else:
        entries = entries[:-1]
    folder = rf"{place}\spbr{kept['number']:04x}"
    names = [] if configuration_only else [*farm["content_databases"], farm["name"], farm["admin_database"]]
    head = f"[{_local(run.state.clock)}]: "
    log = [f"{head}Verbose: Object: Farm (previous change: None. current change: None) in event OnPrepareBackup"]
    count = int(done * len(names))
    for position, name in enumerate(names[:count]):
        device = rf"{folder}\{position:08X}.bak"
        if saved:
            log.append(rf"{head}Verbose: [{name}] SQL Server saves to {device}.")
            view.write(device, f"{method} of {name}")
        else:
            log.append(f"{head}Warning: [{name}] Cannot open backup device '{device}'. Operating system error 5(Access is denied.).")
        log.append(f"{head}Progress: [{name}] {100 * (position + 1) // len(names)} percent complete.")
    view.write(rf"{folder}\spbackup.log", "\n".join(log) + "\n")
    if done < 1:
        run.host["sharepoint"]["running"] = {**kept, "done": done}
        _put(view, toc, [*entries, _entry(run, farm, method, configuration_only, kept["number"], place, kept["started"], None, 0)])
        return
    objects = "".join(f'        <SPBackupObject Name="{escape(name, {chr(34): "&quot;"})}" />\n' for name in [farm["root"], *names])
    view.write(rf"{folder}\spbackup.xml", f"<SPBackupRestoreRoot>\n    <SPGlobalInformation />\n    <SPBackupNode>\n{objects}    </SPBackupNode>\n"
                                          "</SPBackupRestoreRoot>\n")
    _put(view, toc, [*entries, _entry(run, farm, method, configuration_only, kept["number"], place, kept["started"], run.state.clock,
                                      0 if saved else len(names))])


def _wrong(run, sentence):
    return run.error("SPCmdletInvalidOperation", "InvalidOperation", link("System.InvalidOperationException", sentence, 2148734217))


@sharepoint("Backup-SPFarm", "Directory BackupMethod ConfigurationOnly", changes=True, source=FIELD, assumed=ASSUMED)
def backup_farm(run, farm):
    """A backup of the whole farm; a database that SQL Server could not save is a warning of the log and of the catalogue, and no error."""
    if run.get("BackupMethod").capitalize() not in ("Full", "Differential"):
        raise not_modelled(f"Backup-SPFarm -BackupMethod {run.get('BackupMethod')}")
    try:
        back_up(run, farm, run.get("Directory").rstrip("\\"), run.get("BackupMethod").capitalize(), bool(run.get("ConfigurationOnly")))
    except (files.Problem, ValueError) as problem:
        raise _wrong(run, str(problem)) from problem
    return []


def _meanwhile(run, given, share):
    """What there is of a backup that runs: its folder, its log so far, an entry without an end."""
    told = {name.casefold(): value for name, value in given.items()}
    back_up(run, run.host["sharepoint"], told["directory"].rstrip("\\"), told["backupmethod"].capitalize(), bool(told.get("configurationonly")), share)


for _shell in SHELLS:
    lasts(rf"{_shell}\Backup-SPFarm", during=_meanwhile)(lambda run, given: SECONDS)


@sharepoint("Backup-SPSite", "Identity Path UseSqlSnapshot NoSiteLock", changes=True, assumed="a file that is there is an error without -Force")
def backup_site(run, farm):
    """Exports a site collection into a file."""
    if run.get("Identity").rstrip("/").casefold() not in {site.rstrip("/").casefold() for site in farm["sites"]}:
        raise _wrong(run, f"Cannot find an SPSite object with Id or Url : {run.get('Identity')}.")
    view, path = files.of(run), run.get("Path")
    try:
        if view.exists(path) and not run.get("Force"):
            raise _wrong(run, f"The file {path} exists already.")
        view.write(path, f"site collection {run.get('Identity')}")
    except files.Problem as problem:
        raise _wrong(run, str(problem)) from problem
    return []


@program("stsadm.exe", source="back-up-a-farm.md (note on stsadm)", changes=True,
         assumed="-o backup -directory DIR -backupmethod full or differential does what Backup-SPFarm does; its texts are not modelled")
def stsadm(run, arguments):
    """Backs the farm up; nothing else."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if len(arguments) % 2 or set(given) != {"-o", "-directory", "-backupmethod"} or given["-o"] != "backup":
        raise refused("stsadm.exe", arguments)
    try:
        back_up(run, run.host["sharepoint"], given["-directory"].rstrip("\\"), given["-backupmethod"].capitalize())
    except (files.Problem, ValueError) as problem:
        return -1, "", f"{problem}\n"
    return 0, "Operation completed successfully.\n", ""
