"""What stays of a line between two snapshots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.merge import JITTER, carry_since, same
from app.domain.registration import Contact, Registration

NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PHONE = Contact("sip:a@192.0.2.1", "192.0.2.1:5060", "udp", "Yealink", NOW, NOW + MINUTE)
OTHER = replace(PHONE, uri="sip:a@192.0.2.2")


def line(*contacts: Contact) -> Registration:
    return Registration("a", contacts)


def test_a_binding_that_stays_keeps_its_beginning() -> None:
    old = line(replace(PHONE, since=BEFORE))
    assert carry_since(old, line(PHONE, OTHER), NOW).contacts == (
        replace(PHONE, since=BEFORE),
        replace(OTHER, since=OTHER.refreshed_at),
    )


def test_a_binding_seen_first_began_when_it_registered_else_now() -> None:
    silent = replace(PHONE, refreshed_at=None)
    assert carry_since(None, line(PHONE), BEFORE).contacts[0].since == PHONE.refreshed_at
    assert carry_since(None, line(silent), BEFORE).contacts[0].since == BEFORE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"since": BEFORE}, True),
        ({"expires_at": NOW + MINUTE + JITTER}, True),
        ({"expires_at": NOW + MINUTE - JITTER}, True),
        ({"expires_at": NOW + MINUTE + JITTER * 1.5}, False),
        ({"refreshed_at": NOW + MINUTE}, False),
        ({"refreshed_at": None}, False),
        ({"expires_at": None}, False),
        ({"source": "192.0.2.1:5062"}, False),
        ({"transport": "tcp"}, False),
        ({"user_agent": None}, False),
        ({"uri": "sip:a@192.0.2.9"}, False),
    ],
)
def test_only_what_a_person_could_see_is_a_change(change: dict[str, object], expected: bool) -> None:
    assert same(line(PHONE), line(replace(PHONE, **change))) is expected  # type: ignore[arg-type] # one field a row


def test_order_makes_no_difference_but_number_does() -> None:
    assert same(line(PHONE, OTHER), line(OTHER, PHONE))
    assert not same(line(PHONE), line(PHONE, OTHER))
    assert not same(line(PHONE), line())


times = st.none() | st.integers(0, 10).map(lambda seconds: NOW + timedelta(seconds=seconds))
contacts = st.builds(
    Contact,
    uri=st.sampled_from(["sip:a@192.0.2.1", "sip:a@192.0.2.2", "sip:a@192.0.2.3"]),
    source=st.none() | st.just("192.0.2.1:5060"),
    transport=st.none() | st.just("udp"),
    user_agent=st.none(),
    refreshed_at=times,
    expires_at=times,
    since=times,
)
lines = st.lists(contacts, max_size=3, unique_by=lambda contact: contact.uri).map(lambda found: line(*found))


@given(lines, lines)
def test_same_is_symmetric_and_holds_of_itself(first: Registration, second: Registration) -> None:
    assert same(first, second) is same(second, first)
    assert same(first, first)


@given(st.none() | lines, lines)
def test_carrying_gives_every_binding_a_beginning_and_changes_nothing_else(
    old: Registration | None, new: Registration
) -> None:
    carried = carry_since(old, new, NOW)
    assert all(contact.since for contact in carried.contacts)
    assert same(carried, new)
    assert carry_since(carried, new, NOW + MINUTE) == carried
