# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Which ODBC driver, with which words: everything that Microsoft's driver and FreeTDS want told differently before they connect."""

import contextlib
import glob
import importlib.util
import os
import pathlib
import re
import socket
import tempfile

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils.host import HostFailed, HostUnreachable

try:
    import pyodbc
except ImportError as error:
    pyodbc, MISSING = None, str(error)
else:
    pyodbc.pooling = False
    MISSING = ""

LOGIN_TIMEOUT, PROBE_TIMEOUT = 15, 5
MICROSOFT = re.compile(r"ODBC Driver (\d+) for SQL Server")
RECORD_END = re.compile(r"\((-?\d+)\) \(SQL\w+\)(?=; \[|$)")     # SQL Server's number and the function's name, behind each record's message
IN_PACKAGE = "libs/linux/*/*/lib/libmsodbcsql-*.so*"
FREETDS = ("/usr/lib/*/odbc/libtdsodbc.so", "/usr/lib64/libtdsodbc.so*", "/usr/lib/libtdsodbc.so*")
INSTALL = ("install Microsoft's ODBC Driver 18 for SQL Server (package msodbcsql18 of Microsoft's repository), or FreeTDS "
           "(Debian and Ubuntu: tdsodbc; best effort), or name a driver with the option driver; or read through the host with sql_via: host")
OPTION_OF = {"DRIVER": "driver", "UID": "login_user", "PWD": "login_password", "SERVER": "login_host", "ServerSPN": "server_spn"}


def errors():
    """The classes of exceptions that a driver raises."""
    return (pyodbc.Error,)


@contextlib.contextmanager
def prepared(options, where):
    """A function that opens a connection. What a driver can be told by the environment only is set within this block."""
    if pyodbc is None:
        raise HostFailed(f"{where}: pyodbc cannot be loaded on the controller ({MISSING}): install pyodbc and unixODBC (Debian: libodbc2).",
                         sent=False)
    driver = find_driver(options["driver"])
    if not driver:
        raise HostFailed(f"{where}: the controller has no ODBC driver for SQL Server: {INSTALL}.", sent=False)
    tds = is_freetds(driver)
    if tds and options["encrypt"] == "strict":
        raise HostFailed(f"{where}: encrypt: strict needs Microsoft's driver, and this is FreeTDS ({driver}).", sent=False)
    with tempfile.TemporaryDirectory(prefix="bft-") as folder:
        environment = {"KRB5CCNAME": options["login_ccache"]}
        if tds:
            environment["FREETDSCONF"] = str(_freetds_conf(pathlib.Path(folder), options))
        elif options["ca_file"]:
            environment["SSL_CERT_FILE"] = options["ca_file"]
        with _environment(environment):
            try:
                text = string(_words(driver, tds, options), tds)
            except ValueError as error:
                raise HostFailed(f"{where}: {OPTION_OF.get(str(error), str(error))} holds characters that this driver cannot be given ({driver}).",
                                 sent=False) from None
            yield lambda: _connect(text, options, where)


def find_driver(wanted, drivers=None):
    """The driver's name or path; "" where there is none."""
    if wanted:
        return wanted
    names = pyodbc.drivers() if drivers is None else drivers
    newest = max((name for name in names if MICROSOFT.fullmatch(name)), key=lambda name: int(MICROSOFT.fullmatch(name)[1]), default="")
    if newest:
        return newest
    package = importlib.util.find_spec("mssql_python_odbc")
    for folder in (package.submodule_search_locations or []) if package else []:
        for path in sorted(glob.glob(os.path.join(folder, IN_PACKAGE))):
            if "debian_ubuntu/x86_64" in path:
                return path
    if "FreeTDS" in names:
        return "FreeTDS"
    return next((path for pattern in FREETDS for path in sorted(glob.glob(pattern))), "")


def is_freetds(driver):
    return "tds" in driver.rsplit("/", 1)[-1].casefold()


def _words(driver, tds, options):
    """The connection string's keywords."""
    words = {"DRIVER": driver, "DATABASE": "master", "APP": "biztalk.fault_tolerance"}
    if options["login_user"]:
        words |= {"UID": options["login_user"], "PWD": options["login_password"] or ""}
    else:
        words["Trusted_Connection"] = "yes"
    if options["server_spn"]:
        words["ServerSPN"] = options["server_spn"]
    if tds:
        return words | {"SERVERNAME": "instance", "TDS_Version": "7.4"}
    words["SERVER"] = f"tcp:{options['login_host']}" + (f",{options['login_port']}" if options["login_port"] else "")
    words["Encrypt"] = options["encrypt"]
    words["TrustServerCertificate"] = "yes" if options["trust_server_certificate"] else "no"
    return words


def string(words, tds):
    """The connection string: every value in braces, a closing brace doubled. FreeTDS knows no doubled brace: there a value with one stands
    bare. Raises ValueError with the name of a value that cannot be given so."""
    parts = []
    for name, value in ((name, str(value)) for name, value in words.items()):
        if re.search(r"[\x00-\x1f]", value) or tds and "}" in value and (";" in value or value != value.strip() or value[0] in "{\"'"):
            raise ValueError(name)
        parts.append(f"{name}={value}" if tds and "}" in value else f"{name}={{{value.replace('}', '}}')}}}")
    return ";".join(parts)


def _freetds_conf(folder, options):
    """FreeTDS takes any certificate unless its file of settings says otherwise."""
    host, _backslash, instance = options["login_host"].partition("\\")
    lines = ["[instance]", f"host = {host}", "tds version = 7.4"]
    if options["login_port"]:
        lines.append(f"port = {options['login_port']}")
    elif instance:
        lines.append(f"instance = {instance}")
    lines.append(f"encryption = {'require' if options['encrypt'] == 'yes' else 'off'}")
    if options["encrypt"] == "yes" and not options["trust_server_certificate"]:
        lines += [f"ca file = {options['ca_file'] or 'system'}", "check certificate hostname = yes"]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise HostFailed("login_host and ca_file may hold no line break.", sent=False)
    path = folder / "freetds.conf"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def _environment(changes):
    """Sets variables (None: takes them away) for the block; a Kerberos cache that another connection left is not used by chance."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        for name, value in changes.items():
            _set(name, value)
        yield
    finally:
        for name, value in before.items():
            _set(name, value)


def _set(name, value):
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = str(value)


def _connect(text, options, where):
    at = options["login_host"] + (f":{options['login_port']}" if options["login_port"] else "")
    if options["login_port"]:
        _probe(options["login_host"].partition("\\")[0], options["login_port"], at, where)
    try:
        return pyodbc.connect(text, autocommit=True, timeout=LOGIN_TIMEOUT)
    except pyodbc.Error as raised:
        raise _explained(raised, options, at, where) from raised


def _probe(host, port, at, where):
    """Says at once that nothing listens, where Microsoft's driver would wait for its whole time limit."""
    try:
        socket.create_connection((host, port), PROBE_TIMEOUT).close()
    except socket.gaierror as error:
        raise HostUnreachable(f"{where}: the name {host} is not known to the controller; check login_host and DNS.", sent=False) from error
    except TimeoutError as error:
        raise HostUnreachable(f"{where}: {at} did not answer in {PROBE_TIMEOUT} s; check that it runs, the network and the firewall.",
                              sent=False) from error
    except OSError as error:
        raise HostUnreachable(f"{where}: nothing listens on {at}; check that SQL Server runs there, the port and the firewall.", sent=False) from error


# Part of the driver's text (English), and what a person is told. The first that fits is taken; numbers of SQL Server come before.
REFUSED = (
    (r"certificate|SSL Provider|TLS", "no TLS connection that can be trusted came about; check ca_file, and that login_host is a name in the "
                                      "server's certificate (Microsoft's driver compares no IP addresses)"),
    (r"not found in Kerberos database", "the service principal name of the instance is not known to Kerberos; check its SPN (setspn -L on its "
                                        "service account), or set server_spn"),
    (r"No Kerberos credentials|No credentials|credentials cache", "there is no Kerberos ticket; get one with kinit, set login_ccache, or give "
                                                                  "login_user and login_password"),
    (r"Encryption not supported", "the server offers no TLS; encrypt: no is the only way, and sends the session in clear"),
)


def _explained(raised, options, at, where):
    """The HostError for what came of connecting."""
    text = " ".join(str(argument) for argument in raised.args)
    numbers = {int(number) for number in RECORD_END.findall(text)}
    if 18456 in numbers or 18452 in numbers:
        who = f"the login {options['login_user']}" if options["login_user"] else "the Kerberos account"
        return HostUnreachable(f"{where}: {at} refused {who}; check its name, its password, and that it may log in.", sent=False)
    if 4060 in numbers:
        return HostFailed(f"{where}: the login may not open the database master on {at}.", sent=False, code=4060)
    for pattern, sentence in REFUSED:
        if re.search(pattern, text):
            return HostUnreachable(f"{where}: {at}: {sentence}.", sent=False)
    if re.search(r"Can't open lib|file not found", text):
        return HostFailed(f"{where}: the ODBC driver {options['driver'] or ''} cannot be loaded: {INSTALL}.", sent=False)
    causes = ["that it is SQL Server"]
    if options["encrypt"] != "no" and not options["trust_server_certificate"]:
        causes.append("its certificate and ca_file")
    if not options["login_user"]:
        causes.append("the Kerberos ticket and server_spn")
    return HostUnreachable(f"{where}: no session with {at} came about, and the driver gives no reason; check {', '.join(causes)}.", sent=False)
