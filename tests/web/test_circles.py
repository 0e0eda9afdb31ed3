"""The circle list: tabs, sorting, and counts that stay live without a count or a statement per poll."""

import re
from dataclasses import replace
from datetime import date

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Circle, CircleState, PrincipalKind, Unique
from app.store import keys, servers
from tests.support.clock import Clock
from tests.support.customers import CIRCLE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.support.redis import RedisServer
from tests.web.given import HX, Registrars, live_fields, logged_in, statements


def counts(text: str, circle_id: int) -> tuple[int, int, int]:
    """✓, ✗ and unknown of one circle."""
    _, here, rest = text.partition(f'<span class="counts" id="t{circle_id}">')
    assert here, text
    registered, missing, unknown = re.findall(r"</span>(\d+)</(?:a|span)>", rest)[:3]
    return int(registered), int(missing), int(unknown)


def poll(client: Portal, page: TestResponse) -> TestResponse:
    return client.get("/live/circles", query_string=live_fields(page.text), headers=HX)


def shown(page: TestResponse) -> list[str]:
    """The numbers of the circles, in the order of the page."""
    return re.findall(r'<th scope="row" class="num"><a href="[^"]*">(\w+)</a>', page.text)


@pytest.fixture
def page(owner: Portal, registrars: Registrars) -> TestResponse:
    """Both servers have answered; of tokyo's lines `live` is registered."""
    registrars.answered("live")
    registrars.answered(host=ON_DEMAND_HOST)
    return owner.get("/circles")


@pytest.fixture
def three(session: Session, customers: Customers) -> None:
    """The owner's circles differ in everything that the list sorts by, and a third one is cancelled."""
    tokyo, osaka = (session.get_one(Circle, customers.circles[name]) for name in ("tokyo", "osaka"))
    tokyo.user_information, tokyo.department, tokyo.person_in_charge = "b", "x", "m"
    osaka.user_information, osaka.department, osaka.person_in_charge = "a", "y", "n"
    osaka.applied_on, osaka.state, tokyo.administrator = date(2010, 1, 1), CircleState.OTHER, True
    session.add(
        Circle(
            account_id=tokyo.account_id,
            number="3",
            user_information="c",
            department="z",
            person_in_charge="l",
            applied_on=date(2020, 1, 1),
            state=CircleState.CANCELLED,
        )
    )
    session.commit()


class TestList:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", "to3"),
            ("order=desc", "3ot"),
            ("sort=user", "ot3"),
            ("sort=user&order=desc", "3to"),
            ("sort=department", "to3"),
            ("sort=person", "3to"),
            ("sort=applied", "ot3"),
            ("sort=applied&order=desc", "3to"),
            ("tab=in_use", "t"),
            ("tab=cancelled", "3"),
            ("tab=other", "o"),
            ("tab=other&sort=nothing&order=up&page=x", "o"),
            ("tab=nothing&sort=password_hash", "to3"),
            ("sort=user;DROP TABLE circle&tab=' OR 1=1", "to3"),
        ],
    )
    @pytest.mark.usefixtures("three", "any_database")
    def test_tabs_and_sorting_are_in_the_address(self, owner: Portal, query: str, expected: str) -> None:
        names = {"t": CIRCLE_NUMBERS["tokyo"], "o": CIRCLE_NUMBERS["osaka"], "3": "3"}
        answer = owner.get(f"/circles?{query}")
        assert answer.status_code == 200
        assert shown(answer) == [names[letter] for letter in expected]

    @pytest.mark.usefixtures("three")
    def test_every_tab_says_how_many(self, owner: Portal) -> None:
        found = re.findall(
            r'<a href="(/circles[^"]*)"[^>]*>(\w+) <span class="count">(\d+)</span>', owner.get("/circles").text
        )
        assert found == [
            ("/circles", "全表示", "3"),
            ("/circles?tab=in_use", "利用中", "1"),
            ("/circles?tab=cancelled", "解約済", "1"),
            ("/circles?tab=other", "その他", "1"),
        ]

    @pytest.mark.usefixtures("three")
    def test_the_sorted_column_is_marked_and_keeps_its_tab(self, owner: Portal) -> None:
        text = owner.get("/circles?tab=in_use&sort=applied&order=desc").text
        assert text.count("aria-sort=") == 1
        assert 'aria-sort="descending">申込日' in text
        assert 'href="/circles?tab=in_use&amp;sort=user&amp;order=desc"' in text

    @pytest.mark.usefixtures("three")
    def test_the_administrators_circle_is_marked(self, owner: Portal) -> None:
        text = owner.get("/circles").text
        assert text.count('<abbr title="アカウント管理者サークルID">*</abbr>') == 1
        assert f"{CIRCLE_NUMBERS['tokyo']}</a><abbr" in text

    @pytest.mark.usefixtures("three")
    def test_the_details_tell_everything(self, owner: Portal, customers: Customers) -> None:
        text = owner.get(f"/circles/{customers.circles['osaka']}/details").text
        for words in (CIRCLE_NUMBERS["osaka"], "2010/01/01", "その他", "2件"):
            assert words in text

    def test_the_menu_is_the_callers(self, app: Flask, owner: Portal, customers: Customers) -> None:
        assert 'href="/circles/add"' in owner.get("/circles").text
        circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        text = circle.get(f"/circles/{customers.circles['tokyo']}").text
        assert 'class="menu"' in text
        assert "/circles/add" not in text


class TestCounts:
    def test_they_are_those_of_the_signs(self, page: TestResponse, customers: Customers) -> None:
        assert counts(page.text, customers.circles["tokyo"]) == (1, 2, 0)
        # A phone that is not yet given a server is one that nobody can ask for.
        assert counts(page.text, customers.circles["osaka"]) == (0, 0, 1)

    def test_they_lead_to_the_lines(self, owner: Portal, page: TestResponse, customers: Customers) -> None:
        circle = customers.circles["tokyo"]
        for state, count in (("registered", 1), ("not_registered", 2)):
            assert f'href="/circles/{circle}?state={state}"' in page.text
            assert f"{count}件" in owner.get(f"/circles/{circle}?state={state}").text

    def test_a_silent_server_makes_them_unknown_and_never_not_registered(
        self, owner: Portal, page: TestResponse, customers: Customers, clock: Clock, registrars: Registrars
    ) -> None:
        assert counts(page.text, customers.circles["tokyo"])[0] == 1
        clock.advance(16)
        assert "時点" in owner.get("/circles").text.split("<table")[1]
        registrars.answered(host=ON_DEMAND_HOST)
        clock.advance(15)
        assert counts(owner.get("/circles").text, customers.circles["tokyo"]) == (0, 1, 2)

    def test_what_nobody_counted_is_unknown(
        self, owner: Portal, page: TestResponse, customers: Customers, redis: "Redis"
    ) -> None:
        assert page.status_code == 200
        for server_id in customers.servers.values():
            state = replace(servers.read_one(redis, server_id), counted=None)
            redis.set(keys.server(server_id), servers.encode(state))
        assert counts(owner.get("/circles").text, customers.circles["tokyo"]) == (0, 0, 3)

    def test_without_redis_all_are_unknown(
        self, owner: Portal, page: TestResponse, customers: Customers, breakable_redis: RedisServer
    ) -> None:
        assert page.status_code == 200
        breakable_redis.stop()
        assert counts(owner.get("/circles").text, customers.circles["tokyo"]) == (0, 0, 3)

    @pytest.mark.usefixtures("any_database")
    def test_a_page_costs_the_same_however_many_lines(
        self, app: Flask, owner: Portal, registrars: Registrars, session: Session, customers: Customers
    ) -> None:
        sizes = []
        for batch in range(2):
            with statements(app) as sent:
                owner.get("/circles")
            sizes.append(len(sent))
            session.add_all(
                Unique(
                    circle_id=customers.circles["tokyo"],
                    number=f"8{batch}{index:03}",
                    aor=f"8{batch}{index:03}",
                    type_code="sip_phone",
                    server_id=customers.servers[LIVE_HOST],
                )
                for index in range(300)
            )
            session.commit()
        assert sizes[0] == sizes[1]
        assert registrars.customers is customers


class TestPoll:
    def test_unchanged_is_204_without_a_statement(self, app: Flask, owner: Portal, page: TestResponse) -> None:
        with statements(app) as sent:
            answer = poll(owner, page)
        assert (answer.status_code, answer.data, sent) == (204, b"", [])
        assert answer.headers["X-As-Of"]

    def test_only_the_circle_that_changed_comes_and_without_a_statement(
        self, app: Flask, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live", "phone")
        with statements(app) as sent:
            answer = poll(owner, page)
        tokyo = customers.circles["tokyo"]
        assert sent == []
        assert re.findall(r'hx-target="(#\w+)"', answer.text) == [f"#t{tokyo}", "#version"]
        assert counts(answer.text, tokyo) == (2, 1, 0)
        fresh = owner.get("/circles")
        assert answer.text.split('hx-swap="outerHTML">')[1].split("</hx-partial>")[0].strip() in fresh.text

    def test_it_follows_a_server_that_falls_silent(
        self, owner: Portal, page: TestResponse, clock: Clock, customers: Customers
    ) -> None:
        clock.advance(3600)
        assert counts(poll(owner, page).text, customers.circles["tokyo"]) == (0, 0, 3)

    def test_it_is_refused_to_others(self, stranger: Portal, staff: Portal, client: Portal, page: TestResponse) -> None:
        assert [poll(other, page).status_code for other in (stranger, staff)] == [404, 404]
        assert poll(client, page).headers["HX-Redirect"] == "/login"

    def test_a_token_of_another_kind_of_page(self, owner: Portal, page: TestResponse, customers: Customers) -> None:
        lines = owner.get(f"/circles/{customers.circles['tokyo']}")
        assert poll(owner, lines).status_code == 404
        fields = live_fields(page.text)
        assert owner.get("/live/page", query_string=fields, headers=HX).status_code == 404
        assert owner.get("/live/circles", query_string={"t": "x"}, headers=HX).status_code == 404

    def test_a_full_page_fits_into_a_request_line(self, owner: Portal, session: Session, customers: Customers) -> None:
        account = customers.accounts["owner"]
        circles = [Circle(account_id=account, number=f"0{index}", applied_on=date(2020, 1, 1)) for index in range(60)]
        session.add_all(circles)
        session.flush()
        session.add_all(
            Unique(
                circle_id=circle.id,
                number=f"7{circle.id}.{server}",
                aor=f"7{circle.id}.{server}",
                type_code="sip_trunk_2",
                server_id=server,
            )
            for circle in circles
            for server in customers.servers.values()
        )
        session.commit()
        page = owner.get("/circles")
        assert len(live_fields(page.text)) == 52
        assert len(poll(owner, page).request.query_string) < 4000
