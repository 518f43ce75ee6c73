# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.change import Change, Plan, diff, left_over, told, undo

WITNESS = Change(("witness",), {"kind": "none"}, {"kind": "disk", "disk": "Disk 1"}, [], "", {"witness": "none"})
FIRST = Change(("node_weights", "a.b[c]"), 1, 0, [], "Less.", {"node_weights": [{"name": "a.b[c]", "weight": 1}]})
SECOND = Change(("node_weights", "B"), 0, 1, [], "", {"node_weights": [{"name": "B", "weight": 0}]})
FLAG = Change(("dynamic_quorum",), False, True, [], "", {"dynamic_quorum": False})


def test_diff_is_nested_by_path_and_holds_the_changed_values_only():
    assert diff([WITNESS, FIRST, SECOND]) == {
        "before": {"witness": {"kind": "none"}, "node_weights": {"a.b[c]": 1, "B": 0}},
        "after": {"witness": {"kind": "disk", "disk": "Disk 1"}, "node_weights": {"a.b[c]": 0, "B": 1}}}
    assert diff([]) == {"before": {}, "after": {}}


def test_undo_joins_lists_and_leaves_the_changes_alone():
    wanted = {"witness": "none", "dynamic_quorum": False, "node_weights": [{"name": "a.b[c]", "weight": 1}, {"name": "B", "weight": 0}]}
    assert undo([WITNESS, FIRST, SECOND, FLAG]) == undo([WITNESS, FIRST, SECOND, FLAG]) == wanted
    assert undo([]) == {}


def test_a_change_in_one_line():
    assert told(WITNESS)["text"] == "witness: none -> disk Disk 1"
    assert told(FLAG)["text"] == "dynamic_quorum: false -> true"
    assert told(FIRST) == {"path": "node_weights[a.b[c]]", "before": 1, "after": 0, "risk": "Less.", "text": "node_weights[a.b[c]]: 1 -> 0"}


def test_what_did_not_converge():
    assert left_over(Plan()) == ""
    assert left_over(Plan([FLAG, SECOND])).endswith("What is left: dynamic_quorum: false -> true; node_weights[B]: 0 -> 1.")
    assert "could not be judged: Why." in left_over(Plan(refusal="Why."))
