# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The areas that can be read, by name."""

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import (
    agent,
    backup_history,
    biztalk,
    cluster,
    copies,
    iis,
    jobs,
    log_shipping,
    nlb,
    platform,
    restorable,
    sharepoint,
    sql,
    sso,
    storage,
    vault,
    wds,
    windows_backup,
)

# read over the host's own connection
AREAS = {area.NAME: area for area in (platform, cluster, copies, iis, jobs, storage, nlb, vault, wds, windows_backup, sso, sharepoint, restorable)}
SQL_AREAS = {area.NAME: area for area in (sql, agent, backup_history, biztalk, log_shipping)}     # read from a SQL Server instance


def shaped(name, area_answer):
    """The snapshot of one area; a hole where its answer did not arrive whole."""
    if area_answer is None:
        return observed.hole("cut", f"The answer of the area {name} did not arrive whole.")
    return AREAS[name].shape(area_answer)


def shaped_by_sql(name, answers):
    """The snapshot of one area from the answers of a session's queries."""
    return SQL_AREAS[name].shape(answers)
