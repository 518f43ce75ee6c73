"""SOAP answers of the field, given to Ansible's own winrm plugin and pywinrm over a transport that only replays them."""

from __future__ import annotations

import base64
import re

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from winrm.exceptions import WinRMTransportError

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.batch import call
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host

FILE = "winrm/exchanges.jsonl"
AREAS = {"cluster": [call("n", r"FailoverClusters\Get-ClusterNode", select=["Name"])]}
ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header><a:RelatesTo>{id}</a:RelatesTo></s:Header>'
    '<s:Body>{body}</s:Body></s:Envelope>'
)
BODIES = {
    "Create": '<rsp:Shell><x Name="ShellId">1</x></rsp:Shell>',
    "Command": "<rsp:CommandId>2</rsp:CommandId>",
    "Send": "",
    "Signal": "",
    "Delete": "",
    "Receive": '<rsp:Stream Name="stdout">{stdout}</rsp:Stream><rsp:CommandState State="x/CommandState/Done"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>',
}


class Replay:
    """pywinrm's transport: answers every request well, but for those that *scripted* has answers for."""

    def __init__(self, scripted):
        self.scripted, self.seen = {action: list(texts) for action, texts in scripted.items()}, []

    def send_message(self, message):
        text = message.decode() if isinstance(message, bytes) else message
        action = re.search(r"Action[^>]*>([^<]*)<", text)[1].rsplit("/", 1)[-1]
        self.seen.append(action)
        if self.scripted.get(action):
            answer = self.scripted[action].pop(0)
            if "Fault>" in answer:
                raise WinRMTransportError("http", 500, answer)
            return answer.encode()
        id = re.search(r"MessageID[^>]*>([^<]*)<", text)[1]
        return ENVELOPE.format(id=id, body=BODIES[action].format(stdout=base64.b64encode(b"noise\r\n").decode())).encode()

    def close_session(self):
        self.seen.append("close")


def connection(scripted, monkeypatch):
    """Ansible's winrm plugin with the replaying transport inside."""
    import winrm.protocol

    transport = Replay(scripted)
    monkeypatch.setattr(winrm.protocol, "Transport", lambda **_options: transport)
    plugin = connection_loader.get("winrm", PlayContext())
    plugin.set_options(
        var_options={
            "ansible_host": "127.0.0.1",
            "ansible_user": "u",
            "ansible_password": "p",
            "ansible_winrm_transport": ["plaintext"],
            "ansible_winrm_scheme": "http",
            "ansible_port": 5985,
            "_extras": {},
        }
    )
    return plugin, transport


@pytest.fixture
def records(field_records):
    return field_records(FILE)


def test_records_that_say_what_they_answer_end_as_they_say(records, monkeypatch):
    judged = 0
    for record in records:
        if "answers" not in record:
            continue
        plugin, transport = connection({record["answers"]: [record["text"]]}, monkeypatch)
        code = record["object"]["wsman_code"]
        if code == 2150858793:
            # A timeout of the operation is no end: the plugin asks again, and the second answer is the whole one.
            with pytest.raises(host.HostFailed, match="no answer of ours"):
                host.run(plugin, AREAS, record["id"])
            assert transport.seen.count("Receive") == 2, record["id"]
        else:
            with pytest.raises(host.HostFailed) as caught:
                host.run(plugin, AREAS, record["id"])
            assert caught.value.code == code and caught.value.sent, record["id"]
        assert transport.seen[:3] == ["Create", "Command", "Send"]
        judged += 1
    assert judged == sum("answers" in record for record in records) > 0


def test_every_other_fault_ends_as_a_failure_with_its_number(records, monkeypatch):
    faults = [r for r in records if isinstance(r["object"], dict) and "wsman_code" in r["object"] and "answers" not in r]
    assert faults
    for record in faults:
        plugin, _transport = connection({"Command": [record["text"]]}, monkeypatch)
        with pytest.raises(host.HostFailed) as caught:
            host.run(plugin, AREAS, record["id"])
        assert caught.value.code == record["object"]["wsman_code"], record["id"]


def test_an_access_denied_of_the_create_is_a_failure_not_a_wrong_password(records, monkeypatch):
    record = next(r for r in records if isinstance(r["object"], dict) and "wsmanfault_code" in r["object"])
    fault = ENVELOPE.format(
        id="x",
        body="<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>?</s:Text></s:Reason><s:Detail>"
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{record["object"]["wsmanfault_code"]}"/></s:Detail></s:Fault>',
    )
    plugin, _transport = connection({"Create": [fault]}, monkeypatch)
    with pytest.raises(host.HostFailed, match="Remote Management Users") as caught:
        host.run(plugin, AREAS, "sql01")
    assert caught.value.code == record["object"]["wsmanfault_code"] and caught.value.sent is False


def test_answers_of_short_commands_are_read_whole(records, monkeypatch):
    """Several Stream elements, End flags and Done in one Receive: the text is what the record says."""
    received = [r for r in records if r["topic"] == "winrs-receive"]
    assert received
    for record in received:
        scripted = {action: [r["text"] for r in records if r["topic"] == f"winrs-{action.lower()}"][:1] for action in ("Command", "Send")}
        plugin, _transport = connection({**scripted, "Receive": [record["text"]]}, monkeypatch)
        plugin._connect()
        rc, stdout, _stderr = plugin.exec_command(host.COMMAND, in_data=b"x", sudoable=False)
        said = "".join(stream["data"] for stream in record["object"]["streams"] if stream["name"] == "stdout")
        assert (rc, stdout.decode()) == (record["object"]["exit_code"], said), record["id"]


def test_the_plugin_passes_the_command_through_as_it_is(monkeypatch):
    plugin, transport = connection({}, monkeypatch)
    sent = []
    monkeypatch.setattr(transport, "send_message", lambda message, send=transport.send_message: sent.append(message) or send(message))
    with pytest.raises(host.HostFailed):
        host.run(plugin, AREAS, "sql01")
    command = next(str(message) for message in sent if "shell/Command<" in str(message))
    assert host.COMMAND.rsplit(" ", 1)[1] in command and command.count("-EncodedCommand") == 1
    assert transport.seen == ["Create", "Command", "Send", "Receive", "Signal"]


def test_records_without_a_reader_are_listed(records):
    listed = {
        r["id"]: "PSRP, spoken by pypsrp and not by us" if r["topic"].startswith("psrp") else "no SOAP answer"
        for r in records
        if "answers" not in r
        and not r["topic"].startswith("winrs-")
        and not (isinstance(r["object"], dict) and {"wsman_code", "wsmanfault_code"} & set(r["object"]))
    }
    print("\n".join(f"{FILE} {id}: {why}" for id, why in listed.items()))
    assert len(listed) < len(records)


def test_connection_failures_of_the_plugin_are_what_the_host_expects(monkeypatch):
    plugin, transport = connection({}, monkeypatch)
    monkeypatch.setattr(transport, "send_message", lambda message: (none for none in ()).throw(WinRMTransportError("http", 404, "not here")))
    with pytest.raises(host.HostUnreachable, match="does not speak WinRM") as caught:
        host.run(plugin, AREAS, "sql01")
    assert isinstance(caught.value.__cause__, AnsibleConnectionFailure)
