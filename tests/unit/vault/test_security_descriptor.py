"""Who may change something, by the text of a security descriptor."""
from __future__ import annotations

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.security_descriptor import is_everybody, may_change

DOMAIN = "S-1-5-21-1-2-3"


@pytest.mark.parametrize(("sddl", "sids"), [
    ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", ["S-1-5-18", "S-1-5-32-544"]),
    ("O:BAG:SYD:AI(A;OICIID;0x1200a9;;;BU)(A;OICIIOID;GA;;;CO)", ["S-1-3-0"]),
    ("D:(A;;0x1301bf;;;" + DOMAIN + "-1104)(A;;FR;;;WD)", [DOMAIN + "-1104"]),
    ("D:(A;CIID;LC;;;BU)(A;CIID;DC;;;AU)(A;;CCSWRPLOCRRC;;;WD)", ["S-1-5-11", "S-1-5-32-545"]),
    ("D:(D;;FA;;;WD)(A;;SD;;;BO)", ["S-1-5-32-551"]),
    ("D:(A;;1179785;;;WD)(A;;1180063;;;BU)", ["S-1-5-32-545"]),
    ("D:(A;;ZZ;;;BU)", ["S-1-5-32-545"]),
    ("D:", []),
    ("O:BAG:SY", None),
])
def test_the_sids_that_may_change(sddl, sids):
    assert may_change(sddl, below=True) == sids
    assert may_change(sddl) == (sids and [sid for sid in sids if sid != "S-1-3-0"])


def test_people_whom_nobody_chose():
    assert all(map(is_everybody, ("S-1-1-0", "S-1-5-11", "S-1-5-32-545", DOMAIN + "-513", DOMAIN + "-515")))
    assert not any(map(is_everybody, ("S-1-5-18", "S-1-5-32-544", DOMAIN + "-512", DOMAIN + "-1104", "S-1-5-21-513")))
