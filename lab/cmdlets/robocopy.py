"""robocopy as far as the collection uses it: a whole tree to another folder, which can be begun again, and what the source has not is purged."""
from __future__ import annotations

from lab import files
from lab.exe import program, refused

SWITCHES = {"/e", "/z", "/copy:dat", "/dcopy:dat", "/purge", "/xj", "/r:3", "/w:10", "/np", "/nfl", "/ndl"}
NOTHING, COPIED, EXTRA, FAILED, FATAL = 0, 1, 2, 8, 16


@program("robocopy.exe", source="robocopy reference page (switches, exit codes)", changes=True, at=r"C:\Windows\System32\robocopy.exe",
         assumed="an error that Windows gives for a file is not tried again; output is a line a failure")
def robocopy(run, arguments):
    """Copies what is not there with the same size and time."""
    source, target, *switches = arguments
    if {switch.casefold() for switch in switches} != SWITCHES:
        raise refused("robocopy.exe", arguments)
    view = files.of(run)
    if not view.exists(source):
        return FATAL, f"ERROR 2 (0x00000002) Accessing Source Directory {source}\n", ""
    try:
        return _tree(view, source.rstrip("\\"), target.rstrip("\\"), [])
    except files.Problem as problem:
        return FATAL, f"ERROR 5 (0x00000005) Accessing Destination Directory {problem.path}\n", ""


def _tree(view, source, target, said):
    if not view.exists(target):
        view.make_folder(target)
    code = NOTHING
    here, there = ({entry.name.casefold(): entry for entry in view.list(path)} for path in (source, target))
    for name, entry in there.items():
        if name not in here or here[name].folder != entry.folder:
            view.remove(rf"{target}\{entry.name}", recurse=True, force=True)
            code |= EXTRA
    for name, entry in here.items():
        if entry.folder:
            code |= _tree(view, rf"{source}\{entry.name}", rf"{target}\{entry.name}", said)[0]
            continue
        known = there.get(name)
        if known is None or known.folder or (known.size, known.modified) != (entry.size, entry.modified):
            try:
                view.copy(rf"{source}\{entry.name}", rf"{target}\{entry.name}")
                code |= COPIED
            except files.Problem as problem:
                said.append(f"ERROR 5 (0x00000005) Copying File {problem.path}\n")
                code |= FAILED
    return code, "".join(said), ""
