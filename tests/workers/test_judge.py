"""Every verdict on a snapshot, from tables: what is believed, what is refused and why, and what is remembered of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.registration import PullReport
from app.store.servers import ServerState
from workers.judge import Outcome, Verdict, has_forgotten, has_restarted, judge
from workers.sip.base import Problem

NOW = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
UP = 5000.0
BEFORE = ServerState(
    answered_at=NOW - 5 * SECOND,
    tried_at=NOW - 5 * SECOND,
    lines=100,
    stored=100,
    uptime=UP,
    started_at=NOW - timedelta(seconds=UP + 5),
    contacts=100,
)
REPORT = PullReport(NOW, uptime=UP + 5, contacts=100)
YOUNG = replace(REPORT, uptime=4.0, loading=True)
HELD = replace(BEFORE, held=40)


def gone(missing: int, *, newcomers: int = 0, ours: int = 0) -> Outcome:
    """So many of a hundred lines are missing, and others came."""
    return Outcome(100 - missing + newcomers, missing, newcomers=newcomers, ours=ours)


def verdict(outcome: Outcome, report: PullReport = REPORT, before: ServerState = BEFORE) -> Verdict:
    return judge(before, report, outcome, NOW)


WHOLE = gone(0)
VERDICTS: dict[str, tuple[ServerState, PullReport, Outcome, Problem | None]] = {
    "nothing changed": (BEFORE, REPORT, WHOLE, None),
    "the first answer of all": (ServerState(), REPORT, Outcome(100, 0, first=True), None),
    "the first answer is that nobody is there": (ServerState(), REPORT, Outcome(0, 0, first=True), None),
    "a few went": (BEFORE, REPORT, gone(20), None),
    # Complete: as many that can't be read as can are borne, one more is not.
    "as many broken as whole": (BEFORE, replace(REPORT, broken=100), WHOLE, None),
    "more broken than whole": (BEFORE, replace(REPORT, broken=101), WHOLE, Problem.GARBAGE),
    "one that is broken is all": (BEFORE, replace(REPORT, broken=1), Outcome(0, 0), Problem.GARBAGE),
    # A drop: half is daily life, more than half is held for one confirming pull.
    "exactly half went": (BEFORE, REPORT, gone(50), None),
    "one more than half went": (BEFORE, REPORT, gone(51), Problem.HELD),
    "all went": (BEFORE, REPORT, gone(100), Problem.HELD),
    "half of an odd number": (replace(BEFORE, lines=101), REPORT, gone(50), None),
    "more than half of an odd number": (replace(BEFORE, lines=101), REPORT, gone(51), Problem.HELD),
    "two of two": (replace(BEFORE, lines=2), REPORT, Outcome(0, 2), None),
    "two of three": (replace(BEFORE, lines=3), REPORT, Outcome(1, 2), None),
    "three of four": (replace(BEFORE, lines=4), REPORT, Outcome(1, 3), Problem.HELD),
    "three of six": (replace(BEFORE, lines=6), REPORT, Outcome(3, 3), None),
    "the drop is confirmed": (HELD, REPORT, gone(60), None),
    "the drop has become larger": (HELD, REPORT, gone(100), None),
    "the drop was none": (HELD, REPORT, WHOLE, None),
    "others came instead": (BEFORE, REPORT, gone(60, newcomers=60, ours=60), Problem.HELD),
    # Another server's: most of those that came are none that we know.
    "lines of nobody came instead": (BEFORE, REPORT, gone(60, newcomers=60), Problem.FOREIGN),
    "as many of nobody's as of ours": (BEFORE, REPORT, gone(60, newcomers=60, ours=30), Problem.HELD),
    "more of nobody's than of ours": (BEFORE, REPORT, gone(60, newcomers=61, ours=30), Problem.FOREIGN),
    "two of nobody's": (BEFORE, REPORT, gone(60, newcomers=2), Problem.HELD),
    "three of nobody's": (BEFORE, REPORT, gone(60, newcomers=3), Problem.FOREIGN),
    "another server's is not confirmed by itself": (HELD, REPORT, gone(60, newcomers=60), Problem.FOREIGN),
    "lines of nobody's came, and few went": (BEFORE, REPORT, gone(50, newcomers=60), None),
    # Loading: nothing that is missing is believed until the contact statistic stands still.
    "loading, and nothing is missing": (BEFORE, YOUNG, WHOLE, None),
    "loading, and one is missing": (BEFORE, YOUNG, gone(1), Problem.LOADING),
    "loading, and nobody knows what is missing": (ServerState(), YOUNG, Outcome(9, 0, first=True), Problem.LOADING),
    "loading, and half is missing": (HELD, YOUNG, gone(60), Problem.LOADING),
    "in memory only": (BEFORE, replace(YOUNG, loading=False), gone(1), None),
    # Not older than the last.
    "of the same moment": (BEFORE, replace(REPORT, taken_at=NOW - 5 * SECOND), WHOLE, None),
    "of before": (BEFORE, replace(REPORT, taken_at=NOW - 5.001 * SECOND), WHOLE, Problem.OUTDATED),
    "the last one is of a time to come": (
        replace(BEFORE, answered_at=NOW + 30 * SECOND),
        REPORT,
        WHOLE,
        Problem.OUTDATED,
    ),
    # Six intervals ahead is no answer any more: somebody has set a clock since.
    "the last one is of next year": (replace(BEFORE, answered_at=NOW + 30.001 * SECOND), REPORT, WHOLE, None),
    # What more than one rule forbids.
    "broken and a drop": (BEFORE, replace(REPORT, broken=50), gone(60), Problem.GARBAGE),
    "loading and of before": (BEFORE, replace(YOUNG, taken_at=NOW - 9 * SECOND), gone(60), Problem.LOADING),
    "of before and a drop": (BEFORE, replace(REPORT, taken_at=NOW - 9 * SECOND), gone(60), Problem.OUTDATED),
    # A clock that is wrong is made up for where times are read: it is remembered, and refuses nothing.
    "a clock that is wrong": (BEFORE, replace(REPORT, clock_skew=300.0), WHOLE, None),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict(name: str) -> None:
    before, report, outcome, problem = VERDICTS[name]
    told = verdict(outcome, report, before)
    assert (told.problem, told.doubt) == (problem, None)
    assert bool(told.detail) is (problem is not None)
    # What the server says of itself is remembered either way, what it answered is not.
    assert (told.state.uptime, told.state.contacts, told.state.skew) == (
        report.uptime,
        report.contacts,
        report.clock_skew,
    )
    assert (told.state.answered_at, told.state.lines) == (before.answered_at, before.lines)


@pytest.mark.parametrize("name", VERDICTS)
def test_what_an_operator_may_overrule(name: str) -> None:
    before, report, outcome, problem = VERDICTS[name]
    told = judge(before, report, outcome, NOW, believe=True)
    if problem in (Problem.OUTDATED, Problem.HELD, Problem.FOREIGN):
        assert (told.problem, told.doubt, told.state.held) == (None, problem, None)
        assert told.detail == verdict(outcome, report, before).detail
    else:
        assert told == verdict(outcome, report, before)


def test_a_drop_is_held_for_one_confirming_pull() -> None:
    first = verdict(gone(60))
    assert (first.problem, first.state.held) == (Problem.HELD, 40)
    assert first.detail == "40 of 100 lines are left"
    second = verdict(gone(60), replace(REPORT, taken_at=NOW + SECOND), first.state)
    assert (second.problem, second.state.held) == (None, None)


def test_a_drop_that_was_none_is_held_again_when_it_comes_again() -> None:
    first = verdict(gone(60))
    well = verdict(WHOLE, before=first.state)
    assert (well.problem, well.state.held) == (None, None)
    assert verdict(gone(60), before=well.state).problem is Problem.HELD


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        (replace(REPORT, broken=500), Problem.GARBAGE),
        (YOUNG, Problem.LOADING),
        (replace(REPORT, taken_at=NOW - 9 * SECOND), Problem.OUTDATED),
    ],
)
def test_what_is_refused_confirms_no_drop_and_forgets_none(report: PullReport, problem: Problem) -> None:
    told = verdict(gone(60), report, HELD)
    assert (told.problem, told.state.held) == (problem, 40)
    again = verdict(gone(60), report)
    assert (again.problem, again.state.held) == (problem, None)


# Contacts when it was asked before, contacts now -> whether that stands still.
STILL = {
    (100, 100): True,
    (100, 120): True,
    (100, 121): False,
    (120, 100): True,
    (0, 20): True,
    (0, 21): False,
    (99_000, 100_000): True,
    (98_999, 100_000): False,
    (101_000, 100_000): True,
    (None, 100): False,
    (100, None): False,
}


@pytest.mark.parametrize(("counts", "still"), STILL.items())
def test_after_a_restart_nothing_missing_is_believed_until_the_contacts_stand_still(
    counts: tuple[int | None, int | None], still: bool
) -> None:
    started = NOW - 9 * SECOND
    before = replace(BEFORE, contacts=counts[0], started_at=started, answered_at=NOW - 60 * SECOND)
    report = PullReport(NOW, uptime=9.0, contacts=counts[1], loading=True)
    told = verdict(gone(10), report, before)
    assert told.problem is (None if still else Problem.LOADING)


def test_contacts_of_before_the_restart_say_nothing() -> None:
    """As many as before, by chance, while the table is still being read."""
    told = verdict(gone(10), YOUNG)
    assert told.problem is Problem.LOADING
    assert "started 4 s ago, and has 100 contacts so far" in told.detail
    later = replace(YOUNG, taken_at=NOW + 5 * SECOND, uptime=9.0)
    assert verdict(gone(10), later, told.state).problem is None
    growing = replace(later, contacts=180)
    assert verdict(gone(10), growing, told.state).problem is Problem.LOADING


def test_a_restart_is_noticed_once_and_remembered() -> None:
    first = verdict(WHOLE, replace(REPORT, uptime=4.0))
    assert first.state.restarted_at == first.state.started_at == NOW - 4 * SECOND
    # Uptimes are told in whole seconds: a start does not move by that.
    believed = replace(first.state, answered_at=NOW)
    second = verdict(WHOLE, PullReport(NOW + 5.9 * SECOND, uptime=9.0, contacts=100), believed)
    assert (second.state.restarted_at, second.state.started_at) == (NOW - 4 * SECOND, NOW - 4 * SECOND)


@pytest.mark.parametrize("late", [0.0, 0.1, 0.9, 2.9])
def test_a_start_stays_the_same_one_while_its_answers_are_not_believed(late: float) -> None:
    """Uptimes are told in whole seconds, and late: contacts that stand still are compared all the same."""
    first = verdict(gone(10), YOUNG)
    assert first.problem is Problem.LOADING
    report = replace(YOUNG, taken_at=NOW + (5 + late) * SECOND, uptime=9.0)
    second = verdict(gone(10), report, first.state)
    assert second.state.started_at == second.state.restarted_at == NOW - 4 * SECOND
    assert second.problem is None


def test_another_restart_meanwhile_is_noticed() -> None:
    first = verdict(gone(10), YOUNG)
    report = replace(YOUNG, taken_at=NOW + 5 * SECOND, uptime=1.0)
    second = verdict(gone(10), report, first.state)
    assert second.state.restarted_at == NOW + 4 * SECOND
    assert second.problem is Problem.LOADING


def test_a_server_that_is_met_for_the_first_time_has_not_restarted() -> None:
    told = verdict(Outcome(9, 0, first=True), before=ServerState())
    assert (told.state.started_at, told.state.restarted_at) == (NOW - timedelta(seconds=UP + 5), None)


# When it started before and when it says it started now, and an answer five seconds ago -> restarted, forgotten.
STARTS = {
    (-100.0, -100.0): (False, False),
    (-100.0, -97.0): (False, False),
    (-100.0, -96.9): (True, True),
    (-100.0, -103.0): (False, False),
    (-100.0, -5.0): (True, True),
    (-100.0, -4.9): (True, True),
    (-6.0, -4.9): (True, True),
    # Its start was told by an answer that was not believed: this is the same one.
    (-4.9, -4.0): (False, True),
    (-4.9, -1.9): (False, True),
    (-4.9, -1.8): (True, True),
    (None, -100.0): (False, False),
    # A server that answered without telling its start, and has started since: it has forgotten what it told.
    (None, -1.0): (False, True),
    (-100.0, None): (False, False),
}


@pytest.mark.parametrize(("starts", "expected"), STARTS.items())
def test_restarts(starts: tuple[float | None, float | None], expected: tuple[bool, bool]) -> None:
    known, told = starts
    before = replace(BEFORE, started_at=None if known is None else NOW + known * SECOND)
    report = replace(REPORT, uptime=None if told is None else -told)
    assert (has_restarted(before, report), has_forgotten(before, report)) == expected


@given(
    lines=st.integers(0, 500),
    missing=st.integers(0, 500),
    newcomers=st.integers(0, 200),
    ours=st.integers(0, 200),
    broken=st.integers(0, 600),
    age=st.floats(-60, 60),
    uptime=st.none() | st.floats(0, 1e6),
    loading=st.booleans(),
    held=st.none() | st.integers(0, 500),
)
def test_whatever_is_believed_is_whole_and_no_unconfirmed_drop(
    lines: int,
    missing: int,
    newcomers: int,
    ours: int,
    broken: int,
    age: float,
    uptime: float | None,
    loading: bool,
    held: int | None,
) -> None:
    missing, ours = min(missing, lines), min(ours, newcomers)
    before = replace(BEFORE, lines=lines, held=held)
    outcome = Outcome(lines - missing + newcomers, missing, newcomers=newcomers, ours=ours)
    report = PullReport(NOW - age * SECOND, broken=broken, uptime=uptime, loading=loading, contacts=7)
    told = judge(before, report, outcome, NOW)
    if told.problem is None:
        assert broken <= outcome.registered
        assert report.taken_at >= NOW - 5 * SECOND
        assert held is not None or missing < 3 or 2 * missing <= lines
        assert not (loading and missing and before.started_at != told.state.started_at)
        assert told.state.held is None
    assert judge(before, report, outcome, NOW, believe=True).problem in (None, Problem.GARBAGE, Problem.LOADING)
