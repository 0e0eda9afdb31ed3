"""One binding as Kamailio describes it, whether by RPC, in its mirror or in its location table. Pure."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from app.domain.aor import aor_key
from app.domain.registration import Contact
from app.domain.text import clean

_ABSENT = frozenset(("[not set]", "n/a", "<null>"))
ABSENT = frozenset(word.encode() for word in _ABSENT)
"""What stands for nothing, as bytes."""
_ENDED = frozenset(("expired", "deleted"))
_TRANSPORTS = frozenset(("udp", "tcp", "tls", "ws", "wss"))
# JSON has no largest number, and arithmetic with one of 400 digits fails.
_MOST = 2**63 - 1
_TRANSPORT = re.compile(r";transport=(\w+)", re.IGNORECASE)
_SOURCE = re.compile(r"sips?:(?:[^@;?]*@)?([^;?@\s]+)", re.IGNORECASE)


class BrokenError(Exception):
    """One record cannot be read."""


def line_key(name: object, home: str) -> str:
    """The key of the line that the server calls `name`. Raises BrokenError."""
    if not isinstance(name, str):
        raise BrokenError
    try:
        key = aor_key(name, home)
        # JSON can escape half a surrogate pair, which no store could write.
        key.encode()
    except ValueError:
        raise BrokenError from None
    return key


def contact_of(record: object, now: datetime) -> Contact | None:
    """The contact in an answer to ul.dump or ul.lookup given at `now`, None if it has ended. Raises BrokenError."""
    if not isinstance(record, dict):
        raise BrokenError
    left, came = record.get("Expires"), record.get("Socket")
    if isinstance(left, str) and left in _ENDED:
        return None
    contact = Contact(
        uri=uri_of(record.get("Address")),
        source=source_of(record.get("Received")),
        transport=transport_of(record.get("Address"), came),
        user_agent=agent_of(record.get("User-Agent")),
        refreshed_at=moment_or_none(record.get("Last-Modified")),
        expires_at=_end(left, now),
    )
    return contact if contact.current(now) else None


def corrected(contact: Contact, seconds: int) -> Contact:
    """The contact with our times instead of the server's, whose clock is ahead by `seconds`.

    Raises BrokenError for a time that is none by our clock.
    """
    if not seconds:
        return contact
    ahead = timedelta(seconds=seconds)
    try:
        return replace(
            contact,
            refreshed_at=contact.refreshed_at and contact.refreshed_at - ahead,
            expires_at=contact.expires_at and contact.expires_at - ahead,
        )
    except OverflowError:
        raise BrokenError from None


def uri_of(value: object) -> str:
    """The contact's address, fit to be shown. Raises BrokenError."""
    if not isinstance(value, str) or value in _ABSENT or not (uri := clean(value)):
        raise BrokenError
    return uri


def agent_of(value: object) -> str | None:
    """The phone's name; the server says n/a for none, an empty one and a very long one."""
    return None if not isinstance(value, str) or value in _ABSENT else clean(value) or None


def source_of(received: object) -> str | None:
    """host:port in the URI that the server noted where a REGISTER came from."""
    match = _SOURCE.match(received) if isinstance(received, str) else None
    return clean(match[1]) or None if match else None


def transport_of(uri: object, came: object) -> str | None:
    """What the contact asks for, else what its REGISTER came over: `came` begins with it, as in udp:10.0.0.1:5060."""
    # The user part before the @ may hold anything.
    asked = _TRANSPORT.search(uri.rpartition("@")[2]) if isinstance(uri, str) else None
    if asked and asked[1].lower() in _TRANSPORTS:
        return asked[1].lower()
    over = came.partition(":")[0].lower() if isinstance(came, str) else ""
    return over if over in _TRANSPORTS else None


def moment(seconds: float) -> datetime:
    """The moment of an epoch. Raises BrokenError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise BrokenError from None


def moment_or_none(value: object) -> datetime | None:
    """The same of what may be anything; a contact that an operator put in by ul.add was never refreshed: 0."""
    try:
        return moment(value) if is_count(value) and value else None
    except BrokenError:
        return None


def is_count(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number that a server may have counted to."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _end(left: object, now: datetime) -> datetime | None:
    if left == "permanent":
        return None
    if not isinstance(left, int) or isinstance(left, bool):
        raise BrokenError
    try:
        # The server counts whole seconds: so does the end, lest it seem to move with every answer.
        return now.replace(microsecond=0) + timedelta(seconds=left)
    except OverflowError:
        raise BrokenError from None
