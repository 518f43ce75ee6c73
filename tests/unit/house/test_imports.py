"""The arrows between the rooms go one way: action -> plugin_utils -> module_utils, action -> modules -> module_utils."""
from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OURS = "ansible_collections.biztalk.fault_tolerance.plugins."
ROOMS = {  # room -> rooms of ours that it may import
    "module_utils": {"module_utils"},
    "modules": {"module_utils"},
    "plugin_utils": {"plugin_utils", "module_utils"},
    "action": {"plugin_utils", "module_utils", "modules"},
    "doc_fragments": set(),
    "filter": {"plugin_utils", "module_utils"},
    "inventory": {"plugin_utils", "module_utils"},
}
BARE = {"module_utils", "modules"}  # these run where only Python and ansible.module_utils are


def imports(source):
    """Every imported module of a source text, also those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # "from package import name": the name may be a module too
            yield from (f"{base}.{alias.name}" for alias in node.names)


def plugin_faults(room, source):
    """What a plugin of *room* imports and may not, one sentence each."""
    for name in imports(source):
        if name.startswith("."):
            yield f"{name} is relative"
        elif name.startswith(OURS.removesuffix("plugins.")):
            target = name.removeprefix(OURS).split(".")[0]
            if target not in ROOMS[room]:
                yield f"{room} may not import {name}"
        elif name.split(".")[0] in ("lab", "tests", "tools"):
            yield f"{room} may not know {name}"
        elif room in BARE and name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("ansible.module_utils."):
            yield f"{room} may import Python's own library and ansible.module_utils, not {name}"


def lab_faults(source):
    """What the lab imports and may not: it must not agree with the product by sharing its code."""
    return [f"the lab may not import {name}" for name in imports(source)
            if name.split(".")[0] in ("ansible_collections", "plugins", "ansible")]


def test_the_plugins_import_downward_only():
    files = sorted((ROOT / "plugins").rglob("*.py"))
    assert {path.relative_to(ROOT / "plugins").parts[0] for path in files} <= ROOMS.keys()
    faults = [f"{path.relative_to(ROOT)}: {fault}" for path in files
              for fault in plugin_faults(path.relative_to(ROOT / "plugins").parts[0], path.read_text(encoding="utf-8"))]
    assert len(files) > 10
    assert faults == []


def test_the_lab_imports_nothing_of_the_product():
    files = sorted((ROOT / "lab").rglob("*.py"))
    assert files
    assert [f"{path.name}: {fault}" for path in files for fault in lab_faults(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(("room", "line"), [
    ("module_utils", f"from {OURS}plugin_utils import host"),
    ("module_utils", "def f():\n    import yaml"),
    ("modules", f"import {OURS}plugin_utils.host"),
    ("modules", f"from {OURS.removesuffix('.')} import action"),
    ("plugin_utils", f"from {OURS}modules import cluster_quorum"),
    ("plugin_utils", "from lab import state"),
    ("action", "from . import controller"),
    ("action", "from ansible_collections.biztalk.fault_tolerance.lab import state"),
])
def test_an_arrow_upward_is_found(room, line):
    assert list(plugin_faults(room, line))


@pytest.mark.parametrize("line", [f"from {OURS}module_utils import batch", "from ansible.plugins.action import ActionBase"])
def test_a_lab_that_peeks_is_found(line):
    assert lab_faults(line)
