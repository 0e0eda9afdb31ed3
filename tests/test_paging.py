"""Long lists: whichever way leads to a page, it holds what one sorted list of all holds there, read from an index."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.directory import Page
from app.lists import circles, paging, uniques
from app.lists.wanted import Wanted
from app.models import Circle, CircleState, PrincipalKind, Unique, UniqueType
from app.scope import Scope
from tests.support.customers import LIVE_HOST, Customers
from tests.support.plans import plans

pytestmark = pytest.mark.usefixtures("any_database")
SIZE = 4
_TYPES = ("sip_phone", "smartphone", "sip_phone", "conference", "sip_phone")
_STATES = (CircleState.IN_USE, CircleState.IN_USE, CircleState.CANCELLED)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of a few rows that behave like lists of thousands."""
    monkeypatch.setattr(uniques, "PAGE_SIZE", SIZE)
    monkeypatch.setattr(circles, "PAGE_SIZE", SIZE)
    monkeypatch.setattr(paging, "_FAR", SIZE)


@pytest.fixture
def circle(session: Session, customers: Customers) -> int:
    """A circle of 23 lines that differ in everything that the list sorts by, some of them not."""
    row = Circle(account_id=customers.accounts["owner"], number="5", applied_on=date(2020, 1, 1))
    session.add(row)
    session.flush()
    session.add_all(
        Unique(
            circle_id=row.id,
            number=f"0601{at * 7 % 23:03}",
            aor=f"0601{at:03}",
            type_code=_TYPES[at % 5],
            server_id=customers.servers[LIVE_HOST],
            name="かきくけこ"[at % 5],
            affiliation="abc"[at % 3],
        )
        for at in range(23)
    )
    session.commit()
    return row.id


@pytest.fixture
def owner(session: Session, customers: Customers) -> Scope:
    """An account with 23 circles more."""
    session.add_all(
        Circle(
            account_id=customers.accounts["owner"],
            number=f"6{at * 7 % 23:03}",
            user_information="abc"[at % 3],
            department="de"[at % 2],
            person_in_charge="fghi"[at % 4],
            applied_on=date(2020, 1, 1 + at % 5),
            state=_STATES[at % 3],
        )
        for at in range(23)
    )
    session.commit()
    return Scope(PrincipalKind.ACCOUNT, customers.accounts["owner"])


class TestUniques:
    @pytest.fixture(params=["", "name", "affiliation", "type"])
    def wanted(self, request: pytest.FixtureRequest) -> Wanted:
        return Wanted(sort=request.param)

    def expected(self, session: Session, circle: int, wanted: Wanted) -> list[str]:
        """The whole list, sorted here."""
        order = {"name": Unique.name_key, "affiliation": Unique.affiliation, "type": UniqueType.position}
        keys = [order[wanted.sort], Unique.number] if wanted.sort else [Unique.number]
        query = select(Unique.number).join(Unique.type).where(Unique.circle_id == circle)
        if wanted.tab:
            query = query.where(Unique.type_code == wanted.tab)
        return list(session.scalars(query.order_by(*(key.desc() if wanted.descending else key for key in keys))))

    def page(self, session: Session, owner: Scope, circle: int, wanted: Wanted) -> Page[Unique]:
        return uniques.page(session, owner, circle, wanted, uniques.tabs(session, circle))

    @pytest.mark.parametrize("tab", ["", "sip_phone", "conference"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_page_by_page(
        self, session: Session, owner: Scope, circle: int, wanted: Wanted, tab: str, *, descending: bool
    ) -> None:
        wanted = Wanted(tab=tab, sort=wanted.sort, descending=descending)
        expected = self.expected(session, circle, wanted)
        for first in range(0, len(expected), SIZE):
            number = first // SIZE + 1
            page = self.page(session, owner, circle, Wanted(tab, wanted.sort, descending, page=number))
            assert [row.number for row in page.rows] == expected[first : first + SIZE]
            assert (page.number, page.total) == (number, len(expected))

    @pytest.mark.parametrize("descending", [False, True])
    def test_from_neighbour_to_neighbour(
        self, session: Session, owner: Scope, circle: int, wanted: Wanted, *, descending: bool
    ) -> None:
        expected = self.expected(session, circle, Wanted(sort=wanted.sort, descending=descending))
        ids = dict(session.execute(select(Unique.number, Unique.id)).all())
        for first in range(SIZE, len(expected) - SIZE, SIZE):
            number, last = first // SIZE + 1, ids[expected[first - 1]]
            after = Wanted(sort=wanted.sort, descending=descending, page=number, after=last)
            before = Wanted(sort=wanted.sort, descending=descending, page=number, before=ids[expected[first + SIZE]])
            for way in (after, before):
                page = self.page(session, owner, circle, way)
                assert [row.number for row in page.rows] == expected[first : first + SIZE]
                assert page.far is (SIZE < first + SIZE <= len(expected) - SIZE)

    def test_a_neighbour_that_has_gone_is_done_without(
        self, session: Session, owner: Scope, circle: int, customers: Customers, wanted: Wanted
    ) -> None:
        expected = self.expected(session, circle, wanted)
        for stray in (10**9, customers.uniques["stranger"]):
            for way in (Wanted(sort=wanted.sort, page=3, after=stray), Wanted(sort=wanted.sort, page=3, before=stray)):
                page = self.page(session, owner, circle, way)
                assert [row.number for row in page.rows] == expected[2 * SIZE : 3 * SIZE]

    @pytest.mark.parametrize("tab", ["", "sip_phone"])
    def test_each_order_is_that_of_an_index(
        self, session: Session, owner: Scope, circle: int, wanted: Wanted, tab: str
    ) -> None:
        tabs = uniques.tabs(session, circle)
        anchor = session.scalar(select(Unique.id).where(Unique.circle_id == circle).order_by(Unique.number).limit(1))
        with plans(session) as found:
            for way in (Wanted(), Wanted(descending=True), Wanted(page=99), Wanted(page=3, after=anchor or 0)):
                uniques.page(session, owner, circle, replace(way, tab=tab, sort=wanted.sort), tabs)
        reads = [plan for plan in found if "ix_unique_list_" in plan]
        assert len(reads) >= 4
        assert [plan for plan in found if "Sort" in plan or "TEMP B-TREE" in plan] == []


class TestCircles:
    SORTS = ("", "user", "department", "person", "applied")

    def expected(self, session: Session, owner: Scope, wanted: Wanted) -> list[str]:
        keys = [circles.SORTS[wanted.sort], Circle.number] if wanted.sort else [Circle.number]
        query = select(Circle.number).where(Circle.account_id == owner.id)
        if wanted.tab:
            query = query.where(Circle.state == CircleState(wanted.tab))
        return list(session.scalars(query.order_by(*(key.desc() if wanted.descending else key for key in keys))))

    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("tab", ["", "in_use", "cancelled"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_page_by_page_and_from_neighbour_to_neighbour(
        self, session: Session, owner: Scope, sort: str, tab: str, *, descending: bool
    ) -> None:
        total = circles.tabs(session, owner)[tab]
        expected = self.expected(session, owner, Wanted(tab, sort, descending))
        assert total == len(expected)
        ids = dict(session.execute(select(Circle.number, Circle.id)).all())
        for first in range(0, total, SIZE):
            rows, number = expected[first : first + SIZE], first // SIZE + 1
            ways = [Wanted(tab, sort, descending, page=number)]
            if first:
                ways.append(Wanted(tab, sort, descending, page=number, after=ids[expected[first - 1]]))
            if first + SIZE < total:
                ways.append(Wanted(tab, sort, descending, page=number, before=ids[expected[first + SIZE]]))
            for wanted in ways:
                page = circles.page(session, owner, wanted, total)
                assert ([row.number for row in page.rows], page.number) == (rows, number)

    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("tab", ["", "in_use"])
    def test_each_order_is_that_of_an_index(self, session: Session, owner: Scope, sort: str, tab: str) -> None:
        total = circles.tabs(session, owner)[tab]
        with plans(session) as found:
            for way in (Wanted(), Wanted(descending=True), Wanted(page=99)):
                circles.page(session, owner, replace(way, tab=tab, sort=sort), total)
        assert len([plan for plan in found if "ix_circle_list_" in plan]) >= 3
        assert [plan for plan in found if "Sort" in plan or "TEMP B-TREE" in plan] == []


@pytest.mark.parametrize(("text", "number"), [("", 0), ("7", 7), ("-1", 0), ("x", 0), ("9" * 30, 0), ("²", 0)])
def test_a_neighbour_in_the_address(text: str, number: int) -> None:
    wanted = Wanted.parse({"page": "3", "after": text}, tabs=(), sorts=())
    assert (wanted.page, wanted.after) == (3, number)
    assert wanted.query() == {"page": 3} | ({"after": number} if number else {})
    assert wanted.query(sort="name") == {"sort": "name"}
