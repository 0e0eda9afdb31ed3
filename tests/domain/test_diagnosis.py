"""What lines that went away have in common, from tables: a restarted server, a site, this phone, or nothing."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.diagnosis import Finding, Kind, Seen, diagnose
from app.domain.standing import Cause

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OURS, OTHER = 1, 2


def ago(seconds: float) -> datetime:
    return NOW - seconds * SECOND


def here(count: int, server: int = OURS) -> list[Seen]:
    return [Seen(server, True, ago(9000))] * count


def away(*seconds: float, cause: Cause = Cause.EXPIRED, server: int = OURS) -> list[Seen]:
    """Lines that went so many seconds ago."""
    return [Seen(server, False, ago(second), cause) for second in seconds]


def forgotten(count: int, seconds: float = 60, server: int = OURS) -> list[Seen]:
    """Lines that a server forgot by starting anew."""
    return away(*[seconds] * count, cause=Cause.RESTARTED, server=server)


NEVER = [Seen(OURS, False, None, Cause.UNOBSERVED)]
"""A line that was never there."""


def kinds(lines: list[Seen], restarts: dict[int, datetime] | None = None) -> list[tuple[Kind, int, int]]:
    return [(found.kind, found.count, found.of) for found in diagnose(lines, restarts or {}, NOW)]


ALL, MANY, RESTARTED = Kind.ALL_GONE, Kind.MANY_GONE, Kind.RESTARTED
# Without a restart -> what is found.
SITES: dict[str, tuple[list[Seen], list[tuple[Kind, int, int]]]] = {
    "nobody": ([], []),
    "all are there": (here(9), []),
    "one that never was there": (NEVER, []),
    # This phone: one line away says nothing of the others.
    "this phone": (here(9) + away(60), []),
    "this phone is all there is": (away(60), []),
    "two of many": (here(9) + away(60, 60), []),
    # The whole circle.
    "all fourteen at once": (away(*[60] * 14), [(ALL, 14, 14)]),
    "two at once": (away(60, 90), [(ALL, 2, 2)]),
    "two within two minutes": (away(60, 180), [(ALL, 2, 2)]),
    "two in more than two minutes": (away(60, 181), []),
    "three one by one within an hour": (away(60, 1800, 3660), [(ALL, 3, 3)]),
    "the third went an hour before": (away(60, 1800, 3661), []),
    "those that went long ago are not of it": (away(60, 70, 80, 90000), [(ALL, 3, 3)]),
    "those that never were there are not of it": (away(60, 70, 80) + NEVER * 5, [(ALL, 3, 3)]),
    "all but one": (here(1) + away(*[60] * 13), [(MANY, 13, 14)]),
    # More than half, together.
    "three of five": (here(2) + away(60, 61, 62), [(MANY, 3, 5)]),
    "exactly half": (here(3) + away(60, 61, 62), []),
    "two of three": (here(1) + away(60, 61), []),
    "more than half, within two minutes": (here(2) + away(60, 120, 180), [(MANY, 3, 5)]),
    "more than half, one by one": (here(2) + away(60, 120, 181), []),
    "more than half long ago": (here(2) + away(90000, 90001, 90002), [(MANY, 3, 5)]),
    "at two servers": (away(60, 61) + away(62, 63, server=OTHER), [(ALL, 4, 4)]),
}


@pytest.mark.parametrize("name", SITES)
def test_sites_and_single_phones(name: str) -> None:
    lines, expected = SITES[name]
    assert kinds(lines) == expected


HOUR = 3600
# With a restart of OURS so many seconds ago.
RESTARTS: dict[str, tuple[list[Seen], float, list[tuple[Kind, int, int]]]] = {
    "all have come back": (here(9), 60, []),
    "some are still away": (here(5) + forgotten(4), 60, [(RESTARTED, 4, 9)]),
    "one is still away": (here(8) + forgotten(1), 60, [(RESTARTED, 1, 9)]),
    "all are still away: it is the server, not the site": (forgotten(9), 60, [(RESTARTED, 9, 9)]),
    "they may take an hour": (forgotten(4), HOUR, [(RESTARTED, 4, 4)]),
    # Who has not come back by then has another reason.
    "after an hour": (forgotten(4, HOUR), HOUR + 1, [(ALL, 4, 4)]),
    "others expired meanwhile": (forgotten(3) + away(50, 55, 58), 60, [(RESTARTED, 3, 3), (ALL, 3, 3)]),
    "others are there": (forgotten(3) + here(3, OTHER), 60, [(RESTARTED, 3, 3)]),
    "others of another server went": (
        forgotten(3) + here(3) + away(60, 61, 62, 63, server=OTHER),
        60,
        [(RESTARTED, 3, 6), (MANY, 4, 7)],
    ),
    "none of those that are away were forgotten": (here(5) + away(60), 60, []),
    "forgotten by a restart that the portal knows nothing of any more": (forgotten(4, server=OTHER), 60, [(ALL, 4, 4)]),
}


@pytest.mark.parametrize("name", RESTARTS)
def test_servers_that_started_anew(name: str) -> None:
    lines, seconds, expected = RESTARTS[name]
    assert kinds(lines, {OURS: ago(seconds)}) == expected


def test_two_servers_that_started_anew() -> None:
    lines = forgotten(2) + forgotten(3, server=OTHER) + here(1)
    found = diagnose(lines, {OTHER: ago(70), OURS: ago(65)}, NOW)
    assert [(finding.server_id, finding.at, finding.count, finding.of) for finding in found] == [
        (OURS, ago(65), 2, 3),
        (OTHER, ago(70), 3, 3),
    ]


def test_from_when_until_when() -> None:
    assert diagnose(away(60, 90, 75), {}, NOW) == [Finding(ALL, ago(90), ago(60), 3, 3)]
    assert diagnose(away(60, 90, 75) + here(1), {}, NOW) == [Finding(MANY, ago(90), ago(60), 3, 4)]
    lines = forgotten(2, 50) + forgotten(1, 40)
    assert diagnose(lines, {OURS: ago(60)}, NOW) == [Finding(RESTARTED, ago(60), ago(40), 3, 3, OURS)]


LINES = st.lists(
    st.builds(
        Seen,
        st.sampled_from((OURS, OTHER)),
        st.booleans(),
        st.none() | st.integers(0, 9000).map(ago),
        st.none() | st.sampled_from(Cause),
    ),
    max_size=20,
)


@given(lines=LINES, restart=st.none() | st.integers(0, 9000), dice=st.randoms())
def test_no_line_is_counted_twice_and_their_order_means_nothing(
    lines: list[Seen], restart: int | None, dice: Random
) -> None:
    restarts = {} if restart is None else {OURS: ago(restart)}
    found = diagnose(lines, restarts, NOW)
    gone = sum(not line.registered and line.since is not None for line in lines)
    assert sum(finding.count for finding in found) <= gone
    assert all(
        0 < finding.count <= finding.of and finding.at <= finding.until
        for finding in found
        if finding.server_id is None
    )
    dice.shuffle(lines)
    assert diagnose(lines, restarts, NOW) == found
