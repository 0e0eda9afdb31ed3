"""Visits to a server's database, on real PostgreSQL and SQLite: streamed rows, and every mishap a SipError."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.relay import Relay
from workers.sip.base import Problem, SipError
from workers.sip.sql import database, identifier


def run(url: str, *statements: str) -> None:
    """Each statement, committed, by the driver itself."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as lite, lite:
            for statement in statements:
                lite.execute(statement)
        return
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        (tmp_path / "test.db").touch()
        yield f"sqlite:///{tmp_path}/test.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def work(url: str, *statements: str, read_only: bool = False, timeout: float = 5.0) -> None:
    with database(url, timeout, read_only=read_only) as opened:
        for statement in statements:
            if statement.startswith("SELECT"):
                list(opened.rows(statement))
            else:
                opened.execute(statement)


def problem(url: str, *statements: str, read_only: bool = False, timeout: float = 5.0) -> SipError:
    with pytest.raises(SipError) as caught:
        work(url, *statements, read_only=read_only, timeout=timeout)
    return caught.value


def test_rows_columns_and_bound_values(url: str) -> None:
    run(url, "CREATE TABLE t (name text, Number integer)")
    with database(url, 5) as opened:
        for number in range(3):
            assert opened.execute("INSERT INTO t VALUES (?, ?)", (f"'; DROP TABLE t -- {number} %s", number)) == 1
    with database(url, 5, read_only=True) as opened:
        assert opened.columns("t") == {"name", "number"}
        rows = list(opened.rows("SELECT name, number FROM t WHERE number > ? ORDER BY number", (0,)))
    assert rows == [("'; DROP TABLE t -- 1 %s", 1), ("'; DROP TABLE t -- 2 %s", 2)]


def test_what_fails_leaves_nothing_behind(url: str) -> None:
    run(url, "CREATE TABLE t (number integer)")
    assert problem(url, "INSERT INTO t VALUES (1)", "INSERT INTO nowhere VALUES (1)").problem is Problem.TABLE_MISSING
    with database(url, 5) as opened:
        assert list(opened.rows("SELECT number FROM t")) == []


def test_reading_half_of_it(url: str) -> None:
    run(url, "CREATE TABLE t (number integer)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")
    with database(url, 5, read_only=True) as opened:
        assert next(opened.rows("SELECT number FROM t")) in {(1,), (2,)}


def test_what_is_missing(url: str) -> None:
    assert problem(url, "SELECT 1 FROM nowhere").problem is Problem.TABLE_MISSING
    run(url, "CREATE TABLE t (number integer)")
    assert problem(url, "SELECT absent FROM t").problem is Problem.TABLE_MISSING
    assert problem(url, "SELECT SELECT").problem is Problem.FAULT


def test_columns_of_no_table(url: str) -> None:
    with pytest.raises(SipError) as caught, database(url, 5) as opened:
        opened.columns("nowhere")
    assert (caught.value.problem, caught.value.permanent) == (Problem.TABLE_MISSING, True)


def test_reading_only(url: str) -> None:
    run(url, "CREATE TABLE t (number integer)")
    error = problem(url, "INSERT INTO t VALUES (1)", read_only=True)
    assert (error.problem, error.permanent) == (Problem.PERMISSION, True)


def test_a_locked_table_is_a_time_out(url: str) -> None:
    run(url, "CREATE TABLE t (number integer)")
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            error = problem(url, "SELECT number FROM t", timeout=0.2)
    else:
        with psycopg.connect(url) as holder:
            holder.execute("LOCK TABLE t")
            error = problem(url, "SELECT number FROM t", timeout=0.2)
    assert (error.problem, error.permanent) == (Problem.TIMEOUT, False)


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    (tmp_path / "test.db").touch()
    url = f"sqlite:///{tmp_path}/test.db"
    run(url, "CREATE TABLE t (name text)", "INSERT INTO t VALUES (CAST(x'54e96c' AS text))")
    with database(url, 5) as opened:
        assert list(opened.rows("SELECT name FROM t")) == [("T\ufffdl",)]


def test_bytes_that_are_no_utf_8_in_postgresql(postgres: Postgres) -> None:
    name = "latin"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    run(postgres.url(name), "CREATE TABLE t (name text)", "INSERT INTO t VALUES (E'T\\351l')")
    with database(postgres.url(name), 5) as opened:
        assert list(opened.rows("SELECT name FROM t")) == [("T\ufffdl",)]
    postgres.drop(name)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://localhost/x", Problem.CONFIGURATION),
        ("", Problem.CONFIGURATION),
        ("sqlite:////no/such/folder/x.db", Problem.CONFIGURATION),
        ("postgresql://u:s3cret@127.0.0.1:{port}/x", Problem.REFUSED),
        ("postgresql://u:s3cret@no-such-host.invalid/x", Problem.NO_ROUTE),
        ("postgresql://u:s3cret@127.0.0.1/x?bad=s3cret", Problem.CONFIGURATION),
        ("postgresql://u:s3cret@[::1/x", Problem.CONFIGURATION),
    ],
)
def test_no_connection(url: str, expected: Problem) -> None:
    error = problem(url.format(port=free_port()), "SELECT 1")
    assert error.problem is expected
    assert "s3cret" not in str(error)


def test_no_such_database_and_no_database(postgres: Postgres, tmp_path: Path) -> None:
    assert problem(postgres.url("nowhere"), "SELECT 1").problem is Problem.CONFIGURATION
    (tmp_path / "text").write_text("no database, however long it may be, is made of words like these" * 20)
    assert problem(f"sqlite:///{tmp_path}/text", "SELECT 1 FROM t").problem is Problem.CONFIGURATION


def test_a_user_without_rights(postgres: Postgres) -> None:
    name = postgres.create()
    run(postgres.url(name), "CREATE TABLE t (number integer)", "CREATE ROLE poor LOGIN")
    error = problem(postgres.url(name).replace("tsunagari@", "poor@"), "SELECT number FROM t")
    assert (error.problem, error.permanent) == (Problem.PERMISSION, True)
    run(postgres.url(name), "DROP ROLE poor")
    postgres.drop(name)


def silenced(relay: Relay, url: str) -> None:
    with database(url, 0.5) as opened:
        relay.silence()
        list(opened.rows("SELECT 1"))


def test_a_server_that_falls_silent(postgres: Postgres) -> None:
    with Relay(postgres.port) as relay:
        url = postgres.url("postgres").replace(str(postgres.port), str(relay.port))
        with pytest.raises(SipError) as caught:
            silenced(relay, url)
    assert (caught.value.problem, caught.value.permanent) == (Problem.TIMEOUT, False)


@pytest.mark.parametrize("name", ["location", "public.location", "_x9"])
def test_names(name: str) -> None:
    assert identifier(name, schema=True) == name


@pytest.mark.parametrize("name", ["", "a b", "a;b", 'a"b', "a.b.c", "1a", "a--", "ä", "a" * 64, ".a"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(SipError) as caught:
        identifier(name, schema=True)
    assert caught.value.problem is Problem.CONFIGURATION
    with pytest.raises(SipError):
        identifier("public.location")
