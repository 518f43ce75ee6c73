"""Select-String over files: the lines that match, with their matches."""
from __future__ import annotations

import re

from lab import files
from lab.backend import cmdlet
from lab.cmdlets.file_items import decoded, failure, found
from lab.values import Obj


@cmdlet(r"Microsoft.PowerShell.Utility\Select-String", takes="Pattern LiteralPath Path AllMatches InputObject",
        source="reference page of Windows PowerShell 5.1", assumed="a pattern is read as Python reads regular expressions")
def select_string(run):
    """The lines of files that match a pattern, upper and lower case alike."""
    patterns = run.get("Pattern") if isinstance(run.get("Pattern"), list) else [run.get("Pattern")]
    wanted, view = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE), files.of(run)
    for path, entry in found(run):
        try:
            lines = [] if entry.folder else decoded(view.read(path), None).splitlines()
        except files.Problem as problem:
            run.errors.append(failure(run, problem, "ProcessingFile").err)
            continue
        for number, line in enumerate(lines, 1):
            matches = [match[0] for match in wanted.finditer(line)]
            if matches:
                yield Obj("Microsoft.PowerShell.Commands.MatchInfo", f"match/{path}/{number}", {
                    "Path": path, "Filename": path.rpartition("\\")[2], "LineNumber": number, "Line": line, "IgnoreCase": True, "Matches": [
                        Obj("System.Text.RegularExpressions.Match", f"match/{path}/{number}/{place}", {"Value": text, "Success": True})
                        for place, text in enumerate(matches if run.get("AllMatches") else matches[:1])]})
