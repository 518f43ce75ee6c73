"""The Ansible inventory of a scenario for the ports that a lab listens on."""
from __future__ import annotations

import yaml

from lab import attested
from lab.estate import LANGUAGES
from lab.parts import sharepoint

PARTS = ("iis", "nlb", "sharepoint", "storage", "vault", "wds", "windows_backup")     # parts that are a group of the inventory's contract
HEAD = "# Made by `python -m lab.inventory`: the hosts of the lab's healthy and drifted scenarios. A simulation.\n"


def document(plan, port, https_port, ca, sql_ports):
    """The inventory as data, with what the scenario's ``inventory`` declares of hosts.

    HTTPS (validated) for the hosts of every second cluster, NTLM with message encryption elsewhere.
    """
    estate, beside = plan["estate"], str(ca).rpartition("/")[0]
    netbios = estate.get("domain", "contoso.test").split(".")[0].upper()
    user, account = next(iter(estate["users"].items()))
    common = {"ansible_connection": "winrm", "ansible_host": "127.0.0.1", "ansible_user": user.replace("{domain}", netbios),
              "ansible_password": account["password"], "ansible_winrm_transport": "ntlm", "ansible_winrm_scheme": "http",
              "ansible_port": port, "ansible_winrm_ca_trust_path": str(ca),
              "audit_attestations": [f"{beside}/{attested.FILE}"], "audit_evidence": f"{beside}/{attested.EVIDENCE}",
              "audit_note": "This estate is a simulation (the lab): the report says nothing about real servers."}
    children = {}
    for name, cluster in estate.get("clusters", {}).items():
        group = children.setdefault("cluster_node", {"children": {}})["children"].setdefault(name.lower(), {
            "hosts": {node: {} for node in cluster["nodes"]}, "vars": {"cluster_name": name, "windows_cluster_quorum": declared(cluster)}})
        if list(estate["clusters"]).index(name) % 2:
            group["vars"].update(ansible_winrm_scheme="https", ansible_port=https_port)
    for name, host in estate["hosts"].items():
        host = host or {}
        for group in [*host.get("groups", ()), *(part for part in PARTS if host.get(part))]:
            children.setdefault(group, {}).setdefault("hosts", {})[name] = _told(group, host, name)
    auditor = estate.get("logins", {}).get("auditor")
    if sql_ports:
        children["sql_instance"] = {
            "hosts": {estate["instances"][name]["name"]: {"instance_name": name, "login_port": sql_ports[name], **_held(estate, name), **_shipped(estate, name)}
                      for name in sql_ports},
            "vars": {"sql_via": "controller", "login_host": "localhost", "login_user": auditor["name"], "login_password": auditor["password"],
                     "ca_file": str(ca)}}
    # not by inventory_hostname: under delegate_to that is the host which delegates
    paths = {name: {"ansible_winrm_path": f"wsman/{name}", **_placed(host or {}, estate)} for name, host in estate["hosts"].items()}
    for host, variables in plan.get("inventory", {}).items():
        (paths | children.get("sql_instance", {}).get("hosts", {}))[host].update(variables)
    return {"all": {"vars": common, "hosts": paths, "children": children}}


def _placed(host, estate):
    """A host's site, and where that lies."""
    location = estate.get("locations", {}).get(host.get("site"))
    return {**({"site": host["site"]} if "site" in host else {}), **({"location": location} if location else {})}


def _told(group, host, name):
    """The contract's variables of a host in one of its groups."""
    if group == "sharepoint" and host.get("sharepoint"):
        return {"sharepoint_backup_folder": sharepoint.share_of(host["sharepoint"], name)}
    if group == "nlb":
        return {"nlb_name": host["nlb"]["name"]}
    return {"vault_path": host["vault"]["path"]} if group == "vault" else {}


def _held(estate, name):
    """An instance that holds no management database says so; where there is one, it is left to be found."""
    return {} if estate.get("biztalk_group", {}).get("on") == name else {"management_database": ""}


def _shipped(estate, name):
    """What log shipping makes of an instance, and where it stands: at its own site, else that of its host or its cluster's first node."""
    about = estate["instances"][name]
    on = about.get("host") or estate["clusters"][about["cluster"]]["nodes"][0]
    site = about.get("site") or (estate["hosts"].get(on) or {}).get("site")
    return {**({"log_shipping_destination": True} if about.get("shipped_from") else {}), **({"site": site} if site else {})}


def fixed_ports(plan, first):
    """The ports of a lab's SQL Servers that begin at a fixed one."""
    return {name: first + number for number, name in enumerate(plan["estate"].get("instances", {}))}


def declared(cluster):
    """The quorum that the playbook ``configure`` shall bring a cluster to: the healthy one of its description."""
    witness = cluster.get("witness") or {}
    votes = {"node_weights": [{"name": name, "weight": 1} for name in cluster["nodes"]], "dynamic_quorum": True}
    if "disk" in witness:
        return {"witness": "disk", "witness_disk": LANGUAGES[cluster.get("language", "en")]["disk"].format(1), **votes}
    if "share" in witness:
        return {"witness": "file_share", "witness_share": witness["share"], **votes}
    return {}


def text(plan, port, https_port, ca, sql_ports):
    return HEAD + yaml.dump(document(plan, port, https_port, ca, sql_ports), Dumper=Dumper, sort_keys=False, width=140)


class Dumper(yaml.SafeDumper):
    """Lists stand further in than their key, as yamllint wants them."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


if __name__ == "__main__":
    from lab import scenario
    from lab.__main__ import HERE, HTTPS_PORT, PORT, SQL_PORT
    healthy = scenario.load("healthy")
    (HERE / "inventory.yml").write_text(text(healthy, PORT, HTTPS_PORT, "{{ inventory_dir }}/../out/lab/ca.pem", fixed_ports(healthy, SQL_PORT)),
                                        encoding="utf-8")
