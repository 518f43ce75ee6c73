"""PowerShell's item cmdlets: each finds the provider of its path and lets that answer. Providers register with ``answers``.

The registry (registry.py), the file system and the environment (file_items.py) are modelled; a part of the estate may add a drive of its own.
"""
from __future__ import annotations

import re

from lab.backend import cmdlet
from lab.values import link, not_modelled

ITEMS = "Microsoft.PowerShell.Management\\"
DOCS = "reference pages and about_Providers of Windows PowerShell 5.1"
SESSION_STATE = 2148734209          # 0x80131501, RuntimeException
DRIVES = {"hklm": "Registry", "hkcu": "Registry", "env": "Environment"}      # drive in lower case -> provider; one letter: FileSystem
ANSWERS = {}                        # (provider, cmdlet) -> (function, the parameters it heeds)


def answers(provider, name, takes):
    """Registers a function ``(run) -> list of objects`` as a provider's answer to an item cmdlet; *takes*: the parameters it heeds."""
    def register(function):
        ANSWERS[provider, name] = function, frozenset(takes.split()) | {"Path", "LiteralPath", "Force", "Confirm"}
        return function
    return register


def provider_of(run, text):
    """The provider that a path names. Raises as PowerShell does where there is no such drive."""
    match = re.match(r"(?:Microsoft\.PowerShell\.\w+\\)?(\w+)::", text)
    if match:
        return next((name for name, _cmdlet in ANSWERS if name.casefold() == match[1].casefold()), match[1])
    drive = re.match(r"([^:\\/]+):", text)
    if text.startswith(("\\\\", "//")) or drive and re.fullmatch(r"[A-Za-z]", drive[1]):
        return "FileSystem"
    if not drive:
        raise not_modelled(f"a path that begins at the current location ({text})")
    if drive[1].casefold() not in DRIVES:
        raise no_drive(run, drive[1])
    return DRIVES[drive[1].casefold()]


def no_drive(run, name):
    return run.error("DriveNotFound", "ObjectNotFound", link(
        "System.Management.Automation.DriveNotFoundException", f"Cannot find drive. A drive with the name '{name}' does not exist.", SESSION_STATE))


def not_found(run, text):
    return run.error("PathNotFound", "ObjectNotFound", link(
        "System.Management.Automation.ItemNotFoundException", f"Cannot find path '{text}' because it does not exist.", SESSION_STATE))


def texts(run):
    """``(paths, literal)``: the paths of a call; of a piped item its own."""
    if run.piped is not None and not run.get("Path") and not run.get("LiteralPath"):
        run.parameters["LiteralPath"] = [run.piped.properties["PSPath"]]
    found = run.get("LiteralPath") or run.get("Path")
    if not found:
        raise not_modelled("the current location")
    return (found if isinstance(found, list) else [found]), run.get("LiteralPath") is not None


def _answer(run):
    paths, _literal = texts(run)
    providers = {provider_of(run, text) for text in paths}
    if len(providers) > 1:
        raise not_modelled(f"one call on {' and '.join(sorted(providers))}")
    provider, name = providers.pop(), run.command.split("\\")[1]
    function, takes = ANSWERS.get((provider, name), (None, ()))
    if function is None:
        raise not_modelled(f"{name} on {provider}")
    if set(run.parameters) - takes:
        raise not_modelled(f"{name} -{' -'.join(sorted(set(run.parameters) - takes))} on {provider}")
    return function(run)


def _register(name, takes, says, changes=False, source=DOCS, assumed=""):
    def answer(run):
        return _answer(run)
    answer.__doc__ = says
    cmdlet(ITEMS + name, takes + " Path LiteralPath", source, changes, assumed)(answer)


_register("Get-Item", "", "Files, folders, keys and environment variables by path.")
_register("Get-ChildItem", "Filter Recurse Depth File Directory Name Include Exclude Hidden ReadOnly",
          "What is right below paths: keys of the registry, files and folders (with -Recurse and -Depth all below), all environment variables.",
          source=f"{DOCS}; field: a session that came by NTLM has no access to other servers (ItemExistsUnauthorizedAccessError, PathNotFound)",
          assumed="hidden files are not among them without -Force; folders and files come in order of name, folders first")
_register("Get-Content", "Raw Encoding TotalCount Tail ReadCount Delimiter",
          "A file's lines, or with -Raw all of it as one text; with -Encoding Byte its bytes; the value of an environment variable.",
          assumed="text without a byte order mark is read as Windows-1252 unless -Encoding says otherwise")
_register("Set-Content", "Value Encoding NoNewline", "Makes or overwrites files.", changes=True,
          assumed="without -Encoding as Windows-1252, a character that is not in it as ?")
_register("Add-Content", "Value Encoding NoNewline", "Writes at the end of files, which are made where they are not there.", changes=True)
_register("Clear-Content", "", "Empties files.", changes=True)
_register("Test-Path", "PathType", "Whether paths exist; wildcards and -PathType are honoured.",
          source=f"{DOCS}; field: access denied is an error beside the answer False")
_register("New-Item", "Name ItemType Value", "Makes keys, folders (with those above) and files.", changes=True)
_register("Copy-Item", "Destination Recurse Container", "Copies files, and with -Recurse folders.", changes=True)
_register("Move-Item", "Destination", "Moves files and folders.", changes=True)
_register("Rename-Item", "NewName", "Gives an item another name in its folder.", changes=True)
_register("Remove-Item", "Recurse", "Removes files, folders and keys; what holds something needs -Recurse (it would ask otherwise).", changes=True,
          assumed="of a folder that cannot be deleted whole, what could be deleted is gone")
_register("Get-ItemProperty", "Name", "The values of keys, with the provider's own note properties; a file or folder itself.",
          source=f"{DOCS}; PowerShell RegistryProvider.GetProperty (a key without values answers nothing)", assumed="a DWORD reads as an unsigned number")
_register("Get-ItemPropertyValue", "Name", "The values alone of named values of keys, in the order of the names.")
_register("Set-ItemProperty", "Name Value Type", "Sets or makes one value of keys.", changes=True)
_register("New-ItemProperty", "Name Value PropertyType", "Makes one value of keys; an existing one is an error without -Force.", changes=True)
_register("Remove-ItemProperty", "Name", "Removes values of keys.", changes=True)
