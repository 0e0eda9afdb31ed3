"""How a line's standing is written in Redis, and times in every other record: compact, read back as it was."""

from datetime import UTC, datetime
from math import floor

from app.domain.changes import LineState
from app.domain.standing import Cause, Standing

REGISTERED, GONE, UNREADABLE = b"+", b"-", b"?"
"""The first byte of a record."""
_MARKS = {LineState.REGISTERED: REGISTERED, LineState.NOT_REGISTERED: GONE, LineState.UNREADABLE: UNREADABLE}
_STATES = {mark: state for state, mark in _MARKS.items()}


def epoch(moment: datetime | None) -> float | None:
    """Epoch seconds with milliseconds, None for None; never later than it was."""
    return None if moment is None else floor(moment.timestamp() * 1000) / 1000


def moment(seconds: float | None) -> datetime | None:
    """The reverse of `epoch`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def encode(standing: Standing) -> bytes:
    """``mark changes;since-or-cause NEWLINE bindings``, numbers in decimal and separated by commas."""
    changes = ",".join(map(str, standing.changes))
    more = standing.cause or ",".join(map(str, standing.since))
    head = f"{changes};{more}" if more else changes
    return b"%b%b\n%b" % (_MARKS[standing.state], head.encode(), standing.body)


def decode(value: bytes) -> Standing:
    """The reverse of `encode`. Raises ValueError for what it did not write."""
    head, newline, body = value.partition(b"\n")
    state = _STATES.get(head[:1])
    if state is None or not newline:
        raise ValueError("not a record of ours")
    changes, _, more = head[1:].decode("ascii", "replace").partition(";")
    times = _numbers(changes)
    if state is LineState.REGISTERED:
        return Standing(state, times, body, _numbers(more))
    return Standing(state, times, body, cause=Cause(more) if more else None)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()
