"""Makes docs/coverage.md from docs/coverage.yml: what Microsoft's pages ask for, and what of this collection answers it.

    .venv/bin/python -m tools.coverage
"""
from __future__ import annotations

import pathlib

import yaml

from ansible_collections.biztalk.fault_tolerance.plugins.plugin_utils import baseline

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA, PAGE = ROOT / "docs" / "coverage.yml", ROOT / "docs" / "coverage.md"
ONLY_A_REASON = 6       # rows at most
HEAD = """\
# What of Microsoft's pages is covered

Made by `python -m tools.coverage` from [coverage.yml](coverage.yml). Each row of the page from which this collection began, and of the
checklists that it points at, in our own words: the controls that judge it, and the modules, roles and playbooks that do it. {reasoned} of
{rows} rows have neither, for one of these reasons:

"""


def read():
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


def resources():
    """What a row may name: the modules, roles and playbooks that there are."""
    return {path.stem for folder in ("plugins/modules", "playbooks") for path in (ROOT / folder).glob("*.[py]*")} | {
        path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}


def problems(data, controls, things):
    """One sentence for each row that promises what is not there. *controls*: ids; *things*: names of resources."""
    found, reasoned = [], 0
    for page in data["pages"]:
        numbers = [row["n"] for row in page["rows"]]
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"{page['id']}: the rows are not numbered from 1 on")
        for row in page["rows"]:
            where = f"{page['id']} {row['n']}"
            named = row.get("controls", []) + row.get("resources", [])
            found += [f"{where}: there is no control {one}" for one in row.get("controls", []) if one not in controls]
            found += [f"{where}: there is no resource {one}" for one in row.get("resources", []) if one not in things]
            if "reason" in row and row["reason"] not in data["reasons"]:
                found.append(f"{where}: {row['reason']} is no reason of the list")
            if not named and "reason" not in row:
                found.append(f"{where}: nothing covers it, and no reason says why")
            if named and "reason" in row:
                found.append(f"{where}: it is covered and has a reason why not")
            reasoned += not named
    if reasoned > ONLY_A_REASON:
        found.append(f"{reasoned} rows have only a reason, where {ONLY_A_REASON} may")
    return found


def render(data, titles):
    """The page. *titles*: control id -> title."""
    rows = [row for page in data["pages"] for row in page["rows"]]
    text = HEAD.format(reasoned=sum("reason" in row for row in rows), rows=len(rows))
    text += "".join(f"- *{name}*: {says}\n" for name, says in data["reasons"].items())
    for page in data["pages"]:
        text += f"\n## {page['title']}\n\n`{page['source']}` of MicrosoftDocs/biztalk-docs.\n\n"
        text += "| | asks for | judged by | done by |\n| --- | --- | --- | --- |\n"
        for row in page["rows"]:
            judged = "<br>".join(f"{one} {titles[one]}" for one in row.get("controls", [])) or (f"*{row['reason']}*" if "reason" in row else "")
            done = ", ".join(f"`{one}`" for one in row.get("resources", []))
            number = f"{row['n']} (line {row['line']})" if "line" in row else row["n"]
            text += f"| {number} | {row['says']} | {judged} | {done} |\n"
    return text


if __name__ == "__main__":
    loaded = {control.id: control.title for control in baseline.load().controls}
    wrong = problems(read(), loaded, resources())
    if wrong:
        raise SystemExit("\n".join(wrong))
    PAGE.write_text(render(read(), loaded), encoding="utf-8")
