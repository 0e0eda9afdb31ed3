"""What a person sees while Redis or the database is away: honest pages, quickly, and never a ✗ of our own making."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.domain.registration import AuthFailure, FailureReason
from app.extensions import db
from app.models import PrincipalKind
from app.store import failures, keys
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.web.given import HX, Registrars, cell, csrf_of, kind_of, live_fields, partials, poll

PATIENCE = 8.0
"""Seconds after which the browser gives a request up."""


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/circles/{customers.circles['tokyo']}"


@pytest.fixture
def page(owner: Portal, breakable_redis: RedisServer, registrars: Registrars, path: str) -> TestResponse:
    """A list as it was before."""
    assert breakable_redis.port
    registrars.answered("live")
    registrars.answered(host=ON_DEMAND_HOST)
    return owner.get(path)


def break_it(server: RedisServer, how: str) -> None:
    if how == "killed":
        server.kill()
    else:
        server.pause()


broken = pytest.mark.parametrize("how", ["killed", "hanging"])


@broken
def test_a_list_shows_unknown_and_no_cross(
    owner: Portal, page: TestResponse, breakable_redis: RedisServer, customers: Customers, path: str, how: str
) -> None:
    assert kind_of(cell(page, customers.uniques["phone"])) == "not-registered"
    break_it(breakable_redis, how)
    began = time.monotonic()
    after = owner.get(path)
    assert time.monotonic() - began < PATIENCE
    signs = {
        name: kind_of(cell(after, customers.uniques[name])) for name in ("live", "phone", "trunk", "trunk2", "room")
    }
    assert signs == {"live": "unknown", "phone": "unknown", "trunk": "ask", "trunk2": "unknown", "room": "none"}
    assert '<time id="as-of">—</time>' in after.text


@broken
def test_an_open_page_turns_to_unknown(
    owner: Portal, page: TestResponse, breakable_redis: RedisServer, customers: Customers, how: str
) -> None:
    break_it(breakable_redis, how)
    began = time.monotonic()
    answer = poll(owner, live_fields(page.text))
    assert time.monotonic() - began < PATIENCE
    found = partials(answer)
    assert {kind_of(found[f"#c{customers.uniques[name]}"]) for name in ("live", "phone", "trunk2")} == {"unknown"}
    assert "X-As-Of" not in answer.headers


def test_it_comes_back_with_the_first_good_pull(
    owner: Portal,
    page: TestResponse,
    breakable_redis: RedisServer,
    customers: Customers,
    path: str,
    registrars: Registrars,
) -> None:
    assert page.status_code == 200
    breakable_redis.kill()
    fields = live_fields(owner.get(path).text)
    breakable_redis.start()
    assert poll(owner, fields).status_code in (200, 204)
    registrars.answered("live")
    found = partials(poll(owner, fields))
    assert kind_of(found[f"#c{customers.uniques['live']}"]) == "registered"


@broken
def test_a_click_on_the_question_mark_says_that_it_failed(
    owner: Portal, page: TestResponse, breakable_redis: RedisServer, customers: Customers, how: str
) -> None:
    assert page.status_code == 200
    token = csrf_of(owner)
    break_it(breakable_redis, how)
    trunk = customers.uniques["trunk"]
    began = time.monotonic()
    answer = owner.post(f"/live/uniques/{trunk}/lookup", data={"csrf_token": token}, headers=HX)
    assert time.monotonic() - began < PATIENCE
    assert answer.status_code == 200
    assert kind_of(answer.text) == "check-failed"
    assert "受け付けられません" in answer.text
    assert f'formaction="/live/uniques/{trunk}/lookup"' in answer.text


def test_support_is_told_too(
    staff: Portal, page: TestResponse, breakable_redis: RedisServer, customers: Customers
) -> None:
    assert page.status_code == 200
    token = csrf_of(staff)
    breakable_redis.kill()
    live = customers.uniques["live"]
    answer = staff.post(f"/support/uniques/{live}/reload", data={"csrf_token": token}, headers=HX)
    assert "受け付けられません" in answer.text
    assert 'hx-trigger="every' not in answer.text


@broken
def test_people_log_in_and_out_and_guessing_is_still_limited(
    client: Portal, page: TestResponse, breakable_redis: RedisServer, how: str
) -> None:
    assert page.status_code == 200
    break_it(breakable_redis, how)
    began = time.monotonic()
    assert client.login(PrincipalKind.ACCOUNT, "owner").status_code == 303
    assert time.monotonic() - began < PATIENCE
    assert client.post("/logout", data={"csrf_token": csrf_of(client)}).status_code == 303
    assert client.get("/circles").status_code == 302
    if how == "killed":
        client.delete_cookie("tsunagari_device")
        answers = [client.login(PrincipalKind.ACCOUNT, "owner", "x").status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]


def test_a_redis_that_is_full_is_still_read(
    owner: Portal, breakable_redis: RedisServer, registrars: Registrars, customers: Customers
) -> None:
    """It refuses transactions and whatever is to be written; that is no reason not to ask it for the rest."""
    registrars.answered("phone")
    refused = AuthFailure(LINE_NUMBERS["live"], FailureReason.WRONG_PASSWORD, registrars.clock())
    failures.record(registrars.redis, customers.servers[LIVE_HOST], [refused])
    with breakable_redis.client() as client:
        client.config_set("maxmemory", 1)
        panel = owner.get(f"/uniques/{customers.uniques['live']}/registration", headers=HX)
        assert [*client.scan_iter(keys.session("")[:-20] + "*")] == []
    assert 'class="verdict unknown"' in panel.text
    assert "認証パスワードが間違っているため" in panel.text


def test_health_tells_it_and_stays_well(client: Portal, breakable_redis: RedisServer, page: TestResponse) -> None:
    assert page.status_code == 200
    assert client.get("/healthz").json == {"database": True, "redis": True}
    breakable_redis.kill()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"database": True, "redis": False})


@pytest.fixture
def without_database(config: Config, page: TestResponse) -> Iterator[Flask]:
    """The same portal on a database that does not answer."""
    assert page.status_code == 200
    portal = create_app(replace(config, database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none"))
    yield portal
    portal.extensions["services"].redis.close()
    with portal.app_context():
        db.engine.dispose()


@pytest.fixture
def orphan(without_database: Flask, owner: Portal) -> Portal:
    """The owner's browser in front of it."""
    client = Portal(without_database, without_database.response_class)
    cookie = owner.get_cookie("tsunagari")
    assert cookie
    client.set_cookie("tsunagari", cookie.value)
    return client


def test_without_the_database_a_page_says_so(orphan: Portal, path: str) -> None:
    answer = orphan.get(path)
    assert answer.status_code == 503
    assert "ただいま顧客情報を読み出せません" in answer.text
    assert "<html" in answer.text


def test_without_the_database_an_open_page_goes_on(orphan: Portal, page: TestResponse) -> None:
    """An unchanged poll never needed it."""
    assert poll(orphan, live_fields(page.text)).status_code == 204


def test_without_the_database_a_change_still_arrives(
    orphan: Portal, page: TestResponse, registrars: Registrars, customers: Customers
) -> None:
    registrars.answered("live", "phone")
    found = partials(poll(orphan, live_fields(page.text)))
    assert kind_of(found[f"#c{customers.uniques['phone']}"]) == "registered"


def test_without_the_database_a_fragment_is_no_page(orphan: Portal, customers: Customers) -> None:
    answer = orphan.get(f"/live/uniques/{customers.uniques['live']}/sign", headers=HX)
    assert answer.status_code == 503
    assert "<html" not in answer.text


def test_without_the_database_a_login_says_so(without_database: Flask) -> None:
    client = Portal(without_database, without_database.response_class)
    assert client.login(PrincipalKind.ACCOUNT, "owner").status_code == 503
    assert client.get("/healthz").status_code == 503
