"""From an adapter to a result that may be believed: the one place where answers are judged."""

from dataclasses import dataclass, replace
from datetime import datetime

from redis import Redis

from app.domain.merge import carry_since
from app.domain.registration import Lookup, PullReport, Registration
from app.store import snapshots
from app.store.snapshots import Delta
from workers.sip.base import Adapter, Problem, SipError


@dataclass(frozen=True, slots=True)
class Collected:
    """A whole snapshot that is believed: what it changes, and what is known of it."""

    delta: Delta
    report: PullReport


def snapshot(redis: "Redis", server_id: int, adapter: Adapter, now: datetime) -> Collected:
    """Read a server's snapshot to its end and compare it with the stored one; nothing is written.

    Raises SipError where the server gave none, or one that can't be believed.
    """
    pull = adapter.snapshot()
    delta = snapshots.compare(redis, server_id, pull, now, lambda: pull.report.unread)
    report = pull.report
    if report.broken > delta.total:
        # Every line of a server whose format changed would otherwise count as not registered.
        raise SipError(Problem.GARBAGE, f"{report.broken} records can't be read, {delta.total} can")
    return Collected(delta, report)


def lookup(adapter: Adapter, aor: str, before: Registration, now: datetime) -> Lookup:
    """What the server says of one line; `before` tells since when its bindings are known. Raises SipError."""
    found = adapter.lookup(aor)
    if found.registration.aor != aor:
        raise SipError(Problem.GARBAGE, "an answer about another line")
    return replace(found, registration=carry_since(before, found.registration.current(now), now))
