"""The poll of an open page: free while nothing changes, only what changed when something does."""

from datetime import timedelta

from flask import Flask
from redis import Redis
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.domain.sign import UNKNOWN_AFTER
from app.models import LoginSession
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.web.given import (
    INTERVAL,
    Registrars,
    cell,
    contact,
    kind_of,
    live_fields,
    partials,
    poll,
    statements,
)


def shows(page: TestResponse, customers: Customers, name: str) -> str:
    return kind_of(cell(page, customers.uniques[name]))


def test_the_list_shows_every_kind_of_sign(page: TestResponse, customers: Customers) -> None:
    signs = {name: shows(page, customers, name) for name in ("live", "phone", "trunk", "trunk2", "room")}
    assert signs == {
        "live": "registered",
        "phone": "not-registered",
        "trunk": "ask",
        "trunk2": "not-registered",
        "room": "none",
    }


class TestUnchanged:
    def test_it_is_204_and_asks_the_database_nothing(self, app: Flask, owner: Portal, page: TestResponse) -> None:
        with statements(app) as sent:
            answer = poll(owner, live_fields(page.text))
        assert (answer.status_code, answer.data, sent) == (204, b"", [])

    def test_it_is_one_mget(self, owner: Portal, page: TestResponse, redis: "Redis") -> None:
        fields = live_fields(page.text)
        poll(owner, fields)
        redis.config_resetstat()
        assert poll(owner, fields).status_code == 204
        calls = {name: row["calls"] for name, row in redis.info("commandstats").items()}
        ours = {
            name: count for name, count in calls.items() if name not in ("cmdstat_config|resetstat", "cmdstat_info")
        }
        assert ours == {"cmdstat_mget": 1}

    def test_it_stays_so_while_pulls_find_the_same(
        self, app: Flask, owner: Portal, page: TestResponse, registrars: Registrars, clock: Clock
    ) -> None:
        for _ in range(5):
            clock.advance(5)
            registrars.answered("live")
            registrars.answered(host=ON_DEMAND_HOST)
            with statements(app) as sent:
                answer = poll(owner, live_fields(page.text))
            assert (answer.status_code, sent) == (204, [])

    def test_it_stays_so_when_a_phone_refreshes(
        self, owner: Portal, page: TestResponse, registrars: Registrars, clock: Clock
    ) -> None:
        clock.advance(5)
        registrars.answered("live", refreshed_at=clock(), user_agent="another firmware")
        assert poll(owner, live_fields(page.text)).status_code == 204

    def test_it_stays_so_when_others_change(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live", "stranger")
        assert poll(owner, live_fields(page.text)).status_code == 204
        assert customers.circles["stranger"]

    def test_the_clock_of_the_page_moves_on(
        self, owner: Portal, page: TestResponse, registrars: Registrars, clock: Clock
    ) -> None:
        first = poll(owner, live_fields(page.text)).headers["X-As-Of"]
        clock.advance(5)
        registrars.answered("live")
        registrars.answered(host=ON_DEMAND_HOST)
        second = poll(owner, live_fields(page.text)).headers["X-As-Of"]
        assert first in page.text
        assert first != second


class TestChanged:
    def test_only_the_cells_that_changed_come(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live", "phone")
        answer = poll(owner, live_fields(page.text))
        assert answer.status_code == 200
        assert partials(answer).keys() == {f"#c{customers.uniques['phone']}", "#version", "#announce"}
        assert "<html" not in answer.text

    def test_a_cell_is_the_same_bytes_in_the_poll_and_in_the_page(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers, path: str
    ) -> None:
        registrars.answered("phone")
        found = partials(poll(owner, live_fields(page.text)))
        fresh = owner.get(path)
        for name in ("live", "phone"):
            unique_id = customers.uniques[name]
            assert found[f"#c{unique_id}"].encode() == cell(fresh, unique_id).encode()
            assert cell(fresh, unique_id) != cell(page, unique_id)

    def test_what_came_makes_the_next_poll_free(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers
    ) -> None:
        registrars.answered("live", "phone")
        answer = poll(owner, live_fields(page.text))
        new = live_fields(answer.text)
        mine = f"{customers.uniques['phone']}."
        kept = [
            (name, value)
            for name, value in live_fields(page.text)
            if name != "v" and not (name == "h" and value.startswith(mine))
        ]
        assert poll(owner, kept + new).status_code == 204

    def test_a_screen_reader_is_told_once_and_in_words(
        self, owner: Portal, page: TestResponse, registrars: Registrars
    ) -> None:
        registrars.answered("live", "phone")
        said = partials(poll(owner, live_fields(page.text)))["#announce"]
        assert said == f"{LINE_NUMBERS['phone']}: 該当のユニーク(回線)はレジストされています"

    def test_many_changes_are_told_as_a_number(
        self, owner: Portal, page: TestResponse, registrars: Registrars, clock: Clock
    ) -> None:
        clock.advance(3600)
        registrars.looked_up("trunk", LIVE_HOST, contact())
        said = partials(poll(owner, live_fields(page.text)))["#announce"]
        assert said == "4件の回線の状態が変わりました"

    def test_an_age_that_grows_is_not_told(self, owner: Portal, page: TestResponse, path: str, clock: Clock) -> None:
        clock.advance(120)
        fields = live_fields(owner.get(path).text)
        clock.advance(120)
        found = partials(poll(owner, fields))
        assert "#announce" not in found
        assert len(found) == 4
        assert page.status_code == 200


class TestAge:
    def test_a_server_that_falls_silent_makes_its_signs_old_and_then_unknown(
        self, owner: Portal, page: TestResponse, customers: Customers, clock: Clock, path: str
    ) -> None:
        fields = live_fields(page.text)
        clock.advance(14)
        assert poll(owner, fields).status_code == 204
        clock.advance(2)
        found = partials(poll(owner, fields))
        live = found[f"#c{customers.uniques['live']}"]
        assert kind_of(live) == "registered"
        assert "時点" in live
        clock.advance(UNKNOWN_AFTER * INTERVAL.total_seconds())
        found = partials(poll(owner, fields))
        for name in ("live", "phone", "trunk2"):
            unknown = found[f"#c{customers.uniques[name]}"]
            assert kind_of(unknown) == "unknown"
            assert "最終確認" in unknown
            assert "✗" not in unknown
        assert shows(owner.get(path), customers, "live") == "unknown"

    def test_it_comes_back_by_itself(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers, clock: Clock, path: str
    ) -> None:
        assert page.status_code == 200
        clock.advance(3600)
        fields = live_fields(owner.get(path).text)
        registrars.answered("live")
        live = partials(poll(owner, fields))[f"#c{customers.uniques['live']}"]
        assert kind_of(live) == "registered"

    def test_the_answer_to_a_look_up_is_shown_for_a_while(
        self, owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers, clock: Clock
    ) -> None:
        target = f"#c{customers.uniques['trunk']}"
        fields = live_fields(page.text)
        registrars.looked_up("trunk", LIVE_HOST, contact())
        answer = poll(owner, fields)
        assert kind_of(partials(answer)[target]) == "registered"
        shown = [pair for pair in fields if pair[0] != "v"] + live_fields(answer.text)
        for _ in range(11):
            clock.advance(5)
            registrars.answered("live")
            registrars.answered(host=ON_DEMAND_HOST)
            assert poll(owner, shown[::-1]).status_code == 204
        clock.advance(6)
        registrars.answered("live")
        registrars.answered(host=ON_DEMAND_HOST)
        assert kind_of(partials(poll(owner, shown))[target]) == "ask"


def test_an_open_panel_of_a_login_that_the_database_ended_goes_on_until_redis_forgets_it(
    owner: Portal, customers: Customers, registrars: Registrars, session: Session, clock: Clock
) -> None:
    registrars.answered()
    fields = live_fields(owner.get(f"/uniques/{customers.uniques['live']}").text)
    session.execute(update(LoginSession).values(expires_at=clock() - timedelta(seconds=1)))
    session.commit()
    clock.advance(5)
    registrars.answered("live")
    assert poll(owner, fields).status_code == 200
