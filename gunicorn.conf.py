"""How gunicorn serves the portal: the README, the demo and the tests all start it in this folder.

Why so: docs/architecture.md, "The web server". `GUNICORN_CMD_ARGS` and the command line win over what stands here;
`WEB_CONCURRENCY` is the number of processes.
"""

import os
import socket
import struct
from typing import Any

REQUEST_SECONDS = int(os.environ.get("REQUEST_SECONDS", "20"))
"""How long a browser may keep a thread waiting for its next bytes: half a request would hold one for ever."""

worker_class = "gthread"
threads = 8
# A page of 100 lines tells in each poll what it shows.
limit_request_line = 8190
# Longer than the longest pause between two polls of a page: an open page keeps its connection.
keepalive = 20
worker_connections = 12_000
backlog = 2048


def when_ready(server: Any) -> None:
    """gunicorn itself waits for the rest of a request without end. Connections take the limits of their listener."""
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", REQUEST_SECONDS, 0))
