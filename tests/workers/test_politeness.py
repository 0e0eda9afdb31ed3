"""No pull, believed or not, takes more than a tenth of a server's time: the next one waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.domain.registration import PullReport
from app.store import keys, servers
from tests.workers.fakes import FakeAdapter, registration
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.schedule import Scheduler


def pulls(redis: "Redis") -> Queue:
    return Queue("pulls", connection=redis, serializer=JSONSerializer)


def test_a_slow_pull_stretches_the_interval_that_signs_are_judged_by(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    began = datetime.now(UTC)
    times = chain([began] * 2, repeat(began + timedelta(seconds=12)))
    run_pull(replace(runtime, clock=lambda: next(times)), server_id)
    assert servers.read_one(redis, server_id).interval == timedelta(seconds=12)


@pytest.mark.parametrize(("busy", "wait"), [(0.05, 1.0), (0.4, 4.0), (4.0, 40.0)])
def test_an_answer_that_is_held_is_confirmed_soon_but_no_sooner_than_is_polite(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, busy: float, wait: float
) -> None:
    adapter.lines = [registration(f"100{number}") for number in range(8)]
    run_pull(runtime, server_id)
    began = datetime.now(UTC)
    adapter.lines, adapter.report = [], PullReport(began, busy=busy)
    run_pull(replace(runtime, clock=lambda: began), server_id)
    assert servers.read_one(redis, server_id).problem == "held"
    due = float(redis.hget(keys.due(), str(server_id)) or 0) - began.timestamp()
    assert due == pytest.approx(wait, abs=0.001)
    # What was not believed makes no sign look younger.
    assert servers.read_one(redis, server_id).interval == timedelta(seconds=5)


def test_an_answer_that_is_refused_kept_the_server_busy_too(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int
) -> None:
    run_pull(runtime, server_id)
    began = datetime.now(UTC)
    adapter.report = PullReport(began, busy=4.0, broken=50)
    run_pull(replace(runtime, clock=lambda: began), server_id)
    assert servers.read_one(redis, server_id).problem == "garbage"
    due = float(redis.hget(keys.due(), str(server_id)) or 0) - began.timestamp()
    assert due == pytest.approx(40, abs=0.001)
    scheduler = Scheduler(runtime)
    scheduler.step(began + timedelta(seconds=39))
    assert server_id not in [job.args[0] for job in pulls(redis).get_jobs()]
    scheduler.step(began + timedelta(seconds=41))
    assert server_id in [job.args[0] for job in pulls(redis).get_jobs()]
