"""A portal in this process, of any size, with its lines registered in Redis by a real pull."""

import itertools
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine

from app import create_app
from app.config import Config
from app.domain.registration import Contact, PullReport, Registration
from app.extensions import db
from app.models import PrincipalKind
from app.throttle import Rule, Throttle
from bench import customers
from bench.customers import Size
from tests.support.databases import Databases, settings
from tests.support.portal import Portal
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.web.given import logged_in
from tests.workers.fakes import FakeAdapter, runtime_with
from workers import pulling

NOW = datetime.now(UTC).replace(microsecond=0)
"""The time of every portal here: what was pulled stays fresh for as long as it is measured."""

_LEASE_SECONDS = 600.0


class Patient(Throttle):
    """Counts as the portal does, and lets everything happen: a measurement asks more often than any person."""

    def hit(self, rule: Rule, *identity: str) -> bool:
        """Always."""
        super().hit(rule, *identity)
        return True


@dataclass(frozen=True, slots=True)
class Stage:
    """One portal."""

    app: Flask
    size: Size

    def person(self, kind: PrincipalKind, principal_id: int) -> Portal:
        """Somebody who is logged in."""
        return logged_in(self.app, kind, principal_id, NOW)


class House:
    """Databases of each kind and one Redis, all ended and removed with the block that holds them."""

    def __init__(self, databases: Databases, redis: RedisServer, opened: ExitStack) -> None:
        self._databases = databases
        self._redis = redis
        self._opened = opened
        self._numbers = itertools.count()

    def stage(self, kind: str, size: Size) -> Stage:
        """A portal with `size` customers, whose phones have registered."""
        database = self._databases.migrated(kind)
        engine = create_engine(database)
        customers.load(engine, size)
        engine.dispose()
        config = Config.from_env(settings(database, self._redis.url.replace("/0", f"/{next(self._numbers)}")))
        _pull(config, size)
        app = create_app(config)
        app.test_client_class = Portal
        services = app.extensions["services"]
        app.extensions["services"] = replace(services, clock=lambda: NOW, throttle=Patient(services.redis))
        self._opened.callback(_close, app)
        return Stage(app, size)


def _close(app: Flask) -> None:
    app.extensions["services"].redis.close()
    with app.app_context():
        db.engine.dispose()


def _pull(config: Config, size: Size) -> None:
    """Let a worker pull once, as it would from a server that tells of these lines."""
    adapter = FakeAdapter(map(_registration, customers.registered(size)), report=PullReport(NOW))
    runtime = replace(runtime_with(config, adapter), clock=lambda: NOW)
    # Nobody else pulls here: a machine that is busy with a million lines may take its time.
    pulling.LEASE_SECONDS = _LEASE_SECONDS
    pulling.run_pull(runtime, customers.LIVE)
    runtime.redis.close()
    runtime.sessions.kw["bind"].dispose()


def _registration(aor: str) -> Registration:
    contact = Contact(f"sip:{aor}@192.0.2.1:5060", "192.0.2.1:5060", "udp", "Yealink SIP-T46S 66.86.0.15", NOW)
    return Registration(aor, (contact,))


@contextmanager
def house() -> Iterator[House]:
    """Everything that stages need, in a folder of its own."""
    # Whoever ends a measurement ends what it started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="tsunagari-bench-")))
        redis = RedisServer(folder)
        opened.callback(redis.stop)
        redis.start()
        yield House(Databases(folder, _once(opened)), redis, opened)


def _once(opened: ExitStack) -> Callable[[], Postgres]:
    """Starts PostgreSQL when it is first asked for."""
    started: list[Postgres] = []

    def postgres() -> Postgres:
        if not started:
            started.append(Postgres())
            opened.callback(started[0].stop)
            started[0].start()
        return started[0]

    return postgres
