"""Accounts as SIDs, and access lists as the text of a security descriptor (SDDL). Made SIDs are the same in every run."""
from __future__ import annotations

import zlib

from lab import files

WELL_KNOWN = {"everyone": "WD", "builtin\\administrators": "BA", "builtin\\users": "BU", "nt authority\\system": "SY",
              "nt authority\\authenticated users": "AU", "creator owner": "CO", "builtin\\backup operators": "BO"}
DOMAIN_GROUPS = {"domain admins": 512, "domain users": 513, "domain guests": 514, "domain computers": 515}


def sid(name):
    """The SID of an account, or the two letters that SDDL has for it."""
    folded = name.casefold()
    if folded in WELL_KNOWN or folded.startswith("s-1-"):
        return WELL_KNOWN.get(folded, name)
    domain, _backslash, account = folded.rpartition("\\")
    number = zlib.crc32(domain.encode())
    return f"S-1-5-21-{number}-{number ^ 0x5A5A5A5A}-{number >> 3}-{DOMAIN_GROUPS.get(account, 1104 + zlib.crc32(account.encode()) % 9000)}"


def of_item(entry, rules, own):
    """The descriptor of a file or folder. *rules*: the effective entries ``[who, right, type]``, of which the first *own* are not inherited."""
    protected = "P" if entry.acl and not entry.acl["inherit"] else ""
    aces = "".join(f"({'D' if kind == 'Deny' else 'A'};{'OICI' if entry.folder else ''}{'' if place < own else 'ID'};{_hex(right)};;;{sid(who)})"
                   for place, (who, right, kind) in enumerate(rules))
    return f"O:{sid(entry.owner)}G:BAD:{protected}AI{aces}"


def of_share(share):
    """The descriptor of a share."""
    access = share.get("access") or {**dict.fromkeys(share.get("writers", ()), "Change"), "Everyone": "Read"}
    return "O:BAG:BAD:" + "".join(f"(A;;0x{files.SHARE_RIGHTS[right]:x};;;{sid(who)})" for who, right in access.items())


def _hex(right):
    mask = 0
    for name in str(right).split(","):
        mask |= files.RIGHTS[name.strip()]
    return f"0x{mask:x}"
