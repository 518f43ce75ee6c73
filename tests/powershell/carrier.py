"""The lab's backend as the generated functions see it: calls and objects as JSON lines (functions/LabBackend.psm1)."""

from __future__ import annotations

import base64
import json

from lab.backend import ASSIGNABLE
from lab.values import Credential, Duration, Enum, Instant, Local, Obj, Secret, Unreadable

TYPED = {
    "seconds": Duration,
    "instant": Instant,
    "local": Local,
    "secret": Secret,
    "credential": lambda given: Credential(given[0], Secret(given[1])),
}


class Carrier:
    """Answers the calls of one batch on one backend. Objects that were handed out are known by their number; one that comes again
    just as it was keeps its number and is not described again."""

    def __init__(self, backend):
        self.backend, self.live, self.numbers, self.described = backend, [], {}, []

    def __call__(self, line):
        """One request as JSON text -> one answer as JSON text."""
        request = json.loads(line)
        if "set" in request:
            outcome = self.backend.assign(self.live[request["on"]], request["set"], self._in(request["to"]))
        else:
            outcome = self.backend.invoke(
                request["call"], {name: self._in(value) for name, value in request["with"].items()}, self._in(request["piped"])
            )
        self.described = []
        objects = [self._out(obj) for obj in outcome.objects]
        return json.dumps(
            {
                "objects": objects,
                "live": self.described,
                "errors": [_error(err) for err in outcome.errors],
                "warnings": ["~" + text for text in outcome.warnings],
            }
        )

    def _in(self, value):
        if isinstance(value, dict):
            (kind, given), *_rest = value.items()
            if kind in TYPED:
                return TYPED[kind](given)
            return self.live[given] if kind == "live" else {key: self._in(part) for key, part in given.items()}
        return [self._in(part) for part in value] if isinstance(value, list) else value

    def _number(self, obj):
        """The number of an object; what its properties lead to is described before it."""
        properties = [["~" + name, self._out(value)] for name, value in obj.properties.items()]
        same = obj.type, obj.id, json.dumps(properties)
        if same not in self.numbers:
            self.numbers[same] = len(self.live)
            self.live.append(obj)
            settable = ["~" + name for name in obj.properties if (obj.type, name.casefold()) in ASSIGNABLE]
            self.described.append({"id": self.numbers[same], "type": "~" + obj.type, "settable": settable, "properties": properties})
        return self.numbers[same]

    def _out(self, value):
        if isinstance(value, str):
            return "~" + value
        if isinstance(value, list):
            return {"list": [self._out(part) for part in value]}
        if isinstance(value, Obj):
            return {"live": self._number(value)}
        if isinstance(value, Enum):
            return {"enum": ["~" + value.type, value.number, "~" + value.name]}
        if isinstance(value, Instant):
            return {"instant": "~" + value.iso}
        if isinstance(value, Duration):
            return {"seconds": value.seconds}
        if isinstance(value, bytes):
            return {"bytes": "~" + base64.b64encode(value).decode()}
        if isinstance(value, Unreadable):
            return {"unreadable": _error(value.err)}
        return value


def _error(err):
    return {
        "fqid": "~" + err.fqid,
        "category": "~" + err.category,
        "terminating": err.terminating,
        "chain": [{**link, "type": "~" + link["type"], "message": "~" + link["message"]} for link in err.chain],
    }
