"""Look-ups: one job for any number of clicks, an answer or a reason, and nobody waits for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.domain.changes import LineState
from app.domain.registration import Registration
from app.domain.sign import Mode, SignKind
from app.live import lookup as asking
from app.models import PrincipalKind, SipServer, Unique
from app.scope import Scope
from app.store import keys, lines, lookups
from app.store.lines import Line
from app.throttle import LOOKUP
from tests.support.customers import LINE_NUMBERS, ON_DEMAND_HOST, Customers
from tests.support.serve import Peer, ScriptedServer
from tests.workers.fakes import FakeAdapter, failing, registration
from workers import jobs
from workers.jobs import run_lookup
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.registry import adapter_for

AOR = LINE_NUMBERS["on_demand"]


@pytest.fixture
def asked_server(customers: Customers) -> int:
    return customers.servers[ON_DEMAND_HOST]


@pytest.fixture
def circle_id(customers: Customers) -> int:
    return customers.circles["osaka"]


def sign_of(redis: "Redis", server_id: int) -> SignKind:
    line = Line(1, server_id, AOR, Mode.ON_DEMAND)
    return lines.read(redis, [line])[1].sign(datetime.now(UTC)).kind


@contextmanager
def clicked(redis: "Redis", server_id: int, circle_id: int) -> Iterator[datetime]:
    """Somebody clicked on ?; afterwards the next click may ask again."""
    now = datetime.now(UTC)
    assert lookups.claim(redis, server_id, AOR)
    lookups.ask(redis, server_id, AOR, [circle_id], now)
    assert sign_of(redis, server_id) is SignKind.CHECKING
    yield now
    assert lookups.claim(redis, server_id, AOR)
    lookups.unclaim(redis, server_id, AOR)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(registration(AOR), SignKind.REGISTERED), (registration(AOR, seconds=-1), SignKind.NOT_REGISTERED)],
)
def test_an_answer_is_shown(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    asked_server: int,
    circle_id: int,
    answer: Registration,
    kind: SignKind,
) -> None:
    adapter.lines = [answer]
    with clicked(redis, asked_server, circle_id) as now:
        revision = redis.get(keys.circle_revision(circle_id))
        run_lookup(runtime, asked_server, AOR, circle_id, now)
    assert sign_of(redis, asked_server) is kind
    assert redis.get(keys.circle_revision(circle_id)) != revision


@pytest.mark.parametrize(
    "error", [SipError(Problem.REFUSED), SipError(Problem.TIMEOUT), SipError(Problem.CREDENTIALS, permanent=True)]
)
def test_a_failure_says_why_and_keeps_the_last_answer(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", asked_server: int, circle_id: int, error: SipError
) -> None:
    adapter.lines = [registration(AOR)]
    with clicked(redis, asked_server, circle_id) as now:
        run_lookup(runtime, asked_server, AOR, circle_id, now)
    adapter.meanwhile = failing(error)
    with clicked(redis, asked_server, circle_id) as now:
        run_lookup(runtime, asked_server, AOR, circle_id, now)
    state = lookups.read(redis, asked_server, AOR)
    assert sign_of(redis, asked_server) is SignKind.CHECK_FAILED
    assert state.ask is not None
    assert state.ask.failed == error.problem.value
    assert state.standing is not None
    assert state.standing.state is LineState.REGISTERED


def test_an_error_of_ours_is_a_fault_and_is_not_hidden(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", asked_server: int, circle_id: int
) -> None:
    adapter.meanwhile = failing(ZeroDivisionError())
    with clicked(redis, asked_server, circle_id) as now, pytest.raises(ZeroDivisionError):
        run_lookup(runtime, asked_server, AOR, circle_id, now)
    assert sign_of(redis, asked_server) is SignKind.CHECK_FAILED


def test_a_database_that_is_gone_is_a_failure(
    runtime: Runtime, redis: "Redis", asked_server: int, circle_id: int
) -> None:
    lost = create_engine("sqlite:////nowhere/at/all.sqlite3")
    with clicked(redis, asked_server, circle_id) as now:
        run_lookup(replace(runtime, sessions=sessionmaker(lost)), asked_server, AOR, circle_id, now)
    lost.dispose()
    assert sign_of(redis, asked_server) is SignKind.CHECK_FAILED


def test_an_answer_about_another_line_is_not_believed(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    asked_server: int,
    circle_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = adapter.lookup("somebody-else")
    monkeypatch.setattr(adapter, "lookup", lambda _aor: other)
    with clicked(redis, asked_server, circle_id) as now:
        run_lookup(runtime, asked_server, AOR, circle_id, now)
    state = lookups.read(redis, asked_server, AOR)
    assert state.ask is not None
    assert state.ask.failed == "garbage"


def test_the_server_gets_no_more_time_than_the_person_waits(
    runtime: Runtime, endpoints: list[Endpoint], asked_server: int, circle_id: int
) -> None:
    now = runtime.clock()
    still = replace(runtime, clock=lambda: now)
    run_lookup(still, asked_server, AOR, circle_id, now)
    run_lookup(still, asked_server, AOR, circle_id, now - timedelta(seconds=3))
    assert [endpoint.timeout for endpoint in endpoints] == [4.0, 2.0]


def test_a_look_up_that_nobody_waits_for_is_not_made(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", asked_server: int, circle_id: int
) -> None:
    assert lookups.claim(redis, asked_server, AOR)
    run_lookup(runtime, asked_server, AOR, circle_id, datetime.now(UTC) - timedelta(seconds=6))
    assert adapter.asked == []
    # The claim is that of somebody who asked since.
    assert not lookups.claim(redis, asked_server, AOR)


def test_since_when_a_binding_is_there_outlives_the_look_up(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", asked_server: int, circle_id: int
) -> None:
    adapter.lines = [registration(AOR)]
    run_pull(runtime, asked_server)
    line = Line(1, asked_server, AOR, Mode.LIVE)
    since = lines.read(redis, [line])[1].registration().contacts[0].since
    assert since is not None
    run_lookup(runtime, asked_server, AOR, circle_id, datetime.now(UTC))
    facts = lines.read(redis, [line])[1]
    assert facts.lookup.standing is not None
    assert facts.registration().contacts[0].since == since


def test_two_clicks_are_one_job_that_a_worker_runs(
    app: Flask,
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    customers: Customers,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter.lines = [registration(AOR)]
    row = session.get_one(Unique, customers.uniques["on_demand"])
    scope = Scope(PrincipalKind.ACCOUNT, customers.accounts["owner"])
    with app.app_context():
        assert [asking.enqueue(row, scope, LOOKUP) for _ in range(2)] == [None, None]
    queue = Queue("lookups", connection=redis, serializer=JSONSerializer)
    assert queue.count == 1
    monkeypatch.setattr(jobs, "current", lambda: runtime)
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True)
    assert adapter.asked == [AOR]
    assert sign_of(redis, row.server_id or 0) is SignKind.REGISTERED
    assert redis.keys("rq:job:*") == []


def test_a_server_that_hangs_is_given_up_within_the_persons_patience(
    runtime: Runtime,
    redis: "Redis",
    asked_server: int,
    circle_id: int,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MANAGER", "portal:secret")
    with ScriptedServer(Peer.hang) as server:
        row = session.get_one(SipServer, asked_server)
        row.family, row.management_url = "asterisk", f"tcp://127.0.0.1:{server.port}"
        row.credentials = "env:MANAGER"
        session.commit()
        asked_at = datetime.now(UTC) - timedelta(seconds=4)
        run_lookup(replace(runtime, adapter_for=adapter_for), asked_server, AOR, circle_id, asked_at)
        assert server.accepted == 1
    state = lookups.read(redis, asked_server, AOR)
    assert state.ask is not None
    assert state.ask.failed == "timeout"
    assert datetime.now(UTC) - asked_at < timedelta(seconds=6)
