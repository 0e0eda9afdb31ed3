"""A real TCP server of one script, for what no well-behaved server would do."""

import contextlib
import functools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Self

Script = Callable[["Peer"], None]


class Peer:
    """One accepted connection, as a script sees it."""

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self.sock = sock
        self._over = over

    def request(self) -> bytes:
        """One whole HTTP request; b"" when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := self.sock.recv(65536)):
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        return head + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        self.sock.sendall(data)

    def hang(self) -> None:
        """Keep the connection open until the test is over."""
        self._over.wait(30)

    def drip(self, data: bytes, pause: float) -> None:
        """Write `data` byte by byte, `pause` seconds apart, until the test is over."""
        for octet in data:
            self.send(bytes((octet,)))
            if self._over.wait(pause):
                return


class ScriptedServer:
    """Runs the next of its scripts for each connection that it accepts; the last one for all further ones."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = iter(scripts)
        self._tls = tls
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.accepted = 0
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        script = next(self._scripts)
        for sock in self._connections():
            self.accepted += 1
            self._start(functools.partial(self._run, sock, script))
            script = next(self._scripts, script)

    def _connections(self) -> Iterator[socket.socket]:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            yield sock

    def _run(self, sock: socket.socket, script: Script) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(30)
            if self._tls is None:
                script(Peer(sock, self._over))
                return
            with self._tls.wrap_socket(sock, server_side=True) as secured:
                script(Peer(secured, self._over))
