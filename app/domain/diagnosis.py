"""What several lines that went away have in common: a server that started anew, a site without a line, or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.standing import Cause

RETURN = timedelta(hours=1)
"""How long after a restart phones may take to come back: most register at least once an hour."""
ALL_WITHIN = timedelta(hours=1)
"""A site without a line loses its phones one by one, as each registration runs out."""
AT_ONCE = timedelta(minutes=2)
"""Phones that go within so long go together."""
FEW = 3


class Kind(StrEnum):
    """What happened."""

    RESTARTED = "restarted"
    """A server started anew and forgot its phones."""
    ALL_GONE = "all_gone"
    """All phones that were there went away."""
    MANY_GONE = "many_gone"
    """More than half of them went away together."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One line that is not registered or is, as the newest answer says."""

    server_id: int
    registered: bool
    since: datetime | None = None
    """When it came into this state; None for a line that was never seen otherwise."""
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What several lines have in common."""

    kind: Kind
    at: datetime
    """When the server started, or the first phone went."""
    until: datetime
    """When the last phone went."""
    count: int
    """Phones that are away because of it."""
    of: int
    """Phones that were there before."""
    server_id: int | None = None


def diagnose(lines: Iterable[Seen], restarts: Mapping[int, datetime], now: datetime) -> list[Finding]:
    """What the lines that are away have in common; `restarts` are the starts that the portal has noticed, by server."""
    seen = list(lines)
    findings = [
        finding
        for server_id, at in sorted(restarts.items())
        if now - at <= RETURN and (finding := _restarted(seen, server_id, at))
    ]
    explained = {finding.server_id for finding in findings}
    left = [line for line in seen if line.server_id not in explained or line.cause is not Cause.RESTARTED]
    gone = _gone(left)
    there = sum(line.registered for line in left)
    outage = _all_gone(gone) if not there else _many_gone(gone, there)
    return [*findings, *([outage] if outage else [])]


def _restarted(seen: Sequence[Seen], server_id: int, at: datetime) -> Finding | None:
    mine = [line for line in seen if line.server_id == server_id]
    away = [line.since for line in mine if not line.registered and line.cause is Cause.RESTARTED and line.since]
    if not away:
        return None
    there = sum(line.registered for line in mine)
    return Finding(Kind.RESTARTED, at, max(away), len(away), len(away) + there, server_id)


def _gone(seen: Iterable[Seen]) -> list[datetime]:
    """When those went that are away, the last first."""
    return sorted((line.since for line in seen if not line.registered and line.since), reverse=True)


def _all_gone(gone: Sequence[datetime]) -> Finding | None:
    if not gone:
        return None
    last = [at for at in gone if gone[0] - at <= ALL_WITHIN]
    together = [at for at in gone if gone[0] - at <= AT_ONCE]
    if len(last) < FEW and len(together) < FEW - 1:
        return None
    return Finding(Kind.ALL_GONE, last[-1], last[0], len(last), len(last))


def _many_gone(gone: Sequence[datetime], there: int) -> Finding | None:
    together = [at for at in gone if gone[0] - at <= AT_ONCE]
    if len(together) < FEW or len(together) <= there:
        return None
    return Finding(Kind.MANY_GONE, together[-1], together[0], len(together), len(together) + there)
