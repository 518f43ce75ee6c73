"""A deployment server with a boot image and an install image of the estate's build, made ten days ago (``made``: another number of days)."""
from __future__ import annotations

from datetime import datetime, timedelta

from lab.cmdlets import features


def build(document, told, name, estate):
    told = {} if told is True else told
    features.install(document, "WDS-Deployment", "WDS-Transport")
    document["services"]["WDSServer"] = {"display": "Windows Deployment Services Server", "state": "Running", "mode": "Auto", "account": "LocalSystem"}
    now = datetime.fromisoformat(estate["clock"].replace("Z", "+00:00"))
    made = (now - timedelta(days=told.get("made", 10))).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    version = f"10.0.{document['os']['build']}.{document['os']['revision']}"
    document["wds"] = {
        "boot": [{"name": "Microsoft Windows Setup (x64)", "file": "boot.wim", "version": version, "enabled": True, "made": made}],
        "install": [{"name": image, "file": f"{image.lower().replace(' ', '-')}.wim", "version": version, "enabled": True, "made": made, "group": "BizTalk"}
                    for image in ("BizTalk server", "SQL server")]}
