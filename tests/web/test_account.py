"""アカウント情報: each login's own data, password, mail address and sessions."""

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.account.browser import browser_of
from app.models import Account, AuditEntry, Circle, LoginSession, PrincipalKind, Unique
from app.store import keys
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, PASSWORD, Customers
from tests.support.databases import PUBLIC_URL
from tests.support.portal import Portal
from tests.support.redis import RedisServer
from tests.web.given import csrf_of, live_fields, logged_in, poll
from tests.web.mailbox import Mailbox, path_of

NEW = "kumo no ue no denwa 7"
LOGINS = {
    PrincipalKind.ACCOUNT: "owner",
    PrincipalKind.CIRCLE: CIRCLE_NUMBERS["tokyo"],
    PrincipalKind.UNIQUE: LINE_NUMBERS["live"],
    PrincipalKind.STAFF: "staff",
}


@pytest.fixture
def principals(customers: Customers) -> dict[PrincipalKind, int]:
    return {
        PrincipalKind.ACCOUNT: customers.accounts["owner"],
        PrincipalKind.CIRCLE: customers.circles["tokyo"],
        PrincipalKind.UNIQUE: customers.uniques["live"],
        PrincipalKind.STAFF: customers.staff,
    }


def change(client: Portal, current: str = PASSWORD, password: str = NEW, again: str = NEW) -> tuple[int, str]:
    page = client.get("/account")
    answer = client.submit(page, "/account/password", current=current, password=password, again=again)
    return answer.status_code, answer.text


def new_email(client: Portal, email: str, current: str = PASSWORD) -> tuple[int, str]:
    answer = client.submit(client.get("/account"), "/account/email", current=current, email=email)
    return answer.status_code, answer.text


def actions(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


class TestData:
    @pytest.mark.parametrize("kind", PrincipalKind)
    def test_each_login_sees_its_own(
        self, app: Flask, principals: dict[PrincipalKind, int], kind: PrincipalKind
    ) -> None:
        page = logged_in(app, kind, principals[kind]).get("/account")
        assert page.status_code == 200
        assert LOGINS[kind] in page.text
        assert ("owner@example.jp" in page.text) == (kind is PrincipalKind.ACCOUNT)
        assert ('action="/account/email"' in page.text) == (kind in (PrincipalKind.ACCOUNT, PrincipalKind.CIRCLE))

    def test_an_account_sees_how_much_it_has(self, owner: Portal) -> None:
        page = owner.get("/account").text
        assert "2件" in page
        assert "7件" in page

    def test_names_are_text(self, owner: Portal, session: Session, customers: Customers) -> None:
        session.get_one(Account, customers.accounts["owner"]).name = "<b>x</b>"
        session.commit()
        page = owner.get("/account").text
        assert "&lt;b&gt;x&lt;/b&gt;" in page
        assert "<b>x" not in page


class TestPassword:
    @pytest.mark.parametrize("kind", PrincipalKind)
    def test_it_is_changed_and_everybody_else_is_out(
        self, app: Flask, principals: dict[PrincipalKind, int], session: Session, kind: PrincipalKind
    ) -> None:
        here, there = (logged_in(app, kind, principals[kind]) for _ in range(2))
        assert change(here)[0] == 303
        assert "パスワードを変更しました" in here.get("/account").text
        assert there.get("/account").status_code == 302
        fresh = app.test_client()
        assert isinstance(fresh, Portal)
        assert fresh.login(kind, LOGINS[kind]).status_code == 401
        assert fresh.login(kind, LOGINS[kind], NEW).status_code == 303
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.kind, entry.who) == ("login.password", kind, LOGINS[kind])
        assert (entry.account_id is None) == (kind is PrincipalKind.STAFF)
        assert NEW not in entry.detail

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"current": "wrong"}, "現在のパスワードが違います"),
            ({"current": ""}, "現在のパスワードが違います"),
            ({"again": "other"}, "一致しません"),
            ({"password": "short", "again": "short"}, "10文字以上"),
            ({"password": "owner@example.jp", "again": "owner@example.jp"}, "推測されやすい"),
        ],
    )
    def test_what_is_refused(self, owner: Portal, session: Session, fields: dict[str, str], words: str) -> None:
        status, text = change(owner, **fields)
        assert (status, words in text) == (422, True)
        assert NEW not in text
        assert actions(session) == []

    def test_a_session_left_open_is_no_way_to_guess_it(self, owner: Portal) -> None:
        answers = [change(owner, current=f"guess {number}")[1] for number in range(11)]
        assert ["現在のパスワードが違います" in text for text in answers] == [True] * 10 + [False]
        assert "操作が多すぎます" in change(owner)[1]


class TestEmail:
    def test_it_counts_once_its_link_was_opened(
        self, owner: Portal, mailbox: Mailbox, session: Session, customers: Customers
    ) -> None:
        assert new_email(owner, "new@example.jp")[0] == 303
        (mail,) = mailbox.deliver()
        assert mail["To"] == "new@example.jp"
        account = session.get_one(Account, customers.accounts["owner"])
        assert account.email == "owner@example.jp"
        path = path_of(mail, PUBLIC_URL)
        page = owner.get(path)
        assert "new@example.jp" in page.text
        session.expire_all()
        assert account.email == "owner@example.jp"
        assert owner.submit(page, path).location == "/account"
        session.expire_all()
        assert account.email == "new@example.jp"
        assert owner.submit(page, path).status_code == 410
        (notice,) = mailbox.deliver()
        assert notice["To"] == "owner@example.jp"
        assert "new@example.jp" not in notice.as_string()
        assert actions(session) == ["login.email-asked", "login.email"]

    def test_a_circle_may_have_one_of_its_own(
        self, app: Flask, mailbox: Mailbox, session: Session, customers: Customers
    ) -> None:
        tokyo = logged_in(app, PrincipalKind.CIRCLE, customers.circles["tokyo"])
        assert new_email(tokyo, "tokyo@example.jp")[0] == 303
        path = path_of(mailbox.deliver()[0], PUBLIC_URL)
        assert tokyo.submit(tokyo.get(path), path).status_code == 303
        assert session.get_one(Circle, customers.circles["tokyo"]).email == "tokyo@example.jp"
        assert mailbox.deliver() == []

    def test_links_that_the_old_address_got_are_void(self, owner: Portal, app: Flask, mailbox: Mailbox) -> None:
        anybody = app.test_client()
        assert isinstance(anybody, Portal)
        anybody.submit(anybody.get("/login?as=unique"), "/reminder/unique", login_id=LINE_NUMBERS["live"])
        old = path_of(mailbox.deliver()[0], PUBLIC_URL)
        new_email(owner, "new@example.jp")
        path = path_of(mailbox.deliver()[0], PUBLIC_URL)
        assert anybody.get(old).status_code == 200
        owner.submit(owner.get(path), path)
        assert anybody.get(old).status_code == 410

    @pytest.mark.parametrize(
        "email",
        ["", "x", "x@y", "a b@example.jp", "a@example.jp,b@example.jp", "a@example.jp\r\nBcc: b@example.jp",
         "<a@example.jp>", "あ@example.jp", "a" * 250 + "@example.jp", "@example.jp", "a@", "a@@example.jp"],
    )  # fmt: skip
    def test_what_is_no_address(self, owner: Portal, mailbox: Mailbox, email: str) -> None:
        status, text = new_email(owner, email)
        assert (status, "形式が正しくありません" in text) == (422, True)
        assert mailbox.deliver() == []

    def test_it_wants_the_password(self, owner: Portal, mailbox: Mailbox) -> None:
        assert new_email(owner, "new@example.jp", "wrong")[0] == 422
        assert mailbox.deliver() == []

    def test_nobody_is_flooded_from_here(self, owner: Portal, mailbox: Mailbox) -> None:
        answers = [new_email(owner, f"victim{number}@example.jp")[0] for number in range(6)]
        assert answers == [303] * 5 + [429]
        assert len(mailbox.deliver()) == 5

    def test_without_redis(self, owner: Portal, breakable_redis: RedisServer, session: Session) -> None:
        page = owner.get("/account")
        breakable_redis.kill()
        answer = owner.submit(page, "/account/email", current=PASSWORD, email="new@example.jp")
        assert answer.status_code == 503
        assert "いまはメールを送信できません" in answer.text
        assert actions(session) == []


class TestSessions:
    def test_they_are_listed_without_their_ids(
        self, app: Flask, owner: Portal, session: Session, customers: Customers
    ) -> None:
        row = session.scalars(select(LoginSession)).one()
        row.user_agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1"
        row.address = "2001:db8::7"
        session.commit()
        logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])
        page = owner.get("/account").text
        assert "Safari / iPhone" in page
        assert "2001:db8::7" in page
        assert row.id not in page
        assert page.count("/account/sessions/") == 2

    def test_one_is_ended_here_and_in_its_open_page(
        self, app: Flask, owner: Portal, customers: Customers, redis: "Redis", session: Session
    ) -> None:
        other = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])
        open_page = live_fields(other.get(f"/circles/{customers.circles['tokyo']}").text)
        assert poll(other, open_page).status_code == 204
        with other.session_transaction() as cookie:
            session_id = cookie["_user_id"]
        answer = owner.submit(owner.get("/account"), f"/account/sessions/{keys.digest(session_id)}/end")
        assert answer.location == "/account"
        assert poll(other, open_page).headers["HX-Redirect"] == "/login"
        assert owner.get("/account").status_code == 200
        assert not redis.get(keys.session(session_id))
        assert actions(session) == ["login.session-ended"]

    def test_ones_own_is_a_logout(self, owner: Portal) -> None:
        with owner.session_transaction() as cookie:
            session_id = cookie["_user_id"]
        answer = owner.submit(owner.get("/account"), f"/account/sessions/{keys.digest(session_id)}/end")
        assert answer.location == "/login"
        assert owner.get("/account").status_code == 302

    def test_everywhere(self, app: Flask, owner: Portal, customers: Customers, session: Session) -> None:
        others = [logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"]) for _ in range(2)]
        stranger = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])
        assert owner.submit(owner.get("/account"), "/account/sessions/end").location == "/login"
        assert [client.get("/account").status_code for client in (owner, *others)] == [302] * 3
        assert stranger.get("/account").status_code == 200
        assert actions(session) == ["login.sessions-ended"]

    def test_somebody_elses_is_not_there(self, app: Flask, owner: Portal, customers: Customers) -> None:
        stranger = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])
        with stranger.session_transaction() as cookie:
            session_id = cookie["_user_id"]
        path = f"/account/sessions/{keys.digest(session_id)}/end"
        assert owner.post(path, data={"csrf_token": csrf_of(owner)}).status_code == 404
        assert stranger.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge / Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox / Linux"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36", "Chrome / Android"),
        ("curl/8.0", "curl/8.0"),
        ("x" * 500, "x" * 60),
        ("", ""),
    ],
)
def test_browsers_are_known_by_their_marks(user_agent: str, words: str) -> None:
    assert browser_of(user_agent) == words


def test_a_line_without_a_password_of_its_own_has_none_to_change(
    app: Flask, session: Session, customers: Customers
) -> None:
    client = logged_in(app, PrincipalKind.UNIQUE, customers.uniques["live"])
    session.get_one(Unique, customers.uniques["live"]).password_hash = None
    session.commit()
    assert change(client, current="")[0] == 422
