"""How many of a circle's lines are registered, with the same doubts as a single sign has."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.sign import STALE_AFTER, UNKNOWN_AFTER


@dataclass(frozen=True, slots=True)
class Part:
    """The live lines of one circle at one server, and what the server's last good snapshot says of them."""

    total: int
    answered_at: datetime | None = None
    interval: timedelta = timedelta()
    registered: int | None = None
    """None while nobody has counted."""
    unreadable: int = 0
    """Lines of which the snapshot told something that nobody could read."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The live lines of one circle by their signs."""

    registered: int = 0
    not_registered: int = 0
    unknown: int = 0
    stale_since: datetime | None = None
    """As of when the oldest of the numbers is, where a sign would say so."""

    @property
    def total(self) -> int:
        """All live lines."""
        return self.registered + self.not_registered + self.unknown


def tally(parts: Iterable[Part], now: datetime) -> Tally:
    """The sum over the servers at which a circle has lines, at `now`."""
    registered = not_registered = unknown = 0
    stale: list[datetime] = []
    for part in parts:
        age = None if part.answered_at is None else now - part.answered_at
        if part.registered is None or age is None or age > UNKNOWN_AFTER * part.interval:
            unknown += part.total
            continue
        if part.answered_at is not None and age > STALE_AFTER * part.interval:
            stale.append(part.answered_at)
        # Between a move of lines and the next count the numbers need not fit the total.
        sure = min(max(part.registered, 0), part.total)
        unsure = min(max(part.unreadable, 0), part.total - sure)
        registered += sure
        unknown += unsure
        not_registered += part.total - sure - unsure
    return Tally(registered, not_registered, unknown, min(stale, default=None))
