"""What is derived of BizTalk hosts that are cluster resources, where parts of the cluster or of its nodes were not read."""
from __future__ import annotations

import baseline_estates as estates

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline, estate

KINDS = baseline.load().kinds
DENIED = observed.hole("denied", "Access is denied.")


def cluster(*changes, **services):
    """The facts of BTSCLU after changes of what its nodes say. *services*: host -> the services of BizTalk hosts on it, or a hole."""
    snapshots = estates.bts_hosts()
    for change in changes:
        estates.in_cluster(snapshots, "BTSCLU", change)
    for host, found in services.items():
        estates.by_host(snapshots)[host]["areas"]["platform"]["biztalk"]["services"] = found
    return next(subject.facts for subject in estate.subjects_of(estate.hosts_of(snapshots, {}), KINDS) if subject.id == "cluster:BTSCLU")


def change_of(thing, /, **values):
    return lambda area: estates.named(area["resources"] + area["nodes"], thing).update(values)


def host(facts):
    return estates.named(facts["resources"], "Receive")


def node(facts, name):
    return estates.named(facts["nodes"], name)["loose_biztalk_services"]


def test_a_service_that_is_no_resource_is_loose():
    app = [estates.biztalk_service("App"), estates.biztalk_service("receive")]
    assert node(cluster(bts01=app), "BTS01") == ["BTSSvc$App"]
    assert node(cluster(bts01=[*app, DENIED]), "BTS01") == ["BTSSvc$App", DENIED]
    assert node(cluster(bts01=DENIED), "BTS01") == DENIED


def test_whether_a_service_is_loose_needs_every_resource_and_none_where_there_is_no_service():
    unread = change_of("Spooler", service_name=DENIED)
    assert node(cluster(unread), "BTS01") == DENIED
    assert node(cluster(unread, bts01=[]), "BTS01") == []


def test_the_types_of_a_group_are_its_own_and_may_be_more():
    assert host(cluster())["group_types"] == ["Generic Service", "IP Address", "Network Name"]
    assert host(cluster(change_of("IP of BTSSSO", group=DENIED)))["group_types"] == ["Generic Service", "Network Name", DENIED]
    assert host(cluster(change_of("Receive", group=DENIED)))["group_types"] == DENIED
    assert estates.named(cluster()["resources"], "Spooler")["group_types"] == []


def test_only_possible_owners_need_an_instance():
    assert host(cluster(bts01=[]))["owners_without_instance"] == ["BTS01"]
    assert host(cluster(change_of("Receive", possible_owners=["bts02"]), bts01=[]))["owners_without_instance"] == []
    assert host(cluster(change_of("Receive", possible_owners=[]), bts01=[]))["owners_without_instance"] == ["BTS01"]


def test_an_owner_that_was_not_read_may_lack_the_instance():
    assert host(cluster(bts01=DENIED))["owners_without_instance"] == [DENIED]
    assert host(cluster(bts01=[DENIED]))["owners_without_instance"] == [DENIED]
    assert host(cluster(change_of("BTS01", name=DENIED)))["owners_without_instance"] == [DENIED]
    assert host(cluster(change_of("Receive", possible_owners=DENIED)))["owners_without_instance"] == DENIED
    assert host(cluster(change_of("Receive", possible_owners=["BTS02", DENIED])))["owners_without_instance"] == DENIED
