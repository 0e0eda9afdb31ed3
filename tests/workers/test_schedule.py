"""The scheduler: each live server's pull is enqueued once when it is due, whatever else breaks."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.config import Config
from app.models import SipServer, Unique
from app.store import keys
from app.store.lease import Lease
from tests.support.customers import LIVE_HOST, Customers
from tests.support.databases import settings
from tests.support.proxy import PASS, Mode, Proxy
from tests.support.redis import RedisServer
from tests.support.wait import until
from tests.workers.fakes import FakeAdapter, runtime_with
from workers import jobs
from workers.pulling import pull_lease, queued_key
from workers.runtime import Runtime
from workers.schedule import JOB, Scheduler

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def one_server(session: Session, customers: Customers) -> int:
    """Only the live server is left to be pulled."""
    session.get_one(Unique, customers.uniques["trunk2"]).ip_authentication = True
    session.commit()
    return customers.servers[LIVE_HOST]


@pytest.fixture
def scheduler(runtime: Runtime) -> Scheduler:
    return Scheduler(runtime)


def queue(redis: "Redis") -> Queue:
    return Queue("pulls", connection=redis, serializer=JSONSerializer)


def queued(redis: "Redis") -> list[int]:
    """The servers that a pull is queued for; expired jobs count as a worker counts them: not at all."""
    return sorted(job.args[0] for job in queue(redis).get_jobs())


def take_up(redis: "Redis") -> None:
    """What workers do to the queue when they take up all that is in it."""
    for job in queue(redis).get_jobs():
        redis.delete(queued_key(job.args[0]))
        job.delete()
    queue(redis).empty()  # type: ignore[no-untyped-call] # RQ's is untyped


def test_one_pull_a_server_and_none_before_it_is_due_again(
    scheduler: Scheduler, redis: "Redis", one_server: int
) -> None:
    assert 0 < scheduler.step(NOW) <= 1
    assert queued(redis) == [one_server]
    take_up(redis)
    assert scheduler.step(at(4.5)) == pytest.approx(0.5)
    assert queued(redis) == []
    scheduler.step(at(5.25))
    assert queued(redis) == [one_server]
    take_up(redis)
    # It was a quarter of a second late, and is not next time.
    assert scheduler.step(at(9.5)) == pytest.approx(0.5)
    scheduler.step(at(10))
    assert queued(redis) == [one_server]


def test_what_it_enqueues_is_what_a_worker_can_run(
    scheduler: Scheduler, runtime: Runtime, redis: "Redis", adapter: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "current", lambda: runtime)
    scheduler.step(NOW)
    SimpleWorker([queue(redis)], connection=redis, serializer=JSONSerializer).work(burst=True)
    assert adapter.asked == ["*", "*"]
    assert redis.keys("rq:job:*") == []


def test_a_failed_job_is_not_kept_for_long(
    scheduler: Scheduler, runtime: Runtime, redis: "Redis", one_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "current", lambda: 1 // 0)
    scheduler.step(NOW)
    SimpleWorker([queue(redis)], connection=redis, serializer=JSONSerializer).work(burst=True)
    (name,) = redis.keys("rq:job:*")
    assert 0 < redis.ttl(name) <= 60


def test_nothing_is_enqueued_beside_what_waits(scheduler: Scheduler, redis: "Redis", one_server: int) -> None:
    for second in range(0, 100, 5):
        assert 0 < scheduler.step(at(second)) <= 1
        assert queued(redis) == [one_server]


def test_nothing_is_enqueued_beside_a_pull_at_work(scheduler: Scheduler, redis: "Redis", one_server: int) -> None:
    lease = pull_lease(redis, one_server)
    assert lease.take()
    scheduler.step(NOW)
    assert queued(redis) == []
    lease.release()
    scheduler.step(at(0.5))
    assert queued(redis) == [one_server]


def test_without_workers_the_queue_stays_short(
    scheduler: Scheduler, redis: "Redis", one_server: int, caplog: pytest.LogCaptureFixture
) -> None:
    lengths = []
    for second in range(0, 1000, 20):
        # Both end by themselves after a while.
        redis.delete(queued_key(one_server), *redis.keys("rq:job:*"))
        scheduler.step(at(second))
        lengths.append(queue(redis).count)
    assert queued(redis) == [one_server]
    assert max(lengths) <= 3
    assert "no worker takes up pulls" in caplog.text


def test_a_job_lives_no_longer_than_its_mark(scheduler: Scheduler, redis: "Redis", one_server: int) -> None:
    scheduler.step(NOW)
    (job,) = queue(redis).get_jobs()
    assert 0 < redis.pttl(queued_key(one_server)) <= 15_000
    assert 0 < redis.pttl(job.key) <= 15_000


def test_a_pull_that_is_lost_on_its_way_to_a_worker_is_soon_followed_by_another(
    scheduler: Scheduler, redis: "Redis", one_server: int
) -> None:
    scheduler.step(NOW)
    assert redis.lpop(queue(redis).key)
    # It may be about to begin.
    scheduler.step(at(5))
    assert queued(redis) == []
    assert 0 < redis.pttl(queued_key(one_server)) <= 2000
    until(lambda: not redis.exists(queued_key(one_server)), 4, "it has had its time")
    scheduler.step(at(7))
    assert queued(redis) == [one_server]


def test_two_schedulers_enqueue_once(runtime: Runtime, redis: "Redis", one_server: int) -> None:
    first, second = Scheduler(runtime), Scheduler(runtime)
    enqueued = 0
    for tenth in range(300):
        for scheduler in (first, second):
            scheduler.step(at(tenth / 10))
            enqueued += len(queued(redis))
            take_up(redis)
    assert enqueued == 6


def test_the_second_takes_over_when_the_first_is_gone(runtime: Runtime, redis: "Redis", one_server: int) -> None:
    first, second = Scheduler(runtime), Scheduler(runtime)
    first.step(NOW)
    take_up(redis)
    second.step(at(5))
    assert queued(redis) == []
    leader = Lease(redis, "schedule", 1).key
    assert 0 < redis.pttl(leader) <= 3000
    redis.pexpire(leader, 1)
    until(lambda: not redis.exists(leader), 2, "the first one's lease has run out")
    second.step(at(5))
    first.step(at(5))
    assert queued(redis) == [one_server]


def test_a_changed_interval_counts_from_now(
    scheduler: Scheduler, redis: "Redis", one_server: int, session: Session
) -> None:
    session.get_one(SipServer, one_server).pull_interval = 3600
    session.commit()
    scheduler.step(NOW)
    take_up(redis)
    session.get_one(SipServer, one_server).pull_interval = 2
    session.commit()
    scheduler.step(at(1))
    assert queued(redis) == []
    scheduler.step(at(3))
    assert queued(redis) == [one_server]


def test_new_and_removed_servers_are_noticed(
    scheduler: Scheduler, redis: "Redis", one_server: int, session: Session
) -> None:
    scheduler.step(NOW)
    take_up(redis)
    session.get_one(SipServer, one_server).live = False
    new = SipServer(hostname="new.example.jp", family="kamailio", management_url="http://127.0.0.1:9/", live=True)
    session.add(new)
    session.commit()
    scheduler.step(at(5))
    assert queued(redis) == [new.id]
    assert redis.hkeys(keys.due()) == [str(new.id).encode()]


def test_a_clock_that_was_put_back_stops_nothing(scheduler: Scheduler, redis: "Redis", one_server: int) -> None:
    scheduler.step(at(3600))
    take_up(redis)
    scheduler.step(NOW)
    assert queued(redis) == [one_server]


def test_without_the_database_the_known_servers_are_pulled_on(
    scheduler: Scheduler, runtime: Runtime, redis: "Redis", one_server: int, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler.step(NOW)
    lost = create_engine("sqlite:////nowhere/at/all.sqlite3")
    scheduler._runtime = replace(runtime, sessions=sessionmaker(lost))
    with caplog.at_level(logging.WARNING, "workers.schedule"):
        for second in range(5, 50, 5):
            take_up(redis)
            scheduler.step(at(second))
            assert queued(redis) == [one_server]
        scheduler._runtime = runtime
        scheduler.step(at(60))
    lost.dispose()
    assert [record.message for record in caplog.records] == [
        "the database does not answer: OperationalError",
        "the database answers again",
    ]


@pytest.fixture
def breakable(breakable_redis: RedisServer, runtime: Runtime) -> Iterator[Runtime]:
    """The same on a Redis that a test may stop."""
    url = breakable_redis.url
    made = runtime_with(Config.from_env(settings("sqlite://", url)), FakeAdapter())
    yield replace(made, sessions=runtime.sessions)
    made.redis.close()


def test_it_goes_on_by_itself_when_redis_is_back(
    breakable: Runtime, breakable_redis: RedisServer, one_server: int, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    running = threading.Thread(target=Scheduler(breakable).run, args=(stop,))
    with caplog.at_level(logging.WARNING, "workers.schedule"), breakable_redis.client() as client:
        running.start()
        try:
            until(lambda: queued(client) == [one_server], 5, "a pull is enqueued")
            breakable_redis.kill()
            until(lambda: "Redis does not answer" in caplog.text, 5, "the outage is noticed")
            breakable_redis.start()
            until(lambda: queued(client) == [one_server], 5, "a pull is enqueued again")
        finally:
            stop.set()
            running.join(10)
        assert not running.is_alive()
        assert not client.exists(Lease(client, "schedule", 1).key)
    assert caplog.text.count("Redis does not answer") == 1
    assert "Redis answers again" in caplog.text


def test_a_pull_that_could_not_be_enqueued_is_not_held_to_be(
    breakable: Runtime, breakable_redis: RedisServer, one_server: int
) -> None:
    with Proxy(("127.0.0.1", breakable_redis.port)) as proxy, breakable_redis.client() as client:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        made = runtime_with(Config.from_env(settings("sqlite://", url)), FakeAdapter())
        scheduler = Scheduler(replace(made, sessions=breakable.sessions))
        proxy.become(Mode(stall_on=JOB.encode()))
        scheduler.step(NOW)
        assert proxy.stalled.is_set()
        assert queued(client) == []
        proxy.become(PASS)
        scheduler.step(NOW)
        assert queued(client) == [one_server]
        made.redis.close()
