"""The login script and its page are those of the queries as they are."""
from __future__ import annotations

import pathlib

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import SQL_AREAS
from tools import rights

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def test_what_stands_in_docs_is_what_the_queries_declare():
    for file, text in {**rights.scripts(), "rights.md": rights.page()}.items():
        assert (DOCS / file).read_text(encoding="utf-8") == text, f"{file} is of other queries: run .venv/bin/python -m tools.rights"


def test_every_query_that_reads_a_table_declares_a_right():
    silent = [query.name for area in SQL_AREAS.values() for query in area.queries() if " dbo." in query.text and not query.rights]
    assert silent == []


def test_the_script_gives_no_role_of_others():
    text = "".join(rights.scripts().values()).replace(rights.ROLE, "")
    grants = [line for line in text.splitlines() if line.startswith(("GRANT", "ALTER ROLE", "ALTER SERVER ROLE", "EXEC"))]
    assert not [line for line in grants if "BTS_" in line or "SQLAgent" in line or line.startswith(("ALTER SERVER ROLE", "EXEC"))]
    assert all(line.startswith(("GRANT SELECT ON ", "GRANT VIEW ", "GRANT EXECUTE ON ", "ALTER ROLE [] ADD MEMBER")) for line in grants)
