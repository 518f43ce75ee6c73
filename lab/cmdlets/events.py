"""Event logs through Get-WinEvent: a host's document holds its events, oldest first, as ``{log, provider, id, time, level, inserts}``."""
from __future__ import annotations

from lab.backend import cmdlet
from lab.values import Instant, Obj, link, not_modelled

DOCS = "Get-WinEvent reference page; System.Diagnostics.Eventing.Reader.EventLogRecord"
RECORD = "System.Diagnostics.Eventing.Reader.EventLogRecord"
LOGS = ("Application", "System")
KEYS = {"logname", "providername", "id", "starttime"}


def add_event(document, log, provider, id, time, inserts=(), level=4):
    """Puts an event into a host's document; its provider is registered with it."""
    document.setdefault("providers", [])
    if provider not in document["providers"]:
        document["providers"].append(provider)
    document.setdefault("events", []).append({"log": log, "provider": provider, "id": id, "time": time, "level": level, "inserts": list(inserts)})
    document["events"].sort(key=lambda event: event["time"])


@cmdlet(r"Microsoft.PowerShell.Diagnostics\Get-WinEvent", takes="FilterHashtable LogName MaxEvents Oldest", source=DOCS,
        assumed="the ids of the errors for a provider or a log that is not there; a reader needs no right of its own for Application and System")
def get_win_event(run):
    """The newest events first (with -Oldest the oldest), by a hashtable or a log's name."""
    wanted = {key.casefold(): value for key, value in (run.get("FilterHashtable") or {"LogName": run.get("LogName")}).items()}
    if set(wanted) - KEYS:
        raise not_modelled(f"a filter of events by {', '.join(sorted(set(wanted) - KEYS))}")
    logs, providers, ids = (_list(wanted.get(key)) for key in ("logname", "providername", "id"))
    for log in logs:
        if log.casefold() not in {known.casefold() for known in LOGS}:
            raise not_modelled(f"the event log {log}")
    registered = {name.casefold() for name in run.host.get("providers", [])}
    for provider in providers:
        if provider.casefold() not in registered:
            raise run.error("NoMatchingProvidersFound", "ObjectNotFound", link(
                "System.Exception", f"There is not an event provider on the localhost computer that matches \"{provider}\"."), terminating=False)
    found = [(number, event) for number, event in enumerate(run.host.get("events", []), 1000)
             if event["log"].casefold() in {log.casefold() for log in logs}
             and (not providers or event["provider"].casefold() in {name.casefold() for name in providers})
             and (not ids or event["id"] in ids) and event["time"] >= str(wanted.get("starttime", ""))]
    if not found:
        raise run.error("NoMatchingEventsFound", "ObjectNotFound", link(
            "System.Exception", "No events were found that match the specified selection criteria."), terminating=False)
    if not run.get("Oldest"):
        found.reverse()
    for number, event in found[:run.get("MaxEvents")]:
        yield Obj(RECORD, f"event/{run.backend.host}/{number}", {
            "Id": event["id"], "ProviderName": event["provider"], "LogName": event["log"], "TimeCreated": Instant(event["time"]), "RecordId": number,
            "Level": event["level"], "MachineName": f"{run.host['name']}.{run.host['domain']}", "Version": 0,
            "Properties": [Obj("System.Diagnostics.Eventing.Reader.EventProperty", f"event/{number}/{place}", {"Value": value})
                           for place, value in enumerate(event["inserts"])]})


def _list(value):
    return [] if value is None else value if isinstance(value, list) else [value]
