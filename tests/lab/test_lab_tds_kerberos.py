"""Integrated logins by Kerberos against a KDC of the test's own. Runs where Debian's krb5-kdc, krb5-admin-server and krb5-user are."""
from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import login
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.query import Query
from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import host, sql
from lab import certificates
from lab.instance import Instance
from lab.tds.kerberos import Acceptor
from lab.tds.server import serve, tls

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc is not installed")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
SPEC = importlib.util.find_spec("mssql_python_odbc")
MICROSOFT = sorted(Path(SPEC.submodule_search_locations[0]).glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-*.so*")) if SPEC else []
DRIVERS = {"microsoft": MICROSOFT[-1] if MICROSOFT else None, "freetds": Path("/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so")}
REALM, SERVICE = "CONTOSO.TEST", "MSSQLSvc/sqlbts.contoso.test:1433"


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    """The folder of a realm with the users auditor and stranger and the service's keytab; its KDC runs."""
    if missing := [name for name in NEEDED if not shutil.which(name, path=PATH)]:
        pytest.skip(f"KERBEROS IS NOT TESTED: {', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("realm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "krb5.conf").write_text(
        f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\ndns_canonicalize_hostname = false\n"
        f"udp_preference_limit = 1\n[realms]\n{REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n")
    (folder / "kdc.conf").write_text(
        f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{REALM} = {{\n database_name = {folder}/principal\n"
        f" key_stash_file = {folder}/stash\n acl_file = {folder}/acl\n}}\n[logging]\nkdc = FILE:{folder}/kdc.log\n")
    environment = {"PATH": PATH, "KRB5_CONFIG": str(folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(folder / "kdc.conf")}

    def run(*command, **options):
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True, **options)

    run("kdb5_util", "create", "-s", "-r", REALM, "-P", "Lab-only-master")
    for query in ("addprinc -pw Lab-only-1 auditor", "addprinc -pw Lab-only-1 stranger", f"addprinc -randkey {SERVICE}",
                  "addprinc -randkey MSSQLSvc/other",
                  f"ktadd -k {folder}/keytab {SERVICE}"):
        run("kadmin.local", "-r", REALM, "-q", query)
    kdc = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for user in ("auditor", "stranger"):
            for _attempt in range(50):
                try:
                    run("kinit", "-c", f"FILE:{folder}/{user}.cc", user, input="Lab-only-1\n")
                    break
                except subprocess.CalledProcessError:
                    time.sleep(0.1)
            else:
                pytest.fail((folder / "kdc.log").read_text())
        yield folder
    finally:
        kdc.terminate()
        kdc.wait(10)


@pytest.fixture
def connect(realm, tmp_path, monkeypatch):
    """Connects as a user of the realm."""
    instance = Instance("SQLBTS\\BTS")
    instance.login("CONTOSO\\auditor", None)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ensure(tmp_path)))
    monkeypatch.setenv("KRB5_CONFIG", str(realm / "krb5.conf"))
    with serve(instance, tls(tmp_path), kerberos=Acceptor(realm / "keytab")) as port:
        def connect(driver, user, spn=SERVICE):
            if DRIVERS[driver] is None or not DRIVERS[driver].exists():
                pytest.skip(f"the ODBC driver {driver} is not there")
            monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm}/{user}.cc")
            words = f"SERVER=localhost,{port};Encrypt=yes" if driver == "microsoft" else f"SERVER=localhost;PORT={port};TDS_Version=7.4"
            return pyodbc.connect(f"DRIVER={DRIVERS[driver]};{words};Trusted_Connection=yes;ServerSPN={spn}", autocommit=True, timeout=5)
        yield connect


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_ticket_is_a_login(connect, driver):
    with connect(driver, "auditor") as connection:
        assert connection.execute("SELECT SYSTEM_USER AS a;").fetchone()[0] == "CONTOSO\\auditor"


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_principal_without_a_login_is_refused(connect, driver):
    with pytest.raises(pyodbc.Error) as error:
        connect(driver, "stranger")
    assert "18456" in error.value.args[1]


def test_microsofts_driver_says_what_is_missing(connect):
    with pytest.raises(pyodbc.Error, match="not found in Kerberos database"):
        connect("microsoft", "auditor", "MSSQLSvc/nothing:1433")
    with pytest.raises(pyodbc.Error, match="No Kerberos credentials"):
        connect("microsoft", "nobody")


def test_a_ticket_for_another_service_is_refused(connect):
    with pytest.raises(pyodbc.Error) as error:
        connect("microsoft", "auditor", "MSSQLSvc/other")
    assert "18452" in error.value.args[1]


# --- the product's session

@pytest.fixture
def opened(realm, tmp_path, monkeypatch):
    """Opens a session as a user of the realm, with that user's credential cache among the options."""
    instance = Instance("SQLBTS\\BTS")
    instance.login("CONTOSO\\auditor", None)
    ca = certificates.ensure(tmp_path)
    monkeypatch.setenv("KRB5_CONFIG", str(realm / "krb5.conf"))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm}/stranger.cc")      # as the kinit of a Windows connection leaves it
    with serve(instance, tls(tmp_path), kerberos=Acceptor(realm / "keytab")) as port:
        def opened(driver, user, **changed):
            if DRIVERS[driver] is None or not DRIVERS[driver].exists():
                pytest.skip(f"the ODBC driver {driver} is not there")
            return sql.open(login.filled({
                "login_host": "localhost", "login_port": port, "ca_file": str(ca), "driver": str(DRIVERS[driver]), "management_database": "",
                "login_ccache": f"FILE:{realm}/{user}.cc", "server_spn": SERVICE, **changed}, {}), "sqlbts")
        yield opened


WHO = Query("who", "SELECT SYSTEM_USER AS name;", {"name": "text"})


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_session_without_a_login_uses_the_ticket_that_it_is_given_and_no_other(opened, driver):
    with opened(driver, "auditor") as session:
        assert session.read([WHO])["who"].rows == [{"name": "CONTOSO\\auditor"}]
    with pytest.raises(host.HostUnreachable) as refused, opened(driver, "auditor", login_ccache=None):
        pass
    assert "stranger" not in refused.value.message


@pytest.mark.parametrize("user, changed, told", [
    ("stranger", {}, "refused the Kerberos account"),
    ("nobody", {}, "there is no Kerberos ticket"),
    ("auditor", {"server_spn": "MSSQLSvc/nothing:1433"}, "service principal name"),
    ("auditor", {"server_spn": "MSSQLSvc/other"}, "refused the Kerberos account"),
])
def test_what_is_missing_is_said(opened, user, changed, told):
    with pytest.raises(host.HostUnreachable) as refused, opened("microsoft", user, **changed):
        pass
    assert told in refused.value.message and not refused.value.sent


def test_freetds_gives_no_reason_and_the_message_names_the_ticket_among_them(opened):
    with pytest.raises(host.HostUnreachable) as refused, opened("freetds", "nobody"):
        pass
    assert "Kerberos" in refused.value.message
