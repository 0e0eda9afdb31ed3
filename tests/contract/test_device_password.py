"""From a customer's form to a phone that registers: the portal, RQ and a real Kamailio with its subscriber table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from app.config import Config
from app.models import PrincipalKind, SipServer
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, Customers
from tests.support.kamailio import Kamailio
from tests.support.kamailio_db import KamailioDatabase, on_sqlite
from tests.support.portal import Portal
from tests.support.registrar import REALM
from tests.support.sip import Phone
from tests.web.given import logged_in
from workers import jobs
from workers.runtime import Runtime

NUMBER = LINE_NUMBERS["live"]
OLD, NEW = "the-old-one-17", "tsubame-Kaze.42"
REFUSED = 401


@pytest.fixture
def subscribers(tmp_path: Path) -> KamailioDatabase:
    made = on_sqlite(tmp_path)
    made.subscribe(NUMBER, REALM, OLD)
    return made


@pytest.fixture
def kamailio(tmp_path: Path, subscribers: KamailioDatabase) -> Iterator[Kamailio]:
    with Kamailio(tmp_path, defines=["WITH_SQLITE"], subscribers=subscribers.theirs) as running:
        yield running


@pytest.fixture
def path(kamailio: Kamailio, subscribers: KamailioDatabase, session: Session, customers: Customers) -> str:
    """The page of a line whose login server is this Kamailio."""
    server = session.get_one(SipServer, customers.servers[LIVE_HOST])
    server.hostname, server.family, server.management_url = REALM, "kamailio", kamailio.endpoint().url
    server.options = f"subscriber_url={subscribers.ours}"
    session.commit()
    return f"/uniques/{customers.uniques['live']}/password"


@pytest.fixture
def owner(app: Flask, customers: Customers) -> Portal:
    return logged_in(app, PrincipalKind.ACCOUNT, customers.accounts["owner"])


@pytest.fixture
def work(config: Config, redis: "Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleWorker]:
    """A worker as RQ's own, in this process."""
    runtime = Runtime.from_config(config)
    monkeypatch.setattr(jobs, "current", lambda: runtime)
    queue = Queue("lookups", connection=redis, serializer=JSONSerializer)
    yield SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    runtime.redis.close()
    runtime.sessions.kw["bind"].dispose()


def test_the_new_password_registers_and_the_old_one_does_not(
    kamailio: Kamailio, owner: Portal, path: str, work: SimpleWorker, subscribers: KamailioDatabase
) -> None:
    with Phone(kamailio.address, NUMBER, OLD, domain=REALM) as phone:
        assert phone.register() == 200
    assert owner.submit(owner.get(path), path, password=NEW, again=NEW).status_code == 303
    work.work(burst=True)
    assert "上書きしました。" in owner.get(path).text
    with Phone(kamailio.address, NUMBER, OLD, domain=REALM) as phone:
        assert phone.register() == REFUSED
    with Phone(kamailio.address, NUMBER, NEW, domain=REALM) as phone:
        assert phone.register() == 200
    assert NEW not in str(subscribers.rows("SELECT * FROM subscriber"))


def test_a_line_that_the_server_does_not_know(
    owner: Portal, path: str, work: SimpleWorker, subscribers: KamailioDatabase
) -> None:
    subscribers.execute("DELETE FROM subscriber")
    owner.submit(owner.get(path), path, password=NEW, again=NEW)
    work.work(burst=True)
    assert "サーバーがパスワードを受け付けませんでした。" in owner.get(path).text


def test_a_table_that_is_gone(owner: Portal, path: str, work: SimpleWorker, subscribers: KamailioDatabase) -> None:
    subscribers.execute("DROP TABLE subscriber")
    owner.submit(owner.get(path), path, password=NEW, again=NEW)
    work.work(burst=True)
    assert "サーバー側の設定のため、パスワードを変えられませんでした。" in owner.get(path).text
