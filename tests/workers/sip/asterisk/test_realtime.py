"""The device password in Asterisk's realtime table, on PostgreSQL and on SQLite."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.postgres import Postgres
from workers.sip.asterisk.client import AsteriskAdapter
from workers.sip.base import Capability, Endpoint, Problem, SipError

TABLE = (
    "id VARCHAR(255) NOT NULL UNIQUE, auth_type {kind}, nonce_lifetime INTEGER, md5_cred VARCHAR(40),"
    " password VARCHAR(80), realm VARCHAR(255), username VARCHAR(80)"
)
ROWS = (
    ("1001", "userpass", None, "old-1001", None, "1001"),
    ("auth-Bob", "userpass", None, "old-bob", "pbx.example.com", "Bob"),
    ("twin-a", "userpass", None, "x", None, "twin"),
    ("twin-b", "userpass", None, "x", None, "TWIN"),
)
INSERT = "INSERT INTO {table} (id, auth_type, md5_cred, password, realm, username) VALUES ({marks})"

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def sqlite_store(tmp_path: Path) -> tuple[str, Query]:
    path = tmp_path / "asterisk.db"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(f"CREATE TABLE ps_auths ({TABLE.format(kind='VARCHAR(20)')})")
        made.executemany(INSERT.format(table="ps_auths", marks="?,?,?,?,?,?"), ROWS)

    def query(text: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as opened:
            return opened.execute(text).fetchall()

    return f"sqlite:///{path}", query


@pytest.fixture
def postgres_store(postgres: Postgres) -> Iterator[tuple[str, Query]]:
    name = postgres.create()
    url = postgres.url(name)
    with psycopg.connect(url) as made:
        made.execute("CREATE TYPE kind AS ENUM ('md5', 'userpass')")
        made.execute(f"CREATE TABLE ps_auths ({TABLE.format(kind='kind')})".encode())
        made.cursor().executemany(INSERT.format(table="ps_auths", marks=",".join(["%s"] * 6)).encode(), ROWS)

    def query(text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as opened:
            return opened.execute(text.encode()).fetchall()

    yield url, query
    postgres.drop(name)


@pytest.fixture(params=["sqlite_store", "postgres_store"])
def store(request: pytest.FixtureRequest) -> tuple[str, Query]:
    found: tuple[str, Query] = request.getfixturevalue(request.param)
    return found


def adapter(url: str, **options: str) -> AsteriskAdapter:
    endpoint = Endpoint("tcp://127.0.0.1:1", "pbx.example.com", options={"realtime_url": url, **options})
    return AsteriskAdapter(endpoint)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("aor", "row", "options", "secret"),
    [
        ("1001", "1001", {}, "1001:asterisk:n€w"),
        ("1001", "1001", {"realm": "sip"}, "1001:sip:n€w"),
        ("bob", "auth-Bob", {"realm": "sip"}, "Bob:pbx.example.com:n€w"),
        ("bob@elsewhere.jp", "auth-Bob", {}, "Bob:pbx.example.com:n€w"),
    ],
)
def test_the_hash_is_written_and_the_clear_text_goes(
    store: tuple[str, Query], aor: str, row: str, options: dict[str, str], secret: str
) -> None:
    url, query = store
    adapter(url, **options).set_password(aor, "n€w")
    rows = {found[0]: found[1:] for found in query("SELECT id, auth_type, md5_cred, password FROM ps_auths")}
    assert rows[row] == ("md5", md5(secret), None)
    assert [auth_type for auth_type, _cred, _password in rows.values()].count("userpass") == 3
    assert adapter(url).capabilities > {Capability.SET_PASSWORD}


@pytest.mark.parametrize(
    ("aor", "options", "problem"),
    [
        ("nosuch", {}, Problem.FAULT),
        ("twin", {}, Problem.FAULT),
        ("' OR 1=1 --", {}, Problem.CONFIGURATION),
        ("x'OR'1'='1", {}, Problem.FAULT),
        ("1001", {"realtime_table": "ps_auths; DROP TABLE ps_auths"}, Problem.CONFIGURATION),
        ("1001", {"realtime_table": "nosuch"}, Problem.TABLE_MISSING),
    ],
)
def test_what_cannot_be_written(store: tuple[str, Query], aor: str, options: dict[str, str], problem: Problem) -> None:
    url, query = store
    before = query("SELECT * FROM ps_auths ORDER BY id")
    with pytest.raises(SipError) as caught:
        adapter(url, **options).set_password(aor, "new-secret")
    assert (caught.value.problem, caught.value.permanent) == (problem, True)
    assert "new-secret" not in str(caught.value)
    assert query("SELECT * FROM ps_auths ORDER BY id") == before


def test_a_table_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE ps_auths (id TEXT, username TEXT)")
    with pytest.raises(SipError) as caught:
        adapter(f"sqlite:///{path}").set_password("1001", "x")
    assert caught.value.problem is Problem.TABLE_MISSING
    assert "md5_cred" in caught.value.detail
