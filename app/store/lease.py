"""Leases: what only one process may do at a time, and what ends by itself when that process dies."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError, WatchError

from app.store import keys

_RENEW = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end"
_RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"


class LeaseLostError(Exception):
    """Somebody else holds the lease by now: nothing was written."""


class Lease:
    """A lease that this process holds until it lets go, or stops renewing it."""

    def __init__(self, redis: "Redis", name: str, seconds: float) -> None:
        self._redis = redis
        self.key = keys.lease(name)
        self.token = secrets.token_hex(8).encode()
        self._milliseconds = int(seconds * 1000)
        self.lock = threading.Lock()
        """Taken while a transaction watches the lease: to renew it meanwhile looks as if somebody else had taken it."""

    def take(self) -> bool:
        """Whether the lease is now ours; False while somebody else holds it."""
        return bool(self._redis.set(self.key, self.token, nx=True, px=self._milliseconds))

    def renew(self) -> bool:
        """Whether it was still ours; then it lasts its whole time again."""
        with self.lock:
            return bool(self._redis.eval(_RENEW, 1, self.key, self.token, self._milliseconds))

    def release(self) -> None:
        """Let go, unless it is somebody else's by now."""
        self._redis.eval(_RELEASE, 1, self.key, self.token)


@contextmanager
def fenced(redis: "Redis", lease: Lease, check: Callable[["Redis"], None] | None = None) -> "Iterator[Redis]":
    """A transaction that is carried out at the end of the block, if the lease is still ours then.

    `check` may look at what the transaction rests on, and watch it: then nobody changes that in between.
    Raises LeaseLostError: who was stopped for a while must not overwrite what a later one found.
    """
    with lease.lock, redis.pipeline(transaction=True) as pipe:
        pipe.watch(lease.key)  # type: ignore[no-untyped-call] # the client's one method without types
        if pipe.get(lease.key) != lease.token:
            raise LeaseLostError
        if check is not None:
            check(pipe)
        pipe.multi()
        yield pipe
        try:
            pipe.execute()
        except WatchError:
            raise LeaseLostError from None


@contextmanager
def held(redis: "Redis", name: str, seconds: float) -> Iterator[Lease | None]:
    """The lease while the block runs, renewed in the background; None when somebody else holds it.

    The time-to-live is short on purpose: a process that is killed lets go within `seconds`.
    """
    lease = Lease(redis, name, seconds)
    if not lease.take():
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lease, done, seconds / 3), daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join()
        lease.release()


def _keep(lease: Lease, done: threading.Event, every: float) -> None:
    while not done.wait(every):
        try:
            lease.renew()
        except RedisError:
            # Redis may be back before the lease has run out; if not, the writer notices that it lost the lease.
            continue
