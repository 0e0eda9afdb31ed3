"""What is kept of a line's failed authentications, and which of them still matters."""

from dataclasses import dataclass, replace

from app.domain.registration import AuthFailure, Registration

SOURCES = 8
"""Distinct source addresses kept a line: more are counted with the rest."""


@dataclass(frozen=True, slots=True)
class Failures:
    """All that is remembered of one line's failures: however many come, this is all."""

    newest: AuthFailure
    count: int = 1
    sources: tuple[str, ...] = ()
    """Distinct hosts that tried, the newest first."""


def add(before: Failures | None, failure: AuthFailure) -> Failures:
    """What is remembered once `failure` is told; telling the same one again changes nothing."""
    if before is None:
        return Failures(failure, 1, _sources(failure, ()))
    if failure.at < before.newest.at or failure == before.newest:
        return before
    return replace(before, newest=failure, count=before.count + 1, sources=_sources(failure, before.sources))


def _sources(failure: AuthFailure, before: tuple[str, ...]) -> tuple[str, ...]:
    if failure.source is None:
        return before
    # The port changes with every attempt of the same phone.
    host = failure.source.rpartition(":")[0] or failure.source
    return (host, *(other for other in before if other != host))[:SOURCES]


def latest_error(failures: Failures | None, registration: Registration) -> Failures | None:
    """The failures that still matter: None where a success came after the newest of them."""
    if failures is None:
        return None
    successes = [contact.refreshed_at or contact.since for contact in registration.contacts]
    newest_success = max((success for success in successes if success), default=None)
    return failures if newest_success is None or failures.newest.at > newest_success else None
