"""Write-Error: with it a batch says no, where a step before it found what must not be there."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.values import link


@cmdlet(r"Microsoft.PowerShell.Utility\Write-Error", takes="Message TargetObject", source="reference page")
def write_error(run):
    """An error that ends nothing by itself."""
    run.errors.append(run.error("Microsoft.PowerShell.Commands.WriteErrorException", "NotSpecified", link(
        "Microsoft.PowerShell.Commands.WriteErrorException", run.get("Message"))).err)
    return []
