"""How bindings are written in Redis: compact JSON arrays, times as epoch seconds."""

import json
from datetime import UTC, datetime

from app.domain.registration import Contact, Registration

UNREADABLE = b"?"
"""Stands for the bindings of a line that the server told and nobody could read."""


def epoch(moment: datetime | None) -> float | None:
    """Epoch seconds with milliseconds, None for None."""
    return None if moment is None else round(moment.timestamp(), 3)


def moment(seconds: float | None) -> datetime | None:
    """The reverse of `epoch`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def encode(contacts: tuple[Contact, ...]) -> bytes:
    """The bindings of one registered line."""
    rows = [
        (
            contact.uri,
            contact.source,
            contact.transport,
            contact.user_agent,
            epoch(contact.since),
            epoch(contact.refreshed_at),
            epoch(contact.expires_at),
        )
        for contact in contacts
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(aor: str, value: bytes) -> Registration:
    """The reverse of `encode`. Raises ValueError for what it did not write."""
    try:
        return Registration(aor, tuple(_contact(*row) for row in json.loads(value)))
    except (TypeError, OverflowError) as error:
        raise ValueError("not a record of ours") from error


def _contact(
    uri: str,
    source: str | None,
    transport: str | None,
    user_agent: str | None,
    since: float | None,
    refreshed: float | None,
    expires: float | None,
) -> Contact:
    return Contact(uri, source, transport, user_agent, moment(refreshed), moment(expires), moment(since))
