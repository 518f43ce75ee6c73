# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``wds``: a server of Windows Deployment Services as a source from which a lost server is built anew: role, service, images.

wdsutil writes translated words and is not asked. Sources: reference pages of the WDS module (the properties of images are assumed from
what its cmdlets take), Win32_Service and Win32_OptionalFeature.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, rows, windows_features
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call

NAME = "wds"
MODULE = "WDS"
FEATURES = {"Microsoft-Windows-Deployment-Services-Deployment-Server": "WDS-Deployment",
            "Microsoft-Windows-Deployment-Services-Transport-Server": "WDS-Transport"}
IMAGE = ["ImageName", "FileName", "Version", "Enabled", "CreationTime", "LastModificationTime", "Architecture"]


def steps(variables):
    """The calls that read the area, in order."""
    return [
        windows_features.step("wds_features", list(FEATURES)),
        call("wds_service", r"CimCmdlets\Get-CimInstance", {"ClassName": "Win32_Service", "Filter": "Name='WDSServer'"}, select=["State", "StartMode"]),
        call("wds_boot", MODULE + r"\Get-WdsBootImage", select=IMAGE, needs=MODULE),
        call("wds_install", MODULE + r"\Get-WdsInstallImage", select=[*IMAGE, "ImageGroup"], needs=MODULE),
    ]


def shape(area):
    """The deployment server as plain data; what was not seen is a hole (see ``observed``)."""
    features = windows_features.installed(area, "wds_features", list(FEATURES))
    services = rows.every(area, "wds_service", lambda row, index: {"state": rows.value(row, "State"), "start_mode": rows.value(row, "StartMode")})
    return {
        "features": features if observed.is_hole(features) else [{**one, "name": FEATURES[one["name"]]} for one in features],
        "service": services if observed.is_hole(services) else services[0] if services else None,
        "boot_images": rows.every(area, "wds_boot", _image),
        "install_images": rows.every(area, "wds_install", lambda row, index: {**_image(row, index), "group": rows.value(row, "ImageGroup")}),
    }


def _image(row, index):
    version = rows.value(row, "Version")
    return {"name": rows.value(row, "ImageName"), "file": rows.value(row, "FileName"), "version": version, "build": _build(version),
            "enabled": rows.value(row, "Enabled"), "modified": _newest(row)}


def _build(version):
    """The number of the build of Windows in an image's version, as text: 17763 of 10.0.17763.6532."""
    if not isinstance(version, str):
        return version if observed.is_hole(version) else observed.hole("null", "The image has no version.")
    parts = version.split(".")
    return parts[2] if len(parts) > 2 and parts[2].isdigit() else observed.hole("failed", f"{version!r} is no version of Windows.")


def _newest(row):
    """When the image was changed last; when it was made, where it never was."""
    changed = rows.value(row, "LastModificationTime")
    if isinstance(changed, str):
        return changed
    made = rows.value(row, "CreationTime")
    return made if made is not None else observed.hole("null", "The image has no date.")
