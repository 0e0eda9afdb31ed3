"""The look at what a page rests on, for pages that are looked at again and again: the least that a MGET can cost.

The commands are packed once, and the connections stay out of the client's pool for a while: to fetch one there and to
give it back takes longer than to ask.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from app.store import keys
from app.store.peek import Glance, Question

_KEPT_SECONDS = 5.0
"""After that the pool looks at a connection again: whether it is still good, and still to the master."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A question as it goes to Redis, around the name of the session's key."""

    question: Question
    head: bytes = field(init=False)
    tail: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", b"*%d\r\n$4\r\nMGET\r\n" % (2 + len(self.question.names)))
        object.__setattr__(self, "tail", b"".join(map(_argument, self.question.names)))


def session_argument(session_id: str) -> bytes:
    """What stands between the two."""
    return _argument(keys.session(session_id))


class Looks:
    """Looks through the connections of one client."""

    def __init__(self, redis: "Redis") -> None:
        self.redis = redis
        self._pool: Any = redis.connection_pool
        self._kept: deque[tuple[Any, float]] = deque()

    def look(self, packed: Packed, session: bytes) -> Glance:
        """One MGET. Raises RedisError; a lost connection is not tried again."""
        connection, until = self._connection()
        try:
            connection.send_packed_command((packed.head + session + packed.tail,), check_health=False)
            values = connection.read_response()
        except BaseException:
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._kept.append((connection, until))
        return packed.question.glance(values)

    def _connection(self) -> tuple[Any, float]:
        """One that nobody else uses, the last used first; and until when it stays out of the pool."""
        now = time.monotonic()
        while self._kept:
            try:
                connection, until = self._kept.pop()
            except IndexError:  # another thread was quicker
                break
            if now < until:
                return connection, until
            self._pool.release(connection)
        return self._pool.get_connection(), now + _KEPT_SECONDS


def _argument(name: str) -> bytes:
    text = name.encode()
    return b"$%d\r\n%b\r\n" % (len(text), text)
