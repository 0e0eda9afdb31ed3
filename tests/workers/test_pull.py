"""Pulls: a snapshot is written whole or not at all, and a failure changes no registration."""

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from app.config import Config
from app.domain.changes import LineState
from app.domain.registration import PullReport, Registration
from app.domain.sign import Mode
from app.store import codec, keys, lines, places, servers
from app.store.lines import Line
from app.store.servers import ServerState
from tests.support.customers import LINE_NUMBERS, Customers
from tests.support.wait import until
from tests.workers.fakes import FakeAdapter, failing, registration
from workers.pulling import pull_lease, queued_key, run_pull
from workers.runtime import Runtime
from workers.sip.base import Problem, SipError

LIVE, PHONE, STRANGER = LINE_NUMBERS["live"], LINE_NUMBERS["phone"], LINE_NUMBERS["stranger"]


def state_of(redis: "Redis", server_id: int) -> ServerState:
    return servers.read(redis, [server_id])[server_id]


def stored(redis: "Redis", server_id: int) -> set[str]:
    lines = cast("dict[bytes, bytes]", redis.hgetall(keys.lines(server_id)))
    return {name.decode() for name, value in lines.items() if codec.decode(value).state is LineState.REGISTERED}


def everything(redis: "Redis", server_id: int) -> tuple[object, ...]:
    """What must not change when a pull fails."""
    state = state_of(redis, server_id)
    revisions = redis.get(keys.places(server_id, 0))
    return redis.hgetall(keys.lines(server_id)), revisions, state.answered_at, state.lines, state.interval


@pytest.fixture
def good(runtime: Runtime, adapter: FakeAdapter, server_id: int) -> FakeAdapter:
    """The server has answered once with two lines."""
    adapter.lines = [registration(LIVE), registration(STRANGER)]
    assert run_pull(runtime, server_id)
    return adapter


def test_stores_what_the_server_told(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    taken = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    adapter.lines = [registration(LIVE), registration("nobody-of-ours")]
    adapter.report = PullReport(taken, broken=1, uptime=77.0)
    assert run_pull(runtime, server_id)
    state = state_of(redis, server_id)
    assert (state.answered_at, state.problem, state.lines, state.broken, state.uptime) == (taken, None, 2, 1, 77.0)
    assert state.interval == timedelta(seconds=5)
    assert stored(redis, server_id) == {LIVE, "nobody-of-ours"}
    assert state.generation


def test_only_circles_of_changed_lines_get_a_new_revision(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    def revisions() -> tuple[int, ...]:
        circles = [customers.circles[name] for name in ("tokyo", "stranger")]
        found = places.read(redis, {server_id: circles})[server_id].circles
        assert found is not None
        return tuple(found[circle].revision for circle in circles)

    tokyo, stranger = revisions()
    good.lines = [*good.lines, registration(PHONE)]
    run_pull(runtime, server_id)
    after = revisions()
    assert after[0] != tokyo
    assert after[1] == stranger
    run_pull(runtime, server_id)
    assert revisions() == after


def test_readers_see_one_snapshot_or_the_other(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, config: Config
) -> None:
    both = {f"c{number}" for number in range(120)}
    sets = [frozenset(both | {f"{letter}{number}" for number in range(80)}) for letter in "ab"]
    wanted = [Line(number, server_id, aor, Mode.LIVE) for number, aor in enumerate(sorted(sets[0] | sets[1]))]
    seen: set[frozenset[str]] = set()
    over = threading.Event()

    def look() -> None:
        with Redis.from_url(config.redis_url, socket_timeout=10) as client:
            while not over.is_set():
                facts = lines.read(client, wanted)
                seen.add(frozenset(fact.line.aor for fact in facts.values() if fact.registration().contacts))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for turn in range(30):
            adapter.lines = [registration(aor) for aor in sets[turn % 2]]
            run_pull(runtime, server_id)
        until(lambda: set(sets) <= seen, 5, "the reader saw both")
    finally:
        over.set()
        reader.join(10)
    assert seen <= {frozenset(), *sets}


@pytest.mark.parametrize("problem", [Problem.REFUSED, Problem.TRUNCATED, Problem.CREDENTIALS])
def test_a_failure_keeps_the_last_good_snapshot(
    runtime: Runtime,
    good: FakeAdapter,
    redis: "Redis",
    server_id: int,
    problem: Problem,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = everything(redis, server_id)
    good.lines = [registration(PHONE)]
    good.meanwhile = failing(SipError(problem, "some\ndetail"))
    with caplog.at_level(logging.WARNING, "workers"):
        assert run_pull(runtime, server_id)
    assert everything(redis, server_id) == before
    state = state_of(redis, server_id)
    assert (state.problem, state.detail) == (problem.value, "somedetail")
    assert [(record.exc_info, "\n" in record.message) for record in caplog.records] == [(None, False)]
    good.meanwhile = failing(SipError(Problem.TIMEOUT))
    run_pull(runtime, server_id)
    assert everything(redis, server_id) == before
    assert state_of(redis, server_id).problem == "timeout"


def test_a_server_that_answers_again_is_believed_again(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    good.meanwhile = failing(SipError(Problem.REFUSED))
    run_pull(runtime, server_id)
    good.meanwhile, good.lines = lambda: None, [registration(PHONE)]
    run_pull(runtime, server_id)
    assert stored(redis, server_id) == {PHONE}
    assert state_of(redis, server_id).problem is None


def test_an_error_of_ours_is_a_fault_and_is_not_hidden(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    before = everything(redis, server_id)
    good.meanwhile = failing(ZeroDivisionError("the secret is 1234"))
    with pytest.raises(ZeroDivisionError):
        run_pull(runtime, server_id)
    assert everything(redis, server_id) == before
    state = state_of(redis, server_id)
    assert (state.problem, state.detail) == ("fault", "ZeroDivisionError")
    assert not redis.exists(pull_lease(redis, server_id).key)


def test_mostly_unreadable_records_are_no_snapshot(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    before = everything(redis, server_id)
    good.lines, good.report = [registration(LIVE)], PullReport(datetime.now(UTC), broken=2)
    run_pull(runtime, server_id)
    assert everything(redis, server_id) == before
    assert state_of(redis, server_id).problem == "garbage"


def test_an_empty_server_is_an_answer(runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int) -> None:
    good.lines = []
    run_pull(runtime, server_id)
    assert stored(redis, server_id) == set()
    assert state_of(redis, server_id).lines == 0


def test_a_binding_that_has_ended_is_not_registered(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    adapter.lines = [registration(LIVE, seconds=-2), Registration(PHONE), registration(STRANGER)]
    run_pull(runtime, server_id)
    assert stored(redis, server_id) == {STRANGER}


def test_pulls_of_one_server_never_overlap(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    inside: list[bool] = []
    adapter.meanwhile = lambda: inside.append(run_pull(runtime, server_id))
    assert run_pull(runtime, server_id)
    assert inside == [False]
    assert adapter.asked == ["*"]
    adapter.meanwhile = lambda: None
    assert run_pull(runtime, server_id)


@pytest.mark.parametrize("error", [None, SipError(Problem.TIMEOUT)])
def test_who_lost_the_lease_writes_nothing(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int, error: Exception | None
) -> None:
    before = replace(state_of(redis, server_id), tried_at=None), everything(redis, server_id)

    def lose() -> None:
        redis.set(pull_lease(redis, server_id).key, "somebody else")
        if error is not None:
            raise error

    good.lines, good.meanwhile = [registration(PHONE)], lose
    run_pull(runtime, server_id)
    assert (replace(state_of(redis, server_id), tried_at=None), everything(redis, server_id)) == before
    assert redis.get(pull_lease(redis, server_id).key) == b"somebody else"


def test_the_mark_of_a_queued_pull_goes_when_the_pull_begins(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    mark = queued_key(server_id)
    found: list[tuple[int, int]] = []
    adapter.meanwhile = lambda: found.append((redis.exists(mark), redis.exists(pull_lease(redis, server_id).key)))
    redis.set(mark, "a job")
    run_pull(runtime, server_id)
    assert found == [(0, 1)]


def test_a_database_that_is_gone_is_told(runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int) -> None:
    before = everything(redis, server_id)
    lost = create_engine("sqlite:////nowhere/at/all.sqlite3")
    run_pull(replace(runtime, sessions=sessionmaker(lost)), server_id)
    lost.dispose()
    assert everything(redis, server_id) == before
    assert state_of(redis, server_id).problem == "fault"


def test_a_database_that_goes_once_a_snapshot_is_published_takes_none_of_it_back(
    runtime: Runtime, good: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    taken, lost = datetime.now(UTC), create_engine("sqlite:////nowhere/at/all.sqlite3")
    bound = dict(runtime.sessions.kw)

    def clock() -> datetime:
        if state_of(redis, server_id).answered_at == codec.moment(codec.epoch(taken)):
            runtime.sessions.configure(bind=lost)
        return datetime.now(UTC)

    good.lines, good.report = [registration(aor) for aor in (LIVE, PHONE, STRANGER)], PullReport(taken)
    # Somebody wants the circles to be counted, which asks the database last.
    places.make_due(redis, server_id)
    run_pull(replace(runtime, clock=clock), server_id)
    runtime.sessions.configure(bind=bound["bind"])
    lost.dispose()
    state = state_of(redis, server_id)
    assert (state.problem, state.lines, state.stored) == ("fault", 3, 3)
    assert stored(redis, server_id) == {LIVE, PHONE, STRANGER}
    # As many are left as there were before: were the old state remembered, nobody would look for the one that went.
    good.lines, good.report = [registration(LIVE), registration(PHONE)], PullReport(datetime.now(UTC))
    run_pull(runtime, server_id)
    assert stored(redis, server_id) == {LIVE, PHONE}


def test_a_server_that_is_no_longer_configured(runtime: Runtime, adapter: FakeAdapter, redis: "Redis") -> None:
    run_pull(runtime, 999)
    assert state_of(redis, 999).problem == "configuration"
    assert adapter.asked == []
