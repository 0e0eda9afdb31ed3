"""One short visit to a SIP server's own database, PostgreSQL or SQLite; every mishap is a SipError."""

import contextlib
import math
import os
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg.adapt import Buffer, Loader

from workers.sip.base import Problem, SipError
from workers.sip.copying import pieces

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_BATCH = 5000
_COLUMNS = b"SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
# bigint, smallint, integer, text, bpchar, varchar: as text they are what they are.
_COPIED = frozenset((20, 21, 23, 25, 1042, 1043))
_STATES = {
    "28": Problem.CREDENTIALS,
    "42501": Problem.PERMISSION,
    "25006": Problem.PERMISSION,
    "42P01": Problem.TABLE_MISSING,
    "3F000": Problem.TABLE_MISSING,
    "42703": Problem.TABLE_MISSING,
    "3D000": Problem.CONFIGURATION,
    "57P03": Problem.LOADING,
    "57014": Problem.TIMEOUT,
    "55P03": Problem.TIMEOUT,
}
_CONNECT_WORDS = (
    ("password authentication failed", Problem.CREDENTIALS),
    ("no password supplied", Problem.CREDENTIALS),
    ("pg_hba.conf", Problem.PERMISSION),
    ("does not exist", Problem.CONFIGURATION),
    ("starting up", Problem.LOADING),
    ("timeout", Problem.TIMEOUT),
    ("refused", Problem.REFUSED),
    ("no such file", Problem.REFUSED),
    ("ssl", Problem.TLS),
    ("certificate", Problem.TLS),
)
_SQLITE_WORDS = (
    ("no such table", Problem.TABLE_MISSING),
    ("no such column", Problem.TABLE_MISSING),
    ("locked", Problem.TIMEOUT),
    ("readonly", Problem.PERMISSION),
    ("unable to open", Problem.CONFIGURATION),
    ("not a database", Problem.CONFIGURATION),
)
_PASSING = frozenset((Problem.LOADING, Problem.TIMEOUT, Problem.REFUSED, Problem.NO_ROUTE, Problem.FAULT))


def identifier(name: str, *, schema: bool = False) -> str:
    """`name` if it may stand in a statement as it is: a table's (`schema`: also schema.table) or a column's.

    Raises SipError(CONFIGURATION).
    """
    parts = name.split(".") if schema else [name]
    if len(parts) > 2 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        raise SipError(Problem.CONFIGURATION, "a table or column name that is none", permanent=True)
    return name


class Database(Protocol):
    """An open connection. Statements mark bound values by ``?``; names in them have gone through `identifier`.

    Every method raises SipError, and nothing else, for whatever the database does.
    """

    def columns(self, table: str) -> frozenset[str]:
        """The names of the table's columns, in lower case. Raises SipError(TABLE_MISSING)."""

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as they come from the server; what is no UTF-8 in a text is replaced."""

    def copy(self, query: str, take: Callable[[bytes], object]) -> bool:
        """Give the rows of a query to `take`, many at a time, as PostgreSQL's COPY writes them, with nothing for NULL;
        False for no text.

        It is none at SQLite, and for columns that hold local times, whose text says nothing that could be relied on.
        """

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run a statement; how many rows it touched."""


@contextlib.contextmanager
def database(url: str, timeout: float, *, read_only: bool = False) -> Iterator[Database]:
    """The database at `url` (postgresql://…, sqlite:///path), for at most `timeout` seconds; commits at the end.

    Raises SipError.
    """
    scheme = url.partition(":")[0]
    if scheme in {"postgresql", "postgres"}:
        with _postgres(url, timeout, read_only=read_only) as opened:
            yield opened
    elif scheme == "sqlite":
        with _sqlite(url, timeout, read_only=read_only) as opened:
            yield opened
    else:
        raise SipError(Problem.CONFIGURATION, "the database URL must be postgresql://… or sqlite:///…", permanent=True)


class _Lenient(Loader):
    """Text as phones wrote it: a database in SQL_ASCII hands on any bytes."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", errors="replace")


class _Postgres:
    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    def columns(self, table: str) -> frozenset[str]:
        # Not by selecting: who may overwrite a password need not be allowed to read one.
        found = self._connection.execute(_COLUMNS, [identifier(table, schema=True)])
        names = frozenset(str(name).lower() for (name,) in found)
        if not names:
            raise SipError(Problem.TABLE_MISSING, f"no table {table}", permanent=True)
        return names

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor(name="tsunagari") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(_marked(query), values)
            yield from cursor

    def copy(self, query: str, take: Callable[[bytes], object]) -> bool:
        described = self._connection.execute(f"{query} LIMIT 0".encode()).description or ()
        if any(column.type_code not in _COPIED for column in described):
            return False
        for piece in pieces(self._connection.pgconn, f"COPY ({query}) TO STDOUT WITH (NULL '')".encode()):
            take(piece)
        return True

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        return self._connection.execute(_marked(statement), values).rowcount


@contextlib.contextmanager
def _postgres(url: str, timeout: float, *, read_only: bool) -> Iterator[_Postgres]:
    expired = threading.Event()
    try:
        connection = psycopg.connect(url, connect_timeout=max(2, math.ceil(timeout)), application_name="tsunagari")
    except psycopg.Error as error:
        raise _connect_problem(error) from None
    try:
        with connection, _watched(connection.fileno(), timeout, expired):
            connection.read_only = read_only
            for name in ("text", "varchar", "bpchar"):
                connection.adapters.register_loader(name, _Lenient)
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(math.ceil(timeout * 1000))])
            yield _Postgres(connection)
    except psycopg.Error as error:
        if expired.is_set():
            raise SipError(Problem.TIMEOUT, "the database did not answer in time") from None
        raise _postgres_problem(error) from None


@contextlib.contextmanager
def _watched(descriptor: int, timeout: float, expired: threading.Event) -> Iterator[None]:
    """Cut the connection after `timeout` seconds: psycopg itself waits for a frozen server for ever."""

    def cut() -> None:
        expired.set()
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as sock:
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _marked(query: str) -> bytes:
    return query.replace("?", "%s").encode()


def _connect_problem(error: psycopg.Error) -> SipError:
    # Never the text itself: libpq quotes what it could not parse, and that may be a password.
    text = str(error).lower()
    problem = next((problem for word, problem in _CONNECT_WORDS if word in text), Problem.NO_ROUTE)
    if not isinstance(error, psycopg.OperationalError):
        problem = Problem.CONFIGURATION
    return SipError(problem, "no connection to the database", permanent=problem not in _PASSING)


def _postgres_problem(error: psycopg.Error) -> SipError:
    state = error.sqlstate or ""
    problem = _STATES.get(state) or _STATES.get(state[:2]) or Problem.FAULT
    return SipError(problem, error.diag.message_primary or "the database failed", permanent=problem not in _PASSING)


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def columns(self, table: str) -> frozenset[str]:
        cursor = self._connection.execute(f"SELECT * FROM {identifier(table, schema=True)} LIMIT 0")  # noqa: S608  checked name
        return frozenset(column[0].lower() for column in cursor.description or ())

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        yield from self._connection.execute(query, tuple(values))

    def copy(self, query: str, take: Callable[[bytes], object]) -> bool:  # noqa: ARG002  the protocol's signature
        return False

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        return self._connection.execute(statement, tuple(values)).rowcount


@contextlib.contextmanager
def _sqlite(url: str, timeout: float, *, read_only: bool) -> Iterator[_Sqlite]:
    path = unquote(urlsplit(url).path)[1:]
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode={'ro' if read_only else 'rw'}", uri=True, timeout=timeout
        )
        with contextlib.closing(connection), connection:
            connection.text_factory = lambda data: cast("bytes", data).decode("utf-8", errors="replace")
            yield _Sqlite(connection)
    except sqlite3.Error as error:
        raise _sqlite_problem(error) from None


def _sqlite_problem(error: sqlite3.Error) -> SipError:
    problem = next((problem for word, problem in _SQLITE_WORDS if word in str(error)), Problem.FAULT)
    return SipError(problem, str(error), permanent=problem not in _PASSING)
