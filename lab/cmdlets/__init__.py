"""The cmdlets that the lab answers; importing this registers them."""
from lab.cmdlets import cluster_changes, clusters, dtc, events, host, registry  # noqa: F401
