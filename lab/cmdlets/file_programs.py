"""Programs for files that operators and backups use: icacls."""
from __future__ import annotations

import re

from lab import files
from lab.exe import program, refused

SIDS = {"*S-1-5-18": files.SYSTEM, "*S-1-5-32-544": files.ADMINISTRATORS, "*S-1-5-32-545": files.USERS, "*S-1-1-0": "Everyone",
        "*S-1-5-11": r"NT AUTHORITY\Authenticated Users"}
LETTERS = {"F": "FullControl", "M": "Modify", "RX": "ReadAndExecute", "R": "Read", "W": "Write", "D": "Delete", "DE": "Delete",
           "DC": "DeleteSubdirectoriesAndFiles", "WD": "WriteData", "AD": "AppendData", "RD": "ReadData"}
GRANT = re.compile(r"(.+?):((?:\((?:OI|CI|NP|IO)\))*)\(?([A-Z,]+)\)?")


@program("icacls.exe", source="icacls reference page", changes=True, at=r"C:\Windows\System32\icacls.exe",
         assumed="rights go down to all below, whatever (OI) and (CI) say; accounts by name, or by the SIDs of groups that every host has")
def icacls(run, arguments):
    """Changes the access list of a file or folder: /grant, /grant:r, /deny, /remove, /inheritance:e, :d and :r."""
    if not arguments or not arguments[1:]:
        raise refused("icacls.exe", arguments)
    view, path, options = files.of(run), arguments[0], arguments[1:]
    try:
        entry = view.entry(path)
        rules = [list(rule) for rule in entry.acl["entries"]] if entry.acl else []
        inherit = not entry.acl or entry.acl["inherit"]
        while options:
            option, *options = options
            verb = option.casefold()
            if verb in ("/inheritance:r", "/inheritance:d", "/inheritance:e"):
                if verb == "/inheritance:d" and inherit:
                    rules += [rule for rule in view.rules(entry.place, entry.path) if rule not in rules]
                inherit = verb == "/inheritance:e"
            elif verb in ("/grant", "/grant:r", "/deny", "/remove") and options:
                options = _who(verb, options, rules, arguments)
            elif verb not in ("/q", "/c"):
                raise refused("icacls.exe", arguments)
        view.set_acl(path, {"inherit": inherit, "entries": rules})
    except files.Problem as problem:
        if problem.kind == "denied":
            return 5, "", f"{path}: Access is denied.\nSuccessfully processed 0 files; Failed processing 1 files\n"
        return 2, "", f"{path}: The system cannot find the file specified.\nSuccessfully processed 0 files; Failed processing 1 files\n"
    return 0, f"processed file: {path}\nSuccessfully processed 1 files; Failed processing 0 files\n", ""


def _who(verb, options, rules, arguments):
    """Applies the accounts that follow an option to *rules*; the options that are left."""
    while options and not options[0].startswith("/"):
        account, *options = options
        if verb == "/remove":
            rules[:] = [rule for rule in rules if rule[0].casefold() != _account(account, arguments).casefold()]
            continue
        seen = GRANT.fullmatch(account)
        letters = seen[3].split(",") if seen else [""]
        if not set(letters) <= set(LETTERS):
            raise refused("icacls.exe", arguments)
        who = _account(seen[1], arguments)
        if verb == "/grant:r":
            rules[:] = [rule for rule in rules if rule[0].casefold() != who.casefold() or rule[2] == "Deny"]
        rules.append([who, ", ".join(LETTERS[letter] for letter in letters), "Deny" if verb == "/deny" else "Allow"])
    return options


def _account(text, arguments):
    """The name of an account; the lab knows the SIDs of a few groups."""
    if text.startswith("*") and text not in SIDS:
        raise refused("icacls.exe", arguments)
    return SIDS.get(text, {"everyone": "Everyone", "users": files.USERS, "administrators": files.ADMINISTRATORS}.get(text.casefold(), text))
