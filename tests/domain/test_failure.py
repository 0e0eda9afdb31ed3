"""What is remembered of failed authentications: little, whatever comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.failure import SOURCES, Failures, add, latest_error
from app.domain.registration import AuthFailure, Contact, FailureReason, Registration

AT = datetime(2026, 11, 23, 1, 11, 52, tzinfo=UTC)
FAILURE = AuthFailure("1001", FailureReason.WRONG_PASSWORD, AT, "192.0.2.7:5060", "phone")


def test_the_first_failure_is_one() -> None:
    assert add(None, FAILURE) == Failures(FAILURE, 1, ("192.0.2.7",))


def test_a_failure_that_is_told_again_counts_once() -> None:
    assert add(add(None, FAILURE), FAILURE) == add(None, FAILURE)


def test_an_older_failure_changes_nothing() -> None:
    assert add(add(None, FAILURE), replace(FAILURE, at=AT - timedelta(seconds=1))) == add(None, FAILURE)


def test_a_newer_failure_takes_its_place() -> None:
    newer = replace(FAILURE, at=AT + timedelta(seconds=1), source="[2001:db8::7]:5060")
    assert add(add(None, FAILURE), newer) == Failures(newer, 2, ("[2001:db8::7]", "192.0.2.7"))


def test_another_port_of_the_same_host_is_the_same_source() -> None:
    newer = replace(FAILURE, at=AT + timedelta(seconds=1), source="192.0.2.7:6060")
    assert add(add(None, FAILURE), newer).sources == ("192.0.2.7",)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), min_size=1, max_size=200))
def test_a_flood_fills_nothing(told: list[tuple[int, int]]) -> None:
    kept = None
    for seconds, host in told:
        kept = add(kept, replace(FAILURE, at=AT + timedelta(seconds=seconds), source=f"192.0.2.{host}:5060"))
    assert kept is not None
    assert len(kept.sources) <= SOURCES
    assert kept.newest.at == AT + timedelta(seconds=max(seconds for seconds, _ in told))
    assert 1 <= kept.count <= len(told)


def contact(since: datetime | None = None, refreshed_at: datetime | None = None) -> Registration:
    return Registration("1001", (Contact("sip:1001@192.0.2.7", since=since, refreshed_at=refreshed_at),))


@pytest.mark.parametrize(
    ("registration", "matters"),
    [
        (Registration("1001"), True),
        (contact(refreshed_at=AT - timedelta(seconds=1)), True),
        (contact(refreshed_at=AT), False),
        (contact(refreshed_at=AT + timedelta(seconds=1)), False),
        (contact(since=AT - timedelta(hours=1), refreshed_at=AT + timedelta(seconds=1)), False),
        (contact(since=AT - timedelta(hours=1)), True),
        (contact(since=AT + timedelta(seconds=1)), False),
    ],
)
def test_a_failure_older_than_the_newest_success_is_history(registration: Registration, *, matters: bool) -> None:
    assert (latest_error(add(None, FAILURE), registration) is not None) is matters


def test_no_failure_is_no_error() -> None:
    assert latest_error(None, Registration("1001")) is None
