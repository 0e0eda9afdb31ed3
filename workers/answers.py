"""Keeps what a server answered about one line, and remembers it if the line changed."""

from app.domain.changes import LineState
from app.domain.record import row_of
from app.domain.registration import Lookup
from app.domain.sign import Source
from app.domain.standing import Standing
from app.store import history as waiting
from app.store import lines, lookups
from app.store.lookups import LookedUp
from workers import history
from workers.changes import Place, change_of, places_of
from workers.runtime import Runtime


def keep(runtime: Runtime, server_id: int, found: Lookup, circle_id: int, source: Source = Source.LOOKUP) -> None:
    """Store an answer for whoever waits for it; then note the change, if it is one.

    An answer that took long, and is older than what is known by now, changes nothing of that.
    """
    aor, asked = found.registration.aor, found.asked_at
    before = lines.known(runtime.redis, server_id, aor)
    kept = lookups.read(runtime.redis, server_id, aor).at
    if kept is not None and kept > asked:
        lookups.overtaken(runtime.redis, server_id, aor, [circle_id], asked)
        return
    standing = lookups.answer(runtime.redis, server_id, found, [circle_id], source, before=before)
    if before is not None and (before.standing.state is standing.state or before.at > asked.timestamp()):
        return
    for place in places_of(runtime, server_id, [aor]):
        _remember(runtime, place, before, standing, found)
    history.drain(runtime)


def _remember(runtime: Runtime, place: Place, before: LookedUp | None, standing: Standing, found: Lookup) -> None:
    state = before.standing.state if before else _last_known(runtime, place)
    if standing.state is state or (state is None and standing.state is LineState.NOT_REGISTERED):
        return
    _key, body = row_of(found.registration)
    last = body or (before.standing.body if before else b"")
    waiting.queue(runtime.redis, [change_of(place, state, standing, last)])


def _last_known(runtime: Runtime, place: Place) -> LineState | None:
    """What the history says of a line of which nothing else is known."""
    with runtime.sessions() as session:
        last = history.last_known(session, [place.unique_id]).get(place.unique_id)
        return last.state if last else None
