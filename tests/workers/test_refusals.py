"""Failed authentications on their way from a server to a line's page."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from app.domain.registration import AuthFailure, FailureReason
from app.store import failures, keys
from tests.support.customers import LINE_NUMBERS
from tests.workers.fakes import FakeAdapter, registration
from workers import refusals
from workers.jobs import run_lookup
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.base import Capability, Problem, SipError

AOR = LINE_NUMBERS["live"]
AT = datetime(2026, 11, 23, 1, 11, 52, tzinfo=UTC)
FAILURE = AuthFailure(AOR, FailureReason.WRONG_PASSWORD, AT, "192.0.2.7:5060", "phone")


@dataclass
class Telling(FakeAdapter):
    """A server that remembers failures."""

    told: list[AuthFailure] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    problem: SipError | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.AUTH_FAILURES}

    def auth_failures(self, since: datetime) -> list[AuthFailure]:
        self.since.append(since)
        if self.problem:
            raise self.problem
        return [failure for failure in self.told if failure.at >= since]


@pytest.fixture
def adapter() -> Telling:
    return Telling(lines=[registration(LINE_NUMBERS["phone"])], told=[FAILURE])


@pytest.fixture
def later(runtime: Runtime, redis: "Redis", server_id: int, adapter: Telling) -> Callable[[], None]:
    """Reads the server again, as if its pause were over."""

    def read() -> None:
        redis.delete(keys.lease(f"failures-{server_id}"))
        refusals.collect(runtime, server_id, adapter)

    return read


def test_a_pull_brings_them(runtime: Runtime, redis: "Redis", server_id: int) -> None:
    long_ago = replace(runtime, clock=lambda: AT + timedelta(minutes=1))
    assert run_pull(long_ago, server_id)
    kept = failures.read(redis, server_id, AOR)
    assert kept is not None
    assert (kept.newest, kept.count) == (FAILURE, 1)
    assert 0 < redis.ttl(keys.failures(server_id, AOR)) <= keys.FAILURE_SECONDS


def test_a_look_up_brings_them(runtime: Runtime, redis: "Redis", server_id: int, adapter: Telling) -> None:
    now = runtime.clock()
    adapter.told = [replace(FAILURE, at=now.replace(microsecond=0))]
    run_lookup(runtime, server_id, AOR, 1, now)
    assert failures.read(redis, server_id, AOR) is not None


def test_names_that_a_scanner_tries_are_not_kept(runtime: Runtime, redis: "Redis", server_id: int) -> None:
    refusals.keep(runtime, server_id, [replace(FAILURE, aor=f"admin{number}") for number in range(2000)])
    assert redis.keys("*failures:*") == []


def test_they_are_read_once(
    runtime: Runtime, redis: "Redis", server_id: int, adapter: Telling, later: Callable[[], None]
) -> None:
    now = runtime.clock().replace(microsecond=0)
    adapter.told = [replace(FAILURE, at=now - timedelta(minutes=5))]
    later()
    later()
    newer = replace(FAILURE, at=now)
    adapter.told.append(newer)
    later()
    kept = failures.read(redis, server_id, AOR)
    assert kept is not None
    assert (kept.newest, kept.count) == (newer, 2)
    assert adapter.since[1:] == [now - timedelta(minutes=5)] * 2


def test_a_server_is_asked_no_more_often_than_its_pause(runtime: Runtime, server_id: int, adapter: Telling) -> None:
    for _ in range(5):
        refusals.collect(runtime, server_id, adapter)
    assert len(adapter.since) == 1


def test_what_goes_wrong_spoils_no_pull(runtime: Runtime, redis: "Redis", server_id: int, adapter: Telling) -> None:
    adapter.problem = SipError(Problem.TABLE_MISSING, "authfail")
    assert run_pull(runtime, server_id)
    assert redis.hlen(keys.lines(server_id)) == 1
