"""The lab's WS-Management with clients that know nothing of it: pywinrm, and Ansible's own winrm plugin."""
from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import requests
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError

from lab import batch, inventory, operator, wsman

NODES = {"call": r"FailoverClusters\Get-ClusterNode", "select": ["Name", "State"]}
BOTH = [["BTS01", {"$enum": [0, "Up"]}], ["BTS02", {"$enum": [0, "Up"]}]]


@pytest.mark.parametrize("options", [
    {}, {"transport": "ntlm"}, {"transport": "ntlm", "https": True}, {"https": True, "address": "localhost"},
    {"user": "vagrant", "password": "vagrant"}, {"user": "vagrant", "password": "vagrant", "transport": "ntlm"},
], ids=["basic", "ntlm encrypted", "ntlm over https", "basic over https", "local basic", "local ntlm"])
def test_every_way_in_gives_the_same_answer(wire, options):
    host, answer, end = wire.batch("bts01", NODES, **options)
    assert answer["steps"][0]["runs"] == [{"items": BOTH, "errors": [], "warnings": []}]
    assert host["user"] == {"vagrant": r"BTS01\vagrant"}.get(options.get("user"), r"CONTOSO\svc-audit")
    assert end["lines"] == 2


def test_nothing_travels_in_clear_where_messages_are_encrypted(wire, monkeypatch):
    bodies = []
    send = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", lambda self, request, **more: bodies.append(request.body) or send(self, request, **more))
    wire.batch("bts01", NODES, transport="ntlm")
    sent = b"".join(body if isinstance(body, bytes) else (body or "").encode() for body in bodies)
    assert b"Encrypted Boundary" in sent and b"Envelope" not in sent


@pytest.mark.parametrize("transport", ["basic", "ntlm"])
@pytest.mark.parametrize("user, password", [(r"CONTOSO\svc-audit", "wrong"), (r"CONTOSO\nobody", "Lab-only-1")])
def test_a_wrong_user_or_password_is_a_401(wire, transport, user, password):
    with pytest.raises(InvalidCredentialsError):
        wire.batch("bts01", NODES, transport=transport, user=user, password=password)


def test_a_right_that_is_not_there_is_a_fault_and_no_401(wire):
    wire.lab.call(wire.lab.state.users["vagrant"].__setitem__, "remote", False)
    with pytest.raises(WSManFaultError) as caught:
        wire.batch("bts01", NODES, user="vagrant", password="vagrant", transport="ntlm")
    assert str(caught.value.wsman_fault_code) == "2147942405" and caught.value.code == 500


@pytest.mark.parametrize("kind", ["untrusted", "wrong_name", "expired"])
def test_a_broken_certificate_is_refused_by_a_client_that_validates(wire, kind):
    port = wire.lab.call(wire.lab.broken_tls, kind)
    with pytest.raises(requests.exceptions.SSLError):
        wire.batch("sql01", NODES, https=True, port=port)


def test_a_body_of_another_session_is_a_400(wire):
    response = requests.post(f"http://127.0.0.1:{wire.lab.port}/wsman/bts01", b"--Encrypted Boundary\r\nxx", timeout=5, headers={
        "Content-Type": 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'})
    assert response.status_code == 400


def test_an_unknown_host_is_a_404_and_a_shell_that_is_gone_its_own_fault(wire):
    assert requests.post(f"http://127.0.0.1:{wire.lab.port}/wsman/nowhere", timeout=5).status_code == 404
    with pytest.raises(WSManFaultError) as caught:
        wire.protocol("bts01").run_command("8C42B25D-8662-4807-9A0E-03472CD440A3", "x")
    assert str(caught.value.wsman_fault_code) == "2150858843"


@pytest.mark.parametrize("kilobytes", [4, 32, 110])
def test_output_comes_in_blocks_and_the_first_receive_of_a_short_command_has_it_all(serve, kilobytes):
    wire = serve(block=kilobytes * 1024)
    everything = [{"call": r"FailoverClusters\Get-ClusterResource", "select": ["Name", "Cluster.Name", "OwnerGroup.Id", "Id"]}] * 20
    lines = wire.batch("bts01", *everything)
    size = len("".join(json.dumps(line, separators=(",", ":")) + "\r\n" for line in lines))
    receives = wire.lab.stats["bts01"]["actions"]["Receive"]
    assert receives == -(-size // (kilobytes * 1024))
    assert receives > 1 or kilobytes > 4


def test_requests_bytes_and_starts_are_counted_a_host(wire):
    wire.batch("bts01", NODES)
    counted = json.load(urllib.request.urlopen(f"http://127.0.0.1:{wire.lab.port}/stats", timeout=5))
    assert counted["bts01"]["actions"] == dict.fromkeys(("Create", "Command", "Send", "Receive", "Signal", "Delete"), 1)
    assert counted["bts01"]["starts"] == 1 and counted["bts01"]["bytes_up"] > 5000 < counted["bts01"]["bytes_down"]
    assert set(counted) == {"bts01"}


def test_the_control_api_plants_faults_and_refuses_what_it_does_not_know(wire):
    def post(what, **body):
        request = urllib.request.Request(f"http://127.0.0.1:{wire.lab.port}/control/{what}", json.dumps(body).encode())
        return json.load(urllib.request.urlopen(request, timeout=5))
    post("fault", host="bts01", kind="fault", at="Create", code=2150859173)
    with pytest.raises(WSManFaultError) as caught:
        wire.batch("bts01", NODES)
    assert str(caught.value.wsman_fault_code) == "2150859173"
    post("clear", host="bts01")
    assert len(wire.batch("bts01", NODES)) == 3
    assert post("clock", seconds=90) == "2026-11-24T08:01:30.0000000Z"
    for what, body, status in (("fault", {"host": "bts01", "kind": "earthquake"}, 400), ("nothing", {}, 404)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(what, **body)
        assert refused.value.code == status


def test_a_command_that_takes_longer_than_the_operation_timeout_answers_the_timeout_fault_first(wire):
    wire.lab.call(wire.lab.fault, "bts01", "delay", seconds=1.4)
    assert len(wire.batch("bts01", NODES, operation_timeout_sec=1, read_timeout_sec=3)) == 3
    assert wire.lab.stats["bts01"]["actions"]["Receive"] == 2


def test_faults_strike_where_they_are_planted_and_as_often_as_asked(wire):
    def strikes(kind, error, **options):
        wire.lab.call(wire.lab.fault, "bts01", kind, times=1, **options)
        with pytest.raises(error):
            wire.batch("bts01", NODES)
        assert len(wire.batch("bts01", NODES)) == 3
    strikes("reset", requests.exceptions.ConnectionError)
    strikes("reset", requests.exceptions.ConnectionError, at="Create")
    strikes("refuse", requests.exceptions.ConnectionError)
    strikes("http", WinRMTransportError, status=503)
    strikes("fault", WSManFaultError, code=2147942405)
    strikes("password", InvalidCredentialsError)
    wire.lab.call(wire.lab.fault, "bts01", "hang", at="Command", times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        wire.batch("bts01", NODES, operation_timeout_sec=1, read_timeout_sec=2)


def test_faults_of_the_answer_change_the_streams_only(wire):
    def streams(kind, **options):
        wire.lab.call(wire.lab.clear)
        wire.lab.call(wire.lab.fault, "bts01", kind, **options)
        return operator.execute(wire.protocol("bts01"), *operator.request([{"area": "a", "steps": [{"id": "n", **NODES}]}]))
    whole = len(operator.execute(wire.protocol("bts01"), *operator.request([{"area": "a", "steps": [{"id": "n", **NODES}]}]))[0])
    assert 0 < len(streams("half")[0]) < whole
    assert streams("noise")[0].startswith(b"Loading profile") and len(streams("noise")[0]) > whole
    assert streams("clixml")[1].startswith(b"#< CLIXML")
    assert json.loads(streams("cut_executor")[0]) == {"bft": "", "kind": "refused", "reason": "cut"}


def encoded(text, prefix=batch.PREFIX):
    return prefix + base64.b64encode(text.encode("utf-16-le")).decode()


@pytest.mark.parametrize("line, told", [
    (encoded("Get-Date"), b"answers only"),
    (encoded(encoded("hostname")), b"PowerShell inside PowerShell"),
    ("PowerShell -EncodedCommand " + encoded("hostname"), b"PowerShell inside PowerShell"),
    (encoded("hostname", batch.PREFIX.replace("Unrestricted", "Bypass")), b"does not begin with"),
    (encoded(batch.bootstrap(), batch.PREFIX.lower().replace("encodedcommand", "EncodedCommand")), b"does not begin with"),
    (batch.PREFIX + "%%%", b"not base64"),
], ids=["another text", "nested", "nested outside", "another policy", "bootstrap in lower case", "no base64"])
def test_a_command_line_that_is_not_ours_is_refused_and_counted(wire, line, told):
    stdout, stderr, code = operator.execute(wire.protocol("bts01"), line, None)
    assert (stdout, code) == (b"", 1) and told in stderr
    assert wire.lab.stats["bts01"]["refused_commands"] == 1


@pytest.mark.parametrize("spelling", ["PowerShell", "powershell"])
def test_raw_hostname_is_answered_in_both_spellings(wire, spelling):
    line = encoded("hostname", batch.PREFIX.replace("PowerShell", spelling))
    assert operator.execute(wire.protocol("sql02"), line, None) == (b"SQL02\r\n", b"", 0)


@pytest.mark.parametrize("change, told", [
    (lambda text: text[:-20], "cut"), (lambda text: text.replace(b"BFT1 ", b"BFT1 1"), "cut"), (lambda text: b"", "cut"),
    (lambda text: text + b"\n", "cut"), (lambda text: text.rstrip(b"\n"), None),
], ids=["short", "wrong length", "nothing", "a line too many", "without the last line feed"])
def test_the_lengths_of_the_input_are_checked(wire, change, told):
    line, stdin = operator.request([{"area": "a", "steps": [{"id": "n", **NODES}]}])
    stdout, stderr, code = operator.execute(wire.protocol("bts01"), line, change(stdin))
    if told:
        assert [json.loads(text) for text in stdout.splitlines()] == [{"bft": "", "kind": "refused", "reason": told}]
    else:
        assert len(operator.answers(stdout)) == 3


def test_input_that_is_not_ascii_is_refused(wire):
    line, stdin = operator.request([{"area": "a", "steps": []}], executor="# ue")
    _stdout, stderr, code = operator.execute(wire.protocol("bts01"), line, stdin.replace(b"# ue", "# \u00fc".encode()))
    assert code == 1 and b"not pure ASCII" in stderr


def test_a_restricted_language_mode_answers_its_fixed_line(wire):
    wire.lab.call(wire.lab.state.hosts["bts01"].__setitem__, "language_mode", "ConstrainedLanguage")
    stdout, _stderr, _code = operator.execute(wire.protocol("bts01"), *operator.request([{"area": "a", "steps": []}]))
    assert stdout == b'{"bft":"","kind":"refused","reason":"language_mode"}\r\n'


def test_a_host_that_is_shut_down_finishes_its_answer_and_then_is_gone(wire):
    stop = {"call": r"Microsoft.PowerShell.Management\Stop-Computer", "with": {"Force": True}}
    assert wire.batch("iis01", stop)[1]["steps"][0]["status"] == "ok"
    with pytest.raises(requests.exceptions.ConnectionError):
        wire.batch("iis01", NODES)
    assert len(wire.batch("bts01", NODES)) == 3


def test_ansibles_own_plugin_reaches_every_host_of_the_written_inventory(wire, tmp_path):
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(inventory.text(wire.plan, wire.lab.port, wire.lab.https_port, wire.lab.ca, wire.lab.sql_ports), encoding="utf-8")
    done = subprocess.run([str(Path(sys.executable).with_name("ansible")), "-i", str(hosts), "all:!sql_instance", "-m", "ansible.builtin.raw",
                           "-a", "hostname"],
                          cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "LANG": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    for name in wire.plan["estate"]["hosts"]:
        assert f"{name} | CHANGED | rc=0 >>\n{name.upper()}\n" in done.stdout
    assert {host: stats["starts"] for host, stats in wire.lab.stats.items()} == dict.fromkeys(wire.plan["estate"]["hosts"], 1)


def test_an_envelope_that_is_none_is_a_fault():
    for text in (b"", b"<a>", b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'/>"):
        with pytest.raises(wsman.Fault) as caught:
            wsman.Request.parse(text)
        assert caught.value.code == 2150858767
