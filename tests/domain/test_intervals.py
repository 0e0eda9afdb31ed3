"""How often a server is pulled, and that its signs grow old by that and by nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.domain.sign import Answer, Mode, SignKind, Source, decide, freshness, stretched

NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# What is configured, what a pull takes of the server's time, how long it takes -> how often the server is pulled.
INTERVALS = {
    (5.0, 0.0, 0.0): 5.0,
    (5.0, 0.5, 0.5): 5.0,
    (5.0, 0.501, 0.6): 5.01,
    (5.0, 4.0, 4.5): 40.0,
    # The portal itself may take longer than the server does: then that is all that there is.
    (5.0, 0.1, 12.0): 12.0,
    (5.0, 4.0, 60.0): 60.0,
    (3600.0, 4.0, 60.0): 3600.0,
    (0.5, 0.0, 0.2): 0.5,
}


@pytest.mark.parametrize(("told", "expected"), INTERVALS.items())
def test_a_server_is_asked_for_no_more_than_a_tenth_of_its_time(
    told: tuple[float, float, float], expected: float
) -> None:
    configured, busy, took = (seconds * SECOND for seconds in told)
    interval = stretched(configured, busy=busy, took=took)
    assert interval == expected * SECOND
    assert busy <= interval / 10


# Age in intervals -> (whether a sign still claims anything, whether it says as of when it is).
AGES = {0.0: (True, False), 3.0: (True, False), 3.001: (True, True), 6.0: (True, True), 6.001: (False, True)}


@pytest.mark.parametrize(("age", "registered"), list(product(AGES, (True, False))))
@pytest.mark.parametrize("busy", [0.1 * SECOND, 4 * SECOND])
def test_signs_grow_old_by_the_stretched_interval(age: float, registered: bool, busy: timedelta) -> None:
    interval = stretched(5 * SECOND, busy=busy)
    claims, stale = AGES[age]
    best = Answer(registered, NOW - age * interval, Source.SNAPSHOT)
    shown = decide(Mode.LIVE, snapshot=best, lookup=None, ask=None, interval=interval, now=NOW)
    assert (shown.kind is not SignKind.UNKNOWN, shown.stale) == (claims, stale)
    words = freshness(best.at, interval, NOW, NOW)[0]
    assert words == ("fresh" if not stale else "stale" if claims else "unknown")
