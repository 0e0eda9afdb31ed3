"""The unique list: tabs, sorting and filters in the address, by state too."""

import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lists import uniques
from app.models import Unique, UniqueType
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.support.redis import RedisServer
from tests.web.given import Registrars, contact, fill, live_fields, poll

pytestmark = pytest.mark.usefixtures("any_database")
NAMES = {number: name for name, number in LINE_NUMBERS.items()}
ALL = ["live", "phone", "trunk", "trunk2", "room"]


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/circles/{customers.circles['tokyo']}"


def shown(page: TestResponse) -> list[str]:
    """The names of the lines, in the order of the page."""
    assert page.status_code == 200
    numbers = re.findall(r'<th scope="row" class="num"><a href="[^"]*">(\w+)</a>', page.text)
    return [NAMES.get(number, number) for number in numbers]


@pytest.fixture
def answered(registrars: Registrars) -> Registrars:
    """`live` is registered, `phone` is not, and the server of `trunk2` has never answered."""
    registrars.answered("live")
    return registrars


class TestTabs:
    def test_each_type_that_occurs_has_one_and_other_too(self, owner: Portal, path: str) -> None:
        found = re.findall(r'<a href="([^"]*)"[^>]*>([^<]+) <span class="count">(\d+)</span>', owner.get(path).text)
        assert found == [
            (path, "全表示", "5"),
            (f"{path}?tab=sip_phone", "SIP端末", "1"),
            (f"{path}?tab=smartphone", "スマートフォン", "1"),
            (f"{path}?tab=sip_trunk", "SIPトランク", "1"),
            (f"{path}?tab=sip_trunk_2", "SIPトランク2", "1"),
            (f"{path}?tab=conference", "会議室", "1"),
            (f"{path}?tab=other", "その他", "0"),
        ]

    def test_a_tab_holds_its_lines(self, owner: Portal, path: str) -> None:
        assert shown(owner.get(f"{path}?tab=smartphone")) == ["phone"]
        assert shown(owner.get(f"{path}?tab=other")) == []
        assert "この条件の回線はありません" in owner.get(f"{path}?tab=other").text

    @pytest.mark.parametrize("odd", ["ivr", "nothing", "' OR 1=1 --", "%00", "x" * 3000])
    def test_a_type_that_does_not_occur_is_all(self, owner: Portal, path: str, odd: str) -> None:
        assert shown(owner.get(f"{path}?tab={odd}")) == ALL


class TestSorting:
    @pytest.fixture(autouse=True)
    def _different(self, session: Session, customers: Customers) -> None:
        for index, name in enumerate(ALL):
            row = session.get_one(Unique, customers.uniques[name])
            row.name, row.affiliation = "かえいうあ"[index], "cdabe"[index]
        session.commit()

    @pytest.mark.parametrize(
        ("query", "order"),
        [
            ("", "01234"),
            ("order=desc", "43210"),
            ("sort=name", "42310"),
            ("sort=name&order=desc", "01324"),
            ("sort=affiliation", "23014"),
            ("sort=type", "01234"),
            ("sort=type&order=desc", "43210"),
            ("sort=aor", "01234"),
            ("sort=number", "01234"),
        ],
    )
    def test_each_column_sorts(self, owner: Portal, path: str, query: str, order: str) -> None:
        assert shown(owner.get(f"{path}?{query}")) == [ALL[int(index)] for index in order]

    def test_what_is_equal_stands_by_number(self, owner: Portal, path: str, session: Session) -> None:
        for row in session.scalars(select(Unique)):
            row.affiliation = "x"
        session.commit()
        assert shown(owner.get(f"{path}?sort=affiliation")) == ALL


@pytest.mark.usefixtures("answered")
class TestState:
    def test_problems_come_first(self, owner: Portal, path: str) -> None:
        assert shown(owner.get(f"{path}?sort=state")) == ["phone", "trunk2", "trunk", "live", "room"]

    def test_and_last_the_other_way_round(self, owner: Portal, path: str) -> None:
        assert shown(owner.get(f"{path}?sort=state&order=desc")) == ["room", "live", "trunk", "trunk2", "phone"]

    @pytest.mark.parametrize(
        ("state", "names"),
        [
            ("registered", ["live"]),
            ("not_registered", ["phone"]),
            ("unknown", ["trunk2"]),
            ("ask", ["trunk"]),
            ("no_status", ["room"]),
            ("nothing", ALL),
            ("checking", ALL),
        ],
    )
    def test_it_filters(self, owner: Portal, path: str, state: str, names: list[str]) -> None:
        assert shown(owner.get(f"{path}?state={state}")) == names

    def test_a_filter_goes_with_a_tab_and_a_sorting(self, owner: Portal, path: str, registrars: Registrars) -> None:
        registrars.answered(host=ON_DEMAND_HOST)
        assert shown(owner.get(f"{path}?state=not_registered&sort=type&order=desc")) == ["trunk2", "phone"]
        assert shown(owner.get(f"{path}?state=not_registered&tab=smartphone")) == ["phone"]

    def test_a_look_up_counts_too(self, owner: Portal, path: str, registrars: Registrars) -> None:
        registrars.looked_up("trunk", LIVE_HOST, contact())
        assert shown(owner.get(f"{path}?state=registered")) == ["live", "trunk"]
        registrars.refused("trunk", LIVE_HOST, "timeout")
        assert shown(owner.get(f"{path}?state=ask")) == ["trunk"]

    def test_a_silent_server_leaves_nobody_not_registered(self, owner: Portal, path: str, clock: Clock) -> None:
        clock.advance(3600)
        assert shown(owner.get(f"{path}?state=not_registered")) == []
        assert shown(owner.get(f"{path}?state=unknown")) == ["live", "phone", "trunk2"]

    def test_without_redis_all_live_lines_are_unknown(
        self, owner: Portal, path: str, breakable_redis: RedisServer
    ) -> None:
        breakable_redis.stop()
        assert shown(owner.get(f"{path}?sort=state")) == ["live", "phone", "trunk2", "trunk", "room"]

    def test_it_has_pages_that_poll_for_their_own_lines(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        fill(session, customers, 120)
        first, second = (owner.get(f"{path}?sort=state&page={number}") for number in (1, 2))
        assert (len(shown(first)), len(shown(second))) == (100, 25)
        assert shown(second)[-4:] == ["trunk2", "trunk", "live", "room"]
        assert f'rel="next" href="{path}?page=2&amp;sort=state"' in first.text
        assert sum(name == "h" for name, _ in live_fields(second.text)) == 25
        assert poll(owner, live_fields(second.text)).status_code == 204

    def test_too_many_lines_are_said_to_be_too_many(
        self, owner: Portal, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uniques, "MOST_BY_STATE", 4)
        page = owner.get(f"{path}?sort=state&state=registered")
        assert shown(page) == ALL
        assert "4件より多いため" in page.text
        assert shown(owner.get(f"{path}?state=not_registered&tab=smartphone")) == ["phone"]


def test_every_word_of_the_address_stays_in_the_links(owner: Portal, path: str) -> None:
    text = owner.get(f"{path}?tab=sip_phone&sort=name&order=desc&state=ask").text
    assert f'href="{path}?tab=sip_phone&amp;sort=name&amp;order=desc"' in text
    assert f'href="{path}?tab=sip_phone&amp;sort=affiliation&amp;state=ask"' in text
    assert f'href="{path}?tab=smartphone&amp;sort=name&amp;order=desc"' in text


def test_types_know_their_tabs(session: Session, customers: Customers) -> None:
    found = [tab.kind.code for tab in uniques.tabs(session, customers.circles["osaka"])]
    assert found == ["sip_phone", uniques.OTHER]
    assert session.get(UniqueType, uniques.OTHER) is not None
