"""What every answer says to the browser, errors included."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.extensions import db
from tests.support.customers import Customers
from tests.support.portal import Portal
from tests.web.given import HX, csrf_of, live_fields, poll


@pytest.fixture
def answers(app: Flask, client: Portal, owner: Portal, customers: Customers) -> Iterator[dict[str, TestResponse]]:
    """One answer of each kind."""

    @app.get("/boom")
    def boom() -> str:
        raise RuntimeError("secret words")

    circle = f"/circles/{customers.circles['tokyo']}"
    page = owner.get(circle)
    token = csrf_of(owner)
    found = {
        "200": page,
        "204": poll(owner, live_fields(page.text)),
        "302": client.get(circle),
        "303": owner.post("/language/ja", data={"csrf_token": token}),
        "308": owner.get("/support"),
        "400": owner.post("/logout"),
        "401": poll(client, live_fields(page.text)),
        "404": owner.get("/circles/99999"),
        "404 as a fragment": owner.get("/uniques/99999/registration", headers=HX),
        "404 without a route": client.get("/wp-login.php"),
        "405": owner.get("/logout"),
        "413": owner.post("/logout", data={"csrf_token": token, "x": "x" * 2_000_000}),
        "500": owner.get("/boom"),
        "static": client.get("/static/style.css"),
        "health": client.get("/healthz"),
    }
    yield found
    for answer in found.values():
        answer.close()


def test_every_answer_carries_the_policy(answers: dict[str, TestResponse]) -> None:
    for name, answer in answers.items():
        assert name.split()[0] in (str(answer.status_code), "static", "health"), name
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'", name
        assert policy["script-src"] == policy["style-src"] == "'self'", name
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", name
        assert policy["form-action"] == "'self'", name
        assert answer.headers["X-Content-Type-Options"] == "nosniff", name
        assert answer.headers["Referrer-Policy"] == "same-origin", name
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", name


def test_nothing_of_a_customer_is_cached(answers: dict[str, TestResponse]) -> None:
    for name, answer in answers.items():
        assert (answer.headers.get("Cache-Control") == "no-store") is (name != "static"), name


def test_pages_hold_nothing_inline(answers: dict[str, TestResponse]) -> None:
    for name, answer in answers.items():
        if answer.mimetype == "text/html":
            assert " style=" not in answer.text, name
            assert " onclick=" not in answer.text, name
            assert answer.text.count("<script") == answer.text.count("<script src="), name


def test_an_error_of_ours_tells_nothing_of_the_inside(answers: dict[str, TestResponse]) -> None:
    assert "ポータルに問題が発生しました" in answers["500"].text
    assert "secret words" not in answers["500"].text
    assert "RuntimeError" not in answers["500"].text


def test_a_fragments_error_is_no_page(answers: dict[str, TestResponse]) -> None:
    assert "<html" not in answers["404 as a fragment"].text
    assert "<html" in answers["404"].text


@pytest.fixture
def behind_a_proxy(config: Config, customers: Customers) -> Iterator[Flask]:
    del customers
    portal = create_app(replace(config, proxies=1, secure_cookies=True))
    yield portal
    portal.extensions["services"].redis.close()
    with portal.app_context():
        db.engine.dispose()


def test_over_https_the_browser_keeps_to_https(behind_a_proxy: Flask, client: Portal) -> None:
    header = "Strict-Transport-Security"
    assert header not in client.get("/login").headers
    secure = behind_a_proxy.test_client().get("/login", headers={"X-Forwarded-Proto": "https"})
    assert "max-age=" in secure.headers[header]
    assert all("Secure" in cookie for cookie in secure.headers.getlist("Set-Cookie"))
    assert secure.headers.getlist("Set-Cookie")


def test_without_a_proxy_nobody_is_believed_who_says_https(client: Portal) -> None:
    answer = client.get("/login", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})
    assert "Strict-Transport-Security" not in answer.headers
