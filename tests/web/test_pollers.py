"""The poll of an open page: with a detail beside it, in the wrong hands, with what no page of ours would send."""

from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.live import token
from app.models import PrincipalKind
from tests.support.customers import Customers
from tests.support.databases import SECRET
from tests.support.portal import Portal
from tests.web.given import Registrars, fill, live_fields, logged_in, partials, poll, statements


def changed(fields: list[tuple[str, str]], **changes: str) -> list[tuple[str, str]]:
    return [(name, changes.get(name, value)) for name, value in fields]


class TestDetail:
    def opened(self, owner: Portal, customers: Customers, page: TestResponse, name: str) -> list[tuple[str, str]]:
        panel = owner.get(f"/uniques/{customers.uniques[name]}/registration", headers={"HX-Request": "true"})
        return live_fields(page.text, panel.text)

    def test_an_unchanged_one_costs_no_sql(
        self, app: Flask, owner: Portal, page: TestResponse, customers: Customers
    ) -> None:
        fields = self.opened(owner, customers, page, "live")
        with statements(app) as sent:
            answer = poll(owner, fields)
        assert (answer.status_code, sent) == (204, [])

    def test_it_follows_a_phone_that_moves(
        self, owner: Portal, page: TestResponse, customers: Customers, registrars: Registrars
    ) -> None:
        fields = self.opened(owner, customers, page, "live")
        registrars.answered("live", source="198.51.100.77:5060")
        found = partials(poll(owner, fields))
        assert found.keys() == {"#registration", "#version"}
        assert "198.51.100.77:5060" in found["#registration"]

    def test_it_follows_a_phone_that_leaves(
        self, owner: Portal, page: TestResponse, customers: Customers, registrars: Registrars
    ) -> None:
        fields = self.opened(owner, customers, page, "live")
        registrars.answered()
        found = partials(poll(owner, fields))
        assert "レジストされていない場合の対処方法" in found["#registration"]

    def test_odd_ones_are_nobodys(self, owner: Portal, page: TestResponse) -> None:
        for odd in ("", ".", "99999.x", "x.y", "٣.a", "1\0.a"):
            found = poll(owner, [*live_fields(page.text), ("d", odd)])
            assert found.status_code == 204


class TestWhose:
    def test_it_is_refused_to_others(self, app: Flask, page: TestResponse, customers: Customers) -> None:
        fields = live_fields(page.text)
        others = [
            logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"]),
            logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"]),
            logged_in(app, PrincipalKind.STAFF, customers.staff),
        ]
        assert [poll(other, fields).status_code for other in others] == [404, 404, 404]

    def test_a_second_browser_of_the_same_person(self, app: Flask, page: TestResponse, customers: Customers) -> None:
        second = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])
        assert poll(second, live_fields(page.text)).status_code == 204

    def test_a_token_that_was_tampered_with(self, owner: Portal, page: TestResponse) -> None:
        fields = live_fields(page.text)
        good = dict(fields)["t"]
        middle = len(good) // 2
        flipped = "A" if good[middle] != "A" else "B"
        tampered = ("", "x", good[:-1], good + "x", good[:middle] + flipped + good[middle + 1 :], "\x00", "é" * 50)
        for bad in tampered:
            assert poll(owner, changed(fields, t=bad)).status_code == 404

    def test_a_token_of_another_key(self, owner: Portal, page: TestResponse, app: Flask) -> None:
        fields = live_fields(page.text)
        with app.app_context():
            view = token.load(dict(fields)["t"])
            assert view is not None
            app.secret_key = "another secret that is long enough too"
            forged = token.dump(view)
            app.secret_key = SECRET
        assert poll(owner, changed(fields, t=forged)).status_code == 404

    def test_an_odd_version_is_an_old_one(self, owner: Portal, page: TestResponse) -> None:
        fields = live_fields(page.text)
        good = dict(fields)["v"]
        base = good.partition(".")[0]
        for odd in (
            "",
            "x",
            ".",
            "x.0",
            base,
            f"{base}.",
            f"{base}.²",
            f"{base}.-1",
            f"{base}.{'9' * 4500}",
            f"{base}.x",
        ):
            answer = poll(owner, changed(fields, v=odd))
            assert answer.status_code == 200
            assert partials(answer).keys() == {"#version"}
            assert dict(live_fields(answer.text))["v"] == good

    def test_nobody_is_sent_to_the_login_page_and_gets_none(self, client: Portal, page: TestResponse) -> None:
        answer = poll(client, live_fields(page.text))
        assert (answer.status_code, answer.data, answer.headers["HX-Redirect"]) == (401, b"", "/login")

    def test_a_forgotten_confirmation_is_asked_of_the_database_once(
        self, app: Flask, owner: Portal, page: TestResponse, redis: "Redis"
    ) -> None:
        for key in redis.keys("tsunagari:session:*"):
            redis.delete(key)
        counts = []
        for _ in range(2):
            with statements(app) as sent:
                assert poll(owner, live_fields(page.text)).status_code == 204
            counts.append(len(sent))
        assert counts[0] > 0
        assert counts[1] == 0


def test_the_poll_of_a_full_page_fits_into_a_request_line(
    owner: Portal, customers: Customers, session: Session
) -> None:
    fill(session, customers, 120, aor="{number}@a-customer-with-a-long-name.example.jp")
    page = owner.get(f"/circles/{customers.circles['tokyo']}")
    assert len(live_fields(page.text)) == 102
    assert len(poll(owner, live_fields(page.text)).request.query_string) < 8000
