"""What the listener knows of each server's stream of events: since when it hears, and what it missed."""

import json
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from app.store import keys
from app.store.codec import epoch, moment
from app.store.connection import raw


@dataclass(frozen=True, slots=True)
class Hearing:
    """One server's stream of events."""

    since: datetime | None = None
    """When the stream was last taken up; None for a server that was never heard."""
    missed_since: datetime | None = None
    """From when until `since` nothing was heard, the last time that it broke."""


def read(redis: "Redis", server_id: int) -> Hearing:
    """How a server is heard."""
    value = raw(redis.get(keys.listener(server_id)))
    if value is None:
        return Hearing()
    since, missed = json.loads(value)
    return Hearing(moment(since), moment(missed))


def hears(redis: "Redis", server_id: int, now: datetime) -> None:
    """The stream was taken up."""
    _store(redis, server_id, Hearing(now, read(redis, server_id).missed_since))


def missed(redis: "Redis", server_id: int, since: datetime) -> None:
    """Nothing was heard from `since` until the stream was taken up."""
    _store(redis, server_id, Hearing(read(redis, server_id).since, since))


def _store(redis: "Redis", server_id: int, hearing: Hearing) -> None:
    redis.set(keys.listener(server_id), json.dumps((epoch(hearing.since), epoch(hearing.missed_since))))
