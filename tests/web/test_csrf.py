"""Nothing is written for a form that is not of this browser's own page."""

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.support.customers import Customers
from tests.support.portal import Portal
from tests.web.given import HX, csrf_of

SAFE = {"GET", "HEAD", "OPTIONS"}
VALUES: dict[str, object] = {"kind": "account", "language": "en"}
"""For any other argument 1 is a value."""


def writes(app: Flask) -> list[tuple[str, str]]:
    """Method and address of everything that changes something."""

    def address(rule: Rule) -> str:
        _, path = rule.build({name: VALUES.get(name, 1) for name in rule.arguments}) or ("", "")
        return path

    return [(method, address(rule)) for rule in app.url_map.iter_rules() for method in (rule.methods or set()) - SAFE]


def test_every_write_wants_a_token(app: Flask, staff: Portal, stranger: Portal) -> None:
    found = writes(app)
    assert len(found) >= 5
    foreign = csrf_of(stranger)
    for method, path in found:
        for token in ("", "rubbish", foreign):
            for headers in ({}, HX):
                answer = staff.open(path, method=method, data={"csrf_token": token}, headers=headers)
                assert answer.status_code == 400, (method, path, token)
        assert staff.open(path, method=method).status_code == 400, (method, path)
    assert staff.get("/support/").status_code == 200


def test_a_login_wants_a_token_too(client: Portal, customers: Customers) -> None:
    del customers
    assert client.post("/login/account", data={"login_id": "owner", "password": "x"}).status_code == 400


def test_the_page_says_what_to_do(staff: Portal) -> None:
    answer = staff.post("/logout")
    assert "ページの有効期限が切れました" in answer.text
    assert "<html" in answer.text
    fragment = staff.post("/logout", headers=HX)
    assert "ページの有効期限が切れました" in fragment.text
    assert "<html" not in fragment.text


@pytest.mark.parametrize("path", ["/logout", "/language/en", "/login/account", "/live/uniques/1/lookup"])
def test_a_write_is_not_a_read(staff: Portal, path: str) -> None:
    assert staff.get(path).status_code == 405
