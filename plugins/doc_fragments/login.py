# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The options of every resource on SQL Server: how the instance is reached."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - The server, as V(SQLBTS), or server and named instance, as V(SQLBTS\\BTS). For a failover cluster instance its network name, for an
        availability group its listener or one replica.
      - Like every option of this group that a task leaves out, it is taken from the inventory variable of the same name.
    type: str
  login_port:
    description:
      - The port. Where it is not given, a named instance is looked up with the SQL Server Browser (UDP 1434), and 1433 is used otherwise.
    type: int
  login_user:
    description:
      - A SQL Server login. Left out, the session uses integrated authentication - Kerberos with O(sql_via=controller), the account of the
        Windows connection with O(sql_via=host).
    type: str
  login_password:
    description:
      - The password of O(login_user).
    type: str
  login_ccache:
    description:
      - The Kerberos credential cache of the controller to use, as V(FILE:/run/audit.ccache). Left out, the default cache; a cache that the
        Windows connection made is never used.
    type: path
  server_spn:
    description:
      - The service principal name, as V(MSSQLSvc/sqlbts.contoso.com:1433), where it cannot be made from name and port.
    type: str
  sql_via:
    description:
      - V(controller) - the controller connects to the instance itself, with pyodbc and an ODBC driver.
      - V(host) - PowerShell on the inventory host's Windows connection connects, with .NET's own client. Give the connection variables of the
        failover cluster instance's network name or of the instance's own server.
      - With V(host) the options O(ca_file), O(driver), O(server_spn) and O(login_ccache) mean nothing - the Windows host trusts what Windows
        trusts - and O(encrypt=strict) is refused.
      - Default V(controller).
    type: str
    choices: [controller, host]
  encrypt:
    description:
      - V(yes) - TLS. V(strict) - TDS 8, SQL Server 2022 and later, Microsoft's driver only. V(no) - no TLS is asked for.
      - Default V(yes).
    type: str
    choices: ['yes', strict, 'no']
  trust_server_certificate:
    description:
      - Whether any certificate of the server is taken for good. Default V(false).
    type: bool
  ca_file:
    description:
      - The certificate authority that signed the server's certificate (PEM). Left out, those that the controller trusts.
    type: path
  driver:
    description:
      - The ODBC driver, by its name in odbcinst.ini or by the path of its library. Left out, the newest C(ODBC Driver NN for SQL Server) that is
        there, else the one of the Python package mssql-python-odbc, else FreeTDS.
    type: str
  management_database:
    description:
      - The management database of the BizTalk group. Left out, the database that holds C(adm_Group). Empty where the instance holds none.
    type: str
"""
