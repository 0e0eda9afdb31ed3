"""Customers as they mostly are: many small circles and some large ones on several servers, each with somebody looking.

The portal's database, its Redis and the pulls are real; only what the servers answer is made up, so that it costs next
to nothing.
"""

import itertools
import random
import secrets
import signal
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from redis import Redis
from sqlalchemy import String, create_engine, insert
from sqlalchemy.orm import Session

from app import create_app
from app.config import Config
from app.domain.record import Row, row_of
from app.domain.registration import Contact, PullReport, Registration
from app.domain.sign import Mode
from app.live import token
from app.models import Account, Base, Circle, LoginSession, PrincipalKind, SipServer, Unique
from app.scope import Scope
from app.store import keys
from app.store.connection import connect
from app.store.lines import Line
from bench.crowd import user
from bench.customers import bulk
from tests.support.databases import Databases, settings
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.workers.fakes import FakeAdapter, runtime_with
from workers.pulling import run_pull
from workers.sip.base import Pull

LARGE, SMALL = 100, 11
"""Lines of every tenth circle, and of all others: twenty on average."""
_CHUNK = 10_000
_OWN = ("id", "circle_id", "server_id")
_ID = "_user_id"
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Tenant:
    """One circle; its id and those of its lines count from 1."""

    circle_id: int
    server_id: int
    lines: range

    @property
    def scope(self) -> Scope:
        """Who looks at it."""
        return Scope(PrincipalKind.CIRCLE, self.circle_id)

    @property
    def view(self) -> token.View:
        """What the open page of the circle signs."""
        numbers = tuple(map(user, self.lines))
        lines = tuple(
            Line(line, self.server_id, number, Mode.LIVE) for line, number in zip(self.lines, numbers, strict=True)
        )
        spots = ((self.server_id, self.circle_id),)
        return token.View(str(self.scope), "ja", (self.circle_id,), lines, numbers, spots, compared=True)


def tenants(circles: int, servers: int) -> list[Tenant]:
    """So many circles, in turns on so many servers."""
    found, first = [], 1
    for circle in range(1, circles + 1):
        size = LARGE if circle % 10 == 1 else SMALL
        found.append(Tenant(circle, circle % servers + 1, range(first, first + size)))
        first += size
    return found


@dataclass
class Answering(FakeAdapter):
    """A server that tells of its lines as bytes that were made before; `away` are not registered."""

    held: dict[int, Row] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)

    def snapshot(self) -> Pull:
        """As from a real one."""
        return Pull(self._rows())

    def _rows(self) -> Generator[list[Row], None, PullReport]:
        rows = [row for line, row in self.held.items() if line not in self.away]
        for start in range(0, len(rows), _BATCH):
            yield rows[start : start + _BATCH]
        return PullReport(datetime.now(UTC))


@dataclass(frozen=True)
class Estate:
    """Everything but the web server; as a value, it can be handed to another process."""

    environ: dict[str, str]
    folder: Path
    tenants: Sequence[Tenant]

    @cached_property
    def config(self) -> Config:
        """The portal's."""
        return Config.from_env(self.environ)

    @cached_property
    def app(self) -> Flask:
        """The portal in this process, which signs what pages and cookies carry."""
        return create_app(self.config)

    @cached_property
    def client(self) -> "Redis":
        """To its Redis."""
        return connect(self.config.redis_url, patience=10)

    def servers(self) -> dict[int, Answering]:
        """What each server answers; nine of ten lines are registered."""
        found: dict[int, Answering] = {tenant.server_id: Answering() for tenant in self.tenants}
        for tenant in self.tenants:
            found[tenant.server_id].held |= {line: _row(user(line)) for line in tenant.lines}
            found[tenant.server_id].away |= {line for line in tenant.lines if line % 10 == 0}
        return found

    def pull(self, server_id: int, server: Answering) -> None:
        """One real pull."""
        run_pull(runtime_with(self.config, server), server_id)

    def tokens(self) -> Iterator[str]:
        """The signed view of each tenant's page."""
        with self.app.app_context():
            for tenant in self.tenants:
                yield token.dump(tenant.view)

    def cookies(self, dice: random.Random) -> list[str]:
        """Log everybody in, each for himself. Redis confirmed each at some time within the last minutes."""
        now, ids = datetime.now(UTC), [secrets.token_urlsafe(32) for _ in self.tenants]
        rows = [
            {
                "id": session_id, "kind": tenant.scope.kind, "principal_id": tenant.scope.id,
                "created_at": now, "expires_at": now + timedelta(hours=12), "address": "", "user_agent": "",
            }
            for session_id, tenant in zip(ids, self.tenants, strict=True)
        ]  # fmt: skip
        _store(self.config.database_url, LoginSession, rows)
        with self.client.pipeline(transaction=False) as pipe:
            for session_id, tenant in zip(ids, self.tenants, strict=True):
                left = dice.randrange(1, keys.SESSION_SECONDS)
                pipe.set(keys.session(session_id), str(tenant.scope), ex=left)
            pipe.execute()
        return list(map(self._cookie, ids))

    def _cookie(self, session_id: str) -> str:
        interface: Any = self.app.session_interface
        value = interface.get_signing_serializer(self.app).dumps({"_permanent": True, _ID: session_id})
        return f"{self.config.cookie_name}={value}"


def estate(parts: ExitStack, kind: str, held: Sequence[Tenant], interval: float) -> Estate:
    """Start everything and store the customers; all of it ends with `parts`. `interval`: seconds between two pulls."""
    # Whoever ends a measurement ends what it started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(parts.enter_context(TemporaryDirectory(prefix="tsunagari-tenants-")))
    redis = RedisServer(folder)
    parts.callback(redis.stop)
    redis.start()
    postgres = Postgres()
    if kind == "postgresql":
        parts.callback(postgres.stop)
        postgres.start()
    url = Databases(folder, lambda: postgres).migrated(kind)
    _customers(url, held, interval)
    return Estate(settings(url, redis.url), folder, held)


def _customers(url: str, held: Sequence[Tenant], interval: float) -> None:
    _store(url, SipServer, [
        {
            "id": server_id, "hostname": f"sip{server_id}.example.jp", "family": "kamailio", "live": True,
            "management_url": "http://127.0.0.1:9/", "pull_interval": interval,
        }
        for server_id in sorted({tenant.server_id for tenant in held})
    ])  # fmt: skip
    _store(url, Account, [{"id": 1, "login_id": "a", "password_hash": "", "email": "a@example.jp", "name": "繋がり"}])
    _store(url, Circle, [
        {"id": tenant.circle_id, "account_id": 1, "number": f"{tenant.circle_id:08}", "applied_on": date(2014, 6, 17)}
        for tenant in held
    ])  # fmt: skip
    lines = (_lines_of(tenant) for tenant in held)
    store_lines(url, itertools.chain.from_iterable(lines))


def _lines_of(tenant: Tenant) -> Iterator[tuple[int, int, int]]:
    return ((line, tenant.circle_id, tenant.server_id) for line in tenant.lines)


def store_lines(url: str, lines: Iterable[tuple[int, int, int]]) -> None:
    """Store lines by their ids, circles and servers."""
    texts = (column for column in Unique.__table__.columns if isinstance(column.type, String) and not column.nullable)
    empty = {column.name: "" for column in texts} | {"type_code": "sip_phone", "ip_authentication": False}
    engine = create_engine(url)
    # In the order of the table, as SQLite's way of it wants them.
    columns = [column.name for column in Unique.__table__.columns if column.name in empty | dict.fromkeys(_OWN)]
    rows = (
        empty | {"id": line, "circle_id": circle, "server_id": server, "number": user(line), "aor": user(line)}
        for line, circle, server in lines
    )
    bulk(engine, "unique", columns, (tuple(row[name] for name in columns) for row in rows))
    engine.dispose()


def _store(url: str, table: type[Base], rows: Sequence[dict[str, object]]) -> None:
    engine = create_engine(url)
    with Session(engine) as session:
        for start in range(0, len(rows), _CHUNK):
            session.execute(insert(table), rows[start : start + _CHUNK])
        session.commit()
    engine.dispose()


def _row(aor: str) -> Row:
    contact = Contact(f"sip:{aor}@192.0.2.1:5060", "192.0.2.1:5060", "udp", "Yealink SIP-T46S 66.86.0.15", None)
    return row_of(Registration(aor, (contact,)))
