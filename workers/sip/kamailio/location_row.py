"""One row of usrloc's location table as values. Pure."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from app.domain.registration import Contact
from workers.sip.base import Problem, SipError
from workers.sip.kamailio.contact import (
    BrokenError,
    agent_of,
    corrected,
    line_key,
    moment,
    source_of,
    transport_of,
    uri_of,
)

COLUMNS = "username, domain, last_modified, expires, contact, received, user_agent, socket"
"""From the third on in the order in which `record` holds a binding."""
# SQLite holds days since noon of 24 November 4714 BC; as seconds since 1970 that would be April 1970.
_LARGEST_JULIAN = 10_000_000
# Beyond the year 9999 there is no time, and a column may hold what is no number at all.
_LARGEST = 1e12
_JULIAN_EPOCH = 2_440_587.5
_DAY = 86_400
TableRow = tuple[Any, ...]
"""The values of COLUMNS."""


def bound(row: TableRow, home: str, zone: tzinfo | None, skew: int = 0) -> tuple[str, Contact]:
    """The key of the line and the binding; `skew` is what the server's clock is ahead of ours, in seconds.

    Raises BrokenError, and SipError(CONFIGURATION) for a local time of nobody knows where.
    """
    username, domain, modified, expires, uri, received, agent, socket = row
    key = line_key(f"{username}@{domain}" if domain else username, home)
    contact = Contact(
        uri=uri_of(uri),
        source=source_of(received),
        transport=transport_of(uri, socket),
        user_agent=agent_of(agent),
        refreshed_at=_moment(modified, zone),
        expires_at=_moment(expires, zone),
    )
    return key, corrected(contact, skew)


def name_of(row: TableRow) -> object:
    """What the table calls the line, for one that cannot be read."""
    return f"{row[0]}@{row[1]}" if row[1] else row[0]


def _moment(value: object, zone: tzinfo | None) -> datetime | None:
    """The moment in a column: epoch seconds, a Julian day, or the server's local time; None for never.

    Raises BrokenError, and SipError(CONFIGURATION) for a local time of nobody knows where.
    """
    if isinstance(value, datetime):
        if zone is None:
            detail = "the table holds local times: set expires_type to 1 in Kamailio, or the option timezone"
            raise SipError(Problem.CONFIGURATION, detail, permanent=True)
        try:
            # An hour that comes twice is taken for the later one: a phone is not shown as gone too early.
            found = value.replace(tzinfo=zone, fold=1).astimezone(UTC)
        except (OverflowError, ValueError):
            raise BrokenError from None
        return found if found.timestamp() > _DAY else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        raise BrokenError
    seconds = value if value > _LARGEST_JULIAN else round((value - _JULIAN_EPOCH) * _DAY) if value else 0
    return moment(seconds) if seconds > _DAY else None
