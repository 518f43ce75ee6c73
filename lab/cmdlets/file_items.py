"""The file system and the environment through PowerShell's cmdlets; access lists, hashes, and what only works on the text of paths."""
from __future__ import annotations

import fnmatch
import ntpath
import re

from lab import files, sids
from lab.backend import cmdlet
from lab.cmdlets.items import DOCS, ITEMS, answers, no_drive, not_found, texts
from lab.values import CmdletError, Enum, Instant, Obj, link, not_modelled

ACCESS_DENIED, FILE_EXISTS, NO_PATH = 2147942405, 2147942480, 2147942403       # HRESULT_FROM_WIN32 of 5, 80, 3
PROVIDER = r"Microsoft.PowerShell.Core\FileSystem"
ATTRIBUTES = ((1, "ReadOnly"), (2, "Hidden"), (4, "System"), (16, "Directory"), (32, "Archive"), (128, "Normal"), (1024, "ReparsePoint"))
MODE = (("d", 16), ("a", 32), ("r", 1), ("h", 2), ("s", 4), ("l", 1024))
RIGHT_NAMES = {"FullControl": (2032127, "FullControl"), "Modify": (1245631, "Modify, Synchronize"), "ReadAndExecute": (1179817, "ReadAndExecute, Synchronize"),
               "Read": (1179785, "Read, Synchronize"), "Write": (1048854, "Write, Synchronize")}
ENCODINGS = {"utf8": "utf-8-sig", "ascii": "ascii", "unicode": "utf-16", "bigendianunicode": "utf-16-be", "default": "cp1252", "oem": "cp850",
             "string": "utf-16", "unknown": "utf-16", "utf7": "utf-7", "utf32": "utf-32"}


# --- errors

def failure(run, problem, denied, missing=None):
    """A Problem as the error record of a cmdlet; *denied*: the first part of the id where access is what was refused."""
    path = problem.path
    if problem.kind == "denied":
        if _remote_without_credentials(run, path):
            return run.error("ItemExistsUnauthorizedAccessError", "PermissionDenied", link(
                "System.UnauthorizedAccessException", "Access is denied", ACCESS_DENIED))
        return run.error(denied, "PermissionDenied", link("System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.", ACCESS_DENIED))
    if problem.kind == "no_drive":
        return no_drive(run, path[:1])
    if problem.kind == "no_folder":
        return run.error(missing or "System.IO.DirectoryNotFoundException", "WriteError" if missing else "NotSpecified", link(
            "System.IO.DirectoryNotFoundException", f"Could not find a part of the path '{path}'.", NO_PATH))
    return not_found(run, path)


def _remote_without_credentials(run, path):
    return path.startswith("\\\\") and not run.backend.network and path.strip("\\").split("\\")[0].split(".")[0].casefold() != run.backend.host


# --- finding

def bare(text):
    """A path without its provider."""
    return re.sub(r"^(?:Microsoft\.PowerShell\.Core\\)?FileSystem::", "", text, flags=re.IGNORECASE).replace("/", "\\")


def matching(run, view, text, literal):
    """``(path as it is shown, entry)`` of all that a path names; one without wildcards that names nothing raises, as does a drive that is not there."""
    text = bare(text)
    if literal or not re.search(r"[*?\[]", text):
        try:
            entry = view.get(text)
        except files.Problem as problem:
            raise failure(run, problem, "ItemExistsUnauthorizedAccessError") from problem
        if entry is None and not text.startswith("\\\\") and view.store.get(view.host, text[:2]) is None:
            raise no_drive(run, text[0])
        if entry is None:
            raise not_found(run, text)
        return [(_shown(text, entry), entry)]
    root, rest = ntpath.splitdrive(text)        # a drive, or server and share
    here = [root + "\\" if root.endswith(":") else root]
    for segment in rest.strip("\\").split("\\"):
        here = [ntpath.join(folder, entry.name) for folder in here for entry in _listed(run, view, folder)
                if fnmatch.fnmatchcase(entry.name.casefold(), segment.casefold())]
    return [(path, view.entry(path)) for path in here]


def _shown(text, entry):
    """The path as FullName tells it: of a share by the name it was called by."""
    return text.rstrip("\\") if text.startswith("\\\\") else entry.path


def _listed(run, view, folder):
    try:
        return view.list(folder)
    except files.Problem as problem:
        run.errors.append(failure(run, problem, "DirUnauthorizedAccessError").err)
        return []


def found(run):
    """Every ``(path, entry)`` that a call names. An error of one path stands beside the rest."""
    view, (given, literal) = files.of(run), texts(run)
    seen = []
    for text in given:
        try:
            seen += matching(run, view, text, literal)
        except CmdletError as error:
            if error.err.fqid.startswith("LabDoesNotModel"):
                raise
            run.errors.append(error.err)
    return seen


def item(path, entry):
    """The FileInfo or DirectoryInfo of an entry."""
    parent, name = files.parent(path), entry.name
    created, modified = Instant(entry.created), Instant(entry.modified)
    root = bool(re.fullmatch(r"[A-Za-z]:\\?", path))
    note = {"PSPath": f"{PROVIDER}::{path}", "PSParentPath": "" if root else f"{PROVIDER}::{parent}", "PSChildName": name,
            "PSProvider": Obj("System.Management.Automation.ProviderInfo", "provider/filesystem", {"Name": "FileSystem"}), "PSIsContainer": entry.folder}
    if not path.startswith("\\\\"):
        note["PSDrive"] = Obj("System.Management.Automation.PSDriveInfo", f"drive/{path[0]}", {"Name": path[0], "Root": path[:2] + "\\"})
    stem, dot, extension = name.rpartition(".")
    mode = "".join(letter if entry.attributes & bit else "-" for letter, bit in MODE)
    common = {"Name": path if root else name, "FullName": path, "Exists": True, "CreationTime": created, "CreationTimeUtc": created, "LastWriteTime": modified,
              "LastWriteTimeUtc": modified, "LastAccessTime": modified, "LastAccessTimeUtc": modified, "Extension": dot + extension if dot else "",
              "Attributes": _flags(entry.attributes), "Mode": mode, "BaseName": name if entry.folder or not dot else stem}
    if entry.folder:
        return Obj("System.IO.DirectoryInfo", f"file/{entry.place}/{path}", {
            **common, "Parent": None if root else _brief(parent), "Root": _brief(path[:3]), **note})
    version = Obj("System.Diagnostics.FileVersionInfo", f"version/{entry.place}/{path}", {
        "FileName": path, "FileVersion": entry.more.get("version"), "ProductVersion": entry.more.get("version")})
    return Obj("System.IO.FileInfo", f"file/{entry.place}/{path}", {
        **common, "Length": entry.size, "DirectoryName": parent, "Directory": _brief(parent), "IsReadOnly": bool(entry.attributes & files.READ_ONLY),
        "VersionInfo": version, **note})


def _brief(path):
    return Obj("System.IO.DirectoryInfo", f"folder/{path}", {"FullName": path, "Name": ntpath.basename(path.rstrip("\\")) or path, "Exists": True})


def _flags(number):
    return Enum("System.IO.FileAttributes", number, ", ".join(name for bit, name in ATTRIBUTES if number & bit) or str(number))


def _wanted(run, entry):
    """Whether -Filter, -Include, -Exclude, -File, -Directory, -Hidden, -ReadOnly and -Force let an entry through."""
    name = entry.name.casefold()
    matches = [fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in run.get("Include", ())]
    return (not run.get("Filter") or fnmatch.fnmatchcase(name, run.get("Filter").casefold())) and (not matches or any(matches)) \
        and not any(fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in run.get("Exclude", ())) \
        and not (run.get("File") and entry.folder) and not (run.get("Directory") and not entry.folder) \
        and (bool(entry.attributes & files.HIDDEN) if run.get("Hidden") else run.get("Force") or not entry.attributes & files.HIDDEN) \
        and not (run.get("ReadOnly") and not entry.attributes & files.READ_ONLY)


# --- reading

@answers("FileSystem", "Get-Item", "")
def get_item(run):
    """Files and folders by path."""
    return [item(path, entry) for path, entry in found(run)]


@answers("FileSystem", "Get-ItemProperty", "")
def get_item_property(run):
    """Files and folders themselves."""
    return get_item(run)


@answers("FileSystem", "Get-ChildItem", "Filter Recurse Depth File Directory Name Include Exclude Hidden ReadOnly")
def get_child_item(run):
    """What is in folders; a file answers itself, and so does what a wildcard names."""
    if run.get("Include") and not run.get("Recurse"):
        raise not_modelled("Get-ChildItem -Include without -Recurse")
    view, depth = files.of(run), run.get("Depth", 2**32 if run.get("Recurse") else 0)
    named, answer = found(run), []
    for path, entry in named:
        if not entry.folder:
            answer.append((path, entry))
        else:
            _walk(run, view, path, depth, answer)
    if run.get("Name"):     # relative to the folder that was named
        tops = [path.rstrip("\\") + "\\" for path, entry in named if entry.folder]
        return [next((path[len(top):] for top in tops if path.startswith(top)), entry.name) for path, entry in answer if _wanted(run, entry)]
    return [item(path, entry) for path, entry in answer if _wanted(run, entry)]


def _walk(run, view, folder, depth, answer):
    within = _listed(run, view, folder)
    answer += [(ntpath.join(folder, entry.name), entry) for entry in sorted(within, key=lambda entry: (not entry.folder, entry.name.casefold()))]
    if depth > 0:
        for entry in within:
            if entry.folder:
                _walk(run, view, ntpath.join(folder, entry.name), depth - 1, answer)


@answers("FileSystem", "Test-Path", "PathType")
def test_path(run):
    """Whether files or folders are there."""
    view, (given, literal) = files.of(run), texts(run)
    seen = []
    for text in given:
        try:
            entries = matching(run, view, text, literal)
        except CmdletError as error:
            if error.err.category == "PermissionDenied":
                run.errors.append(error.err)
            entries = []
        kind = run.get("PathType", "Any").casefold()
        seen.append(any(kind == "any" or entry.folder == (kind == "container") for _path, entry in entries))
    return seen


@answers("FileSystem", "Get-Content", "Raw Encoding TotalCount Tail ReadCount")
def get_content(run):
    """Lines, one text, or bytes."""
    view, answer = files.of(run), []
    for path, entry in found(run):
        if entry.folder:
            run.errors.append(run.error("GetContentReaderUnauthorizedAccessError", "PermissionDenied", link(
                "System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.", ACCESS_DENIED)).err)
            continue
        try:
            content = view.read(path)
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "GetContentReaderUnauthorizedAccessError").err)
            continue
        if str(run.get("Encoding", "")).casefold() == "byte":
            answer += [content] if run.get("ReadCount") == 0 or run.get("Raw") else list(content)[:run.get("TotalCount")]
            continue
        text = decoded(content, run.get("Encoding"))
        if run.get("Raw"):
            answer += [text] if text else []
            continue
        lines = re.split(r"\r\n|\n|\r", text)
        lines = lines[:-1] if lines and not lines[-1] else lines
        lines = lines[:run.get("TotalCount")] if run.get("TotalCount") is not None else lines
        answer += lines[-run.get("Tail"):] if run.get("Tail") else lines
    return answer


def decoded(content, encoding):
    """Bytes as Get-Content reads them; a byte order mark goes before what was asked for."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(name, "replace")
    return content.decode(ENCODINGS[str(encoding or "default").casefold()], "replace")


@cmdlet("Microsoft.PowerShell.Utility\\Get-FileHash", takes="Path LiteralPath Algorithm", source="reference page; it is a script function in 5.1",
        assumed="the hash of a file of which the lab keeps only the beginning is one of that and its size")
def get_file_hash(run):
    """SHA-256 of files; of folders nothing is said."""
    if run.get("Algorithm", "SHA256") != "SHA256":
        raise not_modelled(f"hashes by {run.get('Algorithm')}")
    view = files.of(run)
    for path, entry in found(run):
        if entry.folder:
            continue
        try:
            view.read(path)
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "UnauthorizedAccessException").err)
            continue
        yield Obj("Microsoft.Powershell.Utility.FileHash", f"hash/{entry.place}/{path}", {"Algorithm": "SHA256", "Hash": entry.sha256().upper(), "Path": path})


# --- access

@cmdlet("Microsoft.PowerShell.Security\\Get-Acl", takes="Path LiteralPath", source="reference page; System.Security.AccessControl.FileSystemSecurity",
        assumed="only of files and folders; InheritanceFlags and PropagationFlags are those of a folder whose list goes down")
def get_acl(run):
    """Owner and access list of files and folders."""
    view = files.of(run)
    for path, entry in found(run):
        own = entry.acl["entries"] if entry.acl else []
        effective = view.rules(entry.place, entry.path)
        rules = [_rule(path, place, rule, place >= len(own), entry.folder) for place, rule in enumerate(effective)]
        kind = "DirectorySecurity" if entry.folder else "FileSecurity"
        yield Obj(f"System.Security.AccessControl.{kind}", f"acl/{entry.place}/{path}", {
            "Path": f"{PROVIDER}::{path}", "Owner": entry.owner, "Access": rules, "AreAccessRulesProtected": bool(entry.acl and not entry.acl["inherit"]),
            "AreAuditRulesProtected": False, "PSChildName": entry.name, "Sddl": sids.of_item(entry, effective, len(own))})


def _rule(path, place, rule, inherited, folder):
    who, right, kind = rule
    number, name = RIGHT_NAMES.get(right) or (sum({files.RIGHTS[part.strip()] for part in right.split(",")}), right)
    return Obj("System.Security.AccessControl.FileSystemAccessRule", f"rule/{path}/{place}", {
        "IdentityReference": Obj("System.Security.Principal.NTAccount", f"account/{who}", {"Value": who}),
        "FileSystemRights": Enum("System.Security.AccessControl.FileSystemRights", number, name),
        "AccessControlType": Enum("System.Security.AccessControl.AccessControlType", int(kind == "Deny"), kind), "IsInherited": inherited,
        "InheritanceFlags": Enum("System.Security.AccessControl.InheritanceFlags", 3 * folder, "ContainerInherit, ObjectInherit" if folder else "None"),
        "PropagationFlags": Enum("System.Security.AccessControl.PropagationFlags", 0, "None")})


# --- environment

def _variable(run, name):
    values = files.environment(run.host)
    own = next((known for known in values if known.casefold() == name.casefold()), None)
    return own and Obj("System.Collections.DictionaryEntry", f"env/{run.backend.host}/{own}", {
        "Name": own, "Key": own, "Value": values[own], "PSPath": f"Microsoft.PowerShell.Core\\Environment::{own}", "PSChildName": own, "PSIsContainer": False})


def _variables(run):
    given, _literal = texts(run)
    for text in given:
        name = re.split(r"::|:", text, maxsplit=1)[1].strip("\\")
        if re.search(r"[*?\[]", name):
            raise not_modelled(f"wildcards in {text}")
        yield text, name, _variable(run, name)


@answers("Environment", "Get-Item", "")
def get_variable(run):
    """Environment variables by name."""
    for text, _name, seen in _variables(run):
        if seen is None:
            run.errors.append(not_found(run, text).err)
        else:
            yield seen


@answers("Environment", "Get-ChildItem", "")
def get_variables(run):
    """All environment variables, or the one that is named."""
    for text, name, seen in _variables(run):
        if name and seen is None:
            run.errors.append(not_found(run, text).err)
        else:
            yield from [seen] if name else [_variable(run, known) for known in files.environment(run.host)]


@answers("Environment", "Get-Content", "")
def get_variable_content(run):
    """The values of environment variables."""
    return [seen.properties["Value"] for seen in get_variable(run)]


@answers("Environment", "Test-Path", "PathType")
def test_variable(run):
    """Whether environment variables are there."""
    return [seen is not None and run.get("PathType", "Any").casefold() != "container" for _text, _name, seen in _variables(run)]


# --- text of paths

@cmdlet(ITEMS + "Join-Path", takes="Path ChildPath", source=DOCS, assumed="wildcards are not resolved (-Resolve is refused)")
def join_path(run):
    """Parents and a child joined by one backslash; the drive has to be there."""
    for path in run.get("Path"):
        if (drive := re.match(r"([A-Za-z]):", path)) and files.of(run).store.get(run.backend.host, drive[0]) is None:
            raise no_drive(run, drive[1])
        yield path.replace("/", "\\").rstrip("\\") + "\\" + run.get("ChildPath").replace("/", "\\").lstrip("\\")


@cmdlet(ITEMS + "Split-Path", takes="Path LiteralPath Leaf Parent Qualifier NoQualifier IsAbsolute", source=DOCS, assumed="")
def split_path(run):
    """The parent (or another part) of paths, as text."""
    given, _literal = texts(run)
    for path in given:
        path = path.replace("/", "\\")
        if run.get("Leaf"):
            yield path.rstrip("\\").rpartition("\\")[2]
        elif run.get("Qualifier") or run.get("NoQualifier"):
            qualifier, rest = ntpath.splitdrive(path)
            yield qualifier if run.get("Qualifier") else rest
        elif run.get("IsAbsolute"):
            yield ntpath.isabs(path)
        else:
            yield "" if re.fullmatch(r"[A-Za-z]:\\?", path) else files.parent(path)
