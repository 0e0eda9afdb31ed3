"""Logging in and out, and what a cookie is worth before, during and after."""

from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth import passwords
from app.models import LoginSession, PrincipalKind, Unique
from tests.support.clock import Clock
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, PASSWORD, Customers
from tests.support.portal import Portal
from tests.web.given import csrf_of, live_fields, logged_in, plain, poll, statements

LOGINS = {
    PrincipalKind.ACCOUNT: ("owner", "/circles"),
    PrincipalKind.CIRCLE: (CIRCLE_NUMBERS["tokyo"], "/circles/{tokyo}"),
    PrincipalKind.UNIQUE: (LINE_NUMBERS["live"], "/uniques/{live}"),
    PrincipalKind.STAFF: ("staff", "/support/"),
}


@pytest.mark.parametrize("kind", PrincipalKind)
def test_everybody_lands_on_their_own_page(client: Portal, customers: Customers, kind: PrincipalKind) -> None:
    login_id, where = LOGINS[kind]
    answer = client.login(kind, login_id)
    assert (answer.status_code, answer.location) == (303, "/")
    page = client.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert page.request.path == where.format_map(customers.circles | customers.uniques)


@pytest.mark.parametrize("kind", PrincipalKind)
def test_a_wrong_password(client: Portal, customers: Customers, kind: PrincipalKind) -> None:
    del customers
    for password in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 5000):
        answer = client.login(kind, LOGINS[kind][0], password)
        assert answer.status_code == 401
        assert "ログインIDまたはパスワードが違います" in answer.text
        assert not password or password not in answer.text
    assert client.get("/").location == "/login?next=/"


@pytest.mark.usefixtures("customers")
def test_an_unknown_login_reads_like_a_wrong_password(client: Portal) -> None:
    known, unknown = (client.login(PrincipalKind.ACCOUNT, name, "x") for name in ("owner", "nobody"))
    assert known.status_code == unknown.status_code == 401
    assert plain(known).replace("owner", "") == plain(unknown).replace("nobody", "")


@pytest.mark.usefixtures("customers", "dear_passwords")
def test_an_unknown_login_costs_what_a_wrong_password_costs(
    app: Flask, client: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash of the same price and the same statements: who measures how long it takes learns nothing."""
    hashed: list[str] = []
    page, price = client.get("/login"), extract_parameters(passwords.hash_password("as all are now"))

    class Hasher(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the base's name
            hashed.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    asked = []
    for login_id in ("owner", "nobody"):
        with statements(app) as sent:
            assert client.submit(page, "/login/account", login_id=login_id, password="x").status_code == 401
        asked.append(sent)
    assert len(hashed) == 2
    assert extract_parameters(hashed[1]) == price
    assert asked[0] == asked[1]


@pytest.mark.usefixtures("customers")
def test_a_login_id_is_good_for_its_own_kind_only(client: Portal) -> None:
    assert client.login(PrincipalKind.STAFF, "owner").status_code == 401
    assert client.login(PrincipalKind.ACCOUNT, "staff").status_code == 401
    assert client.login(PrincipalKind.CIRCLE, LINE_NUMBERS["live"]).status_code == 401


@pytest.mark.usefixtures("customers")
def test_an_unknown_kind(client: Portal) -> None:
    token = csrf_of(client)
    assert client.post("/login/root", data={"csrf_token": token}).status_code == 404


def test_a_line_without_a_password_can_not_log_in(client: Portal, customers: Customers, session: Session) -> None:
    session.get_one(Unique, customers.uniques["live"]).password_hash = None
    session.commit()
    for password in (PASSWORD, "None", "nobody has this password"):
        assert client.login(PrincipalKind.UNIQUE, LINE_NUMBERS["live"], password).status_code == 401


@pytest.mark.usefixtures("any_database", "customers")
def test_odd_login_ids_are_wrong_and_nothing_worse(client: Portal) -> None:
    for login_id in ("a\0b", "\0", "'; drop table account; --", "x" * 300, "　", "%00"):
        assert client.login(PrincipalKind.ACCOUNT, login_id, "x").status_code == 401


@pytest.mark.usefixtures("customers")
def test_what_nobody_sees_in_a_login_id_does_not_matter(client: Portal) -> None:
    assert client.login(PrincipalKind.ACCOUNT, " \u200bowner\n").status_code == 303


def test_a_login_ends_what_the_cookie_was_before(app: Flask, client: Portal, customers: Customers) -> None:
    """Whoever planted a cookie in somebody's browser must not share the login that follows."""
    client.get("/login")
    planted = client.get_cookie("tsunagari")
    assert planted is not None
    client.login(PrincipalKind.ACCOUNT, "owner")
    attacker = app.test_client()
    attacker.set_cookie("tsunagari", planted.value)
    assert attacker.get("/circles").status_code == 302
    assert client.get("/circles").status_code == 200
    del customers


def test_each_login_is_a_session_of_its_own(client: Portal, customers: Customers, session: Session) -> None:
    client.login(PrincipalKind.ACCOUNT, "owner")
    first = client.get_cookie("tsunagari")
    client.post("/logout", data={"csrf_token": csrf_of(client)})
    client.login(PrincipalKind.ACCOUNT, "owner")
    second = client.get_cookie("tsunagari")
    assert first
    assert second
    assert first.value != second.value
    rows = session.scalars(select(LoginSession)).all()
    assert len({row.id for row in rows}) == 2
    assert [row.principal_id for row in rows] == [customers.accounts["owner"]] * 2
    assert sum(row.ended_at is None for row in rows) == 1


def test_a_form_from_before_the_login_is_refused_after_it(client: Portal, customers: Customers) -> None:
    del customers
    before = csrf_of(client)
    client.login(PrincipalKind.ACCOUNT, "owner")
    assert client.post("/logout", data={"csrf_token": before}).status_code == 400


def test_logging_out_ends_every_copy_of_the_cookie(app: Flask, owner: Portal, customers: Customers) -> None:
    copied = owner.get_cookie("tsunagari")
    assert copied
    copy = app.test_client()
    assert isinstance(copy, Portal)
    copy.set_cookie("tsunagari", copied.value)
    page = copy.get(f"/circles/{customers.circles['tokyo']}")
    assert poll(copy, live_fields(page.text)).status_code in (200, 204)

    owner.post("/logout", data={"csrf_token": csrf_of(owner)})

    answer = poll(copy, live_fields(page.text))
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["HX-Redirect"] == "/login"
    assert copy.get("/circles").location == "/login?next=/circles"


def test_a_session_ends_by_itself(app: Flask, clock: Clock, owner: Portal) -> None:
    assert owner.get("/circles").status_code == 200
    clock.advance(12 * 3600 + 1)
    assert owner.get("/circles").status_code == 302
    del app


def test_polls_do_not_prolong_a_session(owner: Portal, customers: Customers) -> None:
    page = owner.get(f"/circles/{customers.circles['tokyo']}")
    fields = live_fields(page.text)
    assert "Set-Cookie" not in poll(owner, fields).headers


def test_a_cookie_that_was_tampered_with(app: Flask, owner: Portal) -> None:
    cookie = owner.get_cookie("tsunagari")
    assert cookie
    payload, _, rest = cookie.value.partition(".")
    client = app.test_client()
    client.set_cookie("tsunagari", f"{payload[:-2]}xx.{rest}")
    assert client.get("/circles").status_code == 302


def test_who_was_removed_is_logged_out(app: Flask, customers: Customers) -> None:
    gone = logged_in(app, PrincipalKind.STAFF, customers.staff + 1)
    assert gone.get("/support/").location == "/staff/login?next=/support/"


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: Portal, customers: Customers) -> None:
    del customers
    answer = client.login(PrincipalKind.ACCOUNT, "owner")
    cookies = answer.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"tsunagari", "tsunagari_device"}
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_who_is_logged_in_needs_no_login_page(owner: Portal, staff: Portal) -> None:
    assert owner.get("/login").location == "/"
    assert staff.get("/staff/login").location == "/"
