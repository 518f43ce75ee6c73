"""The programs of the lab's hosts for the engine: files under their Windows paths in the engine's working folder, answered by the lab's backend."""

from __future__ import annotations

import json
import os
import pathlib
import socketserver
import threading

import engine

from lab import exe, files
from lab.values import CmdletError

SCRIPT = engine.HERE / "programs" / "lab_program.py"


class Programs:
    """*folder*: working folder of the engine. On Linux a path like ``C:\\Windows\\x.exe`` is the name of a file in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.backend = None
        self.refused = []       # arguments that the lab does not model: there is no program that could say so
        path = str(self.folder / "socket")
        self.environment = {"LAB_PROGRAMS": path, **files.ENVIRONMENT}
        self.server = socketserver.ThreadingUnixStreamServer(path, self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, backend):
        """Puts the programs of a host where the engine finds them, and takes away those of another host."""
        self.backend = backend
        for file in self.folder.glob("*:*"):
            file.unlink()
        place = backend.host.casefold()
        there = [entry.path for entry in backend.state.files.below(place, "C:") if entry.path.casefold().endswith(".exe")]
        for path in [*there, *(known.at for known in exe.PROGRAMS.values() if known.at)]:
            engine.link(self.folder / path, SCRIPT, path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(self):
        programs = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                path, *arguments = json.loads(self.rfile.readline())
                try:
                    code, output, errors, _cut = exe.started(programs.backend, path, arguments)
                except CmdletError:
                    programs.refused.append([path, *arguments])
                    code, output, errors = 250, {"$bytes": ""}, {"$bytes": ""}
                self.wfile.write(json.dumps([code, output["$bytes"], errors["$bytes"]]).encode() + os.linesep.encode())

        return Handler
