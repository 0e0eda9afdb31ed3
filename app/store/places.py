"""What the pulls keep of each circle at each server: how many live lines are registered, and a revision.

Circles are packed into buckets of 64: a pull in which ten thousand lines of as many circles turn writes some hundred
strings beside the lines themselves, and a page reads the one bucket that its circle is in.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import cast

from redis import Redis

from app.store import keys, servers
from app.store.connection import raw
from app.store.servers import ServerState

_SIZE = 64
_ENTRY = Struct("<IIQ")
_EMPTY = bytes(_ENTRY.size)
_MOST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """One circle at one server in its last good snapshot."""

    registered: int = 0
    """Its live lines that are registered."""
    unreadable: int = 0
    """Its live lines of which the snapshot told something that nobody could read."""
    revision: int = 0
    """Changes whenever the state of one of its lines does; 0 before the first."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One server: its state, and some circles there; None for all of them while nobody has counted."""

    state: ServerState
    circles: Mapping[int, Place] | None


def bucket_of(circle_id: int) -> int:
    """The bucket that a circle is in."""
    return circle_id // _SIZE


def unpack(bucket: bytes | None, circle_id: int) -> Place:
    """A circle from its bucket as stored."""
    if bucket is None or len(bucket) != _SIZE * _ENTRY.size:
        return Place()
    return Place(*_ENTRY.unpack_from(bucket, circle_id % _SIZE * _ENTRY.size))


class Places:
    """The circles of one server, to be changed by whoever holds its lease."""

    def __init__(self, redis: "Redis", server_id: int) -> None:
        self._redis = redis
        self._server_id = server_id
        self._buckets: dict[int, bytearray] = {}
        self._touched: set[int] = set()
        self._dropped: set[int] = set()

    def load(self, buckets: Iterable[int]) -> None:
        """Read what is stored of some buckets, if it was not read before."""
        wanted = sorted(set(buckets) - self._buckets.keys())
        if not wanted:
            return
        for bucket, value in zip(wanted, self._redis.mget(self._names(wanted)), strict=True):
            held = raw(value)
            fits = held is not None and len(held) == _SIZE * _ENTRY.size
            self._buckets[bucket] = bytearray(held if held is not None and fits else _EMPTY * _SIZE)

    def stored(self) -> set[int]:
        """Every bucket that the server has."""
        return set(map(int, self._redis.smembers(keys.buckets(self._server_id))))

    def __getitem__(self, circle_id: int) -> Place:
        """A circle whose bucket is loaded."""
        return unpack(bytes(self._buckets[bucket_of(circle_id)]), circle_id)

    def put(self, circle_id: int, registered: int, unreadable: int) -> None:
        """Set a circle's counts, and give it a revision that it never had; random, so that none is ever repeated."""
        sound = (min(max(count, 0), _MOST) for count in (registered, unreadable))
        bucket = bucket_of(circle_id)
        _ENTRY.pack_into(self._buckets[bucket], circle_id % _SIZE * _ENTRY.size, *sound, secrets.randbits(63) + 1)
        self._touched.add(bucket)

    def circles(self, bucket: int) -> Iterator[int]:
        """The ids that belong into a bucket."""
        return iter(range(bucket * _SIZE, (bucket + 1) * _SIZE))

    def drop(self, buckets: Iterable[int]) -> None:
        """Give up buckets none of whose circles exists any more."""
        self._dropped.update(buckets)

    def queue(self, pipe: "Redis") -> None:
        """Put what was changed into a transaction."""
        for bucket in sorted(self._touched):
            pipe.set(keys.places(self._server_id, bucket), bytes(self._buckets[bucket]))
        if self._touched:
            pipe.sadd(keys.buckets(self._server_id), *self._touched)
        if self._dropped:
            pipe.delete(*self._names(sorted(self._dropped)))
            pipe.srem(keys.buckets(self._server_id), *self._dropped)

    def forget(self) -> None:
        """Let go of what was loaded, once it has been written."""
        self._buckets.clear()
        self._touched.clear()
        self._dropped.clear()

    def _names(self, buckets: Sequence[int]) -> list[str]:
        return [keys.places(self._server_id, bucket) for bucket in buckets]


def make_due(redis: "Redis", server_id: int) -> None:
    """Somebody moved lines: the next pull counts all of them. Until then the counts are the old ones."""
    redis.set(keys.recount(server_id), b"1")


def is_due(redis: "Redis", server_id: int) -> bool:
    """Whether somebody wants all lines of a server to be counted; asking takes the wish away."""
    return bool(redis.delete(keys.recount(server_id)))


def read(redis: "Redis", wanted: Mapping[int, Sequence[int]]) -> dict[int, Counted]:
    """Some circles at each of some servers, all of one moment, in one round trip."""
    if not wanted:
        return {}
    buckets = {server_id: sorted(set(map(bucket_of, circles))) for server_id, circles in wanted.items()}
    names = [
        name
        for server_id in wanted
        for name in (keys.server(server_id), *(keys.places(server_id, bucket) for bucket in buckets[server_id]))
    ]
    values = iter(cast("list[bytes | None]", redis.mget(names)))
    found = {}
    for server_id, circles in wanted.items():
        state = servers.decode(next(values))
        held = {bucket: next(values) for bucket in buckets[server_id]}
        places = {circle: unpack(held[bucket_of(circle)], circle) for circle in circles}
        found[server_id] = Counted(state, places if state.counted == state.generation else None)
    return found
