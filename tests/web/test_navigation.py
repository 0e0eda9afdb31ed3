"""The top navigation, and the entries that an operator configures."""

import pytest
from flask import Flask

from app.models import PrincipalKind
from tests.support.customers import Customers
from tests.support.portal import Portal
from tests.web.given import logged_in


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["links", *arguments])
    return result.exit_code, result.output


def put(
    app: Flask, key: str = "call-history", url: str = "https://calls.example.jp/?a=1&b=2", position: int = 0
) -> int:
    names = ["--name-ja", "通話履歴", "--name-en", "Call history"]
    return run(app, "set", key, *names, "--url", url, "--position", str(position))[0]


def navigation(client: Portal, **headers: str) -> str:
    return client.get("/account", headers=headers).text.partition("</header>")[0]


def test_an_entry_without_a_link_is_not_shown(owner: Portal) -> None:
    found = navigation(owner)
    assert "アカウント情報" in found
    assert "購入/解約" in found
    assert "通話履歴" not in found
    assert "プリペイド" not in found


def test_an_operator_configures_it_in_both_languages(app: Flask, owner: Portal) -> None:
    assert put(app) == 0
    assert '<a href="https://calls.example.jp/?a=1&amp;b=2" rel="noopener noreferrer">通話履歴</a>' in navigation(owner)
    assert "Call history" in navigation(owner, **{"Accept-Language": "en"})
    assert "通話履歴\tCall history\thttps://calls.example.jp" in run(app, "list")[1]
    assert run(app, "remove", "call-history")[0] == 0
    assert "通話履歴" not in navigation(owner)
    assert run(app, "remove", "call-history")[0] == 1


def test_they_stand_in_their_order(app: Flask, owner: Portal) -> None:
    for key, position in (("b", 1), ("a", 2), ("c", 0)):
        put(app, key, f"https://{key}.example.jp", position)
    found = navigation(owner)
    assert found.index("//c.") < found.index("//b.") < found.index("//a.")


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "//example.jp", "example.jp", "ftp://x",
     "https://", "http://[", "https://x/\n", "https://x/" + "y" * 500, ""],
)  # fmt: skip
def test_only_addresses_of_the_web(app: Flask, url: str) -> None:
    assert put(app, url=url) == 1
    assert run(app, "list") == (0, "")


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize("key", ["", "Call", "通話", "a b", "x" * 33, "../x"])
def test_what_is_no_key(app: Flask, key: str) -> None:
    assert put(app, key) == 1


def test_only_accounts_have_them(app: Flask, staff: Portal, customers: Customers) -> None:
    put(app)
    circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
    unique = logged_in(app, PrincipalKind.UNIQUE, customers.uniques["live"])
    for client in (staff, circle, unique):
        assert "通話履歴" not in navigation(client)


def test_whom_to_ask_stands_at_the_login_page(app: Flask, client: Portal, owner: Portal) -> None:
    assert "calls.example.jp" not in client.get("/login").text
    put(app, "contact")
    assert 'href="https://calls.example.jp' in client.get("/login").text
    assert "calls.example.jp" not in navigation(owner)
    assert "calls.example.jp" not in client.get("/staff/login").text


def test_the_page_that_is_shown_is_marked(owner: Portal) -> None:
    assert '<a href="/account" aria-current="page">' in navigation(owner)
    assert navigation(owner).count('aria-current="page"') == 1
