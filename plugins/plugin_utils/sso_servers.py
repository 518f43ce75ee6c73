# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Enterprise Single Sign-On as subjects: each server of it, and the one master secret of the estate with its holders and its backup.

Which server holds the secret is told by ENTSSO's own events on the servers that fetch it; a cluster's network name stands for its nodes.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import master_secret, observed, security_descriptor
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import derived, estate

SERVER, SECRET = "sso_server", "master_secret"
TRUSTED = {"S-1-5-18", "S-1-5-32-544"}      # the system and the administrators, who can take a file over anyway
SSOSS = r"software\microsoft\entsso\ssoss"


def subjects(everyone, kinds):
    """One server for each host of the group ``sso``, and one secret for all of them. *everyone*: the ``estate.Host``s of the estate."""
    here = [host for host in everyone if set(host.groups) & set(kinds[SERVER].groups)]
    if not here:
        return []
    servers = [estate.Subject(SERVER, f"{SERVER}:{host.name}", _server(host, here), (host.name,), host.clock) for host in here]
    unread = [host.area("sso") for host in here]
    facts = unread[0] if all(observed.is_hole(area) for area in unread) else secret(here, everyone)
    name = facts["secret_server"] if isinstance(facts.get("secret_server"), str) else "unknown"
    clock = next((host.clock for host in here if not observed.is_hole(host.area("sso"))), None)
    return [*servers, estate.Subject(SECRET, f"{SECRET}:{name}", facts, tuple(host.name for host in here), clock)]


def _server(host, here):
    read = host.area("sso")
    if observed.is_hole(read):
        return read
    role = _role(host)
    return {
        "name": host.name, "version": read["version"], "service": _service(host), "clustered": role if observed.is_hole(role) else role is not None,
        "troubles": _newest_of_each(read["events"]["trouble"]),
        "copied_secret": derived.any_true([_copies_secret(key) for key in master_secret.each(read["checkpoints"])]),
        "versions": _versions(here),
    }


def _copies_secret(key):
    """Whether a registry checkpoint holds the secret's key: that key itself, one above it or one below."""
    if observed.is_hole(key):
        return key
    own, secret = key.casefold().strip("\\") + "\\", SSOSS + "\\"
    return own.startswith(secret) or secret.startswith(own)


def _versions(here):
    """The different versions on all servers; where only one is known, what was not seen stands beside it."""
    told = [host.fact("sso", "version") for host in here]
    known = sorted({version for version in told if isinstance(version, str)})
    return known if len(known) > 1 else known + [version for version in told if observed.is_hole(version)][:1]


def _service(host):
    return derived.named_services(host.fact("platform", "services"))["entsso"]


def _newest_of_each(events):
    """The newest event of each id."""
    newest = {}
    for event in reversed(master_secret.each(events)):
        newest[event["id"] if not observed.is_hole(event) else "hole"] = event
    return [event if observed.is_hole(event) else {"id": event["id"], "at": event["at"]} for event in newest.values()]


def _role(host):
    """The network name and the possible owners of the clustered ENTSSO on a host's cluster, as ``(name, owners)``; None where there is none."""
    if "cluster_node" not in host.groups and not isinstance(host.fact("cluster", "name"), str):
        return None
    resources = host.fact("cluster", "resources")
    if observed.is_hole(resources):
        return resources
    unseen = observed.first_hole(resources) or observed.first_hole([one["type"] for one in resources])
    if unseen:
        return unseen
    entsso = next((one for one in resources if derived.role(one) == "sso"), None)
    if entsso is None:
        return None
    point = next((one for one in resources if one["type"] == "Network Name" and one["group"] == entsso["group"]), None)
    return _parameter(point, "Name") if point else "", entsso["possible_owners"]


def _parameter(resource, name):
    parameters = resource["parameters"]
    if observed.is_hole(parameters):
        return parameters
    found = next((one for one in parameters if not observed.is_hole(one) and one["name"] == name), None)
    return found["value"] if found else observed.hole("missing", f"{resource['name']} has no parameter {name}.")


def secret(here, everyone):
    """Every property of the kind ``master_secret``. *here*: the SSO servers."""
    name = _named(here)
    roles = [(host, _role(host)) for host in here]
    clustered = _clustered(name, roles)
    owners = _owners(name, clustered, roles, here)
    unsure = observed.first_hole(master_secret.each(owners))
    holders = [host for host in here if unsure or host.name in {one["host"] for one in owners}]
    events = {what: [event for host in holders for event in _events(host, what)] for what in master_secret.EVENTS}
    files = [_file(host, one) for host in here for one in master_secret.each(host.fact("sso", "backups"))]
    backup = master_secret.backup(events, files, [host.fact("sso", "log_since") for host in holders])
    names = [role[0] for _host, role in roles if isinstance(role, tuple)]       # a hole among them stays one
    return {
        "secret_server": name,
        "clustered": clustered,
        "network_names": [name for place, name in enumerate(names) if name not in names[:place]],
        "owners": owners,
        "backed_up_at": backup["backed_up_at"],
        "changed_at": backup["changed_at"],
        "backup_covers_change": backup["covers_change"],
        "warned_since_backup": backup["warned_since"],
        "backups": files,
        "elsewhere": _elsewhere(master_secret.backups(events, files), backup["changed_at"], holders, everyone),
        "on_nlb": derived.any_true([_balanced(host) for host in holders]),
    }


def _events(host, what):
    return master_secret.each(host.fact("sso", "events", what))


def _named(here):
    """The name of the master secret server, as the newest event on any server says."""
    told = [(event["at"], event["secret_server"]) for host in here for what in ("fetched", "trouble", "secret_server_changed")
            for event in _events(host, what) if not observed.is_hole(event) and event["secret_server"] and isinstance(event["at"], str)]
    if told:
        return max(told)[1]
    unseen = observed.first_hole([part for host in here for what in ("fetched", "secret_server_changed") for part in _events(host, what)])
    return unseen or observed.hole("missing", "No server's event log names the master secret server (events 10529, 10532 and 10575 of ENTSSO).")


def _same(one, other):
    return one.split(".")[0].casefold() == other.split(".")[0].casefold()


def _clustered(name, roles):
    """Whether the name is that of a clustered ENTSSO."""
    if observed.is_hole(name):
        return name
    return derived.any_true([role if observed.is_hole(role) else role is not None and (
        role[0] if observed.is_hole(role[0]) else _same(role[0], name)) for _host, role in roles])


def _owners(name, clustered, roles, here):
    """The servers that may hold the secret, each with whether it has one: the possible owners of the role, or the server of that name."""
    if observed.is_hole(clustered):
        return clustered
    if not clustered:
        found = [host for host in here if host.is_called(name.split(".")[0])]
        if not found:
            return observed.hole("missing", f"No host of the group sso is the master secret server {name}.")
        return [{"host": host.name, "secret_key": host.fact("sso", "secret_key")} for host in found]
    owners = next(role[1] for _host, role in roles if isinstance(role, tuple) and not observed.is_hole(role[0]) and _same(role[0], name))
    if observed.is_hole(owners):
        return owners
    known = [(owner, next((host for host in here if not observed.is_hole(owner) and host.is_called(owner)), None)) for owner in owners]
    return [owner if observed.is_hole(owner) else {
        "host": host.name if host else owner,
        "secret_key": host.fact("sso", "secret_key") if host else observed.hole("missing", f"{owner} is no host of the group sso."),
    } for owner, host in known]


def _file(host, one):
    """A backup file with who may read it beside the system and the administrators."""
    if observed.is_hole(one):
        return one
    readers = one["readers"]
    others = readers if observed.is_hole(readers) else [sid for sid in readers if sid not in TRUSTED]
    return {"name": f"{one['path']} on {host.name}", "host": host.name, "path": one["path"], "bytes": one["bytes"], "modified": one["modified"],
            "readers": others,
            "everybody": others if observed.is_hole(others) else [sid for sid in others if security_descriptor.is_everybody(sid)]}


def _elsewhere(files, changed, holders, everyone):
    """Whether a copy of a backup that is not older than the secret lies on another machine than those that hold it: in a vault, or on a share."""
    if observed.is_hole(changed):
        return changed
    shares = [one if observed.is_hole(one) else not _older(one["modified"], changed) and _on_share(one["path"], holders) for one in files]
    vaults = [host for host in everyone if "vault" in host.groups]
    sets = [one for vault in vaults for one in master_secret.each(vault.fact("vault", "sets"))]
    kept = [one if observed.is_hole(one) else one["kind"] == "sso" and one["whole"] is True and not _older(one["taken_at"], changed) for one in sets]
    return derived.any_true(shares + kept)


def _older(at, changed):
    """Whether something is older than the secret, to the day: a set is copied with the file that the same day's backup made."""
    return changed is not None and at[:10] < changed[:10]


def _on_share(path, holders):
    if observed.is_hole(path) or not path.startswith("\\\\"):
        return path if observed.is_hole(path) else False
    server = path[2:].split("\\")[0]
    return not any(host.is_called(server.split(".")[0]) for host in holders)


def _balanced(host):
    """Whether a host is a node of a Network Load Balancing cluster."""
    if "nlb" in host.groups:
        return True
    said = host.fact("nlb", "name")
    if observed.is_hole(said):
        return False if said["$unknown"]["reason"] == "absent" else said      # the feature is not there
    return said is not None
