"""COPY out of a real PostgreSQL, many rows at a time: whole rows, all of them, and what goes wrong on the way."""

import psycopg
import pytest
from psycopg import pq

from tests.support.postgres import Postgres
from tests.support.relay import Relay
from workers.sip.base import Problem, SipError
from workers.sip.copying import pieces
from workers.sip.sql import database


def copied(postgres: Postgres, query: str) -> list[bytes]:
    with psycopg.connect(postgres.url("postgres")) as connection:
        found = list(pieces(connection.pgconn, f"COPY ({query}) TO STDOUT".encode()))
        # It is as usable as before.
        assert connection.execute("SELECT 1").fetchone() == (1,)
    return found


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 5000])
def test_all_rows_come_in_their_order(postgres: Postgres, count: int) -> None:
    found = copied(postgres, f"SELECT n, 'x' FROM generate_series(1, {count}) AS s(n) ORDER BY n")
    assert b"".join(found) == b"".join(b"%d\tx\n" % number for number in range(1, count + 1))
    assert all(piece.endswith(b"\n") for piece in found if piece)


def test_rows_longer_than_any_buffer(postgres: Postgres) -> None:
    found = copied(postgres, "SELECT repeat('é', 300000) FROM generate_series(1, 3)")
    assert b"".join(found) == ("é" * 300_000 + "\n").encode() * 3


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT * FROM nowhere", psycopg.errors.UndefinedTable),
        ("SELECT 1 / (5000 - n) FROM generate_series(1, 9000) AS s(n)", psycopg.errors.DivisionByZero),
    ],
)
def test_an_error_at_the_start_or_on_the_way(postgres: Postgres, query: str, error: type[psycopg.Error]) -> None:
    with psycopg.connect(postgres.url("postgres")) as connection:
        with pytest.raises(error):
            list(pieces(connection.pgconn, f"COPY ({query}) TO STDOUT".encode()))
        assert connection.info.transaction_status is not pq.TransactionStatus.ACTIVE


def test_what_is_no_copy(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres")) as connection, pytest.raises(psycopg.Error):
        list(pieces(connection.pgconn, b"SELECT 1"))


def taken(url: str, query: str, timeout: float = 5.0) -> list[bytes]:
    found: list[bytes] = []
    with database(url, timeout, read_only=True) as opened:
        assert opened.copy(query, found.append)
    return found


def test_a_table_that_takes_too_long(postgres: Postgres) -> None:
    with pytest.raises(SipError) as caught:
        taken(postgres.url("postgres"), "SELECT n, pg_sleep(n)::text FROM generate_series(1, 9) AS s(n)", 0.3)
    assert caught.value.problem is Problem.TIMEOUT


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(b"H\0\0\0", id="before the first row"),
        pytest.param(b"2500\n", id="between rows"),
        pytest.param(b"5000\n", id="before the end of the rows"),
        pytest.param(b"c\0\0\0\4", id="before the end of the command"),
        pytest.param(b"COPY 5000\0", id="before it is ready for another"),
    ],
)
def test_a_server_that_falls_silent(postgres: Postgres, last: bytes) -> None:
    with Relay(postgres.port, last) as relay:
        url = postgres.url("postgres").replace(str(postgres.port), str(relay.port))
        with pytest.raises(SipError) as caught:
            taken(url, "SELECT n FROM generate_series(1, 5000) AS s(n)", 0.5)
    assert caught.value.problem is Problem.TIMEOUT


def test_a_backend_that_is_ended(postgres: Postgres) -> None:
    """It says why before it closes: that is what an operator is told."""
    with pytest.raises(SipError) as caught:
        taken(
            postgres.url("postgres"), "SELECT pg_terminate_backend(pg_backend_pid())::text FROM generate_series(1, 2)"
        )
    assert (caught.value.problem, caught.value.detail) == (
        Problem.FAULT,
        "terminating connection due to administrator command",
    )


def test_an_error_on_the_way_is_told_by_its_kind(postgres: Postgres) -> None:
    with pytest.raises(SipError) as caught:
        taken(postgres.url("postgres"), "SELECT 1 / (5000 - n) FROM generate_series(1, 9000) AS s(n)")
    assert (caught.value.problem, caught.value.detail) == (Problem.FAULT, "division by zero")


def test_whoever_takes_the_rows_may_fail(postgres: Postgres) -> None:
    def refuse(_piece: bytes) -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"), database(postgres.url("postgres"), 5, read_only=True) as opened:
        opened.copy("SELECT n FROM generate_series(1, 100000) AS s(n)", refuse)
