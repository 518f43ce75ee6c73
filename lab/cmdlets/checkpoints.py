"""Registry checkpoints of cluster resources."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.bind import typed
from lab.cmdlets.clusters import NS, View

FC = "FailoverClusters\\"
SOURCE = "reference pages of FailoverClusters; field record co-054, co-086"


def _objects(view, resource):
    return [typed(NS + "ClusterRegistryCheckpoint", f"checkpoint/{resource['id']}/{key}", {"Resource": view.resource(resource), "Name": key})
            for key in resource.get("checkpoints", [])]


@cmdlet(FC + "Get-ClusterCheckpoint", takes="RegistryCheckpoint ResourceName", source=SOURCE, assumed="without a resource all checkpoints are listed")
def get_checkpoints(run):
    """The registry checkpoints of one resource or of all."""
    view = View(run)
    names = None if run.get("ResourceName") is None else [run.get("ResourceName")]
    return [found for resource in view.resources(names) for found in _objects(view, resource)]


@cmdlet(FC + "Add-ClusterCheckpoint", takes="ResourceName RegistryCheckpoint", source=SOURCE, changes=True)
def add_checkpoint(run):
    """Adds a key below HKEY_LOCAL_MACHINE to those that follow a resource from node to node."""
    view = View(run, write=True)
    for resource in view.resources([run.get("ResourceName")]):
        resource.setdefault("checkpoints", []).append(run.get("RegistryCheckpoint"))
        yield from _objects(view, resource)[-1:]
