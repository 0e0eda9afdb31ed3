"""The counts of a circle rest on the same doubts as a single sign."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sign import Answer, Mode, SignKind, Source, decide
from app.domain.tally import Part, Tally, tally

NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)
parts = st.builds(
    Part,
    st.integers(0, 100),
    st.none() | st.integers(0, 60).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    st.just(INTERVAL),
    st.none() | st.integers(-10, 120),
    st.integers(-10, 120),
)


def part(total: int, seconds: float | None = 0, registered: int | None = 0, unreadable: int = 0) -> Part:
    answered = None if seconds is None else NOW - timedelta(seconds=seconds)
    return Part(total, answered, INTERVAL, registered, unreadable)


@pytest.mark.parametrize(
    ("given_parts", "expected"),
    [
        ([], Tally()),
        ([part(10, registered=7)], Tally(7, 3, 0)),
        ([part(10, registered=7, unreadable=2)], Tally(7, 1, 2)),
        ([part(10, 31, registered=7)], Tally(0, 0, 10)),
        ([part(10, None, registered=7)], Tally(0, 0, 10)),
        ([part(10, registered=None)], Tally(0, 0, 10)),
        ([part(10, 16, registered=7)], Tally(7, 3, 0, NOW - timedelta(seconds=16))),
        ([part(10, registered=7), part(5, 31, registered=5), Part(2)], Tally(7, 3, 7)),
        ([part(4, registered=9)], Tally(4, 0, 0)),
        ([part(4, registered=-3)], Tally(0, 4, 0)),
    ],
)
def test_it_adds_up_what_the_servers_say(given_parts: list[Part], expected: Tally) -> None:
    assert tally(given_parts, NOW) == expected


@given(st.lists(parts, max_size=5))
def test_no_line_is_lost_or_counted_twice(some: list[Part]) -> None:
    found = tally(some, NOW)
    assert found.total == sum(each.total for each in some)
    assert min(found.registered, found.not_registered, found.unknown) >= 0


@given(st.floats(0, 60), st.booleans())
def test_it_says_of_one_line_what_its_sign_says(seconds: float, registered: bool) -> None:
    at = NOW - timedelta(seconds=seconds)
    answer = Answer(registered, at, Source.SNAPSHOT)
    sign = decide(Mode.LIVE, snapshot=answer, lookup=None, ask=None, interval=INTERVAL, now=NOW)
    found = tally([Part(1, at, INTERVAL, int(registered))], NOW)
    shown = {
        SignKind.REGISTERED: found.registered,
        SignKind.NOT_REGISTERED: found.not_registered,
        SignKind.UNKNOWN: found.unknown,
    }
    assert shown[sign.kind] == 1
    assert (found.stale_since is not None) == (sign.stale and sign.kind is not SignKind.UNKNOWN)
