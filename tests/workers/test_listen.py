"""The listener: a hint becomes a look-up, a gap is reported and made up for, a broken stream is taken up again."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import pytest
from redis import Redis

from app.domain.registration import AuthFailure, FailureReason
from app.domain.sign import Mode, SignKind, Source
from app.store import failures, keys, lines, listeners
from app.store.lines import Line
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.wait import until
from tests.workers.fakes import FakeAdapter, registration
from workers.listen import BATCH, PATIENCE, Ear, Listener
from workers.runtime import Runtime
from workers.sip.base import Capability, Event, Gap, LineChanged, Problem, SipError

AOR = LINE_NUMBERS["live"]


@dataclass
class Speaking(FakeAdapter):
    """A server whose events the test tells; an exception breaks the stream."""

    said: SimpleQueue[Event | SipError | None] = field(default_factory=SimpleQueue)
    connections: int = 0

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.EVENTS}

    def events(self) -> Iterator[Event | None]:
        self.connections += 1
        while True:
            try:
                event = self.said.get(timeout=0.05)
            except Empty:
                event = None
            if isinstance(event, SipError):
                raise event
            yield event


@pytest.fixture
def adapter() -> Speaking:
    return Speaking()


@pytest.fixture
def listening(runtime: Runtime, customers: Customers) -> Iterator[Listener]:
    """The listener at work; only the first server is live."""
    assert LIVE_HOST in customers.servers
    stop, listener = threading.Event(), Listener(runtime)
    thread = threading.Thread(target=listener.run, args=(stop,))
    thread.start()
    yield listener
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


def sign(redis: "Redis", server_id: int) -> tuple[SignKind, Source | None]:
    line = Line(1, server_id, AOR, Mode.LIVE)
    shown = lines.read(redis, [line])[1].sign(datetime.now(UTC))
    return shown.kind, shown.source


@pytest.mark.usefixtures("listening")
def test_a_hint_becomes_a_look_up(adapter: Speaking, redis: "Redis", server_id: int) -> None:
    adapter.lines = [registration(AOR)]
    adapter.said.put(LineChanged(AOR, datetime.now(UTC)))
    until(lambda: sign(redis, server_id) == (SignKind.REGISTERED, Source.EVENT), 5, "the line is registered")
    adapter.lines = []
    adapter.said.put(LineChanged(AOR, datetime.now(UTC)))
    until(lambda: sign(redis, server_id) == (SignKind.NOT_REGISTERED, Source.EVENT), 5, "the line is gone")


@pytest.mark.usefixtures("listening")
def test_a_failure_is_kept(adapter: Speaking, redis: "Redis", server_id: int) -> None:
    adapter.said.put(AuthFailure(AOR, FailureReason.WRONG_PASSWORD, datetime.now(UTC), "192.0.2.7:5060"))
    until(lambda: failures.read(redis, server_id, AOR), 5, "the failure is kept")


@pytest.mark.usefixtures("listening")
def test_a_broken_stream_is_taken_up_again_and_its_gap_reported(
    adapter: Speaking, redis: "Redis", server_id: int
) -> None:
    redis.hset(keys.due(), str(server_id), 2_000_000_000)
    until(lambda: listeners.read(redis, server_id).since, 5, "the server is heard")
    adapter.said.put(SipError(Problem.TRUNCATED))
    until(lambda: listeners.read(redis, server_id).missed_since, 10, "the gap is reported")
    assert adapter.connections == 2
    until(lambda: not redis.hexists(keys.due(), str(server_id)), 5, "a pull is due at once")


def test_events_are_taken_together(runtime: Runtime, redis: "Redis", server_id: int, adapter: Speaking) -> None:
    adapter.lines = [registration(AOR)]
    now = runtime.clock()
    ear = Ear(replace(runtime, clock=lambda: now), server_id, adapter)
    for _ in range(BATCH - 1):
        ear.take(LineChanged(AOR, datetime.now(UTC)))
    assert adapter.asked == []
    ear.take(LineChanged("nobody", datetime.now(UTC)))
    assert adapter.asked == [AOR]
    assert sign(redis, server_id)[0] is SignKind.REGISTERED


def test_a_server_that_is_never_quiet_does_not_keep_them_waiting(
    runtime: Runtime, server_id: int, adapter: Speaking
) -> None:
    now = runtime.clock()
    moments = iter([now, now, now + PATIENCE / 2, now + PATIENCE, now + PATIENCE, now + PATIENCE])
    ear = Ear(replace(runtime, clock=lambda: next(moments)), server_id, adapter)
    ear.take(LineChanged(AOR, now))
    ear.take(LineChanged(AOR, now))
    assert adapter.asked == []
    ear.take(LineChanged(AOR, now))
    assert adapter.asked == [AOR]


def test_a_server_that_does_not_answer_the_look_up_leaves_what_is_known(
    runtime: Runtime, redis: "Redis", server_id: int, adapter: Speaking
) -> None:
    def fail() -> None:
        raise SipError(Problem.TIMEOUT)

    adapter.meanwhile = fail
    ear = Ear(runtime, server_id, adapter)
    ear.take(LineChanged(AOR, datetime.now(UTC)))
    ear.take(Gap(datetime.now(UTC)))
    ear.take(None)
    assert sign(redis, server_id) == (SignKind.UNKNOWN, None)
    assert listeners.read(redis, server_id).missed_since is not None
