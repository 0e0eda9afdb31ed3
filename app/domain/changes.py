"""What is remembered of a line's changes of state: since when it is in the present one, and whether it is unsteady."""

from enum import StrEnum

WINDOW = 600
"""Seconds within which changes are counted."""
UNSTEADY = 4
"""So many changes within the window are a mark of their own."""

Changes = tuple[int, ...]
"""Epoch seconds at which the state changed, the newest first: at least one, and as many more as the mark may need."""


class LineState(StrEnum):
    """What a server says of a line."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not_registered"
    UNREADABLE = "unreadable"
    """It told something that nobody could read."""


def changed(before: Changes, at: int) -> Changes:
    """The changes with a new one."""
    recent = [other for other in before if at - WINDOW < other <= at]
    return (at, *recent[: UNSTEADY - 1])


def unsteady_until(changes: Changes) -> int | None:
    """The epoch second until which a line counts as unsteady; None for one that does not."""
    return changes[UNSTEADY - 1] + WINDOW if len(changes) >= UNSTEADY else None
