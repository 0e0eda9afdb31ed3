"""What operators make of requests: carried out in the portal too, or refused, and then settled for good."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import (
    Circle,
    CircleState,
    LoginSession,
    PrincipalKind,
    RequestState,
    Unique,
)
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, Customers
from tests.support.portal import Portal
from tests.web.asking import WISH, audited, confirm, states
from tests.web.given import Registrars, csrf_of, live_fields, logged_in, poll

pytestmark = pytest.mark.usefixtures("any_database")
Flasked = Callable[..., Result]


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/circles/{customers.circles['tokyo']}"


@pytest.fixture
def flask(app: Flask) -> Flasked:
    return lambda *arguments: app.test_cli_runner().invoke(args=["requests", *arguments])


def follow(client: Portal, answer: TestResponse) -> str:
    assert answer.status_code == 303
    return client.get(answer.location).text


class TestOperators:
    def test_a_circle_is_added(self, owner: Portal, flask: Flasked, session: Session, customers: Customers) -> None:
        owner.post("/circles/add", data={**WISH, "csrf_token": csrf_of(owner)})
        assert "福岡支店 <b> / 業務課 / 山田 / 一行目 二行目" in flask("list").output
        assert "number" in flask("carry-out", "1").output
        assert "there is a circle" in flask("carry-out", "1", "--number", CIRCLE_NUMBERS["osaka"]).output
        assert "letters and digits" in flask("carry-out", "1", "--number", "'; --").output
        assert states(session)[0][2] == "requested"
        done = flask("carry-out", "1", "--number", "300000000001")
        assert done.exit_code == 0
        assert states(session) == [("add_circle", "300000000001", "carried_out")]
        circle = session.scalars(select(Circle).where(Circle.number == "300000000001")).one()
        assert (circle.account_id, circle.department, circle.state) == (
            customers.accounts["owner"],
            "業務課",
            CircleState.IN_USE,
        )
        assert "300000000001" in owner.get("/circles").text
        assert audited(session)[-1] == ("request.carry_out", "300000000001")

    def test_a_circle_is_cancelled(
        self, owner: Portal, path: str, flask: Flasked, session: Session, customers: Customers
    ) -> None:
        owner.submit(owner.get(f"{path}/cancel"), f"{path}/cancel")
        assert flask("carry-out", "1", "--number", "5").exit_code == 1
        assert flask("carry-out", "1").exit_code == 0
        assert session.get_one(Circle, customers.circles["tokyo"]).state is CircleState.CANCELLED
        assert "取り消せません" in follow(owner, owner.post("/requests/1/undo", data={"csrf_token": csrf_of(owner)}))
        assert states(session) == [("cancel_circle", CIRCLE_NUMBERS["tokyo"], "carried_out")]

    def test_a_line_goes_with_its_logins_and_its_request_stays(
        self, app: Flask, owner: Portal, path: str, flask: Flasked, session: Session, customers: Customers
    ) -> None:
        live = customers.uniques["live"]
        itself = logged_in(app, PrincipalKind.UNIQUE, live)
        confirm(owner, path, cancel=[live], undo=[])
        confirm(owner, path, cancel=[], undo=[live])
        confirm(owner, path, cancel=[live], undo=[])
        assert flask("carry-out", "2").exit_code == 0
        session.expire_all()
        assert session.get(Unique, live) is None
        logins = select(LoginSession).where(LoginSession.kind == PrincipalKind.UNIQUE)
        assert all(row.ended_at is not None for row in session.scalars(logins))
        assert itself.get(f"/uniques/{live}/registration").status_code == 302
        assert states(session) == [
            ("cancel_unique", LINE_NUMBERS["live"], "undone"),
            ("cancel_unique", LINE_NUMBERS["live"], "carried_out"),
        ]
        assert owner.get("/requests").text.count(LINE_NUMBERS["live"]) == 2
        assert LINE_NUMBERS["live"] not in owner.get(path).text

    def test_a_page_that_the_line_itself_has_open_is_sent_to_the_login_page(
        self, app: Flask, owner: Portal, path: str, flask: Flasked, customers: Customers, registrars: Registrars
    ) -> None:
        registrars.answered("live", "phone")
        live, phone = (customers.uniques[name] for name in ("live", "phone"))
        itself, other = (logged_in(app, PrincipalKind.UNIQUE, line) for line in (live, phone))
        fields = live_fields(itself.get(f"/uniques/{live}").text)
        others, owners = (live_fields(each.get(f"/uniques/{phone}").text) for each in (other, owner))
        confirm(owner, path, cancel=[live], undo=[])
        assert poll(itself, fields).status_code == 204
        assert flask("carry-out", "1").exit_code == 0
        answer = poll(itself, fields)
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")
        assert [poll(other, others).status_code, poll(owner, owners).status_code] == [204, 204]

    def test_what_is_settled_stays_so(
        self, owner: Portal, path: str, flask: Flasked, session: Session, customers: Customers
    ) -> None:
        confirm(owner, path, cancel=[customers.uniques["live"]], undo=[])
        assert flask("refuse", "1").exit_code == 0
        for command in ("refuse", "carry-out"):
            again = flask(command, "1")
            assert (again.exit_code, "refused already" in again.output) == (1, True)
        assert flask("refuse", "9").exit_code == 1
        assert flask("list").output == ""
        assert "refused" in flask("list", "--all").output
        assert [state for *_, state in states(session)] == [RequestState.REFUSED.value]
        assert session.get(Unique, customers.uniques["live"]) is not None


def test_recount_names_the_servers(app: Flask, customers: Customers) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["recount"]).output.count("counted anew") == len(customers.servers)
    assert runner.invoke(args=["recount", next(iter(customers.servers))]).exit_code == 0
    assert runner.invoke(args=["recount", "nowhere.example.jp"]).exit_code == 1
