"""The contract over the real Kamailio once more: each of its sources, over each of its transports."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.contract import AdapterContract, Line, Subject, pulled
from tests.support.kamailio import Kamailio
from tests.support.kamailio_db import KamailioDatabase, on_postgres, on_sqlite
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.registrar import HOST
from tests.support.wait import until
from workers.sip.base import Adapter
from workers.sip.registry import adapter_for

OURS = ("1001", "1002", "1003")
Made = tuple[Kamailio, dict[str, str]]


class Sourced(Subject):
    """A Kamailio, and the options that choose the way in which it is read."""

    def __init__(self, kamailio: Kamailio, options: dict[str, str]) -> None:
        self.kamailio = kamailio
        self._options = options

    def adapter(self, *, timeout: float = 10.0) -> Adapter:
        return adapter_for("kamailio", self.kamailio.endpoint(timeout=timeout, **self._options), lambda: OURS)

    def nobody(self) -> Line:
        return Line("1001")

    def one_line(self) -> Line:
        with self.kamailio.phone("1001") as phone:
            assert phone.register() == 200
            return self._seen(Line("1001", frozenset({phone.contact})))

    def two_contacts(self) -> Line:
        with self.kamailio.phone("1001") as desk, self.kamailio.phone("1001") as mobile:
            assert desk.register() == mobile.register() == 200
            return self._seen(Line("1001", frozenset({desk.contact, mobile.contact})))

    def gone(self) -> Line:
        with self.kamailio.phone("1001") as phone:
            assert phone.register() == 200
            self._seen(Line("1001", frozenset({phone.contact})))
            assert phone.unregister() == 200
        return self._seen(Line("1001"))

    def refuse(self) -> None:
        self.kamailio.kill()

    def hang(self) -> None:
        self.kamailio.freeze()

    def _seen(self, line: Line) -> Line:
        """The 200 is sent a moment before the mirror is written."""

        def seen() -> bool:
            found = pulled(self.adapter())[0]
            return {contact.uri for held in found.values() for contact in held.contacts} == line.uris

        until(seen, 10, f"{line} as it is")
        return line


def htable(folder: Path, _postgres: Callable[[], Postgres]) -> Made:
    return Kamailio(folder), {"source": "htable"}


def sweep_http(folder: Path, _postgres: Callable[[], Postgres]) -> Made:
    return Kamailio(folder), {"source": "sweep", "in_flight": "3"}


def sweep_udp(folder: Path, _postgres: Callable[[], Postgres]) -> Made:
    socket = f"udp:{HOST}:{free_port()}"
    return Kamailio(folder, defines=[f'RPC_SOCKET="{socket}"']), {"url": socket.replace("udp:", "udp://")}


def sweep_unix(folder: Path, _postgres: Callable[[], Postgres]) -> Made:
    return Kamailio(folder, defines=[f'RPC_SOCKET="{folder}/rpc.sock"']), {"url": f"unix://{folder}/rpc.sock"}


def sql_sqlite(folder: Path, _postgres: Callable[[], Postgres]) -> Made:
    return _sql(folder, on_sqlite(folder), epochs=False)


def sql_postgres(folder: Path, postgres: Callable[[], Postgres]) -> Made:
    return _sql(folder, on_postgres(postgres(), epochs=True), epochs=True)


def _sql(folder: Path, held: KamailioDatabase, *, epochs: bool) -> Made:
    return Kamailio(folder, defines=held.defines(epochs=epochs)), {"source": "sql", "sql_url": held.ours}


@pytest.fixture(
    params=[htable, sweep_http, sweep_udp, sweep_unix, sql_sqlite, sql_postgres], ids=lambda make: make.__name__
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sourced]:
    kamailio, options = request.param(tmp_path, lambda: request.getfixturevalue("postgres"))
    kamailio.subscribe(**dict.fromkeys(OURS, "secret"))
    with kamailio:
        yield Sourced(kamailio, options)


class TestKamailioSources(AdapterContract):
    """All of it, from each source."""
