"""What a database administrator does with the scripts for the audit's login (docs/rights*.sql): the grants, as they stand there."""
from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
USE = re.compile(r"USE \[(.+?)\];")
GRANT = re.compile(r"GRANT (?P<right>[A-Z ]+?)(?: ON (?P<class>DATABASE|OBJECT)?(?:::)?(?P<thing>(?:\[[^\]]+\]\.?)+))? TO \[[^\]]+\];")
WHERE_THERE = re.compile(r"IF OBJECT_ID\(N'(?P<thing>[^']+)'\) IS NOT NULL")
PASSED = re.compile(r"IF |    CREATE |ALTER ROLE |GO$|--|$")


def grants(management=None, instance=None):
    """``[(right, securable)]`` of the script for every instance, and of the other one where the *management* database is given. What
    stands behind an IF is granted where the *instance* has the object."""
    found, lacks = [], False
    for file in ["rights.sql"] + (["rights-management.sql"] if management else []):
        database = ""
        for line in (DOCS / file).read_text(encoding="utf-8").splitlines():
            if use := USE.match(line):
                database = use[1].replace("$(Management)", management or "")
                if database != "master":
                    found.append(("CONNECT", database))
            elif there := WHERE_THERE.fullmatch(line):
                lacks = instance is None or (database.casefold(), there["thing"].casefold()) not in instance.columns
            elif grant := GRANT.fullmatch(line.strip()):
                if lacks and line.startswith(" "):
                    continue
                thing = (grant["thing"] or "").replace("[", "").replace("]", "")
                here = "" if database == "master" else database
                found.append((grant["right"], f"{database}.{thing}" if thing else here))
            elif not PASSED.match(line):
                raise ValueError(f"{file}: the lab does not understand: {line}")
    return found


def run(instance, login, management=None):
    """Gives a login what the scripts give it."""
    for right, securable in grants(management, instance):
        instance.grant(login, right, securable)
