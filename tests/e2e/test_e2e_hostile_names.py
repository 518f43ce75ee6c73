"""Names that try to be code, markup or layout: they are read, judged, configured and printed as names."""
from __future__ import annotations

import json
import unicodedata

HOSTILE = ["'; Stop-Computer; '", '"$(Stop-Process)"', "] and [x", "line\nbreak", "\u202eevil\u202c", "🙈 disk", "{{ lookup('env', 'HOME') }}",
           "%TEMP%&calc", "<b>x</b>", "{% raw %}", "@{a=1}", "`n$null", "名前", "a" * 60]


def rename(lab):
    """Every group, resource and network of every cluster gets a hostile name of its own."""
    renamed = {}
    for cluster in lab.state.clusters.values():
        for kind in ("groups", "resources", "networks"):
            for number, thing in enumerate(cluster[kind]):
                name = f"{thing['name']} {HOSTILE[number % len(HOSTILE)]}"
                renamed[thing["name"]] = name
                thing["name"] = name
        for resource in cluster["resources"]:
            if "Network" in resource["private"]:
                resource["private"]["Network"][1] = renamed[resource["private"]["Network"][1]]
    lab.state.save()
    return renamed


def printable(text):
    """Whether nothing in a terminal's text could steer it or turn its direction."""
    return all(c in "\n" or unicodedata.category(c) not in ("Cc", "Cf") for c in text)


def test_the_healthy_estate_stays_healthy_whatever_it_is_called(healthy):
    plain = healthy.audit(check=0)
    healthy.lab.call(rename, healthy.lab)
    hostile = healthy.audit(name="hostile", check=0)
    assert hostile["counts"] == plain["counts"], healthy.last.stdout
    assert sorted((f["control"], f["status"]) for f in hostile["findings"]) == sorted((f["control"], f["status"]) for f in plain["findings"])
    assert printable(healthy.last.stdout)


def test_a_hostile_disk_is_configured_by_its_name_and_nothing_is_expanded(open_estate):
    estate = open_estate("drifted")
    renamed = estate.lab.call(rename, estate.lab)
    disk = renamed["Cluster Disk 1"]
    options = {"windows_cluster_quorum": {"witness": "disk", "witness_disk": disk}}
    done = estate.play("configure", "--limit", "bts01", "-e", json.dumps(options), check=0)
    assert printable(done.stdout)
    witness = estate.lab.call(lambda: next(r for r in estate.lab.state.clusters["BTSCLU"]["resources"]
                                           if r["id"] == estate.lab.state.clusters["BTSCLU"]["quorum"]["resource"]))
    assert witness["name"] == disk
    again = estate.play("configure", "--limit", "bts01", "--check", "-e", json.dumps(options), check=0)
    assert "it is as declared" in again.stdout
