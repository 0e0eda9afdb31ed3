"""The short way of an unchanged poll: the same answer as the view's, only where the view would give it."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from app.live import quick
from app.live.quick import Quick
from app.models import PrincipalKind
from app.store import keys
from tests.support.clock import Clock
from tests.support.customers import Customers
from tests.support.portal import Portal
from tests.web.given import HX, Registrars, live_fields, logged_in, poll

Inner = Callable[..., Iterable[bytes]]


@pytest.fixture
def handed_on(app: Flask, page: TestResponse, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that Flask itself gets once the page is there."""
    assert page.status_code == 200
    found: list[str] = []
    short = cast("Quick", app.wsgi_app)
    inner: Inner = short._inner

    def note(environ: dict[str, Any], start: object) -> Iterable[bytes]:
        found.append(environ["PATH_INFO"])
        return inner(environ, start)

    monkeypatch.setattr(short, "_inner", note)
    return found


@pytest.mark.parametrize("address", ["/live/page", "/live/circles"])
def test_it_answers_as_the_view_does(
    app: Flask, owner: Portal, page: TestResponse, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    shown = page if address == "/live/page" else owner.get("/circles")
    query = live_fields(shown.text)
    short = owner.get(address, query_string=query)
    monkeypatch.setattr(app, "wsgi_app", cast("Quick", app.wsgi_app)._inner)
    long = owner.get(address, query_string=query)
    assert short.status == long.status == "204 NO CONTENT"
    unneeded = {"Vary", "Content-Type"}
    assert set(short.headers) == {pair for pair in long.headers if pair[0] not in unneeded}
    assert short.headers["X-As-Of"]


def test_flask_is_not_asked(handed_on: list[str], owner: Portal, page: TestResponse) -> None:
    for _ in range(3):
        assert poll(owner, live_fields(page.text)).status_code == 204
    assert handed_on == []


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_time_alone_wakes_it(
    handed_on: list[str], owner: Portal, page: TestResponse, clock: Clock, seconds: int
) -> None:
    clock.advance(seconds)
    assert poll(owner, live_fields(page.text)).status_code == 200
    assert handed_on == ["/live/page"]


def test_whoever_is_not_known_from_redis_is_asked_for(
    handed_on: list[str], owner: Portal, page: TestResponse, redis: "Redis"
) -> None:
    for key in redis.keys(keys.session("")[:-20] + "*"):
        redis.delete(key)
    assert poll(owner, live_fields(page.text)).status_code == 204
    assert poll(owner, live_fields(page.text)).status_code == 204
    assert handed_on == ["/live/page"]


def test_a_stranger_with_the_address_of_another_page(
    app: Flask, page: TestResponse, customers: Customers, owner: Portal
) -> None:
    fields = live_fields(page.text)
    assert poll(owner, fields).status_code == 204
    stranger = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])
    stranger.get("/circles")
    assert poll(stranger, fields).status_code == 404
    assert poll(app.test_client(), fields).status_code == 401  # type: ignore[arg-type] # the portal's client class


@pytest.mark.parametrize(
    "query",
    ["", "t=", "t", "&&&", "v=1&t=x", "t=%00", "t=x&t=y&v=z", "t=x&v=z&d=1.2", "t=" + "x" * 5000],
)
def test_what_no_page_of_ours_sends(owner: Portal, query: str) -> None:
    assert owner.get(f"/live/page?{query}", headers={"HX-Request": "true"}).status_code == 404


@pytest.mark.parametrize("cookie", ["", "x", "tsunagari", "tsunagari=", "tsunagari=a.b.c", "tsunagari=é", "; ;="])
def test_cookies_that_are_none(app: Flask, page: TestResponse, cookie: str) -> None:
    client = app.test_client(use_cookies=False)
    answer = client.get("/live/page", query_string=live_fields(page.text), headers={"Cookie": cookie} | HX)
    assert answer.status_code == 401


def test_two_cookies_of_one_name_are_looked_at_by_flask(
    handed_on: list[str], app: Flask, owner: Portal, page: TestResponse
) -> None:
    mine = owner.get_cookie("tsunagari")
    assert mine is not None
    client = app.test_client(use_cookies=False)
    both = {"Cookie": f"tsunagari=x; tsunagari={mine.value}", "HX-Request": "true"}
    client.get("/live/page", query_string=live_fields(page.text), headers=both)
    assert handed_on == ["/live/page"]


def test_the_memory_has_an_end(
    handed_on: list[str], owner: Portal, page: TestResponse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "_MOST", 1)
    circles = live_fields(owner.get("/circles").text)
    handed_on.clear()
    for _ in range(2):
        assert poll(owner, live_fields(page.text)).status_code == 204
        assert owner.get("/live/circles", query_string=circles).status_code == 204
    assert handed_on == []


def test_another_page_does_not_answer_for_this_one(
    owner: Portal, page: TestResponse, registrars: Registrars, customers: Customers
) -> None:
    other = owner.get(f"/circles/{customers.circles['osaka']}")
    assert poll(owner, live_fields(other.text)).status_code == 204
    registrars.answered("phone")
    assert poll(owner, live_fields(page.text)).status_code == 200
    assert poll(owner, live_fields(other.text)).status_code == 204
