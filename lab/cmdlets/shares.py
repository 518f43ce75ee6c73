"""What an operator does to a share of the estate that a host of the lab holds."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.values import link


def _share(run):
    """The document of a share of this host by its name."""
    for path, share in run.state.shares.items():
        server, name = path.strip("\\").split("\\")[:2]
        if server.casefold() == run.backend.host.casefold() and name.casefold() in {wanted.casefold() for wanted in run.get("Name")}:
            return share
    raise run.error("CmdletizationQuery_NotFound_Name", "ObjectNotFound", link(
        "Microsoft.PowerShell.Cmdletization.Cim.CimJobException", f"No MSFT_SMBShare objects found with property 'Name' equal to '{run.get('Name')[0]}'."))


@cmdlet(r"SmbShare\Set-SmbShare", takes="Name EncryptData", source="reference page", changes=True)
def set_smb_share(run):
    """Switches encryption of a share on or off."""
    _share(run)["encrypt"] = run.get("EncryptData")
    return []
