"""Look-ups against snapshots: what the server said later counts, whichever of them arrives first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.registration import Lookup, PullReport, Registration
from app.domain.sign import Mode, SignKind, Source
from app.domain.standing import Cause
from app.models import LineChange
from app.store import lines
from app.store.lines import Facts, Line
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, Customers
from tests.workers.fakes import FakeAdapter, registration
from workers import answers
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.sip.base import Pull

AOR, OTHER = LINE_NUMBERS["live"], LINE_NUMBERS["phone"]
THERE, GONE = SignKind.REGISTERED, SignKind.NOT_REGISTERED


@dataclass
class Behind(FakeAdapter):
    """A server whose table is behind."""

    lag: float = 0.0

    def snapshot(self) -> Pull:
        pull = super().snapshot()
        pull.lag = self.lag
        return pull


@pytest.fixture
def adapter() -> Behind:
    return Behind()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class World:
    """One line, and what its server says of it by and by."""

    runtime: Runtime
    adapter: Behind
    redis: "Redis"
    session: Session
    server_id: int
    circle_id: int
    clock: Clock

    def pulls(self, *, there: bool, meanwhile: Callable[[], None] = lambda: None) -> None:
        """A pull; `meanwhile` happens after the server was asked and before its answer is read to the end."""
        self.adapter.lines = [registration(OTHER), *([registration(AOR)] if there else [])]
        self.adapter.report = PullReport(self.clock() - timedelta(seconds=self.adapter.lag))
        self.adapter.meanwhile = meanwhile
        assert run_pull(self.runtime, self.server_id)

    def looks_up(self, *, there: bool, asked_at: datetime | None = None, source: Source = Source.LOOKUP) -> None:
        """An answer to a look-up arrives."""
        told = registration(AOR) if there else Registration(AOR)
        answers.keep(self.runtime, self.server_id, Lookup(told, asked_at or self.clock()), self.circle_id, source)

    @property
    def facts(self) -> Facts:
        return lines.read(self.redis, [Line(1, self.server_id, AOR, Mode.LIVE)])[1]

    @property
    def sign(self) -> SignKind:
        return self.facts.sign(self.clock()).kind

    @property
    def history(self) -> list[tuple[str, Cause]]:
        """Each change of the line that is remembered."""
        rows = self.session.execute(select(LineChange.after, LineChange.cause).order_by(LineChange.id)).all()
        return [(str(after), cause) for after, cause in rows]


@pytest.fixture
def world(
    runtime: Runtime,
    adapter: Behind,
    redis: "Redis",
    session: Session,
    server_id: int,
    customers: Customers,
    clock: Clock,
) -> World:
    object.__setattr__(runtime, "clock", clock)
    made = World(runtime, adapter, redis, session, server_id, customers.circles["tokyo"], clock)
    made.pulls(there=True)
    clock.advance(5)
    return made


CAME, LEFT = ("registered", Cause.REGISTERED), ("not_registered", Cause.UNREGISTERED)


def of_line(world: World) -> list[tuple[str, Cause]]:
    """The history without the line that is there all along, which came with the first pull."""
    found = world.history
    assert found[:2] == [CAME, CAME]
    return found[2:]


def test_a_look_up_after_the_snapshot_wins(world: World) -> None:
    world.looks_up(there=False)
    assert world.sign is GONE
    assert of_line(world) == [LEFT]


def test_the_snapshot_after_the_look_up_wins(world: World) -> None:
    world.looks_up(there=False)
    world.clock.advance(1)
    world.pulls(there=True)
    assert world.sign is THERE
    assert of_line(world) == [LEFT, CAME]


@pytest.mark.parametrize("seconds", [0.001, 3.0])
def test_a_slow_pull_that_began_before_a_look_up_does_not_overwrite_it(world: World, seconds: float) -> None:
    def click() -> None:
        world.clock.advance(seconds)
        world.looks_up(there=False)

    world.pulls(there=True, meanwhile=click)
    assert world.sign is GONE
    assert of_line(world) == [LEFT]
    # The next one tells of it again, and nothing is told twice.
    world.clock.advance(5)
    world.pulls(there=False)
    assert world.sign is GONE
    assert of_line(world) == [LEFT]


def test_nor_does_one_of_which_the_line_is_missing(world: World) -> None:
    world.pulls(there=False)
    assert world.sign is GONE

    def click() -> None:
        world.clock.advance(1)
        world.looks_up(there=True)

    world.pulls(there=False, meanwhile=click)
    assert world.sign is THERE
    assert len(world.facts.registration().contacts) == 1
    assert of_line(world) == [LEFT, CAME]
    world.clock.advance(5)
    world.pulls(there=True)
    assert of_line(world) == [LEFT, CAME]


def test_a_phone_that_came_and_went_between_two_snapshots_is_remembered(world: World) -> None:
    world.pulls(there=False)
    world.clock.advance(1)
    world.looks_up(there=True, source=Source.EVENT)
    for _ in range(2):
        world.clock.advance(4)
        world.pulls(there=False)
        assert world.sign is GONE
        assert of_line(world) == [LEFT, CAME, LEFT]
    assert world.facts.sign(world.clock()).since == world.clock.now - timedelta(seconds=4)


def test_a_look_up_that_arrives_after_a_newer_snapshot_changes_nothing(world: World) -> None:
    asked_at = world.clock()
    world.clock.advance(3)
    world.pulls(there=True)
    world.looks_up(there=False, asked_at=asked_at)
    assert world.sign is THERE
    assert of_line(world) == []
    world.clock.advance(5)
    world.pulls(there=True)
    assert (world.sign, of_line(world)) == (THERE, [])


def test_a_look_up_that_arrives_after_a_newer_one_changes_nothing(world: World) -> None:
    """Somebody clicked, and while the server took its time it told by itself that the phone came back."""
    asked_at = world.clock()
    world.clock.advance(2)
    world.looks_up(there=True, source=Source.EVENT)
    world.looks_up(there=False, asked_at=asked_at)
    assert world.sign is THERE
    assert of_line(world) == []
    ask = world.facts.lookup.ask
    assert ask is not None
    # Whoever clicked is told what is known by now.
    assert ask.answered
    assert world.facts.lookup.source is Source.EVENT


def test_a_table_that_is_behind_is_older_than_a_look_up_that_came_before_it(world: World) -> None:
    """Its rows are written every twenty seconds: that a phone is not yet there does not mean that it left."""
    world.pulls(there=False)
    world.adapter.lag = 20.0
    for _ in range(4):
        # Until the answers that are behind are newer than what was known before.
        world.clock.advance(5)
        world.pulls(there=False)
    world.looks_up(there=True, source=Source.EVENT)
    for _ in range(3):
        world.clock.advance(5)
        world.pulls(there=False)
        assert world.facts.server.problem is None
        assert world.sign is THERE
    assert of_line(world) == [LEFT, CAME]
    world.clock.advance(20)
    world.pulls(there=True)
    assert world.sign is THERE
    assert of_line(world) == [LEFT, CAME]


def test_since_when_it_is_there_comes_with_whichever_wins(world: World) -> None:
    since = world.facts.sign(world.clock()).since
    world.looks_up(there=True)
    assert world.facts.sign(world.clock()).since == since
    world.clock.advance(1)
    world.looks_up(there=False)
    left = world.clock()
    world.clock.advance(4)
    world.pulls(there=False)
    shown = world.facts.sign(world.clock())
    assert (shown.since, shown.source) == (left, Source.SNAPSHOT)


def test_three_ways_of_telling_count_as_changes_of_one_line(world: World) -> None:
    """A line that comes and goes is marked, whoever noticed."""
    for there in (False, True):
        world.clock.advance(1)
        world.looks_up(there=there, source=Source.EVENT)
    assert not world.facts.sign(world.clock()).unsteady
    world.clock.advance(1)
    # That it came in the first place is one as well.
    world.pulls(there=False)
    assert world.facts.sign(world.clock()).unsteady
    assert of_line(world) == [LEFT, CAME, LEFT]
