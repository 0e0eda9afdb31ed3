"""A TCP proxy in front of a real server, for what happens between two machines, or to one of them."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_CHUNK = 65536
Address = tuple[str, int]
Change = Callable[[bytes], tuple[bytes, bool]]
"""What is handed on instead of a piece, and whether the connection goes on."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What becomes of answers: everything passes unless something is said."""

    refuse: bool = False
    """Nothing listens."""
    hang: bool = False
    """Nothing passes, in either direction, and no connection ends."""
    delay: float = 0.0
    """Seconds for which every piece of an answer is kept back."""
    cut_after: int | None = None
    """The connection ends after so many bytes of an answer."""
    rubbish: bytes | None = None
    """This comes instead of an answer."""
    stall_on: bytes = b""
    """From the first request that holds this on, a connection hangs."""


PASS = Mode()


class Proxy:
    """Listens on a port of its own; what it does may be changed while it runs, and open connections are then ended."""

    def __init__(self, target: Address, *, counts: bytes = b"") -> None:
        self._target = target
        self._counts = counts
        self.counted = 0
        """Requests that held `counts`."""
        self.hung = 0
        """Connections that somebody opened in vain while it hangs."""
        self._mode = PASS
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.stalled = threading.Event()
        """Set once a request was stalled."""
        self.port: int = self._listener.getsockname()[1]

    def become(self, mode: Mode, target: Address | None = None) -> None:
        """From now on do this, maybe in front of another server."""
        before, self._mode, self._target = self._mode, mode, target or self._target
        self.stalled.clear()
        if mode.refuse and not before.refuse:
            self._close()
            # Bound and not listening: the port stays ours, and whoever comes is refused.
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", self.port))
        elif before.refuse and not mode.refuse:
            self._listener.listen(128)
            self._start()
        self._end_all()

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._close()
        self._end_all()

    def _accept(self, listener: socket.socket) -> None:
        while not self._over.is_set():
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._hold(near)
            self.hung += self._mode.hang
            threading.Thread(target=self._serve, args=(near, self._mode), daemon=True).start()

    def _serve(self, near: socket.socket, mode: Mode) -> None:
        if mode.hang:
            return
        try:
            far = socket.create_connection(self._target, timeout=30)
        except OSError:
            self._end(near)
            return
        self._hold(far)
        asked = threading.Thread(target=self._pump, args=(near, far, lambda data: self._asked(data, mode)), daemon=True)
        asked.start()
        self._pump(far, near, _answers(mode, self._over))

    def _asked(self, data: bytes, mode: Mode) -> tuple[bytes, bool]:
        self.counted += bool(self._counts) and self._counts in data
        if mode.stall_on and mode.stall_on in data:
            self.stalled.set()
            self._over.wait(60)
            return b"", False
        return data, True

    def _pump(self, source: socket.socket, sink: socket.socket, change: Change) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                changed, more = change(data)
                sink.sendall(changed)
                if not more:
                    break
        self._end(source)
        self._end(sink)

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)

    def _end(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def _end_all(self) -> None:
        with self._lock:
            ended, self._open = self._open, set()
        for sock in ended:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def _answers(mode: Mode, over: threading.Event) -> Change:
    """What becomes of the pieces of one connection's answers."""
    came = 0

    def change(data: bytes) -> tuple[bytes, bool]:
        nonlocal came
        if mode.delay:
            over.wait(mode.delay)
        if mode.rubbish is not None:
            return mode.rubbish, True
        if mode.cut_after is None:
            return data, True
        left, came = mode.cut_after - came, came + len(data)
        return data[:left], came < mode.cut_after

    return change
