"""Files of hosts and shares: paths, content, times, access. Kept in one table beside the documents, so that many files slow nothing down.

A file belongs to a *place*: a host of the lab (``bts01``), or a server outside of it (``\\\\fs01``) whose shares the estate names. A part of
the estate adds files to its host's document (``add_file``); at run time ``View`` is the files as one account reaches them.
A share is ``{"path": local path, "access": {who: "Full" | "Change" | "Read"}}`` or has ``writers`` in place of ``access``.
"""
from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field, replace

SCHEMA = """
CREATE TABLE IF NOT EXISTS file (place TEXT, key TEXT, parent TEXT, path TEXT, folder INTEGER, size INTEGER, content BLOB, created TEXT, modified TEXT,
                                 attributes INTEGER, owner TEXT, acl TEXT, more TEXT, PRIMARY KEY (place, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_parent ON file (place, parent);
"""
COLUMNS = ("place", "key", "parent", "path", "folder", "size", "content", "created", "modified", "attributes", "owner", "acl", "more")
READ_ONLY, HIDDEN, DIRECTORY, ARCHIVE = 1, 2, 16, 32
LIST, CREATE_FILE, CREATE_FOLDER, DELETE_CHILD, DELETE, READ_ACL, CHANGE_ACL = 1, 2, 4, 64, 0x10000, 0x20000, 0x40000
RIGHTS = {"FullControl": 0x1F01FF, "Modify": 0x301BF, "ReadAndExecute": 0x200A9, "Read": 0x20089, "Write": 0x116, "CreateFiles": 2, "WriteData": 2,
          "CreateDirectories": 4, "AppendData": 4, "Delete": DELETE, "DeleteSubdirectoriesAndFiles": DELETE_CHILD, "ReadData": 1,
          "ListDirectory": 1, "ExecuteFile": 32, "Traverse": 32, "ReadPermissions": READ_ACL, "ChangePermissions": CHANGE_ACL, "TakeOwnership": 0x80000,
          "ReadAttributes": 128, "ReadExtendedAttributes": 8, "WriteAttributes": 256, "WriteExtendedAttributes": 16, "Synchronize": 0x100000}
SHARE_RIGHTS = {"Full": 0x1F01FF, "Change": 0x1301BF, "Read": 0x1200A9}
ADMINISTRATORS, SYSTEM, USERS = r"BUILTIN\Administrators", r"NT AUTHORITY\SYSTEM", r"BUILTIN\Users"
ROOT_ACL = [[ADMINISTRATORS, "FullControl", "Allow"], [SYSTEM, "FullControl", "Allow"], [USERS, "ReadAndExecute", "Allow"],
            [USERS, "CreateDirectories", "Allow"]]
ENVIRONMENT = {
    "ALLUSERSPROFILE": r"C:\ProgramData", "CommonProgramFiles": r"C:\Program Files\Common Files",
    "CommonProgramFiles(x86)": r"C:\Program Files (x86)\Common Files", "CommonProgramW6432": r"C:\Program Files\Common Files",
    "ComSpec": r"C:\Windows\system32\cmd.exe", "OS": "Windows_NT", "PROCESSOR_ARCHITECTURE": "AMD64", "ProgramData": r"C:\ProgramData",
    "ProgramFiles": r"C:\Program Files", "ProgramFiles(x86)": r"C:\Program Files (x86)", "ProgramW6432": r"C:\Program Files", "PUBLIC": r"C:\Users\Public",
    "SystemDrive": "C:", "SystemRoot": r"C:\Windows", "TEMP": r"C:\Windows\TEMP", "TMP": r"C:\Windows\TEMP", "windir": r"C:\Windows"}


class Problem(Exception):
    """What a file system answers in place of doing it. *kind*: ``missing``, ``no_folder``, ``no_drive``, ``denied``, ``exists``, ``not_empty``."""

    def __init__(self, kind, path):
        super().__init__(f"{kind}: {path}")
        self.kind, self.path = kind, path


@dataclass(frozen=True)
class Entry:
    """A file or folder. *size* may be more than *content* has: of a large file only its beginning is kept, and *content* stands for the rest.
    *acl*: ``{"inherit": bool, "entries": [[who, right, "Allow" | "Deny"], ...]}``, or None where everything is inherited."""

    place: str
    path: str
    folder: bool = False
    content: bytes = b""
    size: int = 0
    created: str = ""
    modified: str = ""
    attributes: int = ARCHIVE
    owner: str = ADMINISTRATORS
    acl: dict | None = None
    more: dict = field(default_factory=dict)

    @property
    def name(self):
        return self.path.rstrip("\\").rpartition("\\")[2] or self.path

    def sha256(self):
        """Of the content; of a file that is larger than what is kept, of that, its size and its ``rot``: how often a byte of it was flipped."""
        whole = self.content if self.size == len(self.content) else self.content + f"|{self.size}|{self.more.get('rot', 0)}".encode()
        return hashlib.sha256(whole).hexdigest()


# --- in the description of an estate

def add_file(document, path, content="", modified=None, size=None, acl=None, **more):
    """Puts a file into the document of a host or of a share (there with its UNC path). *content* is text or bytes; *size* only where it is
    more than the content has; *more*: ``version`` (FileVersion of a program), ``owner``, ``created``. Folders above it are made."""
    content = content.encode("utf-8") if isinstance(content, str) else content
    document.setdefault("files", {})[path] = {"content": content, "size": len(content) if size is None else size, "modified": modified, "acl": acl, **more}


def add_folder(document, path, acl=None, modified=None, **more):
    """Puts a folder into the document of a host or of a share, with those above it."""
    document.setdefault("files", {})[path] = {"folder": True, "modified": modified, "acl": acl, **more}


def acl(*entries, inherit=False):
    """An access list: ``acl((r"CONTOSO\\svc", "Modify"), (r"BUILTIN\\Users", "Write", "Deny"))``."""
    return {"inherit": inherit, "entries": [[*entry, "Allow"][:3] for entry in entries]}


def described(name, document, fallback):
    """Takes the files out of a document of the estate; the entries of them, with the folders above. *name*: the host, or a share's path."""
    found, place = {}, place_of_share(name) if name.startswith("\\\\") else name.casefold()
    for letter in document.get("drives", ("C",)) if not name.startswith("\\\\") else ():
        found[f"{letter}:".casefold()] = _folder(place, f"{letter}:\\", fallback)
    if name.startswith("\\\\") and "path" not in document:
        found[name.casefold()] = _folder(place, name, fallback)
    for path, about in document.pop("files", {}).items():
        about = {"modified": fallback, **{key: value for key, value in about.items() if value is not None}}
        whole = path.rstrip("\\")
        steps = whole.split("\\")
        for depth in range(4 if whole.startswith("\\\\") else 1, len(steps)):
            above = "\\".join(steps[:depth])
            found.setdefault(above.casefold(), _folder(place, above + "\\" if depth == 1 else above, fallback))
        own = {key: about.pop(key) for key in ("folder", "content", "size", "created", "modified", "owner", "acl", "attributes") if key in about}
        own.setdefault("created", own["modified"])
        if own.get("folder"):
            own.setdefault("attributes", DIRECTORY)
        found[whole.casefold()] = Entry(place, path if whole.endswith(":") else whole, more=about, **own)
    return found.values()


def _folder(place, path, modified):
    return Entry(place, path, True, created=modified, modified=modified, attributes=DIRECTORY)


def place_of_share(path):
    """The place of a share that no host of the lab holds: its server."""
    return "\\\\" + path.strip("\\").split("\\")[0].casefold()


# --- the table

class Store:
    """The files of all places. Paths are as a drive names them, or UNC for servers outside of the lab."""

    def __init__(self, database):
        self.database = database
        database.executescript(SCHEMA)

    def clear(self):
        self.database.execute("DELETE FROM file")

    def get(self, place, path):
        """The entry of a path, or None."""
        row = self.database.execute("SELECT * FROM file WHERE place = ? AND key = ?", (place, _key(path))).fetchone()
        return _entry(row) if row else None

    def children(self, place, path):
        """What is right in a folder, ordered by name."""
        return [_entry(row) for row in self.database.execute("SELECT * FROM file WHERE place = ? AND parent = ? ORDER BY key", (place, _key(path)))]

    def below(self, place, path):
        """A folder's entry and all below it, those above first."""
        key = _key(path)
        return [_entry(row) for row in self.database.execute(       # "]" follows the backslash
            "SELECT * FROM file WHERE place = ? AND (key = ? OR key > ? AND key < ?) ORDER BY key", (place, key, key + "\\", key + "]"))]

    def put(self, *entries):
        self.put_all(entries)

    def put_all(self, entries):
        """Writes entries; an entry of the same path is overwritten."""
        self.database.execute("SAVEPOINT files")
        self.database.executemany(f"INSERT OR REPLACE INTO file VALUES ({', '.join('?' * len(COLUMNS))})", map(_row, entries))
        self.database.execute("RELEASE files")

    def remove(self, place, path):
        """Removes an entry and all below it."""
        key = _key(path)
        self.database.execute("DELETE FROM file WHERE place = ? AND (key = ? OR key > ? AND key < ?)", (place, key, key + "\\", key + "]"))

    def digest(self):
        """One hash over all entries."""
        total = hashlib.sha256()
        for row in self.database.execute("SELECT * FROM file ORDER BY place, key"):
            total.update(repr(row).encode())
        return total.hexdigest()


def _key(path):
    return path.rstrip("\\").casefold()


def _row(entry):
    key = _key(entry.path)
    return (entry.place, key, key.rpartition("\\")[0], entry.path, int(entry.folder), entry.size, zlib.compress(entry.content, 1), entry.created,
            entry.modified, entry.attributes, entry.owner, entry.acl and json.dumps(entry.acl), entry.more and json.dumps(entry.more) or None)


def _entry(row):
    place, _key_, _parent, path, folder, size, content, created, modified, attributes, owner, access, more = row
    return Entry(place, path, bool(folder), zlib.decompress(content), size, created, modified, attributes, owner, access and json.loads(access),
                 json.loads(more) if more else {})


# --- as one account reaches them

class View:
    """The files that a session on a host reaches. *user* as the estate names it, or ``NT AUTHORITY\\SYSTEM``; *network*: the account that
    file servers see, or None - a session that came by NTLM has no credentials to hand on, and is refused there.

    ``read``, ``write``, ``list``, … take a path of a drive or a share and raise Problem; programs of the lab use them too.
    """

    def __init__(self, state, host, user, network=None):
        self.state, self.host, self.user, self.network = state, host, user, network
        self.store = state.files

    # --- where

    def place(self, path):
        """``(place, path there)`` of a path. Raises Problem."""
        path = path.replace("/", "\\")
        if path.startswith("\\\\"):
            return self._share(path)[:2]
        steps = [step for step in path[2:].split("\\") if step not in ("", ".")]
        flat = []
        for step in steps:
            flat = flat[:-1] if step == ".." else [*flat, step]
        return self.host, path[:2].upper() + "\\" + "\\".join(flat)

    def _share(self, path):
        """``(place, path there, share or None)`` of a UNC path; an administrator's share (C$) has none."""
        parts = [part for part in path.strip("\\").split("\\") if part]
        if len(parts) < 2:
            raise Problem("missing", path)
        server, name, rest = parts[0].casefold(), parts[1], parts[2:]
        bare = server.split(".")[0]
        for known, share in self.state.shares.items():
            of, called = known.strip("\\").casefold().split("\\")[:2]
            if of in (server, bare) and called == name.casefold():
                if "path" in share and bare in self.state.hosts:
                    return bare, "\\".join([share["path"].rstrip("\\"), *rest]), share
                return "\\\\" + of, "\\".join([known, *rest]), share
        if bare in self.state.hosts and re.fullmatch(r"[A-Za-z]\$", name):
            return bare, name[0].upper() + ":\\" + "\\".join(rest), None
        raise Problem("missing", path)

    def _identity(self, path):
        """The names that access to a path is checked for. Raises Problem where the session cannot go there."""
        if not path.startswith("\\\\"):
            return self.state.identities(self.user, self.host)
        place, _path, share = self._share(path)
        if place != self.host and not self.network:
            raise Problem("denied", path)
        if place in self.state.hosts and not self.state.hosts[place]["powered"]:
            raise Problem("missing", path)
        names = self.state.identities(self.user if place == self.host else self.network, place)
        if share is None and ADMINISTRATORS.casefold() not in names:
            raise Problem("denied", path)
        return names

    def may(self, path, right):
        """Whether the session has a right (a bit of RIGHTS) on what a path names, by share and by file system."""
        names = self._identity(path)
        if path.startswith("\\\\"):
            share = self._share(path)[2]
            if share is not None and not share_rights(share, names) & right:
                return False
        place, local = self.place(path)
        if place.startswith("\\\\"):        # nothing but its shares is known of it
            return True
        return bool(granted(self.rules(place, local), names) & right)

    def rules(self, place, path):
        """The entries that are effective for a path, its own first."""
        found = []
        while True:
            entry = self.store.get(place, path)
            if entry is not None and entry.acl:
                found += entry.acl["entries"]
                if not entry.acl["inherit"]:
                    return found
            above = path.rstrip("\\").rpartition("\\")[0]
            if not above or above.startswith("\\\\") and above.count("\\") < 4:
                return found + ROOT_ACL
            path = above

    def _need(self, path, right):
        if not self.may(path, right):
            raise Problem("denied", path)

    # --- what

    def get(self, path):
        """The entry of a path, or None where there is none or the session may not look."""
        place, local = self.place(path)
        self._identity(path)
        return self.store.get(place, local)

    def entry(self, path):
        """The entry of a path. Raises Problem."""
        found = self.get(path)
        if found is None:
            raise Problem("missing", path)
        return found

    def exists(self, path):
        try:
            return self.get(path) is not None
        except Problem:
            return False

    def list(self, path):
        """What is right in a folder, by name."""
        folder = self.entry(path)
        self._need(path, LIST)
        return self.store.children(folder.place, folder.path)

    def read(self, path):
        """The content of a file as bytes."""
        entry = self.entry(path)
        self._need(path, RIGHTS["ReadData"])
        if entry.folder:
            raise Problem("denied", path)
        return entry.content

    def write(self, path, content, size=None, modified=None, **more):
        """Makes or overwrites a file; its folder has to be there. *content* is text or bytes."""
        content = content.encode("utf-8") if isinstance(content, str) else content
        place, local = self.place(path)
        known = self.get(path)
        if known is not None and known.folder:
            raise Problem("denied", path)
        if known is not None and known.attributes & READ_ONLY:
            raise Problem("denied", path)
        self._parent(path, known, CREATE_FILE)
        now = self.state.clock
        base = known or Entry(place, local, created=now, owner=self._owner())
        self.store.put(replace(base, content=content, size=len(content) if size is None else size, modified=modified or now, more={**base.more, **more}))

    def _parent(self, path, known, right):
        """That the folder of a new entry is there and lets it be made, or that the known one may be written."""
        if known is not None:
            return self._need(path, RIGHTS["WriteData"])
        above = parent(path)
        folder = self.get(above)
        if folder is None or not folder.folder:
            raise Problem("no_folder", path)
        self._need(above, right)
        return self._touch(folder)

    def _touch(self, folder):
        self.store.put(replace(folder, modified=self.state.clock))

    def _owner(self):
        user = self.state.user(self.user)
        return ADMINISTRATORS if user and user["admin"] else self.user

    def make_folder(self, path):
        """Makes a folder with those above it. Raises Problem ``exists`` where it is there."""
        if self.exists(path):
            raise Problem("exists", path)
        above = parent(path)
        if not self.exists(above):
            if not above or above.count("\\") < (4 if above.startswith("\\\\") else 1):
                raise Problem("no_drive" if not above.startswith("\\\\") else "missing", path)
            self.make_folder(above)
        self._need(above, CREATE_FOLDER)
        place, local = self.place(path)
        now = self.state.clock
        self.store.put(Entry(place, local, True, created=now, modified=now, attributes=DIRECTORY, owner=self._owner()))
        self._touch(self.get(above))

    def remove(self, path, recurse=False, force=False):
        """Deletes a file, or a folder with all below it. Raises Problem; what could be deleted before that is gone."""
        entry = self.entry(path)
        if entry.folder and not recurse and self.store.children(entry.place, entry.path):
            raise Problem("not_empty", path)
        whole = path.rstrip("\\")
        if entry.folder:
            for child in self.store.children(entry.place, entry.path):
                self.remove(f"{whole}\\{child.name}", recurse, force)
        if entry.attributes & READ_ONLY and not force:
            raise Problem("denied", path)
        above = parent(path)
        if not (self.may(path, DELETE) or self.may(above, DELETE_CHILD)):
            raise Problem("denied", path)
        self.store.remove(entry.place, entry.path)
        if folder := self.get(above):
            self._touch(folder)

    def copy(self, source, target):
        """Copies one file to a path; the time of its last change comes with it."""
        entry = self.entry(source)
        self._need(source, RIGHTS["ReadData"])
        self.write(target, entry.content, entry.size, entry.modified, **entry.more)

    def move(self, source, target):
        """Moves or renames a file, or a folder with all below it, within one place."""
        entry, (place, local) = self.entry(source), self.place(target)
        if self.exists(target) and _key(entry.path) != _key(local):
            raise Problem("exists", target)
        if not (self.may(source, DELETE) or self.may(parent(source), DELETE_CHILD)):
            raise Problem("denied", source)
        self._parent(target, None, CREATE_FOLDER if entry.folder else CREATE_FILE)
        moved = [replace(one, place=place, path=local.rstrip("\\") + one.path[len(entry.path.rstrip("\\")):])
                 for one in self.store.below(entry.place, entry.path)]
        self.store.remove(entry.place, entry.path)
        self.store.put(*moved)

    def change(self, path, **values):
        """Changes what is told of an entry: ``modified``, ``created``, ``attributes``."""
        entry = self.entry(path)
        self._need(path, RIGHTS["WriteAttributes"])
        self.store.put(replace(entry, **values))

    def set_acl(self, path, access):
        entry = self.entry(path)
        self._need(path, CHANGE_ACL)
        self.store.put(replace(entry, acl=access))


DAMAGES = ("flip", "cut", "lose")


def damage(state, host, path, how="flip"):
    """What a failing disk does to a file of a host, or to one of a server outside of the lab (with its UNC path): one byte is another, its
    last byte is gone, or it is gone whole. Neither its time nor who may write it has a part in that. Raises Problem."""
    place, store = place_of_share(path) if path.startswith("\\\\") else host.casefold(), state.files
    entry = store.get(place, path)
    if entry is None or entry.folder:
        raise Problem("missing", path)
    if how not in DAMAGES:
        raise ValueError(f"{how}: no such damage; there are {', '.join(DAMAGES)}")
    if how == "lose":
        store.remove(place, path)
    elif how == "cut":
        kept = entry.content if entry.size > len(entry.content) else entry.content[:-1]
        store.put(replace(entry, content=kept, size=max(entry.size - 1, 0)))
    elif entry.size > len(entry.content):
        store.put(replace(entry, more={**entry.more, "rot": entry.more.get("rot", 0) + 1}))
    else:
        middle = len(entry.content) // 2
        store.put(replace(entry, content=entry.content[:middle] + bytes([entry.content[middle] ^ 1]) + entry.content[middle + 1:]))


def of(run):
    """The files as the session of a cmdlet or a program (lab.backend.Run) reaches them."""
    return View(run.state, run.backend.host, run.backend.user, run.backend.network)


def parent(path):
    """The path of the folder above; of a drive's or a share's root itself."""
    above, _backslash, _name = path.rstrip("\\").rpartition("\\")
    return above + "\\" if above.endswith(":") else above


def granted(entries, names):
    """The rights that a list of ``[who, right, type]`` gives to somebody of these names; a denial goes first."""
    allowed = denied = 0
    for who, right, kind in entries:
        if who.casefold() in names:
            mask = 0
            for name in str(right).split(","):
                mask |= RIGHTS[name.strip()]
            allowed, denied = (allowed, denied | mask) if kind == "Deny" else (allowed | mask, denied)
    return allowed & ~denied


def share_rights(share, names):
    """The rights that a share gives to somebody of these names."""
    access = share.get("access") or {**dict.fromkeys(share.get("writers", ()), "Change"), "Everyone": "Read"}
    given = 0
    for who, right in access.items():
        if who.casefold() in names or who.rpartition("\\")[2].casefold() in {name.rpartition("\\")[2] for name in names if "\\" in name}:
            given |= SHARE_RIGHTS[right]
    return given


def environment(host):
    """The environment variables of a host's document, in order."""
    return {**ENVIRONMENT, "COMPUTERNAME": host["name"], **host.get("environment", {})}


def expanded(host, text):
    """A text with ``%Variable%`` replaced; an unknown one stays as it is."""
    values = {name.casefold(): value for name, value in environment(host).items()}
    return re.sub(r"%([^%]+)%", lambda match: values.get(match[1].casefold(), match[0]), text)
