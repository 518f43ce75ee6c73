# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""How a SQL Server instance is reached and logged in to: the options of every resource on SQL Server. Those that a task leaves out
are taken from the inventory's variables of the same names. Documented in the fragment ``login``."""

LOGIN_SPEC = {
    "login_host": {"type": "str"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_ccache": {"type": "path"},
    "server_spn": {"type": "str"},
    "sql_via": {"type": "str", "choices": ["controller", "host"]},
    "encrypt": {"type": "str", "choices": ["yes", "strict", "no"]},
    "trust_server_certificate": {"type": "bool"},
    "ca_file": {"type": "path"},
    "driver": {"type": "str"},
    "management_database": {"type": "str"},
}
DEFAULTS = {"sql_via": "controller", "encrypt": "yes", "trust_server_certificate": False}


def filled(given, inventory):
    """The options with what the inventory says for those that the task left out, and the defaults. *management_database*: None where
    nobody says, "" where the instance is said to hold none."""
    options = {}
    for name in LOGIN_SPEC:
        value = given.get(name)
        options[name] = inventory.get(name) if value is None else value
        if options[name] is None:
            options[name] = DEFAULTS.get(name)
    return options
