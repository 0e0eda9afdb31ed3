"""The real parts as fixtures; each is started when the first test wants it, and tests/support says what it is.

`any_database` runs a test on SQLite and on PostgreSQL, `breakable_redis` gives it a Redis that it may stop and kill,
`clock` a clock that it moves: with `@pytest.mark.usefixtures` or as an argument, the portal then uses that one.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from hypothesis import settings as hypothesis
from playwright.sync_api import Browser, Page
from redis import Redis
from sqlalchemy.orm import Session

from app import create_app
from app.config import Config
from app.extensions import db
from tests.support.browser import chromium, context_for
from tests.support.clock import Clock
from tests.support.customers import Customers, load
from tests.support.databases import KINDS, Databases, settings
from tests.support.portal import Portal
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.templates import TEMPLATES
from tests.support.web import LiveServer, Workers

# How long an example takes says something of the machine's load, nothing of the code.
hypothesis.register_profile("portal", deadline=None)
hypothesis.load_profile("portal")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis of all tests that leave it alone."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def breakable_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own, to be stopped, killed and held."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """Where Redis is for this test."""
    name = "breakable_redis" if "breakable_redis" in request.fixturenames else "redis_server"
    return cast("RedisServer", request.getfixturevalue(name)).url


@pytest.fixture
def redis(redis_url: str) -> "Iterator[Redis]":
    """A client of an empty Redis."""
    with Redis.from_url(redis_url, socket_timeout=10) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Makes databases of either kind."""
    return Databases(tmp_path_factory.mktemp("databases"), lambda: request.getfixturevalue("postgres"))


@pytest.fixture(params=KINDS)
def any_database(request: pytest.FixtureRequest) -> str:
    """The test runs once on each kind of database."""
    return str(request.param)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite, unless the test asked for any database."""
    return str(request.getfixturevalue("any_database")) if "any_database" in request.fixturenames else "sqlite"


@pytest.fixture
def empty_database(databases: Databases, database_kind: str) -> Iterator[str]:
    """The URL of a database that no migration has touched."""
    url = databases.empty(database_kind)
    yield url
    databases.drop(url)


@pytest.fixture
def database_url(databases: Databases, database_kind: str) -> Iterator[str]:
    """The URL of a fresh database that the migrations made."""
    url = databases.migrated(database_kind)
    yield url
    databases.drop(url)


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    """What the portal and the workers of this test read their configuration from."""
    return settings(database_url, redis_url)


@pytest.fixture
def config(environ: dict[str, str]) -> Config:
    """The same, as read."""
    return Config.from_env(environ)


@pytest.fixture
def clock() -> Clock:
    """The portal's clock, for the test to move."""
    return Clock()


@pytest.fixture
def app(request: pytest.FixtureRequest, config: Config, redis: "Redis") -> Iterator[Flask]:
    """The portal in this process."""
    portal = create_app(config)
    portal.test_client_class = Portal
    portal.jinja_env.bytecode_cache = TEMPLATES
    if "clock" in request.fixturenames:
        services = portal.extensions["services"]
        portal.extensions["services"] = replace(services, clock=request.getfixturevalue("clock"))
    yield portal
    portal.extensions["services"].redis.close()
    with portal.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> Portal:
    """A browser's stand-in: keeps cookies, fills in forms."""
    return cast("Portal", app.test_client())


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A database session of its own, on the portal's database."""
    with app.app_context():
        engine = db.engine
    # Without an application context around it: requests of the same test would all share what that one remembers.
    with Session(engine) as session:
        yield session


@pytest.fixture
def customers(app: Flask) -> Customers:
    """The small set of customers, stored."""
    with app.app_context(), Session(db.engine) as session:
        return load(session)


@pytest.fixture
def live_server(environ: dict[str, str], tmp_path: Path) -> Iterator[LiveServer]:
    """The portal under gunicorn."""
    server = LiveServer(environ, tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def workers(environ: dict[str, str], redis: "Redis", tmp_path: Path) -> Iterator[Workers]:
    """The scheduler and the RQ workers, running."""
    both = Workers(environ, tmp_path)
    both.start()
    yield both
    both.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. For one module, since Playwright's loop keeps others from running in the same thread."""
    with chromium() as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of. A test that breaks something on purpose takes out what it expects."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, complaints: list[str]) -> Iterator[Page]:
    """An empty page of a person in Japan; errors of script, network or policy fail the test."""
    context = context_for(browser, live_server.url, complaints)
    yield context.new_page()
    context.close()
    assert complaints == []
