"""A server that started anew has forgotten its phones: that is why they are away, however soon it was back."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from app.domain.registration import PullReport, Registration
from app.domain.standing import Cause
from app.store import lines, servers
from tests.support.customers import LINE_NUMBERS
from tests.workers.fakes import FakeAdapter, registration
from workers.pulling import run_pull
from workers.runtime import Runtime

PHONES = [LINE_NUMBERS[name] for name in ("live", "phone", "trunk")]
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def server(runtime: Runtime, adapter: FakeAdapter, server_id: int) -> int:
    """Three phones were registered in the last answer, of a server that had run for a minute."""
    answer(adapter, 0, uptime=60, registered=[registration(phone) for phone in PHONES])
    assert run_pull(runtime, server_id)
    return server_id


def answer(adapter: FakeAdapter, second: float, uptime: float, registered: list[Registration]) -> None:
    """What the server says from now on, at a moment after its last answer."""
    adapter.lines, adapter.report = registered, PullReport(NOW + timedelta(seconds=second), uptime=uptime)


def causes(redis: "Redis", server_id: int) -> set[Cause | None]:
    return {standing.cause for standing in lines.standings(redis, server_id, PHONES) if standing}


# In the third the start seems to have been before the last answer: both tell whole seconds only.
@pytest.mark.parametrize(("second", "uptime"), [(20, 5), (5, 4), (0.75, 1)])
def test_phones_that_a_restart_forgot(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server: int, second: float, uptime: float
) -> None:
    for later in (0, 1):
        answer(adapter, second + later, uptime + later, registered=[])
        run_pull(runtime, server)
    assert causes(redis, server) == {Cause.RESTARTED}
    assert servers.read_one(redis, server).restarted_at == NOW + timedelta(seconds=second - uptime)


def test_phones_that_go_after_the_restart_went_by_themselves(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server: int
) -> None:
    both = [registration(phone) for phone in PHONES[:2]]
    for second, there in ((1, both), (2, both[:1])):
        answer(adapter, second, second, registered=there)
        run_pull(runtime, server)
    first, second_, third = lines.standings(redis, server, PHONES)
    assert first is not None
    assert first.cause is None
    assert second_ is not None
    assert second_.cause is Cause.UNREGISTERED
    assert third is not None
    assert third.cause is Cause.RESTARTED
