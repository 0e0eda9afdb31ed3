"""Every read is in the caller's scope, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app import directory, finder
from app.domain.sign import Mode
from app.lists import circles, uniques
from app.lists.wanted import Wanted
from app.models import Circle, PrincipalKind, Unique
from app.scope import Scope
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, Customers

pytestmark = pytest.mark.usefixtures("any_database")

TOKYO = {"live", "phone", "trunk", "trunk2", "room"}
OSAKA = {"on_demand", "unassigned"}
STRANGER = {"stranger"}

# principal -> (the circles that it sees, the lines that it sees)
VISIBLE = {
    "owner": ({"tokyo", "osaka"}, TOKYO | OSAKA),
    "stranger": ({"stranger"}, STRANGER),
    "tokyo": ({"tokyo"}, TOKYO),
    "osaka": ({"osaka"}, OSAKA),
    "live": (set(), {"live"}),
    "nobody": (set(), set()),
    "staff": ({"tokyo", "osaka", "stranger"}, TOKYO | OSAKA | STRANGER),
}


def scope(customers: Customers, who: str) -> Scope:
    return {
        "owner": Scope(PrincipalKind.ACCOUNT, customers.accounts["owner"]),
        "stranger": Scope(PrincipalKind.ACCOUNT, customers.accounts["stranger"]),
        "tokyo": Scope(PrincipalKind.CIRCLE, customers.circles["tokyo"]),
        "osaka": Scope(PrincipalKind.CIRCLE, customers.circles["osaka"]),
        "live": Scope(PrincipalKind.UNIQUE, customers.uniques["live"]),
        "nobody": Scope(PrincipalKind.ACCOUNT, 999),
        "staff": Scope(PrincipalKind.STAFF, customers.staff),
    }[who]


@pytest.fixture
def owner(customers: Customers) -> Scope:
    return scope(customers, "owner")


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """What SQL was sent while the block ran."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("who", list(VISIBLE))
def test_the_circle_list_is_the_callers(session: Session, customers: Customers, who: str) -> None:
    caller = scope(customers, who)
    page = circles.page(session, caller, Wanted(), circles.tabs(session, caller)[""])
    expected = sorted(CIRCLE_NUMBERS[name] for name in VISIBLE[who][0])
    assert [circle.number for circle in page.rows] == expected
    assert (page.number, page.total, page.last) == (1, len(expected), 1)


@pytest.mark.parametrize("who", list(VISIBLE))
def test_one_circle_is_found_only_in_scope(session: Session, customers: Customers, who: str) -> None:
    caller = scope(customers, who)
    found = {name for name, id_ in customers.circles.items() if directory.circle(session, caller, id_) is not None}
    assert found == VISIBLE[who][0]
    assert directory.circle(session, caller, 999) is None


@pytest.mark.parametrize("who", list(VISIBLE))
def test_the_lines_of_a_circle_are_found_only_in_scope(session: Session, customers: Customers, who: str) -> None:
    caller = scope(customers, who)
    tabs = {id_: uniques.tabs(session, id_) for id_ in customers.circles.values()}
    rows = [row for id_ in tabs for row in uniques.page(session, caller, id_, Wanted(), tabs[id_]).rows]
    assert sorted(row.number for row in rows) == sorted(LINE_NUMBERS[name] for name in VISIBLE[who][1])


@pytest.mark.parametrize("who", list(VISIBLE))
def test_one_line_is_found_only_in_scope(session: Session, customers: Customers, who: str) -> None:
    caller = scope(customers, who)
    found = {name for name, id_ in customers.uniques.items() if directory.unique(session, caller, id_) is not None}
    assert found == VISIBLE[who][1]
    assert directory.unique(session, caller, 999) is None


@pytest.mark.parametrize("who", list(VISIBLE))
def test_a_search_stays_in_scope(session: Session, customers: Customers, who: str) -> None:
    found = finder.find_for_support(session, scope(customers, who), "050")
    assert [row.number for row in found] == sorted(LINE_NUMBERS[name] for name in VISIBLE[who][1])


@pytest.mark.parametrize("id_", [0, -1, 2**31, 2**63, 10**30])
def test_an_id_that_no_row_can_have_is_not_found(session: Session, owner: Scope, id_: int) -> None:
    assert directory.circle(session, owner, id_) is None
    assert directory.unique(session, owner, id_) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("05010000001", {"live"}),
        (" ０５０－１０００－０００１ ", {"live"}),
        ("03-1234", {"live", "phone"}),
        ("0312345679", {"phone"}),
        ("たなか", {"phone"}),
        ("タナカ太郎", {"phone"}),
        ("受付", {"live", "on_demand"}),
        ("会議室ａ", {"room"}),
        ("1234", set()),
        ("%", set()),
        ("_", set()),
        ("\\", set()),
        ("", set()),
        ("　", set()),
        ("\x00", set()),
        ("🙂" * 300, set()),
        ("' OR 1=1 --", set()),
    ],
)
def test_a_search_finds_numbers_by_their_beginning_and_names_by_a_part(
    session: Session, owner: Scope, text: str, names: set[str]
) -> None:
    assert {row.number for row in finder.find_for_support(session, owner, text)} == {
        LINE_NUMBERS[name] for name in names
    }


def many(session: Session, circle_id: int, count: int) -> None:
    session.add_all(
        Unique(circle_id=circle_id, number=f"0701{index:07}", type_code="ivr", aor=f"{index}", name="同じ")
        for index in range(count)
    )
    session.commit()


@pytest.mark.parametrize(
    ("asked", "number", "first", "size"),
    [
        (1, 1, 0, 100),
        (2, 2, 100, 100),
        (3, 3, 200, 50),
        (4, 3, 200, 50),
        (2**70, 3, 200, 50),
    ],
)
def test_long_lists_come_in_pages(
    session: Session, customers: Customers, owner: Scope, asked: int, number: int, first: int, size: int
) -> None:
    circle = Circle(account_id=customers.accounts["owner"], number="300000000001", applied_on=date(2020, 1, 1))
    session.add(circle)
    session.flush()
    many(session, circle.id, 250)
    page = uniques.page(session, owner, circle.id, Wanted(page=asked), uniques.tabs(session, circle.id))
    assert (page.number, page.last, page.total) == (number, 3, 250)
    assert [row.number for row in page.rows] == [f"0701{index:07}" for index in range(first, first + size)]


def test_a_search_that_finds_too_much_is_cut(session: Session, customers: Customers, owner: Scope) -> None:
    many(session, customers.circles["tokyo"], finder.SUPPORT_LIMIT + 5)
    assert len(finder.find_for_support(session, owner, "同じ")) == finder.SUPPORT_LIMIT


def test_a_page_costs_the_same_number_of_statements_however_long(
    session: Session, customers: Customers, owner: Scope
) -> None:
    many(session, customers.circles["tokyo"], 95)
    session.expire_all()
    with statements(session) as sent:
        tabs = uniques.tabs(session, customers.circles["tokyo"])
        rows = uniques.page(session, owner, customers.circles["tokyo"], Wanted(), tabs).rows
        shown = [(row.type.name_ja, row.server.hostname if row.server else "", row.circle.number) for row in rows]
    assert len(shown) == 100
    assert len(sent) == 3


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("live", Mode.LIVE),
        ("phone", Mode.LIVE),
        ("trunk", Mode.ON_DEMAND),
        ("trunk2", Mode.LIVE),
        ("room", Mode.NONE),
        ("on_demand", Mode.ON_DEMAND),
        ("unassigned", Mode.LIVE),
    ],
)
def test_a_line_knows_how_it_is_shown(
    session: Session, customers: Customers, owner: Scope, name: str, mode: Mode
) -> None:
    row = directory.unique(session, owner, customers.uniques[name])
    assert row is not None
    line = directory.line_of(row)
    assert (line.unique_id, line.aor, line.mode) == (row.id, LINE_NUMBERS[name], mode)
    assert directory.is_on_demand([row]) is (mode is Mode.ON_DEMAND)
