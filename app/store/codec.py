"""How a line's standing is written in Redis, and times in every other record: compact, read back as it was."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.domain import record
from app.domain.changes import LineState
from app.domain.standing import Cause, Standing

REGISTERED, GONE, UNREADABLE = b"=", b"-", b"?"
"""The first byte of a record; one that begins with a digit is a short one, of a line that is registered."""
_MARKS = {LineState.REGISTERED: REGISTERED, LineState.NOT_REGISTERED: GONE, LineState.UNREADABLE: UNREADABLE}
_STATES = {mark: state for state, mark in _MARKS.items()}
_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
_TIMES = rb"-?[0-9]{1,12}(?:,-?[0-9]{1,12})*"
_HEAD = re.compile(rb"([=?-])(%b)(?:;(?:(%b)|([a-z]+)))?" % (_TIMES, _TIMES))
_SHORT = re.compile(rb"([1-9][0-9]{9})\t[^\n]*")
UNKNOWN = Standing(LineState.UNREADABLE, ())
"""Of a line whose record another version wrote, until the next answer."""


def epoch(moment: datetime | None) -> float | None:
    """Epoch seconds with milliseconds, None for None; never later than it was."""
    # In whole numbers: a float of a far time would lose a millisecond each time that it is read and written again.
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND / 1000


def moment(seconds: float | None) -> datetime | None:
    """The reverse of `epoch`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def encode(standing: Standing) -> bytes:
    """``mark changes;since-or-cause NEWLINE bindings``, numbers in decimal and separated by commas.

    A line that is registered since the last REGISTER of its only binding, and never changed before, is that binding
    alone: a million of them are written as they come.
    """
    # Only a line that is registered has a binding.
    if not standing.since and is_short(standing.body) and standing.changes == (int(standing.body[:10]),):
        return standing.body
    changes = ",".join(map(str, standing.changes))
    more = standing.cause or ",".join(map(str, standing.since))
    head = f"{changes};{more}" if more else changes
    return b"%b%b\n%b" % (_MARKS[standing.state], head.encode(), standing.body)


def is_short(body: bytes) -> bool:
    """Whether these bindings may be a record by themselves: one, whose last REGISTER is a time of these centuries."""
    return _SHORT.fullmatch(body) is not None


def are_short(bodies: Sequence[bytes]) -> bool:
    """Whether all of many may be; looked at together, which is quick."""
    heads = b"".join([body[:11] for body in bodies])
    times, count = heads.translate(None, b"\t"), len(bodies)
    if heads[10::11] != b"\t" * count or len(times) != 10 * count or not times.isdigit():
        return False
    return min(bodies) >= b"1" and b"\n" not in b"".join(bodies)


def decode(value: bytes) -> Standing:
    """The reverse of `encode`. Raises ValueError for what it did not write."""
    if short := _SHORT.fullmatch(value):
        if not record.is_body(value):
            raise ValueError("not a record of ours")
        return Standing(LineState.REGISTERED, (int(short[1]),), value)
    head, newline, body = value.partition(b"\n")
    found = _HEAD.fullmatch(head)
    if found is None or not newline:
        raise ValueError("not a record of ours")
    mark, times, more, cause = found.groups()
    changes, since = _numbers(times), _numbers(more) if more else ()
    if mark == REGISTERED:
        if cause or not record.is_body(body) or (since and len(since) != body.count(b"\n") + 1):
            raise ValueError("not a record of ours")
        return Standing(LineState.REGISTERED, changes, body, since)
    if since or body:
        raise ValueError("not a record of ours")
    return Standing(_STATES[mark], changes, cause=Cause(cause.decode()) if cause else None)


def read(value: bytes | None) -> Standing | None:
    """How a line stands by what is stored, None for nothing; what nobody can read says nothing of the line."""
    try:
        return None if value is None else decode(value)
    except ValueError:
        return UNKNOWN


def _numbers(text: bytes) -> tuple[int, ...]:
    return tuple(map(int, text.split(b",")))
