"""The location table on real PostgreSQL and SQLite, with the rows that OpenSIPS wrote, checked against its counts."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.registration import Contact
from tests.support.postgres import Postgres
from tests.support.replay_mi import PAYLOADS, MiHttp, statistics, uptime
from tests.workers.sip.test_sql import run
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.opensips.client import OpensipsAdapter
from workers.sip.sql import database

# The recorded rows end one hour after this.
NOW = datetime.fromtimestamp(1795418985, UTC)
HERE = datetime(2026, 11, 23, 5, 50, 48, tzinfo=UTC)
"""What the recorded server's clock shows."""
SCHEMA = """CREATE TABLE location (contact_id bigint PRIMARY KEY, username varchar(64) NOT NULL DEFAULT '',
    domain varchar(64) DEFAULT NULL, contact text NOT NULL, received varchar(255), path varchar(255),
    expires integer NOT NULL, q varchar(10), callid varchar(255), cseq integer, last_modified timestamp,
    flags integer, cflags varchar(255), user_agent varchar(255), socket varchar(64), methods integer,
    sip_instance varchar(255), kv_store text, attr varchar(255))"""
ROWS = ["path", "ua-quotes", "inst", "v6", "ua-unicode", "nat", "ua-long", "ua-none"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        (tmp_path / "location.db").touch()
        yield f"sqlite:///{tmp_path}/location.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def url(empty: str) -> str:
    run(empty, SCHEMA)
    lines = (PAYLOADS / "sql" / "rows-write-through.csv").read_text().splitlines()[1:]
    for row in csv.DictReader(lines):
        add(empty, **{name: value for name, value in row.items() if value})
    return empty


def add(url: str, **columns: str) -> None:
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    numbers = {"contact_id", "expires", "cseq", "flags", "methods"}
    values = [int(value) if name in numbers else value for name, value in columns.items()]
    with database(url, 5) as opened:
        opened.execute(f"INSERT INTO location ({names}) VALUES ({marks})", values)


def adapter(
    server: MiHttp, url: str | None, aors: Iterable[str] | None = None, now: datetime = NOW, **options: str
) -> OpensipsAdapter:
    options = {"source": "sql", **options, **({"location_url": url} if url else {})}
    endpoint = Endpoint(server.url, "flood.test", timeout=2.0, options=options)
    return OpensipsAdapter(endpoint, now=lambda: now, known_aors=None if aors is None else lambda: aors)


def problem(opensips: OpensipsAdapter) -> SipError:
    with pytest.raises(SipError) as caught:
        list(opensips.snapshot())
    return caught.value


def test_recorded_rows(server: MiHttp, url: str) -> None:
    server.book.say("get_statistics", statistics(9))
    pull = adapter(server, url).snapshot()
    lines = {found.aor: found for found in pull}
    assert set(lines) == {"two", *ROWS}
    ends = datetime.fromtimestamp(1795422585, UTC)
    assert set(lines["two"].contacts) == {
        Contact("sip:two@10.1.1.1:5060", None, "udp", "Phone A", None, ends),
        Contact("sip:two@10.1.1.2:5070;transport=tcp", None, "tcp", "Phone B", None, ends - timedelta(minutes=50)),
    }
    assert lines["ua-unicode"].contacts[0].user_agent == "Téléphone ☎ 電話 😀"
    assert lines["ua-long"].contacts[0].user_agent is None
    assert (pull.report.announced, pull.report.broken, pull.report.uptime) == (9, 0, 24.0)
    assert "ul_show_contact" not in server.book.methods()


def test_what_has_expired_is_not_registered(server: MiHttp, url: str) -> None:
    """A killed server leaves its rows behind."""
    late = NOW + timedelta(seconds=601)
    assert len({found.aor: found for found in adapter(server, url, now=late).snapshot()}["two"].contacts) == 1
    assert list(adapter(server, url, now=NOW + timedelta(hours=1)).snapshot()) == []


def test_a_row_that_ended_may_be_old(server: MiHttp, url: str) -> None:
    """The refresh was accepted while the database was away: the row still has the old time."""
    add(url, contact_id="1", username="1001", contact="sip:1001@10.1.2.1:5060", expires="1795418000")
    server.book.hold("mi/10-ul_show_contact-found")
    server.book.say("get_statistics", statistics(10))
    lines = {found.aor: found for found in adapter(server, url, ["1001", "1002", "two"]).snapshot()}
    assert set(lines) == {"1001", "two", *ROWS}
    asked = [call["params"]["aor"] for call in server.book.asked if call["method"] == "ul_show_contact"]
    assert asked == ["1001@flood.test"]


def test_permanent_contacts_domains_and_spelling(server: MiHttp, url: str) -> None:
    add(url, contact_id="1", username="Two", domain="FLOOD.test", contact="sip:x@y", expires="0")
    add(url, contact_id="2", username="two", domain="other.test", contact="sip:x@z", expires="0")
    lines = [found for found in adapter(server, url).snapshot() if "two" in found.aor]
    assert sorted((found.aor, len(found.contacts)) for found in lines) == [("two", 3), ("two@other.test", 1)]
    assert lines[1].contacts[0].expires_at is None


def test_a_broken_row_costs_itself(server: MiHttp, url: str) -> None:
    add(url, contact_id="1", username="a b", contact="sip:x@y", expires="0")
    add(url, contact_id="2", username="two", contact="", expires="0")
    add(url, contact_id="3", username="lost", contact="", expires="0")
    pull = adapter(server, url).snapshot()
    assert {found.aor for found in pull} == {"two", *ROWS}
    assert (pull.report.broken, pull.report.unread) == (3, ("lost",))


def test_rows_that_never_came_are_asked_for(server: MiHttp, url: str) -> None:
    """REGISTER is accepted whatever the database does: the server's own memory knows better."""
    server.book.say("get_statistics", statistics(10))
    server.book.hold("mi/10-ul_show_contact-found")
    pull = adapter(server, url, ["1001", "1002", "two", "path"]).snapshot()
    assert {found.aor for found in pull} == {"1001", "two", *ROWS}
    asked = [call["params"]["aor"] for call in server.book.asked if call["method"] == "ul_show_contact"]
    assert asked == ["1001@flood.test", "1002@flood.test"]


def test_a_table_that_lacks_much_is_not_believed(server: MiHttp, url: str) -> None:
    server.book.say("get_statistics", statistics(11))
    assert problem(adapter(server, url)).problem is Problem.TRUNCATED
    server.book.say("get_statistics", statistics(10))
    assert len(list(adapter(server, url).snapshot())) == 9


def test_a_restart_meanwhile(server: MiHttp, url: str) -> None:
    server.book.say("uptime", uptime(5000), uptime(1))
    assert problem(adapter(server, url)).problem is Problem.LOADING


def test_what_is_wrong_with_the_table(server: MiHttp, empty: str) -> None:
    assert problem(adapter(server, empty)).problem is Problem.TABLE_MISSING
    assert problem(adapter(server, None)).problem is Problem.CONFIGURATION
    assert problem(adapter(server, empty, table="x; y")).problem is Problem.CONFIGURATION
    run(empty, "CREATE TABLE location (username text)")
    check = adapter(server, empty, now=HERE).check()
    assert [found for found, _words in check.problems] == [Problem.TABLE_MISSING]
    assert "location has no contact, domain" in check.problems[0][1]


def test_check_of_a_good_table(server: MiHttp, url: str) -> None:
    assert adapter(server, url, now=HERE).check().ok


def test_many_rows(server: MiHttp, empty: str) -> None:
    run(empty, SCHEMA)
    with database(empty, 30) as opened:
        for number in range(12_000):
            values = (number, f"u{number}", f"sip:u{number}@10.0.0.1", 0)
            opened.execute("INSERT INTO location (contact_id, username, contact, expires) VALUES (?, ?, ?, ?)", values)
    server.book.say("get_statistics", statistics(12_000))
    assert len({found.aor for found in adapter(server, empty).snapshot()}) == 12_000
