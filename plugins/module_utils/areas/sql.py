# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Area ``sql``: one SQL Server instance, its databases, and the availability groups that it is a replica of.

Numbers are read and not their descriptions, a service is known by its program. A login that lacks VIEW ANY DEFINITION is told
nothing of hidden objects and gets no error either, so the first query asks whether it has that right.
"""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed, query
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query

NAME = "sql"

START_MODES = {0: "Boot", 1: "System", 2: "Automatic", 3: "Manual", 4: "Disabled"}
SERVICE_STATES = {1: "Stopped", 2: "StartPending", 3: "StopPending", 4: "Running", 5: "ContinuePending", 6: "PausePending", 7: "Paused"}
PROGRAMS = {"sqlservr.exe": "engine", "sqlagent.exe": "agent"}
STATE = (("VIEW SERVER STATE", ""),)

INSTANCE = Query(
    "sql.instance",
    "SELECT SYSDATETIMEOFFSET() AS clock, GETDATE() AS local_clock, CONVERT(nvarchar(128), SERVERPROPERTY('ServerName')) AS name, "
    "CONVERT(nvarchar(128), SERVERPROPERTY('MachineName')) AS machine, CONVERT(nvarchar(128), SERVERPROPERTY('InstanceName')) AS instance_name, "
    "CONVERT(nvarchar(128), SERVERPROPERTY('ComputerNamePhysicalNetBIOS')) AS node, "
    "CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')) AS version, CONVERT(nvarchar(128), SERVERPROPERTY('ProductLevel')) AS level, "
    "CONVERT(nvarchar(128), SERVERPROPERTY('Edition')) AS edition, CONVERT(int, SERVERPROPERTY('EngineEdition')) AS engine_edition, "
    "CONVERT(int, SERVERPROPERTY('IsClustered')) AS is_clustered, CONVERT(int, SERVERPROPERTY('IsHadrEnabled')) AS is_hadr_enabled;",
    {"clock": "instant", "local_clock": "local", "name": "text", "machine": "text", "instance_name": "text", "node": "text", "version": "text",
     "level": "text", "edition": "text", "engine_edition": "number", "is_clustered": "boolean", "is_hadr_enabled": "boolean"})
SERVICES = Query(
    "sql.services",
    "SELECT s.servicename AS name, s.filename AS program, s.status AS state, s.startup_type AS start_mode, s.service_account AS account "
    "FROM sys.dm_server_services AS s;",
    {"name": "text", "program": "text", "state": "number", "start_mode": "number", "account": "text"}, rights=STATE)


def queries():
    """The queries that read the area, in order."""
    return [INSTANCE, SERVICES]


def shape(answers):
    """The instance as plain data; what was not seen is a hole (see ``observed``)."""
    instance = query.one(INSTANCE, answers)
    version = query.value(instance, "version")
    return {
        "clock": query.value(instance, "clock"),
        "local_clock": query.value(instance, "local_clock"),
        "name": query.value(instance, "name"),
        "machine": query.value(instance, "machine"),
        "instance_name": query.value(instance, "instance_name"),
        "node": query.value(instance, "node"),
        "version": version,
        "major_version": version if not isinstance(version, str) else int(version.split(".")[0]),
        "level": query.value(instance, "level"),
        "edition": query.value(instance, "edition"),
        "engine_edition": query.value(instance, "engine_edition"),
        "clustered": query.value(instance, "is_clustered"),
        "hadr_enabled": query.value(instance, "is_hadr_enabled"),
        "services": query.every(SERVICES, answers, _service),
    }


def _service(row):
    program = (row["program"] or "").strip().partition(".exe")[0].casefold().replace("/", "\\").rpartition("\\")[2].strip('"') + ".exe"
    return {
        "name": row["name"],
        "kind": PROGRAMS.get(program, "other"),
        "state": _known(SERVICE_STATES, "status", row["state"]),
        "start_mode": _known(START_MODES, "startup_type", row["start_mode"]),
        "account": row["account"],
    }


def _known(table, column, number):
    return table.get(number, observed.hole("failed", f"{column} is {number}, which is not a value that is known."))
