"""What an operator does to the estate: cmdlets as data over the lab's own WinRM endpoint, T-SQL over its TDS listeners."""
from __future__ import annotations

import base64
import importlib.util
import json
import secrets
from pathlib import Path

from winrm.protocol import Protocol

from lab import batch


class Failed(Exception):
    """An operator's step came out with an error."""


def request(areas, deadline=300, executor="# operator"):
    """``(command line, standard input)`` of a batch."""
    document = json.dumps({"bft": secrets.token_hex(8), "deadline": deadline, "areas": areas})
    line = batch.PREFIX + base64.b64encode(batch.bootstrap().encode("utf-16-le")).decode()
    return line, f"BFT1 {len(executor)} {len(document)}\n{executor}\n{document}\n".encode("ascii")


def execute(protocol, line, stdin):
    """``(stdout, stderr, exit code)`` of one command line in a shell of its own."""
    shell = protocol.open_shell()
    try:
        command = protocol.run_command(shell, line, console_mode_stdin=stdin is None)
        if stdin is not None:
            protocol.send_command_input(shell, command, stdin, end=True)
        result = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        return result
    finally:
        protocol.close_shell(shell)


def answers(stdout):
    """The answer's lines as documents."""
    return [json.loads(text) for text in stdout.decode("ascii").splitlines()]


def act(endpoint, user, password, steps):
    """Carries out *steps* on a host; each gets an id of its own where it has none. Raises Failed at an error."""
    steps = [{"id": f"step{number}", **step} for number, step in enumerate(steps)]
    protocol = Protocol(endpoint, transport="basic", username=user, password=password, ca_trust_path=None)
    stdout, stderr, code = execute(protocol, *request([{"area": "operator", "steps": steps}]))
    if code:
        raise Failed(stderr.decode())
    for step in answers(stdout)[1]["steps"]:
        if step["status"] != "ok":
            raise Failed(f"{endpoint}: {json.dumps(step)}")


def odbc_driver():
    """An ODBC driver that speaks TDS: one that is registered, else a library that is there. Raises Failed."""
    import pyodbc
    registered = [name for name in pyodbc.drivers() if name.startswith("ODBC Driver") or "tds" in name.casefold()]
    package = importlib.util.find_spec("mssql_python_odbc")
    found = registered + sorted(map(str, Path("/usr/lib").glob("*/odbc/libtdsodbc.so"))) + [
        str(path) for root in (package.submodule_search_locations if package else ()) for path in Path(root).glob("libs/linux/*/x86_64/lib/libmsodbcsql-*")]
    if not found:
        raise Failed("This scenario's statements go over TDS, and there is no ODBC driver for it: install FreeTDS (Debian: tdsodbc).")
    return found[0]


def act_sql(port, user, password, statements):
    """Carries out T-SQL statements as a login of the instance that listens on a port. Raises Failed at an error."""
    import pyodbc
    driver = odbc_driver()
    where = {"SERVER": f"localhost,{port}", "Encrypt": "yes", "TrustServerCertificate": "yes"} if "tds" not in driver.casefold() else {
        "SERVER": "localhost", "PORT": port, "TDS_Version": "7.4"}
    text = ";".join(f"{key}={value}" for key, value in {"DRIVER": driver, **where, "UID": user, "PWD": password, "APP": "operator"}.items())
    try:
        connection = pyodbc.connect(text, autocommit=True, timeout=10)
        try:
            for statement in statements:
                cursor = connection.execute(statement)
                while cursor.nextset():
                    pass
        finally:
            connection.close()
    except pyodbc.Error as error:
        raise Failed(f"localhost,{port}: {error}") from error
