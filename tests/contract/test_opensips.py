"""The contract over a replayed OpenSIPS: each transport and each source."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from tests.contract.contract import AdapterContract, Line, Subject
from tests.support.replay_mi import Book, Losses, MiDatagram, MiHttp, body, recorded, result, statistics, uptime
from tests.support.replay_stream import Manner
from workers.sip.base import Endpoint
from workers.sip.opensips.client import OpensipsAdapter

HOME = "flood.test"
ONE, TWO = "mi/10-ul_show_contact-found", "contacts/01-two-contacts"
SCHEMA = """CREATE TABLE location (username text, domain text, contact text, received text, expires integer,
    user_agent text, socket text)"""


class Replayed(Subject):
    """A replayed server whose recorded lines are in its memory, its dump, and its table."""

    def __init__(self, transport: str, source: str, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._database = folder / "location.db"
        with closing(connect(self._database)) as connection, connection:
            connection.execute(SCHEMA)
        self.book = Book.usual()
        self.losses, self.manner = Losses(), Manner()
        self.server: MiHttp | MiDatagram
        if transport == "http":
            self.server = MiHttp(self.book, self.manner)
        else:
            self.server = MiDatagram(
                self.book, path=folder / "mi.sock" if transport == "unix" else None, losses=self.losses
            )

    def adapter(self, *, timeout: float = 10.0) -> OpensipsAdapter:
        options = {"source": self._source, "location_url": f"sqlite:///{self._database}"}
        endpoint = Endpoint(self.server.url, HOME, timeout=timeout, options=options)
        self.book.say("uptime", uptime(5000, datetime.now(UTC).strftime("%a %b %d %H:%M:%S %Y")))
        return OpensipsAdapter(endpoint, known_aors=lambda: ["1001", "1002", "two@odd.test"])

    def _hold(self, name: str | None) -> None:
        lines: list[dict[str, Any]] = [json.loads(body(name))["result"]] if name else []
        self.book.lines.clear()
        if name:
            self.book.hold(name)
        self.book.say("get_statistics", statistics(len(lines)))
        domain = {"name": "location", "hash_size": 512, "AORs": lines}
        self.book.say("ul_dump", result({"Domains": [domain]}) if lines else recorded("mi/02-ul_dump-empty"))
        with closing(connect(self._database)) as connection, connection:
            connection.execute("DELETE FROM location")
            for line in lines:
                user, _, host = line["AOR"].partition("@")
                for contact in line["Contacts"]:
                    ends = int(datetime.now(UTC).timestamp()) + contact["Expires"]
                    values = (user, host, contact["Contact"], None, ends, contact["User-agent"], contact["Socket"])
                    connection.execute("INSERT INTO location VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def nobody(self) -> Line:
        self._hold(None)
        return Line("1001")

    def one_line(self) -> Line:
        self._hold(ONE)
        return Line("1001", frozenset({"sip:1001@10.1.2.1:5060"}))

    def two_contacts(self) -> Line:
        self._hold(TWO)
        return Line("two@odd.test", frozenset({"sip:two@10.1.1.2:5070;transport=tcp", "sip:two@10.1.1.1:5060"}))

    def gone(self) -> Line:
        line = self.one_line()
        assert self.adapter().lookup(line.aor).registration.contacts
        return self.nobody()

    def refuse(self) -> None:
        self.server.__exit__()
        (self._folder / "mi.sock").unlink(missing_ok=True)

    def hang(self) -> None:
        self.losses.silent = True
        if isinstance(self.server, MiHttp):
            self.server.manner = Manner(stall=0)


@pytest.fixture(
    params=[("http", "sweep"), ("udp", "sweep"), ("unix", "sweep"), ("http", "dump"), ("http", "sql")], ids="-".join
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replayed]:
    transport, source = request.param
    replayed = Replayed(transport, source, tmp_path)
    with replayed.server:
        yield replayed


class TestOpensips(AdapterContract):
    """All of it, over each transport and from each source."""
