"""The rows of PostgreSQL's COPY, many at a time: one by one they cost more than the database needs to write them."""

import select
from collections.abc import Iterator

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

_ROWS = 250


def pieces(connection: pq.abc.PGconn, command: bytes) -> Iterator[bytes]:
    """What a ``COPY … TO STDOUT`` writes, by some hundred whole rows. Raises psycopg.Error.

    Whoever is not ready to wait for ever for a database that hangs closes its socket meanwhile.
    """
    started = connection.exec_(command)
    if started.status != pq.ExecStatus.COPY_OUT:
        raise error_from_result(started)
    rows: list[bytes | memoryview] = []
    while (found := connection.get_copy_data(1))[0] >= 0:
        if found[0]:
            rows.append(found[1])
            if len(rows) < _ROWS:
                continue
        else:
            _more(connection)
        yield b"".join(rows)
        rows = []
    yield b"".join(rows)
    _end(connection)


def _end(connection: pq.abc.PGconn) -> None:
    """Take what comes after the last row. Raises psycopg.Error."""
    failed = None
    try:
        # To the very last: until then the connection can do nothing else.
        while (ended := _result(connection)) is not None:
            if ended.status != pq.ExecStatus.COMMAND_OK:
                failed = failed or ended
    except psycopg.Error:
        # A server that ends says why before it closes.
        if failed is None:
            raise
    if failed is not None:
        raise error_from_result(failed)


def _result(connection: pq.abc.PGconn) -> pq.abc.PGresult | None:
    # `get_result` itself would wait, and hold the interpreter meanwhile: nobody could close the socket then.
    while connection.is_busy():
        _more(connection)
    return connection.get_result()


def _more(connection: pq.abc.PGconn) -> None:
    """Wait for more."""
    poller = select.poll()
    poller.register(connection.socket, select.POLLIN)
    poller.poll()
    connection.consume_input()
