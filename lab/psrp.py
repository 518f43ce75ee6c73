"""PowerShell Remoting over WS-Management (MS-PSRP): the runspace pools of one host. Messages and fragments are psrpcore's work.

What a runspace does here is what a command line does over WinRS: it carries out the batch's bootstrap, with the pipeline's input as
standard input, and refuses any other script.
"""
from __future__ import annotations

import asyncio
import base64
import time
import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

import psrpcore

from lab.wsman import NS, Fault, created, envelope

RESOURCE = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
CREATION = "{http://schemas.microsoft.com/powershell}creationXml"


@dataclass
class Pipeline:
    input: list = field(default_factory=list)
    script: str = ""
    done: bool = False


class Pools:
    """*run(script, stdin, user)* carries a script out and answers a wsman.Result; *block* is the most that one Receive carries, in bytes."""

    def __init__(self, run, block=110 * 1024):
        self.run, self.block, self.pools = run, block, {}

    async def answer(self, request, user):
        """The answer's envelope. Raises Fault."""
        if request.action == "Create":
            return self._create(request)
        pool = self.pools.get(request.shell_id.upper())
        if pool is None:
            raise Fault(2150858843)
        return await getattr(self, "_" + request.action.lower())(request, pool, user)

    def _create(self, request):
        shell = request.body.find("rsp:Shell", NS)
        shell_id = shell.get("ShellId", str(uuid.uuid4())).upper()
        pool = self.pools[shell_id] = Pool()
        pool.take(base64.b64decode(shell.findtext(CREATION) or ""))
        return envelope(NS["x"] + "/CreateResponse", request.message_id, created(RESOURCE, shell_id))

    async def _command(self, request, pool, user):
        line = request.body.find("rsp:CommandLine", NS)
        command_id = uuid.UUID(line.get("CommandId"))
        pool.add(command_id)
        self._taken(pool, base64.b64decode(line.findtext("rsp:Arguments", "", NS)), command_id, user)
        return envelope(NS["rsp"] + "/CommandResponse", request.message_id,
                        f"<rsp:CommandResponse><rsp:CommandId>{str(command_id).upper()}</rsp:CommandId></rsp:CommandResponse>")

    async def _send(self, request, pool, user):
        for stream in request.body.iterfind("rsp:Send/rsp:Stream", NS):
            named = stream.get("CommandId")
            self._taken(pool, base64.b64decode(stream.text or ""), uuid.UUID(named) if named else None, user)
        return envelope(NS["rsp"] + "/SendResponse", request.message_id, "<rsp:SendResponse/>")

    def _taken(self, pool, data, command_id, user):
        for pipeline_id in pool.take(data, command_id):
            pipeline = pool.pipelines[pipeline_id]
            stdin = "".join(f"{line}\n" for line in pipeline.input).encode("ascii", "replace")
            pool.finish(pipeline_id, self.run(pipeline.script, stdin, user))

    async def _receive(self, request, pool, user):
        named = request.body.find("rsp:Receive/rsp:DesiredStream", NS).get("CommandId")
        command_id = uuid.UUID(named) if named else None
        until = time.monotonic() + request.timeout
        room = min(self.block, max(1024, (request.envelope_size - 2500) * 3 // 4))
        while not (data := pool.waiting(command_id, room)):
            if time.monotonic() >= until:
                raise Fault(2150858793)
            await asyncio.sleep(0.02)
        identity = f" CommandId={quoteattr(named)}" if named else ""
        parts = [f'<rsp:Stream Name="stdout"{identity}>{base64.b64encode(data).decode()}</rsp:Stream>']
        if named and pool.pipelines[command_id].done and not pool.outgoing.get(command_id):
            parts.append(f'<rsp:CommandState{identity} State="{NS["rsp"]}/CommandState/Done"></rsp:CommandState>')
        return envelope(NS["rsp"] + "/ReceiveResponse", request.message_id, f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>")

    async def _signal(self, request, pool, user):
        return envelope(NS["rsp"] + "/SignalResponse", request.message_id, "<rsp:SignalResponse/>")

    async def _delete(self, request, pool, user):
        del self.pools[request.shell_id.upper()]
        return envelope(NS["x"] + "/DeleteResponse", request.message_id, "")


class Pool:
    """One runspace pool: psrpcore's state machine, and what waits to be fetched, by pipeline (None: the pool's own)."""

    def __init__(self):
        self.protocol = psrpcore.ServerRunspacePool()
        self.pipelines, self.outgoing = {}, {}

    def add(self, pipeline_id):
        self.pipelines[pipeline_id] = Pipeline()
        psrpcore.ServerPipeline(self.protocol, pipeline_id)   # enters itself in the pool's table

    def take(self, data, pipeline_id=None):
        """Fragments from the client. Returns the pipelines whose script and input are whole now."""
        self.protocol.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline_id))
        whole = []
        while event := self.protocol.next_event():
            if isinstance(event, psrpcore.CreatePipelineEvent):
                commands = event.pipeline.commands
                if len(commands) != 1 or not commands[0].is_script:
                    raise Fault(87, "The lab carries out one script a pipeline.")
                self.pipelines[event.pipeline_id].script = commands[0].command_text
                if event.pipeline.no_input:
                    whole.append(event.pipeline_id)
            elif isinstance(event, psrpcore.PipelineInputEvent):
                self.pipelines[event.pipeline_id].input.append(str(event.data))
            elif isinstance(event, psrpcore.EndOfPipelineInputEvent):
                whole.append(event.pipeline_id)
        self._collect()
        return whole

    def finish(self, pipeline_id, result):
        """The output of a pipeline: each line of standard output is a string object."""
        pipeline = self.protocol.pipeline_table[pipeline_id]
        pipeline.start()
        for line in result.stdout.decode("utf-8", "replace").splitlines():
            pipeline.write_output(line)
        if result.stderr:
            pipeline.write_error(psrpcore.types.ErrorRecord(
                exception=psrpcore.types.NETException(result.stderr.decode("utf-8", "replace").strip()),
                category_info=psrpcore.types.ErrorCategoryInfo()))
        pipeline.complete()
        pipeline.close()
        self.pipelines[pipeline_id].done = True
        self._collect()

    def _collect(self):
        while payload := self.protocol.data_to_send():
            self.outgoing[payload.pipeline_id] = self.outgoing.get(payload.pipeline_id, b"") + payload.data

    def waiting(self, pipeline_id, room):
        """At most *room* bytes of what waits, taken away; empty where nothing does."""
        data = self.outgoing.get(pipeline_id, b"")
        self.outgoing[pipeline_id] = data[room:]
        return data[:room]
