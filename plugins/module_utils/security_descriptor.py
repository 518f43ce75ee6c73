# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Who may change or delete, by the text of a security descriptor (SDDL): by SID, since names are translated.

Source: Microsoft's pages on the security descriptor string format, ACE strings and SID strings.
"""

import re

ACE = re.compile(r"\(([^;()]*);([^;()]*);([^;()]*);[^;()]*;[^;()]*;([^;()]*)[^()]*\)")
DACL = re.compile(r"D:[A-Z]*((?:\([^()]*\))*)")
SIDS = {"WD": "S-1-1-0", "CO": "S-1-3-0", "AN": "S-1-5-7", "AU": "S-1-5-11", "SY": "S-1-5-18", "LS": "S-1-5-19", "NS": "S-1-5-20", "IU": "S-1-5-4",
        "NU": "S-1-5-2", "BA": "S-1-5-32-544", "BU": "S-1-5-32-545", "BG": "S-1-5-32-546", "PU": "S-1-5-32-547", "SO": "S-1-5-32-549",
        "BO": "S-1-5-32-551", "RD": "S-1-5-32-555"}
LETTERS = {"GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000, "RC": 0x20000, "SD": 0x10000, "WD": 0x40000, "WO": 0x80000,
           "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0, "CC": 1, "DC": 2, "LC": 4, "SW": 8, "RP": 0x10, "WP": 0x20, "DT": 0x40,
           "LO": 0x80, "CR": 0x100}
# write and append data, delete a child, delete, change the access list or the owner, and the generic rights that stand for them
CHANGING = 0x2 | 0x4 | 0x40 | 0x10000 | 0x40000 | 0x80000 | LETTERS["GA"] | LETTERS["GW"]
READING = 0x1 | LETTERS["GA"] | LETTERS["GR"]
# everyone, network, interactive and anonymous logons, authenticated users, users and guests; of a domain its users, guests and computers
EVERYBODY = {"S-1-1-0", "S-1-5-2", "S-1-5-4", "S-1-5-7", "S-1-5-11", "S-1-5-32-545", "S-1-5-32-546", "DU", "DG", "DC"}
DOMAIN_WIDE = re.compile(r"S-1-5-21-\d+-\d+-\d+-(?:513|514|515)")


def may_change(sddl, below=False):
    """The SIDs that an access list allows to change or delete something, sorted; None where the text holds no access list.

    *below*: in what lies below a folder counts too, so entries that are there only to be inherited are heeded.
    Denials are not taken off: who is denied by one entry may be let in by the group of another, and the answer is for a person to look at.
    """
    return _allowed(sddl, CHANGING, below)


def may_read(sddl, below=False):
    """The SIDs that an access list allows to read what is in a file; as ``may_change`` else."""
    return _allowed(sddl, READING, below)


def _allowed(sddl, wanted, below):
    found = DACL.search(sddl)
    if not found:
        return None
    return sorted({SIDS.get(who, who) for kind, flags, rights, who in ACE.findall(found[1]) if kind in ("A", "XA") and _mask(rights) & wanted
                   and (below or "IO" not in [flags[place:place + 2] for place in range(0, len(flags), 2)])})


def is_everybody(sid):
    """Whether a SID stands for people whom nobody chose: everyone, all users of a computer or of a domain."""
    return sid in EVERYBODY or DOMAIN_WIDE.fullmatch(sid) is not None


def _mask(rights):
    if rights.lower().startswith("0x"):
        return int(rights, 16)
    if rights.isdigit():
        return int(rights)
    mask = 0
    for place in range(0, len(rights), 2):
        mask |= LETTERS.get(rights[place:place + 2], CHANGING)      # what is not known may be the right to change
    return mask
