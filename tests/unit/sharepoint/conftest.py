"""Where the tests of SharePoint find their helpers."""
from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "baseline"), str(HERE.parents[3])]
