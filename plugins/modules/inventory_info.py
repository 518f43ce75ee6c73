# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_info
short_description: Draft the inventory of a BizTalk estate from its management database
version_added: 0.2.0
description:
  - Reads the SQL Server instance that holds the management database and returns the inventory that the collection expects, as far as the
    management database and the instance name its servers.
  - What it cannot know - connections, names of clusters, sites - is listed as things to do. Changes nothing.
author: the biztalk.fault_tolerance authors (!UNKNOWN)
extends_documentation_fragment: [biztalk.fault_tolerance.attributes, biztalk.fault_tolerance.attributes.read_only, biztalk.fault_tolerance.login]
seealso:
  - module: biztalk.fault_tolerance.doctor
"""

EXAMPLES = r"""
- name: Draft the inventory from the management database
  biztalk.fault_tolerance.inventory_info:
    login_host: sqlbts.contoso.com
    login_port: 50433
  register: draft

- name: Show it
  ansible.builtin.debug:
    msg: "{{ draft.inventory | to_nice_yaml(indent=2) }}"
"""

RETURN = r"""
inventory:
  description: The inventory, ready for a YAML file.
  returned: when the management database was read
  type: dict
  sample: {"all": {"children": {"biztalk": {"hosts": {"bts01": {}}}}}}
to_do:
  description: One sentence for each thing that has to be filled in or that could not be read.
  returned: when the management database was read
  type: list
  elements: str
  sample: ["Set cluster_name for sql01, sql02: the instance SQLBTS\\BTS is a failover cluster instance of their cluster."]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login, observed

CARRIER = "sql"
AREAS = ["sql", "backup_history", "biztalk"]

ARGUMENT_SPEC = dict(login.LOGIN_SPEC)


def inform(_options, snapshot):
    """The inventory for the task's result; ``failed`` where no management database was read."""
    sql, history, group = (snapshot["areas"][name] for name in AREAS)
    if group is None:
        return {"failed": True, "msg": "This instance holds no management database: no database of it has the table adm_Group. On a BizTalk server "
                                       r"the registry names the right one (HKLM\SOFTWARE\Microsoft\BizTalk Server\3.0\Administration)."}
    if observed.is_hole(group):
        return {"failed": True, "msg": f"The management database could not be read: {observed.detail(group)}"}
    return _Draft(sql, history, group).result()


class _Draft:
    """An inventory in the making: group -> host -> variables."""

    def __init__(self, sql, history, group):
        self.sql, self.history, self.group = sql, history, group
        self.groups, self.to_do = {}, []

    def result(self):
        for server in self._seen(self.group["servers"], "BizTalk servers"):
            self._add("biztalk", _host(server["name"]))
        for one in self._seen(self.group["instances"], "host instances"):
            if one["type"] == "isolated":
                self._add("iis", _host(one["server"]))
        if isinstance(self.group["sso_server"], str):
            self._add("sso", _host(self.group["sso_server"]))
            self.to_do.append(f"{_host(self.group['sso_server'])} is the name of the master secret server. Where it is a cluster's network name, put "
                              "the nodes into sso instead.")
        here = self.sql["name"] if isinstance(self.sql["name"], str) else None
        for name in dict.fromkeys([*([here] if here else []), *self._servers_of_databases(), *self._replicas()]):
            own = here and name.casefold() == here.casefold()
            self._add("sql_instance", _host(name), {
                "instance_name": name, "login_host": name.partition("\\")[0],
                "management_database": self.group["management_database"] if own else ""})
        others = [name for name, about in self.groups["sql_instance"].items() if not about["management_database"]]
        if others:
            self.to_do.append(f"Only {here} was asked. Whether {', '.join(others)} are instances or listeners, of which the replicas must stand in "
                              "sql_instance instead, they say themselves: run the playbook doctor.")
        self._clusters(here)
        self.to_do.append("Set the connection of the Windows hosts (ansible_connection and its options), and login_port, login_user and "
                          "login_password or Kerberos for the instances; then run the playbook doctor.")
        self.to_do.append("Set site where servers stand in more than one room or building, and add hosts of WDS, NLB, SharePoint and file servers.")
        children = {group: {"hosts": hosts} for group, hosts in sorted(self.groups.items())}
        return {"inventory": {"all": {"children": children}}, "to_do": self.to_do}

    def _add(self, group, host, variables=None):
        self.groups.setdefault(group, {}).setdefault(host, {}).update(variables or {})

    def _seen(self, things, what):
        """The elements that were seen; what was not becomes a thing to do."""
        elements = [things] if observed.is_hole(things) else things
        for hole in elements:
            if observed.is_hole(hole):
                self.to_do.append(f"Not all {what} were read: {observed.detail(hole)}")
        return [element for element in elements if not observed.is_hole(element)]

    def _servers_of_databases(self):
        """The servers that the group names for its databases. The listener of an availability group is among them, and is no instance."""
        places = self._seen(self.group["databases"], "databases of the group") + self._seen(self.group["message_boxes"], "MessageBoxes")
        if isinstance(self.history, dict) and isinstance(self.history.get("biztalk"), dict):
            places += self._seen(self.history["biztalk"]["databases"], "databases of the backup")
        listeners = self._listeners()
        for server in dict.fromkeys(place["server"] for place in places if place["server"]):
            if server.partition(",")[0].casefold() in listeners:
                self.to_do.append(f"{server} is a listener: its replicas are the instances.")
            else:
                yield server

    def _groups_of_availability(self):
        groups = self.sql["availability_groups"]
        return self._seen(groups, "availability groups")

    def _listeners(self):
        return {listener["name"].casefold() for group in self._groups_of_availability() for listener in self._seen(group["listeners"], "listeners")
                if isinstance(listener["name"], str)}

    def _replicas(self):
        for group in self._groups_of_availability():
            yield from (replica["name"] for replica in self._seen(group["replicas"], "replicas") if isinstance(replica["name"], str))

    def _clusters(self, here):
        nodes = [node["name"] for node in self._seen(self.sql["cluster_nodes"], "nodes of the failover cluster")]
        for node in nodes:
            self._add("cluster_node", _host(node), {"cluster_name": ""})
        if nodes:
            self.to_do.append(f"Set cluster_name for {', '.join(map(_host, nodes))}: the instance {here} is a failover cluster instance of their cluster.")
        for host in self._seen(self.group["hosts"], "BizTalk hosts"):
            if host["cluster_group"]:
                self.to_do.append(f"The BizTalk host {host['name']} is clustered (group {host['cluster_group']}): put its servers into cluster_node, "
                                  "with cluster_name.")


def _host(name):
    """An inventory name for a server or instance: lower case, without the domain, an instance with a hyphen."""
    return name.partition(",")[0].partition(".")[0].casefold().replace("\\", "-")


def main():
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="biztalk.fault_tolerance.inventory_info runs on the controller; it was started as an ordinary module.")


if __name__ == "__main__":
    main()
