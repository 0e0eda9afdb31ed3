"""A large server swept by several workers: every line once, whoever dies, and no worker that waits for a busy one."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.config import Config
from app.domain.record import Row, row_of
from app.domain.registration import PullReport
from app.models import SipServer, Unique
from app.store import lines, servers
from app.store.rounds import Piece, Round
from tests.support.customers import Customers
from tests.workers.fakes import FakeAdapter, registration
from workers import spread
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.base import Endpoint, Problem, Pull, SipError

COUNT = 95


@dataclass
class Sweeper(FakeAdapter):
    """Tells of each line that it is asked for whether it is among `registered`."""

    asks: Callable[[], Iterable[str]] = tuple
    registered: frozenset[str] = frozenset()
    swept: list[str] = field(default_factory=list)
    report: PullReport = field(default_factory=lambda: PullReport(datetime.now(UTC), explicit=True, uptime=1000.0))
    fails: Callable[[list[str]], None] = lambda _lines: None

    def snapshot(self) -> Pull:
        return Pull(self._rows())

    def _rows(self) -> Generator[list[Row], None, PullReport]:
        asked = list(self.asks())
        self.fails(asked)
        self.swept += asked
        yield [row_of(registration(aor)) if aor in self.registered else (aor.encode(), b"") for aor in asked]
        return self.report


@pytest.fixture
def numbers(session: Session, customers: Customers, server_id: int) -> list[str]:
    """The lines of the server, a hundred with those that it has anyway."""
    rows = [
        Unique(circle_id=customers.circles["tokyo"], type_code="sip_phone", server_id=server_id, number=name, aor=name)
        for name in (f"0509{index:07}" for index in range(COUNT))
    ]
    session.add_all(rows)
    session.execute(update(SipServer).where(SipServer.id == server_id).values(options="shards=3"))
    session.commit()
    return [row.aor for row in rows]


@pytest.fixture
def sweeper(numbers: list[str]) -> Sweeper:
    return Sweeper(registered=frozenset(numbers[::2]))


@pytest.fixture
def runtime(config: Config, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setattr(spread, "_PIECE", 10)
    monkeypatch.setattr(spread, "_PATIENCE", 0.05)

    def adapter_for(_family: str, _endpoint: Endpoint, asks: Callable[[], Iterable[str]]) -> Sweeper:
        return replace(sweeper, asks=asks, swept=sweeper.swept)

    return replace(Runtime.from_config(config), adapter_for=adapter_for)


def stored(redis: "Redis", server_id: int, numbers: list[str]) -> list[str]:
    pairs = zip(numbers, lines.standings(redis, server_id, numbers), strict=True)
    return [number for number, standing in pairs if standing is not None and standing.body]


def waiting(redis: "Redis") -> Iterator[tuple[object, ...]]:
    queue = Queue("pulls", connection=redis, serializer=JSONSerializer)
    return (tuple(job.args) for job in queue.get_jobs())


def test_one_worker_alone_does_all_of_it(
    runtime: Runtime, redis: "Redis", server_id: int, sweeper: Sweeper, numbers: list[str]
) -> None:
    assert run_pull(runtime, server_id)
    assert stored(redis, server_id, numbers) == numbers[::2]
    assert len(sweeper.swept) == len(set(sweeper.swept)) > COUNT
    # It called two others, who would have found nothing to do.
    calls = list(waiting(redis))
    assert len(calls) == 2
    _server, token, pieces = calls[0]
    before = len(sweeper.swept)
    spread.help_with(runtime, server_id, str(token), [Piece(*piece) for piece in pieces])  # type: ignore[attr-defined] # as the job got them
    assert len(sweeper.swept) == before


def test_several_share_it_without_an_overlap(
    runtime: Runtime,
    redis: "Redis",
    server_id: int,
    sweeper: Sweeper,
    numbers: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, ready = threading.Barrier(3, timeout=10), threading.local()
    who: dict[int, int] = {}

    def together(asked: list[str]) -> None:
        # The first piece of each worker begins when all three have one.
        if not getattr(ready, "yes", False):
            ready.yes = True
            began.wait()
        name = threading.get_ident()
        who[name] = who.get(name, 0) + len(asked)

    sweeper.fails = together
    helpers: list[threading.Thread] = []

    def call(_runtime: Runtime, _server: int, token: str, pieces: list[Piece], count: int) -> None:
        for _ in range(count):
            helper = threading.Thread(target=spread.help_with, args=(runtime, server_id, token, pieces))
            helpers.append(helper)
            helper.start()

    monkeypatch.setattr(spread, "_call", call)
    assert run_pull(runtime, server_id)
    for helper in helpers:
        helper.join(10)
    assert stored(redis, server_id, numbers) == numbers[::2]
    assert len(who) == 3
    assert len(sweeper.swept) == len(set(sweeper.swept))


def test_what_a_dead_worker_left_is_done_by_another(
    runtime: Runtime, redis: "Redis", server_id: int, numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_runtime: Runtime, _server: int, token: str, pieces: list[Piece], _count: int) -> None:
        # It had taken a piece, and half of another's rows were told when it was killed.
        shared = Round(redis, token)
        redis.set(f"tsunagari:lease:{shared._name(pieces[0])}", b"dead", px=300)
        redis.rpush(shared._key, b"half\x1e" + b"\x1e".join(b"%d\x1f" % number for number in range(3)))

    monkeypatch.setattr(spread, "_call", die)
    assert run_pull(runtime, server_id)
    assert stored(redis, server_id, numbers) == numbers[::2]
    assert servers.read_one(redis, server_id).problem is None


def test_a_piece_that_fails_is_a_sweep_that_failed(
    runtime: Runtime, redis: "Redis", server_id: int, sweeper: Sweeper, numbers: list[str]
) -> None:
    def fail(asked: list[str]) -> None:
        if numbers[20] in asked:
            raise SipError(Problem.TIMEOUT, "slow")

    assert run_pull(runtime, server_id)
    before = servers.read_one(redis, server_id)
    sweeper.fails, sweeper.registered = fail, frozenset()
    run_pull(runtime, server_id)
    after = servers.read_one(redis, server_id)
    assert (after.problem, after.detail, after.answered_at) == ("timeout", "slow", before.answered_at)
    assert stored(redis, server_id, numbers) == numbers[::2]


def test_a_server_that_restarts_between_two_pieces(
    runtime: Runtime, redis: "Redis", server_id: int, sweeper: Sweeper, numbers: list[str]
) -> None:
    def restart(asked: list[str]) -> None:
        if numbers[20] in asked and len(asked) < COUNT:
            sweeper.report = replace(sweeper.report, uptime=3.0)

    sweeper.fails = restart
    changed = replace(runtime, adapter_for=lambda _f, _e, asks: _live(sweeper, asks))
    run_pull(changed, server_id)
    assert servers.read_one(redis, server_id).problem == "loading"


def _live(sweeper: Sweeper, asks: Callable[[], Iterable[str]]) -> Sweeper:
    asked = list(asks())
    sweeper.fails(asked)
    return replace(sweeper, asks=lambda: asked, fails=lambda _lines: None)


@pytest.mark.parametrize("text", ["0", "65", "many", "-1", "٣"])
def test_shards_that_make_no_sense(
    runtime: Runtime, redis: "Redis", session: Session, server_id: int, numbers: list[str], text: str
) -> None:
    session.execute(update(SipServer).where(SipServer.id == server_id).values(options=f"shards={text}"))
    session.commit()
    assert numbers
    run_pull(runtime, server_id)
    assert servers.read_one(redis, server_id).problem == "configuration"


def test_sources_that_can_not_be_shared(
    runtime: Runtime, redis: "Redis", server_id: int, sweeper: Sweeper, numbers: list[str]
) -> None:
    sweeper.report = replace(sweeper.report, explicit=False)
    assert numbers
    run_pull(runtime, server_id)
    assert servers.read_one(redis, server_id).problem == "configuration"
