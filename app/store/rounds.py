"""One large server swept by several workers: who does which piece, and what they have found.

A piece belongs to whoever holds its lease, so a worker that dies lets go of it. What it finds lies in Redis until the
worker that began the round takes it: all rows of a piece, or none.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from redis import Redis

from app.domain.record import Row
from app.store import keys
from app.store.lease import Lease, held

_LEASE_SECONDS = 5.0
_ROUND_SECONDS = 900
_ROW, _KEY = b"\x1e", b"\x1f"
"""No key and no record holds these bytes."""
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of one server in the order of their keys: those after `after`, up to `upto`."""

    index: int
    after: str
    upto: str | None
    """None for the last piece."""


@dataclass(slots=True)
class Told:
    """All that one worker found of one piece."""

    piece: int
    rows: list[Row] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    """What is known of the piece, or why there is nothing, in the words of whoever wrote it."""


class Round:
    """One sweep that is shared."""

    def __init__(self, redis: "Redis", token: str) -> None:
        self._redis = redis
        self._token = token
        self._key = keys.told(token)
        self._half: dict[str, list[Row]] = {}

    @contextmanager
    def claimed(self, piece: Piece) -> Iterator[bool]:
        """Whether the piece is ours while the block runs; False while another worker has it, or it is done."""
        with held(self._redis, self._name(piece), _LEASE_SECONDS) as lease:
            yield lease is not None and not self._redis.exists(self._done(piece.index))

    def is_free(self, piece: Piece) -> bool:
        """Whether nobody is at a piece that is not done."""
        lease = Lease(self._redis, self._name(piece), _LEASE_SECONDS)
        return not self._redis.exists(lease.key, self._done(piece.index))

    def tell(self, piece: Piece, rows: Sequence[Row], report: dict[str, Any]) -> None:
        """Hand over what was found of a piece that is ours, and mark it done."""
        attempt = secrets.token_hex(6)
        with self._redis.pipeline(transaction=False) as pipe:
            for start in range(0, len(rows), _BATCH):
                packed = _ROW.join(_KEY.join(row) for row in rows[start : start + _BATCH])
                pipe.rpush(self._key, attempt.encode() + _ROW + packed)
            pipe.set(self._done(piece.index), b"1", ex=_ROUND_SECONDS)
            pipe.rpush(self._key, json.dumps([attempt, piece.index, report]))
            pipe.expire(self._key, _ROUND_SECONDS)
            pipe.execute()

    def next(self, seconds: float) -> Told | None:
        """The next piece that was told whole; None when none comes within `seconds`, or 0 when none is there."""
        while (value := self._take(seconds)) is not None:
            if value.startswith(b"["):
                attempt, index, report = json.loads(value)
                return Told(index, self._half.pop(attempt, []), report)
            attempt_bytes, _, packed = value.partition(_ROW)
            rows = self._half.setdefault(attempt_bytes.decode(), [])
            rows += (cast("Row", tuple(row.split(_KEY))) for row in packed.split(_ROW))
        return None

    def end(self) -> None:
        """Nothing of the round is wanted any more."""
        self._redis.unlink(self._key)

    def _take(self, seconds: float) -> bytes | None:
        if seconds <= 0:
            return cast("bytes | None", self._redis.lpop(self._key))
        found = cast("tuple[bytes, bytes] | None", self._redis.blpop([self._key], timeout=seconds))
        return found[1] if found else None

    def _name(self, piece: Piece) -> str:
        return f"piece-{self._token}-{piece.index}"

    def _done(self, index: int) -> str:
        return f"{self._key}:{index}"
