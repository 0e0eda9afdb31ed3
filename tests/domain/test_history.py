"""How a line stood: every rule of a strip as a table, in minutes from the window's start."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import LineState
from app.domain.history import (
    Changed,
    Heard,
    Period,
    Span,
    Stood,
    Why,
    Window,
    marks,
    silences,
    spans,
    totals,
    up_to_now,
)

START = datetime(2026, 3, 4, 0, 0, tzinfo=UTC)
REG, NOT, UNREAD = LineState.REGISTERED, LineState.NOT_REGISTERED, LineState.UNREADABLE
LENGTH = 100


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def line(*changes: tuple[float, LineState | None, LineState]) -> list[Changed]:
    return [Changed(at(minutes), before, after) for minutes, before, after in changes]


def heard(*parts: tuple[float, float], why: Why = Why.NO_ANSWER) -> list[Heard]:
    return [Heard(at(since), at(until), why) for since, until in parts]


def told(found: list[Span]) -> list[tuple[str, float]]:
    """Each span as ``+``, ``-`` or why nobody knows, and the minute in which it ends."""
    words = {Stood.REGISTERED: "+", Stood.NOT_REGISTERED: "-"}
    return [(words.get(part.stood) or str(part.why), (part.end - START) / timedelta(minutes=1)) for part in found]


ALWAYS = ((-1000.0, 100.0),)


@pytest.mark.parametrize(
    ("changes", "parts", "expected"),
    [
        # Nothing ever happened: not registered while somebody looked.
        ((), ALWAYS, [("-", 100)]),
        ((), (), [("unrecorded", 100)]),
        ((), ((40, 100),), [("no_answer", 40), ("-", 100)]),
        # Changes within the window, and the one before it.
        (((10, NOT, REG),), ALWAYS, [("-", 10), ("+", 100)]),
        (((-50, NOT, REG),), ALWAYS, [("+", 100)]),
        (((-50, NOT, REG), (30, REG, NOT), (60, NOT, REG)), ALWAYS, [("+", 30), ("-", 60), ("+", 100)]),
        (((60, NOT, REG), (-50, NOT, REG), (30, REG, NOT)), ALWAYS, [("+", 30), ("-", 60), ("+", 100)]),
        # Seen for the first time: nobody knows what was before.
        (((30, None, REG),), ALWAYS, [("unrecorded", 30), ("+", 100)]),
        # What could not be read is not known.
        (((20, REG, UNREAD), (30, UNREAD, REG)), ALWAYS, [("+", 20), ("unreadable", 30), ("+", 100)]),
        # At the edges.
        (((0, NOT, REG),), ALWAYS, [("+", 100)]),
        (((100, NOT, REG),), ALWAYS, [("-", 100)]),
        (((120, NOT, REG),), ALWAYS, [("-", 100)]),
        # Not heard: unknown, whatever it was before and after.
        (((-50, NOT, REG),), ((-1000, 30), (50, 100)), [("+", 30), ("no_answer", 50), ("+", 100)]),
        (((-50, NOT, REG), (50, REG, NOT)), ((-1000, 30), (50, 100)), [("+", 30), ("no_answer", 50), ("-", 100)]),
        # A change is written down in whole seconds, so a moment before the answer that told of it.
        (((-50, NOT, REG), (49.99, REG, NOT)), ((-1000, 30), (50, 100)), [("+", 30), ("no_answer", 49.99), ("-", 100)]),
        # A REGISTER within the gap that still holds at its end.
        (((-50, REG, NOT), (40, NOT, REG)), ((-1000, 30), (50, 100)), [("-", 30), ("no_answer", 40), ("+", 100)]),
        (((-5, None, REG),), ((20, 100),), [("no_answer", 20), ("+", 100)]),
        (((5, None, REG),), ((20, 100),), [("no_answer", 5), ("+", 100)]),
        # One that does not hold proves nothing of the time between.
        (((40, NOT, REG), (50, REG, NOT)), ((-1000, 30), (50, 100)), [("-", 30), ("no_answer", 50), ("-", 100)]),
        (((40, NOT, REG), (60, REG, NOT)), ((0, 9), (50, 100)), [("-", 9), ("no_answer", 40), ("+", 60), ("-", 100)]),
        # A look-up within the gap that found nothing says nothing of the minute after.
        (((-50, NOT, REG), (40, REG, NOT)), ((-1000, 30), (50, 100)), [("+", 30), ("no_answer", 50), ("-", 100)]),
        # The gap lasts.
        (((-50, NOT, REG),), ((-1000, 70),), [("+", 70), ("no_answer", 100)]),
        (((-50, REG, NOT), (80, NOT, REG)), ((-1000, 70),), [("-", 70), ("no_answer", 100)]),
        (((-50, NOT, REG),), ((-1000, -10),), [("no_answer", 100)]),
        # Spans that touch, overlap, come in any order, or lie outside.
        (((-50, NOT, REG),), ((20, 60), (-10, 30), (60, 110)), [("+", 100)]),
        (((-50, NOT, REG),), ((0, 100),), [("+", 100)]),
        (((-50, NOT, REG),), ((0, 90), (10, 20), (95, 200)), [("+", 90), ("no_answer", 95), ("+", 100)]),
    ],
)  # fmt: skip
def test_how_a_line_stood(
    changes: tuple[tuple[float, LineState | None, LineState], ...],
    parts: tuple[tuple[float, float], ...],
    expected: list[tuple[str, float]],
) -> None:
    found = told(spans(line(*changes), heard(*parts), Window(START, at(LENGTH))))
    assert [(word, round(minute, 6)) for word, minute in found] == expected


def test_each_gap_says_why() -> None:
    parts = [Heard(at(10), at(20), Why.UNRECORDED), Heard(at(30), at(40), Why.NOT_ASKED), *heard((50, 60))]
    found = spans(line((-5, NOT, REG)), parts, Window(START, at(LENGTH), Why.NOT_ASKED))
    assert told(found) == [
        ("unrecorded", 10), ("+", 20), ("not_asked", 30), ("+", 40), ("no_answer", 50), ("+", 60), ("not_asked", 100),
    ]  # fmt: skip


def test_the_sums() -> None:
    found = spans(line((-50, NOT, REG), (30, REG, NOT)), heard((-1000, 60), (70, 100)), Window(START, at(LENGTH)))
    assert {stood.value: sum_ / timedelta(minutes=1) for stood, sum_ in totals(found).items()} == {
        "registered": 30,
        "not_registered": 60,
        "unknown": 10,
    }


MINUTES = st.integers(-20, 120)


@given(
    st.lists(st.tuples(MINUTES, st.sampled_from([None, *LineState]), st.sampled_from(list(LineState)))),
    st.lists(st.tuples(MINUTES, st.integers(0, 50))),
)
def test_a_window_is_always_filled_and_what_was_not_heard_is_claimed_only_for_a_register(
    changes: list[tuple[int, LineState | None, LineState]], parts: list[tuple[int, int]]
) -> None:
    window = Window(START, at(LENGTH))
    cover = [(since, since + length) for since, length in parts]
    found = spans(line(*changes), heard(*cover), window)
    assert (found[0].start, found[-1].end) == (window.start, window.end)
    for before, after in pairwise(found):
        assert before.end == after.start
        assert (before.stood, before.why) != (after.stood, after.why)
    for part in found:
        assert part.length > timedelta()
        assert (part.why is None) == (part.stood is not Stood.UNKNOWN)
    for minute in range(LENGTH):
        moment = at(minute + 0.5)
        (there,) = [part for part in found if part.start <= moment < part.end]
        if not any(since <= minute < until for since, until in cover):
            assert there.stood in (Stood.UNKNOWN, Stood.REGISTERED)


TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period.DAY, ["03 18:00", "04 00:00", "04 06:00", "04 12:00"]),
        (Period.WEEK, ["02-26", "02-27", "02-28", "03-01", "03-02", "03-03", "03-04"]),
        (Period.MONTH, ["02-07", "02-12", "02-17", "02-22", "02-27"]),
    ],
)
def test_the_marks_are_round_times_of_the_zone(period: Period, expected: list[str]) -> None:
    end = datetime(2026, 3, 4, 14, 30, tzinfo=TOKYO).astimezone(UTC)
    found = marks(Window(end - period.length, end), TOKYO)
    form = "%d %H:%M" if period is Period.DAY else "%m-%d"
    assert [mark.strftime(form) for mark in found] == expected


def test_no_mark_at_the_very_end() -> None:
    end = datetime(2026, 3, 4, 0, 20, tzinfo=TOKYO)
    found = marks(Window(end - Period.DAY.length, end), TOKYO)
    assert [mark.hour for mark in found] == [6, 12, 18]


def test_a_day_with_a_change_of_the_clock_has_its_marks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 3, 29, 15, 0, tzinfo=berlin).astimezone(UTC)
    found = marks(Window(end - Period.DAY.length, end), berlin)
    assert [f"{mark:%H%z}" for mark in found] == ["18+0100", "00+0100", "06+0200", "12+0200"]


@pytest.mark.parametrize(
    ("parts", "answered", "until"),
    [
        # What the store knows is newer than what is written down, and trusted for five minutes.
        (((0, 50),), 90, 90),
        (((0, 50),), 96, 100),
        (((0, 50),), None, 50),
        (((0, 97),), None, 100),
        (((0, 97),), 20, 100),
        (((60, 70), (0, 50)), 80, 80),
    ],
)
def test_what_is_not_written_down_yet(
    parts: tuple[tuple[float, float], ...], answered: float | None, until: float
) -> None:
    known = None if answered is None else at(answered)
    found = up_to_now(heard(*parts), known, timedelta(minutes=5), at(100))
    assert max(part.until for part in found) == at(until)
    assert len(found) == len(parts)


def test_a_server_that_was_never_heard() -> None:
    assert up_to_now([], at(90), timedelta(minutes=5), at(100)) == []


def test_the_silences_of_a_server() -> None:
    found = silences(heard((-10, 20), (30, 60)), Window(START, at(LENGTH)))
    assert told(found) == [("no_answer", 30), ("no_answer", 100)]
    assert [part.start for part in found] == [at(20), at(60)]
