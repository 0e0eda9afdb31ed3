"""The location table as a real Kamailio filled it, in SQLite; PostgreSQL's own types are in the contract tests."""

import csv
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.registration import PullReport, Registration
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter

ROWS = Path(__file__).parents[3] / "payloads" / "kamailio" / "sql" / "rows-sqlite.csv"
REGISTERED = datetime(2026, 11, 23, 6, 39, 19, tzinfo=UTC)
HOME = "odd.test"
REALS = frozenset(("expires", "last_modified"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "location.db"
    rows = recorded()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE location ({', '.join(rows[0])})")
        marks = ", ".join("?" if name in REALS else "CAST(? AS TEXT)" for name in rows[0])
        for row in rows:
            made = [float(value) if name in REALS else _bytes(value) for name, value in row.items()]
            connection.execute(f"INSERT INTO location VALUES ({marks})", made)
    return path


def recorded() -> list[dict[str, str]]:
    # One of the phones writes latin-1.
    with ROWS.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def _bytes(value: str) -> bytes | None:
    return value.encode(errors="surrogateescape") or None


def adapter(path: Path, after: float = 10, **options: str) -> KamailioAdapter:
    endpoint = Endpoint(f"sqlite:///{path}", HOME, options=options)
    return KamailioAdapter(endpoint, now=lambda: REGISTERED + timedelta(seconds=after))


def read(path: Path, after: float = 10, **options: str) -> tuple[dict[str, Registration], PullReport]:
    pull = adapter(path, after, **options).snapshot()
    return {line.aor: line for line in pull}, pull.report


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def near(moment: datetime | None, expected: datetime) -> bool:
    return moment is not None and abs(moment - expected) <= timedelta(seconds=1)


def test_as_recorded(table: Path) -> None:
    lines, report = read(table)
    assert set(lines) == {row["username"] for row in recorded()}
    assert (report.broken, report.unread) == (0, ())
    assert len(lines["two"].contacts) == 2
    (contact,) = lines["nat"].contacts
    assert near(contact.refreshed_at, REGISTERED)
    assert near(contact.expires_at, REGISTERED + timedelta(hours=1))
    plain = replace(contact, refreshed_at=None, expires_at=None)
    assert plain.transport == "udp"
    assert plain.source is not None
    assert plain.source.startswith("127.0.0.1:")
    assert lines["tcp1"].contacts[0].transport == "tcp"
    assert lines["ua-none"].contacts[0].user_agent is None


def test_rows_that_have_ended_are_no_registration(table: Path) -> None:
    lines, _ = read(table, after=700)
    assert len(lines["two"].contacts) == 1
    assert read(table, after=3700)[0] == {}


def test_a_line_is_looked_up_there(table: Path) -> None:
    assert len(adapter(table).lookup("two").registration.contacts) == 2
    assert adapter(table).lookup("nobody").registration == Registration("nobody")


def test_epochs(table: Path) -> None:
    change(table, "UPDATE location SET expires = 1795419559, last_modified = 1795415959 WHERE username = 'nat'")
    (contact,) = read(table)[0]["nat"].contacts
    assert contact.expires_at == REGISTERED + timedelta(hours=1)
    assert contact.refreshed_at == REGISTERED


@pytest.mark.parametrize("never", ["0", "2440587.5"])
def test_a_binding_that_never_ends(table: Path, never: str) -> None:
    change(table, f"UPDATE location SET expires = {never}, last_modified = 0 WHERE username = 'nat'")
    (contact,) = read(table, after=10**6)[0]["nat"].contacts
    assert (contact.expires_at, contact.refreshed_at) == (None, None)


@pytest.mark.parametrize("change_to", ["expires = 'soon'", "contact = ''", "contact = NULL", "expires = 1e300"])
def test_a_line_that_cannot_be_read_is_named(table: Path, change_to: str) -> None:
    change(table, f"UPDATE location SET {change_to} WHERE username = 'nat'")
    lines, report = read(table)
    assert set(lines) == {row["username"] for row in recorded()} - {"nat"}
    assert (report.broken, report.unread) == (1, ("nat",))
    with pytest.raises(SipError) as raised:
        adapter(table).lookup("nat")
    assert raised.value.problem is Problem.GARBAGE


def test_one_of_two_rows_that_cannot_be_read(table: Path) -> None:
    change(table, "UPDATE location SET expires = 'soon' WHERE username = 'two' AND user_agent = 'Phone A'")
    lines, report = read(table)
    assert [contact.user_agent for contact in lines["two"].contacts] == ["Phone B"]
    assert (report.broken, report.unread) == (1, ())


def test_domains(table: Path) -> None:
    change(table, "UPDATE location SET domain = 'Odd.test' WHERE username = 'nat'")
    change(table, "UPDATE location SET domain = 'else.test' WHERE username = 'tcp1'")
    lines, _ = read(table)
    assert {"nat", "tcp1@else.test"} <= set(lines)
    assert adapter(table).lookup("tcp1@else.test").registration.contacts
    assert not adapter(table).lookup("tcp1").registration.contacts


def test_a_table_that_is_behind_says_so(table: Path) -> None:
    _, report = read(table, timer_interval="60")
    assert report.taken_at == REGISTERED + timedelta(seconds=10 - 60)
    assert adapter(table, timer_interval="60").lookup("nat").asked_at == report.taken_at


def test_check(table: Path) -> None:
    assert adapter(table).check().ok
    change(table, "ALTER TABLE location RENAME TO elsewhere")
    assert [problem for problem, _ in adapter(table).check().problems] == [Problem.TABLE_MISSING]
    assert adapter(table, table="elsewhere").check().ok
    change(table, "ALTER TABLE elsewhere DROP COLUMN received")
    ((problem, detail),) = adapter(table, table="elsewhere").check().problems
    assert problem is Problem.TABLE_MISSING
    assert "received" in detail


@pytest.mark.parametrize(
    "options",
    [
        {"source": "dump"},
        {"source": "sweep"},
        {"timezone": "Nowhere/Land"},
        {"timezone": "../etc/passwd"},
        {"timer_interval": "-1"},
        {"timer_interval": "soon"},
        {"table": "a; b"},
    ],
)
def test_options_that_make_no_sense(table: Path, options: dict[str, str]) -> None:
    made = KamailioAdapter(Endpoint(f"sqlite:///{table}", HOME, options=options))
    with pytest.raises(SipError) as raised:
        list(made.snapshot())
    assert raised.value.problem is Problem.CONFIGURATION
