"""The cmdlets that the lab answers; importing this registers them."""
from lab.cmdlets import cluster_changes, clusters, dtc, events, file_changes, file_items, host, items, registry  # noqa: F401
