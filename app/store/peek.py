"""What an unchanged poll costs: one round trip for the session, the revisions and the servers of a page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from app.store import keys, places, servers
from app.store.connection import raw
from app.store.places import bucket_of
from app.store.servers import ServerState

Spot = tuple[int, int]
"""A server and a circle."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Just enough to know whether a page must be drawn anew."""

    principal: str | None
    """Whose session it is; None when that was not confirmed lately."""
    revisions: tuple[bytes | None, ...]
    """What look-ups changed, by circle."""
    places: tuple[int, ...]
    """What pulls changed, by circle and server."""
    servers: Mapping[int, ServerState]


NOTHING = Glance(None, (), (), {})


def peek(
    redis: "Redis", session_id: str, circle_ids: Sequence[int], server_ids: Sequence[int], spots: Sequence[Spot]
) -> Glance:
    """One MGET."""
    buckets = bucket_names(spots)
    names = [
        keys.session(session_id),
        *map(keys.circle_revision, circle_ids),
        *map(keys.server, server_ids),
        *buckets,
    ]
    principal, *rest = map(raw, redis.mget(names))
    revisions, rest = rest[: len(circle_ids)], rest[len(circle_ids) :]
    states, held = rest[: len(server_ids)], dict(zip(buckets, rest[len(server_ids) :], strict=True))
    return Glance(
        principal.decode() if principal else None,
        tuple(revisions),
        tuple(places.unpack(held[_bucket(spot)], spot[1]).revision for spot in spots),
        {server_id: servers.decode(state) for server_id, state in zip(server_ids, states, strict=True)},
    )


def bucket_names(spots: Iterable[Spot]) -> list[str]:
    """The keys that hold some circles at some servers."""
    return sorted({_bucket(spot) for spot in spots})


def _bucket(spot: Spot) -> str:
    return keys.places(spot[0], bucket_of(spot[1]))
