"""The host connection on a connection that fails in every way that Ansible's own winrm plugin can."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree

import pytest
import requests
import winrm.exceptions
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

AREAS = {"cluster": [call("n", r"FailoverClusters\Get-ClusterNode", select=["Name"])]}
FOREIGN = re.compile(r"[A-Z]\w+(Error|Exception|Failure|Timeout)\b|Traceback|CLIXML|<class|object at 0x|HTTPConnectionPool|Errno", re.ASCII)


class Connection:
    """A connection plugin: *connect* and *answer* may be an exception; *answer* may be a function of standard input."""

    def __init__(self, answer=b"", connect=None):
        self.connected, self.answer, self.connect, self.calls = False, answer, connect, []

    def _connect(self):
        if self.connect:
            raise self.connect
        self.connected = True

    def exec_command(self, cmd, in_data=None, sudoable=True):
        self.calls.append((cmd, in_data, sudoable))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return 1, self.answer(in_data) if callable(self.answer) else self.answer, b"#< CLIXML\r\n<Objs>progress</Objs>"


def whole(stdin):
    """What a host answers: its own line and the one area."""
    token = json.loads(stdin.splitlines()[-1])["bft"]
    lines = [
        json.dumps(line, separators=(",", ":"))
        for line in (
            {"bft": token, "kind": "host", "edition": "Desktop"},
            {
                "bft": token,
                "kind": "area",
                "area": "cluster",
                "seconds": 0.1,
                "steps": [{"id": "n", "status": "ok", "runs": [{"items": [["n1"]], "errors": [], "warnings": []}]}],
            },
        )
    ]
    digest = host.answers.hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return "\r\n".join([*lines, json.dumps({"bft": token, "kind": "end", "lines": 2, "sha256": digest}, separators=(",", ":"))]).encode()


def refused(reason):
    return json.dumps({"bft": "", "kind": "refused", "reason": reason}, separators=(",", ":")).encode()


def fault(code=None, wmi=None, subcode="w:InternalError"):
    return winrm.exceptions.WSManFaultError(
        500, "Bad HTTP response returned from server. Code 500", "<xml/>", "Said in some language.", "s:Receiver", subcode, code, wmi
    )


def test_one_command_with_standard_input_and_the_answer_counts_whatever_rc_and_stderr_say():
    connection = Connection(whole)
    seen = host.run(connection, AREAS, "sql01")
    assert seen.complete and seen.areas["cluster"].steps["n"].rows() == [{"Name": "n1"}]
    ((command, stdin, sudoable),) = connection.calls
    assert command == host.COMMAND and command.startswith(
        "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "
    )
    assert stdin.isascii() and stdin.startswith(b"BFT1 ") and b"\r" not in stdin and sudoable is False


def test_each_run_has_a_token_of_its_own():
    connection = Connection(whole)
    host.run(connection, AREAS, "sql01")
    host.run(connection, AREAS, "sql01")
    assert connection.calls[0][1].splitlines()[-1] != connection.calls[1][1].splitlines()[-1]


def test_half_an_answer_is_returned_as_half():
    seen = host.run(Connection(lambda stdin: whole(stdin).splitlines()[0]), AREAS, "sql01")
    assert seen.cut == ["cluster"] and not seen.complete and seen.host["edition"] == "Desktop"


CONNECT = [
    ("basic: the specified credentials were rejected by the server", "user name or password"),
    (
        "ssl: HTTPSConnectionPool(host='h', port=5986): Max retries exceeded with url: /wsman (Caused by SSLError(SSLCertVerificationError(1, "
        "'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)')))",
        "TLS",
    ),
    (
        "kerberos: HTTPConnectionPool(host='h', port=1): Max retries exceeded with url: /wsman (Caused by NewConnectionError('<urllib3.connection."
        "HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
        "nothing listens",
    ),
    (
        "ntlm: HTTPConnectionPool(host='h', port=1): Max retries exceeded (Caused by NameResolutionError(\"Failed to resolve 'h' "
        '([Errno -2] Name or service not known)"))',
        "name is not known",
    ),
    ("ssl: HTTPConnectionPool(host='h', port=5985): Read timed out. (read timeout=30)", "in time"),
    ("certificate: ", "in time"),
    ("basic: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "was cut"),
    ("Kerberos auth failure for principal a@B with subprocess: kinit: Password incorrect", "Kerberos"),
    ("basic: Bad HTTP response returned from server. Code 404", "does not speak WinRM"),
    ("something new", "reported an error"),
]


@pytest.mark.parametrize("text,words", CONNECT)
def test_no_connection_is_unreachable_in_words(text, words):
    with pytest.raises(host.HostUnreachable) as caught:
        host.run(Connection(connect=AnsibleConnectionFailure(text)), AREAS, "sql01", changing=True)
    message = caught.value.message
    assert words in message and "sql01" in message and caught.value.sent is False
    assert not FOREIGN.search(message) and "not known: read" not in message


MIDWAY = [
    (
        AnsibleConnectionFailure("winrm connection error: HTTPConnectionPool(host='h', port=5985): Read timed out. (read timeout=30)"),
        "in time",
    ),
    (requests.exceptions.ConnectionError("('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"), "was cut"),
    (requests.exceptions.ReadTimeout("Read timed out"), "in time"),
    (winrm.exceptions.WinRMTransportError("http", 503, "busy"), "does not speak WinRM"),
    (winrm.exceptions.InvalidCredentialsError("the specified credentials were rejected by the server"), "password"),
    (xml.etree.ElementTree.ParseError("no element found: line 1, column 0"), "does not speak WinRM"),
    (ConnectionResetError(104, "Connection reset by peer"), "was cut"),
]


@pytest.mark.parametrize("raised,words", MIDWAY)
@pytest.mark.parametrize("changing", [False, True])
def test_a_loss_midway_is_unreachable_and_leaves_a_change_unknown(raised, words, changing):
    with pytest.raises(host.HostUnreachable) as caught:
        host.run(Connection(raised), AREAS, "sql01", changing=changing)
    message = caught.value.message
    assert words in message and caught.value.sent is True and not FOREIGN.search(message)
    assert ("Whether a change was made is not known" in message) is changing
    assert caught.value.__cause__ is raised


FAILED = [
    (fault(2147942405), 2147942405, "Remote Management Users"),
    (fault(5), 5, "Remote Management Users"),
    (fault(2150858843), 2150858843, "shell on the host was gone"),
    (fault(wmi=2150859173, subcode="w:QuotaLimit"), 2150859173, "quota"),
    (fault(2150859174), 2150859174, "quota"),
    (fault(1460), 1460, "timeout"),
    (fault(87), 87, "parameter"),
    (fault(2150858811), 2150858811, "2150858811 (0x8033803B)"),
    (fault(), None, "no number"),
    (AnsibleError("winrm send_input failed; \nstdout: \nstderr #< CLIXML"), None, "could not be sent whole"),
    (AttributeError("'NoneType' object has no attribute 'text'"), None, "failed on the controller"),
]


@pytest.mark.parametrize("raised,code,words", FAILED)
def test_a_fault_is_a_failure_of_a_host_that_answers(raised, code, words):
    with pytest.raises(host.HostFailed) as caught:
        host.run(Connection(raised), AREAS, "sql01", changing=True)
    assert caught.value.code == code and caught.value.sent is True
    assert words in caught.value.message and not FOREIGN.search(caught.value.message) and "not known: read" in caught.value.message


@pytest.mark.parametrize(
    "raised,code,words",
    [(fault(2147942405), 2147942405, "Remote Management"), (fault(wmi=2150859173, subcode="w:QuotaLimit"), None, "quota")],
)
def test_a_fault_while_connecting_is_known_by_its_number_too(raised, code, words):
    """The plugin turns every exception of Create into text."""
    with pytest.raises(host.HostFailed) as caught:
        host.run(Connection(connect=AnsibleConnectionFailure(f"basic: {raised}")), AREAS, "sql01")
    assert caught.value.code == code and words in caught.value.message and caught.value.sent is False


def test_a_controller_without_pywinrm_is_told_so():
    with pytest.raises(host.HostFailed, match="install pywinrm"):
        host.run(Connection(connect=AnsibleError("winrm or requests is not installed: No module named 'winrm'")), AREAS, "sql01")


@pytest.mark.parametrize(
    "stdout,words",
    [
        (refused("language_mode"), "FullLanguage"),
        (refused("cut"), "cut off"),
        (b"", "no answer of ours"),
        (b"'PowerShell' is not recognized as an internal or external command", "no answer of ours"),
    ],
)
def test_a_host_that_does_not_run_the_batch_failed(stdout, words):
    with pytest.raises(host.HostFailed) as caught:
        host.run(Connection(stdout), AREAS, "sql01")
    assert words in caught.value.message and "sql01" in caught.value.message and not FOREIGN.search(caught.value.message)


def test_nothing_that_was_refused_leaves_a_change_in_doubt():
    for reason in ("language_mode", "cut"):
        with pytest.raises(host.HostFailed) as caught:
            host.run(Connection(refused(reason)), AREAS, "sql01", changing=True)
        assert caught.value.sent is False and "not known" not in caught.value.message


def test_what_is_no_error_of_the_connection_passes_through():
    with pytest.raises(KeyboardInterrupt):
        host.run(Connection(KeyboardInterrupt()), AREAS, "sql01")


def test_progress_beats_while_the_host_works_and_stops_with_it():
    beats = []

    def slow(stdin):
        time.sleep(1.3)
        return whole(stdin)

    host.run(Connection(slow), AREAS, "sql01", progress=beats.append)
    assert len(beats) == 1 and 1.0 <= beats[0] < 1.3
    with pytest.raises(host.HostUnreachable):
        host.run(Connection(connect=AnsibleConnectionFailure("x")), AREAS, "sql01", progress=beats.append)
    assert not [
        thread
        for thread in host.threading.enumerate()
        if thread is not host.threading.main_thread() and thread.daemon and "_work" in thread.name
    ]


def test_become_is_refused_in_one_paragraph_that_names_what_works():
    sentence = host.refuse_become("winrm", True)
    assert all(word in sentence for word in ("Kerberos delegation", "CredSSP", "RunAs", "gMSA", "another connection account", "not tested"))
    assert host.refuse_become("winrm", False) is None


def test_no_foreign_library_is_imported():
    source = host.EXECUTOR.with_name("host.py").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|from) (winrm|requests|pypsrp|urllib3)", source, re.MULTILINE)
