"""What an unchanged poll costs: one round trip for the session, the revisions and the servers of a page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked at for one page, but the session; put together once and asked again and again."""

    circle_ids: tuple[int, ...]
    server_ids: tuple[int, ...]
    spots: tuple[Spot, ...]
    names: tuple[str, ...] = field(init=False)
    buckets: tuple[str, ...] = field(init=False)
    """The last of the names."""

    def __post_init__(self) -> None:
        buckets = tuple(bucket_names(self.spots))
        names = (*map(keys.circle_revision, self.circle_ids), *map(keys.server, self.server_ids), *buckets)
        object.__setattr__(self, "buckets", buckets)
        object.__setattr__(self, "names", names)

    def glance(self, values: Iterable[bytes | str | None]) -> Glance:
        """What Redis answered: the session's value, then those of the names."""
        principal, *rest = map(raw, values)
        circles, known = len(self.circle_ids), len(self.circle_ids) + len(self.server_ids)
        held = dict(zip(self.buckets, rest[known:], strict=True))
        states = zip(self.server_ids, rest[circles:known], strict=True)
        return Glance(
            principal.decode() if principal else None,
            tuple(rest[:circles]),
            tuple(places.unpack(held[_bucket(spot)], spot[1]).revision for spot in self.spots),
            {server_id: _decoded(state) for server_id, state in states},
        )


# All pages of a server look at the same state until its next pull.
_decoded = lru_cache(maxsize=1024)(servers.decode)


def peek(
    redis: "Redis", session_id: str, circle_ids: Sequence[int], server_ids: Sequence[int], spots: Sequence[Spot]
) -> Glance:
    """One MGET."""
    question = Question(tuple(circle_ids), tuple(server_ids), tuple(spots))
    return question.glance(redis.mget([keys.session(session_id), *question.names]))


def bucket_names(spots: Iterable[Spot]) -> list[str]:
    """The keys that hold some circles at some servers."""
    return sorted({_bucket(spot) for spot in spots})


def _bucket(spot: Spot) -> str:
    return keys.places(spot[0], bucket_of(spot[1]))
