"""Ports that nobody uses, so that suites and demos run side by side."""

import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

_FIRST, _LAST, _APART = 10_000, 32_000, 20
"""Below the ports that the kernel gives to connections, and far enough apart for who takes the next ones too."""
_KEPT = 64
_folder = Path(tempfile.gettempdir()) / f"tsunagari-ports-{os.getuid()}"
_held: deque[int] = deque()
"""Open locks. Those of long ago are given back: whoever asked listens by now, or is gone."""


def free_port() -> int:
    """A port of 127.0.0.1 that is free for TCP and UDP, and that no other process of a suite is given meanwhile."""
    _folder.mkdir(exist_ok=True)
    while True:
        port = random.randrange(_FIRST, _LAST, _APART)
        lock = os.open(_folder / str(port), os.O_CREAT | os.O_RDWR)
        if _is_locked(lock) and is_free(port):
            _held.append(lock)
            while len(_held) > _KEPT:
                os.close(_held.popleft())
            return port
        os.close(lock)


def _is_locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(port: int) -> bool:
    """Whether nobody listens there, neither by TCP nor by UDP."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        # Old connections may linger; only a listener is in the way.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
