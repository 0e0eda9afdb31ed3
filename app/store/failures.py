"""Failed authentications, a few words a line: a flood of failures fills nothing."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from redis import Redis

from app.domain.failure import Failures, add
from app.domain.registration import AuthFailure, FailureReason
from app.store import keys
from app.store.codec import epoch, moment
from app.store.connection import raw


def read(redis: "Redis", server_id: int, aor: str) -> Failures | None:
    """What is remembered of one line."""
    return _decode(aor, raw(redis.get(keys.failures(server_id, aor))))


def record(redis: "Redis", server_id: int, told: Iterable[AuthFailure]) -> None:
    """Remember failures of lines that are known to be ours: whoever calls has left out all others."""
    by_line: dict[str, list[AuthFailure]] = {}
    for failure in told:
        by_line.setdefault(failure.aor, []).append(failure)
    for aor, failures in by_line.items():
        before = kept = read(redis, server_id, aor)
        for failure in sorted(failures, key=lambda failure: failure.at):
            # As precise as it is stored: the same failure, told again, is then the same value.
            kept = add(kept, replace(failure, at=moment(epoch(failure.at)) or failure.at))
        if kept is not None and kept != before:
            redis.set(keys.failures(server_id, aor), _encode(kept), ex=keys.FAILURE_SECONDS)


def read_until(redis: "Redis", server_id: int) -> datetime | None:
    """The time of the newest failure that was read from a server; None when none was."""
    seconds = raw(redis.get(keys.failures_read(server_id)))
    return moment(float(seconds)) if seconds else None


def mark_read(redis: "Redis", server_id: int, newest: datetime) -> None:
    """The next reading begins here."""
    redis.set(keys.failures_read(server_id), str(newest.timestamp()), ex=keys.FAILURE_SECONDS)


def _encode(failures: Failures) -> bytes:
    newest = failures.newest
    record = (newest.reason.value, epoch(newest.at), newest.source, newest.user_agent, failures.count, failures.sources)
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _decode(aor: str, value: bytes | None) -> Failures | None:
    if value is None:
        return None
    reason, at, source, user_agent, count, sources = json.loads(value)
    when = moment(at)
    if when is None:
        return None
    return Failures(AuthFailure(aor, FailureReason(reason), when, source, user_agent), count, tuple(sources))
