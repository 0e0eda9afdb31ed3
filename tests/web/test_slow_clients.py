"""Who sends half a request, or reads nothing, keeps nobody else waiting for long."""

import http.client
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.support.databases import Databases, settings
from tests.support.web import LiveServer

_THREADS = 8


def test_half_requests_hold_every_thread_for_a_while_only(databases: Databases, redis_url: str, tmp_path: Path) -> None:
    environ = settings(databases.migrated("sqlite"), redis_url) | {"REQUEST_SECONDS": "1"}
    server = LiveServer(environ, tmp_path)
    server.start()
    with ExitStack() as parts:
        parts.callback(server.close)
        for _ in range(_THREADS):
            half = parts.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            half.sendall(b"GET /login HTTP/1.1\r\nX: ")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/login")
        assert connection.getresponse().status == 200
        connection.close()
