"""Support: finds any customer's line, and reloads one row of it."""

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.domain.sign import ASK_PATIENCE
from app.finder import SUPPORT_LIMIT
from app.models import PrincipalKind, Staff
from app.throttle import RELOAD
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.portal import Portal
from tests.web.given import (
    HX,
    Registrars,
    cell,
    contact,
    csrf_of,
    fill,
    kind_of,
    live_fields,
    logged_in,
    partials,
    poll,
)


@pytest.fixture
def queue(redis: "Redis") -> Queue:
    return Queue("lookups", connection=redis, serializer=JSONSerializer)


def found(staff: Portal, text: str) -> list[str]:
    page = staff.get("/support/", query_string={"q": text})
    assert page.status_code == 200
    return [name for name, number in LINE_NUMBERS.items() if f">{number}</a>" in page.text]


def reload(staff: Portal, unique_id: int) -> TestResponse:
    path = f"/support/uniques/{unique_id}/reload"
    return staff.post(path, data={"csrf_token": csrf_of(staff)}, headers=HX)


def next_step(answer: TestResponse) -> str:
    """Where the row asks how its reload stands."""
    return answer.text.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")


@pytest.mark.usefixtures("any_database")
class TestSearch:
    def test_by_number_name_or_phone_number(self, staff: Portal) -> None:
        expected = {
            "05010000006": ["on_demand"],
            "050-1000-0006": ["on_demand"],
            "05020": ["stranger"],
            "受付": ["live", "on_demand", "stranger"],
            "03-1234": ["live", "phone"],
            "０３１２３４５６７８": ["live"],
            "たなか": ["phone"],
            "タナカ太郎": ["phone"],
        }
        assert {text: found(staff, text) for text in expected} == expected

    def test_odd_searches(self, staff: Portal) -> None:
        for text in ("", " ", "\0", "\u202e", "x" * 5000, "電" * 3000, "%", "_", "\\", "'", "nothing"):
            assert found(staff, text) == []
        assert found(staff, "\0受付") == ["live", "on_demand", "stranger"]


def test_a_search_that_finds_too_much_says_so(staff: Portal, session: Session, customers: Customers) -> None:
    fill(session, customers, SUPPORT_LIMIT + 10, name="たくさん")
    text = staff.get("/support/", query_string={"q": "たくさん"}).text
    assert text.count("<tr>") == SUPPORT_LIMIT + 1
    assert f"先頭の{SUPPORT_LIMIT}件です" in text


def test_what_was_searched_for_is_text(staff: Portal) -> None:
    text = staff.get("/support/", query_string={"q": '"><img src=x>'}).text
    assert "<img" not in text


def test_the_rows_are_live(staff: Portal, registrars: Registrars, customers: Customers) -> None:
    page = staff.get("/support/", query_string={"q": "受付"})
    registrars.answered("live", "stranger")
    changes = partials(poll(staff, live_fields(page.text)))
    for name in ("live", "stranger"):
        assert kind_of(changes[f"#c{customers.uniques[name]}"]) == "registered"


class TestReload:
    def test_a_live_row_is_asked_for_too(self, staff: Portal, customers: Customers, queue: Queue) -> None:
        answer = reload(staff, customers.uniques["live"])
        assert "問い合わせ中" in answer.text
        (job,) = queue.jobs
        assert job.args[:2] == [customers.servers[LIVE_HOST], LINE_NUMBERS["live"]]
        assert staff.get(next_step(answer), headers=HX).status_code == 204

    def test_the_row_shows_what_came_of_it(self, staff: Portal, customers: Customers, registrars: Registrars) -> None:
        registrars.answered()
        live = customers.uniques["live"]
        answer = reload(staff, live)
        registrars.looked_up("live", LIVE_HOST, contact())
        done = staff.get(next_step(answer), headers=HX)
        assert "確認:" in done.text
        assert kind_of(done.text) == "registered"
        assert 'hx-trigger="every' not in done.text.partition("<hx-partial")[0]

    def test_the_customer_sees_it_next(
        self, staff: Portal, owner: Portal, customers: Customers, registrars: Registrars
    ) -> None:
        registrars.answered()
        live = customers.uniques["live"]
        path = f"/circles/{customers.circles['tokyo']}"
        fields = live_fields(owner.get(path).text)
        reload(staff, live)
        registrars.looked_up("live", LIVE_HOST, contact())
        assert kind_of(partials(poll(owner, fields))[f"#c{live}"]) == "registered"
        assert kind_of(cell(owner.get(path), live)) == "registered"

    def test_an_older_snapshot_does_not_take_it_back_and_a_newer_one_does(
        self, staff: Portal, owner: Portal, customers: Customers, registrars: Registrars, clock: Clock
    ) -> None:
        live, path = customers.uniques["live"], f"/circles/{customers.circles['tokyo']}"
        before = clock()
        clock.advance(2)
        reload(staff, live)
        registrars.looked_up("live", LIVE_HOST, contact())
        registrars.answered(at=before)
        assert kind_of(cell(owner.get(path), live)) == "registered"
        clock.advance(2)
        registrars.answered()
        assert kind_of(cell(owner.get(path), live)) == "not-registered"

    def test_a_failure_leaves_the_sign_and_says_why(
        self, staff: Portal, customers: Customers, registrars: Registrars
    ) -> None:
        registrars.answered("live")
        answer = reload(staff, customers.uniques["live"])
        registrars.refused("live", LIVE_HOST, "credentials")
        done = staff.get(next_step(answer), headers=HX)
        assert "失敗: credentials" in done.text
        assert kind_of(done.text) == "registered"

    def test_without_a_worker_it_ends_by_itself(
        self, staff: Portal, customers: Customers, registrars: Registrars, clock: Clock
    ) -> None:
        registrars.answered("live")
        answer = reload(staff, customers.uniques["live"])
        clock.advance(ASK_PATIENCE.total_seconds() + 1)
        done = staff.get(next_step(answer), headers=HX)
        assert "失敗: 応答がありません" in done.text

    def test_two_clicks_are_one_job(self, staff: Portal, customers: Customers, queue: Queue) -> None:
        for _ in range(3):
            assert "問い合わせ中" in reload(staff, customers.uniques["live"]).text
        assert queue.count == 1

    def test_one_person_may_not_reload_without_end(
        self, app: Flask, staff: Portal, customers: Customers, session: Session
    ) -> None:
        live, token = customers.uniques["live"], csrf_of(staff)
        for _ in range(RELOAD.limit.amount):
            answer = staff.post(f"/support/uniques/{live}/reload", data={"csrf_token": token}, headers=HX)
            assert "問い合わせ中" in answer.text
        assert "失敗: 操作が多すぎます" in reload(staff, live).text
        other = Staff(login_id="other", name="別", password_hash="x")
        session.add(other)
        session.commit()
        assert "問い合わせ中" in reload(logged_in(app, PrincipalKind.STAFF, other.id), live).text

    def test_a_line_without_a_server_has_nothing_to_reload(
        self, staff: Portal, customers: Customers, queue: Queue
    ) -> None:
        page = staff.get("/support/", query_string={"q": LINE_NUMBERS["room"]})
        assert "formaction" not in page.text
        assert "失敗: configuration" in reload(staff, customers.uniques["room"]).text
        assert queue.count == 0

    def test_an_odd_moment(self, staff: Portal, customers: Customers) -> None:
        path = f"/support/uniques/{customers.uniques['live']}/reload"
        codes = {
            asked: staff.get(path, query_string={"asked": asked}, headers=HX).status_code
            for asked in ("", "x", "0", "-1", "nan", "inf", "-inf", "1e300", "-1e300", "9" * 400)
        }
        assert codes == dict.fromkeys(("", "x", "0", "-1"), 200) | dict.fromkeys(
            codes.keys() - {"", "x", "0", "-1"}, 400
        )

    def test_without_javascript_it_leads_to_the_details(self, staff: Portal, customers: Customers) -> None:
        live = customers.uniques["live"]
        answer = staff.post(f"/support/uniques/{live}/reload", data={"csrf_token": csrf_of(staff)})
        assert (answer.status_code, answer.location) == (303, f"/uniques/{live}/registration")
