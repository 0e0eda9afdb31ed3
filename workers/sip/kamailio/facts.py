"""What Kamailio says of itself. Pure: whatever it answers is read, or is None."""

import re
from datetime import UTC, datetime

from app.domain.text import clean
from workers.sip.kamailio.contact import is_count

_QUARTER = 15 * 60
# Seconds, some 300 years: no server has run longer, and a moment so long ago can still be reckoned.
_FOREVER = 10**10


def count(result: object, table: str, what: str) -> int | None:
    """How many `what` (users, contacts) the table holds by `stats.get_statistics`; None if the answer does not say."""
    # Kamailio before 5.6 writes location-users.
    pattern = re.compile(rf"usrloc:{re.escape(table)}[-_]{what} = (\d{{1,15}})")
    found = (pattern.fullmatch(line) for line in _items(result) if isinstance(line, str))
    return next((int(match[1]) for match in found if match), None)


def entries(result: object, table: str) -> int | None:
    """How many entries the htable holds by `htable.stats`; None if there is no such table."""
    found = [item.get("all") for item in _items(result) if isinstance(item, dict) and item.get("name") == table]
    return found[0] if found and is_count(found[0]) else None


def uptime(result: object) -> float | None:
    """Seconds since the server's start by `core.uptime`; None if the answer does not say."""
    seconds = result.get("uptime") if isinstance(result, dict) else None
    return float(seconds) if is_count(seconds) and seconds < _FOREVER else None


def clock_skew(result: object, ours: datetime) -> float | None:
    """The server's clock by `core.uptime` minus ours in seconds, from -450 to 450; None if the answer does not say.

    The server writes local time without a zone. Zones differ by quarters of an hour, so what is left is the skew,
    unless it is larger than half of one.
    """
    text = result.get("now") if isinstance(result, dict) else None
    try:
        told = datetime.strptime(str(text).strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
    return ((told - ours).total_seconds() + _QUARTER / 2) % _QUARTER - _QUARTER / 2


def version(result: object) -> str | None:
    """The server's name and version by `core.version`; None if the answer does not say."""
    return clean(result) or None if isinstance(result, str) else None


def methods(result: object) -> frozenset[str]:
    """The commands that `system.listMethods` names."""
    return frozenset(item for item in _items(result) if isinstance(item, str))


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
