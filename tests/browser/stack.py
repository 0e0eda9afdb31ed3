"""Everything real at once: three Kamailios, Redis, the scheduler, workers, gunicorn; and customers made as needed."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.models import Account, Circle, SipServer, Staff, Unique
from app.models.base import Base
from tests.support.customers import password_hash
from tests.support.databases import Databases, settings
from tests.support.kamailio import Kamailio
from tests.support.kamailio_db import on_sqlite
from tests.support.redis import RedisServer
from tests.support.registrar import REALM
from tests.support.sip import Phone
from tests.support.web import LiveServer, Workers

DEVICE_PASSWORD = "the phone's own"
STEADY, QUICK, SLOW, ASKED = "steady.example.jp", "quick.example.jp", "slow.example.jp", "asked.example.jp"
"""Login servers on the Kamailio that stays: pulled every 5 s, every second, every 5 minutes, and on demand."""
MORTAL, MORTAL_ASKED = "mortal.example.jp", "mortal-asked.example.jp"
"""Login servers on the Kamailio that tests kill and freeze: pulled every second, and on demand."""
KEEPER = REALM
"""Login server on the Kamailio whose device passwords the portal can overwrite: pulled every second."""
NOWHERE = "nowhere.example.jp"
"""Login server that never answered."""
_INTERVALS = {STEADY: 5.0, QUICK: 1.0, SLOW: 300.0, MORTAL: 1.0, KEEPER: 1.0, NOWHERE: 60.0}
_HOSTS = (STEADY, QUICK, SLOW, ASKED, MORTAL, MORTAL_ASKED, KEEPER, NOWHERE)


@dataclass(frozen=True, slots=True)
class Line:
    """One unique."""

    id: int
    number: str
    phone_number: str


@dataclass(frozen=True, slots=True)
class Place:
    """One circle, and its lines in the order of their numbers."""

    id: int
    number: str
    lines: tuple[Line, ...]


class Stack:
    """Started once for the browser's tests. Every test makes a circle of its own and so disturbs no other."""

    def __init__(self, folder: Path, databases: Databases) -> None:
        self.folder = folder
        self.redis = RedisServer(self._sub("redis"))
        self.kamailio = Kamailio(self._sub("kamailio"))
        self.mortal = Kamailio(self._sub("mortal"))
        keeping = self._sub("keeper")
        self._subscribers = on_sqlite(keeping)
        self.keeper = Kamailio(keeping, defines=["WITH_SQLITE"], subscribers=self._subscribers.theirs)
        database_url = databases.migrated("sqlite")
        self.mails = self._sub("mails")
        environ = settings(database_url, self.redis.url) | {"MAIL_URL": f"file://{self.mails}"}
        self.web = LiveServer(environ, self._sub("web"))
        # Nothing has read it yet: the port is known, and links in mails lead to it.
        environ["PUBLIC_URL"] = self.web.url
        self.workers = Workers(environ, self._sub("workers"))
        self._engine = create_engine(database_url)
        self._count = itertools.count(1)
        self._servers: Mapping[str, int] = {}
        self._account = 0
        self.staff = 0

    def __enter__(self) -> Self:
        self._store()
        try:
            for part in (self.redis, self.kamailio, self.mortal, self.keeper, self.workers, self.web):
                part.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()
        try:
            self.web.close()
            self.workers.stop()
        finally:
            for part in (self.keeper, self.mortal, self.kamailio, self.redis):
                part.stop()

    def account(self, login_id: str) -> int:
        """A new account, whose password is everybody's."""
        with Session(self._engine) as session:
            account = Account(
                login_id=login_id, password_hash=password_hash(), email=f"{login_id}@example.jp", name="繋がり商事"
            )
            session.add(account)
            session.commit()
            return account.id

    def circle(self, *servers: str | None, account: int | None = None) -> Place:
        """A new circle with a line at each of `servers`; the number is its login ID.

        None stands for a line that never registers. The circle is the account `browser`'s if not another's.
        """
        count = next(self._count)
        with Session(self._engine) as session:
            circle = Circle(
                account_id=account or self._account,
                number=f"7{count:05}",
                password_hash=password_hash(),
                applied_on=date(2014, 6, 17),
            )
            session.add(circle)
            session.flush()
            rows = [self._line(circle.id, count, index, host) for index, host in enumerate(servers)]
            session.add_all(rows)
            session.commit()
            place = Place(circle.id, circle.number, tuple(Line(row.id, row.number, row.incoming_phone) for row in rows))
        users = {line.number: DEVICE_PASSWORD for line in place.lines}
        self.kamailio.subscribe(**users)
        self.mortal.subscribe(**users)
        for line, host in zip(place.lines, servers, strict=True):
            if host == KEEPER:
                self._subscribers.subscribe(line.number, REALM, DEVICE_PASSWORD)
        return place

    def phone(self, line: Line, *, mortal: bool = False) -> Phone:
        """A device of a line."""
        return (self.mortal if mortal else self.kamailio).phone(line.number)

    def store(self, *rows: Base) -> None:
        """Put what customers or staff are supposed to have left into the database."""
        with Session(self._engine) as session:
            session.add_all(rows)
            session.commit()

    def _line(self, circle_id: int, count: int, index: int, host: str | None) -> Unique:
        number = f"0507{count:04}{index:03}"
        return Unique(
            circle_id=circle_id,
            number=number,
            aor=number,
            type_code="sip_phone" if host else "conference",
            server_id=self._servers[host] if host else None,
            password_hash=password_hash(),
            name=f"電話 {number[-3:]}",
            incoming_phone=f"03-{count:04}-{index:04}",
        )

    def _store(self) -> None:
        with Session(self._engine) as session:
            staff = Staff(login_id="support", password_hash=password_hash(), name="支援 花子")
            servers = [self._server(host) for host in _HOSTS]
            session.add_all([staff, *servers])
            session.commit()
            self.staff = staff.id
            self._servers = {server.hostname: server.id for server in servers}
        self._account = self.account("browser")

    def _server(self, host: str) -> SipServer:
        registrars = {MORTAL: self.mortal, MORTAL_ASKED: self.mortal, KEEPER: self.keeper}
        url = registrars.get(host, self.kamailio).endpoint().url
        return SipServer(
            hostname=host,
            family="kamailio",
            management_url="http://127.0.0.1:9/RPC" if host == NOWHERE else url,
            options=f"subscriber_url={self._subscribers.ours}" if host == KEEPER else "",
            live=host in _INTERVALS,
            pull_interval=_INTERVALS.get(host, 5.0),
        )

    def _sub(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path
