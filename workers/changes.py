"""What a snapshot or a look-up changes beside the lines themselves: their circles, and the history."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select

from app.domain.changes import LineState
from app.domain.record import contacts_of
from app.domain.standing import Cause, Standing
from app.models import Unique, is_live, with_live
from app.store.history import Change
from app.store.intake import Turn
from app.store.places import Places, bucket_of
from workers.runtime import Runtime

_CHUNK = 500


class Place(NamedTuple):
    """Whose a line is."""

    aor: str
    unique_id: int
    circle_id: int
    live: bool
    """Whether its sign is live, so that the circles' counts count it."""


def places_of(runtime: Runtime, server_id: int, aors: Sequence[str]) -> Iterator[Place]:
    """Those of the lines that are ours."""
    query = with_live(select(Unique.aor, Unique.id, Unique.circle_id, is_live())).where(Unique.server_id == server_id)
    with runtime.sessions() as session:
        for start in range(0, len(aors), _CHUNK):
            found = session.execute(query.where(Unique.aor.in_(aors[start : start + _CHUNK])))
            yield from (Place(*row) for row in found)


def of_turned(runtime: Runtime, server_id: int, turned: Sequence[Turn]) -> tuple[Places, list[Change]]:
    """What lines that turned change in their circles, and what is to be remembered of them."""
    by_aor = {turn.key.decode("utf-8", "replace"): turn for turn in turned}
    ours = list(places_of(runtime, server_id, list(by_aor)))
    places = Places(runtime.redis, server_id)
    places.load(bucket_of(place.circle_id) for place in ours)
    changes = []
    for place in ours:
        turn, held = by_aor[place.aor], places[place.circle_id]
        registered, unreadable = (
            (turn.after is state) - (turn.before is state) if place.live else 0
            for state in (LineState.REGISTERED, LineState.UNREADABLE)
        )
        places.put(place.circle_id, held.registered + registered, held.unreadable + unreadable)
        if turn.told is not turn.after:
            changes.append(change_of(place, turn.told, turn.standing, turn.last))
    return places, changes


def change_of(place: Place, before: LineState | None, standing: Standing, last: bytes) -> Change:
    """One change as the history remembers it; `last` are the bindings that came, or that there were until now."""
    contact = next(iter(contacts_of(last)), None)
    return Change(
        place.unique_id,
        place.circle_id,
        standing.changes[0] if standing.changes else 0,
        before,
        standing.state,
        contact.source if contact else None,
        contact.user_agent if contact else None,
        cause_of(standing),
    )


def cause_of(standing: Standing) -> Cause:
    """Why a line is in its state."""
    if standing.state is LineState.REGISTERED:
        return Cause.REGISTERED
    return Cause.UNREADABLE if standing.state is LineState.UNREADABLE else standing.cause or Cause.UNOBSERVED
