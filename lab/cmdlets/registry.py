"""The registry through PowerShell's item cmdlets."""
from __future__ import annotations

import base64
import fnmatch
import re

from lab.cmdlets.items import answers, no_drive, not_found, texts
from lab.values import Obj, link, not_modelled

HIVES = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CLASSES_ROOT": r"HKLM\SOFTWARE\Classes"}
DRIVES = {"HKLM": "HKEY_LOCAL_MACHINE"}
PROVIDER = r"Microsoft.PowerShell.Core\Registry"


class Path:
    """A registry path: the hive as it is shown, the key below it, and the drive where it was named by one."""

    def __init__(self, run, text):
        match = re.fullmatch(r"(?:Microsoft\.PowerShell\.Core\\)?Registry::([^\\]+)\\?(.*)|(\w+):\\?(.*)", text, re.IGNORECASE)
        if not match:
            raise not_modelled(f"the path {text}")
        self.drive = match[3] and match[3].upper()
        if self.drive and self.drive not in DRIVES:
            raise no_drive(run, match[3])
        self.hive = DRIVES[self.drive] if self.drive else match[1].upper()
        if self.hive not in HIVES:
            raise not_modelled(f"the hive {self.hive}")
        self.key = (match[4] if self.drive else match[2]).rstrip("\\")
        self.text = text

    def stored(self, key=None):
        key = self.key if key is None else key
        return HIVES[self.hive] + (f"\\{key}" if key else "")

    def shown(self, key):
        return f"{PROVIDER}::{self.hive}" + (f"\\{key}" if key else "")


def children(registry, stored):
    """Names of the keys right below one, each once, in order."""
    prefix, names = stored.casefold() + "\\", {}
    for key in registry:
        if key.casefold().startswith(prefix):
            name = key[len(prefix):].split("\\")[0]
            names.setdefault(name.casefold(), name)
    return [names[name] for name in sorted(names)]


def found(registry, stored):
    """A key's own spelling, or None. Keys above an existing one exist too."""
    folded = stored.casefold()
    for key in registry:
        if key.casefold() == folded or key.casefold().startswith(folded + "\\"):
            return key[:len(stored)]
    return None


def matching(run, text, literal):
    """``(path, key)`` of every key that a path names; a path without wildcards that names none raises PathNotFound."""
    path, registry = Path(run, text), run.host["registry"]
    if literal or not re.search(r"[*?\[]", path.key):
        if found(registry, path.stored()) is None:
            raise not_found(run, text)
        return [(path, path.key)]
    keys = [""]
    for segment in path.key.split("\\"):
        keys = [f"{key}\\{child}".lstrip("\\") for key in keys for child in children(registry, path.stored(key))
                if fnmatch.fnmatchcase(child.casefold(), segment.casefold())]
    return [(path, key) for key in keys]


def paths(run):
    """Every key that -Path or -LiteralPath names. Errors of single paths stand beside the rest."""
    found, literal = texts(run)
    for text in found:
        yield from matching(run, text, literal)


def values_of(registry, stored):
    folded = stored.casefold()
    return next((values for key, values in registry.items() if key.casefold() == folded), {})


def _live(kind, data):
    return base64.b64decode(data) if kind == "Binary" else data


@answers("Registry", "Get-ItemProperty", "Name")
def get_item_property(run):
    """The values of keys, with the provider's own note properties."""
    for path, key in paths(run):
        values = {name or "(default)": _live(*value) for name, value in values_of(run.host["registry"], path.stored(key)).items()}
        if run.get("Name"):
            wanted = {name.casefold() for name in run.get("Name")}
            values = {name: value for name, value in values.items() if name.casefold() in wanted}
            for name in run.get("Name"):
                if name.casefold() not in {known.casefold() for known in values}:
                    run.errors.append(run.error("System.Management.Automation.PSArgumentException", "InvalidArgument", link(
                        "System.Management.Automation.PSArgumentException", f"Property {name} does not exist at path {path.hive}\\{key}.",
                        2147942487)).err)
        if not values:
            continue
        parent, _backslash, child = key.rpartition("\\")
        note = {"PSPath": path.shown(key), "PSParentPath": path.shown(parent), "PSChildName": child,
                "PSProvider": Obj("System.Management.Automation.ProviderInfo", "provider/registry", {"Name": "Registry"})}
        if path.drive:
            note["PSDrive"] = Obj("System.Management.Automation.PSDriveInfo", f"drive/{path.drive}", {"Name": path.drive})
        yield Obj("System.Management.Automation.PSCustomObject", f"registry/{run.backend.host}/{path.stored(key)}", {**values, **note})


@answers("Registry", "Get-ItemPropertyValue", "Name")
def get_item_property_value(run):
    for path, key in paths(run):
        values = {(name or "(default)").casefold(): _live(*value) for name, value in values_of(run.host["registry"], path.stored(key)).items()}
        for name in run.get("Name"):
            if name.casefold() not in values:
                raise run.error("System.Management.Automation.PSArgumentException", "InvalidArgument", link(
                    "System.Management.Automation.PSArgumentException", f"Property {name} does not exist at path {path.hive}\\{key}.", 2147942487))
            yield values[name.casefold()]


@answers("Registry", "Test-Path", "PathType")
def test_path(run):
    """Whether keys exist; wildcards and -PathType Container are honoured."""
    if run.get("PathType", "Any").casefold() == "leaf":
        return [False]
    found_paths, literal = texts(run)
    seen = []
    for text in found_paths:
        path = Path(run, text)
        if not literal and re.search(r"[*?\[]", path.key):
            seen.append(bool(matching(run, text, False)))
        else:
            seen.append(found(run.host["registry"], path.stored()) is not None)
    return seen


@answers("Registry", "Get-ChildItem", "")
def get_child_item(run):
    """The keys right below keys."""
    registry = run.host["registry"]
    for path, key in paths(run):
        for child in children(registry, path.stored(key)):
            whole = f"{key}\\{child}".lstrip("\\")
            values = values_of(registry, path.stored(whole))
            yield Obj("Microsoft.Win32.RegistryKey", f"registry/{run.backend.host}/{path.stored(whole)}", {
                "Name": f"{path.hive}\\{whole}", "Property": [name or "(default)" for name in values], "ValueCount": len(values),
                "SubKeyCount": len(children(registry, path.stored(whole))), "PSPath": path.shown(whole), "PSParentPath": path.shown(key),
                "PSChildName": child})


def _writable(run):
    if not run.state.user(run.backend.user)["admin"]:
        raise run.error("System.Security.SecurityException", "PermissionDenied", link(
            "System.Security.SecurityException", "Requested registry access is not allowed.", 2148734218))


def _own(run, stored):
    """The values of an existing key, kept under its own spelling, to be changed."""
    registry = run.host["registry"]
    return registry.setdefault(next((key for key in registry if key.casefold() == stored.casefold()), stored), {})


def _kind(value, wanted=None):
    kind = wanted or ("DWord" if isinstance(value, int) else "MultiString" if isinstance(value, list) else "String")
    return [kind, str(value) if kind in ("String", "ExpandString") else value]


def _put(run, path, key, name, value, kind=None):
    values = _own(run, path.stored(key))
    name = "" if name.casefold() == "(default)" else name
    own = next((known for known in values if known.casefold() == name.casefold()), name)
    values[own] = _kind(value, kind or (values[own][0] if own in values else None))


@answers("Registry", "Set-ItemProperty", "Name Value Type")
def set_item_property(run):
    """Sets or makes one value of keys."""
    _writable(run)
    for path, key in paths(run):
        _put(run, path, key, run.get("Name"), run.get("Value"), run.get("Type"))
    return []


@answers("Registry", "New-ItemProperty", "Name Value PropertyType")
def new_item_property(run):
    """Makes one value of keys; an existing one is an error without -Force."""
    _writable(run)
    for path, key in paths(run):
        if not run.get("Force") and run.get("Name").casefold() in {n.casefold() for n in values_of(run.host["registry"], path.stored(key))}:
            raise run.error("System.IO.IOException", "WriteError", link("System.IO.IOException", "The property already exists.", 2148734208))
        _put(run, path, key, run.get("Name"), run.get("Value"), run.get("PropertyType"))
    return []


@answers("Registry", "Remove-ItemProperty", "Name")
def remove_item_property(run):
    """Removes values of keys."""
    _writable(run)
    for path, key in paths(run):
        values = _own(run, path.stored(key))
        for name in run.get("Name"):
            own = next((known for known in values if known.casefold() == name.casefold()), None)
            if own is None:
                raise run.error("System.Management.Automation.PSArgumentException", "InvalidArgument", link(
                    "System.Management.Automation.PSArgumentException", f"Property {name} does not exist at path {path.hive}\\{key}.", 2147942487))
            del values[own]
    return []


@answers("Registry", "New-Item", "Name Value")
def new_item(run):
    """Makes a key, with those above it; an existing one is an error without -Force."""
    _writable(run)
    for text in run.get("Path"):
        path = Path(run, text + (f"\\{run.get('Name')}" if run.get("Name") else ""))
        if found(run.host["registry"], path.stored()) and not run.get("Force"):
            raise run.error("System.IO.IOException", "ResourceExists", link(
                "System.IO.IOException", "A key in this path already exists.", 2148734208))
        values = _own(run, path.stored())
        if run.get("Value") is not None:
            values[""] = _kind(run.get("Value"))
    return []


@answers("Registry", "Remove-Item", "Recurse")
def remove_item(run):
    """Removes keys; one with keys below it needs -Recurse (it would ask otherwise)."""
    _writable(run)
    registry = run.host["registry"]
    for path, key in list(paths(run)):
        stored = path.stored(key).casefold()
        below = [known for known in registry if known.casefold() == stored or known.casefold().startswith(stored + "\\")]
        if len(below) > 1 and not run.get("Recurse"):
            raise not_modelled("the question that Remove-Item asks without -Recurse")
        for known in below:
            del registry[known]
    return []
