"""A Redis that hangs costs whoever looks at a page one wait for it, not one for each thing that the page asks."""

from collections.abc import Callable, Iterator
from typing import cast

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.live.quick import Quick
from tests.support.customers import ON_DEMAND_HOST, Customers
from tests.support.databases import settings
from tests.support.portal import Portal
from tests.support.proxy import Mode, Proxy
from tests.support.redis import RedisServer
from tests.web.given import HX, Registrars, cell, csrf_of, kind_of, live_fields, partials, poll

Waits = Callable[[Callable[[], TestResponse]], tuple[int, TestResponse]]


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[Proxy]:
    """Between the portal and Redis."""
    with Proxy(("127.0.0.1", redis_server.port)) as proxy:
        yield proxy


@pytest.fixture
def environ(database_url: str, store: Proxy) -> dict[str, str]:
    """The portal asks Redis through it."""
    return settings(database_url, f"redis://127.0.0.1:{store.port}/0")


@pytest.fixture
def page(owner: Portal, registrars: Registrars, path: str) -> TestResponse:
    """A list that shows signs of both servers."""
    registrars.answered("live")
    registrars.answered(host=ON_DEMAND_HOST)
    return owner.get(path)


@pytest.fixture
def waits(store: Proxy, page: TestResponse) -> Waits:
    """How often somebody waited in vain for a Redis that hangs once the page is there, and what it came to.

    Whoever waited in vain drops the connection, so that each wait is one of its own.
    """
    assert page.status_code == 200

    def count(call: Callable[[], TestResponse]) -> tuple[int, TestResponse]:
        if not store.hung:
            store.become(Mode(hang=True))
        before = store.hung
        answer = call()
        return store.hung - before, answer

    return count


def test_a_poll_waits_once(
    app: Flask, owner: Portal, page: TestResponse, waits: Waits, path: str, customers: Customers
) -> None:
    waited, answer = waits(lambda: poll(owner, live_fields(page.text)))
    assert waited == 1
    found = partials(answer)
    assert {kind_of(found[f"#c{customers.uniques[name]}"]) for name in ("live", "phone", "trunk2")} == {"unknown"}
    # The short way rests now, and whoever comes has to find out alone.
    assert cast("Quick", app.wsgi_app)._rests_until > 0
    waited, answer = waits(lambda: poll(owner, live_fields(page.text)))
    assert (waited, partials(answer)) == (1, found)
    waited, unknown = waits(lambda: owner.get(path))
    assert (waited, kind_of(cell(unknown, customers.uniques["live"]))) == (1, "unknown")
    waited, answer = waits(lambda: poll(owner, live_fields(unknown.text)))
    assert (waited, answer.status_code) == (1, 204)


def test_a_poll_of_an_open_detail_waits_once(
    owner: Portal, page: TestResponse, waits: Waits, customers: Customers
) -> None:
    live = customers.uniques["live"]
    panel = owner.get(f"/uniques/{live}/registration", headers=HX)
    fields = live_fields(page.text) + [field for field in live_fields(panel.text) if field[0] == "d"]
    assert [name for name, _ in fields].count("d") == 1
    waited, answer = waits(lambda: poll(owner, fields))
    assert (waited, kind_of(partials(answer)[f"#c{live}"])) == (1, "unknown")


def test_a_poll_of_counts_waits_once(owner: Portal, waits: Waits) -> None:
    shown = owner.get("/circles")
    for _ in range(2):
        waited, answer = waits(lambda: owner.get("/live/circles", query_string=live_fields(shown.text), headers=HX))
        assert (waited, answer.status_code, "X-As-Of" in answer.headers) == (1, 200, False)


@pytest.mark.parametrize(
    "address", ["/circles", "{path}", "{path}?sort=state", "{path}/details", "{line}", "{line}/registration"]
)
def test_a_page_waits_once(owner: Portal, waits: Waits, path: str, customers: Customers, address: str) -> None:
    line = f"/uniques/{customers.uniques['live']}"
    waited, answer = waits(lambda: owner.get(address.format(path=path, line=line)))
    assert (waited, answer.status_code) == (1, 200)


def test_a_click_waits_once(owner: Portal, waits: Waits, customers: Customers) -> None:
    token, trunk = csrf_of(owner), customers.uniques["trunk"]
    waited, answer = waits(lambda: owner.post(f"/live/uniques/{trunk}/lookup", data={"csrf_token": token}, headers=HX))
    assert (waited, kind_of(answer.text), "受け付けられません" in answer.text) == (1, "check-failed", True)


def test_the_next_request_asks_again(
    owner: Portal, page: TestResponse, waits: Waits, store: Proxy, customers: Customers
) -> None:
    assert waits(lambda: poll(owner, live_fields(page.text)))[0] == 1
    store.become(Mode())
    assert kind_of(cell(owner.get(f"/circles/{customers.circles['tokyo']}"), customers.uniques["live"])) == "registered"
