"""A click on ?: one job, an answer or a failure in the same cell, and a limit."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from werkzeug.test import TestResponse

from app.domain.sign import ANSWER_KEEPS, ASK_PATIENCE, FAILURE_SHOWN
from app.models import PrincipalKind
from app.store import lookups
from app.throttle import LOOKUP
from tests.support.clock import Clock
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.web.given import HX, Registrars, cell, contact, csrf_of, kind_of, live_fields, logged_in, partials, poll

Click = Callable[..., TestResponse]


@pytest.fixture
def line(customers: Customers) -> int:
    return customers.uniques["on_demand"]


@pytest.fixture
def click(owner: Portal, line: int) -> Click:
    token = csrf_of(owner)

    def send(unique_id: int = line, headers: dict[str, str] = HX) -> TestResponse:
        return owner.post(f"/live/uniques/{unique_id}/lookup", data={"csrf_token": token}, headers=headers)

    return send


@pytest.fixture
def queue(redis: "Redis") -> Queue:
    return Queue("lookups", connection=redis, serializer=JSONSerializer)


def look(owner: Portal, line: int, shown: str = "") -> TestResponse:
    """What the cell asks every now and then while its look-up is under way."""
    return owner.get(f"/live/uniques/{line}/sign", query_string={"h": shown}, headers=HX)


def test_a_click_asks_for_the_right_line(
    click: Click, queue: Queue, customers: Customers, line: int, clock: Clock
) -> None:
    answer = click()
    assert kind_of(answer.text) == "checking"
    assert f'id="c{line}"' in answer.text
    assert "<html" not in answer.text
    (job,) = queue.jobs
    assert job.func_name == "workers.jobs.lookup"
    server_id, number, circle_id, asked_at = job.args
    assert server_id == customers.servers[ON_DEMAND_HOST]
    assert number == LINE_NUMBERS["on_demand"]
    assert circle_id == customers.circles["osaka"]
    assert asked_at == clock().isoformat()


def test_two_clicks_are_one_job(app: Flask, click: Click, queue: Queue, customers: Customers, line: int) -> None:
    assert [kind_of(click().text) for _ in range(3)] == ["checking"] * 3
    other = logged_in(app, PrincipalKind.CIRCLE, customers.circles["osaka"])
    answer = other.post(f"/live/uniques/{line}/lookup", data={"csrf_token": csrf_of(other)}, headers=HX)
    assert kind_of(answer.text) == "checking"
    assert queue.count == 1


def test_who_clicks_right_after_an_answer_is_told_that_one(
    click: Click, queue: Queue, registrars: Registrars, clock: Clock
) -> None:
    registrars.looked_up("on_demand", ON_DEMAND_HOST, contact())
    clock.advance(2)
    answer = click()
    assert kind_of(answer.text) == "registered"
    assert "時点" in answer.text
    assert queue.count == 0
    clock.advance(1)
    assert kind_of(click().text) == "checking"
    assert queue.count == 1


def test_an_answer_that_comes_while_somebody_is_about_to_ask_is_not_asked_for_again(
    click: Click, queue: Queue, registrars: Registrars, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = lookups.claim

    def answered_first(redis: "Redis", server_id: int, aor: str) -> bool:
        registrars.looked_up("on_demand", ON_DEMAND_HOST, contact())
        return claim(redis, server_id, aor)

    monkeypatch.setattr(lookups, "claim", answered_first)
    click()
    assert queue.count == 0
    monkeypatch.setattr(lookups, "claim", claim)
    assert kind_of(click().text) == "registered"


def test_the_cell_waits_for_free_and_then_shows_the_answer(
    click: Click, owner: Portal, registrars: Registrars, line: int
) -> None:
    waiting = dict(live_fields(click().text))["h"]
    assert look(owner, line, waiting).status_code == 204
    registrars.looked_up("on_demand", ON_DEMAND_HOST, contact())
    answer = look(owner, line, waiting)
    assert kind_of(answer.text) == "registered"
    assert "時点" in answer.text
    assert f"{LINE_NUMBERS['on_demand']}: 該当のユニーク(回線)はレジストされています</hx-partial>" in answer.text


def test_the_list_shows_it_too(
    click: Click, owner: Portal, registrars: Registrars, customers: Customers, line: int
) -> None:
    path = f"/circles/{customers.circles['osaka']}"
    fields = live_fields(owner.get(path).text)
    click()
    assert kind_of(partials(poll(owner, fields))[f"#c{line}"]) == "checking"
    registrars.looked_up("on_demand", ON_DEMAND_HOST)
    found = partials(poll(owner, fields))[f"#c{line}"]
    assert kind_of(found) == "not-registered"
    assert found == cell(owner.get(path), line)


def test_an_answer_is_shown_for_a_while_and_then_asks_again(
    click: Click, owner: Portal, registrars: Registrars, line: int, clock: Clock
) -> None:
    click()
    registrars.looked_up("on_demand", ON_DEMAND_HOST, contact())
    clock.advance(ANSWER_KEEPS.total_seconds())
    assert kind_of(look(owner, line).text) == "registered"
    clock.advance(1)
    assert kind_of(look(owner, line).text) == "ask"


def test_a_failure_says_so_and_can_be_tried_again(
    click: Click, owner: Portal, registrars: Registrars, line: int, queue: Queue, clock: Clock
) -> None:
    click()
    registrars.refused("on_demand", ON_DEMAND_HOST, "refused")
    failed = look(owner, line)
    assert kind_of(failed.text) == "check-failed"
    assert f'formaction="/live/uniques/{line}/lookup"' in failed.text
    clock.advance(1)
    assert kind_of(click().text) == "checking"
    assert queue.count == 2


def test_without_an_answer_it_fails_by_itself(
    click: Click, owner: Portal, line: int, clock: Clock, customers: Customers
) -> None:
    path = f"/circles/{customers.circles['osaka']}"
    click()
    fields = live_fields(owner.get(path).text)
    clock.advance(ASK_PATIENCE.total_seconds() + 1)
    failed = look(owner, line)
    assert kind_of(failed.text) == "check-failed"
    assert "応答がありません" in failed.text
    assert kind_of(partials(poll(owner, fields))[f"#c{line}"]) == "check-failed"
    clock.advance(FAILURE_SHOWN.total_seconds())
    assert kind_of(look(owner, line).text) == "ask"


def test_a_failure_never_takes_the_last_answer_away(
    click: Click, owner: Portal, registrars: Registrars, line: int, clock: Clock, customers: Customers
) -> None:
    click()
    registrars.looked_up("on_demand", ON_DEMAND_HOST, contact(), at=clock() - timedelta(seconds=1))
    clock.advance(5)
    click()
    registrars.refused("on_demand", ON_DEMAND_HOST, "timeout")
    assert kind_of(look(owner, line).text) == "check-failed"
    assert customers.uniques["on_demand"] == line


def test_one_person_may_not_ask_without_end(
    app: Flask, click: Click, queue: Queue, customers: Customers, line: int
) -> None:
    signs = [kind_of(click().text) for _ in range(LOOKUP.limit.amount)]
    assert set(signs) == {"checking"}
    answer = click()
    assert answer.status_code == 200
    assert kind_of(answer.text) == "check-failed"
    assert "操作が多すぎます" in answer.text
    assert queue.count == 1
    colleague = logged_in(app, PrincipalKind.CIRCLE, customers.circles["osaka"])
    again = colleague.post(f"/live/uniques/{line}/lookup", data={"csrf_token": csrf_of(colleague)}, headers=HX)
    assert kind_of(again.text) == "checking"


def test_a_line_without_a_status_is_not_asked_for(click: Click, queue: Queue, customers: Customers) -> None:
    assert kind_of(click(customers.uniques["room"]).text) == "none"
    assert kind_of(click(customers.uniques["unassigned"]).text) == "unknown"
    assert queue.count == 0


class TestWithoutJavaScript:
    def test_the_click_leads_to_the_details_which_come_back_by_themselves(
        self, click: Click, owner: Portal, registrars: Registrars, line: int
    ) -> None:
        answer = click(headers={})
        assert (answer.status_code, answer.location) == (303, f"/uniques/{line}/registration")
        waiting = owner.get(answer.location)
        assert kind_of(waiting.text) == "checking"
        assert waiting.headers["Refresh"] == "1"
        registrars.looked_up("on_demand", ON_DEMAND_HOST, contact())
        done = owner.get(answer.location)
        assert kind_of(done.text) == "registered"
        assert "Refresh" not in done.headers
        assert "sip:05010000001@192.0.2.10:5060" in done.text

    def test_the_question_mark_is_a_button_of_a_form_with_a_token(
        self, owner: Portal, customers: Customers, line: int
    ) -> None:
        page = owner.get(f"/circles/{customers.circles['osaka']}")
        assert f'form="ask" formaction="/live/uniques/{line}/lookup"' in cell(page, line)
        form = page.text[page.text.index('<form id="ask" method="post">') :].partition("</form>")[0]
        assert 'name="csrf_token"' in form

    def test_a_registered_line_is_a_link(self, owner: Portal, registrars: Registrars, customers: Customers) -> None:
        registrars.answered("live", host=LIVE_HOST)
        live = customers.uniques["live"]
        page = owner.get(f"/circles/{customers.circles['tokyo']}")
        assert f'href="/uniques/{live}/registration"' in cell(page, live)
