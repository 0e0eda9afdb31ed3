"""The sign, from tables that spell the guide out, and properties that hold whatever is known."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sign import (
    ANSWER_KEEPS,
    ASK_PATIENCE,
    ASKED_WITHIN,
    FAILURE_SHOWN,
    NOT_ASKED,
    Answer,
    Ask,
    Mode,
    Sign,
    SignKind,
    Source,
    StatusRule,
    age_words,
    decide,
    freshness,
    is_asked,
    mode_of,
    newest,
)

NOW = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)
TICK = timedelta(milliseconds=1)

# The guide's types; the two trunks are decided by type, the phones by server, all others never register.
PHONES = ("SIP端末", "スマートフォン", "ソフトフォン", "ビデオ電話", "SIP端末(キャンペーン)")
SILENT = ("発着転送", "フロム発着(逆転送)", "会議室", "発信専用", "IVR", "クラウドPBX(ワイモバイル)", "その他")
TYPES = (
    dict.fromkeys(PHONES, StatusRule.BY_SERVER)
    | {"SIPトランク": StatusRule.ON_DEMAND, "SIPトランク2": StatusRule.LIVE}
    | dict.fromkeys(SILENT, StatusRule.NONE)
)
LIVE, ON_DEMAND, NO_SERVER = True, False, None
SERVERS = (LIVE, ON_DEMAND, NO_SERVER)
REGISTRATIONS = (None, True, False)

MODES = (
    {(name, LIVE): Mode.LIVE for name in PHONES}
    | {(name, ON_DEMAND): Mode.ON_DEMAND for name in PHONES}
    | {(name, NO_SERVER): Mode.LIVE for name in PHONES}
    | {("SIPトランク", server): Mode.ON_DEMAND for server in SERVERS}
    | {("SIPトランク2", server): Mode.LIVE for server in SERVERS}
    | dict.fromkeys(product(SILENT, SERVERS), Mode.NONE)
)

# Age of the newest answer -> (whether it still claims anything, whether it must say as of when it is).
LIVE_AGES = {
    -TICK: (True, False),  # taken while this very answer was being drawn
    timedelta(0): (True, False),
    3 * INTERVAL: (True, False),
    3 * INTERVAL + TICK: (True, True),
    6 * INTERVAL: (True, True),
    6 * INTERVAL + TICK: (False, True),
    timedelta(days=400): (False, True),
}
ON_DEMAND_AGES = {
    timedelta(0): True,
    ANSWER_KEEPS: True,
    ANSWER_KEEPS + TICK: False,
    timedelta(days=400): False,
}


def answer(*, registered: bool, age: timedelta = timedelta(0), source: Source = Source.SNAPSHOT) -> Answer:
    return Answer(registered, NOW - age, source, since=NOW - timedelta(days=1))


def sign_of(
    mode: Mode,
    snapshot: Answer | None = None,
    lookup: Answer | None = None,
    ask: Ask | None = None,
    tried_at: datetime | None = None,
) -> Sign:
    return decide(mode, snapshot=snapshot, lookup=lookup, ask=ask, interval=INTERVAL, now=NOW, tried_at=tried_at)


def claim(*, registered: bool) -> SignKind:
    return SignKind.REGISTERED if registered else SignKind.NOT_REGISTERED


@pytest.mark.parametrize(("kind", "server", "by_address"), list(product(TYPES, SERVERS, (False, True))))
def test_type_and_server_decide_how_a_line_is_shown(kind: str, server: bool | None, by_address: bool) -> None:
    expected = Mode.NONE if kind == "SIPトランク2" and by_address else MODES[kind, server]
    assert mode_of(TYPES[kind], server_live=server, ip_authentication=by_address) is expected


@pytest.mark.parametrize(("kind", "server", "registered"), list(product(TYPES, SERVERS, REGISTRATIONS)))
def test_every_type_server_registration_and_age(kind: str, server: bool | None, registered: bool | None) -> None:
    mode = MODES[kind, server]
    for age in {*LIVE_AGES, *ON_DEMAND_AGES}:
        known = None if registered is None else answer(registered=registered, age=age, source=Source.LOOKUP)
        assert sign_of(mode, lookup=known).kind is expected_kind(mode, registered, age), age


def expected_kind(mode: Mode, registered: bool | None, age: timedelta) -> SignKind:
    if mode is Mode.NONE:
        return SignKind.NO_STATUS
    if mode is Mode.LIVE:
        current = age <= 6 * INTERVAL
        return SignKind.UNKNOWN if registered is None or not current else claim(registered=registered)
    return SignKind.ASK if registered is None or age > ANSWER_KEEPS else claim(registered=registered)


@pytest.mark.parametrize(("age", "registered", "source"), list(product(LIVE_AGES, (True, False), Source)))
def test_a_live_line_ages_from_sure_to_stale_to_unknown(age: timedelta, registered: bool, source: Source) -> None:
    claims, stale = LIVE_AGES[age]
    best = answer(registered=registered, age=age, source=source)
    shown = sign_of(Mode.LIVE, snapshot=best) if source is Source.SNAPSHOT else sign_of(Mode.LIVE, lookup=best)
    assert shown.kind is (claim(registered=registered) if claims else SignKind.UNKNOWN)
    assert (shown.as_of, shown.stale, shown.source) == (best.at, stale, source)
    assert shown.since == (best.since if claims else None)


def test_a_live_line_that_nobody_answered_for_is_unknown_without_an_age() -> None:
    assert sign_of(Mode.LIVE) == Sign(SignKind.UNKNOWN, problem=NOT_ASKED)
    assert sign_of(Mode.LIVE, tried_at=NOW) == Sign(SignKind.UNKNOWN)


@pytest.mark.parametrize("seconds", [INTERVAL.total_seconds(), 0.5])
def test_a_portal_that_asks_is_told_from_one_that_does_not(seconds: float) -> None:
    interval = timedelta(seconds=seconds)
    patience = max(6 * interval, ASKED_WITHIN)
    for tried_at, asked in (
        (None, False),
        (NOW, True),
        (NOW - patience, True),
        (NOW - patience - TICK, False),
        (NOW + patience + TICK, False),
    ):
        assert is_asked(tried_at, interval, NOW) is asked


@pytest.mark.parametrize(("age", "registered"), list(product(ON_DEMAND_AGES, (True, False))))
def test_an_on_demand_answer_says_its_time_and_then_asks_again(age: timedelta, registered: bool) -> None:
    best = answer(registered=registered, age=age, source=Source.LOOKUP)
    shown = sign_of(Mode.ON_DEMAND, lookup=best)
    if ON_DEMAND_AGES[age]:
        assert (shown.kind, shown.as_of, shown.stale) == (claim(registered=registered), best.at, True)
    else:
        assert shown == Sign(SignKind.ASK)


def test_an_on_demand_line_does_not_rest_on_a_snapshot() -> None:
    assert sign_of(Mode.ON_DEMAND, snapshot=answer(registered=False)) == Sign(SignKind.ASK)


# Age of the asking -> what shows when it has neither failed nor been answered, and when it has failed.
ASKS = {
    timedelta(0): (Sign(SignKind.CHECKING), Sign(SignKind.CHECK_FAILED, problem="refused")),
    ASK_PATIENCE: (Sign(SignKind.CHECKING), Sign(SignKind.CHECK_FAILED, problem="refused")),
    ASK_PATIENCE + TICK: (
        Sign(SignKind.CHECK_FAILED, problem="timeout"),
        Sign(SignKind.CHECK_FAILED, problem="refused"),
    ),
    FAILURE_SHOWN: (Sign(SignKind.CHECK_FAILED, problem="timeout"), Sign(SignKind.CHECK_FAILED, problem="refused")),
    FAILURE_SHOWN + TICK: (Sign(SignKind.ASK), Sign(SignKind.ASK)),
}


@pytest.mark.parametrize("age", list(ASKS))
def test_asking_shows_that_it_is_under_way_then_that_it_failed_then_asks_again(age: timedelta) -> None:
    waiting, failed = ASKS[age]
    assert sign_of(Mode.ON_DEMAND, ask=Ask(NOW - age)) == waiting
    assert sign_of(Mode.ON_DEMAND, ask=Ask(NOW - age, failed="refused")) == failed


def test_an_answered_ask_shows_the_answer() -> None:
    found = answer(registered=False, source=Source.LOOKUP)
    assert sign_of(Mode.ON_DEMAND, lookup=found, ask=Ask(NOW, answered=True)).kind is SignKind.NOT_REGISTERED


@pytest.mark.parametrize("ask", [Ask(NOW), Ask(NOW, failed="timeout"), Ask(NOW, answered=True)])
def test_a_live_line_goes_on_by_its_snapshots_while_support_asks(ask: Ask) -> None:
    assert sign_of(Mode.LIVE, snapshot=answer(registered=True), ask=ask).kind is SignKind.REGISTERED


def test_what_is_newer_wins_whichever_way_it_came() -> None:
    old, new = timedelta(seconds=4), timedelta(seconds=1)
    gone = sign_of(
        Mode.LIVE,
        snapshot=answer(registered=True, age=old),
        lookup=answer(registered=False, age=new, source=Source.LOOKUP),
    )
    back = sign_of(
        Mode.LIVE,
        snapshot=answer(registered=True, age=new),
        lookup=answer(registered=False, age=old, source=Source.LOOKUP),
    )
    assert (gone.kind, gone.source) == (SignKind.NOT_REGISTERED, Source.LOOKUP)
    assert (back.kind, back.source) == (SignKind.REGISTERED, Source.SNAPSHOT)


moments = st.integers(-120_000, 10_000).map(lambda milliseconds: NOW + timedelta(milliseconds=milliseconds))
answers = st.builds(Answer, registered=st.booleans(), at=moments, source=st.sampled_from(Source), since=st.none())
asks = st.builds(Ask, asked_at=moments, failed=st.none() | st.just("refused"), answered=st.booleans())
modes = st.sampled_from(Mode)


@given(modes, st.none() | answers, st.none() | answers, st.none() | asks)
def test_nothing_is_claimed_that_no_server_said(
    mode: Mode, snapshot: Answer | None, lookup: Answer | None, ask: Ask | None
) -> None:
    shown = sign_of(mode, snapshot, lookup, ask)
    if shown.kind in (SignKind.REGISTERED, SignKind.NOT_REGISTERED):
        said = [known for known in (snapshot, lookup) if known is not None and known.at == shown.as_of]
        assert any(claim(registered=known.registered) is shown.kind for known in said)
    assert (shown.kind is SignKind.NO_STATUS) == (mode is Mode.NONE)


@given(
    modes, st.none() | answers, st.none() | answers, st.none() | asks, st.timedeltas(timedelta(0), timedelta(days=9))
)
def test_what_was_no_longer_claimed_is_not_claimed_later(
    mode: Mode, snapshot: Answer | None, lookup: Answer | None, ask: Ask | None, later: timedelta
) -> None:
    def kind(now: datetime) -> SignKind:
        return decide(mode, snapshot=snapshot, lookup=lookup, ask=ask, interval=INTERVAL, now=now).kind

    if kind(NOW) in (SignKind.UNKNOWN, SignKind.ASK):
        assert kind(NOW + later) is kind(NOW)


@given(st.none() | answers, st.none() | answers)
def test_the_newer_answer_is_one_of_the_two_and_no_older_than_either(
    first: Answer | None, second: Answer | None
) -> None:
    best = newest(first, second)
    known = [one for one in (first, second) if one is not None]
    assert (best is None) == (not known)
    assert best is None or (best in known and all(best.at >= one.at for one in known))
    assert first is None or second is None or first.at != second.at or best is second


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0m"),
        (timedelta(0), "0m"),
        (timedelta(seconds=59), "0m"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=59, seconds=59), "59m"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=47, minutes=59), "47h"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=400), "400d"),
    ],
)
def test_an_age_is_told_in_steps_that_a_person_would_use(age: timedelta, words: str) -> None:
    assert age_words(age) == words


@given(moments, st.timedeltas(timedelta(0), timedelta(minutes=3)), st.booleans())
def test_signs_of_equally_fresh_servers_look_the_same(at: datetime, later: timedelta, registered: bool) -> None:
    def shown(now: datetime) -> Sign:
        best = Answer(registered, at, Source.SNAPSHOT)
        return decide(Mode.LIVE, snapshot=best, lookup=None, ask=None, interval=INTERVAL, now=now)

    if freshness(at, INTERVAL, NOW) == freshness(at, INTERVAL, NOW + later):
        assert shown(NOW) == shown(NOW + later)


def test_a_server_that_never_answered_is_like_no_other() -> None:
    assert freshness(None, INTERVAL, NOW) != freshness(NOW, INTERVAL, NOW)
