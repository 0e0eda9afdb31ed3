"""Transports that read what is there already: the real framing code, without a server."""

import socket
from typing import cast

from tests.fuzz.case import Reading
from workers.sip.base import Endpoint
from workers.sip.http import HttpClient, _Connection, _Wire
from workers.sip.stream import Deadline, Stream

ROOM = 1_000_000
"""Bytes that an answer may have here."""
_PIECE = 997


class _Fed:
    """A socket of which a Stream reads `data` in pieces, and then its end."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter([data[at : at + _PIECE] for at in range(0, len(data), _PIECE)])

    def settimeout(self, seconds: float) -> None:
        """All is there."""

    def recv(self, _size: int) -> bytes:
        """The next piece."""
        return next(self._pieces, b"")

    def sendall(self, data: bytes) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing is open."""


def stream_of(data: bytes) -> Stream:
    """A stream in which `data` comes, and then the end."""
    return Stream(cast("socket.socket", _Fed(data)), Deadline(600), ROOM)


_CLIENT = HttpClient(Endpoint("http://127.0.0.1:1/RPC", "x.test", timeout=600, size_limit=ROOM))


class _Dialled(_Connection):
    """A connection to a server that has answered before it was asked."""

    wire: _Wire

    def _new_conn(self) -> socket.socket:
        return self.wire


def posted(answer: bytes) -> Reading:
    """What HttpClient makes of the bytes of an answer: its status and its body. Raises SipError."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        connection = _Dialled("127.0.0.1", 1)
        connection.wire = _Wire(fileno=ours.detach())
        _CLIENT._connection = connection
        with _CLIENT:
            return Reading(told=_CLIENT.post(b"{}"))
