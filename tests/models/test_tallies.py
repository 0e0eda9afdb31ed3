"""What lists count is counted by the database itself: whoever writes, and whatever was there before."""

from collections import Counter
from datetime import date

import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.orm import Session

from app.models import NO_SERVER, Circle, CircleState, CircleTally, LineTally, Unique
from tests.support.customers import LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.process import flask

pytestmark = pytest.mark.usefixtures("any_database")
Tallies = tuple[Counter[tuple[int, int, str, bool]], Counter[tuple[int, CircleState]]]


def counted(session: Session) -> Tallies:
    """The lines and the circles of each kind, from end to end."""
    lines = session.execute(select(Unique.circle_id, Unique.server_id, Unique.type_code, Unique.ip_authentication))
    circles = session.execute(select(Circle.account_id, Circle.state))
    return (
        Counter((circle, server or NO_SERVER, kind, by_ip) for circle, server, kind, by_ip in lines),
        Counter((account, state) for account, state in circles),
    )


def kept(session: Session) -> Tallies:
    """The same as the database keeps it."""
    lines, circles = session.scalars(select(LineTally)), session.scalars(select(CircleTally))
    found = (
        Counter({(row.circle_id, row.server_id, row.type_code, row.ip_authentication): row.lines for row in lines}),
        Counter({(row.account_id, row.state): row.circles for row in circles}),
    )
    session.expire_all()
    return +found[0], +found[1]


def more(customers: Customers, count: int, **changes: object) -> list[dict[str, object]]:
    values: dict[str, object] = {"circle_id": customers.circles["osaka"], "type_code": "softphone", **changes}
    return [values | {"number": f"0601{at:04}", "aor": f"{at}"} for at in range(count)]


def test_it_begins_with_what_is_there(session: Session, customers: Customers) -> None:
    lines, circles = kept(session)
    assert (lines, circles) == counted(session)
    assert lines.total() == len(customers.uniques)
    assert circles[customers.accounts["owner"], CircleState.IN_USE] == 2


def test_rows_that_come_and_go(session: Session, customers: Customers) -> None:
    server = customers.servers[LIVE_HOST]
    session.execute(insert(Unique), more(customers, 30, server_id=server))
    session.add(Circle(account_id=customers.accounts["owner"], number="9", applied_on=date(2020, 1, 1)))
    session.commit()
    lines, circles = kept(session)
    assert lines[customers.circles["osaka"], server, "softphone", False] == 30
    assert circles[customers.accounts["owner"], CircleState.IN_USE] == 3
    assert (lines, circles) == counted(session)
    session.execute(delete(Unique).where(Unique.type_code == "softphone", Unique.number < "06010010"))
    session.execute(delete(Circle).where(Circle.number == "9"))
    session.commit()
    assert kept(session) == counted(session)
    assert kept(session)[0][customers.circles["osaka"], server, "softphone", False] == 20


@pytest.mark.parametrize("column", ["circle_id", "server_id", "type_code", "ip_authentication"])
def test_rows_that_are_moved(session: Session, customers: Customers, column: str) -> None:
    session.execute(insert(Unique), more(customers, 5, server_id=customers.servers[LIVE_HOST]))
    session.commit()
    to: dict[str, object] = {
        "circle_id": customers.circles["tokyo"],
        "server_id": customers.servers[ON_DEMAND_HOST],
        "type_code": "ivr",
        "ip_authentication": True,
    }
    before, _ = kept(session)
    session.execute(update(Unique).where(Unique.type_code == "softphone").values({column: to[column]}))
    session.commit()
    assert kept(session) == counted(session)
    assert kept(session)[0] != before


def test_a_line_that_is_given_a_server(session: Session, customers: Customers) -> None:
    row = session.get_one(Unique, customers.uniques["unassigned"])
    assert kept(session)[0][row.circle_id, NO_SERVER, "sip_phone", False] == 1
    row.server_id = customers.servers[LIVE_HOST]
    session.commit()
    assert kept(session) == counted(session)
    assert kept(session)[0][row.circle_id, NO_SERVER, "sip_phone", False] == 0


def test_circles_change_their_state_and_their_owner(session: Session, customers: Customers) -> None:
    session.get_one(Circle, customers.circles["tokyo"]).state = CircleState.CANCELLED
    session.get_one(Circle, customers.circles["osaka"]).account_id = customers.accounts["stranger"]
    session.commit()
    assert kept(session) == counted(session)
    assert kept(session)[1][customers.accounts["stranger"], CircleState.IN_USE] == 2


def test_what_is_taken_back_was_never_counted(session: Session, customers: Customers) -> None:
    before = kept(session)
    session.execute(insert(Unique), more(customers, 3))
    session.rollback()
    assert kept(session) == before


def test_what_was_there_before_is_counted_by_the_migration(
    session: Session, customers: Customers, environ: dict[str, str]
) -> None:
    expected = kept(session)
    session.commit()
    flask(environ, "db", "downgrade", "0007")
    flask(environ, "db", "upgrade")
    engine = create_engine(environ["DATABASE_URL"])
    with Session(engine) as later:
        assert kept(later) == expected
        later.execute(text('UPDATE "unique" SET circle_id = circle_id'))
        later.execute(insert(Unique), more(customers, 2))
        later.commit()
        assert kept(later) == counted(later)
    engine.dispose()
