"""What a snapshot changes for the circles: whose pages must be drawn anew, and how many of their lines are registered.

A change is counted from the lines that turned. What nobody tells us (an operator moved lines, changed a type or made a
server live) is put right by counting everything anew from time to time, and at once where Redis has forgotten.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

from redis import Redis
from sqlalchemy import Row, select

from app.models import Unique, is_live, with_live
from app.store import counts
from app.store.counts import Change
from app.store.snapshots import Delta, Told
from workers.runtime import Runtime

_EVERY = timedelta(minutes=1)
_LONGEST = timedelta(minutes=30)
_SHARE = 100
"""Counting anew takes no more than this part of a server's time: the next is due a hundred times its length later."""
_MANY = 5000
"""More lines than this that turned at once cost more than all lines in their order."""
_PAGE = 5000
_CHUNK = 500

_Place = Row[str, int, bool]
"""A line's key, its circle, and whether its sign is live."""


def change(runtime: Runtime, server_id: int, delta: Delta, now: datetime) -> Change:
    """What to publish beside `delta`."""
    if delta.first or len(delta.turned) > _MANY or counts.is_due(runtime.redis, server_id, now):
        return _anew(runtime, server_id, delta, now)
    made = Change()
    for aor, circle_id, live in _places_of(runtime, server_id, list(delta.turned)):
        made.circles.add(circle_id)
        if live:
            before, after = delta.turned[aor]
            _add(made, circle_id, before, -1)
            _add(made, circle_id, after, 1)
    return made


def _anew(runtime: Runtime, server_id: int, delta: Delta, now: datetime) -> Change:
    made, began = Change(), monotonic()
    for aor, circle_id, live in _places(runtime, server_id):
        if aor in delta.turned:
            made.circles.add(circle_id)
        if live:
            _add(made, circle_id, delta.told(aor), 1)
    made.circles |= _differing(runtime.redis, server_id, made)
    took = timedelta(seconds=monotonic() - began)
    made.due = now + min(max(_EVERY, took * _SHARE), _LONGEST)
    return made


def _add(made: Change, circle_id: int, told: Told, count: int) -> None:
    if told is Told.REGISTERED:
        made.registered[circle_id] += count
    elif told is Told.UNREADABLE:
        made.unreadable[circle_id] += count


def _differing(redis: "Redis", server_id: int, made: Change) -> set[int]:
    """The circles of which something else was stored."""
    old = counts.stored(redis, server_id)
    pairs = ((old.registered, made.registered), (old.unreadable, made.unreadable))
    return {circle for before, after in pairs for circle in {*before, *after} if before[circle] != after[circle]}


def _places_of(runtime: Runtime, server_id: int, aors: list[str]) -> Iterator[_Place]:
    query = with_live(select(Unique.aor, Unique.circle_id, is_live())).where(Unique.server_id == server_id)
    with runtime.sessions() as session:
        for start in range(0, len(aors), _CHUNK):
            yield from session.execute(query.where(Unique.aor.in_(aors[start : start + _CHUNK])))


def _places(runtime: Runtime, server_id: int) -> Iterator[_Place]:
    """Every line of a server, piece by piece."""
    query = with_live(select(Unique.aor, Unique.circle_id, is_live())).where(Unique.server_id == server_id)
    last = ""
    while True:
        with runtime.sessions() as session:
            page = session.execute(query.where(Unique.aor > last).order_by(Unique.aor).limit(_PAGE)).all()
        if not page:
            return
        yield from page
        last = page[-1].aor
