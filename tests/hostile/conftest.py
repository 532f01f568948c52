"""Attacks on the filter are put to the machine that tests/confine has for it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "confine"))
