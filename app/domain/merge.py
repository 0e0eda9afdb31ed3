"""What stays of the old bindings when new ones are told: since when each is there, and whether anything changed."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.registration import Contact, Registration

JITTER = timedelta(seconds=2)
"""Servers tell whole seconds left: the same end comes out up to this much apart."""


def carry_since(old: Registration | None, new: Registration, now: datetime) -> Registration:
    """`new` with the time since which each binding is there: kept while it stays, else when it was first seen.

    A binding that the portal sees for the first time is there since its REGISTER where the server tells that.
    """
    known = {contact.uri: contact.since for contact in old.contacts} if old else {}
    contacts = tuple(
        replace(contact, since=known.get(contact.uri) or contact.refreshed_at or now) for contact in new.contacts
    )
    return Registration(new.aor, contacts)


def same(old: Registration, new: Registration) -> bool:
    """Whether nothing a person could see differs, whole seconds of rounding aside."""
    return len(old.contacts) == len(new.contacts) and all(
        _same_contact(before, after) for before, after in zip(_sorted(old), _sorted(new), strict=True)
    )


def _sorted(registration: Registration) -> list[Contact]:
    return sorted(registration.contacts, key=lambda contact: contact.uri)


def _same_contact(before: Contact, after: Contact) -> bool:
    times = (before.refreshed_at, after.refreshed_at), (before.expires_at, after.expires_at)
    return _identity(before) == _identity(after) and all(_near(*pair) for pair in times)


def _identity(contact: Contact) -> tuple[str | None, ...]:
    return (contact.uri, contact.source, contact.transport, contact.user_agent)


def _near(first: datetime | None, second: datetime | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= JITTER
