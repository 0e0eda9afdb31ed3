"""A census: every line of a server looked at once, to count the circles anew and to find what the history missed.

What a pull changes is counted from the lines that turned. What nobody tells us (an operator moved lines, changed a type
or made a server live) is put right by a census from time to time; and when too much turned at once to be told line by
line, or Redis has forgotten, a census finds it.
"""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import select

from app.domain.changes import LineState
from app.models import Circle, Unique, is_live, with_live
from app.store import lines, snapshots
from app.store.lease import Lease, fenced
from app.store.places import Places, bucket_of, is_due
from app.store.servers import ServerState
from workers.changes import Place
from workers.reconciling import Reconciliation
from workers.runtime import Runtime

_EVERY = timedelta(minutes=1)
_LONGEST = timedelta(minutes=30)
_SHARE = 100
"""A census takes no more than this part of the time: the next is due a hundred times its length later."""
_PAGE = 5000
_BUCKETS = 256


@dataclass(slots=True)
class Tallies:
    """The live lines by circle."""

    registered: Counter[int] = field(default_factory=Counter)
    unreadable: Counter[int] = field(default_factory=Counter)

    def add(self, place: Place, state: LineState) -> None:
        """Count one line."""
        if place.live and state is LineState.REGISTERED:
            self.registered[place.circle_id] += 1
        elif place.live and state is LineState.UNREADABLE:
            self.unreadable[place.circle_id] += 1


def is_wanted(runtime: Runtime, server_id: int, state: ServerState, now: datetime) -> bool:
    """Whether it is time for a census of a server."""
    due = state.recount_at
    early = due is None or not timedelta() < due - now <= _LONGEST
    return is_due(runtime.redis, server_id) or early or state.unrecorded or state.counted != state.generation


def take(runtime: Runtime, server_id: int, state: ServerState, lease: Lease) -> ServerState:
    """Look at every line of a server whose pull's lease is ours; the server's state with what came of it, stored.

    Raises LeaseLostError.
    """
    began, now, tallies = monotonic(), runtime.clock(), Tallies()
    ledger = Reconciliation(runtime, server_id, state)
    for places in _pages(runtime, server_id):
        stood = lines.standings(runtime.redis, server_id, [place.aor for place in places])
        for place, standing in zip(places, stood, strict=True):
            tallies.add(place, standing.state if standing else LineState.NOT_REGISTERED)
        ledger.page(places, stood)
    _write(runtime, server_id, tallies, lease)
    took = timedelta(seconds=monotonic() - began)
    counted = replace(
        state,
        counted=state.generation,
        unrecorded=False,
        reconciled=ledger.following,
        recount_at=now + min(max(_EVERY, took * _SHARE), _LONGEST),
    )
    snapshots.record(runtime.redis, server_id, counted, lease)
    return counted


def new_generation() -> str:
    """One that no server ever had."""
    return secrets.token_hex(4)


def _pages(runtime: Runtime, server_id: int) -> Iterator[Sequence[Place]]:
    """Every line of a server, piece by piece."""
    query = with_live(select(Unique.aor, Unique.id, Unique.circle_id, is_live())).where(Unique.server_id == server_id)
    last = ""
    while True:
        with runtime.sessions() as session:
            rows = session.execute(query.where(Unique.aor > last).order_by(Unique.aor).limit(_PAGE)).all()
        if not rows:
            return
        yield [Place(*row) for row in rows]
        last = rows[-1].aor


def _write(runtime: Runtime, server_id: int, tallies: Tallies, lease: Lease) -> None:
    """Store the counts that differ from what is stored, and give up those of circles that are gone."""
    places = Places(runtime.redis, server_id)
    gone = places.stored()
    for buckets in _buckets(runtime):
        gone.difference_update(buckets)
        places.load(buckets)
        # Also of ids that no circle has: a bucket may hold what is left of one.
        for circle in (circle for bucket in buckets for circle in places.circles(bucket)):
            held, new = places[circle], (tallies.registered[circle], tallies.unreadable[circle])
            if (held.registered, held.unreadable) != new:
                places.put(circle, *new)
        _store(runtime, places, lease)
    for some in _pieces(sorted(gone)):
        places.drop(some)
        _store(runtime, places, lease)


def _store(runtime: Runtime, places: Places, lease: Lease) -> None:
    with fenced(runtime.redis, lease) as pipe:
        places.queue(pipe)
    places.forget()


def _buckets(runtime: Runtime) -> Iterator[Sequence[int]]:
    """The buckets that circles are in, some at a time: where ids lie far apart, nothing is done for what lies between.

    A bucket whose circles are on two pages comes twice.
    """
    query, last = select(Circle.id).order_by(Circle.id).limit(_PAGE), -1
    while True:
        with runtime.sessions() as session:
            ids = session.scalars(query.where(Circle.id > last)).all()
        if not ids:
            return
        yield from _pieces(sorted(set(map(bucket_of, ids))))
        last = ids[-1]


def _pieces(buckets: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(buckets), _BUCKETS):
        yield buckets[start : start + _BUCKETS]
