"""Large changes: written piece by piece where no reader looks, then shown all at once, then folded into the rest.

A transaction of a million fields would keep every reader waiting. So a large change first goes into a hash of its own,
`incoming`. Publishing it is a rename, in the transaction that publishes the snapshot: readers then see it over `lines`.
Folding writes the same values into `lines`, piece by piece, and changes nothing for anybody.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import cast

from redis import Redis

from app.store import keys
from app.store.lease import Lease, fenced

PIECE = 1000
"""Lines that are written or read by one command: about a millisecond of Redis's time."""


class Incoming:
    """A large change on its way. While Redis takes some lines, others are read."""

    def __init__(self, redis: "Redis", server_id: int) -> None:
        self._redis = redis
        self._server_id = server_id
        self._key = keys.incoming(server_id, secrets.token_hex(6))
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="incoming")
        self._under_way: Future[None] | None = None

    def write(self, lines: Mapping[bytes, bytes]) -> None:
        """Add some lines, which are the writer's from now on. Raises what became of those before them."""
        self._wait()
        self._under_way = self._writer.submit(self._write, lines)

    def _write(self, lines: Mapping[bytes, bytes]) -> None:
        """Whenever the writer dies, what it wrote goes by itself."""
        for piece in _pieces(lines):
            with self._redis.pipeline(transaction=True) as pipe:
                _write(pipe, self._key, piece)
                pipe.expire(self._key, keys.INCOMING_SECONDS)
                pipe.execute()

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def whole(self) -> None:
        """Come back when all of it is written. Raises RedisError."""
        self._wait()
        self._writer.shutdown()

    def queue(self, pipe: "Redis", *, first: bool) -> None:
        """Put its publication into a transaction, once it is whole; `first` when it would lie over nothing."""
        pipe.persist(self._key)
        pipe.rename(self._key, keys.lines(self._server_id) if first else keys.overlay(self._server_id))

    def drop(self) -> None:
        """It is not published."""
        self._writer.shutdown()
        self._redis.unlink(self._key)


def write(pipe: "Redis", key: str, lines: Mapping[bytes, bytes]) -> None:
    """Write lines into a hash, PIECE by PIECE."""
    for piece in _pieces(lines):
        _write(pipe, key, piece)


def _pieces(lines: Mapping[bytes, bytes]) -> Iterator[Sequence[bytes]]:
    """Keys and values by turns, PIECE of each."""
    flat = list(chain.from_iterable(lines.items()))
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
