"""One way to reach Redis, with a patience that fits who is waiting."""

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ReadOnlyError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

StoreError = RedisError
"""What every function of this room raises when Redis can't be reached or refuses."""
_SENTINEL_PORT = 26379
_SCHEMES = ("redis", "rediss", "unix", "sentinel")


class RedisUrlError(ValueError):
    """The URL of Redis makes no sense."""


def raw(value: bytes | str | None) -> bytes | None:
    """What Redis stored, as bytes: the client's types allow text, which it never gives with our settings."""
    return value.encode() if isinstance(value, str) else value


class _ByMaster(SentinelManagedConnection):
    """A connection to the master of the moment that ends with the first error, as all others do.

    The library's own would go back to its pool with the answer still to come: whoever gets it next takes that for his.
    """

    def read_response(self, *args: Any, disconnect_on_error: bool | None = True, **more: Any) -> Any:
        return super().read_response(*args, disconnect_on_error=disconnect_on_error, **more)


def connect(url: str, *, patience: float = 1.0) -> "Redis":
    """A client for `url` that gives up after `patience` seconds a call; connects when first used.

    ``redis://…``, ``rediss://…``, ``unix://…``, or ``sentinel://[user:password@]host[:port],…/service[/db]``: then it
    is the service's master of the moment, as any of the Sentinels knows it. Raises RedisUrlError.

    The library's default of ten retries would hold a page for seconds while Redis is down. Only a lost connection is
    tried again: what timed out may have been done, and a second claim of the same thing would then find it taken.
    """
    settings: dict[str, Any] = {
        "socket_timeout": patience,
        "socket_connect_timeout": min(patience, 0.5),
        # A master that has become a replica lets us know so: the next connection asks who the master is.
        "retry": Retry(NoBackoff(), 1, supported_errors=(LostError, ReadOnlyError)),
        "health_check_interval": 30,
    }
    try:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise RedisUrlError(f"the URL of Redis must begin with {'://, '.join(_SCHEMES)}://")
        return _by_sentinel(parts, settings) if parts.scheme == "sentinel" else Redis.from_url(url, **settings)
    except ValueError as error:
        # Never the URL itself: it may hold a password.
        raise RedisUrlError(str(error) if isinstance(error, RedisUrlError) else "the URL of Redis is none") from None


def _by_sentinel(url: SplitResult, settings: dict[str, Any]) -> "Redis":
    login, _, hosts = url.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, database = url.path.strip("/").partition("/")
    if not hosts or not service:
        raise RedisUrlError("the URL of Sentinels must be sentinel://host:port,host:port/service")
    secrets = {"username": unquote(user) or None, "password": unquote(password) or None}
    sentinels = Sentinel(  # type: ignore[no-untyped-call] # the client's own has no types
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs={key: settings[key] for key in ("socket_timeout", "socket_connect_timeout")},
    )
    kind = {"connection_class": _ByMaster, "db": int(database or 0)}
    client: Redis = sentinels.master_for(service, **kind, **secrets, **settings)  # type: ignore[no-untyped-call] # the same
    return client


def _address(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    return (name, int(port)) if colon else (host, _SENTINEL_PORT)
