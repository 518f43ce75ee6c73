"""What operators do to Enterprise Single Sign-On: its console tools, and what ENTSSO logs when it is started."""
from __future__ import annotations

import re

from lab import files
from lab.cmdlets.events import add_event
from lab.exe import program, refused

SECRET = r"HKLM\SOFTWARE\Microsoft\ENTSSO\SSOSS"
PAGES = "biztalk/core/how-to-*-the-master-secret.md, single-sign-on-event-*.md"


def log(run, id, *inserts):
    add_event(run.host, "Application", "ENTSSO", id, run.state.clock, inserts)


def started(run):
    """ENTSSO says what is wrong with the secret of a host that is to hold it (assumed: at each start)."""
    told = run.host.get("sso")
    if not told or not told["holder"]:
        return
    if SECRET not in run.host["registry"]:
        log(run, 10520)
        return
    newest = {id: max((event["time"] for event in run.host["events"] if event["provider"] == "ENTSSO" and event["id"] == id), default="")
              for id in (10525, 10559)}
    if newest[10525] > newest[10559]:
        log(run, 10589)


@program("ssoconfig.exe", source=PAGES, changes=True, assumed="the operator answers its prompts; texts of its own are not modelled")
def ssoconfig(run, arguments):
    """-generateSecret FILE makes another secret and a file of it, -backupSecret FILE a file (events 10525, 10559)."""
    verb = arguments[0].casefold() if len(arguments) == 2 else ""
    if verb not in ("-generatesecret", "-backupsecret"):
        raise refused("ssoconfig.exe", arguments)
    run.host["registry"][SECRET] = {}
    files.of(run).write(arguments[1], b"the lab's secret, encrypted")
    if verb == "-generatesecret":
        log(run, 10525)
    else:
        log(run, 10559, arguments[1], "{A}", "{B}", run.backend.user, run.host["name"])
    return 0, "", ""


@program("ssomanage.exe", source="biztalk/core/how-to-change-the-master-secret-server.md", changes=True, assumed="texts of its own are not modelled")
def ssomanage(run, arguments):
    """-updatedb FILE with secretServer and nothing else: the servers learn the new name (10575 here, 10529 everywhere)."""
    if len(arguments) != 2 or arguments[0].casefold() != "-updatedb":
        raise refused("ssomanage.exe", arguments)
    found = re.fullmatch(r"\s*<sso>\s*<globalInfo>\s*<secretServer>([^<]+)</secretServer>\s*</globalInfo>\s*</sso>\s*",
                         files.of(run).read(arguments[1]).decode("utf-8-sig"))
    if not found:
        raise refused("ssomanage.exe", ["-updatedb", "with another form of XML"])
    old = run.host["sso"]["server"]
    for host in run.state.hosts.values():
        if host.get("sso"):
            host["sso"] = {"server": found[1], "holder": host["name"].casefold() == found[1].casefold() or host["sso"]["holder"]}
            add_event(host, "Application", "ENTSSO", 10529, run.state.clock, [found[1], "{A}"])
    log(run, 10575, found[1], old, "1", run.host["name"], run.backend.user)
    return 0, "", ""
