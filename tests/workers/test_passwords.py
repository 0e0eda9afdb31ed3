"""Overwriting a device password: fetched once, written once, told how it ended, and kept nowhere."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.config import Config
from app.store import abilities, passwords
from app.store.abilities import Abilities
from app.store.keys import TICKET_SECONDS
from app.store.passwords import PATIENCE, UNCONFIRMED, Stage
from app.store.sealing import BrokenSealError, seal, unseal
from tests.support.customers import Customers
from tests.support.redis import RedisServer
from tests.workers.fakes import FakeAdapter, failing
from workers import jobs
from workers.jobs import run_lookup, run_set_password
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.base import Capability, Endpoint, Problem, SipError

AOR = "05010000001"
SECRET = "tsubame-Kaze.42"
ABLE = frozenset((Capability.SNAPSHOT, Capability.LOOKUP, Capability.SET_PASSWORD, Capability.AUTH_FAILURES))

Ask = Callable[..., str]


@pytest.fixture
def able(adapter: FakeAdapter) -> FakeAdapter:
    adapter.able = ABLE
    return adapter


@pytest.fixture
def ask(runtime: Runtime, server_id: int, config: Config) -> Ask:
    """What the portal does for a request; the ticket."""

    def lay_down(aor: str = AOR, password: str = SECRET, secret: str = config.secret_key) -> str:
        sealed = seal(secret, json.dumps((server_id, aor, password)))
        assert passwords.claim(runtime.redis, server_id, AOR)
        return passwords.begin(runtime.redis, server_id, AOR, sealed, 4, runtime.clock())

    return lay_down


def stands(runtime: Runtime, server_id: int, later: timedelta = timedelta()) -> tuple[Stage, str | None]:
    found = passwords.read(runtime.redis, server_id, AOR, runtime.clock() + later)
    assert found is not None
    return found.stage, found.problem


def everything(redis: "Redis") -> bytes:
    """All keys and values of Redis, and how they lie in its file."""
    return b"".join(key + (redis.dump(key) or b"") for key in cast("list[bytes]", redis.keys("*")))


def test_it_reaches_the_server(
    runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask, endpoints: list[Endpoint]
) -> None:
    ticket = ask()
    assert stands(runtime, server_id) == (Stage.UNDER_WAY, None)
    run_set_password(runtime, server_id, AOR, ticket)
    assert able.passwords == {AOR: SECRET}
    assert stands(runtime, server_id) == (Stage.DONE, None)
    assert endpoints[0].timeout <= 8


def test_a_ticket_is_good_once(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask) -> None:
    ticket = ask()
    run_set_password(runtime, server_id, AOR, ticket)
    able.passwords.clear()
    run_set_password(runtime, server_id, AOR, ticket)
    assert able.passwords == {}


def test_a_second_one_waits_for_the_first(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask) -> None:
    ticket = ask()
    assert not passwords.claim(runtime.redis, server_id, AOR)
    run_set_password(runtime, server_id, AOR, ticket)
    assert able.passwords == {AOR: SECRET}
    assert passwords.claim(runtime.redis, server_id, AOR)


def test_a_late_end_does_not_hide_a_newer_one(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask) -> None:
    old = ask()
    passwords.unclaim(runtime.redis, server_id, AOR)
    run_set_password(runtime, server_id, AOR, ask(password="another-Kaze.43"))
    passwords.end(runtime.redis, server_id, AOR, old, runtime.clock(), "fault")
    assert stands(runtime, server_id) == (Stage.DONE, None)
    assert able.passwords == {AOR: "another-Kaze.43"}


def test_one_that_waited_too_long_is_not_written(
    runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask, redis: "Redis"
) -> None:
    ticket = ask()
    lives = {key: redis.ttl(key) for key in redis.keys("*ticket*")}
    assert len(lives) == 1
    assert all(0 < seconds <= TICKET_SECONDS < PATIENCE.total_seconds() for seconds in lives.values())
    redis.delete(*lives)
    run_set_password(runtime, server_id, AOR, ticket)
    assert able.passwords == {}
    assert stands(runtime, server_id) == (Stage.FAILED, "expired")


@pytest.mark.parametrize("problem", Problem)
def test_why_it_failed(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask, problem: Problem) -> None:
    able.meanwhile = failing(SipError(problem, "some detail"))
    run_set_password(runtime, server_id, AOR, ask())
    uncertain = (Problem.TIMEOUT, Problem.TRUNCATED, Problem.GARBAGE)
    assert stands(runtime, server_id) == (Stage.FAILED, UNCONFIRMED if problem in uncertain else problem.value)
    assert passwords.claim(runtime.redis, server_id, AOR)


def test_a_server_that_can_not(runtime: Runtime, adapter: FakeAdapter, server_id: int, ask: Ask) -> None:
    run_set_password(runtime, server_id, AOR, ask())
    assert adapter.passwords == {}
    assert stands(runtime, server_id) == (Stage.FAILED, "unsupported")


def test_a_server_that_is_gone(runtime: Runtime, ask: Ask, server_id: int) -> None:
    ticket = ask()
    run_set_password(runtime, 999, AOR, ticket)
    assert passwords.read(runtime.redis, 999, AOR, runtime.clock()) is None
    assert stands(runtime, server_id, PATIENCE + timedelta(seconds=1)) == (Stage.FAILED, UNCONFIRMED)


def test_an_accident_says_nothing_of_the_password(
    runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    able.meanwhile = failing(ValueError(f"could not store {SECRET}"))
    with caplog.at_level(logging.DEBUG):
        run_set_password(runtime, server_id, AOR, ask())
    assert stands(runtime, server_id) == (Stage.FAILED, UNCONFIRMED)
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_a_ticket_of_another_line_opens_nothing(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask) -> None:
    run_set_password(runtime, server_id, AOR, ask(aor="05010000002"))
    assert able.passwords == {}
    assert stands(runtime, server_id) == (Stage.FAILED, "configuration")


def test_workers_with_another_secret_read_nothing(
    runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask
) -> None:
    run_set_password(runtime, server_id, AOR, ask(secret="f" * 40))
    assert able.passwords == {}
    assert stands(runtime, server_id) == (Stage.FAILED, "configuration")


def test_a_worker_that_is_killed_on_the_way(runtime: Runtime, able: FakeAdapter, server_id: int, ask: Ask) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    able.meanwhile = die
    ticket = ask()
    with pytest.raises(Killed):
        run_set_password(runtime, server_id, AOR, ticket)
    assert stands(runtime, server_id, PATIENCE / 2) == (Stage.UNDER_WAY, None)
    assert stands(runtime, server_id, PATIENCE + timedelta(seconds=1)) == (Stage.FAILED, UNCONFIRMED)
    able.meanwhile = lambda: None
    # RQ may run an abandoned job again.
    run_set_password(runtime, server_id, AOR, ticket)
    assert able.passwords == {}


def test_without_redis_it_is_the_jobs_error(
    runtime: Runtime, server_id: int, ask: Ask, breakable_redis: RedisServer
) -> None:
    ticket = ask()
    breakable_redis.stop()
    with pytest.raises(RedisError):
        run_set_password(runtime, server_id, AOR, ticket)


@pytest.mark.parametrize("wrong", [False, True])
def test_nothing_of_it_stays_in_redis(
    runtime: Runtime,
    able: FakeAdapter,
    server_id: int,
    ask: Ask,
    customers: Customers,
    redis: "Redis",
    monkeypatch: pytest.MonkeyPatch,
    *,
    wrong: bool,
) -> None:
    """As the real job, by RQ, with all that RQ keeps of it."""
    if wrong:
        able.meanwhile = failing(RuntimeError(SECRET))
    monkeypatch.setattr(jobs, "current", lambda: runtime)
    queue = Queue("lookups", connection=redis, serializer=JSONSerializer)
    queue.enqueue(jobs.set_password, server_id, AOR, customers.circles["tokyo"], ask(), failure_ttl=3600)
    assert SECRET.encode() not in everything(redis)
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True)
    assert stands(runtime, server_id)[0] is (Stage.FAILED if wrong else Stage.DONE)
    assert able.passwords == ({} if wrong else {AOR: SECRET})
    assert SECRET.encode() not in everything(redis)
    assert redis.keys("*ticket*") == []


def test_what_a_server_can_do_is_told_by_pulls_and_lookups(
    runtime: Runtime, adapter: FakeAdapter, server_id: int, customers: Customers
) -> None:
    assert abilities.read(runtime.redis, server_id) == Abilities(True, True)
    run_pull(runtime, server_id)
    assert abilities.read(runtime.redis, server_id) == Abilities(False, False)
    adapter.able = frozenset((Capability.LOOKUP, Capability.SET_PASSWORD, Capability.EVENTS))
    run_lookup(runtime, server_id, AOR, customers.circles["tokyo"], datetime.now(UTC))
    assert abilities.read(runtime.redis, server_id) == Abilities(True, True)


def test_a_seal() -> None:
    sealed = seal("s" * 32, "word")
    assert b"word" not in sealed
    assert unseal("s" * 32, sealed) == "word"
    assert seal("s" * 32, "word") != sealed
    for secret, text in (("t" * 32, sealed), ("s" * 32, sealed[:-4] + b"AAAA"), ("s" * 32, b"")):
        with pytest.raises(BrokenSealError):
            unseal(secret, text)
