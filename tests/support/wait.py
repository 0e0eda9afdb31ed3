"""The one way in which a test waits: for a condition, with a deadline."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.02


def until(condition: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer of `condition`. Raises AssertionError, naming `what`, when none came within `seconds`."""
    never = Event()
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        never.wait(_PAUSE)
    return answer
