"""The history holds exactly the changes: none twice, none missed whatever Redis forgot, none older than is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.standing import Cause
from app.models import LineChange, Unique
from app.store import history as waiting
from app.store import intake, keys
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.plans import plans
from tests.workers.chronicle import NOT, NOW, REG, Server, Timed, change, rows
from tests.workers.fakes import nothing, registration
from workers import census, reconciling
from workers.history import drain, insert, last_known
from workers.jobs import run_lookup
from workers.runtime import Runtime

LIVE, PHONE = LINE_NUMBERS["live"], LINE_NUMBERS["phone"]

pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def adapter() -> Timed:
    return Timed()


@pytest.fixture
def server(runtime: Runtime, adapter: Timed, server_id: int) -> Server:
    return Server(runtime, adapter, server_id)


@pytest.fixture
def line(customers: Customers) -> int:
    return customers.uniques["live"]


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

    def test_large_servers_are_compared_a_little_at_a_time(
        self, server: Server, session: Session, customers: Customers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(census, "_PAGE", 1)
        names = ("live", "phone", "trunk")
        server.tells(*(LINE_NUMBERS[name] for name in names))
        came = server.now
        session.execute(delete(LineChange))
        session.commit()
        server.tells(*(LINE_NUMBERS[name] for name in names))
        monkeypatch.setattr(reconciling, "_SECONDS", 1e-9)
        session.execute(delete(LineChange))
        session.commit()
        counts = []
        for _ in range(5):
            server.tells(*(LINE_NUMBERS[name] for name in names))
            counts.append(sum(len(rows(session, customers.uniques[name])) for name in names))
        assert counts == [1, 2, 3, 3, 3]
        assert {rows(session, customers.uniques[name])[0][2] for name in names} == {came}

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


def test_one_change_that_no_database_takes_keeps_none_waiting(
    runtime: Runtime, session: Session, line: int, redis: "Redis", customers: Customers
) -> None:
    told = [change(line, customers, at, REG) for at in (10**15, 10**20, 1000)]
    waiting.queue(redis, told)
    drain(runtime)
    assert waiting.waiting(redis) is None
    assert [row[2].timestamp() for row in rows(session, line)] == [1000]


def test_a_line_whose_circle_is_gone_keeps_none_waiting(
    runtime: Runtime, session: Session, line: int, redis: "Redis", customers: Customers
) -> None:
    waiting.queue(
        redis, [change(line, customers, 1000, REG)._replace(circle_id=987654), change(line, customers, 1010, REG)]
    )
    drain(runtime)
    assert waiting.waiting(redis) is None
    assert [row[2].timestamp() for row in rows(session, line)] == [1010]


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
