"""Snapshots: what a pull changes is written at once, so that readers see a whole snapshot or the one before."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import cast

from redis import Redis
from redis.exceptions import WatchError

from app.domain.merge import carry_since, same
from app.domain.registration import Registration
from app.store import codec, counts, keys, servers
from app.store.counts import Change
from app.store.lease import Lease
from app.store.revisions import bump

_CHUNK = 500


class LeaseLostError(Exception):
    """Somebody else holds the lease by now: nothing was written."""


class Told(Enum):
    """What a snapshot says of one line."""

    NOTHING = auto()
    REGISTERED = auto()
    UNREADABLE = auto()


@dataclass(slots=True)
class Delta:
    """What a new snapshot changes in the stored one."""

    written: dict[str, bytes] = field(default_factory=dict)
    turned: dict[str, tuple[Told, Told]] = field(default_factory=dict)
    """The lines whose sign changes, before and after: a phone that only refreshed draws no page anew."""
    seen: set[bytes] = field(default_factory=set)
    """The lines that the new snapshot tells of."""
    unread: set[str] = field(default_factory=set)
    """Those of `seen` of which it told something that nobody could read."""
    total: int = 0
    """Lines that are registered in the new snapshot."""
    first: bool = False
    """Whether nothing was stored before."""

    @property
    def removed(self) -> Iterator[str]:
        """The lines that were in the stored snapshot and are not in the new one."""
        return (aor for aor, (_, after) in self.turned.items() if after is Told.NOTHING)

    def told(self, aor: str) -> Told:
        """What the new snapshot says of a line."""
        if aor in self.unread:
            return Told.UNREADABLE
        return Told.REGISTERED if aor.encode() in self.seen else Told.NOTHING


def compare(
    redis: "Redis",
    server_id: int,
    registrations: Iterable[Registration],
    now: datetime,
    unread: Callable[[], Iterable[str]] = tuple,
) -> Delta:
    """What the whole new snapshot changes. Lines without a binding that holds at `now` are not registered.

    `unread`, asked after the last registration, names lines of which the snapshot told something unreadable: they are
    neither registered nor not registered.
    """
    stored = cast("dict[bytes, bytes]", redis.hgetall(keys.lines(server_id)))
    delta = Delta(first=not stored)
    for registration in registrations:
        _compare(delta, stored, registration.current(now), now)
    delta.total = len(delta.seen)
    for aor in unread():
        name = aor.encode()
        if name not in delta.seen:
            delta.seen.add(name)
            delta.unread.add(aor)
            if stored.get(name) != codec.UNREADABLE:
                delta.written[aor] = codec.UNREADABLE
                delta.turned[aor] = (_told(stored.get(name)), Told.UNREADABLE)
    gone = (name for name in stored if name not in delta.seen)
    delta.turned |= {name.decode(): (_told(stored[name]), Told.NOTHING) for name in gone}
    return delta


def _compare(delta: Delta, stored: dict[bytes, bytes], current: Registration, now: datetime) -> None:
    name = current.aor.encode()
    if not current.contacts or name in delta.seen:
        return
    delta.seen.add(name)
    value = stored.get(name)
    old = _stored(current.aor, value)
    if old is None:
        delta.turned[current.aor] = (_told(value), Told.REGISTERED)
    if old is None or not same(old, current):
        delta.written[current.aor] = codec.encode(carry_since(old, current, now).contacts)


def _told(value: bytes | None) -> Told:
    if value is None:
        return Told.NOTHING
    return Told.UNREADABLE if value == codec.UNREADABLE else Told.REGISTERED


def _stored(aor: str, value: bytes | None) -> Registration | None:
    if value is None:
        return None
    try:
        return codec.decode(aor, value)
    except ValueError:
        # A record that nobody can read is written anew.
        return None


def publish(
    redis: "Redis", server_id: int, delta: Delta, state: servers.ServerState, change: Change, lease: Lease
) -> None:
    """Make the new snapshot the one that readers see, all of it at once; `change` is what it does to the counts.

    Raises LeaseLostError when the lease is no longer ours: a pull that was stopped for a while must not overwrite what
    a later one found.
    """
    with redis.pipeline(transaction=True) as pipe:
        pipe.watch(lease.key)  # type: ignore[no-untyped-call] # the client's one method without types
        if pipe.get(lease.key) != lease.token:
            raise LeaseLostError
        pipe.multi()
        _queue(pipe, server_id, delta)
        pipe.set(keys.server(server_id), servers.encode(state))
        counts.queue(pipe, server_id, change)
        bump(pipe, change.circles)
        try:
            pipe.execute()
        except WatchError:
            raise LeaseLostError from None


def _queue(pipe: "Redis", server_id: int, delta: Delta) -> None:
    key = keys.lines(server_id)
    written = list(delta.written.items())
    for start in range(0, len(written), _CHUNK):
        pipe.hset(key, mapping=dict(written[start : start + _CHUNK]))
    removed = list(delta.removed)
    for start in range(0, len(removed), _CHUNK):
        pipe.hdel(key, *removed[start : start + _CHUNK])


def record_failure(redis: "Redis", server_id: int, state: servers.ServerState) -> None:
    """Keep why the last pull failed; no registration changes."""
    redis.set(keys.server(server_id), servers.encode(state))
