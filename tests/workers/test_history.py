"""The history holds exactly the changes: none twice, none missed whatever Redis forgot, none older than is kept."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.registration import Lookup, PullReport
from app.domain.standing import Cause
from app.models import Coverage, CoverageCause, LineChange, Unique
from app.store import history as waiting
from app.store import intake, keys
from app.store.history import Change
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.plans import plans
from tests.workers.fakes import FakeAdapter, nothing, registration
from workers import pruning
from workers.history import drain, insert, last_known
from workers.jobs import run_lookup
from workers.pulling import run_pull
from workers.runtime import Runtime
from workers.schedule import Scheduler

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
REG, NOT = LineState.REGISTERED, LineState.NOT_REGISTERED
LIVE, PHONE = LINE_NUMBERS["live"], LINE_NUMBERS["phone"]

pytestmark = pytest.mark.usefixtures("any_database")


@dataclass
class Timed(FakeAdapter):
    """It is asked at the test's own time."""

    now: datetime = NOW

    def lookup(self, aor: str) -> Lookup:
        return replace(super().lookup(aor), asked_at=self.now)


@pytest.fixture
def adapter() -> Timed:
    return Timed()


class Server:
    """The live server, pulled as often as a test wants, a minute and a half apart."""

    def __init__(self, runtime: Runtime, adapter: Timed, server_id: int) -> None:
        self._adapter = adapter
        self._id = server_id
        self.runtime = replace(runtime, clock=lambda: self.now)

    @property
    def now(self) -> datetime:
        return self._adapter.now

    def tells(self, *aors: str) -> datetime:
        """A pull in which exactly these lines are registered; when it was."""
        self._adapter.now += timedelta(seconds=90)
        self._adapter.lines = [registration(aor) for aor in aors]
        self._adapter.report = PullReport(self.now)
        assert run_pull(self.runtime, self._id)
        return self.now

    def is_asked(self, aor: str, circle_id: int) -> None:
        """A look-up a second later."""
        self._adapter.now += timedelta(seconds=1)
        run_lookup(self.runtime, self._id, aor, circle_id, self.now)


@pytest.fixture
def server(runtime: Runtime, adapter: Timed, server_id: int) -> Server:
    return Server(runtime, adapter, server_id)


@pytest.fixture
def line(customers: Customers) -> int:
    return customers.uniques["live"]


Row = tuple[LineState | None, LineState, datetime, Cause]


def rows(session: Session, unique_id: int) -> list[Row]:
    session.rollback()
    found = session.scalars(select(LineChange).where(LineChange.unique_id == unique_id).order_by(LineChange.id))
    return [(row.before, row.after, row.at, row.cause) for row in found]


def change(line: int, customers: Customers, at: float, after: LineState, before: LineState | None = None) -> Change:
    cause = Cause.REGISTERED if after is REG else Cause.EXPIRED
    return Change(line, customers.circles["tokyo"], int(at), before, after, "192.0.2.1:5060", "phone", cause)


def test_a_change_is_a_row_and_a_refresh_is_none(server: Server, session: Session, line: int) -> None:
    came = server.tells(LIVE)
    server.tells(LIVE)
    server.tells(LIVE)
    went = server.tells()
    server.tells()
    assert rows(session, line) == [(None, REG, came, Cause.REGISTERED), (REG, NOT, went, Cause.UNREGISTERED)]


def test_a_row_says_who_came(server: Server, session: Session, line: int, customers: Customers) -> None:
    server.tells(PHONE)
    server.tells(PHONE, LIVE)
    server.tells(PHONE)
    found = session.scalars(select(LineChange).where(LineChange.unique_id == line)).all()
    assert [(row.source, row.user_agent, row.circle_id) for row in found] == [
        ("192.0.2.1:5060", "phone", customers.circles["tokyo"])
    ] * 2


class TestWhatRedisForgot:
    def test_a_line_that_went_meanwhile(self, server: Server, session: Session, line: int, redis: "Redis") -> None:
        came = server.tells(LIVE, PHONE)
        redis.flushall()
        went = server.tells(PHONE)
        server.tells(PHONE)
        assert rows(session, line) == [(None, REG, came, Cause.REGISTERED), (REG, NOT, went, Cause.UNOBSERVED)]

    def test_all_lines_that_went_meanwhile(self, server: Server, session: Session, line: int, redis: "Redis") -> None:
        """Not one line is told that anything could be compared with."""
        server.tells(LIVE)
        redis.flushall()
        went = server.tells()
        assert rows(session, line)[1:] == [(REG, NOT, went, Cause.UNOBSERVED)]

    def test_a_line_that_is_still_there(self, server: Server, session: Session, line: int, redis: "Redis") -> None:
        server.tells(LIVE)
        before = rows(session, line)
        redis.flushall()
        server.tells(LIVE)
        server.tells(LIVE)
        assert rows(session, line) == before

    def test_a_line_that_somebody_clicked_before_the_first_pull(
        self, server: Server, session: Session, line: int, redis: "Redis", customers: Customers
    ) -> None:
        server.tells(LIVE, PHONE)
        before = rows(session, line)
        redis.flushall()
        server.is_asked(LIVE, customers.circles["tokyo"])
        server.tells(LIVE, PHONE)
        server.tells(LIVE, PHONE)
        assert rows(session, line) == before

    def test_a_line_that_somebody_clicked_during_the_first_pull(
        self, server: Server, session: Session, line: int, redis: "Redis", customers: Customers, adapter: Timed
    ) -> None:
        """What the look-up told is newer than the snapshot, in which it was not yet."""
        server.tells(LIVE, PHONE)
        before = rows(session, line)
        redis.flushall()

        def click() -> None:
            adapter.meanwhile, adapter.lines = nothing, [registration(LIVE)]
            server.is_asked(LIVE, customers.circles["tokyo"])

        adapter.meanwhile = click
        server.tells(PHONE)
        server.tells(LIVE, PHONE)
        assert rows(session, line) == before

    def test_a_line_that_went_and_came_back(self, server: Server, session: Session, line: int, redis: "Redis") -> None:
        server.tells(LIVE)
        server.tells()
        before = rows(session, line)
        redis.flushall()
        came = server.tells(LIVE)
        assert rows(session, line) == [*before, (NOT, REG, came, Cause.REGISTERED)]

    def test_an_old_dump_that_redis_came_back_with(
        self, server: Server, session: Session, line: int, redis: "Redis", server_id: int
    ) -> None:
        server.tells(LIVE, PHONE)
        dump = {key: redis.dump(key) or b"" for key in (keys.lines(server_id), keys.server(server_id))}
        server.tells(PHONE)
        before = rows(session, line)
        for key, value in dump.items():
            redis.restore(key, 0, value, replace=True)
        server.tells(PHONE)
        server.tells(PHONE)
        assert rows(session, line) == before
        for key, value in dump.items():
            redis.restore(key, 0, value, replace=True)
        # Redis believes that it was there all the time; what the database says is found wrong by the next census.
        came = server.tells(LIVE, PHONE)
        assert [row[:2] for row in rows(session, line)] == [(None, REG), (REG, NOT), (NOT, REG)]
        assert before[-1][2] < rows(session, line)[-1][2] <= came

    def test_on_demand_lines(
        self, runtime: Runtime, adapter: Timed, session: Session, redis: "Redis", customers: Customers
    ) -> None:
        line, aor = customers.uniques["on_demand"], LINE_NUMBERS["on_demand"]
        server_id, circle = customers.servers[ON_DEMAND_HOST], customers.circles["osaka"]

        timed = replace(runtime, clock=lambda: adapter.now)

        def ask(*, there: bool) -> None:
            adapter.now += timedelta(seconds=5)
            adapter.lines = [registration(aor)] if there else []
            run_lookup(timed, server_id, aor, circle, adapter.now)

        for there in (False, True, True):
            ask(there=there)
        redis.flushall()
        ask(there=True)
        redis.flushall()
        ask(there=False)
        assert [row[:2] for row in rows(session, line)] == [(NOT, REG), (REG, NOT)]


class TestWhatOperatorsDo:
    def test_a_line_that_is_added_while_its_phone_is_there(
        self, server: Server, session: Session, line: int, customers: Customers
    ) -> None:
        server.tells("the-new-one", LIVE)
        came = server.now
        row = Unique(
            circle_id=customers.circles["tokyo"],
            number="new",
            type_code="sip_phone",
            aor="the-new-one",
            server_id=customers.servers[LIVE_HOST],
        )
        session.add(row)
        session.commit()
        new = row.id
        server.tells("the-new-one", LIVE)
        server.tells("the-new-one", LIVE)
        assert rows(session, new) == [(None, REG, came, Cause.REGISTERED)]

    def test_a_line_that_is_moved_to_a_server_where_it_is_not(
        self, server: Server, session: Session, line: int, customers: Customers
    ) -> None:
        session.add(
            LineChange(
                unique_id=line,
                circle_id=customers.circles["tokyo"],
                at=NOW - timedelta(hours=1),
                after=REG,
                cause=Cause.REGISTERED,
            )
        )
        session.commit()
        went = server.tells(PHONE)
        server.tells(PHONE)
        assert rows(session, line)[1:] == [(REG, NOT, went, Cause.UNOBSERVED)]

    def test_a_line_that_no_longer_exists(
        self, runtime: Runtime, session: Session, line: int, redis: "Redis", customers: Customers
    ) -> None:
        waiting.queue(redis, [change(line, customers, 1000, REG), change(2**31 - 1, customers, 1000, REG)])
        drain(runtime)
        assert len(rows(session, line)) == 1
        assert session.scalars(select(LineChange)).all()[0].unique_id == line


def test_more_changes_at_once_than_are_told_one_by_one(
    server: Server, session: Session, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = server.tells(LIVE, PHONE, "a", "b", "c", "d")
    monkeypatch.setattr(intake, "MOST_TURNED", 1)
    went = server.tells("a", "b", "c", "d")
    assert rows(session, line) == [(None, REG, came, Cause.REGISTERED), (REG, NOT, went, Cause.UNREGISTERED)]


def test_what_is_told_twice_is_written_once(
    runtime: Runtime, session: Session, line: int, redis: "Redis", customers: Customers
) -> None:
    """A worker that died between writing a batch and taking it out of Redis."""
    told = [change(line, customers, 1000, REG), change(line, customers, 1010, NOT, REG)]
    with runtime.sessions.begin() as other:
        insert(other, told)
    waiting.queue(redis, told)
    drain(runtime)
    assert [row[:2] for row in rows(session, line)] == [(None, REG), (REG, NOT)]
    assert waiting.waiting(redis) is None


def test_the_last_state_is_the_newest_by_time(session: Session, line: int, customers: Customers) -> None:
    insert(session, [change(line, customers, 2000, REG)])
    insert(session, [change(line, customers, 1000, NOT)])
    assert last_known(session, [line, 2**31 - 1]) == {line: (REG, datetime.fromtimestamp(2000, UTC))}


def test_the_last_state_is_found_without_a_walk(session: Session, line: int) -> None:
    with plans(session) as found:
        last_known(session, [line])
    (plan,) = found
    assert "SCAN line_change" not in plan
    assert "Seq Scan" not in plan
    assert "uq_line_change_unique_id_at_after" in plan or "sqlite_autoindex_line_change_1" in plan


class TestRetention:
    @pytest.fixture
    def kept(self, runtime: Runtime, redis: "Redis") -> Runtime:
        redis.flushall()
        return replace(runtime, clock=lambda: NOW, history=timedelta(days=10))

    @pytest.fixture(params=[1, 2, 5000])
    def at_once(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
        monkeypatch.setattr(pruning, "_AT_ONCE", request.param)
        return int(request.param)

    def fill(self, session: Session, customers: Customers) -> None:
        """Lines with changes 1, 3, 5 … 19 days ago; one whose newest is 15 days old."""
        circle = customers.circles["tokyo"]
        for name, days in (("live", range(1, 20, 2)), ("phone", range(15, 20, 2)), ("trunk", [10]), ("trunk2", [40])):
            for index, day in enumerate(sorted(days, reverse=True)):
                session.add(
                    LineChange(
                        unique_id=customers.uniques[name],
                        circle_id=circle,
                        at=NOW - timedelta(days=day),
                        after=NOT if index % 2 else REG,
                        cause=Cause.REGISTERED,
                    )
                )
        session.commit()

    def ages(self, session: Session, unique_id: int) -> list[int]:
        return [(NOW - row[2]).days for row in rows(session, unique_id)]

    @pytest.mark.usefixtures("at_once")
    def test_old_changes_go_but_each_lines_last(self, kept: Runtime, session: Session, customers: Customers) -> None:
        self.fill(session, customers)
        assert pruning.prune(kept) == 4 + 2
        lines = customers.uniques
        assert self.ages(session, lines["live"]) == [11, 9, 7, 5, 3, 1]
        assert self.ages(session, lines["phone"]) == [15]
        assert self.ages(session, lines["trunk"]) == [10]
        assert self.ages(session, lines["trunk2"]) == [40]

    def test_a_little_at_a_time(
        self, kept: Runtime, session: Session, customers: Customers, redis: "Redis", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "_AT_ONCE", 2)
        self.fill(session, customers)
        went = [pruning.prune(kept, seconds=0) for _ in range(6)]
        assert sum(went) == 6
        assert max(went) <= 2
        # Then it rests, whatever there is.
        assert 0 < redis.ttl(keys.pruned()) <= 3600
        self.fill_old(session, customers)
        assert pruning.prune(kept) == 0
        redis.delete(keys.pruned())
        assert pruning.prune(kept) == 1

    def fill_old(self, session: Session, customers: Customers) -> None:
        session.add(
            LineChange(
                unique_id=customers.uniques["live"],
                circle_id=customers.circles["tokyo"],
                at=NOW - timedelta(days=30),
                after=REG,
                cause=Cause.REGISTERED,
            )
        )
        session.commit()

    def test_coverage_goes_too(self, kept: Runtime, session: Session, server_id: int) -> None:
        for since, until in ((30, 20), (19, 9), (8, 0)):
            session.add(
                Coverage(
                    server_id=server_id,
                    since=NOW - timedelta(days=since),
                    until=NOW - timedelta(days=until),
                    cause=CoverageCause.FIRST,
                )
            )
        session.commit()
        pruning.prune(kept)
        session.rollback()
        assert [(NOW - row.until).days for row in session.scalars(select(Coverage).order_by(Coverage.id))] == [9, 0]

    def test_the_walk_goes_along_an_index(self, kept: Runtime, session: Session, customers: Customers) -> None:
        self.fill(session, customers)
        with plans(session) as found:
            pruning._look(session, NOW, waiting.Place(NOW - timedelta(days=30), 1))
        assert "ix_line_change_at" in found[0]
        assert "SCAN line_change" not in found[0]
        assert "Seq Scan on line_change" not in found[0]

    def test_it_is_enqueued_once_a_minute(self, kept: Runtime, redis: "Redis") -> None:
        scheduler, queue = Scheduler(kept), Queue("mails", connection=redis, serializer=JSONSerializer)
        counts = []
        for seconds in (0, 1, 59, 60, 61, 3600):
            scheduler.step(NOW + timedelta(seconds=seconds))
            counts.append(queue.count)
        assert counts == [0, 0, 0, 1, 1, 2]
        assert {job.func_name for job in queue.get_jobs()} == {"workers.jobs.prune"}

    def test_while_the_database_is_away_nothing_is_forgotten(self, kept: Runtime, session: Session) -> None:
        with kept.sessions() as other:
            other.connection().exec_driver_sql("DROP TABLE line_change")
            other.commit()
        session.rollback()
        assert pruning.prune(kept) == 0
        assert not waiting.prunes_rest(kept.redis)
