"""What stands on hosts beside the operating system: one module an area, named as its key in a host's description.

Each has ``build(document, told, name, estate)``: *document* is the host's, *told* what the description says of this part (``true`` or a
mapping), *name* the host's name, *estate* the documents of all hosts, clusters, shares and users, with ``clock`` (now, ISO 8601 UTC) and
``description`` (of the whole estate). Files are put in by lab.files.add_file, events by lab.cmdlets.events.add_event.
"""
from __future__ import annotations

import importlib
import pkgutil

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))


def build(document, host, name, estate):
    """Lets every part that the description *host* of a host names fill the host's document."""
    for part in NAMES:
        if host.get(part):
            importlib.import_module(f"lab.parts.{part}").build(document, host[part], name, estate)
