"""What the history missed: every line of a server is compared with its last row in the database, some at a time."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic
from typing import NamedTuple

from app.domain.changes import LineState
from app.domain.standing import Cause, Standing
from app.store import lookups
from app.store.history import Change
from app.store.servers import ServerState
from workers.changes import Place, change_of
from workers.history import Last, insert, last_known
from workers.runtime import Runtime

_SECONDS = 1.0
"""How long a census may compare: nobody pulls the server meanwhile. The next one goes on from there."""
_SETTLED = timedelta(minutes=1)
"""A change so young may be newer than the snapshot, or still on its way: the next census sees to it."""


class Told(NamedTuple):
    """What is known of the snapshot that a census looks at."""

    at: datetime
    unrecorded: bool
    """Whether nothing of what it changed is on its way into the history."""
    asked_since: Collection[bytes]
    """Lines that were looked up since: what it says of them is old."""


class Reconciliation:
    """Compares pages of lines as a census comes by them; all of them where nothing was told line by line."""

    def __init__(self, runtime: Runtime, server_id: int, state: ServerState) -> None:
        self._runtime = runtime
        self._server_id = server_id
        self._state = state
        self._left = inf if state.unrecorded else _SECONDS
        self._first = 0 if state.unrecorded else state.reconciled
        self._page = 0
        self._done = self._first

    @property
    def following(self) -> int:
        """The page with which the next census goes on: the first one once all are through."""
        return self._done if self._done < self._page else 0

    def page(self, places: Sequence[Place], stood: Sequence[Standing | None]) -> None:
        """The next page of a server's lines, and how they stand: write what the history does not know."""
        at, number = self._state.answered_at, self._page
        self._page += 1
        if at is None or number < self._first or self._left <= 0:
            return
        began = monotonic()
        asked_since = lookups.since(self._runtime.redis, self._server_id, at.timestamp()).keys()
        with self._runtime.sessions.begin() as session:
            known = last_known(session, [place.unique_id for place in places])
            insert(session, list(_missed(places, stood, known, Told(at, self._state.unrecorded, asked_since))))
        self._left -= monotonic() - began
        self._done = number + 1


def _missed(
    places: Iterable[Place], stood: Iterable[Standing | None], known: Mapping[int, Last], told: Told
) -> Iterator[Change]:
    absent = Standing(LineState.NOT_REGISTERED, (int(told.at.timestamp()),), cause=Cause.UNOBSERVED)
    for place, standing in zip(places, stood, strict=True):
        if standing is not None and not standing.changes:
            # What nobody can read says nothing.
            continue
        last, now, key = known.get(place.unique_id), standing or absent, place.aor.encode("utf-8", "replace")
        if key not in told.asked_since and _is_news(last, now, told, there=standing is not None):
            change = change_of(place, last.state if last else None, now, now.body)
            yield change if last is None else change._replace(at=max(change.at, int(last.at.timestamp()) + 1))


def _is_news(last: Last | None, now: Standing, told: Told, *, there: bool) -> bool:
    settled = told.at - _SETTLED
    if there and not told.unrecorded and now.changes and datetime.fromtimestamp(now.changes[0], UTC) > settled:
        return False
    if last is None:
        # A line that was never registered has no history.
        return now.state is not LineState.NOT_REGISTERED
    return last.state is not now.state and last.at <= settled
