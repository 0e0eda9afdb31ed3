"""Whoever forgot a password gets a link by mail; whoever only guesses login IDs learns nothing."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.config import Config
from app.models import Account, AuditEntry, Circle, MailedLink, PrincipalKind
from tests.support.clock import Clock
from tests.support.customers import CIRCLE_NUMBERS, LINE_NUMBERS, Customers
from tests.support.databases import PUBLIC_URL
from tests.support.portal import Portal, forms
from tests.support.redis import RedisServer
from tests.web.given import csrf_of, logged_in, plain, statements
from tests.web.mailbox import Mailbox, link_in, path_of

NEW = "kumo no ue no denwa 7"
LOGINS = {"account": "owner", "circle": CIRCLE_NUMBERS["tokyo"], "unique": LINE_NUMBERS["live"]}
pytestmark = pytest.mark.usefixtures("customers")


def ask(client: Portal, kind: str = "account", login_id: str = "owner"):  # type: ignore[no-untyped-def] # the client's own answer
    page = client.get(f"/login?as={kind}")
    return client.submit(page, f"/reminder/{kind}", login_id=login_id)


def link(client: Portal, mailbox: Mailbox, kind: str = "account", login_id: str = "owner") -> str:
    """The path of a link that was just asked for."""
    assert ask(client, kind, login_id).status_code == 303
    (mail,) = mailbox.deliver()
    return path_of(mail, PUBLIC_URL)


def set_password(client: Portal, path: str, password: str = NEW, again: str = NEW):  # type: ignore[no-untyped-def] # as above
    return client.submit(client.get(path), path, password=password, again=again)


@pytest.mark.parametrize("kind", LOGINS)
def test_the_whole_way(client: Portal, mailbox: Mailbox, session: Session, kind: str) -> None:
    answer = ask(client, kind, LOGINS[kind])
    assert (answer.status_code, answer.location) == (303, f"/login?as={kind}")
    assert "リマインドメールをお送りします" in client.get(answer.location).text
    (mail,) = mailbox.deliver()
    assert mail["To"] == "owner@example.jp"
    assert LOGINS[kind] in mail.get_content()
    path = path_of(mail, PUBLIC_URL)
    assert LOGINS[kind] in client.get(path).text

    done = set_password(client, path)
    assert (done.status_code, done.location) == (303, f"/login?as={kind}")
    assert "新しいパスワードを設定しました" in client.get(done.location).text
    assert client.login(PrincipalKind(kind), LOGINS[kind]).status_code == 401
    assert client.login(PrincipalKind(kind), LOGINS[kind], NEW).status_code == 303
    written = {(entry.action, entry.who, entry.address) for entry in session.scalars(select(AuditEntry))}
    assert {
        ("login.reminder", LOGINS[kind], "127.0.0.1"),
        ("login.password-by-link", LOGINS[kind], "127.0.0.1"),
    } == written


def test_a_link_is_good_once(client: Portal, mailbox: Mailbox) -> None:
    path = link(client, mailbox)
    page = client.get(path)
    assert set_password(client, path).status_code == 303
    assert client.get(path).status_code == 410
    late = client.submit(page, path, password="another kumo no ue 8", again="another kumo no ue 8")
    assert late.status_code == 410
    assert client.login(PrincipalKind.ACCOUNT, "owner", NEW).status_code == 303


def test_opening_it_changes_nothing(client: Portal, mailbox: Mailbox) -> None:
    """Programs that look for malice in mails open every link."""
    path = link(client, mailbox)
    assert [client.get(path).status_code for _ in range(3)] == [200] * 3
    assert client.head(path).status_code == 200
    assert set_password(client, path).status_code == 303


def test_it_is_good_for_half_an_hour(app: Flask, client: Portal, mailbox: Mailbox, session: Session) -> None:
    path = link(client, mailbox)
    expires = session.scalars(select(MailedLink.expires_at)).one()
    services = app.extensions["services"]
    clock = Clock()
    app.extensions["services"] = replace(services, clock=clock)
    clock.now = expires.replace(microsecond=0)
    clock.advance(-1)
    page = client.get(path)
    assert page.status_code == 200
    clock.advance(2)
    assert client.get(path).status_code == 410
    assert client.submit(page, path, password=NEW, again=NEW).status_code == 410


def test_using_one_voids_all_others(client: Portal, mailbox: Mailbox) -> None:
    first, second = link(client, mailbox), link(client, mailbox)
    assert set_password(client, first).status_code == 303
    assert client.get(second).status_code == 410


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        (NEW, NEW + "x", "一致しません"),
        ("short", "short", "10文字以上"),
        ("password12345", "password12345", "推測されやすい"),
        ("owner@example.jp", "owner@example.jp", "推測されやすい"),
        ("x" * 201, "x" * 201, "200文字以下"),
    ],
)
def test_a_refused_password_leaves_the_link(
    client: Portal, mailbox: Mailbox, password: str, again: str, words: str
) -> None:
    path = link(client, mailbox)
    answer = set_password(client, path, password, again)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{password}"' not in answer.text
    assert set_password(client, path).status_code == 303


def test_it_logs_everybody_out(app: Flask, client: Portal, mailbox: Mailbox, customers: Customers) -> None:
    theirs = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])
    other = logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])
    assert set_password(client, link(client, mailbox)).status_code == 303
    assert theirs.get("/account").status_code == 302
    assert other.get("/account").status_code == 200


def test_nobody_learns_whether_a_login_id_exists(app: Flask, client: Portal, mailbox: Mailbox, redis: "Redis") -> None:
    seen = []
    for login_id in ("owner", "nobody"):
        page = client.get("/login?as=account")
        with statements(app) as sent:
            answer = client.submit(page, "/reminder/account", login_id=login_id)
        jobs = mailbox.queue.jobs
        seen.append((answer.status_code, answer.location, plain(client.get(answer.location)), len(sent), len(jobs)))
        sent_mails = mailbox.deliver()
        assert bool(sent_mails) == (login_id == "owner")
        assert all(job.args[1] == login_id and job.description == "workers.jobs.mail_reminder" for job in jobs)
    assert seen[0] == seen[1]
    assert redis.keys("tsunagari:*owner*") == []


def test_no_secret_is_kept(client: Portal, mailbox: Mailbox, session: Session) -> None:
    secret = link(client, mailbox).rpartition("/")[2]
    row = session.scalars(select(MailedLink)).one()
    assert secret not in (row.digest, row.email)
    assert len(secret) >= 43


def test_one_login_id_is_mailed_a_few_times_only(app: Flask, mailbox: Mailbox) -> None:
    answers = {}
    for login_id in ("owner", "nobody"):
        seen = []
        for number in range(6):
            client = app.test_client()
            assert isinstance(client, Portal)
            client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
            seen.append(ask(client, "account", login_id))
        assert [answer.status_code for answer in seen] == [303] * 5 + [429]
        assert int(seen[-1].headers["Retry-After"]) > 0
        answers[login_id] = plain(seen[-1])
    assert answers["owner"] == answers["nobody"]
    assert len(mailbox.deliver()) == 5


def test_one_address_may_ask_a_few_times_only(client: Portal) -> None:
    answers = [ask(client, "account", f"somebody-{number}").status_code for number in range(11)]
    assert answers == [303] * 10 + [429]


@pytest.mark.parametrize("login_id", ["owner", "nobody"])
def test_without_redis_it_says_that_it_can_not_be_sent_now(
    client: Portal, breakable_redis: RedisServer, login_id: str
) -> None:
    page = client.get("/login?as=account")
    breakable_redis.kill()
    answer = client.submit(page, "/reminder/account", login_id=login_id)
    assert answer.status_code == 503
    assert "いまはメールを送信できません" in answer.text


def test_where_no_mails_are_sent_there_is_no_form(config: Config, client: Portal) -> None:
    portal = create_app(replace(config, mail_url=""))
    silent = Portal(portal, portal.response_class)
    page = silent.get("/login?as=account")
    assert "/reminder/" not in page.text
    assert "サポートまでお問い合わせ" in page.text
    data = {"csrf_token": csrf_of(silent), "login_id": "owner"}
    assert silent.post("/reminder/account", data=data).status_code == 503
    portal.extensions["services"].redis.close()
    assert "/reminder/account" in client.get("/login").text


def test_a_link_leads_to_the_configured_address_whatever_the_request_says(client: Portal, mailbox: Mailbox) -> None:
    evil: dict[str, Any] = {"base_url": "http://evil.example", "headers": {"X-Forwarded-Host": "evil.example"}}
    page = client.get("/login", **evil)
    token = forms(page.text)[0].fields["csrf_token"]
    answer = client.post("/reminder/account", data={"csrf_token": token, "login_id": "owner"}, **evil)
    assert answer.status_code == 303
    (mail,) = mailbox.deliver()
    assert link_in(mail).startswith(f"{PUBLIC_URL}/links/password/")


def test_a_circle_has_an_address_of_its_own(
    client: Portal, mailbox: Mailbox, session: Session, customers: Customers
) -> None:
    session.get_one(Circle, customers.circles["tokyo"]).email = "tokyo@example.jp"
    session.commit()
    for kind in ("circle", "unique"):
        ask(client, kind, LOGINS[kind])
    assert [mail["To"] for mail in mailbox.deliver()] == ["tokyo@example.jp"] * 2


def test_a_mail_is_in_the_accounts_language(
    client: Portal, mailbox: Mailbox, session: Session, customers: Customers
) -> None:
    ask(client)
    assert "再設定" in mailbox.deliver()[0]["Subject"]
    session.get_one(Account, customers.accounts["owner"]).locale = "en"
    session.commit()
    ask(client, "unique", LOGINS["unique"])
    (mail,) = mailbox.deliver()
    assert mail["Subject"] == "[Tsunagari] Set a new password"
    assert "Unique login ID" in mail.get_content()


def test_a_link_is_good_for_its_own_purpose_only(client: Portal, mailbox: Mailbox) -> None:
    path = link(client, mailbox)
    secret = path.rpartition("/")[2]
    assert client.get(f"/links/email/{secret}").status_code == 410
    token = csrf_of(client)
    assert client.post(f"/links/email/{secret}", data={"csrf_token": token}).status_code == 410
    assert set_password(client, path).status_code == 303


@pytest.mark.parametrize("secret", ["x", "%00", "%ff%fe", "a" * 5000, "..", "'; drop table mailed_link; --"])
@pytest.mark.parametrize("purpose", ["password", "email"])
def test_rubbish_is_no_link(client: Portal, purpose: str, secret: str) -> None:
    assert client.get(f"/links/{purpose}/{secret}").status_code in (404, 410)


@pytest.mark.parametrize("kind", ["staff", "root"])
def test_others_have_no_reminder(client: Portal, kind: str) -> None:
    token = csrf_of(client)
    assert client.post(f"/reminder/{kind}", data={"csrf_token": token, "login_id": "staff"}).status_code == 404
    assert "/reminder/" not in client.get("/staff/login").text
