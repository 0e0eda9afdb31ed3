"""Large changes: written piece by piece where no reader looks, then shown all at once, then folded into the rest.

A transaction of a million fields would keep every reader waiting. So a large change first goes into a hash of its own,
`incoming`. Publishing it is a rename, in the transaction that publishes the snapshot: readers then see it over `lines`.
Folding writes the same values into `lines`, piece by piece, and changes nothing for anybody.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from app.store import keys
from app.store.ahead import Ahead
from app.store.connection import StoreError
from app.store.lease import Lease, fenced

PIECE = 1000
"""Lines that are written or read by one command: about a millisecond of Redis's time."""
_AHEAD = 32
"""Answers that may be missing while more is sent: a megabyte on its way to Redis."""


class Incoming:
    """A large change on its way. While Redis takes some lines, others are read."""

    def __init__(self, redis: "Redis", server_id: int) -> None:
        self._redis = redis
        self._server_id = server_id
        self._key = keys.incoming(server_id, secrets.token_hex(6))
        self._ahead = Ahead(redis)
        self._count = 0
        """Lines that Redis says it has taken."""

    def write(self, flat: Sequence[bytes]) -> None:
        """Add some lines, their keys and records by turns. Raises RedisError, also for lines before them."""
        if self._ahead.idle:
            self.whole()
        for piece in _pieces(flat):
            # Whenever the writer dies, what it wrote goes by itself.
            expiring = ("EXPIRE", self._key, keys.INCOMING_SECONDS)
            self._ahead.transact(("HSET", self._key, *piece), expiring)
            self._settle(_AHEAD)

    def _settle(self, most: int = 0) -> None:
        self._count += sum(int(added) for added, _ in self._ahead.settle(most))

    def whole(self) -> None:
        """Come back when all of it is written. Raises RedisError."""
        self._settle()
        self._ahead.end()

    def check(self, pipe: "Redis") -> None:
        """Raises RedisError unless all of it is still there, just before it is published.

        A replica that became the master meanwhile need not have all that the old one had taken.
        """
        pipe.watch(self._key)
        if pipe.hlen(self._key) != self._count:
            raise StoreError("lines that were written are not there any more")

    def queue(self, pipe: "Redis", *, first: bool) -> None:
        """Put its publication into a transaction, once it is whole; `first` when it would lie over nothing."""
        pipe.persist(self._key)
        pipe.rename(self._key, keys.lines(self._server_id) if first else keys.overlay(self._server_id))

    def drop(self) -> None:
        """It is not published."""
        with suppress(RedisError):
            # What is still on its way would come after the removal.
            self._settle()
        self._ahead.drop()
        self._redis.unlink(self._key)


def write(pipe: "Redis", key: str, lines: Mapping[bytes, bytes]) -> None:
    """Write lines into a hash, PIECE by PIECE."""
    for piece in _pieces(list(chain.from_iterable(lines.items()))):
        _write(pipe, key, piece)


def _pieces(flat: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Keys and values by turns, PIECE of each."""
    return (flat[start : start + 2 * PIECE] for start in range(0, len(flat), 2 * PIECE))


def _write(pipe: "Redis", key: str, piece: Sequence[bytes]) -> None:
    pipe.execute_command("HSET", key, *piece)  # type: ignore[no-untyped-call] # quicker


def fold(redis: "Redis", server_id: int, lease: Lease) -> None:
    """Fold what is published into `lines`. A worker that died on the way left the rest to the next.

    Raises LeaseLostError: who was stopped for a while must not write what a later one has replaced.
    """
    key, cursor = keys.overlay(server_id), 0
    if not redis.exists(key):
        return
    while True:
        cursor, lines = cast("tuple[int, dict[bytes, bytes]]", redis.hscan(key, cursor, count=PIECE))
        with fenced(redis, lease) as pipe:
            write(pipe, keys.lines(server_id), lines)
            if not cursor:
                pipe.unlink(key)
        if not cursor:
            return
