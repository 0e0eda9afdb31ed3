"""A portal whose every neighbour can be broken: registrars, Redis and the database behind proxies or in our hands."""

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Self
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import Session

from app import create_app
from app.config import Config
from app.models import Account, Circle, LoginSession, PrincipalKind, SipServer, Staff, Unique
from app.models.base import now
from app.store import servers
from app.store.servers import ServerState
from tests.support.customers import password_hash
from tests.support.databases import Databases, settings
from tests.support.kamailio import Kamailio
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy
from tests.support.redis import RedisServer
from tests.support.sip import Phone
from tests.support.web import LiveServer, Workers

INTERVAL = 0.5
"""Seconds between two pulls."""
POLL = 3.0
"""Seconds between two polls of a page that somebody looks at."""
LINES = 4
SITES = 40
SECRET = "the phone's own"


@dataclass
class Site:
    """One login server, the circle whose lines are there, and their phones."""

    name: str
    server_id: int
    circle_id: int
    number: str
    """The circle's, and its login ID."""
    lines: tuple[int, ...]
    kamailio: Kamailio
    proxy: Proxy
    phones: list[Phone] = field(default_factory=list)

    def register(self, expires: int = 3600) -> None:
        """All phones but the last register."""
        assert [phone.register(expires=expires) for phone in self.phones[:-1]] == [200] * (LINES - 1)

    @property
    def here(self) -> tuple[int, ...]:
        """The lines whose phones are registered."""
        return self.lines[:-1]

    @property
    def away(self) -> int:
        """The line whose phone never registers."""
        return self.lines[-1]


class FaultStack:
    """Everything that runs in production. Whoever breaks something mends it."""

    def __init__(
        self, folder: Path, databases: Databases, postgres: Postgres, *, application: str = "wsgi:app"
    ) -> None:
        self.folder = folder
        self._count = itertools.count(1)
        self._parts = ExitStack()
        self.redis = RedisServer(self.sub("redis"))
        address = ("127.0.0.1", self.redis.port)
        self.redis_of_workers, self.redis_of_web = Proxy(address), Proxy(address)
        self.postgres = postgres
        self.database_url = databases.migrated("postgresql")
        self.web = LiveServer(self._environ(self.redis_of_web), self.sub("web"), application)
        self.workers = Workers(self._environ(self.redis_of_workers), self.sub("workers"))
        self._engine = create_engine(self.database_url, pool_pre_ping=True)
        socket = f"udp:127.0.0.1:{free_port()}"
        self.observed = socket.replace(":", "://", 1)
        """Where that registrar is asked past all proxies."""
        self.kamailio = self.registrar("kamailio", defines=[f'RPC_SOCKET="{socket}"'])

    def __enter__(self) -> Self:
        with Session(self._engine) as session:
            session.add(
                Account(
                    id=1, login_id="faults", password_hash=password_hash(), email="faults@example.jp", name="障害商事"
                )
            )
            session.commit()
        with ExitStack() as parts:
            self.redis.start()
            parts.callback(self.redis.stop)
            parts.enter_context(self.redis_of_workers)
            parts.enter_context(self.redis_of_web)
            parts.enter_context(self.kamailio)
            parts.callback(self._engine.dispose)
            self.workers.start()
            parts.callback(self.workers.stop)
            self.web.start()
            parts.callback(self.web.close)
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def registrar(self, name: str, **settings: object) -> Kamailio:
        """A Kamailio of its own, not yet started, that knows the phones of every site."""
        made = Kamailio(self.sub(name), **settings)  # type: ignore[arg-type] # the names are checked by Kamailio itself
        made.subscribe(**{_user(circle, index): SECRET for circle in range(1, SITES + 1) for index in range(LINES)})
        return made

    def site(self, name: str, kamailio: Kamailio | None = None, **options: str) -> Site:
        """A new login server in front of a running Kamailio, and a circle there: three of four lines are registered."""
        registrar = kamailio or self.kamailio
        site = self._store(name, registrar, self._proxy(registrar), {"timeout": "2", **options})
        users = [_user(site.circle_id, index) for index in range(LINES)]
        site.phones = [self._parts.enter_context(registrar.phone(user)) for user in users]
        site.register()
        return site

    def ask_only(self, site: Site) -> None:
        """From now on the lines of a site are on demand."""
        with Session(self._engine) as session:
            session.execute(update(SipServer).where(SipServer.id == site.server_id).values(live=False))
            session.commit()

    def staff(self, count: int) -> list[dict[str, str]]:
        """The cookies of so many members of support, each logged in a moment ago."""
        portal = create_app(Config.from_env(self._environ(self.redis_of_web)))
        with Session(self._engine) as session:
            logins = [_login_of_staff(session, index) for index in range(count)]
            session.commit()
            return [cookies_of(portal, login.id) for login in logins]

    def crowd(self, name: str, count: int, circle: int, interval: float) -> tuple[Site, list[str]]:
        """A login server on the shared registrar with so many lines in circles of `circle`; and their users."""
        users = [f"0509{index:07}" for index in range(count)]
        self.kamailio.subscribe(**dict.fromkeys(users, SECRET))
        self.kamailio.stop()
        self.kamailio.start()
        site = self._store(name, self.kamailio, self._proxy(self.kamailio), {"timeout": "2", "dump_limit": "20000"})
        with Session(self._engine) as session:
            session.execute(update(SipServer).where(SipServer.id == site.server_id).values(pull_interval=interval))
            for start in range(0, count, circle):
                made = Circle(
                    account_id=1, number=f"9{start:07}", password_hash=password_hash(), applied_on=date(2014, 6, 17)
                )
                session.add(made)
                session.flush()
                session.add_all(
                    Unique(circle_id=made.id, number=user, aor=user, type_code="sip_phone", server_id=site.server_id)
                    for user in users[start : start + circle]
                )
            session.commit()
        return site, users

    def circles_of(self, site: Site) -> dict[int, dict[int, str]]:
        """The crowd's circles, each with its lines: users by their ids."""
        query = select(Unique.circle_id, Unique.id, Unique.aor).where(Unique.server_id == site.server_id)
        found: dict[int, dict[int, str]] = {}
        with Session(self._engine) as session:
            for circle_id, unique_id, aor in session.execute(query.where(Unique.circle_id != site.circle_id)):
                found.setdefault(circle_id, {})[unique_id] = aor
        return found

    def state(self, site: Site) -> ServerState:
        """What the portal knows of a login server."""
        with self.redis.client() as client:
            return servers.read_one(client, site.server_id)

    def changes(self, query: object) -> list[tuple[object, ...]]:
        """Rows of the database."""
        with Session(self._engine) as session:
            return [tuple(row) for row in session.execute(query)]  # type: ignore[call-overload] # any query

    def environ_of_workers(self) -> Mapping[str, str]:
        """For one more scheduler or worker."""
        return self._environ(self.redis_of_workers)

    def sub(self, name: str) -> Path:
        """A new folder."""
        path = self.folder / name
        path.mkdir()
        return path

    def _proxy(self, registrar: Kamailio) -> Proxy:
        url = urlsplit(registrar.endpoint().url)
        return self._parts.enter_context(Proxy((url.hostname or "", url.port or 0), counts=b"ul.lookup"))

    def _environ(self, proxy: Proxy) -> dict[str, str]:
        return settings(self.database_url, f"redis://127.0.0.1:{proxy.port}/0")

    def _store(self, name: str, registrar: Kamailio, proxy: Proxy, options: Mapping[str, str]) -> Site:
        number = f"8{next(self._count):05}"
        with Session(self._engine) as session:
            server = SipServer(
                hostname=f"{name}.example.jp",
                family="kamailio",
                management_url=f"http://127.0.0.1:{proxy.port}/RPC",
                options=" ".join(f"{key}={value}" for key, value in options.items()),
                live=True,
                pull_interval=INTERVAL,
            )
            circle = Circle(account_id=1, number=number, password_hash=password_hash(), applied_on=date(2014, 6, 17))
            session.add_all([server, circle])
            session.flush()
            session.add_all(
                Unique(
                    circle_id=circle.id,
                    number=_user(circle.id, index),
                    aor=_user(circle.id, index),
                    type_code="sip_phone",
                    server_id=server.id,
                )
                for index in range(LINES)
            )
            session.commit()
            lines = session.scalars(select(Unique.id).where(Unique.circle_id == circle.id).order_by(Unique.number))
            return Site(name, server.id, circle.id, number, tuple(lines), registrar, proxy)


def _user(circle_id: int, index: int) -> str:
    return f"0508{circle_id:05}{index:02}"


def _login_of_staff(session: Session, index: int) -> LoginSession:
    made = Staff(login_id=f"support-{index}", password_hash="", name=f"支援 {index}")
    session.add(made)
    session.flush()
    login = LoginSession(
        id=token_urlsafe(32), kind=PrincipalKind.STAFF, principal_id=made.id, expires_at=now() + timedelta(hours=1)
    )
    session.add(login)
    return login


def cookies_of(portal: Flask, session_id: str) -> dict[str, str]:
    """What a browser holds that has this login."""
    client = portal.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = session_id
        cookie.permanent = True
    held = client.get_cookie(portal.config["SESSION_COOKIE_NAME"])
    return {held.key: held.value} if held else {}
