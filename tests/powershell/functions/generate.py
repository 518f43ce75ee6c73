"""PowerShell modules out of the cmdlet catalogue: functions with the real parameters that hand every call to a backend.

Wrong calls fail as they would on Windows, by PowerShell's own binder; what a call does is said by the backend (LabBackend.psm1).
"""

from __future__ import annotations

import functools
import json
import pathlib

CATALOGUE = pathlib.Path(__file__).resolve().parents[2] / "data" / "catalogue" / "cmdlets.json"
FILE_SYSTEM = {"Attributes", "Directory", "File", "Hidden", "ReadOnly", "System"}  # the provider adds them to every set
TYPES = {
    "string": "string",
    "stringcollection": "string[]",
    "string[]": "string[]",
    "switchparameter": "switch",
    "uint32": "uint32",
    "uint64": "uint64",
    "int32": "int",
    "int": "int",
    "int64": "long",
    "boolean": "bool",
    "bool": "bool",
    "guid": "guid",
    "timespan": "timespan",
    "datetime": "datetime",
}


@functools.cache
def catalogue():
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))["modules"]


def cmdlets(module):
    """The cmdlets of a module, or of the snap-in that holds the same: name -> entry."""
    found = catalogue().get(module) or next((one for one in catalogue().values() if one.get("snapin") == module), {"cmdlets": {}})
    return found["cmdlets"]


def write(folder, commands):
    """Writes a module for each module of *commands* ("Module\\Verb-Noun"); returns the folder to search for each module."""
    folders = {}
    for command in sorted(commands):
        module, name = command.split("\\")
        page = cmdlets(module)[name]
        file = folder / module / module / f"{module}.psm1"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as text:
            text.write(function(module, name, page))
        folders[module] = str(folder / module)
    return folders


def function(module, name, page):
    """The text of one function."""
    sets = here_known(page["parameter_sets"])
    if name == "Get-ChildItem":  # the page names them with -Path only
        sets = {set_name: {**members, "optional": sorted({*members["optional"], *FILE_SYSTEM})} for set_name, members in sets.items()}
    elsewhere = {n for members in page["parameter_sets"].values() for n in members["mandatory"] + members["optional"]}
    here = {n for members in sets.values() for n in members["mandatory"] + members["optional"]}
    parameters = ",\n".join(parameter(n, about, sets) for n, about in page["parameters"].items() if n in here or n not in elsewhere)
    names = [n for n in sets if not n.startswith("__")]
    default = (
        f"(DefaultParameterSetName = {quoted(page['default_set'] if page.get('default_set') in names else names[0])})" if names else ""
    )
    return f"""function {name} {{
    [CmdletBinding{default or "()"}]
    param(
{parameters}
    )
    begin {{ $given = @{{}} + $PSBoundParameters }}
    process {{ Invoke-LabCommand {quoted(module + chr(92) + name)} $given $(if ($MyInvocation.ExpectingInput) {{ , $_ }}) $PSCmdlet }}
}}
"""


def here_known(sets):
    """The sets of a page that are told apart; where it gives them once for each provider of paths, those of the registry, else of files, else of all."""
    for provider in ("Registry provider", "FileSystem provider", "All providers"):
        chosen = {name: members for name, members in sets.items() if name.endswith(provider)}
        if chosen:
            return chosen
    return sets


def parameter(name, about, sets):
    """One parameter with its attributes in every set that names it."""
    attributes = []
    for set_name, members in sets.items():
        if name not in members["mandatory"] + members["optional"]:
            continue
        options = [] if set_name.startswith("__") else [f"ParameterSetName = {quoted(set_name)}"]
        if name in members["mandatory"]:
            options.append("Mandatory")
        if name in members.get("positional", []):
            options.append(f"Position = {members['positional'].index(name)}")
        options += [
            {"ByValue": "ValueFromPipeline", "ByPropertyName": "ValueFromPipelineByPropertyName"}[way] for way in about.get("pipeline", [])
        ]
        attributes.append(f"[Parameter({', '.join(options)})]")
    if about.get("aliases"):
        attributes.append(f"[Alias({', '.join(map(quoted, about['aliases']))})]")
    if about.get("values") and not about.get("switch") and about["type"].casefold() not in ("boolean", "bool"):
        attributes.append(f"[ValidateSet({', '.join(map(quoted, about['values']))})]")
    kind = "switch" if about.get("switch") else TYPES.get(about["type"].casefold())
    attributes.append(f"[{kind}]" if kind else "")
    return "        " + " ".join(filter(None, attributes)) + f" ${{{name}}}"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"
