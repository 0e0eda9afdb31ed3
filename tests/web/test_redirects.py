"""Where a login or a choice of language leads: to a page of ours, whatever was asked for."""

import pytest
from flask import Flask

from app.models import PrincipalKind
from tests.support.customers import PASSWORD
from tests.support.portal import Portal
from tests.web.given import csrf_of

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\t//evil.example",
    " //evil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "//[",
    "http://[::1",
    "//user@evil.example",
    "",
]
OURS = ["/circles", "/circles/1?page=2", "/support/?q=%E5%8F%97", "/uniques/1/registration"]


def logged_in_at(app: Flask, target: str) -> tuple[int, str | None]:
    client = app.test_client()
    assert isinstance(client, Portal)
    page = client.get("/login", query_string={"next": target})
    answer = client.submit(page, "/login/account", login_id="owner", password=PASSWORD, next=target)
    return answer.status_code, answer.location


@pytest.mark.usefixtures("customers")
def test_a_login_never_leads_elsewhere(app: Flask) -> None:
    assert {target: logged_in_at(app, target) for target in ELSEWHERE} == dict.fromkeys(ELSEWHERE, (303, "/"))


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize("target", OURS)
def test_a_login_leads_to_the_page_that_wanted_it(client: Portal, target: str) -> None:
    page = client.get(target, follow_redirects=True)
    kind, login_id = ("staff", "staff") if target.startswith("/support") else ("account", "owner")
    answer = client.submit(page, f"/login/{kind}", login_id=login_id, password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, target)


def test_a_choice_of_language_leads_back_and_never_elsewhere(client: Portal) -> None:
    token = csrf_of(client)
    led = {
        target: client.post("/language/en", data={"csrf_token": token, "back": target}).location
        for target in (*ELSEWHERE, *OURS)
    }
    assert led == dict.fromkeys(ELSEWHERE, "/") | {target: target for target in OURS}


@pytest.mark.usefixtures("customers")
def test_what_was_asked_for_is_shown_to_nobody_unescaped(client: Portal) -> None:
    page = client.get("/login", query_string={"next": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
    assert client.login(PrincipalKind.ACCOUNT, '"><script>alert(2)</script>', "x").text.count("<script>alert") == 0
