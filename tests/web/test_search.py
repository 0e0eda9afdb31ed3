"""The three searches: by beginning and part, however it is typed, in the caller's scope."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import finder
from app.directory import PAGE_SIZE
from app.models import Circle, PrincipalKind, Unique
from app.scope import Scope
from app.throttle import SEARCH
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, Customers
from tests.support.plans import plans
from tests.support.portal import Portal
from tests.web.given import Registrars, fill, kind_of, logged_in

pytestmark = pytest.mark.usefixtures("any_database")
NAMES = {number: name for name, number in LINE_NUMBERS.items()}
CIRCLES = {number: name for name, number in CIRCLE_NUMBERS.items()}


def found(client: Portal, what: str, query: str) -> list[str]:
    """The names of the lines or circles that a search finds, in its order."""
    page = client.get(f"/search/{what}", query_string={"q": query})
    assert page.status_code == 200
    cells = page.text.split("<tbody>")[1].split('<th scope="row"')[1:]
    known = CIRCLES if what == "circles" else NAMES
    return [next(name for number, name in known.items() if f">{number}</a>" in cell) for cell in cells]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("05010000001", ["live"]),
        ("０５０－１０００－０００１", ["live"]),
        ("050-1000-0001", ["live"]),
        ("0501000000", ["live", "phone", "trunk", "trunk2", "room", "on_demand", "unassigned"]),
        ("0000003", ["trunk"]),
        ("受付", ["live", "on_demand"]),
        ("大阪", ["on_demand"]),
        ("タナカ", ["phone"]),
        ("たなか", ["phone"]),
        ("ﾀﾅｶ太郎", ["phone"]),
        ("太郎", ["phone"]),
        ("会議室ａ", ["room"]),
        ("05020000001", []),
        ("そんなものはない", []),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
    ],
)
def test_uniques(owner: Portal, query: str, names: list[str]) -> None:
    assert found(owner, "uniques", query) == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("03-1234-5678", ["live"]),
        ("0312345678", ["live"]),
        ("０３（１２３４）５６７９", ["phone"]),
        ("03", ["live", "phone"]),
        ("1234", ["live", "phone", "on_demand"]),
        ("5678", ["live", "on_demand"]),
        ("061", ["on_demand"]),
        ("03-9999-0000", []),
        ("受付", []),
    ],
)
def test_phones(owner: Portal, query: str, names: list[str]) -> None:
    assert found(owner, "phones", query) == names


def test_outgoing_numbers_and_whole_extensions(owner: Portal, session: Session, customers: Customers) -> None:
    row = session.get_one(Unique, customers.uniques["trunk"])
    row.outgoing_phone, row.incoming_extension = "0120-444-444", "777"
    session.commit()
    assert found(owner, "phones", "0120") == found(owner, "phones", "777") == ["trunk"]
    assert found(owner, "phones", "77") == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("100000000001", ["tokyo"]),
        ("1000-0000-0002", ["osaka"]),
        ("１００", ["tokyo", "osaka"]),
        ("0002", ["osaka"]),
        ("ﾎﾝｼｬ", ["tokyo"]),
        ("ほん", ["tokyo"]),
        ("総務", ["tokyo"]),
        ("さとう", ["tokyo"]),
        ("2000", []),
    ],
)
def test_circles(owner: Portal, session: Session, customers: Customers, query: str, names: list[str]) -> None:
    row = session.get_one(Circle, customers.circles["tokyo"])
    row.user_information, row.department, row.person_in_charge = "ホンシャ", "総務部", "サトウ 花子"
    session.commit()
    assert found(owner, "circles", query) == names


def test_everybody_finds_only_what_is_theirs(
    app: Flask, owner: Portal, stranger: Portal, staff: Portal, customers: Customers
) -> None:
    circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["osaka"])
    unique = logged_in(app, PrincipalKind.UNIQUE, customers.uniques["live"])
    seen = [found(client, "uniques", "050") for client in (owner, stranger, staff, circle, unique)]
    own = ["live", "phone", "trunk", "trunk2", "room", "on_demand", "unassigned"]
    assert seen == [own, ["stranger"], [*own, "stranger"], ["on_demand", "unassigned"], ["live"]]
    phones = [found(client, "phones", "0") for client in (owner, stranger, circle, unique)]
    assert phones == [["live", "phone", "on_demand"], ["stranger"], ["on_demand"], ["live"]]
    circles = [found(client, "circles", "0000") for client in (owner, stranger, staff, circle, unique)]
    assert circles == [["tokyo", "osaka"], ["stranger"], ["tokyo", "osaka", "stranger"], ["osaka"], []]


def test_rows_are_live(owner: Portal, customers: Customers, registrars: Registrars) -> None:
    registrars.answered("live")
    page = owner.get("/search/uniques?q=0501000000").text
    signs = {name: page.split(f'id="c{customers.uniques[name]}"')[1] for name in ("live", "phone", "trunk", "room")}
    assert {name: kind_of(cell) for name, cell in signs.items()} == {
        "live": "registered",
        "phone": "not-registered",
        "trunk": "ask",
        "room": "none",
    }
    assert 'id="live"' in page
    assert 'id="version"' in page


def test_what_begins_so_comes_first(owner: Portal, session: Session, customers: Customers) -> None:
    session.get_one(Unique, customers.uniques["room"]).name = "太郎の部屋"
    session.commit()
    assert found(owner, "uniques", "太郎") == ["room", "phone"]


def test_pages(owner: Portal, session: Session, customers: Customers) -> None:
    fill(session, customers, PAGE_SIZE + 5, name="増設")
    first = owner.get("/search/uniques?q=増設")
    assert "105件" in first.text
    assert first.text.count('<th scope="row"') == PAGE_SIZE
    second = owner.get("/search/uniques?q=増設&page=2")
    assert second.text.count('<th scope="row"') == 5
    assert "page=2" in first.text
    assert owner.get("/search/uniques?q=増設&page=99").text.count('<th scope="row"') == 5
    for page in ("0", "-1", "x", "9" * 30):
        assert owner.get(f"/search/uniques?q=増設&page={page}").status_code == 200


def test_no_more_than_the_limit(
    owner: Portal, session: Session, customers: Customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(session, customers, 12, name="増設")
    monkeypatch.setattr(finder, "LIMIT", 10)
    for query in ("増設", "設"):
        page = owner.get(f"/search/uniques?q={query}").text
        assert page.count('<th scope="row"') == 10
        assert "条件を絞ってください" in page


def test_before_anything_is_typed(owner: Portal) -> None:
    for what in ("uniques", "phones", "circles"):
        for query in ("", "?q=", "?q=%20%E3%80%80"):
            page = owner.get(f"/search/{what}{query}")
            assert page.status_code == 200
            assert "<table" not in page.text


def test_a_limit_on_how_often(owner: Portal) -> None:
    for _ in range(SEARCH.limit.amount):
        assert owner.get("/search/phones?q=0").status_code == 200
    assert owner.get("/search/phones?q=0").status_code == 429
    assert owner.get("/search/phones").status_code == 200


def test_beginnings_are_found_by_an_index(session: Session, customers: Customers) -> None:
    """No table is read from end to end for what begins with the text: 1,000,000 lines are too many for that."""
    staff = Scope(PrincipalKind.STAFF, customers.staff)
    with plans(session, without=("seqscan", "indexscan", "bitmapscan")) as found:
        finder.find_uniques(session, staff, "たなか", 1)
        finder.find_phones(session, staff, "0312", 1)
        finder.find_for_support(session, staff, "0312")
        finder.find_circles(session, staff, "1000", 1)
    for name in ("ix_unique_name_key", "ix_unique_incoming_digits", "ix_unique_outgoing_digits"):
        assert any(f"{name} " in plan for plan in found), name


def test_parts_and_extensions_are_found_by_theirs(session: Session, customers: Customers, any_database: str) -> None:
    """SQLite has none for parts: there they are found by reading."""
    fill(session, customers, 3000, name="増設", incoming_phone="06-0000-0000")
    session.execute(text("ANALYZE"))
    staff = Scope(PrincipalKind.STAFF, customers.staff)
    with plans(session, without=()) as found:
        assert finder.find_uniques(session, staff, "なか", 1).page.total == 1
        assert finder.find_uniques(session, staff, "10000001", 1).page.total == 1
        assert finder.find_phones(session, staff, "5678", 1).page.total == 2
    indexes = {"ix_unique_name_grams", "ix_unique_numbers_grams", "ix_unique_incoming_extension"}
    used = {name for name in indexes if any(name in plan for plan in found)}
    assert used == (indexes if any_database == "postgresql" else set())


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("あ", True),
        ("いう", True),
        ("うえお", True),
        ("あう", False),
        ("%", True),
        ("%か", True),
        ("か%", False),
        ("_", False),
        ("か\\", True),
    ],
)
def test_a_part_of_any_length(session: Session, customers: Customers, part: str, *, found: bool) -> None:
    session.get_one(Unique, customers.uniques["room"]).name = "xあいうえお%%か\\x"
    session.commit()
    rows = finder.find_for_support(session, Scope(PrincipalKind.STAFF, customers.staff), part)
    assert [row.id for row in rows] == ([customers.uniques["room"]] if found else [])


def test_many_circles_are_searched_too(owner: Portal, session: Session, customers: Customers) -> None:
    account = customers.accounts["owner"]
    session.add_all(Circle(account_id=account, number=f"9{at:03}", applied_on=date(2026, 1, 1)) for at in range(60))
    session.commit()
    assert found(owner, "uniques", "受付") == ["live", "on_demand"]
    assert found(owner, "uniques", "太郎") == ["phone"]


def test_a_new_circle_is_found_by_its_words(session: Session, customers: Customers) -> None:
    row = Circle(
        account_id=customers.accounts["owner"],
        number="100000000009",
        person_in_charge="サトウ",
        user_information="ﾎﾝｼｬ",
        applied_on=date(2026, 1, 1),
    )
    session.add(row)
    session.commit()
    assert row.search_key == "ほんしゃ\n\nさとう"
