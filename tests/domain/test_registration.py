"""Bindings hold until they expire; a line without one is not registered."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.registration import Contact, Registration

NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("expires_at", "current"), [(None, True), (NOW + SECOND, True), (NOW, False), (NOW - SECOND, False)]
)
def test_a_binding_holds_until_it_expires(expires_at: datetime | None, current: bool) -> None:
    assert Contact("sip:a@192.0.2.1", expires_at=expires_at).current(NOW) is current


def test_only_the_bindings_that_hold_stay() -> None:
    kept = Contact("sip:a@192.0.2.1", expires_at=NOW + SECOND)
    ended = Contact("sip:a@192.0.2.2", expires_at=NOW)
    assert Registration("a", (ended, kept)).current(NOW) == Registration("a", (kept,))
    assert Registration("a", (ended,)).current(NOW) == Registration("a")


def test_a_line_of_which_nothing_ended_is_the_same_value() -> None:
    whole = Registration("a", (Contact("sip:a@192.0.2.1"),))
    assert whole.current(NOW) is whole
