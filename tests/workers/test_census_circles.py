"""Which circles a census counts: those that there are, and what is left of those that are gone."""

from datetime import date

import pytest
from redis import Redis
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.models import Circle, Unique
from app.store import keys, places
from app.store.places import Places
from tests.support.customers import LINE_NUMBERS, Customers
from tests.workers.fakes import FakeAdapter, registration
from workers import census
from workers.pulling import run_pull
from workers.runtime import Runtime


def add_circle(session: Session, customers: Customers, server_id: int, circle_id: int, lines: int = 1) -> list[str]:
    """One more circle of the owner's with an id of its own, and its lines' AoRs."""
    aors = [f"7{circle_id}{index:02}" for index in range(lines)]
    session.add(
        Circle(
            id=circle_id, account_id=customers.accounts["owner"], number=f"3{circle_id}", applied_on=date(2020, 1, 1)
        )
    )
    session.flush()
    session.add_all(
        Unique(circle_id=circle_id, number=aor, aor=aor, type_code="sip_phone", server_id=server_id) for aor in aors
    )
    session.commit()
    return aors


def remove_circle(session: Session, circle_id: int) -> None:
    """As an operator does it, in the database alone."""
    session.execute(delete(Unique).where(Unique.circle_id == circle_id))
    session.execute(delete(Circle).where(Circle.id == circle_id))
    session.commit()


def count_of(redis: "Redis", server_id: int, circle_id: int) -> tuple[int, int]:
    """Registered and unreadable lines."""
    found = places.read(redis, {server_id: [circle_id]})[server_id].circles
    assert found is not None
    return found[circle_id].registered, found[circle_id].unreadable


def test_a_census_costs_what_there_are_circles_however_far_apart_their_ids_lie(
    runtime: Runtime,
    adapter: FakeAdapter,
    redis: "Redis",
    session: Session,
    server_id: int,
    customers: Customers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [10**6, 10**7, 2 * 10**7]
    adapter.lines = [registration(aor) for id_ in ids for aor in add_circle(session, customers, server_id, id_)]
    # Every page of circles and every piece of buckets ends somewhere in between.
    monkeypatch.setattr(census, "_PAGE", 2)
    monkeypatch.setattr(census, "_BUCKETS", 1)
    run_pull(runtime, server_id)
    redis.config_resetstat()
    places.make_due(redis, server_id)
    run_pull(runtime, server_id)
    assert redis.info("commandstats")["cmdstat_mget"]["calls"] < 20
    assert [count_of(redis, server_id, id_) for id_ in ids] == [(1, 0)] * 3
    assert Places(redis, server_id).stored() == {places.bucket_of(id_) for id_ in ids}


def test_what_a_circle_that_is_gone_left_behind_is_given_up(
    runtime: Runtime, adapter: FakeAdapter, redis: "Redis", session: Session, server_id: int, customers: Customers
) -> None:
    """Who could see it: its former owner, as an open page goes on asking for the circles that it shows, and the owner
    of a new circle that gets the same id, as SQLite gives it again. Nobody else: a view is signed, and a page is made
    of circles that exist. So the counts go, with their bucket or, where that holds other circles too, alone.
    """
    alone, beside = 10**6, max(customers.circles.values()) + 1
    assert places.bucket_of(beside) in {places.bucket_of(id_) for id_ in customers.circles.values()}
    aors = [aor for id_ in (alone, beside) for aor in add_circle(session, customers, server_id, id_, 2)]
    adapter.lines = [registration(aor) for aor in (*aors, LINE_NUMBERS["live"])]
    run_pull(runtime, server_id)
    assert [count_of(redis, server_id, id_) for id_ in (alone, beside)] == [(2, 0), (2, 0)]
    for circle_id in (alone, beside):
        remove_circle(session, circle_id)
    places.make_due(redis, server_id)
    run_pull(runtime, server_id)
    assert redis.get(keys.places(server_id, places.bucket_of(alone))) is None
    assert Places(redis, server_id).stored() == {places.bucket_of(beside)}
    for circle_id in (alone, beside):
        add_circle(session, customers, server_id, circle_id)
        assert count_of(redis, server_id, circle_id) == (0, 0)
    assert count_of(redis, server_id, customers.circles["tokyo"]) == (1, 0)
