from __future__ import annotations

import json
import pathlib

import pytest

REAL = pathlib.Path(__file__).resolve().parents[4] / "shared" / "real"


@pytest.fixture(scope="session")
def field_records():
    """Reads a file of re-created records of the field: ``field_records("winrm/exchanges.jsonl") -> [record]``."""

    def read(name):
        path = REAL / name
        if not path.is_file():
            pytest.skip(f"NOT CHECKED AGAINST THE FIELD: ../shared/real/{name} is not here; none of its records was read")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    return read
