"""The lab as a thing that people start, and what it must keep equal to the rest of the repository."""
from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from winrm.protocol import Protocol

from lab import batch, behaviours, estate, extract_catalogue, inventory, operator, scenario
from lab.__main__ import HTTPS_PORT, PORT, SQL_PORT
from lab.backend import COMMANDS
from lab.bind import catalogue
from lab.values import Enum, Instant

ROOT = Path(__file__).resolve().parents[2]
CLOCK = "2026-11-24T08:00:00Z"
DATA = ROOT / "tests" / "data" / "catalogue"
REAL = ROOT.parent / "shared" / "real" / "cluster" / "objects.jsonl"


# --- equal to the rest

def test_the_bootstrap_is_the_products_own_to_the_letter():
    text = (ROOT / "plugins" / "plugin_utils" / "host.py").read_text(encoding="utf-8")
    theirs = re.search(r'^BOOTSTRAP = """\\\n(.*?)"""', text, re.MULTILINE | re.DOTALL)[1].replace("\\\\", "\\")
    assert batch.bootstrap() == theirs
    assert f'PREFIX = "{batch.PREFIX}"' in text


def test_the_catalogue_is_the_extract_of_the_reference():
    cmdlets, objects = (json.loads((DATA / name).read_text(encoding="utf-8")) for name in ("cmdlets.json", "objects.json"))
    assert catalogue() == extract_catalogue.extract(cmdlets, objects)
    assert set(catalogue()["cmdlets"]) == set(COMMANDS)


def test_the_page_of_behaviours_and_the_inventory_are_as_generated():
    assert (ROOT / "docs" / "lab-behaviours.md").read_text(encoding="utf-8") == behaviours.text()
    healthy = scenario.load("healthy")
    made = inventory.text(healthy, PORT, HTTPS_PORT, "{{ inventory_dir }}/../out/lab/ca.pem", inventory.fixed_ports(healthy, SQL_PORT))
    assert (ROOT / "lab" / "inventory.yml").read_text(encoding="utf-8") == made


def test_every_behaviour_says_what_it_does_and_where_it_is_known_from():
    for title, says, source, _assumed in behaviours.rows():
        assert says and says.strip().endswith("."), title
        assert len(source) > 10, title


REAL_READS = {"Cluster": "Get-Cluster", "ClusterNode": "Get-ClusterNode", "ClusterGroup": "Get-ClusterGroup", "ClusterResource": "Get-ClusterResource",
              "ClusterNetwork": "Get-ClusterNetwork", "ClusterNetworkInterface": "Get-ClusterNetworkInterface",
              "ClusterQuorumSettings": "Get-ClusterQuorum"}
# Columns that the lists of old versions or the default tables print, and 2019's objects do not have
OTHER_NAMES = {"ID", "Group", "Name", "RootMemoryReserved", "ClusSvcRegroupOpeningTimeout", "ClusSvcRegroupPruningTimeout",
               "SharedVolumeBlockCacheSizeInMB", "UseNetftForSharedVolumes"}


def test_no_real_object_has_a_property_type_or_enum_name_that_the_labs_contradict(console):
    if not REAL.exists():
        pytest.skip(f"NOT THERE: {REAL}; its records of {len(REAL_READS)} types were not compared")
    compared, wrong = 0, []
    for record in map(json.loads, REAL.read_text(encoding="utf-8").splitlines()):
        if record.get("object_type") not in REAL_READS or not isinstance(record["object"], list):
            continue
        ours = console.ok("sql01", "FailoverClusters\\" + REAL_READS[record["object_type"]])[0].properties
        for name, value in ((n, v) for real in record["object"] for n, v in real.items() if n not in OTHER_NAMES and v is not None):
            compared += 1
            mine = ours.get(name, "no such property")
            if isinstance(mine, Enum):
                known = {**catalogue()["enums"][mine.type], "x": "NodeMajority", "y": "NodeAndDiskMajority", "z": "NodeAndFileShareMajority"}
                fits = not isinstance(value, str) or value in known.values() or not value.isascii()
            else:
                fits = mine is None or hasattr(mine, "properties") or isinstance(mine, type(value)) \
                    or (name == "Id" and isinstance(value, int)) or isinstance(mine, (bytes, Instant))  # forms of the print
            if not fits:
                wrong.append((record["id"], name, value, mine))
    assert compared > 100 and wrong == []


# --- scenarios

@pytest.mark.parametrize("name", ["drifted", "variant"])
def test_a_scenario_is_carried_out_over_the_wire_and_says_what_it_expects(serve, name):
    wire = serve(name)
    before = wire.lab.call(wire.lab.state.state_hash)
    scenario.carry_out(wire.plan, wire.lab)
    assert wire.lab.call(wire.lab.state.state_hash) != before
    described = wire.plan["estate"]
    balanced = {host["nlb"]["name"] for host in described["hosts"].values() if "nlb" in (host or {})}
    hosts, named = set(described["hosts"]), {*balanced, *described["hosts"], *described["clusters"], *described["instances"], *described["availability_groups"],
                                             *(variables.get("instance_name") for variables in wire.plan.get("inventory", {}).values())}
    named |= {cluster["sso"] for cluster in described["clusters"].values() if "sso" in cluster}
    named |= {host["sharepoint"]["name"] for host in wire.lab.state.hosts.values() if "sharepoint" in host}
    acted = {action["host"] for action in wire.plan["actions"] if "steps" in action}
    assert acted <= set(wire.lab.stats)  # nothing was planted but through the door
    assert {host for host in hosts if not wire.lab.state.hosts[host]["powered"]} == set(wire.plan["unreachable"])
    assert len({row["control"] for row in wire.plan["expect"]}) >= 10
    for row in wire.plan["expect"]:
        _kind, _colon, key = row["subject"].partition(":")
        assert key == "estate" or key.split("/")[0] in named


def test_an_action_that_does_not_work_stops_the_scenario(serve):
    wire = serve()
    plan = {**wire.plan, "actions": [{"host": "bts01", "steps": [{"call": r"FailoverClusters\Set-ClusterQuorum", "with": {"DiskWitness": "None"}}]}]}
    with pytest.raises(operator.Failed, match="5007"):
        scenario.carry_out(plan, wire.lab)
    assert wire.lab.call(wire.lab.state.meta, "scenario") is None


def test_the_same_clock_makes_the_same_estate():
    plans = [scenario.load("healthy")["estate"] for _time in range(2)]
    first, second = (estate.build(plan, CLOCK) for plan in plans)
    assert first == second != estate.build(plans[0], "2027-01-01T00:00:00Z")


# --- the program

class Program:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, "-m", "lab", *arguments], cwd=ROOT, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, number=None):
        """``(exit code, stdout, stderr)``, after a signal where one is given."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def program(tmp_path):
    started = []

    def start(*arguments, state="state"):
        made = Program("--state", str(tmp_path / state), "--port", "0", "--https-port", "0", "--sql-port", "0",
                       "--inventory", str(tmp_path / "inventory.yml"), "--frozen-clock", CLOCK, *arguments)
        started.append(made)
        return made

    yield start
    for made in started:
        made.process.kill()
        made.process.communicate()


def witness(tmp_path):
    """The witness's name, asked over the inventory that the program wrote."""
    common = yaml.safe_load((tmp_path / "inventory.yml").read_text(encoding="utf-8"))["all"]["vars"]
    protocol = Protocol(f"http://127.0.0.1:{common['ansible_port']}/wsman/bts01", transport="basic", ca_trust_path=None,
                        username=common["ansible_user"], password=common["ansible_password"])
    steps = [{"id": "q", "call": r"FailoverClusters\Get-ClusterQuorum", "select": ["QuorumResource.Name"]}]
    return operator.answers(operator.execute(protocol, *operator.request([{"area": "a", "steps": steps}]))[0])[1]["steps"][0]["runs"][0]["items"]


def test_it_starts_within_seconds_says_one_line_keeps_its_state_and_stops_cleanly(program, tmp_path):
    began = time.monotonic()
    first = program("--scenario", "drifted")
    line = first.process.stdout.readline()
    assert line == f"lab ready: scenario drifted, inventory {tmp_path / 'inventory.yml'}\n" and time.monotonic() - began < 10
    assert witness(tmp_path) == [[None]]
    assert first.end(signal.SIGINT) == (0, "", "")
    again = program()
    assert "scenario drifted" in again.process.stdout.readline() and witness(tmp_path) == [[None]]
    assert again.end(signal.SIGTERM) == (0, "", "")
    code, _out, err = program("--scenario", "healthy").end()
    assert code == 1 and "holds the scenario drifted: --reset begins anew" in err
    anew = program("--scenario", "healthy", "--reset")
    assert "scenario healthy" in anew.process.stdout.readline() and witness(tmp_path) == [["Cluster Disk 1"]]
    assert anew.end(signal.SIGTERM)[0] == 0


def test_it_listens_on_loopback_only_and_keeps_its_keys_to_itself(program, tmp_path):
    running = program()
    running.process.stdout.readline()
    mine = {str(link.readlink()) for link in Path(f"/proc/{running.process.pid}/fd").iterdir()}
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in mine}
    assert listening == {"0100007F"}
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    for name in ("good.pem", "users.ntlm"):
        assert (tmp_path / "state" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("option", ["--port", "--https-port", "--sql-port"])
def test_it_says_who_holds_a_port(program, option):
    holder = socket.create_server(("127.0.0.1", 0))
    port = str(holder.getsockname()[1])
    with holder:
        code, out, err = program(option, port).end()
    assert (code, out) == (1, "") and re.match(rf"Port {port} on 127\.0\.0\.1 is taken by process \d+ \(.+\)\. ", err)


def test_hostile_names_travel_through_everything(console_of):
    odd = "a'b\"c$(x)`[d]\u202eé\U0001f600 ]"
    console = console_of({"users": {"admin": {"password": "x"}}, "hosts": {"n1": {}, "n2": {}},
                          "clusters": {"CLU": {"nodes": ["n1", "n2"], "dtc": odd, "sso": odd + "2"}}})
    fc = "FailoverClusters\\"
    assert odd in [group.properties["Name"] for group in console.ok("n1", fc + "Get-ClusterGroup")]
    dtc, = console.ok("n1", fc + "Get-ClusterResource", Name=[f"MSDTC-{odd}"])
    expression = console.ok("n1", fc + "Get-ClusterResourceDependency", dtc)[0].properties["DependencyExpression"]
    console.ok("n1", fc + "Set-ClusterResourceDependency", dtc, Dependency="")
    console.ok("n1", fc + "Set-ClusterResourceDependency", dtc, Dependency=expression)
    assert console.ok("n1", fc + "Get-ClusterResourceDependency", dtc)[0].properties["DependencyExpression"] == expression
    answer, = console.steps("n1", {"call": fc + "Get-ClusterGroup", "select": ["Name"]})
    assert [odd] in answer["runs"][0]["items"]
