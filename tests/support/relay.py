"""A way to a server that can fall silent in the middle."""

import socket
import threading


class Relay:
    """Passes bytes on to a server until it is told to fall silent, or until the server has said `last`."""

    def __init__(self, port: int, last: bytes = b"") -> None:
        self._target = port
        self._last = last
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._silent = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.port: int = self._listener.getsockname()[1]

    def silence(self) -> None:
        """From now on nothing comes through, and nothing is closed."""
        self._silent.set()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        self._sockets = [client, server]
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        self._threads.append(back)
        back.start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._last and self._last in data:
                    sink.sendall(data[: data.index(self._last) + len(self._last)])
                    self.silence()
                if not self._silent.is_set():
                    sink.sendall(data)
        except OSError:
            return

    def __enter__(self) -> "Relay":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets:
            sock.shutdown(socket.SHUT_RDWR) if sock.fileno() >= 0 else None
        for thread in self._threads:
            thread.join(5)
        for sock in (*self._sockets, self._listener):
            sock.close()
