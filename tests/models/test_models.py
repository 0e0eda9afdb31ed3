"""What the tables refuse, and what they keep by themselves."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from app.models import Account, Circle, CircleState, LoginSession, PrincipalKind, SipServer, Unique
from tests.support.customers import LIVE_HOST, Customers

pytestmark = pytest.mark.usefixtures("any_database")
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=timezone(timedelta(hours=9)))


def unique(customers: Customers, **changes: object) -> Unique:
    values: dict[str, object] = {
        "circle_id": customers.circles["tokyo"],
        "number": "05099999999",
        "type_code": "sip_phone",
        "server_id": customers.servers[LIVE_HOST],
        "aor": "05099999999",
    }
    return Unique(**values | changes)


def login(expires_at: datetime) -> LoginSession:
    return LoginSession(id="x", kind=PrincipalKind.ACCOUNT, principal_id=1, expires_at=expires_at)


def test_a_time_comes_back_aware_and_in_utc(session: Session) -> None:
    session.add(login(NOON))
    session.commit()
    found = session.scalars(select(LoginSession.expires_at)).one()
    assert found == NOON
    assert found.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(session: Session) -> None:
    session.add(login(NOON.replace(tzinfo=None)))
    with pytest.raises(StatementError, match="a time without a zone"):
        session.commit()


def test_enumerations_are_stored_as_their_words(session: Session, customers: Customers) -> None:
    assert session.scalar(text("SELECT state FROM circle ORDER BY id LIMIT 1")) == CircleState.IN_USE.value
    assert session.get_one(Circle, customers.circles["tokyo"]).state is CircleState.IN_USE


def test_search_keys_follow_what_they_were_made_from(session: Session, customers: Customers) -> None:
    row = unique(customers, name="ﾀﾅｶ 太郎", incoming_phone="０３-1234", outgoing_phone="(06) 99")
    session.add(row)
    session.commit()
    assert (row.name_key, row.incoming_digits, row.outgoing_digits) == ("たなか太郎", "031234", "0699")
    row.name, row.incoming_phone = "鈴木", ""
    session.commit()
    assert (row.name_key, row.incoming_digits, row.outgoing_digits) == ("鈴木", "", "0699")


@pytest.mark.parametrize(
    ("name", "phone"), [("㍿" * 200, "⑳" * 32), ("\u0390" * 200, "½" * 32)], ids=["squares", "accents"]
)
def test_search_keys_that_are_longer_than_their_origin_fit(
    session: Session, customers: Customers, name: str, phone: str
) -> None:
    session.add(unique(customers, name=name, incoming_phone=phone, outgoing_phone=phone))
    session.commit()


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "05010000001"},
        {"aor": "05010000001"},
        {"circle_id": 999},
        {"type_code": "no such type"},
        {"server_id": 999},
    ],
)
def test_a_line_that_would_be_ambiguous_or_an_orphan_is_refused(
    session: Session, customers: Customers, changes: dict[str, object]
) -> None:
    session.add(unique(customers, **changes))
    with pytest.raises(IntegrityError):
        session.commit()


def test_lines_without_a_server_may_share_a_name(session: Session, customers: Customers) -> None:
    session.add_all(unique(customers, number=f"0509{digit}", server_id=None, aor="same") for digit in "12")
    session.commit()


@pytest.mark.parametrize("interval", [0, -1])
def test_a_server_that_would_be_pulled_without_pause_is_refused(session: Session, interval: float) -> None:
    session.add(
        SipServer(hostname="h.example", family="kamailio", management_url="http://127.0.0.1/", pull_interval=interval)
    )
    with pytest.raises(IntegrityError):
        session.commit()


def test_a_login_id_belongs_to_one_account(session: Session, customers: Customers) -> None:
    taken = session.get_one(Account, customers.accounts["owner"]).login_id
    session.add(Account(login_id=taken, password_hash="x", email="a@example.jp", name="twin"))
    with pytest.raises(IntegrityError):
        session.commit()
