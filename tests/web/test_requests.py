"""購入/解約: asked for after a review, taken back until the operator has carried it out, and nobody else's business."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import (
    Circle,
    CircleState,
    PrincipalKind,
    RequestKind,
    ServiceRequest,
)
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, Customers
from tests.support.portal import Portal
from tests.web.asking import WISH, audited, choose, confirm, states
from tests.web.given import csrf_of, logged_in

pytestmark = pytest.mark.usefixtures("any_database")
Flasked = Callable[..., Result]


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/circles/{customers.circles['tokyo']}"


@pytest.fixture
def flask(app: Flask) -> Flasked:
    return lambda *arguments: app.test_cli_runner().invoke(args=["requests", *arguments])


class TestLines:
    def test_ticked_reviewed_and_asked_for(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        ids = [customers.uniques[name] for name in ("live", "phone")]
        review = choose(owner, path, cancel=ids, undo=[], sort="name")
        assert review.status_code == 200
        assert LINE_NUMBERS["live"] in review.text
        assert LINE_NUMBERS["trunk"] not in review.text
        assert states(session) == []
        done = confirm(owner, path, cancel=ids, undo=[], sort="name")
        assert (done.status_code, done.location) == (303, f"{path}?sort=name")
        assert states(session) == [("cancel_unique", LINE_NUMBERS[name], "requested") for name in ("live", "phone")]
        assert audited(session) == [("request.cancel_unique", LINE_NUMBERS[name]) for name in ("live", "phone")]
        page = owner.get(done.location).text
        assert "2件の解約を申し込みました" in page
        assert page.count("解約申込中") == 2
        assert "2件の解約を申し込みました" not in owner.get(done.location).text

    def test_taken_back_with_the_other_box(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        live, phone = (customers.uniques[name] for name in ("live", "phone"))
        confirm(owner, path, cancel=[live], undo=[])
        both = choose(owner, path, cancel=[phone], undo=[live])
        assert "解約を取り消す回線" in both.text
        confirm(owner, path, cancel=[phone], undo=[live])
        assert [state for *_, state in states(session)] == ["undone", "requested"]
        assert audited(session)[1:] == [
            ("request.undo", LINE_NUMBERS["live"]),
            ("request.cancel_unique", LINE_NUMBERS["phone"]),
        ]
        confirm(owner, path, cancel=[live], undo=[])
        assert [state for *_, state in states(session)] == ["undone", "requested", "requested"]

    def test_twice_is_once(self, owner: Portal, path: str, session: Session, customers: Customers) -> None:
        for _ in range(2):
            confirm(owner, path, cancel=[customers.uniques["live"]], undo=[])
        assert len(states(session)) == 1
        assert "変更はありません" in owner.get(path).text

    def test_nothing_ticked_is_said(self, owner: Portal, path: str) -> None:
        assert choose(owner, path, cancel=[], undo=[]).location == path
        assert "選んでください" in owner.get(path).text

    @pytest.mark.parametrize("who", ["owner", "circle"])
    def test_lines_of_others_are_not_there(
        self, app: Flask, path: str, session: Session, customers: Customers, who: str
    ) -> None:
        client = {
            "owner": logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"]),
            "circle": logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"]),
        }[who]
        for name in ("stranger", "on_demand"):
            for send in (choose, confirm):
                answer = send(client, path, cancel=[customers.uniques["live"], customers.uniques[name]], undo=[])
                assert answer.status_code == 404
        assert states(session) == []

    @pytest.mark.parametrize(
        ("odd", "status"), [("x", 400), ("-1", 400), ("١", 400), ("1" * 19, 404), ("9" * 30, 400), ("0", 404)]
    )
    def test_odd_ids(self, owner: Portal, path: str, odd: str, status: int) -> None:
        assert owner.get(f"{path}/review", query_string={"cancel": odd}).status_code == status

    def test_more_than_a_page_of_them(self, owner: Portal, path: str) -> None:
        assert owner.get(f"{path}/review?" + "&cancel=1" * 101).status_code == 400

    def test_a_circle_may_and_staff_may_not(
        self, app: Flask, staff: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        confirm(circle, path, cancel=[customers.uniques["live"]], undo=[])
        assert states(session) == [("cancel_unique", LINE_NUMBERS["live"], "requested")]
        assert LINE_NUMBERS["live"] in circle.get("/requests").text
        text = staff.get(path).text
        assert 'type="checkbox"' not in text
        assert "解約申込中" in text


class TestCircles:
    def test_cancelled_after_a_review_and_undone(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        number = CIRCLE_NUMBERS["tokyo"]
        assert f'href="{path}/cancel"' in owner.get("/circles/cancel").text
        review = owner.get(f"{path}/cancel")
        assert "5件" in review.text
        assert states(session) == []
        assert owner.submit(review, f"{path}/cancel").location == "/requests"
        owner.submit(review, f"{path}/cancel")
        assert states(session) == [("cancel_circle", number, "requested")]
        assert "解約申込中" in owner.get("/circles").text
        listing = owner.get("/requests")
        request_id = session.scalars(select(ServiceRequest.id)).one()
        assert owner.submit(listing, f"/requests/{request_id}/undo").status_code == 303
        assert states(session) == [("cancel_circle", number, "undone")]
        assert audited(session) == [("request.cancel_circle", number), ("request.undo", number)]
        assert "取り消しました" in owner.get("/requests").text

    def test_one_that_is_cancelled_already_is_not_offered(
        self, owner: Portal, path: str, session: Session, customers: Customers
    ) -> None:
        session.get_one(Circle, customers.circles["tokyo"]).state = CircleState.CANCELLED
        session.commit()
        assert owner.get(f"{path}/cancel").status_code == 404
        assert f'href="{path}/cancel"' not in owner.get("/circles/cancel").text

    def test_added_after_a_review(self, owner: Portal, session: Session) -> None:
        form = owner.get("/circles/add")
        review = owner.submit(form, "/circles/add/review", **WISH)
        assert "福岡支店 &lt;b&gt;" in review.text
        assert states(session) == []
        again = owner.post("/circles/add/review", data={**WISH, "edit": "1", "csrf_token": csrf_of(owner)})
        assert 'value="福岡支店 &lt;b&gt;"' in again.text
        for _ in range(2):
            assert owner.submit(review, "/circles/add").location == "/requests"
        assert states(session) == [("add_circle", "", "requested")]
        listing = owner.get("/requests").text
        assert "福岡支店 &lt;b&gt; / 業務課 / 山田" in listing
        assert "一行目\n二行目" in listing

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("user_information", "", "入力してください"),
            ("user_information", " \u200b", "入力してください"),
            ("user_information", "x" * 201, "200文字以内"),
            ("department", "x" * 5000, "200文字以内"),
            ("remarks", "x" * 1001, "1000文字以内"),
        ],
    )
    def test_what_can_not_be_taken_is_shown_again(
        self, owner: Portal, session: Session, field: str, value: str, words: str
    ) -> None:
        for action in ("/circles/add/review", "/circles/add"):
            answer = owner.post(action, data={**WISH, field: value, "csrf_token": csrf_of(owner)})
            assert answer.status_code == 422
            assert words in answer.text
            assert f'aria-describedby="{field}-wrong"' in answer.text
        assert states(session) == []


class TestOwnership:
    def test_the_page_holds_the_callers_requests_only(
        self, owner: Portal, stranger: Portal, path: str, customers: Customers
    ) -> None:
        confirm(owner, path, cancel=[customers.uniques["live"]], undo=[])
        assert LINE_NUMBERS["live"] in owner.get("/requests").text
        assert LINE_NUMBERS["live"] not in stranger.get("/requests").text

    def test_nobody_takes_back_what_is_not_theirs(
        self,
        app: Flask,
        owner: Portal,
        stranger: Portal,
        staff: Portal,
        path: str,
        session: Session,
        customers: Customers,
    ) -> None:
        owner.submit(owner.get(f"{path}/cancel"), f"{path}/cancel")
        request_id = session.scalars(select(ServiceRequest.id)).one()
        # The contract is the account's: the circle's own login may not.
        circle = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        for other in (stranger, staff, circle):
            answer = other.post(f"/requests/{request_id}/undo", data={"csrf_token": csrf_of(other)})
            assert answer.status_code == 404
        assert states(session) == [("cancel_circle", CIRCLE_NUMBERS["tokyo"], "requested")]

    def test_the_database_keeps_what_waits_single(self, session: Session, customers: Customers) -> None:
        def add() -> None:
            row = ServiceRequest(
                account_id=customers.accounts["owner"],
                kind=RequestKind.CANCEL_CIRCLE,
                circle_id=customers.circles["tokyo"],
            )
            session.add(row)
            session.commit()

        add()
        with pytest.raises(IntegrityError):
            add()
        session.rollback()
        session.execute(text("UPDATE service_request SET state = 'undone'"))
        add()

    def test_tabs_count_and_filter(self, owner: Portal, path: str, flask: Flasked, customers: Customers) -> None:
        confirm(owner, path, cancel=[customers.uniques[name] for name in ("live", "phone")], undo=[])
        assert flask("refuse", "1").exit_code == 0
        assert LINE_NUMBERS["phone"] not in owner.get("/requests?tab=refused").text
        assert LINE_NUMBERS["live"] in owner.get("/requests?tab=refused").text
        assert "2件" in owner.get("/requests?tab=nothing").text
