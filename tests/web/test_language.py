"""言語を選択: remembered per account."""

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, AuditEntry, PrincipalKind
from tests.support.customers import CIRCLE_NUMBERS, Customers
from tests.support.portal import Portal
from tests.web.given import csrf_of


def actions(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(AuditEntry.action)))


def test_it_is_there_at_the_next_login_in_another_browser(
    app: Flask, client: Portal, session: Session, customers: Customers
) -> None:
    client.login(PrincipalKind.ACCOUNT, "owner")
    client.post("/language/en", data={"csrf_token": csrf_of(client), "back": "/account"})
    assert session.get_one(Account, customers.accounts["owner"]).locale == "en"
    other = app.test_client()
    assert isinstance(other, Portal)
    other.login(PrincipalKind.ACCOUNT, "owner")
    assert '<html lang="en">' in other.get("/account").text
    assert actions(session) == ["login.language"]


def test_a_choice_at_the_login_page_is_newer(client: Portal, session: Session, customers: Customers) -> None:
    session.get_one(Account, customers.accounts["owner"]).locale = "ja"
    session.commit()
    client.get("/login")
    client.submit(client.get("/login"), "/language/en")
    client.login(PrincipalKind.ACCOUNT, "owner")
    assert '<html lang="en">' in client.get("/account").text
    session.expire_all()
    assert session.get_one(Account, customers.accounts["owner"]).locale == "en"


def test_a_circle_reads_its_accounts_language_and_does_not_change_it(
    client: Portal, session: Session, customers: Customers
) -> None:
    account = session.get_one(Account, customers.accounts["owner"])
    account.locale = "en"
    session.commit()
    client.login(PrincipalKind.CIRCLE, CIRCLE_NUMBERS["tokyo"])
    assert '<html lang="en">' in client.get("/account").text
    client.post("/language/ja", data={"csrf_token": csrf_of(client)})
    assert '<html lang="ja">' in client.get("/account").text
    session.expire_all()
    assert account.locale == "en"


def test_a_language_that_an_import_made_up(client: Portal, session: Session, customers: Customers) -> None:
    session.get_one(Account, customers.accounts["owner"]).locale = "fr"
    session.commit()
    assert client.login(PrincipalKind.ACCOUNT, "owner").status_code == 303
    assert '<html lang="ja">' in client.get("/account").text
