"""Changes of state on their way into the database: Redis keeps them, with what they changed, until they are there."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from redis import Redis

from app.store import keys

_BATCH = 500


class Change(NamedTuple):
    """One change of one line's state."""

    unique_id: int
    circle_id: int
    at: int
    """Epoch seconds."""
    before: str | None
    after: str
    """As `LineState`."""
    source: str | None
    """host:port of the phone that came, or was there last."""
    user_agent: str | None
    cause: str
    """As `Cause`."""


def queue(pipe: "Redis", changes: Sequence[Change]) -> None:
    """Put changes into the transaction that makes them."""
    for start in range(0, len(changes), _BATCH):
        batch = changes[start : start + _BATCH]
        pipe.rpush(
            keys.history(), json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        )


def waiting(redis: "Redis") -> list[Change] | None:
    """The oldest batch of changes that is not in the database; None where there is none."""
    value = cast("bytes | None", redis.lindex(keys.history(), 0))
    return None if value is None else [Change(*row) for row in json.loads(value)]


def done(redis: "Redis") -> None:
    """The oldest batch is in the database."""
    redis.lpop(keys.history())


class Place(NamedTuple):
    """Where a walk along the changes in the database stands: the time and the id of the last one that it saw."""

    at: datetime
    id: int


def pruned_to(redis: "Redis") -> Place | None:
    """How far the walk that deletes old changes has come; None where it begins."""
    value = cast("bytes | None", redis.get(keys.pruned()))
    if not value:
        return None
    at, id_ = json.loads(value)
    return Place(datetime.fromtimestamp(at, UTC), id_)


def go_on_pruning(redis: "Redis", place: Place) -> None:
    """The walk goes on from there, whoever does it."""
    redis.set(keys.pruned(), json.dumps([place.at.timestamp(), place.id]))


def rest_from_pruning(redis: "Redis", rest: timedelta) -> None:
    """The walk is through, and the next begins after a rest."""
    redis.set(keys.pruned(), b"", ex=int(rest.total_seconds()))


def prunes_rest(redis: "Redis") -> bool:
    """Whether the walk is through, and rests."""
    return redis.get(keys.pruned()) == b""
