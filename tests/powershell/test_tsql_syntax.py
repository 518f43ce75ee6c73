"""Every T-SQL text of the product, by Microsoft's own parser: our reading of the language and the lab's prove nothing about it."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import subprocess

import engine
import microsoft
import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS
from tools import rights

SCRIPT = pathlib.Path(__file__).with_name("parse_tsql.ps1")
# Statements of operators in the lab's scenarios with options that the documentation has and this parser does not know; never the product's.
UNKNOWN_TO_THE_PARSER = ("ALTER AVAILABILITY GROUP ", "ALTER ENDPOINT ")
QUERIES = [query for area in SQL_AREAS.values() for query in area.queries()]


def parsed(texts):
    """The parser's word on each text: ``ok`` or line, column and message of its first error."""
    lines = "".join(base64.b64encode(text.encode()).decode() + "\n" for text in texts)
    done = subprocess.run([engine.path(), "-NoProfile", "-NonInteractive", "-File", str(SCRIPT), str(microsoft.library(microsoft.PARSER))],
                          input=lines, env=engine.environment("core"), capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


def test_the_parser_tells_good_from_bad():
    assert parsed(["SELECT name FROM sys.databases;", "SELECT name FROM sys.databases LIMIT 5;"])[0] == "ok"
    assert "LIMIT" in parsed(["SELECT name FROM sys.databases LIMIT 5;"])[0]


def test_every_query_of_every_area():
    said = parsed([query.text for query in QUERIES])
    assert len(said) == len(QUERIES)
    assert {query.name: word for query, word in zip(QUERIES, said, strict=True) if word != "ok"} == {}


def test_the_scripts_for_the_login():
    scripts = rights.scripts()
    assert dict(zip(scripts, parsed(scripts.values()), strict=True)) == dict.fromkeys(scripts, "ok")


@pytest.mark.skipif("LAB_TEXTS" not in os.environ, reason="LAB_TEXTS names no file of what reached the lab's SQL Servers")
def test_everything_that_reached_a_server():
    lines = set(pathlib.Path(os.environ["LAB_TEXTS"]).read_text(encoding="utf-8").splitlines())
    texts = sorted(text for text in map(json.loads, lines) if not text.startswith(UNKNOWN_TO_THE_PARSER))
    assert len(texts) > 50
    said = parsed(texts)
    assert len(said) == len(texts)
    assert {text: word for text, word in zip(texts, said, strict=True) if word != "ok"} == {}
