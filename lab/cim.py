"""CIM classes beyond those of lab/cmdlets/host.py: a part of the estate registers a function that gives the instances' properties."""
from __future__ import annotations

from lab.values import link

CLASSES = {}        # (namespace, class) in lower case -> (namespace, class, function (run) -> list of properties)


def cim_class(namespace, name):
    """Registers a function ``(run) -> [properties]`` as the instances of a class; None where the class is not there."""
    def register(function):
        CLASSES[namespace.casefold(), name.casefold()] = (namespace, name, function)
        return function
    return register


def instances(run, namespace, name):
    """``(class, [properties])`` of a registered class, or None where it is not registered."""
    known = CLASSES.get((namespace.replace("\\", "/").casefold(), name.casefold()))
    if known is None:
        return None
    found = known[2](run)
    if found is None:
        raise run.error("HRESULT 0x80041010", "MetadataError", link("Microsoft.Management.Infrastructure.CimException", "Invalid class ", 2147749904))
    return f"{known[0]}/{known[1]}", found
