# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Pages by which a person rebuilds an identical server without this collection: an order of work, and what each host was.

Plain Markdown, made of snapshots alone. What was not seen stands there as "not known", with the reason.
"""

import pathlib

import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import snapshots

PROCEDURES = pathlib.Path(__file__).resolve().parents[2] / "baseline" / "rebuild.yml"
ALL = "all"
WIDE = 8            # a list of things with more facts than this is told one by one, not as a table


def procedures():
    """The parts of the work in their order: part, groups, areas, steps, source."""
    return yaml.safe_load(PROCEDURES.read_text(encoding="utf-8"))


def pages(found, made_at, note=""):
    """``{file name: text}`` for snapshots: ``index.md`` and a page for each host. *made_at*: instant."""
    hosts = sorted(found, key=lambda snapshot: snapshot["host"])
    return {"index.md": _index(hosts, made_at, note), **{_file(host): _page(host, note) for host in hosts}}


def _file(host):
    return f"{snapshots.file_name(host['host'])}.md"


def _link(host):
    return f"[{_cell(host['host'])}]({_file(host)})"


def _index(hosts, made_at, note):
    lines = ["# Rebuilding this estate", "", *([f"> {note}", ""] if note else []),
             f"Made at {made_at}. Each host has a page with what it was; this page has the order of work. Nothing but these files is needed to follow it.",
             "", "| host | groups | Windows or SQL Server | read at | not known |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {_link(host)} | {_cell(', '.join(host['groups']))} | {_cell(_system(host))} | {_cell(host.get('collected_at', ''))} | "
              f"{_unknown(host)} |" for host in hosts]
    number = 0
    for part in procedures():
        here = [host for host in hosts if ALL in part["groups"] or set(part["groups"]) & set(host["groups"])]
        if not here:
            continue
        number += 1
        lines += ["", f"## {number}. {part['part']}", ""]
        if ALL not in part["groups"]:
            lines += [f"For {', '.join(_link(host) for host in here)}.", ""]
        if part["areas"]:
            lines += [f"What it was stands on each page under {', '.join(part['areas'])}, as far as it was read.", ""]
        lines += [f"{place}. {step}" for place, step in enumerate(part["steps"], 1)]
        lines += ["", f"Source: {', '.join(part['source'])}"]
    return "\n".join(lines) + "\n"


def _system(host):
    platform, session = host["areas"].get("platform"), host.get("session") or {}
    if isinstance(platform, dict) and not observed.is_hole(platform):
        return _plain(platform["os"]["caption"]) + " " + _plain(platform["os"]["version"])
    return f"SQL Server {session['version']}" if session.get("version") else "not known"


def _unknown(host):
    """How many facts of a host are not known; every one of them stands on its page."""
    return sum(1 for area in host["areas"].values() for _path, _hole in observed.holes(area))


def _page(host, note):
    lines = [f"# {_cell(host['host'])}", "", *([f"> {note}", ""] if note else []),
             f"Groups: {_cell(', '.join(host['groups'])) or 'none'}. Read at {host.get('collected_at', 'an unknown time')}. [Order of work](index.md)"]
    if host.get("message"):
        lines += ["", f"**{_cell(host['message'])}**"]
    for name, area in host["areas"].items():
        lines += ["", f"## {name}", "", *_told(area)]
    return "\n".join(lines) + "\n"


def _told(value, depth=0):
    """A value as lines of Markdown."""
    pad = "  " * depth
    if isinstance(value, dict) and not observed.is_hole(value):
        lines = []
        for name, part in value.items():
            if _is_flat(part):
                lines.append(f"{pad}- {_name(name)}: {_plain(part)}")
            else:
                lines += [f"{pad}- {_name(name)}:", *_told(part, depth + 1)]
        return lines
    if isinstance(value, list) and any(isinstance(part, dict) and not observed.is_hole(part) for part in value):
        return _table(value) if depth <= 1 and _fits(value) else [line for part in value for line in _one_by_one(part, depth)]
    return [f"{pad}- {_plain(value)}"]


def _one_by_one(part, depth):
    lines = _told(part, depth + 1)
    return ["  " * depth + "- " + lines[0].strip().removeprefix("- "), *lines[1:]] if lines else []


def _is_flat(value):
    return not isinstance(value, (dict, list)) or observed.is_hole(value) or (
        isinstance(value, list) and not any(isinstance(part, (dict, list)) and not observed.is_hole(part) for part in value))


def _fits(rows):
    seen = [row for row in rows if not observed.is_hole(row)]
    return all(isinstance(row, dict) and len(row) <= WIDE and all(_is_flat(part) for part in row.values()) for row in seen)


def _table(rows):
    names = list(dict.fromkeys(name for row in rows if not observed.is_hole(row) for name in row))
    lines = ["", "| " + " | ".join(map(_name, names)) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        if not observed.is_hole(row):
            lines.append("| " + " | ".join(_plain(row.get(name)) for name in names) + " |")
    return [*lines, "", *[f"- {_plain(row)}" for row in rows if observed.is_hole(row)]]


def _plain(value):
    if observed.is_hole(value):
        return f"*not known*: {_cell(observed.detail(value))}"
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else _cell(str(value))


def _name(text):
    return _cell(str(text)).replace("\\_", " ").replace("_", " ")


def _cell(text):
    """Text that Markdown shows as it is, in one line."""
    text = " ".join(str(text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in text)
