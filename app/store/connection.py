"""One way to reach Redis, with a patience that fits who is waiting."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisError
from redis.retry import Retry

StoreError = RedisError
"""What every function of this room raises when Redis can't be reached or refuses."""


def raw(value: bytes | str | None) -> bytes | None:
    """What Redis stored, as bytes: the client's types allow text, which it never gives with our settings."""
    return value.encode() if isinstance(value, str) else value


def connect(url: str, *, patience: float = 1.0) -> "Redis":
    """A client for `url` that gives up after `patience` seconds a call; connects when first used.

    The library's default of ten retries would hold a page for seconds while Redis is down. Only a lost connection is
    tried again: what timed out may have been done, and a second claim of the same thing would then find it taken.
    """
    return Redis.from_url(
        url,
        socket_timeout=patience,
        socket_connect_timeout=min(patience, 0.5),
        retry=Retry(NoBackoff(), 1, supported_errors=(LostError,)),
        health_check_interval=30,
    )
