"""Windows Deployment Services: the images of a deployment server. ``host["wds"]`` is made by lab/parts/wds.py."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.values import Instant, Obj, link

MODULE = "WDS\\"
PAGES = "reference pages of WDS"
ASSUMED = "the properties of an image have the names of the cmdlets' parameters, and CreationTime and LastModificationTime"
CIM = "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/"


def _images(run, kind, type_name):
    service = run.host["services"].get("WDSServer", {"state": "Stopped"})
    if service["state"] != "Running":
        raise run.error("WDSServerNotRunning", "NotSpecified", link(
            "Microsoft.Management.Infrastructure.CimException", "The server is not running.", 2147943462))
    for place, image in enumerate(run.host["wds"][kind]):
        yield Obj(CIM + type_name, f"wds/{run.backend.host}/{kind}/{place}", {
            "ImageName": image["name"], "FileName": image["file"], "Version": image["version"], "Enabled": image["enabled"], "Architecture": 3,
            "CreationTime": Instant(image["made"]), "LastModificationTime": Instant(image["made"]), "Description": "",
            **({"ImageGroup": image["group"]} if kind == "install" else {})})


@cmdlet(MODULE + "Get-WdsBootImage", takes="", source=PAGES, assumed=ASSUMED)
def get_boot_image(run):
    """The boot images."""
    return _images(run, "boot", "MSFT_WdsBootImage")


@cmdlet(MODULE + "Get-WdsInstallImage", takes="", source=PAGES, assumed=ASSUMED)
def get_install_image(run):
    """The install images."""
    return _images(run, "install", "MSFT_WdsInstallImage")


def _named(run, kind):
    found = [image for image in run.host["wds"][kind] if image["name"].casefold() == run.get("ImageName").casefold()]
    if not found:
        raise run.error("ImageNotFound", "ObjectNotFound", link("Microsoft.Management.Infrastructure.CimException", "The image was not found.", 2147942402))
    return found


@cmdlet(MODULE + "Disable-WdsInstallImage", takes="ImageName", source=PAGES, changes=True)
def disable_install_image(run):
    """Offers an install image no longer."""
    for image in _named(run, "install"):
        image["enabled"] = False
    return []


@cmdlet(MODULE + "Remove-WdsInstallImage", takes="ImageName", source=PAGES, changes=True)
def remove_install_image(run):
    """Removes an install image."""
    gone = _named(run, "install")
    run.host["wds"]["install"] = [image for image in run.host["wds"]["install"] if image not in gone]
    return []
