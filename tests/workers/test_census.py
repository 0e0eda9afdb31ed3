"""The counts of registered lines are what a count of all lines would find, whatever happens in between."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError
from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from app.directory import line_of
from app.domain.changes import LineState
from app.domain.sign import Mode
from app.models import SipServer, Unique, is_live, with_live
from app.store import intake, keys, lines, places, servers
from app.store.connection import raw
from tests.support.customers import LINE_NUMBERS, Customers
from tests.workers.fakes import FakeAdapter, failing, registration
from workers import census
from workers.pulling import pull_lease, run_pull
from workers.runtime import Runtime

Count = tuple[int, int]
"""Registered and unreadable lines."""
NAMES = ("live", "phone", "trunk", "stranger")


def shown(redis: "Redis", server_id: int, customers: Customers) -> dict[str, Count] | None:
    """The counts that are not nothing, by the circle's name."""
    found = places.read(redis, {server_id: list(customers.circles.values())})[server_id].circles
    if found is None:
        return None
    counts = {name: (found[id_].registered, found[id_].unreadable) for name, id_ in customers.circles.items()}
    return {name: count for name, count in counts.items() if count != (0, 0)}


def revision(redis: "Redis", server_id: int, customers: Customers, name: str) -> int:
    """What tells a page of a circle that something there changed."""
    circle = customers.circles[name]
    bucket = redis.get(keys.places(server_id, places.bucket_of(circle)))
    return places.unpack(raw(bucket), circle).revision


def tell(adapter: FakeAdapter, *names: str, unread: tuple[str, ...] = ()) -> None:
    adapter.lines = [registration(LINE_NUMBERS[name]) for name in names]
    report = adapter.report
    adapter.report = replace(report, unread=tuple(LINE_NUMBERS[name] for name in unread))


def truth(redis: "Redis", session: Session, server_id: int, customers: Customers) -> dict[str, Count]:
    """What a count of every line finds."""
    names = {id_: name for name, id_ in customers.circles.items()}
    found: dict[str, Count] = {}
    session.expire_all()
    for row in session.scalars(select(Unique).where(Unique.server_id == server_id)):
        line = line_of(row)
        standing = lines.read(redis, [line])[row.id].snapshot
        if standing is None or standing.state is LineState.NOT_REGISTERED or line.mode is not Mode.LIVE:
            continue
        registered, unreadable = found.get(names[row.circle_id], (0, 0))
        readable = standing.state is LineState.REGISTERED
        found[names[row.circle_id]] = (registered + readable, unreadable + (not readable))
    return found


def test_nobody_has_counted_before_the_first_pull(redis: "Redis", server_id: int, customers: Customers) -> None:
    places.make_due(redis, server_id)
    assert shown(redis, server_id, customers) is None


def test_each_pull_counts_what_turned(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    for names, expected in (
        (("live", "stranger"), {"tokyo": (1, 0), "stranger": (1, 0)}),
        (("live", "phone", "stranger"), {"tokyo": (2, 0), "stranger": (1, 0)}),
        (("phone",), {"tokyo": (1, 0)}),
        # A line on demand is in the snapshot too, and is counted nowhere.
        (("trunk",), {}),
        ((), {}),
    ):
        tell(adapter, *names)
        run_pull(runtime, server_id)
        assert shown(redis, server_id, customers) == expected


def test_what_nobody_could_read_is_neither(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    for names, unread, expected in (
        (("live",), ("phone",), (1, 1)),
        (("phone",), ("live",), (1, 1)),
        (("phone", "live"), (), (2, 0)),
        (("phone",), ("live",), (1, 1)),
        (("phone",), (), (1, 0)),
    ):
        tell(adapter, *names, unread=unread)
        run_pull(runtime, server_id)
        assert shown(redis, server_id, customers) == {"tokyo": expected}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_the_counts_are_what_a_count_of_all_lines_finds(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    session: Session,
    server_id: int,
    customers: Customers,
    steps: list[tuple[set[str], set[str], bool]],
) -> None:
    redis.flushall()
    for names, unread, forget in steps:
        if forget:
            redis.flushall()
        tell(adapter, *names, unread=tuple(unread))
        run_pull(runtime, server_id)
        assert shown(redis, server_id, customers) == truth(redis, session, server_id, customers)


@pytest.mark.parametrize("lost", ["lines", "everything"])
def test_what_redis_forgot_is_counted_anew(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers, lost: str
) -> None:
    tell(adapter, "live", "phone")
    run_pull(runtime, server_id)
    if lost == "everything":
        redis.flushall()
    else:
        redis.delete(keys.lines(server_id))
    run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (2, 0)}


def test_lines_that_were_moved_are_counted_anew_after_a_while(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", session: Session, server_id: int, customers: Customers
) -> None:
    tell(adapter, "live", "phone")
    run_pull(runtime, server_id)
    assert revision(redis, server_id, customers, "osaka") == 0
    session.execute(
        update(Unique).where(Unique.id == customers.uniques["live"]).values(circle_id=customers.circles["osaka"])
    )
    session.commit()
    later = replace(runtime, clock=lambda: runtime.clock() + timedelta(minutes=2))
    run_pull(later, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (1, 0), "osaka": (1, 0)}
    assert revision(redis, server_id, customers, "osaka") != 0


def test_an_operator_need_not_wait(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", session: Session, server_id: int, customers: Customers
) -> None:
    tell(adapter, "live", "phone")
    run_pull(runtime, server_id)
    session.execute(update(SipServer).where(SipServer.id == server_id).values(live=False))
    session.commit()
    places.make_due(redis, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (2, 0)}
    run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {}


def breaking(runtime: Runtime, redis: "Redis", server_id: int, broken: str) -> Runtime:
    """The same runtime; the database is away, or Redis errs, as soon as a census has taken the wish for it."""

    def clock() -> datetime:
        if not redis.exists(keys.recount(server_id), "kept"):
            # Not the wish is hindered but the first thing that a census asks for.
            redis.rename(keys.lines(server_id), "kept")
            if broken == "redis":
                redis.set(keys.lines(server_id), b"no hash")
            else:
                runtime.sessions.configure(bind=create_engine("sqlite:////nowhere/at/all.sqlite3"))
        return datetime.now(UTC)

    return replace(runtime, clock=clock)


@pytest.mark.parametrize("broken", ["database", "redis"])
def test_a_wish_outlives_a_census_that_failed(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    session: Session,
    server_id: int,
    customers: Customers,
    broken: str,
) -> None:
    tell(adapter, "live", "phone")
    run_pull(runtime, server_id)
    session.execute(update(SipServer).where(SipServer.id == server_id).values(live=False))
    session.commit()
    places.make_due(redis, server_id)
    bound = runtime.sessions.kw["bind"]
    with pytest.raises(ResponseError) if broken == "redis" else nullcontext():
        run_pull(breaking(runtime, redis, server_id, broken), server_id)
    assert (servers.read_one(redis, server_id).problem == "fault") is (broken == "database")
    runtime.sessions.configure(bind=bound)
    redis.rename("kept", keys.lines(server_id))
    assert shown(redis, server_id, customers) == {"tokyo": (2, 0)}
    run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {}
    assert not places.is_due(redis, server_id)


def test_many_that_turn_at_once_are_counted_all_together(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    server_id: int,
    customers: Customers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(adapter, "live")
    run_pull(runtime, server_id)
    monkeypatch.setattr(intake, "MOST_TURNED", 1)
    monkeypatch.setattr(census, "_PAGE", 1)
    tell(adapter, "phone", "stranger")
    before = servers.read_one(redis, server_id).generation
    run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (1, 0), "stranger": (1, 0)}
    assert servers.read_one(redis, server_id).generation != before


def test_a_pull_that_lost_its_lease_counts_nothing(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    tell(adapter, "live")
    run_pull(runtime, server_id)
    tell(adapter, "live", "phone")

    def lose() -> None:
        redis.set(pull_lease(redis, server_id).key, "somebody else")

    adapter.meanwhile = lose
    run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (1, 0)}


def test_a_pull_that_failed_counts_nothing(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", server_id: int, customers: Customers
) -> None:
    tell(adapter, "live")
    run_pull(runtime, server_id)
    tell(adapter)
    adapter.meanwhile = failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run_pull(runtime, server_id)
    assert shown(redis, server_id, customers) == {"tokyo": (1, 0)}


def test_sql_calls_those_lines_live_that_the_rules_do(session: Session, customers: Customers) -> None:
    kinds, servers = ("sip_phone", "sip_trunk", "sip_trunk_2", "ivr"), (None, *customers.servers.values())
    session.add_all(
        Unique(
            circle_id=customers.circles["tokyo"],
            number=f"9{at}",
            aor=f"9{at}",
            type_code=kind,
            server_id=server,
            ip_authentication=by_address,
        )
        for at, (kind, server, by_address) in enumerate(product(kinds, servers, (False, True)))
    )
    session.commit()
    found = dict(session.execute(with_live(select(Unique.id, is_live()))).all())
    rows = session.scalars(select(Unique)).all()
    assert {row.id: line_of(row).mode is Mode.LIVE for row in rows} == {id_: bool(live) for id_, live in found.items()}
    assert {True, False} == {bool(live) for live in found.values()}
