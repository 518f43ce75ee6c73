"""WS-Management for remote shells: Create, Command, Send, Receive, Signal, Delete of one host, without any HTTP.

Envelopes, faults and the first Receive that carries everything follow recorded exchanges (DMTF DSP0226, MS-WSMV).
"""
from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
ACTIONS = {NS["x"] + "/Create": "Create", NS["x"] + "/Delete": "Delete",
           **{f"{NS['rsp']}/{name}": name for name in ("Command", "Send", "Receive", "Signal")}}
FAULTS = {  # code: (s:Code, subcode, text)
    2150858793: ("s:Receiver", "w:TimedOut", "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  "),
    2150858843: ("s:Sender", "w:InvalidSelectors", "The request contained invalid selectors for the resource. "),
    2150858767: ("s:Sender", "a:InvalidMessageInformationHeader", "A header of the request is not valid. "),
    2147942405: ("s:Receiver", "w:InternalError", "Access is denied.  "),
    2150859173: ("s:Sender", "w:QuotaLimit", "The maximum number of concurrent shells for this user has been exceeded. "),
    87: ("s:Sender", "w:InvalidParameter", "The parameter is incorrect. "),
}
STREAM_PIECE = 16384


@dataclass
class Result:
    """What a command line came to: bytes of both streams, exit code, seconds until all of it is there."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    seconds: float = 0.0


@dataclass
class Command:
    line: str
    stdin: bytearray = field(default_factory=bytearray)
    result: Result | None = None
    done_at: float = 0.0
    sent: dict = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def finish(self, result):
        self.result, self.done_at = result, time.monotonic() + result.seconds
        self.finished.set()


class Fault(Exception):
    def __init__(self, code, detail=""):
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass
class Request:
    """An envelope as far as a shell needs it. Raises Fault when it is none."""

    action: str
    message_id: str
    timeout: float
    envelope_size: int
    shell_id: str
    options: dict
    body: ET.Element
    resource: str

    @classmethod
    def parse(cls, text):
        try:
            root = ET.fromstring(text)
        except ET.ParseError as error:
            raise Fault(2150858767, "The envelope is no XML.") from error
        header, body = root.find("s:Header", NS), root.find("s:Body", NS)
        if header is None or body is None:
            raise Fault(2150858767, "The envelope has no header or no body.")
        action = ACTIONS.get((header.findtext("a:Action", "", NS)).strip())
        if action is None:
            raise Fault(2150858767, "The lab does not know this action.")
        seconds = re.fullmatch(r"PT([\d.]+)S", header.findtext("w:OperationTimeout", "PT60S", NS).strip())
        return cls(action, header.findtext("a:MessageID", "", NS).strip(), float(seconds[1]) if seconds else 60.0,
                   int(header.findtext("w:MaxEnvelopeSize", "153600", NS)),
                   header.findtext("w:SelectorSet/w:Selector[@Name='ShellId']", "", NS).strip(),
                   {option.get("Name"): option.text for option in header.iterfind("w:OptionSet/w:Option", NS)}, body,
                   header.findtext("w:ResourceURI", "", NS).strip())


def envelope(action, relates_to, body):
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
    relates = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (f'<s:Envelope xml:lang="en-US" {spaces}><s:Header><a:Action>{action}</a:Action>'
            f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
            f"<a:To>{NS['a']}/role/anonymous</a:To>{relates}</s:Header><s:Body>{body}</s:Body></s:Envelope>").encode()


def fault(code, relates_to="", detail=""):
    """The envelope of a fault; it travels with HTTP status 500."""
    value, subcode, text = FAULTS.get(code, ("s:Receiver", "w:InternalError", "The request failed. "))
    text = escape(detail or text)
    base = NS["a"] if subcode.startswith("a:") else "http://schemas.dmtf.org/wbem/wsman/1/wsman"
    return envelope(base + "/fault", relates_to, (
        f"<s:Fault><s:Code><s:Value>{value}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine="127.0.0.1">'
        f"<f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>"))


def created(resource, shell_id):
    """The body that answers Create: where the new shell is found."""
    return (f"<x:ResourceCreated><a:Address>http://127.0.0.1/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{resource}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>')


class Shells:
    """The shells of one host. *run(line, stdin, user)* carries a command line out and answers a Result."""

    def __init__(self, run, block=110 * 1024):
        self.run, self.block = run, block
        self.shells = {}

    async def answer(self, request, user):
        """The answer's envelope. Raises Fault."""
        if request.action == "Create":
            shell_id = str(uuid.uuid4()).upper()
            self.shells[shell_id] = {}
            return envelope(NS["x"] + "/CreateResponse", request.message_id, created(NS["rsp"] + "/cmd", shell_id))
        commands = self.shells.get(request.shell_id)
        if commands is None:
            raise Fault(2150858843)
        return await getattr(self, "_" + request.action.lower())(request, commands, user)

    async def _command(self, request, commands, user):
        parts = [part.text or "" for part in request.body.iterfind("rsp:CommandLine/*", NS)]
        command_id = str(uuid.uuid4()).upper()
        command = commands[command_id] = Command(" ".join(part for part in parts if part))
        if request.options.get("WINRS_CONSOLEMODE_STDIN") == "TRUE":
            command.finish(self.run(command.line, None, user))
        return envelope(NS["rsp"] + "/CommandResponse", request.message_id,
                        f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>")

    async def _send(self, request, commands, user):
        for stream in request.body.iterfind("rsp:Send/rsp:Stream", NS):
            command = _known(commands, stream.get("CommandId"))
            try:
                command.stdin += base64.b64decode(stream.text or "", validate=True)
            except binascii.Error as error:
                raise Fault(87) from error
            if stream.get("End", "").lower() in ("true", "1"):
                command.finish(self.run(command.line, bytes(command.stdin), user))
        return envelope(NS["rsp"] + "/SendResponse", request.message_id, "<rsp:SendResponse/>")

    async def _receive(self, request, commands, user):
        command_id = request.body.find("rsp:Receive/rsp:DesiredStream", NS).get("CommandId")
        command = _known(commands, command_id)
        until = time.monotonic() + request.timeout
        try:
            await asyncio.wait_for(command.finished.wait(), request.timeout)
        except TimeoutError as error:
            raise Fault(2150858793) from error
        if command.done_at > until:
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            raise Fault(2150858793)
        await asyncio.sleep(max(0.0, command.done_at - time.monotonic()))
        return envelope(NS["rsp"] + "/ReceiveResponse", request.message_id,
                        f"<rsp:ReceiveResponse>{self._output(command, command_id, request.envelope_size)}</rsp:ReceiveResponse>")

    def _output(self, command, command_id, envelope_size):
        room = min(self.block, max(1, (envelope_size - 2500) * 3 // 4))
        parts, identity = [], f"CommandId={quoteattr(command_id)}"
        for name, data in (("stdout", command.result.stdout), ("stderr", command.result.stderr)):
            start = command.sent[name]
            taken = data[start:start + room]
            room -= len(taken)
            command.sent[name] += len(taken)
            parts += [f'<rsp:Stream Name="{name}" {identity}>{base64.b64encode(taken[at:at + STREAM_PIECE]).decode()}</rsp:Stream>'
                      for at in range(0, len(taken), STREAM_PIECE)]
        whole = all(command.sent[name] == len(getattr(command.result, name)) for name in command.sent)
        if whole:
            parts += [f'<rsp:Stream Name="{name}" {identity} End="true"></rsp:Stream>' for name in command.sent]
        state = f"{NS['rsp']}/CommandState/{'Done' if whole else 'Running'}"
        code = f"<rsp:ExitCode>{command.result.exit_code}</rsp:ExitCode>" if whole else ""
        return "".join(parts) + f'<rsp:CommandState {identity} State="{state}">{code}</rsp:CommandState>'

    async def _signal(self, request, commands, user):
        signal = request.body.find("rsp:Signal", NS)
        commands.pop(signal.get("CommandId"), None)
        return envelope(NS["rsp"] + "/SignalResponse", request.message_id, "<rsp:SignalResponse/>")

    async def _delete(self, request, commands, user):
        del self.shells[request.shell_id]
        return envelope(NS["x"] + "/DeleteResponse", request.message_id, "")


def _known(commands, command_id):
    if command_id not in commands:
        raise Fault(2150858843)
    return commands[command_id]
