"""How many live lines of each circle are registered at each server, kept up by the pulls so that no page counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from redis import Redis

from app.store import keys, servers
from app.store.connection import raw
from app.store.servers import ServerState

_DUE = "due"
_UNREADABLE = "?"
# Counts that nobody has made must not look like counts of nothing.
_MAKE_DUE = "if redis.call('exists',KEYS[1])==1 then redis.call('hset',KEYS[1],ARGV[1],'0') end"
_LATEST = timedelta(hours=1)
"""A count that is due later than this is due because somebody set a clock."""


@dataclass(slots=True)
class Change:
    """What a snapshot changes in the counts, by circle id."""

    circles: set[int] = field(default_factory=set)
    """The circles of which anything changed."""
    registered: Counter[int] = field(default_factory=Counter)
    unreadable: Counter[int] = field(default_factory=Counter)
    due: datetime | None = None
    """When all is to be counted anew. None for what is added to the counts, a time for counts that replace them."""


@dataclass(frozen=True, slots=True)
class Count:
    """The live lines of one circle at one server in its last good snapshot."""

    registered: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """One server: its state, and the counts of some circles; None for all of them while nobody has counted."""

    state: ServerState
    circles: Mapping[int, Count] | None


def is_due(redis: "Redis", server_id: int, now: datetime) -> bool:
    """Whether the next pull must count all lines of a server."""
    seconds = raw(redis.hget(keys.counts(server_id), _DUE))
    return seconds is None or not 0 < float(seconds) - now.timestamp() <= _LATEST.total_seconds()


def make_due(redis: "Redis", server_id: int) -> None:
    """Somebody moved lines: the next pull counts all of them. Until then the counts are the old ones."""
    redis.eval(_MAKE_DUE, 1, keys.counts(server_id), _DUE)


def stored(redis: "Redis", server_id: int) -> Change:
    """The counts of all circles, as whoever counts anew compares them with his own."""
    found = Change()
    for name, value in cast("dict[bytes, bytes]", redis.hgetall(keys.counts(server_id))).items():
        text = name.decode()
        if text.startswith(_UNREADABLE):
            found.unreadable[int(text[1:])] = int(value)
        elif text != _DUE:
            found.registered[int(text)] = int(value)
    return found


def queue(pipe: "Redis", server_id: int, change: Change) -> None:
    """Put a change into the transaction that publishes its snapshot."""
    key = keys.counts(server_id)
    fields = {str(circle): count for circle, count in change.registered.items()}
    fields |= {f"{_UNREADABLE}{circle}": count for circle, count in change.unreadable.items()}
    if change.due is None:
        for name, count in fields.items():
            if count:
                pipe.hincrby(key, name, count)
        return
    pipe.delete(key)
    pipe.hset(key, _DUE, str(change.due.timestamp()))
    if fields:
        pipe.hset(key, mapping={name: str(count) for name, count in fields.items()})


def read(redis: "Redis", wanted: Mapping[int, Sequence[int]]) -> dict[int, Counted]:
    """The counts of some circles at each of some servers, all of one moment, in one round trip."""
    if not wanted:
        return {}
    with redis.pipeline(transaction=True) as pipe:
        for server_id, circle_ids in wanted.items():
            pipe.get(keys.server(server_id))
            pipe.hmget(keys.counts(server_id), [_DUE, *_fields(circle_ids)])
        answers = iter(pipe.execute())
    return {
        server_id: Counted(servers.decode(next(answers)), _counts(circle_ids, next(answers)))
        for server_id, circle_ids in wanted.items()
    }


def _fields(circle_ids: Iterable[int]) -> list[str]:
    return [name for circle in circle_ids for name in (str(circle), f"{_UNREADABLE}{circle}")]


def _counts(circle_ids: Sequence[int], values: Sequence[bytes | None]) -> Mapping[int, Count] | None:
    due, *rest = values
    if due is None:
        return None
    numbers = [int(value or 0) for value in rest]
    return {circle: Count(*numbers[2 * at : 2 * at + 2]) for at, circle in enumerate(circle_ids)}
