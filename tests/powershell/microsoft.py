"""Microsoft's own T-SQL parser and SqlClient, for tests alone: two libraries out of the package mssql-cli, which is unpacked and never
installed. They are fetched once into out/microsoft (43 MB) and are no part of this project or of its tarball."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import zipfile

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "out" / "microsoft"
PACKAGE = "mssql-cli==1.0.0"
INSIDE = "mssqlcli/mssqltoolsservice/bin/"
PARSER = "Microsoft.SqlServer.TransactSql.ScriptDom.dll"
CLIENT = "System.Data.SqlClient.dll"


def library(name):
    """The path of one of the libraries; skips the test, with the reason, where the package cannot be had."""
    if not (FOLDER / name).is_file():
        _fetch()
    return FOLDER / name


def _fetch():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder, PACKAGE]
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
            pytest.skip(f"{PACKAGE}, which brings Microsoft's parser and SqlClient, cannot be downloaded here")
        FOLDER.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as wheel:
            for name in (PARSER, CLIENT):
                part = FOLDER / f"{name}.part"
                part.write_bytes(wheel.read(INSIDE + name))
                part.rename(FOLDER / name)
