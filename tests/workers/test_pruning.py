"""What is older than it is kept is forgotten, a little at a time, but never how a line stood since."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.standing import Cause
from app.models import Coverage, CoverageCause, LineChange
from app.store import history as waiting
from app.store import keys
from tests.support.customers import Customers
from tests.support.plans import plans
from workers import pruning
from workers.runtime import Runtime
from workers.schedule import Scheduler

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
REG, NOT = LineState.REGISTERED, LineState.NOT_REGISTERED

pytestmark = pytest.mark.usefixtures("any_database")


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
        session.rollback()
        found = session.scalars(select(LineChange.at).where(LineChange.unique_id == unique_id).order_by(LineChange.id))
        return [(NOW - at).days for at in found]

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
