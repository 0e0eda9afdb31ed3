"""How often an open page polls: the rule of app/static/live.js with the numbers that stand there.

A test runs that script in a browser and compares the moments of its polls with these.
"""

import re
from pathlib import Path
from typing import Final

_SCRIPT = Path(__file__).parents[1] / "app" / "static" / "live.js"
_NUMBERS = dict(re.findall(r"const ([A-Z]+) = ([\d_.]+);", _SCRIPT.read_text(encoding="utf-8")))

SOON: Final = float(_NUMBERS["SOON"]) / 1000
"""Seconds until the next poll after a change or an interaction."""
LATE: Final = float(_NUMBERS["LATE"]) / 1000
"""The longest pause, in seconds."""
LIVELY: Final = float(_NUMBERS["LIVELY"]) / 1000
"""For how many seconds after that it stays so."""
GROWTH: Final = float(_NUMBERS["GROWTH"])
"""By how much each pause is longer than the one before, later on."""


def pause_after(pause: float, quiet: float) -> float:
    """Seconds until the next poll, after one that came `pause` after the last; for `quiet` seconds nothing happened."""
    return SOON if quiet < LIVELY else min(pause * GROWTH, LATE)
