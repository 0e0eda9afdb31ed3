"""Requests that wait a moment for an answer, so few at once that they never keep others from being served."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SLOTS = 3
"""How many requests of one process may wait; whoever finds no slot asks again a moment later, as browsers do."""
_TURN = 0.012
_TURNS = 16
_slots = threading.BoundedSemaphore(_SLOTS)


@contextmanager
def slot() -> Iterator[Iterator[bool]]:
    """Turns for who waits: each comes after a short pause, and after a fifth of a second there are no more."""
    ours = _slots.acquire(blocking=False)
    try:
        yield _turns() if ours else iter(())
    finally:
        if ours:
            _slots.release()


def _turns() -> Iterator[bool]:
    for _ in range(_TURNS):
        time.sleep(_TURN)
        yield True
