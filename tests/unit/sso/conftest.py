"""Where tests of Enterprise Single Sign-On find the helpers of other folders."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "baseline"), str(Path(__file__).resolve().parents[3])]
