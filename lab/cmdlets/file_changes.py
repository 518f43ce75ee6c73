"""What changes files through PowerShell's item cmdlets: writing, copying, moving, deleting, access lists, times."""
from __future__ import annotations

import ntpath

from lab import files
from lab.backend import assignable
from lab.cmdlets.file_items import ACCESS_DENIED, ENCODINGS, FILE_EXISTS, bare, failure, found, item
from lab.cmdlets.items import answers, texts
from lab.state import iso
from lab.values import CmdletError, Instant, link, not_modelled

WRITE_DENIED = "GetContentWriterUnauthorizedAccessError"


def _encoded(run, text):
    encoding = str(run.get("Encoding") or "Default").casefold()
    if encoding not in ENCODINGS:
        raise not_modelled(f"-Encoding {run.get('Encoding')}")
    return text.encode(ENCODINGS[encoding], "replace")


def _lines(run):
    """What -Value gives, as bytes."""
    value = run.get("Value")
    parts = value if isinstance(value, list) else [value]
    if str(run.get("Encoding", "")).casefold() == "byte":
        return b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)
    end = "" if run.get("NoNewline") else "\r\n"
    return _encoded(run, "".join(f"{'' if part is None else part}{end}" for part in parts))


def _write(run, make):
    """Writes every file that a call names; *make*: what was there (bytes) -> what shall be."""
    view, (given, _literal) = files.of(run), texts(run)
    for text in given:
        path = bare(text)
        try:
            known = view.get(path)
            view.write(path, make(known.content if known else b""))
        except files.Problem as problem:
            run.errors.append(failure(run, problem, WRITE_DENIED, "GetContentWriterDirectoryNotFoundError").err)
    return []


@answers("FileSystem", "Set-Content", "Value Encoding NoNewline")
def set_content(run):
    """Makes or overwrites files."""
    written = _lines(run)
    return _write(run, lambda _before: written)


@answers("FileSystem", "Add-Content", "Value Encoding NoNewline")
def add_content(run):
    """Writes at the end of files."""
    written = _lines(run)
    return _write(run, lambda before: before + (written if not before else written.removeprefix(b"\xef\xbb\xbf")))


@answers("FileSystem", "Clear-Content", "")
def clear_content(run):
    """Empties files that are there."""
    for path, _entry in found(run):
        try:
            files.of(run).write(path, b"")
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "ClearContentUnauthorizedAccessError").err)
    return []


@answers("FileSystem", "New-Item", "Name ItemType Value")
def new_item(run):
    """Makes folders, with those above them, and files; a file overwrites only with -Force, a folder that is there is no error with it."""
    view, kind = files.of(run), str(run.get("ItemType") or "File").casefold()
    if kind not in ("file", "directory"):
        raise not_modelled(f"New-Item -ItemType {run.get('ItemType')}")
    for text in texts(run)[0]:
        path = ntpath.join(bare(text), run.get("Name")) if run.get("Name") else bare(text)
        try:
            known = view.get(path)
            if kind == "directory":
                if known is None:
                    view.make_folder(path)
                elif not run.get("Force"):
                    raise run.error("DirectoryExist", "ResourceExists", link(
                        "System.IO.IOException", f"An item with the specified name {path} already exists.", 2148734208))
            elif known is not None and not run.get("Force"):
                raise run.error("NewItemIOError", "WriteError", link("System.IO.IOException", f"The file '{path}' already exists.", FILE_EXISTS))
            else:
                if run.get("Force") and not view.exists(files.parent(path)):
                    view.make_folder(files.parent(path))
                view.write(path, run.get("Value") or "")
            yield item(path, view.entry(path))
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "CreateDirectoryUnauthorizedAccessError" if kind == "directory" else "NewItemUnauthorizedAccessError",
                                      "NewItemIOError").err)
        except CmdletError as error:
            run.errors.append(error.err)


@answers("FileSystem", "Copy-Item", "Destination Recurse Container")
def copy_item(run):
    """Copies files into a folder or to a new name, and with -Recurse folders with all below them."""
    view, target = files.of(run), bare(run.get("Destination"))
    for path, entry in found(run):
        try:
            into = view.get(target)
            whole = ntpath.join(target, entry.name) if into is not None and into.folder else target
            _copy(run, view, path, entry, whole)
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "CopyFileInfoItemUnauthorizedAccessError").err)
    return []


def _copy(run, view, path, entry, target):
    if not entry.folder:
        if run.get("Force") and (known := view.get(target)) and known.attributes & files.READ_ONLY:
            view.change(target, attributes=known.attributes & ~files.READ_ONLY)
        view.copy(path, target)
        return
    if view.get(target) is None:
        view.make_folder(target)
    if run.get("Recurse"):
        for child in view.list(path):
            try:
                _copy(run, view, ntpath.join(path, child.name), child, ntpath.join(target, child.name))
            except files.Problem as problem:
                run.errors.append(failure(run, problem, "CopyFileInfoItemUnauthorizedAccessError").err)


def _moved(run, name, target_of):
    view = files.of(run)
    for path, entry in found(run):
        target = target_of(view, path, entry)
        try:
            if name == "Move" and run.get("Force") and not entry.folder and view.exists(target) and target.casefold() != path.casefold():
                view.remove(target, force=True)
            view.move(path, target)
        except files.Problem as problem:
            if problem.kind == "exists":
                first = "RenameItemIOError" if name == "Rename" else "MoveDirectoryItemIOError" if entry.folder else "MoveFileInfoItemIOError"
                run.errors.append(run.error(first, "WriteError", link(
                    "System.IO.IOException", "Cannot create a file when that file already exists.", 2147942583)).err)
            else:
                first = "RenameItemUnauthorizedAccessError" if name == "Rename" else "MoveFileInfoItemUnauthorizedAccessError"
                run.errors.append(failure(run, problem, first).err)
    return []


@answers("FileSystem", "Move-Item", "Destination")
def move_item(run):
    """Moves files and folders into a folder or to a new name; -Force overwrites a file."""
    target = bare(run.get("Destination"))

    def where(view, _path, entry):
        into = view.get(target)
        return ntpath.join(target, entry.name) if into is not None and into.folder else target
    return _moved(run, "Move", where)


@answers("FileSystem", "Rename-Item", "NewName")
def rename_item(run):
    """Gives a file or folder another name in its folder."""
    if "\\" in run.get("NewName"):
        raise not_modelled("Rename-Item to another folder")
    return _moved(run, "Rename", lambda _view, path, _entry: ntpath.join(files.parent(path), run.get("NewName")))


@answers("FileSystem", "Remove-Item", "Recurse")
def remove_item(run):
    """Deletes files and folders for good."""
    view = files.of(run)
    for path, _entry in found(run):
        try:
            view.remove(path, bool(run.get("Recurse")), bool(run.get("Force")))
        except files.Problem as problem:
            if problem.kind == "not_empty":
                raise not_modelled("the question that Remove-Item asks without -Recurse") from problem
            run.errors.append(run.error("RemoveFileSystemItemUnAuthorizedAccess", "PermissionDenied", link(
                "System.UnauthorizedAccessException", f"Cannot remove item {problem.path}: Access to the path '{problem.path}' is denied.", ACCESS_DENIED)).err)
    return []


# --- what is told of an item

def _path_of(obj):
    return obj.properties["FullName"]


@assignable("System.IO.FileInfo", ("LastWriteTime", "LastWriteTimeUtc", "CreationTime", "CreationTimeUtc", "IsReadOnly"), source="System.IO.FileSystemInfo")
def set_file(run, obj, name, value):
    """Times and the read-only attribute of a file."""
    _assign(run, obj, name, value)


@assignable("System.IO.DirectoryInfo", ("LastWriteTime", "LastWriteTimeUtc", "CreationTime", "CreationTimeUtc"), source="System.IO.FileSystemInfo")
def set_folder(run, obj, name, value):
    """Times of a folder."""
    _assign(run, obj, name, value)


def _assign(run, obj, name, value):
    view, path = files.of(run), _path_of(obj)
    try:
        if name == "IsReadOnly":
            entry = view.entry(path)
            view.change(path, attributes=entry.attributes | files.READ_ONLY if value else entry.attributes & ~files.READ_ONLY)
            obj.properties[name] = bool(value)
            return
        moment = _instant(value)
        view.change(path, **{"modified" if name.startswith("LastWrite") else "created": moment.iso})
        for known in (name.removesuffix("Utc"), name.removesuffix("Utc") + "Utc"):
            obj.properties[known] = moment
    except files.Problem as problem:
        raise failure(run, problem, "UnauthorizedAccessException") from problem


def _instant(value):
    """A time as it was assigned: a live one, or text in UTC."""
    if isinstance(value, Instant):
        return value
    if not str(value).endswith("Z"):
        raise not_modelled(f"the time {value}, which is not UTC")
    return Instant(iso(value))
