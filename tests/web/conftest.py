"""People in front of the portal, each with a browser of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.auth import passwords
from app.models import PrincipalKind
from tests.support.clock import Clock
from tests.support.customers import CHEAP, ON_DEMAND_HOST, Customers, password_hash
from tests.support.databases import settings
from tests.support.portal import Portal
from tests.web.chronicle import Chronicle
from tests.web.given import Registrars, logged_in
from tests.web.mailbox import Mailbox


@pytest.fixture
def dear_passwords() -> None:
    """Passwords cost in this test what they cost in production."""


@pytest.fixture(autouse=True)
def price_of_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are cheap in every test but those that want `dear_passwords`."""
    if "dear_passwords" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", CHEAP)
        monkeypatch.setattr(passwords, "_NOBODY", password_hash())


@pytest.fixture
def owner(app: Flask, customers: Customers) -> Portal:
    """The account that owns the circles tokyo and osaka."""
    return logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])


@pytest.fixture
def stranger(app: Flask, customers: Customers) -> Portal:
    """Another account."""
    return logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["stranger"])


@pytest.fixture
def staff(app: Flask, customers: Customers) -> Portal:
    """Support."""
    return logged_in(app, PrincipalKind.STAFF, customers.staff)


@pytest.fixture
def registrars(redis: "Redis", customers: Customers, clock: Clock) -> Registrars:
    """What the workers know; on the portal's own clock."""
    return Registrars(redis, customers, clock)


@pytest.fixture
def chronicle(session: Session, customers: Customers, clock: Clock) -> Chronicle:
    """What the workers wrote into the history; on the portal's own clock."""
    return Chronicle(session, customers, clock)


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Mails go to a folder of the test's own."""
    return settings(database_url, redis_url) | {"MAIL_URL": f"file://{tmp_path / 'mail'}"}


@pytest.fixture
def mailbox(redis: "Redis", environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """The mails that the portal sends."""
    made = Mailbox(redis, environ, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def path(customers: Customers) -> str:
    """Where the list of the circle tokyo is."""
    return f"/circles/{customers.circles['tokyo']}"


@pytest.fixture
def page(owner: Portal, registrars: Registrars, path: str) -> TestResponse:
    """A list on which `live` is registered and `phone` is not."""
    registrars.answered("live")
    registrars.answered(host=ON_DEMAND_HOST)
    return owner.get(path)
