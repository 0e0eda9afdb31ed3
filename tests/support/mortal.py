"""A client of Redis that dies at a command of the test's choice, as a worker that is killed does."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from redis import Connection, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.retry import Retry


class DiedError(BaseException):
    """The process is gone: nothing that it would do afterwards reaches Redis."""


class Moment(Enum):
    """Where in a command the process dies."""

    BEFORE = auto()
    HALF = auto()
    """Redis has got half of what was sent."""
    AFTER = auto()
    """Redis has carried it out, and nobody reads its answer."""


@dataclass
class Life:
    """How many things the client has sent, and at which it dies; `meanwhile` runs before each of them."""

    until: int | None = None
    moment: Moment = Moment.BEFORE
    meanwhile: Callable[[int], None] = lambda _sent: None
    sent: int = 0
    begun: bool = False
    over: bool = False
    counting: threading.Lock = field(default_factory=threading.Lock)

    def is_last(self) -> bool:
        """Count one more; whether it is the one that the client dies at. Raises ConnectionError where it is dead."""
        if self.over:
            # What tidies up must not make a noise about it.
            raise LostError
        with self.counting:
            number, self.sent = self.sent, self.sent + 1
        self.meanwhile(number)
        if number == self.until:
            self.over = True
        return number == self.until


class _Mortal(Connection):
    life: Life
    greeting = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        sock: socket.socket | None = self._sock
        if sock is None and not self.greeting:
            self.greeting = True
            self.connect()  # type: ignore[no-untyped-call] # the client's own
            self.greeting = False
        if self.greeting or not self.life.begun or not self.life.is_last():
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call] # the same
            return
        whole = b"".join([command] if isinstance(command, bytes) else list(command))
        if self.life.moment is not Moment.BEFORE:
            self._send(whole if self.life.moment is Moment.AFTER else whole[: len(whole) // 2])
        self.disconnect()  # type: ignore[no-untyped-call] # the same
        raise DiedError

    def _send(self, data: bytes) -> None:
        """Send, and return when Redis has dealt with it: it closes what it has read to the end."""
        sock: socket.socket | None = self._sock
        assert sock is not None
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def mortal(url: str, life: Life) -> "Redis":
    """A client that lives `life`, from its first command on: connecting does not count."""
    named = type("Mortal", (_Mortal,), {"life": life})
    once = Retry(NoBackoff(), 0)
    client = Redis(connection_pool=ConnectionPool.from_url(url, connection_class=named, socket_timeout=10, retry=once))
    client.ping()
    life.begun = True
    return client
